/* SPDX-License-Identifier: Apache-2.0
 * test_mcp.c: tools against the API's own tables, and messages that are wrong, hostile or too many.
 * The official clients are tests/sdk/mcp.test.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/front.h"
#include "api/mcp.h"
#include "base/file.h"
#include "base/json.h"

enum { PAGE_BYTES_MAX = 64 * 1024 };
#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"

/* The service, as it was asked last. */
static struct {
    int calls, status;
    const char *says;
    char method[8], target[512], body[512], key[64];
} asked;

static int fake_service(void *ctx, const struct mcp_request *request, int *ret_status,
                        struct buf *ret_body, struct err *err) {
    (void)ctx;
    asked.calls++;
    snprintf(asked.method, sizeof asked.method, "%s", request->method);
    snprintf(asked.target, sizeof asked.target, "%s", request->target);
    snprintf(asked.body, sizeof asked.body, "%s", request->body != NULL ? request->body : "-");
    snprintf(asked.key, sizeof asked.key, "%s", request->key != NULL ? request->key : "-");
    if (asked.says == NULL) {
        return err_set(err, ERR_UNREACHABLE, "nobody is there");
    }
    *ret_status = asked.status;
    buf_add_text(ret_body, asked.says);
    return 0;
}

static json_t *say_as(struct mcp *mcp, const struct mcp_headers *headers, const char *bytes,
                      int *ret_http) {
    BUF_AUTO buf;
    buf_init(&buf, MCP_ANSWER_BYTES_MAX);
    const struct mcp_message message = {
        .bytes = bytes, .count = strlen(bytes), .headers = headers, .ask = fake_service};
    *ret_http = mcp_answer(mcp, &message, &buf);
    assert_true(buf_ok(&buf));
    json_t *json = NULL;
    struct err err = {0};
    if (buf.len > 0) {
        assert_null(strchr(buf.data, '\n')); /* one message, one line */
        assert_int_equal(json_read(buf.data, buf.len, buf.max, 64, &json, &err), 0);
        assert_string_equal(json_peek_text(json, "jsonrpc", NULL), "2.0");
    }
    return json;
}

static json_t *say(struct mcp *mcp, const char *bytes) {
    int http;
    return say_as(mcp, NULL, bytes, &http);
}

static void reset(int status, const char *says) {
    memset(&asked, 0, sizeof asked);
    asked.status = status;
    asked.says = says;
}

/* ---- tables ---- */

static const struct front_route *find_route(const struct mcp_tool *tool) {
    static struct front_route route;
    for (int i = 0; i < front_route_count(); i++) {
        front_route(i, &route);
        if (strcmp(route.path, tool->path) == 0 && strcmp(route.method, tool->method) == 0) {
            return &route;
        }
    }
    return NULL;
}

