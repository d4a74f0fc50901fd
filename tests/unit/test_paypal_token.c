/* SPDX-License-Identifier: Apache-2.0
 * test_paypal_token.c: one access token for all, fetched by one, renewed in time, dropped when
 * refused. The clock and the tasks are the real ones but for the time, which the test moves. */
#include "paypal_fixture.h"

#include "base/world.h"

enum { CALLERS = 24 };

/* The real world but for a monotonic clock that the test can move ahead. */
static int64_t moved_us;

static int64_t moved_mono_us(void *ctx) {
    return world_real()->mono_us(ctx) + __atomic_load_n(&moved_us, __ATOMIC_SEQ_CST);
}

/* Who waits for another's fetch is counted, so that a test can wait until all do. */
static void count_waiting(void);

static bool moved_wait_until(void *ctx, struct cond *cond, struct lock *lock, int64_t deadline_us) {
    count_waiting();
    return world_real()->cond_wait_until(
        ctx, cond, lock, deadline_us - __atomic_load_n(&moved_us, __ATOMIC_SEQ_CST));
}

static struct world_ops world;

static int setup(void **state) {
    moved_us = 0;
    world = *world_real();
    world.mono_us = moved_mono_us;
    world.cond_wait_until = moved_wait_until;
    world_install(NULL, &world);
    *state = paypal_new(BASE);
    return 0;
}

static int teardown(void **state) {
    fake_free(*state);
    return 0;
}

static void move_ahead(struct fake *fake, int64_t seconds) {
    moved_us += seconds * US_PER_SECOND;
    fake->call.deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
}

static struct gateway_result query(struct fake *fake) {
    struct gateway_lookup lookup = paypal_lookup_of("5O190127TN364715T", "");
    struct gateway_result result;
    fake->gateway.adapter->query(&fake->call, &lookup, &result);
    return result;
}

static bool used(const struct fake *fake, int call, const char *token) {
    char line[64];
    snprintf(line, sizeof(line), "Authorization: Bearer %s\n", token);
    return strstr(fake->sent[call].headers, line) != NULL;
}

static void the_first_call_fetches_and_later_ones_share(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {200, CAPTURED}, {200, CAPTURED});
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_string_equal(fake->sent[0].method, "POST");
    assert_string_equal(fake->sent[0].url, BASE "/v1/oauth2/token");
    assert_string_equal(fake->sent[0].headers, "Authorization: Basic Y2xpZW50Omh1c2g=\n"
                                               "Content-Type: application/x-www-form-urlencoded\n"
                                               "Accept: application/json\n");
    assert_string_equal(fake->sent[0].body, "grant_type=client_credentials");
    assert_true(used(fake, 1, "A21") && used(fake, 2, "A21"));
}

static void it_is_renewed_shortly_before_its_end(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {200, CAPTURED}, {200, CAPTURED}, {200, TOKEN("A22")},
                {200, CAPTURED});
    (void)query(fake);
    move_ahead(fake, 32400 - 301);
    (void)query(fake);
    assert_true(used(fake, 2, "A21"));
    move_ahead(fake, 2);
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_string_equal(fake->sent[3].url, BASE "/v1/oauth2/token");
    assert_true(used(fake, 4, "A22"));
}

static void while_the_old_one_serves_a_failed_renewal_does_no_harm(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {200, CAPTURED}, {503, ""}, {200, CAPTURED}, {200, CAPTURED},
                {200, TOKEN("A22")}, {200, CAPTURED});
    (void)query(fake);
    move_ahead(fake, 32400 - 200);
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_true(used(fake, 3, "A21"));
    assert_true(fake->sent[2].timeout_us <
                21 * US_PER_SECOND);                   /* it left time for the call itself */
    assert_int_equal(query(fake).outcome, GW_CHARGED); /* and is not tried again at once */
    assert_true(used(fake, 4, "A21"));
    move_ahead(fake, 11);
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_true(used(fake, 6, "A22"));
}

static void a_refused_token_is_renewed_once_and_the_call_sent_again(void **state) {
    struct fake *fake = *state;
    const struct step refused = {401, "{\"name\":\"AUTHENTICATION_FAILURE\",\"message\":\"no\"}", 0,
                                 0};
    FAKE_SCRIPT(fake, TOKEN_STEP, refused, {200, TOKEN("A22")}, {200, CAPTURED});
    assert_int_equal(query(fake).outcome, GW_CHARGED);
    assert_true(used(fake, 1, "A21") && used(fake, 3, "A22"));
    assert_string_equal(fake->sent[1].url, fake->sent[3].url);
    FAKE_SCRIPT(fake, refused, {200, TOKEN("A23")}, refused);
    struct gateway_result result = query(fake);
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_REJECTED_CREDENTIALS);
    assert_string_equal(result.common_code, "credentials");
}

static void a_refused_token_at_capture_is_sent_again_with_the_same_key(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {201, ORDER("CREATED", "", LINKS("approve"))},
                {401, "{\"error\":\"invalid_token\"}"}, {200, TOKEN("A22")}, {201, CAPTURED});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(fake->sent[2].body, fake->sent[4].body);
    assert_non_null(strstr(fake->sent[4].headers, "PayPal-Request-Id: " REFERENCE "-c\n"));
}

