/* SPDX-License-Identifier: Apache-2.0
 * world_real.c: the world as the operating system gives it. The only file that calls the system's
 * clocks, its randomness and its threads; no function here looks at `ctx`.
 *
 * A lock is a checking mutex: taking it twice, or giving what one does not hold, is a bug and
 * aborts instead of hanging. Waiting counts on the monotonic clock, so a clock that is set does
 * not shorten or stretch it. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/world.h"

enum {
    TASK_NAME_BYTES = 16, /* with the NUL; the kernel's limit */
    TASK_STACK_BYTES_DEFAULT = 256 * 1024,
};
/* More than any system has: asking for it fails there, instead of overflowing here. */
#define TASK_STACK_BYTES_MAX (SIZE_MAX / 16)

/* Sanitizers put red zones around every local variable: the same code needs more stack. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TASK_STACK_FACTOR 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TASK_STACK_FACTOR 4
#endif
#endif
#ifndef TASK_STACK_FACTOR
#define TASK_STACK_FACTOR 1
#endif

/* ThreadSanitizer knows sem_post() and sem_wait(), but not sem_clockwait(): it must be told that
 * what was done before the post is seen after it. */
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#ifdef WITH_TSAN
void __tsan_acquire(void *address);
#define SEEN_WITH_POST(semaphore) __tsan_acquire(semaphore)
#else
#define SEEN_WITH_POST(semaphore) ((void)0)
#endif

struct task {
    pthread_t thread;
    task_fn *fn;
    void *arg;
    char name[TASK_NAME_BYTES];
};

static_assert(sizeof(pthread_mutex_t) <= sizeof(struct lock), "a lock has room for a mutex");
static_assert(_Alignof(pthread_mutex_t) <= _Alignof(struct lock), "a lock is aligned for a mutex");
static_assert(sizeof(sem_t) <= sizeof(struct latch), "a latch has room for a semaphore");
static_assert(_Alignof(sem_t) <= _Alignof(struct latch), "a latch is aligned for a semaphore");
static_assert(sizeof(pthread_cond_t) <= sizeof(struct cond), "a cond has room for a condition");
static_assert(_Alignof(pthread_cond_t) <= _Alignof(struct cond), "a cond is aligned for one");

static pthread_mutex_t *mutex_of(struct lock *lock) {
    return (pthread_mutex_t *)(void *)lock->opaque;
}

static pthread_cond_t *condition_of(struct cond *cond) {
    return (pthread_cond_t *)(void *)cond->opaque;
}

static struct timespec timespec_of(int64_t us) {
    const int64_t at = us > 0 ? us : 0; /* before the clock began: has passed */

    return (struct timespec){.tv_sec = at / US_PER_SECOND, .tv_nsec = at % US_PER_SECOND * 1000};
}

