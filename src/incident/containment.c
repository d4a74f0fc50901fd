/* SPDX-License-Identifier: Apache-2.0
 * containment.c: measures are previewed, taken, undone, handed over, listed (containment.h). */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "incident/containment_impl.h"
#include "store/audit.h"

int containments_open(const struct containments_options *options,
                      struct containments **ret_containments, struct err *err) {
    struct containments *containments = calloc(1, sizeof *containments);
    if (containments == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for the measures of incidents");
    }
    containments->options = *options;
    *ret_containments = containments;
    return 0;
}

void containments_close(struct containments *containments) {
    free(containments);
}

/* ---- one act, in one transaction ---- */

struct deed {
    struct containments *containments;
    const struct caller *caller;
    const char *incident_id, *measure_id;
    const char *operation, *reason;
    int (*fn)(struct deed *deed, struct store_tx *tx, struct err *err);
    const struct containment_request *request;
    const struct containment_row_kind *kind;
    const char *to;
    bool force;
    struct arena *arena; /* from here on: of one run */
    struct incident_row incident;
    struct containment_row row;
    struct containment_now now;
    enum incident_log_kind logged;
    const char *text;
};

static int log_deed(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct containment_row *row = &deed->row;
    BUF_AUTO evidence;
    buf_init(&evidence, INCIDENT_EVIDENCE_BYTES_MAX);
    buf_addf(&evidence, "{\"measure\":\"%s\",\"kind\":\"%s\",\"name\":", row->id.text,
             row->kind->name);
    buf_add_json(&evidence, row->name);
    buf_add_text(&evidence, ",\"before\":");
    buf_add_json(&evidence, row->before.value);
    buf_add_text(&evidence, ",\"after\":");
    buf_add_json(&evidence, row->taken_value);
    buf_addf(&evidence, ",\"state\":\"%s\"}", containment_state_name(row->state));
    INVARIANT(buf_ok(&evidence), "names are short");
    const struct incident_entry entry = {.actor = deed->caller->actor,
                                         .kind = deed->logged,
                                         .text = deed->text,
                                         .evidence = evidence.data};
    int r = incident_log_add(tx, row->incident_id, &entry, err);
    return r < 0 ? r
                 : audit_append(tx, deed->caller->actor, deed->operation, row->id.text,
                                deed->reason, evidence.data, err);
}

static int deed_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    BUF_AUTO buf;
    struct deed *deed = ctx;
    buf_init(&buf, CONTAINMENT_JSON_BYTES_MAX);
    deed->arena = arena;
    int r = deed->fn(deed, tx, err);
    r = r < 0 ? r : log_deed(deed, tx, err);
    r = r < 0 ? r : containment_render(tx, arena, &buf, &deed->row, err);
    return r < 0 ? r : answer_take(ret_answer, deed->request != NULL ? 201 : 200, &buf, err);
}

static int run(struct deed *deed, struct answer *ret_answer, struct err *err) {
    const struct containments_options *options = &deed->containments->options;
    int r = idempotent_run(options->payments, deed->caller, deed->operation, deed_fn, deed,
                           ret_answer, err);
    if (r < 0) {
        return r;
    }
    payments_wake(options->payments);
    if (ret_answer->replayed) {
        return 0;
    }
    r = gateway_control_reload(options->control, err);
    return r < 0 || options->mode == NULL ? r : mode_reload(options->mode, err);
}

/* ---- taken ---- */

static int need_live(const struct incident_row *row, struct err *err) {
    if (incident_is_live(row->state)) {
        return 0;
    }
    err_set(err, ERR_STATE, "incident %s is %s: nothing is switched for it any more", row->id.text,
            incident_state_name(row->state));
    return err_hint(err, "What comes again is a new incident that names this one.");
}

