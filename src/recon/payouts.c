/* SPDX-License-Identifier: Apache-2.0
 * payouts.c: a gateway's payout and the bank's line for it. */
#include "recon/payouts.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "payment/bank.h"
#include "recon/match_impl.h"

enum { SUSPENSE_MAX = 500, ARENA_BYTES_MAX = 1024 * 1024 };

/* ---- the rules of a run ---- */

static void add_rule(struct run_rules *rules, struct match_rule rule) {
    if (rules->count < MATCH_RULES_MAX) {
        rules->rules[rules->count++] = rule;
    }
}

/* A bank's line names a payout in its text, so that is asked once names as such have been, and
 * before anything is known by its amount; and of payouts the window is another. */
void recon_rules_of(const struct match_options *said, struct run_rules *ret_rules) {
    static const struct match_rule named = {.by = BY_BATCH,
                                            .name = "the bank's line names the payout",
                                            .families = 1U << FAMILY_BANK};
    static const struct match_rule timed = {.by = BY_AMOUNT_TIME,
                                            .name = "a payout's amount within its time",
                                            .families = 1U << FAMILY_BANK,
                                            .before_us = PAYOUT_BEFORE_US,
                                            .after_us = PAYOUT_AFTER_US};
    bool has_named = false, has_timed = false;
    ret_rules->count = 0;
    for (int i = 0; i < said->rule_count; i++) {
        struct match_rule rule = said->rules[i];
        bool name = rule.by == BY_GATEWAY_ID || rule.by == BY_REFERENCE;
        if (!name && !has_named) {
            has_named = true;
            add_rule(ret_rules, named);
        }
        if (rule.by == BY_AMOUNT_TIME) {
            has_timed = true;
            add_rule(ret_rules, timed);
            rule.families = (rule.families == 0 ? ~0U : rule.families) & ~(1U << FAMILY_BANK);
        }
        add_rule(ret_rules, rule);
    }
    if (!has_named) {
        add_rule(ret_rules, named);
    }
    if (!has_timed) {
        add_rule(ret_rules, timed);
    }
}

/* ---- several in one line ---- */

/* A payout as the bank sees it: + comes. */
struct due {
    const char *sender, *reference, *batch;
    struct currency currency;
    int64_t amount_minor, at_us;
    bool taken;
    guint row; /* in the run's side; of a list of dues its own place */
};

static int by_sender(const void *a, const void *b) {
    const struct due *x = (const struct due *)a, *y = (const struct due *)b;
    int order = strcmp(x->sender, y->sender);
    order = order != 0 ? order : strcmp(x->currency.code, y->currency.code);
    order = order != 0 ? order : match_order(x->at_us, y->at_us);
    return order != 0 ? order : match_order(x->row, y->row);
}

static bool in_time(const struct due *due, const struct payout_line *line) {
    return line->at_us >= due->at_us - PAYOUT_BEFORE_US &&
           line->at_us <= due->at_us + PAYOUT_AFTER_US;
}

static bool of_one_kind(const struct due *a, const struct due *b) {
    return strcmp(a->sender, b->sender) == 0 && currency_equal(a->currency, b->currency);
}

static bool may_be(const struct due *due, const struct payout_line *line) {
    return !due->taken && due->amount_minor > 0 && currency_equal(due->currency, line->currency) &&
           in_time(due, line);
}

/* From `from` on, payouts of one sender that follow each other and come to the line's amount:
 * behind the last of them; `from`: there are none. At least two. Amounts are all positive, so that
 * one beginning has one end. */
static guint sum_end(const GArray *dues, guint from, const struct payout_line *line) {
    const struct due *first = &g_array_index(dues, struct due, from);
    __int128 sum = 0;
    for (guint i = from; i < dues->len; i++) {
        const struct due *due = &g_array_index(dues, struct due, i);
        if (!of_one_kind(first, due) || !may_be(due, line)) {
            break;
        }
        sum += due->amount_minor;
        if (sum >= line->amount_minor) {
            return sum == line->amount_minor && i > from ? i + 1 : from;
        }
    }
    return from;
}

/* The only such sum: its first; how many. 0: none or several. `dues` by sender and time. */
static guint find_sum(const GArray *dues, const struct payout_line *line, guint *ret_first) {
    guint count = 0;
    for (guint i = 0; i < dues->len; i++) {
        guint end = sum_end(dues, i, line);
        if (end > i) {
            if (count > 0) {
                return 0;
            }
            *ret_first = i;
            count = end - i;
        }
    }
    return count;
}

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

static bool is_named(const struct match_row *line, const char *name) {
    const struct match_text text = text_of(name);
    return text.count > 0 && match_names_batch(line, &text);
}

static struct match_row row_of(const struct payout_line *line) {
    return (struct match_row){
        .reference = text_of(line->reference),
        .description = text_of(line->description),
    };
}

static bool names(const struct match_row *line, const struct due *due) {
    return is_named(line, due->reference) || is_named(line, due->batch);
}

/* ---- a list of dues ---- */

