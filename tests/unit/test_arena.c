/* SPDX-License-Identifier: Apache-2.0
 * test_arena.c: an arena gives zeroed, aligned, separate pieces, up to its cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "base/arena.h"

static void every_piece_is_zeroed_aligned_and_its_own(void **state) {
    enum { PIECES = 400 };
    unsigned char *pieces[PIECES];
    size_t sizes[PIECES];
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);

    for (size_t i = 0; i < PIECES; i++) {
        /* Small ones, and now and then one that is larger than a block. */
        sizes[i] = i % 50 == 49 ? 20000 + i : i * 7 % 300;
        pieces[i] = arena_alloc(arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], 0);
        }
        memset(pieces[i], (int)(i % 251 + 1), sizes[i]);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i % 251 + 1);
        }
    }
}

static void copies_and_formatted_texts_are_the_arenas_own(void **state) {
    char text[] = "abc";
    char *copy;
    ARENA_AUTO arena = arena_new(1000);

    copy = arena_copy(arena, text);
    text[0] = 'X';
    assert_string_equal(copy, "abc");
    assert_null(arena_copy(arena, NULL));
    assert_memory_equal(arena_copy_bytes(arena, "a\0b", 3), "a\0b", 4);
    assert_string_equal(arena_copy_bytes(arena, NULL, 0), "");
    assert_string_equal(arena_printf(arena, "%s-%d", "n", 5), "n-5");
}

/* Lengths around the alignment: what is asked for next must not touch the NUL. */
static void a_copy_keeps_its_nul_when_the_next_piece_is_filled(void **state) {
    ARENA_AUTO arena = arena_new(10000);

    for (size_t count = 0; count < 64; count++) {
        char text[64];
        char *copy;

        memset(text, 'c', sizeof(text));
        copy = arena_copy_bytes(arena, text, count);
        memset(arena_alloc(arena, 16), 'n', 16);
        assert_int_equal(strlen(copy), count);
    }
}

static void all_of_the_cap_can_be_used(void **state) {
    ARENA_AUTO arena = arena_new(100);

    assert_non_null(arena_alloc(arena, 100));
}

static void take_more_than_the_cap_at_once(void) {
    struct arena *arena = arena_new(100);

    (void)!arena_alloc(arena, 101);
}

static void take_more_than_the_cap_bit_by_bit(void) {
    struct arena *arena = arena_new(100);

    for (int i = 0; i < 101; i++) {
        (void)!arena_alloc(arena, 1);
    }
}

static void take_a_size_that_wraps_around(void) {
    struct arena *arena = arena_new(100);

    (void)!arena_alloc(arena, SIZE_MAX - 3);
}

static void passing_the_cap_is_a_bug_and_aborts(void **state) {
    assert_true(aborts(take_more_than_the_cap_at_once));
    assert_true(aborts(take_more_than_the_cap_bit_by_bit));
    assert_true(aborts(take_a_size_that_wraps_around));
}

static void freeing_nothing_is_fine(void **state) {
    struct arena *arena = NULL;

    arena_free(NULL);
    arena_auto(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_zeroed_aligned_and_its_own),
        cmocka_unit_test(copies_and_formatted_texts_are_the_arenas_own),
        cmocka_unit_test(a_copy_keeps_its_nul_when_the_next_piece_is_filled),
        cmocka_unit_test(all_of_the_cap_can_be_used),
        cmocka_unit_test(passing_the_cap_is_a_bug_and_aborts),
        cmocka_unit_test(freeing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
