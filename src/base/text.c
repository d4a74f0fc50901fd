/* SPDX-License-Identifier: Apache-2.0
 * text.c: small texts for error messages. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pan.h"

void text_shown(const char *bytes, size_t count, char *ret_shown, size_t shown_bytes) {
    /* Masked whole before it is cut: half a card number would not be recognised. */
    char *masked = malloc(count + 1);
    INVARIANT(masked != NULL && shown_bytes > 0, "out of memory");
    memcpy(masked, bytes, count);
    pan_mask(masked, count);
    size_t kept = count;
    if (kept > shown_bytes - 1) {
        kept = shown_bytes - 1;
        while (kept > 0 && ((unsigned char)masked[kept] & 0xC0) == 0x80) {
            kept--;
        }
    }
    for (size_t i = 0; i < kept; i++) {
        unsigned char c = (unsigned char)masked[i];
        ret_shown[i] = (char)(c < 0x20 || c == 0x7F || c == '"' ? '?' : c);
    }
    ret_shown[kept] = '\0';
    pan_mask(ret_shown, kept); /* the cut may have made a number of a longer run of digits */
    free(masked);
}

void text_list_add(char *list, size_t list_bytes, const char *item) {
    size_t used = strlen(list);
    snprintf(list + used, list_bytes - used, "%s%s", used > 0 ? ", " : "", item);
}
