/* SPDX-License-Identifier: Apache-2.0
 * backtest_json.c: what came of a back-test, and one as it stands, as JSON. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "watch/backtest_impl.h"

#define US_PER_MINUTE (60 * US_PER_SECOND)
#define MINUTES_PER_WEEK 10080.0

/* ---- the result ---- */

static void add_number(struct buf *buf, double value) {
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    buf_add_text(buf, isfinite(value) ? g_ascii_formatd(text, sizeof text, "%.6g", value) : "null");
}

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, text));
    } else {
        buf_addf(buf, ",\"%s\":null", key);
    }
}

static bool overlap(const struct replay_firing *firing, const struct backtest_real *real) {
    return strcmp(firing->labels, real->labels) == 0 &&
           (firing->ended_us == 0 || real->fired_us < firing->ended_us) &&
           (real->ended_us == 0 || firing->fired_us < real->ended_us);
}

/* "gateway=a\nmethod=b" as {"gateway":"a","method":"b"}. */
static void add_labels(struct buf *buf, const char *text) {
    buf_add_text(buf, "{\"labels\":{");
    for (const char *separator = ""; *text != '\0'; separator = ",") {
        size_t bytes = strcspn(text, "\n"), name = strcspn(text, "=");
        char *key = g_strndup(text, MIN(name, bytes));
        char *value = g_strndup(text + MIN(name + 1, bytes), bytes - MIN(name + 1, bytes));
        buf_add_text(buf, separator);
        buf_add_json(buf, key);
        buf_add_char(buf, ':');
        buf_add_json(buf, value);
        g_free(key);
        g_free(value);
        text += bytes + (text[bytes] == '\n');
    }
    buf_add_char(buf, '}');
}

static void add_firing(struct buf *buf, const struct backtest *backtest,
                       const struct replay_firing *firing, const struct backtest_real *real,
                       int real_count) {
    int64_t until_us = firing->ended_us > 0 ? firing->ended_us : backtest->until * US_PER_MINUTE;
    const char *alert = NULL;
    for (int i = 0; i < real_count && alert == NULL; i++) {
        alert = overlap(firing, &real[i]) ? real[i].id : NULL;
    }
    add_labels(buf, firing->labels);
    add_time(buf, "first_symptom_at", firing->first_symptom_us);
    add_time(buf, "fired_at", firing->fired_us);
    add_time(buf, "ended_at", firing->ended_us);
    buf_addf(buf, ",\"seconds\":%lld,\"severity\":\"%s\",\"worst\":",
             (long long)((until_us - firing->fired_us) / US_PER_SECOND),
             notice_severity_name(firing->severity));
    add_number(buf, firing->worst);
    buf_addf(buf, ",\"unit\":\"%s\",\"alert_id\":", firing->unit);
    buf_addf(buf, alert != NULL ? "\"%s\"}" : "null}", alert);
}

static int64_t real_missed(const struct replay_outcome *outcome, const struct backtest_real *real,
                           int real_count) {
    int64_t missed = 0;
    for (int i = 0; i < real_count; i++) {
        bool met = false;
        for (int j = 0; !met && j < outcome->firing_count; j++) {
            met = overlap(&outcome->firings[j], &real[i]);
        }
        missed += !met;
    }
    return missed;
}

static int64_t with_real(const struct replay_outcome *outcome, const struct backtest_real *real,
                         int real_count) {
    int64_t with = 0;
    for (int j = 0; j < outcome->firing_count; j++) {
        bool met = false;
        for (int i = 0; !met && i < real_count; i++) {
            met = overlap(&outcome->firings[j], &real[i]);
        }
        with += met;
    }
    return with;
}

static void add_side(struct buf *buf, const struct backtest *backtest, int side,
                     const struct backtest_real *real, int real_count) {
    struct replay_outcome outcome;
    int weeks = (int)((backtest->until - backtest->from + (int64_t)MINUTES_PER_WEEK - 1) /
                      (int64_t)MINUTES_PER_WEEK);
    replay_outcome(backtest->replay, side, &outcome);
    buf_addf(buf, "{\"count\":%lld,\"seconds\":%lld,\"a_week\":", (long long)outcome.count,
             (long long)(outcome.firing_us / US_PER_SECOND));
    add_number(buf, (double)outcome.count * MINUTES_PER_WEEK /
                        (double)(backtest->until - backtest->from));
    buf_addf(buf, ",\"with_real\":%lld,\"real_missed\":%lld,\"left_out\":%lld,\"weeks\":[",
             (long long)with_real(&outcome, real, real_count),
             (long long)real_missed(&outcome, real, real_count),
             (long long)(outcome.count - outcome.firing_count));
    for (int i = 0; i < MIN(weeks, REPLAY_WEEKS_MAX); i++) {
        buf_addf(buf, "%s%lld", i > 0 ? "," : "", (long long)outcome.weeks[i]);
    }
    buf_add_text(buf, "],\"firings\":[");
    for (int i = 0; i < outcome.firing_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        add_firing(buf, backtest, &outcome.firings[i], real, real_count);
    }
    buf_add_text(buf, "]}");
}

