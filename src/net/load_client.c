/* SPDX-License-Identifier: Apache-2.0
 * load_client.c: see load_client.h.
 *
 * A connection's life:   FREE ──► CONNECTING ──► BUSY ◄──► IDLE, and from each back to FREE
 *   FREE        no socket
 *   CONNECTING  the kernel makes the connection; a request waits to be written on it
 *   BUSY        the request was written (or is being), the answer is awaited
 *   IDLE        kept open by both sides; the last one used is used next
 * Events only mark what happened; requests are sent from the loop's top, by pump(). */
#include "net/load_client.h"

#include <errno.h>
#include <event2/event.h>
#include <http_parser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define TICK_US (100 * US_PER_MS)
#define TIMEOUT_US (30 * US_PER_SECOND)
/* A closed model whose connections fail would otherwise spin. */
#define REST_US (20 * US_PER_MS)
enum {
    CONNECTIONS_DEFAULT = 256,
    READ_BYTES = 64 * 1024,
    REQUEST_BYTES_MAX = 256 * 1024,
    HOST_CHARS_MAX = 255,
};

enum phase { FREE, CONNECTING, BUSY, IDLE };

struct connection {
    struct load *load;
    enum phase phase;
    int fd;
    struct event *readable, *writable;
    struct buf out;  /* the request */
    size_t out_done; /* bytes of it that the kernel has */
    struct buf body; /* of the answer */
    http_parser parser;
    bool whole, keep; /* of the answer */
    int64_t due_us, sent_us;
    TAILQ_ENTRY(connection) link; /* in `busy` by time of sending, or in `free`/`idle` */
};
TAILQ_HEAD(connections, connection);

struct load {
    const struct load_client_options *options;
    const struct load_client_ops *ops;
    void *ctx;
    char host[HOST_CHARS_MAX + 1], port[8];
    struct sockaddr_storage address;
    socklen_t address_bytes;
    struct event_base *base;
    struct event *timer;
    struct connection *all;
    int all_count, connections_max;
    struct connections busy, idle, free;
    int busy_count;
    struct buf head;         /* request line and headers that never change */
    struct load_order order; /* the next one */
    bool have_order, ended;
    int64_t timeout_us, start_us, tick_us, rest_until_us;
    char *bytes; /* READ_BYTES */
};

const char *load_failure_name(enum load_failure failure) {
    static const char *const names[] = {
        [LOAD_ANSWERED] = "answered", [LOAD_NOT_SENT] = "not_sent", [LOAD_CONNECT] = "connect",
        [LOAD_LOST] = "lost",         [LOAD_TIMEOUT] = "timeout",   [LOAD_GARBLED] = "garbled",
    };
    static_assert(COUNT_OF(names) == LOAD_FAILURE_COUNT, "every failure has a name");
    return (size_t)failure < COUNT_OF(names) ? names[failure] : "?";
}

/* ---- the answer ---- */

static int on_headers_complete(http_parser *parser) {
    struct connection *connection = parser->data;
    connection->keep = http_should_keep_alive(parser) != 0;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t count) {
    struct connection *connection = parser->data;
    size_t room = LOAD_BODY_BYTES_MAX - connection->body.len;
    buf_add(&connection->body, at, count < room ? count : room);
    return 0;
}

static int on_message_complete(http_parser *parser) {
    struct connection *connection = parser->data;
    if (parser->status_code >= 200) { /* else only a word on the way */
        connection->whole = true;
        http_parser_pause(parser, 1); /* what follows was not asked for */
    }
    return 0;
}

static const http_parser_settings settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- ends ---- */

static void tell(struct load *load, enum load_failure failure, const struct connection *connection,
                 int64_t due_us) {
    int64_t now_us = clock_mono_us();
    struct load_result result = {.failure = failure, .body = "", .latency_us = now_us - due_us};
    result.waited_us = result.latency_us;
    if (connection != NULL && connection->sent_us > 0) {
        result.waited_us = connection->sent_us - due_us;
    }
    if (failure == LOAD_ANSWERED) {
        result.status = (int)connection->parser.status_code;
        result.body = connection->body.data;
        result.body_bytes = connection->body.len;
    }
    load->ops->done(load->ctx, &result);
}

static struct connections *list_of(struct load *load, enum phase phase) {
    return phase == FREE ? &load->free : phase == IDLE ? &load->idle : &load->busy;
}

