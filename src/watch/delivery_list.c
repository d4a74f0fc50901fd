/* SPDX-License-Identifier: Apache-2.0
 * delivery_list.c: deliveries and channels as people look at them, and what is removed when it is
 * old. */
#include <string.h>

#include "watch/delivery_impl.h"

static void add_text(struct buf *buf, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        buf_addf(buf, ",\"%s\":", key);
        buf_add_json(buf, value);
    }
}

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", key, clock_format(wall_us, time));
    }
}

struct listing {
    struct deliveries *deliveries;
    const struct deliveries_filter *filter;
    struct buf *buf;
};

static void render(struct buf *buf, const struct sql_rows *rows) {
    static const struct {
        const char *key;
        int column;
    } texts[] = {
        {"channel", 1},       {"fingerprint", 2}, {"headline", 4},
        {"code", 9},          {"reason", 10},     {"provider_id", 11},
        {"fallback_for", 12}, {"fallback", 13},   {"folded_into", 14},
    };
    enum delivery_state state = (enum delivery_state)sql_int(rows, 5);
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, sql_text(rows, 0));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        add_text(buf, texts[i].key, sql_text(rows, texts[i].column));
    }
    buf_addf(buf, ",\"severity\":\"%s\",\"state\":\"%s\",\"tries\":%lld",
             notice_severity_name((enum notice_severity)sql_int(rows, 3)),
             delivery_state_name(state), (long long)sql_int(rows, 6));
    add_time(buf, "created_at", sql_int(rows, 7));
    add_time(buf, "next_at", state == DELIVERY_WAITING ? sql_int(rows, 8) : 0);
    buf_add_char(buf, '}');
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    const struct deliveries_filter *filter = listing->filter;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, channel, fingerprint, severity, headline, state, tries, created_us, due_us, "
        "last_code, last_error, provider_id, fallback_for, fallback_id, folded_into "
        "FROM alert_delivery WHERE ($1 = '' OR channel = $1) AND ($2 = '' OR fingerprint = $2) "
        "AND ($3 = 0 OR state = $3) AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5",
        S_TEXT(filter->channel != NULL ? filter->channel : ""),
        S_TEXT(filter->fingerprint != NULL ? filter->fingerprint : ""), S_INT(filter->state),
        S_TEXT(filter->before != NULL ? filter->before : ""), S_INT(filter->limit));
    buf_clear(listing->buf);
    buf_add_char(listing->buf, '[');
    for (int count = 0; r >= 0 && (r = sql_next(rows, err)) > 0; count++) {
        buf_add_text(listing->buf, count > 0 ? "," : "");
        render(listing->buf, rows);
    }
    buf_add_char(listing->buf, ']');
    return r;
}

int deliveries_list(struct deliveries *deliveries, const struct deliveries_filter *filter,
                    struct buf *buf, struct err *err) {
    struct listing listing = {deliveries, filter, buf};
    if (filter->limit < 1 || filter->limit > DELIVERIES_LISTED_MAX) {
        err_set(err, ERR_VALIDATION, "1 to %d deliveries are listed at once",
                DELIVERIES_LISTED_MAX);
        return err_place(err, "limit");
    }
    return store_read(deliveries->options.store, list_tx, &listing, err);
}

/* ---- channels ---- */

static const char *channel_state(int64_t sent_us, int64_t failed_us, int64_t failures,
                                 int64_t blocked_us) {
    return blocked_us > clock_wall_us()     ? "blocked"
           : sent_us == 0 && failed_us == 0 ? "new"
           : failures > 0                   ? "fails"
                                            : "works";
}

static int add_channel(struct store_tx *tx, const struct channel *channel, struct buf *buf,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT n.waiting, n.oldest_us, coalesce(c.sent_us, 0), "
                      "coalesce(c.failed_us, 0), coalesce(c.failures, 0), "
                      "coalesce(c.blocked_us, 0), c.last_code, c.last_error FROM "
                      "(SELECT COUNT(*) AS waiting, coalesce(MIN(created_us), 0) AS oldest_us "
                      "FROM alert_delivery WHERE channel = $1 AND state = 1) n "
                      "LEFT JOIN alert_channel c ON c.name = $1",
                      S_TEXT(channel_name(channel)));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t failures = sql_int(rows, 4), blocked_us = sql_int(rows, 5);
    buf_addf(buf, "{\"name\":\"%s\",\"kind\":\"%s\"", channel_name(channel),
             channel_kind_name(channel_kind(channel)));
    add_text(buf, "target", channel_target(channel));
    add_text(buf, "fallback", channel_fallback(channel));
    buf_addf(buf, ",\"state\":\"%s\",\"waiting\":%lld,\"failures\":%lld",
             channel_state(sql_int(rows, 2), sql_int(rows, 3), failures, blocked_us),
             (long long)sql_int(rows, 0), (long long)failures);
    add_time(buf, "oldest_waiting_at", sql_int(rows, 1));
    add_time(buf, "sent_at", sql_int(rows, 2));
    add_time(buf, "failed_at", sql_int(rows, 3));
    add_time(buf, "blocked_until", blocked_us > clock_wall_us() ? blocked_us : 0);
    add_text(buf, "code", sql_text(rows, 6));
    add_text(buf, "reason", sql_text(rows, 7));
    buf_add_char(buf, '}');
    return 0;
}

static int channels_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct listing *listing = ctx;
    const struct channels *channels = listing->deliveries->options.channels;
    int r = 0;
    buf_clear(listing->buf);
    buf_add_char(listing->buf, '[');
    for (int i = 0; r >= 0 && i < channels_count(channels); i++) {
        buf_add_text(listing->buf, i > 0 ? "," : "");
        r = add_channel(tx, channels_at(channels, i), listing->buf, err);
    }
    buf_add_char(listing->buf, ']');
    return r;
}

int deliveries_channels(struct deliveries *deliveries, struct buf *buf, struct err *err) {
    struct listing listing = {deliveries, NULL, buf};
    return store_read(deliveries->options.store, channels_tx, &listing, err);
}

int deliveries_prune(struct store_tx *tx, int64_t before_us, int rows_max, struct err *err) {
    return (int)sql_exec(tx, err,
                         "DELETE FROM alert_delivery WHERE id IN (SELECT id FROM alert_delivery "
                         "WHERE state <> 1 AND updated_us < $1 ORDER BY updated_us LIMIT $2)",
                         S_INT(before_us), S_INT(rows_max));
}
