/* SPDX-License-Identifier: Apache-2.0
 * channel_judge.c: what a provider's answer means.
 *
 * A provider that puts its failures into a 200 answer has said yes only where its own word for it
 * stands there: anything else that came with a 200 (a page of a proxy, nothing at all) may have
 * been taken or not, and is sent again. What is not in channel_codes.def is judged by its class:
 * asked for wrongly is never sent again, trouble of the provider's own is, and so is what came
 * with a 200 and a code that nobody here knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "watch/channel_impl.h"

enum {
    ANSWER_DEPTH_MAX = 8,
    ANSWER_READ_BYTES_MAX = 64 * 1024,
    WORD_BYTES_MAX = 40,
    WAIT_S_MAX = 3600, /* of a Retry-After */
};

static const struct channel_code codes[] = {
#define X(KIND, status, code, outcome, wait_s, whole, reason)                                      \
    {CHANNEL_##KIND, status, code, CHANNEL_##outcome, wait_s, whole, reason},
#include "watch/channel_codes.def"
#undef X
};

const struct channel_code *channel_code_at(int index) {
    return index < (int)COUNT_OF(codes) ? &codes[index] : NULL;
}

static const struct channel_code *find_code(enum channel_kind kind, int status, const char *code) {
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        const struct channel_code *row = &codes[i];
        if (row->kind == kind && (row->status == 0 || row->status == status) &&
            (row->code[0] == '\0' || strcmp(row->code, code) == 0)) {
            return row;
        }
    }
    return NULL;
}

/* ---- the provider's code ---- */

static void copy_word(const char *text, char *ret_code, size_t bytes) {
    size_t count = strcspn(text, " \r\n\t<");
    ret_code[0] = '\0';
    if (count > 0 && count <= WORD_BYTES_MAX) {
        text_shown(text, count, ret_code, bytes);
    }
}

static void copy_value(const json_t *value, char *ret_code, size_t bytes) {
    if (json_is_integer(value)) {
        (void)snprintf(ret_code, bytes, "%lld", (long long)json_integer_value(value));
    } else if (json_is_string(value)) {
        copy_word(json_string_value(value), ret_code, bytes);
    }
}

/* Reads code and message name; both stay "" when the body holds none. */
static void read_code(enum channel_answer answer, const struct http_answer *http,
                      struct channel_verdict *verdict) {
    static const struct {
        const char *code, *other, *id;
    } keys[] = {
        [ANSWER_STATUS] = {NULL, NULL, NULL},
        [ANSWER_WORD] = {NULL, NULL, NULL},
        [ANSWER_ERRCODE] = {"errcode", NULL, NULL},
        [ANSWER_FEISHU_CODE] = {"code", "StatusCode", NULL},
        [ANSWER_TWILIO_CODE] = {"code", NULL, "sid"},
        [ANSWER_ALIYUN_CODE] = {"Code", NULL, "BizId"},
        [ANSWER_SMTP] = {NULL, NULL, NULL},
    };
    if (answer == ANSWER_WORD) {
        copy_word(http->body, verdict->code, sizeof verdict->code);
    }
    if (keys[answer].code == NULL) {
        return;
    }
    JSON_AUTO json = NULL;
    if (json_read(http->body, http->body_bytes, ANSWER_READ_BYTES_MAX, ANSWER_DEPTH_MAX, &json,
                  NULL) < 0 ||
        !json_is_object(json)) {
        return;
    }
    const json_t *code = json_object_get(json, keys[answer].code);
    if (code == NULL && keys[answer].other != NULL) {
        code = json_object_get(json, keys[answer].other);
    }
    copy_value(code, verdict->code, sizeof verdict->code);
    const char *id = keys[answer].id != NULL ? json_peek_text(json, keys[answer].id, NULL) : NULL;
    if (id != NULL) {
        text_shown(id, strlen(id), verdict->provider_id, sizeof verdict->provider_id);
    }
}

/* ---- what it means ---- */

static void set(struct channel_verdict *verdict, enum channel_outcome outcome, const char *reason) {
    verdict->outcome = outcome;
    (void)snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
}

static int64_t retry_after_us(const struct http_answer *answer) {
    const char *text = http_header_find(answer->headers, answer->header_count, "Retry-After");
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > 9 || text[digits] != '\0') {
        return 0;
    }
    int64_t seconds = strtoll(text, NULL, 10);
    return (seconds > WAIT_S_MAX ? WAIT_S_MAX : seconds) * US_PER_SECOND;
}

