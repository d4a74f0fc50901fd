/* SPDX-License-Identifier: Apache-2.0
 * match_explain.c: why a row is where it is, rule by rule.
 *
 * Nothing is kept for this while rules run. A row was free when a rule began if no earlier rule has
 * its group; so what the rule saw is looked for again, in one walk along the other side a rule. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "match/match_impl.h"

enum { NAMED_MAX = 5, SHOWN = 64, LIST_BYTES = 200 };

struct explainer {
    const struct match *match;
    const struct match_options *options;
    struct matcher m; /* as it was when the rule in question began; only looked at */
    match_ref ref;
    const struct match_row *row;
    struct buf *buf;
};

static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};
static const char *const families[] = {
    [FAMILY_PAYMENT] = "payments", [FAMILY_REFUND] = "refunds",
    [FAMILY_DISPUTE] = "disputes", [FAMILY_THEIRS] = "the gateway's own",
    [FAMILY_BANK] = "payouts",
};
static const char *const field_names[MATCH_WAYS] = {
    [BY_GATEWAY_ID] = "gateway id",
    [BY_REFERENCE] = "reference",
    [BY_ORIGINAL] = "payment that it is about",
    [BY_AMOUNT_TIME] = "time",
    [BY_BATCH] = "batch",
    [BY_PAYOUT_NAME] = "name",
    [BY_PAYOUT_SUM] = "sum",
    [BY_PAYOUT_PARTS] = "sum",
};

/* Some rows by their numbers. */
struct some {
    size_t count;
    int64_t named[NAMED_MAX];
};

static void some_add(struct some *some, int64_t number) {
    if (some->count < NAMED_MAX) {
        some->named[some->count] = number;
    }
    some->count++;
}

/* "theirs 8, 9 and 3 more" */
static const char *some_text(const struct some *some, enum match_side side, char *text) {
    size_t used = (size_t)snprintf(text, LIST_BYTES, "%s", sides[side]);
    for (size_t i = 0; i < some->count && i < NAMED_MAX; i++) {
        used += (size_t)snprintf(text + used, LIST_BYTES - used, "%s %lld", i > 0 ? "," : "",
                                 (long long)some->named[i]);
    }
    if (some->count > NAMED_MAX) {
        (void)snprintf(text + used, LIST_BYTES - used, " and %zu more", some->count - NAMED_MAX);
    }
    return text;
}

static const char *money_text(match_wide amount, struct currency currency, char *text) {
    int64_t amount_minor = (int64_t)CLAMP(amount, INT64_MIN, INT64_MAX);
    char code[CURRENCY_CHARS + 1] = "";
    memcpy(code, currency.code, CURRENCY_CHARS);
    struct currency known;
    if (currency_parse(code, &known, NULL) == 0) {
        return money_show(amount_minor, known, text);
    }
    (void)snprintf(text, MONEY_TEXT_MAX, "%lld minor units", (long long)amount_minor);
    return text;
}

static void add_text(struct buf *buf, const char *what, const struct match_text *text) {
    char shown[SHOWN];
    if (match_text_told(text)) {
        text_shown(text->bytes, text->count, shown, sizeof shown);
        buf_addf(buf, ", %s \"%s\"", what, shown);
    }
}

static void tell_row(const struct explainer *e) {
    char money[MONEY_TEXT_MAX], at[CLOCK_TEXT_MAX];
    const struct match_row *row = e->row;
    buf_addf(e->buf, "%s %lld is a %s of %s, %s", sides[match_ref_side(e->ref)],
             (long long)row->number, row_kind_name(row->kind),
             money_text(row->amount_minor, row->currency, money), row_status_name(row->status));
    if (row->at_us != 0) {
        buf_addf(e->buf, " at %s", clock_format(row->at_us, at));
    }
    add_text(e->buf, "gateway id", &row->gateway_id);
    add_text(e->buf, "reference", &row->reference);
    add_text(e->buf, "about the payment", &row->original_id);
    add_text(e->buf, "batch", &row->batch);
    buf_add_text(e->buf, ".\n");
}

/* ---- what a rule saw ---- */

