/* SPDX-License-Identifier: Apache-2.0
 * test_sim_world.c: the simulated world keeps the promises of base/task.h, in one thread, from a
 * seed, and its processes die as SIGKILL would have them die.
 *
 * Tasks only write down what they see; all is asserted when the world has come to rest, since
 * nothing may jump out of a coroutine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "sim/world.h"

#define WALL_US INT64_C(1772395200000000)
enum { SEEN_MAX = 400, ROUNDS = 50, TASKS = 6 };

struct scene {
    struct sim_world *world;
    struct sim_process *alice, *bob;
    struct lock lock;
    struct cond cond;
    bool ready;
    int inside, inside_most, done, woken, deaths;
    int64_t at_us[TASKS];
    int64_t began_us;
    int number;
    char seen[SEEN_MAX]; /* a letter for each thing that happened, in order */
    int seen_count;
};

static void scene_open(struct scene *scene, uint64_t seed, int preempt_per_10k) {
    *scene = (struct scene){0};
    scene->world = sim_world_new(&(struct sim_world_options){
        .seed = seed,
        .wall_us = WALL_US,
        .preempt_per_10k = preempt_per_10k,
        .switches_max = 100000,
        .trace_bytes_max = 64 * 1024,
    });
    scene->alice = sim_process_new(scene->world, "alice");
    scene->bob = sim_process_new(scene->world, "bob");
    lock_init(&scene->lock);
    cond_init(&scene->cond);
    scene->began_us = sim_world_now_us(scene->world);
}

static void see(struct scene *scene, char letter) {
    if (scene->seen_count < SEEN_MAX - 1) {
        scene->seen[scene->seen_count++] = letter;
    }
}

/* Until nothing is left to happen. */
static void rest(struct scene *scene) {
    assert_int_equal(sim_world_run(scene->world), SIM_STUCK);
}

static int64_t passed_us(const struct scene *scene) {
    return sim_world_now_us(scene->world) - scene->began_us;
}

/* ---- locks ---- */

static void take_turns(void *arg) {
    struct scene *scene = arg;
    for (int i = 0; i < ROUNDS; i++) {
        lock_take(&scene->lock);
        scene->inside++;
        scene->inside_most = scene->inside > scene->inside_most ? scene->inside
                                                                : scene->inside_most;
        task_sleep_us(i % 3);
        scene->inside--;
        scene->done++;
        lock_give(&scene->lock);
    }
}

static void test_a_lock_has_one_holder(void **state) {
    struct scene scene;
    scene_open(&scene, 1, 3000);
    for (int i = 0; i < TASKS; i++) {
        sim_process_run(i % 2 == 0 ? scene.alice : scene.bob, "turns", take_turns, &scene);
    }
    rest(&scene);
    assert_int_equal(scene.inside_most, 1);
    assert_int_equal(scene.done, TASKS * ROUNDS);
    sim_world_free(scene.world);
}

static void hold_a_second(void *arg) {
    struct scene *scene = arg;
    lock_take(&scene->lock);
    int which = scene->number++;
    scene->at_us[which] = passed_us(scene);
    task_sleep_us(US_PER_SECOND);
    lock_give(&scene->lock);
}

static void test_giving_a_lock_lets_one_in(void **state) {
    struct scene scene;
    scene_open(&scene, 2, 0);
    for (int i = 0; i < TASKS; i++) {
        sim_process_run(scene.alice, "holder", hold_a_second, &scene);
    }
    rest(&scene);
    assert_int_equal(scene.number, TASKS);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(scene.at_us[i] / US_PER_SECOND, i);
    }
    sim_world_free(scene.world);
}

/* ---- conditions and time ---- */

static void await_word(void *arg) {
    struct scene *scene = arg;
    lock_take(&scene->lock);
    scene->number++;
    cond_wait(&scene->cond, &scene->lock);
    scene->woken++;
    lock_give(&scene->lock);
}

