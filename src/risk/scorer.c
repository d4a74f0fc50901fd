/* SPDX-License-Identifier: Apache-2.0
 * scorer.c: one question to somebody else's model. See scorer.h. */
#include "risk/scorer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/task.h"
#include "base/text.h"
#include "meter/meter.h"
#include "risk/rules.h"

#define REST_US (5 * US_PER_SECOND)
#define REST_US_MAX (60 * US_PER_SECOND)
enum { QUESTION_BYTES_MAX = 16 * 1024, KEY_CHARS_MAX = 512, ANSWER_DEPTH_MAX = 8 };

struct risk_scorer {
    const struct risk_scorer_config *config;
    struct http_client *client;
    struct secret *key; /* NULL: none */
    struct http_bulkhead *bulkhead;
    int64_t timeout_us;
    struct lock lock; /* guards all below */
    int failures;     /* in a row */
    int64_t rest_us;  /* how long it rests the next time */
    int64_t until_us; /* monotonic: it rests; 0: it does not */
    bool trying;      /* a payment is finding out whether it is back */
};

/* ---- opening ---- */

static bool loopback(const char *url) {
    static const char *const hosts[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        if (strncmp(url, hosts[i], strlen(hosts[i])) == 0) {
            return true;
        }
    }
    return false;
}

int scorer_new(const struct risk_scorer_config *config, struct http_client *client,
               struct risk_scorer **ret_scorer, struct err *err) {
    struct secret *key = NULL;
    if (strncmp(config->url, "https://", 8) != 0 && !loopback(config->url)) {
        err_set(err, ERR_CONFIG, "the scorer's url is https, or http on this machine");
        return err_place(err, "risk.scorer.url");
    }
    if (config->timeout_ms > SCORER_TIMEOUT_MS_MAX) {
        err_set(err, ERR_CONFIG, "no customer waits for a scorer longer than %d ms",
                SCORER_TIMEOUT_MS_MAX);
        return err_place(err, "risk.scorer.timeout_ms");
    }
    int r = config->key != NULL ? secret_load(config->key, &key, err) : 0;
    if (r < 0) {
        return err_while(err, "reading risk.scorer.key");
    }
    struct risk_scorer *scorer = calloc(1, sizeof *scorer);
    if (scorer == NULL || (key != NULL && secret_count(key) > KEY_CHARS_MAX)) {
        secret_free(key);
        free(scorer);
        return err_set(err, ERR_CONFIG, "risk.scorer.key has more than %d characters",
                       KEY_CHARS_MAX);
    }
    unsigned timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : SCORER_TIMEOUT_MS;
    *scorer = (struct risk_scorer){.config = config,
                                   .client = client,
                                   .key = key,
                                   .bulkhead = http_bulkhead_new(SCORER_CALLS_MAX),
                                   .timeout_us = timeout_ms * US_PER_MS,
                                   .rest_us = REST_US};
    lock_init(&scorer->lock);
    *ret_scorer = scorer;
    return 0;
}

void scorer_free(struct risk_scorer *scorer) {
    if (scorer != NULL) {
        lock_free(&scorer->lock);
        http_bulkhead_free(scorer->bulkhead);
        secret_free(scorer->key);
        free(scorer);
    }
}

/* ---- the breaker ---- */

static bool may_ask(struct risk_scorer *scorer) {
    lock_take(&scorer->lock);
    bool rests = scorer->until_us > 0;
    bool may = !rests || (clock_mono_us() >= scorer->until_us && !scorer->trying);
    scorer->trying = scorer->trying || (rests && may);
    lock_give(&scorer->lock);
    return may;
}

static void note(struct risk_scorer *scorer, bool ok) {
    lock_take(&scorer->lock);
    scorer->trying = false;
    if (ok) {
        scorer->failures = 0;
        scorer->until_us = 0;
        scorer->rest_us = REST_US;
    } else if (++scorer->failures >= SCORER_FAILURES_MAX) {
        int64_t now = clock_mono_us();
        /* Those that were under way when it opened do not lengthen it. */
        if (now >= scorer->until_us) {
            scorer->until_us = now + scorer->rest_us;
            scorer->rest_us = scorer->rest_us * 2 < REST_US_MAX ? scorer->rest_us * 2 : REST_US_MAX;
        }
    }
    lock_give(&scorer->lock);
}

/* ---- question and answer ---- */

static void member(struct buf *buf, const char *before, const char *name, const char *text) {
    buf_addf(buf, "%s\"%s\":", before, name);
    if (text[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, text);
    }
}

static void write_question(struct buf *buf, const struct risk_facts *facts) {
    char at[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"payment_id\":\"%s\",\"at\":\"%s\",\"amount\":%lld,\"currency\":\"%s\"",
             facts->subject, clock_format(facts->at_us, at), (long long)facts->amount_minor,
             facts->currency.code);
    member(buf, ",", "order_id", facts->order_id);
    member(buf, ",", "method", facts->method);
    member(buf, ",", "purpose", facts->purpose);
    member(buf, ",", "card", facts->card);
    buf_addf(buf, ",\"vip\":%s", facts->vip ? "true" : "false");
    member(buf, ",\"customer\":{", "id", facts->customer_id);
    member(buf, ",", "email", facts->email);
    member(buf, ",", "ip", facts->ip);
    member(buf, ",", "region", facts->region);
    buf_add_text(buf, "}}");
}

