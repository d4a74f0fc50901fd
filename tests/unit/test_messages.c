/* SPDX-License-Identifier: Apache-2.0
 * test_messages.c: messages to those whom it concerns: what was approved by another person, to each
 * once, whatever dies on the way; refused whole where one text is not fit. On both engines. */
#include "channel_fixture.h"

#include <stdatomic.h>

#include "base/json.h"
#include "comms/message.h"
#include "desk/desk.h"
#include "support/payment_world.h"

#define W the_world
#define ANN "user:usr_ann"
#define BO "user:usr_bo"

enum { TOLD_MAX = 4000, DEATHS_MAX = 400 };

/* ---- receivers ---- */

struct told {
    char to[80], id[80];
    char *text;
};
static struct {
    struct told told[TOLD_MAX];
    int count;
    enum smtp_outcome mail;
    int mail_code;
    int status;       /* of the webhook and of Twilio */
    bool answerless;  /* they take it and say nothing */
} receivers;

static void receive(const char *to, const char *id, const char *text, size_t bytes) {
    assert_true(receivers.count < TOLD_MAX);
    struct told *told = &receivers.told[receivers.count++];
    snprintf(told->to, sizeof told->to, "%s", to);
    snprintf(told->id, sizeof told->id, "%s", id);
    told->text = strndup(text, bytes);
}

static void take_mail(void *ctx, const struct smtp_message *message, struct smtp_result *result) {
    *result = (struct smtp_result){.outcome = receivers.mail, .code = receivers.mail_code};
    if (receivers.mail != SMTP_NOT_SENT) {
        receive(message->to[0], "", message->bytes, message->byte_count);
    } else {
        result->failure = SMTP_FAIL_REFUSED;
    }
    if (receivers.mail == SMTP_MAYBE_TAKEN) {
        result->failure = SMTP_FAIL_RESET;
    }
}

static int take_http(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                     struct err *err) {
    const char *id = http_header_find(call->headers, call->header_count, "webhook-id");
    bool sms = strstr(call->url, "twilio") != NULL;
    const char *body = sms ? "{\"sid\":\"SM1\"}" : "";
    receive(sms ? "sms" : "hook", id != NULL ? id : "", call->body, call->body_bytes);
    http_answer_fill(ret_answer, receivers.status, NULL, 0, body, strlen(body));
    if (receivers.answerless) {
        ret_answer->status = 0;
        ret_answer->reach = HTTP_MAYBE_SENT;
        ret_answer->failure = HTTP_FAIL_TIMEOUT;
        return err_set(err, ERR_TIMEOUT, "no answer");
    }
    return 0;
}

/* ---- the floor ---- */

static struct templates *templates;
static struct lint *lint;
static struct channels *mail, *sms, *hook;
static struct http_client *http;
static struct smtp_client *smtp;
static struct messages *messages;
static struct job_runner *runner;
static struct job_kind kind;
static int mails_per_second;

/* What the floor above says of the incident. */
static struct {
    bool over;
    const char *evidence;
    int told;
    char notes[8][200];
    int note_count;
} above;

static int is_over(void *ctx, struct store_tx *tx, const char *incident_id, struct proof *ret_proof,
                   struct err *err) {
    (void)ctx, (void)tx;
    if (!above.over) {
        return err_set(err, ERR_STATE, "it is not over");
    }
    *ret_proof = (struct proof){.at_us = 1};
    snprintf(ret_proof->incident_id, sizeof ret_proof->incident_id, "%s", incident_id);
    snprintf(ret_proof->evidence, sizeof ret_proof->evidence, "%s", above.evidence);
    return 0;
}

static int is_noted(void *ctx, struct store_tx *tx, const char *incident_id, const char *actor,
                    const char *text, bool told, struct err *err) {
    (void)ctx, (void)tx, (void)actor;
    if (strcmp(incident_id, "inc_unknown") == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no incident inc_unknown");
    }
    snprintf(above.notes[above.note_count++ % 8], sizeof above.notes[0], "%s", text);
    above.told += told;
    return 0;
}

static void open_messages(void) {
    struct err err = {0};
    const struct messages_options options = {
        .store = W->engine.store,
        .payments = W->payments,
        .templates = templates,
        .lint = lint,
        .by = {[BY_EMAIL] = channels_at(mail, 0),
               [BY_SMS] = channels_at(sms, 0),
               [BY_WEBHOOK] = channels_at(hook, 0)},
        .per_second = {[BY_EMAIL] = mails_per_second},
        .clients = {.http = http, .smtp = smtp},
        .shop = "Blue Shop",
        .contact = "help@blue.example",
        .payment_link = "https://blue.example/pay/",
        .incident = {is_over, is_noted, NULL},
    };
    assert_int_equal(messages_open(&options, &messages, &err), 0);
    kind = messages_job(messages);
    assert_int_equal(job_runner_new(W->engine.store, &kind, 1, &runner, &err), 0);
}

