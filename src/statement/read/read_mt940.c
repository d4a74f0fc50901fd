/* SPDX-License-Identifier: Apache-2.0
 * read_mt940.c: bank statements in SWIFT's MT940. Layout: the public usage guides of banks for
 * customer statement messages (fields :20: to :86:), and for the structured :86: of German banks
 * the public annex 3 of their data exchange agreement.
 *
 *   :20: [:21:] :25: :28C: :60F:|:60M: { :61: [:86:] } :62F:|:62M: [:64:] [:65:…] [:86:] -
 *
 * What banks do to it and is taken: the blocks of the network around it ({1:…}{4: … -}), lines
 * with the bank's code or "940" before it, no "-" at the end when no statement of the file has
 * one, references longer than 16 characters.
 * A row is of the day on which it was booked, or, where that is not told, of its value day; as a
 * moment it is the midnight with which the day begins in source->time_zone (UTC when there is
 * none). The year of a booking day is the one that brings it closest to the value day.
 * RC takes back a credit, so money leaves; RD takes back a debit. What such rows refer to is then
 * the reference of the movement that is taken back.
 * The text is UTF-8 where all of the file is, else Latin-1. */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "statement/field.h"
#include "statement/read/bank_book.h"
#include "statement/read/mt940_parts.h"
#include "statement/statement.h"

enum {
    LINE_BYTES_MAX = 1024,
    HEAD_LINE_CHARS_MAX = 16,
    DETECT_LINES = 64,
    TYPE_CHARS = 4,
    MARK_BYTES = 3,
    SIDES = 2, /* credits, debits */
    SHOWN = 64,
};

/* ---- what can stand where ---- */

enum tag {
    NOTHING,
    T20,
    T21,
    T25,
    T28,
    T60,
    T61,
    T86,
    T62,
    T64,
    T65,
    T90,
    INFO, /* an :86: about the statement */
    END,  /* "-" */
    TAG_COUNT
};
#define AFTER(tag) (1U << (tag))
#define CLOSED (AFTER(T62) | AFTER(T64) | AFTER(T65) | AFTER(T90) | AFTER(INFO))
static const struct {
    const char *name;
    unsigned after;
} tags[TAG_COUNT] = {
    [NOTHING] = {"the beginning", 0},
    [T20] = {":20:", AFTER(NOTHING) | AFTER(END) | CLOSED},
    [T21] = {":21:", AFTER(T20)},
    [T25] = {":25:", AFTER(T20) | AFTER(T21)},
    [T28] = {":28C:", AFTER(T25)},
    [T60] = {":60:", AFTER(T28)},
    [T61] = {":61:", AFTER(T60) | AFTER(T61) | AFTER(T86)},
    [T86] = {":86:", AFTER(T61)},
    [T62] = {":62:", AFTER(T60) | AFTER(T61) | AFTER(T86)},
    [T64] = {":64:", AFTER(T62)},
    [T65] = {":65:", AFTER(T62) | AFTER(T64) | AFTER(T65)},
    [T90] = {":90:", CLOSED},
    [INFO] = {":86:", CLOSED},
    [END] = {"-", CLOSED},
};
/* As they are written. */
static const struct {
    const char *text;
    enum tag tag;
} written[] = {
    {":20:", T20},  {":21:", T21},  {":25:", T25},  {":25P:", T25}, {":28:", T28},  {":28C:", T28},
    {":60F:", T60}, {":60M:", T60}, {":61:", T61},  {":86:", T86},  {":62F:", T62}, {":62M:", T62},
    {":64:", T64},  {":65:", T65},  {":90C:", T90}, {":90D:", T90},
};

/* ---- one reading ---- */