static void move(struct connection *connection, enum phase to) {
    struct load *load = connection->load;
    bool was_busy = connection->phase == BUSY || connection->phase == CONNECTING;
    bool is_busy = to == BUSY || to == CONNECTING;
    if (was_busy && is_busy) {
        connection->phase = to;
        return;
    }
    TAILQ_REMOVE(list_of(load, connection->phase), connection, link);
    load->busy_count += (is_busy ? 1 : 0) - (was_busy ? 1 : 0);
    connection->phase = to;
    if (is_busy) {
        TAILQ_INSERT_TAIL(&load->busy, connection, link);
    } else {
        TAILQ_INSERT_HEAD(list_of(load, to), connection, link);
    }
}

static void shut(struct connection *connection) {
    if (connection->readable != NULL) {
        event_free(connection->readable);
        event_free(connection->writable);
        connection->readable = connection->writable = NULL;
    }
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
    if (connection->phase != FREE) {
        move(connection, FREE);
    }
}

static void fail(struct connection *connection, enum load_failure failure) {
    struct load *load = connection->load;
    if (connection->phase == BUSY || connection->phase == CONNECTING) {
        tell(load, failure, connection, connection->due_us);
    }
    if (load->options->closed) {
        load->rest_until_us = clock_mono_us() + REST_US;
    }
    shut(connection);
}

static void finish(struct connection *connection) {
    tell(connection->load, LOAD_ANSWERED, connection, connection->due_us);
    if (connection->keep) {
        move(connection, IDLE);
    } else {
        shut(connection);
    }
}

/* ---- what happens on a socket ---- */

static void flush_out(struct connection *connection) {
    while (connection->out_done < connection->out.len) {
        ssize_t wrote = send(connection->fd, connection->out.data + connection->out_done,
                             connection->out.len - connection->out_done, MSG_NOSIGNAL);
        if (wrote > 0) {
            connection->out_done += (size_t)wrote;
        } else if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) {
            event_add(connection->writable, NULL);
            return;
        } else {
            fail(connection, LOAD_LOST);
            return;
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct connection *connection = arg;
    (void)what;
    if (connection->phase == CONNECTING) {
        int why = 0;
        socklen_t bytes = sizeof why;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &bytes) != 0 || why != 0) {
            fail(connection, LOAD_CONNECT);
            return;
        }
        move(connection, BUSY);
    }
    if (connection->phase == BUSY) {
        flush_out(connection);
    }
}

/* Bytes that nobody asked for end the connection; so does an answer that is no HTTP. */
static void take_bytes(struct connection *connection, size_t count) {
    const char *bytes = connection->load->bytes;
    if (connection->phase != BUSY) {
        shut(connection);
        return;
    }
    size_t parsed = http_parser_execute(&connection->parser, &settings, bytes, count);
    if (connection->whole ? parsed < count : connection->parser.http_errno != HPE_OK) {
        fail(connection, LOAD_GARBLED);
    } else if (connection->whole) {
        finish(connection);
    }
}

