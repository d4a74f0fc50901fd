/* SPDX-License-Identifier: Apache-2.0
 * test_review.c: what a week or a month was like (REVIEW-1): each figure counts what is of its time
 * and nothing else, beside the time before, in every form. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/json.h"
#include "incident/incident.h"
#include "incident/review.h"
#include "support/both_engines.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define DAY_US (INT64_C(24) * 3600 * US_PER_SECOND)

static struct test_store engine;
static struct review_period november;
static int number;

struct statement {
    const char *sql;
    const struct sql_arg *args;
    int count;
};

static int statement_fn(struct store_tx *tx, void *ctx, struct err *err) {
    const struct statement *statement = ctx;
    int64_t r = sql_exec_args(tx, err, statement->sql, statement->args, statement->count);
    return r < 0 ? (int)r : 0;
}

static void put_args(const char *sql, const struct sql_arg *args, int count) {
    struct statement statement = {sql, args, count};
    struct err err = {0};
    if (store_write(engine.store, statement_fn, &statement, &err) < 0) {
        fail_msg("%s: %s", sql, err.detail);
    }
}
#define PUT(sql, ...) put_args((sql), SQL_ARGS(__VA_ARGS__))

static const char *named(const char *prefix, char id[ID_TEXT_MAX]) {
    snprintf(id, ID_TEXT_MAX, "%s_%d", prefix, ++number);
    return id;
}

static void payment(int64_t at_us, int state, int was_unknown, const char *purpose) {
    char id[ID_TEXT_MAX], order[40], tail[12];
    id_floor("pay", at_us, id);
    snprintf(tail, sizeof tail, "%08d", ++number);
    memcpy(id + strlen(id) - 8, tail, 8);
    snprintf(order, sizeof order, "order-%d", number);
    PUT("INSERT INTO payment (id, version, order_id, holds_order, state, amount_minor, currency, "
        "method, purpose, capture_later, authorized_minor, captured_minor, refunded_minor, "
        "refund_reserved_minor, disputed_minor, customer_id, customer_region, customer_vip, "
        "customer_email, customer_ip, tokens, return_url, cancel_url, description, metadata, "
        "action, action_url, failure_code, failure_message, review, was_unknown, attempts, "
        "gateway, created_us, updated_us) VALUES ($1, 1, $2, NULL, $3, 1000, 'USD', 1, $4, 0, 0, "
        "0, 0, 0, 0, '', '', 0, '', '', '{}', '', '', '', '{}', '', '', '', '', '', $5, 1, '', $6, "
        "$6)",
        S_TEXT(id), S_TEXT(order), S_INT(state), S_TEXT(purpose), S_INT(was_unknown),
        S_INT(at_us));
}

/* Began at `at_us`; noticed after 2 minutes, contained after `contained`, …; 0: not yet. */
struct trouble {
    int64_t at_us, severity, cause, state, drill, minutes;
    const char *by;
};

static void incident(const struct trouble *it) {
    char id[ID_TEXT_MAX];
    int64_t noticed = it->at_us + 2 * MINUTE_US, over = it->at_us + it->minutes * MINUTE_US;
    PUT("INSERT INTO incident (id, version, number, title, severity, proposed, reasons, state, "
        "cause, cause_why, scope, impact_start_us, detected_us, acknowledged_us, contained_us, "
        "mitigated_us, reconciled_us, resolved_us, done_us, commander, commander_deputy, lead, "
        "lead_deputy, comms, comms_deputy, recon, recon_deputy, follows, drill, round, opened_by, "
        "told_us, told_count, ack_nags, update_nags, updated_us) VALUES ($1, 1, $2, 't', $3, -1, "
        "'[]', $4, $5, '', '{}', $6, $7, $7, 0, $8, 0, 0, 0, '', '', '', '', '', '', '', '', '', "
        "$9, 0, $10, 0, 0, 0, 0, $7)",
        S_TEXT(named("inc", id)), S_INT(number), S_INT(it->severity), S_INT(it->state),
        S_INT(it->cause), S_INT(it->at_us), S_INT(noticed), S_INT(it->minutes > 0 ? over : 0),
        S_INT(it->drill), S_TEXT(it->by));
}

