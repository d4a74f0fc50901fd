/* SPDX-License-Identifier: Apache-2.0
 * take.h: a file as somebody gives it, or a gateway publishes it, all the way in: unpacked, each
 * file in it read and taken into the store (recon/intake.h), rows of a bank matched with what
 * waits for them (payment/bank.h), and a run of its gateway asked for.
 *
 *   1. Of several files in one archive, or that are given together, none is taken while another one
 *      has problems, or covers or tells what a statement that counts does.
 *      Nor when one of several says that another follows it, and that is not among them
 *      (ERR_NOT_FOUND).
 *   2. Everything may be repeated: what was taken is known, bank rows are taken once by the bank's
 *      own name for them. So whoever dies here begins anew.
 *   3. A file of another adapter than the gateway's is refused, and so is one that tells another
 *      account than the gateway's (recon/whose.h); whether it tells one is said.
 * Threads: any; a call may take minutes, in small transactions. Owns: nothing. Limits:
 * TAKE_UNPACKED_BYTES_MAX bytes when it is unpacked, UNWRAP_FILES_MAX files. Errors: those of
 * unwrap.h, intake.h and map.h. */
#ifndef HOLDFAST_RECON_TAKE_H
#define HOLDFAST_RECON_TAKE_H

#include "base/buf.h"
#include "recon/recon.h"

#define TAKE_UNPACKED_BYTES_MAX (INT64_C(1) << 30)
enum { TAKE_REPORT_BYTES_MAX = 4 * 1024 * 1024, TAKE_MAP_BYTES_MAX = 32 * 1024 };

/* One of several that are given together, in this order. Borrowed. */
struct take_file {
    const char *name;
    const void *bytes;
    size_t count;
    const char *file_id; /* as in struct statement_request */
};
struct take_request { /* borrowed; "" for what is not said */
    const char *gateway, *name;
    const void *bytes;
    size_t count;
    const char *format;     /* a reader's name */
    const char *map;        /* the text of map.yaml */
    const char *time_zone;  /* of local times in it */
    const char *supersedes; /* "stm_…" */
    const char *replaces;   /* as in struct statement_request; NULL */
    const char *reason;
    const char *actor;
    const char *period; /* recon/period.h, in the gateway's time zone; NULL or "": nobody said it */
    /* As in struct statement_request. */
    int64_t from_us, until_us;
    const char *file_id;
    unsigned lacks;
    const struct take_file *files; /* instead of name, bytes, count and file_id; NULL: one file */
    int file_count;
};

/* Adds a JSON array to `report`, one object a file, as far as it came also on failure:
 * {"name","format","statement_id","known","rows","account","account_check","from","until",
 *  "period_given","continuity":[…],"problem_count","problems":[…],"bank":{…}|null} */
MUST_USE int recon_take(struct recon *recon, const struct take_request *request, struct buf *report,
                        struct err *err);

#endif
