/* SPDX-License-Identifier: Apache-2.0
 * test_http_server_life.c: the HTTP server's deadlines, limits, faults and end. No test says
 * how long something may take: short limits are set, and their effect is waited for. */
#include "http_fixture.h"

#include <sys/resource.h>

static const struct http_listener_options usual;

/* ---- deadlines ---- */

/* Sends a byte at a time, for ever, until the server has had enough. */
static void dribble_until_answered(int fd, const char *start, char byte) {
    int64_t give_up_us = clock_mono_us() + FIXTURE_PATIENCE_US;
    put_text(fd, start);
    while (!has_bytes(fd)) {
        assert_true(clock_mono_us() < give_up_us);
        put(fd, &byte, 1);
        task_sleep_us(5 * US_PER_MS);
    }
}

static void a_head_that_dribbles_in_is_ended_with_408(void **state) {
    const struct http_listener_options options = {.limits.head_us = 150 * US_PER_MS};
    struct front front;
    struct answer answer;
    front_start(&front, &options);
    int fd = dial(&front);
    dribble_until_answered(fd, "GET / HTTP/1.1\r\nHost: h\r\nX: ", 'a');
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 408);
    expect_end(fd);
    close(fd);
    assert_int_equal(front_stats(&front).timeouts, 1);
    assert_int_equal(atomic_load(&front.calls), 0);
    front_stop(&front);
}

static void a_body_that_dribbles_in_is_ended_with_408(void **state) {
    const struct http_listener_options options = {.limits.body_us = 150 * US_PER_MS};
    struct front front;
    struct answer answer;
    front_start(&front, &options);
    int fd = dial(&front);
    dribble_until_answered(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n", 'a');
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 408);
    expect_end(fd);
    close(fd);
    assert_int_equal(atomic_load(&front.calls), 0);
    front_stop(&front);
}

static void the_deadline_of_a_head_counts_from_its_own_first_byte(void **state) {
    const struct http_listener_options options = {.limits.head_us = 150 * US_PER_MS};
    struct front front;
    struct answer answer;
    front_start(&front, &options);
    int fd = dial(&front);
    for (int i = 0; i < 3; i++) {
        put_get(fd, "/a"); /* a whole one, after a pause longer than head_us */
        expect_body(fd, 200, "GET /a ");
        task_sleep_us(200 * US_PER_MS);
    }
    put_text(fd, "GET ");
    get_answer(fd, false, &answer);
    assert_int_equal(answer.status, 408);
    close(fd);
    front_stop(&front);
}

static void an_idle_connection_is_closed_without_a_word(void **state) {
    const struct http_listener_options options = {.limits.idle_us = 50 * US_PER_MS};
    struct front front;
    front_start(&front, &options);
    int silent = dial(&front);
    int used = dial(&front);
    put_get(used, "/a");
    expect_body(used, 200, "GET /a ");
    expect_end(silent);
    expect_end(used);
    close(silent);
    close(used);
    assert_int_equal(front_stats(&front).timeouts, 0);
    front_stop(&front);
}

static void a_handler_may_take_longer_than_any_deadline(void **state) {
    const struct http_listener_options options = {
        .limits.head_us = 20 * US_PER_MS,
        .limits.body_us = 20 * US_PER_MS,
        .limits.idle_us = 20 * US_PER_MS,
    };
    struct front front;
    front_start(&front, &options);
    int fd = dial(&front);
    put_get(fd, "/block");
    front_await_entered(&front, 1);
    task_sleep_us(100 * US_PER_MS);
    assert_false(has_bytes(fd));
    front_release(&front);
    expect_body(fd, 200, "GET /block ");
    close(fd);
    front_stop(&front);
}

static void a_reader_that_takes_nothing_is_cut_off(void **state) {
    const struct http_listener_options options = {.limits.write_us = 100 * US_PER_MS};
    struct front front;
    front_start(&front, &options);
    int fd = dial(&front);
    put_get(fd, "/big?30000000");
    front_await(&front, stats.timeouts == 1 && stats.connections == 0);
    close(fd);
    front_stop(&front);
}

