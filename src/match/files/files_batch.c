/* SPDX-License-Identifier: Apache-2.0
 * files_batch.c: rows of ours that a row of theirs paid out together (BATCH of match/match.h),
 * where the rest does not fit into memory. All names of batches, and all texts of theirs that may
 * be such, are put into partitions by what they say; one partition after the other tells
 *
 *   which texts name a batch of ours, and so at which stage a row of theirs names any (`named`);
 *   whether it names one at that stage, or several (`once`, `several`): then it names none;
 *   and which batches are named so: their rows, on both sides, go to match_run() as a whole.
 *
 * What the rule takes is done with; all else stays open for the rules behind it. */
#include <string.h>
#include <xxhash.h>

#include "match/files/files_impl.h"

enum {
    CHUNK_BYTES = 8 * 1024,
    PART_TEXTS = 64 * 1024,
    SLOTS_LEAST = 64,
    TEXTS_KEPT = 2 * ROW_TEXT_CHARS_MAX,
};
#define NO_BATCH UINT32_MAX
#define NO_LOAD UINT32_MAX

/* ---- the batches of one partition ---- */

struct batch {
    uint64_t hash;
    size_t at; /* of its name, in bytes */
    uint32_t count;
    int64_t rows; /* of both sides */
    bool named;
    uint32_t load; /* with which others it is matched */
};
struct batches {
    GArray *all; /* struct batch */
    GByteArray *bytes;
    uint32_t *slots; /* NO_BATCH: free */
    size_t slot_count;
};

static void batches_init(struct batches *batches) {
    *batches = (struct batches){
        .all = g_array_new(false, false, sizeof(struct batch)),
        .bytes = g_byte_array_new(),
        .slots = g_new(uint32_t, SLOTS_LEAST),
        .slot_count = SLOTS_LEAST,
    };
    memset(batches->slots, 0xFF, SLOTS_LEAST * sizeof *batches->slots);
}

static void batches_clear(struct batches *batches) {
    g_array_set_size(batches->all, 0);
    g_byte_array_set_size(batches->bytes, 0);
    memset(batches->slots, 0xFF, batches->slot_count * sizeof *batches->slots);
}

static void batches_release(struct batches *batches) {
    g_array_free(batches->all, true);
    g_byte_array_free(batches->bytes, true);
    g_free(batches->slots);
}

static struct batch *batch_at(const struct batches *batches, uint32_t number) {
    return &g_array_index(batches->all, struct batch, number);
}

/* The slot of this name, or the free one where it belongs. */
static size_t slot_of(const struct batches *batches, uint64_t hash, const char *name,
                      uint32_t count) {
    size_t mask = batches->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        if (batches->slots[i] == NO_BATCH) {
            return i;
        }
        const struct batch *batch = batch_at(batches, batches->slots[i]);
        if (batch->hash == hash && batch->count == count &&
            memcmp(batches->bytes->data + batch->at, name, count) == 0) {
            return i;
        }
    }
}

static void batches_grow(struct batches *batches) {
    batches->slot_count *= 2;
    batches->slots = g_renew(uint32_t, batches->slots, batches->slot_count);
    memset(batches->slots, 0xFF, batches->slot_count * sizeof *batches->slots);
    for (guint i = 0; i < batches->all->len; i++) {
        const struct batch *batch = batch_at(batches, i);
        size_t slot = slot_of(batches, batch->hash,
                              (const char *)batches->bytes->data + batch->at, batch->count);
        batches->slots[slot] = i;
    }
}

static uint32_t batches_add(struct batches *batches, const char *name, uint32_t count) {
    uint64_t hash = XXH3_64bits(name, count);
    size_t slot = slot_of(batches, hash, name, count);
    if (batches->slots[slot] == NO_BATCH) {
        struct batch batch = {.hash = hash, .at = batches->bytes->len, .count = count};
        batches->slots[slot] = batches->all->len;
        g_array_append_val(batches->all, batch);
        g_byte_array_append(batches->bytes, (const guint8 *)name, count);
        if ((size_t)batches->all->len * 2 > batches->slot_count) {
            batches_grow(batches);
        }
        return batches->all->len - 1;
    }
    return batches->slots[slot];
}

