/* SPDX-License-Identifier: Apache-2.0
 * gateway_kind.h: what makes one simulated gateway different from another: one row each.
 *
 * A new gateway is a line of gateways.def, its row here and its own files; nothing else asks which
 * gateway it is. A function that a row leaves out is what the gateway does not do: the control port
 * says so (ERR_NOT_FOUND).
 *
 * Invariant: event_write() writes the same bytes whenever it is called with the same delivery, so
 * that each try and each copy of a callback is the callback that it repeats. What may differ from
 * try to try (a time, a nonce, a signature in a header) is sign()'s. */
#ifndef HOLDFAST_SANDBOX_GATEWAY_KIND_H
#define HOLDFAST_SANDBOX_GATEWAY_KIND_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/money.h"
#include "net/http_server.h"
#include "sandbox/book.h"
#include "sandbox/clerk.h"
#include "sandbox/place.h"
#include "sandbox/sandbox.h"

struct sb_endpoint;
struct sb_line;
struct sb_statement;

/* ---- callbacks ---- */

/* Whether a callback is what the gateway says, or what somebody else makes of it. */
enum sb_forgery {
    SB_GENUINE,
    SB_FORGED,    /* signed by somebody else */
    SB_STALE,     /* genuine, but signed long ago */
    SB_TRUNCATED, /* genuine, but for the end of its body: cut by the ground, not by the row */
    SB_FORGERIES
};

/* One try of one callback. */
struct sb_delivery {
    const struct sb_event *event;
    const struct sb_endpoint *endpoint; /* where it goes; an id only if it was registered */
    int64_t amount_minor;               /* added to the truth */
    enum sb_forgery forgery;
    int64_t signed_us; /* wall: what sign() says that the time is */
    int tries;         /* before this one */
};

enum { SB_SIGN_HEADERS_MAX = 8, SB_SIGN_TEXT_MAX = 1024, SB_ACK_STATUSES_MAX = 3 };

/* The headers of one delivery, Content-Type among them; the values live in `room`. */
struct sb_signed_headers {
    struct http_header headers[SB_SIGN_HEADERS_MAX];
    int count;
    char room[SB_SIGN_TEXT_MAX];
};

/* ---- what people do ---- */

enum sb_act {
    SB_ACT_PAY,    /* the customer pays (or passes what he was asked) */
    SB_ACT_CANCEL, /* he goes back, or fails */
    SB_ACT_SCAN,   /* he has the order before him and does nothing yet */
    SB_ACT_EXPIRE, /* the time for it is over now */
    SB_ACT_LATE,   /* he pays, and it is taken, though the order was closed or its time is over */
    SB_ACTS
};

enum sb_waits { SB_WAITING, SB_WAS_PAID, SB_WAS_CLOSED };

/* What the customer's page shows of an order. */
struct sb_order_view {
    int64_t amount_minor;
    struct currency currency;
    enum sb_waits waits;
    char subject[256];
    char return_url[1024];   /* "": he may close the page */
    char return_query[1024]; /* added to it when he has paid: "out_trade_no=…" */
};

/* ---- the row ---- */

/* A text that names the account or is a key of it: `--NAME-key` and sandbox_options_set(). */
struct sb_setting {
    const char *name, *usual, *argument, *help;
    bool file; /* the command line names a file that holds it */
};

/* One kind of a gateway's statements (statement.h). */
struct sb_statement_kind {
    const char *name, *help; /* "trade" */
    bool payouts;            /* payouts have rows in it */
    bool by_payout;          /* it is about the payouts of the day, and the rows in them */
    bool empty;              /* it is published even if there is nothing in it */
    bool (*keeps)(const struct sb_line *line); /* which movements have a row; NULL: all */
    void (*write)(const struct sb_statement *statement, struct buf *out);
    void (*name_file)(const struct sb_statement *statement, char *ret_name, size_t bytes);
};

struct sb_gateway_kind {
    /* NULL-terminated, at most SANDBOX_SETTINGS_MAX; sb_setting() reads them by their index. */
    const struct sb_setting *settings;
    const char *hint; /* for the first words of `holdfast sandbox` */

    /* Makes what the gateway has besides the ground (sandbox->own[]); settings are read, the seed
     * stands. NULL: nothing. close() is called once, even if open() was not or failed. */
    int (*open)(struct sandbox *sandbox, const struct sandbox_options *options, struct err *err);
    void (*close)(struct sandbox *sandbox);
    void (*reset)(struct sandbox *sandbox); /* nobody is inside the gate */
    /* The gateway begins to sign with its next key. ERR_STATE: it has no other. */
    int (*rotate)(struct sandbox *sandbox, struct err *err);

