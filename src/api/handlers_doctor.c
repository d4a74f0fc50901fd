/* SPDX-License-Identifier: Apache-2.0
 * handlers_doctor.c: gathers what doctor.c judges: alerts first, then the dependency map, the mode,
 * figures, channels, silences, gateways out of use, calendars that end, and what the database can
 * count. Without the database the map alone says what is wrong. */
#include <stdio.h>

#include "api/deps_gather.h"
#include "api/doctor.h"
#include "api/service_impl.h"
#include "base/clock.h"
#include "recon/calendars.h"
#include "watch/tuning.h"

enum { DOCTOR_JSON_BYTES_MAX = 1024 * 1024, DOCTOR_CHECKS_MAX = 64, WATCHED_BYTES_MAX = 16 << 20 };

struct counts {
    int64_t now_us;
    int64_t count[DOCTOR_CHECKS_MAX], since_us[DOCTOR_CHECKS_MAX];
};

static int counts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct counts *counts = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        r = check_take(check_at(i), tx, counts->now_us, &counts->count[i], &counts->since_us[i],
                       err);
    }
    return r;
}

static bool database_answers(const GArray *edges) {
    for (guint i = 0; i < edges->len; i++) {
        const struct dep *dep = &g_array_index(edges, struct dep, i);
        if (dep->kind == DEP_DATABASE) {
            return dep->state != DEP_DOWN;
        }
    }
    return false;
}

/* ---- what is watched ---- */

/* Reads what watch/ says of itself, and hands on each row of `data`. */
static int each_row(struct buf *buf, struct doctor *doctor,
                    void (*take)(struct doctor *doctor, const json_t *row), json_t **ret_answer,
                    struct err *err) {
    int r = json_read(buf->data, buf->len, buf->max, JSON_DEPTH_MAX, ret_answer, err);
    size_t i;
    json_t *row;
    json_array_foreach(r < 0 ? NULL : json_object_get(*ret_answer, "data"), i, row) {
        take(doctor, row);
    }
    return r;
}

static int look_at_alerts(struct ask *ask, struct doctor *doctor, struct err *err) {
    struct alerts *alerts = ask->service->alerts;
    const struct alerts_filter filter = {.limit = ALERTS_LISTED_MAX};
    JSON_AUTO live = NULL;
    JSON_AUTO channels = NULL;
    JSON_AUTO silences = NULL;
    BUF_AUTO buf;
    buf_init(&buf, WATCHED_BYTES_MAX);
    int r = alerts_list(alerts, &filter, &buf, err);
    r = r < 0 ? r : each_row(&buf, doctor, doctor_alert, &live, err);
    if (r >= 0 && json_is_string(json_object_get(live, "next_cursor"))) {
        doctor_more_alerts(doctor);
    }
    r = r < 0 ? r : alert_channels_list(alerts, &buf, err);
    r = r < 0 ? r : each_row(&buf, doctor, doctor_channel, &channels, err);
    r = r < 0 ? r : silences_list(alerts, false, &buf, err);
    return r < 0 ? r : each_row(&buf, doctor, doctor_silence, &silences, err);
}

static void look_at_figures(struct ask *ask, struct doctor *doctor) {
    const struct figures_watch *watch = &ask->service->figures;
    struct figure_now now[FIGURES];
    if (watch->rollup == NULL) {
        return;
    }
    figures_now(watch, now);
    for (int i = 0; i < FIGURES; i++) {
        struct figure_limits limits;
        figure_limits_now(watch, (enum figure_id)i, &limits);
        doctor_figure(doctor, (enum figure_id)i, &limits, &now[i]);
    }
}

static void look_at_gateways(struct ask *ask, struct doctor *doctor) {
    struct gateway_control_view view;
    gateway_control_view(ask->service->control, &view);
    for (int i = 0; i < gateway_count(ask->service->registry); i++) {
        doctor->looked++;
        if (view.state[i] != GATEWAY_ENABLED) {
            doctor_gateway_off(doctor, gateway_at(ask->service->registry, i)->name,
                               gateway_switch_name(view.state[i]), view.reason[i]);
        }
    }
}

/* One thing that was looked at, however many calendars there are. */
static void look_at_calendars(const struct ask *ask, struct doctor *doctor) {
    struct calendar_end ends[WORKDAYS_CALENDARS_MAX];
    char text[CALENDAR_TEXT_CHARS_MAX + 1], name[DOCTOR_NAME_CHARS_MAX + 1];
    int count = calendars_ending(ask->service->recon, NULL, doctor->now_us, ends);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "calendar:%s", ends[i].name);
        doctor_look(doctor, GRAVITY_WARNING, name, calendar_end_text(&ends[i], text),
                    "holdfast statement fetches");
    }
    if (count == 0) {
        doctor_look(doctor, GRAVITY_WARNING, "calendars", "", "");
    }
}

static int look(struct ask *ask, struct doctor *doctor, struct err *err) {
    g_autoptr(GArray) edges = g_array_new(false, false, sizeof(struct dep));
    struct mode_view mode;
    int r = deps_gather(ask, edges, err);
    if (r < 0) {
        return r;
    }
    bool answers = database_answers(edges);
    r = answers ? look_at_alerts(ask, doctor, err) : 0;
    for (guint i = 0; r >= 0 && i < edges->len; i++) {
        doctor_edge(doctor, &g_array_index(edges, struct dep, i));
    }
    if (r < 0) {
        return r;
    }
    mode_view(ask->service->mode, &mode);
    doctor_mode(doctor, &mode);
    service_probes_doctor(ask->service, doctor);
    look_at_figures(ask, doctor);
    look_at_gateways(ask, doctor);
    look_at_calendars(ask, doctor);
    if (!answers) {
        return 0;
    }
    struct counts counts = {.now_us = doctor->now_us};
    r = store_read(ask->service->store, counts_tx, &counts, err);
    struct tuned_values values;
    tuning_values(ask->service->tuning, &values);
    for (int i = 0; r >= 0 && i < check_count(); i++) {
        doctor_counted(doctor, i, &values.watch.measures[MEASURES_OWN + i], counts.count[i],
                       counts.since_us[i]);
    }
    return r;
}

int doctor_get(struct ask *ask, struct err *err) {
    struct doctor doctor;
    BUF_AUTO buf;
    INVARIANT(check_count() <= DOCTOR_CHECKS_MAX, "more checks than there is room for");
    buf_init(&buf, DOCTOR_JSON_BYTES_MAX);
    doctor_init(&doctor, clock_wall_us());
    int r = look(ask, &doctor, err);
    if (r >= 0) {
        doctor_write(&doctor, &buf);
    }
    doctor_release(&doctor);
    if (r >= 0 && !buf_ok(&buf)) {
        r = err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf.max);
    }
    if (r < 0) {
        return r;
    }
    ask->answer.status = 200;
    ask->answer.json = buf_take(&buf);
    return 0;
}