static void a_slow_reader_that_goes_on_reading_gets_everything(void **state) {
    /* Much more than the system's buffers hold, read in about twice write_us. */
    enum { BYTES = 30000000 };
    const struct http_listener_options options = {.limits.write_us = 1500 * US_PER_MS};
    struct front front;
    char piece[60000];
    char head[4096];
    size_t head_bytes = 0;
    int64_t taken = 0;
    front_start(&front, &options);
    int fd = dial(&front);
    put_get(fd, "/big?30000000");
    while (head_bytes < 4 || memcmp(head + head_bytes - 4, "\r\n\r\n", 4) != 0) {
        assert_true(head_bytes < sizeof(head));
        assert_int_equal(get_byte(fd, head + head_bytes++), 1);
    }
    while (taken < BYTES) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++) {
            if (piece[i] != 'a' + (taken + i) % 26) {
                fail_msg("byte %lld is wrong", (long long)(taken + i));
            }
        }
        taken += got;
        task_sleep_us(6 * US_PER_MS);
    }
    put_get(fd, "/after");
    expect_body(fd, 200, "GET /after ");
    close(fd);
    front_stop(&front);
}

/* ---- limits ---- */

static void a_full_queue_answers_503_and_nothing_is_lost(void **state) {
    const struct http_listener_options options = {.workers_max = 1, .queue_max = 1};
    struct front front;
    struct answer answer;
    char value[32];
    front_start(&front, &options);
    int running = dial(&front);
    int waiting = dial(&front);
    int refused = dial(&front);
    put_get(running, "/block");
    front_await_entered(&front, 1);
    put_get(waiting, "/a");
    front_await(&front, stats.queued == 1);
    put_get(refused, "/b");
    get_answer(refused, false, &answer);
    assert_int_equal(answer.status, 503);
    assert_true(answer_header(&answer, "Retry-After", value, sizeof(value)));
    assert_int_equal(atomic_load(&front.calls), 1);
    assert_int_equal(front_stats(&front).overloaded, 1);
    assert_int_equal(front_stats(&front).workers, 1);
    front_release(&front);
    expect_body(running, 200, "GET /block ");
    expect_body(waiting, 200, "GET /a ");
    put_get(refused, "/c"); /* its connection is still good */
    expect_body(refused, 200, "GET /c ");
    close(running);
    close(waiting);
    close(refused);
    front_stop(&front);
}

static void blocking_handlers_all_run_at_once(void **state) {
    enum { MANY = 40 };
    const struct http_listener_options options = {.workers_max = MANY, .queue_max = 1};
    struct front front;
    int fds[MANY];
    front_start(&front, &options);
    assert_int_equal(front_stats(&front).workers, 0); /* none before it is needed */
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(&front);
        put_get(fds[i], "/block");
    }
    front_await_entered(&front, MANY);
    assert_int_equal(front_stats(&front).workers_busy, MANY);
    front_release(&front);
    for (int i = 0; i < MANY; i++) {
        expect_body(fds[i], 200, "GET /block ");
        close(fds[i]);
    }
    assert_int_equal(front_stats(&front).overloaded, 0);
    front_stop(&front);
}

static void one_connection_too_many_is_turned_away(void **state) {
    const struct http_listener_options options = {.limits.connections_max = 2};
    struct front front;
    struct answer answer;
    front_start(&front, &options);
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = dial(&front);
        put_get(fds[i], "/a");
        expect_body(fds[i], 200, "GET /a ");
    }
    int third = dial(&front);
    get_answer(third, false, &answer);
    assert_int_equal(answer.status, 503);
    expect_end(third);
    close(third);
    close(fds[0]);
    front_await(&front, stats.connections == 1);
    int fourth = dial(&front);
    put_get(fourth, "/b");
    expect_body(fourth, 200, "GET /b ");
    close(fourth);
    close(fds[1]);
    front_stop(&front);
}

