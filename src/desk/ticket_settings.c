/* SPDX-License-Identifier: Apache-2.0
 * ticket_settings.c: what the section `tickets:` means, checked; and the names of the tables.
 *
 * Whether a member is a user is not looked at here: users are made by a service that runs, so one
 * that did not start without them would never start. Who is no user, or is disabled, or may not
 * work on tickets, is passed over when tickets are given out (ticket_people.c). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "desk/ticket_impl.h"

enum { AFTER_MINUTES_MAX = 90 * 24 * 60, TEAM_CHARS_MAX = 40 };
#define US_PER_MINUTE (60 * US_PER_SECOND)

static const char *const state_names[] = {
    [TICKET_NONE] = "?",
#define X(name, number, text, live, meaning) [number] = text,
#include "desk/ticket_states.def"
#undef X
};
static_assert(COUNT_OF(state_names) == TICKET_STATE_COUNT, "every state has a name");

static const char *const risk_names[] = {
    [0] = "?",
    [TICKET_RISK_LOW] = "low",
    [TICKET_RISK_MEDIUM] = "medium",
    [TICKET_RISK_HIGH] = "high",
    [TICKET_RISK_CRITICAL] = "critical",
};

static const struct {
    const char *name;
    enum ticket_risk risk;
    int hours;
    bool business;
} priorities[] = {
#define X(name, number, text, risk, hours, business)                                               \
    [number] = {text, TICKET_RISK_##risk, hours, business},
#include "desk/ticket_priorities.def"
#undef X
};
static_assert(COUNT_OF(priorities) == PRIORITY_COUNT, "every priority has a row");

static const struct {
    const char *name;
    bool moves;
} hows[] = {
    [HOW_NONE] = {"", false},
#define X(name, number, text, moves_money, meaning) [number] = {text, moves_money},
#include "desk/ticket_resolutions.def"
#undef X
};
static_assert(COUNT_OF(hows) == HOW_COUNT, "every resolution has a row");

static const struct ticket_class_row classes[] = {
#define X(class, page, suggestion) {class, page, suggestion},
#include "desk/ticket_classes.def"
#undef X
};

/* ---- names ---- */

const char *ticket_state_name(int64_t state) {
    return state > 0 && state < TICKET_STATE_COUNT ? state_names[state] : "?";
}

bool ticket_state_parse(const char *name, int64_t *ret_state) {
    for (int64_t i = 1; i < TICKET_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = i;
            return true;
        }
    }
    return false;
}

bool ticket_is_live(int64_t state) {
    static const bool live[] = {
        [TICKET_NONE] = false,
#define X(name, number, text, is_live, meaning) [number] = is_live,
#include "desk/ticket_states.def"
#undef X
    };
    return state > 0 && state < TICKET_STATE_COUNT && live[state];
}

const char *ticket_risk_name(int64_t risk) {
    return risk > 0 && risk < (int64_t)COUNT_OF(risk_names) ? risk_names[risk] : "?";
}

bool ticket_risk_parse(const char *name, int64_t *ret_risk) {
    for (size_t i = 1; i < COUNT_OF(risk_names); i++) {
        if (strcmp(name, risk_names[i]) == 0) {
            *ret_risk = (int64_t)i;
            return true;
        }
    }
    return false;
}

enum ticket_priority ticket_priority_of(int64_t risk) {
    for (int i = 1; i < PRIORITY_COUNT; i++) {
        if ((int64_t)priorities[i].risk == risk) {
            return (enum ticket_priority)i;
        }
    }
    return PRIORITY_LOW;
}

const char *ticket_priority_name(int64_t priority) {
    return priority > 0 && priority < PRIORITY_COUNT ? priorities[priority].name : "?";
}

const char *ticket_how_name(int64_t how) {
    return how > 0 && how < HOW_COUNT ? hows[how].name : "";
}

bool ticket_how_parse(const char *name, enum ticket_how *ret_how) {
    for (int i = 1; i < HOW_COUNT; i++) {
        if (strcmp(name, hows[i].name) == 0) {
            *ret_how = (enum ticket_how)i;
            return true;
        }
    }
    return false;
}

