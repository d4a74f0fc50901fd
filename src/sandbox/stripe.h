/* SPDX-License-Identifier: Apache-2.0
 * stripe.h: the simulated Stripe, as its own files see it.
 *
 * A PaymentIntent has an immutable head and a chain of versions (`now` is the last). A charge, a
 * refund and a dispute hang on it and are guarded by the intent's shard. Amounts are in Stripe's
 * unit, which is not always ISO's; the book's are ISO's.
 *
 * The way of a request: route, faults, credentials, parameters (errors up to here are not kept
 * under the Idempotency-Key), claim of the key, execution, answer. A handler that executes ends in
 * sb_stripe_answer() or sb_stripe_refuse(), which keep what was answered. */
#ifndef HOLDFAST_SANDBOX_STRIPE_H
#define HOLDFAST_SANDBOX_STRIPE_H

#include "sandbox/form.h"
#include "sandbox/sandbox_impl.h"

enum {
    SB_METADATA_KEYS_MAX = 50,
    SB_METADATA_KEY_CHARS_MAX = 40,
    SB_METADATA_VALUE_CHARS_MAX = 500,
    SB_LIST_MAX = 100,
};
#define SB_STRIPE_VERSION "2026-10-28.endive"

enum sb_intent_status {
    SB_INTENT_METHOD,
    SB_INTENT_CONFIRMATION,
    SB_INTENT_ACTION,
    SB_INTENT_PROCESSING,
    SB_INTENT_CAPTURE,
    SB_INTENT_CANCELED,
    SB_INTENT_SUCCEEDED,
    SB_INTENT_STATUSES
};
enum sb_effect {
    SB_EFFECT_SUCCEED,
    SB_EFFECT_ELEVATED,
    SB_EFFECT_DECLINE,
    SB_EFFECT_BLOCK,
    SB_EFFECT_ACTION,
    SB_EFFECT_DISPUTE,
    SB_EFFECT_INQUIRY,
    SB_EFFECT_REFUND_FAIL,
    SB_EFFECT_REFUND_PENDING
};
struct sb_method {
    const char *id, *brand, *last4;
    enum sb_effect effect;
    const char *decline;
};
struct sb_decline {
    const char *decline_code, *code, *advice, *message;
};
/* Rows are named by their index plus one; 0 is none. */
int sb_method_find(const char *id);
const struct sb_method *sb_method_row(int method); /* NULL for 0 */
int sb_decline_find(const char *code); /* decline_code or code; generic_decline if neither */
const struct sb_decline *sb_decline_row(int decline);

/* Texts of an intent that are seldom given. */
struct sb_intent_texts {
    const char *description, *customer, *receipt_email, *return_url, *descriptor,
        *descriptor_suffix;
};

struct sb_charge;
struct sb_charge_now;

struct sb_intent_now {
    int64_t amount, amount_capturable, amount_received, canceled_us;
    const struct sb_intent_texts *texts;
    const char *metadata; /* key NUL value NUL … NUL */
    struct sb_charge *charge;
    const struct sb_charge_now *charge_now;
    uint16_t method;
    uint8_t status, decline, cancellation;
    bool manual_capture;
};

struct sb_intent {
    uint32_t number;
    struct currency currency;
    int64_t created_us;
    struct sb_intent_now *now; /* under the shard's lock */
};

enum sb_charge_status { SB_CHARGE_SUCCEEDED, SB_CHARGE_FAILED };

struct sb_charge_now {
    int64_t amount_captured, amount_refunded;
    int64_t refunded_before; /* by all refunds but the latest */
    /* Its balance transaction: of several captures the last one's, with the number of that movement
     * (0: there was one); and the first one's. */
    int64_t txn_amount, txn_fee, first_amount, first_fee;
    uint32_t txn_move;
    bool captured, disputed, released;
};

struct sb_refund;

struct sb_charge {
    uint32_t number;
    uint8_t status, decline;
    uint16_t method;
    struct sb_intent *intent;
    int64_t created_us, amount;
    const char *metadata;
    struct sb_entry *entry; /* NULL when it failed */
    struct sb_charge_now *now;
    struct sb_refund *refunds; /* the latest */
    uint32_t dispute;          /* number + 1 */
};

enum sb_refund_status {
    SB_REFUND_PENDING,
    SB_REFUND_SUCCEEDED,
    SB_REFUND_FAILED,
    SB_REFUND_CANCELED
};

struct sb_refund_now {
    uint8_t status;
};

struct sb_refund {
    uint32_t number;
    uint8_t reason;
    struct sb_charge *charge;
    struct sb_refund *before;
    int64_t created_us, amount;
    const char *metadata;
    struct sb_refund_now *now;
};

enum sb_dispute_status {
    SB_DISPUTE_NEEDS_RESPONSE,
    SB_DISPUTE_WARNING,
    SB_DISPUTE_WON,
    SB_DISPUTE_LOST,
    SB_DISPUTE_REVIEW,
    SB_DISPUTE_WARNING_REVIEW
};