static void take_end(struct connection *connection) {
    if (connection->phase == BUSY) {
        http_parser_execute(&connection->parser, &settings, "", 0); /* a body may end with it */
        connection->keep = false;
        if (connection->whole) {
            finish(connection);
            return;
        }
    }
    fail(connection, LOAD_LOST);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct connection *connection = arg;
    (void)what;
    if (connection->phase == CONNECTING) {
        return; /* on_writable() says how that ended */
    }
    ssize_t count = recv(fd, connection->load->bytes, READ_BYTES, 0);
    if (count > 0) {
        take_bytes(connection, (size_t)count);
    } else if (count == 0) {
        take_end(connection);
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(connection, LOAD_LOST);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg; /* it only wakes the loop */
}

/* ---- sending ---- */

static bool open_socket(struct connection *connection) {
    struct load *load = connection->load;
    int one = 1;
    connection->fd = socket(load->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        return false;
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int r = connect(connection->fd, (const struct sockaddr *)&load->address, load->address_bytes);
    if (r != 0 && errno != EINPROGRESS) {
        return false;
    }
    connection->readable = event_new(load->base, connection->fd, EV_READ | EV_PERSIST, on_readable,
                                     connection);
    connection->writable = event_new(load->base, connection->fd, EV_WRITE, on_writable, connection);
    INVARIANT(connection->readable != NULL && connection->writable != NULL, "out of memory");
    event_add(connection->readable, NULL);
    event_add(connection->writable, NULL);
    return true;
}

static void write_request(struct load *load, struct connection *connection) {
    struct buf *out = &connection->out;
    buf_clear(out);
    buf_add(out, load->head.data, load->head.len);
    buf_add(out, load->order.headers.data, load->order.headers.len);
    buf_addf(out, "Content-Length: %zu\r\n\r\n", load->order.body.len);
    buf_add(out, load->order.body.data, load->order.body.len);
    INVARIANT(buf_ok(out), "a request of the load generator is too large");
    connection->out_done = 0;
    connection->whole = connection->keep = false;
    buf_clear(&connection->body);
    http_parser_init(&connection->parser, HTTP_RESPONSE);
    connection->parser.data = connection;
}

/* Sends the order that is at hand on a kept connection or a new one. */
static void send_order(struct load *load, struct connection *connection, int64_t due_us) {
    write_request(load, connection);
    connection->sent_us = clock_mono_us();
    connection->due_us = load->options->closed ? connection->sent_us : due_us;
    load->have_order = false;
    if (connection->phase == IDLE) {
        move(connection, BUSY);
        flush_out(connection);
        return;
    }
    move(connection, CONNECTING);
    if (!open_socket(connection)) {
        fail(connection, LOAD_CONNECT);
    }
}

static struct connection *take_connection(struct load *load) {
    if (load->busy_count >= load->connections_max) {
        return NULL;
    }
    struct connection *connection = TAILQ_FIRST(&load->idle);
    return connection != NULL ? connection : TAILQ_FIRST(&load->free);
}

static bool fetch_order(struct load *load) {
    if (!load->have_order && !load->ended) {
        buf_clear(&load->order.headers);
        buf_clear(&load->order.body);
        load->have_order = load->ops->next(load->ctx, &load->order);
        load->ended = !load->have_order;
    }
    return load->have_order;
}

/* Sends everything that is due and finds a connection. */
static void pump(struct load *load) {
    while (fetch_order(load)) {
        int64_t now_us = clock_mono_us();
        bool closed = load->options->closed;
        int64_t due_us = closed ? now_us : load->start_us + load->order.due_us;
        if (due_us > now_us || (closed && load->rest_until_us > now_us)) {
            return;
        }
        struct connection *connection = take_connection(load);
        if (connection != NULL) {
            send_order(load, connection, due_us);
        } else if (!closed && now_us - due_us > load->timeout_us) {
            tell(load, LOAD_NOT_SENT, NULL, due_us);
            load->have_order = false;
        } else {
            return;
        }
    }
}

static void expire(struct load *load) {
    int64_t now_us = clock_mono_us();
    struct connection *oldest;
    while ((oldest = TAILQ_FIRST(&load->busy)) != NULL &&
           now_us - oldest->sent_us > load->timeout_us) {
        fail(oldest, LOAD_TIMEOUT);
    }
}

/* ---- the loop ---- */

static void tick(struct load *load) {
    int64_t now_us = clock_mono_us();
    if (now_us < load->tick_us) {
        return;
    }
    load->tick_us = now_us + TICK_US;
    expire(load);
    struct load_now now = {.elapsed_us = now_us - load->start_us, .busy = load->busy_count};
    if (load->have_order && !load->options->closed) {
        int64_t behind_us = now.elapsed_us - load->order.due_us;
        now.behind_us = behind_us > 0 ? behind_us : 0;
    }
    if (!load->ops->tick(load->ctx, &now)) {
        load->ended = true;
        load->have_order = false;
    }
}

/* Until the next request is due, or the next tick. */
static void arm(struct load *load) {
    int64_t now_us = clock_mono_us(), until_us = load->tick_us;
    if (load->have_order && load->busy_count < load->connections_max) {
        int64_t due_us = load->options->closed ? load->rest_until_us
                                               : load->start_us + load->order.due_us;
        until_us = due_us < until_us ? due_us : until_us;
    }
    int64_t wait_us = until_us > now_us ? until_us - now_us : 0;
    struct timeval wait = {.tv_sec = wait_us / US_PER_SECOND, .tv_usec = wait_us % US_PER_SECOND};
    evtimer_add(load->timer, &wait);
}

static void run(struct load *load) {
    load->start_us = clock_mono_us();
    load->tick_us = load->start_us + TICK_US;
    for (;;) {
        pump(load);
        tick(load);
        if (load->ended && load->busy_count == 0) {
            return;
        }
        arm(load);
        event_base_loop(load->base, EVLOOP_ONCE);
    }
}

/* ---- opening ---- */

/* "http://HOST[:PORT]"; what follows the port is not looked at. */
static int read_url(struct load *load, struct err *err) {
    static const char scheme[] = "http://";
    struct http_parser_url parts;
    const char *url = load->options->url;
    http_parser_url_init(&parts);
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 ||
        http_parser_parse_url(url, strlen(url), 0, &parts) != 0 ||
        (parts.field_set & (1 << UF_HOST)) == 0 || parts.field_data[UF_HOST].len > HOST_CHARS_MAX) {
        err_set(err, ERR_USAGE, "\"%.80s\" is not the URL of a plain HTTP server", url);
        return err_hint(err, "Write it like http://127.0.0.1:8080.");
    }
    snprintf(load->host, sizeof load->host, "%.*s", (int)parts.field_data[UF_HOST].len,
             url + parts.field_data[UF_HOST].off);
    snprintf(load->port, sizeof load->port, "%u", parts.port != 0 ? parts.port : 80u);
    return 0;
}

static int resolve(struct load *load, struct err *err) {
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(load->host, load->port, &wanted, &found);
    if (r != 0) {
        return err_set(err, ERR_UNREACHABLE, "the name %.80s cannot be resolved: %s", load->host,
                       gai_strerror(r));
    }
    memcpy(&load->address, found->ai_addr, found->ai_addrlen);
    load->address_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int open_base(struct load *load, struct err *err) {
    struct event_config *config = event_config_new();
    INVARIANT(config != NULL, "out of memory");
    /* Arrivals are fractions of a millisecond apart. */
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    load->base = event_base_new_with_config(config);
    event_config_free(config);
    load->timer = load->base != NULL ? evtimer_new(load->base, on_timer, load) : NULL;
    return load->timer != NULL ? 0 : err_set(err, ERR_IO, "the event loop cannot be made");
}

static void open_connections(struct load *load) {
    int max = load->options->connections_max;
    max = max <= 0 ? CONNECTIONS_DEFAULT : max > LOAD_CONNECTIONS_MAX ? LOAD_CONNECTIONS_MAX : max;
    load->connections_max = load->all_count = max;
    load->all = calloc((size_t)max, sizeof *load->all);
    load->bytes = malloc(READ_BYTES);
    INVARIANT(load->all != NULL && load->bytes != NULL, "out of memory");
    for (int i = 0; i < max; i++) {
        struct connection *connection = &load->all[i];
        connection->load = load;
        connection->fd = -1;
        buf_init(&connection->out, REQUEST_BYTES_MAX);
        buf_init(&connection->body, LOAD_BODY_BYTES_MAX);
        TAILQ_INSERT_TAIL(&load->free, connection, link);
    }
}

static void open_texts(struct load *load) {
    bool six = strchr(load->host, ':') != NULL;
    buf_init(&load->order.headers, REQUEST_BYTES_MAX);
    buf_init(&load->order.body, REQUEST_BYTES_MAX);
    buf_init(&load->head, REQUEST_BYTES_MAX);
    buf_addf(&load->head,
             "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: application/json\r\n%s",
             load->options->path, six ? "[" : "", load->host, six ? "]" : "", load->port,
             load->options->headers != NULL ? load->options->headers : "");
}

static void release(struct load *load) {
    for (int i = 0; i < load->all_count; i++) {
        shut(&load->all[i]);
        explicit_bzero(load->all[i].out.data, load->all[i].out.len); /* it holds the key */
        buf_release(&load->all[i].out);
        buf_release(&load->all[i].body);
    }
    free(load->all);
    free(load->bytes);
    buf_release(&load->order.headers);
    buf_release(&load->order.body);
    explicit_bzero(load->head.data, load->head.len);
    buf_release(&load->head);
    if (load->timer != NULL) {
        event_free(load->timer);
    }
    if (load->base != NULL) {
        event_base_free(load->base);
    }
}

int load_client_run(const struct load_client_options *options, const struct load_client_ops *ops,
                    void *ctx, int64_t *ret_elapsed_us, struct err *err) {
    struct load load = {.options = options, .ops = ops, .ctx = ctx};
    TAILQ_INIT(&load.busy);
    TAILQ_INIT(&load.idle);
    TAILQ_INIT(&load.free);
    load.timeout_us = options->timeout_us > 0 ? options->timeout_us : TIMEOUT_US;
    int r = read_url(&load, err);
    r = r < 0 ? r : resolve(&load, err);
    if (r < 0) {
        return r;
    }
    open_connections(&load);
    open_texts(&load);
    r = open_base(&load, err);
    if (r >= 0) {
        run(&load);
        *ret_elapsed_us = clock_mono_us() - load.start_us;
    }
    release(&load);
    return r;
}
