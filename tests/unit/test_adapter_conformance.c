/* SPDX-License-Identifier: Apache-2.0
 * test_adapter_conformance.c: what gateway.h demands of every adapter, asked of each in front of a
 * counterpart that keeps a book (conformance.h). Whatever goes wrong with any one of the calls that
 * an operation makes, what the adapter says must agree with the book: nothing that was taken is
 * called not taken, nothing is taken twice, and a question that was not answered is no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "conformance.h"
#include "gateway/keyring.h"

#define PATIENCE_US (20 * US_PER_SECOND)
enum { CALLS_MAX = 12, REFERENCE_MAX = 40, POSITIONS = 48 };

/* ---- what goes wrong with one call ---- */

struct fault {
    const char *name;
    bool done; /* it reaches the gateway all the same */
    enum http_reach reach;
    enum http_failure failure; /* of a call without an answer */
    int status;                /* 0: as it was */
    const char *body;          /* NULL: the first half of it */
    bool anothers;             /* the answer to the same call of a charge before this one */
};

static const struct fault faults[] = {
    {"refused", false, HTTP_NOT_SENT, HTTP_FAIL_CONNECT, 0, ""},
    {"lost on its way", false, HTTP_MAYBE_SENT, HTTP_FAIL_RESET, 0, ""},
    {"answer lost", true, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT, 0, ""},
    {"answer cut", true, HTTP_ANSWERED, 0, 0, NULL},
    {"empty answer", true, HTTP_ANSWERED, 0, 200, ""},
    {"an empty object", true, HTTP_ANSWERED, 0, 200, "{}"},
    {"a page of somebody's", true, HTTP_ANSWERED, 0, 200, "<html>"},
    {"redirected", true, HTTP_ANSWERED, 0, 302, ""},
    {"a code nobody knows", true, HTTP_ANSWERED, 0, 400,
     "{\"code\":\"BRAND_NEW\",\"name\":\"BRAND_NEW\",\"error\":{\"code\":\"brand_new\"}}"},
    {"a proxy's 404", true, HTTP_ANSWERED, 0, 404, "<html>"},
    {"500 before", false, HTTP_ANSWERED, 0, 500, ""},
    {"500 after", true, HTTP_ANSWERED, 0, 500, "{}"},
    {"502 after", true, HTTP_ANSWERED, 0, 502, "<html>"},
    {"503 before", false, HTTP_ANSWERED, 0, 503, ""},
    {"429 before", false, HTTP_ANSWERED, 0, 429, ""},
    {"401 before", false, HTTP_ANSWERED, 0, 401, ""},
    {"another charge's answer", false, HTTP_ANSWERED, .anothers = true},
};

/* A client before the real one: call number `at` (from 1) fares as `fault` says. */
static struct meddler {
    struct http_client *inner;
    int calls, at;
    const struct fault *fault;
    bool keeping; /* answers, in `kept` */
    struct http_answer kept[CALLS_MAX];
} meddler;

static int meddle(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                  struct err *err) {
    (void)ctx;
    const struct fault *fault = ++meddler.calls == meddler.at ? meddler.fault : NULL;
    HTTP_ANSWER_AUTO answer = {0};
    struct http_call inner = *call;
    inner.bulkhead = NULL; /* the outer call is in it already */
    if (fault == NULL) {
        int rc = http_call(meddler.inner, &inner, ret_answer, err);
        if (rc == 0 && meddler.keeping && meddler.calls <= CALLS_MAX) {
            http_answer_fill(&meddler.kept[meddler.calls - 1], ret_answer->status,
                             ret_answer->headers, ret_answer->header_count, ret_answer->body,
                             ret_answer->body_bytes);
        }
        return rc;
    }
    if (fault->anothers) {
        const struct http_answer *kept = &meddler.kept[meddler.calls - 1];
        http_answer_fill(ret_answer, kept->status, kept->headers, kept->header_count, kept->body,
                         kept->body_bytes);
        return 0;
    }
    if (fault->done && http_call(meddler.inner, &inner, &answer, err) < 0) {
        fail_msg("%s: %s", call->url, err->detail);
    }
    if (fault->reach != HTTP_ANSWERED) {
        *ret_answer = (struct http_answer){.reach = fault->reach, .failure = fault->failure};
        return err_set(err, ERR_UNREACHABLE, "%s", fault->name);
    }
    const char *body = fault->body != NULL ? fault->body : answer.body;
    http_answer_fill(ret_answer, fault->status != 0 ? fault->status : answer.status, answer.headers,
                     answer.header_count, body,
                     fault->body != NULL ? strlen(body) : answer.body_bytes / 2);
    return 0;
}

