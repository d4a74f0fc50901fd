/* SPDX-License-Identifier: Apache-2.0
 * csv_write.c: CSV for people's spreadsheets (csv_write.h). */
#include "base/csv_write.h"

#include <string.h>

#include "base/clock.h"

struct csv_writer csv_write_begin(struct buf *buf) {
    return (struct csv_writer){.buf = buf};
}

static void next_field(struct csv_writer *csv) {
    if (csv->begun) {
        buf_add_char(csv->buf, ',');
    }
    csv->begun = true;
}

/* Whether a spreadsheet may calculate this. Blanks before it do not keep every one from that. */
static bool is_formula(const char *text) {
    /* U+FF1D, U+FF0B, U+FF0D and U+FF20: some programs read them as their narrow forms. */
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                       "\xef\xbc\xa0"};
    if (text[0] == '\t' || text[0] == '\r') {
        return true;
    }
    const char *seen = text + strspn(text, " \t\r\n\v\f");
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        if (strncmp(seen, wide[i], strlen(wide[i])) == 0) {
            return true;
        }
    }
    return seen[0] != '\0' && strchr("=+-@", seen[0]) != NULL;
}

void csv_put(struct csv_writer *csv, const char *text) {
    const char *value = text != NULL ? text : "";
    bool formula = is_formula(value);
    /* A record that is one empty field would be an empty line. */
    bool quoted = formula || strpbrk(value, "\",\r\n") != NULL || (value[0] == '\0' && !csv->begun);
    next_field(csv);
    if (!quoted) {
        buf_add_text(csv->buf, value);
        return;
    }
    buf_add_text(csv->buf, formula ? "\"'" : "\"");
    while (*value != '\0') {
        size_t plain = strcspn(value, "\"");
        buf_add(csv->buf, value, plain);
        value += plain;
        if (*value == '"') {
            buf_add_text(csv->buf, "\"\"");
            value++;
        }
    }
    buf_add_char(csv->buf, '"');
}

void csv_put_int(struct csv_writer *csv, int64_t value) {
    next_field(csv);
    buf_add_int(csv->buf, value);
}

void csv_put_money(struct csv_writer *csv, int64_t minor, struct currency currency) {
    char text[MONEY_TEXT_MAX];
    if (currency.code[0] == '\0') {
        csv_put_int(csv, minor);
        return;
    }
    next_field(csv);
    buf_add_text(csv->buf, money_decimal(minor, currency, text));
}

void csv_put_time(struct csv_writer *csv, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    next_field(csv);
    if (wall_us > 0) {
        buf_add_text(csv->buf, clock_format(wall_us, text));
    }
}

void csv_end(struct csv_writer *csv) {
    buf_add_text(csv->buf, "\r\n");
    csv->begun = false;
}
