/* SPDX-License-Identifier: Apache-2.0
 * match_set.c: rules as they are configured: read, checked, and as JSON. */
#include "match/match_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "match/match_schema.h"

enum { TEXT_CHARS_MAX = 100, PLACE_CHARS_MAX = 160, USUAL_MINUTES = 3 * 24 * 60, A_DAY = 24 * 60 };
#define US_PER_MINUTE (60 * US_PER_SECOND)

/* ---- what may stand in a file ---- */

#define OPTIONAL_POINTER (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t tolerance_fields[] = {
    CYAML_FIELD_STRING_PTR("currency", CYAML_FLAG_POINTER, struct match_tolerance_config, currency,
                           1, CURRENCY_CHARS),
    CYAML_FIELD_UINT("amount", CYAML_FLAG_DEFAULT, struct match_tolerance_config, amount),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t match_tolerance_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct match_tolerance_config, tolerance_fields),
};
static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_STRING_PTR("by", CYAML_FLAG_POINTER, struct match_rule_config, by, 1,
                           TEXT_CHARS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("tolerance", OPTIONAL_POINTER, struct match_rule_config, tolerance,
                               tolerance_count, &match_tolerance_schema, 1, MATCH_TOLERANCES_MAX),
    CYAML_FIELD_UINT_PTR("tolerance_ppm", OPTIONAL_POINTER, struct match_rule_config,
                         tolerance_ppm),
    CYAML_FIELD_UINT_PTR("before_minutes", OPTIONAL_POINTER, struct match_rule_config,
                         before_minutes),
    CYAML_FIELD_UINT_PTR("after_minutes", OPTIONAL_POINTER, struct match_rule_config,
                         after_minutes),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t match_rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct match_rule_config, rule_fields),
};
static const cyaml_schema_field_t gateway_fields[] = {
    CYAML_FIELD_STRING_PTR("gateway", CYAML_FLAG_POINTER, struct match_gateway_config, gateway, 1,
                           GATEWAY_NAME_CHARS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("rules", CYAML_FLAG_POINTER, struct match_gateway_config, rules,
                               rules_count, &match_rule_schema, 1, MATCH_SET_RULES_MAX),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t match_gateway_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct match_gateway_config, gateway_fields),
};

/* A file of its own. */
struct rules_file {
    struct match_rule_config *rules;
    unsigned rules_count;
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("rules", CYAML_FLAG_POINTER, struct rules_file, rules, rules_count,
                               &match_rule_schema, 1, MATCH_SET_RULES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct rules_file, file_fields),
};

/* ---- one rule ---- */

struct reading {
    const char *place; /* of the list */
    int number;        /* of the rule, from 1 */
    bool files;        /* the rules are for two files: there `batch` may be said */
    struct match_set *set;
};

