/* SPDX-License-Identifier: Apache-2.0
 * match_books.h: random books for whoever claims to match as match/match.h does: planted ones, in
 * which the class of each row is known, and tiny ones in which everything collides. */
#ifndef HOLDFAST_TESTS_MATCH_BOOKS_H
#define HOLDFAST_TESTS_MATCH_BOOKS_H

#include "match_fixture.h"

#include "base/random.h"

/* ---- a planted book ---- */

enum { TOLERANCE = 3, FEE_TOLERANCE = 1, OWN_AMOUNT = 10000000 };

/* Classes that the matcher never gives: run_class.c does. */
static inline bool only_a_run_knows(enum match_class class) {
    return class == CLASS_TWO_GATEWAYS || class == CLASS_REFUND_FAILED ||
           class == CLASS_OPEN_HERE || class == CLASS_PROBE;
}

struct planted {
    struct book book;
    GArray *expected[MATCH_SIDES]; /* enum match_class, by number - 1 */
    struct prng prng;
    int serial;
    int64_t *seen; /* rows by class, of all cases */
};

static inline int64_t below(struct planted *p, uint64_t bound) {
    return (int64_t)prng_below(&p->prng, bound);
}

static inline struct match_text named(struct planted *p, const char *what, int serial) {
    char text[48];
    snprintf(text, sizeof text, "%s_%d", what, serial);
    return book_text(&p->book, text);
}

/* A row whose class is known. Times are a few days back, so that a due time is over or not. */
static inline struct match_row *plant(struct planted *p, enum match_side side,
                                      enum match_class class, struct match_row row) {
    row.number = p->book.rows[side]->len + 1;
    g_array_append_val(p->book.rows[side], row);
    g_array_append_val(p->expected[side], class);
    p->seen[class]++;
    return book_row(&p->book, side, p->book.rows[side]->len - 1);
}

/* A movement with all ids; amounts and times are drawn from so few that many are alike. */
static inline struct match_row draw(struct planted *p, enum row_kind kind) {
    static const char *const currencies[] = {"USD", "EUR", "JPY"};
    static const int64_t amounts[] = {500, 999, 1999, 4900};
    p->serial++;
    return (struct match_row){
        .kind = kind,
        .status = ROW_DONE,
        .currency = currency_stored(currencies[below(p, COUNT_OF(currencies))]),
        .amount_minor = row_kind_sign(kind) * amounts[below(p, COUNT_OF(amounts))],
        .fee_minor = below(p, 4) == 0 ? AMOUNT_UNSAID : 30 + below(p, 3),
        .at_us = NOW_US - (10 + below(p, 4)) * DAY_US + below(p, DAY_US),
        .due_us = NOW_US - below(p, 3) * DAY_US,
        .gateway_id = named(p, "ch", p->serial),
        .reference = named(p, "ord", p->serial),
    };
}

/* An amount that no other movement has: for what must be found without an id. */
static inline void make_own(struct planted *p, struct match_row *row) {
    row->amount_minor = row_kind_sign(row->kind) * (OWN_AMOUNT + 10 * (int64_t)p->serial);
    row->gateway_id = row->reference = (struct match_text){NULL, 0};
}

/* Theirs as the statement has it: at another time, perhaps on the other side of a cut-off; perhaps
 * without one of the ids, so that the other must do. */
static inline struct match_row told(struct planted *p, struct match_row row) {
    row.at_us += below(p, 2 * DAY_US) - DAY_US / 2;
    int64_t lacking = row.gateway_id.count > 0 && row.reference.count > 0 ? below(p, 3) : 0;
    if (lacking == 1) {
        row.gateway_id.count = 0;
    } else if (lacking == 2) {
        row.reference.count = 0;
    }
    return row;
}

static inline enum row_kind any_kind(struct planted *p) {
    static const enum row_kind kinds[] = {ROW_CHARGE, ROW_CHARGE, ROW_REFUND, ROW_CHARGEBACK};
    return kinds[below(p, COUNT_OF(kinds))];
}

