/* SPDX-License-Identifier: Apache-2.0
 * fresh.c: makes and gives the store that a run begins with, see fresh.h. */
#include "sim/fresh.h"

#include "store/migrate.h"

/* One run in so many begins with an empty disk. */
enum { EMPTY_ONE_IN = 8 };

/* Made once a process. */
static struct {
    void *bytes; /* NULL: not yet */
    size_t count;
} image;

static void migrate(void *arg) {
    struct sim_world *world = arg;
    struct store_options options = {.url = "sqlite:" RUN_STORE_PATH};
    struct store *store = NULL;
    struct err err = {0};
    int r = store_open(&options, &store, &err);
    r = r < 0 ? r : migrate_apply(store, NULL, NULL, &err);
    INVARIANT(r == 0, "an empty store can be migrated");
    store_close(store);
    sim_world_stop(world);
    task_sleep_us(1);
}

void fresh_prepare(int64_t wall_us) {
    if (image.bytes != NULL) {
        return;
    }
    struct sim_world_options options = {.seed = 1, .wall_us = wall_us};
    struct sim_world *world = sim_world_new(&options);
    struct sim_disk *disk = sim_disk_new(&(struct sim_disk_options){.seed = 1});
    sim_disk_install(disk);
    sim_process_run(sim_process_new(world, "fresh"), "migrate", migrate, world);
    enum sim_end end = sim_world_run(world);
    image.bytes = sim_disk_get(disk, RUN_STORE_PATH, &image.count);
    INVARIANT(end == SIM_DONE && image.bytes != NULL, "the migrations leave a store");
    sim_disk_install(NULL);
    sim_disk_free(disk);
    sim_world_free(world);
}

void fresh_begin(struct run *run) {
    struct prng prng;
    run_prng(run, &prng, "fresh", 0);
    if (prng_below(&prng, EMPTY_ONE_IN) > 0) {
        sim_disk_put(run->disk, RUN_STORE_PATH, image.bytes, image.count);
    }
}