/* The measure that says so, of whatever incident; "" in the hint: none does. */
static int find_holder(struct store_tx *tx, struct deed *deed,
                       const struct containment_stand *stand, const char **ret_command,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_command = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT incident_id, id FROM incident_measure WHERE thing = $1 AND "
                      "thing_name = $2 AND state <> 2 AND taken_value = $3 AND stood_us = $4 AND "
                      "stood_actor = $5 AND ($1 <> 'deploys' OR incident_id = $6) LIMIT 1",
                      S_TEXT(containment_gate_kind(deed->kind->thing)),
                      S_TEXT(containment_thing_name(deed->kind, deed->request->name)),
                      S_TEXT(stand->value), S_INT(stand->at_us), S_TEXT(stand->actor),
                      S_TEXT(deed->incident_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_command = arena_printf(deed->arena, "holdfast incident undo %s %s", sql_text(rows, 0),
                                    sql_text(rows, 1));
    }
    return r < 0 ? r : 0;
}

static const char *named(struct deed *deed) {
    const char *name = deed->request->name;
    return arena_printf(deed->arena, "%s%s%s", deed->kind->name, name[0] != '\0' ? " " : "", name);
}

/* Of two who take the same at once the second is told who was first. */
static int already(struct deed *deed, struct store_tx *tx, const struct containment_stand *stand,
                   struct err *err) {
    const char *who = "", *command = NULL;
    char time[CLOCK_TEXT_MAX];
    int r = containment_who(tx, deed->arena, stand->actor, &who, err);
    r = r < 0 ? r : find_holder(tx, deed, stand, &command, err);
    if (r < 0) {
        return r;
    }
    err_set(err, ERR_STATE, "%s: it stands so already, by %s since %s: %.300s", named(deed), who,
            clock_format(stand->at_us, time), stand->reason);
    return command != NULL
               ? err_hint(err, "It is a measure already: `%s` undoes it.", command)
               : err_hint(err, "`--adopt` makes a measure of this incident of it, as it stands.");
}

static bool is_so(const struct containment_row_kind *kind, const char *stands, const char *wanted) {
    const char *step = strchr(stands, ' '), *other = strchr(wanted, ' ');
    return kind->thing == THING_MODE ? step != NULL && other != NULL && strcmp(step, other) == 0
                                     : strcmp(stands, wanted) == 0;
}

/* Switched by other means than a measure: what it undoes to is what stands where nobody has
 * switched anything. */
static int adopt(struct deed *deed, struct store_tx *tx, const char *value,
                 struct containment_stand *stand, struct err *err) {
    const char *command = NULL;
    if (!is_so(deed->kind, stand->value, value)) {
        err_set(err, ERR_STATE, "%s: it does not stand so, but \"%s\"", named(deed), stand->value);
        return err_hint(err, "Take it, without adopt.");
    }
    int r = find_holder(tx, deed, stand, &command, err);
    if (r >= 0 && command != NULL) {
        return already(deed, tx, stand, err);
    }
    deed->row.before = (struct containment_stand){
        .value = containment_at_rest(deed->kind->thing), .actor = "", .reason = ""};
    return r;
}

static int switch_it(struct deed *deed, struct store_tx *tx, const char *value,
                     struct containment_stand *stand, struct err *err) {
    const struct containment_request *request = deed->request;
    const char *name = containment_thing_name(deed->kind, request->name);
    if (strcmp(stand->value, value) == 0) {
        return already(deed, tx, stand, err);
    }
    const struct containment_put put = {.thing = deed->kind->thing,
                                        .name = name,
                                        .owner = deed->incident_id,
                                        .value = value,
                                        .until_us = request->until_us,
                                        .force = request->force,
                                        .renewals = true,
                                        .actor = deed->caller->actor,
                                        .reason = request->reason};
    deed->row.before = *stand;
    int r = containment_put(deed->containments, tx, &put, &deed->row.renewals, err);
    return r < 0 ? r
                 : containment_stand(tx, deed->arena, deed->kind->thing, name, deed->incident_id,
                                     stand, err);
}

