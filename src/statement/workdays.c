/* SPDX-License-Identifier: Apache-2.0
 * workdays.c: calendars as they are configured, and business days counted by them. */
#include "statement/workdays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

#define SECONDS_A_DAY INT64_C(86400)
#define WORK_WORD "work"

enum { DAYS = 7, DATE_CHARS = WORKDAYS_DATE_CHARS, SHOWN_CHARS = 40 };
/* 1970-01-01 was a Thursday. */
enum { THURSDAY = 3, SATURDAY = 5, SUNDAY = 6 };
static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct dates {
    int count;
    int32_t days[WORKDAYS_DATES_MAX]; /* since 1970-01-01; in order once it is opened */
};
struct workdays {
    char name[WORKDAYS_NAME_CHARS_MAX + 1];
    bool weekend[DAYS];
    struct dates holidays, working;
};

/* ---- as configured ---- */

struct reading {
    struct workdays *workdays;
    const char *key; /* "holidays", or the file's path */
    int line;        /* of the file; 0: it is none */
};

static int refuse(const struct reading *reading, struct err *err, const char *text,
                  const char *what) {
    char where[SHOWN_CHARS] = "";
    (void)err_set(err, ERR_CONFIG, "calendar %s: \"%.*s\" %s", reading->workdays->name, SHOWN_CHARS,
                  text, what);
    if (reading->line > 0) {
        snprintf(where, sizeof where, ":%d", reading->line);
    }
    return err_place(err, "reconciliation: calendars: %s: %s%s", reading->workdays->name,
                     reading->key, where);
}

static bool date_read(const char *text, int32_t *ret_day) {
    int64_t local_s = 0;
    int at[] = {0, 1, 2, 3, 5, 6, 8, 9}, digits[COUNT_OF(at)];
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        if (text[at[i]] < '0' || text[at[i]] > '9') {
            return false;
        }
        digits[i] = text[at[i]] - '0';
    }
    if (text[4] != '-' || text[7] != '-' ||
        !calendar_date(digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3],
                       digits[4] * 10 + digits[5], digits[6] * 10 + digits[7], &local_s)) {
        return false;
    }
    *ret_day = (int32_t)(local_s / SECONDS_A_DAY);
    return true;
}

/* "2026-10-01", "2026-10-01..2026-10-07". */
static int span_read(const struct reading *reading, const char *text, struct dates *dates,
                     struct err *err) {
    size_t chars = strlen(text);
    int32_t first = 0, last = 0;
    bool one = chars == DATE_CHARS, two = chars == 2 * DATE_CHARS + 2;
    if ((!one && !two) || (two && strncmp(text + DATE_CHARS, "..", 2) != 0) ||
        !date_read(text, &first) || !date_read(one ? text : text + DATE_CHARS + 2, &last)) {
        (void)refuse(reading, err, text, "is no day and no span of days");
        return err_hint(err, "A day is 2026-10-01, a span 2026-10-01..2026-10-07 (both of them).");
    }
    if (last < first || last - first >= WORKDAYS_SPAN_MAX) {
        char why[SHOWN_CHARS * 2];
        snprintf(why, sizeof why, "ends before it begins, or has more than %d days",
                 WORKDAYS_SPAN_MAX);
        return refuse(reading, err, text, why);
    }
    for (int32_t day = first; day <= last; day++) {
        if (dates->count == WORKDAYS_DATES_MAX) {
            return refuse(reading, err, text, "is one more than a calendar can have");
        }
        dates->days[dates->count++] = day;
    }
    return 0;
}

