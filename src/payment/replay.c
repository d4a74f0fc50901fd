/* SPDX-License-Identifier: Apache-2.0
 * replay.c: what a person wants done once more: a callback processed, a webhook delivered. Its row
 * waits again, its job is due now whatever became of it, and the audit log says who wanted it. */
#include "base/clock.h"
#include "payment/internal.h"
#include "store/audit.h"

struct replay_ctx {
    const struct replay *replay;
    const struct caller *caller;
    const char *id;
};

static int replay_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct replay_ctx *wanted = ctx;
    const struct replay *replay = wanted->replay;
    int64_t now = clock_wall_us();
    int64_t found = replay->reset(tx, wanted->id, now, err);
    if (found < 0) {
        return (int)found;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no %s \"%.80s\"", replay->what, wanted->id);
    }
    int r = job_add(tx, replay->job, wanted->id, now, "", err);
    r = r != 0 ? r : job_hasten(tx, replay->job, wanted->id, now, err);
    r = r < 0 ? r
              : audit_append(tx, wanted->caller->actor, replay->action, wanted->id, "", "{}", err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, 1024);
    buf_add_text(&buf, "{\"id\":");
    buf_add_json(&buf, wanted->id);
    buf_addf(&buf, ",\"state\":\"%s\"}", replay->state);
    return answer_take(ret_answer, 202, &buf, err);
}

int replay_run(struct payments *payments, const struct replay *replay, const struct caller *caller,
               const char *id, struct answer *ret_answer, struct err *err) {
    struct replay_ctx wanted = {replay, caller, id};
    int r = idempotent_run(payments, caller, replay->action, replay_fn, &wanted, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