struct view {
    struct some
        free[MATCH_SIDES]; /* rows that the rule could have put with this one, or beside it */
    struct some taken;     /* of the other side, by earlier rules */
    struct some apart;     /* of the other side, that other ids tell apart */
};

static bool was_free(const struct explainer *e, enum match_side side, size_t i) {
    int rule = e->match->groups[e->match->group_of[side][i]].rule;
    return rule < 0 || rule >= e->m.rule_index;
}

static bool shares_key(const struct explainer *e, enum match_side side, size_t i) {
    const struct match_row *row = &e->match->rows[side][i];
    if (!match_rule_looks(e->m.rule, side, row)) {
        return false;
    }
    if (e->m.rule->by >= MATCH_BY_COUNT) {
        return row->join == e->row->join;
    }
    if (e->m.rule->by != BY_BATCH || side == match_ref_side(e->ref)) {
        return match_key_compare(&e->m, e->ref, match_ref_of(side, i)) == 0;
    }
    return side == THEIRS ? match_names_batch(row, &e->row->batch)
                          : match_names_batch(e->row, &row->batch);
}

static bool in_window(const struct explainer *e, const struct match_row *other) {
    bool here = match_ref_side(e->ref) == OURS;
    return e->m.rule->by != BY_AMOUNT_TIME ||
           match_in_window(e->m.rule, here ? e->row->at_us : other->at_us,
                           here ? other->at_us : e->row->at_us);
}

static void look_at_side(const struct explainer *e, enum match_side side, struct view *view) {
    bool across = side != match_ref_side(e->ref);
    unsigned bits = match_told_apart_bits(e->options, e->m.rule_index, e->row);
    for (size_t i = 0; i < e->match->row_count[side]; i++) {
        const struct match_row *row = &e->match->rows[side][i];
        if (!shares_key(e, side, i) || (across && !in_window(e, row))) {
            continue;
        }
        bool apart = across && e->m.rule->by == BY_AMOUNT_TIME &&
                     (bits & match_told_apart_bits(e->options, e->m.rule_index, row)) != 0;
        if (!was_free(e, side, i)) {
            if (across) {
                some_add(&view->taken, row->number);
            }
        } else {
            some_add(apart ? &view->apart : &view->free[side], row->number);
        }
    }
}

static void tell_nobody(const struct explainer *e, const struct view *view, enum match_side other) {
    char list[LIST_BYTES], shown[SHOWN] = "";
    const struct match_text *text = match_rule_text(e->m.rule->by, e->row);
    if (e->m.rule->by == BY_AMOUNT_TIME) {
        buf_addf(e->buf, "no row of %s that was free has this amount at such a time", sides[other]);
    } else if (e->m.rule->by == BY_BATCH && other == OURS) {
        buf_addf(e->buf, "no row of ours that was free is of a batch that the row names");
    } else {
        text_shown(text->bytes, text->count, shown, sizeof shown);
        buf_addf(e->buf, "no row of %s that was free has the %s \"%s\"", sides[other],
                 field_names[e->m.rule->by], shown);
    }
    if (view->taken.count > 0) {
        buf_addf(e->buf, "; %s had been taken before", some_text(&view->taken, other, list));
    }
    if (view->apart.count > 0) {
        buf_addf(e->buf, "; %s would fit, but other ids tell them apart",
                 some_text(&view->apart, other, list));
    }
    buf_add_text(e->buf, ".\n");
}

static void tell_many(const struct explainer *e, const struct view *view, enum match_side other) {
    char here[LIST_BYTES], there[LIST_BYTES];
    const struct some *others = &view->free[other];
    some_text(&view->free[match_ref_side(e->ref)], match_ref_side(e->ref), here);
    some_text(others, other, there);
    switch (e->m.rule->by) {
    case BY_AMOUNT_TIME:
        if (others->count == 1) {
            buf_addf(e->buf, "%s fits it, but fits other rows as well, so none was taken.\n",
                     there);
        } else {
            buf_addf(e->buf, "%s fit it equally well, so none was taken.\n", there);
        }
        return;
    case BY_ORIGINAL:
        buf_addf(e->buf,
                 "%s and %s are about the same payment with the same amount; it takes one of each "
                 "side.\n",
                 here, there);
        return;
    case BY_BATCH:
        buf_addf(
            e->buf,
            "%s %s; that counts only for the one row of its currency that does, if it names no "
            "other batch.\n",
            there, other == THEIRS ? "names its batch" : "is of a batch that it names");
        return;
    case BY_PAYOUT_NAME:
    case BY_PAYOUT_SUM:
    case BY_PAYOUT_PARTS:
        buf_addf(e->buf, "it was put together with %s, and their sums are not the same.\n", there);
        return;
    case BY_GATEWAY_ID:
    case BY_REFERENCE:
    case MATCH_WAYS:
        break;
    }
    INVARIANT(false, "rows of one id or reference on both sides are taken");
}

