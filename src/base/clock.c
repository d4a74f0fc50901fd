/* SPDX-License-Identifier: Apache-2.0
 * clock.c: times as text and back (RFC 3339). Reads no clock: that is world.c.
 *
 * The calendar is counted here, not by the C library, since gmtime_r() takes a lock that all
 * threads share. Years are counted from March, so that the day a leap year adds is the last of the
 * year; 400 years are always 146,097 days. */
#include "base/clock.h"

#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)

enum {
    DAYS_PER_ERA = 146097,      /* 400 years */
    DAYS_0000_TO_1970 = 719468, /* from 0000-03-01 to 1970-01-01 */
    YEAR_MAX = 9999,
};
/* 0000-01-01 and the last microsecond of 9999: what RFC 3339 can write. */
#define WALL_US_MIN (INT64_C(-719528) * US_PER_DAY)
#define WALL_US_MAX (INT64_C(2932897) * US_PER_DAY - 1)

struct civil {
    int year;
    int month;
    int day;
};

static bool leap_year(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap_year(year) ? 1 : 0);
}

/* Days from 0000-03-01 to the first of the month, `months` counted from March. */
static int days_before_month(int months) {
    return (153 * months + 2) / 5;
}

static int64_t days_from_civil(struct civil date) {
    const int64_t year = date.month > 2 ? date.year : date.year - 1;
    const int months = date.month > 2 ? date.month - 3 : date.month + 9;
    /* One era up, so that the year 0000's January is not negative. */
    const int64_t from_march = (year + 400) * 365 + (year + 400) / 4 - (year + 400) / 100 +
                               (year + 400) / 400 + days_before_month(months) + date.day - 1;

    return from_march - DAYS_PER_ERA - DAYS_0000_TO_1970;
}

static struct civil civil_from_days(int64_t days) {
    /* One era up again: `days` is never before the year 0000. */
    const int64_t from_march = days + DAYS_0000_TO_1970 + DAYS_PER_ERA;
    const int64_t era = from_march / DAYS_PER_ERA;
    const int day_of_era = (int)(from_march % DAYS_PER_ERA);
    /* Takes the leap days out, so that every year has 365: one each 4 years (1,460 days and one),
     * but not each 100, but each 400. */
    const int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                             day_of_era / (DAYS_PER_ERA - 1)) /
                            365;
    const int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int months = (5 * day_of_year + 2) / 153;
    const int64_t year = (era - 1) * 400 + year_of_era;

    return (struct civil){
        .year = (int)(months < 10 ? year : year + 1),
        .month = months < 10 ? months + 3 : months - 9,
        .day = day_of_year - days_before_month(months) + 1,
    };
}

