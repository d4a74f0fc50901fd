/* SPDX-License-Identifier: Apache-2.0
 * test_break_lists.c: breaks found, counted, rated and exported; runs as jobs; and why a row is
 * where it is. On both engines. */
#include "break_fixture.h"

#include "recon/run_look.h"
#include "store/job.h"

/* ---- many breaks ---- */

enum { MANY = 7 };

/* MANY payments of 10 to 70 dollars, each a dollar or more short there; and one row that nothing
 * here knows of. */
static void many(void) {
    char *payments[MANY];
    struct names names[MANY];
    for (int i = 0; i < MANY; i++) {
        char order[16];
        snprintf(order, sizeof order, "order-%d", i);
        payments[i] = world_paid(W, order, 1000 * (i + 1));
        names[i] = names_of(payments[i]);
    }
    new_statement();
    for (int i = 0; i < MANY; i++) {
        charge_row(&names[i], 1000 * (i + 1) - 100 * (i % 3 + 1));
        free(payments[i]);
    }
    tell(900)->gateway_id = "ch_nobody";
    take("");
    run();
    assert_int_equal(live_breaks(), MANY + 1);
}

static json_t *list(const struct break_filter *filter) {
    struct caller caller = world_caller(NULL, "");
    struct answer answer = {0};
    err = (struct err){0};
    caller.actor = ANN;
    return world_take(W, break_list(recon, &caller, filter, &answer, &err), &answer);
}

static int count(const struct break_filter *filter) {
    json_t *json = list(filter);
    int rows = json != NULL ? (int)json_array_size(json_object_get(json, "data")) : -1;
    json_decref(json);
    return rows;
}

static void each_filter_finds_its_own_and_the_totals_are_of_all(void **state) {
    (void)state;
    up(NULL);
    people();
    many();
    const struct {
        struct break_filter filter;
        int rows;
    } cases[] = {
        {{0}, MANY + 1},
        {{.gateway = "stripe-a"}, MANY + 1},
        {{.gateway = "stripe-b"}, 0},
        {{.class = "amount_under"}, MANY},
        {{.risk = "critical"}, 1},
        {{.risk = "medium"}, MANY + 1},
        {{.state = "healed"}, 0},
        {{.state = "all"}, MANY + 1},
        {{.owner = "nobody"}, MANY + 1},
        {{.owner = "me"}, 0},
        {{.age = "0-1"}, MANY + 1},
        {{.age = "2-3"}, 0},
        {{.currency = "EUR"}, 0},
        {{.amount_min_minor = 300}, 3},
        {{.amount_max_minor = 100}, 3},
        {{.text = "CH_NOBODY"}, 0}, /* a name at the gateway counts in whole */
        {{.text = "ch_nobody"}, 1},
        {{.text = "order-3"}, 1},
        {{.text = "there_it is less"}, 0}, /* '_' is no joker */
        {{.text = "%"}, 0},
        {{.text = "THERE IT IS LESS"}, MANY},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (count(&cases[i].filter) != cases[i].rows) {
            fail_msg("filter %zu finds %d, not %d", i, count(&cases[i].filter), cases[i].rows);
        }
    }
    json_t *json = list(&(struct break_filter){.limit = 2, .class = "amount_under"});
    assert_int_equal(int_at(json, "totals.count"), MANY);
    assert_int_equal(int_at(json, "totals.ages.0-1"), MANY);
    const json_t *class = json_array_get(
        json_object_get(json_object_get(json, "totals"), "classes"), 0);
    assert_int_equal(int_at(class, "difference"), -(100 * 3 + 200 * 2 + 300 * 2));
    assert_int_equal(int_at(class, "at_stake"), 100 * 3 + 200 * 2 + 300 * 2);
    json_decref(json);
    assert_int_equal(count(&(struct break_filter){.class = "nothing"}), -1);
    assert_int_equal(err.code, ERR_VALIDATION);
}