/* Of a row that its owner has put together with none. */
static const char *not_joined(enum match_by by, enum match_side side) {
    static const char *const says[][MATCH_SIDES] = {
        [BY_PAYOUT_NAME - MATCH_BY_COUNT] =
            {"no line that was free bears the name of this payout",
             "it bears the name of no payout that was free"},
        [BY_PAYOUT_SUM - MATCH_BY_COUNT] =
            {"it is part of no sum of payouts that is a line's amount, or of more than one",
             "it is the sum of no payouts that follow each other, or of several such"},
        [BY_PAYOUT_PARTS - MATCH_BY_COUNT] =
            {"it is the sum of no lines within its time, or of several such",
             "it is part of no sum of lines that is a payout's amount, or of more than one"},
    };
    static_assert(COUNT_OF(says) == MATCH_WAYS - MATCH_BY_COUNT, "each way says why");
    return says[by - MATCH_BY_COUNT][side];
}

/* Why this rule did not take it. */
static void tell_passed(const struct explainer *e) {
    const struct match_rule *rule = e->m.rule;
    enum match_side side = match_ref_side(e->ref), other = side == OURS ? THEIRS : OURS;
    enum row_family family = row_kind_family(e->row->kind);
    bool payee = rule->by == BY_BATCH && side == THEIRS;
    if (payee ? family != FAMILY_BANK : !match_rule_covers(rule, e->row)) {
        buf_addf(e->buf, "it does not look at rows of this family (%s).\n", families[family]);
        return;
    }
    if (rule->by >= MATCH_BY_COUNT && !match_rule_looks(rule, side, e->row)) {
        buf_addf(e->buf, "%s.\n", not_joined(rule->by, side));
        return;
    }
    if (!match_rule_looks(rule, side, e->row)) {
        bool waits = rule->by == BY_BATCH && match_text_told(&e->row->batch);
        buf_addf(e->buf,
                 waits ? "no money has moved here that could be in a %s.\n"
                       : "the row tells no %s.\n",
                 field_names[rule->by]);
        return;
    }
    struct view view = {0};
    look_at_side(e, OURS, &view);
    look_at_side(e, THEIRS, &view);
    if (view.free[other].count == 0) {
        tell_nobody(e, &view, other);
    } else {
        tell_many(e, &view, other);
    }
}

/* ---- what it was taken into ---- */

static const struct match_row *member(const struct explainer *e, const struct match_group *group,
                                      size_t i) {
    return &e->match->rows[i < group->ours ? OURS : THEIRS][e->match->members[group->first + i]];
}

/* "alone": who else has its key, and to whom of this side they went. */
static void tell_alone(const struct explainer *e) {
    enum match_side side = match_ref_side(e->ref), other = side == OURS ? THEIRS : OURS;
    struct some rivals = {0}, winners = {0};
    char list[LIST_BYTES];
    for (size_t i = 0; i < e->match->row_count[other]; i++) {
        const struct match_group *to = &e->match->groups[e->match->group_of[other][i]];
        if (!shares_key(e, other, i)) {
            continue;
        }
        some_add(&rivals, e->match->rows[other][i].number);
        for (size_t k = 0; k < (size_t)to->ours + to->theirs; k++) {
            if ((k < to->ours) == (side == OURS)) {
                some_add(&winners, member(e, to, k)->number);
            }
        }
    }
    buf_addf(e->buf, " alone: ");
    if (rivals.count == 0 || winners.count == 0) {
        buf_addf(e->buf, "other rows have its %s, and none of them was left for it",
                 field_names[e->m.rule->by]);
        return;
    }
    buf_addf(e->buf, "%s %s its %s too, but went to ", some_text(&rivals, other, list),
             rivals.count == 1 ? "has" : "have", field_names[e->m.rule->by]);
    buf_add_text(e->buf, some_text(&winners, side, list));
}

