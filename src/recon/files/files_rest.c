/* SPDX-License-Identifier: Apache-2.0
 * files_rest.c: what no key settled, into match_run(): at once where it fits into memory, else in
 * pieces that tear no group (files.h, rule 2), whose lines are then put into one order. */
#include <string.h>
#include <xxhash.h>

#include "recon/files/files_impl.h"
#include "recon/run.h"

enum {
    TEXT_BLOCK_BYTES = 256 * 1024,
    RUN_BYTES = 64 * 1024,
    PIECE_CHUNK_BYTES = 8 * 1024,
    PIECES_MAX = PARTS_MAX,
};

/* ---- rows as match_run() has them ---- */

struct texts {
    GPtrArray *blocks;
    size_t used;
};
struct rows {
    const struct files_run *run;
    GArray *of[MATCH_SIDES];         /* struct match_row */
    struct texts texts[MATCH_SIDES]; /* each side's task has its own */
};

static void rows_init(struct rows *rows, const struct files_run *run) {
    rows->run = run;
    for (int i = 0; i < MATCH_SIDES; i++) {
        rows->of[i] = g_array_new(false, false, sizeof(struct match_row));
        rows->texts[i] = (struct texts){g_ptr_array_new(), TEXT_BLOCK_BYTES};
    }
}

static void rows_release(struct rows *rows) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        g_array_free(rows->of[i], true);
        for (guint j = 0; j < rows->texts[i].blocks->len; j++) {
            pages_give(rows->texts[i].blocks->pdata[j], TEXT_BLOCK_BYTES);
        }
        g_ptr_array_free(rows->texts[i].blocks, true);
    }
}

static struct match_text keep(struct texts *texts, const char *text) {
    size_t count = strlen(text);
    if (texts->used + count > TEXT_BLOCK_BYTES) {
        g_ptr_array_add(texts->blocks, pages_take(TEXT_BLOCK_BYTES));
        texts->used = 0;
    }
    if (count == 0) {
        return (struct match_text){"", 0};
    }
    char *at = (char *)texts->blocks->pdata[texts->blocks->len - 1] + texts->used;
    memcpy(at, text, count);
    texts->used += count;
    return (struct match_text){at, (uint32_t)count};
}

/* Nothing is waited for where both files are whole. */
static int64_t due_of(const struct files_run *run, int64_t at_us) {
    return run->zone != NULL ? expected_until(at_us, run->request->wait_days, run->zone) : 0;
}

static void add_row(struct rows *rows, enum match_side side, const struct statement_row *told) {
    struct texts *texts = &rows->texts[side];
    struct match_row row = {
        .number = told->line,
        .kind = told->kind,
        .status = told->status,
        .currency = told->currency,
        .amount_minor = told->gross_minor,
        .fee_minor = told->fee_minor,
        .at_us = told->at_us,
        .due_us = side == OURS ? due_of(rows->run, told->at_us) : 0,
        .gateway_id = keep(texts, told->gateway_id),
        .reference = keep(texts, told->reference),
        .original_id = keep(texts, told->original_id),
        .batch = {"", 0}, /* no usual rule asks for it, nor for a description */
        .description = {"", 0},
    };
    g_array_append_val(rows->of[side], row);
}

/* ---- one match ---- */

/* A group that is a break: the first line of ours, or behind all of them the first of theirs. */
#define THEIRS_AFTER (UINT64_C(1) << 62)

struct matching {
    struct files_run *run;
    struct report *report;
    GString *lines; /* of the group at hand */
    bool in_pieces;
    GByteArray *held; /* of the piece at hand: order, count, lines */
    GArray *runs;     /* struct piece_run */
};

static uint64_t order_of(const struct match *match, const struct match_group *group) {
    const struct match_row *rows = match->rows[group->ours > 0 ? OURS : THEIRS];
    uint64_t number = (uint64_t)rows[match->members[group->first]].number;
    return group->ours > 0 ? number : THEIRS_AFTER + number;
}

