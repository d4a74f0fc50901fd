/* SPDX-License-Identifier: Apache-2.0
 * window_report.c: what came of a window: counts, what is in doubt, and whether it is proved. Read
 * in one transaction, so that all of it is of one moment. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/callbacks.h"
#include "recon/breaks.h"
#include "recon/window_impl.h"

enum { COMMAND_CHARS_MAX = 200 };

/* Money that gateways took for an order, less what they gave back. What only moves inside our books
 * (a deposit that is used, money in suspense that is accepted) is counted once. */
#define TAKEN "(1, 2, 4, 7, 10, 21, 25)"
#define GIVEN "(3, 6, 11, 22)"

static void put_at(struct buf *buf, const char *name, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    buf_addf(buf, "\"%s\":\"%s\"", name, clock_format(at_us, text));
}

void window_report_missing(struct window_report *report, const char *what, const char *command) {
    report->proved = false;
    buf_add_text(&report->missing, report->missing_count++ > 0 ? ",{\"what\":" : "{\"what\":");
    buf_add_json(&report->missing, what);
    buf_add_text(&report->missing, ",\"command\":");
    buf_add_json(&report->missing, command);
    buf_add_char(&report->missing, '}');
}

/* ---- attempts ---- */

/* Attempts without a proving verdict whose every movement is matched on a statement. */
#define MATCHED_ALL_THE_SAME                                                                       \
    "EXISTS (SELECT 1 FROM posting g JOIN movement m ON m.side = 1 AND m.id = g.id AND m.class "   \
    "IN "                                                                                          \
    "(1, 2) WHERE g.payment_id = i.payment_id AND g.journal_id = i.attempt_id)"

static int put_attempts(struct window_report *report, struct err *err) {
    int64_t counts[WINDOW_VERDICT_COUNT] = {0}, settled[WINDOW_VERDICT_COUNT] = {0}, all = 0;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT verdict, COUNT(*), CAST(COALESCE(SUM(CASE "
                      "WHEN verdict IN (5, 7) AND " MATCHED_ALL_THE_SAME " THEN 1 ELSE 0 END), 0) "
                      "AS bigint) FROM recon_window_item i WHERE window_id = $1 GROUP BY verdict",
                      S_TEXT(report->window->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t verdict = sql_int(rows, 0);
        INVARIANT(verdict >= 0 && verdict < WINDOW_VERDICT_COUNT, "a verdict of the table");
        counts[verdict] = sql_int(rows, 1);
        settled[verdict] = sql_int(rows, 2);
        all += counts[verdict];
    }
    buf_addf(report->buf, "\"attempts\":{\"touched\":%lld", (long long)all);
    for (int i = 1; i < WINDOW_VERDICT_COUNT; i++) {
        buf_addf(report->buf, ",\"%s\":%lld", window_verdict_name(i), (long long)counts[i]);
        int64_t doubtful = window_verdict_proves(i) ? 0 : counts[i] - settled[i];
        if (doubtful > 0) {
            char what[COMMAND_CHARS_MAX], command[COMMAND_CHARS_MAX];
            snprintf(what, sizeof what, "%lld %s \"%s\"", (long long)doubtful,
                     doubtful == 1 ? "attempt is" : "attempts are", window_verdict_name(i));
            snprintf(command, sizeof command, "holdfast reconcile window %s --verdict %s",
                     report->window->id.text, window_verdict_name(i));
            window_report_missing(report, what, command);
        }
    }
    buf_add_char(report->buf, '}');
    return r;
}

/* ---- money ---- */

static int put_money(struct window_report *report, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        report->tx, err, &rows,
        "SELECT g.currency, CAST(SUM(CASE WHEN g.kind IN " TAKEN " THEN g.amount_minor ELSE 0 END) "
        "AS bigint), CAST(SUM(CASE WHEN g.kind IN " GIVEN " THEN g.amount_minor ELSE 0 END) AS "
        "bigint), CAST(SUM(CASE g.kind WHEN 10 THEN g.amount_minor WHEN 11 THEN -g.amount_minor "
        "WHEN 12 THEN -g.amount_minor ELSE 0 END) AS bigint) FROM (SELECT DISTINCT payment_id FROM "
        "recon_window_item WHERE window_id = $1) t JOIN posting g ON g.payment_id = t.payment_id "
        "GROUP BY g.currency ORDER BY g.currency",
        S_TEXT(report->window->id.text));
    buf_add_text(report->buf, ",\"money\":[");
    for (int i = 0; r >= 0 && (r = sql_next(rows, err)) > 0; i++) {
        buf_addf(report->buf,
                 "%s{\"currency\":\"%s\",\"taken\":%lld,\"given_back\":%lld,"
                 "\"in_suspense\":%lld}",
                 i > 0 ? "," : "", sql_text(rows, 0), (long long)sql_int(rows, 1),
                 (long long)sql_int(rows, 2), (long long)sql_int(rows, 3));
    }
    buf_add_char(report->buf, ']');
    return r;
}

/* An order for which gateways hold more than its dearest payment asked for. Orders that may have
 * several payments are left to their payments. */
static int put_double_charges(struct window_report *report, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        report->tx, err, &rows,
        "SELECT x.order_id, x.currency, x.net, x.asked FROM (SELECT p.order_id, g.currency, "
        "CAST(SUM(CASE WHEN g.kind IN " TAKEN " THEN g.amount_minor WHEN g.kind IN " GIVEN
        " THEN -g.amount_minor ELSE 0 END) AS bigint) AS net, CAST(MAX(p.amount_minor) AS bigint) "
        "AS asked FROM (SELECT DISTINCT order_id FROM recon_window_item WHERE window_id = $1) t "
        "JOIN payment p ON p.order_id = t.order_id JOIN posting g ON g.payment_id = p.id WHERE "
        "p.several_per_order = 0 GROUP BY p.order_id, g.currency) x WHERE x.net > x.asked ORDER BY "
        "x.order_id, x.currency",
        S_TEXT(report->window->id.text));
    int64_t count = 0;
    buf_add_text(report->buf, ",\"double_charges\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (count++ >= WINDOW_TOLD_MAX) {
            continue;
        }
        buf_addf(report->buf, "%s{\"order_id\":", count > 1 ? "," : "");
        buf_add_json(report->buf, sql_text(rows, 0));
        buf_addf(report->buf, ",\"currency\":\"%s\",\"held\":%lld,\"asked\":%lld}",
                 sql_text(rows, 1), (long long)sql_int(rows, 2), (long long)sql_int(rows, 3));
    }
    buf_addf(report->buf, "],\"double_charge_count\":%lld", (long long)count);
    if (r >= 0 && count > 0) {
        char what[COMMAND_CHARS_MAX];
        snprintf(what, sizeof what, "for %lld %s more is held than was asked for", (long long)count,
                 count == 1 ? "order" : "orders");
        window_report_missing(report, what, "holdfast case list");
    }
    return r;
}

