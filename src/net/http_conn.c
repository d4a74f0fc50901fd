/* SPDX-License-Identifier: Apache-2.0
 * http_conn.c: one connection of the HTTP server.
 *
 *   HANDSHAKE ─► IDLE ─first byte─► HEAD ─► BODY ─► RUNNING ─reply─► WRITING ─► IDLE …
 *                  ▲                 │        │        │  └─ delay ► DELAYED ─┘   │
 *                  └─────────────────┴────────┴────────┼─ never ► NEVER           │
 *                 (pipelined: straight on)             ▼                          ▼
 *                                     refusal ► WRITING ─────────────► LINGER ► GONE
 *
 * HANDSHAKE  TLS only. Deadline: head_us.
 * IDLE       no byte of a request yet. Deadline: idle_us; then closed without a word.
 * HEAD, BODY a request is coming. Deadlines: head_us, body_us; then 408 and closed.
 * RUNNING    the request is with the pool; its texts and the reply are the worker's. No deadline.
 *            The socket is read on, but only up to READ_AHEAD_BYTES: then the peer must wait.
 * DELAYED    the sandbox holds the reply back. NEVER: for ever.
 * WRITING    the reply did not fit the socket. Deadline: write_us since the peer last took a byte.
 * LINGER     our side is shut; what still comes is thrown away, so that a reset does not destroy
 *            the reply on its way. Deadline: LINGER_US.
 * GONE       closed; freed as soon as no worker holds it.
 *
 * Invariants:
 * 1. Only the loop's task touches a connection, but for `request` and `reply` while `held`.
 * 2. At most one request of a connection is under way; replies leave in the order of requests.
 * 3. A deadline in the future always has its timer; a timer may run early and looks again.
 * 4. A connection is freed in conn_settle() only, the last thing of each entry from outside. */
#include "net/http_server_impl.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READ_AHEAD_BYTES = 32 * 1024,
    LINGER_US = 1000 * 1000,
    LINGER_BYTES_MAX = 1024 * 1024,
    KEPT_BYTES_MAX = 8192,        /* what a reply's buffer may keep between two requests */
    HANDED_BYTES_MIN = 64 * 1024, /* bodies from here on are given away, not copied */
    TIMER_SLACK_US = 500,
    PEER_TEXT_MAX = 64,
    REQUEST_ID_MAX = 64,
};

enum phase {
    PHASE_HANDSHAKE,
    PHASE_IDLE,
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_RUNNING,
    PHASE_DELAYED,
    PHASE_NEVER,
    PHASE_WRITING,
    PHASE_LINGER,
    PHASE_GONE,
};

struct http_conn {
    struct http_note note; /* by which a worker gives it back */
    struct http_job job;
    struct http_loop *loop;
    struct http_listener *listener;
    struct http_conn *previous, *next;
    struct bufferevent *bev; /* NULL: GONE */
    struct event timer;
    int64_t deadline_us; /* 0: none */
    int64_t timer_us;    /* when the timer runs; 0: it does not */
    enum phase phase;
    bool held;    /* with the pool */
    bool eof;     /* the peer sends nothing more */
    bool paused;  /* read ahead as far as it may: not reading the socket */
    bool closing; /* ends behind the present reply */
    bool reset;   /* ends with a reset (a fault of the sandbox) */
    int requests;
    size_t discarded; /* bytes thrown away while lingering */
    struct http_parse *parse;
    struct http_request *request;
    struct http_reply reply;
    char peer[PEER_TEXT_MAX];
    char id[REQUEST_ID_MAX + 1];
};

static_assert(ID_TEXT_MAX <= REQUEST_ID_MAX + 1, "an id of ours fits");

struct http_conn *http_conn_next(const struct http_conn *conn) {
    return conn->next;
}

struct http_listener *http_conn_listener(const struct http_conn *conn) {
    return conn->listener;
}

static struct http_conn *conn_of_job(struct http_job *job) {
    return (struct http_conn *)((char *)job - offsetof(struct http_conn, job));
}

static struct http_conn *conn_of_note(struct http_note *note) {
    return (struct http_conn *)((char *)note - offsetof(struct http_conn, note));
}

/* ---- deadlines ---- */

