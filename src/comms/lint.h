/* SPDX-License-Identifier: Apache-2.0
 * lint.h: judges a text before it reaches anybody: is each payment's reference in it, and when the
 * next word comes; does it promise a time that nobody approved, say that trouble is over without a
 * proof, use words that its readers do not, say whose fault it is, hold a card number, an unfilled
 * field, or letters that are not what they seem.
 *
 * The rules are lint_rules.def, what they look for lint_patterns.def. Claims and promises are
 * looked for in every language, whichever the text is said to be in, and in views of the text that
 * undo the ways of hiding a word (fold.h). A machine cannot know every way to say a thing; so what
 * passes here is still read and approved by a second person. It rather refuses an honest text than
 * lets a claim through.
 * Threads: any, many at once. Owns: the compiled patterns, until lint_close(). Pure: no clock, no
 * store. Errors: none in a text's judgement; lint_open() has those of a bug in a pattern. */
#ifndef HOLDFAST_COMMS_LINT_H
#define HOLDFAST_COMMS_LINT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "comms/proof.h"
#include "comms/words.h"

enum lint_rule {
#define X(NAME, name, what, fix) LINT_##NAME,
#include "comms/lint_rules.def"
#undef X
    LINT_RULES
};
const char *lint_rule_name(enum lint_rule rule);
const char *lint_rule_what(enum lint_rule rule);
const char *lint_rule_fix(enum lint_rule rule);

enum { LINT_TEXT_BYTES_MAX = 8000, LINT_FINDINGS_MAX = 24, LINT_QUOTE_BYTES = 72 };

/* What the text must hold and may say. Borrowed. */
struct lint_facts {
    enum audience audience;
    enum language language;
    const char *const *references; /* each must stand in it as a word of its own */
    int reference_count;
    const char *next_update; /* must stand in it; NULL: none is needed */
    /* Times (and how long something takes) that were given as fields, as they stand in the text:
     * whoever approves the message approves them. Nothing else that is a time passes. */
    const char *const *times;
    int time_count;
    const struct proof *proof; /* NULL: nothing proves that it is over */
};

struct lint_finding {
    enum lint_rule rule;
    size_t at, bytes;             /* of the text; 0, 0: the whole of it */
    char quote[LINT_QUOTE_BYTES]; /* what was found or is missing, as it may be shown */
};
struct lint_findings {
    int count;
    bool more; /* there are more than fit */
    struct lint_finding list[LINT_FINDINGS_MAX];
};

struct lint;
MUST_USE int lint_open(struct lint **ret_lint, struct err *err);
void lint_close(struct lint *lint); /* NULL is fine */

/* Returns how many findings there are: 0, it may be sent. They stand in the order of the rules. */
int lint_text(const struct lint *lint, const struct lint_facts *facts, const char *text,
              struct lint_findings *ret_findings);
/* A JSON array of {"rule", "what", "fix", "at", "bytes", "quote"}. */
void lint_render(const struct lint_findings *findings, struct buf *buf);

#endif
