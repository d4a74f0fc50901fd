/* SPDX-License-Identifier: Apache-2.0
 * rows.c: the rows of the ladder, and nothing but reading and writing them. */
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "mode/internal.h"

/* An instance that has written nothing for so long has no vote, and after the second is forgotten.
 */
#define SIGHT_FRESH_US (15 * US_PER_SECOND)
#define SIGHT_KEPT_US (3600 * US_PER_SECOND)

static void take(char *to, size_t bytes, const struct sql_rows *rows, int column) {
    const char *text = sql_text(rows, column);
    snprintf(to, bytes, "%s", text != NULL ? text : "");
}
#define TAKE(member, column) take(member, sizeof(member), rows, column)

static void names_write(const bool methods[METHOD_COUNT], char ret_names[MODE_NAMES_BYTES]) {
    size_t used = (size_t)snprintf(ret_names, MODE_NAMES_BYTES, ",");
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        if (methods[m] && used < MODE_NAMES_BYTES) {
            used += (size_t)snprintf(ret_names + used, MODE_NAMES_BYTES - used, "%s,",
                                     method_name((enum payment_method)m));
        }
    }
}

static void names_read(const char *names, bool ret_methods[METHOD_COUNT]) {
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        char name[40];
        snprintf(name, sizeof name, ",%s,", method_name((enum payment_method)m));
        ret_methods[m] = strstr(names, name) != NULL;
    }
}

/* ---- the one row ---- */

static int insert(struct store_tx *tx, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO mode_state (one, number, step, since_us, rule, reason, actor, "
                   "ruled, hand, hand_step, hand_reason, hand_actor, hand_us, hand_until_us, "
                   "methods_number, hidden, unrouted, simplified, simplified_reason, "
                   "simplified_actor, simplified_us, simplified_did) VALUES (1, 0, 0, 0, "
                   "'recovered', '', 'system', 0, 0, 0, '', '', 0, 0, 0, ',', ',', 0, '', '', 0, "
                   "',') ON CONFLICT (one) DO NOTHING");
}

static void row_read(const struct sql_rows *rows, struct mode_row *row) {
    *row = (struct mode_row){
        .number = sql_int(rows, 0),
        .step = (enum mode_step)sql_int(rows, 1),
        .since_us = sql_int(rows, 2),
        .ruled = (enum mode_step)sql_int(rows, 6),
        .hand = (enum mode_hand)sql_int(rows, 7),
        .hand_step = (enum mode_step)sql_int(rows, 8),
        .hand_us = sql_int(rows, 11),
        .hand_until_us = sql_int(rows, 12),
        .methods_number = sql_int(rows, 13),
        .simplified = sql_int(rows, 16) != 0,
        .simplified_us = sql_int(rows, 19),
    };
    TAKE(row->rule, 3);
    TAKE(row->reason, 4);
    TAKE(row->actor, 5);
    TAKE(row->hand_reason, 9);
    TAKE(row->hand_actor, 10);
    names_read(sql_text(rows, 14), row->hidden);
    names_read(sql_text(rows, 15), row->unrouted);
    TAKE(row->simplified_reason, 17);
    TAKE(row->simplified_actor, 18);
    TAKE(row->simplified_did, 20);
}

#define ROW_COLUMNS                                                                                \
    "number, step, since_us, rule, reason, actor, ruled, hand, hand_step, hand_reason, "           \
    "hand_actor, hand_us, hand_until_us, methods_number, hidden, unrouted, simplified, "           \
    "simplified_reason, simplified_actor, simplified_us, simplified_did"

int mode_row_load(struct store_tx *tx, bool lock, struct mode_row *ret_row, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_row = (struct mode_row){.rule = "recovered", .actor = "system"};
    int r = lock ? insert(tx, err) : 0;
    if (r < 0) {
        return r;
    }
    r = lock ? sql_query(tx, err, &rows,
                         "SELECT " ROW_COLUMNS " FROM mode_state WHERE one = 1 FOR UPDATE")
             : sql_query(tx, err, &rows, "SELECT " ROW_COLUMNS " FROM mode_state WHERE one = 1");
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        row_read(rows, ret_row);
    }
    return r < 0 ? r : 0;
}

int mode_row_save(struct store_tx *tx, const struct mode_row *row, struct err *err) {
    char hidden[MODE_NAMES_BYTES], unrouted[MODE_NAMES_BYTES];
    names_write(row->hidden, hidden);
    names_write(row->unrouted, unrouted);
    return sql_put_one(
        tx, err,
        "UPDATE mode_state SET number = $1, step = $2, since_us = $3, rule = $4, reason = $5, "
        "actor = $6, ruled = $7, hand = $8, hand_step = $9, hand_reason = $10, hand_actor = $11, "
        "hand_us = $12, hand_until_us = $13, methods_number = $14, hidden = $15, unrouted = $16, "
        "simplified = $17, simplified_reason = $18, simplified_actor = $19, simplified_us = $20, "
        "simplified_did = $21 WHERE one = 1",
        S_INT(row->number), S_INT(row->step), S_INT(row->since_us), S_TEXT(row->rule),
        S_TEXT(row->reason), S_TEXT(row->actor), S_INT(row->ruled), S_INT(row->hand),
        S_INT(row->hand_step), S_TEXT(row->hand_reason), S_TEXT(row->hand_actor),
        S_INT(row->hand_us), S_INT(row->hand_until_us), S_INT(row->methods_number), S_TEXT(hidden),
        S_TEXT(unrouted), S_INT(row->simplified), S_TEXT(row->simplified_reason),
        S_TEXT(row->simplified_actor), S_INT(row->simplified_us), S_TEXT(row->simplified_did));
}

