/* SPDX-License-Identifier: Apache-2.0
 * deps.h: the dependency map (OPS-7): each edge, how it is, and what stops working without it.
 * Facts go in, an edge comes out: nothing here asks the database, a gateway or a file, so that
 * every judgement is a row of a test. handlers_deps.c gathers the facts.
 *
 * ok        works
 * degraded  works, but not as it should, or will not for long
 * down      does not work: what `without` says has happened
 * unknown   nobody has tried lately, or it was switched off by hand: no judgement
 * Threads: any. Owns nothing; texts of facts are borrowed for the call. Cannot fail. */
#ifndef HOLDFAST_API_DEPS_H
#define HOLDFAST_API_DEPS_H

#include "base/buf.h"
#include "gateway/control.h"
#include "gateway/health.h"

enum dep_kind {
#define X(id, name, direction, next, without) DEP_##id,
#include "api/deps_kinds.def"
#undef X
    DEP_KIND_COUNT
};
const char *dep_kind_name(enum dep_kind kind);
/* The command that tells more; when it ends in a space, the edge's name belongs behind it. */
const char *dep_kind_next(enum dep_kind kind);

enum dep_state { DEP_OK, DEP_UNKNOWN, DEP_DEGRADED, DEP_DOWN }; /* worse is larger */
const char *dep_state_name(enum dep_state state);

enum { DEP_NAME_CHARS_MAX = 127, DEP_WHY_CHARS_MAX = 199, DEP_WITHOUT_CHARS_MAX = 399 };

struct dep {
    enum dep_kind kind;
    enum dep_state state;
    char name[DEP_NAME_CHARS_MAX + 1];
    char why[DEP_WHY_CHARS_MAX + 1];         /* a plain sentence; "" when there is none */
    char without[DEP_WITHOUT_CHARS_MAX + 1]; /* what stops working without it */
    int64_t latency_us, p95_us, p99_us;      /* -1: not known */
    int64_t since_us;                        /* wall, of this state; 0: not known */
    int64_t last_us;                         /* wall, when it last did well; 0: not known */
};
/* What the edge DEP_CALLBACKS of a gateway is called: this, and the gateway's name. */
#define DEP_CALLBACKS_OF "callbacks of "
/* State ok, the kind's sentence, nothing known. */
void dep_init(struct dep *dep, enum dep_kind kind, const char *name);

/* The limits of the judgements. */
#define DEP_PING_SLOW_US (250 * US_PER_MS)
#define DEP_SKEW_SOME_US (2 * US_PER_SECOND)
#define DEP_SKEW_MUCH_US (120 * US_PER_SECOND) /* half of what signatures' times allow for */
#define DEP_EXPIRY_SOON_US (21 * 24 * 3600 * US_PER_SECOND)
#define DEP_WEBHOOK_LATE_US (15 * 60 * US_PER_SECOND)
enum {
    DEP_DISK_PERCENT_LOW = 10,
    DEP_DISK_BYTES_MIN = 64 * 1024 * 1024,
    DEP_FAULT_PERCENT = 10,
    DEP_CALLS_MIN = 10,
};

struct database_facts {
    bool answers;
    int64_t ping_us;
    int waiting, busy, max;
    bool sync_wanted; /* commits wait for a standby */
    int replicas;     /* connected to the primary; -1: not known */
};
void dep_judge_database(struct dep *dep, const struct database_facts *facts);
void dep_judge_disk(struct dep *dep, int64_t free_bytes, int64_t total_bytes);
/* How far our clock is ahead of the database's. */
void dep_judge_clock(struct dep *dep, int64_t ahead_us);
/* `unreadable`: the first that cannot be read again, or NULL. */
void dep_judge_secrets(struct dep *dep, const char *unreadable);
void dep_judge_certificate(struct dep *dep, int64_t not_after_us, int64_t now_us);

struct gateway_facts {
    enum gateway_switch state;
    const char *reason; /* of the switch */
    bool methods[METHOD_COUNT];
    /* Charges, by method; only those with methods[m] are looked at. */
    struct health_figures charge[METHOD_COUNT];
    /* Everything else it is asked: the worst breaker and whose it is. */
    enum breaker_state other;
    enum gateway_operation other_operation;
    const char *other_why;
    struct health_figures probe;
    int64_t last_us;
    const char *instead[METHOD_COUNT]; /* who would take this method now; NULL: nobody */
};
void dep_judge_gateway(struct dep *dep, const struct gateway_facts *facts);

struct scorer_facts {
    const char *fail; /* as configured: "open", "review" or "closed" */
    bool off;         /* fraud checks are switched off */
    bool rests;       /* its breaker is open */
    int failures;     /* in a row */
    int64_t asked;    /* in the last five minutes */
};
void dep_judge_scorer(struct dep *dep, const struct scorer_facts *facts);

struct callers_facts {
    bool draining;
    int64_t requests, failures; /* of the last minute; failures: answered with 5xx */
};
void dep_judge_callers(struct dep *dep, const struct callers_facts *facts);

struct callbacks_facts {
    int64_t last_us;                  /* wall; 0: none among the newest */
    int64_t refused, failed, missing; /* of the last five minutes */
};
void dep_judge_callbacks(struct dep *dep, const struct callbacks_facts *facts);

struct webhook_facts {
    bool enabled;
    int64_t waiting, failing; /* failing: tried already, and to be tried again */
    int64_t failing_since_us; /* wall; 0: none fails */
    int64_t now_us;
};
void dep_judge_webhook(struct dep *dep, const struct webhook_facts *facts);

/* One edge as a JSON object. */
void dep_write(const struct dep *dep, struct buf *buf);

#endif
