/* SPDX-License-Identifier: Apache-2.0
 * read_stripe.c: Stripe's itemized balance and payout reports: payout_reconciliation.itemized,
 * balance_change_from_activity.itemized, ending_balance_reconciliation.itemized. Layout: Stripe's
 * public documentation, "Report types" and "Reporting categories".
 *
 * Whoever asks for a report chooses its columns and their order, so that only names tell which is
 * which. Amounts are decimals in the currency's major unit; a category, not the type, tells what a
 * row is. There is no row of totals and no end mark: what can be checked is each row's own sum
 * (net is gross less fee), and that the rows of a payout and the payout itself come to nothing.
 *
 * What our side must match with (src/gateway/stripe): a charge by its charge (gateway_id, ch_…),
 * its payment intent is original_id, which is what the attempt knows as the gateway's id; a refund
 * by re_…; a dispute by du_… or dp_…. Where the report was asked for with the columns
 * payment_metadata[reference] and refund_metadata[reference], the adapter's own references are
 * there as well. Disputes and refunds have the payment intent, or the charge where that is not
 * told, as original_id.
 *
 * created_utc is taken where it is there; else created, in source->time_zone (NULL: UTC, which is
 * what a report is made in unless another zone was asked for). A partial_capture_reversal is an
 * adjustment: the part of an authorisation that was not captured, and no refund to anybody. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "statement/csv_rows.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum { SURE = 95, CATEGORY_CHARS_MAX = 64, PAYOUTS_MAX = 100 * 1000 };
#define TIME_PATTERN "YYYY-MM-DD hh:mm:ss"

enum {
    PAYOUT_ID,
    TRANSACTION_ID,
    CREATED_UTC,
    CREATED,
    CURRENCY,
    GROSS,
    FEE,
    NET,
    CATEGORY,
    SOURCE_ID,
    CHARGE_ID,
    INTENT_ID,
    METHOD,
    BRAND,
    DESCRIPTION,
    PAYMENT_REFERENCE,
    REFUND_REFERENCE,
    COLUMN_COUNT
};
static const struct csv_column columns[COLUMN_COUNT] = {
    [PAYOUT_ID] = {"automatic_payout_id", false},
    [TRANSACTION_ID] = {"balance_transaction_id", false},
    [CREATED_UTC] = {"created_utc", false},
    [CREATED] = {"created", false},
    [CURRENCY] = {"currency", true},
    [GROSS] = {"gross", true},
    [FEE] = {"fee", true},
    [NET] = {"net", true},
    [CATEGORY] = {"reporting_category", true},
    [SOURCE_ID] = {"source_id", false},
    [CHARGE_ID] = {"charge_id", false},
    [INTENT_ID] = {"payment_intent_id", false},
    [METHOD] = {"payment_method_type", false},
    [BRAND] = {"card_brand", false},
    [DESCRIPTION] = {"description", false},
    [PAYMENT_REFERENCE] = {"payment_metadata[reference]", false},
    [REFUND_REFERENCE] = {"refund_metadata[reference]", false},
};

enum { ROW_NEVER = 0 };
static const struct {
    const char *name;
    enum row_kind credit, debit;
} categories[] = {
#define X(name, credit, debit) {name, (enum row_kind)ROW_##credit, (enum row_kind)ROW_##debit},
#include "statement/read/stripe_categories.def"
#undef X
};

static const struct amount_style style = {.decimal = '.'};

/* A payout and its rows, as far as they are in the file. */
struct payout {
    int64_t sum_minor, line; /* of the payout's own row; 0: it is not there */
    int64_t others;          /* rows */
    struct currency currency;
    bool mixed; /* several currencies, or more than any amount */
};

