/* SPDX-License-Identifier: Apache-2.0
 * test_alertmanager.c: what an Alertmanager posts becomes notices, and what is no such message is
 * refused where it is wrong. */
#include "channel_fixture.h"

#include <glib.h>
#include <jansson.h>

#include "base/crypto.h"
#include "watch/alertmanager.h"

static struct arena *arena;

static int begin(void **state) {
    arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return 0;
}

static int end(void **state) {
    arena_free(arena);
    return 0;
}

static void an_alertmanagers_message_becomes_notices(void **state) {
    static const char body[] =
        "{\"version\":\"4\",\"groupKey\":\"{}:{}\",\"truncatedAlerts\":0,\"status\":\"firing\","
        "\"newer\":[1],\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"DiskFull\","
        "\"severity\":\"critical\",\"host\":\"db-1\"},\"annotations\":{\"summary\":\"Disk\\u0000"
        "full\",\"description\":\"line 1\\nline 2\",\"runbook_url\":\"https://a.example/r\"},"
        "\"startsAt\":\"2025-11-20T07:59:00.123456789Z\",\"endsAt\":\"0001-01-01T00:00:00Z\","
        "\"generatorURL\":\"javascript:alert(1)\",\"fingerprint\":\"abc\"},"
        "{\"status\":\"resolved\",\"labels\":{\"alertname\":\"Slow\"},\"annotations\":null,"
        "\"startsAt\":\"2025-11-20T07:00:00+08:00\",\"endsAt\":\"2025-11-20T08:00:00Z\","
        "\"fingerprint\":\"def\"}]}";
    char *clean = g_strdup(body);
    memcpy(strstr(clean, "\\u0000"), "\\u001b", 6); /* a NUL is refused as JSON already */
    struct notice *notices = NULL;
    struct err err = {0};
    int count = 0;
    assert_int_equal(
        alertmanager_read(body, strlen(body), FIXTURE_NOW_US, arena, &notices, &count, &err),
        -ERR_BAD_JSON);
    if (alertmanager_read(clean, strlen(clean), FIXTURE_NOW_US, arena, &notices, &count, &err) <
        0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    g_free(clean);
    assert_int_equal(count, 2);
    assert_string_equal(notices[0].kind, "DiskFull");
    assert_string_equal(notices[0].title, "Disk full");
    assert_string_equal(notices[0].summary, "line 1\nline 2");
    assert_string_equal(notices[0].fingerprint, "alertmanager:abc");
    assert_string_equal(notices[0].runbook, "https://a.example/r");
    assert_string_equal(notices[0].link, "");
    assert_int_equal(notices[0].severity, NOTICE_P1);
    assert_int_equal(notices[0].state, NOTICE_FIRING);
    assert_int_equal(notices[0].label_count, 1);
    assert_string_equal(notices[0].labels[0].value, "db-1");
    assert_int_equal(notices[0].first_symptom_us, FIXTURE_NOW_US - 60000000 + 123456);
    assert_int_equal(notices[0].ended_us, 0);
    assert_int_equal(notices[1].state, NOTICE_RESOLVED);
    assert_string_equal(notices[1].title, "Slow");
    assert_int_equal(notices[1].severity, NOTICE_P3);
    assert_int_equal(notices[1].ended_us, FIXTURE_NOW_US);
    assert_int_equal(notices[1].first_symptom_us, INT64_C(1763593200000000));
}

static void what_is_no_alertmanagers_message_is_refused_at_its_place(void **state) {
#define ALERT(more)                                                                                \
    "{\"version\":\"4\",\"alerts\":[{\"status\":\"firing\",\"fingerprint\":\"f\"," more "}]}"
    static const struct {
        const char *body, *place;
    } cases[] = {
        {"{}", "/version"},
        {"[]", "/version"},
        {"{\"version\":4}", "/version"},
        {"{\"version\":\"4\"}", "/alerts"},
        {"{\"version\":\"4\",\"alerts\":[]}", "/alerts"},
        {"{\"version\":\"4\",\"alerts\":{}}", "/alerts"},
        {"{\"version\":\"4\",\"alerts\":[1]}", "/alerts/0/status"},
        {"{\"version\":\"4\",\"alerts\":[{\"status\":\"odd\"}]}", "/alerts/0/status"},
        {ALERT("\"labels\":{}"), "/alerts/0"},
        {ALERT("\"labels\":[]"), "/alerts/0/labels"},
        {ALERT("\"labels\":{\"alertname\":1}"), "/alerts/0/labels"},
        {ALERT("\"labels\":{\"alertname\":\"a\"},\"startsAt\":\"now\""), "/alerts/0/startsAt"},
    };
#undef ALERT
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct notice *notices = NULL;
        struct err err = {0};
        int count = 0;
        assert_int_equal(alertmanager_read(cases[i].body, strlen(cases[i].body), FIXTURE_NOW_US,
                                           arena, &notices, &count, &err),
                         -ERR_VALIDATION);
        assert_string_equal(err.place, cases[i].place);
    }
}

