/* SPDX-License-Identifier: Apache-2.0
 * break_desk_impl.h: what the files behind break_desk.h share. */
#ifndef HOLDFAST_RECON_BREAK_DESK_IMPL_H
#define HOLDFAST_RECON_BREAK_DESK_IMPL_H

#include "recon/break_desk.h"
#include "recon/breaks_impl.h"
#include "recon/recon_impl.h"

/* A filter, checked, as the statements take it. */
struct break_asked {
    const char *gateway, *currency, *payment_id, *owner, *like, *word;
    int64_t class, risk, state, unowned, amount_min, amount_max, from_us, until_us;
    bool live;
    enum break_sort sort;
    char after_id[ID_TEXT_MAX]; /* "" on the first page */
    int64_t after_key;
    int limit;
};
/* Inside a transaction, since names of people are looked up. ERR_VALIDATION with the parameter. */
MUST_USE int break_ask(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                       const struct break_filter *filter, int64_t now_us,
                       struct break_asked *ret_asked, struct err *err);
/* A cursor over the rows that fit, at most `limit`; break_row_read() reads them. */
MUST_USE int break_query(struct store_tx *tx, const struct break_asked *asked, int limit,
                         struct sql_rows **ret_rows, struct err *err);
MUST_USE int break_count(struct store_tx *tx, const struct break_asked *asked, int64_t *ret_count,
                         struct err *err);
/* `,"totals":{…}` */
MUST_USE int break_totals(struct store_tx *tx, const struct break_asked *asked, int64_t now_us,
                          struct buf *buf, struct err *err);
/* What the filter's sort goes by. */
int64_t break_sort_key(enum break_sort sort, const struct break_row *row);

/* "user:usr_…" of whoever stands behind the caller; "" for nobody. */
MUST_USE int break_person(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                          const char **ret_person, struct err *err);
/* "ann", "usr_…", "me" → "user:usr_…"; "team:NAME" stays. ERR_VALIDATION at `place`. */
MUST_USE int break_owner(struct store_tx *tx, struct arena *arena, const struct caller *caller,
                         const char *name, const char *place, const char **ret_owner,
                         struct err *err);

/* One break; `whole`: with members and history. */
MUST_USE int break_render(struct store_tx *tx, struct arena *arena, const struct break_row *row,
                          int64_t now_us, bool whole, struct buf *buf, struct err *err);

#endif
