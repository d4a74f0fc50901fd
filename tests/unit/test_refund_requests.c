/* SPDX-License-Identifier: Apache-2.0
 * test_refund_requests.c: what people at the desk do (COMM-4, SEC-2): refunds up to a limit alone
 * and above it by two, the shop told once more, and that each is on the audit log. */
#include "api/service_impl.h"
#include "desk/refund_request.h"
#include "ticket_fixture.h"

#define FAKE (W->fake)
#define AUDITED(what)                                                                              \
    "SELECT actor || ' ' || action || ' ' || reason || ' ' || detail FROM audit_entry WHERE "     \
    "action = '" what "' ORDER BY number DESC LIMIT 1"

static const struct refund_limit rows[] = {
    {.currency = {"USD"}, .payment_minor = 500, .day_minor = 800}};
static const struct refund_limits support = {rows, 1};

/* After a restart, and before the first tick, at which the runner learns the kinds of jobs. */
static void open_requests(void) {
    payment_world_restart(W);
    people();
    const struct desk_options options = {.store = W->engine.store, .payments = W->payments};
    desk_close(desk);
    desk = NULL;
    assert_int_equal(desk_open(&options, &desk, &W->err), 0);
    refund_requests_open(desk);
}

static struct caller by(const char *actor, const char *key, const struct refund_limits *limits) {
    struct caller caller = world_caller(key, key != NULL ? key : "");
    caller.actor = actor;
    caller.scope = actor;
    caller.refunds = limits;
    return caller;
}

static json_t *refund_by(const char *actor, const char *key, const char *id, int64_t amount,
                         const struct refund_limits *limits) {
    struct answer answer = {0};
    struct caller caller = by(actor, key, limits);
    W->err = (struct err){0};
    return world_take(W,
                      payment_refund(W->payments, &caller, id, amount, "broken", true, &answer,
                                     &W->err),
                      &answer);
}

static json_t *ask_by(const char *actor, const char *key, const char *id, int64_t amount) {
    struct answer answer = {0};
    struct caller caller = by(actor, key, &support);
    const struct refund_wish wish = {id, amount, true, "broken in transit"};
    W->err = (struct err){0};
    return world_take(W, refund_request_ask(desk, &caller, &wish, &answer, &W->err), &answer);
}

static json_t *decide_by(const char *actor, const char *key, const char *id, bool approve,
                         const struct refund_limits *limits) {
    struct answer answer = {0};
    struct caller caller = by(actor, key, limits);
    W->err = (struct err){0};
    return world_take(
        W, refund_request_decide(desk, &caller, id, approve, "seen", &answer, &W->err), &answer);
}

static json_t *request(const char *id) {
    struct answer answer = {0};
    return world_take(W, refund_request_get(desk, id, &answer, &W->err), &answer);
}

/* Runs the job as the payments' runner would. */
static int job_again_fn(struct store_tx *tx, void *ctx, struct err *err) {
    int r = job_add(tx, "refund.request", ctx, 1, "", err);
    return r < 0 ? r : 0;
}

static void run_jobs(void) {
    while (world_tick(W) > 0) {
    }
}

/* ---- the audit log ---- */

static void money_that_a_person_moves_is_on_the_audit_log(void **state) {
    people();
    char *id = world_authorized(W, "order-a", 1000);
    struct answer answer = {0};
    struct caller ann = by("user:usr_a", "c", NULL);
    json_decref(world_take(W, payment_capture(W->payments, &ann, id, 600, true, &answer, &W->err),
                           &answer));
    char *operation = world_text(W, "SELECT id FROM operation WHERE kind = 1"), wanted[300];
    snprintf(wanted, sizeof wanted,
             "user:usr_a payment.capture  {\"operation\":\"%s\",\"amount\":\"6.00 USD\","
             "\"to_original_method\":true}",
             operation);
    assert_text(W, AUDITED("payment.capture"), wanted);
    free(operation);
    json_decref(refund_by("internal", "r", id, 250, NULL));
    operation = world_text(W, "SELECT id FROM operation WHERE kind = 3");
    snprintf(wanted, sizeof wanted,
             "internal payment.refund broken {\"operation\":\"%s\",\"amount\":\"2.50 USD\","
             "\"to_original_method\":true}",
             operation);
    assert_text(W, AUDITED("payment.refund"), wanted);
    /* A repeat of the request is the same refund, and the same entry. */
    json_decref(refund_by("internal", "r", id, 250, NULL));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 2);
    free(operation);
    free(id);
    id = world_authorized(W, "order-b", 1000);
    struct caller bob = by("user:usr_b", "x", NULL);
    answer = (struct answer){0};
    json_decref(world_take(
        W, payment_cancel(W->payments, &bob, id, "not wanted", &answer, &W->err), &answer));
    char *entry = world_text(W, AUDITED("payment.cancel"));
    assert_int_equal(strncmp(entry, "user:usr_b payment.cancel not wanted ", 37), 0);
    free(entry);
    free(id);
}