static void signal_and_broadcast(void *arg) {
    struct scene *scene = arg;
    while (scene->number < TASKS) {
        task_sleep_us(1);
    }
    lock_take(&scene->lock); /* whoever counted itself waits by now */
    cond_signal(&scene->cond);
    lock_give(&scene->lock);
    task_sleep_us(US_PER_SECOND);
    scene->inside_most = scene->woken;
    lock_take(&scene->lock);
    cond_broadcast(&scene->cond);
    lock_give(&scene->lock);
}

static void test_a_signal_wakes_one_and_a_broadcast_all(void **state) {
    struct scene scene;
    scene_open(&scene, 3, 500);
    for (int i = 0; i < TASKS; i++) {
        sim_process_run(scene.alice, "waiter", await_word, &scene);
    }
    sim_process_run(scene.bob, "caller", signal_and_broadcast, &scene);
    rest(&scene);
    assert_int_equal(scene.inside_most, 1);
    assert_int_equal(scene.woken, TASKS);
    sim_world_free(scene.world);
}

static void wait_in_vain(void *arg) {
    struct scene *scene = arg;
    int64_t deadline = clock_mono_us() + 3600 * US_PER_SECOND;
    lock_take(&scene->lock);
    scene->ready = cond_wait_until(&scene->cond, &scene->lock, deadline);
    scene->at_us[0] = clock_mono_us() - deadline;
    lock_give(&scene->lock);
    task_sleep_us(INT64_C(10) * 366 * 24 * 3600 * US_PER_SECOND);
    scene->done++;
}

/* If it took real time, nobody would live to see this test fail. */
static void test_ten_years_pass_at_once(void **state) {
    struct scene scene;
    scene_open(&scene, 4, 0);
    scene.ready = true;
    sim_process_run(scene.alice, "patient", wait_in_vain, &scene);
    rest(&scene);
    assert_int_equal(scene.done, 1);
    assert_false(scene.ready);
    assert_in_range(scene.at_us[0], 0, 10);
    assert_in_range(passed_us(&scene) / US_PER_SECOND, 10 * 365 * 24 * 3600, 10 * 367 * 24 * 3600);
    sim_world_free(scene.world);
}

static void tell_in_time(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(100);
    lock_take(&scene->lock);
    cond_signal(&scene->cond);
    lock_give(&scene->lock);
}

static void test_who_is_told_in_time_did_not_time_out(void **state) {
    struct scene scene;
    scene_open(&scene, 5, 0);
    sim_process_run(scene.alice, "waiter", wait_in_vain, &scene);
    sim_process_run(scene.bob, "teller", tell_in_time, &scene);
    rest(&scene);
    assert_true(scene.ready);
    sim_world_free(scene.world);
}

/* ---- tasks ---- */

static void child_main(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(US_PER_SECOND);
    see(scene, 'c');
}

static void parent_main(void *arg) {
    struct scene *scene = arg;
    struct task *first = task_start("child", 0, child_main, scene);
    struct task *second = task_start("child", 0, child_main, scene);
    see(scene, 'p');
    task_join(first);
    task_sleep_us(10 * US_PER_SECOND);
    task_join(second); /* which ended long ago */
    see(scene, 'j');
}

static void test_joining_waits_for_the_end(void **state) {
    struct scene scene;
    scene_open(&scene, 6, 0);
    sim_process_run(scene.alice, "parent", parent_main, &scene);
    rest(&scene);
    assert_string_equal(scene.seen, "pccj");
    sim_world_free(scene.world);
}

/* ---- death ---- */

static void live_on(void *arg) {
    struct scene *scene = arg;
    lock_take(&scene->lock);
    for (;;) {
        scene->done++;
        task_sleep_us(US_PER_MS);
    }
}

static void come_after(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(1); /* the other one has the lock by now, or gets it first */
    lock_take(&scene->lock);
    see(scene, 'a');
    lock_give(&scene->lock);
}

static void kill_alice(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(100 * US_PER_MS);
    sim_process_kill(scene->alice);
    see(scene, 'k');
    scene->inside_most = scene->done;
}

static void count_death(void *ctx) {
    ((struct scene *)ctx)->deaths++;
}

