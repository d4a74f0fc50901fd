/* SPDX-License-Identifier: Apache-2.0
 * gateway.h: what every gateway can be asked, and what its answer means.
 *
 * A *gateway* is a named instance of an *adapter* with its own account: two Stripe accounts are two
 * gateways. An adapter is one const struct of functions, a capability set and an error table;
 * adding one touches its own folder and one line of adapters.def (docs/adding-a-gateway.md).
 *
 * Every function that talks to the gateway answers with a `gateway_result` whose `outcome` is one
 * row of outcomes.def; there is no other way to fail. The rule that matters (I6): whatever may have
 * moved money and was not clearly answered is GW_UNKNOWN, never a failure. An answer that the error
 * table does not know is GW_UNKNOWN for calls that move money, unless nothing was sent.
 *
 * Threads: adapters' functions run on many tasks at once and block on http_call(). Owns: nothing of
 * the caller's; texts in a result are copies. Errors: see above. */
#ifndef HOLDFAST_GATEWAY_GATEWAY_H
#define HOLDFAST_GATEWAY_GATEWAY_H

#include <jansson.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/id.h"
#include "base/money.h"
#include "base/secret.h"
#include "net/http_client.h"

enum {
    GATEWAY_NAME_CHARS_MAX = 31,
    GATEWAYS_MAX = 32,
    GATEWAY_ID_CHARS_MAX = 95, /* their names of things: "pi_…", "8AC96…" */
    GATEWAY_CODE_CHARS_MAX = 63,
    GATEWAY_MESSAGE_CHARS_MAX = 239,
    GATEWAY_URL_CHARS_MAX = 1023,
    GATEWAY_ACTION_CHARS_MAX = 4095,
    GATEWAY_TOKEN_CHARS_MAX = 255,
};

enum gateway_outcome {
    GW_NONE = 0,
#define X(name, number, text, not_charged, fault) GW_##name = (number),
#include "gateway/outcomes.def"
#undef X
};
const char *gateway_outcome_name(enum gateway_outcome outcome);
/* The first of the two properties that failover stands on: certainly no money moved. */
bool gateway_outcome_not_charged(enum gateway_outcome outcome);
bool gateway_outcome_is_fault(enum gateway_outcome outcome);

enum payment_method {
    METHOD_CARD = 1,
    METHOD_PAYPAL = 2,
    METHOD_ALIPAY = 3,
    METHOD_WECHATPAY = 4,
    METHOD_UNIONPAY = 5,
    METHOD_BANK_TRANSFER = 6,
    METHOD_COUNT = 7,
    METHOD_MANUAL = 100, /* past every gateway, by hand: none can be asked for it */
};
const char *method_name(enum payment_method method); /* "card" */
/* Not METHOD_MANUAL. */
MUST_USE bool method_parse(const char *name, enum payment_method *ret_method);

/* How a customer who must act is asked to: by where he stands. Names as the API says them. */
enum gateway_flow {
    FLOW_PAGE = 1,   /* "page": a browser on a desk is sent to the gateway */
    FLOW_MOBILE = 2, /* "mobile_page": a browser on a phone */
    FLOW_QR = 3,     /* "qr": a code that he scans with the wallet on his phone */
    FLOW_APP = 4,    /* "app": the shop's own app calls the wallet's */
    FLOW_COUNT = 5,
};
const char *flow_name(enum gateway_flow flow);
MUST_USE bool flow_parse(const char *name, enum gateway_flow *ret_flow);

/* What his side must be given for it; `action_data` of a result. */
enum gateway_action {
    ACTION_NONE = 0,
    ACTION_REDIRECT = 1, /* "redirect": an http(s) URL to go to */
    ACTION_QR = 2,       /* "qr_code": the text to be drawn as a code */
    ACTION_APP = 3,      /* "app": what the wallet's kit is called with, as it takes it */
    ACTION_FORM = 4,     /* "form": {"url":…,"fields":{…}} that his browser is to post */
    ACTION_TRANSFER = 5, /* "bank_transfer": {"account":…,"bank":…,"reference":…,…} to pay to */
    ACTION_COUNT = 6,
};
const char *action_name(enum gateway_action action);