static void close_messages(void) {
    if (runner != NULL) {
        job_runner_stop(runner);
    }
    messages_close(messages);
    runner = NULL;
    messages = NULL;
}

static void forget_messages(void) {
    (void)engine_exec(&W->engine, "DELETE FROM mailing");
    (void)engine_exec(&W->engine, "DELETE FROM mailing_payment");
    (void)engine_exec(&W->engine, "DELETE FROM message");
    (void)engine_exec(&W->engine, "DELETE FROM message_channel");
    (void)engine_exec(&W->engine, "DELETE FROM customer_contact");
    (void)engine_exec(&W->engine, "DELETE FROM job");
    for (int i = 0; i < receivers.count; i++) {
        free(receivers.told[i].text);
    }
    receivers.count = 0;
}

/* payment_world_run() empties the world before each test, so each begins by this. */
static void begin(void) {
    memset(&receivers, 0, sizeof receivers);
    memset(&above, 0, sizeof above);
    forget_messages();
    receivers.mail = SMTP_TAKEN;
    receivers.status = 201;
    mails_per_second = 0;
    open_messages();
}

static int end(void **state) {
    store_fault_set(W->engine.store, NULL, NULL);
    close_messages();
    for (int i = 0; i < receivers.count; i++) {
        free(receivers.told[i].text);
    }
    return 0;
}

/* ---- doing ---- */

static struct caller as(const char *actor) {
    struct caller caller = world_caller(NULL, "");
    caller.actor = actor;
    return caller;
}

static char next_update[CLOCK_TEXT_MAX];

/* To customers, being processed, by mail, next word in an hour. */
static struct message_draft draft_of(const struct message_recipient *listed, int count) {
    (void)clock_format((clock_wall_us() / US_PER_SECOND + 3600) * US_PER_SECOND, next_update);
    return (struct message_draft){
        .audience = AUDIENCE_CUSTOMER,
        .situation = SITUATION_BEING_PROCESSED,
        .language = LANGUAGE_EN,
        .fields = {[FIELD_NEXT_UPDATE] = next_update},
        .by = {BY_EMAIL},
        .by_count = 1,
        .incident_id = "",
        .reason = "callbacks are missing",
        .listed = listed,
        .listed_count = count,
        .gateways = "",
        .methods = "",
        .regions = "",
        .currencies = "",
        .states = "",
    };
}

static struct message_recipient somebody(const char *email, const char *reference) {
    return (struct message_recipient){"", email, "", "", "A-1", reference, ""};
}

static json_t *draft(const struct message_draft *what) {
    struct caller caller = as(ANN);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, message_draft(messages, &caller, what, &answer, &W->err), &answer);
}