static void pages_in_each_order_have_every_break_once(void **state) {
    static const char *const sorts[] = {"risk", "oldest", "newest", "amount"};
    (void)state;
    up(NULL);
    many();
    for (size_t i = 0; i < COUNT_OF(sorts); i++) {
        char cursor[100] = "", seen[MANY + 2][ID_TEXT_MAX];
        int rows = 0;
        int64_t before = INT64_MAX;
        for (bool more = true; more;) {
            json_t *json = list(
                &(struct break_filter){.limit = 3, .sort = sorts[i], .cursor = cursor});
            assert_non_null(json);
            size_t j;
            json_t *row;
            json_array_foreach(json_object_get(json, "data"), j, row) {
                assert_true(rows <= MANY);
                snprintf(seen[rows], ID_TEXT_MAX, "%s", json_at(row, "id"));
                for (int k = 0; k < rows; k++) {
                    assert_string_not_equal(seen[k], seen[rows]);
                }
                rows++;
                int64_t stake = int_at(row, "at_stake");
                assert_true(strcmp(sorts[i], "amount") != 0 || stake <= before);
                before = stake;
            }
            more = !json_is_null(json_object_get(json, "next_cursor"));
            snprintf(cursor, sizeof cursor, "%s", more ? json_at(json, "next_cursor") : "");
            json_decref(json);
        }
        assert_int_equal(rows, MANY + 1);
    }
    assert_int_equal(count(&(struct break_filter){.cursor = "amount.1.brk_x"}), -1);
}

/* ---- several at once ---- */

static int act_on_all(enum break_act what, const struct break_filter *filter, int64_t expected) {
    const struct break_action action = {.act = what,
                                        .several = true,
                                        .filter = filter,
                                        .expected = expected,
                                        .owner = "team:finance",
                                        .reason = "all of them"};
    return do_act(ANN, &action);
}

static void nobody_acts_on_more_than_he_saw(void **state) {
    (void)state;
    up(NULL);
    people();
    many();
    const struct break_filter under_there = {.class = "amount_under"};
    assert_int_equal(act_on_all(ACT_ASSIGN, &under_there, MANY - 1), -ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE owner <> ''"), 0);
    assert_int_equal(act_on_all(ACT_ASSIGN, &under_there, MANY), 200);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break WHERE owner <> ''"), MANY);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'break.assign'"),
                     MANY);
}

static void more_than_are_taken_at_once_are_refused_with_how_many_there_are(void **state) {
    (void)state;
    up(NULL);
    people();
    many();
    (void)engine_exec(
        &W->engine,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT "
        "INTO recon_break (id, version, gateway, class, subject, risk, side, movement_id, state, "
        "owner, kind, payment_id, currency, our_minor, their_minor, difference_minor, our_rows, "
        "their_rows, detail, at_us, opened_us, updated_us, closed_us, first_run, last_run, "
        "resolution, decided_by, stake_minor, risk_why) SELECT 'brk_' || CAST(i AS text), 1, "
        "'stripe-a', 24, 'many ' || CAST(i AS text), 1, 1, '', 1, '', 1, '', 'USD', 0, 0, 0, 0, "
        "0, '', 0, 0, 0, 0, '', '', '', '', 0, '' FROM n");
    const struct break_filter fees = {.class = "fee"};
    assert_int_equal(act_on_all(ACT_RESOLVE, &fees, 600), -ERR_TOO_LARGE);
    assert_non_null(strstr(err.detail, "600 breaks fit, and at most 500"));
    assert_non_null(strstr(err.hint, "in parts"));
    assert_int_equal(live_breaks(), MANY + 1 + 600);
}

/* The last of all cannot be written off: none is. */
static void several_are_all_done_or_none(void **state) {
    static const struct write_off_limit large[] = {
        {.currency = {"USD"}, .alone_minor = 1000 * 1000}};
    (void)state;
    up(large);
    people();
    many();
    assert_int_equal(act_on_all(ACT_WRITE_OFF, &(struct break_filter){0}, MANY + 1), -ERR_STATE);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM posting WHERE kind = 13"), 0);
    assert_int_equal(live_breaks(), MANY + 1);
}

