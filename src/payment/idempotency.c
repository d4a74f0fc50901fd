/* SPDX-License-Identifier: Apache-2.0
 * idempotency.c: one key, one effect (PAY-2).
 *
 * A row is claimed in the transaction that writes the intent, and gets its answer in the
 * transaction that makes the answer true. Between the two it is *running*, owned by one run of one
 * process until a lease ends. Whoever repeats the key finds it
 *   running, owner alive   → 409, come back later
 *   running, owner dead    → takes the lease over and finishes what the first began (RESUME)
 *   done                   → gets the stored answer (REPLAY)
 *   made for another body  → 422
 * The row is read FOR UPDATE, so two repeats cannot both resume.
 *
 * A refusal takes back its transaction, and the claim with it; idempotency_refuse() then writes a
 * row that is done with the refusal's own words. Only what is refused for good is kept: whoever is
 * told "later, with the same key" (read-only, paused, overloaded, the database) may be taken then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "payment/internal.h"

enum { IDEMPOTENCY_RUNNING = 1, IDEMPOTENCY_DONE = 2 };

/* An answer that is word for word the data of an event is kept there; the row's body then says
 * which one: "@" and the event's sequence. No JSON begins like that. A row that grew by the whole
 * answer would hardly ever fit its page any more. */
enum { EVENT_MARK = '@', EVENT_BODY_CHARS_MAX = 24 };

static int read_event(struct store_tx *tx, const char *resource_id, int64_t sequence,
                      char **ret_json, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT data FROM event WHERE payment_id = $1 AND sequence = $2",
                      S_TEXT(resource_id), S_INT(sequence));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return err_set(err, ERR_STORE_CORRUPT, "event %lld of %s is missing: it was an answer",
                       (long long)sequence, resource_id);
    }
    *ret_json = strdup(sql_text(rows, 0));
    return 0;
}

/* The stored answer of a row that is done (the columns of claim_existing()). */
static int replay(struct store_tx *tx, const struct sql_rows *row, struct answer *ret_answer,
                  struct err *err) {
    const char *body = sql_text(row, 7);
    char *json = NULL;
    if (body[0] == EVENT_MARK) {
        int r = read_event(tx, sql_text(row, 2), strtoll(body + 1, NULL, 10), &json, err);
        if (r < 0) {
            return r;
        }
    } else {
        json = strdup(body);
    }
    free(ret_answer->json);
    *ret_answer = (struct answer){.status = (int)sql_int(row, 6), .replayed = true, .json = json};
    return 0;
}

static int claim_existing(struct payments *payments, struct store_tx *tx,
                          const struct caller *caller, const char *operation,
                          char resource_id[ID_TEXT_MAX], enum idempotency_found *ret_found,
                          struct answer *ret_answer, struct err *err) {
    static const char select[] =
        "SELECT request_hash, operation, resource_id, state, owner, lease_us, status, body "
        "FROM idempotency WHERE scope = $1 AND key = $2 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, select, S_TEXT(caller->scope), S_TEXT(caller->key));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return err_set(err, ERR_STORE_CONFLICT,
                       "the Idempotency-Key was pruned at this very moment");
    }
    if ((strcmp(sql_text(rows, 0), caller->request_hash) != 0 && !PLANTED(HASH_IGNORED)) ||
        strcmp(sql_text(rows, 1), operation) != 0) {
        err_set(err, ERR_IDEMPOTENCY_MISMATCH,
                "this Idempotency-Key came first with another request (%s)", sql_text(rows, 1));
        err_place(err, "Idempotency-Key");
        return err_hint(err, "Use a new key for a new request; repeat an old one byte by byte.");
    }
    if (sql_int(rows, 3) == IDEMPOTENCY_DONE && !PLANTED(REPEAT_ANEW)) {
        *ret_found = IDEMPOTENCY_REPLAY;
        return replay(tx, rows, ret_answer, err);
    }
    char owner[ID_TEXT_MAX];
    int64_t lease_us = sql_int(rows, 5), now = clock_wall_us();
    bool owner_alive = false;
    snprintf(owner, sizeof owner, "%s", sql_text(rows, 4));
    snprintf(resource_id, ID_TEXT_MAX, "%s", sql_text(rows, 2));
    r = lease_holds(payments, tx, owner, lease_us, &owner_alive, err);
    if (r < 0) {
        return r;
    }
    if (owner_alive) {
        err_set(err, ERR_IDEMPOTENCY_IN_FLIGHT,
                "the first request with this key is being worked on");
        err_place(err, "Idempotency-Key");
        return err_hint(err, "Repeat the same request in a second; it will not be charged twice.");
    }
    *ret_found = IDEMPOTENCY_RESUME;
    return sql_put(tx, err,
                   "UPDATE idempotency SET owner = $3, lease_us = $4 WHERE scope = $1 AND key = $2",
                   S_TEXT(caller->scope), S_TEXT(caller->key), S_TEXT(payments->instance),
                   S_INT(now + CALL_LEASE_US));
}

