/* SPDX-License-Identifier: Apache-2.0
 * json_plain.h: the quick way through plain JSON, for json_read() alone.
 *
 * What gateways and merchants send is nearly all plain: ASCII without escapes, integers, no more
 * than a few levels. jansson's reader takes a hundred and sixty instructions for each byte of it,
 * which was a fifth of a charge. This one reads just that, into jansson's own values, and gives up
 * at anything else, be it right or wrong; jansson then reads the text from its start and has the
 * last word.
 *
 * Half of what a gateway answers is of no interest here. Who gives names gets objects with those
 * members only: the others are read over, at a tenth of the price.
 *
 * Invariant: what it takes, jansson takes with JSON_DECODE_ANY as the same tree, but for members
 * that were not asked for; no key that is kept stood twice in its object
 * (tests/fuzz/fuzz_json.c holds the two against each other). Threads: any. Owns: the tree is the
 * caller's. Cannot fail: giving up is no error. */
#ifndef HOLDFAST_BASE_JSON_PLAIN_H
#define HOLDFAST_BASE_JSON_PLAIN_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/json.h"

enum { JSON_PLAIN_DEPTH_MAX = 32 };

/* NULL: not plain, or not JSON, or deeper than `depth_max`. `names` as for json_read_named(), or
 * NULL: everything. */
MUST_USE json_t *json_plain_read(const char *bytes, size_t count, int depth_max,
                                 const char *const *names);

#endif