static void tell_taken(const struct explainer *e, const struct match_group *group) {
    struct some others[MATCH_SIDES] = {0};
    char list[LIST_BYTES];
    const char *join = " together with ";
    for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
        const struct match_row *row = member(e, group, i);
        if (row != e->row) {
            some_add(&others[i < group->ours ? OURS : THEIRS], row->number);
        }
    }
    buf_add_text(e->buf, "took it");
    for (int side = 0; side < MATCH_SIDES; side++) {
        if (others[side].count > 0) {
            buf_addf(e->buf, "%s%s", join, some_text(&others[side], (enum match_side)side, list));
            join = " and ";
        }
    }
    if (group->ours + group->theirs == 1) {
        tell_alone(e);
    }
    buf_add_text(e->buf, ".\n");
}

/* The two sums as they were compared, and what the rule allows. */
static void tell_amounts(const struct explainer *e, const struct match_group *group) {
    const struct match_rule *rule = &e->options->rules[group->rule];
    char ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX], less[MONEY_TEXT_MAX];
    match_wide sums[MATCH_SIDES] = {0};
    struct currency currency = e->row->currency;
    for (size_t i = 0; i < (size_t)group->ours + group->theirs; i++) {
        sums[i < group->ours ? OURS : THEIRS] += match_counted(rule->by, member(e, group, i));
    }
    buf_addf(e->buf, "ours: %s; theirs: %s; theirs less ours: %s",
             money_text(sums[OURS], currency, ours), money_text(sums[THEIRS], currency, theirs),
             money_text(group->difference_minor, currency, less));
    int64_t allowed_minor = match_allowed_minor(rule, currency);
    if (allowed_minor > 0 || rule->tolerance_ppm > 0) {
        buf_addf(e->buf, "; allowed: %s or %d millionths%s",
                 money_text(allowed_minor, currency, less), rule->tolerance_ppm,
                 rule->less_only ? " less, never more" : "");
    }
    buf_add_text(e->buf, ".\n");
}

static void tell_clock(const struct explainer *e, const struct match_row *ours) {
    char due[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
    if (ours->due_us == INT64_MAX) {
        buf_addf(e->buf, "no time is set by which it must appear there.\n");
        return;
    }
    if (ours->due_us == 0) {
        buf_addf(e->buf, "nothing is waited for: what is not there is missing.\n");
        return;
    }
    buf_addf(e->buf, "it has until %s to appear there; the run was at %s.\n",
             clock_format(ours->due_us, due), clock_format(e->options->now_us, now));
}

/* Minutes, as the configuration has them; INT64_MAX: however much. */
static void tell_span(struct buf *buf, int64_t us, const char *words) {
    if (us == INT64_MAX) {
        buf_addf(buf, "any time %s", words);
    } else {
        buf_addf(buf, "at most %lld min %s", (long long)(us / (60 * US_PER_SECOND)), words);
    }
}

static void tell_usual(const struct explainer *e, const struct match_rule *rule) {
    buf_add_text(e->buf, "; usual is there ");
    tell_span(e->buf, rule->before_us, "before");
    buf_add_text(e->buf, " and ");
    tell_span(e->buf, rule->after_us, "after");
    buf_add_text(e->buf, ".\n");
}

static void tell_pair(const struct explainer *e, const struct match_row *ours,
                      const struct match_row *theirs, enum match_class class, int rule) {
    char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];
    if (class == CLASS_KIND) {
        buf_addf(e->buf, "ours is a %s, theirs a %s.\n", row_kind_name(ours->kind),
                 row_kind_name(theirs->kind));
    } else if (class == CLASS_CURRENCY) {
        buf_addf(e->buf, "ours: %s; theirs: %s.\n",
                 money_text(ours->amount_minor, ours->currency, a),
                 money_text(theirs->amount_minor, theirs->currency, b));
    } else if (class == CLASS_FEE) {
        buf_addf(e->buf, "the fee is %s here and %s there.\n",
                 money_text(ours->fee_minor, ours->currency, a),
                 money_text(theirs->fee_minor, theirs->currency, b));
    } else if (class == CLASS_LATE) {
        char at[CLOCK_TEXT_MAX], there[CLOCK_TEXT_MAX];
        buf_addf(e->buf, "it was at %s here and at %s there", clock_format(ours->at_us, at),
                 clock_format(theirs->at_us, there));
        tell_usual(e, &e->options->rules[rule]);
    } else {
        buf_addf(e->buf, "it is %s here and %s there.\n", row_status_name(ours->status),
                 row_status_name(theirs->status));
    }
}

