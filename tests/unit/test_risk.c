/* SPDX-License-Identifier: Apache-2.0
 * test_risk.c: rules, velocities and lists on both engines: what holds, where its bounds are, and
 * that what is tried against the past decides as what was live. */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/task.h"
#include "meter/meter.h"
#include "net/ip_range.h"
#include "risk/risk.h"
#include "risk/risk_config.h"
#include "risk/rules.h"
#include "support/both_engines.h"

#define MINUTE (60 * US_PER_SECOND)
#define NOON (INT64_C(1763726400) * US_PER_SECOND)

static struct test_store engine;
static struct seal *seal;
static struct http_client *client;
static struct risk_file *file;
static struct risk *risk;
static int decisions;

/* ---- the fixture ---- */

static int no_call(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                   struct err *err) {
    (void)ctx;
    (void)call;
    (void)ret_answer;
    (void)err;
    fail_msg("nobody is to be called");
    return 0;
}

static void close_rules(void) {
    risk_close(risk);
    risk_config_free(file);
    risk = NULL;
    file = NULL;
}

static int try_rules(const char *yaml, struct err *err) {
    close_rules();
    int r = risk_config_read("rules", yaml, &file, err);
    if (r < 0) {
        return r;
    }
    const struct risk_options options = {
        .store = engine.store, .client = client, .seal = seal, .config = file->risk};
    return risk_open(&options, &risk, err);
}

static void use_rules(const char *yaml) {
    struct err err = {0};
    if (try_rules(yaml, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
}

static int empty(void **state) {
    (void)state;
    close_rules();
    engine_exec(&engine, "DELETE FROM risk_decision");
    engine_exec(&engine, "DELETE FROM risk_velocity");
    engine_exec(&engine, "DELETE FROM risk_listing");
    engine_exec(&engine, "DELETE FROM setting WHERE key = 'risk_switch'");
    return 0;
}

static struct risk_facts facts_of(const char *customer, int64_t amount_minor, int64_t at_us) {
    static char subject[32];
    snprintf(subject, sizeof subject, "pay_%d", ++decisions);
    return (struct risk_facts){
        .subject = subject,
        .number = 1,
        .order_id = "order",
        .customer_id = customer,
        .email = "",
        .ip = "",
        .region = "",
        .card = "",
        .amount_minor = amount_minor,
        .currency = {"USD"},
        .method = "card",
        .purpose = "order",
        .at_us = at_us,
    };
}

struct deciding {
    const struct risk_facts *facts;
    struct risk_scored scored;
    struct risk_decision decision;
};

static int decide_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct deciding *deciding = ctx;
    return risk_decide(risk, tx, deciding->facts, &deciding->scored, &deciding->decision, err);
}

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct deciding *deciding = ctx;
    return risk_look(risk, tx, deciding->facts, &deciding->decision, err);
}

static struct risk_decision decide(const struct risk_facts *facts) {
    struct deciding deciding = {.facts = facts};
    struct err err = {0};
    if (store_write(engine.store, decide_tx, &deciding, &err) < 0) {
        fail_msg("deciding: %s", err.detail);
    }
    return deciding.decision;
}

static enum risk_action of_customer(const char *customer, int64_t at_us) {
    struct risk_facts facts = facts_of(customer, 100, at_us);
    return decide(&facts).action;
}

/* ---- conditions ---- */

/* Does the rule hold for these facts? Nothing is counted. */
static bool holds(const struct risk_facts *facts) {
    struct deciding deciding = {.facts = facts};
    struct err err = {0};
    if (store_read(engine.store, look_tx, &deciding, &err) < 0) {
        fail_msg("looking: %s", err.detail);
    }
    return deciding.decision.action == RISK_DENY;
}

#define ONE(condition) "risk: {rules: [{name: one, says: s, action: deny, all: [" condition "]}]}"

