/* SPDX-License-Identifier: Apache-2.0
 * paypal_reports.c: the daily files of the simulated PayPal: the settlement report (STL) and the
 * transaction detail report (TRR). The real ones are put on an SFTP server; these are had at the
 * control port only. Days and times are UTC's. Amounts have two decimals that are not written,
 * those of yen as well. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/paypal.h"
#include "sandbox/statement.h"

enum { CURRENCIES_MAX = 64, PAIRS = 6 };
#define ACCOUNT "SANDBOXMERCHANT"

/* ---- lines ---- */

static void keep(char *room, size_t bytes, const char *text) {
    snprintf(room, bytes, "%s", text != NULL ? text : "");
}

bool sb_paypal_line_fill(struct sandbox *sandbox, const struct sb_move *move,
                         struct sb_line *line) {
    struct sb_place *place = sandbox->places[SB_PAYPAL];
    const struct sb_capture *capture = move->object;
    struct sb_id id = {{0}};
    if (move->kind == SB_MOVE_CHARGE) {
        id = sb_id_of(place, SB_PAYPAL_CAPTURE, capture->number);
        line->begun_us = capture->created_us;
        keep(line->reference, sizeof(line->reference), capture->custom_id);
        memcpy(line->id, id.text, sizeof(line->id));
        id = sb_id_of(place, SB_PAYPAL_ORDER, capture->order->number);
        memcpy(line->original_id, id.text, sizeof(line->original_id));
        return true;
    }
    if (move->kind == SB_MOVE_REFUND || move->kind == SB_MOVE_REFUND_BACK) {
        const struct sb_payback *payback = move->object;
        capture = payback->capture;
        id = sb_id_of(place, SB_PAYPAL_REFUND, payback->number);
        keep(line->reference, sizeof(line->reference), payback->custom_id);
    } else {
        /* A dispute's row has a name of its own, and not that of the case. */
        capture = ((const struct sb_claim_case *)move->object)->capture;
        id = sb_id_of(place, SB_PAYPAL_MOVE, move->number);
    }
    memcpy(line->id, id.text, sizeof(line->id));
    id = sb_id_of(place, SB_PAYPAL_CAPTURE, capture->number);
    memcpy(line->original_id, id.text, sizeof(line->original_id));
    keep(line->original_reference, sizeof(line->original_reference), capture->custom_id);
    return true;
}

/* ---- columns ---- */

enum cell {
    BLANK,
    ID,
    INVOICE,
    REFERENCE,
    REFERENCE_TYPE,
    CODE,
    BEGUN,
    COMPLETED,
    SIDE,
    GROSS,
    CURRENCY,
    FEE_SIDE,
    FEE,
    CUSTOM,
    BANK_REFERENCE,
    STATUS
};
struct column {
    const char *name;
    enum cell cell;
};
#define FIRST_THIRTEEN                                                                             \
    {"Transaction ID", ID}, {"Invoice ID", INVOICE}, {"PayPal Reference ID", REFERENCE},           \
        {"PayPal Reference ID Type", REFERENCE_TYPE}, {"Transaction Event Code", CODE},            \
        {"Transaction Initiation Date", BEGUN}, {"Transaction Completion Date", COMPLETED},        \
        {"Transaction Debit or Credit", SIDE}, {"Gross Transaction Amount", GROSS},                \
        {"Gross Transaction Currency", CURRENCY}, {"Fee Debit or Credit", FEE_SIDE},               \
        {"Fee Amount", FEE}, {                                                                     \
        "Fee Currency", CURRENCY                                                                   \
    }
static const struct column stl_columns[] = {
    FIRST_THIRTEEN,
    {"Custom Field", CUSTOM},
    {"Consumer ID", BLANK},
    {"Payment Tracking ID", BLANK},
    {"Store ID", BLANK},
    {"Bank Reference ID", BANK_REFERENCE},
    {"Credit Transactional Fee", BLANK},
    {"Credit Promotional Fee", BLANK},
    {"Credit Term", BLANK},
};
static const struct column trr_columns[] = {
    FIRST_THIRTEEN,
    {"Transactional Status", STATUS},
    {"Insurance Amount", BLANK},
    {"Sales Tax Amount", BLANK},
    {"Shipping Amount", BLANK},
    {"Transaction Subject", BLANK},
    {"Transaction Note", BLANK},
    {"Payer's Account ID", BLANK},
    {"Payer Address Status", BLANK},
    {"Item Name", BLANK},
    {"Item ID", BLANK},
    {"Custom Field", CUSTOM},
    {"Consumer ID", BLANK},
    {"Card Type", BLANK},
    {"Payment Source", BLANK},
    {"Payment Tracking ID", BLANK},
    {"Store ID", BLANK},
};

