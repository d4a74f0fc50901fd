/* SPDX-License-Identifier: Apache-2.0
 * fetch_job.c: a day's statement: asked for until it is there, and taken in. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/keyring.h"
#include "recon/fetch_impl.h"
#include "recon/take.h"
#include "statement/statement.h"

/* One file, with its download. */
#define FETCH_CALL_US (5 * 60 * US_PER_SECOND)

/* ---- its row ---- */

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct fetching *fetching = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, actor, statements, files, looked_us FROM statement_fetch "
                      "WHERE gateway = $1 AND kind = $2 AND day = $3",
                      S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                      S_TEXT(fetching->key.day));
    r = r < 0 ? r : sql_next(rows, err);
    fetching->state = 0;
    if (r > 0) {
        fetching->state = sql_int(rows, 0);
        snprintf(fetching->actor, sizeof fetching->actor, "%s", sql_text(rows, 1));
        snprintf(fetching->before, sizeof fetching->before, "%s", sql_text(rows, 2));
        fetching->looked_us = sql_int(rows, 4);
        if (!fetch_look_read(sql_text(rows, 3), &fetching->looked)) {
            return err_set(err, ERR_STORE_CORRUPT, "what a folder looked like cannot be read");
        }
    }
    return r < 0 ? r : 0;
}

/* A first look into a folder is none. */
static bool is_attempt(const struct fetching *fetching) {
    return fetching->state == FETCH_WAITING &&
           !(fetching->next == FETCH_WAITING && fetching->again_us > 0);
}

static int save_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct fetching *fetching = ctx;
    BUF_AUTO look;
    buf_init(&look, FETCH_LOOK_BYTES_MAX);
    fetch_look_write(&fetching->looked, &look);
    INVARIANT(buf_ok(&look), "a look has so many files at the most");
    return sql_put(tx, err,
                   "UPDATE statement_fetch SET state = $4, error = $5, statements = CASE WHEN $6 = "
                   "'' THEN statements ELSE $6 END, attempts = attempts + $7, files = CASE WHEN $8 "
                   "= 1 THEN $9 ELSE files END, looked_us = CASE WHEN $8 = 1 THEN $10 ELSE "
                   "looked_us END, updated_us = $10 WHERE gateway = $1 AND kind = $2 AND day = $3 "
                   "AND state = $11",
                   S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                   S_TEXT(fetching->key.day), S_INT(fetching->next), S_TEXT(fetching->error),
                   S_TEXT(fetching->statements), S_INT(is_attempt(fetching)),
                   S_INT(fetching->look_kept), S_TEXT(look.data), S_INT(fetching->now_us),
                   S_INT(fetching->state));
}

void fetch_keep_error(struct fetching *fetching, const struct err *why) {
    snprintf(fetching->error, sizeof fetching->error, "%s%s%s%s", why->detail,
             why->place[0] != '\0' ? " (" : "", why->place, why->place[0] != '\0' ? ")" : "");
}

/* "stm_… stm_…" of a report of take.h, behind those that stay. */
static void keep_statements(struct fetching *fetching, const struct buf *report) {
    JSON_AUTO files = json_loads(report->data, 0, NULL);
    size_t i;
    json_t *file;
    if (fetching->adds) {
        g_strlcpy(fetching->statements, fetching->before, sizeof fetching->statements);
    }
    json_array_foreach(files, i, file) {
        const char *id = json_peek_text(file, "statement_id", NULL);
        size_t used = strlen(fetching->statements);
        if (id != NULL && strstr(fetching->statements, id) == NULL &&
            used + strlen(id) + 1 < sizeof fetching->statements) {
            snprintf(fetching->statements + used, sizeof fetching->statements - used, "%s%s",
                     used > 0 ? " " : "", id);
        }
    }
}

/* From the day's first moment at the gateway's place to the next one's, and when its statement
 * should be there. */
static int day_of(const struct fetching *fetching, int64_t *ret_from_us, int64_t *ret_until_us,
                  int64_t *ret_due_us, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    int r = time_zone_open(fetching->source->time_zone, &zone, err);
    if (r < 0) {
        return r;
    }
    int64_t next_s = calendar_step(fetching->day_s, 1, UNIT_DAY, 1);
    *ret_from_us = wall_from_local(zone, fetching->day_s);
    *ret_until_us = wall_from_local(zone, next_s);
    *ret_due_us = fetch_hour(fetching->source, zone, next_s);
    return 0;
}