static void an_amount_is_between_its_bounds_in_its_currency(void **state) {
    (void)state;
    use_rules(ONE("{amount_min: 100, amount_max: 200, currency: USD}"));
    static const struct {
        int64_t amount;
        bool holds;
    } rows[] = {{99, false}, {100, true}, {200, true}, {201, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct risk_facts facts = facts_of("c", rows[i].amount, NOON);
        assert_int_equal(holds(&facts), rows[i].holds);
        facts.currency = (struct currency){"EUR"};
        assert_false(holds(&facts));
    }
}

static void a_region_is_in_or_out_and_an_unknown_one_is_neither(void **state) {
    (void)state;
    struct risk_facts facts = facts_of("c", 100, NOON);
    use_rules(ONE("{regions: [DE, FR]}"));
    facts.region = "FR";
    assert_true(holds(&facts));
    facts.region = "US";
    assert_false(holds(&facts));
    facts.region = "";
    assert_false(holds(&facts));
    use_rules(ONE("{regions_not: [DE, FR]}"));
    assert_false(holds(&facts));
    facts.region = "US";
    assert_true(holds(&facts));
    facts.region = "DE";
    assert_false(holds(&facts));
}

static void method_purpose_and_vip_are_asked_for(void **state) {
    (void)state;
    struct risk_facts facts = facts_of("c", 100, NOON);
    use_rules(ONE("{methods: [card, paypal]}"));
    assert_true(holds(&facts));
    facts.method = "alipay";
    assert_false(holds(&facts));
    use_rules(ONE("{purposes: [topup]}"));
    assert_false(holds(&facts));
    facts.purpose = "topup";
    assert_true(holds(&facts));
    use_rules(ONE("{vip: false}"));
    assert_true(holds(&facts));
    facts.vip = true;
    assert_false(holds(&facts));
    use_rules(ONE("{vip: true}"));
    assert_true(holds(&facts));
}

static void all_must_hold_and_of_any_one(void **state) {
    (void)state;
    struct risk_facts facts = facts_of("c", 100, NOON);
    use_rules("risk: {rules: [{name: one, says: s, action: deny, all: [{methods: [card]}, {vip: "
              "false}], any: [{regions: [DE]}, {amount_min: 100, currency: USD}]}]}");
    assert_true(holds(&facts));
    facts.amount_minor = 99;
    assert_false(holds(&facts));
    facts.region = "DE";
    assert_true(holds(&facts));
    facts.vip = true;
    assert_false(holds(&facts));
}

/* ---- velocity ---- */

static struct listing_id list(enum risk_list list, enum risk_by by, const char *value,
                              int64_t expires_us);

static const char five_in_ten_minutes[] =
    "risk: {rules: [{name: fast, says: Too fast, action: deny, all: [{velocity: {by: customer, "
    "over: 10m, count: 5}}]}]}";

static void the_sixth_payment_within_the_window_is_denied(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(of_customer("c", NOON + i * MINUTE), RISK_ALLOW);
    }
    struct risk_facts facts = facts_of("c", 100, NOON + 5 * MINUTE);
    struct risk_decision decision = decide(&facts);
    assert_int_equal(decision.action, RISK_DENY);
    assert_int_equal(decision.hit_count, 1);
    assert_string_equal(decision.hits[0].rule, "fast");
    assert_string_equal(decision.hits[0].why,
                        "Too fast (payment 6 of this customer in 10m, at most 5 are let through)");
    assert_int_equal(of_customer("another", NOON + 5 * MINUTE), RISK_ALLOW);
    assert_int_equal(of_customer("", NOON + 5 * MINUTE), RISK_ALLOW);
}

/* A bucket is 50 s: what is looked at is 600 s or up to 650. Never less than the window. */
static void a_window_is_never_shorter_than_it_says_and_at_most_a_twelfth_longer(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    for (int64_t offset = 0; offset < 50; offset += 7) {
        char customer[32];
        int64_t first = NOON + offset * US_PER_SECOND;
        snprintf(customer, sizeof customer, "c%lld", (long long)offset);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(of_customer(customer, first), RISK_ALLOW);
        }
        struct risk_facts at_its_end = facts_of(customer, 100, first + 600 * US_PER_SECOND - 1);
        struct risk_facts over = facts_of(customer, 100, first + 650 * US_PER_SECOND);
        assert_true(holds(&at_its_end));
        assert_false(holds(&over));
    }
}

/* As long as the API takes one, in characters of four bytes. */
static void the_longest_e_mail_is_counted(void **state) {
    (void)state;
    char email[RISK_VALUE_BYTES_MAX + 1] = "";
    for (int i = 0; i < RISK_VALUE_CHARS_MAX; i++) {
        memcpy(email + 4 * i, "\xf0\x9f\x98\x80", 5);
    }
    memcpy(email + RISK_VALUE_BYTES_MAX - 4, "@a.b", 5);
    use_rules(ONE("{velocity: {by: email, over: 90d, sum: 5, currency: USD}}"));
    for (int i = 0; i < 3; i++) {
        struct risk_facts facts = facts_of("", 2, NOON);
        facts.email = email;
        assert_int_equal(decide(&facts).action, i < 2 ? RISK_ALLOW : RISK_DENY);
    }
    list(RISK_ALLOWED, RISK_BY_EMAIL, email, 0);
}

static void the_denied_ones_go_on_being_counted(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    for (int i = 0; i < 20; i++) {
        (void)of_customer("c", NOON + i * MINUTE);
    }
    /* Who had stopped after the fifth would be let through by now. */
    assert_int_equal(of_customer("c", NOON + 20 * MINUTE), RISK_DENY);
    assert_int_equal(of_customer("c", NOON + 40 * MINUTE), RISK_ALLOW);
}

