/* SPDX-License-Identifier: Apache-2.0
 * payments.h: the payment machine as the floors above see it.
 *
 * Every function here parses nothing and prints nothing: it takes typed input, does the work
 * through store, ledger and gateway, and answers with a JSON text that was rendered from committed
 * rows.
 *
 * Threads: any, many at once; calls block on the store and on gateways.
 * Owns:    answers belong to the caller: answer_release().
 * Errors:  what errors.def says; nothing has been changed when one is returned, except that
 *          ERR_STORE, ERR_STORE_UNKNOWN and ERR_TIMEOUT leave a started payment to the resolver:
 *          the caller repeats with the same Idempotency-Key and gets what became of it. */
#ifndef HOLDFAST_PAYMENT_PAYMENTS_H
#define HOLDFAST_PAYMENT_PAYMENTS_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/money.h"
#include "base/seal.h"
#include "gateway/control.h"
#include "gateway/router.h"
#include "mode/mode.h"
#include "net/http.h"
#include "net/http_client.h"
#include "risk/risk.h"
#include "store/job.h"
#include "store/store.h"

struct payments;
struct probe_settings;

enum {
    ORDER_ID_CHARS_MAX = 120,
    CUSTOMER_ID_CHARS_MAX = 120,
    METADATA_KEYS_MAX = 50,
    METADATA_BYTES_MAX = 8192,
    REASON_CHARS_MAX = 500,
    IDEMPOTENCY_KEY_CHARS_MAX = 255,
    PAGE_MAX = 100,
    PAGE_ROWS = 20, /* of a list that was asked for no limit */
};

/* Days; 0: the default in brackets. See retention.h. */
struct retention {
    unsigned idempotency_days;   /* [7] */
    unsigned webhook_days;       /* [30] */
    unsigned callback_body_days; /* [90] */
};

/* Orders that are held for their customers; see later.h. */
enum { REMINDERS_MAX = 4, FORWARD_CURRENCIES_MAX = 16, FORWARD_CUSTOMERS_MAX = 256 };
struct deferral_options {
    const char
        *public_url; /* what links begin with, without a slash at its end; NULL: none is held */
    int64_t hold_us; /* [24 h] */
    int64_t reminders_us[REMINDERS_MAX]; /* so long before the end; the longest first */
    int reminder_count;                  /* -1: none [at half, and 2 h before the end] */
};
/* Payments that may be taken without a gateway: store and forward. Nothing that is not listed. */
struct forward_options {
    bool enabled;
    bool purposes[PURPOSE_COUNT];
    const char *const *customers; /* ids; borrowed */
    int customer_count;
    bool vip; /* customers that are VIP, besides */
    struct forward_limit {
        struct currency currency;
        int64_t each_minor, total_minor; /* of one payment; of all that wait at once */
    } limits[FORWARD_CURRENCIES_MAX];
    int limit_count;
    int64_t age_us; /* so long one may wait [4 h] */
};

struct payments_options {
    struct store *store; /* all borrowed for the module's life */
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct router *router;
    struct http_client *client;
    struct risk *risk;         /* the fraud check; NULL: there is none */
    struct mode *mode;         /* what is taken now; NULL: everything */
    const struct seal *seal;   /* the master key, for webhook secrets */
    bool several_per_order;    /* PAY-15's exception, for the whole service */
    bool gateways_follow;      /* a test clock's sandbox moves with it, and signs by it */
    int64_t request_budget_us; /* longest that a customer waits [20 s] */
    int failover_max;          /* gateways tried in one request [3] */
    int64_t probe_us;          /* between two harmless probes of a gateway; 0: none */
    const struct probe_settings *probes; /* payments that probe (probes.h); borrowed */
    int probe_count;
    int64_t action_us;         /* how long a customer has who must act [30 min] */
    int64_t waits_long_us;     /* so long nobody may know about money; then it is marked [30 min] */
    int64_t second_look_us;    /* at what was closed; and after 4 times that [30 min] */
    bool ask_about_late;       /* a person decides about an old code that was paid, not the rule */
    struct retention retention;
    struct deferral_options deferral;
    struct forward_options forward;
    /* This process alone uses the store (SQLite): leases of earlier runs are void at once. */
    bool alone;
};

