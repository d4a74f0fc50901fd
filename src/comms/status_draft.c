/* SPDX-License-Identifier: Apache-2.0
 * status_draft.c: a draft is checked whole and judged by the linter; then it waits for another
 * person. What is refused has changed nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comms/status_impl.h"
#include "desk/desk.h"
#include "store/audit.h"

#define MAINTENANCE_US_MAX (7LL * 24 * 3600 * US_PER_SECOND)

static int refuse(struct err *err, const char *place, const char *what, const char *hint) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "%s", hint);
    return err_place(err, "%s", place);
}

struct drafting {
    struct status *status;
    const struct caller *caller;
    const struct status_draft *draft;
    struct arena *arena;
    struct status_row row; /* that there is, or is to be */
    const struct status_state_row *state;
    struct status_touched touched;
    const char *body[LANGUAGES];
    int64_t next_us;
    bool has_proof;
    struct proof proof;
    struct status_incident_id id;
    struct status_update_id update;
    char hash[SHA256_HEX_CHARS + 1];
};

/* ---- checking ---- */

int status_prove(const struct status *status, const char *incident_id, struct proof *ret_proof,
                 struct err *err) {
    if (incident_id[0] == '\0') {
        err_set(err, ERR_STATE, "it names no incident, so nothing can prove that it is over");
        return err_hint(err, "Open it again with the incident that it tells of.");
    }
    int r = -1;
    if (status->options.prove != NULL) {
        r = status->options.prove(status->options.prove_ctx, incident_id, ret_proof, err);
    } else {
        r = err_set(err, ERR_STATE, "nobody says that it is over before the gate has passed");
    }
    return r < 0 ? err_hint(err, "`holdfast incident gate %s` lists what is missing.", incident_id)
                 : 0;
}

/* Whether this state may follow on that which is told. */
static int check_state(const struct drafting *drafting, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    const struct status_state_row *now = status_state_row(drafting->row.state);
    const struct status_state_row *next = drafting->state;
    if (next->kind != (enum status_kind)drafting->row.kind) {
        return refuse(err, "/status", "it is no status of this kind",
                      "Of an incident: investigating, identified, monitoring, resolved, "
                      "postmortem; of a maintenance: scheduled, in_progress, verifying, "
                      "completed.");
    }
    bool first = drafting->row.published_us == 0;
    if (first && next->over) {
        err_set(err, ERR_STATE, "nothing was told yet, so it cannot be %s", next->name);
        return err_place(err, "/status");
    }
    bool back = !first && (now->over || next->kind == STATUS_MAINTENANCE) && next->rank < now->rank;
    bool early = draft->state == STATUS_POSTMORTEM && !now->over;
    bool twice = next->over && drafting->row.state == (int64_t)draft->state &&
                 draft->state != STATUS_POSTMORTEM;
    if (back || early || twice) {
        err_set(err, ERR_STATE, "it is %s, so it cannot become %s", now->name, next->name);
        err_hint(err, early ? "A postmortem follows on resolved." : "Open another one.");
        return err_place(err, "/status");
    }
    return 0;
}

static int check_touches(struct drafting *drafting, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    for (int i = 0; i < draft->touch_count; i++) {
        int index = status_component_find(drafting->status, draft->touches[i].component);
        if (index < 0) {
            err_set(err, ERR_VALIDATION, "there is no such component");
            err_hint(err, "`holdfast statuspage show` lists them.");
            return err_place(err, "/components/%d/id", i);
        }
        drafting->touched.level[index] = (signed char)draft->touches[i].level;
    }
    if (draft->touch_count > 0 && drafting->state->over) {
        return refuse(err, "/components", "what is over leaves its components by itself",
                      "Leave them out.");
    }
    return 0;
}

static int check_times(const struct status_draft *draft, struct err *err) {
    bool given = draft->from_us > 0 || draft->until_us > 0;
    bool needed = draft->id == NULL && draft->kind == STATUS_MAINTENANCE;
    if (given != needed) {
        return refuse(err, "/from", "a maintenance has a time when it is written, and no other",
                      "Give from and until with a new maintenance; for another time write a new "
                      "one.");
    }
    if (needed && (draft->from_us <= clock_wall_us() || draft->until_us <= draft->from_us ||
                   draft->until_us - draft->from_us > MAINTENANCE_US_MAX)) {
        return refuse(err, "/until", "it begins in the past, ends before it begins, or is too long",
                      "Seven days at the most, from a time to come.");
    }
    return 0;
}

