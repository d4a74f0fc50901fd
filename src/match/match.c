/* SPDX-License-Identifier: Apache-2.0
 * match.c: the rules one after the other, what they leave over, and the result.
 *
 *   rows ──rules──▶ drafts: a class and a rule each; group_of[] says who is in which
 *        ──rest───▶ drafts of one row each
 *        ──finish─▶ groups in the order of the rows' numbers, members, differences, sums
 *
 * Drafts are made in the order in which rules come upon them, which is that of hashes. No such
 * order is left in the result: finish() numbers the groups anew, walking along the rows by their
 * number. */
#include <glib.h>

#include "base/clock.h"
#include "match/match_impl.h"

/* ---- names ---- */

static const struct {
    const char *name, *what;
    enum match_risk risk;
} classes[CLASS_COUNT] = {
#define X(name, number, text, risk, what) [CLASS_##name] = {text, what, RISK_##risk},
#include "match/match_classes.def"
#undef X
};

static const char *const risks[] = {"none", "low", "medium", "high", "critical"};
static const char *const ways[] = {
    [BY_GATEWAY_ID] = "gateway_id",   [BY_REFERENCE] = "reference", [BY_ORIGINAL] = "original",
    [BY_AMOUNT_TIME] = "amount_time", [BY_BATCH] = "batch",
    [BY_PAYOUT_NAME] = "payout_name", [BY_PAYOUT_SUM] = "payout_sum",
    [BY_PAYOUT_PARTS] = "payout_parts",
};
static_assert(COUNT_OF(risks) == RISK_CRITICAL + 1, "every risk has a name");
static_assert(COUNT_OF(ways) == MATCH_WAYS, "every way has a name");

static bool is_class(int64_t class) {
    return class > 0 && class < CLASS_COUNT && classes[class].name != NULL;
}

const char *match_class_name(enum match_class class) {
    return is_class(class) ? classes[class].name : "?";
}

const char *match_class_what(enum match_class class) {
    return is_class(class) ? classes[class].what : "?";
}

enum match_risk match_class_risk(enum match_class class) {
    return is_class(class) ? classes[class].risk : RISK_NONE;
}

const char *match_risk_name(enum match_risk risk) {
    return (size_t)risk < COUNT_OF(risks) ? risks[risk] : "?";
}

const char *match_by_name(enum match_by by) {
    return (size_t)by < COUNT_OF(ways) ? ways[by] : "?";
}

#define USUAL_US (INT64_C(3) * 24 * 3600 * US_PER_SECOND)

const struct match_rule *match_rules_usual(int *ret_count) {
    static const struct match_rule usual[] = {
        {.by = BY_GATEWAY_ID, .name = "same gateway id"},
        {.by = BY_REFERENCE, .name = "same reference"},
        {.by = BY_ORIGINAL, .name = "same payment and amount"},
        {.by = BY_AMOUNT_TIME,
         .name = "same amount within three days",
         .before_us = USUAL_US,
         .after_us = USUAL_US},
    };
    *ret_count = COUNT_OF(usual);
    return usual;
}

/* ---- what is given ---- */

static int check_options(const struct match_options *options, struct err *err) {
    if (options->rule_count < 0 || options->rule_count > MATCH_RULES_MAX) {
        return err_set(err, ERR_VALIDATION, "there are %d rules; at most %d can be tried",
                       options->rule_count, MATCH_RULES_MAX);
    }
    for (int i = 0; i < options->rule_count; i++) {
        const struct match_rule *rule = &options->rules[i];
        if ((size_t)rule->by >= MATCH_WAYS || rule->name == NULL) {
            return err_set(err, ERR_VALIDATION, "rule %d has no name, or nothing to match by",
                           i + 1);
        }
        if (rule->tolerance_minor < 0 || rule->tolerance_ppm < 0 || rule->before_us < 0 ||
            rule->after_us < 0) {
            return err_set(err, ERR_VALIDATION,
                           "rule \"%s\" has a negative tolerance or a negative window", rule->name);
        }
        if (rule->tolerance_count < 0 || rule->tolerance_count > MATCH_TOLERANCES_MAX) {
            return err_set(err, ERR_VALIDATION, "rule \"%s\" has tolerances of %d currencies",
                           rule->name, rule->tolerance_count);
        }
        for (int j = 0; j < rule->tolerance_count; j++) {
            if (rule->tolerances[j].minor < 0) {
                return err_set(err, ERR_VALIDATION, "rule \"%s\" has a negative tolerance",
                               rule->name);
            }
        }
    }
    return 0;
}

