/* SPDX-License-Identifier: Apache-2.0
 * alert_fixture.h: two instances of the alert engine on one database, with a room where people read
 * (room), a machine (hook), and people of a rota (wang, lead); and a clock that moves when a test
 * says so. What was told is looked at as rows of alert_delivery. Failures end the test. */
#ifndef HOLDFAST_TESTS_ALERT_FIXTURE_H
#define HOLDFAST_TESTS_ALERT_FIXTURE_H

#include "channel_fixture.h"

#include "base/crypto.h"
#include "base/json.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/alert_impl.h"
#include "watch/alertmanager.h"

enum { INSTANCES = 2, FIXTURE_JSON_BYTES = 4 * 1024 * 1024 };

static struct test_store engine;
static struct channels *channels;
static struct deliveries *deliveries;
static struct alerts *alerts[INSTANCES];
static struct job_kind kinds[INSTANCES];
static struct job_runner *runner;

static char *both_channels[] = {"room", "hook"};
static struct alert_config fixture_config; /* a test changes it before fixture_begin() */

static inline void fixture_engines_open(void) {
    struct err err = {0};
    const struct deliveries_options options = {.store = engine.store, .channels = channels};
    assert_int_equal(deliveries_open(&options, &deliveries, &err), 0);
    for (int i = 0; i < INSTANCES; i++) {
        const struct alerts_options one = {.store = engine.store,
                                           .channels = channels,
                                           .deliveries = deliveries,
                                           .config = &fixture_config};
        if (alerts_open(&one, &alerts[i], &err) < 0) {
            fail_msg("%s at %s", err.detail, err.place);
        }
        kinds[i] = alerts_job(alerts[i]);
    }
    assert_int_equal(job_runner_new(engine.store, &kinds[0], 1, &runner, &err), 0);
}

static inline void fixture_engines_close(void) {
    job_runner_stop(runner);
    for (int i = 0; i < INSTANCES; i++) {
        alerts_close(alerts[i]);
    }
    deliveries_close(deliveries);
}

/* As if the process had died and begun again. */
static inline void fixture_restart(void) {
    fixture_engines_close();
    fixture_engines_open();
}