MUST_USE int payments_open(const struct payments_options *options, struct payments **ret_payments,
                           struct err *err);
/* Jobs of the floors above, which this module's runner runs with its own (on SQLite there is one
 * runner a process, see store/job.h): between payments_open() and the start. Copied. */
enum { PAYMENTS_MORE_KINDS_MAX = 32 };
void payments_also_run(struct payments *payments, const struct job_kind *kinds, int count);
/* After a commit that made such a job due. Cheap. */
void payments_wake(struct payments *payments);
/* Tells the merchant of something that is no payment: event number `number` of `subject`, in the
 * transaction that makes it true, to every endpoint that listens for `type`. `data_json` is an
 * object. ERR_EXISTS: that number was told. */
MUST_USE int event_tell(struct payments *payments, struct store_tx *tx, const char *subject,
                        int64_t number, const char *type, const char *data_json, struct err *err);
/* Starts the job runner and the sweeps: from here on, what was left behind is finished. */
MUST_USE int payments_start(struct payments *payments, struct err *err);
void payments_stop(struct payments *payments); /* waits for what runs */
void payments_close(struct payments *payments);
/* One round of everything that runs by itself, in the calling task (tests, simulator): sweeps, then
 * due jobs. Returns how many things were done. */
MUST_USE int payments_tick(struct payments *payments, struct err *err);

/* How much a caller refunds alone; above it a second person agrees (desk/refund_request.h). */
struct refund_limit {
    struct currency currency;
    int64_t payment_minor; /* of one payment, with all that was refunded of it before */
    int64_t day_minor;     /* what this caller has refunded within 24 hours; 0: no limit */
};
struct refund_limits {
    const struct refund_limit *rows; /* a currency that has none: nothing */
    int count;
};

/* Who asks. Borrowed. */
struct caller {
    const char *actor; /* "key:key_…", "user:…", "cli"; on audit entries and operations */
    const char *scope; /* idempotency keys are unique within it (the API key's id) */
    const char *key;   /* Idempotency-Key, or NULL on paths where it is optional */
    const char *request_hash; /* SHA-256 hex over method, path and body */
    int64_t repeat_us; /* above 0: the key was made from the request, and is the same one's again
                          only for so long after the first */
    const char *request_id;
    const char **claimed_as; /* NULL, or where the operation stands for which the key was looked at:
                                a refusal from there on is idempotency_refuse()'s; NULL there: no
                                key was, or its claim stands and a repeat goes on with it */
    const struct refund_limits *refunds; /* NULL: no limit */
};

struct answer {
    int status;      /* HTTP: 200, 201, 202 */
    char *json;      /* free()d by answer_release() */
    bool replayed;   /* the stored answer of an earlier request with this key */
    char *kept_json; /* what a repeat is told when it must not be the same (a secret is told once);
                        NULL: the same */
};
void answer_release(struct answer *answer);
#define ANSWER_AUTO struct answer CLEANUP(answer_release)
/* Takes the buffer's text into the answer. ERR_INTERNAL when the buffer overflowed. */
MUST_USE int answer_take(struct answer *ret_answer, int status, struct buf *buf, struct err *err);

/* For mutating work of the floors above that is one transaction: claims the caller's key for
 * `operation` ("key.create"), runs `fn` (which fills status and JSON into the answer), stores the
 * answer; a repeat gives the stored one. `fn` may run again from the start. */
typedef int idempotent_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                          struct answer *ret_answer, struct err *err);
MUST_USE int idempotent_run(struct payments *payments, const struct caller *caller,
                            const char *operation, idempotent_fn *fn, void *ctx,
                            struct answer *ret_answer, struct err *err);
/* Keeps what a request was refused with for good, so that a second copy of it which comes late is
 * told the same and never taken. Call it where the refusal becomes an answer, when *claimed_as is
 * set. `refusal` is its status and JSON, which a copy that was taken in between replaces by its
 * own. ERR_IDEMPOTENCY_IN_FLIGHT: such a copy is being worked on. ERR_STORE…: nothing may be said.
 */
MUST_USE int idempotency_refuse(struct payments *payments, const struct caller *caller,
                                struct answer *refusal, struct err *err);

/* The name of this run among the instances; borrowed. */
const char *payments_instance(const struct payments *payments);

/* ---- Taking payments ---- */

