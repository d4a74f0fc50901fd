/* SPDX-License-Identifier: Apache-2.0
 * brief_sources.h: what a brief, a postmortem and a failure report are made of besides the incident
 * itself: the gate, the measures that are on, the next items of the playbook. Each may be absent;
 * what would have come from it is then told as not known, never as none.
 * Threads: the functions are called by any, many at once, outside of transactions. Owns: nothing.
 * What they give lives in the arena. */
#ifndef HOLDFAST_INCIDENT_BRIEF_SOURCES_H
#define HOLDFAST_INCIDENT_BRIEF_SOURCES_H

#include "base/arena.h"
#include "incident/gate.h"

enum { BRIEF_MEASURES_MAX = GATE_MEASURES_MAX, BRIEF_ITEMS_MAX = 8 };

/* Something that was switched for the incident, undone or not. Texts never NULL. */
struct brief_measure {
    const char *kind, *name;              /* "gateway", "stripe-eu" */
    const char *what[NOTICE_LANGUAGES];   /* "gateway stripe-eu is switched off" */
    int64_t on_us, off_us;                /* wall; off 0: it is still on */
    const char *by;                       /* a name; "" */
    const char *handed_to;                /* who has it after the incident; "" */
    const char *undo;                     /* the command */
};
struct brief_measures {
    int count;
    struct brief_measure rows[BRIEF_MEASURES_MAX];
};

/* What the playbook has next, in its order. */
struct brief_item {
    const char *what[NOTICE_LANGUAGES];
    const char *command;
};
struct brief_items {
    int count, more; /* open ones, and those past the room */
    struct brief_item rows[BRIEF_ITEMS_MAX];
};

struct brief_sources { /* borrowed; any may be NULL */
    struct gate *gate;
    int (*measures)(void *ctx, const char *incident_id, struct arena *arena,
                    struct brief_measures *ret_measures, struct err *err);
    void *measures_ctx;
    int (*items)(void *ctx, const char *incident_id, struct arena *arena,
                 struct brief_items *ret_items, struct err *err);
    void *items_ctx;
};

#endif
