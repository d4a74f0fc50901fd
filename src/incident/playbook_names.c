/* SPDX-License-Identifier: Apache-2.0
 * playbook_names.c: the tables of playbooks as names, and back. */
#include <string.h>

#include "incident/playbook_impl.h"

struct named {
    int64_t number;
    const char *name;
};

static const struct {
    int64_t number;
    const char *name, *title[NOTICE_LANGUAGES];
} phases[] = {
#define X(NAME, number, name, title, title_zh) {number, name, {title, title_zh}},
#include "incident/playbook_phases.def"
#undef X
};
static const struct {
    int64_t number;
    const char *name;
    bool person;
} kinds[] = {
#define X(NAME, number, name, person, meaning) {number, name, person},
#include "incident/playbook_kinds.def"
#undef X
};
static const struct named states[] = {
#define X(NAME, number, name, meaning) {number, name},
#include "incident/playbook_item_states.def"
#undef X
};
static const struct named verdicts[] = {
#define X(NAME, number, name) {number, name},
#include "incident/playbook_verdicts.def"
#undef X
};
static const char *const queries[] = {
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh) name,
#include "incident/playbook_queries.def"
#undef X
};
static_assert(COUNT_OF(queries) == QUERIES, "every query has a name");
static const struct playbook_measure_row measures[] = {
#define X(kind, target, value, command) {kind, target, value, command},
#include "incident/playbook_measures.def"
#undef X
};

static const char *name_of(const struct named *table, size_t count, int64_t number) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].number == number) {
            return table[i].name;
        }
    }
    return "?";
}

const char *playbook_phase_name(int64_t phase) {
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        if (phases[i].number == phase) {
            return phases[i].name;
        }
    }
    return "?";
}

const char *playbook_phase_title(int64_t phase, enum notice_language language) {
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        if (phases[i].number == phase) {
            return phases[i].title[language];
        }
    }
    return "?";
}

const char *playbook_kind_name(int64_t kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].number == kind) {
            return kinds[i].name;
        }
    }
    return "?";
}

bool playbook_takes_person(int64_t kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].number == kind) {
            return kinds[i].person;
        }
    }
    return true;
}

const char *playbook_state_name(int64_t state) {
    return name_of(states, COUNT_OF(states), state);
}

const char *playbook_verdict_name(int64_t verdict) {
    return name_of(verdicts, COUNT_OF(verdicts), verdict);
}

bool playbook_state_parse(const char *name, enum playbook_state *ret_state) {
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(states[i].name, name) == 0) {
            *ret_state = (enum playbook_state)states[i].number;
            return true;
        }
    }
    return false;
}

bool playbook_query_parse(const char *name, enum playbook_query *ret_query) {
    for (int i = 0; i < QUERIES; i++) {
        if (strcmp(queries[i], name) == 0) {
            *ret_query = (enum playbook_query)i;
            return true;
        }
    }
    return false;
}

const struct playbook_measure_row *playbook_measure_find(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(measures); i++) {
        if (strcmp(measures[i].kind, kind) == 0) {
            return &measures[i];
        }
    }
    return NULL;
}
