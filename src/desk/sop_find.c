/* SPDX-License-Identifier: Apache-2.0
 * sop_find.c: see sops.h. */
#include <stddef.h>
#include <string.h>

#include "desk/sops.h"

const struct sop *sop_find(const char *page, const char *language) {
    for (int i = 0; i < sop_count; i++) {
        if (strcmp(sops[i].page, page) == 0 && strcmp(sops[i].language, language) == 0) {
            return &sops[i];
        }
    }
    return NULL;
}