static void run_jobs(void) {
    struct err err = {0};
    if (job_runner_drain(runner, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

/* Drafted and prepared; its id (free()). */
static char *drafted(const struct message_draft *what) {
    json_t *json = draft(what);
    if (json == NULL) {
        fail_msg("%s at %s", W->err.detail, W->err.place);
    }
    char *id = strdup(json_at(json, "id"));
    json_decref(json);
    run_jobs();
    return id;
}

static json_t *look(const char *id) {
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, message_get(messages, id, &answer, &W->err), &answer);
    assert_non_null(json);
    return json;
}

static void expect_state(const char *id, const char *state) {
    json_t *json = look(id);
    assert_string_equal(json_at(json, "state"), state);
    json_decref(json);
}

static json_t *approve(const char *id, const char *actor, const char *hash) {
    struct caller caller = as(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(
        W, message_approve(messages, &caller, id, hash, "read it", &answer, &W->err), &answer);
}

static json_t *send(const char *id) {
    struct caller caller = as(ANN);
    struct answer answer = {0};
    W->err = (struct err){0};
    return world_take(W, message_send(messages, &caller, id, &answer, &W->err), &answer);
}

/* Approved by another person and begun. */
static void let_go(const char *id) {
    json_t *json = look(id);
    assert_done(W, approve(id, BO, json_at(json, "hash")), 200, "approved");
    json_decref(json);
    assert_done(W, send(id), 200, "sending");
}

static int told_to(const char *to) {
    int count = 0;
    for (int i = 0; i < receivers.count; i++) {
        count += strcmp(receivers.told[i].to, to) == 0;
    }
    return count;
}

/* A rule of the first problem's findings. */
static bool refused_for(const json_t *message, const char *rule, const char *person) {
    const json_t *problem = json_array_get(json_object_get(message, "problems"), 0);
    const json_t *findings = json_object_get(problem, "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        if (strcmp(json_at(json_array_get(findings, i), "rule"), rule) == 0) {
            return person == NULL || strcmp(json_at(problem, "person"), person) == 0;
        }
    }
    return false;
}

/* ---- the way of a message ---- */

static void each_person_is_told_once_what_was_approved(void **state) {
    begin();
    const struct message_recipient to[] = {
        somebody("a@x.example", "ref-a"),
        somebody("b@x.example", "ref-b"),
        {"cus_1", "c@x.example", "", "zh", "A-3", "ref-c1", ""},
        {"cus_1", "c@x.example", "", "zh", "A-4", "ref-c2", ""}, /* the same person */
        somebody("a@x.example", "ref-a"),                        /* and the same again */
    };
    struct message_draft what = draft_of(to, COUNT_OF(to));
    char *id = drafted(&what);
    json_t *json = look(id);
    assert_string_equal(json_at(json, "state"), "previewed");
    assert_int_equal(int_at(json, "persons"), 3);
    assert_int_equal(json_array_size(json_object_get(json, "samples")), 3);
    json_decref(json);
    assert_int_equal(receivers.count, 0);
    let_go(id);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(receivers.count, 3);
    assert_int_equal(told_to("a@x.example"), 1);
    assert_int_equal(told_to("b@x.example"), 1);
    assert_int_equal(told_to("c@x.example"), 1);
    for (int i = 0; i < 3; i++) {
        const char *text = receivers.told[i].text;
        char reference = receivers.told[i].to[0];
        assert_true((strstr(text, "ref-a") != NULL) == (reference == 'a'));
        assert_true((strstr(text, "ref-b") != NULL) == (reference == 'b'));
        assert_true((strstr(text, "ref-c1") != NULL) == (reference == 'c'));
        assert_true((strstr(text, "ref-c2") != NULL) == (reference == 'c'));
        /* The third reads Chinese: nothing in it but encoded bytes. */
        assert_true((strstr(text, "Please do not pay again") == NULL) == (reference == 'c'));
    }
    /* Nothing more comes of it, by jobs or by hand. */
    run_jobs();
    assert_refused(W, send(id), ERR_STATE);
    assert_int_equal(receivers.count, 3);
    free(id);
}

static void another_person_approves_what_he_has_seen(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a")};
    struct message_draft what = draft_of(to, 1);
    char *id = drafted(&what);
    json_t *json = look(id);
    const char *hash = json_at(json, "hash");
    assert_refused(W, send(id), ERR_STATE);
    assert_refused(W, approve(id, ANN, hash), ERR_FORBIDDEN);
    assert_refused(W, approve(id, "cli", hash), ERR_FORBIDDEN);
    assert_refused(W, approve(id, BO, "0000"), ERR_STATE);
    expect_state(id, "previewed");
    assert_done(W, approve(id, BO, hash), 200, "approved");
    assert_refused(W, approve(id, BO, hash), ERR_STATE);
    json_decref(json);
    run_jobs();
    assert_int_equal(receivers.count, 0);
    free(id);
}

static void a_reference_missing_for_one_of_a_thousand_refuses_all(void **state) {
    begin();
    enum { PEOPLE = 1000, WITHOUT = 617 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32], references[PEOPLE][16];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%d@x.example", i);
        snprintf(references[i], sizeof references[i], "ref-%d", i);
        to[i] = somebody(emails[i], i == WITHOUT ? "" : references[i]);
    }
    struct message_draft what = draft_of(to, PEOPLE);
    char *id = drafted(&what);
    json_t *json = look(id);
    assert_string_equal(json_at(json, "state"), "refused");
    assert_int_equal(int_at(json, "persons"), PEOPLE);
    assert_int_equal(int_at(json, "problem_count"), 1);
    assert_true(refused_for(json, "reference", "email:p617@x.example"));
    assert_refused(W, approve(id, BO, json_at(json, "hash")), ERR_STATE);
    assert_refused(W, send(id), ERR_STATE);
    run_jobs();
    assert_int_equal(receivers.count, 0);
    json_decref(json);
    free(id);
    /* With it, all thousand. */
    to[WITHOUT].reference = references[WITHOUT];
    what = draft_of(to, PEOPLE);
    id = drafted(&what);
    let_go(id);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(receivers.count, PEOPLE);
    for (int i = 0; i < PEOPLE; i++) {
        assert_int_equal(told_to(emails[i]), 1);
    }
    free(id);
}

static void a_claim_is_refused_in_whatever_field_it_stands(void **state) {
    begin();
    static const struct {
        enum field field; /* FIELD_PAYMENTS: the order's number */
        const char *value, *rule;
    } cases[] = {
        {FIELD_FALLBACK, "the problem is fixed", "recovery"},
        {FIELD_FALLBACK, "故障已排除", "recovery"},
        {FIELD_FALLBACK, "it is r e s o l v e d", "recovery"},
        {FIELD_FALLBACK, "you hear from us within two hours", "promise"},
        {FIELD_FALLBACK, "{shop}", "field"},
        {FIELD_CONTACT, "the line, which is up and running", "recovery"},
        {FIELD_CONTACT, "the webhook team", "jargon"},
        {FIELD_PAYMENTS, "all is resolved", "recovery"},
        {FIELD_PAYMENTS, "4242424242424242", "card-number"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct message_recipient to = somebody("a@x.example", "ref-a");
        struct message_draft what = draft_of(&to, 1);
        what.situation = SITUATION_EXPECTED_RECOVERY;
        what.fields[FIELD_EXPECTED] = next_update;
        what.fields[FIELD_FALLBACK] = "we cancel it";
        if (cases[i].field == FIELD_PAYMENTS) {
            to.order = cases[i].value;
        } else {
            what.fields[cases[i].field] = cases[i].value;
        }
        char *id = drafted(&what);
        json_t *json = look(id);
        if (!refused_for(json, cases[i].rule, NULL)) {
            fail_msg("%s passes: \"%s\"", cases[i].rule, cases[i].value);
        }
        assert_string_equal(json_at(json, "state"), "refused");
        json_decref(json);
        free(id);
    }
}

/* To customers: it is over. */
static struct message_draft over_to(const struct message_recipient *to) {
    static const enum field fields[] = {FIELD_STARTED, FIELD_ENDED, FIELD_REPORT_BY};
    static const enum field counts[] = {FIELD_CHECKED, FIELD_COMPLETED, FIELD_REFUNDED, FIELD_OPEN};
    struct message_draft what = draft_of(to, 1);
    what.situation = SITUATION_RESOLVED;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        what.fields[fields[i]] = next_update;
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        what.fields[counts[i]] = "7";
    }
    what.fields[FIELD_AFFECTED] = "cards";
    return what;
}

static void nobody_says_that_it_is_over_without_a_proof(void **state) {
    begin();
    static const struct proof proof = {
        .incident_id = "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF", .evidence = "ab", .at_us = 1};
    const struct message_recipient to[] = {somebody("a@x.example", "")};
    struct message_draft what = over_to(to);
    assert_refused(W, draft(&what), ERR_STATE);
    what.proof = &proof;
    char *id = drafted(&what);
    expect_state(id, "previewed");
    free(id);
}

/* The floor above is asked when it is drafted, approved and sent. */
static void what_came_again_meanwhile_is_not_said_to_be_over(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "")};
    struct message_draft what = over_to(to);
    what.incident_id = "inc_1";
    assert_refused(W, draft(&what), ERR_STATE);
    above.over = true;
    above.evidence = "ab";
    char *id = drafted(&what);
    json_t *json = look(id);
    const char *hash = json_at(json, "hash");
    above.over = false;
    assert_refused(W, approve(id, BO, hash), ERR_STATE);
    above.over = true;
    above.evidence = "cd"; /* another end than the one that was drafted */
    assert_refused(W, approve(id, BO, hash), ERR_STATE);
    above.evidence = "ab";
    assert_done(W, approve(id, BO, hash), 200, "approved");
    json_decref(json);
    above.over = false;
    assert_refused(W, send(id), ERR_STATE);
    expect_state(id, "approved");
    assert_int_equal(above.told, 0);
    above.over = true;
    assert_done(W, send(id), 200, "sending");
    free(id);
}

