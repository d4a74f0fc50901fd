/* SPDX-License-Identifier: Apache-2.0
 * test_front_input.c: what strangers may put into a request. Each row is one wrong thing; each gets
 * a problem document that says what and where, and changes nothing: no row, no call of a gateway.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

#include "api/front.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

/* Asks, and fails the test unless the answer is this problem at this place and nothing changed. */
static void must_refuse(const char *name, const struct api_ask *ask, int status,
                        const char *problem, const char *place) {
    int64_t before = api_changes(&the_api);
    int calls = fake_calls(the_api.fake, 0, "*") + fake_calls(the_api.fake, 1, "*");
    API_REPLY_AUTO reply;
    api_ask(&the_api, ask, &reply);
    if (reply.status != status || strcmp(reply_problem(&reply), problem) != 0 ||
        (place != NULL && strcmp(reply_text(&reply, "place"), place) != 0)) {
        fail_msg("%s: %d %s; expected %d %s at %s", name, reply.status, reply.body, status, problem,
                 place != NULL ? place : "any place");
    }
    if (reply_text(&reply, "detail")[0] == '\0' || reply_text(&reply, "request_id")[0] == '\0') {
        fail_msg("%s: a problem says what was wrong and names the request: %s", name, reply.body);
    }
    if (api_changes(&the_api) != before ||
        fake_calls(the_api.fake, 0, "*") + fake_calls(the_api.fake, 1, "*") != calls) {
        fail_msg("%s: something changed", name);
    }
}

/* A request for a payment, with these members beside. */
#define PAY(...)                                                                                   \
    (&(struct api_ask){                                                                            \
        .method = "POST", .path = "/v1/payments", .internal = true, .once = "*", __VA_ARGS__})

/* ---- bodies that are no JSON object ---- */

#define DEEP "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"

static const struct {
    const char *name, *body;
    size_t bytes; /* 0: the text's length */
    int status;
    const char *problem, *place;
} bodies[] = {
    {"words", "hello", 0, 400, "bad-json", "line 1, column 5"},
    {"blanks only", "   ", 0, 400, "bad-json", NULL},
    {"cut off", "{\"order_id\":\"A", 0, 400, "bad-json", NULL},
    {"cut off behind a colon", "{\"a\":", 0, 400, "bad-json", NULL},
    {"bytes behind the object", "{\"a\":1}x", 0, 400, "bad-json", "line 1, column 8"},
    {"two objects", "{}{}", 0, 400, "bad-json", "line 1, column 3"},
    {"a key twice", "{\"amount\":1,\n\"amount\":2}", 0, 400, "bad-json", NULL},
    {"a key twice, inside", "{\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}", 0, 400, "bad-json", NULL},
    {"a key twice, once escaped", "{\"a\":1,\"\\u0061\":2}", 0, 400, "bad-json", NULL},
    {"a comment", "{/* */}", 0, 400, "bad-json", NULL},
    {"a comma too many", "{\"a\":1,}", 0, 400, "bad-json", NULL},
    {"single quotes", "{'a':1}", 0, 400, "bad-json", NULL},
    {"a key without quotes", "{a:1}", 0, 400, "bad-json", NULL},
    {"not a number", "{\"amount\":NaN}", 0, 400, "bad-json", NULL},
    {"infinity", "{\"amount\":1e999}", 0, 400, "bad-json", NULL},
    {"a leading zero", "{\"amount\":01}", 0, 400, "bad-json", NULL},
    {"a plus sign", "{\"amount\":+1}", 0, 400, "bad-json", NULL},
    {"hexadecimal", "{\"amount\":0x10}", 0, 400, "bad-json", NULL},
    {"beyond 64 bits", "{\"amount\":9223372036854775808}", 0, 400, "bad-json", NULL},
    {"below 64 bits", "{\"amount\":-9223372036854775809}", 0, 400, "bad-json", NULL},
    {"a raw line end in a string", "{\"a\":\"\n\"}", 0, 400, "bad-json", NULL},
    {"a NUL byte", "{\"a\":1}\0{}", 10, 400, "bad-json", "line 1, column 8"},
    {"an escaped NUL", "{\"a\":\"\\u0000\"}", 0, 400, "bad-json", NULL},
    {"an escaped NUL in a key", "{\"\\u0000\":1}", 0, 400, "bad-json", NULL},
    {"half a surrogate pair", "{\"a\":\"\\ud800\"}", 0, 400, "bad-json", NULL},
    {"bytes that are not UTF-8", "{\"a\":\"\xff\xfe\"}", 0, 400, "bad-json", NULL},
    {"an overlong sequence", "{\"a\":\"\xc0\xaf\"}", 0, 400, "bad-json", NULL},
    {"a byte order mark", "\xef\xbb\xbf{}", 0, 400, "bad-json", NULL},
    {"seventeen levels", "{\"metadata\":" DEEP "}", 0, 400, "bad-json", NULL},
    {"an array", "[]", 0, 422, "validation", "/"},
    {"an array of orders", "[{\"order_id\":\"A\"}]", 0, 422, "validation", "/"},
    {"a string", "\"x\"", 0, 422, "validation", "/"},
    {"a number", "1999", 0, 422, "validation", "/"},
    {"null", "null", 0, 422, "validation", "/"},
    {"true", "true", 0, 422, "validation", "/"},
};

