/* SPDX-License-Identifier: Apache-2.0
 * detector_stake.c: what is at stake in a finding, and what those that fail say. */
#include <math.h>

#include "watch/detector_impl.h"

/* A code's share is known from so many payments on; so many codes are told apart, and a payment's
 * usual amount is that of so many. */
enum { CODE_KNOWN_MIN = 20, CODES_TOLD_APART = 32, MONEY_PAYMENTS = 1000 };

/* ---- money ---- */

/* A mean that follows, of the last thousand or so. */
void learn_money(struct detector *detector, const struct detector_event *event) {
    struct usual_money *usual = &detector->usual_money[event->values[DIMENSION_CURRENCY]];
    if (event->amount_minor > 0) {
        usual->payments = fmin(usual->payments + 1, MONEY_PAYMENTS);
        usual->minor += ((double)event->amount_minor - usual->minor) / usual->payments;
    }
}

double stake_of(const struct detector *detector, const struct detector_event *event) {
    const struct usual_money *usual = &detector->usual_money[event->values[DIMENSION_CURRENCY]];
    return event->amount_minor > 0 && usual->minor > 0
               ? (double)event->amount_minor / usual->minor
               : 0;
}

void add_money(const struct detector *detector, struct detector_finding *finding,
               const struct detector_event *event) {
    detector_value currency = event->values[DIMENSION_CURRENCY];
    finding->stake += stake_of(detector, event);
    for (int i = 0; i < DETECTOR_MONEY_MAX && event->amount_minor > 0; i++) {
        struct detector_money *money = &finding->money[i];
        if (i == finding->money_count) {
            *money = (struct detector_money){.currency = currency};
            finding->money_count++;
        }
        if (money->currency == currency) {
            money->amount_minor += event->amount_minor;
            return;
        }
    }
}

/* ---- codes ---- */

/* How often a code was said in the scope, before the first symptom and since. */
struct said_code {
    detector_value code;
    unsigned before, since;
};
struct said_codes {
    struct said_code codes[CODES_TOLD_APART];
    int count;
    unsigned before, since; /* events, whatever became of them */
    unsigned failed;        /* since, with a code */
};

static void count_code(struct said_codes *said, detector_value code, bool since) {
    for (int i = 0; code != 0 && i < CODES_TOLD_APART; i++) {
        struct said_code *one = &said->codes[i];
        if (i == said->count) {
            *one = (struct said_code){.code = code};
            said->count++;
        }
        if (one->code == code) {
            one->before += !since;
            one->since += since;
            return;
        }
    }
}

static double risen(const struct said_codes *said, const struct said_code *code) {
    double before = said->before >= CODE_KNOWN_MIN ? (double)code->before / said->before : 0;
    return said->since > 0 ? (double)code->since / said->since - before : 0;
}

/* Of those that failed in the scope, the code whose share of all has risen most. */
void name_code(const struct detector *detector, struct detector_finding *finding, enum sign sign) {
    struct said_codes said = {.count = 0};
    uint64_t kept = MIN(detector->taken_count, DETECTOR_RECENT_MAX);
    const struct said_code *most = NULL;
    for (uint64_t i = 0; i < kept; i++) {
        const struct recent *recent = &detector->recent[i];
        if (!scope_holds(&finding->scope, &recent->event)) {
            continue;
        }
        bool since = recent->event.at_us >= finding->first_symptom_us;
        bool shows = (recent->signs >> sign) & 1;
        said.before += !since;
        said.since += since;
        said.failed += since && shows && recent->event.code != 0;
        count_code(&said, shows ? recent->event.code : 0, since);
    }
    for (int i = 0; i < said.count; i++) {
        const struct said_code *code = &said.codes[i];
        double more = most != NULL ? risen(&said, code) - risen(&said, most) : 1;
        bool first = more > 0 || (more == 0 && code->code < most->code);
        most = code->since > 0 && (most == NULL || first) ? code : most;
    }
    finding->code = most != NULL ? most->code : 0;
    finding->code_share = most != NULL ? (double)most->since / said.failed : 0;
    finding->code_now = most != NULL ? (double)most->since / said.since : 0;
    finding->code_before = most != NULL && said.before >= CODE_KNOWN_MIN
                               ? (double)most->before / said.before
                               : -1;
}
