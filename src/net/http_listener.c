/* SPDX-License-Identifier: Apache-2.0
 * http_listener.c: the listening socket: binding it, taking connections, dealing them out to the
 * loops in turn. A connection counts from here on, so that no limit can be overrun by connections
 * that are on their way to their loop. */
#include "net/http_server_impl.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* the system caps it at its own somaxconn */
    PEER_TEXT_MAX = 64,
    PAUSE_US = 100 * 1000,
    HEAD_BYTES_MAX = 64 * 1024, /* below http-parser's own limit of 80 KiB */
    BODY_BYTES_MAX = 1024 * 1024 * 1024,
};

/* ---- limits ---- */

static void fill(int *value, int usual) {
    *value = *value == 0 ? usual : *value;
}

static void fill_wide(int64_t *value, int64_t usual) {
    *value = *value == 0 ? usual : *value;
}

int http_limits_fill(struct http_limits *limits, struct err *err) {
    struct http_limits filled = *limits;
    fill(&filled.line_bytes_max, 8192);
    fill(&filled.header_bytes_max, 16384);
    fill(&filled.headers_max, HTTP_HEADERS_MAX);
    fill(&filled.connections_max, 10000);
    fill(&filled.requests_max, 100000);
    fill_wide(&filled.body_bytes_max, 65536);
    fill_wide(&filled.head_us, 10 * US_PER_SECOND);
    fill_wide(&filled.body_us, 20 * US_PER_SECOND);
    fill_wide(&filled.idle_us, 60 * US_PER_SECOND);
    fill_wide(&filled.write_us, 20 * US_PER_SECOND);
    const int64_t values[] = {
        filled.line_bytes_max, filled.header_bytes_max, filled.headers_max, filled.connections_max,
        filled.requests_max,   filled.body_bytes_max,   filled.head_us,     filled.body_us,
        filled.idle_us,        filled.write_us};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (values[i] < 0) {
            return err_set(err, ERR_CONFIG, "a limit of the HTTP server is negative");
        }
    }
    if (filled.headers_max > HTTP_HEADERS_MAX || filled.body_bytes_max > BODY_BYTES_MAX ||
        (int64_t)filled.line_bytes_max + filled.header_bytes_max > HEAD_BYTES_MAX) {
        return err_set(err, ERR_CONFIG,
                       "the HTTP server takes at most %d headers, %d bytes of head and %d of body",
                       HTTP_HEADERS_MAX, HEAD_BYTES_MAX, BODY_BYTES_MAX);
    }
    *limits = filled;
    return 0;
}

/* ---- the address ---- */

/* The number behind the last colon; -1 when there is none. */
static int port_read(const char *text) {
    size_t digits = strspn(text, "0123456789");
    long port = digits > 0 && digits <= 5 && text[digits] == '\0' ? strtol(text, NULL, 10) : -1;
    return port <= UINT16_MAX ? (int)port : -1;
}

/* `host` is what stands before the colon: "", "[::1]" or "127.0.0.1". */
static socklen_t address_fill(struct sockaddr_storage *address, const char *host, int port) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    char inside[INET6_ADDRSTRLEN] = "::";
    size_t bytes = strlen(host);
    *address = (struct sockaddr_storage){0};
    if (bytes > 0 && host[0] != '[') {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
    }
    if (bytes > 0 && (bytes < 4 || host[bytes - 1] != ']' || bytes - 2 >= sizeof(inside))) {
        return 0;
    }
    if (bytes > 0) {
        (void)snprintf(inside, sizeof(inside), "%.*s", (int)(bytes - 2), host + 1);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, inside, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
}

int http_listener_address(struct http_listener *listener, const char *address, struct err *err) {
    char host[64];
    const char *colon = strrchr(address, ':');
    size_t bytes = colon != NULL ? (size_t)(colon - address) : sizeof(host);
    int port = colon != NULL ? port_read(colon + 1) : -1;
    if (port >= 0 && bytes < sizeof(host)) {
        (void)snprintf(host, sizeof(host), "%.*s", (int)bytes, address);
        listener->address_bytes = address_fill(&listener->address, host, port);
    }
    if (listener->address_bytes == 0) {
        return err_set(err, ERR_CONFIG,
                       "\"%s\" is not an address to listen on, like 127.0.0.1:8080 or [::1]:8080",
                       address);
    }
    return 0;
}

static int port_of(const struct sockaddr_storage *address) {
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

/* "203.0.113.7", also for a peer of IPv4 on a socket of IPv6. */
static void peer_text(const struct sockaddr *peer, char text[PEER_TEXT_MAX]) {
    text[0] = '\0';
    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, PEER_TEXT_MAX);
    } else if (peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        const unsigned char *bytes = v6->sin6_addr.s6_addr + (mapped ? 12 : 0);
        (void)inet_ntop(mapped ? AF_INET : AF_INET6, bytes, text, PEER_TEXT_MAX);
    }
}

/* ---- taking connections ---- */

