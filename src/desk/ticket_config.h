/* SPDX-License-Identifier: Apache-2.0
 * ticket_config.h: the section `tickets:` of holdfast.yaml (docs/tickets.md). What is absent leaves
 * a zero, for which ticket_settings.c has the default; tickets_open() checks what the schema
 * cannot. Owns: belongs to the configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_DESK_TICKET_CONFIG_H
#define HOLDFAST_DESK_TICKET_CONFIG_H

#include <stdint.h>

struct ticket_hours_config { /* local: "09:00" */
    char *from, *until;
    char **days; /* "mon" … "sun"; absent: Monday to Friday */
    unsigned days_count;
    char **holidays; /* "2026-12-25" */
    unsigned holidays_count;
};

struct ticket_sla_config {
    char *priority;
    unsigned hours;
    char *clock; /* "plain", "business"; absent: that of ticket_priorities.def */
};

struct ticket_limit_config {
    char *currency;
    uint64_t amount; /* minor units */
};

struct ticket_team_config {
    char *name;
    char **members; /* names of users */
    unsigned members_count;
    char *lead;  /* absent: there is none */
    char *share; /* "least_loaded" (absent), "round_robin", "nobody" */
};

struct ticket_rule_config { /* a list that is absent: any */
    char *name;
    char **kinds;
    unsigned kinds_count;
    char **classes;
    unsigned classes_count;
    char **gateways;
    unsigned gateways_count;
    char **currencies;
    unsigned currencies_count;
    char **risks;
    unsigned risks_count;
    uint64_t amount_min, amount_max; /* minor units; 0: any */
    char *team, *user;               /* one of the two */
};

struct ticket_step_config {
    unsigned after_minutes; /* after the end */
    char *to;               /* "team", "lead", "team:NAME", "user:NAME" */
};

struct ticket_config {
    char *time_zone;                            /* absent: UTC */
    struct ticket_hours_config *business_hours; /* absent: every hour counts */
    struct ticket_sla_config *sla;
    unsigned sla_count;
    struct ticket_limit_config *approve_above;
    unsigned approve_above_count;
    struct ticket_team_config *teams;
    unsigned teams_count;
    struct ticket_rule_config *rules;
    unsigned rules_count;
    char *default_team;
    struct ticket_step_config *escalation; /* absent: the team at once, the lead after 4 h */
    unsigned escalation_count;
};

#endif
