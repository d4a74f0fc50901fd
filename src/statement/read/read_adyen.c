/* SPDX-License-Identifier: Apache-2.0
 * read_adyen.c: Adyen's settlement details report, settlement_detail_report_batch_N.csv: one file a
 * payout batch. Layout: Adyen's public documentation, "Settlement details report".
 *
 * Holdfast has no adapter for Adyen: this is for books that are kept elsewhere. Those know a
 * payment by the PSP reference of its authorisation (Psp Reference), which is gateway_id of a
 * settled payment; several captures of one payment are several rows with that id. Of refunds,
 * chargebacks and what reverses them the Modification Reference is the movement's own id, since all
 * refunds of a payment share the Psp Reference: that is original_id there, and the Merchant
 * Reference is the payment's (original_reference), the Modification Merchant Reference the
 * movement's. A payout's Modification Reference is a text; its first word is what the bank shows.
 *
 * Gross amounts are in the customer's currency (GC), net amounts and costs in that of the account
 * (NC). Where they are the same, gross less costs is net, and the row tells both; else only gross
 * is told, since no row has two currencies. Settled or refunded "externally" is money that went
 * past Adyen: its net amount is only what Adyen keeps.
 * Checked: one batch number, that of the file's name; net amounts and the batch's payout come to
 * nothing; each row's sum; abbreviations of time zones by the table below, no others. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "statement/csv_rows.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum { SURE = 95, TYPE_CHARS_MAX = 64, ZONE_CHARS_MAX = 8 };
#define TIME_PATTERN "YYYY-MM-DD hh:mm:ss"
#define BATCH_IN_NAME "batch_"

enum {
    MERCHANT,
    PSP,
    REFERENCE,
    METHOD,
    CREATED,
    ZONE,
    TYPE,
    MODIFICATION,
    GROSS_CURRENCY,
    GROSS_DEBIT,
    GROSS_CREDIT,
    NET_CURRENCY,
    NET_DEBIT,
    NET_CREDIT,
    COMMISSION,
    MARKUP,
    SCHEME,
    INTERCHANGE,
    MODIFICATION_REFERENCE,
    BATCH,
    COLUMN_COUNT
};
static const struct csv_column columns[COLUMN_COUNT] = {
    [MERCHANT] = {"Merchant Account", true},
    [PSP] = {"Psp Reference", true},
    [REFERENCE] = {"Merchant Reference", true},
    [METHOD] = {"Payment Method", true},
    [CREATED] = {"Creation Date", true},
    [ZONE] = {"TimeZone", true},
    [TYPE] = {"Type", true},
    [MODIFICATION] = {"Modification Reference", true},
    [GROSS_CURRENCY] = {"Gross Currency", true},
    [GROSS_DEBIT] = {"Gross Debit (GC)", true},
    [GROSS_CREDIT] = {"Gross Credit (GC)", true},
    [NET_CURRENCY] = {"Net Currency", true},
    [NET_DEBIT] = {"Net Debit (NC)", true},
    [NET_CREDIT] = {"Net Credit (NC)", true},
    [COMMISSION] = {"Commission (NC)", true},
    [MARKUP] = {"Markup (NC)", true},
    [SCHEME] = {"Scheme Fees (NC)", true},
    [INTERCHANGE] = {"Interchange (NC)", true},
    [MODIFICATION_REFERENCE] = {"Modification Merchant Reference", false},
    [BATCH] = {"Batch Number", true},
};

static const struct {
    const char *name;
    enum row_kind kind;
    bool external; /* its gross amount does not pass through the batch */
} types[] = {
    {"Settled", ROW_CHARGE, false},
    {"SettledExternally", ROW_CHARGE, true},
    {"Refunded", ROW_REFUND, false},
    {"RefundedExternally", ROW_REFUND, true},
    {"RefundedReversed", ROW_REFUND_RETURNED, false},
    {"Chargeback", ROW_CHARGEBACK, false},
    {"SecondChargeback", ROW_CHARGEBACK, false},
    {"ChargebackReversed", ROW_CHARGEBACK_RETURNED, false},
    {"Fee", ROW_FEE, false},
    {"MiscCosts", ROW_FEE, false},
    {"PaymentCost", ROW_FEE, false},
    {"SettleCost", ROW_FEE, false},
    {"InvoiceDeduction", ROW_FEE, false},
    {"DepositCorrection", ROW_RESERVE, false},
    {"ReserveAdjustment", ROW_RESERVE, false},
    {"Balancetransfer", ROW_TRANSFER, false},
    {"MerchantPayout", ROW_PAYOUT, false},
    {"MerchantPayin", ROW_TOPUP, false},
};

