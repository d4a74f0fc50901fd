/* SPDX-License-Identifier: Apache-2.0
 * test_slices.c: outcomes by slice: counted once, second by second and minute by minute, within the
 * limits that the header states, whatever is recorded and read at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "base/world.h"
#include "meter/meter.h"
#include "meter/slices.h"

enum { MINUTE_S = 60, START_MINUTE = 29000000 };

/* A world whose clocks move only when a test says so; its wall stands at a minute's beginning. */
static _Atomic int64_t passed_us;
static struct world_ops fake_world;

static int64_t fake_mono(void *ctx) {
    (void)ctx;
    return 1000 * US_PER_SECOND + atomic_load(&passed_us);
}
static int64_t fake_wall(void *ctx) {
    (void)ctx;
    return START_MINUTE * MINUTE_S * US_PER_SECOND + atomic_load(&passed_us);
}
static void pass_s(int64_t seconds) {
    atomic_fetch_add(&passed_us, seconds * US_PER_SECOND);
}

static int forget(void **state) {
    (void)state;
    atomic_store(&passed_us, 0);
    meter_init();
    return 0;
}

static struct slice_event charge(enum slice_outcome outcome) {
    return (struct slice_event){
        .operation = SLICE_CHARGE,
        .outcome = outcome,
        .labels = {"stripe-eu", "card", "DE", "EUR", "retail"},
        .code = outcome == SLICE_OK ? NULL : "timeout",
        .duration_us = 120 * US_PER_MS,
        .amount_minor = 1999,
    };
}

static void record(enum slice_outcome outcome) {
    struct slice_event event = charge(outcome);
    slice_record(&event);
}

static void record_labels(const char *gateway, const char *region, const char *segment) {
    struct slice_event event = charge(SLICE_OK);
    event.labels[SLICE_GATEWAY] = gateway;
    event.labels[SLICE_REGION] = region;
    event.labels[SLICE_SEGMENT] = segment;
    slice_record(&event);
}

static struct slice_counts recent(int seconds_ago, int window_s) {
    struct slice_counts counts;
    slice_recent(slices_next(NULL), seconds_ago, window_s, &counts);
    return counts;
}

/* ---- seconds ---- */

static void each_second_has_its_own_counts(void **state) {
    (void)state;
    record(SLICE_OK);
    record(SLICE_OK);
    record(SLICE_FAILED);
    pass_s(1);
    record(SLICE_DECLINED);
    assert_int_equal(recent(1, 1).ok, 2);
    assert_int_equal(recent(1, 1).failed, 1);
    assert_int_equal(recent(1, 1).declined, 0);
    assert_int_equal(recent(0, 1).declined, 1);
    assert_int_equal(recent(0, 2).ok, 2);
    assert_int_equal(recent(2, 100).ok, 0);
}

static void the_window_reaches_back_600_seconds_and_no_further(void **state) {
    (void)state;
    record(SLICE_OK);
    pass_s(SLICE_WINDOW_S - 1);
    assert_int_equal(recent(0, SLICE_WINDOW_S).ok, 1);
    pass_s(1);
    assert_int_equal(recent(0, SLICE_WINDOW_S).ok, 0);
    record(SLICE_OK); /* takes the same place */
    assert_int_equal(recent(0, SLICE_WINDOW_S).ok, 1);
    pass_s(SLICE_WINDOW_S * 7);
    assert_int_equal(recent(0, SLICE_WINDOW_S).ok, 0);
}

/* They stand side by side with those of others. */
static void each_slice_has_its_own_seconds(void **state) {
    (void)state;
    enum { MANY = 1000 };
    char region[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(region, sizeof region, "r%d", i);
        for (int k = 0; k <= i % 7; k++) {
            record_labels("g", region, "");
        }
    }
    pass_s(1);
    for (int i = 0; i < MANY; i += 3) {
        snprintf(region, sizeof region, "r%d", i);
        record_labels("g", region, "");
    }
    int seen = 0;
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s), seen++) {
        struct slice_counts now, before;
        int i = (int)strtol(slice_label(s, SLICE_REGION) + 1, NULL, 10);
        slice_recent(s, 0, 1, &now);
        slice_recent(s, 1, SLICE_WINDOW_S - 1, &before);
        assert_int_equal(now.ok, i % 3 == 0);
        assert_int_equal(before.ok, i % 7 + 1);
        assert_int_equal(now.failed + before.failed, 0);
    }
    assert_int_equal(seen, MANY);
}

