/* SPDX-License-Identifier: Apache-2.0
 * files_side.c: one side's file as rows by number. Each 64th row is in an index, so that any row is
 * found by reading at most 63 others before it; a set of rows has a word for as many. */
#include <string.h>

#include "base/text.h"
#include "match/files/files_impl.h"
#include "statement/seems.h"
#include "statement/unwrap.h"

enum { INDEX_BEGIN = 1024, FORGET_BYTES = 8 * 1024 * 1024 };

/* ---- sets of rows ---- */

void rowset_init(struct rowset *set) {
    *set = (struct rowset){0};
}

void rowset_release(struct rowset *set) {
    g_free((void *)set->words);
    *set = (struct rowset){0};
}

void rowset_grow(struct rowset *set, uint32_t rows) {
    size_t words = ((size_t)rows + 63) / 64;
    if (words <= set->words_max) {
        return;
    }
    words = MAX(words, set->words_max * 2);
    set->words = g_renew(_Atomic uint64_t, set->words, words);
    memset((void *)(set->words + set->words_max), 0, (words - set->words_max) * sizeof *set->words);
    set->words_max = words;
}

void rowset_empty(struct rowset *set) {
    for (size_t i = 0; i < set->words_max; i++) {
        atomic_store_explicit(&set->words[i], 0, memory_order_relaxed);
    }
}

int64_t rowset_count(const struct rowset *set, uint32_t rows) {
    int64_t count = 0;
    for (size_t i = 0; i < ((size_t)rows + 63) / 64; i++) {
        count += __builtin_popcountll(atomic_load_explicit(&set->words[i], memory_order_relaxed));
    }
    return count;
}

/* ---- records ---- */

/* Comments are lines, not records: a quote in one opens nothing. */
static void pass_comments(const struct side *side, struct csv *csv) {
    size_t length = side->shape.comment != NULL ? strlen(side->shape.comment) : 0;
    while (length > 0 && csv->at < csv->end) {
        const char *at = csv->at;
        bool is_empty = *at == '\n' || (*at == '\r' && at + 1 < csv->end && at[1] == '\n');
        bool is_comment = (size_t)(csv->end - at) >= length &&
                          memcmp(at, side->shape.comment, length) == 0;
        if (!is_empty && !is_comment) {
            return;
        }
        const char *newline = memchr(at, '\n', (size_t)(csv->end - at));
        csv->at = newline != NULL ? newline + 1 : csv->end;
        csv->line++;
    }
}

static bool is_footer(const struct side *side, const struct csv_field *first) {
    size_t length = strlen(side->shape.footer);
    const char *at = first->bytes, *end = at + first->count;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return length > 0 && (size_t)(end - at) >= length &&
           memcmp(at, side->shape.footer, length) == 0;
}

enum csv_result side_next(struct side_records *records) {
    const struct side *side = records->side;
    if (records->ended) {
        return CSV_END;
    }
    if (side->shape.comment != NULL) {
        pass_comments(side, &records->csv);
    }
    enum csv_result result = csv_next(&records->csv, records->fields, CSV_FIELDS_MAX,
                                      &records->count, &records->line, &records->why);
    if (result == CSV_RECORD && side->shape.footer != NULL &&
        is_footer(side, &records->fields[0])) {
        records->ended = true;
        return CSV_END;
    }
    return result;
}

static void begin_at(const struct side *side, struct side_records *records, size_t at,
                     int64_t line) {
    records->side = side;
    records->ended = false;
    records->csv = (struct csv){
        .at = side->bytes + at,
        .end = side->bytes + side->count,
        .line = line,
        .delimiter = side->shape.delimiter,
        .quote = side->shape.quote,
    };
}

void side_records_begin(const struct side *side, struct side_records *records) {
    begin_at(side, records, side->begin, side->begin_line);
}

void side_records_at(const struct side *side, struct side_records *records, size_t mark) {
    begin_at(side, records, side->index[mark].at, side->index[mark].line);
}

void side_mark_row(struct side *side, const struct side_records *before) {
    size_t mark = side->rows / INDEX_ROWS;
    if (mark == side->index_max) {
        side->index_max = MAX(side->index_max * 2, (size_t)INDEX_BEGIN);
        side->index = g_renew(struct side_mark, side->index, side->index_max);
    }
    side->index[mark] = (struct side_mark){(uint64_t)(before->csv.at - side->bytes),
                                           before->csv.line,
                                           {0}};
}

