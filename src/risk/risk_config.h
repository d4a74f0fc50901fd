/* SPDX-License-Identifier: Apache-2.0
 * risk_config.h: the section `risk:` of the configuration, and of a file of rules that is tried
 * (docs/configuration.md shows every key). What it means is in rules.h.
 * Owns: a file's configuration belongs to whoever read it, until risk_config_free().
 * Threads: any. Errors: ERR_CONFIG with file and line. */
#ifndef HOLDFAST_RISK_RISK_CONFIG_H
#define HOLDFAST_RISK_RISK_CONFIG_H

#include "base/compiler.h"
#include "base/err.h"

struct risk_velocity_config {
    char *by, *over;
    unsigned count; /* absent: 0 */
    uint64_t sum;
    char *currency;
};

struct risk_condition_config { /* all that is said must hold */
    uint64_t *amount_min, *amount_max;
    char *currency;
    char **regions;
    unsigned regions_count;
    char **regions_not;
    unsigned regions_not_count;
    char **methods;
    unsigned methods_count;
    char **purposes;
    unsigned purposes_count;
    bool *vip, *watched;
    struct risk_velocity_config *velocity;
};

struct risk_rule_config {
    char *name, *says, *action;
    unsigned score;
    struct risk_condition_config *all;
    unsigned all_count;
    struct risk_condition_config *any;
    unsigned any_count;
};

struct risk_scorer_config {
    char *url, *key, *fail;
    unsigned timeout_ms;
};

struct risk_config {
    unsigned review_score, hold_score, deny_score; /* 0: no such threshold */
    struct risk_scorer_config *scorer;
    struct risk_rule_config *rules;
    unsigned rules_count;
};

struct risk_file {
    struct risk_config *risk;
};
/* A text with the one key `risk:`; `name` stands for the file in errors. */
MUST_USE int risk_config_read(const char *name, const char *text, struct risk_file **ret_file,
                              struct err *err);
void risk_config_free(struct risk_file *file); /* NULL is fine */

#endif
