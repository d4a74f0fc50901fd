/* SPDX-License-Identifier: Apache-2.0
 * test_observe_map.c: lines of logs become observations as a map says; what a map or a line says
 * wrong is refused with its place. The maps that ship read what they are for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/pan.h"
#include "cli/observe_map.h"

static struct observe_map *map;

static int forget(void **state) {
    (void)state;
    observe_map_free(map);
    map = NULL;
    return 0;
}

static void read_map(const char *text) {
    struct err err = {0};
    forget(NULL);
    if (observe_map_read("map.yaml", text, strlen(text), &map, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

/* What the line becomes, as sorted JSON; "" when it is not meant. */
static void becomes(const char *line, const char *want) {
    struct err err = {0};
    json_t *made = NULL;
    if (observe_map_line(map, line, strlen(line), &made, &err) < 0) {
        fail_msg("%s: %s: %s", line, err.place, err.detail);
    }
    char *text = made != NULL ? json_dumps(made, JSON_SORT_KEYS | JSON_COMPACT) : strdup("");
    assert_string_equal(text, want);
    free(text);
    json_decref(made);
}

static void is_refused(const char *line, const char *place, const char *detail) {
    struct err err = {0};
    json_t *made = NULL;
    assert_true(observe_map_line(map, line, strlen(line), &made, &err) < 0);
    assert_null(made);
    assert_string_equal(err.place, place);
    assert_string_equal(err.detail, detail);
}

#define NEEDED "  - {to: gateway, always: own}\n  - {to: outcome, always: ok}\n"
#define OUT "{\"gateway\":\"own\",\"outcome\":\"ok\""

static void json_lines_become_observations(void **state) {
    (void)state;
    read_map("format: json\nonly:\n  - {field: type, is: [sale, refund]}\n"
             "  - {field: live, is: [\"true\"]}\nfields:\n"
             "  - {to: gateway, field: via.name, letters: lower}\n"
             "  - to: outcome\n    field: status\n    words:\n"
             "      - {from: 200, to: 299, says: ok}\n      - {is: \"402\", says: declined}\n"
             "    otherwise: failed\n"
             "  - {to: type, field: type, words: [{is: sale, says: payment}, {is: refund, says: "
             "refund}]}\n"
             "  - {to: amount, field: sums.0, unit: major}\n"
             "  - {to: currency, field: currency, letters: upper}\n"
             "  - {to: duration_ms, field: took, unit: s}\n"
             "  - {to: at, field: at, time: unix_ms}\n");
    becomes("{\"type\":\"sale\",\"live\":true,\"via\":{\"name\":\"Adyen\"},\"status\":204,"
            "\"sums\":[19.99,3],\"currency\":\"eur\",\"took\":0.4126,\"at\":1763625600123}",
            "{\"amount\":1999,\"at\":\"2025-11-20T08:00:00.123Z\",\"currency\":\"EUR\","
            "\"duration_ms\":413,\"gateway\":\"adyen\",\"outcome\":\"ok\",\"type\":\"payment\"}");
    becomes("{\"type\":\"refund\",\"live\":true,\"via\":{\"name\":\"a\"},\"status\":\"402\","
            "\"sums\":[],\"took\":null}",
            "{\"gateway\":\"a\",\"outcome\":\"declined\",\"type\":\"refund\"}");
    becomes("{\"type\":\"sale\",\"live\":true,\"via\":{\"name\":\"a\"},\"status\":\"timeout\","
            "\"currency\":\"JPY\",\"sums\":[\"500\"]}",
            "{\"amount\":500,\"currency\":\"JPY\",\"gateway\":\"a\",\"outcome\":\"failed\","
            "\"type\":\"payment\"}");
    becomes("{\"type\":\"login\",\"live\":true}", "");
    becomes("{\"type\":\"sale\",\"live\":false}", "");
    becomes("{}", "");
    becomes(" \t", "");
}