static void judge_status(const struct channel_row *row, int status,
                         struct channel_verdict *verdict) {
    bool ok = status >= 200 && status < 300;
    char sentence[CHANNEL_REASON_BYTES];
    if (ok && row->answer == ANSWER_STATUS) {
        set(verdict, CHANNEL_SENT, "");
    } else if (ok) {
        set(verdict, CHANNEL_AGAIN, "the answer does not say whether the message was taken");
        verdict->in_doubt = true;
        if (verdict->code[0] != '\0') {
            (void)snprintf(sentence, sizeof sentence, "the provider says no, with code %s",
                           verdict->code);
            set(verdict, CHANNEL_AGAIN, sentence);
            verdict->in_doubt = false;
        }
    } else if (status == 408 || status == 425 || status == 429 || status >= 500) {
        (void)snprintf(sentence, sizeof sentence, "%s (HTTP %d)",
                       status == 429 ? "too many messages" : "the provider has trouble", status);
        set(verdict, CHANNEL_AGAIN, sentence);
        verdict->whole_channel = status == 429;
        verdict->wait_us = status == 429 ? 30 * US_PER_SECOND : 0;
        verdict->in_doubt = status >= 500;
    } else if (status >= 300 && status < 400) {
        (void)snprintf(sentence, sizeof sentence,
                       "the address leads on to another one (HTTP %d), which is not followed: "
                       "configure the last one",
                       status);
        set(verdict, CHANNEL_REJECTED, sentence);
    } else {
        (void)snprintf(sentence, sizeof sentence, "%s (HTTP %d)",
                       status == 401 || status == 403   ? "the provider refused key or password"
                       : status == 404 || status == 410 ? "there is nothing at this address"
                                                        : "the provider does not take the message",
                       status);
        set(verdict, CHANNEL_REJECTED, sentence);
    }
}

void channel_judge(const struct channel *channel, const struct http_answer *answer,
                   struct channel_verdict *ret_verdict) {
    const struct channel_row *row = channel_row(channel->kind);
    struct channel_verdict verdict = {0};
    read_code(row->answer, answer, &verdict);
    const struct channel_code *code = find_code(channel->kind, answer->status, verdict.code);
    if (code != NULL) {
        set(&verdict, code->outcome, code->reason);
        verdict.wait_us = code->wait_s * US_PER_SECOND;
        verdict.whole_channel = code->whole;
    } else {
        judge_status(row, answer->status, &verdict);
    }
    int64_t asked_us = retry_after_us(answer);
    if (verdict.outcome == CHANNEL_AGAIN && asked_us > verdict.wait_us) {
        verdict.wait_us = asked_us;
        verdict.whole_channel = verdict.whole_channel || answer->status == 429;
    }
    if (verdict.outcome == CHANNEL_SENT) {
        verdict.code[0] = '\0';
    } else if (verdict.code[0] == '\0') {
        (void)snprintf(verdict.code, sizeof verdict.code, "http %d", answer->status);
    }
    *ret_verdict = verdict;
}

int channel_judge_aliyun_receipt(const struct http_answer *answer, const char *id) {
    enum { FAILED = 2 }; /* of SendStatus: 1 under way, 3 delivered */
    JSON_AUTO json = NULL;
    if (answer->status != 200 || json_read(answer->body, answer->body_bytes, ANSWER_READ_BYTES_MAX,
                                           ANSWER_DEPTH_MAX, &json, NULL) < 0) {
        return -1;
    }
    const char *code = json_peek_text(json, "Code", NULL);
    const json_t *sent = json_peek(json, "SmsSendDetailDTOs", "SmsSendDetailDTO", NULL);
    if (code == NULL || strcmp(code, "OK") != 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(sent); i++) {
        const json_t *one = json_array_get(sent, i);
        const char *out_id = json_peek_text(one, "OutId", NULL);
        if (out_id != NULL && strcmp(out_id, id) == 0 &&
            json_peek_int(one, 0, "SendStatus", NULL) != FAILED) {
            return 1;
        }
    }
    return 0;
}

