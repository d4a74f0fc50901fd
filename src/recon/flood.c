/* SPDX-License-Identifier: Apache-2.0
 * flood.c: a statement of which next to nothing is known here, or that tells much of it twice, gets
 * one ticket. */
#include "recon/flood.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "desk/ticket.h"
#include "match/match.h"
#include "recon/intake.h"
#include "recon/recon_impl.h"

enum { FACTS_BYTES_MAX = 4096, STATEMENTS_MAX = 100 };

struct held {
    struct statement_id id;
    char name[STATEMENT_NAME_CHARS_MAX + 1], account[ROW_ID_CHARS_MAX + 1];
    int64_t rows, alone, twice;
    bool has_ticket, live; /* it had one ever; it has one that is live */
};
struct flood {
    struct recon *recon;
    const char *gateway;
    int64_t rows, percent;
    int count;
    struct held all[STATEMENTS_MAX];
    const struct held *one; /* at hand */
};

/* Rows that stand alone, by statement: from the index of what is still open, as a run reads it. And
 * those whose ticket is live, whatever has become of their rows. */
#define ALONE                                                                                      \
    "SELECT m.statement_id AS id, COUNT(*) AS alone FROM movement m WHERE m.gateway = $1 AND "     \
    "m.side = 2 AND m.open = 1 AND m.match_id = '' AND m.class IN (11, 20, 21, 30) GROUP BY "      \
    "m.statement_id"
/* Of what is told twice nothing is open: its breaks are. */
#define TWICE                                                                                      \
    "SELECT substr(b.movement_id, 1, 30) AS id, SUM(b.their_rows) AS twice FROM recon_break b "    \
    "WHERE b.gateway = $1 AND b.state IN (1, 2) AND b.side = 2 AND b.our_rows = 0 AND b.class IN " \
    FLOOD_TWICE " GROUP BY substr(b.movement_id, 1, 30)"
#define LIVE_STATES "(1, 2, 3, 4, 7)"
#define FIND                                                                                       \
    "SELECT s.id, s.name, s.account, s.row_count, COALESCE(a.alone, 0), CAST(COALESCE(d.twice, 0) "\
    "AS bigint), (SELECT COUNT(*) FROM ticket t WHERE t.kind = 'statement' AND t.subject = s.id), "\
    "(SELECT COUNT(*) FROM ticket t WHERE t.kind = 'statement' AND t.subject = s.id AND t.state "  \
    "IN " LIVE_STATES ") FROM statement s LEFT JOIN (" ALONE ") a ON a.id = s.id LEFT JOIN ("      \
    TWICE ") d ON d.id = s.id WHERE s.gateway = $1 AND s.state = 2 AND (COALESCE(a.alone, 0) + "   \
    "COALESCE(d.twice, 0) >= $2 OR s.id IN (SELECT t.subject FROM ticket t WHERE t.kind = "        \
    "'statement' AND t.state IN " LIVE_STATES ")) ORDER BY s.id LIMIT $3"
static_assert(CLASS_MISSING_HERE == 11 && CLASS_ORPHAN_REFUND == 20 && CLASS_ORPHAN_DISPUTE == 21 &&
                  CLASS_BANK_UNKNOWN == 30 && CLASS_DUPLICATE_THERE == 17 &&
                  CLASS_DOUBLE_CHARGE == 19,
              "the classes above, and FLOOD_TWICE");