static void what_a_line_says_wrong_has_its_place(void **state) {
    (void)state;
    read_map("format: json\nfields:\n  - {to: gateway, field: g}\n"
             "  - {to: outcome, field: s, words: [{is: \"1\", says: ok}, {from: 5, to: 9, says: "
             "failed}]}\n"
             "  - {to: amount, field: a}\n  - {to: currency, field: c}\n"
             "  - {to: duration_ms, field: d, unit: us}\n"
             "  - {to: at, field: t, time: YYYY-MM-DD hh:mm:ss, zone: Asia/Shanghai}\n");
    becomes("{\"g\":\"x\",\"s\":1,\"a\":12,\"c\":\"CNY\",\"d\":1499,\"t\":\"2025-11-20 16:00:00\"}",
            "{\"amount\":12,\"at\":\"2025-11-20T08:00:00Z\",\"currency\":\"CNY\",\"duration_ms\":1,"
            "\"gateway\":\"x\",\"outcome\":\"ok\"}");
    is_refused("{\"s\":1}", "g", "it is not there, or empty");
    is_refused("{\"g\":\"\",\"s\":1}", "g", "it is not there, or empty");
    is_refused("{\"g\":\"x\",\"s\":\"4\"}", "s", "\"4\" is none of the map's words");
    is_refused("{\"g\":\"x\",\"s\":{}}", "s", "it is no text and no number");
    is_refused("{\"g\":\"x\",\"s\":1,\"a\":12}", "a", "an amount needs a currency");
    is_refused("{\"g\":\"x\",\"s\":1,\"a\":1,\"c\":\"ZZZ\"}", "a", "an amount needs a currency");
    is_refused("{\"g\":\"x\",\"s\":1,\"a\":-1,\"c\":\"EUR\"}", "a", "\"-1\" is less than nothing");
    is_refused("{\"g\":\"x\",\"s\":1,\"d\":\"fast\"}", "d", "\"fast\" is no number");
    is_refused("{\"g\":\"x\",\"s\":1,\"d\":\"nan\"}", "d", "\"nan\" is no number");
    is_refused("[1]", "", "the line is no JSON object");
    is_refused("{\"g\" 1}", "column 6", "this is not JSON");
    struct err err = {0};
    json_t *made = NULL;
    static const char pan[] = "{\"g\":\"x\",\"s\":\"4242424242424242\"}";
    assert_true(observe_map_line(map, pan, strlen(pan), &made, &err) < 0);
    assert_null(strstr(err.detail, "424242424242"));
    static const char fraction[] = "{\"g\":\"x\",\"s\":1,\"a\":19.99,\"c\":\"EUR\"}";
    assert_true(observe_map_line(map, fraction, strlen(fraction), &made, &err) < 0);
    assert_non_null(strstr(err.hint, "unit: major"));
    static const char day[] = "{\"g\":\"x\",\"s\":1,\"t\":\"2025-02-30 00:00:00\"}";
    assert_true(observe_map_line(map, day, strlen(day), &made, &err) < 0);
    assert_string_equal(err.place, "t");
}

static void a_csv_is_read_by_its_first_line(void **state) {
    (void)state;
    struct err err = {0};
    read_map("format: csv\ndelimiter: semicolon\nonly:\n  - {field: kind, is: [pay]}\nfields:\n"
             "  - {to: gateway, field: gateway}\n"
             "  - {to: outcome, field: result, words: [{is: \"Y\", says: ok}, {is: \"N\", says: "
             "declined}]}\n"
             "  - {to: code, field: why}\n");
    assert_true(observe_map_has_header(map));
    static const char head[] = "\xEF\xBB\xBFgateway;kind; why ;result";
    assert_return_code(observe_map_header(map, head, strlen(head), &err), 0);
    becomes("a;pay;;Y", "{\"gateway\":\"a\",\"outcome\":\"ok\"}");
    becomes("\"b\";pay;\"do;not\";N",
            "{\"code\":\"do;not\",\"gateway\":\"b\",\"outcome\":\"declined\"}");
    becomes("a;look;;Y", "");
    becomes("a", ""); /* its kind is empty */
    is_refused("a;pay;x", "result", "it is not there, or empty");
    static const char other[] = "result;why;kind;gateway"; /* the next file has another order */
    assert_return_code(observe_map_header(map, other, strlen(other), &err), 0);
    becomes("Y;;pay;a", "{\"gateway\":\"a\",\"outcome\":\"ok\"}");
    static const char without[] = "result;why;gateway", twice[] = "result;kind;why;kind;gateway";
    assert_int_equal(observe_map_header(map, without, strlen(without), &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "kind");
    assert_int_equal(observe_map_header(map, twice, strlen(twice), &err), -ERR_VALIDATION);
    assert_string_equal(err.detail, "two columns are called so");
}

static void what_a_map_says_wrong_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"format: json\nfields:\n  - {to: gateway, always: x}\n", "every observation needs it"},
        {"format: json\nfields:\n  - {to: outcome, always: ok}\n", "every observation needs it"},
        {"format: json\nfields:\n" NEEDED "  - {to: gateway, always: y}\n", "it is there twice"},
        {"format: json\nfields:\n" NEEDED "  - {to: id}\n", "one of the two"},
        {"format: json\nfields:\n" NEEDED "  - {to: id, field: a, always: b}\n", "one of the two"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, always: b, words: [{is: a, says: b}]}\n",
         "has no words"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, field: b, otherwise: x}\n",
         "there are none"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, field: b, time: unix_s}\n",
         "only `at` has a time"},
        {"format: json\nfields:\n" NEEDED "  - {to: at, field: b, zone: UTC}\n",
         "a zone is for a time"},
        {"format: json\nfields:\n" NEEDED "  - {to: at, field: b, time: hh}\n", ""},
        {"format: json\nfields:\n" NEEDED "  - {to: at, field: b, time: unix_s, zone: Mars/Base}\n",
         "Mars/Base"},
        {"format: json\nfields:\n" NEEDED "  - {to: at, always: now}\n", "not always the same"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, field: b, unit: major}\n",
         "only an amount"},
        {"format: json\nfields:\n" NEEDED "  - {to: amount, field: b, unit: s}\n",
         "only duration_ms"},
        {"format: json\nfields:\n" NEEDED "  - {to: amount, field: b}\n", "needs its currency"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, field: b, words: [{says: x}]}\n",
         "has either"},
        {"format: json\nfields:\n" NEEDED
         "  - {to: code, field: b, words: [{is: a, from: 1, to: 2, says: x}]}\n",
         "has either"},
        {"format: json\nfields:\n" NEEDED "  - {to: code, field: b, words: [{from: 1, says: x}]}\n",
         "from` the smaller"},
        {"format: json\nfields:\n" NEEDED
         "  - {to: code, field: b, words: [{from: 2, to: 1, says: x}]}\n",
         "from` the smaller"},
        {"format: json\nfields:\n" NEEDED
         "  - {to: code, field: b, words: [{is: a, says: x}, {is: a, says: y}]}\n",
         "there twice"},
        {"format: json\nfields:\n  - {to: gateway, always: x}\n  - {to: outcome, always: good}\n",
         "\"good\" is none of ok"},
        {"format: json\nfields:\n" NEEDED "  - {to: type, always: sale}\n",
         "\"sale\" is none of payment"},
        {"format: json\ndelimiter: comma\nfields:\n" NEEDED, "only a csv has a delimiter"},
        {"format: xml\nfields:\n" NEEDED, ""},
        {"format: json\nfields:\n" NEEDED "extra: 1\n", ""},
        {"format: json\n", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        int r = observe_map_read("map.yaml", rows[i].text, strlen(rows[i].text), &map, &err);
        if (r != -ERR_CONFIG || strstr(err.detail, rows[i].says) == NULL ||
            strncmp(err.place, "map.yaml", 8) != 0) {
            fail_msg("row %zu: %s at %s", i, err.detail, err.place);
        }
    }
}

