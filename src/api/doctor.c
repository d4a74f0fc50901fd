/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: what an edge, a mode or a number means to whoever is awake, and in which order. */
#include "api/doctor.h"

#include <stdio.h>
#include <string.h>

#include "api/member.h"
#include "base/clock.h"
#include "watch/figure_alarm.h"

/* A live alert by what it may tell of: its rule and labels. */
struct told {
    char rule[NOTICE_NAME_BYTES_MAX + 1];
    char check[DOCTOR_NAME_CHARS_MAX + 1], gateway[DOCTOR_NAME_CHARS_MAX + 1];
    char channel[DOCTOR_NAME_CHARS_MAX + 1];
    bool narrow; /* of a part of its gateway */
};

void doctor_init(struct doctor *doctor, int64_t now_us) {
    *doctor = (struct doctor){.findings = g_array_new(false, true, sizeof(struct finding)),
                              .told = g_array_new(false, true, sizeof(struct told)),
                              .now_us = now_us};
}

void doctor_release(struct doctor *doctor) {
    g_array_free(doctor->findings, true);
    g_array_free(doctor->told, true);
    *doctor = (struct doctor){0};
}

/* ---- alerts ---- */

static const char *text_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

static int64_t time_of(const json_t *json, const char *key) {
    int64_t at_us = 0;
    return clock_parse(text_of(json, key), &at_us) ? at_us : 0;
}

static void remember(struct doctor *doctor, const json_t *alert) {
    const json_t *labels = json_object_get(alert, "labels");
    struct told told = {.narrow = text_of(labels, "method")[0] != '\0' ||
                                  text_of(labels, "region")[0] != '\0' ||
                                  text_of(labels, "currency")[0] != '\0'};
    g_strlcpy(told.rule, text_of(alert, "rule"), sizeof told.rule);
    g_strlcpy(told.check, text_of(labels, "check"), sizeof told.check);
    g_strlcpy(told.gateway, text_of(labels, "gateway"), sizeof told.gateway);
    g_strlcpy(told.channel, text_of(labels, "channel"), sizeof told.channel);
    g_array_append_val(doctor->told, told);
}

/* " (gateway=a, method=card)": what its title does not say of where it is. */
static void add_where(const json_t *alert, char *ret_text, size_t bytes) {
    const char *name;
    json_t *label;
    ret_text[0] = '\0';
    json_object_foreach(json_object_get(alert, "labels"), name, label) {
        const char *value = json_string_value(label);
        if (value != NULL && strcmp(name, "of") != 0 &&
            strstr(text_of(alert, "title"), value) == NULL) {
            g_strlcat(ret_text, ret_text[0] == '\0' ? " (" : ", ", bytes);
            g_strlcat(ret_text, name, bytes);
            g_strlcat(ret_text, "=", bytes);
            g_strlcat(ret_text, value, bytes);
        }
    }
    g_strlcat(ret_text, ret_text[0] != '\0' ? ")" : "", bytes);
}

void doctor_alert(struct doctor *doctor, const json_t *alert) {
    static const enum gravity gravities[NOTICE_SEVERITIES] = {
        GRAVITY_CRITICAL, GRAVITY_CRITICAL, GRAVITY_WARNING, GRAVITY_NOTICE};
    const char *state = text_of(alert, "state"), *by = text_of(alert, "acknowledged_by");
    enum notice_severity severity = NOTICE_P2;
    bool acknowledged = strcmp(state, "acknowledged") == 0;
    doctor->looked++;
    if (!acknowledged && strcmp(state, "firing") != 0) {
        return;
    }
    if (!notice_severity_parse(text_of(alert, "severity"), &severity)) {
        severity = NOTICE_P2;
    }
    struct finding finding = {
        .gravity = gravities[severity],
        .severity = severity,
        .since_us = time_of(alert, "first_symptom_at"),
        .stake = json_integer_value(json_object_get(alert, "stake")),
    };
    const char *money = text_of(alert, "money");
    snprintf(finding.check, sizeof finding.check, "alert:%s", text_of(alert, "rule"));
    char where[DOCTOR_NAME_CHARS_MAX + 1];
    add_where(alert, where, sizeof where);
    snprintf(finding.what, sizeof finding.what, "[%s] %.300s%s.%s%.200s%s%s%s",
             notice_severity_name(severity), text_of(alert, "title"), where,
             money[0] != '\0' ? " " : "", money, acknowledged ? " (acknowledged by " : "",
             acknowledged ? by : "",
             acknowledged ? ")" : "");
    snprintf(finding.next, sizeof finding.next, "holdfast alert show %s", text_of(alert, "id"));
    snprintf(finding.alert, sizeof finding.alert, "%s", text_of(alert, "id"));
    g_strlcpy(finding.acknowledged_by, acknowledged ? by : "", sizeof finding.acknowledged_by);
    remember(doctor, alert);
    g_array_append_val(doctor->findings, finding);
}

