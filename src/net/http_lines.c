/* SPDX-License-Identifier: Apache-2.0
 * http_lines.c: see http_lines.h. */
#include "net/http_lines.h"

#include <string.h>

static const struct {
    int status;
    const char *sentence;
} refusals[] = {
    [HTTP_REFUSAL_NONE] = {500, "The request was not refused."},
#define X(name, status, sentence) [HTTP_REFUSAL_##name] = {status, sentence},
#include "net/http_refusals.def"
#undef X
};
static_assert(COUNT_OF(refusals) == HTTP_REFUSAL_COUNT, "every refusal has a row");

int http_refusal_status(enum http_refusal refusal) {
    return refusals[refusal].status;
}

const char *http_refusal_sentence(enum http_refusal refusal) {
    return refusals[refusal].sentence;
}

/* How many bytes at the start of `bytes` are neither line ends nor control characters. */
static size_t plain_span(const char *bytes, size_t count) {
    size_t i = 0;
    while (i < count) {
        unsigned char c = (unsigned char)bytes[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            break;
        }
        i++;
    }
    return i;
}

int http_lines_take(struct http_lines *lines, struct buf *buf, const char *bytes, size_t count,
                    size_t bytes_max, enum http_refusal over, size_t *ret_used) {
    size_t used = 0;
    int found = 0;
    while (used < count && found == 0) {
        size_t room = bytes_max - buf->len;
        char c = bytes[used];
        size_t span = lines->after_cr ? 0 : plain_span(bytes + used, count - used);
        if (lines->after_cr && c != '\n') {
            found = -HTTP_REFUSAL_BARE_CR;
        } else if (span > room || (span == 0 && room == 0)) {
            span = room;
            found = -(int)over;
        } else if (span == 0 && !lines->after_cr && c == '\n') {
            found = -HTTP_REFUSAL_BARE_LF;
        } else if (span == 0 && !lines->after_cr && c != '\r') {
            found = -HTTP_REFUSAL_CONTROL;
        } else if (span == 0) {
            lines->after_cr = c == '\r';
            span = 1;
            found = c == '\n' ? 1 : 0;
        }
        buf_add(buf, bytes + used, span);
        used += span;
        if (!buf_ok(buf)) {
            found = -(int)over; /* the system has no memory left */
        }
    }
    *ret_used = used;
    return found;
}

bool http_is_token(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return bytes > 0;
}

enum http_refusal http_line_header(const char *line, size_t bytes, size_t *ret_name_bytes) {
    if (bytes > 0 && (line[0] == ' ' || line[0] == '\t')) {
        return HTTP_REFUSAL_FOLD;
    }
    const char *colon = memchr(line, ':', bytes);
    if (colon == NULL || !http_is_token(line, (size_t)(colon - line))) {
        return HTTP_REFUSAL_HEADER_NAME;
    }
    *ret_name_bytes = (size_t)(colon - line);
    return HTTP_REFUSAL_NONE;
}
