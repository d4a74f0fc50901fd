/* SPDX-License-Identifier: Apache-2.0
 * blast_impl.h: what the files of the blast radius share. */
#ifndef HOLDFAST_INCIDENT_BLAST_IMPL_H
#define HOLDFAST_INCIDENT_BLAST_IMPL_H

#include "incident/blast.h"
#include "incident/gate_impl.h"

/* Around the CASE that is made from blast_fates.def: each payment begun in the time, whether it is
 * inside of the scope, and its fate; with 100 added when that is one of the affected. */
#define BLAST_PAYMENTS                                                                             \
    "(SELECT p.id, p.order_id, p.customer_id, p.created_us, p.gateway, p.method, "                 \
    "p.customer_region AS region, p.currency, p.amount_minor, p.captured_minor, p.state, CASE "    \
    "WHEN " SQL_OF_SCOPE " THEN 1 ELSE 0 END AS inside, CASE"
#define BLAST_FATE(number, affected, sql) " WHEN " sql " THEN " #number " + 100 * " #affected
#define BLAST_PAYMENTS_END                                                                         \
    " END AS fate FROM payment p WHERE " SQL_BEGUN " AND p.purpose <> '100') AS b"
enum { BLAST_AFFECTED = 100 };

struct blast_look {
    struct store_tx *tx;
    const struct incident_scope *scope;
    int64_t from_us, until_us, now_us;
    struct gate_names names;
    struct gate_ids ids;
};
#define BLAST_ARGS(look)                                                                           \
    SQL_SCOPE_ARGS((look)->ids, (look)->from_us, (look)->until_us, &(look)->names)

/* Times and methods, before anything is read. */
MUST_USE int blast_check(const struct incident_scope *scope, struct blast_look *ret_look,
                         struct err *err);

/* Alerts that may be about the scope by their labels (gate_quiet.c). */
bool gate_alert_is_of_scope(const struct incident_scope *scope, const char *rule,
                            const char *labels);

/* blast_first.c: members "first" and "codes". */
MUST_USE int blast_put_codes(const struct blast_look *look, struct buf *buf, struct err *err);
MUST_USE int blast_put_first(const struct blast_look *look, struct buf *buf, struct err *err);

#endif
