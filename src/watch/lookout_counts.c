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
    CALLBACKS_DELAY_WINDOW_S = 300,
    STANDBYS_MAX = 16,
};
/* A server that cannot say it is not asked again for so long. */
#define STANDBYS_AGAIN_US (3600 * US_PER_SECOND)

/* One look: kept for the past, and judged. */
static bool look(struct turn *turn, int measure, const struct notice_label labels[2],
                 int64_t count, int64_t seconds) {
    struct lookout *lookout = turn->lookout;
    char text[LOOKS_LABELS_BYTES];
    looks_labels(labels, labels[1].name != NULL ? 2 : 1, text);
    looks_take(lookout->looks, measure, text, turn->now_us, count, seconds);
    return measure_fires(measure, &lookout->limits[measure], count, seconds);
}

/* The same of what is summed over a window: what came since the look before is kept. */
static bool look_at_sum(struct turn *turn, enum measure_id measure, const char *gateway,
                        int64_t total, int64_t *ret_sum) {
    struct lookout *lookout = turn->lookout;
    const struct measure_limits *limits = &lookout->limits[measure];
    const struct notice_label labels[2] = {{"of", "callbacks"}, {"gateway", gateway}};
    char *key = g_strdup_printf("%d %s", measure, gateway);
    struct windowed *windowed = g_hash_table_lookup(lookout->windows, key);
    if (windowed == NULL) {
        windowed = g_new0(struct windowed, 1);
        g_hash_table_insert(lookout->windows, g_strdup(key), windowed);
    }
    g_free(key);
    int64_t count = MAX(total - windowed->total, 0);
    windowed->total = total;
    (void)look(turn, measure, labels, count, 0);
    *ret_sum = measure_window_take(&windowed->window, limits, turn->now_us, count);
    return measure_fires(measure, limits, *ret_sum, 0);
}

/* ---- the database ---- */

static bool look_at_store(struct turn *turn, enum measure_id measure, int64_t count) {
    const struct notice_label labels[2] = {{"of", measure_table[measure].name}};
    return look(turn, measure, labels, count, 0);
}

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
    int64_t waiting = stats.connections_busy >= stats.connections_max ? stats.waiting : 0;
    if (look_at_store(turn, MEASURE_CONNECTIONS, waiting)) {
        text = arena_printf(turn->arena, "All %d connections are busy and %d calls wait for one.",
                            stats.connections_max, stats.waiting);
        database_signal(turn, "connections", text);
    }
    if (look_at_store(turn, MEASURE_SLOW, MAX(commits_slow, waits_slow))) {
        text = arena_printf(turn->arena,
                            "%lld commits took a second and more in the last %d s, and %lld calls "
                            "waited as long for their turn.",
                            (long long)commits_slow, LOOKOUT_COUNT_S, (long long)waits_slow);
        database_signal(turn, "slow", text);
    }
    if (look_at_store(turn, MEASURE_FAILURES, failures)) {
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
    signal->severity = measure_severity(
        MEASURE_REPLICATION, &turn->lookout->limits[MEASURE_REPLICATION], NOTICE_P2, 0);
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
        const struct notice_label labels[2] = {{"of", "replication"},
                                               {"standby", standbys[i].name}};
        if (look(turn, MEASURE_REPLICATION, labels, standbys[i].behind_bytes >> 20,
                 MAX(standbys[i].behind_us, 0) / US_PER_SECOND)) {
            standby_signal(turn, &standbys[i]);
        }
    }
}

/* ---- callbacks ---- */

static int64_t so_far(enum meter_id id, const char *gateway, const char *result) {
    return meter_total(id, (const char *const[METER_LABELS_MAX]){gateway, result});
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
    const struct measure_limits *limits = turn->lookout->limits;
    int64_t forged, missing;
    if (look_at_sum(turn, MEASURE_REFUSED, gateway, so_far(METER_CALLBACKS, gateway, "refused"),
                    &forged)) {
        callback_signal(
            turn, "ForgedCallbacks", gateway,
            arena_printf(turn->arena,
                         "%lld callbacks to %s were not genuine in the last %lld minutes.",
                         (long long)forged, gateway,
                         (long long)limits[MEASURE_REFUSED].window_minutes));
    }
    if (look_at_sum(turn, MEASURE_MISSING, gateway, so_far(METER_CALLBACK_MISSING, gateway, NULL),
                    &missing)) {
        callback_signal(
            turn, "CallbackMissing", gateway,
            arena_printf(turn->arena,
                         "%lld charges of %s had no callback in its time in the last %lld minutes.",
                         (long long)missing, gateway,
                         (long long)limits[MEASURE_MISSING].window_minutes));
    }
}

/* Half of them take longer: gateways send at once, or within seconds. */
static void look_at_delay_of(struct turn *turn, const char *gateway) {
    const char *labels[METER_LABELS_MAX] = {gateway};
    const struct notice_label of[2] = {{"of", "callbacks"}, {"gateway", gateway}};
    int64_t count = meter_observations(METER_CALLBACK_DELAY_SECONDS, CALLBACKS_DELAY_WINDOW_S,
                                       labels);
    int64_t delay_us = count == 0 ? 0
                                  : meter_quantile(METER_CALLBACK_DELAY_SECONDS, 0.5,
                                                   CALLBACKS_DELAY_WINDOW_S, labels);
    if (look(turn, MEASURE_DELAY, of, count, MAX(delay_us, 0) / US_PER_SECOND)) {
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

static void check_signal(struct turn *turn, int index, int64_t count, int64_t since_us) {
    const struct check *check = check_at(index);
    const int measure = MEASURES_OWN + index;
    const struct notice_label labels[2] = {{"check", check->name}};
    int64_t waits_s = since_us > 0 ? MAX(turn->now_us - since_us, 0) / US_PER_SECOND : 0;
    char text[CHECK_TEXT_BYTES];
    struct alert_signal *signal =
        look(turn, measure, labels, count, waits_s) ? turn_add(turn, check->rule) : NULL;
    if (signal == NULL) {
        return;
    }
    check_text(check, count, text);
    signal_label(signal, "check", check->name);
    signal->source = NULL; /* every instance counts the same rows */
    signal->severity_known = true;
    signal->severity = measure_severity(measure, &turn->lookout->limits[measure],
                                        alert_rule_find(check->rule)->severity, waits_s);
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
        if (check_at(i)->rule[0] != '\0') {
            check_signal(turn, i, counts.count[i], counts.since_us[i]);
        }
    }
    /* Last: what fires is said though it could not be kept. */
    return r < 0 ? r
                 : looks_write(turn->lookout->looks, turn->lookout->options.store, turn->now_us,
                               err);
}
