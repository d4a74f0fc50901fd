/* SPDX-License-Identifier: Apache-2.0
 * words.h: audiences, situations and languages, as they are named and stored.
 * Threads: any. Owns nothing. */
#ifndef HOLDFAST_COMMS_WORDS_H
#define HOLDFAST_COMMS_WORDS_H

#include "base/compiler.h"

enum audience {
#define X(NAME, number, name, what) AUDIENCE_##NAME = (number),
#include "comms/audiences.def"
#undef X
    AUDIENCES
};
enum situation {
#define X(NAME, number, name, next, personal, proof, when) SITUATION_##NAME = (number),
#include "comms/situations.def"
#undef X
    SITUATIONS
};
enum language { LANGUAGE_EN = 0, LANGUAGE_ZH = 1, LANGUAGES };

const char *audience_name(enum audience audience);
MUST_USE bool audience_parse(const char *name, enum audience *ret_audience);
struct situation_row {
    const char *name, *when;
    bool next, personal, proof; /* situations.def */
};
const struct situation_row *situation_row(enum situation situation);
MUST_USE bool situation_parse(const char *name, enum situation *ret_situation);
const char *language_name(enum language language); /* "en" */
MUST_USE bool language_parse(const char *name, enum language *ret_language);

#endif
