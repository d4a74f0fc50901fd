/* SPDX-License-Identifier: Apache-2.0
 * postmortem.h: what is learnt from an incident (INC-10): a document that is made from its log,
 * from payments and from what people wrote; and the report of the failure for those outside
 * (REVIEW-4).
 *
 * 1. What comes from the log is marked as such, and stands beside the hash of the log's last entry.
 *    Nobody can edit it: the document is made anew each time. A log that was altered is said to be
 *    altered, before everything else, and what comes after the break is marked.
 * 2. What people write is kept in all its versions with who wrote it; each is an entry of the log
 *    with the digest of its text. A text that is not the one of its entry is said to be altered.
 * 3. An incident is closed only when the parts of postmortem_parts.def that are needed are there,
 *    and an action item, or the reason why there is none (postmortem_ready()).
 * 4. A report for outside names nobody, and does not say that it is over before the gate has let it
 *    through.
 *
 * Threads: any, many at once. Owns: nothing. Answers belong to the caller.
 * Errors: ERR_NOT_FOUND, ERR_STATE, ERR_VALIDATION (with the place), those of store.h.
 * Limits: those below. Writing one takes the time of the gate and the blast radius. */
#ifndef HOLDFAST_INCIDENT_POSTMORTEM_H
#define HOLDFAST_INCIDENT_POSTMORTEM_H

#include "incident/brief_sources.h"
#include "incident/incident.h"

enum {
    POSTMORTEM_BYTES_MAX = 8 * 1024 * 1024,
    POSTMORTEM_ENTRIES_MAX = 1000, /* of the log that are told; of more, how many */
    POSTMORTEM_VERSIONS_MAX = 1000, /* of one part */
};

enum postmortem_part {
#define X(NAME, name, needed, title_en, title_zh, what) PART_##NAME,
#include "incident/postmortem_parts.def"
#undef X
    POSTMORTEM_PARTS
};
const char *postmortem_part_name(enum postmortem_part part);
MUST_USE bool postmortem_part_parse(const char *name, enum postmortem_part *ret_part);

enum postmortem_format { POSTMORTEM_JSON, POSTMORTEM_MARKDOWN, POSTMORTEM_HTML };
MUST_USE bool postmortem_format_parse(const char *name, enum postmortem_format *ret_format);

MUST_USE int postmortem_write(struct incidents *incidents, const struct brief_sources *sources,
                              const char *id, enum postmortem_format format,
                              enum notice_language language, struct buf *buf, struct err *err);

/* A person writes a part; "" takes it out again. The answer: {"part","version","by","at"}. A text
 * that is there already changes nothing. ERR_STATE: the incident was cancelled. */
MUST_USE int postmortem_edit(struct incidents *incidents, const struct caller *caller,
                             const char *id, enum postmortem_part part, const char *text,
                             struct answer *ret_answer, struct err *err);

/* ---- the report for those outside ---- */

enum report_reader {
#define X(NAME, name, title_en, title_zh) READER_##NAME,
#include "incident/report_readers.def"
#undef X
    REPORT_READERS
};
enum report_format { REPORT_MARKDOWN, REPORT_HTML, REPORT_CSV };
MUST_USE bool report_reader_parse(const char *name, enum report_reader *ret_reader);
const char *report_reader_name(enum report_reader reader);
MUST_USE bool report_format_parse(const char *name, enum report_format *ret_format);
MUST_USE int report_write(struct incidents *incidents, const struct brief_sources *sources,
                          const char *id, enum report_reader reader, enum report_format format,
                          enum notice_language language, struct buf *buf, struct err *err);

/* ---- for the rest of this folder ---- */

struct incident_row;
/* 0: it is not due, as it is not over. */
int64_t postmortem_due_us(const struct incident_row *row);
/* ERR_STATE, with what is missing before the incident may be closed. */
MUST_USE int postmortem_ready(struct store_tx *tx, const struct incident_row *row, struct err *err);
/* With each change of an incident: its postmortem's job is there as long as it is due. */
MUST_USE int postmortem_schedule(struct incidents *incidents, struct store_tx *tx,
                                 const struct incident_row *row, struct err *err);
/* One run of the job of a postmortem, or of an action item. */
#define LEARN_JOB_POSTMORTEM "p:"
#define LEARN_JOB_ACTION "a:"
MUST_USE int learn_timer(struct incidents *incidents, const char *key, int64_t *ret_next_us,
                         struct err *err);

#endif
