/* SPDX-License-Identifier: Apache-2.0
 * tuning.c: settings by name, values in and out of text, and what is in force. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/tuning_impl.h"

#define COUNTED(name, key, meaning) {TUNING_COUNTS, name "." key, TUNING_WHOLE, meaning}
static const struct tuning_setting settings[] = {
#define X(SCOPE, key, KIND, meaning) {TUNING_##SCOPE, key, TUNING_##KIND, meaning},
#include "watch/tuning.def"
#undef X
#define X(id, name, rule, shared, needs, least, after_s, window_minutes, what, how_long)           \
    COUNTED(name, "least", "so many, at least: " what),                                            \
        COUNTED(name, "after_s", "and this, at least: " how_long),                                 \
        COUNTED(name, "window_minutes", "counted over so many minutes"),
#include "watch/measures.def"
#undef X
#define X(name, rule, gravity, grave_after_s, one, many, sql, next)                                \
    COUNTED(name, "least", "so many, at least: " many),                                            \
        COUNTED(name, "after_s", "and the oldest has waited so many seconds"),                     \
        COUNTED(name, "grave_after_s", "it is critical when the oldest has; 0: never by that"),
#include "watch/checks.def"
#undef X
};

/* A rule's counts, and its share, are one scope each. */
static const struct {
    const char *counts, *share;
} scope_names[] = {
#define X(name, severity, team, for_s, keep_s, title, title_zh, action, action_zh, guide)          \
    {name ".counts", name ".share"},
#include "watch/alert_rules.def"
#undef X
};

static const struct {
    enum figure_id id;
    const char *rule;
} figure_rules[] = {
#define X(ID, rule, by_gateway, level) {FIGURE_##ID, rule},
#include "watch/figure_alarms.def"
#undef X
};
/* What lookout_words.c makes of the detector's findings. */
static const char *const detector_rules[] = {
    "PaymentServiceHighErrorRate", "PaymentServiceGatewayFailure", "PaymentServiceHighLatency",
    "Silence"};

int tuning_setting_count(void) {
    return (int)COUNT_OF(settings);
}

const struct tuning_setting *tuning_setting_at(int index) {
    return &settings[index];
}

struct tuning_sources tuning_sources_of(const struct alert_rule *rule) {
    struct tuning_sources sources = {0};
    for (size_t i = 0; i < COUNT_OF(figure_rules); i++) {
        if (strcmp(figure_rules[i].rule, rule->name) == 0) {
            sources.figure = true;
            sources.figure_id = figure_rules[i].id;
        }
    }
    for (size_t i = 0; i < COUNT_OF(detector_rules); i++) {
        sources.detector = sources.detector || strcmp(detector_rules[i], rule->name) == 0;
    }
    for (int i = 0; i < MEASURES; i++) {
        sources.counts = sources.counts || strcmp(measure_table[i].rule, rule->name) == 0;
    }
    for (int i = 0; i < RATES; i++) {
        if (strcmp(rate_rules[i], rule->name) == 0) {
            sources.share = true;
            sources.share_id = (enum rate_id)i;
        }
    }
    sources.volume = strcmp(rule->name, "VolumeDrop") == 0 ||
                     strcmp(rule->name, "VolumeSurge") == 0;
    return sources;
}

bool tuning_can_be_tried(const struct tuning_sources *sources) {
    return sources->figure || sources->detector || sources->counts || sources->share ||
           sources->volume;
}

const char *tuning_of(const struct alert_rule *rule, enum tuning_scope scope) {
    struct tuning_sources sources = tuning_sources_of(rule);
    switch (scope) {
    case TUNING_FIGURE:
        return sources.figure ? figure_table[sources.figure_id].name : NULL;
    case TUNING_DETECTOR:
        return sources.detector ? "detector" : NULL;
    case TUNING_BUDGET:
        return sources.detector || sources.share || sources.volume ? "budget" : NULL;
    case TUNING_COUNTS:
        return sources.counts ? scope_names[rule - alert_rule_at(0)].counts : NULL;
    case TUNING_SHARE:
        return sources.share ? scope_names[rule - alert_rule_at(0)].share : NULL;
    case TUNING_VOLUME:
        return sources.volume ? "volume" : NULL;
    default:
        return rule->name;
    }
}

bool tuning_has(const struct alert_rule *rule, const struct tuning_setting *setting) {
    return tuning_of(rule, setting->scope) != NULL &&
           (setting->scope != TUNING_COUNTS || tuning_counts_has(rule, setting));
}

