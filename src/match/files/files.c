/* SPDX-License-Identifier: Apache-2.0
 * files.c: two files against each other: the passes in their order, and tasks. */
#include "match/files/files.h"

#include <string.h>

#include "base/clock.h"
#include "match/files/files_impl.h"

enum {
    CHUNK_BYTES = 16 * 1024,
    CHUNK_BYTES_LEAST = 4 * 1024,
    PART_ROWS = 16 * 1024,   /* such that a partition's table stays near the processor */
    ROW_BYTES = 64,          /* of a file, to guess at rows by */
    BYTES_BESIDE = 24 << 20, /* the program itself, windows into the files, buffers */
    REST_ROW_BYTES = 448,    /* a match_row, its texts, and what match_run() needs of it */
    BATCH_ROW_BYTES = 192,   /* the name of a batch, the words that may have one */
    TOLD_CHARS_MAX = 64,
    TASK_STACK_BYTES = 1024 * 1024,
    TICK_US = 100 * 1000,
};

/* ---- tasks ---- */

struct together;
struct worker {
    struct together *all;
    int number, rc;
    struct err err;
};
struct together {
    struct files_run *run;
    files_work *work;
    struct lock lock;
    struct cond ended;
    int left;
    struct worker of[MATCH_SIDES];
};

static void work_task(void *arg) {
    struct worker *worker = arg;
    struct together *all = worker->all;
    int rc = all->work(all->run, worker->number, &worker->err);
    if (rc < 0) {
        atomic_store(&all->run->stop, true);
    }
    lock_take(&all->lock);
    worker->rc = rc;
    all->left--;
    cond_signal(&all->ended);
    lock_give(&all->lock);
}

static bool tick(struct files_run *run) {
    const struct files_request *request = run->request;
    if (request->tick == NULL) {
        return true;
    }
    struct files_progress progress = {.doing = run->doing, .done = atomic_load(&run->done)};
    progress.whole = run->whole;
    for (int i = 0; i < MATCH_SIDES && run->whole == 0; i++) {
        progress.done += atomic_load(&run->sides[i].done);
    }
    for (int i = 0; i < MATCH_SIDES && run->whole == 0; i++) {
        progress.whole += (int64_t)run->sides[i].count;
    }
    return request->tick(request->ctx, &progress);
}

static void await(struct together *all) {
    lock_take(&all->lock);
    while (all->left > 0) {
        if (!cond_wait_until(&all->ended, &all->lock, clock_mono_us() + TICK_US)) {
            lock_give(&all->lock);
            if (!tick(all->run)) {
                atomic_store(&all->run->stop, true);
            }
            lock_take(&all->lock);
        }
    }
    lock_give(&all->lock);
}

int files_together(struct files_run *run, const char *doing, int64_t whole, files_work *work,
                   int count, struct err *err) {
    struct task *tasks[MATCH_SIDES] = {NULL};
    struct together *all = g_new0(struct together, 1);
    all->run = run;
    all->work = work;
    run->doing = doing;
    run->whole = whole;
    atomic_store(&run->done, 0);
    atomic_store(&run->next_part, 0);
    lock_init(&all->lock);
    cond_init(&all->ended);
    int rc = 0;
    /* With one task to run, one after the other. */
    int at_once = run->tasks < count ? 1 : count;
    for (int first = 0; first < count && rc == 0; first += at_once) {
        all->left = at_once;
        for (int i = first; i < first + at_once; i++) {
            all->of[i] = (struct worker){.all = all, .number = i};
            tasks[i] = task_start("reconcile", TASK_STACK_BYTES, work_task, &all->of[i]);
            if (tasks[i] == NULL) {
                work_task(&all->of[i]);
            }
        }
        await(all);
        for (int i = first; i < first + at_once; i++) {
            if (tasks[i] != NULL) {
                task_join(tasks[i]);
            }
            if (rc == 0 && all->of[i].rc < 0) {
                rc = all->of[i].rc;
                *err = all->of[i].err;
            }
        }
    }
    if (rc == 0 && atomic_load(&run->stop)) {
        rc = err_set(err, ERR_GONE, "it was ended before it was done");
    }
    cond_free(&all->ended);
    lock_free(&all->lock);
    g_free(all);
    return rc;
}

/* ---- passes ---- */

static int64_t parts_memory(const struct files_run *run) {
    int64_t memory = (run->memory_bytes - BYTES_BESIDE) * 3 / 4;
    return MAX(memory, 0);
}

