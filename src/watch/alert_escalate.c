/* SPDX-License-Identifier: Apache-2.0
 * alert_escalate.c: nobody has acknowledged it: the steps of its escalation, and repeats.
 *
 * A step is taken under the alert's lock and counts up in the same transaction, so that a run that
 * comes twice, or another instance, finds it taken. Steps that were due while nothing ran are taken
 * one after the other. Where a rota has nobody, that is written down and the next step is taken at
 * once. While an alert is muted its time stands still. */
#include <string.h>

#include "watch/alert_impl.h"

int alert_on_duty(struct store_tx *tx, struct arena *arena, const struct rota *rota, int64_t now_us,
                  const char **ret_person, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT person FROM alert_override WHERE rota = $1 AND from_us <= $2 AND "
                      "until_us > $2 ORDER BY id DESC LIMIT 1",
                      S_TEXT(rota->name), S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r >= 0) {
        *ret_person = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : rota_on_duty(rota, now_us);
    }
    return r < 0 ? r : 0;
}

int alert_rota_duty(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                    const char *rota, const char **ret_person, struct err *err) {
    const struct rota *found = alert_rota_find(&alerts->settings, rota);
    const char *person = NULL;
    int r = found != NULL ? alert_on_duty(tx, arena, found, clock_wall_us(), &person, err) : 0;
    *ret_person = r >= 0 && person != NULL ? arena_copy(arena, person) : NULL;
    return r;
}

static int tell(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                struct alert_row *row, const char *channel, const char *reason, int64_t now_us,
                struct err *err) {
    struct notice notice;
    struct delivery_id id;
    int r = alert_notice(arena, row, NOTICE_FIRING, reason, &notice, err);
    r = r < 0 ? r : delivery_add(alerts->options.deliveries, tx, channel, &notice, &id, err);
    row->told_us = now_us;
    return r < 0 ? r : alert_told_put(tx, row, channel, NOTICE_FIRING, now_us, err);
}

/* The person, in words, and where he is reached; nobody: no channels. */
static int whom(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                const struct alert_step *step, int64_t now_us, struct alert_names *channels,
                const char **ret_words, struct err *err) {
    const struct alert_settings *settings = &alerts->settings;
    const char *person = step->name;
    *channels = (struct alert_names){0};
    if (step->to == STEP_CHANNEL) {
        alert_names_add(channels, step->name);
        *ret_words = step->name;
        return 0;
    }
    if (step->to == STEP_ROTA) {
        int r = alert_on_duty(tx, arena, alert_rota_find(settings, step->name), now_us, &person,
                              err);
        if (r < 0) {
            return r;
        }
    }
    const struct alert_person *found = person != NULL ? alert_person_find(settings, person) : NULL;
    if (found != NULL) {
        *channels = found->channels;
    }
    *ret_words = step->to == STEP_PERSON
                     ? person
                     : arena_printf(arena, "%s (rota %s)", found != NULL ? person : "nobody",
                                    step->name);
    return 0;
}

static int take_step(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                     struct alert_row *row, const struct alert_step *step, int64_t now_us,
                     bool *ret_reached, struct err *err) {
    struct alert_names channels;
    const char *words = "";
    int r = whom(alerts, tx, arena, step, now_us, &channels, &words, err);
    const char *reason = arena_printf(arena, "%s%s", alert_word(alerts, ALERT_WORD_STEP), words);
    for (int i = 0; r >= 0 && i < channels.count; i++) {
        r = tell(alerts, tx, arena, row, channels.names[i], reason, now_us, err);
    }
    row->step++;
    *ret_reached = channels.count > 0;
    return r < 0 ? r : alert_entry_add(tx, row, "system", "escalated", words, err);
}

static int take_steps(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                      struct alert_row *row, const struct alert_escalation *escalation,
                      int64_t now_us, struct err *err) {
    bool reached = true;
    int r = 0;
    while (r >= 0 && row->step < escalation->step_count) {
        const struct alert_step *step = &escalation->steps[row->step];
        if (reached && now_us < row->calls_us + step->after_us) {
            break;
        }
        r = take_step(alerts, tx, arena, row, step, now_us, &reached, err);
    }
    return r;
}

/* Everybody who was told so far. */
static int repeat(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                  struct alert_row *row, int64_t now_us, struct err *err) {
    struct alert_names channels = {0};
    {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows,
                          "SELECT channel FROM alert_told WHERE alert_id = $1 ORDER BY channel",
                          S_TEXT(row->id));
        while (r >= 0 && (r = sql_next(rows, err)) > 0) {
            if (channels_find(alerts->options.channels, sql_text(rows, 0)) != NULL) {
                alert_names_add(&channels, arena_copy(arena, sql_text(rows, 0)));
            }
        }
        if (r < 0) {
            return r;
        }
    }
    int r = 0;
    for (int i = 0; r >= 0 && i < channels.count; i++) {
        r = tell(alerts, tx, arena, row, channels.names[i], alert_word(alerts, ALERT_WORD_REPEAT),
                 now_us, err);
    }
    return r < 0 ? r : alert_entry_add(tx, row, "system", "repeated", "", err);
}

static bool is_muted(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                     const struct alert_row *row, int64_t now_us, int *ret_r, struct err *err) {
    struct alert_sight sight;
    *ret_r = alert_sight_load(tx, arena, now_us, &sight, err);
    return *ret_r >= 0 && alert_muted(alerts, &sight, row) != NULL;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a == 0 ? b : a < b ? a : b;
}

int alert_climb(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                struct alert_row *row, int64_t now_us, int64_t *ret_next_us, struct err *err) {
    const struct alert_settings *settings = &alerts->settings;
    const struct alert_escalation *escalation = alert_escalation_of(settings, &row->face);
    bool steps = escalation != NULL && row->step < escalation->step_count;
    bool repeats = row->face.severity <= NOTICE_P1 && settings->repeat_us > 0;
    int r = 0;
    *ret_next_us = 0;
    if (row->state != ALERT_FIRING || (!steps && !repeats)) {
        return 0;
    }
    if (is_muted(alerts, tx, arena, row, now_us, &r, err)) {
        row->calls_us = now_us;
        *ret_next_us = now_us + ALERT_RECHECK_US;
        return alert_row_save(tx, row, err);
    }
    if (r >= 0 && steps) {
        r = take_steps(alerts, tx, arena, row, escalation, now_us, err);
    }
    if (r >= 0 && repeats && row->told_us > 0 && now_us >= row->told_us + settings->repeat_us) {
        r = repeat(alerts, tx, arena, row, now_us, err);
    }
    if (steps && row->step < escalation->step_count) {
        *ret_next_us = row->calls_us + escalation->steps[row->step].after_us;
    }
    if (repeats) {
        int64_t told_us = row->told_us > 0 ? row->told_us : now_us;
        *ret_next_us = earlier(*ret_next_us, told_us + settings->repeat_us);
    }
    return r < 0 ? r : alert_row_save(tx, row, err);
}