/* ---- out ---- */

static void write_number(double value, char ret_text[TUNING_TEXT_MAX + 1]) {
    g_ascii_formatd(ret_text, TUNING_TEXT_MAX, "%.10g", value);
}

static void write_whole(int64_t value, char ret_text[TUNING_TEXT_MAX + 1]) {
    (void)snprintf(ret_text, TUNING_TEXT_MAX, "%lld", (long long)value);
}

static void rule_value(const struct alert_rule_state *state, const char *key,
                       char ret_text[TUNING_TEXT_MAX + 1]) {
    const struct alert_rule *rule = &state->rule;
    if (strcmp(key, "for_s") == 0 || strcmp(key, "keep_s") == 0) {
        write_whole((key[0] == 'f' ? rule->for_us : rule->keep_us) / US_PER_SECOND, ret_text);
        return;
    }
    const char *word = strcmp(key, "severity") == 0 ? notice_severity_name(rule->severity)
                       : strcmp(key, "team") == 0   ? alert_team_name(rule->team)
                       : state->off                 ? "true"
                                                    : "false";
    g_strlcpy(ret_text, word, TUNING_TEXT_MAX + 1);
}

static void figure_value_text(const struct figure_limits *limits, const char *key,
                              char ret_text[TUNING_TEXT_MAX + 1]) {
    if (strcmp(key, "warning") == 0) {
        write_number(limits->warning, ret_text);
    } else if (strcmp(key, "critical") == 0) {
        write_number(limits->critical, ret_text);
    } else if (strcmp(key, "events_min") == 0) {
        write_whole(limits->events_min, ret_text);
    } else if (strcmp(key, "target") == 0) {
        write_number(limits->target, ret_text);
    } else if (strcmp(key, "window_minutes") == 0) {
        write_whole(limits->window_minutes, ret_text);
    } else {
        g_strlcpy(ret_text, figure_level_name(limits->level), TUNING_TEXT_MAX + 1);
    }
}

/* "failing-more.share" is of the test failing-more. */
static int test_of(const char *key) {
    size_t chars = strcspn(key, ".");
    for (int i = 0; i < TEST_SILENCE; i++) {
        const char *name = detector_test_name((enum detector_test)i);
        if (strlen(name) == chars && strncmp(name, key, chars) == 0) {
            return i;
        }
    }
    INVARIANT(false, "a setting of the detector names one of its tests");
    return 0;
}

static bool is_share(const char *key) {
    return strcmp(strchr(key, '.'), ".share") == 0;
}

static void detector_value_text(const struct detector_tuning *tuning, const char *key,
                                char ret_text[TUNING_TEXT_MAX + 1]) {
    if (strcmp(key, "alarms_per_day") == 0) {
        write_number(tuning->alarms_per_day, ret_text);
        return;
    }
    const struct detector_aim *aim = &tuning->aims[test_of(key)];
    write_number((is_share(key) ? aim->share : aim->more) * 100.0, ret_text);
}

void tuning_value(const struct tuned_values *values, const struct alert_rule *rule,
                  const struct tuning_setting *setting, char ret_text[TUNING_TEXT_MAX + 1]) {
    struct tuning_sources sources = tuning_sources_of(rule);
    switch (setting->scope) {
    case TUNING_RULE:
        rule_value(&values->rules[alert_rule_find(rule->name) - alert_rule_at(0)], setting->key,
                   ret_text);
        return;
    case TUNING_FIGURE:
        figure_value_text(&values->figures[sources.figure_id], setting->key, ret_text);
        return;
    case TUNING_DETECTOR:
    case TUNING_BUDGET:
        detector_value_text(&values->detector, setting->key, ret_text);
        return;
    default:
        tuning_counts_text(&values->watch, &sources, setting, ret_text);
    }
}

void tuning_add_value(struct buf *buf, const struct tuning_setting *setting, const char *text) {
    if (setting->kind == TUNING_WORD) {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, text);
    }
}

void tuning_text(const struct alert_rule *rule, const struct tuned_values *values,
                 struct buf *buf) {
    buf_clear(buf);
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        if (tuning_has(rule, &settings[i])) {
            char text[TUNING_TEXT_MAX + 1];
            tuning_value(values, rule, &settings[i], text);
            buf_addf(buf, "%s%s=%s", buf->len > 0 ? " " : "", settings[i].key, text);
        }
    }
}

