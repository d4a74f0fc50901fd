/* SPDX-License-Identifier: Apache-2.0
 * recon_fixture.h: reconciliation as the service has it, in the world of payment tests: a file
 * given in parts, and what became of it. */
#ifndef HOLDFAST_TESTS_RECON_FIXTURE_H
#define HOLDFAST_TESTS_RECON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "recon/recon_impl.h"
#include "recon/upload.h"
#include "support/payment_world.h"

#undef W
#define W the_world
#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
#define CANONICAL                                                                                  \
    "gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"    \
    "net,time,method,description\n"
#define CHARGE_ROW(id, gross)                                                                      \
    id "," id ",,,,charge,done,USD," #gross ",,,2026-11-20T10:00:00Z,card,\n"

static struct recon *recon;
static struct desk *recon_desk; /* NULL: there are no tickets */
static struct source_settings *recon_sources;
static int recon_source_count;
static struct http_client *recon_client; /* NULL: the gateways' */

/* Once in a test, before anything runs. */
static inline void recon_start(void) {
    const struct recon_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .registry = W->registry,
        .client = recon_client != NULL ? recon_client : fake_gateway_client(W->fake),
        .seal = W->seal,
        .desk = recon_desk,
        .sources = recon_sources,
        .source_count = recon_source_count,
        .no_days = recon_sources == NULL,
    };
    recon_close(recon);
    recon = NULL;
    if (recon_open(&options, &recon, &W->err) < 0) {
        fail_msg("%s", W->err.detail);
    }
}

/* As the next start of the process finds it. */
static inline void recon_restart(void) {
    payment_world_restart(W);
    recon_start();
}

static inline struct caller who(const char *key) {
    return world_caller(key, key != NULL ? key : "");
}

/* ---- an upload ---- */

struct given {
    char id[ID_TEXT_MAX];
    const char *bytes;
    size_t count;
    char sha256[SHA256_HEX_CHARS + 1];
    struct upload_request request;
};

static inline struct given given_file(const char *gateway, const char *name, const char *bytes,
                                      size_t count) {
    struct given given = {
        .bytes = bytes,
        .count = count,
        .request = {.gateway = gateway,
                    .name = name,
                    .byte_count = (int64_t)count,
                    .format = "",
                    .map = "",
                    .time_zone = "",
                    .supersedes = "",
                    .reason = ""},
    };
    crypto_sha256_hex(bytes, count, given.sha256);
    return given;
}

/* Returns the status, or a negative code. */
static inline int begin(struct given *given) {
    struct caller caller = who(NULL);
    struct answer answer = {0};
    W->err = (struct err){0};
    given->request.sha256 = given->sha256;
    int r = upload_begin(recon, &caller, &given->request, &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    if (json != NULL) {
        snprintf(given->id, sizeof given->id, "%s", json_at(json, "id"));
        json_decref(json);
    }
    return r < 0 ? r : W->status;
}

static inline int give_bytes(const struct given *given, int64_t number, const char *bytes,
                             size_t count) {
    struct answer answer = {0};
    char *content = crypto_base64(bytes, count);
    W->err = (struct err){0};
    int r = upload_part(recon, given->id, number, content, &answer, &W->err);
    free(content);
    json_t *json = world_take(W, r, &answer);
    json_decref(json);
    return r < 0 ? r : W->status;
}

static inline int give(const struct given *given, int64_t number) {
    size_t at = (size_t)number * UPLOAD_PART_BYTES;
    size_t left = given->count - at;
    return give_bytes(given, number, given->bytes + at,
                      left < UPLOAD_PART_BYTES ? left : UPLOAD_PART_BYTES);
}

static inline int64_t parts_of(const struct given *given) {
    return (int64_t)((given->count + UPLOAD_PART_BYTES - 1) / UPLOAD_PART_BYTES);
}

static inline int complete(const struct given *given) {
    struct answer answer = {0};
    W->err = (struct err){0};
    int r = upload_complete(recon, given->id, &answer, &W->err);
    json_t *json = world_take(W, r, &answer);
    json_decref(json);
    return r < 0 ? r : W->status;
}

/* What has become of it; json_decref(). */
static inline json_t *outcome(const struct given *given) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, upload_get(recon, given->id, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static inline void assert_outcome(const struct given *given, const char *state) {
    json_t *json = outcome(given);
    if (strcmp(json_at(json, "state"), state) != 0) {
        char *text = json_dumps(json, 0);
        fail_msg("it is not %s: %s", state, text);
    }
    json_decref(json);
}

/* All of it, and the jobs have run. */
static inline void hand_in(struct given *given) {
    int r = begin(given);
    if (r != 201) {
        fail_msg("%d: %s", r, W->err.detail);
    }
    for (int64_t i = 0; i < parts_of(given); i++) {
        assert_int_equal(give(given, i), 200);
    }
    assert_int_equal(complete(given), 202);
    (void)world_tick(W);
    (void)world_tick(W); /* and the run that it asked for */
}

#endif