static void a_server_out_of_descriptors_takes_connections_again_when_there_are_some(void **state) {
    struct front front;
    struct rlimit usual_limit;
    front_start(&front, &usual);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    int next = dup(0);
    assert_true(next >= 0);
    close(next);
    const struct rlimit tight = {.rlim_cur = (rlim_t)next + 1, .rlim_max = usual_limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int fd = dial(&front); /* takes the last one */
    put_get(fd, "/a");
    task_sleep_us(20 * US_PER_MS); /* time to fail in */
    assert_int_equal(front_stats(&front).connections, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    expect_body(fd, 200, "GET /a ");
    close(fd);
    front_stop(&front);
}

static void a_connection_ends_after_its_share_of_requests(void **state) {
    const struct http_listener_options options = {.limits.requests_max = 2};
    struct front front;
    struct answer answer;
    char value[32];
    front_start(&front, &options);
    int fd = dial(&front);
    put_get(fd, "/1");
    put_get(fd, "/2");
    put_get(fd, "/3");
    get_answer(fd, false, &answer);
    assert_false(answer_header(&answer, "Connection", value, sizeof(value)));
    get_answer(fd, false, &answer);
    assert_string_equal(answer.body, "GET /2 ");
    assert_true(answer_header(&answer, "Connection", value, sizeof(value)));
    assert_string_equal(value, "close");
    expect_end(fd);
    close(fd);
    assert_int_equal(atomic_load(&front.calls), 2);
    front_stop(&front);
}

static void a_peer_that_sends_on_while_its_request_runs_must_wait(void **state) {
    static const char more[] = "GET /more HTTP/1.1\r\nHost: h\r\n\r\n";
    enum { MORE = sizeof(more) - 1, COPIES = 1000, FAR_TOO_MANY = 64 * 1024 * 1024 };
    static char copies[MORE * (COPIES + 1)];
    struct front front;
    struct answer answer;
    size_t sent_bytes = 0;
    for (size_t i = 0; i <= COPIES; i++) {
        memcpy(copies + i * MORE, more, MORE);
    }
    front_start(&front, &usual);
    int fd = dial(&front);
    put_get(fd, "/block");
    front_await_entered(&front, 1);
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    /* The system's own buffers take some megabytes; a server that reads on takes them all. */
    while (sent_bytes < FAR_TOO_MANY && poll(&writable, 1, 500) == 1) {
        ssize_t sent = send(fd, copies + sent_bytes % MORE, MORE * COPIES,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        sent_bytes += sent > 0 ? (size_t)sent : 0;
    }
    assert_true(sent_bytes > 0 && sent_bytes < FAR_TOO_MANY);
    assert_int_equal(atomic_load(&front.calls), 1);
    front_release(&front);
    expect_body(fd, 200, "GET /block ");
    for (int i = 0; i < 2000; i++) { /* more than had been read ahead */
        get_answer(fd, false, &answer);
        assert_string_equal(answer.body, "GET /more ");
    }
    close(fd);
    front_stop(&front);
}

/* ---- the end ---- */

struct draining {
    struct front *front;
    int64_t timeout_us;
    int cut;
};

static void drain_run(void *arg) {
    struct draining *draining = arg;
    draining->cut = http_server_drain(draining->front->server, draining->timeout_us);
}

static void a_drain_lets_requests_finish_and_closes_the_idle(void **state) {
    struct front front;
    struct answer answer;
    char value[32];
    front_start(&front, &usual);
    int idle = dial(&front);
    put_get(idle, "/a");
    expect_body(idle, 200, "GET /a ");
    int busy = dial(&front);
    put_get(busy, "/block");
    put_get(busy, "/not-begun");
    int half = dial(&front);
    put_text(half, "POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    front_await_entered(&front, 1);
    front_await(&front, stats.connections == 3);
    struct draining draining = {.front = &front, .timeout_us = FIXTURE_PATIENCE_US, .cut = -1};
    struct task *task = task_start("drain", 0, drain_run, &draining);
    assert_non_null(task);
    expect_end(idle);
    assert_int_equal(dial_or_refused(front.port), -1);
    put_text(half, "cd");
    get_answer(half, false, &answer);
    assert_string_equal(answer.body, "POST /half abcd");
    assert_true(answer_header(&answer, "Connection", value, sizeof(value)));
    assert_string_equal(value, "close");
    front_release(&front);
    get_answer(busy, false, &answer);
    assert_string_equal(answer.body, "GET /block ");
    assert_true(answer_header(&answer, "Connection", value, sizeof(value)));
    expect_end(half);
    expect_end(busy);
    close(idle);
    close(half);
    close(busy);
    task_join(task);
    assert_int_equal(draining.cut, 0);
    assert_int_equal(atomic_load(&front.calls), 3);
    struct err err;
    assert_int_equal(http_listener_refuse(front.listener, false, &err), -ERR_DRAINING);
    front_stop(&front);
}

static void a_drain_that_runs_out_of_time_says_what_it_cut_off(void **state) {
    const struct http_listener_options options = {.workers_max = 1};
    struct front front;
    front_start(&front, &options);
    int running = dial(&front);
    int waiting = dial(&front);
    put_get(running, "/block");
    front_await_entered(&front, 1);
    put_get(waiting, "/a");
    front_await(&front, stats.queued == 1);
    assert_int_equal(http_server_drain(front.server, 20 * US_PER_MS), 2);
    expect_end(running);
    expect_end(waiting);
    assert_int_equal(front_stats(&front).queued, 0);
    front_stop(&front);
    assert_int_equal(atomic_load(&front.calls), 1);
    close(running);
    close(waiting);
}

static void a_server_that_was_never_started_can_be_freed(void **state) {
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct err err;
    const struct http_listener_options options = {.address = "127.0.0.1:0",
                                                  .handler = front_handle};
    assert_int_equal(http_server_new(0, &server, &err), 0);
    assert_int_equal(http_server_listen(server, &options, &listener, &err), 0);
    http_server_free(server);
    http_server_free(NULL);
}

static void two_listeners_have_their_own_handlers_and_queues(void **state) {
    const struct http_listener_options narrow = {.workers_max = 1, .queue_max = 1};
    struct http_listener_options second = {.address = "127.0.0.1:0", .handler = front_handle};
    struct front front;
    struct http_listener *other = NULL;
    struct err err;
    front_start(&front, &narrow);
    second.ctx = &front;
    assert_int_equal(http_server_listen(front.server, &second, &other, &err), 0);
    int blocked = dial(&front);
    put_get(blocked, "/block");
    front_await_entered(&front, 1);
    int fd = dial_or_refused(http_listener_port(other));
    assert_true(fd >= 0);
    put_get(fd, "/other");
    expect_body(fd, 200, "GET /other ");
    front_release(&front);
    expect_body(blocked, 200, "GET /block ");
    close(blocked);
    close(fd);
    front_stop(&front);
}

/* ---- the sandbox's faults ---- */

static void a_refusing_listener_closes_everything_and_opens_the_same_port_again(void **state) {
    struct front front;
    struct err err;
    struct http_listener *other = NULL;
    front_start(&front, &usual);
    const struct http_listener_options second = {
        .address = "127.0.0.1:0", .handler = front_handle, .ctx = &front};
    assert_int_equal(http_server_listen(front.server, &second, &other, &err), 0);
    int elsewhere = dial_or_refused(http_listener_port(other));
    assert_true(elsewhere >= 0);
    put_get(elsewhere, "/a");
    expect_body(elsewhere, 200, "GET /a ");
    int idle = dial(&front);
    put_get(idle, "/a");
    expect_body(idle, 200, "GET /a ");
    int busy = dial(&front);
    put_get(busy, "/block");
    front_await_entered(&front, 1);
    assert_int_equal(http_listener_refuse(front.listener, true, &err), 0);
    assert_int_equal(http_listener_refuse(front.listener, true, &err), 0);
    assert_int_equal(dial_or_refused(front.port), -1);
    expect_end(idle);
    expect_end(busy);
    close(idle);
    close(busy);
    put_get(elsewhere, "/b"); /* the other listener's connections stay */
    expect_body(elsewhere, 200, "GET /b ");
    close(elsewhere);
    front_release(&front);
    assert_int_equal(http_listener_refuse(front.listener, false, &err), 0);
    assert_int_equal(http_listener_refuse(front.listener, false, &err), 0);
    assert_int_equal(http_listener_port(front.listener), front.port);
    int again = dial(&front);
    put_get(again, "/b");
    expect_body(again, 200, "GET /b ");
    close(again);
    front_stop(&front);
}

static void a_delayed_answer_occupies_no_worker(void **state) {
    const struct http_listener_options options = {.workers_max = 1};
    struct front front;
    front_start(&front, &options);
    int delayed[3];
    for (int i = 0; i < 3; i++) {
        delayed[i] = dial(&front);
        put_get(delayed[i], "/delay?3600000000"); /* an hour */
    }
    front_await(&front, stats.requests == 3 && stats.workers_busy == 0 && stats.queued == 0);
    int fd = dial(&front);
    put_get(fd, "/a");
    expect_body(fd, 200, "GET /a ");
    for (int i = 0; i < 3; i++) {
        assert_false(has_bytes(delayed[i]));
        close(delayed[i]);
    }
    put_get(fd, "/delay?30000");
    put_get(fd, "/after");
    expect_body(fd, 200, "GET /delay?30000 ");
    expect_body(fd, 200, "GET /after ");
    close(fd);
    front_stop(&front);
}

static void a_cut_answer_ends_with_a_reset_after_its_bytes(void **state) {
    static const struct {
        const char *target;
        ssize_t bytes;
    } rows[] = {{"/cut?1", 0}, {"/cut?2", 1}, {"/cut?18", 17}};
    struct front front;
    front_start(&front, &usual);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char byte;
        ssize_t count = 0;
        ssize_t got;
        int fd = dial(&front);
        put_get(fd, rows[i].target);
        while ((got = get_byte(fd, &byte)) == 1) {
            assert_int_equal(byte, "HTTP/1.1 200 OK\r\n"[count]);
            count++;
        }
        assert_int_equal(got, -1);
        assert_int_equal(errno, ECONNRESET);
        assert_int_equal(count, rows[i].bytes);
        close(fd);
    }
    int whole = dial(&front);
    put_get(whole, "/cut?0");
    expect_body(whole, 200, "GET /cut?0 ");
    close(whole);
    front_stop(&front);
}

static void an_answer_that_never_comes_keeps_the_connection_until_the_end(void **state) {
    const struct http_listener_options options = {.workers_max = 1,
                                                  .limits.idle_us = 20 * US_PER_MS};
    struct front front;
    front_start(&front, &options);
    int never = dial(&front);
    put_get(never, "/never");
    front_await(&front, stats.requests == 1 && stats.workers_busy == 0 && stats.queued == 0);
    int fd = dial(&front);
    put_get(fd, "/a");
    expect_body(fd, 200, "GET /a ");
    expect_end(fd); /* by its idle_us, while the other stays */
    assert_false(has_bytes(never));
    assert_int_equal(front_stats(&front).connections, 1);
    assert_int_equal(http_server_drain(front.server, FIXTURE_PATIENCE_US), 0);
    expect_end(never);
    close(fd);
    close(never);
    front_stop(&front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_dribbles_in_is_ended_with_408),
        cmocka_unit_test(a_body_that_dribbles_in_is_ended_with_408),
        cmocka_unit_test(the_deadline_of_a_head_counts_from_its_own_first_byte),
        cmocka_unit_test(an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(a_handler_may_take_longer_than_any_deadline),
        cmocka_unit_test(a_reader_that_takes_nothing_is_cut_off),
        cmocka_unit_test(a_slow_reader_that_goes_on_reading_gets_everything),
        cmocka_unit_test(a_full_queue_answers_503_and_nothing_is_lost),
        cmocka_unit_test(blocking_handlers_all_run_at_once),
        cmocka_unit_test(one_connection_too_many_is_turned_away),
        cmocka_unit_test(a_server_out_of_descriptors_takes_connections_again_when_there_are_some),
        cmocka_unit_test(a_connection_ends_after_its_share_of_requests),
        cmocka_unit_test(a_peer_that_sends_on_while_its_request_runs_must_wait),
        cmocka_unit_test(a_drain_lets_requests_finish_and_closes_the_idle),
        cmocka_unit_test(a_drain_that_runs_out_of_time_says_what_it_cut_off),
        cmocka_unit_test(a_server_that_was_never_started_can_be_freed),
        cmocka_unit_test(two_listeners_have_their_own_handlers_and_queues),
        cmocka_unit_test(a_refusing_listener_closes_everything_and_opens_the_same_port_again),
        cmocka_unit_test(a_delayed_answer_occupies_no_worker),
        cmocka_unit_test(a_cut_answer_ends_with_a_reset_after_its_bytes),
        cmocka_unit_test(an_answer_that_never_comes_keeps_the_connection_until_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