int tuning_changes(const struct alert_rule *rule, const struct tuned_values *was,
                   const struct tuned_values *is, struct buf *buf) {
    int count = 0;
    buf_add_char(buf, '[');
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const struct tuning_setting *setting = &settings[i];
        const char *of = tuning_of(rule, setting->scope);
        char before[TUNING_TEXT_MAX + 1], after[TUNING_TEXT_MAX + 1];
        if (of == NULL || !tuning_has(rule, setting)) {
            continue;
        }
        tuning_value(was, rule, setting, before);
        tuning_value(is, rule, setting, after);
        if (strcmp(before, after) == 0) {
            continue;
        }
        buf_addf(buf, "%s{\"of\":\"%s\",\"key\":\"%s\",\"was\":", count++ > 0 ? "," : "", of,
                 setting->key);
        tuning_add_value(buf, setting, before);
        buf_add_text(buf, ",\"is\":");
        tuning_add_value(buf, setting, after);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
    return count;
}

/* ---- in ---- */

/* What is given of one rule, one figure or the detector, in the form that the configuration has. */
struct given {
    char texts[TUNING_PAIRS_MAX][TUNING_TEXT_MAX + 1];
    unsigned wholes[TUNING_PAIRS_MAX];
    double numbers[TUNING_PAIRS_MAX];
    struct alert_rule_config rule;
    struct config_figure figure;
    struct detection_config detector;
    struct config_test tests[TUNING_PAIRS_MAX];
    const struct tuning_setting *counted[TUNING_PAIRS_MAX]; /* whose values are in texts */
    int counted_count;
};

