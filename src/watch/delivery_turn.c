/* SPDX-License-Identifier: Apache-2.0
 * delivery_turn.c: whose turn it is on a channel, within what its provider takes.
 *
 * One at a time: so order is kept, a provider that hangs holds one worker and not all of them, and
 * several instances share one rate. The rate is remembered as one time ("even"): when the next
 * message would be due if all went out evenly. Each one that goes moves it on by an interval; one
 * may go while it lies less than burst - 1 intervals ahead. (That is a token bucket; the books know
 * it as the generic cell rate algorithm.)
 *
 * Many that wait are folded where people read: the one whose turn it is takes the headlines of the
 * others along, gravest first, and those are done. Machines are told of each. */
#include <stdio.h>
#include <string.h>

#include "watch/delivery_impl.h"

enum {
    FOLD_FROM = 4,    /* fewer others than this are sent one by one */
    FOLD_MAX = 500,   /* at once */
    RANK_WAIT_S = 30, /* nobody looks again later than that, however many are before him */
};

struct turn {
    int64_t even_us, blocked_us, sending_us;
    bool other_sends;
};

int delivery_channel_lock(struct store_tx *tx, const char *channel, struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO alert_channel (name, even_us, blocked_us, sending, sending_us, "
                    "sent_us, failed_us, failures, last_code, last_error) VALUES ($1, 0, 0, '', 0, "
                    "0, 0, 0, '', '') ON CONFLICT DO NOTHING",
                    S_TEXT(channel));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0
            ? r
            : sql_query(tx, err, &rows, "SELECT name FROM alert_channel WHERE name = $1 FOR UPDATE",
                        S_TEXT(channel));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r : 0;
}

static int load_turn(struct store_tx *tx, const struct delivery_row *row, int64_t now_us,
                     struct turn *ret_turn, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT even_us, blocked_us, sending, sending_us FROM alert_channel "
                      "WHERE name = $1",
                      S_TEXT(row->channel));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the channel's row was just locked");
    }
    const char *sending = sql_text(rows, 2);
    *ret_turn = (struct turn){
        .even_us = sql_int(rows, 0),
        .blocked_us = sql_int(rows, 1),
        .sending_us = sql_int(rows, 3),
        .other_sends = sending[0] != '\0' && strcmp(sending, row->id) != 0,
    };
    ret_turn->other_sends = ret_turn->other_sends && ret_turn->sending_us > now_us;
    return 0;
}

/* How many wait before this one; those that try again later are not waited for. */
static int count_before(struct store_tx *tx, const struct delivery_row *row, int64_t until_us,
                        int64_t *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(*) FROM alert_delivery WHERE channel = $1 AND state = 1 AND "
                      "due_us <= $4 AND (severity < $2 OR (severity = $2 AND id < $3))",
                      S_TEXT(row->channel), S_INT(row->severity), S_TEXT(row->id), S_INT(until_us));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_count = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

static void take_along(struct notice *notice, struct arena *arena, const char *headline) {
    if (notice->also_count < NOTICE_ALSO_MAX) {
        notice->also[notice->also_count++] = arena_copy(arena, headline);
    } else {
        notice->also_more++;
    }
}

/* The headlines of all others that wait into this one's notice. Returns how many, below FOLD_FROM:
 * none was folded. */
static int gather(struct store_tx *tx, const struct delivery_row *row, struct notice *notice,
                  struct arena *arena, const char **ret_ids, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, headline FROM alert_delivery WHERE channel = $1 AND state = 1 "
                      "AND id <> $2 ORDER BY severity, id LIMIT $3",
                      S_TEXT(row->channel), S_TEXT(row->id), S_INT(FOLD_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        ret_ids[count++] = arena_copy(arena, sql_text(rows, 0));
        take_along(notice, arena, sql_text(rows, 1));
    }
    return r < 0 ? r : count;
}

