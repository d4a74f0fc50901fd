/* SPDX-License-Identifier: Apache-2.0
 * run.c: one reconciliation of a gateway, from its beginning to its record. */
#include "recon/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "match/match_set.h"
#include "recon/break_risk.h"
#include "recon/own.h"
#include "recon/payouts.h"
#include "recon/run_balance.h"
#include "recon/run_impl.h"
#include "statement/workdays.h"
#include "store/audit.h"

enum { FIGURES_BYTES_MAX = 1024 * 1024, LET_GO_A_WRITE = 500 };
/* A run that has not ended for so long is dead. */
#define ABANDONED_US (60 * 60 * US_PER_SECOND)

int64_t expected_until(int64_t at_us, int business_days, const struct time_zone *zone) {
    return workdays_until(NULL, at_us, business_days, zone);
}

/* ---- begin ---- */

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    const char *gateway = run->request->gateway;
    int r = sql_put(tx, err,
                    "UPDATE reconciliation SET state = 3, ended_us = $2 WHERE gateway = $1 AND "
                    "state = 1 AND begun_us < $3",
                    S_TEXT(gateway), S_INT(run->now_us), S_INT(run->now_us - ABANDONED_US));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT id, until_us FROM reconciliation WHERE gateway = $1 AND state = "
                          "2 ORDER BY begun_us DESC, id DESC LIMIT 1",
                          S_TEXT(gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    run->before = reconciliation_id_stored(r > 0 ? sql_text(rows, 0) : "");
    run->since_us = r > 0 ? sql_int(rows, 1) : 0;
    int64_t last_us = run->request->until_us - 1;
    run->posts_us = last_us > run->since_us ? last_us : run->since_us;
    sql_rows_free(rows);
    rows = NULL;
    if (run->request->until_us < run->since_us) {
        (void)err_set(err, ERR_STATE, "%.64s is reconciled up to a later moment already", gateway);
        return err_hint(err, "`holdfast reconcile list --gateway %.64s` tells up to when.",
                        gateway);
    }
    BUF_AUTO rules;
    buf_init(&rules, MATCH_SET_BYTES_MAX);
    match_set_json(run->rules.rules, run->rules.count, &rules);
    int64_t begun = sql_exec(
        tx, err,
        "INSERT INTO reconciliation (id, gateway, state, actor, until_us, begun_us, ended_us, "
        "figures, rules) VALUES ($1, $2, 1, $3, $4, $5, 0, '{}', $6) ON CONFLICT DO NOTHING",
        S_TEXT(run->id.text), S_TEXT(gateway), S_TEXT(run->request->actor),
        S_INT(run->request->until_us), S_INT(run->now_us), S_TEXT(rules.data));
    if (begun == 0) {
        (void)err_set(err, ERR_STATE, "%.64s is being reconciled by somebody else now", gateway);
        return err_hint(err, "Should that run have died, another can begin in an hour.");
    }
    return begun < 0 ? (int)begun : 0;
}

/* Rows of statements that no longer count: they go, and what had been put together with them is
 * open again. */
struct letting_go {
    const struct run *run;
    bool more;
};

/* Rows of counting statements that were settled beside one of those, as told once more: without it
 * they are the ones that tell it. */
/* clang-format off */
#define TOLD_BESIDE(name)                                                                          \
    "SELECT m.id FROM statement s JOIN statement_row r ON r.statement_id = s.id "                  \
    "JOIN statement_row q ON q." name " = r." name " AND q.kind = r.kind "                         \
    "JOIN statement t ON t.id = q.statement_id "                                                   \
    "JOIN movement m ON m.side = 2 AND m.id = q.statement_id || '#' || CAST(q.number AS text) "    \
    "WHERE s.gateway = $1 AND s.state IN (3, 5) AND r." name " <> '' AND t.gateway = $1 "          \
    "AND t.state = 2 AND m.open IS NULL "                                                          \
    "AND EXISTS (SELECT 1 FROM movement g WHERE g.side = 2 AND g.id = r.statement_id || '#' || "   \
    "CAST(r.number AS text)) "                                                                     \
    "AND NOT EXISTS (SELECT 1 FROM movement o WHERE o.side = 1 AND o.match_id = m.match_id "       \
    "AND o.match_id <> '')"
