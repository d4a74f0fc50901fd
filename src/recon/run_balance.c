/* SPDX-License-Identifier: Apache-2.0
 * run_balance.c: the balances that a gateway's statements tell, against our books. */
#include "recon/run_balance.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
    STATEMENTS_A_WRITE = 50,
    CHAIN_CHARS_MAX = 2 * ROW_ID_CHARS_MAX,
    BALANCES_BYTES_MAX = 16 * 1024,
};

/* ---- keeping what statements tell ---- */

struct told {
    char statement[ID_TEXT_MAX], chain[CHAIN_CHARS_MAX];
    struct currency currency;
    int64_t opening_minor, closing_minor, moved_minor, from_us, until_us, sequence;
};

struct keeping {
    struct run *run;
    GArray *told; /* struct told */
};

static int add_told(struct keeping *keeping, const struct sql_rows *rows, struct err *err) {
    JSON_AUTO balances = NULL;
    const char *text = sql_text(rows, 1);
    size_t i;
    json_t *one;
    int r = json_read(text, strlen(text), BALANCES_BYTES_MAX, JSON_DEPTH_MAX, &balances, err);
    if (r < 0) {
        return err_set(err, ERR_STORE_CORRUPT, "the balances of %.40s are no JSON",
                       sql_text(rows, 0));
    }
    json_array_foreach(balances, i, one) {
        const json_t *opening = json_object_get(one, "opening");
        const json_t *closing = json_object_get(one, "closing");
        if (!json_is_integer(opening) || !json_is_integer(closing)) {
            continue;
        }
        struct told told = {
            .currency = currency_stored(json_peek_text(one, "currency", NULL)),
            .opening_minor = json_integer_value(opening),
            .closing_minor = json_integer_value(closing),
            .from_us = sql_int(rows, 2),
            .until_us = sql_int(rows, 3),
            .sequence = sql_int(rows, 4),
        };
        snprintf(told.statement, sizeof told.statement, "%s", sql_text(rows, 0));
        snprintf(told.chain, sizeof told.chain, "%s %s", sql_text(rows, 5), sql_text(rows, 6));
        g_array_append_val(keeping->told, told);
    }
    return 0;
}

