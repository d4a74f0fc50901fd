/* SPDX-License-Identifier: Apache-2.0
 * oracle_fraud.c: what the fraud rules let through, counted once more from the stories: who was
 * denied reached no gateway, and nobody paid more often than was allowed. */
#include "sim/oracle_impl.h"

#include <string.h>

#include "base/json.h"

#define DAY_US (24 * 3600 * US_PER_SECOND)

static bool decided(const json_t *check, const char *action) {
    return strcmp(oracle_text(check, "action"), action) == 0;
}

/* The customer has paid by a way that was allowed, though it counted as closed and the next one was
 * denied (decision 0016). */
static bool paid_before(const json_t *story) {
    const json_t *check, *checks = json_object_get(story, "risk");
    size_t i, allowed = 0;
    json_array_foreach((json_t *)checks, i, check) {
        allowed += !decided(check, "deny");
    }
    return strcmp(oracle_text(json_object_get(story, "payment"), "state"), "succeeded") == 0 &&
           allowed > 0 && json_array_size(json_object_get(story, "attempts")) <= allowed;
}

/* The last decision of a payment: a denial ended it, and it has no attempt that an earlier one did
 * not allow. */
static void check_denied(struct run *run, const char *id, const json_t *story) {
    const json_t *checks = json_object_get(story, "risk");
    const json_t *payment = json_object_get(story, "payment");
    const char *code = json_peek_text(payment, "failure", "code", NULL);
    size_t count = json_array_size(checks);
    if (strcmp(oracle_text(payment, "method"), "manual") == 0) {
        return; /* two persons have looked */
    }
    if (count == 0) {
        run_fail(run, "PAY-10", id, "it was never checked");
        return;
    }
    if (!decided(json_array_get(checks, count - 1), "deny")) {
        return;
    }
    bool ended = strcmp(oracle_text(payment, "state"), "failed") == 0 && code != NULL &&
                 strcmp(code, "declined_by_fraud_rules") == 0;
    if ((!ended && !paid_before(story)) ||
        (count == 1 && json_array_size(json_object_get(story, "attempts")) > 0)) {
        run_fail(run, "PAY-10", id, "it was denied, and is %s after %zu attempts",
                 oracle_text(payment, "state"),
                 json_array_size(json_object_get(story, "attempts")));
    }
}

/* One that was let through, with those of the same customer in the day before it. */
static void check_often(struct end *end, const char *id, const json_t *story, int64_t at_us) {
    const char *customer = json_peek_text(story, "payment", "customer", "id", NULL);
    const char *other;
    json_t *others, *check;
    size_t i;
    int let_through = 0;
    json_object_foreach(end->stories, other, others) {
        const char *whose = json_peek_text(others, "payment", "customer", "id", NULL);
        if (customer == NULL || whose == NULL || strcmp(customer, whose) != 0) {
            continue;
        }
        json_array_foreach(json_object_get(others, "risk"), i, check) {
            int64_t then_us = 0;
            bool read = clock_parse(oracle_text(check, "at"), &then_us);
            let_through += read && decided(check, "allow") && then_us <= at_us &&
                           then_us > at_us - DAY_US;
        }
    }
    if (let_through > RUN_PAYMENTS_ALLOWED) {
        run_fail(end->run, "PAY-10", id, "%s was let through %d times in a day, %d are allowed",
                 customer, let_through, RUN_PAYMENTS_ALLOWED);
    }
}

void check_fraud(struct end *end) {
    struct run *run = end->run;
    const char *id;
    json_t *story, *check;
    size_t i;
    if (!run_sees(run, SEE_FRAUD_RULES)) {
        return;
    }
    json_object_foreach(end->stories, id, story) {
        check_denied(run, id, story);
        /* A clock that jumps makes days longer and shorter (risk/README.md). */
        bool counts = !run_sees(run, SEE_CLOCK) &&
                      !json_is_true(json_peek(story, "payment", "customer", "vip", NULL));
        json_array_foreach(json_object_get(story, "risk"), i, check) {
            int64_t at_us = 0;
            if (counts && decided(check, "allow") &&
                clock_parse(oracle_text(check, "at"), &at_us)) {
                check_often(end, id, story, at_us);
            }
        }
    }
}