/* clang-format on */

static int64_t look_at_beside(struct store_tx *tx, const char *gateway, struct err *err) {
    return sql_exec(tx, err,
                    "UPDATE movement SET open = 1, match_id = '', rule = '' WHERE side = 2 AND id "
                    "IN (SELECT id FROM (" TOLD_BESIDE("gateway_id") " UNION " TOLD_BESIDE(
                        "reference") ") told LIMIT 500)",
                    S_TEXT(gateway));
}

static int let_go_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct letting_go *going = ctx;
    int64_t opened = sql_exec(
        tx, err,
        "UPDATE movement SET open = 1, match_id = '', class = 4, rule = '' WHERE side = 1 AND id "
        "IN (SELECT o.id FROM (SELECT m.match_id FROM statement s JOIN movement m ON "
        "m.statement_id = s.id AND m.statement_id <> '' WHERE s.gateway = $1 AND s.state IN (3, 5) "
        "AND m.match_id <> '' LIMIT 500) gone JOIN movement o ON o.match_id = gone.match_id AND "
        "o.match_id <> '')",
        S_TEXT(going->run->request->gateway));
    int64_t beside = opened == 0 ? look_at_beside(tx, going->run->request->gateway, err) : opened;
    going->more = beside > 0;
    if (beside != 0) {
        return beside < 0 ? (int)beside : 0;
    }
    int64_t gone = sql_exec(
        tx, err,
        "DELETE FROM movement WHERE side = 2 AND id IN (SELECT m.id FROM statement s JOIN movement "
        "m ON m.statement_id = s.id AND m.statement_id <> '' WHERE s.gateway = $1 AND s.state IN "
        "(3, 5) AND (m.match_id = '' OR NOT EXISTS (SELECT 1 FROM movement o WHERE o.side = 1 AND "
        "o.match_id = m.match_id AND o.match_id <> '')) LIMIT 500)",
        S_TEXT(going->run->request->gateway));
    going->more = gone > 0;
    return gone < 0 ? (int)gone : 0;
}
static_assert(CLASS_EXPECTED == 4, "the class above");

/* ---- end ---- */

static void add_late(const struct run_figures *figures, struct buf *buf) {
    buf_addf(buf, "],\"late_count\":%lld,\"late\":[", (long long)figures->late_count);
    for (int i = 0; i < RUN_LATE_MAX && i < figures->late_count; i++) {
        const struct run_late *late = &figures->late[i];
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s{\"id\":", i > 0 ? "," : "");
        buf_add_json(buf, late->id);
        buf_addf(buf, ",\"currency\":\"%s\",\"amount\":%lld,\"at\":\"%s\"}", late->currency.code,
                 (long long)late->amount_minor, clock_format(late->at_us, time));
    }
}

static void add_tolerated(const struct run_figures *figures, struct buf *buf) {
    buf_add_text(buf, "],\"tolerated\":[");
    for (int i = 0; i < figures->tolerated_count; i++) {
        const struct run_tolerated *sum = &figures->tolerated[i];
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"groups\":%lld,\"over\":%lld,\"under\":%lld}",
                 i > 0 ? "," : "", sum->currency.code, (long long)sum->groups,
                 (long long)sum->over_minor, (long long)sum->under_minor);
    }
}

