/* SPDX-License-Identifier: Apache-2.0
 * postmortem_impl.h: what the files of the postmortem and of the failure report share. */
#ifndef HOLDFAST_INCIDENT_POSTMORTEM_IMPL_H
#define HOLDFAST_INCIDENT_POSTMORTEM_IMPL_H

#include "incident/action_impl.h"
#include "incident/incident_view.h"
#include "incident/postmortem.h"

/* ---- postmortem_parts.c ---- */

struct part_row { /* version 0: nobody has written it */
    int64_t version;
    const char *body, *author;
    int64_t at_us;
};
const char *part_title(enum postmortem_part part, enum notice_language language);
bool part_needed(enum postmortem_part part);
MUST_USE int parts_load(struct store_tx *tx, struct arena *arena, const char *incident_id,
                        struct part_row rows[POSTMORTEM_PARTS], struct err *err);
/* "" when nothing is. */
MUST_USE int parts_missing(struct store_tx *tx, struct arena *arena, const char *incident_id,
                           const char **ret_missing, struct err *err);

/* ---- postmortem_gather.c ---- */

enum { ENTRY_BYTES_MAX = 600, LEARNED_BYTES_MAX = 16 * 1024 * 1024 };

struct learned_entry {
    int64_t seq, at_us, kind;
    const char *by, *role, *text; /* the text cut to ENTRY_BYTES_MAX */
};
enum noticed_by { BY_NOBODY, BY_MACHINE, BY_STAFF, BY_CUSTOMER };
struct noticed {
    enum noticed_by by;
    const char *what; /* the alert's rule and id, the person, … */
    int64_t complaints; /* of customers, before it was detected */
};
struct learned {
    struct view view;
    struct arena *arena;
    struct incident_verdict log;
    struct learned_entry *entries;
    int entry_count;
    int64_t entries_left; /* that are not told */
    struct part_row parts[POSTMORTEM_PARTS];
    bool part_whole[POSTMORTEM_PARTS]; /* its text is the one that the log has the digest of */
    struct action_row *actions;
    bool *action_whole;
    int action_count;
    struct noticed noticed;
    const char *missing; /* before it may be closed */
    struct course *course; /* some time before and after as well */
};
MUST_USE int learned_take(struct incidents *incidents, const struct brief_sources *sources,
                          const char *id, struct arena *arena, struct learned *ret_learned,
                          struct err *err);
void learned_release(struct learned *learned);
#define LEARNED_AUTO struct learned CLEANUP(learned_release)

/* From that milestone to this one; -1: one of them is not reached. */
int64_t learned_span_us(const struct learned *learned, enum incident_milestone from,
                        enum incident_milestone to);
const char *noticed_name(enum noticed_by by); /* "machine" */

/* postmortem_json.c, postmortem_page.c */
void postmortem_json(const struct learned *learned, enum notice_language language,
                     struct buf *buf);
struct paper;
void postmortem_page(const struct learned *learned, struct paper *paper);

#endif
