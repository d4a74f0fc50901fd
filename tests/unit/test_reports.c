/* SPDX-License-Identifier: Apache-2.0
 * test_reports.c: complaints are counted once with what their payment was, and masked; the newest
 * change just before the first symptom stands in the alert. */
#include "alert_fixture.h"

#include "base/id.h"
#include "meter/slices.h"
#include "watch/reports.h"

static struct complaint a_complaint(void) {
    return (struct complaint){.payment_id = "",
                              .order_id = "order-1",
                              .channel = "chat",
                              .kind = "charged_twice",
                              .customer = "li@shop.example",
                              .text = "",
                              .reference = "",
                              .gateway = "stripe-eu",
                              .method = "card",
                              .region = "DE",
                              .currency = "EUR",
                              .segment = ""};
}

struct recording {
    struct complaint complaint;
    struct change change;
    struct buf *buf;
};

static int complaint_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recording *recording = ctx;
    return complaint_record(tx, &recording->complaint, "key_1", recording->buf, err);
}

static int change_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct recording *recording = ctx;
    return change_record(tx, &recording->change, "key_1", recording->buf, err);
}

static int64_t counted(void) {
    int64_t count = 0;
    for (const struct slice *slice = slices_next(NULL); slice != NULL; slice = slices_next(slice)) {
        struct slice_counts counts;
        slice_totals(slice, &counts);
        bool is = slice_operation_of(slice) == SLICE_COMPLAINT &&
                  strcmp(slice_label(slice, SLICE_GATEWAY), "stripe-eu") == 0 &&
                  strcmp(slice_label(slice, SLICE_REGION), "DE") == 0;
        count += is ? counts.ok : 0;
    }
    return count;
}

static void a_complaint_counts_once_with_its_payments_labels(void **state) {
    (void)state;
    struct err err = {0};
    struct recording recording = {.complaint = a_complaint()};
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    recording.buf = &buf;
    slices_init();
    recording.complaint.reference = "desk-17";
    recording.complaint.text = "4242 4242 4242 4242 was charged";
    assert_true(store_write(engine.store, complaint_tx, &recording, &err) >= 0);
    assert_int_equal(counted(), 1);
    assert_non_null(strstr(buf.data, "\"text\":\"**** **** **** 4242 was charged\""));
    assert_null(strstr(buf.data, "li@shop"));
    assert_true(store_write(engine.store, complaint_tx, &recording, &err) >= 0);
    assert_int_equal(counted(), 1);
    recording.complaint.reference = "";
    assert_true(store_write(engine.store, complaint_tx, &recording, &err) >= 0);
    assert_true(store_write(engine.store, complaint_tx, &recording, &err) >= 0);
    assert_int_equal(counted(), 3);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM complaint"), 3);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM complaint WHERE customer LIKE "
                                         "'%shop%' OR text LIKE '%4242 4242%'"),
                     0);
    recording.complaint.kind = "odd";
    assert_int_equal(store_write(engine.store, complaint_tx, &recording, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/kind");
    recording.complaint = a_complaint();
    recording.complaint.at_us = clock_wall_us() + 3600 * US_PER_SECOND;
    assert_int_equal(store_write(engine.store, complaint_tx, &recording, &err), -ERR_VALIDATION);
    assert_string_equal(err.place, "/at");
    assert_int_equal(counted(), 3);
}

static void what_could_tell_who_somebody_is_is_masked(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"order 12345678 of today", "order 12345678 of today"},
        {"0171-2345678", "****-***5678"},
        {"+49 171 234 56 78", "+** *** *** 56 78"},
        {"write to li.wang@shop.example, please", "write to *******@shop.example, please"},
        {"<a@b>", "<*@b>"},
        {"@", "@"},
        {"", ""},
        {"\xe5\xbc\xa0@x 123456789", "\xe5\xbc\xa0@x *****6789"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[100];
        snprintf(text, sizeof text, "%s", rows[i].from);
        report_mask(text);
        assert_string_equal(text, rows[i].to);
    }
}

static void record_change(const char *what, int64_t ago_s) {
    struct err err = {0};
    struct recording recording = {
        .change = {"deploy", what, "li", "commit 3f2a", clock_wall_us() - ago_s * US_PER_SECOND}};
    BUF_AUTO buf;
    buf_init(&buf, 64 * 1024);
    recording.buf = &buf;
    assert_int_equal(store_write(engine.store, change_tx, &recording, &err), 0);
}

/* The cause in what is kept of the gateway's alert; free() it. */
static char *cause_after(const char *gateway, int64_t symptom_ago_s, const char *seen_cause) {
    struct alert_signal signal = seen("PaymentServiceGatewayFailure", gateway, true);
    char *facts, *cause;
    signal.first_symptom_us = clock_wall_us() - symptom_ago_s * US_PER_SECOND;
    signal.cause = seen_cause;
    say_signal(0, &signal);
    facts = engine_text(&engine, "SELECT facts FROM alert ORDER BY seen_us DESC, id DESC LIMIT 1");
    const char *at = strstr(facts, "\"cause\":\"");
    cause = strdup(at != NULL ? at + 9 : "");
    cause[strcspn(cause, "\"")] = '\0';
    free(facts);
    return cause;
}

