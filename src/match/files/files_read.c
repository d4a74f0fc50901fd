/* SPDX-License-Identifier: Apache-2.0
 * files_read.c: one file into partitions, by the task that has it. In the first pass every row is
 * checked whole; the second goes over what the first left, by the other key. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "match/files/files_impl.h"

enum { FORGET_BYTES = 4 * 1024 * 1024 };

struct reading {
    struct files_run *run;
    struct side *side;
    struct side_records records;
    struct map_text text;
    struct quick quick;
    struct parts_writer writer;
    struct csv_alike alike;
    size_t forgotten;
};

/* The same of a row that was read whole. */
static void quick_from(const struct files_run *run, const struct statement_row *row,
                       struct quick_row *ret_row) {
    bool by_id = run->key == MAP_GATEWAY_ID;
    *ret_row = (struct quick_row){
        .amount_minor = row->gross_minor,
        .fee_minor = row->fee_minor,
        .face = face_of(row->kind, row->status, row->currency),
        .key = by_id ? row->gateway_id : row->reference,
        .other = row->reference,
    };
    ret_row->key_bytes = (uint32_t)strlen(ret_row->key);
    ret_row->other_bytes = by_id && run->links ? (uint32_t)strlen(ret_row->other) : 0;
}

static void let_go(struct reading *reading, bool all) {
    struct side *side = reading->side;
    size_t at = (size_t)(reading->records.csv.at - side->bytes);
    if (all || at - reading->forgotten >= FORGET_BYTES) {
        side_forget(side, reading->forgotten, at);
        reading->forgotten = at;
    }
    atomic_store_explicit(&side->done, (int64_t)at, memory_order_relaxed);
}

/* A row without a key is open: no join will see it. */
static int add_row(struct reading *reading, const struct quick_row *row, uint32_t number,
                   struct err *err) {
    struct side *side = reading->side;
    if (row->key_bytes > 0 && reading->run->key != MAP_ROLE_COUNT) {
        return parts_add(&reading->writer, row, number, err);
    }
    rowset_grow(&side->open, number + 1);
    rowset_add(&side->open, number);
    if (row->other_bytes > 0) {
        uint32_t hash = key_hash(row->other, row->other_bytes);
        g_array_append_val(side->loose, hash);
    }
    return 0;
}

/* Up to when the file tells (files.h, rule 6). */
static void look_until(struct reading *reading, const struct statement_row *row) {
    struct side *side = reading->side;
    const struct side_records *records = &reading->records;
    int64_t now_us = reading->run->request->now_us, from_us = 0, until_us = 0;
    struct err err = {0};
    bool moved = row->status == ROW_DONE && row->kind != ROW_PAYOUT &&
                 row->kind != ROW_PAYOUT_RETURNED && (now_us == 0 || row->at_us <= now_us);
    side->last_us = moved ? MAX(side->last_us, row->at_us) : side->last_us;
    if (!side->asks_until || side->period_columns[0] < 0) {
        return;
    }
    if (csv_map_period_of_row(side->map, side->period_columns, records->fields, records->count,
                              &from_us, &until_us, &err) < 0) {
        side_tell(side, PROBLEM_PERIOD, records->line, err.detail);
    }
    side->until_us = MAX(side->until_us, until_us);
}

static void tell_faults(struct reading *reading) {
    const struct side_records *records = &reading->records;
    struct map_fault faults[MAP_ROW_FAULTS_MAX];
    int count = csv_map_row_faults(&reading->side->binding, records->fields, records->count,
                                   &reading->text, faults);
    for (int i = 0; i < count; i++) {
        side_tell(reading->side, faults[i].problem, records->line, faults[i].text);
    }
}

static int take_row(struct reading *reading, struct err *err) {
    struct side *side = reading->side;
    struct side_records *records = &reading->records;
    struct quick_row quick;
    if (!quick_look(&reading->quick, records, &quick)) {
        struct statement_row row;
        enum statement_problem problem = PROBLEM_BAD_ROW;
        if (csv_map_row(&side->binding, records->fields, records->count, records->line,
                        &reading->text, &row, &problem, NULL) < 0) {
            tell_faults(reading);
            return 0;
        }
        char ahead[ROW_AHEAD_CHARS_MAX + 1];
        int64_t now_us = reading->run->request->now_us;
        if (now_us > 0 && statement_row_ahead(&row, now_us, ahead)) {
            side_tell(side, PROBLEM_PERIOD, records->line, ahead);
            return 0;
        }
        quick_from(reading->run, &row, &quick);
        look_until(reading, &row);
    }
    if (side->rows == UINT32_MAX - 1) {
        return err_set(err, ERR_TOO_LARGE, "%s has more rows than are ever taken",
                       side->source->path);
    }
    /* With one row that cannot be read there is nothing to be matched. */
    int rc = side->problem_count > 0 ? 0 : add_row(reading, &quick, side->rows, err);
    side->rows++;
    return rc;
}