static int64_t read_clock(clockid_t clock) {
    struct timespec now;

    INVARIANT(clock_gettime(clock, &now) == 0, "Linux always has this clock");
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t real_wall_us(void *ctx) {
    return read_clock(CLOCK_REALTIME);
}

static int64_t real_mono_us(void *ctx) {
    return read_clock(CLOCK_MONOTONIC);
}

static void real_random_bytes(void *ctx, void *ret_bytes, size_t count) {
    unsigned char *at = ret_bytes;

    while (count > 0) {
        const ssize_t got = getrandom(at, count, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        INVARIANT(got > 0, "without randomness no key and no id may be made");
        at += got;
        count -= (size_t)got;
    }
}

static size_t stack_bytes_real(size_t asked) {
    const long floor = sysconf(_SC_THREAD_STACK_MIN);
    const long page = sysconf(_SC_PAGESIZE);
    const size_t page_bytes = page > 0 ? (size_t)page : 4096;
    size_t bytes = asked != 0 ? asked : TASK_STACK_BYTES_DEFAULT;

    bytes = (bytes < TASK_STACK_BYTES_MAX ? bytes : TASK_STACK_BYTES_MAX) * TASK_STACK_FACTOR;
    if (bytes < (size_t)PTHREAD_STACK_MIN) {
        bytes = (size_t)PTHREAD_STACK_MIN;
    }
    if (floor > 0 && bytes < (size_t)floor) {
        bytes = (size_t)floor;
    }
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

static void *task_run(void *arg) {
    struct task *task = arg;

    /* A name is a help for debugging: without it the task works as well. */
    (void)pthread_setname_np(pthread_self(), task->name);
    task->fn(task->arg);
    return NULL;
}

static struct task *real_task_start(void *ctx, const char *name, size_t stack_bytes, task_fn *fn,
                                    void *arg) {
    struct task *task = calloc(1, sizeof(*task));
    pthread_attr_t attr;
    int failed;

    if (task == NULL) {
        return NULL;
    }
    task->fn = fn;
    task->arg = arg;
    (void)snprintf(task->name, sizeof(task->name), "%s", name != NULL ? name : "task");
    if (pthread_attr_init(&attr) != 0) {
        free(task);
        return NULL;
    }
    failed = pthread_attr_setstacksize(&attr, stack_bytes_real(stack_bytes));
    if (failed == 0) {
        failed = pthread_create(&task->thread, &attr, task_run, task);
    }
    (void)pthread_attr_destroy(&attr);
    if (failed != 0) {
        free(task);
        return NULL;
    }
    return task;
}

static void real_task_join(void *ctx, struct task *task) {
    INVARIANT(pthread_join(task->thread, NULL) == 0, "a task is joined once, by another one");
    free(task);
}

static void real_sleep_us(void *ctx, int64_t duration_us) {
    struct timespec until;
    int failed;

    if (duration_us <= 0) {
        return;
    }
    if (__builtin_add_overflow(read_clock(CLOCK_MONOTONIC), duration_us, &duration_us)) {
        duration_us = INT64_MAX;
    }
    until = timespec_of(duration_us);
    do {
        failed = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    } while (failed == EINTR);
    INVARIANT(failed == 0, "the time to sleep until is a valid one");
}

static void real_lock_init(void *ctx, struct lock *lock) {
    pthread_mutexattr_t attr;

    INVARIANT(pthread_mutexattr_init(&attr) == 0);
    INVARIANT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
    INVARIANT(pthread_mutex_init(mutex_of(lock), &attr) == 0);
    (void)pthread_mutexattr_destroy(&attr);
}

static void real_lock_free(void *ctx, struct lock *lock) {
    INVARIANT(pthread_mutex_destroy(mutex_of(lock)) == 0, "nobody holds a lock that is freed");
}

static void real_lock_take(void *ctx, struct lock *lock) {
    INVARIANT(pthread_mutex_lock(mutex_of(lock)) == 0, "a lock is not recursive");
}

static void real_lock_give(void *ctx, struct lock *lock) {
    INVARIANT(pthread_mutex_unlock(mutex_of(lock)) == 0, "a lock is given by its holder");
}

static void real_cond_init(void *ctx, struct cond *cond) {
    pthread_condattr_t attr;

    INVARIANT(pthread_condattr_init(&attr) == 0);
    INVARIANT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    INVARIANT(pthread_cond_init(condition_of(cond), &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
}

static void real_cond_free(void *ctx, struct cond *cond) {
    INVARIANT(pthread_cond_destroy(condition_of(cond)) == 0, "nobody waits on what is freed");
}

static void real_cond_wait(void *ctx, struct cond *cond, struct lock *lock) {
    INVARIANT(pthread_cond_wait(condition_of(cond), mutex_of(lock)) == 0,
              "waiting needs the lock held");
}

static bool real_cond_wait_until(void *ctx, struct cond *cond, struct lock *lock,
                                 int64_t deadline_us) {
    const struct timespec until = timespec_of(deadline_us);
    const int failed = pthread_cond_timedwait(condition_of(cond), mutex_of(lock), &until);

    INVARIANT(failed == 0 || failed == ETIMEDOUT, "waiting needs the lock held");
    return failed == 0;
}

static void real_cond_signal(void *ctx, struct cond *cond) {
    INVARIANT(pthread_cond_signal(condition_of(cond)) == 0);
}

static void real_cond_broadcast(void *ctx, struct cond *cond) {
    INVARIANT(pthread_cond_broadcast(condition_of(cond)) == 0);
}

/* A latch is a semaphore: posting it reads nothing of it once the waiter can see the post. */

static sem_t *semaphore_of(struct latch *latch) {
    return (sem_t *)(void *)latch->opaque;
}

static void real_latch_init(void *ctx, struct latch *latch) {
    INVARIANT(sem_init(semaphore_of(latch), 0, 0) == 0);
}

static void real_latch_free(void *ctx, struct latch *latch) {
    INVARIANT(sem_destroy(semaphore_of(latch)) == 0);
}

static void real_latch_open(void *ctx, struct latch *latch) {
    INVARIANT(sem_post(semaphore_of(latch)) == 0,
              "nobody opens a latch two thousand million times");
}

static bool real_latch_pass_until(void *ctx, struct latch *latch, int64_t deadline_us) {
    const struct timespec until = timespec_of(deadline_us);
    int failed;

    do {
        failed = deadline_us < 0 ? sem_wait(semaphore_of(latch))
                                 : sem_clockwait(semaphore_of(latch), CLOCK_MONOTONIC, &until);
    } while (failed != 0 && errno == EINTR);
    INVARIANT(failed == 0 || errno == ETIMEDOUT, "the time to wait until is a valid one");
    if (failed == 0) {
        SEEN_WITH_POST(semaphore_of(latch));
    }
    return failed == 0;
}

const struct world_ops *world_real(void) {
    static const struct world_ops ops = {
        .wall_us = real_wall_us,
        .mono_us = real_mono_us,
        .random_bytes = real_random_bytes,
        .task_start = real_task_start,
        .task_join = real_task_join,
        .sleep_us = real_sleep_us,
        .lock_init = real_lock_init,
        .lock_free = real_lock_free,
        .lock_take = real_lock_take,
        .lock_give = real_lock_give,
        .cond_init = real_cond_init,
        .cond_free = real_cond_free,
        .cond_wait = real_cond_wait,
        .cond_wait_until = real_cond_wait_until,
        .cond_signal = real_cond_signal,
        .cond_broadcast = real_cond_broadcast,
        .latch_init = real_latch_init,
        .latch_free = real_latch_free,
        .latch_open = real_latch_open,
        .latch_pass_until = real_latch_pass_until,
    };

    return &ops;
}
