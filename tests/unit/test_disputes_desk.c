/* SPDX-License-Identifier: Apache-2.0
 * test_disputes_desk.c: what people do about disputes: they tell of them, attach evidence, answer
 * or give up, and are warned of the deadlines. */
#include "disputes_fixture.h"

/* ---- told by a person ---- */

static void a_chargeback_can_be_told_of_by_hand(void **state) {
    payment = world_paid(W, "order", 500);
    assert_done(W, record("key", "CB12345", 300), 201, "needs_response");
    assert_money(300, 0);
    assert_done(W, record("key", "CB12345", 300), 201, "needs_response");
    assert_true(W->replayed);
    assert_done(W, record("key-2", "CB12345", 300), 200, "needs_response");
    assert_refused(W, record("key-3", "CB12345", 200), ERR_STATE);
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'dispute.record'"), 1);
    assert_int_equal(events("dispute.opened"), 1);
    assert_done(W, resolve("key-4", "won"), 200, "won");
    assert_money(0, 0);
    assert_refused(W, resolve("key-5", "withdrawn"), ERR_STATE);
    assert_refused(W, resolve("key-6", "needs_response"), ERR_VALIDATION);
    world_check(W);
}

static void a_chargeback_over_the_amount_is_refused(void **state) {
    payment = world_paid(W, "order", 500);
    assert_refused(W, record("key", "CB1", 501), ERR_AMOUNT);
    fake_say(FAKE, 0, "refund", 1, FAKE_PENDING);
    json_decref(world_refund(W, "refund", payment, 200));
    assert_refused(W, record("key-2", "CB1", 301), ERR_AMOUNT);
    assert_done(W, record("key-3", "CB1", 200), 201, "needs_response");
    assert_refused(W, record("key-4", "CB2", 101), ERR_AMOUNT);
    assert_done(W, record("key-5", "CB2", 0), 201, "needs_response"); /* all that is left */
    assert_money(300, 0);
    assert_refused(W, record("key-6", "CB3", 0), ERR_AMOUNT);
    world_verify(W);
}

static void only_what_was_paid_can_be_charged_back(void **state) {
    payment = world_authorized(W, "order", 500);
    assert_refused(W, record("key", "CB1", 100), ERR_STATE);
}

static void one_reference_is_one_payments_unless_it_is_forced(void **state) {
    payment = world_paid(W, "order", 500);
    assert_done(W, record("key", "CB12345", 300), 201, "needs_response");
    free(payment);
    payment = world_paid(W, "order-2", 500);
    assert_refused(W, record("key-2", "CB12345", 300), ERR_EXISTS);
    assert_int_equal(count("SELECT SUM(disputed_minor) FROM payment"), 300);
    assert_done(W, record("key-3", "CB12346", 300), 201, "needs_response");
    struct caller caller = world_caller("key-4", "x");
    struct answer answer = {0};
    const struct chargeback both = {.reference = "CB12345", .reason = "", .force = true};
    int r = dispute_record(W->payments, &caller, payment, &both, &answer, &W->err);
    assert_done(W, world_take(W, r, &answer), 201, "needs_response");
    assert_int_equal(count("SELECT COUNT(*) FROM dispute WHERE reference = 'CB12345'"), 2);
    world_verify(W);
}

static void the_gateways_word_about_it_is_about_the_same_one(void **state) {
    payment = world_paid(W, "order", 500);
    assert_done(W, record("key", "CB12345", 500), 201, "needs_response");
    int from = fake_event_count(FAKE);
    const char *id = fake_dispute_open(FAKE, 0, "order", 500, "needs_response");
    hear(from);
    assert_int_equal(count("SELECT COUNT(*) FROM dispute"), 1);
    assert_text(W, "SELECT gateway_id FROM dispute", id);
    assert_money(500, 0);
    assert_refused(W, resolve("key-2", "won"), ERR_STATE); /* it is the gateway's to say by now */
    becomes(id, "won");
    assert_money(0, 0);
    world_check(W);
}

