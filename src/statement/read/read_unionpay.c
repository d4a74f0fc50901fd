/* SPDX-License-Identifier: Apache-2.0
 * read_unionpay.c: the settlement files of UnionPay's online gateway for merchants: ZM (what was
 * settled) and ZME (errors and adjustments). Layout: UnionPay's file interface (全渠道平台接入接口规范
 * 第3部分 文件接口, 6.1 and 6.2) and the field widths of its published SDKs.
 *
 * A row is fields of fixed widths in bytes of GBK, each with one blank behind it; the last may have
 * any width up to a limit. There is no header, no total and no end mark: what is missing at the end
 * of such a file cannot be told, but for a torn last row. Amounts are fen with zeros before them; a
 * letter before an amount is C for what comes to the merchant and D for what he pays. The settled
 * amount is the amount less the fee, in every row. Card numbers stand there, masked or not: that
 * field is never read, and no error repeats a row.
 *
 * The file's name has the day of settlement and the merchant: INN<yymmdd>88ZM_<merchant>. Times in
 * rows have no year: it is the one that brings them nearest to that day, so that a row of 1231 in
 * the file of the 1st of January is of the year before.
 *
 * What our side is matched by: a payment's gateway_id and charge_id are queryIds, a refund's
 * refund_id is the queryId of the refund.
 *   gateway_id queryId, reference orderId; of a refund original_id origQryId and original_reference
 *   the order that it is about; batch is the day of settlement
 * An orderId takes no '_', so our own ids are sent without theirs and get it back here; other
 * people's stay as they are.
 * ZME names neither an order nor a queryId, but the trace number and time of what it is about: they
 * are told as the description. Its fee and settled amount are taken to stand as in ZM, and are held
 * against the amount like there; its kinds are the codes of UnionPay's error handling. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "statement/csv.h"
#include "statement/field.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum {
    FIELDS_MAX = 42,
    TAIL_BYTES_MAX = 300, /* 98, 99 and 135 are known; two rows on one line are always more */
    AMOUNT_DIGITS = 12,
    DATE_DIGITS = 6, /* yymmdd */
    NAME_DIGITS = 8, /* and the two of the system that made the file */
    TIME_DIGITS = 10,
    KEY_BYTES = 2 * ROW_ID_CHARS_MAX,
    BASE_NAME_CHARS = ROW_ID_CHARS_MAX,
};
#define BEIJING "Asia/Shanghai"
#define DAY_S INT64_C(86400)

/* Fields count from 1, as the specification counts them. 0: the layout has none. */
struct layout {
    const char *mark; /* in the file's name, behind its digits */
    int field_count;
    unsigned char widths[FIELDS_MAX]; /* of all but the last, which is the rest */
    int code, trace, time, amount, fee, settled, type, query, order, original_query, original_order,
        method, merchant, group, original_trace, original_time;
};
static const struct layout zm = {
    .mark = "ZM_",
    .field_count = 42,
    .widths = {3, 11, 11, 6,  10, 19, 12, 4, 2,  21, 2,  32, 2, 6,  10, 13, 13, 4, 15, 2, 2,
               6, 2,  4,  32, 1,  21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1,  32},
    .code = 1,
    .trace = 4,
    .time = 5,
    .amount = 7,
    .query = 10,
    .order = 12,
    .fee = 16,
    .settled = 17,
    .method = 18,
    .group = 19,
    .type = 20,
    .original_query = 27,
    .merchant = 28,
    .original_order = 41,
};
static const struct layout zme = {
    .mark = "ZME_",
    .field_count = 22,
    .widths = {3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2},
    .code = 1,
    .trace = 4,
    .time = 5,
    .amount = 7,
    .original_trace = 11,
    .original_time = 12,
    .fee = 15,
    .settled = 16,
    .merchant = 17,
    .group = 18,
};