static void what_is_done_with_it_is_on_the_log_of_its_incident(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a")};
    struct message_draft what = draft_of(to, 1);
    char expected[200];
    what.incident_id = "inc_unknown";
    assert_refused(W, draft(&what), ERR_NOT_FOUND);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM message"), 0);
    what.incident_id = "inc_1"; /* not over, and this one does not say so */
    char *id = drafted(&what);
    let_go(id);
    static const char *const did[] = {"drafted", "approved: 1 persons", "is sent: 1 persons"};
    assert_int_equal(above.note_count, COUNT_OF(did));
    for (size_t i = 0; i < COUNT_OF(did); i++) {
        snprintf(expected, sizeof expected, "message %s (customer, being-processed) %s", id,
                 did[i]);
        assert_string_equal(above.notes[i], expected);
    }
    assert_int_equal(above.told, 1);
    free(id);
}

static void drafts_are_checked_whole(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a")};
    const struct message_recipient nobody[] = {{"", "", "", "", "A", "ref", ""}};
    static const char *const unknown[] = {"pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF"};
    struct message_draft good = draft_of(to, 1), what = good;
    what.listed_count = 0;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = good;
    what.payment_ids = unknown;
    what.payment_count = 1;
    assert_refused(W, draft(&what), ERR_VALIDATION); /* two ways at once */
    what.listed_count = 0;
    assert_refused(W, draft(&what), ERR_NOT_FOUND);
    what = good;
    what.listed = nobody;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = good;
    what.by_count = 0;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = good;
    what.fields[FIELD_NEXT_UPDATE] = NULL;
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what.fields[FIELD_NEXT_UPDATE] = "2020-01-01T00:00:00Z"; /* over */
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = good;
    what.audience = AUDIENCE_REGULATOR; /* says no such thing */
    assert_refused(W, draft(&what), ERR_VALIDATION);
    what = good;
    what.reason = "";
    assert_refused(W, draft(&what), ERR_VALIDATION);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM message"), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mailing"), 0);
}

