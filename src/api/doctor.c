/* SPDX-License-Identifier: Apache-2.0
 * doctor.c: what an edge, a mode or a number means to whoever is awake, and in which order. */
#include "api/doctor.h"

#include <stdio.h>
#include <string.h>

#include "api/member.h"
#include "base/clock.h"

void doctor_init(struct doctor *doctor, int64_t now_us) {
    *doctor = (struct doctor){.findings = g_array_new(false, true, sizeof(struct finding)),
                              .now_us = now_us};
}

void doctor_release(struct doctor *doctor) {
    g_array_free(doctor->findings, true);
    *doctor = (struct doctor){0};
}

/* Some kinds' next step ends in a space: the edge's name belongs behind it. */
static void next_of(const struct dep *dep, struct finding *finding) {
    const char *next = dep_kind_next(dep->kind);
    size_t length = strlen(next);
    bool named = length > 0 && next[length - 1] == ' ';
    snprintf(finding->next, sizeof finding->next, "%s%s", next, named ? dep->name : "");
}

void doctor_edge(struct doctor *doctor, const struct dep *dep) {
    doctor->looked++;
    if (dep->state != DEP_DOWN && dep->state != DEP_DEGRADED) {
        return;
    }
    bool down = dep->state == DEP_DOWN;
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

void doctor_counted(struct doctor *doctor, const struct check *check, int64_t count,
                    int64_t since_us) {
    char text[CHECK_TEXT_BYTES];
    doctor->looked++;
    if (count <= 0) {
        return;
    }
    struct finding finding = {
        .gravity = check_gravity(check, since_us, doctor->now_us),
        .count = count,
        .since_us = since_us,
    };
    check_text(check, count, text);
    snprintf(finding.check, sizeof finding.check, "%s", check->name);
    snprintf(finding.what, sizeof finding.what, "%s", text);
    snprintf(finding.next, sizeof finding.next, "%s", check->next);
    g_array_append_val(doctor->findings, finding);
}

/* ---- writing ---- */

static int graver(const void *a, const void *b) {
    const struct finding *x = a, *y = b;
    if (x->gravity != y->gravity) {
        return x->gravity < y->gravity ? -1 : 1;
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
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, "]}");
}