static void timer_set(struct http_conn *conn, int64_t now_us) {
    int64_t wait_us = conn->deadline_us > now_us ? conn->deadline_us - now_us : 0;
    struct timeval wait = {.tv_sec = wait_us / US_PER_SECOND, .tv_usec = wait_us % US_PER_SECOND};
    conn->timer_us = conn->deadline_us;
    INVARIANT(event_add(&conn->timer, &wait) == 0, "a timer needs no memory but its place");
}

/* The timer is left alone when it runs early enough already: a busy keep-alive connection sets it
 * about once in idle_us. */
static void deadline_set(struct http_conn *conn, int64_t after_us) {
    int64_t now_us = clock_mono_us();
    conn->deadline_us = now_us + after_us;
    if (conn->timer_us == 0 || conn->timer_us > conn->deadline_us) {
        timer_set(conn, now_us);
    }
}

static void phase_set(struct http_conn *conn, enum phase phase) {
    const struct http_limits *limits = &conn->listener->limits;
    const int64_t limit_us[] = {
        [PHASE_HANDSHAKE] = limits->head_us,
        [PHASE_IDLE] = limits->idle_us,
        [PHASE_HEAD] = limits->head_us,
        [PHASE_BODY] = limits->body_us,
        [PHASE_RUNNING] = 0,
        [PHASE_DELAYED] = conn->reply.delay_us,
        [PHASE_NEVER] = 0,
        [PHASE_WRITING] = limits->write_us,
        [PHASE_LINGER] = LINGER_US,
        [PHASE_GONE] = 0,
    };
    INVARIANT(conn->phase != PHASE_GONE, "nothing follows the end");
    conn->phase = phase;
    conn->deadline_us = 0;
    if (limit_us[phase] > 0) {
        deadline_set(conn, limit_us[phase]);
    }
}

/* ---- the end ---- */

static void tls_say_goodbye(struct http_conn *conn) {
    SSL *ssl = bufferevent_openssl_get_ssl(conn->bev);
    if (ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(ssl); /* a peer that does not hear it learns by the FIN */
        ERR_clear_error();
    }
}

static void conn_close(struct http_conn *conn) {
    if (conn->phase == PHASE_GONE) {
        return;
    }
    phase_set(conn, PHASE_GONE);
    event_del(&conn->timer);
    bufferevent_free(conn->bev);
    conn->bev = NULL;
    http_listener_leave(conn->listener);
}

/* Closes so that the peer gets a reset, and nothing that is still on its way. */
static void conn_reset(struct http_conn *conn) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(bufferevent_getfd(conn->bev), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    conn_close(conn);
}

/* Called for input that cannot be used yet. libevent's own high-water mark is no help: it calls
 * again at once, and again, as long as nobody takes the input. */
static void reading_pause(struct http_conn *conn) {
    if (evbuffer_get_length(bufferevent_get_input(conn->bev)) >= READ_AHEAD_BYTES) {
        conn->paused = bufferevent_disable(conn->bev, EV_READ) == 0;
    }
}

static void reading_resume(struct http_conn *conn) {
    if (conn->paused) {
        conn->paused = bufferevent_enable(conn->bev, EV_READ) != 0;
    }
}

static void linger_discard(struct http_conn *conn) {
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    conn->discarded += evbuffer_get_length(input);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (conn->discarded > LINGER_BYTES_MAX) {
        conn_close(conn);
    }
}

/* The reply is with the system: shuts our side and waits for the peer's. */
static void conn_linger(struct http_conn *conn) {
    tls_say_goodbye(conn);
    if (conn->eof || shutdown(bufferevent_getfd(conn->bev), SHUT_WR) != 0) {
        conn_close(conn);
        return;
    }
    phase_set(conn, PHASE_LINGER);
    reading_resume(conn);
    linger_discard(conn);
}

static void conn_free(struct http_conn *conn) {
    struct http_loop_own *own = http_loop_own(conn->loop);
    *(conn->previous != NULL ? &conn->previous->next : &own->conns) = conn->next;
    if (conn->next != NULL) {
        conn->next->previous = conn->previous;
    }
    http_parse_free(conn->parse);
    buf_release(&conn->reply.headers);
    buf_release(&conn->reply.body);
    g_free(conn);
}