/* Only names that mean one offset to everybody: CST is Chicago's and China's, IST three places'. */
static const struct {
    const char *name;
    int minutes; /* east of Greenwich */
} zones[] = {
    {"UTC", 0},    {"GMT", 0},    {"WET", 0},    {"WEST", 60},  {"BST", 60},   {"CET", 60},
    {"CEST", 120}, {"EET", 120},  {"EEST", 180}, {"EST", -300}, {"EDT", -240}, {"CDT", -300},
    {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"BRT", -180}, {"SGT", 480},
    {"HKT", 480},  {"JST", 540},  {"AEST", 600}, {"AEDT", 660}, {"NZST", 720}, {"NZDT", 780},
};

static const struct amount_style style = {.decimal = '.'};

struct texts {
    char merchant[ROW_ID_CHARS_MAX + 1], psp[ROW_ID_CHARS_MAX + 1];
    char reference[ROW_ID_CHARS_MAX + 1], method[ROW_ID_CHARS_MAX + 1];
    char modification[ROW_ID_CHARS_MAX + 1], modification_reference[ROW_ID_CHARS_MAX + 1];
    char batch[ROW_ID_CHARS_MAX + 1], type[TYPE_CHARS_MAX + 1], zone[ZONE_CHARS_MAX + 1];
    char word[ROW_ID_CHARS_MAX + 1], description[ROW_TEXT_CHARS_MAX + 1];
};
/* What a currency's rows and its payout come to. */
struct sum {
    struct currency currency;
    int64_t minor, payout_line;
};
struct adyen {
    struct csv_rows rows;
    const struct statement_sink *sink;
    struct statement_head *head;
    int at[COLUMN_COUNT];
    struct seen seen;
    struct sum sums[STATEMENT_CURRENCIES_MAX];
    int sum_count;
    bool too_large; /* a sum that is larger than any amount */
    int type;       /* of the row at hand: its place in the table */
    struct texts texts;
};

/* ---- one row ---- */

static bool read_texts(struct adyen *adyen) {
    struct texts *texts = &adyen->texts;
    const struct {
        int column;
        char *text;
        size_t bytes;
    } fields[] = {
        {MERCHANT, texts->merchant, sizeof texts->merchant},
        {PSP, texts->psp, sizeof texts->psp},
        {REFERENCE, texts->reference, sizeof texts->reference},
        {METHOD, texts->method, sizeof texts->method},
        {MODIFICATION, texts->modification, sizeof texts->modification},
        {MODIFICATION_REFERENCE, texts->modification_reference,
         sizeof texts->modification_reference},
        {BATCH, texts->batch, sizeof texts->batch},
        {TYPE, texts->type, sizeof texts->type},
        {ZONE, texts->zone, sizeof texts->zone},
    };
    bool good = csv_rows_note(&adyen->rows, adyen->at[MODIFICATION], texts->description,
                              sizeof texts->description);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        good = csv_rows_text(&adyen->rows, adyen->at[fields[i].column], fields[i].text,
                             fields[i].bytes) &&
               good;
    }
    return good;
}

static bool read_type(struct adyen *adyen) {
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].name, adyen->texts.type) == 0) {
            adyen->type = (int)i;
            return true;
        }
    }
    csv_rows_tell(&adyen->rows, PROBLEM_UNKNOWN_KIND, adyen->at[TYPE],
                  "'%s' is no type that is known", adyen->texts.type);
    return false;
}

static bool read_time(const struct adyen *adyen, struct statement_row *row) {
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        if (strcmp(zones[i].name, adyen->texts.zone) != 0) {
            continue;
        }
        if (!csv_rows_time(&adyen->rows, adyen->at[CREATED], TIME_PATTERN, NULL, &row->at_us)) {
            return false;
        }
        row->at_us -= zones[i].minutes * 60 * US_PER_SECOND;
        return true;
    }
    csv_rows_tell(&adyen->rows, PROBLEM_BAD_VALUE, adyen->at[ZONE],
                  "'%s' is no time zone that is known", adyen->texts.zone);
    return false;
}

