/* SPDX-License-Identifier: Apache-2.0
 * alert_settings.c: what the section `alerts:` means, checked, with the defaults of what is absent;
 * and the look-ups in it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "watch/alert_impl.h"
#include "watch/tuning.h"

enum {
    SETTINGS_BYTES_MAX = 16 * 1024 * 1024,
    WAIT_S_MAX = 3600,
    FOR_S_MAX = 7 * 86400,
    MINUTES_MAX = 7 * 24 * 60,
    HEARTBEAT_MINUTES = 5,
    URL_CHARS_MAX = 200,
    TEST_DAY = 1, /* Tuesday */
    PLACE_BYTES = 120,
};
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define TEST_TIME_S ((10 * 60 + 10) * 60) /* no full or half hour: docs/channels.md, feishu */

/* What is read, and where in it: "alerts.routes[ops]". */
struct reading {
    const struct alert_config *config;
    const struct channels *channels;
    struct alert_settings *settings;
    char place[PLACE_BYTES];
};

static int bad(const struct reading *reading, const char *key, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "%s%s%s", reading->place, key[0] != '\0' ? "." : "", key);
}

static int placed(int r, const struct reading *reading, const char *key, struct err *err) {
    if (r < 0 && err != NULL) {
        err->code = ERR_CONFIG;
        r = err_place(err, "%s%s%s", reading->place, key[0] != '\0' ? "." : "", key);
    }
    return r;
}

static void at(struct reading *reading, const char *list, const char *name) {
    char shown[ALERT_NAME_CHARS_MAX + 1];
    text_shown(name, strlen(name), shown, sizeof shown);
    (void)snprintf(reading->place, sizeof reading->place, "alerts.%s[%s]", list, shown);
}

/* ---- pieces ---- */

static int read_name(struct reading *reading, const char *name, struct err *err) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > ALERT_NAME_CHARS_MAX || strspn(name, letters) != bytes) {
        return bad(reading, "name", "a name is of letters, digits, '-', '_' and '.'", err);
    }
    return 0;
}

static int read_channels(struct reading *reading, char *const *names, unsigned count,
                         struct alert_names *ret_names, struct err *err) {
    if (count == 0 || count > ALERT_ROUTE_CHANNELS_MAX) {
        return bad(reading, "channels", "1 to 16 channels are named", err);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct channel *channel = channels_find(reading->channels, names[i]);
        if (channel == NULL) {
            return bad(reading, "channels", "there is no channel of that name", err);
        }
        alert_names_add(ret_names, channel_name(channel));
    }
    return 0;
}

static int read_teams(struct reading *reading, char *const *names, unsigned count,
                      unsigned *ret_bits, struct err *err) {
    for (unsigned i = 0; i < count; i++) {
        enum alert_team team;
        if (!alert_team_parse(names[i], &team)) {
            return bad(reading, "teams", "teams are operations, engineering, product and support",
                       err);
        }
        *ret_bits |= 1U << team;
    }
    return 0;
}

static int read_severities(struct reading *reading, char *const *names, unsigned count,
                           unsigned *ret_bits, struct err *err) {
    for (unsigned i = 0; i < count; i++) {
        enum notice_severity severity;
        if (!notice_severity_parse(names[i], &severity)) {
            return bad(reading, "severities", "severities are P0, P1, P2 and P3", err);
        }
        *ret_bits |= 1U << severity;
    }
    return 0;
}

static int read_matchers(struct reading *reading, const char *key, char *const *texts,
                         unsigned count, struct matchers *ret_matchers, struct err *err) {
    return placed(matchers_read(reading->settings->arena, texts, count, ret_matchers, err), reading,
                  key, err);
}

/* ---- the lists ---- */

static int rule_bad(const char *key, const char *why, struct err *err) {
    err_set(err, ERR_CONFIG, "%s", why);
    return err_place(err, "%s", key);
}

