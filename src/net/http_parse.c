/* SPDX-License-Identifier: Apache-2.0
 * http_parse.c: see http_parse.h. */
#include "net/http_parse.h"

#include "net/http_target.h"

#include <glib.h>
#include <http_parser.h>
#include <string.h>
#include <strings.h>

enum { KEPT_BYTES_MAX = 4096 }; /* what a buffer may keep between two requests */

enum state {
    STATE_LINE,
    STATE_HEADERS,
    STATE_LENGTH,
    STATE_SIZE,
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILERS,
    STATE_DONE,
    STATE_REFUSED,
};

struct http_parse {
    struct http_parse_limits limits;
    enum state state;
    enum http_refusal refusal;
    /* The glue's own reading. */
    struct http_lines lines;
    struct buf head;     /* the request line and the headers, later cut into texts in place */
    struct buf trailers; /* checked, then dropped */
    size_t line_bytes;   /* the request line with its CR LF */
    int blank_lines;
    int header_lines;
    int trailer_lines;
    bool is_head;
    bool chunked;
    bool expects_continue;
    bool keep_alive;
    int64_t left;       /* of the body or the chunk */
    int64_t body_bytes; /* of the whole body, as far as it has been said */
    int size_digits;
    int extension_bytes;  /* of this chunk */
    int extensions_bytes; /* of all chunks */
    struct {
        uint32_t name, name_bytes, value, value_bytes; /* where in the head */
    } spans[HTTP_HEADERS_MAX];
    /* What http-parser saw. */
    http_parser parser;
    struct seen *seen; /* while it reads the head, else NULL */
    bool seen_end;
    struct buf body;
    struct http_header headers[HTTP_HEADERS_MAX];
    struct http_request request;
};

/* ---- what http-parser tells ---- */

struct span {
    const char *at;
    size_t bytes;
};

/* The head as http-parser saw it. A text may be told in several pieces; they are neighbours. */
struct seen {
    struct span url;
    struct span names[HTTP_HEADERS_MAX];
    struct span values[HTTP_HEADERS_MAX];
    int count;
    bool in_value; /* the last piece was of a value */
    bool complete;
};

static void span_add(struct span *span, const char *at, size_t count) {
    if (span->at == NULL) {
        span->at = at;
    }
    span->bytes += count;
}

static int on_url(http_parser *parser, const char *at, size_t count) {
    struct seen *seen = ((struct http_parse *)parser->data)->seen;
    if (seen == NULL) {
        return 1; /* a second message within the first */
    }
    span_add(&seen->url, at, count);
    return 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t count) {
    struct seen *seen = ((struct http_parse *)parser->data)->seen;
    if (seen == NULL) {
        return 0; /* a trailer: the glue has looked at it and it is dropped */
    }
    if (seen->count == 0 || seen->in_value) {
        if (seen->count == HTTP_HEADERS_MAX) {
            return 1;
        }
        seen->names[seen->count] = seen->values[seen->count] = (struct span){0};
        seen->count++;
        seen->in_value = false;
    }
    span_add(&seen->names[seen->count - 1], at, count);
    return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t count) {
    struct seen *seen = ((struct http_parse *)parser->data)->seen;
    if (seen == NULL) {
        return 0;
    }
    if (seen->count == 0) {
        return 1;
    }
    seen->in_value = true;
    span_add(&seen->values[seen->count - 1], at, count);
    return 0;
}

static int on_headers_complete(http_parser *parser) {
    struct seen *seen = ((struct http_parse *)parser->data)->seen;
    if (seen == NULL) {
        return -1;
    }
    seen->complete = true;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t count) {
    struct http_parse *parse = parser->data;
    buf_add(&parse->body, at, count);
    return buf_ok(&parse->body) ? 0 : 1;
}

