/* SPDX-License-Identifier: Apache-2.0
 * responders.c: two persons with keys of their own who run incidents, see responders.h. */
#include "sim/responders.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/held.h"
#include "sim/shop.h"

enum {
    INCIDENTS_MAX = 2,
    STEPS_MIN = 6,
    STEPS_MAX = 18,
    PATH_CHARS = 128,
    KEY_CHARS = 96,
};
enum person { EVE, FRED, PERSONS };
static_assert((int)PERSONS == (int)RUN_RESPONDERS, "each has a key");

struct running {
    struct customer customer;
    struct purchase purchase; /* `order` is our name of the incident, `payment` its id */
    char state[24];           /* as it was told last */
    int steps, acting;
};

static int scope_of(enum person person) {
    return RUN_KEYS_MAX + RUN_CLERKS + (int)person;
}

/* ---- words ---- */

struct act {
    struct running *at;
    enum person person;
    struct prng prng;
    const char *verb;
    char key[KEY_CHARS], body[BODY_CHARS];
};

static void say(struct act *act) {
    struct purchase *purchase = &act->at->purchase;
    struct run *run = purchase->customer->run;
    char path[PATH_CHARS];
    int status = 0;
    snprintf(path, sizeof path, "/v1/incidents/%s/%s", purchase->payment, act->verb);
    json_t *answer = shop_ask_as(purchase, &act->prng, scope_of(act->person), act->verb, path,
                                 act->key, act->body, &status);
    const char *state = status == 200 ? json_peek_text(answer, "state", NULL) : NULL;
    if (state != NULL) {
        snprintf(act->at->state, sizeof act->at->state, "%s", state);
    }
    bool refused = status == 403 || status == 409;
    if (!run_failed(run) && status != 200 && !refused) {
        run_fail(run, "incident", purchase->payment, "%s %s was answered with %d", path, act->body,
                 status);
    }
    json_decref(answer);
}

static void say_beside(void *arg) {
    struct act *act = arg;
    say(act);
    act->at->acting--;
    g_free(act);
}

/* ---- what is done ---- */

/* The move that comes next; "" where only the gate leads on. */
static const char *next_move(const char *state) {
    static const char *const moves[][2] = {{"open", "acknowledge"},
                                           {"acknowledged", "contain"},
                                           {"contained", "mitigate"},
                                           {"mitigated", "reconcile"}};
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (strcmp(moves[i][0], state) == 0) {
            return moves[i][1];
        }
    }
    return "";
}

/* What is as likely as anything else; most of it is refused in most states. */
static void draw_other(struct running *at, struct prng *prng, struct act *act) {
    static const struct {
        const char *verb, *body;
    } others[] = {
        {"roles", "{\"role\":\"commander\",\"user\":\"me\",\"reason\":\"takes over\"}"},
        {"roles", "{\"role\":\"recon\",\"user\":\"me\",\"reason\":\"looks at the books\"}"},
        {"roles", "{\"role\":\"comms\",\"user\":\"me\",\"reason\":\"writes\"}"},
        {"signatures", "{\"role\":\"commander\",\"reason\":\"it is over\"}"},
        {"signatures", "{\"role\":\"recon\",\"reason\":\"the books are square\"}"},
        {"notes", "{\"kind\":\"observation\",\"text\":\"It is still there.\"}"},
        {"notes", "{\"kind\":\"comms\",\"text\":\"We told customers.\"}"},
        {"severity", "{\"severity\":\"P0\",\"reason\":\"it grows\"}"},
        {"severity", "{\"severity\":\"P2\",\"reason\":\"it is small\"}"},
        {"corrections", "{\"scope\":{\"gateways\":[\"stripe-eu\",\"paypal-eu\"]},"
                        "\"reason\":\"it is larger\"}"},
        {"corrections", "{\"title\":\"It is another thing\",\"cause\":\"third_party\","
                        "\"reason\":\"they say so\"}"},
        {"moves", "{\"move\":\"relapse\",\"reason\":\"it is back\"}"},
        {"moves", "{\"move\":\"close\",\"reason\":\"it is learnt\"}"},
        {"moves", "{\"move\":\"mitigate\",\"reason\":\"it helps\"}"},
    };
    size_t i = (size_t)prng_below(prng, COUNT_OF(others));
    bool over = strcmp(at->state, "reconciled") == 0 && prng_below(prng, 3) > 0;
    act->verb = over ? "resolve" : others[i].verb;
    snprintf(act->body, sizeof act->body, "%s",
             over ? "{\"reason\":\"nobody complains any more\"}" : others[i].body);
}

