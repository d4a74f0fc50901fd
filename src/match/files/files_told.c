/* SPDX-License-Identifier: Apache-2.0
 * files_told.c: a file that only a reader can read, a packed one, one in another charset: what the
 * reader tells is written as rows of our own (csv_map_canonical()) into a file without a name, and
 * that is what the pipeline reads. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "match/files/files_impl.h"
#include "statement/unwrap.h"

enum { HELD_BYTES = 256 * 1024, ROW_BYTES_MAX = 8 * 1024, FIRST_ROW_LINE = 2 };

static const char HEAD[] = "gateway_id,reference,original_id,original_reference,batch,kind,status,"
                           "currency,gross,fee,net,time,method,description\n";

struct telling {
    struct side *side;
    /* For the progress, in the bytes of the file as it came: what the files before this one were,
     * what this one is, and how many lines it has. */
    int64_t before, bytes, lines;
    bool by_map; /* a file that a map describes, or our own format */
    struct buf held;
};

static int let_go(struct telling *telling, struct err *err) {
    int64_t at = 0;
    int rc = telling->held.len == 0 ? 0
                                    : spill_append(telling->side->rows_told, telling->held.data,
                                                   telling->held.len, &at, err);
    buf_clear(&telling->held);
    return rc;
}

static void add_text(struct buf *buf, const char *text) {
    buf_add_char(buf, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') {
            buf_add_char(buf, '"');
        }
        buf_add_char(buf, *at);
    }
    buf_add_text(buf, "\",");
}

static void add_amount(struct buf *buf, int64_t amount_minor) {
    if (amount_minor != AMOUNT_UNSAID) {
        buf_add_int(buf, amount_minor);
    }
    buf_add_char(buf, ',');
}

static int take_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct telling *telling = ctx;
    struct buf *buf = &telling->held;
    char time[CLOCK_TEXT_MAX];
    const char *const ids[] = {row->gateway_id, row->reference, row->original_id,
                               row->original_reference, row->batch};
    if (atomic_load_explicit(telling->side->stop, memory_order_relaxed)) {
        return err_set(err, ERR_GONE, "it was ended before it was done");
    }
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        add_text(buf, ids[i]);
    }
    buf_addf(buf, "%s,%s,%s,", row_kind_name(row->kind), row_status_name(row->status),
             row->currency.code);
    add_amount(buf, row->gross_minor);
    add_amount(buf, row->fee_minor);
    /* What the balance changed by was the reader's to check. */
    buf_addf(buf, ",%s,,", clock_format(row->at_us, time));
    add_text(buf, row->description); /* a bank's line may name a batch there */
    buf->data[buf->len - 1] = '\n';
    g_array_append_val(telling->side->lines, row->line);
    if (telling->lines > 1) {
        __int128 done = (__int128)telling->bytes * MIN(row->line, telling->lines) / telling->lines;
        atomic_store_explicit(&telling->side->done, telling->before + (int64_t)done,
                              memory_order_relaxed);
    }
    return buf->len + ROW_BYTES_MAX > HELD_BYTES ? let_go(telling, err) : 0;
}

static void take_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct telling *telling = ctx;
    /* Of a file that is compared, a row that is there twice is what is looked for: each takes part,
     * as in a file that needs no reader, and one of them is a break (docs/reconciliation.md). */
    if (problem != PROBLEM_REPEATED || !telling->by_map) {
        side_tell(telling->side, problem, line, text);
    }
}

static int read_file(struct telling *telling, const struct unwrapped_file *file, struct err *err) {
    const struct files_side *source = telling->side->source;
    const struct statement_reader *by_map = statement_reader_find("csv");
    const struct statement_reader *reader = source->reader != NULL ? source->reader : by_map;
    INVARIANT(reader != NULL, "the reader of files with a map is always there");
    telling->by_map = reader == by_map || reader == statement_reader_find("canonical");
    const struct statement_sink sink = {telling, take_row, take_problem};
    const struct statement_source from = {
        .name = file->name,
        .bytes = file->bytes,
        .count = file->count,
        .map = source->map,
        .time_zone = source->time_zone,
    };
    struct statement_head *head = g_new0(struct statement_head, 1);
    int64_t problems = telling->side->problem_count;
    int rc = reader->read(&from, &sink, head, err);
    telling->side->until_us = MAX(telling->side->until_us, head->until_us);
    g_free(head);
    /* What cannot be walked at all was told as a problem, too. */
    return rc < 0 && telling->side->problem_count > problems ? 0 : rc;
}

static int64_t count_lines(const char *bytes, size_t count) {
    int64_t lines = 0;
    for (const char *at = bytes, *end = bytes + count; at < end; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL ? newline + 1 : end;
    }
    return lines;
}

static int read_files(struct telling *telling, struct err *err) {
    struct side *side = telling->side;
    UNWRAPPED_AUTO files = {0};
    if (side->count > STATEMENT_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%s is larger than a statement that a reader reads",
                       side->source->path);
    }
    int rc = statement_unwrap(side->source->path, side->bytes, side->count, &files, err);
    size_t all = 1;
    for (int i = 0; i < files.count && rc == 0; i++) {
        all += files.files[i].count;
    }
    for (int i = 0; i < files.count && rc == 0; i++) {
        const struct unwrapped_file *file = &files.files[i];
        telling->before += telling->bytes;
        telling->bytes = (int64_t)((__int128)side->count * file->count / all);
        telling->lines = count_lines(file->bytes, file->count);
        rc = read_file(telling, file, err);
    }
    return rc < 0 ? rc : let_go(telling, err);
}

int side_told(struct side *side, const char *folder, struct err *err) {
    struct telling telling = {.side = side};
    side->lines = g_array_new(false, false, sizeof(int64_t));
    int rc = spill_open(folder, &side->rows_told, err);
    if (rc < 0) {
        return rc;
    }
    buf_init(&telling.held, HELD_BYTES);
    buf_add_text(&telling.held, HEAD);
    rc = read_files(&telling, err);
    buf_release(&telling.held);
    rc = rc < 0 ? rc : spill_map(side->rows_told, side->source->path, &side->told, err);
    if (rc < 0) {
        return rc;
    }
    atomic_store(&side->done, 0);
    side->bytes = mapped_bytes(side->told);
    side->count = mapped_count(side->told);
    side->map = csv_map_canonical();
    side->shape = csv_map_shape(side->map);
    return side_bind(side, err);
}

int64_t side_line(const struct side *side, int64_t line) {
    size_t at = (size_t)(line - FIRST_ROW_LINE);
    return side->lines != NULL && line >= FIRST_ROW_LINE && at < side->lines->len
               ? g_array_index(side->lines, int64_t, at)
               : line;
}
