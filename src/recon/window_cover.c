/* SPDX-License-Identifier: Apache-2.0
 * window_cover.c: whether statements cover the time of a window at each gateway. Nothing else tells
 * of money that nothing here knows of. A statement covers its time only for what it tells all of
 * (statement_tells.def): a bill of refunds says nothing of charges. Each time that is not covered
 * is said by its days in the gateway's place, with what nobody tells of it and with what is to be
 * done: a day that is not over waits, what was taken in is to be looked at by a run, what the
 * gateway publishes is fetched, the rest is given by hand. */
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

/* Of the kinds that are fetched, one that tells what is missing; " --kind K" where there are others
 * as well. NULL: none does. */
static const char *fetched_kind(const struct coverage *coverage, unsigned missing,
                                char ret_option[TEXT_CHARS_MAX]) {
    const struct source *source = coverage->source;
    ret_option[0] = '\0';
    for (int i = 0; source != NULL && coverage->adapter != NULL && i < source->kind_count; i++) {
        if ((source_kind_covers(coverage->adapter->name, source->kinds[i]) & missing) != 0) {
            if (source->kind_count > 1) {
                snprintf(ret_option, TEXT_CHARS_MAX, " --kind %s", source->kinds[i]);
            }
            return source->kinds[i];
        }
    }
    return NULL;
}

static void fetch_command(const struct coverage *coverage, const struct span *gap, int64_t days,
                          const char *kind, char command[TEXT_CHARS_MAX]) {
    char day[FETCH_DAY_CHARS + 1];
    int64_t from_s = calendar_at_hour(local_from_wall(coverage->zone, gap->from_us), 0);
    fetch_day_text(from_s, day);
    if (days == 1) {
        snprintf(command, TEXT_CHARS_MAX, "holdfast statement fetch --gateway %s --day %s%s",
                 coverage->gateway, day, kind);
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
             "; do holdfast statement fetch --gateway %s --day $day%s; done", coverage->gateway,
             kind);
}

/* Where of several formats of its gateways one alone tells what is missing, that one is named. */
static void import_command(const struct coverage *coverage, unsigned missing,
                           char command[TEXT_CHARS_MAX]) {
    int count = 0, all = 0, telling = 0;
    const char *format = "";
    const struct statement_reader *const *readers = statement_readers(&count);
    for (int i = 0; coverage->adapter != NULL && i < count; i++) {
        if (readers[i]->adapter == NULL ||
            strcmp(readers[i]->adapter, coverage->adapter->name) != 0) {
            continue;
        }
        all++;
        if ((readers[i]->tells & missing) == missing) {
            telling++;
            format = readers[i]->name;
        }
    }
    bool one = telling == 1 && all > 1;
    snprintf(command, TEXT_CHARS_MAX, "holdfast statement import FILE --gateway %s%s%s",
             coverage->gateway, one ? " --format " : "", one ? format : "");
}

static void bring_command(const struct coverage *coverage, const struct span *gap, int64_t days,
                          char command[TEXT_CHARS_MAX]) {
    char option[TEXT_CHARS_MAX];
    if (fetched_kind(coverage, gap->tells, option) != NULL) {
        fetch_command(coverage, gap, days, option, command);
    } else {
        import_command(coverage, gap->tells, command);
    }
}

/* Whether a statement that tells what is missing of that time was taken in and waits for a run. */
static int is_unseen(struct window_report *report, const struct coverage *coverage,
                     const struct span *gap, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    bool unseen = false;
    int r = sql_query(report->tx, err, &rows,
                      "SELECT " WINDOW_TELLS " FROM statement s WHERE s.gateway = $1 AND s.state "
                      "= 2 AND s.seen_run = '' AND s.until_us > $2 AND s.from_us < $3 AND "
                      "s.from_us > 0",
                      S_TEXT(coverage->gateway), S_INT(gap->from_us), S_INT(gap->until_us));
    while (r >= 0 && !unseen && (r = sql_next(rows, err)) > 0) {
        unseen = (window_tells(rows) & gap->tells) != 0;
    }
    return r < 0 ? r : unseen;
}

/* "covers 2026-11-20", or where other rows of that time are told, "tells the refunds of it". */
static void gap_text(const struct coverage *coverage, const struct span *gap, const char *period,
                     char *text, size_t bytes) {
    char tells[TELLS_TEXT_CHARS_MAX + 1];
    if (gap->tells == coverage->needed) {
        snprintf(text, bytes, "covers %s", period);
        return;
    }
    snprintf(text, bytes, "tells the %s of %s",
             statement_tells_text(gap->tells, tells), period);
}

static int tell_over(struct window_report *report, const struct coverage *coverage,
                     const struct span *gap, struct err *err) {
    char period[PERIOD_CHARS_MAX], what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
    char lacking[TEXT_CHARS_MAX / 2];
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
        gap_text(coverage, gap, period, lacking, sizeof lacking);
        snprintf(what, sizeof what, "no statement of %s that a run has seen %s", coverage->gateway,
                 lacking);
        bring_command(coverage, gap, days, command);
    }
    window_report_missing(report, what, command);
    return 0;
}

