/* SPDX-License-Identifier: Apache-2.0
 * payout_suspense.c: lines of a bank that were taken for customers' transfers, before anybody knew
 * of the payout that they are.
 *
 *   in suspense ──it is the payout──▶ taken out, its case closed; the run puts it beside the payout
 *               ──bears its name──▶   stays, with its case: the payout is a break that tells of it
 *
 * A line is the payout when it bears its name and, with what bears it besides, comes to it (or to
 * what the bank may leave of it); or by its very amount or a sum, where nothing else fits. Here
 * lines are told apart by who sent them: parts of one payout come from one party. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "gateway/bank/bank_reference.h"
#include "payment/bank.h"
#include "recon/payouts_impl.h"

enum { SUSPENSE_MAX = 500, ARENA_BYTES_MAX = 1024 * 1024, WHY_CHARS_MAX = 200 };

struct found {
    const char *row_id, *why;
};

struct recognizing {
    struct run *run;
    struct arena *arena;
    struct payouts *payouts;
    GArray *lines;
    const struct match_rule *named; /* by which names are compared */
    GArray *found;                  /* struct found */
    struct found at;                /* the one that is written */
};

/* ---- what lies there ---- */

/* A row that bears no reference of ours, and that nobody has decided about. What has the shape of a
 * reference may be chance: one in a hundred names of payouts holds such letters. */
#define NAMED                                                                                      \
    "(substr(b.named, 1, 15), substr(b.named, 17, 15), substr(b.named, 33, 15), "                  \
    "substr(b.named, 49, 15))"
static_assert(BANK_REFERENCE_CHARS == 15 && BANK_REFERENCES_FOUND_MAX == 4, "as it is above");
#define IN_SUSPENSE                                                                                \
    "SELECT b.id, b.amount_minor, b.currency, b.booked_on, b.remittance, b.party_name, "           \
    "b.party_account FROM bank_row b WHERE b.gateway = $1 AND b.state = 3 AND b.credit = 1 AND "   \
    "b.attempt_id = '' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.gateway_id IN " NAMED " "   \
    "AND a.gateway_id <> '' AND a.gateway = b.gateway) AND NOT EXISTS (SELECT 1 FROM operation o " \
    "WHERE o.refund_id IN " NAMED " AND o.refund_id <> '' AND o.gateway = b.gateway) AND EXISTS "  \
    "(SELECT 1 FROM review_case c WHERE c.subject = b.id AND c.kind = 'unmatched_transfer' AND "   \
    "c.state = 1) ORDER BY b.taken_us, b.id LIMIT $2"

static int load_lines(struct recognizing *asked, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, IN_SUSPENSE, S_TEXT(asked->run->request->gateway),
                      S_INT(SUSPENSE_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        char day[CLOCK_TEXT_MAX], party[600];
        struct line line = {
            .what = {.amount_minor = sql_int(rows, 1),
                     .currency = currency_stored(sql_text(rows, 2)),
                     .reference = "",
                     .description = arena_copy(asked->arena, sql_text(rows, 4))},
            .id = arena_copy(asked->arena, sql_text(rows, 0)),
            .row = asked->lines->len,
        };
        bool told = sql_text(rows, 5)[0] != '\0' || sql_text(rows, 6)[0] != '\0';
        snprintf(party, sizeof party, "%s|%s", sql_text(rows, 5), sql_text(rows, 6));
        line.party = told ? arena_copy(asked->arena, party) : "";
        snprintf(day, sizeof day, "%.10s 00:00:00", sql_text(rows, 3));
        if (clock_parse_at(day, 0, &line.what.at_us)) {
            g_array_append_val(asked->lines, line);
        }
    }
    return r < 0 ? r : 0;
}

/* ---- found ---- */

static const char *name_of(const struct due *due) {
    return due->reference[0] != '\0' ? due->reference : due->batch;
}