static void make_parts(struct files_run *run) {
    const struct files_request *request = run->request;
    int64_t bytes = (int64_t)MAX(run->sides[OURS].count, run->sides[THEIRS].count);
    int64_t wanted = bytes / ROW_BYTES / PART_ROWS, chunk = CHUNK_BYTES;
    int count = 2;
    while (count < PARTS_MAX && count < wanted) {
        count *= 2;
    }
    /* Each partition of each side has a chunk in memory in any case. */
    while (chunk > CHUNK_BYTES_LEAST && chunk * count * MATCH_SIDES > parts_memory(run) / 2) {
        chunk /= 2;
    }
    struct key_shape shape;
    keys_look(run, run->key, &shape);
    parts_init(&run->parts, request->partitions > 0 ? request->partitions : count,
               (uint32_t)(request->chunk_bytes > 0 ? request->chunk_bytes : chunk),
               parts_memory(run), &shape, &run->spill,
               files_spill(run));
}

static bool both_have(const struct files_run *run, enum map_role role) {
    return run->sides[OURS].binding.column[role] >= 0 &&
           run->sides[THEIRS].binding.column[role] >= 0;
}

static int refuse_problems(struct files_run *run, struct err *err) {
    struct files_figures *figures = run->figures;
    for (int i = 0; i < MATCH_SIDES; i++) {
        const struct side *side = &run->sides[i];
        figures->problems[i] = side->problem_count;
        for (guint j = 0; j < side->problems->len && figures->shown_count < FILES_PROBLEMS_SHOWN;
             j++) {
            figures->shown[figures->shown_count++] = g_array_index(side->problems,
                                                                   struct files_problem, j);
        }
    }
    if (figures->problems[OURS] + figures->problems[THEIRS] == 0) {
        return 0;
    }
    int rc = run->request->report != NULL ? report_problems(run, err) : 0;
    if (rc < 0) {
        return rc;
    }
    char told[MATCH_SIDES][TOLD_CHARS_MAX];
    for (int i = 0; i < MATCH_SIDES; i++) {
        int64_t count = figures->problems[i];
        snprintf(told[i], sizeof told[i], "%lld problem%s with %s", (long long)count,
                 count == 1 ? "" : "s", i == OURS ? "our file" : "theirs");
    }
    bool ours = figures->problems[OURS] > 0, theirs = figures->problems[THEIRS] > 0;
    err_set(err, ERR_VALIDATION, "%s%s%s: nothing was matched", ours ? told[OURS] : "",
            ours && theirs ? ", " : "", theirs ? told[THEIRS] : "");
    return err_hint(err, "A file is taken whole or not at all%s",
                    run->request->report != NULL ? "; problems.csv has every line." : ".");
}

static int check_unchanged(const struct files_run *run, struct err *err) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        int rc = mapped_check(run->sides[i].file, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Files.h, rule 6: nothing is told of what has not come yet. */
static int find_told_until(struct files_run *run, struct err *err) {
    const struct files_request *request = run->request;
    const struct side *theirs = &run->sides[THEIRS];
    struct files_figures *figures = run->figures;
    figures->told_until_us = request->told_until_us;
    if (request->told_until_us > 0) {
        return 0;
    }
    figures->told_by_period = theirs->until_us > 0;
    figures->told_until_us = theirs->until_us > 0 ? theirs->until_us : theirs->last_us;
    if (request->now_us > 0 && figures->told_until_us > request->now_us) {
        figures->told_until_us = request->now_us;
        figures->told_by_period = false;
    }
    if (figures->told_until_us > 0) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION, "their file does not say up to when it tells: no period, "
                                       "and no row of money that has moved");
    return err_hint(err, "Say it: --told-until 2026-09-30T22:00:00Z");
}

/* Up to when their file tells, and whose days are waited. */
static int begin_to_wait(struct files_run *run, struct err *err) {
    const struct csv_map *map = run->request->sides[THEIRS].map;
    if (!run->request->waits) {
        return 0;
    }
    int told = find_told_until(run, err);
    if (told < 0) {
        return told;
    }
    if (map != NULL && map->zone != NULL) {
        run->zone = map->zone;
        return 0;
    }
    int rc = time_zone_open("UTC", &run->utc, err);
    run->zone = run->utc;
    return rc;
}

/* ---- rules ---- */

void files_options(const struct files_run *run, struct match_options *ret_options) {
    const struct match_set *set = run->request->rules;
    *ret_options = (struct match_options){.now_us = run->figures->told_until_us};
    ret_options->rules = set != NULL ? set->rules : match_rules_usual(&ret_options->rule_count);
    ret_options->rule_count = set != NULL ? set->count : ret_options->rule_count;
}

static const struct match_rule *rule_by(const struct files_run *run, enum match_by by) {
    struct match_options options;
    files_options(run, &options);
    for (int i = 0; i < options.rule_count; i++) {
        if (options.rules[i].by == by) {
            return &options.rules[i];
        }
    }
    return NULL;
}

