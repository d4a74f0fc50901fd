/* SPDX-License-Identifier: Apache-2.0
 * payment_world.c: opening, restarting and emptying the world of payment tests, and asking it. */
#include "support/payment_world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/log.h"
#include "gateway/stripe/stripe_sign.h"
#include "meter/meter.h"

static struct payment_world the_only_world;
struct payment_world *const the_world = &the_only_world;

static void must(int result, const struct err *err, const char *what) {
    if (result < 0) {
        fail_msg("%s: %s (%s)", what, err->detail, err_name(err->code));
    }
}

/* ---- life ---- */

void payment_world_init(void) {
    test_clock_install();
    crypto_init();
    meter_init();
    setenv("HF_FAKE_KEY", "sk_fake", 1);
    setenv("HF_FAKE_HOOK", FAKE_WEBHOOK_SECRET, 1);
    setenv("HF_FAKE_MASTER", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    if (getenv("HF_TEST_LOG") == NULL) {
        log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
    }
}

/* Two accounts with nobody behind them: what comes to them is what a test takes in. */
static void add_banks(struct gateway_settings settings[2]) {
    static const char *const western[] = {"USD", "EUR"};
    static const char *const chinese[] = {"CNY"};
    settings[0] = (struct gateway_settings){
        .name = "bank-eu",
        .adapter = "bank",
        .options = {{"account_holder", "Shop GmbH"},
                    {"account", "DE02 1203 0000 0000 2020 51"},
                    {"bank", "Test Bank"},
                    {"bic", "BYLADEM1001"},
                    {"virtual_prefix", "990012"},
                    {"short_minor_max", "50"}},
        .option_count = 6,
        .currencies = western,
        .currency_count = 2,
    };
    settings[1] = (struct gateway_settings){
        .name = "bank-cn",
        .adapter = "bank",
        .options = {{"account_holder", "Shop (Shanghai)"},
                    {"account", "1001244309000012345"},
                    {"bank", "Test Bank of China"},
                    {"cnaps", "102290024433"}},
        .option_count = 4,
        .currencies = chinese,
        .currency_count = 1,
    };
}

static void open_gateways(struct payment_world *world) {
    char urls[FAKE_ACCOUNTS][FAKE_URL_CHARS_MAX];
    struct gateway_settings settings[FAKE_ACCOUNTS + 2];
    for (int i = 0; i < world->gateways; i++) {
        fake_account_url(i, urls[i]);
        settings[i] = (struct gateway_settings){
            .name = fake_account_name(i),
            .adapter = "stripe",
            .base_url = urls[i],
            .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
            .credential_count = 2,
            .priority = 10 * (i + 1),
            .callback_due_ms = world->delayed_callbacks ? 3600 * 1000 : 24 * 3600 * 1000,
        };
    }
    struct err err = {0};
    add_banks(settings + world->gateways);
    int count = world->gateways + (world->banks ? 2 : 0);
    must(gateway_registry_open(settings, count, &world->registry, &err), &err,
         "opening the registry");
}

static void open_risk(struct payment_world *world) {
    struct err err = {0};
    if (world->rules != NULL) {
        must(risk_config_read("rules", world->rules, &world->rules_file, &err), &err,
             "reading the rules");
    }
    const struct risk_options options = {
        .store = world->engine.store,
        .client = fake_gateway_client(world->fake),
        .seal = world->seal,
        .config = world->rules_file != NULL ? world->rules_file->risk : NULL,
    };
    must(risk_open(&options, &world->risk, &err), &err, "opening the fraud check");
}

static void open_mode(struct payment_world *world) {
    struct err err = {0};
    const struct mode_options options = {
        .store = world->engine.store,
        .registry = world->registry,
        .control = world->control,
        .risk = world->risk,
        .config = &world->modes,
    };
    world->mode = NULL;
    if (world->with_mode) {
        must(mode_open(&options, &world->mode, &err), &err, "opening the ladder");
    }
}

static void start(struct payment_world *world) {
    struct err err = {0};
    open_gateways(world);
    open_risk(world);
    must(gateway_control_open(world->engine.store, world->registry, &world->control, &err), &err,
         "control");
    must(router_new(world->registry, world->control, NULL, 0, &world->router, &err), &err,
         "router");
    open_mode(world);
    struct payments_options options = {
        .store = world->engine.store,
        .registry = world->registry,
        .control = world->control,
        .router = world->router,
        .client = fake_gateway_client(world->fake),
        .risk = world->risk,
        .mode = world->mode,
        .seal = world->seal,
        .several_per_order = world->several_per_order,
        .gateways_follow = world->gateways_follow,
        .deferral = world->deferral,
        .forward = world->forward,
        .probes = world->probes,
        .probe_count = world->probe_count,
        .alone = world->engine.engine == STORE_SQLITE,
    };
    must(payments_open(&options, &world->payments, &err), &err, "opening payments");
    struct billing_options billing = {.store = world->engine.store, .payments = world->payments};
    must(billing_open(&billing, &world->billing, &err), &err, "opening subscriptions");
}

static void stop(struct payment_world *world) {
    mode_stop(world->mode);
    payments_close(world->payments);
    billing_close(world->billing);
    mode_close(world->mode);
    router_free(world->router);
    gateway_control_close(world->control);
    gateway_registry_close(world->registry);
    risk_close(world->risk);
    risk_config_free(world->rules_file);
    world->rules_file = NULL;
}

void payment_world_open(struct payment_world *ret_world, enum store_engine engine) {
    *ret_world = (struct payment_world){.gateways = FAKE_ACCOUNTS,
                                        .deferral = {.public_url = "https://pay.test"}};
    struct err err = {0};
    engine_open(&ret_world->engine, engine);
    ret_world->fake = fake_gateway_new();
    must(seal_open("env:HF_FAKE_MASTER", &ret_world->seal, &err), &err, "the master key");
    start(ret_world);
}

void payment_world_close(struct payment_world *world) {
    stop(world);
    fake_gateway_free(world->fake);
    seal_close(world->seal);
    test_store_end(&world->engine);
}

void payment_world_restart(struct payment_world *world) {
    stop(world);
    start(world);
}

void payment_world_rules(struct payment_world *world, const char *rules) {
    stop(world);
    world->rules = rules;
    start(world);
}

void payment_world_modes(struct payment_world *world) {
    stop(world);
    world->with_mode = true;
    start(world);
}

static int empty_fn(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    static const char head[] = "UPDATE audit_head SET number = 0, hash = "
                               "'0000000000000000000000000000000000000000000000000000000000000000'";
    static const char *const empty[] = {
        "DELETE FROM payment",
        "DELETE FROM attempt",
        "DELETE FROM operation",
        "DELETE FROM card_name",
        "DELETE FROM card_standing",
        "DELETE FROM card_try",
        "DELETE FROM dispute",
        "DELETE FROM dispute_evidence",
        "DELETE FROM credit_holder",
        "DELETE FROM bank_row",
        "DELETE FROM bank_payout",
        "DELETE FROM deferral",
        "DELETE FROM forward",
        "DELETE FROM forward_gate",
        "DELETE FROM approval",
        "DELETE FROM refund_request",
        "DELETE FROM kb_version",
        "UPDATE kb_head SET seq = 0",
        "DELETE FROM manual_payment",
        "DELETE FROM ticket",
        "DELETE FROM ticket_event",
        "DELETE FROM ticket_turn",
        "DELETE FROM statement",
        "DELETE FROM statement_row",
        "DELETE FROM statement_balance",
        "DELETE FROM own_booking",
        "DELETE FROM statement_upload",
        "DELETE FROM statement_upload_part",
        "DELETE FROM statement_fetch",
        "DELETE FROM movement",
        "DELETE FROM recon_window",
        "DELETE FROM recon_window_item",
        "DELETE FROM reconciliation",
        "DELETE FROM reconciliation_book",
        "DELETE FROM recon_break",
        "DELETE FROM recon_break_event",
        "DELETE FROM recon_break_member",
        "DELETE FROM recon_write_off",
        "DELETE FROM payout_charge",
        "DELETE FROM recon_fee",
        "DELETE FROM recon_fee_row",
        "DELETE FROM repair",
        "DELETE FROM repair_rule",
        "DELETE FROM repair_spent",
        "DELETE FROM repair_switch",
        "DELETE FROM inquiry",
        "DELETE FROM probe",
        "DELETE FROM event",
        "DELETE FROM idempotency",
        "DELETE FROM posting",
        "DELETE FROM callback",
        "DELETE FROM review_case",
        "DELETE FROM webhook_endpoint",
        "DELETE FROM webhook_delivery",
        "DELETE FROM gateway_control",
        "DELETE FROM mode_state",
        "DELETE FROM mode_change",
        "DELETE FROM mode_switch",
        "DELETE FROM mode_sight",
        "DELETE FROM job",
        "DELETE FROM audit_entry",
        "DELETE FROM instance",
        "DELETE FROM plan",
        "DELETE FROM subscription",
        "DELETE FROM invoice",
        "DELETE FROM invoice_try",
        "DELETE FROM setting WHERE key = 'billing.paused'",
        "DELETE FROM risk_decision",
        "DELETE FROM risk_velocity",
        "DELETE FROM risk_listing",
        "DELETE FROM setting WHERE key = 'risk_switch'",
        head,
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(empty); i++) {
        r = sql_put_args(tx, err, empty[i], NULL, 0);
    }
    return r;
}

void payment_world_forget(struct payment_world *world) {
    struct err err = {0};
    store_fault_set(world->engine.store, NULL, NULL);
    stop(world);
    must(store_write(world->engine.store, empty_fn, NULL, &err), &err, "emptying the store");
    fake_gateway_forget(world->fake);
    world->gateways = FAKE_ACCOUNTS;
    world->banks = false;
    world->several_per_order = false;
    world->gateways_follow = false;
    world->deferral = (struct deferral_options){.public_url = "https://pay.test"};
    world->forward = (struct forward_options){0};
    world->delayed_callbacks = false;
    world->probes = NULL;
    world->probe_count = 0;
    world->rules = NULL;
    world->with_mode = false;
    world->modes = (struct mode_config){0};
    start(world);
}

/* ---- asking ---- */

struct caller world_caller(const char *key, const char *request_hash) {
    return (struct caller){.actor = "key:test",
                           .scope = "test",
                           .key = key,
                           .request_hash = request_hash,
                           .request_id = "req_test"};
}

json_t *world_take(struct payment_world *world, int result, struct answer *answer) {
    world->result = result;
    world->status = answer->status;
    world->replayed = answer->replayed;
    if (result < 0) {
        assert_null(answer->json);
        return NULL;
    }
    json_t *json = json_loads(answer->json, 0, NULL);
    assert_non_null(json);
    answer_release(answer);
    return json;
}

struct payment_order world_order(const char *order_id, int64_t amount_minor) {
    return (struct payment_order){
        .order_id = order_id,
        .amount_minor = amount_minor,
        .currency = {"USD"},
        .method = METHOD_CARD,
        .purpose = PURPOSE_ORDER,
        .token = "pm_portable",
        .customer_id = "cus_1",
        .customer_region = "EU",
        .customer_email = "a@example.com",
        .description = "a thing",
    };
}

json_t *world_pay(struct payment_world *world, const char *key, const struct payment_order *order) {
    char hash[160];
    snprintf(hash, sizeof hash, "create %s %lld", order->order_id, (long long)order->amount_minor);
    struct caller caller = world_caller(key, hash);
    struct answer answer = {0};
    world->err = (struct err){0};
    return world_take(world, payment_create(world->payments, &caller, order, &answer, &world->err),
                      &answer);
}

json_t *world_create(struct payment_world *world, const char *key, const char *order_id,
                     int64_t amount_minor) {
    struct payment_order order = world_order(order_id, amount_minor);
    return world_pay(world, key, &order);
}

json_t *world_capture(struct payment_world *world, const char *key, const char *payment_id,
                      int64_t amount_minor, bool final) {
    struct caller caller = world_caller(key, "capture");
    struct answer answer = {0};
    world->err = (struct err){0};
    int r = payment_capture(world->payments, &caller, payment_id, amount_minor, final, &answer,
                            &world->err);
    return world_take(world, r, &answer);
}

json_t *world_cancel(struct payment_world *world, const char *key, const char *payment_id) {
    struct caller caller = world_caller(key, "cancel");
    struct answer answer = {0};
    world->err = (struct err){0};
    int r = payment_cancel(world->payments, &caller, payment_id, "requested_by_customer", &answer,
                           &world->err);
    return world_take(world, r, &answer);
}

json_t *world_refund(struct payment_world *world, const char *key, const char *payment_id,
                     int64_t amount_minor) {
    struct caller caller = world_caller(key, "refund");
    struct answer answer = {0};
    world->err = (struct err){0};
    int r = payment_refund(world->payments, &caller, payment_id, amount_minor,
                           "requested_by_customer", true, &answer, &world->err);
    return world_take(world, r, &answer);
}

json_t *world_choose(struct payment_world *world, const char *key, const char *payment_id,
                     const char *token) {
    struct caller caller = world_caller(key, "choose");
    const struct payment_choice choice = {METHOD_CARD, .token = token};
    struct answer answer = {0};
    world->err = (struct err){0};
    int r = payment_choose(world->payments, &caller, payment_id, &choice, &answer, &world->err);
    return world_take(world, r, &answer);
}

json_t *world_get(struct payment_world *world, const char *payment_id) {
    struct answer answer = {0};
    return world_take(world, payment_get(world->payments, payment_id, &answer, &world->err),
                      &answer);
}

json_t *world_story(struct payment_world *world, const char *payment_id) {
    struct answer answer = {0};
    return world_take(world, payment_story(world->payments, payment_id, &answer, &world->err),
                      &answer);
}

static const json_t *at(const json_t *json, const char *path) {
    char key[64];
    while (json != NULL && path[0] != '\0') {
        size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoll(key, NULL, 10))
                                   : json_object_get(json, key);
        path += length + (path[length] == '.');
    }
    return json;
}