static const struct tuning_setting *setting_of(enum tuning_scope scope, const char *key) {
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        if (settings[i].scope == scope && strcmp(settings[i].key, key) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

static int wrong(const char *key, const char *why, struct err *err) {
    err_set(err, ERR_VALIDATION, "%s", why);
    return err_place(err, "/set/%.60s", key);
}

static int read_text(const struct tuning_setting *setting, const char *text, struct given *given,
                     int i, bool *ret_flag, struct err *err) {
    char *end = NULL;
    if (strlen(text) > TUNING_TEXT_MAX || text[0] == '\0') {
        return wrong(setting->key, "a value has 1 to 40 characters", err);
    }
    g_strlcpy(given->texts[i], text, sizeof given->texts[i]);
    switch (setting->kind) {
    case TUNING_WHOLE:
        given->wholes[i] = (unsigned)g_ascii_strtoull(text, &end, 10);
        return strspn(text, "0123456789") == strlen(text) && strlen(text) <= 9
                   ? 0
                   : wrong(setting->key, "it is a whole number, 0 or more", err);
    case TUNING_NUMBER:
        given->numbers[i] = g_ascii_strtod(text, &end);
        return *end == '\0' && strspn(text, "0123456789.eE+-") == strlen(text)
                   ? 0
                   : wrong(setting->key, "it is a number like 2.5", err);
    case TUNING_FLAG:
        *ret_flag = strcmp(text, "true") == 0;
        return *ret_flag || strcmp(text, "false") == 0
                   ? 0
                   : wrong(setting->key, "it is true or false", err);
    case TUNING_WORD:
        return 0;
    }
    return 0;
}

static void give_rule(struct given *given, const char *key, int i, bool flag) {
    struct alert_rule_config *rule = &given->rule;
    if (strcmp(key, "severity") == 0) {
        rule->severity = given->texts[i];
    } else if (strcmp(key, "team") == 0) {
        rule->team = given->texts[i];
    } else if (strcmp(key, "for_s") == 0) {
        rule->for_s = &given->wholes[i];
    } else if (strcmp(key, "keep_s") == 0) {
        rule->keep_s = &given->wholes[i];
    } else {
        rule->off = flag;
    }
}

static void give_figure(struct given *given, const char *key, int i) {
    struct config_figure *figure = &given->figure;
    if (strcmp(key, "warning") == 0) {
        figure->warning = &given->numbers[i];
    } else if (strcmp(key, "critical") == 0) {
        figure->critical = &given->numbers[i];
    } else if (strcmp(key, "events_min") == 0) {
        figure->events_min = &given->wholes[i];
    } else if (strcmp(key, "target") == 0) {
        figure->target = &given->numbers[i];
    } else if (strcmp(key, "window_minutes") == 0) {
        figure->window_minutes = &given->wholes[i];
    } else {
        figure->alert = given->texts[i];
    }
}

/* Both keys of a test are one row, so that they are checked together. */
static void give_detector(struct given *given, const char *key, int i) {
    struct detection_config *detector = &given->detector;
    if (strcmp(key, "alarms_per_day") == 0) {
        detector->alarms_per_day = &given->numbers[i];
        return;
    }
    /* A name of the table; nobody writes to it. */
    char *name = (char *)(uintptr_t)detector_test_name((enum detector_test)test_of(key));
    unsigned at = 0;
    while (at < detector->tests_count && strcmp(given->tests[at].name, name) != 0) {
        at++;
    }
    if (at == detector->tests_count) {
        given->tests[at] = (struct config_test){.name = name};
        detector->tests_count++;
    }
    *(is_share(key) ? &given->tests[at].share : &given->tests[at].points) = &given->numbers[i];
}

static int apply_counts(struct watch_limits *limits, const struct tuning_sources *sources,
                        const struct given *given, struct err *err) {
    for (int i = 0; i < given->counted_count; i++) {
        if (!tuning_counts_give(limits, sources, given->counted[i], given->texts[i])) {
            return err_set(err, ERR_CONFIG, "it is one of: %s",
                           strchr(given->counted[i]->meaning, ':') + 2);
        }
    }
    return watch_limits_check(limits, err);
}

/* The configuration's own check; what it says becomes an answer to whoever changes it. */
static int apply_given(struct tuned_values *values, const struct alert_rule *rule,
                       enum tuning_scope scope, const struct given *given, struct err *err) {
    struct tuning_sources sources = tuning_sources_of(rule);
    struct alert_rule_state *state =
        &values->rules[alert_rule_find(rule->name) - alert_rule_at(0)];
    struct alert_rule_state rule_was = *state;
    struct figure_limits figure_was = values->figures[sources.figure_id];
    struct detector_tuning detector_was = values->detector;
    struct watch_limits watch_was = values->watch;
    struct err why = {0};
    int r = 0;
    switch (scope) {
    case TUNING_RULE:
        r = alert_rule_read(&given->rule, state, &why);
        break;
    case TUNING_FIGURE:
        r = figure_limits_apply(sources.figure_id, &given->figure,
                                &values->figures[sources.figure_id], &why);
        break;
    case TUNING_DETECTOR:
    case TUNING_BUDGET:
        r = detection_apply(&given->detector, &values->detector, &why);
        break;
    default:
        r = apply_counts(&values->watch, &sources, given, &why);
    }
    if (r >= 0) {
        return 0;
    }
    *state = rule_was;
    values->figures[sources.figure_id] = figure_was;
    values->detector = detector_was;
    values->watch = watch_was;
    err_set(err, ERR_VALIDATION, "%s", why.detail);
    return err_place(err, "/set");
}

int tuning_apply(struct tuned_values *values, const struct alert_rule *rule,
                 enum tuning_scope scope, const struct tuning_pair *pairs, int count,
                 struct err *err) {
    struct given given = {0};
    given.detector.tests = given.tests;
    given.rule.off = values->rules[alert_rule_find(rule->name) - alert_rule_at(0)].off;
    INVARIANT(count <= TUNING_PAIRS_MAX, "a scope has few settings");
    for (int i = 0; i < count; i++) {
        const struct tuning_setting *setting = setting_of(scope, pairs[i].key);
        bool flag = false;
        int r = setting == NULL ? wrong(pairs[i].key, "there is no such setting", err)
                                : read_text(setting, pairs[i].value, &given, i, &flag, err);
        if (r < 0) {
            return r;
        }
        switch (scope) {
        case TUNING_RULE:
            give_rule(&given, setting->key, i, flag);
            break;
        case TUNING_FIGURE:
            give_figure(&given, setting->key, i);
            break;
        case TUNING_DETECTOR:
        case TUNING_BUDGET:
            give_detector(&given, setting->key, i);
            break;
        default:
            given.counted[given.counted_count++] = setting;
        }
    }
    return count == 0 ? 0 : apply_given(values, rule, scope, &given, err);
}

/* The setting of one of the rule's scopes. */
static const struct tuning_setting *setting_for(const struct alert_rule *rule, const char *key) {
    for (int scope = TUNING_RULE; scope < TUNING_SCOPES; scope++) {
        const struct tuning_setting *setting = setting_of((enum tuning_scope)scope, key);
        if (setting != NULL && tuning_has(rule, setting)) {
            return setting;
        }
    }
    return NULL;
}

static int find_rule(const char *name, const struct alert_rule **ret_rule, struct err *err) {
    *ret_rule = alert_rule_find(name);
    if (*ret_rule != NULL) {
        return 0;
    }
    err_set(err, ERR_NOT_FOUND, "there is no rule \"%.60s\"", name);
    return err_hint(err, "`holdfast alert rules` lists them.");
}

static int no_setting(const struct alert_rule *rule, const char *key, struct err *err) {
    char list[900] = "";
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        if (tuning_has(rule, &settings[i])) {
            g_strlcat(list, list[0] != '\0' ? ", " : "", sizeof list);
            g_strlcat(list, settings[i].key, sizeof list);
        }
    }
    err_set(err, ERR_VALIDATION, "%s has no setting \"%.60s\"", rule->name, key);
    err_place(err, "/set/%.60s", key);
    return err_hint(err, "One of: %s.", list);
}

int tuning_apply_request(const struct tuned_values *file, const struct tuning_request *request,
                         struct tuned_values *values, struct err *err) {
    char texts[TUNING_PAIRS_MAX][TUNING_TEXT_MAX + 1];
    const struct alert_rule *rule = NULL;
    int r = find_rule(request->rule, &rule, err);
    for (int scope = TUNING_RULE; r >= 0 && scope < TUNING_SCOPES; scope++) {
        struct tuning_pair pairs[TUNING_PAIRS_MAX];
        int count = 0;
        for (int i = 0; r >= 0 && i < request->pair_count; i++) {
            const struct tuning_setting *setting = setting_for(rule, request->pairs[i].key);
            if (setting == NULL) {
                r = no_setting(rule, request->pairs[i].key, err);
            } else if ((int)setting->scope == scope) {
                pairs[count] = request->pairs[i];
                if (pairs[count].value == NULL) {
                    tuning_value(file, rule, setting, texts[count]);
                    pairs[count].value = texts[count];
                }
                count++;
            }
        }
        r = r < 0 ? r
                  : tuning_apply(values, rule, (enum tuning_scope)scope, pairs, count, err);
    }
    return r;
}

/* ---- in force ---- */

int tuned_values_read(const struct alert_config *alerts, const struct figures_config *figures,
                      const struct detection_config *detection, struct tuned_values *ret_values,
                      struct err *err) {
    static const struct figures_config no_figures = {0};
    static const struct detection_config no_detection = {0};
    INVARIANT(alert_rule_count() <= TUNED_RULES_MAX, "more rules than there is room for");
    memset(ret_values, 0, sizeof *ret_values);
    ret_values->detector = detector_tuning_usual();
    watch_limits_usual(&ret_values->watch);
    int r = alert_rules_read(alerts, ret_values->rules, err);
    r = r < 0 ? r
              : figures_limits_read(figures != NULL ? figures : &no_figures, ret_values->figures,
                                    err);
    detection = detection != NULL ? detection : &no_detection;
    r = r < 0 ? r : detection_apply(detection, &ret_values->detector, err);
    return r < 0 ? r : watch_limits_apply(detection, &ret_values->watch, err);
}

struct tuning *tuning_open(const struct tuning_options *options) {
    struct tuning *tuning = g_new0(struct tuning, 1);
    tuning->store = options->store;
    tuning->file = *options->file;
    tuning->now = *options->file;
    lock_init(&tuning->lock);
    return tuning;
}

void tuning_close(struct tuning *tuning) {
    if (tuning != NULL) {
        lock_free(&tuning->lock);
        g_free(tuning);
    }
}

void tuning_rule(struct tuning *tuning, const struct alert_rule *rule,
                 struct alert_rule_state *ret_rule) {
    lock_take(&tuning->lock);
    *ret_rule = tuning->now.rules[rule - alert_rule_at(0)];
    lock_give(&tuning->lock);
}

void tuning_figure(struct tuning *tuning, enum figure_id id, struct figure_limits *ret_limits) {
    lock_take(&tuning->lock);
    *ret_limits = tuning->now.figures[id];
    lock_give(&tuning->lock);
}

void tuning_values(struct tuning *tuning, struct tuned_values *ret_values) {
    lock_take(&tuning->lock);
    *ret_values = tuning->now;
    lock_give(&tuning->lock);
}

int64_t tuning_number(struct tuning *tuning) {
    lock_take(&tuning->lock);
    int64_t number = tuning->number;
    lock_give(&tuning->lock);
    return number;
}

int tuning_propose(struct tuning *tuning, const struct tuning_request *request,
                   struct tuned_values *values, struct err *err) {
    tuning_values(tuning, values);
    return tuning_apply_request(&tuning->file, request, values, err);
}
