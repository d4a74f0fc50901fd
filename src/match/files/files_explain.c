/* SPDX-License-Identifier: Apache-2.0
 * files_explain.c: why a row of two files is where it is. What a rule does with a row depends on
 * the rows that it could put beside it, and on what the rules before it did with those. So from the
 * last rule to the first, what has a key of that rule with a row that is picked already is picked
 * too; what is picked in the end goes to match_run(), which does with the row what it would do with
 * all rows, and tells why. Keys are compared by 32 bits of a hash: what is picked for nothing has
 * no key with the others and changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "match/files/files_impl.h"

enum { TEXT_BYTES_MAX = 256 * 1024 };

/* A row that somebody asks about. */
struct asked_row {
    uint32_t row;
    struct currency currency;
    int64_t amount_minor, at_us;
};
struct explaining {
    const char *name;     /* a reference or an id; NULL: a line */
    int64_t line;         /* of the file */
    bool sides[MATCH_SIDES]; /* where it may be */
    GArray *asked[MATCH_SIDES]; /* struct asked_row */
    const struct match_rule *rule;
    struct hashset keys; /* of the rule, of what is picked */
    _Atomic int64_t picked;
    struct files_explained *explained;
};

/* ---- the rows that are asked about ---- */

static uint64_t all_rows(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->open.words[word], memory_order_relaxed);
}

static uint64_t picked_rows(const struct side *side, size_t word) {
    return atomic_load_explicit(&side->picked.words[word], memory_order_relaxed);
}

static void pick(struct files_run *run, enum match_side side, uint32_t row) {
    if (!rowset_has(&run->sides[side].picked, row)) {
        rowset_add(&run->sides[side].picked, row);
        atomic_fetch_add(&run->explaining->picked, 1);
    }
}

static int find_row(void *ctx, const struct side *side, uint32_t row,
                    const struct statement_row *told, struct err *err) {
    struct files_run *run = ctx;
    struct explaining *explaining = run->explaining;
    const char *name = explaining->name;
    bool is_it = name == NULL ? side_line(side, told->line) == explaining->line
                              : strcmp(told->reference, name) == 0 ||
                                    strcmp(told->gateway_id, name) == 0;
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    if (is_it) {
        const struct asked_row asked = {row, told->currency, told->gross_minor, told->at_us};
        g_array_append_val(explaining->asked[side->which], asked);
    }
    (void)err;
    return 0;
}

static int find_side(struct files_run *run, int number, struct err *err) {
    return run->explaining->sides[number]
               ? side_sweep(&run->sides[number], all_rows, find_row, run, err)
               : 0;
}

/* "ours:12": a line; else a name. */
static void read_asked(struct explaining *explaining, const char *row) {
    static const char *const prefixes[MATCH_SIDES] = {"ours:", "theirs:"};
    explaining->name = row;
    for (int i = 0; i < MATCH_SIDES; i++) {
        explaining->sides[i] = true;
    }
    for (int i = 0; i < MATCH_SIDES; i++) {
        const char *digits = row + strlen(prefixes[i]);
        if (g_str_has_prefix(row, prefixes[i]) && g_ascii_isdigit(digits[0])) {
            char *end = NULL;
            long long line = strtoll(digits, &end, 10);
            if (*end == '\0') {
                explaining->line = line;
                explaining->name = NULL;
                explaining->sides[1 - i] = false;
                return;
            }
        }
    }
}

