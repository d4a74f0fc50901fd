/* SPDX-License-Identifier: Apache-2.0
 * replay_usual.c: shares and volume: the hours and minutes that were, told to rates.h and volume.h
 * as volume_store.c and rates.c read them. */
#include <string.h>

#include "base/clock.h"
#include "watch/lookout_impl.h"
#include "watch/replay_impl.h"
#include "watch/season.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
enum {
    HOUR_MINUTES = 60,
    MINUTES_KEPT = HOUR_MINUTES + 1, /* the hour before the present minute, and that minute */
    DAY_HOURS = 24,
    DAY_MINUTES = DAY_HOURS * HOUR_MINUTES,
    HOURS_KEPT = SEASON_WEEKS * 7 * DAY_HOURS + 1,
    SIGHTS_MAX = REPLAY_SEEN_MAX,
};

/* Of volume: payments of a currency; of shares: an operation at a gateway. */
struct part {
    enum slice_operation operation;
    char name[SLICE_LABEL_CHARS_MAX + 1];
    struct slice_counts counts;
    int64_t amount_minor;
};

struct replay_usual {
    bool volume, share;
    const struct replay_incident *incidents;
    int incident_count;
    int64_t judged_from; /* minute: before it nothing that is judged counts */
    GArray *minutes[MINUTES_KEPT]; /* struct part; minute m at m % MINUTES_KEPT */
    GArray *hours[HOURS_KEPT];     /* hour h at h % HOURS_KEPT */
    int64_t hour;                  /* the present one; 0: none yet */
    int64_t learnt[2];             /* by side: the hour whose past it knows */
};

struct replay_usual *usual_new(const struct replay_options *options) {
    struct tuning_sources sources = tuning_sources_of(options->rule);
    if (!sources.share && !sources.volume) {
        return NULL;
    }
    struct replay_usual *usual = g_new0(struct replay_usual, 1);
    usual->volume = sources.volume;
    usual->share = sources.share;
    usual->incidents = options->incidents;
    usual->incident_count = options->incident_count;
    usual->judged_from = options->from - DAY_MINUTES;
    for (int i = 0; i < MINUTES_KEPT; i++) {
        usual->minutes[i] = g_array_new(FALSE, TRUE, sizeof(struct part));
    }
    for (int i = 0; i < HOURS_KEPT; i++) {
        usual->hours[i] = g_array_new(FALSE, TRUE, sizeof(struct part));
    }
    return usual;
}

void usual_free(struct replay_usual *usual) {
    for (int i = 0; usual != NULL && i < MINUTES_KEPT; i++) {
        g_array_unref(usual->minutes[i]);
    }
    for (int i = 0; usual != NULL && i < HOURS_KEPT; i++) {
        g_array_unref(usual->hours[i]);
    }
    g_free(usual);
}

/* ---- what was ---- */

static GArray *minute_of(const struct replay_usual *usual, int64_t minute) {
    return usual->minutes[minute % MINUTES_KEPT];
}

static GArray *hour_of(const struct replay_usual *usual, int64_t hour) {
    return usual->hours[hour % HOURS_KEPT];
}

static void add(GArray *parts, enum slice_operation operation, const char *name,
                const struct metric_sum *sum) {
    struct part *part = NULL;
    for (guint i = 0; part == NULL && i < parts->len; i++) {
        struct part *at = &g_array_index(parts, struct part, i);
        part = at->operation == operation && strcmp(at->name, name) == 0 ? at : NULL;
    }
    if (part == NULL) {
        g_array_set_size(parts, parts->len + 1);
        part = &g_array_index(parts, struct part, parts->len - 1);
        part->operation = operation;
        g_strlcpy(part->name, name, sizeof part->name);
    }
    part->counts.ok += sum->counts.ok;
    part->counts.declined += sum->counts.declined;
    part->counts.failed += sum->counts.failed;
    part->counts.repeated += sum->counts.repeated;
    part->amount_minor += sum->ok_minor + sum->lost_minor;
}

/* Hours that nothing was told of are empty. */
static void follow(struct replay_usual *usual, int64_t hour) {
    int64_t from = usual->hour == 0 || hour - usual->hour > HOURS_KEPT ? hour - HOURS_KEPT + 1
                                                                       : usual->hour + 1;
    for (int64_t h = from; h <= hour; h++) {
        g_array_set_size(hour_of(usual, h), 0);
    }
    usual->hour = hour;
}

void usual_row(struct replay *replay, enum slice_operation operation,
               const char *const labels[SLICE_DIMENSIONS], const struct metric_sum *sum) {
    struct replay_usual *usual = replay->usual;
    if (usual == NULL || (usual->volume && operation != SLICE_PAYMENT)) {
        return;
    }
    const char *name = labels[usual->volume ? SLICE_CURRENCY : SLICE_GATEWAY];
    follow(usual, replay->minute / HOUR_MINUTES);
    add(minute_of(usual, replay->minute), operation, name, sum);
    add(hour_of(usual, replay->minute / HOUR_MINUTES), operation, name, sum);
}

void usual_pass(struct replay *replay) {
    if (replay->usual != NULL) {
        g_array_set_size(minute_of(replay->usual, replay->minute + 1), 0);
        follow(replay->usual, (replay->minute + 1) / HOUR_MINUTES);
    }
}

/* ---- volume ---- */

