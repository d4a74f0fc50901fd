/* SPDX-License-Identifier: Apache-2.0
 * test_pay_page.c: the page behind a held order's link, asked as a browser asks: what it says in
 * each state, what it never says, and what comes of hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/pay_html.h"
#include "api/problem.h"
#include "base/clock.h"
#include "support/api_fixture.h"

#define A (&the_api)
static const char more[] = "deferred: {public_url: 'https://pay.test', shop_name: 'Tea & Sons'}\n";
static const char form_type[] = "application/x-www-form-urlencoded";

static int start(void **state) {
    (void)state;
    api_start(A, more, false);
    return 0;
}

static int stop(void **state) {
    (void)state;
    api_stop(A);
    return 0;
}

/* ---- an order that is held, and its page ---- */

static char link_path[80]; /* "/pay/…" of the last one that was held */
static int orders;

static void hold(const char *extra) {
    char body[900], once[24];
    struct api_reply reply;
    int number = ++orders;
    snprintf(body, sizeof body,
             "{\"order_id\":\"A-%d\",\"amount\":1999,\"currency\":\"USD\",\"method\":\"card\","
             "\"defer\":true,\"customer\":{\"id\":\"cus_secret\",\"email\":\"private@mail.test\","
             "\"ip\":\"203.0.113.77\"},\"return_url\":\"https://shop.test/back?a=1&b=2\"%s}",
             number, extra);
    snprintf(once, sizeof once, "hold-%d", number);
    const struct api_ask ask = {
        .method = "POST", .path = "/v1/payments", .body = body, .once = once, .internal = true};
    api_ask(A, &ask, &reply);
    if (reply.status != 201) {
        fail_msg("%d %s", reply.status, reply.body);
    }
    const char *url = reply_text(&reply, "pay_later_url");
    assert_int_equal(strncmp(url, "https://pay.test/pay/", 21), 0);
    snprintf(link_path, sizeof link_path, "%s", url + strlen("https://pay.test"));
    /* Others are out of the way, so that statements need not name it. Ids of one millisecond are in
     * no order: the newest is not always the largest. */
    const char *id = reply_text(&reply, "id");
    char *payments = sqlite3_mprintf("DELETE FROM payment WHERE id <> %Q", id);
    char *deferrals = sqlite3_mprintf("DELETE FROM deferral WHERE payment_id <> %Q", id);
    api_sql(A, payments);
    api_sql(A, deferrals);
    sqlite3_free(payments);
    sqlite3_free(deferrals);
    api_reply_release(&reply);
}

static void look(const char *query, struct api_reply *ret_reply) {
    const struct api_ask ask = {.path = link_path, .query = query};
    api_ask(A, &ask, ret_reply);
}

static void choose_with(const char *body, const struct http_header *header,
                        struct api_reply *ret_reply) {
    struct api_ask ask = {.method = "POST", .path = link_path, .body = body, .type = form_type};
    if (header != NULL) {
        ask.more[0] = *header;
    }
    api_ask(A, &ask, ret_reply);
}

static void assert_says(const struct api_reply *reply, const char *text) {
    if (strstr(reply->body, text) == NULL) {
        fail_msg("the page does not say \"%s\":\n%s", text, strstr(reply->body, "<main>"));
    }
}

static void assert_silent(const struct api_reply *reply, const char *text) {
    if (strstr(reply->body, text) != NULL) {
        fail_msg("the page says \"%s\"", text);
    }
}

/* ---- what it says ---- */

#define PAY_LATER "state = 3, action = 'pay_later', action_url = '', failure_code = ''"