static void take(struct recognizing *asked, struct line *line, const struct due *due, guint dues,
                 bool part) {
    char why[WHY_CHARS_MAX];
    line->taken = true;
    if (dues > 1) {
        snprintf(why, sizeof why, "%u payouts of %.60s in one line", dues, due->sender);
    } else {
        snprintf(why, sizeof why, "%spayout %.80s of %.60s", part ? "a part of the " : "the ",
                 name_of(due), due->sender);
    }
    const struct found found = {line->id, arena_copy(asked->arena, why)};
    g_array_append_val(asked->found, found);
}

static bool comes_to(const struct recognizing *asked, struct currency currency, __int128 due_minor,
                     __int128 minor) {
    return match_within(asked->named, currency, due_minor, minor - due_minor);
}

/* ---- by name ---- */

/* One line names all of them. */
static bool take_several(struct recognizing *asked, struct line *line, const GArray *named) {
    __int128 due_minor = 0;
    bool same = true;
    for (guint i = 0; i < named->len; i++) {
        const struct due *due = due_at(asked->payouts->dues, g_array_index(named, guint, i));
        due_minor += due->amount_minor;
        same = same && due->put_minor == 0 && currency_equal(due->currency, line->what.currency);
    }
    if (!same || !comes_to(asked, line->what.currency, due_minor, line->what.amount_minor)) {
        return false;
    }
    for (guint i = 0; i < named->len; i++) {
        due_at(asked->payouts->dues, g_array_index(named, guint, i))->taken = true;
    }
    take(asked, line, due_at(asked->payouts->dues, g_array_index(named, guint, 0)), named->len,
         false);
    return true;
}

/* The lines that name this payout and no other: one of its very amount, else all of them. */
struct bearers {
    guint due;
    GArray *lines; /* guint */
    __int128 minor;
};

static bool take_whole(struct recognizing *asked, struct bearers *bearers) {
    struct due *due = due_at(asked->payouts->dues, bearers->due);
    for (guint i = 0; due->put_minor == 0 && i < bearers->lines->len; i++) {
        struct line *line = line_at(asked->lines, g_array_index(bearers->lines, guint, i));
        if (line->what.amount_minor == due->amount_minor) {
            take(asked, line, due, 1, false);
            due->taken = true;
            return true;
        }
    }
    if (!comes_to(asked, due->currency, due->amount_minor, bearers->minor + due->put_minor)) {
        return false;
    }
    for (guint i = 0; i < bearers->lines->len; i++) {
        take(asked, line_at(asked->lines, g_array_index(bearers->lines, guint, i)), due, 1,
             bearers->lines->len > 1 || due->put_minor != 0);
    }
    due->taken = true;
    return true;
}

static void note_altered(struct recognizing *asked, const struct bearers *bearers) {
    const struct due *due = due_at(asked->payouts->dues, bearers->due);
    const struct line *first = line_at(asked->lines, g_array_index(bearers->lines, guint, 0));
    __int128 minor = bearers->minor + due->put_minor;
    const struct payout_altered altered = {
        .due_id = g_string_chunk_insert_const(asked->run->texts, due->id),
        .row_id = g_string_chunk_insert_const(asked->run->texts, first->id),
        .rows = (int)bearers->lines->len,
        .minor = minor > INT64_MAX ? INT64_MAX : (int64_t)minor,
    };
    g_array_append_val(asked->run->altered, altered);
}

static void collect(struct recognizing *asked, struct bearers *bearers, GArray *named) {
    const struct due *due = due_at(asked->payouts->dues, bearers->due);
    g_array_set_size(bearers->lines, 0);
    bearers->minor = 0;
    for (guint i = 0; i < asked->lines->len; i++) {
        const struct line *line = line_at(asked->lines, i);
        if (!line->named || line->taken || !currency_equal(line->what.currency, due->currency)) {
            continue;
        }
        due_names_of(asked->payouts->names, &line->what, named);
        if (named->len == 1 && g_array_index(named, guint, 0) == bearers->due) {
            g_array_append_val(bearers->lines, i);
            bearers->minor += line->what.amount_minor;
        }
    }
}

