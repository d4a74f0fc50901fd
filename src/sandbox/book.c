/* SPDX-License-Identifier: Apache-2.0
 * book.c: the truth about the money. */
#include "sandbox/book.h"

#include <inttypes.h>

#include "base/clock.h"

void sb_book_init(struct sb_book *book) {
    *book = (struct sb_book){0};
    lock_init(&book->lock);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        book->entries[i] = g_ptr_array_new();
        book->moves[i] = g_array_new(false, false, sizeof(struct sb_move));
    }
    book->by_reference = g_hash_table_new(g_str_hash, g_str_equal);
    book->by_order = g_hash_table_new(g_str_hash, g_str_equal);
    book->twice_by_reference = g_hash_table_new(g_str_hash, g_str_equal);
    book->twice_by_order = g_hash_table_new(g_str_hash, g_str_equal);
}

void sb_book_clear(struct sb_book *book) {
    lock_take(&book->lock);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        g_ptr_array_set_size(book->entries[i], 0);
        g_array_set_size(book->moves[i], 0);
    }
    g_hash_table_remove_all(book->by_reference);
    g_hash_table_remove_all(book->by_order);
    g_hash_table_remove_all(book->twice_by_reference);
    g_hash_table_remove_all(book->twice_by_order);
    sb_hoard_release(&book->hoard);
    book->sum_count = 0;
    lock_give(&book->lock);
}

void sb_book_release(struct sb_book *book) {
    sb_hoard_release(&book->hoard);
    for (int i = 0; i < SB_GATEWAYS; i++) {
        g_ptr_array_unref(book->entries[i]);
        g_array_unref(book->moves[i]);
    }
    g_hash_table_unref(book->by_reference);
    g_hash_table_unref(book->by_order);
    g_hash_table_unref(book->twice_by_reference);
    g_hash_table_unref(book->twice_by_order);
    lock_free(&book->lock);
}

/* The lock is held. */
static struct sb_sums *sums_of(struct sb_book *book, enum sb_gateway gateway,
                               struct currency currency) {
    for (int i = 0; i < book->sum_count; i++) {
        if (book->sums[i].gateway == gateway && currency_equal(book->sums[i].currency, currency)) {
            return &book->sums[i];
        }
    }
    INVARIANT(book->sum_count < SB_SUMS_MAX, "there are fewer currencies than that");
    struct sb_sums *sums = &book->sums[book->sum_count++];
    *sums = (struct sb_sums){.currency = currency, .gateway = gateway};
    return sums;
}

static struct sb_sums *sums_of_entry(struct sb_book *book, const struct sb_entry *entry) {
    return sums_of(book, (enum sb_gateway)entry->gateway, entry->currency);
}

struct sb_entry *sb_book_enter(struct sb_book *book, enum sb_gateway gateway, const char *id,
                               const char *reference, const char *order_id, int64_t asked_minor,
                               struct currency currency) {
    int64_t now_us = clock_wall_us();
    lock_take(&book->lock);
    struct sb_entry *entry = sb_hoard_take(&book->hoard, sizeof(*entry));
    const char *copy = sb_hoard_text(&book->hoard, reference);
    entry->reference = copy != NULL ? copy : "";
    copy = sb_hoard_text(&book->hoard, order_id);
    entry->order_id = copy != NULL ? copy : "";
    entry->created_us = now_us;
    entry->asked_minor = asked_minor;
    entry->currency = currency;
    entry->gateway = (uint8_t)gateway;
    INVARIANT(strlen(id) < sizeof(entry->id), "a charge's name is short");
    memcpy(entry->id, id, strlen(id) + 1);
    g_ptr_array_add(book->entries[gateway], entry);
    if (entry->reference[0] != '\0') {
        entry->same_reference = g_hash_table_lookup(book->by_reference, entry->reference);
        (void)g_hash_table_replace(book->by_reference, (gpointer)entry->reference, entry);
    }
    if (entry->order_id[0] != '\0') {
        entry->same_order = g_hash_table_lookup(book->by_order, entry->order_id);
        (void)g_hash_table_replace(book->by_order, (gpointer)entry->order_id, entry);
    }
    lock_give(&book->lock);
    return entry;
}

