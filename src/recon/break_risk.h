/* SPDX-License-Identifier: Apache-2.0
 * break_risk.h: how grave a break is: its class, raised by the money at stake, its age and how many
 * are like it (break_risks.def; docs/reconciliation.md says it for people).
 *
 * It is found anew by each run of the gateway and once a day, and a change is a line of the break's
 * history. Closed breaks keep theirs. Threads: any. Owns: nothing; the policy is borrowed. */
#ifndef HOLDFAST_RECON_BREAK_RISK_H
#define HOLDFAST_RECON_BREAK_RISK_H

#include "base/calendar.h"
#include "recon/breaks.h"

enum { RISK_AMOUNTS_MAX = 64, RISK_COUNTED_MAX = 100, RISK_WHY_CHARS_MAX = 160 };

/* From which amount at stake on it is one step more, and two; minor units. */
struct break_risk_amount {
    struct currency currency;
    int64_t first_minor, second_minor;
};
struct break_risk_policy {
    const struct break_risk_amount *amounts; /* other currencies go by break_risks.def */
    int amount_count;                        /* at most RISK_AMOUNTS_MAX */
};

struct break_risk_facts {
    enum match_class class;
    struct currency currency;
    int64_t stake_minor;
    int64_t opened_us, now_us;
    int64_t alike; /* with itself; counting may stop at RISK_COUNTED_MAX */
};
/* `zone`: of the gateway's days. `policy` may be NULL. `ret_why`: "medium by its class, amount +1"
 */
enum match_risk break_risk(const struct break_risk_policy *policy, const struct time_zone *zone,
                           const struct break_risk_facts *facts, char ret_why[RISK_WHY_CHARS_MAX]);

/* All live breaks of a gateway, piece by piece. `actor`: for their history. */
MUST_USE int break_risks_renew(struct store *store, const char *gateway,
                               const struct break_risk_policy *policy, const struct time_zone *zone,
                               const char *actor, int64_t now_us, struct err *err);

#endif
