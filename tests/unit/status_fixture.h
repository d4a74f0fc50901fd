/* SPDX-License-Identifier: Apache-2.0
 * status_fixture.h: a status page over an empty store, with a gate that passes when it is told to,
 * and receivers of mail and webhooks that keep what they got. */
#ifndef HOLDFAST_TESTS_STATUS_FIXTURE_H
#define HOLDFAST_TESTS_STATUS_FIXTURE_H

#include "channel_fixture.h"

#include "base/json.h"
#include "comms/status.h"
#include "support/payment_world.h"

#define W the_world
#define ANN "user:usr_ann"
#define BO "user:usr_bo"
#define INC "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define URL "https://blue.example/status"

enum { TOLD_MAX = 400 };

/* ---- receivers ---- */

struct told {
    char to[120], id[80];
    char *text, *signature, *timestamp;
};
static struct {
    struct told told[TOLD_MAX];
    int count, status;
    enum smtp_outcome mail;
    bool answerless, insecure;
} receivers;

static inline struct told *receive(const char *to, const char *id, const char *text,
                                   size_t bytes) {
    assert_true(receivers.count < TOLD_MAX);
    struct told *told = &receivers.told[receivers.count++];
    *told = (struct told){.text = strndup(text, bytes)};
    snprintf(told->to, sizeof told->to, "%s", to);
    snprintf(told->id, sizeof told->id, "%s", id);
    return told;
}

static inline void take_mail(void *ctx, const struct smtp_message *message,
                             struct smtp_result *result) {
    *result = (struct smtp_result){.outcome = receivers.mail};
    if (receivers.mail != SMTP_NOT_SENT) {
        receive(message->to[0], "", message->bytes, message->byte_count);
    } else {
        result->failure = SMTP_FAIL_REFUSED;
    }
}

static inline const char *header(const struct http_call *call, const char *name) {
    const char *value = http_header_find(call->headers, call->header_count, name);
    return value != NULL ? value : "";
}

static inline int take_http(void *ctx, const struct http_call *call,
                            struct http_answer *ret_answer, struct err *err) {
    struct told *told = receive(call->url, header(call, "webhook-id"), call->body,
                                call->body_bytes);
    told->signature = strdup(header(call, "webhook-signature"));
    told->timestamp = strdup(header(call, "webhook-timestamp"));
    receivers.insecure = receivers.insecure || !call->public_only;
    http_answer_fill(ret_answer, receivers.status, NULL, 0, "", 0);
    if (receivers.answerless) {
        ret_answer->status = 0;
        ret_answer->reach = HTTP_MAYBE_SENT;
        ret_answer->failure = HTTP_FAIL_TIMEOUT;
        return err_set(err, ERR_TIMEOUT, "no answer");
    }
    return 0;
}

/* ---- the floor ---- */

static struct lint *lint;
static struct channels *mail;
static struct http_client *http;
static struct smtp_client *smtp;
static struct status *status;
static struct job_runner *runner;
static struct job_kind kind;
static struct status_config config;
static bool gate_passes, gate_is_there;

static inline int prove(void *ctx, const char *incident_id, struct proof *ret_proof,
                        struct err *err) {
    if (!gate_passes) {
        return err_set(err, ERR_STATE, "3 of 9 conditions are not met");
    }
    *ret_proof = (struct proof){.evidence = "abc", .at_us = clock_wall_us()};
    snprintf(ret_proof->incident_id, sizeof ret_proof->incident_id, "%s", incident_id);
    return 0;
}

static inline void open_status(void) {
    struct err err = {0};
    const struct status_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .lint = lint,
        .config = &config,
        .registry = W->registry,
        .control = W->control,
        .mode = W->mode,
        .seal = W->seal,
        .email = channels_at(mail, 0),
        .clients = {.http = http, .smtp = smtp},
        .prove = gate_is_there ? prove : NULL,
    };
    if (status_open(&options, &status, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    kind = status_job(status);
    assert_int_equal(job_runner_new(W->engine.store, &kind, 1, &runner, &err), 0);
}

static inline void close_status(void) {
    if (runner != NULL) {
        job_runner_stop(runner);
    }
    status_close(status);
    runner = NULL;
    status = NULL;
}

static inline void forget_told(void) {
    for (int i = 0; i < receivers.count; i++) {
        free(receivers.told[i].text);
        free(receivers.told[i].signature);
        free(receivers.told[i].timestamp);
    }
    receivers.count = 0;
}

static inline void begin(void) {
    static const char *const tables[] = {"page", "component", "incident", "update", "subscriber",
                                         "asker", "mailing"};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "DELETE FROM status_%s", tables[i]);
        (void)engine_exec(&W->engine, sql);
    }
    (void)engine_exec(&W->engine, "DELETE FROM job");
    (void)engine_exec(&W->engine, "DELETE FROM message_channel");
    forget_told();
    receivers.mail = SMTP_TAKEN;
    receivers.status = 200;
    receivers.answerless = receivers.insecure = false;
    config = (struct status_config){.url = (char *)URL, .name = (char *)"Blue Shop",
                                    .name_zh = (char *)"蓝店"};
    gate_passes = false;
    gate_is_there = true;
    open_status();
}

