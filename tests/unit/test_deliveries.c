/* SPDX-License-Identifier: Apache-2.0
 * test_deliveries.c: notices arrive (WATCH-7): after the commit and not before, tried again, within
 * each provider's rate, folded when they are many, told elsewhere when a channel fails; one that
 * hangs holds up no other. On both engines, by a clock that moves only when a test says so. */
#include "channel_fixture.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/task.h"
#include "meter/meter.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/delivery.h"

enum { SEEN_MAX = 400 };

static struct test_store engine;

/* ---- providers, told what to answer by the host they are called by ---- */

struct seen {
    char host[40], webhook_id[80], action[40];
    char *body;
    int64_t at_us;
};
static struct {
    struct lock lock;
    struct cond moved;
    struct seen seen[SEEN_MAX];
    int count;
    const char *slack, *dingtalk; /* bodies; NULL: all is well */
    const char *aliyun;           /* NULL: no answer */
    int webhook_status;
    bool hook_hangs, hook_inside;
} providers;

static bool is_for(const struct http_call *call, const char *host) {
    return strncmp(call->url + strlen("https://"), host, strlen(host)) == 0;
}

static int provide(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                   struct err *err) {
    const char *body = "", *id = http_header_find(call->headers, call->header_count, "webhook-id");
    int status = 200;
    lock_take(&providers.lock);
    assert_true(providers.count < SEEN_MAX);
    struct seen *seen = &providers.seen[providers.count++];
    snprintf(seen->host, sizeof seen->host, "%.*s",
             (int)strcspn(call->url + strlen("https://"), "/"), call->url + strlen("https://"));
    snprintf(seen->webhook_id, sizeof seen->webhook_id, "%s", id != NULL ? id : "");
    const char *action = http_header_find(call->headers, call->header_count, "x-acs-action");
    snprintf(seen->action, sizeof seen->action, "%s", action != NULL ? action : "");
    seen->body = strdup(call->body != NULL ? call->body : "");
    seen->at_us = clock_wall_us();
    cond_broadcast(&providers.moved);
    if (is_for(call, "slack")) {
        body = providers.slack != NULL ? providers.slack : "ok";
    } else if (is_for(call, "dingtalk")) {
        body = providers.dingtalk != NULL ? providers.dingtalk : "{\"errcode\":0}";
    } else if (is_for(call, "aliyun")) {
        body = providers.aliyun;
        status = body != NULL ? 200 : 0;
    } else if (is_for(call, "hook")) {
        status = providers.webhook_status;
        providers.hook_inside = true;
        while (providers.hook_hangs) {
            cond_wait(&providers.moved, &providers.lock);
        }
    }
    lock_give(&providers.lock);
    http_answer_fill(ret_answer, status, NULL, 0, body != NULL ? body : "",
                     body != NULL ? strlen(body) : 0);
    if (status == 0) { /* nobody answers */
        ret_answer->reach = HTTP_MAYBE_SENT;
        ret_answer->failure = HTTP_FAIL_TIMEOUT;
        return err_set(err, ERR_TIMEOUT, "nobody answers");
    }
    return 0;
}

static int calls_of(const char *host) {
    int count = 0;
    lock_take(&providers.lock);
    for (int i = 0; i < providers.count; i++) {
        count += strcmp(providers.seen[i].host, host) == 0;
    }
    lock_give(&providers.lock);
    return count;
}

static void await_call(const char *host) {
    int64_t deadline_us = clock_mono_us() + 60 * US_PER_SECOND;
    bool in_time = true, called = false;
    lock_take(&providers.lock);
    while (!called && in_time) {
        for (int i = 0; i < providers.count; i++) {
            called = called || strcmp(providers.seen[i].host, host) == 0;
        }
        in_time = called || cond_wait_until(&providers.moved, &providers.lock, deadline_us);
    }
    lock_give(&providers.lock);
    assert_true(called);
}

