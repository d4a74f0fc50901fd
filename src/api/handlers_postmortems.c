/* SPDX-License-Identifier: Apache-2.0
 * handlers_postmortems.c: what is told of an incident as a whole: the brief, the postmortem with
 * its action items, the report for those outside. */
#include <string.h>

#include "api/read.h"
#include "base/json.h"
#include "incident/action.h"
#include "incident/brief.h"
#include "incident/postmortem.h"

enum { NAME_CHARS_MAX = 80, WORD_CHARS_MAX = 40 };

static int read_incident_id(const struct ask *ask, struct incident_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an incident", incident_id, "incident list --state all", ret_id,
                          err);
}

static int read_action_id(const struct ask *ask, struct action_id *ret_id, struct err *err) {
    return READ_LISTED_ID(ask, "an action item", action_id, "action list --state all", ret_id, err);
}

static int bad_query(const char *name, const char *value, const char *hint, struct err *err) {
    err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", name, value);
    err_place(err, "query parameter %s", name);
    return err_hint(err, "%s", hint);
}

static int read_language(const struct ask *ask, enum notice_language *ret_language,
                         struct err *err) {
    char name[QUERY_CHARS_MAX] = "en";
    int r = read_query_text(ask, "lang", name, err);
    return r < 0 || notice_language_parse(name, ret_language)
               ? r
               : bad_query("lang", name, "One of: en, zh.", err);
}

/* What the buffer holds, in this form. A page loads nothing and runs nothing. */
static int reply(struct ask *ask, const char *type, const char *file, const struct buf *buf) {
    ask->reply->status = 200;
    if (strncmp(type, "text/html", 9) == 0) {
        http_reply_header(ask->reply, "Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                          "form-action 'none'; frame-ancestors 'none'");
    }
    if (file != NULL) {
        http_reply_header(ask->reply, "Content-Disposition", file);
    }
    http_reply_header(ask->reply, "Cache-Control", "no-store");
    http_reply_body(ask->reply, type, buf->data, buf->len);
    return 0;
}

/* ---- the brief ---- */

int incident_brief_get(struct ask *ask, struct err *err) {
    static const char *const types[BRIEF_FORMATS] = {
        "text/plain; charset=utf-8", "text/markdown; charset=utf-8", "application/json"};
    char name[QUERY_CHARS_MAX] = "json";
    enum notice_language language = NOTICE_EN;
    enum brief_format format = BRIEF_JSON;
    struct incident_id id;
    BUF_AUTO buf;
    buf_init(&buf, BRIEF_BYTES_MAX);
    int r = read_query_text(ask, "format", name, err);
    if (r >= 0 && !brief_format_parse(name, &format)) {
        r = bad_query("format", name, "One of: text, markdown, json.", err);
    }
    r = r < 0 ? r : read_language(ask, &language, err);
    r = r < 0 ? r : read_incident_id(ask, &id, err);
    r = r < 0 ? r
              : brief_write(ask->service->incidents, &ask->service->brief_sources, id.text, format,
                            language, &buf, err);
    if (r < 0 || format == BRIEF_JSON) {
        return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
    }
    return reply(ask, types[format], NULL, &buf);
}

/* ---- the postmortem ---- */

int postmortem_get(struct ask *ask, struct err *err) {
    char name[QUERY_CHARS_MAX] = "json";
    enum notice_language language = NOTICE_EN;
    enum postmortem_format format = POSTMORTEM_JSON;
    struct incident_id id;
    BUF_AUTO buf;
    buf_init(&buf, POSTMORTEM_BYTES_MAX);
    int r = read_query_text(ask, "format", name, err);
    if (r >= 0 && !postmortem_format_parse(name, &format)) {
        r = bad_query("format", name, "One of: json, markdown, html.", err);
    }
    r = r < 0 ? r : read_language(ask, &language, err);
    r = r < 0 ? r : read_incident_id(ask, &id, err);
    r = r < 0 ? r
              : postmortem_write(ask->service->incidents, &ask->service->brief_sources, id.text,
                                 format, language, &buf, err);
    if (r < 0 || format == POSTMORTEM_JSON) {
        return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
    }
    return reply(ask,
                 format == POSTMORTEM_HTML ? "text/html; charset=utf-8"
                                           : "text/markdown; charset=utf-8",
                 NULL, &buf);
}

int postmortem_put(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"part", "text", NULL};
    const char *name = NULL, *text = NULL;
    enum postmortem_part part = PART_SUMMARY;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "part", 1, WORD_CHARS_MAX, &name, err);
    r = r < 0 ? r : json_need_lines(ask->body, "", "text", 0, INCIDENT_TEXT_CHARS_MAX, &text, err);
    if (r >= 0 && !postmortem_part_parse(name, &part)) {
        err_set(err, ERR_VALIDATION, "a postmortem has no part \"%.40s\"", name);
        err_place(err, "/part");
        r = err_hint(err, "One of: summary, root_cause, trigger, went_well, went_badly, lucky, "
                          "no_actions.");
    }
    return r < 0 ? r
                 : postmortem_edit(ask->service->incidents, &ask->caller, id.text, part, text,
                                   &ask->answer, err);
}

