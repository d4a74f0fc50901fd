/* SPDX-License-Identifier: Apache-2.0
 * channel_fixture.h: a channel of each kind, a notice, and a moment, for the tests of channels.
 * Secrets are environment variables that the fixture sets. Failures end the test. */
#ifndef HOLDFAST_TESTS_CHANNEL_FIXTURE_H
#define HOLDFAST_TESTS_CHANNEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch/channel_impl.h"

#define FIXTURE_NOW_US INT64_C(1763625600000000) /* 2025-11-20 08:00 UTC */
#define FIXTURE_ID "dlv_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define FIXTURE_WHSEC "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define FIXTURE_KEY32 "0123456789abcdef0123456789abcdef"

/* What is configured of one channel, as texts: name and value, NULL ends. */
struct fixture_settings {
    enum channel_kind kind;
    const char *options[2 * CHANNEL_FIELDS_MAX];
    const char *secrets[2 * CHANNEL_FIELDS_MAX];
};

/* The least that each kind needs, and what shows. */
static const struct fixture_settings fixture_kinds[CHANNEL_KINDS] = {
    [CHANNEL_EMAIL] = {CHANNEL_EMAIL,
                       {"host", "localhost", "from", "alerts@shop.example", "from_name",
                        "Holdfast 告警", "to", "a@shop.example, b@shop.example", "username",
                        "alerts"},
                       {"password", "pass word"}},
    [CHANNEL_SLACK] = {CHANNEL_SLACK,
                       {NULL},
                       {"webhook_url", "https://hooks.slack.example/services/T/B/X"}},
    [CHANNEL_PAGERDUTY] = {CHANNEL_PAGERDUTY, {"source", "pay-1"}, {"routing_key", FIXTURE_KEY32}},
    [CHANNEL_DINGTALK] = {CHANNEL_DINGTALK,
                          {"at_mobiles", "13800138000, 13900139000"},
                          {"webhook_url", "https://oapi.dingtalk.com/robot/send?access_token=T",
                           "secret", "this is secret"}},
    [CHANNEL_WECOM] = {CHANNEL_WECOM,
                       {"at_users", "lisi"},
                       {"webhook_url", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K"}},
    [CHANNEL_FEISHU] = {CHANNEL_FEISHU,
                        {NULL},
                        {"webhook_url", "https://open.feishu.cn/open-apis/bot/v2/hook/ID", "secret",
                         "demo"}},
    [CHANNEL_TWILIO] = {CHANNEL_TWILIO,
                        {"account_sid", "AC" FIXTURE_KEY32, "from", "+15005550006", "to",
                         "+4915112345678"},
                        {"auth_token", "token"}},
    [CHANNEL_ALIYUN_SMS] = {CHANNEL_ALIYUN_SMS,
                            {"sign_name", "商店", "template_code", "SMS_1", "to",
                             "13800138000, 13900139000"},
                            {"access_key_id", "YourAccessKeyId", "access_key_secret",
                             "YourAccessKeySecret"}},
    [CHANNEL_WEBHOOK] = {CHANNEL_WEBHOOK,
                         {NULL},
                         {"url", "https://hooks.shop.example/alerts", "secret", FIXTURE_WHSEC}},
    [CHANNEL_ALERTMANAGER] = {CHANNEL_ALERTMANAGER,
                              {"url", "http://alertmanager:9093/", "hold_hours", "2"},
                              {NULL}},
};

/* Fills the settings that channels_open() takes; texts are borrowed. */
static inline void fixture_fill(const struct fixture_settings *from,
                                struct channel_settings *ret_settings) {
    static char references[CHANNELS_MAX * 4][64];
    static int next;
    struct channel_settings settings = {.name = "ops", .kind = channel_kind_name(from->kind)};
    for (int i = 0; from->options[i] != NULL; i += 2) {
        settings.options[settings.option_count].name = from->options[i];
        settings.options[settings.option_count++].value = from->options[i + 1];
    }
    for (int i = 0; from->secrets[i] != NULL; i += 2) {
        char *reference = references[next++ % COUNT_OF(references)];
        snprintf(reference, sizeof references[0], "env:CHANNEL_TEST_%d", next);
        assert_int_equal(setenv(reference + 4, from->secrets[i + 1], 1), 0);
        settings.credentials[settings.credential_count].name = from->secrets[i];
        settings.credentials[settings.credential_count++].reference = reference;
    }
    *ret_settings = settings;
}

static inline struct channels *fixture_open(const struct fixture_settings *from) {
    struct channel_settings settings;
    struct channels *channels = NULL;
    struct err err = {0};
    fixture_fill(from, &settings);
    if (channels_open(&settings, 1, NULL, &channels, &err) < 0) {
        fail_msg("%s: %s at %s", channel_kind_name(from->kind), err.detail, err.place);
    }
    return channels;
}

static inline struct notice fixture_notice(void) {
    return (struct notice){
        .fingerprint = "gateway_down:wechatpay-cn",
        .state = NOTICE_FIRING,
        .severity = NOTICE_P1,
        .kind = "PaymentServiceGatewayFailure",
        .title = "WeChat Pay in CN fails",
        .summary = "71 of 80 payments failed <since> 08:00 & more.",
        .scope = "WeChat Pay in CN only; cards are not affected",
        .cause = "the gateway answers 500",
        .action = "Send customers to Alipay",
        .runbook = "https://pay.shop.example/guides/gateway-failure",
        .link = "https://pay.shop.example/alerts/1",
        .reason = "first notification",
        .first_symptom_us = FIXTURE_NOW_US - 60 * US_PER_SECOND,
        .found_us = FIXTURE_NOW_US - 20 * US_PER_SECOND,
        .labels = {{"gateway", "wechatpay-cn"}, {"region", "CN"}},
        .label_count = 2,
    };
}

static const struct channel_moment fixture_moment = {FIXTURE_NOW_US, FIXTURE_ID, 7};

#endif
