/* SPDX-License-Identifier: Apache-2.0
 * counters.c: velocities, as rows that payments of all instances share.
 *
 * A row is one bucket of one velocity of one customer (card, address, e-mail). A payment moves a
 * row for each velocity, in one statement and in the order of their keys, so that two payments
 * never wait for each other in a circle; and reads all of them in one more, with the lists and the
 * switch. Rows go when no window reaches them any more (risk_prune()). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "risk/internal.h"

enum { KEY_CHARS = 64 };

struct slot {
    char key[KEY_CHARS + 1]; /* "": the payment does not move this meter */
    int64_t bucket_us, first_us, last_us, expires_us, moves;
    int meter;
};

/* Nobody who reads the table learns whose row it is. */
static void make_key(const struct risk *risk, const struct risk_meter *meter, const char *value,
                     char ret_key[KEY_CHARS + 1]) {
    char text[RISK_VALUE_BYTES_MAX + 128];
    int count = snprintf(text, sizeof text, "velocity %s %lld %s %s", risk_by_name(meter->by),
                         (long long)meter->over_us, meter->currency, value);
    INVARIANT(count > 0 && (size_t)count < sizeof text, "facts are shorter than that");
    seal_digest(risk->options.seal, text, (size_t)count, ret_key);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct slot *)a)->key, ((const struct slot *)b)->key);
}

static void fill(const struct risk *risk, const struct risk_facts *facts,
                 struct slot slots[RISK_METERS_MAX]) {
    const struct risk_meter *meters;
    int count = risk_meters(risk->rules, &meters);
    memset(slots, 0, sizeof(struct slot) * RISK_METERS_MAX);
    for (int i = 0; i < count; i++) {
        struct slot *slot = &slots[i];
        slot->meter = i;
        if (!risk_meter_moves(&meters[i], facts)) {
            continue;
        }
        make_key(risk, &meters[i], risk_value(facts, meters[i].by), slot->key);
        slot->bucket_us = risk_bucket(&meters[i], facts->at_us);
        risk_buckets(&meters[i], facts->at_us, &slot->first_us, &slot->last_us);
        slot->expires_us = slot->bucket_us + (RISK_BUCKETS + 1) * meters[i].bucket_us;
        slot->moves = meters[i].currency[0] != '\0' ? facts->amount_minor : 1;
    }
    qsort(slots, RISK_METERS_MAX, sizeof slots[0], by_key);
}

#define MOVE(i) S_TEXT(s[i].key), S_INT(s[i].bucket_us), S_INT(s[i].moves), S_INT(s[i].expires_us)
#define ROW(a, b, c, d)                                                                            \
    "(CAST($" #a " AS text), CAST($" #b " AS bigint), CAST($" #c " AS bigint), CAST($" #d          \
    " AS bigint))"
#define ROWS_OF_SLOTS                                                                              \
    ROW(1, 2, 3, 4)                                                                                \
    ", " ROW(5, 6, 7, 8) ", " ROW(9, 10, 11, 12) ", " ROW(13, 14, 15, 16) ", " ROW(                \
        17, 18, 19, 20) ", " ROW(21, 22, 23, 24) ", " ROW(25, 26, 27, 28) ", " ROW(29, 30, 31, 32)

int counters_move(const struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                  struct err *err) {
    struct slot s[RISK_METERS_MAX];
    static_assert(RISK_METERS_MAX == 8, "the statement has a row for each");
    fill(risk, facts, s);
    if (s[RISK_METERS_MAX - 1].key[0] == '\0' || PLANTED(VELOCITY_UNCOUNTED)) {
        return 0; /* sorted: the last one is the fullest */
    }
    return sql_put(tx, err,
                   "INSERT INTO risk_velocity (key, bucket_us, moved, expires_us) SELECT column1, "
                   "column2, column3, column4 FROM (VALUES " ROWS_OF_SLOTS
                   ") AS slot WHERE column1 "
                   "<> '' ON CONFLICT (key, bucket_us) DO UPDATE SET moved = risk_velocity.moved + "
                   "excluded.moved",
                   MOVE(0), MOVE(1), MOVE(2), MOVE(3), MOVE(4), MOVE(5), MOVE(6), MOVE(7));
}

