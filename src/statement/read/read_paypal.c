/* SPDX-License-Identifier: Apache-2.0
 * read_paypal.c: PayPal's settlement report (STL) and transaction detail report (TRR). Layout:
 * PayPal's public "Settlement Report Specification", "Transaction Detail Report Specification" and
 * "Transaction event codes".
 *
 *   RH FH { SH CH SB… SF… SC }… RF… RC FF      the first field of a record says what it is
 *
 * A section (SH to SC) is an account's; a footer (SF, RF) is a currency's. A report of more than
 * FILE_RECORDS_FULL records goes on in a file with the next number (FH), and only its last file has
 * the report's own footers (RF, RC): those can be checked only where the report is one file.
 * Amounts are unsigned with two decimals that are not written, in yen as well; CR and DR say
 * which way. A fee that is not told is none, as the documentation says.
 * A reference is the Custom Field, or the Invoice ID where that is blank: the adapter sends ours as
 * both. On rows about another payment (disputes, fees, holds) it is that payment's.
 * Times have their offset in them; source->time_zone is not asked. */
#include <glib.h>
#include <string.h>

#include "statement/csv_rows.h"
#include "statement/read/paypal_totals.h"
#include "statement/seen.h"
#include "statement/statement.h"

/* A file with fewer must be the report's last one. */
enum { FILE_RECORDS_FULL = 1000 * 1000, TYPE_CHARS = 2, CODE_CHARS = 5, KEY_BYTES = 192 };
#define TIME_PATTERN "YYYY/MM/DD hh:mm:ss Z"

/* ---- what can stand where ---- */

enum record { NOTHING, RH, FH, SH, CH, SB, SF, SC, RF, RC, FF, RECORD_COUNT };
#define AFTER(record) (1U << (record))
static const struct {
    const char *name;
    unsigned after; /* which records it may follow */
} records[RECORD_COUNT] = {
    [NOTHING] = {"the beginning", 0},
    [RH] = {"RH", AFTER(NOTHING)},
    [FH] = {"FH", AFTER(RH)},
    [SH] = {"SH", AFTER(FH) | AFTER(SC)},
    [CH] = {"CH", AFTER(SH)},
    [SB] = {"SB", AFTER(CH) | AFTER(SB)},
    [SF] = {"SF", AFTER(CH) | AFTER(SB) | AFTER(SF)},
    [SC] = {"SC", AFTER(CH) | AFTER(SB) | AFTER(SF)},
    [RF] = {"RF", AFTER(FH) | AFTER(SC) | AFTER(RF)},
    [RC] = {"RC", AFTER(FH) | AFTER(SC) | AFTER(RF)},
    [FF] = {"FF", AFTER(FH) | AFTER(SC) | AFTER(RC)},
};

enum {
    ID,
    INVOICE,
    REFERENCE,
    REFERENCE_TYPE,
    CODE,
    BEGUN,
    COMPLETED,
    GROSS_SIDE,
    GROSS,
    CURRENCY,
    FEE_SIDE,
    FEE,
    FEE_CURRENCY,
    CUSTOM,
    BANK_REFERENCE,
    STATUS,
    SOURCE,
    SUBJECT,
    NOTE,
    COLUMN_COUNT
};
static const struct csv_column columns[COLUMN_COUNT] = {
    [ID] = {"Transaction ID", true},
    [INVOICE] = {"Invoice ID", true},
    [REFERENCE] = {"PayPal Reference ID", true},
    [REFERENCE_TYPE] = {"PayPal Reference ID Type", true},
    [CODE] = {"Transaction Event Code", true},
    [BEGUN] = {"Transaction Initiation Date", true},
    [COMPLETED] = {"Transaction Completion Date", true},
    [GROSS_SIDE] = {"Transaction Debit or Credit", true},
    [GROSS] = {"Gross Transaction Amount", true},
    [CURRENCY] = {"Gross Transaction Currency", true},
    [FEE_SIDE] = {"Fee Debit or Credit", true},
    [FEE] = {"Fee Amount", true},
    [FEE_CURRENCY] = {"Fee Currency", true},
    [CUSTOM] = {"Custom Field", true},
    [BANK_REFERENCE] = {"Bank Reference ID", false},
    [STATUS] = {"Transactional Status", false},
    [SOURCE] = {"Payment Source", false},
    [SUBJECT] = {"Transaction Subject", false},
    [NOTE] = {"Transaction Note", false},
};

