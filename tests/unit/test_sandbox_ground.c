/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_ground.c: what both simulated gateways stand on: names, forms, keys, the book, the
 * clerk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sandbox/book.h"
#include "sandbox/clerk.h"
#include "sandbox/form.h"
#include "sandbox/keys.h"
#include "sandbox/place.h"

/* ---- names ---- */

static void a_name_leads_back_to_its_number(void **state) {
    struct sb_place *place = sb_place_new(77, 0);
    const uint32_t numbers[] = {0, 1, 2, 1000, 65535, 9999999, UINT32_MAX};
    for (int kind = 0; kind < SB_KINDS; kind++) {
        for (size_t i = 0; i < COUNT_OF(numbers); i++) {
            uint32_t number = 0;
            struct sb_id id = sb_id_of(place, (enum sb_kind)kind, numbers[i]);
            assert_true(sb_id_number(place, (enum sb_kind)kind, id.text, &number));
            assert_int_equal(number, numbers[i]);
        }
    }
    sb_place_free(place);
}

static void an_altered_or_foreign_name_leads_nowhere(void **state) {
    struct sb_place *place = sb_place_new(77, 0);
    struct sb_place *other = sb_place_new(78, 0);
    struct sb_id id = sb_id_of(place, SB_STRIPE_INTENT, 41);
    uint32_t number = 0;
    assert_int_equal(strlen(id.text), 27);
    assert_false(sb_id_number(other, SB_STRIPE_INTENT, id.text, &number));
    assert_false(sb_id_number(place, SB_STRIPE_CHARGE, id.text, &number));
    assert_false(sb_id_number(place, SB_STRIPE_INTENT, "", &number));
    for (size_t i = 0; i < strlen(id.text); i++) {
        struct sb_id altered = id;
        altered.text[i] = altered.text[i] == 'a' ? 'b' : 'a';
        assert_false(sb_id_number(place, SB_STRIPE_INTENT, altered.text, &number));
    }
    sb_place_free(place);
    sb_place_free(other);
}

static void a_full_place_says_so(void **state) {
    struct sb_place *place = sb_place_new(1, 3);
    uint32_t number = 0;
    int64_t created_us = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(sb_place_add(place, SB_PAYPAL_ORDER, &number, &created_us));
        assert_int_equal(number, i);
    }
    assert_false(sb_place_add(place, SB_PAYPAL_ORDER, &number, &created_us));
    assert_null(sb_place_get(place, SB_PAYPAL_ORDER, 2));
    sb_place_put(place, SB_PAYPAL_ORDER, 2, place);
    assert_ptr_equal(sb_place_get(place, SB_PAYPAL_ORDER, 2), place);
    struct sb_id before = sb_id_of(place, SB_PAYPAL_ORDER, 2);
    sb_place_clear(place, 2);
    assert_null(sb_place_find(place, SB_PAYPAL_ORDER, before.text));
    assert_true(sb_place_add(place, SB_PAYPAL_ORDER, &number, &created_us));
    assert_int_equal(number, 0);
    sb_place_free(place);
}

/* ---- forms ---- */

static void a_form_is_read_in_one_spelling(void **state) {
    static const char body[] =
        "amount=1099&metadata%5Border_id%5D=T%201%262+x&expand[]=a&expand[]=b"
        "&empty=&bare&amount=7";
    struct sb_form form = {0};
    struct err err;
    assert_int_equal(sb_form_read(&form, "limit=3&q=%C3%BC", body, strlen(body), &err), 0);
    assert_string_equal(sb_form_get(&form, "metadata[order_id]"), "T 1&2 x");
    assert_string_equal(sb_form_get(&form, "limit"), "3");
    assert_string_equal(sb_form_get(&form, "q"), "\xC3\xBC");
    assert_string_equal(sb_form_get(&form, "amount"), "7"); /* the last counts */
    assert_string_equal(sb_form_get(&form, "empty"), "");
    assert_string_equal(sb_form_get(&form, "bare"), "");
    assert_null(sb_form_get(&form, "metadata"));
    assert_int_equal(form.count, 9);
    assert_int_equal(sb_form_stem("metadata[a][b]"), 8);
    sb_form_release(&form);
    sb_form_release(&form);
}