static uint32_t batches_find(const struct batches *batches, const char *name, uint32_t count) {
    return batches->slots[slot_of(batches, XXH3_64bits(name, count), name, count)];
}

/* ---- all texts, by what they say ---- */

struct batching {
    struct files_run *run;
    struct parts parts;
    struct parts_writer writer[MATCH_SIDES];
    struct rowset named[MATCH_BATCH_STAGES], once, several; /* of rows of theirs */
    struct batches batches;
    char *room;
};

/* The texts of one row, each once a stage. */
struct row_texts {
    struct batching *batching;
    uint32_t row;
    int count, rc;
    struct {
        int stage;
        struct match_text text;
    } kept[TEXTS_KEPT];
    struct err *err;
};

static int put_text(struct batching *batching, enum match_side side, uint32_t row, int stage,
                    struct match_text text, struct err *err) {
    const struct quick_row quick = {
        .amount_minor = stage,
        .fee_minor = AMOUNT_UNSAID,
        .face = (uint32_t)ROW_CHARGE | (uint32_t)ROW_DONE << STATUS_SHIFT,
        .key = text.bytes,
        .key_bytes = text.count,
    };
    return parts_add(&batching->writer[side], &quick, row, err);
}

/* What is longer than any name of a batch names none. */
static void keep_text(void *ctx, int stage, struct match_text text) {
    struct row_texts *texts = ctx;
    if (text.count == 0 || text.count > ROW_ID_CHARS_MAX || texts->rc < 0) {
        return;
    }
    for (int i = 0; i < texts->count; i++) {
        if (texts->kept[i].stage == stage && texts->kept[i].text.count == text.count &&
            memcmp(texts->kept[i].text.bytes, text.bytes, text.count) == 0) {
            return;
        }
    }
    INVARIANT(texts->count < TEXTS_KEPT, "a description has no more words and parts than that");
    texts->kept[texts->count].stage = stage;
    texts->kept[texts->count++].text = text;
    texts->rc = put_text(texts->batching, THEIRS, texts->row, stage, text, texts->err);
}

static struct match_text text_of(const char *text) {
    return (struct match_text){text, (uint32_t)strlen(text)};
}

static int put_row(void *ctx, const struct side *side, uint32_t row,
                   const struct statement_row *told, struct err *err) {
    struct batching *batching = ctx;
    atomic_fetch_add_explicit(&batching->run->done, 1, memory_order_relaxed);
    if (side->which == OURS) {
        bool counts = told->status == ROW_DONE && told->batch[0] != '\0';
        return counts ? put_text(batching, OURS, row, 0, text_of(told->batch), err) : 0;
    }
    if (row_kind_family(told->kind) != FAMILY_BANK) {
        return 0;
    }
    const struct match_row theirs = {.reference = text_of(told->reference),
                                     .batch = text_of(told->batch),
                                     .description = text_of(told->description)};
    struct row_texts *texts = g_new(struct row_texts, 1);
    *texts = (struct row_texts){.batching = batching, .row = row, .err = err};
    match_batch_names(&theirs, keep_text, texts);
    int rc = texts->rc;
    g_free(texts);
    return rc;
}

static int put_side(struct files_run *run, int number, struct err *err) {
    struct batching *batching = run->rest->batching;
    parts_writer_init(&batching->writer[number], &batching->parts, (enum match_side)number);
    int rc = side_sweep(&run->sides[number], side_keyless, put_row, batching, err);
    parts_writer_end(&batching->writer[number]);
    return rc;
}

/* ---- walking over a partition ---- */

struct text_seen {
    uint32_t row;
    int stage; /* of theirs */
    const char *bytes;
    uint32_t count;
};
typedef void see_text(struct batching *batching, const struct text_seen *seen);

static int each_text(struct batching *batching, enum match_side side, int number, see_text *see,
                     struct err *err) {
    const struct chunk *chunk = batching->parts.of[side][number].first;
    int key_words = batching->parts.shape.words;
    for (; chunk != NULL; chunk = chunk->next) {
        const char *refs = NULL;
        int rc = chunk_refs(&batching->parts, chunk, batching->room, &refs, err);
        if (rc < 0) {
            return rc;
        }
        uint32_t row = chunk->row;
        for (uint32_t at = 0; at < chunk->used;) {
            const struct ref *ref = (const struct ref *)(const void *)(refs + at);
            struct ref_told told;
            struct text_seen seen = {.bytes = ref_raw(ref, key_words, &seen.count)};
            row = ref_row(ref, key_words, row);
            ref_tell(ref, key_words, &told);
            seen.row = row;
            seen.stage = (int)told.amount_minor;
            see(batching, &seen);
            at += ref_bytes(ref, key_words);
        }
    }
    return 0;
}