static inline void both(struct planted *p, enum match_class class, struct match_row ours,
                        struct match_row theirs) {
    plant(p, OURS, class, ours);
    plant(p, THEIRS, class, theirs);
}

/* ---- what can happen to a movement ---- */

static inline void as_it_should_be(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    theirs.fee_minor += theirs.fee_minor == AMOUNT_UNSAID ? 0 : below(p, 3) - FEE_TOLERANCE;
    if (below(p, 4) == 0) {
        row.gateway_id.count = 0; /* the answer never came: only what we sent is known */
        theirs.reference = row.reference;
    }
    both(p, CLASS_MATCHED, row, theirs);
}

static inline void nearly_as_it_should_be(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    theirs.amount_minor += (1 + below(p, TOLERANCE)) * (below(p, 2) == 0 ? 1 : -1);
    both(p, CLASS_MATCHED_TOLERANCE, row, theirs);
}

static inline void without_any_id(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    make_own(p, &row);
    both(p, CLASS_MATCHED, row, told(p, row));
}

static inline void by_its_payment_only(struct planted *p) {
    struct match_row row = draw(p, below(p, 2) == 0 ? ROW_REFUND : ROW_CHARGEBACK);
    row.original_id = row.gateway_id;
    row.gateway_id.count = 0;
    struct match_row theirs = told(p, row);
    theirs.reference.count = 0;
    theirs.at_us = 0;
    both(p, CLASS_MATCHED, row, theirs);
}

static inline void missing_there(struct planted *p) {
    enum row_kind kind = any_kind(p);
    plant(p, OURS, kind == ROW_REFUND ? CLASS_REFUND_LOST : CLASS_MISSING_THERE, draw(p, kind));
}

static inline void not_yet_there(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    row.due_us = below(p, 2) == 0 ? INT64_MAX : NOW_US + 1 + below(p, DAY_US);
    plant(p, OURS, CLASS_EXPECTED, row);
    if (below(p, 2) == 0) {
        struct match_row theirs = told(p, row);
        theirs.status = ROW_PENDING;
        plant(p, THEIRS, CLASS_EXPECTED, theirs);
    }
}

static inline void missing_here(struct planted *p) {
    enum row_kind kind = any_kind(p);
    plant(p, THEIRS,
          kind == ROW_REFUND   ? CLASS_ORPHAN_REFUND
          : kind == ROW_CHARGE ? CLASS_MISSING_HERE
                               : CLASS_ORPHAN_DISPUTE,
          draw(p, kind));
}

