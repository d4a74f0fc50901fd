/* SPDX-License-Identifier: Apache-2.0
 * stripe_statement.c: a day's report, by Stripe's Reporting API: whether there is data until the
 * day's end (report type), a run for the day, its end, and the file. Days are UTC's.
 *
 * The run is asked for under a key that holds for an hour: who asks again in that time goes on with
 * the same run, and later there is a new one, with whatever was corrected since. */
#include "gateway/stripe/stripe.h"

#include "base/calendar.h"
#include "base/clock.h"
#include "base/task.h"

enum {
    FORM_BYTES_MAX = 4096,
    FILE_BYTES_MAX = 512 * 1024 * 1024,
    KEY_BYTES_MAX = 200,
    PATH_BYTES_MAX = 200,
    RUN_ID_CHARS_MAX = 80,
    ASKS_MAX = 200,
    FIRST_PAUSE_MS = 200,
    PAUSE_MS_MAX = 5000,
};
#define DAY_S INT64_C(86400)
#define HOUR_US (INT64_C(3600) * US_PER_SECOND)
#define FILES_HOST "https://files.stripe.com/"

static const struct {
    const char *kind, *type;
} reports[] = {
    {"activity", "balance_change_from_activity.itemized.6"},
    {"payout", "payout_reconciliation.itemized.5"},
};

/* What the reader needs, and what people look at. */
static const char *const columns[] = {
    "automatic_payout_id",
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "charge_id",
    "payment_intent_id",
    "payment_method_type",
    "card_brand",
    "payment_metadata[reference]",
    "refund_metadata[reference]",
};

struct report {
    const char *type;
    int64_t from_s, until_s;
    char run[RUN_ID_CHARS_MAX + 1];
    char url[GATEWAY_URL_CHARS_MAX + 1];
};

static int failed(const struct gateway_result *result, struct err *err) {
    enum err_code code = result->outcome == GW_NOT_FOUND              ? ERR_NOT_FOUND
                         : result->outcome == GW_REJECTED_REQUEST     ? ERR_GATEWAY_REJECTED
                         : result->outcome == GW_REJECTED_CREDENTIALS ? ERR_GATEWAY_REJECTED
                         : result->failure == HTTP_FAIL_TIMEOUT       ? ERR_TIMEOUT
                         : result->reach != HTTP_ANSWERED             ? ERR_UNREACHABLE
                                                                      : ERR_GATEWAY;
    return err_set(err, code, "Stripe gave no report: %.60s %.200s", result->code, result->message);
}

/* One call whose answer must be a success. */
static int ask(const struct gateway_call *call, const char *path, const struct buf *form,
               const char *key, json_t **ret_json, struct err *err) {
    struct gateway_result result;
    HTTP_ANSWER_AUTO answer = {0};
    gateway_result_init(&result);
    if (!stripe_send(call, path, form, key, false, &result, &answer, ret_json)) {
        return failed(&result, err);
    }
    if (answer.status < 200 || answer.status > 299) {
        stripe_read_error(answer.status, *ret_json, OP_QUERY, &result);
        return failed(&result, err);
    }
    return 0;
}

static int check_available(const struct gateway_call *call, const struct report *report,
                           struct err *err) {
    char path[PATH_BYTES_MAX];
    JSON_AUTO json = NULL;
    snprintf(path, sizeof(path), "/v1/reporting/report_types/%s", report->type);
    int rc = ask(call, path, NULL, NULL, &json, err);
    if (rc < 0) {
        return rc;
    }
    int64_t end_s = json_peek_int(json, -1, "data_available_end", NULL);
    if (end_s < 0) {
        return err_set(err, ERR_BAD_REQUEST, "Stripe does not say until when it has data");
    }
    return end_s >= report->until_s
               ? 0
               : err_set(err, ERR_NOT_FOUND, "Stripe has no data until the end of that day yet");
}

static void run_form(const struct report *report, struct buf *form) {
    char number[24];
    stripe_form_add(form, "report_type", report->type);
    snprintf(number, sizeof(number), "%lld", (long long)report->from_s);
    stripe_form_add(form, "parameters[interval_start]", number);
    snprintf(number, sizeof(number), "%lld", (long long)report->until_s);
    stripe_form_add(form, "parameters[interval_end]", number);
    stripe_form_add(form, "parameters[timezone]", "Etc/UTC");
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        stripe_form_add(form, "parameters[columns][]", columns[i]);
    }
}

/* What the answer says of the run: true when it has ended, well or not (`ret_rc`). */
static bool run_ended(const json_t *json, struct report *report, int *ret_rc, struct err *err) {
    const char *status = json_peek_text(json, "status", NULL);
    const char *url = json_peek_text(json, "result", "url", NULL);
    *ret_rc = 0;
    if (status == NULL) {
        *ret_rc = err_set(err, ERR_BAD_REQUEST, "Stripe does not say how the report stands");
        return true;
    }
    if (strcmp(status, "succeeded") == 0) {
        exchange_copy_url(report->url, sizeof(report->url), url);
        return true;
    }
    if (strcmp(status, "failed") == 0) {
        *ret_rc = err_set(err, ERR_GATEWAY, "Stripe could not make the report");
        return true;
    }
    return false;
}

