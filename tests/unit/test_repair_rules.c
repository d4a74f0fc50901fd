/* SPDX-License-Identifier: Apache-2.0
 * test_repair_rules.c: the file of repair rules: what it may say, and where it is wrong; the tables
 * of actions, states and moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "recon/repair/repair.h"

#define GOOD                                                                                       \
    "rules:\n"                                                                                     \
    "  - name: one\n"                                                                              \
    "    says: one\n"                                                                              \
    "    action: complete\n"                                                                       \
    "    classes: [paid_there_open_here]\n"                                                        \
    "    gateways: [stripe-eu]\n"                                                                  \
    "    older_than: 10m\n"                                                                        \
    "    younger_than: 1d\n"                                                                       \
    "    caps:\n"                                                                                  \
    "      day_count: 5\n"                                                                         \
    "      total_count: 50\n"                                                                      \
    "      money:\n"                                                                               \
    "        - {currency: EUR, each: 1, day: 2, total: 3}\n"                                       \
    "        - {currency: USD, each: 10, day: 20, total: 30}\n"                                    \
    "    errors: {of: 4, more_than: 1}\n"

static struct repair_rules *read_good(const char *text) {
    struct repair_rules *rules = NULL;
    struct err err = {0};
    if (repair_rules_read("rules.yaml", text, &rules, &err) < 0) {
        fail_msg("%s (%s)", err.detail, err.place);
    }
    return rules;
}

static void a_rule_is_read_as_it_was_said(void **state) {
    (void)state;
    struct repair_rules *rules = read_good(GOOD);
    const struct repair_rule *rule = repair_rule_find(rules, "one");
    assert_non_null(rule);
    assert_null(repair_rule_find(rules, "two"));
    assert_int_equal(rule->action, REPAIR_COMPLETE);
    assert_int_equal(rule->classes, UINT64_C(1) << CLASS_PAID_THERE);
    assert_int_equal(rule->day_count, 5);
    assert_int_equal(rule->total_count, 50);
    assert_int_equal(repair_rule_cap(rule, currency_stored("USD"))->day_minor, 20);
    assert_null(repair_rule_cap(rule, currency_stored("CNY")));
    assert_int_equal(rule->errors_of, 4);
    assert_int_equal(rule->errors_max, 1);
    struct break_row row = {.gateway = "stripe-eu", .class = CLASS_PAID_THERE, .opened_us = 1000};
    int64_t minute = 60 * US_PER_SECOND;
    assert_non_null(repair_rule_not_for(rule, &row, 1000 + 10 * minute - 1));
    assert_null(repair_rule_not_for(rule, &row, 1000 + 10 * minute));
    assert_null(repair_rule_not_for(rule, &row, 1000 + 24 * 60 * minute - 1));
    assert_non_null(repair_rule_not_for(rule, &row, 1000 + 24 * 60 * minute));
    row.gateway = "stripe-us";
    assert_non_null(repair_rule_not_for(rule, &row, 1000 + 20 * minute));
    row.gateway = "stripe-eu";
    row.class = CLASS_FEE;
    assert_non_null(repair_rule_not_for(rule, &row, 1000 + 20 * minute));
    repair_rules_free(rules);
}

/* `old` of the good file becomes `new`. */
static char *with(const char *old, const char *new) {
    const char *at = strstr(GOOD, old);
    assert_non_null(at);
    size_t before = (size_t)(at - (const char *)GOOD), bytes = strlen(GOOD) + strlen(new) + 1;
    char *text = malloc(bytes);
    snprintf(text, bytes, "%.*s%s%s", (int)before, GOOD, new, at + strlen(old));
    return text;
}

static void what_is_wrong_is_named_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *says;
        int line;
    } rows[] = {
        {"name: one", "name: One", "a to z", 2},
        {"action: complete", "action: mend", "no such action", 4},
        {"[paid_there_open_here]", "[paid_there]", "no break of that class", 5},
        {"[paid_there_open_here]", "[fee]", "does nothing about", 5},
        {"older_than: 10m", "older_than: soon", "a time from", 7},
        {"younger_than: 1d", "younger_than: 5m", "no break is older", 8},
        {"day_count: 5", "day_count: 0", "1 or more", 10},
        {"day_count: 5", "day_count: 51", "total_count", 10},
        {"currency: USD", "currency: EUR", "twice", 12},
        {"currency: USD", "currency: XXX", "no such currency", 12},
        {"each: 10, day: 20", "each: 21, day: 20", "no less than each", 12},
        {"day: 20, total: 30", "day: 31, total: 30", "no less than day", 12},
        {"each: 10", "each: 0", "1 or more", 12},
        {"of: 4", "of: 0", "from 1 to 200", 15},
        {"more_than: 1", "more_than: 4", "never stops", 15},
        {"    errors: {of: 4, more_than: 1}\n", "", "errors", 2},
        {"    says: one\n", "    says: one\n    shout: one\n", "shout", 4},
        {"each: 10", "each: -1", "each", 14},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = with(rows[i].old, rows[i].new), place[40];
        struct repair_rules *rules = NULL;
        struct err err = {0};
        assert_int_equal(repair_rules_read("rules.yaml", text, &rules, &err), -ERR_CONFIG);
        assert_null(rules);
        snprintf(place, sizeof place, "rules.yaml:%d", rows[i].line);
        if (strstr(err.detail, rows[i].says) == NULL || strcmp(err.place, place) != 0) {
            fail_msg("\"%s\": %s (%s)", rows[i].new, err.detail, err.place);
        }
        free(text);
    }
}

