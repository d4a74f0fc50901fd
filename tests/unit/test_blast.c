/* SPDX-License-Identifier: Apache-2.0
 * test_blast.c: whom and what trouble has hit (INC-4), against planted rows. On both engines. */
#include "gate_fixture.h"

#include "base/crypto.h"
#include "base/log.h"
#include "incident/blast.h"
#include "meter/meter.h"

static struct incident_scope scope;
static json_t *answer;

static int64_t at(int minutes) {
    return from_us + minutes * MINUTE_US;
}

static void take(void) {
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    json_decref(answer);
    answer = NULL;
    if (blast_take(engine.store, &scope, &buf, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    json_error_t why;
    answer = json_loads(buf.data, 0, &why);
    if (answer == NULL) {
        fail_msg("%s: %s", why.text, buf.data);
    }
}

static int64_t number(const char *name) {
    return json_integer_value(json_object_get(answer, name));
}

/* The row of an array whose member has this value; NULL: none. */
static const json_t *row_of(const json_t *array, const char *member, const char *value) {
    size_t i;
    const json_t *row;
    json_array_foreach(array, i, row) {
        const char *is = json_string_value(json_object_get(row, member));
        if (is != NULL && strcmp(is, value) == 0) {
            return row;
        }
    }
    return NULL;
}

static int64_t in_row(const char *array, const char *member, const char *value, const char *name) {
    return json_integer_value(
        json_object_get(row_of(json_object_get(answer, array), member, value), name));
}

static struct planted with(struct planted p, const char *gateway, const char *currency,
                           const char *customer) {
    p.gateway = gateway;
    p.currency = currency;
    p.customer = customer;
    return p;
}

static void post_suspense(const char *id, const char *payment_id, int64_t kind, int64_t amount) {
    PUT("INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, credit_account, "
        "amount_minor, currency, at_us) VALUES ($1, 'j', $2, $3, 'a', 'b', $4, 'USD', 1)",
        S_TEXT(id), S_INT(kind), S_TEXT(payment_id), S_INT(amount));
}

/* One of each fate at stripe-a, and a stripe-b that is well. */
static void plant_all(void) {
    forget();
    now_us = clock_wall_us();
    from_us = (now_us - 2 * HOUR_US) / MINUTE_US * MINUTE_US;
    scope = (struct incident_scope){.from_us = from_us, .until_us = from_us + HOUR_US};
    plant(with(failed(at(1)), "stripe-a", "USD", "ann"));
    plant(with(failed(at(2)), "stripe-a", "EUR", "ann"));
    struct planted p = with(failed(at(3)), "stripe-a", "USD", "bob");
    p.attempt_state = 7;
    p.code = "card_declined";
    plant(p);
    plant((struct planted){.at_us = at(4), .state = PROCESSING, .attempt_state = IS_UNKNOWN,
                           .code = "timeout", .customer = "cid"});
    plant((struct planted){.at_us = at(5), .state = PROCESSING, .attempt_state = IS_PENDING,
                           .customer = "dan"});
    p = with(paid(at(6)), "stripe-a", "USD", "eve");
    p.was_unknown = true;
    plant(p);
    p = paid(at(7));
    p.review = "double_charge";
    p = plant(p);
    post_suspense("pst_s1", p.id, 10, 1000);
    p = paid(at(8)); /* and one whose second charge went back */
    p.review = "double_charge";
    p = plant(p);
    post_suspense("pst_s2", p.id, 10, 1000);
    post_suspense("pst_s3", p.id, 11, 1000);
    for (int i = 0; i < 10; i++) {
        plant(with(paid(at(10 + i)), "stripe-b", "USD", NULL));
    }
    p = failed(at(9));
    p.purpose = "100";
    plant(p);
    plant(failed(from_us - US_PER_SECOND));
    plant(failed(scope.until_us));
}

static int blast_begin(void **state) {
    (void)state;
    plant_all();
    return 0;
}

static int blast_end(void **state) {
    (void)state;
    json_decref(answer);
    answer = NULL;
    return 0;
}

static void whom_and_what_it_hit_is_counted(void **state) {
    (void)state;
    take();
    assert_int_equal(number("payments"), 18);
    assert_int_equal(number("affected"), 6);
    assert_int_equal(number("orders"), 6);
    assert_int_equal(number("customers"), 5); /* ann twice */
    assert_int_equal(in_row("fates", "name", "failed", "count"), 2);
    assert_int_equal(in_row("fates", "name", "declined", "count"), 1);
    assert_int_equal(in_row("fates", "name", "unknown", "count"), 1);
    assert_int_equal(in_row("fates", "name", "processing", "count"), 1);
    assert_int_equal(in_row("fates", "name", "late", "count"), 1);
    assert_int_equal(in_row("fates", "name", "to_return", "count"), 1);
    assert_int_equal(in_row("fates", "name", "well", "count"), 11);
}

static void its_money_is_told_by_currency(void **state) {
    (void)state;
    take();
    assert_int_equal(in_row("money", "currency", "USD", "affected"), 5000);
    assert_int_equal(in_row("money", "currency", "USD", "lost"), 1000);
    assert_int_equal(in_row("money", "currency", "USD", "at_risk"), 2000);
    assert_int_equal(in_row("money", "currency", "USD", "charged"), 1000);
    assert_int_equal(in_row("money", "currency", "USD", "to_return"), 1000);
    assert_int_equal(in_row("money", "currency", "EUR", "lost"), 1000);
    assert_int_equal(in_row("money", "currency", "EUR", "at_risk"), 0);
}

static void where_it_was_and_where_it_was_not(void **state) {
    (void)state;
    take();
    assert_int_equal(in_row("gateways", "name", "stripe-a", "payments"), 8);
    assert_int_equal(in_row("gateways", "name", "stripe-a", "affected"), 6);
    assert_int_equal(in_row("gateways", "name", "stripe-b", "affected"), 0);
    const json_t *spared = json_object_get(json_object_get(answer, "not_affected"), "gateways");
    assert_int_equal(json_array_size(spared), 1);
    assert_int_equal(json_integer_value(json_object_get(row_of(spared, "name", "stripe-b"),
                                                        "payments")),
                     10);
    double percent = json_real_value(
        json_object_get(row_of(json_object_get(answer, "gateways"), "name", "stripe-a"),
                        "affected_percent"));
    assert_true(percent > 74.99 && percent < 75.01);
}

static void a_scope_holds_only_its_own(void **state) {
    struct err err = {0};
    (void)state;
    assert_int_equal(scope_add(&scope.gateways, "stripe-b", &err), 0);
    take();
    assert_int_equal(number("payments"), 10);
    assert_int_equal(number("affected"), 0);
    /* What was not affected is of the whole time. */
    const json_t *spared = json_object_get(json_object_get(answer, "not_affected"), "gateways");
    assert_null(row_of(spared, "name", "stripe-a"));
    scope.gateways.count = 0;
    assert_int_equal(scope_add(&scope.currencies, "EUR", &err), 0);
    take();
    assert_int_equal(number("payments"), 1);
    assert_int_equal(number("affected"), 1);
    assert_int_equal(in_row("gateways", "name", "stripe-a", "affected"), 1);
    scope.currencies.count = 0;
    assert_int_equal(scope_add(&scope.methods, "alipay", &err), 0);
    take();
    assert_int_equal(number("payments"), 0);
    scope.methods.count = 0;
    assert_int_equal(scope_add(&scope.regions, "US", &err), 0);
    take();
    assert_int_equal(number("payments"), 18);
}

/* A payment that went on to another gateway is of the one where it was tried as well. */
static void what_was_tried_at_a_gateway_is_of_it(void **state) {
    struct err err = {0};
    (void)state;
    struct planted p = plant(with(paid(at(30)), "stripe-a", "USD", NULL));
    PUT("UPDATE payment SET gateway = 'stripe-c', attempts = 2 WHERE id = $1", S_TEXT(p.id));
    assert_int_equal(scope_add(&scope.gateways, "stripe-a", &err), 0);
    take();
    assert_int_equal(number("payments"), 9);
    assert_int_equal(in_row("fates", "name", "rerouted", "count"), 1);
}

static void its_codes_and_its_course_are_told(void **state) {
    (void)state;
    take();
    assert_int_equal(in_row("codes", "code", "timeout", "count"), 3);
    assert_int_equal(in_row("codes", "code", "card_declined", "count"), 1);
    const json_t *trend = json_object_get(answer, "trend");
    assert_int_equal(json_integer_value(json_object_get(trend, "minutes")), 1);
    const json_t *points = json_object_get(trend, "points");
    assert_int_equal(json_array_size(points), 18);
    const json_t *first = json_array_get(points, 0);
    char time[CLOCK_TEXT_MAX];
    assert_string_equal(json_string_value(json_object_get(first, "at")),
                        clock_format(at(1), time));
    assert_int_equal(json_integer_value(json_object_get(first, "affected")), 1);
}

static void what_came_first_and_what_was_changed_before_it(void **state) {
    struct err err = {0};
    (void)state;
    take();
    const json_t *first = json_object_get(answer, "first");
    assert_true(json_is_null(json_object_get(first, "alert")));
    assert_true(json_is_null(json_object_get(first, "change")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(first, "failure"), "gateway")),
        "stripe-a");
    plant_alert("alr_1", "PaymentServiceGatewayFailure", "gateway=stripe-b\n", 2, 0);
    plant_alert("alr_2", "PaymentServiceGatewayFailure", "gateway=stripe-a\n", 2, 0);
    PUT("INSERT INTO change (id, at_us, created_us, kind, what, done_by, reference, actor) VALUES "
        "('chg_1', $1, $1, 1, 'checkout 4.2', 'wang', '', 'cli')",
        S_INT(from_us - 5 * MINUTE_US));
    assert_int_equal(scope_add(&scope.gateways, "stripe-a", &err), 0);
    take();
    first = json_object_get(answer, "first");
    assert_string_equal(json_string_value(json_object_get(json_object_get(first, "alert"), "id")),
                        "alr_2");
    assert_non_null(strstr(json_string_value(json_object_get(first, "change")), "checkout 4.2"));
}

static void the_affected_orders_come_as_a_file(void **state) {
    struct err err = {0};
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    assert_int_equal(blast_export(engine.store, &scope, SHEET_CSV, &buf, &err), 0);
    int lines = 0;
    for (const char *c = buf.data; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 1 + 6 + 2); /* titles, orders, a total for each currency */
    assert_non_null(strstr(buf.data, ",failed,"));
    assert_non_null(strstr(buf.data, ",to_return,"));
    assert_null(strstr(buf.data, "declined"));
    assert_null(strstr(buf.data, "stripe-b"));
    buf_clear(&buf);
    assert_int_equal(blast_export(engine.store, &scope, SHEET_XLSX, &buf, &err), 0);
    assert_memory_equal(buf.data, "PK", 2);
}

static void what_cannot_be_asked_is_refused(void **state) {
    struct err err = {0};
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    scope.until_us = scope.from_us;
    assert_int_equal(blast_take(engine.store, &scope, &buf, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "since");
    scope.until_us = scope.from_us + BLAST_US_MAX + 1;
    assert_int_equal(blast_take(engine.store, &scope, &buf, &err), -ERR_VALIDATION);
    scope.until_us = 0;
    snprintf(scope.methods.names[0], sizeof scope.methods.names[0], "cash");
    scope.methods.count = 1;
    assert_int_equal(blast_export(engine.store, &scope, SHEET_CSV, &buf, &err), -ERR_VALIDATION);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, blast_begin, blast_end)
    const struct CMUnitTest tests[] = {
        T(whom_and_what_it_hit_is_counted),
        T(its_money_is_told_by_currency),
        T(where_it_was_and_where_it_was_not),
        T(a_scope_holds_only_its_own),
        T(what_was_tried_at_a_gateway_is_of_it),
        T(its_codes_and_its_course_are_told),
        T(what_came_first_and_what_was_changed_before_it),
        T(the_affected_orders_come_as_a_file),
        T(what_cannot_be_asked_is_refused),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR);
    crypto_init();
    meter_init();
    return engine_run("blast", tests, COUNT_OF(tests), &engine);
}
