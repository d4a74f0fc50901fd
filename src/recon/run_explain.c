/* SPDX-License-Identifier: Apache-2.0
 * run_explain.c: why a movement is where it is (run_look.h).
 *
 * A run keeps where each movement went, not all that it saw. So what bears on the movement is read
 * again (what it was put together with, whatever has one of its names, and what has its very amount
 * in the days around it), the rules are tried on that, and their words are told. Should they lead
 * somewhere else than the run's, because something came in since, both are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "match/match_set.h"
#include "recon/break_desk_impl.h"
#include "recon/payouts.h"
#include "recon/run_impl.h"
#include "recon/run_look.h"

enum { NEAR_MAX = 1000, LEGEND_MAX = 60, TEXT_BYTES_MAX = 1024 * 1024 };
#define AROUND_US (INT64_C(4) * 24 * 3600 * US_PER_SECOND)

struct explaining {
    struct recon *recon;
    const char *id;
    struct arena *arena;
    struct run run;
    struct run_request request;
    struct match_options options;
    struct run_rules rules; /* as they were tried */
    GHashTable *known; /* ids of both sides */
    enum match_side side;
    guint row; /* of that side: the one that is asked about */
    /* as the store has it */
    bool looked_at;
    int64_t class, at_us, run_us, due_us;
    const char *gateway, *rule, *match_id, *run_id, *break_id, *break_state,
        *break_detail;
    struct match_set *set;   /* the rules that the run went by */
    bool rules_changed;      /* others are in force now; by those it would be */
    enum match_class by_now; /* this */
    struct answer *answer;
};

/* ---- the movement ---- */

static const char *copy(const struct explaining *asked, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    return text != NULL ? arena_copy(asked->arena, text) : "";
}

static int load_movement(struct explaining *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT m.gateway, m.class, m.rule, m.match_id, m.run_id, m.at_us, m.due_us, "
                      "COALESCE(x.begun_us, 0), COALESCE(x.rules, '') FROM movement m LEFT JOIN "
                      "reconciliation x ON x.id = m.run_id WHERE m.side = $1 AND m.id = $2",
                      S_INT((int64_t)asked->side + 1), S_TEXT(asked->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    asked->looked_at = true;
    asked->gateway = copy(asked, rows, 0);
    asked->class = sql_int(rows, 1);
    asked->rule = copy(asked, rows, 2);
    asked->match_id = copy(asked, rows, 3);
    asked->run_id = copy(asked, rows, 4);
    asked->at_us = sql_int(rows, 5);
    asked->due_us = sql_int(rows, 6);
    asked->run_us = sql_int(rows, 7);
    return match_set_parse(sql_text(rows, 8), asked->set, err);
}

static int load_break(struct explaining *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT b.id, b.state, b.detail FROM recon_break_member m JOIN recon_break b "
                      "ON b.id = m.break_id WHERE m.movement_id = $1 ORDER BY b.state, b.id DESC "
                      "LIMIT 1",
                      S_TEXT(asked->id));
    r = r < 0 ? r : sql_next(rows, err);
    asked->break_id = r > 0 ? copy(asked, rows, 0) : "";
    asked->break_detail = r > 0 ? copy(asked, rows, 2) : "";
    asked->break_state = r > 0 ? break_state_name(sql_int(rows, 1)) : "";
    return r < 0 ? r : 0;
}

/* ---- what bears on it ---- */

static int keep_new(struct explaining *asked, enum match_side side, const char *id,
                    const struct sql_rows *rows, int due_column, struct err *err) {
    if (!g_hash_table_add(asked->known, (gpointer)(uintptr_t)arena_copy(asked->arena, id))) {
        return 0;
    }
    int r = side == OURS ? recon_add_ours(&asked->run, rows, err)
                         : recon_add_theirs(&asked->run, rows, err);
    GArray *all = asked->run.sides[side].rows;
    if (r < 0 || all->len == 0) {
        return r;
    }
    struct match_row *row = &g_array_index(all, struct match_row, all->len - 1);
    row->number = all->len;
    if (side == OURS && sql_int(rows, due_column) > 0) {
        row->due_us = sql_int(rows, due_column);
    }
    if (side == asked->side && strcmp(id, asked->id) == 0) {
        asked->row = all->len - 1;
    }
    return 0;
}

