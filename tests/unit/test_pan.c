/* SPDX-License-Identifier: Apache-2.0
 * test_pan.c: every scheme's card numbers are found, however they are written; what only looks
 * long is not. The numbers are the schemes' and gateways' published test numbers, or made from
 * their ranges with a Luhn digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/pan.h"

static bool finds(const char *text, size_t *ret_offset, size_t *ret_count) {
    return pan_find(text, strlen(text), ret_offset, ret_count);
}

static const struct {
    const char *scheme;
    const char *number;
} cards[] = {
    {"Visa 16", "4242424242424242"},
    {"Visa 16", "4111111111111111"},
    {"Visa 16", "4012888888881881"},
    {"Visa 13", "4222222222222"},
    {"Visa 19", "4988438843884305001"},
    {"Visa 19", "4000000000000000006"},
    {"Mastercard 5", "5555555555554444"},
    {"Mastercard 5", "5105105105105100"},
    {"Mastercard 5", "5200828282828210"},
    {"Mastercard 2", "2223003122003222"},
    {"Mastercard 2", "2221000000000009"},
    {"Mastercard 2", "2720992222222229"},
    {"American Express", "378282246310005"},
    {"American Express", "371449635398431"},
    {"American Express", "343434343434343"},
    {"Discover", "6011111111111117"},
    {"Discover", "6011000990139424"},
    {"Discover", "6445644564456445"},
    {"Discover", "6500000000000002"},
    {"Diners Club 14", "30569309025904"},
    {"Diners Club 14", "38520000023237"},
    {"Diners Club 14", "36227206271667"},
    {"Diners Club 16", "3056930009020004"},
    {"JCB", "3566002020360505"},
    {"JCB", "3530111333300000"},
    {"JCB 15", "180000000000002"},
    {"JCB 15", "213100000000001"},
    {"UnionPay 16", "6200000000000005"},
    {"UnionPay 16", "6243030000000001"},
    {"UnionPay 14", "62123456789002"},
    {"UnionPay 15", "621234567890003"},
    {"UnionPay 17", "62123456789000003"},
    {"UnionPay 18", "621234567890000002"},
    {"UnionPay 19", "6212345678900000003"},
    {"UnionPay 19", "6205500000000000004"},
    {"UnionPay 19", "6212345678901232"},
    {"UnionPay 81", "8171999927660000"},
    {"UnionPay 81, 19", "8171999900000000021"},
    {"ICBC before UnionPay's range", "9558801502100345671"},
    {"Maestro 13", "5018000000007"},
    {"Maestro 16", "6759649826438453"},
    {"Maestro 16", "5020000000000005"},
    {"Maestro 18", "676000000000000007"},
    {"Maestro 19", "6304000000000000000"},
    {"Mir 16", "2200000000000004"},
    {"Mir 16", "2201382000000013"},
    {"Mir 19", "2200000000000000012"},
    {"RuPay 60", "6074820000000009"},
    {"RuPay 508", "5085000000000007"},
    {"RuPay 82", "8200000000000001"},
    {"UATP 15", "135412345678911"},
    {"Verve", "5060666666666666666"},
    {"Elo", "5066991111111118"},
    {"Troy", "9792030394440796"},
    {"UzCard", "8600000000000007"},
    {"Humo", "9860000000000000"},
};

static void the_numbers_of_every_scheme_are_found(void **state) {
    for (size_t i = 0; i < COUNT_OF(cards); i++) {
        size_t offset = 99;
        size_t count = 99;
        if (!finds(cards[i].number, &offset, &count)) {
            fail_msg("%s %s is not found", cards[i].scheme, cards[i].number);
        }
        assert_int_equal(offset, 0);
        assert_int_equal(count, strlen(cards[i].number));
    }
}

static void one_wrong_digit_makes_it_no_card_number(void **state) {
    for (size_t i = 0; i < COUNT_OF(cards); i++) {
        char number[24];
        snprintf(number, sizeof(number), "%s", cards[i].number);
        for (size_t j = 0; number[j] != '\0'; j++) {
            const char was = number[j];
            for (char digit = '0'; digit <= '9'; digit++) {
                number[j] = digit;
                size_t offset = 0;
                size_t count = 0;
                if (digit != was && finds(number, &offset, &count)) {
                    fail_msg("%s is found", number);
                }
            }
            number[j] = was;
        }
    }
}

static void blanks_and_hyphens_between_digits_do_not_hide_it(void **state) {
    static const char *const texts[] = {
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242 4242-4242\t4242",
        "3782 822463 10005",
        "6205 5000 0000 0000 004",
        "620550 0000000000004",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2",
        "4242\xc2\xa0"
        "4242\xc2\xa0"
        "4242\xc2\xa0"
        "4242", /* U+00A0 */
        /* U+2009 2011 2013 */
        "4242\xe2\x80\x89"
        "4242\xe2\x80\x91"
        "4242\xe2\x80\x93"
        "4242",
        /* U+3000 FF0D 2212 */
        "4242\xe3\x80\x80"
        "4242\xef\xbc\x8d"
        "4242\xe2\x88\x92"
        "4242",
        /* U+202F 2000 2015 */
        "4242\xe2\x80\xaf"
        "4242\xe2\x80\x80"
        "4242\xe2\x80\x95"
        "4242",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t offset = 99;
        size_t count = 0;
        if (!finds(texts[i], &offset, &count)) {
            fail_msg("%s is not found", texts[i]);
        }
        assert_int_equal(offset, 0);
        assert_int_equal(count, strlen(texts[i]));
    }
}

