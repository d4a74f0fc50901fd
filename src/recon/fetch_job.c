/* SPDX-License-Identifier: Apache-2.0
 * fetch_job.c: what fetches statements by itself: the daily plan of each gateway, and the asking
 * for each file until it is there. */
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/keyring.h"
#include "recon/fetch_impl.h"
#include "recon/statement.h"
#include "recon/take.h"

enum { FETCH_ERROR_CHARS_MAX = 600, STATEMENTS_CHARS_MAX = 40 * 32 };
/* One file, with its download. */
#define FETCH_CALL_US (5 * 60 * US_PER_SECOND)

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

static int plan_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct planning *planning = ctx;
    const struct source *source = planning->source;
    int r = 0;
    for (int i = 0; r >= 0 && source->fetch && i < source->kind_count; i++) {
        r = plan_kind(planning, tx, source->kinds[i], err);
    }
    if (r >= 0 && !planning->late) {
        r = recon_ask_run(tx, source->gateway->name, "system", err);
    }
    return r < 0 ? r : 0;
}

/* The wall time at which this day's statement of yesterday should be there. */
static int64_t hour_of(const struct source *source, const struct time_zone *zone,
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
    int64_t at_us = hour_of(planning.source, zone, today_s);
    planning.late = planning.now_us < at_us;
    planning.last_s = calendar_step(today_s, 1, UNIT_DAY, planning.late ? -2 : -1);
    r = store_write(planning.recon->options.store, plan_tx, &planning, err);
    if (r >= 0) {
        int64_t next_s = calendar_step(today_s, 1, UNIT_DAY, 1);
        *ret_again_us = planning.late ? at_us : hour_of(planning.source, zone, next_s);
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
        int64_t at_us = hour_of(source, zone, today_s);
        if (at_us <= now_us) {
            at_us = hour_of(source, zone, calendar_step(today_s, 1, UNIT_DAY, 1));
        }
        /* One that is there keeps its time: days that were missed are planned at once. */
        r = job_add(tx, JOB_STATEMENT_DAY, source->gateway->name, at_us, "", err);
    }
    return r < 0 ? r : 0;
}

int recon_days_begin(struct recon *recon, struct err *err) {
    return store_write(recon->options.store, begin_tx, recon, err);
}

/* ---- one file ---- */

