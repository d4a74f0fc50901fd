/* SPDX-License-Identifier: Apache-2.0
 * window_cover.c: whether statements cover the time of a window at each gateway. Nothing else tells
 * of money that nothing here knows of; so each time without one is said, by its days in the
 * gateway's place, with what is to be done: a day that is not over waits, what was taken in is
 * to be looked at by a run, what the gateway publishes is fetched, the rest is given by hand. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "recon/fetch_impl.h"
#include "recon/window_impl.h"

enum {
    GATEWAYS_TOLD_MAX = 64,
    GAPS_TOLD_MAX = 10, /* of a gateway */
    DAYS_NAMED_MAX = 7, /* of a gap, in its command */
    TEXT_CHARS_MAX = 400,
    PERIOD_CHARS_MAX = 64,
};

struct coverage {
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    const struct source *source; /* NULL: nothing is known of its statements */
    struct time_zone *zone;      /* of its days */
    GArray *spans;               /* struct span: what statements tell of */
};

struct span {
    int64_t from_us, until_us;
};

/* ---- what statements tell of ---- */

static int by_begin(const void *a, const void *b) {
    const struct span *left = a, *right = b;
    return left->from_us < right->from_us ? -1 : left->from_us > right->from_us;
}

/* Statements of a gateway that a run has seen. */
/* A file tells nothing of what came after it was taken in, whatever period it is said to be of. */
static int spans_told(struct window_report *report, struct coverage *coverage, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT from_us, CASE WHEN until_us > taken_us THEN taken_us ELSE until_us "
                      "END FROM statement WHERE gateway = $1 AND state = 2 AND seen_run <> '' AND "
                      "until_us > $2 AND from_us < $3 AND from_us > 0",
                      S_TEXT(coverage->gateway), S_INT(report->window->from_us),
                      S_INT(report->window->until_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const struct span span = {sql_int(rows, 0), sql_int(rows, 1)};
        g_array_append_val(coverage->spans, span);
    }
    return r;
}

/* Days whose file was fetched, and days of which the gateway itself has said that there is none:
 * nothing moved. Files of empty days have the same bytes, and are one statement. */
static int spans_empty(struct window_report *report, struct coverage *coverage, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    const struct source *source = coverage->source;
    if (source != NULL && source->way == SOURCE_URL && source->numbered) {
        return 0; /* that no batch came on a day says nothing of what moved on it */
    }
    int r = sql_query(report->tx, err, &rows,
                      "SELECT DISTINCT day FROM statement_fetch f WHERE gateway = $1 AND NOT "
                      "EXISTS (SELECT 1 FROM statement_fetch o WHERE o.gateway = f.gateway AND "
                      "o.day = f.day AND o.state <> $2 AND NOT (o.state = $3 AND EXISTS "
                      "(SELECT 1 FROM statement s WHERE s.id = substr(o.statements, 1, 30) AND "
                      "s.state = 2 AND s.seen_run <> '')))",
                      S_TEXT(coverage->gateway), S_INT(FETCH_NONE), S_INT(FETCH_TAKEN));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t day_s = 0;
        if (fetch_day_parse(sql_text(rows, 0), &day_s)) {
            const struct span span = {
                wall_from_local(coverage->zone, day_s),
                wall_from_local(coverage->zone, calendar_step(day_s, 1, UNIT_DAY, 1)),
            };
            g_array_append_val(coverage->spans, span);
        }
    }
    return r;
}

/* ---- what they do not tell of ---- */

/* "2026-11-20", or "2026-11-20 to 2026-11-22"; the last day is one of which the gap has a part. */
static int64_t period_text(const struct coverage *coverage, const struct span *gap,
                           char text[PERIOD_CHARS_MAX]) {
    char first[FETCH_DAY_CHARS + 1], last[FETCH_DAY_CHARS + 1];
    int64_t from_s = calendar_at_hour(local_from_wall(coverage->zone, gap->from_us), 0);
    int64_t last_s = calendar_at_hour(local_from_wall(coverage->zone, gap->until_us - 1), 0);
    int64_t days = 1;
    fetch_day_text(from_s, first);
    fetch_day_text(last_s, last);
    while (calendar_step(from_s, 1, UNIT_DAY, days) <= last_s) {
        days++;
    }
    if (days == 1) {
        snprintf(text, PERIOD_CHARS_MAX, "%s", first);
    } else {
        snprintf(text, PERIOD_CHARS_MAX, "%s to %s (%lld days)", first, last, (long long)days);
    }
    return days;
}

