/* SPDX-License-Identifier: Apache-2.0
 * screen_past.c: rules against the payments of the past, and against one that is only asked about.
 * Both have no effect.
 *
 * Payments are read in the order of their making, a page at a time. A decision of later (the
 * customer chose another method) waits until its time comes, so that all are counted in the order
 * in which they were. Payments before `since`, as far as the longest window reaches, are counted
 * and not told. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "payment/internal.h"
#include "payment/screen.h"
#include "risk/rules.h"

enum { PAGE = 1000, PAYMENTS_MAX = 100000, SHOWN_MAX = 100, TALLIES_MAX = RISK_RULES_MAX + 4 };

/* What became of a payment, from the money's point of view. */
enum became { GOOD, REFUNDED, CHARGED_BACK, NOT_PAID, OPEN, BECAME };
static const char *const became_names[] = {"good", "refunded", "charged_back", "not_paid", "open"};
static_assert(COUNT_OF(became_names) == BECAME, "every end has a name");

struct past {
    struct arena *arena; /* of this payment alone: its texts */
    struct payment_row payment;
    const char *card;
    struct risk_scored scored;
    int64_t then; /* the action of then; -1: there was no check */
    int64_t number, at_us;
};

struct tally {
    char rule[RISK_NAME_CHARS_MAX + 1];
    int64_t hits, became[BECAME];
};

struct run {
    struct payments *payments;
    const struct risk_rules *rules;
    struct risk_replay *replay;
    int64_t since_us, read;
    GQueue waiting; /* of struct past, by time */
    char after_id[ID_TEXT_MAX];
    int64_t after_number;
    bool over;
    int64_t told, differ, would[RISK_DENY + 1];
    struct tally tallies[TALLIES_MAX];
    int tally_count, shown;
    struct buf list;
    struct answer *answer;
};

static void past_free(void *item) {
    struct past *past = item;
    arena_free(past->arena);
    g_free(past);
}

static enum became became(const struct payment_row *payment) {
    if (payment->disputed_minor > 0) {
        return CHARGED_BACK;
    }
    switch (payment->state) {
    case PAYMENT_SUCCEEDED:
        return payment->captured_minor > 0 && payment->refunded_minor >= payment->captured_minor
                   ? REFUNDED
                   : GOOD;
    case PAYMENT_AUTHORIZED:
        return GOOD;
    case PAYMENT_FAILED:
    case PAYMENT_CANCELED:
        return NOT_PAID;
    default:
        return OPEN;
    }
}

/* ---- telling ---- */

static void count_hit(struct run *run, const char *rule, enum became end) {
    int i = 0;
    while (i < run->tally_count && strcmp(run->tallies[i].rule, rule) != 0) {
        i++;
    }
    INVARIANT(i < TALLIES_MAX, "there are no more names than rules and our own");
    run->tally_count = i == run->tally_count ? i + 1 : run->tally_count;
    snprintf(run->tallies[i].rule, sizeof run->tallies[i].rule, "%s", rule);
    run->tallies[i].hits++;
    run->tallies[i].became[end]++;
}

static void show(struct run *run, const struct past *past, const struct risk_decision *decision,
                 enum became end) {
    const struct payment_row *payment = &past->payment;
    if (decision->action == RISK_ALLOW || run->shown == SHOWN_MAX) {
        return;
    }
    buf_addf(&run->list, "%s{\"payment_id\":\"%s\",\"order_id\":", run->shown++ > 0 ? "," : "",
             payment->id.text);
    buf_add_json(&run->list, payment->order_id);
    buf_addf(&run->list,
             ",\"amount\":%lld,\"currency\":\"%s\",\"state\":\"%s\",\"outcome\":\"%s\",\"then\":",
             (long long)payment->amount_minor, payment->currency.code,
             payment_state_name(payment->state), became_names[end]);
    buf_addf(&run->list, past->then >= 0 ? "\"%s\"" : "null%s",
             past->then >= 0 ? risk_action_name((enum risk_action)past->then) : "");
    buf_add_text(&run->list, ",\"decision\":");
    risk_decision_json(decision, &run->list);
    buf_add_char(&run->list, '}');
}

static void step(struct run *run, struct past *past) {
    struct risk_facts facts;
    struct risk_decision decision;
    screen_facts(&past->payment, past->card, past->at_us, &facts);
    risk_replay_step(run->replay, &facts, &past->scored, &decision);
    if (past->at_us < run->since_us) {
        return;
    }
    enum became end = became(&past->payment);
    run->told++;
    run->would[decision.action]++;
    run->differ += past->then >= 0 && past->then != (int64_t)decision.action;
    for (int i = 0; i < decision.hit_count; i++) {
        count_hit(run, decision.hits[i].rule, end);
    }
    show(run, past, &decision, end);
}

