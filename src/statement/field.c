/* SPDX-License-Identifier: Apache-2.0
 * field.c: what the fields of statements hold, read exactly. */
#include "statement/field.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
    DIGITS_MAX = 18,        /* of a count: more may be more than an int64 */
    AMOUNT_DIGITS_MAX = 38, /* of an amount as it is written */
    SHOWN = 64,
    WHAT = 96,
    MONTH_CHARS = 3,
};
#define SECONDS_PER_DAY INT64_C(86400)

static int refuse(struct err *err, const char *bytes, size_t count, const char *what) {
    char shown[SHOWN];
    text_shown(bytes, count, shown, sizeof shown);
    return err_set(err, ERR_VALIDATION, "'%s' is %s", shown, what);
}

static void trim(const char **bytes, size_t *count) {
    while (*count > 0 && (**bytes == ' ' || **bytes == '\t')) {
        *bytes += 1;
        *count -= 1;
    }
    while (*count > 0 && ((*bytes)[*count - 1] == ' ' || (*bytes)[*count - 1] == '\t')) {
        *count -= 1;
    }
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- amounts ---- */

static bool drop(const char **bytes, size_t *count, const char *text, bool at_end) {
    size_t length = strlen(text);
    if (*count < length || memcmp(at_end ? *bytes + *count - length : *bytes, text, length) != 0) {
        return false;
    }
    *bytes += at_end ? 0 : length;
    *count -= length;
    return true;
}

static bool drop_symbol(const char **bytes, size_t *count) {
    static const char *const symbols[] = {"CN¥", "$", "€", "¥", "￥", "£"};
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        if (drop(bytes, count, symbols[i], false) || drop(bytes, count, symbols[i], true)) {
            trim(bytes, count);
            return true;
        }
    }
    return false;
}

/* Takes a sign and a symbol away: the sign, or 0 when one of them stands there twice. */
static int take_sign(const char **bytes, size_t *count, const struct amount_style *style) {
    int signs = 0, symbols = 0;
    bool minus = false;
    if (*count > 0 && is_digit(**bytes) && is_digit((*bytes)[*count - 1])) {
        return 1;
    }
    if (style->parentheses && *count > 1 && **bytes == '(' && (*bytes)[*count - 1] == ')') {
        *bytes += 1;
        *count -= 2;
        minus = true;
        signs++;
    }
    for (int i = 0; i < 2; i++) { /* a sign may stand before the symbol or after it */
        symbols += style->symbol && drop_symbol(bytes, count);
        if (drop(bytes, count, "-", false) || (style->trailing && drop(bytes, count, "-", true))) {
            minus = true;
            signs++;
        } else if (style->plus && drop(bytes, count, "+", false)) {
            signs++;
        }
    }
    return signs > 1 || symbols > 1 ? 0 : minus ? -1 : 1;
}

/* The bytes of the separator of groups that stands here; 0: none does. */
static size_t group_bytes(const char *at, size_t left, char group) {
    static const char *const wide[] = {"\u00A0", "\u202F", "\u2019"};
    if (group == 0 || left == 0) {
        return 0;
    }
    if (*at == group) {
        return 1;
    }
    size_t first = group == ' ' ? 0 : 2, end = group == ' ' ? 2 : group == '\'' ? 3 : 2;
    for (size_t i = first; i < end; i++) {
        size_t length = strlen(wide[i]);
        if (left >= length && memcmp(at, wide[i], length) == 0) {
            return length;
        }
    }
    return 0;
}

struct digits {
    char digits[AMOUNT_DIGITS_MAX]; /* each 0 to 9 */
    int count, behind_point;
    bool has_point;
    const char *wrong; /* NULL, or what the amount is instead */
};

/* The digits of an amount without its sign: groups of three after the first, digits on both sides
 * of the point. */