static void one_told_of_by_the_gateways_own_name_is_asked_about(void **state) {
    payment = world_paid(W, "order", 500);
    const char *id = fake_dispute_open(FAKE, 0, "order", 500, "under_review");
    assert_done(W, record("key", id, 500), 201, "needs_response");
    (void)world_tick(W);
    assert_state("under_review");
    assert_text(W, "SELECT gateway_id FROM dispute", id);
    world_check(W);
}

/* ---- evidence ---- */

static void evidence_is_attached_and_submitted_once(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    assert_refused(W, submit("key-0"), ERR_STATE); /* there is none yet */
    json_decref(attach_text("key-1", "shipping_tracking_number", "1Z 999"));
    json_decref(attach_text("key-2", "other", "the customer signed for it"));
    assert_int_equal(W->status, 201);
    assert_done(W, submit("key-3"), 202, "needs_response");
    assert_refused(W, attach_text("key-4", "other", "and more"), ERR_STATE);
    assert_refused(W, submit("key-5"), ERR_STATE);
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    assert_non_null(strstr(sent, "submit=true"));
    assert_non_null(strstr(sent, "evidence%5Bshipping_tracking_number%5D=1Z%20999"));
    assert_non_null(strstr(sent, "evidence%5Buncategorized_text%5D=the%20customer"));
    assert_state("under_review");
    assert_int_equal(count("SELECT answer_state FROM dispute"), ANSWER_DONE);
    for (int i = 0; i < 5; i++) {
        test_clock_advance(7 * HOUR_US);
        (void)world_tick(W);
    }
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    world_check(W);
}

/* Two people at once: one answer goes, and the other is told whose. */
static void of_two_answers_at_once_one_goes(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    json_decref(attach_text("key-1", "other", "it was sent"));
    assert_done(W, submit("key-2"), 202, "needs_response");
    assert_refused(W, give_up("key-3"), ERR_STATE);
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    assert_state("under_review");
    world_check(W);
}

static void what_is_given_up_is_lost(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    assert_done(W, give_up("key"), 202, "needs_response");
    assert_refused(W, submit("key-2"), ERR_STATE);
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    assert_state("lost");
    assert_int_equal(count("SELECT COUNT(*) FROM audit_entry WHERE action = 'dispute.accept'"), 1);
    assert_int_equal(count("SELECT COUNT(*) FROM job WHERE kind = 'dispute'"), 0);
    world_check(W);
}

/* Each thing that can happen to the request, and what is asked and sent until it is there. */
static void an_answer_arrives_once_whatever_happens_on_its_way(void **state) {
    for (int act = FAKE_REFUSE; act < FAKE_ACT_FAULTS; act++) {
        payment_world_forget(W);
        (void)forget(NULL);
        const char *id = disputed(500, "needs_response");
        char sent[4000];
        json_decref(attach_text("key-1", "other", "it was sent"));
        fake_say(FAKE, 0, "answer_dispute", 1, (enum fake_act)act);
        assert_done(W, submit("key-2"), 202, "needs_response");
        (void)world_tick(W);
        world_settle_all(W);
        int answers = fake_dispute_answers(FAKE, id, sent, sizeof sent);
        bool refused = act == FAKE_REJECT;
        if (answers != !refused) {
            fail_msg("%s: %d answers arrived", fake_act_name((enum fake_act)act), answers);
        }
        assert_int_equal(cases("dispute_answer", true), refused);
        assert_int_equal(count("SELECT answer_state FROM dispute"),
                         refused ? ANSWER_REFUSED : ANSWER_DONE);
        world_check(W);
    }
}

static void a_refused_answer_can_be_made_again(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    json_decref(attach_text("key-1", "other", "it was sent"));
    fake_say(FAKE, 0, "answer_dispute", 1, FAKE_REJECT);
    json_decref(submit("key-2"));
    (void)world_tick(W);
    assert_int_equal(cases("dispute_answer", true), 1);
    json_decref(attach_text("key-3", "receipt", "number 7"));
    assert_done(W, submit("key-4"), 202, "needs_response");
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    assert_non_null(strstr(sent, "it%20was%20sent"));
    assert_non_null(strstr(sent, "number%207"));
    world_check(W);
}

