/* SPDX-License-Identifier: Apache-2.0
 * refund_request.c: see refund_request.h. */
#include "desk/refund_request.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "desk/desk_impl.h"
#include "payment/rows.h"
#include "store/audit.h"

#define JOB_REFUND_REQUEST "refund.request"
#define JOB_LEASE_US (120 * US_PER_SECOND)
static const int64_t backoff_us[] = {5 * US_PER_SECOND, 30 * US_PER_SECOND, 300 * US_PER_SECOND};
enum { REFUSAL_BYTES_MAX = 600, TRIES_MAX = 20 };

static const char *const state_names[] = {
    [REFUND_REQUEST_NONE] = "?",
#define X(NAME, number, name, meaning) [number] = name,
#include "desk/refund_request_states.def"
#undef X
};
static_assert(COUNT_OF(state_names) == REFUND_REQUEST_STATES, "every state has a name");

static const char *state_name(int64_t state) {
    return state > 0 && state < REFUND_REQUEST_STATES ? state_names[state] : "?";
}

static bool state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < REFUND_REQUEST_STATES; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

/* ---- rows ---- */

struct request_row { /* texts live in the arena */
    const char *id, *payment_id, *reason, *asked_by, *refund_id, *refusal;
    int64_t amount_minor, state, created_us, updated_us;
    struct currency currency;
    bool to_original;
};
#define REQUEST_COLUMNS                                                                            \
    "id, payment_id, amount_minor, currency, to_original, reason, asked_by, state, refund_id, "    \
    "refusal, created_us, updated_us"

static void row_read(const struct sql_rows *rows, struct arena *arena, struct request_row *row) {
    *row = (struct request_row){
        .id = arena_copy(arena, sql_text(rows, 0)),
        .payment_id = arena_copy(arena, sql_text(rows, 1)),
        .amount_minor = sql_int(rows, 2),
        .currency = currency_stored(sql_text(rows, 3)),
        .to_original = sql_int(rows, 4) != 0,
        .reason = arena_copy(arena, sql_text(rows, 5)),
        .asked_by = arena_copy(arena, sql_text(rows, 6)),
        .state = sql_int(rows, 7),
        .refund_id = arena_copy(arena, sql_text(rows, 8)),
        .refusal = arena_copy(arena, sql_text(rows, 9)),
        .created_us = sql_int(rows, 10),
        .updated_us = sql_int(rows, 11),
    };
}

static int row_load(struct store_tx *tx, struct arena *arena, const char *id,
                    struct request_row *row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " REQUEST_COLUMNS " FROM refund_request WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no refund request %s", id);
    }
    row_read(rows, arena, row);
    return 0;
}

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, value);
    }
}

static int render(struct store_tx *tx, struct arena *arena, const struct request_row *row,
                  struct buf *buf, struct err *err) {
    char time[CLOCK_TEXT_MAX];
    struct approval_row approval;
    int r = approval_load(tx, arena, row->id, false, &approval, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf,
             "{\"id\":\"%s\",\"object\":\"refund_request\",\"state\":\"%s\",\"payment_id\":\"%s\","
             "\"amount\":%lld,\"currency\":\"%s\",\"to_original_method\":%s",
             row->id, state_name(row->state), row->payment_id, (long long)row->amount_minor,
             row->currency.code, row->to_original ? "true" : "false");
    put(buf, "reason", row->reason);
    put(buf, "refund_id", row->refund_id);
    put(buf, "refusal", row->refusal);
    put(buf, "created_at", clock_format(row->created_us, time));
    put(buf, "updated_at", clock_format(row->updated_us, time));
    buf_add_text(buf, ",\"approval\":");
    approval_render(buf, &approval);
    buf_add_char(buf, '}');
    return 0;
}