static struct digits read_digits(const char *at, size_t left, const struct amount_style *style) {
    static const char shape[] = "not an amount as it is written here";
    struct digits read = {.wrong = left == 0 ? "no amount" : shape};
    const char *end = at + left;
    int run = 0; /* digits since the last separator */
    bool grouped = false;
    while (at < end) {
        size_t group = 0;
        if (is_digit(*at)) {
            if (read.count == AMOUNT_DIGITS_MAX) {
                read.wrong = "larger than any amount";
                return read;
            }
            read.digits[read.count++] = (char)(*at++ - '0');
            read.behind_point += read.has_point;
            run++;
        } else if (read.has_point || run == 0) {
            return read;
        } else if (style->decimal != 0 && *at == style->decimal) {
            if (grouped && run != 3) {
                return read;
            }
            read.has_point = true;
            run = 0;
            at++;
        } else if ((group = group_bytes(at, (size_t)(end - at), style->group)) > 0) {
            if (grouped ? run != 3 : run > 3) {
                return read;
            }
            grouped = true;
            run = 0;
            at += group;
        } else {
            return read;
        }
    }
    bool ends_well = run > 0 && (read.has_point || !grouped || run == 3);
    read.wrong = ends_well ? NULL : read.wrong;
    return read;
}

/* Nearly every amount there is: a minus or none, digits, perhaps a point and no more decimals than
 * the currency has. False: it takes the long way, which also knows what is wrong. */
static bool read_plainly(const char *at, size_t left, const struct amount_style *style, int scale,
                         int64_t *ret_minor) {
    bool minus = left > 0 && *at == '-', point = false;
    int64_t value = 0;
    int behind = 0;
    at += minus;
    left -= minus;
    if (left == 0 || left + (size_t)scale > DIGITS_MAX || style->implied != 0) {
        return false;
    }
    for (size_t i = 0; i < left; i++) {
        if (is_digit(at[i])) {
            value = value * 10 + (at[i] - '0');
            behind += point;
        } else if (!point && i > 0 && at[i] == style->decimal && at[i] != '\0') {
            point = true;
        } else {
            return false;
        }
    }
    if (behind > scale || (point && behind == 0)) {
        return false;
    }
    for (; behind < scale; behind++) {
        value *= 10;
    }
    *ret_minor = minus ? -value : value;
    return true;
}

int field_amount_scaled(const char *bytes, size_t count, const struct amount_style *style,
                        int decimals, int64_t *ret_minor, struct err *err) {
    static const char finer[] = "finer than its currency's smallest unit";
    const char *at = bytes;
    size_t left = count;
    int scale = style->minor ? 0 : decimals;
    trim(&at, &left);
    if (read_plainly(at, left, style, scale, ret_minor)) {
        return 0;
    }
    int sign = take_sign(&at, &left, style);
    trim(&at, &left);
    struct digits read = read_digits(at, left, style);
    if (sign == 0 && read.wrong == NULL) {
        read.wrong = "an amount with two signs";
    }
    if (read.wrong == NULL && read.has_point && style->minor) {
        read.wrong = "not a whole number of minor units";
    }
    if (read.wrong != NULL) {
        return refuse(err, bytes, count, read.wrong);
    }
    int fraction = read.has_point ? read.behind_point : style->minor ? 0 : style->implied;
    int64_t value = 0;
    for (int i = 0; i < read.count + (fraction < scale ? scale - fraction : 0); i++) {
        int digit = i < read.count ? read.digits[i] : 0;
        if (i >= read.count - fraction + scale && i < read.count) {
            if (digit != 0) {
                return refuse(err, bytes, count, finer);
            }
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return refuse(err, bytes, count, "larger than any amount");
        }
    }
    *ret_minor = sign * value;
    return 0;
}

int field_amount(const char *bytes, size_t count, const struct amount_style *style,
                 struct currency currency, int64_t *ret_minor, struct err *err) {
    return field_amount_scaled(bytes, count, style, currency_exponent(currency), ret_minor, err);
}

/* ---- times ---- */

struct moment {
    int year, month, day, hour, minute, second;
    int half; /* of the day: 0 unsaid, 1 morning, 2 afternoon */
    int64_t fraction_us, offset_s, unix_us;
    bool has_offset, is_unix;
};

/* What a pattern is made of; the longer of two that begin alike stands first. */
static const struct {
    const char *text;
    char piece;
    char fills; /* pieces that tell the same share a letter: no pattern has two of them */
} pieces[] = {
    {"YYYY", 'Y', 'Y'}, {"YY", 'y', 'Y'},  {"MMM", 'N', 'M'}, {"MM", 'M', 'M'}, {"M", 'm', 'M'},
    {"DD", 'D', 'D'},   {"D", 'd', 'D'},   {"hh", 'H', 'H'},  {"h", 'h', 'H'},  {"mm", 'I', 'I'},
    {"ss", 'S', 'S'},   {"fff", 'F', 'F'}, {"AM", 'A', 'A'},  {"Z", 'Z', 'Z'},
};