static int by_number(const void *a, const void *b) {
    return match_order(*(const guint *)a, *(const guint *)b);
}

static void find_named(struct recognizing *asked) {
    GArray *named = g_array_new(false, false, sizeof(guint));
    GArray *single = g_array_new(false, false, sizeof(guint));
    for (guint i = 0; i < asked->lines->len; i++) {
        struct line *line = line_at(asked->lines, i);
        due_names_of(asked->payouts->names, &line->what, named);
        line->named = named->len > 0;
        if (named->len > 1) {
            (void)take_several(asked, line, named);
        } else if (named->len == 1) {
            g_array_append_val(single, g_array_index(named, guint, 0));
        }
    }
    g_array_sort(single, by_number);
    struct bearers bearers = {.lines = g_array_new(false, false, sizeof(guint))};
    for (guint i = 0; i < single->len; i++) {
        bearers.due = g_array_index(single, guint, i);
        if (due_at(asked->payouts->dues, bearers.due)->taken ||
            (i > 0 && bearers.due == g_array_index(single, guint, i - 1))) {
            continue;
        }
        collect(asked, &bearers, named);
        if (bearers.lines->len > 0 && !take_whole(asked, &bearers)) {
            note_altered(asked, &bearers);
        }
    }
    g_array_free(bearers.lines, true);
    g_array_free(single, true);
    g_array_free(named, true);
}

/* ---- by amounts ---- */

/* Each other's only one. */
static void find_exact(struct recognizing *asked) {
    GArray *dues = asked->payouts->dues;
    for (guint i = 0; i < asked->lines->len; i++) {
        struct line *line = line_at(asked->lines, i);
        guint fits = 0, rivals = 0;
        struct due *one = NULL;
        for (guint k = 0; !line->taken && !line->named && k < dues->len; k++) {
            if (due_may_be_all(due_at(dues, k), &line->what)) {
                one = due_at(dues, k);
                fits++;
            }
        }
        for (guint k = 0; fits == 1 && k < asked->lines->len; k++) {
            const struct line *other = line_at(asked->lines, k);
            rivals += !other->taken && !other->named && due_may_be_all(one, &other->what);
        }
        if (fits == 1 && rivals == 1) {
            take(asked, line, one, 1, false);
            one->taken = true;
        }
    }
}

static void find_sums(struct recognizing *asked) {
    GArray *dues = asked->payouts->dues;
    for (guint i = 0; i < asked->lines->len; i++) {
        struct line *line = line_at(asked->lines, i);
        guint first = 0, count = 0, rivals = 0;
        if (line->taken || line->named || line->exact) {
            continue;
        }
        count = dues_sum(dues, &line->what, &first);
        for (guint k = 0; count > 0 && k < asked->lines->len; k++) {
            const struct line *other = line_at(asked->lines, k);
            guint elsewhere = 0;
            rivals += k != i && !other->taken && !other->named &&
                      other->what.amount_minor == line->what.amount_minor &&
                      dues_sum(dues, &other->what, &elsewhere) > 0;
        }
        if (count > 0 && rivals == 0) {
            take(asked, line, due_at(dues, first), count, false);
            for (guint k = first; k < first + count; k++) {
                due_at(dues, k)->taken = true;
            }
        }
    }
}

static void find_parts(struct recognizing *asked) {
    GArray *dues = asked->payouts->dues;
    guint parts[PAYOUT_PARTS_MAX];
    for (guint i = 0; i < dues->len; i++) {
        int count = due_at(dues, i)->taken
                        ? 0
                        : due_parts(due_at(dues, i), asked->lines, true, parts);
        for (int k = 0; k < count; k++) {
            line_at(asked->lines, parts[k])->claims++;
        }
        due_at(dues, i)->claims = (guint)count;
    }
    for (guint i = 0; i < dues->len; i++) {
        struct due *due = due_at(dues, i);
        int count = due->claims > 0 ? due_parts(due, asked->lines, true, parts) : 0;
        bool alone = count > 0;
        for (int k = 0; k < count; k++) {
            alone = alone && line_at(asked->lines, parts[k])->claims == 1;
        }
        for (int k = 0; alone && k < count; k++) {
            take(asked, line_at(asked->lines, parts[k]), due, 1, true);
        }
        due->taken = due->taken || alone;
    }
}