struct payouts {
    GArray *dues;
    GStringChunk *texts;
};

int payouts_load(struct store_tx *tx, const char *bank, struct payouts **ret_payouts,
                 struct err *err) {
    struct payouts *payouts = g_new0(struct payouts, 1);
    payouts->dues = g_array_new(false, false, sizeof(struct due));
    payouts->texts = g_string_chunk_new(4096);
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT b.gateway, b.reference, b.batch, b.currency, b.gross_minor, b.at_us "
                      "FROM own_booking b WHERE b.bank = $1 AND b.bank <> '' AND b.booked = 1 AND "
                      "NOT EXISTS (SELECT 1 FROM movement m WHERE m.side = 1 AND m.id = b.due_id "
                      "AND m.open IS NULL) ORDER BY b.at_us, b.id LIMIT $2",
                      S_TEXT(bank), S_INT(PAYOUTS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        struct due due = {
            .sender = g_string_chunk_insert_const(payouts->texts, sql_text(rows, 0)),
            .reference = g_string_chunk_insert(payouts->texts, sql_text(rows, 1)),
            .batch = g_string_chunk_insert(payouts->texts, sql_text(rows, 2)),
            .currency = currency_stored(sql_text(rows, 3)),
            .amount_minor = -sql_int(rows, 4),
            .at_us = sql_int(rows, 5),
            .row = payouts->dues->len,
        };
        g_array_append_val(payouts->dues, due);
    }
    if (r < 0) {
        payouts_free(payouts);
        return r;
    }
    g_array_sort(payouts->dues, by_sender);
    *ret_payouts = payouts;
    return 0;
}

void payouts_free(struct payouts *payouts) {
    if (payouts != NULL) {
        g_array_free(payouts->dues, true);
        g_string_chunk_free(payouts->texts);
        g_free(payouts);
    }
}

static bool take_named(GArray *dues, const struct payout_line *line) {
    const struct match_row row = row_of(line);
    bool found = false;
    for (guint i = 0; i < dues->len; i++) {
        struct due *due = &g_array_index(dues, struct due, i);
        if (!due->taken && names(&row, due)) {
            due->taken = found = true;
        }
    }
    return found;
}

bool payouts_take(struct payouts *payouts, const struct payout_line *line, bool strict) {
    GArray *dues = payouts->dues;
    struct due *one = NULL;
    guint first = 0, fit = 0;
    if (line->amount_minor <= 0 || take_named(dues, line)) {
        return line->amount_minor > 0;
    }
    for (guint i = 0; i < dues->len; i++) {
        struct due *due = &g_array_index(dues, struct due, i);
        if (may_be(due, line) && due->amount_minor == line->amount_minor) {
            one = one == NULL || due->at_us < one->at_us ? due : one;
            fit++;
        }
    }
    if (fit > 0) {
        one->taken = fit == 1 || !strict;
        return one->taken;
    }
    guint count = find_sum(dues, line, &first);
    for (guint i = first; i < first + count; i++) {
        g_array_index(dues, struct due, i).taken = true;
    }
    return count > 0;
}

/* ---- of what a run compares ---- */

static GArray *dues_of(const struct run *run) {
    const struct side *ours = &run->sides[OURS];
    GArray *dues = g_array_new(false, false, sizeof(struct due));
    for (guint i = 0; i < ours->rows->len; i++) {
        const struct match_row *row = &g_array_index(ours->rows, struct match_row, i);
        const struct side_row *name = &g_array_index(ours->names, struct side_row, i);
        if (name->sender[0] != '\0' && row->kind == ROW_PAYOUT) {
            struct due due = {.sender = name->sender,
                              .reference = row->reference.bytes,
                              .batch = row->batch.bytes,
                              .currency = row->currency,
                              .amount_minor = match_bank_amount(row),
                              .at_us = row->at_us,
                              .row = i};
            g_array_append_val(dues, due);
        }
    }
    g_array_sort(dues, by_sender);
    return dues;
}

/* Gives the line and its payouts one name, by which the rules put them together. */
static void join(struct run *run, guint line, struct due *due) {
    const char *name = g_array_index(run->sides[THEIRS].names, struct side_row, line).id;
    g_array_index(run->sides[THEIRS].rows, struct match_row, line).batch = text_of(name);
    g_array_index(run->sides[OURS].rows, struct match_row, due->row).batch = text_of(name);
    due->taken = true;
}

/* One payout that the line names is left to the rules, which compare the two; several are joined.
 * So is one that has its very amount. True: nothing is left to be done about the line. */
static bool join_named(struct run *run, GArray *dues, guint at) {
    const struct match_row row = g_array_index(run->sides[THEIRS].rows, struct match_row, at);
    guint named = 0;
    bool same = false;
    for (guint i = 0; i < dues->len; i++) {
        const struct due *due = &g_array_index(dues, struct due, i);
        named += !due->taken && names(&row, due);
        same = same || (due->amount_minor == row.amount_minor &&
                        currency_equal(due->currency, row.currency));
    }
    for (guint i = 0; named > 0 && i < dues->len; i++) {
        struct due *due = &g_array_index(dues, struct due, i);
        if (!due->taken && names(&row, due)) {
            due->taken = true;
            if (named > 1) {
                join(run, at, due);
            }
        }
    }
    return named > 0 || same;
}