bool ticket_how_moves(int64_t how) {
    return how > 0 && how < HOW_COUNT && hows[how].moves;
}

bool ticket_class_known(const char *name) {
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A sentence has room for so much; the others are in the hint. */
enum { CLASSES_FIRST = 330 };

int ticket_class_unknown(const char *name, struct err *err) {
    char first[sizeof err->detail] = "", rest[sizeof err->hint] = "";
    size_t used = 0, more = 0;
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        const char *class = classes[i].name;
        bool fits = more == 0 && used + strlen(class) + 2 < CLASSES_FIRST;
        char *to = fits ? first + used : rest + more;
        size_t room = fits ? sizeof first - used : sizeof rest - more;
        bool begins = fits ? used == 0 : more == 0;
        int chars = snprintf(to, room, "%s%s", begins ? "" : ", ", class);
        size_t put = chars > 0 && (size_t)chars < room ? (size_t)chars : room - 1;
        used += fits ? put : 0;
        more += fits ? 0 : put;
    }
    err_set(err, ERR_VALIDATION, "there is no class \"%.40s\"; there are: %s", name, first);
    err_place(err, "class");
    return err_hint(err, "And: %s.", rest);
}

const struct ticket_class_row *ticket_class_of(const char *name) {
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            return &classes[i];
        }
    }
    return &classes[COUNT_OF(classes) - 1]; /* "other" */
}

/* ---- reading ---- */

static int bad(struct err *err, const char *place, const char *format, const char *name) {
    char shown[100];
    text_shown(name, strlen(name), shown, sizeof shown);
    char why[300];
    snprintf(why, sizeof why, "%s \"%s\"", format, shown);
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "tickets.%s", place);
}

const struct ticket_team_config *ticket_team_find(const struct ticket_settings *settings,
                                                  const char *name) {
    for (unsigned i = 0; i < settings->config->teams_count; i++) {
        if (strcmp(settings->config->teams[i].name, name) == 0) {
            return &settings->config->teams[i];
        }
    }
    return NULL;
}

static const char *const share_names[] = {
    [SHARE_LEAST_LOADED] = "least_loaded",
    [SHARE_ROUND_ROBIN] = "round_robin",
    [SHARE_NOBODY] = "nobody",
};

enum ticket_share ticket_team_share(const struct ticket_team_config *team) {
    for (size_t i = 0; team->share != NULL && i < COUNT_OF(share_names); i++) {
        if (strcmp(team->share, share_names[i]) == 0) {
            return (enum ticket_share)i;
        }
    }
    return SHARE_LEAST_LOADED;
}

static int read_sla(const struct ticket_config *config, struct ticket_settings *settings,
                    struct err *err) {
    bool said[PRIORITY_COUNT] = {false};
    for (int i = 1; i < PRIORITY_COUNT; i++) {
        settings->sla[i].hours = priorities[i].hours;
        settings->sla[i].business = priorities[i].business;
    }
    for (unsigned i = 0; i < config->sla_count; i++) {
        const struct ticket_sla_config *sla = &config->sla[i];
        int at = PRIORITY_COUNT - 1;
        while (at > 0 && strcmp(priorities[at].name, sla->priority) != 0) {
            at--;
        }
        if (at == 0) {
            return bad(err, "sla", "priorities are urgent, high, normal, low; there is no",
                       sla->priority);
        }
        if (said[at]) {
            return bad(err, "sla", "this priority stands there twice:", sla->priority);
        }
        if (sla->hours == 0 || sla->hours > TICKET_HOURS_MAX) {
            return bad(err, "sla", "it is 1 to 500 hours, not so many for", sla->priority);
        }
        bool business = sla->clock != NULL && strcmp(sla->clock, "business") == 0;
        if (sla->clock != NULL && !business && strcmp(sla->clock, "plain") != 0) {
            return bad(err, "sla", "the clock is plain or business, not", sla->clock);
        }
        if (business && !settings->clock.business) {
            return bad(err, "sla", "tickets.business_hours is needed for", sla->priority);
        }
        said[at] = true;
        settings->sla[at].hours = (int)sla->hours;
        settings->sla[at].business = sla->clock != NULL ? business : priorities[at].business;
    }
    return 0;
}