static int check_plain(const struct drafting *drafting, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    size_t reason = strlen(draft->reason);
    if (reason == 0 || reason > 4 * REASON_CHARS_MAX) {
        return refuse(err, "/reason", "a reason has 1 to 500 characters", "Say why it is told.");
    }
    bool grave = draft->impact != 0 && draft->impact != IMPACT_MAINTENANCE;
    if (drafting->row.kind == STATUS_MAINTENANCE ? draft->impact != 0
                                                 : draft->impact != 0 && !grave) {
        return refuse(err, "/impact", "this has no such impact",
                      "Of an incident: none, minor, major or critical; of a maintenance none.");
    }
    for (int field = 0; field < FIELDS; field++) {
        enum field_kind kind = field_row((enum field)field)->kind;
        if (draft->fields[field] != NULL && kind != FIELD_KIND_TIME && kind != FIELD_KIND_SPAN) {
            err_set(err, ERR_VALIDATION, "only times and spans are given so; write the rest out");
            return err_place(err, "/fields/%s", field_row((enum field)field)->name);
        }
    }
    return 0;
}

/* ---- the texts ---- */

struct filled {
    struct field_values values;
    const char *times[FIELDS], *next;
    int time_count;
};

static int show_field(const struct drafting *drafting, enum field field, enum language language,
                      struct filled *filled, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    char time[CLOCK_TEXT_MAX];
    const char *given = draft->fields[field];
    bool from = field == FIELD_STARTED && drafting->row.from_us > 0;
    bool until = field == FIELD_ENDED && drafting->row.until_us > 0;
    if (from || until) {
        given = clock_format(from ? drafting->row.from_us : drafting->row.until_us, time);
    }
    if (given == NULL) {
        return 0;
    }
    BUF_AUTO shown;
    buf_init(&shown, STATUS_JSON_BYTES_MAX);
    int r = field_show(field, language, drafting->status->options.utc_offset_minutes, given,
                       &shown, err);
    if (r >= 0) {
        filled->values.of[field] = arena_copy(drafting->arena, shown.data);
        filled->times[filled->time_count++] = filled->values.of[field];
        filled->next = field == FIELD_NEXT_UPDATE ? filled->values.of[field] : filled->next;
    }
    return r;
}

static int judge(const struct drafting *drafting, const struct filled *filled,
                 enum language language, const char *text, const char *what, bool next,
                 struct err *err) {
    const struct lint_facts facts = {
        .audience = AUDIENCE_CUSTOMER,
        .language = language,
        .next_update = !next ? NULL : filled->next != NULL ? filled->next : "{next_update}",
        .times = filled->times,
        .time_count = filled->time_count,
        .proof = drafting->has_proof ? &drafting->proof : NULL,
    };
    struct lint_findings findings;
    if (lint_text(drafting->status->options.lint, &facts, text, &findings) == 0) {
        return 0;
    }
    const struct lint_finding *first = &findings.list[0];
    err_set(err, ERR_VALIDATION, "%s: \"%s\"", lint_rule_what(first->rule), first->quote);
    if (first->rule == LINT_RECOVERY && drafting->row.incident_id[0] != '\0') {
        err_hint(err, "`holdfast incident gate %s` lists what is missing before that may be said.",
                 drafting->row.incident_id);
    } else {
        err_hint(err, "%s", lint_rule_fix(first->rule));
    }
    return err_place(err, "/%s/%s", what, language_name(language));
}