void doctor_more_alerts(struct doctor *doctor) {
    struct finding finding = {.gravity = GRAVITY_WARNING,
                              .severity = NOTICE_P2,
                              .check = "alerts",
                              .what = "More alerts are live than are told here.",
                              .next = "holdfast alert list"};
    g_array_append_val(doctor->findings, finding);
}

/* Whether an alert of the rule tells of that. */
static bool is_told(const struct doctor *doctor, const char *rule, size_t label,
                    const char *value) {
    for (guint i = 0; i < doctor->told->len; i++) {
        const struct told *told = &g_array_index(doctor->told, struct told, i);
        const char *has = label == 0 ? "" : (const char *)told + label;
        if (strcmp(told->rule, rule) == 0 && !told->narrow &&
            (label == 0 || strcmp(has, value) == 0)) {
            return true;
        }
    }
    return false;
}

static bool edge_is_told(const struct doctor *doctor, const struct dep *dep) {
    static const struct {
        enum dep_kind kind;
        const char *rule, *label;
    } table[] = {
#define X(KIND, rule, label) {DEP_##KIND, rule, label},
#include "api/doctor_told.def"
#undef X
    };
    size_t prefix = dep->kind == DEP_CALLBACKS && g_str_has_prefix(dep->name, DEP_CALLBACKS_OF)
                        ? strlen(DEP_CALLBACKS_OF)
                        : 0;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        size_t label = table[i].label[0] != '\0' ? offsetof(struct told, gateway) : 0;
        if (table[i].kind == dep->kind &&
            is_told(doctor, table[i].rule, label, dep->name + prefix)) {
            return true;
        }
    }
    return false;
}

/* ---- figures, channels, silences, gateways ---- */

void doctor_figure(struct doctor *doctor, enum figure_id id, const struct figure_limits *limits,
                   const struct figure_now *now) {
    const struct figure *figure = &figure_table[id];
    doctor->looked++;
    if ((now->state != FIGURE_WARNING && now->state != FIGURE_CRITICAL) ||
        is_told(doctor, figure_alarm_kinds[id].rule, 0, "")) {
        return;
    }
    bool off = limits->level == FIGURE_LEVEL_OFF, critical = now->state == FIGURE_CRITICAL;
    struct finding finding = {
        .gravity = off && figure->kind == FIGURE_KIND_RATE ? GRAVITY_NOTICE
                   : critical && !off                       ? GRAVITY_CRITICAL
                   : critical || !off                       ? GRAVITY_WARNING
                                                            : GRAVITY_NOTICE,
    };
    snprintf(finding.check, sizeof finding.check, "figure:%s", figure->name);
    snprintf(finding.what, sizeof finding.what, "%s is %.4g %s, %s when %s %.4g.", figure->name,
             now->value, figure->unit, figure_state_name(now->state),
             figure_low_is_bad(figure) ? "below" : "above",
             critical ? limits->critical : limits->warning);
    snprintf(finding.next, sizeof finding.next, "holdfast metric show %s --by gateway",
             figure->name);
    g_array_append_val(doctor->findings, finding);
}