/* The last thing that every entry from outside does (invariant 4). */
static void conn_settle(struct http_conn *conn) {
    if (conn->phase == PHASE_GONE && !conn->held) {
        conn_free(conn);
    }
}

/* ---- replies ---- */

static void buf_empty(struct buf *buf) {
    if (buf->cap <= KEPT_BYTES_MAX) {
        buf_clear(buf);
        return;
    }
    size_t bytes_max = buf->max;
    buf_release(buf);
    buf_init(buf, bytes_max);
}

static void reply_clear(struct http_reply *reply) {
    buf_empty(&reply->headers);
    buf_empty(&reply->body);
    reply->status = 0;
    reply->delay_us = 0;
    reply->cut_after_bytes = 0;
    reply->never = false;
}

/* The reply, as far as it is to be sent, is with the system. */
static void conn_sent(struct http_conn *conn) {
    if (conn->reset) {
        conn_reset(conn);
        return;
    }
    if (conn->closing) {
        conn_linger(conn);
        return;
    }
    reply_clear(&conn->reply);
    http_parse_reset(conn->parse);
    conn->id[0] = '\0';
    phase_set(conn, PHASE_IDLE);
}

/* Tries the socket itself first, without the loop's detour; what does not fit is left to libevent.
 * Returns how many bytes the system took, or -1 when the connection is broken. */
