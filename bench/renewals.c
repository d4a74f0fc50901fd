/* SPDX-License-Identifier: Apache-2.0
 * renewals.c: so many subscriptions that become due at one minute, and how fast they are charged.
 *
 *   renewals DATABASE COUNT
 *
 * DATABASE is an empty one ("sqlite:/tmp/x.db" or a libpq string). The gateway is a function that
 * answers at once: what is measured is the job, the payment with its postings and events, and the
 * invoice, all durable. Prints one line of figures; exit status 1 when a period was not charged, or
 * was charged twice. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/task.h"
#include "billing/billing.h"
#include "meter/meter.h"
#include "store/migrate.h"

enum { COUNT_MAX = 1000000, BATCH = 1000, BODY_BYTES_MAX = 512 };
#define PATIENCE_US (1800 * US_PER_SECOND)

static atomic_llong charges;

static int answer(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                  struct err *err) {
    static const struct http_header headers[] = {{"Content-Type", "application/json"}};
    char body[BODY_BYTES_MAX];
    (void)ctx;
    (void)call;
    (void)err;
    long long number = atomic_fetch_add(&charges, 1) + 1;
    int bytes = snprintf(body, sizeof body,
                         "{\"id\":\"pi_%lld\",\"object\":\"payment_intent\",\"status\":"
                         "\"succeeded\",\"amount\":900,\"amount_received\":900,\"currency\":"
                         "\"usd\",\"latest_charge\":\"ch_%lld\",\"metadata\":{}}",
                         number, number);
    http_answer_fill(ret_answer, 200, headers, COUNT_OF(headers), body, (size_t)bytes);
    return 0;
}

static void must(int r, const struct err *err, const char *what) {
    if (r < 0) {
        fprintf(stderr, "renewals: %s: %s\n", what, err->detail);
        exit(1);
    }
}

struct fill {
    const char *plan_id;
    int64_t due_us;
    int count;
};

static int fill_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct fill *fill = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < fill->count; i++) {
        struct subscription_id id = subscription_id_new();
        r = sql_put(tx, err,
                    "INSERT INTO subscription (id, version, customer_id, customer_email, "
                    "customer_region, plan_id, next_plan_id, method, tokens, description, "
                    "metadata, state, time_zone, anchor_number, anchor_local_s, anchor_day, "
                    "period, period_start_us, period_end_us, cancel_at_end, reason, created_us, "
                    "updated_us, ended_us) VALUES ($1, 1, 'c', '', '', $2, '', 1, "
                    "'{\"\":\"pm\"}', '', '{}', 1, 'Europe/Berlin', 1, $3, 1, 0, $4, $4, 0, '', "
                    "$4, $4, 0)",
                    S_TEXT(id.text), S_TEXT(fill->plan_id), S_INT(fill->due_us / US_PER_SECOND),
                    S_INT(fill->due_us));
        r = r < 0 ? r : job_put(tx, "renewal", id.text, fill->due_us, "", err);
    }
    return r;
}

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*), COUNT(DISTINCT subscription_id) FROM invoice WHERE "
                      "state = 2");
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        ((int64_t *)ctx)[0] = sql_int(rows, 0);
        ((int64_t *)ctx)[1] = sql_int(rows, 1);
    }
    return r < 0 ? r : 0;
}

struct house {
    struct store *store;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct router *router;
    struct seal *seal;
    struct payments *payments;
    struct billing *billing;
};

static void open_house(struct house *house, const char *url) {
    static const struct http_client_ops ops = {answer, NULL};
    struct err err = {0};
    setenv("BENCH_KEY", "sk_bench", 1);
    setenv("BENCH_SEAL", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    const struct gateway_settings gateway = {
        .name = "stripe",
        .adapter = "stripe",
        .base_url = "http://127.0.0.1:1",
        .credentials = {{"api_key", "env:BENCH_KEY"}, {"webhook_secret", "env:BENCH_KEY"}},
        .credential_count = 2,
        .callback_due_ms = 24 * 3600 * 1000,
    };
    must(store_open(&(struct store_options){.url = url}, &house->store, &err), &err, "store");
    must(migrate_apply(house->store, NULL, NULL, &err), &err, "schema");
    must(gateway_registry_open(&gateway, 1, &house->registry, &err), &err, "gateway");
    must(gateway_control_open(house->store, house->registry, &house->control, &err), &err,
         "control");
    must(router_new(house->registry, house->control, NULL, 0, &house->router, &err), &err,
         "router");
    must(seal_open("env:BENCH_SEAL", &house->seal, &err), &err, "seal");
    const struct payments_options options = {
        .store = house->store,
        .registry = house->registry,
        .control = house->control,
        .router = house->router,
        .client = http_client_custom(&ops, NULL),
        .seal = house->seal,
        .alone = store_engine(house->store) == STORE_SQLITE,
    };
    must(payments_open(&options, &house->payments, &err), &err, "payments");
    must(billing_open(&(struct billing_options){.store = house->store, .payments = house->payments},
                      &house->billing, &err),
         &err, "billing");
}

static void make_plan(const struct house *house, char ret_id[ID_TEXT_MAX]) {
    const struct caller caller = {.actor = "bench", .scope = "", .request_hash = ""};
    const struct plan_order order = {.name = "Monthly",
                                     .amount_minor = 900,
                                     .currency = {"USD"},
                                     .unit = UNIT_MONTH,
                                     .unit_count = 1,
                                     .when_unpaid = UNPAID_CANCEL};
    struct err err = {0};
    ANSWER_AUTO made = {0};
    must(plan_create(house->billing, &caller, &order, &made, &err), &err, "plan");
    json_t *json = json_loads(made.json, 0, NULL);
    snprintf(ret_id, ID_TEXT_MAX, "%s", json_string_value(json_object_get(json, "id")));
    json_decref(json);
}

int main(int argc, char **argv) {
    int count = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (count < 1 || count > COUNT_MAX) {
        fprintf(stderr, "usage: renewals DATABASE COUNT\n");
        return 2;
    }
    struct house house;
    struct err err = {0};
    char plan_id[ID_TEXT_MAX];
    crypto_init();
    meter_init();
    open_house(&house, argv[1]);
    make_plan(&house, plan_id);
    struct fill fill = {plan_id, clock_wall_us() - US_PER_SECOND, BATCH};
    for (int left = count; left > 0; left -= fill.count) {
        fill.count = left < BATCH ? left : BATCH;
        must(store_write(house.store, fill_tx, &fill, &err), &err, "filling");
    }
    int64_t began = clock_mono_us(), paid[2] = {0};
    must(payments_start(house.payments, &err), &err, "starting");
    while (paid[0] < count && clock_mono_us() - began < PATIENCE_US) {
        task_sleep_us(200 * US_PER_MS);
        must(store_read(house.store, count_tx, paid, &err), &err, "counting");
    }
    int64_t took_us = clock_mono_us() - began;
    payments_stop(house.payments);
    long long charged = atomic_load(&charges);
    printf("renewals=%d seconds=%.2f per_s=%.0f charges=%lld\n", count,
           (double)took_us / US_PER_SECOND, (double)count * US_PER_SECOND / (double)took_us,
           charged);
    return paid[0] == count && paid[1] == count && charged == count ? 0 : 1;
}
