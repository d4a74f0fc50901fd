/* SPDX-License-Identifier: Apache-2.0
 * net.c: calls between the hosts of the simulated world, see net.h.
 *
 *   caller:  connect ──refused──> NOT_SENT
 *               └──> on its way ──> handled ──> on its way back ──> ANSWERED
 *                       │ lost or cut   │ host dies    │ lost or cut
 *                       └───────────────┴──────────────┴──> MAYBE_SENT (timeout, reset, garbled)
 * An exchange outlives its caller: what was sent arrives although the sender has died. */
#include "sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"

enum {
    HOSTS_MAX = 16,
    HOST_NAME_CHARS = 40,
    HEADER_BYTES_MAX = 64 * 1024,
    BODY_BYTES_MAX = 16 * 1024 * 1024,
    PER = 10000,
};

struct sim_host {
    struct sim_net *net;
    char name[HOST_NAME_CHARS];
    enum sim_link link;
    const char *peer;
    struct sim_process *process;
    http_handler *handler;
    void *ctx;
    bool (*refuses)(void *ctx);
    void *refuses_ctx;
    const struct sim_process *busy_process; /* whose handlers are counted */
    int busy;
};

struct sim_net {
    struct sim_world *world;
    struct sim_process *wire; /* what is under way belongs to nobody who can die */
    struct sim_link_faults faults[SIM_LINKS];
    int64_t calls[SIM_LINKS], troubles[SIM_LINKS];
    struct sim_host hosts[HOSTS_MAX];
    int host_count;
    uint64_t numbers;
};

enum exchange_state { UNDER_WAY, DONE_ANSWERED, DONE_CUT, DONE_GARBLED };

/* One message there and back; freed when nobody knows it any more. */
struct exchange {
    struct sim_net *net;
    struct sim_host *host;
    int holders;
    uint64_t number;
    struct lock lock;
    struct cond done;
    enum exchange_state state;
    char *method, *path, *query, *body;
    struct http_header headers[HTTP_HEADERS_MAX];
    int header_count;
    size_t body_bytes;
    int64_t there_us, back_us;
    bool lose_answer, cut_answer;
    struct http_reply reply;
    bool replied;
};

/* A message on its way to the host: the task that carries it belongs to no host. */
struct carrier {
    struct exchange *exchange;
    struct sim_process *process; /* who handles it */
    bool echo;                   /* the second copy */
};

const char *sim_link_name(enum sim_link link) {
    static const char *const names[] = {"customer", "gateway", "callback", "webhook", "inside"};
    static_assert(COUNT_OF(names) == SIM_LINKS, "every link has a name");
    return names[link];
}

static void *made(void *memory) {
    INVARIANT(memory != NULL, "no memory for the simulated network");
    return memory;
}

struct sim_net *sim_net_new(struct sim_world *world) {
    struct sim_net *net = made(calloc(1, sizeof *net));
    net->world = world;
    net->wire = sim_process_new(world, "network");
    for (int i = 0; i < SIM_LINKS; i++) {
        net->faults[i] = (struct sim_link_faults){.delay_us_min = 100, .delay_us_max = 2000};
    }
    return net;
}

void sim_net_free(struct sim_net *net) {
    free(net);
}

void sim_net_faults(struct sim_net *net, enum sim_link link, const struct sim_link_faults *faults) {
    net->faults[link] = *faults;
}

int64_t sim_net_troubles(const struct sim_net *net, enum sim_link link) {
    return net->troubles[link];
}

int64_t sim_net_calls(const struct sim_net *net, enum sim_link link) {
    return net->calls[link];
}

struct sim_host *sim_host_new(struct sim_net *net, const char *name, enum sim_link link,
                              const char *peer) {
    INVARIANT(net->host_count < HOSTS_MAX, "too many hosts for the simulated network");
    struct sim_host *host = &net->hosts[net->host_count++];
    *host = (struct sim_host){.net = net, .link = link, .peer = peer};
    snprintf(host->name, sizeof host->name, "%s", name);
    return host;
}

void sim_host_serve(struct sim_host *host, struct sim_process *process, http_handler *handler,
                    void *ctx) {
    host->process = process;
    host->handler = handler;
    host->ctx = ctx;
}

int sim_host_busy(const struct sim_host *host, const struct sim_process *process) {
    return host->busy_process == process ? host->busy : 0;
}

static void count_busy(struct sim_host *host, const struct sim_process *process, int change) {
    if (host->busy_process != process) {
        if (change < 0) {
            return; /* of a life that is over */
        }
        host->busy_process = process;
        host->busy = 0;
    }
    host->busy += change;
}