/* Alice holds the lock; another of hers and one of Bob's wait for it. */
static void test_the_dead_never_run_again_and_their_locks_are_free(void **state) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene scene;
        scene_open(&scene, seed, 0);
        sim_process_on_kill(scene.alice, count_death, &scene);
        sim_process_run(scene.alice, "holder", live_on, &scene);
        sim_process_run(scene.alice, "second", live_on, &scene);
        sim_process_run(scene.bob, "after", come_after, &scene);
        sim_process_run(scene.bob, "killer", kill_alice, &scene);
        rest(&scene);
        assert_true(sim_process_dead(scene.alice));
        assert_false(sim_process_dead(scene.bob));
        assert_int_equal(scene.deaths, 1);
        assert_in_range(scene.done, 50, 101);
        assert_int_equal(scene.done, scene.inside_most);
        assert_non_null(strchr(scene.seen, 'a'));
        sim_world_free(scene.world);
    }
}

static void run_on(void *arg) {
    struct scene *scene = arg;
    for (;;) {
        scene->done++;
        task_sleep_us(0);
    }
}

static void kill_runners(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(50);
    sim_process_kill(scene->alice);
    scene->inside_most = scene->done;
    task_sleep_us(50);
}

/* They ask for nothing but their turn. */
static void test_the_dead_lose_their_turn(void **state) {
    struct scene scene;
    scene_open(&scene, 18, 0);
    for (int i = 0; i < TASKS; i++) {
        sim_process_run(scene.alice, "runner", run_on, &scene);
    }
    sim_process_run(scene.bob, "killer", kill_runners, &scene);
    rest(&scene);
    assert_in_range(scene.done, 20, 200);
    assert_int_equal(scene.done, scene.inside_most);
    sim_world_free(scene.world);
}

static void kill_oneself(void *arg) {
    struct scene *scene = arg;
    see(scene, 'b');
    sim_process_kill(scene->alice);
    see(scene, '!');
}

static void test_who_kills_its_own_process_does_not_return(void **state) {
    struct scene scene;
    scene_open(&scene, 7, 0);
    sim_process_run(scene.alice, "sad", kill_oneself, &scene);
    rest(&scene);
    assert_string_equal(scene.seen, "b");
    sim_world_free(scene.world);
}

static void do_each(void *arg) {
    struct scene *scene = arg;
    for (int i = 0; i < 10; i++) {
        switch ((enum sim_point)scene->number) {
        case SIM_POINT_LOCK:
            lock_take(&scene->lock);
            lock_give(&scene->lock);
            break;
        case SIM_POINT_WAIT:
            lock_take(&scene->lock);
            cond_wait_until(&scene->cond, &scene->lock, clock_mono_us() + 5);
            lock_give(&scene->lock);
            break;
        case SIM_POINT_SLEEP:
            task_sleep_us(5);
            break;
        default:
            sim_point(scene->world, (enum sim_point)scene->number);
            break;
        }
        scene->done++;
    }
}

/* A sleep has two points, one at either end. */
static void test_death_comes_at_the_point_that_was_said(void **state) {
    static const int done[SIM_POINTS] = {4, 4, 2, 4, 4};
    for (int point = 0; point < SIM_POINTS; point++) {
        struct scene scene;
        scene_open(&scene, 8, 0);
        scene.number = point;
        sim_process_kill_at(scene.alice, (enum sim_point)point, 5);
        sim_process_run(scene.alice, "doer", do_each, &scene);
        rest(&scene);
        assert_true(sim_process_dead(scene.alice));
        assert_int_equal(scene.done, done[point]);
        sim_world_free(scene.world);
    }
}

static void test_a_death_can_be_taken_back(void **state) {
    struct scene scene;
    scene_open(&scene, 9, 0);
    scene.number = SIM_POINT_CALL;
    sim_process_kill_at(scene.alice, SIM_POINT_CALL, 5);
    sim_process_kill_at(scene.alice, SIM_POINT_CALL, 0);
    sim_process_run(scene.alice, "doer", do_each, &scene);
    rest(&scene);
    assert_false(sim_process_dead(scene.alice));
    assert_int_equal(scene.done, 10);
    sim_world_free(scene.world);
}