void side_mark_steps(struct side *side, const struct csv_alike *alike) {
    struct side_mark *mark = &side->index[(side->rows - 1) / INDEX_ROWS];
    for (size_t i = 0; i < COUNT_OF(mark->steps); i++) {
        uint32_t step = alike->ends[(i + 1) * STEP_ROWS * (size_t)alike->fields - 1] + 1;
        mark->steps[i] = step <= UINT16_MAX ? (uint16_t)step : 0;
    }
}

void side_forget(const struct side *side, size_t from, size_t until) {
    mapped_forget(side->told != NULL ? side->told : side->file, from, until);
}

/* ---- opening ---- */

void side_tell(struct side *side, enum statement_problem problem, int64_t line, const char *text) {
    struct files_problem told = {.side = side->which, .problem = problem, .line = line};
    side->problem_count++;
    if (side->problems->len < PROBLEMS_KEPT) {
        text_shown(text, strlen(text), told.text, sizeof told.text);
        g_array_append_val(side->problems, told);
    }
}

/* Where the file says of which time it is. */
static int bind_period(struct side *side, const struct side_records *records, bool has_header,
                       struct err *err) {
    int64_t from_us = 0;
    bool by_columns = side->shape.header && has_header;
    side->period_columns[0] = side->period_columns[1] = -1;
    if (!side->asks_until || side->lines != NULL) {
        return 0; /* a reader has told it already */
    }
    int rc = csv_map_period_of_name(side->map, side->source->path, &from_us, &side->until_us, err);
    if (rc < 0) {
        return err_hint(err, "Give the file its name again, or say --told-until TIME.");
    }
    rc = by_columns ? csv_map_period_bind(side->map, records->fields, records->count,
                                          side->period_columns, err)
                    : 0;
    return rc < 0 ? rc : 0;
}

int side_bind(struct side *side, struct err *err) {
    struct side_records *records = g_new0(struct side_records, 1);
    csv_open(&records->csv, side->bytes, side->count, side->shape.delimiter, side->shape.quote);
    records->side = side;
    for (int i = 0; i < side->shape.skip_lines && records->csv.at < records->csv.end; i++) {
        const char *newline = memchr(records->csv.at, '\n',
                                     (size_t)(records->csv.end - records->csv.at));
        records->csv.at = newline != NULL ? newline + 1 : records->csv.end;
        records->csv.line++;
    }
    struct csv before = records->csv;
    enum csv_result first = side_next(records);
    int rc = 0;
    char hint[SEEMS_CHARS_MAX + 1];
    if (first != CSV_RECORD && side->shape.header) {
        rc = err_set(err, ERR_VALIDATION, "%s has no header", side->source->path);
    } else {
        rc = csv_map_bind(side->map, side->shape.header ? records->fields : NULL,
                          first == CSV_RECORD ? records->count : 0, &side->binding, err);
        rc = rc < 0 ? rc : bind_period(side, records, first == CSV_RECORD, err);
        if (rc < 0 && err != NULL) {
            (void)err_place(err, "%.90s:%lld", side->source->path, (long long)records->line);
        }
    }
    if (rc < 0 && seems(side->bytes, side->count, side->shape.delimiter, side->shape.charset,
                        hint)[0] != '\0') {
        (void)err_hint(err, "%s", hint);
    }
    struct csv *at = side->shape.header ? &records->csv : &before;
    side->begin = (size_t)(at->at - side->bytes);
    side->begin_line = at->line;
    g_free(records);
    return rc;
}

int side_open(struct side *side, enum match_side which, const struct files_side *source,
              struct err *err) {
    side->which = which;
    side->source = source;
    side->map = source->map;
    if (source->map != NULL) {
        side->shape = csv_map_shape(source->map);
    }
    side->problems = g_array_new(false, true, sizeof(struct files_problem));
    side->loose = g_array_new(false, false, sizeof(uint32_t));
    int rc = mapped_open(source->path, &side->file, err);
    if (rc < 0) {
        return rc;
    }
    side->bytes = mapped_bytes(side->file);
    side->count = mapped_count(side->file);
    bool told = side->source->reader != NULL || side->shape.charset != NULL || side->shape.totals ||
                statement_is_packed(side->bytes, side->count);
    return told ? 0 : side_bind(side, err);
}

