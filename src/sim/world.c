/* SPDX-License-Identifier: Apache-2.0
 * world.c: the scheduler of the simulated world, see world.h.
 *
 *   READY ──chosen──> RUNNING ──lock held by another──> BLOCKED ──given──> READY
 *     ^                  │  └──waits, sleeps, joins──> WAITING ──woken or time──> READY
 *     └──interrupted─────┘
 *   any ──killed──> DEAD        RUNNING ──returned──> ENDED
 *
 * A coroutine is entered the first time through ucontext, and from then on by _setjmp/_longjmp,
 * which make no system call. */
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/world.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
enum { STACK_FACTOR = 4 };
/* What the dead held is never unwound: in a program with a world in it, a leak is no finding. */
int __lsan_is_turned_off(void) {
    return 1;
}
#else
enum { STACK_FACTOR = 1 };
#endif

enum {
    STACK_BYTES_DEFAULT = 256 * 1024,
    PAGE_BYTES = 4096,
    LINE_HEAD_CHARS = 64, /* at most so many before a line of the trace */
    NAME_CHARS = 24,
    SWITCHES_MAX = 50 * 1000 * 1000,
};

enum state { READY, RUNNING, BLOCKED, WAITING, ENDED, DEAD };

struct sim_lock;

struct stack {
    struct stack *next;
    char *base;
    size_t bytes; /* without the guard page */
};

struct task {
    struct sim_world *world;
    struct sim_process *process;
    struct task *next, **prev_next; /* of all tasks */
    uint64_t number;
    char name[NAME_CHARS];
    task_fn *fn;
    void *arg;
    enum state state;
    bool detached, entered, timed_out;
    struct stack *stack;
    ucontext_t first;
    jmp_buf place;
    int64_t until_us;        /* WAITING: mono, INT64_MAX: for ever */
    struct task *joiner;     /* who waits for its end */
    struct sim_queue *queue; /* where it is blocked or waits; NULL: nowhere */
    struct task *queue_next;
    struct sim_lock *held; /* locks it holds */
#ifdef SIM_ASAN
    void *fake_stack;
#endif
};

struct sim_queue {
    struct task *first;
};

/* What lies in a `struct lock`. */
struct sim_lock {
    struct task *holder;
    struct sim_lock *held_next;
    struct sim_queue waiting;
};
static_assert(sizeof(struct sim_lock) <= sizeof(struct lock), "a lock has room");
static_assert(sizeof(struct sim_queue) <= sizeof(struct cond), "a condition has room");

struct sim_process {
    struct sim_world *world;
    struct sim_process *next;
    char name[NAME_CHARS];
    bool dead;
    int64_t wall_offset_us;
    int64_t countdown[SIM_POINTS];
    void (*on_kill)(void *ctx);
    void *on_kill_ctx;
};

struct sim_world {
    struct sim_world_options options;
    struct prng prng;   /* of the schedule and of what happens */
    struct prng random; /* what the world door gives */
    int64_t mono_us;
    int64_t switches;
    uint64_t numbers;
    bool stopping;
    int holding;
    struct task *tasks;
    struct task *running;
    struct task **ready;
    size_t ready_count, ready_room;
    struct stack *free_stacks;
    struct sim_process *processes;
    jmp_buf scheduler;
    ucontext_t scheduler_first;
    char *trace, *own_trace;
    size_t trace_bytes;
    uint64_t hash;
#ifdef SIM_ASAN
    void *fake_stack;
    const void *stack_bottom;
    size_t stack_bytes;
#endif
};

static struct sim_world *the_world; /* a coroutine's entry gets no pointer of its own */

const char *sim_point_name(enum sim_point point) {
    static const char *const names[] = {"lock", "wait", "sleep", "call", "sync"};
    static_assert(COUNT_OF(names) == SIM_POINTS, "every point has a name");
    return names[point];
}

/* ---- trace ---- */

