/* SPDX-License-Identifier: Apache-2.0
 * lookout_counts.c: what is looked at every few seconds: the store's own figures, callbacks by
 * gateway, and what the database can count. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "store/inspect.h"
#include "watch/check.h"
#include "watch/lookout_impl.h"

enum {
    CHECKS_MAX = 64,
    GATEWAYS_LOOKED_AT_MAX = 100,
    CALLBACKS_WINDOW_S = 300,
    FORGED_MIN = 3,
    MISSING_MIN = 3,
    DELAYED_MIN = 5,
    STORE_FAILURES_MIN = 3,
    STORE_SLOW_MIN = 3,
    STANDBYS_MAX = 16,
};
#define CALLBACK_LATE_US (120 * US_PER_SECOND)
/* A standby so far behind would lose so much, or take so long, in a failover. */
#define STANDBY_BEHIND_US (30 * US_PER_SECOND)
#define STANDBY_BEHIND_BYTES (INT64_C(64) << 20)
/* A server that cannot say it is not asked again for so long. */
#define STANDBYS_AGAIN_US (3600 * US_PER_SECOND)

/* ---- the database ---- */

static void database_signal(struct turn *turn, const char *of, const char *summary) {
    struct alert_signal *signal = turn_add(turn, "PaymentServiceDatabaseIssues");
    if (signal != NULL) {
        signal_label(signal, "of", of);
        signal->summary = summary;
    }
}

static void look_at_database(struct turn *turn) {
    struct lookout *lookout = turn->lookout;
    const struct store_stats stats = turn->stats;
    char *text;
    const struct store_stats before = lookout->stats;
    lookout->stats = stats;
    int64_t failures = stats.failures - before.failures;
    int64_t commits_slow = stats.commits_slow - before.commits_slow;
    int64_t waits_slow = stats.waits_slow - before.waits_slow;
    if (stats.waiting > 0 && stats.connections_busy >= stats.connections_max) {
        text = arena_printf(turn->arena, "All %d connections are busy and %d calls wait for one.",
                            stats.connections_max, stats.waiting);
        database_signal(turn, "connections", text);
    }
    if (commits_slow >= STORE_SLOW_MIN || waits_slow >= STORE_SLOW_MIN) {
        text = arena_printf(turn->arena,
                            "%lld commits took a second and more in the last %d s, and %lld calls "
                            "waited as long for their turn.",
                            (long long)commits_slow, LOOKOUT_COUNT_S, (long long)waits_slow);
        database_signal(turn, "slow", text);
    }
    if (failures >= STORE_FAILURES_MIN) {
        text = arena_printf(turn->arena, "%lld transactions failed in the last %d s.",
                            (long long)failures, LOOKOUT_COUNT_S);
        database_signal(turn, "failures", text);
    }
}

static void standby_signal(struct turn *turn, const struct inspect_standby *standby) {
    struct alert_signal *signal = turn_add(turn, "PaymentServiceDatabaseIssues");
    if (signal == NULL) {
        return;
    }
    signal_label(signal, "of", "replication");
    signal_label(signal, "standby", arena_copy(turn->arena, standby->name));
    signal->source = NULL; /* every instance asks the same server */
    signal->severity_known = true;
    signal->severity = NOTICE_P2; /* no payment suffers before a failover */
    signal->title = "A standby of the database is behind";
    const char *late = standby->behind_us < 0
                           ? ""
                           : arena_printf(turn->arena, " and %lld s",
                                          (long long)(standby->behind_us / US_PER_SECOND));
    signal->summary = arena_printf(
        turn->arena, "%s is %lld MiB%s behind%s. A failover to it would wait for that, or lose it.",
        standby->name, (long long)(standby->behind_bytes >> 20), late,
        standby->connected ? "" : " and not connected");
    signal->action = "See whether it runs, and has room on its disk: pg_stat_replication";
}

/* Who may not ask, or asks what is no PostgreSQL, goes without. */
static void look_at_standbys(struct turn *turn, int64_t mono_us) {
    struct lookout *lookout = turn->lookout;
    struct inspect_standby standbys[STANDBYS_MAX];
    struct err err = {0};
    if (mono_us < lookout->standbys_us) {
        return;
    }
    int count = inspect_standbys(lookout->options.store, standbys, STANDBYS_MAX, &err);
    lookout->standbys_us = count < 0 ? mono_us + STANDBYS_AGAIN_US : 0;
    for (int i = 0; i < count; i++) {
        if (standbys[i].behind_us > STANDBY_BEHIND_US ||
            standbys[i].behind_bytes > STANDBY_BEHIND_BYTES) {
            standby_signal(turn, &standbys[i]);
        }
    }
}

/* ---- callbacks ---- */

static int64_t lately(enum meter_id id, const char *gateway, const char *result) {
    return meter_recent(id, CALLBACKS_WINDOW_S,
                        (const char *const[METER_LABELS_MAX]){gateway, result});
}

static void callback_signal(struct turn *turn, const char *rule, const char *gateway,
                            const char *summary) {
    struct alert_signal *signal = turn_add(turn, rule);
    if (signal != NULL) {
        signal_label(signal, "of", "callbacks");
        signal_label(signal, "gateway", gateway);
        signal->summary = summary;
    }
}

