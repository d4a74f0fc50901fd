/* SPDX-License-Identifier: Apache-2.0
 * doctor.h: everything that is wrong right now, in one list, the gravest first, each with the next
 * step: the runbook's troubleshooting as one question. Facts go in, findings come out;
 * handlers_doctor.c gathers them.
 * Threads: one at a time on a list. Owns: a list has copies of all that it was given. Cannot fail;
 * texts that are too long are cut. */
#ifndef HOLDFAST_API_DOCTOR_H
#define HOLDFAST_API_DOCTOR_H

#include <glib.h>

#include "api/deps.h"
#include "mode/mode.h"
#include "watch/check.h"

enum { DOCTOR_WHAT_CHARS_MAX = 799, DOCTOR_NAME_CHARS_MAX = 159 };

struct finding {
    enum gravity gravity;
    char check[DOCTOR_NAME_CHARS_MAX + 1]; /* "gateway:stripe-eu", "grave_breaks" */
    char what[DOCTOR_WHAT_CHARS_MAX + 1];  /* a plain sentence */
    char next[DOCTOR_NAME_CHARS_MAX + 1];  /* a command */
    int64_t count;                         /* of what is counted; 0: it is one thing */
    int64_t since_us;                      /* wall; 0: not known */
};

struct doctor {
    GArray *findings; /* struct finding */
    int looked;       /* how many things were looked at */
    int64_t now_us;   /* wall */
};
void doctor_init(struct doctor *doctor, int64_t now_us);
void doctor_release(struct doctor *doctor);

/* An edge of the dependency map. One that is ok or unknown is no finding. */
void doctor_edge(struct doctor *doctor, const struct dep *dep);
/* Degraded modes: any step but normal, the simplified flow. */
void doctor_mode(struct doctor *doctor, const struct mode_view *view);

/* Another thing that was looked at; `what` "": it is well. `name`: "calendar:china". */
void doctor_look(struct doctor *doctor, enum gravity gravity, const char *name, const char *what,
                 const char *next);
/* So many were counted, since then (wall). */
void doctor_counted(struct doctor *doctor, const struct check *check, int64_t count,
                    int64_t since_us);

/* The gravest first; of the same gravity the oldest, and what has no time last. Then as JSON. */
void doctor_write(struct doctor *doctor, struct buf *buf);

#endif