static void each_state_is_told_as_it_is_in_both_languages(void **state) {
    (void)state;
    static const struct {
        const char *set; /* of the payment */
        const char *english, *chinese;
        bool refreshes, offers;
    } rows[] = {
        {"UPDATE payment SET " PAY_LATER, "waiting for your payment", "等待支付", false, true},
        {"UPDATE payment SET " PAY_LATER ", failure_code = 'insufficient_funds'",
         "not enough money", "余额不足", false, true},
        {"UPDATE payment SET " PAY_LATER ", deferred_until_us = 1", "time to pay is over",
         "付款时间已过", false, false},
        {"UPDATE payment SET state = 3, action = 'redirect', action_url = 'https://gw.test/x'",
         "One more step", "还需您完成一步", true, true},
        {"UPDATE payment SET state = 2, action = '', queued_until_us = 0", "is being checked",
         "正在核实", true, false},
        {"UPDATE payment SET state = 1, action = ''", "is being checked", "正在核实", true, false},
        {"UPDATE payment SET state = 5, action = ''", "Paid. Thank you.", "支付成功", false, false},
        {"UPDATE payment SET state = 4, action = ''", "Paid. Thank you.", "支付成功", false, false},
        {"UPDATE payment SET state = 6, action = '', failure_code = 'declined'",
         "did not go through", "付款未成功", false, false},
        {"UPDATE payment SET state = 7, action = '', failure_code = 'expired'",
         "time to pay is over", "付款时间已过", false, false},
        {"UPDATE payment SET state = 7, action = '', failure_code = ''", "was cancelled", "已取消",
         false, false},
        /* Money came after all: nobody is to pay again. */
        {"UPDATE payment SET " PAY_LATER ", review = 'late_success'", "is being checked",
         "请勿重复支付", true, false},
        {"UPDATE payment SET state = 7, review = 'late_success'", "do not pay again",
         "请勿重复支付", true, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        hold("");
        api_sql(A, rows[i].set);
        API_REPLY_AUTO english = {0};
        API_REPLY_AUTO chinese = {0};
        look("lang=en", &english);
        look("lang=zh", &chinese);
        assert_int_equal(english.status, 200);
        assert_says(&english, rows[i].english);
        assert_says(&chinese, rows[i].chinese);
        assert_says(&english, "<html lang=\"en\">");
        assert_says(&chinese, "<html lang=\"zh-CN\">");
        assert_int_equal(strstr(english.body, "http-equiv=\"refresh\"") != NULL, rows[i].refreshes);
        assert_int_equal(strstr(english.body, "<button name=\"method\"") != NULL, rows[i].offers);
    }
}

static void it_shows_what_is_to_be_paid_and_nothing_of_the_customer(void **state) {
    (void)state;
    hold(",\"description\":\"Two shirts\",\"metadata\":{\"basket\":\"seven\"}");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_says(&reply, "19.99");
    assert_says(&reply, "USD");
    assert_says(&reply, "Two shirts");
    assert_says(&reply, "Tea &amp; Sons");
    assert_says(&reply, "https://shop.test/back?a=1&amp;b=2");
    static const char *const secrets[] = {
        "cus_secret", "private@mail.test", "203.0.113.77", "seven", "pay_0", "stripe"};
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        assert_silent(&reply, secrets[i]);
    }
}

static void it_works_without_scripts_and_without_anything_from_elsewhere(void **state) {
    (void)state;
    hold("");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    static const char *const never[] = {"<script", "<link",         "<img", "<iframe", "@import",
                                        "onclick", "type=\"text\"", "url(", "src="};
    for (size_t i = 0; i < COUNT_OF(never); i++) {
        assert_silent(&reply, never[i]);
    }
    const char *policy = reply_header(&reply, "Content-Security-Policy");
    assert_int_equal(strncmp(policy, "default-src 'none'; style-src 'nonce-", 37), 0);
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "script"));
    assert_non_null(strstr(policy, "form-action 'self'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_string_equal(reply_header(&reply, "Cache-Control"), "no-store");
    assert_string_equal(reply_header(&reply, "Referrer-Policy"), "same-origin");
    assert_says(&reply, "width=device-width");
    /* Each answer has a nonce of its own. */
    char first[400];
    snprintf(first, sizeof first, "%s", policy);
    API_REPLY_AUTO again = {0};
    look("", &again);
    assert_string_not_equal(first, reply_header(&again, "Content-Security-Policy"));
}

static void the_language_is_the_browsers_unless_it_is_said(void **state) {
    (void)state;
    static const struct {
        const char *accept, *query;
        bool chinese;
    } rows[] = {
        {"zh-CN,zh;q=0.9,en;q=0.8", "", true},
        {"en-GB,en;q=0.9,zh;q=0.8", "", false},
        {"fr,de;q=0.5", "", false},
        {"de, zh-TW", "", true},
        {"", "", false},
        {"zh", "lang=en", false},
        {"en", "lang=zh", true},
        {"en", "lang=zh-CN", true},
        {",,,;;q", "", false},
    };
    hold("");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply = {0};
        struct api_ask ask = {.path = link_path, .query = rows[i].query};
        ask.more[0] = (struct http_header){"Accept-Language", rows[i].accept};
        api_ask(A, &ask, &reply);
        assert_says(&reply, rows[i].chinese ? "zh-CN" : "lang=\"en\">");
    }
}