static void check_in_the_middle(void *arg) {
    struct scene *scene = arg;
    sim_hold(scene->world);
    for (int i = 0; i < 20; i++) {
        lock_take(&scene->lock);
        lock_give(&scene->lock);
        sim_point(scene->world, SIM_POINT_SYNC);
        see(scene, 'h');
    }
    sim_unhold(scene->world);
    see(scene, 'u');
    lock_take(&scene->lock);
    see(scene, '!');
}

static void look_on(void *arg) {
    struct scene *scene = arg;
    for (int i = 0; i < 20; i++) {
        see(scene, 'o');
        task_sleep_us(1);
    }
}

static void test_while_the_world_is_held_nobody_runs_and_nobody_dies(void **state) {
    struct scene scene;
    scene_open(&scene, 10, 10000);
    sim_process_kill_at(scene.alice, SIM_POINT_LOCK, 1);
    sim_process_kill_at(scene.alice, SIM_POINT_SYNC, 1);
    sim_process_run(scene.bob, "other", look_on, &scene);
    sim_process_run(scene.alice, "checker", check_in_the_middle, &scene);
    rest(&scene);
    assert_non_null(strstr(scene.seen, "hhhhhhhhhhhhhhhhhhhhu"));
    assert_null(strchr(scene.seen, '!'));
    assert_true(sim_process_dead(scene.alice));
    sim_world_free(scene.world);
}

/* ---- ends ---- */

static void take_and_wait(void *arg) {
    struct scene *scene = arg;
    lock_take(&scene->lock);
    task_sleep_us(INT64_MAX);
}

static void take_too(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(10);
    lock_take(&scene->lock);
}

static void test_when_nothing_can_happen_the_world_says_who_waits(void **state) {
    struct scene scene;
    scene_open(&scene, 11, 0);
    sim_process_run(scene.alice, "greedy", take_and_wait, &scene);
    sim_process_run(scene.bob, "hungry", take_too, &scene);
    rest(&scene);
    char *tasks = sim_world_tasks(scene.world);
    assert_non_null(strstr(tasks, "alice/greedy waiting\n"));
    assert_non_null(strstr(tasks, "bob/hungry blocked\n"));
    free(tasks);
    sim_world_free(scene.world);
}

static void spin(void *arg) {
    for (;;) {
        task_sleep_us(0);
    }
}

static void test_a_world_that_never_rests_is_ended(void **state) {
    struct scene scene;
    scene_open(&scene, 12, 0);
    sim_process_run(scene.alice, "spinner", spin, &scene);
    assert_int_equal(sim_world_run(scene.world), SIM_TOO_LONG);
    sim_world_free(scene.world);
}

static void stop_it(void *arg) {
    struct scene *scene = arg;
    sim_world_stop(scene->world);
    task_sleep_us(1);
    see(scene, '!');
}

static void test_a_stopped_world_runs_nobody(void **state) {
    struct scene scene;
    scene_open(&scene, 13, 0);
    sim_process_run(scene.alice, "stopper", stop_it, &scene);
    assert_int_equal(sim_world_run(scene.world), SIM_DONE);
    assert_string_equal(scene.seen, "");
    sim_world_free(scene.world);
}

/* ---- chance and clocks ---- */

static void scribble(void *arg) {
    struct scene *scene = arg;
    int letter = scene->number++;
    for (int i = 0; i < 20; i++) {
        see(scene, (char)('a' + letter));
        task_sleep_us(0);
    }
}

static uint64_t scribbles(uint64_t seed, char ret_seen[SEEN_MAX]) {
    struct scene scene;
    scene_open(&scene, seed, 0);
    for (int i = 0; i < TASKS; i++) {
        sim_process_run(scene.alice, "scribe", scribble, &scene);
    }
    rest(&scene);
    memcpy(ret_seen, scene.seen, SEEN_MAX);
    uint64_t hash = sim_hash(scene.world);
    sim_world_free(scene.world);
    return hash;
}

static void test_a_seed_says_what_happens(void **state) {
    char first[SEEN_MAX], again[SEEN_MAX], other[SEEN_MAX];
    uint64_t hash = scribbles(14, first);
    assert_int_equal(strlen(first), TASKS * 20);
    void *between = malloc(100000); /* where things lie decides nothing */
    assert_true(scribbles(14, again) == hash);
    assert_string_equal(first, again);
    assert_true(scribbles(15, other) != hash);
    assert_string_not_equal(first, other);
    free(between);
}

