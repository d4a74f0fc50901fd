/* SPDX-License-Identifier: Apache-2.0
 * fault.c: whether a fault strikes. */
#include "sandbox/fault.h"

#include <math.h>

#include "base/clock.h"

#define DELAY_US_MAX (600 * US_PER_SECOND)
/* The usual latency's tail: one answer in a hundred takes three times the median or more. */
#define LATENCY_TAIL 3
/* 99 % of a normal distribution lie below mean + 2.326 × deviation. */
#define DEVIATIONS_OF_P99 2.326347874
#define PI 3.14159265358979323846

enum group { LISTENER, REQUEST, CALLBACK, STATEMENT };
static const enum group groups[SB_FAULT_KINDS] = {
#define X(name, text, group, help) group,
#include "sandbox/fault_kinds.def"
#undef X
};

void sb_faults_seed(struct sb_faults *faults, uint64_t seed) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        lock_take(&faults->of[i].lock);
        prng_init(&faults->of[i].prng, seed + (uint64_t)i);
        lock_give(&faults->of[i].lock);
    }
}

void sb_faults_init(struct sb_faults *faults, uint64_t seed,
                    const int64_t latency_ms[SB_GATEWAYS]) {
    *faults = (struct sb_faults){0};
    for (int i = 0; i < SB_GATEWAYS; i++) {
        lock_init(&faults->of[i].lock);
        faults->of[i].latency_us = latency_ms[i] * US_PER_MS;
        atomic_store(&faults->of[i].live, latency_ms[i] > 0);
    }
    sb_faults_seed(faults, seed);
}

void sb_faults_release(struct sb_faults *faults) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        lock_free(&faults->of[i].lock);
    }
}

int sb_faults_set(struct sb_faults *faults, enum sb_gateway gateway, const struct sb_fault *list,
                  int count, struct err *err) {
    if (count > SB_FAULTS_MAX) {
        return err_set(err, ERR_VALIDATION, "a gateway has at most %d faults", SB_FAULTS_MAX);
    }
    lock_take(&faults->of[gateway].lock);
    for (int i = 0; i < count; i++) {
        faults->of[gateway].faults[i] = list[i];
        faults->of[gateway].faults[i].began_us = clock_mono_us();
        faults->of[gateway].faults[i].hits = 0;
    }
    faults->of[gateway].count = count;
    atomic_store(&faults->of[gateway].live, count > 0 || faults->of[gateway].latency_us > 0);
    lock_give(&faults->of[gateway].lock);
    return 0;
}

/* A fault that is over is kept for its hits to be seen, until its place is needed. */
static void drop_over(struct sb_faults *faults, enum sb_gateway gateway) {
    struct sb_fault *list = faults->of[gateway].faults;
    int64_t now_us = clock_mono_us();
    int kept = 0;
    for (int i = 0; i < faults->of[gateway].count; i++) {
        bool late = list[i].for_us > 0 && now_us - list[i].began_us >= list[i].for_us;
        if (!late && list[i].count != 0) {
            list[kept++] = list[i];
        }
    }
    faults->of[gateway].count = kept;
}

int sb_faults_add(struct sb_faults *faults, enum sb_gateway gateway, const struct sb_fault *fault,
                  struct err *err) {
    lock_take(&faults->of[gateway].lock);
    if (faults->of[gateway].count == SB_FAULTS_MAX) {
        drop_over(faults, gateway);
    }
    int count = faults->of[gateway].count;
    if (count < SB_FAULTS_MAX) {
        faults->of[gateway].faults[count] = *fault;
        faults->of[gateway].faults[count].began_us = clock_mono_us();
        faults->of[gateway].count++;
        atomic_store(&faults->of[gateway].live, true);
    }
    lock_give(&faults->of[gateway].lock);
    return count < SB_FAULTS_MAX
               ? 0
               : err_set(err, ERR_VALIDATION, "a gateway has at most %d faults", SB_FAULTS_MAX);
}

int sb_faults_latency(struct sb_faults *faults, enum sb_gateway gateway, int64_t median_ms,
                      struct err *err) {
    if (median_ms < 0 || median_ms > DELAY_US_MAX / US_PER_MS) {
        return err_set(err, ERR_VALIDATION, "the usual latency is 0 to 600,000 ms");
    }
    lock_take(&faults->of[gateway].lock);
    faults->of[gateway].latency_us = median_ms * US_PER_MS;
    atomic_store(&faults->of[gateway].live, median_ms > 0 || faults->of[gateway].count > 0);
    lock_give(&faults->of[gateway].lock);
    return 0;
}

