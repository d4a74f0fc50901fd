/* SPDX-License-Identifier: Apache-2.0
 * payout_bundle.c: what a run compares, put together: payouts and the lines that name them, several
 * payouts in one line, and one in several. What has found itself gets one number (`join`), and the
 * rule of that way compares it.
 *
 * 1. A line and the payout that it names, of its very amount; what is left, and names each other in
 *    whatever way, is one group.
 * 2. Then sums. A row that has a free partner of its very amount takes part in none; two sums that
 *    share a row are none. */
#include <glib.h>
#include <string.h>

#include "recon/payouts_impl.h"

struct bundling {
    struct run *run;
    GArray *dues, *lines;
    struct due_names *names;
    uint32_t joins;
};

/* ---- what there is ---- */

static GArray *dues_of(const struct run *run) {
    const struct side *ours = &run->sides[OURS];
    GArray *dues = g_array_new(false, false, sizeof(struct due));
    for (guint i = 0; i < ours->rows->len; i++) {
        const struct match_row *row = &g_array_index(ours->rows, struct match_row, i);
        const struct side_row *name = &g_array_index(ours->names, struct side_row, i);
        if (name->sender[0] != '\0') {
            struct due due = {.id = name->id,
                              .sender = name->sender,
                              .reference = row->reference.bytes,
                              .batch = row->batch.bytes,
                              .currency = row->currency,
                              .amount_minor = match_bank_amount(row),
                              .at_us = row->at_us,
                              .row = i};
            g_array_append_val(dues, due);
        }
    }
    dues_sort(dues);
    return dues;
}

/* Not one that is known as a customer's transfer. */
static GArray *lines_of(const struct run *run) {
    const struct side *theirs = &run->sides[THEIRS];
    GArray *lines = g_array_new(false, false, sizeof(struct line));
    for (guint i = 0; i < theirs->rows->len; i++) {
        const struct match_row *row = &g_array_index(theirs->rows, struct match_row, i);
        const struct side_row *name = &g_array_index(theirs->names, struct side_row, i);
        bool of_bank = row->kind == ROW_BANK_CREDIT || row->kind == ROW_BANK_DEBIT;
        if (of_bank && row->status == ROW_DONE && !name->bank_row) {
            struct line line = {.what = {.currency = row->currency,
                                         .amount_minor = row->amount_minor,
                                         .at_us = row->at_us,
                                         .reference = row->reference.bytes,
                                         .description = row->description.bytes},
                                .id = name->id,
                                .party = "",
                                .row = i};
            g_array_append_val(lines, line);
        }
    }
    return lines;
}

