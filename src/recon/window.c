/* SPDX-License-Identifier: Apache-2.0
 * window.c: the work on a window, as a job: what was touched is listed page by page, then asked
 * about by several tasks side by side, then judged (window_report.c); and what is told of it. */
#include "recon/window.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"
#include "payment/machine.h"
#include "recon/window_impl.h"
#include "store/audit.h"

enum {
    LIST_PAGE = 200,
    ASK_PAGE = 64,
    ANSWER_BYTES_MAX = 2 * 1024 * 1024,
    DETAIL_CHARS_MAX = 240,
};
/* One run of the job ends soon, so that its lease is short and a stop is not waited for. */
#define RUN_FOR_US (10 * US_PER_SECOND)

static const struct {
    const char *name;
    bool proves;
} verdicts[] = {
    [WINDOW_NOT_YET] = {"not_asked_yet", false},
#define X(name, number, text, proved, meaning) [number] = {text, (proved) != 0},
#include "recon/window_verdicts.def"
#undef X
};
static_assert(COUNT_OF(verdicts) == WINDOW_VERDICT_COUNT, "every verdict has a name");

const char *window_verdict_name(int64_t verdict) {
    return verdict >= 0 && verdict < WINDOW_VERDICT_COUNT ? verdicts[verdict].name : "?";
}

bool window_verdict_proves(int64_t verdict) {
    return verdict >= 0 && verdict < WINDOW_VERDICT_COUNT && verdicts[verdict].proves;
}

bool window_verdict_parse(const char *name, enum window_verdict *ret_verdict) {
    for (int i = 1; i < WINDOW_VERDICT_COUNT; i++) {
        if (strcmp(name, verdicts[i].name) == 0) {
            *ret_verdict = (enum window_verdict)i;
            return true;
        }
    }
    return false;
}

/* ---- one window's row ---- */

#define WINDOW_COLUMNS "id, from_us, until_us, begun_us, ended_us, state, gateway, listed_id"

static void window_read(const struct sql_rows *rows, struct window *ret_window) {
    *ret_window = (struct window){
        .id = window_id_stored(sql_text(rows, 0)),
        .from_us = sql_int(rows, 1),
        .until_us = sql_int(rows, 2),
        .begun_us = sql_int(rows, 3),
        .ended_us = sql_int(rows, 4),
        .state = (enum window_state)sql_int(rows, 5),
    };
    snprintf(ret_window->gateway, sizeof ret_window->gateway, "%s", sql_text(rows, 6));
    snprintf(ret_window->listed_id, sizeof ret_window->listed_id, "%s", sql_text(rows, 7));
}

static int window_load(struct store_tx *tx, const char *id, bool lock, struct window *ret_window,
                       struct err *err) {
    static const char plain[] = "SELECT " WINDOW_COLUMNS " FROM recon_window WHERE id = $1";
    static const char locked[] = "SELECT " WINDOW_COLUMNS
                                 " FROM recon_window WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no window %s", id);
        return err_hint(err, "`holdfast reconcile windows` lists them.");
    }
    window_read(rows, ret_window);
    return 0;
}

/* ---- listing ---- */

struct work {
    struct recon *recon;
    struct window window;
};

/* Everything that happens to a payment leaves a row whose id tells the time: an attempt, an
 * operation, an event of its story, a callback. They are gone through one after the other; where
 * the listing is, its last id says. */
#define SOURCE(table)                                                                              \
    "SELECT s.id, a.id, a.payment_id, p.order_id, a.gateway, a.state, a.currency FROM (SELECT "    \
    "id, "                                                                                         \
    "payment_id FROM " table " WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) s LEFT JOIN "       \
    "attempt a ON a.payment_id = s.payment_id AND ($4 = '' OR a.gateway = $4) LEFT JOIN payment "  \
    "p "                                                                                           \
    "ON p.id = a.payment_id ORDER BY s.id, a.id"
static const struct {
    const char *prefix, *sql;
} sources[] = {
    {"att", SOURCE("attempt")},
    {"re", SOURCE("operation")},
    {"evt", SOURCE("event")},
    {"cb", SOURCE("callback")},
};