void run_figures_json(const struct run_figures *figures, struct buf *buf) {
    buf_addf(buf,
             "{\"our_rows\":%lld,\"their_rows\":%lld,\"our_carried\":%lld,\"their_carried\":%lld,"
             "\"breaks_opened\":%lld,\"breaks_healed\":%lld,\"breaks_open\":%lld,\"ties_out\":%s,"
             "\"fees\":{\"by_answer\":%lld,\"by_schedule\":%lld,\"differ\":%lld,\"unproved\":%lld},"
             "\"books\":[",
             (long long)figures->rows[OURS], (long long)figures->rows[THEIRS],
             (long long)figures->carried[OURS], (long long)figures->carried[THEIRS],
             (long long)figures->breaks_opened, (long long)figures->breaks_healed,
             (long long)figures->breaks_open, figures->ties_out ? "true" : "false",
             (long long)figures->fees.by_answer, (long long)figures->fees.by_schedule,
             (long long)figures->fees.differ, (long long)figures->fees.unproved);
    for (int i = 0; i < figures->book_count; i++) {
        const struct run_book *book = &figures->books[i];
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"opening\":%lld,\"movements\":%lld,\"late\":%lld,"
                 "\"closing\":%lld}",
                 i > 0 ? "," : "", book->currency.code, (long long)book->opening_minor,
                 (long long)book->movements_minor, (long long)book->late_minor,
                 (long long)book->closing_minor);
    }
    add_late(figures, buf);
    add_tolerated(figures, buf);
    buf_add_text(buf, "],");
    run_balances_json(figures, buf);
    buf_add_text(buf, ",\"buckets\":[");
    for (int i = 0; i < figures->sum_count; i++) {
        const struct match_sum *sum = &figures->sums[i];
        buf_addf(buf,
                 "%s{\"currency\":\"%s\",\"class\":\"%s\",\"our_rows\":%lld,\"our_amount\":%lld,"
                 "\"their_rows\":%lld,\"their_amount\":%lld}",
                 i > 0 ? "," : "", sum->currency.code, match_class_name(sum->class),
                 (long long)sum->rows[OURS], (long long)sum->amount_minor[OURS],
                 (long long)sum->rows[THEIRS], (long long)sum->amount_minor[THEIRS]);
    }
    buf_add_text(buf, "]}");
}

static int count_open(struct run *run, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM recon_break WHERE gateway = $1 AND state IN (1, 2)",
                      S_TEXT(run->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    run->figures->breaks_open = r > 0 ? sql_int(rows, 0) : 0;
    return r;
}

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run *run = ctx;
    int r = count_open(run, tx, err);
    for (int i = 0; r >= 0 && i < run->figures->book_count; i++) {
        const struct run_book *book = &run->figures->books[i];
        r = sql_put(tx, err,
                    "INSERT INTO reconciliation_book (run_id, currency, opening_minor, "
                    "movements_minor, late_minor, closing_minor) VALUES ($1, $2, $3, $4, $5, $6)",
                    S_TEXT(run->id.text), S_TEXT(book->currency.code), S_INT(book->opening_minor),
                    S_INT(book->movements_minor), S_INT(book->late_minor),
                    S_INT(book->closing_minor));
    }
    BUF_AUTO figures;
    buf_init(&figures, FIGURES_BYTES_MAX);
    run_figures_json(run->figures, &figures);
    for (guint i = 0; r >= 0 && i < run->statements->len; i++) {
        r = sql_put(tx, err, "UPDATE statement SET seen_run = $1 WHERE id = $2",
                    S_TEXT(run->id.text), S_TEXT(g_ptr_array_index(run->statements, i)));
    }
    r = r < 0 ? r
              : sql_put_one(tx, err,
                            "UPDATE reconciliation SET state = 2, ended_us = $2, figures = $3 "
                            "WHERE id = $1 AND state = 1",
                            S_TEXT(run->id.text), S_INT(clock_wall_us()), S_TEXT(figures.data));
    return r < 0 ? r
                 : audit_append(tx, run->request->actor, "reconcile.run", run->id.text, "", "{}",
                                err);
}

static int give_up_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct run *run = ctx;
    return sql_put(tx, err,
                   "UPDATE reconciliation SET state = 3, ended_us = $2 WHERE id = $1 AND state = 1",
                   S_TEXT(run->id.text), S_INT(run->now_us));
}

/* ---- all of it ---- */

static struct run_tolerated *tolerated_of(struct run_figures *figures, struct currency currency) {
    for (int i = 0; i < figures->tolerated_count; i++) {
        if (currency_equal(figures->tolerated[i].currency, currency)) {
            return &figures->tolerated[i];
        }
    }
    if (figures->tolerated_count == RUN_CURRENCIES_MAX) {
        return NULL;
    }
    figures->tolerated[figures->tolerated_count] = (struct run_tolerated){.currency = currency};
    return &figures->tolerated[figures->tolerated_count++];
}