static void add_limits(struct buf *buf, const struct backtest *backtest) {
    const struct tuning_sources sources = tuning_sources_of(backtest->rule);
    const struct {
        bool is;
        const char *text;
    } limits[] = {
        {sources.detector,
         "Charges are spread evenly over their minute and repeated ones left out: what the "
         "detector finds is right to about a minute."},
        {sources.figure || sources.share || sources.volume,
         "Minutes in which nothing was recorded count as minutes in which nothing came, also "
         "where nothing ran."},
        {sources.counts,
         "What is counted is kept by the minute since this version: before known_from, and where "
         "nothing ran, nothing is known to have been wrong."},
        {sources.share || sources.volume,
         "What was usual is learnt from 36 days before the time asked for, without the incidents "
         "that were known then."},
    };
    const char *separator = "";
    buf_add_text(buf, ",\"limits\":[");
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (limits[i].is) {
            buf_add_text(buf, separator);
            buf_add_json(buf, limits[i].text);
            separator = ",";
        }
    }
    buf_add_char(buf, ']');
}

void backtest_result(const struct backtest *backtest, const struct backtest_real *real,
                     int real_count, struct buf *buf) {
    buf_clear(buf);
    buf_addf(buf, "{\"rows\":%lld,\"real\":%d", (long long)backtest->rows, real_count);
    add_time(buf, "known_from", backtest->begin * US_PER_MINUTE);
    buf_add_text(buf, ",\"present\":");
    add_side(buf, backtest, 0, real, real_count);
    buf_add_text(buf, ",\"proposed\":");
    if (backtest->compares) {
        add_side(buf, backtest, 1, real, real_count);
    } else {
        buf_add_text(buf, "null");
    }
    add_limits(buf, backtest);
    buf_add_char(buf, '}');
}

/* ---- one as it stands ---- */

struct showing {
    const char *id;
    struct buf *buf;
};

static const char *state_of(int64_t state, int64_t beat_us) {
    bool lost = clock_wall_us() - beat_us > BACKTEST_LOST_S * US_PER_SECOND;
    return state == BACKTEST_DONE ? "done" : state == BACKTEST_FAILED || lost ? "failed"
                                                                            : "running";
}

static int show_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct showing *showing = ctx;
    struct buf *buf = showing->buf;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, rule, changes, from_us, until_us, state, done_minutes, result, "
                      "why, actor, created_us, beat_us, ended_us FROM backtest WHERE id = $1",
                      S_TEXT(showing->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no such back-test");
    }
    int64_t state = sql_int(rows, 5);
    const char *word = state_of(state, sql_int(rows, 11));
    buf_clear(buf);
    buf_addf(buf, "{\"id\":\"%s\",\"rule\":\"%s\",\"changes\":%s,\"state\":\"%s\"",
             sql_text(rows, 0), sql_text(rows, 1), sql_text(rows, 2), word);
    add_time(buf, "since", sql_int(rows, 3));
    add_time(buf, "until", sql_int(rows, 4));
    add_time(buf, "created_at", sql_int(rows, 10));
    add_time(buf, "ended_at", sql_int(rows, 12));
    buf_add_text(buf, ",\"actor\":");
    buf_add_json(buf, sql_text(rows, 9));
    buf_addf(buf, ",\"minutes_done\":%lld", (long long)sql_int(rows, 6));
    if (strcmp(word, "failed") == 0) {
        buf_add_text(buf, ",\"why\":");
        buf_add_json(buf, state == BACKTEST_FAILED
                              ? sql_text(rows, 8)
                              : "the instance that made it says nothing any more; ask again");
    }
    if (state == BACKTEST_DONE) {
        buf_addf(buf, ",\"result\":%s", sql_text(rows, 7));
    }
    buf_add_char(buf, '}');
    return 0;
}

int backtest_json(struct backtests *backtests, const char *id, struct buf *buf, struct err *err) {
    struct showing showing = {.id = id, .buf = buf};
    return store_read(backtests->store, show_tx, &showing, err);
}