static void a_body_is_one_strict_json_object(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        must_refuse(bodies[i].name, PAY(.body = bodies[i].body, .body_bytes = bodies[i].bytes),
                    bodies[i].status, bodies[i].problem, bodies[i].place);
    }
}

static void a_body_over_its_limit_is_not_looked_at(void **state) {
    (void)state;
    char *body = malloc(JSON_BODY_BYTES_MAX + 2);
    assert_non_null(body);
    memset(body, ' ', JSON_BODY_BYTES_MAX + 1);
    body[0] = '{';
    body[JSON_BODY_BYTES_MAX] = '}';
    body[JSON_BODY_BYTES_MAX + 1] = '\0';
    must_refuse("one byte too many", PAY(.body = body), 413, "too-large", NULL);
    free(body);
}

static void a_body_says_that_it_is_json(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "text/plain",
                                        "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x",
                                        "text/json",
                                        "application/jsonp",
                                        "application/json5",
                                        "application/xml",
                                        "json"};
    static const char *const right[] = {"application/json", "application/json; charset=utf-8",
                                        "Application/JSON", "application/json;charset=UTF-8",
                                        "application/json "};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        must_refuse(wrong[i],
                    &(struct api_ask){.method = "POST",
                                      .path = "/v1/payments",
                                      .internal = true,
                                      .once = "*",
                                      .type = wrong[i],
                                      .body = "{}"},
                    415, "media-type", "Content-Type");
    }
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        must_refuse(right[i],
                    &(struct api_ask){.method = "POST",
                                      .path = "/v1/payments",
                                      .internal = true,
                                      .once = "*",
                                      .type = right[i],
                                      .body = "{}"},
                    422, "validation", "/order_id");
    }
}

/* ---- orders ---- */

static const struct {
    const char *member, *json;
} good_order[] = {
    {"order_id", "\"A-1\""},
    {"amount", "1999"},
    {"currency", "\"USD\""},
    {"method", "\"card\""},
    {"tokens", "{\"stripe-a\":\"pm_good\"}"},
};

/* The good order but for these two members: NULL text leaves a member out, a new name is added. */
static char *order_with(const char *member, const char *json, const char *second,
                        const char *second_json) {
    GString *body = g_string_new("{");
    const char *names[] = {member, second}, *texts[] = {json, second_json};
    for (size_t i = 0; i < COUNT_OF(good_order); i++) {
        const char *text = good_order[i].json;
        for (size_t j = 0; j < COUNT_OF(names); j++) {
            if (names[j] != NULL && strcmp(good_order[i].member, names[j]) == 0) {
                text = texts[j];
                names[j] = NULL;
            }
        }
        if (text != NULL) {
            g_string_append_printf(body, "%s\"%s\":%s", body->len > 1 ? "," : "",
                                   good_order[i].member, text);
        }
    }
    for (size_t j = 0; j < COUNT_OF(names); j++) {
        if (names[j] != NULL) {
            g_string_append_printf(body, ",\"%s\":%s", names[j], texts[j]);
        }
    }
    g_string_append_c(body, '}');
    return g_string_free(body, FALSE);
}

#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN
#define C121 "\"" FORTY FORTY FORTY "1\""
#define C256 "\"" FORTY FORTY FORTY FORTY FORTY FORTY TEN "123456\""
#define C501                                                                                       \
    "\"" FORTY FORTY FORTY FORTY FORTY FORTY FORTY FORTY FORTY FORTY FORTY FORTY TEN TEN "1\""

