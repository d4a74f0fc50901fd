/* SPDX-License-Identifier: Apache-2.0
 * fetch.c: statements that are fetched, as people see them: asked for by hand, and listed. The jobs
 * are in fetch_job.c. */
#include "recon/fetch.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "recon/calendars.h"
#include "recon/fetch_impl.h"
#include "recon/fetch_place.h"
#include "store/audit.h"

enum { FETCH_ANSWER_BYTES_MAX = 1024 * 1024 };

static const char *const state_names[] = {
    [FETCH_WAITING] = "waiting",
    [FETCH_TAKEN] = "fetched",
    [FETCH_NONE] = "none",
    [FETCH_GIVEN_UP] = "given_up",
};

bool fetch_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = FETCH_WAITING; i < (int64_t)COUNT_OF(state_names); i++) {
        if (strcmp(state_names[i], name) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

/* ---- keys and days ---- */

void fetch_key_text(const struct fetch_key *key, char ret_text[JOB_KEY_CHARS_MAX + 1]) {
    snprintf(ret_text, JOB_KEY_CHARS_MAX + 1, "%s/%s/%s", key->gateway, key->kind, key->day);
}
static_assert(sizeof(struct fetch_key) <= JOB_KEY_CHARS_MAX, "it fits");

bool fetch_key_parse(const char *text, struct fetch_key *ret_key) {
    const char *first = strchr(text, '/'), *last = strrchr(text, '/');
    int64_t unused;
    if (first == NULL || last == first || first - text > GATEWAY_NAME_CHARS_MAX ||
        last - first > (ptrdiff_t)sizeof ret_key->kind || !fetch_day_parse(last + 1, &unused)) {
        return false;
    }
    snprintf(ret_key->gateway, sizeof ret_key->gateway, "%.*s", (int)(first - text), text);
    snprintf(ret_key->kind, sizeof ret_key->kind, "%.*s", (int)(last - first - 1), first + 1);
    snprintf(ret_key->day, sizeof ret_key->day, "%s", last + 1);
    return true;
}

bool fetch_day_parse(const char *text, int64_t *ret_local_s) {
    int year = 0, month = 0, day = 0, used = 0;
    return strlen(text) == FETCH_DAY_CHARS &&
           sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3 &&
           used == FETCH_DAY_CHARS && strspn(text, "0123456789-") == FETCH_DAY_CHARS &&
           calendar_date(year, month, day, ret_local_s);
}

void fetch_day_text(int64_t local_s, char ret_text[FETCH_DAY_CHARS + 1]) {
    char time[CLOCK_TEXT_MAX];
    snprintf(ret_text, FETCH_DAY_CHARS + 1, "%.*s", FETCH_DAY_CHARS,
             clock_format(local_s * US_PER_SECOND, time));
}

/* ---- as JSON ---- */

#define ROW_COLUMNS                                                                                \
    "SELECT f.gateway, f.kind, f.day, f.state, f.attempts, f.error, f.statements, f.actor, "       \
    "f.created_us, f.updated_us, COALESCE(j.due_us, 0), COALESCE(j.parked_us, 0), f.files FROM "   \
    "statement_fetch f LEFT JOIN job j ON j.kind = 'statement_fetch' AND j.key = f.gateway || "    \
    "'/' || f.kind || '/' || f.day "

static void add_moment(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, time));
    } else {
        buf_addf(buf, ",\"%s\":null", key);
    }
}