/* Groups whose amounts count as the same and are not: FEE and LATE are found behind the amount. */
static int count_tolerated(struct run *run, struct err *err) {
    const struct match *match = run->match;
    for (size_t i = 0; i < match->group_count; i++) {
        const struct match_group *group = &match->groups[i];
        bool same = group->class == CLASS_MATCHED || group->class == CLASS_MATCHED_TOLERANCE ||
                    group->class == CLASS_FEE || group->class == CLASS_LATE ||
                    group->class == CLASS_PROBE;
        if (!same || group->difference_minor == 0 || recon_as_it_was(run, group)) {
            continue;
        }
        const struct match_row *first = &match->rows[OURS][match->members[group->first]];
        struct run_tolerated *sum = tolerated_of(run->figures, first->currency);
        int64_t less = group->difference_minor;
        bool fits = sum != NULL && (less > 0
                                        ? money_add(sum->over_minor, less, &sum->over_minor)
                                        : money_sub(sum->under_minor, less, &sum->under_minor));
        if (!fits) {
            return err_set(err, ERR_AMOUNT, "the differences that are allowed cannot be added up");
        }
        sum->groups++;
    }
    return 0;
}

static int match_sides(struct run *run, struct err *err) {
    const GArray *ours = run->sides[OURS].rows, *theirs = run->sides[THEIRS].rows;
    int r = match_run((const struct match_row *)(const void *)ours->data, ours->len,
                      (const struct match_row *)(const void *)theirs->data, theirs->len,
                      run->request->options, &run->match, err);
    if (r < 0) {
        return r;
    }
    struct run_figures *figures = run->figures;
    figures->rows[OURS] = ours->len;
    figures->rows[THEIRS] = theirs->len;
    if (run->match->sum_count > COUNT_OF(figures->sums)) {
        return err_set(err, ERR_TOO_LARGE, "more currencies and classes than are ever reported");
    }
    for (size_t i = 0; i < run->match->sum_count; i++) {
        figures->sums[figures->sum_count++] = run->match->sums[i];
    }
    recon_fees_judge(run);
    recon_classes(run);
    r = recon_charged_again(run, err);
    if (r < 0) {
        return r;
    }
    recon_unknown_judge(run);
    payouts_altered(run);
    recon_leave_out_settled(run);
    return count_tolerated(run, err);
}

static int run_all(struct run *run, struct err *err) {
    struct letting_go going = {.run = run, .more = true};
    int r = own_take_back(run, err);
    while (r >= 0 && going.more) {
        r = store_write(run->store, let_go_tx, &going, err);
    }
    r = r < 0 ? r : run_balances_keep(run, err);
    r = r < 0 ? r : recon_settled_begin(run, err);
    r = r < 0 ? r : recon_fees_begin(run, err);
    r = r < 0 ? r : own_book(run, err);
    r = r < 0 ? r : payouts_recognize(run, err);
    r = r < 0 ? r : recon_load(run, err);
    r = r < 0 ? r : match_sides(run, err);
    r = r < 0 ? r : recon_write(run, err);
    r = r < 0 ? r
              : break_risks_renew(run->store, run->request->gateway, run->request->risk, run->zone,
                                  run->request->actor, run->now_us, err);
    r = r < 0 ? r : run_balances_prove(run, err);
    return r < 0 ? r : store_write(run->store, end_tx, run, err);
}

void run_open(struct run *run) {
    run->texts = g_string_chunk_new(64 * 1024);
    run->statements = g_ptr_array_new();
    run->altered = g_array_new(false, false, sizeof(struct payout_altered));
    for (int side = OURS; side < MATCH_SIDES; side++) {
        run->sides[side].rows = g_array_new(false, false, sizeof(struct match_row));
        run->sides[side].names = g_array_new(false, false, sizeof(struct side_row));
    }
}

void run_close(struct run *run) {
    match_free(run->match);
    for (int side = OURS; side < MATCH_SIDES; side++) {
        g_array_free(run->sides[side].rows, true);
        g_array_free(run->sides[side].names, true);
    }
    g_ptr_array_free(run->statements, true);
    g_array_free(run->altered, true);
    g_string_chunk_free(run->texts);
    time_zone_close(run->zone);
}

