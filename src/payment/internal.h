/* SPDX-License-Identifier: Apache-2.0
 * internal.h: what the files of this folder share and nobody else sees. */
#ifndef HOLDFAST_PAYMENT_INTERNAL_H
#define HOLDFAST_PAYMENT_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/task.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "payment/payments.h"
#include "payment/probes.h"
#include "payment/rows.h"

struct gateway_ask;

struct payments {
    struct payments_options options;
    char instance[ID_TEXT_MAX]; /* name of this run: owner of leases */
    struct job_runner *jobs;
    struct task *sweeper, *beater;
    struct task *prober; /* NULL: no probes are wanted */
    struct lock lock;    /* guards `stopping` and `jobs` */
    struct cond wake;
    bool stopping;
    struct lock ways_lock; /* guards `ways` */
    struct gateway_way ways[GATEWAYS_MAX];
    _Atomic int64_t deliveries; /* to webhooks, written so far, committed or not */
};

enum {
    CALL_LEASE_US = 45 * 1000 * 1000, /* longer than any gateway call */
    CASE_KIND_CHARS_MAX = 40,
};

/* After a commit that added a job. Does nothing before payments_start() and after payments_stop().
 */
void jobs_wake(struct payments *payments);

/* ---- after.c: what is counted and logged when the transaction has been committed ---- */

/* meter_count() and log_event() for whoever runs inside a transaction, which may be run again. The
 * texts are copied. */
#define meter_count_after(tx, id, ...)                                                             \
    count_after((tx), (id), (const char *const[METER_LABELS_MAX]){__VA_ARGS__})
void count_after(struct store_tx *tx, enum meter_id id, const char *const labels[METER_LABELS_MAX]);
#define log_event_after(tx, name, ...)                                                             \
    log_after_fields((tx), LOG_EV_##name,                                                          \
                     (const struct log_field[]){{NULL, NULL, 0}, __VA_ARGS__},                     \
                     sizeof((const struct log_field[]){{NULL, NULL, 0}, __VA_ARGS__}) /            \
                         sizeof(struct log_field))
#define log_error_after(tx, name, error, ...)                                                      \
    log_event_after(tx, name, LT("error", err_name((error)->code)), LT("detail", (error)->detail), \
                    LT("place", (error)->place), __VA_ARGS__)
void log_after_fields(struct store_tx *tx, enum log_event_name name, const struct log_field *fields,
                      size_t count);

/* ---- outcomes.c: what became of it, by slice (meter/slices.h) ---- */

/* Inside the transaction that has just moved the row; it counts when that is committed. */
void outcome_payment(struct store_tx *tx, const struct payment_row *payment,
                     enum payment_state from, enum payment_event why);
void outcome_attempt(struct store_tx *tx, const struct payment_row *payment,
                     const struct attempt_row *attempt, enum attempt_state from);
void outcome_operation(struct store_tx *tx, const struct payment_row *payment,
                       const struct operation_row *operation, enum operation_state from);
struct dispute_row;
/* It was opened; `payment` without a method: nobody knows of which. */
void outcome_dispute(struct store_tx *tx, const struct payment_row *payment,
                     const struct dispute_row *dispute);
/* At once. `code` may be NULL; `delay_us` -1: not known. */
void outcome_call(const struct gateway_ask *ask, const struct gateway_result *result);
void outcome_callback(const char *gateway, enum slice_outcome outcome, const char *code,
                      int64_t delay_us);
/* A callback that the gateway owed: it came, or it is missing. Counted when `tx` is committed. */
void outcome_awaited(struct store_tx *tx, const struct payment_row *payment, const char *gateway,
                     bool came);
void outcome_fraud(const struct payment_row *payment, const struct risk_decision *decision);

/* ---- instances.c: who is alive ---- */

#define INSTANCE_DEAD_US (10 * 1000 * 1000) /* without a sign of life */
/* Says that this instance lives (nothing for one that is alone with its store). */
MUST_USE int instance_beat(struct payments *payments, int64_t now_us, struct err *err);
MUST_USE int instance_gone(struct payments *payments, struct err *err);
/* Whether a lease still keeps others away. */
MUST_USE int lease_holds(struct payments *payments, struct store_tx *tx, const char *owner,
                         int64_t lease_us, bool *ret_holds, struct err *err);

