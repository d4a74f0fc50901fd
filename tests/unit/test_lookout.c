/* SPDX-License-Identifier: Apache-2.0
 * test_lookout.c: what an instance sees amiss becomes signals: of whom, since when, until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/task.h"
#include "meter/meter.h"
#include "meter/slices.h"
#include "store/migrate.h"
#include "store/store_impl.h"
#include "support/both_engines.h"
#include "support/test_clock.h"
#include "watch/lookout.h"
#include "watch/tuning.h"

/* ---- who listens ---- */

enum { HEARD_MAX = 400 };
struct heard {
    char line[240]; /* "PaymentServiceGatewayFailure gateway=a firing" */
    char title[300], summary[400], scope[400], cause[400], value[40], action[120];
    bool severity_known;
    enum notice_severity severity;
    int64_t first_symptom_us, stake;
    struct alert_money money[ALERT_MONEY_MAX];
    int money_count;
};
static struct heard heard[HEARD_MAX];
static int heard_count, deaf;

static int listen(void *ctx, const struct alert_signal *signals, int count, struct err *err) {
    (void)ctx;
    if (deaf > 0) {
        deaf--;
        return err_set(err, ERR_STORE, "nobody listens");
    }
    for (int i = 0; i < count && heard_count < HEARD_MAX; i++) {
        const struct alert_signal *signal = &signals[i];
        struct heard *to = &heard[heard_count++];
        *to = (struct heard){.severity_known = signal->severity_known,
                             .severity = signal->severity,
                             .first_symptom_us = signal->first_symptom_us,
                             .stake = signal->stake,
                             .money_count = signal->money_count};
        memcpy(to->money, signal->money, sizeof to->money);
        int used = snprintf(to->line, sizeof to->line, "%s", signal->rule);
        for (int l = 0; l < signal->label_count; l++) {
            used += snprintf(to->line + used, sizeof to->line - (size_t)used, " %s=%s",
                             signal->labels[l].name, signal->labels[l].value);
        }
        snprintf(to->line + used, sizeof to->line - (size_t)used, " %s%s",
                 signal->firing ? "firing" : "over", signal->source == NULL ? " shared" : "");
        const struct {
            const char *from;
            char *to;
            size_t size;
        } texts[] = {
            {signal->title, to->title, sizeof to->title},
            {signal->summary, to->summary, sizeof to->summary},
            {signal->scope, to->scope, sizeof to->scope},
            {signal->cause, to->cause, sizeof to->cause},
            {signal->value, to->value, sizeof to->value},
            {signal->action, to->action, sizeof to->action},
        };
        for (size_t t = 0; t < COUNT_OF(texts); t++) {
            snprintf(texts[t].to, texts[t].size, "%s", texts[t].from != NULL ? texts[t].from : "");
        }
    }
    return 0;
}

static const struct heard *find(const char *line) {
    for (int i = 0; i < heard_count; i++) {
        if (strcmp(heard[i].line, line) == 0) {
            return &heard[i];
        }
    }
    return NULL;
}

static const struct heard *must_hear(const char *line) {
    const struct heard *found = find(line);
    for (int i = 0; found == NULL && i < heard_count; i++) {
        print_message("heard: %s\n", heard[i].line);
    }
    if (found == NULL) {
        fail_msg("nobody said: %s", line);
    }
    return found;
}

static int times(const char *line) {
    int count = 0;
    for (int i = 0; i < heard_count; i++) {
        count += strcmp(heard[i].line, line) == 0;
    }
    return count;
}

/* ---- a shop ---- */

static struct lookout *lookout;
static struct test_store engine;
static uint64_t customers;

static void begin(struct store *store) {
    slices_init();
    meter_init();
    heard_count = deaf = 0;
    customers = 0;
    lookout = lookout_open(
        &(struct lookout_options){.store = store, .source = "inst_1", .signal = listen});
}

static void end(void) {
    lookout_close(lookout);
    lookout = NULL;
}

static void turn(void) {
    struct err err = {0};
    assert_int_equal(lookout_turn(lookout, &err), 0);
}