/* What a row can be: by its transaction type in ZM, by its code in ZME. */
struct kind_name {
    const char *name;
    enum row_kind kind;
};
static const struct kind_name zm_types[] = {
    {"01", ROW_CHARGE}, {"02", ROW_AUTHORIZATION}, /* consume, pre-authorization */
    {"03", ROW_CHARGE}, {"04", ROW_REFUND},        /* its completion, refund */
    {"31", ROW_REFUND}, {"32", ROW_AUTHORIZATION}, /* undoing of 01 and of 02 */
    {"33", ROW_REFUND},                            /* undoing of 03 */
};
static const struct kind_name zme_codes[] = {
    {"E22", ROW_CHARGE},              /* 请款: claimed later */
    {"E23", ROW_CHARGEBACK},          /* 退单 */
    {"E24", ROW_CHARGEBACK_RETURNED}, /* 再请款 */
    {"E25", ROW_CHARGEBACK},          /* 二次退单 */
    {"E32", ROW_REFUND},              /* 贷记调整 */
    {"E73", ROW_ADJUSTMENT},          /* 差错例外 */
    {"E74", ROW_REFUND},              /* 手工退货 */
    {"E84", ROW_REFUND},              /* the same without its payment */
};

struct file {
    const struct layout *layout;
    const struct kind_name *kinds;
    size_t kind_count;
    const struct statement_sink *sink;
    struct statement_head *head;
    struct err *err;
    struct time_zone *zone;
    struct seen seen;
    const char *at, *end;
    int64_t line;
    size_t row_bytes; /* of the first row */
    bool dated;
    int64_t day_s; /* of settlement, as local time */
    int year;
    char batch[16];
};

/* One row, cut into its fields. */
struct cells {
    int64_t line;
    struct csv_field fields[FIELDS_MAX + 1]; /* from 1 */
};
struct texts {
    char query[ROW_ID_CHARS_MAX + 1], order[ROW_ID_CHARS_MAX + 1];
    char original_query[ROW_ID_CHARS_MAX + 1], original_order[ROW_ID_CHARS_MAX + 1];
    char method[ROW_ID_CHARS_MAX + 1], kind[ROW_ID_CHARS_MAX + 1];
    char note[ROW_TEXT_CHARS_MAX + 1];
};

/* ---- the name ---- */

static const char *base_name(const char *name) {
    const char *slash = name != NULL ? strrchr(name, '/') : NULL;
    return name == NULL ? "" : slash != NULL ? slash + 1 : name;
}

/* Where the layout's mark stands in the name, behind digits; NULL: it does not. */
static const char *mark_in(const char *name, const struct layout *layout) {
    const char *at = strstr(name, layout->mark);
    return at != NULL && at > name && at[-1] >= '0' && at[-1] <= '9' ? at : NULL;
}

/* INN<yymmdd>88ZM_<merchant>, with anything behind a point. */
static void read_name(struct file *file, const char *name) {
    const char *base = base_name(name), *mark = mark_in(base, file->layout);
    struct err err;
    if (mark == NULL || mark - base < NAME_DIGITS || mark - base > BASE_NAME_CHARS ||
        strspn(mark - NAME_DIGITS, "0123456789") != NAME_DIGITS ||
        (mark - base > NAME_DIGITS && g_ascii_isdigit(mark[-NAME_DIGITS - 1])) ||
        field_local(mark - NAME_DIGITS, DATE_DIGITS, "YYMMDD", &file->day_s, &err) < 0) {
        statement_tell(file->sink, PROBLEM_BAD_VALUE, 0,
                       "the file's name is not INN<yymmdd>88%s<merchant>, so that the day of "
                       "settlement is not known",
                       file->layout->mark);
        return;
    }
    const char *merchant = mark + strlen(file->layout->mark);
    size_t chars = strcspn(merchant, ".");
    if (field_words(merchant, chars, true, file->head->account, sizeof file->head->account, NULL) <
            0 ||
        field_words(base, (size_t)(merchant - base) + chars, true, file->head->file_id,
                    sizeof file->head->file_id, NULL) < 0) {
        statement_tell(file->sink, PROBLEM_BAD_VALUE, 0, "the file's name is no text");
        return;
    }
    file->dated = true;
    file->year = 2000 + (mark[-NAME_DIGITS] - '0') * 10 + (mark[-NAME_DIGITS + 1] - '0');
    snprintf(file->batch, sizeof file->batch, "20%.*s", DATE_DIGITS, mark - NAME_DIGITS);
}