/* What its rows come to, and where they lie in time when the file does not say what it covers. */
static int add_rows(struct store_tx *tx, struct told *told, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(COALESCE(net_minor, gross_minor - "
                      "COALESCE(fee_minor, 0))), 0) AS bigint), COALESCE(MIN(at_us), 0), "
                      "COALESCE(MAX(at_us), 0) FROM statement_row WHERE statement_id = $1 AND "
                      "currency = $2 AND status = 1 AND kind <> 16",
                      S_TEXT(told->statement), S_TEXT(told->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    told->moved_minor = sql_int(rows, 0);
    if (told->until_us == 0) {
        told->from_us = sql_int(rows, 1);
        told->until_us = sql_int(rows, 2);
    }
    return 0;
}
static_assert(ROW_AUTHORIZATION == 16 && ROW_DONE == 1, "the numbers above");

static int read_told_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct keeping *keeping = ctx;
    SQL_ROWS_AUTO rows = NULL;
    g_array_set_size(keeping->told, 0);
    int r = sql_query(tx, err, &rows,
                      "SELECT id, balances, from_us, until_us, sequence, reader, account FROM "
                      "statement WHERE gateway = $1 AND state = 2 AND booked <> 1 AND balances <> "
                      "'[]' ORDER BY id",
                      S_TEXT(keeping->run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = add_told(keeping, rows, err);
    }
    sql_rows_free(rows);
    rows = NULL;
    for (guint i = 0; r >= 0 && i < keeping->told->len; i++) {
        r = add_rows(tx, &g_array_index(keeping->told, struct told, i), err);
    }
    return r < 0 ? r : 0;
}

struct keeping_piece {
    const struct keeping *keeping;
    guint from, until;
};

static int keep_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct keeping_piece *piece = ctx;
    int r = 0;
    for (guint i = piece->from; r >= 0 && i < piece->until; i++) {
        const struct told *told = &g_array_index(piece->keeping->told, struct told, i);
        r = sql_put(tx, err,
                    "INSERT INTO statement_balance (statement_id, currency, gateway, chain, "
                    "opening_minor, closing_minor, moved_minor, from_us, until_us, sequence) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                    S_TEXT(told->statement), S_TEXT(told->currency.code),
                    S_TEXT(piece->keeping->run->request->gateway), S_TEXT(told->chain),
                    S_INT(told->opening_minor), S_INT(told->closing_minor),
                    S_INT(told->moved_minor), S_INT(told->from_us), S_INT(told->until_us),
                    S_INT(told->sequence));
    }
    return r;
}

int run_balances_keep(struct run *run, struct err *err) {
    struct keeping keeping = {.run = run, .told = g_array_new(false, false, sizeof(struct told))};
    int r = store_read(run->store, read_told_tx, &keeping, err);
    for (guint at = 0; r >= 0 && at < keeping.told->len; at += STATEMENTS_A_WRITE) {
        struct keeping_piece piece = {&keeping, at,
                                      MIN(at + STATEMENTS_A_WRITE, keeping.told->len)};
        r = store_write(run->store, keep_tx, &piece, err);
    }
    g_array_free(keeping.told, true);
    return r < 0 ? r : 0;
}

/* ---- sums ---- */

static int add_to(int64_t *sum, int64_t minor, struct err *err) {
    return money_add(*sum, minor, sum)
               ? 0
               : err_set(err, ERR_AMOUNT, "balances do not fit into 64 bits together");
}

static int take_off(int64_t *sum, int64_t minor, struct err *err) {
    return money_sub(*sum, minor, sum)
               ? 0
               : err_set(err, ERR_AMOUNT, "balances do not fit into 64 bits together");
}

static struct run_balance *balance_of(struct run_figures *figures, struct currency currency) {
    for (int i = 0; i < figures->balance_count; i++) {
        if (currency_equal(figures->balances[i].currency, currency)) {
            return &figures->balances[i];
        }
    }
    return NULL;
}

static int balance_new(struct run_figures *figures, struct currency currency,
                       struct run_balance **ret_balance, struct err *err) {
    *ret_balance = balance_of(figures, currency);
    if (*ret_balance != NULL) {
        return 0;
    }
    if (figures->balance_count == RUN_CURRENCIES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "more than %d currencies in one account",
                       RUN_CURRENCIES_MAX);
    }
    *ret_balance = &figures->balances[figures->balance_count++];
    **ret_balance = (struct run_balance){.currency = currency};
    return 0;
}

/* The first that breaks it is told. */
static void broken(struct run_balance *balance, const char *text) {
    if (balance->broken_by[0] == '\0') {
        snprintf(balance->broken_by, sizeof balance->broken_by, "%s", text);
    }
}

/* ---- their chain ---- */

static bool same_chain(const struct told *a, const struct told *b) {
    return currency_equal(a->currency, b->currency) && strcmp(a->chain, b->chain) == 0;
}

/* Of statements that begin at one moment, the one that goes on where the one before ended. */
static void order_chain(GArray *told) {
    for (guint i = 0; i + 1 < told->len; i++) {
        struct told *all = (struct told *)(void *)told->data;
        guint next = i + 1;
        for (guint k = next; k < told->len && same_chain(&all[i], &all[k]) &&
                             all[k].from_us == all[next].from_us;
             k++) {
            if (all[k].opening_minor == all[i].closing_minor) {
                struct told moved = all[k];
                all[k] = all[next];
                all[next] = moved;
                break;
            }
        }
    }
}

static int link_two(struct run_balance *balance, const struct told *before, const struct told *next,
                    struct err *err) {
    char ended[MONEY_TEXT_MAX], begins[MONEY_TEXT_MAX], text[RUN_BROKEN_CHARS_MAX + 1];
    if (before->closing_minor == next->opening_minor) {
        return 0;
    }
    snprintf(text, sizeof text, "statement %s begins with %s, and %s before it ended with %s",
             next->statement, money_show(next->opening_minor, next->currency, begins),
             before->statement, money_show(before->closing_minor, before->currency, ended));
    broken(balance, text);
    int r = add_to(&balance->items_minor[RUN_ITEM_GAPS], next->opening_minor, err);
    return r < 0 ? r : take_off(&balance->items_minor[RUN_ITEM_GAPS], before->closing_minor, err);
}

static int add_statement(struct run_balance *balance, const struct told *told, struct err *err) {
    char rows[MONEY_TEXT_MAX], moved[MONEY_TEXT_MAX], text[RUN_BROKEN_CHARS_MAX + 1];
    int64_t change = 0, apart = 0;
    int r = add_to(&balance->rows_minor, told->moved_minor, err);
    if (r < 0) {
        return r;
    }
    if (!money_sub(told->closing_minor, told->opening_minor, &change) ||
        !money_sub(change, told->moved_minor, &apart)) {
        return err_set(err, ERR_AMOUNT, "the balances of %s do not fit into 64 bits",
                       told->statement);
    }
    if (apart != 0) {
        snprintf(text, sizeof text, "the rows of statement %s come to %s, and its balances to %s",
                 told->statement, money_show(told->moved_minor, told->currency, rows),
                 money_show(change, told->currency, moved));
        broken(balance, text);
    }
    return add_to(&balance->items_minor[RUN_ITEM_ROWS], apart, err);
}

static int walk_chains(struct run_figures *figures, const GArray *all, struct err *err) {
    int r = 0;
    for (guint i = 0; r >= 0 && i < all->len; i++) {
        const struct told *told = &g_array_index(all, struct told, i);
        const struct told *before = i > 0 ? told - 1 : NULL;
        bool first = before == NULL || !same_chain(before, told);
        bool last = i + 1 == all->len || !same_chain(told, told + 1);
        struct run_balance *balance = NULL;
        r = balance_new(figures, told->currency, &balance, err);
        r = r < 0 || first ? r : link_two(balance, before, told, err);
        r = r < 0 ? r : add_statement(balance, told, err);
        r = r < 0 || !first ? r : add_to(&balance->opening_minor, told->opening_minor, err);
        r = r < 0 || !last ? r : add_to(&balance->closing_minor, told->closing_minor, err);
    }
    return r;
}

static int read_chains(struct run *run, struct store_tx *tx, GArray *all, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT b.statement_id, b.currency, b.chain, b.opening_minor, "
                      "b.closing_minor, b.moved_minor, b.from_us FROM statement_balance b JOIN "
                      "statement s ON s.id = b.statement_id WHERE b.gateway = $1 AND s.state = 2 "
                      "AND s.booked = 1 ORDER BY b.currency, b.chain, b.from_us, b.until_us, "
                      "b.sequence, b.statement_id",
                      S_TEXT(run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct told told = {
            .currency = currency_stored(sql_text(rows, 1)),
            .opening_minor = sql_int(rows, 3),
            .closing_minor = sql_int(rows, 4),
            .moved_minor = sql_int(rows, 5),
            .from_us = sql_int(rows, 6),
        };
        snprintf(told.statement, sizeof told.statement, "%s", sql_text(rows, 0));
        snprintf(told.chain, sizeof told.chain, "%s", sql_text(rows, 2));
        g_array_append_val(all, told);
    }
    order_chain(all);
    return r < 0 ? r : 0;
}

/* ---- what the two differ by ---- */

static enum run_item item_of_posting(int64_t class, int64_t kind) {
    if (class > 0 && class < CLASS_COUNT) {
        return (enum run_item)class;
    }
    switch (kind) {
    case POST_FEE:
    case POST_DISPUTE_FEE:
    case POST_DISPUTE_FEE_BACK:
    case POST_OWN_FEE:
    case POST_OWN_FEE_BACK:
    case POST_STATEMENT_FEE:
    case POST_STATEMENT_FEE_BACK:
    case POST_FEE_TAKEN_BACK:
        return RUN_ITEM_FEES;
    case POST_WRITE_OFF:
    case POST_WRITE_OFF_GAIN:
        return RUN_ITEM_WRITE_OFFS;
    case POST_BANK_CHARGE: /* of a payout that is within the tolerance by it */
    case POST_BANK_CHARGE_BACK:
        return (enum run_item)CLASS_MATCHED_TOLERANCE;
    default:
        return RUN_ITEM_STEPS;
    }
}

/* By the class of the movement that a posting is or belongs to. What is given up of a transfer that
 * came short (its cause is the attempt) is a step from the deposits to the charge. */
#define OUR_LEGS                                                                                   \
    "SELECT currency, class, kind, CAST(SUM(signed) AS bigint) FROM (SELECT p.currency, "          \
    "COALESCE(m.class, CASE WHEN b.id IS NULL THEN NULL ELSE (SELECT MAX(n.class) FROM movement "  \
    "n WHERE n.side = 1 AND n.id IN " BANK_POSTINGS("b.id") ") END, 0) AS class, CASE WHEN "       \
    "p.kind = 13 AND p.journal_id LIKE 'att!_%' ESCAPE '!' THEN 22 ELSE p.kind END AS kind, CASE " \
    "WHEN p.debit_account = $1 THEN p.amount_minor ELSE -p.amount_minor END AS signed FROM "       \
    "posting p LEFT JOIN movement m ON m.side = 1 AND m.id = p.id LEFT JOIN bank_row b ON b.id = " \
    "p.journal_id WHERE (p.debit_account = $1 OR p.credit_account = $1) AND p.at_us < $2) AS legs "\
    "GROUP BY currency, class, kind ORDER BY currency, class, kind"

static int add_ours(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, OUR_LEGS, S_TEXT(run->account),
                      S_INT(run->request->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct run_balance *balance = balance_of(run->figures, currency_stored(sql_text(rows, 0)));
        if (balance == NULL) {
            continue; /* no statement tells a balance of it */
        }
        int64_t minor = sql_int(rows, 3);
        enum run_item item = item_of_posting(sql_int(rows, 1), sql_int(rows, 2));
        r = add_to(&balance->ours_minor, minor, err);
        r = r < 0 ? r : take_off(&balance->items_minor[item], minor, err);
    }
    return r;
}

/* Fees apart from what they were kept from: a row's own; all of a row that is the fee of a payment;
 * but a gateway's own fee is no part of anything. */
#define FEE_PART                                                                                   \
    "CASE WHEN " FEE_OF_PAYMENT " THEN -COALESCE(r.net_minor, r.gross_minor - "                    \
    "COALESCE(r.fee_minor, 0)) WHEN r.kind IN (6, 7) THEN 0 ELSE COALESCE(r.fee_minor, 0) END"
/* Rows whose statement tells no balance are counted once more, the other way: they are part of no
 * closing. */
#define THEIR_ROWS                                                                                 \
    "SELECT currency, class, told, CAST(SUM(net + fee) AS bigint), CAST(SUM(fee) AS bigint) FROM " \
    "(SELECT r.currency, COALESCE(m.class, 5) AS class, CASE WHEN EXISTS (SELECT 1 FROM "          \
    "statement_balance t WHERE t.statement_id = s.id AND t.currency = r.currency) THEN 1 ELSE 0 "  \
    "END AS told, COALESCE(r.net_minor, r.gross_minor - COALESCE(r.fee_minor, 0)) AS net, "        \
    FEE_PART " AS fee FROM statement s JOIN statement_row r ON r.statement_id = s.id LEFT JOIN "   \
    "movement m ON m.side = 2 AND m.id = r.statement_id || '#' || CAST(r.number AS text) WHERE "   \
    "s.gateway = $1 AND s.state = 2 AND "                                                          \
    "s.booked = 1 AND r.status = 1 AND r.kind <> 16) AS rows_of GROUP BY currency, class, told "   \
    "ORDER BY currency, class, told"
static_assert(CLASS_GATEWAYS_OWN == 5 && ROW_FEE == 6 && ROW_TAX == 7, "the numbers above");

static int add_theirs(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, THEIR_ROWS, S_TEXT(run->request->gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct run_balance *balance = balance_of(run->figures, currency_stored(sql_text(rows, 0)));
        int64_t class = sql_int(rows, 1), gross = sql_int(rows, 3), fee = sql_int(rows, 4);
        if (balance == NULL || class < 0 || class >= CLASS_COUNT) {
            continue;
        }
        r = add_to(&balance->items_minor[class], gross, err);
        r = r < 0 ? r : take_off(&balance->items_minor[RUN_ITEM_FEES], fee, err);
        if (r >= 0 && sql_int(rows, 2) == 0) {
            r = take_off(&balance->items_minor[RUN_ITEM_UNTOLD], gross, err);
            r = r < 0 ? r : add_to(&balance->items_minor[RUN_ITEM_UNTOLD], fee, err);
        }
    }
    return r;
}

/* ---- the verdict ---- */

/* Rows that were put together, or stand alone, in a class of which the two sides are no longer the
 * same: one of them. */
#define APART                                                                                      \
    "SELECT MIN(id), CAST(SUM(signed) AS bigint) FROM (SELECT m.id, CASE WHEN m.match_id = '' "    \
    "THEN m.id ELSE m.match_id END AS together, CASE WHEN p.debit_account = $2 THEN "              \
    "-p.amount_minor ELSE p.amount_minor END AS signed FROM movement m JOIN posting p ON p.id = "  \
    "m.id WHERE m.gateway = $1 AND m.side = 1 AND m.class = $3 AND p.currency = $4 UNION ALL "     \
    "SELECT m.id, CASE WHEN m.match_id = '' THEN m.id ELSE m.match_id END, COALESCE(r.net_minor, " \
    "r.gross_minor - COALESCE(r.fee_minor, 0)) + " FEE_PART " FROM movement m JOIN "              \
    "statement_row r ON r.statement_id = m.statement_id AND r.number = m.number WHERE "            \
    "m.gateway = $1 AND m.side = 2 AND m.class = $3 "                                              \
    "AND r.currency = $4 AND r.status = 1) AS sides GROUP BY together HAVING SUM(signed) <> 0 "    \
    "ORDER BY 1 LIMIT 1"

static int tell_row(struct run *run, struct store_tx *tx, struct run_balance *balance, int item,
                    struct err *err) {
    char text[RUN_BROKEN_CHARS_MAX + 1], money[MONEY_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, APART, S_TEXT(run->request->gateway), S_TEXT(run->account),
                      S_INT(item), S_TEXT(balance->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    snprintf(text, sizeof text, "%s is %s, and what was put together there is %s apart",
             r > 0 ? sql_text(rows, 0) : "a row", run_item_name(item),
             money_show(r > 0 ? sql_int(rows, 1) : balance->items_minor[item], balance->currency,
                        money));
    broken(balance, text);
    return 0;
}

static int judge(struct run *run, struct store_tx *tx, struct run_balance *balance,
                 struct err *err) {
    char text[RUN_BROKEN_CHARS_MAX + 1], money[MONEY_TEXT_MAX];
    int r = add_to(&balance->items_minor[RUN_ITEM_BEFORE], balance->opening_minor, err);
    balance->proved = true;
    for (int item = 0; r >= 0 && item < (int)RUN_ITEM_COUNT; item++) {
        int64_t minor = balance->items_minor[item];
        if (minor == 0 || run_item_explains(item)) {
            continue;
        }
        balance->proved = false;
        r = add_to(&balance->unexplained_minor, minor, err);
        if (r >= 0 && item < CLASS_COUNT) {
            r = tell_row(run, tx, balance, item, err);
        } else if (item == RUN_ITEM_STEPS) {
            snprintf(text, sizeof text, "postings that are no movement come to %s",
                     money_show(-minor, balance->currency, money));
            broken(balance, text);
        }
    }
    return r;
}

/* Not while rows of a statement that no longer counts are still put together with ours. */
static int is_moment(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT 1 FROM statement WHERE gateway = $1 AND state IN (3, 5) AND booked "
                      "<> 0 LIMIT 1",
                      S_TEXT(run->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    run->figures->balances_later = r > 0;
    return r < 0 ? r : r == 0;
}

static int prove_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    struct run_figures *figures = run->figures;
    GArray *all = g_array_new(false, false, sizeof(struct told));
    figures->balance_count = 0;
    int r = is_moment(run, tx, err);
    bool now = r > 0;
    r = r < 0 || !now ? r : read_chains(run, tx, all, err);
    r = r < 0 ? r : walk_chains(figures, all, err);
    if (r >= 0 && figures->balance_count > 0) {
        r = add_ours(run, tx, err);
        r = r < 0 ? r : add_theirs(run, tx, err);
    }
    for (int i = 0; r >= 0 && i < figures->balance_count; i++) {
        r = judge(run, tx, &figures->balances[i], err);
    }
    g_array_free(all, true);
    return r < 0 ? r : 0;
}

int run_balances_prove(struct run *run, struct err *err) {
    return store_read(run->store, prove_tx, run, err);
}

/* ---- telling ---- */

static void add_items(const struct run_balance *balance, struct buf *buf) {
    bool first = true;
    for (int item = 0; item < (int)RUN_ITEM_COUNT; item++) {
        if (balance->items_minor[item] != 0) {
            buf_addf(buf, "%s{\"item\":\"%s\",\"amount\":%lld,\"explains\":%s}", first ? "" : ",",
                     run_item_name(item), (long long)balance->items_minor[item],
                     run_item_explains(item) ? "true" : "false");
            first = false;
        }
    }
}

void run_balances_json(const struct run_figures *figures, struct buf *buf) {
    buf_addf(buf, "\"balances_later\":%s,\"balances\":[",
             figures->balances_later ? "true" : "false");
    for (int i = 0; i < figures->balance_count; i++) {
        const struct run_balance *balance = &figures->balances[i];
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"opening\":%lld,\"rows\":%lld,\"closing\":%lld,"
                 "\"ours\":%lld,\"items\":[",
                 i > 0 ? "," : "", balance->currency.code, (long long)balance->opening_minor,
                 (long long)balance->rows_minor, (long long)balance->closing_minor,
                 (long long)balance->ours_minor);
        add_items(balance, buf);
        buf_addf(buf, "],\"unexplained\":%lld,\"proved\":%s,\"broken_by\":",
                 (long long)balance->unexplained_minor, balance->proved ? "true" : "false");
        if (balance->broken_by[0] != '\0') {
            buf_add_json(buf, balance->broken_by);
        } else {
            buf_add_text(buf, "null");
        }
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}