void side_close(struct side *side) {
    mapped_close(side->file);
    mapped_close(side->told);
    spill_close(side->rows_told);
    if (side->lines != NULL) {
        g_array_free(side->lines, true);
    }
    g_free(side->index);
    rowset_release(&side->open);
    rowset_release(&side->by_id);
    rowset_release(&side->by_reference);
    rowset_release(&side->linked);
    rowset_release(&side->picked);
    if (side->problems != NULL) {
        g_array_free(side->problems, true);
        g_array_free(side->loose, true);
    }
    *side = (struct side){0};
}

/* ---- rows again ---- */

/* What was read once without a problem; nothing else may be there now. */
static int read_again(struct side_records *records, struct map_text *text,
                      struct statement_row *ret_row, struct err *err) {
    enum statement_problem problem = PROBLEM_BAD_ROW;
    if (csv_map_row(&records->side->binding, records->fields, records->count, records->line, text,
                    ret_row, &problem, NULL) < 0) {
        return err_set(err, ERR_IO, "%s was changed while it was read",
                       records->side->source->path);
    }
    return 0;
}

/* The last of the next `count` records is the one at hand. */
static int pass_records(struct side_records *records, int count, struct err *err) {
    const struct side *side = records->side;
    bool are_all = side->shape.comment == NULL && side->shape.footer == NULL;
    bool there = !are_all || csv_pass(&records->csv, count - 1, records->fields, CSV_FIELDS_MAX);
    for (int i = are_all ? count - 1 : 0; i < count && there; i++) {
        there = side_next(records) == CSV_RECORD;
    }
    return there ? 0 : err_set(err, ERR_IO, "%s was changed while it was read", side->source->path);
}

/* So many rows of this mark have been passed, and so many are to be: those of a step at once. */
static int pass_steps(const struct side *side, struct side_records *records, size_t number,
                      int passed, int wanted, struct err *err) {
    const struct side_mark *mark = &side->index[number];
    int step = wanted / STEP_ROWS;
    if (step * STEP_ROWS > passed && mark->steps[step - 1] != 0) {
        passed = step * STEP_ROWS;
        begin_at(side, records, mark->at + mark->steps[step - 1], mark->line + passed);
    }
    return pass_records(records, wanted + 1 - passed, err);
}

int side_row(const struct side *side, uint32_t row, struct side_records *records,
             struct map_text *text, struct statement_row *ret_row, struct err *err) {
    side_records_at(side, records, row / INDEX_ROWS);
    int rc = pass_steps(side, records, row / INDEX_ROWS, 0, (int)(row % INDEX_ROWS), err);
    return rc < 0 ? rc : read_again(records, text, ret_row, err);
}

static int sweep_word(const struct side *side, size_t word, uint64_t wanted,
                      struct side_records *records, struct map_text *text, side_visit *visit,
                      void *ctx, struct err *err) {
    struct statement_row told;
    int passed = 0, rc = 0;
    side_records_at(side, records, word);
    for (; wanted != 0 && rc == 0; wanted &= wanted - 1) {
        int bit = __builtin_ctzll(wanted);
        rc = pass_steps(side, records, word, passed, bit, err);
        passed = bit + 1;
        rc = rc < 0 ? rc : read_again(records, text, &told, err);
        rc = rc < 0 ? rc : visit(ctx, side, (uint32_t)(word * 64 + (size_t)bit), &told, err);
    }
    return rc;
}

int side_sweep(struct side *side, side_wanted *wanted, side_visit *visit, void *ctx,
               struct err *err) {
    struct side_records *records = g_new0(struct side_records, 1);
    struct map_text *text = g_new0(struct map_text, 1);
    size_t forgotten = 0;
    int rc = 0;
    for (size_t word = 0; word < ((size_t)side->rows + 63) / 64 && rc == 0; word++) {
        uint64_t some = wanted(side, word);
        if (some == 0) {
            continue;
        }
        rc = sweep_word(side, word, some, records, text, visit, ctx, err);
        size_t at = (size_t)(records->csv.at - side->bytes);
        if (at - forgotten > FORGET_BYTES) {
            side_forget(side, forgotten, at);
            forgotten = at;
        }
        if (atomic_load_explicit(side->stop, memory_order_relaxed)) {
            rc = err_set(err, ERR_GONE, "it was ended before it was done");
        }
    }
    side_forget(side, forgotten, side->count);
    g_free(records);
    g_free(text);
    return rc;
}