int alert_rule_read(const struct alert_rule_config *config, struct alert_rule_state *state,
                    struct err *err) {
    struct alert_rule *rule = &state->rule;
    if (config->severity != NULL && !notice_severity_parse(config->severity, &rule->severity)) {
        return rule_bad("severity", "severities are P0, P1, P2 and P3", err);
    }
    if (config->team != NULL && !alert_team_parse(config->team, &rule->team)) {
        return rule_bad("team", "teams are operations, engineering, product and support", err);
    }
    if ((config->for_s != NULL && *config->for_s > FOR_S_MAX) ||
        (config->keep_s != NULL && *config->keep_s > FOR_S_MAX)) {
        return rule_bad("", "for_s and keep_s are at most a week", err);
    }
    rule->for_us = config->for_s != NULL ? *config->for_s * US_PER_SECOND : rule->for_us;
    rule->keep_us = config->keep_s != NULL ? *config->keep_s * US_PER_SECOND : rule->keep_us;
    state->off = config->off;
    return 0;
}

static int read_rule(struct reading *reading, const struct alert_rule_config *config,
                     struct err *err) {
    at(reading, "rules", config->name);
    const struct alert_rule *found = alert_rule_find(config->name);
    if (found == NULL) {
        return bad(reading, "name", "there is no rule of that name: `holdfast alert rules`", err);
    }
    struct err why = {0};
    int r = alert_rule_read(config, &reading->settings->rules[found - alert_rule_at(0)], &why);
    return r < 0 ? bad(reading, why.place, why.detail, err) : 0;
}

int alert_rules_read(const struct alert_config *config, struct alert_rule_state *ret_rules,
                     struct err *err) {
    struct alert_settings settings = {.rules = ret_rules};
    struct reading reading = {.config = config, .settings = &settings};
    int r = 0;
    for (int i = 0; i < alert_rule_count(); i++) {
        ret_rules[i] = (struct alert_rule_state){.rule = *alert_rule_at(i)};
    }
    for (unsigned i = 0; r >= 0 && config != NULL && i < config->rules_count; i++) {
        r = read_rule(&reading, &config->rules[i], err);
    }
    return r;
}

static int read_route(struct reading *reading, const struct alert_route_config *config,
                      struct err *err) {
    struct alert_settings *settings = reading->settings;
    struct alert_route *route = &settings->routes[settings->route_count];
    at(reading, "routes", config->name);
    *route = (struct alert_route){.name = config->name, .go_on = config->go_on};
    int r = read_name(reading, config->name, err);
    r = r < 0 ? r : read_teams(reading, config->teams, config->teams_count, &route->teams, err);
    r = r < 0 ? r
              : read_severities(reading, config->severities, config->severities_count,
                                &route->severities, err);
    r = r < 0 ? r
              : read_matchers(reading, "match", config->match, config->match_count, &route->match,
                              err);
    r = r < 0 ? r
              : read_channels(reading, config->channels, config->channels_count, &route->channels,
                              err);
    if (r >= 0 && config->hours != NULL) {
        r = placed(hours_read(config->hours, settings->zone, &route->hours, err), reading, "hours",
                   err);
    }
    settings->route_count += r >= 0;
    return r;
}

static int read_inhibition(struct reading *reading, const struct alert_inhibition_config *config,
                           struct err *err) {
    struct alert_settings *settings = reading->settings;
    struct alert_inhibition *inhibition = &settings->inhibitions[settings->inhibition_count];
    (void)snprintf(reading->place, sizeof reading->place, "alerts.inhibit[%d]",
                   (int)(config - reading->config->inhibit));
    *inhibition = (struct alert_inhibition){0};
    if (config->source_count == 0 || config->target_count == 0 ||
        config->equal_count > MATCHERS_MAX) {
        return bad(reading, "", "it has matchers for source and target, and at most 8 labels that "
                                "are equal", err);
    }
    for (unsigned i = 0; i < config->equal_count; i++) {
        inhibition->equal[inhibition->equal_count++] = config->equal[i];
    }
    int r = read_matchers(reading, "source", config->source, config->source_count,
                          &inhibition->source, err);
    r = r < 0 ? r
              : read_matchers(reading, "target", config->target, config->target_count,
                              &inhibition->target, err);
    settings->inhibition_count += r >= 0;
    return r;
}