/* So long after its hour. Before it, and for a while after, "there is none" may be "not yet". */
bool fetch_is_past(const struct fetching *fetching, int64_t after_us) {
    int64_t from_us = 0, until_us = 0, due_us = 0;
    struct err ignored = {0};
    return day_of(fetching, &from_us, &until_us, &due_us, &ignored) == 0 &&
           fetching->now_us >= due_us + after_us;
}

/* ---- where it is ---- */

static int ask_gateway(struct fetching *fetching, struct err *err) {
    struct gateway *gateway = fetching->source->gateway;
    struct gateway_statement statement = {.kind = fetching->key.kind};
    struct buf *file = &fetching->found.files[0].bytes;
    int read = sscanf(fetching->key.day, "%d-%d-%d", &statement.year, &statement.month,
                      &statement.day);
    INVARIANT(read == 3, "a key's day was read before");
    snprintf(fetching->found.files[0].name, sizeof fetching->found.files[0].name, "%s-%s-%s",
             fetching->key.gateway, fetching->key.kind, fetching->key.day);
    buf_init(file, (size_t)FETCH_BYTES_MAX);
    fetching->found.count = 1;
    struct gateway_call call = {
        .gateway = keyring_take(gateway),
        .client = fetching->recon->options.client,
        .deadline_us = clock_mono_us() + FETCH_CALL_US,
    };
    int r = gateway->adapter->fetch_statement(&call, &statement, file, err);
    keyring_drop(call.gateway);
    return r < 0 || buf_ok(file) ? r : err_set(err, ERR_TOO_LARGE, "the file is too large");
}

struct fetch_wish fetch_wish_of(const struct fetching *fetching) {
    return (struct fetch_wish){
        .recon = fetching->recon,
        .source = fetching->source,
        .kind = fetching->key.kind,
        .day_s = fetching->day_s,
        .before = fetching->before,
        .looked = &fetching->looked,
        .looked_us = fetching->looked_us,
        .now_us = fetching->now_us,
    };
}

/* 1: its files are read. 0: they are looked at once more, soon. */
static int look_into_folder(struct fetching *fetching, struct err *err) {
    const struct fetch_wish wish = fetch_wish_of(fetching);
    struct fetch_look *look = g_new0(struct fetch_look, 1);
    int r = fetch_folder_look(&wish, look, err), whole = 0;
    r = r < 0 ? r : (whole = fetch_folder_whole(&wish, look, err));
    if (r >= 0) {
        fetching->looked = *look;
        fetching->look_kept = true;
    }
    g_free(look);
    if (whole > 0) {
        r = fetch_folder_read(&wish, &fetching->looked, &fetching->found, err);
        return r < 0 ? r : 1;
    }
    bool watched = fetching->now_us - fetching->looked_us < FETCH_WATCHED_US;
    if (r == 0 && watched && fetch_is_past(fetching, FETCH_FRESH_US)) {
        return -(int)err->code; /* it changes again and again: less often from now on */
    }
    return r;
}

/* ---- taking it in ---- */

static bool is_batch(const struct source *source) {
    return source->way == SOURCE_URL && source->numbered;
}

/* Of a file that does not name itself: the same for the same file of a day, and for its correction.
 * Where a day's file can be called in several ways there may be several of them. */
static char *file_id_of(const struct fetching *fetching, int i) {
    const struct source *source = fetching->source;
    bool any = source->files != NULL && strchr(source->files, '*') != NULL;
    bool several = any || source->numbered;
    return several ? g_strdup_printf("%s %s %.48s", fetching->key.kind, fetching->key.day,
                                     fetching->found.files[i].name)
                   : g_strdup_printf("%s %s", fetching->key.kind, fetching->key.day);
}

