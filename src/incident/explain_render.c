/* SPDX-License-Identifier: Apache-2.0
 * explain_render.c: one payment as the support desk is shown it: words in both languages, its story
 * in a few lines, the incidents that cover it, pages to read. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/common_codes.h"
#include "incident/explain_impl.h"
#include "incident/incident_impl.h"

enum { ENGLISH, CHINESE, BOTH };
static const char *const languages[BOTH] = {"en", "zh"};

static const struct {
    const char *type, *words[BOTH];
} events[] = {
#define X(type, english, chinese) {type, {english, chinese}},
#include "incident/explain_events.def"
#undef X
};

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value == NULL || value[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, value);
    }
}

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    put(buf, key, wall_us > 0 ? clock_format(wall_us, time) : "");
}

static void put_ids(struct buf *buf, const char *key, const struct explain_ids *ids) {
    buf_addf(buf, ",\"%s\":[", key);
    for (int i = 0; i < ids->count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, ids->list[i]);
    }
    buf_add_char(buf, ']');
}

/* ---- words ---- */

struct filling {
    char amount[MONEY_TEXT_MAX], refunded[MONEY_TEXT_MAX], refund[MONEY_TEXT_MAX];
};

static void put_texts(const struct explain_case *one, const char *const texts[2],
                      struct buf *buf) {
    struct filling filling;
    const struct payment_row *payment = &one->payment;
    const struct common_code *code = common_code_find(payment->failure_code);
    const char *amount = money_show(payment->amount_minor, payment->currency, filling.amount);
    const char *refunded = money_show(payment->refunded_minor, payment->currency, filling.refunded);
    const char *refund = money_show(one->refund_minor, payment->currency, filling.refund);
    for (int i = 0; i < BOTH; i++) {
        const char *const pairs[] = {
            "order",     payment->order_id, "reference", payment->id.text,
            "amount",    amount,            "refunded",  refunded,
            "refund",    refund,            "reason",
            i == ENGLISH ? code->failed_english : code->failed_chinese,
            NULL,
        };
        BUF_AUTO text;
        buf_init(&text, 8 * 1024);
        explain_fill(texts[i], pairs, &text);
        buf_addf(buf, "%s\"%s\":", i == ENGLISH ? "" : ",", languages[i]);
        buf_add_json(buf, text.data);
    }
}

static void put_words(const struct explain_case *one, struct buf *buf) {
    const struct explain_words *words = explain_words(one->situation);
    buf_addf(buf, ",\"situation\":\"%s\",\"may_pay_again\":%s,\"explanation\":{", words->name,
             words->may_pay ? "true" : "false");
    put_texts(one, words->what, buf);
    buf_add_text(buf, "},\"script\":{");
    put_texts(one, words->script, buf);
    buf_add_char(buf, '}');
}

/* ---- its story ---- */

static int put_timeline(const struct explain_case *one, struct store_tx *tx, struct buf *buf,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT type, at_us FROM (SELECT type, at_us, sequence FROM event WHERE "
                      "payment_id = $1 ORDER BY sequence DESC LIMIT $2) AS newest ORDER BY sequence",
                      S_TEXT(one->payment.id.text), S_INT(EXPLAIN_LINES_MAX));
    const char *comma = "";
    buf_add_text(buf, ",\"timeline\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        for (size_t i = 0; i < COUNT_OF(events); i++) {
            char time[CLOCK_TEXT_MAX];
            if (strcmp(events[i].type, sql_text(rows, 0)) == 0) {
                buf_addf(buf, "%s{\"at\":\"%s\",\"type\":\"%s\",\"en\":\"%s\",\"zh\":\"%s\"}", comma,
                         clock_format(sql_int(rows, 1), time), events[i].type,
                         events[i].words[ENGLISH], events[i].words[CHINESE]);
                comma = ",";
            }
        }
    }
    buf_add_char(buf, ']');
    return r;
}

/* ---- incidents ---- */

static bool covers(const struct incident_row *row, const struct payment_row *payment) {
    const struct incident_scope *scope = &row->scope;
    int64_t from_us = row->at_us[MILESTONE_IMPACT_START];
    int64_t until_us = row->at_us[MILESTONE_MITIGATED];
    const char *region = payment->customer_region;
    return payment->created_us >= from_us && (until_us == 0 || payment->created_us <= until_us) &&
           (payment->gateway[0] == '\0' || scope_has(&scope->gateways, payment->gateway)) &&
           scope_has(&scope->methods, method_name(payment->method)) &&
           (region[0] == '\0' || scope_has(&scope->regions, region)) &&
           scope_has(&scope->currencies, payment->currency.code);
}