static ssize_t send_directly(struct http_conn *conn, struct iovec parts[2]) {
    if (conn->listener->secure || evbuffer_get_length(bufferevent_get_output(conn->bev)) > 0) {
        return 0;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent = sendmsg(bufferevent_getfd(conn->bev), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
               ? (sent > 0 ? sent : 0)
               : -1;
}

static void body_free(const void *data, size_t count, void *arg) {
    free(arg);
}

/* Leaves the rest of a reply to libevent; a long body is given away instead of copied. */
static bool send_later(struct http_conn *conn, const struct iovec parts[2], size_t sent) {
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    size_t of_head = sent < parts[0].iov_len ? sent : parts[0].iov_len;
    size_t of_body = sent - of_head;
    const char *rest = (const char *)parts[1].iov_base + of_body;
    size_t rest_bytes = parts[1].iov_len - of_body;
    if (evbuffer_add(output, (const char *)parts[0].iov_base + of_head,
                     parts[0].iov_len - of_head) != 0) {
        return false;
    }
    if (rest_bytes < HANDED_BYTES_MIN) {
        return evbuffer_add(output, rest, rest_bytes) == 0;
    }
    char *body = buf_take(&conn->reply.body);
    if (evbuffer_add_reference(output, rest, rest_bytes, body_free, body) != 0) {
        free(body);
        return false;
    }
    return true;
}

static void conn_send(struct http_conn *conn, struct iovec parts[2]) {
    size_t count = parts[0].iov_len + parts[1].iov_len;
    ssize_t sent = count > 0 ? send_directly(conn, parts) : 0;
    if (sent < 0 || ((size_t)sent < count && !send_later(conn, parts, (size_t)sent))) {
        conn_close(conn);
        return;
    }
    if ((size_t)sent == count) {
        conn_sent(conn);
        return;
    }
    phase_set(conn, PHASE_WRITING);
}

/* A fault of the sandbox: only the first bytes, then a reset. */
static void reply_cut(struct http_conn *conn, struct iovec parts[2]) {
    if (conn->reply.cut_after_bytes <= 0) {
        return;
    }
    size_t left = (size_t)conn->reply.cut_after_bytes - 1;
    conn->reset = true;
    for (int i = 0; i < 2; i++) {
        parts[i].iov_len = left < parts[i].iov_len ? left : parts[i].iov_len;
        left -= parts[i].iov_len;
    }
}

/* Sends the reply as it stands. */
static void reply_send(struct http_conn *conn) {
    struct http_loop_own *own = http_loop_own(conn->loop);
    struct http_reply *reply = &conn->reply;
    bool has_body = http_status_has_body(reply->status) && !http_parse_is_head(conn->parse);
    conn->closing = conn->closing || own->draining || !http_parse_keep_alive(conn->parse) ||
                    conn->requests >= conn->listener->limits.requests_max ||
                    http_head_closes(&reply->headers);
    const struct http_head head = {
        .status = reply->status,
        .headers = &reply->headers,
        .body_bytes = reply->body.len,
        .request_id = conn->id,
        .date = http_date(&own->date, clock_wall_us()),
        .close = conn->closing,
        .keep_alive = http_parse_is_old(conn->parse),
        .tls = conn->listener->secure,
    };
    buf_clear(&own->head);
    http_head_write(&own->head, &head);
    struct iovec parts[2] = {
        {.iov_base = own->head.data, .iov_len = own->head.len},
        {.iov_base = reply->body.data, .iov_len = has_body ? reply->body.len : 0},
    };
    reply_cut(conn, parts);
    conn_send(conn, parts);
}

static void id_ensure(struct http_conn *conn) {
    if (conn->id[0] == '\0') {
        (void)snprintf(conn->id, sizeof(conn->id), "%s", request_id_new().text);
    }
}

/* Answers with an error of the server's own. */
static void conn_problem(struct http_conn *conn, int status, enum err_code code,
                         const char *detail) {
    id_ensure(conn);
    http_reply_problem(&conn->reply, status, code, detail, conn->id);
    if (status == 503) {
        http_reply_header(&conn->reply, "Retry-After", "1");
    }
    reply_send(conn);
}

static void conn_refuse(struct http_conn *conn) {
    enum http_refusal refusal = http_parse_refusal(conn->parse);
    int status = http_refusal_status(refusal);
    atomic_fetch_add(&conn->listener->refused, 1);
    conn->closing = true;
    id_ensure(conn);
    log_event(HTTP_REFUSED, LT("request", conn->id), LT("peer", conn->peer), LI("status", status),
              LT("reason", http_refusal_sentence(refusal)));
    conn_problem(conn, status, status == 413 ? ERR_TOO_LARGE : ERR_BAD_REQUEST,
                 http_refusal_sentence(refusal));
}

/* ---- requests ---- */

/* A client's own Request-Id is kept when it is short and harmless in a log or a header. */
static void id_choose(struct http_conn *conn) {
    const char *theirs = http_header_find(conn->request->headers, conn->request->header_count,
                                          "Request-Id");
    conn->id[0] = '\0';
    if (theirs != NULL) {
        size_t bytes = strspn(theirs, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_.");
        if (bytes > 0 && bytes <= REQUEST_ID_MAX && theirs[bytes] == '\0') {
            memcpy(conn->id, theirs, bytes + 1);
        }
    }
    id_ensure(conn);
}

/* Hands a whole request to the workers. */
static void conn_submit(struct http_conn *conn) {
    struct http_listener *listener = conn->listener;
    id_choose(conn);
    conn->request->peer = conn->peer;
    conn->request->id = conn->id;
    conn->request->arrived_us = clock_mono_us();
    conn->request->tls = listener->secure;
    conn->requests++;
    phase_set(conn, PHASE_RUNNING);
    conn->held = true;
    if (http_pool_submit(listener->pool, &conn->job)) {
        atomic_fetch_add(&listener->requests, 1);
        return;
    }
    conn->held = false;
    atomic_fetch_add(&listener->overloaded, 1);
    conn_problem(conn, 503, ERR_OVERLOADED,
                 "Every worker is busy and the queue is full; nothing has been done.");
}

/* On a worker: the request and the reply are ours until the note is posted. */
void http_conn_run(struct http_job *job) {
    struct http_conn *conn = conn_of_job(job);
    conn->listener->handler(conn->listener->ctx, conn->request, &conn->reply);
    http_loop_post(conn->loop, &conn->note);
}

void http_conn_forget(struct http_job *job) {
    struct http_conn *conn = conn_of_job(job);
    http_loop_post(conn->loop, &conn->note);
}

static bool reply_ok(const struct http_reply *reply) {
    return reply->status >= 200 && reply->status <= 599 && buf_ok(&reply->headers) &&
           buf_ok(&reply->body);
}

/* The head of a body that the client holds back until it is told to go on. */
static void continue_send(struct http_conn *conn) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (http_parse_expects_continue(conn->parse) &&
        evbuffer_get_length(bufferevent_get_input(conn->bev)) == 0 &&
        bufferevent_write(conn->bev, line, sizeof(line) - 1) != 0) {
        conn_close(conn);
    }
}

static bool is_reading(const struct http_conn *conn) {
    return conn->phase == PHASE_IDLE || conn->phase == PHASE_HEAD || conn->phase == PHASE_BODY;
}

/* Feeds the parser what lies first in the input. */
static void conn_parse(struct http_conn *conn, struct evbuffer *input, size_t count) {
    size_t used = 0;
    enum http_step step = http_parse_feed(
        conn->parse, (const char *)evbuffer_pullup(input, (ev_ssize_t)count), count, &used);
    evbuffer_drain(input, used);
    switch (step) {
    case HTTP_STEP_MORE:
        if (conn->phase == PHASE_IDLE) {
            phase_set(conn, PHASE_HEAD);
        }
        break;
    case HTTP_STEP_HEAD:
        phase_set(conn, PHASE_BODY);
        continue_send(conn);
        break;
    case HTTP_STEP_DONE:
        conn_submit(conn);
        break;
    case HTTP_STEP_REFUSED:
        conn_refuse(conn);
        break;
    }
}

/* Takes requests out of what has been read, until one is under way or bytes are missing. */
static void conn_pump(struct http_conn *conn) {
    while (is_reading(conn)) {
        struct evbuffer *input = bufferevent_get_input(conn->bev);
        size_t count = evbuffer_get_contiguous_space(input);
        if (count == 0) {
            break;
        }
        conn_parse(conn, input, count);
    }
    if (conn->eof && is_reading(conn)) {
        conn_close(conn);
    }
    if (conn->bev != NULL &&
        evbuffer_get_length(bufferevent_get_input(conn->bev)) < READ_AHEAD_BYTES / 2) {
        reading_resume(conn);
    }
}

/* ---- entries from outside ---- */

/* The worker has given the connection back. */
static void on_answer(struct http_loop *loop, struct http_note *note) {
    struct http_conn *conn = conn_of_note(note);
    conn->held = false;
    if (conn->phase == PHASE_RUNNING) {
        if (!reply_ok(&conn->reply)) {
            log_event(HTTP_FAILED, LT("request", conn->id), LI("status", conn->reply.status));
            http_reply_problem(&conn->reply, 500, ERR_INTERNAL,
                               "The handler gave no usable answer.", conn->id);
        }
        if (conn->reply.never && http_loop_own(loop)->draining) {
            conn_close(conn);
        } else if (conn->reply.never) {
            phase_set(conn, PHASE_NEVER);
        } else if (conn->reply.delay_us > 0) {
            phase_set(conn, PHASE_DELAYED);
        } else {
            reply_send(conn);
            conn_pump(conn);
        }
    }
    conn_settle(conn);
}

static void on_read(struct bufferevent *bev, void *arg) {
    struct http_conn *conn = arg;
    http_loop_awake(conn->loop);
    if (conn->phase == PHASE_LINGER) {
        linger_discard(conn);
    } else if (is_reading(conn)) {
        conn_pump(conn);
    } else if (conn->phase != PHASE_GONE) {
        reading_pause(conn);
    }
    conn_settle(conn);
}

/* The output has run empty. */
static void on_write(struct bufferevent *bev, void *arg) {
    struct http_conn *conn = arg;
    http_loop_awake(conn->loop);
    if (conn->phase == PHASE_WRITING && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        conn_sent(conn);
        conn_pump(conn);
    }
    conn_settle(conn);
}

/* The peer has taken bytes: it has write_us again. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg) {
    struct http_conn *conn = arg;
    if (info->n_deleted > 0 && conn->phase == PHASE_WRITING) {
        deadline_set(conn, conn->listener->limits.write_us);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg) {
    struct http_conn *conn = arg;
    http_loop_awake(conn->loop);
    if (what & BEV_EVENT_CONNECTED) {
        phase_set(conn, PHASE_IDLE);
    } else if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING)) {
        conn->eof = true;
        if (conn->phase == PHASE_LINGER || conn->phase == PHASE_NEVER ||
            conn->phase == PHASE_HANDSHAKE) {
            conn_close(conn);
        } else {
            conn_pump(conn); /* a peer that only shut its own side still gets its answers */
        }
    } else {
        conn_close(conn);
    }
    conn_settle(conn);
}

