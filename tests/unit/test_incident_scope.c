/* SPDX-License-Identifier: Apache-2.0
 * test_incident_scope.c: what an incident is about, read, written, and as a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "incident/scope.h"

static int read_text(const char *text, struct incident_scope *scope, struct err *err) {
    JSON_AUTO json = NULL;
    assert_int_equal(json_read(text, strlen(text), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, err),
                     0);
    return scope_read(json, "/scope", scope, err);
}

static void test_goes_there_and_back(void **state) {
    static const char text[] = "{\"gateways\":[\"alipay-cn\",\"stripe-eu\"],\"methods\":[\"card\"],"
                               "\"regions\":[],\"currencies\":[\"CNY\"]}";
    struct incident_scope scope = {0};
    struct err err = {0};
    assert_int_equal(read_text(text, &scope, &err), 0);
    BUF_AUTO buf;
    buf_init(&buf, 4096);
    scope_write(&scope, &buf);
    assert_string_equal(buf.data, text);
    char list[SCOPE_LIST_BYTES_MAX];
    scope_list(&scope.gateways, list);
    assert_string_equal(list, ",alipay-cn,stripe-eu,");
    scope_list(&scope.regions, list);
    assert_string_equal(list, "");
    assert_true(scope_has(&scope.gateways, "stripe-eu"));
    assert_false(scope_has(&scope.gateways, "stripe"));
    assert_true(scope_has(&scope.regions, "CN"));
    /* Said twice: once. What is absent stays. */
    assert_int_equal(read_text("{\"methods\":[\"alipay\",\"alipay\"]}", &scope, &err), 0);
    assert_int_equal(scope.methods.count, 1);
    assert_int_equal(scope.gateways.count, 2);
}

static void test_refuses_and_changes_nothing(void **state) {
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"{\"gateways\":[\"a,b\"]}", "/scope/gateways/0"},
        {"{\"gateways\":[\"ok\",\"\"]}", "/scope/gateways/1"},
        {"{\"gateways\":[7]}", "/scope/gateways/0"},
        {"{\"methods\":[\"it's\"]}", "/scope/methods/0"},
        {"{\"regions\":[\"01234567890123456789012345678901234567890\"]}", "/scope/regions/0"},
        {"{\"cities\":[]}", "/scope/cities"},
        {"{\"methods\":\"card\"}", "/scope/methods"},
        {"{\"gateways\":[\"new\"],\"methods\":[\"%\"]}", "/scope/methods/0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct incident_scope scope = {0};
        struct err err = {0};
        assert_int_equal(scope_add(&scope.gateways, "kept", &err), 0);
        assert_int_equal(read_text(cases[i].text, &scope, &err), -ERR_VALIDATION);
        assert_string_equal(err.place, cases[i].place);
        assert_int_equal(scope.gateways.count, 1);
        assert_string_equal(scope.gateways.names[0], "kept");
    }
}

static void test_has_room_for_so_many(void **state) {
    struct scope_names names = {0};
    struct err err = {0};
    for (int i = 0; i < SCOPE_NAMES_MAX; i++) {
        char name[SCOPE_NAME_CHARS_MAX + 1];
        memset(name, 'x', SCOPE_NAME_CHARS_MAX);
        snprintf(name + SCOPE_NAME_CHARS_MAX - 2, 3, "%02d", i);
        assert_int_equal(scope_add(&names, name, &err), 0);
    }
    assert_int_equal(scope_add(&names, "more", &err), -ERR_VALIDATION);
    char list[SCOPE_LIST_BYTES_MAX];
    scope_list(&names, list);
    assert_int_equal(strlen(list), SCOPE_LIST_BYTES_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_there_and_back),
        cmocka_unit_test(test_refuses_and_changes_nothing),
        cmocka_unit_test(test_has_room_for_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