static int refuse_pattern(struct err *err, const char *text, const char *why) {
    char shown[SHOWN];
    text_shown(text, strlen(text), shown, sizeof shown);
    return err_set(err, ERR_VALIDATION, "'%s' is no pattern of a time: %s", shown, why);
}

int time_pattern_read(const char *text, struct time_pattern *ret_pattern, struct err *err) {
    struct time_pattern pattern = {.text = text};
    bool seen[128] = {false};
    if (strcmp(text, "unix_s") == 0 || strcmp(text, "unix_ms") == 0) {
        pattern.count = 1;
        pattern.pieces[0].piece = text[5] == 's' ? 'u' : 'v';
        *ret_pattern = pattern;
        return 0;
    }
    while (*text != '\0') {
        size_t i = 0;
        if (pattern.count == TIME_PIECES_MAX) {
            return refuse_pattern(err, pattern.text, "it is too long");
        }
        while (i < COUNT_OF(pieces) && strncmp(text, pieces[i].text, strlen(pieces[i].text)) != 0) {
            i++;
        }
        if (i == COUNT_OF(pieces)) {
            pattern.pieces[pattern.count++].literal = *text++;
            continue;
        }
        if (seen[(unsigned char)pieces[i].fills]) {
            return refuse_pattern(err, pattern.text, "something stands in it twice");
        }
        seen[(unsigned char)pieces[i].fills] = true;
        pattern.pieces[pattern.count++].piece = pieces[i].piece;
        text += strlen(pieces[i].text);
    }
    if (!seen['Y'] || !seen['M'] || !seen['D']) {
        return refuse_pattern(err, pattern.text, "it needs a year, a month and a day");
    }
    *ret_pattern = pattern;
    return 0;
}

static bool digits_take(const char **at, const char *end, int least, int most, int *ret_value) {
    int value = 0, taken = 0;
    while (*at < end && taken < most && is_digit(**at)) {
        value = value * 10 + (**at - '0');
        *at += 1;
        taken++;
    }
    *ret_value = value;
    return taken >= least;
}

static bool month_take(const char **at, const char *end, int *ret_month) {
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++) {
        size_t length = strlen(names[i]);
        size_t have = (size_t)(end - *at);
        if (have >= length && g_ascii_strncasecmp(*at, names[i], length) == 0) {
            *at += length;
        } else if (have >= MONTH_CHARS && g_ascii_strncasecmp(*at, names[i], MONTH_CHARS) == 0) {
            *at += MONTH_CHARS;
        } else {
            continue;
        }
        *ret_month = i + 1;
        return true;
    }
    return false;
}

static bool half_take(const char **at, const char *end, struct moment *moment) {
    if (end - *at < 2 || ((*at)[1] | 0x20) != 'm') {
        return false;
    }
    char c = (char)(**at | 0x20);
    moment->half = c == 'a' ? 1 : c == 'p' ? 2 : 0;
    *at += 2;
    return moment->half != 0;
}

