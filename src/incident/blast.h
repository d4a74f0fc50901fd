/* SPDX-License-Identifier: Apache-2.0
 * blast.h: whom and what trouble has hit (INC-4), from its scope: orders, customers, money by
 * currency, gateways, methods and regions by share, error codes, the course of it, what came first
 * and what was changed just before, and what was not hit; and the list of affected orders.
 *
 * Counted from payments that were begun within the scope's time (until 0: until now), never from
 * our own probes; what became of each is a row of blast_fates.def, and is of the moment at which it
 * is looked at.
 * Threads: any. Owns: nothing. Errors: ERR_VALIDATION (times, a method that there is not),
 * ERR_TOO_LARGE, those of store.h. Limits: BLAST_US_MAX long. Memory: two megabytes, and 16 bytes
 * an affected payment. How long it takes: docs/resolve-gate.md. Never on a payment's way. */
#ifndef HOLDFAST_INCIDENT_BLAST_H
#define HOLDFAST_INCIDENT_BLAST_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/sheet.h"
#include "incident/scope.h"
#include "store/store.h"

#define BLAST_US_MAX (INT64_C(31) * 24 * 3600 * US_PER_SECOND)
enum {
    BLAST_NAMES_MAX = 100,    /* of gateways, regions, …; the rest is "other" */
    BLAST_CODES_MAX = 20,
    BLAST_POINTS_MAX = 1440,  /* of the course; a point is a minute, or more of a long time */
    BLAST_EXPORT_MAX = 50000, /* rows of one file */
    BLAST_BYTES_MAX = 1024 * 1024,
};

enum blast_fate {
#define X(NAME, number, name, affected, money, what, what_zh, sql) BLAST_##NAME = (number),
#include "incident/blast_fates.def"
#undef X
    BLAST_FATES
};
const char *blast_fate_name(int64_t fate); /* "?" for none */

/* One object (api/openapi.yaml: BlastRadius). */
MUST_USE int blast_take(struct store *store, const struct incident_scope *scope, struct buf *buf,
                        struct err *err);
/* The affected orders, a row a payment, oldest first, with a total for each currency. ERR_TOO_LARGE
 * when there are more than BLAST_EXPORT_MAX; then no file is made. */
MUST_USE int blast_export(struct store *store, const struct incident_scope *scope,
                          enum sheet_format format, struct buf *buf, struct err *err);

#endif
