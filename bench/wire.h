/* SPDX-License-Identifier: Apache-2.0
 * wire.h: the benchmarks' HTTP client: kept connections on one task and one epoll, bytes written by
 * the caller. It costs a few microseconds a request, so that on a machine shared with what is
 * measured the measuring weighs as little as it can. It speaks to our own servers only: answers
 * have a Content-Length, and the first thing that is not as expected ends the run.
 *
 *   closed   `connections` requests are under way at all times: how much can it do?
 *   open     requests leave by chance (Poisson) at `rate_per_s`, answered or not, and latency
 *            counts from the moment one was meant to leave: how does it feel?
 *
 * Threads: one run, one task. Owns: nothing of the caller's. Errors: ERR_UNREACHABLE when a
 * connection cannot be made or is lost, ERR_GATEWAY for bytes that are no answer. */
#ifndef HOLDFAST_BENCH_WIRE_H
#define HOLDFAST_BENCH_WIRE_H

#include "base/compiler.h"
#include "base/err.h"

enum { WIRE_CONNECTIONS_MAX = 4096, WIRE_REQUEST_BYTES_MAX = 16 * 1024 };

/* Request number `number` into `room`; how many bytes it has. */
typedef size_t wire_request_fn(void *ctx, int64_t number, char *room, size_t bytes_max);
/* What came back for it. `body` is borrowed and has `body_bytes` bytes and a NUL behind them. */
typedef void wire_answer_fn(void *ctx, int64_t number, int status, const char *body,
                            size_t body_bytes);

struct wire_run {
    int port; /* of 127.0.0.1 */
    int connections;
    int64_t warm_us;      /* at the beginning, not counted */
    int64_t duration_us;  /* counted; 0: until `requests_max` */
    int64_t requests_max; /* 0: no bound but the duration */
    int64_t rate_per_s;   /* 0: closed */
    uint64_t seed;        /* of the arrivals */
    wire_request_fn *request;
    wire_answer_fn *answer; /* may be NULL */
    void *ctx;
};

struct wire_result {
    int64_t sent, answered;                 /* the warming included */
    int64_t good;                           /* 2xx, counted ones only */
    int64_t bad;                            /* any other status, the warming included */
    int64_t elapsed_us;                     /* of the counted part */
    int64_t p50_us, p90_us, p99_us, max_us; /* of the counted good ones */
    int status_bad;                         /* the first other status */
    char body_bad[400];                     /* and what came with it */
};

MUST_USE int wire_run(const struct wire_run *run, struct wire_result *ret_result, struct err *err);

#endif
