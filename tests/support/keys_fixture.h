/* SPDX-License-Identifier: Apache-2.0
 * keys_fixture.h: a Stripe that knows which API keys it takes, and signs with whatever secret; and
 * files that a test changes. Header only; failures fail the test.
 *
 * Threads: the gateway's keys may be changed while it is asked. */
#ifndef HOLDFAST_TESTS_KEYS_FIXTURE_H
#define HOLDFAST_TESTS_KEYS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "base/file.h"
#include "base/task.h"
#include "gateway/keyring.h"
#include "gateway/stripe/stripe_sign.h"

enum { KEYS_LIVE_MAX = 64, KEYS_PATH_MAX = 160 };

/* Takes a call when its key is a live one, then hands it on. */
struct doorkeeper {
    struct lock lock;
    char live[KEYS_LIVE_MAX][80];
    int live_count, refused;
    bool silent;                /* nobody answers */
    struct http_client *behind; /* NULL: everything is answered as a balance is */
};

static inline void door_open(struct doorkeeper *door, const char *key) {
    lock_take(&door->lock);
    assert_true(door->live_count < KEYS_LIVE_MAX);
    snprintf(door->live[door->live_count++], sizeof door->live[0], "Bearer %s", key);
    lock_give(&door->lock);
}

static inline void door_close_all(struct doorkeeper *door) {
    lock_take(&door->lock);
    door->live_count = 0;
    lock_give(&door->lock);
}

/* Under the lock. */
static inline bool door_lets_in(struct doorkeeper *door, const struct http_call *call) {
    for (int h = 0; h < call->header_count; h++) {
        for (int i = 0; i < door->live_count; i++) {
            if (strcasecmp(call->headers[h].name, "Authorization") == 0 &&
                strcmp(call->headers[h].value, door->live[i]) == 0) {
                return true;
            }
        }
    }
    door->refused++;
    return false;
}

static inline int door_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                            struct err *err) {
    static const char refusal[] = "{\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                                  "\"api_key_expired\",\"message\":\"Expired API Key provided\"}}";
    static const char balance[] = "{\"object\":\"balance\"}";
    struct doorkeeper *door = ctx;
    lock_take(&door->lock);
    bool silent = door->silent;
    bool in = !silent && door_lets_in(door, call);
    lock_give(&door->lock);
    if (silent) {
        *ret_answer = (struct http_answer){.reach = HTTP_NOT_SENT, .failure = HTTP_FAIL_CONNECT};
        return err_set(err, ERR_UNREACHABLE, "nobody listens there");
    }
    if (in && door->behind != NULL) {
        struct http_call inner = *call;
        inner.bulkhead = NULL; /* the outer call is in it already */
        return http_call(door->behind, &inner, ret_answer, err);
    }
    const char *body = in ? balance : refusal;
    http_answer_fill(ret_answer, in ? 200 : 401, NULL, 0, body, strlen(body));
    return 0;
}

static inline struct http_client *door_client(struct doorkeeper *door) {
    static const struct http_client_ops ops = {door_call, NULL};
    return http_client_custom(&ops, door);
}

/* ---- files ---- */

static inline void put_file(const char *path, const char *text) {
    struct err err = {0};
    if (file_replace(path, text, strlen(text), 0600, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* As an editor does that is interrupted: in place, and not all of it. */
static inline void put_half(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fwrite(text, 1, strlen(text) / 2, file) > 0);
    assert_int_equal(fclose(file), 0);
}

static inline void empty_folder(const char *folder) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    assert_non_null(dir);
    while ((name = g_dir_read_name(dir)) != NULL) {
        char *inside = g_build_filename(folder, name, NULL);
        (void)g_remove(inside);
        g_free(inside);
    }
    g_dir_close(dir);
    assert_int_equal(g_rmdir(folder), 0);
}

#endif