static void when_it_is_asked_again_there_is_another_round(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    json_decref(attach_text("key-1", "other", "the first"));
    json_decref(submit("key-2"));
    (void)world_tick(W);
    becomes(id, "needs_response");
    json_decref(attach_text("key-3", "other", "the second"));
    assert_done(W, submit("key-4"), 202, "needs_response");
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 2);
    assert_non_null(strstr(sent, "the%20second"));
    assert_null(strstr(sent, "the%20first"));
    world_check(W);
}

static void one_that_the_gateway_does_not_know_cannot_be_answered_there(void **state) {
    payment = world_paid(W, "order", 500);
    json_decref(record("key", "CB1", 500));
    json_decref(attach_text("key-1", "other", "it was sent"));
    assert_refused(W, submit("key-2"), ERR_STATE);
    assert_refused(W, give_up("key-3"), ERR_STATE);
}

/* The dispute is one of this gateway's; "elsewhere": of none that is answered by its API. */
static void belongs_to(const char *gateway) {
    char sql[80];
    snprintf(sql, sizeof sql, "UPDATE dispute SET gateway = '%s'", gateway);
    assert_int_equal(engine_exec(&W->engine, sql), 1);
}

static void files_are_of_few_kinds_and_small_and_hold_no_card_number(void **state) {
    (void)disputed(500, "needs_response");
    belongs_to("elsewhere");
    char *pdf = crypto_base64("%PDF-1.7 x", 10);
    char *png = crypto_base64("\x89PNG\r\n\x1a\n....", 12);
    char *card = crypto_base64("number 4242424242424242.", 24);
    char *bytes = calloc(1, EVIDENCE_FILE_BYTES_MAX + 1);
    memset(bytes, 'x', EVIDENCE_FILE_BYTES_MAX + 1);
    char *large = crypto_base64(bytes, EVIDENCE_FILE_BYTES_MAX + 1);
    const struct {
        struct evidence evidence;
        int code;
    } rows[] = {
        {{"receipt", "", "receipt.pdf", "application/pdf", pdf}, 0},
        {{"receipt", "", "receipt.png", "image/png", png}, 0},
        {{"receipt", "", "receipt.png", "image/png", pdf}, ERR_VALIDATION},
        {{"receipt", "", "x.exe", "application/x-msdownload", pdf}, ERR_VALIDATION},
        {{"receipt", "", "../x.pdf", "application/pdf", pdf}, ERR_VALIDATION},
        {{"receipt", "", "x\".pdf", "application/pdf", pdf}, ERR_VALIDATION},
        {{"receipt", "", "x.pdf", "application/pdf", "!!"}, ERR_VALIDATION},
        {{"receipt", "", "x.txt", "text/plain", large}, ERR_VALIDATION},
        {{"receipt", "", "x.txt", "text/plain", card}, ERR_CARD_NUMBER},
        {{"hearsay", "text", "", "", ""}, ERR_VALIDATION},
        {{"receipt", "", "", "", ""}, ERR_VALIDATION},
        {{"receipt", "text", "x.pdf", "application/pdf", pdf}, ERR_VALIDATION},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%zu", i);
        json_t *json = attach(key, &rows[i].evidence);
        if (W->result != -rows[i].code) {
            fail_msg("row %zu: %d, %s", i, W->result, W->err.detail);
        }
        json_decref(json);
    }
    assert_int_equal(count("SELECT COUNT(*) FROM dispute_evidence"), 2);
    char hash[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex("%PDF-1.7 x", 10, hash);
    assert_text(W, "SELECT sha256 FROM dispute_evidence WHERE file_name = 'receipt.pdf'", hash);
    char *id = world_text(W, "SELECT id FROM dispute_evidence WHERE file_name = 'receipt.pdf'");
    struct answer answer = {0};
    json_t *json = world_take(W, evidence_get(W->payments, id, &answer, &W->err), &answer);
    assert_string_equal(json_at(json, "content"), pdf);
    json_decref(json);
    free(id);
    free(pdf);
    free(png);
    free(card);
    free(bytes);
    free(large);
}

static void a_gateway_that_takes_no_files_is_given_none(void **state) {
    const struct evidence file = {"receipt", "", "receipt.txt", "text/plain", "bnVtYmVyIDc="};
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    assert_refused(W, attach("key-1", &file), ERR_VALIDATION);
    assert_string_equal(W->err.place, "/content");
    assert_int_equal(count("SELECT COUNT(*) FROM dispute_evidence"), 0);
    /* One that is there all the same, since another release took it. */
    belongs_to("elsewhere");
    json_decref(attach("key-2", &file));
    belongs_to("stripe-a");
    assert_refused(W, submit("key-3"), ERR_STATE);
    json_decref(attach_text("key-4", "other", "the customer signed for it"));
    assert_done(W, submit("key-5"), 202, "needs_response");
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 1);
    assert_int_equal(count("SELECT answer_round FROM dispute_evidence WHERE content <> ''"), 0);
    assert_int_equal(count("SELECT answer_round FROM dispute_evidence WHERE content = ''"), 1);
    world_check(W);
}