/* ---- idempotency.c: resumable work, not a response cache (PAY-2) ---- */

enum idempotency_found {
    IDEMPOTENCY_NEW = 1, /* claimed by this transaction: do the work */
    IDEMPOTENCY_RESUME,  /* an earlier run died: finish its work, `resource_id` names it */
    IDEMPOTENCY_REPLAY,  /* done: `ret_answer` holds what was answered */
};
/* Claims the caller's key for `operation` ("payment.create") inside the caller's transaction.
 * Without a key: always NEW. `resource_id` is what the work will make; on RESUME it becomes what
 * the first run made. ERR_IDEMPOTENCY_MISMATCH, ERR_IDEMPOTENCY_IN_FLIGHT. */
/* For a key that is expected to be new: one that is not makes the transaction fail with ERR_STATE,
 * at its commit at the latest, and nobody waits for the answer. */
MUST_USE int idempotency_claim_new(struct payments *payments, struct store_tx *tx,
                                   const struct caller *caller, const char *operation,
                                   const char *resource_id, struct err *err);
MUST_USE int idempotency_claim(struct payments *payments, struct store_tx *tx,
                               const struct caller *caller, const char *operation,
                               char resource_id[ID_TEXT_MAX], enum idempotency_found *ret_found,
                               struct answer *ret_answer, struct err *err);
/* Stores the answer in the transaction that makes it true: `kept` where a repeat is told something
 * else than `answer`, or NULL. No key: nothing. When another run has finished the key meanwhile,
 * its answer stands and takes the place of ours in `answer`. `ours`: that cannot have happened
 * unless the transaction is to fail with ERR_STATE (sql_put_one()), which saves the asking. */
MUST_USE int idempotency_finish(struct store_tx *tx, const struct caller *caller, bool ours,
                                const char *kept, struct answer *answer, struct err *err);
/* The same for an answer that is word for word the data of event `sequence` of the resource. */
MUST_USE int idempotency_finish_event(struct store_tx *tx, const struct caller *caller, bool ours,
                                      int64_t sequence, struct answer *answer, struct err *err);
/* The repeat of a call whose first send may still be on its way was refused, and the gateway keeps
 * no refusals: the first may yet come and be done, so nothing has been said. */
bool repeat_says_nothing(const struct gateway *gateway, const struct gateway_result *result);
/* After a failure that left rows running (the store went away in the middle): gives up the leases
 * of the caller's key, of this attempt and of this operation ("" for none), so that a repeat or the
 * resolver need not wait for them to end. What cannot be written is left to the leases' end. */
void leases_release(struct payments *payments, const struct caller *caller, const char *attempt_id,
                    const char *operation_id);

/* ---- outbox.c: the story and the webhooks ---- */

/* Writes event number `payment->version` with `data_json` (an object) and one delivery with its job
 * for each endpoint that listens. At most one event for each version of a payment. */
MUST_USE int outbox_event(struct payments *payments, struct store_tx *tx,
                          const struct payment_row *payment, const char *type,
                          const char *data_json, struct err *err);
MUST_USE int webhook_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
MUST_USE int webhook_parked(struct store_tx *tx, void *ctx, const struct job *job,
                            const struct err *why, struct err *err);

/* ---- audited.c: who moved money by hand ---- */

/* An entry of the audit log, where the caller is somebody; last in the transaction that writes the
 * operation. */
MUST_USE int operation_audit(struct store_tx *tx, const struct caller *caller, const char *action,
                             const struct operation_row *operation, struct err *err);
/* ERR_FORBIDDEN: it is more of this payment than the caller refunds alone. */
MUST_USE int refund_within(struct store_tx *tx, const struct caller *caller,
                           const struct payment_row *payment, int64_t amount_minor,
                           struct err *err);
/* webhooks.c: a delivery waits again. Returns how many there are of that id. */
MUST_USE int64_t delivery_wait_again(struct store_tx *tx, const char *id, int64_t now_us,
                                     struct err *err);

/* ---- render.c: rows as JSON ---- */