/* Of a pair of columns one has the amount; both may be empty only when `needed` is not. */
static bool read_pair(const struct adyen *adyen, int debit_at, int credit_at, bool needed,
                      struct currency currency, int64_t *ret_minor) {
    const struct csv_rows *rows = &adyen->rows;
    int64_t debit = 0, credit = 0;
    if (needed && csv_rows_blank(rows, debit_at) && csv_rows_blank(rows, credit_at)) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, credit_at, "neither it nor the debit is there");
        return false;
    }
    bool good = csv_rows_amount_or_0(rows, debit_at, &style, currency, &debit);
    good = csv_rows_amount_or_0(rows, credit_at, &style, currency, &credit) && good;
    if (good && debit != 0 && credit != 0) {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, credit_at, "both it and the debit are there");
        return false;
    }
    if (good && (debit < 0 || credit < 0)) {
        csv_rows_tell(rows, PROBLEM_SIGN, debit < 0 ? debit_at : credit_at,
                      "a sign where the column is the sign");
        return false;
    }
    *ret_minor = credit - debit;
    return good;
}

static bool read_costs(const struct adyen *adyen, struct currency currency, int64_t *ret_minor) {
    static const int parts[] = {COMMISSION, MARKUP, SCHEME, INTERCHANGE};
    int64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        int64_t part = 0;
        if (!csv_rows_amount_or_0(&adyen->rows, adyen->at[parts[i]], &style, currency, &part)) {
            return false;
        }
        if (!money_add(sum, part, &sum)) {
            csv_rows_tell(&adyen->rows, PROBLEM_LIMIT, adyen->at[parts[i]],
                          "the costs are larger than any amount");
            return false;
        }
    }
    *ret_minor = sum;
    return true;
}

static bool check_net(const struct adyen *adyen, const struct statement_row *row) {
    int64_t expected = 0;
    char net[MONEY_TEXT_MAX], want[MONEY_TEXT_MAX];
    if (money_sub(row->gross_minor, row->fee_minor, &expected) && expected == row->net_minor) {
        return true;
    }
    csv_rows_tell(&adyen->rows, PROBLEM_TOTAL, adyen->at[NET_CREDIT],
                  "net is %s, and gross less costs is %s",
                  money_decimal(row->net_minor, row->currency, net),
                  money_decimal(expected, row->currency, want));
    return false;
}

static bool check_sign(const struct adyen *adyen, const struct statement_row *row) {
    int sign = row_kind_sign(row->kind);
    if ((sign > 0 && row->gross_minor < 0) || (sign < 0 && row->gross_minor > 0)) {
        csv_rows_tell(&adyen->rows, PROBLEM_SIGN, adyen->at[TYPE],
                      "an amount of this sign cannot be %s", adyen->texts.type);
        return false;
    }
    return true;
}

/* Amounts as the row tells them, and `ret_net_minor`, in `ret_net`, what the batch moves by. */
static bool read_amounts(const struct adyen *adyen, struct statement_row *row,
                         struct currency *ret_net, int64_t *ret_net_minor) {
    const int *at = adyen->at;
    const struct csv_rows *rows = &adyen->rows;
    int64_t costs = 0;
    bool has_gross = !csv_rows_blank(rows, at[GROSS_CURRENCY]) ||
                     !csv_rows_blank(rows, at[GROSS_DEBIT]) ||
                     !csv_rows_blank(rows, at[GROSS_CREDIT]);
    row->kind = types[adyen->type].kind;
    has_gross = has_gross || row_kind_family(row->kind) == FAMILY_PAYMENT ||
                row_kind_family(row->kind) == FAMILY_REFUND;
    if (!csv_rows_currency(rows, at[NET_CURRENCY], ret_net) ||
        !read_pair(adyen, at[NET_DEBIT], at[NET_CREDIT], !types[adyen->type].external, *ret_net,
                   ret_net_minor) ||
        !read_costs(adyen, *ret_net, &costs)) {
        return false;
    }
    if (!has_gross) {
        row->currency = *ret_net;
        row->gross_minor = row->net_minor = *ret_net_minor;
        return check_sign(adyen, row);
    }
    if (!csv_rows_currency(rows, at[GROSS_CURRENCY], &row->currency) ||
        !read_pair(adyen, at[GROSS_DEBIT], at[GROSS_CREDIT], true, row->currency,
                   &row->gross_minor)) {
        return false;
    }
    if (!currency_equal(row->currency, *ret_net)) {
        return check_sign(adyen, row);
    }
    row->net_minor = *ret_net_minor;
    row->fee_minor = costs;
    return check_sign(adyen, row) && (types[adyen->type].external || check_net(adyen, row));
}