struct payment_order { /* borrowed; NULL text counts as "" */
    const char *order_id;
    int64_t amount_minor;
    struct currency currency;
    enum payment_method method;
    enum payment_purpose purpose;
    bool capture_later;   /* authorize only */
    const json_t *tokens; /* {gateway: token}, may be NULL */
    const char *token;    /* portable, for any gateway that takes it; may be "" */
    const char *customer_id, *customer_region, *customer_email, *customer_ip;
    bool customer_vip;
    const char *customer_segment; /* the merchant's word for this kind of customer; NULL: none */
    const char *return_url, *cancel_url, *description;
    const json_t *metadata; /* flat object of texts, may be NULL */
    bool several_per_order; /* this merchant order may have several payments */
    bool defer;             /* held for its customer, who pays by a link (later.h) */
    bool queue;             /* charged by and by, with the token (payments_options.forward) */
    enum gateway_flow flow; /* how the customer is asked to act; 0: the gateway's usual way */
    const char *gateway_only; /* NULL: any; of a probe the one that is probed */
};

/* 201 when it is final or the customer must act, 202 when it is processing. ERR_ORDER_TAKEN (the
 * first payment's id is in the detail and, as a path, in the place), ERR_IDEMPOTENCY_*. */
MUST_USE int payment_create(struct payments *payments, const struct caller *caller,
                            const struct payment_order *order, struct answer *ret_answer,
                            struct err *err);
/* Another way for a payment that asks the customer to choose, or that waits for him at a gateway:
 * then its order there is closed first, and only when the gateway has confirmed that is another one
 * asked. ERR_STATE: it was paid meanwhile, or the gateway has not confirmed yet. */
struct payment_choice { /* borrowed */
    enum payment_method method;
    enum gateway_flow flow;
    const json_t *tokens;
    const char *token;
    const char *customer_ip; /* where he is now; NULL or "": where the payment has him */
};
MUST_USE int payment_choose(struct payments *payments, const struct caller *caller,
                            const char *payment_id, const struct payment_choice *choice,
                            struct answer *ret_answer, struct err *err);
/* amount_minor 0: all that is left. `final`: what is left over is released. */
MUST_USE int payment_capture(struct payments *payments, const struct caller *caller,
                             const char *payment_id, int64_t amount_minor, bool final,
                             struct answer *ret_answer, struct err *err);
MUST_USE int payment_cancel(struct payments *payments, const struct caller *caller,
                            const char *payment_id, const char *reason, struct answer *ret_answer,
                            struct err *err);
/* amount_minor 0: all that is left. `to_original` false: store credit for the customer. 201 done,
 * 202 under way. ERR_AMOUNT when it is more than is left, pending refunds counted (I10). */
MUST_USE int payment_refund(struct payments *payments, const struct caller *caller,
                            const char *payment_id, int64_t amount_minor, const char *reason,
                            bool to_original, struct answer *ret_answer, struct err *err);
/* Whether the caller may refund so much of it alone, by what is written now: 0, or ERR_FORBIDDEN
 * with the limit. payment_refund() looks at it again under the payment's lock. */
MUST_USE int payment_refund_may(struct payments *payments, const struct caller *caller,
                                const char *payment_id, int64_t amount_minor, struct err *err);
/* Tells the merchant's endpoints of the payment once more: the newest event that each was told of.
 * 202 {"payment_id","resent":[…]}. ERR_STATE: none was told of it, or it is on its way. Audited. */
MUST_USE int payment_resend(struct payments *payments, const struct caller *caller,
                            const char *payment_id, const char *reason, struct answer *ret_answer,
                            struct err *err);
/* Sends a failed refund once more, as a new operation that names the old one. */
MUST_USE int refund_retry(struct payments *payments, const struct caller *caller,
                          const char *refund_id, struct answer *ret_answer, struct err *err);
/* Gives what a failed refund was to give back as store credit: of the two, only one is done. */
MUST_USE int refund_as_credit(struct payments *payments, const struct caller *caller,
                              const char *refund_id, struct answer *ret_answer, struct err *err);

/* ---- Looking ---- */