static const struct seen *last_of(const char *host) {
    for (int i = providers.count - 1; i >= 0; i--) {
        if (strcmp(providers.seen[i].host, host) == 0) {
            return &providers.seen[i];
        }
    }
    fail_msg("%s was never called", host);
    return NULL;
}

/* ---- the floor ---- */

static struct channels *channels;
static struct deliveries *deliveries;
static struct http_client *client;
static struct job_runner *runner;
static struct job_kind kind;

static void open_channels(bool with_hook) {
    struct channel_settings settings[5];
    struct err err = {0};
    const struct fixture_settings from[] = {
        {CHANNEL_SLACK, {NULL}, {"webhook_url", "https://slack/services"}},
        {CHANNEL_DINGTALK,
         {NULL},
         {"webhook_url", "https://dingtalk/send?access_token=T", "secret", "SEC"}},
        {CHANNEL_ALERTMANAGER, {"url", "https://machine"}, {NULL}},
        {CHANNEL_ALIYUN_SMS,
         {"url", "https://aliyun", "sign_name", "S", "template_code", "T", "to", "13800138000"},
         {"access_key_id", "I", "access_key_secret", "K"}},
        {CHANNEL_WEBHOOK, {NULL}, {"url", "https://hook/in", "secret", FIXTURE_WHSEC}},
    };
    static const char *const names[] = {"slack", "dingtalk", "machine", "sms", "hook"};
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        fixture_fill(&from[i], &settings[i]);
        settings[i].name = names[i];
    }
    settings[0].fallback = "dingtalk";
    settings[1].fallback = "machine";
    if (channels_open(settings, with_hook ? 5 : 4, NULL, &channels, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    const struct deliveries_options options = {
        .store = engine.store, .channels = channels, .clients = {.http = client}};
    assert_int_equal(deliveries_open(&options, &deliveries, &err), 0);
    kind = deliveries_job(deliveries);
}

static void close_channels(void) {
    deliveries_close(deliveries);
    channels_close(channels);
    deliveries = NULL;
    channels = NULL;
}

static int begin(void **state) {
    static const struct http_client_ops ops = {provide, NULL};
    struct err err = {0};
    (void)engine_exec(&engine, "DELETE FROM alert_delivery");
    (void)engine_exec(&engine, "DELETE FROM alert_channel");
    (void)engine_exec(&engine, "DELETE FROM job");
    lock_init(&providers.lock);
    cond_init(&providers.moved);
    providers.webhook_status = 200;
    client = http_client_custom(&ops, NULL);
    open_channels(true);
    assert_int_equal(job_runner_new(engine.store, &kind, 1, &runner, &err), 0);
    return 0;
}

static int end(void **state) {
    store_fault_set(engine.store, NULL, NULL);
    if (runner != NULL) {
        job_runner_stop(runner);
    }
    runner = NULL;
    close_channels();
    http_client_free(client);
    for (int i = 0; i < providers.count; i++) {
        free(providers.seen[i].body);
    }
    cond_free(&providers.moved);
    lock_free(&providers.lock);
    memset(&providers, 0, sizeof providers);
    return 0;
}

/* ---- doing and looking ---- */

struct adding {
    const char *channel;
    struct notice notice;
    struct delivery_id id;
    bool fails;
};

static int add_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct adding *adding = ctx;
    int r = delivery_add(deliveries, tx, adding->channel, &adding->notice, &adding->id, err);
    return r >= 0 && adding->fails ? -ERR_STATE : r;
}

