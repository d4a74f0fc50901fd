/* SPDX-License-Identifier: Apache-2.0
 * test_tuning.c: settings that change while it runs: taken by every instance, kept, checked as the
 * file's are, tried before or with a reason, on the audit log. Both engines. */
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
#include "store/audit.h"
#include "watch/backtest.h"
#include "watch/tuning_impl.h"

static struct tuning *here, *there;
static struct tuned_values file;

static void open_both(void) {
    here = tuning_open(&(struct tuning_options){.store = engine.store, .file = &file});
    there = tuning_open(&(struct tuning_options){.store = engine.store, .file = &file});
}

static void close_both(void) {
    tuning_close(here);
    tuning_close(there);
}

static int begin(void **state) {
    struct err err = {0};
    (void)engine_exec(&engine, "DELETE FROM tuning");
    (void)engine_exec(&engine, "DELETE FROM tuning_change");
    (void)engine_exec(&engine, "DELETE FROM backtest");
    (void)engine_exec(&engine, "UPDATE tuning_head SET number = 0");
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &file, &err), 0);
    meter_init();
    slices_init();
    (void)fixture_begin(state);
    open_both();
    return 0;
}

static int end(void **state) {
    close_both();
    return fixture_end(state);
}

/* ---- doing ---- */

struct setting {
    const struct tuning_request *request;
    char *said; /* free() it */
};

static int set_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct setting *setting = ctx;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    int r = tuning_set(here, tx, setting->request, "user:wang", &buf, err);
    free(setting->said);
    setting->said = r < 0 ? NULL : buf_take(&buf);
    return r;
}

static int set(const char *rule, const char *key, const char *value, const char *untested,
               struct err *err) {
    const struct tuning_request request = {.rule = rule,
                                           .pairs = {{key, value}},
                                           .pair_count = 1,
                                           .reason = "it cries wolf",
                                           .untested = untested};
    struct setting setting = {.request = &request};
    *err = (struct err){0};
    int r = store_write(engine.store, set_tx, &setting, err);
    free(setting.said);
    return r;
}

static void must_set(const char *rule, const char *key, const char *value) {
    struct err err;
    if (set(rule, key, value, "there is no time", &err) < 0) {
        fail_msg("%s %s: %s at %s", rule, key, err.detail, err.place);
    }
}

static void look(struct tuning *tuning) {
    struct err err = {0};
    assert_int_equal(tuning_look(tuning, &err), 0);
}

static int64_t for_s(struct tuning *tuning, const char *name) {
    struct alert_rule_state state;
    tuning_rule(tuning, alert_rule_find(name), &state);
    return state.rule.for_us / US_PER_SECOND;
}

static json_t *shown(const char *rule) {
    struct err err = {0};
    json_t *json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(tuning_rule_json(here, rule, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &err), 0);
    return json;
}

static const json_t *setting_in(const json_t *rule, const char *key) {
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(rule, "settings"), i, row) {
        if (strcmp(json_string_value(json_object_get(row, "key")), key) == 0) {
            return row;
        }
    }
    fail_msg("there is no %s", key);
    return NULL;
}

/* ---- tests ---- */

static void every_instance_takes_it_and_a_restart_keeps_it(void **state) {
    (void)state;
    struct figure_limits limits;
    must_set("QueueLag", "for_s", "300");
    must_set("LowProcessingRate", "critical", "0.5");
    assert_int_equal(for_s(there, "QueueLag"), 60);
    look(there);
    look(here);
    assert_int_equal(for_s(there, "QueueLag"), 300);
    assert_int_equal(for_s(here, "QueueLag"), 300);
    tuning_figure(there, FIGURE_PROCESSING_RATE, &limits);
    assert_true(limits.critical == 0.5 && limits.warning == 5.0);
    close_both();
    open_both();
    look(here);
    assert_int_equal(for_s(here, "QueueLag"), 300);
    assert_int_equal(tuning_number(here), 2);
    /* Back to the file's, which may be another by now. */
    must_set("QueueLag", "for_s", NULL);
    look(here);
    assert_int_equal(for_s(here, "QueueLag"), 60);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM tuning"), 1);
}