static void tell_group(struct matching *matching, const struct match *match,
                       const struct match_options *options, const struct match_group *group) {
    if (match_class_risk(group->class) == RISK_NONE) {
        return;
    }
    matching->run->figures->breaks++;
    g_string_truncate(matching->lines, 0);
    report_group(matching->run, match, options, group, matching->lines);
    if (!matching->in_pieces) {
        report_breaks(matching->report, matching->lines->str, matching->lines->len);
        return;
    }
    const uint64_t head[] = {order_of(match, group), matching->lines->len};
    g_byte_array_append(matching->held, (const guint8 *)head, sizeof head);
    g_byte_array_append(matching->held, (const guint8 *)matching->lines->str,
                        (guint)matching->lines->len);
}

static int match_rows(struct matching *matching, const struct rows *rows, struct err *err) {
    struct match_options options;
    struct match *match = NULL;
    struct files_run *run = matching->run;
    files_options(run, &options);
    int rc = match_run((const struct match_row *)(void *)rows->of[OURS]->data, rows->of[OURS]->len,
                       (const struct match_row *)(void *)rows->of[THEIRS]->data,
                       rows->of[THEIRS]->len, &options, &match, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < match->group_count; i++) {
        tell_group(matching, match, &options, &match->groups[i]);
    }
    for (size_t i = 0; i < match->sum_count && rc == 0; i++) {
        if (!sums_add(run->sums, &match->sums[i])) {
            rc = err_set(err, ERR_AMOUNT, "the sums in %s are beyond what is ever added up",
                         match->sums[i].currency.code);
        }
    }
    match_free(match);
    for (int i = 0; i < MATCH_SIDES; i++) {
        run->figures->rest[i] += rows->of[i]->len;
    }
    run->figures->pieces++;
    return rc;
}

/* ---- at once ---- */

static uint64_t all_open(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed);
}

static int keep_row(void *ctx, const struct side *side, uint32_t row,
                    const struct statement_row *told, struct err *err) {
    add_row(ctx, side->which, told);
    (void)row;
    (void)err;
    return 0;
}

/* What the tasks of this file share. */
struct rest {
    struct rows rows;
    struct matching matching;
    struct parts_writer writer[MATCH_SIDES];
    int pieces; /* a power of two */
};

static int collect_side(struct files_run *run, int number, struct err *err) {
    return side_sweep(&run->sides[number], all_open, keep_row, &run->rest->rows, err);
}

static int match_once(struct files_run *run, int number, struct err *err) {
    (void)number;
    return match_rows(&run->rest->matching, &run->rest->rows, err);
}

static int at_once(struct files_run *run, int64_t left, struct err *err) {
    int rc = files_together(run, "reading what is left", left, collect_side, MATCH_SIDES, err);
    return rc < 0 ? rc : files_together(run, "matching what is left", left, match_once, 1, err);
}

/* ---- in pieces ---- */

/* Rows that a rule by key takes stand by that key; what an id has settled and a reference asks
 * about once more is in the first piece, with what asks; all others stand by what they are of. */
static uint32_t piece_of(const struct rest *rest, const struct files_run *run,
                         const struct side *side, uint32_t row, const struct statement_row *told) {
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
    } else if (side->which == THEIRS && run->found.slots != NULL && told->reference[0] != '\0' &&
               hashset_has(&run->found, key_hash(told->reference, strlen(told->reference)))) {
        return 0;
    }
    return rowset_has(&side->linked, row)
               ? 0
               : (uint32_t)XXH3_64bits_withSeed(key, bytes, seed) & (uint32_t)(rest->pieces - 1);
}

static int put_row(void *ctx, const struct side *side, uint32_t row,
                   const struct statement_row *told, struct err *err) {
    struct files_run *run = ctx;
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    return parts_put_row(&run->rest->writer[side->which],
                         (int)piece_of(run->rest, run, side, row, told), row, err);
}

static int cut_side(struct files_run *run, int number, struct err *err) {
    struct parts_writer *writer = &run->rest->writer[number];
    parts_writer_init(writer, &run->parts, (enum match_side)number);
    int rc = side_sweep(&run->sides[number], all_open, put_row, run, err);
    parts_writer_end(writer);
    return rc;
}

/* Where the lines of a piece are, and how far they are read. */
struct piece_run {
    int64_t at, end; /* in the spill */
    GByteArray *held;
    size_t used;
    uint64_t order;
};

