/* SPDX-License-Identifier: Apache-2.0
 * subscribers.c: customers who pay by the month, and people who pause, resume, change and end what
 * they pay for, all at the same time; and what must be true of it in the end.
 *
 * What is asked is not repeated with its key: whoever gets no answer asks for something new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"
#include "sandbox/sandbox_impl.h"
#include "sim/oracle_impl.h"

enum { SUBSCRIPTIONS_MAX = 8, ACTS_MAX = 24 };

/* One that is paused before it was charged, and never goes on. */
struct subscribers {
    struct run *run;
    struct prng prng;
    char ids[SUBSCRIPTIONS_MAX][RUN_ID_CHARS];
    int count;
    char plans[2][RUN_ID_CHARS];
};

static bool tell(struct subscribers *all, const char *path, const char *body, int wanted,
                 char ret_id[RUN_ID_CHARS]) {
    json_t *answer = NULL;
    int status = 0;
    bool asked = stage_ask(all->run, "POST", path, body, &status, &answer) && status == wanted;
    const char *id = asked ? json_peek_text(answer, "id", NULL) : NULL;
    if (ret_id != NULL) {
        snprintf(ret_id, RUN_ID_CHARS, "%s", id != NULL ? id : "");
    }
    json_decref(answer);
    return asked;
}

/* Until somebody has taken it. */
static void insist(struct subscribers *all, const char *path, const char *body, int wanted,
                   char ret_id[RUN_ID_CHARS]) {
    while (!run_failed(all->run) && !tell(all, path, body, wanted, ret_id)) {
        task_sleep_us(2 * US_PER_SECOND);
    }
}

static void subscribe(struct subscribers *all, char ret_id[RUN_ID_CHARS]) {
    char body[300];
    snprintf(body, sizeof body,
             "{\"plan_id\":\"%s\",\"customer\":{\"id\":\"monthly\"},\"method\":\"card\","
             "\"token\":\"pm_card_visa\",\"time_zone\":\"Europe/Berlin\"}",
             all->plans[0]);
    insist(all, "/v1/subscriptions", body, 201, ret_id);
}

static bool is_paused(struct subscribers *all, const char *id) {
    char path[128];
    json_t *answer = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/subscriptions/%s", id);
    bool asked = stage_ask(all->run, "GET", path, NULL, &status, &answer) && status == 200;
    const char *state = asked ? json_peek_text(answer, "state", NULL) : NULL;
    bool paused = state != NULL && strcmp(state, "paused") == 0;
    json_decref(answer);
    return paused;
}

/* While all are paused one subscribes and is paused: nothing is ever charged for him. */
static void never_charged(struct subscribers *all) {
    char path[128];
    insist(all, "/v1/billing/pause", "{\"reason\":\"rehearsal\"}", 200, NULL);
    subscribe(all, all->run->never_charged);
    snprintf(path, sizeof path, "/v1/subscriptions/%s/pause", all->run->never_charged);
    /* When its answer was lost it is paused all the same, and cannot be paused again. */
    while (!run_failed(all->run) && !tell(all, path, "{\"reason\":\"not yet\"}", 200, NULL) &&
           !is_paused(all, all->run->never_charged)) {
        task_sleep_us(2 * US_PER_SECOND);
    }
    insist(all, "/v1/billing/resume", NULL, 200, NULL);
}

static void act(struct subscribers *all) {
    char path[128], change[80];
    const char *id = all->ids[prng_below(&all->prng, (uint64_t)all->count)];
    snprintf(change, sizeof change, "{\"plan_id\":\"%s\"}", all->plans[1]);
    const struct {
        const char *verb, *body;
    } acts[] = {
        {"pause", "{\"reason\":\"a while\"}"},
        {"resume", NULL},
        {"retry", NULL},
        {"change", change},
        {"method", "{\"method\":\"card\",\"token\":\"pm_card_visa\"}"},
        {"keep", NULL},
        {"cancel", "{\"reason\":\"enough\"}"},
        {"cancel", "{\"reason\":\"enough\",\"at_period_end\":false}"},
    };
    size_t which = (size_t)prng_below(&all->prng, COUNT_OF(acts));
    snprintf(path, sizeof path, "/v1/subscriptions/%s/%s", id, acts[which].verb);
    (void)!tell(all, path, acts[which].body, 200, NULL);
}

