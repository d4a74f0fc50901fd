/* SPDX-License-Identifier: Apache-2.0
 * main.c: `holdfast-sim`: runs seeds, and shows what became of them. */
#include <glib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "sim/gateways.h"
#include "sim/sim.h"
#include "sim/story.h"
#include "sim/table.h"

enum { EXIT_WELL = 0, EXIT_PROBLEM = 1, EXIT_USAGE = 2, TIMEOUT_S = 120 };
enum { SHRINK_TRIES_MAX = 400, SHOWN_MAX = 10, PROOF_RUNS = 60 };

struct wishes {
    struct sim_order order;
    uint64_t first;
    int64_t count;
    int jobs, seconds, timeout_s;
    bool shrink, twice, verbose;
    const char *about;
    const char *program; /* as it was called */
};

/* Returns how much of the text is used by then. */
static size_t write_features(const char *option, uint64_t features, char *text, size_t used,
                             size_t bytes) {
    for (int i = 0; i < SEE_FEATURES && used < bytes; i++) {
        if ((features >> i & 1) != 0) {
            used += (size_t)snprintf(text + used, bytes - used, "%s%s", option,
                                     sim_feature_name((enum sim_feature)i));
            option = ",";
        }
    }
    return used;
}

static void write_replay(const char *program, const struct sim_order *order, char *text,
                         size_t bytes) {
    size_t used = (size_t)snprintf(text, bytes, "%s --seed %llu", program,
                                   (unsigned long long)order->seed);
    if (order->plant != PLANT_NONE && used < bytes) {
        used += (size_t)snprintf(text + used, bytes - used, " --plant %s",
                                 plant_name(order->plant));
    }
    if (order->customers > 0 && used < bytes) {
        used += (size_t)snprintf(text + used, bytes - used, " --customers %d", order->customers);
    }
    if (order->purchases > 0 && used < bytes) {
        used += (size_t)snprintf(text + used, bytes - used, " --purchases %d", order->purchases);
    }
    for (int i = 0; i < SB_GATEWAYS && used < bytes; i++) {
        if ((order->gateways >> i & 1) != 0) {
            bool first = (order->gateways & ((UINT32_C(1) << i) - 1)) == 0;
            used += (size_t)snprintf(text + used, bytes - used, "%s%s",
                                     first ? " --gateways " : ",",
                                     sb_gateway_name((enum sb_gateway)i));
        }
    }
    used = write_features(" --with ", order->with, text, used, bytes);
    (void)write_features(" --without ", order->without, text, used, bytes);
}

static void say_outcome(const char *program, const struct sim_order *order,
                        const struct sim_outcome *outcome) {
    char replay[1024];
    if (outcome->passed) {
        printf("seed %llu: well; %lld payments, %lld unknown at some time, %lld charges, %lld "
               "refunds, %lld lives ended, %lld commits, %lld of %lld calls in trouble, %lld s, "
               "hash %016llx\n",
               (unsigned long long)order->seed, (long long)outcome->payments,
               (long long)outcome->unknowns, (long long)outcome->charges,
               (long long)outcome->refunds, (long long)outcome->kills, (long long)outcome->commits,
               (long long)outcome->troubles, (long long)outcome->calls,
               (long long)(outcome->virtual_us / US_PER_SECOND), (unsigned long long)outcome->hash);
        return;
    }
    write_replay(program, order, replay, sizeof replay);
    printf("FAILED seed %llu: %s: %s\n  replay: %s --story%s%s\n", (unsigned long long)order->seed,
           outcome->check, outcome->why, replay, outcome->subject[0] != '\0' ? " --about " : "",
           outcome->subject);
}

/* ---- one seed ---- */

