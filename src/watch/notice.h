/* SPDX-License-Identifier: Apache-2.0
 * notice.h: what is told to people and to other systems: one message about one thing, before it
 * is known where it goes and how it is written there.
 *
 * A notice is plain facts in one language. A channel (channel.h) makes bytes of it; a delivery
 * (delivery.h) keeps it as JSON until it has gone out. No secret, card number or customer's data
 * ever belongs into one: it leaves the house.
 * Owns:    nothing: all texts are borrowed; never NULL but where it is said, "" when not known.
 * Threads: any, one struct each.
 * Errors:  ERR_VALIDATION with the field as the place.
 * Limits:  those below; who makes a notice cuts longer texts with notice_cut(). */
#ifndef HOLDFAST_WATCH_NOTICE_H
#define HOLDFAST_WATCH_NOTICE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Numbers are stored and only grow. */
enum notice_state {
    NOTICE_FIRING = 1,
    NOTICE_ACKNOWLEDGED = 2,
    NOTICE_RESOLVED = 3,
    NOTICE_TEST = 4,
    NOTICE_STATES = 5,
};
enum notice_severity {
    NOTICE_P0 = 0,
    NOTICE_P1 = 1,
    NOTICE_P2 = 2,
    NOTICE_P3 = 3,
    NOTICE_SEVERITIES = 4,
};
enum notice_language { NOTICE_EN = 0, NOTICE_ZH = 1, NOTICE_LANGUAGES = 2 };

enum {
    NOTICE_NAME_BYTES_MAX = 120,  /* fingerprint, kind, subject, a label's name */
    NOTICE_TITLE_BYTES_MAX = 300, /* title, a label's value, what came with it */
    NOTICE_TEXT_BYTES_MAX = 4000, /* summary, scope, money, cause, action, text */
    NOTICE_URL_BYTES_MAX = 1000,
    NOTICE_LABELS_MAX = 32,
    NOTICE_ALSO_MAX = 10, /* headlines of notices that went along; more are only counted */
    NOTICE_JSON_BYTES_MAX = 64 * 1024,
};

struct notice_label {
    const char *name, *value;
};

struct notice {
    const char *fingerprint; /* the same for all notices about one thing; 1 byte or more */
    enum notice_state state;
    enum notice_severity severity;
    enum notice_language language;
    const char *kind;    /* "PaymentServiceGatewayFailure"; 1 byte or more */
    const char *title;   /* one line for people; 1 byte or more */
    const char *summary; /* may have lines, as may the next four */
    const char *scope;   /* who is affected, and who is not */
    const char *money;   /* what is not taken, or in question, by currency */
    const char *cause;   /* likely */
    const char *action;  /* the first thing to do */
    const char *runbook; /* http or https */
    const char *link;    /* where it is seen and acknowledged; http or https */
    const char *subject; /* an incident, ticket or payment: "inc_…" */
    const char *reason;  /* why it is told now: "first notification" */
    /* The whole message as somebody wrote it; then no other text but the title is written out. */
    const char *text;
    int64_t first_symptom_us, found_us, ended_us; /* wall; 0: not known, not ended */
    struct notice_label labels[NOTICE_LABELS_MAX];
    int label_count;
    const char *also[NOTICE_ALSO_MAX]; /* headlines of notices that were folded into this one */
    int also_count, also_more;
};

const char *notice_state_name(enum notice_state state); /* "firing"; "?" for none */
MUST_USE bool notice_state_parse(const char *name, enum notice_state *ret_state);
const char *notice_severity_name(enum notice_severity severity); /* "P1" */
MUST_USE bool notice_severity_parse(const char *name, enum notice_severity *ret_severity);
const char *notice_language_name(enum notice_language language); /* "zh" */
MUST_USE bool notice_language_parse(const char *name, enum notice_language *ret_language);

/* All limits, and that nothing in it can break out of a line, a header or a link. */
MUST_USE int notice_check(const struct notice *notice, struct err *err);

/* As it is stored, and back: what was written is read the same. */
void notice_write(const struct notice *notice, struct buf *buf);
MUST_USE int notice_read(struct arena *arena, const char *json, size_t bytes,
                         struct notice *ret_notice, struct err *err);

/* "[P1] firing: title" in its language, one line. */
void notice_headline(const struct notice *notice, struct buf *buf);

/* The facts under their names in its language, as whoever writes a message needs them, in order;
 * unknown ones are left out. Returns how many. Texts are the notice's or the arena's. */
enum { NOTICE_LINES_MAX = 16 };
struct notice_line {
    const char *name;  /* "" for the summary, or the text */
    const char *value; /* may have lines */
    bool is_url;
};
int notice_lines(const struct notice *notice, struct arena *arena,
                 struct notice_line ret_lines[NOTICE_LINES_MAX]);
/* The same as text: "name: value", a line each. */
void notice_plain(const struct notice *notice, struct buf *buf);

/* Shortens a text of UTF-8 to `bytes_max` bytes (4 or more), between two characters and with "…" at
 * its end when something was cut. Returns its length. */
size_t notice_cut(char *text, size_t bytes_max);
/* The same for what a buffer holds from `from` on. */
void notice_cut_buf(struct buf *buf, size_t from, size_t bytes_max);

#endif
