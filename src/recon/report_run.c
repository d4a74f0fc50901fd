/* SPDX-License-Identifier: Apache-2.0
 * report_run.c: the page of a run of the service, from what is on record. */
#include "recon/report_run.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "match/match_set.h"
#include "match/report_impl.h"
#include "recon/breaks.h"
#include "recon/run_balance.h"

enum {
    FIGURES_BYTES_MAX = 16 * 1024 * 1024,
    SOURCES_MAX = 200,
    COMMAND_CHARS_MAX = 200,
    DETAIL_CHARS_MAX = 1200,
};

struct run_page {
    struct store_tx *tx;
    struct arena *arena;
    const char *run_id, *gateway;
    int64_t until_us, ended_us;
    struct report_facts facts;
    struct match_set set; /* the rules that it went by */
    struct match_options options;
    struct report_source sources[1 + SOURCES_MAX];
    GArray *sums, *books, *balances;
};

/* ---- what is on record ---- */

static int load_run(struct run_page *load, json_t **ret_figures, struct err *err) {
    enum { DONE = 2 };
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(load->tx, err, &rows,
                      "SELECT gateway, state, until_us, ended_us, figures, rules FROM "
                      "reconciliation WHERE id = $1",
                      S_TEXT(load->run_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0
                   ? r
                   : err_set(err, ERR_NOT_FOUND, "there is no reconciliation %.40s", load->run_id);
    }
    if (sql_int(rows, 1) != DONE) {
        err_set(err, ERR_NOT_FOUND, "the reconciliation %.40s has no report: it is not done",
                load->run_id);
        return err_hint(err, "Its state says how it is; the report is there when it is done.");
    }
    const char *figures = sql_text(rows, 4);
    load->gateway = arena_copy(load->arena, sql_text(rows, 0));
    load->until_us = sql_int(rows, 2);
    load->ended_us = sql_int(rows, 3);
    r = match_set_parse(sql_text(rows, 5), &load->set, err);
    if (r < 0) {
        return r;
    }
    load->options = (struct match_options){.rules = load->set.rules, .rule_count = load->set.count};
    load->facts.options = &load->options;
    return json_read(figures, strlen(figures), FIGURES_BYTES_MAX, JSON_DEPTH_MAX, ret_figures, err);
}

static enum match_class class_of(const char *name) {
    for (int i = 1; i < CLASS_COUNT; i++) {
        if (strcmp(match_class_name((enum match_class)i), name) == 0) {
            return (enum match_class)i;
        }
    }
    return (enum match_class)0;
}

/* Written by run_figures_json(); what is missing there is 0. */
static void read_figures(struct run_page *load, const json_t *figures) {
    size_t at = 0;
    const json_t *item = NULL;
    load->facts.rows[OURS] = json_peek_int(figures, 0, "our_rows", NULL);
    load->facts.rows[THEIRS] = json_peek_int(figures, 0, "their_rows", NULL);
    json_array_foreach(json_object_get(figures, "buckets"), at, item) {
        const char *class = json_peek_text(item, "class", NULL);
        struct match_sum sum = {
            .currency = currency_stored(json_peek_text(item, "currency", NULL)),
            .class = class_of(class != NULL ? class : ""),
            .rows = {json_peek_int(item, 0, "our_rows", NULL),
                     json_peek_int(item, 0, "their_rows", NULL)},
            .amount_minor = {json_peek_int(item, 0, "our_amount", NULL),
                             json_peek_int(item, 0, "their_amount", NULL)},
        };
        g_array_append_val(load->sums, sum);
    }
    json_array_foreach(json_object_get(figures, "books"), at, item) {
        struct run_book book = {
            .currency = currency_stored(json_peek_text(item, "currency", NULL)),
            .opening_minor = json_peek_int(item, 0, "opening", NULL),
            .movements_minor = json_peek_int(item, 0, "movements", NULL),
            .late_minor = json_peek_int(item, 0, "late", NULL),
            .closing_minor = json_peek_int(item, 0, "closing", NULL),
        };
        g_array_append_val(load->books, book);
    }
    load->facts.sums = (const struct match_sum *)(void *)load->sums->data;
    load->facts.sum_count = (int)load->sums->len;
    load->facts.books = (const struct run_book *)(void *)load->books->data;
    load->facts.book_count = (int)load->books->len;
}

static void read_balances(struct run_page *load, const json_t *figures) {
    size_t at = 0, i = 0;
    const json_t *told = NULL, *one = NULL;
    json_array_foreach(json_object_get(figures, "balances"), at, told) {
        const char *broken_by = json_peek_text(told, "broken_by", NULL);
        struct run_balance balance = {
            .currency = currency_stored(json_peek_text(told, "currency", NULL)),
            .opening_minor = json_peek_int(told, 0, "opening", NULL),
            .rows_minor = json_peek_int(told, 0, "rows", NULL),
            .closing_minor = json_peek_int(told, 0, "closing", NULL),
            .ours_minor = json_peek_int(told, 0, "ours", NULL),
            .unexplained_minor = json_peek_int(told, 0, "unexplained", NULL),
            .proved = json_is_true(json_object_get(told, "proved")),
        };
        snprintf(balance.broken_by, sizeof balance.broken_by, "%s",
                 broken_by != NULL ? broken_by : "");
        json_array_foreach(json_object_get(told, "items"), i, one) {
            const char *name = json_peek_text(one, "item", NULL);
            for (int item = 1; name != NULL && item < (int)RUN_ITEM_COUNT; item++) {
                if (strcmp(run_item_name(item), name) == 0) {
                    balance.items_minor[item] = json_peek_int(one, 0, "amount", NULL);
                }
            }
        }
        g_array_append_val(load->balances, balance);
    }
    load->facts.balances = (const struct run_balance *)(void *)load->balances->data;
    load->facts.balance_count = (int)load->balances->len;
}

static int load_sources(struct run_page *load, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    load->sources[0] = (struct report_source){
        .side = OURS,
        .name = load->gateway,
        .rows = load->facts.rows[OURS],
        .bytes = -1,
        .until_us = load->until_us,
    };
    load->facts.sources = load->sources;
    load->facts.source_count = 1;
    int r = sql_query(
        load->tx, err, &rows,
        "SELECT name, sha256, row_count, byte_count, from_us, until_us FROM statement "
        "WHERE gateway = $1 AND seen_run = $2 ORDER BY from_us, id LIMIT $3",
        S_TEXT(load->gateway), S_TEXT(load->run_id), S_INT(SOURCES_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        load->sources[load->facts.source_count++] = (struct report_source){
            .side = THEIRS,
            .name = arena_copy(load->arena, sql_text(rows, 0)),
            .sha256 = arena_copy(load->arena, sql_text(rows, 1)),
            .rows = sql_int(rows, 2),
            .bytes = sql_int(rows, 3),
            .from_us = sql_int(rows, 4),
            .until_us = sql_int(rows, 5),
        };
    }
    return r;
}

/* ---- breaks ---- */

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

/* "…; fee expected 0.59 USD (its answer), kept 0.60 USD" as a run has written it, where fees are
 * what differs; "…; fee here 0.59 USD, there 0.60 USD" as earlier versions did. */
static void read_fees(char *detail, struct report_break *row) {
    static const char *const opens[] = {"; fee expected ", "; fee here "};
    static const char *const nexts[] = {", kept ", ", there "};
    for (size_t i = 0; i < COUNT_OF(opens); i++) {
        char *ours = strstr(detail, opens[i]);
        char *theirs = ours != NULL ? strstr(ours, nexts[i]) : NULL;
        if (theirs != NULL) {
            *theirs = '\0';
            row->of[OURS].fee = ours + strlen(opens[i]);
            row->of[THEIRS].fee = theirs + strlen(nexts[i]);
            return;
        }
    }
}

/* Columns as in add_breaks(). */
static void add_break(struct report_page *page, const struct sql_rows *rows) {
    char detail[DETAIL_CHARS_MAX];
    struct currency currency = currency_stored(sql_text(rows, 5));
    int64_t at_us = sql_int(rows, 12);
    const char *payment = sql_text(rows, 14), *movement = sql_text(rows, 15);
    struct report_break row = {
        .first = true,
        .class = (enum match_class)sql_int(rows, 1),
        .risk = (enum match_risk)sql_int(rows, 2),
        .has_difference = sql_int(rows, 1) != CLASS_CURRENCY,
        .difference_minor = sql_int(rows, 8),
        .currency = currency,
        .stake_minor = sql_int(rows, 11),
        .at_us = at_us,
        .name = sql_text(rows, 0),
        .state = break_state_name(sql_int(rows, 3)),
        .owner = sql_text(rows, 4),
        .kind = text_of(row_kind_name((enum row_kind)sql_int(rows, 13))),
        .key = text_of(payment[0] != '\0' ? payment : movement),
    };
    for (int side = OURS; side < MATCH_SIDES; side++) {
        row.of[side] = (struct report_side){
            .there = sql_int(rows, 9 + side) > 0,
            .currency = currency,
            .amount_minor = sql_int(rows, 6 + side),
            .at_us = at_us,
            .rows = sql_int(rows, 9 + side),
            .row = sql_text(rows, 17 + side),
        };
    }
    snprintf(detail, sizeof detail, "%s", sql_text(rows, 16));
    if (row.class == CLASS_FEE) {
        read_fees(detail, &row);
    }
    report_page_break(page, &row);
}

#define FIRST_ROW(side)                                                                            \
    "COALESCE((SELECT MIN(m.movement_id) FROM recon_break_member m WHERE m.break_id = b.id AND "   \
    "m.side = " side "), '')"

static int add_breaks(const struct run_page *load, struct report_page *page, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        load->tx, err, &rows,
        "SELECT id, class, risk, state, owner, currency, our_minor, their_minor, "
        "difference_minor, our_rows, their_rows, stake_minor, at_us, kind, "
        "payment_id, movement_id, detail, " FIRST_ROW("1") ", " FIRST_ROW(
            "2") " FROM recon_break b "
                 "WHERE gateway = $1 AND opened_us <= $2 AND (closed_us = 0 OR closed_us > $2) "
                 "ORDER BY risk DESC, stake_minor DESC, id",
        S_TEXT(load->gateway), S_INT(load->ended_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t class = sql_int(rows, 1), risk = sql_int(rows, 2);
        if (class < 0 || class >= CLASS_COUNT || risk < 0 || risk > RISK_CRITICAL) {
            return err_set(err, ERR_STORE_CORRUPT, "the break %.40s has no class or risk",
                           sql_text(rows, 0));
        }
        add_break(page, rows);
    }
    return r;
}

/* ---- the page ---- */

static int make_page(struct run_page *load, enum report_language language, struct buf *html,
                     struct err *err) {
    char ended[CLOCK_TEXT_MAX], command[COMMAND_CHARS_MAX];
    JSON_AUTO figures = NULL;
    int r = load_run(load, &figures, err);
    if (r < 0) {
        return r;
    }
    read_figures(load, figures);
    read_balances(load, figures);
    load->facts.options = &load->options;
    load->facts.gateway = load->gateway;
    load->facts.run = load->run_id;
    load->facts.ended = clock_format(load->ended_us - load->ended_us % US_PER_SECOND, ended);
    snprintf(command, sizeof command,
             "holdfast reconcile report %.40s --out FILE\n"
             "holdfast reconcile run --gateway %.80s --wait",
             load->run_id, load->gateway);
    load->facts.command = command;
    struct report_page *page = report_page_new(language, REPORT_BREAKS_SHOWN, load->ended_us);
    r = load_sources(load, err);
    r = r < 0 ? r : add_breaks(load, page, err);
    r = r < 0 ? r : report_page_write(page, &load->facts, html, err);
    report_page_free(page);
    return r;
}

int report_run_page(struct store_tx *tx, const char *run_id, enum report_language language,
                    struct buf *html, struct err *err) {
    ARENA_AUTO arena = arena_new(FIGURES_BYTES_MAX);
    struct run_page *load = g_new0(struct run_page, 1);
    load->tx = tx;
    load->arena = arena;
    load->run_id = run_id;
    load->sums = g_array_new(false, false, sizeof(struct match_sum));
    load->books = g_array_new(false, false, sizeof(struct run_book));
    load->balances = g_array_new(false, false, sizeof(struct run_balance));
    int r = make_page(load, language, html, err);
    g_array_free(load->sums, true);
    g_array_free(load->books, true);
    g_array_free(load->balances, true);
    g_free(load);
    return r;
}