static int run_one(const struct wishes *wishes) {
    struct sim_order order = wishes->order;
    struct sim_outcome outcome;
    char *story = NULL;
    if (wishes->shrink) {
        sim_shrink(&wishes->order, wishes->timeout_s, SHRINK_TRIES_MAX, &order, &outcome);
    }
    sim_run_apart(&order, wishes->timeout_s, &outcome, order.story ? &story : NULL);
    if (story != NULL) {
        char *told = story_about(story, wishes->about);
        fputs(told, stdout);
        free(told);
    }
    free(story);
    say_outcome(wishes->program, &order, &outcome);
    if (wishes->twice && outcome.passed) {
        struct sim_outcome again;
        sim_run_apart(&order, wishes->timeout_s, &again, NULL);
        if (again.hash != outcome.hash) {
            printf("FAILED seed %llu: same-seed: hash %016llx, then %016llx\n",
                   (unsigned long long)order.seed, (unsigned long long)outcome.hash,
                   (unsigned long long)again.hash);
            return EXIT_PROBLEM;
        }
    }
    return outcome.passed ? EXIT_WELL : EXIT_PROBLEM;
}

/* ---- many seeds ---- */

struct tally {
    int64_t runs, failed, payments, unknowns, charges, refunds, kills, commits, calls, troubles;
    int64_t virtual_us, looks, disk_faults, seen[SEE_FEATURES], sights[SIM_SIGHTS];
    uint64_t hash; /* of all histories, in whatever order they were run */
};

static void tally_add(struct tally *tally, const struct sim_outcome *outcome) {
    tally->runs++;
    tally->failed += !outcome->passed;
    tally->payments += outcome->payments;
    tally->unknowns += outcome->unknowns;
    tally->charges += outcome->charges;
    tally->refunds += outcome->refunds;
    tally->kills += outcome->kills;
    tally->commits += outcome->commits;
    tally->calls += outcome->calls;
    tally->troubles += outcome->troubles;
    tally->virtual_us += outcome->virtual_us;
    tally->looks += outcome->looks;
    tally->disk_faults += outcome->disk_faults;
    tally->hash += outcome->hash;
    for (int i = 0; i < SIM_SIGHTS; i++) {
        tally->sights[i] += outcome->sights[i];
    }
    for (int i = 0; i < SEE_FEATURES; i++) {
        tally->seen[i] += outcome->features >> i & 1;
    }
}

/* Every `jobs`-th seed, in this process. */
static void work(void *ctx, int job, void *ret_result) {
    const struct wishes *wishes = ctx;
    struct tally tally = {0};
    int64_t end_us = clock_mono_us() + wishes->seconds * US_PER_SECOND;
    for (int64_t i = job; wishes->seconds > 0 ? clock_mono_us() < end_us : i < wishes->count;
         i += wishes->jobs) {
        struct sim_order order = wishes->order;
        struct sim_outcome outcome;
        order.seed = wishes->first + (uint64_t)i;
        sim_run_apart(&order, wishes->timeout_s, &outcome, NULL);
        if (wishes->twice && outcome.passed) {
            struct sim_outcome again;
            sim_run_apart(&order, wishes->timeout_s, &again, NULL);
            if (again.hash != outcome.hash) {
                outcome.passed = false;
                snprintf(outcome.check, sizeof outcome.check, "same-seed");
                snprintf(outcome.why, sizeof outcome.why, "hash %016llx, then %016llx",
                         (unsigned long long)outcome.hash, (unsigned long long)again.hash);
            }
        }
        tally_add(&tally, &outcome);
        if (wishes->verbose || (!outcome.passed && tally.failed <= SHOWN_MAX)) {
            say_outcome(wishes->program, &order, &outcome);
            fflush(stdout);
        }
    }
    *(struct tally *)ret_result = tally;
}