static int64_t payments_of(const struct part *part) {
    return part->counts.ok + part->counts.declined + part->counts.failed;
}

static void learn_volume(const struct replay_usual *usual, struct volume *volume, int64_t hour,
                         int64_t now_us) {
    volume_forget(volume);
    for (int64_t h = hour - HOURS_KEPT + 1; h < hour; h++) {
        const GArray *parts = hour_of(usual, h);
        for (guint i = 0; i < parts->len; i++) {
            const struct part *part = &g_array_index(parts, struct part, i);
            volume_hour(volume, h, part->name, payments_of(part), part->amount_minor);
        }
    }
    for (int i = 0; i < usual->incident_count; i++) {
        const struct replay_incident *incident = &usual->incidents[i];
        if (incident->from_us < now_us) { /* later ones nobody knew of */
            volume_leave_out(volume, incident->from_us, MIN(incident->until_us, now_us));
        }
    }
    volume_learnt(volume, hour);
}

static void judge_volume(const struct replay *replay, struct replay_side *side) {
    const struct replay_usual *usual = replay->usual;
    const struct volume_finding *findings;
    struct volume *volume = side->volume;
    volume_begin(volume, replay->minute);
    for (int64_t m = replay->minute - VOLUME_MINUTES; m < replay->minute; m++) {
        const GArray *parts = minute_of(usual, m);
        for (guint i = 0; i < parts->len; i++) {
            const struct part *part = &g_array_index(parts, struct part, i);
            volume_minute(volume, m, part->name, payments_of(part), part->amount_minor);
        }
    }
    volume_judge(volume);
    int count = volume_open(volume, &findings);
    for (int i = 0; i < count && side->usual_count < SIGHTS_MAX; i++) {
        const struct volume_finding *finding = &findings[i];
        const struct notice_label labels[] = {{"currency", finding->currency},
                                              {"of", finding->amount ? "amount" : ""}};
        if (strcmp(replay->rule->name, lookout_volume_rule(finding)) != 0) {
            continue;
        }
        struct replay_sight *sight = &side->usual[side->usual_count++];
        *sight = (struct replay_sight){
            .severity = side->rule.rule.severity,
            .first_symptom_us = finding->first_symptom_us,
            .value = 100.0 * finding->seen / MAX(finding->usual, 0.01),
            .low = !finding->surge,
            .unit = "percent_of_usual",
        };
        looks_labels(labels, COUNT_OF(labels), sight->labels);
    }
}

/* ---- shares ---- */

static void tell(struct rates *rates, enum rate_span span, const GArray *parts) {
    for (guint i = 0; i < parts->len; i++) {
        const struct part *part = &g_array_index(parts, struct part, i);
        rates_add(rates, span, part->operation, part->name, &part->counts);
    }
}

static void learn_rates(const struct replay_usual *usual, struct rates *rates, int64_t hour) {
    int64_t known = 0;
    rates_begin(rates, RATE_SPAN_DAY);
    rates_begin(rates, RATE_SPAN_PAST);
    for (int64_t h = hour - (RATES_DAYS + 1) * DAY_HOURS; h < hour; h++) {
        bool day = h >= hour - DAY_HOURS;
        known += !day && hour_of(usual, h)->len > 0;
        tell(rates, day ? RATE_SPAN_DAY : RATE_SPAN_PAST, hour_of(usual, h));
    }
    rates_known(rates, known);
}

static void judge_rates(const struct replay *replay, struct replay_side *side, int64_t now_us) {
    const struct rate_finding *findings;
    struct rates *rates = side->rates;
    rates_begin(rates, RATE_SPAN_HOUR);
    for (int64_t m = replay->minute - HOUR_MINUTES; m < replay->minute; m++) {
        tell(rates, RATE_SPAN_HOUR, minute_of(replay->usual, m));
    }
    rates_judge(rates);
    int count = rates_open(rates, &findings);
    for (int i = 0; i < count && side->usual_count < SIGHTS_MAX; i++) {
        const struct rate_finding *finding = &findings[i];
        const struct notice_label label = {"gateway", finding->gateway};
        if (finding->id != replay->sources.share_id) {
            continue;
        }
        struct replay_sight *sight = &side->usual[side->usual_count++];
        *sight = (struct replay_sight){
            .severity = side->rule.rule.severity,
            .first_symptom_us = now_us - finding->minutes * US_PER_MINUTE,
            .value = 100.0 * (double)finding->count / (double)MAX(finding->of, 1),
            .unit = "percent",
        };
        looks_labels(&label, 1, sight->labels);
    }
}

void usual_judge(struct replay *replay, struct replay_side *side) {
    struct replay_usual *usual = replay->usual;
    int64_t now_us = replay->minute * US_PER_MINUTE, hour = replay->minute / HOUR_MINUTES;
    int64_t *learnt = &usual->learnt[side - replay->sides];
    if (replay->minute < usual->judged_from) {
        return;
    }
    follow(usual, hour);
    side->usual_count = 0;
    bool learns = *learnt != hour;
    *learnt = hour;
    if (side->volume != NULL) {
        if (learns) {
            learn_volume(usual, side->volume, hour, now_us);
        }
        judge_volume(replay, side);
    } else {
        if (learns) {
            learn_rates(usual, side->rates, hour);
        }
        judge_rates(replay, side, now_us);
    }
}
