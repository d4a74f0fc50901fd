/* SPDX-License-Identifier: Apache-2.0
 * channel_goldens.h: what each kind of channel makes of the fixture's notice at the fixture's
 * moment, byte by byte. The signatures in it were computed with Python's hmac, not by us. */
#ifndef HOLDFAST_TESTS_CHANNEL_GOLDENS_H
#define HOLDFAST_TESTS_CHANNEL_GOLDENS_H

#include "channel_fixture.h"

#define WHEN "2025-11-20 07:59:40 UTC"
#define JSON_TYPE "application/json; charset=utf-8"
#define GUIDE "https://pay.shop.example/guides/gateway-failure"
#define LINK "https://pay.shop.example/alerts/1"
#define HEADLINE "[P1] Firing: WeChat Pay in CN fails"
#define ANNOTATIONS                                                                                \
    "\"annotations\":{\"summary\":\"WeChat Pay in CN fails\",\"description\":\"71 of 80 payments " \
    "failed <since> 08:00 & more.\",\"scope\":\"WeChat Pay in CN only; cards are not affected\","  \
    "\"cause\":\"the gateway answers 500\",\"action\":\"Send customers to Alipay\",\"reason\":"    \
    "\"first notification\",\"link\":\"" LINK "\",\"runbook_url\":\"" GUIDE                        \
    "\",\"state\":\"firing\"}"
#define LABELS "\"labels\":{" OTHER_LABELS
#define OTHER_LABELS                                                                               \
    "\"alertname\":\"PaymentServiceGatewayFailure\",\"severity\":\"P1\","                          \
    "\"fingerprint\":\"gateway_down:wechatpay-cn\",\"gateway\":\"wechatpay-cn\",\"region\":"       \
    "\"CN\"}"

struct golden {
    const char *url;
    const char *header, *value; /* one that tells most */
    const char *body;
};

