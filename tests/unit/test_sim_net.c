/* SPDX-License-Identifier: Apache-2.0
 * test_sim_net.c: what happens to a call on the simulated network, and that its caller learns what
 * net/http_client.h promises, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>

#include "base/clock.h"
#include "sim/net.h"

enum { TIMEOUT_S = 30, ANSWERS_MAX = 4, TEXT_CHARS = 200, PER = 10000 };

struct scene {
    struct sim_world *world;
    struct sim_net *net;
    struct sim_process *caller, *server, *friend;
    struct sim_host *host;
    struct http_client *client;
    /* What the host does. */
    int64_t first_takes_us;
    struct http_reply like; /* delay_us, never and cut_after_bytes of each reply */
    bool dies, refuses;
    const char *url, *body;
    int64_t calls;
    /* What came of it. */
    int handled;
    char seen[TEXT_CHARS], answer_body[TEXT_CHARS], answer_header[TEXT_CHARS];
    int rc[ANSWERS_MAX];
    struct http_answer answers[ANSWERS_MAX];
    int answered;
};

static void handle(void *ctx, const struct http_request *request, struct http_reply *reply) {
    struct scene *scene = ctx;
    int number = ++scene->handled;
    const char *colour = http_header_find(request->headers, request->header_count, "colour");
    snprintf(scene->seen, sizeof scene->seen, "%s %s?%s %s %s %s", request->method, request->path,
             request->query, colour != NULL ? colour : "-", request->peer, request->body);
    if (scene->dies) {
        sim_process_kill(scene->server);
    }
    task_sleep_us(number == 1 ? scene->first_takes_us : 0);
    reply->status = 201;
    reply->delay_us = scene->like.delay_us;
    reply->never = scene->like.never;
    reply->cut_after_bytes = scene->like.cut_after_bytes;
    buf_addf(&reply->headers, "Number: %d\r\nKind: answer\r\n", number);
    buf_addf(&reply->body, "answer %d", number);
}

static bool refuses(void *ctx) {
    return ((struct scene *)ctx)->refuses;
}

static void scene_open(struct scene *scene) {
    *scene = (struct scene){.url = "http://shop.sim/v1/a%20b?c=d%20e", .body = "please"};
    scene->world = sim_world_new(&(struct sim_world_options){.seed = 1, .wall_us = 1});
    scene->net = sim_net_new(scene->world);
    scene->caller = sim_process_new(scene->world, "caller");
    scene->server = sim_process_new(scene->world, "server");
    scene->friend = sim_process_new(scene->world, "friend");
    scene->host = sim_host_new(scene->net, "shop.sim", SIM_LINK_GATEWAY, "198.51.100.1");
    sim_host_serve(scene->host, scene->server, handle, scene);
    sim_host_refuses(scene->host, refuses, scene);
    scene->client = sim_client_new(scene->net);
    scene->calls = 1;
}

static void scene_close(struct scene *scene) {
    for (int i = 0; i < scene->answered; i++) {
        http_answer_release(&scene->answers[i]);
    }
    http_client_free(scene->client);
    sim_net_free(scene->net);
    sim_world_free(scene->world);
}

static void call(void *arg) {
    struct scene *scene = arg;
    for (int64_t i = 0; i < scene->calls; i++) {
        struct err err = {0};
        struct http_answer answer = {0};
        const struct http_header headers[] = {{"Colour", "blue"}};
        struct http_call what = {
            .method = "POST",
            .url = scene->url,
            .headers = headers,
            .header_count = 1,
            .body = scene->body,
            .body_bytes = strlen(scene->body),
            .timeout_us = TIMEOUT_S * US_PER_SECOND,
        };
        int rc = http_call(scene->client, &what, &answer, &err);
        scene->rc[scene->answered] = rc < 0 ? -(int)err.code : rc;
        scene->answers[scene->answered++] = answer;
    }
}