static const char *code_of(const struct sb_line *line) {
    static const char *const codes[SB_MOVE_KINDS] = {
        [SB_MOVE_CHARGE] = "T0006",       [SB_MOVE_REFUND] = "T1107",
        [SB_MOVE_REFUND_BACK] = "T1107",  [SB_MOVE_DISPUTE] = "T1201",
        [SB_MOVE_DISPUTE_BACK] = "T1202", [SB_MOVE_PAYOUT] = "T0400",
    };
    return codes[line->kind];
}

static void put_text(struct buf *out, const char *text) {
    buf_add_char(out, '"');
    for (; text != NULL && *text != '\0'; text++) {
        buf_add_text(out, *text == '"' ? "\"" : "");
        buf_add_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
    }
    buf_add_char(out, '"');
}

static void put_time(struct buf *out, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    const char *time = clock_format_at(wall_us, 0, text);
    buf_addf(out, "%.4s/%.2s/%.2s %.8s +0000", time, time + 5, time + 8, time + 11);
}

/* Without its sign, in hundredths whatever the currency has. */
static int64_t hundredths(int64_t amount_minor, struct currency currency) {
    int64_t amount = amount_minor < 0 ? -amount_minor : amount_minor;
    return currency_exponent(currency) == 0 ? amount * 100 : amount;
}

static const char *invoice_of(const struct sb_line *line) {
    const struct sb_capture *capture = line->object;
    switch (line->kind) {
    case SB_MOVE_CHARGE:
        return capture->invoice_id;
    case SB_MOVE_REFUND:
    case SB_MOVE_REFUND_BACK:
        return ((const struct sb_payback *)line->object)->invoice_id;
    case SB_MOVE_DISPUTE:
    case SB_MOVE_DISPUTE_BACK:
        return ((const struct sb_claim_case *)line->object)->capture->invoice_id;
    default:
        return "";
    }
}

static void put_cell(const struct sb_line *line, enum cell cell, struct buf *out) {
    bool payout = line->kind == SB_MOVE_PAYOUT, charge = line->kind == SB_MOVE_CHARGE;
    switch (cell) {
    case ID:
        put_text(out, line->id);
        break;
    case INVOICE:
        put_text(out, invoice_of(line));
        break;
    case REFERENCE:
        put_text(out, line->original_id);
        break;
    case REFERENCE_TYPE:
        put_text(out, payout ? "" : charge ? "ODR" : "TXN");
        break;
    case CODE:
        put_text(out, code_of(line));
        break;
    case BEGUN:
        put_time(out, line->begun_us);
        break;
    case COMPLETED:
        put_time(out, line->at_us);
        break;
    case SIDE:
        put_text(out, line->gross_minor < 0 ? "DR" : "CR");
        break;
    case GROSS:
        buf_add_int(out, hundredths(line->gross_minor, line->currency));
        break;
    case CURRENCY:
        put_text(out, line->currency.code);
        break;
    case FEE_SIDE:
        put_text(out, line->fee_minor < 0 ? "CR" : "DR");
        break;
    case FEE:
        buf_add_int(out, hundredths(line->fee_minor, line->currency));
        break;
    case CUSTOM:
        put_text(out, line->reference[0] != '\0' ? line->reference : line->original_reference);
        break;
    case BANK_REFERENCE:
        put_text(out, line->batch);
        break;
    case STATUS:
        put_text(out, "S");
        break;
    case BLANK:
    default:
        put_text(out, "");
        break;
    }
}

/* ---- footers ---- */

struct sums {
    int64_t gross[2], fee[2], rows; /* credits, debits */
    int64_t net_minor;
};

