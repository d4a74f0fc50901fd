/* SPDX-License-Identifier: Apache-2.0
 * brief_json.c: a brief for machines: the same five parts. Its digest is of all that follows the
 * digest itself: the moment at which it was made is not among it. */
#include <string.h>

#include "base/json.h"
#include "incident/brief_impl.h"

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, "\"%s\":", key);
    if (text != NULL && text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    put_text(buf, key, wall_us > 0 ? clock_format(wall_us, time) : NULL);
}

static void put_json(struct buf *buf, const char *key, const json_t *json) {
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    buf_addf(buf, "\"%s\":%s", key, text != NULL ? text : "null");
    free(text);
}

static void put_phase(struct buf *buf, const struct brief *brief) {
    const struct incident_row *row = &brief->view->row;
    buf_addf(buf, "\"severity_and_phase\":{\"severity\":\"%s\",",
             notice_severity_name((enum notice_severity)row->severity));
    put_text(buf, "proposed_severity",
             row->proposed == INCIDENT_UNMEASURED
                 ? NULL
                 : notice_severity_name((enum notice_severity)row->proposed));
    buf_addf(buf, ",\"state\":\"%s\",", incident_state_name(row->state));
    put_text(buf, "phase", brief_phase(brief));
    buf_add_char(buf, ',');
    put_time(buf, "impact_start", row->at_us[MILESTONE_IMPACT_START]);
    buf_addf(buf, ",\"cause\":\"%s\",", incident_cause_name(row->cause));
    put_text(buf, "cause_why", row->cause_why);
    buf_add_text(buf, ",\"scope\":");
    scope_write(&row->scope, buf);
    buf_add_text(buf, ",\"roles\":{");
    for (int i = 0; i < INCIDENT_ROLES; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        put_text(buf, incident_role_name((enum incident_role)i), row->holders[i][0]);
    }
    buf_add_text(buf, "}}");
}

static void put_actions(struct buf *buf, const struct brief *brief) {
    buf_add_text(buf, ",\"immediate_actions\":[");
    for (int i = 0; i < brief->action_count; i++) {
        const struct brief_action *action = &brief->actions[i];
        buf_addf(buf, "%s{\"rank\":%d,\"name\":\"%s\",", i > 0 ? "," : "", i + 1, action->name);
        put_text(buf, "text", action->text);
        buf_add_char(buf, ',');
        put_text(buf, "command", action->command);
        buf_add_char(buf, '}');
    }
    buf_addf(buf, "],\"more_actions\":%d", brief->action_more);
}

static void put_impact(struct buf *buf, const struct brief *brief) {
    static const char *const counts[] = {"payments", "affected", "orders", "customers",
                                         "affected_percent", "fates", "money"};
    const struct view *view = brief->view;
    bool known = view->blast != NULL && json_peek_int(view->blast, 0, "payments", NULL) > 0;
    buf_addf(buf, ",\"customer_impact\":{\"known\":%s,", known ? "true" : "false");
    put_text(buf, "why_not",
             view->blast == NULL ? view->blast_why_not[brief->language]
             : known             ? NULL
             : brief->language == NOTICE_ZH
                 ? "该范围与时段内没有发起的支付"
                 : "no payment of its scope was begun in its time");
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        buf_add_char(buf, ',');
        put_json(buf, counts[i], known ? json_object_get(view->blast, counts[i]) : NULL);
    }
    buf_addf(buf, ",\"recent\":{\"minutes\":%d,\"finished\":%lld,\"succeeded\":%lld}}",
             (int)(VIEW_RECENT_US / (60 * US_PER_SECOND)), (long long)view->recent_finished,
             (long long)view->recent_succeeded);
}

static void put_next(struct buf *buf, const struct brief *brief) {
    const struct view *view = brief->view;
    buf_add_text(buf, ",\"next_update\":");
    if (view->update_us == 0) {
        buf_add_text(buf, "null");
        return;
    }
    buf_addf(buf, "{\"what\":\"%s\",", incident_due_name(view->due));
    put_time(buf, "due_at", view->update_us);
    buf_addf(buf, ",\"overdue\":%s,", view->update_us <= view->at_us ? "true" : "false");
    put_text(buf, "owner", view->update_owner);
    buf_add_char(buf, '}');
}

static void put_checks(struct buf *buf, const struct brief *brief) {
    const struct view *view = brief->view;
    buf_add_text(buf, ",\"checklist\":[");
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = view_line(view, (enum gate_condition)i);
        int holds = view_holds(view, (enum gate_condition)i);
        buf_addf(buf, "%s{\"name\":\"%s\",\"holds\":%s,", i > 0 ? "," : "",
                 gate_condition_name((enum gate_condition)i),
                 holds > 0    ? "true"
                 : holds == 0 ? "false"
                              : "null");
        put_text(buf, "must", gate_condition_must((enum gate_condition)i, brief->language));
        buf_add_char(buf, ',');
        put_text(buf, "why", line != NULL ? line->why[brief->language] : NULL);
        buf_add_char(buf, ',');
        put_text(buf, "command", line != NULL ? line->command : NULL);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

/* null where nobody knows what is on. */
static void put_still_on(struct buf *buf, const struct brief *brief) {
    const struct brief_measures *measures = brief->view->measures;
    const char *comma = "";
    buf_add_text(buf, measures != NULL ? ",\"still_on\":[" : ",\"still_on\":null");
    for (int i = 0; measures != NULL && i < measures->count; i++) {
        const struct brief_measure *measure = &measures->rows[i];
        if (measure->off_us == 0) {
            buf_addf(buf, "%s{", comma);
            put_text(buf, "what", measure->what[brief->language]);
            buf_add_char(buf, ',');
            put_time(buf, "since", measure->on_us);
            buf_add_char(buf, ',');
            put_text(buf, "handed_to", measure->handed_to);
            buf_add_char(buf, ',');
            put_text(buf, "undo", measure->undo);
            buf_add_char(buf, '}');
            comma = ",";
        }
    }
    buf_add_text(buf, measures != NULL ? "]" : "");
}

void brief_json(const struct brief *brief, struct buf *buf) {
    const struct incident_row *row = &brief->view->row;
    char digest[SHA256_HEX_CHARS + 1], time[CLOCK_TEXT_MAX];
    BUF_AUTO body;
    buf_init(&body, BRIEF_BYTES_MAX);
    buf_addf(&body, "\"incident_id\":\"%s\",\"number\":%lld,\"version\":%lld,", row->id.text,
             (long long)row->number, (long long)row->version);
    put_text(&body, "title", row->title);
    buf_addf(&body, ",\"drill\":%s,\"language\":\"%s\",", row->drill ? "true" : "false",
             notice_language_name(brief->language));
    put_phase(&body, brief);
    put_actions(&body, brief);
    put_impact(&body, brief);
    put_next(&body, brief);
    put_checks(&body, brief);
    put_still_on(&body, brief);
    crypto_sha256_hex(body.data, body.len, digest);
    buf_addf(buf, "{\"object\":\"incident_brief\",\"at\":\"%s\",\"digest\":\"%s\",",
             clock_format(brief->view->at_us, time), digest);
    buf_add(buf, body.data, body.len);
    buf_add_char(buf, '}');
}