void sb_book_hold(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor) {
    lock_take(&book->lock);
    struct sb_sums *sums = sums_of_entry(book, entry);
    INVARIANT(entry->held_minor == 0 && amount_minor > 0, "one hold at a time");
    entry->held_minor = amount_minor;
    sums->holds++;
    sums->held_minor += amount_minor;
    lock_give(&book->lock);
}

/* The lock is held. */
static void unhold(struct sb_book *book, struct sb_entry *entry) {
    if (entry->held_minor > 0) {
        struct sb_sums *sums = sums_of_entry(book, entry);
        sums->holds--;
        sums->held_minor -= entry->held_minor;
        entry->held_minor = 0;
    }
}

void sb_book_release_hold(struct sb_book *book, struct sb_entry *entry) {
    lock_take(&book->lock);
    unhold(book, entry);
    lock_give(&book->lock);
}

static int takers_by_reference(const struct sb_entry *entry) {
    int takers = 0;
    for (; entry != NULL && takers < 2; entry = entry->same_reference) {
        takers += entry->taken_minor > 0 ? 1 : 0;
    }
    return takers;
}

static int takers_by_order(const struct sb_entry *entry) {
    int takers = 0;
    for (; entry != NULL && takers < 2; entry = entry->same_order) {
        takers += entry->taken_minor > 0 ? 1 : 0;
    }
    return takers;
}

/* The lock is held; money was taken by `entry` for the first time. */
static void look_for_twice(struct sb_book *book, struct sb_entry *entry) {
    struct sb_entry *last = g_hash_table_lookup(book->by_reference, entry->reference);
    if (takers_by_reference(last) > 1) {
        (void)g_hash_table_add(book->twice_by_reference, (gpointer)last->reference);
    }
    last = g_hash_table_lookup(book->by_order, entry->order_id);
    if (takers_by_order(last) > 1) {
        (void)g_hash_table_add(book->twice_by_order, (gpointer)last->order_id);
    }
}

/* The lock is held. Returns the movement's number. */
static uint32_t write_down(struct sb_book *book, const struct sb_entry *entry,
                           enum sb_move_kind kind, int64_t amount_minor, int64_t fee_minor,
                           const void *object) {
    GArray *moves = book->moves[entry->gateway];
    const struct sb_move move = {
        .at_us = clock_wall_us(),
        .amount_minor = amount_minor < 0 ? -amount_minor : amount_minor,
        .fee_minor = fee_minor,
        .entry = entry,
        .object = object,
        .number = moves->len,
        .kind = (uint8_t)kind,
        .first = kind == SB_MOVE_CHARGE && entry->taken_minor == amount_minor,
    };
    g_array_append_val(moves, move);
    return move.number;
}

bool sb_book_move(struct sb_book *book, enum sb_gateway gateway, uint32_t number,
                  struct sb_move *ret_move) {
    lock_take(&book->lock);
    bool there = number < book->moves[gateway]->len;
    if (there) {
        *ret_move = g_array_index(book->moves[gateway], struct sb_move, number);
    }
    lock_give(&book->lock);
    return there;
}

GArray *sb_book_moves(struct sb_book *book, enum sb_gateway gateway) {
    lock_take(&book->lock);
    GArray *copy = g_array_copy(book->moves[gateway]);
    lock_give(&book->lock);
    return copy;
}

uint32_t sb_book_take(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                      int64_t fee_minor, const void *object) {
    lock_take(&book->lock);
    struct sb_sums *sums = sums_of_entry(book, entry);
    bool first = entry->taken_minor == 0;
    INVARIANT(amount_minor > 0 && entry->taken_minor + amount_minor <= entry->asked_minor,
              "no more is taken than was asked for");
    entry->taken_minor += amount_minor;
    entry->fee_minor += fee_minor;
    sums->charges += first ? 1 : 0;
    sums->charged_minor += amount_minor;
    sums->fees_minor += fee_minor;
    uint32_t number = write_down(book, entry, SB_MOVE_CHARGE, amount_minor, fee_minor, object);
    if (first) {
        look_for_twice(book, entry);
    }
    lock_give(&book->lock);
    return number;
}

