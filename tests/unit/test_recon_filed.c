/* SPDX-License-Identifier: Apache-2.0
 * test_recon_filed.c: random books with planted differences, told by files in the real layouts:
 * their bytes go through reader, intake and a run on SQLite, and the classes and breaks that are
 * found are the planted ones, all of them and no others; the money ties out.
 *
 *   HOLDFAST_FILED_CASES=N       so many cases [10,000; under a sanitizer 300]; it says of how many
 *                                movements each class was planted
 *   HOLDFAST_FILED_SEED=N        that case alone; it prints the files */
#include "filed_fates.h"

#include "base/crypto.h"
#include "base/log.h"
#include "payment/rows.h"
#include "recon/intake.h"
#include "recon/run.h"
#include "statement/map.h"
#include "support/both_engines.h"
#include "support/sample.h"
#include "support/test_clock.h"

enum { CASES = 10000, CASES_SAMPLED = 300, MOVEMENTS_MAX = 9 };

static struct test_store engine;
static struct run_figures figures;
static struct err err;
static struct csv_map *maps[32];

static long asked(const char *name) {
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

/* ---- our books ---- */

static int post(struct store_tx *tx, const struct deed *deed, enum posting_kind kind,
                const char *cause, int64_t amount_minor, struct err *tx_err) {
    const struct posting posting = {.kind = kind,
                                    .cause = cause,
                                    .payment_id = deed->payment,
                                    .gateway = "psp",
                                    .customer = "",
                                    .amount_minor = amount_minor,
                                    .currency = deed->currency,
                                    .at_us = deed->at_us};
    return ledger_post(tx, &posting, tx_err);
}

static int put_attempt(struct store_tx *tx, const struct deed *deed, int number,
                       struct err *tx_err) {
    const struct attempt_row row = {.id = attempt_id_stored(deed->attempt),
                                    .payment_id = payment_id_stored(deed->payment),
                                    .number = number,
                                    .gateway = deed->gateway != NULL ? deed->gateway : "psp",
                                    .state = deed->state,
                                    .amount_minor = deed->amount_minor,
                                    .currency = deed->currency,
                                    .gateway_id = "",
                                    .charge_id = deed->charge_id,
                                    .created_us = deed->at_us};
    return attempt_row_insert(tx, &row, tx_err);
}

static int put_operation(struct store_tx *tx, const struct deed *deed, struct err *tx_err) {
    const struct operation_row row = {.id = refund_id_stored(deed->subject),
                                      .payment_id = payment_id_stored(deed->payment),
                                      .attempt_id = attempt_id_stored(deed->attempt),
                                      .kind = deed->kind == DEED_CAPTURE ? OPERATION_CAPTURE
                                                                         : OPERATION_REFUND,
                                      .state = OPERATION_SUCCEEDED,
                                      .gateway = "psp",
                                      .amount_minor = deed->amount_minor,
                                      .currency = deed->currency,
                                      .refund_id = deed->own_id,
                                      .created_us = deed->at_us};
    int r = operation_row_insert(tx, &row, tx_err);
    return r < 0 ? r
                 : post(tx, deed, deed->kind == DEED_CAPTURE ? POST_CAPTURE : POST_REFUND,
                        deed->subject, deed->amount_minor, tx_err);
}

static int put_dispute(struct store_tx *tx, const struct deed *deed, struct err *tx_err) {
    char cause[64];
    snprintf(cause, sizeof cause, "%s:1", deed->subject);
    int r = sql_put(tx, tx_err,
                    "INSERT INTO dispute (id, version, payment_id, attempt_id, gateway, "
                    "gateway_id, reference, state, inquiry, reason, network_reason, note, "
                    "amount_minor, currency, posted, turns, fee_minor, due_us, warned, source, "
                    "actor, answer, answer_state, answer_round, answer_actor, answer_error, "
                    "answer_sent_us, answer_tries, opened_us, updated_us, closed_us) VALUES ($1, "
                    "1, $2, $3, 'psp', $4, '', 1, 0, '', '', '', $5, $6, 6, 1, 0, 0, 0, '', '', 0, "
                    "0, 0, '', '', 0, 0, 0, 0, 0)",
                    S_TEXT(deed->subject), S_TEXT(deed->payment), S_TEXT(deed->attempt),
                    S_TEXT(deed->own_id), S_INT(deed->amount_minor), S_TEXT(deed->currency.code));
    return r < 0 ? r : post(tx, deed, POST_CHARGEBACK, cause, deed->amount_minor, tx_err);
}

static int put_deed(struct store_tx *tx, const struct deed *deed, int number, bool has_attempt,
                    struct err *tx_err) {
    int r = has_attempt ? 0 : put_attempt(tx, deed, number, tx_err);
    bool told = deed->fee_minor != AMOUNT_UNSAID;
    switch (deed->kind) {
    case DEED_ATTEMPT:
        return r;
    case DEED_CHARGE:
        r = r < 0 ? r
                  : post(tx, deed, POST_CHARGE, deed->attempt, deed->amount_minor, tx_err);
        return r < 0 || !told ? r
                              : post(tx, deed, POST_FEE, deed->attempt, deed->fee_minor, tx_err);
    case DEED_CAPTURE:
    case DEED_REFUND:
        return r < 0 ? r : put_operation(tx, deed, tx_err);
    case DEED_CHARGEBACK:
        return r < 0 ? r : put_dispute(tx, deed, tx_err);
    }
    return r;
}

static int put_all(struct store_tx *tx, void *ctx, struct err *tx_err) {
    const struct filed_case *c = (const struct filed_case *)ctx;
    int r = 0;
    for (guint i = 0; r >= 0 && i < c->deeds->len; i++) {
        const struct deed *deed = &g_array_index(c->deeds, struct deed, i);
        int number = 1;
        bool has_attempt = false;
        for (guint j = 0; j < i; j++) {
            const struct deed *before = &g_array_index(c->deeds, struct deed, j);
            has_attempt = has_attempt || strcmp(before->attempt, deed->attempt) == 0;
            number += strcmp(before->payment, deed->payment) == 0;
        }
        r = put_deed(tx, deed, number, has_attempt, tx_err);
    }
    return r;
}

static int forget_fn(struct store_tx *tx, void *ctx, struct err *tx_err) {
    static const char *const texts[] = {
        "DELETE FROM posting",           "DELETE FROM attempt",
        "DELETE FROM operation",         "DELETE FROM dispute",
        "DELETE FROM movement",          "DELETE FROM statement",
        "DELETE FROM statement_row",     "DELETE FROM statement_chain",
        "DELETE FROM statement_balance", "DELETE FROM reconciliation",
        "DELETE FROM recon_break",       "DELETE FROM reconciliation_book",
        "DELETE FROM recon_break_event", "DELETE FROM recon_break_member",
        "DELETE FROM recon_fee",         "DELETE FROM recon_fee_row",
        "DELETE FROM own_booking",       "DELETE FROM audit_entry",
    };
    (void)ctx;
    int64_t r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(texts); i++) {
        r = sql_exec_args(tx, tx_err, texts[i], NULL, 0);
    }
    return r < 0 ? (int)r : 0;
}