static void seconds_agree_with_a_list_of_what_was_recorded(void **state) {
    (void)state;
    static int64_t recorded[2000];
    struct prng prng;
    prng_init(&prng, 11);
    for (int second = 0; second < 2000; second++) {
        recorded[second] = prng_below(&prng, 3) > 0 ? (int64_t)prng_below(&prng, 5) : 0;
        for (int i = 0; i < recorded[second]; i++) {
            record(SLICE_FAILED);
        }
        pass_s(1);
        int window = 1 + (int)prng_below(&prng, SLICE_WINDOW_S - 1);
        int64_t sum = 0;
        for (int i = second; i > second - window && i >= 0; i--) {
            sum += recorded[i];
        }
        if (slices_count() > 0) {
            assert_int_equal(recent(1, window).failed, sum);
        }
    }
}

static void a_second_counts_to_65535_and_stops_without_touching_its_neighbours(void **state) {
    (void)state;
    for (int i = 0; i < 66000; i++) {
        record(SLICE_OK);
    }
    struct slice_counts totals;
    slice_totals(slices_next(NULL), &totals);
    assert_int_equal(recent(0, 1).ok, 65535);
    assert_int_equal(recent(0, 1).declined, 0);
    assert_int_equal(totals.ok, 66000);
}

/* ---- codes by the second ---- */

struct codes {
    int64_t in[20]; /* by seconds_ago */
    int64_t sum, wide;
};

static void take_code(void *ctx, const struct slice_code_count *count) {
    struct codes *codes = ctx;
    assert_true(count->operation == SLICE_CHARGE);
    assert_true(count->slice == NULL || slice_operation_of(count->slice) == SLICE_CHARGE);
    if (count->seconds_ago < 20 && strcmp(slice_code_text(count->code), "do_not_honor") == 0) {
        codes->in[count->seconds_ago] += count->count;
    }
    codes->sum += count->count;
    codes->wide += count->slice == NULL ? count->count : 0;
}

static void record_code(const char *gateway, const char *code, int times) {
    struct slice_event event = charge(SLICE_DECLINED);
    event.labels[SLICE_GATEWAY] = gateway;
    event.code = code;
    for (int i = 0; i < times; i++) {
        slice_record(&event);
    }
}

static void why_it_failed_is_known_second_by_second(void **state) {
    (void)state;
    record_code("stripe-eu", "do_not_honor", 3);
    record(SLICE_OK); /* says no code */
    pass_s(5);
    record_code("stripe-eu", "do_not_honor", 2);
    record_code("stripe-eu", "expired_card", 4);
    record_code("paypal-eu", "do_not_honor", 7);
    pass_s(1);
    struct codes codes = {0};
    slice_codes_recent(0, 10, take_code, &codes);
    assert_int_equal(codes.in[6], 3);
    assert_int_equal(codes.in[1], 9);
    assert_int_equal(codes.in[0], 0);
    assert_int_equal(codes.sum, 16);
    codes = (struct codes){0};
    slice_codes_recent(1, 1, take_code, &codes); /* that second alone */
    assert_int_equal(codes.sum, 13);
    /* A second that comes again, a window later, begins anew. */
    pass_s(SLICE_WINDOW_S - 1);
    record_code("stripe-eu", "do_not_honor", 1);
    codes = (struct codes){0};
    slice_codes_recent(0, SLICE_WINDOW_S, take_code, &codes);
    assert_int_equal(codes.sum, 1);
}

static void what_finds_no_place_in_a_second_is_counted_for_its_operation(void **state) {
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char gateway[16];
        snprintf(gateway, sizeof gateway, "g-%d", i);
        record_code(gateway, "do_not_honor", 1);
    }
    struct codes codes = {0};
    slice_codes_recent(0, 1, take_code, &codes);
    assert_int_equal(codes.sum, 2000);
    assert_int_equal(codes.wide, slice_codes_folded());
    assert_true(codes.wide >= 2000 - 256 && codes.wide < 2000);
    assert_int_equal(slice_codes_missed(), 0);
}

