/* SPDX-License-Identifier: Apache-2.0
 * api_fixture.c: the whole service in this process, see api_fixture.h. */
#include "support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "base/clock.h"
#include "support/test_clock.h"

/* ---- the client ---- */

static int forward(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                   struct err *err) {
    struct fake_gateway *fake = ctx;
    char url[FAKE_URL_CHARS_MAX];
    bool known = strcmp(call->url, FAKE_MERCHANT_URL) == 0;
    for (int i = 0; i < FAKE_ACCOUNTS; i++) {
        fake_account_url(i, url);
        known = known || strncmp(call->url, url, strlen(url)) == 0;
    }
    if (!known) {
        *ret_answer = (struct http_answer){.reach = HTTP_NOT_SENT, .failure = HTTP_FAIL_CONNECT};
        return err_set(err, ERR_UNREACHABLE, "nobody listens there");
    }
    struct http_call inner = *call;
    inner.bulkhead = NULL; /* the outer call is in it already */
    return http_call(fake_gateway_client(fake), &inner, ret_answer, err);
}

struct http_client *api_client(struct fake_gateway *fake) {
    static const struct http_client_ops ops = {forward, NULL};
    return http_client_custom(&ops, fake);
}

/* ---- life ---- */

static const struct {
    const char *name, *value;
} secrets[] = {
    {"HOLDFAST_TEST_STRIPE_KEY", "sk_test_of_the_fake"},
    {"HOLDFAST_TEST_WEBHOOK", FAKE_WEBHOOK_SECRET},
    {"HOLDFAST_TEST_PAYPAL_ID", "paypal-client"},
    {"HOLDFAST_TEST_PAYPAL_SECRET", "paypal-secret"},
    {"HOLDFAST_TEST_PAYPAL_WEBHOOK", "1JE4291016473214C"},
};

static int stripe_yaml(char *to, size_t bytes, int account) {
    char url[FAKE_URL_CHARS_MAX];
    fake_account_url(account, url);
    return snprintf(to, bytes,
                    "  - name: %s\n    adapter: stripe\n    base_url: \"%s\"\n"
                    "    credentials:\n"
                    "      - {name: api_key, from: \"env:HOLDFAST_TEST_STRIPE_KEY\"}\n"
                    "      - {name: webhook_secret, from: \"env:HOLDFAST_TEST_WEBHOOK\"}\n"
                    "    priority: %d\n",
                    fake_account_name(account), url, account + 1);
}

void api_yaml(const char *database, const char *more_yaml, char ret_yaml[API_CONFIG_BYTES_MAX]) {
    /* Tests are refused more often than anybody in earnest. */
    bool listens = more_yaml != NULL && strstr(more_yaml, "internal:") != NULL;
    bool limits = more_yaml != NULL && strstr(more_yaml, "limits:") != NULL;
    size_t used = (size_t)snprintf(ret_yaml, API_CONFIG_BYTES_MAX,
                                   "public: {address: \"127.0.0.1:0\"}\n"
                                   "%s%sstore: {url: \"sqlite:%s\"}\n"
                                   "log_level: error\n"
                                   "gateways:\n",
                                   listens ? "" : "internal: {address: \"127.0.0.1:0\"}\n",
                                   limits ? "" : "limits: {failures_per_second: 0}\n", database);
    for (int i = 0; i < 2; i++) {
        used += (size_t)stripe_yaml(ret_yaml + used, API_CONFIG_BYTES_MAX - used, i);
    }
    used += (size_t)snprintf(
        ret_yaml + used, API_CONFIG_BYTES_MAX - used,
        "  - name: paypal-a\n    adapter: paypal\n"
        "    base_url: \"http://127.0.0.1:7999\"\n"
        "    credentials:\n"
        "      - {name: client_id, from: \"env:HOLDFAST_TEST_PAYPAL_ID\"}\n"
        "      - {name: client_secret, from: \"env:HOLDFAST_TEST_PAYPAL_SECRET\"}\n"
        "      - {name: webhook_id, from: \"env:HOLDFAST_TEST_PAYPAL_WEBHOOK\"}\n"
        "    priority: 3\n%s",
        more_yaml != NULL ? more_yaml : "");
    assert_true(used < API_CONFIG_BYTES_MAX);
}

