/* SPDX-License-Identifier: Apache-2.0
 * smtp_client.h: hands one message to a mail server, over a connection of its own.
 *
 * libcurl's SMTP. Always TLS 1.2 or newer and verified: from the first byte, or by STARTTLS, which
 * is then required: a server (or somebody in between) that does not offer it gets nothing. With a
 * user name, AUTH PLAIN or LOGIN. smtp_send() blocks, until its deadline at the longest.
 * Threads: any, many at once. Owns: nothing of the caller's.
 * Errors:  none: what became of it is in the result.
 * Limits:  SMTP_RECIPIENTS_MAX recipients. */
#ifndef HOLDFAST_NET_SMTP_CLIENT_H
#define HOLDFAST_NET_SMTP_CLIENT_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/secret.h"

struct smtp_client;

enum { SMTP_RECIPIENTS_MAX = 50, SMTP_REPLY_BYTES = 200 };

enum smtp_outcome {
    SMTP_TAKEN = 1,   /* the server has it, for one recipient at least */
    SMTP_NOT_SENT,    /* not reached, no TLS, or the server said no before the message */
    SMTP_MAYBE_TAKEN, /* the message was on its way when the connection or the time ended */
};
enum smtp_failure {
    SMTP_FAIL_NONE = 0,
    SMTP_FAIL_RESOLVE,
    SMTP_FAIL_CONNECT,
    SMTP_FAIL_TLS,     /* handshake, certificate, or no STARTTLS */
    SMTP_FAIL_AUTH,    /* user or password */
    SMTP_FAIL_REFUSED, /* see reply */
    SMTP_FAIL_TIMEOUT,
    SMTP_FAIL_RESET,   /* the connection ended, or what came was no SMTP */
    SMTP_FAIL_REQUEST, /* an address or a host that cannot be put on the wire */
};
const char *smtp_failure_name(enum smtp_failure failure); /* "tls" */

struct smtp_message {
    const char *host;
    int port;
    bool tls_first;                /* else STARTTLS */
    const char *user;              /* NULL: nobody logs in */
    const struct secret *password; /* with a user */
    const char *from;
    const char *const *to;
    int to_count;
    const char *bytes; /* header lines, an empty line, the text; lines end with CR LF */
    size_t byte_count;
    int64_t timeout_us;
};

struct smtp_result {
    enum smtp_outcome outcome;
    enum smtp_failure failure;
    int code;                     /* of the last reply that was not 2xx or 3xx; 0: none */
    char reply[SMTP_REPLY_BYTES]; /* its line, as it may be shown; or libcurl's words */
    int refused;                  /* recipients that the server did not take */
    char refused_one[128];        /* the first of them */
};

struct smtp_client_options {
    const char *ca_path; /* PEM file added to the system's CAs, or NULL */
};
MUST_USE int smtp_client_new(const struct smtp_client_options *options,
                             struct smtp_client **ret_client, struct err *err);
void smtp_client_free(struct smtp_client *client); /* NULL is fine */
void smtp_send(struct smtp_client *client, const struct smtp_message *message,
               struct smtp_result *ret_result);

/* The mail's door: a client of somebody else's making (simulator, tests). */
typedef void smtp_send_fn(void *ctx, const struct smtp_message *message,
                          struct smtp_result *ret_result);
MUST_USE struct smtp_client *smtp_client_custom(smtp_send_fn *send, void *ctx);

#endif
