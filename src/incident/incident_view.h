/* SPDX-License-Identifier: Apache-2.0
 * incident_view.h: an incident as it is at one moment, with all that is counted about it: what the
 * brief, the postmortem and the failure report are written from.
 *
 * It is read in several snapshots, since counting may take seconds; when the incident was changed
 * meanwhile all of it is read again, so that what is told together was so together.
 * Threads: any. Owns: the view, until view_release(); its texts are the arena's. */
#ifndef HOLDFAST_INCIDENT_INCIDENT_VIEW_H
#define HOLDFAST_INCIDENT_INCIDENT_VIEW_H

#include "incident/brief_sources.h"
#include "incident/incident_impl.h"

/* ---- incident_course.c: how payments of a scope went, by the minute ---- */

enum { COURSE_POINTS_MAX = 1440 };
struct course_point {
    int64_t begun, finished, succeeded; /* of those begun in it */
};
struct course {
    int64_t from_us, each_us; /* whole minutes */
    int count;                /* points from there on */
    struct course_point points[COURSE_POINTS_MAX];
};
/* From the minute of `from_us` until `until_us`; of a long time a point is several minutes. */
MUST_USE int course_take(struct store_tx *tx, const struct incident_scope *scope, int64_t from_us,
                         int64_t until_us, struct course *ret_course, struct err *err);

/* ---- incident_view.c ---- */

/* Payments of the scope that were begun in the last so many minutes: whether it fails now. */
#define VIEW_RECENT_US (15 * 60 * US_PER_SECOND)
enum { VIEW_RECENT_MIN = 20, VIEW_FAILING_PERMILLE = 900 };

struct view {
    struct incidents *incidents;
    struct arena *arena; /* borrowed */
    int64_t at_us;
    struct incident_row row;
    struct incident_signatures signatures;
    struct incident_scope scope; /* with its times */
    int64_t ack_us, update_us;   /* when each is due; 0: not */
    enum incident_due due;
    const char *update_owner; /* "": nobody */
    struct gate_verdict *verdict; /* NULL: the gate was not asked */
    json_t *blast;                /* owned; NULL: it is not known */
    const char *blast_why_not[NOTICE_LANGUAGES]; /* "" when it is known */
    int64_t recent_finished, recent_succeeded;
    struct brief_measures *measures; /* NULL: not known */
    struct brief_items *items;       /* NULL: not known */
};
MUST_USE int view_take(struct incidents *incidents, const struct brief_sources *sources,
                       const char *id, struct arena *arena, struct view *ret_view, struct err *err);
void view_release(struct view *view);
#define VIEW_AUTO struct view CLEANUP(view_release)

/* Whether the gate's condition holds: 1, 0, or -1: nobody looked. */
int view_holds(const struct view *view, enum gate_condition condition);
const struct gate_line *view_line(const struct view *view, enum gate_condition condition);
/* The gate has let it through, and it is on record. */
bool view_proved(const struct view *view);

/* ---- incident_words.c: how things are said, in either language ---- */

/* "12,345" */
const char *said_count(struct arena *arena, int64_t count);
/* "12,345.60 USD" */
const char *said_money(struct arena *arena, int64_t amount_minor, const char *currency);
/* "21.7 %" of hundredths of a per cent */
const char *said_percent(struct arena *arena, int64_t part, int64_t all);
/* "45 s", "12 min", "2 h 05 min", "3 d 4 h"; "45 秒", "12 分钟" … */
const char *said_span(struct arena *arena, int64_t us, enum notice_language language);
/* "2026-11-20 08:00:00Z" */
const char *said_time(struct arena *arena, int64_t wall_us);
/* "gateways stripe-eu, alipay-cn; methods card"; "everything" / "全部" */
const char *said_scope(struct arena *arena, const struct incident_scope *scope,
                       enum notice_language language);
/* The milestone's name for people. */
const char *said_milestone(enum incident_milestone milestone, enum notice_language language);
const char *said_cause(int64_t cause, enum notice_language language);
/* Columns of a terminal that it takes. */
int said_width(const char *text);

#endif
