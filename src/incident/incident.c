/* SPDX-License-Identifier: Apache-2.0
 * incident.c: incidents are opened: by hand, and (incident_begin()) by the machine. */
#include "incident/incident.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "incident/incident_impl.h"
#include "store/audit.h"

/* ---- on duty ---- */

/* Who has the role by the rotas now. A rota that nobody has leaves it empty. */
static int on_duty(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                   struct incident_row *row, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < INCIDENT_ROLES * 2; i++) {
        const char *rota = incidents->settings.rotas[i / 2][i % 2], *name = NULL;
        if (rota == NULL || incidents->options.alerts == NULL || row->holders[i / 2][i % 2][0]) {
            continue;
        }
        r = alert_rota_duty(incidents->options.alerts, tx, arena, rota, &name, err);
        if (r >= 0 && name != NULL) {
            row->holders[i / 2][i % 2] = name;
        }
    }
    return r < 0 ? r : 0;
}

int incident_begin(struct incidents *incidents, struct store_tx *tx, struct arena *arena,
                   struct incident_row *row, const char *actor, const char *text,
                   const char *evidence, struct err *err) {
    int64_t now_us = clock_wall_us();
    row->id = incident_id_new();
    row->state = INCIDENT_OPEN;
    row->opened_by = actor;
    row->version = 0;
    row->updated_us = now_us;
    row->round = 1;
    row->reasons = row->reasons != NULL ? row->reasons : "[]";
    row->cause_why = row->cause_why != NULL ? row->cause_why : "";
    row->follows = row->follows != NULL ? row->follows : "";
    row->cause = row->cause != 0 ? row->cause : CAUSE_UNKNOWN;
    for (int i = 0; i < INCIDENT_ROLES * 2; i++) {
        const char **holder = &row->holders[i / 2][i % 2];
        *holder = *holder != NULL ? *holder : "";
    }
    const struct incident_entry entry = {
        .actor = actor, .kind = LOGGED_STATE, .text = text, .evidence = evidence};
    int r = on_duty(incidents, tx, arena, row, err);
    r = r < 0 ? r : incident_insert(tx, row, err);
    r = r < 0 ? r : incident_write(incidents, tx, row, &entry, err);
    return r < 0 ? r
                 : audit_append(tx, actor, "incident.open", row->id.text, "",
                                arena_printf(arena, "{\"number\":%lld}", (long long)row->number),
                                err);
}

/* ---- by hand ---- */

struct opening {
    struct incidents *incidents;
    const struct caller *caller;
    const struct incident_request *request;
};

static int check_title(const char *title, struct err *err) {
    if (title == NULL || title[0] == '\0' || strlen(title) > INCIDENT_TITLE_CHARS_MAX * 4 ||
        text_has_controls(title, false)) {
        err_set(err, ERR_VALIDATION, "a title has 1 to %d characters in one line",
                INCIDENT_TITLE_CHARS_MAX);
        return err_place(err, "/title");
    }
    return 0;
}

static int check_start(int64_t at_us, int64_t now_us, struct err *err) {
    if (at_us > now_us) {
        err_set(err, ERR_VALIDATION, "an impact cannot begin later than now");
        return err_place(err, "/impact_start");
    }
    return 0;
}

/* What it follows is over: one that still runs is the same trouble. */
static int check_follows(struct store_tx *tx, struct arena *arena, const char *id,
                         struct err *err) {
    struct incident_row row;
    if (id == NULL || id[0] == '\0') {
        return 0;
    }
    int r = incident_load(tx, arena, id, false, &row, err);
    if (r < 0) {
        return err_place(err, "/follows");
    }
    if (incident_is_live(row.state)) {
        err_set(err, ERR_STATE, "incident %s is still %s", id, incident_state_name(row.state));
        err_place(err, "/follows");
        return err_hint(err, "A fix that did not hold is a move of it: relapse.");
    }
    return 0;
}

static int link_all(struct store_tx *tx, struct arena *arena, struct incident_row *row,
                    const struct incident_request *request, const char *actor, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < request->alert_count; i++) {
        const char *text = NULL;
        r = incident_take_alert(tx, arena, row, request->alert_ids[i], actor, &text, err);
        if (r < 0) {
            (void)err_place(err, "/alerts/%d", i);
        }
    }
    return r;
}

static int open_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct opening *opening = ctx;
    const struct incident_request *request = opening->request;
    const char *actor = opening->caller->actor;
    int64_t now_us = clock_wall_us();
    struct incident_row row = {
        .title = request->title,
        .severity = request->severity_known ? request->severity : NOTICE_P2,
        .proposed = INCIDENT_UNMEASURED,
        .scope = request->scope,
        .cause = request->cause,
        .cause_why = request->cause_why,
        .follows = request->follows,
        .drill = request->drill,
    };
    row.at_us[MILESTONE_DETECTED] = now_us;
    row.at_us[MILESTONE_IMPACT_START] = request->impact_start_us != 0 ? request->impact_start_us
                                                                      : now_us;
    int r = check_title(request->title, err);
    r = r < 0 ? r : check_start(row.at_us[MILESTONE_IMPACT_START], now_us, err);
    r = r < 0 ? r : check_follows(tx, arena, request->follows, err);
    r = r < 0 ? r
              : incident_begin(opening->incidents, tx, arena, &row, actor, "Opened by hand.", NULL,
                               err);
    if (r >= 0 && request->alert_count > 0) {
        const struct incident_entry entry = {
            .actor = actor, .kind = LOGGED_STATE, .text = "Linked the alerts that it is about."};
        r = link_all(tx, arena, &row, request, actor, err);
        r = r < 0 ? r : incident_write(opening->incidents, tx, &row, &entry, err);
    }
    return r < 0 ? r : incident_answer(opening->incidents, tx, arena, &row, 201, ret_answer, err);
}

int incident_open(struct incidents *incidents, const struct caller *caller,
                  const struct incident_request *request, struct answer *ret_answer,
                  struct err *err) {
    struct opening opening = {incidents, caller, request};
    int r = idempotent_run(incidents->options.payments, caller, "incident.open", open_fn, &opening,
                           ret_answer, err);
    if (r >= 0) {
        payments_wake(incidents->options.payments);
    }
    return r;
}