void sim_host_refuses(struct sim_host *host, bool (*fn)(void *ctx), void *ctx) {
    host->refuses = fn;
    host->refuses_ctx = ctx;
}

/* ---- exchanges ---- */

static void exchange_drop(struct exchange *exchange) {
    if (--exchange->holders > 0) {
        return;
    }
    for (int i = 0; i < exchange->header_count; i++) {
        free((char *)exchange->headers[i].name);
        free((char *)exchange->headers[i].value);
    }
    free(exchange->method);
    free(exchange->path);
    free(exchange->query);
    free(exchange->body);
    if (exchange->replied) {
        buf_release(&exchange->reply.headers);
        buf_release(&exchange->reply.body);
    }
    free(exchange);
}

static int hex_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static char *decoded(const char *text, size_t count) {
    char *out = made(calloc(1, count + 1));
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        bool coded = text[i] == '%' && i + 2 < count && hex_of(text[i + 1]) >= 0 &&
                     hex_of(text[i + 2]) >= 0;
        out[at++] = coded ? (char)(hex_of(text[i + 1]) * 16 + hex_of(text[i + 2])) : text[i];
        i += coded ? 2 : 0;
    }
    return out;
}

/* The host of a URL; *ret_rest: from the path on. */
static struct sim_host *host_of(struct sim_net *net, const char *url, const char **ret_rest) {
    const char *name = strstr(url, "://");
    INVARIANT(name != NULL, "only whole URLs are called");
    name += 3;
    size_t count = strcspn(name, ":/?");
    *ret_rest = name + strcspn(name, "/?");
    for (int i = 0; i < net->host_count; i++) {
        if (strlen(net->hosts[i].name) == count && strncmp(net->hosts[i].name, name, count) == 0) {
            return &net->hosts[i];
        }
    }
    return NULL;
}

static void header_add(struct exchange *exchange, const char *name, const char *value) {
    if (exchange->header_count < HTTP_HEADERS_MAX) {
        exchange->headers[exchange->header_count].name = made(strdup(name));
        exchange->headers[exchange->header_count++].value = made(strdup(value));
    }
}

static struct exchange *exchange_new(struct sim_net *net, struct sim_host *host, const char *rest,
                                     const struct http_call *call) {
    struct exchange *exchange = made(calloc(1, sizeof *exchange));
    size_t path_chars = strcspn(rest, "?");
    exchange->net = net;
    exchange->host = host;
    exchange->holders = 1;
    exchange->number = ++net->numbers;
    lock_init(&exchange->lock);
    cond_init(&exchange->done);
    exchange->method = made(strdup(call->method));
    exchange->path = path_chars > 0 ? decoded(rest, path_chars) : made(strdup("/"));
    exchange->query = made(strdup(rest[path_chars] == '?' ? rest + path_chars + 1 : ""));
    exchange->body_bytes = call->body_bytes;
    exchange->body = made(calloc(1, call->body_bytes + 1));
    if (call->body_bytes > 0) {
        memcpy(exchange->body, call->body, call->body_bytes);
    }
    header_add(exchange, "Host", host->name);
    for (int i = 0; i < call->header_count; i++) {
        header_add(exchange, call->headers[i].name, call->headers[i].value);
    }
    return exchange;
}

static void exchange_end(struct exchange *exchange, enum exchange_state state) {
    lock_take(&exchange->lock);
    if (exchange->state == UNDER_WAY) {
        exchange->state = state;
        cond_broadcast(&exchange->done);
    }
    lock_give(&exchange->lock);
}

/* ---- the host's side ---- */

static int64_t drawn_us(struct sim_net *net, enum sim_link link) {
    const struct sim_link_faults *faults = &net->faults[link];
    struct prng *prng = sim_world_prng(net->world);
    int64_t span = faults->delay_us_max - faults->delay_us_min;
    int64_t delay = faults->delay_us_min +
                    (span > 0 ? (int64_t)prng_below(prng, (uint64_t)span + 1) : 0);
    if (faults->slow > 0 && faults->slow_us_max > 0 &&
        prng_below(prng, PER) < (uint64_t)faults->slow) {
        delay += (int64_t)prng_below(prng, (uint64_t)faults->slow_us_max);
    }
    return delay;
}

/* What a handler gets, and the number by which the trace tells of it. */
struct numbered {
    struct http_request request;
    uint64_t number;
};

uint64_t sim_net_number(const struct http_request *request) {
    return ((const struct numbered *)(const void *)request)->number;
}

