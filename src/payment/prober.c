/* SPDX-License-Identifier: Apache-2.0
 * prober.c: synthetic probes (GW-4): every `probe_us` each gateway is asked for something harmless
 * that needs its credentials, so that health is known without traffic, and a gateway whose breaker
 * is open is seen to come back. Its calls are the operation "probe": they have figures and a
 * breaker of their own and never count as payments. */
#include "base/clock.h"
#include "gateway/health.h"
#include "payment/internal.h"

static bool stopping(struct payments *payments) {
    lock_take(&payments->lock);
    bool stop = payments->stopping;
    lock_give(&payments->lock);
    return stop;
}

void probe_all(struct payments *payments) {
    struct gateway_control_view view;
    gateway_control_view(payments->options.control, &view);
    int count = gateway_count(payments->options.registry);
    for (int i = 0; i < count && !stopping(payments); i++) {
        struct gateway *gateway = gateway_at(payments->options.registry, i);
        if (view.state[i] == GATEWAY_DISABLED || gateway->adapter->probe == NULL) {
            continue;
        }
        struct gateway_result result;
        struct gateway_ask ask = {
            .gateway = gateway,
            .operation = OP_PROBE,
            .method = gateway_first_method(gateway),
            .past_breaker = true,
        };
        gateway_ask(payments, &ask, &result);
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
