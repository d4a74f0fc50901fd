/* SPDX-License-Identifier: Apache-2.0
 * test_world.c: whoever installs a world is asked for everything, and nothing leaks past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/world.h"

/* A world that writes down what it was asked for. Its time moves only when somebody sleeps. */
struct fake {
    char asked[400];
    int64_t now_us;
    const void *seen[3];
    int64_t number;
};

static void note(void *ctx, const char *what, const void *first, const void *second) {
    struct fake *fake = ctx;
    const size_t len = strlen(fake->asked);

    (void)snprintf(fake->asked + len, sizeof(fake->asked) - len, "%s ", what);
    fake->seen[0] = first;
    fake->seen[1] = second;
}

static int64_t fake_wall_us(void *ctx) {
    note(ctx, "wall", NULL, NULL);
    return ((struct fake *)ctx)->now_us + 1000000;
}

static int64_t fake_mono_us(void *ctx) {
    note(ctx, "mono", NULL, NULL);
    return ((struct fake *)ctx)->now_us;
}

static void fake_random_bytes(void *ctx, void *ret_bytes, size_t count) {
    note(ctx, "random", NULL, NULL);
    memset(ret_bytes, 0x42, count);
}

/* Its tasks run at once, to their end. */
static struct task *fake_task_start(void *ctx, const char *name, size_t stack_bytes, task_fn *fn,
                                    void *arg) {
    note(ctx, "start", name, NULL);
    ((struct fake *)ctx)->number = (int64_t)stack_bytes;
    fn(arg);
    return (struct task *)ctx;
}

static void fake_task_join(void *ctx, struct task *task) {
    note(ctx, "join", task, NULL);
}

static void fake_sleep_us(void *ctx, int64_t duration_us) {
    note(ctx, "sleep", NULL, NULL);
    ((struct fake *)ctx)->now_us += duration_us;
}

static void fake_lock_init(void *ctx, struct lock *lock) {
    note(ctx, "lock_init", lock, NULL);
}

static void fake_lock_free(void *ctx, struct lock *lock) {
    note(ctx, "lock_free", lock, NULL);
}

static void fake_lock_take(void *ctx, struct lock *lock) {
    note(ctx, "lock_take", lock, NULL);
}

static void fake_lock_give(void *ctx, struct lock *lock) {
    note(ctx, "lock_give", lock, NULL);
}

static void fake_cond_init(void *ctx, struct cond *cond) {
    note(ctx, "cond_init", cond, NULL);
}

static void fake_cond_free(void *ctx, struct cond *cond) {
    note(ctx, "cond_free", cond, NULL);
}

static void fake_cond_wait(void *ctx, struct cond *cond, struct lock *lock) {
    note(ctx, "cond_wait", cond, lock);
}

static bool fake_cond_wait_until(void *ctx, struct cond *cond, struct lock *lock,
                                 int64_t deadline_us) {
    note(ctx, "cond_wait_until", cond, lock);
    ((struct fake *)ctx)->number = deadline_us;
    return deadline_us > ((struct fake *)ctx)->now_us;
}

static void fake_cond_signal(void *ctx, struct cond *cond) {
    note(ctx, "cond_signal", cond, NULL);
}

static void fake_cond_broadcast(void *ctx, struct cond *cond) {
    note(ctx, "cond_broadcast", cond, NULL);
}

static const struct world_ops fake_ops = {
    .wall_us = fake_wall_us,
    .mono_us = fake_mono_us,
    .random_bytes = fake_random_bytes,
    .task_start = fake_task_start,
    .task_join = fake_task_join,
    .sleep_us = fake_sleep_us,
    .lock_init = fake_lock_init,
    .lock_free = fake_lock_free,
    .lock_take = fake_lock_take,
    .lock_give = fake_lock_give,
    .cond_init = fake_cond_init,
    .cond_free = fake_cond_free,
    .cond_wait = fake_cond_wait,
    .cond_wait_until = fake_cond_wait_until,
    .cond_signal = fake_cond_signal,
    .cond_broadcast = fake_cond_broadcast,
};

static struct fake fake;

static int install_fake(void **state) {
    fake = (struct fake){.now_us = 500};
    world_install(&fake, &fake_ops);
    return 0;
}

static int install_real(void **state) {
    world_install(NULL, NULL);
    return 0;
}

