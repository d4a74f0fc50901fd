/* SPDX-License-Identifier: Apache-2.0
 * brief_impl.h: what the files of the brief share. */
#ifndef HOLDFAST_INCIDENT_BRIEF_IMPL_H
#define HOLDFAST_INCIDENT_BRIEF_IMPL_H

#include "incident/brief.h"
#include "incident/incident_view.h"

struct brief_action {
    const char *name, *text, *command;
};
struct brief {
    const struct view *view;
    enum notice_language language;
    struct arena *arena;
    struct brief_action actions[BRIEF_ACTIONS];
    int action_count, action_more; /* those that had no place any more */
};

/* brief_actions.c: what to do now. */
void brief_choose(struct brief *brief);

/* brief_words.c: what the parts say, as sentences. Each line is one; never NULL. */
enum { BRIEF_LINES_MAX = 12 };
struct brief_lines {
    int count;
    const char *lines[BRIEF_LINES_MAX];
};
const char *brief_title(const struct brief *brief);
const char *brief_phase(const struct brief *brief);
void brief_standing(const struct brief *brief, struct brief_lines *lines);
void brief_impact(const struct brief *brief, struct brief_lines *lines);
void brief_next(const struct brief *brief, struct brief_lines *lines);
/* "[ok]", "[--]", "[??]" */
const char *brief_mark(int holds);
void brief_still_on(const struct brief *brief, struct brief_lines *lines);
/* Headings of the five parts. */
const char *brief_part(int part, enum notice_language language);
enum { BRIEF_PARTS = 5 };

void brief_text(const struct brief *brief, struct buf *buf);     /* brief_text.c */
void brief_markdown(const struct brief *brief, struct buf *buf); /* brief.c */
void brief_json(const struct brief *brief, struct buf *buf);     /* brief_json.c */

#endif
