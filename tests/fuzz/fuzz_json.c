/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json.c: whatever json_read() takes, json_write() writes so that it is read again as the same
 * tree and written again as the same text; whatever it refuses has a code, a sentence and a place.
 * The card-number walk names a place that holds no card number itself. What the quick reader takes,
 * jansson takes as the same tree. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_plain.h"
#include "base/pan.h"
#include "fuzz.h"

enum { REWRITTEN_BYTES_MAX = 32 * 1024 * 1024 };

static void check_refusal(int result, const struct err *err) {
    INVARIANT(result == -ERR_BAD_JSON || result == -ERR_TOO_LARGE, "one of the two codes");
    INVARIANT(result == -(int)err->code && err->detail[0] != '\0', "a sentence");
    INVARIANT(result != -ERR_BAD_JSON || strncmp(err->place, "line ", 5) == 0, "a place");
}

static void check_walk(const json_t *json) {
    struct err err = {0};
    size_t offset = 0;
    size_t count = 0;
    int result = pan_refuse_json(json, NULL, &err);
    INVARIANT(result == 0 || result == -ERR_CARD_NUMBER, "taken or refused for a card number");
    INVARIANT(!pan_find(err.place, strlen(err.place), &offset, &count),
              "no card number in an error");
}

static void check_plain(const char *bytes, size_t count) {
    static const char *const names[] = {"a", "id", "key", "list", NULL};
    JSON_AUTO plain = json_plain_read(bytes, count, JSON_DEPTH_MAX, NULL);
    JSON_AUTO part = json_plain_read(bytes, count, JSON_DEPTH_MAX, names);
    INVARIANT(plain == NULL || part != NULL, "less is taken whenever all is");
    if (part != NULL) { /* here a key that nobody asked for may stand twice */
        JSON_AUTO whole = json_loadb(bytes, count, JSON_DECODE_ANY, NULL);
        INVARIANT(whole != NULL, "what is read over is JSON");
        for (size_t i = 0; names[i] != NULL; i++) {
            const json_t *kept = json_object_get(part, names[i]);
            INVARIANT(!json_is_object(whole) ||
                          (kept != NULL) == (json_object_get(whole, names[i]) != NULL),
                      "what was asked for is there");
        }
    }
    if (plain != NULL) {
        JSON_AUTO slow = json_loadb(bytes, count, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        INVARIANT(slow != NULL, "what is taken quickly is JSON");
        INVARIANT(json_equal(plain, slow), "and the same tree");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    check_plain((const char *)bytes, count);
    JSON_AUTO json = NULL;
    JSON_AUTO again = NULL;
    struct err err = {0};
    int result = json_read((const char *)bytes, count, JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json,
                           &err);
    if (result != 0) {
        INVARIANT(json == NULL, "untouched on failure");
        check_refusal(result, &err);
        return 0;
    }
    check_walk(json);
    char *text = json_write(json);
    INVARIANT(strchr(text, '\n') == NULL, "one line");
    INVARIANT(json_read(text, strlen(text), REWRITTEN_BYTES_MAX, JSON_DEPTH_MAX, &again, &err) == 0,
              "what was written is taken");
    INVARIANT(json_equal(json, again), "the same tree");
    char *text_again = json_write(again);
    INVARIANT(strcmp(text, text_again) == 0, "the same text");
    free(text);
    free(text_again);
    return 0;
}
