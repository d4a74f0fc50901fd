/* SPDX-License-Identifier: Apache-2.0
 * fake_gateway.h: gateways in memory, behind the HTTP client's door: as much of Stripe's wire
 * protocol as the adapter uses, with a book of their own that is the truth, and a script of what
 * goes wrong.
 *
 * A call is "charge", "capture", "cancel", "refund", "query", "query_refund", "query_dispute",
 * "answer_dispute" or "probe". For each the next scripted act of its account and name is taken;
 * without one it is FAKE_DO. A POST with a key that was seen in the last 24 hours gives the first
 * answer again, as Stripe does. Every change of a payment or refund makes an event, which waits
 * until the test delivers it as a callback. It also is the merchant's server: whatever is posted to
 * FAKE_MERCHANT_URL is kept. Owns: everything it gives out, until fake_gateway_free(). Threads:
 * any, many at once. */
#ifndef HOLDFAST_TESTS_FAKE_GATEWAY_H
#define HOLDFAST_TESTS_FAKE_GATEWAY_H

#include "net/http_client.h"

enum {
    FAKE_ACCOUNTS = 3,
    FAKE_URL_CHARS_MAX = 64,
};
#define FAKE_MERCHANT_URL "http://127.0.0.1:7900/hook"
#define FAKE_WEBHOOK_SECRET "whsec_of_the_fake"

enum fake_act {
    FAKE_DO = 0,          /* done and answered */
    FAKE_REFUSE,          /* nothing was sent */
    FAKE_LOSE_BEFORE,     /* the request is lost on its way; nobody knows */
    FAKE_LOSE_AFTER,      /* done, and the answer is lost */
    FAKE_TIME_OUT_BEFORE, /* the same two, after the whole time of the call */
    FAKE_TIME_OUT_AFTER,
    FAKE_GARBAGE,      /* done, and the answer is no JSON */
    FAKE_ERROR_BEFORE, /* 500 */
    FAKE_ERROR_AFTER,  /* done, and the answer is 500 */
    FAKE_RATE_LIMIT,   /* 429 before anything was done */
    FAKE_BAD_KEY,      /* 401 before anything was done */
    FAKE_REJECT,       /* 400 before anything was done */
    FAKE_ACT_FAULTS,   /* how many of the above there are */
    /* What the gateway may decide; for calls to which it does not apply: FAKE_DO. */
    FAKE_DECLINE,
    FAKE_DECLINE_ELSEWHERE, /* a decline for which another route is worth a try */
    FAKE_DECLINE_FOR_GOOD,  /* the card was stolen */
    FAKE_PENDING,
    FAKE_ACTION, /* the customer must approve */
    FAKE_TWICE,  /* charges twice under one reference */
    FAKE_LESS,   /* charges one minor unit less than it was asked to */
    FAKE_WRONG_CURRENCY,
    FAKE_NOT_FOUND,   /* a query finds nothing, though it may be there */
    FAKE_NO_CAPTURES, /* a query does not tell what was captured */
};
const char *fake_act_name(enum fake_act act);

struct fake_gateway;
struct fake_gateway *fake_gateway_new(void);
void fake_gateway_free(struct fake_gateway *fake);
struct http_client *fake_gateway_client(struct fake_gateway *fake);
/* Forgets everything: books, scripts, events, deliveries. */
void fake_gateway_forget(struct fake_gateway *fake);

/* The gateway that listens at this URL. */
const char *fake_account_name(int account); /* "stripe-a", "stripe-b", "stripe-c" */
void fake_account_url(int account, char ret_url[FAKE_URL_CHARS_MAX]);

/* The next `count` calls of that name ("*": any) at that account act so; -1: for ever. */
void fake_say(struct fake_gateway *fake, int account, const char *call, int count,
              enum fake_act act);
