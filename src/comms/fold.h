/* SPDX-License-Identifier: Apache-2.0
 * fold.h: a text as it reads, whatever it is written with, for the linter: in small letters,
 * without accents, full-width and ornamental letters as plain ones, letters of other scripts that
 * look like Latin ones as those, characters that cannot be seen left out, HTML entities as what
 * they stand for, traditional Chinese characters (of the words that matter) as simplified ones.
 *
 * A view is such a text with the place in the original of each of its bytes. More views are made of
 * the first one, each of which undoes one way of hiding a word:
 *   fold_joined     "re-solved", "re.solved", "已 恢,复": what stands inside words is left out
 *   fold_collapsed  "r e s o l v e d": letters that stand alone are put together
 *   fold_squeezed   "resol ved": nothing but letters and digits
 *   fold_digits     "res0lved": digits inside words as the letters that they look like
 * Threads: any. Owns: nothing; a view lives in the arena.
 * Limits:  texts of up to FOLD_BYTES_MAX bytes of UTF-8; what is longer is a bug of the caller. */
#ifndef HOLDFAST_COMMS_FOLD_H
#define HOLDFAST_COMMS_FOLD_H

#include <stdint.h>

#include "base/arena.h"

enum { FOLD_BYTES_MAX = 16 * 1024 };

struct view {
    char *text;   /* UTF-8, ended by a NUL */
    uint32_t *at; /* of each byte, and of the end: the byte of the original */
    size_t len, room;
};

/* The character that stands for what was taken out of a view: neither letter nor blank. */
#define FOLD_HOLE '\x02'

struct view fold_text(struct arena *arena, const char *text);
struct view fold_copy(struct arena *arena, const struct view *view);
struct view fold_joined(struct arena *arena, const struct view *view);
struct view fold_collapsed(struct arena *arena, const struct view *view);
struct view fold_squeezed(struct arena *arena, const struct view *view);
/* `one`: what a 1 stands for, 'l' or 'i'. */
struct view fold_digits(struct arena *arena, const struct view *view, char one);

/* The character that begins at `text`, an HTML entity taken as what it stands for; its bytes in
 * *ret_bytes, and whether it was an entity. */
uint32_t fold_char(const char *text, size_t *ret_bytes, bool *ret_entity);
/* Nothing of it is seen: zero width, marks of direction, soft hyphens, blank letters. */
bool fold_is_hidden(uint32_t c);

#endif
