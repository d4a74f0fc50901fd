/* SPDX-License-Identifier: Apache-2.0
 * bank_impl.h: what the simulated bank's files share: payers (bank_payers.c), the bank itself and
 * the clerks (bank_rows.c). */
#ifndef HOLDFAST_SIM_BANK_IMPL_H
#define HOLDFAST_SIM_BANK_IMPL_H

#include "sim/bank_rows.h"

#define BANK_ACCOUNT "DE02120300000000202051"

/* The bank books it, and it is in statements from then on. Takes the line over. */
void bank_book(struct run *run, struct bank_line *line);
/* The bank takes back a row that it had booked. */
void bank_reverse(struct run *run, struct bank_line *line);

/* ---- bank_payers.c ---- */
void bank_payers_open(struct run *run, struct prng *prng);

#endif