struct entry {
    struct statement_row row;
    struct mt940_purpose purpose;
    char own[ROW_ID_CHARS_MAX + 1], bank[ROW_ID_CHARS_MAX + 1], batch[ROW_ID_CHARS_MAX + 1];
    char kind[ROW_ID_CHARS_MAX + 1];
    char extra[ROW_TEXT_CHARS_MAX + 1], description[ROW_TEXT_CHARS_MAX + 1];
    bool open, takes_back;
};
struct page {
    char account[ROW_ID_CHARS_MAX + 1];
    int64_t number, page;           /* -1: not told */
    bool opened, continues, broken; /* broken: a row of it could not be read */
    struct currency currency;
    int64_t balance; /* with the rows so far */
    int64_t rows[SIDES], sums[SIDES];
    struct bank_account *of; /* NULL: none, or no room for it */
};
struct mt940 {
    const struct statement_sink *sink;
    struct statement_head *head;
    const struct time_zone *zone;
    const char *at, *end;
    int64_t line;
    bool latin1, wrapped, marked; /* marked: a statement of the file ended with "-" */
    bool torn;                    /* the last line has no end */
    enum tag last;
    /* The field at hand, its lines apart by '\n', in UTF-8. */
    enum tag tag;
    char letter; /* of its tag: F, M, C, D; 0 */
    int64_t field_line;
    struct buf field;
    struct page page;
    struct entry entry;
    struct bank_book book;
};

static void tell(const struct mt940 *reading, enum statement_problem problem, const char *what) {
    char shown[SHOWN];
    text_shown(reading->field.data, reading->field.len, shown, sizeof shown);
    statement_tell(reading->sink, problem, reading->field_line, "%s %s: '%s'",
                   tags[reading->tag].name, what, shown);
}

/* ---- balances ---- */

/* C|D YYMMDD CCY amount. `any`: the currency may be any; else it must be the page's. */
static bool read_balance(const struct mt940 *reading, bool any, struct currency *currency,
                         int64_t *ret_day_s, int64_t *ret_minor) {
    const char *at = reading->field.data;
    bool debit = *at == 'D';
    if (*at != 'C' && *at != 'D') {
        tell(reading, PROBLEM_BAD_VALUE, "is neither a credit nor a debit");
        return false;
    }
    at++;
    if (!mt940_take_date(&at, ret_day_s)) {
        tell(reading, PROBLEM_BAD_VALUE, "has no day that a calendar has");
        return false;
    }
    if (!mt940_take_currency(&at, currency) ||
        (!any && !currency_equal(*currency, reading->page.currency))) {
        tell(reading, PROBLEM_CURRENCY, "has another currency than the opening balance, or none");
        return false;
    }
    if (!mt940_take_amount(&at, *currency, ret_minor) || *at != '\0') {
        tell(reading, PROBLEM_BAD_VALUE, "has no amount as it is written here");
        return false;
    }
    *ret_minor = debit ? -*ret_minor : *ret_minor;
    return true;
}

/* ---- the head of a page ---- */

static void read_account(struct mt940 *reading) {
    struct err err;
    if (field_words(reading->field.data, reading->field.len, false, reading->page.account,
                    sizeof reading->page.account, &err) != 0 ||
        reading->page.account[0] == '\0') {
        tell(reading, PROBLEM_BAD_VALUE, "is no account");
        return;
    }
    if (reading->head->account[0] == '\0') {
        g_strlcpy(reading->head->account, reading->page.account, sizeof reading->head->account);
    }
}

/* "00001/001", "17". */
static void read_number(struct mt940 *reading) {
    const char *text = reading->field.data, *slash = strchr(text, '/');
    size_t count = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct page *page = &reading->page;
    bool fine = field_count(text, count, &page->number, NULL) == 0 &&
                (slash == NULL ||
                 field_count(slash + 1, strlen(slash + 1), &page->page, NULL) == 0);
    if (!fine) {
        page->number = page->page = -1;
        tell(reading, PROBLEM_BAD_VALUE, "is no number of a statement");
    }
}

/* Whether this page may follow the last one of its account. */
static void check_chain(const struct mt940 *reading, const struct bank_account *last,
                        int64_t opening_minor) {
    const struct page *page = &reading->page;
    bool numbered = page->number > 0 && last->number > 0;
    bool next_page = page->number == last->number && page->page == last->page + 1;
    if (last->more_pages != page->continues) {
        tell(reading, PROBLEM_ORDER,
             last->more_pages ? "should go on where a page left off (:60M:)"
                              : "goes on, but the statement before was whole");
    } else if (numbered && page->number == last->number && page->page == last->page) {
        tell(reading, PROBLEM_REPEATED, "of a statement whose number was there already");
    } else if (numbered && !next_page &&
               (last->more_pages || (page->number != last->number + 1 && page->number != 1))) {
        tell(reading, PROBLEM_ORDER, "of a statement that does not follow the one before");
    }
    if (last->closing_minor != opening_minor) {
        tell(reading, PROBLEM_ORDER, "is not what the statement before closed with");
    }
}