static void builtin_inhibitions(struct alert_settings *settings) {
    static const struct {
        const char *source, *target, *equal;
    } rows[] = {
#define X(source, target, equal) {source, target, equal},
#include "watch/alert_inhibitions.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct alert_inhibition *inhibition = &settings->inhibitions[settings->inhibition_count++];
        *inhibition = (struct alert_inhibition){0};
        matchers_split(settings->arena, rows[i].source, &inhibition->source);
        matchers_split(settings->arena, rows[i].target, &inhibition->target);
        if (rows[i].equal[0] != '\0') {
            inhibition->equal[inhibition->equal_count++] = rows[i].equal;
        }
    }
}

static int read_person(struct reading *reading, const struct alert_person_config *config,
                       struct err *err) {
    struct alert_settings *settings = reading->settings;
    at(reading, "people", config->name);
    int r = read_name(reading, config->name, err);
    if (r >= 0 && alert_person_find(settings, config->name) != NULL) {
        r = bad(reading, "name", "there is another one of that name", err);
    }
    if (r < 0) {
        return r;
    }
    struct alert_person *person = &settings->people[settings->person_count++];
    *person = (struct alert_person){.name = config->name};
    return read_channels(reading, config->channels, config->channels_count, &person->channels, err);
}

static int read_rota(struct reading *reading, const struct alert_rota_config *config,
                     struct err *err) {
    struct alert_settings *settings = reading->settings;
    at(reading, "rotas", config->name);
    int r = read_name(reading, config->name, err);
    if (r >= 0 && alert_rota_find(settings, config->name) != NULL) {
        r = bad(reading, "name", "there is another one of that name", err);
    }
    if (r < 0) {
        return r;
    }
    struct rota *rota = &settings->rotas[settings->rota_count];
    r = placed(rota_read(config, settings->zone, rota, err), reading, "shifts", err);
    settings->rota_count += r >= 0;
    for (int i = 0; r >= 0 && i < rota->shift_count; i++) {
        for (int j = 0; r >= 0 && j < rota->shifts[i].people_count; j++) {
            if (alert_person_find(settings, rota->shifts[i].people[j]) == NULL) {
                r = bad(reading, "shifts", "it names somebody who is not among alerts.people", err);
            }
        }
    }
    return r;
}

static int read_step(struct reading *reading, const struct alert_step_config *config,
                     struct alert_step *step, struct err *err) {
    static const struct {
        const char *prefix;
        enum alert_step_to to;
    } kinds[] = {{"rota:", STEP_ROTA}, {"person:", STEP_PERSON}, {"channel:", STEP_CHANNEL}};
    if (config->after_minutes > MINUTES_MAX) {
        return bad(reading, "after_minutes", "a step is taken within a week", err);
    }
    step->after_us = config->after_minutes * US_PER_MINUTE;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t bytes = strlen(kinds[i].prefix);
        if (strncmp(config->to, kinds[i].prefix, bytes) == 0) {
            step->to = kinds[i].to;
            step->name = config->to + bytes;
        }
    }
    const struct alert_settings *settings = reading->settings;
    bool known = step->name != NULL &&
                 (step->to == STEP_ROTA     ? alert_rota_find(settings, step->name) != NULL
                  : step->to == STEP_PERSON ? alert_person_find(settings, step->name) != NULL
                                            : channels_find(reading->channels, step->name) != NULL);
    return known ? 0
                 : bad(reading, "to", "it is rota:NAME, person:NAME or channel:NAME, of one that "
                                      "there is", err);
}

