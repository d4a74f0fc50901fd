/* SPDX-License-Identifier: Apache-2.0
 * map_period.c: the time that a file is of, as its name or columns of it say by the map:
 *
 *   period: {name: "settled_{from}_{to}.csv", format: YYYYMMDD}      * is anything
 *   period: {name: "*-{day}.csv"}
 *   period: {from: Period begin, to: Period end, format: DD.MM.YYYY}
 *   period: {day: Settlement day}
 *
 * Where the form has no hour it is days, both of them; else moments, the second one excluded. */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "statement/map_impl.h"

enum { SHOWN = 64, DAY_BYTES_MAX = 40 };

/* ---- one end ---- */

static bool is_moment(const struct time_pattern *pattern) {
    for (int i = 0; i < pattern->count; i++) {
        if (pattern->pieces[i].piece != '\0' && strchr("HhZuv", pattern->pieces[i].piece) != NULL) {
            return true;
        }
    }
    return false;
}

static int read_end(const struct csv_map *map, const char *bytes, size_t count, bool last,
                    int64_t *ret_us, struct err *err) {
    const struct map_period *period = &map->period;
    struct time_memory memory = {0};
    int64_t local_s = 0;
    if (is_moment(&period->pattern)) {
        return field_time_by(bytes, count, &period->pattern, map->zone, &memory, ret_us, err);
    }
    int r = field_local(bytes, count, period->format, &local_s, err);
    if (r < 0) {
        return r;
    }
    local_s = last ? calendar_step(local_s, 1, UNIT_DAY, 1) : local_s;
    *ret_us = map->zone != NULL ? wall_from_local(map->zone, local_s) : local_s * US_PER_SECOND;
    return 0;
}

static int check_order(int64_t from_us, int64_t until_us, struct err *err) {
    return from_us > 0 && from_us < until_us
               ? 0
               : err_set(err, ERR_VALIDATION, "the period ends before it begins");
}

/* ---- by the name ---- */

/* What stands in a name at {day}, {from} and {to}. */
struct found {
    const char *from, *to;
    size_t from_bytes, to_bytes;
};

static bool take_day(const struct csv_map *map, const char *name, size_t *ret_bytes) {
    /* The longest that the form takes: a point may belong to the day or to what follows it. */
    for (size_t bytes = strnlen(name, DAY_BYTES_MAX); bytes > 0; bytes--) {
        int64_t unused = 0;
        struct err ignored = {0};
        if (read_end(map, name, bytes, false, &unused, &ignored) == 0) {
            *ret_bytes = bytes;
            return true;
        }
    }
    return false;
}

/* `*` takes as little as lets the rest fit. No recursion: a name has few characters, and each star
 * begins the search for what follows it anew from where it stands. */
static bool fits(const struct csv_map *map, const char *pattern, const char *name,
                 struct found *found) {
    const char *star = NULL, *star_name = NULL;
    for (;;) {
        size_t bytes = 0;
        bool day = g_str_has_prefix(pattern, "{day}"), from = g_str_has_prefix(pattern, "{from}");
        bool to = g_str_has_prefix(pattern, "{to}");
        if (*pattern == '\0' && *name == '\0') {
            return true;
        }
        if (*pattern == '*') {
            star = ++pattern;
            star_name = name;
            continue;
        }
        if ((day || from || to) && take_day(map, name, &bytes)) {
            found->from = day || from ? name : found->from;
            found->from_bytes = day || from ? bytes : found->from_bytes;
            found->to = day || to ? name : found->to;
            found->to_bytes = day || to ? bytes : found->to_bytes;
            pattern = strchr(pattern, '}') + 1;
            name += bytes;
            continue;
        }
        if (!day && !from && !to && *pattern != '\0' && *pattern == *name) {
            pattern++;
            name++;
            continue;
        }
        if (star == NULL || *star_name == '\0') {
            return false;
        }
        pattern = star;
        name = ++star_name;
    }
}

int csv_map_period_of_name(const struct csv_map *map, const char *path, int64_t *ret_from_us,
                           int64_t *ret_until_us, struct err *err) {
    const struct map_period *period = &map->period;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    struct found found = {0};
    if (period->name == NULL) {
        return 0;
    }
    if (!fits(map, period->name, name, &found)) {
        char shown[SHOWN];
        text_shown(name, strlen(name), shown, sizeof shown);
        return err_set(err, ERR_VALIDATION,
                       "the file's name tells no period as the map has it (%.60s, %.40s): '%s'",
                       period->name, period->format, shown);
    }
    int r = read_end(map, found.from, found.from_bytes, false, ret_from_us, err);
    r = r < 0 ? r : read_end(map, found.to, found.to_bytes, true, ret_until_us, err);
    r = r < 0 ? r : check_order(*ret_from_us, *ret_until_us, err);
    return r < 0 ? r : 1;
}

/* ---- by columns ---- */

int csv_map_period_bind(const struct csv_map *map, const struct csv_field *fields, int count,
                        int ret_columns[2], struct err *err) {
    const struct map_names *const both[] = {&map->period.from, &map->period.to};
    ret_columns[0] = ret_columns[1] = -1;
    for (int i = 0; i < 2 && map->period.name == NULL && map->period.format != NULL; i++) {
        ret_columns[i] = both[i]->number > 0 ? both[i]->number - 1
                                             : map_column_of(both[i], fields, count);
        if (ret_columns[i] < 0) {
            return err_set(err, ERR_VALIDATION,
                           "there is no column '%.60s' that should tell the period",
                           both[i]->names[0]);
        }
    }
    return ret_columns[0] >= 0;
}

int csv_map_period_of_row(const struct csv_map *map, const int columns[2],
                          const struct csv_field *fields, int count, int64_t *ret_from_us,
                          int64_t *ret_until_us, struct err *err) {
    int64_t ends[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        if (columns[i] >= count) {
            return err_set(err, ERR_VALIDATION, "the row does not tell the period");
        }
        int r = read_end(map, fields[columns[i]].bytes, fields[columns[i]].count, i == 1, &ends[i],
                         err);
        if (r < 0) {
            return r;
        }
    }
    *ret_from_us = ends[0];
    *ret_until_us = ends[1];
    return check_order(ends[0], ends[1], err);
}