static void an_account_that_is_refused_is_not_cured_by_a_new_token(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {401, ERROR("AUTHENTICATION_FAILURE", "INVALID_ACCOUNT_STATUS")});
    assert_int_equal(query(fake).outcome, GW_REJECTED_CREDENTIALS);
    assert_script_done(fake);
}

static void without_a_token_nothing_is_sent_and_nothing_charged(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{401, "{\"error\":\"invalid_client\",\"error_description\":\"no\"}", 0, 0},
         GW_REJECTED_CREDENTIALS},
        {{400, "{\"error\":\"unsupported_grant_type\"}", 0, 0}, GW_REJECTED_CREDENTIALS},
        {{403, "{\"name\":\"NOT_AUTHORIZED\"}", 0, 0}, GW_REJECTED_CREDENTIALS},
        {{429, "{\"name\":\"RATE_LIMIT_REACHED\"}", 0, 0}, GW_RATE_LIMITED},
        {{429, "", 0, 0}, GW_RATE_LIMITED},
        {{500, "", 0, 0}, GW_UNAVAILABLE},
        {{503, "{\"name\":\"SERVICE_UNAVAILABLE\"}", 0, 0}, GW_UNAVAILABLE},
        {{401, "<html>", 0, 0}, GW_UNAVAILABLE},
        {{302, "", 0, 0}, GW_UNAVAILABLE},
        {{200, "", 0, 0}, GW_UNAVAILABLE},
        {{200, "{\"access_token\":\"\",\"expires_in\":5}", 0, 0}, GW_UNAVAILABLE},
        {{200, "{\"access_token\":\"A\\r\\nX: y\",\"expires_in\":5}", 0, 0}, GW_UNAVAILABLE},
        {{200, "{\"access_token\":\"A\",\"expires_in\":0}", 0, 0}, GW_UNAVAILABLE},
        {{200, "{\"access_token\":\"A\"}", 0, 0}, GW_UNAVAILABLE},
    };
    struct fake *fake = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fake_script(fake, &rows[i].step, 1);
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        if (result.outcome != rows[i].outcome) {
            fail_msg("%s gave %s", rows[i].step.body, gateway_outcome_name(result.outcome));
        }
        assert_int_equal(result.reach, HTTP_NOT_SENT);
        assert_int_equal(fake->sent_count, 1);
        assert_int_equal(fake->persist_count, 0);
    }
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        const struct step step = {0, NULL, fake_failures[i].reach, fake_failures[i].failure};
        fake_script(fake, &step, 1);
        struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_int_equal(result.reach, HTTP_NOT_SENT);
        assert_int_equal(result.failure, fake_failures[i].failure);
    }
}

static void a_token_that_ends_between_create_and_capture_leaves_it_uncharged(void **state) {
    struct fake *fake = *state;
    FAKE_SCRIPT(fake, TOKEN_STEP, {201, ORDER("CREATED", "", LINKS("approve"))},
                {401, "{\"error\":\"invalid_token\"}"}, {503, ""});
    struct gateway_result result = paypal_charged(fake, METHOD_PAYPAL, "vault_1");
    assert_int_equal(result.outcome, GW_UNAVAILABLE); /* a 401 says that it was not executed */
    assert_string_equal(result.gateway_id, "5O190127TN364715T");
}

