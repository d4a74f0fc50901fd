/* SPDX-License-Identifier: Apache-2.0
 * status_send.c: one lane of subscribers, one call after the other, as message_send.c does it: each
 * transaction notes what became of the last call and takes the next. What is found under way at a
 * run's begin was cut short: mail stays in doubt and is not sent again, a webhook goes out again,
 * the same bytes under the same name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/seal.h"
#include "comms/message_impl.h"
#include "comms/status_impl.h"
#include "net/standard_webhook.h"

enum { TRIES_MAX = 8, ANSWER_BYTES_MAX = 4096, GONE = 410 };
#define RUN_US (60 * US_PER_SECOND)
#define WEBHOOK_US (10 * US_PER_SECOND)
static const int64_t pause_us[] = {
    5 * US_PER_SECOND,   30 * US_PER_SECOND,  120 * US_PER_SECOND,
    300 * US_PER_SECOND, 900 * US_PER_SECOND, 3600 * US_PER_SECOND,
};

/* ---- rows and jobs ---- */

static int begin_lane(struct store_tx *tx, int lane, struct err *err) {
    char key[16];
    snprintf(key, sizeof key, "%d", lane);
    int r = job_add(tx, JOB_STATUS, key, clock_wall_us(), "", err);
    return r == 0 ? job_hasten(tx, JOB_STATUS, key, clock_wall_us(), err) : r;
}

int status_tell(struct store_tx *tx, const char *update_id, struct err *err) {
    /* The id is made of the two that make it unique, so that one statement writes all rows. */
    int r = sql_put(tx, err,
                    "INSERT INTO status_mailing (id, update_id, subscriber_id, lane, state, tries, "
                    "due_us, why, updated_us) SELECT $1 || '-' || id, $1, id, lane, 1, 0, $2, '', "
                    "$2 FROM status_subscriber WHERE state = 2 ON CONFLICT (update_id, "
                    "subscriber_id) DO NOTHING",
                    S_TEXT(update_id), S_INT(clock_wall_us()));
    for (int lane = 0; r >= 0 && lane < STATUS_LANES; lane++) {
        r = begin_lane(tx, lane, err);
    }
    return r < 0 ? r : 0;
}

int status_ask(struct store_tx *tx, const char *subscriber_id, int lane, struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO status_mailing (id, update_id, subscriber_id, lane, state, tries, "
                    "due_us, why, updated_us) VALUES ($1, '', $1, $2, 1, 0, $3, '', $3) ON "
                    "CONFLICT (update_id, subscriber_id) DO UPDATE SET state = 1, tries = 0, "
                    "due_us = $3",
                    S_TEXT(subscriber_id), S_INT(lane), S_INT(clock_wall_us()));
    r = r < 0 ? r : begin_lane(tx, lane, err);
    return r < 0 ? r : 0;
}

/* ---- a lane ---- */

struct lane {
    struct status *status;
    int number;
    struct arena *arena; /* of what is taken */
    /* what was sent */
    bool has_sent, gone;
    char sent[2 * ID_TEXT_MAX + 2], sent_to[ID_TEXT_MAX];
    int64_t sent_tries;
    struct channel_verdict verdict;
    /* what is next */
    bool taken, first;
    int64_t again_us, tries;
    const char *id, *update_id, *subscriber, *address, *token, *sealed;
    enum language language;
    struct status_row row;
    struct status_update_row update;
};

static bool by_webhook(const struct lane *lane) {
    return lane->number >= STATUS_LANES / 2;
}

static enum mailing_state fate(const struct lane *lane, int64_t now_us, int64_t *ret_due_us) {
    const struct channel_verdict *verdict = &lane->verdict;
    *ret_due_us = 0;
    if (verdict->outcome == CHANNEL_SENT) {
        return MAILING_SENT;
    }
    if (verdict->outcome == CHANNEL_AGAIN && verdict->in_doubt && !by_webhook(lane)) {
        return MAILING_IN_DOUBT;
    }
    if (verdict->outcome == CHANNEL_REJECTED || lane->sent_tries >= TRIES_MAX) {
        return MAILING_FAILED;
    }
    size_t index = (size_t)(lane->sent_tries > 0 ? lane->sent_tries - 1 : 0);
    int64_t wait_us = pause_us[index < COUNT_OF(pause_us) ? index : COUNT_OF(pause_us) - 1];
    *ret_due_us = now_us + (verdict->wait_us > wait_us ? verdict->wait_us : wait_us);
    return MAILING_WAITING;
}