static void many_small_write_offs_are_as_much_as_one_large_one(void **state) {
    static const struct write_off_limit limit[] = {{.currency = {"USD"}, .alone_minor = 1299}};
    (void)state;
    up(limit);
    people();
    many(); /* 1300 in all, none of them above 300 */
    const struct break_filter under_there = {.class = "amount_under"};
    assert_int_equal(act_on_all(ACT_WRITE_OFF, &under_there, MANY), 202);
    assert_int_equal(balance("merchant:write_off"), 0);
    assert_int_equal(act_on_all(ACT_APPROVE, &under_there, MANY), -ERR_FORBIDDEN);
    const struct break_action approve = {.act = ACT_APPROVE,
                                         .several = true,
                                         .filter = &under_there,
                                         .expected = MANY,
                                         .owner = "",
                                         .reason = "looked at each"};
    assert_int_equal(do_act(BOB, &approve), 200);
    assert_int_equal(balance("merchant:write_off"), 1300);
    run();
    assert_int_equal(live_breaks(), 1);
    assert_true(figures.ties_out);
}

/* ---- lists of runs ---- */

static int runs_of(const struct run_filter *asked) {
    struct run_filter filter = *asked;
    struct answer answer = {0};
    filter.gateway = filter.gateway != NULL ? filter.gateway : "";
    filter.currency = filter.currency != NULL ? filter.currency : "";
    filter.state = filter.state != NULL ? filter.state : "";
    filter.cursor = filter.cursor != NULL ? filter.cursor : "";
    err = (struct err){0};
    json_t *json = world_take(W, reconciliation_list(recon, &filter, &answer, &err), &answer);
    int rows = json != NULL ? (int)json_array_size(json_object_get(json, "data")) : -1;
    json_decref(json);
    return rows;
}