/* Of ours: in the group, by a name of an attempt, operation or dispute, or of the very amount. */
#define OURS_OF(ids)                                                                               \
    OUR_COLUMNS "1, 0, COALESCE((SELECT m.due_us FROM movement m WHERE m.side = 1 AND m.id = "     \
                "p.id), 0) FROM posting p " OUR_TABLES "WHERE p.kind IN " OUR_MOVEMENTS            \
                " AND (p.debit_account = $1 OR p.credit_account = $1) AND (p.kind NOT IN (21, 22)" \
                " OR br.id IS NOT NULL)" OUR_ONES "AND " ids                                       \
                " ORDER BY p.id LIMIT 1000"

static int add_ours(struct explaining *asked, struct sql_rows *rows, int r, struct err *err) {
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        r = keep_new(asked, OURS, sql_text(rows, 0), rows, OUR_COLUMN_COUNT + 2, err);
    }
    return r < 0 ? r : 0;
}

static int ours_of_group(struct explaining *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      OURS_OF("(p.id = $2 OR p.id IN (SELECT m.id FROM movement m WHERE m.side = 1 "
                              "AND m.match_id <> '' AND m.match_id = $3))"),
                      S_TEXT(asked->run.account), S_TEXT(asked->id), S_TEXT(asked->match_id));
    return add_ours(asked, rows, r, err);
}

static int ours_by_name(struct explaining *asked, struct store_tx *tx, const char *gateway_id,
                        const char *reference, const char *original_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        OURS_OF(
            "p.journal_id IN (SELECT a.id FROM attempt a WHERE a.id = $3 UNION SELECT a.id FROM "
            "attempt a WHERE a.charge_id <> '' AND a.charge_id IN ($2, $4) UNION SELECT a.id "
            "FROM attempt a WHERE a.gateway_id <> '' AND a.gateway_id IN ($2, $4) UNION SELECT "
            "o.id FROM operation o WHERE o.id = $3 UNION SELECT o.id FROM operation o WHERE "
            "o.refund_id <> '' AND o.refund_id = $2 UNION SELECT o.id FROM operation o JOIN "
            "attempt a ON a.id = o.attempt_id WHERE a.charge_id <> '' AND a.charge_id IN ($2, "
            "$4) UNION SELECT d.id FROM dispute d WHERE d.gateway_id <> '' AND d.gateway_id = "
            "$2)"),
        S_TEXT(asked->run.account), S_TEXT(gateway_id), S_TEXT(reference), S_TEXT(original_id));
    return add_ours(asked, rows, r, err);
}

static int ours_by_amount(struct explaining *asked, struct store_tx *tx,
                          const struct match_row *row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t amount = row->amount_minor < 0 ? -row->amount_minor : row->amount_minor;
    int r = sql_query(tx, err, &rows,
                      OURS_OF("p.at_us >= $2 AND p.at_us <= $3 AND p.amount_minor = $4 AND "
                              "p.currency = $5"),
                      S_TEXT(asked->run.account), S_INT(row->at_us - AROUND_US),
                      S_INT(row->at_us + AROUND_US), S_INT(amount), S_TEXT(row->currency.code));
    return add_ours(asked, rows, r, err);
}

#define THEIRS_OF(ids)                                                                             \
    THEIR_COLUMNS "1, 0 FROM statement_row r JOIN statement s ON s.id = r.statement_id WHERE "     \
                  "s.gateway = $1 AND s.state = 2 AND " ids                                        \
                  " ORDER BY r.statement_id, r.number LIMIT 1000"

static int add_theirs(struct explaining *asked, struct sql_rows *rows, int r, struct err *err) {
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char id[MOVEMENT_ID_CHARS_MAX + 1];
        snprintf(id, sizeof id, "%s#%lld", sql_text(rows, 0), (long long)sql_int(rows, 1));
        r = keep_new(asked, THEIRS, id, rows, 0, err);
    }
    return r < 0 ? r : 0;
}

static int theirs_of_group(struct explaining *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      THEIRS_OF("EXISTS (SELECT 1 FROM movement m WHERE m.side = 2 AND "
                                "m.id = r.statement_id || '#' || CAST(r.number AS text) AND (m.id "
                                "= $2 OR (m.match_id <> '' AND m.match_id = $3))) AND "
                                "r.statement_id IN (SELECT m.statement_id FROM movement m WHERE "
                                "m.side = 2 AND (m.id = $2 OR (m.match_id <> '' AND m.match_id = "
                                "$3)))"),
                      S_TEXT(asked->gateway), S_TEXT(asked->id), S_TEXT(asked->match_id));
    return add_theirs(asked, rows, r, err);
}

