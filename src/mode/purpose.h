/* SPDX-License-Identifier: Apache-2.0
 * purpose.h: what a payment is for. Numbers are stored: they only grow. Threads: any. */
#ifndef HOLDFAST_MODE_PURPOSE_H
#define HOLDFAST_MODE_PURPOSE_H

#include "base/compiler.h"

enum payment_purpose {
    PURPOSE_ORDER = 1,
    PURPOSE_SUBSCRIPTION = 2,
    PURPOSE_TOPUP = 3,
    PURPOSE_COUNT = 4, /* what a shop may say */
    /* Ours alone: a payment that we make ourselves to see whether a gateway works
     * (payment/probes.h). It is in no figure, tells no merchant, and is booked apart. Conditions on
     * rows of the store have this number. */
    PURPOSE_PROBE = 100,
};
/* Not PURPOSE_PROBE: nobody may ask for one. */
MUST_USE bool purpose_parse(const char *name, enum payment_purpose *ret_purpose);
/* "order", "subscription", "topup", "probe" */
const char *purpose_name(enum payment_purpose purpose);

#endif
