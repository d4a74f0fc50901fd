/* SPDX-License-Identifier: Apache-2.0
 * follow.h: the lines of a file that grows, as somebody else appends them: a log.
 *
 *   a line counts when its end is written   half a line waits
 *   the file is moved away and made anew    (rotation) the old one is read until the new one has
 *                                           its first byte, and once more then
 *   the file is cut short                   it is read from its first byte again
 *   the file is gone, nothing in its place  its end is the end, until there is a new one
 * Who is behind by two rotations loses the file between them.
 * A file that is copied and then cut ("copytruncate") may lose what was written between the two;
 * that is how such rotation is, not known here.
 * Owns: a follow, its descriptor, until follow_close(). Threads: one at a time. Errors: ERR_IO.
 * Limits: FOLLOW_LINE_BYTES_MAX; a longer line is told as such and passed over. */
#ifndef HOLDFAST_BASE_FOLLOW_H
#define HOLDFAST_BASE_FOLLOW_H

#include "base/compiler.h"
#include "base/err.h"

enum { FOLLOW_LINE_BYTES_MAX = 64 * 1024 };

/* Where reading stands: enough to go on there after a restart, when the file is still that one. */
struct follow_place {
    int64_t device, inode;
    int64_t at;   /* byte */
    int64_t line; /* of the next line, from 1 */
};

enum follow_from { FOLLOW_FROM_START, FOLLOW_FROM_END };

struct follow;
/* `place` NULL: from the file's start or its end. Else from there; *ret_same false: the file is
 * another one than then, or shorter, and is read from its start. */
MUST_USE int follow_open(const char *path, enum follow_from from, const struct follow_place *place,
                         struct follow **ret_follow, bool *ret_same, struct err *err);
void follow_close(struct follow *follow); /* NULL is fine */

enum follow_event {
    FOLLOW_NOTHING, /* no whole line is there now */
    FOLLOW_LINE,
    FOLLOW_LONG,    /* the line was too long; `line` is its number */
    FOLLOW_ANOTHER, /* the next line is the first of another file, or of this one, cut short;
                       `count` bytes without a line's end were left behind */
};
struct follow_line {
    const char *bytes; /* without its end (LF or CR LF), NUL after it; until the next call */
    size_t count;
    int64_t line;
};
MUST_USE int follow_next(struct follow *follow, enum follow_event *ret_event,
                         struct follow_line *ret_line, struct err *err);
/* The next line's place: what was told so far lies before it. */
void follow_place(const struct follow *follow, struct follow_place *ret_place);
/* The first line of the file at hand, wherever reading stands: a header. ERR_IO; ERR_TOO_LARGE; an
 * empty one when it has no whole line yet. */
MUST_USE int follow_first(struct follow *follow, char *bytes, size_t bytes_max, size_t *ret_count,
                          struct err *err);

#endif
