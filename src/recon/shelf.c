/* SPDX-License-Identifier: Apache-2.0
 * shelf.c: statements that were taken in, as people look at them. */
#include "recon/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "match/match.h"
#include "recon/intake.h"
#include "recon/recon_impl.h"
#include "recon/search.h"
#include "recon/shelf_impl.h"

enum { SHELF_ANSWER_BYTES_MAX = 8 * 1024 * 1024 };

struct looking {
    struct recon *recon;
    const struct shelf_filter *filter;
    const char *id;
    int64_t state, class, after;
    int limit;
    char like[SEARCH_LIKE_BYTES];
    struct buf *buf;
};

/* ---- pieces ---- */

static void add_text(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, ",\"%s\":", key);
    if (value != NULL && value[0] != '\0') {
        buf_add_json(buf, value);
    } else {
        buf_add_text(buf, "null");
    }
}

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    add_text(buf, key, wall_us > 0 ? clock_format(wall_us, time) : NULL);
}

static void add_number(struct buf *buf, const char *key, bool said, int64_t value) {
    if (said) {
        buf_addf(buf, ",\"%s\":%lld", key, (long long)value);
    } else {
        buf_addf(buf, ",\"%s\":null", key);
    }
}

static int finish(const struct looking *looking, int r, struct answer *ret_answer,
                  struct err *err) {
    if (r < 0) {
        return r;
    }
    if (!buf_ok(looking->buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than its cap");
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = 200, .json = buf_take(looking->buf)};
    return 0;
}

/* ---- statements ---- */

/* Of one that was withdrawn: what the audit log has about that, once for each. */
#define WITHDRAWAL(column)                                                                         \
    "(SELECT w." column " FROM audit_entry w WHERE statement.state = 5 AND w.subject = "           \
    "statement.id AND w.action = 'statement.withdraw' ORDER BY w.number DESC LIMIT 1)"
#define STATEMENT_COLUMNS                                                                          \
    "SELECT id, gateway, reader, name, state, sha256, account, file_id, supersedes, "              \
    "superseded_by, reason, actor, seen_run, sequence, from_us, until_us, row_count, byte_count, " \
    "begun_us, taken_us, balances, " WITHDRAWAL("actor") ", " WITHDRAWAL(                          \
        "reason") ", " WITHDRAWAL("at_us") ", continuity FROM statement "
static_assert(STATEMENT_WITHDRAWN == 5, "the state above");

static void add_statement(struct buf *buf, const struct sql_rows *rows) {
    static const struct {
        const char *key;
        int column;
    } texts[] = {
        {"gateway", 1},           {"format", 2},    {"name", 3},       {"sha256", 5},
        {"account", 6},           {"file_id", 7},   {"supersedes", 8}, {"superseded_by", 9},
        {"reason", 10},           {"taken_by", 11}, {"first_run", 12}, {"withdrawn_by", 21},
        {"withdrawn_reason", 22},
    };
    buf_addf(buf, "{\"id\":\"%s\",\"object\":\"statement\",\"state\":\"%s\"", sql_text(rows, 0),
             statement_state_name(sql_int(rows, 4)));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        add_text(buf, texts[i].key, sql_text(rows, texts[i].column));
    }
    add_number(buf, "sequence", sql_int(rows, 13) >= 0, sql_int(rows, 13));
    add_time(buf, "from", sql_int(rows, 14));
    add_time(buf, "until", sql_int(rows, 15));
    add_number(buf, "row_count", true, sql_int(rows, 16));
    add_number(buf, "byte_count", true, sql_int(rows, 17));
    add_time(buf, "begun_at", sql_int(rows, 18));
    add_time(buf, "taken_at", sql_int(rows, 19));
    add_time(buf, "withdrawn_at", sql_null(rows, 23) ? 0 : sql_int(rows, 23));
    buf_addf(buf, ",\"balances\":%s,\"continuity\":%s", sql_text(rows, 20),
             sql_text(rows, 24)[0] != '\0' ? sql_text(rows, 24) : "[]");
}

