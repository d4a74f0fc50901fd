/* SPDX-License-Identifier: Apache-2.0
 * test_acmepay_service.c: the whole service with the example's gateway: configured by the YAML that
 * the page shows, asked through its public listener, charging at Acme Pay's sandbox, hearing its
 * callbacks. */
#include "acmepay_sandbox.h"
#include "unit/gateway_fixture.h"

#include <glib.h>
#include <glib/gstdio.h>

#include "support/running_service.h"
#include "support/test_clock.h"

enum { YAML_BYTES_MAX = 4096 };
#define LIVE_URL "https://api.acmepay.example"

static struct acme *acme;
static struct running_service running;
static struct http_client *client;
static char *folder, *api_key;
static int keys;

/* The page's lines, with the sandbox's address in the place of Acme Pay's. */
static char *read_yaml(void) {
    char text[YAML_BYTES_MAX], url[ACME_URL_CHARS_MAX];
    struct err err = {0};
    size_t count = 0;
    assert_int_equal(
        file_read(TESTS_DIR "/example/gateway.yaml", text, sizeof(text) - 1, &count, &err), 0);
    text[count] = '\0';
    acme_url(acme, url);
    char *at = strstr(text, LIVE_URL);
    assert_non_null(at);
    return g_strdup_printf("public: {address: \"127.0.0.1:0\"}\n"
                           "internal: {address: \"127.0.0.1:0\"}\n"
                           "store: {url: \"sqlite:%s/test.db\"}\nlog_level: error\n%.*s%s%s",
                           folder, (int)(at - text), text, url, at + strlen(LIVE_URL));
}

static json_t *asked(bool internal, const char *method, const char *path, const char *body,
                     int status) {
    char url[128], bearer[128], once[24];
    struct err err = {0};
    HTTP_ANSWER_AUTO answer = {0};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s",
             internal ? service_internal_port(running.service)
                      : service_public_port(running.service),
             path);
    snprintf(bearer, sizeof(bearer), "Bearer %s", api_key != NULL ? api_key : "none");
    snprintf(once, sizeof(once), "once-%d", ++keys);
    const struct http_header headers[] = {
        {"Content-Type", "application/json"}, {"Idempotency-Key", once}, {"Authorization", bearer}};
    const struct http_call http = {
        .method = method,
        .url = url,
        .headers = headers,
        .header_count = internal ? 2 : 3,
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
        .timeout_us = 20 * US_PER_SECOND,
    };
    assert_int_equal(http_call(client, &http, &answer, &err), 0);
    if (answer.status != status) {
        fail_msg("%s %s: %d %.300s", method, path, answer.status, answer.body);
    }
    return json_loads(answer.body, 0, NULL);
}

static int start(void **state) {
    (void)state;
    struct err err = {0};
    const struct service_hooks hooks = {.no_tasks = true};
    setenv("ACME_KEY_SECRET", ACME_KEY_SECRET, 1);
    setenv("ACME_CALLBACK_SECRET", ACME_CALLBACK_SECRET, 1);
    folder = g_dir_make_tmp("holdfast-acmepay-XXXXXX", NULL);
    assert_non_null(folder);
    acme = acme_start();
    char *yaml = read_yaml();
    service_run(&running, yaml, &hooks);
    g_free(yaml);
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &client, &err), 0);
    json_t *made = asked(true, "POST", "/v1/keys", "{\"name\":\"shop\",\"role\":\"admin\"}", 201);
    api_key = strdup(json_string_value(json_object_get(made, "key")));
    json_decref(made);
    return 0;
}

static int stop(void **state) {
    (void)state;
    service_stop(&running);
    http_client_free(client);
    acme_stop(acme);
    free(api_key);
    api_key = NULL;
    GDir *dir = g_dir_open(folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        char *path = g_build_filename(folder, name, NULL);
        (void)g_remove(path);
        g_free(path);
    }
    g_dir_close(dir);
    (void)g_rmdir(folder);
    g_free(folder);
    return 0;
}

/* Time goes on and what is due is done. */
static void pass(int64_t us) {
    struct err err = {0};
    int done = 0;
    test_clock_advance(us);
    while ((done = service_tick(running.service, &err)) > 0) {
    }
    assert_int_equal(done, 0);
}

static int told(void) {
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/callbacks/acme-eu",
             service_public_port(running.service));
    return acme_tell(acme, client, url, clock_wall_us());
}