static int read_limits(const struct ticket_config *config, struct ticket_settings *settings,
                       struct err *err) {
    for (unsigned i = 0; i < config->approve_above_count; i++) {
        const struct ticket_limit_config *limit = &config->approve_above[i];
        struct ticket_limit *to = &settings->limits[settings->limit_count];
        struct err why = {0};
        if (currency_parse(limit->currency, &to->currency, &why) < 0) {
            return bad(err, "approve_above", "there is no currency", limit->currency);
        }
        for (int j = 0; j < settings->limit_count; j++) {
            if (currency_equal(settings->limits[j].currency, to->currency)) {
                return bad(err, "approve_above",
                           "this currency stands there twice:", limit->currency);
            }
        }
        if (limit->amount > (uint64_t)AMOUNT_MINOR_MAX) {
            return bad(err, "approve_above", "the amount is too large for", limit->currency);
        }
        to->above_minor = (int64_t)limit->amount;
        settings->limit_count++;
    }
    return 0;
}

int64_t ticket_limit_of(const struct ticket_settings *settings, struct currency currency) {
    for (int i = 0; i < settings->limit_count; i++) {
        if (currency_equal(settings->limits[i].currency, currency)) {
            return settings->limits[i].above_minor;
        }
    }
    return 0;
}

/* The name stands in lists that commas separate, and in paths of queries. */
static bool is_team_name(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length <= TEAM_CHARS_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
               length;
}

static int check_teams(const struct ticket_config *config, struct err *err) {
    for (unsigned i = 0; i < config->teams_count; i++) {
        const struct ticket_team_config *team = &config->teams[i];
        if (!is_team_name(team->name)) {
            return bad(err, "teams", "a team's name is 1 to 40 letters, digits and hyphens, not",
                       team->name);
        }
        for (unsigned j = 0; j < i; j++) {
            if (strcmp(config->teams[j].name, team->name) == 0) {
                return bad(err, "teams", "two teams have the name", team->name);
            }
        }
        for (unsigned j = 1; j < team->members_count; j++) {
            for (unsigned k = 0; k < j; k++) {
                if (strcmp(team->members[j], team->members[k]) == 0) {
                    return bad(err, "teams", "a member stands there twice:", team->members[j]);
                }
            }
        }
        if (team->share != NULL && strcmp(share_names[ticket_team_share(team)], team->share) != 0) {
            return bad(err, "teams", "share is least_loaded, round_robin or nobody, not",
                       team->share);
        }
    }
    return 0;
}

static int check_rule(const struct ticket_settings *settings,
                      const struct gateway_registry *registry,
                      const struct ticket_rule_config *rule, struct err *err) {
    int64_t risk;
    struct currency currency;
    struct err why = {0};
    for (unsigned i = 0; i < rule->classes_count; i++) {
        if (!ticket_class_known(rule->classes[i])) {
            return bad(err, "rules", "there is no class", rule->classes[i]);
        }
    }
    for (unsigned i = 0; i < rule->risks_count; i++) {
        if (!ticket_risk_parse(rule->risks[i], &risk)) {
            return bad(err, "rules", "risks are low, medium, high, critical, not", rule->risks[i]);
        }
    }
    for (unsigned i = 0; i < rule->currencies_count; i++) {
        if (currency_parse(rule->currencies[i], &currency, &why) < 0 ||
            strcmp(currency.code, rule->currencies[i]) != 0) {
            return bad(err, "rules", "there is no currency", rule->currencies[i]);
        }
    }
    for (unsigned i = 0; registry != NULL && i < rule->gateways_count; i++) {
        if (gateway_find(registry, rule->gateways[i]) == NULL) {
            return bad(err, "rules", "there is no gateway", rule->gateways[i]);
        }
    }
    const char *name = rule->name != NULL ? rule->name : "";
    if ((rule->team == NULL) == (rule->user == NULL)) {
        return bad(err, "rules", "a rule has a team or a user, one of the two:", name);
    }
    if (rule->team != NULL && ticket_team_find(settings, rule->team) == NULL) {
        return bad(err, "rules", "there is no team", rule->team);
    }
    if (rule->amount_max > 0 && rule->amount_min > rule->amount_max) {
        return bad(err, "rules", "amount_min is more than amount_max:", name);
    }
    if ((rule->amount_min > 0 || rule->amount_max > 0) && rule->currencies_count != 1) {
        return bad(err, "rules", "amounts need one currency to be in:", name);
    }
    return 0;
}

