/* SPDX-License-Identifier: Apache-2.0
 * alert_job.c: what happens later, by the key of its job:
 *   a:ALERT     what follows for it from the time: it fires, is over, is escalated, is told again
 *   g:GROUP     its group is told (alert_group.c)
 *   heartbeat   a notice goes out so regularly that somebody outside misses it when it does not
 *   test:NAME   the weekly test of a channel
 *   sweep       channels that fail; what is old is removed */
#include <stdio.h>
#include <string.h>

#include "watch/alert_impl.h"
#include "watch/reports.h"

#define SWEEP_US (60 * US_PER_SECOND)
#define DAY_US (86400 * US_PER_SECOND)
#define DAY_S 86400
#define KEEP_ALERTS_US (400 * DAY_US)
#define KEEP_DELIVERIES_US (90 * DAY_US)
enum { PRUNED_AT_ONCE = 500, FAILURES_SHOWN = 3, CHANNEL_TEXT_BYTES = 400 };

static const char heartbeat_fingerprint[] = "holdfast:heartbeat";

/* ---- an alert ---- */

struct look {
    struct alerts *alerts;
    const char *id;
    int64_t next_us;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look *look = ctx;
    struct alert_row row;
    int64_t now_us = clock_wall_us(), climb_us = 0;
    look->next_us = 0;
    int r = alert_row_load(tx, arena, look->id, &row, err);
    if (r <= 0) {
        return r;
    }
    r = alert_advance(look->alerts, tx, &row, now_us, &look->next_us, err);
    if (r >= 0 && row.id[0] != '\0') {
        r = alert_climb(look->alerts, tx, arena, &row, now_us, &climb_us, err);
    }
    if (climb_us > 0 && (look->next_us == 0 || climb_us < look->next_us)) {
        look->next_us = climb_us;
    }
    return r;
}

static int run_alert(struct alerts *alerts, const char *id, int64_t *ret_next_us, struct err *err) {
    struct look look = {alerts, id, 0};
    int r = store_write(alerts->options.store, look_tx, &look, err);
    *ret_next_us = look.next_us;
    return r;
}

/* ---- heartbeat and self-tests ---- */

struct own {
    struct alerts *alerts;
    const char *channel;
    const char *fingerprint;
    struct notice notice;
};

/* One that waits already tells enough. 1 told, 0 not. */
static int tell_own(struct store_tx *tx, struct own *own, struct delivery_id *ret_id,
                    struct err *err) {
    {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows,
                          "SELECT 1 FROM alert_delivery WHERE channel = $1 AND state = 1 AND "
                          "fingerprint = $2 LIMIT 1",
                          S_TEXT(own->channel), S_TEXT(own->fingerprint));
        r = r < 0 ? r : sql_next(rows, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
    int r = delivery_add(own->alerts->options.deliveries, tx, own->channel, &own->notice, ret_id,
                         err);
    return r < 0 ? r : 1;
}

static int heartbeat_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct delivery_id id;
    int r = tell_own(tx, ctx, &id, err);
    return r < 0 ? r : 0;
}

static int run_heartbeat(struct alerts *alerts, int64_t *ret_next_us, struct err *err) {
    struct own own = {alerts, alerts->settings.heartbeat, heartbeat_fingerprint, {0}};
    if (own.channel == NULL) {
        return 0;
    }
    alert_own_notice(alerts, heartbeat_fingerprint, "Watchdog", ALERT_WORD_HEARTBEAT,
                     ALERT_WORD_HEARTBEAT_WHY, &own.notice);
    own.notice.state = NOTICE_FIRING; /* what a machine waits for is an alert that never ends */
    int r = store_write(alerts->options.store, heartbeat_tx, &own, err);
    if (r >= 0) {
        *ret_next_us = clock_wall_us() + alerts->settings.heartbeat_us;
    }
    return r;
}

static int test_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct own *own = ctx;
    struct delivery_id id;
    int r = tell_own(tx, own, &id, err);
    if (r <= 0) {
        return r;
    }
    return sql_put(tx, err,
                   "INSERT INTO alert_self_test (channel, delivery_id, at_us) VALUES ($1, $2, $3) "
                   "ON CONFLICT (channel) DO UPDATE SET delivery_id = excluded.delivery_id, "
                   "at_us = excluded.at_us",
                   S_TEXT(own->channel), S_TEXT(id.text), S_INT(clock_wall_us()));
}