/* When the amounts fit without their signs, so do all sums of them, in whatever order. */
static int check_rows(const struct matcher *m, struct err *err) {
    static const char *const whose[] = {"ours", "theirs"};
    for (int side = 0; side < MATCH_SIDES; side++) {
        if (m->counts[side] > (size_t)MATCH_ROWS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "%zu rows of %s are more than the %lld of one match",
                           m->counts[side], whose[side], (long long)MATCH_ROWS_MAX);
        }
        int64_t sizes = 0;
        for (size_t i = 0; i < m->counts[side]; i++) {
            int64_t amount = m->rows[side][i].amount_minor;
            if (amount == AMOUNT_UNSAID ||
                !money_add(sizes, amount < 0 ? -amount : amount, &sizes)) {
                return err_set(err, ERR_AMOUNT, "row %lld of %s has an amount that cannot be added",
                               (long long)m->rows[side][i].number, whose[side]);
            }
        }
    }
    return 0;
}

/* ---- drafts ---- */

void match_take(struct matcher *m, enum match_class class, const match_ref *refs, size_t count) {
    bool ours = false, moved = false;
    if (m->draft_count == m->draft_room) {
        m->draft_room = MAX(2 * m->draft_room, 64);
        m->drafts = g_renew(struct match_draft, m->drafts, m->draft_room);
    }
    for (size_t i = 0; i < count; i++) {
        enum match_side side = match_ref_side(refs[i]);
        uint32_t *group = &m->group_of[side][match_ref_index(refs[i])];
        INVARIANT(*group >= MATCH_FREE_AMBIGUOUS, "a row is taken once");
        *group = (uint32_t)m->draft_count;
        ours = ours || side == OURS;
        moved = moved || (side == THEIRS && match_row_at(m, refs[i])->status == ROW_DONE);
    }
    m->drafts[m->draft_count++] = (struct match_draft){(uint8_t) class, (int8_t)m->rule_index,
                                                       ours && moved};
    m->free_count -= count;
}

static void take_left_over(struct matcher *m) {
    m->rule = NULL;
    m->rule_index = -1;
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < m->counts[side]; i++) {
            match_ref ref = match_ref_of((enum match_side)side, i);
            if (match_is_free(m, ref)) {
                bool ambiguous = m->group_of[side][i] == MATCH_FREE_AMBIGUOUS;
                enum match_class class = ambiguous
                                             ? CLASS_AMBIGUOUS
                                             : match_class_alone(m->options, (enum match_side)side,
                                                                 &m->rows[side][i]);
                match_take(m, class, &ref, 1);
            }
        }
    }
}

static void run_rules(struct matcher *m) {
    for (int side = 0; side < MATCH_SIDES; side++) {
        m->group_of[side] = g_new(uint32_t, m->counts[side]);
        for (size_t i = 0; i < m->counts[side]; i++) {
            m->group_of[side][i] = MATCH_FREE;
        }
    }
    m->free_count = m->counts[OURS] + m->counts[THEIRS];
    for (int i = 0; i < m->options->rule_count && m->free_count > 0; i++) {
        m->rule = &m->options->rules[i];
        m->rule_index = i;
        if (m->rule->by == BY_BATCH) {
            match_by_batch(m);
        } else if (m->rule->by >= MATCH_BY_COUNT) {
            match_by_join(m);
        } else {
            match_by_key(m);
        }
    }
    take_left_over(m);
}

/* ---- the result ---- */

/* The indices of a side by number; NULL: the rows stand so already. */
static uint32_t *order_by_number(const struct match_row *rows, size_t count) {
    size_t sorted = 1;
    while (sorted < count && rows[sorted - 1].number <= rows[sorted].number) {
        sorted++;
    }
    if (sorted >= count) {
        return NULL;
    }
    struct match_entry *entries = g_new(struct match_entry, count);
    struct match_entry *spare = g_new(struct match_entry, count);
    for (size_t i = 0; i < count; i++) {
        /* With the sign turned, negative numbers come first. */
        uint64_t key = (uint64_t)rows[i].number ^ (uint64_t)1 << 63;
        entries[i] = (struct match_entry){key, (uint32_t)i};
    }
    match_sort_entries(&entries, &spare, count);
    g_free(spare);
    uint32_t *order = g_new(uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        order[i] = entries[i].ref;
    }
    g_free(entries);
    return order;
}

