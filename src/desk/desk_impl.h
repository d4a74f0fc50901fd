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

#endif