static void pay(const char *gateway, const char *method, const char *region, bool well) {
    slice_record(&(struct slice_event){
        .operation = SLICE_CHARGE,
        .outcome = well ? SLICE_OK : SLICE_FAILED,
        .labels = {gateway, method, region, "EUR", ""},
        .code = well ? NULL : "gateway_no_answer",
        .duration_us = 300000,
        .amount_minor = 1000,
        .customer = ++customers,
    });
}

/* Two gateways, each a payment a second, for so long; `broken` NULL: all is well. */
static void trade(int seconds, const char *broken) {
    static const char *const gateways[] = {"stripe-eu", "paypal-a"};
    for (int i = 0; i < seconds; i++) {
        for (size_t g = 0; g < COUNT_OF(gateways); g++) {
            bool down = broken != NULL && strcmp(gateways[g], broken) == 0;
            pay(gateways[g], g == 0 ? "card" : "paypal", i % 2 == 0 ? "DE" : "FR", !down);
        }
        test_clock_advance(US_PER_SECOND);
        turn();
    }
}

/* ---- tests ---- */

static void a_gateway_that_fails_is_told_with_whom_it_concerns_and_whom_not(void **state) {
    (void)state;
    begin(NULL);
    trade(1200, NULL);
    assert_int_equal(heard_count, 0);
    int64_t broke_us = clock_wall_us();
    trade(40, "stripe-eu");
    const struct heard *told = NULL;
    for (int i = 0; told == NULL && i < heard_count; i++) {
        bool is = strncmp(heard[i].line, "PaymentServiceGatewayFailure gateway=stripe-eu", 46) == 0;
        told = is ? &heard[i] : NULL;
    }
    if (told == NULL) {
        fail_msg("nobody said that stripe-eu fails");
        return;
    }
    assert_non_null(strstr(told->line, " firing"));
    assert_null(strstr(told->line, "paypal"));
    assert_non_null(strstr(told->title, "Gateway stripe-eu"));
    assert_non_null(strstr(told->summary, "payments failed since "));
    assert_null(strstr(told->cause, "at once")); /* it is that gateway */
    assert_string_equal(told->cause, "gateway_no_answer rose from 0 % to 100 % of payments there; "
                                     "100 % of those that fail say it.");
    /* 10.00 EUR a second, told after a few. */
    assert_int_equal(told->money_count, 1);
    assert_string_equal(told->money[0].currency, "EUR");
    assert_true(told->money[0].sum_minor >= 2000 && told->money[0].sum_minor <= 20000);
    assert_true(told->money[0].per_minute_minor >= 20000 &&
                told->money[0].per_minute_minor <= 70000);
    assert_true(told->stake >= 20000 && told->stake <= 70000);
    assert_non_null(strstr(told->value, " %"));
    assert_true(told->first_symptom_us >= broke_us - 2 * US_PER_SECOND &&
                told->first_symptom_us <= broke_us + 2 * US_PER_SECOND);
    /* Said again by and by, in later words. */
    const struct heard *last = &heard[heard_count - 1];
    assert_string_equal(last->scope, "Gateway stripe-eu only; gateway paypal-a unaffected.");
    assert_string_equal(last->title, "Gateway stripe-eu only: most payments fail");
    trade(240, NULL);
    assert_non_null(strstr(heard[heard_count - 1].line, "over"));
    int before = heard_count;
    trade(60, NULL);
    assert_int_equal(heard_count, before);
    end();
}

static void the_only_gateway_that_takes_payments_is_named_first(void **state) {
    (void)state;
    begin(NULL);
    for (int i = 0; i < 1260; i++) {
        pay("stripe-eu", "card", i % 2 == 0 ? "DE" : "FR", i < 1200 && i % 25 != 0);
        test_clock_advance(US_PER_SECOND);
        turn();
    }
    assert_true(heard_count > 0);
    assert_string_equal(heard[0].line, "PaymentServiceGatewayFailure gateway=stripe-eu firing");
    assert_string_equal(heard[0].title, "Gateway stripe-eu: most payments fail");
    assert_int_equal(times(heard[0].line), heard_count);
    end();
}