static void tally_join(struct tally *all, const struct tally *one) {
    all->runs += one->runs;
    all->failed += one->failed;
    all->payments += one->payments;
    all->unknowns += one->unknowns;
    all->charges += one->charges;
    all->refunds += one->refunds;
    all->kills += one->kills;
    all->commits += one->commits;
    all->calls += one->calls;
    all->troubles += one->troubles;
    all->virtual_us += one->virtual_us;
    all->looks += one->looks;
    all->disk_faults += one->disk_faults;
    all->hash += one->hash;
    for (int i = 0; i < SIM_SIGHTS; i++) {
        all->sights[i] += one->sights[i];
    }
    for (int i = 0; i < SEE_FEATURES; i++) {
        all->seen[i] += one->seen[i];
    }
}

static bool proves_repairs(const struct tally *all) {
    static const char *const sights[SIM_SIGHTS] = {
#define X(NAME, text, sql) [SIM_SAW_##NAME] = (text),
#include "sim/sights.def"
#undef X
    };
    bool whole = true;
    for (int i = 0; i < SIM_SIGHTS && all->seen[SEE_STATEMENTS] >= PROOF_RUNS; i++) {
        if (all->sights[i] == 0) {
            printf("FAILED: these seeds prove nothing: no %s\n", sights[i]);
            whole = false;
        }
    }
    return whole;
}

/* So many runs in which nothing moved, or nothing went wrong, or nobody looked, prove nothing. */
static bool proves(const struct wishes *wishes, const struct tally *all) {
    const struct {
        const char *what;
        int64_t count;
    } rows[] = {
        {"payments", all->payments}, {"unknown payments", all->unknowns},
        {"charges", all->charges},   {"refunds", all->refunds},
        {"deaths", all->kills},      {"calls in trouble", all->troubles},
        {"looks", all->looks},       {"faults of the disk", all->disk_faults},
    };
    bool whole = true;
    if (all->runs < PROOF_RUNS || wishes->order.without != 0) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].count == 0) {
            printf("FAILED: these seeds prove nothing: no %s\n", rows[i].what);
            whole = false;
        }
    }
    for (int i = 0; i < SEE_FEATURES; i++) {
        /* One that none draws is seen by those that are told to. */
        bool drawn = sim_feature_percent((enum sim_feature)i) > 0;
        if (drawn && all->seen[i] == 0) {
            printf("FAILED: these seeds prove nothing: none of them saw %s\n",
                   sim_feature_name((enum sim_feature)i));
            whole = false;
        }
    }
    return proves_repairs(all) && whole;
}

static int run_many(struct wishes *wishes) {
    struct tally all = {0}, tallies[SIM_JOBS_MAX] = {0};
    int64_t began_us = clock_mono_us();
    sim_prepare(wishes->order.gateways);
    bool whole = sim_work_apart(wishes->jobs, work, wishes, tallies, sizeof *tallies);
    for (int i = 0; i < wishes->jobs; i++) {
        tally_join(&all, &tallies[i]);
    }
    double seconds = (double)(clock_mono_us() - began_us) / US_PER_SECOND;
    printf("%lld seeds from %llu: %lld failed; %lld payments (%lld unknown at some time), %lld "
           "charges, %lld refunds, %lld lives ended, %lld commits, %lld of %lld calls in trouble, "
           "%lld looks at the whole store, %.1f virtual hours in %.1f s, hash %016llx\n",
           (long long)all.runs, (unsigned long long)wishes->first, (long long)all.failed,
           (long long)all.payments, (long long)all.unknowns, (long long)all.charges,
           (long long)all.refunds, (long long)all.kills, (long long)all.commits,
           (long long)all.troubles, (long long)all.calls, (long long)all.looks,
           (double)all.virtual_us / (3600.0 * US_PER_SECOND), seconds,
           (unsigned long long)all.hash);
    return proves(wishes, &all) && all.failed == 0 && whole ? EXIT_WELL : EXIT_PROBLEM;
}

/* ---- options ---- */

static int list_names(bool are_plants) {
    if (are_plants) {
        for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
            printf("%-26s %s\n", plant_name((enum plant)i), plant_breaks((enum plant)i));
        }
        return EXIT_WELL;
    }
    for (int i = 0; i < SEE_FEATURES; i++) {
        printf("| %-16s | %2d %% | %s |\n", sim_feature_name((enum sim_feature)i),
               sim_feature_percent((enum sim_feature)i), sim_feature_what((enum sim_feature)i));
    }
    return EXIT_WELL;
}

