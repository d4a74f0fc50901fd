/* SPDX-License-Identifier: Apache-2.0
 * test_recon_told.c: two files against each other: up to when theirs tells, what is expected and
 * until when, and that nothing is said that is not so. */
#include "files_books.h"

#define ROW(id, kind, status, amount, time) id ",,,," kind "," status ",EUR," amount ",," time ",\n"
#define DAY_HEAD "id,amount,time,day\n"
#define DAY(day) "2026-11-" day "T00:00:00Z"

static struct files_figures figures;
static struct err err;

/* These bytes against those, in this memory; the folder `out` is left. */
static int run(const struct place *place, const char *our_text, const char *their_text,
               const char *their_map_text, struct files_request how) {
    CSV_MAP_AUTO ours = map_of(BANK_COLUMNS);
    CSV_MAP_AUTO theirs = map_of(their_map_text);
    put_file(place->ours, our_text, strlen(our_text));
    put_file(place->theirs, their_text, strlen(their_text));
    how.sides[OURS] = (struct files_side){.path = place->ours, .map = ours};
    how.sides[THEIRS] = (struct files_side){.path = place->theirs, .map = theirs};
    how.report = place->out;
    return files_reconcile(&how, &figures, &err);
}

static int64_t us_of(const char *text) {
    int64_t us = 0;
    assert_true(clock_parse(text, &us));
    return us;
}

static void only_money_that_has_moved_says_up_to_when_a_file_tells(void **state) {
    static const char ours[] = BANK_HEAD ROW("g1", "charge", "done", "10", DAY("10"));
    static const struct {
        const char *what, *rows, *until;
    } cases[] = {
        {"the last row", ROW("g1", "charge", "done", "10", DAY("10")), DAY("10")},
        {"a payout that will arrive later",
         ROW("g1", "charge", "done", "10", DAY("10")) ROW("p", "payout", "done", "-9", DAY("13")),
         DAY("10")},
        {"a payout that came back",
         ROW("g1", "charge", "done", "10", DAY("10"))
             ROW("p", "payout_returned", "done", "9", DAY("13")),
         DAY("10")},
        {"what is pending or has failed",
         ROW("g1", "charge", "done", "10", DAY("10")) ROW("g2", "charge", "pending", "9", DAY("12"))
             ROW("g3", "charge", "failed", "9", DAY("13")),
         DAY("10")},
        {"what is still to come by the clock",
         ROW("g1", "charge", "done", "10", DAY("10")) ROW("g2", "charge", "done", "9", DAY("17")),
         DAY("10")},
        {"a fee",
         ROW("g1", "charge", "done", "10", DAY("10")) ROW("f", "fee", "done", "-1", DAY("11")),
         DAY("11")},
    };
    struct place place = place_make();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        g_autofree char *theirs = g_strconcat(BANK_HEAD, cases[i].rows, NULL);
        const struct files_request how = {.waits = true, .now_us = us_of(DAY("15"))};
        if (run(&place, ours, theirs, BANK_COLUMNS, how) < 0) {
            fail_msg("%s: %s", cases[i].what, err.detail);
        }
        if (figures.told_until_us != us_of(cases[i].until) || figures.told_by_period) {
            char told[CLOCK_TEXT_MAX];
            fail_msg("%s: %s", cases[i].what, clock_format(figures.told_until_us, told));
        }
        remove_files(place.out);
    }
    /* A file of payouts alone says nothing of it. */
    const struct files_request how = {.waits = true, .now_us = us_of(DAY("15"))};
    assert_int_equal(run(&place, ours, BANK_HEAD ROW("p", "payout", "done", "-9", DAY("13")),
                         BANK_COLUMNS, how),
                     -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "up to when"));
    assert_non_null(strstr(err.hint, "--told-until"));
    place_end(&place);
}

