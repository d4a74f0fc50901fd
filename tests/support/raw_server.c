/* SPDX-License-Identifier: Apache-2.0
 * raw_server.c: the scripted server: one task, poll(), a step pointer a connection. */
#include "support/raw_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/openssl.h"
#include "base/task.h"

enum { PEERS_MAX = 4096, TAKEN_BYTES_MAX = 1024 * 1024 };

struct peer {
    int fd; /* -1: ended */
    SSL *tls;
    const struct raw_step *script, *step;
    char *taken;
    size_t taken_len, taken_cap, read_from;
    size_t sent; /* of this step, all its times together */
    short want;
};

struct raw_server {
    struct raw_options options;
    int last_script;
    SSL_CTX *tls;
    struct task *task;
    int port, wake_fd;
    struct lock lock; /* guards the rest */
    struct cond moved;
    int listen_fd; /* -1: refusing */
    bool stopping, open;
    int accepted, reads, ended;
    struct peer peers[PEERS_MAX];
    struct pollfd polls[PEERS_MAX + 2];
};

static void peer_end(struct raw_server *server, struct peer *peer, bool reset) {
    if (peer->fd < 0) {
        return;
    }
    if (reset) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    } else if (peer->tls != NULL) {
        (void)SSL_shutdown(peer->tls);
    }
    SSL_free(peer->tls);
    peer->tls = NULL;
    close(peer->fd);
    peer->fd = -1;
    server->ended++;
    cond_broadcast(&server->moved);
}

/* The rest of a step waits for the socket; false when the peer is gone. */
static bool wait_or_gone(struct peer *peer, ssize_t rc, short want) {
    if (peer->tls != NULL) {
        int why = SSL_get_error(peer->tls, (int)rc);
        ERR_clear_error();
        peer->want = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    }
    peer->want = want;
    return rc < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Each step function: true when the step is done; otherwise the peer waits or has ended. */

static bool step_read(struct raw_server *server, struct peer *peer) {
    size_t marker_len = strlen(peer->step->text);
    for (;;) {
        const char *found = NULL;
        if (peer->taken != NULL) {
            found = memmem(peer->taken + peer->read_from, peer->taken_len - peer->read_from,
                           peer->step->text, marker_len);
        }
        if (found != NULL) {
            peer->read_from = (size_t)(found - peer->taken) + marker_len;
            server->reads++;
            cond_broadcast(&server->moved);
            return true;
        }
        char bytes[4096];
        ssize_t got = peer->tls != NULL ? SSL_read(peer->tls, bytes, sizeof(bytes))
                                        : recv(peer->fd, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            if (!wait_or_gone(peer, got, POLLIN)) {
                peer_end(server, peer, false);
            }
            return false;
        }
        INVARIANT(peer->taken_len + (size_t)got < TAKEN_BYTES_MAX, "a test sends less than that");
        if (peer->taken_len + (size_t)got + 1 > peer->taken_cap) {
            peer->taken_cap = (peer->taken_len + (size_t)got + 1) * 2;
            peer->taken = realloc(peer->taken, peer->taken_cap);
            INVARIANT(peer->taken != NULL, "out of memory");
        }
        memcpy(peer->taken + peer->taken_len, bytes, (size_t)got);
        peer->taken_len += (size_t)got;
        peer->taken[peer->taken_len] = '\0';
    }
}

static bool step_send(struct raw_server *server, struct peer *peer) {
    size_t len = strlen(peer->step->text);
    size_t all = len * (size_t)(peer->step->times > 0 ? peer->step->times : 1);
    while (peer->sent < all) {
        size_t at = peer->sent % len;
        ssize_t put = peer->tls != NULL
                          ? SSL_write(peer->tls, peer->step->text + at, (int)(len - at))
                          : send(peer->fd, peer->step->text + at, len - at, MSG_NOSIGNAL);
        if (put <= 0) {
            if (!wait_or_gone(peer, put, POLLOUT)) {
                peer_end(server, peer, false);
            }
            return false;
        }
        peer->sent += (size_t)put;
    }
    peer->sent = 0;
    return true;
}

static bool step_tls(struct raw_server *server, struct peer *peer) {
    if (peer->tls == NULL) {
        INVARIANT(server->tls != NULL, "a script with RAW_TLS needs a certificate");
        peer->tls = SSL_new(server->tls);
        INVARIANT(peer->tls != NULL && SSL_set_fd(peer->tls, peer->fd) == 1, "no TLS");
    }
    int rc = SSL_accept(peer->tls);
    if (rc == 1) {
        return true;
    }
    if (!wait_or_gone(peer, rc, POLLIN)) {
        peer_end(server, peer, false);
    }
    return false;
}

static void stop_listening(struct raw_server *server) {
    if (server->listen_fd >= 0) {
        close(server->listen_fd);
        server->listen_fd = -1;
    }
}

/* Runs steps until one has to wait. */
static void peer_run(struct raw_server *server, struct peer *peer) {
    for (bool done = true; done && peer->fd >= 0;) {
        peer->want = 0;
        switch (peer->step->verb) {
        case RAW_READ:
            done = step_read(server, peer);
            break;
        case RAW_SEND:
            done = step_send(server, peer);
            break;
        case RAW_CLOSE:
        case RAW_RESET:
            peer_end(server, peer, peer->step->verb == RAW_RESET);
            return;
        case RAW_HOLD:
            return;
        case RAW_GATE:
            done = server->open;
            break;
        case RAW_REFUSE:
            stop_listening(server);
            break;
        case RAW_TLS:
            done = step_tls(server, peer);
            break;
        case RAW_AGAIN:
            peer->step = peer->script;
            continue;
        }
        peer->step += done ? 1 : 0;
    }
}

static void accept_all(struct raw_server *server) {
    for (;;) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        INVARIANT(server->accepted < PEERS_MAX, "a test makes fewer connections than that");
        int index = server->accepted < server->last_script ? server->accepted : server->last_script;
        struct peer *peer = &server->peers[server->accepted++];
        peer->fd = fd;
        peer->script = peer->step = server->options.scripts[index];
        cond_broadcast(&server->moved);
        peer_run(server, peer);
        if (server->listen_fd < 0) {
            return;
        }
    }
}