void doctor_channel(struct doctor *doctor, const json_t *channel) {
    const char *name = text_of(channel, "name"), *state = text_of(channel, "state");
    doctor->looked++;
    if ((strcmp(state, "fails") != 0 && strcmp(state, "blocked") != 0) ||
        is_told(doctor, "ChannelFailing", offsetof(struct told, channel), name)) {
        return;
    }
    struct finding finding = {
        .gravity = GRAVITY_WARNING,
        .count = json_integer_value(json_object_get(channel, "waiting")),
        .since_us = time_of(channel, "failed_at"),
        .next = "holdfast alert channels",
    };
    snprintf(finding.check, sizeof finding.check, "channel:%s", name);
    snprintf(finding.what, sizeof finding.what, "Messages do not get through channel %s: %.300s",
             name, text_of(channel, "reason"));
    g_array_append_val(doctor->findings, finding);
}

void doctor_silence(struct doctor *doctor, const json_t *silence) {
    char matchers[DOCTOR_WHAT_CHARS_MAX / 2] = "";
    size_t i;
    json_t *matcher;
    doctor->looked++;
    if (strcmp(text_of(silence, "state"), "active") != 0) {
        return;
    }
    json_array_foreach(json_object_get(silence, "matchers"), i, matcher) {
        g_strlcat(matchers, i > 0 ? " " : "", sizeof matchers);
        g_strlcat(matchers, json_string_value(matcher), sizeof matchers);
    }
    struct finding finding = {.gravity = GRAVITY_NOTICE,
                              .since_us = time_of(silence, "from"),
                              .next = "holdfast alert silences"};
    snprintf(finding.check, sizeof finding.check, "silence:%s", text_of(silence, "id"));
    snprintf(finding.what, sizeof finding.what,
             "Nobody is told of what fits %s until %s: %.200s (%.60s)", matchers,
             text_of(silence, "until"), text_of(silence, "reason"), text_of(silence, "actor"));
    g_array_append_val(doctor->findings, finding);
}

void doctor_gateway_off(struct doctor *doctor, const char *gateway, const char *state,
                        const char *reason) {
    struct finding finding = {.gravity = GRAVITY_NOTICE, .next = "holdfast gateway list"};
    snprintf(finding.check, sizeof finding.check, "gateway_off:%s", gateway);
    snprintf(finding.what, sizeof finding.what, "Gateway %s is %s by hand: %.200s", gateway, state,
             reason[0] != '\0' ? reason : "no reason was given");
    g_array_append_val(doctor->findings, finding);
}

/* ---- edges and modes ---- */

/* Some kinds' next step ends in a space: the edge's name belongs behind it. */
static void next_of(const struct dep *dep, struct finding *finding) {
    const char *next = dep_kind_next(dep->kind);
    size_t length = strlen(next);
    bool named = length > 0 && next[length - 1] == ' ';
    snprintf(finding->next, sizeof finding->next, "%s%s", next, named ? dep->name : "");
}

void doctor_edge(struct doctor *doctor, const struct dep *dep) {
    doctor->looked++;
    bool down = dep->state == DEP_DOWN;
    if ((!down && dep->state != DEP_DEGRADED) || edge_is_told(doctor, dep)) {
        return;
    }
    struct finding finding = {
        .gravity = down ? GRAVITY_CRITICAL : GRAVITY_WARNING,
        .since_us = dep->since_us,
    };
    snprintf(finding.check, sizeof finding.check, "%s:%s", dep_kind_name(dep->kind), dep->name);
    if (down) {
        snprintf(finding.what, sizeof finding.what, "%s is down: %s So: %s", dep->name, dep->why,
                 dep->without);
    } else {
        snprintf(finding.what, sizeof finding.what, "%s: %s", dep->name, dep->why);
    }
    next_of(dep, &finding);
    g_array_append_val(doctor->findings, finding);
}

void doctor_mode(struct doctor *doctor, const struct mode_view *view) {
    doctor->looked += 2;
    if (view->step != MODE_NORMAL) {
        struct finding finding = {
            .gravity = view->step == MODE_REROUTE ? GRAVITY_WARNING : GRAVITY_CRITICAL,
            .check = "mode",
            .since_us = view->since_us,
            .next = "holdfast mode show",
        };
        snprintf(finding.what, sizeof finding.what, "The service runs in mode %s: %.600s",
                 mode_step_name(view->step), view->reason);
        g_array_append_val(doctor->findings, finding);
    }
    if (view->simplified) {
        struct finding finding = {
            .gravity = GRAVITY_NOTICE,
            .check = "simplified_flow",
            .since_us = view->simplified_us,
            .next = "holdfast mode show",
        };
        snprintf(finding.what, sizeof finding.what, "The simplified flow is on: %.600s",
                 view->simplified_reason);
        g_array_append_val(doctor->findings, finding);
    }
}