static void a_word_whose_next_one_is_overdue_is_not_sent(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a")};
    struct message_draft what = draft_of(to, 1);
    char *id = drafted(&what);
    json_t *json = look(id);
    test_clock_advance(3601 * US_PER_SECOND);
    assert_refused(W, approve(id, BO, json_at(json, "hash")), ERR_STATE);
    json_decref(json);
    free(id);
    what = draft_of(to, 1);
    id = drafted(&what);
    json = look(id);
    assert_done(W, approve(id, BO, json_at(json, "hash")), 200, "approved");
    test_clock_advance(3601 * US_PER_SECOND);
    assert_refused(W, send(id), ERR_STATE);
    json_decref(json);
    free(id);
}

static void what_was_changed_since_is_not_sent(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a"),
                                           somebody("b@x.example", "ref-b")};
    struct message_draft what = draft_of(to, 2);
    char *id = drafted(&what);
    let_go(id);
    (void)engine_exec(&W->engine, "UPDATE mailing SET body = 'All is well.' WHERE person = "
                                  "'email:b@x.example'");
    run_jobs();
    assert_int_equal(receivers.count, 1);
    assert_int_equal(told_to("a@x.example"), 1);
    assert_text(W, "SELECT code FROM mailing WHERE person = 'email:b@x.example'", "changed");
    free(id);
}

/* ---- payments ---- */

static void payments_are_found_by_what_was_wrong(void **state) {
    begin();
    int64_t since_us = clock_wall_us();
    char *first = world_paid(W, "o-1", 1250);
    char *second = world_authorized(W, "o-2", 500);
    test_clock_advance(10 * US_PER_SECOND);
    int64_t until_us = clock_wall_us();
    test_clock_advance(10 * US_PER_SECOND);
    char *later = world_paid(W, "o-3", 700);
    (void)engine_exec(&W->engine, "UPDATE payment SET customer_id = 'cus_' || order_id, "
                                  "customer_email = order_id || '@x.example'");
    struct message_draft what = draft_of(NULL, 0);
    what.since_us = since_us;
    what.until_us = until_us;
    char *id = drafted(&what);
    json_t *json = look(id);
    assert_int_equal(int_at(json, "persons"), 2);
    json_decref(json);
    free(id);
    what.states = ",5,"; /* succeeded */
    id = drafted(&what);
    json = look(id);
    assert_int_equal(int_at(json, "persons"), 1);
    const char *text =
        json_at(json_array_get(json_object_get(json, "samples"), 0), "text");
    assert_non_null(strstr(text, first));
    assert_non_null(strstr(text, "order o-1, 12.50 USD, reference pay_"));
    assert_non_null(strstr(text, "https://blue.example/pay/pay_"));
    json_decref(json);
    free(id);
    what.states = "";
    what.gateways = ",stripe-b,"; /* which none of them went to */
    id = drafted(&what);
    json = look(id);
    assert_int_equal(int_at(json, "persons"), 0);
    assert_refused(W, approve(id, BO, json_at(json, "hash")), ERR_STATE); /* it reaches nobody */
    json_decref(json);
    free(id);
    what = draft_of(NULL, 0);
    const char *const ids[] = {first, later};
    what.payment_ids = ids;
    what.payment_count = 2;
    id = drafted(&what);
    json = look(id);
    assert_int_equal(int_at(json, "persons"), 2);
    json_decref(json);
    free(id);
    free(first);
    free(second);
    free(later);
}

