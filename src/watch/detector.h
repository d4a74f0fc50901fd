/* SPDX-License-Identifier: Apache-2.0
 * detector.h: notices that payments fail, are slow, or do not come; says since when and for whom.
 *
 * It is given each payment's end as it happens (detector_take) and the time when nothing happens
 * (detector_tick). Every event belongs to a dozen *slices*: all of them, those of its gateway, of
 * its method, of its method in its region, and so on. Each slice has tests of its own
 * (detector_tests.def), whose limits follow from how much comes and from one budget of false
 * alarms for all slices together. A test that has reached its limit asks for the *scope*: of all
 * slices the one whose failures since the first symptom are likeliest to be that slice's own
 * trouble, so that a broken method in one country is not told as "payments fail". From then on
 * events in the scope belong to the finding: they no longer count for other slices, which watch
 * the rest of the world and may find something else there. A finding ends when Wald's test on
 * payments of its scope says that they are as well as before.
 *
 *   quiet ──(a test at its limit)──> open ──(SPRT: well)──> closed
 *                                     │ ▲
 *                                     └─┘ the scope grows when the rest fails, too
 *
 * What is usual is learnt: how often payments of a slice fail (only from times that turned out to
 * be well), how long they take, how many come at this hour of the week (season.h).
 * A customer who fails again within CUSTOMER_S counts once: one person who tries ten times is one
 * piece of evidence.
 *
 * Threads: none of its own; one at a time. Time: that of the events; it may not go back more than
 * a little (an event older than the last by more than a minute is counted as coming now).
 * Owns: all it knows. Cannot fail: past its limits it watches less, and counts what it left out.
 * Limits: those below. Some 40 MB with all slices in use (season.h), 1 MB with few. */
#ifndef HOLDFAST_WATCH_DETECTOR_H
#define HOLDFAST_WATCH_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DETECTOR_SLICES_MAX = 10000,
    DETECTOR_VALUES_MAX = 2000, /* of one dimension; the rest is "other" */
    DETECTOR_VALUE_CHARS_MAX = 40,
    DETECTOR_FINDINGS_MAX = 32, /* open at once */
    DETECTOR_RECENT_MAX = 8192, /* events that a scope is found among */
    DETECTOR_CUSTOMER_S = 600,
    DETECTOR_MONEY_MAX = 6, /* currencies of one finding; more are left out of its money */
};

/* In the order in which a scope is told. */
enum detector_dimension {
    DIMENSION_GATEWAY,
    DIMENSION_METHOD,
    DIMENSION_REGION,
    DIMENSION_CURRENCY,
    DIMENSION_SEGMENT,
    DIMENSIONS,
};
extern const char *const detector_dimensions[DIMENSIONS]; /* "gateway", … */

enum detector_outcome {
    OUTCOME_OK,
    OUTCOME_DECLINED, /* by its issuer, by a rule: people's and banks' ordinary No */
    OUTCOME_FAILED,   /* technically, or nobody knows */
};

enum detector_test {
#define X(id, name, of, p1_least, p1_more, clumps, text, zh) TEST_##id,
#include "watch/detector_tests.def"
#undef X
    TEST_SILENCE,
    DETECTOR_TESTS,
};
/* "failing", …: words of messages and settings. */
const char *detector_test_name(enum detector_test test);

/* A value's number, for struct detector_event. 0 is "not known", and belongs to no slice. */
typedef uint16_t detector_value;

struct detector_event {
    int64_t at_us;
    int64_t duration_us; /* -1: not known */
    int64_t amount_minor;
    uint64_t customer; /* a hash of who paid; 0: not known */
    detector_value values[DIMENSIONS];
    detector_value code; /* why it failed, by detector_code() */
    uint8_t outcome;     /* enum detector_outcome */
};

/* A slice: the dimensions that it says something of. A value of 0: any. */
struct detector_scope {
    detector_value values[DIMENSIONS];
};

/* What payments that fail are of, in one currency. */
struct detector_money {
    detector_value currency; /* 0: not known */
    int64_t amount_minor;
};