enum gateway_operation {
    OP_CHARGE = 1,
    OP_QUERY = 2,
    OP_CAPTURE = 3,
    OP_CANCEL = 4,
    OP_REFUND = 5,
    OP_QUERY_REFUND = 6,
    OP_PROBE = 7,
    OP_COUNT = 8,
};
const char *operation_name(enum gateway_operation operation);

/* What may be done after a decline or an error (column of the error tables). */
enum gateway_advice {
    ADVICE_STOP = 0,      /* do not try this again, nowhere */
    ADVICE_LATER = 1,     /* the same may work later */
    ADVICE_ELSEWHERE = 2, /* another route is worth a try */
    ADVICE_CUSTOMER = 3,  /* the customer must do or choose something */
};

/* One row of an adapter's error table: the gateway's own code, what it means, and the common code
 * that the payment shows ("insufficient_funds"). Rows are matched by exact code. */
struct gateway_error {
    const char *code;
    enum gateway_outcome outcome;
    enum gateway_advice advice;
    const char *common_code;
};

struct gateway_result {
    enum gateway_outcome outcome;
    enum gateway_advice advice;
    char gateway_id[GATEWAY_ID_CHARS_MAX + 1]; /* payment or order there */
    char charge_id[GATEWAY_ID_CHARS_MAX + 1];  /* charge, capture or authorization there */
    char refund_id[GATEWAY_ID_CHARS_MAX + 1];
    char code[GATEWAY_CODE_CHARS_MAX + 1];        /* theirs: "card_declined/insufficient_funds" */
    char common_code[GATEWAY_CODE_CHARS_MAX + 1]; /* ours, from the table; "" when all is well */
    char message[GATEWAY_MESSAGE_CHARS_MAX + 1];  /* theirs, card numbers masked */
    /* GW_ACTION_NEEDED: what the customer's side must be given, and until when it works (wall; 0:
     * not said). */
    enum gateway_action action;
    char action_data[GATEWAY_ACTION_CHARS_MAX + 1];
    int64_t action_expires_us;
    char trace[GATEWAY_ID_CHARS_MAX + 1]; /* their request id, for their support */
    /* Of a decline, where it is said: the gateway's own name for the card, its network ("visa"),
     * and that its bank or network wants it never to be tried again. */
    char card_fingerprint[GATEWAY_ID_CHARS_MAX + 1];
    char card_network[16];
    bool never_again;
    /* As the gateway states them; amount -1 and "" when the answer does not say. Compared with ours
     * by whoever called (CB-5). */
    int64_t amount_minor;
    int64_t captured_minor, refunded_minor;
    struct currency currency;
    int64_t fee_minor; /* -1: not said */
    /* Read off where it stands, because it was only asked about or this very call was refused. So
     * something was captured, but perhaps by another call; and a refund stands so now, not as it
     * was answered at first. */
    bool as_it_stands;
    enum http_reach reach; /* 0: no call was made */
    enum http_failure failure;
    int http_status;
    int64_t duration_us;
};
/* Outcome UNKNOWN, amounts -1, everything else empty. */
void gateway_result_init(struct gateway_result *result);

/* Credentials by name ("api_key", "webhook_secret", "client_id", …), loaded from references. */
struct gateway_credential {
    char name[32];
    char reference[256]; /* "env:…", "file:…" or "sealed:…" */
    struct secret *value;
};
enum { GATEWAY_CREDENTIALS_MAX = 8, GATEWAY_OPTIONS_MAX = 16 };

/* What names the account there and is no secret: "app_id", "merchant_id". */
struct gateway_option {
    char name[32];
    char value[GATEWAY_TOKEN_CHARS_MAX + 1];
};

struct gateway_cost {
    int64_t fixed_minor; /* of the payment's currency */
    int64_t basis_points;
};

/* A configured gateway. Immutable after gateway_registry_open() but for what its locks guard. One
 * of the registry has a keyring, and the names and references of its credentials only: their values
 * and `state` are in the keyring's sets, each of which is a gateway like this one. Calls are made
 * with keyring_take(). */
