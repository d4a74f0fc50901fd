/* SPDX-License-Identifier: Apache-2.0
 * handlers_tuning.c: settings of alert rules that change while running (watch/tuning.h), and what
 * would have fired with others (watch/backtest.h). */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "api/read.h"
#include "api/service_impl.h"
#include "base/json.h"
#include "watch/backtest.h"

enum { TUNING_BYTES_MAX = 4 * 1024 * 1024, SINCE_CHARS_MAX = 40 };
#define CURSOR_MAX INT64_C(9007199254740991) /* what every JSON reader keeps exactly */

int alert_rule_get_one(struct ask *ask, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, TUNING_BYTES_MAX);
    int r = tuning_rule_json(ask->service->tuning, ask->param, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

int alert_rule_changes_get(struct ask *ask, struct err *err) {
    char rule[QUERY_CHARS_MAX] = "";
    int64_t limit = PAGE_ROWS, before = 0;
    BUF_AUTO buf;
    buf_init(&buf, TUNING_BYTES_MAX);
    int r = read_query_text(ask, "rule", rule, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, TUNING_CHANGES_LISTED_MAX, &limit, err);
    r = r < 0 ? r : read_query_int(ask, "cursor", 1, CURSOR_MAX, &before, err);
    r = r < 0 ? r
              : tuning_changes_json(ask->service->tuning, rule, before, (int)limit, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, 200, &buf, err);
}

/* ---- what is to be ---- */

/* The request with the texts that it borrows. */
struct wanted {
    struct tuning_request request;
    char texts[TUNING_PAIRS_MAX][TUNING_TEXT_MAX + 1];
};

static bool is_plain(const char *text) {
    while (g_ascii_isprint(*text)) {
        text++;
    }
    return *text == '\0';
}

/* A number as the settings read it; the place of what is none of the four. */
static int read_value(const json_t *value, const char *key, char ret_text[TUNING_TEXT_MAX + 1],
                      struct err *err) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        if (json_string_length(value) <= TUNING_TEXT_MAX && is_plain(json_string_value(value))) {
            g_strlcpy(ret_text, json_string_value(value), TUNING_TEXT_MAX + 1);
            return 0;
        }
        break;
    case JSON_INTEGER:
        (void)g_snprintf(ret_text, TUNING_TEXT_MAX + 1, "%lld",
                         (long long)json_integer_value(value));
        return 0;
    case JSON_REAL:
        g_ascii_formatd(ret_text, TUNING_TEXT_MAX + 1, "%.10g", json_real_value(value));
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        g_strlcpy(ret_text, json_is_true(value) ? "true" : "false", TUNING_TEXT_MAX + 1);
        return 0;
    default:
        break;
    }
    err_set(err, ERR_VALIDATION, "a value is a number, a short text, true or false; null is the "
                                 "configuration file's");
    return err_place(err, "/set/%.60s", key);
}

static int read_set(const json_t *body, bool need, struct wanted *wanted, struct err *err) {
    struct tuning_request *request = &wanted->request;
    const json_t *set = NULL;
    const char *key;
    json_t *value;
    int r = need ? json_need_object(body, "", "set", &set, err)
                 : json_may_object(body, "", "set", &set, err);
    if (r >= 0 && (json_object_size(set) > TUNING_PAIRS_MAX ||
                   (need && json_object_size(set) == 0))) {
        err_set(err, ERR_VALIDATION, "1 to %d settings are named", TUNING_PAIRS_MAX);
        r = err_place(err, "/set");
    }
    if (r < 0 || set == NULL) {
        return r;
    }
    json_object_foreach((json_t *)(uintptr_t)set, key, value) {
        char *text = wanted->texts[request->pair_count];
        r = json_is_null(value) ? 0 : read_value(value, key, text, err);
        if (r < 0) {
            return r;
        }
        request->pairs[request->pair_count++] =
            (struct tuning_pair){key, json_is_null(value) ? NULL : text};
    }
    return 0;
}

/* ---- changed ---- */

struct change {
    struct ask *ask;
    const struct tuning_request *request;
};

static int change_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct change *change = ctx;
    BUF_AUTO buf;
    buf_init(&buf, TUNING_BYTES_MAX);
    int r = tuning_set(change->ask->service->tuning, tx, change->request,
                       change->ask->caller.actor, &buf, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}

int alert_rule_set_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"set", "reason", "untested", NULL};
    struct wanted wanted = {.request.rule = ask->param};
    struct change change = {ask, &wanted.request};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_set(ask->body, true, &wanted, err);
    r = r < 0 ? r : read_reason(ask->body, &wanted.request.reason, err);
    r = r < 0 ? r
              : json_may_lines(ask->body, "", "untested", 1, REASON_CHARS_MAX,
                               &wanted.request.untested, err);
    r = r < 0 ? r
              : idempotent_run(ask->service->payments, &ask->caller, "alert_rule.set", change_fn,
                               &change, &ask->answer, err);
    if (r >= 0) {
        struct err later = {0};
        /* What cannot be read now is read within a second. */
        (void)!tuning_look(ask->service->tuning, &later);
    }
    return r;
}

/* ---- tried on the past ---- */

/* "30d", or a time; `key` absent leaves *ret. */
static int read_time(const json_t *body, const char *key, bool need, int64_t *ret_wall_us,
                     struct err *err) {
    const char *text = NULL;
    int r = need ? json_need_text(body, "", key, 1, SINCE_CHARS_MAX, &text, err)
                 : json_may_text(body, "", key, 1, SINCE_CHARS_MAX, &text, err);
    if (r < 0 || text == NULL || read_since(text, ret_wall_us)) {
        return r;
    }
    err_set(err, ERR_VALIDATION, "it is a length of time before now like 30d, or a time like "
                                 "2027-01-31T00:00:00Z");
    return err_place(err, "/%s", key);
}

static int answer_backtest(struct ask *ask, const char *id, int status, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, TUNING_BYTES_MAX);
    int r = backtest_json(ask->service->backtests, id, &buf, err);
    return r < 0 ? r : answer_take(&ask->answer, status, &buf, err);
}

int backtests_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"set", "since", "until", NULL};
    struct wanted wanted = {.request.rule = ask->param};
    int64_t since_us = 0, until_us = 0;
    char id[ID_TEXT_MAX] = "";
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_set(ask->body, false, &wanted, err);
    r = r < 0 ? r : read_time(ask->body, "since", true, &since_us, err);
    r = r < 0 ? r : read_time(ask->body, "until", false, &until_us, err);
    r = r < 0 ? r
              : backtest_begin(ask->service->backtests, &wanted.request, since_us, until_us,
                               ask->caller.actor, id, err);
    return r < 0 ? r : answer_backtest(ask, id, 202, err);
}

int backtest_get_one(struct ask *ask, struct err *err) {
    struct backtest_id id;
    int r = READ_LISTED_ID(ask, "a back-test", backtest_id, "alert backtest", &id, err);
    return r < 0 ? r : answer_backtest(ask, id.text, 200, err);
}