const char *json_at(const json_t *json, const char *key) {
    const json_t *value = at(json, key);
    if (json_is_null(value)) {
        return "null";
    }
    if (!json_is_string(value)) {
        fail_msg("there is no text \"%s\" in the answer", key);
    }
    return json_string_value(value);
}

int64_t int_at(const json_t *json, const char *key) {
    const json_t *value = at(json, key);
    if (!json_is_integer(value)) {
        fail_msg("there is no number \"%s\" in the answer", key);
    }
    return json_integer_value(value);
}

static char *taken(struct payment_world *world, json_t *json, const char *state) {
    must(world->result, &world->err, "taking a payment");
    assert_string_equal(json_at(json, "state"), state);
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    return id;
}

char *world_paid(struct payment_world *world, const char *order_id, int64_t amount_minor) {
    return taken(world, world_create(world, NULL, order_id, amount_minor), "succeeded");
}

char *world_authorized(struct payment_world *world, const char *order_id, int64_t amount_minor) {
    struct payment_order order = world_order(order_id, amount_minor);
    order.capture_later = true;
    return taken(world, world_pay(world, NULL, &order), "authorized");
}

void assert_done(struct payment_world *world, json_t *json, int status, const char *state) {
    if (json == NULL) {
        fail_msg("it failed: %s", world->err.detail);
    }
    assert_int_equal(world->status, status);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

void assert_refused(struct payment_world *world, json_t *json, int code) {
    assert_null(json);
    assert_int_equal(world->result, -code);
    assert_true(world->err.detail[0] != '\0');
}

void assert_payment(struct payment_world *world, const char *payment_id, const char *state) {
    json_t *json = world_get(world, payment_id);
    assert_non_null(json);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

/* ---- callbacks ---- */

int world_callback_raw(struct payment_world *world, int account, const char *body,
                       const char *secret, int64_t at_us) {
    struct stripe_secret key = {secret, strlen(secret)};
    char signature[STRIPE_SIGNATURE_CHARS_MAX + 1];
    stripe_sign(&key, at_us / US_PER_SECOND, body, strlen(body), signature);
    const struct http_header headers[] = {{"Stripe-Signature", signature},
                                          {"Content-Type", "application/json"}};
    struct http_request request = {
        .method = "POST",
        .path = "/callbacks",
        .query = "",
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body,
        .body_bytes = strlen(body),
        .peer = "203.0.113.7",
        .id = "req_callback",
    };
    struct http_reply reply = {0};
    buf_init(&reply.headers, 4096);
    buf_init(&reply.body, 4096);
    struct err err = {0};
    int r = callback_receive(world->payments, fake_account_name(account), &request, &reply, &err);
    buf_release(&reply.headers);
    buf_release(&reply.body);
    return r < 0 ? err_http_status(err.code) : reply.status;
}

int world_callback(struct payment_world *world, int event_index) {
    struct fake_event event = fake_event(world->fake, event_index);
    return world_callback_raw(world, event.account, event.body, FAKE_WEBHOOK_SECRET,
                              clock_wall_us());
}

void world_callbacks(struct payment_world *world, int from) {
    for (int i = from; i < fake_event_count(world->fake); i++) {
        assert_int_equal(world_callback(world, i), 200);
    }
}

/* ---- time ---- */

int world_tick(struct payment_world *world) {
    struct err err = {0};
    int done = payments_tick(world->payments, &err);
    must(done, &err, "a round of what runs by itself");
    return done;
}

void world_pass(struct payment_world *world, int64_t us) {
    test_clock_advance(us);
    while (world_tick(world) > 0) {
    }
}

static int64_t unresolved(struct payment_world *world) {
    return world_int(world, "SELECT (SELECT COUNT(*) FROM attempt WHERE state IN (1, 2, 4)) + "
                            "(SELECT COUNT(*) FROM operation WHERE state IN (1, 2, 3)) + "
                            "(SELECT COUNT(*) FROM callback WHERE state IN (1, 4)) + "
                            "(SELECT COUNT(*) FROM dispute WHERE answer_state IN (1, 2)) + "
                            "(SELECT COUNT(*) FROM webhook_delivery WHERE state = 1)");
}

void world_settle_all(struct payment_world *world) {
    static const int64_t steps_s[] = {0, 2, 10, 30, 60, 300, 900, 1800, 3600};
    for (int i = 0; i < 150; i++) {
        int64_t step_s = steps_s[i < (int)COUNT_OF(steps_s) ? i : (int)COUNT_OF(steps_s) - 1];
        test_clock_advance(step_s * US_PER_SECOND);
        (void)world_tick(world);
        if (unresolved(world) == 0) {
            return;
        }
    }
    fail_msg("%lld things are still unresolved after a week", (long long)unresolved(world));
}

/* ---- judging ---- */

static json_t *verify(struct payment_world *world) {
    struct answer answer = {0};
    struct err err = {0};
    int r = payments_verify(world->payments, &answer, &err);
    must(r, &err, "verifying");
    json_t *json = json_loads(answer.json, 0, NULL);
    answer_release(&answer);
    assert_non_null(json);
    return json;
}

void world_verify(struct payment_world *world) {
    json_t *json = verify(world);
    const json_t *broken = json_object_get(json, "broken");
    if (json_array_size(broken) > 0) {
        char *text = json_dumps(broken, JSON_INDENT(1));
        print_message("%s\n", text);
        free(text);
        fail_msg("an invariant is broken");
    }
    json_decref(json);
}

int world_broken(struct payment_world *world, const char *rule) {
    json_t *json = verify(world);
    const json_t *broken = json_object_get(json, "broken");
    int count = 0;
    for (size_t i = 0; i < json_array_size(broken); i++) {
        count += strcmp(json_at(json_array_get(broken, i), "rule"), rule) == 0;
    }
    json_decref(json);
    return count;
}

void world_books_equal(struct payment_world *world) {
    struct answer answer = {0};
    json_t *json = world_take(world, ledger_overview(world->payments, &answer, &world->err),
                              &answer);
    assert_non_null(json);
    static const char *const currencies[] = {"USD", "CAD", "EUR"};
    for (int i = 0; i < FAKE_ACCOUNTS; i++) {
        for (size_t c = 0; c < COUNT_OF(currencies); c++) {
            struct fake_book theirs, ours = {0};
            fake_book(world->fake, i, currencies[c], &theirs);
            const json_t *books = json_object_get(json, "books");
            for (size_t k = 0; k < json_array_size(books); k++) {
                const json_t *book = json_array_get(books, k);
                if (strcmp(json_at(book, "gateway"), fake_account_name(i)) == 0 &&
                    strcmp(json_at(book, "currency"), currencies[c]) == 0) {
                    ours.taken_minor = int_at(book, "taken");
                    ours.returned_minor = int_at(book, "returned");
                }
            }
            if (ours.taken_minor != theirs.taken_minor ||
                ours.returned_minor != theirs.returned_minor) {
                fail_msg("%s %s: we say %lld taken and %lld returned, it says %lld and %lld",
                         fake_account_name(i), currencies[c], (long long)ours.taken_minor,
                         (long long)ours.returned_minor, (long long)theirs.taken_minor,
                         (long long)theirs.returned_minor);
            }
        }
    }
    json_decref(json);
}

static int orders_fn(struct store_tx *tx, void *ctx, struct err *err) {
    struct payment_world *world = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT DISTINCT order_id FROM payment");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (fake_charged(world->fake, sql_text(rows, 0), NULL) > 1) {
            return err_set(err, ERR_INTERNAL, "order %s was charged more than once",
                           sql_text(rows, 0));
        }
    }
    return r;
}