static struct sums sums_of(const GArray *lines, struct currency currency) {
    struct sums sums = {.rows = 0};
    for (guint i = 0; i < lines->len; i++) {
        const struct sb_line *line = sb_line_at(lines, i);
        if (currency_equal(line->currency, currency)) {
            sums.gross[line->gross_minor < 0] += hundredths(line->gross_minor, currency);
            sums.fee[line->fee_minor >= 0] += hundredths(line->fee_minor, currency);
            sums.net_minor += line->gross_minor - line->fee_minor;
            sums.rows++;
        }
    }
    return sums;
}

/* Gross and fees, then total, available and payable balance, before and after. */
static void footer_write(const struct sb_statement *statement, const char *record,
                         struct currency currency, struct buf *out) {
    const struct sums sums = sums_of(sb_statement_totals(statement), currency);
    int64_t opening = sb_statement_opening(statement, currency);
    const int64_t balances[] = {opening, opening + sums.net_minor};
    buf_addf(out, "\"%s\",\"%s\",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, record,
             currency.code, sums.gross[0], sums.gross[1], sums.fee[0], sums.fee[1]);
    for (int i = 0; i < PAIRS; i++) {
        buf_addf(out, ",\"%s\",%" PRId64, balances[i % 2] < 0 ? "DR" : "CR",
                 hundredths(balances[i % 2], currency));
    }
    buf_addf(out, ",%" PRId64 "\r\n", sums.rows);
}

static void footers_write(const struct sb_statement *statement, const char *record,
                          struct buf *out) {
    struct currency currencies[CURRENCIES_MAX];
    int count = sb_statement_currencies(sb_statement_totals(statement), currencies, CURRENCIES_MAX);
    for (int i = 0; i < count; i++) {
        footer_write(statement, record, currencies[i], out);
    }
}

/* ---- the files ---- */

static void head_write(const struct sb_statement *statement, const char *version,
                       const struct column *columns, size_t count, struct buf *out) {
    buf_add_text(out, "\"RH\",");
    put_time(out, statement->until_us + 3 * 3600 * US_PER_SECOND);
    buf_addf(out, ",\"A\",\"" ACCOUNT "\",%s,\r\n\"FH\",01\r\n\"SH\",", version);
    put_time(out, statement->from_us);
    buf_add_char(out, ',');
    put_time(out, statement->until_us - US_PER_SECOND);
    buf_add_text(out, ",\"" ACCOUNT "\",\"\"\r\n\"CH\"");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, ",\"%s\"", columns[i].name);
    }
    buf_add_text(out, "\r\n");
}

static void report_write(const struct sb_statement *statement, const char *version,
                         const struct column *columns, size_t count, struct buf *out) {
    guint rows = sb_statement_totals(statement)->len;
    head_write(statement, version, columns, count, out);
    for (guint i = 0; i < statement->lines->len; i++) {
        buf_add_text(out, "\"SB\"");
        for (size_t k = 0; k < count; k++) {
            buf_add_char(out, ',');
            put_cell(sb_line_at(statement->lines, i), columns[k].cell, out);
        }
        buf_add_text(out, "\r\n");
    }
    footers_write(statement, "SF", out);
    buf_addf(out, "\"SC\",%u\r\n", rows);
    footers_write(statement, "RF", out);
    buf_addf(out, "\"RC\",%u\r\n\"FF\",%u\r\n", rows, rows);
}

static void write_stl(const struct sb_statement *statement, struct buf *out) {
    report_write(statement, "009", stl_columns, COUNT_OF(stl_columns), out);
}

static void write_trr(const struct sb_statement *statement, struct buf *out) {
    report_write(statement, "011", trr_columns, COUNT_OF(trr_columns), out);
}

static void name_file(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    bool details = strcmp(statement->kind->name, "trr") == 0;
    snprintf(ret_name, bytes, "%s-%.4s%.2s%.2s.01.%s.CSV", details ? "TRR" : "STL", statement->date,
             statement->date + 5, statement->date + 8, details ? "011" : "009");
}

const struct sb_statement_kind sb_paypal_statements[] = {
    {.name = "trr",
     .help = "transaction detail report",
     .payouts = true,
     .empty = true,
     .write = write_trr,
     .name_file = name_file},
    {.name = "stl",
     .help = "settlement report",
     .payouts = true,
     .empty = true,
     .write = write_stl,
     .name_file = name_file},
    {.name = NULL},
};