static int item_put(struct store_tx *tx, const struct work *work, const struct sql_rows *rows,
                    struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO recon_window_item (window_id, attempt_id, payment_id, order_id, "
                   "gateway, state_before, state_after, verdict, outcome, their_minor, our_minor, "
                   "currency, detail, asked_us) VALUES ($1, $2, $3, $4, $5, $6, $6, 0, 0, -1, 0, "
                   "$7, '', 0) ON CONFLICT (window_id, attempt_id) DO NOTHING",
                   S_TEXT(work->window.id.text), S_TEXT(sql_text(rows, 1)),
                   S_TEXT(sql_text(rows, 2)), S_TEXT(sql_text(rows, 3)), S_TEXT(sql_text(rows, 4)),
                   S_INT(sql_int(rows, 5)), S_TEXT(sql_text(rows, 6)));
}

/* Lists a page of one source; `*ret_last` is where the next one begins, or "" at its end. */
static int list_from(struct store_tx *tx, struct work *work, size_t source, const char *after,
                     char ret_last[ID_TEXT_MAX], struct err *err) {
    const struct window *window = &work->window;
    char until[ID_TEXT_MAX], last[ID_TEXT_MAX] = "";
    id_floor(sources[source].prefix, window->until_us, until);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, sources[source].sql, S_TEXT(after), S_TEXT(until),
                      S_INT(LIST_PAGE), S_TEXT(window->gateway));
    int count = 0;
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        count += strcmp(last, sql_text(rows, 0)) != 0;
        snprintf(last, sizeof last, "%s", sql_text(rows, 0));
        r = sql_null(rows, 1) ? 0 : item_put(tx, work, rows, err);
    }
    snprintf(ret_last, ID_TEXT_MAX, "%s", count == LIST_PAGE ? last : "");
    return r;
}

/* Which source the listing is at. */
static size_t source_of(const char *listed_id) {
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        size_t chars = strlen(sources[i].prefix);
        if (strncmp(listed_id, sources[i].prefix, chars) == 0 && listed_id[chars] == '_') {
            return i;
        }
    }
    return 0;
}

static int list_page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    int r = window_load(tx, work->window.id.text, true, &work->window, err);
    if (r < 0 || work->window.state != WINDOW_LISTING) {
        return r;
    }
    struct window *window = &work->window;
    char after[ID_TEXT_MAX], last[ID_TEXT_MAX];
    snprintf(after, sizeof after, "%s", window->listed_id);
    size_t source = source_of(after);
    if (after[0] == '\0') {
        id_floor(sources[0].prefix, window->from_us, after);
    }
    r = list_from(tx, work, source, after, last, err);
    if (last[0] == '\0') {
        source++;
        if (source < COUNT_OF(sources)) {
            id_floor(sources[source].prefix, window->from_us, last);
        } else {
            window->state = WINDOW_ASKING;
        }
    }
    r = r < 0 ? r
              : sql_put_one(tx, err,
                            "UPDATE recon_window SET listed_id = $2, state = $3 WHERE id = $1",
                            S_TEXT(window->id.text), S_TEXT(last), S_INT(window->state));
    return r;
}

/* ---- asking ---- */

struct item {
    char attempt_id[ID_TEXT_MAX];
    int64_t state_before;
};

/* A page of items, and the tasks that ask about them. */
struct asking {
    struct recon *recon;
    const char *window_id;
    struct lock lock;
    struct item items[ASK_PAGE];
    int count, next;
    int result; /* the first failure of the store, with what it said */
    struct err why;
};

static int page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    asking->count = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT attempt_id, state_before FROM recon_window_item WHERE window_id = $1 "
                      "AND verdict = 0 ORDER BY attempt_id LIMIT $2",
                      S_TEXT(asking->window_id), S_INT(ASK_PAGE));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct item *item = &asking->items[asking->count++];
        snprintf(item->attempt_id, sizeof item->attempt_id, "%s", sql_text(rows, 0));
        item->state_before = sql_int(rows, 1);
    }
    return r;
}

struct judging {
    const struct asking *asking;
    const struct item *item;
    const struct attempt_said *said;
    int64_t state, our_minor;
    struct currency currency;
    char detail[DETAIL_CHARS_MAX + 1];
};

static enum window_verdict compare_taken(struct judging *judging) {
    const struct attempt_said *said = judging->said;
    char ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    bool other = said->currency.code[0] != '\0' &&
                 !currency_equal(said->currency, judging->currency);
    if (!other && (said->taken_minor < 0 || said->taken_minor == judging->our_minor)) {
        return WINDOW_AGREED;
    }
    snprintf(judging->detail, sizeof judging->detail, "here %s, there %s",
             money_show(judging->our_minor, judging->currency, ours),
             money_show(said->taken_minor, other ? said->currency : judging->currency, theirs));
    return WINDOW_DIFFERS;
}