    /* Its port. Begins with sb_request_begin() and ends with sb_request_end(). */
    http_handler *handle; /* ctx: the sandbox */

    /* The callback's body, as the object was at the event's version. */
    void (*event_write)(struct sandbox *sandbox, const struct sb_delivery *delivery,
                        struct buf *out);
    int (*sign)(struct sandbox *sandbox, const struct sb_delivery *delivery, const struct buf *body,
                struct sb_signed_headers *ret_headers, struct err *err);
    /* What acknowledges a callback: one of these statuses (none: any 2xx) with exactly that body
     * (NULL: whatever it is). */
    int ack_statuses[SB_ACK_STATUSES_MAX];
    const char *ack_body;
    /* The pauses between the tries of a callback, as parts of the first; 0 ends, and after the last
     * it is given up. NULL: each pause is twice the one before. */
    const int *retry_gaps;
    bool dated; /* a callback says when it was signed, so that a stale one can be told */
    bool signs; /* answers are signed, so that one can be signed wrongly */
    /* Number, id and secret of the webhook that the options ask for. NULL: it has none of these. */
    void (*endpoint_fill)(struct sandbox *sandbox, struct sb_endpoint *endpoint);

    void (*settle)(struct sandbox *sandbox, void *object); /* sb_settle_later() */

    /* What a person does by the control port or on a page. 0, or ERR_NOT_FOUND, ERR_STATE,
     * ERR_VALIDATION. `name`: our reference of the order, its id there, or the code in its QR. */
    int (*customer)(struct sandbox *sandbox, const char *name, enum sb_act act, struct err *err);
    /* For the page at /sandbox/pay/NAME; NULL: the gateway has a page of its own. */
    int (*look)(struct sandbox *sandbox, const char *name, struct sb_order_view *ret_view,
                struct err *err);
    int (*dispute)(struct sandbox *sandbox, const char *charge, const char *reason,
                   struct buf *ret_id, struct err *err);
    const char *dispute_reason; /* unless another is given */
    int (*dispute_close)(struct sandbox *sandbox, const char *dispute, bool won, struct err *err);
    /* By the shop's people on the gateway's own website: a refund that we did not ask for, and a
     * charge of which we know nothing. */
    int (*desk_refund)(struct sandbox *sandbox, const char *charge, int64_t amount_minor,
                       struct buf *ret_id, struct err *err);
    int (*desk_charge)(struct sandbox *sandbox, int64_t amount_minor, struct currency currency,
                       struct buf *ret_id, struct err *err);

    /* Its statements: the list ends with a NULL name; NULL: it has none. Days are those of its
     * place, so many minutes east of UTC. What leaves money in the account is paid out so many days
     * later, under names of that kind. */
    const struct sb_statement_kind *statements;
    int place_minutes, payout_days;
    enum sb_kind payout_kind;
    /* Whether the file of a day is there before the day is over; NULL: never. */
    bool (*statement_at_once)(const struct sandbox *sandbox);
    /* What the statements call the movement; the line is filled with what the journal knows. False:
     * they have no row of it. */
    bool (*line_fill)(struct sandbox *sandbox, const struct sb_move *move, struct sb_line *line);
    /* Whether the movement changes the account's balance; NULL: each does. */
    bool (*moves_funds)(const struct sb_move *move);

    /* Its keys and certificates, and those of the shop that the sandbox plays along: made when
     * sb_identity() is first asked for, or lent by the options. */
    int (*identity_new)(int64_t now_us, void **ret_identity, struct err *err);
    void (*identity_free)(void *identity);
    /* A document that one gets from the gateway by other ways: its certificate, or, here, the key
     * that the service is to sign with. Borrowed from the identity; NULL: none of that name. */
    const char *(*paper)(const void *identity, const char *name);
};

#define X(NAME, name, title, port) extern const struct sb_gateway_kind sb_##name##_kind;
#include "sandbox/gateways.def"
#undef X
const struct sb_gateway_kind *sb_gateway_kind(enum sb_gateway gateway);

const char *sb_gateway_title(enum sb_gateway gateway); /* "WeChat Pay" */
int sb_gateway_port(enum sb_gateway gateway);          /* 9104 */
/* ERR_VALIDATION that names those there are. Negative. */
MUST_USE int sb_gateway_unknown(const char *name, struct err *err);
/* Whether the other side took a callback. */
bool sb_acknowledged(const struct sb_gateway_kind *kind, int status, const char *body,
                     size_t body_bytes);
/* "pay", "cancel", "scan", "expire", "late". */
MUST_USE bool sb_act_parse(const char *name, enum sb_act *ret_act);

#endif
