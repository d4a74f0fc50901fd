/* SPDX-License-Identifier: Apache-2.0
 * purpose.h: what a payment is for. Numbers are stored: they only grow. Threads: any. */
#ifndef HOLDFAST_MODE_PURPOSE_H
#define HOLDFAST_MODE_PURPOSE_H

#include "base/compiler.h"

enum payment_purpose { PURPOSE_ORDER = 1, PURPOSE_SUBSCRIPTION = 2, PURPOSE_TOPUP = 3 };
enum { PURPOSE_COUNT = PURPOSE_TOPUP + 1 };
MUST_USE bool purpose_parse(const char *name, enum payment_purpose *ret_purpose);
const char *purpose_name(enum payment_purpose purpose); /* "order", "subscription", "topup" */

#endif
