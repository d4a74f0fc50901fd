/* SPDX-License-Identifier: Apache-2.0
 * rules.c: from the configuration to rules, and from facts to a decision. See rules.h. */
#include "risk/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "risk/internal.h"

enum { PLACE_CHARS_MAX = 48, WHERE_CHARS_MAX = 120 };

struct condition {
    const struct risk_condition_config *said;
    int64_t amount_min, amount_max; /* -1: not said */
    struct currency currency;
    int meter; /* -1: none */
    int64_t limit;
};

struct rule {
    const struct risk_rule_config *said;
    enum risk_action action; /* RISK_ALLOW: none, its score alone */
    struct condition all[RISK_CONDITIONS_MAX], any[RISK_CONDITIONS_MAX];
};

struct risk_rules {
    const struct risk_config *said;
    enum risk_policy policy;
    struct rule *rules;
    int count;
    struct risk_meter meters[RISK_METERS_MAX];
    int meter_count;
};

/* ---- names ---- */

static const char *const action_names[] = {"allow", "review", "hold", "deny"};
static const char *const by_names[] = {"?", "customer", "card", "ip", "email", "region"};
static const char *const list_names[] = {"block", "allow", "watch"};
static const char *const answer_names[] = {"not_asked",   "scored",  "late",
                                           "unreachable", "garbage", "breaker_open"};
static const char *const policy_names[] = {"none", "open", "review", "closed"};
static_assert(COUNT_OF(by_names) == RISK_BYS, "every dimension has a name");
static_assert(COUNT_OF(list_names) == RISK_LISTS, "every list has a name");
static_assert(COUNT_OF(answer_names) == RISK_ANSWERS, "every answer has a name");

static const char *name_of(const char *const *names, size_t count, size_t index) {
    return index < count ? names[index] : "?";
}

/* The index of the name, from `first` on; -1. */
static int index_of(const char *const *names, size_t count, size_t first, const char *name) {
    for (size_t i = first; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *risk_action_name(enum risk_action action) {
    return name_of(action_names, COUNT_OF(action_names), (size_t)action);
}

bool risk_action_parse(const char *name, enum risk_action *ret_action) {
    int index = index_of(action_names, COUNT_OF(action_names), 0, name);
    *ret_action = index >= 0 ? (enum risk_action)index : *ret_action;
    return index >= 0;
}

const char *risk_by_name(enum risk_by by) {
    return name_of(by_names, COUNT_OF(by_names), (size_t)by);
}

bool risk_by_parse(const char *name, enum risk_by *ret_by) {
    int index = index_of(by_names, COUNT_OF(by_names), RISK_BY_CUSTOMER, name);
    *ret_by = index >= 0 ? (enum risk_by)index : *ret_by;
    return index >= 0;
}

const char *risk_list_name(enum risk_list list) {
    return name_of(list_names, COUNT_OF(list_names), (size_t)list);
}

bool risk_list_parse(const char *name, enum risk_list *ret_list) {
    int index = index_of(list_names, COUNT_OF(list_names), 0, name);
    *ret_list = index >= 0 ? (enum risk_list)index : *ret_list;
    return index >= 0;
}

const char *risk_answer_name(enum risk_answer answer) {
    return name_of(answer_names, COUNT_OF(answer_names), (size_t)answer);
}

const char *risk_policy_name(enum risk_policy policy) {
    return name_of(policy_names, COUNT_OF(policy_names), (size_t)policy);
}

const char *risk_value(const struct risk_facts *facts, enum risk_by by) {
    switch (by) {
    case RISK_BY_CUSTOMER:
        return facts->customer_id;
    case RISK_BY_CARD:
        return facts->card;
    case RISK_BY_IP:
        return facts->ip;
    case RISK_BY_EMAIL:
        return facts->email;
    case RISK_BY_REGION:
        return facts->region;
    case RISK_BYS:
        break;
    }
    INVARIANT(false, "a dimension out of its table");
    return "";
}

/* ---- understanding the configuration ---- */

/* Says which key is wrong: "risk.rules[2].all[0]" and the key itself. */
static int wrong(struct err *err, const char *place, const char *key, const char *what) {
    err_set(err, ERR_CONFIG, "%s: %s", key, what);
    return err_place(err, "%s.%s", place, key);
}

bool risk_over_parse(const char *text, int64_t *ret_over_us) {
    static const struct {
        char unit;
        int64_t us;
    } units[] = {{'s', US_PER_SECOND},
                 {'m', 60 * US_PER_SECOND},
                 {'h', 3600 * US_PER_SECOND},
                 {'d', 86400 * US_PER_SECOND}};
    char *end;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 8) {
        return false;
    }
    long long value = strtoll(text, &end, 10);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (end[0] == units[i].unit && end[1] == '\0') {
            int64_t over_us = value * units[i].us;
            bool fits = over_us >= RISK_OVER_MIN_US && over_us <= RISK_OVER_MAX_US;
            *ret_over_us = fits ? over_us : *ret_over_us;
            return fits;
        }
    }
    return false;
}