/* 1 when another day was taken from this statement; one without a row is of any day. */
static int find_other_day(const struct fetching *fetching, struct store_tx *tx, const char *id,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    char pattern[80];
    snprintf(pattern, sizeof pattern, "%%%.60s%%", id);
    int r = sql_query(tx, err, &rows,
                      "SELECT f.day FROM statement_fetch f JOIN statement s ON s.id = $4 WHERE "
                      "f.gateway = $1 AND f.kind = $2 AND f.day <> $3 AND f.statements LIKE $5 AND "
                      "s.row_count > 0 ORDER BY f.day LIMIT 1",
                      S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                      S_TEXT(fetching->key.day), S_TEXT(id), S_TEXT(pattern));
    r = r < 0 ? r : sql_next(rows, err);
    return r > 0 ? err_set(err, ERR_EXISTS, "it is the very file that %s was taken from (%s)",
                           sql_text(rows, 0), id)
                 : r;
}

/* A mirror that copies the last file anew, or one number that two days ask for. */
static int other_day_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct fetching *fetching = ctx;
    char copy[STATEMENTS_CHARS_MAX + 1], *rest = NULL;
    int r = 0;
    snprintf(copy, sizeof copy, "%s", fetching->statements);
    for (char *id = strtok_r(copy, " ", &rest); r >= 0 && id != NULL;
         id = strtok_r(NULL, " ", &rest)) {
        r = find_other_day(fetching, tx, id, err);
    }
    return r;
}