/* ---- one adapter in its place ---- */

static const struct conformance_place *place;
static struct gateway_registry *registry;
static const struct gateway_adapter *adapter;
static struct gateway_call call;
static char persisted[GATEWAY_ID_CHARS_MAX + 1];
static int references;
static bool holding; /* the charges of this rule only hold the money */

static int persist(void *ctx, const char *gateway_id, struct err *err) {
    (void)ctx;
    (void)err;
    snprintf(persisted, sizeof(persisted), "%s", gateway_id);
    return 0;
}

static void enter(const struct conformance_place *entered) {
    static const struct http_client_ops ops = {meddle, NULL};
    struct gateway_settings settings = {0};
    struct err err = {0};
    meddler = (struct meddler){0};
    registry = NULL;
    call = (struct gateway_call){0};
    holding = false;
    place = entered;
    place->open(place->adapter, &settings, &meddler.inner);
    if (gateway_registry_open(&settings, 1, &registry, &err) < 0) {
        fail_msg("%s: %s", place->adapter, err.detail);
    }
    call = (struct gateway_call){
        .gateway = keyring_take(gateway_at(registry, 0)),
        .client = http_client_custom(&ops, NULL),
        .persist = persist,
    };
    adapter = call.gateway->adapter;
}

/* Also a test's tear-down: one that failed has not left. */
static int leave(void **state) {
    (void)state;
    if (place == NULL) {
        return 0;
    }
    for (int i = 0; i < CALLS_MAX; i++) {
        http_answer_release(&meddler.kept[i]);
    }
    if (registry != NULL) {
        keyring_drop(call.gateway);
        gateway_registry_close(registry);
        http_client_free(call.client);
    }
    place->close();
    place = NULL;
    return 0;
}

typedef void rule_fn(void);

static void for_each_adapter(rule_fn *rule) {
    for (const struct conformance_place *one = conformance_places; one->adapter != NULL; one++) {
        enter(one);
        rule();
        (void)leave(NULL);
    }
}

/* The next operation's call number `at` (0: none) fares so. */
static void next(int at, const struct fault *fault) {
    meddler.calls = 0;
    meddler.at = at;
    meddler.fault = fault;
    call.deadline_us = clock_mono_us() + PATIENCE_US;
}

static void new_reference(char reference[REFERENCE_MAX]) {
    snprintf(reference, REFERENCE_MAX, "att_01JD5R6Q6Y0V3M8X2K4N7T%04d", ++references);
    persisted[0] = '\0';
}

static struct conformance_book book(void) {
    struct conformance_book now;
    place->book(&now);
    return now;
}

/* Fails unless the rule holds, and says where it did not. */
static void expect(bool holds, const char *what, const struct gateway_result *result) {
    if (!holds) {
        fail_msg("%s, call %d %s: %s, but the adapter says %s (%s %s)", adapter->name, meddler.at,
                 meddler.fault != NULL ? meddler.fault->name : "-", what,
                 gateway_outcome_name(result->outcome), result->code, result->common_code);
    }
}

/* ---- operations ---- */

static struct gateway_result charge(const char *reference, bool capture) {
    struct gateway_charge asked;
    struct gateway_result result;
    place->charge(reference, &asked);
    asked.capture = capture;
    adapter->charge(&call, &asked, &result);
    return result;
}