enum { ROW_NEVER = 0 };
static const struct {
    char code[CODE_CHARS + 1];
    enum row_kind kind[PAYPAL_SIDES];
} codes[] = {
#define X(code, credit, debit, what)                                                               \
    {code, {(enum row_kind)ROW_##credit, (enum row_kind)ROW_##debit}},
#include "statement/read/paypal_codes.def"
#undef X
};

/* V was taken back later: it moved all the same, and what took it back is a row of its own. */
static const struct {
    const char *name;
    enum row_status status;
} statuses[] = {{"S", ROW_DONE}, {"V", ROW_DONE}, {"P", ROW_PENDING}, {"D", ROW_FAILED}};

static const char *const reference_types[] = {"", "ODR", "TXN", "SUB", "PAP"};

/* ---- one reading ---- */

struct texts {
    char id[ROW_ID_CHARS_MAX + 1], ours[ROW_ID_CHARS_MAX + 1], theirs[ROW_ID_CHARS_MAX + 1];
    char code[CODE_CHARS + 1], batch[ROW_ID_CHARS_MAX + 1], method[ROW_ID_CHARS_MAX + 1];
    char description[ROW_TEXT_CHARS_MAX + 1];
};
struct paypal {
    struct csv_rows rows;
    const struct statement_source *source;
    const struct statement_sink *sink;
    struct statement_head *head;
    bool details; /* the transaction detail report */
    enum record last;
    int64_t last_line;
    bool has_columns;
    int at[COLUMN_COUNT];
    char account[ROW_ID_CHARS_MAX + 1]; /* the section's */
    int64_t from_us, until_us;          /* the section's; 0: it could not be read */
    struct paypal_sums section, report;
    enum paypal_order order;
    bool has_report_count, name_dated, name_fits;
    struct seen seen;
    struct texts texts;
};

/* ---- the body ---- */

static bool read_side(const struct paypal *reading, int column, enum paypal_side *ret_side) {
    const struct csv_rows *rows = &reading->rows;
    if (csv_rows_is(rows, reading->at[column], "CR")) {
        *ret_side = PAYPAL_CR;
        return true;
    }
    if (csv_rows_is(rows, reading->at[column], "DR")) {
        *ret_side = PAYPAL_DR;
        return true;
    }
    csv_rows_tell(rows, PROBLEM_BAD_VALUE, reading->at[column], "it is neither CR nor DR");
    return false;
}

static bool read_unsigned(const struct paypal *reading, int column, struct currency currency,
                          int64_t *ret_minor) {
    static const struct amount_style style = {.implied = 2};
    const struct csv_rows *rows = &reading->rows;
    if (!csv_rows_amount(rows, reading->at[column], &style, currency, ret_minor)) {
        return false;
    }
    if (*ret_minor < 0) {
        csv_rows_tell(rows, PROBLEM_SIGN, reading->at[column],
                      "an amount with a sign; CR or DR says which way it went");
        return false;
    }
    return true;
}

static bool read_amounts(const struct paypal *reading, struct paypal_part *part) {
    const struct csv_rows *rows = &reading->rows;
    const int *at = reading->at;
    part->fee_side = PAYPAL_DR;
    if (!csv_rows_currency(rows, at[CURRENCY], &part->currency) ||
        !read_side(reading, GROSS_SIDE, &part->side) ||
        !read_unsigned(reading, GROSS, part->currency, &part->gross_minor)) {
        return false;
    }
    if (csv_rows_blank(rows, at[FEE]) && csv_rows_blank(rows, at[FEE_SIDE])) {
        return true;
    }
    struct currency fee_currency = part->currency;
    if ((!csv_rows_blank(rows, at[FEE_CURRENCY]) &&
         !csv_rows_currency(rows, at[FEE_CURRENCY], &fee_currency)) ||
        !read_unsigned(reading, FEE, fee_currency, &part->fee_minor)) {
        return false;
    }
    if (!currency_equal(fee_currency, part->currency)) {
        csv_rows_tell(rows, PROBLEM_CURRENCY, at[FEE_CURRENCY], "a fee in %s of an amount in %s",
                      fee_currency.code, part->currency.code);
        return false;
    }
    bool no_side = part->fee_minor == 0 && csv_rows_blank(rows, at[FEE_SIDE]);
    return no_side || read_side(reading, FEE_SIDE, &part->fee_side);
}

static bool read_kind(struct paypal *reading, enum paypal_side side, struct statement_row *row) {
    struct csv_rows *rows = &reading->rows;
    char *code = reading->texts.code;
    struct csv_field field = csv_rows_field(rows, reading->at[CODE]);
    if (!csv_field_copy(&field, code, sizeof reading->texts.code)) {
        csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, reading->at[CODE], "it is no event code");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            row->kind = codes[i].kind[side];
            row->native_kind = code;
            if (row->kind == (enum row_kind)ROW_NEVER) {
                csv_rows_tell(rows, PROBLEM_SIGN, reading->at[CODE], "%s is never a %s", code,
                              side == PAYPAL_CR ? "credit" : "debit");
                return false;
            }
            return true;
        }
    }
    csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, reading->at[CODE],
                  "'%s' is no event code that is known", code);
    return false;
}

