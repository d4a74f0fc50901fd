/* SPDX-License-Identifier: Apache-2.0
 * accounts.h: who brings the gateways' statements, has them reconciled, and lets repair rules work
 * on what differs (recon/repair/). Most statements tell the truth of the gateways' own books; some
 * rows are lies: a charge that was never made, a second one under the same reference, one that was
 * told before. What the rules do then is held against the same books as everything else.
 * Threads: of the world. Errors fail the run. */
#ifndef HOLDFAST_SIM_ACCOUNTS_H
#define HOLDFAST_SIM_ACCOUNTS_H

#include "sim/run.h"

/* The text of the rules; NULL: the run has none. */
const char *accounts_rules(const struct run *run);
/* While there is trouble: statements now and then. */
void accounts_open(struct run *run);
/* When all is healed: what was not told yet, of every gateway, and no lies. */
void accounts_close(struct run *run);

#endif