struct gateway {
    char name[GATEWAY_NAME_CHARS_MAX + 1];
    const struct gateway_adapter *adapter;
    struct keyring *keyring;                  /* keyring.h; NULL: its credentials never change */
    void *state;                              /* the adapter's own (token cache, …) */
    char base_url[GATEWAY_URL_CHARS_MAX + 1]; /* no slash at the end */
    /* Where its callbacks reach us from outside, for protocols that say so in each request; "" when
     * not configured. */
    char callback_url[GATEWAY_URL_CHARS_MAX + 1];
    struct gateway_credential credentials[GATEWAY_CREDENTIALS_MAX];
    int credential_count;
    struct gateway_option options[GATEWAY_OPTIONS_MAX];
    int option_count;
    bool methods[METHOD_COUNT];
    struct currency currencies[64]; /* none: all */
    int currency_count;
    char regions[16][8]; /* customer regions it serves; none: all */
    int region_count;
    int64_t amount_minor_min, amount_minor_max; /* 0: no bound */
    int priority;                               /* smaller is tried first */
    int weight;                                 /* share among equal priorities, 0..1000 */
    struct gateway_cost cost;
    int64_t timeout_us;      /* longest that one charge call may take */
    int64_t callback_due_us; /* a callback is missing after that long; 0: 15 min */
    struct http_bulkhead *bulkhead;
    struct gateway_health *health; /* health.h */
};
/* The first method that it takes; a probe counts as one of it. */
enum payment_method gateway_first_method(const struct gateway *gateway);
/* How long a customer has who must act there, `otherwise_us` where it says nothing of its own. */
int64_t gateway_action_us(const struct gateway *gateway, int64_t otherwise_us);
/* Borrowed as long as the set is taken; NULL when there is none of that name. */
const struct secret *gateway_credential(const struct gateway *gateway, const char *name);
/* Borrowed; "" when it is not configured. */
const char *gateway_option(const struct gateway *gateway, const char *name);

/* Everything a call needs besides what it asks. */
struct gateway_call {
    struct gateway *gateway; /* with the credentials to use: keyring_take() */
    struct http_client *client;
    int64_t deadline_us; /* monotonic; the adapter gives up in time */
    /* Called by adapters that make an object first and move money second (PayPal's order), between
     * the two, to make its id durable (I2), and by those that must choose where a refund goes, to
     * make `gateway_change.target` durable before it is sent. Not zero: stop, nothing was moved.
     * May be NULL for everything but charge() and refund(): without it such an adapter refuses to
     * move money. */
    int (*persist)(void *ctx, const char *gateway_id, struct err *err);
    void *persist_ctx;
};

/* How a payment that only probes a gateway begins and ends there. Stored; they only grow. */
enum probe_way {
    PROBE_AUTHORIZE_CANCEL = 1, /* a card or wallet's money is held, and let go */
    PROBE_CHARGE_REFUND = 2,    /* it is taken, and given back */
    PROBE_ORDER_CLOSE = 3,      /* an order that waits for a customer is made and closed */
    PROBE_WAY_COUNT = 4,
};
const char *probe_way_name(enum probe_way way); /* "authorize_cancel", "charge_refund", … */
MUST_USE bool probe_way_parse(const char *name, enum probe_way *ret_way);

struct gateway_charge {
    const char
        *reference; /* our attempt id: the name by which the gateway will know it, and its key */
    const char *order_id;
    int64_t amount_minor;
    struct currency currency;
    enum payment_method method;
    const char
        *token;   /* this gateway's or a portable one; "" for a wallet that asks the customer */
    bool capture; /* false: authorize only */
    const char *return_url, *cancel_url; /* may be "" */
    const char *description;             /* may be "" */
    const char *customer_email;          /* may be "" */
    const char *customer_ip;             /* may be "" */
    bool off_session;                    /* the customer is not there (a renewal) */
    enum gateway_flow flow;              /* 0: no customer is to act, or the adapter's own choice */
    /* Wall, when our row was written: the same at every repeat, for protocols in which a time is
     * part of an order's name. */
    int64_t created_us;
    int64_t expires_us; /* wall: an order that waits for its customer ends then; 0: not said */
    bool probe;         /* we pay ourselves, to see whether it works: for who counts; not sent */
};

struct gateway_change;

/* How to find it again: by our reference, and by theirs when we have it. */
struct gateway_lookup {
    const char *reference;
    const char *gateway_id; /* "" when the answer never came */
    const char *charge_id;
    int64_t created_us;   /* wall, when our row was written */
    int64_t expires_us;   /* as in the charge */
    int64_t amount_minor; /* what we asked for */
    struct currency currency;
    enum payment_method method;
    enum gateway_flow flow;
    const char *token; /* as in the charge; "" or NULL when a customer was to act */
    bool hold;         /* it was to hold the money only: the charge's `capture` was false */
    bool probe;        /* as in the charge */
    /* The question is what became of this capture or cancellation (OP_CAPTURE, OP_CANCEL), for
     * gateways where each is an order of its own that the payment's does not show; NULL: where the
     * payment stands. An adapter whose payments show it needs neither. */
    const struct gateway_change *change;
    enum gateway_operation asked;
};