/* In the host's process: the handler itself. What it says of delays is the answer's way back. */
static void handle(void *arg) {
    struct carrier *carrier = arg;
    struct exchange *exchange = carrier->exchange;
    struct sim_host *host = exchange->host;
    struct request_id id = request_id_new();
    struct numbered numbered = {.number = exchange->number};
    numbered.request = (struct http_request){
        .method = exchange->method,
        .path = exchange->path,
        .query = exchange->query,
        .headers = exchange->headers,
        .header_count = exchange->header_count,
        .body = exchange->body,
        .body_bytes = exchange->body_bytes,
        .peer = host->peer,
        .id = id.text,
        .arrived_us = clock_mono_us(),
    };
    struct http_reply reply = {0};
    buf_init(&reply.headers, HEADER_BYTES_MAX);
    buf_init(&reply.body, BODY_BYTES_MAX);
    host->handler(host->ctx, &numbered.request, &reply);
    count_busy(host, carrier->process, -1);
    sim_say(exchange->net->world, "#%llu %s %s -> %d%s%s", (unsigned long long)exchange->number,
            exchange->method, exchange->path, reply.status, reply.never ? " (never answers)" : "",
            carrier->echo ? " (second copy)" : "");
    const char *detail = reply.status >= 400 ? strstr(reply.body.data, "\"detail\":") : NULL;
    if (detail != NULL) {
        sim_say(exchange->net->world, "#%llu %.200s", (unsigned long long)exchange->number, detail);
    }
    lock_take(&exchange->lock);
    bool first = !carrier->echo && !exchange->replied;
    if (first) {
        exchange->reply = reply;
        exchange->replied = true;
        cond_broadcast(&exchange->done);
    }
    lock_give(&exchange->lock);
    if (!first) {
        buf_release(&reply.headers);
        buf_release(&reply.body);
    }
    exchange_drop(exchange);
    free(carrier);
}

/* In the network's own process: waits as long as the way takes, then hands over. */
static void carry(void *arg) {
    struct carrier *carrier = arg;
    struct exchange *exchange = carrier->exchange;
    struct sim_host *host = exchange->host;
    int64_t more = carrier->echo ? drawn_us(exchange->net, host->link) : 0;
    task_sleep_us(exchange->there_us + more);
    if (host->process == NULL || sim_process_dead(host->process)) {
        if (!carrier->echo) {
            exchange_end(exchange, DONE_CUT);
        }
        exchange_drop(exchange);
        free(carrier);
        return;
    }
    carrier->process = host->process;
    count_busy(host, host->process, 1);
    sim_process_run(host->process, "handler", handle, carrier);
}

/* In the network's own process: brings the answer back, or what is left of it. */
static void bring_back(void *arg) {
    struct exchange *exchange = arg;
    struct sim_process *process = exchange->host->process;
    lock_take(&exchange->lock);
    while (!exchange->replied && exchange->state == UNDER_WAY) {
        /* A host that dies is noticed within a moment. */
        cond_wait_until(&exchange->done, &exchange->lock, clock_mono_us() + 50 * US_PER_MS);
        if (!exchange->replied && (process == NULL || sim_process_dead(process))) {
            break;
        }
    }
    bool replied = exchange->replied;
    lock_give(&exchange->lock);
    if (!replied) {
        exchange_end(exchange, DONE_CUT);
    } else if (!exchange->reply.never && !exchange->lose_answer) {
        task_sleep_us(exchange->back_us + exchange->reply.delay_us);
        bool cut = exchange->cut_answer || exchange->reply.cut_after_bytes > 0;
        exchange_end(exchange, cut ? DONE_GARBLED : DONE_ANSWERED);
    }
    exchange_drop(exchange);
}

static void send_off(struct exchange *exchange, struct sim_process *wire, bool echo) {
    struct carrier *carrier = made(calloc(1, sizeof *carrier));
    carrier->exchange = exchange;
    carrier->echo = echo;
    exchange->holders++;
    sim_process_run(wire, echo ? "echo" : "carrier", carry, carrier);
}

/* ---- the caller's side ---- */

struct sim_client {
    struct sim_net *net;
};

static bool happens(struct sim_net *net, int per_10k) {
    return per_10k > 0 && prng_below(sim_world_prng(net->world), PER) < (uint64_t)per_10k;
}

static int failed(struct sim_net *net, const struct sim_host *host, struct http_answer *answer,
                  enum http_reach reach, enum http_failure failure, struct err *err) {
    answer->reach = reach;
    answer->failure = failure;
    answer->status = 0;
    if (host != NULL) {
        net->troubles[host->link]++;
    }
    return failure == HTTP_FAIL_TIMEOUT
               ? err_set(err, ERR_TIMEOUT, "no answer in time")
               : err_set(err, ERR_UNREACHABLE, "%s", http_failure_name(failure));
}