static int state_write(struct store_tx *tx, struct request_row *row,
                       enum refund_request_state state, struct err *err) {
    row->state = state;
    row->updated_us = clock_wall_us();
    return sql_put_one(tx, err,
                       "UPDATE refund_request SET state = $2, refund_id = $3, refusal = $4, "
                       "updated_us = $5 WHERE id = $1",
                       S_TEXT(row->id), S_INT(state), S_TEXT(row->refund_id), S_TEXT(row->refusal),
                       S_INT(row->updated_us));
}

/* ---- asking ---- */

struct act {
    struct desk *desk;
    const struct caller *caller;
    const struct refund_wish *wish;
    const char *id, *reason;
    bool approve;
    struct arena *arena;
    struct request_row row;
};

static int finish(struct act *act, struct store_tx *tx, int status, const char *action,
                  const char *reason, struct answer *ret_answer, struct err *err) {
    char money[MONEY_TEXT_MAX];
    const struct request_row *row = &act->row;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render(tx, act->arena, row, &buf, err);
    r = r < 0 ? r : answer_take(ret_answer, status, &buf, err);
    const char *detail = arena_printf(act->arena, "{\"request\":\"%s\",\"amount\":\"%s\"}", row->id,
                                      money_show(row->amount_minor, row->currency, money));
    return r < 0 ? r
                 : audit_append(tx, act->caller->actor, action, row->payment_id, reason, detail,
                                err);
}

/* What the refund would be refused for anyhow is not asked for. */
static int check_wish(struct act *act, const struct payment_row *payment, int64_t *ret_amount,
                      struct err *err) {
    char money[MONEY_TEXT_MAX];
    if (payment->state != PAYMENT_SUCCEEDED) {
        return err_set(err, ERR_STATE, "payment %s is %s: it cannot be refunded", payment->id.text,
                       payment_state_name(payment->state));
    }
    int64_t left = payment->captured_minor - payment->refund_reserved_minor -
                   payment->disputed_minor;
    *ret_amount = act->wish->amount_minor > 0 ? act->wish->amount_minor : left;
    if (*ret_amount > left || left <= 0) {
        err_set(err, ERR_AMOUNT, "only %s of payment %s are left to be refunded",
                money_show(left > 0 ? left : 0, payment->currency, money), payment->id.text);
        return err_place(err, "/amount");
    }
    return 0;
}

static int waits_already(int r, const char *payment_id, struct err *err) {
    if (r != -ERR_EXISTS) {
        return r;
    }
    err_set(err, ERR_STATE, "a refund of payment %s waits for a second person already", payment_id);
    return err_hint(err, "`holdfast refund requests --state waiting` has it.");
}

static int ask_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    struct payment_row payment;
    struct approval_id id;
    int64_t amount = 0, now = clock_wall_us();
    int r = payment_row_load(tx, act->arena, act->wish->payment_id, true, &payment, err);
    r = r < 0 ? r : check_wish(act, &payment, &amount, err);
    r = r < 0 ? r
              : waits_already(approval_ask(tx, act->caller, APPROVES_REFUND, payment.id.text,
                                           act->wish->reason, &id, err),
                              payment.id.text, err);
    if (r < 0) {
        return r;
    }
    act->row = (struct request_row){
        .id = arena_copy(act->arena, id.text),
        .payment_id = arena_copy(act->arena, payment.id.text),
        .reason = act->wish->reason,
        .asked_by = act->caller->actor,
        .refund_id = "",
        .refusal = "",
        .amount_minor = amount,
        .state = REFUND_REQUEST_WAITING,
        .created_us = now,
        .updated_us = now,
        .currency = payment.currency,
        .to_original = act->wish->to_original,
    };
    const struct request_row *row = &act->row;
    r = sql_put(tx, err,
                "INSERT INTO refund_request (" REQUEST_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, "
                "$7, $8, '', '', $9, $9)",
                S_TEXT(row->id), S_TEXT(row->payment_id), S_INT(amount),
                S_TEXT(row->currency.code), S_INT(row->to_original), S_TEXT(row->reason),
                S_TEXT(row->asked_by), S_INT(row->state), S_INT(now));
    return r < 0 ? r : finish(act, tx, 201, "refund.ask", row->reason, ret_answer, err);
}