static void read_opening(struct mt940 *reading) {
    struct page *page = &reading->page;
    int64_t day_s = 0, minor = 0;
    page->continues = reading->letter == 'M';
    if (!read_balance(reading, true, &page->currency, &day_s, &minor)) {
        page->broken = true;
        return;
    }
    page->opened = true;
    page->balance = minor;
    page->of = bank_book_find(&reading->book, page->account, page->currency);
    if (page->of != NULL) {
        check_chain(reading, page->of, minor);
    } else {
        page->of = bank_book_add(&reading->book, page->account, page->currency);
        if (page->of == NULL) {
            tell(reading, PROBLEM_LIMIT, "of more accounts than are ever taken");
            return;
        }
        page->of->opening_minor = minor;
        if (page->continues) {
            tell(reading, PROBLEM_ORDER, "goes on, but the pages before are not here");
        }
    }
    int64_t day_us = bank_day_us(reading->zone, day_s);
    if (reading->head->from_us == 0 || day_us < reading->head->from_us) {
        reading->head->from_us = day_us;
    }
}

/* ---- a row ---- */

struct line61 {
    char mark[MARK_BYTES]; /* C, D, RC, RD */
    int64_t day_s, minor;
    char type[TYPE_CHARS + 1];
    const char *rest;
};

/* "NTRF", "S103", "FMSC". */
static bool is_type(const char *at) {
    for (int i = 1; i < TYPE_CHARS; i++) {
        if (at[0] == '\0' || strchr("NFS", at[0]) == NULL || !g_ascii_isalnum(at[i])) {
            return false;
        }
    }
    return true;
}

static bool read_line61(const struct mt940 *reading, struct line61 *line) {
    const char *at = reading->field.data;
    int64_t value_s = 0;
    if (!mt940_take_date(&at, &value_s)) {
        tell(reading, PROBLEM_BAD_VALUE, "has no value day that a calendar has");
        return false;
    }
    line->day_s = value_s;
    if (mt940_is_digits(at, strnlen(at, 4)) && strlen(at) >= 4 &&
        !mt940_take_booking_day(&at, value_s, &line->day_s)) {
        tell(reading, PROBLEM_BAD_VALUE, "has no booking day that a calendar has");
        return false;
    }
    size_t mark = (size_t)(*at == 'R') + 1;
    if ((at[0] != 'R' && at[0] != 'C' && at[0] != 'D') ||
        (mark == 2 && at[1] != 'C' && at[1] != 'D')) {
        tell(reading, PROBLEM_UNKNOWN_KIND, "is none of C, D, RC and RD");
        return false;
    }
    memcpy(line->mark, at, mark);
    line->mark[mark] = '\0';
    at += mark;
    at += g_ascii_isupper(*at) ? 1 : 0; /* the funds code */
    if (!mt940_take_amount(&at, reading->page.currency, &line->minor)) {
        tell(reading, PROBLEM_BAD_VALUE, "has no amount as it is written here");
        return false;
    }
    if (!is_type(at)) {
        tell(reading, PROBLEM_BAD_VALUE, "has no type that begins with N, F or S");
        return false;
    }
    memcpy(line->type, at, TYPE_CHARS);
    line->type[TYPE_CHARS] = '\0';
    line->rest = at + TYPE_CHARS;
    return true;
}

static bool copy_piece(const struct mt940 *reading, const char *at, size_t count, bool cut,
                       char *text, size_t text_bytes) {
    struct err err;
    if (field_words(at, count, cut, text, text_bytes, &err) != 0) {
        statement_tell(reading->sink, PROBLEM_BAD_VALUE, reading->field_line, "%s %s",
                       tags[reading->tag].name, err.detail);
        return false;
    }
    return true;
}

/* reference[//reference of the bank][newline more] */
static bool read_references(struct mt940 *reading, const char *rest) {
    struct entry *entry = &reading->entry;
    const char *newline = strchr(rest, '\n');
    size_t count = newline != NULL ? (size_t)(newline - rest) : strlen(rest);
    const char *slashes = g_strstr_len(rest, (gssize)count, "//");
    size_t own = slashes != NULL ? (size_t)(slashes - rest) : count;
    if (!copy_piece(reading, rest, own, false, entry->own, sizeof entry->own) ||
        (slashes != NULL && !copy_piece(reading, slashes + 2, count - own - 2, false, entry->bank,
                                        sizeof entry->bank))) {
        return false;
    }
    if (newline != NULL) {
        field_note(newline + 1, strlen(newline + 1), 0, entry->extra, sizeof entry->extra);
    }
    return true;
}