static const struct golden goldens[CHANNEL_KINDS] = {
    [CHANNEL_EMAIL] =
        {NULL, NULL, NULL,
         "Date: Thu, 20 Nov 2025 08:00:00 +0000\r\n"
         "From: =?utf-8?B?SG9sZGZhc3Qg5ZGK6K2m?=\r\n <alerts@shop.example>\r\n"
         "To: <a@shop.example>,\r\n <b@shop.example>\r\n"
         "Subject: " HEADLINE "\r\n"
         "Message-ID: <" FIXTURE_ID "@shop.example>\r\n"
         "In-Reply-To: <e52e016edf4e78f67b931488eb969cf4@shop.example>\r\n"
         "References: <e52e016edf4e78f67b931488eb969cf4@shop.example>\r\n"
         "X-Priority: 1\r\nImportance: high\r\nAuto-Submitted: auto-generated\r\n"
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\n" HEADLINE "\r\n\r\n"
         "71 of 80 payments failed <since> 08:00 & more.\r\n"
         "Affected: WeChat Pay in CN only; cards are not affected\r\n"
         "First symptom: 2025-11-20 07:59:00 UTC\r\nFound: " WHEN "\r\n"
         "Likely cause: the gateway answers 500\r\nDo first: Send customers to Alipay\r\n"
         "Guide: " GUIDE "\r\nSee and acknowledge: " LINK "\r\n"
         "Told now because: first notification\r\n"
         "Labels: gateway=3Dwechatpay-cn, region=3DCN\r\n"},
    [CHANNEL_SLACK] =
        {"https://hooks.slack.example/services/T/B/X", "Content-Type", JSON_TYPE,
         "{\"text\":\"" HEADLINE "\",\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":"
         "\"plain_text\",\"emoji\":false,\"text\":\"" HEADLINE "\"}},{\"type\":\"section\","
         "\"text\":{\"type\":\"mrkdwn\",\"verbatim\":true,\"text\":\"71 of 80 payments failed "
         "&lt;since&gt; 08:00 &amp; more.\\n*Affected*: WeChat Pay in CN only; cards are not "
         "affected\\n*First symptom*: 2025-11-20 07:59:00 UTC\\n*Found*: " WHEN
         "\\n*Likely cause*: the gateway answers 500\\n*Do first*: Send customers to "
         "Alipay\\n*Guide*: <" GUIDE ">\\n*See and acknowledge*: <" LINK ">\\n*Told now because*: "
         "first notification\\n*Labels*: gateway=wechatpay-cn, region=CN\"}}]}"},
    [CHANNEL_PAGERDUTY] =
        {"https://events.pagerduty.com/v2/enqueue", "Content-Type", JSON_TYPE,
         "{\"routing_key\":\"" FIXTURE_KEY32 "\",\"event_action\":\"trigger\",\"dedup_key\":"
         "\"gateway_down:wechatpay-cn\",\"payload\":{\"summary\":\"" HEADLINE "\",\"source\":"
         "\"pay-1\",\"severity\":\"error\",\"timestamp\":\"2025-11-20T07:59:00Z\",\"class\":"
         "\"PaymentServiceGatewayFailure\",\"custom_details\":{\"summary\":\"WeChat Pay in CN "
         "fails\",\"description\":\"71 of 80 payments failed <since> 08:00 & more.\",\"scope\":"
         "\"WeChat Pay in CN only; cards are not affected\",\"cause\":\"the gateway answers "
         "500\",\"action\":\"Send customers to Alipay\",\"reason\":\"first notification\","
         "\"link\":\"" LINK "\",\"runbook_url\":\"" GUIDE "\",\"label gateway\":\"wechatpay-cn\","
         "\"label region\":\"CN\"}},\"links\":[{\"href\":\"" GUIDE "\",\"text\":\"Guide\"},"
         "{\"href\":\"" LINK "\",\"text\":\"See and acknowledge\"}]}"},
    [CHANNEL_DINGTALK] =
        {"https://oapi.dingtalk.com/robot/send?access_token=T&timestamp=1763625600000&sign="
         "WywhF1P2s1CNaztIj8LZb0zqok4OKIHI9vRj9RJFaO8%3D",
         "Content-Type", JSON_TYPE,
         "{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"" HEADLINE "\",\"text\":\"### "
         "［P1］ Firing: WeChat Pay in CN fails\\n\\n@13800138000 @13900139000\\n\\n71 of 80 "
         "payments failed ＜since＞ 08:00 & more.\\n\\n**Affected:** WeChat Pay in CN only; cards "
         "are not affected\\n\\n**First symptom:** 2025-11-20 07:59:00 UTC\\n\\n**Found:** " WHEN
         "\\n\\n**Likely cause:** the gateway answers 500\\n\\n**Do first:** Send customers to "
         "Alipay\\n\\n**Guide:** " GUIDE "\\n\\n**See and acknowledge:** " LINK
         "\\n\\n**Told now because:** first notification\\n\\n**Labels:** "
         "gateway=wechatpay-cn, region=CN\"},\"at\":{\"atMobiles\":[\"13800138000\","
         "\"13900139000\"],\"isAtAll\":false}}"},
    [CHANNEL_WECOM] =
        {"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K", "Content-Type", JSON_TYPE,
         "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"**［P1］ Firing: WeChat Pay in CN "
         "fails**\\n<@lisi>\\n71 of 80 payments failed ＜since＞ 08:00 & more.\\n**Affected**: "
         "WeChat Pay in CN only; cards are not affected\\n**First symptom**: 2025-11-20 07:59:00 "
         "UTC\\n**Found**: " WHEN "\\n**Likely cause**: the gateway answers 500\\n**Do first**: "
         "Send customers to Alipay\\n**Guide**: " GUIDE "\\n**See and acknowledge**: " LINK
         "\\n**Told now because**: first notification\\n**Labels**: gateway=wechatpay-cn, "
         "region=CN\"}}"},
    [CHANNEL_FEISHU] =
        {"https://open.feishu.cn/open-apis/bot/v2/hook/ID", "Content-Type", JSON_TYPE,
         "{\"timestamp\":\"1763625600\",\"sign\":\"uyPWajuj4Iv851nC6K/IaPDWAWdh8NZrVJgx2BkRSMI=\","
         "\"msg_type\":\"interactive\",\"card\":{\"header\":{\"template\":\"red\",\"title\":{"
         "\"tag\":\"plain_text\",\"content\":\"" HEADLINE "\"}},\"elements\":[{\"tag\":\"div\","
         "\"text\":{\"tag\":\"plain_text\",\"content\":\"71 of 80 payments failed <since> 08:00 & "
         "more.\\nAffected: WeChat Pay in CN only; cards are not affected\\nFirst symptom: "
         "2025-11-20 07:59:00 UTC\\nFound: " WHEN "\\nLikely cause: the gateway answers 500\\nDo "
         "first: Send customers to Alipay\\nGuide: " GUIDE "\\nSee and acknowledge: " LINK
         "\\nTold now because: first notification\\nLabels: gateway=wechatpay-cn, "
         "region=CN\"}}]}}"},
    [CHANNEL_TWILIO] =
        {"https://api.twilio.com/2010-04-01/Accounts/AC" FIXTURE_KEY32 "/Messages.json",
         "Authorization", "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg==",
         "To=%2B4915112345678&From=%2B15005550006&ValidityPeriod=3600&Body=%5BP1%5D%20Firing%3A%20"
         "WeChat%20Pay%20in%20CN%20fails%0Ahttps%3A%2F%2Fpay.shop.example%2Falerts%2F1%0A71%20of%2"
         "080%20payments%20failed%20%3Csince%3E%2008%3A00%20%26%20more.%0ASend%20customers%20to%20"
         "Alipay"},
    [CHANNEL_ALIYUN_SMS] =
        {"https://dysmsapi.aliyuncs.com/?OutId=" FIXTURE_ID "&PhoneNumbers=13800138000%2C139001390"
         "00&SignName=%E5%95%86%E5%BA%97&TemplateCode=SMS_1&TemplateParam=%7B%22severity%22%3A%22P"
         "1%22%2C%22title%22%3A%22WeChat%20Pay%20in%20CN%20fails%22%2C%22time%22%3A%222025-11-20%2"
         "007%3A59%3A40%20UTC%22%7D",
         "Authorization",
         "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
         "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature="
         "0957f1df24f1e2f7c0cea9bf83380ca2f36c4caa8bf6e877df0155b913af2036",
         ""},
    [CHANNEL_WEBHOOK] =
        {"https://hooks.shop.example/alerts", "webhook-signature",
         "v1,cbp+16Rc+W3phlhzZAntFwPGhSLw7txLoXfYawktGT8=",
         "{\"version\":\"4\",\"groupKey\":\"gateway_down:wechatpay-cn\",\"status\":\"firing\","
         "\"receiver\":\"ops\",\"groupLabels\":{\"alertname\":\"PaymentServiceGatewayFailure\"},"
         "\"commonLabels\":{},\"commonAnnotations\":{},\"externalURL\":\"" LINK
         "\",\"notification_reason\":\"first notification\",\"truncatedAlerts\":0,\"alerts\":[{"
         "\"status\":\"firing\"," LABELS "," ANNOTATIONS
         ",\"startsAt\":\"2025-11-20T07:59:00Z\",\"endsAt\":\"0001-01-01T00:00:00Z\","
         "\"generatorURL\":\"" LINK "\",\"fingerprint\":\"gateway_down:wechatpay-cn\"}]}"},
    [CHANNEL_ALERTMANAGER] =
        {"http://alertmanager:9093/api/v2/alerts", "Content-Type", JSON_TYPE,
         "[{\"labels\":{\"reported_by\":\"holdfast\"," OTHER_LABELS "," ANNOTATIONS
         ",\"startsAt\":\"2025-11-20T07:59:00Z\",\"endsAt\":\"2025-11-20T10:00:00Z\","
         "\"generatorURL\":\"" LINK "\"}]"},
};

#endif
