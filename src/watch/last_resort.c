/* SPDX-License-Identifier: Apache-2.0
 * last_resort.c: is the database there, and who has been told that it is not. */
#include "watch/last_resort.h"

#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "meter/meter.h"
#include "watch/alert_impl.h"

enum { EPISODE_BYTES_MAX = 1024 * 1024 };
static const char rule_name[] = "PaymentServiceDatabaseIssues";
static const int64_t pause_us[LAST_RESORT_TRIES_MAX] = {
    5 * US_PER_SECOND,  15 * US_PER_SECOND,  30 * US_PER_SECOND,
    60 * US_PER_SECOND, 120 * US_PER_SECOND, 300 * US_PER_SECOND,
};

struct target {
    const struct channel *channel;
    enum notice_state told; /* 0: nothing yet */
    bool gave_up;           /* of what is wanted now */
    bool in_doubt;
    int tries;
    int64_t next_us; /* monotonic */
};

struct last_resort {
    struct last_resort_options options;
    bool away;
    int64_t failing_us, answers_us;   /* monotonic, since; 0: it does not */
    int64_t first_us, found_us, ended_us; /* wall; found 0: nothing is to be told or written down */
    struct alert_id id;
    struct target targets[CHANNELS_MAX];
    int target_count;
};

struct last_resort *last_resort_open(const struct last_resort_options *options) {
    struct last_resort *last = calloc(1, sizeof *last);
    INVARIANT(last != NULL, "no memory for the last resort");
    last->options = *options;
    last->options.clients.timeout_us = LAST_RESORT_SEND_US;
    return last;
}

void last_resort_close(struct last_resort *last) {
    free(last);
}

bool last_resort_is_away(const struct last_resort *last) {
    return last->away;
}

/* ---- what is told ---- */

static struct alert_row *make_row(const struct last_resort *last, struct arena *arena,
                                  struct err *err) {
    static const struct notice_label labels[] = {{"of", "unreachable"}};
    struct alert_rule_state state;
    alert_rule_now(last->options.alerts, rule_name, &state);
    const struct alert_rule *rule = &state.rule;
    char *fingerprint = arena_alloc(arena, ALERT_DIGEST_CHARS + 1);
    struct alert_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct alert_row){
        .id = last->id.text,
        .fingerprint = fingerprint,
        .labels_text = labels_write(arena, labels, COUNT_OF(labels)),
        .face = {rule->name, rule->severity, rule->team, labels, COUNT_OF(labels)},
        .state = ALERT_RESOLVED,
        .group_key = "last-resort",
        .first_symptom_us = last->first_us,
        .seen_us = last->found_us,
        .fired_us = last->found_us,
        .told_us = last->found_us,
        .clear_us = last->ended_us,
        .resolved_us = last->ended_us,
        .acked_by = "",
        .ack_reason = "",
    };
    alert_digest(rule->name, row->labels_text, fingerprint);
    const struct alert_signal signal = {
        .rule = rule_name,
        .title = alert_word(last->options.alerts, ALERT_WORD_AWAY),
        .summary = arena_printf(arena, "%s %s",
                                alert_word(last->options.alerts, ALERT_WORD_AWAY_WHY),
                                last->options.source),
    };
    return alert_facts(last->options.alerts, arena, &signal, row, err) < 0 ? NULL : row;
}

static void add_target(struct last_resort *last, const char *name) {
    const struct channel *channel = channels_find(last->options.channels, name);
    for (int i = 0; i < last->target_count; i++) {
        channel = last->targets[i].channel == channel ? NULL : channel;
    }
    if (channel != NULL && last->target_count < CHANNELS_MAX) {
        last->targets[last->target_count++] = (struct target){.channel = channel};
    }
}

/* A route has hours: who is to be told may be another one now. */
static void find_targets(struct last_resort *last, const struct alert_row *row) {
    struct alert_names names;
    (void)alert_targets(&last->options.alerts->settings, &row->face, clock_wall_us(), &names);
    for (int i = 0; i < names.count; i++) {
        add_target(last, names.names[i]);
    }
}

static void give_up(struct last_resort *last, struct target *target) {
    target->gave_up = true;
    const char *fallback = channel_fallback(target->channel);
    if (last->away && fallback != NULL) {
        add_target(last, fallback);
    }
}