static void count_row(struct mt940 *reading, const struct line61 *line, bool debit) {
    struct page *page = &reading->page;
    page->rows[debit]++;
    if (!money_add(page->balance, debit ? -line->minor : line->minor, &page->balance) ||
        !money_add(page->sums[debit], line->minor, &page->sums[debit])) {
        page->broken = true;
        tell(reading, PROBLEM_LIMIT, "makes a sum larger than any");
    }
}

static void read_row(struct mt940 *reading) {
    struct entry *entry = &reading->entry;
    struct line61 line = {0};
    if (!reading->page.opened) {
        reading->page.broken = true;
        return; /* without an opening balance, which was told, nobody knows the currency */
    }
    if (!read_line61(reading, &line) || !read_references(reading, line.rest)) {
        reading->page.broken = true;
        return;
    }
    bool debit = strcmp(line.mark, "D") == 0 || strcmp(line.mark, "RC") == 0;
    count_row(reading, &line, debit);
    entry->open = true;
    entry->takes_back = line.mark[0] == 'R';
    snprintf(entry->kind, sizeof entry->kind, "%s%s%s", line.type, entry->takes_back ? " " : "",
             entry->takes_back ? line.mark : "");
    statement_row_init(&entry->row);
    entry->row.line = reading->field_line;
    entry->row.kind = debit ? ROW_BANK_DEBIT : ROW_BANK_CREDIT;
    entry->row.status = ROW_DONE;
    entry->row.currency = reading->page.currency;
    entry->row.gross_minor = debit ? -line.minor : line.minor;
    entry->row.net_minor = entry->row.gross_minor;
    entry->row.at_us = bank_day_us(reading->zone, line.day_s);
}

/* ---- what it was for ---- */

/* Gives the row that was waiting for its text. */
static int end_row(struct mt940 *reading, struct err *err) {
    struct entry *entry = &reading->entry;
    if (!entry->open) {
        return 0;
    }
    entry->open = false;
    if (entry->extra[0] != '\0') {
        mt940_purpose_add(&entry->purpose, entry->extra);
    }
    field_note(entry->purpose.text.data, entry->purpose.text.len, 0, entry->description,
               sizeof entry->description);
    if (!bank_reference_told(entry->own) &&
        !bank_text_tag(entry->purpose.text.data, "EREF", entry->own, sizeof entry->own)) {
        entry->own[0] = '\0';
    }
    if (!bank_text_tag(entry->purpose.text.data, "KREF", entry->batch, sizeof entry->batch)) {
        entry->batch[0] = '\0';
    }
    struct statement_row *row = &entry->row;
    row->gateway_id = bank_reference_told(entry->bank) ? entry->bank : "";
    row->reference = entry->takes_back ? "" : entry->own;
    row->original_reference = entry->takes_back ? entry->own : "";
    row->batch = entry->batch;
    row->method = entry->purpose.method;
    row->native_kind = entry->kind;
    row->description = entry->description;
    row->account = reading->page.account;
    row->party = entry->purpose.party;
    row->party_account = entry->purpose.party_account;
    int rc = reading->sink->row(reading->sink->ctx, row, err);
    reading->head->rows += rc == 0;
    return rc;
}

static void clear_row(struct entry *entry) {
    mt940_purpose_clear(&entry->purpose);
    entry->own[0] = entry->bank[0] = entry->batch[0] = entry->kind[0] = entry->extra[0] = '\0';
}

/* ---- the foot of a page ---- */

/* Its number and the day on which it closes name the file, as numbers begin anew each year. */
static void name_file(struct mt940 *reading, int64_t day_s) {
    struct statement_head *head = reading->head;
    const struct page *page = &reading->page;
    char day[CLOCK_TEXT_MAX];
    if (head->file_id[0] != '\0') {
        return;
    }
    clock_format(day_s * US_PER_SECOND, day);
    snprintf(head->file_id, sizeof head->file_id, "%lld/%lld %.10s",
             (long long)(page->number < 0 ? 0 : page->number),
             (long long)(page->page < 0 ? 1 : page->page), day);
    head->sequence = page->number;
}

