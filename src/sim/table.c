/* SPDX-License-Identifier: Apache-2.0
 * table.c: the table of planted faults, see table.h. */
#include "sim/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct row {
    bool looked, caught;
    char check[SIM_CHECK_CHARS];
    int64_t seeds, took_us;
};

struct rows {
    struct row of[PLANTS];
};

bool sim_table_tries(const char *text, struct sim_table *table) {
    while (*text != '\0') {
        char name[64];
        enum plant plant;
        size_t chars = strcspn(text, "=");
        if (chars >= sizeof name || text[chars] != '=') {
            return false;
        }
        snprintf(name, sizeof name, "%.*s", (int)chars, text);
        size_t digits = strspn(text + chars + 1, "0123456789");
        const char *end = text + chars + 1 + digits;
        if (digits == 0 || (*end != ',' && *end != '\0') || !plant_parse(name, &plant)) {
            return false;
        }
        table->tries[plant] = strtoull(text + chars + 1, NULL, 10);
        text = end + (*end == ',' ? 1 : 0);
    }
    return true;
}

/* The same run without the fault passes: otherwise it is not the fault that was caught. */
static bool is_by_plant(const struct sim_table *table, uint64_t seed,
                        const struct sim_outcome *planted) {
    struct sim_order order = {.seed = seed, .with = planted->features};
    struct sim_outcome outcome;
    sim_run_apart(&order, table->timeout_s, &outcome, NULL);
    return outcome.passed;
}

static bool try_seed(const struct sim_table *table, enum plant plant, uint64_t seed,
                     struct row *row) {
    struct sim_order order = {.seed = seed, .plant = plant};
    struct sim_outcome outcome;
    sim_run_apart(&order, table->timeout_s, &outcome, NULL);
    row->caught = !outcome.passed && is_by_plant(table, seed, &outcome);
    row->seeds = (int64_t)seed;
    snprintf(row->check, sizeof row->check, "%s", outcome.check);
    return row->caught;
}

static void look_for(const struct sim_table *table, enum plant plant, struct row *row) {
    int64_t began_us = clock_mono_us();
    uint64_t known = table->tries[plant];
    row->looked = true;
    bool caught = known > 0 && try_seed(table, plant, known, row);
    for (int64_t seed = 1; seed <= table->count && !caught; seed++) {
        caught = try_seed(table, plant, (uint64_t)seed, row);
    }
    row->took_us = clock_mono_us() - began_us;
}

static void work(void *ctx, int job, void *ret_result) {
    const struct sim_table *table = ctx;
    struct rows *rows = ret_result;
    for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
        if (i % table->jobs == job && (table->only == PLANT_NONE || table->only == (enum plant)i)) {
            look_for(table, (enum plant)i, &rows->of[i]);
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

bool sim_table(const struct sim_table *table) {
    struct sim_table copy = *table;
    static struct rows rows[SIM_JOBS_MAX];
    sim_prepare(0);
    bool well = sim_work_apart(table->jobs, work, &copy, rows, sizeof *rows);
    printf("| fault | the rule that it breaks | caught by | seeds | s |\n"
           "| --- | --- | --- | ---: | ---: |\n");
    for (int i = PLANT_NONE + 1; i < PLANTS; i++) {
        const struct row *row = &rows[i % table->jobs].of[i];
        if (row->looked) {
            say_row((enum plant)i, row);
            well &= row->caught;
        }
    }
    return well;
}