static void add_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text != NULL) {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void add_statements(struct buf *buf, const char *statements) {
    buf_add_text(buf, ",\"statement_ids\":[");
    for (const char *at = statements; at[0] != '\0';) {
        size_t count = strcspn(at, " ");
        buf_addf(buf, "%s\"%.*s\"", at != statements ? "," : "", (int)count, at);
        at += count + (at[count] == ' ');
    }
    buf_add_char(buf, ']');
}

/* What a folder had of that day when it was looked at last. */
static void add_files(struct buf *buf, const char *text) {
    struct fetch_look *look = g_new0(struct fetch_look, 1);
    bool read = fetch_look_read(text, look);
    buf_add_text(buf, ",\"files\":[");
    for (int i = 0; read && i < look->count; i++) {
        const struct fetch_look_file *file = &look->files[i];
        buf_addf(buf, "%s{\"name\":", i > 0 ? "," : "");
        buf_add_json(buf, file->name);
        buf_addf(buf, ",\"bytes\":%lld", (long long)file->bytes);
        add_moment(buf, "changed_at", file->changed_ns / 1000);
        if (file->sha256[0] != '\0') {
            buf_addf(buf, ",\"sha256\":\"%s\"}", file->sha256);
        } else {
            buf_add_text(buf, ",\"sha256\":null}");
        }
    }
    buf_add_char(buf, ']');
    g_free(look);
}

static void add_row(struct buf *buf, const struct sql_rows *rows) {
    int64_t state = sql_int(rows, 3);
    bool waits = state == FETCH_WAITING && sql_int(rows, 11) == 0;
    buf_addf(buf,
             "{\"gateway\":\"%s\",\"kind\":\"%s\",\"day\":\"%s\",\"state\":\"%s\","
             "\"attempts\":%lld",
             sql_text(rows, 0), sql_text(rows, 1), sql_text(rows, 2), state_names[state],
             (long long)sql_int(rows, 4));
    add_text(buf, "error", sql_text(rows, 5)[0] != '\0' ? sql_text(rows, 5) : NULL);
    add_statements(buf, sql_text(rows, 6));
    add_files(buf, sql_text(rows, 12));
    buf_add_text(buf, ",\"asked_by\":");
    buf_add_json(buf, sql_text(rows, 7));
    add_moment(buf, "asked_at", sql_int(rows, 8));
    add_moment(buf, "updated_at", sql_int(rows, 9));
    add_moment(buf, "next_at", waits ? sql_int(rows, 10) : 0);
    buf_add_char(buf, '}');
}

static int add_rows(struct buf *buf, struct sql_rows *rows, int r, struct err *err) {
    const char *comma = "";
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_add_text(buf, comma);
        add_row(buf, rows);
        comma = ",";
    }
    return r;
}

static int answer_take_buf(struct answer *ret_answer, int status, struct buf *buf,
                           struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = status, .json = buf_take(buf)};
    return 0;
}

/* ---- by hand ---- */

struct asking {
    struct recon *recon;
    const struct caller *caller;
    const struct source *source;
    const char *day, *kind;
    bool again;
};

static int ask_kind(const struct asking *asking, struct store_tx *tx, const char *kind,
                    struct err *err) {
    struct fetch_key key;
    char text[JOB_KEY_CHARS_MAX + 1];
    int64_t now_us = clock_wall_us();
    snprintf(key.gateway, sizeof key.gateway, "%s", asking->source->gateway->name);
    snprintf(key.kind, sizeof key.kind, "%s", kind);
    snprintf(key.day, sizeof key.day, "%s", asking->day);
    fetch_key_text(&key, text);
    int64_t due = sql_exec(tx, err,
                           "INSERT INTO statement_fetch (gateway, kind, day, state, planned, "
                           "attempts, error, statements, actor, created_us, updated_us) VALUES "
                           "($1, $2, $3, 1, 0, 0, '', '', $4, $5, $5) ON CONFLICT (gateway, kind, "
                           "day) DO UPDATE SET state = 1, attempts = 0, error = '', actor = $4, "
                           "updated_us = $5 WHERE $6 = 1 OR statement_fetch.state <> 2",
                           S_TEXT(key.gateway), S_TEXT(key.kind), S_TEXT(key.day),
                           S_TEXT(asking->caller->actor), S_INT(now_us), S_INT(asking->again));
    if (due <= 0) {
        return (int)due; /* it is fetched, and nobody doubts it */
    }
    int r = job_add(tx, JOB_STATEMENT_FETCH, text, now_us, "", err);
    return r < 0 ? r : job_hasten(tx, JOB_STATEMENT_FETCH, text, now_us, err);
}