static int write_text(struct drafting *drafting, enum language language, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    struct filled filled = {.time_count = 0};
    const char *title = draft->title[language], *body = draft->body[language];
    int r = 0;
    for (int field = 0; r >= 0 && field < FIELDS; field++) {
        r = show_field(drafting, (enum field)field, language, &filled, err);
    }
    if (r < 0) {
        return r;
    }
    if (draft->id == NULL && (title == NULL || title[0] == '\0' ||
                              strlen(title) > STATUS_TITLE_CHARS_MAX)) {
        err_set(err, ERR_VALIDATION, "a title has 1 to %d bytes", STATUS_TITLE_CHARS_MAX);
        return err_place(err, "/title/%s", language_name(language));
    }
    BUF_AUTO text;
    buf_init(&text, STATUS_JSON_BYTES_MAX);
    template_fill(body, &filled.values, &text);
    if (text.len == 0 || text.len > STATUS_BODY_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "a text has 1 to %d bytes", STATUS_BODY_BYTES_MAX);
        return err_place(err, "/body/%s", language_name(language));
    }
    drafting->body[language] = arena_copy(drafting->arena, text.data);
    if (draft->id == NULL) {
        drafting->row.title[language] = title;
        r = judge(drafting, &filled, language, title, "title", false, err);
    }
    return r < 0 ? r
                 : judge(drafting, &filled, language, drafting->body[language], "body",
                         drafting->state->next, err);
}

static int check_next(struct drafting *drafting, struct err *err) {
    const char *next = drafting->draft->fields[FIELD_NEXT_UPDATE];
    if (next == NULL) {
        return drafting->state->next
                   ? refuse(err, "/fields/next_update", "it must say when the next word comes",
                            "Give next_update, and {next_update} in both texts.")
                   : 0;
    }
    if (!clock_parse(next, &drafting->next_us) || drafting->next_us <= clock_wall_us()) {
        return refuse(err, "/fields/next_update",
                      "the next word is promised for no time, or one that is over",
                      "Give a time to come: 2027-01-31T14:30:00Z.");
    }
    return 0;
}

static int check(struct drafting *drafting, struct err *err) {
    int r = check_plain(drafting, err);
    r = r < 0 ? r : check_state(drafting, err);
    r = r < 0 ? r : check_times(drafting->draft, err);
    r = r < 0 ? r : check_touches(drafting, err);
    r = r < 0 ? r : check_next(drafting, err);
    if (r >= 0 && drafting->draft->state == STATUS_RESOLVED) {
        r = status_prove(drafting->status, drafting->row.incident_id, &drafting->proof, err);
        drafting->has_proof = r >= 0;
        r = r < 0 ? (err_place(err, "/status"), r) : r;
    }
    for (int language = 0; r >= 0 && language < LANGUAGES; language++) {
        r = write_text(drafting, (enum language)language, err);
    }
    return r;
}

/* ---- written down ---- */

/* All that is approved, byte for byte. */
static void digest(struct drafting *drafting, const char *touches) {
    const struct status_row *row = &drafting->row;
    const char *parts[] = {row->id,
                           row->incident_id,
                           row->title[LANGUAGE_EN],
                           row->title[LANGUAGE_ZH],
                           drafting->body[LANGUAGE_EN],
                           drafting->body[LANGUAGE_ZH],
                           touches,
                           drafting->state->name,
                           status_impact_name(drafting->draft->impact)};
    BUF_AUTO buf;
    buf_init(&buf, STATUS_JSON_BYTES_MAX);
    buf_addf(&buf, "%s %lld %lld %lld ", drafting->update.text, (long long)row->from_us,
             (long long)row->until_us, (long long)drafting->next_us);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        buf_addf(&buf, "%zu:%s ", strlen(parts[i]), parts[i]);
    }
    crypto_sha256_hex(buf.data, buf.len, drafting->hash);
}

static int insert_new(struct store_tx *tx, struct drafting *drafting, int64_t now_us,
                      struct err *err) {
    const struct status_row *row = &drafting->row;
    return sql_put(tx, err,
                   "INSERT INTO status_incident (id, kind, incident_id, title_en, title_zh, "
                   "impact, state, components, from_us, until_us, created_us, updated_us, "
                   "published_us, monitoring_us, resolved_us, proof, proof_us) VALUES ($1, $2, $3, "
                   "$4, $5, $6, $7, '', $8, $9, $10, $10, 0, 0, 0, '', 0)",
                   S_TEXT(row->id), S_INT(row->kind), S_TEXT(row->incident_id),
                   S_TEXT(row->title[LANGUAGE_EN]), S_TEXT(row->title[LANGUAGE_ZH]),
                   S_INT(row->impact), S_INT(drafting->draft->state), S_INT(row->from_us),
                   S_INT(row->until_us), S_INT(now_us));
}