static char *put_digits(char *at, int64_t value, int count) {
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

const char *clock_format(int64_t wall_us, char text[CLOCK_TEXT_MAX]) {
    const int64_t at_us = wall_us < WALL_US_MIN   ? WALL_US_MIN
                          : wall_us > WALL_US_MAX ? WALL_US_MAX
                                                  : wall_us;
    const int64_t since_min = at_us - WALL_US_MIN;
    const int64_t us_of_day = since_min % US_PER_DAY;
    const int64_t second = us_of_day / US_PER_SECOND;
    const int64_t us = us_of_day % US_PER_SECOND;
    const struct civil date = civil_from_days(since_min / US_PER_DAY + WALL_US_MIN / US_PER_DAY);
    char *at = text;

    at = put_digits(at, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second % 60, 2);
    if (us != 0) {
        *at++ = '.';
        at = us % 1000 == 0 ? put_digits(at, us / 1000, 3) : put_digits(at, us, 6);
    }
    *at++ = 'Z';
    *at = '\0';
    return text;
}

/* Takes exactly `count` digits; false when one of them is none. */
static bool take_digits(const char **at, int count, int *ret_value) {
    int value = 0;

    for (int i = 0; i < count; i++) {
        const char c = (*at)[i];

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += count;
    *ret_value = value;
    return true;
}

static bool take_char(const char **at, char c) {
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_date(const char **at, struct civil *ret_date) {
    struct civil date = {0};

    if (!take_digits(at, 4, &date.year) || !take_char(at, '-') ||
        !take_digits(at, 2, &date.month) || !take_char(at, '-') || !take_digits(at, 2, &date.day)) {
        return false;
    }
    if (date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > days_in_month(date.year, date.month)) {
        return false;
    }
    *ret_date = date;
    return true;
}

/* "12:34:56", perhaps with a fraction. Second 60 is a leap second; clock_parse() looks at it. */
static bool take_time(const char **at, int64_t *ret_us_of_day, bool *ret_leap) {
    int hour;
    int minute;
    int second;
    int us = 0;
    int digits = 0;

    if (!take_digits(at, 2, &hour) || !take_char(at, ':') || !take_digits(at, 2, &minute) ||
        !take_char(at, ':') || !take_digits(at, 2, &second)) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    if (take_char(at, '.')) {
        int digit;

        while (digits < 6 && take_digits(at, 1, &digit)) {
            us = us * 10 + digit;
            digits++;
        }
        if (digits == 0) {
            return false;
        }
        for (; digits < 6; digits++) {
            us *= 10;
        }
    }
    *ret_us_of_day = (hour * INT64_C(3600) + minute * 60 + second) * US_PER_SECOND + us;
    *ret_leap = second == 60;
    return true;
}

static bool take_offset(const char **at, int64_t *ret_offset_us) {
    int hours;
    int minutes;
    const bool west = **at == '-';

    if (take_char(at, 'Z') || take_char(at, 'z')) {
        *ret_offset_us = 0;
        return true;
    }
    if (!take_char(at, '+') && !take_char(at, '-')) {
        return false;
    }
    if (!take_digits(at, 2, &hours) || !take_char(at, ':') || !take_digits(at, 2, &minutes)) {
        return false;
    }
    if (hours > 23 || minutes > 59) {
        return false;
    }
    *ret_offset_us = (hours * INT64_C(60) + minutes) * 60 * US_PER_SECOND * (west ? -1 : 1);
    return true;
}

bool clock_parse(const char *text, int64_t *ret_wall_us) {
    struct civil date;
    int64_t us_of_day;
    int64_t offset_us;
    int64_t wall_us;
    bool leap;

    if (text == NULL || !take_date(&text, &date)) {
        return false;
    }
    if (!take_char(&text, 'T') && !take_char(&text, 't')) {
        return false;
    }
    if (!take_time(&text, &us_of_day, &leap) || !take_offset(&text, &offset_us) || *text != '\0') {
        return false;
    }
    wall_us = days_from_civil(date) * US_PER_DAY + us_of_day - offset_us;
    if (wall_us < WALL_US_MIN || wall_us > WALL_US_MAX) {
        return false;
    }
    /* Leap seconds end a day in UTC, nothing else. Unix time gives them the number of the second
     * after, and so do we. */
    if (leap && (wall_us - WALL_US_MIN) % US_PER_DAY >= US_PER_SECOND) {
        return false;
    }
    *ret_wall_us = wall_us;
    return true;
}

/* "2026-11-20T08:00:00" and "2026-11-20 08:00:00" have so many characters. */
enum { SECONDS_CHARS = 19, DATE_CHARS = 10 };

const char *clock_format_at(int64_t wall_us, int offset_minutes, char text[CLOCK_TEXT_MAX]) {
    (void)clock_format(wall_us + offset_minutes * 60 * US_PER_SECOND, text);
    text[DATE_CHARS] = ' ';
    text[SECONDS_CHARS] = '\0';
    return text;
}

bool clock_parse_at(const char *text, int offset_minutes, int64_t *ret_wall_us) {
    char utc[CLOCK_TEXT_MAX];
    int64_t wall_us = 0;

    if (strnlen(text, SECONDS_CHARS + 1) != SECONDS_CHARS || text[DATE_CHARS] != ' ') {
        return false;
    }
    snprintf(utc, sizeof(utc), "%sZ", text);
    utc[DATE_CHARS] = 'T';
    if (!clock_parse(utc, &wall_us)) {
        return false;
    }
    *ret_wall_us = wall_us - offset_minutes * 60 * US_PER_SECOND;
    return true;
}