static int note_sent(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    int64_t due_us = 0;
    enum mailing_state state = fate(lane, now_us, &due_us);
    int r = sql_put(tx, err,
                    "UPDATE status_mailing SET state = $2, due_us = $3, why = $4, updated_us = $5 "
                    "WHERE id = $1 AND state = 2",
                    S_TEXT(lane->sent), S_INT(state), S_INT(due_us), S_TEXT(lane->verdict.reason),
                    S_INT(now_us));
    if (r >= 0 && lane->verdict.whole_channel) {
        r = message_block(tx, BY_EMAIL, now_us + lane->verdict.wait_us, err);
    }
    if (r >= 0 && lane->gone) { /* its owner says that there is nobody any more */
        r = sql_put(tx, err, "DELETE FROM status_subscriber WHERE id = $1",
                    S_TEXT(lane->sent_to));
    }
    return r;
}

static int settle_cut(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    return sql_put(tx, err,
                   "UPDATE status_mailing SET state = $2, why = 'its sending was cut short', "
                   "updated_us = $3 WHERE lane = $1 AND state = 2",
                   S_INT(lane->number),
                   S_INT(by_webhook(lane) ? MAILING_WAITING : MAILING_IN_DOUBT), S_INT(now_us));
}

static const char *kept(struct lane *lane, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    return arena_copy(lane->arena, text != NULL ? text : "");
}

/* The earliest that is due. 1: there is one. Who is subscribed no more has no row there. */
static int next_one(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT m.id, m.update_id, m.tries, s.id, s.address, s.token, "
                      "s.sealed_secret, s.language FROM status_mailing m JOIN status_subscriber s "
                      "ON s.id = m.subscriber_id WHERE m.lane = $1 AND m.state = 1 AND m.due_us <= "
                      "$2 ORDER BY m.due_us, m.id LIMIT 1",
                      S_INT(lane->number), S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        lane->id = kept(lane, rows, 0);
        lane->update_id = kept(lane, rows, 1);
        lane->tries = sql_int(rows, 2) + 1;
        lane->subscriber = kept(lane, rows, 3);
        lane->address = kept(lane, rows, 4);
        lane->token = kept(lane, rows, 5);
        lane->sealed = kept(lane, rows, 6);
        if (!language_parse(sql_text(rows, 7), &lane->language)) {
            lane->language = LANGUAGE_EN;
        }
    }
    return r;
}

static int next_due(struct lane *lane, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT MIN(m.due_us) FROM status_mailing m JOIN status_subscriber s ON s.id "
                      "= m.subscriber_id WHERE m.lane = $1 AND m.state = 1",
                      S_INT(lane->number));
    r = r < 0 ? r : sql_next(rows, err);
    lane->again_us = r > 0 && !sql_null(rows, 0) ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static int take(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    int r = 0;
    if (lane->update_id[0] != '\0') {
        r = status_load_update(lane->status, tx, lane->arena, lane->update_id, false, &lane->update,
                               err);
        r = r < 0 ? r
                  : status_load(lane->status, tx, lane->arena, lane->update.incident, false,
                                &lane->row, err);
    }
    lane->taken = r >= 0;
    return r < 0 ? r
                 : sql_put(tx, err,
                           "UPDATE status_mailing SET state = 2, tries = tries + 1, updated_us = "
                           "$2 WHERE id = $1 AND state = 1",
                           S_TEXT(lane->id), S_INT(now_us));
}

static int turn_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct lane *lane = ctx;
    int64_t now_us = clock_wall_us();
    lane->taken = false;
    lane->again_us = 0;
    int r = lane->has_sent ? note_sent(lane, tx, now_us, err) : 0;
    r = r < 0 || !lane->first ? r : settle_cut(lane, tx, now_us, err);
    r = r < 0 ? r : next_one(lane, tx, now_us, err);
    if (r <= 0) {
        return r < 0 ? r : next_due(lane, tx, err);
    }
    r = by_webhook(lane) ? 1
                         : message_pace(tx, BY_EMAIL, lane->status->options.email_per_second,
                                        now_us, &lane->again_us, err);
    return r <= 0 ? r : take(lane, tx, now_us, err);
}

