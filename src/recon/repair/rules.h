/* SPDX-License-Identifier: Apache-2.0
 * rules.h: the file of repair rules (docs/repair-rules.md), read and checked.
 *
 * A rule says which breaks it is for, what is done about them, and how much of that there may be:
 * for one break, in a day, in total since a person enabled it. Caps of money are by currency; a
 * currency that has none is not touched. Owns: rules belong to whoever read them, until
 * repair_rules_free(). Threads: any; they never change. Errors: ERR_CONFIG, with "rules.yaml:12" as
 * the place. Limits: REPAIR_RULES_MAX rules. */
#ifndef HOLDFAST_RECON_REPAIR_RULES_H
#define HOLDFAST_RECON_REPAIR_RULES_H

#include "base/crypto.h"
#include "base/money.h"
#include "recon/breaks.h"

enum repair_action {
    REPAIR_ACTION_NONE = 0,
#define X(name, number, text, undo, does, back) REPAIR_##name = (number),
#include "recon/repair/repair_actions.def"
#undef X
};
enum repair_undo { REPAIR_UNDO_NEVER, REPAIR_UNDO_REOPEN, REPAIR_UNDO_TAKE_BACK };
const char *repair_action_name(int64_t action); /* "?" for a number that no row has */
const char *repair_action_does(int64_t action);
const char *repair_action_back(int64_t action); /* may hold one %s: the payment */
enum repair_undo repair_action_undo(int64_t action);

enum {
    REPAIR_RULES_MAX = 32,
    REPAIR_NAME_CHARS_MAX = 60,
    REPAIR_SAYS_CHARS_MAX = 300,
    REPAIR_GATEWAYS_MAX = 32,
    REPAIR_CAPS_MAX = 32,
    REPAIR_ERRORS_OF_MAX = 200,
};

struct repair_cap {
    struct currency currency;
    int64_t each_minor, day_minor, total_minor;
};
struct repair_rule {
    const char *name, *says;
    enum repair_action action;
    uint64_t classes; /* bits of 1 << enum match_class */
    const char *const *gateways;
    int gateway_count;                      /* 0: all */
    int64_t older_than_us, younger_than_us; /* of the break, since it was opened; 0: not said */
    int64_t day_count, total_count;         /* how many repairs */
    struct repair_cap caps[REPAIR_CAPS_MAX];
    int cap_count;
    /* When more than so many of the last `errors_of` that ended were refused or failed, all rules
     * stop. */
    int errors_of, errors_max;
    char digest[SHA256_HEX_CHARS + 1]; /* of all of the above but what it says */
};
struct repair_rules {
    const struct repair_rule *rules;
    int count;
};

MUST_USE int repair_rules_load(const char *path, struct repair_rules **ret_rules, struct err *err);
/* The same of a text; `name` stands for the file in errors. */
MUST_USE int repair_rules_read(const char *name, const char *text, struct repair_rules **ret_rules,
                               struct err *err);
void repair_rules_free(struct repair_rules *rules); /* NULL is fine */

const struct repair_rule *repair_rule_find(const struct repair_rules *rules, const char *name);
/* ERR_NOT_FOUND, with the names of those that there are. */
MUST_USE int repair_rule_unknown(const struct repair_rules *rules, const char *name,
                                 struct err *err);
/* Of a rule that names a class and not one that was part of it once: what it is not for, and what
 * to do (a literal); NULL. */
const char *repair_rule_hint(const struct repair_rule *rule);
/* NULL: the rule does not touch that currency. */
const struct repair_cap *repair_rule_cap(const struct repair_rule *rule, struct currency currency);
/* By class, gateway and age alone. NULL: it is for it; "": it is not for its class; else why it is
 * not (a literal). */
const char *repair_rule_not_for(const struct repair_rule *rule, const struct break_row *row,
                                int64_t now_us);

#endif