struct detector_finding {
    uint32_t id; /* from 1; never again in this detector's life */
    enum detector_test test;
    struct detector_scope scope;
    int64_t first_symptom_us;
    int64_t found_us;
    int64_t closed_us; /* 0: open */
    /* In the scope, since the first symptom. */
    int64_t events, failed;
    struct detector_money money[DETECTOR_MONEY_MAX]; /* of those that failed */
    int money_count;
    double stake;  /* the same whatever the currencies: in usual payments of each */
    double normal; /* the share that fails when all is well; of TEST_SILENCE: expected a second */
    double likelihood;   /* natural logarithm: how much likelier than chance it was when found */
    detector_value code; /* the commonest among those that failed; 0: none */
    double code_share;   /* of those that failed */
    /* Its share of all in the scope since the first symptom, and before it; -1: too few came before
     * to say. */
    double code_now, code_before;
};

/* What it may be told while it runs. */
struct detector_aim { /* a test looks for the greater of: */
    double share;     /* this share of all */
    double more;      /* this much more than usual */
};
struct detector_tuning {
    double alarms_per_day; /* false ones, of everything that goes by chance; it spends its part
                              of them (budget.h). More than 0 */
    struct detector_aim aims[TEST_SILENCE];
};
/* As in detector_tests.def, and one false alarm in thirty days. */
struct detector_tuning detector_tuning_usual(void);

enum detector_change { FINDING_OPENED, FINDING_GREW, FINDING_CLOSED };
/* Called within detector_take() and detector_tick(); may not call them. */
typedef void detector_tell_fn(void *ctx, enum detector_change change,
                              const struct detector_finding *finding);

struct detector_options {
    double alarms_per_day;   /* as in the tuning; 0: as usual */
    double failing_normally; /* what is taken for usual until it is learnt; 0: 0.05 */
    detector_tell_fn *tell;  /* may be NULL */
    void *ctx;
};

struct detector;
struct detector *detector_new(const struct detector_options *options);
void detector_free(struct detector *detector);
/* From now on; what was learnt, and the evidence so far, stays. Findings that are open go on. */
void detector_tune(struct detector *detector, const struct detector_tuning *tuning);

/* The number of a value; the same for the same text. "" is 0. Longer texts are cut; past
 * DETECTOR_VALUES_MAX it is that of "other". */
detector_value detector_number(struct detector *detector, enum detector_dimension dimension,
                               const char *text);
const char *detector_text(const struct detector *detector, enum detector_dimension dimension,
                          detector_value value);
/* How many values the dimension has: 1 to that. */
int detector_values(const struct detector *detector, enum detector_dimension dimension);
detector_value detector_code(struct detector *detector, const char *code);
const char *detector_code_text(const struct detector *detector, detector_value code);

/* ---- from the past: before the first event, hours since 1970, oldest first ---- */

/* What one hour had of payments with these values. */
struct detector_hour {
    int64_t hour;
    detector_value values[DIMENSIONS];
    int64_t ok, declined, failed;
    int64_t repeated;  /* of declined and failed: by a customer who had failed just before */
    int64_t shared_by; /* so many take part in what comes; this one is to expect its part */
    bool incident;     /* grave trouble was known: it says nothing of what is usual */
};
void detector_learn(struct detector *detector, const struct detector_hour *past);
/* Nobody counted in these hours, the last one not included. */
void detector_learn_nothing(struct detector *detector, int64_t from_hour, int64_t until_hour);
/* That was all; events follow. */
void detector_learnt(struct detector *detector, int64_t now_us);

/* ---- events ---- */

void detector_take(struct detector *detector, const struct detector_event *event);
/* Every second or so: silence is found, and limits follow what comes. */
void detector_tick(struct detector *detector, int64_t now_us);

/* Open ones, in the order in which they were found. Borrowed until the next take or tick. */
int detector_open(struct detector *detector, const struct detector_finding **ret_findings);

/* Of one dimension, a value of the same kind as the scope's that is proved to be well (or not, or
 * too little is known) since the finding's first symptom. */
enum detector_proof { PROOF_NONE, PROOF_WELL, PROOF_FAILING };
enum detector_proof detector_beside(const struct detector *detector,
                                    const struct detector_finding *finding,
                                    enum detector_dimension dimension, detector_value value);

struct detector_figures {
    int64_t events;
    int64_t repeated; /* left out, since the same customer had failed just before */
    int64_t late;     /* older than what came before */
    int slices;
    int64_t slices_left; /* events that had a slice that nobody watches: DETECTOR_SLICES_MAX */
};
struct detector_figures detector_figures(const struct detector *detector);

#endif