static void what_was_not_tried_is_refused_but_for_a_reason(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(set("SlowFraudCheck", "critical", "4", NULL, &err), -ERR_STATE);
    assert_non_null(strstr(err.hint, "alert backtest --rule SlowFraudCheck"));
    assert_int_equal(set("CredentialExpiry", "for_s", "90", NULL, &err), -ERR_STATE);
    assert_non_null(strstr(err.detail, "not kept"));
    assert_int_equal(set("SlowFraudCheck", "critical", "4", "", &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/untested");
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM tuning"), 0);
    assert_int_equal(engine_int(&engine, "SELECT number FROM tuning_head"), 0);
    assert_int_equal(set("SlowFraudCheck", "critical", "4", "there is no time", &err), 0);
    char *detail = engine_text(&engine, "SELECT detail FROM audit_entry WHERE action = "
                                        "'alert_rule.set' ORDER BY number DESC LIMIT 1");
    assert_non_null(strstr(detail, "\"was\":3,\"is\":4"));
    assert_non_null(strstr(detail, "\"untested\":\"there is no time\""));
    free(detail);
}

static void what_was_tried_may_be_set_for_an_hour_and_nothing_else(void **state) {
    (void)state;
    struct backtests *backtests;
    struct err err = {0};
    char id[ID_TEXT_MAX];
    const struct tuning_request request = {
        .rule = "SlowFraudCheck", .pairs = {{"critical", "4"}}, .pair_count = 1};
    assert_int_equal(backtests_open(engine.store, here, &backtests, &err), 0);
    assert_int_equal(backtest_begin(backtests, &request, clock_wall_us() - 3600 * US_PER_SECOND, 0,
                                    "user:wang", id, &err), 0);
    backtest_wait(backtests);
    assert_int_equal(set("SlowFraudCheck", "critical", "5", NULL, &err), -ERR_STATE);
    assert_int_equal(set("SlowFraudCheck", "warning", "2", NULL, &err), -ERR_STATE);
    assert_int_equal(set("HighRefundLatency", "critical", "16", NULL, &err), -ERR_STATE);
    test_clock_advance(TUNING_TRIED_US - 60 * US_PER_SECOND);
    assert_int_equal(set("SlowFraudCheck", "critical", "4", NULL, &err), 0);
    char *tried = engine_text(&engine, "SELECT backtest FROM tuning_change");
    assert_string_equal(tried, id);
    free(tried);
    assert_int_equal(set("SlowFraudCheck", "critical", NULL, "quick", &err), 0);
    test_clock_advance(120 * US_PER_SECOND);
    assert_int_equal(set("SlowFraudCheck", "critical", "4", NULL, &err), -ERR_STATE);
    backtests_close(backtests);
}

static void what_is_wrong_is_refused_in_the_files_words(void **state) {
    (void)state;
    static const struct {
        const char *rule, *key, *value, *says;
        int code;
    } rows[] = {
        {"QueueLag", "for_s", "604801", "at most a week", -ERR_VALIDATION},
        {"QueueLag", "for_s", "-1", "whole number", -ERR_VALIDATION},
        {"QueueLag", "for_s", "soon", "whole number", -ERR_VALIDATION},
        {"QueueLag", "for_s", "99999999999", "whole number", -ERR_VALIDATION},
        {"QueueLag", "severity", "P7", "severities are", -ERR_VALIDATION},
        {"QueueLag", "team", "sales", "teams are", -ERR_VALIDATION},
        {"QueueLag", "off", "perhaps", "true or false", -ERR_VALIDATION},
        {"QueueLag", "critical", "1", "has no setting", -ERR_VALIDATION},
        {"QueueLag", "nonsense", "1", "has no setting", -ERR_VALIDATION},
        {"SlowFraudCheck", "critical", "0.5", "may not be below warning", -ERR_VALIDATION},
        {"SlowFraudCheck", "critical", "nan", "a number", -ERR_VALIDATION},
        {"SlowFraudCheck", "critical", "4x", "a number", -ERR_VALIDATION},
        {"SlowFraudCheck", "window_minutes", "0", "from 1 to", -ERR_VALIDATION},
        {"SlowFraudCheck", "window_minutes", "11", "from 1 to", -ERR_VALIDATION},
        {"SlowFraudCheck", "alert", "loud", "off, critical or warning", -ERR_VALIDATION},
        {"Silence", "alarms_per_day", "0", "above 0", -ERR_VALIDATION},
        {"Silence", "alarms_per_day", "11", "at most 10", -ERR_VALIDATION},
        {"Silence", "failing.share", "98", "0 to 97", -ERR_VALIDATION},
        {"Silence", "failing-slightly.points", "0", "more than nothing", -ERR_VALIDATION},
        {"QueueLag", "jobs_late.least", "0", "least is from 1", -ERR_VALIDATION},
        {"QueueLag", "jobs_late.after_s", "2592001", "thirty days", -ERR_VALIDATION},
        {"QueueLag", "jobs_parked.least", "1", "has no setting", -ERR_VALIDATION},
        {"QueueLag", "alarms_per_day", "1", "has no setting", -ERR_VALIDATION},
        {"ForgedCallbacks", "refused.window_minutes", "61", "from 1 to 60", -ERR_VALIDATION},
        {"ForgedCallbacks", "refused.after_s", "1", "has no setting", -ERR_VALIDATION},
        {"RefundRate", "share.times", "1", "from 1.1 to", -ERR_VALIDATION},
        {"RefundRate", "share.window", "week", "hour, day", -ERR_VALIDATION},
        {"VolumeDrop", "volume.drop", "96", "5 to 95", -ERR_VALIDATION},
        {"VolumeDrop", "volume.minutes", "4", "from 5 to 60", -ERR_VALIDATION},
        {"VolumeDrop", "alarms_per_day", "0", "above 0", -ERR_VALIDATION},
        {"SlowFraudCheck", "target", "-1", "from 0 (none)", -ERR_VALIDATION},
        {"NoSuchRule", "for_s", "1", "there is no rule", -ERR_NOT_FOUND},
        {"QueueLag", "for_s", "60", "these values already", -ERR_STATE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err;
        int r = set(rows[i].rule, rows[i].key, rows[i].value, "a test", &err);
        if (r != rows[i].code || strstr(err.detail, rows[i].says) == NULL) {
            fail_msg("%s %s=%s: %d %s", rows[i].rule, rows[i].key, rows[i].value, r, err.detail);
        }
    }
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM tuning_change"), 0);
}

/* Another value than the one in force, that may be. */
static const char *other_value(const struct tuning_setting *setting, const char *now,
                               char ret_text[TUNING_TEXT_MAX + 1]) {
    if (setting->kind == TUNING_FLAG) {
        return strcmp(now, "true") == 0 ? "false" : "true";
    }
    if (strcmp(setting->key, "severity") == 0) {
        return strcmp(now, "P3") == 0 ? "P0" : "P3";
    }
    if (strcmp(setting->key, "team") == 0) {
        return strcmp(now, "product") == 0 ? "support" : "product";
    }
    if (strcmp(setting->key, "share.window") == 0) {
        return strcmp(now, "hour") == 0 ? "day" : "hour";
    }
    if (strcmp(setting->key, "alert") == 0) {
        return strcmp(now, "warning") == 0 ? "off" : "warning";
    }
    double less = strcmp(setting->key, "warning") == 0 ? 1.01 : 0.99;
    snprintf(ret_text, TUNING_TEXT_MAX, setting->kind == TUNING_WHOLE ? "%.0f" : "%.4f",
             setting->kind == TUNING_WHOLE || strtod(now, NULL) <= 0 ? strtod(now, NULL) + 1
                                                                     : strtod(now, NULL) * less);
    return ret_text;
}

static void every_setting_of_every_rule_can_be_set_and_set_back(void **state) {
    (void)state;
    int settings = 0;
    for (int i = 0; i < alert_rule_count(); i++) {
        const struct alert_rule *rule = alert_rule_at(i);
        for (int j = 0; j < tuning_setting_count(); j++) {
            const struct tuning_setting *setting = tuning_setting_at(j);
            char now[TUNING_TEXT_MAX + 1], then[TUNING_TEXT_MAX + 1], text[TUNING_TEXT_MAX + 1];
            struct tuned_values values = file;
            struct err err = {0};
            if (!tuning_has(rule, setting)) {
                continue;
            }
            tuning_value(&file, rule, setting, now);
            bool warning = strcmp(setting->key, "warning") == 0;
            bool limit = warning || strcmp(setting->key, "critical") == 0;
            const char *value = other_value(setting, now, text);
            if (limit &&
                !figure_low_is_bad(&figure_table[tuning_sources_of(rule).figure_id])) {
                /* High is bad: the warning stays below the critical one. */
                snprintf(text, sizeof text, "%.4f",
                         strtod(now, NULL) * (warning ? 0.99 : 1.01));
            }
            const struct tuning_request request = {
                .rule = rule->name, .pairs = {{setting->key, value}}, .pair_count = 1};
            if (tuning_apply_request(&file, &request, &values, &err) < 0) {
                fail_msg("%s %s=%s: %s", rule->name, setting->key, value, err.detail);
            }
            tuning_value(&values, rule, setting, then);
            assert_string_not_equal(now, then);
            const struct tuning_request back = {
                .rule = rule->name, .pairs = {{setting->key, NULL}}, .pair_count = 1};
            assert_int_equal(tuning_apply_request(&file, &back, &values, &err), 0);
            tuning_value(&values, rule, setting, then);
            assert_string_equal(now, then);
            settings++;
        }
    }
    assert_in_range(settings, 100, 1000);
}

static void what_the_file_no_longer_allows_is_not_in_force_and_shown(void **state) {
    (void)state;
    struct figure_limits limits;
    must_set("SlowFraudCheck", "warning", "2.5");
    must_set("SlowFraudCheck", "for_s", "90");
    close_both();
    file.figures[FIGURE_FRAUD_LATENCY].critical = 2;
    open_both();
    look(here);
    tuning_figure(here, FIGURE_FRAUD_LATENCY, &limits);
    assert_true(limits.warning == 1.0 && limits.critical == 2.0);
    assert_int_equal(for_s(here, "SlowFraudCheck"), 90);
    JSON_AUTO rule = shown("SlowFraudCheck");
    const json_t *changed = json_object_get(setting_in(rule, "warning"), "changed");
    assert_true(json_is_false(json_object_get(changed, "in_force")));
    assert_true(json_is_true(json_object_get(
        json_object_get(setting_in(rule, "for_s"), "changed"), "in_force")));
    must_set("SlowFraudCheck", "warning", NULL);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM tuning"), 1);
}

static void who_changed_what_and_why_is_listed(void **state) {
    (void)state;
    struct err err = {0};
    JSON_AUTO json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    must_set("QueueLag", "for_s", "300");
    must_set("QueueLag", "severity", "P1");
    must_set("Silence", "keep_s", "61");
    look(here);
    JSON_AUTO rule = shown("QueueLag");
    const json_t *setting = setting_in(rule, "for_s");
    assert_int_equal(json_integer_value(json_object_get(setting, "value")), 300);
    assert_int_equal(json_integer_value(json_object_get(setting, "file_value")), 60);
    assert_string_equal(json_peek_text(setting, "changed", "actor", NULL), "user:wang");
    assert_string_equal(json_peek_text(setting, "changed", "reason", NULL), "it cries wolf");
    assert_true(json_is_true(json_object_get(rule, "can_be_backtested")));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(rule, "raised_by"), 0)), "jobs_late");
    JSON_AUTO other = shown("CredentialExpiry");
    assert_true(json_is_false(json_object_get(other, "can_be_backtested")));
    assert_int_equal(tuning_changes_json(here, "QueueLag", 0, 1, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &err), 0);
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "number")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "next_cursor")), "2");
    assert_int_equal(tuning_changes_json(here, "", 0, 100, &buf, &err), 0);
    assert_non_null(strstr(buf.data, "\"rule\":\"Silence\""));
    assert_int_equal(tuning_changes_json(here, "Nobody", 0, 1, &buf, &err), -ERR_VALIDATION);
    struct audit_verdict verdict;
    assert_int_equal(audit_verify(engine.store, &verdict, &err), 0);
    assert_int_equal(verdict.broken_number, 0);
}

