/* SPDX-License-Identifier: Apache-2.0
 * test_statement_fetch.c: statements that are fetched by themselves a day later, on both engines:
 * until they are there, once, for every day, and by hand. */
#include "recon_fixture.h"

#include "base/clock.h"
#include "recon/fetch.h"

#define DAY_US (24 * HOUR_US)
#define DAYS "SELECT COUNT(*) FROM statement_fetch"
#define IN_STATE(state) DAYS " WHERE state = " #state

/* What the gateway says from now on. */
static struct {
    int code;
    bool same; /* of each day the same bytes */
    const char *damage;
    int asked;
    char last[32];
} there;

static int fake_fetch(const struct gateway_call *call, const struct gateway_statement *statement,
                      struct buf *ret_file, struct err *err) {
    (void)call;
    there.asked++;
    snprintf(there.last, sizeof there.last, "%s %04d-%02d-%02d", statement->kind, statement->year,
             statement->month, statement->day);
    if (there.code != 0) {
        return err_set(err, (enum err_code)there.code, "it is not there");
    }
    buf_addf(ret_file, CANONICAL "x%d,R,,,,charge,%s,USD,100,,,%04d-%02d-%02dT10:00:00Z,card,\n",
             there.same ? 0 : statement->day, there.damage != NULL ? there.damage : "done",
             statement->year, statement->month, statement->day);
    return 0;
}

/* "stripe-a" is one that publishes; its days are Shanghai's. */
static struct source_settings settings[1];
static struct gateway_adapter published;

static int ask(const char *gateway, const char *day, const char *kind, bool again,
               struct answer *ret_answer) {
    struct caller caller = who(NULL);
    const struct fetch_asked asked = {gateway, day, kind, again};
    return fetch_ask(recon, &caller, &asked, ret_answer, &W->err);
}

static void open_fetching(void) {
    struct gateway *gateway = gateway_find(W->registry, "stripe-a");
    published = *gateway->adapter;
    published.fetch_statement = fake_fetch;
    gateway->adapter = &published;
    static const bool yes = true;
    settings[0] = (struct source_settings){
        .gateway = "stripe-a", .fetch = &yes, .time_zone = "Asia/Shanghai"};
    recon_sources = settings;
    recon_source_count = 1;
    for (int i = 1; i < 3; i++) { /* the others publish nothing */
        static struct gateway_adapter quiet;
        struct gateway *other = gateway_find(W->registry, i == 1 ? "stripe-b" : "stripe-c");
        quiet = *other->adapter;
        quiet.fetch_statement = NULL;
        other->adapter = other->adapter == &published ? other->adapter : &quiet;
    }
    recon_start();
}

static void start_over(void) {
    memset(&there, 0, sizeof there);
    open_fetching();
}

static void as_the_process_starts_again(void) {
    payment_world_restart(W);
    open_fetching();
}

static void pass(int64_t us) {
    while (us > 0) {
        int64_t step = us < HOUR_US / 2 ? us : HOUR_US / 2;
        test_clock_advance(step);
        (void)world_tick(W);
        us -= step;
    }
}

static void each_day_is_fetched_once_and_a_run_is_asked_for(void **state) {
    (void)state;
    start_over();
    assert_int_equal(world_int(W, DAYS), 0);
    pass(3 * DAY_US);
    pass(3 * US_PER_SECOND); /* also of a day that was planned at this very moment */
    assert_int_equal(world_int(W, DAYS), 3);
    assert_int_equal(world_int(W, IN_STATE(2)), 3);
    assert_int_equal(there.asked, 3);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 3);
    assert_true(world_int(W, "SELECT COUNT(*) FROM reconciliation WHERE gateway = 'stripe-a'") >=
                3);
    /* Also of a gateway that publishes nothing there is a run a day. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM reconciliation WHERE gateway = 'stripe-b'"),
                     3);
    /* The day is that of the gateway's place: the run at noon of UTC is of Shanghai's yesterday. */
    char now[CLOCK_TEXT_MAX];
    clock_format(clock_wall_us() + 8 * HOUR_US - DAY_US, now);
    int64_t hour = (clock_wall_us() + 8 * HOUR_US) % DAY_US / HOUR_US;
    if (hour >= 13) {
        assert_int_equal(strncmp(there.last + strlen("activity "), now, 10), 0);
    }
}