static int begin_run(const struct gateway_call *call, struct report *report, bool *ret_ended,
                     struct err *err) {
    char key[KEY_BYTES_MAX];
    JSON_AUTO json = NULL;
    BUF_AUTO form;
    buf_init(&form, FORM_BYTES_MAX);
    run_form(report, &form);
    snprintf(key, sizeof(key), "holdfast-report-%s-%lld-%lld", report->type,
             (long long)report->from_s, (long long)(clock_wall_us() / HOUR_US));
    int rc = ask(call, "/v1/reporting/report_runs", &form, key, &json, err);
    if (rc < 0) {
        return rc;
    }
    const char *id = json_peek_text(json, "id", NULL);
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (id == NULL || id[0] == '\0' || strlen(id) > RUN_ID_CHARS_MAX ||
        strspn(id, plain) != strlen(id)) {
        return err_set(err, ERR_BAD_REQUEST, "Stripe's answer names no report run");
    }
    snprintf(report->run, sizeof(report->run), "%s", id);
    *ret_ended = run_ended(json, report, &rc, err);
    return rc;
}

/* Until it has ended or the time is over. */
static int await_run(const struct gateway_call *call, struct report *report, struct err *err) {
    char path[PATH_BYTES_MAX];
    int64_t pause_us = FIRST_PAUSE_MS * US_PER_MS;
    bool ended = false;
    int rc = begin_run(call, report, &ended, err);
    snprintf(path, sizeof(path), "/v1/reporting/report_runs/%s", report->run);
    for (int i = 0; rc == 0 && !ended && i < ASKS_MAX; i++) {
        JSON_AUTO json = NULL;
        if (clock_mono_us() + pause_us >= call->deadline_us) {
            break;
        }
        task_sleep_us(pause_us);
        pause_us = 2 * pause_us < PAUSE_MS_MAX * US_PER_MS ? 2 * pause_us
                                                           : PAUSE_MS_MAX * US_PER_MS;
        rc = ask(call, path, NULL, NULL, &json, err);
        ended = rc == 0 && run_ended(json, report, &rc, err);
    }
    return rc < 0 || ended ? rc : err_set(err, ERR_NOT_FOUND, "Stripe is still making the report");
}

/* The key goes to Stripe's own host for files and to no other. */
static bool url_ok(const struct gateway_call *call, const char *url) {
    const char *base = call->gateway->base_url;
    size_t count = strlen(base);
    return strncmp(url, FILES_HOST, sizeof(FILES_HOST) - 1) == 0 ||
           (strncmp(url, base, count) == 0 && url[count] == '/');
}

static int download(const struct gateway_call *call, const struct report *report,
                    struct buf *ret_file, struct err *err) {
    if (!url_ok(call, report->url)) {
        return err_set(err, ERR_BAD_REQUEST, "the report is said to be where Stripe has no files");
    }
    int64_t left_us = call->deadline_us - clock_mono_us();
    if (left_us <= 0) {
        return err_set(err, ERR_TIMEOUT, "the time was over before the report was fetched");
    }
    char authorization[STRIPE_KEY_CHARS_MAX + 16];
    snprintf(authorization, sizeof(authorization), "Bearer %s",
             secret_bytes(gateway_credential(call->gateway, "api_key")));
    const struct http_header headers[] = {{"Authorization", authorization}};
    const struct http_call http = {
        .method = "GET",
        .url = report->url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .timeout_us = left_us,
        .answer_bytes_max = FILE_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    HTTP_ANSWER_AUTO answer = {0};
    int rc = http_call(call->client, &http, &answer, err);
    explicit_bzero(authorization, sizeof(authorization));
    if (rc < 0) {
        return rc;
    }
    if (answer.status != 200) {
        return err_set(err, ERR_GATEWAY, "the report's file answered %d", answer.status);
    }
    buf_add(ret_file, answer.body, answer.body_bytes);
    return buf_ok(ret_file) ? 0 : err_set(err, ERR_TOO_LARGE, "there is no room for the report");
}

int stripe_fetch_statement(const struct gateway_call *call,
                           const struct gateway_statement *statement, struct buf *ret_file,
                           struct err *err) {
    struct report report = {.type = NULL};
    for (size_t i = 0; i < COUNT_OF(reports); i++) {
        if (strcmp(reports[i].kind, statement->kind) == 0) {
            report.type = reports[i].type;
        }
    }
    if (report.type == NULL) {
        return err_set(err, ERR_VALIDATION, "Stripe has the reports 'activity' and 'payout'");
    }
    if (!calendar_date(statement->year, statement->month, statement->day, &report.from_s)) {
        return err_set(err, ERR_VALIDATION, "the report's day is no date");
    }
    report.until_s = report.from_s + DAY_S;
    int rc = check_available(call, &report, err);
    rc = rc == 0 ? await_run(call, &report, err) : rc;
    rc = rc == 0 ? download(call, &report, ret_file, err) : rc;
    if (rc < 0) {
        return err_while(err, "fetching the report of %04d-%02d-%02d", statement->year,
                         statement->month, statement->day);
    }
    return 0;
}