static void two_rules_have_two_names_and_the_line_is_of_the_second(void **state) {
    (void)state;
    struct repair_rules *rules = NULL;
    struct err err = {0};
    char *text = malloc(2 * strlen(GOOD) + 1);
    snprintf(text, 2 * strlen(GOOD) + 1, "%s%s", GOOD, (const char *)GOOD + strlen("rules:\n"));
    assert_int_equal(repair_rules_read("rules.yaml", text, &rules, &err), -ERR_CONFIG);
    assert_string_equal(err.place, "rules.yaml:16");
    free(text);
}

/* Who enabled a rule has read all of it that decides. */
static void whatever_decides_is_in_the_digest_and_what_it_says_is_not(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"action: complete", "action: replay"},
        {"stripe-eu", "stripe-us"},
        {"older_than: 10m", "older_than: 11m"},
        {"younger_than: 1d", "younger_than: 2d"},
        {"day_count: 5", "day_count: 6"},
        {"total_count: 50", "total_count: 51"},
        {"each: 10", "each: 11"},
        {"day: 20", "day: 21"},
        {"total: 30", "total: 31"},
        {"currency: USD", "currency: CNY"},
        {"of: 4", "of: 5"},
        {"more_than: 1", "more_than: 2"},
    };
    struct repair_rules *rules = read_good(GOOD);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        char *text = with(changes[i][0], changes[i][1]);
        struct repair_rules *other = read_good(text);
        assert_string_not_equal(other->rules[0].digest, rules->rules[0].digest);
        repair_rules_free(other);
        free(text);
    }
    char *text = with("says: one", "says: another");
    struct repair_rules *same = read_good(text);
    assert_string_equal(same->rules[0].digest, rules->rules[0].digest);
    repair_rules_free(same);
    free(text);
    repair_rules_free(rules);
}

static void the_example_that_is_shipped_loads_and_has_a_rule_for_each_action(void **state) {
    (void)state;
    struct repair_rules *rules = NULL;
    struct err err = {0};
    if (repair_rules_load(TESTS_DIR "/../deploy/rules.yaml", &rules, &err) < 0) {
        fail_msg("%s (%s)", err.detail, err.place);
    }
    for (int action = 1; strcmp(repair_action_name(action), "?") != 0; action++) {
        bool found = false;
        for (int i = 0; i < rules->count; i++) {
            found = found || (int)rules->rules[i].action == action;
        }
        assert_true(found);
    }
    repair_rules_free(rules);
    assert_int_equal(repair_rules_load("/no/such/rules.yaml", &rules, &err), -ERR_CONFIG);
}

static void what_counts_is_given_back_only_where_nothing_was_moved(void **state) {
    (void)state;
    for (int from = 0; from <= REPAIR_STATE_COUNT; from++) {
        for (int to = 0; to <= REPAIR_STATE_COUNT; to++) {
            if (!repair_move_is(from, to)) {
                continue;
            }
            assert_true(repair_state_live(from) || from == REPAIR_IS_DONE);
            /* What counts no more never counts again, and what was done is never an error. */
            assert_true(repair_state_counts(from));
            assert_false(repair_state_bad(from));
        }
    }
    assert_false(repair_move_is(REPAIR_IS_DOING, REPAIR_IS_FAILED)); /* money may move */
    assert_false(repair_move_is(REPAIR_IS_PLANNED, REPAIR_IS_DONE)); /* unasked */
    assert_false(repair_move_is(REPAIR_IS_PLANNED, REPAIR_IS_DOING));
    assert_string_equal(repair_state_name(99), "?");
    assert_int_equal(repair_action_undo(REPAIR_WRITE_OFF), REPAIR_UNDO_REOPEN);
    assert_int_equal(repair_action_undo(REPAIR_COMPLETE), REPAIR_UNDO_TAKE_BACK);
    assert_int_equal(repair_action_undo(REPAIR_RETURN_SECOND), REPAIR_UNDO_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_read_as_it_was_said),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(two_rules_have_two_names_and_the_line_is_of_the_second),
        cmocka_unit_test(whatever_decides_is_in_the_digest_and_what_it_says_is_not),
        cmocka_unit_test(the_example_that_is_shipped_loads_and_has_a_rule_for_each_action),
        cmocka_unit_test(what_counts_is_given_back_only_where_nothing_was_moved),
    };
    crypto_init();
    return cmocka_run_group_tests_name("repair_rules", tests, NULL, NULL);
}
