/* SPDX-License-Identifier: Apache-2.0
 * handlers_fees.c: what a gateway keeps, as it was agreed. */
#include "api/read.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "recon/fee_look.h"

struct texts {
    char currency[QUERY_CHARS_MAX], method[QUERY_CHARS_MAX], region[QUERY_CHARS_MAX];
    char statement_method[QUERY_CHARS_MAX], kind[QUERY_CHARS_MAX];
};

static int read_words(const struct texts *texts, struct fee_case *asked, struct err *err) {
    if (texts->kind[0] != '\0' && !fee_kind_parse(texts->kind, &asked->kind)) {
        (void)err_set(err, ERR_VALIDATION, "there is no kind \"%.40s\"", texts->kind);
        (void)err_place(err, "kind");
        return err_hint(err, "One of: charge, refund, dispute.");
    }
    if (texts->method[0] != '\0' && !method_parse(texts->method, &asked->method)) {
        (void)err_set(err, ERR_VALIDATION, "there is no method \"%.40s\"", texts->method);
        return err_place(err, "method");
    }
    if (asked->amount_minor == 0 && texts->currency[0] == '\0') {
        return 0;
    }
    int r = currency_parse(texts->currency, &asked->currency, err);
    if (r < 0) {
        (void)err_place(err, "currency");
    }
    return r;
}

/* 1: an amount is asked about; 0: the lines alone. */
static int read_case(const struct ask *ask, struct texts *texts, struct fee_case *asked,
                     struct err *err) {
    asked->charge_fee_minor = -1;
    asked->at_us = clock_wall_us();
    int r = read_query_text(ask, "currency", texts->currency, err);
    r = r < 0 ? r : read_query_text(ask, "method", texts->method, err);
    r = r < 0 ? r : read_query_text(ask, "region", texts->region, err);
    r = r < 0 ? r : read_query_text(ask, "statement_method", texts->statement_method, err);
    r = r < 0 ? r : read_query_text(ask, "kind", texts->kind, err);
    r = r < 0 ? r : read_query_since(ask, "at", &asked->at_us, err);
    r = r < 0 ? r : read_query_int(ask, "amount", 1, AMOUNT_MINOR_MAX, &asked->amount_minor, err);
    r = r < 0 ? r
              : read_query_int(ask, "charge_amount", 1, AMOUNT_MINOR_MAX, &asked->charge_minor,
                               err);
    r = r < 0 ? r : read_words(texts, asked, err);
    asked->charge_at_us = asked->at_us;
    asked->region = texts->region;
    asked->statement_method = texts->statement_method;
    return r < 0 ? r : asked->amount_minor > 0;
}

int gateway_fees_get(struct ask *ask, struct err *err) {
    struct texts texts = {.currency = ""};
    struct fee_case asked = {.kind = FEE_OF_CHARGE};
    int r = read_case(ask, &texts, &asked, err);
    return r < 0 ? r
                 : fees_look(ask->service->recon, ask->param, r > 0 ? &asked : NULL, &ask->answer,
                             err);
}