static bool route_takes(const char *operation, const char *name) {
    static const struct {
        const char *operation;
        const char *names[QUERY_NAMES_MAX + 1];
    } queries[] = {
#define X(operation, ...) {operation, {__VA_ARGS__}},
#include "api/queries.def"
#undef X
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        for (int k = 0; strcmp(queries[i].operation, operation) == 0 && queries[i].names[k] != NULL;
             k++) {
            if (strcmp(queries[i].names[k], name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void test_each_tool_is_a_route(void **state) {
    /* Verbs of routes that take a person: none is a tool, whatever it is called. */
    static const char *const forbidden[] = {"resolve", "approve", "refund", "capture", "cancel",
                                            "switch", "disable", "publish", "write-off", "keys"};
    (void)state;
    for (int i = 0; i < mcp_tool_count(); i++) {
        const struct mcp_tool *tool = mcp_tool_at(i);
        const struct front_route *route = find_route(tool);
        if (route == NULL || !route->internal) {
            fail_msg("%s: there is no %s %s on the internal listener", tool->name, tool->method,
                     tool->path);
        }
        assert_int_equal(tool->writes, strcmp(tool->method, "GET") != 0);
        assert_true(strspn(tool->name, "abcdefghijklmnopqrstuvwxyz_") == strlen(tool->name));
        for (size_t k = 0; tool->writes && k < sizeof forbidden / sizeof forbidden[0]; k++) {
            if (strstr(tool->path, forbidden[k]) != NULL) {
                fail_msg("%s: %s takes a person", tool->name, tool->path);
            }
        }
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(tool->name, mcp_tool_at(k)->name);
        }
    }
}

static void test_each_parameter_is_the_routes(void **state) {
    (void)state;
    int paths = 0, wanted = 0;
    for (int i = 0; i < mcp_parameter_count(); i++) {
        const struct mcp_parameter *parameter = mcp_parameter_at(i);
        const struct mcp_tool *tool = NULL;
        for (int k = 0; k < mcp_tool_count(); k++) {
            tool = strcmp(mcp_tool_at(k)->name, parameter->tool) == 0 ? mcp_tool_at(k) : tool;
        }
        if (tool == NULL) {
            fail_msg("%s of %s: there is no such tool", parameter->name, parameter->tool);
        }
        char braces[64];
        snprintf(braces, sizeof braces, "{%s}", parameter->name);
        bool well = parameter->place == MCP_PATH ? strstr(tool->path, braces) != NULL &&
                                                       parameter->needed
                    : parameter->place == MCP_QUERY
                        ? route_takes(find_route(tool)->operation, parameter->name)
                        : tool->writes;
        if (!well) {
            fail_msg("%s: the route does not take %s there", tool->name, parameter->name);
        }
        paths += parameter->place == MCP_PATH;
    }
    for (int i = 0; i < mcp_tool_count(); i++) {
        wanted += strchr(mcp_tool_at(i)->path, '{') != NULL;
    }
    assert_int_equal(paths, wanted);
}

static void test_the_page_lists_each_tool(void **state) {
    (void)state;
    char *page = malloc(PAGE_BYTES_MAX + 1);
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(file_read(TESTS_DIR "/../docs/agents.md", page, PAGE_BYTES_MAX, &count, &err),
                     0);
    for (int i = 0; i < mcp_tool_count(); i++) {
        const struct mcp_tool *tool = mcp_tool_at(i);
        char row[512];
        snprintf(row, sizeof row, "| `%s` | %s | `%s %s` | %s |", tool->name, tool->title,
                 tool->method, tool->path, tool->writes ? "changes something" : "");
        if (strstr(page, row) == NULL) {
            fail_msg("docs/agents.md lacks: %s", row);
        }
    }
    free(page);
}

/* ---- calls ---- */

static void test_a_call_is_a_request(void **state) {
    (void)state;
    struct mcp mcp;
    mcp_init(&mcp, true);
    reset(200, "{\"data\":[]}");
    JSON_AUTO list = say(&mcp, CALL "{"
                               "\"name\":\"list_payments\",\"arguments\":{\"order_id\":\"a&b/ü\","
                               "\"limit\":5}}}");
    assert_string_equal(asked.target, "/v1/payments?order_id=a%26b%2F%C3%BC&limit=5");
    assert_string_equal(asked.method, "GET");
    assert_string_equal(asked.body, "-");
    assert_string_equal(asked.key, "-");
    assert_non_null(json_peek(list, "result", "structuredContent", "data", NULL));
    assert_null(json_peek(list, "result", "resultType", NULL)); /* of the later era alone */

    JSON_AUTO note = say(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/call\","
                               "\"params\":{\"name\":\"comment_ticket\",\"arguments\":{\"id\":"
                               "\"../keys?x\",\"text\":\"hm\",\"idempotency_key\":\"k1\"}," META
                               "}}");
    assert_string_equal(asked.target, "/v1/tickets/..%2Fkeys%3Fx/comments");
    assert_string_equal(asked.body, "{\"text\":\"hm\"}");
    assert_string_equal(asked.key, "k1");
    assert_string_equal(json_peek_text(note, "id", NULL), "x");
    assert_string_equal(json_peek_text(note, "result", "resultType", NULL), "complete");

    JSON_AUTO other = say(&mcp, CALL "{\"name\":\"probe_gateway\","
                                     "\"arguments\":{\"name\":\"s\"}}}");
    assert_non_null(other);
    assert_memory_equal(asked.key, "mcp-", 4);
    assert_string_equal(asked.body, "{}");
    mcp_free(&mcp);
}

static bool is_error(const json_t *answer) {
    return json_is_true(json_peek(answer, "result", "isError", NULL));
}

static void test_what_goes_wrong_is_told(void **state) {
    static const char call[] = CALL "{"
                               "\"name\":\"get_alert\",\"arguments\":%s}}";
    static const char *const wrong[] = {
        "{}", "{\"id\":7}", "{\"id\":\"\"}", "{\"id\":\"a\\u0000b\"}", "{\"id\":\"a\",\"od\":1}",
        "{\"id\":[\"a\"]}", "{\"id\":null}", "{\"id\":\"a\",\"idempotency_key\":\"k\"}",
    };
    (void)state;
    struct mcp mcp;
    mcp_init(&mcp, false);
    reset(200, "{}");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, call, wrong[i]);
        JSON_AUTO answer = say(&mcp, text);
        if (strstr(wrong[i], "u0000") != NULL) {
            assert_int_equal(json_peek_int(answer, 0, "error", "code", NULL), -32700);
        } else {
            assert_true(is_error(answer));
        }
    }
    assert_int_equal(asked.calls, 0);
    char text[512];
    snprintf(text, sizeof text, call, "{\"id\":\"alr_x\"}");
    reset(404, "{\"title\":\"Not found\",\"detail\":\"no such alert\"}");
    JSON_AUTO refused = say(&mcp, text);
    assert_true(is_error(refused));
    reset(503, "{\"status\":\"down\"}"); /* a report, not a refusal */
    JSON_AUTO report = say(&mcp, text);
    assert_false(is_error(report));
    reset(200, NULL);
    JSON_AUTO nobody = say(&mcp, text);
    assert_true(is_error(nobody));
    reset(200, "<html>");
    JSON_AUTO html = say(&mcp, text);
    assert_true(is_error(html));
    char *large = malloc(MCP_RESULT_BYTES_MAX + 2);
    memset(large, ' ', MCP_RESULT_BYTES_MAX + 1);
    large[MCP_RESULT_BYTES_MAX + 1] = '\0';
    reset(200, large);
    JSON_AUTO full = say(&mcp, text);
    assert_true(is_error(full));
    free(large);
    mcp_free(&mcp);
}

static void test_what_writes_is_switched_on_or_not_there(void **state) {
    static const char call[] = CALL "{"
                               "\"name\":\"acknowledge_alert\",\"arguments\":{\"id\":\"alr_x\"}}}";
    static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
    (void)state;
    for (int writes = 0; writes <= 1; writes++) {
        struct mcp mcp;
        mcp_init(&mcp, writes == 1);
        reset(200, "{}");
        JSON_AUTO answer = say(&mcp, call);
        assert_int_equal(asked.calls, writes);
        assert_int_equal(json_peek_int(answer, 0, "error", "code", NULL), writes ? 0 : -32602);
        JSON_AUTO tools = say(&mcp, list);
        size_t i;
        json_t *tool;
        json_array_foreach(json_peek(tools, "result", "tools", NULL), i, tool) {
            bool reads = json_is_true(json_peek(tool, "annotations", "readOnlyHint", NULL));
            assert_true(reads || writes == 1);
        }
        mcp_free(&mcp);
    }
}

static void test_too_many_calls_wait(void **state) {
    (void)state;
    struct mcp mcp;
    mcp_init(&mcp, false);
    reset(200, "{}");
    mcp.calls = 2.5;
    mcp.filled_us = INT64_MAX; /* nothing grows back in this test */
    for (int i = 0; i < 5; i++) {
        JSON_AUTO answer = say(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                     "\"params\":{\"name\":\"mode\"}}");
        assert_int_equal(is_error(answer), i >= 2);
    }
    assert_int_equal(asked.calls, 2);
    mcp.filled_us = 0; /* long ago: full again, and no fuller */
    JSON_AUTO later = say(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                "\"params\":{\"name\":\"mode\"}}");
    assert_false(is_error(later));
    assert_true(mcp.calls <= MCP_CALLS_AT_ONCE - 1);
    mcp_free(&mcp);
}

/* ---- messages ---- */

static void test_wrong_messages(void **state) {
    static const struct {
        const char *text;
        int code, http; /* 0: an answer; -1: nothing is said */
    } cases[] = {
        {"", -32700, 400},
        {"{", -32700, 400},
        {"[]", -32600, 400},
        {"7", -32600, 400},
        {"{}", -32600, 400},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", -32700, 400},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\"}", -1, 202},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 0, 200},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{" META "}}", -32601, 404},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}", -32602, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
         "\"2099-01-01\"}}",
         0, 200},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}", -32602, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}", 0,
         200},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
         "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}",
         -32602, 400},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
         "\"io.modelcontextprotocol/protocolVersion\":7,"
         "\"io.modelcontextprotocol/clientCapabilities\":{}}}}",
         -32602, 400},
        {CALL "{\"name\":\"mode\","
         "\"arguments\":[]," META "}}",
         -32602, 400},
        {CALL "{\"name\":{}}}", -32602, 200},
        {CALL "[]}", -32602, 200},
    };
    (void)state;
    struct mcp mcp;
    mcp_init(&mcp, true);
    reset(200, "{}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int http;
        JSON_AUTO answer = say_as(&mcp, NULL, cases[i].text, &http);
        int code = answer == NULL ? -1 : (int)json_peek_int(answer, 0, "error", "code", NULL);
        if (code != cases[i].code || http != cases[i].http) {
            fail_msg("%s: %d with HTTP %d", cases[i].text, code, http);
        }
    }
    assert_int_equal(asked.calls, 0);
    char *deep = malloc(4096);
    memset(deep, '[', 4095);
    deep[4095] = '\0';
    JSON_AUTO nested = say(&mcp, deep);
    assert_int_equal(json_peek_int(nested, 0, "error", "code", NULL), -32700);
    free(deep);
    mcp_free(&mcp);
}

