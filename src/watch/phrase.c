/* SPDX-License-Identifier: Apache-2.0
 * phrase.c: see phrase.h. */
#include "watch/phrase.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

enum { PHRASE_BYTES_MAX = 64 * 1024 };

static const char *value_of(const struct phrase_word *words, int count, const char *name,
                            size_t bytes) {
    for (int i = 0; i < count; i++) {
        if (strlen(words[i].name) == bytes && memcmp(words[i].name, name, bytes) == 0) {
            return words[i].value != NULL ? words[i].value : "";
        }
    }
    return "";
}

char *phrase(struct arena *arena, const char *sentence, const struct phrase_word *words,
             int count) {
    BUF_AUTO text;
    buf_init(&text, PHRASE_BYTES_MAX);
    for (const char *at = sentence; *at != '\0';) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end != NULL) {
            buf_add_text(&text, value_of(words, count, at + 1, (size_t)(end - at - 1)));
            at = end + 1;
        } else {
            buf_add_char(&text, *at++);
        }
    }
    return arena_copy_bytes(arena, text.len > 0 ? text.data : "", text.len);
}

char *phrase_number(struct arena *arena, long long number) {
    return arena_printf(arena, "%lld", number);
}

char *phrase_moment(struct arena *arena, long long wall_us) {
    char text[CLOCK_TEXT_MAX];
    return arena_copy(arena, wall_us == 0 ? ""
                                          : clock_format(wall_us / US_PER_SECOND * US_PER_SECOND,
                                                         text));
}