static void each_is_told_by_the_first_channel_that_reaches_him(void **state) {
    begin();
    const struct message_recipient to[] = {
        {"cus_1", "", "", "", "A-1", "ref-1", ""}, /* a phone is known */
        {"cus_2", "two@x.example", "", "", "A-2", "ref-2", ""},
        {"cus_3", "", "", "", "A-3", "ref-3", ""}, /* nothing is */
    };
    struct caller caller = as(ANN);
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = world_take(W, message_contact(messages, &caller, "cus_1", "", "+491511234567",
                                                 "zh", &answer, &W->err),
                              &answer);
    assert_string_equal(json_at(json, "phone"), "+491511234567");
    json_decref(json);
    assert_refused(W, world_take(W, message_contact(messages, &caller, "cus_1", "", "0151", "",
                                                    &answer, &W->err),
                                 &answer),
                   ERR_VALIDATION);
    struct message_draft what = draft_of(to, COUNT_OF(to));
    what.by[0] = BY_SMS;
    what.by[1] = BY_EMAIL;
    what.by_count = 2;
    char *id = drafted(&what);
    let_go(id);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(receivers.count, 2);
    assert_int_equal(told_to("sms"), 1);
    assert_int_equal(told_to("two@x.example"), 1);
    assert_text(W, "SELECT provider_id FROM mailing WHERE person = 'customer:cus_1'", "SM1");
    assert_int_equal(world_int(W, "SELECT state FROM mailing WHERE person = 'customer:cus_3'"),
                     MAILING_UNREACHABLE);
    free(id);
    /* The merchant's own systems reach everybody. */
    what.by[1] = BY_WEBHOOK;
    id = drafted(&what);
    let_go(id);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(told_to("hook"), 1);
    bool third = false;
    for (int i = 0; i < receivers.count; i++) {
        third = third || (strcmp(receivers.told[i].to, "hook") == 0 &&
                          strstr(receivers.told[i].text, "customer:cus_3") != NULL);
    }
    assert_true(third);
    free(id);
}

/* ---- what goes wrong ---- */

static void what_is_refused_fails_and_what_is_not_taken_now_is_tried_again(void **state) {
    begin();
    const struct message_recipient to[] = {somebody("a@x.example", "ref-a")};
    struct message_draft what = draft_of(to, 1);
    char *id = drafted(&what);
    receivers.mail = SMTP_NOT_SENT;
    receivers.mail_code = 450;
    let_go(id);
    run_jobs();
    expect_state(id, "sending");
    receivers.mail = SMTP_TAKEN;
    receivers.mail_code = 0;
    test_clock_advance(60 * US_PER_SECOND);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(told_to("a@x.example"), 1);
    free(id);
    receivers.mail = SMTP_NOT_SENT;
    receivers.mail_code = 550;
    id = drafted(&what);
    let_go(id);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mailing WHERE state = 4"), 1);
    free(id);
    /* Nobody knows whether it was taken: it is not sent again. */
    receivers.mail = SMTP_MAYBE_TAKEN;
    receivers.mail_code = 0;
    id = drafted(&what);
    let_go(id);
    run_jobs();
    test_clock_advance(3000 * US_PER_SECOND);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(told_to("a@x.example"), 2);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mailing WHERE state = 5"), 1);
    free(id);
    /* A webhook is, under the same name and with the same bytes. */
    receivers.answerless = true;
    what.by[0] = BY_WEBHOOK;
    id = drafted(&what);
    let_go(id);
    run_jobs();
    receivers.answerless = false;
    test_clock_advance(60 * US_PER_SECOND);
    run_jobs();
    expect_state(id, "sent");
    assert_int_equal(told_to("hook"), 2);
    const struct told *last = &receivers.told[receivers.count - 1];
    assert_string_equal(last[0].id, last[-1].id);
    assert_string_equal(last[0].text, last[-1].text);
    free(id);
}

