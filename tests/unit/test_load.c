/* SPDX-License-Identifier: Apache-2.0
 * test_load.c: the load generator: arrivals by chance from a seed, the mix, percentiles, and a
 * client whose latency counts from the moment a request was due. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "cli/cli.h"
#include "cli/latencies.h"
#include "cli/load_plan.h"
#include "net/http_server.h"
#include "net/load_client.h"
#include "support/raw_server.h"

enum { DRAWS = 200000 };

/* ---- arrivals ---- */

static void test_the_same_seed_gives_the_same_arrivals_and_another_one_others(void **state) {
    (void)state;
    struct load_plan a, b, c;
    int differ = 0;
    load_plan_init(&a, 42);
    load_plan_init(&b, 42);
    load_plan_init(&c, 43);
    a.rate = b.rate = c.rate = 100;
    for (int i = 0; i < 1000; i++) {
        int64_t due_us = load_plan_due_us(&a);
        assert_int_equal(due_us, load_plan_due_us(&b));
        differ += due_us != load_plan_due_us(&c);
    }
    assert_true(differ > 990);
    load_plan_release(&a);
    load_plan_release(&b);
    load_plan_release(&c);
}

/* Exponential gaps: mean 1/rate, standard deviation the same, and e^-1 of them above the mean. */
static void test_arrivals_are_poisson(void **state) {
    (void)state;
    struct load_plan plan;
    double sum = 0, squares = 0;
    int64_t before_us = 0;
    int above = 0;
    load_plan_init(&plan, 7);
    plan.rate = 250;
    for (int i = 0; i < DRAWS; i++) {
        int64_t due_us = load_plan_due_us(&plan);
        double gap = (double)(due_us - before_us);
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        above += gap > 4000;
        before_us = due_us;
    }
    double mean = sum / DRAWS, deviation = sqrt(squares / DRAWS - mean * mean);
    assert_true(fabs(mean - 4000) < 40);
    assert_true(fabs(deviation - 4000) < 60);
    assert_true(fabs((double)above / DRAWS - exp(-1)) < 0.005);
    load_plan_release(&plan);
}

static void test_a_plan_ends_with_its_count_or_its_duration(void **state) {
    (void)state;
    struct load_plan plan;
    int64_t due_us = 0, count = 0;
    BUF_AUTO headers;
    BUF_AUTO body;
    buf_init(&headers, 1 << 20);
    buf_init(&body, 1 << 20);
    load_plan_init(&plan, 1);
    plan.rate = 1000;
    plan.count_max = 5;
    while (load_plan_next(&plan, &due_us, &headers, &body)) {
        count++;
    }
    assert_int_equal(count, 5);
    plan.count_max = 0;
    plan.duration_us = 100 * US_PER_MS;
    while (load_plan_next(&plan, &due_us, &headers, &body)) {
        assert_true(due_us <= 100 * US_PER_MS);
        count++;
    }
    assert_in_range(count, 60, 150);
    load_plan_release(&plan);
}

/* ---- orders ---- */

static int64_t share_of(const struct load_mix *mix, const char *word) {
    struct prng prng;
    int64_t hits = 0;
    prng_init(&prng, 5);
    for (int i = 0; i < 10000; i++) {
        hits += strcmp(load_mix_draw(mix, &prng), word) == 0;
    }
    return hits;
}

static void test_a_mix_is_drawn_by_its_shares(void **state) {
    (void)state;
    struct load_mix mix;
    struct err err = {0};
    assert_int_equal(load_mix_parse("card:80,paypal:15,alipay:5", &mix, &err), 0);
    assert_in_range(share_of(&mix, "card"), 7800, 8200);
    assert_in_range(share_of(&mix, "paypal"), 1350, 1650);
    assert_in_range(share_of(&mix, "alipay"), 400, 600);
    assert_int_equal(load_mix_parse("card", &mix, &err), 0);
    assert_int_equal(share_of(&mix, "card"), 10000);
    assert_int_equal(load_mix_parse("card:0,paypal:1", &mix, &err), 0);
    assert_int_equal(share_of(&mix, "card"), 0);
}