struct texts {
    char transaction[ROW_ID_CHARS_MAX + 1], source[ROW_ID_CHARS_MAX + 1];
    char charge[ROW_ID_CHARS_MAX + 1], intent[ROW_ID_CHARS_MAX + 1];
    char payout[ROW_ID_CHARS_MAX + 1], method[ROW_ID_CHARS_MAX + 1];
    char category[CATEGORY_CHARS_MAX + 1];
    char payment_reference[ROW_ID_CHARS_MAX + 1], refund_reference[ROW_ID_CHARS_MAX + 1];
    char description[ROW_TEXT_CHARS_MAX + 1];
};
struct stripe {
    struct csv_rows rows;
    const struct statement_sink *sink;
    int at[COLUMN_COUNT];
    struct time_zone *zone;
    struct seen seen;
    GHashTable *payouts; /* id → struct payout, both owned */
    GPtrArray *ids;      /* the same ids in the file's order, borrowed */
    struct texts texts;
};

/* ---- one row ---- */

static bool read_texts(struct stripe *stripe) {
    struct texts *texts = &stripe->texts;
    const struct csv_rows *rows = &stripe->rows;
    const int *at = stripe->at;
    int method = csv_rows_blank(rows, at[BRAND]) ? at[METHOD] : at[BRAND];
    const struct {
        int at;
        char *text;
    } ids[] = {
        {at[TRANSACTION_ID], texts->transaction},
        {at[SOURCE_ID], texts->source},
        {at[CHARGE_ID], texts->charge},
        {at[INTENT_ID], texts->intent},
        {at[PAYOUT_ID], texts->payout},
        {method, texts->method},
        {at[PAYMENT_REFERENCE], texts->payment_reference},
        {at[REFUND_REFERENCE], texts->refund_reference},
    };
    bool good = csv_rows_text(rows, at[CATEGORY], texts->category, sizeof texts->category) &&
                csv_rows_note(rows, at[DESCRIPTION], texts->description, sizeof texts->description);
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        good = csv_rows_text(rows, ids[i].at, ids[i].text, ROW_ID_CHARS_MAX + 1) && good;
    }
    return good;
}

static bool read_kind(const struct stripe *stripe, struct statement_row *row) {
    const char *name = stripe->texts.category;
    for (size_t i = 0; i < COUNT_OF(categories); i++) {
        if (strcmp(categories[i].name, name) != 0) {
            continue;
        }
        bool comes = row->gross_minor > 0 || (row->gross_minor == 0 && categories[i].credit != 0);
        row->kind = comes ? categories[i].credit : categories[i].debit;
        if (row->kind != 0) {
            return true;
        }
        csv_rows_tell(&stripe->rows, PROBLEM_SIGN, stripe->at[GROSS],
                      "an amount of this sign cannot be a %s", name);
        return false;
    }
    csv_rows_tell(&stripe->rows, PROBLEM_UNKNOWN_KIND, stripe->at[CATEGORY],
                  "'%s' is no category that is known", name);
    return false;
}

static bool read_amounts(const struct stripe *stripe, struct statement_row *row) {
    const struct csv_rows *rows = &stripe->rows;
    int64_t expected = 0;
    if (!csv_rows_currency(rows, stripe->at[CURRENCY], &row->currency)) {
        return false;
    }
    bool good = csv_rows_amount(rows, stripe->at[GROSS], &style, row->currency, &row->gross_minor);
    good = csv_rows_amount(rows, stripe->at[FEE], &style, row->currency, &row->fee_minor) && good;
    good = csv_rows_amount(rows, stripe->at[NET], &style, row->currency, &row->net_minor) && good;
    if (!good) {
        return false;
    }
    if (!money_sub(row->gross_minor, row->fee_minor, &expected) || expected != row->net_minor) {
        char net[MONEY_TEXT_MAX], want[MONEY_TEXT_MAX];
        csv_rows_tell(rows, PROBLEM_TOTAL, stripe->at[NET], "it is %s, and gross less fee is %s",
                      money_decimal(row->net_minor, row->currency, net),
                      money_decimal(expected, row->currency, want));
        return false;
    }
    return true;
}

