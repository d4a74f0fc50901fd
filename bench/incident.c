/* SPDX-License-Identifier: Apache-2.0
 * incident.c: how long the blast radius of an incident and the gate before "resolved" take.
 * Usage: bench_incident URL PAYMENTS
 * Fills an empty database with so many payments of the last 24 hours, one in ten failed, each with
 * an attempt and, when it was charged, a posting; then takes each three times, and prints the
 * median and the peak of resident memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/crypto.h"
#include "base/id.h"
#include "incident/blast.h"
#include "incident/gate.h"
#include "meter/meter.h"
#include "store/migrate.h"

enum { BATCH = 10000, ROUNDS = 3 };
#define DAY_US (INT64_C(86400) * US_PER_SECOND)

static struct store *store;
static int64_t from_us, all;

static void must(int result, const struct err *err, const char *what) {
    if (result < 0) {
        (void)fprintf(stderr, "%s: %s\n", what, err->detail);
        exit(1);
    }
}

static void make_id(const char *prefix, int64_t at_us, int64_t number, char ret_id[ID_TEXT_MAX]) {
    char digits[24];
    id_floor(prefix, at_us, ret_id);
    snprintf(digits, sizeof digits, "%010lld", (long long)number);
    memcpy(ret_id + strlen(ret_id) - 10, digits, 10);
}

static int plant(struct store_tx *tx, int64_t number, struct err *err) {
    static const char *const gateways[] = {"stripe-eu", "stripe-us", "alipay-cn", "wechat-cn"};
    static const char *const regions[] = {"DE", "US", "CN", "FR", "JP"};
    char id[ID_TEXT_MAX], attempt[ID_TEXT_MAX], posting[ID_TEXT_MAX], order[40];
    int64_t at_us = from_us + number * (DAY_US / all);
    bool good = number % 10 != 3;
    make_id("pay", at_us, number, id);
    make_id("att", at_us, number, attempt);
    make_id("pst", at_us, number, posting);
    snprintf(order, sizeof order, "order-%lld", (long long)number);
    const char *gateway = gateways[number % 4], *currency = number % 4 < 2 ? "EUR" : "CNY";
    int r = sql_put(
        tx, err,
        "INSERT INTO payment (id, version, order_id, holds_order, state, amount_minor, currency, "
        "method, purpose, capture_later, authorized_minor, captured_minor, refunded_minor, "
        "refund_reserved_minor, disputed_minor, customer_id, customer_region, customer_vip, "
        "customer_email, customer_ip, tokens, return_url, cancel_url, description, metadata, "
        "action, action_url, failure_code, failure_message, review, was_unknown, attempts, "
        "gateway, created_us, updated_us) VALUES ($1, 1, $2, $3, $4, 1000, $5, $6, '1', 0, 0, $7, "
        "0, 0, 0, $2, $8, 0, '', '', '{}', '', '', '', '{}', '', '', '', '', '', 0, 1, $9, $10, "
        "$10)",
        S_TEXT(id), S_TEXT(order), good ? S_INT(1) : S_NULL, S_INT(good ? 5 : 6),
        S_TEXT(currency), S_INT(1 + number % 4), S_INT(good ? 1000 : 0),
        S_TEXT(regions[number % 5]), S_TEXT(gateway), S_INT(at_us));
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO attempt (id, payment_id, number, gateway, state, live, "
                        "amount_minor, currency, token, decision, outcome, source, gateway_id, "
                        "charge_id, code, common_code, message, trace, http_status, reach, "
                        "duration_us, was_unknown, owner, lease_us, sent_us, created_us, "
                        "settled_us, callback_due_us, callback_us) VALUES ($1, $2, 1, $3, $4, $5, "
                        "1000, $6, '', '{}', 0, '', '', '', $7, $7, '', '', 0, 0, 0, 0, '', 0, 0, "
                        "$8, 0, 0, 0)",
                        S_TEXT(attempt), S_TEXT(id), S_TEXT(gateway), S_INT(good ? 6 : 8),
                        good ? S_INT(1) : S_NULL, S_TEXT(currency),
                        S_TEXT(good ? "" : "connection_failed"), S_INT(at_us));
    return r < 0 || !good
               ? r
               : sql_put(tx, err,
                         "INSERT INTO posting (id, journal_id, kind, payment_id, debit_account, "
                         "credit_account, amount_minor, currency, at_us) VALUES ($1, $2, 1, $3, "
                         "'a', 'b', 1000, $4, $5)",
                         S_TEXT(posting), S_TEXT(attempt), S_TEXT(id), S_TEXT(currency),
                         S_INT(at_us));
}

static int fill_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t first = *(int64_t *)ctx;
    int r = 0;
    for (int64_t i = first; r >= 0 && i < first + BATCH && i < all; i++) {
        r = plant(tx, i, err);
    }
    return r;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

typedef void round_fn(const struct incident_scope *scope);

static void take_blast(const struct incident_scope *scope) {
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, BLAST_BYTES_MAX);
    must(blast_take(store, scope, &buf, &err), &err, "blast radius");
}

static void take_file(const struct incident_scope *scope) {
    struct err err = {0};
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024 * 1024);
    int r = blast_export(store, scope, SHEET_CSV, &buf, &err);
    must(r == -ERR_TOO_LARGE ? 0 : r, &err, "affected orders");
}

static void take_gate(const struct incident_scope *scope) {
    struct err err = {0};
    struct gate *gate = NULL;
    struct gate_verdict verdict;
    const struct gate_options options = {.store = store};
    const struct gate_subject subject = {
        .incident_id = "inc_1", .scope = *scope, .mitigated_us = scope->until_us};
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    must(gate_open(&options, &gate, &err), &err, "gate");
    must(gate_look(gate, &subject, arena, &verdict, &err), &err, "gate");
    gate_close(gate);
}

static void time_it(const char *name, round_fn *fn, const struct incident_scope *scope) {
    int64_t took[ROUNDS];
    struct rusage usage;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t begun = clock_mono_us();
        fn(scope);
        took[i] = clock_mono_us() - begun;
    }
    qsort(took, ROUNDS, sizeof took[0], by_size);
    getrusage(RUSAGE_SELF, &usage);
    printf("%-28s %7.2f s (%.2f to %.2f)   peak %ld MB\n", name, (double)took[1] / 1e6,
           (double)took[0] / 1e6, (double)took[2] / 1e6, usage.ru_maxrss / 1024);
}

int main(int argc, char **argv) {
    struct err err = {0};
    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_incident URL PAYMENTS\n");
        return 2;
    }
    crypto_init();
    meter_init();
    all = strtoll(argv[2], NULL, 10);
    from_us = clock_wall_us() - DAY_US - 60 * 60 * US_PER_SECOND;
    const struct store_options options = {.url = argv[1]};
    must(store_open(&options, &store, &err), &err, "opening");
    must(migrate_apply(store, NULL, NULL, &err), &err, "migrating");
    for (int64_t i = 0; i < all; i += BATCH) {
        must(store_write(store, fill_tx, &i, &err), &err, "filling");
    }
    struct incident_scope scope = {.from_us = from_us, .until_us = from_us + DAY_US};
    struct incident_scope one = scope, half = scope;
    must(scope_add(&one.gateways, "alipay-cn", &err), &err, "scope");
    half.until_us = from_us + DAY_US / 2;
    time_it("blast radius, all", take_blast, &scope);
    time_it("blast radius, one gateway", take_blast, &one);
    time_it("affected orders", take_file, &one);
    time_it("gate, half before the fix", take_gate, &half);
    store_close(store);
    return 0;
}
