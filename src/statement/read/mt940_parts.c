/* SPDX-License-Identifier: Apache-2.0
 * mt940_parts.c: days, amounts and purposes as MT940 writes them. Layout: see read_mt940.c. */
#include "statement/read/mt940_parts.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "statement/field.h"
#include "statement/read/bank_book.h"

enum {
    DATE_CHARS = 6,
    FREE_WIDTH = 65,       /* characters of a line of :86: */
    STRUCTURED_WIDTH = 27, /* of one of its numbered pieces */
    MARK_CHARS = 3,        /* the separator and the number of a piece */
};
/* The pieces of a structured :86: that are not its text. */
enum {
    PIECE_METHOD = 0,
    PIECE_BATCH = 10,
    PIECE_BANK = 30,
    PIECE_ACCOUNT = 31,
    PIECE_PARTY = 32,
    PIECE_PARTY_TOO = 33,
    PIECE_KEY = 34
};
#define YEAR_S (INT64_C(366) * 24 * 60 * 60)

bool mt940_is_digits(const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return count > 0;
}

/* YYMMDD. */
bool mt940_take_date(const char **at, int64_t *ret_local_s) {
    if (!mt940_is_digits(*at, strnlen(*at, DATE_CHARS)) || strnlen(*at, DATE_CHARS) != DATE_CHARS ||
        field_local(*at, DATE_CHARS, "YYMMDD", ret_local_s, NULL) != 0) {
        return false;
    }
    *at += DATE_CHARS;
    return true;
}

/* MMDD of the year that is closest to the value day; the 29th of February of one that has it. */
bool mt940_take_booking_day(const char **at, int64_t value_s, int64_t *ret_local_s) {
    enum { CHARS = 4, WHOLE = 9 };
    int64_t best_s = 0, distance_s = INT64_MAX;
    char year[32], day[WHOLE + 1];
    clock_format(value_s * US_PER_SECOND, year);
    for (int step = -1; step <= 1; step++) {
        int64_t day_s = 0;
        int number = (int)g_ascii_strtoll(year, NULL, 10) + step;
        snprintf(day, sizeof day, "%04d%.4s", number % 10000, *at);
        if (field_local(day, strlen(day), "YYYYMMDD", &day_s, NULL) == 0 &&
            ABS(day_s - value_s) < distance_s) {
            best_s = day_s;
            distance_s = ABS(day_s - value_s);
        }
    }
    *at += CHARS;
    *ret_local_s = best_s;
    return distance_s <= YEAR_S;
}

/* Digits with a comma, which may be the last character of it. */
bool mt940_take_amount(const char **at, struct currency currency, int64_t *ret_minor) {
    static const struct amount_style style = {.decimal = ','};
    size_t count = strspn(*at, "0123456789,");
    const char *comma = memchr(*at, ',', count);
    if (comma == NULL) {
        return false;
    }
    size_t used = comma == *at + count - 1 ? count - 1 : count;
    if (field_amount(*at, used, &style, currency, ret_minor, NULL) != 0) {
        return false;
    }
    *at += count;
    return true;
}

bool mt940_take_currency(const char **at, struct currency *ret_currency) {
    char code[CURRENCY_CHARS + 1];
    if (strlen(*at) < CURRENCY_CHARS) {
        return false;
    }
    memcpy(code, *at, CURRENCY_CHARS);
    code[CURRENCY_CHARS] = '\0';
    *at += CURRENCY_CHARS;
    return currency_parse(code, ret_currency, NULL) == 0;
}

/* ---- what it was for ---- */

/* Three digits, a separator, two digits: how German banks number the pieces of :86:. */
static char separator_of(const char *text) {
    enum { CODE = 3 };
    if (strlen(text) < CODE + MARK_CHARS || !mt940_is_digits(text, CODE) ||
        g_ascii_isalnum(text[CODE]) || strchr(" \n/", text[CODE]) != NULL ||
        !mt940_is_digits(text + CODE + 1, 2)) {
        return 0;
    }
    return text[CODE];
}

/* Where the next piece begins, or the end of the text. */
static const char *next_piece(const char *at, char separator) {
    while (*at != '\0' &&
           (*at != separator || !mt940_is_digits(at + 1, strnlen(at + 1, 2)) || at[2] == '\0')) {
        at++;
    }
    return at;
}

static void read_structured(const char *text, char separator, struct mt940_purpose *purpose) {
    int64_t last_text = 0, last_party = 0;
    BUF_AUTO party;
    buf_init(&party, MT940_FIELD_BYTES_MAX);
    for (const char *at = next_piece(text, separator); *at != '\0';) {
        int number = (at[1] - '0') * 10 + (at[2] - '0');
        const char *piece = at + MARK_CHARS;
        at = next_piece(piece, separator);
        size_t count = (size_t)(at - piece);
        switch (number) {
        case PIECE_METHOD:
            field_note(piece, count, 0, purpose->method, sizeof purpose->method);
            break;
        case PIECE_ACCOUNT:
            field_note(piece, count, 0, purpose->party_account, sizeof purpose->party_account);
            break;
        case PIECE_PARTY:
        case PIECE_PARTY_TOO:
            bank_text_add(&party, piece, count, STRUCTURED_WIDTH, &last_party);
            break;
        case PIECE_BATCH: /* the bank's own numbers: no words of the one who paid */
        case PIECE_BANK:
        case PIECE_KEY:
            break;
        default:
            bank_text_add(&purpose->text, piece, count, STRUCTURED_WIDTH, &last_text);
            break;
        }
    }
    field_note(party.data, party.len, 0, purpose->party, sizeof purpose->party);
}

void mt940_purpose_clear(struct mt940_purpose *purpose) {
    buf_clear(&purpose->text);
    purpose->method[0] = purpose->party[0] = purpose->party_account[0] = '\0';
}

void mt940_purpose_read(const char *field, struct mt940_purpose *purpose) {
    char separator = separator_of(field);
    if (separator != 0) {
        /* Lines are broken anywhere in it. */
        g_auto(GStrv) lines = g_strsplit(field, "\n", 0);
        g_autofree char *whole = g_strjoinv("", lines);
        read_structured(whole, separator, purpose);
        return;
    }
    int64_t last = 0;
    for (const char *at = field; *at != '\0';) {
        size_t count = strcspn(at, "\n");
        bank_text_add(&purpose->text, at, count, FREE_WIDTH, &last);
        at += count + (at[count] == '\n');
    }
}

void mt940_purpose_add(struct mt940_purpose *purpose, const char *more) {
    int64_t apart = 0;
    bank_text_add(&purpose->text, more, strlen(more), FREE_WIDTH, &apart);
}
