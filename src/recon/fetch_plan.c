/* SPDX-License-Identifier: Apache-2.0
 * fetch_plan.c: which days' statements are to be fetched: the daily plan of each gateway, and its
 * beginning. */
#include "base/calendar.h"
#include "base/clock.h"
#include "recon/fetch_impl.h"

/* So long a folder is looked at for files that changed after they were taken. */
enum { LOOK_DAYS_BACK = 14 };

/* ---- the plan ---- */

struct planning {
    struct recon *recon;
    const struct source *source;
    int64_t last_s, now_us; /* the last day whose hour has come (local); wall */
    bool late; /* it came on another day: nothing new begins, what was missed is seen */
};

/* 1 with the day after the last one that was planned; 0: none was. */
static int day_after(const struct planning *planning, struct store_tx *tx, const char *kind,
                     int64_t *ret_day_s, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT MAX(day) FROM statement_fetch WHERE gateway = $1 AND kind = $2 AND "
                      "planned = 1",
                      S_TEXT(planning->source->gateway->name), S_TEXT(kind));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0 || sql_null(rows, 0)) {
        return r < 0 ? r : 0;
    }
    if (!fetch_day_parse(sql_text(rows, 0), ret_day_s)) {
        return err_set(err, ERR_STORE_CORRUPT, "a day that is none was planned");
    }
    *ret_day_s = calendar_step(*ret_day_s, 1, UNIT_DAY, 1);
    return 1;
}

static int plan_day(const struct planning *planning, struct store_tx *tx, const char *kind,
                    int64_t day_s, struct err *err) {
    struct fetch_key key;
    char text[JOB_KEY_CHARS_MAX + 1];
    snprintf(key.gateway, sizeof key.gateway, "%s", planning->source->gateway->name);
    snprintf(key.kind, sizeof key.kind, "%s", kind);
    fetch_day_text(day_s, key.day);
    fetch_key_text(&key, text);
    int64_t made = sql_exec(tx, err,
                            "INSERT INTO statement_fetch (gateway, kind, day, state, planned, "
                            "attempts, error, statements, actor, created_us, updated_us) VALUES "
                            "($1, $2, $3, 1, 1, 0, '', '', 'system', $4, $4) ON CONFLICT DO "
                            "NOTHING",
                            S_TEXT(key.gateway), S_TEXT(key.kind), S_TEXT(key.day),
                            S_INT(planning->now_us));
    if (made < 0) {
        return (int)made;
    }
    if (made == 0) { /* somebody has asked for it by hand */
        return sql_put(tx, err,
                       "UPDATE statement_fetch SET planned = 1 WHERE gateway = $1 AND kind = $2 "
                       "AND day = $3",
                       S_TEXT(key.gateway), S_TEXT(key.kind), S_TEXT(key.day));
    }
    int r = job_add(tx, JOB_STATEMENT_FETCH, text, planning->now_us, "", err);
    return r < 0 ? r : 0;
}

static int plan_kind(const struct planning *planning, struct store_tx *tx, const char *kind,
                     struct err *err) {
    int64_t first_s = planning->last_s;
    int64_t farthest_s = calendar_step(planning->last_s, 1, UNIT_DAY, 1 - FETCH_DAYS_BACK);
    int r = day_after(planning, tx, kind, &first_s, err);
    if (r == 0 && planning->late) {
        return 0; /* it has never been fetched from: it begins with its hour */
    }
    first_s = first_s < farthest_s ? farthest_s : first_s;
    for (int64_t day_s = first_s; r >= 0 && day_s <= planning->last_s;
         day_s = calendar_step(day_s, 1, UNIT_DAY, 1)) {
        r = plan_day(planning, tx, kind, day_s, err);
    }
    return r;
}