static void a_refused_refund_is_no_entry_and_a_rule_is_no_person(void **state) {
    people();
    char *id = world_paid(W, "order-n", 1000);
    assert_null(refund_by("user:usr_a", "r", id, 2000, NULL));
    assert_null(refund_by("user:usr_a", "r2", id, 600, &support));
    json_decref(refund_by("rule:something", "r3", id, 100, NULL));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"), 0);
    free(id);
}

/* The shop's own machine captures by a key of nobody; what it refunds is told all the same. */
static void a_key_of_a_user_is_a_person_and_a_shops_key_only_where_money_leaves(void **state) {
    people();
    engine_exec(&W->engine,
                "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, "
                "expires_us, revoked_us, last_used_us, user_id) VALUES ('key_ann', 'a', 'h1', 3, "
                "'', 'user:usr_a', 1, 0, 0, 0, 'usr_a'), ('key_shop', 's', 'h2', 3, '', "
                "'user:usr_a', 1, 0, 0, 0, '')");
    static const struct {
        const char *actor;
        int64_t entries;
    } keys[] = {{"key:key_shop", 0}, {"key:key_ann", 1}};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        char *id = world_authorized(W, keys[i].actor, 1000);
        struct answer answer = {0};
        struct caller caller = by(keys[i].actor, "c", NULL);
        int64_t before = world_int(W, "SELECT COUNT(*) FROM audit_entry");
        json_decref(world_take(
            W, payment_capture(W->payments, &caller, id, 0, true, &answer, &W->err), &answer));
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"),
                         before + keys[i].entries);
        json_decref(refund_by(keys[i].actor, "r", id, 100, NULL));
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry"),
                         before + keys[i].entries + 1);
        free(id);
    }
    engine_exec(&W->engine, "DELETE FROM api_key");
}

/* ---- limits ---- */

static void below_the_limit_at_once_and_above_it_not_in_steps_either(void **state) {
    people();
    char *id = world_paid(W, "order-l", 1000), *other = world_paid(W, "order-m", 1000);
    assert_refused(W, refund_by("user:usr_a", "1", id, 501, &support), ERR_FORBIDDEN);
    assert_non_null(strstr(W->err.hint, "holdfast refund ask"));
    json_decref(refund_by("user:usr_a", "2", id, 300, &support));
    assert_int_equal(W->status, 201);
    assert_refused(W, refund_by("user:usr_a", "3", id, 201, &support), ERR_FORBIDDEN);
    assert_refused(W, refund_by("user:usr_c", "3c", id, 201, &support), ERR_FORBIDDEN);
    json_decref(refund_by("user:usr_a", "4", id, 200, &support));
    assert_int_equal(W->status, 201);
    /* All that is left counts as what it is. */
    assert_refused(W, refund_by("user:usr_a", "5", id, 0, &support), ERR_FORBIDDEN);
    /* The day's sum is the person's, of all payments. */
    assert_refused(W, refund_by("user:usr_a", "6", other, 301, &support), ERR_FORBIDDEN);
    assert_non_null(strstr(W->err.detail, "24 hours"));
    json_decref(refund_by("user:usr_a", "7", other, 300, &support));
    assert_int_equal(W->status, 201);
    json_decref(refund_by("user:usr_c", "8", other, 200, &support));
    assert_int_equal(W->status, 201);
    world_pass(W, 25 * HOUR_US);
    char *late = world_paid(W, "order-o", 1000);
    json_decref(refund_by("user:usr_a", "9", late, 500, &support));
    assert_int_equal(W->status, 201);
    /* Without a limit: all. In a currency that has none where others have one: nothing. */
    json_decref(refund_by("user:usr_b", "10", id, 0, NULL));
    assert_int_equal(W->status, 201);
    static const struct refund_limit euros[] = {{.currency = {"EUR"}, .payment_minor = 5000}};
    static const struct refund_limits of_euros = {euros, 1};
    assert_refused(W, refund_by("user:usr_a", "11", late, 1, &of_euros), ERR_FORBIDDEN);
    free(id);
    free(other);
    free(late);
}

#define CONFIG(rows)                                                                               \
    "store: {url: 'sqlite:x'}\ngateways:\n  - {name: s, adapter: stripe, base_url: "            \
    "'https://x.example', credentials: [{name: api_key, from: 'env:K'}]}\ndesk:\n  limits:\n" rows