static void test_what_is_said_is_in_the_hash_and_in_the_trace(void **state) {
    struct scene scene;
    scene_open(&scene, 16, 0);
    uint64_t before = sim_hash(scene.world);
    sim_say(scene.world, "%d plums", 3);
    uint64_t three = sim_hash(scene.world);
    assert_true(three != before);
    assert_non_null(strstr(sim_trace(scene.world), "3 plums"));
    sim_world_free(scene.world);
    scene_open(&scene, 16, 0);
    sim_say(scene.world, "%d plums", 4);
    assert_true(sim_hash(scene.world) != three);
    sim_world_free(scene.world);
}

static void draw_numbers(void *arg) {
    struct scene *scene = arg;
    for (int i = 0; i < 20; i++) {
        see(scene, (char)('a' + random_below(26)));
    }
}

static void test_the_worlds_randomness_is_the_seeds(void **state) {
    char seen[3][SEEN_MAX];
    for (int i = 0; i < 3; i++) {
        struct scene scene;
        scene_open(&scene, i < 2 ? 19 : 20, 0);
        sim_process_run(scene.alice, "drawer", draw_numbers, &scene);
        rest(&scene);
        memcpy(seen[i], scene.seen, SEEN_MAX);
        sim_world_free(scene.world);
    }
    assert_int_equal(strlen(seen[0]), 20);
    assert_string_equal(seen[0], seen[1]);
    assert_string_not_equal(seen[0], seen[2]);
}

static void read_clocks(void *arg) {
    struct scene *scene = arg;
    bool is_alice = sim_process_current(scene->world) == scene->alice;
    scene->at_us[is_alice ? 0 : 1] = clock_wall_us() - WALL_US;
    scene->at_us[is_alice ? 2 : 3] = clock_mono_us();
}

static void test_a_wall_clock_is_off_for_one_process_alone(void **state) {
    struct scene scene;
    scene_open(&scene, 17, 0);
    sim_process_skew(scene.alice, -3600 * US_PER_SECOND);
    sim_process_run(scene.alice, "reader", read_clocks, &scene);
    sim_process_run(scene.bob, "reader", read_clocks, &scene);
    rest(&scene);
    assert_in_range(scene.at_us[0] + 3600 * US_PER_SECOND, 0, 1000);
    assert_in_range(scene.at_us[1], 0, 1000);
    assert_in_range(scene.at_us[2] - scene.at_us[3] + 1000, 0, 2000);
    sim_world_free(scene.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lock_has_one_holder),
        cmocka_unit_test(test_giving_a_lock_lets_one_in),
        cmocka_unit_test(test_a_signal_wakes_one_and_a_broadcast_all),
        cmocka_unit_test(test_ten_years_pass_at_once),
        cmocka_unit_test(test_who_is_told_in_time_did_not_time_out),
        cmocka_unit_test(test_joining_waits_for_the_end),
        cmocka_unit_test(test_the_dead_never_run_again_and_their_locks_are_free),
        cmocka_unit_test(test_the_dead_lose_their_turn),
        cmocka_unit_test(test_who_kills_its_own_process_does_not_return),
        cmocka_unit_test(test_death_comes_at_the_point_that_was_said),
        cmocka_unit_test(test_a_death_can_be_taken_back),
        cmocka_unit_test(test_while_the_world_is_held_nobody_runs_and_nobody_dies),
        cmocka_unit_test(test_when_nothing_can_happen_the_world_says_who_waits),
        cmocka_unit_test(test_a_world_that_never_rests_is_ended),
        cmocka_unit_test(test_a_stopped_world_runs_nobody),
        cmocka_unit_test(test_a_seed_says_what_happens),
        cmocka_unit_test(test_the_worlds_randomness_is_the_seeds),
        cmocka_unit_test(test_what_is_said_is_in_the_hash_and_in_the_trace),
        cmocka_unit_test(test_a_wall_clock_is_off_for_one_process_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