static int theirs_by_name(struct explaining *asked, struct store_tx *tx, const char *gateway_id,
                          const char *reference, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      THEIRS_OF("((r.gateway_id <> '' AND r.gateway_id = $2) OR (r.reference <> '' "
                                "AND r.reference = $3))"),
                      S_TEXT(asked->gateway), S_TEXT(gateway_id), S_TEXT(reference));
    return add_theirs(asked, rows, r, err);
}

static int theirs_by_amount(struct explaining *asked, struct store_tx *tx,
                            const struct match_row *row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      THEIRS_OF("EXISTS (SELECT 1 FROM movement m WHERE m.side = 2 AND "
                                "m.id = r.statement_id || '#' || CAST(r.number AS text) AND "
                                "m.at_us >= $2 AND m.at_us <= $3) AND r.gross_minor = $4 AND "
                                "r.currency = $5"),
                      S_TEXT(asked->gateway), S_INT(row->at_us - AROUND_US),
                      S_INT(row->at_us + AROUND_US), S_INT(row->amount_minor),
                      S_TEXT(row->currency.code));
    return add_theirs(asked, rows, r, err);
}

static int attempts_by_name(struct explaining *asked, struct store_tx *tx, const char *gateway_id,
                            const char *reference, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT a.id, a.payment_id, a.state, a.amount_minor, a.currency, a.created_us, "
        "a.charge_id, a.gateway_id FROM attempt a WHERE a.gateway = $1 AND a.id IN (SELECT x.id "
        "FROM attempt x WHERE x.id = $3 UNION SELECT x.id FROM attempt x WHERE x.charge_id <> '' "
        "AND x.charge_id = $2 UNION SELECT x.id FROM attempt x WHERE x.gateway_id <> '' AND "
        "x.gateway_id = $2) AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.id IN " CHARGED_AS(
            "a.id") " AND " NOT_TAKEN_BACK
        ") AND NOT EXISTS (SELECT 1 FROM operation o WHERE "
        "o.attempt_id = a.id AND o.kind = 1 AND o.state = 4) ORDER BY a.id LIMIT 100",
        S_TEXT(asked->gateway), S_TEXT(gateway_id), S_TEXT(reference));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *id = arena_copy(asked->arena, sql_text(rows, 0));
        if (g_hash_table_add(asked->known, (gpointer)(uintptr_t)id)) {
            r = recon_add_passing(&asked->run, rows, err);
            GArray *all = asked->run.sides[OURS].rows;
            g_array_index(all, struct match_row, all->len - 1).number = all->len;
        }
    }
    return r < 0 ? r : 0;
}

/* What the rows so far are called leads to others of that name. */
static int add_named(struct explaining *asked, struct store_tx *tx, struct err *err) {
    int r = 0;
    for (int side = OURS; side < MATCH_SIDES; side++) {
        guint count = asked->run.sides[side].rows->len;
        for (guint i = 0; r >= 0 && i < count && i < NEAR_MAX; i++) {
            const struct match_row row = g_array_index(asked->run.sides[side].rows,
                                                       struct match_row, i);
            r = ours_by_name(asked, tx, row.gateway_id.bytes, row.reference.bytes,
                             row.original_id.bytes, err);
            r = r < 0 ? r
                      : theirs_by_name(asked, tx, row.gateway_id.bytes, row.reference.bytes, err);
            r = r < 0 || side == OURS
                    ? r
                    : attempts_by_name(asked, tx, row.gateway_id.bytes, row.reference.bytes, err);
        }
    }
    return r;
}

