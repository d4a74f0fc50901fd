/* SPDX-License-Identifier: Apache-2.0
 * break_desk.h: what people do with breaks: look for them, take them, decide, export.
 *
 * A write-off within the limit of its currency is done by one person; above it another one has to
 * agree (desk/desk.h: approvals; a key stands for the user it was made for). The limit is of what
 * one action writes off in a currency, so a hundred small ones are as much as one large one. Of two
 * who decide at once one has decided, and the other is told who. What closes a break in another way
 * takes back what was asked about it.
 *
 * An action is about one break, about several by their ids, or about all that a filter finds; with
 * a filter the caller says how many he saw, and it is refused when there are more or fewer by now.
 * All of them, or none: one transaction.
 * Threads: any, many at once. Owns: answers belong to the caller. Errors: what errors.def says;
 * nothing has been changed when one is returned. */
#ifndef HOLDFAST_RECON_BREAK_DESK_H
#define HOLDFAST_RECON_BREAK_DESK_H

#include "payment/payments.h"
#include "recon/breaks.h"
#include "recon/recon.h"

enum {
    BREAK_BULK_MAX = 500,
    BREAK_AGES = 5,
    BREAK_CURSOR_CHARS_MAX = 80,
};
const char *break_age_name(int64_t opened_us, int64_t now_us); /* "2-3" */

enum break_sort { SORT_RISK, SORT_OLDEST, SORT_NEWEST, SORT_AMOUNT, BREAK_SORTS };
MUST_USE bool break_sort_parse(const char *name, enum break_sort *ret_sort);

struct break_filter { /* borrowed; zeroed: all that are live, gravest first */
    const char *gateway, *class, *risk /* at least */, *age /* a name of break_ages.def */;
    const char *state; /* a name; "live"; "all" */
    const char *owner; /* a user's name or id, "team:NAME", "me", "nobody" */
    const char *currency, *payment_id;
    int64_t amount_min_minor, amount_max_minor; /* at stake; 0: any */
    const char *text; /* in ids, sentences and resolutions; an order's id or a name at the gateway
                         in whole. Case does not matter in the first */
    const char *sort, *cursor;
    int limit; /* 1..PAGE_MAX, 0: PAGE_ROWS */
};

/* {"data":[…],"next_cursor":"…"|null,"totals":{…}}: totals of all that fit, on the first page. */
MUST_USE int break_list(struct recon *recon, const struct caller *caller,
                        const struct break_filter *filter, struct answer *ret_answer,
                        struct err *err);
/* With its members and history. */
MUST_USE int break_get(struct recon *recon, const char *id, struct answer *ret_answer,
                       struct err *err);

enum break_act {
    ACT_ASSIGN, /* `owner` "" gives it back */
    ACT_WRITE_OFF,
    ACT_APPROVE,
    ACT_REJECT,
    ACT_RESOLVE,
    ACT_REOPEN,
    BREAK_ACTS
};
const char *break_act_name(enum break_act act); /* "write_off" */
MUST_USE bool break_act_parse(const char *name, enum break_act *ret_act);
struct break_action { /* borrowed */
    enum break_act act;
    const char *const *ids;
    int id_count;
    bool several;                      /* answers with a list, even of one */
    const struct break_filter *filter; /* instead of ids; NULL: none */
    int64_t expected;
    const char *owner, *reason;
};
/* 200; 202 when another person has to agree. One: the break as break_get() has it. Several:
 * {"done":n,"waiting":n,"data":[…]}. ERR_STATE with the break that it failed for. */
MUST_USE int break_act(struct recon *recon, const struct caller *caller,
                       const struct break_action *action, struct answer *ret_answer,
                       struct err *err);

/* ---- export ---- */

enum { BREAK_EXPORT_MAX = 50000 };
/* Every break that fits, in the filter's order; the sink returns non-zero to stop. ERR_TOO_LARGE
 * when there are more than BREAK_EXPORT_MAX: nothing has been given then. `row` holds until the
 * sink returns. `caller` may be NULL ("me" is nobody then). */
typedef int break_sink(void *ctx, const struct break_row *row, struct err *err);
MUST_USE int break_each(struct recon *recon, const struct caller *caller,
                        const struct break_filter *filter, break_sink *sink, void *ctx,
                        struct err *err);
/* As CSV (base/csv_write.h), with one line of totals for each currency at its end. */
MUST_USE int break_export_csv(struct recon *recon, const struct caller *caller,
                              const struct break_filter *filter, struct buf *buf, struct err *err);
MUST_USE int break_export_xlsx(struct recon *recon, const struct caller *caller,
                               const struct break_filter *filter, struct buf *buf, struct err *err);

#endif
