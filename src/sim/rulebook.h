/* SPDX-License-Identifier: Apache-2.0
 * rulebook.h: the repair rules of a run, drawn from its seed: which there are, in which order, and
 * how much each may do. In half of the runs caps are so small that they are reached and all rules
 * stop; people start them again, or leave them stopped and have the breaks. In half of the runs a
 * gateway's day ends in the middle of the run, so that what no statement tells is missed by then.
 * What must be true of all of it is asked after commits and at the end (oracle_repair.c).
 * Threads: of the world. Errors fail the run. */
#ifndef HOLDFAST_SIM_RULEBOOK_H
#define HOLDFAST_SIM_RULEBOOK_H

#include "sandbox/statement.h"
#include "sim/run.h"

enum { RULEBOOK_RULES = 5 };

struct rulebook {
    struct buf text; /* of the file */
    struct rulebook_rule {
        const char *name;
        bool there;
        int64_t day_count, total_count, each_minor, day_minor, total_minor;
        int errors_of, errors_max;
    } rules[RULEBOOK_RULES];
    bool small, day_ends;
    struct prng prng; /* of the people who look after them */
    /* As the store was when it was last looked at (oracle_repair.c). */
    bool changed;       /* since */
    int64_t stopped_us; /* since when all rules are stopped; 0: they are not */
    int64_t repairs, doing; /* how many there were, and how many of them were being done */
};

/* Nothing for a run without statements. */
void rulebook_open(struct run *run);
/* What the service's configuration says for it: behind the gateways' own lines of one, and of all.
 */
const char *rulebook_gateway_lines(const struct run *run);
void rulebook_config(const struct run *run, struct buf *out);
/* What has moved at a gateway, as its statements call it; `faults`: as its faults have it told.
 * sb_statement_free(). */
struct sb_statement *rulebook_journal(const struct run *run, enum sb_gateway gateway, bool faults);
/* People look: they enable what was never enabled, now and then once more, and start what has
 * stopped, or leave it. `ask` asks until somebody answers; NULL: refused. */
typedef json_t *rulebook_ask_fn(void *ctx, const char *method, const char *path, const char *body);
void rulebook_enable(struct run *run, rulebook_ask_fn *ask, void *ctx);
void rulebook_tend(struct run *run, rulebook_ask_fn *ask, void *ctx);

#endif
