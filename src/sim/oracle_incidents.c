/* SPDX-License-Identifier: Apache-2.0
 * oracle_incidents.c: what must be true of incidents, whoever dies while they are run. After each
 * commit about one and when a life begins: each log is a whole chain that seals its incident's row
 * as it is (I8), none is resolved (I7, responders.h), milestones come in their order, and the
 * signatures of a round are of two people. At the end: what anybody was told of one is there, and
 * whoever repeats is told the same. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "incident/incident_impl.h"
#include "sim/responders.h"
#include "sim/shop.h"

enum { INCIDENTS_MAX = 32 };

/* ---- after a commit ---- */

struct ids {
    char of[INCIDENTS_MAX][ID_TEXT_MAX + 1];
    int count;
};

static int ids_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct ids *ids = ctx;
    SQL_ROWS_AUTO rows = NULL;
    ids->count = 0;
    int r = sql_query(tx, err, &rows, "SELECT id FROM incident ORDER BY number");
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && ids->count < INCIDENTS_MAX) {
        snprintf(ids->of[ids->count++], sizeof ids->of[0], "%s", sql_text(rows, 0));
    }
    return r;
}

/* False: the store cannot be asked, as its disk may be in trouble. */
static bool verify_logs(struct run *run) {
    struct incidents incidents = {.options = {.store = run->look}};
    struct ids ids;
    struct err err = {0};
    int r = store_read(run->look, ids_tx, &ids, &err);
    for (int i = 0; r >= 0 && i < ids.count && !run_failed(run); i++) {
        struct incident_verdict verdict = {0};
        r = incident_verify(&incidents, ids.of[i], &verdict, &err);
        if (r >= 0 && verdict.broken_seq > 0) {
            run_fail(run, "I8", ids.of[i], "the log of incident %s is broken at entry %lld: %s",
                     ids.of[i], (long long)verdict.broken_seq, verdict.why);
        }
    }
    return r >= 0;
}

static const struct {
    const char *check, *what, *sql;
} rules[] = {
    {"I7", "is called resolved, and nothing proves it",
     "SELECT COUNT(*), MIN(id) FROM incident WHERE state IN (6, 7) OR resolved_us <> 0"},
    {"incident", "has milestones out of their order",
     "SELECT COUNT(*), MIN(id) FROM incident WHERE impact_start_us > detected_us OR "
     "(acknowledged_us <> 0 AND acknowledged_us < detected_us) OR (contained_us <> 0 AND "
     "contained_us < acknowledged_us) OR (mitigated_us <> 0 AND mitigated_us < contained_us) OR "
     "(reconciled_us <> 0 AND reconciled_us < mitigated_us)"},
    {"incident", "was signed twice by one person",
     "SELECT COUNT(*), MIN(incident_id) FROM (SELECT incident_id FROM incident_signature GROUP BY "
     "incident_id, round, person HAVING COUNT(*) > 1)"},
};

void incidents_stated(struct run *run, const char *sql) {
    if (run->responders != NULL && strncmp(sql, "SELECT ", 7) != 0) {
        run->responders->changed |= strstr(sql, " incident") != NULL;
    }
}

bool incidents_changed(const struct run *run) {
    return run->responders != NULL && run->responders->changed;
}

void oracle_incidents(struct run *run) {
    bool known = verify_logs(run);
    for (size_t i = 0; known && i < COUNT_OF(rules) && !run_failed(run); i++) {
        struct count count = {.sql = rules[i].sql};
        known = oracle_count(run, &count);
        if (known && count.found > 0) {
            run_fail(run, rules[i].check, count.first, "incident %s %s", count.first,
                     rules[i].what);
        }
    }
    run->responders->changed = !known; /* asked again after the next one */
}

/* ---- at the end ---- */

/* Each act made another version: a later one may have another state, the same one has not. */
static void check_told(struct end *end, const json_t *now, const json_t *told) {
    int64_t version = json_peek_int(now, -1, "version", NULL);
    int64_t before = json_peek_int(told, -1, "version", NULL);
    bool same = strcmp(oracle_text(now, "state"), oracle_text(told, "state")) == 0;
    if (before < 1 || version < before || (version == before && !same)) {
        run_fail(end->run, "promise", oracle_text(told, "id"),
                 "version %lld of it was told as %s, and now it is %lld, %s", (long long)before,
                 oracle_text(told, "state"), (long long)version, oracle_text(now, "state"));
    }
}

static void check_again(struct run *run, const struct promise *promise) {
    json_t *answer = NULL;
    int status = 0;
    bool answered = shop_again(run, promise, &status, &answer);
    if (!answered || status != promise->status || !json_equal(answer, promise->answer)) {
        run_fail(run, "idempotency", promise->order, "%s was answered with %d, and again with %d",
                 promise->key, promise->status, status);
    }
    json_decref(answer);
}

static void check_promise(struct end *end, const struct promise *promise) {
    char path[RUN_ID_CHARS + 32];
    json_t *now = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/incidents/%s", oracle_text(promise->answer, "id"));
    if (!stage_ask(end->run, "GET", path, NULL, &status, &now) || status != 200) {
        run_fail(end->run, "promise", promise->order, "%s was told of: %d", path, status);
    } else {
        check_told(end, now, promise->answer);
    }
    json_decref(now);
    if (!run_failed(end->run)) {
        check_again(end->run, promise);
    }
}

void check_incidents(struct end *end) {
    struct run *run = end->run;
    if (run->responders == NULL) {
        return;
    }
    for (guint i = 0; i < run->promises->len && !run_failed(run); i++) {
        const struct promise *promise = g_ptr_array_index(run->promises, i);
        if (promise->status < 300 &&
            strcmp(oracle_text(promise->answer, "object"), "incident") == 0) {
            check_promise(end, promise);
        }
    }
    if (!run_failed(run)) {
        oracle_incidents(run);
    }
    if (!run_failed(run) && run->responders->changed) {
        run_fail(run, "answer", "", "the incidents cannot be looked at when all is quiet");
    }
}
