/* SPDX-License-Identifier: Apache-2.0
 * probe_run.c: one run of a probe, step by step; each step is a run of its job, so that a crash
 * between two of them leaves a row that the next one goes on from. See probes.h.
 *
 * What a run has moved is read off its payment each time, never remembered: so whatever became of a
 * step that died, the next one does what is left to do. A cancellation or refund needs no key: the
 * payment's row refuses a second one while the first is open (operations.c). */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "payment/probes_impl.h"

/* What is under way is looked at so often, by its age: the resolver asks, not we. */
#define LOOK_SOON_US (2 * US_PER_SECOND)
#define LOOK_LATER_US (30 * US_PER_SECOND)
/* A refund that the gateway refused is asked for again after so long, and then less often. */
#define UNDO_AGAIN_US (5 * 60 * US_PER_SECOND)
#define BLOCKED_US (60 * US_PER_SECOND)
enum { ORDER_BYTES = 120 };

static const struct caller prober_caller = {
    .actor = "rule:probe", .scope = "probe", .request_hash = ""};

struct probing {
    struct payments *payments;
    const char *name;
    struct arena *arena;
    struct probe_row row;
    char order_id[ORDER_BYTES];
    char why[PROBE_NOTE_BYTES]; /* not "": it is not probed now */
    bool paid;                  /* its payment is there */
    struct payment_row payment;
    struct attempt_row attempt; /* id "": there is none */
    bool undo_failed;           /* the last refund or cancellation was refused */
    bool undo_open;             /* one is on its way */
    bool judged;                /* by this transaction */
    bool gone;                  /* the row went: there is nothing more to do */
    int64_t again_us;
};

static void order_of(struct probing *probing) {
    snprintf(probing->order_id, sizeof probing->order_id, "probe:%s:%lld", probing->name,
             (long long)probing->row.view.number);
}

/* ---- reading what there is ---- */

static int attempt_last(struct probing *probing, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ATTEMPT_COLUMNS
                      " FROM attempt WHERE payment_id = $1 ORDER BY number DESC LIMIT 1",
                      S_TEXT(probing->payment.id.text));
    r = r < 0 ? r : sql_next(rows, err);
    probing->attempt = (struct attempt_row){0};
    if (r > 0) {
        attempt_row_read(rows, probing->arena, &probing->attempt);
    }
    return r < 0 ? r : 0;
}

/* The newest that takes back what was paid. */
static int undo_last(struct probing *probing, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state FROM operation WHERE payment_id = $1 ORDER BY created_us DESC, "
                      "id DESC LIMIT 1",
                      S_TEXT(probing->payment.id.text));
    r = r < 0 ? r : sql_next(rows, err);
    enum operation_state state = r > 0 ? (enum operation_state)sql_int(rows, 0) : OPERATION_NONE;
    probing->undo_failed = state == OPERATION_FAILED;
    probing->undo_open = operation_state_open(state);
    return r < 0 ? r : 0;
}

/* Its payment, by its order: whatever is remembered of it. */
static int read_payment(struct probing *probing, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    order_of(probing);
    int r = sql_query(tx, err, &rows,
                      "SELECT " PAYMENT_COLUMNS " FROM payment WHERE order_id = $1 ORDER BY id "
                      "LIMIT 1",
                      S_TEXT(probing->order_id));
    r = r < 0 ? r : sql_next(rows, err);
    probing->paid = r > 0 && probing->row.view.number > 0;
    if (r <= 0 || !probing->paid) {
        return r < 0 ? r : 0;
    }
    payment_row_read(rows, probing->arena, &probing->payment);
    sql_rows_free(rows);
    rows = NULL;
    snprintf(probing->row.view.payment_id, sizeof probing->row.view.payment_id, "%s",
             probing->payment.id.text);
    r = attempt_last(probing, tx, err);
    return r < 0 ? r : undo_last(probing, tx, err);
}

/* ---- judging ---- */