/* Ours as it is after the answer was applied, against the answer. */
static enum window_verdict compare(struct judging *judging) {
    enum gateway_outcome outcome = judging->said->outcome;
    switch (judging->state) {
    case ATTEMPT_CHARGED:
        return outcome == GW_CHARGED || outcome == GW_REFUNDED ? compare_taken(judging)
                                                               : WINDOW_DIFFERS;
    case ATTEMPT_AUTHORIZED:
        return outcome == GW_AUTHORIZED ? WINDOW_AGREED : WINDOW_DIFFERS;
    case ATTEMPT_DECLINED:
    case ATTEMPT_NOT_CHARGED:
    case ATTEMPT_CANCELED:
        /* Money that came late is in suspense by now, and must be all of it. */
        if (outcome == GW_CHARGED) {
            return compare_taken(judging) == WINDOW_AGREED ? WINDOW_FOUND : WINDOW_DIFFERS;
        }
        return outcome == GW_AUTHORIZED || judging->our_minor != 0 ? WINDOW_DIFFERS : WINDOW_AGREED;
    case ATTEMPT_ACTION_NEEDED:
        return outcome == GW_ACTION_NEEDED || outcome == GW_PENDING ? WINDOW_WAITS : WINDOW_DIFFERS;
    default:
        return WINDOW_OPEN;
    }
}

static enum window_verdict judge(struct judging *judging) {
    const struct attempt_said *said = judging->said;
    enum gateway_outcome outcome = said->outcome;
    if (!said->asked) {
        return judging->state == ATTEMPT_SENDING ? WINDOW_OPEN : WINDOW_NOT_ASKED;
    }
    if (outcome == GW_UNKNOWN || gateway_outcome_is_fault(outcome)) {
        bool open = judging->state == ATTEMPT_UNKNOWN || judging->state == ATTEMPT_SENDING;
        snprintf(judging->detail, sizeof judging->detail, "%s (%s)", gateway_outcome_name(outcome),
                 said->code);
        return open ? WINDOW_OPEN : WINDOW_UNANSWERED;
    }
    enum window_verdict verdict = compare(judging);
    bool moved = judging->state != judging->item->state_before;
    return verdict == WINDOW_AGREED && moved ? WINDOW_FOUND : verdict;
}

/* What we have of the attempt: its money as it was taken, also what lies in suspense. */
static int ours_read(struct store_tx *tx, struct judging *judging, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT a.state, a.currency, (SELECT CAST(COALESCE(SUM(g.amount_minor), 0) AS bigint) FROM "
        "posting g WHERE g.payment_id = a.payment_id AND g.kind IN (1, 2, 10, 21) AND NOT EXISTS "
        "(SELECT 1 FROM posting t WHERE t.id = 'pst_taken_back_' || g.id) AND (g.journal_id IN "
        "(a.id, a.id || '.2') OR g.journal_id IN (SELECT o.id FROM operation o WHERE o.payment_id "
        "= a.payment_id AND o.attempt_id = a.id AND o.kind = 1))) FROM attempt a WHERE a.id = $1",
        S_TEXT(judging->item->attempt_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "an attempt of a window is gone");
    }
    judging->state = sql_int(rows, 0);
    judging->currency = currency_stored(sql_text(rows, 1));
    judging->our_minor = sql_int(rows, 2);
    return 0;
}

static int judge_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct judging *judging = ctx;
    judging->detail[0] = '\0';
    int r = ours_read(tx, judging, err);
    if (r < 0) {
        return r;
    }
    enum window_verdict verdict = judge(judging);
    return sql_put_one(tx, err,
                       "UPDATE recon_window_item SET state_after = $3, verdict = $4, outcome = $5, "
                       "their_minor = $6, our_minor = $7, detail = $8, asked_us = $9 WHERE "
                       "window_id = $1 AND attempt_id = $2",
                       S_TEXT(judging->asking->window_id), S_TEXT(judging->item->attempt_id),
                       S_INT(judging->state), S_INT(verdict), S_INT(judging->said->outcome),
                       S_INT(judging->said->taken_minor), S_INT(judging->our_minor),
                       S_TEXT(judging->detail), S_INT(clock_wall_us()));
}