/* Both gateways cannot be reached: that is no gateway's doing. */
static void all_gateways_at_once_are_rather_our_own_network(void **state) {
    (void)state;
    begin(NULL);
    trade(1200, NULL);
    for (int i = 0; i < 60; i++) {
        pay("stripe-eu", "card", "DE", false);
        pay("paypal-a", "paypal", "FR", false);
        test_clock_advance(US_PER_SECOND);
        turn();
    }
    assert_true(heard_count > 0);
    const struct heard *last = &heard[heard_count - 1];
    assert_null(strstr(last->line, "gateway="));
    assert_non_null(strstr(last->cause, "gateway_no_answer rose from 0 % to 100 %"));
    assert_non_null(strstr(last->cause, " 2 gateways fail so at once: look at our own way to them "
                                        "first (DNS, proxy, firewall)."));
    end();
}

static void what_was_said_is_said_again_by_and_by_and_what_was_not_heard_at_once(void **state) {
    (void)state;
    begin(NULL);
    trade(1200, NULL);
    deaf = INT32_MAX;
    trade(1, "stripe-eu");
    for (int i = 0; i < 60; i++) {
        struct err err = {0};
        pay("stripe-eu", "card", "DE", false);
        pay("paypal-a", "paypal", "DE", true);
        test_clock_advance(US_PER_SECOND);
        assert_true(lookout_turn(lookout, &err) <= 0);
    }
    assert_int_equal(heard_count, 0);
    deaf = 0;
    trade(1, "stripe-eu");
    assert_int_equal(heard_count, 1);
    trade(9, "stripe-eu");
    assert_int_equal(heard_count, 1);
    trade(2, "stripe-eu");
    assert_int_equal(heard_count, 2);
    assert_string_equal(heard[0].line, heard[1].line);
    end();
}

static void payments_without_a_gateway_are_everybodys_trouble(void **state) {
    (void)state;
    begin(NULL);
    trade(1200, NULL);
    for (int i = 0; i < 40; i++) {
        slice_record(&(struct slice_event){.operation = SLICE_PAYMENT,
                                           .outcome = SLICE_FAILED,
                                           .labels = {"", "card", "DE", "EUR", ""},
                                           .code = "no_gateway",
                                           .duration_us = -1,
                                           .customer = ++customers});
        /* A payment whose try failed is counted by the try already. */
        slice_record(&(struct slice_event){.operation = SLICE_PAYMENT,
                                           .outcome = SLICE_FAILED,
                                           .labels = {"paypal-a", "paypal", "DE", "EUR", ""},
                                           .code = "gateway_no_answer",
                                           .duration_us = -1,
                                           .customer = ++customers});
        pay("paypal-a", "paypal", "FR", true);
        test_clock_advance(US_PER_SECOND);
        turn();
    }
    assert_true(heard_count > 0);
    assert_ptr_equal(strstr(heard[0].line, "PaymentServiceHighErrorRate"), heard[0].line);
    for (int i = 0; i < heard_count; i++) {
        assert_non_null(strstr(heard[i].line, "method=card"));
        assert_null(strstr(heard[i].line, "gateway="));
        assert_null(strstr(heard[i].line, "paypal"));
    }
    end();
}