static void runs_are_found_by_gateway_currency_state_time_and_open_breaks(void **state) {
    (void)state;
    up(NULL);
    free(under("order", 1000, 900));
    run();
    test_clock_advance(2 * DAY_US);
    int64_t between_us = clock_wall_us() - DAY_US;
    run();
    test_clock_advance(2 * DAY_US);
    run();
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET state = 3 WHERE begun_us = (SELECT "
                                  "MIN(r.begun_us) FROM reconciliation r)");
    assert_int_equal(runs_of(&(struct run_filter){.open_breaks = true}), 1);
    (void)engine_exec(&W->engine, "UPDATE recon_break SET last_run = (SELECT MAX(r.id) FROM "
                                  "reconciliation r)");
    const struct {
        struct run_filter filter;
        int rows;
    } cases[] = {
        {{0}, 3},
        {{.gateway = "stripe-a"}, 3},
        {{.gateway = "stripe-b"}, 0},
        {{.currency = "USD"}, 3},
        {{.currency = "EUR"}, 0},
        {{.state = "done"}, 2},
        {{.state = "given_up"}, 1},
        {{.state = "under_way"}, 0},
        {{.since_us = between_us}, 2},
        {{.until_us = between_us}, 1},
        {{.since_us = between_us, .until_us = between_us + 1}, 0},
        {{.open_breaks = true}, 2}, /* the first, and the last that saw it */
        {{.open_breaks = true, .state = "done"}, 1},
        {{.state = "lost"}, -1},
        {{.currency = "DOLLARS"}, -1},
        {{.cursor = "rec_1"}, -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (runs_of(&cases[i].filter) != cases[i].rows) {
            fail_msg("filter %zu finds %d, not %d", i, runs_of(&cases[i].filter), cases[i].rows);
        }
        assert_int_equal(err.code, cases[i].rows < 0 ? ERR_VALIDATION : 0);
    }
    (void)engine_exec(&W->engine, "UPDATE recon_break SET state = 4");
    assert_int_equal(runs_of(&(struct run_filter){.open_breaks = true}), 0);
}

/* ---- files ---- */

static void an_export_is_csv_whose_totals_tie_out_and_that_calculates_nothing(void **state) {
    (void)state;
    up(NULL);
    people();
    many();
    (void)engine_exec(&W->engine, "UPDATE recon_break SET detail = '=HYPERLINK(\"x\")' WHERE class "
                                  "= 11");
    BUF_AUTO buf;
    buf_init(&buf, 1024 * 1024);
    assert_int_equal(break_export_csv(recon, NULL, &(struct break_filter){0}, &buf, &err), 0);
    int lines = 0;
    for (const char *at = buf.data; (at = strstr(at, "\r\n")) != NULL; at += 2) {
        lines++;
    }
    assert_int_equal(lines, MANY + 3); /* a head, and a line of totals */
    assert_non_null(strstr(buf.data, "\"'=HYPERLINK(\"\"x\"\")\""));
    assert_non_null(strstr(buf.data, "\r\ntotal of 8,"));
    /* ours 280.00; theirs 280.00 - 13.00 + 9.00; the difference -4.00; at stake 22.00 */
    assert_non_null(strstr(buf.data, ",USD,280.00,276.00,-4.00,22.00,0.00,"));
    BUF_AUTO book;
    buf_init(&book, 1024 * 1024);
    assert_int_equal(break_export_xlsx(recon, NULL, &(struct break_filter){0}, &book, &err), 0);
    assert_memory_equal(book.data, "PK\x03\x04", 4);
}

/* ---- risk ---- */

static void risk_is_the_class_and_what_raises_it(void **state) {
    static const struct break_risk_amount dollars[] = {
        {.currency = {"USD"}, .first_minor = 500, .second_minor = 5000}};
    static const struct break_risk_policy policy = {.amounts = dollars, .amount_count = 1};
    static const struct {
        enum match_class class;
        const char *currency;
        int64_t stake, days, alike;
        enum match_risk risk;
        const char *why;
    } cases[] = {
        {CLASS_FEE, "USD", 499, 0, 1, RISK_LOW, "low by its class"},
        {CLASS_FEE, "USD", 500, 0, 1, RISK_MEDIUM, "low by its class, amount +1"},
        {CLASS_FEE, "USD", 5000, 0, 1, RISK_HIGH, "low by its class, amount +2"},
        {CLASS_FEE, "EUR", 99999, 0, 1, RISK_LOW, "low by its class"},
        {CLASS_FEE, "EUR", 100000, 0, 1, RISK_MEDIUM, "low by its class, amount +1"},
        {CLASS_FEE, "EUR", 1000000, 0, 1, RISK_HIGH, "low by its class, amount +2"},
        {CLASS_FEE, "JPY", 99999, 0, 1, RISK_LOW, "low by its class"},
        {CLASS_FEE, "JPY", 100000, 0, 1, RISK_MEDIUM, "low by its class, amount +1"},
        /* Opened on Friday, the 20th: Monday to Wednesday are over on Thursday. */
        {CLASS_FEE, "USD", 1, 5, 1, RISK_LOW, "low by its class"},
        {CLASS_FEE, "USD", 1, 6, 1, RISK_MEDIUM, "low by its class, age +1"},
        {CLASS_FEE, "USD", 1, 13, 1, RISK_HIGH, "low by its class, age +2"},
        {CLASS_FEE, "USD", 1, 0, 9, RISK_LOW, "low by its class"},
        {CLASS_FEE, "USD", 1, 0, 10, RISK_MEDIUM, "low by its class, count +1"},
        {CLASS_FEE, "USD", 500, 6, 100, RISK_CRITICAL,
         "low by its class, amount +1, age +1, count +2"},
        {CLASS_DOUBLE_CHARGE, "USD", 5000, 13, 100, RISK_CRITICAL,
         "critical by its class, amount +2, age +2, count +2"},
    };
    (void)state;
    TIME_ZONE_AUTO zone = NULL;
    int64_t opened_us = 0;
    assert_int_equal(time_zone_open("UTC", &zone, &err), 0);
    assert_true(clock_parse("2026-11-20T10:00:00Z", &opened_us));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char why[RISK_WHY_CHARS_MAX];
        const struct break_risk_facts facts = {
            .class = cases[i].class,
            .currency = currency_stored(cases[i].currency),
            .stake_minor = cases[i].stake,
            .opened_us = opened_us,
            .now_us = opened_us + cases[i].days * DAY_US,
            .alike = cases[i].alike,
        };
        assert_int_equal(break_risk(&policy, zone, &facts, why), cases[i].risk);
        assert_string_equal(why, cases[i].why);
    }
}