/* ---- fields ---- */

static size_t tail_offset(const struct layout *layout) {
    size_t offset = 0;
    for (int i = 0; i < layout->field_count - 1; i++) {
        offset += layout->widths[i] + 1u;
    }
    return offset;
}

/* Cuts a row; false when it is too short, or a blank is not where one belongs. */
static bool cut_row(const struct layout *layout, const char *row, size_t count,
                    struct cells *ret_cells) {
    size_t offset = 0, tail_at = tail_offset(layout);
    if (count < tail_at || count > tail_at + TAIL_BYTES_MAX) {
        return false;
    }
    for (int i = 1; i < layout->field_count; i++) {
        size_t width = layout->widths[i - 1];
        ret_cells->fields[i] = (struct csv_field){row + offset, (uint32_t)width, false};
        offset += width;
        if (row[offset++] != ' ') {
            return false;
        }
    }
    ret_cells->fields[layout->field_count] = (struct csv_field){row + offset,
                                                                (uint32_t)(count - offset), false};
    return true;
}

static void tell(const struct file *file, enum statement_problem problem, int field,
                 const char *what) {
    statement_tell(file->sink, problem, file->line, "field %d: %s", field, what);
}

static bool all_digits(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] < '0' || bytes[i] > '9') {
            return false;
        }
    }
    return count > 0;
}

/* Twelve digits, with a letter before them where the field has room for one: +1, -1. */
static bool fen_take(const struct file *file, const struct cells *cells, int field,
                     int64_t *ret_minor) {
    const struct csv_field *cell = &cells->fields[field];
    bool lettered = cell->count == AMOUNT_DIGITS + 1;
    const char *digits = cell->bytes + lettered;
    if (!all_digits(digits, AMOUNT_DIGITS) ||
        (lettered && *cell->bytes != 'C' && *cell->bytes != 'D')) {
        tell(file, PROBLEM_BAD_VALUE, field,
             lettered ? "it is not C or D and twelve digits" : "it is not twelve digits");
        return false;
    }
    int64_t value = 0;
    for (int i = 0; i < AMOUNT_DIGITS; i++) {
        value = value * 10 + (digits[i] - '0');
    }
    *ret_minor = lettered && *cell->bytes == 'D' ? -value : value;
    return true;
}

static bool text_take(const struct file *file, const struct cells *cells, int field,
                      char text[ROW_ID_CHARS_MAX + 1]) {
    text[0] = '\0';
    if (field != 0 && field_words(cells->fields[field].bytes, cells->fields[field].count, false,
                                  text, ROW_ID_CHARS_MAX + 1, NULL) < 0) {
        tell(file, PROBLEM_BAD_VALUE, field, "it is no plain text");
        return false;
    }
    return true;
}

/* "att01JD…" as we hold it: "att_01JD…". Only what is an id of ours exactly is changed. */
static void our_reference(char text[ROW_ID_CHARS_MAX + 1]) {
    char with[ID_TEXT_MAX];
    struct attempt_id attempt;
    struct refund_id refund;
    size_t count = strlen(text);
    if (count <= ID_ULID_CHARS || count > ID_ULID_CHARS + ID_PREFIX_CHARS_MAX) {
        return;
    }
    snprintf(with, sizeof with, "%.*s_%s", (int)(count - ID_ULID_CHARS), text,
             text + count - ID_ULID_CHARS);
    if (attempt_id_parse(with, &attempt, NULL) == 0 || refund_id_parse(with, &refund, NULL) == 0) {
        g_strlcpy(text, with, ROW_ID_CHARS_MAX + 1);
    }
}