/* Where a payment stands when its gateway has done what this way asks of it. */
static bool went_well(enum probe_way way, const struct payment_row *payment) {
    switch (way) {
    case PROBE_AUTHORIZE_CANCEL:
        return payment->state == PAYMENT_AUTHORIZED;
    case PROBE_CHARGE_REFUND:
        return payment->state == PAYMENT_SUCCEEDED;
    case PROBE_ORDER_CLOSE:
        return payment->state == PAYMENT_REQUIRES_ACTION &&
               strcmp(payment->action, "choose_method") != 0;
    case PROBE_WAY_COUNT:
        break;
    }
    return false;
}

static enum probe_result result_of(const struct probing *probing) {
    const struct payment_row *payment = &probing->payment;
    const struct attempt_row *attempt = &probing->attempt;
    const struct probe_settings *settings = probing->row.view.settings;
    if (payment->was_unknown || payment->state == PAYMENT_PROCESSING) {
        return PROBE_UNKNOWN;
    }
    if (went_well(probing->row.view.way, payment)) {
        bool slow = settings != NULL && attempt->duration_us > settings->slow_us;
        return slow ? PROBE_SLOW : PROBE_OK;
    }
    /* It asks for a customer whom there is none of, or it was refused. */
    bool asks = payment->state == PAYMENT_REQUIRES_ACTION &&
                strcmp(payment->action, "choose_method") != 0;
    return asks || attempt->state == ATTEMPT_DECLINED ? PROBE_DECLINED : PROBE_UNAVAILABLE;
}

static const char *code_of(const struct probing *probing) {
    const struct payment_row *payment = &probing->payment;
    const struct attempt_row *attempt = &probing->attempt;
    bool asks = payment->state == PAYMENT_REQUIRES_ACTION &&
                strcmp(payment->action, "choose_method") != 0;
    return attempt->id.text[0] == '\0'                                    ? "no_gateway"
           : attempt->common_code != NULL && attempt->common_code[0] != '\0' ? attempt->common_code
           : asks                                                         ? "customer_action"
                                                                          : "";
}

static void count_result(struct store_tx *tx, const struct probe_view *view) {
    meter_count_after(tx, METER_PROBES, view->gateway, method_name(view->method),
                      probe_result_name(view->result));
}

static void take_result(struct probing *probing, struct store_tx *tx, enum probe_result result,
                        const char *code, int64_t duration_us) {
    struct probe_view *view = &probing->row.view;
    int64_t now = clock_wall_us();
    bool first = view->judged_us == 0, well = result == PROBE_OK;
    view->result = result;
    view->judged_us = first ? now : view->judged_us;
    view->duration_us = duration_us;
    snprintf(view->code, sizeof view->code, "%s", result == PROBE_OK ? "" : code);
    if (well) {
        view->ok_us = now;
        view->failures = 0;
        view->failing_us = 0;
    } else if (first || view->failures == 0) {
        view->failures++;
        view->failing_us = view->failing_us > 0 ? view->failing_us : now;
    }
    count_result(tx, view);
    probing->judged = true;
    log_event_after(tx, PROBED, LT("probe", view->name), LT("gateway", view->gateway),
                    LT("method", method_name(view->method)),
                    LT("result", probe_result_name(result)), LT("code", view->code),
                    LT("payment", view->payment_id), LI("ms", duration_us / US_PER_MS));
}

/* ---- steps ---- */

static int row_gone(struct probing *probing, struct store_tx *tx, struct err *err) {
    probing->gone = true;
    return sql_put(tx, err, "DELETE FROM probe WHERE name = $1", S_TEXT(probing->name));
}

