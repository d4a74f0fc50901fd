/* SPDX-License-Identifier: Apache-2.0
 * alert_config.h: the section `alerts:` of holdfast.yaml (docs/alerts.md). What is absent leaves a
 * zero, for which alert_settings.c has the default; alerts_check() checks what the schema cannot.
 * Owns: belongs to the configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_WATCH_ALERT_CONFIG_H
#define HOLDFAST_WATCH_ALERT_CONFIG_H

#include <stdbool.h>

struct alert_hours_config { /* on that place's clocks: "09:00"; past midnight when until is less */
    char *from, *until;
    char **days; /* "mon" … "sun", on which it begins; absent: every day */
    unsigned days_count;
    char *time_zone; /* absent: that of `alerts` */
};

struct alert_rule_config { /* of a row of alert_rules.def; what is absent stays */
    char *name;
    char *severity, *team;
    unsigned *for_s, *keep_s;
    bool off; /* nobody is told */
};

struct alert_route_config { /* a list that is absent: any. The first that fits is taken */
    char *name;
    char **teams;
    unsigned teams_count;
    char **severities;
    unsigned severities_count;
    char **match; /* matchers (alert.h) */
    unsigned match_count;
    struct alert_hours_config *hours; /* absent: always */
    char **channels;
    unsigned channels_count;
    bool go_on; /* the next route that fits is taken as well */
};

struct alert_inhibition_config {
    char **source, **target; /* matchers */
    unsigned source_count, target_count;
    char **equal; /* labels that must agree; missing is "" */
    unsigned equal_count;
};

struct alert_person_config {
    char *name;
    char **channels;
    unsigned channels_count;
};

struct alert_shift_config {
    char **people; /* in turns, when they are several */
    unsigned people_count;
    struct alert_hours_config hours;
    unsigned turn_days; /* 0: 7 */
    char *since;        /* "2026-11-23": when the first one's turn began; needed for several */
};

struct alert_rota_config {
    char *name, *time_zone;
    struct alert_shift_config *shifts; /* the first that fits is taken */
    unsigned shifts_count;
};

struct alert_step_config {
    unsigned after_minutes; /* after it began to fire */
    char *to;               /* "rota:NAME", "person:NAME", "channel:NAME" */
};

struct alert_escalation_config { /* the first that fits is taken */
    char **teams;
    unsigned teams_count;
    char **severities; /* absent: P0 and P1 */
    unsigned severities_count;
    struct alert_step_config *steps;
    unsigned steps_count;
};

struct alert_heartbeat_config {
    char *channel;
    unsigned every_minutes; /* 0: 5 */
};

struct alert_self_test_config {
    bool off;
    char *day;  /* absent: "tue" */
    char *time; /* absent: "10:10" */
};

struct alert_config {
    char *language;    /* "en" (absent), "zh" */
    char *url;         /* what links begin with: "https://pay.shop.example" */
    char *time_zone;   /* absent: UTC */
    char **group_by;   /* labels, or rule, team, severity; absent: rule */
    unsigned group_by_count;
    unsigned *group_wait_s, *group_interval_s; /* absent: 10, 60 */
    unsigned *repeat_minutes;                  /* absent: 30; 0: never */
    struct alert_rule_config *rules;
    unsigned rules_count;
    struct alert_route_config *routes;
    unsigned routes_count;
    struct alert_inhibition_config *inhibit;
    unsigned inhibit_count;
    struct alert_person_config *people;
    unsigned people_count;
    struct alert_rota_config *rotas;
    unsigned rotas_count;
    struct alert_escalation_config *escalations;
    unsigned escalations_count;
    struct alert_heartbeat_config *heartbeat; /* absent: none */
    struct alert_self_test_config self_test;
};

#endif
