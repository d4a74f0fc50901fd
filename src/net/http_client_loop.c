/* SPDX-License-Identifier: Apache-2.0
 * http_client_loop.c: one task that drives every call: libevent watches the sockets and the clock,
 * libcurl's multi handle says which. Work is per socket that is ready, not per call under way.
 *
 * Calls come in through a queue under a lock; whoever makes it non-empty wakes the loop, so that
 * one wake-up serves all that come until the loop looks. Each is answered through its own slot. */
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_client_impl.h"

enum {
    CONNECTIONS_DEFAULT = 256,
    LOOP_STACK_BYTES = 1024 * 1024,
    TIMEOUT_MS_MAX = 24 * 3600 * 1000,
};

struct http_client_loop {
    struct lock lock; /* guards these: */
    struct cond left;
    struct http_slot *idle;
    int idle_count;
    struct http_slot *queue, **queue_end;
    int inside; /* callers between enter and leave */
    bool stopping;

    /* Set once. */
    struct task *task;
    X509_STORE *trusted;
    char user_agent[128];
    int idle_max;
    int wake_fd;

    /* The loop's task only, once it runs. */
    struct event_base *base;
    struct event *wake, *timer;
    CURLM *multi;
    struct http_slot *newest; /* calls under way */
};

/* Calls under way. */

static void finish(struct http_slot *slot, CURLcode result, bool stopped) {
    lock_take(&slot->lock);
    slot->result = result;
    slot->stopped = stopped;
    slot->done = true;
    cond_signal(&slot->cond);
    lock_give(&slot->lock);
}

static void unlink_slot(struct http_client_loop *loop, struct http_slot *slot) {
    if (slot->newer != NULL) {
        slot->newer->older = slot->older;
    } else {
        loop->newest = slot->older;
    }
    if (slot->older != NULL) {
        slot->older->newer = slot->newer;
    }
    slot->newer = slot->older = NULL;
}

static void end_call(struct http_client_loop *loop, struct http_slot *slot, CURLcode result,
                     bool stopped) {
    unlink_slot(loop, slot);
    (void)evtimer_del(&slot->deadline);
    CURLMcode removed = curl_multi_remove_handle(loop->multi, slot->easy);
    INVARIANT(removed == CURLM_OK, "the call was under way");
    finish(slot, result, stopped);
}

static void collect_ended(struct http_client_loop *loop) {
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(loop->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode result = message->data.result; /* the message dies with the removal */
        struct http_slot *slot = NULL;
        CURLcode found = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        INVARIANT(found == CURLE_OK && slot != NULL, "every handle has its slot");
        end_call(loop, slot, result, false);
    }
}

static void act(struct http_client_loop *loop, curl_socket_t fd, int what) {
    int running = 0;
    CURLMcode code = curl_multi_socket_action(loop->multi, fd, what, &running);
    INVARIANT(code == CURLM_OK || code == CURLM_BAD_SOCKET, "libcurl's multi handle is broken");
    collect_ended(loop);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
    struct http_slot *slot = arg;
    end_call(slot->loop, slot, CURLE_OPERATION_TIMEDOUT, false);
}

static long timeout_ms(int64_t duration_us) {
    int64_t ms = (duration_us + US_PER_MS - 1) / US_PER_MS;
    return ms > TIMEOUT_MS_MAX ? TIMEOUT_MS_MAX : (long)ms;
}

/* The deadline is a timer of ours: libcurl's own stands still while a call waits for one of its
 * host's connections to become free. */
static void begin_call(struct http_client_loop *loop, struct http_slot *slot, int64_t now_us) {
    int64_t left_us = slot->deadline_us - now_us;
    if (left_us <= 0) {
        finish(slot, CURLE_OPERATION_TIMEDOUT, false);
        return;
    }
    long connect_ms = timeout_ms(slot->connect_timeout_us);
    CURLcode set = curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    INVARIANT(set == CURLE_OK, "timeouts are within libcurl's range");
    CURLMcode added = curl_multi_add_handle(loop->multi, slot->easy);
    INVARIANT(added == CURLM_OK, "the handle was idle");
    slot->loop = loop;
    struct timeval left = {left_us / US_PER_SECOND, left_us % US_PER_SECOND};
    evtimer_assign(&slot->deadline, loop->base, on_deadline, slot);
    (void)evtimer_add(&slot->deadline, &left);
    slot->older = loop->newest;
    slot->newer = NULL;
    if (loop->newest != NULL) {
        loop->newest->newer = slot;
    }
    loop->newest = slot;
}