static int find_asked(struct files_run *run, int64_t whole, struct err *err) {
    struct explaining *explaining = run->explaining;
    int rc = files_together(run, "looking for it", whole, find_side, MATCH_SIDES, err);
    if (rc < 0) {
        return rc;
    }
    if (explaining->asked[OURS]->len > 0) {
        g_array_set_size(explaining->asked[THEIRS], 0);
    }
    for (int i = 0; i < MATCH_SIDES; i++) {
        GArray *asked = explaining->asked[i];
        if (asked->len > FILES_EXPLAINED_MAX) {
            explaining->explained->more = asked->len - FILES_EXPLAINED_MAX;
            g_array_set_size(asked, FILES_EXPLAINED_MAX);
        }
        for (guint j = 0; j < asked->len; j++) {
            pick(run, (enum match_side)i, g_array_index(asked, struct asked_row, j).row);
        }
    }
    if (explaining->asked[OURS]->len + explaining->asked[THEIRS]->len > 0) {
        return 0;
    }
    if (explaining->name == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no row on line %lld of %s",
                       (long long)explaining->line, explaining->sides[OURS] ? "ours" : "theirs");
    }
    char shown[64];
    text_shown(explaining->name, strlen(explaining->name), shown, sizeof shown);
    err_set(err, ERR_NOT_FOUND, "neither file has a row with the reference or id \"%s\"", shown);
    return err_hint(err, "A line of a file is ours:12 or theirs:12.");
}

/* ---- what bears on them ---- */

static void add_key(struct files_run *run, const char *text) {
    if (text[0] != '\0') {
        hashset_add(&run->explaining->keys, key_hash(text, strlen(text)));
    }
}

static bool has_key(const struct files_run *run, const char *text) {
    return text[0] != '\0' && hashset_has(&run->explaining->keys, key_hash(text, strlen(text)));
}

static const char *key_of(enum match_by by, const struct statement_row *told) {
    return by == BY_GATEWAY_ID  ? told->gateway_id
           : by == BY_REFERENCE ? told->reference
                                : told->original_id;
}

struct names {
    struct files_run *run;
    bool add, found;
};

static void see_name(void *ctx, int stage, struct match_text text) {
    struct names *names = ctx;
    uint32_t hash = key_hash(text.bytes, text.count);
    if (text.count == 0) {
        return;
    }
    if (names->add) {
        hashset_add(&names->run->explaining->keys, hash);
    }
    names->found = names->found || hashset_has(&names->run->explaining->keys, hash);
    (void)stage;
}

/* The batches that a row of theirs may name; into the keys, or whether one is among them. */
static bool see_names(struct files_run *run, const struct statement_row *told, bool add) {
    const struct match_row theirs = {
        .reference = {told->reference, (uint32_t)strlen(told->reference)},
        .batch = {told->batch, (uint32_t)strlen(told->batch)},
        .description = {told->description, (uint32_t)strlen(told->description)},
    };
    struct names names = {.run = run, .add = add};
    if (row_kind_family(told->kind) == FAMILY_BANK) {
        match_batch_names(&theirs, see_name, &names);
    }
    return names.found;
}

static int take_key(void *ctx, const struct side *side, uint32_t row,
                    const struct statement_row *told, struct err *err) {
    struct files_run *run = ctx;
    enum match_by by = run->explaining->rule->by;
    if (by != BY_BATCH) {
        add_key(run, key_of(by, told));
    } else if (side->which == OURS) {
        add_key(run, told->batch);
    } else {
        (void)see_names(run, told, true);
    }
    (void)row;
    (void)err;
    return 0;
}

static int64_t span(int64_t a_us, int64_t b_us) {
    int64_t apart = 0;
    return !__builtin_sub_overflow(a_us, b_us, &apart) && apart != INT64_MIN
               ? (apart < 0 ? -apart : apart)
               : INT64_MAX;
}

/* AMOUNT_TIME: whom it could meet, and whom those could. */
static bool is_near(const struct files_run *run, const struct statement_row *told) {
    const struct explaining *explaining = run->explaining;
    int64_t reach = 0;
    if (__builtin_add_overflow(explaining->rule->before_us, explaining->rule->after_us, &reach) ||
        __builtin_mul_overflow(reach, 2, &reach)) {
        reach = INT64_MAX;
    }
    for (int i = 0; i < MATCH_SIDES; i++) {
        for (guint j = 0; j < explaining->asked[i]->len; j++) {
            const struct asked_row *asked = &g_array_index(explaining->asked[i], struct asked_row,
                                                           j);
            bool same = asked->amount_minor == told->gross_minor ||
                        asked->amount_minor == -told->gross_minor; /* as a bank sees it */
            if (same && currency_equal(asked->currency, told->currency) &&
                span(asked->at_us, told->at_us) <= reach) {
                return true;
            }
        }
    }
    return false;
}

