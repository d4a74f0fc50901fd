/* SPDX-License-Identifier: Apache-2.0
 * test_window.c: a time that is proved: what was touched is listed, asked about at its gateway and
 * held against statements; what is in doubt is said. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "payment/repair.h"
#include "recon/run.h"
#include "recon/window_impl.h"
#include "support/given_rows.h"
#include "support/payment_world.h"

#define W the_world
#define FAKE (W->fake)
#define MINUTE_US (60 * US_PER_SECOND)

static struct recon recon;
static int64_t began_us, told_us; /* when a statement was given that covers it; 0 */
static unsigned told_lacks;       /* what such a statement does not tell */
static struct err err;

/* From here on things count as done in the window. */
static void begin(void) {
    recon.options = (struct recon_options){
        .store = W->engine.store, .payments = W->payments, .registry = W->registry};
    test_clock_advance(MINUTE_US);
    began_us = clock_wall_us();
    told_us = 0;
    told_lacks = 0;
    test_clock_advance(US_PER_SECOND);
}

static json_t *parsed(struct answer *answer) {
    json_t *json = json_loads(answer->json, 0, NULL);
    assert_non_null(json);
    answer_release(answer);
    return json;
}

static void work(const char *id) {
    struct job job = {.payload = (char *)(uintptr_t) ""};
    snprintf(job.key, sizeof job.key, "%s", id);
    for (int i = 0; i < 50; i++) {
        int64_t again_us = 0;
        if (window_job(&recon, &job, &again_us, &err) < 0) {
            fail_msg("%s", err.detail);
        }
        if (again_us == 0) {
            return;
        }
    }
    fail_msg("the window never ends");
}

