/* SPDX-License-Identifier: Apache-2.0
 * running_service.h: a whole service by the text of its configuration, with its own listeners, HTTP
 * client and tasks unless `hooks` say otherwise. A test fails when it cannot begin. Threads: the
 * test's. */
#ifndef HOLDFAST_TESTS_RUNNING_SERVICE_H
#define HOLDFAST_TESTS_RUNNING_SERVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/service.h"

struct running_service {
    struct service_config *config;
    struct service *service;
};

static inline void service_run(struct running_service *ret_running, const char *yaml,
                               const struct service_hooks *hooks) {
    struct err err = {0};
    if (service_config_read("test.yaml", yaml, &ret_running->config, &err) < 0 ||
        service_open(ret_running->config, hooks, &ret_running->service, &err) < 0 ||
        service_start(ret_running->service, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

static inline void service_stop(struct running_service *running) {
    (void)service_drain(running->service);
    service_close(running->service);
    service_config_free(running->config);
    *running = (struct running_service){0};
}

#endif