static void add_batch(struct batching *batching, const struct text_seen *seen) {
    uint32_t number = batches_add(&batching->batches, seen->bytes, seen->count);
    batch_at(&batching->batches, number)->rows++;
}

static uint32_t batch_of(const struct batching *batching, const struct text_seen *seen) {
    return batches_find(&batching->batches, seen->bytes, seen->count);
}

static bool is_first_stage(const struct batching *batching, const struct text_seen *seen) {
    bool earlier = false;
    for (int i = 0; i < seen->stage; i++) {
        earlier = earlier || rowset_has(&batching->named[i], seen->row);
    }
    return !earlier;
}

static void note_stage(struct batching *batching, const struct text_seen *seen) {
    if (batch_of(batching, seen) != NO_BATCH) {
        rowset_add(&batching->named[seen->stage], seen->row);
    }
}

static void note_several(struct batching *batching, const struct text_seen *seen) {
    if (batch_of(batching, seen) == NO_BATCH || !is_first_stage(batching, seen)) {
        return;
    }
    rowset_add(rowset_has(&batching->once, seen->row) ? &batching->several : &batching->once,
               seen->row);
}

/* The batch that the row names; NO_BATCH: by this text none. */
static uint32_t named_by(const struct batching *batching, const struct text_seen *seen) {
    bool names = is_first_stage(batching, seen) && !rowset_has(&batching->several, seen->row);
    return names ? batch_of(batching, seen) : NO_BATCH;
}

static void note_named(struct batching *batching, const struct text_seen *seen) {
    uint32_t number = named_by(batching, seen);
    if (number != NO_BATCH) {
        batch_at(&batching->batches, number)->named = true;
        batch_at(&batching->batches, number)->rows++;
    }
}

/* ---- what is matched together ---- */

static uint32_t load_at_hand(const struct batching *batching) {
    return batching->run->rest->load;
}

static void pick_ours(struct batching *batching, const struct text_seen *seen) {
    uint32_t number = batch_of(batching, seen);
    if (number != NO_BATCH &&
        batch_at(&batching->batches, number)->load == load_at_hand(batching)) {
        rowset_add(&batching->run->sides[OURS].picked, seen->row);
    }
}

static void pick_theirs(struct batching *batching, const struct text_seen *seen) {
    uint32_t number = named_by(batching, seen);
    if (number != NO_BATCH &&
        batch_at(&batching->batches, number)->load == load_at_hand(batching)) {
        rowset_add(&batching->run->sides[THEIRS].picked, seen->row);
    }
}

static uint64_t is_picked(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->picked.words[word], memory_order_relaxed);
}

/* The rules up to the one by batch: none before it takes any of these. */
static void options_of(const struct files_run *run, struct match_options *ret_options) {
    files_options(run, ret_options);
    while (ret_options->rules[ret_options->rule_count - 1].by != BY_BATCH) {
        ret_options->rule_count--;
    }
}

static int match_load(struct batching *batching, int number, struct err *err) {
    struct files_run *run = batching->run;
    struct matching *matching = &run->rest->matching;
    struct match_options options;
    struct rows rows;
    for (int i = 0; i < MATCH_SIDES; i++) {
        rowset_empty(&run->sides[i].picked);
    }
    int rc = each_text(batching, OURS, number, pick_ours, err);
    rc = rc < 0 ? rc : each_text(batching, THEIRS, number, pick_theirs, err);
    rows_init(&rows, run);
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        rc = side_sweep(&run->sides[i], is_picked, rows_keep, &rows, err);
    }
    options_of(run, &options);
    rc = rc < 0 ? rc : matching_run(matching, &rows, &options, true, err);
    rc = rc < 0 ? rc : piece_end(matching, err);
    rows_release(&rows);
    return rc;
}

