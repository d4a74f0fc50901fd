/* SPDX-License-Identifier: Apache-2.0
 * fetch_url.c: a day's file under a URL, or the batches since the last one. Adyen's reports are
 * had so: Adyen's public documentation, "Download reports automatically" (GET with a report user's
 * basic authentication or an API key; .../settlement_detail_report_batch_N.csv, N counting up by
 * one for each batch of a merchant account). */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/keyring.h"
#include "recon/fetch.h"
#include "recon/fetch_place.h"
#include "recon/intake.h"

enum { AUTHORIZATION_CHARS_MAX = 1400, USER_CHARS_MAX = 500 };
#define CALL_US (5 * 60 * US_PER_SECOND)

/* ---- who asks ---- */

/* The one header of it, if there is any, in `room`, which the caller wipes. */
static int header_of(const struct gateway *gateway, char room[AUTHORIZATION_CHARS_MAX],
                     struct http_header *ret_header, int *ret_count, struct err *err) {
    const struct secret *user = gateway_credential(gateway, "report_user");
    const struct secret *password = gateway_credential(gateway, "report_password");
    const struct secret *key = gateway_credential(gateway, "report_key");
    *ret_count = 0;
    if (key != NULL) {
        int count = snprintf(room, AUTHORIZATION_CHARS_MAX, "%s", secret_bytes(key));
        *ret_header = (struct http_header){"X-API-Key", room};
        *ret_count = 1;
        return count < AUTHORIZATION_CHARS_MAX
                   ? 0
                   : err_set(err, ERR_CONFIG, "report_key is longer than any key");
    }
    if (user == NULL && password == NULL) {
        return 0;
    }
    if (user == NULL || password == NULL) {
        return err_set(err, ERR_CONFIG,
                       "report_user and report_password belong together; one of them is missing");
    }
    char pair[2 * USER_CHARS_MAX];
    int count = snprintf(pair, sizeof pair, "%s:%s", secret_bytes(user), secret_bytes(password));
    if (count >= (int)sizeof pair || strchr(secret_bytes(user), ':') != NULL) {
        explicit_bzero(pair, sizeof pair);
        return err_set(err, ERR_CONFIG, "report_user has a ':', or is too long");
    }
    char *encoded = crypto_base64(pair, (size_t)count);
    snprintf(room, AUTHORIZATION_CHARS_MAX, "Basic %s", encoded);
    explicit_bzero(encoded, strlen(encoded));
    explicit_bzero(pair, sizeof pair);
    free(encoded);
    *ret_header = (struct http_header){"Authorization", room};
    *ret_count = 1;
    return 0;
}

/* ---- one file ---- */

/* What stands behind the last '/', without a query. */
static void name_of(const char *url, char ret_name[FOLDER_NAME_CHARS_MAX + 1]) {
    size_t count = strcspn(url, "?");
    size_t from = count;
    while (from > 0 && url[from - 1] != '/') {
        from--;
    }
    snprintf(ret_name, FOLDER_NAME_CHARS_MAX + 1, "%.*s", (int)(count - from), url + from);
}

/* Says what the answer means; the URL is a configured one, without secrets. */
static int check_status(int status, const char *name, struct err *err) {
    switch (status) {
    case 200:
        return 0;
    case 404:
        return err_set(err, ERR_NOT_FOUND, "%s is not published yet (404)", name);
    case 403:
        return err_set(err, ERR_UNREACHABLE,
                       "%s is not handed out (403): it is not published yet, or the report user "
                       "may not have it",
                       name);
    case 401:
        (void)err_set(err, ERR_GATEWAY_REJECTED, "%s is not handed out (401)", name);
        return err_hint(err, "Look at the gateway's credentials report_user and report_password, "
                             "or report_key.");
    default:
        return err_set(err, ERR_GATEWAY, "%s was answered with %d", name, status);
    }
}

