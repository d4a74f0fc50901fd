/* SPDX-License-Identifier: Apache-2.0
 * acmepay_sandbox.h: Acme Pay as its documentation describes it, on a port of this machine: a book
 * of charges and refunds that moves no money, and faults that a test sets.
 *
 * Cards: "card_good" is charged, "card_poor" has too little, "card_slow" is decided by
 * acme_settle(), any other is unknown. Each change of a charge or a refund is an event;
 * acme_tell() posts those that are not told yet. Threads: any. Owns: its server and its book until
 * acme_stop(). Failures fail the test. Limits: ACME_CHARGES_MAX charges and as many refunds. */
#ifndef HOLDFAST_TESTS_ACMEPAY_SANDBOX_H
#define HOLDFAST_TESTS_ACMEPAY_SANDBOX_H

#include "net/http_client.h"

enum { ACME_CHARGES_MAX = 64, ACME_URL_CHARS_MAX = 64 };
#define ACME_KEY_ID "acme_key_1"
#define ACME_KEY_SECRET "acme-pay-key-secret-of-the-tests"
#define ACME_CALLBACK_SECRET "acme-pay-callback-secret-of-tests"
#define ACME_STATEMENT_DAY "2026-11-21"

enum acme_fault {
    ACME_FINE = 0,
    ACME_DOWN,      /* 503, and nothing is done */
    ACME_DONE_DOWN, /* done, and the answer is 503 */
    ACME_CUT,       /* done, and the answer breaks off */
    ACME_LIMIT,     /* 429, and nothing is done */
    ACME_SOMEBODY,  /* the answer is about another charge */
    ACME_FAULT_COUNT,
};

struct acme;
struct acme *acme_start(void);
void acme_stop(struct acme *acme);
void acme_url(const struct acme *acme, char ret_url[ACME_URL_CHARS_MAX]);
/* So many of the next requests fare so. */
void acme_fault(struct acme *acme, enum acme_fault fault, int count);
/* What is pending is decided: paid, or refunded. */
void acme_settle(struct acme *acme);
/* Posts the events that nobody was told yet to `url`, signed at `at_us` (wall); returns how many
 * were answered with 200. */
int acme_tell(struct acme *acme, struct http_client *client, const char *url, int64_t at_us);

/* The book: what was taken and given back in all, and how often. */
struct acme_book {
    int64_t taken_minor, returned_minor;
    int taken_count, returned_count, requests;
};
void acme_book(struct acme *acme, struct acme_book *ret_book);

#endif
