/* SPDX-License-Identifier: Apache-2.0
 * slice_names.c: see slice_names.h. A slot goes from 0 to a number once and then stays; a number's
 * text is there before a slot shows the number. */
#include "meter/slice_names.h"

#include <glib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "meter/slices.h"

static_assert(NAMES_MAX < NAME_SLOTS / 4 * 3, "a search must soon meet an empty slot");
static_assert((int)NAMES_MAX >= (int)SLICE_CODES_MAX && (int)NAMES_MAX >= (int)SLICE_SEGMENTS_MAX,
              "all have a place");

enum { NUMBER_BITS = 16, NUMBER_MASK = (1 << NUMBER_BITS) - 1 };

static bool same(const char *known, const char *text, size_t bytes) {
    return strncmp(known, text, bytes) == 0 && known[bytes] == '\0';
}

const char *slice_name_text(const struct slice_names *names, uint16_t number) {
    const char *text = number == 0 || number > NAMES_MAX
                           ? NULL
                           : atomic_load_explicit(&names->texts[number], memory_order_acquire);
    return text != NULL ? text : "";
}

uint16_t slice_name_number(struct slice_names *names, const char *text, int max) {
    size_t bytes = strnlen(text, SLICE_LABEL_CHARS_MAX);
    uint64_t hash = XXH3_64bits(text, bytes);
    uint32_t tag = (uint32_t)(hash >> 48) << NUMBER_BITS, fresh = 0, seen;
    uint32_t slot = (uint32_t)hash & (NAME_SLOTS - 1);
    if (bytes == 0) {
        return 0;
    }
    for (;;) {
        seen = atomic_load_explicit(&names->slots[slot], memory_order_acquire);
        if (seen == 0 && fresh == 0) {
            int number = atomic_fetch_add(&names->count, 1) + 1;
            if (number > max) {
                atomic_fetch_sub(&names->count, 1);
                return 0;
            }
            atomic_store(&names->texts[number], g_strndup(text, bytes));
            fresh = (uint32_t)number;
        }
        if (seen == 0 && atomic_compare_exchange_strong(&names->slots[slot], &seen, tag | fresh)) {
            return (uint16_t)fresh;
        }
        /* A number that was taken for nothing (another task was first) is not given again. */
        if ((seen & ~(uint32_t)NUMBER_MASK) == tag &&
            same(slice_name_text(names, seen & NUMBER_MASK), text, bytes)) {
            return seen & NUMBER_MASK;
        }
        slot = (slot + 1) & (NAME_SLOTS - 1);
    }
}

void slice_names_clear(struct slice_names *names) {
    for (int i = 0; i <= NAMES_MAX; i++) {
        g_free(atomic_load(&names->texts[i]));
        atomic_store(&names->texts[i], NULL);
    }
    for (int i = 0; i < NAME_SLOTS; i++) {
        atomic_store(&names->slots[i], 0);
    }
    atomic_store(&names->count, 0);
}
