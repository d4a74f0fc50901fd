/* SPDX-License-Identifier: Apache-2.0
 * slices.h: outcomes by slice: who is well and who is not, second by second and minute by minute.
 *
 * A slice is an operation (slice_operations.def) with a gateway, a method, a region, a currency and
 * a customer segment. Each keeps three things: counts of outcomes for each of the last 600 seconds;
 * the figures of its present minute and of the one before (durations, money, the commonest codes);
 * totals. Beside them one table has the error codes of all slices, for each of the last 600
 * seconds. What happens is also handed on one by one, to who has asked for it (a detector).
 *
 * Recording: one look-up without a lock and a dozen relaxed atomic operations. It never waits, and
 * takes memory only when a slice, a segment or a code is seen for the first time.
 * Bounded: SLICES_MAX slices of 6.4 KB each, 64 MiB with everything (2 more with the longest
 * labels), taken 2 MiB at a time. Past the limits an event is
 * folded, never lost: a segment beyond SLICE_SEGMENTS_MAX becomes "other"; when the table is nearly
 * full region, currency and segment do; when it is full the gateway and the method do as well
 * (money of several currencies then stands in one sum, under the currency "other"). slices_folded()
 * counts them.
 * 224 pairs of slice and code are told apart in one second: past that a code is counted for its
 * operation, and past 64 of those it is missed by the second (never by the minute);
 * slice_codes_folded() and slice_codes_missed() count them.
 * Seconds are those of the monotonic clock, minutes those of the wall's.
 * Threads: slice_record() and the looks from any; slice_events_take() and slices_minutes() from
 * one task each, for they take what they return.
 * Owns: one process-wide table, made by slices_init(). Cannot fail. */
#ifndef HOLDFAST_METER_SLICES_H
#define HOLDFAST_METER_SLICES_H

#include "base/compiler.h"

enum {
    SLICES_MAX = 10000,
    SLICE_WINDOW_S = 600,
    SLICE_SEGMENTS_MAX = 64, /* that are told apart */
    SLICE_LABEL_CHARS_MAX = 40,
    SLICE_CODES_MAX = 1000,  /* different ones in all; the rest is "other" */
    SLICE_CODES_EACH = 6,    /* told apart in one minute of one slice */
    SLICE_CUSTOMER_S = 600,  /* who fails again within it is the same piece of evidence */
    SLICE_EVENTS_MAX = 16384 /* that wait for slice_events_take() */
};

enum slice_operation {
#define X(id, number, name, help) SLICE_##id = (number),
#include "meter/slice_operations.def"
#undef X
};
enum { SLICE_OPERATIONS_MAX = 13 };
const char *slice_operation_name(enum slice_operation operation);
bool slice_operation_parse(const char *name, enum slice_operation *ret_operation);

enum slice_outcome {
    SLICE_OK,
    SLICE_DECLINED, /* an ordinary No, by an issuer, a customer or a rule */
    SLICE_FAILED,   /* a technical failure, or nobody knows what became of it */
    SLICE_OUTCOMES
};
const char *slice_outcome_name(enum slice_outcome outcome);

enum slice_dimension {
    SLICE_GATEWAY,
    SLICE_METHOD,
    SLICE_REGION,
    SLICE_CURRENCY,
    SLICE_SEGMENT,
    SLICE_DIMENSIONS
};
extern const char *const slice_dimensions[SLICE_DIMENSIONS]; /* "gateway", … */

struct slice_event {
    enum slice_operation operation;
    enum slice_outcome outcome;
    /* Borrowed for the call; NULL is "". Cut at SLICE_LABEL_CHARS_MAX bytes. */
    const char *labels[SLICE_DIMENSIONS];
    const char *code;     /* why not, NULL or "": not said */
    int64_t duration_us;  /* -1: not known, or a person's time is in it */
    int64_t amount_minor; /* in the slice's currency; 0: it is not about money */
    uint64_t customer;    /* slice_customer(); 0: not known */
};

/* Again: forgets everything (tests); nobody may record or read meanwhile. */
void slices_init(void);
void slice_record(const struct slice_event *event);
/* What stands for a customer, or for a card where there is no customer; 0 for "". */
uint64_t slice_customer(const char *customer);

struct slice; /* lives until slices_init() */
/* Made of its operation and labels: the same in every process and version. */
int64_t slice_id(const struct slice *slice);
enum slice_operation slice_operation_of(const struct slice *slice);
const char *slice_label(const struct slice *slice, enum slice_dimension dimension);
/* "" for 0, "other" for what had no place. */
const char *slice_code_text(uint16_t code);

