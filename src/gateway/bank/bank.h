/* SPDX-License-Identifier: Apache-2.0
 * bank.h: bank transfer: the customer pays to an account of ours, and the bank's rows say that it
 * came. Nobody is called: see README.md.
 * Threads: any. Owns: nothing; texts of the terms live as long as the gateway. */
#ifndef HOLDFAST_GATEWAY_BANK_H
#define HOLDFAST_GATEWAY_BANK_H

#include "gateway/gateway.h"

extern const struct gateway_adapter bank_adapter;

enum { BANK_ACCOUNT_CHARS_MAX = 34 }; /* an IBAN's */

/* What the configuration says of one account. */
struct bank_terms {
    const char *holder, *account, *bank;
    const char *bic, *cnaps, *virtual_prefix; /* "" when there is none */
    int virtual_digits;                       /* after the prefix */
    int64_t pay_us;                           /* how long a customer is given */
    int64_t grace_us;                         /* and for how long money is waited for afterwards */
    int64_t short_minor_max; /* so much may be missing: banks on the way keep fees */
};
/* False: this gateway is no bank account. */
MUST_USE bool bank_terms_of(const struct gateway *gateway, struct bank_terms *ret_terms);

/* Letters and digits alone, in upper case: banks print account numbers in many ways. False: none is
 * left, it is too long, or it has another character than blanks, '-', '.' and '/'. */
MUST_USE bool bank_account_pack(const char *account, char ret_packed[BANK_ACCOUNT_CHARS_MAX + 1]);
/* Whether a packed number is the account itself, or one of its virtual ones. */
enum bank_account_match { BANK_ACCOUNT_OTHER = 0, BANK_ACCOUNT_ITSELF, BANK_ACCOUNT_VIRTUAL };
enum bank_account_match bank_account_match(const struct bank_terms *terms, const char *packed);

/* What a customer is given to pay by, as JSON for `action_data`. `received_minor` of it has come.
 */
void bank_instructions(const struct gateway *gateway, const char *attempt_id, int64_t amount_minor,
                       struct currency currency, int64_t until_us, int64_t received_minor,
                       char ret_json[GATEWAY_ACTION_CHARS_MAX + 1]);

#endif
