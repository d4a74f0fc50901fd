/* SPDX-License-Identifier: Apache-2.0
 * story.c: the whole story of one payment, and the ledger as an overview. Reading only. */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/disputes.h"

struct story {
    struct arena *arena;
    const char *id;
    struct answer *answer;
};

typedef void story_row_fn(struct buf *buf, const struct sql_rows *rows, struct arena *arena);

static void text_or_null(struct buf *buf, const char *text) {
    if (text[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, text);
    }
}

static void story_event(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"sequence\":%lld,\"type\":\"%s\",\"at\":\"%s\"}",
             sql_text(rows, 0), (long long)sql_int(rows, 1), sql_text(rows, 2),
             clock_format(sql_int(rows, 3), time));
}

static void story_attempt(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    struct attempt_row attempt;
    attempt_row_read(rows, arena, &attempt);
    render_attempt(buf, &attempt);
}

static void story_operation(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    struct operation_row operation;
    operation_row_read(rows, arena, &operation);
    render_operation(buf, &operation);
}

static void story_callback(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"gateway\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_add_text(buf, ",\"type\":");
    buf_add_json(buf, sql_text(rows, 2));
    buf_add_text(buf, ",\"result\":");
    buf_add_json(buf, sql_text(rows, 3));
    buf_addf(buf, ",\"duplicates\":%lld,\"received_at\":\"%s\"}", (long long)sql_int(rows, 4),
             clock_format(sql_int(rows, 5), time));
}

static void story_case(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"kind\":\"%s\",\"state\":\"%s\",\"detail\":", sql_text(rows, 0),
             sql_text(rows, 1), sql_int(rows, 2) == 1 ? "open" : "closed");
    buf_add_json(buf, sql_text(rows, 3));
    buf_addf(buf, ",\"opened_at\":\"%s\"}", clock_format(sql_int(rows, 4), time));
}

static void story_inquiry(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"id\":\"%s\",\"attempt_id\":\"%s\",\"operation_id\":", sql_text(rows, 0),
             sql_text(rows, 1));
    text_or_null(buf, sql_text(rows, 2));
    buf_add_text(buf, ",\"gateway\":");
    buf_add_json(buf, sql_text(rows, 3));
    buf_addf(buf, ",\"at\":\"%s\",\"source\":\"%s\",\"outcome\":\"%s\",\"code\":",
             clock_format(sql_int(rows, 4), time), sql_text(rows, 5),
             gateway_outcome_name((enum gateway_outcome)sql_int(rows, 6)));
    text_or_null(buf, sql_text(rows, 7));
    buf_addf(buf, ",\"http_status\":%lld,\"duration_ms\":%lld}", (long long)sql_int(rows, 8),
             (long long)(sql_int(rows, 9) / US_PER_MS));
}

static void story_not_sent(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    not_sent_render(buf, rows, true);
}

static void story_dispute(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    render_dispute_row(buf, rows, arena);
}

static void story_risk(struct buf *buf, const struct sql_rows *rows, struct arena *arena) {
    (void)arena;
    buf_add_text(buf, sql_text(rows, 0)); /* JSON of our own */
}

static const struct {
    const char *name, *sql;
    story_row_fn *row;
} parts[] = {
    {"events",
     "SELECT id, sequence, type, at_us FROM event WHERE payment_id = $1 ORDER BY sequence LIMIT "
     "500",
     story_event},
    {"risk", "SELECT decision FROM risk_decision WHERE subject = $1 ORDER BY number LIMIT 100",
     story_risk},
    {"attempts",
     "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE payment_id = $1 ORDER BY number LIMIT 100",
     story_attempt},
    {"not_sent",
     "SELECT " NOT_SENT_COLUMNS " FROM not_sent WHERE payment_id = $1 ORDER BY number LIMIT 100",
     story_not_sent},
    {"operations",
     "SELECT " OPERATION_COLUMNS
     " FROM operation WHERE payment_id = $1 ORDER BY created_us, id LIMIT 500",
     story_operation},
    /* The newest ones, in order of time: one that nobody answers for is asked about for ever. */
    {"inquiries",
     "SELECT id, attempt_id, operation_id, gateway, at_us, source, outcome, code, http_status, "
     "duration_us FROM (SELECT * FROM inquiry WHERE payment_id = $1 ORDER BY at_us DESC, id DESC "
     "LIMIT 500) AS newest ORDER BY at_us, id",
     story_inquiry},
    {"callbacks",
     "SELECT id, gateway, type, result, duplicates, received_us FROM callback WHERE payment_id = "
     "$1 AND "
     "payment_id <> '' ORDER BY received_us LIMIT 500",
     story_callback},
    {"disputes",
     "SELECT " DISPUTE_COLUMNS " FROM dispute WHERE payment_id = $1 ORDER BY opened_us LIMIT 100",
     story_dispute},
    {"cases",
     "SELECT id, kind, state, detail, opened_us FROM review_case WHERE payment_id = $1 ORDER BY "
     "opened_us LIMIT 100",
     story_case},
};

