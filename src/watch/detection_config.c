/* SPDX-License-Identifier: Apache-2.0
 * detection_config.c: see detection_config.h. */
#include "watch/detection_config.h"

#include <string.h>

#include "watch/detection_schema.h"

#define ALARMS_MAX 10.0
#define PERCENT_MAX 97.0
#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t test_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_test, name, 1, 60),
    CYAML_FIELD_FLOAT_PTR("share", OPTIONAL_POINTER, struct config_test, share),
    CYAML_FIELD_FLOAT_PTR("points", OPTIONAL_POINTER, struct config_test, points),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t test_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_test, test_fields),
};
static const cyaml_schema_field_t count_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_count, name, 1, 60),
    CYAML_FIELD_UINT_PTR("least", OPTIONAL_POINTER, struct config_count, least),
    CYAML_FIELD_UINT_PTR("after_s", OPTIONAL_POINTER, struct config_count, after_s),
    CYAML_FIELD_UINT_PTR("grave_after_s", OPTIONAL_POINTER, struct config_count, grave_after_s),
    CYAML_FIELD_UINT_PTR("window_minutes", OPTIONAL_POINTER, struct config_count, window_minutes),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t count_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_count, count_fields),
};
static const cyaml_schema_field_t share_fields[] = {
    CYAML_FIELD_STRING_PTR("rule", CYAML_FLAG_POINTER, struct config_share, rule, 1, 60),
    CYAML_FIELD_FLOAT_PTR("times", OPTIONAL_POINTER, struct config_share, times),
    CYAML_FIELD_UINT_PTR("least", OPTIONAL_POINTER, struct config_share, least),
    CYAML_FIELD_STRING_PTR("window", OPTIONAL_POINTER, struct config_share, window, 1, 10),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t share_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_share, share_fields),
};
static const cyaml_schema_field_t volume_fields[] = {
    CYAML_FIELD_FLOAT_PTR("drop", OPTIONAL_POINTER, struct config_volume, drop),
    CYAML_FIELD_FLOAT_PTR("surge", OPTIONAL_POINTER, struct config_volume, surge),
    CYAML_FIELD_UINT_PTR("least", OPTIONAL_POINTER, struct config_volume, least),
    CYAML_FIELD_UINT_PTR("minutes", OPTIONAL_POINTER, struct config_volume, minutes),
    CYAML_FIELD_END,
};
const cyaml_schema_field_t detection_config_fields[] = {
    CYAML_FIELD_FLOAT_PTR("alarms_per_day", OPTIONAL_POINTER, struct detection_config,
                          alarms_per_day),
    CYAML_FIELD_SEQUENCE_COUNT("tests", OPTIONAL_POINTER, struct detection_config, tests,
                               tests_count, &test_value, 0, TEST_SILENCE),
    CYAML_FIELD_SEQUENCE_COUNT("counts", OPTIONAL_POINTER, struct detection_config, counts,
                               counts_count, &count_value, 0, MEASURES),
    CYAML_FIELD_SEQUENCE_COUNT("shares", OPTIONAL_POINTER, struct detection_config, shares,
                               shares_count, &share_value, 0, RATES),
    CYAML_FIELD_MAPPING_PTR("volume", OPTIONAL_POINTER, struct detection_config, volume,
                            volume_fields),
    CYAML_FIELD_END,
};

static int bad(const char *why, struct err *err) {
    return err_set(err, ERR_CONFIG, "%s", why);
}

/* Absent: *ret stays. False for what is no number. */
static bool take_percent(const double *percent, double *ret_share) {
    if (percent == NULL) {
        return true;
    }
    *ret_share = *percent / 100.0;
    return *percent >= 0.0 && *percent <= PERCENT_MAX;
}

static int apply_test(const struct config_test *config, struct detector_tuning *tuning,
                      struct err *err) {
    for (int i = 0; i < TEST_SILENCE; i++) {
        if (strcmp(detector_test_name((enum detector_test)i), config->name) != 0) {
            continue;
        }
        struct detector_aim *aim = &tuning->aims[i];
        if (!take_percent(config->share, &aim->share) ||
            !take_percent(config->points, &aim->more)) {
            bad("share and points are from 0 to 97 percent", err);
            return err_place(err, "detection.tests[%s]", config->name);
        }
        if (aim->more <= 0.0 && aim->share <= 0.0) {
            bad("a test looks for more than nothing: share or points is above 0", err);
            return err_place(err, "detection.tests[%s]", config->name);
        }
        return 0;
    }
    bad("there is no test of that name: failing, failing-more, failing-slightly, technical, slow",
        err);
    return err_place(err, "detection.tests");
}

