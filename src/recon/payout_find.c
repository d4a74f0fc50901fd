/* SPDX-License-Identifier: Apache-2.0
 * payout_find.c: which payouts a line names, and which sums there are. Nothing here depends on the
 * order in which rows were read. */
#include <glib.h>
#include <string.h>

#include "recon/payouts_impl.h"

static int by_sender(const void *a, const void *b) {
    const struct due *x = (const struct due *)a, *y = (const struct due *)b;
    int order = strcmp(x->sender, y->sender);
    order = order != 0 ? order : strcmp(x->currency.code, y->currency.code);
    order = order != 0 ? order : match_order(x->at_us, y->at_us);
    return order != 0 ? order : strcmp(x->id, y->id);
}

void dues_sort(GArray *dues) {
    g_array_sort(dues, by_sender);
}

/* ---- names ---- */

struct due_name {
    struct match_text text;
    guint due;
};
struct due_names {
    const GArray *dues;
    GArray *all; /* struct due_name, sorted */
};

static int by_text(const void *a, const void *b) {
    const struct due_name *x = (const struct due_name *)a, *y = (const struct due_name *)b;
    int order = match_text_compare(&x->text, &y->text);
    return order != 0 ? order : match_order(x->due, y->due);
}

struct due_names *due_names_new(const GArray *dues) {
    struct due_names *names = g_new0(struct due_names, 1);
    names->dues = dues;
    names->all = g_array_new(false, false, sizeof(struct due_name));
    for (guint i = 0; i < dues->len; i++) {
        const char *const both[] = {due_at(dues, i)->reference, due_at(dues, i)->batch};
        for (size_t k = 0; k < COUNT_OF(both); k++) {
            const struct due_name name = {payout_text(both[k]), i};
            if (name.text.count > 0) {
                g_array_append_val(names->all, name);
            }
        }
    }
    g_array_sort(names->all, by_text);
    return names;
}

void due_names_free(struct due_names *names) {
    if (names != NULL) {
        g_array_free(names->all, true);
        g_free(names);
    }
}

struct naming {
    const struct due_names *names;
    GArray *found;
    bool comes;
};

static void add_once(GArray *found, guint due) {
    for (guint i = 0; i < found->len; i++) {
        if (g_array_index(found, guint, i) == due) {
            return;
        }
    }
    g_array_append_val(found, due);
}

static void look_up(void *ctx, struct match_text text) {
    const struct naming *naming = ctx;
    const GArray *all = naming->names->all;
    guint low = 0, high = all->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        bool before = match_text_compare(&g_array_index(all, struct due_name, middle).text,
                                         &text) < 0;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    for (; text.count > 0 && low < all->len; low++) {
        const struct due_name *name = &g_array_index(all, struct due_name, low);
        if (match_text_compare(&name->text, &text) != 0) {
            break;
        }
        const struct due *due = due_at(naming->names->dues, name->due);
        if (!due->taken && (due->amount_minor > 0) == naming->comes) {
            add_once(naming->found, name->due);
        }
    }
}

static int by_number(const void *a, const void *b) {
    return match_order(*(const guint *)a, *(const guint *)b);
}

void due_names_of(const struct due_names *names, const struct payout_line *line, GArray *ret_dues) {
    struct naming naming = {names, ret_dues, line->amount_minor > 0};
    const struct match_row row = {
        .reference = payout_text(line->reference),
        .description = payout_text(line->description),
    };
    g_array_set_size(ret_dues, 0);
    match_each_name(&row, look_up, &naming);
    g_array_sort(ret_dues, by_number);
}

/* ---- amounts ---- */

static bool in_time(const struct due *due, const struct payout_line *line) {
    return line->at_us >= due->at_us - PAYOUT_BEFORE_US &&
           line->at_us <= due->at_us + PAYOUT_AFTER_US;
}

/* Whether the line may be all of it, or of several such, or a part. */
static bool may_be(const struct due *due, const struct payout_line *line) {
    return !due->taken && due->put_minor == 0 && due->amount_minor > 0 && line->amount_minor > 0 &&
           currency_equal(due->currency, line->currency) && in_time(due, line);
}

bool due_may_be_all(const struct due *due, const struct payout_line *line) {
    return due->amount_minor == line->amount_minor && may_be(due, line);
}

void dues_mark_exact(GArray *dues, GArray *lines) {
    for (guint i = 0; i < dues->len; i++) {
        struct due *due = due_at(dues, i);
        for (guint k = 0; k < lines->len; k++) {
            struct line *line = line_at(lines, k);
            if (!line->taken && due_may_be_all(due, &line->what)) {
                due->exact = line->exact = true;
            }
        }
    }
}