static int read_currency(const char *text, const char *place, struct currency *ret_currency,
                         struct err *err) {
    return text == NULL ? 0
           : currency_parse(text, ret_currency, NULL) < 0
               ? wrong(err, place, "currency", "there is no such currency")
               : 0;
}

/* The meter that counts this, one that is there already or a new one. */
static int find_meter(struct risk_rules *rules, const struct risk_meter *wanted) {
    for (int i = 0; i < rules->meter_count; i++) {
        const struct risk_meter *meter = &rules->meters[i];
        if (meter->by == wanted->by && meter->over_us == wanted->over_us &&
            strcmp(meter->currency, wanted->currency) == 0) {
            return i;
        }
    }
    if (rules->meter_count == RISK_METERS_MAX) {
        return -1;
    }
    rules->meters[rules->meter_count] = *wanted;
    return rules->meter_count++;
}

static int read_velocity(struct risk_rules *rules, const struct risk_velocity_config *said,
                         const char *place, struct condition *condition, struct err *err) {
    char here[WHERE_CHARS_MAX + 16];
    struct risk_meter meter = {0};
    struct currency currency = {{0}};
    snprintf(here, sizeof here, "%s.velocity", place);
    if (!risk_by_parse(said->by, &meter.by) || meter.by == RISK_BY_REGION) {
        return wrong(err, here, "by", "customer, card, ip or email");
    }
    if (!risk_over_parse(said->over, &meter.over_us)) {
        return wrong(err, here, "over", "a time from 12s to 90d, like 10m or 24h");
    }
    if ((said->count > 0) == (said->sum > 0)) {
        return wrong(err, here, said->count > 0 ? "sum" : "count",
                     "one of count and sum, from 1 on, and not both");
    }
    if (said->sum > INT64_MAX / 2) {
        return wrong(err, here, "sum", "that is more than can be counted");
    }
    if ((said->sum > 0) != (said->currency != NULL)) {
        return wrong(err, here, "currency",
                     "a sum is of one currency, which must be said; a count has none");
    }
    int r = read_currency(said->currency, here, &currency, err);
    if (r < 0) {
        return r;
    }
    meter.bucket_us = (meter.over_us + RISK_BUCKETS - 1) / RISK_BUCKETS;
    memcpy(meter.currency, currency.code, sizeof meter.currency);
    condition->limit = said->sum > 0 ? (int64_t)said->sum : said->count;
    condition->meter = find_meter(rules, &meter);
    return condition->meter >= 0 ? 0
                                 : wrong(err, here, "by",
                                         "there are more than 8 different velocities (by, over and "
                                         "currency) in these rules");
}

static int read_amounts(const struct risk_condition_config *said, const char *place,
                        struct condition *condition, struct err *err) {
    const uint64_t most = (uint64_t)AMOUNT_MINOR_MAX;
    bool amounts = said->amount_min != NULL || said->amount_max != NULL;
    if (amounts && said->currency == NULL) {
        return wrong(err, place, "currency", "an amount is of one currency, which must be said");
    }
    if ((said->amount_min != NULL && *said->amount_min > most) ||
        (said->amount_max != NULL && *said->amount_max > most)) {
        return wrong(err, place, said->amount_min != NULL ? "amount_min" : "amount_max",
                     "no amount is that high");
    }
    condition->amount_min = said->amount_min != NULL ? (int64_t)*said->amount_min : -1;
    condition->amount_max = said->amount_max != NULL ? (int64_t)*said->amount_max : -1;
    if (condition->amount_max >= 0 && condition->amount_min > condition->amount_max) {
        return wrong(err, place, "amount_min", "it is above amount_max: nothing would ever hold");
    }
    return read_currency(said->currency, place, &condition->currency, err);
}