static void name_row(struct adyen *adyen, struct statement_row *row) {
    struct texts *texts = &adyen->texts;
    enum row_family family = row_kind_family(row->kind);
    row->native_kind = texts->type;
    row->method = texts->method;
    row->batch = texts->batch;
    if (family == FAMILY_PAYMENT) {
        row->gateway_id = texts->psp;
        row->reference = texts->reference;
        return;
    }
    row->gateway_id = texts->modification;
    row->original_id = texts->psp;
    row->original_reference = texts->reference;
    row->reference = texts->modification_reference;
    if (family == FAMILY_THEIRS || family == FAMILY_BANK) {
        size_t chars = strcspn(texts->modification, " ");
        memcpy(texts->word, texts->modification, chars);
        texts->word[chars] = '\0';
        row->gateway_id = texts->word;
        row->description = texts->description;
    }
}

/* ---- the batch ---- */

/* The number in "…batch_118.csv"; -1: the name has none. */
static int64_t batch_of_name(const char *name) {
    const char *slash = strrchr(name, '/');
    const char *found = NULL;
    int64_t number = -1;
    for (const char *at = slash != NULL ? slash : name; (at = strstr(at, BATCH_IN_NAME)) != NULL;
         at++) {
        found = at + strlen(BATCH_IN_NAME);
    }
    if (found != NULL && field_count(found, strspn(found, "0123456789"), &number, NULL) < 0) {
        number = -1;
    }
    return number;
}

static void name_file(struct statement_head *head, int64_t number) {
    head->sequence = number;
    if (number >= 0) {
        snprintf(head->file_id, sizeof head->file_id, "%lld", (long long)number);
    }
}

/* One number in the whole file: the name's, or else the first row's. */
static bool check_batch(struct adyen *adyen) {
    struct statement_head *head = adyen->head;
    int64_t number = 0;
    if (!csv_rows_count(&adyen->rows, adyen->at[BATCH], &number)) {
        return false;
    }
    if (head->sequence < 0) {
        name_file(head, number);
    }
    if (number != head->sequence) {
        csv_rows_tell(&adyen->rows, PROBLEM_BAD_VALUE, adyen->at[BATCH],
                      "it is %lld in a file of batch %lld", (long long)number,
                      (long long)head->sequence);
        return false;
    }
    return true;
}

static void add_to_batch(struct adyen *adyen, const struct statement_row *row,
                         struct currency currency, int64_t net_minor) {
    int i = 0;
    while (i < adyen->sum_count && !currency_equal(adyen->sums[i].currency, currency)) {
        i++;
    }
    if (i == STATEMENT_CURRENCIES_MAX) {
        statement_tell(adyen->sink, PROBLEM_LIMIT, row->line, "there are more than %d currencies",
                       STATEMENT_CURRENCIES_MAX);
        return;
    }
    struct sum *sum = &adyen->sums[i];
    if (i == adyen->sum_count) {
        adyen->sum_count++;
        sum->currency = currency;
    }
    adyen->too_large = !money_add(sum->minor, net_minor, &sum->minor) || adyen->too_large;
    if (row->kind == ROW_PAYOUT || row->kind == ROW_TOPUP) {
        sum->payout_line = row->line;
    }
}

