/* SPDX-License-Identifier: Apache-2.0
 * message_send.c: one lane of a message: one call after the other. Each transaction notes what
 * became of the last call and takes the next one, so a call costs one commit, and what a crash
 * leaves in doubt is one call a lane at the most.
 *
 * A mailing is "sending" from before its call until what became of it is noted. Whatever a new run
 * finds so was cut short: by mail and text message it stays in doubt and is not sent again; a
 * webhook is sent again with the same bytes under the same name, by which its receiver knows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "comms/message_impl.h"
#include "store/audit.h"

enum { TRIES_MAX = 8 };
/* A run takes no further call after this: with the call's own deadline that is within the lease. */
#define RUN_US (60 * US_PER_SECOND)
#define BURST_US US_PER_SECOND
static const int64_t pause_us[] = {
    2 * US_PER_SECOND,  10 * US_PER_SECOND,  30 * US_PER_SECOND,  60 * US_PER_SECOND,
    120 * US_PER_SECOND, 300 * US_PER_SECOND, 600 * US_PER_SECOND,
};

struct sent_one {
    const char *id, *address, *subject, *body, *digest, *person;
};
struct lane {
    struct messages *messages;
    const char *id;
    int lane;
    struct arena *arena; /* of the batch that is taken */
    /* what was sent */
    bool has_sent;
    int64_t sent_batch, sent_tries;
    enum message_by sent_by;
    struct channel_verdict verdict;
    /* what is next */
    bool taken, over;
    int64_t again_us, batch, tries;
    enum message_by by;
    struct sent_one *mailings;
    int count;
    bool first; /* the run's first transaction: looks for what was cut short */
};

/* ---- what became of the last ---- */

static enum mailing_state fate(const struct lane *lane, int64_t now_us, int64_t *ret_due_us) {
    const struct channel_verdict *verdict = &lane->verdict;
    int64_t tries = lane->sent_tries;
    *ret_due_us = 0;
    if (verdict->outcome == CHANNEL_SENT) {
        return MAILING_SENT;
    }
    if (verdict->outcome == CHANNEL_AGAIN && verdict->in_doubt && lane->sent_by != BY_WEBHOOK) {
        return MAILING_IN_DOUBT;
    }
    if (verdict->outcome == CHANNEL_REJECTED || tries >= TRIES_MAX) {
        return MAILING_FAILED;
    }
    size_t index = (size_t)(tries > 0 ? tries - 1 : 0);
    int64_t wait_us = pause_us[index < COUNT_OF(pause_us) ? index : COUNT_OF(pause_us) - 1];
    *ret_due_us = now_us + (verdict->wait_us > wait_us ? verdict->wait_us : wait_us);
    return MAILING_WAITING;
}

static int note_sent(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    int64_t due_us = 0;
    enum mailing_state state = fate(lane, now_us, &due_us);
    int r = sql_put(tx, err,
                    "UPDATE mailing SET state = $4, due_us = $5, code = $6, why = $7, provider_id "
                    "= $8, updated_us = $9 WHERE message_id = $1 AND lane = $2 AND batch = $3 AND "
                    "state = 2",
                    S_TEXT(lane->id), S_INT(lane->lane), S_INT(lane->sent_batch), S_INT(state),
                    S_INT(due_us), S_TEXT(lane->verdict.code), S_TEXT(lane->verdict.reason),
                    S_TEXT(lane->verdict.provider_id), S_INT(now_us));
    if (r >= 0 && lane->verdict.whole_channel) {
        r = message_block(tx, lane->sent_by, now_us + lane->verdict.wait_us, err);
    }
    return r;
}

/* ---- what was cut short ---- */

static int settle_cut(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    int r = sql_put(tx, err,
                    "UPDATE mailing SET state = 1, updated_us = $4 WHERE message_id = $1 AND lane "
                    "= $2 AND state = 2 AND channel = $3",
                    S_TEXT(lane->id), S_INT(lane->lane), S_INT(BY_WEBHOOK), S_INT(now_us));
    return r < 0 ? r
                 : sql_put(tx, err,
                           "UPDATE mailing SET state = 5, code = 'cut', why = 'its sending was cut "
                           "short', updated_us = $3 WHERE message_id = $1 AND lane = $2 AND state "
                           "= 2",
                           S_TEXT(lane->id), S_INT(lane->lane), S_INT(now_us));
}

/* ---- the next ---- */

/* The earliest waiting batch, and when it is due. 1: there is one. */
static int next_batch(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT batch, channel, tries, due_us FROM mailing WHERE message_id = $1 AND "
                      "lane = $2 AND state = 1 AND due_us <= $3 ORDER BY batch LIMIT 1",
                      S_TEXT(lane->id), S_INT(lane->lane), S_INT(now_us));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        lane->batch = sql_int(rows, 0);
        lane->by = (enum message_by)sql_int(rows, 1);
        lane->tries = sql_int(rows, 2) + 1;
        lane->again_us = sql_int(rows, 3);
    }
    return r;
}