static void full_width_digits_are_digits(void **state) {
    /* 4242 4242 4242 4242 as an input method for Chinese writes it, after a word. */
    static const char text[] = "\xe5\x8d\xa1\xe5\x8f\xb7"
                               "\xef\xbc\x94\xef\xbc\x92\xef\xbc\x94\xef\xbc\x92"
                               "\xef\xbc\x94\xef\xbc\x92\xef\xbc\x94\xef\xbc\x92"
                               "\xef\xbc\x94\xef\xbc\x92\xef\xbc\x94\xef\xbc\x92"
                               "\xef\xbc\x94\xef\xbc\x92\xef\xbc\x94\xef\xbc\x92";
    size_t offset = 0;
    size_t count = 0;
    assert_true(finds(text, &offset, &count));
    assert_int_equal(offset, 6);
    assert_int_equal(count, 48);
    assert_true(finds("\xef\xbc\x94"
                      "242 4242 4242 424\xef\xbc\x92",
                      &offset, &count));
}

static void json_text_is_masked_as_it_will_be_read(void **state) {
    static const struct {
        const char *text, *masked; /* NULL: nothing to mask */
    } rows[] = {
        {"{\"a\":\"4242424242424242\"}", "{\"a\":\"************4242\"}"},
        {"{\"a\":4242424242424242}", "{\"a\":************4242}"},
        {"{\"a\":\"x\\n4242 4242 4242 4242\\ty\"}", "{\"a\":\"x\\n**** **** **** 4242\\ty\"}"},
        {"\\u0034\\u00324242424242\\u00342\\u00342", "************\\u00342\\u00342"},
        {"4242\\u00a04242\\u20094242-4242", "****\\u00a0****\\u2009****-4242"},
        {"\\uFF14\\uff12"
         "42 4242 4242 4242",
         "**** **** **** 4242"},
        {"\\4242424242424242", "\\************4242"},
        {"\\\\u0034242424242424242", NULL}, /* a backslash and a word */
        {"\"4242424242424241\", \"\\u00344\", \"\\", NULL},
        {"\xff\xfe 4242424242424242", "\xff\xfe ************4242"}, /* no text */
        {"\\u003", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count = 0;
        char *masked = pan_mask_json_text(rows[i].text, strlen(rows[i].text), &count);
        if (rows[i].masked == NULL) {
            assert_null(masked);
            continue;
        }
        assert_non_null(masked);
        assert_string_equal(masked, rows[i].masked);
        assert_int_equal(count, strlen(masked));
        free(masked);
    }
}

static void a_number_in_the_middle_of_text_is_found_where_it_stands(void **state) {
    static const struct {
        const char *text;
        const char *number;
    } rows[] = {
        {"my card is 4242424242424242, thanks", "4242424242424242"},
        {"card:4242424242424242", "4242424242424242"},
        {"card_4242424242424242_x", "4242424242424242"},
        {"(4242 4242 4242 4242)", "4242 4242 4242 4242"},
        {"4242424242424242 12/29 123", "4242424242424242"},
        {"order 17 4242 4242 4242 4242", "4242 4242 4242 4242"},
        {"4242 4242 4242 4242 12 29", "4242 4242 4242 4242"},
        {"a 4242424242424243 b 4242424242424242", "4242424242424242"},
        {"-4242424242424242", "4242424242424242"},
        {"+4242424242424242", "4242424242424242"},
        {"42424242-4242-4242-4242-4242424242423", "42424242-4242-4242"}, /* too long for a UUID */
        /* U+FF0F, FF1A: no digits */
        {"\xef\xbc\x8f"
         "4242424242424242\xef\xbc\x9a",
         "4242424242424242"},
        {"\xe5\x8d\xa1\xe5\x8f\xb7"
         "4242424242424242\xe3\x80\x82",
         "4242424242424242"},
        {"4242424242424242.00", "4242424242424242"},
        {"\n4242424242424242\n", "4242424242424242"},
        {"12345678901234567890 4242424242424242", "4242424242424242"},
        {"1  4242424242424242", "4242424242424242"},
        {"%B4242424242424242^DOE/JOHN^2912101", NULL}, /* a magnetic stripe's letter hides it: P1 */
        {";4242424242424242=2912101", "4242424242424242"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t offset = 0;
        size_t count = 0;
        if (finds(rows[i].text, &offset, &count) != (rows[i].number != NULL)) {
            fail_msg("%s", rows[i].text);
        }
        if (rows[i].number != NULL) {
            assert_int_equal(count, strlen(rows[i].number));
            assert_memory_equal(rows[i].text + offset, rows[i].number, count);
        }
    }
}

static void what_only_looks_long_is_no_card_number(void **state) {
    static const char *const texts[] = {
        "",
        "4",
        "4242424242424241", /* fails Luhn */
        "1234567890123456", /* an order's number */
        "0000000000000000", /* Luhn holds, but no scheme begins with 0 */
        "7000000000000005", /* nor with 7 */
        "9000000000000001", /* nor with 90 */
        /* 12 digits, Luhn holds; a 12-digit Maestro too */
        "424242424242",
        "501800000009",                       /* 12 digits, Maestro: not looked for */
        "42424242424242424242",               /* 20 digits */
        "4242424242424242424242424242424242", /* 34 digits */
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",         /* ULID */
        "pay_01HF7YAT00T4242424242424242",    /* digits inside a word */
        "x4242424242424242",
        "4242424242424242x",
        "4242 4242 4242 4242x",
        "550e8400-e29b-41d4-a716-446655440000", /* UUID */
        "42424242-4242-4242-8888-888888888888", /* UUID of digits alone, with Luhn runs in it */
        "id=42424242-4242-4242-8888-888888888888;",
        "00000000-0000-0000-4242-424242424242", /* its last two groups, if taken alone */
        "1732212345678901",                     /* microseconds */
        /* microseconds for which Luhn holds: 16, not 15 */
        "1732212345678902",
        "1732212345678901234", /* nanoseconds */
        "1732212345679",       /* milliseconds for which Luhn holds */
        "+4915112345678",      /* a German mobile number for which Luhn holds */
        "+49 151 1234 5678",
        "+86 138 0013 8000",
        "0049 1511 2345 678",
        "(555) 010-9999 0102",
        "2026-11-20T08:00:00.250Z",
        "2026-11-20 08:00:00",
        "4242.4242.4242.4242", /* other separators are none */
        "4242/4242/4242/4242",
        "4242  4242  4242  4242", /* nor are two blanks */
        "4242--4242--4242--4242",
        "4242\n4242\n4242\n4242",
        "5100000000000000003", /* Mastercard numbers have 16 digits */
        "424242424242424",     /* 15 digits with Luhn: Visa has none */
        "************4242",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t offset = 99;
        size_t count = 99;
        if (finds(texts[i], &offset, &count)) {
            fail_msg("%s is found at %zu, %zu", texts[i], offset, count);
        }
        assert_int_equal(offset, 99);
        assert_int_equal(count, 99);
    }
}

static void a_nul_or_broken_utf8_does_not_end_the_search(void **state) {
    static const char text[] = "a\0\xef\xbc\xff\xe2 4242424242424242\xef\xbc";
    size_t offset = 0;
    size_t count = 0;
    assert_true(pan_find(text, sizeof(text) - 1, &offset, &count));
    assert_int_equal(offset, 7);
    assert_int_equal(count, 16);
    assert_false(pan_find("4242424242424242", 15, &offset, &count));
    assert_false(pan_find(NULL, 0, &offset, &count));
}

static void the_mask_leaves_the_last_four_digits_and_the_length(void **state) {
    static const struct {
        const char *text;
        const char *masked;
        int found;
    } rows[] = {
        {"no number", "no number", 0},
        {"4242424242424242", "************4242", 1},
        {"a 4242-4242 4242-4242 b", "a ****-**** ****-4242 b", 1},
        {"3782 822463 10005", "**** ****** *0005", 1},
        {"4222222222222 and 378282246310005.", "*********2222 and ***********0005.", 2},
        {"4242424242424241", "4242424242424241", 0},
        /* The four digits that are kept make another number with those that follow. */
        {"4242 4242 4242 4242 4242 4242 4242", "**** **** **** **** **** **** 4242", 2},
        /* The longest of the candidates that begin at one place. */
        {"4222222222222 105", "************2 105", 1},
        {"\xef\xbc\x94"
         "24242424242\xef\xbc\x94"
         "242",
         "**************\xef\xbc\x94"
         "242",
         1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[80];
        snprintf(text, sizeof(text), "%s", rows[i].text);
        int found = pan_mask(text, strlen(text));
        size_t offset = 0;
        size_t count = 0;
        assert_false(finds(text, &offset, &count));
        assert_int_equal(strlen(text), strlen(rows[i].text));
        assert_int_equal(found, rows[i].found);
        assert_string_equal(text, rows[i].masked);
    }
}

static void the_search_is_linear_in_groups_looked_at(void **state) {
    /* Many short groups that never end in a number: a quadratic search would not come back. */
    enum { BYTES = 4 * 1024 * 1024 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    size_t offset = 0;
    size_t count = 0;
    for (size_t i = 0; i < BYTES; i++) {
        text[i] = i % 2 == 0 ? '1' : ' ';
    }
    assert_false(pan_find(text, BYTES, &offset, &count));
    memset(text, '4', BYTES);
    assert_false(pan_find(text, BYTES, &offset, &count));
    for (size_t i = 0; i < BYTES; i++) {
        text[i] = i % 9 == 8 ? '-' : '0';
    }
    assert_false(pan_find(text, BYTES, &offset, &count));
    for (size_t i = 0; i + 17 <= BYTES; i += 17) {
        memcpy(text + i, "4242424242424242 ", 17);
    }
    assert_true(pan_mask(text, BYTES) > BYTES / 18);
    free(text);
}

static json_t *must_read(const char *text) {
    json_t *json = NULL;
    struct err err = {0};
    if (json_read(text, strlen(text), JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX, &json, &err) != 0) {
        fail_msg("%s: %s", text, err.detail);
    }
    return json;
}

static void json_is_refused_with_the_place_of_the_first_number(void **state) {
    static const struct {
        const char *text;
        const char *place;
    } rows[] = {
        {"\"4242424242424242\"", ""},
        {"4242424242424242", ""},
        {"{\"a\":\"x\",\"card\":\"4242 4242 4242 4242\"}", "/card"},
        {"{\"card\":4242424242424242}", "/card"},
        {"{\"card\":-4242424242424242}", "/card"},
        {"{\"card\":4242424242424242.0}", "/card"},
        {"{\"card\":4.242424242424242e15}", "/card"},
        {"{\"card\":378282246310005}", "/card"},
        {"{\"card\":6205500000000000004}", "/card"},
        {"{\"a\":{\"b\":[1,{\"c\":\"my 4242424242424242!\"}]}}", "/a/b/1/c"},
        {"[[[[\"4242424242424242\"]]]]", "/0/0/0/0"},
        {"[[],{},[1,2],\"4242424242424242\"]", "/3"},
        {"{\"a/b\":{\"~\":\"4242424242424242\"}}", "/a~1b/~0"},
        {"{\"x\":{\"4242424242424242\":1}}", "/x/************4242"},
        {"{\"4242424242424242\":{\"4242424242424242\":\"4242424242424242\"}}", "/************4242"},
        {"{\"a\":[1,2,3],\"b\":\"\\u0034242424242424242\"}", "/b"},
        {"{\"a\":\"\xef\xbc\x94"
         "242424242424242\"}",
         "/a"},
        {"{\"a\":null,\"b\":true,\"c\":\"378282246310005\",\"d\":\"4242424242424242\"}", "/c"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        JSON_AUTO json = must_read(rows[i].text);
        struct err err = {0};
        int result = pan_refuse_json(json, NULL, &err);
        if (result != -ERR_CARD_NUMBER || strcmp(err.place, rows[i].place) != 0) {
            fail_msg("%s: %d, %s", rows[i].text, result, err.place);
        }
        assert_int_equal(err.code, ERR_CARD_NUMBER);
        assert_null(strstr(err.detail, "42"));
        assert_true(err.hint[0] != '\0');
        assert_int_equal(pan_refuse_json(json, NULL, NULL), -ERR_CARD_NUMBER);
    }
}

static void json_without_a_card_number_is_taken(void **state) {
    static const char *const texts[] = {
        "null",
        "{}",
        "[]",
        "[[[]],{\"a\":{}}]",
        "{\"order_id\":\"1234567890123456\",\"amount\":1999,\"at\":1732212345678901}",
        "{\"id\":\"550e8400-e29b-41d4-a716-446655440000\",\"n\":0.5,\"big\":1e300,\"neg\":-1e300}",
        "{\"parts\":[4242,4242,4242,4242]}",
        "{\"4242\":{\"4242\":{\"4242\":{\"4242\":\"4242\"}}}}",
        "{\"card\":4242424242424242.5}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        JSON_AUTO json = must_read(texts[i]);
        struct err err = {0};
        if (pan_refuse_json(json, NULL, &err) != 0) {
            fail_msg("%s: %s", texts[i], err.place);
        }
        assert_int_equal(err.code, ERR_OK);
    }
}

static void an_allowed_place_may_look_like_a_card_number(void **state) {
    static const char *const allowed[] = {"/order_id", "/a~1b/0", NULL};
    struct err err = {0};
    JSON_AUTO good = must_read("{\"order_id\":\"4242424242424242\",\"a/b\":[4242424242424242]}");
    assert_int_equal(pan_refuse_json(good, allowed, &err), 0);
    assert_int_equal(pan_refuse_json(good, NULL, &err), -ERR_CARD_NUMBER);
    static const char *const refused[] = {
        "{\"order_id\":\"4242424242424242\",\"b\":\"4242424242424242\"}",
        "{\"order_id\":{\"b\":\"4242424242424242\"}}",
        "{\"b\":{\"order_id\":\"4242424242424242\"}}",
        "{\"order_idx\":\"4242424242424242\"}",
        "{\"order_i\":\"4242424242424242\"}",
        "{\"a/b\":[1,4242424242424242]}",
        "{\"4242424242424242\":1}",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        JSON_AUTO json = must_read(refused[i]);
        assert_int_equal(pan_refuse_json(json, allowed, &err), -ERR_CARD_NUMBER);
    }
}

static void a_star_in_an_allowed_place_stands_for_any_one_key_or_index(void **state) {
    static const char *const allowed[] = {"/rows/*/account", "/more/*", NULL};
    static const char *const good[] = {
        "{\"rows\":[{},{\"account\":\"4242424242424242\"}]}",
        "{\"rows\":{\"any\":{\"account\":\"4242424242424242\"}}}",
        "{\"more\":[\"4242424242424242\"]}",
    };
    static const char *const refused[] = {
        "{\"rows\":[{\"name\":\"4242424242424242\"}]}",
        "{\"rows\":[\"4242424242424242\"]}",
        "{\"rows\":[[{\"account\":\"4242424242424242\"}]]}",
        "{\"rows\":[{\"account\":[\"4242424242424242\"]}]}",
        "{\"rows\":[{\"accounts\":\"4242424242424242\"}]}",
        "{\"account\":\"4242424242424242\"}",
        "{\"more\":\"4242424242424242\"}",
        "{\"more\":{\"a\":{\"b\":\"4242424242424242\"}}}",
    };
    struct err err = {0};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        JSON_AUTO json = must_read(good[i]);
        assert_int_equal(pan_refuse_json(json, allowed, &err), 0);
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        JSON_AUTO json = must_read(refused[i]);
        if (pan_refuse_json(json, allowed, &err) != -ERR_CARD_NUMBER) {
            fail_msg("%s was let in", refused[i]);
        }
    }
}

static void a_key_is_refused_even_where_its_value_is_allowed(void **state) {
    static const char *const allowed[] = {"/4242424242424242", NULL};
    struct err err = {0};
    JSON_AUTO json = must_read("{\"4242424242424242\":1}");
    assert_int_equal(pan_refuse_json(json, allowed, &err), -ERR_CARD_NUMBER);
}

static void a_place_that_is_cut_inside_the_number_shows_none_of_it(void **state) {
    struct err err = {0};
    char text[200];
    char filler[109];
    memset(filler, 'a', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    snprintf(text, sizeof(text), "{\"%s-4242424242424242\":1}", filler);
    JSON_AUTO json = must_read(text);
    assert_int_equal(pan_refuse_json(json, NULL, &err), -ERR_CARD_NUMBER);
    assert_int_equal(strlen(err.place), sizeof(err.place) - 1);
    assert_null(strchr(err.place, '4'));
}

static void a_tree_that_is_too_deep_is_refused_not_followed(void **state) {
    struct err err = {0};
    json_t *json = json_string("4242424242424242");
    for (int i = 0; i < 64; i++) {
        json_t *outer = json_array();
        assert_int_equal(json_array_append_new(outer, json), 0);
        json = outer;
    }
    assert_int_equal(pan_refuse_json(json, NULL, &err), -ERR_CARD_NUMBER);
    json_t *outer = json_array();
    assert_int_equal(json_array_append_new(outer, json), 0);
    assert_int_equal(pan_refuse_json(outer, NULL, &err), -ERR_VALIDATION);
    json_decref(outer);
}

static void a_text_is_refused_with_the_place_given(void **state) {
    struct err err = {0};
    assert_int_equal(pan_refuse_text("abc 123", "Idempotency-Key", &err), 0);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(pan_refuse_text("k-4242424242424242", "Idempotency-Key", &err),
                     -ERR_CARD_NUMBER);
    assert_string_equal(err.place, "Idempotency-Key");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_of_every_scheme_are_found),
        cmocka_unit_test(one_wrong_digit_makes_it_no_card_number),
        cmocka_unit_test(blanks_and_hyphens_between_digits_do_not_hide_it),
        cmocka_unit_test(full_width_digits_are_digits),
        cmocka_unit_test(json_text_is_masked_as_it_will_be_read),
        cmocka_unit_test(a_number_in_the_middle_of_text_is_found_where_it_stands),
        cmocka_unit_test(what_only_looks_long_is_no_card_number),
        cmocka_unit_test(a_nul_or_broken_utf8_does_not_end_the_search),
        cmocka_unit_test(the_mask_leaves_the_last_four_digits_and_the_length),
        cmocka_unit_test(the_search_is_linear_in_groups_looked_at),
        cmocka_unit_test(json_is_refused_with_the_place_of_the_first_number),
        cmocka_unit_test(json_without_a_card_number_is_taken),
        cmocka_unit_test(an_allowed_place_may_look_like_a_card_number),
        cmocka_unit_test(a_star_in_an_allowed_place_stands_for_any_one_key_or_index),
        cmocka_unit_test(a_key_is_refused_even_where_its_value_is_allowed),
        cmocka_unit_test(a_place_that_is_cut_inside_the_number_shows_none_of_it),
        cmocka_unit_test(a_tree_that_is_too_deep_is_refused_not_followed),
        cmocka_unit_test(a_text_is_refused_with_the_place_given),
    };
    return cmocka_run_group_tests_name("pan", tests, NULL, NULL);
}