/* ---- the report ---- */

int incident_report_get(struct ask *ask, struct err *err) {
    char reader_name[QUERY_CHARS_MAX] = "", name[QUERY_CHARS_MAX] = "markdown";
    enum notice_language language = NOTICE_EN;
    enum report_reader reader = READER_REGULATOR;
    enum report_format format = REPORT_MARKDOWN;
    struct incident_id id;
    BUF_AUTO buf;
    buf_init(&buf, POSTMORTEM_BYTES_MAX);
    int r = read_query_text(ask, "for", reader_name, err);
    r = r < 0 ? r : read_query_text(ask, "format", name, err);
    r = r < 0 ? r : read_language(ask, &language, err);
    if (r >= 0 && !report_reader_parse(reader_name, &reader)) {
        r = bad_query("for", reader_name, "One of: regulator, acquirer, insurer.", err);
    }
    if (r >= 0 && !report_format_parse(name, &format)) {
        r = bad_query("format", name, "One of: markdown, html, csv.", err);
    }
    r = r < 0 ? r : read_incident_id(ask, &id, err);
    r = r < 0 ? r
              : report_write(ask->service->incidents, &ask->service->brief_sources, id.text, reader,
                             format, language, &buf, err);
    if (r < 0) {
        return r;
    }
    return format == REPORT_CSV
               ? reply(ask, "text/csv; charset=utf-8", "attachment; filename=\"failure.csv\"", &buf)
               : reply(ask,
                       format == REPORT_HTML ? "text/html; charset=utf-8"
                                             : "text/markdown; charset=utf-8",
                       NULL, &buf);
}

/* ---- action items ---- */