/* Events. */

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    struct http_client_loop *loop = arg;
    uint64_t times;
    ssize_t got = read(loop->wake_fd, &times, sizeof(times));
    INVARIANT(got == sizeof(times) || errno == EAGAIN || errno == EINTR, "the wake-up can be read");

    lock_take(&loop->lock);
    struct http_slot *slot = loop->queue;
    bool stopping = loop->stopping;
    loop->queue = NULL;
    loop->queue_end = &loop->queue;
    lock_give(&loop->lock);

    int64_t now_us = clock_mono_us();
    for (struct http_slot *next; slot != NULL; slot = next) {
        next = slot->next; /* once finished, the slot is its caller's */
        if (stopping) {
            finish(slot, CURLE_ABORTED_BY_CALLBACK, true);
        } else {
            begin_call(loop, slot, now_us);
        }
    }
    if (!stopping) {
        act(loop, CURL_SOCKET_TIMEOUT, 0);
        return;
    }
    while (loop->newest != NULL) {
        end_call(loop, loop->newest, CURLE_ABORTED_BY_CALLBACK, true);
    }
    (void)event_base_loopbreak(loop->base);
}

static void on_ready(evutil_socket_t fd, short what, void *arg) {
    int action = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                 ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    act(arg, fd, action);
}

static void on_time(evutil_socket_t fd, short what, void *arg) {
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl's wishes: each socket it uses has an event as its private pointer. */
static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
    struct http_client_loop *loop = arg;
    struct event *event = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (event != NULL) {
            event_free(event);
            (void)curl_multi_assign(loop->multi, fd, NULL);
        }
        return 0;
    }
    short want = EV_PERSIST;
    want |= (what & CURL_POLL_IN) != 0 ? EV_READ : 0;
    want |= (what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0;
    if (event == NULL) {
        event = event_new(loop->base, fd, want, on_ready, loop);
        INVARIANT(event != NULL, "out of memory");
        (void)curl_multi_assign(loop->multi, fd, event);
    } else {
        (void)event_del(event);
        (void)event_assign(event, loop->base, fd, want, on_ready, loop);
    }
    int rc = event_add(event, NULL);
    INVARIANT(rc == 0, "a socket cannot be watched");
    return 0;
}

static int on_timer_wish(CURLM *multi, long delay_ms, void *arg) {
    struct http_client_loop *loop = arg;
    if (delay_ms < 0) {
        (void)evtimer_del(loop->timer);
        return 0;
    }
    struct timeval delay = {delay_ms / 1000, (delay_ms % 1000) * 1000};
    (void)evtimer_add(loop->timer, &delay);
    return 0;
}

static void run_loop(void *arg) {
    struct http_client_loop *loop = arg;
    (void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

/* The callers' side. */

struct http_slot *http_client_loop_enter(struct http_client_loop *loop) {
    lock_take(&loop->lock);
    if (loop->stopping) {
        lock_give(&loop->lock);
        return NULL;
    }
    loop->inside++;
    struct http_slot *slot = loop->idle;
    if (slot != NULL) {
        loop->idle = slot->next;
        loop->idle_count--;
    }
    lock_give(&loop->lock);
    return slot != NULL ? slot : http_slot_new(loop->user_agent, loop->trusted);
}

static void wake(struct http_client_loop *loop) {
    const uint64_t once = 1;
    ssize_t put = write(loop->wake_fd, &once, sizeof(once));
    INVARIANT(put == sizeof(once) || errno == EAGAIN, "the loop can be woken");
}

void http_client_loop_perform(struct http_client_loop *loop, struct http_slot *slot) {
    slot->next = NULL;
    lock_take(&loop->lock);
    bool first = loop->queue == NULL;
    bool stopping = loop->stopping;
    if (!stopping) {
        *loop->queue_end = slot;
        loop->queue_end = &slot->next;
    }
    lock_give(&loop->lock);
    if (stopping) {
        slot->result = CURLE_ABORTED_BY_CALLBACK;
        slot->stopped = true;
        return;
    }
    if (first) {
        wake(loop);
    }
    lock_take(&slot->lock);
    while (!slot->done) {
        cond_wait(&slot->cond, &slot->lock);
    }
    lock_give(&slot->lock);
}

void http_client_loop_leave(struct http_client_loop *loop, struct http_slot *slot) {
    lock_take(&loop->lock);
    if (loop->idle_count < loop->idle_max && !slot->worn) {
        slot->next = loop->idle;
        loop->idle = slot;
        loop->idle_count++;
    } else { /* freed before the caller counts as gone: libcurl must still be there */
        lock_give(&loop->lock);
        http_slot_free(slot);
        lock_take(&loop->lock);
    }
    loop->inside--;
    if (loop->inside == 0 && loop->stopping) {
        cond_signal(&loop->left);
    }
    lock_give(&loop->lock);
}

/* Making and freeing. */

/* The system's CAs, looked up as they are needed, and those of `ca_path`. */
static int load_trusted(const char *ca_path, X509_STORE **ret_store, struct err *err) {
    X509_STORE *store = X509_STORE_new();
    INVARIANT(store != NULL, "out of memory");
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST);
    if (X509_STORE_set_default_paths(store) != 1) {
        ERR_clear_error();
    }
    if (ca_path != NULL && X509_STORE_load_file(store, ca_path) != 1) {
        ERR_clear_error();
        X509_STORE_free(store);
        int rc = err_set(err, ERR_CRYPTO, "%s holds no certificate that can be read", ca_path);
        (void)err_hint(err, "give the path of a PEM file with the CA's certificate");
        return rc;
    }
    ERR_clear_error();
    *ret_store = store;
    return 0;
}

/* TLS connections are written to by OpenSSL, which cannot ask the kernel to spare it the signal. */
static void ignore_broken_pipes(void) {
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        (void)sigaction(SIGPIPE, &ignore, NULL);
    }
}