struct payment_filter { /* NULL or 0: any */
    const char *order_id, *gateway, *customer_id, *cursor;
    int64_t state; /* a number of payment_states.def */
    enum payment_method method;
    int64_t since_us, until_us;
    bool review_only;
    int limit; /* 1..PAGE_MAX, 0: 20 */
};
MUST_USE bool payment_state_parse(const char *name, int64_t *ret_state);
MUST_USE int payment_get(struct payments *payments, const char *payment_id,
                         struct answer *ret_answer, struct err *err);
/* Newest first: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int payment_list(struct payments *payments, const struct payment_filter *filter,
                          struct answer *ret_answer, struct err *err);
/* The whole story: events, attempts with decisions, operations, callbacks, postings, cases, in
 * time. */
MUST_USE int payment_story(struct payments *payments, const char *payment_id,
                           struct answer *ret_answer, struct err *err);
/* What a customer or an agent may be told about an order (PAY-14): state, plain sentence in English
 * and Chinese, amounts, references; no gateway internals. */
MUST_USE int payment_order_status(struct payments *payments, const char *order_id,
                                  struct answer *ret_answer, struct err *err);
/* Unresolved for longer than `older_us`. */
MUST_USE int payment_stuck(struct payments *payments, int64_t older_us, int limit,
                           struct answer *ret_answer, struct err *err);
/* Attempts and payments that failed since: with gateway, code, message, counts by code. */
MUST_USE int payment_failed(struct payments *payments, int64_t since_us, int limit,
                            struct answer *ret_answer, struct err *err);
/* Success rate by method and gateway since. */
MUST_USE int payment_rates(struct payments *payments, int64_t since_us, struct answer *ret_answer,
                           struct err *err);
/* Those that "failed": without what was sent again, unless that failed as well. */
MUST_USE int refund_list(struct payments *payments, const char *state /* name or NULL */,
                         int64_t since_us, int limit, struct answer *ret_answer, struct err *err);
MUST_USE int refund_get(struct payments *payments, const char *refund_id, struct answer *ret_answer,
                        struct err *err);
MUST_USE int case_list(struct payments *payments, bool open_only, int limit,
                       struct answer *ret_answer, struct err *err);
MUST_USE int case_get(struct payments *payments, const char *case_id, struct answer *ret_answer,
                      struct err *err);
/* A person takes money out of suspense: what a gateway took is ours, or what it gave back stands as
 * a refund. ERR_STATE when the case holds none or was decided; ERR_AMOUNT when a refund is more
 * than is left (I10). */
MUST_USE int case_accept(struct payments *payments, const struct caller *caller,
                         const char *case_id, const char *reason, struct answer *ret_answer,
                         struct err *err);
/* Or sends it back through its gateway: 201 done or refused there (the case then stays open), 202
 * under way. */
MUST_USE int case_return(struct payments *payments, const struct caller *caller,
                         const char *case_id, const char *reason, struct answer *ret_answer,
                         struct err *err);
/* Or gives it to the customer of its payment as store credit. ERR_STATE: nobody is known. */
MUST_USE int case_credit(struct payments *payments, const struct caller *caller,
                         const char *case_id, const char *reason, struct answer *ret_answer,
                         struct err *err);
/* Lets the order go that late money holds: it may be paid again. The case stays open. */
MUST_USE int case_release_order(struct payments *payments, const struct caller *caller,
                                const char *case_id, const char *reason, struct answer *ret_answer,
                                struct err *err);
MUST_USE int case_close(struct payments *payments, const struct caller *caller, const char *case_id,
                        const char *resolution, struct answer *ret_answer, struct err *err);
/* {"accounts":[…],"books":[{"gateway","currency","taken","returned","fees",…}]} */
MUST_USE int ledger_overview(struct payments *payments, struct answer *ret_answer, struct err *err);
/* The invariants I1 to I6 and I10 over the whole store; {"checked":n,"broken":[{rule,id,what}]}.
 */
MUST_USE int payments_verify(struct payments *payments, struct answer *ret_answer, struct err *err);
#define PAYMENTS_RULES_ALL UINT64_MAX
/* Which of the rules ask about the table that a statement changes, and, of an UPDATE, about one of
 * the columns that it sets: a bit for each. None for one that only reads, all for one that is
 * neither INSERT, UPDATE, DELETE nor SELECT. */
uint64_t payments_rules_about(const char *sql);
/* The same as payments_verify() of these rules, for a store without a payment machine on it
 * (`holdfast db check`). */