static inline void late_success(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    row.status = below(p, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    both(p, CLASS_PAID_THERE, row, theirs);
}

static inline void open_there(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    theirs.status = below(p, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    both(p, CLASS_OPEN_THERE, row, theirs);
}

static inline void altered_amount(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    int64_t less = (TOLERANCE + 1 + below(p, 50)) * (below(p, 2) == 0 ? 1 : -1);
    theirs.amount_minor -= less;
    both(p,
         row.kind == ROW_REFUND ? CLASS_REFUND_MISMATCH
         : less > 0             ? CLASS_AMOUNT_UNDER
                                : CLASS_AMOUNT_OVER,
         row, theirs);
}

static inline void other_currency(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    theirs.currency = currency_stored("GBP");
    both(p, CLASS_CURRENCY, row, theirs);
}

static inline void other_kind(struct planted *p) {
    bool refund = below(p, 2) == 0;
    struct match_row row = draw(p, refund ? ROW_REFUND : ROW_CHARGEBACK);
    struct match_row theirs = told(p, row);
    theirs.kind = refund ? ROW_REFUND_RETURNED : ROW_CHARGEBACK_RETURNED;
    theirs.amount_minor = -row.amount_minor;
    both(p, CLASS_KIND, row, theirs);
}

static inline void other_fee(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    row.fee_minor = 30;
    struct match_row theirs = told(p, row);
    theirs.fee_minor += (FEE_TOLERANCE + 1 + below(p, 9)) * (below(p, 2) == 0 ? 1 : -1);
    both(p, CLASS_FEE, row, theirs);
}

static inline void too_late(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = told(p, row);
    theirs.at_us = row.at_us + (below(p, 2) == 0 ? 5 : -3) * DAY_US;
    both(p, CLASS_LATE, row, theirs);
}

static inline void twice_there(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    struct match_row theirs = row;
    theirs.at_us += DAY_US / 4;
    both(p, CLASS_MATCHED, row, theirs);
    theirs.at_us += 1 + below(p, DAY_US); /* the later one is the one too many */
    for (int64_t more = 1 + below(p, 2); more > 0; more--) {
        plant(p, THEIRS, CLASS_DUPLICATE_THERE, theirs);
    }
}

static inline void twice_here(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    both(p, CLASS_MATCHED, row, told(p, row));
    row.at_us += 1 + below(p, DAY_US);
    bool over = below(p, 2) == 0;
    row.due_us = over ? NOW_US : NOW_US + 1;
    plant(p, OURS, over ? CLASS_DUPLICATE_HERE : CLASS_EXPECTED, row);
}

static inline void charged_twice(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE);
    struct match_row theirs = row;
    both(p, CLASS_MATCHED, row, theirs);
    p->serial++;
    theirs.gateway_id = named(p, "ch", p->serial);
    theirs.at_us += 1 + below(p, DAY_US);
    plant(p, THEIRS, CLASS_DOUBLE_CHARGE, theirs);
}

/* A difference beyond the tolerance, of either sign, larger than `past` and at most 25 more. */
static inline int64_t altered_by(struct planted *p, int64_t past) {
    return (past + 1 + below(p, 25)) * (below(p, 2) == 0 ? 1 : -1);
}

static inline enum match_class class_altered(int64_t difference) {
    return difference > 0 ? CLASS_AMOUNT_OVER : CLASS_AMOUNT_UNDER;
}

/* The reference alone tells that the two are one order: whichever is nearer is ours, and of any id
 * that we know it is that. */
static inline void charged_twice_and_altered(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE), first = row, second = row;
    bool by_id = below(p, 3) == 0, exact = below(p, 3) == 0;
    int64_t nearer = exact ? 0 : altered_by(p, TOLERANCE);
    int64_t farther = altered_by(p, TOLERANCE + 25);
    bool first_is_ours = by_id || below(p, 2) == 0;
    row.gateway_id.count = by_id ? row.gateway_id.count : 0;
    bool swapped = by_id ? below(p, 2) == 0 : !first_is_ours;
    first.amount_minor += swapped ? farther : nearer;
    second.amount_minor += swapped ? nearer : farther;
    second.gateway_id = named(p, "ch", ++p->serial);
    second.at_us += 1 + below(p, DAY_US);
    int64_t off = (first_is_ours ? first : second).amount_minor - row.amount_minor;
    enum match_class class = off == 0 ? CLASS_MATCHED : class_altered(off);
    plant(p, OURS, class, row);
    plant(p, THEIRS, first_is_ours ? class : CLASS_DOUBLE_CHARGE, first);
    plant(p, THEIRS, first_is_ours ? CLASS_DOUBLE_CHARGE : class, second);
}

/* Both could be it: the nearest in time is. */
static inline void charged_twice_within_the_tolerance(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE), theirs = row;
    bool before = below(p, 2) == 0;
    row.gateway_id.count = 0;
    theirs.at_us += before ? -below(p, DAY_US) : below(p, DAY_US);
    theirs.amount_minor += (1 + below(p, TOLERANCE)) * (below(p, 2) == 0 ? 1 : -1);
    both(p, CLASS_MATCHED_TOLERANCE, row, theirs);
    for (int64_t more = 1 + below(p, 2); more > 0; more--) {
        theirs.gateway_id = named(p, "ch", ++p->serial);
        theirs.at_us += (1 + below(p, DAY_US / 2)) * (before ? -1 : 1);
        theirs.amount_minor = row.amount_minor +
                              (1 + below(p, TOLERANCE)) * (below(p, 2) == 0 ? 1 : -1);
        plant(p, THEIRS, CLASS_DOUBLE_CHARGE, theirs);
    }
}