/* A batch that was not paid out yet has nothing to compare. */
static void check_sums(const struct adyen *adyen) {
    char shown[MONEY_TEXT_MAX];
    if (adyen->too_large) {
        statement_tell(adyen->sink, PROBLEM_LIMIT, 0, "the sums are larger than any amount");
    }
    for (int i = 0; i < adyen->sum_count; i++) {
        const struct sum *sum = &adyen->sums[i];
        if (sum->payout_line > 0 && sum->minor != 0) {
            statement_tell(adyen->sink, PROBLEM_TOTAL, sum->payout_line,
                           "the payout and its rows come to %s instead of nothing",
                           money_show(sum->minor, sum->currency, shown));
        }
    }
}

/* Costs that have no reference may well be alike. */
static bool check_repeated(struct adyen *adyen) {
    size_t count = 0;
    const char *bytes = csv_rows_bytes(&adyen->rows, &count);
    if (adyen->texts.psp[0] == '\0' && adyen->texts.modification[0] == '\0') {
        return true;
    }
    int64_t first = seen_add(&adyen->seen, bytes, count, adyen->rows.line);
    if (first == 0) {
        return true;
    }
    statement_tell(adyen->sink, PROBLEM_REPEATED, adyen->rows.line,
                   "this row stands on line %lld already", (long long)first);
    return false;
}

/* ---- the file ---- */

static int read_row(struct adyen *adyen, struct err *err) {
    struct statement_row row;
    struct currency currency;
    int64_t net_minor = 0;
    statement_row_init(&row);
    row.line = adyen->rows.line;
    row.status = ROW_DONE;
    if (!csv_rows_complete(&adyen->rows) || !read_texts(adyen)) {
        return 0;
    }
    bool good = read_type(adyen);
    good = read_time(adyen, &row) && good;
    good = check_batch(adyen) && good;
    if (!good || !read_amounts(adyen, &row, &currency, &net_minor) || !check_repeated(adyen)) {
        return 0;
    }
    name_row(adyen, &row);
    add_to_batch(adyen, &row, currency, net_minor);
    if (adyen->head->account[0] == '\0') {
        g_strlcpy(adyen->head->account, adyen->texts.merchant, sizeof adyen->head->account);
    }
    adyen->head->rows++;
    return adyen->sink->row(adyen->sink->ctx, &row, err);
}

/* Batches of a merchant account have numbers without a gap. */
static void add_link(struct statement_head *head) {
    struct statement_link *link = &head->links[0];
    *link = (struct statement_link){
        .first_number = head->sequence,
        .last_number = head->sequence,
        .opening_minor = AMOUNT_UNSAID,
        .closing_minor = AMOUNT_UNSAID,
    };
    g_strlcpy(link->account, head->account, sizeof link->account);
    head->link_count = head->sequence >= 0 ? 1 : 0;
}

static int adyen_read(const struct statement_source *source, const struct statement_sink *sink,
                      struct statement_head *ret_head, struct err *err) {
    struct adyen *adyen = g_new0(struct adyen, 1);
    int rc = 0;
    *ret_head = (struct statement_head){0};
    name_file(ret_head, batch_of_name(source->name));
    adyen->sink = sink;
    adyen->head = ret_head;
    csv_rows_open(&adyen->rows, sink, source->bytes, source->count, ',', '"');
    if (!csv_rows_next(&adyen->rows)) {
        statement_tell(sink, PROBLEM_MISSING_COLUMN, 0, "the file has no header");
    } else if (csv_rows_header(&adyen->rows, columns, COLUMN_COUNT, adyen->at)) {
        while (rc == 0 && csv_rows_next(&adyen->rows)) {
            rc = read_row(adyen, err);
        }
        check_sums(adyen);
        add_link(ret_head);
    }
    seen_release(&adyen->seen);
    g_free(adyen);
    return rc;
}

static int adyen_detect(const char *name, const void *bytes, size_t count) {
    static const char *const names[] = {"Psp Reference", "Modification Reference", "Type",
                                        "Net Credit (NC)", "Batch Number"};
    (void)name;
    return csv_header_has(bytes, count, names, COUNT_OF(names)) ? SURE : 0;
}

const struct statement_reader reader_adyen = {
    .name = "adyen-settlement",
    .title = "Adyen settlement details report (CSV)",
    .tells = TELLS_MOVEMENTS,
    .detect = adyen_detect,
    .read = adyen_read,
};
