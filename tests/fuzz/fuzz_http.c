/* SPDX-License-Identifier: Apache-2.0
 * fuzz_http.c: a connection's bytes mean the same however they are cut: whole, byte by byte, and in
 * pieces of a few bytes they give the same requests and the same refusal. A request that is taken
 * holds what the header promises, and written again in its plainest form it is taken again with
 * equal fields. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "fuzz.h"
#include "net/http_parse.h"

enum { INPUT_BYTES_MAX = 64 * 1024, TRANSCRIPT_BYTES_MAX = 16 * 1024 * 1024 };

/* Small limits, so that they are met. */
static const struct http_parse_limits limits = {
    .line_bytes_max = 256, .header_bytes_max = 1024, .headers_max = 16, .body_bytes_max = 512};

static bool is_framing(const char *name) {
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Transfer-Encoding") == 0;
}

/* Everything of a request but how its body was framed. */
static void fields_write(const struct http_request *request, bool keep_alive, struct buf *out) {
    buf_addf(out, "[%s][%s][%s][%d]", request->method, request->path, request->query, keep_alive);
    for (int i = 0; i < request->header_count; i++) {
        if (!is_framing(request->headers[i].name)) {
            buf_addf(out, "[%s=%s]", request->headers[i].name, request->headers[i].value);
        }
    }
    buf_addf(out, "[%zu:", request->body_bytes);
    buf_add(out, request->body, request->body_bytes);
    buf_add_text(out, "]\n");
}

static bool has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static void check_request(const struct http_request *request) {
    bool star = strcmp(request->path, "*") == 0;
    char last[4] = {'/'};
    INVARIANT(request->path[0] == '/' || (star && strcmp(request->method, "OPTIONS") == 0),
              "a path");
    INVARIANT(strstr(request->path, "//") == NULL && strstr(request->path, "/../") == NULL &&
                  strstr(request->path, "/./") == NULL && strchr(request->path, '\\') == NULL,
              "nothing another reader could take for another path");
    size_t bytes = strlen(request->path);
    memcpy(last, request->path + (bytes < 3 ? 0 : bytes - 3), bytes < 3 ? bytes : 3);
    INVARIANT(strcmp(last, "/..") != 0 && strcmp(last + (bytes < 3 ? 0 : 1), "/.") != 0, "no dots");
    INVARIANT(!has_control(request->path) && !has_control(request->query), "no control character");
    int hosts = 0;
    for (int i = 0; i < request->header_count; i++) {
        const char *value = request->headers[i].value;
        size_t value_bytes = strlen(value);
        const char *name = request->headers[i].name;
        INVARIANT(http_is_token(name, strlen(name)), "a name");
        INVARIANT(!has_control(value), "no control character");
        INVARIANT(value_bytes == 0 || (strchr(" \t", value[0]) == NULL &&
                                       strchr(" \t", value[value_bytes - 1]) == NULL),
                  "trimmed");
        hosts += strcasecmp(request->headers[i].name, "Host") == 0 ? 1 : 0;
    }
    INVARIANT(hosts == 1 && request->header_count <= limits.headers_max, "one Host, few headers");
    INVARIANT((int64_t)request->body_bytes <= limits.body_bytes_max &&
                  request->body[request->body_bytes] == '\0',
              "a short body, with its NUL");
}

/* The plainest bytes for a request. */
static void rewrite(const struct http_request *request, bool old, struct buf *out) {
    static const char plain[] = "-._~!$&'()*+,;=:@/";
    buf_add_text(out, request->method);
    buf_add_char(out, ' ');
    for (const char *c = request->path; *c != '\0'; c++) {
        if (g_ascii_isalnum(*c) || strchr(plain, *c) != NULL) {
            buf_add_char(out, *c);
        } else {
            buf_addf(out, "%%%02x", (unsigned char)*c);
        }
    }
    buf_addf(out, "%s%s HTTP/1.%d\r\n", request->query[0] != '\0' ? "?" : "", request->query,
             old ? 0 : 1);
    for (int i = 0; i < request->header_count; i++) {
        if (!is_framing(request->headers[i].name)) {
            buf_addf(out, "%s:%s\r\n", request->headers[i].name, request->headers[i].value);
        }
    }
    if (request->body_bytes > 0) {
        buf_addf(out, "Content-Length:%zu\r\n", request->body_bytes);
    }
    buf_add_text(out, "\r\n");
    buf_add(out, request->body, request->body_bytes);
}

