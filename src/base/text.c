/* SPDX-License-Identifier: Apache-2.0
 * text.c: see text.h. */
#include "base/text.h"

#include <glib.h>
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

bool text_has_controls(const char *text, bool lines) {
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        /* C1 is 0xC2 and 0x80 to 0x9F. */
        bool control = *c < 0x20 || *c == 0x7F || (*c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0);
        if (control && !(lines && (*c == '\n' || *c == '\r' || *c == '\t'))) {
            return true;
        }
    }
    return false;
}

bool text_is_region(const char *text) {
    return g_ascii_isupper(text[0]) && g_ascii_isupper(text[1]) && text[2] == '\0';
}

bool text_is_email(const char *text) {
    const char *at = strrchr(text, '@');
    if (at == NULL || at == text || at[1] == '\0' || !g_utf8_validate(text, -1, NULL)) {
        return false;
    }
    /* Blanks, control characters and those without a shape are not part of an address: with one
     * of them it would look like another that is listed, and be none. */
    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        if (!g_unichar_isgraph(g_utf8_get_char(c))) {
            return false;
        }
    }
    return true;
}

int text_check_region(const char *text, struct err *err) {
    if (text_is_region(text)) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "a region is two capital letters");
    return err_hint(err, "As ISO 3166 has them: DE, not de and not Germany.");
}

int text_check_segment(const char *text, struct err *err) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    if (strchr(first, text[0]) != NULL && text[strspn(text, rest)] == '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "a segment is small letters, digits, _ and -");
    return err_hint(err, "One short word for a kind of customer, like wholesale; never a person.");
}

int text_check_email(const char *text, struct err *err) {
    if (text_is_email(text)) {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "this is no e-mail address");
    return err_hint(err, "The address alone, without a name and without blanks.");
}