/* What the options say, before it is checked. */
struct given {
    gint64 seed, first, count, seconds;
    gint jobs, customers, purchases, timeout_s;
    gboolean story, shrink, twice, verbose, features, plants, table;
    char *with, *without, *plant, *tries, *about, *gateways;
};

static int wrong(const char *what, const char *value) {
    fprintf(stderr, "holdfast-sim: %s \"%s\"; try --help\n", what, value);
    return EXIT_USAGE;
}

static int read_features(const char *what, const char *given, uint64_t *features) {
    char **names = g_strsplit(given != NULL ? given : "", ",", -1);
    int status = EXIT_WELL;
    for (int i = 0; names[i] != NULL && status == EXIT_WELL; i++) {
        enum sim_feature feature;
        if (sim_feature_parse(names[i], &feature)) {
            *features |= UINT64_C(1) << feature;
        } else {
            status = wrong(what, names[i]);
        }
    }
    g_strfreev(names);
    return status;
}

static int read_names(const struct given *given, struct wishes *wishes) {
    struct err err = {0};
    int status = read_features("--with: there is no feature", given->with, &wishes->order.with);
    if (status == EXIT_WELL) {
        status = read_features("--without: there is no feature", given->without,
                               &wishes->order.without);
    }
    if (status != EXIT_WELL) {
        return status;
    }
    if (given->gateways != NULL &&
        sim_gateways_read(given->gateways, &wishes->order.gateways, &err) < 0) {
        return wrong(err.detail, given->gateways);
    }
    if (given->plant != NULL && !plant_parse(given->plant, &wishes->order.plant)) {
        return wrong("--plant: there is no planted fault", given->plant);
    }
    if (!plant_set(wishes->order.plant)) {
        return wrong("this build holds no planted faults (meson setup -Dplants=true):",
                     given->plant);
    }
    return EXIT_WELL;
}

static int read_given(const struct given *given, const char *program, struct wishes *wishes) {
    *wishes = (struct wishes){
        .order = {.customers = given->customers,
                  .purchases = given->purchases,
                  .story = given->story},
        .first = given->first >= 0 ? (uint64_t)given->first : random_below(1000000000),
        .count = given->count,
        .seconds = (int)given->seconds,
        .jobs = given->jobs,
        .timeout_s = given->timeout_s,
        .shrink = given->shrink,
        .twice = given->twice,
        .verbose = given->verbose,
        .about = given->about,
        .program = program,
    };
    if (given->jobs < 1 || given->jobs > SIM_JOBS_MAX || given->count < 1 || given->timeout_s < 1 ||
        given->customers < 0 || given->purchases < 0 || given->seconds < 0) {
        fprintf(stderr, "holdfast-sim: a number is out of range; try --help\n");
        return EXIT_USAGE;
    }
    if (given->seed < 0 && (given->story || given->shrink)) {
        fprintf(stderr, "holdfast-sim: --story and --shrink want --seed\n");
        return EXIT_USAGE;
    }
    if (given->seed >= 0) {
        wishes->order.seed = (uint64_t)given->seed;
    }
    return read_names(given, wishes);
}

static int make_table(const struct given *given, const struct wishes *wishes) {
    struct sim_table table = {
        wishes->order.plant, wishes->count, wishes->jobs, wishes->timeout_s, {0}};
    if (given->tries != NULL && !sim_table_tries(given->tries, &table)) {
        return wrong("--tries: not NAME=SEED,...:", given->tries);
    }
    if (!plant_set(PLANT_NONE + 1)) {
        fprintf(stderr, "holdfast-sim: this build holds no planted faults (script/build plants)\n");
        return EXIT_USAGE;
    }
    bool well = sim_table(&table);
    return well ? EXIT_WELL : EXIT_PROBLEM;
}