void api_start(struct api *ret_api, const char *more_yaml, bool listen) {
    struct err err = {0};
    char yaml[API_CONFIG_BYTES_MAX];
    *ret_api = (struct api){0};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        assert_int_equal(setenv(secrets[i].name, secrets[i].value, 1), 0);
    }
    char *folder = g_dir_make_tmp("holdfast-api-XXXXXX", NULL);
    assert_non_null(folder);
    snprintf(ret_api->folder, sizeof ret_api->folder, "%s", folder);
    g_free(folder);
    snprintf(ret_api->database, sizeof ret_api->database, "%s/api.db", ret_api->folder);
    api_yaml(ret_api->database, more_yaml, yaml);
    ret_api->fake = fake_gateway_new();
    if (service_config_read("test.yaml", yaml, &ret_api->config, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    struct service_hooks hooks = {.client = api_client(ret_api->fake), .no_listeners = !listen};
    if (service_open(ret_api->config, &hooks, &ret_api->service, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    ret_api->public_front = (struct front){ret_api->service, false};
    ret_api->internal_front = (struct front){ret_api->service, true};
    assert_int_equal(sqlite3_open(ret_api->database, &ret_api->look), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(ret_api->look, 10000), SQLITE_OK);
}

static void folder_remove(const char *path) {
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *inside = g_build_filename(path, name, NULL);
        (void)g_remove(inside);
        g_free(inside);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    (void)g_rmdir(path);
}

void api_stop(struct api *api) {
    sqlite3_close(api->look);
    service_close(api->service);
    service_config_free(api->config);
    fake_gateway_free(api->fake);
    folder_remove(api->folder);
}

struct api the_api;

int the_api_start(void **state) {
    (void)state;
    test_clock_install();
    api_start(&the_api, NULL, false);
    return 0;
}

int the_api_stop(void **state) {
    (void)state;
    api_stop(&the_api);
    return 0;
}

/* ---- asking ---- */

struct lines {
    struct http_header headers[API_HEADERS_MAX + 8];
    int count;
    char bearer[600], once[32];
};

static void line(struct lines *lines, const char *name, const char *value) {
    lines->headers[lines->count++] = (struct http_header){name, value};
}

static void write_headers(struct api *api, const struct api_ask *ask, struct lines *lines) {
    const char *host = ask->host != NULL ? ask->host : "localhost";
    *lines = (struct lines){0};
    if (host[0] != '\0') {
        line(lines, "Host", host);
    }
    const char *type = ask->type != NULL ? ask->type : ask->body != NULL ? "application/json" : "";
    if (type[0] != '\0') {
        line(lines, "Content-Type", type);
    }
    if (ask->key != NULL) {
        snprintf(lines->bearer, sizeof lines->bearer, "Bearer %s", ask->key);
        line(lines, "Authorization", lines->bearer);
    }
    if (ask->once != NULL && strcmp(ask->once, "*") == 0) {
        snprintf(lines->once, sizeof lines->once, "once-%d", ++api->keys);
        line(lines, "Idempotency-Key", lines->once);
    } else if (ask->once != NULL) {
        line(lines, "Idempotency-Key", ask->once);
    }
    for (int i = 0; i < API_HEADERS_MAX && ask->more[i].name != NULL; i++) {
        line(lines, ask->more[i].name, ask->more[i].value);
    }
}

void api_ask(struct api *api, const struct api_ask *ask, struct api_reply *ret_reply) {
    struct lines lines;
    struct http_reply reply = {0};
    write_headers(api, ask, &lines);
    buf_init(&reply.headers, 64 * 1024);
    buf_init(&reply.body, 64 * 1024 * 1024);
    const char *body = ask->body != NULL ? ask->body : "";
    struct http_request request = {
        .method = ask->method != NULL ? ask->method : "GET",
        .path = ask->path != NULL ? ask->path : "/",
        .query = ask->query != NULL ? ask->query : "",
        .headers = lines.headers,
        .header_count = lines.count,
        .body = body,
        .body_bytes = ask->body_bytes > 0 ? ask->body_bytes : strlen(body),
        .peer = ask->peer != NULL ? ask->peer : "127.0.0.1",
        .id = "req_test",
        .arrived_us = clock_mono_us(),
        .tls = ask->tls,
    };
    front_handle(ask->internal ? &api->internal_front : &api->public_front, &request, &reply);
    assert_true(buf_ok(&reply.headers) && buf_ok(&reply.body));
    assert_int_not_equal(reply.status, 0);
    *ret_reply = (struct api_reply){
        .status = reply.status,
        .json = json_loadb(reply.body.data, reply.body.len, JSON_REJECT_DUPLICATES, NULL),
    };
    ret_reply->headers = buf_take(&reply.headers);
    ret_reply->body = buf_take(&reply.body);
    buf_release(&reply.headers);
    buf_release(&reply.body);
}

void api_reply_release(struct api_reply *reply) {
    json_decref(reply->json);
    free(reply->headers);
    free(reply->body);
    *reply = (struct api_reply){0};
}

int api_status(struct api *api, const struct api_ask *ask) {
    API_REPLY_AUTO reply;
    api_ask(api, ask, &reply);
    return reply.status;
}

/* ---- reading ---- */

const char *reply_text(const struct api_reply *reply, const char *key) {
    const json_t *field = json_object_get(reply->json, key);
    return json_is_string(field) ? json_string_value(field) : "";
}

int64_t reply_int(const struct api_reply *reply, const char *key) {
    const json_t *field = json_object_get(reply->json, key);
    return json_is_integer(field) ? json_integer_value(field) : -1;
}

const char *reply_header(const struct api_reply *reply, const char *name) {
    static char value[512];
    size_t length = strlen(name);
    for (const char *at = reply->headers; at != NULL && *at != '\0';) {
        const char *end = strstr(at, "\r\n");
        if (strncasecmp(at, name, length) == 0 && at[length] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)(end - at - (ptrdiff_t)length - 2),
                     at + length + 2);
            return value;
        }
        at = end + 2;
    }
    return "";
}

const char *reply_problem(const struct api_reply *reply) {
    const char *type = reply_text(reply, "type");
    bool ours = strncmp(type, ERR_TYPE_PREFIX, strlen(ERR_TYPE_PREFIX)) == 0 &&
                strcmp(reply_header(reply, "Content-Type"), "application/problem+json") == 0 &&
                reply_int(reply, "status") == reply->status;
    return ours ? type + strlen(ERR_TYPE_PREFIX) : "";
}

/* ---- things that many tests need ---- */

void api_key(struct api *api, const char *role, const char *scopes,
             char ret_key[API_KEY_CHARS + 1]) {
    char body[400];
    snprintf(body, sizeof body, "{\"name\":\"a %s\",\"role\":\"%s\",\"scopes\":\"%s\"}", role, role,
             scopes);
    API_REPLY_AUTO reply;
    api_ask(api,
            &(struct api_ask){
                .method = "POST", .path = "/v1/keys", .internal = true, .once = "*", .body = body},
            &reply);
    assert_int_equal(reply.status, 201);
    snprintf(ret_key, API_KEY_CHARS + 1, "%s", reply_text(&reply, "key"));
    assert_int_equal(strlen(ret_key), API_KEY_CHARS);
}

void api_pay(struct api *api, const char *order_id, const char *more, struct api_reply *ret_reply) {
    char body[1000];
    snprintf(body, sizeof body,
             "{\"order_id\":\"%s\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"card\","
             "\"tokens\":{\"stripe-a\":\"pm_good\",\"stripe-b\":\"pm_good\"}%s%s}",
             order_id, more[0] != '\0' ? "," : "", more);
    api_ask(
        api,
        &(struct api_ask){
            .method = "POST", .path = "/v1/payments", .internal = true, .once = "*", .body = body},
        ret_reply);
}

static void must(struct api *api, int result, int wanted, const char *sql) {
    if (result != wanted) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(api->look));
    }
}

