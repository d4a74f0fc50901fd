/* SPDX-License-Identifier: Apache-2.0
 * paypal.h: the simulated PayPal, as its own files see it.
 *
 * An order is the root; authorizations, captures and refunds hang on it and are guarded by its
 * shard. Amounts are ISO 4217 minor units inside and decimal text outside. An order has one
 * purchase unit: the real one takes ten, and nobody here needs more.
 *
 * A repeat with the same PayPal-Request-Id shows the resource as it is now, with 200; an error is
 * not kept, and a repeat after one is a new try. The same id with another body is refused. */
#ifndef HOLDFAST_SANDBOX_PAYPAL_H
#define HOLDFAST_SANDBOX_PAYPAL_H

#include "base/json.h"
#include "sandbox/paypal_identity.h"
#include "sandbox/sandbox_impl.h"

enum { SB_REQUEST_ID_CHARS_MAX = 108, SB_ISSUE_CHARS_MAX = 63, SB_DEBUG_ID_CHARS = 13 };

enum sb_order_status {
    SB_ORDER_CREATED,
    SB_ORDER_PAYER_ACTION,
    SB_ORDER_APPROVED,
    SB_ORDER_COMPLETED,
    SB_ORDER_VOIDED
};
enum sb_source { SB_SOURCE_NONE, SB_SOURCE_PAYPAL, SB_SOURCE_CARD, SB_SOURCE_TOKEN };

struct sb_order_texts {
    const char *reference_id, *custom_id, *invoice_id, *description, *soft_descriptor;
    const char *return_url, *cancel_url, *vault_id;
};

struct sb_order_now {
    int64_t amount_minor, updated_us;
    const struct sb_order_texts *texts;
    struct currency currency;
    uint8_t status, source;
    bool authorize;
};

struct sb_authorization;
struct sb_capture;
struct sb_payback;

struct sb_order {
    uint32_t number;
    int64_t created_us;
    struct sb_order_now *now;
    struct sb_authorization *authorizations, *last_authorization;
    struct sb_capture *captures, *last_capture;
};

enum sb_authorization_status {
    SB_AUTHORIZATION_CREATED,
    SB_AUTHORIZATION_PARTLY,
    SB_AUTHORIZATION_CAPTURED,
    SB_AUTHORIZATION_VOIDED
};

struct sb_authorization_now {
    int64_t captured_minor, updated_us;
    uint8_t status;
};

struct sb_authorization {
    uint32_t number;
    struct sb_order *order;
    struct sb_authorization *next;
    int64_t created_us, amount_minor;
    struct sb_entry *entry;
    struct sb_authorization_now *now;
};

enum sb_capture_status {
    SB_CAPTURE_COMPLETED,
    SB_CAPTURE_PENDING,
    SB_CAPTURE_DECLINED,
    SB_CAPTURE_PARTLY,
    SB_CAPTURE_REFUNDED
};

struct sb_capture_now {
    int64_t refunded_minor, updated_us;
    uint8_t status;
};

/* What a clerk settles: the first member of a capture and of a refund says which it is. */
enum sb_settled { SB_SETTLED_CAPTURE, SB_SETTLED_PAYBACK };

struct sb_capture {
    enum sb_settled what;
    uint32_t number;
    struct sb_order *order;
    struct sb_authorization *authorization; /* NULL: the order's own */
    struct sb_capture *next;
    struct sb_payback *paybacks, *last_payback;
    int64_t created_us, amount_minor;
    const char *invoice_id, *custom_id;
    const char *processor_code; /* NULL: approved */
    struct sb_entry *entry;
    struct sb_capture_now *now;
    uint32_t dispute; /* number + 1 */
    bool final;
};

enum sb_payback_status { SB_PAYBACK_COMPLETED, SB_PAYBACK_PENDING, SB_PAYBACK_FAILED };

struct sb_payback_now {
    int64_t updated_us;
    uint8_t status;
};

/* PayPal's refund. */
struct sb_payback {
    enum sb_settled what;
    uint32_t number;
    struct sb_capture *capture;
    struct sb_payback *next;
    int64_t created_us, amount_minor;
    const char *invoice_id, *custom_id, *note;
    struct sb_payback_now *now;
};