static inline void reopen(void) {
    close_status();
    open_status();
}

static inline int end(void **state) {
    store_fault_set(W->engine.store, NULL, NULL);
    close_status();
    forget_told();
    return 0;
}

/* ---- doing ---- */

static inline struct caller as(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

static const struct status_touch cards_down[] = {{"card", LEVEL_MAJOR}};
static char next_update[CLOCK_TEXT_MAX];

static inline struct status_draft incident(void) {
    (void)clock_format((clock_wall_us() / US_PER_SECOND + 3600) * US_PER_SECOND, next_update);
    return (struct status_draft){
        .kind = STATUS_INCIDENT,
        .title = {"Card payments fail", "银行卡支付失败"},
        .body = {"Some card payments fail. Next update: {next_update}.",
                 "部分银行卡支付失败。下次更新:{next_update}。"},
        .state = STATUS_INVESTIGATING,
        .impact = IMPACT_MAJOR,
        .touches = cards_down,
        .touch_count = 1,
        .incident_id = INC,
        .fields = {[FIELD_NEXT_UPDATE] = next_update},
        .reason = "customers are to know",
    };
}

static inline struct status_draft follow(const char *id, enum status_state state,
                                         const char *english, const char *chinese) {
    struct status_draft what = incident();
    what.id = id;
    what.title[LANGUAGE_EN] = what.title[LANGUAGE_ZH] = NULL;
    what.state = state;
    what.impact = 0;
    what.touch_count = 0;
    what.incident_id = "";
    what.body[LANGUAGE_EN] = english;
    what.body[LANGUAGE_ZH] = chinese;
    if (state == STATUS_RESOLVED || state == STATUS_POSTMORTEM) {
        what.fields[FIELD_NEXT_UPDATE] = NULL;
    }
    return what;
}

static inline json_t *draft(const struct status_draft *what) {
    struct caller caller = as(ANN);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, status_draft(status, &caller, what, &answer, &W->err), &answer);
}

static inline json_t *must_draft(const struct status_draft *what) {
    json_t *json = draft(what);
    if (json == NULL) {
        fail_msg("%s at %s", W->err.detail, W->err.place);
    }
    return json;
}

static inline json_t *approve(const json_t *update, const char *actor) {
    struct caller caller = as(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, status_approve(status, &caller, json_at(update, "id"),
                                        json_at(update, "hash"), "read it", &answer, &W->err),
                      &answer);
}

static inline void must_approve(const json_t *update) {
    json_t *json = approve(update, BO);
    if (json == NULL) {
        fail_msg("%s at %s", W->err.detail, W->err.place);
    }
    assert_string_equal(json_at(json, "stage"), "published");
    json_decref(json);
}

/* Drafted and approved; the incident's id (free()). */
static inline char *published(const struct status_draft *what) {
    json_t *update = must_draft(what);
    must_approve(update);
    char *id = strdup(json_at(update, "status_incident_id"));
    json_decref(update);
    return id;
}

static inline void run_jobs(void) {
    struct err err = {0};
    if (job_runner_drain(runner, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, end)
static inline int run_status_tests(const char *name, const struct CMUnitTest *tests, size_t count) {
    static const struct http_client_ops ops = {take_http, NULL};
    static const struct fixture_settings from = {
        CHANNEL_EMAIL,
        {"host", "localhost", "from", "shop@blue.example", "to", "ops@blue.example"},
        {NULL}};
    struct err err = {0};
    http = http_client_custom(&ops, NULL);
    smtp = smtp_client_custom(take_mail, NULL);
    mail = fixture_open(&from);
    if (lint_open(&lint, &err) < 0) {
        return 1;
    }
    int failed = payment_world_run(name, tests, count);
    channels_close(mail);
    http_client_free(http);
    smtp_client_free(smtp);
    lint_close(lint);
    return failed;
}

#endif
