/* SPDX-License-Identifier: Apache-2.0
 * message.h: one message to those whom it concerns, told to each of them once (COMM-1, COMM-2).
 *
 *                 all texts are clean      another person       somebody
 *     [preparing] ------------------> previewed --------> approved ----> sending ---> sent
 *          |                              |                  |              |
 *          +--> refused (the linter)      +------------------+--------------+--> stopped
 *
 *   1. Nothing is sent that was not approved: what each person gets is written down when the
 *      message is prepared, approved by the hash over all of it, and sent as it stands there. A row
 *      that was changed in between is not sent.
 *   2. Whoever asks for a message does not approve it (desk.h).
 *   3. One person is told once: (message, person) is unique, and a mailing whose sending was cut
 *      short is not sent again by itself, except where the receiver tells a repeat by its name (the
 *      merchant's own systems, by webhook-id).
 *   4. One text that the linter refuses refuses the whole message, and says whose it is.
 *   5. No text says that trouble is over without a proof, which only a floor above has (proof.h);
 *      it is asked for again when the message is approved and when it is sent: trouble that came
 *      again meanwhile stops it.
 *   6. A message whose promised next word is overdue is neither approved nor sent.
 *
 * A person is a customer id; where a payment has none, an e-mail address; else the payment itself.
 * Each is told by the first channel of the message that reaches him, in his language where it is
 * known (customer_contact), with all his payments in one text.
 * Threads: any, many at once. Owns: its options are borrowed; answers belong to the caller.
 * Errors:  ERR_VALIDATION (with the place), ERR_NOT_FOUND, ERR_STATE, ERR_FORBIDDEN (the same
 *          person approves), those of store.h. */
#ifndef HOLDFAST_COMMS_MESSAGE_H
#define HOLDFAST_COMMS_MESSAGE_H

#include "comms/lint.h"
#include "comms/proof.h"
#include "comms/template.h"
#include "payment/payments.h"
#include "store/job.h"
#include "watch/letter.h"

#define JOB_MESSAGE "message"

enum {
    MESSAGE_LISTED_MAX = 2000,    /* recipients that are named one by one */
    MESSAGE_PERSONS_MAX = 500000, /* of one message */
    MESSAGE_PERSON_PAYMENTS_MAX = 20,
    MESSAGE_BATCH = 100, /* persons in one webhook */
    MESSAGE_LANES = 8,   /* sent side by side */
    MESSAGE_PAGE_MAX = 100,
};

enum message_state {
#define X(NAME, number, name, meaning) MESSAGE_##NAME = (number),
#include "comms/message_states.def"
#undef X
    MESSAGE_STATES
};
const char *message_state_name(int64_t state); /* "?" for none */
enum mailing_state {
#define X(NAME, number, name, meaning) MAILING_##NAME = (number),
#include "comms/mailing_states.def"
#undef X
    MAILING_STATES
};
const char *mailing_state_name(int64_t state);
MUST_USE bool mailing_state_parse(const char *name, enum mailing_state *ret_state);

/* By what a person is told. Numbers are stored. */
enum message_by { BY_NOTHING = 0, BY_EMAIL = 1, BY_SMS = 2, BY_WEBHOOK = 3, MESSAGE_WAYS };
const char *message_by_name(int64_t by);

/* What the floor above knows of the incident that a message is about. Inside the caller's
 * transaction, `tx` NULL: in one of their own. */
struct message_incident {
    /* ERR_STATE: it is not proved to be over; ERR_NOT_FOUND. */
    int (*prove)(void *ctx, struct store_tx *tx, const char *incident_id, struct proof *ret_proof,
                 struct err *err);
    /* Onto its log; `told`: people are told with it. */
    int (*note)(void *ctx, struct store_tx *tx, const char *incident_id, const char *actor,
                const char *text, bool told, struct err *err);
    void *ctx;
};

struct messages;
struct messages_options {
    struct store *store;
    struct payments *payments; /* for idempotency keys */
    const struct templates *templates;
    const struct lint *lint;
    /* The account of each way, NULL: there is none; and how many calls it takes a second. */
    const struct channel *by[MESSAGE_WAYS];
    int per_second[MESSAGE_WAYS]; /* 0: as many as come */
    struct channel_clients clients;
    const char *shop, *contact; /* the fields of these names; NULL: must be given */
    const char *payment_link;   /* before a payment's reference in a link to it; NULL: no links */
    int utc_offset_minutes;     /* by which times are written */
    struct message_incident incident; /* NULL functions: there are no incidents */
    void (*wake)(void *ctx);    /* the runner, after jobs were added; NULL: it looks by itself */
    void *wake_ctx;
};
MUST_USE int messages_open(const struct messages_options *options, struct messages **ret_messages,
                           struct err *err);
/* When the runner that has its job kind was stopped. */
void messages_close(struct messages *messages); /* NULL is fine */
struct job_kind messages_job(struct messages *messages);

/* ---- acts of people, audited; by the caller's idempotency key ---- */

/* One that is named, not found. Borrowed; "" for what is not known. */
struct message_recipient {
    const char *customer, *email, *phone, *language, *order, *reference, *amount;
};
struct message_draft { /* borrowed */
    enum audience audience;
    enum situation situation;
    enum language language;
    const char *fields[FIELDS]; /* as given (field_show()); NULL: not */
    enum message_by by[MESSAGE_WAYS];
    int by_count;
    const char *incident_id; /* "": none */
    const char *reason;
    const struct proof *proof; /* NULL: nothing proves that it is over */
    /* To whom: exactly one of the three. */
    const struct message_recipient *listed;
    int listed_count;
    const char *const *payment_ids;
    int payment_count;
    /* Payments made from since_us until before until_us; lists as ",a,b,", "" for all; methods and
     * states by their numbers. A gateway counts that any attempt went to. */
    int64_t since_us, until_us;
    const char *gateways, *methods, *regions, *currencies, *states;
};
/* 201: {"id", "state": "preparing", …}. Its texts are frozen here. */
MUST_USE int message_draft(struct messages *messages, const struct caller *caller,
                           const struct message_draft *draft, struct answer *ret_answer,
                           struct err *err);
/* `hash`: what the approver has looked at. */
MUST_USE int message_approve(struct messages *messages, const struct caller *caller, const char *id,
                             const char *hash, const char *reason, struct answer *ret_answer,
                             struct err *err);
MUST_USE int message_send(struct messages *messages, const struct caller *caller, const char *id,
                          struct answer *ret_answer, struct err *err);
MUST_USE int message_stop(struct messages *messages, const struct caller *caller, const char *id,
                          const char *reason, struct answer *ret_answer, struct err *err);
/* How a customer is reached; "" for what is not known. */
MUST_USE int message_contact(struct messages *messages, const struct caller *caller,
                             const char *customer_id, const char *email, const char *phone,
                             const char *language, struct answer *ret_answer, struct err *err);

/* ---- looked at ---- */

/* With counts by way and state, what the linter says, three samples, the approval. */
MUST_USE int message_get(struct messages *messages, const char *id, struct answer *ret_answer,
                         struct err *err);
/* The newest first. */
MUST_USE int message_list(struct messages *messages, int limit, struct answer *ret_answer,
                          struct err *err);
/* Its persons in their order, after that id ("": from the first); state 0: all. */
MUST_USE int message_mailings(struct messages *messages, const char *id, int64_t state,
                              const char *after, int limit, struct answer *ret_answer,
                              struct err *err);

#endif