/* The same at every account. */
void fake_say_all(struct fake_gateway *fake, const char *call, int count, enum fake_act act);
void fake_say_nothing(struct fake_gateway *fake);
/* Call number `number` from now on (1 is the next), at whichever account: for fault injection. */
void fake_fault_at(struct fake_gateway *fake, int number, enum fake_act act);
/* Declines of charges bear this code of the gateway's (borrowed); NULL: what their act says. */
void fake_decline_with(struct fake_gateway *fake, const char *decline_code);
/* Time that every executed call takes, in the test's clock. */
void fake_slow(struct fake_gateway *fake, int64_t us);
/* Called for each call before it is done (`done` false) and before its answer goes out (true). */
typedef void fake_hook_fn(void *ctx, int account, const char *call, bool done);
void fake_hook(struct fake_gateway *fake, fake_hook_fn *fn, void *ctx);

/* How many calls of that name ("*": any) have come, refused and lost ones too. */
int fake_calls(struct fake_gateway *fake, int account, const char *call);
/* Calls since the last fake_fault_at(), at all accounts. */
int fake_calls_counted(struct fake_gateway *fake);

/* The book. */
struct fake_book {
    int64_t taken_minor, returned_minor, taken_count, returned_count;
};
void fake_book(struct fake_gateway *fake, int account, const char *currency,
               struct fake_book *ret_book);
/* Charged payments of an order over all accounts, and what they took. */
int fake_charged(struct fake_gateway *fake, const char *order_id, int64_t *ret_minor);
/* State of the newest payment under that reference, "" when there is none. Borrowed for ever. */
const char *fake_status(struct fake_gateway *fake, int account, const char *reference);

/* Something happens at the gateway by itself: the newest payment of this order becomes "succeeded",
 * "requires_payment_method", "canceled" or "requires_capture"; its newest refund becomes
 * "succeeded", "failed" or "canceled". */
void fake_payment_becomes(struct fake_gateway *fake, int account, const char *order_id,
                          const char *status);
void fake_refund_becomes(struct fake_gateway *fake, int account, const char *order_id,
                         const char *status);
/* A charge that nobody asked for; its reference and order are as given. Returns the event's index.
 */
int fake_charge_of_nobody(struct fake_gateway *fake, int account, const char *reference,
                          const char *order_id, int64_t amount_minor);

/* A refund made in the dashboard: of the newest payment of this order, under no reference of ours.
 * Returns the event's index. */
int fake_refund_of_nobody(struct fake_gateway *fake, int account, const char *order_id,
                          int64_t amount_minor);
/* The newest payment of this order takes so much more, as another charge that nobody asked for. */
int fake_capture_of_nobody(struct fake_gateway *fake, int account, const char *order_id,
                           int64_t amount_minor);
/* Its newest payment is in this currency from now on. */
void fake_payment_currency(struct fake_gateway *fake, int account, const char *order_id,
                           const char *currency);

/* The customer's bank takes back so much of the newest payment of this order, or (a status
 * "warning_…") asks about it. Returns its id, borrowed until the fake is freed or forgets. */
const char *fake_dispute_open(struct fake_gateway *fake, int account, const char *order_id,
                              int64_t amount_minor, const char *status);
/* Returns the index of the event. */
int fake_dispute_becomes(struct fake_gateway *fake, const char *id, const char *status);
void fake_dispute_due(struct fake_gateway *fake, const char *id, int64_t due_us);
void fake_dispute_amount(struct fake_gateway *fake, const char *id, int64_t amount_minor);
/* How many answers it was given, and the body of the latest. */
int fake_dispute_answers(struct fake_gateway *fake, const char *id, char *ret_evidence,
                         size_t bytes);

/* Events, oldest first. */
int fake_event_count(struct fake_gateway *fake);
struct fake_event {
    int account;
    char type[64];
    char *body; /* borrowed */
};
struct fake_event fake_event(struct fake_gateway *fake, int index);

/* The merchant's server answers with this status; 0: it cannot be reached. */
void fake_merchant_answers(struct fake_gateway *fake, int status);
/* Called for each delivery before it is answered; NULL: nobody. */
void fake_merchant_hook(struct fake_gateway *fake, void (*fn)(void *ctx), void *ctx);
int fake_delivery_count(struct fake_gateway *fake);
struct fake_delivery { /* borrowed texts */
    char *id, *timestamp, *signature, *body;
};
struct fake_delivery fake_delivery(struct fake_gateway *fake, int index);

#endif
