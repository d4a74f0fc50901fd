/* SPDX-License-Identifier: Apache-2.0
 * incident_resolve.c: the only way into `resolved` (I7).
 *
 * The gate looks first in a snapshot, without a lock, since it may take seconds. Then the incident
 * is locked; the version that the gate looked at must be the version that is resolved, and the gate
 * looks once more in that transaction: what happened meanwhile refuses too. There is no way round
 * it. */
#include <string.h>

#include "base/plant.h"
#include "incident/incident_impl.h"
#include "store/audit.h"

/* Nobody else can make one: the struct is known here alone. */
struct incident_proof {
    int64_t version; /* of what the gate looked at */
};

struct resolving {
    struct incidents *incidents;
    const struct incident_gate *gate;
    const struct caller *caller;
    const char *id, *reason;
    struct incident_facts facts;
    bool looked, passed;
    char missing[INCIDENT_MISSING_BYTES_MAX];
    struct buf evidence; /* of the last look */
};

static int look(struct store_tx *tx, struct resolving *resolving, struct err *err) {
    buf_clear(&resolving->evidence);
    int r = incident_facts(tx, resolving->id, &resolving->facts, err);
    if (r < 0 || resolving->facts.state != INCIDENT_RECONCILED) {
        return r; /* the table refuses, or a repeat is told what it was told before */
    }
    resolving->looked = true;
    resolving->passed = false;
    r = resolving->gate->look(resolving->gate->ctx, tx, &resolving->facts, &resolving->passed,
                              resolving->missing, &resolving->evidence, err);
    resolving->passed = resolving->passed || PLANTED(GATE_IGNORED);
    if (r >= 0 && !buf_ok(&resolving->evidence)) {
        r = err_set(err, ERR_INTERNAL, "the gate's evidence is too long");
    }
    return r;
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return look(tx, ctx, err);
}

/* Once more, in the transaction that resolves what was locked at this version. */
static int look_again(struct store_tx *tx, struct resolving *resolving, int64_t version,
                      struct err *err) {
    int r = look(tx, resolving, err);
    INVARIANT(r < 0 || resolving->facts.version == version, "it is locked");
    if (r >= 0 && !resolving->passed) {
        r = err_set(err, ERR_STATE, "incident %s is not over: %s", resolving->id,
                    resolving->missing);
    }
    return r;
}

static int resolve_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct resolving *resolving = ctx;
    const struct incident_proof proof = {resolving->facts.version};
    const char *actor = resolving->caller->actor;
    struct incident_row row;
    int r = incident_load(tx, arena, resolving->id, true, &row, err);
    if (r >= 0 && row.state == INCIDENT_RECONCILED && !resolving->looked) {
        r = err_set(err, ERR_STATE, "incident %s has changed; look at it again", resolving->id);
    }
    if (r >= 0 && row.state == INCIDENT_RECONCILED && row.version != proof.version) {
        r = err_set(err, ERR_STATE, "somebody changed incident %s while the gate was looking",
                    resolving->id);
    }
    if (r >= 0 && row.state == INCIDENT_RECONCILED) {
        r = look_again(tx, resolving, row.version, err);
    }
    r = r < 0 ? r : incident_go(tx, &row, VERB_RESOLVE, 0, &proof, err);
    if (r < 0) {
        return r;
    }
    const char *reason = resolving->reason != NULL ? resolving->reason : "";
    const struct incident_entry entry = {
        .actor = actor,
        .kind = LOGGED_STATE,
        .text = arena_printf(arena, "resolved: the gate has let it through.%s%s",
                             reason[0] != '\0' ? " " : "", reason),
        .evidence = resolving->evidence.len > 0 ? resolving->evidence.data : NULL,
    };
    r = incident_write(resolving->incidents, tx, &row, &entry, err);
    r = r < 0 ? r
              : incident_answer(resolving->incidents, tx, arena, &row, 200, ret_answer, err);
    return r < 0 ? r
                 : audit_append(tx, actor, "incident.resolve", resolving->id, reason, "{}", err);
}

/* What the gate found missing is on the log as well. */
static int refused_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct resolving *resolving = ctx;
    const struct incident_entry entry = {
        .actor = resolving->caller->actor,
        .kind = LOGGED_CHECK,
        .text = arena_printf(arena, "The gate refused: %s", resolving->missing),
        .evidence = resolving->evidence.len > 0 ? resolving->evidence.data : NULL,
    };
    return incident_log_add(tx, resolving->id, &entry, err);
}

static int refuse(struct resolving *resolving, struct err *err) {
    int r = store_write(resolving->incidents->options.store, refused_tx, resolving, err);
    if (r < 0) {
        return r;
    }
    err_set(err, ERR_STATE, "incident %s is not over: %s", resolving->id, resolving->missing);
    return err_hint(err, "`holdfast incident gate %s` shows what would prove each.", resolving->id);
}

static int resolve(struct resolving *resolving, struct answer *ret_answer, struct err *err) {
    struct incidents *incidents = resolving->incidents;
    int r = store_read(incidents->options.store, look_tx, resolving, err);
    if (r < 0) {
        return r;
    }
    if (resolving->looked && !resolving->passed) {
        return refuse(resolving, err);
    }
    r = idempotent_run(incidents->options.payments, resolving->caller, "incident.resolve",
                       resolve_fn, resolving, ret_answer, err);
    if (r < 0 && resolving->looked && !resolving->passed) {
        return refuse(resolving, err);
    }
    if (r >= 0) {
        payments_wake(incidents->options.payments);
    }
    return r;
}

int incident_resolve(struct incidents *incidents, const struct incident_gate *gate,
                     const struct caller *caller, const char *id, const char *reason,
                     struct answer *ret_answer, struct err *err) {
    struct resolving resolving = {
        .incidents = incidents, .gate = gate, .caller = caller, .id = id, .reason = reason};
    buf_init(&resolving.evidence, INCIDENT_EVIDENCE_BYTES_MAX - 1);
    int r = resolve(&resolving, ret_answer, err);
    buf_release(&resolving.evidence);
    return r;
}