static void more_codes_than_a_second_has_room_for_are_missed_and_counted(void **state) {
    (void)state;
    for (int i = 0; i < 900; i++) {
        char code[16];
        snprintf(code, sizeof code, "c-%d", i);
        record_code("stripe-eu", code, 1);
    }
    struct codes codes = {0};
    slice_codes_recent(0, 1, take_code, &codes);
    assert_true(slice_codes_missed() > 0);
    assert_int_equal(codes.sum + slice_codes_missed(), 900);
}

/* ---- minutes ---- */

struct taken {
    int count;
    struct slice_minute minutes[8];
    char label[8][SLICE_LABEL_CHARS_MAX + 1];
};

static void take(void *ctx, const struct slice *slice, const struct slice_minute *minute) {
    struct taken *taken = ctx;
    assert_true(taken->count < 8);
    snprintf(taken->label[taken->count], sizeof taken->label[0], "%s",
             slice_label(slice, SLICE_GATEWAY));
    taken->minutes[taken->count++] = *minute;
}

static void a_minute_is_taken_when_it_is_over_and_once(void **state) {
    (void)state;
    struct taken taken = {0};
    record(SLICE_OK);
    record(SLICE_FAILED);
    record(SLICE_DECLINED);
    slices_minutes(false, take, &taken);
    assert_int_equal(taken.count, 0);
    pass_s(MINUTE_S);
    record(SLICE_OK);
    slices_minutes(false, take, &taken);
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.minutes[0].minute, START_MINUTE);
    assert_int_equal(taken.minutes[0].counts.ok, 1);
    assert_int_equal(taken.minutes[0].counts.failed, 1);
    assert_int_equal(taken.minutes[0].counts.declined, 1);
    assert_int_equal(taken.minutes[0].ok_minor, 1999);
    assert_int_equal(taken.minutes[0].lost_minor, 2 * 1999);
    assert_int_equal(slice_timed(&taken.minutes[0]), 3);
    assert_int_equal(taken.minutes[0].duration_us, 360 * US_PER_MS);
    assert_string_equal(slice_code_text(taken.minutes[0].code_numbers[0]), "timeout");
    assert_int_equal(taken.minutes[0].codes[0], 2);
    assert_string_equal(taken.label[0], "stripe-eu");
    slices_minutes(false, take, &taken);
    assert_int_equal(taken.count, 1);
    pass_s(MINUTE_S);
    slices_minutes(false, take, &taken);
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.minutes[1].minute, START_MINUTE + 1);
    assert_int_equal(taken.minutes[1].counts.ok, 1);
}

static void what_nobody_takes_in_time_is_told_late_and_never_lost(void **state) {
    (void)state;
    struct taken taken = {0};
    for (int minute = 0; minute < 5; minute++) {
        record(SLICE_OK);
        pass_s(MINUTE_S);
    }
    slices_minutes(false, take, &taken);
    int64_t sum = 0;
    for (int i = 0; i < taken.count; i++) {
        sum += taken.minutes[i].counts.ok;
    }
    assert_int_equal(taken.count, 2);
    assert_int_equal(sum, 5);
}

static void a_duration_is_told_within_a_sixteenth(void **state) {
    (void)state;
    struct prng prng;
    prng_init(&prng, 5);
    for (int i = 0; i < 20000; i++) {
        int64_t us = 2000 + (int64_t)prng_below(&prng, UINT64_C(1) << (11 + i % 21));
        int64_t middle = slice_bucket_us(slice_bucket_of(us));
        assert_true(llabs(middle - us) * 16 <= us + 4000);
    }
    assert_int_equal(slice_bucket_of(-1), 0);
    assert_int_equal(slice_bucket_of(INT64_MAX), SLICE_BUCKETS - 1);
    struct slice_minute minute = {0};
    assert_int_equal(slice_quantile_us(&minute, 0.5), -1);
    for (int i = 1; i <= 100; i++) {
        minute.buckets[slice_bucket_of(i * 10 * US_PER_MS)]++;
    }
    assert_in_range(slice_quantile_us(&minute, 0.50), 468000, 532000);
    assert_in_range(slice_quantile_us(&minute, 0.99), 928000, 1052000);
    assert_in_range(slice_quantile_us(&minute, 0), 9000, 11000);
}

