/* SPDX-License-Identifier: Apache-2.0
 * measure.c: the table of what is counted, and the judge. */
#include "watch/measure.h"

#include <string.h>

#define LEAST_MAX 1000000000
#define SECONDS_MAX (INT64_C(30) * 86400)

const struct measure measure_table[MEASURES] = {
#define NEEDS_ALL false
#define NEEDS_ANY true
#define X(id, name, rule, shared, needs, least, after_s, window_minutes, what, how_long)           \
    [MEASURE_##id] = {name,                                                                        \
                      rule,                                                                        \
                      (shared) != 0,                                                               \
                      NEEDS_##needs,                                                               \
                      {least, after_s, 0, window_minutes},                                         \
                      what,                                                                        \
                      how_long},
#include "watch/measures.def"
#undef X
#define X(name, rule, gravity, grave_after_s, one, many, sql, next)                                \
    {name, rule, true, false, {1, 0, grave_after_s, 0}, many, "seconds that the oldest has waited"},
#include "watch/checks.def"
#undef X
};

const struct check *measure_check(int id) {
    return id < MEASURES_OWN ? NULL : check_at(id - MEASURES_OWN);
}

int measure_find(const char *name, size_t name_chars) {
    for (int i = 0; i < MEASURES; i++) {
        if (strlen(measure_table[i].name) == name_chars &&
            strncmp(measure_table[i].name, name, name_chars) == 0) {
            return i;
        }
    }
    return -1;
}

void measure_limits_usual(struct measure_limits ret_limits[MEASURES]) {
    for (int i = 0; i < MEASURES; i++) {
        ret_limits[i] = measure_table[i].usual;
    }
}

const char *measure_limits_wrong(int id, const struct measure_limits *limits) {
    const struct measure_limits *usual = &measure_table[id].usual;
    if (limits->least < 1 || limits->least > LEAST_MAX) {
        return "least is from 1 to 1000000000";
    }
    if (usual->after_s >= 0 ? limits->after_s < 0 || limits->after_s > SECONDS_MAX
                            : limits->after_s != usual->after_s) {
        return usual->after_s >= 0 ? "after_s is at most thirty days" : "it has no after_s";
    }
    if (measure_check(id) == NULL ? limits->grave_after_s != 0
                                  : limits->grave_after_s < 0 ||
                                        limits->grave_after_s > SECONDS_MAX) {
        return measure_check(id) == NULL ? "it has no grave_after_s"
                                         : "grave_after_s is at most thirty days";
    }
    if (usual->window_minutes > 0 ? limits->window_minutes < 1 ||
                                        limits->window_minutes > MEASURE_WINDOW_MINUTES_MAX
                                  : limits->window_minutes != 0) {
        return usual->window_minutes > 0 ? "window_minutes is from 1 to 60"
                                         : "it has no window_minutes";
    }
    return NULL;
}

bool measure_fires(int id, const struct measure_limits *limits, int64_t count, int64_t seconds) {
    const struct check *check = measure_check(id);
    if (check != NULL && check->gravity == GRAVITY_NOTICE) {
        return false;
    }
    bool many = count >= limits->least;
    bool timed = measure_table[id].usual.after_s >= 0;
    bool lasts = !timed || seconds >= limits->after_s;
    return measure_table[id].any ? many || (timed && lasts) : many && lasts;
}

enum gravity measure_gravity(int id, const struct measure_limits *limits, int64_t count,
                             int64_t seconds) {
    bool grave = limits->grave_after_s > 0 && seconds > limits->grave_after_s;
    return !measure_fires(id, limits, count, seconds) ? GRAVITY_NOTICE
           : grave                                    ? GRAVITY_CRITICAL
                                                      : measure_check(id)->gravity;
}

enum notice_severity measure_severity(int id, const struct measure_limits *limits,
                                      enum notice_severity usual, int64_t seconds) {
    const struct check *check = measure_check(id);
    if (id == MEASURE_REPLICATION) {
        return NOTICE_P2; /* no payment suffers before a failover */
    }
    if (check == NULL) {
        return usual;
    }
    bool grave = check->gravity == GRAVITY_CRITICAL ||
                 (limits->grave_after_s > 0 && seconds > limits->grave_after_s);
    return !grave ? NOTICE_P2 : usual == NOTICE_P0 ? NOTICE_P0 : NOTICE_P1;
}

int64_t measure_window_take(struct measure_window *window, const struct measure_limits *limits,
                            int64_t at_us, int64_t count) {
    int64_t sum = 0, from_us = at_us - limits->window_minutes * 60 * US_PER_SECOND;
    window->looks[window->taken % MEASURE_LOOKS_MAX].at_us = at_us;
    window->looks[window->taken % MEASURE_LOOKS_MAX].count = count;
    window->taken++;
    if (limits->window_minutes == 0) {
        return count;
    }
    for (int64_t i = window->taken - 1; i >= 0 && i >= window->taken - MEASURE_LOOKS_MAX; i--) {
        if (window->looks[i % MEASURE_LOOKS_MAX].at_us <= from_us) {
            break;
        }
        sum += window->looks[i % MEASURE_LOOKS_MAX].count;
    }
    return sum;
}