/* Of $1 to $7; $7 is what is looked for in whole. */
#define STATEMENT_FITS                                                                             \
    "WHERE ($1 = '' OR gateway = $1) AND ($2 = 0 OR state = $2) AND ($3 = '' OR id < $3) AND ($4 " \
    "= 0 OR (CASE WHEN until_us > 0 THEN until_us ELSE begun_us END) >= $4) AND ($5 = 0 OR (CASE " \
    "WHEN until_us > 0 THEN from_us ELSE begun_us END) < $5) AND ($6 = '' OR " SEARCH("id", "6")   \
    " OR " SEARCH("name", "6") " OR " SEARCH("account", "6") " OR " SEARCH("file_id", "6")         \
    " OR " SEARCH("sha256", "6") " OR " SEARCH("reason", "6")                                      \
    " OR id IN (SELECT r.statement_id FROM statement_row r WHERE r.reference <> '' AND "           \
    "r.reference = $7) OR id IN (SELECT r.statement_id FROM statement_row r WHERE "                \
    "r.gateway_id <> '' AND r.gateway_id = $7))"

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    const struct shelf_filter *filter = looking->filter;
    SQL_ROWS_AUTO rows = NULL;
    char last[ID_TEXT_MAX] = "";
    int count = 0;
    buf_clear(looking->buf);
    buf_add_text(looking->buf, "{\"data\":[");
    int r = sql_query(tx, err, &rows,
                      STATEMENT_COLUMNS STATEMENT_FITS " ORDER BY id DESC LIMIT $8",
                      S_TEXT(filter->gateway), S_INT(looking->state), S_TEXT(filter->cursor),
                      S_INT(filter->since_us), S_INT(filter->until_us), S_TEXT(looking->like),
                      S_TEXT(filter->text != NULL ? filter->text : ""), S_INT(looking->limit + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && count++ < looking->limit) {
        buf_add_text(looking->buf, count > 1 ? "," : "");
        add_statement(looking->buf, rows);
        buf_add_char(looking->buf, '}');
        snprintf(last, sizeof last, "%s", sql_text(rows, 0));
    }
    buf_add_char(looking->buf, ']');
    add_text(looking->buf, "next_cursor", count > looking->limit ? last : NULL);
    buf_add_char(looking->buf, '}');
    return r < 0 ? r : 0;
}

static bool parse_state(const char *name, int64_t *ret_state) {
    for (int64_t state = STATEMENT_WRITING; state <= STATEMENT_WITHDRAWN; state++) {
        if (strcmp(statement_state_name(state), name) == 0) {
            *ret_state = state;
            return true;
        }
    }
    *ret_state = 0;
    return name[0] == '\0';
}

int shelf_list(struct recon *recon, const struct shelf_filter *filter, struct answer *ret_answer,
               struct err *err) {
    BUF_AUTO buf;
    struct looking looking = {
        .recon = recon,
        .filter = filter,
        .limit = filter->limit > 0 ? filter->limit : PAGE_ROWS,
        .buf = &buf,
    };
    buf_init(&buf, SHELF_ANSWER_BYTES_MAX);
    if (!parse_state(filter->state, &looking.state)) {
        (void)err_set(err, ERR_VALIDATION, "there is no state \"%.20s\" of a statement",
                      filter->state);
        (void)err_place(err, "query");
        return err_hint(err, "One of: writing, taken, superseded, given_up, withdrawn.");
    }
    int r = search_read(filter->text, looking.like, err);
    r = r < 0 ? r : store_read(recon->options.store, list_tx, &looking, err);
    return finish(&looking, r, ret_answer, err);
}

static int none(const char *id, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "there is no statement %s", id);
}