static void copy_reply(struct exchange *exchange, struct http_answer *ret_answer) {
    struct http_header headers[HTTP_HEADERS_MAX];
    int count = 0;
    char *text = made(strdup(exchange->reply.headers.data));
    char *rest = text;
    for (char *line = rest; count < HTTP_HEADERS_MAX && (rest = strstr(line, "\r\n")) != NULL;
         line = rest + 2) {
        *rest = '\0';
        char *colon = strstr(line, ": ");
        if (colon != NULL) {
            *colon = '\0';
            headers[count].name = line;
            headers[count++].value = colon + 2;
        }
    }
    http_answer_fill(ret_answer, exchange->reply.status, headers, count, exchange->reply.body.data,
                     exchange->reply.body.len);
    free(text);
}

static int wait_for(struct exchange *exchange, int64_t deadline_us, struct http_answer *ret_answer,
                    struct err *err) {
    struct sim_net *net = exchange->net;
    lock_take(&exchange->lock);
    while (exchange->state == UNDER_WAY && clock_mono_us() < deadline_us) {
        cond_wait_until(&exchange->done, &exchange->lock, deadline_us);
    }
    enum exchange_state state = exchange->state;
    lock_give(&exchange->lock);
    if (state == DONE_ANSWERED) {
        copy_reply(exchange, ret_answer);
        return 0;
    }
    return failed(net, exchange->host, ret_answer, HTTP_MAYBE_SENT,
                  state == DONE_CUT       ? HTTP_FAIL_RESET
                  : state == DONE_GARBLED ? HTTP_FAIL_GARBLED
                                          : HTTP_FAIL_TIMEOUT,
                  err);
}

static int call_host(struct sim_net *net, struct sim_host *host, const char *rest,
                     const struct http_call *call, struct http_answer *ret_answer,
                     struct err *err) {
    const struct sim_link_faults *faults = &net->faults[host->link];
    int64_t deadline = clock_mono_us() + call->timeout_us;
    net->calls[host->link]++;
    bool refused = host->process == NULL || sim_process_dead(host->process) ||
                   (host->refuses != NULL && host->refuses(host->refuses_ctx));
    if (refused || happens(net, faults->refuse)) {
        task_sleep_us(faults->delay_us_min);
        return failed(net, host, ret_answer, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, err);
    }
    struct exchange *exchange = exchange_new(net, host, rest, call);
    exchange->there_us = drawn_us(net, host->link);
    exchange->back_us = drawn_us(net, host->link);
    bool lost = happens(net, faults->lose_request);
    bool cut = !lost && happens(net, faults->cut_request);
    exchange->lose_answer = happens(net, faults->lose_answer);
    exchange->cut_answer = happens(net, faults->cut_answer);
    struct sim_process *wire = net->wire;
    if (!lost && !cut) {
        send_off(exchange, wire, false);
        exchange->holders++;
        sim_process_run(wire, "answer", bring_back, exchange);
        if (happens(net, faults->duplicate)) {
            send_off(exchange, wire, true);
        }
    }
    if (cut) {
        task_sleep_us(exchange->there_us);
        exchange_end(exchange, DONE_CUT);
    }
    if (lost || cut || exchange->lose_answer || exchange->cut_answer) {
        sim_say(net->world, "#%llu %s %s: %s", (unsigned long long)exchange->number,
                exchange->method, exchange->path,
                lost                    ? "the request is lost"
                : cut                   ? "the request is cut"
                : exchange->lose_answer ? "the answer will be lost"
                                        : "the answer will be cut");
    }
    int r = wait_for(exchange, deadline, ret_answer, err);
    exchange_drop(exchange);
    return r;
}

static int client_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                       struct err *err) {
    struct sim_net *net = ((struct sim_client *)ctx)->net;
    const char *rest = NULL;
    int64_t began = clock_mono_us();
    sim_point(net->world, SIM_POINT_CALL);
    struct sim_host *host = host_of(net, call->url, &rest);
    int r = host == NULL ? failed(net, NULL, ret_answer, HTTP_NOT_SENT, HTTP_FAIL_RESOLVE, err)
                         : call_host(net, host, rest, call, ret_answer, err);
    ret_answer->total_us = clock_mono_us() - began;
    sim_point(net->world, SIM_POINT_CALL);
    return r;
}

static void client_free(void *ctx) {
    free(ctx);
}

struct http_client *sim_client_new(struct sim_net *net) {
    static const struct http_client_ops ops = {.call = client_call, .free = client_free};
    struct sim_client *client = made(calloc(1, sizeof *client));
    client->net = net;
    return made(http_client_custom(&ops, client));
}