MUST_USE int payments_verify_store(struct store *store, uint64_t rules, struct answer *ret_answer,
                                   struct err *err);

/* ---- Disputes: payments that customers take back through their bank or wallet (PAY-8) ---- */

enum { EVIDENCE_FILE_BYTES_MAX = 44 * 1024, EVIDENCE_TEXT_CHARS_MAX = 20000 };

/* A chargeback that a person has heard of. `amount_minor` 0: all that is left. `due_us` 0: unsaid.
 * 201; 200 with the first one when this payment's was told of before under this reference.
 * ERR_AMOUNT when it is more than is left (I10). */
struct chargeback { /* borrowed */
    const char *reference, *reason;
    int64_t amount_minor, due_us;
    bool force; /* although another payment at this gateway was told of under this reference */
};
MUST_USE int dispute_record(struct payments *payments, const struct caller *caller,
                            const char *payment_id, const struct chargeback *chargeback,
                            struct answer *ret_answer, struct err *err);
/* Either a text or a file (base64). ERR_STATE once it was answered, ERR_CARD_NUMBER, ERR_TOO_LARGE.
 */
struct evidence { /* borrowed; "" for what is not there */
    const char *kind, *text, *file_name, *media_type, *content;
};
MUST_USE int dispute_attach(struct payments *payments, const struct caller *caller,
                            const char *dispute_id, const struct evidence *evidence,
                            struct answer *ret_answer, struct err *err);
/* The answer to the gateway: 202; a job sends it. ERR_STATE when somebody has answered already, or
 * when the gateway takes none by its API. */
MUST_USE int dispute_submit(struct payments *payments, const struct caller *caller,
                            const char *dispute_id, struct answer *ret_answer, struct err *err);
MUST_USE int dispute_accept(struct payments *payments, const struct caller *caller,
                            const char *dispute_id, const char *reason, struct answer *ret_answer,
                            struct err *err);
/* How one ended, or went on, that no gateway tells of: "under_review", "won", "lost", "withdrawn".
 */
MUST_USE int dispute_resolve(struct payments *payments, const struct caller *caller,
                             const char *dispute_id, const char *status, const char *reason,
                             struct answer *ret_answer, struct err *err);
MUST_USE int dispute_get(struct payments *payments, const char *dispute_id,
                         struct answer *ret_answer, struct err *err);
/* Newest first. `state` a name or ""; `payment_id` or "". */
MUST_USE int dispute_list(struct payments *payments, const char *state, const char *payment_id,
                          int limit, struct answer *ret_answer, struct err *err);
/* One piece of evidence with its file in base64. */
MUST_USE int evidence_get(struct payments *payments, const char *evidence_id,
                          struct answer *ret_answer, struct err *err);

/* ---- Store credit ---- */

/* {"customer_id", "balances":[{"currency","balance",…}], "entries":[…]}: from the ledger. */
MUST_USE int credit_get(struct payments *payments, const char *customer_id,
                        struct answer *ret_answer, struct err *err);
/* A named person gives a customer credit, or (`take`) takes some back, with a reason. ERR_AMOUNT
 * when there is less: it is never negative. */
MUST_USE int credit_adjust(struct payments *payments, const struct caller *caller,
                           const char *customer_id, int64_t amount_minor, struct currency currency,
                           bool take, const char *reason, struct answer *ret_answer,
                           struct err *err);

/* ---- Unknown payments ---- */

/* Asks the gateway now about the payment and its open captures, cancellation and refunds, and
 * applies what it says. */
MUST_USE int payment_check(struct payments *payments, const struct caller *caller,
                           const char *payment_id, struct answer *ret_answer, struct err *err);
/* What its gateway says of one attempt now, whatever we have of it; applied as any answer of its:
 * an open attempt may end by it, and money that came when it was over goes to suspense, with a
 * case. */
struct attempt_said {
    bool asked; /* false: there is nobody to ask (a bank), or it is being sent at this moment */
    enum gateway_outcome outcome; /* UNKNOWN, or a fault: the question was not answered */
    /* What was taken, as it states it; -1: not said. */
    int64_t taken_minor;
    struct currency currency;
    char code[64]; /* theirs */
};
MUST_USE int payment_attempt_ask(struct payments *payments, const char *attempt_id,
                                 struct attempt_said *ret_said, struct err *err);
