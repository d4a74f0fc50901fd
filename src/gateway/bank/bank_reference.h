/* SPDX-License-Identifier: Apache-2.0
 * bank_reference.h: the creditor reference that a customer writes on his transfer, and finding it
 * again in whatever his bank makes of it.
 *
 * ISO 11649: "RF", two check digits, up to 21 letters and digits; with the four first characters
 * moved to the end and letters counted as 10 to 35, the number leaves 1 when divided by 97 (ISO
 * 7064, MOD 97-10). Ours have eleven characters after the check digits, of an alphabet without
 * those that are mistaken for others (O I L S B Z G Q D U for 0 1 1 5 8 2 6 0 0 V), so that what a
 * person types or a machine reads wrongly can be read back in one way only. They are made from an
 * id of ours, always the same from the same id, and say nothing about it.
 * Threads: any. Cannot fail. */
#ifndef HOLDFAST_GATEWAY_BANK_REFERENCE_H
#define HOLDFAST_GATEWAY_BANK_REFERENCE_H

#include "base/compiler.h"

enum {
    BANK_REFERENCE_CHARS = 15, /* of ours: "RF", 2, 11 */
    BANK_REFERENCE_CHARS_MAX = 25,
    BANK_REFERENCES_FOUND_MAX = 4,
    BANK_VIRTUAL_DIGITS_MAX = 18,
};

void bank_reference_make(const char *id, char ret_reference[BANK_REFERENCE_CHARS + 1]);
/* In groups of four with blanks between, as ISO 11649 wants it printed. */
enum { BANK_REFERENCE_PRINTED_MAX = BANK_REFERENCE_CHARS_MAX + 7 };
void bank_reference_print(const char *reference, char ret_text[BANK_REFERENCE_PRINTED_MAX]);
/* Any creditor reference, blanks between groups allowed: shape and check digits are right. */
MUST_USE bool bank_reference_valid(const char *text);
/* References of our shape with right check digits that stand in a text: in any case, with blanks
 * and punctuation between, in full-width characters, with mistaken characters, with or without the
 * "RF". Each once. Returns how many (at most BANK_REFERENCES_FOUND_MAX). Whether one of them names
 * anything is for the caller: one in 97 strings of that shape has right check digits. */
int bank_reference_find(const char *text,
                        char ret_references[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1]);

/* So many digits (1 to BANK_VIRTUAL_DIGITS_MAX) for the end of a virtual account number, made from
 * an id as the reference is. */
void bank_virtual_digits(const char *id, int digits, char ret_digits[BANK_VIRTUAL_DIGITS_MAX + 1]);

#endif
