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

enum sb_gateway { SB_STRIPE = 0, SB_PAYPAL = 1, SB_GATEWAYS = 2 };
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
void sb_book_take(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                  int64_t fee_minor);
/* A negative amount brings a failed refund back. */
void sb_book_refund(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor);
/* A negative amount: the dispute was won. */
void sb_book_dispute(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor);
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