static int get(const struct fetch_wish *wish, const struct gateway *gateway, const char *url,
               const char *name, int64_t bytes_max, struct buf *ret_bytes, struct err *err) {
    char room[AUTHORIZATION_CHARS_MAX] = "";
    struct http_header header = {0};
    int header_count = 0;
    int r = header_of(gateway, room, &header, &header_count, err);
    const struct http_call http = {
        .method = "GET",
        .url = url,
        .headers = &header,
        .header_count = header_count,
        .timeout_us = CALL_US,
        .answer_bytes_max = (size_t)bytes_max,
        .repeatable = true,
        .bulkhead = gateway->bulkhead,
    };
    HTTP_ANSWER_AUTO answer = {0};
    r = r < 0 ? r : http_call(wish->recon->options.client, &http, &answer, err);
    explicit_bzero(room, sizeof room);
    r = r < 0 ? r : check_status(answer.status, name, err);
    if (r >= 0) {
        buf_add(ret_bytes, answer.body, answer.body_bytes);
        r = buf_ok(ret_bytes) ? 0 : err_set(err, ERR_TOO_LARGE, "there is no room for %s", name);
    }
    return r;
}

static int get_number(const struct fetch_wish *wish, const struct gateway *gateway, int64_t number,
                      int64_t *left, struct fetch_found *found, struct err *err) {
    const struct day_date date = fetch_date(wish->source, wish->day_s);
    BUF_AUTO url;
    buf_init(&url, 2 * DAY_URL_CHARS_MAX);
    day_name_url(wish->source->place, &date, number, &url);
    struct buf *bytes = &found->files[found->count].bytes;
    name_of(url.data, found->files[found->count].name);
    buf_init(bytes, (size_t)*left);
    int r = get(wish, gateway, url.data, found->files[found->count].name, *left, bytes, err);
    if (r < 0) {
        buf_release(bytes);
        return r;
    }
    *left -= (int64_t)bytes->len;
    found->count++;
    return 0;
}

/* ---- which numbers ---- */

struct numbers {
    const struct fetch_wish *wish;
    int64_t next; /* after the largest that is known */
    int count;    /* of those that the day has already: */
    int64_t of_day[FETCH_FILES_MAX];
};

static int numbers_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct numbers *numbers = ctx;
    const struct fetch_wish *wish = numbers->wish;
    SQL_ROWS_AUTO rows = NULL;
    numbers->count = 0;
    numbers->next = wish->source->first_number;
    /* One that was withdrawn was had as well. */
    int r = sql_query(tx, err, &rows,
                      "SELECT id, sequence FROM statement WHERE gateway = $1 AND state IN ($2, $3) "
                      "AND sequence >= 0 ORDER BY sequence",
                      S_TEXT(wish->source->gateway->name), S_INT(STATEMENT_TAKEN),
                      S_INT(STATEMENT_WITHDRAWN));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t number = sql_int(rows, 1);
        numbers->next = number >= numbers->next ? number + 1 : numbers->next;
        if (strstr(wish->before, sql_text(rows, 0)) != NULL && numbers->count < FETCH_FILES_MAX) {
            numbers->of_day[numbers->count++] = number;
        }
    }
    return r;
}

/* Until one is not there: each is taken, or none. */
static int get_numbers(const struct fetch_wish *wish, const struct gateway *gateway, int64_t *left,
                       struct fetch_found *found, struct err *err) {
    struct numbers numbers = {.wish = wish};
    int r = store_read(wish->recon->options.store, numbers_tx, &numbers, err);
    for (int i = 0; r >= 0 && i < numbers.count; i++) {
        r = get_number(wish, gateway, numbers.of_day[i], left, found, err);
    }
    if (r < 0 || numbers.count > 0) {
        return r;
    }
    for (int i = 0; r >= 0 && i < FETCH_FILES_MAX; i++) {
        r = get_number(wish, gateway, numbers.next + i, left, found, err);
    }
    if (r == -ERR_NOT_FOUND && found->count > 0) {
        return 0;
    }
    return r == -ERR_NOT_FOUND ? -(int)(err->code = ERR_GONE) : r;
}

int fetch_url(const struct fetch_wish *wish, struct fetch_found *found, struct err *err) {
    struct gateway *gateway = keyring_take(wish->source->gateway);
    int64_t left = FETCH_BYTES_MAX;
    int r = wish->source->numbered ? get_numbers(wish, gateway, &left, found, err)
                                   : get_number(wish, gateway, 0, &left, found, err);
    keyring_drop(gateway);
    return r;
}
