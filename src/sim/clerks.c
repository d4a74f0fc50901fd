/* SPDX-License-Identifier: Apache-2.0
 * clerks.c: persons with keys of their own, who tell of payments by hand and decide about them: the
 * one who asked tries to approve it himself, two decide at once, one takes it back, one is late,
 * and meanwhile the customer pays the same order by card. In the end somebody has decided each. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/held.h"

enum { CASES_MAX = 3, PATH_CHARS = 128, KEY_CHARS = 128, REASON_CHARS = 160 };
enum person { ANN, BOB, CID, PERSONS };
static_assert((int)PERSONS == (int)RUN_CLERKS, "each has a key");

static const char *const names[PERSONS] = {"ann", "bob", "cid"};

struct clerk_case {
    struct customer customer;
    struct purchase purchase;
    bool proved; /* it has evidence */
    int deciding;
};

/* ---- words ---- */

static int scope_of(enum person person) {
    return RUN_KEYS_MAX + (int)person;
}

/* 0: the world ended first. */
static int say(struct clerk_case *at, enum person person, const char *verb, const char *key,
               const char *body) {
    static const char *const kinds[][2] = {{"approve", "by-hand-approve"},
                                           {"reject", "by-hand-reject"},
                                           {"evidence", "by-hand-evidence"}};
    char path[PATH_CHARS];
    int status = 0;
    struct prng prng;
    const char *kind = "";
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        kind = strcmp(kinds[i][0], verb) == 0 ? kinds[i][1] : kind;
    }
    prng_init(&prng, prng_next(&at->purchase.prng));
    snprintf(path, sizeof path, "/v1/manual-payments/%s/%s", at->purchase.payment, verb);
    json_decref(
        shop_ask_as(&at->purchase, &prng, scope_of(person), kind, path, key, body, &status));
    return status;
}

static int decide(struct clerk_case *at, enum person person, bool approve, const char *time) {
    char key[KEY_CHARS], body[REASON_CHARS];
    const char *verb = approve ? "approve" : "reject";
    snprintf(key, sizeof key, "%s-%s-%s-%s", at->purchase.order, names[person], verb, time);
    snprintf(body, sizeof body, "{\"reason\":\"%s says so\"}", names[person]);
    return say(at, person, verb, key, body);
}

struct decision {
    struct clerk_case *at;
    enum person person;
    bool approve;
};

static void run_decision(void *arg) {
    struct decision *decision = arg;
    (void)decide(decision->at, decision->person, decision->approve, "at-once");
    decision->at->deciding--;
    g_free(decision);
}

static void decide_beside(struct clerk_case *at, enum person person, bool approve) {
    struct decision *decision = g_new0(struct decision, 1);
    *decision = (struct decision){at, person, approve};
    at->deciding++;
    sim_process_run(at->customer.run->shop_process, "clerk", run_decision, decision);
}

static void await_decisions(const struct clerk_case *at) {
    while (at->deciding > 0) {
        task_sleep_us(20 * US_PER_MS);
    }
}

/* ---- a payment by hand ---- */

/* Now and then the same transfer is told of twice. */
static bool ask(struct clerk_case *at) {
    struct purchase *purchase = &at->purchase;
    struct prng *prng = &purchase->prng;
    char key[KEY_CHARS], body[BODY_CHARS];
    int status = 0;
    bool again = purchase->number > 0 && prng_below(prng, 8) == 0;
    snprintf(key, sizeof key, "%s-ask", purchase->order);
    snprintf(body, sizeof body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"USD\",\"paid_by\":\"bank\","
             "\"reference\":\"TR-%d\",\"reason\":\"it came to our account\",\"customer\":{\"id\":"
             "\"%s\"}}",
             purchase->order, (long long)purchase->amount,
             again ? purchase->number - 1 : purchase->number, purchase->order);
    json_t *answer = shop_ask_as(purchase, prng, scope_of(ANN), "by-hand-ask",
                                 "/v1/manual-payments", key, body, &status);
    const char *id = status == 201 ? json_peek_text(answer, "id", NULL) : NULL;
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    json_decref(answer);
    return id != NULL;
}

/* The customer pays it by card as well: one of the two has the order. */
static void pay_by_card(struct purchase *purchase, const char *which) {
    char key[KEY_CHARS];
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"USD\",\"method\":\"card\","
             "\"tokens\":{\"stripe-eu\":\"pm_card_visa.800\",\"paypal-eu\":\"vault_visa.800\"},"
             "\"customer\":{\"id\":\"%s\",\"region\":\"DE\"}}",
             purchase->order, (long long)purchase->amount, purchase->order);
    snprintf(key, sizeof key, "%s-%s", purchase->order, which);
    shop_beside(purchase, "pay", "/v1/payments", key, purchase->body);
}

static void prove(struct clerk_case *at) {
    char key[KEY_CHARS];
    snprintf(key, sizeof key, "%s-evidence", at->purchase.order);
    at->proved = say(at, ANN, "evidence", key,
                     "{\"kind\":\"receipt\",\"text\":\"the bank's statement\"}") == 201;
}

