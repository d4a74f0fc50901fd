/* SPDX-License-Identifier: Apache-2.0
 * rules.c: from the file to rules. The schema says what may stand there, the rest of this file what
 * it may mean. */
#include "recon/repair/rules.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/file.h"
#include "risk/rules.h"

enum { TEXT_CHARS_MAX = 2000, LIST_MAX = 64, DIGEST_BYTES_MAX = 64 * 1024 };

/* ---- actions ---- */

static const struct {
    int64_t number;
    const char *name, *does, *back;
    enum repair_undo undo;
} actions[] = {
#define X(name, number, text, undo, does, back)                                                    \
    {(number), (text), (does), (back), REPAIR_UNDO_##undo},
#include "recon/repair/repair_actions.def"
#undef X
};
static const struct {
    enum repair_action action;
    enum match_class class;
} fitting[] = {
#define X(action, class) {REPAIR_##action, CLASS_##class},
#include "recon/repair/repair_classes.def"
#undef X
};

static int index_of_action(int64_t action) {
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (actions[i].number == action) {
            return (int)i;
        }
    }
    return -1;
}

const char *repair_action_name(int64_t action) {
    int i = index_of_action(action);
    return i < 0 ? "?" : actions[i].name;
}

const char *repair_action_does(int64_t action) {
    int i = index_of_action(action);
    return i < 0 ? "?" : actions[i].does;
}

const char *repair_action_back(int64_t action) {
    int i = index_of_action(action);
    return i < 0 ? "?" : actions[i].back;
}

enum repair_undo repair_action_undo(int64_t action) {
    int i = index_of_action(action);
    return i < 0 ? REPAIR_UNDO_NEVER : actions[i].undo;
}

static uint64_t classes_of(enum repair_action action) {
    uint64_t classes = 0;
    for (size_t i = 0; i < COUNT_OF(fitting); i++) {
        classes |= fitting[i].action == action ? UINT64_C(1) << fitting[i].class : 0;
    }
    return classes;
}

/* ---- what may stand in the file ---- */

struct said_money {
    char *currency;
    uint64_t each, day, total;
};
struct said_caps {
    unsigned day_count, total_count;
    struct said_money *money;
    unsigned money_count;
};
struct said_errors {
    unsigned of, more_than;
};
struct said_rule {
    char *name, *says, *action;
    char **classes;
    unsigned classes_count;
    char **gateways;
    unsigned gateways_count;
    char *older_than, *younger_than;
    struct said_caps caps;
    struct said_errors errors;
};
struct said {
    struct said_rule *rules;
    unsigned rules_count;
};

#define TEXT(key, type, member, flags)                                                             \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, TEXT_CHARS_MAX)
#define TEXTS(key, type, member, flags)                                                            \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | (flags), type, member, member##_count,    \
                               &text_value, 1, LIST_MAX)

