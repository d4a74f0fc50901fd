/* SPDX-License-Identifier: Apache-2.0
 * channel_send.c: one notice to one channel, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/random.h"
#include "watch/channel_impl.h"

enum {
    ANSWER_BYTES_MAX = 16 * 1024,
    RECEIPT_BYTES_MAX = 64 * 1024,
    SMTP_PORT = 587,
    SMTPS_PORT = 465,
};

static void send_mail(const struct channel *channel, const struct channel_clients *clients,
                      const struct channel_request *request, int64_t timeout_us,
                      struct channel_verdict *ret_verdict) {
    bool tls_first = strcmp(channel_option(channel, "tls", "starttls"), "always") == 0;
    const char *port = channel_option(channel, "port", NULL);
    const struct smtp_message message = {
        .host = channel_option(channel, "host", ""),
        .port = port != NULL ? (int)strtol(port, NULL, 10)
                : tls_first  ? SMTPS_PORT
                             : SMTP_PORT,
        .tls_first = tls_first,
        .user = channel_option(channel, "username", NULL),
        .password = channel_secret_of(channel, "password"),
        .from = request->mail_from,
        .to = request->mail_to,
        .to_count = request->mail_to_count,
        .bytes = request->body,
        .byte_count = request->body_bytes,
        .timeout_us = timeout_us,
    };
    struct smtp_result result = {0};
    smtp_send(clients->smtp, &message, &result);
    channel_judge_mail(&result, ret_verdict);
}

/* Text messages are the one thing that must not be repeated by itself: a second one costs money. */
static bool may_repeat(const struct channel *channel) {
    return channel->kind != CHANNEL_TWILIO && channel->kind != CHANNEL_ALIYUN_SMS;
}

static struct http_call call_of(const struct channel *channel,
                                const struct channel_request *request, int64_t timeout_us) {
    return (struct http_call){
        .method = request->method,
        .url = request->url,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = request->body,
        .body_bytes = request->body_bytes,
        .timeout_us = timeout_us,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .repeatable = may_repeat(channel),
    };
}

static void send_http(const struct channel *channel, const struct channel_clients *clients,
                      const struct channel_request *request, int64_t timeout_us,
                      struct channel_verdict *ret_verdict) {
    const struct http_call call = call_of(channel, request, timeout_us);
    HTTP_ANSWER_AUTO answer = {0};
    if (http_call(clients->http, &call, &answer, NULL) < 0) {
        channel_judge_failure(&answer, ret_verdict);
    } else {
        channel_judge(channel, &answer, ret_verdict);
    }
}

/* After a try of which nobody knows: true when the verdict is known without another one. */
static bool ask_first(const struct channel *channel, const struct channel_clients *clients,
                      const struct channel_moment *moment, int64_t timeout_us, struct arena *arena,
                      struct channel_verdict *verdict) {
    struct channel_request request = {0};
    HTTP_ANSWER_AUTO answer = {0};
    if (!moment->in_doubt || channel->kind != CHANNEL_ALIYUN_SMS) {
        return false;
    }
    channel_build_aliyun_receipt(channel, moment, arena, &request);
    struct http_call call = call_of(channel, &request, timeout_us);
    call.answer_bytes_max = RECEIPT_BYTES_MAX;
    int found = http_call(clients->http, &call, &answer, NULL) < 0
                    ? -1
                    : channel_judge_aliyun_receipt(&answer, moment->id);
    if (found == 0) {
        return false;
    }
    verdict->outcome = found > 0 ? CHANNEL_SENT : CHANNEL_AGAIN;
    verdict->in_doubt = found < 0;
    (void)snprintf(verdict->code, sizeof verdict->code, "%s", found > 0 ? "" : "receipt");
    (void)snprintf(verdict->reason, sizeof verdict->reason, "%s",
                   found > 0 ? "an earlier try had arrived"
                             : "Aliyun does not say whether it has the message already");
    return true;
}