static inline void fixture_channels_open(void) {
    struct channel_settings settings[4];
    struct err err = {0};
    static const char *const names[] = {"room", "hook", "wang", "lead"};
    const struct fixture_settings from[] = {
        {CHANNEL_SLACK, {NULL}, {"webhook_url", "https://slack/services"}},
        {CHANNEL_WEBHOOK, {NULL}, {"url", "https://hook/in", "secret", FIXTURE_WHSEC}},
        {CHANNEL_SLACK, {NULL}, {"webhook_url", "https://slack/wang"}},
        {CHANNEL_SLACK, {NULL}, {"webhook_url", "https://slack/lead"}},
    };
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        fixture_fill(&from[i], &settings[i]);
        settings[i].name = names[i];
    }
    if (channels_open(settings, COUNT_OF(from), NULL, &channels, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
}

static inline int fixture_begin(void **state) {
    static struct alert_route_config everything;
    everything = (struct alert_route_config){
        .name = "all", .channels = both_channels, .channels_count = 2};
    if (fixture_config.routes == NULL) {
        fixture_config.routes = &everything;
        fixture_config.routes_count = 1;
    }
    (void)engine_exec(&engine, "DELETE FROM job");
    (void)engine_exec(&engine, "DELETE FROM alert");
    (void)engine_exec(&engine, "DELETE FROM alert_word");
    (void)engine_exec(&engine, "DELETE FROM alert_entry");
    (void)engine_exec(&engine, "DELETE FROM alert_told");
    (void)engine_exec(&engine, "DELETE FROM alert_group");
    (void)engine_exec(&engine, "DELETE FROM alert_silence");
    (void)engine_exec(&engine, "DELETE FROM alert_override");
    (void)engine_exec(&engine, "DELETE FROM alert_self_test");
    (void)engine_exec(&engine, "DELETE FROM alert_delivery");
    (void)engine_exec(&engine, "DELETE FROM alert_channel");
    fixture_channels_open();
    fixture_engines_open();
    return 0;
}

static inline int fixture_end(void **state) {
    fixture_engines_close();
    channels_close(channels);
    fixture_config = (struct alert_config){0};
    return 0;
}

/* For a test that has changed fixture_config. */
static inline void fixture_again(void) {
    fixture_restart();
}

/* ---- doing ---- */

static inline void drain(void) {
    struct err err = {0};
    if (job_runner_drain(runner, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static inline void pass_s(int64_t seconds) {
    test_clock_advance(seconds * US_PER_SECOND);
    drain();
}

/* In steps of ten seconds, as detectors go on seeing it. */
static inline struct alert_signal seen(const char *rule, const char *gateway, bool firing) {
    struct alert_signal signal = {.rule = rule, .firing = firing};
    if (gateway != NULL) {
        signal.labels[0] = (struct notice_label){"gateway", gateway};
        signal.label_count = 1;
    }
    return signal;
}

static inline void say_signal(int instance, const struct alert_signal *signal) {
    struct err err = {0};
    if (alert_signal(alerts[instance], signal, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
}

static inline void say(const char *rule, const char *gateway, bool firing) {
    struct alert_signal signal = seen(rule, gateway, firing);
    signal.holds_us = ALERT_FOR_GOOD;
    say_signal(0, &signal);
}

/* The one alert that there is; free() it. */
static inline char *the_alert(void) {
    return engine_text(&engine, "SELECT id FROM alert WHERE state <> 4");
}

struct doing {
    const char *id, *actor, *reason;
    struct silence_request silence;
    struct rota_override override;
    int (*fn)(struct store_tx *tx, struct doing *doing, struct buf *buf, struct err *err);
    char made[ID_TEXT_MAX];
};

static inline int doing_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct doing *doing = ctx;
    BUF_AUTO buf;
    JSON_AUTO json = NULL;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    int r = doing->fn(tx, doing, &buf, err);
    if (r >= 0) {
        struct err bad = {0};
        assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &bad), 0);
        snprintf(doing->made, sizeof doing->made, "%s",
                 json_string_value(json_object_get(json, "id")));
    }
    return r;
}

static inline int doing_ack(struct store_tx *tx, struct doing *doing, struct buf *buf,
                            struct err *err) {
    return alert_acknowledge(alerts[0], tx, doing->id, doing->actor, doing->reason, buf, err);
}

static inline int doing_silence(struct store_tx *tx, struct doing *doing, struct buf *buf,
                                struct err *err) {
    return silence_add(alerts[0], tx, &doing->silence, doing->actor, buf, err);
}

static inline int doing_unsilence(struct store_tx *tx, struct doing *doing, struct buf *buf,
                                  struct err *err) {
    return silence_end(alerts[0], tx, doing->id, doing->actor, buf, err);
}

static inline int doing_override(struct store_tx *tx, struct doing *doing, struct buf *buf,
                                 struct err *err) {
    return rota_override_add(alerts[0], tx, &doing->override, doing->actor, doing->reason, buf,
                             err);
}

static inline int acknowledge(const char *id, struct err *err) {
    struct doing doing = {.id = id, .actor = "user:wang", .reason = "on it", .fn = doing_ack};
    return store_write(engine.store, doing_tx, &doing, err);
}

static inline int silence_for(const char *matcher, int64_t seconds, char made[ID_TEXT_MAX],
                              struct err *err) {
    struct doing doing = {
        .actor = "user:wang",
        .fn = doing_silence,
        .silence = {.matchers = {matcher},
                    .matcher_count = 1,
                    .until_us = clock_wall_us() + seconds * US_PER_SECOND,
                    .reason = "planned work"},
    };
    int r = store_write(engine.store, doing_tx, &doing, err);
    snprintf(made, ID_TEXT_MAX, "%s", doing.made);
    return r;
}

/* ---- looking ---- */

#define TOLD(where) engine_int(&engine, "SELECT COUNT(*) FROM alert_delivery WHERE " where)

static inline void assert_state(const char *id, const char *wanted) {
    struct err err = {0};
    JSON_AUTO json = NULL;
    BUF_AUTO buf;
    buf_init(&buf, FIXTURE_JSON_BYTES);
    assert_int_equal(alert_get(alerts[1], id, &buf, &err), 0);
    assert_int_equal(json_read(buf.data, buf.len, FIXTURE_JSON_BYTES, 16, &json, &err), 0);
    assert_string_equal(json_string_value(json_object_get(json, "state")), wanted);
}

#endif