static int check_names(char **names, unsigned count, const char *const *allowed, const char *place,
                       const char *key, struct err *err) {
    for (unsigned i = 0; i < count; i++) {
        bool known = false;
        for (size_t j = 0; allowed[j] != NULL; j++) {
            known = known || strcmp(names[i], allowed[j]) == 0;
        }
        if (!known) {
            char list[120] = "one of ";
            for (size_t j = 0; allowed[j] != NULL; j++) {
                size_t used = strlen(list);
                snprintf(list + used, sizeof list - used, "%s%s", j > 0 ? ", " : "", allowed[j]);
            }
            return wrong(err, place, key, list);
        }
    }
    return 0;
}

static int check_regions(char **regions, unsigned count, const char *place, const char *key,
                         struct err *err) {
    for (unsigned i = 0; i < count; i++) {
        if (!text_is_region(regions[i])) {
            return wrong(err, place, key, "regions of two capital letters, like DE");
        }
    }
    return 0;
}

static int read_condition(struct risk_rules *rules, const struct risk_condition_config *said,
                          const char *place, struct condition *condition, struct err *err) {
    static const char *const methods[] = {"card",     "paypal",        "alipay", "wechatpay",
                                          "unionpay", "bank_transfer", NULL};
    static const char *const purposes[] = {"order", "subscription", "topup", NULL};
    *condition = (struct condition){.said = said, .meter = -1};
    bool any = said->currency != NULL || said->regions_count > 0 || said->regions_not_count > 0 ||
               said->methods_count > 0 || said->purposes_count > 0 || said->vip != NULL ||
               said->watched != NULL || said->velocity != NULL || said->amount_min != NULL ||
               said->amount_max != NULL;
    if (!any) {
        err_set(err, ERR_CONFIG, "an empty condition would hold for every payment");
        return err_place(err, "%s", place);
    }
    int r = read_amounts(said, place, condition, err);
    r = r < 0 ? r : check_names(said->methods, said->methods_count, methods, place, "methods", err);
    r = r < 0 ? r
              : check_names(said->purposes, said->purposes_count, purposes, place, "purposes", err);
    r = r < 0 ? r : check_regions(said->regions, said->regions_count, place, "regions", err);
    r = r < 0
            ? r
            : check_regions(said->regions_not, said->regions_not_count, place, "regions_not", err);
    return r < 0 || said->velocity == NULL
               ? r
               : read_velocity(rules, said->velocity, place, condition, err);
}

static int read_conditions(struct risk_rules *rules, const struct risk_condition_config *said,
                           unsigned count, const char *place, struct condition *conditions,
                           struct err *err) {
    char here[WHERE_CHARS_MAX];
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < count; i++) {
        snprintf(here, sizeof here, "%s[%u]", place, i);
        r = read_condition(rules, &said[i], here, &conditions[i], err);
    }
    return r;
}

static bool good_name(const char *name) {
    size_t chars = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return chars > 0 && chars <= RISK_NAME_CHARS_MAX && name[chars] == '\0';
}

static int read_rule(struct risk_rules *rules, const struct risk_rule_config *said,
                     const char *place, struct err *err) {
    struct rule *rule = &rules->rules[rules->count];
    char here[WHERE_CHARS_MAX];
    *rule = (struct rule){.said = said, .action = RISK_ALLOW};
    if (!good_name(said->name)) {
        return wrong(err, place, "name", "1 to 60 of a-z, 0-9 and -");
    }
    for (int i = 0; i < rules->count; i++) {
        if (strcmp(rules->rules[i].said->name, said->name) == 0) {
            return wrong(err, place, "name", "there is a rule of this name before it");
        }
    }
    if (said->action != NULL &&
        (!risk_action_parse(said->action, &rule->action) || rule->action == RISK_ALLOW)) {
        return wrong(err, place, "action", "deny, hold or review, or absent with a score");
    }
    if (said->score > RISK_SCORE_MAX || (said->action == NULL && said->score == 0)) {
        return wrong(err, place, "score", "a rule has an action, or a score from 1 to 1000");
    }
    if (said->all_count + said->any_count == 0) {
        return wrong(err, place, "all", "a rule has a condition at least, in all or in any");
    }
    snprintf(here, sizeof here, "%s.all", place);
    int r = read_conditions(rules, said->all, said->all_count, here, rule->all, err);
    snprintf(here, sizeof here, "%s.any", place);
    r = r < 0 ? r : read_conditions(rules, said->any, said->any_count, here, rule->any, err);
    rules->count++;
    return r;
}

