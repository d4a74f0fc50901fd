/* SPDX-License-Identifier: Apache-2.0
 * id.h: names of things: a prefix and a ULID, "pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF".
 * ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 bits of randomness, Crockford base 32,
 * so that ids sort by the time they were made. Each kind is a struct of its own: two kinds cannot
 * be swapped by mistake. Threads: any. */
#ifndef HOLDFAST_BASE_ID_H
#define HOLDFAST_BASE_ID_H

#include "base/compiler.h"
#include "base/err.h"

enum {
    ID_ULID_CHARS = 26,
    ID_PREFIX_CHARS_MAX = 5,
    ID_TEXT_MAX = ID_PREFIX_CHARS_MAX + 1 + ID_ULID_CHARS + 1, /* with the NUL */
};

/* X(struct name, "prefix", "what it names") */
#define ID_KINDS(X)                                                                                \
    X(payment_id, "pay", "payment")                                                                \
    X(attempt_id, "att", "attempt")                                                                \
    X(refund_id, "re", "refund")                                                                   \
    X(dispute_id, "dsp", "dispute")                                                                \
    X(event_id, "evt", "event")                                                                    \
    X(callback_id, "cb", "callback")                                                               \
    X(posting_id, "pst", "posting")                                                                \
    X(journal_id, "jnl", "journal transaction")                                                    \
    X(job_id, "job", "job")                                                                        \
    X(endpoint_id, "ep", "webhook endpoint")                                                       \
    X(delivery_id, "dlv", "delivery")                                                              \
    X(case_id, "case", "case")                                                                     \
    X(key_id, "key", "API key")                                                                    \
    X(user_id, "usr", "user")                                                                      \
    X(session_id, "ses", "session")                                                                \
    X(request_id, "req", "request")                                                                \
    X(audit_id, "aud", "audit entry")                                                              \
    X(inquiry_id, "inq", "question to a gateway")                                                  \
    X(evidence_id, "evd", "piece of evidence")                                                     \
    X(plan_id, "pln", "plan")                                                                      \
    X(subscription_id, "sub", "subscription")                                                      \
    X(invoice_id, "inv", "invoice of a subscription")                                              \
    X(listing_id, "rl", "entry of a fraud list")                                                   \
    X(bank_row_id, "bkr", "row of a bank's statement")                                             \
    X(approval_id, "apr", "approval")                                                              \
    X(statement_id, "stm", "statement")                                                            \
    X(reconciliation_id, "rec", "reconciliation")                                                  \
    X(break_id, "brk", "break")                                                                    \
    X(ticket_id, "tkt", "ticket")                                                                  \
    X(upload_id, "upl", "upload of a statement")                                                   \
    X(window_id, "win", "time that is proved")                                                     \
    X(repair_id, "rep", "repair")                                                                  \
    X(alert_id, "alr", "alert")                                                                    \
    X(silence_id, "sil", "silence")                                                                \
    X(backtest_id, "bkt", "back-test")                                                             \
    X(override_id, "ovr", "override of a rota")                                                    \
    X(complaint_id, "cpl", "complaint")                                                            \
    X(change_id, "chg", "change")                                                                  \
    X(incident_id, "inc", "incident")                                                              \
    X(containment_id, "ctm", "measure of an incident")                                             \
    X(message_id, "msg", "message to people")                                                      \
    X(mailing_id, "mlg", "message to one person")                                                  \
    X(action_id, "act", "action item of a postmortem")                                             \
    X(status_incident_id, "sti", "incident of the status page")                                    \
    X(status_update_id, "stu", "update of the status page")                                        \
    X(subscriber_id, "ssb", "subscriber of the status page")

/* kind_parse() reads an id; anything but the prefix, an underscore and 26 Crockford digits (upper
 * case, at most 128 bits) is ERR_VALIDATION. kind_stored() is for text that our own store holds: it
 * aborts if that is longer than an id; NULL gives "". */
#define X(kind, prefix, noun)                                                                      \
    struct kind {                                                                                  \
        char text[ID_TEXT_MAX];                                                                    \
    };                                                                                             \
    struct kind kind##_new(void);                                                                  \
    MUST_USE int kind##_parse(const char *text, struct kind *ret_id, struct err *err);             \
    struct kind kind##_stored(const char *text);
ID_KINDS(X)
#undef X

/* No id of this prefix that was made at `wall_us` or later sorts before this text, and every one
 * made a millisecond before it or earlier does: what is asked for by time is found by id. */
void id_floor(const char *prefix, int64_t wall_us, char ret_text[ID_TEXT_MAX]);

#endif
