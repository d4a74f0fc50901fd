/* SPDX-License-Identifier: Apache-2.0
 * test_period.c: the time that a statement is of, said by a person or told by a map; rows outside
 * of it; and that a window is proved by it. On both engines. */
#include "recon_fixture.h"

#include "base/clock.h"
#include "recon/period.h"
#include "recon/window.h"
#include "statement/map.h"
#include "statement/statement.h"

/* ---- words ---- */

static void a_period_is_days_of_a_place_or_two_moments(void **state) {
    (void)state;
    static const struct {
        const char *text, *zone, *from, *until; /* from NULL: refused */
    } rows[] = {
        {"2026-11-20", "UTC", "2026-11-20T00:00:00.000000Z", "2026-11-21T00:00:00.000000Z"},
        {"2026-11-20", "Asia/Shanghai", "2026-11-19T16:00:00.000000Z",
         "2026-11-20T16:00:00.000000Z"},
        {"2026-11-20..2026-11-22", "UTC", "2026-11-20T00:00:00.000000Z",
         "2026-11-23T00:00:00.000000Z"},
        /* The day on which the clocks were put back has 25 hours. */
        {"2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00.000000Z",
         "2026-10-25T23:00:00.000000Z"},
        {"2026-11-20T08:00:00Z..2026-11-20T09:30:00Z", "Asia/Shanghai",
         "2026-11-20T08:00:00.000000Z", "2026-11-20T09:30:00.000000Z"},
        {"", "UTC", NULL, ""},
        {"2026-11-20T08:00:00Z", "UTC", NULL, "is one moment: it takes two"},
        {"2026-11-31", "UTC", NULL, "\"2026-11-31\" is no day of the calendar"},
        {"20.11.2026", "UTC", NULL, "is no day of the calendar, as 2026-11-20 is"},
        {"2026-11-20..2026-11-31", "UTC", NULL, "has \"2026-11-31\" in it, which is no day of"},
        {"yesterday", "UTC", NULL, "is no day and no moment"},
        {"2026-11-20..", "UTC", NULL, "has nothing on one side"},
        {"..2026-11-20", "UTC", NULL, "has nothing on one side"},
        {"2026-11-20..2026-11-20T08:00:00Z", "UTC", NULL, "mixes a day and a moment"},
        {"2026-11-20...2026-11-22", "UTC", NULL, "has \".2026-11-22\" in it"},
        {"2026-11-22..2026-11-20", "UTC", NULL, "ends before it begins"},
        {"2026-11-20T08:00:00Z..2026-11-20T08:00:00Z", "UTC", NULL, "ends before it begins"},
        {"2020-01-01..2026-11-20", "UTC", NULL, "at most 400 days"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t from_us = 0, until_us = 0;
        char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
        struct err err = {0};
        int r = period_parse_in(rows[i].text, rows[i].zone, &from_us, &until_us, &err);
        if (rows[i].from == NULL) {
            assert_int_equal(r, -ERR_VALIDATION);
            if (strstr(err.detail, rows[i].until) == NULL) {
                fail_msg("\"%s\" is not in: %s", rows[i].until, err.detail);
            }
            assert_string_equal(err.place, "/period");
            assert_non_null(strstr(err.hint, "--period 2026-11-20"));
            continue;
        }
        assert_int_equal(r, 0);
        int64_t wanted_from = 0, wanted_until = 0;
        assert_true(clock_parse(rows[i].from, &wanted_from));
        assert_true(clock_parse(rows[i].until, &wanted_until));
        if (from_us != wanted_from || until_us != wanted_until) {
            fail_msg("%s: %s to %s", rows[i].text, clock_format(from_us, from),
                     clock_format(until_us, until));
        }
    }
}

/* ---- maps ---- */

#define MAP_HEAD                                                                                   \
    "columns: {gateway_id: Id, time: Date, amount: Amount}\nkind: charge\ncurrency: USD\n"         \
    "time: {format: YYYY-MM-DD hh:mm, zone: Asia/Shanghai}\n"

struct read_file {
    struct statement_head head;
    int problems;
    int64_t line;
    char first[201];
};

static int take_row(void *ctx, const struct statement_row *row, struct err *err) {
    (void)ctx;
    (void)row;
    (void)err;
    return 0;
}

static void take_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *told) {
    struct read_file *file = ctx;
    if (file->problems++ == 0) {
        file->line = line;
        snprintf(file->first, sizeof file->first, "%s: %s", statement_problem_name(problem), told);
    }
}

