/* SPDX-License-Identifier: Apache-2.0
 * files_pieces.c: what is left and does not fit into memory, into match_run() in pieces that tear
 * no group (files.h, rule 2). Three steps, each of what those before it did not take:
 *
 *   once more    what an id has settled and a reference asks about again (files_link.c)
 *   batches      rows that a row of theirs paid out together (files_batch.c)
 *   the others   rows that a key puts together stand by that key, all others by what they are of:
 *                what ORIGINAL and AMOUNT_TIME compare has one currency and one amount
 *
 * The lines of all of it are then put into one order. */
#include <string.h>
#include <xxhash.h>

#include "match/files/files_impl.h"

enum { RUN_BYTES = 64 * 1024, PIECE_CHUNK_BYTES = 8 * 1024, PIECES_MAX = PARTS_MAX };
#define NO_FAMILIES 1U /* of a rule's bits: no family has the number 0 */

/* ---- a piece ---- */

int piece_fits(const struct files_run *run, int64_t rows, const char *what, struct err *err) {
    if (run->request->piece_rows > 0 || rows <= files_rest_fits(run)) {
        return 0;
    }
    err_set(err, ERR_TOO_LARGE, "%lld rows %s do not fit into memory at once", (long long)rows,
            what);
    return err_hint(err, "Allow more memory (--memory), and see whether these files belong "
                         "together.");
}

int piece_end(struct matching *matching, struct err *err) {
    struct files_run *run = matching->run;
    GByteArray *held = matching->held;
    struct piece_run piece = {0};
    if (held->len == 0) {
        return 0;
    }
    int rc = run->spill != NULL ? 0 : spill_open(files_spill(run), &run->spill, err);
    rc = rc < 0 ? rc : spill_append(run->spill, held->data, held->len, &piece.at, err);
    piece.end = piece.at + held->len;
    g_array_append_val(matching->runs, piece);
    g_byte_array_set_size(held, 0);
    return rc;
}

/* ---- once more ---- */

static uint64_t is_linked(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->linked.words[word], memory_order_relaxed);
}

uint64_t side_keyless(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed) &
           ~atomic_load_explicit(&side->by_id.words[word], memory_order_relaxed) &
           ~atomic_load_explicit(&side->by_reference.words[word], memory_order_relaxed);
}

/* A row of theirs that has a reference which an id has settled. */
static int keep_asking(void *ctx, const struct side *side, uint32_t row,
                       const struct statement_row *told, struct err *err) {
    struct rows *rows = ctx;
    const char *reference = told->reference;
    bool asks = reference[0] != '\0' &&
                hashset_has(&rows->run->found, key_hash(reference, strlen(reference)));
    return asks ? rows_keep(ctx, side, row, told, err) : 0;
}

static int once_more(struct files_run *run, int number, struct err *err) {
    struct matching *matching = &run->rest->matching;
    struct rows rows;
    struct match_options options;
    int rc = 0;
    files_options(run, &options);
    while (options.rule_count > 0 && options.rules[options.rule_count - 1].by != BY_REFERENCE) {
        options.rule_count--;
    }
    rows_init(&rows, run);
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        rc = side_sweep(&run->sides[i], is_linked, rows_keep, &rows, err);
    }
    rc = rc < 0 ? rc : side_sweep(&run->sides[THEIRS], side_keyless, keep_asking, &rows, err);
    rc = rc < 0 ? rc
                : piece_fits(run, (int64_t)rows.of[OURS]->len + rows.of[THEIRS]->len,
                             "whose reference stands there once more", err);
    rc = rc < 0 ? rc : matching_run(matching, &rows, &options, true, err);
    rc = rc < 0 ? rc : piece_end(matching, err);
    rows_release(&rows);
    (void)number;
    return rc;
}

/* ---- the others ---- */

