/* SPDX-License-Identifier: Apache-2.0
 * shelf_impl.h: rows of statements, as pages and files of them are read. */
#ifndef HOLDFAST_RECON_SHELF_IMPL_H
#define HOLDFAST_RECON_SHELF_IMPL_H

#include "match/match.h"
#include "store/store.h"

enum { SHELF_CLASS_ANY = -1, SHELF_CLASS_NONE = 0 /* no run has seen it */ };
/* "": any; "none"; false: there is none of that name. */
MUST_USE bool shelf_class_parse(const char *name, int64_t *ret_class);
/* ERR_NOT_FOUND: there is no such statement. */
MUST_USE int shelf_has(struct store_tx *tx, const char *id, struct err *err);

/* Of ours that a row was put together with, the first one: its posting. */
#define ROW_QUERY                                                                                  \
    "SELECT r.number, r.line, r.kind, r.status, r.currency, r.gross_minor, r.fee_minor, "          \
    "r.net_minor, r.at_us, r.gateway_id, r.reference, r.original_id, r.original_reference, "       \
    "r.batch, r.method, r.native_kind, r.description, r.account, r.party, m.class, m.rule, "       \
    "m.match_id, m.run_id, (SELECT MIN(o.id) FROM movement o WHERE o.match_id = m.match_id AND "   \
    "o.match_id <> '' AND o.side = 1) FROM statement_row r LEFT JOIN movement m ON m.side = 2 "    \
    "AND m.id = r.statement_id || '#' || CAST(r.number AS text) WHERE r.statement_id = $1 AND "    \
    "r.number > $2 AND ($3 < 0 OR COALESCE(m.class, 0) = $3) ORDER BY r.number LIMIT $4"

#endif