/* The next time that it is this day of the week and this hour there; each channel a minute later
 * than the one before. */
int64_t alert_test_next_us(const struct alerts *alerts, const char *channel, int64_t now_us) {
    const struct alert_settings *settings = &alerts->settings;
    const struct channels *channels = alerts->options.channels;
    TIME_ZONE_AUTO zone = NULL;
    struct err err = {0};
    int64_t later_s = 0;
    for (int i = 0; i < channels_count(channels); i++) {
        if (strcmp(channel_name(channels_at(channels, i)), channel) == 0) {
            later_s = i * 60;
        }
    }
    if (time_zone_open(settings->zone, &zone, &err) < 0) {
        return now_us + 7 * DAY_US;
    }
    int64_t local_s = local_from_wall(zone, now_us);
    int64_t day = local_s / DAY_S, ahead = (settings->test_day + 7 - (day + 3) % 7) % 7;
    for (;; ahead += 7) {
        int64_t at_s = (day + ahead) * DAY_S + settings->test_s + later_s;
        int64_t at_us = wall_from_local(zone, at_s);
        if (at_us > now_us) {
            return at_us;
        }
    }
}

static int run_test(struct alerts *alerts, const char *channel, int64_t *ret_next_us,
                    struct err *err) {
    char fingerprint[NOTICE_NAME_BYTES_MAX];
    if (alerts->settings.test_off || channels_find(alerts->options.channels, channel) == NULL) {
        return 0;
    }
    (void)snprintf(fingerprint, sizeof fingerprint, "holdfast:test:%s", channel);
    struct own own = {alerts, channel, fingerprint, {0}};
    alert_own_notice(alerts, fingerprint, "SelfTest", ALERT_WORD_TEST, ALERT_WORD_TEST_WHY,
                     &own.notice);
    int r = store_write(alerts->options.store, test_tx, &own, err);
    if (r >= 0) {
        *ret_next_us = alert_test_next_us(alerts, channel, clock_wall_us());
    }
    return r;
}

/* ---- the sweep ---- */

struct failing {
    const char *channel;
    int64_t failures;
    char why[CHANNEL_TEXT_BYTES];
};

static int failing_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct failing *failing = ctx;
    SQL_ROWS_AUTO rows = NULL;
    failing->failures = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT failures, last_code, last_error FROM alert_channel WHERE name = $1",
                      S_TEXT(failing->channel));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        failing->failures = sql_int(rows, 0);
        (void)snprintf(failing->why, sizeof failing->why, "%s: %s", sql_text(rows, 1),
                       sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

static int watch_channel(struct alerts *alerts, const char *channel, struct err *err) {
    struct failing failing = {.channel = channel};
    int r = store_read(alerts->options.store, failing_tx, &failing, err);
    char value[ALERT_VALUE_CHARS_MAX];
    (void)snprintf(value, sizeof value, "%lld", (long long)failing.failures);
    char scope[CHANNEL_TEXT_BYTES];
    (void)snprintf(scope, sizeof scope, "%s%s.", alert_word(alerts, ALERT_WORD_CHANNEL_SCOPE),
                   channel);
    const struct alert_signal signal = {
        .rule = "ChannelFailing",
        .labels = {{"channel", channel}},
        .label_count = 1,
        .firing = failing.failures >= FAILURES_SHOWN,
        .scope = scope,
        .cause = failing.why,
        .value = value,
    };
    return r < 0 ? r : alert_signal(alerts, &signal, err);
}

static int prune_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t before_us = clock_wall_us() - KEEP_ALERTS_US;
    int64_t r = sql_exec(tx, err,
                         "DELETE FROM alert_entry WHERE alert_id IN (SELECT id FROM alert WHERE "
                         "state = 4 AND resolved_us < $1 ORDER BY resolved_us LIMIT $2)",
                         S_INT(before_us), S_INT(PRUNED_AT_ONCE));
    r = r < 0 ? r
              : sql_exec(tx, err,
                         "DELETE FROM alert_told WHERE alert_id IN (SELECT id FROM alert WHERE "
                         "state = 4 AND resolved_us < $1 ORDER BY resolved_us LIMIT $2)",
                         S_INT(before_us), S_INT(PRUNED_AT_ONCE));
    r = r < 0 ? r
              : sql_exec(tx, err,
                         "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE "
                         "state = 4 AND resolved_us < $1 ORDER BY resolved_us LIMIT $2)",
                         S_INT(before_us), S_INT(PRUNED_AT_ONCE));
    r = r < 0 ? r
              : sql_exec(tx, err, "DELETE FROM alert_silence WHERE until_us < $1",
                         S_INT(before_us));
    r = r < 0 ? r
              : sql_exec(tx, err, "DELETE FROM alert_override WHERE until_us < $1",
                         S_INT(before_us));
    r = r < 0 ? r
              : sql_exec(tx, err, "DELETE FROM alert_group WHERE flushed_us < $1",
                         S_INT(before_us));
    if (r < 0) {
        return (int)r;
    }
    int pruned = reports_prune(tx, clock_wall_us() - REPORTS_KEPT_DAYS * DAY_US, PRUNED_AT_ONCE,
                               err);
    if (pruned >= 0) {
        pruned = deliveries_prune(tx, clock_wall_us() - KEEP_DELIVERIES_US, PRUNED_AT_ONCE, err);
    }
    return pruned < 0 ? pruned : 0;
}