static int daily_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    (void)ctx;
    int r = job_add(tx, "break_risks", "daily", clock_wall_us(), "", tx_err);
    return r < 0 ? r : 0;
}

static void runs_and_each_day_renew_the_risk_and_history_has_each_change(void **state) {
    (void)state;
    up(NULL);
    char *payment = under("order", 1000, 900);
    run();
    assert_int_equal(world_int(W, "SELECT risk FROM recon_break"), RISK_MEDIUM);
    run();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break_event"), 1);
    test_clock_advance(8 * DAY_US);
    run();
    assert_int_equal(world_int(W, "SELECT risk FROM recon_break"), RISK_HIGH);
    assert_text(W, "SELECT detail FROM recon_break_event WHERE what = 'risk'",
                "from medium to high: medium by its class, age +1");
    test_clock_advance(8 * DAY_US);
    /* No run: the daily job. */
    assert_int_equal(store_write(W->engine.store, daily_tx, NULL, &err), 0);
    world_tick(W);
    assert_int_equal(world_int(W, "SELECT risk FROM recon_break"), RISK_CRITICAL);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_break_event"), 3);
    free(payment);
}

/* ---- runs as jobs ---- */

static int ask_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    (void)ctx;
    int r = recon_ask_run(tx, "stripe-a", ANN, tx_err);
    return r < 0 ? r : 0;
}

static void a_run_that_finds_one_under_way_waits_for_its_end(void **state) {
    (void)state;
    up(NULL);
    run();
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET state = 1");
    assert_int_equal(store_write(W->engine.store, ask_tx, NULL, &err), 0);
    world_tick(W);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM reconciliation"), 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'reconcile'"), 1);
    assert_int_equal(world_int(W, "SELECT attempts FROM job WHERE kind = 'reconcile'"), 0);
    (void)engine_exec(&W->engine, "UPDATE reconciliation SET state = 2");
    world_pass(W, 10 * US_PER_SECOND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM reconciliation WHERE state = 2"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM job WHERE kind = 'reconcile'"), 0);
}