static struct gateway_change change_of(const char *reference, const char *payment,
                                       const struct gateway_result *charged, int64_t amount_minor) {
    struct gateway_charge asked;
    place->charge(payment, &asked);
    const char *id = persisted[0] != '\0' ? persisted : charged->gateway_id;
    return (struct gateway_change){
        .payment = {.reference = payment,
                    .gateway_id = id,
                    .charge_id = charged->charge_id,
                    .created_us = asked.created_us,
                    .expires_us = asked.expires_us,
                    .amount_minor = asked.amount_minor,
                    .currency = asked.currency,
                    .method = asked.method,
                    .flow = asked.flow,
                    .token = asked.token,
                    .hold = holding},
        .reference = reference,
        .amount_minor = amount_minor,
        .final = true,
        .reason = "",
        .refund_id = "",
        .created_us = asked.created_us + US_PER_SECOND,
        .target = "",
    };
}

static struct gateway_result query(const char *reference, const struct gateway_result *charged) {
    const struct gateway_change change = change_of("", reference, charged, 0);
    struct gateway_result result;
    adapter->query(&call, &change.payment, &result);
    return result;
}

/* A charge that went well; the customer has paid. */
static struct gateway_result paid(const char *reference) {
    next(0, NULL);
    struct gateway_result result = charge(reference, true);
    if (place->pay != NULL) {
        expect(result.outcome == GW_ACTION_NEEDED, "nothing is wrong", &result);
        place->pay(reference);
        result = query(reference, &result);
    }
    expect(result.outcome == GW_CHARGED, "nothing is wrong", &result);
    expect(result.amount_minor == CONFORMANCE_AMOUNT, "the amount is another", &result);
    return result;
}

static bool took_place(const struct gateway_result *result) {
    return result->outcome == GW_CHARGED || result->outcome == GW_AUTHORIZED;
}

static bool unanswered(const struct gateway_result *result) {
    return result->outcome == GW_UNAVAILABLE || result->outcome == GW_RATE_LIMITED ||
           result->outcome == GW_REJECTED_CREDENTIALS;
}

/* ---- the rules ---- */

static bool has_place(const char *name) {
    const struct conformance_place *one = conformance_places;
    while (one->adapter != NULL && strcmp(one->adapter, name) != 0) {
        one++;
    }
    return one->adapter != NULL;
}

