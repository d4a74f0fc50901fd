/* SPDX-License-Identifier: Apache-2.0
 * filed_cases.h: a random book of ours and the files of a gateway about it, with planted
 * differences: what is written down for each is in which class a run must find it, and with whom.
 *
 * A fate is what can happen to one movement. One that a layout cannot tell of becomes a movement
 * that is as it should be. Names of what is planted, as both sides of a test write them:
 *   ours     the posting's id; of an attempt that moved nothing its own
 *   theirs   "file 1 row 3": the file, and the row's place in it, both from 1
 *   booking  what the run itself books for a gateway's own row */
#ifndef HOLDFAST_TESTS_FILED_CASES_H
#define HOLDFAST_TESTS_FILED_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "ledger/ledger.h"
#include "match/match.h"
#include "payment/machine.h"
#include "support/statement_files.h"

#define DAY_US (INT64_C(86400) * US_PER_SECOND)
#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
/* Monday, 1 September 2025, and when the runs are: 12 days and a half later. */
#define FIRST_DAY_US (INT64_C(1756684800) * US_PER_SECOND)
#define NOW_US (FIRST_DAY_US + 12 * DAY_US + 12 * HOUR_US)

enum {
    FILES = 2,
    TOLERANCE = 3,
    BEFORE_DAYS = 2,
    AFTER_DAYS = 3,
    OWN_AMOUNT = 1000000, /* from here on an amount that no other movement has */
    NAME_CHARS = 96,
    SUMS_MAX = 200,
};

/* What stands in our books. */
enum deed_kind { DEED_ATTEMPT, DEED_CHARGE, DEED_CAPTURE, DEED_REFUND, DEED_CHARGEBACK };
struct deed {
    enum deed_kind kind;
    enum attempt_state state;      /* of its attempt */
    char payment[40], attempt[40]; /* "att_…" */
    char subject[48];              /* of an operation or dispute: "re_…", "dsp_…" */
    char charge_id[64];            /* the attempt's; "": no answer told it */
    char own_id[64];               /* of a refund or dispute, as the gateway calls it */
    int64_t amount_minor, fee_minor; /* without a sign; fee: AMOUNT_UNSAID where nobody told it */
    struct currency currency;
    int64_t at_us;
    const char *gateway; /* NULL: the case's */
};

/* What a run must make of it: rows of both sides in one group, or one alone. */
struct planted_row {
    enum match_class class;
    enum match_side side;
    char name[NAME_CHARS];
    struct currency currency;
    int64_t amount_minor, fee_minor; /* fee: 0 where nobody told it */
};
struct planted_break {
    enum match_class class;
    int ours, theirs;
    char names[8][NAME_CHARS];
    int64_t sum_minor[MATCH_SIDES];
};

struct filed_case {
    const struct filed_layout *layout;
    uint64_t seed;
    struct prng prng;
    unsigned serial, times;
    GArray *deeds;        /* struct deed */
    GArray *filed[FILES]; /* struct filed */
    GArray *rows;         /* struct planted_row */
    GArray *breaks;       /* struct planted_break */
    /* What each currency of the gateway's account comes to, of deeds and of its own rows. */
    struct {
        struct currency currency;
        int64_t minor;
    } closing[SUMS_MAX];
    int closing_count;
    int64_t *seen; /* groups by class, of all cases */
};

static inline int64_t below(struct filed_case *c, uint64_t bound) {
    return (int64_t)prng_below(&c->prng, bound);
}

static inline bool tells(const struct filed_case *c, unsigned what) {
    return (c->layout->tells & what) == what;
}

/* ---- what is drawn ---- */

static inline void next_name(struct filed_case *c, const char *what, char *text, size_t bytes) {
    snprintf(text, bytes, "%s%llux%u", what, (unsigned long long)c->seed, ++c->serial);
}

/* An id of ours, which no clock has made: digits are letters of such an id as well. */
static inline void next_own(struct filed_case *c, const char *what, char *text, size_t bytes) {
    snprintf(text, bytes, "%s_01J%013llu%010u", what, (unsigned long long)c->seed, ++c->serial);
}

static inline struct currency some_currency(struct filed_case *c) {
    static const char *const codes[] = {"USD", "EUR", "JPY"};
    return currency_stored(tells(c, WRITES_CURRENCIES) ? codes[below(c, COUNT_OF(codes))] : "CNY");
}

