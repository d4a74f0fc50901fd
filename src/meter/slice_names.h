/* SPDX-License-Identifier: Apache-2.0
 * slice_names.h: numbers for texts that come again and again: a set that only grows, up to a
 * maximum, and is looked up without a lock. Internal to meter/.
 * Threads: any. Numbers go from 1 in the order of arrival; 0 is "". */
#ifndef HOLDFAST_METER_SLICE_NAMES_H
#define HOLDFAST_METER_SLICE_NAMES_H

#include <stdatomic.h>

#include "base/compiler.h"

enum { NAME_SLOTS = 2048, NAMES_MAX = 1000 };

struct slice_names {
    _Atomic(char *) texts[NAMES_MAX + 1]; /* by number */
    _Atomic uint32_t slots[NAME_SLOTS];   /* hash's upper half, number in the lower */
    _Atomic int count;
};

/* The number of the text's first SLICE_LABEL_CHARS_MAX bytes; 0 when it is new and `max` are known.
 */
uint16_t slice_name_number(struct slice_names *names, const char *text, int max);
const char *slice_name_text(const struct slice_names *names, uint16_t number);
void slice_names_clear(struct slice_names *names);

#endif