/* What we send as an Alertmanager would is read back as the same notice. */
static void our_own_webhook_is_read_as_an_alertmanagers(void **state) {
    struct notice notice = fixture_notice(), *notices = NULL;
    struct channels *channels = fixture_open(&fixture_kinds[CHANNEL_WEBHOOK]);
    struct channel_request request = {0};
    int count = 0;
    assert_int_equal(
        channel_build(channels_at(channels, 0), &notice, &fixture_moment, arena, &request, NULL),
        0);
    assert_int_equal(alertmanager_read(request.body, request.body_bytes, FIXTURE_NOW_US, arena,
                                       &notices, &count, NULL),
                     0);
    assert_int_equal(count, 1);
    assert_string_equal(notices[0].kind, notice.kind);
    assert_string_equal(notices[0].title, notice.title);
    assert_string_equal(notices[0].summary, notice.summary);
    assert_string_equal(notices[0].scope, notice.scope);
    assert_string_equal(notices[0].action, notice.action);
    assert_string_equal(notices[0].runbook, notice.runbook);
    assert_string_equal(notices[0].link, notice.link);
    assert_int_equal(notices[0].severity, notice.severity);
    assert_int_equal(notices[0].first_symptom_us, notice.first_symptom_us);
    channels_close(channels);
}

/* Else each round would make another alert of it, on both sides, for ever. */
static void what_we_told_an_alertmanager_is_not_taken_back(void **state) {
    struct notice notice = fixture_notice(), *notices = NULL;
    struct channels *channels = fixture_open(&fixture_kinds[CHANNEL_ALERTMANAGER]);
    struct channel_request request = {0};
    int count = -1;
    assert_int_equal(
        channel_build(channels_at(channels, 0), &notice, &fixture_moment, arena, &request, NULL),
        0);
    json_t *told = json_loadb(request.body, request.body_bytes, 0, NULL);
    json_t *other = json_deep_copy(json_array_get(told, 0));
    assert_return_code(json_object_del(json_object_get(other, "labels"), ALERTMANAGER_OURS), 0);
    assert_return_code(json_array_append_new(told, other), 0);
    for (size_t i = 0; i < 2; i++) { /* as it hands alerts on */
        json_t *alert = json_array_get(told, i);
        json_object_set_new(alert, "status", json_string("firing"));
        json_object_set_new(alert, "fingerprint", json_string(i == 0 ? "a" : "b"));
    }
    for (int both = 1; both >= 0; both--) {
        json_t *message = json_pack("{s:s, s:O}", "version", "4", "alerts", told);
        char *body = json_dumps(message, 0);
        assert_int_equal(alertmanager_read(body, strlen(body), FIXTURE_NOW_US, arena, &notices,
                                           &count, NULL),
                         0);
        assert_int_equal(count, both);
        if (both) {
            assert_string_equal(notices[0].fingerprint, "alertmanager:b");
        }
        free(body);
        json_decref(message);
        assert_return_code(both ? json_array_remove(told, 1) : 0, 0);
    }
    json_decref(told);
    channels_close(channels);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(an_alertmanagers_message_becomes_notices),
        T(what_is_no_alertmanagers_message_is_refused_at_its_place),
        T(our_own_webhook_is_read_as_an_alertmanagers),
        T(what_we_told_an_alertmanager_is_not_taken_back),
    };
#undef T
    crypto_init();
    return cmocka_run_group_tests_name("alertmanager", tests, NULL, NULL);
}