static void a_form_that_cannot_be_read_is_refused(void **state) {
    static const struct {
        const char *body;
        size_t count;
    } bad[] = {{"a=%", 3}, {"a=%4", 4}, {"a=%4G", 5}, {"a=%00", 5}, {"=x", 2}, {"a=b\0c", 5}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sb_form form = {0};
        struct err err = {0};
        assert_int_equal(sb_form_read(&form, "", bad[i].body, bad[i].count, &err),
                         -ERR_BAD_REQUEST);
        sb_form_release(&form);
    }
    char many[4 * (SB_FORM_MAX + 1) + 1];
    for (size_t i = 0; i <= SB_FORM_MAX; i++) {
        memcpy(many + 4 * i, "a=b&", 4);
    }
    struct sb_form form = {0};
    struct err err = {0};
    assert_int_equal(sb_form_read(&form, "", many, sizeof(many) - 1, &err), -ERR_TOO_LARGE);
    sb_form_release(&form);
}

/* ---- keys ---- */

static void a_key_executes_once_and_remembers(void **state) {
    struct sb_keys keys;
    struct sb_key *key = NULL, *again = NULL;
    struct sb_outcome outcome = {0};
    sb_keys_init(&keys);
    assert_int_equal(sb_keys_claim(&keys, "k", 0, 1, &key, &outcome), SB_CLAIM_NEW);
    assert_int_equal(sb_keys_claim(&keys, "k", 0, 1, &again, &outcome), SB_CLAIM_BUSY);
    assert_int_equal(sb_keys_claim(&keys, "k", 0, 2, &again, &outcome), SB_CLAIM_OTHER);
    assert_int_equal(sb_keys_claim(&keys, "k", 9, 1, &again, &outcome), SB_CLAIM_NEW);
    const struct sb_outcome done = {402, 3, 1, &keys, key};
    sb_keys_finish(&keys, key, &done, 0);
    assert_int_equal(sb_keys_claim(&keys, "k", 0, 1, &again, &outcome), SB_CLAIM_DONE);
    assert_ptr_equal(again, key);
    assert_int_equal(outcome.status, 402);
    assert_ptr_equal(outcome.object, &keys);
    sb_keys_drop(&keys, key);
    assert_int_equal(sb_keys_claim(&keys, "k", 0, 1, &again, &outcome), SB_CLAIM_NEW);
    sb_keys_release(&keys);
}

static void a_key_is_busy_while_its_answer_is_held_back(void **state) {
    struct sb_keys keys;
    struct sb_key *key = NULL;
    struct sb_outcome outcome = {.status = 200};
    sb_keys_init(&keys);
    assert_int_equal(sb_keys_claim(&keys, "slow", 0, 1, &key, &outcome), SB_CLAIM_NEW);
    sb_keys_finish(&keys, key, &outcome, 3600 * US_PER_SECOND);
    assert_int_equal(sb_keys_claim(&keys, "slow", 0, 1, &key, &outcome), SB_CLAIM_BUSY);
    sb_keys_release(&keys);
}

/* ---- the book ---- */

static struct currency currency_of(const char *code) {
    struct currency currency;
    struct err err;
    assert_int_equal(currency_parse(code, &currency, &err), 0);
    return currency;
}

static void the_book_sums_to_the_last_unit(void **state) {
    struct sb_book book;
    struct currency usd = currency_of("USD");
    sb_book_init(&book);
    struct sb_entry *one = sb_book_enter(&book, SB_STRIPE, "ch_1", "r1", "o1", 1000, usd);
    struct sb_entry *two = sb_book_enter(&book, SB_STRIPE, "ch_2", "r2", "o2", 500, usd);
    (void)sb_book_take(&book, one, 1000, 59, NULL);
    sb_book_hold(&book, two, 500);
    sb_book_refund(&book, one, 300, NULL);
    struct sb_sums sums = sb_book_sums(&book, SB_STRIPE, usd);
    assert_int_equal(sums.charges, 1);
    assert_int_equal(sums.charged_minor, 1000);
    assert_int_equal(sums.refunded_minor, 300);
    assert_int_equal(sums.fees_minor, 59);
    assert_int_equal(sums.held_minor, 500);
    sb_book_release_hold(&book, two);
    (void)sb_book_take(&book, two, 200, 36, NULL);
    sb_book_dispute(&book, one, 700, NULL);
    sb_book_refund(&book, one, -300, NULL);
    sums = sb_book_sums(&book, SB_STRIPE, usd);
    assert_int_equal(sums.charges, 2);
    assert_int_equal(sums.charged_minor, 1200);
    assert_int_equal(sums.refunds, 0);
    assert_int_equal(sums.refunded_minor, 0);
    assert_int_equal(sums.disputed_minor, 700);
    assert_int_equal(sums.held_minor, 0);
    sums = sb_book_sums(&book, SB_PAYPAL, usd);
    assert_int_equal(sums.charged_minor, 0);
    sb_book_release(&book);
}