static bool order_take(const struct file *file, const struct cells *cells, int field,
                       char text[ROW_ID_CHARS_MAX + 1]) {
    if (!text_take(file, cells, field, text)) {
        return false;
    }
    our_reference(text);
    return true;
}

/* MMDDhhmmss in the year that brings it nearest to the day of settlement. */
static bool time_take(const struct file *file, const struct cells *cells, int field,
                      int64_t *ret_us) {
    const struct csv_field *cell = &cells->fields[field];
    int64_t nearest = 0, apart = INT64_MAX;
    bool found = false;
    int years = file->dated ? 1 : 0, year = file->dated ? file->year : 2000;
    for (int i = -years; i <= years; i++) {
        char text[24];
        int64_t local_s = 0;
        snprintf(text, sizeof text, "%04d%.*s", year + i, TIME_DIGITS, cell->bytes);
        if (field_local(text, 4 + TIME_DIGITS, "YYYYMMDDhhmmss", &local_s, NULL) < 0) {
            continue;
        }
        int64_t days = (local_s - local_s % DAY_S - file->day_s) / DAY_S;
        days = days < 0 ? -days : days;
        if (!found || days < apart) {
            found = true;
            apart = days;
            nearest = local_s;
        }
    }
    if (!found) {
        tell(file, PROBLEM_BAD_VALUE, field, "it is not MMDDhhmmss of any day");
        return false;
    }
    *ret_us = file->dated ? wall_from_local(file->zone, nearest) : 0;
    return true;
}

/* ---- rows ---- */

static bool kind_take(const struct file *file, const struct cells *cells, struct statement_row *row,
                      struct texts *text) {
    const struct layout *layout = file->layout;
    int field = layout->type != 0 ? layout->type : layout->code;
    char code[ROW_ID_CHARS_MAX + 1] = "", type[ROW_ID_CHARS_MAX + 1] = "";
    if (!text_take(file, cells, layout->code, code) ||
        !text_take(file, cells, layout->type, type)) {
        return false;
    }
    snprintf(text->kind, sizeof text->kind, "%.8s%s%.8s", code, type[0] != '\0' ? "/" : "", type);
    row->native_kind = text->kind;
    for (size_t i = 0; i < file->kind_count; i++) {
        if (csv_field_is(&cells->fields[field], file->kinds[i].name)) {
            row->kind = file->kinds[i].kind;
            return true;
        }
    }
    statement_tell(file->sink, PROBLEM_UNKNOWN_KIND, file->line,
                   "field %d: '%s' is no transaction that is known", field, text->kind);
    return false;
}

/* Amount, fee and settled amount, which must fit: the letters say which way each went. */
static bool amounts_take(const struct file *file, const struct cells *cells,
                         struct statement_row *row) {
    const struct layout *layout = file->layout;
    int64_t amount = 0, fee = 0, settled = 0;
    bool good = fen_take(file, cells, layout->amount, &amount);
    good = fen_take(file, cells, layout->fee, &fee) && good;
    good = fen_take(file, cells, layout->settled, &settled) && good;
    if (!good) {
        return false;
    }
    int sign = row_kind_sign(row->kind);
    if (sign == 0) { /* an adjustment goes the way its letter says; a hold moves nothing */
        sign = row->kind == ROW_AUTHORIZATION ? 0 : settled < 0 ? -1 : 1;
    }
    row->gross_minor = sign * amount;
    row->fee_minor = -fee;
    row->net_minor = settled;
    if (row->gross_minor - row->fee_minor == row->net_minor) {
        return true;
    }
    bool turned = llabs(amount) - llabs(fee) == llabs(settled);
    tell(file, turned ? PROBLEM_SIGN : PROBLEM_TOTAL, layout->settled,
         turned ? "C and D contradict what the row is"
                : "the settled amount is not the amount less the fee");
    return false;
}