static int read_escalation(struct reading *reading, const struct alert_escalation_config *config,
                           struct err *err) {
    struct alert_settings *settings = reading->settings;
    struct alert_escalation *escalation = &settings->escalations[settings->escalation_count++];
    (void)snprintf(reading->place, sizeof reading->place, "alerts.escalations[%d]",
                   (int)(config - reading->config->escalations));
    *escalation = (struct alert_escalation){0};
    if (config->steps_count == 0 || config->steps_count > ALERT_STEPS_MAX) {
        return bad(reading, "steps", "there are 1 to 10 steps", err);
    }
    int r = read_teams(reading, config->teams, config->teams_count, &escalation->teams, err);
    r = r < 0 ? r
              : read_severities(reading, config->severities, config->severities_count,
                                &escalation->severities, err);
    if (config->severities_count == 0) {
        escalation->severities = 1U << NOTICE_P0 | 1U << NOTICE_P1;
    }
    for (unsigned i = 0; r >= 0 && i < config->steps_count; i++) {
        struct alert_step *step = &escalation->steps[escalation->step_count++];
        r = read_step(reading, &config->steps[i], step, err);
        if (r >= 0 && i > 0 && step->after_us < step[-1].after_us) {
            r = bad(reading, "steps", "steps are in the order of their time", err);
        }
    }
    return r;
}

/* ---- the rest ---- */

static int read_words(struct reading *reading, struct err *err) {
    const struct alert_config *config = reading->config;
    struct alert_settings *settings = reading->settings;
    struct time_zone *zone = NULL;
    struct err why = {0};
    if (config->language != NULL && !notice_language_parse(config->language, &settings->language)) {
        return bad(reading, "language", "languages are en and zh", err);
    }
    if (config->time_zone != NULL && time_zone_open(config->time_zone, &zone, &why) < 0) {
        return bad(reading, "time_zone", "there is no time zone of that name on this machine", err);
    }
    time_zone_close(zone);
    settings->zone = config->time_zone != NULL ? config->time_zone : "UTC";
    const char *url = config->url != NULL ? config->url : "";
    size_t chars = strlen(url);
    bool web = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    if (chars > 0 && (!web || chars > URL_CHARS_MAX || url[chars - 1] == '/' ||
                      strpbrk(url, " ?#\"<>()[]{}|\\^`") != NULL)) {
        return bad(reading, "url",
                   "it is an http or https address without a query and a slash at its end", err);
    }
    settings->url = url;
    return 0;
}

static int read_rhythm(struct reading *reading, struct err *err) {
    const struct alert_config *config = reading->config;
    struct alert_settings *settings = reading->settings;
    if (config->group_by_count > MATCHERS_MAX) {
        return bad(reading, "group_by", "at most 8 labels make a group", err);
    }
    for (unsigned i = 0; i < config->group_by_count; i++) {
        settings->group_by[i] = config->group_by[i];
        settings->group_by_count = (int)i + 1;
    }
    if ((config->group_wait_s != NULL && *config->group_wait_s > WAIT_S_MAX) ||
        (config->group_interval_s != NULL && *config->group_interval_s > WAIT_S_MAX)) {
        return bad(reading, "", "group_wait_s and group_interval_s are at most an hour", err);
    }
    if (config->repeat_minutes != NULL && *config->repeat_minutes > MINUTES_MAX) {
        return bad(reading, "repeat_minutes", "it is at most a week; 0 repeats nothing", err);
    }
    if (config->group_wait_s != NULL) {
        settings->wait_us = *config->group_wait_s * US_PER_SECOND;
    }
    if (config->group_interval_s != NULL) {
        settings->interval_us = *config->group_interval_s * US_PER_SECOND;
    }
    if (config->repeat_minutes != NULL) {
        settings->repeat_us = *config->repeat_minutes * US_PER_MINUTE;
    }
    return 0;
}