static void callbacks_that_are_not_genuine_are_told_of_their_gateway(void **state) {
    (void)state;
    begin(NULL);
    pay("stripe-eu", "card", "DE", true);
    pay("paypal-a", "paypal", "DE", true);
    for (int i = 0; i < 3; i++) {
        meter_count(METER_CALLBACKS, "stripe-eu", "refused");
        meter_count(METER_CALLBACKS, "paypal-a", "refused");
    }
    meter_count(METER_CALLBACKS, "paypal-a", "stored");
    test_clock_advance(2 * US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 2);
    const struct heard *told = must_hear("ForgedCallbacks of=callbacks gateway=stripe-eu firing");
    assert_non_null(strstr(told->summary, "3 callbacks to stripe-eu were not genuine"));
    assert_non_null(strstr(told->cause, "None that was genuine came meanwhile"));
    assert_non_null(strstr(told->scope, "Payments at stripe-eu"));
    assert_true(told->first_symptom_us > 0);
    assert_non_null(strstr(must_hear("ForgedCallbacks of=callbacks gateway=paypal-a firing")->cause,
                           "1 that were genuine came meanwhile"));
    test_clock_advance((LOOKOUT_COUNT_S - 1) * US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 2); /* not looked at again, and not over */
    test_clock_advance(400 * US_PER_SECOND);
    turn();
    must_hear("ForgedCallbacks of=callbacks gateway=stripe-eu over");
    must_hear("ForgedCallbacks of=callbacks gateway=paypal-a over");
    end();
}

/* Alipay in China fails; cards, and Alipay elsewhere, are well. Each language tells it its way. */
static void a_method_in_one_region_is_told_so_that_nobody_looks_elsewhere(void **state) {
    (void)state;
    static const struct {
        enum notice_language language;
        const char *title, *scope, *cause;
    } told[] = {
        {NOTICE_EN, "Alipay in CN only: most payments fail",
         "Alipay in CN only; cards, HK unaffected.",
         "gateway_no_answer rose from 4 % to 100 % of payments there; 100 % of those that fail say "
         "it."},
        {NOTICE_ZH, "仅 CN 地区的支付宝:多数支付失败", "仅 CN 地区的支付宝;银行卡、HK不受影响。",
         "gateway_no_answer 占支付的比例从 4 % 升至 100 %;失败中有 100 % 为此代码。"},
    };
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        begin(NULL);
        end();
        lookout = lookout_open(&(struct lookout_options){
            .source = "inst_1", .signal = listen, .language = told[i].language});
        for (int s = 0; s < 1260; s++) {
            bool broken = s >= 1200;
            const char *gateway = s % 2 == 0 ? "a" : "b"; /* both: it is neither's own trouble */
            pay(gateway, "alipay", "CN", !broken && s % 25 != 3);
            pay(gateway, "alipay", "HK", broken || s % 25 != 9);
            pay(gateway, "card", "CN", broken || s % 25 != 15);
            test_clock_advance(US_PER_SECOND);
            turn();
        }
        assert_true(heard_count > 0);
        const struct heard *last = &heard[heard_count - 1];
        assert_ptr_equal(strstr(last->line, "PaymentServiceHighErrorRate method=alipay region=CN"),
                         last->line);
        assert_string_equal(last->title, told[i].title);
        assert_string_equal(last->scope, told[i].scope);
        assert_string_equal(last->cause, told[i].cause);
        end();
    }
}

static int expiring;

static int more(void *ctx, struct arena *arena, struct alert_signal *ret_signals, int max) {
    assert_ptr_equal(ctx, &expiring);
    assert_true(max > 100);
    for (int i = 0; i < expiring; i++) {
        ret_signals[i] = (struct alert_signal){
            .rule = "CredentialExpiry",
            .firing = true,
            .labels = {{"of", "credential"}, {"name", arena_copy(arena, "secret_key")}},
            .label_count = 2};
    }
    return expiring;
}

static void what_somebody_above_sees_is_told_and_over(void **state) {
    (void)state;
    slices_init();
    meter_init();
    heard_count = deaf = 0;
    lookout = lookout_open(&(struct lookout_options){
        .source = "inst_1", .signal = listen, .more = more, .more_ctx = &expiring});
    turn();
    assert_int_equal(heard_count, 0);
    expiring = 1;
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    must_hear("CredentialExpiry of=credential name=secret_key firing");
    test_clock_advance(US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 1);
    expiring = 0;
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    must_hear("CredentialExpiry of=credential name=secret_key over");
    end();
}