void sb_book_refund(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                    const void *object) {
    lock_take(&book->lock);
    struct sb_sums *sums = sums_of_entry(book, entry);
    entry->refunded_minor += amount_minor;
    INVARIANT(entry->refunded_minor >= 0 && entry->refunded_minor <= entry->taken_minor,
              "no more goes back than was taken");
    sums->refunds += amount_minor > 0 ? 1 : -1;
    sums->refunded_minor += amount_minor;
    (void)write_down(book, entry, amount_minor > 0 ? SB_MOVE_REFUND : SB_MOVE_REFUND_BACK,
                     amount_minor, 0, object);
    lock_give(&book->lock);
}

void sb_book_dispute(struct sb_book *book, struct sb_entry *entry, int64_t amount_minor,
                     const void *object) {
    lock_take(&book->lock);
    struct sb_sums *sums = sums_of_entry(book, entry);
    entry->disputed_minor += amount_minor;
    INVARIANT(entry->disputed_minor >= 0, "a dispute is won only once");
    sums->disputes += amount_minor > 0 ? 1 : -1;
    sums->disputed_minor += amount_minor;
    (void)write_down(book, entry, amount_minor > 0 ? SB_MOVE_DISPUTE : SB_MOVE_DISPUTE_BACK,
                     amount_minor, 0, object);
    lock_give(&book->lock);
}

struct sb_sums sb_book_sums(struct sb_book *book, enum sb_gateway gateway,
                            struct currency currency) {
    lock_take(&book->lock);
    struct sb_sums sums = *sums_of(book, gateway, currency);
    lock_give(&book->lock);
    return sums;
}

void sb_book_twice(struct sb_book *book, int64_t *ret_references, int64_t *ret_orders) {
    lock_take(&book->lock);
    *ret_references = g_hash_table_size(book->twice_by_reference);
    *ret_orders = g_hash_table_size(book->twice_by_order);
    lock_give(&book->lock);
}

size_t sb_book_bytes(struct sb_book *book) {
    lock_take(&book->lock);
    size_t bytes = book->hoard.bytes;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        bytes += book->entries[i]->len * sizeof(void *);
        bytes += book->moves[i]->len * sizeof(struct sb_move);
    }
    bytes += (size_t)(g_hash_table_size(book->by_reference) + g_hash_table_size(book->by_order)) *
             40;
    lock_give(&book->lock);
    return bytes;
}

/* As JSON. */

static void write_sums(struct sb_book *book, enum sb_gateway gateway, struct buf *out) {
    bool first = true;
    buf_add_char(out, '{');
    for (int i = 0; i < book->sum_count; i++) {
        const struct sb_sums *sums = &book->sums[i];
        if (sums->gateway != gateway) {
            continue;
        }
        buf_addf(out,
                 "%s\"%s\":{\"charges\":%" PRId64 ",\"charged_minor\":%" PRId64
                 ",\"refunds\":%" PRId64 ",\"refunded_minor\":%" PRId64 ",\"disputes\":%" PRId64
                 ",\"disputed_minor\":%" PRId64 ",\"fees_minor\":%" PRId64 ",\"holds\":%" PRId64
                 ",\"held_minor\":%" PRId64 "}",
                 first ? "" : ",", sums->currency.code, sums->charges, sums->charged_minor,
                 sums->refunds, sums->refunded_minor, sums->disputes, sums->disputed_minor,
                 sums->fees_minor, sums->holds, sums->held_minor);
        first = false;
    }
    buf_add_char(out, '}');
}

static void write_entry(const struct sb_entry *entry, struct buf *out) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(out, "{\"gateway\":\"%s\",\"id\":\"%s\",\"reference\":",
             sb_gateway_name((enum sb_gateway)entry->gateway), entry->id);
    buf_add_json(out, entry->reference);
    buf_add_text(out, ",\"order_id\":");
    buf_add_json(out, entry->order_id);
    buf_addf(out,
             ",\"currency\":\"%s\",\"asked_minor\":%" PRId64 ",\"held_minor\":%" PRId64
             ",\"charged_minor\":%" PRId64 ",\"refunded_minor\":%" PRId64
             ",\"disputed_minor\":%" PRId64 ",\"fee_minor\":%" PRId64 ",\"created\":\"%s\"}",
             entry->currency.code, entry->asked_minor, entry->held_minor, entry->taken_minor,
             entry->refunded_minor, entry->disputed_minor, entry->fee_minor,
             clock_format(entry->created_us, time));
}

