/* SPDX-License-Identifier: Apache-2.0
 * phrase.h: sentences of tables with what belongs into them: "{count} at {gateway}". Each language
 * puts its words where it wants them.
 * Threads: any. Owns nothing: what is returned is the arena's. Cannot fail: a name that is not
 * given is left out, a brace without an end stands as it is. */
#ifndef HOLDFAST_WATCH_PHRASE_H
#define HOLDFAST_WATCH_PHRASE_H

#include "base/arena.h"

struct phrase_word {
    const char *name, *value; /* NULL: left out, as "" */
};
char *phrase(struct arena *arena, const char *sentence, const struct phrase_word *words,
             int count);
#define PHRASE(arena, sentence, ...)                                                               \
    phrase(arena, sentence, (const struct phrase_word[]){__VA_ARGS__},                             \
           (int)(sizeof((const struct phrase_word[]){__VA_ARGS__}) / sizeof(struct phrase_word)))

/* "12": for a word. */
char *phrase_number(struct arena *arena, long long number);
/* The wall's moment to the second, as in a message: "2026-11-20T10:03:11Z"; "" for 0. */
char *phrase_moment(struct arena *arena, long long wall_us);

#endif