static int fill_polls(struct raw_server *server) {
    server->polls[0] = (struct pollfd){server->wake_fd, POLLIN, 0};
    server->polls[1] = (struct pollfd){server->listen_fd, POLLIN, 0};
    for (int i = 0; i < server->accepted; i++) {
        const struct peer *peer = &server->peers[i];
        server->polls[i + 2] = (struct pollfd){peer->want != 0 ? peer->fd : -1, peer->want, 0};
    }
    return server->accepted + 2;
}

static void serve(void *arg) {
    struct raw_server *server = arg;
    lock_take(&server->lock);
    while (!server->stopping) {
        int count = fill_polls(server);
        lock_give(&server->lock);
        (void)poll(server->polls, (nfds_t)count, -1);
        lock_take(&server->lock);
        uint64_t times;
        bool woken = read(server->wake_fd, &times, sizeof(times)) > 0;
        for (int i = 0; i < count - 2; i++) {
            struct peer *peer = &server->peers[i];
            bool at_gate = woken && peer->fd >= 0 && peer->step->verb == RAW_GATE;
            if (peer->fd >= 0 && (server->polls[i + 2].revents != 0 || at_gate)) {
                peer_run(server, peer);
            }
        }
        if (server->listen_fd >= 0 && server->polls[1].revents != 0) {
            accept_all(server);
        }
    }
    lock_give(&server->lock);
}