static void read_closing(struct mt940 *reading) {
    struct page *page = &reading->page;
    struct currency currency;
    int64_t day_s = 0, minor = 0;
    if (!page->opened || !read_balance(reading, false, &currency, &day_s, &minor)) {
        return;
    }
    if (minor != page->balance && !page->broken) {
        char sum[MONEY_TEXT_MAX];
        statement_tell(reading->sink, PROBLEM_BALANCE, reading->field_line,
                       "the opening balance and the rows give %s, and not the closing balance",
                       money_show(page->balance, page->currency, sum));
    }
    name_file(reading, day_s);
    int64_t until_us = bank_day_us(reading->zone, day_s + INT64_C(24) * 60 * 60);
    if (until_us > reading->head->until_us) {
        reading->head->until_us = until_us;
    }
    if (page->of != NULL) {
        bank_book_close(page->of, page->number, page->page, minor, until_us);
        page->of->more_pages = reading->letter == 'M';
    }
}

static void read_available(const struct mt940 *reading) {
    struct currency currency;
    int64_t day_s = 0, minor = 0;
    (void)(reading->page.opened && read_balance(reading, false, &currency, &day_s, &minor));
}

/* Count, currency, amount: of the debits (:90D:) or the credits (:90C:). */
static void read_count(const struct mt940 *reading) {
    const struct page *page = &reading->page;
    const char *at = reading->field.data;
    size_t digits = strspn(at, "0123456789");
    bool debit = reading->letter == 'D';
    struct currency currency;
    int64_t rows = 0, minor = 0;
    if (!page->opened) {
        return;
    }
    if (digits == 0 || field_count(at, digits, &rows, NULL) != 0) {
        tell(reading, PROBLEM_BAD_VALUE, "has no count");
        return;
    }
    at += digits;
    if (!mt940_take_currency(&at, &currency) || !currency_equal(currency, page->currency)) {
        tell(reading, PROBLEM_CURRENCY, "has another currency than the opening balance, or none");
        return;
    }
    if (!mt940_take_amount(&at, currency, &minor) || *at != '\0') {
        tell(reading, PROBLEM_BAD_VALUE, "has no amount as it is written here");
        return;
    }
    if (rows != page->rows[debit]) {
        tell(reading, PROBLEM_COUNT, "is not the count of its rows");
    }
    if (minor != page->sums[debit]) {
        tell(reading, PROBLEM_TOTAL, "is not the sum of its rows");
    }
}

/* ---- fields ---- */

static int end_field(struct mt940 *reading, struct err *err) {
    enum tag tag = reading->tag;
    if (tag == NOTHING) {
        return 0;
    }
    if (!buf_ok(&reading->field)) {
        statement_tell(reading->sink, PROBLEM_LIMIT, reading->field_line,
                       "%s is longer than any that is taken", tags[tag].name);
    }
    int rc = tag == T86 || tag == INFO ? 0 : end_row(reading, err);
    switch (tag) {
    case T20:
        reading->page = (struct page){.number = -1, .page = -1};
        break;
    case T25:
        read_account(reading);
        break;
    case T28:
        read_number(reading);
        break;
    case T60:
        read_opening(reading);
        break;
    case T61:
        clear_row(&reading->entry);
        read_row(reading);
        break;
    case T86:
        mt940_purpose_read(reading->field.data, &reading->entry.purpose);
        break;
    case T62:
        read_closing(reading);
        break;
    case T64:
    case T65:
        read_available(reading);
        break;
    case T90:
        read_count(reading);
        break;
    default: /* :21: and an :86: about the statement say nothing of a row */
        break;
    }
    reading->tag = NOTHING;
    return rc;
}

/* Adds a line to the field at hand, as UTF-8. */
static void add_text(struct mt940 *reading, const char *bytes, size_t count) {
    if (!reading->latin1) {
        buf_add(&reading->field, bytes, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte >= 0x80 && byte < 0xA0) {
            statement_tell(reading->sink, PROBLEM_ENCODING, reading->line,
                           "bytes that are neither UTF-8 nor Latin-1");
            return;
        }
        if (byte < 0x80) {
            buf_add_char(&reading->field, (char)byte);
        } else {
            buf_add_char(&reading->field, (char)(0xC0 | byte >> 6));
            buf_add_char(&reading->field, (char)(0x80 | (byte & 0x3F)));
        }
    }
}