/* The report of a window from begin() to now. */
static json_t *proved_at(const char *gateway) {
    static int number;
    char key[24];
    snprintf(key, sizeof key, "window-%d", ++number);
    struct caller caller = world_caller(key, key);
    test_clock_advance(US_PER_SECOND);
    const struct window_request request = {began_us, told_us > 0 ? told_us : clock_wall_us(),
                                           gateway};
    struct answer answer = {0};
    if (window_ask(&recon, &caller, &request, &answer, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(answer.status, 202);
    json_t *asked = parsed(&answer);
    char *id = strdup(json_at(asked, "id"));
    json_decref(asked);
    work(id);
    assert_int_equal(window_get(&recon, id, &answer, &err), 0);
    json_t *json = parsed(&answer);
    assert_string_equal(json_at(json, "state"), "done");
    free(id);
    return json;
}

/* A statement that covers the window, with the charge of this order. */
static void tell(const char *payment_id, int64_t amount_minor) {
    static struct given_rows given;
    static struct statement_taken taken;
    static struct run_figures figures;
    given = (struct given_rows){.from_us = began_us - 1,
                                .until_us = clock_wall_us() + MINUTE_US,
                                .lacks = told_lacks};
    char sql[160];
    char *charge = NULL;
    if (payment_id != NULL) {
        snprintf(sql, sizeof sql, "SELECT charge_id FROM attempt WHERE payment_id = '%s'",
                 payment_id);
        charge = world_text(W, sql);
        struct statement_row *row = given_add(&given);
        row->gateway_id = charge;
        row->gross_minor = amount_minor;
        row->currency = currency_stored("USD");
        row->at_us = clock_wall_us();
        row->native_kind = "charge";
    }
    struct statement_request request = given_request(&given, "stripe-a");
    test_clock_advance(US_PER_SECOND);
    told_us = clock_wall_us();
    assert_int_equal(statement_take(W->engine.store, &request, &taken, &err), 0);
    struct reconciliation_id id;
    const struct run_request run = {.gateway = "stripe-a",
                                    .actor = "user:usr_1",
                                    .until_us = clock_wall_us(),
                                    .business_days = RUN_BUSINESS_DAYS_USUAL};
    if (reconcile_run(W->engine.store, &run, &id, &figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    free(charge);
}

static void assert_missing(json_t *json, const char *word) {
    json_t *missing = json_object_get(json_object_get(json, "report"), "missing");
    char *text = json_dumps(missing, 0);
    if (strstr(text, word) == NULL) {
        fail_msg("\"%s\" is not in %s", word, text);
    }
    free(text);
}

static void assert_counts(json_t *json, int touched, const char *verdict, int count) {
    char path[64];
    snprintf(path, sizeof path, "report.attempts.%s", verdict);
    assert_int_equal(int_at(json, "report.attempts.touched"), touched);
    assert_int_equal(int_at(json, path), count);
}

static bool is_proved(json_t *json) {
    return json_is_true(json_object_get(json_object_get(json, "report"), "proved"));
}

static void what_agrees_everywhere_is_proved_once_a_statement_covers_it(void **state) {
    (void)state;
    begin();
    char *id = world_paid(W, "order", 500);
    world_callbacks(W, 0);
    (void)world_tick(W);
    json_t *json = proved_at("");
    assert_counts(json, 1, "agreed", 1);
    assert_false(is_proved(json));
    assert_missing(json, "no statement of stripe-a");
    json_decref(json);
    tell(id, 500);
    json = proved_at("stripe-a");
    assert_true(is_proved(json));
    assert_int_equal(int_at(json, "report.movements.0.count"), 1);
    assert_string_equal(json_at(json, "report.movements.0.class"), "matched");
    assert_int_equal(int_at(json, "report.money.0.taken"), 500);
    json_decref(json);
    free(id);
}

static void a_time_in_which_nothing_was_touched_is_not_proved_by_that(void **state) {
    (void)state;
    begin();
    json_t *json = proved_at("");
    assert_counts(json, 0, "agreed", 0);
    assert_false(is_proved(json));
    assert_missing(json, "no statement of stripe-b");
    json_decref(json);
}

static int none_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    return sql_put(tx, tx_err,
                   "INSERT INTO statement_fetch (gateway, kind, day, state, planned, attempts, "
                   "error, statements, actor, created_us, updated_us) VALUES ('stripe-a', "
                   "'activity', $1, 3, 1, 1, '', '', 'system', 0, 0)",
                   S_TEXT(ctx));
}

static void a_day_of_which_the_gateway_says_that_there_is_none_is_covered(void **state) {
    (void)state;
    begin();
    char day[CLOCK_TEXT_MAX];
    clock_format(began_us, day);
    day[10] = '\0';
    assert_int_equal(store_write(W->engine.store, none_tx, day, &err), 0);
    json_t *json = proved_at("stripe-a");
    assert_true(is_proved(json));
    json_decref(json);
}

/* Files of empty days have the same bytes and are one statement, which says another day. */
static int fetched_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    return sql_put(tx, tx_err,
                   "INSERT INTO statement_fetch (gateway, kind, day, state, planned, attempts, "
                   "error, statements, actor, created_us, updated_us) SELECT 'stripe-a', "
                   "'activity', $1, 2, 1, 1, '', id, 'system', 0, 0 FROM statement",
                   S_TEXT(ctx));
}

static void a_day_whose_empty_file_was_fetched_is_covered(void **state) {
    (void)state;
    begin();
    char day[CLOCK_TEXT_MAX];
    clock_format(began_us, day);
    day[10] = '\0';
    tell(NULL, 0);
    test_store_exec(W->engine.store, "UPDATE statement SET from_us = 1, until_us = 2");
    json_t *json = proved_at("stripe-a");
    assert_false(is_proved(json));
    json_decref(json);
    assert_int_equal(store_write(W->engine.store, fetched_tx, day, &err), 0);
    json = proved_at("stripe-a");
    assert_true(is_proved(json));
    json_decref(json);
    /* One that no longer counts covers nothing. */
    test_store_exec(W->engine.store, "UPDATE statement SET state = 5");
    json = proved_at("stripe-a");
    assert_false(is_proved(json));
    json_decref(json);
}

static void day_text(int days, char text[CLOCK_TEXT_MAX]) {
    clock_format(began_us + days * INT64_C(86400) * US_PER_SECOND, text);
    text[10] = '\0';
}

/* Each time without one, by its days: one line and one command for days that follow one another. */
static void days_without_a_statement_are_told_together_with_what_to_do(void **state) {
    (void)state;
    char days[4][CLOCK_TEXT_MAX], text[400];
    begin();
    recon.sources[0] = (struct source){.gateway = gateway_at(W->registry, 0),
                                       .time_zone = "UTC",
                                       .kind_count = 1,
                                       .kinds = {"activity"}};
    recon.source_count = 1;
    for (int i = 0; i < 4; i++) {
        day_text(i, days[i]);
    }
    test_clock_advance(3 * INT64_C(86400) * US_PER_SECOND);
    json_t *json = proved_at("stripe-a");
    snprintf(text, sizeof text,
             "no statement of stripe-a that a run has seen covers %s to %s (3 days)", days[0],
             days[2]);
    assert_missing(json, text);
    snprintf(text, sizeof text,
             "for day in %s %s %s; do holdfast statement fetch --gateway stripe-a --day $day; done",
             days[0], days[1], days[2]);
    assert_missing(json, text);
    snprintf(text, sizeof text, "no statement of stripe-a covers %s: the day is not over there",
             days[3]);
    assert_missing(json, text);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "report"), "missing")),
                     2);
    json_decref(json);

    assert_int_equal(store_write(W->engine.store, none_tx, days[1], &err), 0);
    json = proved_at("stripe-a");
    snprintf(text, sizeof text, "covers %s\"", days[0]);
    assert_missing(json, text);
    snprintf(text, sizeof text, "holdfast statement fetch --gateway stripe-a --day %s\"", days[2]);
    assert_missing(json, text);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "report"), "missing")),
                     3);
    json_decref(json);
    recon.source_count = 0;
    json = proved_at("stripe-a");
    assert_missing(json, "holdfast statement import FILE --gateway stripe-a");
    json_decref(json);
}

