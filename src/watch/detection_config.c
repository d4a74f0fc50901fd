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
const cyaml_schema_field_t detection_config_fields[] = {
    CYAML_FIELD_FLOAT_PTR("alarms_per_day", OPTIONAL_POINTER, struct detection_config,
                          alarms_per_day),
    CYAML_FIELD_SEQUENCE_COUNT("tests", OPTIONAL_POINTER, struct detection_config, tests,
                               tests_count, &test_value, 0, TEST_SILENCE),
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