static void argue(struct clerk_case *at) {
    struct prng *prng = &at->purchase.prng;
    switch (prng_below(prng, 7)) {
    case 0: /* who asked approves it himself */
        (void)decide(at, ANN, true, "own");
        break;
    case 1:
        decide_beside(at, BOB, true);
        decide_beside(at, CID, true);
        break;
    case 2:
        decide_beside(at, BOB, true);
        decide_beside(at, CID, false);
        break;
    case 3: /* all of them, and who asked as well */
        decide_beside(at, ANN, true);
        decide_beside(at, BOB, true);
        decide_beside(at, ANN, false);
        break;
    case 4: /* taken back; then it is paid otherwise, and approved all the same */
        (void)decide(at, ANN, false, "back");
        pay_by_card(&at->purchase, "otherwise");
        shop_await_parts(&at->purchase);
        (void)decide(at, BOB, true, "late");
        break;
    default:
        break;
    }
    await_decisions(at);
}

/* It counts as paid now: some is given back, as credit, which is the only way. */
static void give_back(struct clerk_case *at) {
    char path[PATH_CHARS], key[KEY_CHARS];
    struct purchase *purchase = &at->purchase;
    bool credit = prng_below(&purchase->prng, 3) > 0;
    snprintf(path, sizeof path, "/v1/payments/%s/refunds", purchase->payment);
    snprintf(key, sizeof key, "%s-refund", purchase->order);
    shop_beside(purchase, "refund", path, key,
                credit ? "{\"amount\":40,\"reason\":\"requested_by_customer\","
                         "\"to_original_method\":false}"
                       : "{\"amount\":40,\"reason\":\"requested_by_customer\"}");
    shop_await_parts(purchase);
}

static void deal_with(struct clerk_case *at) {
    struct purchase *purchase = &at->purchase;
    struct prng *prng = &purchase->prng;
    snprintf(purchase->order, sizeof purchase->order, "by-hand-%d", purchase->number);
    purchase->amount = 100 + (int64_t)prng_below(prng, 5000);
    if (prng_below(prng, 4) == 0) {
        pay_by_card(purchase, "as-well");
    }
    if (ask(at)) {
        task_sleep_us((int64_t)prng_below(prng, 3 * US_PER_SECOND));
        if (prng_below(prng, 6) > 0) {
            prove(at);
        }
        argue(at);
        int status = decide(at, CID, at->proved, "last");
        if (status != 200 && status != 409) {
            run_fail(at->customer.run, "by-hand", purchase->order,
                     "%s: the last word was answered with %d", purchase->payment, status);
        }
        if (prng_below(prng, 3) == 0) {
            give_back(at);
        }
    }
    shop_await_parts(purchase);
}

/* ---- the persons ---- */

/* Asks for a user, or for a key of the user, until one was made; the text at `key` of it goes to
 * `ret_text`. Each try has a name of its own: who was not answered may have been heard. */
static bool make(struct run *run, const char *path, const char *key, const char *name,
                 const char *role, const char *user_id, char *ret_text, size_t text_bytes) {
    char body[200];
    bool made = false;
    for (int i = 0; !made && !run_failed(run); i++) {
        json_t *answer = NULL;
        int status = 0;
        snprintf(body, sizeof body, "{\"name\":\"%s-%d\",\"role\":\"%s\",\"%s\":\"%s\"}", name,
                 i, role, user_id == NULL ? "password" : "user_id",
                 user_id == NULL ? "a dozen letters" : user_id);
        bool told = stage_ask(run, "POST", path, body, &status, &answer) && status == 201;
        const char *text = json_peek_text(answer, key, NULL);
        made = told && text != NULL;
        snprintf(ret_text, text_bytes, "%s", made ? text : "");
        json_decref(answer);
        if (!made) {
            task_sleep_us(2 * US_PER_SECOND);
        }
    }
    return made;
}

/* A person is a user; the key is the user's. */
bool clerks_hire(struct run *run, const char *name, const char *role, int scope) {
    char user_id[ID_TEXT_MAX + 1];
    return make(run, "/v1/users", "id", name, role, NULL, user_id, sizeof user_id) &&
           make(run, "/v1/keys", "key", name, role, user_id, run->keys[scope], RUN_KEY_CHARS);
}

static bool hire(struct run *run, enum person person) {
    return clerks_hire(run, names[person], "finance", scope_of(person));
}

static void clerks_main(void *arg) {
    struct run *run = arg;
    struct prng prng;
    run_prng(run, &prng, "clerks", 0);
    bool there = hire(run, ANN) && hire(run, BOB) && hire(run, CID);
    for (int i = 1 + (int)prng_below(&prng, CASES_MAX); there && i > 0; i--) {
        struct clerk_case *at = g_new0(struct clerk_case, 1);
        at->customer = (struct customer){run, RUN_CUSTOMERS_MAX};
        at->purchase = (struct purchase){.customer = &at->customer, .number = i};
        run_prng(run, &at->purchase.prng, "by-hand", i);
        task_sleep_us((int64_t)prng_below(&prng, 6 * US_PER_SECOND));
        deal_with(at);
    }
    run->shopping--;
}

void clerks_open(struct run *run) {
    if (run_sees(run, SEE_BY_HAND)) {
        run->shopping++;
        sim_process_run(run->shop_process, "clerks", clerks_main, run);
    }
}