static bool read_status(const struct paypal *reading, struct statement_row *row) {
    const struct csv_rows *rows = &reading->rows;
    int at = reading->at[STATUS];
    row->status = ROW_DONE;
    if (at == CSV_NONE) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (csv_rows_is(rows, at, statuses[i].name)) {
            row->status = statuses[i].status;
            return true;
        }
    }
    csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, at, "it is none of S, V, P and D");
    return false;
}

/* The settlement report is of what was completed in its period; of the other one either time may
 * be the one that brought the row into it. */
static bool read_times(const struct paypal *reading, struct statement_row *row) {
    const struct csv_rows *rows = &reading->rows;
    int64_t begun_us = 0;
    if (!csv_rows_time(rows, reading->at[BEGUN], TIME_PATTERN, NULL, &begun_us)) {
        return false;
    }
    row->at_us = begun_us;
    if (!csv_rows_blank(rows, reading->at[COMPLETED]) &&
        !csv_rows_time(rows, reading->at[COMPLETED], TIME_PATTERN, NULL, &row->at_us)) {
        return false;
    }
    bool inside = row->at_us >= reading->from_us && row->at_us < reading->until_us;
    bool begun_inside = begun_us >= reading->from_us && begun_us < reading->until_us;
    if (reading->until_us != 0 && !inside && !(reading->details && begun_inside)) {
        csv_rows_tell(rows, PROBLEM_PERIOD, reading->at[COMPLETED],
                      "it lies outside the period of its section");
    }
    return true;
}

static bool read_texts(struct paypal *reading) {
    const struct csv_rows *rows = &reading->rows;
    struct texts *texts = &reading->texts;
    const int *at = reading->at;
    if (!csv_rows_text(rows, at[ID], texts->id, sizeof texts->id) ||
        !csv_rows_text(rows, at[REFERENCE], texts->theirs, sizeof texts->theirs) ||
        !csv_rows_text(rows, at[BANK_REFERENCE], texts->batch, sizeof texts->batch) ||
        !csv_rows_text(rows, at[SOURCE], texts->method, sizeof texts->method)) {
        return false;
    }
    if (texts->id[0] == '\0') {
        csv_rows_tell(rows, PROBLEM_BAD_VALUE, at[ID], "it is blank");
        return false;
    }
    /* Longer ones are somebody else's, and are cut. */
    int ours = csv_rows_blank(rows, at[CUSTOM]) ? at[INVOICE] : at[CUSTOM];
    int about = csv_rows_blank(rows, at[SUBJECT]) ? at[NOTE] : at[SUBJECT];
    if (!csv_rows_note(rows, ours, texts->ours, sizeof texts->ours) ||
        !csv_rows_note(rows, about, texts->description, sizeof texts->description)) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(reference_types); i++) {
        if (csv_rows_is(rows, at[REFERENCE_TYPE], reference_types[i])) {
            return true;
        }
    }
    csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, at[REFERENCE_TYPE],
                  "it is none of ODR, TXN, SUB and PAP");
    return false;
}

