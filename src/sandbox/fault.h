/* SPDX-License-Identifier: Apache-2.0
 * fault.h: what shall go wrong, and whether it does with this call.
 *
 * As text: "GATEWAY:KIND[:name=value,…]", as in
 *   stripe:down
 *   paypal:decline:probability=0.1,code=INSTRUMENT_DECLINED
 *   stripe:slow:operation=charge,median_ms=300,p99_ms=4000
 *   stripe:timeout_after:operation=charge|refund,probability=0.2,for_s=20
 * As JSON: {"kind":"slow","operation":["charge"],"median_ms":300}, with the same names. The kinds
 * are in fault_kinds.def. Every kind takes probability (1), operation (all), on_s and off_s (in
 * turn), for_s (ends by itself) and count (so many times).
 * All chance comes from one seed a gateway: the same calls in the same order meet the same faults.
 * Those of statements are about rows, not calls: which rows they strike follows from the seed and
 * the row's own id, so that the same file asked for twice is the same bytes. `count` is of the rows
 * of one day then (the first ones), `operation` says which rows (charge, refund, other: disputes),
 * totals=kept leaves the file's totals and balances as they would be without the fault.
 * They are not counted (hits); the control port tells what they struck.
 * Threads: any (one lock a gateway, not taken while there is neither fault nor latency).
 * Limits:  SB_FAULTS_MAX faults a gateway. Errors: ERR_VALIDATION. */
#ifndef HOLDFAST_SANDBOX_FAULT_H
#define HOLDFAST_SANDBOX_FAULT_H

#include <jansson.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/random.h"
#include "base/task.h"
#include "net/http.h"
#include "sandbox/book.h"

enum sb_operation {
#define X(name, text) SB_OP_##name,
#include "sandbox/operations.def"
#undef X
    SB_OPS
};

enum sb_fault_kind {
#define X(name, text, group, help) SB_FAULT_##name,
#include "sandbox/fault_kinds.def"
#undef X
    SB_FAULT_KINDS
};

enum { SB_FAULTS_MAX = 32, SB_FAULT_CODE_MAX = 63 };

struct sb_fault {
    enum sb_fault_kind kind;
    unsigned operations; /* bits */
    double probability;
    int status;
    char code[SB_FAULT_CODE_MAX + 1];
    int64_t fixed_us, median_us, p99_us;
    int64_t bytes, copies, amount_minor;
    int64_t later_us; /* seconds */
    int64_t on_us, off_us, for_us;
    int64_t count; /* -1: no end */
    bool executed, totals_kept;
    int64_t began_us; /* monotonic */
    int64_t hits;
};

/* What happens to one request. */
struct sb_verdict {
    bool hit; /* something does */
    bool silent_before, silent_after;
    int status;          /* answer this without doing anything; 0: do it */
    int status_after;    /* do it, then answer this; 0: the truth */
    const char *code;    /* of the status */
    const char *decline; /* NULL: no */
    bool double_charge, wrong_signature;
    int64_t delay_us; /* of the answer */
    int32_t cut_after_bytes;
    char text[2 * (SB_FAULT_CODE_MAX + 1)]; /* holds both codes */
};

/* What happens to one callback. */
struct sb_callback_verdict {
    bool lost, forged, truncated;
    int64_t stale_us; /* age of the stale one; 0: none */
    int64_t copies;   /* besides the first */
    int64_t delay_us, amount_minor;
};

struct sb_faults {
    struct {
        struct lock lock;
        atomic_bool live; /* there is something to look at */
        struct prng prng;
        int64_t latency_us; /* median of the usual delay */
        struct sb_fault faults[SB_FAULTS_MAX];
        int count;
    } of[SB_GATEWAYS];
};

void sb_faults_init(struct sb_faults *faults, uint64_t seed, const int64_t latency_ms[SB_GATEWAYS]);
void sb_faults_release(struct sb_faults *faults);
void sb_faults_seed(struct sb_faults *faults, uint64_t seed);

/* Of statements: whether it strikes the bank's, and not the gateway's own (operation=payout). */
static inline bool sb_fault_of_bank(const struct sb_fault *fault) {
    return fault->operations == 1U << SB_OP_PAYOUT;
}
MUST_USE int sb_fault_read_spec(const char *spec, enum sb_gateway *ret_gateway,
                                struct sb_fault *ret_fault, struct err *err);
MUST_USE int sb_fault_read_json(const json_t *json, struct sb_fault *ret_fault, struct err *err);
/* ERR_VALIDATION: that gateway has nothing that this could happen to. */
MUST_USE int sb_fault_fits(const struct sb_fault *fault, enum sb_gateway gateway, struct err *err);
/* {"kind":…,…,"hits":n} */
void sb_fault_write(const struct sb_fault *fault, struct buf *out);
/* `[…]` of a gateway's faults. */
void sb_faults_write(struct sb_faults *faults, enum sb_gateway gateway, struct buf *out);

MUST_USE int sb_faults_add(struct sb_faults *faults, enum sb_gateway gateway,
                           const struct sb_fault *fault, struct err *err);
/* In place of those there are. */
MUST_USE int sb_faults_set(struct sb_faults *faults, enum sb_gateway gateway,
                           const struct sb_fault *list, int count, struct err *err);
MUST_USE int sb_faults_latency(struct sb_faults *faults, enum sb_gateway gateway, int64_t median_ms,
                               struct err *err);

int64_t sb_faults_latency_ms(struct sb_faults *faults, enum sb_gateway gateway);

void sb_faults_decide(struct sb_faults *faults, enum sb_gateway gateway,
                      enum sb_operation operation, struct sb_verdict *ret_verdict);
void sb_faults_callback(struct sb_faults *faults, enum sb_gateway gateway,
                        struct sb_callback_verdict *ret_verdict);
/* The faults of statements that hold now; returns how many. */
int sb_faults_statement(struct sb_faults *faults, enum sb_gateway gateway,
                        struct sb_fault ret_list[SB_FAULTS_MAX]);
/* Whether connections are to be refused now; *ret_changing: this may change with time alone. */
bool sb_faults_refuse(struct sb_faults *faults, enum sb_gateway gateway, bool *ret_changing);
/* What the verdict does to an answer that is written. */
void sb_verdict_apply(const struct sb_verdict *verdict, struct http_reply *reply);

#endif
