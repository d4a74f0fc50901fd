/* SPDX-License-Identifier: Apache-2.0
 * upload_impl.h: what upload.c and upload_job.c share. */
#ifndef HOLDFAST_RECON_UPLOAD_IMPL_H
#define HOLDFAST_RECON_UPLOAD_IMPL_H

#include "base/id.h"
#include "recon/recon_impl.h"
#include "recon/upload.h"

enum { UPLOAD_CONTEXT_CHARS_MAX = 100 };
/* What a part is sealed under. */
void upload_part_context(const char *upload_id, int64_t number,
                         char ret_context[UPLOAD_CONTEXT_CHARS_MAX + 1]);
MUST_USE int upload_none(const char *id, struct err *err); /* ERR_NOT_FOUND */
/* Sees to it that what is left lying is cleared away. */
MUST_USE int upload_sweep_later(struct store_tx *tx, struct err *err);

#endif