static void what_others_wrote_is_text_and_never_markup(void **state) {
    (void)state;
    hold(",\"description\":\"<script>alert('x')</script>&\\\"\"");
    API_REPLY_AUTO reply = {0};
    api_sql(A, "UPDATE payment SET return_url = 'https://shop.test/\"><b onclick=x>'");
    look("", &reply);
    assert_silent(&reply, "<script");
    assert_silent(&reply, "<b onclick");
    assert_says(&reply, "&lt;script&gt;alert(&#39;x&#39;)");
    /* An address that is none is no link. */
    API_REPLY_AUTO other = {0};
    api_sql(A, "UPDATE payment SET return_url = 'javascript:alert(1)'");
    look("", &other);
    assert_silent(&other, "javascript:");
    API_REPLY_AUTO acting = {0};
    api_sql(A, "UPDATE payment SET action = 'redirect', action_url = 'javascript:alert(1)'");
    look("go=1", &acting);
    assert_silent(&acting, "javascript:");
}

/* ---- what can be done ---- */

static void a_code_is_drawn_on_the_page(void **state) {
    (void)state;
    hold("");
    api_sql(A, "UPDATE payment SET action = 'qr_code', action_url = 'weixin://pay/1', method = 4, "
               "action_expires_us = deferred_until_us");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_says(&reply, "<svg class=\"qr\"");
    const char *svg = strstr(reply.body, "<svg"), *role = strstr(svg, " role=");
    assert_non_null(role); /* each attribute once: else it is no XHTML, and checkers complain */
    assert_null(memmem(role + 1, (size_t)(strchr(svg, '>') - role - 1), " role=", 6));
    assert_says(&reply, "Open WeChat Pay and scan");
    assert_silent(&reply, "weixin:");
    assert_says(&reply, "This works until");
}

static void a_form_posts_to_its_gateway_and_nowhere_else(void **state) {
    (void)state;
    hold("");
    api_sql(A, "UPDATE payment SET action = 'form', method = 5, action_url = '{\"url\":\"https://"
               "bank.test:8443/pay?x=1\",\"fields\":{\"a\\\"b\":\"<1>\"}}'");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_says(&reply, "action=\"https://bank.test:8443/pay?x=1\"");
    assert_says(&reply, "name=\"a&quot;b\" value=\"&lt;1&gt;\"");
    assert_non_null(strstr(reply_header(&reply, "Content-Security-Policy"),
                           "form-action 'self' https://bank.test:8443;"));
    /* What cannot stand in a policy is no form. */
    API_REPLY_AUTO odd = {0};
    api_sql(A, "UPDATE payment SET action_url = '{\"url\":\"https://bank.test;script-src x/\","
               "\"fields\":{}}'");
    look("", &odd);
    assert_silent(&odd, "bank.test");
    assert_null(strstr(reply_header(&odd, "Content-Security-Policy"), "script-src"));
}

