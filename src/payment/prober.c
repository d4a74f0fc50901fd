/* SPDX-License-Identifier: Apache-2.0
 * prober.c: harmless probes (GW-4): every `probe_us` each gateway is asked for something that needs
 * its credentials, so that health is known without traffic, and a gateway whose breaker is open is
 * seen to come back. Its calls are the operation "probe": they have figures and a breaker of their
 * own and never count as payments.
 *
 * And the way to it is gone step by step (name, connection, TLS, first byte), on a connection of
 * its own and without credentials: every WAY_US while it is open, with every probe while it is not.
 * Its server's certificate is read then, believed or not. Payments that probe: probe_run.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/health.h"
#include "payment/internal.h"

/* A handshake of its own each time: not with each probe. */
#define WAY_US (5 * 60 * US_PER_SECOND)
#define WAY_TIMEOUT_US (10 * US_PER_SECOND)

static bool stopping(struct payments *payments) {
    lock_take(&payments->lock);
    bool stop = payments->stopping;
    lock_give(&payments->lock);
    return stop;
}

/* ---- the way there ---- */

void gateway_way_look(struct payments *payments, int index, struct gateway_way *ret_way) {
    lock_take(&payments->ways_lock);
    *ret_way = payments->ways[index];
    lock_give(&payments->ways_lock);
}

static void way_keep(struct payments *payments, int index, const struct gateway_way *way) {
    lock_take(&payments->ways_lock);
    payments->ways[index] = *way;
    lock_give(&payments->ways_lock);
}

bool gateway_way_go(struct http_client *client, const struct gateway *gateway,
                    struct gateway_way *way) {
    HTTP_ANSWER_AUTO answer = {0};
    struct err why = {0};
    char url[GATEWAY_URL_CHARS_MAX + 2];
    int64_t now = clock_wall_us();
    way->trace = (struct http_trace){
        .resolve_us = -1, .connect_us = -1, .tls_us = -1, .answer_us = -1};
    snprintf(url, sizeof url, "%s/", gateway->base_url);
    struct http_call call = {.method = "HEAD",
                             .url = url,
                             .timeout_us = gateway->timeout_us < WAY_TIMEOUT_US
                                               ? gateway->timeout_us
                                               : WAY_TIMEOUT_US,
                             .repeatable = true,
                             .trace = &way->trace};
    bool answered = http_call(client, &call, &answer, &why) >= 0;
    way->at_us = now;
    way->failure = answer.failure;
    way->http_status = answer.status;
    way->failures = answered ? 0 : way->failures + 1;
    way->failing_us = answered ? 0 : way->failing_us > 0 ? way->failing_us : now;
    snprintf(way->why, sizeof way->why, "%.*s", (int)sizeof way->why - 1,
             answered ? "" : why.detail);
    return answered;
}

static void way_there(struct payments *payments, int index, struct gateway *gateway,
                      struct gateway_way *way) {
    bool was_open = way->failures == 0;
    if (was_open && way->at_us > 0 && clock_wall_us() - way->at_us < WAY_US &&
        clock_wall_us() >= way->at_us) {
        return;
    }
    bool answered = gateway_way_go(payments->options.client, gateway, way);
    if (!answered && was_open) {
        log_event(GATEWAY_WAY_FAILED, LT("gateway", gateway->name),
                  LT("failure", http_failure_name(way->failure)), LT("detail", way->why));
    }
    way_keep(payments, index, way);
}

/* ---- asked ---- */

static void ask_one(struct payments *payments, int index, struct gateway *gateway,
                    struct gateway_way *way) {
    struct gateway_result result;
    struct gateway_ask ask = {
        .gateway = gateway,
        .operation = OP_PROBE,
        .method = gateway_first_method(gateway),
        .past_breaker = true,
    };
    gateway_ask(payments, &ask, &result);
    int64_t now = clock_wall_us();
    bool well = result.outcome == GW_NONE;
    if (!well && result.reach == 0 && result.outcome == GW_UNKNOWN) {
        return; /* nobody was asked: it is too soon, say */
    }
    way->asked_us = now;
    way->asked = result.outcome;
    way->asked_failures = well ? 0 : way->asked_failures + 1;
    way->asked_failing_us = well ? 0 : way->asked_failing_us > 0 ? way->asked_failing_us : now;
    snprintf(way->asked_code, sizeof way->asked_code, "%s", well ? "" : result.code);
    way_keep(payments, index, way);
}

void probe_all(struct payments *payments) {
    struct gateway_control_view view;
    gateway_control_view(payments->options.control, &view);
    int count = gateway_count(payments->options.registry);
    for (int i = 0; i < count && !stopping(payments); i++) {
        struct gateway *gateway = gateway_at(payments->options.registry, i);
        struct gateway_way way;
        gateway_way_look(payments, i, &way);
        if (view.state[i] == GATEWAY_DISABLED || gateway->adapter->can.offline) {
            way = (struct gateway_way){0}; /* what nobody looks at is not told as it was */
            way_keep(payments, i, &way);
            continue;
        }
        way_there(payments, i, gateway, &way);
        if (gateway->adapter->probe != NULL) {
            ask_one(payments, i, gateway, &way);
        }
    }
}

void prober(void *arg) {
    struct payments *payments = arg;
    lock_take(&payments->lock);
    while (!payments->stopping) {
        cond_wait_until(&payments->wake, &payments->lock,
                        clock_mono_us() + payments->options.probe_us);
        if (payments->stopping) {
            break;
        }
        lock_give(&payments->lock);
        probe_all(payments);
        lock_take(&payments->lock);
    }
    lock_give(&payments->lock);
}