/* Those whose time is over by then. */
static void step_until(struct run *run, int64_t at_us) {
    struct past *first;
    while ((first = g_queue_peek_head(&run->waiting)) != NULL && first->at_us <= at_us) {
        step(run, g_queue_pop_head(&run->waiting));
        past_free(first);
    }
}

/* ---- reading ---- */

static const char *column(struct arena *arena, const struct sql_rows *row, int index) {
    const char *text = sql_text(row, index);
    return text != NULL ? arena_copy(arena, text) : "";
}

static const char *past_card(const struct run *run, struct arena *arena, enum payment_method method,
                             const char *tokens) {
    char card[RISK_CARD_CHARS + 1] = "";
    JSON_AUTO json = NULL;
    if (json_read(tokens, strlen(tokens), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, NULL) >= 0) {
        screen_card(run->payments, method, json, card);
    }
    return arena_copy(arena, card);
}

static struct past *past_of(const struct run *run, const struct sql_rows *row) {
    struct past *past = g_new0(struct past, 1);
    struct arena *arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    bool decided = !sql_null(row, 16);
    past->arena = arena;
    past->payment = (struct payment_row){
        .id = payment_id_stored(sql_text(row, 0)),
        .order_id = column(arena, row, 1),
        .state = (enum payment_state)sql_int(row, 2),
        .amount_minor = sql_int(row, 3),
        .currency = currency_stored(sql_text(row, 4)),
        .purpose = (enum payment_purpose)sql_int(row, 5),
        .captured_minor = sql_int(row, 6),
        .refunded_minor = sql_int(row, 7),
        .disputed_minor = sql_int(row, 8),
        .customer_id = column(arena, row, 9),
        .customer_region = column(arena, row, 10),
        .customer_vip = sql_int(row, 11) != 0,
        .customer_email = column(arena, row, 12),
        .customer_ip = column(arena, row, 13),
        .method = (enum payment_method)sql_int(row, 14),
    };
    past->at_us = decided ? sql_int(row, 21) : sql_int(row, 15);
    past->number = sql_int(row, 16);
    past->then = decided ? sql_int(row, 17) : -1;
    past->card = decided ? column(arena, row, 19)
                         : past_card(run, arena, past->payment.method, sql_text(row, 23));
    if (decided) {
        enum payment_method method;
        if (method_parse(sql_text(row, 18), &method)) {
            past->payment.method = method;
        }
        past->scored.answer = (enum risk_answer)sql_int(row, 20);
        past->scored.score = sql_int(row, 22);
    }
    return past;
}

static int by_time(const void *a, const void *b, void *ctx) {
    (void)ctx;
    const struct past *left = a, *right = b;
    return left->at_us < right->at_us ? -1 : left->at_us > right->at_us;
}

/* One page. A read never runs twice once rows were taken: its errors end the dry run. */
static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int taken = 0;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, order_id, state, amount_minor, currency, purpose, captured_minor, "
        "refunded_minor, disputed_minor, customer_id, customer_region, customer_vip, "
        "customer_email, customer_ip, method, created_us, d_number, d_action, d_method, d_card, "
        "d_scorer, d_at, d_score, tokens FROM payment LEFT JOIN (SELECT subject, number AS "
        "d_number, action AS d_action, method AS d_method, card AS d_card, scorer AS d_scorer, "
        "scorer_score AS d_score, at_us AS d_at FROM risk_decision) AS d ON subject = id WHERE id "
        ">= $1 AND purpose <> '100' AND (id > $1 OR COALESCE(d_number, 0) > $2) ORDER BY id, "
        "d_number LIMIT $3",
        S_TEXT(run->after_id), S_INT(run->after_number), S_INT(PAGE));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct past *past = past_of(run, rows);
        snprintf(run->after_id, sizeof run->after_id, "%s", past->payment.id.text);
        run->after_number = past->number;
        taken++;
        step_until(run, sql_int(rows, 15) - 1);
        g_queue_insert_sorted(&run->waiting, past, by_time, NULL);
    }
    run->read += taken;
    run->over = taken < PAGE;
    return r;
}

/* ---- the answer ---- */