/* Of so few that many are alike. */
static inline int64_t some_amount(struct filed_case *c) {
    static const int64_t amounts[] = {500, 999, 1999, 4900};
    return amounts[below(c, COUNT_OF(amounts))];
}

/* Between 08:00 and 14:59 of the file's day, to the second; each later than the one before where
 * the layout asks for it. */
static inline int64_t some_time(struct filed_case *c, int file) {
    int64_t second = c->layout->in_order ? 100 * (int64_t)++c->times : below(c, 7 * 3600);
    return FIRST_DAY_US + file * DAY_US + 8 * HOUR_US + second * US_PER_SECOND;
}

static inline enum row_kind some_kind(struct filed_case *c) {
    int64_t at = below(c, 4);
    return at < 2 || !tells(c, WRITES_REFUND_NAMES) ? ROW_CHARGE
           : at == 2                       ? ROW_REFUND
           : tells(c, WRITES_DISPUTES) ? ROW_CHARGEBACK
                                           : ROW_REFUND;
}

/* ---- what is planted ---- */

static inline void close_with(struct filed_case *c, struct currency currency, int64_t minor) {
    int at = 0;
    while (at < c->closing_count && !currency_equal(c->closing[at].currency, currency)) {
        at++;
    }
    assert_true(at < SUMS_MAX);
    c->closing_count = at == c->closing_count ? at + 1 : c->closing_count;
    c->closing[at].currency = currency;
    c->closing[at].minor += minor;
}

/* A movement of ours of this kind, paid at `at_us`; of a refund or dispute the charge is of long
 * ago, and settled. Nobody has told its fee. */
static inline struct deed draw_deed(struct filed_case *c, enum row_kind kind, int64_t at_us) {
    struct deed deed = {
        .kind = kind == ROW_CHARGE   ? DEED_CHARGE
                : kind == ROW_REFUND ? DEED_REFUND
                                     : DEED_CHARGEBACK,
        .state = ATTEMPT_CHARGED,
        .amount_minor = some_amount(c),
        .fee_minor = AMOUNT_UNSAID,
        .currency = some_currency(c),
        .at_us = at_us,
    };
    next_own(c, "pay", deed.payment, sizeof deed.payment);
    next_own(c, "att", deed.attempt, sizeof deed.attempt);
    next_name(c, "CH", deed.charge_id, sizeof deed.charge_id);
    if (kind != ROW_CHARGE) {
        next_own(c, kind == ROW_REFUND ? "re" : "dsp", deed.subject, sizeof deed.subject);
        next_name(c, kind == ROW_REFUND ? "RE" : "DU", deed.own_id, sizeof deed.own_id);
    }
    return deed;
}

static inline int64_t deed_sign(const struct deed *deed) {
    return deed->kind == DEED_REFUND || deed->kind == DEED_CHARGEBACK ? -1 : 1;
}

static inline void deed_name(const struct deed *deed, char name[NAME_CHARS]) {
    static const char *const kinds[] = {[DEED_ATTEMPT] = "",
                                        [DEED_CHARGE] = "pst_charge_",
                                        [DEED_CAPTURE] = "pst_capture_",
                                        [DEED_REFUND] = "pst_refund_",
                                        [DEED_CHARGEBACK] = "pst_chargeback_"};
    bool own = deed->kind == DEED_ATTEMPT || deed->kind == DEED_CHARGE;
    snprintf(name, NAME_CHARS, "%s%s%s", kinds[deed->kind], own ? deed->attempt : deed->subject,
             deed->kind == DEED_CHARGEBACK ? ":1" : "");
}

/* The gateway's row about it, as it should be. */
static inline struct filed row_about(const struct deed *deed, int64_t at_us) {
    static const enum row_kind kinds[] = {[DEED_ATTEMPT] = ROW_CHARGE,
                                          [DEED_CHARGE] = ROW_CHARGE,
                                          [DEED_CAPTURE] = ROW_CHARGE,
                                          [DEED_REFUND] = ROW_REFUND,
                                          [DEED_CHARGEBACK] = ROW_CHARGEBACK};
    struct filed row = {.kind = kinds[deed->kind],
                        .status = ROW_DONE,
                        .currency = deed->currency,
                        .gross_minor = deed_sign(deed) * deed->amount_minor,
                        .fee_minor = deed->fee_minor == AMOUNT_UNSAID ? 0 : deed->fee_minor,
                        .at_us = at_us};
    bool charge = row.kind == ROW_CHARGE;
    g_strlcpy(row.id, charge ? deed->charge_id : deed->own_id, sizeof row.id);
    if (charge) {
        g_strlcpy(row.reference, deed->attempt, sizeof row.reference);
    } else {
        const char *reference = deed->kind == DEED_REFUND ? deed->subject : "";
        g_strlcpy(row.reference, reference, sizeof row.reference);
        g_strlcpy(row.original, deed->charge_id, sizeof row.original);
        g_strlcpy(row.original_reference, deed->attempt, sizeof row.original_reference);
    }
    return row;
}