static void fetch_command(const struct coverage *coverage, const struct span *gap, int64_t days,
                          char command[TEXT_CHARS_MAX]) {
    char day[FETCH_DAY_CHARS + 1];
    int64_t from_s = calendar_at_hour(local_from_wall(coverage->zone, gap->from_us), 0);
    fetch_day_text(from_s, day);
    if (days == 1) {
        snprintf(command, TEXT_CHARS_MAX, "holdfast statement fetch --gateway %s --day %s",
                 coverage->gateway, day);
        return;
    }
    if (days > DAYS_NAMED_MAX) {
        snprintf(command, TEXT_CHARS_MAX, "holdfast statement fetches --gateway %s",
                 coverage->gateway);
        return;
    }
    int used = snprintf(command, TEXT_CHARS_MAX, "for day in");
    for (int64_t i = 0; i < days; i++) {
        fetch_day_text(calendar_step(from_s, 1, UNIT_DAY, i), day);
        used += snprintf(command + used, TEXT_CHARS_MAX - (size_t)used, " %s", day);
    }
    snprintf(command + used, TEXT_CHARS_MAX - (size_t)used,
             "; do holdfast statement fetch --gateway %s --day $day; done", coverage->gateway);
}

/* Whether a statement of that time was taken in and waits for a run. */
static int is_unseen(struct window_report *report, const struct coverage *coverage,
                     const struct span *gap, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT 1 FROM statement WHERE gateway = $1 AND state = 2 AND seen_run = '' "
                      "AND until_us > $2 AND from_us < $3 AND from_us > 0 LIMIT 1",
                      S_TEXT(coverage->gateway), S_INT(gap->from_us), S_INT(gap->until_us));
    return r < 0 ? r : sql_next(rows, err);
}

static int tell_over(struct window_report *report, const struct coverage *coverage,
                     const struct span *gap, struct err *err) {
    char period[PERIOD_CHARS_MAX], what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
    int64_t days = period_text(coverage, gap, period);
    int unseen = is_unseen(report, coverage, gap, err);
    if (unseen < 0) {
        return unseen;
    }
    if (unseen > 0) {
        snprintf(what, sizeof what, "no run has looked yet at what statements of %s say of %s",
                 coverage->gateway, period);
        snprintf(command, sizeof command, "holdfast reconcile run --gateway %s --wait",
                 coverage->gateway);
    } else {
        snprintf(what, sizeof what, "no statement of %s that a run has seen covers %s",
                 coverage->gateway, period);
        if (coverage->source == NULL || coverage->source->kind_count == 0) {
            snprintf(command, sizeof command, "holdfast statement import FILE --gateway %s",
                     coverage->gateway);
        } else {
            fetch_command(coverage, gap, days, command);
        }
    }
    window_report_missing(report, what, command);
    return 0;
}

/* A day has its statement when it is over. */
static void tell_not_over(struct window_report *report, const struct coverage *coverage,
                          const struct span *gap) {
    char period[PERIOD_CHARS_MAX], what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
    (void)period_text(coverage, gap, period);
    snprintf(what, sizeof what,
             "no statement of %s covers %s: the day is not over there, and its statement comes "
             "after it",
             coverage->gateway, period);
    snprintf(command, sizeof command, "holdfast statement fetches --gateway %s", coverage->gateway);
    window_report_missing(report, what, command);
}

static int tell_gap(struct window_report *report, const struct coverage *coverage,
                    const struct span *gap, struct err *err) {
    int64_t today_s = calendar_at_hour(local_from_wall(coverage->zone, report->now_us), 0);
    int64_t today_us = wall_from_local(coverage->zone, today_s);
    struct span over = *gap, open = *gap;
    over.until_us = MIN(gap->until_us, today_us);
    open.from_us = MAX(gap->from_us, today_us);
    int r = over.from_us < over.until_us ? tell_over(report, coverage, &over, err) : 0;
    if (r >= 0 && open.from_us < open.until_us) {
        tell_not_over(report, coverage, &open);
    }
    return r;
}

/* From one end of the window to the other; `ret_until_us`: what statements tell of all from its
 * begin to there. */