static void look_at_callbacks_of(struct turn *turn, const char *gateway) {
    int64_t forged = lately(METER_CALLBACKS, gateway, "refused");
    int64_t missing = lately(METER_CALLBACK_MISSING, gateway, NULL);
    if (forged >= FORGED_MIN) {
        callback_signal(turn, "ForgedCallbacks", gateway,
                        arena_printf(turn->arena,
                                     "%lld callbacks to %s were not genuine in the last 5 minutes.",
                                     (long long)forged, gateway));
    }
    if (missing >= MISSING_MIN) {
        callback_signal(
            turn, "CallbackMissing", gateway,
            arena_printf(turn->arena,
                         "%lld charges of %s had no callback in its time in the last 5 minutes.",
                         (long long)missing, gateway));
    }
}

/* Half of them take longer: gateways send at once, or within seconds. */
static void look_at_delay_of(struct turn *turn, const char *gateway) {
    const char *labels[METER_LABELS_MAX] = {gateway};
    int64_t count = meter_observations(METER_CALLBACK_DELAY_SECONDS, CALLBACKS_WINDOW_S, labels);
    int64_t delay_us = meter_quantile(METER_CALLBACK_DELAY_SECONDS, 0.5, CALLBACKS_WINDOW_S,
                                      labels);
    if (count >= DELAYED_MIN && delay_us > CALLBACK_LATE_US) {
        callback_signal(turn, "CallbackDelay", gateway,
                        arena_printf(turn->arena,
                                     "Half of the %lld callbacks of %s in the last 5 minutes came "
                                     "%lld s and more after their event.",
                                     (long long)count, gateway,
                                     (long long)(delay_us / US_PER_SECOND)));
    }
}

static bool is_among(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Every gateway that a callback came from, or should have: our own, and those that we are told of
 * (observation.h). */
static void look_at_callbacks(struct turn *turn) {
    static const enum meter_id counters[] = {METER_CALLBACKS, METER_CALLBACK_MISSING,
                                             METER_CALLBACK_DELAY_SECONDS};
    const char *gateways[COUNT_OF(counters) * GATEWAYS_LOOKED_AT_MAX];
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        const char *of_one[GATEWAYS_LOOKED_AT_MAX];
        int some = meter_values(counters[i], of_one, GATEWAYS_LOOKED_AT_MAX);
        for (int k = 0; k < some; k++) {
            if (!is_among(gateways, count, of_one[k])) {
                gateways[count++] = of_one[k];
            }
        }
    }
    for (int i = 0; i < count; i++) {
        look_at_callbacks_of(turn, gateways[i]);
        look_at_delay_of(turn, gateways[i]);
    }
}

/* ---- what the database counts ---- */

struct counts {
    int64_t now_us;
    int64_t count[CHECKS_MAX], since_us[CHECKS_MAX];
};

static int counts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct counts *counts = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        if (check_at(i)->rule[0] != '\0') {
            r = check_take(check_at(i), tx, counts->now_us, &counts->count[i],
                           &counts->since_us[i], err);
        }
    }
    return r;
}

static void check_signal(struct turn *turn, const struct check *check, int64_t count,
                         int64_t since_us) {
    enum gravity gravity = check_gravity(check, since_us, turn->now_us);
    struct alert_signal *signal =
        gravity == GRAVITY_NOTICE ? NULL : turn_add(turn, check->rule);
    char text[CHECK_TEXT_BYTES];
    if (signal == NULL) {
        return;
    }
    check_text(check, count, text);
    signal_label(signal, "check", check->name);
    signal->source = NULL; /* every instance counts the same rows */
    const struct alert_rule *rule = alert_rule_find(check->rule);
    bool gravest = rule != NULL && rule->severity == NOTICE_P0;
    signal->severity_known = true;
    signal->severity = gravity != GRAVITY_CRITICAL ? NOTICE_P2 : gravest ? NOTICE_P0 : NOTICE_P1;
    signal->summary = arena_copy(turn->arena, text);
    signal->action = arena_printf(turn->arena, "See them: %s", check->next);
    signal->value = arena_printf(turn->arena, "%lld", (long long)count);
    signal->first_symptom_us = since_us;
}

/* Each instance says what it sees itself. */
static void ask_for_more(struct turn *turn) {
    const struct lookout_options *options = &turn->lookout->options;
    struct alert_signal *from = &turn->signals[turn->count];
    int count = options->more == NULL ? 0
                                      : options->more(options->more_ctx, turn->arena, from,
                                                      LOOKOUT_SIGNALS_MAX - turn->count);
    for (int i = 0; i < count; i++) {
        from[i].source = options->source;
    }
    turn->count += count;
}

int lookout_count(struct turn *turn, struct err *err) {
    look_at_callbacks(turn);
    ask_for_more(turn);
    if (turn->lookout->options.store == NULL) {
        return 0;
    }
    INVARIANT(check_count() <= CHECKS_MAX, "more checks than there is room for");
    look_at_database(turn);
    struct counts counts = {.now_us = turn->now_us};
    int r = store_read(turn->lookout->options.store, counts_tx, &counts, err);
    if (r >= 0) {
        look_at_standbys(turn, clock_mono_us());
    }
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        if (counts.count[i] > 0) {
            check_signal(turn, check_at(i), counts.count[i], counts.since_us[i]);
        }
    }
    return r;
}