static void try_target(struct last_resort *last, struct arena *arena, struct target *target,
                       const struct alert_row *row, enum notice_state state, int64_t mono_us) {
    struct notice notice;
    struct err err = {0};
    struct channel_verdict verdict;
    const char *id = arena_printf(arena, "%s-%s", last->id.text, notice_state_name(state));
    const struct channel_moment moment = {clock_wall_us(), id, random_u64(), target->in_doubt};
    const char *reason = alert_word(last->options.alerts,
                                    state == NOTICE_FIRING ? ALERT_WORD_FIRST : ALERT_WORD_OVER);
    if (alert_notice(arena, row, state, reason, &notice, &err) < 0) {
        give_up(last, target);
        return;
    }
    channel_send(target->channel, &last->options.clients, &notice, &moment, &verdict);
    target->in_doubt = verdict.in_doubt;
    bool sent = verdict.outcome == CHANNEL_SENT;
    meter_count(METER_ALERT_DELIVERIES, channel_name(target->channel), sent ? "sent" : "again");
    log_event(ALERT_LAST_RESORT, LT("channel", channel_name(target->channel)),
              LT("state", notice_state_name(state)), LT("result", sent ? "sent" : verdict.reason));
    if (sent) {
        target->told = state;
        target->tries = 0;
        return;
    }
    int64_t pause = pause_us[target->tries];
    target->next_us = mono_us + (pause > verdict.wait_us ? pause : verdict.wait_us);
    if (verdict.outcome == CHANNEL_REJECTED || ++target->tries == LAST_RESORT_TRIES_MAX) {
        give_up(last, target);
    }
}

/* What a channel is to hear now; 0: nothing. That it is over is for those who heard that it is. */
static enum notice_state wanted_of(const struct last_resort *last, const struct target *target) {
    enum notice_state wanted = last->away ? NOTICE_FIRING : NOTICE_RESOLVED;
    bool heard = target->told != 0;
    return target->gave_up || target->told == wanted || (!last->away && !heard) ? 0 : wanted;
}

/* Whether there is anything left to be told. */
static bool tell(struct last_resort *last, struct arena *arena, const struct alert_row *row) {
    int64_t mono_us = clock_mono_us();
    bool left = false;
    if (last->away) {
        find_targets(last, row);
    }
    for (int i = 0; i < last->target_count; i++) {
        struct target *target = &last->targets[i];
        enum notice_state wanted = wanted_of(last, target);
        if (wanted != 0 && mono_us >= target->next_us) {
            try_target(last, arena, target, row, wanted, mono_us);
        }
        left = left || wanted_of(last, target) != 0;
    }
    return left;
}

/* ---- written down ---- */

struct writing {
    struct last_resort *last;
    struct arena *arena;
    struct alert_row row;
};

static int write_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct writing *writing = ctx;
    const struct last_resort *last = writing->last;
    struct alert_row row = writing->row; /* counted anew when this runs again */
    int r = alert_row_insert(tx, &row, err);
    r = r < 0 ? r : alert_entry_add(tx, &row, "system", "firing", "told past the database", err);
    for (int i = 0; r >= 0 && i < last->target_count; i++) {
        const struct target *target = &last->targets[i];
        const char *name = channel_name(target->channel);
        if (target->told != 0) {
            r = alert_told_put(tx, &row, name, target->told, last->ended_us, err);
        }
        r = r < 0 ? r
                  : alert_entry_add(tx, &row, "system", target->gave_up ? "not told" : "told", name,
                                    err);
    }
    r = r < 0 ? r : alert_entry_add(tx, &row, "system", "resolved", "", err);
    return r < 0 ? r : alert_row_save(tx, &row, err);
}

/* ---- is it there ---- */

static void again_from_here(struct last_resort *last) {
    for (int i = 0; i < last->target_count; i++) {
        last->targets[i].gave_up = false;
        last->targets[i].tries = 0;
        last->targets[i].next_us = 0;
    }
}

static void ask(struct last_resort *last) {
    struct err err = {0};
    bool answers = store_ping(last->options.store, LAST_RESORT_PING_US, &err) >= 0;
    int64_t mono_us = clock_mono_us();
    struct alert_rule_state rule;
    alert_rule_now(last->options.alerts, rule_name, &rule);
    int64_t *since = answers ? &last->answers_us : &last->failing_us;
    *since = *since == 0 ? mono_us : *since;
    *(answers ? &last->failing_us : &last->answers_us) = 0;
    if (!last->away && !answers && !rule.off && mono_us - last->failing_us >= rule.rule.for_us) {
        last->away = true;
        if (last->found_us == 0) {
            last->id = alert_id_new();
            last->found_us = clock_wall_us();
            last->first_us = last->found_us - (mono_us - last->failing_us);
        }
        again_from_here(last);
    } else if (last->away && answers && mono_us - last->answers_us >= LAST_RESORT_OVER_US) {
        last->away = false;
        last->ended_us = clock_wall_us();
        again_from_here(last);
    }
}

int last_resort_turn(struct last_resort *last, struct err *err) {
    ask(last);
    if (last->found_us == 0) {
        return 0;
    }
    ARENA_AUTO arena = arena_new(EPISODE_BYTES_MAX);
    struct alert_row *row = make_row(last, arena, err);
    if (row == NULL) {
        return -1;
    }
    bool left = tell(last, arena, row);
    if (last->away || left) {
        return 0;
    }
    struct writing writing = {last, arena, *row};
    int r = store_write(last->options.store, write_tx, &writing, err);
    if (r >= 0) {
        last->found_us = 0;
        last->target_count = 0;
    }
    return r;
}