void render_payment(struct buf *buf, const struct payment_row *payment);
/* The member "failure": why it failed, what the customer is told and what may be done. */
void render_failure(struct buf *buf, const struct payment_row *payment);
/* The members "next" and "retry_after" alone: why it failed is not for everybody's eyes. */
void render_next(struct buf *buf, const struct payment_row *payment);
void render_operation(struct buf *buf, const struct operation_row *operation);
void render_attempt(struct buf *buf, const struct attempt_row *attempt);
/* A plain sentence about where the payment stands, in "en" or "zh". */
const char *render_sentence(const struct payment_row *payment, const char *language);
/* `"key":"value",` with null for an empty text. */
void render_member(struct buf *buf, const char *key, const char *value);
/* An array, an element for each row that is left. Returns how many. */
typedef void render_row_fn(struct buf *buf, const struct sql_rows *row, void *ctx);
MUST_USE int render_rows(struct buf *buf, struct sql_rows *rows, render_row_fn *render, void *ctx,
                         struct err *err);
/* 200 with {"data":[…]}. */
MUST_USE int answer_rows(struct answer *ret_answer, struct sql_rows *rows, render_row_fn *render,
                         void *ctx, struct err *err);
/* For a row of OPERATION_COLUMNS. `ctx`: an arena. */
void render_operation_row(struct buf *buf, const struct sql_rows *row, void *ctx);
/* How many rows a list shows that was asked for `limit`. */
int page_rows(int limit);

/* ---- cases.c: what a person must look at ---- */

struct case_note {
    const char *kind;    /* "late_success", "duplicate_charge", "amount_mismatch", … */
    const char *subject; /* one case per kind and subject */
    const char *payment_id, *attempt_id, *gateway, *detail;
    int64_t amount_minor;
    struct currency currency;
    bool again; /* it is news although a person has closed it before */
    /* The gateway's names for the money; NULL counts as "". */
    const char *gateway_id, *charge_id, *refund_id;
    const char *event_id; /* of an event that names no refund */
    /* POST_SUSPENSE or POST_SUSPENSE_RETURNED: the amount moved at the gateway and is posted, with
     * the subject as cause, in this same transaction; 0: nothing is posted. */
    int64_t posted;
    /* It is marked for review (review.h) when the case is news: locked, and saved; told of only
     * with `payments`, else its caller saves and tells. NULL: it is not. */
    struct payments *payments;
    struct payment_row *payment;
};
MUST_USE int case_open(struct store_tx *tx, const struct case_note *note, struct err *err);
/* 1: a case of this kind and subject has posted its money. */
MUST_USE int case_has_posted(struct store_tx *tx, const char *kind, const char *subject,
                             struct err *err);

/* ---- calls.c: every call to a gateway goes through here ---- */

/* Admission by the breaker, deadline, the call, the report to health and meter. For a refused
 * admission the result is UNAVAILABLE with code "breaker_open" and nothing was sent. `budget_us` is
 * what is left of the caller's time (0: the gateway's own timeout). */
struct gateway_ask {
    struct gateway *gateway;
    enum gateway_operation operation;
    enum payment_method method;
    const struct gateway_charge *charge; /* OP_CHARGE; with `lookup` as well: resume */
    const struct gateway_lookup *lookup; /* OP_QUERY */
    const struct gateway_change *change; /* OP_CAPTURE, OP_CANCEL, OP_REFUND, OP_QUERY_REFUND */
    /* OP_QUERY about a dispute instead: its name there and what is said of it; or our answer. */
    const char *dispute_id;
    struct gateway_dispute *ret_dispute;
    const struct gateway_dispute_answer *dispute_answer;
    int64_t budget_us;
    bool patient;      /* the gateway's whole timeout: somebody else cannot be asked */
    bool past_breaker; /* resolving must go on while the breaker is open */
    /* Wall time at which the caller's lease on the row ends (0: none): it ends before, and is not
     * made after, since somebody else may have found out and settled meanwhile. */
    int64_t not_after_us;
    int (*persist)(void *ctx, const char *gateway_id, struct err *err);
    void *persist_ctx;
};
void gateway_ask(struct payments *payments, const struct gateway_ask *ask,
                 struct gateway_result *ret_result);