static const struct {
    const char *member, *json, *second, *second_json, *place;
} orders[] = {
    {"amount", "0", NULL, NULL, "/amount"},
    {"amount", "-1", NULL, NULL, "/amount"},
    {"amount", "-0", NULL, NULL, "/amount"},
    {"amount", "-9223372036854775808", NULL, NULL, "/amount"},
    {"amount", "9223372036854775807", NULL, NULL, "/amount"},
    {"amount", "1000000001", NULL, NULL, "/amount"},
    {"amount", "19.99", NULL, NULL, "/amount"},
    {"amount", "1999.0", NULL, NULL, "/amount"},
    {"amount", "1e3", NULL, NULL, "/amount"},
    {"amount", "1E3", NULL, NULL, "/amount"},
    {"amount", "19.99", "currency", "\"JPY\"", "/amount"},
    {"amount", "1.234", "currency", "\"KWD\"", "/amount"},
    {"amount", "\"1999\"", NULL, NULL, "/amount"},
    {"amount", "\"19.99\"", NULL, NULL, "/amount"},
    {"amount", "true", NULL, NULL, "/amount"},
    {"amount", "null", NULL, NULL, "/amount"},
    {"amount", "[1999]", NULL, NULL, "/amount"},
    {"amount", "{\"value\":1999}", NULL, NULL, "/amount"},
    {"amount", NULL, NULL, NULL, "/amount"},
    {"order_id", "\"\"", NULL, NULL, "/order_id"},
    {"order_id", C121, NULL, NULL, "/order_id"},
    {"order_id", "7", NULL, NULL, "/order_id"},
    {"order_id", "null", NULL, NULL, "/order_id"},
    {"order_id", "[\"A-1\"]", NULL, NULL, "/order_id"},
    {"order_id", NULL, NULL, NULL, "/order_id"},
    {"currency", "\"US\"", NULL, NULL, "/currency"},
    {"currency", "\"USDT\"", NULL, NULL, "/currency"},
    {"currency", "\"XXX\"", NULL, NULL, "/currency"},
    {"currency", "\"BTC\"", NULL, NULL, "/currency"},
    {"currency", "\"DEM\"", NULL, NULL, "/currency"},
    {"currency", "\"U$D\"", NULL, NULL, "/currency"},
    {"currency", "\"USD \"", NULL, NULL, "/currency"},
    {"currency", "\"840\"", NULL, NULL, "/currency"},
    {"currency", "840", NULL, NULL, "/currency"},
    {"currency", "\"\"", NULL, NULL, "/currency"},
    {"currency", NULL, NULL, NULL, "/currency"},
    {"method", "\"cash\"", NULL, NULL, "/method"},
    {"method", "\"CARD\"", NULL, NULL, "/method"},
    {"method", "\"\"", NULL, NULL, "/method"},
    {"method", "1", NULL, NULL, "/method"},
    {"method", NULL, NULL, NULL, "/method"},
    {"purpose", "\"gift\"", NULL, NULL, "/purpose"},
    {"purpose", "1", NULL, NULL, "/purpose"},
    {"capture", "\"later\"", NULL, NULL, "/capture"},
    {"capture", "true", NULL, NULL, "/capture"},
    {"tokens", "[]", NULL, NULL, "/tokens"},
    {"tokens", "\"pm_good\"", NULL, NULL, "/tokens"},
    {"tokens", "{\"\":\"pm_good\"}", NULL, NULL, "/tokens/"},
    {"tokens", "{\"stripe-a\":5}", NULL, NULL, "/tokens/stripe-a"},
    {"tokens", "{\"stripe-a\":null}", NULL, NULL, "/tokens/stripe-a"},
    {"tokens", "{\"stripe-a\":{}}", NULL, NULL, "/tokens/stripe-a"},
    {"tokens", "{\"stripe-a\":" C256 "}", NULL, NULL, "/tokens/stripe-a"},
    {"token", "\"\"", NULL, NULL, "/token"},
    {"token", C256, NULL, NULL, "/token"},
    {"token", "5", NULL, NULL, "/token"},
    {"customer", "\"c1\"", NULL, NULL, "/customer"},
    {"customer", "{\"name\":\"Ada\"}", NULL, NULL, "/customer/name"},
    {"customer", "{\"id\":\"\"}", NULL, NULL, "/customer/id"},
    {"customer", "{\"id\":" C121 "}", NULL, NULL, "/customer/id"},
    {"customer", "{\"region\":\"D\"}", NULL, NULL, "/customer/region"},
    {"customer", "{\"region\":\"DE-BAYERN\"}", NULL, NULL, "/customer/region"},
    {"customer", "{\"region\":\"de\"}", NULL, NULL, "/customer/region"},
    {"customer", "{\"email\":\"a\"}", NULL, NULL, "/customer/email"},
    {"customer", "{\"email\":\"nope\"}", NULL, NULL, "/customer/email"},
    {"customer", "{\"email\":\" a@b.example\"}", NULL, NULL, "/customer/email"},
    {"customer", "{\"ip\":\"1.2.3\"}", NULL, NULL, "/customer/ip"},
    {"customer", "{\"ip\":\"10.1.1.1:443\"}", NULL, NULL, "/customer/ip"},
    {"customer", "{\"ip\":\" 10.1.1.1\"}", NULL, NULL, "/customer/ip"},
    {"customer", "{\"ip\":\"10.0.0.0/8\"}", NULL, NULL, "/customer/ip"},
    {"customer", "{\"vip\":\"yes\"}", NULL, NULL, "/customer/vip"},
    {"customer", "{\"vip\":1}", NULL, NULL, "/customer/vip"},
    {"return_url", "\"ftp://shop.example\"", NULL, NULL, "/return_url"},
    {"return_url", "\"javascript:alert(1)\"", NULL, NULL, "/return_url"},
    {"return_url", "\"//shop.example\"", NULL, NULL, "/return_url"},
    {"return_url", "5", NULL, NULL, "/return_url"},
    {"return_url", "\"https://shop.example/\\r\\nSet-Cookie: a=b\"", NULL, NULL, "/return_url"},
    {"order_id", "\"a\\nb\"", NULL, NULL, "/order_id"},
    {"order_id", "\"a\\u0085b\"", NULL, NULL, "/order_id"},
    {"customer", "{\"id\":\"c\\t1\"}", NULL, NULL, "/customer/id"},
    {"metadata", "{\"a\":\"b\\u0001\"}", NULL, NULL, "/metadata/a"},
    {"metadata", "{\"a\\nb\":\"c\"}", NULL, NULL, "/metadata/a\nb"},
    {"description", "\"two\\u001b[31mshirts\"", NULL, NULL, "/description"},
    {"cancel_url", "\"file:///etc/passwd\"", NULL, NULL, "/cancel_url"},
    {"description", "\"\"", NULL, NULL, "/description"},
    {"description", C501, NULL, NULL, "/description"},
    {"metadata", "\"x\"", NULL, NULL, "/metadata"},
    {"metadata", "{\"a\":{\"b\":\"c\"}}", NULL, NULL, "/metadata/a"},
    {"metadata", "{\"a\":1}", NULL, NULL, "/metadata/a"},
    {"metadata", "{\"a\":" C501 "}", NULL, NULL, "/metadata/a"},
    {"metadata", "{\"" FORTY "1\":\"x\"}", NULL, NULL, "/metadata/" FORTY},
    {"several_per_order", "\"yes\"", NULL, NULL, "/several_per_order"},
    {"card", "{\"cvc\":\"123\"}", NULL, NULL, "/card"},
    {"amonut", "1999", NULL, NULL, "/amonut"},
    {"", "1", NULL, NULL, "/"},
};

