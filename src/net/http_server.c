/* SPDX-License-Identifier: Apache-2.0
 * http_server.c: the server as a whole: its loops, its listeners, and its graceful end. */
#include "net/http_server_impl.h"

#include "base/clock.h"

#include <glib.h>
#include <signal.h>
#include <string.h>

enum { IO_TASKS_USUAL = 2, WORKERS_USUAL = 1024, QUEUE_USUAL = 4096 };
#define WORKER_IDLE_US (30 * US_PER_SECOND)

/* Writing to a peer that has gone is an error to us, not the end of the process. */
static void sigpipe_ignore(void) {
    struct sigaction present;
    if (sigaction(SIGPIPE, NULL, &present) == 0 && present.sa_handler == SIG_DFL) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        (void)sigaction(SIGPIPE, &ignore, NULL);
    }
}

int http_server_new(int io_tasks, struct http_server **ret_server, struct err *err) {
    int count = io_tasks == 0 ? IO_TASKS_USUAL : io_tasks;
    if (count < 0 || count > HTTP_IO_TASKS_MAX) {
        return err_set(err, ERR_CONFIG, "an HTTP server has 1 to %d I/O tasks", HTTP_IO_TASKS_MAX);
    }
    sigpipe_ignore();
    struct http_server *server = g_new0(struct http_server, 1);
    lock_init(&server->lock);
    cond_init(&server->quiet);
    while (server->loop_count < count) {
        int rc = http_loop_new(&server->loops[server->loop_count], err);
        if (rc < 0) {
            http_server_free(server);
            return rc;
        }
        server->loop_count++;
    }
    *ret_server = server;
    return 0;
}

/* ---- listeners ---- */

struct opening {
    struct http_listener *listener;
    int rc;
    struct err *err;
};

static void opening_run(struct http_loop *loop, void *arg) {
    struct opening *opening = arg;
    opening->rc = opening->listener->accepting != NULL
                      ? 0
                      : http_listener_open(opening->listener, opening->err);
}

static void closing_run(struct http_loop *loop, void *arg) {
    http_listener_close(arg);
}

static int listener_open(struct http_listener *listener, struct err *err) {
    struct opening opening = {.listener = listener, .err = err};
    http_loop_call(listener->server->loops[0], opening_run, &opening);
    return opening.rc;
}

static void listener_free(struct http_listener *listener) {
    http_pool_free(listener->pool);
    SSL_CTX_free(listener->tls);
    lock_free(&listener->tls_lock);
    g_free(listener);
}

static int listener_configure(struct http_listener *listener,
                              const struct http_listener_options *options, struct err *err) {
    int rc = http_limits_fill(&listener->limits, err);
    if (rc < 0) {
        return rc;
    }
    if (options->workers_max < 0 || options->queue_max < 0) {
        return err_set(err, ERR_CONFIG, "workers and queue of an HTTP listener are counts");
    }
    if ((options->tls_cert_path == NULL) != (options->tls_key_path == NULL)) {
        return err_set(err, ERR_CONFIG, "TLS needs both a certificate and its key");
    }
    rc = http_listener_address(listener, options->address, err);
    if (rc == 0 && options->tls_cert_path != NULL) {
        rc = http_tls_new(options->tls_cert_path, options->tls_key_path, &listener->tls, err);
        listener->secure = rc == 0;
    }
    return rc;
}

static void listener_prepare(struct http_listener *listener,
                             const struct http_listener_options *options) {
    const struct http_limits *limits = &listener->limits;
    listener->parse_limits = (struct http_parse_limits){
        .line_bytes_max = limits->line_bytes_max,
        .header_bytes_max = limits->header_bytes_max,
        .headers_max = limits->headers_max,
        .body_bytes_max = limits->body_bytes_max,
        .tls = listener->secure,
    };
    const struct http_pool_options pool = {
        .name = "http-worker",
        .workers_max = options->workers_max > 0 ? options->workers_max : WORKERS_USUAL,
        .queue_max = options->queue_max > 0 ? options->queue_max : QUEUE_USUAL,
        .idle_us = WORKER_IDLE_US,
        .run = http_conn_run,
    };
    listener->pool = http_pool_new(&pool);
}

int http_server_listen(struct http_server *server, const struct http_listener_options *options,
                       struct http_listener **ret_listener, struct err *err) {
    INVARIANT(options->handler != NULL, "a listener without a handler answers nothing");
    struct http_listener *listener = g_new0(struct http_listener, 1);
    lock_init(&listener->tls_lock);
    listener->server = server;
    listener->handler = options->handler;
    listener->ctx = options->ctx;
    listener->limits = options->limits;
    int rc = listener_configure(listener, options, err);
    if (rc == 0) {
        listener_prepare(listener, options);
        rc = listener_open(listener, err);
    }
    if (rc < 0) {
        (void)err_while(err, "listening on %s", options->address);
        listener_free(listener);
        return rc;
    }
    lock_take(&server->lock);
    listener->next = server->listeners;
    server->listeners = listener;
    lock_give(&server->lock);
    *ret_listener = listener;
    return 0;
}

