/* SPDX-License-Identifier: Apache-2.0
 * detection_config.h: the section `detection:` of holdfast.yaml: how often detection may be wrong,
 * what is worth a look, and the limits of counts, shares and volume (docs/detection.md).
 * Owns: belongs to the configuration that it is part of. Threads: any. Errors: ERR_CONFIG. */
#ifndef HOLDFAST_WATCH_DETECTION_CONFIG_H
#define HOLDFAST_WATCH_DETECTION_CONFIG_H

#include "base/compiler.h"
#include "base/err.h"
#include "watch/detector.h"
#include "watch/measure.h"
#include "watch/rates.h"
#include "watch/volume.h"

struct config_test { /* of a row of detector_tests.def; what is absent stays */
    char *name;
    double *share, *points; /* in percent */
};
struct config_count { /* of a row of measures.def or checks.def */
    char *name;
    unsigned *least, *after_s, *grave_after_s, *window_minutes;
};
struct config_share { /* of the row of rates.def that raises this rule */
    char *rule;
    double *times;
    unsigned *least;
    char *window; /* "hour", "day" */
};
struct config_volume {
    double *drop, *surge; /* percent of the usual */
    unsigned *least, *minutes;
};
struct detection_config {
    double *alarms_per_day;
    struct config_test *tests;
    unsigned tests_count;
    struct config_count *counts;
    unsigned counts_count;
    struct config_share *shares;
    unsigned shares_count;
    struct config_volume *volume;
};

/* What counts, shares and volume are judged by. */
struct watch_limits {
    struct measure_limits measures[MEASURES];
    struct rate_limits rates[RATES];
    struct volume_limits volume;
};
void watch_limits_usual(struct watch_limits *ret_limits);
/* Puts what it says on top of *limits. Errors as below. */
MUST_USE int watch_limits_apply(const struct detection_config *config, struct watch_limits *limits,
                                struct err *err);
/* All of them. ERR_CONFIG. */
MUST_USE int watch_limits_check(const struct watch_limits *limits, struct err *err);

/* Puts what it says on top of *tuning. ERR_CONFIG with its place ("detection.tests[slow]"); *tuning
 * may then be half changed. */
MUST_USE int detection_apply(const struct detection_config *config, struct detector_tuning *tuning,
                             struct err *err);

#endif