static int read_due(const json_t *body, int64_t *ret_us, struct err *err) {
    const char *text = NULL;
    int r = json_may_text(body, "", "due_at", 1, WORD_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || clock_parse(text, ret_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "\"%.40s\" is no time", text);
    err_place(err, "/due_at");
    return err_hint(err, "A time is 2026-11-20T08:00:00Z.");
}

static int read_proof(const json_t *body, struct action_request *request, struct err *err) {
    static const char *const keys[] = {"kind", "name", NULL};
    const json_t *proof = NULL;
    const char *kind = NULL;
    int r = json_need_object(body, "", "proof", &proof, err);
    r = r < 0 ? r : json_only(proof, "/proof", keys, err);
    r = r < 0 ? r : json_need_text(proof, "/proof", "kind", 1, WORD_CHARS_MAX, &kind, err);
    r = r < 0 ? r
              : json_need_text(proof, "/proof", "name", 1, ACTION_PROOF_CHARS_MAX, &request->proof,
                               err);
    if (r >= 0 && !action_proof_parse(kind, &request->proof_kind)) {
        err_set(err, ERR_VALIDATION, "nothing is proved by a \"%.40s\"", kind);
        err_place(err, "/proof/kind");
        r = err_hint(err, "One of: check, command, drill.");
    }
    return r;
}

int actions_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"kind", "what", "owner", "due_at", "proof", NULL};
    struct action_request request = {.kind = ACTION_KIND_CAUSE, .owner = "me"};
    const char *kind = NULL;
    struct incident_id id;
    int r = read_incident_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "kind", 1, WORD_CHARS_MAX, &kind, err);
    r = r < 0 ? r
              : json_need_text(ask->body, "", "what", 1, ACTION_WHAT_CHARS_MAX, &request.what, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "owner", 1, NAME_CHARS_MAX, &request.owner, err);
    r = r < 0 ? r : read_due(ask->body, &request.due_us, err);
    r = r < 0 ? r : read_proof(ask->body, &request, err);
    if (r >= 0 && !action_kind_parse(kind, &request.kind)) {
        err_set(err, ERR_VALIDATION, "there is no kind \"%.40s\"", kind);
        err_place(err, "/kind");
        r = err_hint(err, "One of: cause, detection, prevention, response.");
    }
    return r < 0 ? r
                 : action_add(ask->service->incidents, &ask->caller, id.text, &request,
                              &ask->answer, err);
}

int actions_list(struct ask *ask, struct err *err) {
    char incident[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "", owner[QUERY_CHARS_MAX] = "";
    char cursor[QUERY_CHARS_MAX] = "";
    int64_t limit = 0, overdue = 0;
    struct incident_id incident_id;
    struct action_id after;
    int r = read_query_text(ask, "incident_id", incident, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "owner", owner, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_int(ask, "overdue", 0, 1, &overdue, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, ACTIONS_LISTED_MAX, &limit, err);
    if (r >= 0 && incident[0] != '\0' && incident_id_parse(incident, &incident_id, NULL) < 0) {
        r = bad_query("incident_id", incident, "`holdfast incident list` lists them.", err);
    }
    if (r >= 0 && cursor[0] != '\0' && action_id_parse(cursor, &after, NULL) < 0) {
        r = bad_query("cursor", cursor, "It is the next_cursor of an earlier page.", err);
    }
    const struct action_filter filter = {incident, state,  owner, overdue != 0,
                                         cursor,   (int)limit};
    return r < 0 ? r : action_list(ask->service->incidents, &filter, &ask->answer, err);
}

int action_get_one(struct ask *ask, struct err *err) {
    struct action_id id;
    int r = read_action_id(ask, &id, err);
    return r < 0 ? r : action_get(ask->service->incidents, id.text, &ask->answer, err);
}

static int move(struct ask *ask, const char *name, struct err *err) {
    static const char *const keys[] = {"note", NULL};
    const char *note = NULL;
    struct action_id id;
    int r = read_action_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "note", 1, ACTION_NOTE_CHARS_MAX, &note, err);
    return r < 0 ? r
                 : action_move(ask->service->incidents, &ask->caller, id.text, name, note,
                               &ask->answer, err);
}

int action_done_post(struct ask *ask, struct err *err) {
    return move(ask, "done", err);
}

int action_verify_post(struct ask *ask, struct err *err) {
    return move(ask, "verify", err);
}

int action_reopen_post(struct ask *ask, struct err *err) {
    return move(ask, "reopen", err);
}

int action_assign_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"owner", "due_at", "reason", NULL};
    const char *owner = NULL, *reason = NULL;
    int64_t due_us = 0;
    struct action_id id;
    int r = read_action_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "owner", 1, NAME_CHARS_MAX, &owner, err);
    r = r < 0 ? r : read_due(ask->body, &due_us, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : action_assign(ask->service->incidents, &ask->caller, id.text, owner, due_us,
                                 reason, &ask->answer, err);
}