static void an_order_with_one_wrong_field_is_refused_at_that_field(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        char *body = order_with(orders[i].member, orders[i].json, orders[i].second,
                                orders[i].second_json);
        must_refuse(body, PAY(.body = body), 422, "validation", orders[i].place);
        g_free(body);
    }
}

/* Objects with too many members: `count` of `chars` characters each. */
static char *many(int count, int chars) {
    GString *text = g_string_new("{");
    for (int i = 0; i < count; i++) {
        g_string_append_printf(text, "%s\"k%d\":\"%0*d\"", i > 0 ? "," : "", i, chars, 0);
    }
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static void free_texts_have_a_limit_in_number_and_in_all(void **state) {
    (void)state;
    static const struct {
        const char *member, *place;
        int count, chars;
    } rows[] = {{"metadata", "/metadata", METADATA_KEYS_MAX + 1, 1},
                {"metadata", "/metadata", 20, 450},
                {"tokens", "/tokens", GATEWAYS_MAX + 1, 5}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *object = many(rows[i].count, rows[i].chars);
        char *body = order_with(rows[i].member, object, NULL, NULL);
        must_refuse(body, PAY(.body = body), 422, "validation", rows[i].place);
        g_free(body);
        g_free(object);
    }
}

static void what_the_rows_vary_is_a_good_order(void **state) {
    (void)state;
    char *body = order_with(NULL, NULL, NULL, NULL);
    API_REPLY_AUTO reply;
    api_ask(&the_api, PAY(.body = body), &reply);
    g_free(body);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply_text(&reply, "state"), "succeeded");
}

