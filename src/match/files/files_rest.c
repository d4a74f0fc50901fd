/* SPDX-License-Identifier: Apache-2.0
 * files_rest.c: what no key settled, into match_run(): at once where it fits into memory, else in
 * pieces (files_pieces.c). */
#include "match/files/files_impl.h"

static uint64_t all_open(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed);
}

static int collect_side(struct files_run *run, int number, struct err *err) {
    return side_sweep(&run->sides[number], all_open, rows_keep, &run->rest->rows, err);
}

static int match_once(struct files_run *run, int number, struct err *err) {
    struct match_options options;
    files_options(run, &options);
    (void)number;
    return matching_run(&run->rest->matching, &run->rest->rows, &options, false, err);
}

static int at_once(struct files_run *run, int64_t left, struct err *err) {
    int rc = files_together(run, "reading what is left", left, collect_side, MATCH_SIDES, err);
    return rc < 0 ? rc : files_together(run, "matching what is left", left, match_once, 1, err);
}

int files_rest(struct files_run *run, struct report *report, struct err *err) {
    struct rest *rest = g_new0(struct rest, 1);
    int64_t left = rowset_count(&run->sides[OURS].open, run->sides[OURS].rows) +
                   rowset_count(&run->sides[THEIRS].open, run->sides[THEIRS].rows);
    rows_init(&rest->rows, run);
    rest->matching = (struct matching){
        .run = run,
        .report = report,
        .lines = g_string_new(NULL),
        .held = g_byte_array_new(),
        .runs = g_array_new(false, false, sizeof(struct piece_run)),
    };
    run->rest = rest;
    int rc = left <= files_rest_fits(run) ? at_once(run, left, err) : files_pieces(run, left, err);
    run->rest = NULL;
    g_string_free(rest->matching.lines, true);
    g_byte_array_free(rest->matching.held, true);
    g_array_free(rest->matching.runs, true);
    rows_release(&rest->rows);
    g_free(rest);
    return rc;
}
