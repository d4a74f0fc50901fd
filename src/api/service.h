/* SPDX-License-Identifier: Apache-2.0
 * service.h: the whole service as one thing: configuration in, listeners out. It opens every floor
 * in order and closes them in the opposite one. Threads: one task owns it; its listeners and jobs
 * run on tasks of their own. Errors: ERR_CONFIG with file and line; ERR_STORE; whatever a floor
 * says on opening. */
#ifndef HOLDFAST_API_SERVICE_H
#define HOLDFAST_API_SERVICE_H

#include "api/service_config.h"
#include "base/err.h"
#include "net/http_client.h"
#include "net/smtp_client.h"

struct service;

struct service_hooks {          /* for tests and the simulator; all may be NULL */
    struct http_client *client; /* instead of the real one; taken over */
    struct smtp_client *smtp;   /* the same */
    bool no_listeners;
    bool no_tasks;            /* nothing runs by itself: service_tick() does it */
    const char *repair_rules; /* their text, instead of the file that is configured */
    /* No daily fetch of statements, no daily reconciliation, no heartbeat and self-tests of
     * alerting. */
    bool no_days;
};

/* `config` is borrowed for the service's life. Migrates the database first when the configuration
 * says so (default for SQLite), else refuses to start on an old schema. */
MUST_USE int service_open(const struct service_config *config, const struct service_hooks *hooks,
                          struct service **ret_service, struct err *err);
/* Starts jobs, then listens: from here on requests are answered. */
MUST_USE int service_start(struct service *service, struct err *err);
int service_public_port(const struct service *service);
int service_internal_port(const struct service *service);
/* Graceful end: not ready, listeners drained, jobs finished. Returns how many requests were cut
 * off. */
int service_drain(struct service *service);
void service_close(struct service *service);
/* One request as a listener would hand it over (`no_listeners`). */
void service_handle(struct service *service, bool internal, const struct http_request *request,
                    struct http_reply *reply);
MUST_USE int service_tick(struct service *service, struct err *err);

#endif