/* A request without a key of its own bears one that was made from itself (caller.repeat_us), and
 * stands for the first one only for a while. What is still running stands for it at any age: it is
 * finished rather than done again. */
static int forget_old(struct store_tx *tx, const struct caller *caller, int64_t now_us,
                      struct err *err) {
    int64_t forgotten = sql_exec(tx, err,
                                 "DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND "
                                 "state = $3 AND created_us <= $4",
                                 S_TEXT(caller->scope), S_TEXT(caller->key),
                                 S_INT(IDEMPOTENCY_DONE), S_INT(now_us - caller->repeat_us));
    return forgotten < 0 ? (int)forgotten : 0;
}

static const char claim_insert[] =
    "INSERT INTO idempotency (scope, key, request_hash, operation, resource_id, state, owner, "
    "lease_us, status, body, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', $9) "
    "ON CONFLICT (scope, key) DO NOTHING";

static void note_claim(const struct caller *caller, const char *operation) {
    if (caller->claimed_as != NULL) {
        *caller->claimed_as = operation;
    }
}

int idempotency_claim_new(struct payments *payments, struct store_tx *tx,
                          const struct caller *caller, const char *operation,
                          const char *resource_id, struct err *err) {
    if (caller->key == NULL) {
        return 0;
    }
    note_claim(caller, operation);
    int64_t now = clock_wall_us();
    return sql_put_one(tx, err, claim_insert, S_TEXT(caller->scope), S_TEXT(caller->key),
                       S_TEXT(caller->request_hash), S_TEXT(operation), S_TEXT(resource_id),
                       S_INT(IDEMPOTENCY_RUNNING), S_TEXT(payments->instance),
                       S_INT(now + CALL_LEASE_US), S_INT(now));
}

int idempotency_claim(struct payments *payments, struct store_tx *tx, const struct caller *caller,
                      const char *operation, char resource_id[ID_TEXT_MAX],
                      enum idempotency_found *ret_found, struct answer *ret_answer,
                      struct err *err) {
    if (caller->key == NULL) {
        *ret_found = IDEMPOTENCY_NEW;
        return 0;
    }
    note_claim(caller, operation);
    int64_t now = clock_wall_us();
    int r = caller->repeat_us > 0 ? forget_old(tx, caller, now, err) : 0;
    if (r < 0) {
        return r;
    }
    int64_t inserted = sql_exec(tx, err, claim_insert, S_TEXT(caller->scope), S_TEXT(caller->key),
                                S_TEXT(caller->request_hash), S_TEXT(operation),
                                S_TEXT(resource_id), S_INT(IDEMPOTENCY_RUNNING),
                                S_TEXT(payments->instance), S_INT(now + CALL_LEASE_US), S_INT(now));
    if (inserted < 0) {
        return (int)inserted;
    }
    if (inserted == 1) {
        *ret_found = IDEMPOTENCY_NEW;
        return 0;
    }
    return claim_existing(payments, tx, caller, operation, resource_id, ret_found, ret_answer, err);
}

/* Somebody else finished it while we were at work (our lease had run out): his word stands, and we
 * say the same. */
static int say_the_first(struct store_tx *tx, const struct caller *caller, struct answer *answer,
                         struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT request_hash, operation, resource_id, state, owner, lease_us, status, "
        "body FROM idempotency WHERE scope = $1 AND key = $2",
        S_TEXT(caller->scope), S_TEXT(caller->key));
    r = r < 0 ? r : sql_next(rows, err);
    return r <= 0 ? r : replay(tx, rows, answer, err);
}

int idempotency_finish(struct store_tx *tx, const struct caller *caller, bool ours,
                       const char *kept, struct answer *answer, struct err *err) {
    static const char sql[] = "UPDATE idempotency SET state = $3, status = $4, body = $5 WHERE "
                              "scope = $1 AND key = $2 AND state = 1";
    if (caller->key == NULL) {
        return 0;
    }
    const char *body = kept != NULL ? kept : answer->json;
    if (ours) {
        return sql_put_one(tx, err, sql, S_TEXT(caller->scope), S_TEXT(caller->key),
                           S_INT(IDEMPOTENCY_DONE), S_INT(answer->status), S_TEXT(body));
    }
    int64_t changed = sql_exec(tx, err, sql, S_TEXT(caller->scope), S_TEXT(caller->key),
                               S_INT(IDEMPOTENCY_DONE), S_INT(answer->status), S_TEXT(body));
    return changed < 0 ? (int)changed : changed == 0 ? say_the_first(tx, caller, answer, err) : 0;
}

int idempotency_finish_event(struct store_tx *tx, const struct caller *caller, bool ours,
                             int64_t sequence, struct answer *answer, struct err *err) {
    char body[EVENT_BODY_CHARS_MAX];
    snprintf(body, sizeof body, "%c%lld", EVENT_MARK, (long long)sequence);
    return idempotency_finish(tx, caller, ours, body, answer, err);
}