static int read_policy(struct risk_rules *rules, struct err *err) {
    const struct risk_scorer_config *scorer = rules->said->scorer;
    if (scorer == NULL) {
        return 0;
    }
    int index = index_of(policy_names, COUNT_OF(policy_names), RISK_FAIL_OPEN, scorer->fail);
    if (index < 0) {
        return wrong(err, "risk.scorer", "fail",
                     "what happens without its answer: open, review or closed");
    }
    rules->policy = (enum risk_policy)index;
    return 0;
}

static int read_thresholds(const struct risk_config *said, struct err *err) {
    unsigned at = 0;
    const struct {
        const char *key;
        unsigned score;
    } steps[] = {{"review_score", said->review_score},
                 {"hold_score", said->hold_score},
                 {"deny_score", said->deny_score}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (steps[i].score > 0 && steps[i].score <= at) {
            return wrong(err, "risk", steps[i].key,
                         "it must be above the thresholds of weaker actions");
        }
        at = steps[i].score > 0 ? steps[i].score : at;
    }
    return 0;
}

int risk_rules_new(const struct risk_config *config, struct risk_rules **ret_rules,
                   struct err *err) {
    struct risk_rules *rules = calloc(1, sizeof *rules);
    struct rule *list = calloc(config->rules_count + 1, sizeof *list);
    if (rules == NULL || list == NULL) {
        free(rules);
        free(list);
        return err_set(err, ERR_INTERNAL, "no memory for the fraud rules");
    }
    *rules = (struct risk_rules){.said = config, .rules = list};
    int r = read_thresholds(config, err);
    r = r < 0 ? r : read_policy(rules, err);
    for (unsigned i = 0; r >= 0 && i < config->rules_count; i++) {
        char place[PLACE_CHARS_MAX];
        snprintf(place, sizeof place, "risk.rules[%u]", i);
        r = read_rule(rules, &config->rules[i], place, err);
    }
    if (r < 0) {
        risk_rules_free(rules);
        return r;
    }
    *ret_rules = rules;
    return 0;
}

void risk_rules_free(struct risk_rules *rules) {
    if (rules != NULL) {
        free(rules->rules);
        free(rules);
    }
}

int risk_rules_count(const struct risk_rules *rules) {
    return rules->count;
}

int risk_meters(const struct risk_rules *rules, const struct risk_meter **ret_meters) {
    *ret_meters = rules->meters;
    return rules->meter_count;
}

int64_t risk_rules_over_us(const struct risk_rules *rules) {
    int64_t longest = 0;
    for (int i = 0; i < rules->meter_count; i++) {
        longest = rules->meters[i].over_us > longest ? rules->meters[i].over_us : longest;
    }
    return longest;
}

enum risk_policy risk_rules_policy(const struct risk_rules *rules) {
    return rules->policy;
}

