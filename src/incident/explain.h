/* SPDX-License-Identifier: Apache-2.0
 * explain.h: what became of a customer's payment, in plain words, for the support desk (COMM-4):
 * where it stands by what is written down, what the customer should hear, what the agent may do.
 *
 * 1. Nothing is guessed. Each answer is a row of explain_situations.def, chosen by evidence; what
 *    nobody knows is said as unknown.
 * 2. While anything of an order is open or paid, no answer hints that it might be paid anew (INC-7):
 *    only rows that say `may_pay` do, and the ones that are open come before them in the table.
 * 3. It only looks, in one snapshot.
 *
 * It stands on this floor since an answer needs the incidents that cover a payment, with
 * reconciliation, tickets and the words for customers below (docs/decisions/0047).
 * Threads: any. Owns: nothing; answers belong to the caller. */
#ifndef HOLDFAST_INCIDENT_EXPLAIN_H
#define HOLDFAST_INCIDENT_EXPLAIN_H

#include "desk/kb.h"
#include "payment/machine.h"
#include "payment/payments.h"

enum {
    EXPLAIN_PAYMENTS_MAX = 20,
    EXPLAIN_QUERY_CHARS_MAX = 120,
    EXPLAIN_LINES_MAX = 12,    /* of a timeline */
    EXPLAIN_CUSTOMER_DAYS = 30, /* so far back payments are looked for by customer */
};

/* ---- what is known, and what it means: pure ---- */

struct explain_evidence { /* borrowed */
    enum payment_state state;
    const char *action, *failure_code;
    int64_t captured_minor, refunded_minor;
    bool over;            /* failed or cancelled */
    bool asks_for_method; /* requires_action: choose_method or pay_later */
    bool queued;
    bool attempt_open;    /* being sent, pending or unknown */
    bool attempt_unknown; /* nobody has said whether it was charged, and the gateway was asked */
    bool late_mark, late_case, double_case, double_break, amount_case;
    bool return_open, return_done;
    bool refund_pending, refund_unknown, refund_failed;
    bool change_open; /* a capture or a cancellation */
    bool dispute_open, dispute_lost;
    bool by_hand_waits;
    bool not_told;     /* an endpoint has not taken what it was told of its end */
    bool other_counts; /* another payment of its order is paid, reserved or open */
};
enum explain_situation {
#define X(NAME, name, may_pay, condition, english, chinese, script, script_zh) EXPLAIN_##NAME,
#include "incident/explain_situations.def"
#undef X
    EXPLAIN_SITUATIONS
};
struct explain_words {
    const char *name;
    bool may_pay;
    const char *what[2], *script[2]; /* English, Chinese */
};
/* Never fails: a state without a row would not compile (explain_pick.c). */
enum explain_situation explain_pick(const struct explain_evidence *evidence);
const struct explain_words *explain_words(enum explain_situation situation);
/* Fills {name} of a text by pairs of name and value, which end with NULL. */
void explain_fill(const char *text, const char *const *pairs, struct buf *buf);

/* ---- looking up ---- */

struct explain_options { /* all borrowed */
    struct store *store;
    struct payments *payments;
    const struct gateway_registry *registry;
    struct kb *kb;                       /* NULL: no links */
    const struct refund_limits *refunds; /* of who asks; NULL: no limit */
    const char *actor;
    int role;
};
/* Payments by an order's number, a payment's id, an attempt's, refund's or gateway's number, or a
 * customer's id, e-mail address or telephone number, whichever finds any first; by customer of
 * EXPLAIN_CUSTOMER_DAYS. The newest first, at most `limit` (0: 5). ERR_VALIDATION: an empty or long
 * query; ERR_CARD_NUMBER. */
MUST_USE int desk_explain(const struct explain_options *options, const char *query, int limit,
                          struct answer *ret_answer, struct err *err);

#endif
