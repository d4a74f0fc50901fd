/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pan.c: what pan_find() finds has 13 to 19 digits and passes a Luhn check written another
 * way; pan_mask() changes nothing but digits, and afterwards nothing is found; a card number on a
 * line of its own is found whatever stands before it. */
#include <stdlib.h>
#include <string.h>

#include "base/pan.h"
#include "fuzz.h"

enum { INPUT_BYTES_MAX = 1024 * 1024, DIGITS_MAX = 19 };

/* The value of the digit at bytes[at] and its length, or -1. */
static int digit_at(const uint8_t *bytes, size_t count, size_t at, size_t *ret_bytes) {
    *ret_bytes = 1;
    if (bytes[at] >= '0' && bytes[at] <= '9') {
        return bytes[at] - '0';
    }
    if (at + 2 < count && bytes[at] == 0xEF && bytes[at + 1] == 0xBC && bytes[at + 2] >= 0x90 &&
        bytes[at + 2] <= 0x99) {
        *ret_bytes = 3;
        return bytes[at + 2] - 0x90;
    }
    return -1;
}

/* ISO/IEC 7812-1 annex B, from the right. */
static bool is_luhn(const int *digits, size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = digits[count - 1 - i];
        sum += i % 2 == 0 ? digit : 2 * digit / 10 + 2 * digit % 10;
    }
    return sum % 10 == 0;
}

static void check_found(const uint8_t *bytes, size_t count) {
    int digits[DIGITS_MAX];
    size_t digit_count = 0;
    size_t unit = 1;
    for (size_t at = 0; at < count; at += unit) {
        int digit = digit_at(bytes, count, at, &unit);
        if (digit >= 0) {
            INVARIANT(digit_count < DIGITS_MAX, "19 digits at most");
            digits[digit_count++] = digit;
        }
    }
    INVARIANT(digit_count >= 13, "13 digits at least");
    INVARIANT(is_luhn(digits, digit_count), "the Luhn check holds");
}

/* Each byte is as before, or was (part of) a digit and is a star. */
static void check_masked(const uint8_t *before, const uint8_t *after, size_t count) {
    size_t unit = 1;
    for (size_t at = 0; at < count; at += unit) {
        bool is_digit = digit_at(before, count, at, &unit) >= 0;
        if (memcmp(before + at, after + at, unit) != 0) {
            INVARIANT(is_digit && memcmp(after + at, "***", unit) == 0, "only digits are masked");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static const char card[] = "\n4242424242424242";
    size_t offset = 0;
    size_t found = 0;
    if (count > INPUT_BYTES_MAX) {
        return 0;
    }
    uint8_t *text = calloc(1, count + sizeof(card));
    INVARIANT(text != NULL, "out of memory");
    if (count > 0) {
        memcpy(text, bytes, count);
    }
    bool any = pan_find((const char *)text, count, &offset, &found);
    if (any) {
        INVARIANT(offset < count && found <= count - offset, "inside the text");
        check_found(text + offset, found);
    }
    int masked = pan_mask((char *)text, count);
    INVARIANT((masked > 0) == any, "masked if and only if found");
    INVARIANT(!pan_find((const char *)text, count, &offset, &found), "nothing is left");
    check_masked(bytes, text, count);
    memcpy(text + count, card, sizeof(card));
    INVARIANT(pan_find((const char *)text, count + sizeof(card) - 1, &offset, &found) &&
                  offset == count + 1 && found == 16,
              "found on its own line");
    free(text);
    return 0;
}