struct gateway_change {
    struct gateway_lookup payment;
    const char *reference; /* our id of this capture / cancel / refund: the idempotency key */
    int64_t amount_minor;  /* capture or refund */
    bool final;            /* capture: release the rest */
    const char *reason;    /* refund: "requested_by_customer", "duplicate", "fraudulent" or "" */
    const char *refund_id; /* query_refund: theirs, or "" */
    int64_t created_us;
    /* Refund: which of several captures it goes to, chosen by the adapter at the first call and the
     * same at every repeat; "": none was chosen. After a persist() that succeeded it reads as what
     * is durable: another call may have chosen first, and then its choice counts. */
    const char *target;
};

enum callback_subject {
    CALLBACK_PAYMENT = 1,
    CALLBACK_REFUND = 2,
    CALLBACK_DISPUTE = 3,
    CALLBACK_OTHER = 4
};

/* What a genuine callback says, in our words. A hint: state only moves after the gateway, asked
 * again, says the same, or when it agrees with what we know already. */
struct gateway_event {
    char event_id[GATEWAY_ID_CHARS_MAX + 1]; /* unique at that gateway */
    char type[GATEWAY_CODE_CHARS_MAX + 1];
    int64_t event_us; /* when it happened there */
    enum callback_subject subject;
    char reference[ID_TEXT_MAX];               /* ours, when it is carried back; else "" */
    char gateway_id[GATEWAY_ID_CHARS_MAX + 1]; /* may be "" when only the charge is named */
    char charge_id[GATEWAY_ID_CHARS_MAX + 1];
    char refund_id[GATEWAY_ID_CHARS_MAX + 1];
    char dispute_id[GATEWAY_ID_CHARS_MAX + 1];
    char dispute_status[32];
    char dispute_reason[64];
    int64_t dispute_due_us;
    char order_id[128]; /* ours, when it is carried back; else "" */
    /* Ours of the payment that a refund is of, when it is carried back; else "". An order whose
     * gateway gave no name for it is found by nothing else. */
    char payment_reference[ID_TEXT_MAX];
    enum gateway_outcome outcome;
    int64_t amount_minor; /* -1: not said */
    struct currency currency;
};

struct gateway_callback_request {
    const struct http_header *headers;
    int header_count;
    const char *body; /* raw bytes */
    size_t body_bytes;
    int64_t now_us; /* wall */
};

/* What the gateway wants to hear before it stops repeating. */
struct gateway_ack {
    int status;
    const char *content_type;
    const char *body;
};

struct gateway_capabilities {
    bool authorize, partial_capture, cancel, partial_refund;
    /* There is nobody to call: no address, no health, no callbacks. Its functions answer from what
     * they are given, and what became of an order or a refund is told by other rows of ours, so
     * that nobody need ask. `probe` may be NULL. */
    bool offline;
    /* Repeating the same charge with the same reference within this time gives the first outcome
     * (or runs it once if it never arrived); 0: it does not honour keys. */
    int64_t key_lifetime_us;
    /* A refusal is kept under the key as well: a repeat that is refused means that the first was,
     * and that it cannot come later and be done. Not so where nobody was let in (outcomes.def:
     * fault). */
    bool keeps_refusals;
    /* A NOT_FOUND from query() this long after the last send means that it never arrived; 0: never
     * conclusive. */
    int64_t not_found_conclusive_us;
    bool close_on_unknown; /* cancel() of a payment of unknown state is safe and conclusive */
    /* refund() and cancel() may be repeated with their reference however long after, and are done
     * once: also where charge() honours no keys. */
    bool changes_again;
    /* charge() without a token, repeated while the order waits for its customer, moves nothing and
     * gives what he is to be shown once more. */
    bool code_again;
    /* A token is the customer's code as a till has read it: what is not charged so long after is
     * taken back by cancel(), as long as it is open or unknown. 0: there are no such tokens. */
    int64_t till_us;
    bool customer_action; /* the customer must approve on the gateway's page unless there is a token
                           */
    bool flows[FLOW_COUNT]; /* how; none: FLOW_PAGE, if customer_action */
    bool mobile_address;    /* FLOW_MOBILE takes the customer's address (`customer_ip`) */
    bool dispute_files;     /* answer_dispute() sends files, not texts alone */
    /* Ways by which a payment of ours may probe it; `probe_flows`: flows in which an order that
     * waits for its customer is made by a call (a page that a browser posts is made by none). */
    bool probe_ways[PROBE_WAY_COUNT];
    bool probe_flows[FLOW_COUNT];
};

