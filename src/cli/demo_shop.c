/* SPDX-License-Identifier: Apache-2.0
 * demo_shop.c: see demo_shop.h. Customers arrive on a schedule that does not wait for answers; who
 * finds every task busy is served late, and the wait counts from the arrival. */
#include "cli/demo_shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"

enum { CUSTOMERS = 250, ORDERS_MAX = 200000, STATE_CHARS = 20, CUSTOMER_STACK_BYTES = 256 * 1024 };
#define PATIENCE_US (60 * US_PER_SECOND)
#define AGAIN_US (250 * US_PER_MS)

struct shop {
    struct stage *stage;
    int64_t run, seed, began_us, gap_us;
    struct lock lock; /* guards all below */
    struct cond wake;
    bool closed;
    int64_t next;
    struct shop_view view;
    int64_t recent_at_s;
    struct task *tasks[CUSTOMERS];
    char (*told)[STATE_CHARS];
};

struct purchase {
    char order_id[48], key[64], body[512];
    bool refund;
};

static void write_purchase(const struct shop *shop, int64_t order, struct purchase *purchase) {
    static const char *const currencies[] = {"USD", "EUR", "GBP", "JPY"};
    struct prng prng;
    prng_init(&prng, (uint64_t)(shop->seed + order));
    bool declined = prng_below(&prng, 100) < 3;
    int64_t amount = 500 + (int64_t)prng_below(&prng, 20000);
    purchase->refund = !declined && prng_below(&prng, 100) < 4;
    snprintf(purchase->order_id, sizeof purchase->order_id, "demo-%lld-%06lld",
             (long long)shop->run, (long long)order);
    snprintf(purchase->key, sizeof purchase->key, "key-%s", purchase->order_id);
    snprintf(
        purchase->body, sizeof purchase->body,
        "{\"order_id\":\"%s\",\"amount\":%lld,\"currency\":\"%s\",\"method\":\"card\",\"tokens\":{"
        "\"stripe-eu\":\"%s.%lld\",\"paypal-eu\":\"%s.%lld\"},\"customer\":{\"id\":\"cust-%lld\","
        "\"region\":"
        "\"DE\"}}",
        purchase->order_id, (long long)amount, currencies[prng_below(&prng, COUNT_OF(currencies))],
        declined ? "pm_card_visa_chargeDeclined" : "pm_card_visa", (long long)order,
        declined ? "vault_declined_INSTRUMENT_DECLINED" : "vault_visa", (long long)order,
        (long long)(order % 500));
}

/* Repeats the same request with the same key until there is an answer that is not "try again". */
static json_t *ask_until(struct shop *shop, const char *path, const char *key, const char *body,
                         int *ret_tries) {
    int64_t give_up = clock_mono_us() + PATIENCE_US;
    for (*ret_tries = 1; clock_mono_us() < give_up; ++*ret_tries) {
        json_t *answer = NULL;
        int status = 0;
        struct err err = {0};
        int r = stage_post(shop->stage, path, key, body, &status, &answer, &err);
        bool in_flight = status == 409 && strstr(json_peek_text(answer, "type", NULL) != NULL
                                                     ? json_peek_text(answer, "type", NULL)
                                                     : "",
                                                 "in-flight") != NULL;
        if (r >= 0 && status < 500 && status != 429 && !in_flight) {
            return answer;
        }
        json_decref(answer);
        task_sleep_us(AGAIN_US);
    }
    return NULL;
}

static void record(struct shop *shop, int64_t order, const char *state, int64_t wait_us,
                   int tries) {
    lock_take(&shop->lock);
    struct shop_view *view = &shop->view;
    snprintf(shop->told[order], STATE_CHARS, "%s", state);
    view->answered++;
    view->waiting--;
    view->retried += tries > 1;
    view->succeeded += strcmp(state, "succeeded") == 0;
    view->processing += strcmp(state, "processing") == 0;
    view->declined += strcmp(state, "failed") == 0;
    view->other += strcmp(state, "succeeded") != 0 && strcmp(state, "processing") != 0 &&
                   strcmp(state, "failed") != 0;
    view->longest_wait_us = wait_us > view->longest_wait_us ? wait_us : view->longest_wait_us;
    int64_t now_s = clock_mono_us() / US_PER_SECOND;
    if (now_s != shop->recent_at_s) {
        shop->recent_at_s = now_s;
        view->recent_wait_us = 0;
    }
    view->recent_wait_us = wait_us > view->recent_wait_us ? wait_us : view->recent_wait_us;
    lock_give(&shop->lock);
}

