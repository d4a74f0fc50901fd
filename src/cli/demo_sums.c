/* SPDX-License-Identifier: Apache-2.0
 * demo_sums.c: see demo_sums.h.
 *
 * Lost, counted in both directions:
 *   a customer was told "succeeded", and the service does not say so now;
 *   the sandbox took money for an order, and the service does not call that payment succeeded. */
#include "cli/demo_sums.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"

enum { PAGES_MAX = 2000 };

/* Adds every payment of the service: order → state, and the counts. */
static int take_payments(struct stage *stage, GHashTable *states, struct demo_sums *sums,
                         struct err *err) {
    char path[256] = "/v1/payments?limit=100";
    for (int page = 0; page < PAGES_MAX; page++) {
        JSON_AUTO json = NULL;
        int r = stage_get(stage, stage->internal_url, path, &json, err);
        if (r < 0) {
            return err_while(err, "listing the payments");
        }
        size_t index;
        json_t *payment;
        json_array_foreach((json_t *)json_peek(json, "data", NULL), index, payment) {
            const char *order = json_peek_text(payment, "order_id", NULL);
            const char *state = json_peek_text(payment, "state", NULL);
            bool succeeded = strcmp(state, "succeeded") == 0;
            sums->succeeded += succeeded;
            sums->declined += strcmp(state, "failed") == 0;
            sums->unresolved += strcmp(state, "processing") == 0 || strcmp(state, "created") == 0;
            sums->saved += succeeded && json_peek_int(payment, 0, "attempts", NULL) > 1;
            sums->was_unknown += json_is_true(json_peek(payment, "was_unknown", NULL));
            const char *known = g_hash_table_lookup(states, order);
            if (known == NULL || strcmp(known, "succeeded") != 0) {
                g_hash_table_insert(states, g_strdup(order), g_strdup(state));
            }
        }
        const char *cursor = json_peek_text(json, "next_cursor", NULL);
        if (cursor == NULL) {
            return 0;
        }
        snprintf(path, sizeof path, "/v1/payments?limit=100&cursor=%s", cursor);
    }
    return err_set(err, ERR_TOO_LARGE, "more payments than the demo can count");
}

static bool succeeded_here(GHashTable *states, const char *order) {
    const char *state = g_hash_table_lookup(states, order);
    return state != NULL && strcmp(state, "succeeded") == 0;
}

static void take_customers(struct shop *shop, GHashTable *states, struct demo_sums *sums) {
    struct shop_view view;
    shop_look(shop, &view);
    sums->asked = view.asked;
    sums->refunds = view.refunds;
    sums->longest_wait_us = view.longest_wait_us;
    for (int64_t i = 0; i < view.asked; i++) {
        char order[48];
        const char *told = shop_told(shop, i, order);
        sums->lost += strcmp(told, "succeeded") == 0 && !succeeded_here(states, order);
    }
}

/* Every entry of a simulated gateway's book that took money must be a payment that succeeded. */
static int take_charges(struct stage *stage, const char *gateway, GHashTable *states,
                        struct demo_sums *sums, struct err *err) {
    char path[256];
    snprintf(path, sizeof path, "/book/charges?gateway=%s&limit=1000", gateway);
    for (int page = 0; page < PAGES_MAX; page++) {
        JSON_AUTO json = NULL;
        int r = stage_get(stage, stage->control_url, path, &json, err);
        if (r < 0) {
            return err_while(err, "reading the book of %s", gateway);
        }
        size_t index;
        json_t *entry;
        json_array_foreach((json_t *)json_peek(json, "data", NULL), index, entry) {
            const char *order = json_peek_text(entry, "order_id", NULL);
            bool took = json_peek_int(entry, 0, "charged_minor", NULL) > 0;
            sums->lost += took && (order == NULL || !succeeded_here(states, order));
        }
        const char *cursor = json_peek_text(json, "next_cursor", NULL);
        if (cursor == NULL) {
            return 0;
        }
        snprintf(path, sizeof path, "/book/charges?gateway=%s&limit=1000&cursor=%s", gateway,
                 cursor);
    }
    return err_set(err, ERR_TOO_LARGE, "the book of %s is longer than the demo can read", gateway);
}

static struct demo_book *book_of(struct demo_sums *sums, const char *gateway,
                                 const char *currency) {
    for (int i = 0; i < sums->book_count; i++) {
        if (strcmp(sums->books[i].gateway, gateway) == 0 &&
            strcmp(sums->books[i].currency, currency) == 0) {
            return &sums->books[i];
        }
    }
    if (sums->book_count == DEMO_BOOKS_MAX) {
        return NULL;
    }
    struct demo_book *book = &sums->books[sums->book_count++];
    snprintf(book->gateway, sizeof book->gateway, "%s", gateway);
    snprintf(book->currency, sizeof book->currency, "%s", currency);
    return book;
}

static void take_theirs(const json_t *json, const char *simulated, const char *gateway,
                        struct demo_sums *sums) {
    const json_t *currencies = json_peek(json, "gateways", simulated, "currencies", NULL);
    const char *currency;
    json_t *figures;
    json_object_foreach((json_t *)currencies, currency, figures) {
        struct demo_book *book = book_of(sums, gateway, currency);
        if (book != NULL) {
            book->theirs_taken = json_peek_int(figures, 0, "charged_minor", NULL);
            book->theirs_returned = json_peek_int(figures, 0, "refunded_minor", NULL);
        }
    }
}