void channel_judge_failure(const struct http_answer *answer, struct channel_verdict *ret_verdict) {
    static const char *const sentences[] = {
        [HTTP_FAIL_NONE] = "it was not answered",
        [HTTP_FAIL_RESOLVE] = "the provider's name cannot be resolved",
        [HTTP_FAIL_CONNECT] = "the provider cannot be connected to",
        [HTTP_FAIL_TLS] = "no trusted TLS connection to the provider came about",
        [HTTP_FAIL_BULKHEAD] = "too many calls to the provider are under way",
        [HTTP_FAIL_TIMEOUT] = "the provider did not answer in time",
        [HTTP_FAIL_RESET] = "the connection was lost before an answer",
        [HTTP_FAIL_GARBLED] = "the answer was cut off or is not HTTP",
        [HTTP_FAIL_TOO_LARGE] = "the answer is larger than any that the provider gives",
        [HTTP_FAIL_STOPPED] = "this instance is being stopped",
        [HTTP_FAIL_REQUEST] = "the request cannot be put on the wire: look at the address",
    };
    static_assert(COUNT_OF(sentences) == HTTP_FAIL_REQUEST + 1, "every failure has a sentence");
    struct channel_verdict verdict = {.in_doubt = answer->reach == HTTP_MAYBE_SENT};
    set(&verdict, answer->failure == HTTP_FAIL_REQUEST ? CHANNEL_REJECTED : CHANNEL_AGAIN,
        sentences[answer->failure]);
    (void)snprintf(verdict.code, sizeof verdict.code, "%s", http_failure_name(answer->failure));
    *ret_verdict = verdict;
}

/* ---- mail ---- */

/* The server's own words go along: they say which mailbox and why. */
static void add_reply(struct channel_verdict *verdict, const char *reply) {
    size_t used = strlen(verdict->reason);
    if (reply[0] != '\0') {
        (void)snprintf(verdict->reason + used, sizeof verdict->reason - used, ": %.120s", reply);
    }
}

static void judge_reply(const struct smtp_result *result, struct channel_verdict *verdict) {
    (void)snprintf(verdict->code, sizeof verdict->code, "%d", result->code);
    const struct channel_code *code = find_code(CHANNEL_EMAIL, 0, verdict->code);
    if (code != NULL) {
        set(verdict, code->outcome, code->reason);
        verdict->wait_us = code->wait_s * US_PER_SECOND;
        verdict->whole_channel = code->whole;
    } else if (result->code >= 500) {
        set(verdict, CHANNEL_REJECTED, "the mail server refused it");
    } else {
        set(verdict, CHANNEL_AGAIN, "the mail server does not take it now");
    }
    add_reply(verdict, result->reply);
}

void channel_judge_mail(const struct smtp_result *result, struct channel_verdict *ret_verdict) {
    static const char *const sentences[] = {
        [SMTP_FAIL_NONE] = "",
        [SMTP_FAIL_RESOLVE] = "the mail server's name cannot be resolved",
        [SMTP_FAIL_CONNECT] = "the mail server cannot be connected to",
        [SMTP_FAIL_TLS] =
            "no trusted TLS connection to the mail server came about: nothing is sent",
        [SMTP_FAIL_AUTH] = "the mail server refused user and password",
        [SMTP_FAIL_REFUSED] = "the mail server refused it",
        [SMTP_FAIL_TIMEOUT] = "the mail server did not answer in time",
        [SMTP_FAIL_RESET] = "the connection to the mail server was lost",
        [SMTP_FAIL_REQUEST] = "the mail cannot be put on the wire: look at host and addresses",
    };
    static_assert(COUNT_OF(sentences) == SMTP_FAIL_REQUEST + 1, "every failure has a sentence");
    struct channel_verdict verdict = {.in_doubt = result->outcome == SMTP_MAYBE_TAKEN};
    if (result->outcome == SMTP_TAKEN) {
        set(&verdict, CHANNEL_SENT, "");
        if (result->refused > 0) {
            (void)snprintf(verdict.reason, sizeof verdict.reason,
                           "the mail server did not take %d of the recipients, the first is %s",
                           result->refused, result->refused_one);
        }
    } else if (result->code > 0 && result->failure != SMTP_FAIL_TIMEOUT) {
        judge_reply(result, &verdict);
    } else {
        bool never = result->failure == SMTP_FAIL_REQUEST || result->failure == SMTP_FAIL_AUTH;
        set(&verdict, never ? CHANNEL_REJECTED : CHANNEL_AGAIN, sentences[result->failure]);
        (void)snprintf(verdict.code, sizeof verdict.code, "%s", smtp_failure_name(result->failure));
    }
    *ret_verdict = verdict;
}