static int run(struct act *act, const char *operation, idempotent_fn *fn, struct answer *ret_answer,
               struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payments *payments = act->desk->options.payments;
    act->arena = arena;
    int r = idempotent_run(payments, act->caller, operation, fn, act, ret_answer, err);
    if (r >= 0) {
        payments_wake(payments);
    }
    return r;
}

int refund_request_ask(struct desk *desk, const struct caller *caller,
                       const struct refund_wish *wish, struct answer *ret_answer, struct err *err) {
    struct act act = {.desk = desk, .caller = caller, .wish = wish};
    return run(&act, "refund.ask", ask_fn, ret_answer, err);
}

/* ---- deciding ---- */

/* Nobody agrees to more than he may do himself. */
static int within_own(const struct act *act, struct err *err) {
    const struct refund_limits *own = act->caller->refunds;
    const struct request_row *row = &act->row;
    int64_t limit = 0;
    char text[MONEY_TEXT_MAX];
    if (!act->approve || own == NULL) {
        return 0;
    }
    for (int i = 0; i < own->count; i++) {
        limit = currency_equal(own->rows[i].currency, row->currency) ? own->rows[i].payment_minor
                                                                     : limit;
    }
    if (row->amount_minor <= limit) {
        return 0;
    }
    err_set(err, ERR_FORBIDDEN, "you refund at most %s yourself: somebody with a higher limit "
            "agrees to this one", money_show(limit, row->currency, text));
    return err_hint(err, "Limits are in `desk: limits:` of the configuration.");
}

static int decide_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct act *act = ctx;
    struct approval_row approval;
    int r = row_load(tx, act->arena, act->id, &act->row, err);
    r = r < 0 ? r : within_own(act, err);
    r = r < 0 ? r
              : approval_decide(tx, act->arena, act->caller, act->id, act->approve, act->reason,
                                &approval, err);
    r = r < 0 ? r
              : state_write(tx, &act->row,
                            act->approve ? REFUND_REQUEST_APPROVED : REFUND_REQUEST_REJECTED, err);
    if (r >= 0 && act->approve) {
        r = job_add(tx, JOB_REFUND_REQUEST, act->id, clock_wall_us(), "", err);
    }
    return r < 0 ? r
                 : finish(act, tx, act->approve ? 202 : 200,
                          act->approve ? "refund.approve" : "refund.reject", act->reason,
                          ret_answer, err);
}

int refund_request_decide(struct desk *desk, const struct caller *caller, const char *id,
                          bool approve, const char *reason, struct answer *ret_answer,
                          struct err *err) {
    struct act act = {
        .desk = desk, .caller = caller, .id = id, .approve = approve, .reason = reason};
    return run(&act, approve ? "refund.approve" : "refund.reject", decide_fn, ret_answer, err);
}

/* ---- making it ---- */

struct making {
    const char *id;
    struct arena *arena;
    struct request_row row;
    enum refund_request_state state;
};

static int making_load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct making *making = ctx;
    return row_load(tx, making->arena, making->id, &making->row, err);
}

static int making_end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct making *making = ctx;
    return state_write(tx, &making->row, making->state, err);
}

/* What no repeat can change. */
static bool is_for_good(int r) {
    return r == -ERR_STATE || r == -ERR_AMOUNT || r == -ERR_VALIDATION || r == -ERR_NOT_FOUND ||
           r == -ERR_FORBIDDEN;
}

static int made(struct desk *desk, struct making *making, const struct answer *answer,
                struct err *err) {
    JSON_AUTO refund = NULL;
    int r = json_read(answer->json, strlen(answer->json), ARENA_REQUEST_BYTES_MAX, JSON_DEPTH_MAX,
                      &refund, err);
    const char *id = r < 0 ? NULL : json_string_value(json_object_get(refund, "id"));
    making->row.refund_id = id != NULL ? arena_copy(making->arena, id) : "";
    making->state = REFUND_REQUEST_DONE;
    return r < 0 ? r : store_write(desk->options.store, making_end_tx, making, err);
}