int64_t api_int(struct api *api, const char *sql) {
    sqlite3_stmt *statement = NULL;
    must(api, sqlite3_prepare_v2(api->look, sql, -1, &statement, NULL), SQLITE_OK, sql);
    must(api, sqlite3_step(statement), SQLITE_ROW, sql);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Every value of every row, in no order: the sum of the rows' hashes. */
static uint64_t table_sum(struct api *api, const char *table) {
    sqlite3_stmt *rows = NULL;
    g_autofree char *sql = g_strdup_printf("SELECT * FROM \"%s\"", table);
    must(api, sqlite3_prepare_v2(api->look, sql, -1, &rows, NULL), SQLITE_OK, sql);
    uint64_t sum = 0;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        uint64_t hash = g_str_hash(table);
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            const char *text = (const char *)sqlite3_column_text(rows, i);
            hash = hash * 0x100000001b3u + (text != NULL ? g_str_hash(text) : 1);
        }
        sum += hash;
    }
    sqlite3_finalize(rows);
    return sum;
}

int64_t api_changes(struct api *api) {
    sqlite3_stmt *tables = NULL;
    static const char sql[] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN "
                              "('idempotency')";
    must(api, sqlite3_prepare_v2(api->look, sql, -1, &tables, NULL), SQLITE_OK, sql);
    uint64_t sum = 0;
    while (sqlite3_step(tables) == SQLITE_ROW) {
        sum += table_sum(api, (const char *)sqlite3_column_text(tables, 0));
    }
    sqlite3_finalize(tables);
    return (int64_t)(sum >> 1);
}

void api_sql(struct api *api, const char *sql) {
    must(api, sqlite3_exec(api->look, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}
