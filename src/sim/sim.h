/* SPDX-License-Identifier: Apache-2.0
 * sim.h: a whole service's life from one seed: the public face of the simulator.
 *
 * A run has two phases. *Trouble*: customers buy, operators interfere, and whatever the run's
 * features allow goes wrong; after every commit and every restart the invariants are asked of the
 * store. *Quiet*: everything is healed, and within two virtual hours everything must have come to
 * its end: no unknown payment, no job, no callback left, our books equal to the gateways' own, and
 * every word that a client was given kept.
 * Threads: one; sim_run() wants a process of its own (what was killed is not unwound and leaks):
 * sim_run_apart() gives it one. */
#ifndef HOLDFAST_SIM_SIM_H
#define HOLDFAST_SIM_SIM_H

#include "base/compiler.h"
#include "base/plant.h"

enum sim_feature {
#define X(name, text, percent, what) SEE_##name,
#include "sim/features.def"
#undef X
    SEE_FEATURES
};
const char *sim_feature_name(enum sim_feature feature);
MUST_USE bool sim_feature_parse(const char *name, enum sim_feature *ret_feature);
const char *sim_feature_what(enum sim_feature feature);
int sim_feature_percent(enum sim_feature feature); /* of the runs see it */

enum {
    SIM_JOBS_MAX = 64,
    SIM_WHY_CHARS = 512,
    SIM_CHECK_CHARS = 32,
    SIM_STORY_BYTES_MAX = 4 * 1024 * 1024,
};

/* What runs with statements must have met (sights.def). */
enum sim_sight {
#define X(NAME, text, sql) SIM_SAW_##NAME,
#include "sim/sights.def"
#undef X
    SIM_SIGHTS
};

/* What a run is made of; zeros are drawn from the seed. */
struct sim_order {
    uint64_t seed;
    uint64_t without;         /* bits of features that it shall not see */
    uint64_t with;            /* and of those that it shall, though it did not draw them */
    int customers, purchases; /* at most so many; 0: as drawn */
    enum plant plant;         /* PLANT_NONE: the code as it is */
    bool story;               /* keep the trace */
    uint32_t gateways;        /* of the service, bits (gateways.h); 0: as drawn */
};

struct sim_outcome {
    bool passed;
    char check[SIM_CHECK_CHARS]; /* which oracle: "I1", "promise", "books", … */
    char why[SIM_WHY_CHARS];
    char subject[64]; /* the order or payment that it is about; "" */
    uint64_t hash;    /* of all that happened */
    uint64_t features;
    int customers, purchases;
    int64_t virtual_us, switches, commits, kills, calls, troubles, payments, charges, refunds,
        unknowns, disk_faults;
    int64_t sights[SIM_SIGHTS]; /* of runs with statements */
    int64_t looks; /* how often the rules were asked of the whole store */
};

/* Makes what all runs with these gateways share (keys, certificates): before the first, and before
 * any fork. */
void sim_prepare(uint32_t gateways);
/* `story`: SIM_STORY_BYTES_MAX zeros, into which it is told as it happens; NULL: it is not told. */
void sim_run(const struct sim_order *order, struct sim_outcome *ret_outcome, char *story);
/* In a child process; one that ends by a signal or not at all (after `timeout_s`) failed with check
 * "crash" or "hang"; its story ends there. `ret_story` may be NULL; else free() it. */
void sim_run_apart(const struct sim_order *order, int timeout_s, struct sim_outcome *ret_outcome,
                   char **ret_story);
/* Runs work(ctx, 0 .. jobs - 1, its result) in child processes at once, and waits for all of them.
 * `results` is `jobs` times `bytes`. False: one of them did not end well. */
MUST_USE bool sim_work_apart(int jobs, void (*work)(void *ctx, int job, void *ret_result),
                             void *ctx, void *results, size_t bytes);
/* Fewer features, customers and purchases, as long as the same check fails. */
void sim_shrink(const struct sim_order *order, int timeout_s, int tries_max,
                struct sim_order *ret_order, struct sim_outcome *ret_outcome);

#endif