static void test_what_is_no_mix_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",       ",",       "card:", "card:x", "card:1x",
        "card:0", "card:-1", ":5",    "a,b,",   "a-word-that-is-longer-than-a-method-may-be"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct load_mix mix;
        struct err err = {0};
        if (load_mix_parse(texts[i], &mix, &err) != -ERR_USAGE) {
            fail_msg("\"%s\" is taken for a mix", texts[i]);
        }
    }
}

static void test_orders_follow_the_plan(void **state) {
    (void)state;
    struct load_plan plan;
    struct err err = {0};
    int declined = 0, yen = 0;
    char before[256] = "";
    load_plan_init(&plan, 11);
    assert_int_equal(load_mix_parse("USD:50,JPY:50", &plan.currencies, &err), 0);
    assert_int_equal(load_plan_amounts(&plan, "100..250", &err), 0);
    assert_int_equal(load_plan_declines(&plan, "20%", &err), 0);
    assert_int_equal(load_plan_check(&plan, &err), 0);
    json_object_set_new(plan.tokens, "stripe-eu", json_string("good"));
    json_object_set_new(plan.decline_tokens, "", json_string("bad"));
    for (int i = 0; i < 1000; i++) {
        BUF_AUTO headers;
        BUF_AUTO body;
        JSON_AUTO order = NULL;
        int64_t due_us = -1;
        buf_init(&headers, 4096);
        buf_init(&body, 4096);
        assert_true(load_plan_next(&plan, &due_us, &headers, &body));
        assert_int_equal(due_us, 0); /* no rate: the closed model */
        assert_int_equal(json_read(body.data, body.len, 4096, 8, &order, &err), 0);
        bool is_yen = strcmp(json_peek_text(order, "currency", NULL), "JPY") == 0;
        int64_t amount = json_peek_int(order, 0, "amount", NULL);
        assert_in_range(amount, is_yen ? 100 : 10000, is_yen ? 250 : 25000);
        yen += is_yen;
        bool is_bad = json_peek_text(order, "token", NULL) != NULL;
        declined += is_bad;
        assert_true(is_bad != (json_peek_text(order, "tokens", "stripe-eu", NULL) != NULL));
        assert_string_not_equal(headers.data, before);
        snprintf(before, sizeof before, "%s", headers.data);
        assert_non_null(strstr(headers.data, json_peek_text(order, "order_id", NULL)));
    }
    assert_in_range(yen, 430, 570);
    assert_in_range(declined, 150, 250);
    assert_int_equal(plan.declined_made, declined);
    load_plan_release(&plan);
}

static void test_amounts_that_no_currency_of_the_mix_has_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *currencies, *amounts;
    } rows[] = {
        {"JPY", "1.50"}, {"USD", "0"},   {"USD", "5..2"},        {"USD", "1..99999999999"},
        {"XXX", "1"},    {"USD", "1e5"}, {"USD,JPY", "0.50..2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct load_plan plan;
        struct err err = {0};
        load_plan_init(&plan, 1);
        assert_int_equal(load_mix_parse(rows[i].currencies, &plan.currencies, &err), 0);
        assert_int_equal(load_plan_amounts(&plan, rows[i].amounts, &err), 0);
        assert_int_equal(load_plan_check(&plan, &err), -ERR_USAGE);
        load_plan_release(&plan);
    }
    struct load_plan plan;
    struct err err = {0};
    load_plan_init(&plan, 1);
    assert_int_equal(load_plan_amounts(&plan, "..5", &err), -ERR_USAGE);
    assert_int_equal(load_plan_amounts(&plan, "5..", &err), -ERR_USAGE);
    assert_int_equal(load_plan_declines(&plan, "101", &err), -ERR_USAGE);
    assert_int_equal(load_plan_declines(&plan, "nan", &err), -ERR_USAGE);
    load_plan_release(&plan);
}

/* ---- percentiles ---- */

