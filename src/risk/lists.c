/* SPDX-License-Identifier: Apache-2.0
 * lists.c: who is always refused, who is always let through, who is watched; for how long, by whom
 * and why. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/ip_range.h"
#include "risk/internal.h"
#include "store/audit.h"

#define LISTING_COLUMNS                                                                            \
    "id, list, dimension, value, reason, actor, created_us, expires_us, removed_us, removed_by"
enum { LIST_ROWS = 20, LIST_ROWS_MAX = 100 };

bool list_address(const char *ip, char ret_hex[33]) {
    struct ip_range range;
    if (!ip_range_parse(ip, &range) || !range.one) {
        return false;
    }
    memcpy(ret_hex, range.low, sizeof range.low);
    return true;
}

void list_take(struct risk_seen *seen, int64_t list, int64_t dimension, const char *id,
               const char *reason) {
    if (list < 0 || list >= RISK_LISTS) {
        return; /* of a newer program */
    }
    struct risk_entry *entry = &seen->listed[list];
    if (entry->id[0] != '\0' && strcmp(entry->id, id) <= 0) {
        return;
    }
    entry->by = dimension == LISTED_NETWORK ? RISK_BY_IP : (enum risk_by)dimension;
    snprintf(entry->id, sizeof entry->id, "%s", id);
    snprintf(entry->reason, sizeof entry->reason, "%s", reason);
}

/* ---- adding ---- */

struct range {
    int64_t dimension;
    char value[RISK_VALUE_BYTES_MAX + 1];
    char low[RISK_VALUE_BYTES_MAX + 1], high[RISK_VALUE_BYTES_MAX + 1];
};

/* Everything but addresses: kept as it was written, compared as payments are (fold.c). */
static int text_of(const struct risk_listing *listing, struct range *ret_range, struct err *err) {
    int r = listing->by == RISK_BY_EMAIL    ? text_check_email(listing->value, err)
            : listing->by == RISK_BY_REGION ? text_check_region(listing->value, err)
                                            : 0;
    if (r < 0) {
        return err_place(err, "/value");
    }
    snprintf(ret_range->value, sizeof ret_range->value, "%s", listing->value);
    snprintf(ret_range->low, sizeof ret_range->low, "%s", listing->value);
    if (listing->by == RISK_BY_EMAIL) {
        fold_email(listing->value, ret_range->low);
    }
    memcpy(ret_range->high, ret_range->low, sizeof ret_range->high);
    return 0;
}

static int range_of(const struct risk_listing *listing, struct range *ret_range, struct err *err) {
    struct ip_range ip;
    size_t bytes = strlen(listing->value);
    if (bytes == 0 || bytes > RISK_VALUE_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "it has 1 to %d characters", RISK_VALUE_CHARS_MAX);
        return err_place(err, "/value");
    }
    ret_range->dimension = listing->by;
    if (listing->by != RISK_BY_IP) {
        return text_of(listing, ret_range, err);
    }
    if (!ip_range_parse(listing->value, &ip)) {
        err_set(err, ERR_VALIDATION, "it is neither an address nor a network");
        err_place(err, "/value");
        return err_hint(err, "192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, with no bits behind the "
                             "network's length.");
    }
    ret_range->dimension = ip.one ? RISK_BY_IP : LISTED_NETWORK;
    snprintf(ret_range->value, sizeof ret_range->value, "%s", ip.text);
    snprintf(ret_range->low, sizeof ret_range->low, "%s", ip.low);
    snprintf(ret_range->high, sizeof ret_range->high, "%s", ip.high);
    return 0;
}

/* The one that is there already is refused, and so are more networks than each payment's address
 * can be held to. */
static int check_room(struct store_tx *tx, const struct risk_listing *listing,
                      const struct range *range, int64_t now_us, struct err *err) {
    SQL_ROWS_AUTO same = NULL;
    int r = sql_query(tx, err, &same,
                      "SELECT id FROM risk_listing WHERE removed_us = 0 AND dimension = $1 AND low "
                      "= $2 AND high = $3 AND list = $4 AND (expires_us = 0 OR expires_us > $5)",
                      S_INT(range->dimension), S_TEXT(range->low), S_TEXT(range->high),
                      S_INT(listing->list), S_INT(now_us));
    r = r < 0 ? r : sql_next(same, err);
    if (r > 0) {
        err_set(err, ERR_EXISTS, "it is on the %s list already, by entry %s",
                risk_list_name(listing->list), sql_text(same, 0));
        return err_place(err, "/value");
    }
    if (r < 0 || range->dimension != LISTED_NETWORK) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT COUNT(*) FROM risk_listing WHERE removed_us = 0 AND dimension = $1",
                  S_INT(LISTED_NETWORK));
    r = r < 0 ? r : sql_next(rows, err);
    if (r >= 0 && sql_int(rows, 0) >= RISK_NETWORKS_MAX) {
        err_set(err, ERR_VALIDATION, "%d networks are listed, which is the most",
                RISK_NETWORKS_MAX);
        return err_hint(err, "Remove some that have expired, or put neighbours into one.");
    }
    return r < 0 ? r : 0;
}

static int audit(struct store_tx *tx, const char *actor, const char *action, const char *id,
                 const char *reason, const char *list, struct err *err) {
    char detail[64];
    snprintf(detail, sizeof detail, "{\"list\":\"%s\"}", list);
    return audit_append(tx, actor, action, id, reason, detail, err);
}

