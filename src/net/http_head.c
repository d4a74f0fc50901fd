/* SPDX-License-Identifier: Apache-2.0
 * http_head.c: see http_head.h. */
#include "net/http_head.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const char *status_text(int status) {
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].text;
        }
    }
    return "Status";
}

/* Headers that every reply has unless the handler gave its own. The policies are those of an API:
 * nothing of an answer may be kept, framed, sniffed or run. */
enum ours {
    OURS_REQUEST_ID,
    OURS_DATE,
    OURS_CACHE,
    OURS_SNIFF,
    OURS_FRAME,
    OURS_REFERRER,
    OURS_POLICY,
    OURS_TRANSPORT,
    OURS_COUNT,
};

static const struct {
    const char *name;
    const char *value; /* NULL: known only when it is written */
} ours[] = {
    [OURS_REQUEST_ID] = {"Request-Id", NULL},
    [OURS_DATE] = {"Date", NULL},
    [OURS_CACHE] = {"Cache-Control", "no-store"},
    [OURS_SNIFF] = {"X-Content-Type-Options", "nosniff"},
    [OURS_FRAME] = {"X-Frame-Options", "DENY"},
    [OURS_REFERRER] = {"Referrer-Policy", "no-referrer"},
    [OURS_POLICY] = {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    [OURS_TRANSPORT] = {"Strict-Transport-Security", "max-age=31536000"},
};
static_assert(COUNT_OF(ours) == OURS_COUNT, "every header of ours has a row");

const char *http_date(struct http_date *date, int64_t wall_us) {
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t second = wall_us / US_PER_SECOND;
    if (second != date->second || date->text[0] == '\0') {
        char text[CLOCK_TEXT_MAX];
        clock_format(second * US_PER_SECOND, text);       /* "2026-11-20T08:00:00Z" */
        const char *day = days[second / (24 * 3600) % 7]; /* 1 January 1970 was a Thursday */
        int month = (text[5] - '0') * 10 + (text[6] - '0');
        (void)snprintf(date->text, sizeof(date->text), "%s, %.2s %.3s %.4s %.8s GMT", day, text + 8,
                       months + (month - 1) * 3, text, text + 11);
        date->second = second;
    }
    return date->text;
}

static bool line_is(const char *line, const char *name) {
    size_t bytes = strlen(name);
    return strncasecmp(line, name, bytes) == 0 && line[bytes] == ':';
}

/* Which of our headers the handler gave itself, as a set of bits. */
static unsigned given(const struct buf *headers) {
    unsigned set = 0;
    for (const char *line = headers->data; *line != '\0';) {
        for (unsigned i = 0; i < OURS_COUNT; i++) {
            set |= line_is(line, ours[i].name) ? 1U << i : 0;
        }
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return set;
}

static void line_add(struct buf *out, const char *name, const char *value) {
    buf_add_text(out, name);
    buf_add(out, ": ", 2);
    buf_add_text(out, value);
    buf_add(out, "\r\n", 2);
}

bool http_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

bool http_head_closes(const struct buf *headers) {
    for (const char *line = headers->data; *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (strncasecmp(line, "Connection: close\r\n", strlen("Connection: close\r\n")) == 0) {
            return true;
        }
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return false;
}

void http_head_write(struct buf *out, const struct http_head *head) {
    unsigned set = given(head->headers);
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_int(out, head->status);
    buf_add_char(out, ' ');
    buf_add_text(out, status_text(head->status));
    buf_add(out, "\r\n", 2);
    buf_add(out, head->headers->data, head->headers->len);
    for (unsigned i = 0; i < OURS_COUNT; i++) {
        const char *value = i == OURS_REQUEST_ID ? head->request_id
                            : i == OURS_DATE     ? head->date
                                                 : ours[i].value;
        bool wanted = i != OURS_TRANSPORT || head->tls;
        if (wanted && (set & (1U << i)) == 0) {
            line_add(out, ours[i].name, value);
        }
    }
    if (head->close && !http_head_closes(head->headers)) {
        line_add(out, "Connection", "close");
    } else if (head->keep_alive && !head->close) {
        line_add(out, "Connection", "keep-alive");
    }
    if (http_status_has_body(head->status)) {
        buf_add_text(out, "Content-Length: ");
        buf_add_int(out, (int64_t)head->body_bytes);
        buf_add(out, "\r\n", 2);
    }
    buf_add(out, "\r\n", 2);
}

void http_reply_problem(struct http_reply *reply, int status, enum err_code code,
                        const char *detail, const char *request_id) {
    buf_clear(&reply->headers);
    buf_clear(&reply->body);
    reply->status = status;
    reply->delay_us = 0;
    reply->cut_after_bytes = 0;
    reply->never = false;
    http_reply_header(reply, "Content-Type", "application/problem+json");
    buf_addf(&reply->body,
             "{\"type\":\"" ERR_TYPE_PREFIX "%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
             "\"request_id\":\"%s\"}\n",
             err_type(code), err_title(code), status, detail, request_id);
}