static void the_maps_that_ship_read_what_they_are_for(void **state) {
    (void)state;
    struct err err = {0};
    static const char *const names[] = {TESTS_DIR "/../deploy/observe/stripe-events.yaml",
                                        TESTS_DIR "/../deploy/observe/nginx-json.yaml"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        forget(NULL);
        if (observe_map_load(names[i], &map, &err) < 0) {
            fail_msg("%s: %s", err.place, err.detail);
        }
        if (i == 0) {
            becomes("{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"charge.failed\",\"created\":"
                    "1763625600,\"data\":{\"object\":{\"id\":\"ch_1\",\"amount\":1999,\"currency\":"
                    "\"eur\",\"customer\":\"cus_9\",\"failure_code\":\"card_declined\",\"outcome\":"
                    "{\"type\":\"issuer_declined\"},\"payment_method_details\":{\"type\":\"card\"},"
                    "\"billing_details\":{\"address\":{\"country\":\"DE\"}}}}}",
                    "{\"amount\":1999,\"at\":\"2025-11-20T08:00:00Z\",\"code\":\"card_declined\","
                    "\"currency\":\"EUR\",\"customer\":\"cus_9\",\"gateway\":\"stripe-own\",\"id\":"
                    "\"ch_1\",\"method\":\"card\",\"outcome\":\"declined\",\"region\":\"DE\"}");
            becomes("{\"type\":\"invoice.paid\",\"created\":1763625600}", "");
        } else {
            becomes("{\"id\":\"f3\",\"time\":\"2025-11-20T16:00:00+08:00\",\"uri\":"
                    "\"/checkout/pay\",\"method\":\"POST\",\"status\":502,\"seconds\":3.004,"
                    "\"gateway\":\"adyen\",\"country\":\"\"}",
                    "{\"at\":\"2025-11-20T16:00:00+08:00\",\"code\":\"502\",\"duration_ms\":3004,"
                    "\"gateway\":\"adyen\",\"id\":\"f3\",\"outcome\":\"failed\"}");
            becomes("{\"uri\":\"/cart\",\"method\":\"GET\"}", "");
        }
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(json_lines_become_observations),   TEST(what_a_line_says_wrong_has_its_place),
        TEST(a_csv_is_read_by_its_first_line),  TEST(what_a_map_says_wrong_is_refused),
        TEST(the_maps_that_ship_read_what_they_are_for),
    };
    return cmocka_run_group_tests_name("observe_map", tests, NULL, NULL);
}