static int on_message_complete(http_parser *parser) {
    struct http_parse *parse = parser->data;
    parse->seen_end = true;
    parse->keep_alive = http_should_keep_alive(parser) != 0;
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* Gives http-parser bytes that the glue has passed. */
static bool parser_takes(struct http_parse *parse, const char *bytes, size_t count) {
    return http_parser_execute(&parse->parser, &settings, bytes, count) == count &&
           HTTP_PARSER_ERRNO(&parse->parser) == HPE_OK;
}

/* ---- life ---- */

struct http_parse *http_parse_new(const struct http_parse_limits *limits) {
    INVARIANT(limits->headers_max <= HTTP_HEADERS_MAX, "the table of headers has a fixed size");
    struct http_parse *parse = g_new0(struct http_parse, 1);
    parse->limits = *limits;
    buf_init(&parse->head, (size_t)limits->line_bytes_max + (size_t)limits->header_bytes_max + 2);
    buf_init(&parse->trailers, HTTP_TRAILER_BYTES_MAX);
    buf_init(&parse->body, (size_t)limits->body_bytes_max);
    http_parse_reset(parse);
    return parse;
}

void http_parse_free(struct http_parse *parse) {
    if (parse == NULL) {
        return;
    }
    buf_release(&parse->head);
    buf_release(&parse->trailers);
    buf_release(&parse->body);
    g_free(parse);
}

static void buf_empty(struct buf *buf) {
    if (buf->cap <= KEPT_BYTES_MAX) {
        buf_clear(buf);
        return;
    }
    size_t bytes_max = buf->max;
    buf_release(buf);
    buf_init(buf, bytes_max);
}

void http_parse_reset(struct http_parse *parse) {
    buf_empty(&parse->head);
    buf_empty(&parse->trailers);
    buf_empty(&parse->body);
    parse->state = STATE_LINE;
    parse->refusal = HTTP_REFUSAL_NONE;
    parse->lines = (struct http_lines){0};
    parse->line_bytes = 0;
    parse->blank_lines = parse->header_lines = parse->trailer_lines = 0;
    parse->is_head = parse->chunked = parse->expects_continue = parse->keep_alive = false;
    parse->left = parse->body_bytes = 0;
    parse->size_digits = parse->extension_bytes = parse->extensions_bytes = 0;
    parse->seen = NULL;
    parse->seen_end = false;
    parse->request = (struct http_request){0};
    http_parser_init(&parse->parser, HTTP_REQUEST);
    parse->parser.data = parse;
}

enum http_refusal http_parse_refusal(const struct http_parse *parse) {
    return parse->refusal;
}

struct http_request *http_parse_request(struct http_parse *parse) {
    return &parse->request;
}

bool http_parse_keep_alive(const struct http_parse *parse) {
    return parse->keep_alive;
}

bool http_parse_expects_continue(const struct http_parse *parse) {
    return parse->expects_continue;
}

bool http_parse_is_head(const struct http_parse *parse) {
    return parse->is_head;
}

bool http_parse_is_old(const struct http_parse *parse) {
    return parse->parser.http_minor == 0;
}

/* ---- the request line ---- */

static bool version_shaped(const char *text, size_t bytes) {
    return bytes == 8 && memcmp(text, "HTTP/", 5) == 0 && text[5] >= '0' && text[5] <= '9' &&
           text[6] == '.' && text[7] >= '0' && text[7] <= '9';
}

static enum http_refusal method_check(struct http_parse *parse, const char *method, size_t bytes) {
    static const char *const served[] = {"GET",   "POST",   "HEAD",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < COUNT_OF(served); i++) {
        if (strlen(served[i]) == bytes && memcmp(served[i], method, bytes) == 0) {
            parse->is_head = strcmp(served[i], "HEAD") == 0;
            return HTTP_REFUSAL_NONE;
        }
    }
    bool connect = bytes == 7 && memcmp(method, "CONNECT", 7) == 0;
    return connect ? HTTP_REFUSAL_CONNECT : HTTP_REFUSAL_METHOD;
}

/* The line without its CR LF. In the order: shape, version, method. */
static enum http_refusal request_line_check(struct http_parse *parse, const char *line,
                                            size_t bytes) {
    const char *first = memchr(line, ' ', bytes);
    const char *last = memrchr(line, ' ', bytes);
    if (first == NULL || last - first < 2 || !http_is_token(line, (size_t)(first - line)) ||
        memchr(first + 1, ' ', (size_t)(last - first - 1)) != NULL ||
        memchr(line, '\t', bytes) != NULL ||
        !version_shaped(last + 1, bytes - (size_t)(last + 1 - line))) {
        return HTTP_REFUSAL_REQUEST_LINE;
    }
    if (last[6] != '1' || last[8] > '1') {
        return HTTP_REFUSAL_VERSION;
    }
    return method_check(parse, line, (size_t)(first - line));
}

/* A line so long without a blank is no method: said before the line's limit is reached. */
static bool method_endless(const struct buf *head) {
    return head->len > HTTP_METHOD_BYTES_MAX &&
           memchr(head->data, ' ', HTTP_METHOD_BYTES_MAX + 1) == NULL;
}

/* ---- the head as a whole ---- */

static bool span_is(const struct span *span, const char *at, size_t bytes) {
    return span->bytes == bytes && (bytes == 0 || span->at == at);
}

/* Lets http-parser read the head; true when it found the very texts that the glue found. It leaves
 * the blanks behind a value on. */
static bool head_agreed(struct http_parse *parse) {
    struct seen seen = {0};
    const char *data = parse->head.data;
    parse->seen = &seen;
    bool taken = parser_takes(parse, data, parse->head.len);
    parse->seen = NULL;
    const char *target = (const char *)memchr(data, ' ', parse->line_bytes) + 1;
    size_t target_bytes = parse->line_bytes - (size_t)(target - data) - strlen(" HTTP/1.1\r\n");
    if (!taken || !seen.complete || seen.count != parse->header_lines ||
        !span_is(&seen.url, target, target_bytes)) {
        return false;
    }
    for (int i = 0; i < seen.count; i++) {
        struct span *value = &seen.values[i];
        while (value->bytes > 0 &&
               (value->at[value->bytes - 1] == ' ' || value->at[value->bytes - 1] == '\t')) {
            value->bytes--;
        }
        if (!span_is(&seen.names[i], data + parse->spans[i].name, parse->spans[i].name_bytes) ||
            !span_is(value, data + parse->spans[i].value, parse->spans[i].value_bytes)) {
            return false;
        }
    }
    return true;
}

/* Cuts the texts out of the head in place: behind each stands a byte that is no longer needed.
 * Returns the target. */
static char *head_cut(struct http_parse *parse) {
    char *data = parse->head.data;
    char *target = (char *)memchr(data, ' ', parse->line_bytes) + 1;
    target[-1] = '\0';
    data[parse->line_bytes - strlen(" HTTP/1.1\r\n")] = '\0';
    for (int i = 0; i < parse->header_lines; i++) {
        data[parse->spans[i].name + parse->spans[i].name_bytes] = '\0';
        data[parse->spans[i].value + parse->spans[i].value_bytes] = '\0';
        parse->headers[i].name = data + parse->spans[i].name;
        parse->headers[i].value = data + parse->spans[i].value;
    }
    parse->request.method = data;
    parse->request.headers = parse->headers;
    parse->request.header_count = parse->header_lines;
    parse->request.body = "";
    return target;
}

/* How many headers of that name there are; `ret_value` is the last one's value. */
static int headers_named(const struct http_parse *parse, const char *name, const char **ret_value) {
    int count = 0;
    for (int i = 0; i < parse->header_lines; i++) {
        if (strcasecmp(parse->headers[i].name, name) == 0) {
            *ret_value = parse->headers[i].value;
            count++;
        }
    }
    return count;
}

/* A plain number below 2^63, without leading zeros. */
static bool length_read(const char *text, int64_t *ret_length) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 19 || text[digits] != '\0' || (digits > 1 && text[0] == '0') ||
        (digits == 19 && strcmp(text, "9223372036854775807") > 0)) {
        return false;
    }
    *ret_length = strtoll(text, NULL, 10);
    return true;
}