/* Which id is the movement's own, and which is that of the payment it is about. */
static void name_row(const struct texts *texts, struct statement_row *row) {
    enum row_family family = row_kind_family(row->kind);
    const char *payment = texts->intent[0] != '\0' ? texts->intent : texts->charge;
    row->native_kind = texts->category;
    row->batch = texts->payout;
    row->method = texts->method;
    row->description = texts->description;
    row->gateway_id = texts->source[0] != '\0' ? texts->source : texts->transaction;
    row->original_id = payment;
    if (family == FAMILY_PAYMENT) {
        row->gateway_id = texts->charge[0] != '\0' ? texts->charge : row->gateway_id;
        row->original_id = texts->intent;
        row->reference = texts->payment_reference;
        return;
    }
    row->original_reference = texts->payment_reference;
    row->reference = family == FAMILY_REFUND ? texts->refund_reference : "";
}

static bool check_repeated(struct stripe *stripe) {
    const struct texts *texts = &stripe->texts;
    size_t count = strlen(texts->transaction);
    const char *bytes = count > 0 ? texts->transaction : csv_rows_bytes(&stripe->rows, &count);
    int64_t first = seen_add(&stripe->seen, bytes, count, stripe->rows.line);
    if (first > 0) {
        statement_tell(stripe->sink, PROBLEM_REPEATED, stripe->rows.line,
                       "the transaction %s stands on line %lld already", texts->transaction,
                       (long long)first);
        return false;
    }
    if (seen_full(&stripe->seen)) {
        statement_tell(stripe->sink, PROBLEM_LIMIT, stripe->rows.line,
                       "there are more rows than can be told from one another");
        return false;
    }
    return true;
}

/* ---- payouts ---- */

static void add_to_payout(struct stripe *stripe, const struct statement_row *row) {
    struct payout *payout = g_hash_table_lookup(stripe->payouts, row->batch);
    if (payout == NULL) {
        if (stripe->ids->len == PAYOUTS_MAX) {
            statement_tell(stripe->sink, PROBLEM_LIMIT, row->line, "there are more than %d payouts",
                           PAYOUTS_MAX);
            return;
        }
        char *id = g_strdup(row->batch);
        payout = g_new0(struct payout, 1);
        payout->currency = row->currency;
        g_hash_table_insert(stripe->payouts, id, payout);
        g_ptr_array_add(stripe->ids, id);
    }
    if (!currency_equal(payout->currency, row->currency) ||
        !money_add(payout->sum_minor, row->net_minor, &payout->sum_minor)) {
        payout->mixed = true;
    }
    if (strcmp(row->native_kind, "payout") == 0) {
        payout->line = row->line;
    } else {
        payout->others++;
    }
}

/* A file of payouts only, or of rows whose payout comes later, has nothing to compare. */
static void check_payouts(const struct stripe *stripe) {
    for (guint i = 0; i < stripe->ids->len; i++) {
        const char *id = g_ptr_array_index(stripe->ids, i);
        const struct payout *payout = g_hash_table_lookup(stripe->payouts, id);
        char sum[MONEY_TEXT_MAX];
        if (payout->line == 0 || payout->others == 0 ||
            (payout->sum_minor == 0 && !payout->mixed)) {
            continue;
        }
        statement_tell(stripe->sink, PROBLEM_TOTAL, payout->line,
                       "the payout %.60s and its rows come to %s instead of nothing", id,
                       payout->mixed ? "several currencies"
                                     : money_show(payout->sum_minor, payout->currency, sum));
    }
}

/* ---- the file ---- */

static int read_row(struct stripe *stripe, struct statement_head *head, struct err *err) {
    struct statement_row row;
    int time_at = stripe->at[CREATED_UTC] != CSV_NONE ? stripe->at[CREATED_UTC]
                                                      : stripe->at[CREATED];
    const struct time_zone *zone = stripe->at[CREATED_UTC] != CSV_NONE ? NULL : stripe->zone;
    statement_row_init(&row);
    row.line = stripe->rows.line;
    row.status = ROW_DONE;
    if (!csv_rows_complete(&stripe->rows) || !read_texts(stripe)) {
        return 0;
    }
    bool good = csv_rows_time(&stripe->rows, time_at, TIME_PATTERN, zone, &row.at_us);
    good = read_amounts(stripe, &row) && good;
    if (!good || !read_kind(stripe, &row) || !check_repeated(stripe)) {
        return 0;
    }
    name_row(&stripe->texts, &row);
    if (row.batch[0] != '\0') {
        add_to_payout(stripe, &row);
    }
    head->rows++;
    return stripe->sink->row(stripe->sink->ctx, &row, err);
}

