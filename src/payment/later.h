/* SPDX-License-Identifier: Apache-2.0
 * later.h: orders that are paid later (DEG-2, DEG-3): held for their customer with a link, queued
 * until a gateway can be reached (store and forward), or paid past every gateway.
 *
 * A held order is a payment that requires an action, `pay_later`: it has no attempt until its
 * customer chooses how to pay behind the link. Whatever fails there leads back to `pay_later`; it
 * ends paid, cancelled, or, when its time is over, expired. One whose gateway has not answered is
 * neither expired nor reminded of (I6).
 *
 * The link's secret is made from the payment's id with the master key and stored nowhere: the store
 * has its digest, and what is told to the merchant has it put in when it is sent.
 *
 * A queued payment is processing without an attempt. A job charges it when a gateway can be
 * reached, one after the other. How much may wait is bounded, and the bound is looked at under a
 * lock (payments_options.forward).
 *
 * Threads: any. Owns: what is looked at lives in the caller's arena.
 * Errors: ERR_NOT_FOUND for a link that is none; those of payments.h. */
#ifndef HOLDFAST_PAYMENT_LATER_H
#define HOLDFAST_PAYMENT_LATER_H

#include "base/arena.h"
#include "payment/payments.h"

enum { PAY_TOKEN_CHARS = 48, PAY_URL_CHARS_MAX = 300 };

/* ---- the link ---- */

/* False: orders are not held here (payments_options.deferral has no address). */
bool deferral_configured(const struct payments *payments);
/* The link of a payment; "" when orders are not held here. */
void pay_later_url(const struct payments *payments, const char *payment_id,
                   char ret_url[PAY_URL_CHARS_MAX + 1]);
/* Puts the member "pay_later_url" into a rendered payment that waits for its customer behind the
 * link; every other JSON stays as it is. */
void pay_later_add_url(const struct payments *payments, struct buf *json);

/* ---- the page behind it ---- */

enum pay_phase {
    PAY_OPEN = 1,   /* he may choose how to pay */
    PAY_ACT,        /* he has chosen and is to act; he may also choose otherwise */
    PAY_PROCESSING, /* nobody knows yet; he must not pay again */
    PAY_PAID,
    PAY_EXPIRED,
    PAY_CANCELED,
    PAY_FAILED,
    PAY_PHASES
};
struct pay_look { /* nothing of the customer but what he ordered */
    struct payment_id id;
    int64_t version;
    enum pay_phase phase;
    const char *order_id, *description, *return_url;
    int64_t amount_minor;
    struct currency currency;
    enum payment_method method;       /* that he chose last */
    const char *action, *action_data; /* PAY_ACT: as in the payment's `action` */
    int64_t action_expires_us;        /* wall; 0: not said */
    int64_t until_us;                 /* wall: so long the order is held */
    /* Why the last try did not work; "" when there was none. */
    const char *failure_english, *failure_chinese;
    const char *sentence_english, *sentence_chinese; /* where the payment stands */
    bool methods[METHOD_COUNT];                      /* that a gateway takes now without a token */
};
struct pay_visitor {     /* borrowed */
    bool phone;          /* in a browser on a phone, which cannot scan a code off its own screen */
    const char *address; /* where he is: "203.0.113.7"; "": not known */
};
MUST_USE int pay_look(struct payments *payments, const char *token,
                      const struct pay_visitor *visitor, struct arena *arena,
                      struct pay_look *ret_look, struct err *err);
/* The customer takes this method, on the page that showed `version`: the same choice on the same
 * page is made once. ERR_STATE: it is not open to him; ERR_NO_GATEWAY: not by this method now. */
MUST_USE int pay_choose(struct payments *payments, const struct pay_look *look,
                        enum payment_method method, const struct pay_visitor *visitor,
                        struct err *err);

/* ---- paid by hand: inside the caller's transaction ---- */

/* The name that stands for a gateway where there was none. No gateway may be configured by it. */
#define GATEWAY_BY_HAND "manual"

/* Writes the payment and holds its order; nothing is posted yet. ERR_ORDER_TAKEN. */
MUST_USE int manual_begin(struct payments *payments, struct store_tx *tx,
                          const struct payment_order *order, struct payment_id *ret_id,
                          struct err *err);
/* It was paid: succeeded, with an attempt that names `reference` and the posting to the clearing
 * account. ERR_STATE: it is over. */
MUST_USE int manual_receive(struct payments *payments, struct store_tx *tx, const char *payment_id,
                            const char *reference, struct err *err);
/* It was not: canceled, and its order is free. */
MUST_USE int manual_refuse(struct payments *payments, struct store_tx *tx, const char *payment_id,
                           struct err *err);
/* The payment as it then is. */
MUST_USE int manual_render(struct store_tx *tx, const char *payment_id, struct buf *buf,
                           struct err *err);

/* ---- evidence, of disputes and of payments by hand ---- */

/* Of a known kind, and either a text or a file. */
MUST_USE int evidence_check(const struct evidence *evidence, struct err *err);
/* Checks the rest of a piece and writes it under `about`. ERR_VALIDATION, ERR_CARD_NUMBER,
 * ERR_TOO_LARGE. */
MUST_USE int evidence_add(struct store_tx *tx, const char *about, const struct evidence *evidence,
                          const char *actor, struct err *err);
/* An array of what lies under `about`, without the files' bytes. */
MUST_USE int evidence_render(struct store_tx *tx, const char *about, struct buf *buf,
                             struct err *err);

#endif