static int run_sweep(struct alerts *alerts, int64_t *ret_next_us, struct err *err) {
    const struct channels *channels = alerts->options.channels;
    int r = 0;
    for (int i = 0; r >= 0 && i < channels_count(channels); i++) {
        r = watch_channel(alerts, channel_name(channels_at(channels, i)), err);
    }
    r = r < 0 ? r : store_write(alerts->options.store, prune_tx, alerts, err);
    *ret_next_us = clock_wall_us() + SWEEP_US;
    return r;
}

/* ---- the job ---- */

static const char *behind(const char *key, const char *prefix) {
    size_t bytes = strlen(prefix);
    return strncmp(key, prefix, bytes) == 0 ? key + bytes : NULL;
}

static int run(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct alerts *alerts = ctx;
    const char *name;
    int64_t next_us = 0;
    int r = 0;
    if ((name = behind(job->key, ALERT_JOB_ALERT)) != NULL) {
        r = run_alert(alerts, name, &next_us, err);
    } else if ((name = behind(job->key, ALERT_JOB_GROUP)) != NULL) {
        r = alert_group_run(alerts, name, &next_us, err);
    } else if ((name = behind(job->key, ALERT_JOB_TEST)) != NULL) {
        r = run_test(alerts, name, &next_us, err);
    } else if (strcmp(job->key, ALERT_JOB_HEARTBEAT) == 0) {
        r = run_heartbeat(alerts, &next_us, err);
    } else if (strcmp(job->key, ALERT_JOB_SWEEP) == 0) {
        r = run_sweep(alerts, &next_us, err);
    }
    if (r >= 0) {
        alert_wake(alerts);
    }
    if (r >= 0 && next_us > 0) {
        *ret_again_us = next_us;
    }
    return r;
}

struct job_kind alerts_job(struct alerts *alerts) {
    static const int64_t backoff_us[] = {US_PER_SECOND, 5 * US_PER_SECOND, 15 * US_PER_SECOND};
    return (struct job_kind){
        .name = JOB_ALERTS,
        .run = run,
        .ctx = alerts,
        .backoff_us = backoff_us,
        .backoff_count = COUNT_OF(backoff_us),
        .attempts_max = 0,
        .lease_us = 60 * US_PER_SECOND,
        .concurrency = 4,
    };
}

static int start_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct alerts *alerts = ctx;
    const struct channels *channels = alerts->options.channels;
    int64_t now_us = clock_wall_us();
    int r = job_add(tx, JOB_ALERTS, ALERT_JOB_SWEEP, now_us, "", err);
    if (r >= 0 && alerts->settings.heartbeat != NULL) {
        r = job_add(tx, JOB_ALERTS, ALERT_JOB_HEARTBEAT, now_us, "", err);
    }
    for (int i = 0; r >= 0 && i < channels_count(channels) && !alerts->settings.test_off; i++) {
        const char *name = channel_name(channels_at(channels, i));
        char key[JOB_KEY_CHARS_MAX + 1];
        (void)snprintf(key, sizeof key, "%s%s", ALERT_JOB_TEST, name);
        r = job_add(tx, JOB_ALERTS, key, alert_test_next_us(alerts, name, now_us), "", err);
    }
    return r < 0 ? r : 0;
}

int alerts_start(struct alerts *alerts, struct err *err) {
    return store_write(alerts->options.store, start_tx, alerts, err);
}
