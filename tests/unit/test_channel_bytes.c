/* SPDX-License-Identifier: Apache-2.0
 * test_channel_bytes.c: what channels write and understand, without a network: each kind's bytes
 * against its provider's rules, the published signature vectors, cuts, hostile values, each code
 * that a provider answers with, and what may be configured. */
#include "channel_goldens.h"

#include <glib.h>

#include "base/crypto.h"
#include "base/json.h"
#include "watch/aliyun_sign.h"
#include "watch/channel_config.h"
#include "watch/channel_schema.h"

static struct arena *arena;

static int begin(void **state) {
    arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return 0;
}

static int end(void **state) {
    arena_free(arena);
    return 0;
}

static struct channel_request build(const struct channels *channels, const struct notice *notice) {
    struct channel_request request = {0};
    struct err err = {0};
    if (channel_build(channels_at(channels, 0), notice, &fixture_moment, arena, &request, &err) <
        0) {
        fail_msg("%s", err.detail);
    }
    return request;
}

static struct channel_request build_kind(enum channel_kind kind, const struct notice *notice) {
    struct channels *channels = fixture_open(&fixture_kinds[kind]);
    struct channel_request request = build(channels, notice);
    /* What it borrowed from the channel is kept past it. */
    request.url = arena_copy(arena, request.url);
    request.mail_from = NULL;
    channels_close(channels);
    return request;
}

/* ---- bytes ---- */

static void each_kind_writes_what_its_provider_wants(void **state) {
    const struct notice notice = fixture_notice();
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        const struct golden *golden = &goldens[kind];
        struct channel_request request = build_kind((enum channel_kind)kind, &notice);
        if (golden->body == NULL) {
            fail_msg("%s has no case", channel_kind_name((enum channel_kind)kind));
        }
        assert_string_equal(request.body != NULL ? request.body : "", golden->body);
        assert_int_equal(request.body_bytes, strlen(golden->body));
        if (golden->url == NULL) {
            assert_string_equal(request.method, "MAIL");
            assert_int_equal(request.mail_to_count, 2);
            assert_string_equal(request.mail_to[1], "b@shop.example");
            continue;
        }
        assert_string_equal(request.method, "POST");
        assert_string_equal(request.url, golden->url);
        assert_string_equal(http_header_find(request.headers, request.header_count, golden->header),
                            golden->value);
    }
}

/* The vectors of the facts: DingTalk and Feishu by their own moments, Aliyun as published. */
static void signatures_are_those_that_were_published(void **state) {
    const struct notice notice = fixture_notice();
    struct channel_moment moment = {INT64_C(1577262236757000), FIXTURE_ID, 1};
    struct channel_request request = {0};
    struct channels *channels = fixture_open(&fixture_kinds[CHANNEL_DINGTALK]);
    assert_int_equal(
        channel_build(channels_at(channels, 0), &notice, &moment, arena, &request, NULL), 0);
    assert_non_null(strstr(request.url, "&timestamp=1577262236757&sign="
                                        "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"));
    channels_close(channels);

    moment.now_us = INT64_C(1599360473000000);
    channels = fixture_open(&fixture_kinds[CHANNEL_FEISHU]);
    assert_int_equal(
        channel_build(channels_at(channels, 0), &notice, &moment, arena, &request, NULL), 0);
    assert_non_null(strstr(request.body, "{\"timestamp\":\"1599360473\",\"sign\":"
                                         "\"l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=\""));
    channels_close(channels);

    static const struct {
        const char *date, *nonce, *signature;
    } published[] = {
        {"2023-10-26T10:22:32Z", "3156853299f313e23d1673dc12e1703d",
         "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"},
        {"2023-10-26T09:01:01Z", "d410180a5abf7fe235dd9b74aca91fc0",
         "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804"},
    };
    static const struct aliyun_param params[] = {
        {"RegionId", "cn-shanghai"},
        {"ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"},
    };
    for (size_t i = 0; i < COUNT_OF(published); i++) {
        const struct aliyun_call call = {
            .method = "POST",
            .host = "ecs.cn-shanghai.aliyuncs.com",
            .action = "RunInstances",
            .version = "2014-05-26",
            .date = published[i].date,
            .nonce = published[i].nonce,
            .params = params,
            .param_count = COUNT_OF(params),
            .body = "",
            .key_id = "YourAccessKeyId",
            .key_secret = "YourAccessKeySecret",
        };
        char body_hex[SHA256_HEX_CHARS + 1];
        BUF_AUTO query;
        BUF_AUTO authorization;
        buf_init(&query, 4096);
        buf_init(&authorization, 4096);
        aliyun_sign(&call, &query, &authorization, body_hex);
        assert_string_equal(strstr(authorization.data, "Signature=") + 10, published[i].signature);
    }
}