static bool is_open_line(const struct run *run, guint i) {
    const struct match_row *row = &g_array_index(run->sides[THEIRS].rows, struct match_row, i);
    const struct side_row *name = &g_array_index(run->sides[THEIRS].names, struct side_row, i);
    return row->kind == ROW_BANK_CREDIT && row->status == ROW_DONE && !name->bank_row;
}

void payouts_bundle(struct run *run) {
    GArray *rows = run->sides[THEIRS].rows;
    GArray *dues = dues_of(run), *lines = g_array_new(false, false, sizeof(guint));
    for (guint i = 0; dues->len > 1 && i < rows->len; i++) {
        if (is_open_line(run, i) && !join_named(run, dues, i)) {
            g_array_append_val(lines, i);
        }
    }
    for (guint i = 0; i < lines->len; i++) {
        guint at = g_array_index(lines, guint, i), first = 0;
        const struct match_row *row = &g_array_index(rows, struct match_row, at);
        const struct payout_line line = {
            .currency = row->currency, .amount_minor = row->amount_minor, .at_us = row->at_us};
        guint count = find_sum(dues, &line, &first);
        for (guint k = first; k < first + count; k++) {
            join(run, at, &g_array_index(dues, struct due, k));
        }
    }
    g_array_free(lines, true);
    g_array_free(dues, true);
}

/* ---- what was taken for a customer's transfer ---- */

struct recognizing {
    struct run *run;
    struct arena *arena;
    GPtrArray *found; /* ids of bank rows */
    const char *row_id;
};

/* A row in suspense that bears no reference of ours, and that nobody has decided about. */
#define IN_SUSPENSE                                                                                \
    "SELECT b.id, b.amount_minor, b.currency, b.booked_on, b.remittance FROM bank_row b WHERE "    \
    "b.gateway = $1 AND b.state = 3 AND b.credit = 1 AND b.attempt_id = '' AND b.named = '' AND "  \
    "EXISTS (SELECT 1 FROM review_case c WHERE c.subject = b.id AND c.kind = "                     \
    "'unmatched_transfer' AND c.state = 1) ORDER BY b.taken_us, b.id LIMIT $2"

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recognizing *asked = ctx;
    struct payouts *payouts = NULL;
    SQL_ROWS_AUTO rows = NULL;
    g_ptr_array_set_size(asked->found, 0);
    int r = payouts_load(tx, asked->run->request->gateway, &payouts, err);
    if (r < 0 || payouts->dues->len == 0) {
        payouts_free(payouts);
        return r;
    }
    r = sql_query(tx, err, &rows, IN_SUSPENSE, S_TEXT(asked->run->request->gateway),
                  S_INT(SUSPENSE_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char day[CLOCK_TEXT_MAX];
        struct payout_line line = {
            .amount_minor = sql_int(rows, 1),
            .currency = currency_stored(sql_text(rows, 2)),
            .reference = "",
            .description = sql_text(rows, 4),
        };
        snprintf(day, sizeof day, "%.10s 00:00:00", sql_text(rows, 3));
        if (clock_parse_at(day, 0, &line.at_us) && payouts_take(payouts, &line, true)) {
            g_ptr_array_add(asked->found, arena_copy(asked->arena, sql_text(rows, 0)));
        }
    }
    payouts_free(payouts);
    return r < 0 ? r : 0;
}

/* Its line is open again, for the payout. */
static int recognize_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recognizing *asked = ctx;
    char posting[POSTING_ID_CHARS_MAX];
    int r = bank_row_is_payout(tx, asked->row_id, "a gateway's payout", err);
    if (r <= 0) {
        return r;
    }
    snprintf(posting, sizeof posting, "pst_suspense_%s", asked->row_id);
    r = sql_put(tx, err,
                "UPDATE movement SET open = 1, match_id = '', rule = '' WHERE side = 2 AND "
                "match_id <> '' AND match_id IN (SELECT m.match_id FROM movement m WHERE m.side = "
                "1 AND m.id = $1)",
                S_TEXT(posting));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM movement WHERE side = 1 AND id = $1",
                           S_TEXT(posting));
}

int payouts_recognize(struct run *run, struct err *err) {
    if (!run->request->bank) {
        return 0;
    }
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    struct recognizing asked = {.run = run, .arena = arena, .found = g_ptr_array_new()};
    int r = store_read(run->store, find_tx, &asked, err);
    for (guint i = 0; r >= 0 && i < asked.found->len; i++) {
        asked.row_id = g_ptr_array_index(asked.found, i);
        r = store_write(run->store, recognize_tx, &asked, err);
    }
    g_ptr_array_free(asked.found, true);
    return r < 0 ? r : 0;
}
