/* SPDX-License-Identifier: Apache-2.0
 * callback.h: what the fuzz targets of callbacks share: keys of tests/vectors, inputs whose first
 * lines are headers, and what holds of every event that is taken for genuine. Header only. */
#ifndef HOLDFAST_TESTS_FUZZ_CALLBACK_H
#define HOLDFAST_TESTS_FUZZ_CALLBACK_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "fuzz.h"
#include "support/gateway_by_hand.h"

enum { HEAD_LINE_BYTES_MAX = 2048, VECTOR_BYTES_MAX = 16 * 1024 };
#define VECTOR(name) TESTS_DIR "/vectors/" name

/* A private key of tests/vectors. Never freed: it is the program's. */
static inline struct rsa_key *vector_key(const char *path) {
    char pem[VECTOR_BYTES_MAX];
    size_t count = 0;
    struct rsa_key *key = NULL;
    struct err err;
    INVARIANT(file_read(path, pem, sizeof pem, &count, &err) == 0, "a vector can be read");
    INVARIANT(rsa_key_private(pem, count, &key, &err) == 0, "its key can be used");
    return key;
}

static inline void vector_text(const char *path, char text[VECTOR_BYTES_MAX]) {
    size_t count = 0;
    struct err err;
    INVARIANT(file_read(path, text, VECTOR_BYTES_MAX - 1, &count, &err) == 0,
              "a vector can be read");
    text[count] = '\0';
}

/* `wanted` lines and what follows them. False: there are fewer, or a line is too long. The lines
 * are to be released either way. */
struct fuzz_head {
    char *lines[8];
    int count;
    const uint8_t *body;
    size_t body_bytes;
};

static inline bool fuzz_head_read(struct fuzz_head *head, int wanted, const uint8_t *bytes,
                                  size_t count) {
    size_t used = 0;
    while (head->count < wanted && used < count) {
        const uint8_t *end = memchr(bytes + used, '\n', count - used);
        size_t line_bytes = end != NULL ? (size_t)(end - bytes) - used : HEAD_LINE_BYTES_MAX + 1;
        if (line_bytes > HEAD_LINE_BYTES_MAX) {
            return false;
        }
        char *line = calloc(1, line_bytes + 1);
        INVARIANT(line != NULL, "out of memory");
        memcpy(line, bytes + used, line_bytes);
        head->lines[head->count++] = line;
        used += line_bytes + 1;
    }
    head->body = bytes + used;
    head->body_bytes = count - used;
    return head->count == wanted;
}

static inline void fuzz_head_release(struct fuzz_head *head) {
    for (int i = 0; i < head->count; i++) {
        free(head->lines[i]);
    }
}

/* Bytes with exactly their room, so that a sanitizer sees whoever reads on. free() */
static inline char *fuzz_copy(const void *bytes, size_t count) {
    char *copy = malloc(count > 0 ? count : 1);
    INVARIANT(copy != NULL, "out of memory");
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    return copy;
}

#define FUZZ_ENDS(field)                                                                           \
    INVARIANT(memchr((field), '\0', sizeof(field)) != NULL, "a text ends in its field")

static inline void event_check(const struct gateway_event *event) {
    FUZZ_ENDS(event->event_id);
    FUZZ_ENDS(event->type);
    FUZZ_ENDS(event->reference);
    FUZZ_ENDS(event->gateway_id);
    FUZZ_ENDS(event->charge_id);
    FUZZ_ENDS(event->refund_id);
    FUZZ_ENDS(event->dispute_id);
    FUZZ_ENDS(event->dispute_status);
    FUZZ_ENDS(event->dispute_reason);
    FUZZ_ENDS(event->order_id);
    INVARIANT(event->event_id[0] != '\0' && event->type[0] != '\0',
              "an event has a name and a type");
    INVARIANT(event->subject >= CALLBACK_PAYMENT && event->subject <= CALLBACK_OTHER,
              "a known subject");
    INVARIANT(event->amount_minor >= -1, "an amount is not negative");
    INVARIANT(event->amount_minor < 0 || event->currency.code[0] != '\0',
              "an amount has a currency");
}

#endif
