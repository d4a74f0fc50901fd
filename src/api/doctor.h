/* SPDX-License-Identifier: Apache-2.0
 * doctor.h: everything that is wrong right now, in one list, the gravest first, each with the next
 * step: the runbook's troubleshooting as one question. Facts go in, findings come out;
 * handlers_doctor.c gathers them. What an alert tells is not
 * told again by what it is about: alerts go in first.
 * Threads: one at a time on a list. Owns: a list has copies of all that it was given. Cannot fail;
 * texts that are too long are cut. */
#ifndef HOLDFAST_API_DOCTOR_H
#define HOLDFAST_API_DOCTOR_H

#include <glib.h>

#include "api/deps.h"
#include "base/id.h"
#include "base/json.h"
#include "mode/mode.h"
#include "watch/alert.h"
#include "watch/check.h"
#include "watch/figures.h"
#include "watch/measure.h"

enum { DOCTOR_WHAT_CHARS_MAX = 799, DOCTOR_NAME_CHARS_MAX = 159 };

struct finding {
    enum gravity gravity;
    char check[DOCTOR_NAME_CHARS_MAX + 1]; /* "gateway:stripe-eu", "grave_breaks" */
    char what[DOCTOR_WHAT_CHARS_MAX + 1];  /* a plain sentence */
    char next[DOCTOR_NAME_CHARS_MAX + 1];  /* a command */
    int64_t count;                         /* of what is counted; 0: it is one thing */
    int64_t since_us;                      /* wall; 0: not known */
    int severity;                          /* enum notice_severity; of what is no alert its like */
    int64_t stake;                         /* of an alert: alert.h; 0: not known */
    char alert[ID_TEXT_MAX];               /* its id; "": it is none */
    char acknowledged_by[DOCTOR_NAME_CHARS_MAX + 1]; /* "": by nobody */
};

struct doctor {
    GArray *findings; /* struct finding */
    GArray *told;     /* what alerts tell: doctor.c */
    int looked;       /* how many things were looked at */
    int64_t now_us;   /* wall */
};
void doctor_init(struct doctor *doctor, int64_t now_us);
void doctor_release(struct doctor *doctor);

/* An alert as alerts_list() has it: one that fires, or that somebody looks at. Others are none. */
void doctor_alert(struct doctor *doctor, const json_t *alert);
/* Alerts that nobody can read now, or that are more than were read. */
void doctor_more_alerts(struct doctor *doctor);
/* A figure that is past its threshold now. One that raises no alert by itself is a step less grave,
 * and the rate of payments then only a notice: how little is little differs from shop to shop. */
void doctor_figure(struct doctor *doctor, enum figure_id id, const struct figure_limits *limits,
                   const struct figure_now *now);
/* A channel as alert_channels_list() has it; one that works is no finding. */
void doctor_channel(struct doctor *doctor, const json_t *channel);
/* A silence as silences_list() has it; only one that is in force is a finding. */
void doctor_silence(struct doctor *doctor, const json_t *silence);
/* A gateway that somebody took out of use. */
void doctor_gateway_off(struct doctor *doctor, const char *gateway, const char *state,
                        const char *reason);

/* An edge of the dependency map. One that is ok or unknown is no finding. */
void doctor_edge(struct doctor *doctor, const struct dep *dep);
/* Degraded modes: any step but normal, the simplified flow. */
void doctor_mode(struct doctor *doctor, const struct mode_view *view);

/* Another thing that was looked at; `what` "": it is well. `name`: "calendar:china". */
void doctor_look(struct doctor *doctor, enum gravity gravity, const char *name, const char *what,
                 const char *next);
/* So many of the check of that place (check_at()) were counted, since then (wall). By the limits in
 * force: below them it is a notice. */
void doctor_counted(struct doctor *doctor, int check, const struct measure_limits *limits,
                    int64_t count, int64_t since_us);

/* The gravest first; of the same gravity and severity where most is at stake, then the oldest, and
 * what has no time last. Then as JSON. */
void doctor_write(struct doctor *doctor, struct buf *buf);

#endif
