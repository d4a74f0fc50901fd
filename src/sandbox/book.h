/* SPDX-License-Identifier: Apache-2.0
 * book.h: the truth: every movement of money that a simulated gateway made, to the last minor unit.
 *
 * An entry is one charge (Stripe) or one capture or authorization (PayPal), with what was taken,
 * what went back and what it cost. Amounts are ISO 4217 minor units, whatever the protocol counts
 * in. Invariants, checked on every movement (INVARIANT): taken ≤ asked; refunded ≤ taken; sums by
 * gateway and currency are the sums of the entries. A reference or an order is *charged twice* when
 * two of its entries took money, at whichever gateway. Threads: any (one lock). Owns: the entries
 * until sb_book_clear(). */
#ifndef HOLDFAST_SANDBOX_BOOK_H
#define HOLDFAST_SANDBOX_BOOK_H

#include <glib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/money.h"
#include "base/task.h"
#include "sandbox/place.h"

enum sb_gateway {
#define X(NAME, name, title, port) SB_##NAME,
#include "sandbox/gateways.def"
#undef X
    SB_GATEWAYS
};
/* Both are in gateway_kind.c. */
const char *sb_gateway_name(enum sb_gateway gateway); /* "stripe" */
MUST_USE bool sb_gateway_parse(const char *name, enum sb_gateway *ret_gateway);

struct sb_entry {
    const char *reference, *order_id;             /* "" when none was given */
    struct sb_entry *same_reference, *same_order; /* the one made before */
    int64_t created_us;
    int64_t asked_minor, held_minor, taken_minor, refunded_minor, disputed_minor, fee_minor;
    struct currency currency;
    uint8_t gateway;
    char id[31];
};

/* What moved: one line of the journal, which is only added to. Statements are made of it. */
enum sb_move_kind {
    SB_MOVE_CHARGE,
    SB_MOVE_REFUND,
    SB_MOVE_REFUND_BACK, /* a refund that failed after all */
    SB_MOVE_DISPUTE,
    SB_MOVE_DISPUTE_BACK, /* it was won */
    SB_MOVE_PAYOUT,       /* to the bank; follows from the others, and is not in the journal */
    SB_MOVE_KINDS
};
struct sb_move {
    int64_t at_us;                   /* wall */
    int64_t amount_minor, fee_minor; /* not below 0; the fee is kept */
    const struct sb_entry *entry;
    const void *object; /* the gateway's own: its capture, its refund; may be NULL */
    uint32_t number;    /* among those of its gateway, in the order in which they were made */
    uint8_t kind;
    bool first; /* the first charge of its entry */
};

struct sb_sums {
    struct currency currency;
    enum sb_gateway gateway;
    int64_t charges, charged_minor, refunds, refunded_minor, disputes, disputed_minor, fees_minor;
    int64_t holds, held_minor; /* authorized and not captured nor released */
};

enum { SB_SUMS_MAX = SB_GATEWAYS * 200 };

struct sb_book {
    struct lock lock;
    struct sb_hoard hoard;
    GPtrArray *entries[SB_GATEWAYS];                 /* in the order in which they were made */
    GArray *moves[SB_GATEWAYS];                      /* of struct sb_move, in the same order */
    GHashTable *by_reference, *by_order;             /* text → last entry */
    GHashTable *twice_by_reference, *twice_by_order; /* sets of last entries */
    struct sb_sums sums[SB_SUMS_MAX];
    int sum_count;
};

void sb_book_init(struct sb_book *book);
void sb_book_release(struct sb_book *book);
void sb_book_clear(struct sb_book *book);

/* A new entry, nothing taken yet. Texts are copied. */
struct sb_entry *sb_book_enter(struct sb_book *book, enum sb_gateway gateway, const char *id,
                               const char *reference, const char *order_id, int64_t asked_minor,
                               struct currency currency);
void sb_book_hold(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor);
/* What was held is held no longer. */
void sb_book_release_hold(struct sb_book *book, struct sb_entry *entry);
/* `object` is what the journal keeps of each; it lives as long as the book. Taking returns the
 * movement's number. */
uint32_t sb_book_take(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                      int64_t fee_minor, const void *object);
/* A negative amount brings a failed refund back. */
void sb_book_refund(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                    const void *object);
/* A negative amount: the dispute was won. */
void sb_book_dispute(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                     const void *object);
/* One movement by its number; false: there is none. */
MUST_USE bool sb_book_move(struct sb_book *book, enum sb_gateway gateway, uint32_t number,
                           struct sb_move *ret_move);
/* A copy of the journal of one gateway, of struct sb_move; g_array_unref(). */
GArray *sb_book_moves(struct sb_book *book, enum sb_gateway gateway);
/* The sums of one gateway in one currency; zeros when there are none. */
struct sb_sums sb_book_sums(struct sb_book *book, enum sb_gateway gateway,
                            struct currency currency);
/* How many references, and how many orders, took money more than once. */
void sb_book_twice(struct sb_book *book, int64_t *ret_references, int64_t *ret_orders);
size_t sb_book_bytes(struct sb_book *book);

/* As JSON. The whole: gateways with their currencies, duplicates (at most `duplicates_max` listed).
 */
void sb_book_write(struct sb_book *book, int duplicates_max, struct buf *out);
/* Which entries to list. */
struct sb_book_query {
    int gateway;           /* -1: needs a reference or an order */
    const char *reference; /* or NULL */
    const char *order_id;  /* or NULL */
    int64_t cursor;        /* of a gateway's entries: where to begin */
    int limit;
};
/* {"data":[…],"next_cursor":"…"|null}; entries that took no money and hold none are listed too. */
void sb_book_list(struct sb_book *book, const struct sb_book_query *query, struct buf *out);

#endif
