/* SPDX-License-Identifier: Apache-2.0
 * http.c: see http.h. */
#include "net/http.h"

#include "net/http_lines.h"
#include "net/http_target.h"

#include <glib.h>
#include <string.h>
#include <strings.h>

enum { QUERY_NAME_BYTES_MAX = 256 };

const char *http_header_find(const struct http_header *headers, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            return headers[i].value;
        }
    }
    return NULL;
}

/* How long a percent-encoded text is once decoded, if its escapes are good. */
static size_t decoded_bytes(const char *text, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i += text[i] == '%' ? 3 : 1) {
        bytes++;
    }
    return bytes;
}

/* Decodes a piece of the query into a text. Returns 0, or negative when it does not fit, has a bad
 * escape or a NUL. */
static int piece_decode(const char *text, size_t count, char *ret_text, size_t bytes_max,
                        struct err *err) {
    if (decoded_bytes(text, count) >= bytes_max) {
        return err_set(err, ERR_BAD_REQUEST, "a query parameter is longer than %zu bytes",
                       bytes_max - 1);
    }
    ptrdiff_t bytes = http_decode(text, count, true, ret_text);
    if (bytes < 0) {
        return err_set(err, ERR_BAD_REQUEST,
                       "a query parameter has a %% that two hexadecimal "
                       "digits do not follow");
    }
    if (memchr(ret_text, '\0', (size_t)bytes) != NULL) {
        return err_set(err, ERR_BAD_REQUEST, "a query parameter has a NUL");
    }
    ret_text[bytes] = '\0';
    return 0;
}

/* A name longer than any of ours, or one that does not decode, is another parameter's. */
static bool name_is(const char *text, size_t count, const char *name) {
    char decoded[QUERY_NAME_BYTES_MAX];
    return piece_decode(text, count, decoded, sizeof(decoded), NULL) == 0 &&
           strcmp(decoded, name) == 0;
}

int http_query_get(const struct http_request *request, const char *name, char *ret_value,
                   size_t bytes_max, struct err *err) {
    INVARIANT(bytes_max > 0, "there is room for the NUL");
    for (const char *at = request->query; *at != '\0';) {
        size_t pair = strcspn(at, "&");
        const char *equals = memchr(at, '=', pair);
        size_t name_bytes = equals != NULL ? (size_t)(equals - at) : pair;
        if (name_is(at, name_bytes, name)) {
            const char *value = equals != NULL ? equals + 1 : at + pair;
            char *decoded = g_malloc(bytes_max);
            int rc = piece_decode(value, pair - (size_t)(value - at), decoded, bytes_max, err);
            if (rc == 0) {
                memcpy(ret_value, decoded, strlen(decoded) + 1);
            }
            g_free(decoded);
            return rc < 0 ? err_place(err, "%s", name) : 1;
        }
        at += pair + (at[pair] == '&' ? 1 : 0);
    }
    return 0;
}

void http_reply_header(struct http_reply *reply, const char *name, const char *value) {
    /* How long the body is only the server says. */
    if (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0) {
        return;
    }
    for (const char *c = name; *c != '\0'; c++) {
        buf_add_char(&reply->headers, http_is_token(c, 1) ? *c : '-');
    }
    buf_add_text(&reply->headers, ": ");
    size_t start = reply->headers.len;
    buf_add_text(&reply->headers, value);
    for (size_t i = start; i < reply->headers.len; i++) {
        unsigned char c = (unsigned char)reply->headers.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            reply->headers.data[i] = ' ';
        }
    }
    buf_add_text(&reply->headers, "\r\n");
}

void http_reply_body(struct http_reply *reply, const char *content_type, const void *bytes,
                     size_t count) {
    if (content_type != NULL) {
        http_reply_header(reply, "Content-Type", content_type);
    }
    buf_clear(&reply->body);
    buf_add(&reply->body, bytes, count);
}