/* http-parser takes a name that goes on behind "Transfer-Encoding" for that header itself, and
 * refuses the request unless its body is chunked after all: it cannot be written plainer. */
static bool is_mistaken(const struct http_request *request) {
    size_t bytes = strlen("Transfer-Encoding");
    for (int i = 0; i < request->header_count; i++) {
        const char *name = request->headers[i].name;
        if (strncasecmp(name, "Transfer-Encoding", bytes) == 0 && name[bytes] != '\0') {
            return true;
        }
    }
    return false;
}

/* Feeds it whole, head and body. */
static enum http_step feed_whole(struct http_parse *parse, const char *bytes, size_t count,
                                 size_t *ret_used) {
    size_t used = 0;
    enum http_step step = http_parse_feed(parse, bytes, count, ret_used);
    while (step == HTTP_STEP_HEAD && *ret_used < count) {
        step = http_parse_feed(parse, bytes + *ret_used, count - *ret_used, &used);
        *ret_used += used;
    }
    return step;
}

static void check_again(struct http_parse *first) {
    struct buf fields, fields_again, bytes;
    size_t used = 0;
    if (is_mistaken(http_parse_request(first))) {
        return;
    }
    buf_init(&fields, TRANSCRIPT_BYTES_MAX);
    buf_init(&fields_again, TRANSCRIPT_BYTES_MAX);
    buf_init(&bytes, TRANSCRIPT_BYTES_MAX);
    fields_write(http_parse_request(first), http_parse_keep_alive(first), &fields);
    rewrite(http_parse_request(first), http_parse_is_old(first), &bytes);
    struct http_parse *again = http_parse_new(&limits);
    INVARIANT(feed_whole(again, bytes.data, bytes.len, &used) == HTTP_STEP_DONE, "taken again");
    INVARIANT(used == bytes.len, "to its end");
    fields_write(http_parse_request(again), http_parse_keep_alive(again), &fields_again);
    INVARIANT(strcmp(fields.data, fields_again.data) == 0, "with equal fields");
    http_parse_free(again);
    buf_release(&fields);
    buf_release(&fields_again);
    buf_release(&bytes);
}

/* Feeds one connection's bytes in pieces of `piece` bytes; writes down all that comes of it. */
static void run(const char *bytes, size_t count, size_t piece, struct buf *transcript) {
    struct http_parse *parse = http_parse_new(&limits);
    enum http_step step = HTTP_STEP_MORE;
    size_t at = 0;
    size_t end = 0;
    while (step != HTTP_STEP_REFUSED && at < count) {
        end = at < end ? end : (count - at < piece ? count : at + piece);
        size_t used = 0;
        char *copy = malloc(end - at); /* of its own, so that reading past it is seen */
        INVARIANT(copy != NULL, "memory");
        memcpy(copy, bytes + at, end - at);
        step = http_parse_feed(parse, copy, end - at, &used);
        free(copy);
        INVARIANT(used <= end - at && (used > 0 || step == HTTP_STEP_REFUSED), "it goes on");
        at += used;
        if (step == HTTP_STEP_DONE) {
            check_request(http_parse_request(parse));
            fields_write(http_parse_request(parse), http_parse_keep_alive(parse), transcript);
            check_again(parse);
            http_parse_reset(parse);
        }
    }
    if (step == HTTP_STEP_REFUSED) {
        buf_addf(transcript, "refused with %d\n", (int)http_parse_refusal(parse));
    } else {
        buf_addf(transcript, "waits at %zu\n", at);
    }
    http_parse_free(parse);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    if (count > INPUT_BYTES_MAX) {
        return 0;
    }
    /* The last byte says how long the pieces of the third run are. */
    const size_t pieces[] = {INPUT_BYTES_MAX, 1, count > 0 ? 2 + (size_t)bytes[count - 1] % 61 : 2};
    struct buf whole;
    buf_init(&whole, TRANSCRIPT_BYTES_MAX);
    run((const char *)bytes, count, pieces[0], &whole);
    for (size_t i = 1; i < 3; i++) {
        struct buf cut;
        buf_init(&cut, TRANSCRIPT_BYTES_MAX);
        run((const char *)bytes, count, pieces[i], &cut);
        INVARIANT(buf_ok(&whole) && buf_ok(&cut), "room for the transcripts");
        INVARIANT(whole.len == cut.len && memcmp(whole.data, cut.data, cut.len) == 0,
                  "the same outcome however it is cut");
        buf_release(&cut);
    }
    buf_release(&whole);
    return 0;
}