static int ask_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                  struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct asking *asking = ctx;
    const struct source *source = asking->source;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    char subject[64];
    int r = 0;
    for (int i = 0; r >= 0 && i < source->kind_count; i++) {
        bool wanted = asking->kind[0] == '\0' || strcmp(asking->kind, source->kinds[i]) == 0;
        r = wanted ? ask_kind(asking, tx, source->kinds[i], err) : 0;
    }
    buf_init(&buf, FETCH_ANSWER_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          ROW_COLUMNS "WHERE f.gateway = $1 AND f.day = $2 AND ($3 = '' OR f.kind "
                                      "= $3) ORDER BY f.kind",
                          S_TEXT(source->gateway->name), S_TEXT(asking->day), S_TEXT(asking->kind));
    r = add_rows(&buf, rows, r, err);
    buf_add_text(&buf, "]}");
    r = r < 0 ? r : answer_take_buf(ret_answer, 202, &buf, err);
    snprintf(subject, sizeof subject, "%s/%s", source->gateway->name, asking->day);
    return r < 0 ? r
                 : audit_append(tx, asking->caller->actor, "statement.fetch", subject, "",
                                asking->again ? "{\"again\":true}" : "{}", err);
}

static int refuse_kind(const struct asking *asking, struct err *err) {
    char kinds[SOURCE_KINDS_MAX * 24] = "";
    size_t used = 0;
    for (int i = 0; i < asking->source->kind_count && used < sizeof kinds; i++) {
        used += (size_t)snprintf(kinds + used, sizeof kinds - used, "%s%s", i > 0 ? ", " : "",
                                 asking->source->kinds[i]);
    }
    (void)err_set(err, ERR_VALIDATION, "the statement \"%.40s\" is not fetched from %s",
                  asking->kind, asking->source->gateway->name);
    (void)err_place(err, "/kind");
    return err_hint(err, "What is fetched is configured (statements.kinds): %s. Another one can be "
                         "given by hand, if it does not tell the same movements.",
                    kinds);
}

static int check_asked(const struct asking *asking, struct err *err) {
    const struct source *source = asking->source;
    const char *name = source->gateway->name;
    TIME_ZONE_AUTO zone = NULL;
    int64_t day_s = 0;
    if (source->kind_count == 0) {
        (void)err_set(err, ERR_STATE, "%s publishes no statements by its API", name);
        return err_hint(err,
                        "Take the file from its dashboard, or the bank's: holdfast statement "
                        "import FILE --gateway %s; or have it come into a folder "
                        "(docs/statements.md).",
                        name);
    }
    bool known = asking->kind[0] == '\0';
    for (int i = 0; i < source->kind_count; i++) {
        known = known || strcmp(source->kinds[i], asking->kind) == 0;
    }
    if (!known) {
        return refuse_kind(asking, err);
    }
    if (!fetch_day_parse(asking->day, &day_s)) {
        (void)err_set(err, ERR_VALIDATION, "\"%.40s\" is no day", asking->day);
        (void)err_place(err, "/day");
        return err_hint(err, "A day is written 2026-11-21, and is one of the gateway's place (%s).",
                        source->time_zone);
    }
    int r = time_zone_open(source->time_zone, &zone, err);
    if (r < 0) {
        return r;
    }
    int64_t today_s = calendar_at_hour(local_from_wall(zone, clock_wall_us()), 0);
    if (day_s >= today_s) {
        char last[FETCH_DAY_CHARS + 1];
        fetch_day_text(calendar_step(today_s, 1, UNIT_DAY, -1), last);
        (void)err_set(err, ERR_VALIDATION, "%s is not over yet in %s", asking->day,
                      source->time_zone);
        (void)err_place(err, "/day");
        return err_hint(err, "A day's statement comes after it; the last day that is over there is "
                             "%s.",
                        last);
    }
    return r;
}