int detection_apply(const struct detection_config *config, struct detector_tuning *tuning,
                    struct err *err) {
    int r = 0;
    if (config->alarms_per_day != NULL) {
        tuning->alarms_per_day = *config->alarms_per_day;
        if (!(*config->alarms_per_day > 0.0 && *config->alarms_per_day <= ALARMS_MAX)) {
            bad("alarms_per_day is above 0, and at most 10", err);
            return err_place(err, "detection.alarms_per_day");
        }
    }
    for (unsigned i = 0; r >= 0 && i < config->tests_count; i++) {
        r = apply_test(&config->tests[i], tuning, err);
    }
    return r;
}

/* ---- counts, shares, volume ---- */

void watch_limits_usual(struct watch_limits *ret_limits) {
    measure_limits_usual(ret_limits->measures);
    rate_limits_usual(ret_limits->rates);
    ret_limits->volume = volume_limits_usual();
}

static void take_whole(const unsigned *whole, int64_t *ret_value) {
    *ret_value = whole != NULL ? (int64_t)*whole : *ret_value;
}

static int apply_count(const struct config_count *config, struct watch_limits *limits,
                       struct err *err) {
    int id = measure_find(config->name, strlen(config->name));
    if (id < 0 || measure_table[id].rule[0] == '\0') {
        bad("nothing of that name is counted that raises an alert", err);
        err_place(err, "detection.counts[%s]", config->name);
        return err_hint(err, "`holdfast alert rule RULE` lists what a rule goes by.");
    }
    take_whole(config->least, &limits->measures[id].least);
    take_whole(config->after_s, &limits->measures[id].after_s);
    take_whole(config->grave_after_s, &limits->measures[id].grave_after_s);
    take_whole(config->window_minutes, &limits->measures[id].window_minutes);
    return 0;
}

static int apply_share(const struct config_share *config, struct watch_limits *limits,
                       struct err *err) {
    int id = 0;
    while (id < RATES && strcmp(rate_rules[id], config->rule) != 0) {
        id++;
    }
    if (id == RATES) {
        bad("no rule of that name goes by a share", err);
        return err_place(err, "detection.shares[%s]", config->rule);
    }
    struct rate_limits *share = &limits->rates[id];
    share->times = config->times != NULL ? *config->times : share->times;
    take_whole(config->least, &share->least);
    if (config->window != NULL && strcmp(config->window, "hour") != 0 &&
        strcmp(config->window, "day") != 0) {
        bad("window is hour or day", err);
        return err_place(err, "detection.shares[%s]", config->rule);
    }
    share->day = config->window != NULL ? config->window[0] == 'd' : share->day;
    return 0;
}

int watch_limits_check(const struct watch_limits *limits, struct err *err) {
    const char *wrong;
    for (int i = 0; i < MEASURES; i++) {
        if ((wrong = measure_limits_wrong(i, &limits->measures[i])) != NULL) {
            bad(wrong, err);
            return err_place(err, "detection.counts[%s]", measure_table[i].name);
        }
    }
    for (int i = 0; i < RATES; i++) {
        if ((wrong = rate_limits_wrong(&limits->rates[i])) != NULL) {
            bad(wrong, err);
            return err_place(err, "detection.shares[%s]", rate_rules[i]);
        }
    }
    wrong = volume_limits_wrong(&limits->volume);
    if (wrong != NULL) {
        bad(wrong, err);
        return err_place(err, "detection.volume");
    }
    return 0;
}

int watch_limits_apply(const struct detection_config *config, struct watch_limits *limits,
                       struct err *err) {
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < config->counts_count; i++) {
        r = apply_count(&config->counts[i], limits, err);
    }
    for (unsigned i = 0; r >= 0 && i < config->shares_count; i++) {
        r = apply_share(&config->shares[i], limits, err);
    }
    if (r >= 0 && config->volume != NULL) {
        const struct config_volume *volume = config->volume;
        limits->volume.drop = volume->drop != NULL ? *volume->drop / 100 : limits->volume.drop;
        limits->volume.surge = volume->surge != NULL ? *volume->surge / 100
                                                     : limits->volume.surge;
        take_whole(volume->least, &limits->volume.least);
        take_whole(volume->minutes, &limits->volume.minutes);
    }
    return r < 0 ? r : watch_limits_check(limits, err);
}