static bool of_one_kind(const struct due *a, const struct due *b) {
    return strcmp(a->sender, b->sender) == 0 && currency_equal(a->currency, b->currency);
}

/* From `from` on, payouts of one sender that follow each other and come to the line's amount:
 * behind the last of them; `from`: there are none. At least two. Amounts are all positive, so that
 * one beginning has one end. */
static guint sum_end(const GArray *dues, guint from, const struct payout_line *line) {
    __int128 sum = 0;
    for (guint i = from; i < dues->len; i++) {
        const struct due *due = due_at(dues, i);
        if (due->exact || !of_one_kind(due_at(dues, from), due) || !may_be(due, line)) {
            break;
        }
        sum += due->amount_minor;
        if (sum >= line->amount_minor) {
            return sum == line->amount_minor && i > from ? i + 1 : from;
        }
    }
    return from;
}

guint dues_sum(const GArray *dues, const struct payout_line *line, guint *ret_first) {
    guint count = 0;
    for (guint i = 0; i < dues->len; i++) {
        guint end = sum_end(dues, i, line);
        if (end > i) {
            if (count > 0) {
                return 0;
            }
            *ret_first = i;
            count = end - i;
        }
    }
    return count;
}

/* ---- parts ---- */

struct parts {
    guint lines[PAYOUT_LINES_MAX];
    int64_t amounts[PAYOUT_LINES_MAX];
    int count, sums; /* how many sums there are, at most two */
    guint *found;
    int found_count;
};

static void keep_sum(struct parts *parts, const int *picks, int count) {
    if (parts->sums++ == 0) {
        parts->found_count = count;
        for (int i = 0; i < count; i++) {
            parts->found[i] = parts->lines[picks[i]];
        }
    }
}

/* Every choice of two to PAYOUT_PARTS_MAX of the lines, in their order: about a hundred thousand at
 * most. */
static void add_up(struct parts *parts, int64_t wanted_minor) {
    int picks[PAYOUT_PARTS_MAX] = {-1}, depth = 0;
    int64_t left[PAYOUT_PARTS_MAX] = {wanted_minor};
    while (depth >= 0 && parts->sums < 2) {
        int at = ++picks[depth];
        if (at >= parts->count) {
            depth--;
            continue;
        }
        int64_t rest = left[depth] - parts->amounts[at];
        if (rest == 0 && depth > 0) {
            keep_sum(parts, picks, depth + 1);
        } else if (rest > 0 && depth + 1 < PAYOUT_PARTS_MAX) {
            depth++;
            picks[depth] = at;
            left[depth] = rest;
        }
    }
}

static bool may_be_part(const struct due *due, const struct line *line) {
    return !line->taken && !line->named && !line->exact && may_be(due, &line->what) &&
           line->what.amount_minor < due->amount_minor;
}

/* The lines of one party. false: too many of them. */
static bool collect(const struct due *due, const GArray *lines, const char *party,
                    struct parts *parts) {
    parts->count = 0;
    for (guint i = 0; i < lines->len; i++) {
        const struct line *line = line_at(lines, i);
        if (!may_be_part(due, line) || strcmp(line->party, party) != 0) {
            continue;
        }
        if (parts->count == PAYOUT_LINES_MAX) {
            return false;
        }
        parts->lines[parts->count] = i;
        parts->amounts[parts->count++] = line->what.amount_minor;
    }
    return true;
}

static bool is_first_of_party(const struct due *due, const GArray *lines, guint at) {
    for (guint i = 0; i < at; i++) {
        const struct line *line = line_at(lines, i);
        if (may_be_part(due, line) && strcmp(line->party, line_at(lines, at)->party) == 0) {
            return false;
        }
    }
    return may_be_part(due, line_at(lines, at));
}

int due_parts(const struct due *due, const GArray *lines, bool of_one,
              guint ret_lines[PAYOUT_PARTS_MAX]) {
    struct parts parts = {.found = ret_lines};
    for (guint i = 0; !due->exact && i < lines->len && parts.sums < 2; i++) {
        const char *party = line_at(lines, i)->party;
        if ((of_one && party[0] == '\0') || !is_first_of_party(due, lines, i)) {
            continue;
        }
        if (!collect(due, lines, party, &parts)) {
            return 0;
        }
        add_up(&parts, due->amount_minor);
    }
    return parts.sums == 1 ? parts.found_count : 0;
}