/* ---- statements ---- */

/* What statements say of the money of the payments in it. */
static int put_matched(struct window_report *report, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        report->tx, err, &rows,
        "SELECT COALESCE(m.class, 0), COUNT(*) FROM (SELECT DISTINCT payment_id FROM "
        "recon_window_item WHERE window_id = $1) t JOIN posting g ON g.payment_id = t.payment_id "
        "AND g.kind IN (1, 2, 3, 4, 6, 7, 10, 11) LEFT JOIN movement m ON m.side = 1 AND m.id = "
        "g.id GROUP BY COALESCE(m.class, 0) ORDER BY 1",
        S_TEXT(report->window->id.text));
    buf_add_text(report->buf, ",\"movements\":[");
    for (int i = 0; r >= 0 && (r = sql_next(rows, err)) > 0; i++) {
        int64_t class = sql_int(rows, 0);
        buf_addf(report->buf, "%s{\"class\":\"%s\",\"count\":%lld}", i > 0 ? "," : "",
                 class == 0 ? "not_looked_at" : match_class_name((enum match_class) class),
                 (long long)sql_int(rows, 1));
    }
    buf_add_char(report->buf, ']');
    return r;
}

/* ---- breaks and callbacks ---- */

static int put_breaks(struct window_report *report, struct err *err) {
    const struct window *window = report->window;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        report->tx, err, &rows,
        "SELECT id, class, risk, detail FROM recon_break b WHERE state IN (1, 2) AND ($1 = '' OR "
        "gateway = $1) AND (at_us >= $2 AND at_us < $3 OR payment_id IN (SELECT payment_id FROM "
        "recon_window_item WHERE window_id = $4)) ORDER BY risk DESC, id",
        S_TEXT(window->gateway), S_INT(window->from_us), S_INT(window->until_us),
        S_TEXT(window->id.text));
    int64_t count = 0, high = 0;
    buf_add_text(report->buf, ",\"breaks\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        enum match_risk risk = (enum match_risk)sql_int(rows, 2);
        high += risk >= RISK_HIGH;
        if (count++ >= WINDOW_TOLD_MAX) {
            continue;
        }
        buf_addf(report->buf, "%s{\"id\":\"%s\",\"class\":\"%s\",\"risk\":\"%s\",\"detail\":",
                 count > 1 ? "," : "", sql_text(rows, 0),
                 match_class_name((enum match_class)sql_int(rows, 1)), match_risk_name(risk));
        buf_add_json(report->buf, sql_text(rows, 3));
        buf_add_char(report->buf, '}');
    }
    buf_addf(report->buf, "],\"break_count\":%lld,\"high_risk_breaks\":%lld", (long long)count,
             (long long)high);
    if (r >= 0 && high > 0) {
        char what[COMMAND_CHARS_MAX];
        snprintf(what, sizeof what, "%lld %s of high or critical risk %s open", (long long)high,
                 high == 1 ? "break" : "breaks", high == 1 ? "is" : "are");
        window_report_missing(report, what, "holdfast break list --risk high");
    }
    return r;
}

