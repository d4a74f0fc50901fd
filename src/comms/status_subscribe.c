/* SPDX-License-Identifier: Apache-2.0
 * status_subscribe.c: who wants to be told. Anybody may ask; only what is sent to the address lets
 * it be confirmed, so nobody is subscribed by somebody else, and the answer to asking is the same
 * whatever is known of the address. Who ends a subscription is forgotten with his address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/seal.h"
#include "comms/status_impl.h"
#include "net/standard_webhook.h"

enum {
    ASKED_PER_HOUR = 10, /* from one place */
    UNKNOWN_PER_HOUR = 100,
    UNCONFIRMED_MAX = 10000,
    LOCAL_CHARS_MAX = 64,
    WAY_EMAIL = 1,
    WAY_WEBHOOK = 2,
    LANES_A_WAY = STATUS_LANES / 2,
};
#define HOUR_US (3600 * US_PER_SECOND)
#define UNCONFIRMED_US (48 * HOUR_US)

bool status_takes_email(const struct status *status) {
    return status->options.email != NULL && status->url[0] != '\0';
}

bool status_takes_webhook(const struct status *status) {
    return status->options.seal != NULL && status->url[0] != '\0';
}

/* ---- addresses ---- */

static int refuse(struct err *err, const char *place, const char *what, const char *hint) {
    err_set(err, ERR_VALIDATION, "%s", what);
    err_hint(err, "%s", hint);
    return err_place(err, "/%s", place);
}

/* A dot-atom and a host name (RFC 5321 §4.1.2); quoted forms are real and used by nobody. Small
 * letters all, so that one address is one subscription. */