static int wait_on(struct probing *probing, struct store_tx *tx, int64_t now_us, struct err *err) {
    struct probe_view *view = &probing->row.view;
    if (view->settings == NULL) {
        return row_gone(probing, tx, err);
    }
    /* A time that is far away was given by a clock that has been set back since, or by another
     * configuration. */
    if (view->due_us > now_us + view->settings->every_us) {
        view->due_us = now_us + view->settings->every_us;
    }
    if (now_us < view->due_us && !probing->row.asked) {
        probing->again_us = view->due_us;
        return probe_row_save(tx, &probing->row, err);
    }
    probing->row.asked = false;
    if (probing->why[0] != '\0') {
        view->due_us = now_us + view->settings->every_us;
        snprintf(view->note, sizeof view->note, "%s", probing->why);
        probing->again_us = view->due_us;
        return probe_row_save(tx, &probing->row, err);
    }
    view->number++;
    view->state = PROBE_PAYS;
    view->payment_id[0] = '\0';
    view->result = PROBE_NO_RESULT;
    view->code[0] = '\0';
    view->note[0] = '\0';
    snprintf(view->gateway, sizeof view->gateway, "%s", view->settings->gateway);
    view->method = view->settings->method;
    view->way = view->settings->way;
    view->duration_us = view->judged_us = view->ended_us = 0;
    view->begun_us = now_us;
    order_of(probing);
    return probe_row_save(tx, &probing->row, err);
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct probing *probing = ctx;
    probing->again_us = 0;
    probing->judged = probing->gone = false;
    int r = probe_row_load(probing->payments, tx, probing->name, &probing->row, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        probing->gone = true;
        return 0;
    }
    if (r < 0 || probing->row.view.state == PROBE_WAITS) {
        return r < 0 ? r : wait_on(probing, tx, clock_wall_us(), err);
    }
    return read_payment(probing, tx, err);
}

static int end(struct probing *probing, struct store_tx *tx, int64_t now_us, struct err *err) {
    struct probe_view *view = &probing->row.view;
    view->state = PROBE_WAITS;
    view->ended_us = now_us;
    if (view->settings == NULL) {
        return row_gone(probing, tx, err);
    }
    int64_t next_us = view->begun_us + view->settings->every_us;
    view->due_us = next_us > now_us ? next_us : now_us;
    probing->again_us = view->due_us;
    return probe_row_save(tx, &probing->row, err);
}

/* Nothing of it is at its gateway, and nothing can come any more. */
static bool nothing_left(const struct payment_row *payment) {
    return payment->state == PAYMENT_FAILED || payment->state == PAYMENT_CANCELED ||
           (payment->state == PAYMENT_SUCCEEDED &&
            payment->refunded_minor + payment->disputed_minor >= payment->captured_minor);
}

/* After its payment was made, or something was taken back: what is written down of it. */
static int note_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct probing *probing = ctx;
    struct probe_view *view = &probing->row.view;
    int64_t now = clock_wall_us();
    probing->again_us = 0;
    probing->judged = probing->gone = false;
    int r = probe_row_load(probing->payments, tx, probing->name, &probing->row, err);
    r = r < 0 ? r : read_payment(probing, tx, err);
    if (r < 0) {
        return r;
    }
    if (view->state == PROBE_WAITS) { /* another run of this job has ended it */
        probing->again_us = view->due_us;
        return 0;
    }
    if (!probing->paid) { /* it was refused before anything was written */
        snprintf(view->note, sizeof view->note, "%s", probing->why);
        return end(probing, tx, now, err);
    }
    if (view->judged_us == 0) {
        take_result(probing, tx, result_of(probing), code_of(probing),
                    probing->attempt.duration_us);
        view->state = PROBE_UNDOES;
    }
    if (nothing_left(&probing->payment)) {
        return end(probing, tx, now, err);
    }
    if (probing->undo_failed && view->result != PROBE_NOT_UNDONE) {
        take_result(probing, tx, PROBE_NOT_UNDONE, "refused", view->duration_us);
    }
    probing->again_us = now + (now - view->judged_us < 60 * US_PER_SECOND ? LOOK_SOON_US
                                                                         : LOOK_LATER_US);
    return probe_row_save(tx, &probing->row, err);
}

/* ---- calling ---- */

/* Makes its payment; a repeat goes on with the one that is there. What is refused for good was
 * written nowhere, and is `why`. */
