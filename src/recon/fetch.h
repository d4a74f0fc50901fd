/* SPDX-License-Identifier: Apache-2.0
 * fetch.h: statements that are fetched by themselves, a day later (T+1): from the gateways, from
 * folders that somebody else fills, and from URLs (fetch_place.h).
 *
 *   job               key                 does
 *   statement_day     gateway             each day, at its hour: plans what is to be fetched, asks
 *                                         for a run (also when there is no statement)
 *   statement_fetch   gateway/kind/day    asks until it is published, takes it in
 *
 *   1. Every day is planned once, also those that passed while the service was down
 *      (FETCH_DAYS_BACK at the most). A gateway that is new begins with the day of its first
 *      planning less one: what was before is fetched by hand.
 *   2. A file that is not published yet, cannot be read or is damaged is asked for again, for about
 *      four days; then its job is parked and its row says so until somebody asks anew.
 *   3. A gateway that says that there is nothing of that day is believed (state "none"), where its
 *      protocol can say so (adapter: ERR_GONE), from FETCH_NONE_AFTER_US after its hour on.
 *   4. Fetched twice, or fetched and given by hand, is taken in once (intake.h). A file that tells
 *      the same as another one in other bytes is a person's business at once.
 *   5. A day that was fetched is asked for again only when a person says so. The same bytes change
 *      nothing; others take the place of the statement of that day, with a record (intake.h).
 *   6. No two kinds that tell the same movements are fetched (statement_kinds.def).
 * Threads: any. Owns: answers belong to the caller. Errors: ERR_NOT_FOUND (gateway), ERR_VALIDATION
 * (day, kind), ERR_STATE (it publishes none), those of the store. */
#ifndef HOLDFAST_RECON_FETCH_H
#define HOLDFAST_RECON_FETCH_H

#include "recon/recon.h"

enum { FETCH_DAYS_BACK = 60, FETCH_ATTEMPTS_MAX = 60, FETCH_DAY_CHARS = 10 };
#define FETCH_BYTES_MAX (INT64_C(256) << 20)
#define FETCH_NONE_AFTER_US (INT64_C(6) * 3600 * 1000000)
enum fetch_state { FETCH_WAITING = 1, FETCH_TAKEN = 2, FETCH_NONE = 3, FETCH_GIVEN_UP = 4 };
MUST_USE bool fetch_state_parse(const char *name, int64_t *ret_state);

struct fetch_asked { /* borrowed */
    const char *gateway;
    const char *day;  /* "2026-11-21" in the gateway's place */
    const char *kind; /* "": those that are configured */
    bool again;       /* also what is fetched already: rule 5 */
};
/* 202 with {"data":[…]}. */
MUST_USE int fetch_ask(struct recon *recon, const struct caller *caller,
                       const struct fetch_asked *asked, struct answer *ret_answer, struct err *err);
/* Newest days first, and each gateway with its habits: {"data":[…],"gateways":[…]}. */
struct fetch_filter { /* "" or 0: any */
    const char *gateway, *day;
    int64_t state;
    int limit;
};
MUST_USE int fetch_list(struct recon *recon, const struct fetch_filter *filter,
                        struct answer *ret_answer, struct err *err);

#endif
