/* SPDX-License-Identifier: Apache-2.0
 * brief.h: what somebody has to know of an incident at this second (INC-8), in exactly five parts:
 * severity and phase; the three things to do now, each with its command; whom it hits; when people
 * are told next, and by whom; what has to be so before it may be called over.
 *
 * Nothing in it is guessed: it is counted from payments, read from the incident and its sources, or
 * said to be unknown. What to do is chosen by the rows of brief_actions.def, in their order; less
 * than three are less than three.
 * Threads: any. Owns: nothing. Errors: ERR_NOT_FOUND, those of store.h. Limits: BRIEF_BYTES_MAX.
 * How long it takes is the gate's and the blast radius' time: never on a payment's way. */
#ifndef HOLDFAST_INCIDENT_BRIEF_H
#define HOLDFAST_INCIDENT_BRIEF_H

#include "incident/brief_sources.h"
#include "incident/incident.h"

enum { BRIEF_ACTIONS = 3, BRIEF_COLUMNS = 80, BRIEF_BYTES_MAX = 512 * 1024 };

enum brief_format { BRIEF_TEXT, BRIEF_MARKDOWN, BRIEF_JSON, BRIEF_FORMATS };
/* "text", "markdown", "json" */
MUST_USE bool brief_format_parse(const char *name, enum brief_format *ret_format);

/* Text is at most BRIEF_COLUMNS wide as a terminal counts, but for commands, which are never
 * broken. JSON: api/openapi.yaml, IncidentBrief; its member `digest` stays the same as long as
 * nothing that it tells has changed. */
MUST_USE int brief_write(struct incidents *incidents, const struct brief_sources *sources,
                         const char *id, enum brief_format format, enum notice_language language,
                         struct buf *buf, struct err *err);

#endif