static void test_small_values_have_exact_percentiles(void **state) {
    (void)state;
    struct latencies *latencies = calloc(1, sizeof *latencies);
    assert_int_equal(latencies_percentile(latencies, 50), -1);
    for (int i = 1; i <= 100; i++) {
        latencies_add(latencies, i);
    }
    assert_int_equal(latencies_percentile(latencies, 0), 1);
    assert_int_equal(latencies_percentile(latencies, 50), 50);
    assert_int_equal(latencies_percentile(latencies, 99), 99);
    assert_int_equal(latencies_percentile(latencies, 99.9), 100);
    assert_int_equal(latencies_percentile(latencies, 100), 100);
    assert_int_equal(latencies_mean(latencies), 50);
    /* 99.9 % of 41,000 are 40,959, although 41000 * 99.9 / 100 comes to a hair more. */
    latencies_clear(latencies);
    for (int i = 0; i < 41000; i++) {
        latencies_add(latencies, i < 40959 ? 1 : 100);
    }
    assert_int_equal(latencies_percentile(latencies, 99.9), 1);
    free(latencies);
}

static void test_a_percentile_is_never_too_small_and_at_most_a_128th_too_large(void **state) {
    (void)state;
    struct latencies *latencies = calloc(1, sizeof *latencies);
    for (int64_t value = 1; value < INT64_C(100000000000); value = value * 5 / 4 + 1) {
        latencies_clear(latencies);
        latencies_add(latencies, value);
        latencies_add(latencies, INT64_C(130000000000));
        int64_t found = latencies_percentile(latencies, 50);
        assert_true(found >= value);
        assert_true(found <= value + value / 128);
    }
    free(latencies);
}

static void test_the_largest_value_is_exact_and_too_large_ones_count(void **state) {
    (void)state;
    struct latencies *latencies = calloc(1, sizeof *latencies);
    latencies_add(latencies, 1000001);
    assert_int_equal(latencies_percentile(latencies, 99), 1000001);
    latencies_add(latencies, INT64_MAX / 2);
    latencies_add(latencies, -5);
    assert_int_equal(latencies->count, 3);
    assert_int_equal(latencies->max_us, INT64_MAX / 2);
    assert_int_equal(latencies_percentile(latencies, 1), 0);
    free(latencies);
}

/* ---- the client ---- */

struct trial {
    int64_t next, count;    /* orders */
    int64_t gap_us;         /* between them */
    int64_t done, answered; /* results */
    int64_t by_failure[LOAD_FAILURE_COUNT];
    int64_t latency_us[64], waited_us[64];
    int last_status, busy_max;
    char last_body[64];
};

static bool trial_next(void *ctx, struct load_order *order) {
    struct trial *trial = ctx;
    if (trial->next == trial->count) {
        return false;
    }
    order->due_us = trial->next * trial->gap_us;
    buf_addf(&order->headers, "X-Number: %lld\r\n", (long long)trial->next);
    buf_addf(&order->body, "%lld", (long long)trial->next);
    trial->next++;
    return true;
}

static void trial_done(void *ctx, const struct load_result *result) {
    struct trial *trial = ctx;
    if (trial->done < (int64_t)COUNT_OF(trial->latency_us)) {
        trial->latency_us[trial->done] = result->latency_us;
        trial->waited_us[trial->done] = result->waited_us;
    }
    trial->done++;
    trial->answered += result->failure == LOAD_ANSWERED;
    trial->by_failure[result->failure]++;
    trial->last_status = result->status;
    snprintf(trial->last_body, sizeof trial->last_body, "%.60s", result->body);
}

static bool trial_tick(void *ctx, const struct load_now *now) {
    struct trial *trial = ctx;
    trial->busy_max = now->busy > trial->busy_max ? now->busy : trial->busy_max;
    return true;
}

static const struct load_client_ops trial_ops = {trial_next, trial_done, trial_tick};

static atomic_int handled;

/* Answers with the number it was sent, twice: in its header and in its body. */
static void echo(void *ctx, const struct http_request *request, struct http_reply *reply) {
    const int64_t *delay_us = ctx;
    char text[64];
    const char *number = http_header_find(request->headers, request->header_count, "X-Number");
    const char *constant = http_header_find(request->headers, request->header_count, "X-All");
    atomic_fetch_add(&handled, 1);
    snprintf(text, sizeof text, "%s %s %.10s", number, constant != NULL ? constant : "?",
             request->body);
    reply->status = 201;
    reply->delay_us = *delay_us;
    http_reply_body(reply, "application/json", text, strlen(text));
}