static void the_probe_always_asks_anew_and_its_token_is_used(void **state) {
    struct fake *fake = *state;
    struct gateway_result result;
    FAKE_SCRIPT(fake, TOKEN_STEP, {200, TOKEN("A22")}, {200, CAPTURED},
                {401, "{\"error\":\"invalid_client\"}"}, {200, CAPTURED});
    fake->gateway.adapter->probe(&fake->call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    fake->gateway.adapter->probe(&fake->call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    assert_string_equal(fake->sent[1].url, BASE "/v1/oauth2/token");
    (void)query(fake);
    assert_true(used(fake, 2, "A22"));
    fake->gateway.adapter->probe(&fake->call, &result);
    assert_int_equal(result.outcome, GW_REJECTED_CREDENTIALS);
    assert_int_equal(query(fake).outcome, GW_CHARGED); /* the token that there was still serves */
}

/* Many at once. */

struct gate {
    struct fake *fake;
    struct lock lock;
    struct cond changed;
    int calls, token_calls, waiting;
    bool open;
    struct step token_step;
};

static struct gate *present_gate;

static void count_waiting(void) {
    if (present_gate != NULL) {
        lock_take(&present_gate->lock);
        present_gate->waiting++;
        cond_broadcast(&present_gate->changed);
        lock_give(&present_gate->lock);
    }
}

static int gated_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                      struct err *err) {
    struct gate *gate = ctx;
    bool token = strstr(call->url, "/v1/oauth2/token") != NULL;
    lock_take(&gate->lock);
    gate->calls++;
    gate->token_calls += token;
    cond_broadcast(&gate->changed);
    while (token && !gate->open) {
        cond_wait(&gate->changed, &gate->lock);
    }
    lock_give(&gate->lock);
    const char *body = token ? gate->token_step.body : CAPTURED;
    http_answer_fill(ret_answer, token ? gate->token_step.status : 200, NULL, 0, body,
                     strlen(body));
    return 0;
}

struct caller {
    struct gate *gate;
    struct gateway_result result;
};

static void call_once(void *arg) {
    struct caller *caller = arg;
    caller->result = query(caller->gate->fake);
}

static void run_many(struct fake *fake, struct step token_step, struct caller callers[CALLERS],
                     struct gate *gate) {
    static const struct http_client_ops ops = {gated_call, NULL};
    *gate = (struct gate){.fake = fake, .token_step = token_step};
    lock_init(&gate->lock);
    cond_init(&gate->changed);
    struct http_client *scripted = fake->call.client;
    fake->call.client = http_client_custom(&ops, gate);
    fake->call.deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    struct task *tasks[CALLERS];
    present_gate = gate;
    for (int i = 0; i < CALLERS; i++) {
        callers[i].gate = gate;
        tasks[i] = task_start("caller", 0, call_once, &callers[i]);
        assert_non_null(tasks[i]);
    }
    lock_take(&gate->lock);
    while (gate->token_calls == 0 || gate->waiting < CALLERS - 1) {
        cond_wait(&gate->changed, &gate->lock);
    }
    gate->open = true;
    cond_broadcast(&gate->changed);
    lock_give(&gate->lock);
    for (int i = 0; i < CALLERS; i++) {
        task_join(tasks[i]);
    }
    present_gate = NULL;
    http_client_free(fake->call.client);
    fake->call.client = scripted;
    cond_free(&gate->changed);
    lock_free(&gate->lock);
}

static void many_callers_cause_one_fetch(void **state) {
    struct caller callers[CALLERS] = {{0}};
    struct gate gate;
    run_many(*state, (struct step)TOKEN_STEP, callers, &gate);
    assert_int_equal(gate.token_calls, 1);
    assert_int_equal(gate.calls, CALLERS + 1);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].result.outcome, GW_CHARGED);
    }
}

static void waiting_callers_share_a_failure(void **state) {
    struct caller callers[CALLERS] = {{0}};
    struct gate gate;
    run_many(*state, (struct step){503, "", 0, 0}, callers, &gate);
    assert_int_equal(gate.token_calls, 1);
    assert_int_equal(gate.calls, 1);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].result.outcome, GW_UNAVAILABLE);
        assert_int_equal(callers[i].result.reach, HTTP_NOT_SENT);
        assert_int_equal(callers[i].result.http_status, 503);
    }
}

static void a_caller_does_not_wait_for_anothers_fetch_past_its_deadline(void **state) {
    struct fake *fake = *state;
    struct paypal_state *paypal = fake->gateway.state;
    fake_script(fake, NULL, 0);
    fake->call.deadline_us = clock_mono_us() + 1000;
    paypal->tokens.fetching = true; /* by somebody who will not come back in time */
    struct gateway_result result = query(fake);
    paypal->tokens.fetching = false;
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_int_equal(result.failure, HTTP_FAIL_TIMEOUT);
    assert_int_equal(result.reach, HTTP_NOT_SENT);
    assert_int_equal(fake->sent_count, 0);
}

static void credentials_that_paypal_cannot_have_are_refused(void **state) {
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"client_id", "a:b"},
        {"client_id", ""},
        {"client_secret", "a b"},
        {"webhook_id", " , "},
        {"webhook_id", "0123456789012345678901234567890123456789012345678901234567890123456789"},
        {"api_key", "x"},
        {"webhook_id", "a b c d e f g h i j k l m n o p q"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fake *fake = fake_new(&paypal_adapter, BASE);
        const char *const defaults[] = {"client_id", "client_secret", "webhook_id"};
        struct err err;
        for (size_t k = 0; k < COUNT_OF(defaults); k++) {
            bool wrong = strcmp(defaults[k], rows[i].name) == 0;
            fake_credential(fake, defaults[k], wrong ? rows[i].value : "x");
        }
        if (strcmp(rows[i].name, "api_key") == 0) {
            fake_credential(fake, "api_key", "x");
        }
        assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, rows[i].name));
        assert_null(fake->gateway.state);
        fake_free(fake);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_first_call_fetches_and_later_ones_share),
        T(it_is_renewed_shortly_before_its_end),
        T(while_the_old_one_serves_a_failed_renewal_does_no_harm),
        T(a_refused_token_is_renewed_once_and_the_call_sent_again),
        T(a_refused_token_at_capture_is_sent_again_with_the_same_key),
        T(an_account_that_is_refused_is_not_cured_by_a_new_token),
        T(without_a_token_nothing_is_sent_and_nothing_charged),
        T(a_token_that_ends_between_create_and_capture_leaves_it_uncharged),
        T(the_probe_always_asks_anew_and_its_token_is_used),
        T(many_callers_cause_one_fetch),
        T(waiting_callers_share_a_failure),
        T(a_caller_does_not_wait_for_anothers_fetch_past_its_deadline),
        T(credentials_that_paypal_cannot_have_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