/* It is of a payment that we make ourselves to see whether it works. */
bool ask_is_probe(const struct gateway_ask *ask);
void charge_of(const struct payment_row *payment, const struct attempt_row *attempt,
               struct gateway_charge *ret_charge);
void lookup_of(const struct payment_row *payment, const struct attempt_row *attempt,
               struct gateway_lookup *ret_lookup);
/* Writes the gateway's id of an attempt durably (between PayPal's two calls). */
struct persist_ctx {
    struct payments *payments;
    const char *attempt_id;
};
MUST_USE int attempt_persist(void *ctx, const char *gateway_id, struct err *err);
/* The same for where a refund goes. A target is set once: when there is one by now that one stands,
 * and in `text` is what is durable. ERR_STATE: the operation is over, nothing may be sent. */
struct operation_target {
    struct payments *payments;
    const char *operation_id;
    char text[GATEWAY_ID_CHARS_MAX + 1];
};
MUST_USE int operation_persist(void *ctx, const char *target, struct err *err);
/* `change` takes its target from `ret_target`, which must live as long. */
void operation_target_of(struct payments *payments, const struct operation_row *operation,
                         struct operation_target *ret_target, struct gateway_change *change);

/* ---- inquiries.c: the questions about what nobody knew, for the story ---- */

enum { INQUIRIES_MAX = 2 }; /* of one look, or of one request */
struct inquiry {
    int64_t at_us, duration_us;
    const char *source; /* "repeat", "query", "resume", "callback", "check", "confirm" */
    enum gateway_outcome outcome;
    int http_status;
    char code[GATEWAY_CODE_CHARS_MAX + 1];
};
struct inquiries {
    struct inquiry list[INQUIRIES_MAX];
    int count;
};
struct inquiry_about {
    const char *payment_id, *attempt_id, *operation_id /* "" none */, *gateway;
};
/* Right after the call, with what was said and not what we make of it. */
void inquiry_note(struct inquiries *inquiries, const char *source,
                  const struct gateway_result *result);
/* In the transaction that applies the answer, also when it changes nothing. */
MUST_USE int inquiries_write(struct store_tx *tx, const struct inquiries *inquiries,
                             const struct inquiry_about *about, struct err *err);

/* ---- not_sent.c: why no gateway was asked, for the story ---- */

/* Before the payment is moved or saved in the same transaction, once. */
MUST_USE int not_sent_write(struct store_tx *tx, const struct payment_row *payment,
                            const struct route_plan *plan, struct err *err);
/* A row of these columns; `whole`: with the router's decision. */
#define NOT_SENT_COLUMNS "payment_id, at_us, method, gateway, common_code, code, message, decision"
void not_sent_render(struct buf *buf, const struct sql_rows *rows, bool whole);

/* ---- settle.c: what an answer does ---- */

struct settlement {
    bool changed;       /* the attempt moved */
    bool payment_moved; /* and so did its payment */
    bool may_go_on;     /* not charged: the caller may start another attempt, or must call
                           settle_failed() in this same transaction */
    bool late;          /* a late success: a case was opened */
};
/* Applies `result` to the attempt and its payment (both loaded in this transaction, the payment
 * locked), with postings, events, cases and jobs. Never moves anything backwards. */
MUST_USE int settle_attempt(struct payments *payments, struct store_tx *tx,
                            struct payment_row *payment, struct attempt_row *attempt,
                            const struct gateway_result *result, const char *source,
                            struct settlement *ret_settlement, struct err *err);
/* No gateway has it now: the customer is to choose another way to pay. */
MUST_USE int payment_ask_method(struct payments *payments, struct store_tx *tx,
                                struct payment_row *payment, struct err *err);
/* Why it failed, by a common code (common_codes.h), and when it is worth another try (wall; 0: as
 * the code says). */
void payment_failed_by(struct payment_row *payment, const char *code, int64_t again_us);
/* Ends a payment whose last attempt was not charged. */
MUST_USE int settle_failed(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, const struct attempt_row *attempt,
                           struct err *err);
/* Money came for it when it was over, and a person has not settled that: nothing more is charged.
 */
bool payment_took_late(const struct payment_row *payment);
/* Moves the payment by its table and writes the event; an illegal move is ERR_STATE and logged. */
MUST_USE int payment_move(struct payments *payments, struct store_tx *tx,
                          struct payment_row *payment, enum payment_event event, struct err *err);
