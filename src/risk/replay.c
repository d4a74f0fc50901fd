/* SPDX-License-Identifier: Apache-2.0
 * replay.c: rules against payments of the past. Velocities are counted in memory, in the same
 * buckets as counters.c does in rows; lists are as they were at each payment's time. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "risk/internal.h"

enum {
    BUCKETS_KEPT = 4 * (RISK_BUCKETS + 1),
    KEY_CHARS_MAX = RISK_VALUE_BYTES_MAX + 32,
    LISTED_MAX = 100000
};

struct bucket {
    int64_t begins_us, moved;
};

struct listing {
    int64_t list, dimension, created_us, expires_us, removed_us;
    char *id, *low, *high, *reason;
};

struct risk_replay {
    const struct risk_rules *rules;
    GHashTable *counters; /* "meter value" → GArray of buckets, the oldest first */
    GHashTable *listed;   /* "dimension low" → GPtrArray of listings; networks are apart */
    GPtrArray *networks, *all;
};

/* ---- lists ---- */

static void listing_free(void *item) {
    struct listing *listing = item;
    g_free(listing->id);
    g_free(listing->low);
    g_free(listing->high);
    g_free(listing->reason);
    g_free(listing);
}

static void array_free(void *array) {
    g_array_free(array, TRUE);
}

static void keep_listing(struct risk_replay *replay, const struct sql_rows *row) {
    struct listing *listing = g_new0(struct listing, 1);
    *listing = (struct listing){
        .id = g_strdup(sql_text(row, 0)),
        .list = sql_int(row, 1),
        .dimension = sql_int(row, 2),
        .low = g_strdup(sql_text(row, 3)),
        .high = g_strdup(sql_text(row, 4)),
        .reason = g_strdup(sql_text(row, 5)),
        .created_us = sql_int(row, 6),
        .expires_us = sql_int(row, 7),
        .removed_us = sql_int(row, 8),
    };
    g_ptr_array_add(replay->all, listing);
    if (listing->dimension == LISTED_NETWORK) {
        g_ptr_array_add(replay->networks, listing);
        return;
    }
    char *key = g_strdup_printf("%d %s", (int)listing->dimension, listing->low);
    GPtrArray *same = g_hash_table_lookup(replay->listed, key);
    if (same == NULL) {
        same = g_ptr_array_new();
        g_hash_table_insert(replay->listed, key, same);
    } else {
        g_free(key);
    }
    g_ptr_array_add(same, listing);
}

static int load_lists(struct risk_replay *replay, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, list, dimension, low, high, reason, created_us, expires_us, "
                      "removed_us FROM risk_listing ORDER BY id LIMIT $1",
                      S_INT(LISTED_MAX + 1));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        if (replay->all->len == LISTED_MAX) {
            return err_set(err, ERR_TOO_LARGE, "a dry run bears %d list entries at most",
                           LISTED_MAX);
        }
        keep_listing(replay, rows);
    }
    return r;
}

static void take(struct risk_seen *seen, const struct listing *listing, int64_t at_us) {
    if (listing->created_us <= at_us && (listing->expires_us == 0 || listing->expires_us > at_us) &&
        (listing->removed_us == 0 || listing->removed_us > at_us)) {
        list_take(seen, listing->list, listing->dimension, listing->id, listing->reason);
    }
}

static void see_lists(struct risk_replay *replay, const struct risk_facts *facts,
                      struct risk_seen *seen) {
    char address[33] = "", key[KEY_CHARS_MAX];
    bool known = list_address(facts->ip, address);
    for (int by = RISK_BY_CUSTOMER; by < RISK_BYS; by++) {
        const char *value = by == RISK_BY_IP ? (known ? address : "")
                                             : risk_value(facts, (enum risk_by)by);
        snprintf(key, sizeof key, "%d %s", by, value);
        GPtrArray *same = value[0] != '\0' ? g_hash_table_lookup(replay->listed, key) : NULL;
        for (guint i = 0; same != NULL && i < same->len; i++) {
            take(seen, same->pdata[i], facts->at_us);
        }
    }
    for (guint i = 0; known && i < replay->networks->len; i++) {
        const struct listing *network = replay->networks->pdata[i];
        if (strcmp(network->low, address) <= 0 && strcmp(network->high, address) >= 0) {
            take(seen, network, facts->at_us);
        }
    }
}

/* ---- velocities ---- */

static GArray *buckets_of(struct risk_replay *replay, int meter, const char *value) {
    char key[KEY_CHARS_MAX];
    snprintf(key, sizeof key, "%d %s", meter, value);
    GArray *buckets = g_hash_table_lookup(replay->counters, key);
    if (buckets == NULL) {
        buckets = g_array_new(FALSE, FALSE, sizeof(struct bucket));
        g_hash_table_insert(replay->counters, g_strdup(key), buckets);
    }
    return buckets;
}

static int64_t count(GArray *buckets, const struct risk_meter *meter, int64_t at_us,
                     int64_t moves) {
    int64_t first, last, here = risk_bucket(meter, at_us), sum = 0;
    bool found = false;
    risk_buckets(meter, at_us, &first, &last);
    for (guint i = 0; i < buckets->len; i++) {
        struct bucket *bucket = &g_array_index(buckets, struct bucket, i);
        if (bucket->begins_us == here) {
            bucket->moved += moves;
            found = true;
        }
        sum += bucket->begins_us >= first && bucket->begins_us <= last ? bucket->moved : 0;
    }
    if (!found) {
        struct bucket fresh = {here, moves};
        if (buckets->len == BUCKETS_KEPT) {
            g_array_remove_index(buckets, 0);
        }
        g_array_append_val(buckets, fresh);
        sum += moves;
    }
    return sum;
}

/* ---- public ---- */

int risk_replay_new(const struct risk_rules *rules, struct store_tx *tx,
                    struct risk_replay **ret_replay, struct err *err) {
    struct risk_replay *replay = g_new0(struct risk_replay, 1);
    replay->rules = rules;
    replay->counters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, array_free);
    replay->listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)g_ptr_array_unref);
    replay->networks = g_ptr_array_new();
    replay->all = g_ptr_array_new_with_free_func(listing_free);
    int r = load_lists(replay, tx, err);
    if (r < 0) {
        risk_replay_free(replay);
        return r;
    }
    *ret_replay = replay;
    return 0;
}

void risk_replay_free(struct risk_replay *replay) {
    if (replay != NULL) {
        g_hash_table_unref(replay->counters);
        g_hash_table_unref(replay->listed);
        g_ptr_array_unref(replay->networks);
        g_ptr_array_unref(replay->all);
        g_free(replay);
    }
}

void risk_replay_step(struct risk_replay *replay, const struct risk_facts *then,
                      const struct risk_scored *scored, struct risk_decision *ret_decision) {
    struct folded room;
    const struct risk_facts *facts = fold_facts(then, &room);
    const struct risk_meter *meters;
    struct risk_seen seen = {.scored = *scored};
    int meter_count = risk_meters(replay->rules, &meters);
    see_lists(replay, facts, &seen);
    for (int i = 0; i < meter_count; i++) {
        if (risk_meter_moves(&meters[i], facts)) {
            int64_t moves = meters[i].currency[0] != '\0' ? facts->amount_minor : 1;
            GArray *buckets = buckets_of(replay, i, risk_value(facts, meters[i].by));
            seen.moved[i] = count(buckets, &meters[i], facts->at_us, moves);
        }
    }
    risk_judge(replay->rules, facts, &seen, ret_decision);
}