static void the_largest_and_the_smallest_amount_are_taken(void **state) {
    (void)state;
    static const struct {
        const char *order_id, *amount, *currency, *decimal;
    } rows[] = {{"\"smallest\"", "1", "\"USD\"", "0.01"},
                {"\"largest\"", "1000000000", "\"usd\"", "10000000.00"},
                {"\"yen\"", "500", "\"JPY\"", "500"},
                {"\"dinar\"", "1230", "\"KWD\"", "1.230"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *first = order_with("amount", rows[i].amount, "currency", rows[i].currency);
        char *body = NULL;
        assert_non_null(strstr(first, "\"A-1\""));
        body = g_strdup_printf("%.*s%s%s", (int)(strstr(first, "\"A-1\"") - first), first,
                               rows[i].order_id, strstr(first, "\"A-1\"") + 5);
        API_REPLY_AUTO reply;
        api_ask(&the_api, PAY(.body = body), &reply);
        assert_int_equal(reply.status, 201);
        assert_string_equal(reply_text(&reply, "amount_decimal"), rows[i].decimal);
        g_free(body);
        g_free(first);
    }
}

/* ---- the other bodies and the queries ---- */

static char payment_id[40], held_id[40];

static const struct {
    const char *method, *path, *query, *body;
    int status;
    const char *problem, *place;
} others[] = {
    {"POST", "PAID/capture", "", "{\"amount\":0}", 422, "validation", "/amount"},
    {"POST", "PAID/capture", "", "{\"amount\":null}", 422, "validation", "/amount"},
    {"POST", "PAID/capture", "", "{\"final\":\"no\"}", 422, "validation", "/final"},
    {"POST", "PAID/capture", "", "{\"final\":0}", 422, "validation", "/final"},
    {"POST", "PAID/capture", "", "{\"amuont\":1}", 422, "validation", "/amuont"},
    {"POST", "PAID/capture", "", "{}", 409, "wrong-state", NULL},
    {"POST", "HELD/capture", "", "{\"amount\":2000}", 422, "amount", "/amount"},
    {"POST", "PAID/cancel", "", "{\"reason\":\"\"}", 422, "validation", "/reason"},
    {"POST", "PAID/cancel", "", "{\"reason\":7}", 422, "validation", "/reason"},
    {"POST", "PAID/cancel", "", "{}", 409, "wrong-state", NULL},
    {"POST", "PAID/refunds", "", "{\"amount\":null}", 422, "validation", "/amount"},
    {"POST", "PAID/refunds", "", "{\"amount\":-1}", 422, "validation", "/amount"},
    {"POST", "PAID/refunds", "", "{\"amount\":0.5}", 422, "validation", "/amount"},
    {"POST", "PAID/refunds", "", "{\"amount\":2000}", 422, "amount", "/amount"},
    {"POST", "PAID/refunds", "", "{\"reason\":" C501 "}", 422, "validation", "/reason"},
    {"POST", "PAID/refunds", "", "{\"to_original_method\":\"yes\"}", 422, "validation",
     "/to_original_method"},
    {"POST", "PAID/refunds", "", "{\"to_original_method\":false}", 422, "validation",
     "/refundToOriginalMethod"},
    {"POST", "PAID/refunds", "", "{\"to_original_method\":true,\"refundToOriginalMethod\":false}",
     422, "validation", "/to_original_method"},
    {"POST", "PAID/refunds", "", "{\"to_original_method\":false,\"refundToOriginalMethod\":true}",
     422, "validation", "/to_original_method"},
    {"POST", "PAID/refunds", "", "{\"currency\":\"USD\"}", 422, "validation", "/currency"},
    {"POST", "HELD/refunds", "", "{}", 409, "wrong-state", NULL},
    {"POST", "PAID/method", "", "{\"method\":\"cash\"}", 422, "validation", "/method"},
    {"POST", "PAID/method", "", "{}", 422, "validation", "/method"},
    {"POST", "PAID/method", "", "{\"method\":\"card\"}", 409, "wrong-state", NULL},
    {"POST", "PAID/resolve", "", "{\"status\":\"maybe\",\"reason\":\"x\"}", 422, "validation",
     "/status"},
    {"POST", "PAID/resolve", "", "{\"status\":\"failed\"}", 422, "validation", "/reason"},
    {"POST", "PAID/resolve", "", "{\"status\":\"failed\",\"reason\":\"x\"}", 409, "wrong-state",
     NULL},
    {"POST", "/v1/payments/nobody/refunds", "", "{}", 404, "not-found", NULL},
    {"POST", "/v1/payments/re_01JD5R6Q6Y0V3M8X2K4N7T9BCF/refunds", "", "{}", 404, "not-found",
     NULL},
    {"POST", "/v1/payments/pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF/refunds", "", "{}", 404, "not-found",
     NULL},
    {"POST", "/v1/refunds/re_01JD5R6Q6Y0V3M8X2K4N7T9BCF/retry", "", "{}", 404, "not-found", NULL},
    {"POST", "/v1/gateways/stripe-a/disable", "", "{}", 422, "validation", "/reason"},
    {"POST", "/v1/gateways/stripe-a/disable", "", "{\"reason\":\"\"}", 422, "validation",
     "/reason"},
    {"POST", "/v1/gateways/stripe-a/drain", "", "{\"reason\":" C501 "}", 422, "validation",
     "/reason"},
    {"POST", "/v1/gateways/stripe-a/enable", "", "{\"reason\":\"x\",\"force\":\"x\"}", 422,
     "validation", "/force"},
    {"POST", "/v1/gateways/stripe-z/enable", "", "{\"reason\":\"x\"}", 404, "not-found", NULL},
    {"POST", "/v1/gateways/*primary/enable", "", "{\"reason\":\"x\"}", 404, "not-found", NULL},
    {"POST", "/v1/gateways/stripe-z/probe", "", "{}", 404, "not-found", NULL},
    {"POST", "/v1/routing/primary", "", "{\"gateway\":\"stripe-z\",\"reason\":\"x\"}", 404,
     "not-found", NULL},
    {"POST", "/v1/routing/primary", "", "{\"gateway\":\"stripe-a\"}", 422, "validation", "/reason"},
    {"POST", "/v1/routing/fallback", "", "{\"on\":\"yes\",\"reason\":\"x\"}", 422, "validation",
     "/on"},
    {"POST", "/v1/routing/explain", "", "{\"method\":\"card\",\"currency\":\"XXX\",\"amount\":1}",
     422, "validation", "/currency"},
    {"POST", "/v1/routing/explain", "", "{\"method\":\"x\",\"currency\":\"USD\",\"amount\":1}", 422,
     "validation", "/method"},
    {"POST", "/v1/routing/explain", "",
     "{\"method\":\"card\",\"currency\":\"USD\",\"amount\":1,\"capture\":\"x\"}", 422, "validation",
     "/capture"},
    {"POST", "/v1/routing/explain", "", "{\"method\":\"card\",\"currency\":\"USD\"}", 422,
     "validation", "/amount"},
    {"POST", "/v1/webhooks", "", "{}", 422, "validation", "/url"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"ftp://shop.example\"}", 422, "validation", "/url"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"http://shop.example\"}", 422, "validation", "/url"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"https://\"}", 422, "validation", "/url"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"https://a.example\",\"types\":\"payment.paid\"}", 422,
     "validation", "/types"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"https://a.example\",\"types\":\"*,*\"}", 422,
     "validation", "/types"},
    {"POST", "/v1/webhooks", "", "{\"url\":\"https://a.example\",\"secret\":\"mine\"}", 422,
     "validation", "/secret"},
    {"PATCH", "/v1/webhooks/ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", "{}", 404, "not-found", NULL},
    {"PATCH", "/v1/webhooks/ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", "{\"enabled\":1}", 422,
     "validation", "/enabled"},
    {"DELETE", "/v1/webhooks/ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", NULL, 404, "not-found", NULL},
    {"POST", "/v1/webhooks/ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF/rotate", "",
     "{\"overlap_seconds\":604801}", 422, "validation", "/overlap_seconds"},
    {"POST", "/v1/webhooks/ep_01JD5R6Q6Y0V3M8X2K4N7T9BCF/rotate", "", "{}", 404, "not-found", NULL},
    {"POST", "/v1/webhook-deliveries/dlv_1/replay", "", NULL, 404, "not-found", NULL},
    {"POST", "/v1/callbacks/cb_1/replay", "", NULL, 404, "not-found", NULL},
    {"POST", "/v1/callbacks/cb_01JD5R6Q6Y0V3M8X2K4N7T9BCF/replay", "", NULL, 404, "not-found",
     NULL},
    {"POST", "/v1/cases/case_1/close", "", "{}", 422, "validation", "/resolution"},
    {"POST", "/v1/cases/case_1/close", "", "{\"resolution\":\"x\"}", 404, "not-found", NULL},
    {"POST", "/v1/keys", "", "{\"role\":\"viewer\"}", 422, "validation", "/name"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":\"root\"}", 422, "validation", "/role"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":\"none\"}", 422, "validation", "/role"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":5}", 422, "validation", "/role"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":\"viewer\",\"scopes\":\"everything\"}", 422,
     "validation", "/scopes"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":\"viewer\",\"scopes\":\"getPayment,,\"}",
     422, "validation", "/scopes"},
    {"POST", "/v1/keys", "",
     "{\"name\":\"x\",\"role\":\"viewer\",\"expires_at\":\"2001-01-01T00:00:00Z\"}", 422,
     "validation", "/expires_at"},
    {"POST", "/v1/keys", "", "{\"name\":\"x\",\"role\":\"viewer\",\"expires_at\":\"tomorrow\"}",
     422, "validation", "/expires_at"},
    {"DELETE", "/v1/keys/key_1", "", NULL, 404, "not-found", NULL},
    {"DELETE", "/v1/keys/key_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", NULL, 404, "not-found", NULL},
    {"POST", "/v1/users", "", "{\"name\":\"x\",\"password\":\"short\",\"role\":\"viewer\"}", 422,
     "validation", "/password"},
    {"POST", "/v1/users", "", "{\"name\":\"x\",\"role\":\"viewer\"}", 422, "validation",
     "/password"},
    {"DELETE", "/v1/users/usr_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", NULL, 404, "not-found", NULL},
    {"POST", "/internal/api/payment/switch-gateway", "", "{\"reason\":\"x\"}", 422, "validation",
     "/primaryGateway"},
    {"POST", "/internal/api/payment/switch-gateway", "", "{\"primaryGateway\":\"stripe-a\"}", 422,
     "validation", "/reason"},
    {"POST", "/internal/api/system/enable-fallback-gateway", "", "{\"on\":true}", 422, "validation",
     "/on"},
    {"GET", "/v1/payments", "%zz=1", NULL, 400, "bad-request", "query"},
    {"GET", "/v1/payments", "limit%00x=1", NULL, 400, "bad-request", "query"},
    {"POST", "/v1/payments/pay_1/refunds", "amount=100", "{}", 422, "validation",
     "query parameter amount"},
    {"GET", "/v1/payments", "cursor=abc", NULL, 422, "validation", "cursor"},
    {"GET", "/v1/payments", "cursor=1", NULL, 422, "validation", "cursor"},
    {"GET", "/v1/payments", "order_id=%zz", NULL, 400, "bad-request", "query parameter order_id"},
    {"GET", "/v1/payments", "order_id=a%00b", NULL, 400, "bad-request", "query parameter order_id"},
    {"GET", "/v1/payments", "order_id=" FORTY FORTY FORTY FORTY FORTY FORTY FORTY, NULL, 400,
     "bad-request", "query parameter order_id"},
    {"GET", "/v1/refunds", "state=gone", NULL, 422, "validation", "state"},
    {"GET", "/v1/callbacks", "state=gone", NULL, 422, "validation", "state"},
    {"GET", "/v1/webhook-deliveries", "state=gone", NULL, 422, "validation", "state"},
    {"GET", "/v1/payments/pay_1", "", NULL, 404, "not-found", NULL},
    {"GET", "/v1/refunds/re_1", "", NULL, 404, "not-found", NULL},
    {"GET", "/v1/orders/unheard-of/status", "", NULL, 404, "not-found", NULL},
};

static void every_other_request_with_something_wrong_is_refused_where_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char path[160], name[400];
        bool paid = strncmp(others[i].path, "PAID", 4) == 0;
        bool held = strncmp(others[i].path, "HELD", 4) == 0;
        snprintf(path, sizeof path, "%s%s%s", paid || held ? "/v1/payments/" : "",
                 paid   ? payment_id
                 : held ? held_id
                        : "",
                 others[i].path + (paid || held ? 4 : 0));
        snprintf(name, sizeof name, "%s %s?%s %.200s", others[i].method, path, others[i].query,
                 others[i].body != NULL ? others[i].body : "");
        must_refuse(name,
                    &(struct api_ask){.method = others[i].method,
                                      .path = path,
                                      .query = others[i].query,
                                      .internal = true,
                                      .once = strcmp(others[i].method, "GET") == 0 ? NULL : "*",
                                      .body = others[i].body},
                    others[i].status, others[i].problem, others[i].place);
    }
}