static int bind_loopback(int *ret_port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    INVARIANT(fd >= 0, "no socket");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    INVARIANT(bind(fd, (struct sockaddr *)&address, len) == 0, "no port");
    INVARIANT(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "no port");
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int raw_refusing_port(int *ret_fd) {
    int port = 0;
    *ret_fd = bind_loopback(&port); /* bound but not listening */
    return port;
}

static SSL_CTX *load_tls(const struct raw_options *options) {
    if (options->tls_cert_path == NULL) {
        return NULL;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    INVARIANT(tls != NULL, "no TLS");
    int cert = SSL_CTX_use_certificate_chain_file(tls, options->tls_cert_path);
    int key = SSL_CTX_use_PrivateKey_file(tls, options->tls_key_path, SSL_FILETYPE_PEM);
    INVARIANT(cert == 1 && key == 1, "the certificate or its key cannot be read");
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return tls;
}

struct raw_server *raw_server_start(const struct raw_options *options) {
    INVARIANT(options->scripts[0] != NULL, "a server without a script");
    struct raw_server *server = calloc(1, sizeof(*server));
    INVARIANT(server != NULL, "out of memory");
    server->options = *options;
    while (server->last_script + 1 < RAW_SCRIPTS_MAX &&
           options->scripts[server->last_script + 1] != NULL) {
        server->last_script++;
    }
    server->tls = load_tls(options);
    lock_init(&server->lock);
    cond_init(&server->moved);
    server->listen_fd = bind_loopback(&server->port);
    INVARIANT(listen(server->listen_fd, 4096) == 0, "cannot listen");
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    INVARIANT(server->wake_fd >= 0, "no event descriptor");
    server->task = task_start("raw-server", 0, serve, server);
    INVARIANT(server->task != NULL, "no task");
    return server;
}

static void wake(struct raw_server *server) {
    const uint64_t once = 1;
    ssize_t put = write(server->wake_fd, &once, sizeof(once));
    INVARIANT(put == sizeof(once), "cannot wake the server");
}

void raw_server_free(struct raw_server *server) {
    if (server == NULL) {
        return;
    }
    lock_take(&server->lock);
    server->stopping = true;
    lock_give(&server->lock);
    wake(server);
    task_join(server->task);
    for (int i = 0; i < server->accepted; i++) {
        peer_end(server, &server->peers[i], false);
        free(server->peers[i].taken);
    }
    stop_listening(server);
    close(server->wake_fd);
    SSL_CTX_free(server->tls);
    cond_free(&server->moved);
    lock_free(&server->lock);
    free(server);
}

int raw_server_port(const struct raw_server *server) {
    return server->port;
}

void raw_server_open(struct raw_server *server) {
    lock_take(&server->lock);
    server->open = true;
    lock_give(&server->lock);
    wake(server);
}

int raw_server_accepted(struct raw_server *server) {
    lock_take(&server->lock);
    int count = server->accepted;
    lock_give(&server->lock);
    return count;
}

int raw_server_reads(struct raw_server *server) {
    lock_take(&server->lock);
    int count = server->reads;
    lock_give(&server->lock);
    return count;
}

void raw_server_await_reads(struct raw_server *server, int count) {
    lock_take(&server->lock);
    while (server->reads < count) {
        cond_wait(&server->moved, &server->lock);
    }
    lock_give(&server->lock);
}

void raw_server_await_ended(struct raw_server *server, int count) {
    lock_take(&server->lock);
    while (server->ended < count) {
        cond_wait(&server->moved, &server->lock);
    }
    lock_give(&server->lock);
}

char *raw_server_taken(struct raw_server *server, int connection) {
    lock_take(&server->lock);
    INVARIANT(connection >= 0 && connection < server->accepted, "no such connection yet");
    const struct peer *peer = &server->peers[connection];
    char *copy = strndup(peer->taken != NULL ? peer->taken : "", peer->taken_len);
    lock_give(&server->lock);
    INVARIANT(copy != NULL, "out of memory");
    return copy;
}
