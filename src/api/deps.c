/* SPDX-License-Identifier: Apache-2.0
 * deps.c: from what is known of an edge to how it is: one ladder a kind, the worst first. */
#include "api/deps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/member.h"
#include "base/clock.h"

enum direction { NEEDS, SERVES };
static const struct {
    const char *name;
    enum direction direction;
    const char *next, *without;
} kinds[] = {
#define X(id, name, direction, next, without) {name, direction, next, without},
#include "api/deps_kinds.def"
#undef X
};
static_assert(COUNT_OF(kinds) == DEP_KIND_COUNT, "every kind has its row");

const char *dep_kind_name(enum dep_kind kind) {
    return (size_t)kind < COUNT_OF(kinds) ? kinds[kind].name : "?";
}

const char *dep_kind_next(enum dep_kind kind) {
    return (size_t)kind < COUNT_OF(kinds) ? kinds[kind].next : "";
}

const char *dep_state_name(enum dep_state state) {
    static const char *const names[] = {"ok", "unknown", "degraded", "down"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "?";
}

void dep_init(struct dep *dep, enum dep_kind kind, const char *name) {
    *dep = (struct dep){.kind = kind, .latency_us = -1, .p95_us = -1, .p99_us = -1};
    snprintf(dep->name, sizeof dep->name, "%s", name);
    snprintf(dep->without, sizeof dep->without, "%s", kinds[kind].without);
}

PRINTF_LIKE(3, 4)
static void judge(struct dep *dep, enum dep_state state, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(dep->why, sizeof dep->why, format, args);
    va_end(args);
    dep->state = state;
}

/* ---- what we need ---- */

void dep_judge_database(struct dep *dep, const struct database_facts *facts) {
    if (!facts->answers) {
        judge(dep, DEP_DOWN, "It does not answer.");
        return;
    }
    dep->latency_us = facts->ping_us;
    if (facts->sync_wanted && facts->replicas == 0) {
        judge(dep, DEP_DEGRADED, "Commits wait for a standby, and none is connected.");
    } else if (facts->waiting > 0 && facts->busy >= facts->max) {
        judge(dep, DEP_DEGRADED, "All %d connections are busy and %d calls wait for one.",
              facts->max, facts->waiting);
    } else if (facts->ping_us > DEP_PING_SLOW_US) {
        judge(dep, DEP_DEGRADED, "It answers slowly.");
    } else if (facts->replicas >= 0) {
        judge(dep, DEP_OK, "The primary answers; %d %s connected to it%s.", facts->replicas,
              facts->replicas == 1 ? "replica is" : "replicas are",
              facts->sync_wanted ? ", and commits wait for one" : "");
    }
}

void dep_judge_disk(struct dep *dep, int64_t free_bytes, int64_t total_bytes) {
    long long free_mib = (long long)(free_bytes / (1024 * 1024));
    if (free_bytes < DEP_DISK_BYTES_MIN) {
        judge(dep, DEP_DOWN, "Only %lld MiB are free.", free_mib);
    } else if (free_bytes / DEP_DISK_PERCENT_LOW < total_bytes / 100) {
        judge(dep, DEP_DEGRADED, "Less than %d %% are free: %lld MiB.", DEP_DISK_PERCENT_LOW,
              free_mib);
    } else {
        judge(dep, DEP_OK, "%lld MiB are free.", free_mib);
    }
}

void dep_judge_clock(struct dep *dep, int64_t ahead_us) {
    int64_t far = ahead_us < 0 ? -ahead_us : ahead_us;
    const char *way = ahead_us < 0 ? "behind" : "ahead of";
    if (far <= DEP_SKEW_SOME_US) {
        return;
    }
    judge(dep, far > DEP_SKEW_MUCH_US ? DEP_DOWN : DEP_DEGRADED,
          "This machine's clock is %lld s %s the database's.", (long long)(far / US_PER_SECOND),
          way);
}

void dep_judge_secrets(struct dep *dep, const char *unreadable) {
    if (unreadable != NULL) {
        judge(dep, DEP_DEGRADED, "%s was read at the start and cannot be read any more.",
              unreadable);
    }
}

void dep_judge_certificate(struct dep *dep, int64_t not_after_us, int64_t now_us) {
    char text[CLOCK_TEXT_MAX];
    const char *when = clock_format(not_after_us, text);
    if (not_after_us <= now_us) {
        judge(dep, DEP_DOWN, "It expired at %s.", when);
    } else {
        judge(dep, not_after_us - now_us < DEP_EXPIRY_SOON_US ? DEP_DEGRADED : DEP_OK,
              "It expires at %s.", when);
    }
}

/* ---- gateways ---- */

/* "Without it card goes to stripe-b, and nobody takes paypal; …". */
static void say_without(struct dep *dep, const struct gateway_facts *facts) {
    char text[DEP_WITHOUT_CHARS_MAX + 1] = "";
    size_t used = 0;
    for (int m = METHOD_CARD; m < METHOD_COUNT && used < sizeof text; m++) {
        if (!facts->methods[m]) {
            continue;
        }
        const char *comma = used > 0 ? ", " : "";
        const char *method = method_name((enum payment_method)m);
        const char *other = facts->instead[m];
        int more = other != NULL ? snprintf(text + used, sizeof text - used, "%s%s goes to %s",
                                            comma, method, other)
                                 : snprintf(text + used, sizeof text - used,
                                            "%sno new payment by %s", comma, method);
        used += (size_t)more;
    }
    snprintf(dep->without, sizeof dep->without,
             "%.230s; captures, refunds and answers about payments made there wait until it is "
             "back.",
             text);
    if (dep->without[0] == 'n') {
        dep->without[0] = 'N';
    }
}

/* The figures to show: the busiest method's charges, or the probe's when nobody paid. */
static const struct health_figures *busiest(const struct gateway_facts *facts) {
    const struct health_figures *best = &facts->probe;
    bool paid = false;
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (facts->methods[m] && facts->charge[m].timed > (paid ? best->timed : 0)) {
            best = &facts->charge[m];
            paid = true;
        }
    }
    return best;
}