int fetch_ask(struct recon *recon, const struct caller *caller, const struct fetch_asked *asked,
              struct answer *ret_answer, struct err *err) {
    struct asking asking = {
        .recon = recon,
        .caller = caller,
        .source = recon_source(recon, asked->gateway),
        .day = asked->day,
        .kind = asked->kind,
        .again = asked->again,
    };
    if (asking.source == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.64s\"", asked->gateway);
        (void)err_place(err, "/gateway");
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    int r = check_asked(&asking, err);
    r = r < 0 ? r
              : idempotent_run(recon->options.payments, caller, "statement.fetch", ask_fn, &asking,
                               ret_answer, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r;
}

/* ---- the list ---- */

struct listing {
    struct recon *recon;
    const struct fetch_filter *filter;
    struct buf *buf;
};

static void add_calendar(struct buf *buf, const struct workdays *calendar) {
    buf_add_text(buf, ",\"calendar\":");
    if (calendar != NULL) {
        buf_add_json(buf, workdays_name(calendar));
    } else {
        buf_add_text(buf, "null");
    }
}

/* Within how many business days a movement is expected, by method. */
static void add_windows(struct buf *buf, const struct source *source) {
    const char *comma = "";
    add_calendar(buf, settle_window(source->settle, 0).calendar);
    buf_add_text(buf, ",\"windows\":[");
    for (int i = 1; i < METHOD_COUNT; i++) {
        enum payment_method method = (enum payment_method)i;
        if (settle_has_own(source->settle, method)) {
            const struct settle_window window = settle_window(source->settle, method);
            buf_addf(buf, "%s{\"method\":\"%s\",\"business_days\":%d", comma,
                     method_name(method), window.business_days);
            add_calendar(buf, window.calendar);
            buf_add_char(buf, '}');
            comma = ",";
        }
    }
    buf_add_char(buf, ']');
}

static int add_gateway(const struct listing *listing, struct store_tx *tx,
                       const struct source *source, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct buf *buf = listing->buf;
    int r = sql_query(tx, err, &rows,
                      "SELECT due_us FROM job WHERE kind = 'statement_day' AND key = $1",
                      S_TEXT(source->gateway->name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"gateway\":\"%s\",\"adapter\":\"%s\",\"fetch\":%s,\"kinds\":[",
             source->gateway->name, source->gateway->adapter->name,
             source->fetch ? "true" : "false");
    for (int i = 0; i < source->kind_count; i++) {
        buf_addf(buf, "%s\"%s\"", i > 0 ? "," : "", source->kinds[i]);
    }
    buf_addf(buf, "],\"time_zone\":\"%s\",\"business_days\":%d", source->time_zone,
             source->business_days);
    add_windows(buf, source);
    buf_addf(buf, ",\"from\":\"%s\"", source_way_name(source->way));
    add_text(buf, "place", source->place);
    add_text(buf, "files", source->files);
    add_moment(buf, "next_at", r > 0 ? sql_int(rows, 0) : 0);
    buf_add_char(buf, '}');
    return 0;
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    const struct fetch_filter *filter = listing->filter;
    SQL_ROWS_AUTO rows = NULL;
    buf_clear(listing->buf);
    buf_add_text(listing->buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      ROW_COLUMNS "WHERE ($1 = '' OR f.gateway = $1) AND ($2 = '' OR f.day = $2) "
                                  "AND ($3 = 0 OR f.state = $3) ORDER BY f.day DESC, f.gateway, "
                                  "f.kind LIMIT $4",
                      S_TEXT(filter->gateway), S_TEXT(filter->day), S_INT(filter->state),
                      S_INT(filter->limit > 0 ? filter->limit : PAGE_ROWS));
    r = add_rows(listing->buf, rows, r, err);
    buf_add_text(listing->buf, "],\"gateways\":[");
    const char *comma = "";
    for (int i = 0; r >= 0 && i < listing->recon->source_count; i++) {
        const struct source *source = &listing->recon->sources[i];
        if (filter->gateway[0] == '\0' || strcmp(filter->gateway, source->gateway->name) == 0) {
            buf_add_text(listing->buf, comma);
            r = add_gateway(listing, tx, source, err);
            comma = ",";
        }
    }
    buf_add_text(listing->buf, "],\"calendars_ending\":");
    calendars_json(listing->recon, filter->gateway[0] != '\0' ? filter->gateway : NULL,
                   clock_wall_us(), listing->buf);
    buf_add_char(listing->buf, '}');
    return r;
}

int fetch_list(struct recon *recon, const struct fetch_filter *filter, struct answer *ret_answer,
               struct err *err) {
    BUF_AUTO buf;
    struct listing listing = {recon, filter, &buf};
    buf_init(&buf, FETCH_ANSWER_BYTES_MAX);
    int r = store_read(recon->options.store, list_tx, &listing, err);
    return r < 0 ? r : answer_take_buf(ret_answer, 200, &buf, err);
}