static void a_sum_is_of_one_currency(void **state) {
    (void)state;
    use_rules(ONE("{velocity: {by: ip, over: 1h, sum: 1000, currency: USD}}"));
    struct risk_facts facts = facts_of("", 600, NOON);
    facts.ip = "192.0.2.7";
    assert_int_equal(decide(&facts).action, RISK_ALLOW);
    facts = facts_of("", 5000, NOON);
    facts.ip = "192.0.2.7";
    facts.currency = (struct currency){"EUR"};
    assert_int_equal(decide(&facts).action, RISK_ALLOW);
    facts = facts_of("", 400, NOON);
    facts.ip = "192.0.2.7";
    assert_int_equal(decide(&facts).action, RISK_ALLOW); /* 1000: not more */
    facts = facts_of("", 1, NOON);
    facts.ip = "192.0.2.7";
    struct risk_decision decision = decide(&facts);
    assert_int_equal(decision.action, RISK_DENY);
    assert_non_null(strstr(decision.hits[0].why, "10.01 USD by this ip in 1h"));
}

static void a_clock_that_jumps_back_neither_forgets_nor_locks_out_for_long(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(of_customer("c", NOON), RISK_ALLOW);
    }
    /* A few minutes back: still within one window of those five. */
    assert_int_equal(of_customer("c", NOON - 5 * MINUTE), RISK_DENY);
    /* More than a window back: the five are of a time that has not come. */
    assert_int_equal(of_customer("c", NOON - 17 * MINUTE), RISK_ALLOW);
    assert_int_equal(of_customer("d", NOON), RISK_ALLOW);
    assert_int_equal(engine_exec(&engine, "UPDATE risk_velocity SET moved = 5"), 4);
    assert_int_equal(of_customer("d", NOON - 11 * MINUTE), RISK_ALLOW);
}

static int prune_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int r = risk_prune(tx, *(int64_t *)ctx, 100, err);
    *(int64_t *)ctx = r;
    return r < 0 ? r : 0;
}
static int64_t prune(int64_t now_us) {
    struct err err = {0};
    assert_int_equal(store_write(engine.store, prune_tx, &now_us, &err), 0);
    return now_us;
}
static void counters_that_no_window_reaches_are_pruned(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    (void)of_customer("c", NOON);
    (void)of_customer("d", NOON);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM risk_velocity"), 2);
    assert_int_equal(prune(NOON + 10 * MINUTE), 0);
    assert_int_equal(prune(NOON + 10 * MINUTE + 51 * US_PER_SECOND), 2);
    /* Nothing in the table says whose it was. */
    (void)of_customer("somebody", NOON);
    assert_int_equal(
        engine_int(&engine, "SELECT COUNT(*) FROM risk_velocity WHERE key LIKE '%somebody%'"), 0);
}

/* ---- many at once ---- */

enum { CROWD = 16 };
struct crowd {
    int64_t at_us;
    atomic_int allowed;
};
static void one_of_the_crowd(void *arg) {
    struct crowd *crowd = arg;
    struct risk_facts facts = {.number = 1,
                               .order_id = "o",
                               .customer_id = "crowd",
                               .email = "",
                               .ip = "",
                               .region = "",
                               .card = "",
                               .amount_minor = 1,
                               .currency = {"USD"},
                               .method = "card",
                               .purpose = "order",
                               .at_us = crowd->at_us};
    struct listing_id id = listing_id_new();
    facts.subject = id.text;
    struct deciding deciding = {.facts = &facts};
    struct err err = {0};
    if (store_write(engine.store, decide_tx, &deciding, &err) == 0) {
        atomic_fetch_add(&crowd->allowed, deciding.decision.action == RISK_ALLOW);
    }
}
static void of_many_at_once_only_as_many_as_allowed_are_let_through(void **state) {
    (void)state;
    use_rules(five_in_ten_minutes);
    for (int round = 0; round < 5; round++) {
        struct crowd crowd = {.at_us = NOON + round * 60 * MINUTE};
        struct task *tasks[CROWD];
        for (int i = 0; i < CROWD; i++) {
            tasks[i] = task_start("crowd", 0, one_of_the_crowd, &crowd);
            assert_non_null(tasks[i]);
        }
        for (int i = 0; i < CROWD; i++) {
            task_join(tasks[i]);
        }
        assert_int_equal(atomic_load(&crowd.allowed), 5);
    }
}

/* ---- lists ---- */