static void a_transfer_is_shown_as_it_must_be_made(void **state) {
    (void)state;
    hold("");
    api_sql(A, "UPDATE payment SET action = 'bank_transfer', method = 6, action_url = "
               "'{\"account\":\"DE00 1234\",\"reference\":\"HF-7\"}'");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_says(&reply, "DE00 1234");
    assert_says(&reply, "HF-7");
}

static void after_a_choice_the_browser_goes_straight_on(void **state) {
    (void)state;
    hold("");
    api_sql(A, "UPDATE payment SET action = 'redirect', method = 2, action_url = "
               "'https://gw.test/pay?a=1&b=2'");
    API_REPLY_AUTO went = {0};
    API_REPLY_AUTO stays = {0};
    look("go=1", &went);
    look("", &stays);
    assert_says(&went, "content=\"0;url=https://gw.test/pay?a=1&amp;b=2\"");
    assert_says(&stays, "content=\"5;url=?lang=en\"");
    assert_says(&stays, "href=\"https://gw.test/pay?a=1&amp;b=2\"");
}

static void cards_are_entered_nowhere(void **state) {
    (void)state;
    hold("");
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_silent(&reply, "value=\"card\"");
    API_REPLY_AUTO posted = {0};
    choose_with("method=card&page=2", NULL, &posted);
    assert_int_equal(posted.status, 303);
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM attempt WHERE payment_id = (SELECT MAX(id) "
                                "FROM payment)"),
                     0);
}

/* The version that the page shows, as its form posts it. */
static void body_of_page(const char *method, char ret_body[120]) {
    snprintf(ret_body, 120, "method=%s&page=%lld", method,
             (long long)api_int(A, "SELECT version FROM payment"));
}

static void the_same_button_pressed_twice_is_one_choice(void **state) {
    (void)state;
    char body[120];
    hold("");
    body_of_page("paypal", body);
    API_REPLY_AUTO first = {0};
    API_REPLY_AUTO second = {0};
    choose_with(body, NULL, &first);
    assert_int_equal(first.status, 303);
    assert_string_equal(reply_header(&first, "Location"), "?lang=en&go=1");
    int64_t tried = api_int(A, "SELECT attempts FROM payment");
    assert_int_equal(tried, 1); /* nobody answers for paypal-a */
    choose_with(body, NULL, &second);
    assert_int_equal(second.status, 303);
    assert_int_equal(api_int(A, "SELECT attempts FROM payment"), 1);
    /* It came to nothing: he may try again, and is told why. */
    API_REPLY_AUTO reply = {0};
    look("", &reply);
    assert_says(&reply, "<button name=\"method\" value=\"paypal\">");
    assert_says(&reply, "unavailable just now");
}

/* What the shop told of him at the order may be another place: he pays from where he is. */
static void the_customer_pays_from_where_the_page_sees_him(void **state) {
    (void)state;
    static const struct http_header from = {"X-Forwarded-For", "1.1.1.1, 198.51.100.7"};
    char body[120];
    hold("");
    API_REPLY_AUTO first = {0};
    API_REPLY_AUTO second = {0};
    body_of_page("paypal", body);
    choose_with(body, NULL, &first);
    assert_int_equal(first.status, 303);
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM payment WHERE customer_ip = '203.0.113.77'"),
                     1);
    body_of_page("paypal", body);
    choose_with(body, &from, &second);
    assert_int_equal(second.status, 303);
    assert_int_equal(api_int(A, "SELECT attempts FROM payment"), 2);
    assert_int_equal(api_int(A, "SELECT COUNT(*) FROM payment WHERE customer_ip = '198.51.100.7'"),
                     1);
}

static void a_choice_comes_from_its_own_page_only(void **state) {
    (void)state;
    static const struct {
        struct http_header header;
        int status;
    } rows[] = {
        {{"Origin", "https://pay.test"}, 303},
        {{"Origin", "https://evil.test"}, 403},
        {{"Origin", "null"}, 403},
        {{"Origin", "https://pay.test.evil.test"}, 403},
        {{"Origin", "http://pay.test"}, 403},
        {{"Sec-Fetch-Site", "same-origin"}, 303},
        {{"Sec-Fetch-Site", "cross-site"}, 403},
        {{"Sec-Fetch-Site", "same-site"}, 403},
    };
    hold("");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply = {0};
        choose_with("method=alipay&page=1", &rows[i].header, &reply);
        assert_int_equal(reply.status, rows[i].status);
    }
    assert_int_equal(api_int(A, "SELECT attempts FROM payment"), 0);
}