static const cyaml_schema_value_t text_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_CHARS_MAX),
};
static const cyaml_schema_field_t money_fields[] = {
    TEXT("currency", struct said_money, currency, 0),
    CYAML_FIELD_UINT("each", CYAML_FLAG_DEFAULT, struct said_money, each),
    CYAML_FIELD_UINT("day", CYAML_FLAG_DEFAULT, struct said_money, day),
    CYAML_FIELD_UINT("total", CYAML_FLAG_DEFAULT, struct said_money, total),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t money_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct said_money, money_fields),
};
static const cyaml_schema_field_t caps_fields[] = {
    CYAML_FIELD_UINT("day_count", CYAML_FLAG_DEFAULT, struct said_caps, day_count),
    CYAML_FIELD_UINT("total_count", CYAML_FLAG_DEFAULT, struct said_caps, total_count),
    CYAML_FIELD_SEQUENCE_COUNT("money", CYAML_FLAG_POINTER, struct said_caps, money, money_count,
                               &money_value, 1, REPAIR_CAPS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t errors_fields[] = {
    CYAML_FIELD_UINT("of", CYAML_FLAG_DEFAULT, struct said_errors, of),
    CYAML_FIELD_UINT("more_than", CYAML_FLAG_DEFAULT, struct said_errors, more_than),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t rule_fields[] = {
    TEXT("name", struct said_rule, name, 0),
    TEXT("says", struct said_rule, says, 0),
    TEXT("action", struct said_rule, action, 0),
    TEXTS("classes", struct said_rule, classes, 0),
    TEXTS("gateways", struct said_rule, gateways, CYAML_FLAG_OPTIONAL),
    TEXT("older_than", struct said_rule, older_than, CYAML_FLAG_OPTIONAL),
    TEXT("younger_than", struct said_rule, younger_than, CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_MAPPING("caps", CYAML_FLAG_DEFAULT, struct said_rule, caps, caps_fields),
    CYAML_FIELD_MAPPING("errors", CYAML_FLAG_DEFAULT, struct said_rule, errors, errors_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct said_rule, rule_fields),
};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_SEQUENCE_COUNT("rules", CYAML_FLAG_POINTER, struct said, rules, rules_count,
                               &rule_value, 0, REPAIR_RULES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct said, file_fields),
};

/* ---- what it may mean ---- */

struct file { /* what repair_rules_read() gives out is its first member */
    struct repair_rules public;
    struct said *said;
    struct repair_rule rules[REPAIR_RULES_MAX];
};

struct reading {
    const char *name, *text; /* the file */
    int rule;
    struct err *err;
};

/* The line of the rule's key, or of its name where the rule does not have it: a rule begins with
 * its `name`, so that the n-th of them is the n-th rule's. */
static int line_of(const char *text, int rule, const char *key) {
    int line = 1, name_line = 1, names = -1;
    size_t key_chars = strlen(key);
    for (const char *at = text; at != NULL && at[0] != '\0'; line++) {
        const char *word = at + strspn(at, " -");
        names += strncmp(word, "name:", 5) == 0;
        if (names > rule) {
            break;
        }
        if (names == rule) {
            name_line = strncmp(word, "name:", 5) == 0 ? line : name_line;
            if (strncmp(word, key, key_chars) == 0 && word[key_chars] == ':') {
                return line;
            }
        }
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return name_line;
}

static int wrong(const struct reading *reading, const char *key, const char *what) {
    err_set(reading->err, ERR_CONFIG, "rule %d, %s: %s", reading->rule + 1, key, what);
    return err_place(reading->err, "%s:%d", reading->name,
                     line_of(reading->text, reading->rule, key));
}

static bool name_ok(const char *name) {
    size_t count = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return count > 0 && name[count] == '\0' && count <= REPAIR_NAME_CHARS_MAX;
}

static int read_action(const struct reading *reading, const struct said_rule *said,
                       struct repair_rule *rule) {
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (strcmp(actions[i].name, said->action) == 0) {
            rule->action = (enum repair_action)actions[i].number;
            return 0;
        }
    }
    wrong(reading, "action", "there is no such action");
    return err_hint(reading->err, "One of complete, return_second, write_off, replay and refund.");
}

static int read_classes(const struct reading *reading, const struct said_rule *said,
                        struct repair_rule *rule) {
    uint64_t may = classes_of(rule->action);
    for (unsigned i = 0; i < said->classes_count; i++) {
        int found = 0;
        for (int class = 1; class < CLASS_COUNT; class ++) {
            bool named = strcmp(match_class_name((enum match_class) class), said->classes[i]) == 0;
            found = named ? class : found;
        }
        if (found == 0) {
            return wrong(reading, "classes", "there is no break of that class");
        }
        if ((may & UINT64_C(1) << found) == 0) {
            wrong(reading, "classes", "a class that this action does nothing about");
            return err_hint(reading->err, "docs/repair-rules.md has which action is for which.");
        }
        rule->classes |= UINT64_C(1) << found;
    }
    return 0;
}

static int read_ages(const struct reading *reading, const struct said_rule *said,
                     struct repair_rule *rule) {
    static const char form[] = "a time from 12s to 90d, like 10m or 24h";
    if (said->older_than != NULL && !risk_over_parse(said->older_than, &rule->older_than_us)) {
        return wrong(reading, "older_than", form);
    }
    if (said->younger_than != NULL &&
        !risk_over_parse(said->younger_than, &rule->younger_than_us)) {
        return wrong(reading, "younger_than", form);
    }
    if (rule->younger_than_us > 0 && rule->younger_than_us <= rule->older_than_us) {
        return wrong(reading, "younger_than",
                     "no break is older than the one and younger than "
                     "the other");
    }
    return 0;
}

static bool rises(uint64_t each, uint64_t day, uint64_t total) {
    return each >= 1 && each <= day && day <= total && total <= INT64_MAX / 4;
}

static int read_caps(const struct reading *reading, const struct said_rule *said,
                     struct repair_rule *rule) {
    const struct said_caps *caps = &said->caps;
    if (!rises(1, caps->day_count, caps->total_count)) {
        return wrong(reading, "day_count", "1 or more, and no more than total_count");
    }
    rule->day_count = caps->day_count;
    rule->total_count = caps->total_count;
    for (unsigned i = 0; i < caps->money_count; i++) {
        const struct said_money *money = &caps->money[i];
        struct repair_cap *cap = &rule->caps[rule->cap_count];
        if (currency_parse(money->currency, &cap->currency, NULL) < 0) {
            return wrong(reading, "money", "there is no such currency");
        }
        if (repair_rule_cap(rule, cap->currency) != NULL) {
            return wrong(reading, "money", "a currency stands there twice");
        }
        if (!rises(money->each, money->day, money->total)) {
            return wrong(reading, "money",
                         "each is 1 or more (minor units), day no less than "
                         "each, total no less than day");
        }
        cap->each_minor = (int64_t)money->each;
        cap->day_minor = (int64_t)money->day;
        cap->total_minor = (int64_t)money->total;
        rule->cap_count++;
    }
    return 0;
}

static int read_errors(const struct reading *reading, const struct said_rule *said,
                       struct repair_rule *rule) {
    if (said->errors.of < 1 || said->errors.of > REPAIR_ERRORS_OF_MAX) {
        return wrong(reading, "errors", "of: from 1 to 200");
    }
    if (said->errors.more_than >= said->errors.of) {
        return wrong(reading, "errors", "more_than must be less than of: else it never stops");
    }
    rule->errors_of = (int)said->errors.of;
    rule->errors_max = (int)said->errors.more_than;
    return 0;
}

/* All that decides about money; who enables a rule has read this, and no other. */
static void digest_of(const struct said_rule *said, const struct repair_rule *rule,
                      char ret_digest[SHA256_HEX_CHARS + 1]) {
    BUF_AUTO text;
    buf_init(&text, DIGEST_BYTES_MAX);
    buf_addf(&text, "%d|%llx|%lld|%lld|%lld|%lld|%d|%d", (int)rule->action,
             (unsigned long long)rule->classes, (long long)rule->older_than_us,
             (long long)rule->younger_than_us, (long long)rule->day_count,
             (long long)rule->total_count, rule->errors_of, rule->errors_max);
    for (unsigned i = 0; i < said->gateways_count; i++) {
        buf_addf(&text, "|%s", said->gateways[i]);
    }
    for (int i = 0; i < rule->cap_count; i++) {
        const struct repair_cap *cap = &rule->caps[i];
        buf_addf(&text, "|%s:%lld:%lld:%lld", cap->currency.code, (long long)cap->each_minor,
                 (long long)cap->day_minor, (long long)cap->total_minor);
    }
    crypto_sha256_hex(text.data, text.len, ret_digest);
}

static int read_rule(const struct reading *reading, const struct said_rule *said,
                     const struct repair_rules *before, struct repair_rule *rule) {
    if (!name_ok(said->name)) {
        return wrong(reading, "name", "up to 60 of a to z, 0 to 9, - and _");
    }
    if (repair_rule_find(before, said->name) != NULL) {
        return wrong(reading, "name", "another rule has this name");
    }
    if (strlen(said->says) > REPAIR_SAYS_CHARS_MAX) {
        return wrong(reading, "says", "at most 300 characters");
    }
    rule->name = said->name;
    rule->says = said->says;
    rule->gateways = (const char *const *)said->gateways;
    rule->gateway_count = (int)said->gateways_count;
    int r = read_action(reading, said, rule);
    r = r < 0 ? r : read_classes(reading, said, rule);
    r = r < 0 ? r : read_ages(reading, said, rule);
    r = r < 0 ? r : read_caps(reading, said, rule);
    r = r < 0 ? r : read_errors(reading, said, rule);
    if (r >= 0) {
        digest_of(said, rule, rule->digest);
    }
    return r;
}

int repair_rules_read(const char *name, const char *text, struct repair_rules **ret_rules,
                      struct err *err) {
    struct file *file = calloc(1, sizeof *file);
    void *said = NULL;
    if (file == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the repair rules");
    }
    file->public.rules = file->rules;
    int r = config_read(name, text, strlen(text), &file_value, &said, err);
    file->said = said;
    for (unsigned i = 0; r >= 0 && i < file->said->rules_count; i++) {
        const struct reading reading = {name, text, (int)i, err};
        r = read_rule(&reading, &file->said->rules[i], &file->public, &file->rules[i]);
        file->public.count += r >= 0;
    }
    if (r < 0) {
        repair_rules_free(&file->public);
        return r;
    }
    *ret_rules = &file->public;
    return 0;
}

int repair_rules_load(const char *path, struct repair_rules **ret_rules, struct err *err) {
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    size_t count = 0;
    if (text == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the repair rules");
    }
    int r = file_read(path, text, CONFIG_BYTES_MAX, &count, err);
    if (r < 0) {
        err_while(err, "reading the repair rules");
        err->code = ERR_CONFIG; /* the sentence stays: it says what is wrong with the file */
        r = -ERR_CONFIG;
    } else if (memchr(text, 0, count) != NULL) {
        r = err_set(err, ERR_CONFIG, "%s holds a NUL character", path);
    } else {
        text[count] = '\0';
        r = repair_rules_read(path, text, ret_rules, err);
    }
    free(text);
    return r;
}

void repair_rules_free(struct repair_rules *rules) {
    if (rules != NULL) {
        struct file *file = (struct file *)(void *)rules;
        config_free(&file_value, file->said);
        free(file);
    }
}
static_assert(offsetof(struct file, public) == 0, "a file begins with what is given out of it");

const struct repair_rule *repair_rule_find(const struct repair_rules *rules, const char *name) {
    for (int i = 0; rules != NULL && i < rules->count; i++) {
        if (strcmp(rules->rules[i].name, name) == 0) {
            return &rules->rules[i];
        }
    }
    return NULL;
}

int repair_rule_unknown(const struct repair_rules *rules, const char *name, struct err *err) {
    char names[160] = "";
    size_t used = 0;
    int count = rules != NULL ? rules->count : 0, told = 0;
    for (; told < count && used + strlen(rules->rules[told].name) + 3 < sizeof names; told++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", told > 0 ? ", " : "",
                                 rules->rules[told].name);
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no repair rule \"%.60s\"", name);
    return count == 0
               ? err_hint(err, "There are none: reconciliation.repair_rules names their file.")
               : err_hint(err, "One of: %s%s (`holdfast rule list`).", names,
                          told < count ? ", …" : "");
}

const char *repair_rule_hint(const struct repair_rule *rule) {
    static const struct {
        enum repair_action action;
        enum match_class older, newer;
        const char *hint;
    } newer[] = {
        {REPAIR_RETURN_SECOND, CLASS_PAID_THERE, CLASS_TWO_GATEWAYS,
         "orders that were paid at two gateways are left to people: add paid_at_two_gateways, "
         "which was part of paid_there_open_here once, to its classes"},
        {REPAIR_REFUND, CLASS_REFUND_LOST, CLASS_REFUND_FAILED,
         "refunds that failed there are left to people: add refund_failed_there, which was told "
         "by other classes once, to its classes"},
    };
    for (size_t i = 0; i < COUNT_OF(newer); i++) {
        bool older = (rule->classes & UINT64_C(1) << newer[i].older) != 0;
        bool has = (rule->classes & UINT64_C(1) << newer[i].newer) != 0;
        if (rule->action == newer[i].action && older && !has) {
            return newer[i].hint;
        }
    }
    return NULL;
}

const struct repair_cap *repair_rule_cap(const struct repair_rule *rule, struct currency currency) {
    for (int i = 0; i < rule->cap_count; i++) {
        if (currency_equal(rule->caps[i].currency, currency)) {
            return &rule->caps[i];
        }
    }
    return NULL;
}

const char *repair_rule_not_for(const struct repair_rule *rule, const struct break_row *row,
                                int64_t now_us) {
    bool named = rule->gateway_count == 0;
    for (int i = 0; !named && i < rule->gateway_count; i++) {
        named = strcmp(rule->gateways[i], row->gateway) == 0;
    }
    int64_t age_us = now_us - row->opened_us;
    bool too_old = rule->younger_than_us > 0 && age_us >= rule->younger_than_us;
    return (rule->classes & UINT64_C(1) << row->class) == 0 ? ""
           : !named                                         ? "it is not for this gateway"
           : age_us < rule->older_than_us                   ? "it is too young yet (older_than)"
           : too_old                                        ? "it is too old (younger_than)"
                                                            : NULL;
}
