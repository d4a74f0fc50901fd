/* SPDX-License-Identifier: Apache-2.0
 * fee_impl.h: a schedule as its files share it. */
#ifndef HOLDFAST_RECON_FEE_IMPL_H
#define HOLDFAST_RECON_FEE_IMPL_H

#include "base/arena.h"
#include "recon/fee_schedule.h"

struct fee_schedule {
    struct arena *arena; /* of the lines and their texts */
    struct fee_line *lines;
    int count;
};

#endif
