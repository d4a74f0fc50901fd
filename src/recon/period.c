/* SPDX-License-Identifier: Apache-2.0
 * period.c: the time that a statement is of, as somebody says it. */
#include "recon/period.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "recon/fetch_impl.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)

static int64_t moment_of_day(int64_t day_s, int days, const struct time_zone *zone) {
    int64_t local_s = days > 0 ? calendar_step(day_s, 1, UNIT_DAY, days) : day_s;
    return zone != NULL ? wall_from_local(zone, local_s) : local_s * US_PER_SECOND;
}

/* One end: a day, or a moment. `after`: of a day, the moment after it. */
static bool end_parse(const char *text, const struct time_zone *zone, bool after, bool *ret_is_day,
                      int64_t *ret_us) {
    int64_t day_s = 0;
    *ret_is_day = strlen(text) == FETCH_DAY_CHARS && fetch_day_parse(text, &day_s);
    if (*ret_is_day) {
        *ret_us = moment_of_day(day_s, after ? 1 : 0, zone);
        return *ret_us > 0;
    }
    return clock_parse(text, ret_us) && *ret_us > 0;
}

/* What is wrong with it, in the words of whoever wrote it. */
static int refuse(struct err *err, const char *why, const char *text) {
    (void)err_set(err, ERR_VALIDATION, "the period \"%.*s\" %s", PERIOD_CHARS_MAX, text, why);
    (void)err_place(err, "/period");
    return err_hint(err, "Write a day (--period 2026-11-20), days (2026-11-20..2026-11-22, both of "
                         "them, as the gateway's place counts days), or two moments "
                         "(2026-11-20T00:00:00Z..2026-11-21T00:00:00Z, without the second).");
}

/* 2026-11-31, 20.11.2026: looks like a day, and is none. */
static bool is_like_day(const char *text) {
    return strlen(text) <= FETCH_DAY_CHARS && strspn(text, "0123456789-./") == strlen(text);
}

static int refuse_end(struct err *err, const char *end, const char *text) {
    char why[PERIOD_CHARS_MAX + 80];
    const char *what = is_like_day(end) ? "no day of the calendar, as 2026-11-20 is"
                                        : "no day and no moment";
    if (end[0] == '\0' && text[0] != '\0') {
        return refuse(err, "has nothing on one side of \"..\"", text);
    }
    if (strcmp(end, text) == 0) {
        snprintf(why, sizeof why, "is %s", what);
    } else {
        snprintf(why, sizeof why, "has \"%s\" in it, which is %s", end, what);
    }
    return refuse(err, why, text);
}

static int check_ends(const char *text, bool from_day, bool until_day, bool two, int64_t from_us,
                      int64_t until_us, struct err *err) {
    if (!two && !from_day) {
        return refuse(err, "is one moment: it takes two, with \"..\" between", text);
    }
    if (from_day != until_day) {
        return refuse(err, "mixes a day and a moment: write two days or two moments", text);
    }
    if (until_us <= from_us) {
        return refuse(err, "ends before it begins: the earlier one comes first", text);
    }
    if (until_us - from_us > (int64_t)PERIOD_DAYS_MAX * DAY_US) {
        char why[80];
        snprintf(why, sizeof why, "is longer than a statement's: at most %d days",
                 PERIOD_DAYS_MAX);
        return refuse(err, why, text);
    }
    return 0;
}

int period_parse(const char *text, const struct time_zone *zone, int64_t *ret_from_us,
                 int64_t *ret_until_us, struct err *err) {
    char first[PERIOD_CHARS_MAX + 1];
    const char *last = first;
    int64_t from_us = 0, until_us = 0;
    bool from_day = false, until_day = false;
    if (strlen(text) > PERIOD_CHARS_MAX) {
        return refuse(err, "is too long", text);
    }
    snprintf(first, sizeof first, "%s", text);
    char *dots = strstr(first, "..");
    if (dots != NULL) {
        *dots = '\0';
        last = dots + 2;
    }
    if (!end_parse(first, zone, false, &from_day, &from_us)) {
        return refuse_end(err, first, text);
    }
    if (!end_parse(last, zone, true, &until_day, &until_us)) {
        return refuse_end(err, last, text);
    }
    int r = check_ends(text, from_day, until_day, dots != NULL, from_us, until_us, err);
    if (r < 0) {
        return r;
    }
    *ret_from_us = from_us;
    *ret_until_us = until_us;
    return 0;
}

int period_parse_in(const char *text, const char *zone_name, int64_t *ret_from_us,
                    int64_t *ret_until_us, struct err *err) {
    TIME_ZONE_AUTO zone = NULL;
    int r = time_zone_open(zone_name, &zone, err);
    return r < 0 ? r : period_parse(text, zone, ret_from_us, ret_until_us, err);
}