/* Rows are put apart by id, then by reference, then by batch: what came before them would be
 * torn. */
static int check_rules(struct files_run *run, struct err *err) {
    static const int places[MATCH_BY_COUNT] = {
        [BY_GATEWAY_ID] = 0, [BY_REFERENCE] = 1,   [BY_BATCH] = 2,
        [BY_ORIGINAL] = 3,   [BY_AMOUNT_TIME] = 4,
    };
    struct match_options options;
    files_options(run, &options);
    for (int i = 1; i < options.rule_count; i++) {
        if (places[options.rules[i].by] < places[options.rules[i - 1].by]) {
            (void)err_set(err, ERR_VALIDATION,
                          "two files are compared by gateway_id, then by reference, by batch, by "
                          "original: the rule by %s stands too late",
                          match_by_name(options.rules[i].by));
            return err_hint(err, "Put the rules into that order, or leave some out.");
        }
    }
    run->by_batch = rule_by(run, BY_BATCH) != NULL;
    return 0;
}

/* Without names of batches the rule would silently find nothing. */
static int check_batches(const struct files_run *run, struct err *err) {
    if (!run->by_batch || run->sides[OURS].binding.column[MAP_BATCH] >= 0) {
        return 0;
    }
    (void)err_set(err, ERR_VALIDATION, "a rule is by batch, and the map of %s has no column for it",
                  run->sides[OURS].source->path);
    return err_hint(err, "Say which column of ours names the payout: columns: {batch: …}");
}

static bool joins_by(const struct files_run *run, enum map_role role, enum match_by by) {
    return both_have(run, role) && rule_by(run, by) != NULL;
}

/* The pass at hand is by this key. */
static void set_key(struct files_run *run, enum map_role role) {
    const struct match_rule *rule = role == MAP_GATEWAY_ID  ? rule_by(run, BY_GATEWAY_ID)
                                    : role == MAP_REFERENCE ? rule_by(run, BY_REFERENCE)
                                                            : NULL;
    run->key = role;
    run->looks_whole = rule != NULL && (rule->before_us != 0 || rule->after_us != 0);
}

/* Both files, each row checked; what has no key, or is not looked for by one, is open. */
static int read_pass(struct files_run *run, struct err *err) {
    make_parts(run);
    int rc = files_together(run, "reading", 0, files_read, MATCH_SIDES, err);
    rc = rc < 0 ? rc : check_unchanged(run, err);
    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i < MATCH_SIDES; i++) {
        struct side *side = &run->sides[i];
        run->figures->rows[i] = side->rows;
        rowset_grow(&side->open, side->rows);
        rowset_grow(&side->by_id, side->rows);
        rowset_grow(&side->by_reference, side->rows);
        rowset_grow(&side->linked, side->rows);
    }
    rc = refuse_problems(run, err);
    return rc < 0 ? rc : begin_to_wait(run, err);
}

static int first_pass(struct files_run *run, struct err *err) {
    set_key(run, joins_by(run, MAP_GATEWAY_ID, BY_GATEWAY_ID)  ? MAP_GATEWAY_ID
                 : joins_by(run, MAP_REFERENCE, BY_REFERENCE) ? MAP_REFERENCE
                                                               : MAP_ROLE_COUNT);
    run->links = run->key == MAP_GATEWAY_ID && joins_by(run, MAP_REFERENCE, BY_REFERENCE);
    int rc = read_pass(run, err);
    int64_t whole = (int64_t)run->sides[OURS].rows + run->sides[THEIRS].rows;
    return rc < 0 ? rc : files_together(run, "joining", whole, files_join, run->tasks, err);
}

static int link_pass(struct files_run *run, struct err *err) {
    hashset_init(&run->wanted);
    hashset_init(&run->found);
    int rc = run->links ? files_together(run, "joining", 1, files_want, 1, err) : 0;
    if (rc < 0 || (run->wanted.used == 0 && !run->wanted.has_zero)) {
        return rc;
    }
    return files_together(run, "joining", 1, files_link, run->tasks, err);
}

int64_t files_rest_fits(const struct files_run *run) {
    int64_t rows = (int64_t)run->sides[OURS].rows + run->sides[THEIRS].rows;
    int64_t bytes = REST_ROW_BYTES + (run->by_batch ? BATCH_ROW_BYTES : 0);
    int64_t fits = (run->memory_bytes - BYTES_BESIDE - rows) / bytes;
    return run->request->piece_rows > 0 ? run->request->piece_rows : MAX(fits, 1);
}

const char *files_spill(const struct files_run *run) {
    return run->request->spill != NULL ? run->request->spill : run->request->report;
}

