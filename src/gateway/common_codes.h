/* SPDX-License-Identifier: Apache-2.0
 * common_codes.h: what the codes mean that every adapter's error table translates into: what the
 * customer is told in his language, what may be done, and how the card networks count it.
 * Threads: any; all of it is constant. */
#ifndef HOLDFAST_GATEWAY_COMMON_CODES_H
#define HOLDFAST_GATEWAY_COMMON_CODES_H

#include "gateway/gateway.h"

/* How a network counts the decline of a card (Visa's categories of response codes). Stored. */
enum network_category {
    NETWORK_NONE = 0,    /* no card was asked */
    NETWORK_NEVER = 1,   /* the issuer will never approve: not asked again */
    NETWORK_LATER = 2,   /* it cannot approve now */
    NETWORK_DATA = 3,    /* what was entered is wrong */
    NETWORK_GENERIC = 4, /* anything else */
};

struct common_code {
    const char *code;
    enum gateway_advice advice;
    unsigned also; /* bits 1 << ADVICE_… that rows of a table may give instead */
    enum network_category network;
    int64_t again_us;              /* ADVICE_LATER: worth a try so long after; 0: not known */
    const char *english, *chinese; /* what is to be done next */
    /* The same for a payment that failed by it: that nothing was taken, first. */
    const char *failed_english, *failed_chinese;
};
/* The row of that code; of one that is not listed that of "declined". */
const struct common_code *common_code_find(const char *code);
/* NULL when it is not listed. */
const struct common_code *common_code_listed(const char *code);
/* By number, for whoever walks them all. */
const struct common_code *common_code_at(int number); /* NULL: there are no more */
/* "never", "later", "other_method", "ask_customer", as the API says them. */
const char *advice_next(enum gateway_advice advice);

#endif