static void the_period_of_a_file_says_up_to_when_it_tells(void **state) {
    static const char ours[] = BANK_HEAD ROW("g1", "charge", "done", "10", DAY("10"));
    static const char theirs[] = BANK_HEAD ROW("g1", "charge", "done", "10", DAY("10"))
        ROW("p", "payout", "done", "-9", DAY("13"));
    struct place place = place_make();
    g_free(place.theirs);
    place.theirs = g_build_filename(place.folder, "theirs-20261110.csv", NULL);
    static const char map[] = BANK_COLUMNS
        "period: {name: \"theirs-{day}.csv\", format: YYYYMMDD}\n";
    struct files_request how = {.waits = true, .now_us = us_of(DAY("15"))};
    if (run(&place, ours, theirs, map, how) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_true(figures.told_by_period);
    assert_int_equal(figures.told_until_us, us_of(DAY("11")));
    remove_files(place.out);
    /* No file tells of what has not come yet. */
    how.now_us = us_of("2026-11-10T12:00:00Z");
    assert_int_equal(run(&place, ours, theirs, map, how), 0);
    assert_int_equal(figures.told_until_us, how.now_us);
    remove_files(place.out);
    /* Whoever says it is believed, and then the name does not matter. */
    remove_files(place.folder);
    assert_int_equal(mkdir(place.folder, 0700), 0);
    g_free(place.theirs);
    place.theirs = g_build_filename(place.folder, "download.csv", NULL);
    assert_int_equal(run(&place, ours, theirs, map, how), -ERR_VALIDATION);
    assert_non_null(strstr(err.hint, "--told-until"));
    how.told_until_us = us_of(DAY("12"));
    assert_int_equal(run(&place, ours, theirs, map, how), 0);
    assert_int_equal(figures.told_until_us, us_of(DAY("12")));
    remove_files(place.out);
    /* By columns of each row; another period in one of them is a problem. */
    static const char by_day[] = "columns: {gateway_id: id, amount: amount, time: time}\n"
                                 "kind: charge\ncurrency: EUR\nperiod: {day: day}\n";
    how.told_until_us = 0;
    how.now_us = us_of(DAY("15"));
    if (run(&place, ours, DAY_HEAD "g1,10," DAY("10") ",2026-11-10\n", by_day, how) < 0) {
        fail_msg("%s %s", err.detail, err.hint);
    }
    assert_true(figures.told_by_period);
    assert_int_equal(figures.told_until_us, us_of(DAY("11")));
    remove_files(place.out);
    assert_int_equal(run(&place, ours, DAY_HEAD "g1,10," DAY("10") ",tomorrow\n", by_day, how),
                     -ERR_VALIDATION);
    assert_int_equal(figures.shown[0].problem, PROBLEM_PERIOD);
    place_end(&place);
}

/* 2026-11-13 is a Friday: two business days later it is Tuesday. */
static void what_is_expected_is_listed_with_its_time_whatever_the_memory(void **state) {
    static const char ours[] = BANK_HEAD ROW("g1", "charge", "done", "10", DAY("10"))
        ROW("g2", "charge", "done", "20", DAY("13")) ROW("g3", "charge", "done", "30", DAY("13"))
            ROW("g4", "charge", "done", "40", DAY("02"));
    static const char theirs[] = BANK_HEAD ROW("g1", "charge", "done", "10", DAY("10"))
        ROW("g3", "charge", "pending", "30", DAY("13"))
            ROW("g5", "charge", "done", "50", DAY("14"));
    static const char want[] =
        "class,risk,kind,currency,our_line,their_line,key,our_amount,their_amount,difference,"
        "our_time,their_time,due,why,group_difference,group\n"
        "expected,none,charge,EUR,3,,g2,20.00,,-20.00,2026-11-13T00:00:00Z,,"
        "2026-11-18T00:00:00Z,\"it moved here, and has time yet to appear there\",-20.00,1\n"
        "expected,none,charge,EUR,4,3,g3,30.00,30.00,0.00,2026-11-13T00:00:00Z,"
        "2026-11-13T00:00:00Z,2026-11-18T00:00:00Z,\"same gateway id: it moved here, "
        "and has time yet to appear there\",0.00,2\n";
    struct place place = place_make();
    for (int way = 0; way < 2; way++) {
        const struct files_request how = {.waits = true,
                                          .wait_days = 2,
                                          .now_us = us_of(DAY("15")),
                                          .piece_rows = way,
                                          .for_people = true};
        if (run(&place, ours, theirs, BANK_COLUMNS, how) < 0) {
            fail_msg("%s", err.detail);
        }
        assert_true((figures.pieces > 1) == (way == 1));
        assert_int_equal(figures.breaks, 2); /* g4 is missing there, g5 here */
        g_autofree char *have = read_out(&place, "expected.csv");
        g_autofree char *summary = read_out(&place, "summary.txt");
        assert_non_null(have);
        assert_string_equal(have, want);
        assert_non_null(strstr(summary, "3 rows are expected, not due yet"));
        remove_files(place.out);
    }
    /* Where nothing is waited for there is no such list. */
    assert_int_equal(run(&place, ours, theirs, BANK_COLUMNS, (struct files_request){0}), 0);
    assert_null(read_out(&place, "expected.csv"));
    place_end(&place);
}

/* "Both tell the same" is said of what is the same, and of nothing else. */
static void what_is_no_break_and_yet_not_the_same_is_told(void **state) {
    static const struct match_tolerance two = {{"EUR"}, 2};
    static const struct match_set tolerant = {
        .count = 1,
        .rules = {{.by = BY_GATEWAY_ID, .name = "i", .tolerances = &two, .tolerance_count = 1}}};
#define TEN(id) ROW(id, "charge", "done", "10", DAY("10"))
    static const struct {
        const char *ours, *theirs, *words;
        bool same;
    } cases[] = {
        {TEN("g1"), TEN("g1"), "", true},
        {"", "", "", true},
        {TEN("g1") TEN("g2") TEN("g3"),
         ROW("g1", "charge", "done", "10.02", DAY("10"))
             ROW("g2", "charge", "done", "9.99", DAY("10"))
                 ROW("g3", "charge", "done", "10.01", DAY("10")),
         "3 in EUR (0.03 more there, 0.01 less) differ within the rules' tolerance", false},
        {TEN("g1") TEN("g2"), TEN("g1"), "1 row is expected, not due yet", false},
        {TEN("g1"), TEN("g1") ROW("f", "fee", "done", "-1", DAY("09")),
         "1 row is the gateway's own", false},
        {TEN("g1") ROW("g2", "charge", "failed", "5", DAY("10")), TEN("g1"),
         "1 row tells of no money that moved", false},
        {TEN("g1") TEN("g2"), TEN("g1") ROW("f", "fee", "done", "-1", DAY("09")),
         "1 row is expected, not due yet; 1 row is the gateway's own", false},
    };
    struct place place = place_make();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        g_autofree char *ours = g_strconcat(BANK_HEAD, cases[i].ours, NULL);
        g_autofree char *theirs = g_strconcat(BANK_HEAD, cases[i].theirs, NULL);
        const struct files_request how = {
            .waits = true, .wait_days = 2, .told_until_us = us_of(DAY("11")), .rules = &tolerant};
        char words[FILES_WORDS_MAX];
        if (run(&place, ours, theirs, BANK_COLUMNS, how) < 0) {
            fail_msg("case %zu: %s", i, err.detail);
        }
        assert_int_equal(figures.breaks, 0);
        assert_string_equal(files_words(&figures, words), cases[i].words);
        assert_int_equal(files_same(&figures), cases[i].same);
        g_autofree char *summary = read_out(&place, "summary.txt");
        assert_int_equal(strstr(summary, "both sides tell the same") != NULL, cases[i].same);
        assert_true(strstr(summary, cases[i].words) != NULL);
        remove_files(place.out);
    }
    place_end(&place);
}

