/* SPDX-License-Identifier: Apache-2.0
 * test_clock.c: see test_clock.h. */
#include "api/test_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/registry.h"

#define FOLLOW_TIMEOUT_US (5 * US_PER_SECOND)
enum { URL_CHARS_MAX = 512 };

static bool host_on_this_machine(const char *url) {
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "localhost"};
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : "";
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t length = strlen(hosts[i]);
        if (strncmp(host, hosts[i], length) == 0 && strchr(":/", host[length]) != NULL) {
            return true; /* strchr() finds the end as well */
        }
    }
    return false;
}

static int check_sandbox(const struct service_config *config, struct err *err) {
    const char *url = config->test_clock_sandbox;
    if (url == NULL || (config->test_clock && host_on_this_machine(url))) {
        return 0;
    }
    err_set(err, ERR_CONFIG, "%s",
            config->test_clock ? "the sandbox whose clock follows must be on this machine"
                               : "there is no test clock that a sandbox could follow");
    err_place(err, "test_clock_sandbox");
    return err_hint(err, "test_clock: true, and the sandbox's control port: "
                         "http://127.0.0.1:19100.");
}

/* A clock that is wrong on purpose must never come near money. */
int test_clock_check(const struct service_config *config, struct err *err) {
    for (unsigned i = 0; config->test_clock && i < config->gateways_count; i++) {
        const char *url = config->gateways[i].base_url;
        const struct gateway_adapter *adapter = adapter_find(config->gateways[i].adapter);
        if (adapter != NULL && adapter->can.offline) {
            continue;
        }
        if (url == NULL || !host_on_this_machine(url)) {
            err_set(err, ERR_CONFIG, "test_clock is on, and gateway %s is not on this machine",
                    config->gateways[i].name);
            err_place(err, "test_clock");
            return err_hint(err, "It is for sandboxes: every base_url must be a loopback address.");
        }
    }
    return check_sandbox(config, err);
}

static int read_shift_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t *shift_us = ctx;
    SQL_ROWS_AUTO rows = NULL;
    *shift_us = 0;
    int r = sql_query(tx, err, &rows, "SELECT value FROM setting WHERE key = $1",
                      S_TEXT(TEST_CLOCK_ROW));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *shift_us = strtoll(sql_text(rows, 0), NULL, 10);
    }
    return r < 0 ? r : 0;
}

int test_clock_follow(struct http_client *client, const struct service_config *config,
                      int64_t shift_us, struct err *err) {
    char url[URL_CHARS_MAX], body[64];
    HTTP_ANSWER_AUTO answer = {0};
    struct err why = {0};
    const char *sandbox = config->test_clock_sandbox;
    if (sandbox == NULL) {
        return 0;
    }
    size_t length = strlen(sandbox);
    while (length > 0 && sandbox[length - 1] == '/') {
        length--;
    }
    int url_chars = snprintf(url, sizeof url, "%.*s/clock", (int)length, sandbox);
    int count = snprintf(body, sizeof body, "{\"ahead_seconds\":%lld}",
                         (long long)(shift_us / US_PER_SECOND));
    struct http_call call = {.method = "POST",
                             .url = url,
                             .body = body,
                             .body_bytes = (size_t)count,
                             .timeout_us = FOLLOW_TIMEOUT_US,
                             .repeatable = true}; /* it says where to stand, not how far to go */
    if (url_chars < (int)sizeof url && http_call(client, &call, &answer, &why) >= 0 &&
        answer.status == 200) {
        return 0;
    }
    err_set(err, ERR_GATEWAY, "the sandbox's clock did not follow, so neither was moved");
    err_place(err, "test_clock_sandbox");
    return err_hint(err, "It must be the control port of a sandbox that runs: `holdfast sandbox` "
                         "prints it.");
}

/* Where it was when the service stopped; a database that has seen it is never served without. */
int test_clock_open(struct service *service, struct err *err) {
    int64_t shift_us = 0;
    int r = store_read(service->store, read_shift_tx, &shift_us, err);
    if (r < 0) {
        return r;
    }
    if (!service->config->test_clock && shift_us > 0) {
        err_set(err, ERR_CONFIG,
                "this database was used with a test clock; it holds no real times");
        err_place(err, "test_clock");
        return err_hint(err, "Begin a new database, or set test_clock: true.");
    }
    r = shift_us > 0 ? test_clock_follow(service->client, service->config, shift_us, err) : 0;
    if (r >= 0 && service->config->test_clock) {
        clock_shift(shift_us - clock_shifted_us());
        log_event(TEST_CLOCK, LI("ahead_seconds", shift_us / US_PER_SECOND));
    }
    return r;
}