static void make_base(struct http_client_loop *loop) {
    struct event_config *config = event_config_new();
    INVARIANT(config != NULL, "out of memory");
    /* Only its own task touches the base; others reach it through `wake_fd`. Changes to the epoll
     * set are not put off (EPOLL_USE_CHANGELIST): one that comes after its socket was closed would
     * meet whatever file another task has opened under that number since. */
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    INVARIANT(loop->base != NULL, "no event loop");
    loop->timer = evtimer_new(loop->base, on_time, loop);
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    INVARIANT(loop->timer != NULL && loop->wake != NULL, "out of memory");
    int rc = event_add(loop->wake, NULL);
    INVARIANT(rc == 0, "the wake-up cannot be watched");
}

static void make_multi(struct http_client_loop *loop, const struct http_client_options *options) {
    loop->multi = curl_multi_init();
    INVARIANT(loop->multi != NULL, "out of memory");
    CURLMcode bad = CURLM_OK;
#define SET(option, value) bad |= curl_multi_setopt(loop->multi, CURLMOPT_##option, value)
    SET(SOCKETFUNCTION, on_watch);
    SET(SOCKETDATA, loop);
    SET(TIMERFUNCTION, on_timer_wish);
    SET(TIMERDATA, loop);
    SET(PIPELINING, (long)CURLPIPE_NOTHING);
    SET(MAXCONNECTS, (long)loop->idle_max);
    SET(MAX_HOST_CONNECTIONS, (long)options->connections_per_host);
#undef SET
    INVARIANT(bad == CURLM_OK, "libcurl lacks an option that the client stands on");
}

static void loop_release(struct http_client_loop *loop) {
    for (struct http_slot *slot = loop->idle, *next; slot != NULL; slot = next) {
        next = slot->next;
        http_slot_free(slot);
    }
    if (loop->multi != NULL) {
        (void)curl_multi_cleanup(loop->multi);
    }
    if (loop->base != NULL) {
        event_free(loop->wake);
        event_free(loop->timer);
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    X509_STORE_free(loop->trusted);
    cond_free(&loop->left);
    lock_free(&loop->lock);
    free(loop);
    curl_global_cleanup();
}

int http_client_loop_new(const struct http_client_options *options,
                         struct http_client_loop **ret_loop, struct err *err) {
    X509_STORE *trusted = NULL;
    int rc = load_trusted(options->ca_path, &trusted, err);
    if (rc < 0) {
        return rc;
    }
    CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    INVARIANT(ready == CURLE_OK, "libcurl cannot be initialised");
    ignore_broken_pipes();

    struct http_client_loop *loop = calloc(1, sizeof(*loop));
    INVARIANT(loop != NULL, "out of memory");
    lock_init(&loop->lock);
    cond_init(&loop->left);
    loop->trusted = trusted;
    loop->queue_end = &loop->queue;
    loop->idle_max = options->connections_max > 0 ? options->connections_max : CONNECTIONS_DEFAULT;
    const char *agent = options->user_agent != NULL ? options->user_agent : "Holdfast/1";
    snprintf(loop->user_agent, sizeof(loop->user_agent), "%s", agent);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        loop_release(loop);
        return err_set(err, ERR_IO, "no file descriptor is left for the HTTP client");
    }
    make_base(loop);
    make_multi(loop, options);
    loop->task = task_start("http-client", LOOP_STACK_BYTES, run_loop, loop);
    if (loop->task == NULL) {
        loop_release(loop);
        return err_set(err, ERR_OVERLOADED, "no task can be started for the HTTP client");
    }
    *ret_loop = loop;
    return 0;
}

void http_client_loop_free(struct http_client_loop *loop) {
    lock_take(&loop->lock);
    loop->stopping = true;
    lock_give(&loop->lock);
    wake(loop);
    task_join(loop->task);
    lock_take(&loop->lock);
    while (loop->inside > 0) {
        cond_wait(&loop->left, &loop->lock);
    }
    lock_give(&loop->lock);
    loop_release(loop);
}