/* The same for captures, cancellations and refunds. `payment` locked. */
MUST_USE int settle_operation(struct payments *payments, struct store_tx *tx,
                              struct payment_row *payment, struct attempt_row *attempt,
                              struct operation_row *operation, const struct gateway_result *result,
                              const char *source, bool *ret_changed, struct err *err);

/* What a capture, cancellation or refund that was done does to its payment. */
MUST_USE int operation_done(struct payments *payments, struct store_tx *tx,
                            struct payment_row *payment, struct attempt_row *attempt,
                            const struct operation_row *operation,
                            const struct gateway_result *result, struct err *err);

/* Where this outcome takes an operation; its own state: nowhere. */
enum operation_state operation_next(const struct operation_row *operation,
                                    enum gateway_outcome outcome,
                                    const struct gateway_result *result);
/* Takes what was answered into the row; the texts live as long as the result. */
void operation_take(struct operation_row *operation, enum operation_state to,
                    enum gateway_outcome outcome, const struct gateway_result *result,
                    const char *source);

/* ---- operations.c ---- */

/* Closes the order of an attempt that waits for its customer, at its gateway, and leaves the
 * payment asking for another way to pay. 0: it is confirmed. ERR_STATE: it was paid meanwhile, or
 * the gateway has not confirmed it yet. */
MUST_USE int attempt_close(struct payments *payments, const struct caller *caller,
                           const char *payment_id, struct err *err);
/* The customer let the time pass: closes it there, and with it (`final`) the payment. */
MUST_USE int attempt_expire(struct payments *payments, const char *payment_id, bool final,
                            struct err *err);
/* As attempt_close(): nobody was ever shown what the customer was to pay with. */
MUST_USE int attempt_close_unshown(struct payments *payments, const char *payment_id,
                                   struct err *err);
/* The customer's code was read at a till, and its gateway still waits for him, or does not say: it
 * is taken back there (or paid back, if it was paid), and the payment ends. */
MUST_USE int attempt_take_back(struct payments *payments, const char *payment_id, struct err *err);

/* ---- waiting.c ---- */

/* How long after it was answered so an attempt that is pending or waits for its customer is first
 * asked about. */
int64_t waiting_first_look_us(const struct payments *payments, const struct attempt_row *attempt);
/* It was made with his code as a till has read it, at a gateway that takes such a payment back. */
bool waiting_at_till(const struct payments *payments, const struct attempt_row *attempt);
/* Its code was read at a till so long ago that it is only to be taken back: the customer who is
 * charged now has left. */
bool waiting_is_in_vain(const struct payments *payments, const struct attempt_row *attempt);
/* An attempt (job->key) that is open still: ends it when its time is over, and says when it is
 * looked at again. */
MUST_USE int waiting_look_again(struct payments *payments, const struct job *job,
                                int64_t *ret_again_us, struct err *err);

/* ---- create.c ---- */

/* ERR_ORDER_TAKEN, with the payment that holds the order. */
MUST_USE int order_taken(struct store_tx *tx, const char *order_id, struct err *err);

/* ---- deferral.c: orders that are held for their customer (later.h) ---- */

/* A new payment, without an attempt: holds its order and tells the link. */
MUST_USE int payment_defer(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, struct err *err);
/* What its customer tried came to nothing: he may try something else. */
MUST_USE int deferral_ask_again(struct payments *payments, struct store_tx *tx,
                                struct payment_row *payment, struct err *err);
/* It waits for its customer to say how he pays, and nothing of it is at a gateway. */
bool payment_asks_for_method(const struct payment_row *payment);
MUST_USE int deferral_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

/* ---- forward.c: payments that wait for a gateway ---- */

/* A new payment, without an attempt: puts it into the queue. ERR_VALIDATION with what does not
 * allow it, ERR_AMOUNT when there is no room: nothing has been written. */
MUST_USE int payment_queue(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, struct err *err);
/* 0: payment_queue() would take it now. */
MUST_USE int forward_fits(struct payments *payments, struct store_tx *tx,
                          const struct payment_row *payment, struct err *err);
