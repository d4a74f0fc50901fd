/* SPDX-License-Identifier: Apache-2.0
 * incident_names.c: the tables of incidents as names, and back. */
#include <string.h>

#include "incident/incident_impl.h"

struct named {
    int64_t number;
    const char *name;
};

static const struct named states[] = {
#define X(NAME, number, name, live, meaning) {number, name},
#include "incident/incident_states.def"
#undef X
};
static const struct named causes[] = {
#define X(NAME, number, name) {number, name},
#include "incident/incident_causes.def"
#undef X
};
static const struct named kinds[] = {
#define X(NAME, number, name, noted, meaning) {number, name},
#include "incident/log_kinds.def"
#undef X
};
static const struct named noted_kinds[] = {
#define X(NAME, number, name, noted, meaning) {(noted) ? (number) : 0, name},
#include "incident/log_kinds.def"
#undef X
};
static const struct named actors[] = {
#define X(NAME, number, name) {number, name},
#include "incident/log_actors.def"
#undef X
};
static const struct named verbs[] = {
#define X(NAME, name, from, to, milestone) {VERB_##NAME, name},
#include "incident/incident_moves.def"
#undef X
};
static const bool live_states[INCIDENT_STATE_COUNT] = {
#define X(NAME, number, name, live, meaning) [INCIDENT_##NAME] = (live),
#include "incident/incident_states.def"
#undef X
};
static const char *const milestones[] = {
#define X(NAME, name, meaning) name,
#include "incident/incident_milestones.def"
#undef X
};
static_assert(COUNT_OF(milestones) == MILESTONES, "every milestone has a name");
static const struct {
    const char *name;
    bool signs;
} roles[] = {
#define X(NAME, name, signs, meaning) {name, signs},
#include "incident/incident_roles.def"
#undef X
};
static_assert(COUNT_OF(roles) == INCIDENT_ROLES, "every role has a name");

static const char *name_of(const struct named *rows, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].number == number) {
            return rows[i].name;
        }
    }
    return "?";
}

static int64_t number_of(const struct named *rows, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].number;
        }
    }
    return 0;
}

const char *incident_state_name(int64_t state) {
    return name_of(states, COUNT_OF(states), state);
}

const char *incident_cause_name(int64_t cause) {
    return name_of(causes, COUNT_OF(causes), cause);
}

const char *incident_log_kind_name(int64_t kind) {
    return name_of(kinds, COUNT_OF(kinds), kind);
}

const char *incident_actor_kind_name(int64_t kind) {
    return name_of(actors, COUNT_OF(actors), kind);
}

const char *incident_verb_name(enum incident_verb verb) {
    return name_of(verbs, COUNT_OF(verbs), verb);
}

const char *incident_milestone_name(enum incident_milestone milestone) {
    return milestone < MILESTONES ? milestones[milestone] : "?";
}

const char *incident_role_name(enum incident_role role) {
    return role < INCIDENT_ROLES ? roles[role].name : "?";
}

bool incident_role_signs(enum incident_role role) {
    return role < INCIDENT_ROLES && roles[role].signs;
}

bool incident_is_live(int64_t state) {
    return state > 0 && state < INCIDENT_STATE_COUNT && live_states[state];
}

bool incident_state_parse(const char *name, int64_t *ret_state) {
    int64_t number = number_of(states, COUNT_OF(states), name);
    *ret_state = number > 0 ? number : *ret_state;
    return number > 0;
}

bool incident_cause_parse(const char *name, enum incident_cause *ret_cause) {
    int64_t number = number_of(causes, COUNT_OF(causes), name);
    *ret_cause = number > 0 ? (enum incident_cause)number : *ret_cause;
    return number > 0;
}

bool incident_noted_parse(const char *name, enum incident_log_kind *ret_kind) {
    int64_t number = number_of(noted_kinds, COUNT_OF(noted_kinds), name);
    *ret_kind = number > 0 ? (enum incident_log_kind)number : *ret_kind;
    return number > 0;
}

bool incident_verb_parse(const char *name, enum incident_verb *ret_verb) {
    int64_t number = number_of(verbs, COUNT_OF(verbs), name);
    *ret_verb = number > 0 ? (enum incident_verb)number : *ret_verb;
    return number > 0;
}

bool incident_role_parse(const char *name, enum incident_role *ret_role) {
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            *ret_role = (enum incident_role)i;
            return true;
        }
    }
    return false;
}