static int need_room(struct deed *deed, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COALESCE(SUM(CASE WHEN state <> 2 THEN 1 ELSE 0 END), 0) "
                      "FROM incident_measure WHERE incident_id = $1",
                      S_TEXT(deed->incident_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0 && (sql_int(rows, 0) >= CONTAINMENT_LISTED_MAX ||
                  sql_int(rows, 1) >= CONTAINMENT_MEASURES_MAX)) {
        err_set(err, ERR_STATE, "incident %s has %d measures that were not undone",
                deed->incident_id, CONTAINMENT_MEASURES_MAX);
        return err_hint(err, "Undo what is not needed.");
    }
    return r < 0 ? r : 0;
}

static int take_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct containment_request *request = deed->request;
    const struct containment_row_kind *kind = deed->kind;
    const char *name = containment_thing_name(kind, request->name);
    const char *value = containment_value(deed->arena, kind, request->name);
    struct containment_stand stand;
    int r = incident_load(tx, deed->arena, deed->incident_id, true, &deed->incident, err);
    r = r < 0 ? r : need_live(&deed->incident, err);
    r = r < 0 ? r : need_room(deed, tx, err);
    r = r < 0 ? r : containment_lock(tx, kind->thing, name, err);
    r = r < 0 ? r
              : containment_stand(tx, deed->arena, kind->thing, name, deed->incident_id, &stand,
                                  err);
    if (r < 0) {
        return r;
    }
    deed->row = (struct containment_row){.id = containment_id_new(),
                                         .incident_id = deed->incident_id,
                                         .kind = kind,
                                         .name = request->name,
                                         .state = CONTAINMENT_IS_TAKEN,
                                         .reason = request->reason,
                                         .actor = deed->caller->actor,
                                         .taken_us = clock_wall_us(),
                                         .undone_by = "",
                                         .undone_reason = "",
                                         .handed_by = "",
                                         .handed_to = "",
                                         .handed_reason = ""};
    r = request->adopt ? adopt(deed, tx, value, &stand, err)
                       : switch_it(deed, tx, value, &stand, err);
    if (r < 0) {
        return r;
    }
    deed->row.taken_value = stand.value;
    deed->row.stood_us = stand.at_us;
    deed->row.stood_actor = stand.actor;
    deed->row.until_us = stand.until_us;
    deed->logged = LOGGED_ACTION;
    deed->text = arena_printf(deed->arena, "Measure %s%s: %s",
                              containment_title(deed->arena, &deed->row),
                              request->adopt ? ", as it stood" : "", request->reason);
    return containment_insert(tx, &deed->row, err);
}

static struct containment_request cleaned(const struct containment_request *request) {
    struct containment_request clean = *request;
    clean.kind = clean.kind != NULL ? clean.kind : "";
    clean.name = clean.name != NULL ? clean.name : "";
    clean.reason = clean.reason != NULL ? clean.reason : "";
    return clean;
}

int containment_take(struct containments *containments, const struct caller *caller,
                     const char *incident_id, const struct containment_request *request,
                     struct answer *ret_answer, struct err *err) {
    const struct containment_request clean = cleaned(request);
    struct deed deed = {.containments = containments,
                        .caller = caller,
                        .incident_id = incident_id,
                        .operation = "incident.contain",
                        .reason = clean.reason,
                        .fn = take_fn,
                        .request = &clean};
    int r = containment_check(containments, &clean, &deed.kind, err);
    return r < 0 ? r : run(&deed, ret_answer, err);
}

/* ---- previewed: done, looked at, and rolled back ---- */

struct preview {
    struct deed *deed;
    struct answer *answer;
    bool looked;
};

static bool is_refusal(const struct err *err) {
    return err->code == ERR_STATE || err->code == ERR_VALIDATION || err->code == ERR_NOT_FOUND ||
           err->code == ERR_FORBIDDEN;
}

static void put_refusal(struct buf *buf, const struct err *refusal) {
    if (refusal->code == 0) {
        buf_add_text(buf, "null");
        return;
    }
    buf_add_text(buf, "{\"detail\":");
    buf_add_json(buf, refusal->detail);
    buf_add_text(buf, ",\"hint\":");
    buf_add_json(buf, refusal->hint);
    buf_add_char(buf, '}');
}