static int story_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct story *story = ctx;
    struct payment_row payment;
    int r = payment_row_load(tx, story->arena, story->id, false, &payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"payment\":");
    render_payment(&buf, &payment);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows, parts[i].sql, S_TEXT(story->id));
        buf_addf(&buf, ",\"%s\":[", parts[i].name);
        const char *comma = "";
        while (r >= 0 && (r = sql_next(rows, err)) > 0) {
            buf_add_text(&buf, comma);
            comma = ",";
            parts[i].row(&buf, rows, story->arena);
        }
        if (r < 0) {
            return r;
        }
        buf_add_char(&buf, ']');
    }
    buf_add_text(&buf, ",\"postings\":");
    r = ledger_payment_json(tx, story->id, &buf, err);
    if (r < 0) {
        return r;
    }
    buf_add_char(&buf, '}');
    return answer_take(story->answer, 200, &buf, err);
}

int payment_story(struct payments *payments, const char *payment_id, struct answer *ret_answer,
                  struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct story story = {arena, payment_id, ret_answer};
    return store_read(payments->options.store, story_tx, &story, err);
}

/* ---- the ledger ---- */

struct overview {
    struct buf buf;
    const char *comma;
    struct answer *answer;
};

static int account_row(void *ctx, const char *account, const char *currency, int64_t debits_minor,
                       int64_t credits_minor, struct err *err) {
    (void)err;
    struct overview *overview = ctx;
    buf_addf(&overview->buf, "%s{\"account\":", overview->comma);
    buf_add_json(&overview->buf, account);
    buf_addf(&overview->buf,
             ",\"currency\":\"%s\",\"debits\":%lld,\"credits\":%lld,\"balance\":%lld}", currency,
             (long long)debits_minor, (long long)credits_minor,
             (long long)(debits_minor - credits_minor));
    overview->comma = ",";
    return 0;
}

static int book_row(void *ctx, const struct ledger_book *book, struct err *err) {
    (void)err;
    struct overview *overview = ctx;
    buf_addf(&overview->buf, "%s{\"gateway\":", overview->comma);
    buf_add_json(&overview->buf, book->gateway);
    buf_addf(&overview->buf,
             ",\"currency\":\"%s\",\"taken\":%lld,\"taken_count\":%lld,\"returned\":%lld,"
             "\"returned_count\":%lld,"
             "\"fees\":%lld}",
             book->currency.code, (long long)book->taken_minor, (long long)book->taken_count,
             (long long)book->returned_minor, (long long)book->returned_count,
             (long long)book->fees_minor);
    overview->comma = ",";
    return 0;
}

static int overview_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct overview *overview = ctx;
    overview->comma = "";
    buf_clear(&overview->buf); /* of a run before this one */
    buf_add_text(&overview->buf, "{\"accounts\":[");
    int r = ledger_balances(tx, account_row, overview, err);
    if (r < 0) {
        return r;
    }
    overview->comma = "";
    buf_add_text(&overview->buf, "],\"books\":[");
    r = ledger_books(tx, book_row, overview, err);
    if (r < 0) {
        return r;
    }
    buf_add_text(&overview->buf, "]}");
    return answer_take(overview->answer, 200, &overview->buf, err);
}

int ledger_overview(struct payments *payments, struct answer *ret_answer, struct err *err) {
    struct overview overview = {.answer = ret_answer};
    buf_init(&overview.buf, ARENA_REQUEST_BYTES_MAX);
    int r = store_read(payments->options.store, overview_tx, &overview, err);
    buf_release(&overview.buf);
    return r;
}