/* A run gives no memory back to the system, which would give it again at once, page by page. */
static void keep_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 4 << 20);
}

int main(int argc, char **argv) {
    keep_memory();
    struct given given = {.seed = -1, .first = -1, .count = 100, .jobs = 1, .timeout_s = TIMEOUT_S};
    const GOptionEntry rows[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &given.seed, "this seed alone", "N"},
        {"first", 0, 0, G_OPTION_ARG_INT64, &given.first, "the first seed [drawn]", "N"},
        {"count", 0, 0, G_OPTION_ARG_INT64, &given.count, "how many seeds [100]", "N"},
        {"seconds", 0, 0, G_OPTION_ARG_INT64, &given.seconds, "as many as fit into N seconds", "N"},
        {"jobs", 0, 0, G_OPTION_ARG_INT, &given.jobs, "so many at the same time [1]", "N"},
        {"with", 0, 0, G_OPTION_ARG_STRING, &given.with, "with these features", "A,B"},
        {"without", 0, 0, G_OPTION_ARG_STRING, &given.without, "without these features", "A,B"},
        {"customers", 0, 0, G_OPTION_ARG_INT, &given.customers, "at most so many", "N"},
        {"purchases", 0, 0, G_OPTION_ARG_INT, &given.purchases, "of each, at most so many", "N"},
        {"gateways", 0, 0, G_OPTION_ARG_STRING, &given.gateways,
         "that the service has [stripe,paypal]", "A,B"},
        {"plant", 0, 0, G_OPTION_ARG_STRING, &given.plant, "with this planted fault", "NAME"},
        {"table", 0, 0, G_OPTION_ARG_NONE, &given.table,
         "after how many seeds each planted fault is caught, at most --count", NULL},
        {"tries", 0, 0, G_OPTION_ARG_STRING, &given.tries,
         "for --table: seeds to begin with, NAME=SEED,...", "LIST"},
        {"story", 0, 0, G_OPTION_ARG_NONE, &given.story, "tell what happened", NULL},
        {"about", 0, 0, G_OPTION_ARG_STRING, &given.about,
         "only what is about it: an order, a payment, any text", "TEXT"},
        {"shrink", 0, 0, G_OPTION_ARG_NONE, &given.shrink,
         "look for a smaller run that fails the same check", NULL},
        {"twice", 0, 0, G_OPTION_ARG_NONE, &given.twice, "each twice: the same must happen", NULL},
        {"timeout", 0, 0, G_OPTION_ARG_INT, &given.timeout_s, "seconds for a run [120]", "N"},
        {"verbose", 0, 0, G_OPTION_ARG_NONE, &given.verbose, "a line about every seed", NULL},
        {"features", 0, 0, G_OPTION_ARG_NONE, &given.features, "list what a run may see", NULL},
        {"plants", 0, 0, G_OPTION_ARG_NONE, &given.plants, "list the planted faults", NULL},
        {0},
    };
    GOptionContext *context = g_option_context_new(
        "- a service's whole life from a seed, again and again, looking for a broken rule");
    GError *error = NULL;
    struct wishes wishes;
    g_option_context_add_main_entries(context, rows, NULL);
    g_option_context_set_description(
        context, "Exit status: 0 no rule was broken, 1 one was, 2 wrong usage.\n");
    bool well = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!well || argc > 1) {
        int status = wrong(well ? "not an option:" : "cannot be read:",
                           well ? argv[1] : error->message);
        g_clear_error(&error);
        return status;
    }
    if (given.features || given.plants) {
        return list_names(given.plants);
    }
    int status = read_given(&given, argv[0], &wishes);
    if (status != EXIT_WELL) {
        return status;
    }
    if (given.table) {
        return make_table(&given, &wishes);
    }
    return given.seed >= 0 ? run_one(&wishes) : run_many(&wishes);
}