static int put_preview(const struct deed *deed, struct store_tx *tx,
                       const struct containment_stand *before, const struct err *refusal,
                       struct buf *buf, struct err *err) {
    const struct containment_row_kind *kind = deed->kind;
    const char *name = deed->request->name;
    const struct phrase_word word = {"name", name};
    buf_addf(buf,
             "{\"object\":\"measure_preview\",\"incident_id\":\"%s\",\"kind\":\"%s\",\"name\":",
             deed->incident_id, kind->name);
    if (name[0] != '\0') {
        buf_add_json(buf, name);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, ",\"does\":");
    buf_add_json(buf, PHRASE(deed->arena, kind->does[NOTICE_EN], word));
    buf_add_text(buf, ",\"does_zh\":");
    buf_add_json(buf, PHRASE(deed->arena, kind->does[NOTICE_ZH], word));
    buf_add_text(buf, ",\"before\":");
    containment_stand_json(buf, before);
    buf_add_text(buf, ",\"after\":");
    buf_add_json(buf, containment_value(deed->arena, kind, name));
    int r = containment_concerned(deed->containments, tx, kind, name, buf, err);
    buf_add_text(buf, ",\"refused\":");
    put_refusal(buf, refusal);
    buf_add_char(buf, '}');
    return r;
}

static int preview_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    BUF_AUTO buf;
    struct preview *preview = ctx;
    struct deed *deed = preview->deed;
    struct containment_stand before;
    struct err refusal = {0};
    buf_init(&buf, CONTAINMENT_JSON_BYTES_MAX);
    deed->arena = arena;
    int r = incident_load(tx, arena, deed->incident_id, false, &deed->incident, err);
    r = r < 0 ? r
              : containment_stand(tx, arena, deed->kind->thing,
                                  containment_thing_name(deed->kind, deed->request->name),
                                  deed->incident_id, &before, err);
    if (r >= 0 && take_fn(deed, tx, &refusal) < 0 && !is_refusal(&refusal)) {
        *err = refusal;
        return -(int)refusal.code;
    }
    r = r < 0 ? r : put_preview(deed, tx, &before, &refusal, &buf, err);
    answer_release(preview->answer);
    r = r < 0 ? r : answer_take(preview->answer, 200, &buf, err);
    preview->looked = r >= 0;
    return r < 0 ? r : err_set(err, ERR_STATE, "it was only looked at");
}

int containment_preview(struct containments *containments, const struct caller *caller,
                        const char *incident_id, const struct containment_request *request,
                        struct answer *ret_answer, struct err *err) {
    const struct containment_request clean = cleaned(request);
    struct deed deed = {.containments = containments,
                        .caller = caller,
                        .incident_id = incident_id,
                        .request = &clean};
    struct answer answer = {0};
    struct preview preview = {.deed = &deed, .answer = &answer};
    int r = containment_check(containments, &clean, &deed.kind, err);
    r = r < 0 ? r : store_write(containments->options.store, preview_tx, &preview, err);
    if (!preview.looked) {
        answer_release(&answer);
        return r;
    }
    err_clear(err);
    *ret_answer = answer;
    return 0;
}

/* ---- undone, handed over ---- */

static int load(struct deed *deed, struct store_tx *tx, struct err *err) {
    int r = containment_load(tx, deed->arena, deed->incident_id, deed->measure_id, &deed->row, err);
    /* Its incident's row stands for all its measures. */
    r = r < 0 ? r
              : incident_load(tx, deed->arena, deed->row.incident_id, true, &deed->incident, err);
    r = r < 0 ? r
              : containment_load(tx, deed->arena, "", deed->measure_id, &deed->row, err);
    if (r >= 0 && deed->row.state == CONTAINMENT_IS_UNDONE) {
        const char *who = "";
        char time[CLOCK_TEXT_MAX];
        r = containment_who(tx, deed->arena, deed->row.undone_by, &who, err);
        return r < 0 ? r
                     : err_set(err, ERR_STATE, "%s was undone already, by %s at %s",
                               containment_title(deed->arena, &deed->row), who,
                               clock_format(deed->row.undone_us, time));
    }
    const struct containment_row_kind *kind = deed->row.kind;
    r = r < 0 ? r
              : containment_lock(tx, kind->thing, containment_thing_name(kind, deed->row.name),
                                 err);
    return r < 0 ? r : containment_now(tx, deed->arena, &deed->row, &deed->now, err);
}

