/* SPDX-License-Identifier: Apache-2.0
 * demo_stage.h: what the demo plays on: the sandbox gateways in this process, the service as a
 * child that can be killed, and a folder that holds its configuration and database. Threads:
 * stage_get and stage_post from any; the rest from the one that opened it. Owns: everything it
 * started, until stage_close(). Errors: ERR_IO, ERR_UNREACHABLE, ERR_TIMEOUT, and whatever the
 * service answers. */
#ifndef HOLDFAST_CLI_DEMO_STAGE_H
#define HOLDFAST_CLI_DEMO_STAGE_H

#include <jansson.h>

#include "base/err.h"
#include "base/proc.h"
#include "net/http_client.h"
#include "sandbox/sandbox.h"

enum { STAGE_PATH_CHARS_MAX = 512, STAGE_URL_CHARS_MAX = 64, STAGE_KEY_CHARS_MAX = 80 };

struct stage {
    struct sandbox *sandbox;
    struct proc *service;
    struct http_client *client;
    char folder[STAGE_PATH_CHARS_MAX];
    char public_url[STAGE_URL_CHARS_MAX], internal_url[STAGE_URL_CHARS_MAX];
    char control_url[STAGE_URL_CHARS_MAX];
    char key[STAGE_KEY_CHARS_MAX]; /* of an operator: the demo's own, made for this run */
    const char *store_url;         /* NULL: SQLite in the folder */
    int starts;                    /* of the service */
};

/* `folder` NULL: a new one under the system's temporary folder. */
MUST_USE int stage_open(struct stage *stage, const char *folder, const char *store_url,
                        uint64_t seed, struct err *err);
void stage_close(struct stage *stage);
/* SIGKILL: nothing is saved, nothing is said. */
MUST_USE int stage_kill(struct stage *stage, struct err *err);
MUST_USE int stage_start(struct stage *stage, struct err *err);
/* "stripe:refuse" and the like; see `holdfast sandbox --help`. */
MUST_USE int stage_fault(struct stage *stage, const char *spec, struct err *err);

/* GET of a whole URL; ERR_GATEWAY for an answer that is not 200. */
MUST_USE int stage_get(struct stage *stage, const char *base, const char *path, json_t **ret_json,
                       struct err *err);
/* POST with the operator's key. `ret_status` 0: no answer. The JSON may be NULL. */
MUST_USE int stage_post(struct stage *stage, const char *path, const char *idempotency_key,
                        const char *body, int *ret_status, json_t **ret_json, struct err *err);

#endif
