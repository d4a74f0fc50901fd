/* SPDX-License-Identifier: Apache-2.0
 * inquiries.c: every repeat and question about what nobody knew, with what was said. They are kept
 * with the payment for ever: the schedule of the resolver bounds how many there are. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "payment/internal.h"

void inquiry_note(struct inquiries *inquiries, const char *source,
                  const struct gateway_result *result) {
    INVARIANT(inquiries->count < INQUIRIES_MAX, "more questions than one look asks");
    struct inquiry *inquiry = &inquiries->list[inquiries->count++];
    *inquiry = (struct inquiry){
        .at_us = clock_wall_us() - result->duration_us,
        .source = source,
        .outcome = result->outcome,
        .http_status = result->http_status,
        .duration_us = result->duration_us,
    };
    /* When nobody answered, how the call failed is all there is to say. */
    bool silent = result->code[0] == '\0' && result->failure != HTTP_FAIL_NONE;
    snprintf(inquiry->code, sizeof inquiry->code, "%s",
             silent ? http_failure_name(result->failure) : result->code);
}

int inquiries_write(struct store_tx *tx, const struct inquiries *inquiries,
                    const struct inquiry_about *about, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < inquiries->count; i++) {
        const struct inquiry *inquiry = &inquiries->list[i];
        struct inquiry_id id = inquiry_id_new();
        r = sql_put(tx, err,
                    "INSERT INTO inquiry (id, payment_id, attempt_id, operation_id, gateway, "
                    "at_us, source, outcome, code, http_status, duration_us) VALUES ($1, $2, $3, "
                    "$4, $5, $6, $7, $8, $9, $10, $11)",
                    S_TEXT(id.text), S_TEXT(about->payment_id), S_TEXT(about->attempt_id),
                    S_TEXT(about->operation_id), S_TEXT(about->gateway), S_INT(inquiry->at_us),
                    S_TEXT(inquiry->source), S_INT(inquiry->outcome), S_TEXT(inquiry->code),
                    S_INT(inquiry->http_status), S_INT(inquiry->duration_us));
    }
    return r;
}