static void every_adapter_that_is_called_has_its_place(void **state) {
    (void)state;
#define X(folder, email, phone, status_page)                                                       \
    if (conformance_of_all && !has_place(#folder) && !adapter_find(#folder)->can.offline) {        \
        fail_msg("%s has no place in the conformance suite", #folder);                             \
    }
#include "gateway/adapters.def"
#undef X
}

/* One charge under each fault at each of its calls, its repeat, and the question after it. */
static bool charge_survives(const struct fault *fault, int at) {
    char reference[REFERENCE_MAX];
    new_reference(reference);
    int64_t before = book().taken_minor;
    next(at, fault);
    struct gateway_result first = charge(reference, true), again = first;
    bool struck = meddler.calls >= at;
    int64_t took = book().taken_minor - before;
    expect(took == 0 || !gateway_outcome_not_charged(first.outcome), "it was taken", &first);
    expect(took == CONFORMANCE_AMOUNT || !took_place(&first), "nothing was taken", &first);
    next(0, fault);
    if (adapter->can.key_lifetime_us > 0) {
        again = charge(reference, true);
        took = book().taken_minor - before;
        expect(took == 0 || took == CONFORMANCE_AMOUNT, "it was taken twice", &again);
        expect((took > 0) == took_place(&again), "after a repeat the book differs", &again);
    }
    if (place->pay != NULL) {
        place->pay(reference);
        took = book().taken_minor - before;
    }
    again = query(reference, &again);
    expect((took > 0) == took_place(&again), "asked, the book differs", &again);
    return struck;
}

/* The answers of one that went well, whose customer paid. */
static void keep_answers(void) {
    char reference[REFERENCE_MAX];
    new_reference(reference);
    meddler.keeping = true;
    (void)paid(reference);
    meddler.keeping = false;
}

static void charges_survive(void) {
    keep_answers();
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        int at = 1;
        while (charge_survives(&faults[i], at)) {
            assert_true(++at < CALLS_MAX);
        }
        assert_true(at > 1);
    }
}

static void a_charge_is_never_called_untaken_and_never_taken_twice(void **state) {
    (void)state;
    for_each_adapter(charges_survive);
}

/* The last one is of charges alone. */
enum { FAULTS_OF_ALL = COUNT_OF(faults) - 1 };

static void questions_survive(void) {
    char reference[REFERENCE_MAX];
    new_reference(reference);
    const struct gateway_result charged = paid(reference);
    for (size_t i = 0; i < FAULTS_OF_ALL; i++) {
        for (int at = 1; at < CALLS_MAX; at++) {
            next(at, &faults[i]);
            struct gateway_result result = query(reference, &charged);
            expect(unanswered(&result) || result.outcome == GW_CHARGED, "it was taken", &result);
            if (meddler.calls < at) {
                break;
            }
        }
    }
}

static void a_question_without_an_answer_says_nothing_of_the_payment(void **state) {
    (void)state;
    for_each_adapter(questions_survive);
}

static bool capture_survives(const struct fault *fault, int at) {
    char payment[REFERENCE_MAX], reference[REFERENCE_MAX];
    new_reference(payment);
    snprintf(reference, sizeof(reference), "cap%s", payment + strlen("att"));
    next(0, NULL);
    struct gateway_result held = charge(payment, false), result;
    if (place->pay != NULL) {
        place->pay(payment);
        held = query(payment, &held);
    }
    expect(held.outcome == GW_AUTHORIZED, "nothing is wrong", &held);
    const struct gateway_change change = change_of(reference, payment, &held, CONFORMANCE_AMOUNT);
    int64_t before = book().taken_minor;
    next(at, fault);
    adapter->capture(&call, &change, &result);
    bool struck = meddler.calls >= at;
    int64_t took = book().taken_minor - before;
    expect(took == 0 || !gateway_outcome_not_charged(result.outcome), "it was taken", &result);
    expect(took > 0 || result.outcome != GW_CHARGED, "nothing was taken", &result);
    next(0, fault);
    adapter->capture(&call, &change, &result);
    took = book().taken_minor - before;
    expect(took == CONFORMANCE_AMOUNT && result.outcome == GW_CHARGED,
           "a repeat without a fault takes it once", &result);
    return struck;
}

static void captures_survive(void) {
    holding = true;
    for (size_t i = 0; adapter->can.authorize && i < FAULTS_OF_ALL; i++) {
        int at = 1;
        while (capture_survives(&faults[i], at)) {
            assert_true(++at < CALLS_MAX);
        }
    }
    holding = false;
}

static void a_capture_is_never_called_untaken_and_never_taken_twice(void **state) {
    (void)state;
    for_each_adapter(captures_survive);
}

static struct gateway_result refund(const char *reference, const char *payment,
                                    const struct gateway_result *charged, int64_t amount_minor) {
    const struct gateway_change change = change_of(reference, payment, charged, amount_minor);
    struct gateway_result result;
    adapter->refund(&call, &change, &result);
    return result;
}

static bool refund_survives(const struct fault *fault, int at) {
    enum { PART = 700 };
    char payment[REFERENCE_MAX], reference[REFERENCE_MAX];
    new_reference(payment);
    snprintf(reference, sizeof(reference), "re%s", payment + strlen("att"));
    const struct gateway_result charged = paid(payment);
    int64_t before = book().returned_minor;
    next(at, fault);
    struct gateway_result result = refund(reference, payment, &charged, PART);
    bool struck = meddler.calls >= at;
    int64_t gave = book().returned_minor - before;
    bool not_done = gateway_outcome_not_charged(result.outcome) || result.outcome == GW_NOT_FOUND;
    expect(gave == 0 || !not_done, "it was given back", &result);
    expect(gave == PART || result.outcome != GW_REFUNDED, "nothing was given back", &result);
    next(0, fault);
    for (int i = 0; i < 2; i++) {
        result = refund(reference, payment, &charged, PART);
        gave = book().returned_minor - before;
        expect(gave == 0 || gave == PART, "it was given back twice", &result);
    }
    expect(gave == PART && (result.outcome == GW_REFUNDED || result.outcome == GW_PENDING),
           "a repeat without a fault is done", &result);
    return struck;
}

static void refunds_survive(void) {
    for (size_t i = 0; i < FAULTS_OF_ALL; i++) {
        int at = 1;
        while (refund_survives(&faults[i], at)) {
            assert_true(++at < CALLS_MAX);
        }
    }
}

static void a_refund_is_never_called_undone_and_never_done_twice(void **state) {
    (void)state;
    for_each_adapter(refunds_survive);
}

static void no_more_goes_back_than_was_taken(void) {
    char payment[REFERENCE_MAX];
    new_reference(payment);
    const struct gateway_result charged = paid(payment);
    struct conformance_book before = book();
    next(0, NULL);
    struct gateway_result result = refund("re_01JD5R6Q6Y0V3M8X2K4N7OVER", payment, &charged,
                                          CONFORMANCE_AMOUNT + 1);
    expect(result.outcome != GW_REFUNDED && result.outcome != GW_PENDING, "it is over the amount",
           &result);
    assert_int_equal(book().returned_minor, before.returned_minor);
}

static void a_refund_over_the_amount_is_refused(void **state) {
    (void)state;
    for_each_adapter(no_more_goes_back_than_was_taken);
}

/* ---- what is not sent ---- */

static void limits_hold(void) {
    static const int64_t amounts[] = {0, -1, INT64_MIN, AMOUNT_MINOR_MAX + 1, INT64_MAX};
    static const char *const wrong[] = {
        "", "a b", "a\r\nb", "att_\xC3\xA9",
        "att_0123456789012345678901234567890123456789012345678901234567890123456789"};
    struct gateway_charge asked;
    struct gateway_result result;
    char reference[REFERENCE_MAX];
    new_reference(reference);
    next(0, NULL);
    for (size_t i = 0; i < COUNT_OF(amounts) + COUNT_OF(wrong); i++) {
        place->charge(reference, &asked);
        if (i < COUNT_OF(amounts)) {
            asked.amount_minor = amounts[i];
        } else {
            asked.reference = wrong[i - COUNT_OF(amounts)];
        }
        adapter->charge(&call, &asked, &result);
        expect(result.outcome == GW_REJECTED_REQUEST, "this cannot be asked", &result);
        expect(meddler.calls == 0, "it was sent", &result);
    }
    place->charge(reference, &asked);
    asked.method = METHOD_BANK_TRANSFER;
    adapter->charge(&call, &asked, &result);
    expect(result.outcome == GW_REJECTED_REQUEST && meddler.calls == 0, "no such method", &result);
}

static void what_cannot_be_asked_is_refused_unsent(void **state) {
    (void)state;
    for_each_adapter(limits_hold);
}

static void lateness_holds(void) {
    char reference[REFERENCE_MAX];
    new_reference(reference);
    const struct gateway_result charged = paid(reference);
    const struct gateway_change change = change_of("re_01JD5R6Q6Y0V3M8X2K4N7LATE", reference,
                                                   &charged, 100);
    struct gateway_result result;
    next(0, NULL);
    call.deadline_us = clock_mono_us() - 1;
    result = query(reference, &charged);
    expect(result.outcome == GW_UNAVAILABLE, "the time was over", &result);
    adapter->refund(&call, &change, &result);
    expect(result.outcome == GW_UNAVAILABLE, "the time was over", &result);
    adapter->probe(&call, &result);
    expect(result.outcome == GW_UNAVAILABLE, "the time was over", &result);
    new_reference(reference);
    result = charge(reference, true);
    expect(gateway_outcome_not_charged(result.outcome), "the time was over", &result);
    expect(meddler.calls == 0, "it was sent", &result);
}

static void after_the_deadline_nothing_is_sent(void **state) {
    (void)state;
    for_each_adapter(lateness_holds);
}

/* ---- callbacks ---- */

/* The same event; or refused, and the caller's struct untouched. */
static bool harmless(const struct gateway_callback_request *request,
                     const struct gateway_event *genuine, int *ret_rc) {
    struct gateway_event event, untouched;
    struct err err = {0};
    memset(&event, 0x5A, sizeof(event));
    memset(&untouched, 0x5A, sizeof(untouched));
    call.deadline_us = clock_mono_us() + PATIENCE_US;
    *ret_rc = adapter->verify_callback(&call, request, &event, &err);
    return memcmp(&event, *ret_rc < 0 ? &untouched : genuine, sizeof(event)) == 0;
}

static void headers_count(const struct gateway_callback_request *request,
                          const struct gateway_event *genuine) {
    struct http_header headers[HTTP_HEADERS_MAX];
    int rc = 0;
    for (int out = 0; out < request->header_count; out++) {
        struct gateway_callback_request less = *request;
        less.headers = headers;
        less.header_count = 0;
        for (int i = 0; i < request->header_count; i++) {
            if (i != out) {
                headers[less.header_count++] = request->headers[i];
            }
        }
        if (!harmless(&less, genuine, &rc)) {
            fail_msg("%s: without %s it is another event", adapter->name,
                     request->headers[out].name);
        }
    }
}

static void bytes_count(const struct gateway_callback_request *request,
                        const struct gateway_event *genuine) {
    size_t count = request->body_bytes;
    char *body = malloc(count + 2);
    struct gateway_callback_request forged = *request;
    int rc = 0;
    forged.body = body;
    for (size_t i = 0; i <= POSITIONS; i++) {
        size_t at = i * (count - 1) / POSITIONS;
        memcpy(body, request->body, count + 1);
        body[at] ^= 1;
        forged.body_bytes = count;
        bool fine = harmless(&forged, genuine, &rc);
        body[at] = '\0';
        forged.body_bytes = at; /* cut there */
        fine = fine && harmless(&forged, genuine, &rc) && rc < 0;
        if (!fine) {
            fail_msg("%s: changed or cut at byte %zu it is believed", adapter->name, at);
        }
    }
    memcpy(body, request->body, count);
    memcpy(body + count, "}", 2);
    forged.body_bytes = count + 1;
    assert_true(harmless(&forged, genuine, &rc));
    free(body);
}

static void callbacks_are_verified(void) {
    struct gateway_callback_request request;
    struct gateway_event genuine, again;
    struct err err = {0};
    char reference[REFERENCE_MAX];
    int rc = 0;
    new_reference(reference);
    const struct gateway_result charged = paid(reference);
    (void)refund("re_01JD5R6Q6Y0V3M8X2K4N7TOLD", reference, &charged, 100);
    place->callback(&request);
    next(0, NULL);
    if (adapter->verify_callback(&call, &request, &genuine, &err) < 0) {
        fail_msg("%s: %s", adapter->name, err.detail);
    }
    assert_string_not_equal(genuine.event_id, "");
    /* A replay is the same event, which counts once. */
    assert_int_equal(adapter->verify_callback(&call, &request, &again, &err), 0);
    assert_memory_equal(&again, &genuine, sizeof(again));
    headers_count(&request, &genuine);
    bytes_count(&request, &genuine);
    request.now_us += 30 * 86400 * US_PER_SECOND;
    if (!harmless(&request, &genuine, &rc) || rc != -ERR_SIGNATURE) {
        fail_msg("%s: a callback of a month ago is believed", adapter->name);
    }
}

static void forged_stale_and_cut_callbacks_are_refused_and_a_replay_is_the_same(void **state) {
    (void)state;
    for_each_adapter(callbacks_are_verified);
}

#define T(name) cmocka_unit_test_teardown(name, leave)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_adapter_that_is_called_has_its_place),
        T(a_charge_is_never_called_untaken_and_never_taken_twice),
        T(a_question_without_an_answer_says_nothing_of_the_payment),
        T(a_capture_is_never_called_untaken_and_never_taken_twice),
        T(a_refund_is_never_called_undone_and_never_done_twice),
        T(a_refund_over_the_amount_is_refused),
        T(what_cannot_be_asked_is_refused_unsent),
        T(after_the_deadline_nothing_is_sent),
        T(forged_stale_and_cut_callbacks_are_refused_and_a_replay_is_the_same),
    };
    crypto_init();
    log_level_set(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