struct breakers {
    int methods, open, half_open;
    const struct health_figures *worst; /* the first that is not closed; NULL: none */
    enum payment_method worst_method;
};

static struct breakers look_at_charges(const struct gateway_facts *facts) {
    struct breakers seen = {0};
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (!facts->methods[m]) {
            continue;
        }
        const struct health_figures *figures = &facts->charge[m];
        seen.methods++;
        seen.open += figures->state == BREAKER_OPEN;
        seen.half_open += figures->state == BREAKER_HALF_OPEN;
        if (figures->state != BREAKER_CLOSED &&
            (seen.worst == NULL || figures->state > seen.worst->state)) {
            seen.worst = figures;
            seen.worst_method = (enum payment_method)m;
        }
    }
    return seen;
}

void dep_judge_gateway(struct dep *dep, const struct gateway_facts *facts) {
    const struct health_figures *shown = busiest(facts);
    struct breakers charges = look_at_charges(facts);
    say_without(dep, facts);
    dep->latency_us = shown->p50_us;
    dep->p95_us = shown->p95_us;
    dep->p99_us = shown->p99_us;
    dep->last_us = facts->last_us;
    dep->since_us = shown->since_us;
    bool idle = shown == &facts->probe;
    if (facts->state == GATEWAY_DISABLED) {
        judge(dep, DEP_UNKNOWN, "Disabled by hand: %.150s", facts->reason);
    } else if (charges.methods > 0 && charges.open == charges.methods) {
        dep->since_us = charges.worst->since_us;
        judge(dep, DEP_DOWN, "Charges are not sent: %.150s", charges.worst->why);
    } else if (charges.worst != NULL) {
        dep->since_us = charges.worst->since_us;
        judge(dep, DEP_DEGRADED, "Its breaker for %s is %s: %.120s",
              method_name(charges.worst_method), breaker_state_name(charges.worst->state),
              charges.worst->why);
    } else if (idle && facts->probe.state == BREAKER_OPEN) {
        /* Its charges are let through: what is not known to fail is not down. */
        dep->since_us = facts->probe.since_us;
        judge(dep, DEP_DEGRADED, "Nobody pays there now, and its probes fail: %.120s",
              facts->probe.why);
    } else if (facts->other != BREAKER_CLOSED) {
        judge(dep, DEP_DEGRADED, "Its breaker for \"%s\" is %s: %.120s",
              operation_name(facts->other_operation), breaker_state_name(facts->other),
              facts->other_why);
    } else if (facts->probe.state != BREAKER_CLOSED) {
        dep->since_us = facts->probe.since_us;
        judge(dep, DEP_DEGRADED, "Its probes fail: %.150s", facts->probe.why);
    } else if (shown->calls >= DEP_CALLS_MIN &&
               shown->faults * 100 >= DEP_FAULT_PERCENT * shown->calls) {
        dep->since_us = shown->first_fault_us;
        judge(dep, DEP_DEGRADED, "%lld of %lld calls failed in %d s.", (long long)shown->faults,
              (long long)shown->calls, shown->window_s);
    } else if (facts->state == GATEWAY_DRAINING) {
        judge(dep, DEP_DEGRADED, "Draining by hand: %.150s", facts->reason);
    } else if (shown->timed == 0) {
        judge(dep, DEP_UNKNOWN, "It has not been called in the last %d minutes.",
              GATEWAY_LATENCY_WINDOW_S / 60);
    }
}

