/* SPDX-License-Identifier: Apache-2.0
 * test_bank_reference.c: creditor references: made, checked and found again in what banks and
 * people make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "gateway/bank/bank.h"
#include "gateway/bank/bank_reference.h"

#define ID "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"

/* Published examples. */
static void references_of_the_standard_are_valid(void **state) {
    static const char *const good[] = {
        "RF18539007547034",  "RF18 5390 0754 7034", "RF471234567890", "rf47 1234 5678 90",
        "RF712348231",       "RF332348236",         "RF45G72UUR",     "RF6518K5",

        "RF1853 9007547034",
    };
    static const char *const bad[] = {
        "",
        "RF",
        "RF18",
        "RF19539007547034",
        "RF18539007547043",
        "XF712348231",
        "RF7I2348231",
        "RF71234-8231",
        "RF71234823100000000000000",
        "RF71 2348 23",
        "RFAB2348231",
        "RF00",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!bank_reference_valid(good[i])) {
            fail_msg("\"%s\" is refused", good[i]);
        }
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (bank_reference_valid(bad[i])) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
    (void)state;
}

static void ours_are_valid_and_always_the_same_from_the_same_id(void **state) {
    char first[BANK_REFERENCE_CHARS + 1], again[BANK_REFERENCE_CHARS + 1];
    char printed[BANK_REFERENCE_PRINTED_MAX], id[64];
    bank_reference_make(ID, first);
    bank_reference_make(ID, again);
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), BANK_REFERENCE_CHARS);
    bank_reference_print(first, printed);
    assert_true(bank_reference_valid(printed));
    assert_int_equal(strlen(printed), BANK_REFERENCE_CHARS + 3);
    for (int i = 0; i < 2000; i++) {
        char other[BANK_REFERENCE_CHARS + 1];
        snprintf(id, sizeof id, "att_%d", i);
        bank_reference_make(id, other);
        assert_true(bank_reference_valid(other));
        assert_string_not_equal(other, first);
        assert_null(strpbrk(other + 2, "OILSBZGQDU"));
    }
    (void)state;
}

static void finds(const char *text, const char *reference) {
    char found[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1];
    int count = bank_reference_find(text, found);
    for (int i = 0; i < count; i++) {
        if (strcmp(found[i], reference) == 0) {
            return;
        }
    }
    fail_msg("%s is not found in \"%s\"", reference, text);
}

/* What a hurried person or a bad scan makes of each character that has a twin. */
static void blur(char *text) {
    static const char right[] = "01586V", wrong[] = "OlsBgU";
    for (; *text != '\0'; text++) {
        const char *at = strchr(right, *text);
        *text = at != NULL ? wrong[at - right] : *text;
    }
}

static void found_in_every_way_that_people_and_banks_write_them(void **state) {
    char reference[BANK_REFERENCE_CHARS + 1], printed[BANK_REFERENCE_PRINTED_MAX], text[256];
    for (int i = 0; i < 500; i++) {
        char id[64], lower[64], blurred[64];
        snprintf(id, sizeof id, "att_%d", i);
        bank_reference_make(id, reference);
        bank_reference_print(reference, printed);
        finds(reference, reference);
        finds(printed, reference);
        snprintf(text, sizeof text, "Invoice 4711/2026, thank you! %s. John", printed);
        finds(text, reference);
        snprintf(text, sizeof text, "EREF+NOTPROVIDED SVWZ+PAYMENT%sEND", reference);
        finds(text, reference);
        snprintf(text, sizeof text, "ref-%.4s-%.4s-%.4s/%s", reference, reference + 4,
                 reference + 8, reference + 12);
        finds(text, reference);
        snprintf(lower, sizeof lower, "%s", printed);
        for (char *c = lower; *c != '\0'; c++) {
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        }
        finds(lower, reference);
        snprintf(blurred, sizeof blurred, "%s", printed + 2);
        blur(blurred);
        snprintf(text, sizeof text, "RF%s", blurred);
        finds(text, reference);
        finds(printed + 2, reference); /* he left out the RF */
        snprintf(text, sizeof text, "%.8s\xE3\x80\x80%s", reference, reference + 8);
        finds(text, reference);
        snprintf(text, sizeof text, "付款 %s 谢谢", reference);
        finds(text, reference);
    }
    (void)state;
}