struct run_ctx {
    struct payments *payments;
    const struct caller *caller;
    const char *operation;
    idempotent_fn *fn;
    void *ctx;
    struct answer *answer;
};

static int run_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct run_ctx *run = ctx;
    answer_release(run->answer);
    enum idempotency_found found = IDEMPOTENCY_NEW;
    char resource[ID_TEXT_MAX] = "";
    int r = idempotency_claim(run->payments, tx, run->caller, run->operation, resource, &found,
                              run->answer, err);
    if (r < 0 || found == IDEMPOTENCY_REPLAY) {
        return r;
    }
    r = run->fn(run->payments, tx, run->ctx, run->answer, err);
    if (r < 0) {
        return r;
    }
    return idempotency_finish(tx, run->caller, false, run->answer->kept_json, run->answer, err);
}

int idempotent_run(struct payments *payments, const struct caller *caller, const char *operation,
                   idempotent_fn *fn, void *ctx, struct answer *ret_answer, struct err *err) {
    struct run_ctx run = {payments, caller, operation, fn, ctx, ret_answer};
    int r = store_write(payments->options.store, run_tx, &run, err);
    if (r < 0) {
        answer_release(ret_answer);
    }
    return r;
}

/* ---- refusals ---- */

struct refuse_ctx {
    struct payments *payments;
    const struct caller *caller;
    const char *operation;
    int status;
    const char *json;
    struct answer *answer;
};

static int refuse_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct refuse_ctx *refuse = ctx;
    enum idempotency_found found = IDEMPOTENCY_NEW;
    char resource[ID_TEXT_MAX] = "";
    answer_release(refuse->answer);
    int r = idempotency_claim(refuse->payments, tx, refuse->caller, refuse->operation, resource,
                              &found, refuse->answer, err);
    if (r < 0 || found == IDEMPOTENCY_REPLAY) {
        return r;
    }
    if (found == IDEMPOTENCY_RESUME) {
        err_set(err, ERR_IDEMPOTENCY_IN_FLIGHT, "a request with this key was not finished");
        err_place(err, "Idempotency-Key");
        return err_hint(err, "Repeat the same request: it is finished then, not done again.");
    }
    *refuse->answer = (struct answer){.status = refuse->status, .json = strdup(refuse->json)};
    INVARIANT(refuse->answer->json != NULL, "no memory for a refusal");
    return idempotency_finish(tx, refuse->caller, true, NULL, refuse->answer, err);
}

int idempotency_refuse(struct payments *payments, const struct caller *caller,
                       struct answer *refusal, struct err *err) {
    struct answer answer = {0};
    struct refuse_ctx refuse = {payments,        caller,        *caller->claimed_as,
                                refusal->status, refusal->json, &answer};
    int r = store_write(payments->options.store, refuse_tx, &refuse, err);
    if (r < 0) {
        answer_release(&answer);
        return r;
    }
    answer_release(refusal);
    *refusal = answer;
    return 0;
}

/* ---- giving up ---- */

struct release_ctx {
    struct payments *payments;
    const struct caller *caller;
    const char *attempt_id, *operation_id;
};

static int release_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct release_ctx *release = ctx;
    const char *instance = release->payments->instance;
    int r = 0;
    if (release->caller->key != NULL) {
        r = sql_put(tx, err,
                    "UPDATE idempotency SET lease_us = 0 WHERE scope = $1 AND key = $2 AND "
                    "owner = $3 AND state = 1",
                    S_TEXT(release->caller->scope), S_TEXT(release->caller->key), S_TEXT(instance));
    }
    if (r >= 0 && release->attempt_id[0] != '\0') {
        r = sql_put(tx, err,
                    "UPDATE attempt SET lease_us = 0 WHERE id = $1 AND owner = $2 AND state = 1",
                    S_TEXT(release->attempt_id), S_TEXT(instance));
    }
    if (r >= 0 && release->operation_id[0] != '\0') {
        r = sql_put(tx, err,
                    "UPDATE operation SET lease_us = 0 WHERE id = $1 AND owner = $2 AND state = 1",
                    S_TEXT(release->operation_id), S_TEXT(instance));
    }
    return r;
}

void leases_release(struct payments *payments, const struct caller *caller, const char *attempt_id,
                    const char *operation_id) {
    struct release_ctx release = {payments, caller, attempt_id, operation_id};
    struct err err = {0};
    if (caller->claimed_as != NULL) {
        *caller->claimed_as = NULL; /* the claim stands: a repeat finishes what it is for */
    }
    if (store_write(payments->options.store, release_tx, &release, &err) < 0) {
        log_error(STORE_FAILED, &err, LT("while", "giving up the leases of failed work"));
    }
}
