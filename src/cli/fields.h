/* SPDX-License-Identifier: Apache-2.0
 * fields.h: what several commands do with options on their way into a body, and with an answer's
 * fields on their way into a table. Threads: any. Owns nothing. Errors: ERR_USAGE. */
#ifndef HOLDFAST_CLI_FIELDS_H
#define HOLDFAST_CLI_FIELDS_H

#include "base/json.h"
#include "cli/table.h"

/* Short names for one step into an answer: NULL, 0 and false when it is not there. */
const char *field_text(const json_t *object, const char *key);
/* For sentences: "?" when it is not there. */
const char *field_word(const json_t *object, const char *key);
int64_t field_int(const json_t *object, const char *key);
bool field_true(const json_t *object, const char *key);
/* A number with decimals as it stands, to `decimals` places; "" when it is null. */
const char *field_real(const json_t *object, const char *key, int decimals,
                       char text[SHOW_CHARS_MAX]);
/* object.amount_key in object.currency, "19.99 USD". */
const char *field_money(const json_t *object, const char *amount_key, char text[SHOW_CHARS_MAX]);
/* The same with its thousands apart. */
const char *field_sum(const json_t *object, const char *amount_key, char text[SHOW_CHARS_MAX]);
/* An answer's time without its fraction; "-" when it is not there. */
const char *field_moment(const json_t *object, const char *key, char text[SHOW_CHARS_MAX]);
const char *field_age(const json_t *object, const char *key, char text[SHOW_CHARS_MAX]);

/* What the payment's customer must do now, with its code drawn; nothing when none must. */
void print_action(const struct cli *cli, const json_t *payment);

/* A sentence for each calendar of business days that ends soon (`calendars_ending`). runs.c */
void show_calendars_ending(const struct cli *cli, const json_t *answer);

/* A row of what may be done about a payment that failed; none for any other. */
void field_next(struct table *table, const json_t *payment);

/* A table of the pieces of evidence; nothing when there are none. disputes.c */
void print_evidence(const struct cli *cli, const json_t *evidence);

/* Puts text from elsewhere than an option or argument into the body: a file's, its name, what was
 * typed. `what` it is: "the rules". Nothing may be left out unsaid: bytes that are no UTF-8 text
 * are refused. */
MUST_USE int body_foreign(json_t *body, const char *key, const char *bytes, size_t count,
                          const char *what, struct err *err);
/* Puts the option's text into the body, if it was given. */
void body_text(const struct cli *cli, json_t *body, const char *option, const char *key);
/* --for TIME as `until`; the exit status. modes.c */
MUST_USE int body_end(struct cli *cli, json_t *body);
/* --amount in this currency, as minor units; absent: 0. Says how amounts are written. */
MUST_USE int body_amount(const struct cli *cli, json_t *body, const char *currency,
                         struct err *err);
/* --token TOKEN and GATEWAY=TOKEN, as token and tokens. */
MUST_USE int body_tokens(const struct cli *cli, json_t *body, struct err *err);
/* --customer, --region, --email and --vip as `customer`. payment.c */
void body_customer(const struct cli *cli, json_t *body);
/* --kind with --text or --file. CLI_DONE, or it has said what is wrong. disputes.c */
MUST_USE int body_evidence(struct cli *cli, json_t *body);
/* A repeatable KEY=VALUE option as an object under `key`. */
MUST_USE int body_pairs(const struct cli *cli, json_t *body, const char *option, const char *key,
                        struct err *err);

#endif
