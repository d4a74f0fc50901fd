/* SPDX-License-Identifier: Apache-2.0
 * test_backtest.c: what would have fired is what did fire: generated histories are lived through
 * second by second by the lookout and the alerts, then tried by the back-test, with the same
 * values. Both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert_fixture.h"
#include "base/log.h"
#include "meter/meter.h"
#include "watch/backtest_impl.h"
#include "watch/lookout.h"

enum { MINUTES = 60, LIVE_STEP_S = 3, SLACK_S = 2 * LIVE_STEP_S, GATEWAYS = 2, WRITERS = 2 };
#define US_PER_MINUTE (60 * US_PER_SECOND)

static struct tuning *tuning;
static struct backtests *backtests;

/* ---- a history ---- */

static uint64_t seed;
static int chance(int below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)below);
}

struct inserted {
    int64_t minute, slice, writer, ok, declined, failed, repeated;
    int operation, bucket;
    const char *gateway;
};

static int insert_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct inserted *row = ctx;
    char durations[40] = "";
    if (row->bucket >= 0) {
        snprintf(durations, sizeof durations, "%d:%lld", row->bucket,
                 (long long)(row->ok + row->declined + row->failed));
    }
    int r = sql_put(tx, err,
                    "INSERT INTO metric_slice (id, operation, gateway, method, region, currency, "
                    "segment) VALUES ($1, $2, $3, 'card', 'DE', 'EUR', '') ON CONFLICT DO NOTHING",
                    S_INT(row->slice), S_INT(row->operation), S_TEXT(row->gateway));
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO metric_minute (minute, slice, writer, " METRIC_COLUMNS
                           ") VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, '')",
                           S_INT(row->minute), S_INT(row->slice), S_INT(row->writer),
                           S_INT(row->ok), S_INT(row->declined), S_INT(row->failed),
                           S_INT(row->repeated), S_TEXT(durations));
}