/* As many batches together as fit; *ret_loads so many times. */
static int load_batches(struct batching *batching, uint32_t *ret_loads, struct err *err) {
    struct files_run *run = batching->run;
    int64_t fits = files_rest_fits(run), rows = 0;
    *ret_loads = 0;
    for (guint i = 0; i < batching->batches.all->len; i++) {
        struct batch *batch = batch_at(&batching->batches, i);
        batch->load = NO_LOAD;
        if (!batch->named) {
            continue;
        }
        int rc = piece_fits(run, batch->rows, "of one batch", err);
        if (rc < 0) {
            return rc;
        }
        if (*ret_loads == 0 || rows + batch->rows > fits) {
            (*ret_loads)++;
            rows = 0;
        }
        rows += batch->rows;
        batch->load = *ret_loads - 1;
    }
    return 0;
}

/* ---- one partition after the other ---- */

static int know_batches(struct batching *batching, int number, struct err *err) {
    batches_clear(&batching->batches);
    return each_text(batching, OURS, number, add_batch, err);
}

static int note_all(struct batching *batching, see_text *note, struct err *err) {
    int rc = 0;
    for (int i = 0; i < batching->parts.count && rc == 0; i++) {
        if (batching->parts.of[OURS][i].refs == 0 || batching->parts.of[THEIRS][i].refs == 0) {
            continue;
        }
        rc = know_batches(batching, i, err);
        rc = rc < 0 ? rc : each_text(batching, THEIRS, i, note, err);
    }
    return rc;
}

static int match_part(struct batching *batching, int number, struct err *err) {
    uint32_t loads = 0;
    int rc = know_batches(batching, number, err);
    rc = rc < 0 ? rc : each_text(batching, THEIRS, number, note_named, err);
    rc = rc < 0 ? rc : load_batches(batching, &loads, err);
    for (uint32_t i = 0; i < loads && rc == 0; i++) {
        batching->run->rest->load = i;
        rc = match_load(batching, number, err);
    }
    return rc;
}

static int match_parts(struct files_run *run, int number, struct err *err) {
    struct batching *batching = run->rest->batching;
    int rc = note_all(batching, note_stage, err);
    rc = rc < 0 ? rc : note_all(batching, note_several, err);
    for (int i = 0; i < batching->parts.count && rc == 0 && !atomic_load(&run->stop); i++) {
        bool both = batching->parts.of[OURS][i].refs > 0 && batching->parts.of[THEIRS][i].refs > 0;
        rc = both ? match_part(batching, i, err) : 0;
    }
    (void)number;
    return rc;
}

int files_batches(struct files_run *run, int64_t left, struct err *err) {
    const struct files_request *request = run->request;
    struct batching *batching = g_new0(struct batching, 1);
    uint32_t rows = run->sides[THEIRS].rows;
    int count = 2;
    while (count < PARTS_MAX && count < left / PART_TEXTS) {
        count *= 2;
    }
    batching->run = run;
    parts_init(&batching->parts, count,
               request->chunk_bytes > 0 ? (uint32_t)request->chunk_bytes : CHUNK_BYTES,
               run->memory_bytes / 8, NULL, &run->spill, files_spill(run));
    batches_init(&batching->batches);
    batching->room = g_malloc(batching->parts.chunk_bytes);
    for (int i = 0; i < MATCH_BATCH_STAGES; i++) {
        rowset_grow(&batching->named[i], rows);
    }
    rowset_grow(&batching->once, rows);
    rowset_grow(&batching->several, rows);
    for (int i = 0; i < MATCH_SIDES; i++) {
        rowset_grow(&run->sides[i].picked, run->sides[i].rows);
    }
    run->rest->batching = batching;
    int rc = files_together(run, "reading what is left", left, put_side, MATCH_SIDES, err);
    rc = rc < 0 ? rc : files_together(run, "matching batches", left, match_parts, 1, err);
    run->rest->batching = NULL;
    for (int i = 0; i < MATCH_BATCH_STAGES; i++) {
        rowset_release(&batching->named[i]);
    }
    rowset_release(&batching->once);
    rowset_release(&batching->several);
    batches_release(&batching->batches);
    parts_release(&batching->parts);
    g_free(batching->room);
    g_free(batching);
    return rc;
}