/* A group gets the next number when the first of its rows comes along, ours before theirs; then its
 * members stand in the order in which they came. */
static void number_groups(const struct matcher *m, struct match *match,
                          uint32_t *const orders[MATCH_SIDES]) {
    uint32_t *new_number = g_new(uint32_t, m->draft_count);
    for (size_t i = 0; i < m->draft_count; i++) {
        new_number[i] = MATCH_FREE;
    }
    match->groups = g_new0(struct match_group, m->draft_count);
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < m->counts[side]; i++) {
            uint32_t *of = &match->group_of[side][orders[side] != NULL ? orders[side][i] : i];
            if (new_number[*of] == MATCH_FREE) {
                struct match_group *fresh = &match->groups[match->group_count];
                fresh->class = (enum match_class)m->drafts[*of].class;
                fresh->rule = m->drafts[*of].rule;
                new_number[*of] = (uint32_t)match->group_count++;
            }
            *of = new_number[*of];
            struct match_group *group = &match->groups[*of];
            *(side == OURS ? &group->ours : &group->theirs) += 1;
        }
    }
    g_free(new_number);
}

static void place_members(const struct matcher *m, struct match *match,
                          uint32_t *const orders[MATCH_SIDES]) {
    size_t first = 0;
    match->members = g_new(uint32_t, m->counts[OURS] + m->counts[THEIRS]);
    for (size_t i = 0; i < match->group_count; i++) {
        match->groups[i].first = first;
        first += match->groups[i].ours + match->groups[i].theirs;
    }
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < m->counts[side]; i++) {
            uint32_t row = orders[side] != NULL ? orders[side][i] : (uint32_t)i;
            match->members[match->groups[match->group_of[side][row]].first++] = row;
        }
    }
    for (size_t i = 0; i < match->group_count; i++) {
        match->groups[i].first -= match->groups[i].ours + match->groups[i].theirs;
    }
}

static bool fits(match_wide value) {
    return value >= INT64_MIN && value <= INT64_MAX;
}

static int too_much(struct err *err, const char *what, const struct match_row *row) {
    return err_set(err, ERR_AMOUNT, "%s %.3s do not fit into 64 bits: see row %lld", what,
                   row->currency.code, (long long)row->number);
}

static int find_difference(struct match *match, const struct match_options *options,
                           struct match_group *group, struct err *err) {
    enum match_by by = group->rule < 0 ? BY_GATEWAY_ID : options->rules[group->rule].by;
    const struct match_row *first = NULL;
    match_wide sum = 0;
    for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
        bool here = i < group->ours;
        const struct match_row *row =
            &match->rows[here ? OURS : THEIRS][match->members[group->first + i]];
        first = first != NULL ? first : row;
        if (!currency_equal(first->currency, row->currency)) {
            return 0;
        }
        sum += here ? -match_counted(by, row) : match_counted(by, row);
    }
    if (!fits(sum)) {
        return too_much(err, "differences of amounts in", first);
    }
    group->difference_minor = (int64_t)sum;
    return 0;
}

