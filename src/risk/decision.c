/* SPDX-License-Identifier: Apache-2.0
 * decision.c: a decision as JSON and as figures. */
#include "base/clock.h"
#include "meter/meter.h"
#include "risk/risk.h"

static void hit_json(struct buf *buf, const struct risk_hit *hit) {
    buf_addf(buf, "{\"rule\":\"%s\",\"action\":\"%s\",\"score\":%lld,\"why\":", hit->rule,
             hit->action == RISK_ALLOW ? "none" : risk_action_name(hit->action),
             (long long)hit->score);
    buf_add_json(buf, hit->why);
    buf_add_char(buf, '}');
}

static void scorer_part(struct buf *buf, const struct risk_decision *decision) {
    const struct risk_scored *scored = &decision->scored;
    if (scored->answer == RISK_NOT_ASKED) {
        buf_add_text(buf, "null");
        return;
    }
    buf_addf(buf, "{\"answer\":\"%s\",\"score\":", risk_answer_name(scored->answer));
    if (scored->answer == RISK_SCORED) {
        buf_add_int(buf, scored->score);
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, ",\"reasons\":[");
    for (int i = 0; i < scored->reason_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, scored->reasons[i]);
    }
    buf_addf(buf, "],\"policy\":\"%s\",\"policy_applied\":%s,\"duration_us\":%lld}",
             risk_policy_name(decision->policy), scored->answer == RISK_SCORED ? "false" : "true",
             (long long)scored->duration_us);
}

void risk_decision_json(const struct risk_decision *decision, struct buf *buf) {
    char at[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"action\":\"%s\",\"score\":%lld,\"skipped\":%s,\"hits\":[",
             risk_action_name(decision->action), (long long)decision->score,
             decision->skipped ? "true" : "false");
    for (int i = 0; i < decision->hit_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        hit_json(buf, &decision->hits[i]);
    }
    buf_addf(buf, "],\"more_hits\":%d,\"scorer\":", decision->more_hits);
    scorer_part(buf, decision);
    buf_addf(buf, ",\"duration_us\":%lld,\"at\":\"%s\"}", (long long)decision->duration_us,
             clock_format(decision->at_us, at));
}

void risk_meter(const struct risk_decision *decision) {
    const char *action = decision->skipped ? "skipped" : risk_action_name(decision->action);
    meter_count(METER_RISK_DECISIONS, action);
    meter_time(METER_FRAUD_SECONDS, decision->duration_us, action);
    for (int i = 0; i < decision->hit_count; i++) {
        meter_count(METER_RISK_HITS, decision->hits[i].rule);
    }
}