static void the_commonest_codes_are_told_and_the_rest_is_what_is_missing(void **state) {
    (void)state;
    struct slice_minute sum = {0};
    for (int i = 0; i < 20; i++) {
        char code[16];
        struct slice_event event = charge(SLICE_FAILED);
        snprintf(code, sizeof code, "code-%d", i);
        event.code = code;
        for (int j = 0; j < 20 - i; j++) {
            slice_record(&event);
        }
    }
    slice_minute_peek(slices_next(NULL), &sum);
    int64_t told = 0;
    for (int i = 0; i < SLICE_CODES_EACH; i++) {
        told += sum.codes[i];
    }
    assert_int_equal(sum.counts.failed, 210);
    assert_int_equal(told, 20 + 19 + 18 + 17 + 16 + 15);
    assert_string_equal(slice_code_text(sum.code_numbers[0]), "code-0");
}

/* ---- customers ---- */

static void add_minute(void *ctx, const struct slice *slice, const struct slice_minute *minute) {
    (void)slice;
    slice_minute_add(ctx, minute);
}

static void one_customer_who_tries_again_is_one_piece_of_evidence(void **state) {
    (void)state;
    struct slice_counts totals;
    struct slice_event event = charge(SLICE_DECLINED);
    event.customer = slice_customer("cus_1");
    for (int i = 0; i < 5; i++) {
        slice_record(&event);
    }
    event.customer = slice_customer("cus_2");
    slice_record(&event);
    event.customer = 0; /* nobody knows whether it is the same */
    slice_record(&event);
    slice_record(&event);
    slice_totals(slices_next(NULL), &totals);
    assert_int_equal(totals.declined, 8);
    assert_int_equal(totals.repeated, 4);
    static struct slice_minute sum;
    slices_minutes(true, add_minute, &sum); /* what is taken is no less the slice's */
    slice_totals(slices_next(NULL), &totals);
    assert_int_equal(totals.declined, 8);
    assert_int_equal(totals.repeated, 4);
    pass_s(SLICE_CUSTOMER_S);
    event.customer = slice_customer("cus_1");
    slice_record(&event);
    slice_totals(slices_next(NULL), &totals);
    assert_int_equal(totals.repeated, 4);
    event.labels[SLICE_GATEWAY] = "paypal"; /* another gateway's failure is news */
    slice_record(&event);
    slice_totals(slices_next(NULL), &totals);
    assert_int_equal(totals.repeated, 0);
    assert_int_equal(slice_customer(""), 0);
}

/* ---- names ---- */

/* Long names lie elsewhere than short ones; both are found again, and told apart to the end. */
static void names_of_every_length_are_told_apart(void **state) {
    (void)state;
    char name[SLICE_LABEL_CHARS_MAX + 1];
    for (int round = 0; round < 2; round++) {
        for (int bytes = 1; bytes <= SLICE_LABEL_CHARS_MAX; bytes++) {
            for (char last = 'a'; last <= 'b'; last++) {
                struct slice_event event = charge(SLICE_OK);
                memset(name, 'x', sizeof name);
                name[bytes - 1] = last;
                name[bytes] = '\0';
                for (int i = 0; i < SLICE_SEGMENT; i++) {
                    event.labels[i] = name;
                }
                slice_record(&event);
            }
        }
    }
    assert_int_equal(slices_count(), 2 * SLICE_LABEL_CHARS_MAX);
    int bytes = SLICE_LABEL_CHARS_MAX;
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s)) {
        struct slice_counts totals;
        slice_totals(s, &totals);
        assert_int_equal(totals.ok, 2);
        assert_int_equal(slice_operation_of(s), SLICE_CHARGE);
        assert_int_equal(strlen(slice_label(s, SLICE_CURRENCY)), bytes);
        assert_string_equal(slice_label(s, SLICE_CURRENCY), slice_label(s, SLICE_GATEWAY));
        assert_string_equal(slice_label(s, SLICE_SEGMENT), "retail");
        bytes -= slice_label(s, SLICE_GATEWAY)[bytes - 1] == 'a';
    }
}