struct fetching {
    struct recon *recon;
    struct fetch_key key;
    const struct source *source;
    int64_t state; /* of the row; 0: there is none */
    char actor[200];
    char before[STATEMENTS_CHARS_MAX + 1]; /* that were taken in of that day already */
    /* what is to be written */
    enum fetch_state next;
    char error[FETCH_ERROR_CHARS_MAX + 1];
    char statements[STATEMENTS_CHARS_MAX + 1];
};

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct fetching *fetching = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, actor, statements FROM statement_fetch WHERE gateway = $1 AND "
                      "kind = $2 AND day = $3",
                      S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                      S_TEXT(fetching->key.day));
    r = r < 0 ? r : sql_next(rows, err);
    fetching->state = 0;
    if (r > 0) {
        fetching->state = sql_int(rows, 0);
        snprintf(fetching->actor, sizeof fetching->actor, "%s", sql_text(rows, 1));
        snprintf(fetching->before, sizeof fetching->before, "%s", sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

static int save_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct fetching *fetching = ctx;
    return sql_put(tx, err,
                   "UPDATE statement_fetch SET state = $4, error = $5, statements = CASE WHEN $6 = "
                   "'' THEN statements ELSE $6 END, attempts = attempts + 1, updated_us = $7 WHERE "
                   "gateway = $1 AND kind = $2 AND day = $3 AND state = 1",
                   S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                   S_TEXT(fetching->key.day), S_INT(fetching->next), S_TEXT(fetching->error),
                   S_TEXT(fetching->statements), S_INT(clock_wall_us()));
}

static void keep_error(struct fetching *fetching, const struct err *why) {
    snprintf(fetching->error, sizeof fetching->error, "%s%s%s%s", why->detail,
             why->place[0] != '\0' ? " (" : "", why->place, why->place[0] != '\0' ? ")" : "");
}

/* "stm_… stm_…" of a report of take.h. */
static void keep_statements(struct fetching *fetching, const struct buf *report) {
    JSON_AUTO files = json_loads(report->data, 0, NULL);
    size_t used = 0, i;
    json_t *file;
    json_array_foreach(files, i, file) {
        const char *id = json_peek_text(file, "statement_id", NULL);
        if (id != NULL && used + strlen(id) + 1 < sizeof fetching->statements) {
            used += (size_t)snprintf(fetching->statements + used,
                                     sizeof fetching->statements - used, "%s%s",
                                     used > 0 ? " " : "", id);
        }
    }
}

static int ask_gateway(const struct fetching *fetching, struct buf *file, struct err *err) {
    struct gateway *gateway = fetching->source->gateway;
    struct gateway_statement statement = {.kind = fetching->key.kind};
    int read = sscanf(fetching->key.day, "%d-%d-%d", &statement.year, &statement.month,
                      &statement.day);
    INVARIANT(read == 3, "a key's day was read before");
    struct gateway_call call = {
        .gateway = keyring_take(gateway),
        .client = fetching->recon->options.client,
        .deadline_us = clock_mono_us() + FETCH_CALL_US,
    };
    int r = gateway->adapter->fetch_statement(&call, &statement, file, err);
    keyring_drop(call.gateway);
    return r < 0 || buf_ok(file) ? r : err_set(err, ERR_TOO_LARGE, "the file is too large");
}

/* From the day's first moment at the gateway's place to the next one's. */
static int day_of(const struct fetching *fetching, int64_t *ret_from_us, int64_t *ret_until_us,
                  struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    int64_t day_s = 0;
    int r = time_zone_open(fetching->source->time_zone, &zone, err);
    if (r < 0) {
        return r;
    }
    bool read = fetch_day_parse(fetching->key.day, &day_s);
    INVARIANT(read, "a key's day was read before");
    *ret_from_us = wall_from_local(zone, day_s);
    *ret_until_us = wall_from_local(zone, calendar_step(day_s, 1, UNIT_DAY, 1));
    return 0;
}

static int take_file(struct fetching *fetching, const struct buf *file, struct err *err) {
    char name[JOB_KEY_CHARS_MAX + 1], file_id[JOB_KEY_CHARS_MAX + 1];
    int64_t from_us = 0, until_us = 0;
    int r = day_of(fetching, &from_us, &until_us, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO report;
    buf_init(&report, TAKE_REPORT_BYTES_MAX);
    snprintf(name, sizeof name, "%s-%s-%s", fetching->key.gateway, fetching->key.kind,
             fetching->key.day);
    snprintf(file_id, sizeof file_id, "%s %s", fetching->key.kind, fetching->key.day);
    const struct take_request request = {
        .gateway = fetching->key.gateway,
        .name = name,
        .bytes = file->data,
        .count = file->len,
        .format = "",
        .map = "",
        .time_zone = "",
        .supersedes = "",
        .replaces = fetching->before,
        .reason = "fetched again: the gateway tells of that day in another file",
        .actor = fetching->actor,
        .from_us = from_us,
        .until_us = until_us,
        .file_id = file_id,
        .lacks = TELLS_ALL & ~source_kind_covers(fetching->source->gateway->adapter->name,
                                                 fetching->key.kind),
    };
    r = recon_take(fetching->recon, &request, &report, err);
    keep_statements(fetching, &report);
    return r;
}

/* Before its hour, and for a while after it, "there is none" may be no more than "not yet". */
static bool is_due(const struct fetching *fetching) {
    TIME_ZONE_AUTO zone = NULL;
    int64_t day_s = 0;
    return time_zone_open(fetching->source->time_zone, &zone, NULL) == 0 &&
           fetch_day_parse(fetching->key.day, &day_s) &&
           clock_wall_us() >=
               hour_of(fetching->source, zone, calendar_step(day_s, 1, UNIT_DAY, 1)) +
                   FETCH_NONE_AFTER_US;
}

/* Returns 0 when it is over, one way or the other: `next` says how. */
static int fetch(struct fetching *fetching, struct err *err) {
    struct buf file;
    buf_init(&file, (size_t)FETCH_BYTES_MAX);
    int r = ask_gateway(fetching, &file, err);
    r = r < 0 ? r : take_file(fetching, &file, err);
    buf_release(&file);
    if (r == 0) {
        fetching->next = FETCH_TAKEN;
        return 0;
    }
    keep_error(fetching, err);
    bool fetched = fetching->before[0] != '\0';
    if (r == -ERR_GONE && !fetched && is_due(fetching)) {
        fetching->next = FETCH_NONE;
        return 0;
    }
    if (r == -ERR_EXISTS ||
        (r == -ERR_GONE && fetched)) { /* another file tells of that day: which one counts? */
        fetching->next = FETCH_GIVEN_UP;
        return 0;
    }
    fetching->next = FETCH_WAITING;
    return r;
}

static bool is_fetched(const struct source *source, const char *kind) {
    for (int i = 0; source != NULL && i < source->kind_count; i++) {
        if (strcmp(source->kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

int recon_fetch_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    (void)ret_again_us;
    struct recon *recon = ctx;
    struct fetching fetching = {.recon = recon};
    if (!fetch_key_parse(job->key, &fetching.key)) {
        return err_set(err, ERR_STORE_CORRUPT, "the job's key %.80s names no file", job->key);
    }
    fetching.source = recon_source(recon, fetching.key.gateway);
    int r = store_read(recon->options.store, load_tx, &fetching, err);
    if (r < 0 || fetching.state != FETCH_WAITING) {
        return r;
    }
    if (is_fetched(fetching.source, fetching.key.kind)) {
        r = fetch(&fetching, err);
    } else {
        fetching.next = FETCH_GIVEN_UP;
        snprintf(fetching.error, sizeof fetching.error,
                 "it is no longer configured to be fetched from this gateway");
    }
    struct err why = {0};
    int saved = store_write(recon->options.store, save_tx, &fetching, &why);
    if (r >= 0 && saved < 0) {
        *err = why;
        r = saved;
    }
    return r;
}

int recon_fetch_parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                       struct err *err) {
    (void)ctx;
    struct fetching fetching = {.next = FETCH_GIVEN_UP};
    if (!fetch_key_parse(job->key, &fetching.key)) {
        return 0;
    }
    keep_error(&fetching, why);
    return sql_put(tx, err,
                   "UPDATE statement_fetch SET state = 4, error = $4, updated_us = $5 WHERE "
                   "gateway = $1 AND kind = $2 AND day = $3 AND state = 1",
                   S_TEXT(fetching.key.gateway), S_TEXT(fetching.key.kind),
                   S_TEXT(fetching.key.day), S_TEXT(fetching.error), S_INT(clock_wall_us()));
}