static int changed_since(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct containment_stand *stand = &deed->now.stand;
    const char *who = "";
    char time[CLOCK_TEXT_MAX];
    int r = containment_who(tx, deed->arena, stand->actor, &who, err);
    if (r < 0) {
        return r;
    }
    err_set(err, ERR_STATE, "%s has changed it since, at %s: \"%s\" now: %.300s", who,
            clock_format(stand->at_us, time), stand->value, stand->reason);
    return err_hint(err, "Ask; then `--force` gives back what stood before the measure: \"%s\".",
                    deed->row.before.value);
}

/* Measures below it in the pile stand again as they did. */
static int stands_again(struct deed *deed, struct store_tx *tx, const char *name,
                        struct err *err) {
    const struct containment_stand *before = &deed->row.before;
    struct containment_stand stand;
    int r = containment_stand(tx, deed->arena, deed->row.kind->thing, name, deed->row.incident_id,
                              &stand, err);
    return r < 0 || before->at_us == 0
               ? r
               : sql_put(tx, err,
                         "UPDATE incident_measure SET stood_us = $1, stood_actor = $2 WHERE thing "
                         "= $3 AND thing_name = $4 AND state <> 2 AND stood_us = $5 AND "
                         "stood_actor = $6 AND taken_value = $7 AND taken_value = $8",
                         S_INT(stand.at_us), S_TEXT(stand.actor),
                         S_TEXT(containment_gate_kind(deed->row.kind->thing)), S_TEXT(name),
                         S_INT(before->at_us), S_TEXT(before->actor), S_TEXT(before->value),
                         S_TEXT(stand.value));
}

static int give_back(struct deed *deed, struct store_tx *tx, struct err *err) {
    const struct containment_row *row = &deed->row;
    const char *name = containment_thing_name(row->kind, row->name);
    bool over = row->before.until_us > 0 && row->before.until_us <= clock_wall_us();
    bool renewals = false;
    const struct containment_put put = {
        .thing = row->kind->thing,
        .name = name,
        .owner = row->incident_id,
        .value = over ? containment_at_rest(row->kind->thing) : row->before.value,
        .until_us = over ? 0 : row->before.until_us,
        .force = deed->force,
        .reopen = deed->now.as_taken || deed->force,
        .renewals = row->renewals,
        .timed = deed->now.stand.until_us > 0,
        .actor = deed->caller->actor,
        .reason = deed->reason};
    int r = containment_put(deed->containments, tx, &put, &renewals, err);
    return r < 0 ? r : stands_again(deed, tx, name, err);
}

static int undo_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    int r = load(deed, tx, err);
    if (r < 0) {
        return r;
    }
    bool on = deed->now.on;
    if (on && !deed->now.as_taken && !deed->force) {
        return changed_since(deed, tx, err);
    }
    r = on ? give_back(deed, tx, err) : 0;
    deed->row.state = CONTAINMENT_IS_UNDONE;
    deed->row.undone_us = clock_wall_us();
    deed->row.undone_by = deed->caller->actor;
    deed->row.undone_reason = deed->reason;
    deed->logged = LOGGED_ACTION;
    deed->text = arena_printf(deed->arena, "Undone: measure %s%s: %s",
                              containment_title(deed->arena, &deed->row),
                              on ? "" : ", which was not on any more", deed->reason);
    return r < 0 ? r : containment_save(tx, &deed->row, err);
}