static bool bears(struct files_run *run, const struct side *side,
                  const struct statement_row *told) {
    switch (run->explaining->rule->by) {
    case BY_GATEWAY_ID:
    case BY_REFERENCE:
    case BY_ORIGINAL:
        return has_key(run, key_of(run->explaining->rule->by, told));
    case BY_AMOUNT_TIME:
        return is_near(run, told);
    case BY_BATCH:
        return side->which == OURS ? has_key(run, told->batch) : see_names(run, told, false);
    case BY_PAYOUT_NAME:
    case BY_PAYOUT_SUM:
    case BY_PAYOUT_PARTS:
    case MATCH_WAYS:
        break; /* of runs of a service */
    }
    return false;
}

static int look_at(void *ctx, const struct side *side, uint32_t row,
                   const struct statement_row *told, struct err *err) {
    struct files_run *run = ctx;
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    if (bears(run, side, told)) {
        pick(run, side->which, row);
    }
    (void)err;
    return 0;
}

static int look_side(struct files_run *run, int number, struct err *err) {
    return side_sweep(&run->sides[number], all_rows, look_at, run, err);
}

static int take_keys(struct files_run *run, int number, struct err *err) {
    int rc = 0;
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        rc = side_sweep(&run->sides[i], picked_rows, take_key, run, err);
    }
    (void)number;
    return rc;
}

static int check_fits(const struct files_run *run, struct err *err) {
    int64_t picked = atomic_load(&run->explaining->picked);
    if (picked <= files_rest_fits(run)) {
        return 0;
    }
    err_set(err, ERR_TOO_LARGE, "%lld rows bear on it: more than fit into memory",
            (long long)picked);
    return err_hint(err, "Allow more memory (--memory).");
}

/* All that has a key of this rule with what is picked; of batches, until nobody is added: a line
 * may name several, and a batch be named by several lines. */
static int look_by(struct files_run *run, const struct match_rule *rule, int64_t whole,
                   struct err *err) {
    struct explaining *explaining = run->explaining;
    bool again = true;
    int rc = 0;
    explaining->rule = rule;
    while (again && rc == 0) {
        int64_t before = atomic_load(&explaining->picked);
        hashset_init(&explaining->keys);
        rc = rule->by == BY_AMOUNT_TIME
                 ? 0
                 : files_together(run, "looking for what bears on it", 1, take_keys, 1, err);
        rc = rc < 0 ? rc
                    : files_together(run, "looking for what bears on it", whole, look_side,
                                     MATCH_SIDES, err);
        hashset_release(&explaining->keys);
        rc = rc < 0 ? rc : check_fits(run, err);
        again = rule->by == BY_BATCH && atomic_load(&explaining->picked) > before;
    }
    return rc;
}

/* ---- the words ---- */

/* Rows are told by their lines. Where several of a side stand on one (a packed folder of files), by
 * their order. */
static void number_rows(const struct files_run *run, struct rows *rows) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        int64_t last = 0;
        bool rising = true;
        for (guint j = 0; j < rows->of[i]->len; j++) {
            int64_t line = side_line(&run->sides[i],
                                     g_array_index(rows->of[i], struct match_row, j).number);
            rising = rising && line > last;
            last = line;
        }
        for (guint j = 0; j < rows->of[i]->len && rising; j++) {
            struct match_row *row = &g_array_index(rows->of[i], struct match_row, j);
            row->number = side_line(&run->sides[i], row->number);
        }
    }
}

static void name_row(struct files_explained *explained, const struct match *match,
                     enum match_side side, size_t index) {
    const struct match_row *row = &match->rows[side][index];
    const struct match_text *key = row->reference.count > 0 ? &row->reference : &row->gateway_id;
    if (explained->named_count == FILES_NAMED_MAX) {
        return;
    }
    struct files_named_row *named = &explained->named[explained->named_count++];
    *named = (struct files_named_row){
        .side = side,
        .line = row->number,
        .kind = row->kind,
        .status = row->status,
        .currency = row->currency,
        .amount_minor = row->amount_minor,
        .at_us = row->at_us,
        .class = match->groups[match->group_of[side][index]].class,
    };
    text_shown(key->bytes, key->count, named->key, sizeof named->key);
}