static void paid(const char *card, int status, char ret_id[ID_TEXT_MAX]) {
    char body[256];
    snprintf(body, sizeof(body),
             "{\"order_id\":\"o-1\",\"amount\":2500,\"currency\":\"EUR\",\"method\":\"card\","
             "\"tokens\":{\"acme-eu\":\"%s\"}}",
             card);
    json_t *payment = asked(false, "POST", "/v1/payments", body, status);
    snprintf(ret_id, ID_TEXT_MAX, "%s", json_string_value(json_object_get(payment, "id")));
    json_decref(payment);
}

static bool is_state(const char *id, const char *state) {
    char path[128];
    snprintf(path, sizeof(path), "/v1/payments/%s", id);
    json_t *payment = asked(false, "GET", path, NULL, 200);
    bool is = strcmp(json_string_value(json_object_get(payment, "state")), state) == 0;
    json_decref(payment);
    return is;
}

static void assert_state(const char *id, const char *state) {
    assert_true(is_state(id, state));
}

/* Half an hour goes by at the most. */
static void becomes(const char *id, const char *state) {
    for (int minute = 0; minute < 30 && !is_state(id, state); minute++) {
        pass(60 * US_PER_SECOND);
    }
    assert_state(id, state);
}

/* Callbacks in that state. */
static int callbacks(const char *state) {
    char words[64];
    snprintf(words, sizeof(words), "\"state\": \"%s\"", state);
    json_t *list = asked(true, "GET", "/v1/callbacks", NULL, 200);
    char *text = json_dumps(list, 0);
    int count = 0;
    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words)) {
        count++;
    }
    free(text);
    json_decref(list);
    return count;
}

/* Every callback that came is dealt with, in half an hour at the most. */
static void all_heard(void) {
    for (int minute = 0; minute < 30 && callbacks("stored") > 0; minute++) {
        pass(60 * US_PER_SECOND);
    }
    assert_int_equal(callbacks("stored"), 0);
}

static void assert_book(int64_t taken_minor, int taken_count, int64_t returned_minor) {
    struct acme_book book;
    acme_book(acme, &book);
    assert_int_equal(book.taken_minor, taken_minor);
    assert_int_equal(book.taken_count, taken_count);
    assert_int_equal(book.returned_minor, returned_minor);
}

static void a_payment_is_charged_and_refunded(void **state) {
    (void)state;
    char id[ID_TEXT_MAX], path[128];
    paid("card_good", 201, id);
    assert_state(id, "succeeded");
    snprintf(path, sizeof(path), "/v1/payments/%s/refunds", id);
    json_decref(asked(false, "POST", path, "{\"amount\":700}", 201));
    json_decref(asked(false, "POST", path, "{\"amount\":1900}", 422));
    assert_int_equal(told(), 2);
    pass(US_PER_SECOND);
    assert_state(id, "succeeded");
    assert_book(2500, 1, 700);
}

static void a_decline_is_told_in_common_words(void **state) {
    (void)state;
    char id[ID_TEXT_MAX], path[128];
    paid("card_poor", 201, id);
    assert_state(id, "failed");
    snprintf(path, sizeof(path), "/v1/payments?order_id=o-1");
    json_t *list = asked(false, "GET", path, NULL, 200);
    char *text = json_dumps(list, 0);
    assert_non_null(strstr(text, "insufficient_funds"));
    free(text);
    json_decref(list);
    assert_book(0, 0, 0);
}

static void what_is_decided_later_is_heard_by_callback(void **state) {
    (void)state;
    char id[ID_TEXT_MAX];
    paid("card_slow", 202, id);
    assert_state(id, "processing");
    acme_settle(acme);
    assert_int_equal(told(), 2);
    becomes(id, "succeeded");
    all_heard();
    assert_true(callbacks("applied") > 0);
    assert_book(2500, 1, 0);
}

static void a_lost_answer_ends_in_one_charge(void **state) {
    (void)state;
    static const enum acme_fault faults[] = {ACME_CUT, ACME_DONE_DOWN, ACME_DOWN, ACME_SOMEBODY};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        char id[ID_TEXT_MAX];
        acme_fault(acme, faults[i], 3);
        paid("card_good", 202, id);
        assert_state(id, "processing");
        becomes(id, "succeeded");
        assert_book(2500, 1, 0);
        stop(NULL);
        start(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_payment_is_charged_and_refunded, start, stop),
        cmocka_unit_test_setup_teardown(a_decline_is_told_in_common_words, start, stop),
        cmocka_unit_test_setup_teardown(what_is_decided_later_is_heard_by_callback, start, stop),
        cmocka_unit_test_setup_teardown(a_lost_answer_ends_in_one_charge, start, stop),
    };
    test_clock_install();
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