static int weekend_read(const struct workdays_settings *settings, struct reading *reading,
                        struct err *err) {
    struct workdays *workdays = reading->workdays;
    int days = 0;
    bool none = settings->weekend_count == 1 && strcmp(settings->weekend[0], "none") == 0;
    reading->key = "weekend";
    if (settings->weekend_count == 0) {
        workdays->weekend[SATURDAY] = workdays->weekend[SUNDAY] = true;
    }
    for (unsigned i = 0; !none && i < settings->weekend_count; i++) {
        int day = 0;
        while (day < DAYS && strcmp(day_names[day], settings->weekend[i]) != 0) {
            day++;
        }
        if (day == DAYS) {
            (void)refuse(reading, err, settings->weekend[i], "is no day of a weekend");
            return err_hint(err, "Days are mon, tue, wed, thu, fri, sat, sun; or none, alone.");
        }
        workdays->weekend[day] = true;
    }
    for (int day = 0; day < DAYS; day++) {
        days += workdays->weekend[day];
    }
    return days < DAYS ? 0 : refuse(reading, err, "weekend", "leaves no day to work on");
}

static int words_read(struct reading *reading, const char *key, char **words, unsigned count,
                      struct dates *dates, struct err *err) {
    int r = 0;
    reading->key = key;
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        r = span_read(reading, words[i], dates, err);
    }
    return r;
}

static int line_read(const struct reading *reading, char *line, struct err *err) {
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    const char *date = strtok_r(line, " \t\r", &rest);
    const char *word = date != NULL ? strtok_r(NULL, " \t\r", &rest) : NULL;
    if (date == NULL) {
        return 0;
    }
    if (word != NULL && (strcmp(word, WORK_WORD) != 0 || strtok_r(NULL, " \t\r", &rest) != NULL)) {
        (void)refuse(reading, err, word, "stands behind a day");
        return err_hint(err, "A line is a day or a span, with \"work\" behind it for working days; "
                             "\"#\" begins a comment.");
    }
    return span_read(reading, date,
                     word != NULL ? &reading->workdays->working : &reading->workdays->holidays,
                     err);
}

static int file_lines_read(struct reading *reading, const char *path, struct err *err) {
    size_t count = 0;
    char *text = malloc(WORKDAYS_FILE_BYTES_MAX + 1);
    INVARIANT(text != NULL, "out of memory");
    reading->key = path;
    int r = file_read(path, text, WORKDAYS_FILE_BYTES_MAX, &count, err);
    if (r < 0) {
        (void)err_place(err, "reconciliation: calendars: %s: file", reading->workdays->name);
        r = -(int)(err->code = ERR_CONFIG);
    } else if (strlen(text) != count) {
        r = refuse(reading, err, path, "is no text file");
    }
    char *next = text;
    while (r >= 0 && next != NULL) {
        char *line = strsep(&next, "\n");
        reading->line++;
        r = line_read(reading, line, err);
    }
    reading->line = 0;
    free(text);
    return r;
}

/* ---- as it is kept ---- */