static struct act *draw_act(struct running *at) {
    struct prng *prng = &at->purchase.prng;
    struct act *act = g_new0(struct act, 1);
    const char *move = next_move(at->state);
    act->at = at;
    act->person = (enum person)prng_below(prng, PERSONS);
    prng_init(&act->prng, prng_next(prng));
    if (move[0] != '\0' && prng_below(prng, 2) == 0) {
        act->verb = "moves";
        snprintf(act->body, sizeof act->body, "{\"move\":\"%s\",\"reason\":\"it is so\"}", move);
    } else {
        draw_other(at, prng, act);
    }
    snprintf(act->key, sizeof act->key, "%s-%d-%d", at->purchase.order, at->steps, act->person);
    return act;
}

/* Now and then the other one does the same at that moment. */
static void step(struct running *at) {
    struct run *run = at->customer.run;
    struct act *act = draw_act(at);
    at->steps++;
    if (prng_below(&at->purchase.prng, 3) == 0) {
        struct act *other = g_memdup2(act, sizeof *act);
        other->person = act->person == EVE ? FRED : EVE;
        prng_init(&other->prng, prng_next(&at->purchase.prng));
        snprintf(other->key, sizeof other->key, "%s-%d-too", at->purchase.order, at->steps);
        at->acting++;
        sim_process_run(run->shop_process, "responder", say_beside, other);
    }
    say(act);
    g_free(act);
    while (at->acting > 0) {
        task_sleep_us(20 * US_PER_MS);
    }
}

/* ---- an incident ---- */

static bool begin(struct running *at) {
    struct purchase *purchase = &at->purchase;
    char key[KEY_CHARS];
    int status = 0;
    snprintf(key, sizeof key, "%s-open", purchase->order);
    json_t *answer = shop_ask_as(purchase, &purchase->prng, scope_of(EVE), "incident",
                                 "/v1/incidents", key,
                                 "{\"title\":\"Cards are declined\",\"severity\":\"P1\","
                                 "\"scope\":{\"gateways\":[\"stripe-eu\"]}}",
                                 &status);
    const char *id = status == 201 ? json_peek_text(answer, "id", NULL) : NULL;
    snprintf(purchase->payment, sizeof purchase->payment, "%s", id != NULL ? id : "");
    snprintf(at->state, sizeof at->state, "open");
    if (id == NULL && !run_failed(at->customer.run)) {
        run_fail(at->customer.run, "incident", purchase->order, "it is not opened: %d", status);
    }
    json_decref(answer);
    return id != NULL;
}

static void run_one(struct running *at) {
    struct purchase *purchase = &at->purchase;
    struct run *run = at->customer.run;
    int steps = STEPS_MIN + (int)prng_below(&purchase->prng, STEPS_MAX - STEPS_MIN);
    snprintf(purchase->order, sizeof purchase->order, "incident-%d", purchase->number);
    bool begun = begin(at);
    while (begun && at->steps < steps && !run_failed(run)) {
        task_sleep_us((int64_t)prng_below(&purchase->prng, 5 * US_PER_SECOND));
        step(at);
    }
}

static void responders_main(void *arg) {
    struct run *run = arg;
    struct prng prng;
    run_prng(run, &prng, "responders", 0);
    bool there = clerks_hire(run, "eve", "operator", scope_of(EVE)) &&
                 clerks_hire(run, "fred", "operator", scope_of(FRED));
    for (int i = 1 + (int)prng_below(&prng, INCIDENTS_MAX); there && i > 0; i--) {
        struct running *at = g_new0(struct running, 1);
        at->customer = (struct customer){run, RUN_CUSTOMERS_MAX};
        at->purchase = (struct purchase){.customer = &at->customer, .number = i};
        run_prng(run, &at->purchase.prng, "incident", i);
        run_one(at);
    }
    run->shopping--;
}

void responders_open(struct run *run) {
    if (!run_sees(run, SEE_INCIDENTS)) {
        return;
    }
    run->responders = g_new0(struct responders, 1);
    run->shopping++;
    sim_process_run(run->shop_process, "responders", responders_main, run);
}