static int check_room(struct store_tx *tx, const struct drafting *drafting, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM status_update WHERE status_incident_id = $1",
                      S_TEXT(drafting->row.id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0 || sql_int(rows, 0) < STATUS_UPDATES_MAX) {
        return r < 0 ? r : 0;
    }
    return err_set(err, ERR_STATE, "it has %d updates, and takes no more", STATUS_UPDATES_MAX);
}

static int draft_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct drafting *drafting = ctx;
    const struct status_draft *draft = drafting->draft;
    int64_t now_us = clock_wall_us();
    struct approval_id approval = {0};
    struct status_update_row update = {0};
    char touches[STATUS_TOUCHES_CHARS_MAX];
    BUF_AUTO buf;
    buf_init(&buf, STATUS_JSON_BYTES_MAX);
    status_touched_write(drafting->status, &drafting->touched, true, touches);
    digest(drafting, touches);
    int r = draft->id == NULL ? insert_new(tx, drafting, now_us, err)
                              : check_room(tx, drafting, err);
    r = r < 0 ? r
              : approval_ask(tx, drafting->caller, APPROVES_STATUS_UPDATE, drafting->update.text,
                             draft->reason, &approval, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO status_update (id, status_incident_id, number, stage, state, "
                        "impact, body_en, body_zh, components, next_us, hash, reason, author, "
                        "approval_id, created_us, published_us) VALUES ($1, $2, 0, 1, $3, $4, $5, "
                        "$6, $7, $8, $9, $10, $11, $12, $13, 0)",
                        S_TEXT(drafting->update.text), S_TEXT(drafting->row.id),
                        S_INT(draft->state), S_INT(draft->impact),
                        S_TEXT(drafting->body[LANGUAGE_EN]), S_TEXT(drafting->body[LANGUAGE_ZH]),
                        S_TEXT(touches), S_INT(drafting->next_us), S_TEXT(drafting->hash),
                        S_TEXT(draft->reason), S_TEXT(drafting->caller->actor),
                        S_TEXT(approval.text), S_INT(now_us));
    r = r < 0 ? r
              : audit_append(tx, drafting->caller->actor, "status.draft", drafting->update.text,
                             draft->reason, "{}", err);
    r = r < 0 ? r
              : status_load_update(drafting->status, tx, drafting->arena, drafting->update.text,
                                   false, &update, err);
    if (r < 0) {
        return r;
    }
    status_update_json(drafting->status, &update, &buf);
    return answer_take(ret_answer, 201, &buf, err);
}

static int load_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct drafting *drafting = ctx;
    return status_load(drafting->status, tx, drafting->arena, drafting->draft->id, false,
                       &drafting->row, err);
}

/* The row that there is, or what a new one would be. */
static int begin(struct drafting *drafting, struct err *err) {
    const struct status_draft *draft = drafting->draft;
    if (draft->id != NULL) {
        int r = store_read(drafting->status->options.store, load_tx, drafting, err);
        if (r >= 0 && drafting->row.proof[0] != '\0') {
            drafting->has_proof = true; /* it was over, and is told about */
            drafting->proof.at_us = drafting->row.proof_us;
            snprintf(drafting->proof.evidence, sizeof drafting->proof.evidence, "%s",
                     drafting->row.proof);
        }
        return r;
    }
    bool incident = draft->kind == STATUS_INCIDENT;
    drafting->id = status_incident_id_new();
    drafting->row = (struct status_row){
        .id = drafting->id.text,
        .incident_id = draft->incident_id,
        .title = {draft->title[LANGUAGE_EN], draft->title[LANGUAGE_ZH]},
        .kind = draft->kind,
        .impact = !incident            ? IMPACT_MAINTENANCE
                  : draft->impact != 0 ? draft->impact
                                       : IMPACT_MINOR,
        .state = draft->state,
        .from_us = draft->from_us,
        .until_us = draft->until_us,
    };
    return 0;
}

int status_draft(struct status *status, const struct caller *caller,
                 const struct status_draft *draft, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct drafting drafting = {
        .status = status,
        .caller = caller,
        .draft = draft,
        .arena = arena,
        .state = status_state_row(draft->state),
        .update = status_update_id_new(),
    };
    int r = begin(&drafting, err);
    r = r < 0 ? r : check(&drafting, err);
    return r < 0 ? r
                 : idempotent_run(status->options.payments, caller, "status.draft", draft_fn,
                                  &drafting, ret_answer, err);
}