static int read_own(struct reading *reading, struct err *err) {
    const struct alert_config *config = reading->config;
    struct alert_settings *settings = reading->settings;
    const struct alert_heartbeat_config *heartbeat = config->heartbeat;
    if (heartbeat != NULL) {
        unsigned minutes = heartbeat->every_minutes > 0 ? heartbeat->every_minutes
                                                        : HEARTBEAT_MINUTES;
        if (channels_find(reading->channels, heartbeat->channel) == NULL) {
            return bad(reading, "heartbeat.channel", "there is no channel of that name", err);
        }
        if (minutes > 24 * 60) {
            return bad(reading, "heartbeat.every_minutes", "it comes once a day at least", err);
        }
        settings->heartbeat = heartbeat->channel;
        settings->heartbeat_us = minutes * US_PER_MINUTE;
    }
    settings->test_off = config->self_test.off;
    if (config->self_test.day != NULL &&
        !hours_parse_day(config->self_test.day, &settings->test_day)) {
        return bad(reading, "self_test.day", "days are mon, tue, wed, thu, fri, sat and sun", err);
    }
    if (config->self_test.time != NULL &&
        !hours_parse_time(config->self_test.time, &settings->test_s)) {
        return bad(reading, "self_test.time", "a time is written \"10:10\"", err);
    }
    return 0;
}

/* Each list is read in order; what comes later may name what came before. */
#define READ_ALL(r, list, count, limit, one)                                                       \
    for (unsigned i_ = 0; (r) >= 0 && i_ < (count); i_++) {                                        \
        (void)snprintf(reading->place, sizeof reading->place, "alerts." list);                     \
        (r) = i_ < (unsigned)(limit) ? one : bad(reading, "", "there are too many of them", err);  \
    }

static int read_all(struct reading *reading, struct err *err) {
    const struct alert_config *config = reading->config;
    (void)snprintf(reading->place, sizeof reading->place, "alerts");
    int r = read_words(reading, err);
    r = r < 0 ? r : read_rhythm(reading, err);
    r = r < 0 ? r : read_own(reading, err);
    READ_ALL(r, "rules", config->rules_count, 1000, read_rule(reading, &config->rules[i_], err))
    READ_ALL(r, "routes", config->routes_count, ALERT_ROUTES_MAX,
             read_route(reading, &config->routes[i_], err))
    READ_ALL(r, "inhibit", config->inhibit_count, ALERT_INHIBITIONS_MAX / 2,
             read_inhibition(reading, &config->inhibit[i_], err))
    READ_ALL(r, "people", config->people_count, ALERT_PEOPLE_MAX,
             read_person(reading, &config->people[i_], err))
    READ_ALL(r, "rotas", config->rotas_count, ALERT_ROTAS_MAX,
             read_rota(reading, &config->rotas[i_], err))
    READ_ALL(r, "escalations", config->escalations_count, ALERT_ESCALATIONS_MAX,
             read_escalation(reading, &config->escalations[i_], err))
    return r;
}

static void defaults(struct alert_settings *settings) {
    struct arena *arena = settings->arena;
    int count = alert_rule_count();
    settings->rules = arena_alloc(arena, sizeof *settings->rules * (size_t)count);
    settings->routes = arena_alloc(arena, sizeof *settings->routes * ALERT_ROUTES_MAX);
    settings->inhibitions = arena_alloc(arena,
                                        sizeof *settings->inhibitions * ALERT_INHIBITIONS_MAX);
    settings->people = arena_alloc(arena, sizeof *settings->people * ALERT_PEOPLE_MAX);
    settings->rotas = arena_alloc(arena, sizeof *settings->rotas * ALERT_ROTAS_MAX);
    settings->escalations = arena_alloc(arena,
                                        sizeof *settings->escalations * ALERT_ESCALATIONS_MAX);
    for (int i = 0; i < count; i++) {
        settings->rules[i].rule = *alert_rule_at(i);
    }
    settings->url = "";
    settings->zone = "UTC";
    settings->group_by[0] = "rule";
    settings->group_by_count = 1;
    settings->wait_us = 10 * US_PER_SECOND;
    settings->interval_us = 60 * US_PER_SECOND;
    settings->repeat_us = 30 * US_PER_MINUTE;
    settings->test_day = TEST_DAY;
    settings->test_s = TEST_TIME_S;
    builtin_inhibitions(settings);
}