static void what_the_database_counts_is_told_and_over_when_it_is_gone(void **state) {
    (void)state;
    begin(engine.store);
    turn();
    assert_int_equal(heard_count, 0);
    engine_exec(&engine, "INSERT INTO webhook_delivery VALUES ('wd_1', 'ep', 'evt_1', 't', 3, 1, "
                         "500, '', 1, 11), ('wd_2', 'ep', 'evt_2', 't', 3, 1, 500, '', 1, 12)");
    engine_exec(&engine, "INSERT INTO mode_switch VALUES ('method', 'card', 1, '', '', 13, 0)");
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    assert_int_equal(heard_count, 1); /* a method that is switched off wakes nobody */
    const struct heard *told = must_hear("ParkedWork check=webhooks_parked firing shared");
    assert_string_equal(told->summary,
                        "2 webhooks were given up: their shops have not been told.");
    assert_non_null(strstr(told->action, "holdfast webhook deliveries --state parked"));
    assert_string_equal(told->value, "2");
    assert_true(told->severity_known && told->severity == NOTICE_P2);
    assert_int_equal(told->first_symptom_us, 11);
    engine_exec(&engine, "DELETE FROM webhook_delivery");
    engine_exec(&engine, "DELETE FROM mode_switch");
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    assert_int_equal(times("ParkedWork check=webhooks_parked over shared"), 1);
    end();
}

/* What must page at once: money taken twice, and books that do not follow from themselves. */
static void a_double_charge_and_a_ledger_that_is_apart_are_of_the_gravest(void **state) {
    (void)state;
    begin(engine.store);
    turn();
    assert_int_equal(heard_count, 0);
    engine_exec(&engine,
                "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, "
                "subject, detail, amount_minor, currency, resolution, opened_us, closed_us, "
                "posted) VALUES "
                "('c_1', 'duplicate_charge', 1, '', '', 'g', 's_1', '', 5, 'EUR', '', 21, 0, 10), "
                "('c_2', 'duplicate_charge', 1, '', '', 'g', 's_2', '', 5, 'EUR', '', 20, 0, 0), "
                "('c_3', 'duplicate_charge', 2, '', '', 'g', 's_3', '', 5, 'EUR', '', 19, 22, 10)");
    engine_exec(&engine,
                "INSERT INTO payment (id, version, order_id, state, amount_minor, currency, "
                "method, purpose, capture_later, authorized_minor, captured_minor, refunded_minor, "
                "refund_reserved_minor, disputed_minor, customer_id, customer_region, "
                "customer_vip, customer_email, customer_ip, tokens, return_url, cancel_url, "
                "description, metadata, action, action_url, failure_code, failure_message, review, "
                "was_unknown, attempts, gateway, created_us, updated_us) VALUES ('pay_1', 1, 'o', "
                "5, 700, 'EUR', 1, 'order', 0, 700, 700, 0, 0, 0, '', '', 0, '', '', '', '', '', "
                "'', '', '', '', '', '', '', 0, 1, 'g', 31, 31)");
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    const struct heard *told = must_hear("DoubleCharge check=double_charges firing shared");
    assert_string_equal(told->value, "1"); /* not what is closed, nor what moved no money */
    assert_true(told->severity_known && told->severity == NOTICE_P0);
    assert_int_equal(told->first_symptom_us, 21);
    told = must_hear("LedgerImbalance check=ledger_apart firing shared");
    assert_true(told->severity_known && told->severity == NOTICE_P0);
    assert_int_equal(told->first_symptom_us, 31);
    engine_exec(&engine, "UPDATE review_case SET state = 2");
    engine_exec(&engine, "INSERT INTO posting VALUES ('pst_1', 'j', 1, 'pay_1', 'a', 'b', 700, "
                         "'EUR', 31)");
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
    assert_int_equal(times("DoubleCharge check=double_charges over shared"), 1);
    assert_int_equal(times("LedgerImbalance check=ledger_apart over shared"), 1);
    engine_exec(&engine, "DELETE FROM review_case");
    engine_exec(&engine, "DELETE FROM posting");
    engine_exec(&engine, "DELETE FROM payment");
    end();
}

static int no_answer(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return -1;
}