static void listener_enter(struct http_listener *listener) {
    atomic_fetch_add(&listener->connections, 1);
    lock_take(&listener->server->lock);
    listener->server->connections++;
    lock_give(&listener->server->lock);
}

void http_listener_leave(struct http_listener *listener) {
    struct http_server *server = listener->server;
    atomic_fetch_sub(&listener->connections, 1);
    lock_take(&server->lock);
    server->connections--;
    if (server->connections == 0) {
        cond_broadcast(&server->quiet);
    }
    lock_give(&server->lock);
}

/* A connection on its way to its loop. */
struct arrival {
    struct http_note note; /* first: a note is turned back into its arrival */
    struct http_listener *listener;
    int fd;
    char peer[PEER_TEXT_MAX];
};

static void arrival_run(struct http_loop *loop, struct http_note *note) {
    struct arrival *arrival = (struct arrival *)note;
    http_conn_open(loop, arrival->listener, arrival->fd, arrival->peer);
    g_free(arrival);
}

/* One too many: a last word if that costs nothing, and away. */
static void turn_away(struct http_listener *listener, int fd) {
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                                 "Connection: close\r\nContent-Length: 0\r\n\r\n";
    atomic_fetch_add(&listener->overloaded, 1);
    if (!listener->secure) {
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close(fd);
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *peer,
                      int peer_bytes, void *arg) {
    struct http_listener *listener = arg;
    struct http_server *server = listener->server;
    http_loop_awake(server->loops[0]);
    if (atomic_load(&listener->connections) >= listener->limits.connections_max) {
        turn_away(listener, fd);
        return;
    }
    listener_enter(listener);
    struct arrival *arrival = g_new0(struct arrival, 1);
    arrival->note.run = arrival_run;
    arrival->listener = listener;
    arrival->fd = fd;
    peer_text(peer, arrival->peer);
    struct http_loop *loop = server->loops[listener->next_loop];
    listener->next_loop = (listener->next_loop + 1) % server->loop_count;
    if (loop == server->loops[0]) {
        arrival_run(loop, &arrival->note);
    } else {
        http_loop_post(loop, &arrival->note);
    }
}

/* No descriptors left: the connection stays in the kernel's queue, so asking again at once would
 * only burn time. */
static void on_accept_error(struct evconnlistener *accepting, void *arg) {
    struct http_listener *listener = arg;
    const struct timeval wait = {.tv_usec = PAUSE_US};
    http_loop_awake(listener->server->loops[0]);
    evconnlistener_disable(accepting);
    event_add(listener->pause, &wait);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg) {
    struct http_listener *listener = arg;
    http_loop_awake(listener->server->loops[0]);
    if (listener->accepting != NULL) {
        evconnlistener_enable(listener->accepting);
    }
}

/* ---- opening and closing ---- */

/* A system without IPv6 still has every address of IPv4. */
static int socket_make(struct http_listener *listener) {
    const int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&listener->address;
    int fd = socket(listener->address.ss_family, kind, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && listener->address.ss_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
        listener->address_bytes = address_fill(&listener->address, "0.0.0.0",
                                               port_of(&listener->address));
        fd = socket(AF_INET, kind, 0);
    }
    return fd;
}

static int socket_open(struct http_listener *listener, struct err *err) {
    int on = 1;
    int off = 0;
    int fd = socket_make(listener);
    if (fd < 0) {
        return err_set(err, ERR_IO, "the system gives no socket: %s", g_strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (listener->address.ss_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, (const struct sockaddr *)&listener->address, listener->address_bytes) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int code = errno;
        close(fd);
        return err_set(err, ERR_IO, "cannot listen on port %d: %s", port_of(&listener->address),
                       g_strerror(code));
    }
    return fd;
}

int http_listener_open(struct http_listener *listener, struct err *err) {
    struct event_base *base = http_loop_base(listener->server->loops[0]);
    int fd = socket_open(listener, err);
    if (fd < 0) {
        return fd;
    }
    if (listener->pause == NULL) {
        listener->pause = evtimer_new(base, on_pause_over, listener);
    }
    listener->accepting = evconnlistener_new(base, on_accept, listener,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener->pause == NULL || listener->accepting == NULL) {
        if (listener->accepting == NULL) {
            close(fd);
        }
        http_listener_close(listener);
        return err_set(err, ERR_IO, "the event loop has no room for a listener");
    }
    evconnlistener_set_error_cb(listener->accepting, on_accept_error);
    listener->address_bytes = sizeof(listener->address);
    int rc = getsockname(fd, (struct sockaddr *)&listener->address, &listener->address_bytes);
    INVARIANT(rc == 0, "a bound socket has a name");
    listener->port = port_of(&listener->address);
    return 0;
}

void http_listener_close(struct http_listener *listener) {
    if (listener->accepting != NULL) {
        evconnlistener_free(listener->accepting);
        listener->accepting = NULL;
    }
    if (listener->pause != NULL) {
        event_free(listener->pause);
        listener->pause = NULL;
    }
}