/* Z, +08:00, +0800, +08. */
static bool offset_take(const char **at, const char *end, struct moment *moment) {
    moment->has_offset = true;
    if (*at < end && **at == 'Z') {
        *at += 1;
        return true;
    }
    if (*at == end || (**at != '+' && **at != '-')) {
        return false;
    }
    int sign = **at == '-' ? -1 : 1, hours = 0, minutes = 0;
    *at += 1;
    if (!digits_take(at, end, 2, 2, &hours)) {
        return false;
    }
    bool colon = *at < end && **at == ':';
    *at += colon;
    bool more = *at < end && is_digit(**at);
    if ((colon || more) && !digits_take(at, end, 2, 2, &minutes)) {
        return false;
    }
    moment->offset_s = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

static bool fraction_take(const char **at, const char *end, int64_t *ret_us) {
    int64_t us = 0;
    int taken = 0;
    for (; *at < end && is_digit(**at); *at += 1, taken++) {
        us = taken < 6 ? us * 10 + (**at - '0') : us;
    }
    for (int i = taken; i < 6; i++) {
        us *= 10;
    }
    *ret_us = us;
    return taken > 0;
}

static bool literal_take(const char **at, const char *end, char literal) {
    if (*at == end || **at != literal) {
        return false;
    }
    *at += 1;
    while (literal == ' ' && *at < end && **at == ' ') {
        *at += 1;
    }
    return true;
}

/* So many seconds or milliseconds since 1970; no later than the year 9999. */
static bool unix_take(const char **at, const char *end, int64_t us_each, struct moment *moment) {
    int64_t value = 0;
    const char *begin = *at;
    const int64_t most = INT64_C(253402300799) * US_PER_SECOND / us_each;
    for (; *at < end && is_digit(**at) && value <= most; *at += 1) {
        value = value * 10 + (**at - '0');
    }
    moment->is_unix = true;
    moment->unix_us = value <= most ? value * us_each : 0;
    return *at > begin && value <= most;
}

static bool piece_take(char piece, const char **at, const char *end, struct moment *moment) {
    bool taken = false;
    switch (piece) {
    case 'Y':
        return digits_take(at, end, 4, 4, &moment->year);
    case 'y':
        taken = digits_take(at, end, 2, 2, &moment->year);
        moment->year += 2000;
        return taken;
    case 'N':
        return month_take(at, end, &moment->month);
    case 'M':
    case 'm':
        return digits_take(at, end, piece == 'M' ? 2 : 1, 2, &moment->month);
    case 'D':
    case 'd':
        return digits_take(at, end, piece == 'D' ? 2 : 1, 2, &moment->day);
    case 'H':
    case 'h':
        return digits_take(at, end, piece == 'H' ? 2 : 1, 2, &moment->hour);
    case 'I':
        return digits_take(at, end, 2, 2, &moment->minute);
    case 'S':
        return digits_take(at, end, 2, 2, &moment->second);
    case 'F':
        return fraction_take(at, end, &moment->fraction_us);
    case 'A':
        return half_take(at, end, moment);
    case 'Z':
        return offset_take(at, end, moment);
    case 'u':
        return unix_take(at, end, US_PER_SECOND, moment);
    case 'v':
        return unix_take(at, end, US_PER_SECOND / 1000, moment);
    default:
        INVARIANT(false, "a piece of the table above");
    }
}

/* Twelve hours twice a day: 12 is the first of each half. */
static bool settle_half(struct moment *moment) {
    if (moment->half == 0) {
        return true;
    }
    bool fits = moment->hour >= 1 && moment->hour <= 12;
    moment->hour = moment->hour % 12 + (moment->half == 2 ? 12 : 0);
    return fits;
}

static bool midnight_of(const struct moment *moment, struct time_memory *memory, int64_t *ret_s) {
    int date = (moment->year * 100 + moment->month) * 100 + moment->day;
    if (memory != NULL && memory->date == date) {
        *ret_s = memory->midnight_s;
        return true;
    }
    if (!calendar_date(moment->year, moment->month, moment->day, ret_s)) {
        return false;
    }
    if (memory != NULL) {
        memory->date = date;
        memory->midnight_s = *ret_s;
    }
    return true;
}

static int moment_read(const char *bytes, size_t count, const struct time_pattern *pattern,
                       struct time_memory *memory, struct moment *ret_moment, int64_t *ret_local_s,
                       struct err *err) {
    const char *at = bytes;
    size_t left = count;
    trim(&at, &left);
    const char *end = at + left;
    struct moment moment = {0};
    bool fits = true;
    for (int i = 0; fits && i < pattern->count; i++) {
        fits = pattern->pieces[i].piece == 0
                   ? literal_take(&at, end, pattern->pieces[i].literal)
                   : piece_take(pattern->pieces[i].piece, &at, end, &moment);
    }
    if (!fits || at != end) {
        char what[WHAT];
        snprintf(what, sizeof what, "%s a time of the form %.60s", fits ? "more than" : "not",
                 pattern->text);
        return refuse(err, bytes, count, left == 0 ? "no time" : what);
    }
    int64_t midnight_s = moment.unix_us / US_PER_SECOND;
    if (!moment.is_unix && (!settle_half(&moment) || !midnight_of(&moment, memory, &midnight_s) ||
                            moment.hour > 23 || moment.minute > 59 || moment.second > 59)) {
        return refuse(err, bytes, count, "a time that no calendar has");
    }
    *ret_local_s = midnight_s + moment.hour * 3600 + moment.minute * 60 + moment.second;
    *ret_moment = moment;
    return 0;
}

/* The same as wall_from_local(). A day with one offset at its beginning and at its end has it all
 * day long: no place changes its clocks twice in a day. */
static int64_t wall_of(const struct time_zone *zone, struct time_memory *memory, int64_t local_s) {
    int64_t day = local_s / SECONDS_PER_DAY;
    size_t slot = (size_t)day % TIME_MEMORY_DAYS;
    if (memory == NULL) {
        return wall_from_local(zone, local_s);
    }
    if (memory->days[slot].day != day + 1) {
        int64_t begin_s = day * SECONDS_PER_DAY, end_s = begin_s + SECONDS_PER_DAY;
        int64_t first = begin_s - wall_from_local(zone, begin_s) / US_PER_SECOND;
        int64_t last = end_s - wall_from_local(zone, end_s) / US_PER_SECOND;
        if (first != last) {
            return wall_from_local(zone, local_s);
        }
        memory->days[slot].day = day + 1;
        memory->days[slot].offset_s = first;
    }
    return (local_s - memory->days[slot].offset_s) * US_PER_SECOND;
}

/* Whether that place's clocks never showed it: they jumped over it when summer time began. */
static bool was_jumped_over(const struct time_zone *zone, const struct time_pattern *pattern,
                            const struct time_memory *memory, int64_t local_s, int64_t wall_us) {
    int64_t day = local_s / SECONDS_PER_DAY;
    if (memory != NULL && memory->days[(size_t)day % TIME_MEMORY_DAYS].day == day + 1) {
        return false; /* they did not change on that day */
    }
    bool has_hour = false;
    for (int i = 0; i < pattern->count; i++) {
        has_hour = has_hour || pattern->pieces[i].piece == 'H' || pattern->pieces[i].piece == 'h';
    }
    /* A day that began an hour later than others is a day all the same. */
    return has_hour && local_from_wall(zone, wall_us) != local_s;
}

int field_time_by(const char *bytes, size_t count, const struct time_pattern *pattern,
                  const struct time_zone *zone, struct time_memory *memory, int64_t *ret_wall_us,
                  struct err *err) {
    struct moment moment;
    int64_t local_s = 0;
    int rc = moment_read(bytes, count, pattern, memory, &moment, &local_s, err);
    if (rc < 0) {
        return rc;
    }
    if (moment.is_unix) {
        *ret_wall_us = moment.unix_us;
        return 0;
    }
    bool is_wall = moment.has_offset || zone == NULL;
    int64_t wall_us = is_wall ? (local_s - moment.offset_s) * US_PER_SECOND
                              : wall_of(zone, memory, local_s);
    if (!is_wall && was_jumped_over(zone, pattern, memory, local_s, wall_us)) {
        return refuse(err, bytes, count,
                      "a time that the clocks of its zone never showed: is the zone right?");
    }
    *ret_wall_us = wall_us + moment.fraction_us;
    return 0;
}

int field_time(const char *bytes, size_t count, const char *pattern, const struct time_zone *zone,
               int64_t *ret_wall_us, struct err *err) {
    struct time_pattern read;
    int rc = time_pattern_read(pattern, &read, err);
    return rc < 0 ? rc : field_time_by(bytes, count, &read, zone, NULL, ret_wall_us, err);
}

int field_local(const char *bytes, size_t count, const char *pattern, int64_t *ret_local_s,
                struct err *err) {
    struct time_pattern read;
    struct moment moment;
    int rc = time_pattern_read(pattern, &read, err);
    return rc < 0 ? rc : moment_read(bytes, count, &read, NULL, &moment, ret_local_s, err);
}

/* ---- the rest ---- */

int field_count(const char *bytes, size_t count, int64_t *ret_value, struct err *err) {
    const char *at = bytes;
    size_t left = count;
    int64_t value = 0;
    trim(&at, &left);
    if (left == 0 || left > DIGITS_MAX) {
        return refuse(err, bytes, count, "not a whole number");
    }
    for (size_t i = 0; i < left; i++) {
        if (!is_digit(at[i])) {
            return refuse(err, bytes, count, "not a whole number");
        }
        value = value * 10 + (at[i] - '0');
    }
    *ret_value = value;
    return 0;
}

/* How many bytes the character that begins here has; 0: it is no UTF-8. */
static size_t character_bytes(const char *at, size_t left) {
    size_t bytes = (unsigned char)*at < 0x80   ? 1
                   : (unsigned char)*at < 0xE0 ? 2
                   : (unsigned char)*at < 0xF0 ? 3
                                               : 4;
    return bytes <= left && g_utf8_validate(at, (gssize)bytes, NULL) ? bytes : 0;
}

/* C0, DEL, and C1 in UTF-8. */
static bool is_control(const char *at, size_t left) {
    unsigned char c = (unsigned char)*at;
    return c < 0x20 || c == 0x7F ||
           (c == 0xC2 && left > 1 && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] < 0xA0);
}