int alert_settings_read(const struct alert_config *config, const struct channels *channels,
                        struct alert_settings *ret_settings, struct err *err) {
    *ret_settings = (struct alert_settings){.arena = arena_new(SETTINGS_BYTES_MAX)};
    struct reading reading = {.config = config, .channels = channels, .settings = ret_settings};
    defaults(ret_settings);
    int r = config != NULL ? read_all(&reading, err) : 0;
    if (r < 0) {
        alert_settings_release(ret_settings);
    }
    return r;
}

void alert_settings_release(struct alert_settings *settings) {
    for (int i = 0; i < settings->route_count; i++) {
        hours_release(&settings->routes[i].hours);
    }
    for (int i = 0; i < settings->rota_count; i++) {
        rota_release(&settings->rotas[i]);
    }
    arena_free(settings->arena);
    *settings = (struct alert_settings){0};
}

/* ---- looked up ---- */

void alert_rule_now(const struct alerts *alerts, const char *name,
                    struct alert_rule_state *ret_rule) {
    const struct alert_rule *found = alert_rule_find(name);
    found = found != NULL ? found : alert_rule_find(ALERT_RULE_OTHER);
    if (alerts->options.tuning != NULL) {
        tuning_rule(alerts->options.tuning, found, ret_rule);
    } else {
        *ret_rule = alerts->settings.rules[found - alert_rule_at(0)];
    }
}

void alert_names_add(struct alert_names *names, const char *name) {
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return;
        }
    }
    if (names->count < ALERT_ROUTE_CHANNELS_MAX) {
        names->names[names->count++] = name;
    }
}

static bool in_bits(unsigned bits, unsigned number) {
    return bits == 0 || (bits & 1U << number) != 0;
}

/* Who is named by an alert hears of it on his own channels, whatever the routes say. */
static void add_person(const struct alert_settings *settings, const struct alert_face *face,
                       struct alert_names *names) {
    const struct alert_person *person = alert_person_find(settings, face_value(face, "person"));
    for (int i = 0; person != NULL && i < person->channels.count; i++) {
        alert_names_add(names, person->channels.names[i]);
    }
}

bool alert_targets(const struct alert_settings *settings, const struct alert_face *face,
                   int64_t now_us, struct alert_names *ret_names) {
    bool hours = false;
    *ret_names = (struct alert_names){0};
    add_person(settings, face, ret_names);
    for (int i = 0; i < settings->route_count; i++) {
        const struct alert_route *route = &settings->routes[i];
        if (!in_bits(route->teams, face->team) || !in_bits(route->severities, face->severity) ||
            !matchers_fit(&route->match, face)) {
            continue;
        }
        hours = hours || route->hours.zone != NULL;
        if (!hours_hold(&route->hours, now_us)) {
            continue;
        }
        for (int j = 0; j < route->channels.count; j++) {
            alert_names_add(ret_names, route->channels.names[j]);
        }
        if (!route->go_on) {
            break;
        }
    }
    return hours;
}

const struct alert_escalation *alert_escalation_of(const struct alert_settings *settings,
                                                   const struct alert_face *face) {
    for (int i = 0; i < settings->escalation_count; i++) {
        const struct alert_escalation *escalation = &settings->escalations[i];
        if (in_bits(escalation->teams, face->team) &&
            in_bits(escalation->severities, face->severity)) {
            return escalation;
        }
    }
    return NULL;
}

const struct rota *alert_rota_find(const struct alert_settings *settings, const char *name) {
    for (int i = 0; i < settings->rota_count; i++) {
        if (strcmp(settings->rotas[i].name, name) == 0) {
            return &settings->rotas[i];
        }
    }
    return NULL;
}

const struct alert_person *alert_person_find(const struct alert_settings *settings,
                                             const char *name) {
    for (int i = 0; i < settings->person_count; i++) {
        if (strcmp(settings->people[i].name, name) == 0) {
            return &settings->people[i];
        }
    }
    return NULL;
}
