/* SPDX-License-Identifier: Apache-2.0
 * test_common_codes.c: the codes that all gateways' tables translate into, and what is said of
 * each. That each is used somewhere is asked of the sources: common_codes.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common_codes.h"
#include "gateway/registry.h"

static const char *const adapter_names[] = {
#define X(folder, email, phone, status_page) #folder,
#include "gateway/adapters.def"
#undef X
};

static const struct gateway_adapter *adapter(size_t i) {
    const struct gateway_adapter *found = adapter_find(adapter_names[i]);
    if (found == NULL) {
        fail_msg("there is no adapter %s", adapter_names[i]);
    }
    return found;
}

static void every_row_of_every_table_gives_a_listed_code(void **state) {
    for (size_t a = 0; a < COUNT_OF(adapter_names); a++) {
        for (int i = 0; i < adapter(a)->error_count; i++) {
            const struct gateway_error *row = &adapter(a)->errors[i];
            if (common_code_listed(row->common_code) == NULL) {
                fail_msg("%s: %s gives %s", adapter(a)->name, row->code, row->common_code);
            }
        }
    }
}

static void a_row_advises_what_its_code_does_or_what_the_code_lets_it(void **state) {
    for (size_t a = 0; a < COUNT_OF(adapter_names); a++) {
        for (int i = 0; i < adapter(a)->error_count; i++) {
            const struct gateway_error *row = &adapter(a)->errors[i];
            const struct common_code *code = common_code_find(row->common_code);
            if (row->advice != code->advice && (code->also & 1U << row->advice) == 0) {
                fail_msg("%s: %s (%s) advises %s, its code %s", adapter(a)->name, row->code,
                         row->common_code, advice_next(row->advice), advice_next(code->advice));
            }
        }
    }
}

static void what_a_code_lets_rows_advise_some_row_does(void **state) {
    const struct common_code *code;
    for (int c = 0; (code = common_code_at(c)) != NULL; c++) {
        unsigned seen = 0;
        for (size_t a = 0; a < COUNT_OF(adapter_names); a++) {
            for (int i = 0; i < adapter(a)->error_count; i++) {
                const struct gateway_error *row = &adapter(a)->errors[i];
                seen |= strcmp(row->common_code, code->code) == 0 ? 1U << row->advice : 0;
            }
        }
        if ((code->also & ~seen) != 0 || (code->also & 1U << code->advice) != 0) {
            fail_msg("%s lets rows advise what none does", code->code);
        }
    }
}

static void every_code_is_listed_once_with_sentences_that_end(void **state) {
    const struct common_code *code;
    for (int c = 0; (code = common_code_at(c)) != NULL; c++) {
        assert_ptr_equal(common_code_listed(code->code), code);
        assert_true(strlen(code->code) <= GATEWAY_CODE_CHARS_MAX);
        assert_int_equal(strspn(code->code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code->code));
        size_t english = strlen(code->english), chinese = strlen(code->chinese);
        assert_true(english > 0 && code->english[english - 1] == '.');
        if (chinese < 4 || strcmp(code->chinese + chinese - 3, "\xE3\x80\x82") != 0) {
            fail_msg("%s has no Chinese sentence", code->code);
        }
        assert_int_equal(strncmp(code->failed_english, "Your payment did not go through.", 32), 0);
        assert_string_equal(code->failed_english + strlen(code->failed_english) - english,
                            code->english);
        assert_string_equal(code->failed_chinese + strlen(code->failed_chinese) - chinese,
                            code->chinese);
    }
}

/* A customer is told what he can do, not who works for us. */
static void no_sentence_names_a_gateway_or_a_code(void **state) {
    static const char *const internals[] = {"Stripe",  "PayPal",  "Alipay", "WeChat", "UnionPay",
                                            "gateway", "Gateway", "API",    "token",  "_",
                                            "支付宝",  "微信",    "银联",   "网关"};
    const struct common_code *code;
    for (int c = 0; (code = common_code_at(c)) != NULL; c++) {
        for (size_t i = 0; i < COUNT_OF(internals); i++) {
            if (strstr(code->english, internals[i]) != NULL ||
                strstr(code->chinese, internals[i]) != NULL) {
                fail_msg("%s tells the customer of %s", code->code, internals[i]);
            }
        }
    }
}

static void only_what_may_pass_later_has_a_time(void **state) {
    const struct common_code *code;
    for (int c = 0; (code = common_code_at(c)) != NULL; c++) {
        assert_true(code->again_us >= 0);
        assert_true(code->again_us == 0 || code->advice == ADVICE_LATER);
    }
    assert_true(common_code_find("insufficient_funds")->again_us > 0);
}

/* Visa's category 1, said once more and by hand. */
static void only_these_are_never_tried_again_by_the_networks_rules(void **state) {
    static const char *const never[] = {
        "lost_card",       "stolen_card",      "lost_or_stolen_card",
        "pickup_card",     "not_permitted",    "authorization_revoked",
        "invalid_account", "incorrect_number", "do_not_try_again",
    };
    const struct common_code *code;
    size_t seen = 0;
    for (int c = 0; (code = common_code_at(c)) != NULL; c++) {
        bool listed = false;
        for (size_t i = 0; i < COUNT_OF(never); i++) {
            listed = listed || strcmp(never[i], code->code) == 0;
        }
        assert_int_equal(code->network == NETWORK_NEVER, listed);
        seen += listed;
    }
    assert_int_equal(seen, COUNT_OF(never));
}

static void an_unlisted_code_reads_as_declined_and_advice_has_names(void **state) {
    assert_null(common_code_listed("never_heard_of"));
    assert_string_equal(common_code_find("never_heard_of")->code, "declined");
    assert_string_equal(common_code_find("")->code, "declined");
    assert_string_equal(advice_next(ADVICE_STOP), "never");
    assert_string_equal(advice_next(ADVICE_LATER), "later");
    assert_string_equal(advice_next(ADVICE_ELSEWHERE), "other_method");
    assert_string_equal(advice_next(ADVICE_CUSTOMER), "ask_customer");
    assert_string_equal(advice_next((enum gateway_advice)9), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_every_table_gives_a_listed_code),
        cmocka_unit_test(a_row_advises_what_its_code_does_or_what_the_code_lets_it),
        cmocka_unit_test(what_a_code_lets_rows_advise_some_row_does),
        cmocka_unit_test(every_code_is_listed_once_with_sentences_that_end),
        cmocka_unit_test(no_sentence_names_a_gateway_or_a_code),
        cmocka_unit_test(only_what_may_pass_later_has_a_time),
        cmocka_unit_test(only_these_are_never_tried_again_by_the_networks_rules),
        cmocka_unit_test(an_unlisted_code_reads_as_declined_and_advice_has_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