static int ask_one(const struct asking *asking, const struct item *item, struct err *err) {
    const struct recon_options *options = &asking->recon->options;
    struct attempt_said said;
    int r = payment_attempt_ask(options->payments, item->attempt_id, &said, err);
    if (r == -ERR_NO_GATEWAY) {
        said = (struct attempt_said){.asked = true, .outcome = GW_UNAVAILABLE, .taken_minor = -1};
        snprintf(said.code, sizeof said.code, "not configured any more");
        err_clear(err);
        r = 0;
    }
    struct judging judging = {.asking = asking, .item = item, .said = &said};
    return r < 0 ? r : store_write(options->store, judge_tx, &judging, err);
}

static void ask_task(void *arg) {
    struct asking *asking = arg;
    for (;;) {
        lock_take(&asking->lock);
        const struct item *item = asking->next < asking->count && asking->result >= 0
                                      ? &asking->items[asking->next++]
                                      : NULL;
        lock_give(&asking->lock);
        if (item == NULL) {
            return;
        }
        struct err err = {0};
        int r = ask_one(asking, item, &err);
        if (r < 0) {
            lock_take(&asking->lock);
            asking->result = r;
            asking->why = err;
            lock_give(&asking->lock);
        }
    }
}

/* 1: a page was asked about; 0: there is none left. */
static int ask_page(struct recon *recon, const char *window_id, struct err *err) {
    struct asking asking = {.recon = recon, .window_id = window_id};
    int r = store_read(recon->options.store, page_tx, &asking, err);
    if (r < 0 || asking.count == 0) {
        return r;
    }
    lock_init(&asking.lock);
    struct task *tasks[WINDOW_ASKS_AT_ONCE - 1];
    int started = 0;
    while (started < (int)COUNT_OF(tasks) && started < asking.count - 1) {
        tasks[started] = task_start("window", 0, ask_task, &asking);
        if (tasks[started] == NULL) {
            break; /* fewer will do */
        }
        started++;
    }
    ask_task(&asking);
    for (int i = 0; i < started; i++) {
        task_join(tasks[i]);
    }
    lock_free(&asking.lock);
    if (asking.result < 0) {
        *err = asking.why;
    }
    return asking.result < 0 ? asking.result : 1;
}

/* ---- the end ---- */

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    int r = window_load(tx, work->window.id.text, true, &work->window, err);
    if (r < 0 || work->window.state != WINDOW_ASKING) {
        return r;
    }
    BUF_AUTO report;
    buf_init(&report, WINDOW_REPORT_BYTES_MAX);
    int64_t now_us = clock_wall_us();
    r = window_report(work->recon, tx, &work->window, now_us, &report, err);
    if (r >= 0 && !buf_ok(&report)) {
        r = err_set(err, ERR_INTERNAL, "the report of a window is larger than its cap");
    }
    return r < 0 ? r
                 : sql_put_one(tx, err,
                               "UPDATE recon_window SET state = $2, ended_us = $3, report = $4 "
                               "WHERE id = $1",
                               S_TEXT(work->window.id.text), S_INT(WINDOW_DONE), S_INT(now_us),
                               S_TEXT(report.data));
}

int window_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct recon *recon = ctx;
    struct store *store = recon->options.store;
    struct work work = {.recon = recon, .window = {.id = window_id_stored(job->key)}};
    int64_t until_us = clock_mono_us() + RUN_FOR_US;
    int r = 0;
    do {
        r = store_write(store, list_page_tx, &work, err);
    } while (r >= 0 && work.window.state == WINDOW_LISTING && clock_mono_us() < until_us);
    if (r < 0) {
        return r;
    }
    while (clock_mono_us() < until_us && (r = ask_page(recon, job->key, err)) > 0) {
    }
    if (r < 0) {
        return r;
    }
    if (clock_mono_us() >= until_us) {
        *ret_again_us = clock_wall_us();
        return 0;
    }
    return store_write(store, end_tx, &work, err);
}

/* ---- for people ---- */

static void put_at(struct buf *buf, const char *name, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    if (at_us > 0) {
        buf_addf(buf, "\"%s\":\"%s\"", name, clock_format(at_us, text));
    } else {
        buf_addf(buf, "\"%s\":null", name);
    }
}

static const char *state_name(int64_t state) {
    static const char *const names[] = {"?", "listing", "asking", "done"};
    return state > 0 && state < (int64_t)COUNT_OF(names) ? names[state] : names[0];
}