static int fold(struct store_tx *tx, struct delivery_row *row, struct arena *arena, int64_t now_us,
                struct err *err) {
    const char **ids = arena_alloc(arena, sizeof *ids * FOLD_MAX);
    struct notice notice;
    int r = notice_read(arena, row->notice_json, strlen(row->notice_json), &notice, err);
    int count = r < 0 ? r : gather(tx, row, &notice, arena, ids, err);
    if (count < FOLD_FROM) {
        return count < 0 ? count : 0;
    }
    BUF_AUTO json;
    buf_init(&json, NOTICE_JSON_BYTES_MAX);
    notice_write(&notice, &json);
    if (!buf_ok(&json)) {
        return 0; /* a notice that fills its room goes alone */
    }
    for (int i = 0; r >= 0 && i < count; i++) {
        r = sql_put(tx, err,
                    "UPDATE alert_delivery SET state = $2, folded_into = $3, updated_us = $4 "
                    "WHERE id = $1",
                    S_TEXT(ids[i]), S_INT(DELIVERY_FOLDED), S_TEXT(row->id), S_INT(now_us));
        int gone = r < 0 ? r : job_cancel(tx, JOB_ALERT, ids[i], err);
        r = gone < 0 ? gone : 0;
    }
    row->notice_json = arena_copy(arena, json.data);
    return r < 0 ? r
                 : sql_put(tx, err, "UPDATE alert_delivery SET notice = $2 WHERE id = $1",
                           S_TEXT(row->id), S_TEXT(row->notice_json));
}

/* In doubt until its end is noted: this process may die before. */
static int take(struct store_tx *tx, struct delivery_row *row, int64_t even_us, int64_t now_us,
                struct err *err) {
    int r = sql_put(tx, err,
                    "UPDATE alert_channel SET even_us = $2, sending = $3, sending_us = $4 "
                    "WHERE name = $1",
                    S_TEXT(row->channel), S_INT(even_us), S_TEXT(row->id),
                    S_INT(now_us + SENDING_US));
    row->tries++;
    return r < 0 ? r
                 : sql_put(tx, err,
                           "UPDATE alert_delivery SET tries = $2, in_doubt = 1, updated_us = $3 "
                           "WHERE id = $1",
                           S_TEXT(row->id), S_INT(row->tries), S_INT(now_us));
}

int delivery_turn(struct store_tx *tx, const struct channel *channel, struct delivery_row *row,
                  struct arena *arena, int64_t now_us, int64_t *ret_again_us, struct err *err) {
    const struct channel_rate rate = channel_rate(channel);
    struct turn turn = {0};
    int64_t before = 0;
    int r = load_turn(tx, row, now_us, &turn, err);
    if (r < 0) {
        return r;
    }
    int64_t free_us = turn.even_us - (rate.burst - 1) * rate.interval_us;
    free_us = free_us > turn.blocked_us ? free_us : turn.blocked_us;
    int64_t base_us = free_us > now_us ? free_us : now_us;
    r = count_before(tx, row, base_us, &before, err);
    if (r < 0) {
        return r;
    }
    if (turn.other_sends || free_us > now_us || before > 0) {
        int64_t rank_us = before * rate.interval_us;
        int64_t longest_us = RANK_WAIT_S * US_PER_SECOND;
        rank_us = rank_us < longest_us ? rank_us : longest_us;
        bool wait = turn.other_sends || before > 0;
        *ret_again_us = base_us + (wait && rank_us < US_PER_SECOND ? US_PER_SECOND : rank_us);
        return 0;
    }
    if (rate.folds) {
        r = fold(tx, row, arena, now_us, err);
    }
    int64_t even_us = turn.even_us > now_us ? turn.even_us : now_us;
    r = r < 0 ? r : take(tx, row, even_us + rate.interval_us, now_us, err);
    return r < 0 ? r : 1;
}

int delivery_turn_over(struct store_tx *tx, const struct channel *channel, const char *id,
                       int64_t now_us, struct err *err) {
    const struct channel_rate rate = channel_rate(channel);
    int64_t free_us = 0;
    char next[ID_TEXT_MAX] = "";
    int r = sql_put(tx, err,
                    "UPDATE alert_channel SET sending = '', sending_us = 0 "
                    "WHERE name = $1 AND sending = $2",
                    S_TEXT(channel_name(channel)), S_TEXT(id));
    if (r < 0) {
        return r;
    }
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT d.id, c.even_us, c.blocked_us FROM alert_delivery d "
                      "JOIN alert_channel c ON c.name = d.channel WHERE d.channel = $1 AND "
                      "d.state = 1 AND d.id <> $2 AND d.tries = 0 ORDER BY d.severity, d.id "
                      "LIMIT 1",
                      S_TEXT(channel_name(channel)), S_TEXT(id));
        r = r < 0 ? r : sql_next(rows, err);
        if (r <= 0) {
            return r;
        }
        (void)snprintf(next, sizeof next, "%s", sql_text(rows, 0));
        free_us = sql_int(rows, 1) - (rate.burst - 1) * rate.interval_us;
        free_us = free_us > sql_int(rows, 2) ? free_us : sql_int(rows, 2);
    }
    r = job_hasten(tx, JOB_ALERT, next, free_us > now_us ? free_us : now_us, err);
    return r < 0 ? r : 0;
}