/* Where the first byte stands that is no ordinary character of ASCII. */
static size_t plain_bytes(const char *at, size_t left) {
    size_t i = 0;
    while (i < left && (unsigned char)at[i] >= 0x20 && (unsigned char)at[i] < 0x7F) {
        i++;
    }
    return i;
}

int field_words(const char *bytes, size_t count, bool cut, char *ret_text, size_t text_bytes,
                struct err *err) {
    const char *at = bytes;
    size_t left = count, kept = 0;
    trim(&at, &left);
    if (left >= text_bytes && !cut) {
        char what[SHOWN];
        snprintf(what, sizeof what, "longer than %zu bytes", text_bytes - 1);
        return refuse(err, bytes, count, what);
    }
    for (size_t i = plain_bytes(at, left); i < left;) {
        size_t step = character_bytes(at + i, left - i);
        if (step == 0 || is_control(at + i, left - i)) {
            /* A NUL is no text to GLib; it is a control character all the same. */
            bool control = is_control(at + i, left - i);
            return refuse(err, bytes, count,
                          control ? "a text with control characters" : "no text in UTF-8");
        }
        i += step;
    }
    kept = left < text_bytes ? left : text_bytes - 1;
    while (kept < left && kept > 0 && ((unsigned char)at[kept] & 0xC0) == 0x80) {
        kept--;
    }
    memcpy(ret_text, at, kept);
    ret_text[kept] = '\0';
    return 0;
}