struct sb_dispute_now {
    uint8_t status;
};

struct sb_dispute {
    uint32_t number;
    struct sb_charge *charge;
    int64_t created_us, amount;
    const char *reason;
    bool inquiry;
    struct sb_dispute_now *now;
};

enum sb_expand {
    SB_EXPAND_CHARGE = 1,  /* latest_charge; charge of a refund */
    SB_EXPAND_BALANCE = 2, /* balance_transaction */
    SB_EXPAND_INTENT = 4,  /* payment_intent */
};

/* What an answer shows; the shape of an outcome. */
enum sb_shape {
    SB_SHAPE_NONE,
    SB_SHAPE_INTENT,
    SB_SHAPE_CHARGE,
    SB_SHAPE_REFUND,
    SB_SHAPE_DISPUTE,
    SB_SHAPE_DECLINED, /* a card_error with its intent */
    SB_SHAPE_TEXT,     /* `object` is the body itself */
};

struct sb_stripe_call {
    struct sandbox *sandbox;
    struct sb_place *place;
    const struct http_request *request;
    struct http_reply *reply;
    const struct sb_verdict *verdict;
    struct sb_form form;
    const char *id; /* what stands for '*' in the route's path */
    unsigned expand;
    struct sb_key *key; /* claimed by this call, or NULL */
};

/* ---- stripe_errors.c ---- */
struct sb_stripe_error {
    int status;
    const char *type, *code, *param; /* code and param may be NULL */
};
/* Before execution: not kept. */
void sb_stripe_fail(struct sb_stripe_call *call, const struct sb_stripe_error *error,
                    const char *format, ...) PRINTF_LIKE(3, 4);
/* After it began: kept under the key. `intent` may be NULL. The intent's shard is not locked. */
void sb_stripe_refuse(struct sb_stripe_call *call, const struct sb_stripe_error *error,
                      const struct sb_intent *intent, const struct sb_intent_now *now,
                      const char *format, ...) PRINTF_LIKE(5, 6);
void sb_stripe_missing(struct sb_stripe_call *call, const char *what, const char *param,
                       const char *id);
/* The body of an error by a fault. */
void sb_stripe_fault(struct sb_stripe_call *call, int status, const char *code);
void sb_stripe_declined_write(struct sandbox *sandbox, const struct sb_intent *intent,
                              const struct sb_intent_now *now, struct buf *out);

/* ---- stripe.c ---- */
/* The shard of the intent on which an object hangs. */
struct sb_shard *sb_shape_shard(struct sb_place *place, enum sb_shape shape, const void *object);
/* True: execute. False: the answer has been written (a replay, or a refusal of the key). */
MUST_USE bool sb_stripe_begin(struct sb_stripe_call *call);
void sb_stripe_answer(struct sb_stripe_call *call, const struct sb_outcome *outcome);
/* Only looks: nothing is kept. */
void sb_stripe_show(struct sb_stripe_call *call, const struct sb_outcome *outcome);
void sb_stripe_full(struct sb_stripe_call *call);
void sb_stripe_tell(struct sb_stripe_call *call, enum sb_event_type type, const void *object,
                    const void *now);

/* ---- stripe_params.c ---- */
/* Each: false when the parameter is wrong, and the error has been written. Absent leaves *ret
 * alone. */
MUST_USE bool sb_param_int(struct sb_stripe_call *call, const char *name, int64_t *ret_value);
MUST_USE bool sb_param_bool(struct sb_stripe_call *call, const char *name, bool *ret_value);
MUST_USE bool sb_param_text(struct sb_stripe_call *call, const char *name, size_t chars_max,
                            const char **ret_text);
/* One of `choices` (NULL-terminated): its index. */
MUST_USE bool sb_param_choice(struct sb_stripe_call *call, const char *name,
                              const char *const *choices, int *ret_index);
MUST_USE bool sb_param_currency(struct sb_stripe_call *call, struct currency *ret_currency);
/* Checks the metadata and adds it, on top of `before` (may be NULL), to `out`. */
MUST_USE bool sb_param_metadata(struct sb_stripe_call *call, const char *before, struct buf *out);
MUST_USE bool sb_param_expand(struct sb_stripe_call *call);
/* Refuses names that are not in the list, "metadata" standing for all of metadata[…]. */
MUST_USE bool sb_params_known(struct sb_stripe_call *call, const char *const *names);
const char *sb_metadata_get(const char *metadata, const char *key); /* "" when it is not there */
/* False: nobody can be charged that much. */
MUST_USE bool sb_stripe_amount_ok(struct sb_stripe_call *call, int64_t amount,
                                  struct currency currency);
int64_t sb_stripe_to_minor(int64_t amount, struct currency currency);
int64_t sb_stripe_from_minor(int64_t amount_minor, struct currency currency);

/* ---- stripe_write.c: objects as JSON. The shard's lock is held. ---- */
extern const char *const sb_intent_status_names[]; /* by enum sb_intent_status */
void sb_intent_write(struct sandbox *sandbox, const struct sb_intent *intent,
                     const struct sb_intent_now *now, unsigned expand, struct buf *out);
