/* SPDX-License-Identifier: Apache-2.0
 * ladder.c: operators who move the ladder of degraded modes, switch methods and purposes off, and
 * end what they have begun, or let its time end it; and customers who are told how things stand,
 * and buy to see whether it is so. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sim/held.h"

enum {
    WORDS_CHARS = 240,
    SECONDS_MAX = 30,
    CLOSED_SECONDS_MAX = 20,
    WATCHES_MAX = 6,
    INSISTS_MAX = 1000,
    CARD_WATCHER = 700,
};
/* So long another instance, or this one, may take to hear of it; and a payment that was begun
 * before may still be on its way. */
#define HEARD_US (3 * US_PER_SECOND)

static const char reason[] = "the simulator wishes so";

/* ---- what operators say ---- */

static bool order_it(struct run *run, const char *path, const char *body) {
    json_t *answer = NULL;
    int status = 0;
    bool done = stage_ask(run, "POST", path, body, &status, &answer) && status == 200;
    sim_say(run->world, "operator: %s %s -> %d", path, body, status);
    json_decref(answer);
    return done;
}

static void insist(struct run *run, const char *path, const char *body) {
    for (int i = 0; i < INSISTS_MAX && !run_failed(run); i++) {
        if (order_it(run, path, body)) {
            return;
        }
        task_sleep_us(US_PER_SECOND);
    }
    run_fail(run, "operator", "", "%s %s is not done after so many tries", path, body);
}

/* `,"until":"…"`; "" when it is to stand until it is taken back: then false. By a clock that jumps
 * nobody can say when it would end. */
static bool draw_until(struct run *run, struct prng *prng, char *ret_text, size_t bytes) {
    char time[CLOCK_TEXT_MAX];
    int64_t for_us = (5 + (int64_t)prng_below(prng, SECONDS_MAX)) * US_PER_SECOND;
    bool ends = prng_below(prng, 4) > 0 && !run_sees(run, SEE_CLOCK);
    ret_text[0] = '\0';
    if (ends) {
        snprintf(ret_text, bytes, ",\"until\":\"%s\"",
                 clock_format(clock_wall_us() + for_us, time));
    }
    return ends;
}

/* Nobody may have said otherwise while it was asked for. */
static void note_read_only(struct held *held, bool begins) {
    if (!begins) {
        for (int i = 0; i < held->windows; i++) {
            struct held_window *window = &held->read_only[i];
            window->until_us = window->until_us == 0 ? clock_wall_us() : window->until_us;
        }
    } else if (held->windows < HELD_WINDOWS_MAX) {
        held->read_only[held->windows++] = (struct held_window){.from_us = clock_wall_us()};
    }
}

/* All is closed for a while, as for a maintenance. */
static void close_it(struct run *run, struct prng *prng) {
    char body[WORDS_CHARS];
    snprintf(body, sizeof body, "{\"step\":\"read_only\",\"reason\":\"%s\"}", reason);
    if (order_it(run, "/v1/mode", body)) {
        note_read_only(run->held, true);
    }
    task_sleep_us((2 + (int64_t)prng_below(prng, CLOSED_SECONDS_MAX)) * US_PER_SECOND);
    note_read_only(run->held, false);
    snprintf(body, sizeof body, "{\"step\":\"auto\",\"end_read_only\":true,\"reason\":\"%s\"}",
             reason);
    run->held->step_stands = !order_it(run, "/v1/mode", body);
}

static void move_step(struct run *run, struct prng *prng) {
    static const char *const steps[] = {"deferred\"",
                                        "deferred\"",
                                        "reduced\"",
                                        "reroute\"",
                                        "normal\",\"pin\":true",
                                        "reduced\",\"pin\":true"};
    char body[WORDS_CHARS], until[CLOCK_TEXT_MAX + 16];
    bool ends = draw_until(run, prng, until, sizeof until);
    snprintf(body, sizeof body, "{\"step\":\"%s%s,\"reason\":\"%s\"}",
             steps[prng_below(prng, COUNT_OF(steps))], until, reason);
    /* Whoever was not answered may have been heard. */
    bool done = order_it(run, "/v1/mode", body);
    run->held->step_stands = !ends || (run->held->step_stands && !done);
}