static void a_channel_gets_no_more_than_it_takes(void **state) {
    begin();
    enum { PEOPLE = 30 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%d@x.example", i);
        to[i] = somebody(emails[i], "ref");
    }
    close_messages();
    mails_per_second = 5;
    open_messages();
    struct message_draft what = draft_of(to, PEOPLE);
    char *id = drafted(&what);
    let_go(id);
    run_jobs();
    assert_in_range(receivers.count, 1, 6);
    for (int second = 0; second < 3; second++) {
        int before = receivers.count;
        test_clock_advance(US_PER_SECOND);
        run_jobs();
        assert_in_range(receivers.count - before, 1, 6);
    }
    for (int i = 0; i < 20; i++) {
        test_clock_advance(US_PER_SECOND);
        run_jobs();
    }
    expect_state(id, "sent");
    assert_int_equal(receivers.count, PEOPLE);
    free(id);
}

static void who_was_not_written_to_when_it_is_stopped_is_not(void **state) {
    begin();
    enum { PEOPLE = 30 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%d@x.example", i);
        to[i] = somebody(emails[i], "ref");
    }
    close_messages();
    mails_per_second = 5;
    open_messages();
    struct message_draft what = draft_of(to, PEOPLE);
    char *id = drafted(&what);
    let_go(id);
    run_jobs();
    int before = receivers.count;
    struct caller caller = as(BO);
    struct answer answer = {0};
    W->err = (struct err){0};
    assert_done(W, world_take(W, message_stop(messages, &caller, id, "wrong", &answer, &W->err),
                              &answer),
                200, "stopped");
    test_clock_advance(60 * US_PER_SECOND);
    run_jobs();
    assert_int_equal(receivers.count, before);
    assert_refused(W, send(id), ERR_STATE);
    expect_state(id, "stopped");
    free(id);
}

/* ---- deaths ---- */

struct death {
    atomic_int calls; /* of any thread: the control of gateways reads, too */
    int number;       /* from that call of the store on nothing works */
};

static int die_at(void *ctx, const char *sql) {
    struct death *death = ctx;
    return atomic_fetch_add(&death->calls, 1) + 1 >= death->number;
}

/* From drafting on, until that call of the store; then the process begins anew. Returns whether it
 * died. `before`: preparing was done in peace. */
static bool die_and_go_on(const struct message_draft *what, int number, bool sending) {
    struct death death = {.number = number};
    struct err err = {0};
    char *id = NULL;
    if (sending) {
        id = drafted(what);
        let_go(id);
    } else {
        json_t *json = draft(what);
        id = strdup(json_at(json, "id"));
        json_decref(json);
    }
    store_fault_set(W->engine.store, die_at, &death);
    bool died = job_runner_drain(runner, &err) < 0 || death.calls >= number;
    store_fault_set(W->engine.store, NULL, NULL);
    close_messages();
    open_messages();
    test_clock_advance(400 * US_PER_SECOND); /* leases of the dead one end */
    run_jobs();
    if (!sending) {
        let_go(id);
        run_jobs();
    }
    expect_state(id, "sent");
    free(id);
    return died;
}

static void a_death_at_any_call_of_the_store_tells_nobody_twice(void **state) {
    begin();
    enum { PEOPLE = 12 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%d@x.example", i);
        to[i] = somebody(emails[i], "ref");
    }
    bool died = true;
    int number = 1, in_doubt = 0;
    for (; died && number < DEATHS_MAX; number += 3) {
        struct message_draft what = draft_of(to, PEOPLE);
        died = die_and_go_on(&what, number, true);
        int sent = 0, doubtful = (int)world_int(W, "SELECT COUNT(*) FROM mailing WHERE state = 5");
        for (int i = 0; i < PEOPLE; i++) {
            assert_in_range(told_to(emails[i]), 0, 1);
            sent += told_to(emails[i]);
        }
        assert_in_range(doubtful, 0, 1); /* one call was under way at the most */
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mailing WHERE state = 3"),
                         PEOPLE - doubtful);
        assert_in_range(sent, PEOPLE - doubtful, PEOPLE);
        in_doubt += doubtful;
        forget_messages();
    }
    assert_in_range(number, 30, DEATHS_MAX - 1);
    assert_true(in_doubt > 0); /* the test cuts calls short */
}