static int next_due(struct lane *lane, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT MIN(due_us) FROM mailing WHERE message_id = $1 AND lane = $2 AND "
                      "state = 1",
                      S_TEXT(lane->id), S_INT(lane->lane));
    r = r < 0 ? r : sql_next(rows, err);
    lane->again_us = r > 0 && !sql_null(rows, 0) ? sql_int(rows, 0) : 0;
    return r < 0 ? r : lane->again_us > 0;
}

int message_pace(struct store_tx *tx, enum message_by by, int per_second, int64_t now_us,
                 int64_t *ret_again_us, struct err *err) {
    const char *name = message_by_name(by);
    int64_t even_us = 0, blocked_us = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows,
                          "SELECT even_us, blocked_us FROM message_channel WHERE name = $1 "
                          "FOR UPDATE",
                          S_TEXT(name));
        r = r < 0 ? r : sql_next(rows, err);
        if (r < 0) {
            return r;
        }
        even_us = r > 0 ? sql_int(rows, 0) : 0;
        blocked_us = r > 0 ? sql_int(rows, 1) : 0;
    }
    if (blocked_us > now_us) {
        *ret_again_us = blocked_us;
        return 0;
    }
    if (per_second == 0) {
        return 1;
    }
    even_us = even_us > now_us ? even_us : now_us;
    if (even_us - now_us >= BURST_US) {
        *ret_again_us = even_us - BURST_US + 1;
        return 0;
    }
    int r = sql_put(tx, err,
                    "INSERT INTO message_channel (name, even_us, blocked_us) VALUES ($1, $2, 0) ON "
                    "CONFLICT (name) DO UPDATE SET even_us = $2",
                    S_TEXT(name), S_INT(even_us + US_PER_SECOND / per_second));
    return r < 0 ? r : 1;
}

int message_block(struct store_tx *tx, enum message_by by, int64_t until_us, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO message_channel (name, even_us, blocked_us) VALUES ($1, 0, $2) ON "
                   "CONFLICT (name) DO UPDATE SET blocked_us = $2",
                   S_TEXT(message_by_name(by)), S_INT(until_us));
}

static int load_batch(struct lane *lane, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    lane->mailings = arena_alloc(lane->arena, MESSAGE_BATCH * sizeof *lane->mailings);
    lane->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, address, subject, body, digest, person FROM mailing WHERE "
                      "message_id = $1 AND lane = $2 AND batch = $3 AND state = 1 ORDER BY number",
                      S_TEXT(lane->id), S_INT(lane->lane), S_INT(lane->batch));
    for (r = r < 0 ? r : sql_next(rows, err); r > 0 && lane->count < MESSAGE_BATCH;
         r = sql_next(rows, err)) {
        lane->mailings[lane->count++] = (struct sent_one){
            .id = arena_copy(lane->arena, sql_text(rows, 0)),
            .address = arena_copy(lane->arena, sql_text(rows, 1)),
            .subject = arena_copy(lane->arena, sql_text(rows, 2)),
            .body = arena_copy(lane->arena, sql_text(rows, 3)),
            .digest = arena_copy(lane->arena, sql_text(rows, 4)),
            .person = arena_copy(lane->arena, sql_text(rows, 5)),
        };
    }
    return r < 0 ? r : 0;
}

static int take(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    int r = load_batch(lane, tx, err);
    lane->taken = r >= 0;
    lane->again_us = 0;
    return r < 0 ? r
                 : sql_put(tx, err,
                           "UPDATE mailing SET state = 2, tries = tries + 1, updated_us = $4 WHERE "
                           "message_id = $1 AND lane = $2 AND batch = $3 AND state = 1",
                           S_TEXT(lane->id), S_INT(lane->lane), S_INT(lane->batch),
                           S_INT(now_us));
}

/* Nobody waits in this lane: the message is sent when nobody does in any. */
static int end_lane(struct lane *lane, struct store_tx *tx, int64_t now_us, struct err *err) {
    struct message_row row = {0};
    int r = message_load(tx, lane->arena, lane->id, true, &row, err);
    if (r < 0 || row.state != MESSAGE_SENDING) {
        return r;
    }
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT id FROM mailing WHERE message_id = $1 AND state IN (1, 2) LIMIT 1",
                      S_TEXT(lane->id));
        r = r < 0 ? r : sql_next(rows, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
    r = sql_put(tx, err,
                "UPDATE message SET state = $2, sent_us = $3, updated_us = $3 WHERE id = $1",
                S_TEXT(lane->id), S_INT(MESSAGE_SENT), S_INT(now_us));
    return r < 0 ? r : audit_append(tx, "system", "message.sent", lane->id, "", "{}", err);
}

static int state_of(struct lane *lane, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT state FROM message WHERE id = $1", S_TEXT(lane->id));
    r = r < 0 ? r : sql_next(rows, err);
    return r <= 0 ? r : (int)sql_int(rows, 0);
}

