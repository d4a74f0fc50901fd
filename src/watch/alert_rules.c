/* SPDX-License-Identifier: Apache-2.0
 * alert_rules.c: the tables of alert.h and their names. */
#include <string.h>

#include "watch/alert.h"

static const struct {
    enum alert_state state;
    const char *name;
} states[] = {
#define X(NAME, number, name, live, told, meaning) {ALERT_##NAME, name},
#include "watch/alert_states.def"
#undef X
};

static const struct {
    enum alert_team team;
    const char *name;
} teams[] = {
#define X(NAME, number, name) {TEAM_##NAME, name},
#include "watch/alert_teams.def"
#undef X
};

static const struct alert_rule rules[] = {
#define X(name, severity, team, for_s, keep_s, title_en, title_zh, do_en, do_zh, guide)            \
    {name,                                                                                         \
     NOTICE_##severity,                                                                            \
     TEAM_##team,                                                                                  \
     (for_s) * US_PER_SECOND,                                                                      \
     (keep_s) * US_PER_SECOND,                                                                     \
     {title_en, title_zh},                                                                         \
     {do_en, do_zh},                                                                               \
     guide},
#include "watch/alert_rules.def"
#undef X
};

const char *alert_state_name(enum alert_state state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (states[i].state == state) {
            return states[i].name;
        }
    }
    return "?";
}

bool alert_state_parse(const char *name, enum alert_state *ret_state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = states[i].state;
            return true;
        }
    }
    return false;
}

const char *alert_team_name(enum alert_team team) {
    for (size_t i = 0; i < COUNT_OF(teams); i++) {
        if (teams[i].team == team) {
            return teams[i].name;
        }
    }
    return "?";
}

bool alert_team_parse(const char *name, enum alert_team *ret_team) {
    for (size_t i = 0; i < COUNT_OF(teams); i++) {
        if (strcmp(teams[i].name, name) == 0) {
            *ret_team = teams[i].team;
            return true;
        }
    }
    return false;
}

int alert_rule_count(void) {
    return (int)COUNT_OF(rules);
}

const struct alert_rule *alert_rule_at(int index) {
    return &rules[index];
}

const struct alert_rule *alert_rule_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (strcmp(rules[i].name, name) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}