static void the_newest_change_before_the_first_symptom_is_the_likely_cause(void **state) {
    (void)state;
    engine_exec(&engine, "DELETE FROM change");
    char *cause = cause_after("none", 60, "91 % say timeout.");
    assert_string_equal(cause, "91 % say timeout.");
    free(cause);
    record_change("shop 4.5", 3 * 3600);
    test_clock_advance(US_PER_SECOND);
    cause = cause_after("old", 60, NULL);
    assert_string_equal(cause, "");
    free(cause);
    record_change("shop 4.6", 25 * 60);
    record_change("shop 4.7", 10 * 60);
    record_change("shop 4.8", 30); /* after the first symptom */
    test_clock_advance(US_PER_SECOND);
    cause = cause_after("one", 60, "91 % say timeout.");
    assert_ptr_equal(strstr(cause, "Just before it: deploy shop 4.7, li [commit 3f2a], 20"), cause);
    assert_non_null(strstr(cause, " (9 min).\\n91 % say timeout."));
    free(cause);
    test_clock_advance(US_PER_SECOND);
    cause = cause_after("two", 12 * 60, NULL);
    assert_non_null(strstr(cause, "shop 4.6"));
    free(cause);
}

/* ---- forgotten ---- */

static void old_complaint(const char *id, const char *payment_id, int64_t at_us) {
    char sql[400];
    snprintf(sql, sizeof sql,
             "INSERT INTO complaint VALUES ('%s', %lld, %lld, '%s', '', '', 1, '', '', '', '', '', "
             "'', '', 'key_1')",
             id, (long long)at_us, (long long)at_us, payment_id);
    (void)engine_exec(&engine, sql);
}

static void old_change(const char *id, int64_t at_us) {
    char sql[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO change VALUES ('%s', %lld, %lld, 1, 'shop 4.7', '', '', 'key_1')", id,
             (long long)at_us, (long long)at_us);
    (void)engine_exec(&engine, sql);
}

static void what_is_old_is_forgotten_but_not_what_a_case_or_an_alert_refers_to(void **state) {
    (void)state;
    struct err err = {0};
    int64_t old_us = clock_wall_us() - (REPORTS_KEPT_DAYS + 1) * INT64_C(86400) * US_PER_SECOND;
    (void)engine_exec(&engine, "DELETE FROM complaint");
    (void)engine_exec(&engine, "DELETE FROM change");
    (void)engine_exec(&engine, "DELETE FROM review_case");
    (void)engine_exec(&engine, "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, "
                               "gateway, subject, detail, amount_minor, currency, resolution, "
                               "opened_us, closed_us) VALUES ('case_1', 'k', 1, "
                               "'pay_open', '', '', 's1', '', 0, 'EUR', '', 1, 0), ('case_2', 'k', "
                               "2, 'pay_done', '', '', 's2', '', 0, 'EUR', '', 1, 2)");
    old_complaint("cmp_plain", "", old_us);
    old_complaint("cmp_open", "pay_open", old_us);
    old_complaint("cmp_done", "pay_done", old_us);
    old_complaint("cmp_alert", "", old_us + 3600 * US_PER_SECOND);
    old_complaint("cmp_young", "", clock_wall_us());
    old_change("chg_plain", old_us - CHANGE_BEFORE_US);
    old_change("chg_alert", old_us + 3600 * US_PER_SECOND - CHANGE_BEFORE_US);
    old_change("chg_young", clock_wall_us());
    say("Complaints", NULL, true);
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE alert SET first_symptom_us = %lld",
             (long long)(old_us + 3600 * US_PER_SECOND));
    (void)engine_exec(&engine, sql);
    assert_int_equal(alerts_start(alerts[0], &err), 0);
    pass_s(61); /* the sweep */
    char *left = engine_text(&engine, "SELECT COUNT(*) || ' ' || MIN(id) || ' ' || MAX(id) FROM "
                                      "complaint");
    assert_string_equal(left, "3 cmp_alert cmp_young");
    free(left);
    assert_int_equal(engine_int(&engine, "SELECT COUNT(*) FROM complaint WHERE id = 'cmp_open'"),
                     1);
    left = engine_text(&engine, "SELECT COUNT(*) || ' ' || MIN(id) || ' ' || MAX(id) FROM change");
    assert_string_equal(left, "2 chg_alert chg_young");
    free(left);
    (void)engine_exec(&engine, "DELETE FROM review_case");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_complaint_counts_once_with_its_payments_labels,
                                        fixture_begin, fixture_end),
        cmocka_unit_test(what_could_tell_who_somebody_is_is_masked),
        cmocka_unit_test_setup_teardown(
            the_newest_change_before_the_first_symptom_is_the_likely_cause, fixture_begin,
            fixture_end),
        cmocka_unit_test_setup_teardown(
            what_is_old_is_forgotten_but_not_what_a_case_or_an_alert_refers_to, fixture_begin,
            fixture_end),
    };
    crypto_init();
    slices_init();
    test_clock_install();
    return engine_run("reports", tests, COUNT_OF(tests), &engine);
}
