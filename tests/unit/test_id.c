/* SPDX-License-Identifier: Apache-2.0
 * test_id.c: ids are ULIDs with a prefix, sort by time, and only their own kind is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/world.h"

static const char *const prefixes[] = {
#define X(kind, prefix, noun) prefix,
    ID_KINDS(X)
#undef X
};

/* A world where it is always the same moment and every random byte is the same. */
struct still {
    int64_t wall_us;
    int byte;
};

static int64_t still_wall_us(void *ctx) {
    return ((struct still *)ctx)->wall_us;
}

static void still_random_bytes(void *ctx, void *ret_bytes, size_t count) {
    memset(ret_bytes, ((struct still *)ctx)->byte, count);
}

static struct payment_id id_made_in(struct still still) {
    struct world_ops ops = *world_real();
    struct payment_id id;

    ops.wall_us = still_wall_us;
    ops.random_bytes = still_random_bytes;
    world_install(&still, &ops);
    id = payment_id_new();
    world_install(NULL, NULL);
    return id;
}

static void every_prefix_is_used_once_and_fits(void **state) {
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        assert_in_range(strlen(prefixes[i]), 1, ID_PREFIX_CHARS_MAX);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(prefixes[i], prefixes[j]);
        }
    }
}

static void every_kind_reads_its_own_ids_and_no_others(void **state) {
    struct err err = {0};

#define X(kind, prefix, noun)                                                                      \
    {                                                                                              \
        const struct kind made = kind##_new();                                                     \
        struct kind read = {{0}};                                                                  \
        char other[64];                                                                            \
                                                                                                   \
        assert_memory_equal(made.text, prefix "_", strlen(prefix "_"));                            \
        assert_int_equal(strlen(made.text), strlen(prefix "_") + ID_ULID_CHARS);                   \
        assert_int_equal(kind##_parse(made.text, &read, &err), 0);                                 \
        assert_string_equal(read.text, made.text);                                                 \
        assert_string_equal(kind##_stored(made.text).text, made.text);                             \
        assert_string_equal(kind##_stored(NULL).text, "");                                         \
        for (size_t i = 0; i < COUNT_OF(prefixes); i++) {                                          \
            (void)snprintf(other, sizeof(other), "%s%s", prefixes[i], strchr(made.text, '_'));     \
            assert_int_equal(kind##_parse(other, &read, &err),                                     \
                             strcmp(prefixes[i], prefix) == 0 ? 0 : -ERR_VALIDATION);              \
        }                                                                                          \
    }
    ID_KINDS(X)
#undef X
}

/* The time of the ULID specification's example, and the ends of the range. */
static void an_id_is_the_time_and_the_random_bytes_in_crockfords_digits(void **state) {
    assert_string_equal(id_made_in((struct still){INT64_C(1469918176385999), 0}).text,
                        "pay_01ARYZ6S410000000000000000");
    assert_string_equal(id_made_in((struct still){INT64_C(1469918176385000), 0xFF}).text,
                        "pay_01ARYZ6S41ZZZZZZZZZZZZZZZZ");
    /* 01010101 again and again: 01010 10101 01010 10101 ... */
    assert_string_equal(id_made_in((struct still){0, 0x55}).text, "pay_0000000000ANANANANANANANAN");
    assert_string_equal(id_made_in((struct still){-US_PER_SECOND, 0}).text,
                        "pay_00000000000000000000000000");
    assert_string_equal(id_made_in((struct still){((INT64_C(1) << 48) - 1) * US_PER_MS, 0}).text,
                        "pay_7ZZZZZZZZZ0000000000000000");
    assert_string_equal(id_made_in((struct still){INT64_MAX, 0xFF}).text,
                        "pay_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
}

static void a_later_id_sorts_after_an_earlier_one(void **state) {
    static const int64_t steps_ms[] = {1, 31, 32, 33, 1024, 86400000, INT64_C(31557600000)};
    int64_t us = INT64_C(1795161600000000);

    for (size_t i = 0; i < COUNT_OF(steps_ms); i++) {
        const struct payment_id before = id_made_in((struct still){us, 0xFF});
        const struct payment_id after = id_made_in((struct still){us + steps_ms[i] * US_PER_MS, 0});

        assert_true(strcmp(before.text, after.text) < 0);
        us += 7777;
    }
}

static void two_ids_of_one_moment_differ(void **state) {
    for (int i = 0; i < 1000; i++) {
        assert_string_not_equal(request_id_new().text, request_id_new().text);
    }
}

static const char *const refused[] = {
    "",
    "pay",
    "pay_",
    "01ARYZ6S410000000000000000",
    "pay01ARYZ6S410000000000000000",
    "pay_01ARYZ6S41000000000000000",   /* 25 */
    "pay_01ARYZ6S4100000000000000000", /* 27 */
    "pay_01ARYZ6S41000000000000000I",  /* I, L, O, U are no digits */
    "pay_01ARYZ6S41000000000000000L",
    "pay_01ARYZ6S41000000000000000O",
    "pay_01ARYZ6S41000000000000000U",
    "pay_01aryz6s410000000000000000", /* one spelling only */
    "PAY_01ARYZ6S410000000000000000",
    "pay_81ARYZ6S410000000000000000", /* more than 128 bits */
    "pay_01ARYZ6S41000000 000000000",
    " pay_01ARYZ6S410000000000000000",
    "pay_01ARYZ6S410000000000000000 ",
    "pay__01ARYZ6S41000000000000000",
    "payx_01ARYZ6S41000000000000000",
    ("pay_01ARYZ6S41\xC3\xA9"
     "0000000000000"),
};

static void anything_else_is_refused_and_the_output_stays(void **state) {
    struct payment_id id = {"before"};
    struct err err = {0};

    assert_int_equal(payment_id_parse(NULL, &id, &err), -ERR_VALIDATION);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        if (payment_id_parse(refused[i], &id, &err) != -ERR_VALIDATION) {
            fail_msg("\"%s\" was read", refused[i]);
        }
        assert_string_equal(id.text, "before");
        assert_non_null(strstr(err.detail, "payment"));
    }
}

static void what_was_sent_is_not_repeated_in_the_error(void **state) {
    struct payment_id id;
    struct err err = {0};

    assert_int_equal(payment_id_parse("pay_4111111111111111", &id, &err), -ERR_VALIDATION);
    assert_null(strstr(err.detail, "4111"));
}

static void take_a_stored_text_that_is_too_long(void) {
    (void)payment_id_stored("pay_01ARYZ6S410000000000000000000");
}

static void a_stored_text_longer_than_an_id_is_a_bug(void **state) {
    assert_true(aborts(take_a_stored_text_that_is_too_long));
    assert_string_equal(payment_id_stored("old").text, "old");
}

static void a_floor_parts_what_was_made_before_a_moment_from_what_was_made_since(void **state) {
    const int64_t us = INT64_C(1469918176385000);
    char floor[ID_TEXT_MAX];

    id_floor("pay", us, floor);
    assert_true(strcmp(id_made_in((struct still){us, 0}).text, floor) >= 0);
    assert_true(strcmp(id_made_in((struct still){us - 1, 0xFF}).text, floor) < 0);
    id_floor("pay", -1, floor);
    assert_string_equal(floor, "pay_00000000000000000000000000");
    id_floor("re", INT64_MAX, floor);
    assert_int_equal(strlen(floor), strlen("re_") + ID_ULID_CHARS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_is_used_once_and_fits),
        cmocka_unit_test(every_kind_reads_its_own_ids_and_no_others),
        cmocka_unit_test(an_id_is_the_time_and_the_random_bytes_in_crockfords_digits),
        cmocka_unit_test(a_later_id_sorts_after_an_earlier_one),
        cmocka_unit_test(two_ids_of_one_moment_differ),
        cmocka_unit_test(anything_else_is_refused_and_the_output_stays),
        cmocka_unit_test(a_floor_parts_what_was_made_before_a_moment_from_what_was_made_since),
        cmocka_unit_test(what_was_sent_is_not_repeated_in_the_error),
        cmocka_unit_test(a_stored_text_longer_than_an_id_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