/* A person decides (I6): `completed` or not, with a reason; audited. Only for unresolved payments.
 */
MUST_USE int payment_resolve(struct payments *payments, const struct caller *caller,
                             const char *payment_id, bool completed, const char *reason,
                             struct answer *ret_answer, struct err *err);

/* The same for a capture, cancellation, refund or return whose gateway has not answered. `evidence`
 * (where it was seen: a statement's line, a dashboard) goes on the audit log with the reason. */
MUST_USE int operation_resolve(struct payments *payments, const struct caller *caller,
                               const char *operation_id, bool completed, const char *reason,
                               const char *evidence, struct answer *ret_answer, struct err *err);

/* ---- Fraud ---- */

/* What these rules would have made of the payments since, and what became of those; no effect. See
 * docs/configuration.md. ERR_TOO_LARGE: more payments than one run bears. */
MUST_USE int payment_dry_run(struct payments *payments, const struct risk_rules *rules,
                             int64_t since_us, struct answer *ret_answer, struct err *err);
/* What the rules in force would say of this order now; nothing is counted and nobody is asked. */
MUST_USE int payment_risk_check(struct payments *payments, const struct payment_order *order,
                                struct answer *ret_answer, struct err *err);

/* ---- Callbacks from gateways ---- */

/* Verified, stored durably, then acknowledged in the gateway's own words in `ret_reply`; a job does
 * the rest. Otherwise nothing was stored, and the gateway should send it again: ERR_SIGNATURE when
 * it is not genuine, always with the same words (the log has the reason); ERR_NOT_FOUND for a
 * gateway that is not configured; else it is we who cannot check or store it now. */
MUST_USE int callback_receive(struct payments *payments, const char *gateway,
                              const struct http_request *request, struct http_reply *ret_reply,
                              struct err *err);
MUST_USE int callback_list(struct payments *payments, const char *state /* name or NULL */,
                           const char *gateway, int limit, struct answer *ret_answer,
                           struct err *err);
MUST_USE int callback_replay(struct payments *payments, const struct caller *caller,
                             const char *callback_id, struct answer *ret_answer, struct err *err);

/* ---- Webhooks to the merchant ---- */

/* `types` "*" or "payment.succeeded,refund.succeeded". The answer holds the secret, this once. */
MUST_USE int webhook_endpoint_create(struct payments *payments, const struct caller *caller,
                                     const char *url, const char *types, const char *description,
                                     struct answer *ret_answer, struct err *err);
MUST_USE int webhook_endpoint_list(struct payments *payments, struct answer *ret_answer,
                                   struct err *err);
/* NULL: unchanged; enabled -1: unchanged. */
MUST_USE int webhook_endpoint_update(struct payments *payments, const struct caller *caller,
                                     const char *endpoint_id, const char *url, const char *types,
                                     int enabled, struct answer *ret_answer, struct err *err);
/* New secret; the old one signs as well for `overlap_us`. */
MUST_USE int webhook_endpoint_rotate(struct payments *payments, const struct caller *caller,
                                     const char *endpoint_id, int64_t overlap_us,
                                     struct answer *ret_answer, struct err *err);
MUST_USE int webhook_endpoint_delete(struct payments *payments, const struct caller *caller,
                                     const char *endpoint_id, struct answer *ret_answer,
                                     struct err *err);
MUST_USE int webhook_delivery_list(struct payments *payments, const char *endpoint_id /* or NULL */,
                                   const char *state /* or NULL */, int limit,
                                   struct answer *ret_answer, struct err *err);
MUST_USE int webhook_delivery_replay(struct payments *payments, const struct caller *caller,
                                     const char *delivery_id, struct answer *ret_answer,
                                     struct err *err);

/* ---- Work that is waiting ---- */

struct backlog {
    int64_t unknown_payments, processing_payments, oldest_unresolved_us;
    int64_t unknown_operations; /* captures, cancellations, refunds, returns */
    int64_t callbacks_waiting, callbacks_parked, webhooks_waiting, webhooks_parked, open_cases;
};
MUST_USE int payments_backlog(struct payments *payments, struct backlog *ret_backlog,
                              struct err *err);

#endif