int http_listener_port(const struct http_listener *listener) {
    return listener->port;
}

/* Listeners are only ever put in front of the list: the rest of it stands still. */
static struct http_listener *first_listener(struct http_server *server) {
    lock_take(&server->lock);
    struct http_listener *first = server->listeners;
    lock_give(&server->lock);
    return first;
}

static bool is_draining(struct http_server *server) {
    lock_take(&server->lock);
    bool draining = server->draining;
    lock_give(&server->lock);
    return draining;
}

/* ---- what is done to all connections of a loop ---- */

struct cutting {
    const struct http_listener *listener; /* NULL: of every listener */
    int cut;
};

static void cutting_run(struct http_loop *loop, void *arg) {
    struct cutting *cutting = arg;
    for (struct http_conn *conn = http_loop_own(loop)->conns; conn != NULL;) {
        struct http_conn *next = http_conn_next(conn);
        if (cutting->listener == NULL || http_conn_listener(conn) == cutting->listener) {
            cutting->cut += http_conn_cut(conn) ? 1 : 0;
        }
        conn = next;
    }
}

static int connections_cut(struct http_server *server, const struct http_listener *listener) {
    struct cutting cutting = {.listener = listener};
    for (int i = 0; i < server->loop_count; i++) {
        http_loop_call(server->loops[i], cutting_run, &cutting);
    }
    return cutting.cut;
}

int http_listener_refuse(struct http_listener *listener, bool refuse, struct err *err) {
    struct http_server *server = listener->server;
    if (is_draining(server)) {
        return err_set(err, ERR_DRAINING, "the HTTP server is being stopped");
    }
    if (!refuse) {
        return listener_open(listener, err);
    }
    http_loop_call(server->loops[0], closing_run, listener);
    (void)connections_cut(server, listener);
    return 0;
}

int http_server_start(struct http_server *server, struct err *err) {
    INVARIANT(!server->started, "a server is started once");
    server->started = true;
    for (int i = 0; i < server->loop_count; i++) {
        int rc = http_loop_start(server->loops[i], err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- the end ---- */

static void draining_run(struct http_loop *loop, void *arg) {
    struct http_loop_own *own = http_loop_own(loop);
    own->draining = true;
    for (struct http_conn *conn = own->conns; conn != NULL;) {
        struct http_conn *next = http_conn_next(conn);
        http_conn_drain(conn);
        conn = next;
    }
}

/* Requests that wait for a worker are not begun any more; their connections are closed already. */
static void queues_empty(struct http_server *server) {
    for (struct http_listener *listener = first_listener(server); listener != NULL;
         listener = listener->next) {
        for (struct http_job *job = http_pool_take_back(listener->pool); job != NULL;
             job = http_pool_take_back(listener->pool)) {
            http_conn_forget(job);
        }
    }
}

int http_server_drain(struct http_server *server, int64_t timeout_us) {
    int64_t deadline_us = clock_mono_us() + timeout_us;
    lock_take(&server->lock);
    server->draining = true;
    lock_give(&server->lock);
    for (struct http_listener *listener = first_listener(server); listener != NULL;
         listener = listener->next) {
        http_loop_call(server->loops[0], closing_run, listener);
    }
    for (int i = 0; i < server->loop_count; i++) {
        http_loop_call(server->loops[i], draining_run, NULL);
    }
    bool in_time = true;
    lock_take(&server->lock);
    while (server->connections > 0 && in_time) {
        in_time = cond_wait_until(&server->quiet, &server->lock, deadline_us);
    }
    lock_give(&server->lock);
    int cut = connections_cut(server, NULL);
    queues_empty(server);
    return cut;
}

void http_server_free(struct http_server *server) {
    if (server == NULL) {
        return;
    }
    if (!is_draining(server) && server->loop_count > 0) {
        (void)http_server_drain(server, 0);
    }
    /* The workers first: what they still run, they hand to loops that must be there. */
    for (struct http_listener *listener = server->listeners; listener != NULL;
         listener = listener->next) {
        http_pool_free(listener->pool);
        listener->pool = NULL;
    }
    for (int i = 0; i < server->loop_count; i++) {
        http_loop_free(server->loops[i]);
    }
    while (server->listeners != NULL) {
        struct http_listener *listener = server->listeners;
        server->listeners = listener->next;
        listener_free(listener);
    }
    cond_free(&server->quiet);
    lock_free(&server->lock);
    g_free(server);
}

void http_server_stats(const struct http_listener *listener, struct http_server_stats *ret_stats) {
    struct http_pool_stats pool;
    http_pool_stats(listener->pool, &pool);
    *ret_stats = (struct http_server_stats){
        .requests = atomic_load(&listener->requests),
        .refused = atomic_load(&listener->refused),
        .overloaded = atomic_load(&listener->overloaded),
        .timeouts = atomic_load(&listener->timeouts),
        .connections = atomic_load(&listener->connections),
        .workers = pool.workers,
        .workers_busy = pool.busy,
        .queued = pool.queued,
    };
}