struct sb_claim_now {
    int64_t updated_us;
    uint8_t status; /* 0 waits for the seller, 1 the buyer won, 2 the seller won, 3 under review */
};

/* PayPal's dispute. */
struct sb_claim_case {
    uint32_t number;
    struct sb_capture *capture;
    int64_t created_us, amount_minor;
    const char *reason;
    struct sb_claim_now *now;
};

/* The gateway's own: invoices that were paid (the account blocks a second payment of one). */
struct sb_invoices {
    struct lock lock;
    GHashTable *paid; /* set of texts in hoards */
};

enum sb_paypal_shape {
    SB_SHOW_NONE,
    SB_SHOW_ORDER,
    SB_SHOW_AUTHORIZATION,
    SB_SHOW_CAPTURE,
    SB_SHOW_PAYBACK
};

struct sb_paypal_call {
    struct sandbox *sandbox;
    struct sb_place *place;
    const struct http_request *request;
    struct http_reply *reply;
    const struct sb_verdict *verdict;
    const char *id;                    /* what stands for '*' in the path */
    const json_t *body;                /* an object, or NULL */
    struct sb_key *key;                /* claimed, or NULL */
    bool full;                         /* Prefer: return=representation */
    char mock[SB_ISSUE_CHARS_MAX + 1]; /* PayPal-Mock-Response */
};

/* ---- paypal_errors.c ---- */
struct sb_paypal_error {
    int status;
    const char *issue;
    const char *field; /* JSON pointer, or NULL */
    const char *description;
};
void sb_paypal_debug_id(const struct sb_paypal_call *call, char ret_id[SB_DEBUG_ID_CHARS + 1]);
/* Writes the error; a claimed key is given up. */
void sb_paypal_fail(struct sb_paypal_call *call, const struct sb_paypal_error *error);
/* 422 with that issue. */
void sb_paypal_refuse(struct sb_paypal_call *call, const char *issue);
void sb_paypal_missing(struct sb_paypal_call *call);
void sb_paypal_fault(struct sb_paypal_call *call, int status, const char *issue);
void sb_paypal_full(struct sb_paypal_call *call);
/* What a mock code asks for. */
void sb_paypal_mock(struct sb_paypal_call *call);

/* ---- paypal.c ---- */
MUST_USE bool sb_paypal_begin(struct sb_paypal_call *call);
/* Answers with the object as it is now, and keeps that under the key. No lock is held. */
void sb_paypal_answer(struct sb_paypal_call *call, int status, enum sb_paypal_shape shape,
                      const void *object);
void sb_paypal_show(struct sb_paypal_call *call, int status, enum sb_paypal_shape shape,
                    const void *object);
void sb_paypal_tell(struct sb_paypal_call *call, enum sb_event_type type, const void *object,
                    const void *now);
struct sb_shard *sb_order_shard(struct sb_place *place, const struct sb_order *order);

/* ---- paypal_money.c ---- */
/* {"currency_code","value"}; `field` is its JSON pointer. False: the error has been written. */
MUST_USE bool sb_paypal_money(struct sb_paypal_call *call, const json_t *money, const char *field,
                              int64_t *ret_amount_minor, struct currency *ret_currency);
/* Sum of a breakdown against the amount. */
MUST_USE bool sb_paypal_breakdown(struct sb_paypal_call *call, const json_t *amount,
                                  const char *field, int64_t amount_minor,
                                  struct currency currency);
const char *sb_paypal_decimal(int64_t amount_minor, struct currency currency,
                              char text[MONEY_TEXT_MAX]);
int64_t sb_paypal_fee(int64_t amount_minor, struct currency currency);
/* A text of at most `chars_max`; absent leaves *ret alone. False: the error has been written. */
MUST_USE bool sb_paypal_text(struct sb_paypal_call *call, const json_t *object, const char *key,
                             const char *field, size_t chars_max, const char **ret_text);

/* ---- paypal_write.c: objects as JSON. The order's shard is locked. ---- */
void sb_order_write(struct sandbox *sandbox, const struct sb_order *order,
                    const struct sb_order_now *now, bool full, struct buf *out);