/* ---- the last seconds ---- */

struct slice_counts {
    int64_t ok, declined, failed;
    int64_t repeated; /* of declined and failed: by a customer who had failed there just before */
};

/* Every slice there is, the newest first; NULL at the end. */
const struct slice *slices_next(const struct slice *before);
/* Counts of the second `seconds_ago` (0: the present, unfinished one) and the `window_s` - 1 before
 * it; together at most SLICE_WINDOW_S seconds. Exact up to 65,535 outcomes of one kind in one slice
 * and second, and no more than that. `repeated` is not known by the second: 0. */
void slice_recent(const struct slice *slice, int seconds_ago, int window_s,
                  struct slice_counts *ret_counts);
/* Since the slice began; what slices_minutes() is just taking may be missing. */
void slice_totals(const struct slice *slice, struct slice_counts *ret_counts);

/* How often a code was said in one second. */
struct slice_code_count {
    const struct slice *slice; /* NULL: of slices that had no place, all of the operation */
    enum slice_operation operation;
    uint16_t code;
    int seconds_ago;
    int64_t count; /* exact up to 65,535 */
};
typedef void slice_code_fn(void *ctx, const struct slice_code_count *count);
/* Every pair of slice and code that was said in the second `seconds_ago` (0: the present,
 * unfinished one) and the `window_s` - 1 before it, second by second, the newest first. Reads some
 * 2.5 KB a second of the window. */
void slice_codes_recent(int seconds_ago, int window_s, slice_code_fn *fn, void *ctx);
int64_t slice_codes_folded(void);
int64_t slice_codes_missed(void);

/* ---- one by one ---- */

struct slice_seen {
    const struct slice *slice;
    int64_t at_us; /* monotonic */
    int64_t duration_us, amount_minor;
    uint64_t customer;
    uint16_t code;
    uint8_t outcome; /* enum slice_outcome */
    bool repeated;   /* the customer had failed there within SLICE_CUSTOMER_S */
};
/* From now on events of these operations (bits 1 << SLICE_…) are kept for slice_events_take(); 0:
 * none. */
void slice_events_want(unsigned operations);
/* The oldest that wait, at most `max`, in the order in which they were recorded; returns how many.
 * Those that come when SLICE_EVENTS_MAX wait are not kept, and counted. */
int slice_events_take(struct slice_seen *ret_events, int max);
int64_t slice_events_missed(void);

/* ---- minutes ---- */

/* Durations fall into log-linear buckets from half a millisecond on, eight to each power of
 * two: a middle is at most 1/16, or a quarter of a millisecond, away from everything in its bucket.
 * Over half an hour counts as that. */
enum { SLICE_BUCKETS = 160 };
int slice_bucket_of(int64_t duration_us);
int64_t slice_bucket_us(int bucket); /* its middle */

struct slice_minute {
    int64_t minute; /* since 1970 */
    struct slice_counts counts;
    int64_t ok_minor, lost_minor;  /* amounts of ok, and of declined and failed together */
    int64_t duration_us;           /* sum over those that are in buckets */
    uint32_t codes[SLICE_CODES_EACH]; /* how often; what is missing of declined and failed: other */
    uint16_t code_numbers[SLICE_CODES_EACH]; /* 0: none */
    uint32_t buckets[SLICE_BUCKETS];
};
typedef void slice_minute_fn(void *ctx, const struct slice *slice,
                             const struct slice_minute *minute);
/* Takes every minute that is over, and with `all` the present one as well; a slice's is told once a
 * call. One that is not taken for two minutes takes in what comes then. An event that is recorded
 * on the minute's edge may be told in a later one, never in none. */
void slices_minutes(bool all, slice_minute_fn *fn, void *ctx);
/* The present minute and what was not taken yet, added to `*sum`, nothing taken. */
void slice_minute_peek(const struct slice *slice, struct slice_minute *sum);
/* Adds what `from` holds to `to`, which is of the same slice or stands for several. */
void slice_minute_add(struct slice_minute *to, const struct slice_minute *from);
/* How many durations there are; the quantile (0 to 1) of them in microseconds, -1 without any. */
int64_t slice_timed(const struct slice_minute *minute);
int64_t slice_quantile_us(const struct slice_minute *minute, double quantile);

/* ---- what there is ---- */

int slices_count(void);
int64_t slices_folded(void); /* events that went to a slice of "other" for want of room */
int64_t slices_bytes(void);  /* memory taken */

#endif