/* ---- bounds ---- */

static void past_the_table_events_are_folded_and_counted_and_none_is_lost(void **state) {
    (void)state;
    for (int i = 0; i < 12000; i++) {
        char gateway[16], region[16];
        snprintf(gateway, sizeof gateway, "g%d", i % 20);
        snprintf(region, sizeof region, "r%d", i);
        record_labels(gateway, region, "");
    }
    for (int i = 0; i < 500; i++) {
        char gateway[16];
        snprintf(gateway, sizeof gateway, "new-%d", i);
        record_labels(gateway, "DE", "");
    }
    int64_t sum = 0, wide = 0, others = 0;
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s)) {
        struct slice_counts totals;
        slice_totals(s, &totals);
        sum += totals.ok;
        bool folded = strcmp(slice_label(s, SLICE_REGION), "other") == 0;
        wide += folded && strcmp(slice_label(s, SLICE_GATEWAY), "other") != 0 ? totals.ok : 0;
        others += strcmp(slice_label(s, SLICE_GATEWAY), "other") == 0 ? totals.ok : 0;
    }
    assert_int_equal(sum, 12500);
    assert_int_equal(slices_folded(), wide + others);
    assert_true(wide >= 2000 && others > 0);
    assert_true(slices_count() <= SLICES_MAX);
    assert_true(slices_bytes() < 64 << 20);
}

static void a_flood_of_segments_takes_no_more_than_its_part(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char segment[16];
        snprintf(segment, sizeof segment, "s%d", i);
        record_labels("stripe-eu", "DE", segment);
        record_labels("stripe-eu", "DE", segment);
    }
    assert_int_equal(slices_count(), SLICE_SEGMENTS_MAX + 1);
    assert_int_equal(slices_folded(), 2 * (1000 - SLICE_SEGMENTS_MAX));
}

static void codes_past_their_number_are_other(void **state) {
    (void)state;
    slice_events_want(1U << SLICE_CHARGE);
    struct slice_seen seen;
    for (int i = 0; i < SLICE_CODES_MAX + 10; i++) {
        char code[80];
        struct slice_event event = charge(SLICE_FAILED);
        snprintf(code, sizeof code, "a-code-of-its-own-%d", i);
        event.code = code;
        slice_record(&event);
        assert_int_equal(slice_events_take(&seen, 1), 1);
        assert_string_equal(slice_code_text(seen.code), i < SLICE_CODES_MAX - 1 ? code : "other");
    }
}

/* ---- one by one ---- */

static void events_come_in_order_to_who_wants_them_and_a_full_ring_counts(void **state) {
    (void)state;
    static struct slice_seen seen[100];
    record(SLICE_OK); /* nobody wants it yet */
    slice_events_want(1U << SLICE_CHARGE);
    struct slice_event event = charge(SLICE_FAILED);
    event.customer = 77;
    slice_record(&event);
    slice_record(&event);
    event.operation = SLICE_CALL; /* not wanted */
    slice_record(&event);
    assert_int_equal(slice_events_take(seen, 100), 2);
    assert_string_equal(slice_label(seen[0].slice, SLICE_METHOD), "card");
    assert_string_equal(slice_code_text(seen[0].code), "timeout");
    assert_int_equal(seen[0].customer, 77);
    assert_int_equal(seen[0].outcome, SLICE_FAILED);
    assert_int_equal(seen[0].at_us, clock_mono_us());
    assert_false(seen[0].repeated);
    assert_true(seen[1].repeated);
    for (int i = 0; i < SLICE_EVENTS_MAX + 5; i++) {
        event = charge(SLICE_OK);
        event.amount_minor = i;
        slice_record(&event);
    }
    assert_int_equal(slice_events_missed(), 5);
    int64_t next = 0;
    for (int count; (count = slice_events_take(seen, 100)) > 0;) {
        for (int i = 0; i < count; i++) {
            assert_int_equal(seen[i].amount_minor, next++);
        }
    }
    assert_int_equal(next, SLICE_EVENTS_MAX);
    record(SLICE_OK); /* there is room again */
    assert_int_equal(slice_events_take(seen, 100), 1);
}

