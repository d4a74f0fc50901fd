/* SPDX-License-Identifier: Apache-2.0
 * incident_view.c: all that is known of an incident at one moment; see incident_view.h. */
#include "incident/incident_view.h"

#include <string.h>

#include "base/json.h"
#include "incident/blast.h"

enum { TRIES = 3 };

struct taking {
    struct view *view;
    const char *id;
};

static int row_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct taking *taking = ctx;
    struct view *view = taking->view;
    int r = incident_load(tx, view->arena, taking->id, false, &view->row, err);
    return r < 0 ? r
                 : incident_signatures(tx, view->arena, &view->row, &view->signatures, err);
}

static int recent_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct taking *taking = ctx;
    struct view *view = taking->view;
    struct course *course = arena_alloc(view->arena, sizeof *course);
    int64_t from_us = view->at_us - VIEW_RECENT_US;
    from_us = from_us > view->scope.from_us ? from_us : view->scope.from_us;
    int r = course_take(tx, &view->scope, from_us, view->at_us, course, err);
    view->recent_finished = view->recent_succeeded = 0;
    for (int i = 0; r >= 0 && i < course->count; i++) {
        view->recent_finished += course->points[i].finished;
        view->recent_succeeded += course->points[i].succeeded;
    }
    return r;
}

static const char *holder_of(const struct incident_row *row, enum incident_role role) {
    return row->holders[role][0];
}

static int ask_gate(struct view *view, struct gate *gate, struct err *err) {
    struct gate_measure left[GATE_MEASURES_MAX];
    struct gate_subject subject = {
        .incident_id = view->row.id.text,
        .scope = view->scope,
        .mitigated_us = view->row.at_us[MILESTONE_MITIGATED],
        .commander = holder_of(&view->row, INCIDENT_ROLE_COMMANDER),
        .recon_owner = holder_of(&view->row, INCIDENT_ROLE_RECON),
        .commander_signed = view->signatures.rows[INCIDENT_ROLE_COMMANDER].at_us > 0,
        .recon_signed = view->signatures.rows[INCIDENT_ROLE_RECON].at_us > 0,
        .measures = left,
    };
    for (int i = 0; view->measures != NULL && i < view->measures->count; i++) {
        const struct brief_measure *measure = &view->measures->rows[i];
        left[subject.measure_count++] = (struct gate_measure){
            measure->kind, measure->name, measure->undo, measure->off_us != 0, measure->handed_to};
    }
    view->verdict = arena_alloc(view->arena, sizeof *view->verdict);
    return gate_look(gate, &subject, view->arena, view->verdict, err);
}

/* Too long, or of a method that there is not: that is not known, and why. */
static int count_blast(struct view *view, struct err *err) {
    struct err why = {0};
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    if (view->scope.until_us == 0 ? view->at_us <= view->scope.from_us
                                  : view->scope.until_us <= view->scope.from_us) {
        view->blast_why_not[NOTICE_EN] = "it has lasted for no time yet";
        view->blast_why_not[NOTICE_ZH] = "影响刚刚开始,尚无时段可统计";
        return 0;
    }
    int r = blast_take(view->incidents->options.store, &view->scope, &buf, &why);
    if (r < 0 && why.code != ERR_VALIDATION && why.code != ERR_TOO_LARGE) {
        *err = why;
        return r;
    }
    if (r < 0) {
        view->blast_why_not[NOTICE_EN] = arena_copy(view->arena, why.detail);
        view->blast_why_not[NOTICE_ZH] =
            arena_printf(view->arena, "无法统计(%s)", why.detail);
        return 0;
    }
    r = json_read(buf.data, buf.len, BLAST_BYTES_MAX, JSON_DEPTH_MAX, &view->blast, err);
    view->blast_why_not[NOTICE_EN] = view->blast_why_not[NOTICE_ZH] = "";
    return r;
}

static void take_clock(struct view *view) {
    const struct incident_settings *settings = &view->incidents->settings;
    const char *const *comms = view->row.holders[INCIDENT_ROLE_COMMS];
    const char *const *commander = view->row.holders[INCIDENT_ROLE_COMMANDER];
    const char *const owners[] = {comms[0], comms[1], commander[0], commander[1]};
    view->ack_us = incident_ack_due_us(settings, &view->row);
    view->update_us = incident_update_due_us(settings, &view->row, &view->due);
    view->update_owner = "";
    for (size_t i = COUNT_OF(owners); i-- > 0;) {
        view->update_owner = owners[i][0] != '\0' ? owners[i] : view->update_owner;
    }
}

static int take_once(struct view *view, const struct brief_sources *sources, const char *id,
                     struct err *err) {
    struct taking taking = {view, id};
    struct store *store = view->incidents->options.store;
    view->at_us = clock_wall_us();
    int r = store_read(store, row_tx, &taking, err);
    if (r < 0) {
        return r;
    }
    view->scope = view->row.scope;
    view->scope.from_us = view->row.at_us[MILESTONE_IMPACT_START];
    view->scope.until_us = view->row.at_us[MILESTONE_MITIGATED];
    take_clock(view);
    if (sources->measures != NULL) {
        view->measures = arena_alloc(view->arena, sizeof *view->measures);
        r = sources->measures(sources->measures_ctx, view->row.id.text, view->arena,
                              view->measures, err);
    }
    if (r >= 0 && sources->items != NULL) {
        view->items = arena_alloc(view->arena, sizeof *view->items);
        r = sources->items(sources->items_ctx, view->row.id.text, view->arena, view->items, err);
    }
    r = r < 0 || sources->gate == NULL ? r : ask_gate(view, sources->gate, err);
    r = r < 0 ? r : count_blast(view, err);
    return r < 0 ? r : store_read(store, recent_tx, &taking, err);
}

struct versioned {
    const char *id;
    int64_t version;
};

static int version_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct versioned *versioned = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT version FROM incident WHERE id = $1",
                      S_TEXT(versioned->id));
    r = r < 0 ? r : sql_next(rows, err);
    versioned->version = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

int view_take(struct incidents *incidents, const struct brief_sources *sources, const char *id,
              struct arena *arena, struct view *ret_view, struct err *err) {
    static const struct brief_sources nothing = {0};
    int r = 0;
    *ret_view = (struct view){.blast_why_not = {"", ""}};
    for (int i = 0; i < TRIES; i++) {
        struct versioned now = {id, 0};
        view_release(ret_view);
        *ret_view = (struct view){
            .incidents = incidents, .arena = arena, .blast_why_not = {"", ""}};
        r = take_once(ret_view, sources != NULL ? sources : &nothing, id, err);
        r = r < 0 ? r : store_read(incidents->options.store, version_tx, &now, err);
        if (r < 0 || now.version == ret_view->row.version) {
            break;
        }
    }
    if (r < 0) {
        view_release(ret_view);
    }
    return r < 0 ? r : 0;
}

void view_release(struct view *view) {
    json_decref(view->blast);
    view->blast = NULL;
}

const struct gate_line *view_line(const struct view *view, enum gate_condition condition) {
    return view->verdict != NULL ? &view->verdict->lines[condition] : NULL;
}

int view_holds(const struct view *view, enum gate_condition condition) {
    const struct gate_line *line = view_line(view, condition);
    return line == NULL ? -1 : line->passed ? 1 : 0;
}

bool view_proved(const struct view *view) {
    return view->row.state == INCIDENT_RESOLVED || view->row.state == INCIDENT_CLOSED;
}