static PRINTF_LIKE(4, 5) int refuse(const struct reading *reading, const char *key,
                                    struct err *err, const char *format, ...) {
    char text[300], place[PLACE_CHARS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(place, sizeof place, "%.90s, rule %d%s%.40s", reading->place, reading->number,
             key[0] != '\0' ? ": " : "", key);
    (void)err_set(err, ERR_CONFIG, "%s", text);
    return err_place(err, "%s", place);
}

static bool has_names(enum match_by by) {
    return by == BY_GATEWAY_ID || by == BY_REFERENCE || by == BY_BATCH;
}

static int read_way(const struct reading *reading, const char *by, enum match_by *ret_by,
                    struct err *err) {
    for (int i = 0; i < MATCH_BY_COUNT; i++) {
        if ((i != BY_BATCH || reading->files) && strcmp(match_by_name((enum match_by)i), by) == 0) {
            *ret_by = (enum match_by)i;
            return 0;
        }
    }
    if (strcmp(match_by_name(BY_BATCH), by) == 0) {
        (void)refuse(reading, "by", err, "a rule by batch is of two files that are compared");
        return err_hint(err, "A gateway's payouts meet the bank's lines by pays_out_to.");
    }
    (void)refuse(reading, "by", err, "there is no such rule");
    return err_hint(err, "One of: gateway_id, reference, %soriginal, amount_time.",
                    reading->files ? "batch, " : "");
}

int match_tolerances_read(const struct match_tolerance_config *said, unsigned count,
                          struct match_tolerance *list, char ret_why[MATCH_SET_WHY_CHARS]) {
    for (unsigned i = 0; i < count; i++) {
        if (currency_parse(said[i].currency, &list[i].currency, NULL) < 0) {
            snprintf(ret_why, MATCH_SET_WHY_CHARS, "there is no such currency (entry %u)", i + 1);
            return -ERR_CONFIG;
        }
        for (unsigned j = 0; j < i; j++) {
            if (currency_equal(list[j].currency, list[i].currency)) {
                snprintf(ret_why, MATCH_SET_WHY_CHARS, "%s stands there twice",
                         list[i].currency.code);
                return -ERR_CONFIG;
            }
        }
        if (said[i].amount > AMOUNT_MINOR_MAX) {
            snprintf(ret_why, MATCH_SET_WHY_CHARS, "it is at most %lld minor units",
                     (long long)AMOUNT_MINOR_MAX);
            return -ERR_CONFIG;
        }
        list[i].minor = (int64_t)said[i].amount;
    }
    return 0;
}

static int read_tolerance(const struct reading *reading, const struct match_rule_config *said,
                          struct match_rule *rule, struct err *err) {
    struct match_tolerance *list = reading->set->tolerances[reading->number - 1];
    if (!has_names(rule->by) && (said->tolerance_count > 0 || said->tolerance_ppm != NULL)) {
        (void)refuse(reading, said->tolerance_count > 0 ? "tolerance" : "tolerance_ppm", err,
                     "a rule by %s asks for the very amount", match_by_name(rule->by));
        return err_hint(err, "Tolerances belong to the rules by name: gateway_id, reference.");
    }
    char why[MATCH_SET_WHY_CHARS];
    if (match_tolerances_read(said->tolerance, said->tolerance_count, list, why) < 0) {
        return refuse(reading, "tolerance", err, "%s", why);
    }
    if (said->tolerance_ppm != NULL && *said->tolerance_ppm > MATCH_SET_PPM_MAX) {
        (void)refuse(reading, "tolerance_ppm", err, "it is at most %d: a tenth of the amount",
                     MATCH_SET_PPM_MAX);
        return err_hint(err, "It is millionths: 100 is a hundredth of a percent.");
    }
    rule->tolerances = list;
    rule->tolerance_count = (int)said->tolerance_count;
    rule->tolerance_ppm = said->tolerance_ppm != NULL ? (int)*said->tolerance_ppm : 0;
    return 0;
}

static int64_t minutes_us(const unsigned *said, int64_t absent_us) {
    return said != NULL ? (int64_t)*said * US_PER_MINUTE : absent_us;
}

static int read_times(const struct reading *reading, const struct match_rule_config *said,
                      struct match_rule *rule, struct err *err) {
    const unsigned *const both[] = {said->before_minutes, said->after_minutes};
    static const char *const keys[] = {"before_minutes", "after_minutes"};
    bool window = rule->by == BY_AMOUNT_TIME;
    unsigned most = window ? AMOUNT_TIME_MINUTES_MAX : MATCH_SET_MINUTES_MAX;
    bool none = said->before_minutes == NULL && said->after_minutes == NULL;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        if (both[i] != NULL && *both[i] > most) {
            return refuse(reading, keys[i], err, "it is at most %u: %u days", most, most / A_DAY);
        }
    }
    if (window) {
        rule->before_us = minutes_us(said->before_minutes, USUAL_MINUTES * US_PER_MINUTE);
        rule->after_us = minutes_us(said->after_minutes, USUAL_MINUTES * US_PER_MINUTE);
        return 0;
    }
    rule->before_us = none ? 0 : minutes_us(said->before_minutes, INT64_MAX);
    rule->after_us = none ? 0 : minutes_us(said->after_minutes, INT64_MAX);
    if (!none && rule->before_us == 0 && rule->after_us == 0) {
        (void)refuse(reading, "after_minutes", err,
                     "no two clocks agree to the microsecond: with 0 and 0 every row would be "
                     "late");
        return err_hint(err, "Leave both out where any time is usual.");
    }
    return 0;
}

/* "same gateway id", "same amount within three days". */
static void name_rule(const struct match_rule *rule, char *ret_name) {
    int count = 0;
    snprintf(ret_name, MATCH_SET_NAME_CHARS_MAX + 1, "same batch"); /* no usual rule */
    const struct match_rule *usual = match_rules_usual(&count);
    for (int i = 0; i < count; i++) {
        if (usual[i].by != rule->by) {
            continue;
        }
        bool other = rule->by == BY_AMOUNT_TIME && (usual[i].before_us != rule->before_us ||
                                                    usual[i].after_us != rule->after_us);
        snprintf(ret_name, MATCH_SET_NAME_CHARS_MAX + 1, "%s",
                 other ? "same amount at about the same time" : usual[i].name);
    }
}

static int check_place(const struct reading *reading, const struct match_rule *rule,
                       struct err *err) {
    for (int i = 0; i < reading->number - 1; i++) {
        enum match_by earlier = reading->set->rules[i].by;
        if (earlier == rule->by) {
            return refuse(reading, "by", err,
                          "rule %d is by %s already: this one would find nothing", i + 1,
                          match_by_name(rule->by));
        }
        if (earlier == BY_AMOUNT_TIME) {
            (void)refuse(reading, "by", err, "it stands behind a rule by amount_time");
            return err_hint(err, "amount_time comes last: before the others it would guess.");
        }
    }
    return 0;
}