/* A tag at the beginning of a line; `ret_count` its characters. NOTHING: there is none that is
 * known; then 0, or the characters of what looks like one. */
static enum tag tag_of(const char *bytes, size_t count, size_t *ret_count) {
    *ret_count = 0;
    if (count < 4 || bytes[0] != ':' || !mt940_is_digits(bytes + 1, 2)) {
        return NOTHING;
    }
    size_t colon = bytes[3] == ':' ? 3 : count > 4 && bytes[4] == ':' ? 4 : 0;
    if (colon == 0 || (colon == 4 && !g_ascii_isupper(bytes[3]))) {
        return NOTHING;
    }
    *ret_count = colon + 1;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        if (strlen(written[i].text) == colon + 1 &&
            memcmp(written[i].text, bytes, colon + 1) == 0) {
            return written[i].tag;
        }
    }
    return NOTHING;
}

static void check_order(struct mt940 *reading, enum tag tag) {
    if ((tags[tag].after & AFTER(reading->last)) == 0) {
        statement_tell(reading->sink, PROBLEM_ORDER, reading->line, "%s may not follow %s",
                       tags[tag].name, tags[reading->last].name);
    }
    reading->last = tag;
}

static int begin_field(struct mt940 *reading, enum tag tag, const char *bytes, size_t count,
                       size_t tag_chars, struct err *err) {
    int rc = end_field(reading, err);
    if (tag == T86 && (AFTER(reading->last) & CLOSED) != 0) {
        tag = INFO;
    }
    check_order(reading, tag);
    reading->tag = tag;
    reading->letter = tag_chars == 5 ? bytes[3] : '\0';
    reading->field_line = reading->line;
    buf_clear(&reading->field);
    add_text(reading, bytes + tag_chars, count - tag_chars);
    return rc;
}

/* ---- lines ---- */

static bool is_between(const struct mt940 *reading) {
    return reading->last == NOTHING || reading->last == END;
}

/* What may stand before a statement: the network's blocks, the bank's code, "940". */
static bool is_head_line(struct mt940 *reading, const char *bytes, size_t count) {
    enum { BLOCK = 3 };
    if (count >= BLOCK && bytes[0] == '{') {
        reading->wrapped = reading->wrapped || memcmp(bytes + count - BLOCK, "{4:", BLOCK) == 0;
        return true;
    }
    if (count == strlen(":940:") && memcmp(bytes, ":940:", count) == 0) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!g_ascii_isupper(bytes[i]) && !g_ascii_isdigit(bytes[i])) {
            return false;
        }
    }
    return count <= HEAD_LINE_CHARS_MAX;
}

static bool is_end_line(const char *bytes, size_t count) {
    return (count == 1 && bytes[0] == '-') ||
           (count >= 2 && memcmp(bytes, "-}", 2) == 0 && (count == 2 || bytes[2] == '{'));
}

static int read_line(struct mt940 *reading, const char *bytes, size_t count, struct err *err) {
    size_t tag_chars = 0;
    if (count > LINE_BYTES_MAX) {
        statement_tell(reading->sink, PROBLEM_LIMIT, reading->line, "a line of %zu bytes", count);
        return 0;
    }
    enum tag tag = tag_of(bytes, count, &tag_chars);
    if (tag != NOTHING) {
        return begin_field(reading, tag, bytes, count, tag_chars, err);
    }
    if (is_end_line(bytes, count)) {
        int rc = end_field(reading, err);
        check_order(reading, END);
        reading->wrapped = false;
        reading->marked = true;
        return rc;
    }
    if (tag_chars > 0 && !is_between(reading)) {
        statement_tell(reading->sink, PROBLEM_UNKNOWN_KIND, reading->line,
                       "%.*s is no field of such a statement", (int)tag_chars, bytes);
        int rc = end_field(reading, err);
        return rc;
    }
    if (count == 0 || (is_between(reading) && is_head_line(reading, bytes, count))) {
        return 0;
    }
    if (reading->tag == NOTHING) {
        statement_tell(reading->sink, PROBLEM_BAD_ROW, reading->line,
                       "a line that belongs to no field");
        return 0;
    }
    if (reading->tag != T61 && reading->tag != T86 && reading->tag != INFO) {
        tell(reading, PROBLEM_BAD_ROW, "goes on in a second line");
        return 0;
    }
    buf_add_char(&reading->field, '\n');
    add_text(reading, bytes, count);
    return 0;
}