static struct http_server *serve(int64_t *delay_us, char url[64]) {
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct err err = {0};
    struct http_listener_options options = {
        .address = "127.0.0.1:0", .handler = echo, .ctx = delay_us};
    assert_int_equal(http_server_new(1, &server, &err), 0);
    assert_int_equal(http_server_listen(server, &options, &listener, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    snprintf(url, 64, "http://127.0.0.1:%d", http_listener_port(listener));
    atomic_store(&handled, 0);
    return server;
}

static int64_t run_trial(const struct load_client_options *options, struct trial *trial) {
    struct err err = {0};
    int64_t elapsed_us = -1;
    assert_int_equal(load_client_run(options, &trial_ops, trial, &elapsed_us, &err), 0);
    assert_true(elapsed_us >= 0);
    assert_int_equal(trial->done, trial->next);
    return elapsed_us;
}

static void test_every_order_is_sent_once_and_answered(void **state) {
    (void)state;
    char url[64];
    int64_t delay_us = 0;
    struct http_server *server = serve(&delay_us, url);
    struct load_client_options options = {
        .url = url, .path = "/v1/payments", .headers = "X-All: yes\r\n", .connections_max = 8};
    struct trial open = {.count = 5000, .gap_us = 20};
    run_trial(&options, &open);
    assert_int_equal(open.answered, 5000);
    assert_int_equal(atomic_load(&handled), 5000);
    assert_int_equal(open.last_status, 201);
    assert_non_null(strstr(open.last_body, " yes "));
    options.closed = true;
    struct trial closed = {.count = 5000};
    run_trial(&options, &closed);
    assert_int_equal(closed.answered, 5000);
    assert_int_equal(atomic_load(&handled), 10000);
    http_server_free(server);
}

/* One connection, three orders due at once: the second waits for the first, and says so. */
static void test_latency_counts_from_the_moment_an_order_was_due(void **state) {
    (void)state;
    char url[64];
    int64_t delay_us = 30 * US_PER_MS;
    struct http_server *server = serve(&delay_us, url);
    struct load_client_options options = {.url = url, .path = "/", .connections_max = 1};
    struct trial trial = {.count = 3, .gap_us = 0};
    run_trial(&options, &trial);
    assert_int_equal(trial.answered, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(trial.latency_us[i] >= (i + 1) * delay_us);
        assert_true(trial.waited_us[i] >= i * delay_us);
        assert_true(trial.latency_us[i] - trial.waited_us[i] >= delay_us);
    }
    http_server_free(server);
}

static void test_a_closed_model_counts_from_sending(void **state) {
    (void)state;
    char url[64];
    int64_t delay_us = 20 * US_PER_MS;
    struct http_server *server = serve(&delay_us, url);
    struct load_client_options options = {
        .url = url, .path = "/", .connections_max = 1, .closed = true};
    struct trial trial = {.count = 4};
    run_trial(&options, &trial);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(trial.waited_us[i], 0);
    }
    http_server_free(server);
}

static void test_an_order_that_never_found_a_connection_is_counted(void **state) {
    (void)state;
    static const struct raw_step silent[] = {{RAW_HOLD, NULL, 0}};
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {silent}});
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_server_port(server));
    struct load_client_options options = {
        .url = url, .path = "/", .connections_max = 1, .timeout_us = 200 * US_PER_MS};
    struct trial trial = {.count = 5, .gap_us = 0};
    run_trial(&options, &trial);
    assert_int_equal(trial.by_failure[LOAD_TIMEOUT] + trial.by_failure[LOAD_NOT_SENT], 5);
    assert_true(trial.by_failure[LOAD_TIMEOUT] >= 1);
    assert_true(trial.by_failure[LOAD_NOT_SENT] >= 1);
    for (int i = 0; i < 5; i++) {
        assert_true(trial.latency_us[i] >= options.timeout_us);
    }
    raw_server_free(server);
}

#define HEAD_END "\r\n\r\n"

