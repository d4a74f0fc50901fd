/* SPDX-License-Identifier: Apache-2.0
 * calendars.c: calendars of business days that end (calendars.h). */
#include "recon/calendars.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "recon/recon_impl.h"

struct ends {
    int64_t now_us;
    struct calendar_end *rows;
    int count;
};

static void look(struct ends *ends, const struct workdays *calendar) {
    struct calendar_end end = {.name = workdays_name(calendar)};
    if (!workdays_last(calendar, ends->now_us, end.last_day, &end.days_left) ||
        end.days_left >= CALENDAR_WARN_DAYS) {
        return;
    }
    for (int i = 0; i < ends->count; i++) {
        if (strcmp(ends->rows[i].name, end.name) == 0) {
            return;
        }
    }
    if (ends->count < WORKDAYS_CALENDARS_MAX) {
        ends->rows[ends->count++] = end;
    }
}

/* Its own, those of its methods, and that of the account at which its payouts arrive. */
static void look_at_source(const struct recon *recon, const struct source *source,
                           struct ends *ends) {
    const struct source *bank = source->pays_out_to != NULL
                                    ? recon_source(recon, source->pays_out_to)
                                    : NULL;
    for (int method = 0; method < METHOD_COUNT; method++) {
        look(ends, settle_window(source->settle, (enum payment_method)method).calendar);
    }
    look(ends, bank != NULL ? settle_window(bank->settle, 0).calendar : NULL);
}

int calendars_ending(const struct recon *recon, const char *gateway, int64_t now_us,
                     struct calendar_end ret_ends[WORKDAYS_CALENDARS_MAX]) {
    struct ends ends = {.now_us = now_us, .rows = ret_ends};
    for (int i = 0; i < recon->source_count; i++) {
        const struct source *source = &recon->sources[i];
        if (gateway == NULL || strcmp(gateway, source->gateway->name) == 0) {
            look_at_source(recon, source, &ends);
        }
    }
    return ends.count;
}

const char *calendar_end_text(const struct calendar_end *end,
                              char ret_text[CALENDAR_TEXT_CHARS_MAX + 1]) {
    const char *days = end->days_left == 1 || end->days_left == -1 ? "day" : "days";
    if (end->days_left >= 0) {
        snprintf(ret_text, CALENDAR_TEXT_CHARS_MAX + 1,
                 "The calendar %s names no day after %s, in %lld %s: holidays behind it will count "
                 "as business days, and money be looked for too early.",
                 end->name, end->last_day, (long long)end->days_left, days);
    } else {
        snprintf(ret_text, CALENDAR_TEXT_CHARS_MAX + 1,
                 "The calendar %s ended with %s, %lld %s ago: holidays since then count as "
                 "business days, and money is looked for too early.",
                 end->name, end->last_day, (long long)-end->days_left, days);
    }
    return ret_text;
}

void calendars_warn(const struct recon *recon, const char *gateway, int64_t now_us) {
    struct calendar_end ends[WORKDAYS_CALENDARS_MAX];
    int count = calendars_ending(recon, gateway, now_us, ends);
    for (int i = 0; i < count; i++) {
        log_event(CALENDAR_ENDS, LT("calendar", ends[i].name), LT("last_day", ends[i].last_day),
                  LI("days_left", ends[i].days_left), LT("gateway", gateway));
    }
}

void calendars_json(const struct recon *recon, const char *gateway, int64_t now_us,
                    struct buf *buf) {
    struct calendar_end ends[WORKDAYS_CALENDARS_MAX];
    char text[CALENDAR_TEXT_CHARS_MAX + 1];
    int count = calendars_ending(recon, gateway, now_us, ends);
    buf_add_char(buf, '[');
    for (int i = 0; i < count; i++) {
        buf_add_text(buf, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_add_json(buf, ends[i].name);
        buf_addf(buf, ",\"last_day\":\"%s\",\"days_left\":%lld,\"says\":", ends[i].last_day,
                 (long long)ends[i].days_left);
        buf_add_json(buf, calendar_end_text(&ends[i], text));
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}
