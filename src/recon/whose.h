/* SPDX-License-Identifier: Apache-2.0
 * whose.h: whether a statement is of the account that a gateway stands for: what the file tells of
 * itself (the account of its head, of its rows, of what it goes on from), against what is
 * configured: the option of whose_options.def, and statements.accounts.
 *
 *   1. Compared are letters and digits alone, in upper case: "DE02 1203" is "DE021203".
 *   2. A file that tells several accounts is this gateway's only when all of them are.
 *   3. A file that tells none, or a gateway of which nothing is configured, passes, and that is
 *      said.
 * Told by: WeChat Pay's trade bill (商户号 of each row), Alipay's bills (账号 of the head), UnionPay
 * (the file's name), PayPal (RH and SH), Adyen (Merchant Account), camt.053 and MT940 (the account
 * of each statement). Not told by: WeChat Pay's fund bill, Stripe's reports, files by a map.
 * Threads: any. Owns: nothing. Errors: ERR_VALIDATION, with both accounts and whose it seems to be;
 * card numbers masked. */
#ifndef HOLDFAST_RECON_WHOSE_H
#define HOLDFAST_RECON_WHOSE_H

#include "statement/statement.h"

struct source; /* recon/sources.h */

enum { WHOSE_ACCOUNTS_MAX = 16 };
/* The accounts that a file tells, each once. Zeroed: none yet. */
struct whose {
    int count;
    bool more; /* than have room here */
    char accounts[WHOSE_ACCOUNTS_MAX][ROW_ID_CHARS_MAX + 1];
};
void whose_add(struct whose *whose, const char *account); /* "" adds nothing */
/* Those of its head, when it was read. */
void whose_add_head(struct whose *whose, const struct statement_head *head);

/* Whether statements.accounts of this gateway has that name for it. */
bool whose_is_named(const struct source *source, const char *account);

enum whose_verdict { WHOSE_NOT_TOLD, WHOSE_NOT_CONFIGURED, WHOSE_OTHER, WHOSE_SAME };
const char *whose_verdict_name(enum whose_verdict verdict); /* "same" */
/* `sources`: of all gateways, to say whose it is when it is another's. */
MUST_USE int whose_check(const struct whose *whose, const char *name, const struct source *source,
                         const struct source *sources, int source_count,
                         enum whose_verdict *ret_verdict, struct err *err);

#endif
