/* SPDX-License-Identifier: Apache-2.0
 * tuning_counts.c: limits of counts, shares and volume by name, in and out of text. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "watch/tuning_impl.h"

static const double percent = 100.0;
static const char *const windows[] = {"hour", "day"};

/* "jobs_late.least" is of the measure jobs_late. */
static int measure_of(const char *key) {
    int id = measure_find(key, strcspn(key, "."));
    INVARIANT(id >= 0, "a setting of counts names one of them");
    return id;
}

static const char *behind_dot(const char *key) {
    return strchr(key, '.') + 1;
}

bool tuning_counts_has(const struct alert_rule *rule, const struct tuning_setting *setting) {
    const struct measure *measure = &measure_table[measure_of(setting->key)];
    const char *key = behind_dot(setting->key);
    return strcmp(measure->rule, rule->name) == 0 &&
           (strcmp(key, "after_s") != 0 || measure->usual.after_s >= 0) &&
           (strcmp(key, "window_minutes") != 0 || measure->usual.window_minutes > 0);
}

static int64_t *count_of(struct measure_limits *limits, const char *key) {
    return strcmp(key, "least") == 0           ? &limits->least
           : strcmp(key, "after_s") == 0       ? &limits->after_s
           : strcmp(key, "grave_after_s") == 0 ? &limits->grave_after_s
                                               : &limits->window_minutes;
}

static void number_text(double value, char ret_text[TUNING_TEXT_MAX + 1]) {
    g_ascii_formatd(ret_text, TUNING_TEXT_MAX, "%.10g", value);
}

static void whole_text(int64_t value, char ret_text[TUNING_TEXT_MAX + 1]) {
    (void)snprintf(ret_text, TUNING_TEXT_MAX, "%lld", (long long)value);
}

static void share_text(const struct rate_limits *share, const char *key,
                       char ret_text[TUNING_TEXT_MAX + 1]) {
    if (strcmp(key, "times") == 0) {
        number_text(share->times, ret_text);
    } else if (strcmp(key, "least") == 0) {
        whole_text(share->least, ret_text);
    } else {
        g_strlcpy(ret_text, windows[share->day], TUNING_TEXT_MAX + 1);
    }
}

static void volume_text(const struct volume_limits *volume, const char *key,
                        char ret_text[TUNING_TEXT_MAX + 1]) {
    if (strcmp(key, "drop") == 0 || strcmp(key, "surge") == 0) {
        number_text((key[0] == 'd' ? volume->drop : volume->surge) * percent, ret_text);
    } else {
        whole_text(key[0] == 'l' ? volume->least : volume->minutes, ret_text);
    }
}

void tuning_counts_text(const struct watch_limits *limits, const struct tuning_sources *sources,
                        const struct tuning_setting *setting, char ret_text[TUNING_TEXT_MAX + 1]) {
    const char *key = behind_dot(setting->key);
    if (setting->scope == TUNING_SHARE) {
        share_text(&limits->rates[sources->share_id], key, ret_text);
    } else if (setting->scope == TUNING_VOLUME) {
        volume_text(&limits->volume, key, ret_text);
    } else {
        struct measure_limits measure = limits->measures[measure_of(setting->key)];
        whole_text(*count_of(&measure, key), ret_text);
    }
}

/* The text has been read as its kind before: a number is one. */
bool tuning_counts_give(struct watch_limits *limits, const struct tuning_sources *sources,
                        const struct tuning_setting *setting, const char *text) {
    const char *key = behind_dot(setting->key);
    int64_t whole = (int64_t)g_ascii_strtoull(text, NULL, 10);
    double number = g_ascii_strtod(text, NULL);
    struct rate_limits *share = &limits->rates[sources->share_id];
    struct volume_limits *volume = &limits->volume;
    if (setting->scope == TUNING_COUNTS) {
        *count_of(&limits->measures[measure_of(setting->key)], key) = whole;
    } else if (setting->scope == TUNING_VOLUME && setting->kind == TUNING_NUMBER) {
        *(key[0] == 'd' ? &volume->drop : &volume->surge) = number / percent;
    } else if (setting->scope == TUNING_VOLUME) {
        *(key[0] == 'l' ? &volume->least : &volume->minutes) = whole;
    } else if (setting->kind == TUNING_WORD) {
        share->day = strcmp(text, windows[1]) == 0;
        return share->day || strcmp(text, windows[0]) == 0;
    } else if (setting->kind == TUNING_NUMBER) {
        share->times = number;
    } else {
        share->least = whole;
    }
    return true;
}