bool field_note(const char *bytes, size_t count, char quote, char *ret_text, size_t text_bytes) {
    const char *at = bytes;
    size_t left = count, used = 0;
    bool is_utf8 = true;
    trim(&at, &left);
    if (quote == '\0') {
        used = plain_bytes(at, left < text_bytes ? left : text_bytes - 1);
        memcpy(ret_text, at, used);
    }
    for (size_t i = used; i < left;) {
        size_t step = character_bytes(at + i, left - i);
        is_utf8 = is_utf8 && (step > 0 || at[i] == '\0');
        bool blank = step == 0 || is_control(at + i, left - i);
        if (used + (blank ? 1 : step) >= text_bytes) {
            break;
        }
        if (blank) {
            ret_text[used++] = ' ';
        } else {
            memcpy(ret_text + used, at + i, step);
            used += step;
        }
        bool doubled = quote != 0 && at[i] == quote && i + 1 < left && at[i + 1] == quote;
        i += (step == 0 ? 1 : step) + doubled;
    }
    ret_text[used] = '\0';
    return is_utf8;
}

int field_charset(const char *charset, const void *bytes, size_t count, char **ret_text,
                  size_t *ret_count, struct err *err) {
    size_t read = 0, written = 0;
    GError *error = NULL;
    char *text = g_convert(bytes, (gssize)count, "UTF-8", charset, &read, &written, &error);
    /* A character that the end cuts in two is left unread without a word. */
    if (text == NULL || read != count) {
        int64_t line = 1;
        const char *at = bytes;
        for (size_t i = 0; i < read && i < count; i++) {
            line += at[i] == '\n';
        }
        g_clear_error(&error);
        g_free(text);
        return err_set(err, ERR_BAD_REQUEST, "line %lld has bytes that are no text in %s",
                       (long long)line, charset);
    }
    *ret_text = text;
    *ret_count = written;
    return 0;
}

int field_gb18030(const void *bytes, size_t count, char **ret_text, size_t *ret_count,
                  struct err *err) {
    return field_charset("GB18030", bytes, count, ret_text, ret_count, err);
}