static int take_books(struct stage *stage, struct demo_sums *sums, struct err *err) {
    JSON_AUTO ours = NULL;
    JSON_AUTO theirs = NULL;
    int r = stage_get(stage, stage->internal_url, "/v1/ledger", &ours, err);
    r = r < 0 ? r : stage_get(stage, stage->control_url, "/book", &theirs, err);
    if (r < 0) {
        return err_while(err, "comparing the books");
    }
    size_t index;
    json_t *row;
    json_array_foreach((json_t *)json_peek(ours, "books", NULL), index, row) {
        struct demo_book *book = book_of(sums, json_peek_text(row, "gateway", NULL),
                                         json_peek_text(row, "currency", NULL));
        if (book != NULL) {
            book->ours_taken = json_peek_int(row, 0, "taken", NULL);
            book->ours_returned = json_peek_int(row, 0, "returned", NULL);
        }
    }
    take_theirs(theirs, "stripe", "stripe-eu", sums);
    take_theirs(theirs, "paypal", "paypal-eu", sums);
    sums->charged_twice = json_peek_int(theirs, -1, "charged_twice", "orders", NULL);
    sums->books_equal = sums->book_count > 0;
    for (int i = 0; i < sums->book_count; i++) {
        const struct demo_book *book = &sums->books[i];
        sums->books_equal = sums->books_equal && book->ours_taken == book->theirs_taken &&
                            book->ours_returned == book->theirs_returned;
    }
    return 0;
}

static int take_rest(struct stage *stage, struct demo_sums *sums, struct err *err) {
    JSON_AUTO verified = NULL;
    JSON_AUTO backlog = NULL;
    int r = stage_get(stage, stage->internal_url, "/internal/api/payments/verify", &verified, err);
    r = r < 0
            ? r
            : stage_get(stage, stage->internal_url, "/internal/api/system/backlog", &backlog, err);
    if (r < 0) {
        return r;
    }
    sums->broken_invariants = (int64_t)json_array_size(json_peek(verified, "broken", NULL));
    sums->open_cases = json_peek_int(backlog, 0, "open_cases", NULL);
    return 0;
}

int demo_sums_take(struct stage *stage, struct shop *shop, struct demo_sums *ret_sums,
                   struct err *err) {
    GHashTable *states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    *ret_sums = (struct demo_sums){.noticed_us = -1};
    int r = take_payments(stage, states, ret_sums, err);
    if (r >= 0) {
        take_customers(shop, states, ret_sums);
    }
    r = r < 0 ? r : take_charges(stage, "stripe", states, ret_sums, err);
    r = r < 0 ? r : take_charges(stage, "paypal", states, ret_sums, err);
    r = r < 0 ? r : take_books(stage, ret_sums, err);
    r = r < 0 ? r : take_rest(stage, ret_sums, err);
    g_hash_table_destroy(states);
    return r;
}

bool demo_sums_well(const struct demo_sums *sums) {
    return sums->charged_twice == 0 && sums->lost == 0 && sums->unresolved == 0 &&
           sums->broken_invariants == 0 && sums->books_equal && sums->asked > 0;
}

static void count_row(struct table *table, const char *name, int64_t count, bool must_be_none) {
    char text[SHOW_CHARS_MAX];
    table_cell(table, name);
    table_styled(table,
                 !must_be_none ? STYLE_PLAIN
                 : count == 0  ? STYLE_GOOD
                               : STYLE_BAD,
                 show_count(count, text));
}

static void time_row(struct table *table, const char *name, int64_t span_us) {
    char text[SHOW_CHARS_MAX];
    table_cell(table, name);
    table_cell(table, span_us < 0 ? "-" : show_latency(span_us, text));
}

void demo_sums_print(struct cli *cli, const struct demo_sums *sums) {
    TABLE_AUTO table = TABLE("What came of it", ">");
    count_row(table, "payments asked", sums->asked, false);
    count_row(table, "succeeded", sums->succeeded, false);
    count_row(table, "declined", sums->declined, false);
    count_row(table, "saved by failover", sums->saved, false);
    count_row(table, "unknown at some time", sums->was_unknown, false);
    count_row(table, "refunds", sums->refunds, false);
    count_row(table, "unresolved now", sums->unresolved, true);
    count_row(table, "charged twice", sums->charged_twice, true);
    count_row(table, "lost", sums->lost, true);
    count_row(table, "broken invariants", sums->broken_invariants, true);
    time_row(table, "longest a customer waited", sums->longest_wait_us);
    time_row(table, "longest time to notice", sums->noticed_us);
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    TABLE_AUTO books = TABLE("Book", "currency", ">taken: ours", ">theirs", ">returned: ours",
                             ">theirs", "");
    for (int i = 0; i < sums->book_count; i++) {
        const struct demo_book *book = &sums->books[i];
        const int64_t figures[] = {book->ours_taken, book->theirs_taken, book->ours_returned,
                                   book->theirs_returned};
        bool equal = figures[0] == figures[1] && figures[2] == figures[3];
        table_cell(books, book->gateway);
        table_cell(books, book->currency);
        for (size_t f = 0; f < COUNT_OF(figures); f++) {
            char text[SHOW_CHARS_MAX];
            table_cell(books, show_money(figures[f], book->currency, text));
        }
        table_styled(books, equal ? STYLE_GOOD : STYLE_BAD, equal ? "equal" : "DIFFERS");
    }
    cli_say(cli, "\n");
    table_print(books, cli, "no books");
    bool well = demo_sums_well(sums);
    cli_say(cli, "\n%s\n",
            well ? "Every promise held." : "A PROMISE WAS BROKEN: see the rows above.");
}
