/* SPDX-License-Identifier: Apache-2.0
 * explain_impl.h: what the files of the support desk's look-up share. */
#ifndef HOLDFAST_INCIDENT_EXPLAIN_IMPL_H
#define HOLDFAST_INCIDENT_EXPLAIN_IMPL_H

#include <stdio.h>

#include "incident/explain.h"
#include "payment/rows.h"

enum { EXPLAIN_BYTES_MAX = 1024 * 1024, EXPLAIN_IDS_MAX = 20 };

struct explain_look {
    const struct explain_options *options;
    const char *query;
    int limit;
    struct buf *buf;
};
struct explain_ids {
    char list[EXPLAIN_IDS_MAX][80];
    int count;
};
static inline void explain_list_add(struct explain_ids *ids, const char *id) {
    if (ids->count < EXPLAIN_IDS_MAX) {
        snprintf(ids->list[ids->count++], sizeof ids->list[0], "%.79s", id);
    }
}

struct explain_case { /* one payment */
    const struct explain_look *look;
    struct arena *arena;
    struct payment_row payment;
    struct explain_evidence evidence;
    enum explain_situation situation;
    int64_t refund_minor; /* of the newest refund that is not done */
    char case_id[80];     /* of money that came twice or late; "" */
    struct explain_ids cases, breaks, tickets;
};
/* explain.c: what is known of it, in the caller's transaction. */
MUST_USE int explain_gather(struct explain_case *one, struct store_tx *tx, struct arena *arena,
                            const char *id, struct err *err);
/* explain_render.c */
MUST_USE int explain_render(struct explain_case *one, struct store_tx *tx, struct buf *buf,
                            struct err *err);
/* explain_acts.c: the array of what may be done. */
void explain_acts(const struct explain_case *one, struct buf *buf);

/* What a customer hears besides, while an incident covers his payment. */
#define EXPLAIN_BESIDES_EN                                                                         \
    "There is trouble with this way to pay at the moment, and we are working on it."
#define EXPLAIN_BESIDES_ZH "该支付方式目前出现问题，我们正在处理。"

#endif
