/* SPDX-License-Identifier: Apache-2.0
 * fee_look.h: a gateway's schedule of fees as people look at it, with what it would keep of a
 * movement. Threads: any. Owns: nothing. Errors: ERR_NOT_FOUND, ERR_VALIDATION. */
#ifndef HOLDFAST_RECON_FEE_LOOK_H
#define HOLDFAST_RECON_FEE_LOOK_H

#include "recon/recon.h"

/* `asked` NULL: the lines alone. */
MUST_USE int fees_look(const struct recon *recon, const char *gateway, const struct fee_case *asked,
                       struct answer *ret_answer, struct err *err);
/* ,"fee":{"expected","kept",…}: of a movement of ours, where a statement's fee was judged. */
MUST_USE int fee_render(struct store_tx *tx, const char *movement_id, struct buf *buf,
                        struct err *err);

#endif