static void insert_row(struct inserted row) {
    struct err err = {0};
    if (store_write(engine.store, insert_tx, &row, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* Times of trouble of chance length; between them all is well. */
static void generate(int64_t first) {
    static const int operations[] = {SLICE_PAYMENT, SLICE_REFUND, SLICE_CALL, SLICE_FRAUD};
    for (size_t o = 0; o < COUNT_OF(operations); o++) {
        for (int g = 0; g < GATEWAYS; g++) {
            int left = 0, bad = 0;
            for (int m = 0; m < MINUTES; m++, left--) {
                if (left <= 0) {
                    left = 2 + chance(12);
                    bad = chance(4); /* 0, 1: well; 2: failing; 3: slow or nothing */
                }
                for (int w = 0; w < WRITERS; w++) {
                    int64_t all = bad == 3 && chance(2) == 0 ? 0 : 4 + chance(12);
                    int64_t failed = bad == 2 ? all * chance(60) / 100 : 0;
                    if (all > 0) {
                        int64_t us = bad == 3 ? 20 * US_PER_SECOND : 200 * US_PER_MS;
                        insert_row((struct inserted){
                            .minute = first + m, .writer = 100 + w,
                            .slice = 10 * operations[o] + g, .operation = operations[o],
                            .gateway = g == 0 ? "alpha" : "beta", .ok = all - failed,
                            .failed = failed, .repeated = failed > 3 ? 1 : 0,
                            .bucket = slice_bucket_of(us)});
                    }
                }
            }
        }
    }
}

/* ---- as it happens ---- */

static int signal_live(void *ctx, const struct alert_signal *signals, int count, struct err *err) {
    (void)ctx;
    return alert_signals(alerts[0], signals, count, err);
}

/* To the next minute's second 20, in whose first fifteen seconds nothing of it is judged. */
static int64_t align(void) {
    int64_t minute = clock_wall_us() / US_PER_MINUTE + 2;
    test_clock_advance(minute * US_PER_MINUTE + 20 * US_PER_SECOND - clock_wall_us());
    return minute;
}

static void (*meanwhile)(void); /* at each step of what is lived through; NULL: nothing */

static void live_through(int64_t first) {
    struct err err = {0};
    const struct lookout_options options = {
        .store = engine.store, .source = "inst_1", .tuning = tuning, .signal = signal_live};
    struct lookout *lookout = lookout_open(&options);
    while (clock_wall_us() < (first + MINUTES) * US_PER_MINUTE + 20 * US_PER_SECOND) {
        if (lookout_turn(lookout, &err) < 0) {
            fail_msg("%s", err.detail);
        }
        drain();
        if (meanwhile != NULL) {
            meanwhile();
        }
        test_clock_advance(LIVE_STEP_S * US_PER_SECOND);
    }
    lookout_close(lookout);
}

/* ---- tried afterwards ---- */

static json_t *shown(const char *id) {
    struct err err = {0};
    json_t *json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(backtest_json(backtests, id, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &err), 0);
    return json;
}

static json_t *tried(const struct tuning_request *request, int64_t first) {
    struct err err = {0};
    char id[ID_TEXT_MAX];
    if (backtest_begin(backtests, request, first * US_PER_MINUTE,
                       (first + MINUTES) * US_PER_MINUTE, "user:wang", id, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    backtest_wait(backtests);
    json_t *json = shown(id);
    if (strcmp(json_string_value(json_object_get(json, "state")), "done") != 0) {
        fail_msg("%s", json_string_value(json_object_get(json, "why")));
    }
    return json;
}

enum { LIVE_MAX = 200 };
struct live_alert {
    char id[ID_TEXT_MAX];
    int64_t fired_us, ended_us;
    enum notice_severity severity;
};
struct live_alerts {
    const char *rule;
    int64_t until_us;
    const json_t *firings;
    struct live_alert rows[LIVE_MAX];
    int count;
};

static int64_t time_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    int64_t wall_us = 0;
    assert_true(text == NULL || clock_parse(text, &wall_us));
    return wall_us;
}

static bool near(int64_t one_us, int64_t other_us) {
    int64_t apart_us = one_us > other_us ? one_us - other_us : other_us - one_us;
    return apart_us <= SLACK_S * US_PER_SECOND;
}

static int fired_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct live_alerts *live = ctx;
    SQL_ROWS_AUTO rows = NULL;
    live->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, fired_us, resolved_us, severity FROM alert WHERE rule = $1 AND "
                      "fired_us > 0 AND fired_us < $2 ORDER BY fired_us, labels",
                      S_TEXT(live->rule), S_INT(live->until_us));
    r = r < 0 ? r : sql_next(rows, err);
    for (; r > 0 && live->count < LIVE_MAX; r = sql_next(rows, err)) {
        struct live_alert *alert = &live->rows[live->count++];
        snprintf(alert->id, sizeof alert->id, "%s", sql_text(rows, 0));
        alert->fired_us = sql_int(rows, 1);
        alert->ended_us = sql_int(rows, 2) < live->until_us ? sql_int(rows, 2) : 0;
        alert->severity = (enum notice_severity)sql_int(rows, 3);
    }
    return r < 0 ? r : 0;
}

/* Outside the transaction: a test that fails must not leave one open. */
static void compare_one(const struct live_alerts *live, const struct live_alert *alert) {
    const json_t *match = NULL, *row;
    size_t i;
    json_array_foreach(live->firings, i, row) {
        const char *id = json_string_value(json_object_get(row, "alert_id"));
        bool same = id != NULL && strcmp(id, alert->id) == 0 &&
                    near(time_of(row, "fired_at"), alert->fired_us);
        match = same ? row : match;
    }
    if (match == NULL) {
        fail_msg("%s fired at %lld, and the back-test does not say so", live->rule,
                 (long long)alert->fired_us);
    }
    if (alert->ended_us > 0 && !near(time_of(match, "ended_at"), alert->ended_us)) {
        fail_msg("%s ended at %lld, the back-test says %lld", live->rule,
                 (long long)alert->ended_us, (long long)time_of(match, "ended_at"));
    }
    assert_string_equal(json_string_value(json_object_get(match, "severity")),
                        notice_severity_name(alert->severity));
}

static int64_t compare(const char *rule, int64_t first) {
    const struct tuning_request nothing = {.rule = rule};
    JSON_AUTO json = tried(&nothing, first);
    const json_t *present = json_object_get(json_object_get(json, "result"), "present");
    struct live_alerts live = {.rule = rule,
                               .until_us = (first + MINUTES) * US_PER_MINUTE - SLACK_S *
                                                                                   US_PER_SECOND,
                               .firings = json_object_get(present, "firings")};
    struct err err = {0};
    if (store_read(engine.store, fired_tx, &live, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    for (int i = 0; i < live.count; i++) {
        compare_one(&live, &live.rows[i]);
    }
    int64_t within = 0, count = 0;
    const json_t *row;
    size_t i;
    json_array_foreach(live.firings, i, row) {
        within += time_of(row, "fired_at") < live.until_us;
        count++;
    }
    if (within != live.count) {
        fail_msg("%s: fired %d times, the back-test says %lld", rule, live.count,
                 (long long)within);
    }
    assert_int_equal(json_integer_value(json_object_get(present, "count")), count);
    assert_int_equal(json_integer_value(json_object_get(present, "real_missed")), 0);
    return live.count;
}

/* ---- tests ---- */

static int begin(void **state) {
    meanwhile = NULL;
    (void)engine_exec(&engine, "DELETE FROM metric_hour");
    (void)engine_exec(&engine, "DELETE FROM look_minute");
    (void)engine_exec(&engine, "DELETE FROM webhook_delivery");
    (void)engine_exec(&engine, "DELETE FROM metric_minute");
    (void)engine_exec(&engine, "DELETE FROM metric_slice");
    (void)engine_exec(&engine, "DELETE FROM tuning");
    (void)engine_exec(&engine, "DELETE FROM backtest");
    meter_init();
    slices_init();
    return fixture_begin(state);
}

static int end(void **state) {
    backtests_close(backtests);
    tuning_close(tuning);
    backtests = NULL;
    tuning = NULL;
    return fixture_end(state);
}

/* With these values in the file, and alerts that go by them. */
static void open_with(const struct tuned_values *values) {
    struct err err = {0};
    tuning = tuning_open(&(struct tuning_options){.store = engine.store, .file = values});
    assert_int_equal(backtests_open(engine.store, tuning, &backtests, &err), 0);
    backtests->rows_at_once = 37; /* so that many pieces are read */
    for (int i = 0; i < INSTANCES; i++) {
        alerts[i]->options.tuning = tuning;
    }
}

static struct tuned_values chance_values(void) {
    struct tuned_values values;
    struct err err = {0};
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    for (int i = 0; i < FIGURES; i++) {
        struct figure_limits *limits = &values.figures[i];
        limits->level = chance(3) > 0 ? FIGURE_LEVEL_WARNING : FIGURE_LEVEL_CRITICAL;
        limits->window_minutes = 1 + chance(FIGURE_WINDOW_MAX);
        limits->events_min = 1 + chance(40);
    }
    values.figures[FIGURE_PROCESSING_RATE].warning = 30;
    values.figures[FIGURE_PROCESSING_RATE].critical = 15;
    for (int i = 0; i < alert_rule_count(); i++) {
        values.rules[i].rule.for_us = chance(4) * 45 * US_PER_SECOND;
        values.rules[i].rule.keep_us = chance(5) * 40 * US_PER_SECOND;
    }
    return values;
}

static const char *const figure_rules[] = {
#define X(ID, rule, by_gateway, level) rule,
#include "watch/figure_alarms.def"
#undef X
};

static void what_would_have_fired_is_what_fired(void **state) {
    (void)state;
    int64_t fired = 0;
    for (uint64_t round = 1; round <= 2; round++) {
        seed = round * 7919;
        const struct tuned_values values = chance_values();
        if (round > 1) {
            (void)end(state);
            (void)begin(state);
        }
        open_with(&values);
        int64_t first = align();
        generate(first);
        live_through(first);
        for (size_t i = 0; i < COUNT_OF(figure_rules); i++) {
            fired += compare(figure_rules[i], first);
        }
    }
    /* Nothing is proved by a history in which nothing happens. */
    assert_in_range(fired, 20, 400);
}

/* Work is parked and taken up again, callbacks are forged, as chance will. */
static void make_trouble(void) {
    if (chance(40) == 0) {
        (void)engine_exec(&engine, "DELETE FROM webhook_delivery");
        for (int i = chance(4); i > 0; i--) {
            char sql[200];
            snprintf(sql, sizeof sql,
                     "INSERT INTO webhook_delivery VALUES ('wd_%d', 'ep', 'evt_%d', 't', 3, 1, "
                     "500, '', 1, %lld)",
                     i, i, (long long)clock_wall_us());
            (void)engine_exec(&engine, sql);
        }
    }
    for (int i = chance(30) == 0 ? 1 + chance(3) : 0; i > 0; i--) {
        meter_count(METER_CALLBACKS, "alpha", "refused");
    }
}

static void counts_would_have_fired_when_they_did(void **state) {
    (void)state;
    static const char *const rules[] = {"ParkedWork", "ForgedCallbacks"};
    seed = 20261123;
    struct tuned_values values = chance_values();
    const int parked = measure_find("webhooks_parked", strlen("webhooks_parked"));
    values.watch.measures[parked].least = 2;
    values.watch.measures[parked].grave_after_s = 60;
    values.watch.measures[MEASURE_REFUSED].window_minutes = 2;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        /* Nothing that is a multiple of the time between two looks: whether a look or the end of
         * the wait came first would hang on a fraction of a second, which no row keeps. */
        struct alert_rule *rule = &values.rules[alert_rule_find(rules[i]) - alert_rule_at(0)].rule;
        rule->for_us = (int64_t)(2 - i) * 20 * US_PER_SECOND;
        rule->keep_us = (int64_t)i * 20 * US_PER_SECOND;
    }
    open_with(&values);
    for (int g = 0; g < GATEWAYS; g++) {
        slice_record(&(struct slice_event){.operation = SLICE_CALLBACK,
                                           .outcome = SLICE_OK,
                                           .labels = {g == 0 ? "alpha" : "beta", "", "", "", ""},
                                           .duration_us = -1});
    }
    meanwhile = make_trouble;
    int64_t first = align(), fired = 0;
    live_through(first);
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        int64_t times = compare(rules[i], first);
        assert_in_range(times, 2, 60);
        fired += times;
    }
    assert_in_range(fired, 10, 120);
    /* Fewer are told of with a higher limit; and none before anything was counted. */
    struct tuning_request request = {
        .rule = "ParkedWork", .pairs = {{"webhooks_parked.least", "3"}}, .pair_count = 1};
    JSON_AUTO json = tried(&request, first);
    const json_t *result = json_object_get(json, "result");
    int64_t present = json_peek_int(result, 0, "present", "count", NULL);
    int64_t proposed = json_peek_int(result, -1, "proposed", "count", NULL);
    assert_true(proposed > 0 && proposed < present);
    request.pairs[0].value = "100";
    JSON_AUTO none = tried(&request, first);
    assert_int_equal(
        json_peek_int(json_object_get(none, "result"), -1, "proposed", "count", NULL), 0);
    /* Longer windows see more together. */
    request = (struct tuning_request){.rule = "ForgedCallbacks",
                                      .pairs = {{"refused.window_minutes", "60"}},
                                      .pair_count = 1};
    JSON_AUTO longer = tried(&request, first);
    result = json_object_get(longer, "result");
    assert_true(json_peek_int(result, 0, "proposed", "seconds", NULL) >
                json_peek_int(result, 0, "present", "seconds", NULL));
}

/* ---- against what is usual ---- */

enum { PAST_HOURS = 36 * 24, A_MINUTE = 10, WRONG_FROM = 10, WRONG_UNTIL = 35 };

static int put_usual(struct store_tx *tx, bool hours, int64_t at, int slice, int64_t ok,
                     int64_t declined, struct err *err) {
    return sql_put(tx, err,
                   hours ? "INSERT INTO metric_hour VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, '', '')"
                         : "INSERT INTO metric_minute VALUES ($1, $2, 1, $3, $4, 0, 0, 0, 0, 0, "
                           "'', '')",
                   S_INT(at), S_INT(slice), S_INT(ok), S_INT(declined));
}

/* Five weeks as usual, by the minute near the end. Then few pay, and more of them are refused. */
static int usual_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t first = *(const int64_t *)ctx, first_hour = first / 60;
    int r = sql_put(tx, err,
                    "INSERT INTO metric_slice VALUES (1, 1, 'a', '', '', 'EUR', ''), (2, 9, '', "
                    "'', '', 'EUR', '')");
    for (int64_t h = first_hour - PAST_HOURS; r >= 0 && h <= first_hour + 1; h++) {
        int64_t paid = 0, refused = 0;
        bool near = h >= first_hour - 2;
        for (int m = 0; r >= 0 && m < (near ? 60 : 1); m++) {
            int64_t at = h * 60 + m - first;
            bool wrong = at >= WRONG_FROM && at < WRONG_UNTIL;
            int64_t some = wrong ? 1 : near ? A_MINUTE : 60 * A_MINUTE;
            int64_t bad = wrong ? 5 : near ? m % 10 == 0 : 6;
            r = put_usual(tx, false, h * 60 + m, 1, some, 0, err);
            r = r < 0 ? r : put_usual(tx, false, h * 60 + m, 2, some, bad, err);
            paid += some;
            refused += bad;
        }
        r = r < 0 ? r : put_usual(tx, true, h, 1, paid, 0, err);
        r = r < 0 ? r : put_usual(tx, true, h, 2, paid, refused, err);
    }
    return r;
}

static void shares_and_volume_would_have_fired_when_they_did(void **state) {
    (void)state;
    struct tuned_values values;
    struct err err = {0};
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    open_with(&values);
    int64_t first = align();
    if (store_write(engine.store, usual_tx, &first, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    live_through(first);
    assert_int_equal(compare("VolumeDrop", first), 1);
    assert_int_equal(compare("FraudRate", first), 1);
    assert_int_equal(compare("VolumeSurge", first), 0);
    /* What is asked for more strictly is told of no more; what is asked for less, sooner. */
    static const struct {
        const char *rule, *key, *value;
        int64_t count;
    } rows[] = {
        {"VolumeDrop", "volume.drop", "5", 0},
        {"VolumeDrop", "volume.minutes", "5", 1},
        {"FraudRate", "share.times", "100", 0},
        {"FraudRate", "share.window", "day", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct tuning_request request = {
            .rule = rows[i].rule, .pairs = {{rows[i].key, rows[i].value}}, .pair_count = 1};
        JSON_AUTO json = tried(&request, first);
        const json_t *result = json_object_get(json, "result");
        assert_int_equal(json_peek_int(result, 0, "present", "count", NULL), 1);
        if (json_peek_int(result, -1, "proposed", "count", NULL) != rows[i].count) {
            fail_msg("%s %s=%s", rows[i].rule, rows[i].key, rows[i].value);
        }
    }
}

static void what_is_proposed_stands_beside_what_is_in_force(void **state) {
    (void)state;
    seed = 4242;
    struct tuned_values values = chance_values();
    const struct alert_rule *rule = alert_rule_find("PaymentServiceGatewayFailure");
    struct alert_rule_state *ours = &values.rules[rule - alert_rule_at(0)];
    ours->rule.for_us = 0;
    values.figures[FIGURE_GATEWAY_ERRORS] =
        (struct figure_limits){2, 5, 5, 1, FIGURE_LEVEL_WARNING};
    open_with(&values);
    int64_t first = align();
    generate(first);
    test_clock_advance((MINUTES + 1) * US_PER_MINUTE);
    struct tuning_request request = {
        .rule = rule->name, .pairs = {{"critical", "100"}, {"warning", "100"}}, .pair_count = 2};
    JSON_AUTO json = tried(&request, first);
    const json_t *result = json_object_get(json, "result");
    assert_in_range(json_peek_int(result, 0, "present", "count", NULL), 1, 100);
    assert_int_equal(json_peek_int(result, -1, "proposed", "count", NULL), 0);
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 2);
    /* A rule that waits longer than anything lasts never fires; a worst value is the worst. */
    request = (struct tuning_request){
        .rule = rule->name, .pairs = {{"for_s", "86400"}}, .pair_count = 1};
    JSON_AUTO later = tried(&request, first);
    assert_int_equal(
        json_peek_int(json_object_get(later, "result"), -1, "proposed", "count", NULL), 0);
    const json_t *row = json_array_get(json_peek(result, "present", "firings", NULL), 0);
    assert_true(json_number_value(json_object_get(row, "worst")) > 2.0);
    assert_string_equal(json_string_value(json_object_get(row, "unit")), "percent");
    assert_non_null(json_object_get(json_object_get(row, "labels"), "gateway"));
}

static void what_cannot_be_tried_is_said(void **state) {
    (void)state;
    struct tuned_values values;
    struct err err = {0};
    char id[ID_TEXT_MAX];
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    open_with(&values);
    int64_t now_us = clock_wall_us();
    const struct {
        const char *rule;
        int64_t from_us;
        struct tuning_pair pair;
        int code;
        const char *place;
    } rows[] = {
        {"CredentialExpiry", now_us - US_PER_MINUTE * 60, {NULL, NULL}, -ERR_STATE, ""},
        {"NoSuchRule", now_us - US_PER_MINUTE * 60, {NULL, NULL}, -ERR_NOT_FOUND, ""},
        {"SlowFraudCheck", now_us + US_PER_MINUTE, {NULL, NULL}, -ERR_VALIDATION, "/since"},
        {"SlowFraudCheck", now_us - (ROLLUP_DAYS + 1) * 86400 * US_PER_SECOND, {NULL, NULL},
         -ERR_VALIDATION, "/since"},
        {"SlowFraudCheck", now_us - US_PER_MINUTE * 60, {"alarms_per_day", "1"}, -ERR_VALIDATION,
         "/set/alarms_per_day"},
        {"SlowFraudCheck", now_us - US_PER_MINUTE * 60, {"critical", "0.5"}, -ERR_VALIDATION,
         "/set"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct tuning_request request = {.rule = rows[i].rule,
                                               .pairs = {rows[i].pair},
                                               .pair_count = rows[i].pair.key != NULL};
        err = (struct err){0};
        assert_int_equal(backtest_begin(backtests, &request, rows[i].from_us, 0, "user:wang", id,
                                        &err), rows[i].code);
        assert_string_equal(err.place, rows[i].place);
    }
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM backtest"), 0);
}

static int fail_rows(void *ctx, const char *sql) {
    (void)ctx;
    return strncmp(sql, "SELECT m.minute", 15) == 0 ? -1 : 0;
}

static void what_broke_it_is_kept(void **state) {
    (void)state;
    struct tuned_values values;
    struct err err = {0};
    char id[ID_TEXT_MAX];
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    open_with(&values);
    const struct tuning_request request = {.rule = "SlowFraudCheck"};
    store_fault_set(engine.store, fail_rows, NULL);
    assert_int_equal(backtest_begin(backtests, &request, clock_wall_us() - US_PER_MINUTE * 60, 0,
                                    "user:wang", id, &err), 0);
    backtest_wait(backtests);
    store_fault_set(engine.store, NULL, NULL);
    JSON_AUTO json = shown(id);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "failed");
    assert_true(strlen(json_string_value(json_object_get(json, "why"))) > 0);
    /* One whose process died is not running for ever. */
    (void)engine_exec(&engine, "UPDATE backtest SET state = 1, ended_us = 0");
    JSON_AUTO running = shown(id);
    assert_string_equal(json_string_value(json_object_get(running, "state")), "running");
    test_clock_advance((BACKTEST_LOST_S + 5) * US_PER_SECOND);
    JSON_AUTO lost = shown(id);
    assert_string_equal(json_string_value(json_object_get(lost, "state")), "failed");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_would_have_fired_is_what_fired),
        T(counts_would_have_fired_when_they_did),
        T(shares_and_volume_would_have_fired_when_they_did),
        T(what_is_proposed_stands_beside_what_is_in_force),
        T(what_cannot_be_tried_is_said),
        T(what_broke_it_is_kept),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    return engine_run("backtest", tests, COUNT_OF(tests), &engine);
}