static void test_each_way_of_getting_no_answer_has_its_name(void **state) {
    (void)state;
    static const struct raw_step cut[] = {
        {RAW_READ, HEAD_END, 0},
        {RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0},
        {RAW_CLOSE, NULL, 0}};
    static const struct raw_step reset[] = {{RAW_READ, HEAD_END, 0}, {RAW_RESET, NULL, 0}};
    static const struct raw_step garbled[] = {
        {RAW_READ, HEAD_END, 0}, {RAW_SEND, "SMTP ready\r\n\r\n", 0}, {RAW_HOLD, NULL, 0}};
    static const struct raw_step more[] = {
        {RAW_READ, HEAD_END, 0},
        {RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", 0},
        {RAW_HOLD, NULL, 0}};
    static const struct raw_step chunked[] = {
        {RAW_READ, HEAD_END, 0},
        {RAW_SEND,
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
         "\r\n2\r\nok\r\n0\r\n\r\n",
         0},
        {RAW_HOLD, NULL, 0}};
    static const struct raw_step until_close[] = {
        {RAW_READ, HEAD_END, 0}, {RAW_SEND, "HTTP/1.1 200 OK\r\n\r\nok", 0}, {RAW_CLOSE, NULL, 0}};
    static const struct {
        const struct raw_step *script;
        enum load_failure failure;
    } rows[] = {
        {cut, LOAD_LOST},     {reset, LOAD_LOST},       {garbled, LOAD_GARBLED},
        {more, LOAD_GARBLED}, {chunked, LOAD_ANSWERED}, {until_close, LOAD_ANSWERED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct raw_options raw = {.scripts = {rows[i].script}};
        struct raw_server *server = raw_server_start(&raw);
        char url[64];
        snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_server_port(server));
        struct load_client_options options = {.url = url, .path = "/", .connections_max = 1};
        struct trial trial = {.count = 1};
        run_trial(&options, &trial);
        if (trial.by_failure[rows[i].failure] != 1) {
            fail_msg("script %zu does not end as %s", i, load_failure_name(rows[i].failure));
        }
        if (rows[i].failure == LOAD_ANSWERED) {
            assert_string_equal(trial.last_body, "ok");
        }
        raw_server_free(server);
    }
}

static void test_a_refused_connection_is_counted_and_the_rest_goes_on(void **state) {
    (void)state;
    int fd = -1;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_refusing_port(&fd));
    struct load_client_options options = {.url = url, .path = "/", .connections_max = 4};
    struct trial trial = {.count = 50, .gap_us = 100};
    run_trial(&options, &trial);
    assert_int_equal(trial.by_failure[LOAD_CONNECT], 50);
    options.closed = true;
    struct trial closed = {.count = 8};
    int64_t elapsed_us = run_trial(&options, &closed);
    assert_int_equal(closed.by_failure[LOAD_CONNECT], 8);
    assert_true(elapsed_us >= 20 * US_PER_MS); /* it rests instead of spinning */
    close(fd);
}

static void test_a_server_that_closes_after_each_answer_is_connected_to_again(void **state) {
    (void)state;
    static const struct raw_step once[] = {
        {RAW_READ, HEAD_END, 0},
        {RAW_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 0},
        {RAW_CLOSE, NULL, 0}};
    struct raw_server *server = raw_server_start(&(struct raw_options){.scripts = {once}});
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_server_port(server));
    struct load_client_options options = {.url = url, .path = "/", .connections_max = 2};
    options.closed = true; /* the next one is there before the end of the connection is seen */
    struct trial trial = {.count = 200};
    run_trial(&options, &trial);
    assert_int_equal(trial.answered, 200);
    assert_int_equal(raw_server_accepted(server), 200);
    raw_server_free(server);
}

static void test_what_is_no_plain_http_url_is_refused(void **state) {
    (void)state;
    static const char *const urls[] = {"",        "127.0.0.1:8080", "https://127.0.0.1",
                                       "http://", "ftp://x",        "http://a:99999"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct load_client_options options = {.url = urls[i], .path = "/"};
        struct trial trial = {.count = 1};
        struct err err = {0};
        int64_t elapsed_us = 0;
        if (load_client_run(&options, &trial_ops, &trial, &elapsed_us, &err) != -ERR_USAGE) {
            fail_msg("\"%s\" is taken for a URL", urls[i]);
        }
        assert_int_equal(trial.done, 0);
    }
}