/* ---- queries ---- */

static const struct {
    const char *path, *query, *parameter;
} queries[] = {
    {"/v1/payments", "order=X", "order"},
    {"/v1/payments", "limit=2&limit=3", "limit"},
    {"/v1/payments", "limit=2&%6cimit=2", "limit"},
    {"/v1/payments", "limit=2&&x", "x"},
    {"/healthz", "x", "x"},
    {"/v1/payments", "limit=0", "limit"},
    {"/v1/payments", "limit=101", "limit"},
    {"/v1/payments", "limit=-1", "limit"},
    {"/v1/payments", "limit=1.5", "limit"},
    {"/v1/payments", "limit=ten", "limit"},
    {"/v1/payments", "limit=99999999999999999999", "limit"},
    {"/v1/payments", "since=yesterday", "since"},
    {"/v1/payments", "since=0h", "since"},
    {"/v1/payments", "since=10001h", "since"},
    {"/v1/payments", "since=1w", "since"},
    {"/v1/payments", "until=2026-13-01T00:00:00Z", "until"},
    {"/v1/payments", "state=paid", "state"},
    {"/v1/payments", "method=cash", "method"},
    {"/v1/payments", "review=2", "review"},
    {"/v1/methods", "currency=XXX", "currency"},
    {"/v1/cases", "all=yes", "all"},
    {"/internal/api/payments/stuck", "older_seconds=-1", "older_seconds"},
    {"/internal/api/payments/failed", "since=never", "since"},
};