/* What the class rests on. */
static void tell_grounds(const struct explainer *e, const struct match_group *group) {
    const struct match_row *first = member(e, group, 0);
    const struct match_row *last = member(e, group, (size_t)group->ours + group->theirs - 1);
    bool both = group->ours > 0 && group->theirs > 0;
    switch (group->class) {
    case CLASS_MATCHED:
    case CLASS_MATCHED_TOLERANCE:
    case CLASS_AMOUNT_OVER:
    case CLASS_AMOUNT_UNDER:
    case CLASS_REFUND_MISMATCH:
    case CLASS_SPLIT:
    case CLASS_PAYOUT:
        tell_amounts(e, group);
        return;
    case CLASS_KIND:
    case CLASS_CURRENCY:
    case CLASS_FEE:
    case CLASS_LATE:
    case CLASS_PAID_THERE:
    case CLASS_PROBE:
    case CLASS_TWO_GATEWAYS:
    case CLASS_NOTHING_MOVED:
        if (both) {
            tell_pair(e, first, last, group->class, group->rule);
        }
        return;
    case CLASS_EXPECTED:
    case CLASS_OPEN_THERE:
    case CLASS_MISSING_THERE:
    case CLASS_REFUND_LOST:
    case CLASS_BANK_MISSING:
    case CLASS_DUPLICATE_HERE:
        tell_clock(e, first);
        return;
    case CLASS_GATEWAYS_OWN:
    case CLASS_MISSING_HERE:
    case CLASS_DUPLICATE_THERE:
    case CLASS_DOUBLE_CHARGE:
    case CLASS_ORPHAN_REFUND:
    case CLASS_ORPHAN_DISPUTE:
    case CLASS_REFUND_FAILED:
    case CLASS_OPEN_HERE:
    case CLASS_BANK_UNKNOWN:
    case CLASS_AMBIGUOUS:
    case CLASS_COUNT:
        return;
    }
}

void match_explain(const struct match *match, const struct match_options *options,
                   enum match_side side, size_t row, struct buf *buf) {
    INVARIANT(row < match->row_count[side], "a row of the match");
    INVARIANT(match->groups[match->group_of[side][row]].rule < options->rule_count,
              "the options of the match");
    struct explainer e = {.match = match,
                          .options = options,
                          .ref = match_ref_of(side, row),
                          .row = &match->rows[side][row],
                          .buf = buf};
    const struct match_group *group = &match->groups[match->group_of[side][row]];
    e.m = (struct matcher){.rows = {match->rows[OURS], match->rows[THEIRS]}, .options = options};
    tell_row(&e);
    int last = group->rule < 0 ? options->rule_count - 1 : group->rule;
    for (int i = 0; i <= last; i++) {
        e.m.rule = &options->rules[i];
        e.m.rule_index = i;
        char name[SHOWN];
        text_shown(e.m.rule->name, strlen(e.m.rule->name), name, sizeof name);
        buf_addf(buf, "rule %d \"%s\" (%s): ", i + 1, name, match_by_name(e.m.rule->by));
        if (i == group->rule) {
            tell_taken(&e, group);
        } else {
            tell_passed(&e);
        }
    }
    if (group->rule < 0) {
        buf_addf(buf, "no rule took it.\n");
    }
    buf_addf(buf, "so it is %s: %s.\n", match_class_name(group->class),
             match_class_what(group->class));
    tell_grounds(&e, group);
}