static void a_run_up_to_a_moment_leaves_what_moved_after_it(void **state) {
    (void)state;
    up(NULL);
    char *first = world_paid(W, "order-1", 1000);
    test_clock_advance(DAY_US);
    int64_t until_us = clock_wall_us();
    test_clock_advance(DAY_US);
    char *second = world_paid(W, "order-2", 2000);
    struct caller caller = world_caller(NULL, "");
    ANSWER_AUTO answer = {0};
    assert_int_equal(reconciliation_ask(recon, &caller, "stripe-a", until_us, &answer, &err), 0);
    answer_release(&answer);
    world_pass(W, US_PER_SECOND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement"), 1);
    assert_int_equal(world_int(W, "SELECT closing_minor FROM reconciliation_book"), 980);
    assert_int_equal(reconciliation_ask(recon, &caller, "stripe-a", until_us - 1, &answer, &err),
                     -ERR_STATE);
    run();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM movement"), 2);
    assert_int_equal(figures.books[0].opening_minor, 980);
    assert_true(figures.ties_out);
    free(first);
    free(second);
}

/* ---- why ---- */

static json_t *explain(const char *id) {
    struct answer answer = {0};
    err = (struct err){0};
    return world_take(W, movement_explain(recon, id, &answer, &err), &answer);
}

static bool says(const json_t *json, const char *part) {
    size_t i;
    json_t *line;
    bool said = false;
    json_array_foreach(json_object_get(json, "explanation"), i, line) {
        said = said || strstr(json_string_value(line), part) != NULL;
    }
    return said;
}

static void a_row_says_why_it_is_where_it_is(void **state) {
    (void)state;
    up(limits_usual);
    char *payment = under("order", 1000, 995);
    tell(900)->gateway_id = "ch_nobody";
    run();
    char *ours = world_text(W, "SELECT id FROM movement WHERE side = 1");
    char *theirs = world_text(W, "SELECT id FROM movement WHERE side = 2");
    json_t *json = explain(ours);
    assert_string_equal(json_at(json, "class"), "amount_under");
    assert_string_equal(json_at(json, "break_state"), "open");
    assert_true(json_is_true(json_object_get(json, "same_today")));
    assert_true(says(json, "put it in amount_under"));
    assert_true(says(json, "gateway id"));
    json_decref(json);
    json = explain(theirs);
    assert_string_equal(json_at(json, "side"), "theirs");
    assert_int_equal(json_array_size(json_object_get(json, "rows")), 2);
    json_decref(json);
    assert_int_equal(write_off(ANN, last_break().id, "rounding"), 200);
    json = explain(ours);
    assert_true(says(json, "by what is there now it would be matched"));
    assert_false(json_is_true(json_object_get(json, "same_today")));
    json_decref(json);
    char *posting = world_text(W, "SELECT posting_id FROM recon_write_off");
    assert_null(explain(posting));
    assert_non_null(strstr(err.hint, "part of the movement"));
    assert_null(explain("pst_nothing"));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    free(posting);
    free(ours);
    free(theirs);
    free(payment);
}

/* By the run's clock, not by the one of who asks. */
static void what_is_missing_was_expected_before(void **state) {
    (void)state;
    up(NULL);
    char *payment = world_paid(W, "order", 1000);
    run();
    char *ours = world_text(W, "SELECT id FROM movement");
    test_clock_advance(8 * DAY_US);
    json_t *json = explain(ours);
    assert_string_equal(json_at(json, "class"), "expected");
    assert_true(json_is_true(json_object_get(json, "same_today")));
    json_decref(json);
    run();
    json = explain(ours);
    assert_string_equal(json_at(json, "class"), "missing_there");
    assert_true(json_is_true(json_object_get(json, "same_today")));
    json_decref(json);
    free(ours);
    free(payment);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_filter_finds_its_own_and_the_totals_are_of_all),
        cmocka_unit_test(pages_in_each_order_have_every_break_once),
        cmocka_unit_test(nobody_acts_on_more_than_he_saw),
        cmocka_unit_test(more_than_are_taken_at_once_are_refused_with_how_many_there_are),
        cmocka_unit_test(several_are_all_done_or_none),
        cmocka_unit_test(many_small_write_offs_are_as_much_as_one_large_one),
        cmocka_unit_test(runs_are_found_by_gateway_currency_state_time_and_open_breaks),
        cmocka_unit_test(an_export_is_csv_whose_totals_tie_out_and_that_calculates_nothing),
        cmocka_unit_test(risk_is_the_class_and_what_raises_it),
        cmocka_unit_test(runs_and_each_day_renew_the_risk_and_history_has_each_change),
        cmocka_unit_test(a_run_that_finds_one_under_way_waits_for_its_end),
        cmocka_unit_test(a_run_up_to_a_moment_leaves_what_moved_after_it),
        cmocka_unit_test(a_row_says_why_it_is_where_it_is),
        cmocka_unit_test(what_is_missing_was_expected_before),
    };
    return payment_world_run("break lists", tests, COUNT_OF(tests));
}