static_assert(TICKET_OPEN == 1 && TICKET_IN_PROGRESS == 2 && TICKET_WAITING == 3 &&
                  TICKET_APPROVAL == 4 && TICKET_REOPENED == 7,
              "the states above");

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct flood *flood = ctx;
    SQL_ROWS_AUTO rows = NULL;
    flood->count = 0;
    int r = sql_query(tx, err, &rows, FIND, S_TEXT(flood->gateway), S_INT(flood->rows),
                      S_INT(STATEMENTS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && flood->count < STATEMENTS_MAX) {
        struct held *held = &flood->all[flood->count++];
        *held = (struct held){
            .id = statement_id_stored(sql_text(rows, 0)),
            .rows = sql_int(rows, 3),
            .alone = sql_int(rows, 4),
            .twice = sql_int(rows, 5),
            .has_ticket = sql_int(rows, 6) > 0,
            .live = sql_int(rows, 7) > 0,
        };
        snprintf(held->name, sizeof held->name, "%s", sql_text(rows, 1));
        snprintf(held->account, sizeof held->account, "%s", sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

static bool is_flood(const struct flood *flood, const struct held *held) {
    int64_t all = held->alone + held->twice, share = held->rows * flood->percent;
    /* Where each row stands twice, half of them are the second ones. */
    return all >= flood->rows && (held->twice > 0 ? all * 100 >= share : all * 100 > share);
}

static void facts_json(const struct flood *flood, struct buf *buf) {
    const struct held *held = flood->one;
    buf_addf(buf, "{\"statement\":\"%s\",\"gateway\":\"%s\",\"file\":", held->id.text,
             flood->gateway);
    buf_add_json(buf, held->name);
    buf_add_text(buf, ",\"account\":");
    buf_add_json(buf, held->account);
    buf_addf(buf, ",\"rows\":%lld,\"unknown_here\":%lld,\"told_twice\":%lld}",
             (long long)held->rows, (long long)held->alone, (long long)held->twice);
}

static int hold_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct flood *flood = ctx;
    const struct held *held = flood->one;
    char title[TICKET_TITLE_CHARS_MAX + 1], suggestion[TICKET_SUGGESTION_CHARS_MAX + 1];
    BUF_AUTO facts;
    buf_init(&facts, FACTS_BYTES_MAX);
    facts_json(flood, &facts);
    char twice[80] = "";
    if (held->twice > 0) {
        snprintf(twice, sizeof twice, " and %lld tell again what is told already",
                 (long long)held->twice);
    }
    snprintf(title, sizeof title, "Of %lld rows of statement %s, %lld are unknown here%s",
             (long long)held->rows, held->id.text, (long long)held->alone, twice);
    snprintf(suggestion, sizeof suggestion,
             "Is it another account's statement, or the same rows once more? Then withdraw it: "
             "holdfast statement withdraw %s --reason WHY. If it is right, resolve or close this "
             "ticket: that asks for a run, which opens tickets for its rows; they, and the rules "
             "for them, wait until then.",
             held->id.text);
    const struct ticket_note note = {
        .subject = {"statement", held->id.text},
        .title = title,
        .class = "statement_unknown_here",
        .risk = TICKET_RISK_HIGH,
        .gateway = flood->gateway,
        .suggestion = suggestion,
        .facts_json = buf_ok(&facts) ? facts.data : "{}",
        .actor = "system",
    };
    int r = ticket_open(flood->recon->options.desk, tx, &note, NULL, err);
    return r < 0 ? r : 0;
}

static int release_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct flood *flood = ctx;
    const struct ticket_subject subject = {"statement", flood->one->id.text};
    int r = ticket_close_for(flood->recon->options.desk, tx, &subject, "system",
                             "most of its rows are found now", err);
    return r < 0 ? r : 0;
}

static int go_on(void *ctx, struct store_tx *tx, const char *subject, const char *gateway,
                 char ret_line[TICKET_LINE_CHARS_MAX + 1], struct err *err) {
    (void)ctx;
    (void)subject;
    snprintf(ret_line, TICKET_LINE_CHARS_MAX + 1,
             "A run of %s was asked for: rules and tickets go on with the statement's rows",
             gateway);
    int r = recon_ask_run(tx, gateway, "system", err);
    return r < 0 ? r : 0;
}

void recon_floods_begin(struct recon *recon) {
    if (recon->options.desk != NULL) {
        tickets_follow(recon->options.desk, "statement", go_on, recon);
    }
}

int recon_floods(struct recon *recon, const char *gateway, struct err *err) {
    const struct recon_options *options = &recon->options;
    if (options->desk == NULL) {
        return 0;
    }
    struct flood *flood = g_new0(struct flood, 1);
    flood->recon = recon;
    flood->gateway = gateway;
    flood->rows = options->hold_rows > 0 ? options->hold_rows : HOLD_ROWS_USUAL;
    flood->percent = options->hold_percent > 0 ? options->hold_percent : HOLD_PERCENT_USUAL;
    int r = store_read(options->store, find_tx, flood, err);
    for (int i = 0; r >= 0 && i < flood->count; i++) {
        flood->one = &flood->all[i];
        bool floods = is_flood(flood, flood->one);
        if (floods && !flood->one->has_ticket) {
            r = store_write(options->store, hold_tx, flood, err);
        } else if (!floods && flood->one->live) {
            r = store_write(options->store, release_tx, flood, err);
        }
    }
    g_free(flood);
    return r < 0 ? r : 0;
}