static uint32_t piece_of(const struct rest *rest, const struct side *side, uint32_t row,
                         const struct statement_row *told) {
    uint64_t family = (uint64_t)row_kind_family(told->kind);
    uint64_t amount = told->gross_minor < 0 ? 0 - (uint64_t)told->gross_minor
                                            : (uint64_t)told->gross_minor;
    const char *key = told->currency.code;
    size_t bytes = CURRENCY_CHARS;
    uint64_t seed = amount;
    if (rowset_has(&side->by_id, row)) {
        key = told->gateway_id;
        bytes = strlen(key);
        seed = family;
    } else if (rowset_has(&side->by_reference, row)) {
        key = told->reference;
        bytes = strlen(key);
        seed = family;
    }
    return (uint32_t)XXH3_64bits_withSeed(key, bytes, seed) & (uint32_t)(rest->pieces - 1);
}

static int put_row(void *ctx, const struct side *side, uint32_t row,
                   const struct statement_row *told, struct err *err) {
    struct files_run *run = ctx;
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    return parts_put_row(&run->rest->writer[side->which],
                         (int)piece_of(run->rest, side, row, told), row, err);
}

static uint64_t all_open(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed);
}

static int cut_side(struct files_run *run, int number, struct err *err) {
    struct parts_writer *writer = &run->rest->writer[number];
    parts_writer_init(writer, &run->parts, (enum match_side)number);
    int rc = side_sweep(&run->sides[number], all_open, put_row, run, err);
    parts_writer_end(writer);
    return rc;
}

static int read_piece(struct files_run *run, int number, struct side_records *records,
                      struct map_text *text, struct rows *rows, struct err *err) {
    g_autofree char *room = g_malloc(run->parts.chunk_bytes);
    struct statement_row told;
    int rc = 0;
    for (int i = 0; i < MATCH_SIDES; i++) {
        const struct chunk *chunk = run->parts.of[i][number].first;
        memset(text, 0, sizeof *text);
        for (; chunk != NULL && rc == 0; chunk = chunk->next) {
            const char *refs = NULL;
            rc = chunk_refs(&run->parts, chunk, room, &refs, err);
            uint32_t row = chunk->row;
            for (uint32_t at = 0; rc == 0 && at < chunk->used;) {
                const struct ref *ref = (const struct ref *)(const void *)(refs + at);
                row = ref_row(ref, run->parts.shape.words, row);
                rc = side_row(&run->sides[i], row, records, text, &told, err);
                if (rc == 0) {
                    rows_add(rows, (enum match_side)i, row, &told);
                }
                at += ref_bytes(ref, run->parts.shape.words);
            }
        }
        side_forget(&run->sides[i], 0, run->sides[i].count);
    }
    return rc;
}

/* No batch is left that a rule takes; that which is would be torn. */
static void without_batches(struct match_options *options, struct match_rule *rules) {
    for (int i = 0; i < options->rule_count; i++) {
        rules[i] = options->rules[i];
        if (rules[i].by == BY_BATCH) {
            rules[i].families = NO_FAMILIES;
        }
    }
    options->rules = rules;
}

static int match_piece(struct files_run *run, int number, struct side_records *records,
                       struct map_text *text, struct err *err) {
    int64_t refs = run->parts.of[OURS][number].refs + run->parts.of[THEIRS][number].refs;
    struct rows rows;
    struct match_options options;
    struct match_rule rules[MATCH_RULES_MAX];
    if (refs == 0) {
        return 0;
    }
    int rc = piece_fits(run, refs, "that nothing tells apart", err);
    if (rc < 0) {
        return rc;
    }
    files_options(run, &options);
    without_batches(&options, rules);
    rows_init(&rows, run);
    rc = read_piece(run, number, records, text, &rows, err);
    rc = rc < 0 ? rc : matching_run(&run->rest->matching, &rows, &options, false, err);
    rc = rc < 0 ? rc : piece_end(&run->rest->matching, err);
    rows_release(&rows);
    atomic_fetch_add(&run->done, refs);
    return rc;
}

static int match_pieces(struct files_run *run, int number, struct err *err) {
    struct side_records *records = g_new0(struct side_records, 1);
    struct map_text *text = g_new0(struct map_text, 1);
    int rc = 0;
    for (int i = 0; i < run->rest->pieces && rc == 0 && !atomic_load(&run->stop); i++) {
        rc = match_piece(run, i, records, text, err);
    }
    g_free(records);
    g_free(text);
    (void)number;
    return rc;
}

/* ---- the lines of all pieces in one order ---- */