static void a_query_is_refused_at_the_parameter_that_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        char place[80];
        snprintf(place, sizeof place, "query parameter %s", queries[i].parameter);
        must_refuse(
            queries[i].query,
            &(struct api_ask){.path = queries[i].path, .query = queries[i].query, .internal = true},
            422, "validation", place);
    }
}

/* ---- card numbers ---- */

/* Test numbers that the schemes and gateways publish. */
static const char *const card_numbers[] = {
    "4242424242424242",    "5555555555554444",    "2223003122003222", "378282246310005",
    "6011111111111117",    "3566002020360505",    "30569309025904",   "6200000000000005",
    "4000 0566 5566 5556", "4242-4242-4242-4242",
};

static const struct {
    const char *name, *method, *path, *query, *body;
    struct http_header header;
    const char *place; /* with the number masked */
} places[] = {
    {"a field", "POST", "/v1/payments", "", "{\"order_id\":\"CARD\"}", {0}, "/order_id"},
    {"inside a text",
     "POST",
     "/v1/payments",
     "",
     "{\"description\":\"card CARD, thanks\"}",
     {0},
     "/description"},
    {"an unknown field", "POST", "/v1/payments", "", "{\"pan\":\"CARD\"}", {0}, "/pan"},
    {"nested", "POST", "/v1/payments", "", "{\"a\":{\"b\":[1,{\"c\":\"CARD\"}]}}", {0}, "/a/b/1/c"},
    {"metadata",
     "POST",
     "/v1/payments",
     "",
     "{\"metadata\":{\"note\":\"CARD\"}}",
     {0},
     "/metadata/note"},
    {"a token",
     "POST",
     "/v1/payments",
     "",
     "{\"tokens\":{\"stripe-a\":\"CARD\"}}",
     {0},
     "/tokens/stripe-a"},
    {"a key", "POST", "/v1/payments", "", "{\"metadata\":{\"CARD\":\"x\"}}", {0}, NULL},
    {"an array", "POST", "/v1/payments", "", "{\"items\":[\"x\",\"CARD\"]}", {0}, "/items/1"},
    {"a reason",
     "POST",
     "/v1/routing/fallback",
     "",
     "{\"reason\":\"CARD called\"}",
     {0},
     "/reason"},
    {"a password", "POST", "/v1/users", "", "{\"password\":\"CARD\"}", {0}, "/password"},
    {"the query", "GET", "/v1/payments", "order_id=CARD", NULL, {0}, "query"},
    {"a query nobody reads", "GET", "/v1/payments", "x=CARD", NULL, {0}, "query"},
    {"the path", "GET", "/v1/orders/CARD/status", "", NULL, {0}, "path"},
    {"a header", "GET", "/v1/payments", "", NULL, {"X-Note", "CARD"}, "X-Note"},
    {"a cookie", "GET", "/v1/payments", "", NULL, {"Cookie", "card=CARD"}, "Cookie"},
    {"the user agent", "GET", "/v1/payments", "", NULL, {"User-Agent", "shop CARD"}, "User-Agent"},
    {"the key",
     "POST",
     "/v1/routing/fallback",
     "",
     "{}",
     {"Idempotency-Key", "CARD"},
     "Idempotency-Key"},
};

/* `blank` is how a blank of the number is written: in a query never as itself. */
static char *with_card(const char *text, const char *number, const char *blank) {
    char **parts = g_strsplit(text != NULL ? text : "", "CARD", -1);
    char **words = g_strsplit(number, " ", -1);
    char *written = g_strjoinv(blank, words);
    char *whole = g_strjoinv(written, parts);
    g_free(written);
    g_strfreev(words);
    g_strfreev(parts);
    return whole;
}

static void a_card_number_is_refused_wherever_it_stands(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        for (size_t j = 0; j < COUNT_OF(card_numbers); j++) {
            const char *number = card_numbers[j];
            char *path = with_card(places[i].path, number, " ");
            char *query = with_card(places[i].query, number, j % 2 == 0 ? "+" : "%20");
            char *body = with_card(places[i].body, number, " ");
            char *value = with_card(places[i].header.value, number, " ");
            struct api_ask ask = {.method = places[i].method,
                                  .path = path,
                                  .query = query,
                                  .body = places[i].body != NULL ? body : NULL,
                                  .internal = true,
                                  .more = {{places[i].header.name, value}}};
            must_refuse(places[i].name, &ask, 422, "card-number", places[i].place);
            API_REPLY_AUTO reply;
            api_ask(&the_api, &ask, &reply);
            assert_null(strstr(reply.body, number));
            assert_null(strstr(reply.headers, number));
            g_free(path);
            g_free(query);
            g_free(body);
            g_free(value);
        }
    }
}

static void a_card_number_is_refused_however_the_query_writes_it(void **state) {
    (void)state;
    static const char *const rows[] = {
        "order_id=4000+0566+5566+5556",       "order_id=4000%200566%205566%205556",
        "order_id=%34242424242424242",        "x=1&order%5Fid=4242%2D4242-4242%2d4242",
        "x=%zz&order_id=4000+0566+5566+5556", "x%3D4242424242424242",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        must_refuse(
            rows[i],
            &(struct api_ask){
                .method = "GET", .path = "/v1/payments", .query = rows[i], .internal = true},
            422, "card-number", "query");
    }
}