static int tell_gaps(struct window_report *report, const struct coverage *coverage,
                     int64_t *ret_until_us, struct err *err) {
    const struct window *window = report->window;
    int64_t at_us = window->from_us;
    int gaps = 0, r = 0;
    *ret_until_us = window->until_us;
    for (guint i = 0; r >= 0 && i <= coverage->spans->len; i++) {
        const struct span end = {window->until_us, window->until_us};
        const struct span *span = i < coverage->spans->len
                                      ? &g_array_index(coverage->spans, struct span, i)
                                      : &end;
        const struct span gap = {at_us, MIN(span->from_us, window->until_us)};
        if (gap.from_us < gap.until_us) {
            *ret_until_us = gaps == 0 ? gap.from_us : *ret_until_us;
            r = gaps++ < GAPS_TOLD_MAX ? tell_gap(report, coverage, &gap, err) : 0;
        }
        at_us = MAX(at_us, span->until_us);
    }
    if (r >= 0 && gaps > GAPS_TOLD_MAX) {
        char what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
        snprintf(what, sizeof what, "%d more times are without a statement of %s",
                 gaps - GAPS_TOLD_MAX, coverage->gateway);
        snprintf(command, sizeof command, "holdfast statement list --gateway %s",
                 coverage->gateway);
        window_report_missing(report, what, command);
    }
    return r;
}

/* ---- each gateway ---- */

static void gateway_add(const char **gateways, int *count, const char *name) {
    for (int i = 0; i < *count; i++) {
        if (strcmp(gateways[i], name) == 0) {
            return;
        }
    }
    if (*count < GATEWAYS_TOLD_MAX) {
        gateways[(*count)++] = name;
    }
}

/* All that are configured, also where nothing was touched: a customer may have paid there. */
static int gateways_of(struct window_report *report, GStringChunk *names, const char **gateways,
                       int *ret_count, struct err *err) {
    *ret_count = 0;
    if (report->window->gateway[0] != '\0') {
        gateway_add(gateways, ret_count, report->window->gateway);
        return 0;
    }
    const struct gateway_registry *registry = report->recon->options.registry;
    for (int i = 0; i < gateway_count(registry); i++) {
        gateway_add(gateways, ret_count, gateway_at(registry, i)->name);
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT DISTINCT gateway FROM recon_window_item WHERE window_id = $1 ORDER "
                      "BY gateway",
                      S_TEXT(report->window->id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        gateway_add(gateways, ret_count, g_string_chunk_insert(names, sql_text(rows, 0)));
    }
    return r;
}

static int put_gateway(struct window_report *report, struct coverage *coverage, bool first,
                       struct err *err) {
    char text[CLOCK_TEXT_MAX];
    int64_t until_us = 0;
    int r = spans_told(report, coverage, err);
    r = r < 0 ? r : spans_empty(report, coverage, err);
    g_array_sort(coverage->spans, by_begin);
    r = r < 0 ? r : tell_gaps(report, coverage, &until_us, err);
    buf_addf(report->buf, "%s{\"gateway\":", first ? "" : ",");
    buf_add_json(report->buf, coverage->gateway);
    buf_addf(report->buf, ",\"covers_all\":%s,\"covered_until\":\"%s\"}",
             until_us >= report->window->until_us ? "true" : "false", clock_format(until_us, text));
    return r;
}

static int look_at_gateway(struct window_report *report, const char *gateway, bool first,
                           struct err *err) {
    struct coverage coverage = {.source = recon_source(report->recon, gateway)};
    const char *zone = coverage.source != NULL ? coverage.source->time_zone : "UTC";
    int r = time_zone_open(zone, &coverage.zone, err);
    if (r < 0) {
        return r;
    }
    snprintf(coverage.gateway, sizeof coverage.gateway, "%s", gateway);
    coverage.spans = g_array_new(false, false, sizeof(struct span));
    r = put_gateway(report, &coverage, first, err);
    g_array_free(coverage.spans, true);
    time_zone_close(coverage.zone);
    return r;
}

int window_report_coverage(struct window_report *report, struct err *err) {
    const char *gateways[GATEWAYS_TOLD_MAX] = {0};
    GStringChunk *names = g_string_chunk_new(1024);
    int count = 0;
    int r = gateways_of(report, names, gateways, &count, err);
    buf_add_text(report->buf, ",\"statements\":[");
    for (int i = 0; r >= 0 && i < count; i++) {
        r = look_at_gateway(report, gateways[i], i == 0, err);
    }
    buf_add_char(report->buf, ']');
    g_string_chunk_free(names);
    return r;
}
