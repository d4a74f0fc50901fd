/* SPDX-License-Identifier: Apache-2.0
 * test_recon_batches.c: two files of which one has payments that name their payout, and the other a
 * bank's lines: rule BATCH. In any memory it is what match_run() says of all rows at once. */
#include "files_fixture.h"

enum { CASES = 1200, BATCHES = 5 };

#define BANK_COLUMNS                                                                               \
    "columns: {gateway_id: id, reference: reference, original_id: original_id, batch: batch, "     \
    "kind: kind, status: status, currency: currency, amount: amount, fee: fee, time: time, "       \
    "description: text}\n"
#define BANK_HEAD "id,reference,original_id,batch,kind,status,currency,amount,fee,time,text\n"

static const struct shape shapes[] = {
    {.name = "all columns", .ours_map = BANK_COLUMNS, .theirs_map = BANK_COLUMNS},
    {.name = "no id here",
     .ours_map = "columns: {reference: reference, original_id: original_id, batch: batch, kind: "
                 "kind, status: status, currency: currency, amount: amount, fee: fee, time: time}\n",
     .theirs_map = BANK_COLUMNS},
};

static uint32_t below(struct prng *random, uint32_t bound) {
    return (uint32_t)prng_below(random, bound);
}

static const char *batch_name(struct prng *random) {
    static const char *const names[BATCHES] = {"po_1", "po_2", "po_3-x", "8812", "a"};
    return names[below(random, BATCHES)];
}

/* Texts of banks, with a name in them or two, or none. */
static void add_words(struct prng *random, GString *line) {
    static const char *const forms[] = {
        "", "PAYOUT %s", "(%s), thanks", "ref:118;%s", "x%s", "%s and po_2", "8812/%s", "%s",
        "a8812", "nothing",
    };
    const char *form = forms[below(random, COUNT_OF(forms))], *hole = strstr(form, "%s");
    g_string_append_len(line, form, hole != NULL ? hole - form : (gssize)strlen(form));
    if (hole != NULL) {
        g_string_append(line, batch_name(random));
        g_string_append(line, hole + 2);
    }
}

/* Few values of everything. */
static void add_row(struct prng *random, GString *file, enum match_side side, int64_t cents) {
    static const char *const kinds[MATCH_SIDES][6] = {
        {"charge", "charge", "charge", "refund", "payout", "chargeback"},
        {"bank_credit", "bank_credit", "payout", "bank_debit", "charge", "refund"},
    };
    static const char *const statuses[] = {"done", "done", "done", "done", "pending", "failed"};
    static const char *const codes[] = {"EUR", "EUR", "EUR", "USD", "JPY"};
    const char *kind = kinds[side][below(random, 6)];
    bool minus = strcmp(kind, "refund") == 0 || strcmp(kind, "chargeback") == 0 ||
                 strcmp(kind, "payout") == 0 || strcmp(kind, "bank_debit") == 0;
    const char *letters[] = {"G", "R", "O"};
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        bool batch = i == 1 && side == THEIRS && below(random, 4) == 0;
        if (batch) {
            g_string_append(file, batch_name(random));
        } else if (below(random, 3) == 0) {
            g_string_append_printf(file, "%s%u", letters[i], below(random, 12));
        }
        g_string_append_c(file, ',');
    }
    bool names = side == OURS ? below(random, 8) > 0 : below(random, 4) == 0;
    g_string_append(file, names ? batch_name(random) : "");
    g_string_append_printf(file, ",%s,%s,%s,%s%lld,%s,2026-11-%02uT%02u:00:00Z,", kind,
                           statuses[below(random, COUNT_OF(statuses))],
                           codes[below(random, COUNT_OF(codes))], minus ? "-" : "",
                           (long long)cents, below(random, 3) == 0 ? "1" : "", 1 + below(random, 9),
                           below(random, 24));
    g_string_append_c(file, '"');
    if (side == THEIRS) {
        add_words(random, file);
    }
    g_string_append(file, "\"\n");
}

/* Now and then a batch that is whole. */
static void add_whole(struct prng *random, GString *ours, GString *theirs, uint32_t number) {
    uint32_t parts = 1 + below(random, 6);
    int64_t sum = 0;
    for (uint32_t i = 0; i < parts; i++) {
        int64_t amount = 1 + below(random, 9);
        g_string_append_printf(ours, ",,,whole_%u,charge,done,EUR,%lld,,2026-11-03T00:00:00Z,\n",
                               number, (long long)amount);
        sum += amount;
    }
    sum += below(random, 5) == 0;
    g_string_append_printf(theirs, ",,,,bank_credit,done,EUR,%lld,,2026-11-04T00:00:00Z,"
                                   "\"SEPA whole_%u\"\n",
                           (long long)sum, number);
}

static void random_books(struct prng *random, const struct place *place) {
    g_autoptr(GString) ours = g_string_new(BANK_HEAD), theirs = g_string_new(BANK_HEAD);
    for (uint32_t i = below(random, 30); i > 0; i--) {
        add_row(random, ours, OURS, 1 + below(random, 6));
        if (below(random, 3) == 0) {
            add_row(random, theirs, THEIRS, 1 + below(random, 12));
        }
        if (below(random, 8) == 0) {
            add_whole(random, ours, theirs, i);
        }
    }
    put_file(place->ours, ours->str, ours->len);
    put_file(place->theirs, theirs->str, theirs->len);
}

static void random_rules(struct prng *random, struct match_set *ret_set) {
    static const enum match_by tried[] = {BY_GATEWAY_ID, BY_REFERENCE, BY_BATCH, BY_ORIGINAL,
                                          BY_AMOUNT_TIME};
    static const struct match_tolerance tolerances[] = {{{"EUR"}, 100}};
    *ret_set = (struct match_set){0};
    for (size_t i = 0; i < COUNT_OF(tried); i++) {
        bool window = tried[i] == BY_AMOUNT_TIME || (tried[i] == BY_BATCH && below(random, 3) == 0);
        if (tried[i] == BY_BATCH || below(random, 4) > 0) {
            ret_set->rules[ret_set->count++] = (struct match_rule){
                .by = tried[i],
                .name = match_by_name(tried[i]),
                .before_us = window ? INT64_C(3) * 86400 * US_PER_SECOND : 0,
                .after_us = window ? INT64_C(4) * 86400 * US_PER_SECOND : 0,
                .tolerances = tolerances,
                .tolerance_count = tried[i] == BY_BATCH ? (int)below(random, 2) : 0,
            };
        }
    }
}

static void batches_of_two_files_are_those_that_the_matcher_finds(void **state) {
    struct files_figures *figures = g_new0(struct files_figures, 1);
    struct place place = place_make();
    int64_t joined = 0, spilled = 0, seen[CLASS_COUNT] = {0};
    for (uint64_t seed = 0; seed < CASES; seed++) {
        static struct match_set set;
        struct prng random;
        prng_init(&random, seed);
        random_rules(&random, &set);
        random_books(&random, &place);
        compare_books(&shapes[seed % COUNT_OF(shapes)], &place, &set, figures, &joined, &spilled);
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
        g_string_append_printf(theirs, ",B%d,,,bank_credit,done,EUR,%d,,2026-11-04T00:00:00Z,po_%d\n",
                               i, i == 7 ? PARTS - 1 : PARTS, i);
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
