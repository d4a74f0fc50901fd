/* SPDX-License-Identifier: Apache-2.0
 * repair.h: repairs of breaks by rule (REC-6), for the floor above. docs/repair-rules.md is the
 * manual.
 *
 *   job          key            does
 *   repair_plan  gateway        after each run: takes breaks and cases by the rules that people
 *                               have enabled, gives the rest to people as tickets, and closes those
 *                               of breaks that are over
 *   case         case           after each change of a case: the same for it
 *   repair       break or case  asks the gateway, does what it confirms, says what came of it
 *
 *   1. Nothing is done that the gateway has not confirmed; while it does not answer, nothing is.
 *   2. There is one repair of a break, or of a case that no break tells of, ever. Money moves
 *      through payment/repair.h and the ledger, which are idempotent: a crash at any moment leads
 *      to the same end.
 *   3. What a rule takes on is counted in the transaction in which it takes it, under one lock: its
 *      caps hold whatever many instances do at once. Who was refused is counted no more.
 *   4. All rules stop when a cap of a day or in total keeps one from a break, or when too many of a
 *      rule's last repairs were refused or failed. A person starts them again, with a reason.
 *   5. A rule that nobody has enabled, or that was changed since, does nothing but in a dry run.
 *   6. Each repair is on the audit log, with the rule as its actor.
 * Owns: answers belong to the caller. Threads: any, many instances at once. Errors: those of
 * errors.def; nothing has been changed when one is returned. */
#ifndef HOLDFAST_RECON_REPAIR_REPAIR_H
#define HOLDFAST_RECON_REPAIR_REPAIR_H

#include "base/sheet.h"
#include "recon/recon.h"
#include "recon/repair/rules.h"

enum repair_state {
    REPAIR_STATE_NONE = 0,
#define X(name, number, text, live, counts, bad, meaning) REPAIR_IS_##name = (number),
#include "recon/repair/repair_states.def"
#undef X
    REPAIR_STATE_COUNT
};
const char *repair_state_name(int64_t state); /* "?" for a number that no row has */
MUST_USE bool repair_state_parse(const char *name, enum repair_state *ret_state);
bool repair_state_live(int64_t state);
bool repair_state_counts(int64_t state); /* against the caps */
bool repair_state_bad(int64_t state);    /* as an error of the rule */
bool repair_move_is(int64_t from, int64_t to);

/* In the caller's transaction: the rules look at this gateway's breaks after his commit. */
MUST_USE int repair_ask_plan(struct store_tx *tx, const char *gateway, struct err *err);

/* {"stopped":…,"data":[rule…]}: what the file says, what people have said, and what was spent. */
MUST_USE int repair_rules_get(struct recon *recon, struct answer *ret_answer, struct err *err);
/* What would be done about every open break and case, and of each that would not be repaired why
 * not; nothing is changed and nobody is asked. `rule`, `gateway`: NULL for all.
 * {"data":[…],"sums":[…],"open":n,"looked_at":n,"not_looked_at":n,"taken":n,"more":n,
 * "next_cursor":"…"|null}. */
MUST_USE int repair_dry_run(struct recon *recon, const char *rule, const char *gateway,
                            struct answer *ret_answer, struct err *err);
/* The same in pieces, for who wants to say how far it is: at most `limit` breaks and cases behind
 * `cursor` (an answer's next_cursor), counted against the caps with what the answers before have
 * summed up. ERR_VALIDATION: the cursor or a sum is none of such answers. */
enum { REPAIR_DRY_SUMS_MAX = REPAIR_RULES_MAX * 8, REPAIR_DRY_LIMIT_MAX = 20000 };
struct repair_dry_sum { /* borrowed */
    const char *rule;
    struct currency currency;
    int64_t count, amount_minor;
};
struct repair_dry_asked { /* borrowed; NULL or 0: all, from the first */
    const char *rule, *gateway, *cursor;
    int64_t limit;
    struct repair_dry_sum sums[REPAIR_DRY_SUMS_MAX];
    int sum_count;
};
MUST_USE int repair_dry_run_page(struct recon *recon, const struct repair_dry_asked *asked,
                                 struct answer *ret_answer, struct err *err);
/* 200 with the rule. A rule counts from nothing in total each time that it is enabled. */
MUST_USE int repair_rule_switch(struct recon *recon, const struct caller *caller, const char *name,
                                bool enable, const char *reason, struct answer *ret_answer,
                                struct err *err);
/* After a stop. ERR_STATE: they are not stopped. */
MUST_USE int repair_rules_start(struct recon *recon, const struct caller *caller,
                                const char *reason, struct answer *ret_answer, struct err *err);

struct repair_filter { /* borrowed; NULL or 0: any */
    const char *rule, *gateway, *break_id, *cursor;
    enum repair_state state;
    int64_t since_us, until_us; /* planned from then on, and before then; wall */
    const char *text; /* in ids, what was said and why it was reversed (recon/search.h) */
    int limit;        /* 1..PAGE_MAX, 0: 20 */
};
/* Newest first: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int repair_list(struct recon *recon, const struct repair_filter *filter,
                         struct answer *ret_answer, struct err *err);
/* The same without a page's end, as a file; `cursor` and `limit` do not count. ERR_TOO_LARGE: more
 * than REPAIR_EXPORT_MAX fit. */
enum { REPAIR_EXPORT_MAX = 50000 };
MUST_USE int repair_export(struct recon *recon, const struct repair_filter *filter,
                           enum sheet_format format, struct buf *buf, struct err *err);
MUST_USE int repair_get(struct recon *recon, const char *id, struct answer *ret_answer,
                        struct err *err);
/* What a repair has done is taken back (docs/repair-rules.md), once, and its break is open again.
 * 200 with the repair; 202: it is more than one person may, and waits for another one.
 * ERR_STATE: it was not done, or cannot be taken back, with what is done instead; or its gateway
 * says that it holds the money. ERR_GATEWAY: the gateway has not said. */
MUST_USE int repair_reverse(struct recon *recon, const struct caller *caller, const char *id,
                            const char *reason, struct answer *ret_answer, struct err *err);
/* Another person agrees to it, and the gateway is asked anew; or does not. ERR_STATE: nobody has
 * asked for it. ERR_FORBIDDEN: who asked does not agree. */
MUST_USE int repair_reverse_decide(struct recon *recon, const struct caller *caller, const char *id,
                                   bool approve, const char *reason, struct answer *ret_answer,
                                   struct err *err);

#endif
