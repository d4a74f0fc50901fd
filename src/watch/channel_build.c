/* SPDX-License-Identifier: Apache-2.0
 * channel_build.c: what all builders share: text that is cut where it may be, requests of JSON, and
 * the making of one that fits. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "watch/channel_impl.h"

/* What is shorter than this says nothing any more. */
enum { TEXT_BYTES_MIN = 64 };

static const char dots[] = "…";

void cut_begin(struct cut_text *cut, struct buf *buf, size_t bytes_max) {
    *cut = (struct cut_text){.buf = buf, .begin = buf->len, .max = bytes_max, .safe = buf->len};
}

void cut_piece(struct cut_text *cut, const char *piece, size_t bytes) {
    struct buf *buf = cut->buf;
    if (cut->full) {
        return;
    }
    if (buf->len - cut->begin + bytes > cut->max) {
        cut->full = true;
        buf->len = cut->safe;
        buf_add_text(buf, dots);
        return;
    }
    buf_add(buf, piece, bytes);
    if (buf->len - cut->begin + sizeof dots - 1 <= cut->max) {
        cut->safe = buf->len;
    }
}

void cut_mark(struct cut_text *cut, const char *mark) {
    cut_piece(cut, mark, strlen(mark));
}

void cut_add(struct cut_text *cut, const char *text, cut_escape_fn *escape) {
    for (const char *c = text; *c != '\0' && !cut->full;) {
        const char *next = g_utf8_next_char(c);
        const char *instead = escape != NULL ? escape(c) : NULL;
        if (instead != NULL) {
            cut_piece(cut, instead, strlen(instead));
        } else {
            cut_piece(cut, c, (size_t)(next - c));
        }
        c = next;
    }
}

void channel_request_header(struct channel_request *request, const char *name, const char *value) {
    INVARIANT(request->header_count < CHANNEL_HEADERS_MAX, "every header has room");
    request->headers[request->header_count++] = (struct http_header){name, value};
}

void channel_request_json(struct channel_request *request, const char *url, struct arena *arena,
                          const struct buf *body) {
    request->method = "POST";
    request->url = url;
    request->body = arena_copy_bytes(arena, body->data, body->len);
    request->body_bytes = body->len;
    channel_request_header(request, "Content-Type", "application/json; charset=utf-8");
}

char *channel_basic(struct arena *arena, const char *user, const char *password) {
    char *pair = arena_printf(arena, "%s:%s", user, password);
    char *base64 = crypto_base64(pair, strlen(pair));
    char *value = arena_printf(arena, "Basic %s", base64);
    free(base64);
    return value;
}

int channel_build(const struct channel *channel, const struct notice *notice,
                  const struct channel_moment *moment, struct arena *arena,
                  struct channel_request *ret_request, struct err *err) {
    const struct channel_row *row = channel_row(channel->kind);
    struct notice told = *notice;
    int r = notice_check(notice, err);
    if (r < 0) {
        return r;
    }
    told.language = channel->has_language ? channel->language : notice->language;
    for (size_t text_bytes = row->text_bytes; text_bytes >= TEXT_BYTES_MIN; text_bytes /= 2) {
        struct channel_request request = {0};
        r = row->build(channel, &told, moment, text_bytes, arena, &request, err);
        if (r < 0 || request.body_bytes <= row->body_bytes) {
            *ret_request = request;
            return r;
        }
    }
    return err_set(err, ERR_TOO_LARGE, "the message is too long for %s, however short its text is",
                   row->name);
}