static void complaint(int64_t at_us, int kind) {
    char id[ID_TEXT_MAX];
    PUT("INSERT INTO complaint (id, at_us, created_us, payment_id, order_id, channel, kind, "
        "customer, gateway, method, region, currency, text, reference, actor) VALUES ($1, $2, $2, "
        "'', '', '', $3, '', '', '', '', '', '', '', '')",
        S_TEXT(named("cmp", id)), S_INT(at_us), S_INT(kind));
}

static void posting(int64_t at_us, const char *debit, const char *credit, int64_t minor,
                    const char *currency) {
    char id[ID_TEXT_MAX];
    PUT("INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account, "
        "amount_minor, currency, at_us) VALUES ($1, $1, 5, '', $2, $3, $4, $5, $6)",
        S_TEXT(named("pst", id)), S_TEXT(debit), S_TEXT(credit), S_INT(minor), S_TEXT(currency),
        S_INT(at_us));
}

static char *written(const struct review_period *period, enum review_format format,
                     enum notice_language language) {
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, REVIEW_BYTES_MAX);
    if (review_write(engine.store, period, format, language, &buf, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return buf_take(&buf);
}

static json_t *review_of(const struct review_period *period) {
    char *text = written(period, REVIEW_JSON, NOTICE_EN);
    json_t *json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

/* -1: there is none. */
static int64_t at(const json_t *review, const char *figure, const char *label, const char *time,
                  const char *key) {
    size_t i, j;
    const json_t *one, *row;
    json_array_foreach(json_object_get(review, "figures"), i, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), figure) != 0) {
            continue;
        }
        json_array_foreach(json_object_get(one, "rows"), j, row) {
            const json_t *told = json_object_get(row, time);
            if (strcmp(json_string_value(json_object_get(row, "label")), label) == 0 &&
                json_object_get(told, key) != NULL) {
                return json_integer_value(json_object_get(told, key));
            }
        }
        return -1;
    }
    fail_msg("no figure %s", figure);
    return -1;
}
#define NOW(figure, label, key) at(review, figure, label, "now", key)
#define BEFORE(figure, label, key) at(review, figure, label, "before", key)

static int begin(void **state) {
    static const char *const tables[] = {"DELETE FROM payment", "DELETE FROM incident",
                                         "DELETE FROM complaint", "DELETE FROM posting",
                                         "DELETE FROM ticket", "DELETE FROM alert"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        (void)engine_exec(&engine, tables[i]);
    }
    assert_true(review_period_parse("2025-11", &november));
    return 0;
}

/* ---- tests ---- */

static void weeks_and_months_are_whole_and_others_are_none(void **state) {
    (void)state;
    static const struct {
        const char *name, *from, *until, *before;
    } good[] = {
        {"2026-W01", "2025-12-29T00:00:00", "2026-01-05T00:00:00", "2025-12-22T00:00:00"},
        {"2026-W53", "2026-12-28T00:00:00", "2027-01-04T00:00:00", "2026-12-21T00:00:00"},
        {"2020-W53", "2020-12-28T00:00:00", "2021-01-04T00:00:00", "2020-12-21T00:00:00"},
        {"2024-W09", "2024-02-26T00:00:00", "2024-03-04T00:00:00", "2024-02-19T00:00:00"},
        {"2024-03", "2024-03-01T00:00:00", "2024-04-01T00:00:00", "2024-02-01T00:00:00"},
        {"2026-01", "2026-01-01T00:00:00", "2026-02-01T00:00:00", "2025-12-01T00:00:00"},
    };
    static const char *const bad[] = {"",         "2026",     "2026-00",  "2026-13", "2026-1",
                                      "2026-W00", "2025-W53", "2026-W54", "2026W01", "1999-12",
                                      "2026-W1",  "9999-01",  "W026-W01", "2026-01-01"};
    struct review_period period;
    char text[CLOCK_TEXT_MAX];
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!review_period_parse(good[i].name, &period)) {
            fail_msg("%s", good[i].name);
        }
        assert_memory_equal(clock_format(period.from_us, text), good[i].from, 19);
        assert_memory_equal(clock_format(period.until_us, text), good[i].until, 19);
        assert_memory_equal(clock_format(period.before_us, text), good[i].before, 19);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (review_period_parse(bad[i], &period)) {
            fail_msg("%s", bad[i]);
        }
    }
    assert_true(review_period_parse("2026-01", &period));
    assert_string_equal(review_period_last(period.from_us).name, "2025-12");
    assert_string_equal(review_period_last(period.until_us - 1).name, "2025-12");
    assert_string_equal(review_period_last(period.until_us).name, "2026-01");
}