static bool merchant_ok(const struct file *file, const struct cells *cells) {
    const struct layout *layout = file->layout;
    if (!file->dated || csv_field_is(&cells->fields[layout->merchant], file->head->account) ||
        csv_field_is(&cells->fields[layout->group], file->head->account)) {
        return true;
    }
    tell(file, PROBLEM_BAD_VALUE, layout->merchant, "it is another merchant than the file's");
    return false;
}

static bool texts_take(const struct file *file, const struct cells *cells, struct texts *text,
                       struct statement_row *row) {
    const struct layout *layout = file->layout;
    char trace[ROW_ID_CHARS_MAX + 1], time[ROW_ID_CHARS_MAX + 1];
    bool refund = row->kind == ROW_REFUND;
    bool good = text_take(file, cells, layout->query, text->query);
    good = order_take(file, cells, layout->order, text->order) && good;
    good = text_take(file, cells, layout->original_query, text->original_query) && good;
    good = order_take(file, cells, layout->original_order, text->original_order) && good;
    good = text_take(file, cells, layout->method, text->method) && good;
    good = text_take(file, cells, layout->original_trace, trace) && good;
    good = text_take(file, cells, layout->original_time, time) && good;
    text->note[0] = '\0';
    if (layout->original_trace != 0) {
        snprintf(text->note, sizeof text->note, "original trace %.20s of %.20s", trace, time);
    }
    row->gateway_id = text->query;
    row->reference = text->order;
    row->original_id = refund ? text->original_query : "";
    row->original_reference = refund ? text->original_order : "";
    row->method = text->method;
    row->description = text->note;
    row->batch = file->batch;
    if (good && layout->query != 0 && (text->query[0] == '\0' || text->order[0] == '\0')) {
        tell(file, PROBLEM_BAD_VALUE, text->query[0] == '\0' ? layout->query : layout->order,
             "the row does not say which it is");
        return false;
    }
    return good;
}

/* Of one queryId and type there is one row; an error has neither, and is known by all its bytes. */
static bool is_new(struct file *file, const struct cells *cells, const struct texts *text) {
    char key[KEY_BYTES];
    const struct csv_field *tail = &cells->fields[file->layout->field_count];
    const char *row = cells->fields[1].bytes;
    int chars = snprintf(key, sizeof key, "%s/%s", text->query, text->kind);
    int64_t first = file->layout->query != 0
                        ? seen_add(&file->seen, key, (size_t)chars, file->line)
                        : seen_add(&file->seen, row, (size_t)(tail->bytes - row), file->line);
    if (first != 0) {
        statement_tell(file->sink, PROBLEM_REPEATED, file->line,
                       "the same movement stands on line %lld already", (long long)first);
    }
    return first == 0;
}

static int one_row(struct file *file, const char *bytes, size_t count) {
    struct statement_row row;
    struct cells cells;
    struct texts text;
    bool last = file->at == file->end;
    statement_row_init(&row);
    row.line = file->line;
    row.currency = currency_stored("CNY");
    row.status = ROW_DONE;
    if (!cut_row(file->layout, bytes, count, &cells)) {
        statement_tell(file->sink, PROBLEM_BAD_ROW, file->line,
                       "this row of %zu bytes is not fields of the widths of %.3s", count,
                       file->layout->mark);
        return 0;
    }
    file->row_bytes = file->row_bytes == 0 ? count : file->row_bytes;
    if (last && count < file->row_bytes && file->end[-1] != '\n') {
        statement_tell(file->sink, PROBLEM_CUT, file->line,
                       "the last row is shorter than the others, and has no line end");
        return 0;
    }
    bool good = kind_take(file, &cells, &row, &text) && amounts_take(file, &cells, &row);
    good = time_take(file, &cells, file->layout->time, &row.at_us) && good;
    good = merchant_ok(file, &cells) && good;
    good = texts_take(file, &cells, &text, &row) && good;
    if (!good || !is_new(file, &cells, &text)) {
        return 0;
    }
    int rc = file->sink->row(file->sink->ctx, &row, file->err);
    file->head->rows += rc == 0;
    return rc;
}