/* One group: what a run must put together, and as what. Its rows are added to it. */
static inline struct planted_break group_begin(enum match_class class) {
    return (struct planted_break){.class = class};
}

static inline void add_name(struct planted_break *group, enum match_side side, const char *name,
                            int64_t amount_minor) {
    int *count = side == OURS ? &group->ours : &group->theirs;
    assert_true(group->ours + group->theirs < (int)COUNT_OF(group->names));
    g_strlcpy(group->names[group->ours + group->theirs], name, NAME_CHARS);
    group->sum_minor[side] += amount_minor;
    ++*count;
}

static inline void add_row(struct filed_case *c, struct planted_break *group, enum match_side side,
                           const char *name, struct currency currency, int64_t amount_minor,
                           int64_t fee_minor) {
    struct planted_row row = {.class = group->class,
                              .side = side,
                              .currency = currency,
                              .amount_minor = amount_minor,
                              .fee_minor = fee_minor};
    g_strlcpy(row.name, name, sizeof row.name);
    g_array_append_val(c->rows, row);
    add_name(group, side, name, amount_minor);
}

static inline void book(struct filed_case *c, struct planted_break *group, struct deed *deed) {
    char name[NAME_CHARS];
    deed_name(deed, name);
    g_array_append_val(c->deeds, *deed);
    int64_t amount = deed_sign(deed) * deed->amount_minor;
    int64_t fee = deed->fee_minor == AMOUNT_UNSAID ? 0 : deed->fee_minor;
    add_row(c, group, OURS, name, deed->currency, amount, fee);
    if (deed->kind != DEED_ATTEMPT) {
        close_with(c, deed->currency, amount - fee);
    }
}

static inline void file_row(struct filed_case *c, struct planted_break *group, int file,
                            const struct filed *row) {
    char name[NAME_CHARS];
    g_array_append_val(c->filed[file], *row);
    snprintf(name, sizeof name, "file %d row %u", file + 1, c->filed[file]->len);
    add_row(c, group, THEIRS, name, row->currency, row->gross_minor, row->fee_minor);
}

static inline void group_end(struct filed_case *c, const struct planted_break *group) {
    c->seen[group->class]++;
    if (match_class_risk(group->class) != RISK_NONE) {
        g_array_append_val(c->breaks, *group);
    }
}

static inline void plant_ours(struct filed_case *c, enum match_class class, struct deed *deed) {
    struct planted_break group = group_begin(class);
    book(c, &group, deed);
    group_end(c, &group);
}

static inline void plant_theirs(struct filed_case *c, enum match_class class, int file,
                                const struct filed *row) {
    struct planted_break group = group_begin(class);
    file_row(c, &group, file, row);
    group_end(c, &group);
}

static inline void plant_both(struct filed_case *c, enum match_class class, struct deed *deed,
                              int file, const struct filed *row) {
    struct planted_break group = group_begin(class);
    book(c, &group, deed);
    file_row(c, &group, file, row);
    group_end(c, &group);
}

static inline void filed_case_open(struct filed_case *c, const struct filed_layout *layout,
                                   uint64_t seed, int64_t *seen) {
    *c = (struct filed_case){.layout = layout, .seed = seed, .seen = seen};
    prng_init(&c->prng, seed);
    c->deeds = g_array_new(false, true, sizeof(struct deed));
    for (int i = 0; i < FILES; i++) {
        c->filed[i] = g_array_new(false, true, sizeof(struct filed));
    }
    c->rows = g_array_new(false, true, sizeof(struct planted_row));
    c->breaks = g_array_new(false, true, sizeof(struct planted_break));
}

static inline void filed_case_close(struct filed_case *c) {
    g_array_free(c->deeds, true);
    for (int i = 0; i < FILES; i++) {
        g_array_free(c->filed[i], true);
    }
    g_array_free(c->rows, true);
    g_array_free(c->breaks, true);
}

#endif
