/* SPDX-License-Identifier: Apache-2.0
 * unionpay_file.c: the settlement files of the simulated UnionPay: a zip archive with what was
 * settled (INN<yymmdd>88ZM_<merchant>) and what went wrong (…ZME_…, always empty here), packed with
 * zlib and in base 64. Layout: UnionPay's file interface for merchants: fields of fixed widths in
 * bytes, each with a blank behind it. The day of settlement is the calendar day in Beijing. */
#include <inttypes.h>
#include <zlib.h>

#include "base/archive.h"
#include "base/clock.h"
#include "sandbox/statement.h"
#include "sandbox/unionpay.h"

enum { NAME_MAX_CHARS = 64, FILES = 2, FIELD_CHARS_MAX = 99, FIELDS = 42, MMDD_CHARS = 4 };

static const unsigned char widths[FIELDS] = {
    3, 11, 11, 6,  10, 19, 12, 4, 2,  21, 2,  32, 2, 6,  10, 13, 13, 4, 15, 2,  2,
    6, 2,  4,  32, 1,  21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1,  32, 98,
};

/* ---- lines ---- */

static void reference_fill(const struct sb_up_trade *trade, char text[SB_REFERENCE_CHARS_MAX + 1]) {
    char ours[ID_TEXT_MAX];
    unionpay_reference_of(trade->order_id, ours);
    snprintf(text, SB_REFERENCE_CHARS_MAX + 1, "%s", ours[0] != '\0' ? ours : trade->order_id);
}

bool sb_up_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line) {
    const struct sb_up_trade *trade = move->object;
    struct sb_place *place = sandbox->places[SB_UNIONPAY];
    struct sb_id id = sb_id_of(place, SB_UNIONPAY_TRADE, trade->number);
    memcpy(line->id, id.text, sizeof(line->id));
    line->begun_us = trade->created_us;
    line->undone = trade->operation == 31 || trade->operation == 33;
    reference_fill(trade, line->reference);
    if (trade->of != NULL) {
        struct sb_id of = sb_id_of(place, SB_UNIONPAY_TRADE, trade->of->number);
        memcpy(line->original_id, of.text, sizeof(line->original_id));
        reference_fill(trade->of, line->original_reference);
    }
    return true;
}

/* ---- rows ---- */

/* Fields as they are filled, counted from 1; what is not filled is blank. */
struct row {
    char fields[FIELDS + 1][FIELD_CHARS_MAX + 1];
};

static void put(struct row *row, int field, const char *text) {
    snprintf(row->fields[field], sizeof(row->fields[field]), "%.*s", (int)widths[field - 1], text);
}

static void put_number(struct row *row, int field, int64_t number) {
    char text[300]; /* any width of the table */
    snprintf(text, sizeof(text), "%0*" PRId64, (int)widths[field - 1], number);
    put(row, field, text);
}

/* C: it comes to the merchant; D: he pays it. */
static void put_signed(struct row *row, int field, int64_t amount_minor) {
    char text[300]; /* any width of the table */
    snprintf(text, sizeof(text), "%c%0*" PRId64, amount_minor < 0 ? 'D' : 'C',
             (int)widths[field - 1] - 1, amount_minor < 0 ? -amount_minor : amount_minor);
    put(row, field, text);
}

static void put_time(struct row *row, int field, int64_t wall_us) {
    char time[UNIONPAY_TIME_MAX];
    unionpay_time(wall_us, time);
    put(row, field, time + MMDD_CHARS);
}

static void row_fill(const struct sb_statement *statement, const struct sb_line *line,
                     struct row *row) {
    const struct sb_up_trade *trade = line->object;
    bool refund = line->kind == SB_MOVE_REFUND;
    *row = (struct row){.fields = {""}};
    put(row, 1, refund ? "S30" : "S22");
    put(row, 2, "00012900000");
    put(row, 3, "00012900000");
    put_number(row, 4, trade->number % 1000000);
    put_time(row, 5, line->at_us);
    put(row, 6, "621700******0000");
    put_number(row, 7, refund ? -line->gross_minor : line->gross_minor);
    put(row, 8, "5411");
    put(row, 9, "07");
    put(row, 10, line->id);
    put(row, 12, trade->order_id);
    put(row, 13, "01");
    put_number(row, 14, trade->of != NULL ? trade->of->number % 1000000 : 0);
    put_time(row, 15, trade->of != NULL ? trade->of->created_us : trade->created_us);
    put_signed(row, 16, -line->fee_minor);
    put_signed(row, 17, line->gross_minor - line->fee_minor);
    put(row, 18, "0001");
    put_number(row, 20, trade->operation);
    put(row, 21, trade->sub_type != NULL ? trade->sub_type : "00");
    put(row, 22, "000201");
    put(row, 23, "01");
    put(row, 27, line->original_id);
    put(row, 28, sb_setting(statement->sandbox, SB_UNIONPAY, SB_UP_MERCHANT_ID));
    put_signed(row, 32, 0);
    put_signed(row, 33, line->gross_minor - line->fee_minor);
    put(row, 41, trade->of != NULL ? trade->of->order_id : "");
    for (int field = 36; field <= 38; field++) {
        put_signed(row, field, 0);
    }
}