/* ---- the fraud scorer ---- */

void dep_judge_scorer(struct dep *dep, const struct scorer_facts *facts) {
    const char *what = strcmp(facts->fail, "closed") == 0   ? "Every payment is denied."
                       : strcmp(facts->fail, "review") == 0 ? "Payments are judged by the rules "
                                                              "alone, and marked for review."
                                                            : "Payments are judged by the rules "
                                                              "alone, as if its score were 0.";
    snprintf(dep->without, sizeof dep->without, "%s", what);
    if (facts->off) {
        judge(dep, DEP_UNKNOWN, "Fraud checks are switched off: it is not asked.");
    } else if (facts->rests) {
        judge(dep, DEP_DOWN, "Its breaker is open: the last %d questions were not answered well.",
              facts->failures);
    } else if (facts->failures > 0) {
        judge(dep, DEP_DEGRADED, "The last %d %s not answered well.", facts->failures,
              facts->failures == 1 ? "question was" : "questions were");
    } else if (facts->asked == 0) {
        judge(dep, DEP_UNKNOWN, "It has not been asked in the last 5 minutes.");
    }
}

/* ---- who needs us ---- */

void dep_judge_callers(struct dep *dep, const struct callers_facts *facts) {
    if (facts->draining) {
        judge(dep, DEP_DEGRADED, "This instance is ending: new requests go to the others.");
    } else if (facts->failures > 0 &&
               facts->failures * 100 >= DEP_FAULT_PERCENT * facts->requests) {
        judge(dep, DEP_DEGRADED, "%lld of %lld requests were answered with 5xx in the last minute.",
              (long long)facts->failures, (long long)facts->requests);
    } else if (facts->requests == 0) {
        judge(dep, DEP_UNKNOWN, "Nobody has asked in the last minute.");
    } else {
        judge(dep, DEP_OK, "%lld requests in the last minute.", (long long)facts->requests);
    }
}

void dep_judge_callbacks(struct dep *dep, const struct callbacks_facts *facts) {
    dep->last_us = facts->last_us;
    if (facts->missing > 0) {
        judge(dep, DEP_DEGRADED, "%lld callbacks did not come in time in the last five minutes.",
              (long long)facts->missing);
    } else if (facts->refused > 0) {
        judge(dep, DEP_DEGRADED,
              "%lld were refused as not genuine in the last five minutes; callback.refused in the "
              "log says why, and from where they came.",
              (long long)facts->refused);
    } else if (facts->failed > 0) {
        judge(dep, DEP_DEGRADED, "%lld could not be processed in the last five minutes.",
              (long long)facts->failed);
    } else if (facts->last_us == 0) {
        judge(dep, DEP_UNKNOWN, "None is among the newest callbacks.");
    }
}

void dep_judge_webhook(struct dep *dep, const struct webhook_facts *facts) {
    dep->since_us = facts->failing_since_us;
    if (!facts->enabled) {
        judge(dep, DEP_UNKNOWN, "Switched off, by hand or because it answered 410 Gone.");
        return;
    }
    if (facts->failing == 0) {
        if (facts->waiting > 0) {
            judge(dep, DEP_OK, "%lld deliveries are under way.", (long long)facts->waiting);
        }
        return;
    }
    bool late = facts->now_us - facts->failing_since_us > DEP_WEBHOOK_LATE_US;
    judge(dep, late ? DEP_DOWN : DEP_DEGRADED, "%lld deliveries failed and are tried again.",
          (long long)facts->failing);
}

/* ---- writing ---- */

void dep_write(const struct dep *dep, struct buf *buf) {
    buf_add_text(buf, "{\"name\":");
    buf_add_json(buf, dep->name);
    buf_addf(buf, ",\"kind\":\"%s\",\"direction\":\"%s\",\"state\":\"%s\"",
             dep_kind_name(dep->kind), kinds[dep->kind].direction == NEEDS ? "needs" : "serves",
             dep_state_name(dep->state));
    member_ms(buf, "latency_ms", dep->latency_us);
    member_ms(buf, "p95_ms", dep->p95_us);
    member_ms(buf, "p99_ms", dep->p99_us);
    member_time(buf, "since", dep->since_us);
    member_time(buf, "last_at", dep->last_us);
    buf_add_text(buf, ",\"why\":");
    buf_add_json(buf, dep->why);
    buf_add_text(buf, ",\"without\":");
    buf_add_json(buf, dep->without);
    buf_add_char(buf, '}');
}
