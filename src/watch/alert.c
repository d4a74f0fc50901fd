/* SPDX-License-Identifier: Apache-2.0
 * alert.c: opened; and what detectors say, which is written down as the word of a source, under the
 * lock of the alert that it is about. */
#include "watch/alert.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "watch/alert_impl.h"
#include "watch/reports.h"

enum { SIGNALS_AT_ONCE = 100, TRIES_TO_INSERT = 3, SIGNALS_BYTES_MAX = 64 * 1024 * 1024 };
static const char left_out_rule[] = "AlertsLeftOut";

/* ---- opened ---- */

int alerts_check(const struct alert_config *config, const struct channels *channels,
                 struct err *err) {
    struct alert_settings settings;
    int r = alert_settings_read(config, channels, &settings, err);
    if (r >= 0) {
        alert_settings_release(&settings);
    }
    return r;
}

int alerts_open(const struct alerts_options *options, struct alerts **ret_alerts,
                struct err *err) {
    struct alerts *alerts = calloc(1, sizeof *alerts);
    struct alert_said *said = calloc(ALERT_CACHE_SLOTS, sizeof *said);
    if (alerts == NULL || said == NULL) {
        free(alerts);
        free(said);
        return err_set(err, ERR_INTERNAL, "no memory for alerts");
    }
    alerts->options = *options;
    alerts->said = said;
    int r = alert_settings_read(options->config, options->channels, &alerts->settings, err);
    if (r < 0) {
        free(said);
        free(alerts);
        return r;
    }
    lock_init(&alerts->lock);
    *ret_alerts = alerts;
    return 0;
}

void alerts_close(struct alerts *alerts) {
    if (alerts != NULL) {
        alert_settings_release(&alerts->settings);
        lock_free(&alerts->lock);
        free(alerts->said);
        free(alerts);
    }
}

/* ---- what was said already ---- */

/* A signal with what it is known by. */
struct said {
    const struct alert_signal *signal;
    struct alert_face face;
    const char *labels, *source;
    bool off; /* its rule is */
    char fingerprint[ALERT_DIGEST_CHARS + 1];
    uint64_t digest;
};

static int identify(struct alerts *alerts, struct arena *arena, const struct alert_signal *signal,
                    struct said *ret_said, struct err *err) {
    struct said said = {.signal = signal, .source = signal->source != NULL ? signal->source : ""};
    struct notice_label *labels = NULL;
    const char *name = signal->rule != NULL ? signal->rule : "";
    if (name[0] == '\0' || strlen(name) > NOTICE_NAME_BYTES_MAX ||
        strlen(said.source) > ALERT_SOURCE_CHARS_MAX) {
        err_set(err, ERR_VALIDATION, "a signal names its rule and, shortly, its source");
        return err_place(err, "/rule");
    }
    int r = labels_read(arena, signal->labels, signal->label_count, &labels, &said.face.label_count,
                        err);
    if (r < 0) {
        return r;
    }
    struct alert_rule_state rule;
    alert_rule_now(alerts, name, &rule);
    said.face.rule = name;
    said.off = rule.off;
    said.face.labels = labels;
    said.face.team = rule.rule.team;
    said.face.severity = signal->severity_known ? signal->severity : rule.rule.severity;
    said.labels = labels_write(arena, labels, said.face.label_count);
    alert_digest(name, said.labels, said.fingerprint);
    unsigned char digest[SHA256_BYTES];
    const char *whole = arena_printf(arena, "%s %s", said.fingerprint, said.source);
    crypto_sha256(whole, strlen(whole), digest);
    memcpy(&said.digest, digest, sizeof said.digest);
    *ret_said = said;
    return 0;
}

static bool is_old(struct alerts *alerts, const struct said *said, int64_t now_us) {
    struct alert_said *slot = &alerts->said[said->digest % ALERT_CACHE_SLOTS];
    lock_take(&alerts->lock);
    bool old = slot->digest == said->digest && slot->firing == said->signal->firing &&
               (!slot->firing || slot->severity <= said->face.severity) &&
               now_us >= slot->at_us && now_us < slot->at_us + ALERT_REFRESH_US;
    lock_give(&alerts->lock);
    return old;
}

static void remember(struct alerts *alerts, const struct said *said, int64_t now_us) {
    lock_take(&alerts->lock);
    alerts->said[said->digest % ALERT_CACHE_SLOTS] = (struct alert_said){
        said->digest, now_us, said->signal->firing, said->face.severity};
    lock_give(&alerts->lock);
}

/* ---- one signal ---- */

static const char *group_of(struct alerts *alerts, struct arena *arena,
                            const struct alert_face *face) {
    const struct alert_settings *settings = &alerts->settings;
    char *key = arena_alloc(arena, ALERT_DIGEST_CHARS + 1);
    const char *text = "";
    for (int i = 0; i < settings->group_by_count; i++) {
        text = arena_printf(arena, "%s%s=%s\n", text, settings->group_by[i],
                            face_value(face, settings->group_by[i]));
    }
    alert_digest("group", text, key);
    return key;
}