static void buy(struct shop *shop, int64_t order, int64_t arrived_us) {
    struct purchase purchase;
    int tries = 0;
    write_purchase(shop, order, &purchase);
    JSON_AUTO answer = ask_until(shop, "/v1/payments", purchase.key, purchase.body, &tries);
    const char *state = json_peek_text(answer, "state", NULL);
    const char *id = json_peek_text(answer, "id", NULL);
    record(shop, order, state != NULL ? state : "refused", clock_mono_us() - arrived_us, tries);
    if (!purchase.refund || id == NULL || state == NULL || strcmp(state, "succeeded") != 0) {
        return;
    }
    char path[96], key[80];
    snprintf(path, sizeof path, "/v1/payments/%s/refunds", id);
    snprintf(key, sizeof key, "refund-%s", purchase.order_id);
    JSON_AUTO refund = ask_until(shop, path, key,
                                 "{\"amount\":100,\"reason\":\"requested_by_customer\"}", &tries);
    if (json_peek_text(refund, "id", NULL) == NULL) {
        return; /* refused, or nobody answered in time */
    }
    lock_take(&shop->lock);
    shop->view.refunds++;
    lock_give(&shop->lock);
}

static void customer(void *arg) {
    struct shop *shop = arg;
    lock_take(&shop->lock);
    while (!shop->closed && shop->next < ORDERS_MAX) {
        int64_t order = shop->next++;
        int64_t arrives_us = shop->began_us + order * shop->gap_us;
        while (!shop->closed && clock_mono_us() < arrives_us) {
            cond_wait_until(&shop->wake, &shop->lock, arrives_us);
        }
        if (shop->closed) {
            shop->next = shop->next > order ? shop->next : order;
            break;
        }
        shop->view.asked++;
        shop->view.waiting++;
        lock_give(&shop->lock);
        buy(shop, order, arrives_us);
        lock_take(&shop->lock);
    }
    lock_give(&shop->lock);
}

int shop_open(struct stage *stage, int rate_per_s, uint64_t seed, struct shop **ret_shop,
              struct err *err) {
    struct shop *shop = calloc(1, sizeof *shop);
    char(*told)[STATE_CHARS] = calloc(ORDERS_MAX, sizeof *told);
    if (shop == NULL || told == NULL) {
        free(shop);
        free(told);
        return err_set(err, ERR_INTERNAL, "no memory for the shop");
    }
    shop->stage = stage;
    shop->told = told;
    shop->run = clock_wall_us() / US_PER_SECOND;
    shop->seed = (int64_t)seed;
    shop->gap_us = US_PER_SECOND / rate_per_s;
    shop->began_us = clock_mono_us();
    lock_init(&shop->lock);
    cond_init(&shop->wake);
    for (int i = 0; i < CUSTOMERS; i++) {
        shop->tasks[i] = task_start("customer", CUSTOMER_STACK_BYTES, customer, shop);
    }
    *ret_shop = shop;
    return 0;
}

void shop_look(struct shop *shop, struct shop_view *ret_view) {
    lock_take(&shop->lock);
    *ret_view = shop->view;
    lock_give(&shop->lock);
}

void shop_close_doors(struct shop *shop) {
    lock_take(&shop->lock);
    shop->closed = true;
    cond_broadcast(&shop->wake);
    lock_give(&shop->lock);
    for (int i = 0; i < CUSTOMERS; i++) {
        if (shop->tasks[i] != NULL) {
            task_join(shop->tasks[i]);
            shop->tasks[i] = NULL;
        }
    }
}

const char *shop_told(struct shop *shop, int64_t order, char ret_order_id[48]) {
    struct purchase purchase;
    write_purchase(shop, order, &purchase);
    memcpy(ret_order_id, purchase.order_id, sizeof purchase.order_id);
    return shop->told[order];
}

void shop_free(struct shop *shop) {
    if (shop == NULL) {
        return;
    }
    shop_close_doors(shop);
    cond_free(&shop->wake);
    lock_free(&shop->lock);
    free(shop->told);
    free(shop);
}