/* It left the queue; its row is saved by the caller. */
MUST_USE int forward_done(struct store_tx *tx, struct payment_row *payment, struct err *err);
MUST_USE int forward_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

/* ---- late.c: money that came when its attempt was over ---- */

/* A success that comes when the attempt was over: money without a payment to explain it. Charged,
 * it is posted to suspense; the case's subject is the attempt's id, or the name of this money where
 * an attempt may be paid in several pieces. `payment` is locked, and saved. */
MUST_USE int late_success(struct payments *payments, struct store_tx *tx,
                          struct payment_row *payment, const struct attempt_row *attempt,
                          const struct gateway_result *result, const char *subject, int64_t amount,
                          struct err *err);
/* Its money is here, so its order is not to be paid again; the caller saves the row. */
MUST_USE int late_hold(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                       struct err *err);
/* A till's payment was taken back, and its gateway had taken the money by then: it has paid it
 * back. The payment has succeeded meanwhile; a person makes a refund of it, or asks for the money
 * again. Nothing anywhere but at a till. */
MUST_USE int late_undoing(struct payments *payments, struct store_tx *tx,
                          struct payment_row *payment, const struct attempt_row *attempt,
                          const struct operation_row *operation, struct err *err);
/* What is gone of a till's payment that had succeeded is not taken for its cancellation's work
 * while refunds explain it: GW_CANCELED becomes GW_DECLINED, or GW_UNKNOWN while a refund is open.
 */
MUST_USE int late_undoing_outcome(struct payments *payments, struct store_tx *tx,
                                  const struct payment_row *payment,
                                  const struct attempt_row *attempt, enum gateway_outcome *outcome,
                                  struct err *err);
/* Its cancellation was sent and not answered, and ended because the customer had paid: what was
 * sent may arrive yet, and then the gateway gives the money back. */
bool late_undoing_may_come(const struct payments *payments, const struct attempt_row *attempt,
                           const struct operation_row *operation);
/* What the gateway says now about such a cancellation, which has failed: taken back after all, it
 * counts as done, and late_undoing() tells of the money. Anything else changes nothing.
 * ERR_GATEWAY: a refund that is open may explain it, ask again later. */
MUST_USE int late_undone(struct payments *payments, struct store_tx *tx,
                         struct payment_row *payment, const struct attempt_row *attempt,
                         struct operation_row *operation, const struct gateway_result *result,
                         const char *source, bool *ret_changed, struct err *err);
/* What may be done about late money without a person. Of money that nobody has decided about, nor
 * is sending back: else the case's id is "", and the verdict is LATE_PERSON. */
enum late_verdict { LATE_PERSON, LATE_WAIT, LATE_RETURN, LATE_ACCEPT };
MUST_USE int late_judge(struct store_tx *tx, struct arena *arena, const char *subject,
                        char ret_case_id[ID_TEXT_MAX], enum late_verdict *ret_verdict,
                        struct err *err);
MUST_USE int late_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);

/* ---- bank_book.c: transfers that came in parts ---- */

/* What has come for an attempt that is being closed goes to suspense, with a case; the caller saves
 * the payment. */
MUST_USE int bank_leave_parts(struct store_tx *tx, struct payment_row *payment,
                              const struct attempt_row *attempt, struct err *err);

/* ---- resolver.c ---- */

/* So long a send may be on the network still; what has arrived, the gateway knows. */
#define ON_ITS_WAY_US (75 * US_PER_SECOND)
/* So long a send is repeated; only later is "no such payment" a last word. */
#define REPEAT_WINDOW_US (5 * 60 * US_PER_SECOND)
/* 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, then hourly, by the age of the trouble. */
int64_t resolve_delay_us(int64_t age_us);
MUST_USE int resolve_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
MUST_USE int resolve_operation_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                                   struct err *err);
/* Asks the gateway about one attempt and settles what it says. `*ret_open`: still unresolved. */
MUST_USE int resolve_attempt(struct payments *payments, const char *attempt_id, const char *source,
                             bool *ret_open, struct gateway_result *ret_result, struct err *err);
MUST_USE int resolve_operation(struct payments *payments, const char *operation_id,
                               const char *source, bool *ret_open, struct err *err);