static int by_time(const void *a, const void *b) {
    const struct line *x = (const struct line *)a, *y = (const struct line *)b;
    int order = match_order(x->what.at_us, y->what.at_us);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* ---- joining ---- */

static struct match_row *row_of(const struct bundling *b, enum match_side side, guint row) {
    return &g_array_index(b->run->sides[side].rows, struct match_row, row);
}

static void join_due(struct bundling *b, enum match_by by, uint32_t number, struct due *due) {
    struct match_row *row = row_of(b, OURS, due->row);
    due->taken = true;
    row->join = number & MATCH_JOINS_MAX;
    row->join_by = (unsigned)by & 15U;
}

static void join_line(struct bundling *b, enum match_by by, uint32_t number, struct line *line) {
    struct match_row *row = row_of(b, THEIRS, line->row);
    line->taken = true;
    row->join = number & MATCH_JOINS_MAX;
    row->join_by = (unsigned)by & 15U;
}

/* ---- names ---- */

static void pair_named(struct bundling *b, GArray *named) {
    for (guint i = 0; i < b->lines->len; i++) {
        struct line *line = line_at(b->lines, i);
        due_names_of(b->names, &line->what, named);
        line->named = named->len > 0;
        for (guint k = 0; k < named->len && !line->taken; k++) {
            struct due *due = due_at(b->dues, g_array_index(named, guint, k));
            if (due->amount_minor == line->what.amount_minor &&
                currency_equal(due->currency, line->what.currency)) {
                b->joins++;
                join_due(b, BY_PAYOUT_NAME, b->joins, due);
                join_line(b, BY_PAYOUT_NAME, b->joins, line);
            }
        }
    }
}

static guint root_of(guint *parents, guint at) {
    while (parents[at] != at) {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    return at;
}

/* What names each other, in one tree: dues stand at their index, a line behind them all. */
static void join_named(struct bundling *b, GArray *named) {
    guint dues = b->dues->len, all = dues + b->lines->len;
    guint *parents = g_new(guint, all);
    uint32_t *numbers = g_new0(uint32_t, all);
    for (guint i = 0; i < all; i++) {
        parents[i] = i;
    }
    for (guint i = 0; i < b->lines->len; i++) {
        struct line *line = line_at(b->lines, i);
        if (line->taken) {
            continue;
        }
        due_names_of(b->names, &line->what, named);
        for (guint k = 0; k < named->len; k++) {
            parents[root_of(parents, g_array_index(named, guint, k))] = root_of(parents, dues + i);
        }
        line->named = named->len > 0;
    }
    for (guint i = 0; i < b->lines->len; i++) {
        struct line *line = line_at(b->lines, i);
        if (!line->taken && line->named) {
            uint32_t *number = &numbers[root_of(parents, dues + i)];
            *number = *number != 0 ? *number : ++b->joins;
            join_line(b, BY_PAYOUT_NAME, *number, line);
        }
    }
    for (guint i = 0; i < dues; i++) {
        uint32_t number = numbers[root_of(parents, i)];
        if (number != 0 && !due_at(b->dues, i)->taken) {
            join_due(b, BY_PAYOUT_NAME, number, due_at(b->dues, i));
        }
    }
    g_free(numbers);
    g_free(parents);
}

/* ---- sums ---- */

struct sum {
    guint one; /* the line, or the payout */
    guint count;
    guint parts[PAYOUT_PARTS_MAX]; /* lines; of payouts the first, which the others follow */
};

static void join_sums(struct bundling *b) {
    GArray *sums = g_array_new(false, true, sizeof(struct sum));
    for (guint i = 0; i < b->lines->len; i++) {
        const struct line *line = line_at(b->lines, i);
        struct sum sum = {.one = i};
        bool free_line = !line->taken && !line->exact && line->what.amount_minor > 0;
        sum.count = free_line ? dues_sum(b->dues, &line->what, &sum.parts[0]) : 0;
        for (guint k = 0; k < sum.count; k++) {
            due_at(b->dues, sum.parts[0] + k)->claims++;
        }
        if (sum.count > 0) {
            g_array_append_val(sums, sum);
        }
    }
    for (guint i = 0; i < sums->len; i++) {
        const struct sum *sum = &g_array_index(sums, struct sum, i);
        bool alone = true;
        for (guint k = 0; k < sum->count; k++) {
            alone = alone && due_at(b->dues, sum->parts[0] + k)->claims == 1;
        }
        b->joins += alone;
        for (guint k = 0; alone && k < sum->count; k++) {
            join_due(b, BY_PAYOUT_SUM, b->joins, due_at(b->dues, sum->parts[0] + k));
        }
        if (alone) {
            join_line(b, BY_PAYOUT_SUM, b->joins, line_at(b->lines, sum->one));
        }
    }
    g_array_free(sums, true);
}

static void join_parts(struct bundling *b) {
    GArray *sums = g_array_new(false, true, sizeof(struct sum));
    for (guint i = 0; i < b->dues->len && i < PAYOUTS_MAX; i++) {
        struct sum sum = {.one = i};
        sum.count = (guint)due_parts(due_at(b->dues, i), b->lines, false, sum.parts);
        for (guint k = 0; k < sum.count; k++) {
            line_at(b->lines, sum.parts[k])->claims++;
        }
        if (sum.count > 0) {
            g_array_append_val(sums, sum);
        }
    }
    for (guint i = 0; i < sums->len; i++) {
        const struct sum *sum = &g_array_index(sums, struct sum, i);
        bool alone = true;
        for (guint k = 0; k < sum->count; k++) {
            alone = alone && line_at(b->lines, sum->parts[k])->claims == 1;
        }
        b->joins += alone;
        for (guint k = 0; alone && k < sum->count; k++) {
            join_line(b, BY_PAYOUT_PARTS, b->joins, line_at(b->lines, sum->parts[k]));
        }
        if (alone) {
            join_due(b, BY_PAYOUT_PARTS, b->joins, due_at(b->dues, sum->one));
        }
    }
    g_array_free(sums, true);
}

void payouts_bundle(struct run *run) {
    struct bundling b = {.run = run, .dues = dues_of(run), .lines = lines_of(run)};
    g_array_sort(b.lines, by_time);
    b.names = due_names_new(b.dues);
    GArray *named = g_array_new(false, false, sizeof(guint));
    if (b.dues->len > 0 && b.lines->len > 0) {
        pair_named(&b, named);
        join_named(&b, named);
        dues_mark_exact(b.dues, b.lines);
        join_sums(&b);
        join_parts(&b);
    }
    g_array_free(named, true);
    due_names_free(b.names);
    g_array_free(b.lines, true);
    g_array_free(b.dues, true);
}

/* ---- in words ---- */

static void tell_name(const struct run *run, const struct match_group *group, uint32_t at,
                      const char *name, struct buf *buf) {
    const struct match *match = run->match;
    const struct match_text wanted = payout_text(name);
    for (uint32_t i = 0; wanted.count > 0 && i < group->theirs; i++) {
        const struct match_row *line =
            &match->rows[THEIRS][match->members[group->first + group->ours + i]];
        const struct match_row *ours = &match->rows[OURS][match->members[group->first + at]];
        if (match_names_batch(line, &wanted)) {
            bool reference = match_text_compare(&line->reference, &wanted) == 0;
            buf_addf(buf, "theirs %lld names ours %lld: \"%s\" %s.\n", (long long)line->number,
                     (long long)ours->number, name,
                     reference ? "is its reference" : "stands in its text");
        }
    }
}

void payouts_tell(const struct run *run, const struct match_group *group, struct buf *buf) {
    const struct match *match = run->match;
    for (uint32_t i = 0; i < group->ours; i++) {
        const struct match_row *row = &match->rows[OURS][match->members[group->first + i]];
        const struct side_row *name = recon_member_name(run, group, OURS, i);
        if (name->sender[0] == '\0') {
            continue;
        }
        buf_addf(buf, "ours %lld is a payout of %s, known as \"%.*s\".\n", (long long)row->number,
                 name->sender, (int)row->reference.count, row->reference.bytes);
        tell_name(run, group, i, row->reference.bytes, buf);
        if (match_text_compare(&row->reference, &row->batch) != 0) {
            tell_name(run, group, i, row->batch.bytes, buf);
        }
    }
}