static void a_statement_that_no_run_has_looked_at_is_told_as_that(void **state) {
    (void)state;
    begin();
    static struct given_rows given;
    static struct statement_taken taken;
    test_clock_advance(2 * INT64_C(86400) * US_PER_SECOND);
    given = (struct given_rows){.from_us = began_us - 1, .until_us = clock_wall_us()};
    struct statement_row *row = given_add(&given);
    row->gateway_id = "ch_unseen";
    row->gross_minor = 100;
    row->currency = currency_stored("USD");
    row->at_us = began_us;
    row->native_kind = "charge";
    struct statement_request request = given_request(&given, "stripe-a");
    assert_int_equal(statement_take(W->engine.store, &request, &taken, &err), 0);
    json_t *json = proved_at("stripe-a");
    assert_missing(json, "no run has looked yet at what statements of stripe-a say of");
    assert_missing(json, "holdfast reconcile run --gateway stripe-a --wait");
    json_decref(json);
}

static const json_t *covered(json_t *json, const char *kind) {
    const json_t *told = json_array_get(
        json_object_get(json_object_get(json, "report"), "statements"), 0);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(told, "kinds"), i, row) {
        if (strcmp(json_at(row, "kind"), kind) == 0) {
            return json_object_get(row, "covers_all");
        }
    }
    fail_msg("nothing is said of %s", kind);
    return NULL;
}

/* A bill of refunds tells nothing of charges: somebody may have paid and nobody here knows it. */
static void a_day_is_covered_only_for_what_its_statements_tell(void **state) {
    (void)state;
    char day[CLOCK_TEXT_MAX], text[400];
    begin();
    day_text(0, day);
    recon.sources[0] = (struct source){.gateway = gateway_at(W->registry, 0),
                                       .time_zone = "UTC",
                                       .kind_count = 1,
                                       .kinds = {"activity"}};
    recon.source_count = 1;
    test_clock_advance(INT64_C(86400) * US_PER_SECOND);
    told_lacks = TELLS_CHARGES;
    tell(NULL, 0);
    json_t *json = proved_at("stripe-a");
    assert_false(is_proved(json));
    snprintf(text, sizeof text, "no statement of stripe-a that a run has seen tells the charges "
                                "of %s\"", day);
    assert_missing(json, text);
    snprintf(text, sizeof text, "holdfast statement fetch --gateway stripe-a --day %s\"", day);
    assert_missing(json, text);
    assert_true(json_is_false(covered(json, "charges")));
    assert_true(json_is_true(covered(json, "refunds")));
    assert_true(json_is_true(covered(json, "disputes")));
    json_decref(json);
    /* What another one tells is taken together with it. */
    int64_t first_us = told_us;
    told_lacks = TELLS_REFUNDS | TELLS_DISPUTES;
    tell(NULL, 1);
    told_us = first_us;
    json = proved_at("stripe-a");
    assert_true(is_proved(json));
    json_decref(json);
    recon.source_count = 0;
}