/* ---- the command ---- */

static void pay(void *ctx, const struct http_request *request, struct http_reply *reply) {
    (void)ctx;
    static const char gateways[] = "{\"data\":[{\"name\":\"s\",\"adapter\":\"stripe\"}]}";
    static const char well[] = "{\"id\":\"pay_1\",\"state\":\"succeeded\"}";
    static const char declined[] = "{\"id\":\"pay_1\",\"state\":\"failed\"}";
    bool get = strcmp(request->method, "GET") == 0;
    const char *body = get                                               ? gateways
                       : strstr(request->body, "chargeDeclined") != NULL ? declined
                                                                         : well;
    reply->status = get ? 200 : 201;
    http_reply_body(reply, "application/json", body, strlen(body));
}

static void test_the_command_finds_tokens_counts_outcomes_and_tells_them(void **state) {
    (void)state;
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct err err = {0};
    struct http_listener_options options = {.address = "127.0.0.1:0", .handler = pay};
    assert_int_equal(http_server_new(1, &server, &err), 0);
    assert_int_equal(http_server_listen(server, &options, &listener, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    char url[64], *out = NULL;
    size_t bytes = 0;
    JSON_AUTO answer = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", http_listener_port(listener));
    char *argv[] = {"holdfast", "load",      "--target", url,      "--closed", "4",      "--count",
                    "400",      "--decline", "50",       "--seed", "9",        "--json", NULL};
    struct cli_screen screen = {.out = open_memstream(&out, &bytes), .err = stderr};
    assert_int_equal(cli_run(&screen, (int)COUNT_OF(argv) - 1, argv), CLI_DONE);
    fclose(screen.out);
    assert_int_equal(json_read(out, bytes, bytes + 1, 8, &answer, &err), 0);
    int64_t declined = json_peek_int(answer, -1, "outcomes", "failed", NULL);
    assert_int_equal(json_peek_int(answer, -1, "orders", NULL), 400);
    assert_int_equal(json_peek_int(answer, -1, "answered", NULL), 400);
    assert_int_equal(json_peek_int(answer, -1, "outcomes", "succeeded", NULL), 400 - declined);
    assert_in_range(declined, 140, 260);
    assert_int_equal(json_peek_int(answer, -1, "decline_tokens_sent", NULL), declined);
    free(out);
    http_server_free(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_seed_gives_the_same_arrivals_and_another_one_others),
        cmocka_unit_test(test_arrivals_are_poisson),
        cmocka_unit_test(test_a_plan_ends_with_its_count_or_its_duration),
        cmocka_unit_test(test_a_mix_is_drawn_by_its_shares),
        cmocka_unit_test(test_what_is_no_mix_is_refused),
        cmocka_unit_test(test_orders_follow_the_plan),
        cmocka_unit_test(test_amounts_that_no_currency_of_the_mix_has_are_refused),
        cmocka_unit_test(test_small_values_have_exact_percentiles),
        cmocka_unit_test(test_a_percentile_is_never_too_small_and_at_most_a_128th_too_large),
        cmocka_unit_test(test_the_largest_value_is_exact_and_too_large_ones_count),
        cmocka_unit_test(test_every_order_is_sent_once_and_answered),
        cmocka_unit_test(test_latency_counts_from_the_moment_an_order_was_due),
        cmocka_unit_test(test_a_closed_model_counts_from_sending),
        cmocka_unit_test(test_an_order_that_never_found_a_connection_is_counted),
        cmocka_unit_test(test_each_way_of_getting_no_answer_has_its_name),
        cmocka_unit_test(test_a_refused_connection_is_counted_and_the_rest_goes_on),
        cmocka_unit_test(test_a_server_that_closes_after_each_answer_is_connected_to_again),
        cmocka_unit_test(test_what_is_no_plain_http_url_is_refused),
        cmocka_unit_test(test_the_command_finds_tokens_counts_outcomes_and_tells_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