struct listing_ctx {
    struct risk_listing listing;
    struct listing_id id;
};
static int add_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct listing_ctx *adding = ctx;
    return risk_list_add(tx, &adding->listing, &adding->id, err);
}
static int try_list(enum risk_list list, enum risk_by by, const char *value, int64_t expires_us,
                    struct listing_ctx *adding, struct err *err) {
    *adding = (struct listing_ctx){.listing = {.list = list,
                                               .by = by,
                                               .value = value,
                                               .reason = "because",
                                               .actor = "test",
                                               .expires_us = expires_us}};
    return store_write(engine.store, add_tx, adding, err);
}
static struct listing_id list(enum risk_list list, enum risk_by by, const char *value,
                              int64_t expires_us) {
    struct listing_ctx adding;
    struct err err = {0};
    if (try_list(list, by, value, expires_us, &adding, &err) < 0) {
        fail_msg("listing: %s", err.detail);
    }
    return adding.id;
}
static int remove_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return risk_list_remove(tx, ctx, "test", "no longer", err);
}

static const char plain_rules[] = "risk: {review_score: 1, rules: [{name: watched, says: Watched, "
                                  "action: review, all: [{watched: true}]}]}";

static void each_thing_can_be_blocked(void **state) {
    (void)state;
    use_rules(plain_rules);
    struct risk_facts facts = facts_of("cus", 1, NOON);
    facts.card = "0123";
    facts.email = "a@example.com";
    facts.region = "DE";
    facts.ip = "192.0.2.7";
    static const struct {
        enum risk_by by;
        const char *other, *value;
    } rows[] = {
        {RISK_BY_CUSTOMER, "cus2", "cus"},      {RISK_BY_CARD, "0124", "0123"},
        {RISK_BY_IP, "192.0.2.8", "192.0.2.7"}, {RISK_BY_EMAIL, "b@example.com", "a@example.com"},
        {RISK_BY_REGION, "FR", "DE"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        list(RISK_BLOCK, rows[i].by, rows[i].other, 0);
        assert_false(holds(&facts));
        struct listing_id id = list(RISK_BLOCK, rows[i].by, rows[i].value, 0);
        assert_true(holds(&facts));
        assert_int_equal(store_write(engine.store, remove_tx, id.text, &err), 0);
        assert_false(holds(&facts));
        assert_int_equal(store_write(engine.store, remove_tx, id.text, &err), -ERR_STATE);
    }
    assert_int_equal(
        engine_int(&engine, "SELECT COUNT(*) FROM audit_entry WHERE action LIKE 'risk.list_%'") >=
            15,
        true);
}

static void block_beats_allow_and_allow_beats_rules(void **state) {
    (void)state;
    use_rules(ONE("{vip: false}"));
    struct risk_facts facts = facts_of("cus", 1, NOON);
    facts.email = "a@example.com";
    assert_true(holds(&facts));
    list(RISK_ALLOWED, RISK_BY_CUSTOMER, "cus", 0);
    struct risk_decision decision = decide(&facts);
    assert_int_equal(decision.action, RISK_ALLOW);
    assert_string_equal(decision.hits[0].rule, "allow-list");
    list(RISK_BLOCK, RISK_BY_EMAIL, "a@example.com", 0);
    facts.number = 2;
    decision = decide(&facts);
    assert_int_equal(decision.action, RISK_DENY);
    assert_int_equal(decision.hit_count, 1);
    assert_string_equal(decision.hits[0].rule, "block-list");
    assert_non_null(strstr(decision.hits[0].why, "because"));
}

static void an_entry_ends_at_its_moment(void **state) {
    (void)state;
    use_rules(plain_rules);
    list(RISK_BLOCK, RISK_BY_CUSTOMER, "cus", NOON);
    struct risk_facts facts = facts_of("cus", 1, NOON - 1);
    assert_true(holds(&facts));
    facts.at_us = NOON;
    assert_false(holds(&facts));
}

static void the_watch_list_is_what_rules_make_of_it(void **state) {
    (void)state;
    use_rules(plain_rules);
    list(RISK_WATCH, RISK_BY_CUSTOMER, "cus", 0);
    struct risk_facts facts = facts_of("cus", 1, NOON);
    struct risk_decision decision = decide(&facts);
    assert_int_equal(decision.action, RISK_REVIEW);
    assert_string_equal(decision.hits[0].rule, "watched");
}

static void a_network_blocks_its_addresses_and_no_others(void **state) {
    (void)state;
    static const struct {
        const char *network, *inside, *outside;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", "192.0.3.0"},
        {"192.0.2.0/24", "192.0.2.255", "192.0.1.255"},
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"198.51.100.4/30", "198.51.100.7", "198.51.100.8"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::1/128", "2001:db8:0:0::1", "2001:db8::2"},
        {"203.0.113.9", "::ffff:203.0.113.9", "203.0.113.8"},
        {"0.0.0.0/0", "255.255.255.255", "2001:db8::1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)empty(NULL);
        use_rules(plain_rules);
        struct risk_facts facts = facts_of("", 1, NOON);
        list(RISK_BLOCK, RISK_BY_IP, rows[i].network, 0);
        facts.ip = rows[i].inside;
        assert_true(holds(&facts));
        facts.ip = rows[i].outside;
        assert_false(holds(&facts));
        facts.ip = "no address";
        assert_false(holds(&facts));
    }
}

static void a_change_of_letters_passes_no_list_and_begins_no_count(void **state) {
    (void)state;
    use_rules(
        "risk: {rules: [{name: fast, says: s, action: deny, all: [{velocity: {by: email, over: "
        "10m, count: 2}}]}, {name: net, says: s, action: deny, all: [{velocity: {by: ip, "
        "over: 10m, count: 2}}]}]}");
    list(RISK_BLOCK, RISK_BY_EMAIL, "Bad@Example.COM", 0);
    struct risk_facts facts = facts_of("", 1, NOON);
    static const char *const blocked[] = {"bad@example.com", "BAD@EXAMPLE.COM", "Bad@Example.COM"};
    for (size_t i = 0; i < COUNT_OF(blocked); i++) {
        facts.email = blocked[i];
        assert_true(holds(&facts));
    }
    facts.email = "bad@example.co";
    assert_false(holds(&facts));
    static const char *const one_person[] = {"ann@example.com", "Ann@example.com",
                                             "ANN@EXAMPLE.COM"};
    static const char *const one_place[] = {"2001:db8::1", "2001:DB8:0:0::1", "2001:db8::0001"};
    for (int i = 0; i < 3; i++) {
        struct risk_facts by_email = facts_of("", 1, NOON);
        by_email.email = one_person[i];
        assert_int_equal(decide(&by_email).action, i < 2 ? RISK_ALLOW : RISK_DENY);
        struct risk_facts by_ip = facts_of("", 1, NOON);
        by_ip.ip = one_place[i];
        assert_int_equal(decide(&by_ip).action, i < 2 ? RISK_ALLOW : RISK_DENY);
    }
}

static void one_address_is_listed_once_and_told_as_it_was_written(void **state) {
    (void)state;
    struct listing_ctx adding;
    struct err err = {0};
    list(RISK_BLOCK, RISK_BY_EMAIL, "Bad@Example.COM", 0);
    assert_int_equal(try_list(RISK_BLOCK, RISK_BY_EMAIL, "bad@example.com", 0, &adding, &err),
                     -ERR_EXISTS);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM risk_listing WHERE value = "
                                         "'Bad@Example.COM' AND low = 'bad@example.com' AND high "
                                         "= low"),
                     1);
}