static void place_texts(const struct paypal *reading, struct statement_row *row) {
    const struct texts *texts = &reading->texts;
    bool own = row->kind == ROW_CHARGE || row->kind == ROW_REFUND;
    bool is_payment = csv_rows_is(&reading->rows, reading->at[REFERENCE_TYPE], "TXN");
    row->gateway_id = texts->id;
    row->reference = own ? texts->ours : "";
    row->original_reference = own ? "" : texts->ours;
    /* What a payment refers to is an authorization of it, never another payment. */
    row->original_id = is_payment && row->kind != ROW_CHARGE ? texts->theirs : "";
    row->batch = texts->batch;
    row->method = texts->method;
    row->description = texts->description;
    row->account = reading->account;
}

/* The same transaction may be there once an event and currency (a conversion has two), and in the
 * detail report once a status. */
static bool check_repeated(struct paypal *reading, const struct statement_row *row) {
    char key[KEY_BYTES];
    int count = snprintf(key, sizeof key, "%s|%s|%s|%d", row->gateway_id, row->native_kind,
                         row->currency.code, (int)row->status);
    int64_t line = seen_add(&reading->seen, key, (size_t)count, row->line);
    if (line != 0) {
        csv_rows_tell(&reading->rows, PROBLEM_REPEATED, reading->at[ID],
                      "the same transaction, event and currency as on line %lld", (long long)line);
    }
    return line == 0;
}

static int give(struct paypal *reading, struct statement_row *row, const struct paypal_part *part,
                struct err *err) {
    bool is_nothing = row->kind == ROW_AUTHORIZATION;
    int64_t gross = part->side == PAYPAL_CR ? part->gross_minor : -part->gross_minor;
    int64_t fee = part->fee_side == PAYPAL_DR ? part->fee_minor : -part->fee_minor;
    row->currency = part->currency;
    row->gross_minor = is_nothing ? 0 : gross;
    row->fee_minor = is_nothing ? 0 : fee;
    if (!money_sub(row->gross_minor, row->fee_minor, &row->net_minor)) {
        statement_tell(reading->sink, PROBLEM_LIMIT, row->line, "an amount larger than any");
        return 0;
    }
    int rc = reading->sink->row(reading->sink->ctx, row, err);
    reading->head->rows += rc == 0;
    return rc;
}

/* As many fields as the header has; blank ones may follow. */
static bool check_fields(const struct csv_rows *rows) {
    int count = rows->count;
    while (count > rows->header_count && csv_rows_blank(rows, count - 1)) {
        count--;
    }
    if (count != rows->header_count) {
        statement_tell(rows->sink, PROBLEM_BAD_ROW, rows->line, "%d fields and not %d", count,
                       rows->header_count);
    }
    return count == rows->header_count;
}

static int read_body(struct paypal *reading, struct err *err) {
    struct csv_rows *rows = &reading->rows;
    struct statement_row row;
    struct paypal_part part = {.fee_side = PAYPAL_DR};
    reading->section.rows++;
    reading->report.rows++;
    if (!reading->has_columns) {
        return 0;
    }
    if (!check_fields(rows)) {
        return 0;
    }
    statement_row_init(&row);
    row.line = rows->line;
    if (!read_amounts(reading, &part) || !read_kind(reading, part.side, &row) ||
        !read_status(reading, &row) || !read_times(reading, &row) || !read_texts(reading)) {
        return 0;
    }
    part.moves = row.status == ROW_DONE && row.kind != ROW_AUTHORIZATION;
    part.holds = row.kind == ROW_RESERVE;
    if (!paypal_sums_add(&reading->section, &part) || !paypal_sums_add(&reading->report, &part)) {
        statement_tell(rows->sink, PROBLEM_LIMIT, rows->line,
                       "more currencies or larger sums than are ever taken");
        return 0;
    }
    place_texts(reading, &row);
    row.currency = part.currency;
    return check_repeated(reading, &row) ? give(reading, &row, &part, err) : 0;
}

/* ---- what stands around it ---- */

static void check_count(struct paypal *reading, int64_t rows, const char *what) {
    int64_t told = 0;
    if (csv_rows_count(&reading->rows, 1, &told) && told != rows) {
        statement_tell(reading->sink, PROBLEM_COUNT, reading->rows.line,
                       "%lld rows are told of %s, there are %lld", (long long)told, what,
                       (long long)rows);
    }
}