/* False: it is no answer. */
static bool read_answer(const struct http_answer *answer, struct risk_scored *scored) {
    JSON_AUTO json = NULL;
    const json_t *reasons = NULL, *reason;
    size_t i;
    if (answer->status != 200 ||
        json_read(answer->body, answer->body_bytes, SCORER_ANSWER_BYTES_MAX, ANSWER_DEPTH_MAX,
                  &json, NULL) < 0) {
        return false;
    }
    if (json_need_int(json, "", "score", 0, RISK_SCORE_MAX, &scored->score, NULL) < 0 ||
        json_may_array(json, "", "reasons", 1000, &reasons, NULL) < 0) {
        scored->score = 0;
        return false;
    }
    json_array_foreach(reasons, i, reason) {
        if (json_is_string(reason) && scored->reason_count < RISK_REASONS_MAX) {
            /* A stranger's words: no card number and no control character is kept. */
            text_shown(json_string_value(reason), json_string_length(reason),
                       scored->reasons[scored->reason_count++], sizeof scored->reasons[0]);
        }
    }
    return true;
}

static void call(struct risk_scorer *scorer, const struct risk_facts *facts, int64_t timeout_us,
                 struct risk_scored *scored) {
    BUF_AUTO question;
    HTTP_ANSWER_AUTO answer = {0};
    struct err err = {0};
    char bearer[KEY_CHARS_MAX + 16] = "";
    buf_init(&question, QUESTION_BYTES_MAX);
    write_question(&question, facts);
    if (scorer->key != NULL) {
        snprintf(bearer, sizeof bearer, "Bearer %s", secret_bytes(scorer->key));
    }
    const struct http_header headers[] = {{"Content-Type", "application/json"},
                                          {"Accept", "application/json"},
                                          {"Authorization", bearer}};
    const struct http_call ask = {
        .method = "POST",
        .url = scorer->config->url,
        .headers = headers,
        .header_count = scorer->key != NULL ? 3 : 2,
        .body = question.data,
        .body_bytes = question.len,
        .timeout_us = timeout_us,
        .answer_bytes_max = SCORER_ANSWER_BYTES_MAX,
        .repeatable = true, /* it moves nothing */
        .bulkhead = scorer->bulkhead,
    };
    int r = http_call(scorer->client, &ask, &answer, &err);
    scored->answer = r < 0 && answer.failure == HTTP_FAIL_TIMEOUT ? RISK_LATE
                     : r < 0 && (answer.failure == HTTP_FAIL_GARBLED ||
                                 answer.failure == HTTP_FAIL_TOO_LARGE)
                         ? RISK_GARBAGE
                     : r < 0                        ? RISK_UNREACHABLE
                     : read_answer(&answer, scored) ? RISK_SCORED
                                                    : RISK_GARBAGE;
    explicit_bzero(bearer, sizeof bearer);
}

void scorer_ask(struct risk_scorer *scorer, const struct risk_facts *facts, int64_t budget_us,
                struct risk_scored *ret_scored) {
    int64_t began = clock_mono_us();
    *ret_scored = (struct risk_scored){.answer = RISK_BREAKER};
    if (may_ask(scorer)) {
        int64_t timeout_us = budget_us < scorer->timeout_us ? budget_us : scorer->timeout_us;
        ret_scored->answer = RISK_LATE;
        if (timeout_us > 0) {
            call(scorer, facts, timeout_us, ret_scored);
        }
        note(scorer, ret_scored->answer == RISK_SCORED);
    }
    ret_scored->duration_us = clock_mono_us() - began;
    meter_count(METER_RISK_SCORER, risk_answer_name(ret_scored->answer));
    meter_time(METER_RISK_SCORER_SECONDS, ret_scored->duration_us,
               risk_answer_name(ret_scored->answer));
    if (ret_scored->answer != RISK_SCORED && ret_scored->answer != RISK_BREAKER) {
        log_event(RISK_SCORER_FAILED, LT("payment", facts->subject),
                  LT("answer", risk_answer_name(ret_scored->answer)));
    }
}

struct risk_scorer_look scorer_look(struct risk_scorer *scorer) {
    lock_take(&scorer->lock);
    struct risk_scorer_look look = {
        .url = scorer->config->url,
        .fail = scorer->config->fail,
        .rests = scorer->until_us > 0,
        .failures = scorer->failures,
    };
    lock_give(&scorer->lock);
    return look;
}

void scorer_json(struct risk_scorer *scorer, struct buf *buf) {
    struct risk_scorer_look look = scorer_look(scorer);
    buf_add_text(buf, "{\"url\":");
    buf_add_json(buf, look.url);
    buf_addf(buf, ",\"timeout_ms\":%lld,\"fail\":\"%s\",\"breaker\":\"%s\",\"failures\":%d}",
             (long long)(scorer->timeout_us / US_PER_MS), look.fail, look.rests ? "open" : "closed",
             look.failures);
}