/* An answer that was written down before files were refused. */
static void an_answer_without_a_single_text_is_not_sent(void **state) {
    const char *id = disputed(500, "needs_response");
    char sent[4000];
    json_decref(attach_text("key-1", "other", "it was sent"));
    assert_done(W, submit("key-2"), 202, "needs_response");
    assert_int_equal(engine_exec(&W->engine, "UPDATE dispute_evidence SET text = '', content = "
                                             "'bnVtYmVyIDc=', media_type = 'text/plain'"),
                     1);
    (void)world_tick(W);
    assert_int_equal(fake_dispute_answers(FAKE, id, sent, sizeof sent), 0);
    assert_int_equal(count("SELECT answer_state FROM dispute"), ANSWER_REFUSED);
    assert_int_equal(count("SELECT answer_round FROM dispute_evidence"), 0);
    assert_int_equal(cases("dispute_answer", true), 1);
    world_check(W);
}

static void no_more_evidence_than_there_is_room_for(void **state) {
    (void)disputed(500, "needs_response");
    for (int i = 0; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%d", i);
        json_decref(attach_text(key, "other", "a piece"));
        assert_int_equal(W->result, 0);
    }
    assert_refused(W, attach_text("key-30", "other", "one too many"), ERR_TOO_LARGE);
}

/* ---- deadlines ---- */

static void a_deadline_is_warned_of_twice_and_then_missed(void **state) {
    (void)disputed(500, "needs_response");
    int64_t due = count("SELECT due_us FROM dispute");
    assert_true(due > clock_wall_us() + 6 * 24 * HOUR_US);
    assert_int_equal(cases("dispute_due", true), 0);
    test_clock_advance(due - 72 * HOUR_US - clock_wall_us() - US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 0);
    test_clock_advance(2 * US_PER_SECOND);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 1);
    assert_int_equal(count("SELECT warned FROM dispute"), WARNED_72H);
    int64_t told = events("dispute.updated");
    (void)world_tick(W);
    assert_int_equal(events("dispute.updated"), told);
    test_clock_advance(48 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(count("SELECT warned FROM dispute"), WARNED_24H);
    assert_int_equal(cases("dispute_due", true), 1);
    assert_int_equal(events("dispute.updated"), told + 1);
    test_clock_advance(25 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(count("SELECT warned FROM dispute"), WARNED_MISSED);
    assert_int_equal(cases("dispute_missed", true), 1);
    assert_int_equal(cases("dispute_due", true), 0);
    assert_state("needs_response"); /* who decides is the gateway */
    world_check(W);
}

static void a_warning_that_a_person_has_closed_comes_again_with_the_next_deadline(void **state) {
    (void)disputed(500, "needs_response");
    int64_t due = count("SELECT due_us FROM dispute");
    test_clock_advance(due - 71 * HOUR_US - clock_wall_us());
    (void)world_tick(W);
    char *id = world_text(W, "SELECT id FROM review_case WHERE kind = 'dispute_due'");
    struct caller caller = world_caller("key", "x");
    struct answer answer = {0};
    int r = case_close(W->payments, &caller, id, "seen", &answer, &W->err);
    assert_done(W, world_take(W, r, &answer), 200, "closed");
    free(id);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 0);
    test_clock_advance(48 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 1);
    assert_int_equal(count("SELECT amount_minor FROM review_case WHERE kind = 'dispute_due'"), 500);
    assert_text(W, "SELECT gateway FROM review_case WHERE kind = 'dispute_due'", "stripe-a");
    world_check(W);
}