/* A day has its statement when it is over. */
static void tell_not_over(struct window_report *report, const struct coverage *coverage,
                          const struct span *gap) {
    char period[PERIOD_CHARS_MAX], what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
    char lacking[TEXT_CHARS_MAX / 2];
    (void)period_text(coverage, gap, period);
    gap_text(coverage, gap, period, lacking, sizeof lacking);
    snprintf(what, sizeof what,
             "no statement of %s %s: the day is not over there, and its statement comes after it",
             coverage->gateway, lacking);
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

/* What is told at a moment, and up to when that stays so. */
static struct span told_at(const struct coverage *coverage, int64_t at_us, int64_t end_us) {
    struct span told = {at_us, end_us, 0};
    for (guint i = 0; i < coverage->spans->len; i++) {
        const struct span *span = &g_array_index(coverage->spans, struct span, i);
        if (span->from_us > at_us) {
            told.until_us = MIN(told.until_us, span->from_us);
        } else if (span->until_us > at_us) {
            told.until_us = MIN(told.until_us, span->until_us);
            told.tells |= span->tells;
        }
    }
    return told;
}

/* From one end of the window to the other: times of which the same is missing are one gap. */
static GArray *gaps_of(const struct window *window, const struct coverage *coverage) {
    GArray *gaps = g_array_new(false, false, sizeof(struct span));
    for (int64_t at_us = window->from_us; at_us < window->until_us;) {
        const struct span told = told_at(coverage, at_us, window->until_us);
        const struct span gap = {at_us, told.until_us, coverage->needed & ~told.tells};
        struct span *last = gaps->len > 0 ? &g_array_index(gaps, struct span, gaps->len - 1) : NULL;
        if (last != NULL && last->until_us == gap.from_us && last->tells == gap.tells) {
            last->until_us = gap.until_us;
        } else if (gap.tells != 0) {
            g_array_append_val(gaps, gap);
        }
        at_us = told.until_us;
    }
    return gaps;
}

static int tell_gaps(struct window_report *report, const struct coverage *coverage,
                     const GArray *gaps, struct err *err) {
    int r = 0;
    for (guint i = 0; r >= 0 && i < gaps->len && i < GAPS_TOLD_MAX; i++) {
        r = tell_gap(report, coverage, &g_array_index(gaps, struct span, i), err);
    }
    if (r >= 0 && gaps->len > GAPS_TOLD_MAX) {
        char what[TEXT_CHARS_MAX], command[TEXT_CHARS_MAX];
        snprintf(what, sizeof what, "%d more times are without a statement of %s",
                 (int)gaps->len - GAPS_TOLD_MAX, coverage->gateway);
        snprintf(command, sizeof command, "holdfast statement list --gateway %s",
                 coverage->gateway);
        window_report_missing(report, what, command);
    }
    return r;
}

/* Up to when all of these are told, from the window's begin on. */
static void put_until(struct window_report *report, const GArray *gaps, unsigned tells) {
    char text[CLOCK_TEXT_MAX];
    int64_t until_us = report->window->until_us;
    for (guint i = gaps->len; i > 0; i--) {
        const struct span *gap = &g_array_index(gaps, struct span, i - 1);
        until_us = (gap->tells & tells) != 0 ? gap->from_us : until_us;
    }
    buf_addf(report->buf, "\"covers_all\":%s,\"covered_until\":\"%s\"",
             until_us >= report->window->until_us ? "true" : "false", clock_format(until_us, text));
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

static void put_covered(struct window_report *report, const struct coverage *coverage,
                        const GArray *gaps, bool first) {
    char name[TELLS_TEXT_CHARS_MAX + 1];
    const char *comma = "";
    buf_addf(report->buf, "%s{\"gateway\":", first ? "" : ",");
    buf_add_json(report->buf, coverage->gateway);
    buf_add_char(report->buf, ',');
    put_until(report, gaps, coverage->needed);
    buf_add_text(report->buf, ",\"kinds\":[");
    for (unsigned bit = 1; bit <= TELLS_ALL; bit <<= 1) {
        if ((coverage->needed & bit) != 0) {
            buf_addf(report->buf, "%s{\"kind\":\"%s\",", comma, statement_tells_text(bit, name));
            put_until(report, gaps, bit);
            buf_add_char(report->buf, '}');
            comma = ",";
        }
    }
    buf_add_text(report->buf, "]}");
}

static int put_gateway(struct window_report *report, struct coverage *coverage, bool first,
                       struct err *err) {
    int r = window_told(report, coverage, err);
    GArray *gaps = gaps_of(report->window, coverage);
    r = r < 0 ? r : tell_gaps(report, coverage, gaps, err);
    put_covered(report, coverage, gaps, first);
    g_array_free(gaps, true);
    return r;
}

static int look_at_gateway(struct window_report *report, const char *gateway, bool first,
                           struct err *err) {
    const struct gateway *known = gateway_find(report->recon->options.registry, gateway);
    struct coverage coverage = {
        .source = recon_source(report->recon, gateway),
        .adapter = known != NULL ? known->adapter : NULL,
    };
    coverage.needed = window_needed(coverage.adapter);
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