static void throw_switch(struct run *run, struct prng *prng) {
    static const char *const what[] = {
        "\"kind\":\"method\",\"name\":\"card\"",   "\"kind\":\"method\",\"name\":\"paypal\"",
        "\"kind\":\"method\",\"name\":\"alipay\"", "\"kind\":\"purpose\",\"name\":\"order\"",
        "\"kind\":\"purpose\",\"name\":\"topup\"",
    };
    char body[WORDS_CHARS], until[CLOCK_TEXT_MAX + 16] = "";
    const char *which = what[prng_below(prng, COUNT_OF(what))];
    bool on = prng_below(prng, 4) == 0;
    if (!on && !draw_until(run, prng, until, sizeof until)) {
        run->held->switch_stands = true;
    }
    snprintf(body, sizeof body, "{%s,\"on\":%s%s,\"reason\":\"%s\"}", which, on ? "true" : "false",
             until, reason);
    (void)order_it(run, "/v1/switches", body);
}

static void simplify(struct run *run, struct prng *prng) {
    char body[WORDS_CHARS];
    snprintf(body, sizeof body, "{\"on\":true,\"reason\":\"%s\"}", reason);
    (void)order_it(run, "/v1/mode/simplified", body);
    task_sleep_us((1 + (int64_t)prng_below(prng, SECONDS_MAX)) * US_PER_SECOND);
    snprintf(body, sizeof body, "{\"on\":false,\"reason\":\"%s\"}", reason);
    run->held->simplified_stands = !order_it(run, "/v1/mode/simplified", body);
}

void ladder_operate(struct run *run, struct prng *prng) {
    char body[WORDS_CHARS];
    switch (prng_below(prng, 10)) {
    case 0:
        close_it(run, prng);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        move_step(run, prng);
        break;
    case 5:
    case 6:
    case 7:
        throw_switch(run, prng);
        break;
    case 8: /* it has no fraud check, and pauses renewals: not where these are looked at */
        if (!run_sees(run, SEE_FRAUD_RULES) && !run_sees(run, SEE_SUBSCRIPTIONS)) {
            simplify(run, prng);
        }
        break;
    default: /* not what closes it: that must be said on purpose */
        snprintf(body, sizeof body, "{\"step\":\"auto\",\"reason\":\"%s\"}", reason);
        bool done = order_it(run, "/v1/mode", body);
        run->held->step_stands = run->held->step_stands && !done;
    }
}

/* What has an end ends by itself. */
void ladder_heal(struct run *run) {
    static const char *const switches[][2] = {{"method", "card"},
                                              {"method", "paypal"},
                                              {"method", "alipay"},
                                              {"purpose", "order"},
                                              {"purpose", "topup"}};
    char body[WORDS_CHARS];
    note_read_only(run->held, false);
    if (run->held->step_stands) {
        insist(run, "/v1/mode",
               "{\"step\":\"auto\",\"end_read_only\":true,\"reason\":\"all is well again\"}");
    }
    if (run->held->simplified_stands) {
        insist(run, "/v1/mode/simplified", "{\"on\":false,\"reason\":\"all is well again\"}");
    }
    for (size_t i = 0; run->held->switch_stands && i < COUNT_OF(switches); i++) {
        snprintf(body, sizeof body,
                 "{\"kind\":\"%s\",\"name\":\"%s\",\"on\":true,\"reason\":\"all is well again\"}",
                 switches[i][0], switches[i][1]);
        insist(run, "/v1/switches", body);
    }
}

/* ---- customers who take it at its word ---- */

struct watcher {
    struct customer customer;
    struct purchase purchase;
    struct prng prng;
};

/* How things stand, as far as a customer who pays by card is concerned. */
struct standing {
    char step[16];
    bool card_off, orders_off;
    int64_t number;
};

static bool is_off(const json_t *switches, const char *kind, const char *name) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)json_peek(switches, "data", NULL), i, row) {
        if (strcmp(oracle_text(row, "kind"), kind) == 0 &&
            strcmp(oracle_text(row, "name"), name) == 0) {
            return !json_is_true(json_peek(row, "on", NULL));
        }
    }
    return false;
}