static void it_is_asked_again_until_it_is_published(void **state) {
    (void)state;
    start_over();
    there.code = ERR_NOT_FOUND;
    pass(DAY_US + 4 * HOUR_US);
    assert_true(there.asked >= 4);
    assert_int_equal(world_int(W, IN_STATE(1)), world_int(W, DAYS));
    assert_text(W, "SELECT error FROM statement_fetch LIMIT 1", "it is not there");
    there.code = 0;
    pass(3 * HOUR_US);
    pass(3 * US_PER_SECOND); /* also of a day that was planned at this very moment */
    assert_int_equal(world_int(W, IN_STATE(2)), world_int(W, DAYS));
    int asked = there.asked;
    pass(3 * HOUR_US);
    assert_true(there.asked <= asked + 1);
}

static void after_days_it_is_given_up_and_seen_and_asked_for_by_hand(void **state) {
    (void)state;
    start_over();
    there.code = ERR_NOT_FOUND;
    pass(7 * DAY_US);
    assert_true(world_int(W, IN_STATE(4)) >= 1);
    assert_true(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'statement_fetch' AND "
                             "parked_us > 0") >= 1);
    char *day = world_text(W, "SELECT day FROM statement_fetch WHERE state = 4 ORDER BY day");
    there.code = 0;
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = ask("stripe-a", day, "", false, &answer);
    json_t *json = world_take(W, r, &answer);
    assert_non_null(json);
    assert_int_equal(W->status, 202);
    json_decref(json);
    (void)world_tick(W);
    const struct fetch_filter filter = {.gateway = "stripe-a", .day = day};
    answer = (struct answer){0};
    json = world_take(W, fetch_list(recon, &filter, &answer, &W->err), &answer);
    const json_t *row = json_array_get(json_object_get(json, "data"), 0);
    assert_string_equal(json_at(row, "state"), "fetched");
    assert_string_equal(json_at(row, "asked_by"), "key:test");
    assert_int_equal(json_array_size(json_object_get(row, "statement_ids")), 1);
    assert_string_equal(json_at(json_array_get(json_object_get(json, "gateways"), 0), "time_zone"),
                        "Asia/Shanghai");
    json_decref(json);
    free(day);
}

static void there_is_none_is_believed_some_hours_later(void **state) {
    (void)state;
    start_over();
    there.code = ERR_GONE;
    int64_t passed = 0;
    while (world_int(W, DAYS) == 0 && passed < 2 * DAY_US) {
        pass(HOUR_US / 2);
        passed += HOUR_US / 2;
    }
    assert_int_equal(world_int(W, IN_STATE(1)), 1);
    pass(4 * HOUR_US);
    assert_int_equal(world_int(W, IN_STATE(1)), 1);
    pass(5 * HOUR_US);
    assert_int_equal(world_int(W, IN_STATE(3)), 1);
    int asked = there.asked;
    pass(4 * HOUR_US);
    assert_int_equal(there.asked, asked);
}

static void days_that_nobody_was_there_for_are_caught_up(void **state) {
    (void)state;
    start_over();
    pass(DAY_US);
    assert_int_equal(world_int(W, DAYS), 1);
    test_clock_advance(5 * DAY_US);
    as_the_process_starts_again();
    pass(HOUR_US);
    pass(HOUR_US);
    /* Whatever hour it is now: the last day has come, or comes with its hour. */
    int64_t days = world_int(W, DAYS);
    assert_true(days == 5 || days == 6);
    assert_int_equal(world_int(W, IN_STATE(2)), days);
    pass(DAY_US - 2 * HOUR_US);
    assert_int_equal(world_int(W, DAYS), days == 5 ? 6 : 7);
    assert_int_equal(world_int(W, "SELECT COUNT(DISTINCT day) FROM statement_fetch"),
                     days == 5 ? 6 : 7);
    /* But not without end. */
    test_clock_advance(200 * DAY_US);
    as_the_process_starts_again();
    pass(2 * HOUR_US);
    assert_int_equal(world_int(W, DAYS) - (days == 5 ? 6 : 7), FETCH_DAYS_BACK);
}

