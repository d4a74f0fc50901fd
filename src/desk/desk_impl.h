/* SPDX-License-Identifier: Apache-2.0
 * desk_impl.h: what the files of this folder share. */
#ifndef HOLDFAST_DESK_DESK_IMPL_H
#define HOLDFAST_DESK_DESK_IMPL_H

#include "desk/desk.h"

struct tickets;

struct desk {
    struct desk_options options;
    struct tickets *tickets; /* NULL before tickets_open() */
};

void tickets_close(struct tickets *tickets); /* NULL is fine */

/* ---- approvals.c ---- */

enum { PERSON_CHARS_MAX = ID_TEXT_MAX + 8 };
/* The person behind an actor, "user:usr_…": of a key the user whose it is. ERR_FORBIDDEN: nobody of
 * that name. */
MUST_USE int approval_person(struct store_tx *tx, const char *actor,
                             char ret_person[PERSON_CHARS_MAX + 1], struct err *err);

#endif
