/* SPDX-License-Identifier: Apache-2.0
 * pan.h: finds payment card numbers, so that none enters and none is written down (I9, PAY-13).
 *
 * A card number is a run of 13 to 19 digits, perhaps separated by single blanks or hyphens, not part
 * of a longer run of letters or digits, that passes the Luhn check and begins as some card scheme's
 * numbers do (ISO/IEC 7812: 2, 3, 4, 5, 6 and UATP's 1; 8 for China's older UnionPay ranges is 81).
 * Sixteen digits that fail Luhn are an order id, not a card. Threads: any. */
#ifndef HOLDFAST_BASE_PAN_H
#define HOLDFAST_BASE_PAN_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/err.h"

/* Offset of the first card number in these bytes and its length (separators counted), or false. */
bool pan_find(const char *bytes, size_t count, size_t *ret_offset, size_t *ret_count);

/* Overwrites every digit of every card number but the last four with '*'. Returns how many numbers
 * it found. */
int pan_mask(char *bytes, size_t count);

/* ERR_CARD_NUMBER with the JSON pointer of the first value, number or key that holds one. Walks
 * nested objects and arrays, and integers that are as long as a card number. `allowed` lists JSON
 * pointers whose value may look like one ("/order_id"), NULL-terminated, or NULL. */
MUST_USE int pan_refuse_json(const json_t *json, const char *const *allowed, struct err *err);

/* The same for one text that is not JSON (a header, a query value); `place` names it. */
MUST_USE int pan_refuse_text(const char *text, const char *place, struct err *err);

#endif