static void test_a_legacy_version_is_echoed(void **state) {
    (void)state;
    struct mcp mcp;
    mcp_init(&mcp, false);
    JSON_AUTO same = say(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
                               "\"params\":{\"protocolVersion\":\"2025-03-26\"}}");
    assert_string_equal(json_peek_text(same, "result", "protocolVersion", NULL), "2025-03-26");
    JSON_AUTO newest = say(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
                                 "\"params\":{\"protocolVersion\":\"2026-07-28\"}}");
    assert_string_equal(json_peek_text(newest, "result", "protocolVersion", NULL), "2025-11-25");
    int http;
    const struct mcp_headers odd = {.version = "1999-01-01"};
    static const char list[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
    JSON_AUTO refused = say_as(&mcp, &odd, list, &http);
    assert_int_equal(json_peek_int(refused, 0, "error", "code", NULL), -32022);
    assert_int_equal(http, 400);
    mcp_free(&mcp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tool_is_a_route),
        cmocka_unit_test(test_each_parameter_is_the_routes),
        cmocka_unit_test(test_the_page_lists_each_tool),
        cmocka_unit_test(test_a_call_is_a_request),
        cmocka_unit_test(test_what_goes_wrong_is_told),
        cmocka_unit_test(test_what_writes_is_switched_on_or_not_there),
        cmocka_unit_test(test_too_many_calls_wait),
        cmocka_unit_test(test_wrong_messages),
        cmocka_unit_test(test_a_legacy_version_is_echoed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
