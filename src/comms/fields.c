/* SPDX-License-Identifier: Apache-2.0
 * fields.c: what a given value looks like in a text (template.h). */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/clock.h"
#include "comms/template.h"

enum { DAYS_MAX = 60, COUNT_CHARS_MAX = 12, DATE_CHARS = 10, MINUTES = 60 };

static int refuse(enum field field, const char *what, struct err *err) {
    err_set(err, ERR_VALIDATION, "\"%s\" %s", field_row(field)->name, what);
    return err_place(err, "/fields/%s", field_row(field)->name);
}

void field_show_time(int64_t wall_us, int utc_offset_minutes, struct buf *buf) {
    char text[CLOCK_TEXT_MAX];
    (void)clock_format_at(wall_us, utc_offset_minutes, text);
    buf_addf(buf, "%.*s %.5s UTC", DATE_CHARS, text, text + DATE_CHARS + 1);
    int offset = abs(utc_offset_minutes);
    if (offset > 0) {
        buf_addf(buf, "%c%d", utc_offset_minutes < 0 ? '-' : '+', offset / MINUTES);
    }
    if (offset % MINUTES != 0) {
        buf_addf(buf, ":%02d", offset % MINUTES);
    }
}

static int show_span(enum field field, enum language language, const char *given, struct buf *buf,
                     struct err *err) {
    char *end = NULL;
    long from = strtol(given, &end, 10), to = from;
    bool two = end != given && *end == '-';
    char *rest = end;
    if (two) {
        to = strtol(end + 1, &rest, 10);
    }
    if (rest == given || *rest != '\0' || from < 1 || to < from || to > DAYS_MAX) {
        return refuse(field, "is working days: \"5\", or \"3-10\", at most 60", err);
    }
    if (language == LANGUAGE_ZH) {
        buf_addf(buf, two ? "%ld 至 %ld 个工作日" : "%ld 个工作日", from, to);
    } else {
        buf_addf(buf, two ? "%ld to %ld working days" : "%ld working days", from, to);
    }
    return 0;
}

int field_show(enum field field, enum language language, int utc_offset_minutes, const char *given,
               struct buf *buf, struct err *err) {
    int64_t wall_us = 0;
    switch (field_row(field)->kind) {
    case FIELD_KIND_PERSON:
        return refuse(field, "is made for each person and cannot be given", err);
    case FIELD_KIND_TIME:
        if (!clock_parse(given, &wall_us)) {
            return refuse(field, "is a time: 2026-11-23T14:30:00Z", err);
        }
        field_show_time(wall_us, utc_offset_minutes, buf);
        return 0;
    case FIELD_KIND_SPAN:
        return show_span(field, language, given, buf, err);
    case FIELD_KIND_COUNT:
        if (given[0] == '\0' || strlen(given) > COUNT_CHARS_MAX ||
            strspn(given, "0123456789") < strlen(given)) {
            return refuse(field, "is a number", err);
        }
        break;
    default:
        if (given[0] == '\0' || g_utf8_strlen(given, -1) > FIELD_CHARS_MAX) {
            return refuse(field, "has 1 to 600 characters", err);
        }
        break;
    }
    buf_add_text(buf, given);
    return 0;
}