/* So many bytes of the run at hand, or 0 at its end. */
static int run_hold(const struct files_run *run, struct piece_run *piece, size_t wanted,
                    size_t *ret_held, struct err *err) {
    size_t have = piece->held->len - piece->used;
    *ret_held = have;
    if (have >= wanted || piece->at == piece->end) {
        return 0;
    }
    g_byte_array_remove_range(piece->held, 0, (guint)piece->used);
    piece->used = 0;
    size_t more = MIN(MAX(wanted - have, (size_t)RUN_BYTES), (size_t)(piece->end - piece->at));
    g_byte_array_set_size(piece->held, (guint)(have + more));
    int rc = spill_read(run->spill, piece->at, piece->held->data + have, more, err);
    piece->at += (int64_t)more;
    *ret_held = have + more;
    return rc;
}

static int run_head(const struct files_run *run, struct piece_run *piece, struct err *err) {
    size_t held = 0;
    int rc = run_hold(run, piece, sizeof piece->head, &held, err);
    piece->head = (struct list_head){.order = UINT64_MAX};
    if (rc == 0 && held > 0) {
        memcpy(&piece->head, piece->held->data + piece->used, sizeof piece->head);
    }
    return rc;
}

static int run_pass(const struct files_run *run, struct piece_run *piece, struct report *report,
                    struct err *err) {
    const struct list_head head = piece->head;
    size_t held = 0;
    int rc = run_hold(run, piece, sizeof head + head.bytes, &held, err);
    if (rc < 0) {
        return rc;
    }
    report_lines(report, (enum report_list)head.list,
                 (const char *)piece->held->data + piece->used + sizeof head, head.bytes);
    piece->used += sizeof head + head.bytes;
    return run_head(run, piece, err);
}

/* The run at `at` sinks to where it belongs: a heap by order. */
static void sink(struct piece_run **heap, size_t count, size_t at) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1]->head.order < heap[child]->head.order;
        if (heap[at]->head.order <= heap[child]->head.order) {
            return;
        }
        struct piece_run *swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

static int merge(const struct files_run *run, struct matching *matching, struct err *err) {
    size_t count = matching->runs->len;
    g_autofree struct piece_run **heap = g_new0(struct piece_run *, count + 1);
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        heap[i] = &g_array_index(matching->runs, struct piece_run, i);
        heap[i]->held = g_byte_array_new();
        rc = rc < 0 ? rc : run_head(run, heap[i], err);
    }
    for (size_t i = count; i-- > 0;) {
        sink(heap, count, i);
    }
    while (rc == 0 && count > 0 && heap[0]->head.order != UINT64_MAX) {
        rc = run_pass(run, heap[0], matching->report, err);
        sink(heap, count, 0);
    }
    for (size_t i = 0; i < count; i++) {
        g_byte_array_free(heap[i]->held, true);
    }
    return rc;
}

static int merge_pieces(struct files_run *run, int number, struct err *err) {
    (void)number;
    return merge(run, &run->rest->matching, err);
}

int files_pieces(struct files_run *run, int64_t left, struct err *err) {
    const struct files_request *request = run->request;
    int64_t fits = files_rest_fits(run);
    int pieces = 2;
    while (pieces < PIECES_MAX && pieces < 2 * left / fits) {
        pieces *= 2;
    }
    run->rest->pieces = pieces;
    run->rest->matching.in_pieces = true;
    bool asks = run->found.used > 0 || run->found.has_zero || run->found.bits != NULL;
    int rc = asks ? files_together(run, "matching what is left", left, once_more, 1, err) : 0;
    rc = rc < 0 || !run->by_batch ? rc : files_batches(run, left, err);
    uint32_t chunk = request->chunk_bytes > 0 ? (uint32_t)request->chunk_bytes : PIECE_CHUNK_BYTES;
    parts_init(&run->parts, pieces, chunk, run->memory_bytes / 8, NULL, &run->spill,
               files_spill(run));
    rc = rc < 0 ? rc
                : files_together(run, "reading what is left", left, cut_side, MATCH_SIDES, err);
    rc = rc < 0 ? rc : files_together(run, "matching what is left", left, match_pieces, 1, err);
    rc = rc < 0 ? rc : files_together(run, "writing", left, merge_pieces, 1, err);
    parts_release(&run->parts);
    return rc;
}