static int make(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)ret_again_us;
    struct desk *desk = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct making making = {.id = job->key, .arena = arena};
    int r = store_read(desk->options.store, making_load_tx, &making, err);
    if (r < 0 || making.row.state != REFUND_REQUEST_APPROVED) {
        return r;
    }
    const struct caller caller = {
        .actor = making.row.asked_by,
        .scope = "refund_request",
        .key = making.id,
        .request_hash = making.id,
        .request_id = "",
    };
    ANSWER_AUTO answer = {0};
    r = payment_refund(desk->options.payments, &caller, making.row.payment_id,
                       making.row.amount_minor, making.row.reason, making.row.to_original, &answer,
                       err);
    if (r >= 0) {
        return made(desk, &making, &answer, err);
    }
    if (!is_for_good(r)) {
        return r;
    }
    making.row.refusal = arena_printf(arena, "%s", err->detail);
    making.state = REFUND_REQUEST_REFUSED;
    return store_write(desk->options.store, making_end_tx, &making, err);
}

/* Its gateway was away for an hour or more: a person asks anew when it is back. */
static int parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                  struct err *err) {
    (void)ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct request_row row;
    int r = row_load(tx, arena, job->key, &row, err);
    if (r < 0) {
        return r;
    }
    row.refusal = arena_printf(arena, "%s", why->detail);
    return state_write(tx, &row, REFUND_REQUEST_REFUSED, err);
}

void refund_requests_open(struct desk *desk) {
    const struct job_kind kind = {
        .name = JOB_REFUND_REQUEST,
        .run = make,
        .parked = parked,
        .ctx = desk,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = TRIES_MAX,
        .lease_us = JOB_LEASE_US,
        .concurrency = 2,
    };
    payments_also_run(desk->options.payments, &kind, 1);
}

/* ---- looking ---- */

struct look {
    const char *id, *payment_id;
    int64_t state;
    int limit;
    struct answer *answer;
};

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct look *look = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct request_row row;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = row_load(tx, arena, look->id, &row, err);
    r = r < 0 ? r : render(tx, arena, &row, &buf, err);
    return r < 0 ? r : answer_take(look->answer, 200, &buf, err);
}

int refund_request_get(struct desk *desk, const char *id, struct answer *ret_answer,
                       struct err *err) {
    struct look look = {.id = id, .answer = ret_answer};
    return store_read(desk->options.store, get_tx, &look, err);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct look *look = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct request_row list[PAGE_MAX];
    int count = 0;
    int r = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT " REQUEST_COLUMNS " FROM refund_request WHERE ($1 = 0 OR state = $1) "
                      "AND ($2 = '' OR payment_id = $2) ORDER BY id DESC LIMIT $3",
                      S_INT(look->state), S_TEXT(look->payment_id), S_INT(look->limit));
        while (r >= 0 && count < PAGE_MAX && (r = sql_next(rows, err)) > 0) {
            row_read(rows, arena, &list[count++]);
        }
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; r >= 0 && i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        r = render(tx, arena, &list[i], &buf, err);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(look->answer, 200, &buf, err);
}

int refund_request_list(struct desk *desk, const char *state, const char *payment_id, int limit,
                        struct answer *ret_answer, struct err *err) {
    struct look look = {.payment_id = payment_id,
                        .limit = limit > 0 && limit <= PAGE_MAX ? limit : PAGE_ROWS,
                        .answer = ret_answer};
    if (state[0] != '\0' && !state_parse(state, &look.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\"", state);
        err_place(err, "query parameter state");
        return err_hint(err, "One of: waiting, approved, done, rejected, refused.");
    }
    return store_read(desk->options.store, list_tx, &look, err);
}
