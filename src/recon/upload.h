/* SPDX-License-Identifier: Apache-2.0
 * upload.h: a statement that a person gives by hand. A request has at most 64 KiB and is soon
 * over; a statement may be tens of MB and take minutes. So it comes in parts and is taken in by a
 * job:
 *
 *   begin (name, size, SHA-256) ──▶ parts, in any order ──▶ complete ──job──▶ taken in, or refused
 *
 *   1. Parts are numbered from 0; each but the last has UPLOAD_PART_BYTES bytes. A part given again
 *      changes nothing; with other bytes it is refused.
 *   2. Begun again by the same person with the same words it is the same upload, with the parts
 *      that are there: a broken one is gone on with.
 *   3. Completed once, by whoever is first; completing it again says where it stands.
 *   4. Taken in whole or not at all, after its digest was found right; what was wrong with it is
 *      told with all its lines. A crash at any point is gone on from.
 *   5. Parts are sealed with the master key, and gone when the file was taken in or refused, or
 *      UPLOAD_IDLE_US after the last one came.
 * Limits: UPLOAD_BYTES_MAX a file, and all that are open at once; UPLOADS_OPEN_MAX of them.
 * Threads: any. Owns: answers belong to the caller. Errors: ERR_NOT_FOUND, ERR_STATE, ERR_EXISTS
 * (other bytes), ERR_VALIDATION, ERR_TOO_LARGE, ERR_OVERLOADED (rule of limits, for now). */
#ifndef HOLDFAST_RECON_UPLOAD_H
#define HOLDFAST_RECON_UPLOAD_H

#include "recon/recon.h"

#define UPLOAD_BYTES_MAX (INT64_C(256) << 20)
#define UPLOAD_IDLE_US (INT64_C(3600) * 1000000)
#define UPLOAD_KEPT_US (INT64_C(30) * 24 * 3600 * 1000000) /* what became of it */
enum {
    UPLOAD_PART_BYTES = 44 * 1024,
    UPLOADS_OPEN_MAX = 64,
    UPLOAD_NAME_CHARS_MAX = 200,
    UPLOAD_MAP_BYTES_MAX = 32 * 1024,
};
enum upload_state { UPLOAD_OPEN = 1, UPLOAD_TAKING = 2, UPLOAD_TAKEN = 3, UPLOAD_REFUSED = 4 };

struct upload_request { /* borrowed; "" for what is not said */
    const char *gateway, *name, *sha256;
    int64_t byte_count;
    const char *format, *map, *time_zone, *supersedes, *reason;
    const char *period; /* recon/period.h; NULL or "": the file tells it, or nobody does */
};
/* 201, or 200 when it was begun before. */
MUST_USE int upload_begin(struct recon *recon, const struct caller *caller,
                          const struct upload_request *request, struct answer *ret_answer,
                          struct err *err);
/* `content`: base 64. 200 with the upload. */
MUST_USE int upload_part(struct recon *recon, const char *upload_id, int64_t number,
                         const char *content, struct answer *ret_answer, struct err *err);
/* 202 while it is being taken in; 200 when that is over. ERR_STATE: a part is missing. */
MUST_USE int upload_complete(struct recon *recon, const char *upload_id, struct answer *ret_answer,
                             struct err *err);
MUST_USE int upload_get(struct recon *recon, const char *upload_id, struct answer *ret_answer,
                        struct err *err);

#endif