static int by_day(const void *a, const void *b) {
    const int32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static bool has(const struct dates *dates, int32_t day) {
    return dates->count > 0 &&
           bsearch(&day, dates->days, (size_t)dates->count, sizeof day, by_day) != NULL;
}

static int weekday(int64_t day) {
    return (int)((day + THURSDAY) % DAYS);
}

static int refuse_day(struct reading *reading, int32_t day, const char *what, struct err *err) {
    char text[SHOWN_CHARS];
    int64_t us = day * SECONDS_A_DAY * US_PER_SECOND;
    snprintf(text, sizeof text, "%.10s", clock_format(us, (char[CLOCK_TEXT_MAX]){0}));
    reading->key = "dates";
    return refuse(reading, err, text, what);
}

static int twice_check(struct reading *reading, struct dates *dates, struct err *err) {
    qsort(dates->days, (size_t)dates->count, sizeof dates->days[0], by_day);
    for (int i = 1; i < dates->count; i++) {
        if (dates->days[i] == dates->days[i - 1]) {
            return refuse_day(reading, dates->days[i], "is named twice", err);
        }
    }
    return 0;
}

static int working_check(struct reading *reading, struct err *err) {
    const struct workdays *workdays = reading->workdays;
    for (int i = 0; i < workdays->working.count; i++) {
        int32_t day = workdays->working.days[i];
        if (has(&workdays->holidays, day)) {
            return refuse_day(reading, day, "is a holiday and a working day", err);
        }
        if (!workdays->weekend[weekday(day)]) {
            return refuse_day(reading, day, "is no day of the weekend, so it is worked on anyway",
                              err);
        }
    }
    return 0;
}

int workdays_open(const struct workdays_settings *settings, struct workdays **ret_workdays,
                  struct err *err) {
    struct workdays *workdays = calloc(1, sizeof *workdays);
    INVARIANT(workdays != NULL, "out of memory");
    struct reading reading = {.workdays = workdays};
    snprintf(workdays->name, sizeof workdays->name, "%s", settings->name);
    int r = weekend_read(settings, &reading, err);
    r = r < 0 ? r
              : words_read(&reading, "holidays", settings->holidays, settings->holidays_count,
                           &workdays->holidays, err);
    r = r < 0 ? r
              : words_read(&reading, "working_days", settings->working_days,
                           settings->working_days_count, &workdays->working, err);
    r = r < 0 || settings->file == NULL ? r : file_lines_read(&reading, settings->file, err);
    r = r < 0 ? r : twice_check(&reading, &workdays->holidays, err);
    r = r < 0 ? r : twice_check(&reading, &workdays->working, err);
    r = r < 0 ? r : working_check(&reading, err);
    if (r < 0) {
        workdays_free(workdays);
        return r;
    }
    *ret_workdays = workdays;
    return 0;
}

void workdays_free(struct workdays *workdays) {
    free(workdays);
}

void workdays_auto(struct workdays **workdays) {
    workdays_free(*workdays);
}

/* ---- counting ---- */

const char *workdays_name(const struct workdays *workdays) {
    return workdays != NULL ? workdays->name : "";
}

bool workdays_last(const struct workdays *workdays, int64_t now_us,
                   char ret_day[WORKDAYS_DATE_CHARS + 1], int64_t *ret_days_left) {
    char time[CLOCK_TEXT_MAX];
    int64_t last = INT64_MIN;
    const struct dates *const both[] = {workdays != NULL ? &workdays->holidays : NULL,
                                        workdays != NULL ? &workdays->working : NULL};
    for (size_t i = 0; workdays != NULL && i < COUNT_OF(both); i++) {
        const struct dates *dates = both[i];
        if (dates->count > 0 && dates->days[dates->count - 1] > last) {
            last = dates->days[dates->count - 1];
        }
    }
    if (last == INT64_MIN) {
        return false;
    }
    *ret_days_left = last - now_us / (SECONDS_A_DAY * US_PER_SECOND);
    clock_format(last * SECONDS_A_DAY * US_PER_SECOND, time);
    snprintf(ret_day, WORKDAYS_DATE_CHARS + 1, "%.*s", WORKDAYS_DATE_CHARS, time);
    return true;
}

bool workdays_works(const struct workdays *workdays, int64_t local_s) {
    int64_t day = local_s / SECONDS_A_DAY;
    if (workdays == NULL) {
        return weekday(day) < SATURDAY;
    }
    if (workdays->weekend[weekday(day)]) {
        return has(&workdays->working, (int32_t)day);
    }
    return !has(&workdays->holidays, (int32_t)day);
}

int64_t workdays_until(const struct workdays *workdays, int64_t at_us, int business_days,
                       const struct time_zone *zone) {
    int64_t local_s = calendar_at_hour(local_from_wall(zone, at_us), 0);
    for (int left = business_days;;) {
        bool works = workdays_works(workdays, local_s);
        if (works && left == 0) {
            break;
        }
        left -= works;
        int64_t next_s = calendar_step(local_s, 1, UNIT_DAY, 1);
        if (next_s == local_s) { /* the end of all calendars */
            break;
        }
        local_s = next_s;
    }
    return wall_from_local(zone, calendar_step(local_s, 1, UNIT_DAY, 1));
}
