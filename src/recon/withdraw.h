/* SPDX-License-Identifier: Apache-2.0
 * withdraw.h: a statement that was taken in by mistake stops counting.
 *
 *   1. It stays in the store, withdrawn, with who said so and why on the audit log. A run is asked
 *      for: its rows are let go like those of a superseded one (recon/run.h rule 6), and breaks
 *      that only it caused heal and say why. Its ticket, if it has one, is closed.
 *   2. The one that it took the place of counts again.
 *   3. Its very bytes may be given once more: they are a new statement then.
 *   4. Refused when something has been done because of one of its rows: a repair that is under way
 *      or done, a write-off, money moved by hand with its ticket, or a bank's row that was handed
 *      on to the books. What stands on another statement that counts as well is no reason.
 * Threads: any. Owns: answers belong to the caller. Errors: ERR_NOT_FOUND, ERR_VALIDATION (no
 * reason), ERR_STATE (it does not count; rule 4), those of the store. */
#ifndef HOLDFAST_RECON_WITHDRAW_H
#define HOLDFAST_RECON_WITHDRAW_H

#include "recon/recon.h"

/* 200 with the statement as shelf_get() has it. */
MUST_USE int statement_withdraw(struct recon *recon, const struct caller *caller,
                                const char *statement_id, const char *reason,
                                struct answer *ret_answer, struct err *err);

#endif