static void charged_twice_is_seen_across_gateways(void **state) {
    struct sb_book book;
    struct currency usd = currency_of("USD");
    int64_t references = -1, orders = -1;
    sb_book_init(&book);
    struct sb_entry *one = sb_book_enter(&book, SB_STRIPE, "ch_1", "r1", "order", 1000, usd);
    struct sb_entry *two = sb_book_enter(&book, SB_PAYPAL, "C1", "r2", "order", 1000, usd);
    struct sb_entry *three = sb_book_enter(&book, SB_PAYPAL, "C2", "r2", "", 1000, usd);
    (void)sb_book_take(&book, one, 1000, 0, NULL);
    sb_book_hold(&book, two, 1000);
    sb_book_twice(&book, &references, &orders);
    assert_int_equal(references, 0);
    assert_int_equal(orders, 0); /* what is only held is not charged */
    (void)sb_book_take(&book, two, 1, 0, NULL);
    (void)sb_book_take(&book, two, 2, 0, NULL); /* a second capture of the same charge */
    sb_book_twice(&book, &references, &orders);
    assert_int_equal(references, 0);
    assert_int_equal(orders, 1);
    (void)sb_book_take(&book, three, 5, 0, NULL);
    sb_book_twice(&book, &references, &orders);
    assert_int_equal(references, 1);
    assert_int_equal(orders, 1);
    sb_book_release(&book);
}

/* ---- the clerk ---- */

struct done {
    struct lock lock;
    struct cond changed;
    int order[8];
    int count;
};

static void note(void *ctx, struct sb_action *action) {
    struct done *done = ctx;
    lock_take(&done->lock);
    done->order[done->count++] = action->tries;
    cond_broadcast(&done->changed);
    lock_give(&done->lock);
}

static void the_clerk_does_what_is_due_first(void **state) {
    static const int later_ms[] = {40, 5, 20, 5};
    struct done done = {.count = 0};
    struct sb_clerk clerk;
    struct err err;
    lock_init(&done.lock);
    cond_init(&done.changed);
    assert_int_equal(sb_clerk_start(&clerk, 1, note, &done, &err), 0);
    int64_t now_us = clock_mono_us();
    for (uint8_t i = 0; i < COUNT_OF(later_ms); i++) {
        struct sb_action action = {.due_us = now_us + later_ms[i] * US_PER_MS, .tries = i};
        assert_true(sb_clerk_push(&clerk, &action));
    }
    lock_take(&done.lock);
    while (done.count < 4) {
        cond_wait(&done.changed, &done.lock);
    }
    lock_give(&done.lock);
    sb_clerk_stop(&clerk);
    const int wanted[] = {1, 3, 2, 0};
    assert_memory_equal(done.order, wanted, sizeof(wanted));
    cond_free(&done.changed);
    lock_free(&done.lock);
}

static void what_waits_can_be_hurried_or_dropped(void **state) {
    struct done done = {.count = 0};
    struct sb_clerk clerk;
    struct err err;
    size_t waiting = 0;
    int busy = 0;
    lock_init(&done.lock);
    cond_init(&done.changed);
    assert_int_equal(sb_clerk_start(&clerk, 2, note, &done, &err), 0);
    struct sb_action action = {.due_us = clock_mono_us() + 3600 * US_PER_SECOND, .tries = 7};
    assert_true(sb_clerk_push(&clerk, &action));
    sb_clerk_clear(&clerk);
    sb_clerk_count(&clerk, &waiting, &busy);
    assert_int_equal(waiting, 0);
    assert_true(sb_clerk_push(&clerk, &action));
    sb_clerk_hurry(&clerk);
    lock_take(&done.lock);
    while (done.count < 1) {
        cond_wait(&done.changed, &done.lock);
    }
    lock_give(&done.lock);
    sb_clerk_stop(&clerk);
    assert_int_equal(done.order[0], 7);
    cond_free(&done.changed);
    lock_free(&done.lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_leads_back_to_its_number),
        cmocka_unit_test(an_altered_or_foreign_name_leads_nowhere),
        cmocka_unit_test(a_full_place_says_so),
        cmocka_unit_test(a_form_is_read_in_one_spelling),
        cmocka_unit_test(a_form_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_key_executes_once_and_remembers),
        cmocka_unit_test(a_key_is_busy_while_its_answer_is_held_back),
        cmocka_unit_test(the_book_sums_to_the_last_unit),
        cmocka_unit_test(charged_twice_is_seen_across_gateways),
        cmocka_unit_test(the_clerk_does_what_is_due_first),
        cmocka_unit_test(what_waits_can_be_hurried_or_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