static void end_file(struct mt940 *reading) {
    bool closed = (AFTER(reading->last) & CLOSED) != 0;
    bool whole = !reading->wrapped &&
                 (reading->last == END || (closed && !reading->marked && !reading->torn));
    if (!whole) {
        statement_tell(reading->sink, PROBLEM_CUT, reading->line,
                       "the file ends after %s and not after a whole statement",
                       tags[reading->last].name);
    }
    for (int i = 0; i < reading->book.count; i++) {
        if (reading->book.of[i].more_pages) {
            statement_tell(reading->sink, PROBLEM_CUT, reading->line,
                           "the last page of a statement is not here");
        }
    }
    if (!bank_book_head(&reading->book, reading->head)) {
        statement_tell(reading->sink, PROBLEM_LIMIT, 0, "balances larger than any amount");
    }
}

static int read_lines(struct mt940 *reading, struct err *err) {
    int rc = 0;
    while (rc == 0 && reading->at < reading->end) {
        const char *bytes = reading->at;
        const char *newline = memchr(bytes, '\n', (size_t)(reading->end - bytes));
        const char *end = newline != NULL ? newline : reading->end;
        reading->torn = newline == NULL;
        reading->at = newline != NULL ? newline + 1 : reading->end;
        reading->line++;
        size_t count = (size_t)(end - bytes);
        count -= count > 0 && bytes[count - 1] == '\r';
        if (memchr(bytes, '\0', count) != NULL) {
            statement_tell(reading->sink, PROBLEM_ENCODING, reading->line, "a zero byte");
            continue;
        }
        rc = read_line(reading, bytes, count, err);
    }
    return rc == 0 ? end_field(reading, err) : rc;
}

static bool passes_mark(const struct statement_source *source) {
    return source->count >= 3 && memcmp(source->bytes, "\xEF\xBB\xBF", 3) == 0;
}

static int mt940_read(const struct statement_source *source, const struct statement_sink *sink,
                      struct statement_head *ret_head, struct err *err) {
    *ret_head = (struct statement_head){.sequence = -1};
    if (source->count > (size_t)STATEMENT_BYTES_MAX) {
        statement_tell(sink, PROBLEM_LIMIT, 0, "the file is larger than any that is taken");
        return err_set(err, ERR_TOO_LARGE, "the file is larger than any that is taken");
    }
    TIME_ZONE_AUTO zone = NULL;
    if (source->time_zone != NULL) {
        int rc = time_zone_open(source->time_zone, &zone, err);
        if (rc < 0) {
            return rc;
        }
    }
    g_autofree struct mt940 *reading = g_new0(struct mt940, 1);
    size_t mark = passes_mark(source) ? 3 : 0;
    reading->sink = sink;
    reading->head = ret_head;
    reading->zone = zone;
    reading->at = (const char *)source->bytes + mark;
    reading->end = (const char *)source->bytes + source->count;
    reading->latin1 = source->count > mark &&
                      !g_utf8_validate(reading->at, (gssize)(source->count - mark), NULL);
    buf_init(&reading->field, MT940_FIELD_BYTES_MAX);
    buf_init(&reading->entry.purpose.text, MT940_FIELD_BYTES_MAX);
    int rc = read_lines(reading, err);
    rc = rc == 0 ? end_row(reading, err) : rc;
    if (rc == 0) {
        end_file(reading);
    }
    buf_release(&reading->field);
    buf_release(&reading->entry.purpose.text);
    return rc;
}

/* The three fields that every statement begins with. */
static int mt940_detect(const char *name, const void *bytes, size_t count) {
    unsigned found = 0;
    const char *at = bytes, *end = at + count;
    at += count >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (int i = 0; i < DETECT_LINES && at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t unused = 0;
        found |= AFTER(tag_of(at, (size_t)(end - at), &unused));
        at = newline != NULL ? newline + 1 : end;
    }
    unsigned wanted = AFTER(T20) | AFTER(T25) | AFTER(T60);
    return (found & wanted) == wanted ? 100 : 0;
}

const struct statement_reader mt940_reader = {
    .name = "mt940",
    .title = "SWIFT MT940 bank statement",
    .adapter = NULL,
    .tells = TELLS_BANK,
    .detect = mt940_detect,
    .read = mt940_read,
};