static void hash_add(struct sim_world *world, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        world->hash = (world->hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
}

static void hash_number(struct sim_world *world, uint64_t number) {
    world->hash = (world->hash ^ number) * UINT64_C(0x9e3779b97f4a7c15);
    world->hash ^= world->hash >> 29;
}

void sim_say(struct sim_world *world, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    int count = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t bytes = count < 0 ? 0 : (size_t)count < sizeof text ? (size_t)count : sizeof text - 1;
    hash_add(world, text, bytes);
    hash_number(world, (uint64_t)world->mono_us);
    size_t room = world->options.trace_bytes_max - world->trace_bytes;
    if (bytes + LINE_HEAD_CHARS > room) {
        return;
    }
    int64_t ms = world->mono_us / US_PER_MS;
    world->trace_bytes += (size_t)snprintf(
        world->trace + world->trace_bytes, room, "%5lld.%03lld  %-10s %s\n", (long long)(ms / 1000),
        (long long)(ms % 1000), world->running != NULL ? world->running->process->name : "world",
        text);
}

uint64_t sim_hash(const struct sim_world *world) {
    return world->hash;
}

const char *sim_trace(const struct sim_world *world) {
    return world->trace != NULL ? world->trace : "";
}

/* ---- queues ---- */

static void queue_add(struct sim_queue *queue, struct task *task) {
    struct task **at = &queue->first;
    while (*at != NULL) {
        at = &(*at)->queue_next;
    }
    *at = task;
    task->queue_next = NULL;
    task->queue = queue;
}

static void queue_drop(struct task *task) {
    if (task->queue == NULL) {
        return;
    }
    for (struct task **at = &task->queue->first; *at != NULL; at = &(*at)->queue_next) {
        if (*at == task) {
            *at = task->queue_next;
            break;
        }
    }
    task->queue = NULL;
}

static struct task *queue_draw(struct sim_world *world, struct sim_queue *queue) {
    int count = 0;
    for (struct task *task = queue->first; task != NULL; task = task->queue_next) {
        count++;
    }
    if (count == 0) {
        return NULL;
    }
    uint64_t which = count == 1 ? 0 : prng_below(&world->prng, (uint64_t)count);
    struct task *task = queue->first;
    while (which-- > 0) {
        task = task->queue_next;
    }
    queue_drop(task);
    return task;
}

static void make_ready(struct sim_world *world, struct task *task) {
    if (world->ready_count == world->ready_room) {
        world->ready_room = world->ready_room == 0 ? 64 : 2 * world->ready_room;
        world->ready = realloc(world->ready, world->ready_room * sizeof *world->ready);
        INVARIANT(world->ready != NULL, "no memory for the simulated world");
    }
    task->state = READY;
    task->until_us = INT64_MAX;
    world->ready[world->ready_count++] = task;
}

/* ---- stacks ---- */

static struct stack *stack_take(struct sim_world *world, size_t bytes) {
    bytes = (bytes > 0 ? bytes : STACK_BYTES_DEFAULT) * STACK_FACTOR;
    bytes = bytes < STACK_BYTES_DEFAULT ? STACK_BYTES_DEFAULT : bytes;
    bytes = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    for (struct stack **at = &world->free_stacks; *at != NULL; at = &(*at)->next) {
        if ((*at)->bytes == bytes) {
            struct stack *found = *at;
            *at = found->next;
            return found;
        }
    }
    struct stack *stack = calloc(1, sizeof *stack);
    INVARIANT(stack != NULL, "no memory for the simulated world");
    char *base = mmap(NULL, bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    INVARIANT(base != MAP_FAILED && mprotect(base, PAGE_BYTES, PROT_NONE) == 0,
              "no memory for a task's stack");
    stack->base = base + PAGE_BYTES;
    stack->bytes = bytes;
    return stack;
}

/* ---- switching ---- */

/* From the running task back to the scheduler; returns when the task is chosen again. */
static void leave(struct sim_world *world) {
    struct task *task = world->running;
#ifdef SIM_ASAN
    bool for_good = task->state == ENDED || task->state == DEAD;
    if (_setjmp(task->place) == 0) {
        __sanitizer_start_switch_fiber(for_good ? NULL : &task->fake_stack, world->stack_bottom,
                                       world->stack_bytes);
        _longjmp(world->scheduler, 1);
    }
    __sanitizer_finish_switch_fiber(task->fake_stack, &world->stack_bottom, &world->stack_bytes);
#else
    if (_setjmp(task->place) == 0) {
        _longjmp(world->scheduler, 1);
    }
#endif
}

static void enter(void) {
    struct sim_world *world = the_world;
    struct task *task = world->running;
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(NULL, &world->stack_bottom, &world->stack_bytes);
#endif
    task->fn(task->arg);
    INVARIANT(task->held == NULL, "a task ended with a lock held");
    task->state = ENDED;
    if (task->joiner != NULL) {
        make_ready(world, task->joiner);
        task->joiner = NULL;
    }
    leave(world);
    INVARIANT(false, "a task that ended went on");
}

static void resume(struct sim_world *world, struct task *task) {
    task->state = RUNNING;
    world->running = task;
    if (_setjmp(world->scheduler) == 0) {
#ifdef SIM_ASAN
        __sanitizer_start_switch_fiber(&world->fake_stack, task->stack->base, task->stack->bytes);
#endif
        if (task->entered) {
            _longjmp(task->place, 1);
        }
        task->entered = true;
        swapcontext(&world->scheduler_first, &task->first);
    }
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(world->fake_stack, NULL, NULL);
#endif
    world->running = NULL;
}

static void task_drop(struct sim_world *world, struct task *task) {
    if (task->stack != NULL) {
        task->stack->next = world->free_stacks;
        world->free_stacks = task->stack;
        task->stack = NULL;
    }
    *task->prev_next = task->next;
    if (task->next != NULL) {
        task->next->prev_next = task->prev_next;
    }
    free(task);
}

static struct task *task_new(struct sim_process *process, const char *name, size_t stack_bytes,
                             task_fn *fn, void *arg) {
    struct sim_world *world = process->world;
    struct task *task = calloc(1, sizeof *task);
    INVARIANT(task != NULL, "no memory for the simulated world");
    task->world = world;
    task->process = process;
    task->number = ++world->numbers;
    snprintf(task->name, sizeof task->name, "%s", name != NULL ? name : "task");
    task->fn = fn;
    task->arg = arg;
    task->stack = stack_take(world, stack_bytes);
    INVARIANT(getcontext(&task->first) == 0, "a context can always be read");
    task->first.uc_stack.ss_sp = task->stack->base;
    task->first.uc_stack.ss_size = task->stack->bytes;
    task->first.uc_link = NULL;
    makecontext(&task->first, enter, 0);
    task->next = world->tasks;
    task->prev_next = &world->tasks;
    if (world->tasks != NULL) {
        world->tasks->prev_next = &task->next;
    }
    world->tasks = task;
    make_ready(world, task);
    return task;
}

/* ---- processes ---- */

struct sim_process *sim_process_new(struct sim_world *world, const char *name) {
    struct sim_process *process = calloc(1, sizeof *process);
    INVARIANT(process != NULL, "no memory for the simulated world");
    process->world = world;
    snprintf(process->name, sizeof process->name, "%s", name);
    process->next = world->processes;
    world->processes = process;
    return process;
}

void sim_process_run(struct sim_process *process, const char *name, task_fn *fn, void *arg) {
    INVARIANT(!process->dead, "the dead start nothing");
    task_new(process, name, 0, fn, arg)->detached = true;
}

static void lock_hand_over(struct sim_world *world, struct sim_lock *lock);

static void task_kill(struct sim_world *world, struct task *task) {
    queue_drop(task);
    for (size_t i = 0; i < world->ready_count; i++) {
        if (world->ready[i] == task) {
            world->ready[i] = world->ready[--world->ready_count];
            break;
        }
    }
    task->state = DEAD;
    while (task->held != NULL) {
        struct sim_lock *lock = task->held;
        task->held = lock->held_next;
        lock->holder = NULL;
        lock_hand_over(world, lock);
    }
}

void sim_process_kill(struct sim_process *process) {
    struct sim_world *world = process->world;
    if (process->dead) {
        return;
    }
    process->dead = true;
    sim_say(world, "KILLED %s", process->name);
    /* First all leave their queues, so that no lock is handed to one that dies next. */
    for (struct task *task = world->tasks; task != NULL; task = task->next) {
        if (task->process == process && task->state != ENDED) {
            queue_drop(task);
        }
    }
    for (struct task *task = world->tasks; task != NULL; task = task->next) {
        if (task->process == process && task->state != ENDED) {
            task_kill(world, task);
        }
    }
    if (process->on_kill != NULL) {
        process->on_kill(process->on_kill_ctx);
    }
    if (world->running != NULL && world->running->process == process) {
        leave(world);
        INVARIANT(false, "the dead do not go on");
    }
}

void sim_process_kill_at(struct sim_process *process, enum sim_point point, int64_t count) {
    process->countdown[point] = count;
}

bool sim_process_dead(const struct sim_process *process) {
    return process->dead;
}

const char *sim_process_name(const struct sim_process *process) {
    return process->name;
}

void sim_process_skew(struct sim_process *process, int64_t offset_us) {
    process->wall_offset_us = offset_us;
}

int64_t sim_process_skewed(const struct sim_process *process) {
    return process->wall_offset_us;
}

void sim_process_on_kill(struct sim_process *process, void (*fn)(void *ctx), void *ctx) {
    process->on_kill = fn;
    process->on_kill_ctx = ctx;
}

struct sim_process *sim_process_current(struct sim_world *world) {
    return world->running != NULL ? world->running->process : NULL;
}

void sim_point(struct sim_world *world, enum sim_point point) {
    if (world->running == NULL || world->holding > 0) {
        return;
    }
    struct sim_process *process = world->running->process;
    if (process->countdown[point] > 0 && --process->countdown[point] == 0) {
        sim_say(world, "dies at a point of kind %s in %s", sim_point_name(point),
                world->running->name);
        sim_process_kill(process);
    }
}

void sim_hold(struct sim_world *world) {
    world->holding++;
}

void sim_unhold(struct sim_world *world) {
    world->holding--;
}

/* ---- the table behind the world door ---- */

static int64_t do_wall_us(void *ctx) {
    struct sim_world *world = ctx;
    int64_t offset = world->running != NULL ? world->running->process->wall_offset_us : 0;
    return world->options.wall_us + world->mono_us + offset;
}

/* It never begins at 0: "not yet" is written as 0 in many places. */
#define MONO_BEGIN_US (1000 * US_PER_SECOND)

static int64_t do_mono_us(void *ctx) {
    return ((struct sim_world *)ctx)->mono_us + MONO_BEGIN_US;
}

static void do_random_bytes(void *ctx, void *ret_bytes, size_t count) {
    struct sim_world *world = ctx;
    unsigned char *at = ret_bytes;
    while (count > 0) {
        uint64_t drawn = prng_next(&world->random);
        size_t some = count < sizeof drawn ? count : sizeof drawn;
        memcpy(at, &drawn, some);
        at += some;
        count -= some;
    }
}

static struct task *do_task_start(void *ctx, const char *name, size_t stack_bytes, task_fn *fn,
                                  void *arg) {
    struct sim_world *world = ctx;
    INVARIANT(world->running != NULL, "a task is started by a task");
    return task_new(world->running->process, name, stack_bytes, fn, arg);
}

static void do_task_join(void *ctx, struct task *task) {
    struct sim_world *world = ctx;
    INVARIANT(world->running != NULL && task->joiner == NULL && !task->detached,
              "a task is joined once, by another one");
    while (task->state != ENDED) {
        task->joiner = world->running;
        world->running->state = WAITING;
        world->running->until_us = INT64_MAX;
        leave(world);
    }
    task_drop(world, task);
}

static void wait_until(struct sim_world *world, int64_t mono_us) {
    struct task *task = world->running;
    task->timed_out = false;
    task->state = WAITING;
    task->until_us = mono_us;
    leave(world);
}

static void do_sleep_us(void *ctx, int64_t duration_us) {
    struct sim_world *world = ctx;
    INVARIANT(world->running != NULL && world->holding == 0, "only a task sleeps");
    sim_point(world, SIM_POINT_SLEEP);
    int64_t until;
    if (__builtin_add_overflow(world->mono_us, duration_us > 0 ? duration_us : 0, &until)) {
        until = INT64_MAX;
    }
    wait_until(world, until);
    sim_point(world, SIM_POINT_SLEEP);
}

static struct sim_lock *lock_of(struct lock *lock) {
    return (struct sim_lock *)(void *)lock->opaque;
}

static struct sim_queue *cond_of(struct cond *cond) {
    return (struct sim_queue *)(void *)cond->opaque;
}

static void do_lock_init(void *ctx, struct lock *lock) {
    memset(lock, 0, sizeof *lock);
}

static void do_lock_free(void *ctx, struct lock *lock) {
    INVARIANT(lock_of(lock)->holder == NULL && lock_of(lock)->waiting.first == NULL,
              "nobody holds a lock that is freed");
}

static void lock_own(struct sim_lock *lock, struct task *task) {
    lock->holder = task;
    lock->held_next = task->held;
    task->held = lock;
}

static void lock_hand_over(struct sim_world *world, struct sim_lock *lock) {
    struct task *next = queue_draw(world, &lock->waiting);
    if (next != NULL) {
        lock_own(lock, next);
        make_ready(world, next);
    }
}

static void lock_take_plain(struct sim_world *world, struct sim_lock *lock) {
    struct task *task = world->running;
    INVARIANT(lock->holder != task, "a lock is not recursive");
    if (lock->holder == NULL) {
        lock_own(lock, task);
        return;
    }
    INVARIANT(world->holding == 0, "a check in the middle of things needs a lock that is held");
    task->state = BLOCKED;
    queue_add(&lock->waiting, task);
    leave(world);
    INVARIANT(lock->holder == task, "who goes on has got the lock");
}

static void do_lock_take(void *ctx, struct lock *lock) {
    struct sim_world *world = ctx;
    INVARIANT(world->running != NULL, "only a task takes a lock");
    sim_point(world, SIM_POINT_LOCK);
    if (world->holding == 0 && world->options.preempt_per_10k > 0 &&
        prng_below(&world->prng, 10000) < (uint64_t)world->options.preempt_per_10k) {
        make_ready(world, world->running);
        leave(world);
    }
    lock_take_plain(world, lock_of(lock));
}

static void lock_give_plain(struct sim_world *world, struct sim_lock *lock) {
    struct task *task = world->running;
    INVARIANT(lock->holder == task, "a lock is given by its holder");
    for (struct sim_lock **at = &task->held; *at != NULL; at = &(*at)->held_next) {
        if (*at == lock) {
            *at = lock->held_next;
            break;
        }
    }
    lock->holder = NULL;
    lock_hand_over(world, lock);
}

static void do_lock_give(void *ctx, struct lock *lock) {
    lock_give_plain(ctx, lock_of(lock));
}

static void do_cond_init(void *ctx, struct cond *cond) {
    memset(cond, 0, sizeof *cond);
}

static void do_cond_free(void *ctx, struct cond *cond) {
    INVARIANT(cond_of(cond)->first == NULL, "nobody waits on what is freed");
}

static bool cond_wait_for(struct sim_world *world, struct cond *cond, struct lock *lock,
                          int64_t until_us) {
    INVARIANT(world->running != NULL && world->holding == 0, "only a task waits");
    sim_point(world, SIM_POINT_WAIT);
    struct task *task = world->running;
    lock_give_plain(world, lock_of(lock));
    queue_add(cond_of(cond), task);
    wait_until(world, until_us);
    bool in_time = !task->timed_out;
    lock_take_plain(world, lock_of(lock));
    return in_time;
}

static void do_cond_wait(void *ctx, struct cond *cond, struct lock *lock) {
    (void)cond_wait_for(ctx, cond, lock, INT64_MAX);
}

static bool do_cond_wait_until(void *ctx, struct cond *cond, struct lock *lock,
                               int64_t deadline_us) {
    struct sim_world *world = ctx;
    int64_t until = deadline_us == INT64_MAX ? INT64_MAX : deadline_us - MONO_BEGIN_US;
    return cond_wait_for(world, cond, lock, until);
}

static void do_cond_signal(void *ctx, struct cond *cond) {
    struct sim_world *world = ctx;
    struct task *task = queue_draw(world, cond_of(cond));
    if (task != NULL) {
        make_ready(world, task);
    }
}

static void do_cond_broadcast(void *ctx, struct cond *cond) {
    struct task *task;
    while ((task = cond_of(cond)->first) != NULL) {
        queue_drop(task);
        make_ready(ctx, task);
    }
}

static const struct world_ops ops = {
    .wall_us = do_wall_us,
    .mono_us = do_mono_us,
    .random_bytes = do_random_bytes,
    .task_start = do_task_start,
    .task_join = do_task_join,
    .sleep_us = do_sleep_us,
    .lock_init = do_lock_init,
    .lock_free = do_lock_free,
    .lock_take = do_lock_take,
    .lock_give = do_lock_give,
    .cond_init = do_cond_init,
    .cond_free = do_cond_free,
    .cond_wait = do_cond_wait,
    .cond_wait_until = do_cond_wait_until,
    .cond_signal = do_cond_signal,
    .cond_broadcast = do_cond_broadcast,
};

/* ---- the world ---- */

struct sim_world *sim_world_new(const struct sim_world_options *options) {
    INVARIANT(the_world == NULL, "there is one world at a time");
    struct sim_world *world = calloc(1, sizeof *world);
    INVARIANT(world != NULL, "no memory for the simulated world");
    world->options = *options;
    if (world->options.switches_max == 0) {
        world->options.switches_max = SWITCHES_MAX;
    }
    prng_init(&world->prng, options->seed);
    prng_init(&world->random, options->seed ^ UINT64_C(0x5851f42d4c957f2d));
    world->own_trace = options->trace == NULL ? calloc(1, options->trace_bytes_max + 1) : NULL;
    world->trace = options->trace != NULL ? options->trace : world->own_trace;
    INVARIANT(world->trace != NULL, "no memory for the trace");
    world->hash = UINT64_C(0xcbf29ce484222325);
    the_world = world;
    world_install(world, &ops);
    return world;
}

void sim_world_free(struct sim_world *world) {
    world_install(NULL, NULL);
    the_world = NULL;
    while (world->tasks != NULL) {
        task_drop(world, world->tasks);
    }
    while (world->free_stacks != NULL) {
        struct stack *stack = world->free_stacks;
        world->free_stacks = stack->next;
        munmap(stack->base - PAGE_BYTES, stack->bytes + PAGE_BYTES);
        free(stack);
    }
    while (world->processes != NULL) {
        struct sim_process *process = world->processes;
        world->processes = process->next;
        free(process);
    }
    free(world->own_trace);
    free(world->ready);
    free(world);
}

/* Time passes: to the first deadline. False: there is none. */
static bool pass_time(struct sim_world *world) {
    int64_t first = INT64_MAX;
    for (struct task *task = world->tasks; task != NULL; task = task->next) {
        if (task->state == WAITING && task->until_us < first) {
            first = task->until_us;
        }
    }
    if (first == INT64_MAX) {
        return false;
    }
    world->mono_us = first > world->mono_us ? first : world->mono_us;
    return true;
}

static void wake_due(struct sim_world *world) {
    for (struct task *task = world->tasks; task != NULL; task = task->next) {
        if (task->state == WAITING && task->until_us <= world->mono_us) {
            queue_drop(task);
            task->timed_out = true;
            make_ready(world, task);
        }
    }
}

/* Whoever ended without a joiner, or died, leaves nothing but its stack. */
static void bury(struct sim_world *world, struct task *task) {
    if (task->state == DEAD || (task->state == ENDED && task->detached)) {
        task_drop(world, task);
    }
}

static void bury_dead(struct sim_world *world) {
    struct task *next;
    for (struct task *task = world->tasks; task != NULL; task = next) {
        next = task->next;
        if (task->state == DEAD || (task->state == ENDED && task->process->dead)) {
            task_drop(world, task);
        }
    }
}

static bool any_dead(const struct sim_world *world, int *known) {
    int dead = 0;
    for (const struct sim_process *process = world->processes; process != NULL;
         process = process->next) {
        dead += process->dead;
    }
    bool more = dead != *known;
    *known = dead;
    return more;
}

enum sim_end sim_world_run(struct sim_world *world) {
    int known_dead = 0;
    int64_t woken_us = -1;
    while (!world->stopping) {
        if (any_dead(world, &known_dead)) {
            bury_dead(world);
        }
        if (world->ready_count == 0) {
            if (!pass_time(world)) {
                return SIM_STUCK;
            }
            woken_us = -1;
        }
        if (woken_us != world->mono_us / 64) { /* a look at the clock every 64 µs is enough */
            woken_us = world->mono_us / 64;
            wake_due(world);
        }
        if (world->ready_count == 0) {
            continue;
        }
        size_t which = prng_below(&world->prng, world->ready_count);
        struct task *task = world->ready[which];
        world->ready[which] = world->ready[--world->ready_count];
        world->mono_us++;
        hash_number(world, task->number);
        hash_number(world, (uint64_t)world->mono_us);
        if (++world->switches > world->options.switches_max) {
            return SIM_TOO_LONG;
        }
        resume(world, task);
        bury(world, task);
    }
    world->stopping = false;
    return SIM_DONE;
}

void sim_world_stop(struct sim_world *world) {
    world->stopping = true;
}

int64_t sim_world_now_us(const struct sim_world *world) {
    return world->mono_us;
}

int64_t sim_world_switches(const struct sim_world *world) {
    return world->switches;
}

struct prng *sim_world_prng(struct sim_world *world) {
    return &world->prng;
}

char *sim_world_tasks(const struct sim_world *world) {
    static const char *const names[] = {"ready", "running", "blocked", "waiting", "ended", "dead"};
    struct buf out;
    buf_init(&out, 64 * 1024);
    for (const struct task *task = world->tasks; task != NULL; task = task->next) {
        buf_addf(&out, "%s/%s %s", task->process->name, task->name, names[task->state]);
        if (task->state == WAITING && task->until_us != INT64_MAX) {
            buf_addf(&out, " until %lld.%06lld", (long long)(task->until_us / US_PER_SECOND),
                     (long long)(task->until_us % US_PER_SECOND));
        }
        buf_add_char(&out, '\n');
    }
    char *text = strdup(out.data != NULL ? out.data : "");
    buf_release(&out);
    INVARIANT(text != NULL, "no memory for the simulated world");
    return text;
}
