/* SPDX-License-Identifier: Apache-2.0
 * lookout_counts.c: what is looked at every few seconds: the store's own figures, callbacks by
 * gateway, and what the database can count. */
#include <string.h>

#include "base/clock.h"
#include "meter/meter.h"
#include "store/inspect.h"
#include "watch/check.h"
#include "watch/evidence.h"
#include "watch/lookout_impl.h"
#include "watch/lookout_words.h"

enum {
    CHECKS_MAX = 64,
    GATEWAYS_LOOKED_AT_MAX = 100,
    CALLBACKS_WINDOW_S = 300,
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

static void database_signal(struct turn *turn, const char *of, const char *summary,
                            const char *cause) {
    struct alert_signal *signal = turn_add(turn, "PaymentServiceDatabaseIssues");
    if (signal != NULL) {
        signal_label(signal, "of", of);
        signal->summary = summary;
        signal->scope = turn_word(turn, LOOK_DB_SCOPE);
        signal->cause = cause;
        signal->first_symptom_us = turn->now_us - LOOKOUT_COUNT_S * US_PER_SECOND;
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
        text = PHRASE(turn->arena, turn_word(turn, LOOK_DB_CONNECTIONS),
                      {"busy", phrase_number(turn->arena, stats.connections_max)},
                      {"waiting", phrase_number(turn->arena, stats.waiting)});
        database_signal(turn, "connections", text, turn_word(turn, LOOK_DB_CONNECTIONS_WHY));
    }
    if (look_at_store(turn, MEASURE_SLOW, MAX(commits_slow, waits_slow))) {
        text = PHRASE(turn->arena, turn_word(turn, LOOK_DB_SLOW),
                      {"commits", phrase_number(turn->arena, commits_slow)},
                      {"seconds", phrase_number(turn->arena, LOOKOUT_COUNT_S)},
                      {"waits", phrase_number(turn->arena, waits_slow)});
        enum look_word why = commits_slow > 0 ? LOOK_DB_SLOW_COMMITS : LOOK_DB_SLOW_WAITS;
        database_signal(turn, "slow", text, turn_word(turn, why));
    }
    if (look_at_store(turn, MEASURE_FAILURES, failures)) {
        bool full = stats.connections_busy >= stats.connections_max;
        text = PHRASE(turn->arena, turn_word(turn, LOOK_DB_FAILURES),
                      {"failures", phrase_number(turn->arena, failures)},
                      {"seconds", phrase_number(turn->arena, LOOKOUT_COUNT_S)});
        database_signal(turn, "failures", text,
                        full ? turn_word(turn, LOOK_DB_FAILURES_FULL) : NULL);
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
    signal->title = turn_word(turn, LOOK_STANDBY_TITLE);
    enum look_word late = standby->behind_us < 0 ? LOOK_STANDBY : LOOK_STANDBY_LATE;
    signal->summary =
        PHRASE(turn->arena, turn_word(turn, late), {"name", standby->name},
               {"mib", phrase_number(turn->arena, standby->behind_bytes >> 20)},
               {"seconds", phrase_number(turn->arena, standby->behind_us / US_PER_SECOND)});
    signal->scope = turn_word(turn, LOOK_STANDBY_SCOPE);
    signal->cause =
        turn_word(turn, standby->connected ? LOOK_STANDBY_SLOW : LOOK_STANDBY_CUT);
    signal->action = turn_word(turn, LOOK_STANDBY_ACTION);
    if (standby->behind_us > 0) {
        signal->first_symptom_us = turn->now_us - standby->behind_us;
    }
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

static int64_t lately(enum meter_id id, const char *gateway, const char *result) {
    return meter_recent(id, CALLBACKS_WINDOW_S,
                        (const char *const[METER_LABELS_MAX]){gateway, result});
}

static void callback_signal(struct turn *turn, const char *rule, const char *gateway,
                            const char *summary, const char *cause) {
    struct alert_signal *signal = turn_add(turn, rule);
    if (signal != NULL) {
        signal_label(signal, "of", "callbacks");
        signal_label(signal, "gateway", gateway);
        signal->summary = summary;
        signal->scope = PHRASE(turn->arena, turn_word(turn, LOOK_CALLBACK_SCOPE),
                               {"gateway", gateway});
        signal->cause = cause;
        signal->first_symptom_us = turn->now_us - CALLBACKS_WINDOW_S * US_PER_SECOND;
    }
}

static void look_at_callbacks_of(struct turn *turn, const char *gateway) {
    const struct measure_limits *limits = &turn->lookout->limits[MEASURE_REFUSED];
    int64_t forged, well = lately(METER_CALLBACKS, gateway, "stored");
    if (look_at_sum(turn, MEASURE_REFUSED, gateway, so_far(METER_CALLBACKS, gateway, "refused"),
                    &forged)) {
        const char *cause = PHRASE(turn->arena,
                                   turn_word(turn, well == 0 ? LOOK_FORGED_ALL : LOOK_FORGED_SOME),
                                   {"well", phrase_number(turn->arena, well)});
        callback_signal(turn, "ForgedCallbacks", gateway,
                        PHRASE(turn->arena, turn_word(turn, LOOK_FORGED),
                               {"count", phrase_number(turn->arena, forged)},
                               {"minutes", phrase_number(turn->arena, limits->window_minutes)},
                               {"gateway", gateway}),
                        cause);
    }
}

/* Half of them take longer: gateways send at once, or within seconds. */
static void look_at_delay_of(struct turn *turn, const char *gateway) {
    const char *labels[METER_LABELS_MAX] = {gateway};
    const struct notice_label of[2] = {{"of", "callbacks"}, {"gateway", gateway}};
    int64_t count = meter_observations(METER_CALLBACK_DELAY_SECONDS, CALLBACKS_WINDOW_S,
                                       labels);
    int64_t delay_us = count == 0 ? 0
                                  : meter_quantile(METER_CALLBACK_DELAY_SECONDS, 0.5,
                                                   CALLBACKS_WINDOW_S, labels);
    if (look(turn, MEASURE_DELAY, of, count, MAX(delay_us, 0) / US_PER_SECOND)) {
        callback_signal(turn, "CallbackDelay", gateway,
                        PHRASE(turn->arena, turn_word(turn, LOOK_DELAYED),
                               {"count", phrase_number(turn->arena, count)}, {"gateway", gateway},
                               {"seconds", phrase_number(turn->arena, delay_us / US_PER_SECOND)}),
                        turn_word(turn, LOOK_DELAYED_WHY));
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
    const struct turn *turn;
    int64_t count[CHECKS_MAX], since_us[CHECKS_MAX];
    struct evidence evidence[CHECKS_MAX];
};

static int take_evidence(struct counts *counts, int i, struct store_tx *tx, struct err *err) {
    const struct lookout_options *options = &counts->turn->lookout->options;
    const struct evidence_ask ask = {
        .check = check_at(i),
        .count = counts->count[i],
        .now_us = counts->turn->now_us,
        .language = options->language,
        .class_name = options->class_name,
    };
    return counts->count[i] > 0
               ? evidence_take(&ask, tx, counts->turn->arena, &counts->evidence[i], err)
               : 0;
}

static int counts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct counts *counts = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        if (check_at(i)->rule[0] != '\0') {
            r = check_take(check_at(i), tx, counts->turn->now_us, &counts->count[i],
                           &counts->since_us[i], err);
            r = r < 0 ? r : take_evidence(counts, i, tx, err);
        }
    }
    return r;
}

static void check_signal(struct turn *turn, int index, int64_t count, int64_t since_us,
                         const struct evidence *evidence) {
    const struct check *check = check_at(index);
    const int measure = MEASURES_OWN + index;
    const struct notice_label labels[2] = {{"check", check->name}};
    int64_t waits_s = since_us > 0 ? MAX(turn->now_us - since_us, 0) / US_PER_SECOND : 0;
    struct alert_signal *signal =
        look(turn, measure, labels, count, waits_s) ? turn_add(turn, check->rule) : NULL;
    if (signal == NULL) {
        return;
    }
    signal_label(signal, "check", check->name);
    signal->source = NULL; /* every instance counts the same rows */
    signal->severity_known = true;
    signal->severity = measure_severity(measure, &turn->lookout->limits[measure],
                                        alert_rule_find(check->rule)->severity, waits_s);
    signal->summary = evidence->summary;
    signal->cause = evidence->cause;
    signal->scope = evidence->scope;
    memcpy(signal->money, evidence->money, sizeof signal->money);
    signal->money_count = evidence->money_count;
    signal->action = PHRASE(turn->arena, turn_word(turn, LOOK_CHECK_ACTION), {"next", check->next});
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
    struct counts *counts = arena_alloc(turn->arena, sizeof *counts);
    counts->turn = turn;
    int r = store_read(turn->lookout->options.store, counts_tx, counts, err);
    if (r >= 0) {
        look_at_standbys(turn, clock_mono_us());
    }
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        if (check_at(i)->rule[0] != '\0') {
            check_signal(turn, i, counts->count[i], counts->since_us[i], &counts->evidence[i]);
        }
    }
    /* Last: what fires is said though it could not be kept. */
    return r < 0 ? r
                 : looks_write(turn->lookout->looks, turn->lookout->options.store, turn->now_us,
                               err);
}