/* Columns of WINDOW_COLUMNS, then listed, asked, actor. */
static void render_head(struct buf *buf, const struct sql_rows *rows) {
    struct window window;
    window_read(rows, &window);
    buf_addf(buf, "{\"id\":\"%s\",", window.id.text);
    put_at(buf, "from", window.from_us);
    buf_add_char(buf, ',');
    put_at(buf, "until", window.until_us);
    buf_add_text(buf, ",\"gateway\":");
    buf_add_json(buf, window.gateway);
    buf_addf(buf, ",\"state\":\"%s\",\"actor\":", state_name(window.state));
    buf_add_json(buf, sql_text(rows, 10));
    buf_addf(buf, ",\"attempts\":{\"listed\":%lld,\"asked\":%lld},", (long long)sql_int(rows, 8),
             (long long)sql_int(rows, 9));
    put_at(buf, "begun_at", window.begun_us);
    buf_add_char(buf, ',');
    put_at(buf, "ended_at", window.ended_us);
}

#define HEAD                                                                                       \
    "SELECT " WINDOW_COLUMNS                                                                       \
    ", (SELECT COUNT(*) FROM recon_window_item i WHERE i.window_id = w.id), (SELECT COUNT(*) "     \
    "FROM recon_window_item i WHERE i.window_id = w.id AND i.verdict <> 0), actor, report FROM "   \
    "recon_window w "

struct telling {
    const char *id, *cursor;
    int64_t verdict;
    int limit, status;
    struct answer *answer;
};

static int get_in(struct store_tx *tx, const struct telling *telling, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    int r = sql_query(tx, err, &rows, HEAD "WHERE id = $1", S_TEXT(telling->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        struct window none;
        return r < 0 ? r : window_load(tx, telling->id, false, &none, err);
    }
    render_head(&buf, rows);
    const char *report = sql_text(rows, 11);
    buf_addf(&buf, ",\"report\":%s}", report[0] != '\0' ? report : "null");
    return answer_take(telling->answer, telling->status, &buf, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return get_in(tx, ctx, err);
}

int window_get(struct recon *recon, const char *id, struct answer *ret_answer, struct err *err) {
    struct telling telling = {.id = id, .status = 200, .answer = ret_answer};
    return store_read(recon->options.store, get_tx, &telling, err);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct telling *telling = ctx;
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows, HEAD "ORDER BY begun_us DESC, id DESC LIMIT $1",
                      S_INT(telling->limit));
    for (int i = 0; r >= 0 && (r = sql_next(rows, err)) > 0; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        render_head(&buf, rows);
        buf_add_char(&buf, '}');
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(telling->answer, telling->status, &buf, err);
}

int window_list(struct recon *recon, int limit, struct answer *ret_answer, struct err *err) {
    struct telling telling = {.limit = limit, .status = 200, .answer = ret_answer};
    return store_read(recon->options.store, list_tx, &telling, err);
}

static void render_item(struct buf *buf, const struct sql_rows *rows) {
    static const char *const names[] = {"attempt_id", "payment_id", "order_id", "gateway"};
    char sep = '{';
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        buf_addf(buf, "%c\"%s\":", sep, names[i]);
        buf_add_json(buf, sql_text(rows, (int)i));
        sep = ',';
    }
    bool asked = sql_int(rows, 7) != WINDOW_NOT_YET && sql_int(rows, 7) != WINDOW_NOT_ASKED;
    buf_addf(buf, ",\"state_before\":\"%s\",\"state_after\":\"%s\",\"verdict\":\"%s\"",
             attempt_state_name(sql_int(rows, 4)), attempt_state_name(sql_int(rows, 5)),
             window_verdict_name(sql_int(rows, 7)));
    buf_addf(buf, ",\"gateway_says\":%s%s%s", asked ? "\"" : "",
             asked ? gateway_outcome_name((enum gateway_outcome)sql_int(rows, 6)) : "null",
             asked ? "\"" : "");
    buf_addf(buf, ",\"our_amount\":%lld,\"their_amount\":", (long long)sql_int(rows, 9));
    if (sql_int(rows, 8) >= 0) {
        buf_add_int(buf, sql_int(rows, 8));
    } else {
        buf_add_text(buf, "null");
    }
    buf_addf(buf, ",\"currency\":\"%s\",\"detail\":", sql_text(rows, 10));
    buf_add_json(buf, sql_text(rows, 11));
    buf_add_char(buf, ',');
    put_at(buf, "asked_at", sql_int(rows, 12));
    buf_add_char(buf, '}');
}

static int items_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct telling *telling = ctx;
    struct window window;
    int r = window_load(tx, telling->id, false, &window, err);
    SQL_ROWS_AUTO rows = NULL;
    BUF_AUTO buf;
    buf_init(&buf, ANSWER_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT attempt_id, payment_id, order_id, gateway, state_before, "
                          "state_after, outcome, verdict, their_minor, our_minor, currency, "
                          "detail, asked_us FROM recon_window_item WHERE window_id = $1 AND "
                          "attempt_id > $2 AND ($3 = 0 OR verdict = $3) ORDER BY attempt_id LIMIT "
                          "$4",
                          S_TEXT(telling->id), S_TEXT(telling->cursor), S_INT(telling->verdict),
                          S_INT(telling->limit + 1));
    char last[ID_TEXT_MAX] = "";
    int count = 0;
    bool more = false;
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && !(more = count == telling->limit)) {
        buf_add_text(&buf, count++ > 0 ? "," : "");
        render_item(&buf, rows);
        snprintf(last, sizeof last, "%s", sql_text(rows, 0));
    }
    buf_addf(&buf, "],\"next_cursor\":%s%s%s}", more ? "\"" : "", more ? last : "null",
             more ? "\"" : "");
    return r < 0 ? r : answer_take(telling->answer, telling->status, &buf, err);
}