/* Where the body ends. */
static enum http_refusal framing_check(struct http_parse *parse) {
    const char *length = NULL;
    const char *encoding = NULL;
    int lengths = headers_named(parse, "Content-Length", &length);
    int encodings = headers_named(parse, "Transfer-Encoding", &encoding);
    if (lengths > 0 && encodings > 0) {
        return HTTP_REFUSAL_LENGTH_AND_CHUNKS;
    }
    if (lengths > 1) {
        return HTTP_REFUSAL_LENGTH_COUNT;
    }
    if (encodings > 1 ||
        (encodings == 1 && (strcmp(encoding, "chunked") != 0 || parse->parser.http_minor != 1))) {
        return HTTP_REFUSAL_ENCODING;
    }
    parse->chunked = encodings == 1;
    if (lengths == 1 && !length_read(length, &parse->left)) {
        return HTTP_REFUSAL_LENGTH_FORM;
    }
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal target_check(struct http_parse *parse, char *text, const char *host) {
    bool options = strcmp(parse->request.method, "OPTIONS") == 0;
    struct http_target target = {0};
    enum http_refusal refusal = http_target_read(text, options, parse->limits.tls, host, &target);
    parse->request.path = target.path;
    parse->request.query = target.query;
    return refusal;
}

static enum http_refusal expect_check(struct http_parse *parse) {
    const char *expect = NULL;
    int count = headers_named(parse, "Expect", &expect);
    if (count > 1 || (count == 1 && strcasecmp(expect, "100-continue") != 0)) {
        return HTTP_REFUSAL_EXPECT;
    }
    bool body = parse->chunked || parse->left > 0;
    parse->expects_continue = count == 1 && body && parse->parser.http_minor == 1;
    return HTTP_REFUSAL_NONE;
}

/* The whole policy over a complete head, in its order: Host, framing, target, expectation, length;
 * whether http-parser agrees comes last, so that our own sentences are heard first. */
static enum http_refusal head_check(struct http_parse *parse) {
    bool agreed = head_agreed(parse);
    char *target = head_cut(parse);
    const char *host = NULL;
    if (headers_named(parse, "Host", &host) != 1) {
        return HTTP_REFUSAL_HOST_COUNT;
    }
    if (!http_host_ok(host)) {
        return HTTP_REFUSAL_HOST_FORM;
    }
    enum http_refusal refusal = framing_check(parse);
    refusal = refusal != HTTP_REFUSAL_NONE ? refusal : target_check(parse, target, host);
    refusal = refusal != HTTP_REFUSAL_NONE ? refusal : expect_check(parse);
    if (refusal != HTTP_REFUSAL_NONE) {
        return refusal;
    }
    if (parse->left > parse->limits.body_bytes_max) {
        return HTTP_REFUSAL_BODY_LONG;
    }
    bool body = parse->chunked || parse->left > 0;
    return agreed && parse->seen_end == !body ? HTTP_REFUSAL_NONE : HTTP_REFUSAL_DISAGREED;
}

/* ---- the lines of the head ---- */

/* A whole header line: remembers where its name and its value are. */
static enum http_refusal header_line(struct http_parse *parse, size_t start, size_t bytes) {
    const char *line = parse->head.data + start;
    size_t name_bytes = 0;
    enum http_refusal refusal = http_line_header(line, bytes, &name_bytes);
    if (refusal != HTTP_REFUSAL_NONE) {
        return refusal;
    }
    if (parse->header_lines == parse->limits.headers_max) {
        return HTTP_REFUSAL_HEADERS_MANY;
    }
    size_t from = name_bytes + 1;
    size_t to = bytes;
    while (from < to && (line[from] == ' ' || line[from] == '\t')) {
        from++;
    }
    while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t')) {
        to--;
    }
    int i = parse->header_lines++;
    parse->spans[i].name = (uint32_t)start;
    parse->spans[i].name_bytes = (uint32_t)name_bytes;
    parse->spans[i].value = (uint32_t)(start + from);
    parse->spans[i].value_bytes = (uint32_t)(to - from);
    return HTTP_REFUSAL_NONE;
}