/* 1 there is room for one more of this rule, 0 there is none. */
static int has_room(struct store_tx *tx, const struct said *said, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (strcmp(said->face.rule, left_out_rule) == 0) {
        return 1;
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), coalesce(SUM(CASE WHEN rule = $1 THEN 1 ELSE 0 END), 0) "
                      "FROM alert WHERE state <> 4",
                      S_TEXT(said->face.rule));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r
                 : sql_int(rows, 0) < ALERTS_LIVE_MAX && sql_int(rows, 1) < ALERTS_OF_RULE_MAX;
}

/* What was changed just before the first symptom is what a person would look at first; it stands
 * beside what the detector has seen. */
static int name_change(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                       int64_t symptom_us, struct alert_signal *signal, struct err *err) {
    const char *line = NULL, *seen = signal->cause != NULL ? signal->cause : "";
    int r = change_before(tx, arena, symptom_us, &line, err);
    if (r >= 0 && line != NULL) {
        signal->cause = arena_printf(arena, "%s%s.%s%s",
                                     alert_word(alerts, ALERT_WORD_CHANGE), line,
                                     seen[0] != '\0' ? "\n" : "", seen);
    }
    return r;
}

static int insert(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                  const struct said *said, int64_t now_us, struct err *err) {
    int64_t symptom_us = said->signal->first_symptom_us;
    struct alert_id id = alert_id_new();
    struct alert_row row = {
        .id = id.text,
        .fingerprint = said->fingerprint,
        .labels_text = said->labels,
        .face = said->face,
        .state = ALERT_PENDING,
        .group_key = group_of(alerts, arena, &said->face),
        .first_symptom_us = symptom_us > 0 && symptom_us < now_us ? symptom_us : now_us,
        .seen_us = now_us,
        .acked_by = "",
        .ack_reason = "",
    };
    struct alert_signal signal = *said->signal;
    int r = name_change(alerts, tx, arena, row.first_symptom_us, &signal, err);
    r = r < 0 ? r : alert_facts(alerts, arena, &signal, &row, err);
    return r < 0 ? r : alert_row_insert(tx, &row, err);
}

/* 1 found or made, 0 it is not to be kept: nothing is wrong, nobody wants to know, or no room. */
static int find_or_make(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                        const struct said *said, int64_t now_us, struct alert_row *ret_row,
                        bool *ret_left_out, struct err *err) {
    for (int i = 0; i < TRIES_TO_INSERT; i++) {
        int r = alert_row_live(tx, arena, said->fingerprint, ret_row, err);
        if (r != 0 || !said->signal->firing || said->off) {
            return r;
        }
        r = has_room(tx, said, err);
        if (r <= 0) {
            *ret_left_out = r == 0;
            return r;
        }
        r = insert(alerts, tx, arena, said, now_us, err);
        if (r < 0) {
            return r;
        }
    }
    return err_set(err, ERR_STORE_CONFLICT, "an alert comes and goes too fast to be written");
}

static int put_word(struct store_tx *tx, const struct alert_row *row, const struct said *said,
                    int64_t now_us, struct err *err) {
    int64_t holds_us = said->signal->holds_us;
    int64_t until_us = holds_us == ALERT_FOR_GOOD ? 0
                       : holds_us > 0             ? now_us + holds_us
                                                  : now_us + ALERT_WORD_US;
    return sql_put(tx, err,
                   "INSERT INTO alert_word (alert_id, source, firing, until_us) "
                   "VALUES ($1, $2, $3, $4) ON CONFLICT (alert_id, source) DO UPDATE SET "
                   "firing = excluded.firing, until_us = excluded.until_us",
                   S_TEXT(row->id), S_TEXT(said->source), S_INT(said->signal->firing ? 1 : 0),
                   S_INT(until_us));
}

static int raise(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                 struct alert_row *row, enum notice_severity severity, int64_t now_us,
                 struct err *err) {
    const char *text = arena_printf(arena, "%s to %s", notice_severity_name(row->face.severity),
                                    notice_severity_name(severity));
    row->face.severity = severity;
    if (alert_move(&row->state, ALERT_EVENT_RAISED)) {
        row->calls_us = now_us;
        row->step = 0;
    }
    int r = alert_entry_add(tx, row, "system", "raised", text, err);
    if (r >= 0 && row->state == ALERT_FIRING) {
        r = alert_group_due(alerts, tx, row, true, now_us, err);
        r = r < 0 ? r : alert_job_due(tx, ALERT_JOB_ALERT, row->id, now_us, err);
    }
    return r;
}

static int update(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                  const struct said *said, struct alert_row *row, int64_t now_us,
                  struct err *err) {
    int64_t symptom_us = said->signal->first_symptom_us;
    int r = 0;
    if (symptom_us > 0 && symptom_us < row->first_symptom_us) {
        row->first_symptom_us = symptom_us;
    }
    if (said->face.severity < row->face.severity) {
        r = raise(alerts, tx, arena, row, said->face.severity, now_us, err);
    }
    struct alert_signal signal = *said->signal;
    r = r < 0 ? r : name_change(alerts, tx, arena, row->first_symptom_us, &signal, err);
    return r < 0 ? r : alert_facts(alerts, arena, &signal, row, err);
}