/* Rows as most are, at most up to the next that is marked. What is not alike is left. */
static int take_alike(struct reading *reading, struct err *err) {
    const struct map_shape *shape = &reading->side->shape;
    struct side_records *records = &reading->records;
    struct csv_alike *alike = &reading->alike;
    uint32_t before = reading->side->rows;
    int rc = 0;
    if (shape->comment != NULL || shape->footer != NULL) {
        return 0; /* a record may be something else than a row */
    }
    csv_alike_look(&records->csv, records->count, INDEX_ROWS, alike);
    for (int i = 0; i < alike->records && rc == 0; i++) {
        records->line = records->csv.line;
        csv_alike_take(&records->csv, alike, i, records->fields);
        rc = take_row(reading, err);
    }
    if (rc == 0 && alike->records == INDEX_ROWS && reading->side->rows - before == INDEX_ROWS) {
        side_mark_steps(reading->side, alike);
    }
    return rc;
}

static int read_all(struct reading *reading, struct err *err) {
    struct side *side = reading->side;
    struct side_records *records = &reading->records;
    int rc = 0;
    side_records_begin(side, records);
    reading->forgotten = side->begin;
    for (;;) {
        if (side->rows % INDEX_ROWS == 0) {
            side_mark_row(side, records);
            let_go(reading, false);
            if (atomic_load_explicit(&reading->run->stop, memory_order_relaxed)) {
                return 0;
            }
            uint32_t before = side->rows;
            rc = take_alike(reading, err);
            if (rc < 0) {
                return rc;
            }
            if (side->rows - before == INDEX_ROWS) {
                continue;
            }
        }
        enum csv_result result = side_next(records);
        if (result == CSV_END) {
            break;
        }
        if (result == CSV_BAD) {
            side_tell(side, PROBLEM_BAD_ROW, records->line, records->why);
            continue;
        }
        rc = take_row(reading, err);
        if (rc < 0) {
            return rc;
        }
    }
    let_go(reading, true);
    if (side->shape.footer != NULL && !records->ended) {
        side_tell(side, PROBLEM_CUT, 0, "the file ends without its footer");
    }
    char last = side->count > 0 ? side->bytes[side->count - 1] : '\n';
    if (!side->shape.open_end && !records->ended && last != '\n' && last != '\r') {
        side_tell(side, PROBLEM_CUT, records->line, CSV_TORN);
    }
    records->ended = false;
    if (side->shape.footer != NULL && side_next(records) != CSV_END) {
        side_tell(side, PROBLEM_TRAILING, records->line, "a row follows the footer");
    }
    return 0;
}

/* ---- the second pass ---- */

static uint64_t left_by_ids(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed) &
           ~atomic_load_explicit(&side->by_id.words[word], memory_order_relaxed);
}

static int take_again(void *ctx, const struct side *side, uint32_t row,
                      const struct statement_row *told, struct err *err) {
    struct reading *reading = ctx;
    struct quick_row quick;
    quick_from(reading->run, told, &quick);
    if (quick.key_bytes == 0) {
        return 0;
    }
    rowset_remove(&reading->side->open, row);
    (void)side;
    return parts_add(&reading->writer, &quick, row, err);
}

/* Today as 20261123: what is dated later is read whole. */
static int date_of(int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    int year = 0, month = 0, day = 0;
    (void)clock_format(at_us, text);
    return sscanf(text, "%4d-%2d-%2d", &year, &month, &day) == 3 ? (year * 100 + month) * 100 + day
                                                                 : INT_MAX;
}

int files_read(struct files_run *run, int number, struct err *err) {
    struct reading *reading = g_new0(struct reading, 1);
    reading->run = run;
    reading->side = &run->sides[number];
    quick_init(&reading->quick, &reading->side->binding, run->key, run->links);
    if (reading->side->asks_until && reading->side->until_us == 0) {
        reading->quick.possible = false; /* each row is read whole: its time, or the period */
    }
    if (run->request->now_us > 0) {
        reading->quick.date_last = date_of(run->request->now_us);
    }
    int rc = 0;
    parts_writer_init(&reading->writer, &run->parts, (enum match_side)number);
    if (run->second) {
        rc = side_sweep(reading->side, left_by_ids, take_again, reading, err);
    } else {
        rc = read_all(reading, err);
    }
    parts_writer_end(&reading->writer);
    g_free(reading);
    return rc;
}