static void tally_json(struct buf *buf, const struct tally *tally) {
    buf_addf(buf, "{\"rule\":\"%s\",\"hits\":%lld", tally->rule, (long long)tally->hits);
    for (int i = 0; i < BECAME; i++) {
        buf_addf(buf, ",\"%s\":%lld", became_names[i], (long long)tally->became[i]);
    }
    buf_add_char(buf, '}');
}

static int answer(struct run *run, struct err *err) {
    char since[CLOCK_TEXT_MAX];
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_addf(&buf, "{\"since\":\"%s\",\"decisions\":%lld,\"would\":{",
             clock_format(run->since_us, since), (long long)run->told);
    for (int i = RISK_ALLOW; i <= RISK_DENY; i++) {
        buf_addf(&buf, "%s\"%s\":%lld", i > 0 ? "," : "", risk_action_name((enum risk_action)i),
                 (long long)run->would[i]);
    }
    buf_addf(&buf, "},\"differ\":%lld,\"rules\":[", (long long)run->differ);
    for (int i = 0; i < run->tally_count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        tally_json(&buf, &run->tallies[i]);
    }
    buf_add_text(&buf, "],\"payments\":[");
    buf_add(&buf, run->list.data, run->list.len);
    buf_add_text(&buf, "]}");
    return answer_take(run->answer, 200, &buf, err);
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    risk_replay_free(run->replay);
    run->replay = NULL;
    return risk_replay_new(run->rules, tx, &run->replay, err);
}

int payment_dry_run(struct payments *payments, const struct risk_rules *rules, int64_t since_us,
                    struct answer *ret_answer, struct err *err) {
    struct store *store = payments->options.store;
    struct run run = {
        .payments = payments, .rules = rules, .since_us = since_us, .answer = ret_answer};
    g_queue_init(&run.waiting);
    buf_init(&run.list, ARENA_REQUEST_BYTES_MAX);
    /* A window and one of its buckets: as far as counters look back. */
    id_floor("pay", since_us - 2 * risk_rules_over_us(rules), run.after_id);
    run.after_number = -1;
    int r = store_read(store, load_tx, &run, err);
    while (r >= 0 && !run.over) {
        r = store_read(store, page_tx, &run, err);
        if (r >= 0 && run.read > PAYMENTS_MAX) {
            r = err_set(err, ERR_TOO_LARGE, "there are more than %d payments since", PAYMENTS_MAX);
            err_hint(err, "Look back less far.");
        }
    }
    if (r >= 0) {
        step_until(&run, INT64_MAX);
        r = answer(&run, err);
    }
    g_queue_clear_full(&run.waiting, past_free);
    buf_release(&run.list);
    risk_replay_free(run.replay);
    return r;
}

/* ---- one that is only asked about ---- */

struct check {
    struct payments *payments;
    const struct payment_row *payment;
    char card[RISK_CARD_CHARS + 1];
    struct risk_decision decision;
};

static int check_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct check *check = ctx;
    struct risk_facts facts;
    screen_facts(check->payment, check->card, clock_wall_us(), &facts);
    return risk_look(check->payments->options.risk, tx, &facts, &check->decision, err);
}

int payment_risk_check(struct payments *payments, const struct payment_order *order,
                       struct answer *ret_answer, struct err *err) {
    const struct payment_row payment = {
        .order_id = order->order_id,
        .customer_id = order->customer_id != NULL ? order->customer_id : "",
        .customer_email = order->customer_email != NULL ? order->customer_email : "",
        .customer_ip = order->customer_ip != NULL ? order->customer_ip : "",
        .customer_region = order->customer_region != NULL ? order->customer_region : "",
        .customer_vip = order->customer_vip,
        .amount_minor = order->amount_minor,
        .currency = order->currency,
        .method = order->method,
        .purpose = order->purpose,
    };
    struct check check = {.payments = payments, .payment = &payment};
    if (!risk_configured(payments->options.risk)) {
        return err_set(err, ERR_STATE, "no fraud rules are configured");
    }
    json_t *tokens = order->tokens != NULL ? json_copy((json_t *)order->tokens) : json_object();
    if (order->token != NULL && order->token[0] != '\0') {
        json_object_set_new(tokens, "", json_string(order->token));
    }
    screen_card(payments, order->method, tokens, check.card);
    json_decref(tokens);
    int r = store_read(payments->options.store, check_tx, &check, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, RISK_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"card\":");
    buf_addf(&buf, check.card[0] != '\0' ? "\"%s\"" : "null%s", check.card);
    buf_add_text(&buf, ",\"decision\":");
    risk_decision_json(&check.decision, &buf);
    buf_add_char(&buf, '}');
    return answer_take(ret_answer, 200, &buf, err);
}
