/* SPDX-License-Identifier: Apache-2.0
 * day_name.c: what a day's files are called. */
#include "statement/day_name.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_DIGITS_MAX = 9 };
/* In a pattern whose day is written out; no pattern has control characters. */
#define ANYTHING '\x01'
#define NUMBER '\x02'

/* ---- is it one? ---- */

struct parts {
    int years, months, days, numbers, stars;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_day_part(const char *at) {
    return at[0] == '%' && at[1] != '\0' && strchr("Yymd", at[1]) != NULL;
}

static int count_part(char letter, struct parts *parts, struct err *err) {
    switch (letter) {
    case 'Y':
    case 'y':
        parts->years++;
        return 0;
    case 'm':
        parts->months++;
        return 0;
    case 'd':
        parts->days++;
        return 0;
    case 'N':
        parts->numbers++;
        return 0;
    case '%':
        return 0;
    case '\0':
        return err_set(err, ERR_CONFIG,
                       "it ends with a per cent sign; one that is meant is %%%%");
    default:
        (void)err_set(err, ERR_CONFIG, "%%%c means nothing here", letter);
        return err_hint(err,
                        "%%Y, %%y, %%m, %%d, %%N and %%%% do; write %%%%20 where %%20 is meant.");
    }
}

static int read_parts(const char *pattern, size_t chars_max, struct parts *parts, struct err *err) {
    size_t count = strlen(pattern);
    if (count == 0 || count > chars_max) {
        return err_set(err, ERR_CONFIG, "it has 1 to %zu characters", chars_max);
    }
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)pattern[i] < ' ' || pattern[i] == 0x7F) {
            return err_set(err, ERR_CONFIG, "it has a control character");
        }
        if (pattern[i] == '%') {
            int r = count_part(pattern[++i], parts, err);
            if (r < 0) {
                return r;
            }
        } else {
            parts->stars += pattern[i] == '*';
        }
    }
    return 0;
}

static bool has_day(const struct parts *parts) {
    return parts->years == 1 && parts->months == 1 && parts->days == 1;
}

/* Its digits must end where its own do. */
static int check_number(const char *pattern, struct err *err) {
    const char *at = pattern;
    bool joined = false; /* what stands before is made of digits, or may be */
    while (*at != '\0') {
        bool two = *at == '%';
        if (two && at[1] == 'N') {
            joined = joined || is_digit(at[2]) || at[2] == '*' || is_day_part(at + 2);
            return joined ? err_set(err, ERR_CONFIG,
                                    "beside %%N stands a digit, a '*' or a part of the day: where "
                                    "the number begins and ends could not be told")
                          : 0;
        }
        joined = is_digit(*at) || *at == '*' || is_day_part(at);
        at += two ? 2 : 1;
    }
    return 0;
}

int day_name_check_file(const char *pattern, bool *ret_numbered, struct err *err) {
    struct parts parts = {0};
    int r = read_parts(pattern, DAY_NAME_CHARS_MAX, &parts, err);
    if (r < 0) {
        return r;
    }
    if (strchr(pattern, '/') != NULL || pattern[0] == '.') {
        return err_set(err, ERR_CONFIG,
                       "it is the name of a file in the folder: without '/', not beginning with a "
                       "dot");
    }
    if (!has_day(&parts)) {
        return err_set(err, ERR_CONFIG, "the day must be in it: %%Y (or %%y), %%m and %%d, each "
                                        "once");
    }
    if (parts.numbers > 1 || parts.stars > DAY_NAME_STARS_MAX) {
        return err_set(err, ERR_CONFIG, "it has at most one %%N and %d '*'", DAY_NAME_STARS_MAX);
    }
    *ret_numbered = parts.numbers == 1;
    return check_number(pattern, err);
}