static void rest(struct scene *scene) {
    sim_process_run(scene->caller, "call", call, scene);
    assert_int_equal(sim_world_run(scene->world), SIM_STUCK);
}

static void with_fault(struct scene *scene, struct sim_link_faults faults) {
    faults.delay_us_min = 100;
    faults.delay_us_max = 2000;
    sim_net_faults(scene->net, SIM_LINK_GATEWAY, &faults);
    rest(scene);
}

static void assert_failed(const struct scene *scene, int code, enum http_reach reach,
                          enum http_failure failure) {
    assert_int_equal(scene->answered, 1);
    assert_int_equal(scene->rc[0], -code);
    assert_int_equal(scene->answers[0].reach, reach);
    assert_int_equal(scene->answers[0].failure, failure);
    assert_int_equal(scene->answers[0].status, 0);
    assert_null(scene->answers[0].body);
}

static void assert_answered(const struct scene *scene, const char *body) {
    const struct http_answer *answer = &scene->answers[0];
    assert_int_equal(scene->answered, 1);
    assert_int_equal(scene->rc[0], 0);
    assert_int_equal(answer->reach, HTTP_ANSWERED);
    assert_int_equal(answer->failure, HTTP_FAIL_NONE);
    assert_int_equal(answer->status, 201);
    assert_string_equal(answer->body, body);
}

/* ---- when all is well ---- */

static void test_a_call_arrives_whole_and_so_does_its_answer(void **state) {
    struct scene scene;
    scene_open(&scene);
    rest(&scene);
    assert_answered(&scene, "answer 1");
    assert_string_equal(scene.seen, "POST /v1/a b?c=d%20e blue 198.51.100.1 please");
    const struct http_answer *answer = &scene.answers[0];
    assert_string_equal(http_header_find(answer->headers, answer->header_count, "kind"), "answer");
    assert_in_range(answer->total_us, 200, 4100);
    assert_int_equal(sim_net_calls(scene.net, SIM_LINK_GATEWAY), 1);
    assert_int_equal(sim_net_troubles(scene.net, SIM_LINK_GATEWAY), 0);
    assert_int_equal(sim_host_busy(scene.host, scene.server), 0);
    scene_close(&scene);
}

/* ---- not sent ---- */

static void assert_not_sent(struct scene *scene, enum http_failure failure) {
    assert_failed(scene, ERR_UNREACHABLE, HTTP_NOT_SENT, failure);
    assert_int_equal(scene->handled, 0);
    scene_close(scene);
}

static void test_a_refused_connection_is_certainly_not_sent(void **state) {
    struct scene scene;
    scene_open(&scene);
    with_fault(&scene, (struct sim_link_faults){.refuse = PER});
    assert_int_equal(sim_net_troubles(scene.net, SIM_LINK_GATEWAY), 1);
    assert_not_sent(&scene, HTTP_FAIL_CONNECT);
}

static void test_a_host_may_refuse(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.refuses = true;
    rest(&scene);
    assert_not_sent(&scene, HTTP_FAIL_CONNECT);
}

static void test_where_nobody_serves_connections_are_refused(void **state) {
    struct scene scene;
    scene_open(&scene);
    sim_host_serve(scene.host, NULL, NULL, NULL);
    rest(&scene);
    assert_not_sent(&scene, HTTP_FAIL_CONNECT);
}

static void test_where_the_server_is_dead_connections_are_refused(void **state) {
    struct scene scene;
    scene_open(&scene);
    sim_process_kill(scene.server);
    rest(&scene);
    assert_not_sent(&scene, HTTP_FAIL_CONNECT);
}

static void test_an_unknown_host_cannot_be_resolved(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.url = "https://shop.sim.example/v1";
    rest(&scene);
    assert_not_sent(&scene, HTTP_FAIL_RESOLVE);
}

/* ---- maybe sent ---- */