static void found_in_full_width_characters(void **state) {
    char reference[BANK_REFERENCE_CHARS + 1], wide[8 * BANK_REFERENCE_CHARS] = "货款\xE3\x80\x80";
    bank_reference_make(ID, reference);
    size_t at = strlen(wide);
    for (const char *c = reference; *c != '\0'; c++) {
        wide[at++] = (char)0xEF;
        wide[at++] = (char)0xBC;
        wide[at++] = (char)(*c + 0x60);
    }
    wide[at] = '\0';
    finds(wide, reference);
    (void)state;
}

static void one_wrong_character_is_not_found_and_nothing_is_guessed(void **state) {
    static const char alphabet[] = "0123456789ACEFHJKMNPRTVWXY";
    char reference[BANK_REFERENCE_CHARS + 1];
    char found[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1];
    bank_reference_make(ID, reference);
    for (size_t i = 2; i < BANK_REFERENCE_CHARS; i++) {
        for (const char *c = alphabet; *c != '\0'; c++) {
            char wrong[BANK_REFERENCE_CHARS + 1];
            memcpy(wrong, reference, sizeof wrong);
            wrong[i] = *c;
            bool digit = *c <= '9', was_digit = reference[i] <= '9';
            /* A letter counts as two digits, so what takes a digit's place moves all before it. */
            if (*c != reference[i] && digit == was_digit &&
                bank_reference_find(wrong, found) != 0) {
                fail_msg("\"%s\" was read as %s", wrong, found[0]);
            }
        }
    }
    (void)state;
}

static void texts_that_hold_none_give_none(void **state) {
    static const char *const texts[] = {
        "",         "RF",       "thank you", "RF18539007547034", "ＲＦ",
        "\xEF\xBC", "\xE3\x80", "\xFF\xFE",  "order 10006",      "R F 1 2 3",
    };
    char found[BANK_REFERENCES_FOUND_MAX][BANK_REFERENCE_CHARS + 1];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(bank_reference_find(texts[i], found), 0);
    }
    char *endless = malloc(100001);
    memset(endless, '7', 100000);
    endless[100000] = '\0';
    assert_true(bank_reference_find(endless, found) <= BANK_REFERENCES_FOUND_MAX);
    free(endless);
    (void)state;
}

static void virtual_accounts_have_their_digits(void **state) {
    char digits[BANK_VIRTUAL_DIGITS_MAX + 1], again[BANK_VIRTUAL_DIGITS_MAX + 1];
    bank_virtual_digits(ID, 12, digits);
    bank_virtual_digits(ID, 12, again);
    assert_string_equal(digits, again);
    assert_int_equal(strspn(digits, "0123456789"), 12);
    assert_int_equal(strlen(digits), 12);
    (void)state;
}

static void account_numbers_are_compared_as_letters_and_digits(void **state) {
    char packed[BANK_ACCOUNT_CHARS_MAX + 1] = "untouched";
    assert_true(bank_account_pack("de02 1203-0000.0000/2020 51", packed));
    assert_string_equal(packed, "DE02120300000000202051");
    assert_false(bank_account_pack("", packed));
    assert_false(bank_account_pack("--", packed));
    assert_false(bank_account_pack("DE02=1", packed));
    assert_false(bank_account_pack("12345678901234567890123456789012345", packed));
    assert_string_equal(packed, "DE02120300000000202051");
    const struct bank_terms terms = {
        .account = "DE02 1203", .virtual_prefix = "9900", .virtual_digits = 8};
    assert_int_equal(bank_account_match(&terms, "DE021203"), BANK_ACCOUNT_ITSELF);
    assert_int_equal(bank_account_match(&terms, "990012345678"), BANK_ACCOUNT_VIRTUAL);
    assert_int_equal(bank_account_match(&terms, "99001234567"), BANK_ACCOUNT_OTHER);
    assert_int_equal(bank_account_match(&terms, "99001234567X"), BANK_ACCOUNT_OTHER);
    assert_int_equal(bank_account_match(&terms, "DE021204"), BANK_ACCOUNT_OTHER);
    (void)state;
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_of_the_standard_are_valid),
        cmocka_unit_test(ours_are_valid_and_always_the_same_from_the_same_id),
        cmocka_unit_test(found_in_every_way_that_people_and_banks_write_them),
        cmocka_unit_test(found_in_full_width_characters),
        cmocka_unit_test(one_wrong_character_is_not_found_and_nothing_is_guessed),
        cmocka_unit_test(texts_that_hold_none_give_none),
        cmocka_unit_test(virtual_accounts_have_their_digits),
        cmocka_unit_test(account_numbers_are_compared_as_letters_and_digits),
    };
    return cmocka_run_group_tests_name("bank_reference", tests, NULL, NULL);
}