static void the_clocks_show_the_installed_worlds_time(void **state) {
    assert_int_equal(clock_mono_us(), 500);
    assert_int_equal(clock_wall_us(), 1000500);
    task_sleep_us(250);
    assert_int_equal(clock_mono_us(), 750);
    assert_int_equal(clock_wall_us(), 1000750);
    assert_string_equal(fake.asked, "mono wall sleep mono wall ");
}

static void randomness_comes_from_the_installed_world(void **state) {
    unsigned char bytes[5] = {0};

    random_bytes(bytes, sizeof(bytes));
    assert_memory_equal(bytes, "BBBBB", sizeof(bytes));
    assert_true(random_u64() == UINT64_C(0x4242424242424242));
    assert_true(random_below(1000) == UINT64_C(0x4242424242424242) % 1000);
    assert_string_equal(fake.asked, "random random random ");
}

static void set_true(void *arg) {
    *(bool *)arg = true;
}

static void tasks_are_started_and_joined_by_the_installed_world(void **state) {
    bool ran = false;
    struct task *task = task_start("one", 12345, set_true, &ran);

    assert_true(ran);
    assert_ptr_equal(task, &fake);
    assert_string_equal(fake.seen[0], "one");
    assert_int_equal(fake.number, 12345);
    task_join(task);
    assert_ptr_equal(fake.seen[0], task);
    assert_string_equal(fake.asked, "start join ");
}

static void locks_and_conditions_are_the_installed_worlds(void **state) {
    struct lock lock;
    struct cond cond;

    lock_init(&lock);
    lock_take(&lock);
    assert_ptr_equal(fake.seen[0], &lock);
    cond_init(&cond);
    cond_wait(&cond, &lock);
    assert_ptr_equal(fake.seen[0], &cond);
    assert_ptr_equal(fake.seen[1], &lock);
    assert_true(cond_wait_until(&cond, &lock, 501));
    assert_int_equal(fake.number, 501);
    assert_false(cond_wait_until(&cond, &lock, 500));
    assert_ptr_equal(fake.seen[0], &cond);
    assert_ptr_equal(fake.seen[1], &lock);
    cond_signal(&cond);
    cond_broadcast(&cond);
    cond_free(&cond);
    assert_ptr_equal(fake.seen[0], &cond);
    lock_give(&lock);
    lock_free(&lock);
    assert_ptr_equal(fake.seen[0], &lock);
    assert_string_equal(fake.asked,
                        "lock_init lock_take cond_init cond_wait cond_wait_until cond_wait_until "
                        "cond_signal cond_broadcast cond_free lock_give lock_free ");
}

/* The fake world has no latches of its own. */
static void a_world_without_latches_makes_them_of_a_lock_and_a_condition(void **state) {
    struct latch latch;

    latch_init(&latch);
    latch_open(&latch);
    latch_pass(&latch);
    assert_string_equal(fake.asked, "lock_init cond_init lock_take cond_signal lock_give "
                                    "lock_take lock_give ");
    fake.asked[0] = '\0';
    assert_false(latch_pass_until(&latch, 500));
    assert_int_equal(fake.number, 500);
    latch_free(&latch);
    assert_string_equal(fake.asked, "lock_take cond_wait_until lock_give cond_free lock_free ");
}

static void the_real_world_is_whole_and_is_there_when_nothing_is_installed(void **state) {
    const struct world_ops *real = world_real();

    for (size_t i = 0; i < sizeof(*real) / sizeof(void (*)(void)); i++) {
        void (*fn)(void);

        memcpy(&fn, (const char *)real + i * sizeof(fn), sizeof(fn));
        assert_true(fn != NULL);
    }
    assert_true(clock_mono_us() > 1000);
    world_install(NULL, &fake_ops);
    world_install(NULL, NULL);
    assert_true(clock_wall_us() > INT64_C(1700000000000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_clocks_show_the_installed_worlds_time, install_fake,
                                        install_real),
        cmocka_unit_test_setup_teardown(randomness_comes_from_the_installed_world, install_fake,
                                        install_real),
        cmocka_unit_test_setup_teardown(tasks_are_started_and_joined_by_the_installed_world,
                                        install_fake, install_real),
        cmocka_unit_test_setup_teardown(locks_and_conditions_are_the_installed_worlds, install_fake,
                                        install_real),
        cmocka_unit_test_setup_teardown(
            a_world_without_latches_makes_them_of_a_lock_and_a_condition, install_fake,
            install_real),
        cmocka_unit_test(the_real_world_is_whole_and_is_there_when_nothing_is_installed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