static void a_damaged_file_is_asked_for_again(void **state) {
    (void)state;
    start_over();
    there.damage = "nonsense";
    pass(DAY_US + HOUR_US);
    assert_int_equal(world_int(W, IN_STATE(2)), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 0);
    char *error = world_text(W, "SELECT error FROM statement_fetch LIMIT 1");
    assert_non_null(strstr(error, "nothing was taken in"));
    free(error);
    there.damage = NULL;
    pass(3 * HOUR_US);
    assert_int_equal(world_int(W, IN_STATE(1)), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"),
                     world_int(W, DAYS));
}

static void fetched_and_given_by_hand_it_is_one(void **state) {
    (void)state;
    start_over();
    pass(DAY_US);
    char *id = world_text(W, "SELECT statements FROM statement_fetch");
    int year = 0, month = 0, day = 0;
    assert_int_equal(sscanf(there.last, "activity %d-%d-%d", &year, &month, &day), 3);
    char text[300];
    int count = snprintf(text, sizeof text,
                         CANONICAL
                         "x%d,R,,,,charge,done,USD,100,,,%04d-%02d-%02dT10:00:00Z,card,\n",
                         day, year, month, day);
    struct given given = given_file("stripe-a", "by-hand.csv", text, (size_t)count);
    hand_in(&given);
    json_t *json = outcome(&given);
    const json_t *file = json_array_get(json_object_get(json, "files"), 0);
    assert_true(json_is_true(json_object_get(file, "known")));
    assert_string_equal(json_at(file, "statement_id"), id);
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 1);
    free(id);
}

static void what_is_asked_for_by_hand_is_looked_at(void **state) {
    (void)state;
    start_over();
    struct answer answer = {0};
    char day[CLOCK_TEXT_MAX];
    clock_format(clock_wall_us() + 8 * HOUR_US, day);
    day[FETCH_DAY_CHARS] = '\0';
    assert_int_equal(ask("nobody", day, "", false, &answer), -ERR_NOT_FOUND);
    assert_int_equal(ask("stripe-b", day, "", false, &answer), -ERR_STATE);
    assert_int_equal(ask("stripe-a", day, "", false, &answer),
                     -ERR_VALIDATION); /* it is not over */
    assert_int_equal(ask("stripe-a", "2026-02-30", "", false, &answer), -ERR_VALIDATION);
    assert_int_equal(ask("stripe-a", "2026-02-03", "payout", false, &answer),
                     -ERR_VALIDATION); /* the other kind tells the same */
    assert_int_equal(world_int(W, DAYS), 0);
}

/* The row of the one day, once it was asked for. */
static json_t *asked_for(const char *day, bool again) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, ask("stripe-a", day, "", again, &answer), &answer);
    assert_non_null(json);
    json_decref(json);
    (void)world_tick(W);
    const struct fetch_filter filter = {.gateway = "stripe-a", .day = day};
    answer = (struct answer){0};
    json = world_take(W, fetch_list(recon, &filter, &answer, &W->err), &answer);
    json_t *row = json_incref(json_array_get(json_object_get(json, "data"), 0));
    json_decref(json);
    return row;
}

static void assert_row(json_t *row, const char *state, const char *statement) {
    assert_string_equal(json_at(row, "state"), state);
    const json_t *ids = json_object_get(row, "statement_ids");
    assert_int_equal(json_array_size(ids), 1);
    assert_int_equal(strcmp(json_string_value(json_array_get(ids, 0)), statement), 0);
    json_decref(row);
}