static void what_can_never_be_met_is_not_listed(void **state) {
    (void)state;
    static const struct {
        enum risk_by by;
        const char *value;
    } bad[] = {
        {RISK_BY_REGION, "de"},
        {RISK_BY_REGION, "Germany"},
        {RISK_BY_REGION, "D1"},
        {RISK_BY_REGION, "D"},
        {RISK_BY_EMAIL, "nope"},
        {RISK_BY_EMAIL, " bad@example.com"},
        {RISK_BY_EMAIL, "bad@example.com\n"},
        {RISK_BY_EMAIL, "@example.com"},
        {RISK_BY_EMAIL, "bad@"},
        {RISK_BY_EMAIL, "bad@example.com\xe2\x80\x8b"}, /* U+200B, which nobody sees */
    };
    struct listing_ctx adding;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        assert_int_equal(try_list(RISK_BLOCK, bad[i].by, bad[i].value, 0, &adding, &err),
                         -ERR_VALIDATION);
        assert_string_equal(err.place, "/value");
    }
    struct err err = {0};
    assert_int_equal(try_rules(ONE("{regions: [de]}"), &err), -ERR_CONFIG);
    assert_int_equal(try_rules(ONE("{regions_not: [DE, Germany]}"), &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "regions_not"));
}

static void what_cannot_be_listed_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"192.0.2.7/24", "192.0.2.0/33",   "192.0.2.0/",
                                      "1.2.3",        "2001:db8::/129", "x",
                                      "192.0.2.0/-1", "192.0.2.0/24 "};
    struct listing_ctx adding;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        assert_int_equal(try_list(RISK_BLOCK, RISK_BY_IP, bad[i], 0, &adding, &err),
                         -ERR_VALIDATION);
        assert_string_equal(err.place, "/value");
    }
    struct err err = {0};
    list(RISK_BLOCK, RISK_BY_IP, "192.0.2.0/24", 0);
    assert_int_equal(try_list(RISK_BLOCK, RISK_BY_IP, "192.0.2.0/24", 0, &adding, &err),
                     -ERR_EXISTS);
    list(RISK_WATCH, RISK_BY_IP, "192.0.2.0/24", 0); /* another list */
    list(RISK_BLOCK, RISK_BY_CUSTOMER, "gone", clock_wall_us() - 1);
    list(RISK_BLOCK, RISK_BY_CUSTOMER, "gone", 0); /* the one before has expired */
}