/* ---- all of it ---- */

static int find_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recognizing *asked = ctx;
    g_array_set_size(asked->found, 0);
    g_array_set_size(asked->lines, 0);
    g_array_set_size(asked->run->altered, 0);
    payouts_free(asked->payouts);
    asked->payouts = NULL;
    int r = payouts_load(tx, asked->run->request->gateway, &asked->payouts, err);
    if (r < 0 || asked->payouts->dues->len == 0) {
        return r;
    }
    r = load_lines(asked, tx, err);
    if (r >= 0 && asked->lines->len > 0) {
        find_named(asked);
        find_exact(asked);
        dues_mark_exact(asked->payouts->dues, asked->lines);
        find_sums(asked);
        find_parts(asked);
    }
    return r;
}

/* Its line is open again, for the payout. */
static int recognize_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recognizing *asked = ctx;
    char posting[POSTING_ID_CHARS_MAX];
    int r = bank_row_is_payout(tx, asked->at.row_id, asked->at.why, err);
    if (r <= 0) {
        return r;
    }
    snprintf(posting, sizeof posting, "pst_suspense_%s", asked->at.row_id);
    r = sql_put(tx, err,
                "UPDATE movement SET open = 1, match_id = '', rule = '' WHERE side = 2 AND id IN "
                "(SELECT o.id FROM movement m JOIN movement o ON o.match_id = m.match_id AND "
                "o.match_id <> '' WHERE m.side = 1 AND m.id = $1)",
                S_TEXT(posting));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM movement WHERE side = 1 AND id = $1",
                           S_TEXT(posting));
}

int payouts_recognize(struct run *run, struct err *err) {
    if (!run->request->bank) {
        return 0;
    }
    ARENA_AUTO arena = arena_new(ARENA_BYTES_MAX);
    struct recognizing asked = {.run = run, .arena = arena};
    asked.found = g_array_new(false, false, sizeof(struct found));
    asked.lines = g_array_new(false, false, sizeof(struct line));
    for (int i = 0; i < run->rules.count; i++) {
        if (run->rules.rules[i].by == BY_PAYOUT_NAME) {
            asked.named = &run->rules.rules[i];
        }
    }
    INVARIANT(asked.named != NULL, "a bank's rules have those for payouts");
    int r = store_read(run->store, find_tx, &asked, err);
    for (guint i = 0; r >= 0 && i < asked.found->len; i++) {
        asked.at = g_array_index(asked.found, struct found, i);
        r = store_write(run->store, recognize_tx, &asked, err);
    }
    payouts_free(asked.payouts);
    g_array_free(asked.lines, true);
    g_array_free(asked.found, true);
    return r < 0 ? r : 0;
}

/* ---- when all is compared ---- */

void payouts_altered(struct run *run) {
    for (size_t i = 0; run->altered->len > 0 && i < run->match->group_count; i++) {
        struct match_group *group = &run->match->groups[i];
        bool waits = group->class == CLASS_EXPECTED || group->class == CLASS_BANK_MISSING;
        if (group->ours != 1 || group->theirs != 0 || !waits) {
            continue;
        }
        struct side_row *name = &g_array_index(run->sides[OURS].names, struct side_row,
                                               run->match->members[group->first]);
        for (guint k = 0; k < run->altered->len; k++) {
            const struct payout_altered *altered = &g_array_index(run->altered,
                                                                  struct payout_altered, k);
            if (strcmp(altered->due_id, name->id) == 0) {
                name->altered = altered;
                recon_become(run, group, CLASS_PAYOUT);
            }
        }
    }
}