int fetch_take(struct fetching *fetching, struct err *err) {
    struct take_file files[FETCH_FILES_MAX];
    char *ids[FETCH_FILES_MAX];
    int64_t from_us = 0, until_us = 0, due_us = 0;
    const struct source *source = fetching->source;
    int r = day_of(fetching, &from_us, &until_us, &due_us, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO report;
    buf_init(&report, TAKE_REPORT_BYTES_MAX);
    for (int i = 0; i < fetching->found.count; i++) {
        ids[i] = file_id_of(fetching, i);
        files[i] = (struct take_file){fetching->found.files[i].name,
                                      fetching->found.files[i].bytes.data,
                                      fetching->found.files[i].bytes.len, ids[i]};
    }
    const struct take_request request = {
        .gateway = fetching->key.gateway,
        .format = source->way != SOURCE_ADAPTER ? source_format(source, fetching->key.kind) : "",
        .map = source->map != NULL ? source->map : "",
        .time_zone = "",
        .supersedes = "",
        .replaces = fetching->adds ? "" : fetching->before,
        .reason = "fetched again: the gateway tells of that day in another file",
        .actor = fetching->actor,
        /* A batch tells of earlier days, and nobody says of which. */
        .from_us = is_batch(source) ? 0 : from_us,
        .until_us = is_batch(source) ? 0 : until_us,
        .lacks = TELLS_ALL &
                 ~source_kind_covers(source->gateway->adapter->name, fetching->key.kind),
        .files = files,
        .file_count = fetching->found.count,
    };
    r = recon_take(fetching->recon, &request, &report, err);
    keep_statements(fetching, &report);
    for (int i = 0; i < fetching->found.count; i++) {
        g_free(ids[i]);
    }
    if (r >= 0 && source->way != SOURCE_ADAPTER) {
        r = store_read(fetching->recon->options.store, other_day_tx, fetching, err);
        if (r == -ERR_EXISTS) {
            fetching->statements[0] = '\0';
        }
    }
    return r < 0 ? r : 0;
}

/* ---- one attempt ---- */

/* 1: the files are there. 0: looked at again soon. */
static int find(struct fetching *fetching, struct err *err) {
    const struct fetch_wish wish = fetch_wish_of(fetching);
    int r = 0;
    switch (fetching->source->way) {
    case SOURCE_FOLDER:
        return look_into_folder(fetching, err);
    case SOURCE_URL:
        r = fetch_url(&wish, &fetching->found, err);
        return r < 0 ? r : 1;
    case SOURCE_ADAPTER:
    default:
        r = ask_gateway(fetching, err);
        return r < 0 ? r : 1;
    }
}

/* Whether nobody should try again by himself. */
static bool is_over(const struct fetching *fetching, int r) {
    bool numbered = is_batch(fetching->source);
    bool fetched = fetching->before[0] != '\0';
    /* Another file tells of that day: which one counts? */
    return (r == -ERR_EXISTS && !(numbered && !fetched)) || (r == -ERR_GONE && fetched);
}

/* Returns 0 when it is over, one way or the other, or is looked at again: `next` says how. */
static int fetch(struct fetching *fetching, struct err *err) {
    int r = find(fetching, err);
    fetching->next = FETCH_WAITING;
    if (r == 0) {
        fetch_keep_error(fetching, err);
        fetching->again_us = fetching->now_us + fetching->source->settle_us;
        return 0;
    }
    r = r < 0 ? r : fetch_take(fetching, err);
    if (r == 0) {
        fetching->next = FETCH_TAKEN;
        return 0;
    }
    fetch_keep_error(fetching, err);
    bool fetched = fetching->before[0] != '\0';
    if (r == -ERR_GONE && !fetched && fetch_is_past(fetching, FETCH_NONE_AFTER_US)) {
        fetching->next = FETCH_NONE;
        return 0;
    }
    if (is_over(fetching, r)) {
        fetching->next = FETCH_GIVEN_UP;
        return 0;
    }
    return r;
}

/* ---- the job ---- */

static bool is_fetched(const struct source *source, const char *kind) {
    for (int i = 0; source != NULL && i < source->kind_count; i++) {
        if (strcmp(source->kinds[i], kind) == 0) {
            return true;
        }
    }
    return false;
}

static int work(struct fetching *fetching, struct err *err) {
    struct recon *recon = fetching->recon;
    bool fetched = is_fetched(fetching->source, fetching->key.kind);
    bool folder = fetched && fetching->source->way == SOURCE_FOLDER;
    int r = store_read(recon->options.store, load_tx, fetching, err);
    bool again = folder && fetching->state == FETCH_TAKEN;
    if (r < 0 || !(fetching->state == FETCH_WAITING || again)) {
        return r;
    }
    if (fetched) {
        r = fetching->state == FETCH_WAITING ? fetch(fetching, err) : 0;
        if (fetching->state == FETCH_TAKEN) {
            fetch_look_again(fetching, err);
        }
    } else {
        fetching->next = FETCH_GIVEN_UP;
        snprintf(fetching->error, sizeof fetching->error,
                 "it is no longer configured to be fetched from this gateway");
    }
    if (folder && fetching->state == FETCH_WAITING && fetching->next == FETCH_TAKEN &&
        !fetch_is_past(fetching, FETCH_FRESH_US)) {
        fetching->again_us = fetching->now_us + FETCH_LOOK_AGAIN_US;
    }
    struct err why = {0};
    int saved = store_write(recon->options.store, save_tx, fetching, &why);
    if (r >= 0 && saved < 0) {
        *err = why;
        r = saved;
    }
    return r;
}

int recon_fetch_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct fetching *fetching = g_new0(struct fetching, 1);
    int r = 0;
    *fetching = (struct fetching){.recon = ctx, .now_us = clock_wall_us()};
    if (!fetch_key_parse(job->key, &fetching->key) ||
        !fetch_day_parse(fetching->key.day, &fetching->day_s)) {
        r = err_set(err, ERR_STORE_CORRUPT, "the job's key %.80s names no file", job->key);
    } else {
        fetching->source = recon_source(ctx, fetching->key.gateway);
        r = work(fetching, err);
    }
    if (r >= 0 && fetching->again_us > 0) {
        *ret_again_us = fetching->again_us;
    }
    fetch_found_release(&fetching->found);
    g_free(fetching);
    return r;
}

int recon_fetch_parked(struct store_tx *tx, void *ctx, const struct job *job, const struct err *why,
                       struct err *err) {
    (void)ctx;
    struct fetching *fetching = g_new0(struct fetching, 1);
    int r = 0;
    if (fetch_key_parse(job->key, &fetching->key)) {
        fetch_keep_error(fetching, why);
        r = sql_put(tx, err,
                    "UPDATE statement_fetch SET state = 4, error = $4, updated_us = $5 WHERE "
                    "gateway = $1 AND kind = $2 AND day = $3 AND state = 1",
                    S_TEXT(fetching->key.gateway), S_TEXT(fetching->key.kind),
                    S_TEXT(fetching->key.day), S_TEXT(fetching->error), S_INT(clock_wall_us()));
    }
    g_free(fetching);
    return r;
}