/* ---- scores ---- */

static void scores_add_up_to_the_strongest_threshold_reached(void **state) {
    (void)state;
    static const struct {
        int64_t scorer;
        enum risk_action action;
    } rows[] = {
        {0, RISK_ALLOW}, {19, RISK_ALLOW}, {20, RISK_REVIEW}, {70, RISK_HOLD}, {120, RISK_DENY}};
    use_rules(
        "risk: {review_score: 50, hold_score: 100, deny_score: 150, rules: [{name: ten, says: "
        "s, score: 10, all: [{vip: false}]}, {name: twenty, says: s, score: 20, all: "
        "[{methods: [card]}]}]}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct risk_facts facts = facts_of("c", 1, NOON);
        struct deciding deciding = {.facts = &facts,
                                    .scored = {.answer = RISK_SCORED, .score = rows[i].scorer}};
        struct err err = {0};
        assert_int_equal(store_write(engine.store, decide_tx, &deciding, &err), 0);
        assert_int_equal(deciding.decision.action, rows[i].action);
        assert_int_equal(deciding.decision.score, rows[i].scorer + 30);
    }
}

static void without_a_score_the_policy_is_applied(void **state) {
    (void)state;
    static const struct {
        const char *yaml;
        enum risk_action action;
    } rows[] = {
        {"risk: {scorer: {url: \"https://s.example\", fail: open}}", RISK_ALLOW},
        {"risk: {scorer: {url: \"https://s.example\", fail: review}}", RISK_REVIEW},
        {"risk: {scorer: {url: \"https://s.example\", fail: closed}}", RISK_DENY},
    };
    static const enum risk_answer answers[] = {RISK_LATE, RISK_UNREACHABLE, RISK_GARBAGE,
                                               RISK_BREAKER};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        use_rules(rows[i].yaml);
        for (size_t j = 0; j < COUNT_OF(answers); j++) {
            struct risk_facts facts = facts_of("c", 1, NOON);
            struct deciding deciding = {.facts = &facts, .scored = {.answer = answers[j]}};
            struct err err = {0};
            assert_int_equal(store_write(engine.store, decide_tx, &deciding, &err), 0);
            assert_int_equal(deciding.decision.action, rows[i].action);
            assert_string_equal(deciding.decision.hits[0].rule, "scorer");
            assert_non_null(strstr(deciding.decision.hits[0].why, risk_answer_name(answers[j])));
        }
    }
}

/* ---- the switch ---- */

static int off_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return risk_switch(risk, tx, *(bool *)ctx, "test", "an incident", err);
}
static void switched_off_nothing_is_judged_and_the_decision_says_so(void **state) {
    (void)state;
    use_rules(ONE("{vip: false}"));
    struct err err = {0};
    bool on = false;
    assert_int_equal(of_customer("c", NOON), RISK_DENY);
    assert_int_equal(store_write(engine.store, off_tx, &on, &err), 0);
    struct risk_facts facts = facts_of("c", 1, NOON);
    struct risk_decision decision = decide(&facts);
    assert_int_equal(decision.action, RISK_ALLOW);
    assert_true(decision.skipped);
    on = true;
    assert_int_equal(store_write(engine.store, off_tx, &on, &err), 0);
    assert_int_equal(of_customer("c", NOON), RISK_DENY);
}

/* ---- the past ---- */

struct replaying {
    struct risk_replay *replay;
};
static int replay_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct replaying *replaying = ctx;
    return risk_replay_new(risk_rules_of(risk), tx, &replaying->replay, err);
}