static void test_a_lost_request_is_waited_for_in_vain(void **state) {
    struct scene scene;
    scene_open(&scene);
    with_fault(&scene, (struct sim_link_faults){.lose_request = PER});
    assert_failed(&scene, ERR_TIMEOUT, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT);
    assert_int_equal(scene.handled, 0);
    assert_in_range(scene.answers[0].total_us, TIMEOUT_S * US_PER_SECOND,
                    TIMEOUT_S * US_PER_SECOND + 1000);
    assert_int_equal(sim_net_troubles(scene.net, SIM_LINK_GATEWAY), 1);
    scene_close(&scene);
}

static void test_a_lost_answer_looks_the_same_though_all_was_done(void **state) {
    struct scene scene;
    scene_open(&scene);
    with_fault(&scene, (struct sim_link_faults){.lose_answer = PER});
    assert_failed(&scene, ERR_TIMEOUT, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT);
    assert_int_equal(scene.handled, 1);
    scene_close(&scene);
}

static void test_a_cut_request_does_nothing_and_its_caller_cannot_know(void **state) {
    struct scene scene;
    scene_open(&scene);
    with_fault(&scene, (struct sim_link_faults){.cut_request = PER});
    assert_failed(&scene, ERR_UNREACHABLE, HTTP_MAYBE_SENT, HTTP_FAIL_RESET);
    assert_int_equal(scene.handled, 0);
    scene_close(&scene);
}

static void test_a_cut_answer_is_garbled_and_all_was_done(void **state) {
    struct scene scene;
    scene_open(&scene);
    with_fault(&scene, (struct sim_link_faults){.cut_answer = PER});
    assert_failed(&scene, ERR_UNREACHABLE, HTTP_MAYBE_SENT, HTTP_FAIL_GARBLED);
    assert_int_equal(scene.handled, 1);
    scene_close(&scene);
}

static void test_a_host_that_dies_cuts_its_callers(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.dies = true;
    rest(&scene);
    assert_failed(&scene, ERR_UNREACHABLE, HTTP_MAYBE_SENT, HTTP_FAIL_RESET);
    assert_int_equal(scene.handled, 1);
    assert_in_range(scene.answers[0].total_us, 0, US_PER_SECOND);
    scene_close(&scene);
}

/* ---- what a handler says of its answer's way ---- */

static void test_a_reply_that_never_comes_is_a_timeout(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.like.never = true;
    rest(&scene);
    assert_failed(&scene, ERR_TIMEOUT, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT);
    assert_int_equal(scene.handled, 1);
    scene_close(&scene);
}

static void test_a_reply_that_is_cut_is_garbled(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.like.cut_after_bytes = 3;
    rest(&scene);
    assert_failed(&scene, ERR_UNREACHABLE, HTTP_MAYBE_SENT, HTTP_FAIL_GARBLED);
    scene_close(&scene);
}

static void test_a_reply_that_is_late_comes_when_it_said(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.like.delay_us = 5 * US_PER_SECOND;
    rest(&scene);
    assert_answered(&scene, "answer 1");
    assert_in_range(scene.answers[0].total_us, 5 * US_PER_SECOND, 6 * US_PER_SECOND);
    scene_close(&scene);
}

static void test_a_handler_that_takes_longer_than_the_caller_waits_finishes(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.first_takes_us = 2 * TIMEOUT_S * US_PER_SECOND;
    rest(&scene);
    assert_failed(&scene, ERR_TIMEOUT, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT);
    assert_int_equal(scene.handled, 1);
    assert_int_equal(sim_host_busy(scene.host, scene.server), 0);
    scene_close(&scene);
}

/* ---- more than one ---- */

/* Also when the second copy is done first. */
static void test_a_duplicate_is_handled_twice_and_its_second_answer_goes_nowhere(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.first_takes_us = US_PER_SECOND;
    with_fault(&scene, (struct sim_link_faults){.duplicate = PER});
    assert_answered(&scene, "answer 1");
    assert_int_equal(scene.handled, 2);
    assert_int_equal(sim_host_busy(scene.host, scene.server), 0);
    scene_close(&scene);
}