int64_t sb_faults_latency_ms(struct sb_faults *faults, enum sb_gateway gateway) {
    lock_take(&faults->of[gateway].lock);
    int64_t median_ms = faults->of[gateway].latency_us / US_PER_MS;
    lock_give(&faults->of[gateway].lock);
    return median_ms;
}

static bool in_its_time(const struct sb_fault *fault, int64_t now_us) {
    int64_t age_us = now_us - fault->began_us;
    if (fault->for_us > 0 && age_us >= fault->for_us) {
        return false;
    }
    return fault->on_us == 0 || age_us % (fault->on_us + fault->off_us) < fault->on_us;
}

/* Log-normal, as answers of far systems are: never negative, a long tail. */
static int64_t draw_delay(struct prng *prng, int64_t median_us, int64_t p99_us) {
    if (median_us <= 0 || p99_us <= median_us) {
        return median_us;
    }
    double radius = sqrt(-2 * log(1 - prng_unit(prng)));
    double normal = radius * cos(2 * PI * prng_unit(prng));
    double sigma = log((double)p99_us / (double)median_us) / DEVIATIONS_OF_P99;
    double delay_us = (double)median_us * exp(sigma * normal);
    return delay_us < (double)DELAY_US_MAX ? (int64_t)delay_us : DELAY_US_MAX;
}

static void keep_code(const struct sb_fault *fault, char *room, const char **ret_code) {
    memcpy(room, fault->code, sizeof(fault->code));
    *ret_code = room;
}

static void strike(struct sb_fault *fault, struct prng *prng, struct sb_verdict *verdict) {
    switch (fault->kind) {
    case SB_FAULT_DOWN:
    case SB_FAULT_INTERMITTENT:
    case SB_FAULT_ERROR:
        if (fault->executed) {
            verdict->status_after = fault->status;
        } else {
            verdict->status = fault->status;
        }
        keep_code(fault, verdict->text, &verdict->code);
        break;
    case SB_FAULT_RESET:
        verdict->cut_after_bytes = (int32_t)fault->bytes + 1;
        break;
    case SB_FAULT_SLOW:
        verdict->delay_us += fault->fixed_us > 0
                                 ? fault->fixed_us
                                 : draw_delay(prng, fault->median_us, fault->p99_us);
        break;
    case SB_FAULT_TIMEOUT_BEFORE:
        verdict->silent_before = true;
        break;
    case SB_FAULT_TIMEOUT_AFTER:
        verdict->silent_after = true;
        break;
    case SB_FAULT_DECLINE:
        keep_code(fault, verdict->text + sizeof(fault->code), &verdict->decline);
        break;
    case SB_FAULT_DOUBLE_CHARGE:
        verdict->double_charge = true;
        break;
    case SB_FAULT_WRONG_SIGNATURE:
        verdict->wrong_signature = true;
        break;
    default:
        break;
    }
}

/* Whether this fault strikes now, and counts it. The prng is asked only by faults that leave
 * something to chance, so that others do not shift its sequence. */
static bool strikes(struct sb_fault *fault, struct prng *prng, int64_t now_us) {
    if (fault->count == 0 || !in_its_time(fault, now_us) ||
        (fault->probability < 1 && prng_unit(prng) >= fault->probability)) {
        return false;
    }
    fault->hits++;
    fault->count -= fault->count > 0 ? 1 : 0;
    return true;
}

void sb_faults_decide(struct sb_faults *faults, enum sb_gateway gateway,
                      enum sb_operation operation, struct sb_verdict *ret_verdict) {
    ret_verdict->hit = false;
    if (!atomic_load_explicit(&faults->of[gateway].live, memory_order_relaxed)) {
        memset(ret_verdict, 0, offsetof(struct sb_verdict, text));
        return;
    }
    *ret_verdict = (struct sb_verdict){0};
    int64_t now_us = clock_mono_us();
    lock_take(&faults->of[gateway].lock);
    struct prng *prng = &faults->of[gateway].prng;
    if (faults->of[gateway].latency_us > 0) {
        int64_t median_us = faults->of[gateway].latency_us;
        ret_verdict->delay_us = draw_delay(prng, median_us, LATENCY_TAIL * median_us);
    }
    for (int i = 0; i < faults->of[gateway].count; i++) {
        struct sb_fault *fault = &faults->of[gateway].faults[i];
        if (groups[fault->kind] == REQUEST && (fault->operations & (1U << operation)) != 0 &&
            strikes(fault, prng, now_us)) {
            ret_verdict->hit = true;
            strike(fault, prng, ret_verdict);
        }
    }
    lock_give(&faults->of[gateway].lock);
}