static int take(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                const struct said *said, bool *ret_left_out, struct err *err) {
    int64_t now_us = clock_wall_us(), next_us = 0;
    struct alert_row row;
    int r = find_or_make(alerts, tx, arena, said, now_us, &row, ret_left_out, err);
    if (r <= 0) {
        return r;
    }
    r = put_word(tx, &row, said, now_us, err);
    if (r >= 0 && said->signal->firing) {
        r = update(alerts, tx, arena, said, &row, now_us, err);
    }
    r = r < 0 ? r : alert_advance(alerts, tx, &row, now_us, &next_us, err);
    if (r >= 0 && next_us > 0 && row.id[0] != '\0') {
        r = alert_job_due(tx, ALERT_JOB_ALERT, row.id, next_us, err);
    }
    return r;
}

/* ---- many ---- */

struct batch {
    struct alerts *alerts;
    struct said said[SIGNALS_AT_ONCE];
    int count;
    int left_out;
};

static int say_left_out(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                        struct err *err) {
    const struct alert_signal signal = {.rule = left_out_rule, .firing = true};
    struct said said;
    bool left_out = false;
    int r = identify(alerts, arena, &signal, &said, err);
    return r < 0 ? r : take(alerts, tx, arena, &said, &left_out, err);
}

static int batch_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(SIGNALS_BYTES_MAX);
    struct batch *batch = ctx;
    int r = 0;
    batch->left_out = 0;
    for (int i = 0; r >= 0 && i < batch->count; i++) {
        bool left_out = false;
        r = take(batch->alerts, tx, arena, &batch->said[i], &left_out, err);
        batch->left_out += left_out ? 1 : 0;
    }
    if (r >= 0 && batch->left_out > 0) {
        r = say_left_out(batch->alerts, tx, arena, err);
    }
    return r < 0 ? r : 0;
}

static int write_batch(struct batch *batch, struct err *err) {
    int64_t now_us = clock_wall_us();
    if (batch->count == 0) {
        return 0;
    }
    int r = store_write(batch->alerts->options.store, batch_tx, batch, err);
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < batch->count; i++) {
        remember(batch->alerts, &batch->said[i], now_us);
    }
    if (batch->left_out > 0) {
        log_event(ALERTS_LEFT_OUT, LI("count", batch->left_out));
    }
    alert_wake(batch->alerts);
    return 0;
}

int alert_signals(struct alerts *alerts, const struct alert_signal *signals, int count,
                  struct err *err) {
    int r = 0;
    for (int done = 0; r >= 0 && done < count;) {
        ARENA_AUTO arena = arena_new(SIGNALS_BYTES_MAX);
        struct batch *batch = arena_alloc(arena, sizeof *batch);
        batch->alerts = alerts;
        for (; r >= 0 && done < count && batch->count < SIGNALS_AT_ONCE; done++) {
            struct said *said = &batch->said[batch->count];
            r = identify(alerts, arena, &signals[done], said, err);
            batch->count += r >= 0 && !is_old(alerts, said, clock_wall_us()) ? 1 : 0;
        }
        r = r < 0 ? r : write_batch(batch, err);
    }
    return r;
}

int alert_signal(struct alerts *alerts, const struct alert_signal *signal, struct err *err) {
    return alert_signals(alerts, signal, 1, err);
}

int alert_signal_tx(struct alerts *alerts, struct store_tx *tx, const struct alert_signal *signal,
                    struct err *err) {
    ARENA_AUTO arena = arena_new(SIGNALS_BYTES_MAX);
    struct said said;
    bool left_out = false;
    int r = identify(alerts, arena, signal, &said, err);
    r = r < 0 ? r : take(alerts, tx, arena, &said, &left_out, err);
    if (r >= 0 && left_out) {
        r = say_left_out(alerts, tx, arena, err);
    }
    return r < 0 ? r : 0;
}

/* ---- another system's ---- */

int alert_take_notices(struct alerts *alerts, const struct notice *notices, int count,
                       struct err *err) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    struct alert_signal *signals = calloc((size_t)count + 1, sizeof *signals);
    if (signals == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for alerts");
    }
    for (int i = 0; i < count; i++) {
        const struct notice *notice = &notices[i];
        struct alert_signal *signal = &signals[i];
        *signal = (struct alert_signal){
            .rule = notice->kind,
            .firing = notice->state != NOTICE_RESOLVED,
            .source = "alertmanager",
            .holds_us = ALERT_FOREIGN_US,
            .severity_known = true,
            .severity = notice->severity,
            .title = notice->title,
            .summary = notice->summary,
            .scope = notice->scope,
            .cause = notice->cause,
            .action = notice->action,
            .runbook = notice->runbook,
            .link = notice->link,
            .first_symptom_us = notice->first_symptom_us,
        };
        for (int j = 0; j < notice->label_count; j++) {
            if (strspn(notice->labels[j].name, letters) == strlen(notice->labels[j].name)) {
                signal->labels[signal->label_count++] = notice->labels[j];
            }
        }
    }
    int r = alert_signals(alerts, signals, count, err);
    free(signals);
    return r;
}
