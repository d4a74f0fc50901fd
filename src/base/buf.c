/* SPDX-License-Identifier: Apache-2.0
 * buf.c: bytes that grow up to a maximum.
 * Invariants: data != NULL; len <= max; len < cap; data[len] == '\0'. */
#include "base/buf.h"

#include <stdarg.h>

enum { BUF_START_BYTES = 128 };

void buf_init(struct buf *buf, size_t bytes_max) {
    INVARIANT(bytes_max < SIZE_MAX / 4, "a buffer has a maximum");
    buf->cap = BUF_START_BYTES;
    buf->data = malloc(buf->cap);
    INVARIANT(buf->data != NULL, "no memory for a hundred bytes");
    buf->data[0] = '\0';
    buf->len = 0;
    buf->max = bytes_max;
    buf->overflowed = false;
}

void buf_release(struct buf *buf) {
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf) {
    buf->len = 0;
    buf->data[0] = '\0';
    buf->overflowed = false;
}

/* Doubles until `count` more bytes and their NUL have room. */
static bool grow(struct buf *buf, size_t count) {
    size_t cap = buf->cap;
    char *grown;

    while (cap <= buf->len + count) {
        cap *= 2;
    }
    grown = realloc(buf->data, cap);
    if (grown == NULL) {
        buf->overflowed = true;
        return false;
    }
    buf->data = grown;
    buf->cap = cap;
    return true;
}

/* Makes room for `count` more bytes and their NUL; false (and from then on always) when that is
 * more than the maximum, or more than the system has. */
static inline bool reserve(struct buf *buf, size_t count) {
    INVARIANT(buf->data != NULL, "buf_init() comes first");
    if (buf->overflowed || count > buf->max - buf->len) {
        buf->overflowed = true;
        return false;
    }
    return buf->len + count < buf->cap || grow(buf, count);
}

void buf_add(struct buf *buf, const void *bytes, size_t count) {
    if (count == 0 || !reserve(buf, count)) {
        return;
    }
    memcpy(buf->data + buf->len, bytes, count);
    buf->len += count;
    buf->data[buf->len] = '\0';
}

void buf_add_text(struct buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c) {
    if (!reserve(buf, 1)) {
        return;
    }
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

void buf_add_int(struct buf *buf, int64_t value) {
    char digits[24];
    char *at = digits + sizeof(digits);
    /* The magnitude of INT64_MIN has no int64. */
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *--at = '-';
    }
    buf_add(buf, at, (size_t)(digits + sizeof(digits) - at));
}

void buf_addf(struct buf *buf, const char *format, ...) {
    va_list args;
    int wanted;

    va_start(args, format);
    wanted = vsnprintf(NULL, 0, format, args);
    va_end(args);
    INVARIANT(wanted >= 0, "the format is valid");
    if (!reserve(buf, (size_t)wanted)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->len, (size_t)wanted + 1, format, args);
    va_end(args);
    buf->len += (size_t)wanted;
}

static bool is_unreserved(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_add_urlencoded(struct buf *buf, const char *text) {
    static const char hex[] = "0123456789ABCDEF";
    const char *at = text;

    while (*at != '\0') {
        const char *plain = at;
        while (is_unreserved((unsigned char)*at)) {
            at++;
        }
        buf_add(buf, plain, (size_t)(at - plain));
        if (*at != '\0') {
            const unsigned char c = (unsigned char)*at++;
            const char coded[3] = {'%', hex[c >> 4], hex[c & 15]};

            buf_add(buf, coded, sizeof(coded));
        }
    }
}

/* Length of the UTF-8 character at `at` (Unicode 15, table 3-7: no overlong form, no surrogate,
 * nothing above U+10FFFF), or 0; then *ret_skip is the length of the broken part to replace. */
static size_t utf8_char(const unsigned char *at, size_t *ret_skip) {
    const unsigned char lead = at[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t follow;
    size_t i;

    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        *ret_skip = 1;
        return 0;
    }
    follow = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (lead == 0xE0) {
        low = 0xA0;
    } else if (lead == 0xED) {
        high = 0x9F;
    } else if (lead == 0xF0) {
        low = 0x90;
    } else if (lead == 0xF4) {
        high = 0x8F;
    }
    for (i = 1; i <= follow; i++) {
        if (at[i] < low || at[i] > high) {
            *ret_skip = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return follow + 1;
}

static void add_json_escape(struct buf *buf, unsigned char c) {
    switch (c) {
    case '"':
        buf_add(buf, "\\\"", 2);
        return;
    case '\\':
        buf_add(buf, "\\\\", 2);
        return;
    case '\n':
        buf_add(buf, "\\n", 2);
        return;
    case '\r':
        buf_add(buf, "\\r", 2);
        return;
    case '\t':
        buf_add(buf, "\\t", 2);
        return;
    default:
        buf_addf(buf, "\\u%04x", c);
        return;
    }
}

void buf_add_json(struct buf *buf, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *plain = at; /* from here on nothing was added yet */

    buf_add_char(buf, '"');
    for (;;) {
        while (*at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
            at++;
        }
        if (*at == '\0') {
            break;
        }
        size_t skip = 0;
        const size_t len = utf8_char(at, &skip);

        if (len > 1) {
            at += len;
            continue;
        }
        buf_add(buf, plain, (size_t)(at - plain));
        if (len == 1) {
            add_json_escape(buf, *at);
            at++;
        } else {
            buf_add_text(buf, "\xEF\xBF\xBD"); /* U+FFFD */
            at += skip;
        }
        plain = at;
    }
    buf_add(buf, plain, (size_t)(at - plain));
    buf_add_char(buf, '"');
}

char *buf_take(struct buf *buf) {
    char *data = buf->data;

    buf_init(buf, buf->max);
    return data;
}