static void read_by(const char *period, const char *name, const char *rows,
                    struct read_file *ret_file) {
    char map_text[600];
    CSV_MAP_AUTO map = NULL;
    struct err err = {0};
    int count = snprintf(map_text, sizeof map_text, "%speriod: %s\n", MAP_HEAD, period);
    *ret_file = (struct read_file){.line = -1};
    if (csv_map_read("map.yaml", map_text, (size_t)count, &map, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    const struct statement_source source = {
        .name = name, .bytes = rows, .count = strlen(rows), .map = map};
    const struct statement_sink sink = {ret_file, take_row, take_problem};
    assert_int_equal(statement_reader_find("csv")->read(&source, &sink, &ret_file->head, &err), 0);
}

static void a_map_says_where_the_file_tells_its_period(void **state) {
    (void)state;
#define FROM "2026-11-19T16:00:00Z" /* the twentieth in Shanghai */
#define ROWS "Id,Date,Amount\np1,2026-11-20 09:00,5.00\n"
#define PLACED "Id,Date,Amount,B,E\np1,2026-11-20 09:00,5.00,20.11.2026,21.11.2026\n"
    static const struct {
        const char *period, *name, *rows, *from, *until, *problem;
        int64_t line;
    } rows[] = {
        {"{name: \"*-{day}.csv\"}", "pay-2026-11-20.csv", ROWS, FROM, "2026-11-20T16:00:00Z", NULL,
         0},
        {"{name: \"*{day}*\", format: YYYYMMDD}", "/a/b/x_20261120_v2.csv", ROWS, FROM,
         "2026-11-20T16:00:00Z", NULL, 0},
        {"{name: \"s_{from}-{to}.csv\", format: YYYYMMDD}", "s_20261120-20261122.csv", ROWS, FROM,
         "2026-11-22T16:00:00Z", NULL, 0},
        {"{name: \"*_{day}.csv\"}", "pay-2026-11-20.csv", ROWS, NULL, NULL,
         "period: the file's name", 0},
        {"{name: \"*-{day}.csv\"}", "pay-2026-11-21.csv", ROWS, "2026-11-20T16:00:00Z",
         "2026-11-21T16:00:00Z", "period: the row is of 2026-11-20T01:00:00", 2},
        {"{from: B, to: E, format: DD.MM.YYYY}", "x.csv", PLACED, FROM, "2026-11-21T16:00:00Z",
         NULL, 0},
        {"{day: B, format: DD.MM.YYYY}", "x.csv", PLACED, FROM, "2026-11-20T16:00:00Z", NULL, 0},
        {"{day: E, format: DD.MM.YYYY}", "x.csv", PLACED, "2026-11-20T16:00:00Z",
         "2026-11-21T16:00:00Z", "period: the row is of", 2},
        {"{day: B, format: DD.MM.YYYY}", "x.csv", PLACED "p2,2026-11-21 09:00,5.00,21.11.2026,\n",
         FROM, "2026-11-20T16:00:00Z", "period: the row tells another period", 3},
        {"{day: B, format: DD.MM.YYYY}", "x.csv", PLACED "p2,2026-11-20 09:00,5.00,soon,\n", FROM,
         "2026-11-20T16:00:00Z", "period: the period", 3},
        {"{day: C}", "x.csv", PLACED, NULL, NULL, "missing_column", 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct read_file file;
        int64_t from_us = 0, until_us = 0;
        read_by(rows[i].period, rows[i].name, rows[i].rows, &file);
        bool told = rows[i].from != NULL && clock_parse(rows[i].from, &from_us) &&
                    clock_parse(rows[i].until, &until_us);
        bool fits = rows[i].problem == NULL ? file.problems == 0
                                            : file.problems > 0 && file.line == rows[i].line &&
                                                  strncmp(file.first, rows[i].problem,
                                                          strlen(rows[i].problem)) == 0;
        if (!fits || told != (rows[i].from != NULL) || file.head.from_us != from_us ||
            file.head.until_us != until_us) {
            fail_msg("%zu: %s; line %lld: %s", i, rows[i].period, (long long)file.line, file.first);
        }
    }
}

static void a_map_that_tells_a_period_twice_or_by_half_is_refused_with_its_line(void **state) {
    (void)state;
    static const char *const rows[] = {
        "period: {format: YYYYMMDD}\n",
        "period: {name: \"*.csv\"}\n",
        "period: {name: \"{from}.csv\"}\n",
        "period: {name: \"{day}{day}.csv\"}\n",
        "period: {name: \"{day}-{to}.csv\"}\n",
        "period: {name: \"{day}.csv\", day: Day}\n",
        "period: {from: A}\n",
        "period: {from: A, to: B, day: C}\n",
        "period: {day: A, format: hh:mm}\n",
        "period: {days: A}\n",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char map_text[600];
        CSV_MAP_AUTO map = NULL;
        struct err err = {0};
        int count = snprintf(map_text, sizeof map_text, "%s%s", MAP_HEAD, rows[i]);
        assert_int_equal(csv_map_read("map.yaml", map_text, (size_t)count, &map, &err),
                         -ERR_CONFIG);
        assert_string_equal(err.place, "map.yaml:5");
    }
}

/* ---- given by hand ---- */

static struct given of(const char *name, const char *bytes, const char *period) {
    struct given given = given_file("stripe-a", name, bytes, strlen(bytes));
    given.request.period = period;
    return given;
}

static json_t *first_file(json_t *json) {
    return json_array_get(json_object_get(json, "files"), 0);
}

static int64_t stored(const char *column) {
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT %s FROM statement WHERE state = 2", column);
    return world_int(W, sql);
}

static void a_row_outside_the_period_that_was_said_is_a_problem_with_its_line(void **state) {
    (void)state;
    recon_start();
    static const char rows[] = CANONICAL CHARGE_ROW("p1", 500) CHARGE_ROW("p2", 600);
    struct given given = of("a.csv", rows, "2026-11-19");
    hand_in(&given);
    json_t *json = outcome(&given);
    json_t *problems = json_object_get(first_file(json), "problems");
    assert_string_equal(json_at(json, "state"), "refused");
    assert_int_equal(json_array_size(problems), 2);
    assert_string_equal(json_at(json_array_get(problems, 0), "problem"), "period");
    assert_int_equal(int_at(json_array_get(problems, 0), "line"), 2);
    assert_int_equal(int_at(json_array_get(problems, 1), "line"), 3);
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 0);
    /* A moment is of the period from its first on, and no longer at its end. */
    given = of("a.csv", rows, "2026-11-20T09:00:00Z..2026-11-20T10:00:00Z");
    hand_in(&given);
    assert_outcome(&given, "refused");
    given = of("a.csv", rows, "2026-11-20T10:00:00Z..2026-11-20T10:00:01Z");
    hand_in(&given);
    assert_outcome(&given, "taken");
    int64_t from_us = 0;
    assert_true(clock_parse("2026-11-20T10:00:00Z", &from_us));
    assert_int_equal(stored("from_us"), from_us);
}

static void a_period_that_is_none_is_refused_before_a_byte_is_sent(void **state) {
    (void)state;
    recon_start();
    struct given given = of("a.csv", CANONICAL CHARGE_ROW("p1", 500), "yesterday");
    assert_int_equal(begin(&given), -ERR_VALIDATION);
    assert_string_equal(W->err.place, "/period");
    assert_non_null(strstr(W->err.hint, "2026-11-20..2026-11-22"));
}

static void what_nobody_said_is_told_and_may_be_said_later(void **state) {
    (void)state;
    recon_start();
    static const char rows[] = CANONICAL CHARGE_ROW("p1", 500);
    struct given given = of("a.csv", rows, "");
    hand_in(&given);
    json_t *json = outcome(&given);
    assert_true(json_is_null(json_object_get(first_file(json), "until")));
    json_decref(json);
    assert_int_equal(stored("until_us"), 0);
    /* The same bytes once more, with it. */
    given = of("a.csv", rows, "2026-11-20");
    hand_in(&given);
    json = outcome(&given);
    assert_string_equal(json_at(json, "state"), "taken");
    assert_true(json_is_true(json_object_get(first_file(json), "known")));
    assert_true(json_is_true(json_object_get(first_file(json), "period_given")));
    json_decref(json);
    assert_int_equal(stored("until_us") - stored("from_us"), 24 * HOUR_US);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'statement.period'"), 1);
    /* Said again it is no news; another one is refused. */
    given = of("b.csv", rows, "2026-11-20");
    hand_in(&given);
    json = outcome(&given);
    assert_false(json_is_true(json_object_get(first_file(json), "period_given")));
    json_decref(json);
    given = of("a.csv", rows, "2026-11-19..2026-11-20");
    hand_in(&given);
    assert_outcome(&given, "refused");
    assert_int_equal(stored("until_us") - stored("from_us"), 24 * HOUR_US);
}

static void a_file_that_tells_its_period_is_believed(void **state) {
    (void)state;
    recon_start();
    static const char map[] = MAP_HEAD "period: {name: \"{day}.csv\"}\n";
    static const char rows[] = "Id,Date,Amount\np1,2026-11-20 09:00,5.00\n";
    struct given given = of("2026-11-20.csv", rows, "2026-11-20..2026-11-21");
    given.request.map = map;
    hand_in(&given);
    assert_outcome(&given, "refused");
    given = of("2026-11-20.csv", rows, "");
    given.request.map = map;
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_int_equal(stored("until_us") - stored("from_us"), 24 * HOUR_US);
}

/* ---- a window ---- */

/* Whether the statements cover the hour before now at stripe-a. */
static bool covered(int64_t from_us, int64_t until_us) {
    static int number;
    char key[24];
    snprintf(key, sizeof key, "window-%d", number++);
    struct caller caller = who(key);
    const struct window_request request = {from_us, until_us, "stripe-a"};
    struct answer answer = {0};
    json_t *asked = world_take(W, window_ask(recon, &caller, &request, &answer, &W->err), &answer);
    assert_non_null(asked);
    for (int i = 0; i < 20 && world_tick(W) > 0; i++) {
    }
    json_t *json = world_take(W, window_get(recon, json_at(asked, "id"), &answer, &W->err),
                              &answer);
    assert_string_equal(json_at(json, "state"), "done");
    json_t *told = json_array_get(
        json_object_get(json_object_get(json, "report"), "statements"), 0);
    bool covers = json_is_true(json_object_get(told, "covers_all"));
    json_decref(asked);
    json_decref(json);
    return covers;
}

static void a_window_is_proved_by_the_period_that_was_said(void **state) {
    (void)state;
    recon_start();
    char text[600], now[CLOCK_TEXT_MAX], period[PERIOD_CHARS_MAX + 1], until[CLOCK_TEXT_MAX];
    int64_t from_us = clock_wall_us() / US_PER_SECOND * US_PER_SECOND;
    clock_format(from_us, now);
    snprintf(text, sizeof text, CANONICAL "p1,p1,,,,charge,done,USD,500,,,%s,card,\n", now);
    snprintf(period, sizeof period, "%s..%s", now,
             clock_format(from_us + HOUR_US, until));
    test_clock_advance(2 * HOUR_US);
    struct given given = of("a.csv", text, "");
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_false(covered(from_us, from_us + HOUR_US));
    given = of("a.csv", text, period);
    hand_in(&given);
    assert_outcome(&given, "taken");
    assert_true(covered(from_us, from_us + HOUR_US));
    assert_false(covered(from_us, from_us + HOUR_US + 1));
}

/* A period may be said of a day that is not over; what came after the file was taken in it does not
 * tell. */
static void a_file_proves_nothing_of_what_came_after_it(void **state) {
    (void)state;
    recon_start();
    char text[600], now[CLOCK_TEXT_MAX], period[PERIOD_CHARS_MAX + 1], until[CLOCK_TEXT_MAX];
    int64_t from_us = clock_wall_us() / US_PER_SECOND * US_PER_SECOND;
    clock_format(from_us, now);
    snprintf(text, sizeof text, CANONICAL "p1,p1,,,,charge,done,USD,500,,,%s,card,\n", now);
    snprintf(period, sizeof period, "%s..%s", now,
             clock_format(from_us + 8 * HOUR_US, until));
    test_clock_advance(2 * HOUR_US);
    struct given given = of("a.csv", text, period);
    hand_in(&given);
    assert_outcome(&given, "taken");
    test_clock_advance(4 * HOUR_US);
    assert_true(covered(from_us, from_us + HOUR_US));
    assert_false(covered(from_us, from_us + 5 * HOUR_US));
    assert_false(covered(from_us + 4 * HOUR_US, from_us + 5 * HOUR_US));
}

static int let_go(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    return 0;
}
#define T(name) cmocka_unit_test_teardown(name, let_go)

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_period_is_days_of_a_place_or_two_moments),
        cmocka_unit_test(a_map_says_where_the_file_tells_its_period),
        cmocka_unit_test(a_map_that_tells_a_period_twice_or_by_half_is_refused_with_its_line),
        T(a_row_outside_the_period_that_was_said_is_a_problem_with_its_line),
        T(a_period_that_is_none_is_refused_before_a_byte_is_sent),
        T(what_nobody_said_is_told_and_may_be_said_later),
        T(a_file_that_tells_its_period_is_believed),
        T(a_window_is_proved_by_the_period_that_was_said),
        T(a_file_proves_nothing_of_what_came_after_it),
    };
    return payment_world_run("periods of statements", tests, COUNT_OF(tests));
}