/* Which statement of which day (`fetch_statement`). */
struct gateway_statement {
    const char *kind;     /* the gateway's own: "trade", "refund", "fund", "settlement" */
    int year, month, day; /* in the gateway's time zone */
};

/* Where a dispute stands there. */
enum gateway_dispute_status {
    GW_DISPUTE_NONE = 0,  /* not said, or by a word that is not known */
    GW_DISPUTE_ASKS,      /* evidence is waited for: none of this round is there */
    GW_DISPUTE_REVIEWS,   /* nobody waits for us */
    GW_DISPUTE_WON,       /* decided for us */
    GW_DISPUTE_LOST,      /* decided against us, or accepted */
    GW_DISPUTE_WITHDRAWN, /* over without a decision */
};

/* A payment that its customer takes back through his bank or wallet, as the gateway tells it. */
struct gateway_dispute {
    enum gateway_dispute_status status;
    bool inquiry;         /* only a question so far */
    bool money_out;       /* its amount is not with us at this moment */
    int64_t amount_minor; /* -1: not said */
    struct currency currency;
    int64_t fee_minor;         /* what the gateway keeps for it, in that currency; -1: not said */
    int64_t due_us;            /* wall, until when evidence is taken; 0: not said */
    char reason[64];           /* theirs */
    const char *common_reason; /* ours; a literal */
    char dispute_id[GATEWAY_ID_CHARS_MAX + 1];
    char gateway_id[GATEWAY_ID_CHARS_MAX + 1]; /* of the payment, where it is named */
    char charge_id[GATEWAY_ID_CHARS_MAX + 1];
    char reference[ID_TEXT_MAX]; /* ours, when it is carried back */
};
/* Status NONE, amounts -1, reason "other", everything else empty. */
void gateway_dispute_init(struct gateway_dispute *dispute);

/* One piece of evidence: a text, or a file. Borrowed. */
struct gateway_evidence {
    const char *kind; /* a row of payment/evidence_kinds.def */
    const char *text;
    const char *file_name, *media_type; /* "" for a text */
    const void *bytes;
    size_t byte_count;
};
struct gateway_dispute_answer {
    const char *dispute_id; /* theirs */
    const char *reference;  /* ours, of this answer: its idempotency key */
    bool accept;            /* the money is given up; else the evidence is submitted */
    const struct gateway_evidence *evidence;
    int evidence_count;
};

/* A certificate that the gateway signs with and hands out itself. */
enum { GATEWAY_SIGNERS_MAX = 8 };
struct gateway_signer {
    char serial[CERT_SERIAL_HEX_MAX];
    int64_t not_after_us; /* wall */
};

/* "name" stands for "name_…" as well. `as`: under which name an old one is of use beside the one in
 * force; NULL: in its place. */
struct gateway_callback_key {
    const char *name, *as;
};

struct gateway_adapter {
    const char *name;
    struct gateway_capabilities can;
    bool methods[METHOD_COUNT];
    const struct gateway_error *errors;
    int error_count;
    const char *const *credentials;  /* names that must be configured, NULL-terminated */
    const char *const *options;      /* the same of options; NULL: it has none */
    const char *const *more_options; /* names that may be; NULL: none */
    /* Those of both that no call of ours shows to be right, only a callback: it is signed with them
     * or sealed with them. "name" stands for "name_…" as well. NULL: there are none. */
    const char *const *callback_names;
    /* Those of both that callbacks are verified or opened with: they are kept (sealed) for as long
     * as old callbacks are accepted, and nothing else is. NULL: callback_names. */
    const struct gateway_callback_key *callback_keys;
    struct gateway_ack ack; /* a refusal is a problem document, for any gateway */

