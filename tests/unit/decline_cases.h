/* SPDX-License-Identifier: Apache-2.0
 * decline_cases.h: reads a file of tests/cases/declines and holds an adapter to it: one case for
 * each row of its error table, from the gateway's words on the wire to the customer's sentence.
 *
 * A case is lines "name: value", ended by an empty line; lines that begin with # are remarks.
 *   row      the row's code in the adapter's table
 *   call     which operation was answered so: charge, capture, refund
 *   status   the HTTP status
 *   wire     the answer, or the part of it that the gateway's own program of cases fills in
 *   outcome, next, common, english, chinese   what must come of it */
#ifndef HOLDFAST_TESTS_DECLINE_CASES_H
#define HOLDFAST_TESTS_DECLINE_CASES_H

#include "gateway_fixture.h"

#include "gateway/common_codes.h"

enum { CASES_BYTES_MAX = 256 * 1024, CASE_LINES_MAX = 16, CASE_ROWS_MAX = 512 };

struct decline_case {
    char *names[CASE_LINES_MAX], *values[CASE_LINES_MAX];
    int count;
};

static inline const char *case_says(const struct decline_case *one, const char *name) {
    for (int i = 0; i < one->count; i++) {
        if (strcmp(one->names[i], name) == 0) {
            return one->values[i];
        }
    }
    fail_msg("case %s has no line \"%s\"", one->count > 0 ? one->values[0] : "?", name);
    return "";
}

/* Takes the next case out of `*text`, which is cut up. False: there is none. */
static inline bool case_next(char **text, struct decline_case *ret_case) {
    *ret_case = (struct decline_case){0};
    while (**text != '\0') {
        char *line = *text;
        size_t count = strcspn(line, "\n");
        *text = line + count + (line[count] == '\n');
        line[count] = '\0';
        if (line[0] == '\0' && ret_case->count > 0) {
            return true;
        }
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        char *colon = strstr(line, ": ");
        if (colon == NULL || ret_case->count == CASE_LINES_MAX) {
            fail_msg("no line of a case: %s", line);
        }
        *colon = '\0';
        ret_case->names[ret_case->count] = line;
        ret_case->values[ret_case->count++] = colon + 2;
    }
    return ret_case->count > 0;
}

/* What the adapter makes of the case. */
typedef struct gateway_result decline_case_fn(void *ctx, const struct decline_case *one);

/* Returns how much of the case does not hold. */
static inline int case_check(const struct decline_case *one, const struct gateway_result *result) {
    const struct common_code *code = common_code_find(result->common_code);
    const char *const pairs[][2] = {
        {"outcome", gateway_outcome_name(result->outcome)},
        {"next", advice_next(result->advice)},
        {"common", result->common_code},
        {"english", code->english},
        {"chinese", code->chinese},
    };
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        if (strcmp(case_says(one, pairs[i][0]), pairs[i][1]) != 0) {
            print_error("%s: %s is %s\n", case_says(one, "row"), pairs[i][0], pairs[i][1]);
            wrong++;
        }
    }
    return wrong;
}

/* Runs all cases of the file; each row of the table must have one, and each case a row. */
static inline void decline_cases_run(const struct gateway_adapter *adapter, const char *file,
                                     decline_case_fn *fn, void *ctx) {
    static char bytes[CASES_BYTES_MAX];
    char path[512];
    bool seen[CASE_ROWS_MAX] = {false};
    size_t count = 0;
    struct err err = {0};
    snprintf(path, sizeof path, "%s/cases/declines/%s", TESTS_DIR, file);
    if (file_read(path, bytes, sizeof bytes - 1, &count, &err) < 0) {
        fail_msg("%s: %s", path, err.detail);
    }
    bytes[count] = '\0';
    char *text = bytes;
    struct decline_case one;
    int wrong = 0;
    assert_true(adapter->error_count <= CASE_ROWS_MAX);
    while (case_next(&text, &one)) {
        const struct gateway_error *row = gateway_error_find(adapter, case_says(&one, "row"));
        if (row == NULL) {
            fail_msg("%s has no row %s", adapter->name, case_says(&one, "row"));
        }
        seen[row - adapter->errors] = true;
        struct gateway_result result = fn(ctx, &one);
        wrong += case_check(&one, &result);
    }
    assert_int_equal(wrong, 0);
    for (int i = 0; i < adapter->error_count; i++) {
        if (!seen[i]) {
            fail_msg("row %s of %s has no case", adapter->errors[i].code, adapter->name);
        }
    }
}

static inline enum gateway_operation case_call(const struct decline_case *one) {
    for (int i = OP_CHARGE; i < OP_COUNT; i++) {
        if (strcmp(operation_name((enum gateway_operation)i), case_says(one, "call")) == 0) {
            return (enum gateway_operation)i;
        }
    }
    fail_msg("%s: no such call", case_says(one, "row"));
    return OP_CHARGE;
}

#endif
