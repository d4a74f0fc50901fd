/* SPDX-License-Identifier: Apache-2.0
 * http_client_loop.c: calls are driven by their callers' own tasks. A slot holds an easy handle, a
 * multi handle of its own and the connections that it keeps open; whoever calls takes the slot that
 * was given back last, drives it until the call has ended, and gives it back. So no task stands
 * between caller and socket, nobody looks through a thousand kept connections for a free one, and
 * slots that are not needed grow old together with their connections and are freed.
 *
 * A multi handle and not curl_easy_perform(), because the wait of the one can be ended from
 * outside: the client can be freed while calls are under way. Names that were resolved are shared
 * by all slots. */
#include <errno.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "net/http_client_impl.h"
#include "net/tls_client.h"

enum {
    CONNECTIONS_DEFAULT = 256,
    CONNECTIONS_PER_SLOT = 2, /* one for each of the gateways that it served last */
    IDLE_FREED_MAX = 2,       /* old slots freed by one call, so that none pays for many */
    TIMEOUT_MS_MAX = 24 * 3600 * 1000,
    DESCRIPTORS_WANTED = 65536,
};

struct http_client_loop {
    struct lock lock; /* guards these: */
    struct cond left;
    struct http_slot *idle_newest, *idle_oldest; /* linked by newer and older */
    struct http_slot *busy;                      /* likewise: calls under way */
    int idle_count;
    int inside; /* callers between enter and leave */
    bool stopping;

    /* Set once. */
    X509_STORE *trusted;
    char user_agent[128];
    int idle_max;
    CURLSH *shared;
    struct lock shared_locks[CURL_LOCK_DATA_LAST];
};

static void busy_add(struct http_client_loop *loop, struct http_slot *slot) {
    slot->newer = NULL;
    slot->older = loop->busy;
    if (loop->busy != NULL) {
        loop->busy->newer = slot;
    }
    loop->busy = slot;
}

static void busy_remove(struct http_client_loop *loop, struct http_slot *slot) {
    if (slot->newer != NULL) {
        slot->newer->older = slot->older;
    } else {
        loop->busy = slot->older;
    }
    if (slot->older != NULL) {
        slot->older->newer = slot->newer;
    }
}

static void idle_add(struct http_client_loop *loop, struct http_slot *slot) {
    slot->newer = NULL;
    slot->older = loop->idle_newest;
    *(slot->older != NULL ? &slot->older->newer : &loop->idle_oldest) = slot;
    loop->idle_newest = slot;
    loop->idle_count++;
}

static struct http_slot *idle_take_newest(struct http_client_loop *loop) {
    struct http_slot *slot = loop->idle_newest;
    if (slot != NULL) {
        loop->idle_newest = slot->older;
        *(slot->older != NULL ? &slot->older->newer : &loop->idle_oldest) = NULL;
        loop->idle_count--;
    }
    return slot;
}

/* The oldest, if there are too many or its connections are too old to be used again. */
static struct http_slot *idle_take_old(struct http_client_loop *loop, int64_t now_us) {
    struct http_slot *slot = loop->idle_oldest;
    if (slot == NULL || (loop->idle_count <= loop->idle_max && slot->idle_until_us > now_us)) {
        return NULL;
    }
    loop->idle_oldest = slot->newer;
    *(slot->newer != NULL ? &slot->newer->older : &loop->idle_newest) = NULL;
    loop->idle_count--;
    return slot;
}

/* One call. */