static void subscribers_main(void *arg) {
    struct subscribers *all = arg;
    for (int i = 0; i < 2; i++) {
        insist(all, "/v1/plans",
               i == 0
                   ? "{\"name\":\"a\",\"amount\":700,\"currency\":\"USD\",\"interval\":\"month\"}"
                   : "{\"name\":\"b\",\"amount\":900,\"currency\":\"USD\",\"interval\":\"year\"}",
               201, all->plans[i]);
    }
    never_charged(all);
    int wanted = 2 + (int)prng_below(&all->prng, SUBSCRIPTIONS_MAX - 1);
    for (; all->count < wanted && !run_failed(all->run); all->count++) {
        subscribe(all, all->ids[all->count]);
        task_sleep_us((int64_t)prng_below(&all->prng, 3 * US_PER_SECOND));
    }
    for (int i = (int)prng_below(&all->prng, ACTS_MAX); i > 0 && !run_failed(all->run); i--) {
        act(all);
        task_sleep_us((int64_t)prng_below(&all->prng, 5 * US_PER_SECOND));
    }
    all->run->shopping--;
    free(all);
}

void subscribers_open(struct run *run) {
    if (!run_sees(run, SEE_SUBSCRIPTIONS)) {
        return;
    }
    struct subscribers *all = g_new0(struct subscribers, 1);
    all->run = run;
    run_prng(run, &all->prng, "subscribers", 0);
    run->shopping++;
    sim_process_run(run->shop_process, "subscribers", subscribers_main, all);
}

/* ---- what must be true ---- */

/* "sub_…/3" of an order of ours, whatever stands behind it; NULL: it is none of ours. */
static char *period_of(const char *order) {
    const char *slash = strncmp(order, "sub_", 4) == 0 ? strchr(order, '/') : NULL;
    return slash == NULL ? NULL
                         : g_strndup(order, (size_t)(slash - order) + 1 + strcspn(slash + 1, "/"));
}

/* Each period was charged at most once, by whatever name. */
static void check_once(struct run *run, GHashTable *charged) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const GPtrArray *entries = run->sandbox->book.entries[i];
        for (guint k = 0; k < entries->len; k++) {
            const struct sb_entry *entry = g_ptr_array_index(entries, k);
            char *period = period_of(entry->order_id);
            if (period == NULL || entry->taken_minor <= entry->refunded_minor) {
                g_free(period);
                continue;
            }
            if (run->never_charged[0] != '\0' &&
                strncmp(period, run->never_charged, strlen(run->never_charged)) == 0) {
                run_fail(run, "subscription", period, "%s was paused, and is charged", period);
            }
            if (!g_hash_table_add(charged, period)) {
                run_fail(run, "subscription", period, "%s was charged twice", period);
            }
        }
    }
}

/* What counts as paid was paid, and what was paid counts, or a person was told. A period stays paid
 * when somebody gives its money back at the gateway's own desk: then a case says so. */
void check_subscriptions(struct end *end) {
    struct run *run = end->run;
    GHashTable *charged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    check_once(run, charged);
    struct count paid = {.sql = "SELECT COUNT(*), '' FROM invoice WHERE state = 2"};
    struct count late = {.sql = "SELECT COUNT(*), '' FROM review_case c JOIN payment p ON "
                                "p.id = c.payment_id WHERE p.order_id LIKE 'sub\\_%' ESCAPE '\\'"};
    struct count back = {.sql = "SELECT COUNT(*), '' FROM review_case c JOIN payment p ON "
                                "p.id = c.payment_id WHERE c.kind = 'orphan_refund' AND "
                                "p.order_id LIKE 'sub\\_%' ESCAPE '\\'"};
    if (!run_failed(run) && oracle_count(run, &paid) && oracle_count(run, &late) &&
        oracle_count(run, &back)) {
        int64_t taken = (int64_t)g_hash_table_size(charged);
        if (paid.found > taken + back.found || taken > paid.found + late.found) {
            run_fail(run, "subscription", "", "%lld periods were charged, %lld count as paid",
                     (long long)taken, (long long)paid.found);
        }
    }
    g_hash_table_destroy(charged);
}