static int64_t left_count(const struct files_run *run) {
    return rowset_count(&run->sides[OURS].open, run->sides[OURS].rows) +
           rowset_count(&run->sides[THEIRS].open, run->sides[THEIRS].rows);
}

/* What ids have left by reference, when there is too much of it to be matched at once. */
static int second_pass(struct files_run *run, struct err *err) {
    if (!run->links || left_count(run) <= files_rest_fits(run)) {
        return 0;
    }
    run->second = true;
    set_key(run, MAP_REFERENCE);
    run->links = false;
    make_parts(run);
    int64_t whole = left_count(run);
    int rc = files_together(run, "reading again", whole, files_read, MATCH_SIDES, err);
    rc = rc < 0 ? rc : files_together(run, "joining", whole, files_join, run->tasks, err);
    parts_release(&run->parts);
    return rc;
}

static int tell_side(struct files_run *run, int number, struct err *err) {
    struct side *side = &run->sides[number];
    return side->begin_line > 0 ? 0 : side_told(side, files_spill(run), err);
}

static int run_all(struct files_run *run, struct report *report, struct err *err) {
    int rc = check_batches(run, err);
    rc = rc < 0 ? rc : first_pass(run, err);
    rc = rc < 0 ? rc : link_pass(run, err);
    parts_release(&run->parts);
    rc = rc < 0 ? rc : second_pass(run, err);
    rc = rc < 0 ? rc : files_rest(run, report, err);
    if (rc == 0 && run->request->for_people) {
        int64_t bytes = run->figures->bytes[OURS] + run->figures->bytes[THEIRS];
        rc = files_together(run, "digesting", bytes, people_digest, MATCH_SIDES, err);
    }
    rc = rc < 0 ? rc : check_unchanged(run, err);
    if (rc == 0) {
        run->figures->spilled = run->spill != NULL ? spill_bytes(run->spill) : 0;
        sums_out(run->sums, run->figures);
    }
    return rc;
}

static void run_release(struct files_run *run) {
    parts_release(&run->parts);
    hashset_release(&run->wanted);
    hashset_release(&run->found);
    for (int i = 0; i < MATCH_SIDES; i++) {
        side_close(&run->sides[i]);
    }
    spill_close(run->spill);
    time_zone_close(run->utc);
    g_free(run->sums);
    g_free(run);
}

static struct files_run *run_new(const struct files_request *request,
                                 struct files_figures *figures) {
    struct files_run *run = g_new0(struct files_run, 1);
    *figures = (struct files_figures){0};
    run->request = request;
    run->figures = figures;
    run->sums = g_new0(struct sums, 1);
    run->memory_bytes = request->memory_bytes > 0 ? request->memory_bytes : FILES_MEMORY_USUAL;
    run->tasks = request->tasks == 1 ? 1 : MATCH_SIDES;
    return run;
}

static int open_sides(struct files_run *run, struct err *err) {
    const struct files_request *request = run->request;
    int rc = check_rules(run, err);
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        run->sides[i].stop = &run->stop;
        run->sides[i].asks_until = i == THEIRS && request->waits && request->told_until_us == 0;
        rc = side_open(&run->sides[i], (enum match_side)i, &request->sides[i], err);
        run->figures->bytes[i] = (int64_t)run->sides[i].count;
    }
    return rc;
}

int files_reconcile(const struct files_request *request, struct files_figures *ret_figures,
                    struct err *err) {
    struct files_run *run = run_new(request, ret_figures);
    struct report *report = NULL;
    int rc = open_sides(run, err);
    rc = rc < 0 ? rc : report_open(run, &report, err);
    rc = rc < 0 ? rc : files_together(run, "telling", 0, tell_side, MATCH_SIDES, err);
    rc = rc < 0 ? rc : run_all(run, report, err);
    if (rc == 0) {
        rc = report_close(report, run, err);
    } else {
        report_drop(report);
    }
    run_release(run);
    return rc;
}

int files_explain(const struct files_request *request, const char *row,
                  struct files_figures *ret_figures, struct files_explained *ret_explained,
                  struct err *err) {
    struct files_run *run = run_new(request, ret_figures);
    *ret_explained = (struct files_explained){0};
    set_key(run, MAP_ROLE_COUNT);
    int rc = open_sides(run, err);
    rc = rc < 0 ? rc : files_together(run, "telling", 0, tell_side, MATCH_SIDES, err);
    rc = rc < 0 ? rc : check_batches(run, err);
    rc = rc < 0 ? rc : read_pass(run, err);
    rc = rc < 0 ? rc : explain_row(run, row, ret_explained, err);
    rc = rc < 0 ? rc : check_unchanged(run, err);
    if (rc < 0) {
        files_explained_release(ret_explained);
    }
    run_release(run);
    return rc;
}