struct http_slot *http_client_loop_enter(struct http_client_loop *loop) {
    lock_take(&loop->lock);
    if (loop->stopping) {
        lock_give(&loop->lock);
        return NULL;
    }
    loop->inside++;
    struct http_slot *slot = idle_take_newest(loop);
    lock_give(&loop->lock);
    if (slot != NULL) {
        return slot;
    }
    slot = http_slot_new(loop->user_agent, loop->trusted);
    slot->multi = curl_multi_init();
    INVARIANT(slot->multi != NULL, "out of memory or of file descriptors");
    CURLMcode kept = curl_multi_setopt(slot->multi, CURLMOPT_MAXCONNECTS,
                                       (long)CONNECTIONS_PER_SLOT);
    CURLcode shared = curl_easy_setopt(slot->easy, CURLOPT_SHARE, loop->shared);
    INVARIANT(kept == CURLM_OK && shared == CURLE_OK, "libcurl lacks an option");
    return slot;
}

static long ms_of(int64_t duration_us) {
    int64_t ms = (duration_us + US_PER_MS - 1) / US_PER_MS;
    return ms > TIMEOUT_MS_MAX ? TIMEOUT_MS_MAX : (long)ms;
}

/* True when libcurl is through with the call; `slot->result` is set then. */
static bool has_ended(struct http_slot *slot) {
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(slot->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            slot->result = message->data.result;
            return true;
        }
    }
    return false;
}

/* Until the call has ended, its time is over or the client is stopped. The deadline is ours:
 * libcurl's own has milliseconds, and ends no name look-up. */
static void drive(struct http_client_loop *loop, struct http_slot *slot) {
    for (;;) {
        int running = 0;
        CURLMcode code = curl_multi_perform(slot->multi, &running);
        INVARIANT(code == CURLM_OK, "libcurl's multi handle is broken");
        if (has_ended(slot)) {
            return;
        }
        if (atomic_load(&slot->to_stop)) {
            slot->result = CURLE_ABORTED_BY_CALLBACK;
            slot->stopped = true;
            return;
        }
        int64_t left_us = slot->deadline_us - clock_mono_us();
        if (left_us <= 0) {
            slot->result = CURLE_OPERATION_TIMEDOUT;
            return;
        }
        code = curl_multi_poll(slot->multi, NULL, 0, (int)ms_of(left_us), NULL);
        INVARIANT(code == CURLM_OK, "libcurl's multi handle is broken");
    }
}

void http_client_loop_perform(struct http_client_loop *loop, struct http_slot *slot) {
    lock_take(&loop->lock);
    bool stopping = loop->stopping;
    if (!stopping) {
        busy_add(loop, slot);
    }
    lock_give(&loop->lock);
    if (stopping) {
        slot->result = CURLE_ABORTED_BY_CALLBACK;
        slot->stopped = true;
        return;
    }
    if (slot->deadline_us <= clock_mono_us()) {
        slot->result = CURLE_OPERATION_TIMEDOUT;
    } else {
        CURLcode set = curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS,
                                        ms_of(slot->connect_timeout_us));
        INVARIANT(set == CURLE_OK, "timeouts are within libcurl's range");
        CURLMcode moved = curl_multi_add_handle(slot->multi, slot->easy);
        INVARIANT(moved == CURLM_OK, "the handle was idle");
        drive(loop, slot);
        moved = curl_multi_remove_handle(slot->multi, slot->easy);
        INVARIANT(moved == CURLM_OK, "the call was under way");
    }
    lock_take(&loop->lock);
    busy_remove(loop, slot);
    lock_give(&loop->lock);
}

/* Slots are freed before their caller counts as gone: libcurl must still be there. */
void http_client_loop_leave(struct http_client_loop *loop, struct http_slot *slot) {
    int64_t now_us = clock_mono_us();
    struct http_slot *old[IDLE_FREED_MAX] = {NULL};
    bool worn = slot->worn;
    slot->idle_until_us = now_us + HTTP_IDLE_SECONDS_MAX * US_PER_SECOND;
    if (worn) {
        http_slot_free(slot);
    }
    lock_take(&loop->lock);
    if (!worn) {
        idle_add(loop, slot);
    }
    for (int i = 0; i < IDLE_FREED_MAX; i++) {
        old[i] = idle_take_old(loop, now_us);
    }
    if (old[0] != NULL) {
        lock_give(&loop->lock);
        for (int i = 0; i < IDLE_FREED_MAX && old[i] != NULL; i++) {
            http_slot_free(old[i]);
        }
        lock_take(&loop->lock);
    }
    loop->inside--;
    if (loop->inside == 0 && loop->stopping) {
        cond_signal(&loop->left);
    }
    lock_give(&loop->lock);
}