static void detail(const struct sb_statement *statement, struct buf *out) {
    for (guint i = 0; i < statement->lines->len; i++) {
        struct row row;
        row_fill(statement, sb_line_at(statement->lines, i), &row);
        for (int field = 1; field <= FIELDS; field++) {
            buf_addf(out, "%s%-*s", field > 1 ? " " : "", (int)widths[field - 1],
                     row.fields[field]);
        }
        buf_add_text(out, "\r\n");
    }
}

static void write_archive(const struct sb_statement *statement, struct buf *out) {
    char names[FILES][NAME_MAX_CHARS];
    const char *merchant = sb_setting(statement->sandbox, SB_UNIONPAY, SB_UP_MERCHANT_ID);
    const char *date = statement->date;
    struct err err;
    BUF_AUTO rows;
    buf_init(&rows, SB_STATEMENT_BYTES_MAX);
    detail(statement, &rows);
    for (int i = 0; i < FILES; i++) {
        snprintf(names[i], sizeof(names[i]), "INN%.2s%.2s%.2s88%s_%s", date + 2, date + 5, date + 8,
                 i == 0 ? "ZM" : "ZME", merchant);
    }
    const struct archive_file files[FILES] = {{names[0], rows.data, rows.len}, {names[1], "", 0}};
    int rc = archive_zip_write(files, FILES, out, &err);
    INVARIANT(rc == 0, "a day's file has room");
}

static void name_file(const struct sb_statement *statement, char *ret_name, size_t bytes) {
    snprintf(ret_name, bytes, "%s_%.4s%.2s%.2s.zip",
             sb_setting(statement->sandbox, SB_UNIONPAY, SB_UP_MERCHANT_ID), statement->date,
             statement->date + 5, statement->date + 8);
}

const struct sb_statement_kind sb_up_statements[] = {
    {.name = "settlement",
     .help = "ZM and ZME in an archive",
     .write = write_archive,
     .name_file = name_file},
    {.name = NULL},
};

/* ---- the request ---- */

/* base 64 of the zlib stream; free(). */
static char *pack(const struct buf *archive) {
    uLongf bytes = compressBound(archive->len);
    unsigned char *packed = malloc(bytes);
    INVARIANT(packed != NULL &&
                  compress(packed, &bytes, (const Bytef *)archive->data, archive->len) == Z_OK,
              "no memory to pack a file");
    char *text = crypto_base64(packed, bytes);
    free(packed);
    return text;
}

/* "1121" is the latest day of that name, tomorrow's at most. */
static void date_of(const char *day, char ret_date[SB_DATE_CHARS + 1]) {
    char today[CLOCK_TEXT_MAX], date[CLOCK_TEXT_MAX];
    clock_format_at(clock_wall_us() + SB_DAY_US, BEIJING_MINUTES, today);
    int64_t year = strtoll(today, NULL, 10);
    snprintf(date, sizeof(date), "%04" PRId64 "-%.2s-%.2s", year, day, day + 2);
    if (strncmp(date, today, SB_DATE_CHARS) > 0) {
        snprintf(date, sizeof(date), "%04" PRId64 "-%.2s-%.2s", year - 1, day, day + 2);
    }
    snprintf(ret_date, SB_DATE_CHARS + 1, "%.10s", date);
}

void sb_up_file(struct sb_up_call *call) {
    const char *day = unionpay_get(&call->asked, "settleDate");
    char date[SB_DATE_CHARS + 1], name[SB_STATEMENT_NAME_MAX];
    struct sb_statement *statement = NULL;
    struct err err;
    date_of(strlen(day) == MMDD_CHARS ? day : "0000", date);
    int rc = sb_statement_open(call->sandbox, SB_UNIONPAY, "settlement", date, SB_PUBLISHED,
                               &statement, &err);
    if (rc < 0) {
        sb_up_answer(call, "98");
        return;
    }
    BUF_AUTO archive;
    buf_init(&archive, SB_STATEMENT_BYTES_MAX);
    bool whole = sb_statement_write(statement, &archive, name);
    char *content = whole ? pack(&archive) : NULL;
    if (whole) {
        unionpay_set(&call->answer, "fileName", name);
        unionpay_set(&call->answer, "fileContent", content);
        unionpay_set(&call->answer, "settleDate", day);
        sb_statement_handed(call->sandbox, SB_UNIONPAY, "settlement", date);
    }
    free(content);
    sb_statement_free(statement);
    sb_up_answer(call, whole ? "00" : "99");
}