/* Nothing says that it is a charge of its own: it is there once more. */
static inline void charged_twice_without_an_id(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE), theirs = row;
    bool known = below(p, 2) == 0;
    row.gateway_id.count = known ? row.gateway_id.count : 0;
    theirs.gateway_id.count = known || below(p, 2) == 0 ? theirs.gateway_id.count : 0;
    both(p, CLASS_MATCHED, row, theirs);
    theirs.gateway_id.count = 0;
    theirs.at_us += 1 + below(p, DAY_US);
    theirs.amount_minor += below(p, 3) == 0 ? 0 : below(p, 2) == 0 ? TOLERANCE : altered_by(p, 3);
    plant(p, THEIRS, CLASS_DUPLICATE_THERE, theirs);
}

/* Captures of one payment that are told as one row, which is told again; or one that is told in
 * parts, of which one is told again. */
static inline void told_again_beside_captures(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE), part = row;
    enum match_side one = below(p, 2) == 0 ? THEIRS : OURS, parts = one == OURS ? THEIRS : OURS;
    bool near = below(p, 2) == 0, own_id = below(p, 2) == 0;
    enum match_class class = near ? CLASS_MATCHED_TOLERANCE : CLASS_MATCHED;
    struct match_text id = row.gateway_id;
    row.gateway_id.count = part.gateway_id.count = own_id && one == THEIRS ? 0 : id.count;
    row.amount_minor = near ? TOLERANCE : 0;
    for (int64_t count = 2 + below(p, 3); count > 0; count--) {
        part.amount_minor = 100 + below(p, 50) + 100 * count;
        row.amount_minor += part.amount_minor;
        part.at_us += 1;
        plant(p, parts, class, part);
    }
    struct match_row again = one == THEIRS ? row : part;
    if (one == THEIRS) {
        row.gateway_id = again.gateway_id = id;
    } else if (own_id) {
        row.gateway_id.count = 0; /* the answer never came: only what we sent is known */
    }
    plant(p, one, class, row);
    again.at_us += 1 + below(p, DAY_US);
    again.gateway_id = own_id ? named(p, "ch", ++p->serial) : again.gateway_id;
    plant(p, THEIRS, own_id ? CLASS_DOUBLE_CHARGE : CLASS_DUPLICATE_THERE, again);
}

static inline void attempts(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE), attempt = row;
    bool told_there = below(p, 2) == 0;
    attempt.status = ROW_FAILED;
    attempt.gateway_id.count = 0;
    attempt.at_us -= 1 + below(p, DAY_US);
    row.gateway_id.count = 0;
    struct match_row theirs = told(p, row);
    theirs.reference = row.reference;
    for (int64_t more = below(p, 3); more > 0; more--) {
        plant(p, OURS, CLASS_NOTHING_MOVED, attempt);
        if (told_there) {
            plant(p, THEIRS, CLASS_NOTHING_MOVED, attempt);
        }
    }
    both(p, CLASS_MATCHED, row, theirs);
}