int mode_change_add(struct store_tx *tx, int64_t number, int64_t at_us, enum mode_step from,
                    enum mode_step to, const char *rule, const char *reason, const char *actor,
                    struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO mode_change (number, at_us, from_step, to_step, rule, reason, "
                   "actor) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                   S_INT(number), S_INT(at_us), S_INT(from), S_INT(to), S_TEXT(rule),
                   S_TEXT(reason), S_TEXT(actor));
}

/* ---- switches ---- */

int mode_switches_load(struct store_tx *tx, struct mode_switches *ret_switches, struct err *err) {
    *ret_switches = (struct mode_switches){0};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, name, reason, until_us FROM mode_switch WHERE off = 1");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        enum mode_switch_kind kind = SWITCH_GATEWAY;
        enum payment_purpose purpose = PURPOSE_ORDER;
        enum payment_method method = METHOD_CARD;
        const char *name = sql_text(rows, 1);
        int64_t until = sql_int(rows, 3);
        bool known = mode_switch_kind_parse(sql_text(rows, 0), &kind);
        if (known && kind == SWITCH_PURPOSE && purpose_parse(name, &purpose)) {
            ret_switches->purposes[purpose].off = true;
            ret_switches->purposes[purpose].until_us = until;
            TAKE(ret_switches->purposes[purpose].reason, 2);
        } else if (known && kind == SWITCH_METHOD && method_parse(name, &method)) {
            ret_switches->methods[method].off = true;
            ret_switches->methods[method].until_us = until;
            TAKE(ret_switches->methods[method].reason, 2);
        }
        int64_t *next = &ret_switches->next_end_us;
        *next = until > 0 && (*next == 0 || until < *next) ? until : *next;
    }
    return r;
}

int mode_switch_save(struct store_tx *tx, const struct mode_switching *switching, struct err *err) {
    return sql_put(
        tx, err,
        "INSERT INTO mode_switch (kind, name, off, reason, actor, at_us, until_us) VALUES ($1, $2, "
        "$3, $4, $5, $6, $7) ON CONFLICT (kind, name) DO UPDATE SET off = excluded.off, "
        "reason = excluded.reason, actor = excluded.actor, at_us = excluded.at_us, "
        "until_us = excluded.until_us",
        S_TEXT(mode_switch_kind_name(switching->kind)), S_TEXT(switching->name),
        S_INT(switching->off), S_TEXT(switching->reason), S_TEXT(switching->actor),
        S_INT(clock_wall_us()), S_INT(switching->off ? switching->until_us : 0));
}

/* ---- sights ---- */

int mode_sights_load(struct store_tx *tx, const char *own_instance, struct sights *sights,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT methods, broken FROM mode_sight WHERE instance <> $1 AND at_us > $2",
                      S_TEXT(own_instance), S_INT(clock_wall_us() - SIGHT_FRESH_US));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        sights_add(sights, sql_text(rows, 0), sql_text(rows, 1));
    }
    return r;
}

int mode_sight_save(struct store_tx *tx, const char *instance, const struct sight *sight,
                    struct err *err) {
    int64_t now = clock_wall_us();
    int r = sql_put(tx, err,
                    "INSERT INTO mode_sight (instance, methods, broken, at_us) VALUES ($1, $2, $3, "
                    "$4) ON CONFLICT (instance) DO UPDATE SET methods = excluded.methods, "
                    "broken = excluded.broken, at_us = excluded.at_us",
                    S_TEXT(instance), S_TEXT(sight->methods), S_TEXT(sight->broken), S_INT(now));
    return r < 0 ? r
                 : sql_put(tx, err, "DELETE FROM mode_sight WHERE at_us < $1",
                           S_INT(now - SIGHT_KEPT_US));
}

/* ---- what the row says ---- */

bool mode_row_by_hand(const struct mode_row *row, int64_t now_us) {
    bool over = row->hand_until_us > 0 && now_us >= row->hand_until_us;
    return row->hand != HAND_OFF && (!over || PLANTED(WORD_FOR_EVER));
}

enum mode_step mode_row_step(const struct mode_row *row, int64_t now_us) {
    if (!mode_row_by_hand(row, now_us)) {
        return row->ruled;
    }
    bool exactly = row->hand == HAND_EXACTLY;
    return exactly || row->hand_step > row->ruled ? row->hand_step : row->ruled;
}