static void a_card_number_as_a_number_is_refused_too(void **state) {
    (void)state;
    static const char *const rows[] = {"{\"amount\":4242424242424242}",
                                       "{\"metadata\":{\"a\":[4242424242424242]}}"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        must_refuse(rows[i], PAY(.body = rows[i]), 422, "card-number",
                    i == 0 ? "/amount" : "/metadata/a/0");
    }
}

static void no_card_number_gets_into_the_log(void **state) {
    (void)state;
    char path[160], *log = NULL;
    size_t count = 0;
    enum { LOG_BYTES_MAX = 4 * 1024 * 1024 };
    struct err err = {0};
    snprintf(path, sizeof path, "%s/log", the_api.folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    log_level_set(LOG_DEBUG);
    log_fd_set(fd);
    for (size_t j = 0; j < COUNT_OF(card_numbers); j++) {
        char *where = with_card("/v1/orders/CARD/status", card_numbers[j], " ");
        (void)api_status(&the_api, &(struct api_ask){.path = where, .key = "hk_wrong"});
        (void)api_status(&the_api, &(struct api_ask){.path = where, .internal = true});
        g_free(where);
    }
    log_fd_set(STDERR_FILENO);
    log_level_set(LOG_ERROR);
    close(fd);
    log = malloc(LOG_BYTES_MAX);
    assert_non_null(log);
    assert_int_equal(file_read(path, log, LOG_BYTES_MAX - 1, &count, &err), 0);
    log[count] = '\0';
    assert_non_null(strstr(log, "auth.refused"));
    for (size_t j = 0; j < COUNT_OF(card_numbers); j++) {
        assert_null(strstr(log, card_numbers[j]));
    }
    free(log);
}

static void sixteen_digits_that_are_no_card_number_are_an_order_id(void **state) {
    (void)state;
    static const char *const ids[] = {"4242424242424241", "1234567890123456",
                                      "2026-11-20-000123456789", "0000000000000000"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        API_REPLY_AUTO reply;
        api_pay(&the_api, ids[i], "", &reply);
        if (reply.status != 201) {
            fail_msg("%s: %s", ids[i], reply.body);
        }
    }
}

static void a_field_on_the_list_may_look_like_a_card_number(void **state) {
    (void)state;
    struct api own;
    api_start(&own, "payments: {card_number_allow: [\"/order_id\", \"/metadata/invoice\"]}\n",
              false);
    API_REPLY_AUTO paid;
    api_pay(&own, "4242424242424242", "\"metadata\":{\"invoice\":\"5555555555554444\"}", &paid);
    assert_int_equal(paid.status, 201);
    static const char *const elsewhere[] = {
        "\"description\":\"4242424242424242\"", "\"metadata\":{\"order_id\":\"4242424242424242\"}",
        "\"metadata\":{\"invoice\":\"x\",\"4242424242424242\":\"x\"}"};
    for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
        API_REPLY_AUTO reply;
        api_pay(&own, "4242424242424242", elsewhere[i], &reply);
        assert_int_equal(reply.status, 422);
        assert_string_equal(reply_problem(&reply), "card-number");
    }
    assert_int_equal(api_int(&own, "SELECT COUNT(*) FROM payment"), 1);
    api_stop(&own);
}

static int start(void **state) {
    (void)state;
    (void)the_api_start(NULL);
    API_REPLY_AUTO paid;
    API_REPLY_AUTO held;
    api_pay(&the_api, "paid", "", &paid);
    api_pay(&the_api, "held", "\"capture\":\"manual\"", &held);
    snprintf(payment_id, sizeof payment_id, "%s", reply_text(&paid, "id"));
    snprintf(held_id, sizeof held_id, "%s", reply_text(&held, "id"));
    return strcmp(reply_text(&paid, "state"), "succeeded") == 0 &&
                   strcmp(reply_text(&held, "state"), "authorized") == 0
               ? 0
               : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_one_strict_json_object),
        cmocka_unit_test(a_body_over_its_limit_is_not_looked_at),
        cmocka_unit_test(a_body_says_that_it_is_json),
        cmocka_unit_test(an_order_with_one_wrong_field_is_refused_at_that_field),
        cmocka_unit_test(free_texts_have_a_limit_in_number_and_in_all),
        cmocka_unit_test(what_the_rows_vary_is_a_good_order),
        cmocka_unit_test(the_largest_and_the_smallest_amount_are_taken),
        cmocka_unit_test(every_other_request_with_something_wrong_is_refused_where_it_is),
        cmocka_unit_test(a_query_is_refused_at_the_parameter_that_is_wrong),
        cmocka_unit_test(a_card_number_is_refused_wherever_it_stands),
        cmocka_unit_test(a_card_number_is_refused_however_the_query_writes_it),
        cmocka_unit_test(a_card_number_as_a_number_is_refused_too),
        cmocka_unit_test(no_card_number_gets_into_the_log),
        cmocka_unit_test(sixteen_digits_that_are_no_card_number_are_an_order_id),
        cmocka_unit_test(a_field_on_the_list_may_look_like_a_card_number),
    };
    return cmocka_run_group_tests(tests, start, the_api_stop);
}
