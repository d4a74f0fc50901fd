/* SPDX-License-Identifier: Apache-2.0
 * words.c: see words.h. */
#include "comms/words.h"

#include <string.h>

static const char *const audiences[AUDIENCES] = {
#define X(NAME, number, name, what) [number] = name,
#include "comms/audiences.def"
#undef X
};

static const struct situation_row situations[SITUATIONS] = {
#define X(NAME, number, name, next, personal, proof, when)                                         \
    [number] = {name, when, next, personal, proof},
#include "comms/situations.def"
#undef X
};

static const char *const languages[LANGUAGES] = {"en", "zh"};

const char *audience_name(enum audience audience) {
    return audience > 0 && audience < AUDIENCES ? audiences[audience] : "?";
}

bool audience_parse(const char *name, enum audience *ret_audience) {
    for (int i = 1; i < AUDIENCES; i++) {
        if (strcmp(audiences[i], name) == 0) {
            *ret_audience = (enum audience)i;
            return true;
        }
    }
    return false;
}

const struct situation_row *situation_row(enum situation situation) {
    INVARIANT(situation > 0 && situation < SITUATIONS, "there is such a situation");
    return &situations[situation];
}

bool situation_parse(const char *name, enum situation *ret_situation) {
    for (int i = 1; i < SITUATIONS; i++) {
        if (strcmp(situations[i].name, name) == 0) {
            *ret_situation = (enum situation)i;
            return true;
        }
    }
    return false;
}

const char *language_name(enum language language) {
    return languages[language];
}

bool language_parse(const char *name, enum language *ret_language) {
    for (int i = 0; i < LANGUAGES; i++) {
        if (strcmp(languages[i], name) == 0) {
            *ret_language = (enum language)i;
            return true;
        }
    }
    return false;
}