/* Each kind and each time by itself: of the refunds of a part the disputes are told, of another
 * not. */
static void what_is_missing_is_told_by_kind_and_time(void **state) {
    (void)state;
    char days[3][CLOCK_TEXT_MAX], text[400];
    begin();
    for (int i = 0; i < 3; i++) {
        day_text(i, days[i]);
    }
    test_clock_advance(3 * INT64_C(86400) * US_PER_SECOND);
    told_lacks = TELLS_REFUNDS | TELLS_DISPUTES;
    tell(NULL, 0);
    snprintf(text, sizeof text, "UPDATE statement SET from_us = %lld",
             (long long)(began_us / (86400 * US_PER_SECOND) * 86400 * US_PER_SECOND +
                         86400 * US_PER_SECOND));
    test_store_exec(W->engine.store, text);
    json_t *json = proved_at("stripe-a");
    snprintf(text, sizeof text, "no statement of stripe-a that a run has seen covers %s\"",
             days[0]);
    assert_missing(json, text);
    snprintf(text, sizeof text,
             "no statement of stripe-a that a run has seen tells the refunds and disputes of %s to "
             "%s (2 days)",
             days[1], days[2]);
    assert_missing(json, text);
    assert_missing(json, "holdfast statement import FILE --gateway stripe-a");
    json_decref(json);
}

/* Before its bits were kept: by the format; where each file says them itself, by its rows. */
static void an_old_statement_tells_what_its_rows_are(void **state) {
    (void)state;
    begin();
    char *id = world_paid(W, "order", 500);
    world_callbacks(W, 0);
    (void)world_tick(W);
    tell(id, 500);
    test_store_exec(W->engine.store, "UPDATE statement SET tells = NULL, reader = 'csv'");
    json_t *json = proved_at("stripe-a");
    assert_true(json_is_true(covered(json, "charges")));
    assert_true(json_is_false(covered(json, "refunds")));
    json_decref(json);
    test_store_exec(W->engine.store, "UPDATE statement SET reader = 'stripe-report'");
    json = proved_at("stripe-a");
    assert_true(is_proved(json));
    json_decref(json);
    free(id);
}

/* What a day's payouts were made of was charged before it. */
static void a_day_without_payouts_is_not_covered_by_that(void **state) {
    (void)state;
    begin();
    char day[CLOCK_TEXT_MAX];
    day_text(0, day);
    assert_int_equal(store_write(W->engine.store, none_tx, day, &err), 0);
    test_store_exec(W->engine.store, "UPDATE statement_fetch SET kind = 'payout'");
    json_t *json = proved_at("stripe-a");
    assert_false(is_proved(json));
    assert_missing(json, "no statement of stripe-a");
    json_decref(json);
}

static void only_what_was_touched_in_it_is_listed(void **state) {
    (void)state;
    char *before = world_paid(W, "before", 300), *refunded = world_paid(W, "refunded", 400);
    begin();
    char *id = world_paid(W, "order", 500);
    json_decref(world_refund(W, "refund", refunded, 100));
    json_t *json = proved_at("");
    assert_counts(json, 2, "agreed", 2);
    json_decref(json);
    /* And what came after its end is not. */
    int64_t until_us = clock_wall_us();
    test_clock_advance(MINUTE_US);
    char *after = world_paid(W, "after", 600);
    struct caller caller = world_caller("w", "w");
    const struct window_request request = {began_us, until_us, "stripe-a"};
    struct answer answer = {0};
    assert_int_equal(window_ask(&recon, &caller, &request, &answer, &err), 0);
    json = parsed(&answer);
    work(json_at(json, "id"));
    assert_int_equal(window_get(&recon, json_at(json, "id"), &answer, &err), 0);
    json_decref(json);
    json = parsed(&answer);
    assert_counts(json, 2, "agreed", 2);
    json_decref(json);
    free(before);
    free(refunded);
    free(id);
    free(after);
}