/* `ret_options`: those of the request, or the usual ones, with the time of now. */
static int run_init(struct run *run, struct store *store, const struct run_request *request,
                    struct match_options *ret_options, struct run_figures *figures,
                    struct err *err) {
    int rule_count = 0;
    const struct match_rule *usual = match_rules_usual(&rule_count);
    *ret_options = (struct match_options){.rules = usual, .rule_count = rule_count};
    if (request->options != NULL) {
        *ret_options = *request->options;
    }
    ret_options->now_us = clock_wall_us();
    const struct match_options said = *ret_options;
    memset(figures, 0, sizeof *figures); /* it is too large for a stack, also as a literal */
    *run = (struct run){
        .store = store,
        .id = reconciliation_id_new(),
        .now_us = ret_options->now_us,
        .figures = figures,
        .said = said,
    };
    recon_rules_of(&run->said, request->bank, request->payouts, &run->rules);
    ret_options->rules = run->rules.rules;
    ret_options->rule_count = run->rules.count;
    return time_zone_open(request->time_zone != NULL ? request->time_zone : "UTC", &run->zone, err);
}

/* ---- without writing ---- */

static void keep_families(struct run *run, unsigned families) {
    GArray *rows = run->sides[OURS].rows, *names = run->sides[OURS].names;
    guint kept = 0;
    for (guint i = 0; i < rows->len; i++) {
        struct match_row *row = &g_array_index(rows, struct match_row, i);
        if (families == 0 || (families & 1U << row_kind_family(row->kind)) != 0) {
            row->number = kept;
            g_array_index(rows, struct match_row, kept) = *row;
            g_array_index(names, struct side_row, kept) = g_array_index(names, struct side_row, i);
            kept++;
        }
    }
    g_array_set_size(rows, kept);
    g_array_set_size(names, kept);
}

static int dry(struct run *run, unsigned families, const struct match_row *theirs,
               size_t their_count, char ret_first[RUN_FIRST_CHARS], struct err *err) {
    int r = recon_load_ours(run, err);
    if (r < 0) {
        return r;
    }
    keep_families(run, families);
    for (size_t i = 0; i < their_count; i++) {
        struct side_row name = {
            .id = "", .payment_id = "", .statement_id = "", .sender = "", .told_id = ""};
        char *id = g_strdup_printf("row %lld", (long long)theirs[i].number);
        name.id = g_string_chunk_insert(run->texts, id);
        g_free(id);
        g_array_append_val(run->sides[THEIRS].rows, theirs[i]);
        g_array_append_val(run->sides[THEIRS].names, name);
    }
    r = match_sides(run, err);
    for (size_t i = 0; r >= 0 && i < run->match->group_count; i++) {
        if (match_class_risk(run->match->groups[i].class) != RISK_NONE) {
            recon_tell(run, &run->match->groups[i], ret_first, RUN_FIRST_CHARS);
            break;
        }
    }
    return r;
}

int reconcile_dry(struct store *store, const struct run_request *request, unsigned families,
                  const struct match_row *theirs, size_t their_count,
                  struct run_figures *ret_figures, char ret_first[RUN_FIRST_CHARS],
                  struct err *err) {
    struct match_options options;
    struct run run;
    ret_first[0] = '\0';
    int r = run_init(&run, store, request, &options, ret_figures, err);
    if (r < 0) {
        return r;
    }
    struct run_request asked = *request;
    asked.options = &options;
    run.request = &asked;
    run_open(&run);
    r = dry(&run, families, theirs, their_count, ret_first, err);
    run_close(&run);
    return r < 0 ? r : 0;
}

int reconcile_run(struct store *store, const struct run_request *request,
                  struct reconciliation_id *ret_id, struct run_figures *ret_figures,
                  struct err *err) {
    struct match_options options;
    struct run run;
    int r = run_init(&run, store, request, &options, ret_figures, err);
    if (r < 0) {
        return r;
    }
    struct run_request asked = *request;
    asked.options = &options;
    run.request = &asked;
    r = store_write(store, begin_tx, &run, err);
    if (r < 0) {
        time_zone_close(run.zone);
        return r;
    }
    run_open(&run);
    r = run_all(&run, err);
    if (r < 0) {
        struct err ignored = {0};
        int gone = store_write(store, give_up_tx, &run, &ignored);
        (void)gone; /* an hour later the next run does it */
    } else {
        *ret_id = run.id;
    }
    run_close(&run);
    return r < 0 ? r : 0;
}
