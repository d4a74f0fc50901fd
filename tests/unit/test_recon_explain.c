/* SPDX-License-Identifier: Apache-2.0
 * test_recon_explain.c: why a row of two files is where it is. Only what bears on it is matched
 * again; word by word it is what match_explain() says of a match of all rows. */
#include "files_books.h"

enum { CASES = 120, TEXT_BYTES_MAX = 256 * 1024 };

struct all {
    struct book books[MATCH_SIDES];
    struct match_options options;
    struct match *match;
};

static void all_match(struct all *all, const struct shape *shape, const struct place *place,
                      const struct match_set *set) {
    CSV_MAP_AUTO ours = map_of(shape->ours_map);
    CSV_MAP_AUTO theirs = map_of(shape->theirs_map);
    *all = (struct all){{book_read(ours, place->ours), book_read(theirs, place->theirs)},
                        {.rules = set->rules, .rule_count = set->count},
                        NULL};
    struct err err;
    assert_int_equal(match_run((struct match_row *)(void *)all->books[OURS].rows->data,
                               all->books[OURS].rows->len,
                               (struct match_row *)(void *)all->books[THEIRS].rows->data,
                               all->books[THEIRS].rows->len, &all->options, &all->match, &err),
                     0);
}

static void all_free(struct all *all) {
    match_free(all->match);
    book_free(&all->books[OURS]);
    book_free(&all->books[THEIRS]);
}

static int ask(const struct shape *shape, const struct place *place, const struct match_set *set,
               const char *row, struct files_explained *ret_explained, struct err *err) {
    CSV_MAP_AUTO ours = map_of(shape->ours_map);
    CSV_MAP_AUTO theirs = map_of(shape->theirs_map);
    struct files_figures *figures = g_new0(struct files_figures, 1);
    const struct files_request request = {
        .sides = {{.path = place->ours, .map = ours}, {.path = place->theirs, .map = theirs}},
        .spill = place->folder,
        .rules = set,
    };
    int rc = files_explain(&request, row, figures, ret_explained, err);
    g_free(figures);
    return rc;
}

static void compare_row(const struct all *all, const struct shape *shape, const struct place *place,
                        const struct match_set *set, enum match_side side, size_t i) {
    const struct match_row *row = &all->match->rows[side][i];
    char name[64];
    struct buf want;
    struct err err = {0};
    struct files_explained *have = g_new0(struct files_explained, 1);
    snprintf(name, sizeof name, "%s:%lld", side == OURS ? "ours" : "theirs",
             (long long)row->number);
    buf_init(&want, TEXT_BYTES_MAX);
    match_explain(all->match, &all->options, side, i, &want);
    if (ask(shape, place, set, name, have, &err) < 0) {
        fail_msg("%s: %s", name, err.detail);
    }
    assert_int_equal(have->count, 1);
    assert_int_equal(have->rows[0].side, side);
    assert_int_equal(have->rows[0].line, row->number);
    assert_int_equal(have->rows[0].class, all->match->groups[all->match->group_of[side][i]].class);
    assert_string_equal(have->rows[0].text, want.data);
    assert_true(have->named_count > 0);
    files_explained_release(have);
    g_free(have);
    buf_release(&want);
}

static void it_says_what_a_match_of_all_rows_says(void **state) {
    struct place place = place_make();
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        static struct match_set set;
        const struct shape *shape = &batch_shapes[seed % COUNT_OF(batch_shapes)];
        struct prng random;
        struct all all;
        prng_init(&random, seed);
        batch_rules(&random, &set);
        batch_books(&random, &place);
        all_match(&all, shape, &place, &set);
        for (int side = 0; side < MATCH_SIDES; side++) {
            for (size_t i = 0; i < all.match->row_count[side]; i++) {
                compare_row(&all, shape, &place, &set, (enum match_side)side, i);
            }
        }
        all_free(&all);
    }
    place_end(&place);
}

#define ROW(id, reference, amount) id "," reference ",,,charge,done,EUR," amount ",,"              \
                                      "2026-11-03T00:00:00Z,\n"