static bool read_email(const char *given, char ret_address[STATUS_ADDRESS_CHARS_MAX + 1]) {
    static const char local_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+-/=?^_`{|}~";
    static const char host_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t chars = strlen(given);
    if (chars > STATUS_ADDRESS_CHARS_MAX) {
        return false;
    }
    for (size_t i = 0; i <= chars; i++) {
        char c = given[i];
        ret_address[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    size_t local = strspn(ret_address, local_chars);
    const char *host = ret_address + local + 1;
    return local > 0 && local <= LOCAL_CHARS_MAX && ret_address[local] == '@' &&
           ret_address[0] != '.' && ret_address[local - 1] != '.' &&
           strstr(ret_address, "..") == NULL && strspn(host, host_chars) == strlen(host) &&
           strchr(host, '.') != NULL && host[0] != '.' && host[0] != '-' &&
           host[strlen(host) - 1] != '.';
}

/* Where it leads is looked at when it is called (http_call.public_only). */
static bool read_webhook(const char *given, char ret_address[STATUS_ADDRESS_CHARS_MAX + 1]) {
    size_t chars = strlen(given);
    if (strncmp(given, "https://", 8) != 0 || chars > STATUS_ADDRESS_CHARS_MAX) {
        return false;
    }
    for (const char *c = given; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}#", *c) != NULL) {
            return false;
        }
    }
    size_t host = strcspn(given + 8, "/?");
    snprintf(ret_address, STATUS_ADDRESS_CHARS_MAX + 1, "%s", given);
    return host > 0 && memchr(given + 8, '@', host) == NULL;
}

/* ---- asking ---- */

struct subscribing {
    struct status *status;
    const struct status_subscription *what;
    int64_t way;
    char address[STATUS_ADDRESS_CHARS_MAX + 1];
    char who[SHA256_HEX_CHARS + 1];
};

static int count_asker(struct store_tx *tx, const struct subscribing *subscribing, int64_t now_us,
                       struct err *err) {
    int64_t times = 0;
    int most = subscribing->what->from[0] != '\0' ? ASKED_PER_HOUR : UNKNOWN_PER_HOUR;
    int r = sql_put(tx, err, "DELETE FROM status_asker WHERE since_us < $1",
                    S_INT(now_us - HOUR_US));
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO status_asker (who, since_us, times) VALUES ($1, $2, 1) ON "
                        "CONFLICT (who) DO UPDATE SET times = status_asker.times + 1",
                        S_TEXT(subscribing->who), S_INT(now_us));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows, "SELECT times FROM status_asker WHERE who = $1",
                          S_TEXT(subscribing->who));
    r = r < 0 ? r : sql_next(rows, err);
    times = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r
           : times > most
               ? err_set(err, ERR_RATE_LIMITED, "somebody has asked too often from there")
               : 0;
}

static int check_room(struct store_tx *tx, int64_t now_us, struct err *err) {
    int r = sql_put(tx, err, "DELETE FROM status_subscriber WHERE state = 1 AND asked_us < $1",
                    S_INT(now_us - UNCONFIRMED_US));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows, "SELECT COUNT(*) FROM status_subscriber WHERE state = 1");
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r
           : sql_int(rows, 0) >= UNCONFIRMED_MAX
               ? err_set(err, ERR_RATE_LIMITED, "too many subscriptions wait to be confirmed")
               : 0;
}

/* 1: there is one; its state, and when it was last asked. */
static int find(struct store_tx *tx, const struct subscribing *subscribing,
                char ret_id[ID_TEXT_MAX], int64_t *ret_state, int64_t *ret_asked_us,
                int64_t *ret_lane, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, state, asked_us, lane FROM status_subscriber WHERE way = $1 AND "
                      "address = $2 FOR UPDATE",
                      S_INT(subscribing->way), S_TEXT(subscribing->address));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(ret_id, ID_TEXT_MAX, "%s", sql_text(rows, 0));
        *ret_state = sql_int(rows, 1);
        *ret_asked_us = sql_int(rows, 2);
        *ret_lane = sql_int(rows, 3);
    }
    return r;
}

static int make_secret(const struct status *status, const char *id, char **ret_sealed,
                       struct err *err) {
    char text[STANDARD_WEBHOOK_SECRET_TEXT_MAX];
    standard_webhook_secret_make(text);
    SECRET_AUTO secret = secret_new(text, strlen(text));
    *ret_sealed = seal_text(status->options.seal, id, secret);
    return *ret_sealed != NULL ? 0 : err_set(err, ERR_CRYPTO, "the new secret could not be sealed");
}

static int insert(struct store_tx *tx, const struct subscribing *subscribing, const char *id,
                  int64_t lane, int64_t now_us, struct err *err) {
    unsigned char random[STATUS_TOKEN_CHARS / 2];
    char token[STATUS_TOKEN_CHARS + 1], *sealed = NULL;
    random_bytes(random, sizeof random);
    crypto_hex(random, sizeof random, token);
    int r = subscribing->way == WAY_WEBHOOK ? make_secret(subscribing->status, id, &sealed, err)
                                            : 0;
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO status_subscriber (id, way, address, state, language, token, "
                        "sealed_secret, lane, created_us, asked_us, confirmed_us) VALUES ($1, $2, "
                        "$3, 1, $4, $5, $6, $7, $8, $8, 0)",
                        S_TEXT(id), S_INT(subscribing->way), S_TEXT(subscribing->address),
                        S_TEXT(language_name(subscribing->what->language)), S_TEXT(token),
                        S_TEXT(sealed != NULL ? sealed : ""), S_INT(lane), S_INT(now_us));
    free(sealed);
    return r;
}

static int subscribe_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct subscribing *subscribing = ctx;
    int64_t now_us = clock_wall_us(), state = 0, asked_us = 0, lane = 0;
    char id[ID_TEXT_MAX];
    int r = count_asker(tx, subscribing, now_us, err);
    r = r < 0 ? r : check_room(tx, now_us, err);
    r = r < 0 ? r : find(tx, subscribing, id, &state, &asked_us, &lane, err);
    if (r < 0 || state == 2 || (r > 0 && asked_us > now_us - HOUR_US)) {
        return r < 0 ? r : 0; /* he knows, or was asked just now */
    }
    if (r == 0) {
        struct subscriber_id fresh = subscriber_id_new();
        lane = (int64_t)(random_u64() % LANES_A_WAY) +
               (subscribing->way == WAY_WEBHOOK ? LANES_A_WAY : 0);
        snprintf(id, sizeof id, "%s", fresh.text);
        r = insert(tx, subscribing, id, lane, now_us, err);
    } else {
        r = sql_put(tx, err, "UPDATE status_subscriber SET asked_us = $2 WHERE id = $1",
                    S_TEXT(id), S_INT(now_us));
    }
    return r < 0 ? r : status_ask(tx, id, (int)lane, err);
}

int status_subscribe(struct status *status, const struct status_subscription *what,
                     struct err *err) {
    struct subscribing subscribing = {.status = status, .what = what};
    bool email = what->email[0] != '\0', webhook = what->webhook[0] != '\0';
    if (email == webhook) {
        return refuse(err, "email", "give an e-mail address or a webhook's address",
                      "One of the two fields: email, webhook.");
    }
    if (email ? !status_takes_email(status) : !status_takes_webhook(status)) {
        return refuse(err, email ? "email" : "webhook", "this page cannot be subscribed so",
                      "There are feeds: /status/history.rss and /status/history.atom.");
    }
    if (email ? !read_email(what->email, subscribing.address)
              : !read_webhook(what->webhook, subscribing.address)) {
        return refuse(err, email ? "email" : "webhook", "this is no address that can be written to",
                      email ? "Like name@shop.example." : "Like https://shop.example/status.");
    }
    subscribing.way = email ? WAY_EMAIL : WAY_WEBHOOK;
    if (status->options.seal != NULL) { /* an address is not kept where it can be read */
        seal_digest(status->options.seal, what->from, strlen(what->from), subscribing.who);
    } else {
        crypto_sha256_hex(what->from, strlen(what->from), subscribing.who);
    }
    int r = store_write(status->options.store, subscribe_tx, &subscribing, err);
    if (r >= 0 && status->options.wake != NULL) {
        status->options.wake(status->options.wake_ctx);
    }
    return r;
}

/* ---- by the token ---- */

struct tokened {
    const char *token;
    struct status_subscriber *ret;
};

static bool is_token(const char *token) {
    return strlen(token) == STATUS_TOKEN_CHARS &&
           strspn(token, "0123456789abcdef") == STATUS_TOKEN_CHARS;
}

static int unknown(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "there is no such subscription");
}

static int token_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct tokened *tokened = ctx;
    struct status_subscriber found = {.language = LANGUAGE_EN};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, language, address FROM status_subscriber WHERE token = $1",
                      S_TEXT(tokened->token));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : unknown(err);
    }
    found.confirmed = sql_int(rows, 0) == 2;
    if (!language_parse(sql_text(rows, 1), &found.language)) {
        found.language = LANGUAGE_EN;
    }
    snprintf(found.address, sizeof found.address, "%s", sql_text(rows, 2));
    *tokened->ret = found;
    return 0;
}

int status_subscriber_look(struct status *status, const char *token,
                           struct status_subscriber *ret_subscriber, struct err *err) {
    struct tokened tokened = {token, ret_subscriber};
    return is_token(token) ? store_read(status->options.store, token_tx, &tokened, err)
                           : unknown(err);
}

static int confirm_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int64_t found = sql_exec(tx, err,
                             "UPDATE status_subscriber SET confirmed_us = CASE WHEN state = 1 THEN "
                             "$2 ELSE confirmed_us END, state = 2 WHERE token = $1",
                             S_TEXT(ctx), S_INT(clock_wall_us()));
    return found < 0 ? (int)found : found == 0 ? unknown(err) : 0;
}

int status_subscriber_confirm(struct status *status, const char *token, struct err *err) {
    return is_token(token) ? store_write(status->options.store, confirm_tx, (void *)token, err)
                           : unknown(err);
}

static int end_tx(struct store_tx *tx, void *ctx, struct err *err) {
    int r = sql_put(tx, err,
                    "DELETE FROM status_mailing WHERE subscriber_id IN (SELECT id FROM "
                    "status_subscriber WHERE token = $1)",
                    S_TEXT(ctx));
    if (r < 0) {
        return r;
    }
    int64_t found = sql_exec(tx, err, "DELETE FROM status_subscriber WHERE token = $1",
                             S_TEXT(ctx));
    return found < 0 ? (int)found : found == 0 ? unknown(err) : 0;
}

int status_subscriber_end(struct status *status, const char *token, struct err *err) {
    return is_token(token) ? store_write(status->options.store, end_tx, (void *)token, err)
                           : unknown(err);
}