static void a_charge_that_nobody_heard_of_is_found_and_booked(void **state) {
    (void)state;
    begin();
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_decref(world_create(W, "key", "order", 500));
    fake_say_nothing(FAKE);
    json_t *json = proved_at("");
    assert_counts(json, 1, "found", 1);
    json_decref(json);
    assert_text(W, "SELECT CAST(state AS text) FROM payment", "5");
    world_check(W);
}

static void a_gateway_that_does_not_answer_leaves_it_open(void **state) {
    (void)state;
    begin();
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_BEFORE);
    json_decref(world_create(W, "key", "order", 500));
    json_t *json = proved_at("");
    assert_counts(json, 1, "open", 1);
    assert_missing(json, "\\\"open\\\"");
    json_decref(json);
    fake_say_nothing(FAKE);
    world_settle_all(W);
    fake_say(FAKE, 0, "query", -1, FAKE_ERROR_BEFORE);
    json = proved_at("");
    assert_counts(json, 1, "unanswered", 1);
    assert_false(is_proved(json));
    json_decref(json);
}

static void another_amount_there_differs(void **state) {
    (void)state;
    begin();
    char *id = world_paid(W, "order", 500);
    fake_capture_of_nobody(FAKE, 0, "order", 70);
    tell(id, 500);
    json_t *json = proved_at("stripe-a");
    assert_counts(json, 1, "differs", 1);
    assert_false(is_proved(json));
    json_decref(json);
    free(id);
}

static int take_back_tx(struct store_tx *tx, void *ctx, struct err *tx_err) {
    char movement_id[REPAIR_MOVEMENT_CHARS];
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return repair_charge_take_back(W->payments, tx, arena, ctx, movement_id, tx_err);
}

/* Its gateway says that it never charged it, and by now so do we. */
static void a_charge_that_was_taken_back_agrees(void **state) {
    (void)state;
    begin();
    char *id = world_paid(W, "order", 500);
    char *attempt = world_text(W, "SELECT id FROM attempt");
    fake_payment_becomes(FAKE, 0, "order", "requires_payment_method");
    assert_int_equal(store_write(W->engine.store, take_back_tx, attempt, &err), 0);
    assert_payment(W, id, "failed");
    json_t *json = proved_at("stripe-a");
    assert_counts(json, 1, "agreed", 1);
    json_decref(json);
    free(attempt);
    free(id);
}

static void money_that_nothing_explains_keeps_it_from_being_proved(void **state) {
    (void)state;
    begin();
    char *first = world_paid(W, "order", 500);
    /* The same order's money once more, by an attempt that was over. */
    int event = fake_charge_of_nobody(FAKE, 0, "", "order", 500);
    (void)world_callback(W, event);
    (void)world_tick(W);
    tell(first, 500);
    json_t *json = proved_at("");
    /* It names no payment of ours: it is money that nothing explains. */
    assert_int_equal(int_at(json, "report.case_count"), 1);
    assert_missing(json, "the money of 1 case\"");
    assert_false(is_proved(json));
    json_decref(json);
    free(first);
}

static void an_order_that_was_charged_twice_is_told(void **state) {
    (void)state;
    begin();
    /* A person gives up its first attempt, which was charged after all. */
    fake_say(FAKE, 0, "*", -1, FAKE_LOSE_AFTER);
    json_t *json = world_create(W, "key", "order", 500);
    const char *id = json_at(json, "id");
    struct caller caller = world_caller("fail", "failed");
    struct answer answer = {0};
    json_decref(world_take(
        W, payment_resolve(W->payments, &caller, id, false, "a wrong guess", &answer, &W->err),
        &answer));
    fake_say_nothing(FAKE);
    free(world_paid(W, "order", 500));
    json_decref(json);
    json = proved_at("");
    assert_counts(json, 2, "agreed", 1);
    assert_counts(json, 2, "found", 1);
    assert_int_equal(int_at(json, "report.double_charge_count"), 1);
    assert_int_equal(int_at(json, "report.double_charges.0.held"), 1000);
    assert_int_equal(int_at(json, "report.double_charges.0.asked"), 500);
    assert_missing(json, "for 1 order more is held than was asked for");
    json_decref(json);
}