static void a_database_in_trouble_ends_nothing_that_was_said_of_it(void **state) {
    (void)state;
    begin(engine.store);
    engine_exec(&engine, "INSERT INTO webhook_delivery VALUES ('wd_1', 'ep', 'evt_1', 't', 3, 1, "
                         "500, '', 1, 11)");
    turn();
    assert_int_equal(heard_count, 1);
    struct err err = {0};
    store_fault_set(engine.store, no_answer, NULL);
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    assert_true(lookout_turn(lookout, &err) < 0);
    assert_true(lookout_turn(lookout, &err) < 0);
    store_fault_set(engine.store, NULL, NULL);
    assert_int_equal(times("ParkedWork check=webhooks_parked over shared"), 0);
    engine_exec(&engine, "DELETE FROM webhook_delivery");
    turn();
    assert_int_equal(times("ParkedWork check=webhooks_parked over shared"), 1);
    end();
}

static void minute_of(int operation, const char *gateway, int64_t ago, int ok, int failed,
                      const char *code) {
    char sql[400];
    int64_t minute = clock_wall_us() / (60 * US_PER_SECOND) - ago;
    int slice = operation * 100 + gateway[0];
    snprintf(sql, sizeof sql,
             "INSERT INTO metric_slice (id, operation, gateway, method, region, currency, segment) "
             "VALUES (%d, %d, '%s', 'card', 'DE', 'EUR', '') ON CONFLICT DO NOTHING",
             slice, operation, gateway);
    engine_exec(&engine, sql);
    snprintf(sql, sizeof sql,
             "INSERT INTO metric_minute (minute, slice, writer, ok, declined, failed, repeated, "
             "ok_minor, lost_minor, duration_us, durations, codes) VALUES (%lld, %d, 1, %d, 0, %d, "
             "0, 0, 0, 0, '', '%s:%d')",
             (long long)minute, slice, ok, failed, code, failed);
    engine_exec(&engine, sql);
}

/* The gateway that fails is told with its code; the one beside it is not. */
static void refunds_captures_and_callbacks_that_fail_are_told_of_their_gateway(void **state) {
    (void)state;
    struct tuned_values values;
    struct err err = {0};
    slices_init();
    meter_init();
    heard_count = deaf = 0;
    assert_int_equal(tuned_values_read(NULL, NULL, NULL, &values, &err), 0);
    struct tuning *tuning = tuning_open(
        &(struct tuning_options){.store = engine.store, .file = &values});
    minute_of(SLICE_REFUND, "stripe-eu", 2, 7, 3, "insufficient_funds");
    minute_of(SLICE_REFUND, "paypal-a", 2, 99, 1, "insufficient_funds");
    minute_of(SLICE_CAPTURE, "stripe-eu", 2, 19, 1, "expired_hold");
    minute_of(SLICE_AWAITED, "paypal-a", 3, 0, 4, "callback_missing");
    minute_of(SLICE_AWAITED, "stripe-eu", 3, 96, 4, "callback_missing"); /* 4 %: now and then */
    lookout = lookout_open(&(struct lookout_options){
        .store = engine.store, .source = "inst_1", .signal = listen, .tuning = tuning});
    turn();
    assert_int_equal(heard_count, 2);
    const struct heard *told = must_hear("RefundFailures gateway=stripe-eu firing shared");
    assert_string_equal(told->summary, "refund_failure_rate of stripe-eu was 30 percent in 5 "
                                       "minutes; critical when above 20.");
    assert_string_equal(told->cause, "insufficient_funds at stripe-eu: 3 of the 3.");
    assert_string_equal(told->scope, "3 of 10 (refund) at stripe-eu in 5 minutes.");
    assert_int_equal(told->first_symptom_us,
                     (clock_wall_us() / (60 * US_PER_SECOND) - 2) * 60 * US_PER_SECOND);
    told = must_hear("CallbackMissing gateway=paypal-a firing shared");
    assert_string_equal(told->cause,
                        "None came in time: paypal-a does not send, or the way to us is cut.");
    /* Two more captures fail: past a tenth. */
    minute_of(SLICE_CAPTURE, "stripe-eu", 0, 0, 2, "expired_hold");
    test_clock_advance(80 * US_PER_SECOND);
    turn();
    assert_string_equal(must_hear("CaptureFailures gateway=stripe-eu firing shared")->cause,
                        "expired_hold at stripe-eu: 3 of the 3.");
    end();
    tuning_close(tuning);
    engine_exec(&engine, "DELETE FROM metric_minute");
    engine_exec(&engine, "DELETE FROM metric_slice");
}