static int pay(struct probing *probing, struct err *err) {
    const struct probe_settings *settings = probing->row.view.settings;
    struct caller caller = prober_caller;
    ANSWER_AUTO answer = {0};
    if (settings == NULL) {
        return 0; /* nothing of it was begun, and it is configured no more */
    }
    JSON_AUTO tokens = json_object();
    if (settings->token[0] != '\0') {
        json_object_set_new(tokens, settings->gateway, json_string(settings->token));
    }
    caller.key = probing->order_id;
    caller.request_hash = probing->order_id;
    const struct payment_order order = {
        .order_id = probing->order_id,
        .amount_minor = settings->amount_minor,
        .currency = settings->currency,
        .method = settings->method,
        .purpose = PURPOSE_PROBE,
        .capture_later = settings->way == PROBE_AUTHORIZE_CANCEL,
        .tokens = tokens,
        .description = "probe",
        .flow = settings->flow,
        .gateway_only = settings->gateway,
    };
    int r = payment_create(probing->payments, &caller, &order, &answer, err);
    if (r == -ERR_READ_ONLY || r == -ERR_PAUSED || r == -ERR_VALIDATION ||
        r == -ERR_IDEMPOTENCY_MISMATCH) {
        snprintf(probing->why, sizeof probing->why, "%.190s", err->detail);
        err_clear(err);
        return 0;
    }
    if (r == -ERR_IDEMPOTENCY_IN_FLIGHT || r == -ERR_ORDER_TAKEN) {
        err_clear(err); /* a run of this job whose lease ended is still at it */
        probing->again_us = clock_wall_us() + LOOK_SOON_US;
        return 0;
    }
    return r;
}

/* What its payment's state asks for. What cannot be done now is looked at again. */
static int undo(struct probing *probing, struct err *err) {
    const struct payment_row *payment = &probing->payment;
    ANSWER_AUTO answer = {0};
    int r = 0;
    if (probing->undo_open || payment->state == PAYMENT_PROCESSING || nothing_left(payment)) {
        return 0;
    }
    if (payment->state == PAYMENT_SUCCEEDED) {
        if (payment->refund_reserved_minor + payment->disputed_minor >= payment->captured_minor) {
            return 0;
        }
        r = payment_refund(probing->payments, &prober_caller, payment->id.text, 0,
                           "requested_by_customer", true, &answer, err);
    } else {
        r = payment_cancel(probing->payments, &prober_caller, payment->id.text, "probe", &answer,
                           err);
    }
    if (r < 0 && r != -ERR_STORE && r != -ERR_STORE_UNKNOWN && r != -ERR_STORE_CONFLICT) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* A refusal is not hammered at: the next try waits, longer each hour. */
static bool waits_for_undo(const struct probing *probing, int64_t now_us) {
    const struct probe_view *view = &probing->row.view;
    if (!probing->undo_failed || view->result != PROBE_NOT_UNDONE) {
        return false;
    }
    int64_t step = UNDO_AGAIN_US + (now_us - view->judged_us) / 4;
    return (now_us - view->judged_us) % step > LOOK_LATER_US;
}

static int go_on(struct probing *probing, struct err *err) {
    int64_t now = clock_wall_us();
    if (!probing->paid && probing->row.view.state == PROBE_PAYS) {
        int r = pay(probing, err);
        if (r < 0 || probing->again_us > 0) {
            return r;
        }
    } else if (probing->row.view.state == PROBE_UNDOES && !waits_for_undo(probing, now)) {
        int r = undo(probing, err);
        if (r < 0) {
            return r;
        }
    }
    bool paying = probing->row.view.state == PROBE_PAYS;
    int r = store_write(probing->payments->options.store, note_tx, probing, err);
    /* The next step is one of its own: each is as long as one call. */
    if (r >= 0 && paying && probing->row.view.state == PROBE_UNDOES) {
        probing->again_us = clock_wall_us();
    }
    return r;
}

int probe_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct probing *probing = g_new0(struct probing, 1);
    *probing = (struct probing){.payments = payments, .name = job->key, .arena = arena};
    const struct probe_settings *settings = probe_settings_find(payments, job->key);
    if (settings != NULL) {
        (void)probe_is_blocked(payments, settings, probing->why);
    }
    int r = store_write(payments->options.store, begin_tx, probing, err);
    if (r >= 0 && !probing->gone && probing->again_us == 0) {
        r = go_on(probing, err);
    }
    if (r >= 0 && !probing->gone) {
        *ret_again_us = probing->again_us;
        if (probing->judged) {
            const struct probe_view *view = &probing->row.view;
            meter_time(METER_PROBE_SECONDS, view->duration_us, view->gateway,
                       method_name(view->method));
        }
    }
    g_free(probing);
    return r;
}