/* Attempts and operations whose caller died: to UNKNOWN and to the resolver. Returns how many. */
MUST_USE int sweep_orphans(struct payments *payments, int64_t now_us, struct err *err);
/* Charges whose callback is overdue: asked about, marked to review. Returns how many. */
MUST_USE int sweep_callbacks(struct payments *payments, int64_t now_us, struct err *err);

void change_of(const struct payment_row *payment, const struct attempt_row *attempt,
               const struct operation_row *operation, struct gateway_change *ret_change);
enum gateway_operation operation_call(enum operation_kind kind);
/* A new operation of the caller's, under this instance's lease, of the whole and to the original
 * method; the caller of this fills what it is about. */
void operation_begin(const struct payments *payments, const struct caller *caller,
                     enum operation_kind kind, struct operation_row *ret_operation);
/* Makes the call of a written operation, once more when nobody answers and the gateway keeps keys.
 * Returns who said what is in `ret_result`: "answer" or "repeat". */
const char *operation_call_gateway(struct payments *payments, const struct operation_row *operation,
                                   enum payment_method method, const struct gateway_change *change,
                                   struct gateway_result *ret_result);
/* ERR_NO_GATEWAY for one that is disabled or gone: nothing may be sent there. */
MUST_USE int gateway_usable(struct payments *payments, const char *name, struct err *err);

/* ---- confirm.c: whether what was refused was done after all ---- */

/* For an attempt (JOB_CONFIRM) or an operation (JOB_CONFIRM_OPERATION) that `result` has just ended
 * as not done: a job that asks again, where the gateway was asked and keeps no refusals. */
MUST_USE int confirm_later(struct payments *payments, struct store_tx *tx, const char *kind,
                           const char *id, const char *gateway, const struct gateway_result *result,
                           struct err *err);
/* The same for a till's cancellation of which late_undoing_may_come(). */
MUST_USE int confirm_undoing_later(struct store_tx *tx, const struct operation_row *operation,
                                   struct err *err);
/* The same for one that its customer could have paid (`from` says that it waited for him) and that
 * counts as closed now. */
MUST_USE int confirm_closed_later(struct payments *payments, struct store_tx *tx,
                                  const struct attempt_row *attempt, enum attempt_state from,
                                  struct err *err);
/* A failed capture whose hold was asked about: it succeeded, if its amount is what was captured
 * beyond all that is known. */
MUST_USE int capture_late(struct payments *payments, struct store_tx *tx,
                          struct payment_row *payment, struct attempt_row *attempt,
                          struct operation_row *operation, const struct gateway_result *result,
                          const char *source, bool *ret_changed, struct err *err);
MUST_USE int confirm_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
MUST_USE int confirm_operation_job(void *ctx, const struct job *job, int64_t *ret_again_us,
                                   struct err *err);

/* ---- replay.c: done once more because a person wants it ---- */

struct replay {
    const char *what, *job, *action, *state; /* "callback", its job, "callback.replay", "stored" */
    /* Makes the row wait again; returns how many rows of that id there are, or an error. */
    int64_t (*reset)(struct store_tx *tx, const char *id, int64_t now_us, struct err *err);
};
/* Answers 202 with the row's id and state. ERR_NOT_FOUND. */
MUST_USE int replay_run(struct payments *payments, const struct replay *replay,
                        const struct caller *caller, const char *id, struct answer *ret_answer,
                        struct err *err);

/* ---- prober.c ---- */

void probe_all(struct payments *payments);
void prober(void *arg);

/* ---- callbacks.c ---- */
MUST_USE int callback_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err);
MUST_USE int callback_parked(struct store_tx *tx, void *ctx, const struct job *job,
                             const struct err *why, struct err *err);

#define JOB_RESOLVE "resolve"
#define JOB_RESOLVE_OPERATION "resolve_operation"
#define JOB_CONFIRM "confirm_refused"
#define JOB_CONFIRM_OPERATION "confirm_operation"
#define JOB_CALLBACK "callback"
#define JOB_WEBHOOK "webhook"
#define JOB_LATE "late"
#define JOB_DISPUTE "dispute"
#define JOB_DEFERRAL "deferral"
#define JOB_FORWARD "forward"

#endif