void doctor_look(struct doctor *doctor, enum gravity gravity, const char *name, const char *what,
                 const char *next) {
    struct finding finding = {.gravity = gravity};
    doctor->looked++;
    if (what[0] == '\0') {
        return;
    }
    snprintf(finding.check, sizeof finding.check, "%s", name);
    snprintf(finding.what, sizeof finding.what, "%s", what);
    snprintf(finding.next, sizeof finding.next, "%s", next);
    g_array_append_val(doctor->findings, finding);
}

void doctor_counted(struct doctor *doctor, int index, const struct measure_limits *limits,
                    int64_t count, int64_t since_us) {
    const struct check *check = check_at(index);
    int64_t waits_s = since_us > 0 ? MAX(doctor->now_us - since_us, 0) / US_PER_SECOND : 0;
    char text[CHECK_TEXT_BYTES];
    doctor->looked++;
    if (count <= 0 ||
        is_told(doctor, check->rule, offsetof(struct told, check), check->name)) {
        return;
    }
    struct finding finding = {
        .gravity = measure_gravity(MEASURES_OWN + index, limits, count, waits_s),
        .count = count,
        .since_us = since_us,
    };
    check_text(check, count, text);
    snprintf(finding.check, sizeof finding.check, "%s", check->name);
    snprintf(finding.what, sizeof finding.what, "%s%s", text,
             finding.gravity > check->gravity ? " By the limits in force that is no alert." : "");
    snprintf(finding.next, sizeof finding.next, "%s", check->next);
    g_array_append_val(doctor->findings, finding);
}

/* ---- writing ---- */

/* What is no alert stands with those that are like it. */
static int severity_of(const struct finding *finding) {
    static const int likes[GRAVITIES] = {NOTICE_P1, NOTICE_P2, NOTICE_P3};
    return finding->alert[0] != '\0' ? finding->severity : likes[finding->gravity];
}

static int graver(const void *a, const void *b) {
    const struct finding *x = a, *y = b;
    if (x->gravity != y->gravity) {
        return x->gravity < y->gravity ? -1 : 1;
    }
    if (severity_of(x) != severity_of(y)) {
        return severity_of(x) - severity_of(y);
    }
    if (x->stake != y->stake) {
        return x->stake > y->stake ? -1 : 1;
    }
    if (x->since_us != y->since_us) {
        bool first = y->since_us == 0 || (x->since_us != 0 && x->since_us < y->since_us);
        return first ? -1 : 1;
    }
    return strcmp(x->check, y->check);
}

void doctor_write(struct doctor *doctor, struct buf *buf) {
    char now[CLOCK_TEXT_MAX];
    const struct finding *worst;
    g_array_sort(doctor->findings, graver);
    worst = doctor->findings->len > 0 ? &g_array_index(doctor->findings, struct finding, 0) : NULL;
    buf_addf(buf, "{\"state\":\"%s\",\"checked_at\":\"%s\",\"looked_at\":%d,\"data\":[",
             worst == NULL ? "ok" : gravity_name(worst->gravity),
             clock_format(doctor->now_us, now), doctor->looked);
    for (guint i = 0; i < doctor->findings->len; i++) {
        const struct finding *finding = &g_array_index(doctor->findings, struct finding, i);
        buf_addf(buf, "%s{\"gravity\":\"%s\"", i > 0 ? "," : "", gravity_name(finding->gravity));
        member_text(buf, "check", finding->check);
        member_text(buf, "what", finding->what);
        member_text(buf, "next", finding->next);
        buf_addf(buf, ",\"count\":%lld", (long long)finding->count);
        member_time(buf, "since", finding->since_us);
        member_text(buf, "alert", finding->alert);
        member_text(buf, "acknowledged_by", finding->acknowledged_by);
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, "]}");
}