/* Of a bank's line or a payout: what may be part of a sum with it. */
static int open_at_bank(struct explaining *asked, struct store_tx *tx, int64_t at_us,
                        struct err *err) {
    int64_t from_us = at_us - PAYOUT_AFTER_US - PAYOUT_BEFORE_US;
    int64_t until_us = at_us + PAYOUT_AFTER_US + PAYOUT_BEFORE_US;
    SQL_ROWS_AUTO ours = NULL;
    SQL_ROWS_AUTO theirs = NULL;
    int r = sql_query(tx, err, &ours,
                      OURS_OF("ob.due_id = p.id AND ob.at_us >= $2 AND ob.at_us <= $3 AND NOT "
                              "EXISTS (SELECT 1 FROM movement m WHERE m.side = 1 AND m.id = p.id "
                              "AND m.open IS NULL)"),
                      S_TEXT(asked->run.account), S_INT(from_us), S_INT(until_us));
    r = add_ours(asked, ours, r, err);
    r = r < 0 ? r
              : sql_query(tx, err, &theirs,
                          THEIRS_OF("r.kind IN (14, 15) AND r.at_us >= $2 AND r.at_us <= $3 AND "
                                    "EXISTS (SELECT 1 FROM movement m WHERE m.side = 2 AND "
                                    "m.id = r.statement_id || '#' || CAST(r.number AS text) AND "
                                    "m.open = 1)"),
                          S_TEXT(asked->gateway), S_INT(from_us), S_INT(until_us));
    return r < 0 ? r : add_theirs(asked, theirs, r, err);
}
static_assert(ROW_BANK_CREDIT == 14 && ROW_BANK_DEBIT == 15, "the numbers above");

static int load_near(struct explaining *asked, struct store_tx *tx, struct err *err) {
    asked->row = G_MAXUINT;
    int r = ours_of_group(asked, tx, err);
    r = r < 0 ? r : theirs_of_group(asked, tx, err);
    if (r < 0 || asked->row == G_MAXUINT) {
        return r < 0 ? r
                     : err_set(err, ERR_NOT_FOUND, "movement %.120s is not in the store any more",
                               asked->id);
    }
    const struct match_row row = g_array_index(asked->run.sides[asked->side].rows, struct match_row,
                                               asked->row);
    r = add_named(asked, tx, err);
    bool of_bank = row.kind == ROW_BANK_CREDIT || row.kind == ROW_BANK_DEBIT;
    if (r >= 0 && (of_bank || g_array_index(asked->run.sides[asked->side].names, struct side_row,
                                            asked->row).sender[0] != '\0')) {
        r = open_at_bank(asked, tx, row.at_us, err);
    }
    r = r < 0 || row.at_us == 0 ? r : ours_by_amount(asked, tx, &row, err);
    return r < 0 || row.at_us == 0 ? r : theirs_by_amount(asked, tx, &row, err);
}

/* ---- telling ---- */

static void add_line(struct buf *buf, bool *first, const char *line, size_t count) {
    char text[1200];
    snprintf(text, sizeof text, "%.*s", (int)(count < 1100 ? count : 1100), line);
    buf_add_text(buf, *first ? "" : ",");
    buf_add_json(buf, text);
    *first = false;
}

static void add_lines(struct buf *buf, const char *text, bool *first) {
    while (*text != '\0') {
        size_t count = strcspn(text, "\n");
        if (count > 0) {
            add_line(buf, first, text, count);
        }
        text += count + (text[count] == '\n');
    }
}

static void add_legend(struct buf *buf, const struct explaining *asked) {
    int told = 0;
    buf_add_text(buf, ",\"rows\":[");
    for (int side = OURS; side < MATCH_SIDES; side++) {
        const struct side *all = &asked->run.sides[side];
        for (guint i = 0; i < all->rows->len && told < LEGEND_MAX; i++, told++) {
            const struct match_row *row = &g_array_index(all->rows, struct match_row, i);
            char at[CLOCK_TEXT_MAX];
            buf_addf(buf, "%s{\"name\":\"%s %u\",\"id\":", told > 0 ? "," : "",
                     side == OURS ? "ours" : "theirs", i + 1);
            buf_add_json(buf, g_array_index(all->names, struct side_row, i).id);
            buf_addf(buf, ",\"kind\":\"%s\",\"status\":\"%s\",\"currency\":\"%s\",\"amount\":%lld",
                     row_kind_name(row->kind), row_status_name(row->status), row->currency.code,
                     (long long)row->amount_minor);
            if (row->at_us != 0) {
                buf_addf(buf, ",\"at\":\"%s\"", clock_format(row->at_us, at));
            }
            buf_add_char(buf, '}');
        }
    }
    buf_add_char(buf, ']');
}

