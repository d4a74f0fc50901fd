/* SPDX-License-Identifier: Apache-2.0
 * test_match_random.c: random books with planted differences, which the matcher must find, all of
 * them and no others; and tiny books in which everything collides, which a second matcher judges.
 *
 * A failing case prints its seed; HOLDFAST_MATCH_SEED=N runs that case alone. */
#include <stdlib.h>

#include "match_books.h"
#include "match_judge.h"
#include "support/sample.h"

/* Everything that the result says, by the numbers of rows. */
static char *result_text(const struct book *book) {
    GString *text = g_string_new(NULL);
    for (size_t g = 0; g < book->match->group_count; g++) {
        const struct match_group *group = &book->match->groups[g];
        g_string_append_printf(text, "%d %d %lld", group->class, group->rule,
                               (long long)group->difference_minor);
        for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
            enum match_side side = i < group->ours ? OURS : THEIRS;
            uint32_t row = book->match->members[group->first + i];
            g_string_append_printf(text, " %c%lld", side == OURS ? 'o' : 't',
                                   (long long)book->match->rows[side][row].number);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, false);
}

static void check_planted(const struct planted *p, uint64_t seed) {
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < p->book.rows[side]->len; i++) {
            int64_t number = book_row(&p->book, (enum match_side)side, i)->number;
            enum match_class expected = g_array_index(p->expected[side], enum match_class,
                                                      number - 1);
            enum match_class found = book_group(&p->book, (enum match_side)side, i)->class;
            if (found != expected) {
                char *why = book_explain(&p->book, (enum match_side)side, i);
                fail_msg("seed %llu: planted %s, found %s:\n%s", (unsigned long long)seed,
                         match_class_name(expected), match_class_name(found), why);
            }
        }
    }
}

static void run_planted(uint64_t seed, int64_t movements, guint every, int64_t *seen) {
    struct planted p;
    planted_open(&p, seed, seen);
    for (int64_t i = 0; i < movements; i++) {
        fates[below(&p, COUNT_OF(fates))](&p);
    }
    shuffle(&p, THEIRS);
    book_run_every(&p.book, every);
    check_planted(&p, seed);
    char *first = result_text(&p.book);
    shuffle(&p, OURS);
    shuffle(&p, THEIRS);
    book_run_every(&p.book, MAX(p.book.rows[OURS]->len + p.book.rows[THEIRS]->len, 1));
    check_planted(&p, seed);
    char *second = result_text(&p.book);
    assert_string_equal(first, second);
    g_free(first);
    g_free(second);
    planted_close(&p);
}

static uint64_t only_seed(void) {
    const char *text = getenv("HOLDFAST_MATCH_SEED");
    return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static void planted_differences_are_found_all_of_them_and_no_others(void **state) {
    (void)state;
    static const enum match_class all[] = {
#define X(name, number, text, risk, what) CLASS_##name,
#include "match/match_classes.def"
#undef X
    };
    int64_t seen[CLASS_COUNT] = {0};
    int cases = sample_of(10000, 500);
    for (int i = 1; i <= cases; i++) {
        uint64_t seed = only_seed() > 0 ? only_seed() : (uint64_t)i;
        run_planted(seed, 1 + (int64_t)(seed % 29), 1, seen);
        if (only_seed() > 0) {
            return;
        }
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (seen[all[i]] < cases / 10 && !only_a_run_knows(all[i])) {
            fail_msg("of %s only %lld rows were planted", match_class_name(all[i]),
                     (long long)seen[all[i]]);
        }
    }
}

static void planted_differences_are_found_in_large_books_too(void **state) {
    (void)state;
    int64_t seen[CLASS_COUNT] = {0};
    for (int i = 1; i <= sample_of(4, 2); i++) {
        run_planted((uint64_t)i << 32, sample_of(13000, 4000), 2000, seen);
    }
}

/* ---- tiny books, judged ---- */

static void print_book(const struct book *book) {
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < book->rows[side]->len; i++) {
            char *why = book_explain(book, (enum match_side)side, i);
            print_message("%s\n", why);
            g_free(why);
        }
    }
}

/* The same class and rule for each row, and the same rows together. */
static void compare_with_judge(const struct book *book, const struct judge *judge, uint64_t seed) {
    int group_of[2 * MATCH_SIDES * JUDGED_MAX];
    memset(group_of, -1, sizeof group_of);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (guint i = 0; i < book->rows[side]->len; i++) {
            const struct judged *judged = &judge->rows[side][i];
            const struct match_group *group = book_group(book, (enum match_side)side, i);
            uint32_t number = book->match->group_of[side][i];
            if (group_of[number] == NOT_TAKEN) {
                group_of[number] = judged->group;
            }
            if (group->class != judged->class || group->rule != judged->rule ||
                group_of[number] != judged->group) {
                print_book(book);
                fail_msg("seed %llu: row %u of side %d is %s by rule %d, judged %s by rule %d",
                         (unsigned long long)seed, i + 1, side, match_class_name(group->class),
                         group->rule + 1, match_class_name(judged->class), judged->rule + 1);
            }
        }
    }
    assert_int_equal(book->match->group_count, judge->groups);
}

static void tiny_books_in_which_all_collides_are_matched_as_a_second_matcher_judges(void **state) {
    (void)state;
    for (int i = 1; i <= sample_of(30000, 2000); i++) {
        uint64_t seed = only_seed() > 0 ? only_seed() : (uint64_t)i;
        struct prng prng;
        struct book book;
        struct judge judge;
        book_open(&book);
        prng_init(&prng, seed);
        int flavour = (int)(seed % FLAVOURS);
        for (int side = 0; side < MATCH_SIDES; side++) {
            for (uint64_t more = prng_below(&prng, 7); more > 0; more--) {
                tiny_row(&book, &prng, (enum match_side)side, flavour);
            }
        }
        tiny_rules(&book, &prng);
        book_run(&book);
        judge_book(&judge, &book);
        compare_with_judge(&book, &judge, seed);
        book_close(&book);
        if (only_seed() > 0) {
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_differences_are_found_all_of_them_and_no_others),
        cmocka_unit_test(planted_differences_are_found_in_large_books_too),
        cmocka_unit_test(tiny_books_in_which_all_collides_are_matched_as_a_second_matcher_judges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
