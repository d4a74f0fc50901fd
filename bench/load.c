/* SPDX-License-Identifier: Apache-2.0
 * load.c: load for the benchmarks, and one line of figures about it.
 *
 *   load WHAT PORT CONNECTIONS SECONDS [RATE]
 *
 *   echo      POST / to bench/echo.c, with the bytes of a payment
 *   charge    POST /v1/payments to the service, an order of its own each; the API key is in
 *             HOLDFAST_BENCH_KEY
 *   gateway   POST /v1/payment_intents to the sandbox, as the Stripe adapter writes it
 *
 * Without RATE the model is closed. Half a second of warming comes first. Exit status 1 when an
 * answer was not 2xx or the run broke off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "sandbox/sandbox.h"
#include "wire.h"

enum { BODY_BYTES_MAX = 2048 };
#define WARM_US (500 * US_PER_MS)

struct load {
    const char *path, *type, *authorization;
    size_t (*body)(const struct load *load, int64_t number, char *room);
    uint64_t run;      /* keeps the orders of two runs apart */
    const char *wants; /* stands in every good answer */
    int64_t lacking;   /* answers in which it does not */
    char first_lacking[400];
};

static size_t payment_body(const struct load *load, int64_t number, char *room) {
    return (size_t)snprintf(room, BODY_BYTES_MAX,
                            "{\"order_id\":\"bench-%08llx-%lld\",\"amount\":1999,"
                            "\"currency\":\"USD\",\"method\":\"card\","
                            "\"tokens\":{\"stripe-eu\":\"pm_card_visa\"},"
                            "\"customer\":{\"id\":\"cus_%lld\",\"region\":\"EU\"}}",
                            (unsigned long long)load->run, (long long)number,
                            (long long)(number % 1000));
}

static size_t intent_body(const struct load *load, int64_t number, char *room) {
    return (size_t)snprintf(
        room, BODY_BYTES_MAX,
        "amount=1999&currency=usd&confirm=true&payment_method=pm_card_visa"
        "&payment_method_types%%5B0%%5D=card&capture_method=automatic"
        "&metadata%%5Breference%%5D=att_%08llx%018lld&metadata%%5Border_id%%5D=bench-%lld"
        "&error_on_requires_action=true&expand%%5B0%%5D=latest_charge.balance_transaction",
        (unsigned long long)load->run, (long long)number, (long long)number);
}

static size_t request(void *ctx, int64_t number, char *room, size_t bytes_max) {
    const struct load *load = ctx;
    char body[BODY_BYTES_MAX];
    size_t body_bytes = load->body(load, number, body);
    int bytes = snprintf(room, bytes_max,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n"
                         "Authorization: Bearer %s\r\nIdempotency-Key: b-%08llx-%lld\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         load->path, load->type, load->authorization, (unsigned long long)load->run,
                         (long long)number, body_bytes, body);
    INVARIANT(bytes > 0 && (size_t)bytes < bytes_max, "a request fits");
    return (size_t)bytes;
}

static void look(void *ctx, int64_t number, int status, const char *body, size_t body_bytes) {
    struct load *load = ctx;
    if (status <= 299 && strstr(body, load->wants) == NULL && load->lacking++ == 0) {
        snprintf(load->first_lacking, sizeof load->first_lacking, "%s", body);
    }
}

static bool choose(const char *what, struct load *load) {
    static const char json[] = "application/json", form[] = "application/x-www-form-urlencoded";
    const char *key = getenv("HOLDFAST_BENCH_KEY");
    *load = (struct load){.path = "/",
                          .type = json,
                          .authorization = "none",
                          .body = payment_body,
                          .run = random_u64() & 0xffffffff,
                          .wants = "order_id"};
    if (strcmp(what, "charge") == 0 && key != NULL) {
        load->path = "/v1/payments";
        load->authorization = key;
        load->wants = "\"state\":\"succeeded\"";
        return true;
    }
    if (strcmp(what, "gateway") == 0) {
        load->path = "/v1/payment_intents";
        load->type = form;
        load->authorization = SANDBOX_STRIPE_KEY;
        load->body = intent_body;
        load->wants = "\"status\":\"succeeded\"";
        return true;
    }
    return strcmp(what, "echo") == 0;
}

int main(int argc, char **argv) {
    struct load load;
    if (argc < 5 || !choose(argv[1], &load)) {
        fprintf(stderr, "usage: load echo|charge|gateway PORT CONNECTIONS SECONDS [RATE]\n");
        return 2;
    }
    struct wire_run run = {
        .port = (int)strtol(argv[2], NULL, 10),
        .connections = (int)strtol(argv[3], NULL, 10),
        .warm_us = WARM_US,
        .duration_us = (int64_t)(strtod(argv[4], NULL) * (double)US_PER_SECOND),
        .rate_per_s = argc > 5 ? strtoll(argv[5], NULL, 10) : 0,
        .seed = 1,
        .request = request,
        .answer = look,
        .ctx = &load,
    };
    struct wire_result result;
    struct err err = {0};
    int r = wire_run(&run, &result, &err);
    double seconds = (double)(result.elapsed_us > 0 ? result.elapsed_us : 1) / 1e6;
    printf("per_s=%.0f sent=%lld good=%lld bad=%lld p50_us=%lld p90_us=%lld p99_us=%lld "
           "max_us=%lld\n",
           (double)result.good / seconds, (long long)result.sent, (long long)result.good,
           (long long)result.bad, (long long)result.p50_us, (long long)result.p90_us,
           (long long)result.p99_us, (long long)result.max_us);
    if (r < 0) {
        fprintf(stderr, "load: %s\n", err.detail);
    }
    if (result.bad > 0) {
        fprintf(stderr, "load: the first of %lld that were refused: %d %s\n", (long long)result.bad,
                result.status_bad, result.body_bad);
    }
    if (load.lacking > 0) {
        fprintf(stderr, "load: %lld answers lack %s, first: %s\n", (long long)load.lacking,
                load.wants, load.first_lacking);
    }
    return r < 0 || result.bad > 0 || load.lacking > 0 || result.good == 0;
}
