/* SPDX-License-Identifier: Apache-2.0
 * test_status_tell.c: who subscribes to the status page is told each update once, when he has
 * confirmed, and nobody learns who he is. On both engines. */
#include "status_fixture.h"

#include <stdatomic.h>

#include "base/secret.h"
#include "net/standard_webhook.h"

enum { DEATHS_MAX = 200 };

/* ---- subscriptions ---- */

static int subscribe(const char *email, const char *webhook, const char *from) {
    const struct status_subscription what = {
        .email = email, .webhook = webhook, .language = LANGUAGE_EN, .from = from};
    W->err = (struct err){0};
    return status_subscribe(status, &what, &W->err);
}

static int token_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT token FROM status_subscriber ORDER BY asked_us DESC, id DESC "
                      "LIMIT 1");
    r = r < 0 ? r : sql_next(rows, err);
    assert_true(r == 1);
    snprintf(ctx, STATUS_TOKEN_CHARS + 1, "%s", sql_text(rows, 0));
    return 0;
}

/* Of him who was asked last. */
static void last_token(char ret_token[STATUS_TOKEN_CHARS + 1]) {
    struct err err = {0};
    assert_int_equal(store_read(W->engine.store, token_tx, ret_token, &err), 0);
}

/* Whether the last message holds it; a mail's lines are broken within it. */
static bool last_holds(const char *token) {
    const char *text = receivers.told[receivers.count - 1].text;
    char *plain = strdup(text), *to = plain;
    for (const char *c = text; *c != '\0'; c++) {
        if (strncmp(c, "=\r\n", 3) == 0) {
            c += 2;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
    bool found = strstr(plain, token) != NULL;
    free(plain);
    return found;
}

static void who_has_confirmed_is_told_each_update_once(void **state) {
    begin();
    char token[STATUS_TOKEN_CHARS + 1];
    struct err err = {0};
    assert_int_equal(subscribe("Ann@X.example", "", "192.0.2.1"), 0);
    run_jobs();
    assert_int_equal(receivers.count, 1);
    assert_string_equal(receivers.told[0].to, "ann@x.example");
    last_token(token);
    assert_true(last_holds(token));
    struct status_draft what = incident();
    char *id = published(&what);
    run_jobs();
    assert_int_equal(receivers.count, 1); /* he has not confirmed */
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    struct status_draft update = follow(id, STATUS_IDENTIFIED, "We know the part. {next_update}",
                                        "已知是哪个部件。{next_update}");
    free(published(&update));
    run_jobs();
    run_jobs();
    assert_int_equal(receivers.count, 2);
    assert_non_null(strstr(receivers.told[1].text, "We know the part."));
    assert_true(last_holds(token)); /* the way out stands in each */
    assert_int_equal(status_subscriber_end(status, token, &err), 0);
    assert_int_equal(status_subscriber_end(status, token, &err), -ERR_NOT_FOUND);
    free(published(&update));
    run_jobs();
    assert_int_equal(receivers.count, 2);
    assert_int_equal(engine_exec(&W->engine, "DELETE FROM status_subscriber"), 0);
    free(id);
}

static void asking_tells_nothing_and_floods_nobody(void **state) {
    begin();
    struct err err = {0};
    char token[STATUS_TOKEN_CHARS + 1];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(subscribe("a@x.example", "", "192.0.2.1"), 0);
        run_jobs();
    }
    assert_int_equal(receivers.count, 1); /* once an hour */
    last_token(token);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    test_clock_advance(2 * 3600 * US_PER_SECOND);
    assert_int_equal(subscribe("a@x.example", "", "192.0.2.1"), 0); /* he is, and the answer is */
    run_jobs();                                                     /* the same */
    assert_int_equal(receivers.count, 1);
    char email[40];
    for (int i = 0; i < 9; i++) {
        snprintf(email, sizeof email, "p%d@x.example", i);
        assert_int_equal(subscribe(email, "", "192.0.2.1"), 0);
    }
    assert_int_equal(subscribe("p@x.example", "", "192.0.2.1"), -ERR_RATE_LIMITED);
    assert_int_equal(subscribe("p@x.example", "", "192.0.2.2"), 0);
    static const char *const bad[] = {"",        "a",        "@x.example", "a@x",   "a b@x.example",
                                      "a@x.e\n", "a@@x.com", "a@.com",     "a@x.",  "<a>@x.com",
                                      "a,b@x.c", ".a@x.com", "a..b@x.com", "a\r@x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(subscribe(bad[i], "", "192.0.2.3"), -ERR_VALIDATION);
    }
    static const char *const urls[] = {"http://x.example/",  "https://",        "ftp://x.example",
                                       "https://u:p@x.com/", "https://x.com/a b"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_int_equal(subscribe("", urls[i], "192.0.2.3"), -ERR_VALIDATION);
    }
    assert_int_equal(subscribe("a@x.example", "https://x.example", "192.0.2.3"), -ERR_VALIDATION);
    struct status_subscriber unused;
    assert_int_equal(status_subscriber_look(status, "0123456789abcdef0123456789abcdef", &unused,
                                            &err),
                     -ERR_NOT_FOUND);
    assert_int_equal(status_subscriber_look(status, "' OR 1=1", &unused, &err), -ERR_NOT_FOUND);
}

static void expect_signed(const struct told *told, const char *secret) {
    struct secret *key = NULL;
    struct err err = {0};
    const struct http_header headers[] = {{"webhook-id", told->id},
                                          {"webhook-timestamp", told->timestamp},
                                          {"webhook-signature", told->signature}};
    assert_int_equal(standard_webhook_secret_read(secret, &key, &err), 0);
    const struct secret *keys[] = {key};
    assert_int_equal(standard_webhook_verify(keys, 1, headers, 3, told->text, strlen(told->text),
                                             clock_wall_us() / US_PER_SECOND, &err),
                     0);
    secret_free(key);
}

static void a_webhook_proves_itself_and_is_repeated_by_the_same_bytes(void **state) {
    begin();
    struct err err = {0};
    char token[STATUS_TOKEN_CHARS + 1];
    assert_int_equal(subscribe("", "https://x.example/in", ""), 0);
    run_jobs();
    last_token(token);
    json_t *asked = json_loads(receivers.told[0].text, 0, NULL);
    char *secret = strdup(json_at(asked, "secret"));
    json_decref(asked);
    expect_signed(&receivers.told[0], secret);
    assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    struct status_draft what = incident();
    char *id = published(&what);
    receivers.answerless = true;
    run_jobs();
    receivers.answerless = false;
    test_clock_advance(60 * US_PER_SECOND);
    run_jobs();
    run_jobs();
    assert_int_equal(receivers.count, 3);
    assert_string_equal(receivers.told[1].id, receivers.told[2].id);
    assert_string_equal(receivers.told[1].text, receivers.told[2].text);
    expect_signed(&receivers.told[2], secret);
    assert_non_null(strstr(receivers.told[2].text, "银行卡支付失败"));
    receivers.status = 410; /* it wants nothing more */
    struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on. {next_update}",
                                        "仍在处理。{next_update}");
    free(published(&update));
    run_jobs();
    free(published(&update));
    run_jobs();
    assert_int_equal(receivers.count, 4);
    assert_false(receivers.insecure); /* nothing goes to where only we can reach */
    free(secret);
    free(id);
}