static void a_day_that_is_fetched_is_asked_for_again_only_on_request(void **state) {
    (void)state;
    start_over();
    pass(DAY_US);
    assert_int_equal(world_int(W, IN_STATE(2)), 1);
    char *day = world_text(W, "SELECT day FROM statement_fetch");
    char *first = world_text(W, "SELECT id FROM statement");
    int asked = there.asked;
    assert_row(asked_for(day, false), "fetched", first);
    assert_int_equal(there.asked, asked);
    /* The same bytes change nothing. */
    assert_row(asked_for(day, true), "fetched", first);
    assert_int_equal(there.asked, asked + 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement"), 1);
    /* Others take the place of that day's statement, with a record. */
    there.damage = "pending";
    json_t *row = asked_for(day, true);
    char *second = world_text(W, "SELECT id FROM statement WHERE state = 2");
    assert_string_not_equal(first, second);
    assert_row(row, "fetched", second);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 3"), 1);
    assert_text(W, "SELECT superseded_by FROM statement WHERE state = 3", second);
    assert_text(W, "SELECT actor FROM statement WHERE state = 2", "key:test");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2 AND reason LIKE "
                                  "'fetched again%' AND until_us > 0"),
                     1);
    /* The old bytes once more: they were superseded, and nobody tries for days. */
    there.damage = NULL;
    row = asked_for(day, true);
    assert_non_null(strstr(json_at(row, "error"), "superseded"));
    assert_row(row, "given_up", second);
    /* And that there is none any more is a person's business, too. */
    there.code = ERR_GONE;
    assert_row(asked_for(day, true), "given_up", second);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM statement WHERE state = 2"), 1);
    free(day);
    free(first);
    free(second);
}

static void two_kinds_that_tell_the_same_are_refused(void **state) {
    (void)state;
    struct source sources[GATEWAYS_MAX];
    int count = 0;
    static const char *const both[] = {"activity", "payout"}, *const none[] = {"trade"};
    static const unsigned days = 61;
    static const bool yes = true;
    start_over();
    struct source_settings wrong[] = {
        {.gateway = "stripe-a", .kinds = both, .kind_count = 2},
        {.gateway = "stripe-a", .kinds = none, .kind_count = 1},
        {.gateway = "stripe-a", .time_zone = "Mars/Olympus"},
        {.gateway = "stripe-a", .business_days = &days},
        {.gateway = "stripe-b", .fetch = &yes},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(sources_open(W->registry, &wrong[i], 1, sources, &count, &W->err),
                         -ERR_CONFIG);
        assert_non_null(strstr(W->err.detail, wrong[i].gateway));
    }
    struct source_settings good = {.gateway = "stripe-a", .kinds = both + 1, .kind_count = 1};
    assert_int_equal(sources_open(W->registry, &good, 1, sources, &count, &W->err), 0);
    assert_string_equal(sources[0].kinds[0], "payout");
    assert_true(sources[0].fetch);
    sources_close(sources, count);
}

static int tear_down(void **state) {
    (void)state;
    recon_close(recon);
    recon = NULL;
    return 0;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_day_is_fetched_once_and_a_run_is_asked_for, tear_down),
        cmocka_unit_test_teardown(it_is_asked_again_until_it_is_published, tear_down),
        cmocka_unit_test_teardown(after_days_it_is_given_up_and_seen_and_asked_for_by_hand,
                                  tear_down),
        cmocka_unit_test_teardown(there_is_none_is_believed_some_hours_later, tear_down),
        cmocka_unit_test_teardown(days_that_nobody_was_there_for_are_caught_up, tear_down),
        cmocka_unit_test_teardown(a_damaged_file_is_asked_for_again, tear_down),
        cmocka_unit_test_teardown(fetched_and_given_by_hand_it_is_one, tear_down),
        cmocka_unit_test_teardown(what_is_asked_for_by_hand_is_looked_at, tear_down),
        cmocka_unit_test_teardown(a_day_that_is_fetched_is_asked_for_again_only_on_request,
                                  tear_down),
        cmocka_unit_test_teardown(two_kinds_that_tell_the_same_are_refused, tear_down),
    };
    return payment_world_run("statements that are fetched", tests, COUNT_OF(tests));
}
