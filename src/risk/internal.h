/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of this folder share and nobody else sees. */
#ifndef HOLDFAST_RISK_INTERNAL_H
#define HOLDFAST_RISK_INTERNAL_H

#include <stdatomic.h>

#include "net/ip_range.h"
#include "risk/risk.h"
#include "risk/rules.h"
#include "risk/scorer.h"

struct risk {
    struct risk_options options;
    struct risk_rules *rules;   /* NULL: none are configured */
    struct risk_scorer *scorer; /* NULL: none is */
    atomic_bool off;            /* as this instance saw it last */
};

/* ---- rules.c ---- */

/* What a dimension is for this payment; "" when it is not known. */
const char *risk_value(const struct risk_facts *facts, enum risk_by by);

/* ---- fold.c ---- */

/* What a payment is counted and listed by, in the one spelling that stands for all of them. */
struct folded {
    struct risk_facts facts;
    char email[RISK_VALUE_BYTES_MAX + 1], ip[IP_TEXT_CHARS_MAX];
};
/* An address of e-mail without capital letters of ASCII, as stored entries have it. */
void fold_email(const char *email, char ret_email[RISK_VALUE_BYTES_MAX + 1]);
/* Borrowed from `room` and from the facts; an ip that is no address stays as it is. */
const struct risk_facts *fold_facts(const struct risk_facts *facts, struct folded *room);

/* ---- counters.c ---- */

/* Moves the counters of this payment. */
MUST_USE int counters_move(const struct risk *risk, struct store_tx *tx,
                           const struct risk_facts *facts, struct err *err);
/* What is stored about it: how far its counters have moved, the lists it is on, the switch. One
 * statement. */
MUST_USE int counters_see(const struct risk *risk, struct store_tx *tx,
                          const struct risk_facts *facts, struct risk_seen *ret_seen, bool *ret_off,
                          struct err *err);

/* ---- lists.c ---- */

/* Networks are kept apart from addresses, so that these are found at once. Stored. */
enum { LISTED_NETWORK = 6 };
/* How a payment's address is compared: 32 hexadecimal digits; false: it is no address. */
MUST_USE bool list_address(const char *ip, char ret_hex[33]);
/* Takes the entry if none with a smaller id is there. */
void list_take(struct risk_seen *seen, int64_t list, int64_t dimension, const char *id,
               const char *reason);

#endif
