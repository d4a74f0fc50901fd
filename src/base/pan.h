/* SPDX-License-Identifier: Apache-2.0
 * pan.h: finds payment card numbers, so that none enters and none is written down (I9, PAY-13).
 *
 * A card number is a run of 13 to 19 digits (ASCII or full-width), perhaps separated by single
 * blanks or hyphens (Unicode's kinds too), not part of a longer run of letters or digits, that
 * passes the Luhn check and begins and is as long as some card scheme's numbers (the table in
 * pan.c, after ISO/IEC 7812: from 2, 3, 4, 5 and 6, UATP's 1 with 15 digits, UnionPay's 81, some
 * national ones). Sixteen digits that fail Luhn are an order id, not a card; neither is a part of a
 * UUID, nor up to 15 digits after a plus sign (a telephone number). Maestro's 12 digits are not
 * looked for. Other groups may stand before and after: "4242 4242 4242 4242 12/29" holds one. Time
 * is linear in the bytes. Threads: any. */
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

/* The same for bytes that may be JSON text, where an escape may stand for a digit or end a word: a
 * copy in which an escape that stood for a masked digit is one '*', and all else is as it was. A
 * number without quotes is masked too, so the copy need not be JSON. NULL when there is no card
 * number in it. free(); a NUL follows its last byte. */
char *pan_mask_json_text(const char *bytes, size_t count, size_t *ret_count);

/* ERR_CARD_NUMBER with the JSON pointer of the first value, number or key that holds one. Walks
 * nested objects and arrays, and integers that are as long as a card number. `allowed` lists JSON
 * pointers whose value may look like one ("/order_id"), NULL-terminated, or NULL; a '*' in one
 * stands for any one key or index ("/rows/?/account" with one in place of the ?). */
MUST_USE int pan_refuse_json(const json_t *json, const char *const *allowed, struct err *err);

/* The same for one text that is not JSON (a header, a query value); `place` names it. */
MUST_USE int pan_refuse_text(const char *text, const char *place, struct err *err);

#endif