void sb_authorization_write(struct sandbox *sandbox, const struct sb_authorization *authorization,
                            const struct sb_authorization_now *now, bool full, struct buf *out);
void sb_capture_write(struct sandbox *sandbox, const struct sb_capture *capture,
                      const struct sb_capture_now *now, bool full, struct buf *out);
void sb_payback_write(struct sandbox *sandbox, const struct sb_payback *payback,
                      const struct sb_payback_now *now, bool full, struct buf *out);
void sb_case_write(struct sandbox *sandbox, const struct sb_claim_case *claim,
                   const struct sb_claim_now *now, struct buf *out);

/* ---- paypal_payments.c: movements. The order's shard is locked. ---- */
struct sb_capture_wish {
    struct sb_order *order;
    struct sb_authorization *authorization; /* NULL: the order's own */
    int64_t amount_minor;
    const char *invoice_id, *custom_id;
    bool final;
};
/* Takes the money as the call's decline code says. NULL: the place is full. */
struct sb_capture *sb_capture_make(struct sb_paypal_call *call, const struct sb_capture_wish *wish,
                                   const char *decline);
struct sb_authorization *sb_authorization_make(struct sb_paypal_call *call, struct sb_order *order);
struct sb_order_now *sb_order_next(struct sb_place *place, struct sb_order *order);
/* True: the account takes no second payment of this invoice. */
bool sb_invoice_blocked(struct sandbox *sandbox, const char *invoice_id);
/* The issue with which a charge is declined now, or NULL; `vault_id` may be NULL. "DECLINED",
 * "PENDING" and processor codes ("5120") give a capture that says so instead of an error. */
const char *sb_paypal_decline(const struct sb_paypal_call *call, const char *vault_id,
                              char room[SB_ISSUE_CHARS_MAX + 1]);
bool sb_decline_is_inside(const char *decline);

/* ---- its row's functions ---- */
/* The account's names and keys, as its settings have them. */
enum { SB_PAYPAL_CLIENT_ID, SB_PAYPAL_CLIENT_SECRET, SB_PAYPAL_WEBHOOK_ID };
const struct sb_paypal_identity *sb_paypal_identity(struct sandbox *sandbox);
void sb_paypal_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out);
MUST_USE int sb_paypal_sign(struct sandbox *sandbox, const struct sb_delivery *delivery,
                            const struct buf *body, struct sb_signed_headers *ret_headers,
                            struct err *err);
void sb_paypal_settle(struct sandbox *sandbox, void *object);
MUST_USE int sb_paypal_approve(struct sandbox *sandbox, const char *order, bool approved,
                               struct err *err);
MUST_USE int sb_paypal_dispute(struct sandbox *sandbox, const char *capture, const char *reason,
                               struct buf *ret_id, struct err *err);
MUST_USE int sb_paypal_dispute_close(struct sandbox *sandbox, const char *dispute, bool won,
                                     struct err *err);
/* desk.c */
MUST_USE int sb_paypal_desk_charge(struct sandbox *sandbox, int64_t amount_minor,
                                   struct currency currency, struct buf *ret_id, struct err *err);
MUST_USE int sb_paypal_desk_refund(struct sandbox *sandbox, const char *capture,
                                   int64_t amount_minor, struct buf *ret_id, struct err *err);

/* ---- paypal_reports.c ---- */
extern const struct sb_statement_kind sb_paypal_statements[];
bool sb_paypal_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);

typedef void sb_paypal_handler(struct sb_paypal_call *call);
sb_paypal_handler sb_order_create, sb_order_retrieve, sb_order_patch, sb_order_confirm,
    sb_order_authorize, sb_order_capture;
sb_paypal_handler sb_authorization_retrieve, sb_authorization_capture, sb_authorization_reauthorize,
    sb_authorization_void, sb_capture_retrieve, sb_capture_refund, sb_payback_retrieve,
    sb_case_evidence, sb_case_accept, sb_case_retrieve;
sb_paypal_handler sb_hook_create, sb_hook_list, sb_hook_retrieve, sb_hook_delete, sb_hook_events,
    sb_hook_event, sb_hook_resend, sb_hook_verify;

#endif