static void test_slow_links_let_messages_overtake_each_other(void **state) {
    struct scene scene;
    scene_open(&scene);
    scene.calls = ANSWERS_MAX;
    with_fault(&scene, (struct sim_link_faults){.slow = PER, .slow_us_max = 10 * US_PER_SECOND});
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < ANSWERS_MAX; i++) {
        assert_int_equal(scene.answers[i].reach, HTTP_ANSWERED);
        least = MIN(least, scene.answers[i].total_us);
        most = MAX(most, scene.answers[i].total_us);
    }
    assert_true(most - least > US_PER_SECOND);
    assert_in_range(most, US_PER_SECOND, 21 * US_PER_SECOND);
    scene_close(&scene);
}

/* ---- callers that die ---- */

static void kill_caller(void *arg) {
    struct scene *scene = arg;
    task_sleep_us(10 * US_PER_MS);
    sim_process_kill(scene->caller);
}

static void test_an_exchange_outlives_its_caller(void **state) {
    struct scene scene;
    scene_open(&scene);
    sim_net_faults(
        scene.net, SIM_LINK_GATEWAY,
        &(struct sim_link_faults){.delay_us_min = US_PER_SECOND, .delay_us_max = US_PER_SECOND});
    sim_process_run(scene.friend, "killer", kill_caller, &scene);
    rest(&scene);
    assert_int_equal(scene.answered, 0);
    assert_int_equal(scene.handled, 1);
    scene_close(&scene);
}

static void test_a_caller_may_die_before_its_call_or_after_it(void **state) {
    static const int handled[] = {0, 1};
    for (int when = 0; when < 2; when++) {
        struct scene scene;
        scene_open(&scene);
        sim_process_kill_at(scene.caller, SIM_POINT_CALL, when + 1);
        rest(&scene);
        assert_int_equal(scene.answered, 0);
        assert_int_equal(scene.handled, handled[when]);
        scene_close(&scene);
    }
}

static void test_links_do_not_share_their_faults(void **state) {
    struct scene scene;
    scene_open(&scene);
    sim_net_faults(scene.net, SIM_LINK_CUSTOMER, &(struct sim_link_faults){.refuse = PER});
    rest(&scene);
    assert_answered(&scene, "answer 1");
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_arrives_whole_and_so_does_its_answer),
        cmocka_unit_test(test_a_refused_connection_is_certainly_not_sent),
        cmocka_unit_test(test_a_host_may_refuse),
        cmocka_unit_test(test_where_nobody_serves_connections_are_refused),
        cmocka_unit_test(test_where_the_server_is_dead_connections_are_refused),
        cmocka_unit_test(test_an_unknown_host_cannot_be_resolved),
        cmocka_unit_test(test_a_lost_request_is_waited_for_in_vain),
        cmocka_unit_test(test_a_lost_answer_looks_the_same_though_all_was_done),
        cmocka_unit_test(test_a_cut_request_does_nothing_and_its_caller_cannot_know),
        cmocka_unit_test(test_a_cut_answer_is_garbled_and_all_was_done),
        cmocka_unit_test(test_a_host_that_dies_cuts_its_callers),
        cmocka_unit_test(test_a_reply_that_never_comes_is_a_timeout),
        cmocka_unit_test(test_a_reply_that_is_cut_is_garbled),
        cmocka_unit_test(test_a_reply_that_is_late_comes_when_it_said),
        cmocka_unit_test(test_a_handler_that_takes_longer_than_the_caller_waits_finishes),
        cmocka_unit_test(test_a_duplicate_is_handled_twice_and_its_second_answer_goes_nowhere),
        cmocka_unit_test(test_slow_links_let_messages_overtake_each_other),
        cmocka_unit_test(test_an_exchange_outlives_its_caller),
        cmocka_unit_test(test_a_caller_may_die_before_its_call_or_after_it),
        cmocka_unit_test(test_links_do_not_share_their_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