static int end_piece(struct matching *matching, struct err *err) {
    struct files_run *run = matching->run;
    GByteArray *held = matching->held;
    struct piece_run piece = {0};
    int rc = run->spill != NULL ? 0 : spill_open(run->parts.folder, &run->spill, err);
    rc = rc < 0 || held->len == 0 ? rc
                                  : spill_append(run->spill, held->data, held->len, &piece.at, err);
    piece.end = piece.at + held->len;
    g_array_append_val(matching->runs, piece);
    g_byte_array_set_size(held, 0);
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
                    add_row(rows, (enum match_side)i, &told);
                }
                at += ref_bytes(ref, run->parts.shape.words);
            }
        }
        side_forget(&run->sides[i], 0, run->sides[i].count);
    }
    return rc;
}

static int match_piece(struct files_run *run, int number, struct side_records *records,
                       struct map_text *text, struct err *err) {
    int64_t refs = run->parts.of[OURS][number].refs + run->parts.of[THEIRS][number].refs;
    struct rows rows;
    if (refs == 0) {
        return 0;
    }
    if (run->request->piece_rows == 0 && refs > files_rest_fits(run)) {
        err_set(err, ERR_TOO_LARGE,
                "%lld rows that nothing tells apart do not fit into memory at once",
                (long long)refs);
        return err_hint(err, "Allow more memory, and see whether these files belong together.");
    }
    rows_init(&rows, run);
    int rc = read_piece(run, number, records, text, &rows, err);
    rc = rc < 0 ? rc : match_rows(&run->rest->matching, &rows, err);
    rc = rc < 0 ? rc : end_piece(&run->rest->matching, err);
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
    int rc = run_hold(run, piece, 2 * sizeof(uint64_t), &held, err);
    piece->order = UINT64_MAX;
    if (rc == 0 && held > 0) {
        memcpy(&piece->order, piece->held->data + piece->used, sizeof piece->order);
    }
    return rc;
}

static int run_pass(const struct files_run *run, struct piece_run *piece, struct report *report,
                    struct err *err) {
    uint64_t head[2];
    size_t held = 0;
    memcpy(head, piece->held->data + piece->used, sizeof head);
    int rc = run_hold(run, piece, sizeof head + head[1], &held, err);
    if (rc < 0) {
        return rc;
    }
    report_breaks(report, (const char *)piece->held->data + piece->used + sizeof head, head[1]);
    piece->used += sizeof head + head[1];
    return run_head(run, piece, err);
}

/* The run at `at` sinks to where it belongs: a heap by order. */
static void sink(struct piece_run **heap, size_t count, size_t at) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1]->order < heap[child]->order;
        if (heap[at]->order <= heap[child]->order) {
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
    while (rc == 0 && count > 0 && heap[0]->order != UINT64_MAX) {
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

static int in_pieces(struct files_run *run, int64_t left, struct err *err) {
    const struct files_request *request = run->request;
    int64_t fits = files_rest_fits(run);
    int pieces = 2;
    while (pieces < PIECES_MAX && pieces < 2 * left / fits) {
        pieces *= 2;
    }
    run->rest->pieces = pieces;
    run->rest->matching.in_pieces = true;
    uint32_t chunk = request->chunk_bytes > 0 ? (uint32_t)request->chunk_bytes : PIECE_CHUNK_BYTES;
    parts_init(&run->parts, pieces, chunk, run->memory_bytes / 8, NULL, &run->spill,
               request->spill != NULL ? request->spill : request->report);
    int rc = files_together(run, "reading what is left", left, cut_side, MATCH_SIDES, err);
    rc = rc < 0 ? rc : files_together(run, "matching what is left", left, match_pieces, 1, err);
    rc = rc < 0 ? rc : files_together(run, "writing", left, merge_pieces, 1, err);
    parts_release(&run->parts);
    return rc;
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
    int rc = left <= files_rest_fits(run) ? at_once(run, left, err) : in_pieces(run, left, err);
    run->rest = NULL;
    g_string_free(rest->matching.lines, true);
    g_byte_array_free(rest->matching.held, true);
    g_array_free(rest->matching.runs, true);
    rows_release(&rest->rows);
    g_free(rest);
    return rc;
}
