/* SPDX-License-Identifier: Apache-2.0
 * fake_gateway_impl.h: what the two files of the fake gateway share. */
#ifndef HOLDFAST_TESTS_FAKE_GATEWAY_IMPL_H
#define HOLDFAST_TESTS_FAKE_GATEWAY_IMPL_H

#include <glib.h>

#include "base/buf.h"
#include "base/task.h"
#include "support/fake_gateway.h"

struct fake_intent {
    int account;
    char id[40], charge_id[40];
    char reference[64], order_id[160];
    char currency[4];
    const char *status, *decline_code;
    bool capture_later;
    int64_t amount, received, captures, created_s;
};

struct fake_refund {
    struct fake_intent *intent; /* borrowed */
    char id[40], reference[64];
    const char *status;
    int64_t amount, created_s;
};

struct fake_dispute {
    struct fake_intent *intent; /* borrowed */
    char id[40];
    const char *status, *reason;
    char *evidence; /* the body of our latest answer */
    int answers;
    int64_t amount, fee, due_s;
};

/* A key that was used, and what was answered. */
struct fake_key {
    int account, status;
    int64_t at_us;
    char *key, *request, *body;
};

struct fake_script {
    int account, left;
    const char *call;
    enum fake_act act;
};

struct fake_seen {
    int account;
    const char *call;
};

struct fake_gateway {
    struct lock lock; /* guards all below */
    struct http_client *client;
    GPtrArray *intents, *refunds, *disputes, *keys; /* owned */
    GArray *scripts, *seen, *events, *deliveries;
    int counted, fault_number;
    enum fake_act fault_act;
    int64_t slow_us, last_id;
    const char *decline_code; /* borrowed; NULL: as the act says */
    int merchant_status;
    void (*merchant_hook)(void *ctx);
    void *merchant_hook_ctx;
    fake_hook_fn *hook;
    void *hook_ctx;
};

/* fake_stripe.c: everything with the lock held. Name of a call, NULL for one that is not known. */
const char *fake_stripe_name(const struct http_call *call);
/* Does it as `act` says; returns the HTTP status and fills the body. */
int fake_stripe_do(struct fake_gateway *fake, int account, const char *name,
                   const struct http_call *call, enum fake_act act, struct buf *body);
void fake_stripe_event(struct fake_gateway *fake, const struct fake_intent *intent);
void fake_stripe_refund_event(struct fake_gateway *fake, const struct fake_refund *refund,
                              const char *type);
struct fake_intent *fake_intent_new(struct fake_gateway *fake, int account, const char *reference,
                                    const char *order_id, int64_t amount, const char *currency);
/* Its newest payment. */
struct fake_intent *fake_newest(struct fake_gateway *fake, int account, const char *order_id);
void fake_stripe_add_event(struct fake_gateway *fake, int account, const char *type,
                           const char *object);
void fake_intent_succeed(struct fake_gateway *fake, struct fake_intent *intent);

/* fake_disputes.c: the lock held. */
int fake_stripe_dispute(struct fake_gateway *fake, int account, const struct http_call *call,
                        const char *path, const char *id, struct buf *body);
/* What disputes hold of that account. */
int64_t fake_disputes_out(struct fake_gateway *fake, int account, const char *currency);
bool fake_dispute_holds(const struct fake_dispute *dispute);
void fake_dispute_free(void *item);

#endif