static struct delivery_id tell(const char *channel, const char *title,
                               enum notice_severity severity) {
    struct adding adding = {.channel = channel, .notice = fixture_notice()};
    struct err err = {0};
    adding.notice.title = title;
    adding.notice.severity = severity;
    if (store_write(engine.store, add_tx, &adding, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return adding.id;
}

/* Everything that is due now. */
static void drain(void) {
    struct err err = {0};
    if (job_runner_drain(runner, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void pass_s(int64_t seconds) {
    test_clock_advance(seconds * US_PER_SECOND);
    drain();
}

static int64_t in_state(int state) {
    switch (state) {
    case DELIVERY_WAITING:
        return engine_int(&engine, "SELECT COUNT(*) FROM alert_delivery WHERE state = 1");
    case DELIVERY_SENT:
        return engine_int(&engine, "SELECT COUNT(*) FROM alert_delivery WHERE state = 2");
    case DELIVERY_FOLDED:
        return engine_int(&engine, "SELECT COUNT(*) FROM alert_delivery WHERE state = 3");
    default:
        return engine_int(&engine, "SELECT COUNT(*) FROM alert_delivery WHERE state = 4");
    }
}

/* The newest delivery of a channel as it is listed; json_decref() it. */
static json_t *listed(const char *channel) {
    const struct deliveries_filter filter = {.channel = channel, .limit = 100};
    struct err err = {0};
    json_t *json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, 1 << 20);
    assert_int_equal(deliveries_list(deliveries, &filter, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, 1 << 20, 8, &json, &err), 0);
    json_t *first = json_incref(json_array_get(json, 0));
    json_decref(json);
    return first;
}

static void assert_listed(const char *channel, const char *key, const char *value) {
    JSON_AUTO json = listed(channel);
    const char *text = json_string_value(json_object_get(json, key));
    assert_string_equal(text != NULL ? text : "", value);
}

/* ---- the tests ---- */

static void what_is_told_goes_out_once_and_only_when_it_was_committed(void **state) {
    struct adding adding = {.channel = "hook", .notice = fixture_notice(), .fails = true};
    struct err err = {0};
    assert_int_equal(store_write(engine.store, add_tx, &adding, &err), -ERR_STATE);
    drain();
    assert_int_equal(calls_of("hook"), 0);
    struct delivery_id id = tell("hook", "one", NOTICE_P1);
    drain();
    drain();
    assert_int_equal(calls_of("hook"), 1);
    assert_string_equal(last_of("hook")->webhook_id, id.text);
    assert_listed("hook", "state", "sent");
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
    adding = (struct adding){.channel = "nobody", .notice = fixture_notice()};
    assert_int_equal(store_write(engine.store, add_tx, &adding, &err), -ERR_NOT_FOUND);
    adding = (struct adding){.channel = "hook", .notice = fixture_notice()};
    adding.notice.title = "a\nb";
    assert_int_equal(store_write(engine.store, add_tx, &adding, &err), -ERR_VALIDATION);
}

static void what_is_not_taken_is_tried_again_after_growing_pauses(void **state) {
    struct delivery_id id = tell("hook", "one", NOTICE_P1);
    providers.webhook_status = 0;
    drain();
    assert_int_equal(calls_of("hook"), 1);
    pass_s(4);
    assert_int_equal(calls_of("hook"), 1);
    pass_s(2);
    assert_int_equal(calls_of("hook"), 2);
    pass_s(14);
    assert_int_equal(calls_of("hook"), 2);
    assert_listed("hook", "state", "waiting");
    assert_listed("hook", "code", "timeout");
    providers.webhook_status = 200;
    pass_s(5);
    assert_int_equal(calls_of("hook"), 3);
    assert_string_equal(last_of("hook")->webhook_id, id.text); /* the same name on each try */
    assert_listed("hook", "state", "sent");
    assert_listed("hook", "reason", "");
}

static void what_is_refused_for_good_goes_to_the_fallback_at_once(void **state) {
    meter_init();
    providers.slack = "no_service";
    providers.dingtalk = "{\"errcode\":400101}";
    struct delivery_id id = tell("slack", "one", NOTICE_P1);
    for (int i = 0; i < 3; i++) {
        drain();
    }
    assert_int_equal(calls_of("slack"), 1);
    assert_int_equal(calls_of("dingtalk"), 1); /* and its own fallback after it */
    assert_int_equal(calls_of("machine"), 1);
    assert_listed("slack", "state", "failed");
    assert_listed("slack", "code", "no_service");
    assert_listed("dingtalk", "fallback_for", id.text);
    assert_listed("machine", "state", "sent");
    assert_non_null(strstr(last_of("dingtalk")->body,
                           "told here because channel slack did not get it: the webhook was"));
    assert_non_null(strstr(last_of("machine")->body, "because channel dingtalk did not get it"));
    assert_int_equal(meter_total(METER_ALERT_DELIVERIES,
                                 (const char *const[METER_LABELS_MAX]){"slack", "failed"}),
                     1);
    assert_int_equal(meter_total(METER_ALERT_DELIVERIES,
                                 (const char *const[METER_LABELS_MAX]){"slack", "fallback"}),
                     1);
}

static void what_waits_for_too_long_is_told_elsewhere_and_goes_on(void **state) {
    (void)tell("slack", "one", NOTICE_P1);
    providers.slack = "<html>"; /* a proxy's page */
    for (int i = 0; i < 29; i++) {
        pass_s(10);
    }
    assert_int_equal(calls_of("dingtalk"), 0);
    pass_s(12);
    drain(); /* it was made by the drain before */
    assert_int_equal(calls_of("dingtalk"), 1);
    assert_listed("slack", "state", "waiting");
    providers.slack = NULL;
    pass_s(600);
    assert_listed("slack", "state", "sent");
    pass_s(600);
    assert_int_equal(calls_of("dingtalk"), 1);
}

static void what_grew_too_old_wakes_nobody(void **state) {
    (void)tell("hook", "one", NOTICE_P1);
    providers.webhook_status = 503;
    drain();
    for (int i = 0; i < 40; i++) {
        pass_s(600);
    }
    int tried = calls_of("hook");
    assert_in_range(tried, 18, 44);
    assert_listed("hook", "state", "failed");
    pass_s(24 * 3600);
    assert_int_equal(calls_of("hook"), tried);
    (void)tell("hook", "two", NOTICE_P1);
    pass_s(7 * 3600); /* nothing ran meanwhile */
    assert_int_equal(calls_of("hook"), tried);
    assert_int_equal(in_state(DELIVERY_FAILED), 2);
}

/* Another instance sends on this channel, and dies at it. */
static void who_sends_is_waited_for_but_not_for_ever(void **state) {
    (void)tell("hook", "first", NOTICE_P1);
    drain();
    test_clock_advance(US_PER_SECOND);
    struct delivery_id id = tell("hook", "waits", NOTICE_P1);
    (void)engine_exec(&engine, "UPDATE alert_channel SET sending = 'dlv_other', sending_us = "
                               "(SELECT MAX(created_us) + 45000000 FROM alert_delivery)");
    drain();
    for (int i = 0; i < 43; i++) {
        pass_s(1);
    }
    assert_int_equal(calls_of("hook"), 1);
    pass_s(2);
    pass_s(2);
    assert_int_equal(calls_of("hook"), 2);
    assert_string_equal(last_of("hook")->webhook_id, id.text);
}

static void a_machine_is_told_of_each_within_its_rate(void **state) {
    for (int i = 0; i < 60; i++) {
        (void)tell("hook", "one of many", NOTICE_P2);
    }
    int64_t begun_us = clock_wall_us();
    for (int i = 0; i < 40; i++) { /* who goes hastens the next, as fast as there are tokens */
        drain();
    }
    assert_in_range(calls_of("hook"), 20, 39);
    for (int i = 0; i < 200 && in_state(DELIVERY_WAITING) > 0; i++) {
        test_clock_advance(100 * US_PER_MS);
        drain();
    }
    assert_int_equal(calls_of("hook"), 60);
    assert_int_equal(in_state(DELIVERY_SENT), 60);
    for (int i = 0; i < providers.count; i++) {
        /* The one with this number may go when its token is there. */
        int64_t earliest_us = (i - 19) * 100 * US_PER_MS;
        assert_true(providers.seen[i].at_us - begun_us >= earliest_us);
    }
}

static void one_by_one_is_not_faster_than_the_rate(void **state) {
    int64_t begun_us = clock_wall_us();
    for (int i = 0; i < 6; i++) { /* alone each time, so that nobody is waited for */
        (void)tell("slack", "one", NOTICE_P1);
        drain();
    }
    int64_t seconds = (clock_wall_us() - begun_us) / US_PER_SECOND;
    assert_true(calls_of("slack") >= 3);
    assert_true(calls_of("slack") <= 3 + seconds + 1);
    for (int i = 0; i < 6; i++) {
        pass_s(1);
    }
    assert_int_equal(in_state(DELIVERY_WAITING), 0);
}

static void a_flood_becomes_one_message_that_counts_the_rest(void **state) {
    for (int i = 0; i < 30; i++) {
        char title[40];
        snprintf(title, sizeof title, "thing %d", i);
        (void)tell("slack", title, i == 17 ? NOTICE_P0 : NOTICE_P2);
    }
    for (int i = 0; i < 60; i++) {
        pass_s(1);
    }
    assert_int_equal(calls_of("slack"), 1);
    assert_int_equal(in_state(DELIVERY_SENT), 1);
    assert_int_equal(in_state(DELIVERY_FOLDED), 29);
    const char *body = last_of("slack")->body;
    assert_non_null(strstr(body, "[P0] Firing: thing 17")); /* the gravest is the message */
    int told = 0;
    for (const char *at = body; (at = strstr(at, "[P2] Firing: thing ")) != NULL; at++) {
        told++;
    }
    assert_int_equal(told, NOTICE_ALSO_MAX);
    assert_non_null(strstr(body, "*Also*: [P2] Firing: thing "));
    assert_non_null(strstr(body, "\\nand 19 more"));
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM job"), 0);
    /* A few are sent one by one. */
    for (int i = 0; i < 4; i++) {
        (void)tell("slack", "a few", NOTICE_P2);
    }
    for (int i = 0; i < 10; i++) {
        pass_s(1);
    }
    assert_int_equal(calls_of("slack"), 5);
}

static void a_channel_that_asks_for_a_pause_gets_it(void **state) {
    providers.dingtalk = "{\"errcode\":130101,\"errmsg\":\"send too fast\"}";
    (void)tell("dingtalk", "one", NOTICE_P1);
    drain();
    (void)tell("dingtalk", "two", NOTICE_P1);
    providers.dingtalk = NULL;
    for (int i = 0; i < 59; i++) {
        pass_s(10);
    }
    assert_int_equal(calls_of("dingtalk"), 1);
    assert_int_equal(calls_of("machine"), 2); /* their fallback did not have to wait */
    for (int i = 0; i < 14; i++) {
        pass_s(10);
    }
    assert_int_equal(calls_of("dingtalk"), 3);
    assert_int_equal(in_state(DELIVERY_WAITING), 0);
}

static void a_channel_that_is_gone_fails_what_waits_for_it(void **state) {
    (void)tell("hook", "one", NOTICE_P1);
    job_runner_stop(runner);
    close_channels();
    open_channels(false);
    assert_int_equal(job_runner_new(engine.store, &kind, 1, &runner, NULL), 0);
    drain();
    assert_listed("hook", "state", "failed");
    assert_listed("hook", "reason", "the channel is no longer configured");
}

/* The sending's outcome cannot be noted: as if the process had died there. */
static int fails_at_notes(void *ctx, const char *sql) {
    return strstr(sql, "UPDATE alert_channel SET sent_us") != NULL;
}

static void a_message_whose_note_was_lost_goes_out_again_under_its_name(void **state) {
    struct delivery_id id = tell("hook", "one", NOTICE_P1);
    store_fault_set(engine.store, fails_at_notes, NULL);
    drain();
    assert_int_equal(calls_of("hook"), 1);
    store_fault_set(engine.store, NULL, NULL);
    pass_s(120);
    assert_int_equal(calls_of("hook"), 2);
    assert_string_equal(last_of("hook")->webhook_id, id.text);
    assert_string_equal(providers.seen[0].webhook_id, id.text);
    assert_listed("hook", "state", "sent");
}

/* What the provider would count as another message is not sent blindly a second time, neither after
 * a lost answer nor after this process died. */
static void a_text_message_is_not_repeated_before_its_receipt_was_asked_for(void **state) {
    (void)tell("sms", "one", NOTICE_P1);
    drain();
    assert_string_equal(last_of("aliyun")->action, "SendSms");
    providers.aliyun = "{\"Code\":\"OK\",\"SmsSendDetailDTOs\":{\"SmsSendDetailDTO\":[]}}";
    pass_s(7);
    assert_int_equal(calls_of("aliyun"), 3);
    assert_string_equal(providers.seen[1].action, "QuerySendDetails");
    assert_string_equal(providers.seen[2].action, "SendSms");
    assert_listed("sms", "state", "sent");
    pass_s(60);
    store_fault_set(engine.store, fails_at_notes, NULL);
    (void)tell("sms", "two", NOTICE_P1);
    drain();
    store_fault_set(engine.store, NULL, NULL);
    assert_int_equal(calls_of("aliyun"), 4);
    assert_string_equal(last_of("aliyun")->action, "SendSms");
    providers.aliyun = NULL;
    pass_s(120);
    assert_string_equal(last_of("aliyun")->action, "QuerySendDetails");
    assert_listed("sms", "state", "waiting");
    assert_listed("sms", "code", "receipt");
}

static void a_channel_that_hangs_holds_up_no_other(void **state) {
    struct err err = {0};
    job_runner_stop(runner);
    runner = NULL;
    providers.hook_hangs = true;
    for (int i = 0; i < 30; i++) { /* more than there are workers */
        (void)tell("hook", "hangs", NOTICE_P0);
    }
    assert_int_equal(job_runner_start(engine.store, &kind, 1, &runner, &err), 0);
    lock_take(&providers.lock);
    while (!providers.hook_inside) {
        cond_wait(&providers.moved, &providers.lock);
    }
    lock_give(&providers.lock);
    (void)tell("slack", "passes", NOTICE_P3);
    job_runner_wake(runner);
    await_call("slack");
    assert_int_equal(calls_of("hook"), 1); /* one at a time: the rest waits without a worker */
    lock_take(&providers.lock);
    providers.hook_hangs = false;
    cond_broadcast(&providers.moved);
    lock_give(&providers.lock);
    job_runner_stop(runner);
    runner = NULL;
}

static void people_see_how_channels_do_and_try_them(void **state) {
    struct channel_verdict verdict;
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, 1 << 20);
    assert_int_equal(deliveries_channels(deliveries, &buf, &err), 0);
    assert_non_null(strstr(buf.data, "\"name\":\"slack\",\"kind\":\"slack\",\"target\":\"slack\","
                                     "\"fallback\":\"dingtalk\",\"state\":\"new\""));
    providers.slack = "channel_is_archived";
    assert_int_equal(deliveries_test(deliveries, "slack", &verdict, &err), 0);
    assert_int_equal(verdict.outcome, CHANNEL_REJECTED);
    assert_non_null(strstr(last_of("slack")->body, "This is a test"));
    assert_int_equal(deliveries_test(deliveries, "dingtalk", &verdict, &err), 0);
    assert_int_equal(verdict.outcome, CHANNEL_SENT);
    assert_int_equal(deliveries_test(deliveries, "nobody", &verdict, &err), -ERR_NOT_FOUND);
    (void)tell("hook", "waits", NOTICE_P1);
    assert_int_equal(deliveries_channels(deliveries, &buf, &err), 0);
    assert_non_null(strstr(buf.data, "\"state\":\"fails\",\"waiting\":0,\"failures\":1"));
    assert_non_null(strstr(buf.data, "\"code\":\"channel_is_archived\",\"reason\":\"the room is "));
    assert_non_null(strstr(buf.data, "\"state\":\"works\""));
    assert_non_null(strstr(buf.data, "\"state\":\"new\",\"waiting\":1"));
    assert_null(strstr(buf.data, "access_token"));
}

static void one_that_failed_is_sent_again_by_hand(void **state) {
    struct err err = {0};
    providers.webhook_status = 401;
    struct delivery_id id = tell("hook", "one", NOTICE_P1);
    drain();
    assert_listed("hook", "state", "failed");
    providers.webhook_status = 200;
    assert_int_equal(delivery_again(deliveries, "user:usr_a", id.text, &err), 0);
    drain();
    assert_listed("hook", "state", "sent");
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM audit_entry WHERE action = "
                                         "'alert.delivery.again'"),
                     1);
    assert_int_equal(delivery_again(deliveries, "user:usr_a", id.text, &err), -ERR_STATE);
    assert_int_equal(delivery_again(deliveries, "user:usr_a", "dlv_none", &err), -ERR_NOT_FOUND);
}

static int prune_tx(struct store_tx *tx, void *ctx, struct err *err) {
    *(int *)ctx = deliveries_prune(tx, clock_wall_us() - 3600 * US_PER_SECOND, 1, err);
    return 0;
}

static void what_ended_long_ago_is_removed_and_what_waits_is_not(void **state) {
    int removed = 0;
    (void)tell("hook", "one", NOTICE_P1);
    (void)tell("hook", "two", NOTICE_P1);
    drain();
    drain(); /* who is second goes when the first is through */
    assert_int_equal(in_state(DELIVERY_SENT), 2);
    providers.webhook_status = 503;
    (void)tell("hook", "three", NOTICE_P1);
    pass_s(3 * 3600);
    test_clock_advance(2 * 3600 * US_PER_SECOND);
    assert_int_equal(store_write(engine.store, prune_tx, &removed, NULL), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(store_write(engine.store, prune_tx, &removed, NULL), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(store_write(engine.store, prune_tx, &removed, NULL), 0);
    assert_int_equal(removed, 0);
    assert_int_equal(in_state(DELIVERY_WAITING), 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_told_goes_out_once_and_only_when_it_was_committed),
        T(what_is_not_taken_is_tried_again_after_growing_pauses),
        T(what_is_refused_for_good_goes_to_the_fallback_at_once),
        T(what_waits_for_too_long_is_told_elsewhere_and_goes_on),
        T(what_grew_too_old_wakes_nobody),
        T(who_sends_is_waited_for_but_not_for_ever),
        T(a_machine_is_told_of_each_within_its_rate),
        T(one_by_one_is_not_faster_than_the_rate),
        T(a_flood_becomes_one_message_that_counts_the_rest),
        T(a_channel_that_asks_for_a_pause_gets_it),
        T(a_channel_that_is_gone_fails_what_waits_for_it),
        T(a_message_whose_note_was_lost_goes_out_again_under_its_name),
        T(a_text_message_is_not_repeated_before_its_receipt_was_asked_for),
        T(a_channel_that_hangs_holds_up_no_other),
        T(people_see_how_channels_do_and_try_them),
        T(one_that_failed_is_sent_again_by_hand),
        T(what_ended_long_ago_is_removed_and_what_waits_is_not),
    };
#undef T
    test_clock_install();
    log_level_set(LOG_ERROR); /* failures are wanted here */
    crypto_init();
    meter_init();
    return engine_run("deliveries", tests, COUNT_OF(tests), &engine);
}