static void the_past_is_decided_as_it_was_live(void **state) {
    (void)state;
    enum { PAYMENTS = 400 };
    static struct risk_facts facts[PAYMENTS];
    static struct risk_decision live[PAYMENTS];
    static char subjects[PAYMENTS][16];
    static const char *const customers[] = {"a", "b", "c", ""};
    static const char *const ips[] = {"192.0.2.1", "192.0.2.2", "198.51.100.3", "", "junk"};
    use_rules(
        "risk: {deny_score: 40, review_score: 20, rules: [{name: fast, says: s, action: deny, "
        "all: [{velocity: {by: customer, over: 10m, count: 3}}]}, {name: much, says: s, score: "
        "25, all: [{velocity: {by: ip, over: 1h, sum: 3000, currency: USD}}]}, {name: cards, "
        "says: s, score: 20, any: [{velocity: {by: card, over: 30m, count: 3}}, {regions: "
        "[DE]}]}, {name: watched, says: s, action: review, all: [{watched: true}]}]}");
    list(RISK_WATCH, RISK_BY_IP, "198.51.100.0/24", 0);
    list(RISK_ALLOWED, RISK_BY_CUSTOMER, "b", NOON + 2 * 60 * MINUTE);
    engine_exec(&engine, "UPDATE risk_listing SET created_us = 0");
    unsigned dice = 12345;
    int64_t at = NOON;
    int allowed = 0, denied = 0;
    for (int i = 0; i < PAYMENTS; i++) {
        dice = dice * 1103515245 + 12345;
        unsigned roll = dice >> 16;
        /* Mostly forward, now and then back. */
        at += roll % 17 == 0 ? -8 * MINUTE : (int64_t)(roll % 120) * US_PER_SECOND;
        facts[i] = facts_of(customers[roll % 4], 1 + roll % 999, at);
        snprintf(subjects[i], sizeof subjects[i], "pay_r%d", i);
        facts[i].subject = subjects[i];
        facts[i].ip = ips[roll / 4 % 5];
        facts[i].card = roll % 3 == 0 ? "cafe" : roll % 3 == 1 ? "beef" : "";
        facts[i].region = roll % 31 == 0 ? "DE" : "US";
        live[i] = decide(&facts[i]);
        allowed += live[i].action == RISK_ALLOW;
        denied += live[i].action == RISK_DENY;
    }
    assert_in_range(allowed, 20, PAYMENTS);
    assert_in_range(denied, 20, PAYMENTS);
    struct replaying replaying = {0};
    struct err err = {0};
    assert_int_equal(store_read(engine.store, replay_tx, &replaying, &err), 0);
    for (int i = 0; i < PAYMENTS; i++) {
        struct risk_decision again;
        const struct risk_scored none = {0};
        risk_replay_step(replaying.replay, &facts[i], &none, &again);
        assert_int_equal(again.action, live[i].action);
        assert_int_equal(again.score, live[i].score);
        assert_int_equal(again.hit_count, live[i].hit_count);
        for (int j = 0; j < again.hit_count; j++) {
            assert_string_equal(again.hits[j].why, live[i].hits[j].why);
        }
    }
    risk_replay_free(replaying.replay);
}

/* ---- configuration ---- */

static void a_wrong_rule_is_named_by_its_key(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *place;
    } rows[] = {
        {ONE("{velocity: {by: shoe, over: 10m, count: 5}}"), "risk.rules[0].all[0].velocity.by"},
        {ONE("{velocity: {by: region, over: 10m, count: 5}}"), "risk.rules[0].all[0].velocity.by"},
        {ONE("{velocity: {by: ip, over: 10, count: 5}}"), "risk.rules[0].all[0].velocity.over"},
        {ONE("{velocity: {by: ip, over: 11s, count: 5}}"), "risk.rules[0].all[0].velocity.over"},
        {ONE("{velocity: {by: ip, over: 91d, count: 5}}"), "risk.rules[0].all[0].velocity.over"},
        {ONE("{velocity: {by: ip, over: -1h, count: 5}}"), "risk.rules[0].all[0].velocity.over"},
        {ONE("{velocity: {by: ip, over: 1h}}"), "risk.rules[0].all[0].velocity.count"},
        {ONE("{velocity: {by: ip, over: 1h, count: 1, sum: 1, currency: USD}}"),
         "risk.rules[0].all[0].velocity.sum"},
        {ONE("{velocity: {by: ip, over: 1h, sum: 1}}"), "risk.rules[0].all[0].velocity.currency"},
        {ONE("{velocity: {by: ip, over: 1h, sum: 1, currency: XXY}}"),
         "risk.rules[0].all[0].velocity.currency"},
        {ONE("{amount_min: 5}"), "risk.rules[0].all[0].currency"},
        {ONE("{amount_min: 5, amount_max: 4, currency: USD}"), "risk.rules[0].all[0].amount_min"},
        {ONE("{methods: [shoe]}"), "risk.rules[0].all[0].methods"},
        {ONE("{purposes: [shoe]}"), "risk.rules[0].all[0].purposes"},
        {ONE("{}"), "risk.rules[0].all[0]"},
        {"risk: {rules: [{name: Bad Name, says: s, action: deny, all: [{vip: true}]}]}",
         "risk.rules[0].name"},
        {"risk: {rules: [{name: a, says: s, action: allow, all: [{vip: true}]}]}",
         "risk.rules[0].action"},
        {"risk: {rules: [{name: a, says: s, all: [{vip: true}]}]}", "risk.rules[0].score"},
        {"risk: {rules: [{name: a, says: s, action: deny}]}", "risk.rules[0].all"},
        {"risk: {rules: [{name: a, says: s, score: 1, all: [{vip: true}]}, {name: a, says: s, "
         "score: 1, any: [{vip: true}]}]}",
         "risk.rules[1].name"},
        {"risk: {review_score: 10, deny_score: 10}", "risk.deny_score"},
        {"risk: {scorer: {url: \"http://s.example/\", fail: open}}", "risk.scorer.url"},
        {"risk: {scorer: {url: \"https://s.example/\", fail: maybe}}", "risk.scorer.fail"},
        {"risk: {scorer: {url: \"https://s.example/\", fail: open, timeout_ms: 5001}}",
         "risk.scorer.timeout_ms"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        assert_int_equal(try_rules(rows[i].yaml, &err), -ERR_CONFIG);
        assert_string_equal(err.place, rows[i].place);
        close_rules();
    }
    struct err err = {0};
    assert_int_equal(try_rules("risk: {scorer: {url: \"https://s.example/\"}}", &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "fail"));
}

