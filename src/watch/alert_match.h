/* SPDX-License-Identifier: Apache-2.0
 * alert_match.h: what an alert is known by: its labels as one text, its fingerprint, and whether a
 * matcher fits.
 *
 * A matcher is "name=value", "name!=value" or "name~pattern" ('*' and '?' stand for anything).
 * A label that is not there is "". The names rule, severity and team are those of the alert itself.
 * Threads: any. Owns: nothing; texts are the arena's or borrowed.
 * Errors:  ERR_VALIDATION with what is wrong with the text. */
#ifndef HOLDFAST_WATCH_ALERT_MATCH_H
#define HOLDFAST_WATCH_ALERT_MATCH_H

#include "base/arena.h"
#include "watch/alert.h"

struct alert_face {
    const char *rule;
    enum notice_severity severity;
    enum alert_team team;
    const struct notice_label *labels; /* by name */
    int label_count;
};

enum match_how { MATCH_IS, MATCH_NOT, MATCH_LIKE };
struct matcher {
    const char *name, *value;
    enum match_how how;
};
struct matchers {
    struct matcher rows[MATCHERS_MAX];
    int count;
};

/* Of rule, severity, team or a label; "" when there is none. */
const char *face_value(const struct alert_face *face, const char *name);
MUST_USE int matcher_read(struct arena *arena, const char *text, struct matcher *ret_matcher,
                          struct err *err);
MUST_USE int matchers_read(struct arena *arena, char *const *texts, unsigned count,
                           struct matchers *ret_matchers, struct err *err);
/* The same of one text with commas or line ends between: what the program itself has written. */
void matchers_split(struct arena *arena, const char *text, struct matchers *ret_matchers);
bool matchers_fit(const struct matchers *matchers, const struct alert_face *face); /* all of them */

/* Sorted by name, none twice, names of letters, digits, '_', '.', '-'; those without a value are
 * left out. Values past NOTICE_TITLE_BYTES_MAX are cut. */
MUST_USE int labels_read(struct arena *arena, const struct notice_label *labels, int count,
                         struct notice_label **ret_labels, int *ret_count, struct err *err);
/* Lines of name=value, and back. */
const char *labels_write(struct arena *arena, const struct notice_label *labels, int count);
int labels_parse(struct arena *arena, const char *text, struct notice_label **ret_labels);

enum { ALERT_DIGEST_CHARS = 32 };
/* Of anything that has to be the same name for the same things. */
void alert_digest(const char *kind, const char *text, char ret_digest[ALERT_DIGEST_CHARS + 1]);

#endif
