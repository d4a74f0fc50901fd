/* SPDX-License-Identifier: Apache-2.0
 * test_openapi.c: the contract that is built into the program names every route and every problem.
 * tests/contract reads it as YAML and holds it against a running service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/front.h"
#include "api/openapi.h"
#include "base/file.h"

/* A line of the contract, without its indentation. */
static bool has_line(const char *line) {
    size_t count = strlen(line);
    for (const char *at = openapi_text; at != NULL; at = strchr(at, '\n')) {
        at += strspn(at, "\n ");
        if (strncmp(at, line, count) == 0 && (at[count] == '\n' || at[count] == '\0')) {
            return true;
        }
    }
    return false;
}

static void every_route_is_in_the_contract_under_its_name(void **state) {
    (void)state;
    for (int i = 0; i < front_route_count(); i++) {
        struct front_route route;
        char operation[80], path[200], quoted[200];
        front_route(i, &route);
        snprintf(operation, sizeof operation, "operationId: %s", route.operation);
        snprintf(path, sizeof path, "%s:", route.path);
        snprintf(quoted, sizeof quoted, "'%s':", route.path);
        if (!has_line(operation) || (!has_line(path) && !has_line(quoted))) {
            fail_msg("%s %s (%s) is not in api/openapi.yaml", route.method, route.path,
                     route.operation);
        }
    }
}

static void every_operation_of_the_contract_is_a_route(void **state) {
    (void)state;
    static const char mark[] = "operationId: ";
    int operations = 0;
    for (const char *at = strstr(openapi_text, mark); at != NULL; at = strstr(at + 1, mark)) {
        operations++;
    }
    assert_int_equal(operations, front_route_count());
}

static void every_problem_is_in_the_contract(void **state) {
    (void)state;
    static const struct {
        const char *type;
        int status;
    } problems[] = {
#define X(name, number, status, type, retry, title) {type, status},
#include "base/errors.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(problems); i++) {
        char row[120];
        snprintf(row, sizeof row, "- `%s` %d: ", problems[i].type, problems[i].status);
        if (strstr(openapi_text, row) == NULL) {
            fail_msg("%s is not among the contract's problems", problems[i].type);
        }
    }
}

static void what_is_built_in_is_the_file(void **state) {
    (void)state;
    enum { BYTES_MAX = 1024 * 1024 };
    char *file = malloc(BYTES_MAX);
    size_t count = 0;
    struct err err = {0};
    assert_non_null(file);
    assert_int_equal(file_read(TESTS_DIR "/../api/openapi.yaml", file, BYTES_MAX, &count, &err), 0);
    assert_int_equal(count, openapi_bytes);
    assert_memory_equal(file, openapi_text, count);
    assert_int_equal(openapi_text[openapi_bytes], '\0');
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_in_the_contract_under_its_name),
        cmocka_unit_test(every_operation_of_the_contract_is_a_route),
        cmocka_unit_test(every_problem_is_in_the_contract),
        cmocka_unit_test(what_is_built_in_is_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
