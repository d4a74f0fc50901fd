/* SPDX-License-Identifier: Apache-2.0
 * common_codes.c: looks into the table of common codes. */
#include "gateway/common_codes.h"

#include <string.h>

#include "base/clock.h"

enum {
    A_STOP = 1 << ADVICE_STOP,
    A_LATER = 1 << ADVICE_LATER,
    A_ELSEWHERE = 1 << ADVICE_ELSEWHERE,
    A_CUSTOMER = 1 << ADVICE_CUSTOMER,
};
#define FAILED_ENGLISH "Your payment did not go through. No money was taken. "
#define FAILED_CHINESE "您的付款未成功,没有扣款。"

static const struct common_code codes[] = {
#define X(code, advice, also, network, again_s, english, chinese)                                  \
    {code,                                                                                         \
     ADVICE_##advice,                                                                              \
     also,                                                                                         \
     NETWORK_##network,                                                                            \
     (again_s)*US_PER_SECOND,                                                                      \
     english,                                                                                      \
     chinese,                                                                                      \
     FAILED_ENGLISH english,                                                                       \
     FAILED_CHINESE chinese},
#include "gateway/common_codes.def"
#undef X
};

static const char *const nexts[] = {
    [ADVICE_STOP] = "never",
    [ADVICE_LATER] = "later",
    [ADVICE_ELSEWHERE] = "other_method",
    [ADVICE_CUSTOMER] = "ask_customer",
};

const struct common_code *common_code_at(int number) {
    return number >= 0 && (size_t)number < COUNT_OF(codes) ? &codes[number] : NULL;
}

const struct common_code *common_code_listed(const char *code) {
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return &codes[i];
        }
    }
    return NULL;
}

const struct common_code *common_code_find(const char *code) {
    const struct common_code *row = common_code_listed(code);
    row = row != NULL ? row : common_code_listed("declined");
    INVARIANT(row != NULL, "the table of common codes has lost a row that the program needs");
    return row;
}

const char *advice_next(enum gateway_advice advice) {
    return (size_t)advice < COUNT_OF(nexts) ? nexts[advice] : "";
}
