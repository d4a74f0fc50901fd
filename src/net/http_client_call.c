/* SPDX-License-Identifier: Apache-2.0
 * http_client_call.c: one call: options of the easy handle, what its callbacks gather, and what the
 * outcome says about the other side.
 *
 * Whether a request may have been sent is what libcurl's pre-request callback says, and stays said:
 * when a kept connection turns out to be dead, libcurl begins again on another one, and a refusal
 * there says nothing about the first try. For calls that must not be repeated, both ways to a
 * second try are shut: no new socket is opened, and the callback aborts on a kept one. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/http_client_impl.h"
#include "net/ip_range.h"
#include "net/http_lines.h"

enum {
    METHOD_CHARS_MAX = 16,
    CONNECT_DEFAULT_US = 2 * 1000 * 1000,
    BODY_FIRST_BYTES = 2048,
    HEAD_FIRST_BYTES = 1024,
};
#define TIMEOUT_US_MAX (24 * 3600 * US_PER_SECOND)

static void *must_grow(void *old, size_t bytes) {
    void *grown = realloc(old, bytes);
    INVARIANT(grown != NULL, "out of memory");
    return grown;
}

/* Callbacks: they run in the caller's task while the call is under way. */

static int on_prerequest(void *arg, char *remote_ip, char *local_ip, int remote_port,
                         int local_port) {
    struct http_slot *slot = arg;
    if (slot->sent && !slot->repeatable) {
        return CURL_PREREQFUNC_ABORT;
    }
    slot->tried_again = slot->sent;
    slot->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* Also an IPv6 address that stands for an IPv4 one is looked at as that. */
static bool is_public(const struct sockaddr *address) {
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes = address->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    bool known = address->sa_family == AF_INET || address->sa_family == AF_INET6;
    return known && inet_ntop(address->sa_family, bytes, text, sizeof text) != NULL &&
           ip_is_public(text);
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
    const struct http_slot *slot = arg;
    if (slot->sent && !slot->repeatable) {
        return CURL_SOCKET_BAD;
    }
    if (slot->public_only && !is_public(&address->addr)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void head_add(struct http_slot *slot, const char *bytes, size_t count) {
    size_t need = slot->head_len + count + 1;
    if (need > slot->head_cap) {
        size_t cap = slot->head_cap == 0 ? HEAD_FIRST_BYTES : slot->head_cap;
        while (cap < need) {
            cap *= 2;
        }
        slot->head = must_grow(slot->head, cap);
        slot->head_cap = cap;
    }
    memcpy(slot->head + slot->head_len, bytes, count);
    slot->head[slot->head_len + count] = '\0';
    slot->head_len += count;
}

static void trim(const char **text, size_t *count) {
    while (*count > 0 && ((*text)[0] == ' ' || (*text)[0] == '\t')) {
        (*text)++;
        (*count)--;
    }
    while (*count > 0 && strchr(" \t\r\n", (*text)[*count - 1]) != NULL) {
        (*count)--;
    }
}

/* Two lengths that differ: whoever trusts the wrong one reads a wrong answer. */
static bool length_contradicts(const struct http_slot *slot, const struct http_span *added) {
    if (strcasecmp(slot->head + added->name_at, "content-length") != 0) {
        return false;
    }
    for (const struct http_span *span = slot->spans; span < added; span++) {
        if (strcasecmp(slot->head + span->name_at, "content-length") == 0 &&
            strcmp(slot->head + span->value_at, slot->head + added->value_at) != 0) {
            return true;
        }
    }
    return false;
}

/* False: the answer is not to be read further. */
static bool take_header(struct http_slot *slot, const char *line, size_t count) {
    if (line[0] == ' ' || line[0] == '\t') { /* a folded line goes on with the value before it */
        trim(&line, &count);
        if (slot->span_count > 0) {
            slot->head[slot->head_len - 1] = ' ';
            head_add(slot, line, count);
            head_add(slot, "", 1);
        }
        return true;
    }
    const char *colon = memchr(line, ':', count);
    if (colon == NULL) {
        return true;
    }
    if (slot->span_count == HTTP_HEADERS_MAX) {
        slot->too_large = true;
        return false;
    }
    struct http_span *span = &slot->spans[slot->span_count++];
    size_t name_count = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t value_count = count - name_count - 1;
    trim(&line, &name_count);
    trim(&value, &value_count);
    span->name_at = slot->head_len;
    head_add(slot, line, name_count);
    head_add(slot, "", 1);
    span->value_at = slot->head_len;
    head_add(slot, value, value_count);
    head_add(slot, "", 1);
    slot->garbled = length_contradicts(slot, span);
    return !slot->garbled;
}

/* The status, or 0 when the line does not begin like "HTTP/1.1 200". */
static int status_of_line(const char *line, size_t count) {
    static const char shape[] = "HTTP/0.0 000"; /* 0: any digit */
    if (count < sizeof(shape) - 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (shape[i] == '0' ? !digit : line[i] != shape[i]) {
            return 0;
        }
    }
    return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

/* "HTTP/1.1 200 OK" begins a head, its empty line ends it; interim answers (1xx) come before the
 * real one; lines after the real one's end are trailers, which must not pass for headers. */
static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct http_slot *slot = arg;
    count *= size;
    slot->head_bytes += count;
    if (slot->head_bytes > HTTP_HEAD_BYTES_MAX) {
        slot->too_large = true;
        return 0;
    }
    if (slot->head_done) {
        return count;
    }
    if (!slot->head_begun) {
        slot->status = status_of_line(line, count);
        if (slot->status == 0) {
            slot->garbled = true;
            return 0;
        }
        slot->head_begun = true;
        slot->span_count = 0;
        slot->head_len = 0;
        return count;
    }
    if (line[0] == '\r' || line[0] == '\n') {
        slot->head_begun = false;
        slot->head_done = slot->status >= 200;
        return count;
    }
    return take_header(slot, line, count) ? count : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    struct http_slot *slot = arg;
    count *= size;
    if (count > slot->body_max - slot->body_len) {
        slot->too_large = true;
        return 0;
    }
    size_t need = slot->body_len + count + 1;
    if (need > slot->body_cap) {
        size_t cap = slot->body_cap == 0 ? BODY_FIRST_BYTES : slot->body_cap * 2;
        cap = cap < need ? need : cap;
        slot->body = must_grow(slot->body, cap);
        slot->body_cap = cap;
    }
    memcpy(slot->body + slot->body_len, bytes, count);
    slot->body_len += count;
    slot->body[slot->body_len] = '\0';
    return count;
}

/* Called for each new TLS connection: CAs are read once a client instead of once a connection. */
static CURLcode on_tls_context(CURL *easy, void *tls_context, void *trusted) {
    SSL_CTX_set1_cert_store(tls_context, trusted);
    return CURLE_OK;
}

/* Slots. */

/* Options that are the same for every call; a reset and a full set a call would cost as much as the
 * call's own bytes. */
static bool set_fixed_options(struct http_slot *slot, const char *user_agent, X509_STORE *trusted) {
    CURL *easy = slot->easy;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(PRIVATE, slot);
    SET(ERRORBUFFER, slot->error_text);
    SET(NOSIGNAL, 1L);
    SET(USERAGENT, user_agent);
    SET(PROTOCOLS_STR, "http,https");
    SET(REDIR_PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(PATH_AS_IS, 1L);
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(PROXY, "");
    SET(NOPROXY, "*");
    SET(TCP_NODELAY, 1L);
    SET(TCP_KEEPALIVE, 1L);
    SET(TCP_KEEPIDLE, 30L);
    SET(TCP_KEEPINTVL, 10L);
    SET(MAXAGE_CONN, (long)HTTP_IDLE_SECONDS_MAX);
    /* Without this, giving up on a name that is still being resolved waits for the resolver's
     * thread to end. */
    SET(QUICK_EXIT, 1L);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(CAINFO, NULL);
    SET(CAPATH, NULL);
    SET(SSL_CTX_FUNCTION, on_tls_context);
    SET(SSL_CTX_DATA, trusted);
    SET(PREREQFUNCTION, on_prerequest);
    SET(PREREQDATA, slot);
    SET(OPENSOCKETFUNCTION, on_open_socket);
    SET(OPENSOCKETDATA, slot);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, slot);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, slot);
#undef SET
    return bad == CURLE_OK;
}

struct http_slot *http_slot_new(const char *user_agent, X509_STORE *trusted) {
    struct http_slot *slot = calloc(1, sizeof(*slot));
    INVARIANT(slot != NULL, "out of memory");
    slot->easy = curl_easy_init();
    INVARIANT(slot->easy != NULL, "out of memory");
    slot->trusted = trusted;
    bool fixed = set_fixed_options(slot, user_agent, trusted);
    INVARIANT(fixed, "libcurl lacks an option that the client stands on");
    return slot;
}

void http_slot_free(struct http_slot *slot) {
    curl_easy_cleanup(slot->easy);
    (void)curl_multi_cleanup(slot->multi);
    free(slot);
}

/* The request. */

static bool is_value(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if ((*c < ' ' && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* What is wrong with a call, or NULL. Headers that decide where a request ends are the client's. */
static const char *call_problem(const struct http_call *call) {
    static const char *const reserved[] = {"Content-Length", "Transfer-Encoding", "Expect",
                                           "Trailer"};
    if (call->url == NULL || call->method == NULL) {
        return "no URL or no method";
    }
    if (!http_is_token(call->method, strlen(call->method)) ||
        strlen(call->method) > METHOD_CHARS_MAX) {
        return "the method is not one";
    }
    if (call->body == NULL && call->body_bytes > 0) {
        return "a body's length without a body";
    }
    if (call->body != NULL && strcmp(call->method, "HEAD") == 0) {
        return "HEAD takes no body";
    }
    if (call->header_count < 0 || call->header_count > HTTP_HEADERS_MAX) {
        return "too many headers";
    }
    for (int i = 0; i < call->header_count; i++) {
        const struct http_header *header = &call->headers[i];
        if (header->name == NULL || !http_is_token(header->name, strlen(header->name))) {
            return "a header's name is not one";
        }
        if (header->value == NULL || !is_value(header->value)) {
            return "a header's value holds a control character";
        }
        for (size_t r = 0; r < COUNT_OF(reserved); r++) {
            if (strcasecmp(header->name, reserved[r]) == 0) {
                return "a header that the client writes itself was given";
            }
        }
    }
    return NULL;
}

static bool has_header(const struct http_call *call, const char *name) {
    for (int i = 0; i < call->header_count; i++) {
        if (strcasecmp(call->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

struct line_writer {
    struct curl_slist *node, *last;
    char *text, *text_end;
};

static void write_line(struct line_writer *writer, const char *name, const char *between,
                       const char *value) {
    const char *const parts[] = {name, between, value};
    char *line = writer->text;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        size_t count = strlen(parts[i]);
        INVARIANT(count < (size_t)(writer->text_end - writer->text), "the lines were measured");
        memcpy(writer->text, parts[i], count);
        writer->text += count;
    }
    *writer->text++ = '\0';
    *writer->node = (struct curl_slist){.data = line, .next = NULL};
    if (writer->last != NULL) {
        writer->last->next = writer->node;
    }
    writer->last = writer->node++;
}

/* Builds libcurl's list in one block: it only reads it. A line "Name:" takes a header away that
 * libcurl would add, "Name;" sends one without a value. */
static void write_headers(struct http_slot *slot, const struct http_call *call) {
    static const char *const unwanted[] = {"Expect", "Content-Type"};
    size_t nodes = (size_t)call->header_count + COUNT_OF(unwanted);
    size_t text_bytes = sizeof("Expect:") + sizeof("Content-Type:");
    for (int i = 0; i < call->header_count; i++) {
        text_bytes += strlen(call->headers[i].name) + strlen(call->headers[i].value) + sizeof(": ");
    }
    slot->request_headers_bytes = nodes * sizeof(struct curl_slist) + text_bytes;
    slot->request_headers = must_grow(NULL, slot->request_headers_bytes);
    struct line_writer writer = {.node = slot->request_headers};
    writer.text = (char *)(writer.node + nodes);
    writer.text_end = writer.text + text_bytes;

    for (int i = 0; i < call->header_count; i++) {
        const char *value = call->headers[i].value;
        bool blank = value[strspn(value, " \t")] == '\0';
        write_line(&writer, call->headers[i].name, blank ? ";" : ": ", blank ? "" : value);
    }
    for (size_t u = 0; u < COUNT_OF(unwanted); u++) {
        if (!has_header(call, unwanted[u])) {
            write_line(&writer, unwanted[u], ":", "");
        }
    }
}

/* Every option that a call before this one may have left is set again. */
static bool set_call_options(struct http_slot *slot, const struct http_call *call) {
    CURL *easy = slot->easy;
    bool get = strcmp(call->method, "GET") == 0;
    bool head = strcmp(call->method, "HEAD") == 0;
    bool bare = get || head || strcmp(call->method, "DELETE") == 0;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(URL, call->url);
    SET(HTTPHEADER, (struct curl_slist *)slot->request_headers);
    if (call->body == NULL && bare) {
        SET(HTTPGET, 1L);
    } else {
        SET(POST, 1L);
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        SET(POSTFIELDS, call->body != NULL ? call->body : "");
    }
    SET(NOBODY, head ? 1L : 0L);
    SET(CUSTOMREQUEST, get && call->body == NULL ? NULL : call->method);
    if (call->public_only) { /* one that is kept may lead elsewhere; the slot is worn by it */
        SET(FRESH_CONNECT, 1L);
        SET(FORBID_REUSE, 1L);
    }
#undef SET
    return bad == CURLE_OK;
}

/* The outcome. */

static enum http_failure failure_of_code(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_FAIL_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return HTTP_FAIL_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return HTTP_FAIL_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_FAIL_TIMEOUT;
    case CURLE_OK:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
        return HTTP_FAIL_GARBLED;
    default:
        return HTTP_FAIL_RESET;
    }
}

static enum http_failure judge(const struct http_slot *slot) {
    if (slot->result == CURLE_OK && slot->head_done && !slot->too_large && !slot->garbled) {
        return HTTP_FAIL_NONE;
    }
    if (slot->stopped) {
        return HTTP_FAIL_STOPPED;
    }
    if (slot->too_large) {
        return HTTP_FAIL_TOO_LARGE;
    }
    if (slot->garbled) {
        return HTTP_FAIL_GARBLED;
    }
    /* What libcurl says of a header line over its own 100 KiB. */
    if (slot->sent && slot->result == CURLE_OUT_OF_MEMORY) {
        return HTTP_FAIL_TOO_LARGE;
    }
    if (!slot->sent && (slot->result == CURLE_URL_MALFORMAT || slot->result == CURLE_LOGIN_DENIED ||
                        slot->result == CURLE_UNSUPPORTED_PROTOCOL)) {
        return HTTP_FAIL_REQUEST;
    }
    enum http_failure failure = failure_of_code(slot->result);
    if (!slot->sent || failure == HTTP_FAIL_TIMEOUT) {
        return failure;
    }
    /* HTTP/0.9, that is, no status line at all. */
    if (failure == HTTP_FAIL_GARBLED || slot->result == CURLE_UNSUPPORTED_PROTOCOL) {
        return HTTP_FAIL_GARBLED;
    }
    /* A refusal after the request was sent once is still the loss of the first connection. */
    return slot->head_bytes > 0 ? HTTP_FAIL_GARBLED : HTTP_FAIL_RESET;
}

static int64_t connect_us(CURL *easy) {
    curl_off_t tcp = 0, tls = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &tcp);
    (void)curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    return tls > tcp ? tls : tcp;
}

/* Hands the slot's memory to the answer. */
static void fill_answered(struct http_slot *slot, struct http_answer *answer) {
    if (slot->body == NULL) {
        slot->body = must_grow(NULL, 1);
        slot->body[0] = '\0';
    }
    for (int i = 0; i < slot->span_count; i++) {
        answer->headers[i] = (struct http_header){slot->head + slot->spans[i].name_at,
                                                  slot->head + slot->spans[i].value_at};
    }
    answer->reach = HTTP_ANSWERED;
    answer->failure = HTTP_FAIL_NONE;
    answer->status = slot->status;
    answer->header_count = slot->span_count;
    answer->owned = slot->head;
    answer->body = slot->body;
    answer->body_bytes = slot->body_len;
    slot->head = NULL;
    slot->body = NULL;
}

static void slot_clear(struct http_slot *slot) {
    if (slot->request_headers != NULL) { /* it may hold an Authorization header */
        OPENSSL_cleanse(slot->request_headers, slot->request_headers_bytes);
        free(slot->request_headers);
    }
    free(slot->head);
    free(slot->body);
    slot->request_headers = NULL;
    slot->head = slot->body = NULL;
    slot->head_len = slot->head_cap = slot->head_bytes = 0;
    slot->body_len = slot->body_cap = 0;
    slot->span_count = slot->status = 0;
    slot->stopped = slot->sent = slot->tried_again = false;
    slot->head_begun = slot->head_done = slot->too_large = slot->garbled = false;
    slot->error_text[0] = '\0';
}

static int64_t or_default(int64_t value, int64_t otherwise) {
    return value > 0 ? value : otherwise;
}

int http_client_loop_call(void *loop, const struct http_call *call, struct http_answer *ret_answer,
                          struct err *err) {
    int64_t begun_us = clock_mono_us();
    const char *problem = call_problem(call);
    if (problem != NULL) {
        return http_answer_failed(ret_answer, call, HTTP_NOT_SENT, HTTP_FAIL_REQUEST, problem, err);
    }
    struct http_slot *slot = http_client_loop_enter(loop);
    if (slot == NULL) {
        return http_answer_failed(ret_answer, call, HTTP_NOT_SENT, HTTP_FAIL_STOPPED, "", err);
    }
    slot->repeatable = call->repeatable;
    slot->public_only = call->public_only;
    slot->deadline_us = begun_us +
                        (call->timeout_us < TIMEOUT_US_MAX ? call->timeout_us : TIMEOUT_US_MAX);
    slot->connect_timeout_us = or_default(call->connect_timeout_us, CONNECT_DEFAULT_US);
    slot->body_max = call->answer_bytes_max > 0 ? call->answer_bytes_max
                                                : HTTP_ANSWER_BYTES_DEFAULT;
    write_headers(slot, call);
    bool set = set_call_options(slot, call) &&
               (call->trace == NULL || http_trace_begin(slot, call->trace));
    INVARIANT(set, "out of memory");
    http_client_loop_perform(loop, slot);

    int rc = 0;
    enum http_failure failure = judge(slot);
    enum http_reach reach = slot->sent ? HTTP_MAYBE_SENT : HTTP_NOT_SENT;
    ret_answer->connect_us = connect_us(slot->easy);
    ret_answer->total_us = clock_mono_us() - begun_us;
    if (failure == HTTP_FAIL_NONE) {
        fill_answered(slot, ret_answer);
    } else {
        /* libcurl's own words only about connecting: later ones could quote the answer. */
        const char *detail = slot->sent ? "" : slot->error_text;
        rc = http_answer_failed(ret_answer, call, reach, failure, detail, err);
    }
    /* libcurl counts second tries over the whole life of a handle and allows five. */
    slot->worn = slot->tried_again || call->public_only ||
                 (slot->sent && failure != HTTP_FAIL_NONE);
    if (slot->trace != NULL) {
        http_trace_end(slot);
    }
    slot_clear(slot);
    http_client_loop_leave(loop, slot);
    return rc;
}