/* The next line without its end. */
static bool next_line(struct file *file, const char **ret_bytes, size_t *ret_count) {
    if (file->at == file->end) {
        return false;
    }
    const char *newline = memchr(file->at, '\n', (size_t)(file->end - file->at));
    const char *end = newline != NULL ? newline : file->end;
    *ret_bytes = file->at;
    *ret_count = (size_t)(end - file->at) - (end > file->at && end[-1] == '\r');
    file->at = newline != NULL ? newline + 1 : file->end;
    file->line++;
    return true;
}

static int read_file(struct file *file, const struct statement_source *source, struct err *err) {
    const char *bytes = NULL;
    size_t count = 0;
    *file->head = (struct statement_head){.sequence = -1};
    int rc = time_zone_open(source->time_zone != NULL ? source->time_zone : BEIJING, &file->zone,
                            err);
    if (rc < 0) {
        statement_tell(file->sink, PROBLEM_BAD_VALUE, 0, "%s", err->detail);
        return rc;
    }
    read_name(file, source->name);
    file->at = source->count > 0 ? source->bytes : "";
    file->end = file->at + source->count;
    while (rc == 0 && next_line(file, &bytes, &count)) {
        rc = count > 0 ? one_row(file, bytes, count) : 0;
    }
    time_zone_close(file->zone);
    seen_release(&file->seen);
    return rc;
}

static int read_zm(const struct statement_source *source, const struct statement_sink *sink,
                   struct statement_head *ret_head, struct err *err) {
    struct file file = {.layout = &zm,
                        .kinds = zm_types,
                        .kind_count = COUNT_OF(zm_types),
                        .sink = sink,
                        .head = ret_head,
                        .err = err};
    return read_file(&file, source, err);
}

static int read_zme(const struct statement_source *source, const struct statement_sink *sink,
                    struct statement_head *ret_head, struct err *err) {
    struct file file = {.layout = &zme,
                        .kinds = zme_codes,
                        .kind_count = COUNT_OF(zme_codes),
                        .sink = sink,
                        .head = ret_head,
                        .err = err};
    return read_file(&file, source, err);
}

/* ---- what is what ---- */

/* By the first row and by the name; a file without rows has only its name. */
static int detect(const struct layout *layout, const char *name, const void *bytes, size_t count) {
    bool named = mark_in(base_name(name), layout) != NULL;
    const char *end = count > 0 ? memchr(bytes, '\n', count) : NULL;
    size_t line = end != NULL ? (size_t)(end - (const char *)bytes) : count;
    struct cells cells;
    bool laid_out = line > 0 && cut_row(layout, bytes, line, &cells) &&
                    all_digits(cells.fields[layout->amount].bytes, AMOUNT_DIGITS) &&
                    all_digits(cells.fields[layout->time].bytes, TIME_DIGITS);
    return laid_out ? (named ? 95 : 70) : named ? 50 : 0;
}

static int detect_zm(const char *name, const void *bytes, size_t count) {
    return detect(&zm, name, bytes, count);
}

static int detect_zme(const char *name, const void *bytes, size_t count) {
    return detect(&zme, name, bytes, count);
}

const struct statement_reader unionpay_zm_reader = {
    .name = "unionpay-zm",
    .title = "UnionPay settlement file ZM (payments and refunds)",
    .adapter = "unionpay",
    .tells = TELLS_CHARGES | TELLS_REFUNDS,
    .detect = detect_zm,
    .read = read_zm,
};
const struct statement_reader unionpay_zme_reader = {
    .name = "unionpay-zme",
    .title = "UnionPay settlement file ZME (errors and adjustments)",
    .adapter = "unionpay",
    .tells = TELLS_DISPUTES,
    .detect = detect_zme,
    .read = read_zme,
};