static void head(struct buf *buf, const struct explaining *asked) {
    static const char *const names[] = {"rule", "match_id", "run_id", "break_id", "break_state"};
    const char *const texts[] = {asked->rule, asked->match_id, asked->run_id, asked->break_id,
                                 asked->break_state};
    buf_add_text(buf, "{\"object\":\"movement\",\"id\":");
    buf_add_json(buf, asked->id);
    buf_addf(buf, ",\"side\":\"%s\",\"gateway\":", asked->side == OURS ? "ours" : "theirs");
    buf_add_json(buf, asked->gateway);
    buf_addf(buf, ",\"class\":\"%s\",\"class_means\":",
             match_class_name((enum match_class)asked->class));
    buf_add_json(buf, match_class_what((enum match_class)asked->class));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        buf_addf(buf, ",\"%s\":", names[i]);
        if (texts[i][0] != '\0') {
            buf_add_json(buf, texts[i]);
        } else {
            buf_add_text(buf, "null");
        }
    }
}

/* What was expected of its fee, by what, and what was kept. */
static void add_fee(struct buf *buf, const struct explaining *asked, bool *first) {
    const struct match *match = asked->run.match;
    const struct match_group *group = &match->groups[match->group_of[asked->side][asked->row]];
    const struct side_row *name = group->ours > 0 ? recon_member_name(&asked->run, group, OURS, 0)
                                                  : NULL;
    if (name == NULL || !name->fee.judged) {
        return;
    }
    char text[300], line[700];
    BUF_AUTO says;
    buf_init(&says, sizeof text);
    if (name->fee.basis == FEE_BY_SCHEDULE) {
        buf_add_text(&says, ": ");
        fee_line_say(name->fee.line, &says);
    }
    struct currency currency = match->rows[OURS][match->members[group->first]].currency;
    recon_fee_tell(&name->fee, currency, text, sizeof text);
    int chars = snprintf(line, sizeof line, "Its %s%s.", text, says.data);
    add_line(buf, first, line, (size_t)chars);
}

/* A line that lies in suspense is no part of what runs compare: of a payout that it names it is
 * said as the break has it. */
static void add_altered(struct buf *buf, const struct explaining *asked, bool *first) {
    const char *named = strstr(asked->break_detail, "; its name stands in ");
    char line[700];
    if (asked->class != CLASS_PAYOUT || asked->match_id[0] != '\0' || named == NULL) {
        return;
    }
    int chars = snprintf(line, sizeof line, "I%.600s.", named + sizeof "; i" - 1);
    add_line(buf, first, line, (size_t)chars);
}

static int tell(struct explaining *asked, struct err *err) {
    BUF_AUTO text;
    BUF_AUTO buf;
    char line[400], time[CLOCK_TEXT_MAX];
    bool first = true;
    const struct match *match = asked->run.match;
    enum match_class class = match->groups[match->group_of[asked->side][asked->row]].class;
    buf_init(&text, TEXT_BYTES_MAX);
    buf_init(&buf, 2 * TEXT_BYTES_MAX);
    match_explain(match, &asked->options, asked->side, asked->row, &text);
    payouts_tell(&asked->run, &match->groups[match->group_of[asked->side][asked->row]], &text);
    head(&buf, asked);
    buf_add_text(&buf, ",\"explanation\":[");
    int chars = snprintf(line, sizeof line, "Run %s of %s put it in %s%s%s: %s.", asked->run_id,
                         clock_format(asked->run_us, time),
                         match_class_name((enum match_class)asked->class),
                         asked->rule[0] != '\0' ? " by the rule " : "", asked->rule,
                         match_class_what((enum match_class)asked->class));
    add_line(&buf, &first, line, (size_t)chars);
    bool same = recon_class_follows(class, (enum match_class)asked->class);
    if (class == CLASS_MISSING_HERE && asked->class == CLASS_DOUBLE_CHARGE) {
        add_lines(&buf,
                  "No rule finds it anything; but its names lead to a payment whose captures all "
                  "had their rows, and with it more was charged than was agreed to.",
                  &first);
    }
    if (!same) {
        chars = snprintf(line, sizeof line,
                         "Something came in or was settled since: by what is there now it would be "
                         "%s.",
                         match_class_name(class));
        add_line(&buf, &first, line, (size_t)chars);
    }
    if (asked->rules_changed) {
        chars = snprintf(line, sizeof line,
                         "The rules of %s were changed since; these are the ones that the run went "
                         "by. By those of today it would be %s.",
                         asked->gateway, match_class_name(asked->by_now));
        add_line(&buf, &first, line, (size_t)chars);
    }
    add_lines(&buf, text.data, &first);
    add_altered(&buf, asked, &first);
    add_fee(&buf, asked, &first);
    buf_addf(&buf, "],\"same_today\":%s,\"rules_changed\":%s", same ? "true" : "false",
             asked->rules_changed ? "true" : "false");
    add_legend(&buf, asked);
    buf_add_char(&buf, '}');
    return answer_take(asked->answer, 200, &buf, err);
}