void risk_rules_json(const struct risk_rules *rules, struct buf *buf) {
    buf_add_char(buf, '[');
    for (int i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rules[i];
        buf_addf(
            buf, "%s{\"name\":\"%s\",\"action\":\"%s\",\"score\":%u,\"says\":", i > 0 ? "," : "",
            rule->said->name, rule->action == RISK_ALLOW ? "score" : risk_action_name(rule->action),
            rule->said->score);
        buf_add_json(buf, rule->said->says);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

/* ---- velocities ---- */

int64_t risk_bucket(const struct risk_meter *meter, int64_t at_us) {
    return at_us - at_us % meter->bucket_us;
}

void risk_buckets(const struct risk_meter *meter, int64_t at_us, int64_t *ret_first_us,
                  int64_t *ret_last_us) {
    int64_t now_us = risk_bucket(meter, at_us);
    *ret_first_us = now_us - RISK_BUCKETS * meter->bucket_us;
    *ret_last_us = now_us + RISK_BUCKETS * meter->bucket_us;
}

bool risk_meter_moves(const struct risk_meter *meter, const struct risk_facts *facts) {
    return risk_value(facts, meter->by)[0] != '\0' &&
           (meter->currency[0] == '\0' || strcmp(meter->currency, facts->currency.code) == 0);
}

/* ---- judging ---- */

struct judge {
    const struct risk_rules *rules;
    const struct risk_facts *facts;
    const struct risk_seen *seen;
    struct risk_decision *decision;
};

static bool among(char **names, unsigned count, const char *name) {
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds "; a, b" of what held, for people. */
PRINTF_LIKE(3, 4)
static void found(char *why, size_t bytes, const char *format, ...) {
    size_t used = strlen(why);
    va_list args;
    if (used > 0 && used + 2 < bytes) {
        memcpy(why + used, "; ", 3);
        used += 2;
    }
    va_start(args, format);
    vsnprintf(why + used, bytes - used, format, args);
    va_end(args);
}

static bool velocity_holds(const struct judge *judge, const struct condition *condition, char *why,
                           size_t bytes) {
    const struct risk_meter *meter = &judge->rules->meters[condition->meter];
    int64_t moved = judge->seen->moved[condition->meter];
    char ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    if (!risk_meter_moves(meter, judge->facts) || moved <= condition->limit) {
        return false;
    }
    if (meter->currency[0] == '\0') {
        found(why, bytes, "payment %lld of this %s in %s, at most %lld are let through",
              (long long)moved, risk_by_name(meter->by), condition->said->velocity->over,
              (long long)condition->limit);
    } else {
        struct currency currency = currency_stored(meter->currency);
        found(why, bytes, "%s by this %s in %s, at most %s is let through",
              money_show(moved, currency, ours), risk_by_name(meter->by),
              condition->said->velocity->over, money_show(condition->limit, currency, theirs));
    }
    return true;
}

static bool region_holds(const struct judge *judge, const struct condition *condition, char *why,
                         size_t bytes) {
    const struct risk_condition_config *said = condition->said;
    const char *region = judge->facts->region;
    if (said->regions_count == 0 && said->regions_not_count == 0) {
        return true;
    }
    if (region[0] == '\0' ||
        (said->regions_count > 0 && !among(said->regions, said->regions_count, region)) ||
        among(said->regions_not, said->regions_not_count, region)) {
        return false;
    }
    found(why, bytes, "region %s", region);
    return true;
}

static bool amount_holds(const struct judge *judge, const struct condition *condition, char *why,
                         size_t bytes) {
    const struct risk_facts *facts = judge->facts;
    char shown[MONEY_TEXT_MAX];
    if (condition->said->currency == NULL) {
        return true;
    }
    if (!currency_equal(condition->currency, facts->currency) ||
        (condition->amount_min >= 0 && facts->amount_minor < condition->amount_min) ||
        (condition->amount_max >= 0 && facts->amount_minor > condition->amount_max)) {
        return false;
    }
    found(why, bytes, "amount %s", money_show(facts->amount_minor, facts->currency, shown));
    return true;
}

static bool holds(const struct judge *judge, const struct condition *condition, char *why,
                  size_t bytes) {
    const struct risk_condition_config *said = condition->said;
    const struct risk_facts *facts = judge->facts;
    bool watched = judge->seen->listed[RISK_WATCH].id[0] != '\0';
    if ((said->methods_count > 0 && !among(said->methods, said->methods_count, facts->method)) ||
        (said->purposes_count > 0 &&
         !among(said->purposes, said->purposes_count, facts->purpose)) ||
        (said->vip != NULL && *said->vip != facts->vip) ||
        (said->watched != NULL && *said->watched != watched)) {
        return false;
    }
    if (!amount_holds(judge, condition, why, bytes) ||
        !region_holds(judge, condition, why, bytes) ||
        (condition->meter >= 0 && !velocity_holds(judge, condition, why, bytes))) {
        return false;
    }
    if (said->methods_count > 0) {
        found(why, bytes, "method %s", facts->method);
    }
    if (said->purposes_count > 0) {
        found(why, bytes, "purpose %s", facts->purpose);
    }
    if (said->vip != NULL) {
        found(why, bytes, "%s", facts->vip ? "VIP" : "not a VIP");
    }
    if (said->watched != NULL) {
        const struct risk_entry *entry = &judge->seen->listed[RISK_WATCH];
        found(why, bytes, watched ? "%s on the watch list (%s): %s" : "not on the watch list",
              risk_by_name(entry->by), entry->id, entry->reason);
    }
    return true;
}

static bool rule_holds(const struct judge *judge, const struct rule *rule, char *why,
                       size_t bytes) {
    for (unsigned i = 0; i < rule->said->all_count; i++) {
        if (!holds(judge, &rule->all[i], why, bytes)) {
            return false;
        }
    }
    bool any = rule->said->any_count == 0;
    for (unsigned i = 0; i < rule->said->any_count; i++) {
        /* A condition that fails in the middle must not leave half of its words. */
        size_t before = strlen(why);
        if (holds(judge, &rule->any[i], why, bytes)) {
            any = true;
        } else {
            why[before] = '\0';
        }
    }
    return any;
}

static void hit(struct risk_decision *decision, const char *rule, enum risk_action action,
                int64_t score, const char *why) {
    decision->action = action > decision->action ? action : decision->action;
    if (decision->hit_count == RISK_HITS_MAX) {
        decision->more_hits++;
        return;
    }
    struct risk_hit *to = &decision->hits[decision->hit_count++];
    *to = (struct risk_hit){.action = action, .score = score};
    snprintf(to->rule, sizeof to->rule, "%s", rule);
    snprintf(to->why, sizeof to->why, "%.*s", (int)sizeof to->why - 1, why);
}

static bool judge_lists(struct judge *judge) {
    static const struct {
        enum risk_list list;
        const char *rule;
        enum risk_action action;
    } order[] = {{RISK_BLOCK, "block-list", RISK_DENY}, {RISK_ALLOWED, "allow-list", RISK_ALLOW}};
    char why[240];
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const struct risk_entry *entry = &judge->seen->listed[order[i].list];
        if (entry->id[0] != '\0') {
            snprintf(why, sizeof why, "%s is on the %s list (%s): %s", risk_by_name(entry->by),
                     risk_list_name(order[i].list), entry->id, entry->reason);
            hit(judge->decision, order[i].rule, order[i].action, 0, why);
            return true;
        }
    }
    return false;
}

static void judge_scorer(struct judge *judge) {
    const struct risk_scored *scored = &judge->seen->scored;
    static const enum risk_action acts[] = {
        [0] = RISK_ALLOW,
        [RISK_FAIL_OPEN] = RISK_ALLOW,
        [RISK_FAIL_REVIEW] = RISK_REVIEW,
        [RISK_FAIL_CLOSED] = RISK_DENY,
    };
    char why[240];
    if (scored->answer == RISK_NOT_ASKED) {
        return;
    }
    if (scored->answer == RISK_SCORED) {
        judge->decision->score += scored->score;
        snprintf(why, sizeof why, "the scorer gave %lld", (long long)scored->score);
        for (int i = 0; i < scored->reason_count; i++) {
            found(why, sizeof why, "%s", scored->reasons[i]);
        }
        if (scored->score > 0) {
            hit(judge->decision, "scorer", RISK_ALLOW, scored->score, why);
        }
        return;
    }
    snprintf(why, sizeof why, "no score (%s); by policy it fails %s",
             risk_answer_name(scored->answer), risk_policy_name(judge->rules->policy));
    hit(judge->decision, "scorer", acts[judge->rules->policy], 0, why);
}

static void judge_score(struct judge *judge) {
    const struct risk_config *said = judge->rules->said;
    const struct {
        enum risk_action action;
        unsigned at;
    } steps[] = {{RISK_DENY, said->deny_score},
                 {RISK_HOLD, said->hold_score},
                 {RISK_REVIEW, said->review_score}};
    char why[240];
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (steps[i].at > 0 && judge->decision->score >= steps[i].at) {
            snprintf(why, sizeof why, "a score of %lld; %s begins at %u",
                     (long long)judge->decision->score, risk_action_name(steps[i].action),
                     steps[i].at);
            hit(judge->decision, "score", steps[i].action, 0, why);
            return;
        }
    }
}

void risk_judge(const struct risk_rules *rules, const struct risk_facts *facts,
                const struct risk_seen *seen, struct risk_decision *ret_decision) {
    *ret_decision = (struct risk_decision){
        .scored = seen->scored, .policy = rules->policy, .at_us = facts->at_us};
    struct judge judge = {rules, facts, seen, ret_decision};
    if (judge_lists(&judge)) {
        return;
    }
    for (int i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rules[i];
        char what[160] = "", why[256];
        if (rule_holds(&judge, rule, what, sizeof what)) {
            ret_decision->score += rule->said->score;
            snprintf(why, sizeof why, "%.80s (%s)", rule->said->says, what);
            hit(ret_decision, rule->said->name, rule->action, rule->said->score, why);
        }
    }
    judge_scorer(&judge);
    judge_score(&judge);
}