static void rows_are_asked_for_by_line_or_by_name(void **state) {
    static const struct match_set usual = {
        .count = 2,
        .rules = {{.by = BY_GATEWAY_ID, .name = "i"}, {.by = BY_REFERENCE, .name = "r"}},
    };
    static const char ours[] = BANK_HEAD ROW("g1", "A1", "10") ROW("g2", "A2", "20")
        ROW("", "A2", "21");
    static const char theirs[] = BANK_HEAD ROW("g1", "A1", "10") ROW("g2", "A2", "22")
        ROW("g9", "A9", "9") ROW("4111111111111111", "", "1");
    static const struct {
        const char *row;
        int count;
        enum match_side side;
        int64_t line;
        enum match_class class;
    } cases[] = {
        {"A1", 1, OURS, 2, CLASS_MATCHED},         {"g2", 1, OURS, 3, CLASS_AMOUNT_OVER},
        {"A2", 2, OURS, 3, CLASS_AMOUNT_OVER},     {"g9", 1, THEIRS, 4, CLASS_MISSING_HERE},
        {"theirs:4", 1, THEIRS, 4, CLASS_MISSING_HERE}, {"ours:4", 1, OURS, 4, CLASS_MISSING_THERE},
    };
    struct place place = place_make();
    struct err err = {0};
    put_file(place.ours, ours, strlen(ours));
    put_file(place.theirs, theirs, strlen(theirs));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct files_explained *have = g_new0(struct files_explained, 1);
        if (ask(&batch_shapes[0], &place, &usual, cases[i].row, have, &err) < 0) {
            fail_msg("%s: %s", cases[i].row, err.detail);
        }
        assert_int_equal(have->count, cases[i].count);
        assert_int_equal(have->rows[0].side, cases[i].side);
        assert_int_equal(have->rows[0].line, cases[i].line);
        assert_int_equal(have->rows[0].class, cases[i].class);
        files_explained_release(have);
        g_free(have);
    }
    static const char *const none[] = {"A3", "ours:99", "theirs:1", "5", "ours:"};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct files_explained *have = g_new0(struct files_explained, 1);
        assert_int_equal(ask(&batch_shapes[0], &place, &usual, none[i], have, &err),
                         -ERR_NOT_FOUND);
        g_free(have);
    }
    /* What is not waited for has no clock. */
    struct files_explained *missing = g_new0(struct files_explained, 1);
    assert_int_equal(ask(&batch_shapes[0], &place, &usual, "ours:4", missing, &err), 0);
    assert_non_null(strstr(missing->rows[0].text, "nothing is waited for"));
    assert_null(strstr(missing->rows[0].text, "1970"));
    files_explained_release(missing);
    g_free(missing);
    /* No card number is written on. */
    struct files_explained *have = g_new0(struct files_explained, 1);
    assert_int_equal(ask(&batch_shapes[0], &place, &usual, "theirs:5", have, &err), 0);
    assert_null(strstr(have->rows[0].text, "4111111111111111"));
    assert_null(strstr(have->named[0].key, "4111111111111111"));
    files_explained_release(have);
    g_free(have);
    place_end(&place);
}

static void a_damaged_file_is_explained_to_nobody(void **state) {
    static const struct match_set usual = {.count = 1,
                                           .rules = {{.by = BY_GATEWAY_ID, .name = "i"}}};
    static const char ours[] = BANK_HEAD ROW("g1", "A1", "10") ROW("g2", "A2", "2x");
    struct place place = place_make();
    struct files_explained *have = g_new0(struct files_explained, 1);
    struct err err = {0};
    put_file(place.ours, ours, strlen(ours));
    put_file(place.theirs, BANK_HEAD, strlen(BANK_HEAD));
    assert_int_equal(ask(&batch_shapes[0], &place, &usual, "A1", have, &err), -ERR_VALIDATION);
    assert_int_equal(have->count, 0);
    assert_int_equal(access(place.out, F_OK), -1);
    g_free(have);
    place_end(&place);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_a_match_of_all_rows_says),
        cmocka_unit_test(rows_are_asked_for_by_line_or_by_name),
        cmocka_unit_test(a_damaged_file_is_explained_to_nobody),
    };
    return cmocka_run_group_tests_name("a row of two files", tests, NULL, NULL);
}
