/* SPDX-License-Identifier: Apache-2.0
 * files_rows.c: rows as match_run() has them, and one match of such: its groups into the lists of
 * the report, its classes into the sums. */
#include <string.h>

#include "match/files/files_impl.h"
#include "statement/workdays.h"

enum { TEXT_BLOCK_BYTES = 256 * 1024 };

/* ---- rows as match_run() has them ---- */

void rows_init(struct rows *rows, const struct files_run *run) {
    rows->run = run;
    for (int i = 0; i < MATCH_SIDES; i++) {
        rows->of[i] = g_array_new(false, false, sizeof(struct match_row));
        rows->numbers[i] = g_array_new(false, false, sizeof(uint32_t));
        rows->texts[i] = (struct texts){g_ptr_array_new(), TEXT_BLOCK_BYTES};
    }
}

void rows_release(struct rows *rows) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        g_array_free(rows->of[i], true);
        g_array_free(rows->numbers[i], true);
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
    return run->zone != NULL ? workdays_until(NULL, at_us, run->request->wait_days, run->zone) : 0;
}

void rows_add(struct rows *rows, enum match_side side, uint32_t number,
              const struct statement_row *told) {
    struct texts *texts = &rows->texts[side];
    bool batches = rows->run->by_batch; /* no other rule asks for these two */
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
        .batch = keep(texts, batches ? told->batch : ""),
        .description = keep(texts, batches && side == THEIRS ? told->description : ""),
    };
    g_array_append_val(rows->of[side], row);
    g_array_append_val(rows->numbers[side], number);
}

int rows_keep(void *ctx, const struct side *side, uint32_t row, const struct statement_row *told,
              struct err *err) {
    struct rows *rows = ctx;
    struct files_run *run = (struct files_run *)(uintptr_t)rows->run;
    rows_add(rows, side->which, row, told);
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    (void)err;
    return 0;
}

/* ---- one match ---- */

/* A group is where the first line of ours is, or behind all of them the first of theirs. */
#define THEIRS_AFTER (UINT64_C(1) << 62)

static uint64_t order_of(const struct match *match, const struct match_group *group) {
    const struct match_row *rows = match->rows[group->ours > 0 ? OURS : THEIRS];
    uint64_t number = (uint64_t)rows[match->members[group->first]].number;
    return group->ours > 0 ? number : THEIRS_AFTER + number;
}

/* Breaks, and what is expected, one by one. */
static void list_group(struct matching *matching, const struct match *match,
                       const struct match_options *options, const struct match_group *group) {
    bool expected = group->class == CLASS_EXPECTED;
    if (match_class_risk(group->class) == RISK_NONE && !expected) {
        return;
    }
    struct list_head head = {.list = expected ? LIST_EXPECTED : LIST_BREAKS};
    matching->run->figures->breaks += !expected;
    g_string_truncate(matching->lines, 0);
    report_group(matching->run, match, options, group, matching->lines);
    if (!matching->in_pieces) {
        report_lines(matching->report, head.list, matching->lines->str, matching->lines->len);
        return;
    }
    head.order = order_of(match, group);
    head.bytes = matching->lines->len;
    g_byte_array_append(matching->held, (const guint8 *)&head, sizeof head);
    g_byte_array_append(matching->held, (const guint8 *)matching->lines->str,
                        (guint)matching->lines->len);
}

/* Its rows are done with: nobody else looks at them. */
static int settle(struct files_run *run, const struct rows *rows, const struct match *match,
                  const struct match_group *group, struct err *err) {
    for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
        enum match_side side = i < group->ours ? OURS : THEIRS;
        uint32_t member = match->members[group->first + i];
        const struct match_row *row = &match->rows[side][member];
        struct match_sum more = {.currency = row->currency, .class = group->class};
        more.rows[side] = 1;
        more.amount_minor[side] = row->amount_minor;
        more.fee_minor[side] = row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
        if (!sums_add(run->sums, &more)) {
            return err_set(err, ERR_AMOUNT, "the sums in %s are beyond what is ever added up",
                           row->currency.code);
        }
        rowset_remove(&run->sides[side].open, g_array_index(rows->numbers[side], uint32_t, member));
        run->figures->rest[side]++;
    }
    return 0;
}

int matching_run(struct matching *matching, const struct rows *rows,
                 const struct match_options *options, bool taken_only, struct err *err) {
    struct match *match = NULL;
    struct files_run *run = matching->run;
    int rc = match_run((const struct match_row *)(void *)rows->of[OURS]->data, rows->of[OURS]->len,
                       (const struct match_row *)(void *)rows->of[THEIRS]->data,
                       rows->of[THEIRS]->len, options, &match, err);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < match->group_count && rc == 0; i++) {
        const struct match_group *group = &match->groups[i];
        if (taken_only && group->rule < 0) {
            continue;
        }
        list_group(matching, match, options, group);
        if (group->class == CLASS_MATCHED_TOLERANCE) {
            enum match_side side = group->ours > 0 ? OURS : THEIRS;
            const struct match_row *first = &match->rows[side][match->members[group->first]];
            rc = files_allow(run->figures, first->currency, group->difference_minor, err);
        }
        rc = rc < 0 ? rc : settle(run, rows, match, group, err);
    }
    match_free(match);
    run->figures->pieces++;
    return rc;
}