void world_check(struct payment_world *world) {
    world_verify(world);
    world_books_equal(world);
    struct err err = {0};
    must(store_read(world->engine.store, orders_fn, world, &err), &err, "charges by order");
}

int64_t world_int(struct payment_world *world, const char *sql) {
    return engine_int(&world->engine, sql);
}

int64_t world_events(struct payment_world *world, const char *type) {
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM event WHERE type = '%s'", type);
    return world_int(world, sql);
}

char *world_text(struct payment_world *world, const char *sql) {
    return engine_text(&world->engine, sql);
}

void assert_text(struct payment_world *world, const char *sql, const char *expected) {
    char *text = world_text(world, sql);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- groups ---- */

static int open_sqlite(void **state) {
    payment_world_open(the_world, STORE_SQLITE);
    *state = the_world;
    return 0;
}

static int open_postgres(void **state) {
    payment_world_open(the_world, STORE_POSTGRES);
    *state = the_world;
    return 0;
}

static int close_world(void **state) {
    (void)state;
    payment_world_close(the_world);
    return 0;
}

static int empty_world(void **state) {
    (void)state;
    payment_world_forget(the_world);
    return 0;
}

int payment_world_run(const char *name, const struct CMUnitTest *tests, size_t count) {
    enum { TESTS_MAX = 64 };
    struct CMUnitTest all[TESTS_MAX];
    INVARIANT(count <= TESTS_MAX, "a group of that many tests");
    for (size_t i = 0; i < count; i++) {
        all[i] = tests[i];
        all[i].setup_func = empty_world;
    }
    char title[160];
    snprintf(title, sizeof title, "%s on SQLite", name);
    int failed = _cmocka_run_group_tests(title, all, count, open_sqlite, close_world);
    snprintf(title, sizeof title, "%s on PostgreSQL", name);
    return failed + _cmocka_run_group_tests(title, all, count, open_postgres, close_world);
}