void sb_charge_write(struct sandbox *sandbox, const struct sb_charge *charge,
                     const struct sb_charge_now *now, unsigned expand, struct buf *out);
void sb_refund_write(struct sandbox *sandbox, const struct sb_refund *refund,
                     const struct sb_refund_now *now, unsigned expand, struct buf *out);
void sb_dispute_write(struct sandbox *sandbox, const struct sb_dispute *dispute,
                      const struct sb_dispute_now *now, struct buf *out);
/* `now`: the version of a charge; NULL for others. */
void sb_txn_write(struct sandbox *sandbox, enum sb_kind kind, const void *object,
                  const struct sb_charge_now *now, struct buf *out);
/* Of a movement whose transaction is not that of a charge, refund or dispute: a later capture, what
 * came back. */
void sb_txn_of_move_write(struct sandbox *sandbox, const struct sb_move *move, struct buf *out);
void sb_last_error_write(struct sandbox *sandbox, const struct sb_intent *intent,
                         const struct sb_intent_now *now, struct buf *out);
int64_t sb_stripe_fee(int64_t amount);

/* ---- stripe_confirm.c: what happens to an intent. Its shard's lock is held. ---- */
/* A new version, a copy of the present one, which it replaces. It may be changed until it has been
 * told of or answered with. */
struct sb_intent_now *sb_intent_next(struct sb_place *place, struct sb_intent *intent);
/* The same for a charge; if it is its intent's latest, the intent has a new version too. */
struct sb_charge_now *sb_charge_next(struct sb_place *place, struct sb_charge *charge);
/* Charges, holds, declines or asks for authentication. These are false when the place is full. */
MUST_USE bool sb_intent_confirm(struct sb_stripe_call *call, struct sb_intent *intent,
                                bool off_session, bool fail_on_action);
MUST_USE bool sb_intent_charge(struct sb_stripe_call *call, struct sb_intent *intent);
MUST_USE bool sb_intent_decline(struct sb_stripe_call *call, struct sb_intent *intent, int decline);
/* Makes an intent out of a first version. Takes the lock of the new one's shard and gives it back
 * only when `ret_shard` is NULL. NULL: the place is full. */
struct sb_intent *sb_intent_new(struct sb_place *place, const struct sb_intent_now *first,
                                struct currency currency, struct sb_shard **ret_shard);

/* ---- its row's functions ---- */
/* The account's keys, as its settings have them. */
enum { SB_STRIPE_KEY, SB_STRIPE_WEBHOOK_SECRET };
void sb_stripe_event_write(struct sandbox *sandbox, const struct sb_event *event,
                           int64_t amount_minor, struct buf *out);
void sb_stripe_settle(struct sandbox *sandbox, void *refund);
/* 3-D Secure. */
MUST_USE int sb_stripe_authenticate(struct sandbox *sandbox, const char *intent, bool passed,
                                    struct err *err);
MUST_USE int sb_stripe_dispute(struct sandbox *sandbox, const char *charge, const char *reason,
                               struct buf *ret_id, struct err *err);
MUST_USE int sb_stripe_dispute_close(struct sandbox *sandbox, const char *dispute, bool won,
                                     struct err *err);
/* desk.c */
MUST_USE int sb_stripe_desk_charge(struct sandbox *sandbox, int64_t amount_minor,
                                   struct currency currency, struct buf *ret_id, struct err *err);
MUST_USE int sb_stripe_desk_refund(struct sandbox *sandbox, const char *charge,
                                   int64_t amount_minor, struct buf *ret_id, struct err *err);

/* ---- the handlers: stripe_intents.c, stripe_refunds.c, stripe_lists.c, stripe_webhooks.c ---- */
typedef void sb_stripe_handler(struct sb_stripe_call *call);
sb_stripe_handler sb_intent_create, sb_intent_retrieve, sb_intent_update, sb_intent_confirm_call,
    sb_intent_capture, sb_intent_cancel, sb_intent_list, sb_intent_search;
sb_stripe_handler sb_refund_create, sb_refund_retrieve, sb_refund_update, sb_refund_cancel,
    sb_dispute_answer, sb_dispute_give_up, sb_refund_list, sb_charge_retrieve, sb_charge_list,
    sb_dispute_retrieve, sb_dispute_list;
sb_stripe_handler sb_balance_retrieve, sb_txn_retrieve, sb_event_retrieve, sb_event_list;
sb_stripe_handler sb_endpoint_create, sb_endpoint_retrieve, sb_endpoint_list, sb_endpoint_delete;
sb_stripe_handler sb_method_retrieve;
sb_stripe_handler sb_report_create, sb_report_retrieve, sb_report_type, sb_report_file;

/* ---- stripe_reports.c ---- */
extern const struct sb_statement_kind sb_stripe_statements[];
bool sb_stripe_line_fill(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);

#endif