static void of_nothing_there_is_no_share(void **state) {
    (void)state;
    json_t *review = review_of(&november);
    assert_int_equal(NOW("payments", "", "n"), 0);
    assert_int_equal(NOW("succeeded", "", "of"), 0);
    assert_int_equal(NOW("time_to_detect", "", "n"), -1);
    assert_true(json_is_true(json_object_get(review, "over")));
    json_decref(review);
    char *page = written(&november, REVIEW_MARKDOWN, NOTICE_EN);
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, " % (0 / 0)"));
    free(page);
}

static void payments_count_where_they_were_begun(void **state) {
    (void)state;
    payment(november.from_us, 5, 0, "1");
    payment(november.from_us + DAY_US, 6, 1, "1");
    payment(november.from_us + 2 * DAY_US, 2, 1, "1");
    payment(november.from_us + 3 * DAY_US, 5, 1, "100"); /* a probe */
    payment(november.until_us - 1, 4, 0, "1");
    payment(november.until_us, 6, 0, "1");
    payment(november.from_us - 1, 6, 0, "1");
    payment(november.before_us - 1, 6, 0, "1");
    json_t *review = review_of(&november);
    assert_int_equal(NOW("payments", "", "n"), 4);
    assert_int_equal(NOW("succeeded", "", "n"), 2);
    assert_int_equal(NOW("succeeded", "", "of"), 3);
    assert_int_equal(NOW("was_unknown", "", "n"), 2);
    assert_int_equal(BEFORE("payments", "", "n"), 1);
    assert_int_equal(BEFORE("succeeded", "", "n"), 0);
    json_decref(review);
}

static void incidents_count_by_cause_with_their_times(void **state) {
    (void)state;
    int64_t at_us = november.from_us + DAY_US;
    const struct trouble troubles[] = {
        {at_us, 1, CAUSE_THIRD_PARTY, 6, 0, 10, "system"},
        {at_us + DAY_US, 1, CAUSE_THIRD_PARTY, 6, 0, 30, "system"},
        {at_us + 2 * DAY_US, 0, CAUSE_HUMAN, 5, 0, 20, "user:usr_a"},
        {at_us + 3 * DAY_US, 0, CAUSE_HUMAN, 3, 0, 0, "user:usr_a"}, /* it goes on */
        {at_us + 4 * DAY_US, 2, CAUSE_HUMAN, 8, 0, 0, "system"},     /* it was none */
        {at_us + 5 * DAY_US, 0, CAUSE_HUMAN, 6, 1, 99, "system"},    /* a drill */
        {november.before_us + DAY_US, 2, CAUSE_HUMAN, 6, 0, 60, "system"},
    };
    for (size_t i = 0; i < COUNT_OF(troubles); i++) {
        incident(&troubles[i]);
    }
    json_t *review = review_of(&november);
    assert_int_equal(NOW("incidents", "P0", "n"), 2);
    assert_int_equal(NOW("incidents", "P1", "n"), 2);
    assert_int_equal(NOW("incidents", "P2", "n"), -1);
    assert_int_equal(BEFORE("incidents", "P2", "n"), 1);
    assert_int_equal(NOW("causes", "third_party", "n"), 2);
    assert_int_equal(NOW("causes", "human", "n"), 2);
    assert_int_equal(NOW("false_alarms", "", "n"), 1);
    assert_int_equal(NOW("by_machine", "", "n"), 2);
    assert_int_equal(NOW("by_machine", "", "of"), 4);
    assert_int_equal(NOW("time_to_mitigate", "", "n"), 3);
    assert_int_equal(NOW("time_to_mitigate", "", "median_s"), 20 * 60);
    assert_int_equal(NOW("time_to_mitigate", "", "longest_s"), 30 * 60);
    assert_int_equal(NOW("time_to_detect", "", "median_s"), 120);
    assert_int_equal(BEFORE("time_to_mitigate", "", "longest_s"), 3600);
    assert_int_equal(NOW("time_to_contain", "", "n"), -1);
    json_decref(review);
}