int risk_list_add(struct store_tx *tx, const struct risk_listing *listing,
                  struct listing_id *ret_id, struct err *err) {
    struct range range;
    int64_t now = clock_wall_us();
    struct listing_id id = listing_id_new();
    int r = range_of(listing, &range, err);
    r = r < 0 ? r : check_room(tx, listing, &range, now, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO risk_listing (id, list, dimension, value, low, high, reason, "
                        "actor, created_us, expires_us, removed_us, removed_by) VALUES ($1, $2, "
                        "$3, $4, $5, $6, $7, $8, $9, $10, 0, '')",
                        S_TEXT(id.text), S_INT(listing->list), S_INT(range.dimension),
                        S_TEXT(range.value), S_TEXT(range.low), S_TEXT(range.high),
                        S_TEXT(listing->reason), S_TEXT(listing->actor), S_INT(now),
                        S_INT(listing->expires_us));
    r = r < 0 ? r
              : audit(tx, listing->actor, "risk.list_add", id.text, listing->reason,
                      risk_list_name(listing->list), err);
    if (r >= 0) {
        *ret_id = id;
    }
    return r;
}

int risk_list_remove(struct store_tx *tx, const char *id, const char *actor, const char *reason,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT list, removed_us FROM risk_listing WHERE id = $1 FOR UPDATE",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no list entry %s", id);
    }
    if (sql_int(rows, 1) != 0) {
        return err_set(err, ERR_STATE, "entry %s was removed before", id);
    }
    const char *list = risk_list_name((enum risk_list)sql_int(rows, 0));
    r = sql_put(tx, err, "UPDATE risk_listing SET removed_us = $2, removed_by = $3 WHERE id = $1",
                S_TEXT(id), S_INT(clock_wall_us()), S_TEXT(actor));
    return r < 0 ? r : audit(tx, actor, "risk.list_remove", id, reason, list, err);
}

/* ---- looking ---- */

static void member_time(struct buf *buf, const char *name, int64_t wall_us) {
    char text[CLOCK_TEXT_MAX];
    if (wall_us > 0) {
        buf_addf(buf, ",\"%s\":\"%s\"", name, clock_format(wall_us, text));
    } else {
        buf_addf(buf, ",\"%s\":null", name);
    }
}

static void render(struct buf *buf, const struct sql_rows *row) {
    int64_t dimension = sql_int(row, 2), expires = sql_int(row, 7), removed = sql_int(row, 8);
    const char *state = removed != 0                                 ? "removed"
                        : expires != 0 && expires <= clock_wall_us() ? "expired"
                                                                     : "active";
    buf_addf(buf, "{\"id\":\"%s\",\"list\":\"%s\",\"by\":\"%s\",\"value\":", sql_text(row, 0),
             risk_list_name((enum risk_list)sql_int(row, 1)),
             risk_by_name(dimension == LISTED_NETWORK ? RISK_BY_IP : (enum risk_by)dimension));
    buf_add_json(buf, sql_text(row, 3));
    buf_addf(buf, ",\"state\":\"%s\",\"reason\":", state);
    buf_add_json(buf, sql_text(row, 4));
    buf_add_text(buf, ",\"created_by\":");
    buf_add_json(buf, sql_text(row, 5));
    member_time(buf, "created_at", sql_int(row, 6));
    member_time(buf, "expires_at", expires);
    member_time(buf, "removed_at", removed);
    buf_add_text(buf, ",\"removed_by\":");
    if (removed != 0) {
        buf_add_json(buf, sql_text(row, 9));
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, '}');
}

int risk_list_one_json(struct store_tx *tx, const char *id, struct buf *buf, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " LISTING_COLUMNS " FROM risk_listing WHERE id = $1",
                      S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no list entry %s", id);
    }
    render(buf, rows);
    return 0;
}

int risk_list_json(struct store_tx *tx, const struct risk_list_filter *filter, struct buf *buf,
                   struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int limit = filter->limit > 0 && filter->limit <= LIST_ROWS_MAX ? filter->limit : LIST_ROWS;
    const char *cursor = filter->cursor != NULL ? filter->cursor : "";
    int r = sql_query(
        tx, err, &rows,
        "SELECT " LISTING_COLUMNS " FROM risk_listing WHERE ($1 = '' OR id < $1) AND ($2 < 0 OR "
        "list = $2) AND ($3 = 0 OR dimension = $3 OR (dimension = $4 AND $3 = $5)) AND ($6 <> 0 OR "
        "(removed_us = 0 AND (expires_us = 0 OR expires_us > $7))) ORDER BY id DESC LIMIT $8",
        S_TEXT(cursor), S_INT(filter->list), S_INT(filter->by), S_INT(LISTED_NETWORK),
        S_INT(RISK_BY_IP), S_INT(filter->all), S_INT(clock_wall_us()), S_INT(limit + 1));
    char last[ID_TEXT_MAX] = "";
    int shown = 0;
    buf_add_text(buf, "{\"data\":[");
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && shown < limit) {
        buf_add_text(buf, shown++ > 0 ? "," : "");
        render(buf, rows);
        snprintf(last, sizeof last, "%s", sql_text(rows, 0));
    }
    if (r < 0) {
        return r;
    }
    buf_addf(buf, r > 0 ? "],\"next_cursor\":\"%s\"}" : "],\"next_cursor\":null}", last);
    return 0;
}