void channel_send(const struct channel *channel, const struct channel_clients *clients,
                  const struct notice *notice, const struct channel_moment *moment,
                  struct channel_verdict *ret_verdict) {
    int64_t timeout_us = clients->timeout_us > 0 ? clients->timeout_us : CHANNEL_TIMEOUT_US;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct channel_request request = {0};
    struct err err = {0};
    *ret_verdict = (struct channel_verdict){.outcome = CHANNEL_SENT};
    if (channel_build(channel, notice, moment, arena, &request, &err) < 0) {
        ret_verdict->outcome = CHANNEL_REJECTED;
        (void)snprintf(ret_verdict->code, sizeof ret_verdict->code, "message");
        (void)snprintf(ret_verdict->reason, sizeof ret_verdict->reason,
                       "the message cannot be written: %.180s", err.detail);
    } else if (request.method == NULL) {
        (void)snprintf(ret_verdict->reason, sizeof ret_verdict->reason,
                       "nothing was sent: %s has no word for \"%s\"",
                       channel_kind_name(channel->kind), notice_state_name(notice->state));
    } else if (ask_first(channel, clients, moment, timeout_us, arena, ret_verdict)) {
        return;
    } else if (channel_row(channel->kind)->how == CHANNEL_HOW_MAIL) {
        send_mail(channel, clients, &request, timeout_us, ret_verdict);
    } else {
        send_http(channel, clients, &request, timeout_us, ret_verdict);
    }
}

/* ---- letters ---- */

bool letter_fits(enum channel_kind kind) {
    return kind == CHANNEL_EMAIL || kind == CHANNEL_TWILIO || kind == CHANNEL_WEBHOOK;
}

void letter_send(const struct channel *channel, const struct channel_clients *clients,
                 const struct letter *letter, const struct channel_moment *moment,
                 struct channel_verdict *ret_verdict) {
    int64_t timeout_us = clients->timeout_us > 0 ? clients->timeout_us : CHANNEL_TIMEOUT_US;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct channel_request request = {0};
    struct err err = {0};
    int r = 0;
    INVARIANT(letter_fits(channel->kind), "only channels that take letters are asked to");
    *ret_verdict = (struct channel_verdict){.outcome = CHANNEL_REJECTED, .code = "message"};
    if (channel->kind == CHANNEL_EMAIL) {
        channel_build_mail_letter(channel, letter, moment, arena, &request);
        send_mail(channel, clients, &request, timeout_us, ret_verdict);
        return;
    }
    if (channel->kind == CHANNEL_TWILIO) {
        channel_build_twilio_letter(channel, letter, arena, &request);
    } else {
        r = channel_build_webhook_letter(channel, letter, moment, arena, &request, &err);
    }
    if (r < 0) {
        (void)snprintf(ret_verdict->reason, sizeof ret_verdict->reason, "%.200s", err.detail);
        return;
    }
    send_http(channel, clients, &request, timeout_us, ret_verdict);
}

void channel_test(const struct channel *channel, const struct channel_clients *clients,
                  struct channel_verdict *ret_verdict) {
    static const char *const titles[NOTICE_LANGUAGES] = {"This is a test", "这是一条测试消息"};
    static const char *const texts[NOTICE_LANGUAGES] = {
        "Nothing is wrong: somebody tries whether messages arrive here.",
        "一切正常:有人在检查此处能否收到消息。"};
    enum notice_language language = channel->has_language ? channel->language : NOTICE_EN;
    int64_t now_us = clock_wall_us();
    struct delivery_id id = delivery_id_new();
    const struct notice notice = {
        .fingerprint = id.text,
        .state = NOTICE_TEST,
        .severity = NOTICE_P3,
        .language = language,
        .kind = "ChannelTest",
        .title = titles[language],
        .summary = texts[language],
        .found_us = now_us,
    };
    const struct channel_moment moment = {now_us, id.text, random_u64(), false};
    channel_send(channel, clients, &notice, &moment, ret_verdict);
}