static void read_report_head(struct paypal *reading) {
    struct csv_rows *rows = &reading->rows;
    struct statement_head *head = reading->head;
    int64_t made_us = 0, version = 0;
    bool fine = csv_rows_time(rows, 1, TIME_PATTERN, NULL, &made_us);
    fine = csv_rows_text(rows, 3, head->account, sizeof head->account) && fine;
    fine = csv_rows_count(rows, 4, &version) && fine;
    if (fine && head->account[0] == '\0') {
        statement_tell(reading->sink, PROBLEM_BAD_VALUE, rows->line,
                       "the report does not say whose it is");
    }
}

/* "STL-20250901.01.009.CSV": the day, the file's number and the layout's version. */
static void check_name(struct paypal *reading) {
    const char *name = reading->source->name != NULL ? reading->source->name : "";
    const char *slash = strrchr(name, '/');
    name = slash != NULL ? slash + 1 : name;
    const char *prefix = reading->details ? "TRR-" : "STL-";
    enum { PREFIX = 4, DATE = 8 };
    int64_t date = 0, number = 0;
    if (g_ascii_strncasecmp(name, prefix, PREFIX) != 0 ||
        strspn(name + PREFIX, "0123456789") != DATE || name[PREFIX + DATE] != '.') {
        return;
    }
    const char *digits = name + PREFIX + DATE + 1;
    size_t count = strspn(digits, "0123456789");
    if (digits[count] != '.' || field_count(digits, count, &number, NULL) != 0 ||
        field_count(name + PREFIX, DATE, &date, NULL) != 0) {
        return;
    }
    reading->name_dated = true;
    if (number != reading->head->sequence) {
        statement_tell(reading->sink, PROBLEM_ORDER, reading->rows.line,
                       "the file's name counts %lld and the file itself %lld", (long long)number,
                       (long long)reading->head->sequence);
    }
}

static void read_file_head(struct paypal *reading) {
    if (!csv_rows_count(&reading->rows, 1, &reading->head->sequence) ||
        reading->head->sequence == 0) {
        reading->head->sequence = -1;
        statement_tell(reading->sink, PROBLEM_ORDER, reading->rows.line,
                       "the files of a report count from 1");
        return;
    }
    check_name(reading);
}

/* Whether the day of this field, as it stands there, is the day in the file's name. */
static bool is_day_of_name(const struct paypal *reading, int at) {
    const char *slash = strrchr(reading->source->name, '/');
    const char *day = (slash != NULL ? slash + 1 : reading->source->name) + strlen("STL-");
    struct csv_field field = csv_rows_field(&reading->rows, at);
    return field.count >= strlen("YYYY/MM/DD") && memcmp(field.bytes, day, 4) == 0 &&
           memcmp(field.bytes + 5, day + 4, 2) == 0 && memcmp(field.bytes + 8, day + 6, 2) == 0;
}

/* "STL 2025/09/01 01": the same for a corrected file of the same day, whatever its name. */
static void name_file(struct paypal *reading) {
    struct statement_head *head = reading->head;
    struct csv_field from = csv_rows_field(&reading->rows, 1);
    if (head->file_id[0] == '\0' && from.count >= strlen("YYYY/MM/DD")) {
        snprintf(head->file_id, sizeof head->file_id, "%s %.10s %02lld",
                 reading->details ? "TRR" : "STL", from.bytes, (long long)head->sequence);
    }
}

static void read_section_head(struct paypal *reading) {
    struct csv_rows *rows = &reading->rows;
    struct statement_head *head = reading->head;
    int64_t from_us = 0, until_us = 0;
    reading->section = (struct paypal_sums){0};
    reading->has_columns = false;
    reading->from_us = reading->until_us = 0;
    if (!csv_rows_text(rows, 3, reading->account, sizeof reading->account) ||
        !csv_rows_time(rows, 1, TIME_PATTERN, NULL, &from_us) ||
        !csv_rows_time(rows, 2, TIME_PATTERN, NULL, &until_us)) {
        return;
    }
    if (reading->account[0] == '\0') {
        g_strlcpy(reading->account, head->account, sizeof reading->account);
    }
    if (until_us < from_us) {
        statement_tell(reading->sink, PROBLEM_PERIOD, rows->line,
                       "the section's period ends before it begins");
        return;
    }
    /* The last second that is told belongs to the period. */
    reading->from_us = from_us;
    reading->until_us = until_us + INT64_C(1000000);
    bool first = head->until_us == 0;
    head->from_us = first || from_us < head->from_us ? from_us : head->from_us;
    head->until_us = reading->until_us > head->until_us ? reading->until_us : head->until_us;
    name_file(reading);
    reading->name_fits = reading->name_fits || !reading->name_dated || is_day_of_name(reading, 1) ||
                         is_day_of_name(reading, 2);
}