/* "team", "lead", "team:NAME", "user:NAME". */
static bool read_step_to(const char *to, struct ticket_step *step) {
    step->name = "";
    if (strcmp(to, "team") == 0 || strcmp(to, "lead") == 0) {
        step->to = to[0] == 't' ? STEP_TO_TEAM : STEP_TO_LEAD;
        return true;
    }
    if (strncmp(to, "team:", 5) != 0 && strncmp(to, "user:", 5) != 0) {
        return false;
    }
    step->to = to[0] == 't' ? STEP_TO_TEAM_NAMED : STEP_TO_USER;
    step->name = to + 5;
    return step->name[0] != '\0';
}

static int read_steps(const struct ticket_config *config, struct ticket_settings *settings,
                      struct err *err) {
    if (config->escalation_count == 0) {
        settings->steps[0] = (struct ticket_step){0, STEP_TO_TEAM, ""};
        settings->steps[1] = (struct ticket_step){240 * US_PER_MINUTE, STEP_TO_LEAD, ""};
        settings->step_count = 2;
        return 0;
    }
    for (unsigned i = 0; i < config->escalation_count; i++) {
        const struct ticket_step_config *step = &config->escalation[i];
        if (i >= TICKET_STEPS_MAX || step->after_minutes > AFTER_MINUTES_MAX ||
            (i > 0 && step->after_minutes <= config->escalation[i - 1].after_minutes)) {
            return bad(err, "escalation",
                       "there are at most 16 steps, each later than the one before, within 90 "
                       "days; not so:",
                       step->to);
        }
        struct ticket_step *to = &settings->steps[settings->step_count++];
        to->after_us = step->after_minutes * US_PER_MINUTE;
        if (!read_step_to(step->to, to)) {
            return bad(err, "escalation", "a step goes to team, lead, team:NAME or user:NAME, not",
                       step->to);
        }
        if (to->to == STEP_TO_TEAM_NAMED && ticket_team_find(settings, to->name) == NULL) {
            return bad(err, "escalation", "there is no team", to->name);
        }
    }
    return 0;
}

int ticket_settings_read(const struct ticket_config *config,
                         const struct gateway_registry *registry,
                         struct ticket_settings *ret_settings, struct err *err) {
    *ret_settings = (struct ticket_settings){.config = config};
    int r = ticket_clock_read(config->time_zone, config->business_hours, &ret_settings->clock, err);
    if (r < 0) {
        return r;
    }
    r = read_sla(config, ret_settings, err);
    r = r < 0 ? r : read_limits(config, ret_settings, err);
    r = r < 0 ? r : check_teams(config, err);
    for (unsigned i = 0; r >= 0 && i < config->rules_count; i++) {
        r = check_rule(ret_settings, registry, &config->rules[i], err);
    }
    if (r >= 0 && config->default_team != NULL &&
        ticket_team_find(ret_settings, config->default_team) == NULL) {
        r = bad(err, "default_team", "there is no team", config->default_team);
    }
    r = r < 0 ? r : read_steps(config, ret_settings, err);
    if (r < 0) {
        ticket_clock_release(&ret_settings->clock);
    }
    return r;
}