static int put_incidents(const struct explain_case *one, struct store_tx *tx, bool *ret_any,
                         struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " INCIDENT_COLUMNS " FROM incident WHERE " INCIDENT_IS_LIVE
                      " AND drill = 0 ORDER BY id DESC LIMIT 50");
    *ret_any = false;
    buf_add_text(buf, ",\"incidents\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct incident_row row;
        r = incident_take(rows, arena, &row, err);
        if (r < 0 || !covers(&row, &one->payment)) {
            continue;
        }
        buf_addf(buf, "%s{\"id\":\"%s\",\"number\":%lld,\"state\":\"%s\"", *ret_any ? "," : "",
                 row.id.text, (long long)row.number, incident_state_name(row.state));
        put(buf, "title", row.title);
        put_time(buf, "since", row.at_us[MILESTONE_IMPACT_START]);
        buf_add_char(buf, '}');
        *ret_any = true;
    }
    buf_add_char(buf, ']');
    return r;
}

/* What is said besides, where an incident covers it. */
static void put_besides(bool covered, struct buf *buf) {
    buf_add_text(buf, ",\"besides\":");
    buf_add_text(buf, !covered ? "null"
                               : "{\"en\":\"" EXPLAIN_BESIDES_EN "\",\"zh\":\"" EXPLAIN_BESIDES_ZH
                                 "\"}");
}

/* ---- pages ---- */

/* "stripe" of the gateway stripe-eu; "" where it is not configured any more. */
static const char *adapter_of(const struct explain_case *one) {
    const struct gateway *gateway = gateway_find(one->look->options->registry,
                                                 one->payment.gateway);
    return gateway != NULL ? gateway->adapter->name : "";
}

static int put_pages(const struct explain_case *one, bool covered, struct buf *buf,
                     struct err *err) {
    char situation[60], gateway[60];
    const char *about[4] = {situation, gateway, covered ? "situation:incident" : NULL, NULL};
    snprintf(situation, sizeof situation, "situation:%s", explain_words(one->situation)->name);
    snprintf(gateway, sizeof gateway, "gateway:%.40s", adapter_of(one));
    buf_add_text(buf, ",\"pages\":{");
    int r = 0;
    for (int i = 0; r >= 0 && i < BOTH; i++) {
        buf_addf(buf, "%s\"%s\":", i > 0 ? "," : "", languages[i]);
        if (one->look->options->kb == NULL) {
            buf_add_text(buf, "[]");
        } else {
            r = kb_links(one->look->options->kb, about, languages[i], buf, err);
        }
    }
    buf_add_char(buf, '}');
    return r;
}

/* ---- all of it ---- */

static void put_payment(const struct payment_row *payment, struct buf *buf) {
    char decimal[MONEY_TEXT_MAX];
    buf_addf(buf, "{\"payment_id\":\"%s\",\"reference\":\"%s\"", payment->id.text,
             payment->id.text);
    put(buf, "order_id", payment->order_id);
    put(buf, "state", payment_state_name(payment->state));
    buf_addf(buf, ",\"amount\":%lld", (long long)payment->amount_minor);
    put(buf, "currency", payment->currency.code);
    put(buf, "amount_decimal", money_decimal(payment->amount_minor, payment->currency, decimal));
    buf_addf(buf, ",\"amount_captured\":%lld,\"amount_refunded\":%lld,\"amount_refund_pending\":%lld",
             (long long)payment->captured_minor, (long long)payment->refunded_minor,
             (long long)(payment->refund_reserved_minor - payment->refunded_minor));
    put(buf, "method", method_name(payment->method));
    put(buf, "gateway", payment->gateway);
    put(buf, "customer_id", payment->customer_id);
    put_time(buf, "created_at", payment->created_us);
    put_time(buf, "updated_at", payment->updated_us);
    put_time(buf, "held_until", payment->state == PAYMENT_REQUIRES_ACTION
                                    ? payment->deferred_until_us
                                    : 0);
}

int explain_render(struct explain_case *one, struct store_tx *tx, struct buf *buf,
                   struct err *err) {
    bool covered = false;
    put_payment(&one->payment, buf);
    put_words(one, buf);
    int r = put_incidents(one, tx, &covered, buf, err);
    put_besides(covered, buf);
    r = r < 0 ? r : put_timeline(one, tx, buf, err);
    put_ids(buf, "cases", &one->cases);
    put_ids(buf, "breaks", &one->breaks);
    put_ids(buf, "tickets", &one->tickets);
    r = r < 0 ? r : put_pages(one, covered, buf, err);
    explain_acts(one, buf);
    buf_add_char(buf, '}');
    return r < 0 ? r : 0;
}