/* The header, and that it has one of each that it may have under several names. */
/* A header that was torn, or whose line ends were lost, has a column without a name or one with a
 * control character in it. */
static bool header_is_whole(const struct stripe *stripe) {
    const struct csv_rows *rows = &stripe->rows;
    for (int i = 0; i < rows->count; i++) {
        const struct csv_field *field = &rows->fields[i];
        bool whole = field->count > 0;
        for (size_t at = 0; at < field->count && whole; at++) {
            whole = (unsigned char)field->bytes[at] >= ' ';
        }
        if (!whole) {
            statement_tell(stripe->sink, PROBLEM_BAD_ROW, rows->line,
                           "column %d of the header has no whole name", i + 1);
            return false;
        }
    }
    return true;
}

/* Stripe ends every line; without the last end nobody knows whether the last row is whole. */
static void check_end(const struct stripe *stripe, const struct statement_source *source) {
    const char *bytes = source->bytes;
    if (source->count > 0 && bytes[source->count - 1] != '\n') {
        statement_tell(stripe->sink, PROBLEM_BAD_ROW, stripe->rows.line,
                       "the last line has no end: the file was torn");
    }
}

static bool read_header(struct stripe *stripe) {
    struct csv_rows *rows = &stripe->rows;
    if (!csv_rows_next(rows)) {
        statement_tell(stripe->sink, PROBLEM_MISSING_COLUMN, 0, "the file has no header");
        return false;
    }
    if (!header_is_whole(stripe)) {
        return false;
    }
    bool complete = csv_rows_header(rows, columns, COLUMN_COUNT, stripe->at);
    if (stripe->at[CREATED_UTC] == CSV_NONE && stripe->at[CREATED] == CSV_NONE) {
        statement_tell(stripe->sink, PROBLEM_MISSING_COLUMN, rows->line,
                       "there is no column created_utc or created");
        complete = false;
    }
    if (stripe->at[TRANSACTION_ID] == CSV_NONE && stripe->at[SOURCE_ID] == CSV_NONE) {
        statement_tell(stripe->sink, PROBLEM_MISSING_COLUMN, rows->line,
                       "there is no column balance_transaction_id or source_id");
        complete = false;
    }
    return complete;
}

static int stripe_read(const struct statement_source *source, const struct statement_sink *sink,
                       struct statement_head *ret_head, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    *ret_head = (struct statement_head){.sequence = -1};
    if (source->time_zone != NULL) {
        int rc = time_zone_open(source->time_zone, &zone, err);
        if (rc < 0) {
            return rc;
        }
    }
    struct stripe *stripe = g_new0(struct stripe, 1);
    stripe->sink = sink;
    stripe->zone = zone;
    stripe->payouts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stripe->ids = g_ptr_array_new();
    csv_rows_open(&stripe->rows, sink, source->bytes, source->count, ',', '"');
    int rc = 0;
    if (read_header(stripe)) {
        while (rc == 0 && csv_rows_next(&stripe->rows)) {
            rc = read_row(stripe, ret_head, err);
        }
        check_payouts(stripe);
    }
    check_end(stripe, source);
    if (stripe->ids->len == 1) {
        g_strlcpy(ret_head->file_id, g_ptr_array_index(stripe->ids, 0), sizeof ret_head->file_id);
    }
    g_ptr_array_free(stripe->ids, true);
    g_hash_table_destroy(stripe->payouts);
    seen_release(&stripe->seen);
    g_free(stripe);
    return rc;
}

static int stripe_detect(const char *name, const void *bytes, size_t count) {
    static const char *const names[] = {"reporting_category", "gross", "net", "currency"};
    (void)name;
    return csv_header_has(bytes, count, names, COUNT_OF(names)) ? SURE : 0;
}

const struct statement_reader reader_stripe = {
    .name = "stripe-report",
    .title = "Stripe balance and payout reports (CSV)",
    .adapter = "stripe",
    .tells = TELLS_MOVEMENTS,
    .detect = stripe_detect,
    .read = stripe_read,
};
