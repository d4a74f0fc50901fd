/* SPDX-License-Identifier: Apache-2.0
 * bank_reference.c: making, checking and finding creditor references (ISO 11649). */
#include "gateway/bank/bank_reference.h"

#include <string.h>

#include "base/crypto.h"

enum { BODY_CHARS = BANK_REFERENCE_CHARS - 4, FOUND_CHARS = BODY_CHARS + 2, SCANNED_CHARS = 1024 };

static const char alphabet[] = "0123456789ACEFHJKMNPRTVWXY";

/* The rest of a number, given as digits and letters, when it is divided by 97; it goes on from
 * `rest`. */
static int rest_of(int rest, const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        int value = digit ? text[i] - '0' : text[i] - 'A' + 10;
        rest = (rest * (digit ? 10 : 100) + value) % 97;
    }
    return rest;
}

static void check_digits(const char *body, size_t count, char ret_two[2]) {
    int check = 98 - rest_of(rest_of(0, body, count), "RF00", 4);
    ret_two[0] = (char)('0' + check / 10);
    ret_two[1] = (char)('0' + check % 10);
}

/* The number that an id stands for; different ones for the reference and the account. */
static uint64_t number_of(const char *purpose, const char *id) {
    unsigned char digest[SHA256_BYTES];
    char text[128];
    snprintf(text, sizeof text, "%s:%s", purpose, id);
    crypto_sha256(text, strlen(text), digest);
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | digest[i];
    }
    return number;
}

void bank_reference_make(const char *id, char ret_reference[BANK_REFERENCE_CHARS + 1]) {
    uint64_t number = number_of("creditor reference", id);
    char *body = ret_reference + 4;
    for (int i = BODY_CHARS - 1; i >= 0; i--) {
        body[i] = alphabet[number % (sizeof alphabet - 1)];
        number /= sizeof alphabet - 1;
    }
    memcpy(ret_reference, "RF", 2);
    check_digits(body, BODY_CHARS, ret_reference + 2);
    ret_reference[BANK_REFERENCE_CHARS] = '\0';
}

void bank_virtual_digits(const char *id, int digits, char ret_digits[BANK_VIRTUAL_DIGITS_MAX + 1]) {
    INVARIANT(digits > 0 && digits <= BANK_VIRTUAL_DIGITS_MAX, "a virtual account's digits");
    uint64_t number = number_of("virtual account", id);
    for (int i = digits - 1; i >= 0; i--) {
        ret_digits[i] = (char)('0' + number % 10);
        number /= 10;
    }
    ret_digits[digits] = '\0';
}

void bank_reference_print(const char *reference, char ret_text[BANK_REFERENCE_PRINTED_MAX]) {
    size_t at = 0;
    for (size_t i = 0; reference[i] != '\0' && i < BANK_REFERENCE_CHARS_MAX; i++) {
        if (i > 0 && i % 4 == 0) {
            ret_text[at++] = ' ';
        }
        ret_text[at++] = reference[i];
    }
    ret_text[at] = '\0';
}

bool bank_reference_valid(const char *text) {
    char packed[BANK_REFERENCE_CHARS_MAX + 1];
    size_t count = 0;
    for (; *text != '\0'; text++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        if (c == ' ') {
            continue;
        }
        bool known = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        if (!known || count == BANK_REFERENCE_CHARS_MAX) {
            return false;
        }
        packed[count++] = c;
    }
    if (count < 5 || memcmp(packed, "RF", 2) != 0 || packed[2] > '9' || packed[3] > '9') {
        return false;
    }
    return rest_of(rest_of(0, packed + 4, count - 4), packed, 4) == 1;
}

/* As it may have been meant: one of the alphabet, or 0 for what cannot be. */
static char meant(char c) {
    static const char mistaken[] = "OILSBZGQDU|", means[] = "011582600V1";
    c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    const char *wrong = c != '\0' ? strchr(mistaken, c) : NULL;
    c = wrong != NULL ? means[wrong - mistaken] : c;
    return c != '\0' && strchr(alphabet, c) != NULL ? c : '\0';
}

/* Full-width digits and letters (U+FF10 to U+FF5A) become plain ones, punctuation and blanks go
 * (U+3000 too); any other character stays as one that no reference has. Returns how many are left.
 */
static size_t pack(const char *text, char packed[SCANNED_CHARS]) {
    const unsigned char *at = (const unsigned char *)text;
    size_t count = 0;
    while (*at != '\0' && count < SCANNED_CHARS) {
        if (at[0] == 0xE3 && at[1] == 0x80 && at[2] == 0x80) {
            at += 3;
            continue;
        }
        bool wide = at[0] == 0xEF && (at[1] == 0xBC || at[1] == 0xBD) && at[2] >= 0x80;
        int c = wide ? (at[1] == 0xBC ? at[2] - 0x60 : at[2] - 0x20) : at[0];
        at += wide ? 3 : 1;
        bool ours = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '|';
        if (ours || c >= 0x80) {
            packed[count++] = ours ? meant((char)c) : '\0';
        }
    }
    return count;
}

static void keep(const char *found, int *count,
                 char references[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1]) {
    char reference[BANK_REFERENCE_CHARS + 1] = "RF";
    memcpy(reference + 2, found, FOUND_CHARS);
    reference[BANK_REFERENCE_CHARS] = '\0';
    for (int i = 0; i < *count; i++) {
        if (strcmp(references[i], reference) == 0) {
            return;
        }
    }
    if (*count < BANK_REFERENCES_FOUND_MAX) {
        memcpy(references[(*count)++], reference, sizeof reference);
    }
}

/* Two digits and a body, whose check digits are right. */
static bool is_reference(const char *at) {
    char two[2];
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9' ||
        memchr(at, '\0', FOUND_CHARS) != NULL) {
        return false;
    }
    check_digits(at + 2, BODY_CHARS, two);
    return memcmp(two, at, 2) == 0;
}

int bank_reference_find(const char *text,
                        char ret_references[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1]) {
    char packed[SCANNED_CHARS];
    size_t count = pack(text, packed);
    int found = 0;
    /* Those that say what they are come first: there is room for a few only. */
    for (int marked = 1; marked >= 0; marked--) {
        for (size_t i = 0; i + FOUND_CHARS <= count; i++) {
            bool says = i >= 2 && packed[i - 2] == 'R' && packed[i - 1] == 'F';
            if (says == (marked == 1) && is_reference(packed + i)) {
                keep(packed + i, &found, ret_references);
            }
        }
    }
    return found;
}