static void alerts_go_by_it_at_once(void **state) {
    (void)state;
    alerts[0]->options.tuning = here;
    must_set("ParkedWork", "for_s", "60");
    must_set("DoubleCharge", "off", "true");
    look(here);
    say("ParkedWork", NULL, true);
    say("DoubleCharge", NULL, true);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM alert"), 1);
    assert_int_equal(engine_int(&engine, "SELECT state FROM alert"), ALERT_PENDING);
    pass_s(61);
    assert_int_equal(engine_int(&engine, "SELECT state FROM alert"), ALERT_FIRING);
    alerts[0]->options.tuning = NULL;
}

static void two_at_once_are_both_kept(void **state) {
    (void)state;
    struct tuned_values values;
    /* What one instance does not know yet is not undone by it. */
    must_set("QueueLag", "for_s", "300");
    must_set("QueueLag", "keep_s", "301");
    look(there);
    tuning_values(there, &values);
    const struct alert_rule *rule =
        &values.rules[alert_rule_find("QueueLag") - alert_rule_at(0)].rule;
    assert_int_equal(rule->for_us, 300 * US_PER_SECOND);
    assert_int_equal(rule->keep_us, 301 * US_PER_SECOND);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_instance_takes_it_and_a_restart_keeps_it),
        T(what_was_not_tried_is_refused_but_for_a_reason),
        T(what_was_tried_may_be_set_for_an_hour_and_nothing_else),
        T(what_is_wrong_is_refused_in_the_files_words),
        T(every_setting_of_every_rule_can_be_set_and_set_back),
        T(what_the_file_no_longer_allows_is_not_in_force_and_shown),
        T(who_changed_what_and_why_is_listed),
        T(alerts_go_by_it_at_once),
        T(two_at_once_are_both_kept),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    return engine_run("tuning", tests, COUNT_OF(tests), &engine);
}
