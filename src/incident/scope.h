/* SPDX-License-Identifier: Apache-2.0
 * scope.h: what an incident is about: since when, until when, and where. Everything that counts for
 * an incident (blast radius, gate, who is written to) counts what its scope holds, so that all of
 * them mean the same payments.
 * Threads: any. Owns: nothing; it is a value. */
#ifndef HOLDFAST_INCIDENT_SCOPE_H
#define HOLDFAST_INCIDENT_SCOPE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"

enum {
    SCOPE_NAMES_MAX = 16, /* of each kind */
    SCOPE_NAME_CHARS_MAX = 40,
    /* ",a,b,": as a condition of a statement has it */
    SCOPE_LIST_BYTES_MAX = SCOPE_NAMES_MAX * (SCOPE_NAME_CHARS_MAX + 1) + 2,
};

/* Names of one kind, each once; none: all of them are meant. */
struct scope_names {
    int count;
    char names[SCOPE_NAMES_MAX][SCOPE_NAME_CHARS_MAX + 1]; /* of letters, digits, "-_." */
};

struct incident_scope {
    int64_t from_us;  /* wall: when it began to hurt */
    int64_t until_us; /* wall: when it stopped; 0: it has not */
    struct scope_names gateways, methods, regions, currencies;
};

/* {"gateways":["alipay-cn"],"methods":[],…}: the times are not among them. ERR_VALIDATION with the
 * place; `where` as in json.h. What is absent stays as it is. */
MUST_USE int scope_read(const json_t *object, const char *where, struct incident_scope *scope,
                        struct err *err);
void scope_write(const struct incident_scope *scope, struct buf *buf);

/* ERR_VALIDATION: a character that no name has, or no more room. Twice is once. */
MUST_USE int scope_add(struct scope_names *names, const char *name, struct err *err);
bool scope_has(const struct scope_names *names, const char *name); /* none: it has all */

/* ",alipay-cn,stripe-eu,", or "" for all, for conditions that both engines read alike:
 *   ($1 = '' OR instr($1, ',' || gateway || ',') > 0)   is SQLite's; PostgreSQL has strpos(), so
 *   ($1 = '' OR replace($1, ',' || gateway || ',', '') <> $1)   is what statements here say. */
void scope_list(const struct scope_names *names, char ret_list[SCOPE_LIST_BYTES_MAX]);

#endif