static inline void nothing_moved(struct planted *p) {
    struct match_row row = draw(p, any_kind(p));
    row.status = below(p, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    struct match_row theirs = told(p, row);
    theirs.status = below(p, 2) == 0 ? ROW_PENDING : ROW_FAILED;
    if (below(p, 2) == 0) {
        plant(p, OURS, CLASS_NOTHING_MOVED, row);
    }
    plant(p, THEIRS, CLASS_NOTHING_MOVED, theirs);
}

/* Captures or refunds in parts on either side, whole or not. */
static inline void parts(struct planted *p) {
    bool whole = below(p, 2) == 0, of_theirs = below(p, 2) == 0;
    struct match_row row = draw(p, below(p, 2) == 0 ? ROW_CHARGE : ROW_REFUND), part;
    row.amount_minor = row_kind_sign(row.kind) * (1000 + below(p, 9000));
    enum match_class class = whole ? CLASS_MATCHED : CLASS_SPLIT;
    enum match_side side = of_theirs ? THEIRS : OURS, other = of_theirs ? OURS : THEIRS;
    int64_t left = row.amount_minor, count = 2 + below(p, 3);
    plant(p, other, class, row);
    part = row;
    for (int64_t i = 1; i < count; i++) {
        part.amount_minor = left / (2 + below(p, 4));
        left -= part.amount_minor;
        plant(p, side, class, part);
    }
    part.amount_minor = left - (whole ? 0 : row_kind_sign(row.kind) * (TOLERANCE + 1));
    plant(p, side, class, part);
}

static inline void several_that_are_told_one_by_one(struct planted *p) {
    struct match_row row = draw(p, below(p, 2) == 0 ? ROW_CHARGE : ROW_REFUND);
    row.gateway_id.count = 0;
    for (int64_t more = 2 + below(p, 3); more > 0; more--) {
        row.amount_minor = row_kind_sign(row.kind) * (100 + below(p, 5));
        row.at_us += 1;
        struct match_row theirs = row;
        theirs.fee_minor = AMOUNT_UNSAID;
        both(p, CLASS_MATCHED, row, theirs);
    }
}

static inline void fits_twice(struct planted *p) {
    struct match_row row = draw(p, ROW_CHARGE);
    make_own(p, &row);
    row.at_us = MIN(row.at_us, NOW_US - 10 * DAY_US);
    plant(p, OURS, CLASS_AMBIGUOUS, row);
    for (int64_t more = 2 + below(p, 2); more > 0; more--) {
        plant(p, THEIRS, CLASS_MISSING_HERE, told(p, row));
    }
}

static inline void the_gateways_own(struct planted *p) {
    static const enum row_kind kinds[] = {ROW_FEE, ROW_TAX, ROW_RESERVE, ROW_ADJUSTMENT};
    struct match_row row = draw(p, kinds[below(p, COUNT_OF(kinds))]);
    row.amount_minor = below(p, 100) - 50;
    row.status = (enum row_status)(ROW_DONE + below(p, 3));
    plant(p, THEIRS, CLASS_GATEWAYS_OWN, row);
}

/* Payouts, and the line of the bank that names their batch; whole, not whole, missing, unknown. */
static inline void paid_out(struct planted *p) {
    struct match_row row = draw(p, ROW_PAYOUT);
    int64_t fate = below(p, 4), sum = 0;
    enum match_class ours = fate == 2   ? CLASS_BANK_MISSING
                            : fate == 1 ? CLASS_PAYOUT
                                        : CLASS_MATCHED;
    char words[80];
    row.reference.count = 0;
    row.batch = named(p, "po", p->serial);
    for (int64_t more = 1 + below(p, 3); more > 0 && fate < 3; more--) {
        row.amount_minor = -(OWN_AMOUNT + 10 * (int64_t)p->serial++);
        sum -= row.amount_minor;
        plant(p, OURS, ours, row);
    }
    struct match_row line = told(p, row);
    line.kind = ROW_BANK_CREDIT;
    line.at_us = row.at_us + DAY_US;
    line.fee_minor = AMOUNT_UNSAID;
    line.amount_minor = fate == 3 ? OWN_AMOUNT + 10 * (int64_t)p->serial++
                                  : sum - (fate == 1 ? TOLERANCE + 1 : 0);
    line.gateway_id = named(p, "bank", p->serial);
    snprintf(words, sizeof words, "PAYOUT %.*s, thanks", (int)row.batch.count, row.batch.bytes);
    line.description = book_text(&p->book, words);
    line.batch.count = 0;
    if (fate != 2) {
        plant(p, THEIRS, fate == 3 ? CLASS_BANK_UNKNOWN : ours, line);
    }
}

static void (*const fates[])(struct planted *p) = {
    as_it_should_be, nearly_as_it_should_be,
    without_any_id,  by_its_payment_only,
    missing_there,   not_yet_there,
    missing_here,    late_success,
    open_there,      altered_amount,
    other_currency,  other_kind,
    other_fee,       too_late,
    twice_there,     twice_here,
    charged_twice,   attempts,
    charged_twice_and_altered,
    charged_twice_within_the_tolerance,
    charged_twice_without_an_id,
    told_again_beside_captures,
    nothing_moved,   parts,
    fits_twice,      the_gateways_own,
    paid_out,        several_that_are_told_one_by_one,
};

static inline void planted_open(struct planted *p, uint64_t seed, int64_t *seen) {
    *p = (struct planted){.seen = seen};
    book_open(&p->book);
    prng_init(&p->prng, seed);
    for (int side = 0; side < MATCH_SIDES; side++) {
        p->expected[side] = g_array_new(false, true, sizeof(enum match_class));
    }
    for (int i = 0; i < p->book.options.rule_count; i++) {
        p->book.rules[i].tolerance_minor = TOLERANCE;
        p->book.rules[i].before_us = 2 * DAY_US;
        p->book.rules[i].after_us = 3 * DAY_US;
    }
    p->book.options.fee_tolerance_minor = FEE_TOLERANCE;
    struct match_rule *batches = book_add_rule(&p->book, BY_BATCH);
    batches->families = 1U << FAMILY_BANK;
    batches->tolerance_minor = TOLERANCE;
}

static inline void planted_close(struct planted *p) {
    g_array_free(p->expected[OURS], true);
    g_array_free(p->expected[THEIRS], true);
    book_close(&p->book);
}

static inline void shuffle(struct planted *p, enum match_side side) {
    GArray *rows = p->book.rows[side];
    for (guint i = rows->len; i > 1; i--) {
        guint other = (guint)below(p, i);
        struct match_row moved = *book_row(&p->book, side, other);
        *book_row(&p->book, side, other) = *book_row(&p->book, side, i - 1);
        *book_row(&p->book, side, i - 1) = moved;
    }
}

/* ---- tiny books ---- */

static inline int64_t one_of(struct prng *prng, const int64_t *values, uint64_t count) {
    return values[prng_below(prng, count)];
}
#define ONE_OF(prng, ...)                                                                          \
    one_of(prng, (const int64_t[]){__VA_ARGS__},                                                   \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static inline struct match_text tiny_text(struct book *book, struct prng *prng, const char *texts) {
    const char text[] = {texts[prng_below(prng, strlen(texts))], '\0'};
    return book_text(book, text[0] == '-' ? "" : text);
}

/* How many kinds of tiny books there are; the last is of several rows of one name, most of which
 * moved money and hardly any of which are equal. */
enum { FLAVOURS = 4, FLAVOUR_CROWD = FLAVOURS - 1 };

static inline void crowded_row(struct book *book, struct prng *prng, enum match_side side) {
    bool refund = prng_below(prng, 8) == 0;
    struct match_row *row = book_add(book, side, refund ? ROW_REFUND : ROW_CHARGE, 0);
    row->amount_minor = (refund ? -1 : 1) * ONE_OF(prng, 10, 11, 19, 20, 21, 29, 31, 40, 60, 61);
    row->status = (enum row_status)ONE_OF(prng, ROW_DONE, ROW_DONE, ROW_DONE, ROW_DONE, ROW_DONE,
                                          ROW_DONE, ROW_FAILED, ROW_PENDING);
    row->currency = currency_stored(prng_below(prng, 16) == 0 ? "EUR" : "USD");
    row->at_us = ONE_OF(prng, 0, 100, 101, 103, 107, 115);
    row->due_us = ONE_OF(prng, NOW_US, NOW_US, NOW_US + 1);
    row->gateway_id = tiny_text(book, prng, "--abc");
    row->reference = book_text(book, "a");
}

static inline void tiny_row(struct book *book, struct prng *prng, enum match_side side,
                            int flavour) {
    if (flavour == FLAVOUR_CROWD) {
        crowded_row(book, prng, side);
        return;
    }
    enum row_kind kind = (enum row_kind)(
        flavour == 0 ? ROW_CHARGE
        : flavour == 1
            ? ONE_OF(prng, ROW_CHARGE, ROW_REFUND, ROW_REFUND_RETURNED, ROW_CHARGEBACK, ROW_FEE)
        : side == OURS ? ONE_OF(prng, ROW_PAYOUT, ROW_CHARGE, ROW_CHARGE, ROW_PAYOUT_RETURNED)
                       : ONE_OF(prng, ROW_BANK_CREDIT, ROW_BANK_CREDIT, ROW_PAYOUT, ROW_CHARGE));
    struct match_row *row = book_add(book, side, kind, 0);
    int64_t size = ONE_OF(prng, 10, 10, 20, 30);
    row->amount_minor = row_kind_sign(kind) < 0 && prng_below(prng, 8) != 0 ? -size : size;
    row->status = (enum row_status)ONE_OF(prng, ROW_DONE, ROW_DONE, ROW_DONE, ROW_PENDING,
                                          ROW_FAILED);
    row->currency = currency_stored(prng_below(prng, 6) == 0 ? "EUR" : "USD");
    row->fee_minor = ONE_OF(prng, AMOUNT_UNSAID, AMOUNT_UNSAID, 1, 2);
    row->at_us = ONE_OF(prng, 0, 100, 100, 101, 103);
    row->due_us = ONE_OF(prng, NOW_US - 1, NOW_US, NOW_US + 1, INT64_MAX);
    row->gateway_id = tiny_text(book, prng, "--ab");
    row->reference = tiny_text(book, prng, side == THEIRS && flavour == 2 ? "--xy" : "--ab");
    row->original_id = tiny_text(book, prng, "--ab");
    row->batch = tiny_text(book, prng, side == OURS ? "-xy" : "---xy");
    row->description = book_text(book, prng_below(prng, 3) != 0   ? ""
                                       : prng_below(prng, 2) != 0 ? "for x"
                                                                  : "y and x");
}

static const struct match_tolerance tiny_tolerances[] = {{{"EUR"}, 3}, {{"USD"}, 0}};

static inline void tiny_rules(struct book *book, struct prng *prng) {
    book->options.rule_count = 0;
    int count = (int)prng_below(prng, 6);
    bool usual = prng_below(prng, 2) == 0;
    for (int i = 0; i < count; i++) {
        enum match_by by = usual ? (enum match_by)(i % MATCH_BY_COUNT)
                                 : (enum match_by)prng_below(prng, MATCH_BY_COUNT);
        struct match_rule *rule = book_add_rule(book, by);
        rule->families = prng_below(prng, 4) == 0 ? (unsigned)prng_below(prng, 64) : 0;
        rule->tolerance_minor = ONE_OF(prng, 0, 0, 1, 10);
        rule->tolerance_ppm = (int)ONE_OF(prng, 0, 0, 500000);
        rule->before_us = ONE_OF(prng, 0, 1, 2);
        rule->after_us = ONE_OF(prng, 0, 1, 2);
        if (by == BY_GATEWAY_ID || by == BY_REFERENCE) {
            /* A side without a bound. */
            rule->before_us = prng_below(prng, 8) == 0 ? INT64_MAX : rule->before_us;
            rule->after_us = prng_below(prng, 8) == 0 ? INT64_MAX : rule->after_us;
        }
        rule->tolerances = tiny_tolerances;
        rule->tolerance_count = (int)prng_below(prng, COUNT_OF(tiny_tolerances) + 1);
    }
    book->options.fee_tolerance_minor = ONE_OF(prng, -1, 0, 1);
}

#endif