static void what_ends_is_told_under_the_name_of_what_began(void **state) {
    struct notice notice = fixture_notice();
    notice.state = NOTICE_ACKNOWLEDGED;
    struct channel_request request = build_kind(CHANNEL_PAGERDUTY, &notice);
    assert_string_equal(request.body, "{\"routing_key\":\"" FIXTURE_KEY32
                                      "\",\"event_action\":\"acknowledge\",\"dedup_key\":"
                                      "\"gateway_down:wechatpay-cn\"}");
    request = build_kind(CHANNEL_ALERTMANAGER, &notice);
    assert_null(request.method); /* it knows no such thing */
    notice.state = NOTICE_RESOLVED;
    notice.ended_us = FIXTURE_NOW_US - US_PER_SECOND;
    request = build_kind(CHANNEL_PAGERDUTY, &notice);
    assert_non_null(strstr(request.body, "\"event_action\":\"resolve\""));
    request = build_kind(CHANNEL_ALERTMANAGER, &notice);
    assert_non_null(strstr(request.body, "\"endsAt\":\"2025-11-20T07:59:59Z\""));
    request = build_kind(CHANNEL_WEBHOOK, &notice);
    assert_non_null(strstr(request.body, "\"status\":\"resolved\""));
    request = build_kind(CHANNEL_FEISHU, &notice);
    assert_non_null(strstr(request.body, "\"template\":\"green\""));
    assert_null(strstr(request.body, "Do first"));
}

static void a_channel_speaks_its_own_language(void **state) {
    struct channel_settings settings;
    struct channels *channels = NULL;
    fixture_fill(&fixture_kinds[CHANNEL_WECOM], &settings);
    settings.language = "zh";
    assert_int_equal(channels_open(&settings, 1, NULL, &channels, NULL), 0);
    const struct notice notice = fixture_notice();
    struct channel_request request = build(channels, &notice);
    assert_non_null(strstr(request.body, "告警: WeChat Pay in CN fails"));
    assert_non_null(strstr(request.body, "**影响范围**: WeChat Pay in CN only"));
    channels_close(channels);
}

/* ---- limits ---- */

/* A text of that many bytes whose characters have one to four of them, and marks that are escaped.
 */
static char *long_text(size_t bytes, size_t shift) {
    static const char *const pieces[] = {"支", "a", "é", "<", "😀", "&", "*", "\n", "付"};
    BUF_AUTO buf;
    buf_init(&buf, bytes);
    for (size_t i = shift; buf_ok(&buf); i++) {
        buf_add_text(&buf, pieces[i % COUNT_OF(pieces)]);
    }
    return arena_copy(arena, buf.data);
}

/* The text that people read, out of the body. */
static const char *read_text(enum channel_kind kind, const struct channel_request *request) {
    json_t *json = NULL;
    const char *text = NULL;
    if (kind == CHANNEL_TWILIO) {
        char *body = g_uri_unescape_string(strstr(request->body, "&Body=") + 6, NULL);
        text = arena_copy(arena, body);
        g_free(body);
        return text;
    }
    assert_int_equal(json_read(request->body, request->body_bytes, SIZE_MAX, 16, &json, NULL), 0);
    switch (kind) {
    case CHANNEL_SLACK:
        text = json_string_value(json_object_get(
            json_object_get(json_array_get(json_object_get(json, "blocks"), 1), "text"), "text"));
        break;
    case CHANNEL_DINGTALK:
        text = json_peek_text(json, "markdown", "text", NULL);
        break;
    case CHANNEL_WECOM:
        text = json_peek_text(json, "markdown", "content", NULL);
        break;
    case CHANNEL_FEISHU:
        text = json_string_value(json_object_get(
            json_object_get(
                json_array_get(json_object_get(json_object_get(json, "card"), "elements"), 0),
                "text"),
            "content"));
        break;
    case CHANNEL_PAGERDUTY:
        text = json_peek_text(json, "payload", "summary", NULL);
        break;
    default:
        break;
    }
    text = text != NULL ? arena_copy(arena, text) : NULL;
    json_decref(json);
    return text;
}

static bool ends_with_dots(const char *text) {
    return strlen(text) >= 3 && strcmp(text + strlen(text) - 3, "…") == 0;
}