static void look_again(void) {
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    turn();
}

static void commits_that_are_slow_or_fail_are_told_while_they_do(void **state) {
    (void)state;
    begin(engine.store);
    turn();
    assert_int_equal(heard_count, 0);
    for (int i = 0; i < 3; i++) {
        store_note_commit(engine.store, (1 + i) * US_PER_SECOND);
        store_note_write(engine.store, 0, -ERR_STORE);
        store_note_write(engine.store, 0, -ERR_NOT_FOUND); /* an answer, and no trouble */
    }
    look_again();
    assert_int_equal(heard_count, 2);
    assert_string_equal(
        must_hear("PaymentServiceDatabaseIssues of=slow firing")->summary,
        "3 commits took a second and more in the last 15 s, and 0 calls waited as long for their "
        "turn.");
    assert_string_equal(must_hear("PaymentServiceDatabaseIssues of=failures firing")->summary,
                        "3 transactions failed in the last 15 s.");
    store_note_commit(engine.store, 2 * US_PER_SECOND);
    store_note_write(engine.store, 0, -ERR_STORE);
    look_again();
    must_hear("PaymentServiceDatabaseIssues of=slow over");
    must_hear("PaymentServiceDatabaseIssues of=failures over");
    end();
}

/* ---- a pool of one ---- */

struct hold {
    struct store *store;
    struct task *task;
    _Atomic bool holds, let_go;
};

static int hold_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct hold *hold = ctx;
    (void)tx;
    (void)err;
    atomic_store(&hold->holds, true);
    while (!atomic_load(&hold->let_go)) {
        g_usleep(1000);
    }
    return 0;
}

static void hold_main(void *arg) {
    struct hold *hold = arg;
    struct err err = {0};
    assert_int_equal(store_read(hold->store, hold_tx, hold, &err), 0);
}

/* The lookout itself waits for a connection; it is given one, and no answer. */
static void let_go_later(void *arg) {
    struct hold *hold = arg;
    struct store_stats stats = {0};
    while (stats.waiting < 2) {
        g_usleep(1000);
        store_stats(hold->store, &stats);
    }
    atomic_store(&hold->let_go, true);
}

static void all_connections_busy_is_told_though_nothing_can_be_counted(void **state) {
    (void)state;
    struct store *store;
    struct err err = {0};
    const struct store_options options = {
        .url = engine.url, .pool_max = 1, .busy_timeout_us = 60 * US_PER_SECOND};
    assert_int_equal(store_open(&options, &store, &err), 0);
    begin(store);
    turn();
    assert_int_equal(heard_count, 0);
    struct hold holder = {.store = store}, waiter = {.store = store};
    holder.task = task_start("holder", 0, hold_main, &holder);
    while (!atomic_load(&holder.holds)) {
        g_usleep(1000);
    }
    waiter.task = task_start("waiter", 0, hold_main, &waiter);
    struct store_stats stats = {0};
    while (stats.waiting == 0) {
        g_usleep(1000);
        store_stats(store, &stats);
    }
    atomic_store(&waiter.let_go, true);
    test_clock_advance(LOOKOUT_COUNT_S * US_PER_SECOND);
    store_fault_set(store, no_answer, NULL);
    struct task *freed = task_start("free", 0, let_go_later, &holder);
    assert_true(lookout_turn(lookout, &err) < 0);
    must_hear("PaymentServiceDatabaseIssues of=connections firing");
    assert_int_equal(times("PaymentServiceDatabaseIssues of=connections over"), 0);
    task_join(freed);
    task_join(holder.task);
    task_join(waiter.task);
    store_fault_set(store, NULL, NULL);
    look_again();
    assert_int_equal(times("PaymentServiceDatabaseIssues of=connections over"), 1);
    end();
    store_close(store);
}