static void conn_expired(struct http_conn *conn) {
    switch (conn->phase) {
    case PHASE_HEAD:
    case PHASE_BODY:
        atomic_fetch_add(&conn->listener->timeouts, 1);
        conn->closing = true;
        conn_problem(conn, 408, ERR_TIMEOUT, "The request did not arrive in time.");
        break;
    case PHASE_DELAYED:
        reply_send(conn);
        conn_pump(conn);
        break;
    case PHASE_WRITING:
        atomic_fetch_add(&conn->listener->timeouts, 1);
        conn_reset(conn);
        break;
    case PHASE_HANDSHAKE:
        atomic_fetch_add(&conn->listener->timeouts, 1);
        conn_close(conn);
        break;
    default:
        conn_close(conn);
        break;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct http_conn *conn = arg;
    int64_t now_us = clock_mono_us();
    http_loop_awake(conn->loop);
    conn->timer_us = 0;
    if (conn->deadline_us > 0 && now_us < conn->deadline_us - TIMER_SLACK_US) {
        timer_set(conn, now_us);
    } else if (conn->deadline_us > 0) {
        conn->deadline_us = 0;
        conn_expired(conn);
    }
    conn_settle(conn);
}

void http_conn_drain(struct http_conn *conn) {
    if (conn->phase == PHASE_IDLE || conn->phase == PHASE_HANDSHAKE || conn->phase == PHASE_NEVER) {
        conn_close(conn);
    }
    conn_settle(conn);
}

bool http_conn_cut(struct http_conn *conn) {
    bool cut = conn->phase == PHASE_RUNNING || conn->phase == PHASE_DELAYED ||
               conn->phase == PHASE_WRITING;
    conn_close(conn);
    conn_settle(conn);
    return cut;
}

/* ---- the beginning ---- */

static struct bufferevent *bufferevent_make(struct http_loop *loop, struct http_listener *listener,
                                            int fd) {
    if (!listener->secure) {
        return bufferevent_socket_new(http_loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
    }
    SSL *ssl = http_tls_ssl(listener);
    if (ssl == NULL) {
        return NULL;
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        http_loop_base(loop), fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1); /* requests say where they end */
    return bev;
}

static struct http_conn *conn_new(struct http_loop *loop, struct http_listener *listener,
                                  struct bufferevent *bev, const char *peer) {
    struct http_conn *conn = g_new0(struct http_conn, 1);
    struct http_loop_own *own = http_loop_own(loop);
    conn->note.run = on_answer;
    conn->loop = loop;
    conn->listener = listener;
    conn->bev = bev;
    conn->parse = http_parse_new(&listener->parse_limits);
    conn->request = http_parse_request(conn->parse);
    buf_init(&conn->reply.headers, HTTP_REPLY_HEADER_BYTES_MAX);
    buf_init(&conn->reply.body, HTTP_REPLY_BODY_BYTES_MAX);
    (void)snprintf(conn->peer, sizeof(conn->peer), "%s", peer);
    conn->next = own->conns;
    if (conn->next != NULL) {
        conn->next->previous = conn;
    }
    own->conns = conn;
    return conn;
}

void http_conn_open(struct http_loop *loop, struct http_listener *listener, int fd,
                    const char *peer) {
    struct bufferevent *bev = bufferevent_make(loop, listener, fd);
    if (bev == NULL) {
        close(fd);
        http_listener_leave(listener);
        return;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct http_conn *conn = conn_new(loop, listener, bev, peer);
    int rc = event_assign(&conn->timer, http_loop_base(loop), -1, 0, on_timer, conn);
    INVARIANT(rc == 0, "a timer can be assigned");
    bufferevent_setcb(bev, on_read, on_write, on_event, conn);
    INVARIANT(evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn) != NULL,
              "a callback takes little memory");
    phase_set(conn, listener->secure ? PHASE_HANDSHAKE : PHASE_IDLE);
    if (bufferevent_enable(bev, EV_READ | EV_WRITE) != 0) {
        conn_close(conn);
    }
    conn_settle(conn);
}