static void when_its_time_is_over_nothing_is_chosen(void **state) {
    (void)state;
    char body[120];
    hold("");
    api_sql(A, "UPDATE payment SET deferred_until_us = 1");
    body_of_page("paypal", body);
    API_REPLY_AUTO reply = {0};
    choose_with(body, NULL, &reply);
    assert_int_equal(reply.status, 303);
    assert_string_equal(reply_header(&reply, "Location"), "?lang=en&not_now=1");
    assert_int_equal(api_int(A, "SELECT attempts FROM payment"), 0);
    API_REPLY_AUTO page = {0};
    look("lang=en&not_now=1", &page);
    assert_says(&page, "could not be done at this moment");
}

/* He was sent to a gateway that does not confirm that it closed what he was to pay there. */
static void what_was_chosen_first_stands_until_its_time_is_over(void **state) {
    (void)state;
    char path[120], body[120], *id;
    hold("");
    API_REPLY_AUTO held = {0};
    api_ask(A, &(struct api_ask){.path = "/v1/payments", .internal = true}, &held);
    id = strdup(json_string_value(
        json_object_get(json_array_get(json_object_get(held.json, "data"), 0), "id")));
    snprintf(path, sizeof path, "/v1/payments/%s/method", id);
    fake_say(A->fake, 0, "charge", 1, FAKE_ACTION);
    assert_int_equal(
        api_status(A, &(struct api_ask){.method = "POST",
                                        .path = path,
                                        .internal = true,
                                        .once = "*",
                                        .body = "{\"method\":\"card\",\"token\":\"pm_portable\"}"}),
        201);
    fake_say(A->fake, 0, "*", -1, FAKE_LOSE_BEFORE);
    body_of_page("paypal", body);
    API_REPLY_AUTO reply = {0};
    choose_with(body, NULL, &reply);
    fake_say_nothing(A->fake);
    assert_int_equal(reply.status, 303);
    assert_string_equal(reply_header(&reply, "Location"), "?lang=en&not_now=2");
    assert_int_equal(api_int(A, "SELECT attempts FROM payment"), 1);
    API_REPLY_AUTO english = {0};
    API_REPLY_AUTO chinese = {0};
    look("lang=en&not_now=2", &english);
    look("lang=zh&not_now=2", &chinese);
    assert_says(&english, "stands until its time is over");
    assert_says(&english, "This works until");
    assert_says(&chinese, "为避免重复扣款");
    /* When it is over, it stands no more, whatever the address still says. */
    api_sql(A, "UPDATE payment SET " PAY_LATER);
    API_REPLY_AUTO over = {0};
    look("lang=en&not_now=2", &over);
    assert_silent(&over, "stands until its time is over");
    free(id);
}

/* ---- hostile input ---- */