static void strike_callback(struct sb_fault *fault, struct prng *prng,
                            struct sb_callback_verdict *verdict) {
    switch (fault->kind) {
    case SB_FAULT_CALLBACK_LOST:
        verdict->lost = true;
        break;
    case SB_FAULT_CALLBACK_LATE:
        verdict->delay_us += fault->later_us;
        break;
    case SB_FAULT_CALLBACK_DUPLICATE:
        verdict->copies += fault->copies;
        break;
    case SB_FAULT_CALLBACK_REORDER:
        verdict->delay_us += (int64_t)prng_below(prng, (uint64_t)fault->later_us + 1);
        break;
    case SB_FAULT_CALLBACK_FORGED:
        verdict->forged = true;
        break;
    case SB_FAULT_CALLBACK_STALE:
        verdict->stale_us = fault->later_us;
        break;
    case SB_FAULT_CALLBACK_TRUNCATED:
        verdict->truncated = true;
        break;
    case SB_FAULT_CALLBACK_AMOUNT:
        verdict->amount_minor += fault->amount_minor;
        break;
    default:
        break;
    }
}

void sb_faults_callback(struct sb_faults *faults, enum sb_gateway gateway,
                        struct sb_callback_verdict *ret_verdict) {
    *ret_verdict = (struct sb_callback_verdict){0};
    if (!atomic_load_explicit(&faults->of[gateway].live, memory_order_relaxed)) {
        return;
    }
    int64_t now_us = clock_mono_us();
    lock_take(&faults->of[gateway].lock);
    for (int i = 0; i < faults->of[gateway].count; i++) {
        struct sb_fault *fault = &faults->of[gateway].faults[i];
        if (groups[fault->kind] == CALLBACK && strikes(fault, &faults->of[gateway].prng, now_us)) {
            strike_callback(fault, &faults->of[gateway].prng, ret_verdict);
        }
    }
    lock_give(&faults->of[gateway].lock);
}

int sb_faults_statement(struct sb_faults *faults, enum sb_gateway gateway,
                        struct sb_fault ret_list[SB_FAULTS_MAX]) {
    int count = 0;
    int64_t now_us = clock_mono_us();
    lock_take(&faults->of[gateway].lock);
    for (int i = 0; i < faults->of[gateway].count; i++) {
        const struct sb_fault *fault = &faults->of[gateway].faults[i];
        if (groups[fault->kind] == STATEMENT && in_its_time(fault, now_us)) {
            ret_list[count++] = *fault;
        }
    }
    lock_give(&faults->of[gateway].lock);
    return count;
}

bool sb_faults_refuse(struct sb_faults *faults, enum sb_gateway gateway, bool *ret_changing) {
    bool refuse = false;
    int64_t now_us = clock_mono_us();
    *ret_changing = false;
    lock_take(&faults->of[gateway].lock);
    for (int i = 0; i < faults->of[gateway].count; i++) {
        const struct sb_fault *fault = &faults->of[gateway].faults[i];
        if (fault->kind == SB_FAULT_REFUSE) {
            refuse |= in_its_time(fault, now_us);
            *ret_changing |= fault->on_us > 0 || fault->for_us > 0;
        }
    }
    lock_give(&faults->of[gateway].lock);
    return refuse;
}

void sb_verdict_apply(const struct sb_verdict *verdict, struct http_reply *reply) {
    reply->delay_us = verdict->delay_us;
    reply->never = verdict->silent_after;
    reply->cut_after_bytes = verdict->cut_after_bytes;
}

void sb_faults_write(struct sb_faults *faults, enum sb_gateway gateway, struct buf *out) {
    lock_take(&faults->of[gateway].lock);
    buf_add_char(out, '[');
    for (int i = 0; i < faults->of[gateway].count; i++) {
        buf_add_text(out, i > 0 ? "," : "");
        sb_fault_write(&faults->of[gateway].faults[i], out);
    }
    buf_add_char(out, ']');
    lock_give(&faults->of[gateway].lock);
}