static void complaints_and_cost_are_of_their_kind_and_currency(void **state) {
    (void)state;
    int64_t at_us = november.from_us;
    complaint(at_us, 1);
    complaint(at_us + 1, 1);
    complaint(at_us + 2, 6);
    complaint(november.until_us, 1);
    posting(at_us, "gateway:stripe-a:fees", "gateway:stripe-a:receivable", 300, "USD");
    posting(at_us, "gateway:stripe-b:fees", "gateway:stripe-b:receivable", 50, "EUR");
    posting(at_us, "gateway:stripe-a:receivable", "gateway:stripe-a:fees", 100, "USD");
    posting(november.from_us - 1, "gateway:x:fees", "gateway:x:receivable", 7, "USD");
    posting(at_us, "merchant:refunds", "gateway:stripe-a:receivable", 999, "JPY");
    json_t *review = review_of(&november);
    assert_int_equal(NOW("complaints", "charged_twice", "n"), 2);
    assert_int_equal(NOW("complaints", "other", "n"), 1);
    assert_int_equal(NOW("fees", "USD", "n"), 200);
    assert_int_equal(NOW("fees", "EUR", "n"), 50);
    assert_int_equal(BEFORE("fees", "USD", "n"), 7);
    assert_int_equal(NOW("refunded", "JPY", "n"), 999);
    json_decref(review);
    char *page = written(&november, REVIEW_HTML, NOTICE_ZH);
    assert_non_null(strstr(page, "网关手续费"));
    assert_non_null(strstr(page, "2.00 USD"));
    assert_non_null(strstr(page, "999 JPY"));
    assert_null(strstr(page, "<script"));
    free(page);
    char *file = written(&november, REVIEW_CSV, NOTICE_EN);
    assert_non_null(strstr(file, "cost,fees,money,USD,n,200,7"));
    assert_non_null(strstr(file, "customers,complaints,count,charged_twice,n,2,"));
    free(file);
}

/* A rule's name may be anybody's: it stays text. */
static void names_of_others_stay_text_and_many_become_other(void **state) {
    (void)state;
    for (int i = 0; i < REVIEW_LABELS_MAX + 5; i++) {
        char id[ID_TEXT_MAX], rule[60];
        snprintf(rule, sizeof rule, i == 0 ? "<b>|=cmd" : "Rule%02d", i);
        PUT("INSERT INTO alert (id, fingerprint, rule, labels, team, severity, state, facts, "
            "value, threshold, group_key, first_symptom_us, seen_us, clear_us, fired_us, acked_us, "
            "acked_by, ack_reason, resolved_us, told_us, calls_us, step, owed, entries, "
            "updated_us) VALUES ($1, $1, $2, '', 1, 1, 4, '{}', '', '', '', $3, $3, 0, $3, $4, '', "
            "'', 0, 0, 0, 0, 0, 0, 0)",
            S_TEXT(named("alr", id)), S_TEXT(rule), S_INT(november.from_us),
            S_INT(i < 10 ? november.from_us + MINUTE_US : 0));
    }
    json_t *review = review_of(&november);
    assert_int_equal(NOW("alerts", "other", "n"), 5);
    assert_int_equal(NOW("answered", "", "n"), 10);
    assert_int_equal(NOW("answered", "", "of"), REVIEW_LABELS_MAX + 5);
    assert_int_equal(NOW("time_to_answer", "", "median_s"), 60);
    json_decref(review);
    char *page = written(&november, REVIEW_HTML, NOTICE_EN);
    assert_null(strstr(page, "<b>|"));
    assert_non_null(strstr(page, "&lt;b&gt;|=cmd"));
    free(page);
    char *text = written(&november, REVIEW_MARKDOWN, NOTICE_EN);
    assert_null(strstr(text, "<b>|"));
    free(text);
}

int main(void) {
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(weeks_and_months_are_whole_and_others_are_none),
        T(of_nothing_there_is_no_share),
        T(payments_count_where_they_were_begun),
        T(incidents_count_by_cause_with_their_times),
        T(complaints_and_cost_are_of_their_kind_and_currency),
        T(names_of_others_stay_text_and_many_become_other),
    };
#undef T
    crypto_init();
    return engine_run("review", tests, COUNT_OF(tests), &engine);
}