static void hostile_input_is_refused_and_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *what, *method, *path, *query, *body, *type;
        int status;
    } rows[] = {
        {"no such link", "GET", "/pay/abcdefghijklmnop", "", NULL, NULL, 404},
        {"an empty one", "GET", "/pay/", "", NULL, NULL, 404},
        {"an id", "GET", "/pay/pay_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "", NULL, NULL, 404},
        {"SQL", "GET", "/pay/' OR '1'='1", "", NULL, NULL, 404},
        {"a wildcard", "GET", "/pay/%", "", NULL, NULL, 404},
        {"markup", "GET", "/pay/<script>", "", NULL, NULL, 404},
        {"a card number", "GET", "/pay/4242424242424242", "", NULL, NULL, 422},
        {"an unknown query", "GET", NULL, "x=1", NULL, NULL, 422},
        {"a query twice", "GET", NULL, "lang=en&lang=zh", NULL, NULL, 422},
        {"a number that is none", "GET", NULL, "go=2", NULL, NULL, 422},
        {"another method", "PUT", NULL, "", NULL, NULL, 405},
        {"DELETE", "DELETE", NULL, "", NULL, NULL, 405},
        {"no such link, posted", "POST", "/pay/abcdefghijklmnop", "", "method=alipay&page=1",
         form_type, 404},
        {"JSON", "POST", NULL, "", "{\"method\":\"alipay\"}", "application/json", 415},
        {"no type", "POST", NULL, "", "method=alipay&page=1", "", 415},
        {"a file", "POST", NULL, "", "x", "multipart/form-data; boundary=x", 415},
        {"nothing", "POST", NULL, "", "", form_type, 422},
        {"no page", "POST", NULL, "", "method=alipay", form_type, 422},
        {"no method", "POST", NULL, "", "page=1", form_type, 422},
        {"more", "POST", NULL, "", "method=alipay&page=1&x=1", form_type, 422},
        {"twice", "POST", NULL, "", "method=alipay&method=paypal&page=1", form_type, 400},
        {"no value", "POST", NULL, "", "method&page=1", form_type, 400},
        {"no name", "POST", NULL, "", "=alipay&page=1", form_type, 400},
        {"a bad escape", "POST", NULL, "", "method=%zz&page=1", form_type, 400},
        {"NUL in it", "POST", NULL, "", "method=a%00b&page=1", form_type, 400},
        {"no UTF-8", "POST", NULL, "", "method=%ff%fe&page=1", form_type, 400},
        {"a card number in it", "POST", NULL, "", "method=4242424242424242&page=1", form_type, 422},
        {"an unheard-of method", "POST", NULL, "", "method=barter&page=1", form_type, 303},
        {"a page that is no number", "POST", NULL, "", "method=alipay&page=%3Cb%3E", form_type,
         303},
    };
    hold("");
    int64_t before = api_changes(A);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        API_REPLY_AUTO reply = {0};
        const struct api_ask ask = {.method = rows[i].method,
                                    .path = rows[i].path != NULL ? rows[i].path : link_path,
                                    .query = rows[i].query,
                                    .body = rows[i].body,
                                    .type = rows[i].type};
        api_ask(A, &ask, &reply);
        if (reply.status != rows[i].status) {
            fail_msg("%s: %d, not %d", rows[i].what, reply.status, rows[i].status);
        }
        if (reply.status == 404 && strlen(rows[i].path) > 5) {
            assert_says(&reply, "This payment link does not exist");
            assert_silent(&reply, "<script>");
        }
    }
    assert_int_equal(api_changes(A), before);
}

static void too_long_a_form_is_refused(void **state) {
    (void)state;
    static char body[5000];
    hold("");
    memset(body, 'a', sizeof body - 1);
    memcpy(body, "method=", 7);
    API_REPLY_AUTO reply = {0};
    choose_with(body, NULL, &reply);
    assert_int_equal(reply.status, 413);
}

static int no_store(void *ctx, const char *sql) {
    (void)ctx;
    return strncmp(sql, "SELECT payment_id FROM deferral", 31) == 0;
}

static void without_its_database_it_is_a_page_all_the_same(void **state) {
    (void)state;
    hold("");
    store_fault_set(A->service->store, no_store, NULL);
    API_REPLY_AUTO reply = {0};
    API_REPLY_AUTO posted = {0};
    look("lang=zh", &reply);
    choose_with("method=paypal&page=2", NULL, &posted);
    store_fault_set(A->service->store, NULL, NULL);
    assert_int_equal(reply.status, 503);
    assert_says(&reply, "页面暂时无法显示");
    assert_string_equal(reply_header(&reply, "Retry-After"), "10");
    assert_int_equal(posted.status, 503);
    assert_says(&posted, "cannot be shown right now");
}