static int find_differences(struct match *match, const struct match_options *options,
                            struct err *err) {
    enum { AHEAD = 32 };
    size_t member_count = match->row_count[OURS] + match->row_count[THEIRS];
    for (size_t i = 0; i < match->group_count; i++) {
        /* Theirs lie anywhere; of most groups that is the last. */
        size_t next = match->groups[i].first + AHEAD;
        if (next < member_count && match->row_count[THEIRS] > match->members[next]) {
            __builtin_prefetch(&match->rows[THEIRS][match->members[next]]);
        }
        int rc = find_difference(match, options, &match->groups[i], err);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- sums ---- */

struct adder {
    uint64_t key; /* currency, then class */
    const struct match_row *row;
    int64_t rows[MATCH_SIDES];
    int64_t amount[MATCH_SIDES];
    match_wide fee[MATCH_SIDES];
};

static int by_key(gconstpointer a, gconstpointer b) {
    const struct adder *x = (const struct adder *)a, *y = (const struct adder *)b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static guint find_adder(GArray *adders, GHashTable *places, uint64_t key,
                        const struct match_row *row) {
    gpointer place = g_hash_table_lookup(places, GSIZE_TO_POINTER(key));
    if (place == NULL) {
        struct adder fresh = {.key = key, .row = row};
        g_array_append_val(adders, fresh);
        place = GSIZE_TO_POINTER(adders->len);
        g_hash_table_insert(places, GSIZE_TO_POINTER(key), place);
    }
    return (guint)GPOINTER_TO_SIZE(place) - 1;
}

static GArray *add_rows(const struct match *match) {
    GArray *adders = g_array_new(false, true, sizeof(struct adder));
    GHashTable *places = g_hash_table_new(NULL, NULL);
    uint64_t key = 0;
    guint at = 0;
    for (int side = 0; side < MATCH_SIDES; side++) {
        for (size_t i = 0; i < match->row_count[side]; i++) {
            const struct match_row *row = &match->rows[side][i];
            enum match_class class = match->groups[match->group_of[side][i]].class;
            uint64_t here = (uint64_t)match_currency_word(row->currency) << 8 | (uint64_t) class;
            at = here == key ? at : find_adder(adders, places, here, row);
            key = here;
            struct adder *adder = &g_array_index(adders, struct adder, at);
            adder->rows[side]++;
            adder->amount[side] += row->amount_minor;
            adder->fee[side] += row->fee_minor == AMOUNT_UNSAID ? 0 : row->fee_minor;
        }
    }
    g_hash_table_destroy(places);
    g_array_sort(adders, by_key);
    return adders;
}

static int find_sums(struct match *match, struct err *err) {
    GArray *adders = add_rows(match);
    int rc = 0;
    match->sums = g_new0(struct match_sum, adders->len);
    match->sum_count = adders->len;
    for (guint i = 0; i < adders->len && rc == 0; i++) {
        const struct adder *adder = &g_array_index(adders, struct adder, i);
        struct match_sum *sum = &match->sums[i];
        sum->currency = adder->row->currency;
        sum->class = (enum match_class)(adder->key & 0xff);
        for (int side = 0; side < MATCH_SIDES && rc == 0; side++) {
            sum->rows[side] = adder->rows[side];
            sum->amount_minor[side] = adder->amount[side];
            sum->fee_minor[side] = (int64_t)adder->fee[side];
            rc = fits(adder->fee[side]) ? 0 : too_much(err, "sums of fees in", adder->row);
        }
    }
    g_array_free(adders, true);
    return rc;
}

static int finish(struct matcher *m, struct match *match, struct err *err) {
    uint32_t *orders[MATCH_SIDES];
    for (int side = 0; side < MATCH_SIDES; side++) {
        orders[side] = order_by_number(m->rows[side], m->counts[side]);
        match->rows[side] = m->rows[side];
        match->row_count[side] = m->counts[side];
        match->group_of[side] = g_steal_pointer(&m->group_of[side]);
    }
    number_groups(m, match, orders);
    g_clear_pointer(&m->drafts, g_free);
    place_members(m, match, orders);
    g_free(orders[OURS]);
    g_free(orders[THEIRS]);
    int rc = find_differences(match, m->options, err);
    return rc != 0 ? rc : find_sums(match, err);
}

int match_run(const struct match_row *ours, size_t our_count, const struct match_row *theirs,
              size_t their_count, const struct match_options *options, struct match **ret_match,
              struct err *err) {
    struct matcher m = {
        .rows = {ours, theirs}, .counts = {our_count, their_count}, .options = options};
    int rc = check_options(options, err);
    rc = rc != 0 ? rc : check_rows(&m, err);
    if (rc != 0) {
        return rc;
    }
    struct match *match = g_new0(struct match, 1);
    run_rules(&m);
    rc = finish(&m, match, err);
    if (rc != 0) {
        match_free(match);
        return rc;
    }
    *ret_match = match;
    return 0;
}

void match_free(struct match *match) {
    if (match == NULL) {
        return;
    }
    g_free(match->groups);
    g_free(match->members);
    g_free(match->group_of[OURS]);
    g_free(match->group_of[THEIRS]);
    g_free(match->sums);
    g_free(match);
}