struct death {
    atomic_int calls; /* of any thread: the control of gateways reads, too */
    int number;
};

static int die_at(void *ctx, const char *sql) {
    struct death *death = ctx;
    return atomic_fetch_add(&death->calls, 1) + 1 >= death->number;
}

static void a_death_at_any_call_of_the_store_tells_nobody_twice(void **state) {
    begin();
    struct err err = {0};
    static const char *const people[] = {"a@x.example", "b@x.example", "c@x.example"};
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        char token[STATUS_TOKEN_CHARS + 1];
        assert_int_equal(subscribe(people[i], "", ""), 0);
        run_jobs();
        last_token(token);
        assert_int_equal(status_subscriber_confirm(status, token, &err), 0);
    }
    struct status_draft what = incident();
    char *id = published(&what);
    bool died = true;
    int number = 1;
    for (; died && number < DEATHS_MAX; number++) {
        run_jobs();
        forget_told();
        struct status_draft update = follow(id, STATUS_IDENTIFIED, "It goes on. {next_update}",
                                            "仍在处理。{next_update}");
        json_t *told = must_draft(&update);
        must_approve(told);
        struct death death = {.number = number};
        store_fault_set(W->engine.store, die_at, &death);
        died = job_runner_drain(runner, &err) < 0 || death.calls >= number;
        store_fault_set(W->engine.store, NULL, NULL);
        reopen();
        test_clock_advance(400 * US_PER_SECOND); /* leases of the dead one end */
        run_jobs();
        assert_in_range(receivers.count, 1, COUNT_OF(people));
        for (int i = 0; i < receivers.count; i++) {
            for (int j = 0; j < i; j++) {
                assert_string_not_equal(receivers.told[i].to, receivers.told[j].to);
            }
        }
        json_decref(told);
        if (number > 95) { /* an incident takes a hundred updates */
            free(id);
            id = published(&what);
        }
    }
    assert_false(died);
    free(id);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        TEST(who_has_confirmed_is_told_each_update_once),
        TEST(asking_tells_nothing_and_floods_nobody),
        TEST(a_webhook_proves_itself_and_is_repeated_by_the_same_bytes),
        TEST(a_death_at_any_call_of_the_store_tells_nobody_twice),
    };
    return run_status_tests("status_tell", tests, COUNT_OF(tests));
}
