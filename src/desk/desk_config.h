/* SPDX-License-Identifier: Apache-2.0
 * desk_config.h: the section `desk:` of holdfast.yaml (docs/support-desk.md). Owns: belongs to the
 * configuration that it is part of. Threads: read once. */
#ifndef HOLDFAST_DESK_DESK_CONFIG_H
#define HOLDFAST_DESK_DESK_CONFIG_H

#include <stdint.h>

struct desk_limit_config {
    char *role; /* "support", … */
    char *currency;
    uint64_t refund;         /* minor units: of one payment */
    uint64_t refund_per_day; /* of all payments in 24 hours; 0: no bound */
};
struct desk_config {
    char *kb; /* a folder whose pages replace the built-in ones; NULL: none */
    struct desk_limit_config *limits;
    unsigned limits_count;
};

#endif
