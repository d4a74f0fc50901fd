/* SPDX-License-Identifier: Apache-2.0
 * test_random.c: the seeded generator gives the published numbers; bounds are kept and fair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/random.h"
#include "base/world.h"

/* Published with the reference implementation of xoshiro256** (state 1, 2, 3, 4). */
static void the_generator_gives_the_published_numbers(void **state) {
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct prng prng = {{1, 2, 3, 4}};

    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_true(prng_next(&prng) == expected[i]);
    }
}

/* The same numbers as other implementations that seed by splitmix64. */
static void a_seed_gives_the_known_state_and_numbers(void **state) {
    static const uint64_t states[] = {UINT64_C(0xE220A8397B1DCDAF), UINT64_C(0x6E789E6AA1B965F4),
                                      UINT64_C(0x06C45D188009454F), UINT64_C(0xF88BB8A8724C81EC)};
    static const uint64_t zero[] = {UINT64_C(0x99EC5F36CB75F2B4), UINT64_C(0xBF6E1F784956452A),
                                    UINT64_C(0x1A5F849D4933E6E0), UINT64_C(0x6AA594F1262D2D2C),
                                    UINT64_C(0xBBA5AD4A1F842E59)};
    static const uint64_t forty_two[] = {UINT64_C(0x15780B2E0C2EC716), UINT64_C(0x6104D9866D113A7E),
                                         UINT64_C(0xAE17533239E499A1)};
    struct prng prng;

    prng_init(&prng, 0);
    assert_memory_equal(prng.state, states, sizeof(states));
    for (size_t i = 0; i < COUNT_OF(zero); i++) {
        assert_true(prng_next(&prng) == zero[i]);
    }
    prng_init(&prng, 42);
    for (size_t i = 0; i < COUNT_OF(forty_two); i++) {
        assert_true(prng_next(&prng) == forty_two[i]);
    }
}

static void numbers_below_a_bound_are_below_it_and_all_come(void **state) {
    struct prng prng;
    int seen[10] = {0};

    prng_init(&prng, 7);
    for (int i = 0; i < 10000; i++) {
        const uint64_t value = prng_below(&prng, COUNT_OF(seen));

        assert_true(value < COUNT_OF(seen));
        seen[value]++;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++) {
        /* A thousand each; four standard deviations are 120. */
        assert_in_range(seen[i], 880, 1120);
    }
    assert_true(prng_below(&prng, 1) == 0);
    assert_true(random_below(1) == 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(random_below(3) < 3);
        assert_true(random_below(UINT64_MAX) < UINT64_MAX);
    }
}

static void units_are_in_zero_to_one_and_spread(void **state) {
    struct prng prng;
    double sum = 0;

    prng_init(&prng, 7);
    for (int i = 0; i < 10000; i++) {
        const double unit = prng_unit(&prng);

        assert_true(unit >= 0.0 && unit < 1.0);
        sum += unit;
    }
    assert_true(sum > 4880 && sum < 5120);
}

/* A world whose randomness is this list. */
struct listed {
    const uint64_t *values;
    size_t next;
};

static void listed_bytes(void *ctx, void *ret_bytes, size_t count) {
    struct listed *listed = ctx;

    assert_int_equal(count, sizeof(uint64_t));
    memcpy(ret_bytes, &listed->values[listed->next++], count);
}

static void values_that_would_make_the_rest_unfair_are_thrown_away(void **state) {
    /* 2^64 mod (2^63 + 1) is 2^63 - 1: everything below it would come twice. */
    const uint64_t bound = (UINT64_C(1) << 63) + 1;
    const uint64_t values[] = {0, 5, bound - 3, bound - 2, bound + 8};
    struct listed listed = {values, 0};
    struct world_ops ops = *world_real();

    ops.random_bytes = listed_bytes;
    world_install(&listed, &ops);
    assert_true(random_below(bound) == bound - 2);
    assert_true(random_below(bound) == 8);
    assert_int_equal(listed.next, COUNT_OF(values));
    world_install(NULL, NULL);
}

static void the_systems_randomness_fills_every_byte(void **state) {
    unsigned char seen[1000] = {0};

    /* Each round leaves a byte zero with 1/256: after 20, one of a thousand is left with 1e-45. */
    for (int round = 0; round < 20; round++) {
        unsigned char bytes[sizeof(seen)] = {0};

        random_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            seen[i] |= bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof(seen); i++) {
        assert_int_not_equal(seen[i], 0);
    }
    assert_true(random_u64() != random_u64());
}

static void ask_below_zero(void) {
    (void)random_below(0);
}

static void ask_the_prng_below_zero(void) {
    struct prng prng;

    prng_init(&prng, 1);
    (void)prng_below(&prng, 0);
}

static void a_bound_of_zero_is_a_bug(void **state) {
    assert_true(aborts(ask_below_zero));
    assert_true(aborts(ask_the_prng_below_zero));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_gives_the_published_numbers),
        cmocka_unit_test(a_seed_gives_the_known_state_and_numbers),
        cmocka_unit_test(numbers_below_a_bound_are_below_it_and_all_come),
        cmocka_unit_test(units_are_in_zero_to_one_and_spread),
        cmocka_unit_test(values_that_would_make_the_rest_unfair_are_thrown_away),
        cmocka_unit_test(the_systems_randomness_fills_every_byte),
        cmocka_unit_test(a_bound_of_zero_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
