/* SPDX-License-Identifier: Apache-2.0
 * message_gather.c: the payments of a time, page by page in the order of their ids, which are in
 * the order of time; each page and how far it went are one transaction. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "comms/message_impl.h"

enum { PAGE = 500 };

struct gathering {
    const char *id;
    bool more;
};

/* One row of payment as the page has it. */
struct found {
    struct message_recipient who;
    struct message_payment payment;
};

static const char *list_of(const json_t *to, const char *key) {
    const char *list = json_peek_text(to, key, NULL);
    return list != NULL ? list : "";
}

static int find(struct store_tx *tx, struct arena *arena, const struct message_row *row,
                const json_t *to, struct found *found, int *ret_count, struct err *err) {
    char from[ID_TEXT_MAX], until[ID_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    int64_t since_us = json_peek_int(to, 0, "since_us", NULL);
    int64_t until_us = json_peek_int(to, 0, "until_us", NULL);
    id_floor("pay", since_us, from);
    id_floor("pay", until_us + US_PER_MS, until);
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, order_id, amount_minor, currency, customer_id, customer_email FROM payment p "
        "WHERE id > $1 AND id >= $2 AND id < $3 AND created_us >= $4 AND created_us < $5 AND "
        "($6 = '' OR replace($6, ',' || CAST(state AS text) || ',', '') <> $6) AND "
        "($7 = '' OR replace($7, ',' || CAST(method AS text) || ',', '') <> $7) AND "
        "($8 = '' OR replace($8, ',' || customer_region || ',', '') <> $8) AND "
        "($9 = '' OR replace($9, ',' || currency || ',', '') <> $9) AND "
        "($10 = '' OR EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND "
        "replace($10, ',' || a.gateway || ',', '') <> $10)) ORDER BY id LIMIT $11",
        S_TEXT(row->at), S_TEXT(from), S_TEXT(until), S_INT(since_us), S_INT(until_us),
        S_TEXT(list_of(to, "states")), S_TEXT(list_of(to, "methods")),
        S_TEXT(list_of(to, "regions")), S_TEXT(list_of(to, "currencies")),
        S_TEXT(list_of(to, "gateways")), S_INT(PAGE));
    int count = 0;
    for (r = r < 0 ? r : sql_next(rows, err); r > 0; r = sql_next(rows, err)) {
        found[count++] = (struct found){
            .who = {.customer = arena_copy(arena, sql_text(rows, 4)),
                    .email = arena_copy(arena, sql_text(rows, 5)),
                    .phone = "",
                    .language = ""},
            .payment = {.reference = arena_copy(arena, sql_text(rows, 0)),
                        .order_id = arena_copy(arena, sql_text(rows, 1)),
                        .amount_minor = sql_int(rows, 2),
                        .currency = arena_copy(arena, sql_text(rows, 3))},
        };
    }
    *ret_count = count;
    return r;
}

static int gather_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct gathering *gathering = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct found *found = arena_alloc(arena, PAGE * sizeof *found);
    struct message_row row = {0};
    JSON_AUTO to = NULL;
    int count = 0;
    gathering->more = false;
    int r = message_load(tx, arena, gathering->id, true, &row, err);
    if (r < 0 || row.state != MESSAGE_PREPARING || row.gathered != 0) {
        return r;
    }
    r = json_read(row.recipients, strlen(row.recipients), MESSAGE_JSON_BYTES_MAX, JSON_DEPTH_MAX,
                  &to, err);
    r = r < 0 ? r : find(tx, arena, &row, to, found, &count, err);
    for (int i = 0; r >= 0 && i < count; i++) {
        r = message_add_person(tx, gathering->id, &found[i].who, &found[i].payment, err);
    }
    if (r < 0) {
        return r;
    }
    gathering->more = count == PAGE;
    return sql_put(tx, err, "UPDATE message SET at = $2, gathered = $3 WHERE id = $1",
                   S_TEXT(gathering->id),
                   S_TEXT(gathering->more ? found[count - 1].payment.reference : ""),
                   S_INT(!gathering->more));
}

int message_gather(struct messages *messages, const char *id, struct err *err) {
    struct gathering gathering = {.id = id};
    int r = store_write(messages->options.store, gather_tx, &gathering, err);
    return r < 0 ? r : gathering.more;
}