/* Money in suspense that nobody has decided about: of its payments, or heard of in its time. */
static int put_cases(struct window_report *report, struct err *err) {
    const struct window *window = report->window;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        report->tx, err, &rows,
        "SELECT id, kind, amount_minor, currency FROM review_case WHERE state = 1 AND posted <> 0 "
        "AND ($1 = '' OR gateway = $1) AND (opened_us >= $2 AND opened_us < $3 OR payment_id IN "
        "(SELECT payment_id FROM recon_window_item WHERE window_id = $4)) ORDER BY id",
        S_TEXT(window->gateway), S_INT(window->from_us), S_INT(window->until_us),
        S_TEXT(window->id.text));
    int64_t count = 0;
    buf_add_text(report->buf, ",\"cases\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (count++ >= WINDOW_TOLD_MAX) {
            continue;
        }
        buf_addf(report->buf,
                 "%s{\"id\":\"%s\",\"kind\":\"%s\",\"amount\":%lld,\"currency\":\"%s\"}",
                 count > 1 ? "," : "", sql_text(rows, 0), sql_text(rows, 1),
                 (long long)sql_int(rows, 2), sql_text(rows, 3));
    }
    buf_addf(report->buf, "],\"case_count\":%lld", (long long)count);
    if (r >= 0 && count > 0) {
        char what[COMMAND_CHARS_MAX];
        snprintf(what, sizeof what, "nobody has decided about the money of %lld %s",
                 (long long)count, count == 1 ? "case" : "cases");
        window_report_missing(report, what, "holdfast case list");
    }
    return r;
}

static int put_callbacks(struct window_report *report, struct err *err) {
    const struct window *window = report->window;
    char from[ID_TEXT_MAX], until[ID_TEXT_MAX];
    id_floor("cb", window->from_us, from);
    id_floor("cb", window->until_us, until);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN state IN ($4, $5, $6) THEN 1 "
                      "ELSE 0 END), 0) AS bigint) FROM callback WHERE id >= $1 AND id < $2 AND "
                      "($3 = '' OR gateway = $3)",
                      S_TEXT(from), S_TEXT(until), S_TEXT(window->gateway), S_INT(CALLBACK_STORED),
                      S_INT(CALLBACK_FAILED), S_INT(CALLBACK_PARKED));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    buf_addf(report->buf, ",\"callbacks\":{\"received\":%lld,\"not_processed\":%lld}",
             (long long)sql_int(rows, 0), (long long)sql_int(rows, 1));
    if (sql_int(rows, 1) > 0) {
        char what[COMMAND_CHARS_MAX];
        snprintf(what, sizeof what, "%lld %s of it %s not processed", (long long)sql_int(rows, 1),
                 sql_int(rows, 1) == 1 ? "callback" : "callbacks",
                 sql_int(rows, 1) == 1 ? "is" : "are");
        window_report_missing(report, what, "holdfast callback list");
    }
    return 0;
}

int window_report(const struct recon *recon, struct store_tx *tx, const struct window *window,
                  int64_t now_us, struct buf *ret_json, struct err *err) {
    struct window_report report = {.recon = recon,
                                   .tx = tx,
                                   .window = window,
                                   .now_us = now_us,
                                   .buf = ret_json,
                                   .proved = true};
    buf_init(&report.missing, WINDOW_REPORT_BYTES_MAX);
    buf_add_char(ret_json, '{');
    put_at(ret_json, "at", now_us);
    buf_add_char(ret_json, ',');
    int r = put_attempts(&report, err);
    r = r < 0 ? r : put_money(&report, err);
    r = r < 0 ? r : put_double_charges(&report, err);
    r = r < 0 ? r : put_matched(&report, err);
    r = r < 0 ? r : window_report_coverage(&report, err);
    r = r < 0 ? r : put_breaks(&report, err);
    r = r < 0 ? r : put_cases(&report, err);
    r = r < 0 ? r : put_callbacks(&report, err);
    buf_addf(ret_json, ",\"proved\":%s,\"missing\":[%s]}", report.proved ? "true" : "false",
             report.missing_count > 0 ? report.missing.data : "");
    if (r >= 0 && !buf_ok(&report.missing)) {
        r = err_set(err, ERR_INTERNAL, "the report of a window is larger than its cap");
    }
    buf_release(&report.missing);
    return r;
}
