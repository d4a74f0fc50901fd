/* SPDX-License-Identifier: Apache-2.0
 * test_recon_batches.c: two files of which one has payments that name their payout, and the other a
 * bank's lines: rule BATCH. In any memory it is what match_run() says of all rows at once. */
#include "files_books.h"

enum { CASES = 1200 };

static void batches_of_two_files_are_those_that_the_matcher_finds(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    int64_t joined = 0, spilled = 0, seen[CLASS_COUNT] = {0};
    for (uint64_t seed = 0; seed < CASES; seed++) {
        static struct match_set set;
        struct prng random;
        prng_init(&random, seed);
        batch_rules(&random, &set);
        batch_books(&random, &place);
        compare_books(&batch_shapes[seed % COUNT_OF(batch_shapes)], &place, &set, figures, &joined,
                      &spilled);
        for (int i = 0; i < figures->sum_count; i++) {
            seen[figures->sums[i].class]++;
        }
    }
    static const enum match_class wanted[] = {CLASS_MATCHED, CLASS_MATCHED_TOLERANCE, CLASS_PAYOUT,
                                              CLASS_OPEN_THERE, CLASS_CURRENCY, CLASS_LATE,
                                              CLASS_BANK_UNKNOWN, CLASS_AMBIGUOUS};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        if (seen[wanted[i]] == 0) {
            fail_msg("no %s in any case", match_class_name(wanted[i]));
        }
    }
    rules_at_hand = NULL;
    place_end(&place);
    g_free(figures);
}

/* Many rows of ours against few lines of theirs, in a memory that holds a fraction of them. */
static void batches_larger_than_memory_are_found_in_it(void **state) {
    enum { LINES = 40, PARTS = 5000 };
    static const struct match_set set = {
        .count = 2,
        .rules = {{.by = BY_REFERENCE, .name = "r"}, {.by = BY_BATCH, .name = "b"}},
    };
    struct place place = place_make();
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct err err = {0};
    CSV_MAP_AUTO map = map_of(BANK_COLUMNS);
    g_autoptr(GString) ours = g_string_new(BANK_HEAD), theirs = g_string_new(BANK_HEAD);
    for (int i = 0; i < LINES * PARTS; i++) {
        g_string_append_printf(ours, ",R%d,,po_%d,charge,done,EUR,1.00,,2026-11-03T00:00:00Z,\n", i,
                               i % LINES);
    }
    for (int i = 0; i < LINES; i++) {
        g_string_append_printf(theirs,
                               ",B%d,,,bank_credit,done,EUR,%d,,2026-11-04T00:00:00Z,po_%d\n", i,
                               i == 7 ? PARTS - 1 : PARTS, i);
    }
    put_file(place.ours, ours->str, ours->len);
    put_file(place.theirs, theirs->str, theirs->len);
    struct files_request request = {
        .sides = {{.path = place.ours, .map = map}, {.path = place.theirs, .map = map}},
        .report = place.out,
        .memory_bytes = FILES_MEMORY_LEAST,
        .rules = &set,
    };
    if (files_reconcile(&request, figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_true(figures->pieces > 3);
    assert_int_equal(figures->breaks, 1);
    assert_int_equal(figures->sum_count, 2);
    assert_int_equal(figures->sums[0].class, CLASS_MATCHED);
    assert_int_equal(figures->sums[0].rows[OURS], (LINES - 1) * PARTS);
    assert_int_equal(figures->sums[0].rows[THEIRS], LINES - 1);
    assert_int_equal(figures->sums[1].class, CLASS_PAYOUT);
    assert_int_equal(figures->sums[1].rows[OURS], PARTS);
    /* One batch that does not fit is refused, with what to do. */
    remove_files(place.out);
    request.memory_bytes = 26 << 20;
    assert_int_equal(files_reconcile(&request, figures, &err), -ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "of one batch"));
    assert_non_null(strstr(err.hint, "--memory"));
    place_end(&place);
    g_free(figures);
}

static void a_rule_by_batch_asks_for_the_column(void **state) {
    static const struct match_set set = {.count = 1, .rules = {{.by = BY_BATCH, .name = "b"}}};
    struct place place = place_make();
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct err err = {0};
    CSV_MAP_AUTO map = map_of("columns: {reference: reference, kind: kind, status: status, "
                              "currency: currency, amount: amount, time: time}\n");
    put_file(place.ours, BANK_HEAD, strlen(BANK_HEAD));
    put_file(place.theirs, BANK_HEAD, strlen(BANK_HEAD));
    const struct files_request request = {
        .sides = {{.path = place.ours, .map = map}, {.path = place.theirs, .map = map}},
        .report = place.out,
        .rules = &set,
    };
    assert_int_equal(files_reconcile(&request, figures, &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "a rule is by batch"));
    place_end(&place);
    g_free(figures);
}

/* A file of rules may say it; the configuration of a service may not, and says why. */
static void rules_of_two_files_may_be_by_batch(void **state) {
    static const char text[] = "rules:\n  - by: batch\n    tolerance:\n"
                               "      - {currency: EUR, amount: 2}\n    after_minutes: 4320\n"
                               "  - by: amount_time\n";
    struct match_set *set = g_new0(struct match_set, 1);
    struct place place = place_make();
    struct err err = {0};
    put_file(place.ours, text, strlen(text));
    put_file(place.theirs, text, strlen(text));
    if (match_set_load(place.ours, set, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(set->count, 2);
    assert_int_equal(set->rules[0].by, BY_BATCH);
    assert_int_equal(set->rules[0].tolerances[0].minor, 2);
    assert_string_equal(set->rules[0].name, "same batch");
    char by[] = "batch";
    const struct match_rule_config said = {.by = by};
    assert_int_equal(match_set_read(&said, 1, "reconciliation.rules", set, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.hint, "pays_out_to"));
    place_end(&place);
    g_free(set);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_two_files_are_those_that_the_matcher_finds),
        cmocka_unit_test(batches_larger_than_memory_are_found_in_it),
        cmocka_unit_test(a_rule_by_batch_asks_for_the_column),
        cmocka_unit_test(rules_of_two_files_may_be_by_batch),
    };
    return cmocka_run_group_tests_name("batches of two files", tests, NULL, NULL);
}
