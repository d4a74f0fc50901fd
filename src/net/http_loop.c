/* SPDX-License-Identifier: Apache-2.0
 * http_loop.c: see http_loop.h.
 *
 * `asleep` is set under the mailbox's lock by a loop that found it empty, and taken back by the
 * first callback or by the first poster, who then writes to the eventfd. A note posted while it is
 * not set is found before the next sleep, because the loop passes the lock again before that. */
#include "net/http_loop.h"

#include "base/task.h"

#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOP_STACK_BYTES = 256 * 1024, HEAD_BYTES_MAX = 256 * 1024 };

struct http_loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    struct task *task;
    atomic_bool asleep;
    struct lock lock;
    struct http_note *first, *last; /* under the lock */
    bool stopping;                  /* under the lock */
    struct http_loop_own own;
};

void http_loop_awake(struct http_loop *loop) {
    if (atomic_load_explicit(&loop->asleep, memory_order_relaxed)) {
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
    }
}

static void wake_read(evutil_socket_t fd, short what, void *arg) {
    struct http_loop *loop = arg;
    uint64_t count;
    http_loop_awake(loop);
    ssize_t got = read(fd, &count, sizeof(count));
    INVARIANT(got == (ssize_t)sizeof(count) || errno == EAGAIN, "an eventfd can be read");
}

static void loop_wake(struct http_loop *loop) {
    uint64_t one = 1;
    if (atomic_exchange(&loop->asleep, false)) {
        ssize_t put = write(loop->wake_fd, &one, sizeof(one));
        INVARIANT(put == (ssize_t)sizeof(one) || errno == EAGAIN, "an eventfd can be written");
    }
}

/* libevent's locks stay off: a loop belongs to its task. */
static struct event_base *base_new(void) {
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int http_loop_new(struct http_loop **ret_loop, struct err *err) {
    struct http_loop *loop = g_new0(struct http_loop, 1);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = loop->wake_fd >= 0 ? base_new() : NULL;
    if (loop->base != NULL) {
        loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, wake_read, loop);
    }
    lock_init(&loop->lock);
    buf_init(&loop->own.head, HEAD_BYTES_MAX);
    if (loop->wake == NULL || event_add(loop->wake, NULL) != 0) {
        http_loop_free(loop);
        return err_set(err, ERR_IO, "the system has no room for an event loop");
    }
    *ret_loop = loop;
    return 0;
}

static struct http_note *notes_take(struct http_loop *loop, bool *ret_stopping) {
    lock_take(&loop->lock);
    struct http_note *notes = loop->first;
    loop->first = loop->last = NULL;
    *ret_stopping = loop->stopping;
    if (notes == NULL) {
        atomic_store(&loop->asleep, true);
    }
    lock_give(&loop->lock);
    return notes;
}

/* Returns false when it found nothing and the loop is to end. */
static bool loop_turn(struct http_loop *loop) {
    bool stopping = false;
    struct http_note *notes = notes_take(loop, &stopping);
    bool any = notes != NULL;
    while (notes != NULL) {
        struct http_note *note = notes;
        notes = note->next;
        note->next = NULL;
        note->run(loop, note);
    }
    if (!any && stopping) {
        return false;
    }
    event_base_loop(loop->base, EVLOOP_ONCE | (any ? EVLOOP_NONBLOCK : 0));
    return true;
}

static void loop_main(void *arg) {
    while (loop_turn(arg)) {
    }
}

int http_loop_start(struct http_loop *loop, struct err *err) {
    loop->task = task_start("http-io", LOOP_STACK_BYTES, loop_main, loop);
    if (loop->task == NULL) {
        return err_set(err, ERR_IO, "the system has no room for an I/O task");
    }
    return 0;
}

void http_loop_free(struct http_loop *loop) {
    if (loop->task != NULL) {
        lock_take(&loop->lock);
        loop->stopping = true;
        lock_give(&loop->lock);
        loop_wake(loop);
        task_join(loop->task);
    } else if (loop->wake != NULL) {
        loop->stopping = true;
        while (loop_turn(loop)) {
        }
    }
    INVARIANT(loop->own.conns == NULL, "connections end before their loop");
    if (loop->wake != NULL) {
        event_free(loop->wake);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    buf_release(&loop->own.head);
    lock_free(&loop->lock);
    g_free(loop);
}

void http_loop_post(struct http_loop *loop, struct http_note *note) {
    note->next = NULL;
    lock_take(&loop->lock);
    *(loop->last != NULL ? &loop->last->next : &loop->first) = note;
    loop->last = note;
    lock_give(&loop->lock);
    loop_wake(loop);
}

struct errand {
    struct http_note note; /* first: a note is turned back into its errand */
    void (*fn)(struct http_loop *loop, void *arg);
    void *arg;
    struct lock lock;
    struct cond cond;
    bool done;
};

static void errand_run(struct http_loop *loop, struct http_note *note) {
    struct errand *errand = (struct errand *)note;
    errand->fn(loop, errand->arg);
    lock_take(&errand->lock);
    errand->done = true;
    cond_signal(&errand->cond);
    lock_give(&errand->lock);
}

void http_loop_call(struct http_loop *loop, void (*fn)(struct http_loop *loop, void *arg),
                    void *arg) {
    if (loop->task == NULL) {
        fn(loop, arg);
        return;
    }
    struct errand errand = {.note.run = errand_run, .fn = fn, .arg = arg};
    lock_init(&errand.lock);
    cond_init(&errand.cond);
    http_loop_post(loop, &errand.note);
    lock_take(&errand.lock);
    while (!errand.done) {
        cond_wait(&errand.cond, &errand.lock);
    }
    lock_give(&errand.lock);
    cond_free(&errand.cond);
    lock_free(&errand.lock);
}

struct event_base *http_loop_base(struct http_loop *loop) {
    return loop->base;
}

struct http_loop_own *http_loop_own(struct http_loop *loop) {
    return &loop->own;
}