static void try_length(enum channel_kind kind, const struct channels *channels, size_t bytes,
                       size_t shift) {
    const struct channel_row *row = channel_row(kind);
    struct notice notice = fixture_notice();
    notice.summary = long_text(bytes, shift);
    notice.scope = notice.cause = notice.action = notice.summary;
    struct channel_request request = build(channels, &notice);
    assert_true(request.body_bytes <= row->body_bytes);
    assert_true(g_utf8_validate(request.body, (gssize)request.body_bytes, NULL));
    if (kind == CHANNEL_EMAIL) {
        return;
    }
    const char *text = read_text(kind, &request);
    if (text == NULL || kind == CHANNEL_PAGERDUTY) {
        return;
    }
    if (strlen(text) > row->text_bytes || !g_utf8_validate(text, -1, NULL)) {
        fail_msg("%s: %zu bytes of text", row->name, strlen(text));
    }
    if (4 * bytes > row->text_bytes) {
        assert_true(ends_with_dots(text));
        /* Nearly all of the room is used, but where the body had to be made shorter. */
        assert_true(strlen(text) + 400 > row->text_bytes || request.body_bytes * 2 > 20000);
    }
    /* An escape is never cut in two. */
    const char *last = strrchr(text, '&');
    assert_true(kind != CHANNEL_SLACK || last == NULL || strchr(last, ';') != NULL);
}

static void texts_are_cut_between_characters_to_what_a_provider_takes(void **state) {
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        struct channels *channels = fixture_open(&fixture_kinds[kind]);
        if (kind != CHANNEL_ALIYUN_SMS) { /* its body is empty; its variables have their own test */
            for (size_t shift = 0; shift < 9; shift++) {
                try_length((enum channel_kind)kind, channels, 100, shift);
                try_length((enum channel_kind)kind, channels, NOTICE_TEXT_BYTES_MAX, shift);
            }
        }
        channels_close(channels);
    }
    char exact[] = "支付失败";
    assert_int_equal(notice_cut(exact, 12), 12);
    assert_int_equal(notice_cut(exact, 11), 9);
    assert_string_equal(exact, "支付…");
}

static void variables_of_a_template_are_short_and_hold_no_address(void **state) {
    struct notice notice = fixture_notice();
    notice.title =
        "支付宝支付失败:请立即查看 https://pay.shop.example/alerts/1 并且切换到微信支付通道";
    struct channel_request request = build_kind(CHANNEL_ALIYUN_SMS, &notice);
    char *url = g_uri_unescape_string(request.url, NULL);
    const char *title = strstr(url, "\"title\":\"") + 9;
    const char *end_of_title = strchr(title, '"');
    assert_int_equal(g_utf8_strlen(title, end_of_title - title), 35);
    assert_null(g_strstr_len(title, end_of_title - title, "://"));
    assert_null(g_strstr_len(title, end_of_title - title, "."));
    assert_memory_equal(end_of_title - 3, "…", 3);
    g_free(url);
}

/* ---- strangers' values ---- */

static void a_strangers_value_is_no_markup(void **state) {
    struct notice notice = fixture_notice();
    notice.title = "<!channel> [x](http://evil) *b*";
    notice.summary = "<@all> <at user_id=\"all\">x</at>\n.\n# [y](http://evil) =?utf-8?q?z?=";
    struct channel_request request = build_kind(CHANNEL_SLACK, &notice);
    assert_null(strstr(read_text(CHANNEL_SLACK, &request), "<@all>"));
    assert_memory_equal(request.body, "{\"text\":\"[P1] Firing: &lt;!channel&gt;", 38);
    request = build_kind(CHANNEL_WECOM, &notice);
    const char *text = read_text(CHANNEL_WECOM, &request);
    assert_null(strstr(text, "<@all>"));
    assert_null(strstr(text, "]("));
    assert_non_null(strstr(text, "<@lisi>")); /* who is configured is called */
    request = build_kind(CHANNEL_DINGTALK, &notice);
    text = read_text(CHANNEL_DINGTALK, &request);
    assert_null(strstr(text, "]("));
    assert_null(strstr(text, "*b*"));
    /* Feishu's plain_text knows no markup: nothing has to be replaced there. */
    request = build_kind(CHANNEL_FEISHU, &notice);
    assert_null(strstr(request.body, "lark_md"));
    request = build_kind(CHANNEL_EMAIL, &notice);
    assert_non_null(strstr(request.body, "\r\n=2E\r\n")); /* the message does not end here */
    notice.title = "=?utf-8?q?x?=";
    request = build_kind(CHANNEL_EMAIL, &notice);
    assert_null(strstr(request.body, "Subject: [P1] Firing: =?utf-8?q"));
}