/* Those of the groups that were asked about, then the others. */
static void name_rows(struct files_explained *explained, const struct match *match,
                      const bool *groups) {
    for (int pass = 0; pass < 2; pass++) {
        for (int side = 0; side < MATCH_SIDES; side++) {
            for (size_t i = 0; i < match->row_count[side]; i++) {
                if (groups[match->group_of[side][i]] == (pass == 0)) {
                    name_row(explained, match, (enum match_side)side, i);
                }
            }
        }
    }
}

static void tell_row(struct files_explained *explained, const struct match *match,
                     const struct match_options *options, enum match_side side, size_t index) {
    struct buf buf;
    buf_init(&buf, TEXT_BYTES_MAX);
    match_explain(match, options, side, index, &buf);
    explained->rows[explained->count++] = (struct files_explained_row){
        .side = side,
        .line = match->rows[side][index].number,
        .class = match->groups[match->group_of[side][index]].class,
        .text = g_strdup(buf.data),
    };
    buf_release(&buf);
}

static void tell_rows(const struct files_run *run, const struct rows *rows,
                      const struct match *match, const struct match_options *options) {
    const struct explaining *explaining = run->explaining;
    g_autofree bool *groups = g_new0(bool, match->group_count + 1);
    for (int i = 0; i < MATCH_SIDES; i++) {
        guint next = 0;
        for (guint j = 0; j < rows->numbers[i]->len && next < explaining->asked[i]->len; j++) {
            uint32_t row = g_array_index(rows->numbers[i], uint32_t, j);
            if (row == g_array_index(explaining->asked[i], struct asked_row, next).row) {
                tell_row(explaining->explained, match, options, (enum match_side)i, j);
                groups[match->group_of[i][j]] = true;
                next++;
            }
        }
    }
    name_rows(explaining->explained, match, groups);
}

static int match_picked(struct files_run *run, int number, struct err *err) {
    struct match_options options;
    struct match *match = NULL;
    struct rows rows;
    int rc = 0;
    rows_init(&rows, run);
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        rc = side_sweep(&run->sides[i], picked_rows, rows_keep, &rows, err);
    }
    number_rows(run, &rows);
    files_options(run, &options);
    rc = rc < 0 ? rc
                : match_run((const struct match_row *)(void *)rows.of[OURS]->data,
                            rows.of[OURS]->len,
                            (const struct match_row *)(void *)rows.of[THEIRS]->data,
                            rows.of[THEIRS]->len, &options, &match, err);
    if (rc == 0) {
        tell_rows(run, &rows, match, &options);
    }
    match_free(match);
    rows_release(&rows);
    (void)number;
    return rc;
}

void files_explained_release(struct files_explained *explained) {
    for (int i = 0; i < explained->count; i++) {
        g_free(explained->rows[i].text);
    }
    explained->count = 0;
}

int explain_row(struct files_run *run, const char *row, struct files_explained *ret_explained,
                struct err *err) {
    struct explaining *explaining = g_new0(struct explaining, 1);
    int64_t whole = (int64_t)run->sides[OURS].rows + run->sides[THEIRS].rows;
    struct match_options options;
    explaining->explained = ret_explained;
    run->explaining = explaining;
    for (int i = 0; i < MATCH_SIDES; i++) {
        explaining->asked[i] = g_array_new(false, false, sizeof(struct asked_row));
        rowset_grow(&run->sides[i].picked, run->sides[i].rows);
    }
    read_asked(explaining, row);
    files_options(run, &options);
    int rc = find_asked(run, whole, err);
    for (int i = options.rule_count - 1; i >= 0 && rc == 0; i--) {
        rc = look_by(run, &options.rules[i], whole, err);
    }
    rc = rc < 0 ? rc : files_together(run, "matching", 1, match_picked, 1, err);
    for (int i = 0; i < MATCH_SIDES; i++) {
        g_array_free(explaining->asked[i], true);
    }
    run->explaining = NULL;
    g_free(explaining);
    return rc;
}
