/* SPDX-License-Identifier: Apache-2.0
 * table.c: the table of planted faults, see table.h. */
#include "sim/table.h"

#include <stdio.h>

#include "base/clock.h"

struct row {
    bool looked, caught;
    char check[SIM_CHECK_CHARS];
    int64_t seeds, took_us;
};

struct rows {
    struct row of[PLANTS];
};

struct looking {
    enum plant only;
    int64_t count;
    int jobs, timeout_s;
};

static void look_for(const struct looking *looking, enum plant plant, struct row *row) {
    int64_t began_us = clock_mono_us();
    row->looked = true;
    while (!row->caught && row->seeds < looking->count) {
        struct sim_order order = {.seed = (uint64_t)++row->seeds, .plant = plant};
        struct sim_outcome outcome;
        sim_run_apart(&order, looking->timeout_s, &outcome, NULL);
        row->caught = !outcome.passed;
        snprintf(row->check, sizeof row->check, "%s", outcome.check);
    }
    row->took_us = clock_mono_us() - began_us;
}

static void work(void *ctx, int job, void *ret_result) {
    const struct looking *looking = ctx;
    struct rows *rows = ret_result;
    for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
        if (i % looking->jobs == job &&
            (looking->only == PLANT_NONE || looking->only == (enum plant)i)) {
            look_for(looking, (enum plant)i, &rows->of[i]);
        }
    }
}

static void say_row(enum plant plant, const struct row *row) {
    if (row->caught) {
        printf("| `%s` | %s | %s | %lld | %.1f |\n", plant_name(plant), plant_breaks(plant),
               row->check, (long long)row->seeds, (double)row->took_us / US_PER_SECOND);
    } else {
        printf("| `%s` | %s | **not caught** | (%lld) | %.1f |\n", plant_name(plant),
               plant_breaks(plant), (long long)row->seeds, (double)row->took_us / US_PER_SECOND);
    }
}

bool sim_table(enum plant only, int64_t count, int jobs, int timeout_s) {
    struct looking looking = {only, count, jobs, timeout_s};
    static struct rows rows[SIM_JOBS_MAX];
    sim_prepare();
    bool well = sim_work_apart(jobs, work, &looking, rows, sizeof *rows);
    printf("| fault | the rule that it breaks | caught by | seeds | s |\n"
           "| --- | --- | --- | ---: | ---: |\n");
    for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
        const struct row *row = &rows[i % jobs].of[i];
        if (row->looked) {
            say_row((enum plant)i, row);
            well &= row->caught;
        }
    }
    return well;
}