static int read_policy(const char *text, struct refund_policy *ret_policy) {
    struct service_config *config = NULL;
    W->err = (struct err){0};
    int r = service_config_read("t.yaml", text, &config, &W->err);
    assert_int_equal(r, 0);
    r = refund_policy_read(&config->desk, ret_policy, &W->err);
    service_config_free(config);
    return r;
}

static void limits_are_read_by_role_and_what_makes_no_sense_is_refused(void **state) {
    static const struct {
        const char *text, *place;
    } wrong[] = {
        {CONFIG("    - {role: viewer, currency: EUR, refund: 1}\n"), "desk.limits[0].role"},
        {CONFIG("    - {role: nobody, currency: EUR, refund: 1}\n"), "desk.limits[0].role"},
        {CONFIG("    - {role: support, currency: XXY, refund: 1}\n"), "desk.limits[0].currency"},
        {CONFIG("    - {role: support, currency: EUR, refund: 10, refund_per_day: 9}\n"),
         "desk.limits[0].refund_per_day"},
        {CONFIG("    - {role: support, currency: EUR, refund: 1}\n"
                "    - {role: support, currency: EUR, refund: 2}\n"),
         "desk.limits[1].currency"},
        {CONFIG("    - {role: support, currency: EUR, refund: 99999999999999}\n"),
         "desk.limits[0].refund"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct refund_policy none = {0};
        assert_int_equal(read_policy(wrong[i].text, &none), -ERR_CONFIG);
        assert_string_equal(W->err.place, wrong[i].place);
    }
    struct refund_policy policy = {0};
    assert_int_equal(read_policy(CONFIG("    - {role: support, currency: EUR, refund: 50}\n"
                                        "    - {role: support, currency: USD, refund: 60, "
                                        "refund_per_day: 600}\n"),
                                 &policy),
                     0);
    const struct refund_limits *read = refund_policy_of(&policy, ROLE_SUPPORT);
    assert_int_equal(read->count, 2);
    assert_int_equal(read->rows[1].payment_minor, 60);
    assert_int_equal(read->rows[1].day_minor, 600);
    assert_null(refund_policy_of(&policy, ROLE_FINANCE));
    assert_null(refund_policy_of(&policy, ROLE_NONE));
}

/* ---- the second person ---- */

static void above_the_limit_another_person_agrees_and_then_it_is_made_once(void **state) {
    open_requests();
    char *id = world_paid(W, "order-q", 2000);
    json_t *asked = ask_by("user:usr_a", "ask", id, 900);
    assert_int_equal(W->status, 201);
    const char *request_id = json_at(asked, "id");
    assert_string_equal(json_at(asked, "state"), "waiting");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation"), 0);
    assert_refused(W, ask_by("user:usr_c", "ask-2", id, 800), ERR_STATE); /* one waits */
    assert_refused(W, decide_by("user:usr_a", "d", request_id, true, NULL), ERR_FORBIDDEN);
    assert_refused(W, decide_by("internal", "d2", request_id, true, NULL), ERR_FORBIDDEN);
    assert_refused(W, decide_by("user:usr_c", "d3", request_id, true, &support), ERR_FORBIDDEN);
    assert_non_null(strstr(W->err.detail, "5.00 USD"));
    json_decref(decide_by("user:usr_b", "d4", request_id, true, NULL));
    assert_int_equal(W->status, 202);
    assert_refused(W, decide_by("user:usr_l", "d5", request_id, false, NULL), ERR_STATE);
    run_jobs();
    json_t *made = request(request_id);
    assert_string_equal(json_at(made, "state"), "done");
    assert_text(W, "SELECT id FROM operation WHERE kind = 3 AND state = 4 AND amount_minor = 900",
                json_at(made, "refund_id"));
    assert_text(W, "SELECT actor FROM operation WHERE kind = 3", "user:usr_a");
    json_decref(made);
    /* The job once more, as after a crash before its end was written. */
    engine_exec(&W->engine, "UPDATE refund_request SET state = 2, refund_id = ''");
    char job[ID_TEXT_MAX];
    snprintf(job, sizeof job, "%s", request_id);
    assert_int_equal(store_write(W->engine.store, job_again_fn, job, &W->err), 0);
    run_jobs();
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE kind = 3"), 1);
    assert_int_equal(world_int(W, "SELECT state FROM refund_request"), 3);
    assert_text(W, "SELECT action FROM audit_entry WHERE number = 1", "refund.ask");
    assert_text(W, "SELECT actor || ' ' || action FROM audit_entry WHERE number = 2",
                "user:usr_b refund.approve");
    assert_text(W, "SELECT actor || ' ' || action FROM audit_entry WHERE number = 3",
                "user:usr_a payment.refund");
    json_decref(asked);
    free(id);
}

static void what_is_rejected_or_cannot_be_made_moves_no_money(void **state) {
    open_requests();
    char *id = world_paid(W, "order-s", 1000);
    assert_refused(W, ask_by("user:usr_a", "a0", id, 1001), ERR_AMOUNT);
    assert_refused(W, ask_by("internal", "a1", id, 900), ERR_FORBIDDEN); /* nobody's name */
    json_t *asked = ask_by("user:usr_a", "a2", id, 0);
    assert_int_equal(int_at(asked, "amount"), 1000);
    json_t *taken_back = decide_by("user:usr_a", "d", json_at(asked, "id"), false, &support);
    assert_int_equal(W->status, 200);
    assert_string_equal(json_at(taken_back, "state"), "rejected");
    json_decref(taken_back);
    json_decref(asked);
    /* While it waits another refund is made: what is left is less, and the request says so. */
    asked = ask_by("user:usr_a", "a3", id, 900);
    json_decref(refund_by("user:usr_b", "r", id, 600, NULL));
    json_decref(decide_by("user:usr_b", "d2", json_at(asked, "id"), true, NULL));
    run_jobs();
    json_t *after = request(json_at(asked, "id"));
    assert_string_equal(json_at(after, "state"), "refused");
    assert_non_null(strstr(json_at(after, "refusal"), "4.00 USD"));
    json_decref(after);
    json_decref(asked);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM operation WHERE kind = 3"), 1);
    char *open = world_authorized(W, "order-t", 1000);
    assert_refused(W, ask_by("user:usr_a", "a4", open, 900), ERR_STATE);
    struct answer answer = {0};
    json_t *list = world_take(
        W, refund_request_list(desk, "rejected", id, 0, &answer, &W->err), &answer);
    assert_int_equal(json_array_size(json_object_get(list, "data")), 1);
    json_decref(list);
    answer = (struct answer){0};
    assert_int_equal(refund_request_list(desk, "odd", "", 0, &answer, &W->err), -ERR_VALIDATION);
    free(open);
    free(id);
}

/* ---- the shop is told once more ---- */

static json_t *resend(const char *key, const char *id) {
    struct answer answer = {0};
    struct caller caller = by("user:usr_a", key, NULL);
    W->err = (struct err){0};
    return world_take(
        W, payment_resend(W->payments, &caller, id, "he says it is not there", &answer, &W->err),
        &answer);
}

static void the_shop_is_told_once_more_with_the_same_event(void **state) {
    people();
    struct caller caller = by("user:usr_a", NULL, NULL);
    struct answer answer = {0};
    char *before = world_paid(W, "order-v", 1000);
    assert_refused(W, resend("k0", before), ERR_STATE); /* nobody listened */
    json_decref(world_take(W,
                           webhook_endpoint_create(W->payments, &caller, FAKE_MERCHANT_URL, "*", "",
                                                   &answer, &W->err),
                           &answer));
    char *id = world_authorized(W, "order-w", 1000);
    assert_refused(W, resend("k1", id), ERR_STATE); /* it is on its way */
    run_jobs();
    json_decref(world_capture(W, "c", id, 0, true)); /* another event: the newest is told */
    run_jobs();
    int told = fake_delivery_count(FAKE);
    char *last = strdup(fake_delivery(FAKE, told - 1).body);
    json_decref(resend("k2", id));
    assert_int_equal(W->status, 202);
    run_jobs();
    assert_int_equal(fake_delivery_count(FAKE), told + 1);
    assert_string_equal(fake_delivery(FAKE, told).body, last);
    json_decref(resend("k2", id)); /* the same request */
    assert_true(W->replayed);
    run_jobs();
    assert_int_equal(fake_delivery_count(FAKE), told + 1);
    assert_text(W, AUDITED("payment.resend"),
                "user:usr_a payment.resend he says it is not there {}");
    free(last);
    free(before);
    free(id);
}

static int end(void **state) {
    desk_close(desk);
    desk = NULL;
    return 0;
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_that_a_person_moves_is_on_the_audit_log),
        cmocka_unit_test(a_refused_refund_is_no_entry_and_a_rule_is_no_person),
        cmocka_unit_test(a_key_of_a_user_is_a_person_and_a_shops_key_only_where_money_leaves),
        cmocka_unit_test(below_the_limit_at_once_and_above_it_not_in_steps_either),
        cmocka_unit_test(limits_are_read_by_role_and_what_makes_no_sense_is_refused),
        cmocka_unit_test_teardown(above_the_limit_another_person_agrees_and_then_it_is_made_once,
                                  end),
        cmocka_unit_test_teardown(what_is_rejected_or_cannot_be_made_moves_no_money, end),
        cmocka_unit_test(the_shop_is_told_once_more_with_the_same_event),
    };
    return payment_world_run("refunds at the desk", tests, COUNT_OF(tests));
}