/* A line of the head has come whole; moves on. */
static enum http_refusal head_line(struct http_parse *parse) {
    size_t start = parse->lines.start;
    size_t bytes = parse->head.len - start - 2;
    parse->lines.start = parse->head.len;
    parse->lines.after_cr = false;
    if (parse->state == STATE_LINE && bytes == 0) {
        buf_clear(&parse->head);
        parse->lines.start = 0;
        return ++parse->blank_lines > 1 ? HTTP_REFUSAL_BLANK_LINES : HTTP_REFUSAL_NONE;
    }
    if (parse->state == STATE_LINE) {
        parse->state = STATE_HEADERS;
        parse->line_bytes = bytes + 2;
        return request_line_check(parse, parse->head.data, bytes);
    }
    if (bytes > 0) {
        return header_line(parse, start, bytes);
    }
    enum http_refusal refusal = head_check(parse);
    if (refusal != HTTP_REFUSAL_NONE) {
        return refusal;
    }
    parse->body_bytes = parse->left;
    parse->state = parse->chunked ? STATE_SIZE : parse->left > 0 ? STATE_LENGTH : STATE_DONE;
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal head_feed(struct http_parse *parse, const char *bytes, size_t count,
                                   size_t *ret_used) {
    bool first = parse->state == STATE_LINE;
    size_t len = parse->head.len;
    if (first && len <= HTTP_METHOD_BYTES_MAX && count > HTTP_METHOD_BYTES_MAX + 1 - len) {
        count = HTTP_METHOD_BYTES_MAX + 1 - len; /* look at the method before reading on */
    }
    size_t bytes_max = first ? (size_t)parse->limits.line_bytes_max + 2
                             : parse->line_bytes + (size_t)parse->limits.header_bytes_max;
    int found = http_lines_take(&parse->lines, &parse->head, bytes, count, bytes_max,
                                first ? HTTP_REFUSAL_LINE_LONG : HTTP_REFUSAL_HEADERS_LONG,
                                ret_used);
    if (found < 0) {
        return (enum http_refusal) - found;
    }
    if (found == 1) {
        return head_line(parse);
    }
    return first && method_endless(&parse->head) ? HTTP_REFUSAL_REQUEST_LINE : HTTP_REFUSAL_NONE;
}

/* ---- the body ---- */

static enum http_refusal size_byte(struct http_parse *parse, char c) {
    int digit = g_ascii_xdigit_value(c);
    if (digit >= 0 && parse->size_digits < HTTP_CHUNK_DIGITS_MAX) {
        parse->size_digits++;
        parse->left = parse->left * 16 + digit;
        return HTTP_REFUSAL_NONE;
    }
    if (parse->size_digits == 0 || (c != ';' && c != '\r')) {
        return HTTP_REFUSAL_CHUNK_SIZE;
    }
    parse->state = c == ';' ? STATE_EXTENSION : STATE_SIZE_LF;
    parse->extension_bytes = 0;
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal extension_byte(struct http_parse *parse, char c) {
    if (c == '\r') {
        parse->state = STATE_SIZE_LF;
        return HTTP_REFUSAL_NONE;
    }
    if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f ||
        ++parse->extension_bytes >= HTTP_CHUNK_EXTENSION_MAX ||
        ++parse->extensions_bytes > HTTP_CHUNK_EXTENSIONS_MAX) {
        return HTTP_REFUSAL_CHUNK_EXTENSION;
    }
    return HTTP_REFUSAL_NONE;
}

/* The LF behind a size: the chunk begins, or, when its size is 0, the trailers. */
static enum http_refusal size_end(struct http_parse *parse, char c) {
    if (c != '\n') {
        return HTTP_REFUSAL_CHUNK_SIZE;
    }
    parse->size_digits = 0;
    parse->body_bytes += parse->left;
    if (parse->body_bytes > parse->limits.body_bytes_max) {
        return HTTP_REFUSAL_BODY_LONG;
    }
    parse->state = parse->left > 0 ? STATE_DATA : STATE_TRAILERS;
    parse->lines = (struct http_lines){0};
    return HTTP_REFUSAL_NONE;
}

static enum http_refusal data_end(struct http_parse *parse, char c) {
    if (c != (parse->state == STATE_DATA_CR ? '\r' : '\n')) {
        return HTTP_REFUSAL_CHUNK_END;
    }
    parse->state = parse->state == STATE_DATA_CR ? STATE_DATA_LF : STATE_SIZE;
    return HTTP_REFUSAL_NONE;
}

static bool trailer_forbidden(const char *name, size_t bytes) {
    static const char *const forbidden[] = {"Content-Length", "Transfer-Encoding", "Host"};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        if (strlen(forbidden[i]) == bytes && strncasecmp(forbidden[i], name, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static enum http_refusal trailer_line(struct http_parse *parse, const char *line, size_t bytes) {
    size_t name_bytes = 0;
    if (bytes == 0) {
        parse->state = STATE_DONE;
        return HTTP_REFUSAL_NONE;
    }
    if (++parse->trailer_lines > HTTP_TRAILERS_MAX) {
        return HTTP_REFUSAL_TRAILERS_LONG;
    }
    enum http_refusal refusal = http_line_header(line, bytes, &name_bytes);
    if (refusal != HTTP_REFUSAL_NONE) {
        return refusal;
    }
    return trailer_forbidden(line, name_bytes) ? HTTP_REFUSAL_TRAILER : HTTP_REFUSAL_NONE;
}

static enum http_refusal trailer_feed(struct http_parse *parse, const char *bytes, size_t count,
                                      size_t *ret_used) {
    int found = http_lines_take(&parse->lines, &parse->trailers, bytes, count,
                                HTTP_TRAILER_BYTES_MAX, HTTP_REFUSAL_TRAILERS_LONG, ret_used);
    if (found <= 0) {
        return (enum http_refusal) - found;
    }
    size_t start = parse->lines.start;
    parse->lines = (struct http_lines){.start = parse->trailers.len};
    enum http_refusal refusal = trailer_line(parse, parse->trailers.data + start,
                                             parse->trailers.len - start - 2);
    *ret_used -= refusal == HTTP_REFUSAL_NONE ? 0 : 1;
    return refusal;
}

static size_t data_feed(struct http_parse *parse, size_t count) {
    size_t step = (int64_t)count < parse->left ? count : (size_t)parse->left;
    parse->left -= (int64_t)step;
    if (parse->left == 0) {
        parse->state = parse->state == STATE_LENGTH ? STATE_DONE : STATE_DATA_CR;
    }
    return step;
}

/* One byte around the chunks. */
static enum http_refusal chunk_byte(struct http_parse *parse, char c) {
    switch (parse->state) {
    case STATE_SIZE:
        return size_byte(parse, c);
    case STATE_EXTENSION:
        return extension_byte(parse, c);
    case STATE_SIZE_LF:
        return size_end(parse, c);
    default:
        return data_end(parse, c);
    }
}

/* One step of the glue through the body. When it refuses, `ret_used` counts the bytes before the
 * one that decided it. */
static enum http_refusal body_step(struct http_parse *parse, const char *bytes, size_t count,
                                   size_t *ret_used) {
    if (parse->state == STATE_LENGTH || parse->state == STATE_DATA) {
        *ret_used = data_feed(parse, count);
        return HTTP_REFUSAL_NONE;
    }
    if (parse->state == STATE_TRAILERS) {
        return trailer_feed(parse, bytes, count, ret_used);
    }
    enum http_refusal refusal = chunk_byte(parse, bytes[0]);
    *ret_used = refusal == HTTP_REFUSAL_NONE ? 1 : 0;
    return refusal;
}

/* The glue goes first, http-parser after it over what the glue took; both must see the same end.
 * A disagreement about earlier bytes is heard before a refusal of later ones (invariant 1). */
static enum http_refusal body_feed(struct http_parse *parse, const char *bytes, size_t count,
                                   size_t *ret_used) {
    size_t used = 0;
    enum http_refusal refusal = HTTP_REFUSAL_NONE;
    while (used < count && parse->state != STATE_DONE && refusal == HTTP_REFUSAL_NONE) {
        size_t step = 0;
        refusal = body_step(parse, bytes + used, count - used, &step);
        used += step;
    }
    *ret_used = used;
    bool taken = used == 0 || parser_takes(parse, bytes, used);
    bool ended = parse->state == STATE_DONE && refusal == HTTP_REFUSAL_NONE;
    if (!taken || parse->seen_end != ended ||
        (ended && (int64_t)parse->body.len != parse->body_bytes)) {
        return HTTP_REFUSAL_DISAGREED;
    }
    return refusal;
}

/* ---- the whole ---- */

static enum http_step refuse(struct http_parse *parse, enum http_refusal refusal) {
    parse->refusal = refusal;
    parse->state = STATE_REFUSED;
    return HTTP_STEP_REFUSED;
}

static enum http_step done(struct http_parse *parse) {
    parse->request.body = parse->body.data;
    parse->request.body_bytes = parse->body.len;
    return HTTP_STEP_DONE;
}

enum http_step http_parse_feed(struct http_parse *parse, const char *bytes, size_t count,
                               size_t *ret_used) {
    INVARIANT(parse->state != STATE_DONE && parse->state != STATE_REFUSED, "reset it first");
    size_t used = 0;
    while (used < count) {
        size_t step = 0;
        bool in_head = parse->state == STATE_LINE || parse->state == STATE_HEADERS;
        enum http_refusal refusal = (in_head ? head_feed : body_feed)(parse, bytes + used,
                                                                      count - used, &step);
        used += step;
        *ret_used = used;
        if (refusal != HTTP_REFUSAL_NONE) {
            return refuse(parse, refusal);
        }
        if (parse->state == STATE_DONE) {
            return done(parse);
        }
        if (in_head && parse->state > STATE_HEADERS) {
            return HTTP_STEP_HEAD;
        }
    }
    *ret_used = used;
    return HTTP_STEP_MORE;
}
