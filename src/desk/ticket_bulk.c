/* SPDX-License-Identifier: Apache-2.0
 * ticket_bulk.c: the same to many tickets in one transaction: all of them, or none.
 *
 * By ids, or by a filter with how many it should find: who looked at a list and then acts on it
 * does not act on what came since. The tickets are locked in the order of their ids, so that two of
 * these at once cannot wait for each other for ever. */
#include <glib.h>
#include <string.h>

#include "desk/ticket_impl.h"
#include "store/audit.h"

struct many {
    struct desk *desk;
    const struct caller *caller;
    const struct ticket_bulk *bulk;
    struct arena *arena;
    const char *ids[TICKET_BULK_MAX + 1];
    int count;
};

static int take_id(void *ctx, const struct ticket_row *row, struct err *err) {
    (void)err;
    struct many *many = ctx;
    if (many->count <= TICKET_BULK_MAX) {
        many->ids[many->count++] = arena_copy(many->arena, row->id.text);
    }
    return 0;
}

static int by_text(const void *a, const void *b) {
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static int too_many(struct err *err) {
    err_set(err, ERR_TOO_LARGE, "at most %d tickets are changed at once", TICKET_BULK_MAX);
    return err_hint(err, "Take fewer: by state, team, class or gateway.");
}

static int find_by_filter(struct many *many, struct store_tx *tx, struct err *err) {
    const struct ticket_bulk *bulk = many->bulk;
    int64_t total = 0;
    int r = ticket_each(many->desk, tx, many->arena, many->caller, bulk->filter,
                        TICKET_BULK_MAX + 1, take_id, many, &total, err);
    if (r < 0) {
        return r;
    }
    if (total != bulk->expected) {
        err_set(err, ERR_STATE, "the filter finds %lld tickets, and %lld were expected",
                (long long)total, (long long)bulk->expected);
        return err_hint(err, "Look at the list again. Nothing was changed.");
    }
    return total > TICKET_BULK_MAX ? too_many(err) : 0;
}

/* Each once, sorted. */
static int find(struct many *many, struct store_tx *tx, struct err *err) {
    const struct ticket_bulk *bulk = many->bulk;
    many->count = 0;
    if (bulk->filter == NULL && bulk->id_count > TICKET_BULK_MAX) {
        return too_many(err);
    }
    for (int i = 0; bulk->filter == NULL && i < bulk->id_count; i++) {
        many->ids[many->count++] = bulk->ids[i];
    }
    int r = bulk->filter != NULL ? find_by_filter(many, tx, err) : 0;
    if (r < 0) {
        return r;
    }
    if (many->count == 0) {
        return err_set(err, ERR_VALIDATION, "there is no ticket among these");
    }
    qsort(many->ids, (size_t)many->count, sizeof many->ids[0], by_text);
    int kept = 1;
    for (int i = 1; i < many->count; i++) {
        if (strcmp(many->ids[i], many->ids[kept - 1]) != 0) {
            many->ids[kept++] = many->ids[i];
        }
    }
    many->count = kept;
    return 0;
}

static int act(struct many *many, struct store_tx *tx, const char *id, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct ticket_bulk *bulk = many->bulk;
    struct ticket_row row;
    int r = ticket_load(tx, arena, id, true, &row, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(bulk->action, "close") == 0) {
        return ticket_do_move(many->desk, tx, many->caller->actor, &row, MOVE_CLOSE, bulk->reason,
                              err);
    }
    return ticket_do_give(many->desk, tx, arena, many->caller, &row, &bulk->to, bulk->reason,
                          strcmp(bulk->action, "transfer") == 0, err);
}

static int bulk_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct many *many = ctx;
    BUF_AUTO ids;
    BUF_AUTO buf;
    buf_init(&ids, TICKET_JSON_BYTES_MAX);
    buf_init(&buf, TICKET_JSON_BYTES_MAX);
    int r = find(many, tx, err);
    for (int i = 0; r >= 0 && i < many->count; i++) {
        r = act(many, tx, many->ids[i], err);
        buf_addf(&ids, "%s\"%s\"", i > 0 ? "," : "", many->ids[i]);
    }
    if (r < 0) {
        return many->count > 1 ? err_while(err, "%s of %d tickets, none of which was changed",
                                           many->bulk->action, many->count)
                               : r;
    }
    buf_addf(&buf, "{\"object\":\"ticket_bulk\",\"action\":\"%s\",\"count\":%d,\"ids\":[%s]}",
             many->bulk->action, many->count, ids.data);
    r = audit_append(tx, many->caller->actor,
                     arena_printf(many->arena, "ticket.bulk_%s", many->bulk->action), "tickets",
                     many->bulk->reason, buf.data, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int ticket_bulk(struct desk *desk, const struct caller *caller, const struct ticket_bulk *bulk,
                struct answer *ret_answer, struct err *err) {
    static const char *const actions[] = {"assign", "transfer", "close"};
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct many *many = g_new0(struct many, 1);
    bool known = false;
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        known = known || strcmp(actions[i], bulk->action) == 0;
    }
    *many = (struct many){.desk = desk, .caller = caller, .bulk = bulk, .arena = arena};
    int r = known ? idempotent_run(desk->options.payments, caller, "ticket.bulk", bulk_fn, many,
                                   ret_answer, err)
                  : err_set(err, ERR_VALIDATION, "there is no action \"%.20s\"", bulk->action);
    g_free(many);
    if (r >= 0) {
        payments_wake(desk->options.payments);
    }
    return r;
}