int day_name_check_url(const char *pattern, bool *ret_numbered, struct err *err) {
    struct parts parts = {0};
    int r = read_parts(pattern, DAY_URL_CHARS_MAX, &parts, err);
    if (r < 0) {
        return r;
    }
    bool nothing = parts.years + parts.months + parts.days == 0;
    if (!(parts.numbers == 0 && has_day(&parts)) && !(parts.numbers == 1 && nothing)) {
        return err_set(err, ERR_CONFIG, "either the day is in it (%%Y or %%y, %%m and %%d, each "
                                        "once) or a number, %%N");
    }
    if (strchr(pattern, ' ') != NULL || strchr(pattern, '#') != NULL) {
        return err_set(err, ERR_CONFIG, "a URL has no blank and no '#'");
    }
    *ret_numbered = parts.numbers == 1;
    return 0;
}

/* ---- a day's ---- */

/* One part of a pattern written out; returns how many characters of it that is. */
static size_t put_part(const char *at, const struct day_date *date, struct buf *out) {
    if (at[0] != '%') {
        buf_add_char(out, at[0]);
        return 1;
    }
    switch (at[1]) {
    case 'Y':
        buf_addf(out, "%04d", date->year);
        break;
    case 'y':
        buf_addf(out, "%02d", date->year % 100);
        break;
    case 'm':
        buf_addf(out, "%02d", date->month);
        break;
    case 'd':
        buf_addf(out, "%02d", date->day);
        break;
    case '%':
        buf_add_char(out, '%');
        break;
    default:
        INVARIANT(false, "a pattern was checked");
    }
    return 2;
}

static bool is_number(const char *at) {
    return at[0] == '%' && at[1] == 'N';
}

void day_name_url(const char *pattern, const struct day_date *date, int64_t number,
                  struct buf *ret_url) {
    for (const char *at = pattern; *at != '\0';) {
        if (is_number(at)) {
            buf_add_int(ret_url, number);
            at += 2;
        } else {
            at += put_part(at, date, ret_url);
        }
    }
}

void day_name_show(const char *pattern, const struct day_date *date, struct buf *ret_text) {
    for (const char *at = pattern; *at != '\0';) {
        if (is_number(at)) {
            buf_add_text(ret_text, "%N");
            at += 2;
        } else {
            at += put_part(at, date, ret_text);
        }
    }
}

/* Its digits, all of them; 0: it is none. */
static size_t number_at(const char *name, int64_t *ret_number) {
    size_t count = strspn(name, "0123456789");
    if (count == 0 || count > NUMBER_DIGITS_MAX) {
        return 0;
    }
    *ret_number = strtoll(name, NULL, 10);
    return count;
}

bool day_name_fits(const char *pattern, const struct day_date *date, const char *name,
                   int64_t *ret_number) {
    BUF_AUTO day;
    buf_init(&day, DAY_NAME_CHARS_MAX * 2);
    for (const char *at = pattern; *at != '\0';) {
        if (is_number(at) || *at == '*') {
            buf_add_char(&day, *at == '*' ? ANYTHING : NUMBER);
            at += is_number(at) ? 2 : 1;
        } else {
            at += put_part(at, date, &day);
        }
    }
    INVARIANT(buf_ok(&day), "a pattern was checked");
    /* Where the last '*' stands, and how much of the name it has: one more each time that what
     * follows does not fit. */
    const char *wanted = day.data, *star = NULL, *from = NULL;
    int64_t number = -1;
    while (*name != '\0' || *wanted != '\0') {
        size_t digits = *wanted == NUMBER ? number_at(name, &number) : 0;
        if (*wanted == ANYTHING) {
            star = ++wanted;
            from = name;
        } else if (digits > 0) {
            name += digits;
            wanted++;
        } else if (*wanted == *name && *name != '\0') {
            name++;
            wanted++;
        } else if (star != NULL && *from != '\0') {
            wanted = star;
            name = ++from;
        } else {
            return false;
        }
    }
    *ret_number = number;
    return true;
}