/* The texts of a set with the charges that took money under each. */
static void write_twice(struct sb_book *book, bool by_order, int limit, struct buf *out) {
    GHashTableIter iter;
    gpointer text = NULL;
    bool first = true;
    g_hash_table_iter_init(&iter, by_order ? book->twice_by_order : book->twice_by_reference);
    buf_add_char(out, '[');
    while (limit-- > 0 && g_hash_table_iter_next(&iter, &text, NULL)) {
        const struct sb_entry *entry = g_hash_table_lookup(
            by_order ? book->by_order : book->by_reference, text);
        buf_addf(out, "%s{\"%s\":", first ? "" : ",", by_order ? "order_id" : "reference");
        buf_add_json(out, text);
        buf_add_text(out, ",\"charges\":[");
        first = true;
        for (; entry != NULL; entry = by_order ? entry->same_order : entry->same_reference) {
            if (entry->taken_minor > 0) {
                buf_add_text(out, first ? "" : ",");
                write_entry(entry, out);
                first = false;
            }
        }
        buf_add_text(out, "]}");
        first = false;
    }
    buf_add_char(out, ']');
}

void sb_book_write(struct sb_book *book, int duplicates_max, struct buf *out) {
    lock_take(&book->lock);
    buf_add_text(out, "{\"gateways\":{");
    for (int i = 0; i < SB_GATEWAYS; i++) {
        buf_addf(out, "%s\"%s\":{\"entries\":%u,\"currencies\":", i > 0 ? "," : "",
                 sb_gateway_name((enum sb_gateway)i), book->entries[i]->len);
        write_sums(book, (enum sb_gateway)i, out);
        buf_add_char(out, '}');
    }
    buf_addf(out, "},\"charged_twice\":{\"references\":%u,\"orders\":%u,\"by_reference\":",
             g_hash_table_size(book->twice_by_reference), g_hash_table_size(book->twice_by_order));
    write_twice(book, false, duplicates_max, out);
    buf_add_text(out, ",\"by_order\":");
    write_twice(book, true, duplicates_max, out);
    buf_add_text(out, "}}");
    lock_give(&book->lock);
}

/* The lock is held. Entries of one reference or order, the latest first. */
static void list_chain(struct sb_book *book, const struct sb_book_query *query, struct buf *out) {
    bool by_order = query->order_id != NULL;
    const struct sb_entry *entry = by_order
                                       ? g_hash_table_lookup(book->by_order, query->order_id)
                                       : g_hash_table_lookup(book->by_reference, query->reference);
    int left = query->limit;
    bool first = true;
    for (; entry != NULL && left > 0;
         entry = by_order ? entry->same_order : entry->same_reference) {
        if (query->gateway < 0 || query->gateway == entry->gateway) {
            buf_add_text(out, first ? "" : ",");
            write_entry(entry, out);
            first = false;
            left--;
        }
    }
    buf_add_text(out, "],\"next_cursor\":null}");
}

void sb_book_list(struct sb_book *book, const struct sb_book_query *query, struct buf *out) {
    lock_take(&book->lock);
    buf_add_text(out, "{\"data\":[");
    if (query->reference != NULL || query->order_id != NULL) {
        list_chain(book, query, out);
        lock_give(&book->lock);
        return;
    }
    const GPtrArray *entries = book->entries[query->gateway < 0 ? 0 : query->gateway];
    int64_t at = query->cursor < 0 ? 0 : query->cursor;
    int64_t end = at + query->limit < (int64_t)entries->len ? at + query->limit : entries->len;
    for (int64_t i = at; i < end; i++) {
        buf_add_text(out, i > at ? "," : "");
        write_entry(g_ptr_array_index(entries, i), out);
    }
    if (end < (int64_t)entries->len) {
        buf_addf(out, "],\"next_cursor\":\"%" PRId64 "\"}", end);
    } else {
        buf_add_text(out, "],\"next_cursor\":null}");
    }
    lock_give(&book->lock);
}