/* ---- what is said ---- */

static void add_token_url(const struct lane *lane, struct buf *buf) {
    buf_addf(buf, "%s/subscriptions/%s?lang=%s", lane->status->url, lane->token,
             language_name(lane->language));
}

static void add_page_url(const struct lane *lane, struct buf *buf) {
    char path[64];
    snprintf(path, sizeof path, "incidents/%s.html", lane->row.id);
    status_address(lane->status, false, lane->language, path, buf);
}

static const char *say(const struct lane *lane, enum status_word word) {
    return status_word(word, lane->language);
}

static void write_mail(const struct lane *lane, struct buf *subject, struct buf *text) {
    buf_addf(subject, "[%s] ", lane->status->name[lane->language]);
    if (lane->update_id[0] == '\0') {
        buf_add_text(subject, say(lane, W_MAIL_ASK));
        buf_addf(text, "%s\n\n", say(lane, W_MAIL_ASK_TEXT));
        add_token_url(lane, text);
        buf_add_char(text, '\n');
        return;
    }
    buf_addf(subject, "%s%s%s", status_state_row(lane->update.state)->text[lane->language],
             say(lane, W_COLON), lane->row.title[lane->language]);
    buf_addf(text, "%s\n\n%s ", lane->update.body[lane->language], say(lane, W_MAIL_MORE));
    add_page_url(lane, text);
    buf_addf(text, "\n%s ", say(lane, W_MAIL_END));
    add_token_url(lane, text);
    buf_add_char(text, '\n');
}

static void add_url(const struct lane *lane, const char *key,
                    void (*add)(const struct lane *lane, struct buf *buf), struct buf *body) {
    BUF_AUTO url;
    buf_init(&url, STATUS_JSON_BYTES_MAX);
    add(lane, &url);
    buf_addf(body, ",\"%s\":", key);
    buf_add_json(body, url.data);
}

/* The same bytes on each try. */
static void write_body(const struct lane *lane, const char *secret, struct buf *body) {
    char time[CLOCK_TEXT_MAX];
    bool ask = lane->update_id[0] == '\0';
    buf_addf(body, "{\"id\":\"%s\",\"type\":\"%s\"", lane->id,
             ask ? "status.subscription" : "status.update");
    if (ask) {
        add_url(lane, "confirm_url", add_token_url, body);
        buf_add_text(body, ",\"secret\":");
        buf_add_json(body, secret);
        buf_add_char(body, '}');
        return;
    }
    buf_addf(body, ",\"timestamp\":\"%s\",\"data\":",
             clock_format(lane->update.published_us, time));
    buf_addf(body, "{\"incident_id\":\"%s\",\"status\":\"%s\",\"impact\":\"%s\"", lane->row.id,
             status_state_name(lane->update.state), status_impact_name(lane->row.impact));
    for (int language = 0; language < LANGUAGES; language++) {
        const char *name = language_name((enum language)language);
        buf_addf(body, ",\"name_%s\":", name);
        buf_add_json(body, lane->row.title[language]);
        buf_addf(body, ",\"body_%s\":", name);
        buf_add_json(body, lane->update.body[language]);
    }
    buf_add_text(body, ",\"components\":");
    status_touches_json(lane->status, &lane->update.touched, body);
    add_url(lane, "url", add_page_url, body);
    add_url(lane, "unsubscribe_url", add_token_url, body);
    buf_add_text(body, "}}");
}

/* ---- sending ---- */

static void fail(struct lane *lane, enum channel_outcome outcome, const char *why) {
    lane->verdict = (struct channel_verdict){.outcome = outcome};
    snprintf(lane->verdict.reason, sizeof lane->verdict.reason, "%.*s", CHANNEL_REASON_BYTES - 1,
             why);
}