static int read_rule(const struct reading *reading, const struct match_rule_config *said,
                     struct err *err) {
    struct match_rule *rule = &reading->set->rules[reading->number - 1];
    int r = read_way(reading, said->by, &rule->by, err);
    r = r < 0 ? r : check_place(reading, rule, err);
    r = r < 0 ? r : read_tolerance(reading, said, rule, err);
    r = r < 0 ? r : read_times(reading, said, rule, err);
    if (r >= 0) {
        rule->name = reading->set->names[reading->number - 1];
        name_rule(rule, reading->set->names[reading->number - 1]);
        reading->set->count++;
    }
    return r;
}

/* ---- a list ---- */

void match_set_usual(struct match_set *ret_set) {
    *ret_set = (struct match_set){.usual = true};
    const struct match_rule *usual = match_rules_usual(&ret_set->count);
    for (int i = 0; i < ret_set->count; i++) {
        ret_set->rules[i] = usual[i];
    }
}

static int read_rules(const struct match_rule_config *said, unsigned count, const char *place,
                      bool files, struct match_set *ret_set, struct err *err) {
    struct reading reading = {.place = place, .set = ret_set, .files = files};
    bool names = false;
    if (count == 0) {
        match_set_usual(ret_set);
        return 0;
    }
    *ret_set = (struct match_set){0};
    for (unsigned i = 0; i < count; i++) {
        reading.number = (int)i + 1;
        int r = read_rule(&reading, &said[i], err);
        if (r < 0) {
            return r;
        }
        names = names || has_names(ret_set->rules[i].by);
    }
    if (!names) {
        (void)err_set(err, ERR_CONFIG, "no rule is by gateway_id%s by reference",
                      files ? ", by batch or" : " or");
        (void)err_place(err, "%s", place);
        return err_hint(err, "Without one, nothing that bears a name finds what it belongs to.");
    }
    return 0;
}

int match_set_read(const struct match_rule_config *said, unsigned count, const char *place,
                   struct match_set *ret_set, struct err *err) {
    return read_rules(said, count, place, false, ret_set, err);
}

int match_set_load(const char *path, struct match_set *ret_set, struct err *err) {
    void *file = NULL;
    int r = config_load(path, &file_schema, &file, err);
    if (r < 0) {
        return r;
    }
    const struct rules_file *said = file;
    r = read_rules(said->rules, said->rules_count, path, true, ret_set, err);
    config_free(&file_schema, file);
    return r;
}

/* ---- as JSON ---- */

static void add_minutes(struct buf *buf, const char *key, const struct match_rule *rule,
                        int64_t us) {
    bool any = us == INT64_MAX || (rule->before_us == 0 && rule->after_us == 0 &&
                                   rule->by != BY_AMOUNT_TIME);
    if (any) {
        buf_addf(buf, ",\"%s\":null", key);
    } else {
        buf_addf(buf, ",\"%s\":%lld", key, (long long)(us / US_PER_MINUTE));
    }
}

void match_set_json(const struct match_rule *rules, int count, struct buf *buf) {
    buf_add_char(buf, '[');
    for (int i = 0; i < count; i++) {
        const struct match_rule *rule = &rules[i];
        buf_addf(buf, "%s{\"by\":\"%s\",\"name\":", i > 0 ? "," : "", match_by_name(rule->by));
        buf_add_json(buf, rule->name);
        buf_add_text(buf, ",\"tolerance\":[");
        for (int j = 0; j < rule->tolerance_count; j++) {
            buf_addf(buf, "%s{\"currency\":\"%s\",\"amount\":%lld}", j > 0 ? "," : "",
                     rule->tolerances[j].currency.code, (long long)rule->tolerances[j].minor);
        }
        buf_addf(buf, "],\"tolerance_ppm\":%d", rule->tolerance_ppm);
        add_minutes(buf, "before_minutes", rule, rule->before_us);
        add_minutes(buf, "after_minutes", rule, rule->after_us);
        buf_addf(buf, ",\"payouts\":%s}", rule->families == MATCH_PAYOUTS ? "true" : "false");
    }
    buf_add_char(buf, ']');
}

bool match_rules_same(const struct match_options *a, const struct match_options *b) {
    BUF_AUTO one;
    BUF_AUTO other;
    buf_init(&one, MATCH_SET_BYTES_MAX);
    buf_init(&other, MATCH_SET_BYTES_MAX);
    match_set_json(a->rules, a->rule_count, &one);
    match_set_json(b->rules, b->rule_count, &other);
    return strcmp(one.data, other.data) == 0;
}

