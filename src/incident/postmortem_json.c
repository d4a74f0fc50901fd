/* SPDX-License-Identifier: Apache-2.0
 * postmortem_json.c: a postmortem for machines (api/openapi.yaml: Postmortem). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "incident/postmortem_impl.h"

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
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

static void put_bool(struct buf *buf, const char *key, bool value) {
    buf_addf(buf, ",\"%s\":%s", key, value ? "true" : "false");
}

static void put_log(struct buf *buf, const struct incident_verdict *log) {
    buf_addf(buf, ",\"log\":{\"whole\":%s,\"entries\":%" PRId64,
             log->broken_seq == 0 ? "true" : "false", log->entries);
    put_text(buf, "head", log->hash);
    buf_add_text(buf, ",\"broken_seq\":");
    if (log->broken_seq > 0) {
        buf_addf(buf, "%" PRId64, log->broken_seq);
    } else {
        buf_add_text(buf, "null");
    }
    put_text(buf, "why", log->broken_seq > 0 ? log->why : NULL);
    buf_add_char(buf, '}');
}

/* Whole seconds; null where one of the two was not reached. */
static void put_spans(struct buf *buf, const struct learned *learned) {
    static const struct {
        const char *name;
        enum incident_milestone from, to;
    } spans[] = {
        {"detect_s", MILESTONE_IMPACT_START, MILESTONE_DETECTED},
        {"acknowledge_s", MILESTONE_DETECTED, MILESTONE_ACKNOWLEDGED},
        {"contain_s", MILESTONE_DETECTED, MILESTONE_CONTAINED},
        {"mitigate_s", MILESTONE_DETECTED, MILESTONE_MITIGATED},
        {"reconcile_s", MILESTONE_DETECTED, MILESTONE_RECONCILED},
        {"resolve_s", MILESTONE_DETECTED, MILESTONE_RESOLVED},
        {"impact_s", MILESTONE_IMPACT_START, MILESTONE_MITIGATED},
    };
    buf_add_text(buf, ",\"durations\":{");
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        int64_t us = learned_span_us(learned, spans[i].from, spans[i].to);
        buf_addf(buf, "%s\"%s\":", i > 0 ? "," : "", spans[i].name);
        if (us >= 0) {
            buf_addf(buf, "%" PRId64, us / US_PER_SECOND);
        } else {
            buf_add_text(buf, "null");
        }
    }
    buf_add_char(buf, '}');
}

static void put_milestones(struct buf *buf, const struct learned *learned) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(buf, ",\"milestones\":{");
    for (int i = 0; i < MILESTONES; i++) {
        int64_t at_us = learned->view.row.at_us[i];
        buf_addf(buf, "%s\"%s\":", i > 0 ? "," : "",
                 incident_milestone_name((enum incident_milestone)i));
        if (at_us > 0) {
            buf_add_json(buf, clock_format(at_us, time));
        } else {
            buf_add_text(buf, "null");
        }
    }
    buf_add_char(buf, '}');
}

static void put_impact(struct buf *buf, const struct view *view,
                       enum notice_language language) {
    char *text = view->blast != NULL ? json_dumps(view->blast, JSON_COMPACT) : NULL;
    buf_addf(buf, ",\"impact\":%s", text != NULL ? text : "null");
    put_text(buf, "impact_why_not", view->blast_why_not[language]);
    free(text);
}