static int need_reason(const char *reason, struct err *err) {
    if (reason != NULL && reason[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "a reason is needed: it goes on the log");
    return err_place(err, "/reason");
}

int containment_undo(struct containments *containments, const struct caller *caller,
                     const char *incident_id, const char *measure_id, const char *reason,
                     bool force, struct answer *ret_answer, struct err *err) {
    struct deed deed = {.containments = containments,
                        .caller = caller,
                        .incident_id = incident_id,
                        .measure_id = measure_id,
                        .operation = "incident.undo",
                        .reason = reason,
                        .fn = undo_fn,
                        .force = force};
    int r = need_reason(reason, err);
    return r < 0 ? r : run(&deed, ret_answer, err);
}

static int hand_over_fn(struct deed *deed, struct store_tx *tx, struct err *err) {
    const char *name = "";
    int r = load(deed, tx, err);
    r = r < 0 ? r
              : incident_user(tx, deed->arena, deed->caller->actor, deed->to, "/to", &name, err);
    if (r < 0) {
        return r;
    }
    const char *title = containment_title(deed->arena, &deed->row);
    if (!deed->now.on) {
        err_set(err, ERR_STATE, "%s is not on any more: there is nothing to hand over", title);
        return err_hint(err, "`%s` closes it.", containment_undoing(deed->arena, &deed->row));
    }
    if (strcmp(name, deed->row.handed_to) == 0) {
        return err_set(err, ERR_STATE, "%s has it already", name);
    }
    deed->row.state = CONTAINMENT_IS_HANDED_OVER;
    deed->row.handed_us = clock_wall_us();
    deed->row.handed_by = deed->caller->actor;
    deed->row.handed_to = name;
    deed->row.handed_reason = deed->reason;
    deed->logged = LOGGED_DECISION;
    deed->text = arena_printf(deed->arena, "Measure %s stays on, handed over to %s: %s", title,
                              name, deed->reason);
    return containment_save(tx, &deed->row, err);
}

int containment_hand_over(struct containments *containments, const struct caller *caller,
                          const char *incident_id, const char *measure_id, const char *to,
                          const char *reason, struct answer *ret_answer, struct err *err) {
    struct deed deed = {.containments = containments,
                        .caller = caller,
                        .incident_id = incident_id,
                        .measure_id = measure_id,
                        .operation = "incident.hand_over",
                        .reason = reason,
                        .fn = hand_over_fn,
                        .to = to};
    int r = need_reason(reason, err);
    return r < 0 ? r : run(&deed, ret_answer, err);
}

/* ---- looked at ---- */

struct look {
    const char *incident_id, *measure_id; /* measure_id NULL: all of the incident */
    struct answer *answer;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    BUF_AUTO buf;
    const struct look *look = ctx;
    struct containment_row *rows = NULL, one;
    struct incident_row incident;
    int count = 0;
    buf_init(&buf, CONTAINMENT_JSON_BYTES_MAX);
    if (look->measure_id != NULL) {
        int r = containment_load(tx, arena, look->incident_id, look->measure_id, &one, err);
        r = r < 0 ? r : containment_render(tx, arena, &buf, &one, err);
        return r < 0 ? r : answer_take(look->answer, 200, &buf, err);
    }
    int r = incident_load(tx, arena, look->incident_id, false, &incident, err);
    r = r < 0 ? r : containment_load_all(tx, arena, look->incident_id, &rows, &count, err);
    buf_add_text(&buf, "{\"data\":[");
    for (int i = 0; r >= 0 && i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        r = containment_render(tx, arena, &buf, &rows[i], err);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : answer_take(look->answer, 200, &buf, err);
}

int containment_verify(struct containments *containments, const char *incident_id,
                       const char *measure_id, struct answer *ret_answer, struct err *err) {
    struct look look = {incident_id, measure_id, ret_answer};
    return store_read(containments->options.store, look_tx, &look, err);
}

int containment_list(struct containments *containments, const char *incident_id,
                     struct answer *ret_answer, struct err *err) {
    struct look look = {incident_id, NULL, ret_answer};
    return store_read(containments->options.store, look_tx, &look, err);
}
