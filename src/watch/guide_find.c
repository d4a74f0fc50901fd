/* SPDX-License-Identifier: Apache-2.0
 * guide_find.c: see guides.h. */
#include <stddef.h>
#include <string.h>

#include "watch/guides.h"

const struct guide *guide_find(const char *page, const char *language) {
    const struct guide *english = NULL;
    for (int i = 0; i < guide_count; i++) {
        if (strcmp(guides[i].page, page) == 0) {
            if (strcmp(guides[i].language, language) == 0) {
                return &guides[i];
            }
            english = strcmp(guides[i].language, "en") == 0 ? &guides[i] : english;
        }
    }
    return english;
}