static void read_columns(struct paypal *reading) {
    struct csv_rows *rows = &reading->rows;
    reading->has_columns = csv_rows_header(rows, columns, COLUMN_COUNT, reading->at);
    if (reading->details && reading->at[STATUS] == CSV_NONE) {
        statement_tell(reading->sink, PROBLEM_MISSING_COLUMN, rows->line, "there is no column %s",
                       columns[STATUS].names);
        reading->has_columns = false;
    }
}

/* A section's footers also count towards the report's balances. */
static void end_section(struct paypal *reading) {
    struct paypal_sums *section = &reading->section;
    check_count(reading, section->rows, "the section");
    paypal_footers_missing(&reading->rows, section);
    for (int i = 0; i < section->count; i++) {
        const struct paypal_sum *from = &section->of[i];
        struct paypal_sum *to = paypal_sums_of(&reading->report, from->currency);
        if (to == NULL || from->opening_minor == AMOUNT_UNSAID) {
            continue;
        }
        bool first = to->opening_minor == AMOUNT_UNSAID;
        if (!money_add(first ? 0 : to->opening_minor, from->opening_minor, &to->opening_minor) ||
            !money_add(first ? 0 : to->closing_minor, from->closing_minor, &to->closing_minor)) {
            statement_tell(reading->sink, PROBLEM_LIMIT, reading->rows.line,
                           "balances larger than any amount");
        }
    }
}

static bool is_whole(const struct paypal *reading) {
    return reading->head->sequence == 1;
}

static void end_report(struct paypal *reading) {
    reading->has_report_count = true;
    int64_t told = 0;
    if (!is_whole(reading)) {
        (void)!csv_rows_count(&reading->rows, 1, &told);
        return;
    }
    check_count(reading, reading->report.rows, "the report");
    paypal_footers_missing(&reading->rows, &reading->report);
}

static int read_record(struct paypal *reading, enum record record, struct err *err) {
    switch (record) {
    case RH:
        read_report_head(reading);
        break;
    case FH:
        read_file_head(reading);
        break;
    case SH:
        read_section_head(reading);
        break;
    case CH:
        read_columns(reading);
        break;
    case SB:
        return read_body(reading, err);
    case SF:
        paypal_footer_check(&reading->rows, &reading->section, !reading->details, &reading->order);
        break;
    case SC:
        end_section(reading);
        break;
    case RF:
        if (is_whole(reading)) {
            paypal_footer_check(&reading->rows, &reading->report, !reading->details,
                                &reading->order);
        }
        break;
    case RC:
        end_report(reading);
        break;
    case FF:
        check_count(reading, reading->report.rows, "the file");
        break;
    case NOTHING:
    case RECORD_COUNT:
        break;
    }
    return 0;
}

static enum record record_of(const struct csv_rows *rows) {
    for (int i = RH; i < RECORD_COUNT; i++) {
        if (csv_rows_is(rows, 0, records[i].name)) {
            return (enum record)i;
        }
    }
    return NOTHING;
}

/* Which record it is, told when it is none or stands where it may not. */
static enum record next_record(struct paypal *reading) {
    struct csv_rows *rows = &reading->rows;
    enum record record = record_of(rows);
    if (reading->last == FF) {
        statement_tell(reading->sink, PROBLEM_TRAILING, rows->line,
                       "something follows the file's footer");
        return NOTHING;
    }
    if (record == NOTHING) {
        csv_rows_tell(rows, PROBLEM_UNKNOWN_KIND, CSV_NONE, "a record of no known type");
        return NOTHING;
    }
    if ((records[record].after & AFTER(reading->last)) == 0) {
        statement_tell(reading->sink, PROBLEM_ORDER, rows->line, "%s may not follow %s",
                       records[record].name, records[reading->last].name);
    }
    reading->last = record;
    return record;
}