/* One capture of ours in three parts there, beside another break: the parts have one group. */
static void rows_that_belong_together_have_one_group(void **state) {
    static const char ours[] = BANK_HEAD TEN("g1") TEN("g2");
    static const char theirs[] = BANK_HEAD ROW("g1", "charge", "done", "3", DAY("10"))
        ROW("g1", "charge", "done", "4", DAY("10")) ROW("g1", "charge", "done", "5", DAY("10"))
            ROW("g9", "charge", "done", "7", DAY("10"));
    struct place place = place_make();
    assert_int_equal(run(&place, ours, theirs, BANK_COLUMNS, (struct files_request){0}), 0);
    g_autofree char *csv = read_out(&place, "breaks.csv");
    g_autofree char *told = told_breaks(csv);
    assert_string_equal(told, "split,2,2,1\nsplit,,3,1\nsplit,,4,1\nmissing_there,3,,2\n"
                              "missing_here,,5,3\n");
    place_end(&place);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_money_that_has_moved_says_up_to_when_a_file_tells),
        cmocka_unit_test(the_period_of_a_file_says_up_to_when_it_tells),
        cmocka_unit_test(what_is_expected_is_listed_with_its_time_whatever_the_memory),
        cmocka_unit_test(what_is_no_break_and_yet_not_the_same_is_told),
        cmocka_unit_test(rows_that_belong_together_have_one_group),
    };
    return cmocka_run_group_tests_name("what is told of two files", tests, NULL, NULL);
}