/* Days of a folder that were taken are looked at again: fetch_job.c. */
static int plan_looks(const struct planning *planning, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char first[FETCH_DAY_CHARS + 1], text[JOB_KEY_CHARS_MAX + 1];
    fetch_day_text(calendar_step(planning->last_s, 1, UNIT_DAY, -LOOK_DAYS_BACK), first);
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, day FROM statement_fetch WHERE gateway = $1 AND state = $2 AND "
                      "day >= $3",
                      S_TEXT(planning->source->gateway->name), S_INT(FETCH_TAKEN), S_TEXT(first));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct fetch_key key;
        snprintf(key.gateway, sizeof key.gateway, "%s", planning->source->gateway->name);
        snprintf(key.kind, sizeof key.kind, "%s", sql_text(rows, 0));
        snprintf(key.day, sizeof key.day, "%s", sql_text(rows, 1));
        fetch_key_text(&key, text);
        r = job_add(tx, JOB_STATEMENT_FETCH, text, planning->now_us, "", err);
    }
    return r;
}

static int plan_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct planning *planning = ctx;
    const struct source *source = planning->source;
    int r = 0;
    for (int i = 0; r >= 0 && source->fetch && i < source->kind_count; i++) {
        r = plan_kind(planning, tx, source->kinds[i], err);
    }
    if (r >= 0 && source->fetch && source->way == SOURCE_FOLDER) {
        r = plan_looks(planning, tx, err);
    }
    if (r >= 0 && !planning->late) {
        r = recon_ask_run(tx, source->gateway->name, "system", err);
    }
    return r < 0 ? r : 0;
}

int64_t fetch_hour(const struct source *source, const struct time_zone *zone,
                       int64_t midnight_s) {
    return wall_from_local(zone, midnight_s + (int64_t)source->minute * 60);
}

int recon_day_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct planning planning = {
        .recon = ctx,
        .source = recon_source(ctx, job->key),
        .now_us = clock_wall_us(),
    };
    TIME_ZONE_AUTO zone = NULL;
    if (planning.source == NULL) {
        return 0; /* a gateway that is no longer configured */
    }
    int r = time_zone_open(planning.source->time_zone, &zone, err);
    if (r < 0) {
        return r;
    }
    int64_t today_s = calendar_at_hour(local_from_wall(zone, planning.now_us), 0);
    int64_t at_us = fetch_hour(planning.source, zone, today_s);
    planning.late = planning.now_us < at_us;
    planning.last_s = calendar_step(today_s, 1, UNIT_DAY, planning.late ? -2 : -1);
    r = store_write(planning.recon->options.store, plan_tx, &planning, err);
    if (r >= 0) {
        int64_t next_s = calendar_step(today_s, 1, UNIT_DAY, 1);
        *ret_again_us = planning.late ? at_us : fetch_hour(planning.source, zone, next_s);
        payments_wake(planning.recon->options.payments);
    }
    return r < 0 ? r : 0;
}

/* ---- the beginning ---- */

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct recon *recon = ctx;
    int64_t now_us = clock_wall_us();
    int r = 0;
    for (int i = 0; r >= 0 && i < recon->source_count; i++) {
        const struct source *source = &recon->sources[i];
        TIME_ZONE_AUTO zone = NULL;
        r = time_zone_open(source->time_zone, &zone, err);
        if (r < 0) {
            return r;
        }
        int64_t today_s = calendar_at_hour(local_from_wall(zone, now_us), 0);
        int64_t at_us = fetch_hour(source, zone, today_s);
        if (at_us <= now_us) {
            at_us = fetch_hour(source, zone, calendar_step(today_s, 1, UNIT_DAY, 1));
        }
        /* One that is there keeps its time: days that were missed are planned at once. */
        r = job_add(tx, JOB_STATEMENT_DAY, source->gateway->name, at_us, "", err);
    }
    return r < 0 ? r : 0;
}

int recon_days_begin(struct recon *recon, struct err *err) {
    return store_write(recon->options.store, begin_tx, recon, err);
}