/* What people take for the id of a movement: an order, a payment, a break, a name at the gateway.
 * Up to NAMED_MAX movements that bear it, as a list. */
enum { NAMED_MAX = 5 };
static int movements_of(const struct explaining *asked, struct store_tx *tx, struct buf *buf,
                        struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = sql_query(
        tx, err, &rows,
        "SELECT m.id FROM payment y JOIN posting p ON p.payment_id = y.id JOIN movement m ON m.id "
        "= p.id AND m.side = 1 WHERE y.order_id = $1 UNION SELECT m.id FROM posting p JOIN "
        "movement m ON m.id = p.id AND m.side = 1 WHERE p.payment_id = $1 UNION SELECT "
        "b.movement_id FROM recon_break_member b WHERE b.break_id = $1 UNION SELECT "
        "r.statement_id || '#' || CAST(r.number AS text) FROM statement_row r WHERE r.gateway_id = "
        "$1 AND r.gateway_id <> '' UNION SELECT r.statement_id || '#' || CAST(r.number AS text) "
        "FROM statement_row r WHERE r.reference = $1 AND r.reference <> '' ORDER BY 1 LIMIT $2",
        S_TEXT(asked->id), S_INT(NAMED_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(buf, "%s%s", count++ > 0 ? ", " : "", sql_text(rows, 0));
    }
    return r < 0 ? r : count;
}

static int no_movement(const struct explaining *asked, struct store_tx *tx, struct err *err) {
    BUF_AUTO near;
    buf_init(&near, 512);
    int r = movements_of(asked, tx, &near, err);
    if (r < 0) {
        return r;
    }
    if (r > 0 && buf_ok(&near)) {
        (void)err_set(err, ERR_NOT_FOUND, "%.120s is no movement, but is told by some", asked->id);
        return err_hint(err, "Say which: %s%s", near.data, r == NAMED_MAX ? ", …" : "");
    }
    (void)err_set(err, ERR_NOT_FOUND, "no run has looked at %.120s", asked->id);
    return err_hint(err, "It is the id of a posting (pst_…) or a row of a statement (stm_…#12); "
                         "`holdfast break show` and `holdfast statement show --rows` tell them.");
}

/* What no run has looked at: not yet, or because it is no movement of its own. */
static int not_looked_at(const struct explaining *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT kind, journal_id FROM posting WHERE id = $1",
                      S_TEXT(asked->id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return no_movement(asked, tx, err);
    }
    (void)err_set(err, ERR_NOT_FOUND, "no run has looked at %.120s", asked->id);
    int64_t kind = sql_int(rows, 0);
    bool write_off = kind == POST_WRITE_OFF || kind == POST_WRITE_OFF_GAIN;
    bool charge = kind == POST_BANK_CHARGE || kind == POST_BANK_CHARGE_BACK;
    bool fee = kind == POST_FEE || kind == POST_STATEMENT_FEE || kind == POST_STATEMENT_FEE_BACK;
    fee = fee || charge;
    write_off = write_off || kind == POST_FEE_WRITE_OFF || kind == POST_FEE_WRITE_OFF_GAIN;
    if (write_off || fee) {
        return err_hint(err, "It is a %s, which is part of the movement that it was made for: %s.",
                        posting_kind_name(kind), sql_text(rows, 1));
    }
    return err_hint(err, "Runs look at what moved a gateway's account: `holdfast reconcile run`.");
}

static int explain_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct explaining *asked = ctx;
    for (int side = OURS; side < MATCH_SIDES; side++) {
        g_array_set_size(asked->run.sides[side].rows, 0);
        g_array_set_size(asked->run.sides[side].names, 0);
    }
    g_hash_table_remove_all(asked->known);
    int r = load_movement(asked, tx, err);
    if (r < 0 || !asked->looked_at) {
        return r < 0 ? r : not_looked_at(asked, tx, err);
    }
    asked->request.gateway = asked->gateway;
    const struct source *source = recon_source(asked->recon, asked->gateway);
    asked->request.fees = source != NULL ? source->fees : NULL;
    ledger_account(ACCOUNT_RECEIVABLE, asked->gateway, asked->run.account);
    r = load_break(asked, tx, err);
    return r < 0 ? r : load_near(asked, tx, err);
}