static void send_mail(struct lane *lane) {
    const struct status_options *options = &lane->status->options;
    BUF_AUTO subject;
    BUF_AUTO text;
    buf_init(&subject, STATUS_JSON_BYTES_MAX);
    buf_init(&text, STATUS_JSON_BYTES_MAX);
    if (options->email == NULL) {
        fail(lane, CHANNEL_REJECTED, "no channel for mail is configured any more");
        return;
    }
    write_mail(lane, &subject, &text);
    const struct letter letter = {lane->address, subject.data, text.data};
    const struct channel_moment moment = {clock_wall_us(), lane->id, random_u64(), false};
    letter_send(options->email, &options->clients, &letter, &moment, &lane->verdict);
}

static void judge(struct lane *lane, int r, const struct http_answer *answer,
                  const struct err *err) {
    bool asked = lane->update_id[0] == '\0';
    if (r < 0) {
        fail(lane, CHANNEL_AGAIN, err->detail);
    } else if (answer->status >= 200 && answer->status <= 299) {
        fail(lane, CHANNEL_SENT, "");
    } else {
        char why[40];
        snprintf(why, sizeof why, "it answered %d", answer->status);
        fail(lane, answer->status == GONE || asked ? CHANNEL_REJECTED : CHANNEL_AGAIN, why);
        lane->gone = answer->status == GONE;
    }
}

/* Anybody may have given this address: it is called only where all the world can be reached. */
static void send_webhook(struct lane *lane) {
    const struct status_options *options = &lane->status->options;
    struct secret *key = NULL;
    SECRET_AUTO text = NULL;
    struct standard_webhook webhook;
    struct err err = {0};
    BUF_AUTO body;
    HTTP_ANSWER_AUTO answer = {0};
    buf_init(&body, STATUS_JSON_BYTES_MAX);
    int r = options->seal != NULL
                ? seal_read(options->seal, lane->subscriber, lane->sealed, &text, &err)
                : err_set(&err, ERR_CRYPTO, "its secret cannot be read");
    r = r < 0 ? r : standard_webhook_secret_read(secret_bytes(text), &key, &err);
    if (r >= 0) {
        write_body(lane, secret_bytes(text), &body);
        r = standard_webhook_sign((const struct secret *const *)&key, 1, lane->id,
                                  clock_wall_us() / US_PER_SECOND, body.data, body.len, &webhook,
                                  &err);
    }
    if (r >= 0) {
        struct http_header headers[STANDARD_WEBHOOK_HEADERS + 1] = {
            {"Content-Type", "application/json"}};
        memcpy(headers + 1, webhook.headers, sizeof webhook.headers);
        const struct http_call call = {
            .method = "POST",
            .url = lane->address,
            .headers = headers,
            .header_count = COUNT_OF(headers),
            .body = body.data,
            .body_bytes = body.len,
            .timeout_us = WEBHOOK_US,
            .answer_bytes_max = ANSWER_BYTES_MAX,
            .repeatable = true,
            .public_only = true,
        };
        r = http_call(options->clients.http, &call, &answer, &err);
    }
    judge(lane, r, &answer, &err);
    secret_free(key);
}

static int last_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return note_sent(ctx, tx, clock_wall_us(), err);
}

int status_run_lane(struct status *status, int number, int64_t *ret_again_us, struct err *err) {
    int64_t end_us = clock_mono_us() + RUN_US;
    struct lane lane = {.status = status, .number = number, .first = true};
    while (true) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        lane.arena = arena;
        int r = store_write(status->options.store, turn_tx, &lane, err);
        if (r < 0) {
            return r;
        }
        lane.first = lane.has_sent = lane.gone = false;
        if (!lane.taken) {
            *ret_again_us = lane.again_us;
            return 0;
        }
        if (by_webhook(&lane)) {
            send_webhook(&lane);
        } else {
            send_mail(&lane);
        }
        lane.has_sent = true;
        lane.sent_tries = lane.tries;
        snprintf(lane.sent, sizeof lane.sent, "%s", lane.id);
        snprintf(lane.sent_to, sizeof lane.sent_to, "%s", lane.subscriber);
        if (clock_mono_us() > end_us) {
            *ret_again_us = clock_wall_us();
            return store_write(status->options.store, last_tx, &lane, err);
        }
    }
}
