/* SPDX-License-Identifier: Apache-2.0
 * detection_config.h: the section `detection:` of holdfast.yaml: how often the detector may be
 * wrong, and what is worth a look (docs/detection.md).
 * Owns: belongs to the configuration that it is part of. Threads: any. Errors: ERR_CONFIG. */
#ifndef HOLDFAST_WATCH_DETECTION_CONFIG_H
#define HOLDFAST_WATCH_DETECTION_CONFIG_H

#include "base/compiler.h"
#include "base/err.h"
#include "watch/detector.h"

struct config_test { /* of a row of detector_tests.def; what is absent stays */
    char *name;
    double *share, *points; /* in percent */
};
struct detection_config {
    double *alarms_per_day;
    struct config_test *tests;
    unsigned tests_count;
};

/* Puts what it says on top of *tuning. ERR_CONFIG with its place ("detection.tests[slow]"); *tuning
 * may then be half changed. */
MUST_USE int detection_apply(const struct detection_config *config, struct detector_tuning *tuning,
                             struct err *err);

#endif
