/* SPDX-License-Identifier: Apache-2.0
 * handlers_reports.c: complaints and changes that are reported (watch/reports.h). */
#include <string.h>

#include "api/read.h"
#include "api/service_impl.h"
#include "base/json.h"
#include "base/text.h"
#include "gateway/gateway.h"
#include "watch/reports.h"

enum { REPORTS_BYTES_MAX = 4 * 1024 * 1024, MOMENT_CHARS_MAX = 40, ID_CHARS_MAX = 64 };

/* ---- reading a body ---- */

static int read_word(const json_t *body, const char *name, bool need, const char **ret_word,
                     struct err *err) {
    int r = need ? json_need_text(body, "", name, 1, REPORT_WORD_CHARS_MAX, ret_word, err)
                 : json_may_text(body, "", name, 1, REPORT_WORD_CHARS_MAX, ret_word, err);
    const char *word = *ret_word;
    if (r < 0 || word == NULL || strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-") ==
                                     strlen(word)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be a word of small letters, digits, _ and -");
    return err_place(err, "/%s", name);
}

/* A line: no control characters. */
static int read_line(const json_t *body, const char *name, int chars_max, bool need,
                     const char **ret_text, struct err *err) {
    int r = need ? json_need_text(body, "", name, 1, (size_t)chars_max, ret_text, err)
                 : json_may_text(body, "", name, 1, (size_t)chars_max, ret_text, err);
    if (r < 0 || *ret_text == NULL || !text_has_controls(*ret_text, false)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be one line");
    return err_place(err, "/%s", name);
}

static int read_at(const json_t *body, int64_t *ret_wall_us, struct err *err) {
    const char *text = NULL;
    int r = json_may_text(body, "", "at", 1, MOMENT_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || text[0] == '\0' || clock_parse(text, ret_wall_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it must be a time like 2027-01-31T00:00:00Z");
    return err_place(err, "/at");
}

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

/* ---- complaints ---- */

struct complaining {
    struct ask *ask;
    struct complaint complaint;
    struct arena *arena;
};

/* Of which payment it is: by its id, else the newest of the order. An order that never became a
 * payment is what somebody may well complain of. */
static int find_payment(struct complaining *complaining, struct store_tx *tx, struct err *err) {
    struct complaint *complaint = &complaining->complaint;
    struct arena *arena = complaining->arena;
    bool by_id = complaint->payment_id[0] != '\0';
    SQL_ROWS_AUTO rows = NULL;
    int r = by_id ? sql_query(tx, err, &rows,
                              "SELECT id, order_id, gateway, method, customer_region, currency, "
                              "customer_segment FROM payment WHERE id = $1",
                              S_TEXT(complaint->payment_id))
                  : sql_query(tx, err, &rows,
                              "SELECT id, order_id, gateway, method, customer_region, currency, "
                              "customer_segment FROM payment WHERE order_id = $1 ORDER BY "
                              "created_us DESC, id DESC LIMIT 1",
                              S_TEXT(complaint->order_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0 && by_id) {
        err_set(err, ERR_VALIDATION, "there is no payment of this id");
        err_place(err, "/payment_id");
        return err_hint(err, "Where only the order is known, give order_id.");
    }
    if (r <= 0) {
        return r;
    }
    complaint->payment_id = arena_copy(arena, sql_text(rows, 0));
    complaint->order_id = arena_copy(arena, sql_text(rows, 1));
    complaint->gateway = arena_copy(arena, sql_text(rows, 2));
    complaint->method = method_name((enum payment_method)sql_int(rows, 3));
    complaint->region = arena_copy(arena, sql_text(rows, 4));
    complaint->currency = arena_copy(arena, sql_text(rows, 5));
    complaint->segment = arena_copy(arena, sql_text(rows, 6));
    return 0;
}

static int complaint_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                        struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct complaining *complaining = ctx;
    struct complaining again = *complaining; /* this may run again from the start */
    BUF_AUTO buf;
    buf_init(&buf, REPORTS_BYTES_MAX);
    int r = find_payment(&again, tx, err);
    r = r < 0 ? r
              : complaint_record(tx, &again.complaint, complaining->ask->caller.actor, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, r > 0 ? 201 : 200, &buf, err);
}

static int read_complaint(const json_t *body, struct complaint *complaint, struct err *err) {
    static const char *const keys[] = {"payment_id", "order_id", "channel",   "kind", "customer",
                                       "text",       "at",       "reference", NULL};
    struct complaint read = {0};
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r : read_line(body, "payment_id", ID_CHARS_MAX, false, &read.payment_id, err);
    r = r < 0 ? r : read_line(body, "order_id", REPORT_TEXT_CHARS_MAX, false, &read.order_id, err);
    r = r < 0 ? r : read_word(body, "channel", true, &read.channel, err);
    r = r < 0 ? r : read_word(body, "kind", true, &read.kind, err);
    r = r < 0 ? r : read_line(body, "customer", REPORT_TEXT_CHARS_MAX, false, &read.customer, err);
    r = r < 0 ? r : json_may_text(body, "", "text", 1, COMPLAINT_TEXT_CHARS_MAX, &read.text, err);
    r = r < 0 ? r
              : read_line(body, "reference", REPORT_TEXT_CHARS_MAX, false, &read.reference, err);
    r = r < 0 ? r : read_at(body, &read.at_us, err);
    if (r >= 0 && text_has_controls(or_empty(read.text), true)) {
        err_set(err, ERR_VALIDATION, "it has control characters");
        r = err_place(err, "/text");
    }
    if (r >= 0 && or_empty(read.payment_id)[0] == '\0' && or_empty(read.order_id)[0] == '\0') {
        err_set(err, ERR_VALIDATION, "a complaint is about a payment_id or an order_id");
        r = err_place(err, "/order_id");
    }
    *complaint = (struct complaint){
        .payment_id = or_empty(read.payment_id),
        .order_id = or_empty(read.order_id),
        .channel = or_empty(read.channel),
        .kind = or_empty(read.kind),
        .customer = or_empty(read.customer),
        .text = or_empty(read.text),
        .reference = or_empty(read.reference),
        .gateway = "",
        .method = "",
        .region = "",
        .currency = "",
        .segment = "",
        .at_us = read.at_us,
    };
    return r;
}

int complaints_post(struct ask *ask, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct complaining complaining = {.ask = ask, .arena = arena};
    int r = read_complaint(ask->body, &complaining.complaint, err);
    r = r < 0 ? r : complaint_check(&complaining.complaint, err);
    return r < 0 ? r
                 : idempotent_run(ask->service->payments, &ask->caller, "complaint.record",
                                  complaint_fn, &complaining, &ask->answer, err);
}

/* ---- changes ---- */

struct changing {
    struct ask *ask;
    struct change change;
};

static int change_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct changing *changing = ctx;
    BUF_AUTO buf;
    buf_init(&buf, REPORTS_BYTES_MAX);
    int r = change_record(tx, &changing->change, changing->ask->caller.actor, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, 201, &buf, err);
}

int changes_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"kind", "what", "by", "reference", "at", NULL};
    struct change read = {0};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_word(ask->body, "kind", true, &read.kind, err);
    r = r < 0 ? r : read_line(ask->body, "what", REPORT_TEXT_CHARS_MAX, true, &read.what, err);
    r = r < 0 ? r : read_line(ask->body, "by", REPORT_TEXT_CHARS_MAX, false, &read.by, err);
    r = r < 0 ? r
              : read_line(ask->body, "reference", REPORT_TEXT_CHARS_MAX, false, &read.reference,
                          err);
    r = r < 0 ? r : read_at(ask->body, &read.at_us, err);
    struct changing changing = {
        ask,
        {or_empty(read.kind), or_empty(read.what), or_empty(read.by), or_empty(read.reference),
         read.at_us}};
    r = r < 0 ? r : change_check(&changing.change, err);
    return r < 0 ? r
                 : idempotent_run(ask->service->payments, &ask->caller, "change.record", change_fn,
                                  &changing, &ask->answer, err);
}

/* ---- lists ---- */

struct listing {
    int (*list)(struct store_tx *tx, int64_t since_us, int limit, struct buf *buf,
                struct err *err);
    int64_t since_us, limit;
    struct buf *buf;
};

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    return listing->list(tx, listing->since_us, (int)listing->limit, listing->buf, err);
}

static int answer_list(struct ask *ask, struct listing *listing, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, REPORTS_BYTES_MAX);
    listing->buf = &buf;
    listing->limit = PAGE_ROWS;
    int r = read_query_int(ask, "limit", 1, REPORTS_LISTED_MAX, &listing->limit, err);
    r = r < 0 ? r : read_query_since(ask, "since", &listing->since_us, err);
    r = r < 0 ? r : store_read(ask->service->store, list_tx, listing, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int complaints_get(struct ask *ask, struct err *err) {
    return answer_list(ask, &(struct listing){.list = complaints_list}, err);
}

int changes_get(struct ask *ask, struct err *err) {
    return answer_list(ask, &(struct listing){.list = changes_list}, err);
}