static void a_death_while_it_is_prepared_changes_nothing_of_it(void **state) {
    begin();
    enum { PEOPLE = 12 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%d@x.example", i);
        to[i] = somebody(emails[i], "ref");
    }
    bool died = true;
    int number = 1;
    for (; died && number < DEATHS_MAX; number += 3) {
        struct message_draft what = draft_of(to, PEOPLE);
        died = die_and_go_on(&what, number, false);
        assert_int_equal(receivers.count, PEOPLE);
        assert_int_equal(world_int(W, "SELECT persons FROM message"), PEOPLE);
        forget_messages();
    }
    assert_in_range(number, 10, DEATHS_MAX - 1);
}

static void a_webhook_that_was_cut_short_comes_again_under_its_name(void **state) {
    begin();
    enum { PEOPLE = 250 };
    static struct message_recipient to[PEOPLE];
    static char emails[PEOPLE][32];
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(emails[i], sizeof emails[i], "p%03d@x.example", i);
        to[i] = somebody(emails[i], "ref");
    }
    bool died = true;
    int number = 1, repeats = 0;
    for (; died && number < DEATHS_MAX; number += 5) {
        struct message_draft what = draft_of(to, PEOPLE);
        what.by[0] = BY_WEBHOOK;
        died = die_and_go_on(&what, number, true);
        assert_int_equal(world_int(W, "SELECT COUNT(*) FROM mailing WHERE state = 3"), PEOPLE);
        int seen = 0;
        for (int i = 0; i < receivers.count; i++) {
            bool repeat = false;
            for (int j = 0; j < i; j++) {
                if (strcmp(receivers.told[i].id, receivers.told[j].id) == 0) {
                    assert_string_equal(receivers.told[i].text, receivers.told[j].text);
                    repeat = true;
                }
            }
            repeats += repeat;
            for (const char *at = receivers.told[i].text;
                 !repeat && (at = strstr(at, "\"mailing_id\"")) != NULL; at++) {
                seen++;
            }
        }
        assert_int_equal(seen, PEOPLE); /* each in one batch and no other */
        forget_messages();
    }
    assert_in_range(number, 20, DEATHS_MAX - 1);
    assert_true(repeats > 0);
}

int main(void) {
    payment_world_init();
    static const struct http_client_ops ops = {take_http, NULL};
    struct err err = {0};
    static const struct fixture_settings from[] = {
        {CHANNEL_EMAIL,
         {"host", "localhost", "from", "shop@blue.example", "to", "ops@blue.example"},
         {NULL}},
        {CHANNEL_TWILIO,
         {"url", "https://twilio", "account_sid", "AC" FIXTURE_KEY32, "from", "+15005550006", "to",
          "+4915112345678"},
         {"auth_token", "token"}},
        {CHANNEL_WEBHOOK, {NULL}, {"url", "https://hook/in", "secret", FIXTURE_WHSEC}},
    };
    http = http_client_custom(&ops, NULL);
    smtp = smtp_client_custom(take_mail, NULL);
    mail = fixture_open(&from[0]);
    sms = fixture_open(&from[1]);
    hook = fixture_open(&from[2]);
    if (templates_open(NULL, &templates, &err) < 0 || lint_open(&lint, &err) < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(each_person_is_told_once_what_was_approved),
        TEST(another_person_approves_what_he_has_seen),
        TEST(a_reference_missing_for_one_of_a_thousand_refuses_all),
        TEST(a_claim_is_refused_in_whatever_field_it_stands),
        TEST(nobody_says_that_it_is_over_without_a_proof),
        TEST(what_came_again_meanwhile_is_not_said_to_be_over),
        TEST(what_is_done_with_it_is_on_the_log_of_its_incident),
        TEST(drafts_are_checked_whole),
        TEST(a_word_whose_next_one_is_overdue_is_not_sent),
        TEST(what_was_changed_since_is_not_sent),
        TEST(payments_are_found_by_what_was_wrong),
        TEST(each_is_told_by_the_first_channel_that_reaches_him),
        TEST(what_is_refused_fails_and_what_is_not_taken_now_is_tried_again),
        TEST(a_channel_gets_no_more_than_it_takes),
        TEST(who_was_not_written_to_when_it_is_stopped_is_not),
        TEST(a_death_at_any_call_of_the_store_tells_nobody_twice),
        TEST(a_death_while_it_is_prepared_changes_nothing_of_it),
        TEST(a_webhook_that_was_cut_short_comes_again_under_its_name),
    };
    int failed = payment_world_run("messages", tests, COUNT_OF(tests));
    channels_close(mail);
    channels_close(sms);
    channels_close(hook);
    http_client_free(http);
    smtp_client_free(smtp);
    templates_close(templates);
    lint_close(lint);
    return failed;
}