#define LOOK(i) S_TEXT(s[i].key), S_INT(s[i].first_us), S_INT(s[i].last_us)
#define RANGE(a, b, c) "(key = $" #a " AND bucket_us >= $" #b " AND bucket_us <= $" #c ")"
#define RANGES_OF_SLOTS                                                                            \
    RANGE(1, 2, 3)                                                                                 \
    " OR " RANGE(4, 5, 6) " OR " RANGE(7, 8, 9) " OR " RANGE(10, 11, 12) " OR " RANGE(             \
        13, 14, 15) " OR " RANGE(16, 17, 18) " OR " RANGE(19, 20, 21) " OR " RANGE(22, 23, 24)

int counters_see(const struct risk *risk, struct store_tx *tx, const struct risk_facts *facts,
                 struct risk_seen *ret_seen, bool *ret_off, struct err *err) {
    struct slot s[RISK_METERS_MAX];
    char address[33] = "";
    SQL_ROWS_AUTO rows = NULL;
    bool off = false;
    fill(risk, facts, s);
    memset(ret_seen, 0, sizeof *ret_seen);
    if (!list_address(facts->ip, address)) {
        address[0] = '\0';
    }
    /* The kind of a row is in the first column: 1 velocity, 2 list entry, 3 the switch. */
    int r = sql_query(
        tx, err, &rows,
        "SELECT 1, key, '', CAST(SUM(moved) AS bigint), 0 FROM risk_velocity WHERE " RANGES_OF_SLOTS
        " GROUP BY key UNION ALL SELECT 2, id, reason, list, dimension FROM "
        "risk_listing WHERE removed_us = 0 AND (expires_us = 0 OR expires_us "
        "> $25) AND ((dimension = 1 AND low = $26) OR (dimension = 2 AND low = $27) OR (dimension "
        "= 3 AND low = $28) OR (dimension = 4 AND low = $29) OR (dimension = 5 AND low = $30) OR "
        "(dimension = 6 AND low <= $28 AND high >= $28)) UNION ALL SELECT 3, key, value, 0, 0 FROM "
        "setting WHERE key = 'risk_switch'",
        LOOK(0), LOOK(1), LOOK(2), LOOK(3), LOOK(4), LOOK(5), LOOK(6), LOOK(7), S_INT(facts->at_us),
        S_TEXT(facts->customer_id), S_TEXT(facts->card), S_TEXT(address), S_TEXT(facts->email),
        S_TEXT(facts->region));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t kind = sql_int(rows, 0);
        if (kind == 2) {
            list_take(ret_seen, sql_int(rows, 3), sql_int(rows, 4), sql_text(rows, 1),
                      sql_text(rows, 2));
        }
        off = off || (kind == 3 && strcmp(sql_text(rows, 2), "off") == 0);
        for (int i = 0; kind == 1 && i < RISK_METERS_MAX; i++) {
            if (strcmp(s[i].key, sql_text(rows, 1)) == 0) {
                ret_seen->moved[s[i].meter] = sql_int(rows, 3);
            }
        }
    }
    if (r >= 0) {
        *ret_off = off;
    }
    return r;
}

int risk_prune(struct store_tx *tx, int64_t now_us, int limit, struct err *err) {
    return (int)sql_exec(tx, err,
                         "DELETE FROM risk_velocity WHERE (key, bucket_us) IN (SELECT key, "
                         "bucket_us FROM risk_velocity WHERE expires_us < $1 ORDER BY expires_us "
                         "LIMIT $2)",
                         S_INT(now_us), S_INT(limit));
}