static void put_parts(struct buf *buf, const struct learned *learned,
                      enum notice_language language) {
    buf_add_text(buf, ",\"parts\":[");
    for (int i = 0; i < POSTMORTEM_PARTS; i++) {
        const struct part_row *row = &learned->parts[i];
        enum postmortem_part part = (enum postmortem_part)i;
        buf_addf(buf, "%s{\"part\":\"%s\"", i > 0 ? "," : "", postmortem_part_name(part));
        put_text(buf, "title", part_title(part, language));
        put_bool(buf, "needed", part_needed(part));
        put_text(buf, "text", row->body);
        buf_addf(buf, ",\"version\":%" PRId64, row->version);
        put_text(buf, "by", row->author);
        put_time(buf, "at", row->at_us);
        put_bool(buf, "whole", learned->part_whole[i]);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static void put_actions(struct buf *buf, const struct learned *learned) {
    buf_add_text(buf, ",\"actions\":[");
    for (int i = 0; i < learned->action_count; i++) {
        buf_add_text(buf, i > 0 ? ",{\"whole\":" : "{\"whole\":");
        buf_addf(buf, "%s,\"item\":", learned->action_whole[i] ? "true" : "false");
        action_render(buf, &learned->actions[i]);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static void put_gate(struct buf *buf, const struct view *view) {
    buf_add_text(buf, ",\"gate\":");
    if (view->verdict != NULL) {
        gate_write_json(view->verdict, buf);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_measures(struct buf *buf, const struct view *view,
                         enum notice_language language) {
    const struct brief_measures *measures = view->measures;
    buf_add_text(buf, measures != NULL ? ",\"measures\":[" : ",\"measures\":null");
    for (int i = 0; measures != NULL && i < measures->count; i++) {
        const struct brief_measure *row = &measures->rows[i];
        buf_addf(buf, "%s{\"kind\":\"%s\"", i > 0 ? "," : "", row->kind);
        put_text(buf, "name", row->name);
        put_text(buf, "what", row->what[language]);
        put_time(buf, "on_at", row->on_us);
        put_time(buf, "off_at", row->off_us);
        put_text(buf, "handed_to", row->handed_to);
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, measures != NULL ? "]" : "");
}

static void put_course(struct buf *buf, const struct course *course) {
    char time[CLOCK_TEXT_MAX];
    const char *comma = "";
    buf_addf(buf, ",\"course\":{\"minutes\":%" PRId64 ",\"points\":[",
             course->each_us / (60 * US_PER_SECOND));
    for (int i = 0; i < course->count; i++) {
        const struct course_point *point = &course->points[i];
        if (point->begun > 0) {
            clock_format(course->from_us + i * course->each_us, time);
            buf_addf(buf,
                     "%s{\"at\":\"%s\",\"begun\":%" PRId64 ",\"finished\":%" PRId64
                     ",\"succeeded\":%" PRId64 "}",
                     comma, time, point->begun, point->finished, point->succeeded);
            comma = ",";
        }
    }
    buf_add_text(buf, "]}");
}

static void put_timeline(struct buf *buf, const struct learned *learned) {
    buf_add_text(buf, ",\"timeline\":[");
    for (int i = 0; i < learned->entry_count; i++) {
        const struct learned_entry *entry = &learned->entries[i];
        buf_addf(buf, "%s{\"seq\":%" PRId64, i > 0 ? "," : "", entry->seq);
        put_time(buf, "at", entry->at_us);
        put_text(buf, "kind", incident_log_kind_name(entry->kind));
        put_text(buf, "by", entry->by);
        put_text(buf, "role", entry->role);
        put_text(buf, "text", entry->text);
        put_bool(buf, "proved",
                 learned->log.broken_seq == 0 || entry->seq < learned->log.broken_seq);
        buf_add_char(buf, '}');
    }
    buf_addf(buf, "],\"timeline_left\":%" PRId64, learned->entries_left);
}

void postmortem_json(const struct learned *learned, enum notice_language language,
                     struct buf *buf) {
    const struct incident_row *row = &learned->view.row;
    buf_addf(buf, "{\"object\":\"postmortem\",\"incident_id\":\"%s\",\"number\":%" PRId64,
             row->id.text, row->number);
    put_text(buf, "language", notice_language_name(language));
    put_text(buf, "title", row->title);
    put_text(buf, "severity", notice_severity_name((enum notice_severity)row->severity));
    put_text(buf, "state", incident_state_name(row->state));
    put_bool(buf, "drill", row->drill);
    put_time(buf, "at", learned->view.at_us);
    put_time(buf, "due_at", postmortem_due_us(row));
    put_text(buf, "missing", learned->missing);
    put_log(buf, &learned->log);
    put_milestones(buf, learned);
    put_spans(buf, learned);
    buf_addf(buf, ",\"noticed\":{\"by\":\"%s\"", noticed_name(learned->noticed.by));
    put_text(buf, "what", learned->noticed.what);
    buf_addf(buf, ",\"complaints\":%" PRId64 "}", learned->noticed.complaints);
    put_text(buf, "cause", incident_cause_name(row->cause));
    put_text(buf, "cause_why", row->cause_why);
    put_impact(buf, &learned->view, language);
    put_course(buf, learned->course);
    put_gate(buf, &learned->view);
    put_measures(buf, &learned->view, language);
    put_parts(buf, learned, language);
    put_actions(buf, learned);
    put_timeline(buf, learned);
    buf_add_char(buf, '}');
}