/* False: nobody said. The last change has a number, and none that was told of is taken back. */
static bool look(struct run *run, struct standing *ret_standing) {
    json_t *mode = NULL, *switches = NULL;
    int status = 0, status_of_switches = 0;
    bool told = shop_try(run, "GET", "/v1/mode", NULL, NULL, &status, &mode) && status == 200 &&
                shop_try(run, "GET", "/v1/switches", NULL, NULL, &status_of_switches, &switches) &&
                status_of_switches == 200;
    const json_t *history = json_peek(mode, "history", NULL);
    *ret_standing = (struct standing){
        .card_off = is_off(switches, "method", "card"),
        .orders_off = is_off(switches, "purpose", "order"),
        .number = json_peek_int(json_array_get(history, 0), 0, "number", NULL),
    };
    snprintf(ret_standing->step, sizeof ret_standing->step, "%s", oracle_text(mode, "step"));
    sim_say(run->world, "watch: the ladder stands at %s (change %lld)%s%s", ret_standing->step,
            (long long)ret_standing->number, ret_standing->card_off ? ", no card" : "",
            ret_standing->orders_off ? ", no orders" : "");
    json_decref(mode);
    json_decref(switches);
    return told && ret_standing->number > 0;
}

static bool same(const struct standing *a, const struct standing *b) {
    return strcmp(a->step, b->step) == 0 && a->card_off == b->card_off &&
           a->orders_off == b->orders_off && a->number == b->number;
}

/* Told the same before and after: then what happened between is as was told. */
static void hold_to_it(struct run *run, const struct watcher *watcher, const struct standing *told,
                       int status, const json_t *answer) {
    const char *order = watcher->purchase.order;
    bool taken = status == 201 || status == 202;
    bool asked = json_peek_int(answer, 0, "attempts", NULL) > 0;
    bool read_only = strcmp(told->step, "read_only") == 0;
    bool waits = strcmp(told->step, "deferred") == 0 || told->card_off;
    if (taken && (read_only || told->orders_off)) {
        run_fail(run, "mode", order, "%s was taken, and customers were told that %s", order,
                 read_only ? "nothing is" : "orders are not");
    } else if (taken && waits && asked) {
        run_fail(run, "mode", order, "a gateway was asked for %s, and customers were told %s%s",
                 order, told->step, told->card_off ? " and no card" : "");
    }
}

static void watch(struct watcher *watcher) {
    struct run *run = watcher->customer.run;
    struct purchase *purchase = &watcher->purchase;
    struct standing before, after;
    json_t *answer = NULL;
    char key[128];
    int status = 0;
    if (!look(run, &before)) {
        return;
    }
    if (before.number < run->held->number) {
        run_fail(run, "mode", "", "change %lld of the ladder was told of, and now %lld is the last",
                 (long long)run->held->number, (long long)before.number);
    }
    run->held->number = before.number;
    task_sleep_us(HEARD_US);
    snprintf(purchase->order, sizeof purchase->order, "watch-%d", purchase->number++);
    snprintf(purchase->body, sizeof purchase->body,
             "{\"order_id\":\"%s\",\"amount\":%d,\"currency\":\"USD\",\"method\":\"card\","
             "\"tokens\":{\"stripe-eu\":\"pm_card_visa.%d\",\"paypal-eu\":\"vault_visa.%d\"},"
             "\"customer\":{\"id\":\"%s\",\"region\":\"DE\"}}",
             purchase->order, 200 + (int)prng_below(&watcher->prng, 3000), CARD_WATCHER,
             CARD_WATCHER, purchase->order);
    snprintf(key, sizeof key, "%s-pay", purchase->order);
    bool answered = shop_try(run, "POST", "/v1/payments", key, purchase->body, &status, &answer);
    if (look(run, &after) && answered && same(&before, &after)) {
        hold_to_it(run, watcher, &before, status, answer);
    }
    json_decref(answer);
    /* Whatever it was, he wants his order, and remembers what he was told. */
    json_decref(
        shop_ask(purchase, &watcher->prng, "pay", "/v1/payments", key, purchase->body, &status));
}

static void watcher_main(void *arg) {
    struct watcher *watcher = arg;
    for (int i = 2 + (int)prng_below(&watcher->prng, WATCHES_MAX); i > 0; i--) {
        task_sleep_us((int64_t)prng_below(&watcher->prng, 12 * US_PER_SECOND));
        watch(watcher);
    }
    watcher->customer.run->shopping--;
    g_free(watcher);
}

void ladder_open(struct run *run) {
    if (!run_sees(run, SEE_MODES)) {
        return;
    }
    struct watcher *watcher = g_new0(struct watcher, 1);
    watcher->customer = (struct customer){run, RUN_CUSTOMERS_MAX};
    watcher->purchase.customer = &watcher->customer;
    run_prng(run, &watcher->prng, "watcher", 0);
    run->shopping++;
    sim_process_run(run->shop_process, "watcher", watcher_main, watcher);
}