static void deadlines_are_kept_while_the_gateway_is_down(void **state) {
    (void)disputed(500, "needs_response");
    fake_say(FAKE, 0, "*", -1, FAKE_REFUSE);
    test_clock_advance(count("SELECT due_us FROM dispute") - 71 * HOUR_US - clock_wall_us());
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 1);
}

/* The clock jumps over all three: the latest is told of, once; and back: nothing again. */
static void a_clock_that_jumps_tells_of_the_latest_deadline_once(void **state) {
    (void)disputed(500, "needs_response");
    test_clock_advance(30 * 24 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_missed", true), 1);
    assert_int_equal(cases("dispute_due", true), 0);
    int64_t told = events("dispute.updated");
    test_clock_advance(-29 * 24 * HOUR_US);
    (void)world_tick(W);
    test_clock_advance(7 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(events("dispute.updated"), told);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 1);
    world_check(W);
}

static void who_has_answered_is_not_warned(void **state) {
    (void)disputed(500, "needs_response");
    json_decref(attach_text("key-1", "other", "it was sent"));
    json_decref(submit("key-2"));
    fake_say(FAKE, 0, "*", -1, FAKE_REFUSE);
    test_clock_advance(30 * 24 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(count("SELECT COUNT(*) FROM review_case"), 0);
}

static void answering_closes_the_warnings_case(void **state) {
    (void)disputed(500, "needs_response");
    test_clock_advance(5 * 24 * HOUR_US);
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 1);
    json_decref(attach_text("key-1", "other", "it was sent"));
    json_decref(submit("key-2"));
    (void)world_tick(W);
    assert_int_equal(cases("dispute_due", true), 0);
    world_check(W);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        TEST(a_chargeback_can_be_told_of_by_hand),
        TEST(a_chargeback_over_the_amount_is_refused),
        TEST(only_what_was_paid_can_be_charged_back),
        TEST(one_reference_is_one_payments_unless_it_is_forced),
        TEST(the_gateways_word_about_it_is_about_the_same_one),
        TEST(one_told_of_by_the_gateways_own_name_is_asked_about),
        TEST(evidence_is_attached_and_submitted_once),
        TEST(of_two_answers_at_once_one_goes),
        TEST(what_is_given_up_is_lost),
        TEST(an_answer_arrives_once_whatever_happens_on_its_way),
        TEST(a_refused_answer_can_be_made_again),
        TEST(when_it_is_asked_again_there_is_another_round),
        TEST(one_that_the_gateway_does_not_know_cannot_be_answered_there),
        TEST(files_are_of_few_kinds_and_small_and_hold_no_card_number),
        TEST(a_gateway_that_takes_no_files_is_given_none),
        TEST(an_answer_without_a_single_text_is_not_sent),
        TEST(no_more_evidence_than_there_is_room_for),
        TEST(a_deadline_is_warned_of_twice_and_then_missed),
        TEST(a_warning_that_a_person_has_closed_comes_again_with_the_next_deadline),
        TEST(deadlines_are_kept_while_the_gateway_is_down),
        TEST(a_clock_that_jumps_tells_of_the_latest_deadline_once),
        TEST(who_has_answered_is_not_warned),
        TEST(answering_closes_the_warnings_case),
    };
    return payment_world_run("disputes at the desk", tests, COUNT_OF(tests));
}