static bool parse_tolerances(const json_t *said, struct match_set *set, int at) {
    size_t count = json_array_size(said), i = 0;
    json_t *one;
    if (!json_is_array(said) || count > MATCH_TOLERANCES_MAX) {
        return false;
    }
    json_array_foreach((json_t *)said, i, one) {
        struct match_tolerance *to = &set->tolerances[at][i];
        const char *code = json_string_value(json_object_get(one, "currency"));
        to->minor = json_integer_value(json_object_get(one, "amount"));
        if (code == NULL || currency_parse(code, &to->currency, NULL) < 0 || to->minor < 0) {
            return false;
        }
    }
    set->rules[at].tolerances = set->tolerances[at];
    set->rules[at].tolerance_count = (int)count;
    return true;
}

static int64_t parse_minutes(const json_t *said) {
    return json_is_integer(said) ? json_integer_value(said) * US_PER_MINUTE : INT64_MAX;
}

static bool parse_rule(const json_t *said, struct match_set *set, int at) {
    struct match_rule *rule = &set->rules[at];
    const char *by = json_string_value(json_object_get(said, "by"));
    const char *name = json_string_value(json_object_get(said, "name"));
    int way = 0;
    while (by != NULL && way < MATCH_WAYS &&
           strcmp(match_by_name((enum match_by)way), by) != 0) {
        way++;
    }
    if (by == NULL || name == NULL || way == MATCH_WAYS ||
        strlen(name) > MATCH_SET_NAME_CHARS_MAX) {
        return false;
    }
    snprintf(set->names[at], sizeof set->names[at], "%s", name);
    rule->by = (enum match_by)way;
    rule->name = set->names[at];
    rule->tolerance_ppm = (int)json_integer_value(json_object_get(said, "tolerance_ppm"));
    rule->before_us = parse_minutes(json_object_get(said, "before_minutes"));
    rule->after_us = parse_minutes(json_object_get(said, "after_minutes"));
    if (rule->before_us == INT64_MAX && rule->after_us == INT64_MAX) {
        rule->before_us = rule->after_us = 0; /* any time */
    }
    /* Runs from before rules for payouts were kept have none. */
    rule->families = json_is_true(json_object_get(said, "payouts")) ? MATCH_PAYOUTS : 0;
    rule->less_only = rule->by >= MATCH_BY_COUNT;
    return parse_tolerances(json_object_get(said, "tolerance"), set, at);
}

int match_set_parse(const char *text, struct match_set *ret_set, struct err *err) {
    if (text[0] == '\0') {
        match_set_usual(ret_set);
        return 0;
    }
    JSON_AUTO list = json_loads(text, 0, NULL);
    *ret_set = (struct match_set){0};
    size_t i;
    json_t *said;
    bool well = json_is_array(list) && json_array_size(list) <= MATCH_SET_RULES_MAX;
    json_array_foreach(list, i, said) {
        well = well && parse_rule(said, ret_set, (int)i);
        ret_set->count++;
    }
    return well ? 0
                : err_set(err, ERR_STORE_CORRUPT, "the rules of a run are not as they were kept");
}

/* ---- those of all gateways ---- */

int match_sets_read(const struct match_rule_config *all, unsigned count,
                    const struct match_gateway_config *own, unsigned own_count,
                    struct match_sets *ret_sets, struct err *err) {
    *ret_sets = (struct match_sets){.own = calloc(own_count + 1, sizeof *ret_sets->own)};
    INVARIANT(ret_sets->own != NULL, "out of memory");
    int r = match_set_read(all, count, "reconciliation.rules", &ret_sets->all, err);
    for (unsigned i = 0; r >= 0 && i < own_count; i++) {
        char place[PLACE_CHARS_MAX];
        struct match_own *to = &ret_sets->own[i];
        snprintf(to->gateway, sizeof to->gateway, "%s", own[i].gateway);
        snprintf(place, sizeof place, "reconciliation.gateway_rules of %.64s", to->gateway);
        for (unsigned j = 0; r >= 0 && j < i; j++) {
            if (strcmp(ret_sets->own[j].gateway, to->gateway) == 0) {
                (void)err_set(err, ERR_CONFIG, "%.64s stands there twice", to->gateway);
                r = err_place(err, "reconciliation.gateway_rules");
            }
        }
        r = r < 0 ? r : match_set_read(own[i].rules, own[i].rules_count, place, &to->set, err);
        ret_sets->own_count++;
    }
    return r;
}

void match_sets_release(struct match_sets *sets) {
    free(sets->own);
    sets->own = NULL;
    sets->own_count = 0;
}

const struct match_set *match_sets_of(const struct match_sets *sets, const char *gateway) {
    for (int i = 0; sets != NULL && i < sets->own_count; i++) {
        if (strcmp(sets->own[i].gateway, gateway) == 0) {
            return &sets->own[i].set;
        }
    }
    return sets != NULL ? &sets->all : NULL;
}