/* ---- many at once ---- */

enum { RECORDERS = 4, EACH = 30000 };
static _Atomic int recording;

static void recorder(void *arg) {
    int me = *(const int *)arg;
    for (int i = 0; i < EACH; i++) {
        char region[8];
        struct slice_event event = charge((enum slice_outcome)(i % SLICE_OUTCOMES));
        snprintf(region, sizeof region, "r%d", (i + me) % 40);
        event.labels[SLICE_REGION] = region;
        event.customer = (uint64_t)i;
        slice_record(&event);
        if (i % 1000 == 0) {
            pass_s(7);
        }
    }
    atomic_fetch_sub(&recording, 1);
}

static void nothing_is_lost_or_counted_twice_while_others_read(void **state) {
    (void)state;
    struct task *tasks[RECORDERS];
    int numbers[RECORDERS];
    static struct slice_seen seen[512];
    static struct slice_minute sum;
    int64_t events = 0;
    sum = (struct slice_minute){0};
    slice_events_want(1U << SLICE_CHARGE);
    atomic_store(&recording, RECORDERS);
    for (int i = 0; i < RECORDERS; i++) {
        numbers[i] = i;
        tasks[i] = task_start("recorder", 0, recorder, &numbers[i]);
        assert_non_null(tasks[i]);
    }
    bool last = false;
    while (!last) {
        last = atomic_load(&recording) == 0;
        slices_minutes(false, add_minute, &sum);
        for (int count; (count = slice_events_take(seen, 512)) > 0;) {
            events += count;
        }
        task_sleep_us(200);
    }
    for (int i = 0; i < RECORDERS; i++) {
        task_join(tasks[i]);
    }
    pass_s(2 * MINUTE_S);
    slices_minutes(false, add_minute, &sum);
    struct slice_counts totals;
    int64_t total = 0;
    for (const struct slice *s = slices_next(NULL); s != NULL; s = slices_next(s)) {
        slice_totals(s, &totals);
        total += totals.ok + totals.declined + totals.failed;
    }
    assert_int_equal(total, RECORDERS * EACH);
    assert_int_equal(sum.counts.ok + sum.counts.declined + sum.counts.failed, RECORDERS * EACH);
    assert_int_equal(slice_timed(&sum), RECORDERS * EACH);
    assert_int_equal(sum.ok_minor + sum.lost_minor, INT64_C(1999) * RECORDERS * EACH);
    assert_int_equal(events + slice_events_missed(), RECORDERS * EACH);
}

#define TEST(name) cmocka_unit_test_setup(name, forget)

int main(void) {
    fake_world = *world_real();
    fake_world.mono_us = fake_mono;
    fake_world.wall_us = fake_wall;
    world_install(NULL, &fake_world);
    const struct CMUnitTest tests[] = {
        TEST(each_second_has_its_own_counts),
        TEST(why_it_failed_is_known_second_by_second),
        TEST(what_finds_no_place_in_a_second_is_counted_for_its_operation),
        TEST(more_codes_than_a_second_has_room_for_are_missed_and_counted),
        TEST(the_window_reaches_back_600_seconds_and_no_further),
        TEST(each_slice_has_its_own_seconds),
        TEST(seconds_agree_with_a_list_of_what_was_recorded),
        TEST(a_second_counts_to_65535_and_stops_without_touching_its_neighbours),
        TEST(a_minute_is_taken_when_it_is_over_and_once),
        TEST(what_nobody_takes_in_time_is_told_late_and_never_lost),
        TEST(a_duration_is_told_within_a_sixteenth),
        TEST(the_commonest_codes_are_told_and_the_rest_is_what_is_missing),
        TEST(one_customer_who_tries_again_is_one_piece_of_evidence),
        TEST(names_of_every_length_are_told_apart),
        TEST(past_the_table_events_are_folded_and_counted_and_none_is_lost),
        TEST(a_flood_of_segments_takes_no_more_than_its_part),
        TEST(codes_past_their_number_are_other),
        TEST(events_come_in_order_to_who_wants_them_and_a_full_ring_counts),
        TEST(nothing_is_lost_or_counted_twice_while_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