static int match_by(const struct explaining *asked, const struct match_options *options,
                    struct match **ret_match, struct err *err) {
    const struct side *ours = &asked->run.sides[OURS], *theirs = &asked->run.sides[THEIRS];
    return match_run((const struct match_row *)(const void *)ours->rows->data, ours->rows->len,
                     (const struct match_row *)(const void *)theirs->rows->data, theirs->rows->len,
                     options, ret_match, err);
}

/* By the rules of the run; and where others are in force by now, by those as well. */
static int match_near(struct explaining *asked, struct err *err) {
    const struct source *source = recon_source(asked->recon, asked->gateway);
    struct match_options now = {
        .now_us = asked->run_us,
        .fee_tolerances = source != NULL ? source->fee_tolerances : NULL,
        .fee_tolerance_count = source != NULL ? source->fee_tolerance_count : 0,
    };
    const struct match_set *set = match_sets_of(asked->recon->options.match_sets, asked->gateway);
    struct match *match = NULL;
    const struct match_options said = {
        .rules = asked->set->rules,
        .rule_count = asked->set->count,
        .now_us = asked->run_us,
        .fee_tolerances = now.fee_tolerances,
        .fee_tolerance_count = now.fee_tolerance_count,
    };
    bool bank = source != NULL && source->is_bank;
    recon_rules_of(&said, bank, NULL, &asked->rules);
    asked->options = said;
    asked->options.rules = asked->rules.rules;
    asked->options.rule_count = asked->rules.count;
    asked->request.options = &asked->options;
    payouts_bundle(&asked->run);
    int r = match_by(asked, &asked->options, &asked->run.match, err);
    if (r >= 0) {
        recon_fees_judge(&asked->run);
    }
    now.rules = set != NULL ? set->rules : match_rules_usual(&now.rule_count);
    now.rule_count = set != NULL ? set->count : now.rule_count;
    struct run_rules tried;
    recon_rules_of(&now, bank, bank ? &source->payouts : NULL, &tried);
    now.rules = tried.rules;
    now.rule_count = tried.count;
    asked->rules_changed = !match_rules_same(&asked->options, &now);
    if (r < 0 || !asked->rules_changed) {
        return r;
    }
    r = match_by(asked, &now, &match, err);
    if (r >= 0) {
        asked->by_now = match->groups[match->group_of[asked->side][asked->row]].class;
    }
    match_free(match);
    return r;
}

int movement_explain(struct recon *recon, const char *id, struct answer *ret_answer,
                     struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct run_figures *figures = calloc(1, sizeof *figures);
    INVARIANT(figures != NULL, "out of memory");
    struct match_set *set = calloc(1, sizeof *set);
    INVARIANT(set != NULL, "out of memory");
    struct explaining asked = {
        .set = set,
        .recon = recon,
        .id = id,
        .arena = arena,
        .side = strncmp(id, "stm_", 4) == 0 ? THEIRS : OURS,
        .known = g_hash_table_new(g_str_hash, g_str_equal),
        .answer = ret_answer,
    };
    asked.run.store = recon->options.store;
    asked.run.request = &asked.request;
    asked.run.figures = figures;
    int r = time_zone_open("UTC", &asked.run.zone, err);
    run_open(&asked.run);
    r = r < 0 ? r : store_read(recon->options.store, explain_tx, &asked, err);
    r = r < 0 ? r : match_near(&asked, err);
    r = r < 0 ? r : tell(&asked, err);
    run_close(&asked.run);
    g_hash_table_unref(asked.known);
    free(figures);
    free(set);
    return r;
}