/* ---- a standby that is behind ---- */

static void a_standby_that_is_behind_is_told_by_its_name(void **state) {
    (void)state;
    struct test_pg server;
    char url[TEST_PG_URL_MAX];
    struct store *store;
    struct err err = {0};
    test_pg_start(&server, false);
    test_pg_database(&server, url);
    assert_int_equal(store_open(&(struct store_options){.url = url}, &store, &err), 0);
    assert_int_equal(migrate_apply(store, NULL, NULL, &err), 0);
    begin(store);
    test_pg_int(url, "SELECT 1 FROM pg_create_physical_replication_slot('standby_b', true)");
    turn();
    assert_int_equal(heard_count, 0); /* not connected, and nothing missed yet */
    for (int i = 0; i < 5; i++) { /* a segment of 16 MiB each */
        test_pg_int(url, "SELECT 1 FROM pg_logical_emit_message(false, 'test', 'x')");
        test_pg_int(url, "SELECT 1 FROM pg_switch_wal()");
    }
    look_again();
    const struct heard *told = must_hear("PaymentServiceDatabaseIssues of=replication "
                                         "standby=standby_b firing shared");
    assert_non_null(strstr(told->summary, "MiB behind. A failover"));
    assert_true(told->severity_known && told->severity == NOTICE_P2);
    test_pg_int(url, "SELECT 1 FROM pg_drop_replication_slot('standby_b')");
    look_again();
    must_hear("PaymentServiceDatabaseIssues of=replication standby=standby_b over shared");
    end();
    store_close(store);
    test_pg_end(&server);
}

int main(void) {
    const struct CMUnitTest seen[] = {
        cmocka_unit_test(a_gateway_that_fails_is_told_with_whom_it_concerns_and_whom_not),
        cmocka_unit_test(the_only_gateway_that_takes_payments_is_named_first),
        cmocka_unit_test(all_gateways_at_once_are_rather_our_own_network),
        cmocka_unit_test(what_was_said_is_said_again_by_and_by_and_what_was_not_heard_at_once),
        cmocka_unit_test(payments_without_a_gateway_are_everybodys_trouble),
        cmocka_unit_test(a_method_in_one_region_is_told_so_that_nobody_looks_elsewhere),
        cmocka_unit_test(callbacks_that_are_not_genuine_are_told_of_their_gateway),
        cmocka_unit_test(what_somebody_above_sees_is_told_and_over),
    };
    const struct CMUnitTest counted[] = {
        cmocka_unit_test(what_the_database_counts_is_told_and_over_when_it_is_gone),
        cmocka_unit_test(a_double_charge_and_a_ledger_that_is_apart_are_of_the_gravest),
        cmocka_unit_test(a_database_in_trouble_ends_nothing_that_was_said_of_it),
        cmocka_unit_test(refunds_captures_and_callbacks_that_fail_are_told_of_their_gateway),
        cmocka_unit_test(commits_that_are_slow_or_fail_are_told_while_they_do),
    };
    const struct CMUnitTest postgres[] = {
        cmocka_unit_test(a_standby_that_is_behind_is_told_by_its_name),
    };
    const struct CMUnitTest pool[] = {
        cmocka_unit_test(all_connections_busy_is_told_though_nothing_can_be_counted),
    };
    test_clock_install();
    test_clock_freeze(true);
    int failed = cmocka_run_group_tests_name("lookout", seen, NULL, NULL);
    test_clock_freeze(false);
    failed += engine_run("lookout counts", counted, COUNT_OF(counted), &engine);
    engine_open(&engine, STORE_POSTGRES);
    failed += cmocka_run_group_tests_name("lookout pool", pool, NULL, NULL);
    test_store_end(&engine);
    return failed + cmocka_run_group_tests_name("lookout standby", postgres, NULL, NULL);
}