static void a_notice_that_breaks_a_rule_is_refused(void **state) {
    char *big = arena_copy(arena, long_text(NOTICE_TEXT_BYTES_MAX + 100, 1));
    const struct {
        const char *place;
        struct notice notice;
    } cases[] = {
        {"/fingerprint", {.fingerprint = "", .kind = "k", .title = "t"}},
        {"/kind", {.fingerprint = "f", .kind = "", .title = "t"}},
        {"/title", {.fingerprint = "f", .kind = "k", .title = "t\r\nBcc: x@evil.example"}},
        {"/title", {.fingerprint = "f", .kind = "k", .title = "\xff"}},
        {"/summary", {.fingerprint = "f", .kind = "k", .title = "t", .summary = big}},
        {"/summary", {.fingerprint = "f", .kind = "k", .title = "t", .summary = "a\x1b[2J"}},
        {"/link", {.fingerprint = "f", .kind = "k", .title = "t", .link = "javascript:x"}},
        {"/link", {.fingerprint = "f", .kind = "k", .title = "t", .link = "https://a/b) c"}},
        {"/runbook", {.fingerprint = "f", .kind = "k", .title = "t", .runbook = "https://a>b"}},
        {"/labels",
         {.fingerprint = "f",
          .kind = "k",
          .title = "t",
          .labels = {{"a", "b\nc"}},
          .label_count = 1}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct notice notice = cases[i].notice;
        notice.state = NOTICE_FIRING;
        assert_int_equal(notice_check(&notice, &err), -ERR_VALIDATION);
        assert_string_equal(err.place, cases[i].place);
    }
    struct notice none = fixture_notice();
    none.state = (enum notice_state)0;
    assert_int_equal(notice_check(&none, NULL), -ERR_VALIDATION);
}

static void what_is_stored_of_a_notice_is_read_the_same(void **state) {
    struct notice notice = fixture_notice(), again;
    notice.language = NOTICE_ZH;
    notice.subject = "inc_1";
    notice.ended_us = 5;
    notice.also[0] = "[P2] one";
    notice.also[1] = "[P2] \"two\"";
    notice.also_count = 2;
    notice.also_more = 7;
    BUF_AUTO first;
    BUF_AUTO second;
    buf_init(&first, NOTICE_JSON_BYTES_MAX);
    buf_init(&second, NOTICE_JSON_BYTES_MAX);
    notice_write(&notice, &first);
    assert_int_equal(notice_read(arena, first.data, first.len, &again, NULL), 0);
    notice_write(&again, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(again.label_count, 2);
    assert_string_equal(again.labels[1].value, "CN");
    BUF_AUTO plain;
    buf_init(&plain, NOTICE_JSON_BYTES_MAX);
    notice_plain(&again, &plain);
    assert_non_null(strstr(plain.data, "同时:\n[P2] one\n[P2] \"two\"\n另有 7 条"));
}

/* ---- answers ---- */

static void body_of(enum channel_kind kind, const char *code, char *ret_body, size_t bytes) {
    static const char *const keys[] = {
        [ANSWER_ERRCODE] = "errcode",
        [ANSWER_FEISHU_CODE] = "code",
        [ANSWER_TWILIO_CODE] = "code",
        [ANSWER_ALIYUN_CODE] = "Code",
    };
    enum channel_answer answer = channel_row(kind)->answer;
    bool number = code[0] == '-' || g_ascii_isdigit(code[0]);
    if (answer == ANSWER_STATUS || answer == ANSWER_WORD) {
        snprintf(ret_body, bytes, "%s", code);
    } else if (code[0] == '\0') {
        snprintf(ret_body, bytes, "{\"sid\":\"SM1\",\"status\":\"queued\"}");
    } else {
        snprintf(ret_body, bytes, number ? "{\"%s\":%s,\"x\":1}" : "{\"%s\":\"%s\",\"x\":1}",
                 keys[answer], code);
    }
}

static struct channel_verdict judge(const struct channels *channels, int status, const char *body,
                                    const char *retry_after) {
    const struct http_header headers[] = {{"Retry-After", retry_after}};
    HTTP_ANSWER_AUTO answer = {0};
    struct channel_verdict verdict;
    http_answer_fill(&answer, status, headers, retry_after != NULL ? 1 : 0, body, strlen(body));
    channel_judge(channels_at(channels, 0), &answer, &verdict);
    return verdict;
}

static void each_row_of_codes_is_understood(void **state) {
    for (int i = 0; channel_code_at(i) != NULL; i++) {
        const struct channel_code *code = channel_code_at(i);
        struct channels *channels = fixture_open(&fixture_kinds[code->kind]);
        struct channel_verdict verdict;
        char body[200];
        if (code->kind == CHANNEL_EMAIL) {
            const struct smtp_result result = {.outcome = SMTP_NOT_SENT,
                                               .failure = SMTP_FAIL_REFUSED,
                                               .code = (int)strtol(code->code, NULL, 10),
                                               .reply = "it says no"};
            channel_judge_mail(&result, &verdict);
            assert_non_null(strstr(verdict.reason, "it says no"));
        } else {
            body_of(code->kind, code->code, body, sizeof body);
            verdict = judge(channels, code->status != 0 ? code->status : 200, body, NULL);
        }
        if (verdict.outcome != code->outcome || verdict.wait_us != code->wait_s * US_PER_SECOND ||
            verdict.whole_channel != code->whole ||
            strncmp(verdict.reason, code->reason, strlen(code->reason)) != 0) {
            fail_msg("%s %d %s: %d, %s", channel_kind_name(code->kind), code->status, code->code,
                     verdict.outcome, verdict.reason);
        }
        assert_true(code->outcome == CHANNEL_SENT ? code->reason[0] == '\0'
                                                  : code->reason[0] != '\0');
        assert_true(verdict.outcome == CHANNEL_SENT || verdict.code[0] != '\0');
        channels_close(channels);
    }
}

static void an_answer_that_no_row_knows_is_judged_by_its_class(void **state) {
    static const struct {
        enum channel_kind kind;
        int status;
        const char *body, *retry_after;
        enum channel_outcome outcome;
        bool in_doubt;
        int64_t wait_s;
        const char *code;
    } cases[] = {
        /* A 200 is a yes only in the provider's own words. */
        {CHANNEL_DINGTALK, 200, "", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_DINGTALK, 200, "<html>log in</html>", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_DINGTALK, 200, "[0]", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_DINGTALK, 200, "{\"errcode\":null}", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_DINGTALK, 200, "{\"errcode\":false}", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_DINGTALK, 200, "{\"errcode\":999}", NULL, CHANNEL_AGAIN, false, 0, "999"},
        {CHANNEL_DINGTALK, 200, "{\"errcode\":\"0\"}", NULL, CHANNEL_SENT, false, 0, ""},
        {CHANNEL_FEISHU, 200, "{\"StatusCode\":0,\"StatusMessage\":\"success\"}", NULL,
         CHANNEL_SENT, false, 0, ""},
        {CHANNEL_SLACK, 200, "<html>", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_TWILIO, 200, "{}", NULL, CHANNEL_AGAIN, true, 0, "http 200"},
        {CHANNEL_ALIYUN_SMS, 200, "{\"Code\":\"isv.NEW\"}", NULL, CHANNEL_AGAIN, false, 0,
         "isv.NEW"},
        {CHANNEL_ALIYUN_SMS, 400, "{\"Code\":\"isv.NEW\"}", NULL, CHANNEL_REJECTED, false, 0,
         "isv.NEW"},
        {CHANNEL_WEBHOOK, 200, "", NULL, CHANNEL_SENT, false, 0, ""},
        {CHANNEL_WEBHOOK, 204, "", NULL, CHANNEL_SENT, false, 0, ""},
        {CHANNEL_ALERTMANAGER, 200, "{\"status\":\"success\"}", NULL, CHANNEL_SENT, false, 0, ""},
        /* The rest by status. */
        {CHANNEL_WEBHOOK, 302, "", NULL, CHANNEL_REJECTED, false, 0, "http 302"},
        {CHANNEL_WEBHOOK, 400, "", NULL, CHANNEL_REJECTED, false, 0, "http 400"},
        {CHANNEL_WEBHOOK, 401, "", NULL, CHANNEL_REJECTED, false, 0, "http 401"},
        {CHANNEL_WEBHOOK, 404, "", NULL, CHANNEL_REJECTED, false, 0, "http 404"},
        {CHANNEL_WEBHOOK, 408, "", NULL, CHANNEL_AGAIN, false, 0, "http 408"},
        {CHANNEL_WEBHOOK, 429, "", NULL, CHANNEL_AGAIN, false, 30, "http 429"},
        {CHANNEL_WEBHOOK, 429, "", "120", CHANNEL_AGAIN, false, 120, "http 429"},
        {CHANNEL_WEBHOOK, 429, "", "999999", CHANNEL_AGAIN, false, 3600, "http 429"},
        {CHANNEL_WEBHOOK, 429, "", "tomorrow", CHANNEL_AGAIN, false, 30, "http 429"},
        {CHANNEL_WEBHOOK, 503, "", "7", CHANNEL_AGAIN, true, 7, "http 503"},
        {CHANNEL_SLACK, 429, "rate_limited", "3", CHANNEL_AGAIN, false, 30, "rate_limited"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct channels *channels = fixture_open(&fixture_kinds[cases[i].kind]);
        struct channel_verdict verdict = judge(channels, cases[i].status, cases[i].body,
                                               cases[i].retry_after);
        if (verdict.outcome != cases[i].outcome || verdict.in_doubt != cases[i].in_doubt ||
            verdict.wait_us != cases[i].wait_s * US_PER_SECOND ||
            strcmp(verdict.code, cases[i].code) != 0) {
            fail_msg("case %zu: %d %d %lld \"%s\": %s", i, verdict.outcome, verdict.in_doubt,
                     (long long)verdict.wait_us, verdict.code, verdict.reason);
        }
        channels_close(channels);
    }
    struct channels *channels = fixture_open(&fixture_kinds[CHANNEL_TWILIO]);
    struct channel_verdict verdict = judge(channels, 201, "{\"sid\":\"SM123\"}", NULL);
    assert_string_equal(verdict.provider_id, "SM123");
    channels_close(channels);
}

/* Mail, rooms, pagers and the short form alike; where a template has variables, as one of them. */
static void what_is_at_stake_is_in_every_message_while_it_is(void **state) {
    (void)state;
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        struct notice notice = fixture_notice();
        notice.money = "CNY12340";
        struct channel_request request = build_kind((enum channel_kind)kind, &notice);
        const char *body = request.body != NULL && request.body_bytes > 0 ? request.body
                                                                          : request.url;
        bool template = kind == CHANNEL_ALIYUN_SMS;
        if ((strstr(body, "CNY12340") == NULL) != template) {
            fail_msg("%s: %s", channel_kind_name((enum channel_kind)kind), body);
        }
    }
    struct fixture_settings aliyun = fixture_kinds[CHANNEL_ALIYUN_SMS];
    int last = 0;
    while (aliyun.options[last] != NULL) {
        last += 2;
    }
    aliyun.options[last] = "template_params";
    aliyun.options[last + 1] = "severity,money";
    struct channels *channels = fixture_open(&aliyun);
    struct notice notice = fixture_notice();
    notice.money = "CNY12340";
    struct channel_request request = build(channels, &notice);
    assert_non_null(strstr(request.url, "CNY12340"));
    channels_close(channels);
}

/* ---- what is configured ---- */

static void each_field_that_is_needed_is_missed(void **state) {
    for (int i = 0; channel_field_at(i) != NULL; i++) {
        const struct channel_field *field = channel_field_at(i);
        struct channel_settings settings;
        struct err err = {0};
        char place[80];
        fixture_fill(&fixture_kinds[field->kind], &settings);
        bool option = field->where == CHANNEL_OPTION;
        snprintf(place, sizeof place, "channels[ops].%s.%s", option ? "options" : "credentials",
                 field->name);
        for (int j = 0; j < settings.option_count; j++) {
            if (strcmp(settings.options[j].name, field->name) == 0) {
                settings.options[j--] = settings.options[--settings.option_count];
            }
        }
        for (int j = 0; j < settings.credential_count; j++) {
            if (strcmp(settings.credentials[j].name, field->name) == 0) {
                settings.credentials[j--] = settings.credentials[--settings.credential_count];
            }
        }
        if (field->needed) {
            assert_int_equal(channels_check(&settings, 1, &err), -ERR_CONFIG);
            assert_string_equal(err.place, place);
        }
        /* In the other list it is refused, and the value is not repeated. */
        if (option) {
            settings.credentials[settings.credential_count].name = field->name;
            settings.credentials[settings.credential_count++].reference = "tops3cret";
        } else {
            settings.options[settings.option_count].name = field->name;
            settings.options[settings.option_count++].value = "tops3cret";
        }
        assert_int_equal(channels_check(&settings, 1, &err), -ERR_CONFIG);
        assert_null(strstr(err.detail, "tops3cret"));
        assert_null(strstr(err.hint, "tops3cret"));
        assert_non_null(strstr(err.hint, "cret")); /* "It is a secret", "It is no secret" */
    }
}

static void each_form_tells_right_from_wrong(void **state) {
    static const struct {
        enum channel_form form;
        const char *right[4], *wrong[6];
    } cases[] = {
        {FORM_ACCOUNT, {"AC" FIXTURE_KEY32}, {"", "AC1", "MG" FIXTURE_KEY32}},
        {FORM_SERVICE, {"MG" FIXTURE_KEY32}, {"", "AC" FIXTURE_KEY32}},
        {FORM_ADDRESS,
         {"a@b.example", "a.b+c@b-c.example"},
         {"", "a", "a@b\r\nRCPT TO:<c@d>", "<a@b>", "a b@c", "a@b,c@d"}},
        {FORM_ADDRESSES,
         {"a@b.example", "a@b.example, c@d.example"},
         {"", ",", "a@b,,c@d", "a@b, x"}},
        {FORM_BOOL, {"true", "false"}, {"", "yes", "1"}},
        {FORM_HOST, {"mail.example", "127.0.0.1"}, {"", "a/b", "a:25", "u@h", "a b", "-a"}},
        {FORM_HOURS, {"1", "720"}, {"", "0", "721", "1h", "-1"}},
        {FORM_KEY32,
         {FIXTURE_KEY32},
         {"", "0", FIXTURE_KEY32 "0", "0123456789abcde 0123456789abcdef"}},
        {FORM_LINE, {"x", "商店 & co"}, {"", "a\nb", "a\r", "\xff"}},
        {FORM_NAMES, {"lisi", "a, b"}, {"", "<@all>", "a>b"}},
        {FORM_PARAMS, {"title", "title,time"}, {"", "title,x", "Title"}},
        {FORM_PHONE, {"+4915112345678", "13800138000"}, {"", "+", "12", "+49 151", "1-2-3-4-5"}},
        {FORM_PHONES, {"13800138000, 13900139000"}, {"", "13800138000;13900139000"}},
        {FORM_PORT, {"1", "465", "65535"}, {"", "0", "65536", "587 ", "0x19"}},
        {FORM_SECRET, {"SEC1", "x"}, {"", "a b", "a\n"}},
        {FORM_TLS, {"starttls", "always"}, {"", "never", "none"}},
        {FORM_URL,
         {"https://a.example/x", "http://127.0.0.1:9/x", "http://localhost/x"},
         {"", "https://", "http://a.example/x", "ftp://a", "https://a b", "http://localhost@a/"}},
        {FORM_URL_PLAIN, {"http://am:9093", "https://am"}, {"", "http://", "am:9093"}},
        {FORM_URL_QUERY, {"https://a/x?key=1"}, {"", "https://a/x", "https://a/x?k=1#f"}},
        {FORM_WHSEC, {FIXTURE_WHSEC}, {"", "whsec_", "whsec_AAAA", "secret"}},
    };
    bool seen[FORMS] = {false};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        seen[cases[i].form] = true;
        for (int j = 0; j < 4 && cases[i].right[j] != NULL; j++) {
            if (channel_form_problem(cases[i].form, cases[i].right[j]) != NULL) {
                fail_msg("form %d refuses \"%s\"", cases[i].form, cases[i].right[j]);
            }
        }
        for (int j = 0; j < 6 && cases[i].wrong[j] != NULL; j++) {
            if (channel_form_problem(cases[i].form, cases[i].wrong[j]) == NULL) {
                fail_msg("form %d takes \"%s\"", cases[i].form, cases[i].wrong[j]);
            }
        }
    }
    for (int form = 0; form < FORMS; form++) {
        assert_true(seen[form]);
    }
}

static void refused(const struct channel_settings *settings, int count, const char *place,
                    const char *detail) {
    struct err err = {0};
    struct channels *channels = NULL;
    assert_int_equal(channels_open(settings, count, NULL, &channels, &err), -ERR_CONFIG);
    assert_string_equal(err.place, place);
    if (strstr(err.detail, detail) == NULL) {
        fail_msg("\"%s\" is not in: %s", detail, err.detail);
    }
}

static void a_configuration_that_cannot_work_is_refused_at_its_key(void **state) {
    struct channel_settings both[2], *first = &both[0];
    fixture_fill(&fixture_kinds[CHANNEL_SLACK], &both[0]);
    fixture_fill(&fixture_kinds[CHANNEL_SLACK], &both[1]);
    refused(both, 2, "channels[ops].name", "two channels");
    both[1].name = "other";
    first->fallback = "nobody";
    refused(both, 2, "channels[ops].fallback", "no channel of that name");
    first->fallback = "other";
    both[1].fallback = "ops";
    refused(both, 2, "channels[ops].fallback", "leads back");
    first->fallback = "ops";
    refused(both, 1, "channels[ops].fallback", "leads back");
    first->fallback = NULL;
    first->language = "fr";
    refused(both, 1, "channels[ops].language", "en or zh");
    first->language = NULL;
    first->kind = "pigeon";
    refused(both, 1, "channels[ops].kind", "no such kind");
    first->kind = "slack";
    first->name = "Ops Room";
    refused(both, 1, "channels", "a channel's name");
    first->name = "ops";
    first->credentials[first->credential_count++] = first->credentials[0];
    refused(both, 1, "channels[ops].credentials.webhook_url", "given twice");
    first->credential_count = 1;
    first->options[first->option_count].name = "room";
    first->options[first->option_count++].value = "x";
    refused(both, 1, "channels[ops].options.room", "no such key");
    first->option_count = 0;
    first->credentials[0].reference = "https://hooks.slack.example/services/T/B/X";
    refused(both, 1, "channels[ops].credentials.webhook_url", "");
    assert_int_equal(setenv("CHANNEL_TEST_BAD", "http://hooks.slack.example/tops3cret", 1), 0);
    first->credentials[0].reference = "env:CHANNEL_TEST_BAD";
    struct err err = {0};
    struct channels *channels = NULL;
    assert_int_equal(channels_open(both, 1, NULL, &channels, &err), -ERR_CONFIG);
    assert_null(strstr(err.detail, "tops3cret"));
    assert_non_null(strstr(err.detail, "https"));

    struct channel_settings settings;
    fixture_fill(&fixture_kinds[CHANNEL_EMAIL], &settings);
    settings.credential_count = 0;
    refused(&settings, 1, "channels[ops].credentials.password", "password");
    fixture_fill(&fixture_kinds[CHANNEL_TWILIO], &settings);
    settings.options[settings.option_count].name = "messaging_service_sid";
    settings.options[settings.option_count++].value = "MG" FIXTURE_KEY32;
    refused(&settings, 1, "channels[ops].options.from", "either");
    fixture_fill(&fixture_kinds[CHANNEL_ALERTMANAGER], &settings);
    settings.options[settings.option_count].name = "username";
    settings.options[settings.option_count++].value = "u";
    settings.credentials[settings.credential_count].name = "password";
    settings.credentials[settings.credential_count++].reference = "env:CHANNEL_TEST_BAD";
    refused(&settings, 1, "channels[ops].options.url", "https only");
}

struct file {
    struct channel_config *channels;
    unsigned channels_count;
};

static void the_section_of_the_file_becomes_channels(void **state) {
    static const cyaml_schema_field_t fields[] = {
        CYAML_FIELD_SEQUENCE_COUNT("channels", CYAML_FLAG_POINTER, struct file, channels,
                                   channels_count, &channel_config_value, 0, CHANNELS_MAX),
        CYAML_FIELD_END,
    };
    static const cyaml_schema_value_t schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, fields),
    };
    static const char text[] = "channels:\n"
                               "  - name: mail\n"
                               "    kind: email\n"
                               "    language: zh\n"
                               "    options:\n"
                               "      - {name: host, value: mail.example}\n"
                               "      - {name: from, value: a@shop.example}\n"
                               "      - {name: to, value: b@shop.example}\n"
                               "  - name: room\n"
                               "    kind: slack\n"
                               "    fallback: mail\n"
                               "    fallback_after_minutes: 2\n"
                               "    credentials:\n"
                               "      - {name: webhook_url, from: \"env:CHANNEL_TEST_ROOM\"}\n";
    struct file *file = NULL;
    struct err err = {0};
    struct channel_settings settings[CHANNELS_MAX];
    struct channels *channels = NULL;
    assert_int_equal(setenv("CHANNEL_TEST_ROOM", "https://hooks.slack.example/x", 1), 0);
    if (config_read("test.yaml", text, strlen(text), &schema, (void **)&file, &err) < 0) {
        fail_msg("%s at %s", err.detail, err.place);
    }
    assert_int_equal(channel_config_settings(file->channels, file->channels_count, settings, &err),
                     0);
    assert_int_equal(channels_open(settings, 2, NULL, &channels, &err), 0);
    const struct channel *room = channels_find(channels, "room");
    assert_string_equal(channel_fallback(room), "mail");
    assert_int_equal(channel_fallback_after_us(room), 120 * US_PER_SECOND);
    assert_string_equal(channel_target(room), "hooks.slack.example");
    assert_string_equal(channel_target(channels_find(channels, "mail")), "b@shop.example");
    assert_int_equal(channel_rate(room).burst, 3);
    assert_null(channels_find(channels, "nobody"));
    channels_close(channels);
    config_free(&schema, file);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_at_stake_is_in_every_message_while_it_is),
        T(each_kind_writes_what_its_provider_wants),
        T(signatures_are_those_that_were_published),
        T(what_ends_is_told_under_the_name_of_what_began),
        T(a_channel_speaks_its_own_language),
        T(texts_are_cut_between_characters_to_what_a_provider_takes),
        T(variables_of_a_template_are_short_and_hold_no_address),
        T(a_strangers_value_is_no_markup),
        T(a_notice_that_breaks_a_rule_is_refused),
        T(what_is_stored_of_a_notice_is_read_the_same),
        T(each_row_of_codes_is_understood),
        T(an_answer_that_no_row_knows_is_judged_by_its_class),
        T(each_field_that_is_needed_is_missed),
        T(each_form_tells_right_from_wrong),
        T(a_configuration_that_cannot_work_is_refused_at_its_key),
        T(the_section_of_the_file_becomes_channels),
    };
#undef T
    crypto_init();
    return cmocka_run_group_tests_name("channel_bytes", tests, NULL, NULL);
}