static void the_internal_listener_has_no_such_page(void **state) {
    (void)state;
    hold("");
    assert_int_equal(api_status(A, &(struct api_ask){.path = link_path, .internal = true}), 404);
}

static void the_link_is_in_no_log(void **state) {
    (void)state;
    hold("");
    assert_string_equal(path_for_log(link_path), "/pay/{token}");
    assert_string_equal(path_for_log("/v1/payments"), "/v1/payments");
}

static void the_link_is_shown_to_whoever_may_refund(void **state) {
    (void)state;
    char viewer[API_KEY_CHARS + 1], support[API_KEY_CHARS + 1], path[80];
    hold("");
    api_key(A, "viewer", "", viewer);
    api_key(A, "support", "", support);
    API_REPLY_AUTO list = {0};
    api_ask(A, &(struct api_ask){.path = "/v1/payments", .internal = true}, &list);
    const json_t *row = json_array_get(json_object_get(list.json, "data"), 0);
    snprintf(path, sizeof path, "/v1/payments/%s", json_string_value(json_object_get(row, "id")));
    assert_null(strstr(list.body, "/pay/"));
    API_REPLY_AUTO seen = {0};
    API_REPLY_AUTO paid = {0};
    api_ask(A, &(struct api_ask){.path = path, .key = viewer}, &seen);
    api_ask(A, &(struct api_ask){.path = path, .key = support}, &paid);
    assert_int_equal(seen.status, 200);
    assert_null(strstr(seen.body, "/pay/"));
    assert_non_null(strstr(paid.body, link_path));
}

static void origins_are_cut_out_of_addresses(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"https://shop.test", "https://shop.test"},
        {"https://shop.test/a?b#c", "https://shop.test"},
        {"http://127.0.0.1:8080/x", "http://127.0.0.1:8080"},
        {"https://[::1]:1/", "https://[::1]:1"},
        {"https://a b/", ""},
        {"https://user@host/", ""},
        {"https://", ""},
        {"javascript:alert(1)", ""},
        {"ftp://x/", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char origin[PAY_ORIGIN_CHARS_MAX + 1];
        pay_origin(rows[i][0], origin);
        assert_string_equal(origin, rows[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_is_told_as_it_is_in_both_languages),
        cmocka_unit_test(it_shows_what_is_to_be_paid_and_nothing_of_the_customer),
        cmocka_unit_test(it_works_without_scripts_and_without_anything_from_elsewhere),
        cmocka_unit_test(the_language_is_the_browsers_unless_it_is_said),
        cmocka_unit_test(what_others_wrote_is_text_and_never_markup),
        cmocka_unit_test(a_code_is_drawn_on_the_page),
        cmocka_unit_test(a_form_posts_to_its_gateway_and_nowhere_else),
        cmocka_unit_test(a_transfer_is_shown_as_it_must_be_made),
        cmocka_unit_test(after_a_choice_the_browser_goes_straight_on),
        cmocka_unit_test(cards_are_entered_nowhere),
        cmocka_unit_test(the_same_button_pressed_twice_is_one_choice),
        cmocka_unit_test(the_customer_pays_from_where_the_page_sees_him),
        cmocka_unit_test(a_choice_comes_from_its_own_page_only),
        cmocka_unit_test(when_its_time_is_over_nothing_is_chosen),
        cmocka_unit_test(what_was_chosen_first_stands_until_its_time_is_over),
        cmocka_unit_test(hostile_input_is_refused_and_changes_nothing),
        cmocka_unit_test(too_long_a_form_is_refused),
        cmocka_unit_test(without_its_database_it_is_a_page_all_the_same),
        cmocka_unit_test(the_internal_listener_has_no_such_page),
        cmocka_unit_test(the_link_is_in_no_log),
        cmocka_unit_test(the_link_is_shown_to_whoever_may_refund),
        cmocka_unit_test(origins_are_cut_out_of_addresses),
    };
    return cmocka_run_group_tests_name("the page of a held order", tests, start, stop);
}