static void end_file(struct paypal *reading) {
    struct statement_head *head = reading->head;
    const struct paypal_sums *report = &reading->report;
    if (reading->last != FF) {
        statement_tell(reading->sink, PROBLEM_CUT, reading->rows.csv.line,
                       "the file ends after %s and has no footer (FF)",
                       records[reading->last].name);
    } else if (!reading->has_report_count && report->rows < FILE_RECORDS_FULL) {
        statement_tell(reading->sink, PROBLEM_CUT, reading->rows.line,
                       "the file is not full and has no report footer (RC)");
    }
    head->goes_on = reading->last == FF && !reading->has_report_count;
    if (reading->name_dated && head->until_us != 0 && !reading->name_fits) {
        statement_tell(reading->sink, PROBLEM_PERIOD, 0,
                       "the day in the file's name is that of no section");
    }
    for (int i = 0; i < report->count; i++) {
        const struct paypal_sum *sum = &report->of[i];
        if (sum->opening_minor != AMOUNT_UNSAID) {
            head->balances[head->balance_count++] = (struct statement_balance){
                sum->currency, sum->opening_minor, sum->closing_minor};
        }
    }
}

static char delimiter_of(const char *bytes, size_t count) {
    for (size_t i = 0; i < count && bytes[i] != '\n' && bytes[i] != ','; i++) {
        if (bytes[i] == '\t') {
            return '\t';
        }
    }
    return ',';
}

static int paypal_read(const struct statement_source *source, const struct statement_sink *sink,
                       bool details, struct statement_head *ret_head, struct err *err) {
    g_autofree struct paypal *reading = g_new0(struct paypal, 1);
    *ret_head = (struct statement_head){.sequence = -1};
    reading->source = source;
    reading->sink = sink;
    reading->head = ret_head;
    reading->details = details;
    if (source->count > (size_t)STATEMENT_BYTES_MAX) {
        statement_tell(sink, PROBLEM_LIMIT, 0, "the file is larger than any that is taken");
        return err_set(err, ERR_TOO_LARGE, "the file is larger than any that is taken");
    }
    csv_rows_open(&reading->rows, sink, source->bytes, source->count,
                  delimiter_of(source->bytes, source->count), '"');
    int rc = 0;
    while (rc == 0 && csv_rows_next(&reading->rows)) {
        rc = read_record(reading, next_record(reading), err);
    }
    if (rc == 0) {
        end_file(reading);
    }
    seen_release(&reading->seen);
    return rc;
}

static int read_settlement(const struct statement_source *source, const struct statement_sink *sink,
                           struct statement_head *ret_head, struct err *err) {
    return paypal_read(source, sink, false, ret_head, err);
}

static int read_details(const struct statement_source *source, const struct statement_sink *sink,
                        struct statement_head *ret_head, struct err *err) {
    return paypal_read(source, sink, true, ret_head, err);
}

/* ---- which of the two it is ---- */

static void nowhere(void *ctx, enum statement_problem problem, int64_t line, const char *text) {
}

/* The header record decides: only the detail report has a status. */
static int detect(const void *bytes, size_t count, bool details) {
    enum { RECORDS_LOOKED_AT = 8 };
    const struct statement_sink sink = {NULL, NULL, nowhere};
    g_autofree struct csv_rows *rows = g_new0(struct csv_rows, 1);
    csv_rows_open(rows, &sink, bytes, count, delimiter_of(bytes, count), '"');
    for (int i = 0; i < RECORDS_LOOKED_AT && csv_rows_next(rows); i++) {
        enum record record = record_of(rows);
        if (i == 0 && record != RH) {
            return 0;
        }
        if (record == CH) {
            int status = csv_find(rows->fields, rows->count, columns[STATUS].names);
            int code = csv_find(rows->fields, rows->count, columns[CODE].names);
            return code != CSV_NONE && (status != CSV_NONE) == details ? 100 : 0;
        }
    }
    return 0;
}

static int detect_settlement(const char *name, const void *bytes, size_t count) {
    return detect(bytes, count, false);
}

static int detect_details(const char *name, const void *bytes, size_t count) {
    return detect(bytes, count, true);
}

const struct statement_reader paypal_stl_reader = {
    .name = "paypal-stl",
    .title = "PayPal settlement report (STL)",
    .adapter = "paypal",
    .tells = TELLS_MOVEMENTS,
    .detect = detect_settlement,
    .read = read_settlement,
};
const struct statement_reader paypal_trr_reader = {
    .name = "paypal-trr",
    .title = "PayPal transaction detail report (TRR)",
    .adapter = "paypal",
    .tells = TELLS_MOVEMENTS,
    .detect = detect_details,
    .read = read_details,
};