static int turn_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct lane *lane = ctx;
    int64_t now_us = clock_wall_us();
    lane->taken = lane->over = false;
    lane->again_us = 0;
    int r = lane->has_sent ? note_sent(lane, tx, now_us, err) : 0;
    r = r < 0 || !lane->first ? r : settle_cut(lane, tx, now_us, err);
    r = r < 0 ? r : state_of(lane, tx, err);
    if (r != MESSAGE_SENDING) {
        lane->over = true;
        return r < 0 ? r : 0;
    }
    r = next_batch(lane, tx, now_us, err);
    if (r > 0) {
        int per_second = lane->messages->options.per_second[lane->by];
        r = message_pace(tx, lane->by, per_second, now_us, &lane->again_us, err);
        return r <= 0 ? r : take(lane, tx, now_us, err);
    }
    r = r < 0 ? r : next_due(lane, tx, err);
    if (r == 0) {
        lane->over = true;
        r = end_lane(lane, tx, now_us, err);
    }
    return r < 0 ? r : 0;
}

/* ---- sending ---- */

static bool is_as_approved(const struct lane *lane, const struct sent_one *one) {
    char digest[SHA256_HEX_CHARS + 1];
    mailing_digest(lane->by, one->address, one->subject, one->body, digest);
    return strcmp(digest, one->digest) == 0;
}

/* {"id", "type": "message.customers", "message_id", "recipients": [{"mailing_id", "person",
 * "subject", "text"}]}: the same bytes on each try. */
static void write_batch(const struct lane *lane, const char *name, struct buf *buf) {
    buf_addf(buf,
             "{\"id\":\"%s\",\"type\":\"message.customers\",\"message_id\":\"%s\",\"recipients\":[",
             name, lane->id);
    for (int i = 0; i < lane->count; i++) {
        const struct sent_one *one = &lane->mailings[i];
        buf_addf(buf, "%s{\"mailing_id\":\"%s\",\"person\":", i > 0 ? "," : "", one->id);
        buf_add_json(buf, one->person);
        buf_add_text(buf, ",\"subject\":");
        buf_add_json(buf, one->subject);
        buf_add_text(buf, ",\"text\":");
        buf_add_json(buf, one->body);
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, "]}");
}

static void send_batch(struct lane *lane) {
    const struct messages_options *options = &lane->messages->options;
    const struct channel *channel = options->by[lane->by];
    char name[ID_TEXT_MAX + 24];
    BUF_AUTO body;
    buf_init(&body, MESSAGE_JSON_BYTES_MAX);
    lane->verdict = (struct channel_verdict){.outcome = CHANNEL_REJECTED, .code = "changed"};
    for (int i = 0; i < lane->count; i++) {
        if (!is_as_approved(lane, &lane->mailings[i])) {
            snprintf(lane->verdict.reason, sizeof lane->verdict.reason,
                     "it is not what was approved: somebody changed it since");
            return;
        }
    }
    if (channel == NULL) {
        snprintf(lane->verdict.code, sizeof lane->verdict.code, "channel");
        snprintf(lane->verdict.reason, sizeof lane->verdict.reason,
                 "no channel is configured for %s any more", message_by_name(lane->by));
        return;
    }
    struct letter letter = {.to = lane->mailings[0].address,
                            .subject = lane->mailings[0].subject,
                            .text = lane->mailings[0].body};
    snprintf(name, sizeof name, "%s", lane->mailings[0].id);
    if (lane->by == BY_WEBHOOK) {
        snprintf(name, sizeof name, "%s-%lld", lane->id, (long long)lane->batch);
        write_batch(lane, name, &body);
        letter.text = body.data;
    }
    const struct channel_moment moment = {clock_wall_us(), name, random_u64(), false};
    letter_send(channel, &options->clients, &letter, &moment, &lane->verdict);
}

/* The run's time is over: notes the last call and takes no other one. */
static int last_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return note_sent(ctx, tx, clock_wall_us(), err);
}

int message_run_lane(struct messages *messages, const char *id, int number, int64_t *ret_again_us,
                     struct err *err) {
    int64_t end_us = clock_mono_us() + RUN_US;
    struct lane lane = {.messages = messages, .id = id, .lane = number, .first = true};
    while (true) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        lane.arena = arena;
        int r = store_write(messages->options.store, turn_tx, &lane, err);
        if (r < 0 || lane.over) {
            return r;
        }
        lane.first = lane.has_sent = false;
        if (!lane.taken) {
            *ret_again_us = lane.again_us;
            return 0;
        }
        send_batch(&lane);
        lane.has_sent = true;
        lane.sent_batch = lane.batch;
        lane.sent_tries = lane.tries;
        lane.sent_by = lane.by;
        if (clock_mono_us() > end_us) {
            *ret_again_us = clock_wall_us();
            return store_write(messages->options.store, last_tx, &lane, err);
        }
    }
}