/* Making and freeing. */

/* A call under way takes three descriptors, and many systems begin with 1,024 for a process that
 * may have far more. */
static void allow_descriptors(void) {
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur < DESCRIPTORS_WANTED) {
        now.rlim_cur = now.rlim_max < DESCRIPTORS_WANTED ? now.rlim_max : DESCRIPTORS_WANTED;
        (void)setrlimit(RLIMIT_NOFILE, &now);
    }
}

static void shared_take(CURL *easy, curl_lock_data which, curl_lock_access access, void *arg) {
    lock_take(&((struct http_client_loop *)arg)->shared_locks[which]);
}

static void shared_give(CURL *easy, curl_lock_data which, void *arg) {
    lock_give(&((struct http_client_loop *)arg)->shared_locks[which]);
}

static void make_shared(struct http_client_loop *loop) {
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++) {
        lock_init(&loop->shared_locks[i]);
    }
    loop->shared = curl_share_init();
    INVARIANT(loop->shared != NULL, "out of memory");
    CURLSHcode bad = CURLSHE_OK;
#define SET(option, value) bad |= curl_share_setopt(loop->shared, CURLSHOPT_##option, value)
    SET(LOCKFUNC, shared_take);
    SET(UNLOCKFUNC, shared_give);
    SET(USERDATA, loop);
    SET(SHARE, CURL_LOCK_DATA_DNS);
#undef SET
    INVARIANT(bad == CURLSHE_OK, "libcurl lacks an option that the client stands on");
}

int http_client_loop_new(const struct http_client_options *options,
                         struct http_client_loop **ret_loop, struct err *err) {
    X509_STORE *trusted = NULL;
    int rc = tls_client_trusted(options->ca_path, &trusted, err);
    if (rc < 0) {
        return rc;
    }
    CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    INVARIANT(ready == CURLE_OK, "libcurl cannot be initialised");
    tls_client_ignore_broken_pipes();
    allow_descriptors();

    struct http_client_loop *loop = calloc(1, sizeof(*loop));
    INVARIANT(loop != NULL, "out of memory");
    lock_init(&loop->lock);
    cond_init(&loop->left);
    loop->trusted = trusted;
    loop->idle_max = options->connections_max > 0 ? options->connections_max : CONNECTIONS_DEFAULT;
    const char *agent = options->user_agent != NULL ? options->user_agent : "Holdfast/1";
    snprintf(loop->user_agent, sizeof(loop->user_agent), "%s", agent);
    make_shared(loop);
    *ret_loop = loop;
    return 0;
}

void http_client_loop_free(struct http_client_loop *loop) {
    lock_take(&loop->lock);
    loop->stopping = true;
    for (struct http_slot *slot = loop->busy; slot != NULL; slot = slot->older) {
        atomic_store(&slot->to_stop, true);
        (void)curl_multi_wakeup(slot->multi);
    }
    while (loop->inside > 0) {
        cond_wait(&loop->left, &loop->lock);
    }
    lock_give(&loop->lock);
    for (struct http_slot *slot = idle_take_newest(loop); slot != NULL;
         slot = idle_take_newest(loop)) {
        http_slot_free(slot);
    }
    CURLSHcode freed = curl_share_cleanup(loop->shared);
    INVARIANT(freed == CURLSHE_OK, "every slot was freed before");
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++) {
        lock_free(&loop->shared_locks[i]);
    }
    X509_STORE_free(loop->trusted);
    cond_free(&loop->left);
    lock_free(&loop->lock);
    free(loop);
    curl_global_cleanup();
}