    /* Checks the configuration, makes `state`. */
    int (*open)(struct gateway *gateway, struct err *err);
    void (*close)(struct gateway *gateway);
    /* How long a customer has who must act here; NULL: as long as anywhere. */
    int64_t (*action_us)(const struct gateway *gateway);
    /* Takes or holds the money. The same reference again is the same charge; but when a repeat is
     * not let in (unavailable, rate-limited, refused) that is said of the repeat only: what an
     * earlier send did stays as unknown as it was. */
    void (*charge)(const struct gateway_call *call, const struct gateway_charge *charge,
                   struct gateway_result *ret_result);
    /* Goes on with a charge that the customer has approved since (GW_APPROVED); NULL when the
     * gateway finishes by itself. */
    void (*resume)(const struct gateway_call *call, const struct gateway_charge *charge,
                   const struct gateway_lookup *lookup, struct gateway_result *ret_result);
    /* Where it stands. Moves nothing. GW_UNAVAILABLE, RATE_LIMITED and REJECTED_CREDENTIALS mean
     * that the question was not answered, and say nothing about the payment: whoever asked stays
     * where he was. The same for query_refund(). */
    void (*query)(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result);
    void (*capture)(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result); /* GW_CHARGED */
    void (*cancel)(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result); /* GW_CANCELED, or "cannot_close" */
    void (*refund)(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result); /* GW_REFUNDED, GW_PENDING, … */
    void (*query_refund)(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result);
    /* ERR_SIGNATURE: forged, stale or not for us. ERR_BAD_REQUEST: genuine but unreadable.
     * ERR_UNREACHABLE: it cannot be told now (the certificate could not be fetched); not
     * acknowledged, so that it is sent again. */
    int (*verify_callback)(const struct gateway_call *call,
                           const struct gateway_callback_request *request,
                           struct gateway_event *ret_event, struct err *err);
    /* The file as the gateway publishes it, unpacked from its transport and from no archive.
     * ERR_NOT_FOUND: not published (yet, or there is nothing that day: most cannot tell). ERR_GONE:
     * the gateway says that there is nothing that day. Else as http_call(), or ERR_SIGNATURE,
     * ERR_BAD_REQUEST. NULL: it publishes none by its API. */
    int (*fetch_statement)(const struct gateway_call *call,
                           const struct gateway_statement *statement, struct buf *ret_file,
                           struct err *err);
    /* A dispute by the gateway's name for it. GW_NONE: described; NOT_FOUND; else the question was
     * not answered. NULL, as the next one: disputes are not dealt with by its API. */
    void (*query_dispute)(const struct gateway_call *call, const char *dispute_id,
                          struct gateway_dispute *ret_dispute, struct gateway_result *ret_result);
    /* Submits evidence, or accepts. The same reference again is the same answer. GW_NONE: it is
     * there; REJECTED_REQUEST or NOT_FOUND: refused; else not known, or not sent. */
    void (*answer_dispute)(const struct gateway_call *call,
                           const struct gateway_dispute_answer *answer,
                           struct gateway_result *ret_result);
    /* The ones it holds of those now, asking nobody: such as have not ended, and the last of all
     * even then. Returns how many. NULL: the gateway hands out none. */
    int (*signers)(const struct gateway *gateway,
                   struct gateway_signer ret_signers[GATEWAY_SIGNERS_MAX]);
    /* Cheapest call that shows reachability and valid credentials; moves nothing. GW_NONE: all is
     * well. */
    void (*probe)(const struct gateway_call *call, struct gateway_result *ret_result);
};

/* The row of that code, or NULL. Linear: tables are short. */
const struct gateway_error *gateway_error_find(const struct gateway_adapter *adapter,
                                               const char *code);
/* Fills outcome, advice, code, common_code from a table row found by `code`, else by
 * `fallback_code`; returns false (nothing filled) when neither has a row. */
bool gateway_result_code(struct gateway_result *result, const struct gateway_adapter *adapter,
                         const char *code, const char *fallback_code);
/* Copies what the HTTP answer says about reach, failure, status and duration; for an unanswered
 * call sets the outcome: UNAVAILABLE when nothing was sent, else UNKNOWN (`moves_money`) or
 * UNAVAILABLE. Returns true when there is an answer to read. */
bool gateway_result_http(struct gateway_result *result, const struct http_answer *answer,
                         bool moves_money);

#endif