/* ---- the files ---- */

static const struct csv_map *map_of(const struct filed_layout *layout) {
    ptrdiff_t at = layout - filed_layouts;
    assert_true(at >= 0 && at < (ptrdiff_t)COUNT_OF(maps));
    if (maps[at] == NULL && layout->map != NULL &&
        csv_map_read(layout->name, layout->map, strlen(layout->map), &maps[at], &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return maps[at];
}

static void print_case(const struct filed_case *c, const char *bytes, size_t count) {
    print_message("seed %llu, %s:\n%.*s\n", (unsigned long long)c->seed, c->layout->name,
                  (int)count, bytes);
}

/* Returns the statement's id, "" when the file has no row. */
static struct statement_id take(struct filed_case *c, int file) {
    static struct statement_taken taken;
    const GArray *rows = c->filed[file];
    char name[80] = "file";
    size_t count = 0;
    if (rows->len == 0) {
        return (struct statement_id){""};
    }
    int64_t day_us = FIRST_DAY_US + file * DAY_US;
    char *bytes = filed_bytes(c->layout, (const struct filed *)(const void *)rows->data, rows->len,
                              day_us, file + 1, &count);
    if (c->layout->file_name != NULL) {
        c->layout->file_name(name, sizeof name, day_us, file + 1);
    }
    const struct statement_request request = {
        .gateway = "psp",
        .source = {.name = name, .bytes = bytes, .count = count, .map = map_of(c->layout)},
        .reader = c->layout->map != NULL ? statement_reader_find(c->layout->reader) : NULL,
        .supersedes = "",
        .reason = "",
        .actor = "user:usr_1"};
    if (asked("HOLDFAST_FILED_SEED") > 0) {
        print_case(c, bytes, count);
    }
    if (statement_take(engine.store, &request, &taken, &err) < 0) {
        print_case(c, bytes, count);
        fail_msg("%s (%s); line %lld: %s", err.detail, err.hint,
                 (long long)taken.told[0].line, taken.told[0].text);
    }
    assert_string_equal(taken.reader->name, c->layout->reader);
    g_free(bytes);
    return taken.id;
}

/* ---- what was found, in the words of what was planted ---- */

struct found {
    const struct filed_case *c;
    struct statement_id statements[FILES];
    GPtrArray *lines;
};

static gint by_text(gconstpointer a, gconstpointer b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, one a line; g_free(). */
static char *joined(GPtrArray *lines) {
    g_ptr_array_sort(lines, by_text);
    g_ptr_array_add(lines, NULL);
    char *text = g_strjoinv("\n", (char **)lines->pdata);
    g_ptr_array_free(lines, true);
    return text;
}

static bool is_planted(const struct filed_case *c, const char *name) {
    for (guint i = 0; i < c->rows->len; i++) {
        if (strcmp(g_array_index(c->rows, struct planted_row, i).name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What a store calls "stm_…#3" is "file 1 row 3"; what the layout added of its own is a payout. */
static void name_of(const struct found *found, int side, const char *id, char name[NAME_CHARS]) {
    g_strlcpy(name, side == 1 && !is_planted(found->c, id) ? "booking" : id, NAME_CHARS);
    for (int i = 0; i < FILES && side == 2; i++) {
        size_t chars = strlen(found->statements[i].text);
        if (chars > 0 && strncmp(id, found->statements[i].text, chars) == 0) {
            int row = (int)strtol(id + chars + 1, NULL, 10);
            snprintf(name, NAME_CHARS, "file %d row %d", i + 1, row);
            if (row > (int)found->c->filed[i]->len) {
                g_strlcpy(name, "payout", NAME_CHARS);
            }
        }
    }
}

static int rows_fn(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct found *found = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, tx_err, &rows, "SELECT side, id, class FROM movement WHERE gateway = $1",
                      S_TEXT("psp"));
    while (r >= 0 && (r = sql_next(rows, tx_err)) > 0) {
        char name[NAME_CHARS];
        name_of(found, (int)sql_int(rows, 0), sql_text(rows, 1), name);
        enum match_class class = (enum match_class)sql_int(rows, 2);
        g_ptr_array_add(found->lines, g_strdup_printf("%s %s", match_class_name(class), name));
    }
    return r;
}

static int breaks_fn(struct store_tx *tx, void *ctx, struct err *tx_err) {
    struct found *found = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, tx_err, &rows,
                      "SELECT b.class, b.our_minor, b.their_minor, m.side, m.movement_id, b.id "
                      "FROM recon_break b JOIN recon_break_member m ON m.break_id = b.id WHERE "
                      "b.gateway = $1 AND b.state = 1 ORDER BY b.id, m.side, m.movement_id",
                      S_TEXT("psp"));
    char last[ID_TEXT_MAX] = "";
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    char *head = NULL;
    while (r >= 0) {
        r = sql_next(rows, tx_err);
        if (head != NULL && (r <= 0 || strcmp(last, sql_text(rows, 5)) != 0)) {
            g_ptr_array_sort(names, by_text);
            g_ptr_array_add(names, NULL);
            char *all = g_strjoinv(", ", (char **)names->pdata);
            g_ptr_array_add(found->lines, g_strdup_printf("%s: %s", head, all));
            g_free(all);
            g_free(head);
            head = NULL;
            g_ptr_array_set_size(names, 0);
        }
        if (r <= 0) {
            break;
        }
        char name[NAME_CHARS];
        name_of(found, (int)sql_int(rows, 3), sql_text(rows, 4), name);
        g_ptr_array_add(names, g_strdup(name));
        if (head == NULL) {
            g_strlcpy(last, sql_text(rows, 5), sizeof last);
            head = g_strdup_printf("%s %lld %lld",
                                   match_class_name((enum match_class)sql_int(rows, 0)),
                                   (long long)sql_int(rows, 1), (long long)sql_int(rows, 2));
        }
    }
    g_ptr_array_free(names, true);
    return r;
}

static char *planted_rows(const struct filed_case *c) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < c->rows->len; i++) {
        const struct planted_row *row = &g_array_index(c->rows, struct planted_row, i);
        /* An attempt that moved nothing takes part, and is no movement. */
        if (!g_str_has_prefix(row->name, "att_")) {
            g_ptr_array_add(lines,
                            g_strdup_printf("%s %s", match_class_name(row->class), row->name));
        }
    }
    return joined(lines);
}

static char *planted_breaks(const struct filed_case *c) {
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < c->breaks->len; i++) {
        const struct planted_break *group = &g_array_index(c->breaks, struct planted_break, i);
        GPtrArray *names = g_ptr_array_new();
        for (int j = 0; j < group->ours + group->theirs; j++) {
            g_ptr_array_add(names, (gpointer)group->names[j]);
        }
        g_ptr_array_sort(names, by_text);
        g_ptr_array_add(names, NULL);
        char *all = g_strjoinv(", ", (char **)names->pdata);
        g_ptr_array_add(lines, g_strdup_printf("%s %lld %lld: %s", match_class_name(group->class),
                                               (long long)group->sum_minor[OURS],
                                               (long long)group->sum_minor[THEIRS], all));
        g_free(all);
        g_ptr_array_free(names, true);
    }
    return joined(lines);
}

static void compare(const struct filed_case *c, struct found *found, store_fn *fn, char *planted,
                    const char *what) {
    found->lines = g_ptr_array_new_with_free_func(g_free);
    if (store_read(engine.store, fn, found, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    char *text = joined(found->lines);
    if (strcmp(text, planted) != 0) {
        print_message("planted:\n%s\nfound:\n", planted);
        print_message("%s\n", text);
        fail_msg("seed %llu, %s: not the %s that were planted", (unsigned long long)c->seed,
                 c->layout->name, what);
    }
    g_free(text);
    g_free(planted);
}

/* ---- one case ---- */

/* The payouts that a layout adds are the gateway's own, each with its booking. */
static void plant_payouts(struct filed_case *c, int file) {
    struct {
        struct currency currency;
        int64_t net;
    } sums[8] = {0};
    size_t count = 0;
    for (guint i = 0; c->layout->pays_out && i < c->filed[file]->len; i++) {
        const struct filed *row = &g_array_index(c->filed[file], struct filed, i);
        size_t at = 0;
        while (at < count && !currency_equal(sums[at].currency, row->currency)) {
            at++;
        }
        count = at == count ? at + 1 : count;
        sums[at].currency = row->currency;
        sums[at].net += row->gross_minor - row->fee_minor;
    }
    for (size_t i = 0; i < count; i++) {
        if (sums[i].net > 0) {
            struct planted_break group = group_begin(CLASS_GATEWAYS_OWN);
            add_row(c, &group, THEIRS, "payout", sums[i].currency, -sums[i].net, 0);
            add_row(c, &group, OURS, "booking", sums[i].currency, -sums[i].net, 0);
            group_end(c, &group);
            close_with(c, sums[i].currency, -sums[i].net);
        }
    }
}

static void run(void) {
    struct match_rule rules[MATCH_RULES_MAX];
    struct reconciliation_id id;
    int count = 0;
    const struct match_rule *usual = match_rules_usual(&count);
    memcpy(rules, usual, (size_t)count * sizeof *rules);
    for (int i = 0; i < count; i++) {
        if (rules[i].by == BY_GATEWAY_ID || rules[i].by == BY_REFERENCE) {
            rules[i].tolerance_minor = TOLERANCE;
            rules[i].before_us = BEFORE_DAYS * DAY_US;
            rules[i].after_us = AFTER_DAYS * DAY_US;
        }
    }
    const struct match_options options = {.rules = rules, .rule_count = count};
    const struct run_request request = {.gateway = "psp",
                                        .actor = "user:usr_1",
                                        .until_us = clock_wall_us(),
                                        .business_days = RUN_BUSINESS_DAYS_USUAL,
                                        .options = &options};
    if (reconcile_run(engine.store, &request, &id, &figures, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* By currency, class and side; and what the account comes to. */
static void check_sums(const struct filed_case *c) {
    int64_t rows = 0, told = 0;
    for (int i = 0; i < figures.sum_count; i++) {
        const struct match_sum *sum = &figures.sums[i];
        int64_t count[MATCH_SIDES] = {0}, minor[MATCH_SIDES] = {0}, fee[MATCH_SIDES] = {0};
        for (guint j = 0; j < c->rows->len; j++) {
            const struct planted_row *row = &g_array_index(c->rows, struct planted_row, j);
            if (row->class == sum->class && currency_equal(row->currency, sum->currency)) {
                count[row->side]++;
                minor[row->side] += row->amount_minor;
                fee[row->side] += row->fee_minor;
            }
        }
        for (int side = OURS; side < MATCH_SIDES; side++) {
            if (sum->rows[side] != count[side] || sum->amount_minor[side] != minor[side]) {
                fail_msg("seed %llu: %s %s of side %d: %lld in %lld rows, planted %lld in %lld",
                         (unsigned long long)c->seed, match_class_name(sum->class),
                         sum->currency.code, side, (long long)sum->amount_minor[side],
                         (long long)sum->rows[side], (long long)minor[side],
                         (long long)count[side]);
            }
            if (sum->fee_minor[side] != fee[side]) {
                fail_msg("seed %llu: fees of %s %s of side %d: %lld, planted %lld",
                         (unsigned long long)c->seed, match_class_name(sum->class),
                         sum->currency.code, side, (long long)sum->fee_minor[side],
                         (long long)fee[side]);
            }
            told += sum->rows[side];
        }
    }
    rows = figures.rows[OURS] + figures.rows[THEIRS];
    assert_int_equal(told, rows);
    assert_int_equal(rows, c->rows->len);
    assert_true(figures.ties_out);
    for (int i = 0; i < figures.book_count; i++) {
        const struct run_book *is = &figures.books[i];
        int64_t planted = 0;
        for (int j = 0; j < c->closing_count; j++) {
            if (currency_equal(c->closing[j].currency, is->currency)) {
                planted += c->closing[j].minor;
            }
        }
        assert_int_equal(is->opening_minor, 0);
        assert_int_equal(is->movements_minor, is->closing_minor);
        if (is->closing_minor != planted) {
            fail_msg("seed %llu: the account holds %lld %s, planted %lld",
                     (unsigned long long)c->seed, (long long)is->closing_minor, is->currency.code,
                     (long long)planted);
        }
    }
}

static void run_case(uint64_t seed, int64_t *seen) {
    struct filed_case c;
    struct found found = {.c = &c};
    filed_case_open(&c, &filed_layouts[seed % (uint64_t)filed_layouts_count], seed, seen);
    for (int64_t more = 1 + below(&c, MOVEMENTS_MAX); more > 0; more--) {
        fates[below(&c, COUNT_OF(fates))](&c);
    }
    for (int file = 0; file < FILES; file++) {
        plant_payouts(&c, file);
    }
    if (store_write(engine.store, put_all, &c, &err) < 0) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.detail);
    }
    for (int file = 0; file < FILES; file++) {
        found.statements[file] = take(&c, file);
    }
    run();
    compare(&c, &found, rows_fn, planted_rows(&c), "rows");
    compare(&c, &found, breaks_fn, planted_breaks(&c), "breaks");
    check_sums(&c);
    assert_int_equal(figures.breaks_opened, c.breaks->len);
    filed_case_close(&c);
    assert_int_equal(store_write(engine.store, forget_fn, NULL, &err), 0);
}

static void what_files_tell_is_found_as_it_was_planted(void **state) {
    static const enum match_class of_files[] = {
        CLASS_MATCHED,      CLASS_MATCHED_TOLERANCE, CLASS_NOTHING_MOVED,   CLASS_EXPECTED,
        CLASS_GATEWAYS_OWN, CLASS_MISSING_THERE,     CLASS_MISSING_HERE,    CLASS_PAID_THERE,
        CLASS_OPEN_THERE,   CLASS_AMOUNT_OVER,       CLASS_AMOUNT_UNDER,    CLASS_CURRENCY,
        CLASS_DUPLICATE_HERE, CLASS_DUPLICATE_THERE, CLASS_DOUBLE_CHARGE,   CLASS_ORPHAN_REFUND,
        CLASS_ORPHAN_DISPUTE, CLASS_REFUND_MISMATCH, CLASS_REFUND_LOST,     CLASS_FEE,
        CLASS_LATE,         CLASS_SPLIT,             CLASS_AMBIGUOUS,       CLASS_PAYOUT,
        CLASS_TWO_GATEWAYS, CLASS_REFUND_FAILED,     CLASS_KIND,
    };
    int64_t seen[CLASS_COUNT] = {0};
    long cases = asked("HOLDFAST_FILED_CASES");
    cases = cases > 0 ? cases : sample_of(CASES, CASES_SAMPLED);
    (void)state;
    engine_open(&engine, STORE_SQLITE);
    if (asked("HOLDFAST_FILED_SEED") > 0) {
        run_case((uint64_t)asked("HOLDFAST_FILED_SEED"), seen);
        test_store_end(&engine);
        return;
    }
    for (long i = 1; i <= cases; i++) {
        run_case((uint64_t)i, seen);
    }
    for (size_t i = 0; i < COUNT_OF(of_files); i++) {
        if (asked("HOLDFAST_FILED_CASES") > 0) {
            print_message("%-24s %lld\n", match_class_name(of_files[i]),
                          (long long)seen[of_files[i]]);
        }
        if (seen[of_files[i]] < cases / 100) {
            fail_msg("of %s only %lld were planted", match_class_name(of_files[i]),
                     (long long)seen[of_files[i]]);
        }
    }
    test_store_end(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_files_tell_is_found_as_it_was_planted),
    };
    crypto_init();
    log_level_set(LOG_ERROR);
    test_clock_install();
    test_clock_wall_shift(NOW_US - clock_wall_us());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        csv_map_free(maps[i]);
    }
    return failed;
}