int shelf_render(struct store_tx *tx, const char *statement_id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    SQL_ROWS_AUTO classes = NULL;
    int64_t seen = 0;
    buf_clear(buf);
    int r = sql_query(tx, err, &rows, STATEMENT_COLUMNS "WHERE id = $1", S_TEXT(statement_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : none(statement_id, err);
    }
    add_statement(buf, rows);
    int64_t all = sql_int(rows, 16);
    sql_rows_free(rows);
    rows = NULL;
    buf_add_text(buf, ",\"classes\":[");
    r = sql_query(tx, err, &classes,
                  "SELECT class, COUNT(*) FROM movement WHERE statement_id = $1 AND statement_id "
                  "<> '' GROUP BY class ORDER BY class",
                  S_TEXT(statement_id));
    while (r >= 0 && (r = sql_next(classes, err)) > 0) {
        buf_addf(buf, "%s{\"class\":\"%s\",\"rows\":%lld}", seen > 0 ? "," : "",
                 match_class_name((enum match_class)sql_int(classes, 0)),
                 (long long)sql_int(classes, 1));
        seen += sql_int(classes, 1);
    }
    buf_addf(buf, "],\"unseen_rows\":%lld}", (long long)(all > seen ? all - seen : 0));
    return r < 0 ? r : 0;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    return shelf_render(tx, looking->id, looking->buf, err);
}

int shelf_get(struct recon *recon, const char *statement_id, struct answer *ret_answer,
              struct err *err) {
    BUF_AUTO buf;
    struct looking looking = {.recon = recon, .id = statement_id, .buf = &buf};
    buf_init(&buf, SHELF_ANSWER_BYTES_MAX);
    int r = store_read(recon->options.store, get_tx, &looking, err);
    return finish(&looking, r, ret_answer, err);
}

/* ---- rows ---- */

static void add_row(struct buf *buf, const struct sql_rows *rows) {
    static const char *const texts[] = {
        "gateway_id", "reference", "original_id", "original_reference",
        "batch",      "method",    "native_kind", "description",
        "account",    "party",
    };
    bool seen = !sql_null(rows, 19);
    buf_addf(buf,
             "{\"number\":%lld,\"line\":%lld,\"kind\":\"%s\",\"status\":\"%s\",\"currency\":\"%s\","
             "\"gross\":%lld",
             (long long)sql_int(rows, 0), (long long)sql_int(rows, 1),
             row_kind_name((enum row_kind)sql_int(rows, 2)),
             row_status_name((enum row_status)sql_int(rows, 3)), sql_text(rows, 4),
             (long long)sql_int(rows, 5));
    add_number(buf, "fee", !sql_null(rows, 6), sql_int(rows, 6));
    add_number(buf, "net", !sql_null(rows, 7), sql_int(rows, 7));
    add_time(buf, "at", sql_int(rows, 8));
    for (int i = 0; i < (int)COUNT_OF(texts); i++) {
        add_text(buf, texts[i], sql_text(rows, 9 + i));
    }
    add_text(buf, "class", seen ? match_class_name((enum match_class)sql_int(rows, 19)) : NULL);
    add_text(buf, "rule", sql_text(rows, 20));
    add_text(buf, "match_id", sql_text(rows, 21));
    add_text(buf, "run_id", sql_text(rows, 22));
    add_text(buf, "ours", sql_text(rows, 23));
    buf_add_char(buf, '}');
}

int shelf_has(struct store_tx *tx, const char *id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM statement WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    return r == 0 ? none(id, err) : r;
}

static int rows_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int64_t last = 0;
    int count = 0;
    buf_clear(looking->buf);
    buf_add_text(looking->buf, "{\"data\":[");
    int r = shelf_has(tx, looking->id, err);
    r = r < 0 ? r
              : sql_query(tx, err, &rows, ROW_QUERY, S_TEXT(looking->id), S_INT(looking->after),
                          S_INT(looking->class), S_INT(looking->limit + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && count++ < looking->limit) {
        buf_add_text(looking->buf, count > 1 ? "," : "");
        add_row(looking->buf, rows);
        last = sql_int(rows, 0);
    }
    buf_add_char(looking->buf, ']');
    add_number(looking->buf, "next_after", count > looking->limit, last);
    buf_add_char(looking->buf, '}');
    return r < 0 ? r : 0;
}

bool shelf_class_parse(const char *name, int64_t *ret_class) {
    *ret_class = name[0] == '\0' ? SHELF_CLASS_ANY : SHELF_CLASS_NONE;
    if (name[0] == '\0' || strcmp(name, "none") == 0) {
        return true;
    }
    for (int i = 1; i < CLASS_COUNT; i++) {
        if (strcmp(match_class_name((enum match_class)i), name) == 0) {
            *ret_class = i;
            return true;
        }
    }
    return false;
}

int shelf_rows(struct recon *recon, const char *statement_id, const char *class, int64_t after,
               int limit, struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    struct looking looking = {
        .recon = recon,
        .id = statement_id,
        .after = after,
        .limit = limit > 0 ? limit : SHELF_ROWS,
        .buf = &buf,
    };
    buf_init(&buf, SHELF_ANSWER_BYTES_MAX);
    if (!shelf_class_parse(class, &looking.class)) {
        (void)err_set(err, ERR_VALIDATION, "there is no class \"%.40s\"", class);
        (void)err_place(err, "query");
        return err_hint(err, "\"none\" are rows that no run has looked at.");
    }
    int r = store_read(recon->options.store, rows_tx, &looking, err);
    return finish(&looking, r, ret_answer, err);
}