int window_items(struct recon *recon, const char *id, int64_t verdict, const char *cursor,
                 int limit, struct answer *ret_answer, struct err *err) {
    struct telling telling = {
        .id = id,
        .cursor = cursor != NULL ? cursor : "",
        .verdict = verdict,
        .limit = limit,
        .status = 200,
        .answer = ret_answer,
    };
    return store_read(recon->options.store, items_tx, &telling, err);
}

/* ---- beginning ---- */

struct beginning {
    const struct window_request *request;
    const struct caller *caller;
};

static int begin_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct beginning *beginning = ctx;
    const struct window_request *request = beginning->request;
    struct window_id id = window_id_new();
    char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
    BUF_AUTO detail;
    buf_init(&detail, PAGE_MAX * 10);
    buf_addf(&detail,
             "{\"from\":\"%s\",\"until\":\"%s\",\"gateway\":", clock_format(request->from_us, from),
             clock_format(request->until_us, until));
    buf_add_json(&detail, request->gateway);
    buf_add_char(&detail, '}');
    int r = sql_put(tx, err,
                    "INSERT INTO recon_window (id, from_us, until_us, gateway, state, actor, "
                    "listed_id, begun_us, ended_us, report) VALUES ($1, $2, $3, $4, $5, $6, '', "
                    "$7, 0, '')",
                    S_TEXT(id.text), S_INT(request->from_us), S_INT(request->until_us),
                    S_TEXT(request->gateway), S_INT(WINDOW_LISTING),
                    S_TEXT(beginning->caller->actor), S_INT(clock_wall_us()));
    r = r < 0 ? r : job_add(tx, JOB_WINDOW, id.text, clock_wall_us(), "", err);
    const struct telling telling = {.id = id.text, .status = 202, .answer = ret_answer};
    r = r < 0 ? r : get_in(tx, &telling, err);
    return r < 0 ? r
                 : audit_append(tx, beginning->caller->actor, "reconciliation.window", id.text, "",
                                detail.data, err);
}

int window_ask(struct recon *recon, const struct caller *caller,
               const struct window_request *request, struct answer *ret_answer, struct err *err) {
    if (request->from_us >= request->until_us) {
        err_set(err, ERR_VALIDATION, "a window ends after it begins");
        return err_place(err, "/until");
    }
    if (request->until_us > clock_wall_us()) {
        err_set(err, ERR_VALIDATION, "only what is past can be proved");
        return err_place(err, "/until");
    }
    if (request->until_us - request->from_us > WINDOW_US_MAX) {
        err_set(err, ERR_VALIDATION, "a window is at most 31 days long");
        return err_place(err, "/from");
    }
    if (request->gateway[0] != '\0' &&
        gateway_find(recon->options.registry, request->gateway) == NULL) {
        err_set(err, ERR_VALIDATION, "there is no gateway \"%s\"", request->gateway);
        err_place(err, "/gateway");
        return err_hint(err, "`holdfast gateway list` lists them.");
    }
    struct beginning beginning = {request, caller};
    int r = idempotent_run(recon->options.payments, caller, "reconciliation.window", begin_fn,
                           &beginning, ret_answer, err);
    if (r >= 0) {
        payments_wake(recon->options.payments);
    }
    return r;
}
