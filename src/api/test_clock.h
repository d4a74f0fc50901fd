/* SPDX-License-Identifier: Apache-2.0
 * test_clock.h: a sandbox's clock that is moved ahead: where it may be, how far it is after a
 * restart, and that the sandbox's own moves with it. WeChat Pay, Alipay and UnionPay look at the
 * time of what is signed: with two clocks they refuse every call.
 * Threads: any. Owns nothing. Errors: ERR_CONFIG, ERR_STORE…, ERR_GATEWAY (the sandbox). */
#ifndef HOLDFAST_API_TEST_CLOCK_H
#define HOLDFAST_API_TEST_CLOCK_H

#include "api/service_config.h"
#include "net/http_client.h"

struct service;

/* ERR_CONFIG: a test clock, and a gateway or the sandbox is not on this machine. */
MUST_USE int test_clock_check(const struct service_config *config, struct err *err);
/* Moves the clock to where it was when the service stopped, the sandbox's first. Its store and
 * client are open. */
MUST_USE int test_clock_open(struct service *service, struct err *err);
/* Tells `test_clock_sandbox` to stand so far ahead; nothing without it. Before the service's own
 * clock is moved: who fails here has changed nothing. */
MUST_USE int test_clock_follow(struct http_client *client, const struct service_config *config,
                               int64_t shift_us, struct err *err);

#endif