static void more_velocities_than_counted_at_once_are_refused(void **state) {
    (void)state;
    struct err err = {0};
    BUF_AUTO yaml;
    buf_init(&yaml, 8192);
    buf_add_text(&yaml, "risk:\n  rules:\n");
    for (int i = 1; i <= RISK_METERS_MAX + 1; i++) {
        buf_addf(&yaml,
                 "    - {name: r%d, says: s, action: deny, all: [{velocity: {by: ip, over: %dh, "
                 "count: 1}}]}\n",
                 i, i);
    }
    assert_int_equal(try_rules(yaml.data, &err), -ERR_CONFIG);
    assert_string_equal(err.place, "risk.rules[8].all[0].velocity.by");
    close_rules();
}

int main(void) {
    static const struct http_client_ops ops = {no_call, NULL};
    struct err err = {0};
    crypto_init();
    meter_init();
    setenv("HF_RISK_MASTER", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    assert_int_equal(seal_open("env:HF_RISK_MASTER", &seal, &err), 0);
    client = http_client_custom(&ops, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_amount_is_between_its_bounds_in_its_currency, empty),
        cmocka_unit_test_setup(a_region_is_in_or_out_and_an_unknown_one_is_neither, empty),
        cmocka_unit_test_setup(method_purpose_and_vip_are_asked_for, empty),
        cmocka_unit_test_setup(all_must_hold_and_of_any_one, empty),
        cmocka_unit_test_setup(the_sixth_payment_within_the_window_is_denied, empty),
        cmocka_unit_test_setup(a_window_is_never_shorter_than_it_says_and_at_most_a_twelfth_longer,
                               empty),
        cmocka_unit_test_setup(the_longest_e_mail_is_counted, empty),
        cmocka_unit_test_setup(the_denied_ones_go_on_being_counted, empty),
        cmocka_unit_test_setup(a_sum_is_of_one_currency, empty),
        cmocka_unit_test_setup(a_clock_that_jumps_back_neither_forgets_nor_locks_out_for_long,
                               empty),
        cmocka_unit_test_setup(counters_that_no_window_reaches_are_pruned, empty),
        cmocka_unit_test_setup(of_many_at_once_only_as_many_as_allowed_are_let_through, empty),
        cmocka_unit_test_setup(each_thing_can_be_blocked, empty),
        cmocka_unit_test_setup(block_beats_allow_and_allow_beats_rules, empty),
        cmocka_unit_test_setup(an_entry_ends_at_its_moment, empty),
        cmocka_unit_test_setup(the_watch_list_is_what_rules_make_of_it, empty),
        cmocka_unit_test_setup(a_network_blocks_its_addresses_and_no_others, empty),
        cmocka_unit_test_setup(a_change_of_letters_passes_no_list_and_begins_no_count, empty),
        cmocka_unit_test_setup(one_address_is_listed_once_and_told_as_it_was_written, empty),
        cmocka_unit_test_setup(what_can_never_be_met_is_not_listed, empty),
        cmocka_unit_test_setup(what_cannot_be_listed_is_refused, empty),
        cmocka_unit_test_setup(scores_add_up_to_the_strongest_threshold_reached, empty),
        cmocka_unit_test_setup(without_a_score_the_policy_is_applied, empty),
        cmocka_unit_test_setup(switched_off_nothing_is_judged_and_the_decision_says_so, empty),
        cmocka_unit_test_setup(the_past_is_decided_as_it_was_live, empty),
        cmocka_unit_test_setup(a_wrong_rule_is_named_by_its_key, empty),
        cmocka_unit_test_setup(more_velocities_than_counted_at_once_are_refused, empty),
    };
    int failed = engine_run("risk", tests, COUNT_OF(tests), &engine);
    close_rules();
    http_client_free(client);
    seal_close(seal);
    return failed;
}