static void a_callback_that_waits_keeps_it_from_being_proved(void **state) {
    (void)state;
    begin();
    char *id = world_paid(W, "order", 500);
    world_callbacks(W, 0); /* stored; nothing has processed them yet */
    tell(id, 500);
    json_t *json = proved_at("stripe-a");
    assert_missing(json, "1 callback of it is not processed");
    json_decref(json);
    (void)world_tick(W);
    json = proved_at("stripe-a");
    assert_true(is_proved(json));
    json_decref(json);
    free(id);
}

static void more_attempts_than_a_page_are_all_asked_about(void **state) {
    (void)state;
    begin();
    for (int i = 0; i < 130; i++) {
        char order[24];
        snprintf(order, sizeof order, "order-%d", i);
        free(world_paid(W, order, 100 + i));
    }
    int asked = fake_calls(FAKE, 0, "query");
    json_t *json = proved_at("");
    assert_counts(json, 130, "agreed", 130);
    assert_int_equal(fake_calls(FAKE, 0, "query") - asked, 130);
    struct answer answer = {0};
    assert_int_equal(
        window_items(&recon, json_at(json, "id"), WINDOW_AGREED, "", 100, &answer, &err), 0);
    json_t *page = parsed(&answer);
    assert_int_equal(json_array_size(json_object_get(page, "data")), 100);
    assert_int_equal(window_items(&recon, json_at(json, "id"), WINDOW_AGREED,
                                  json_at(page, "next_cursor"), 100, &answer, &err),
                     0);
    json_decref(page);
    page = parsed(&answer);
    assert_int_equal(json_array_size(json_object_get(page, "data")), 30);
    assert_true(json_is_null(json_object_get(page, "next_cursor")));
    json_decref(page);
    json_decref(json);
}

static void a_window_that_cannot_be_is_refused(void **state) {
    (void)state;
    begin();
    int64_t now_us = clock_wall_us();
    const struct window_request requests[] = {
        {now_us, now_us, ""},
        {now_us - 1, now_us + MINUTE_US, ""},
        {now_us - WINDOW_US_MAX - 1, now_us, ""},
        {now_us - 1, now_us, "nobody"},
    };
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct caller caller = world_caller("key", "hash");
        struct answer answer = {0};
        assert_int_equal(window_ask(&recon, &caller, &requests[i], &answer, &err), -ERR_VALIDATION);
    }
    struct answer answer = {0};
    assert_int_equal(window_get(&recon, "win_none", &answer, &err), -ERR_NOT_FOUND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM recon_window"), 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_agrees_everywhere_is_proved_once_a_statement_covers_it),
        cmocka_unit_test(a_time_in_which_nothing_was_touched_is_not_proved_by_that),
        cmocka_unit_test(a_day_of_which_the_gateway_says_that_there_is_none_is_covered),
        cmocka_unit_test(a_day_whose_empty_file_was_fetched_is_covered),
        cmocka_unit_test(days_without_a_statement_are_told_together_with_what_to_do),
        cmocka_unit_test(a_statement_that_no_run_has_looked_at_is_told_as_that),
        cmocka_unit_test(a_day_is_covered_only_for_what_its_statements_tell),
        cmocka_unit_test(what_is_missing_is_told_by_kind_and_time),
        cmocka_unit_test(an_old_statement_tells_what_its_rows_are),
        cmocka_unit_test(a_day_without_payouts_is_not_covered_by_that),
        cmocka_unit_test(only_what_was_touched_in_it_is_listed),
        cmocka_unit_test(a_charge_that_nobody_heard_of_is_found_and_booked),
        cmocka_unit_test(a_gateway_that_does_not_answer_leaves_it_open),
        cmocka_unit_test(another_amount_there_differs),
        cmocka_unit_test(a_charge_that_was_taken_back_agrees),
        cmocka_unit_test(money_that_nothing_explains_keeps_it_from_being_proved),
        cmocka_unit_test(an_order_that_was_charged_twice_is_told),
        cmocka_unit_test(a_callback_that_waits_keeps_it_from_being_proved),
        cmocka_unit_test(more_attempts_than_a_page_are_all_asked_about),
        cmocka_unit_test(a_window_that_cannot_be_is_refused),
    };
    return payment_world_run("windows", tests, COUNT_OF(tests));
}
