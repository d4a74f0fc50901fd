/* SPDX-License-Identifier: Apache-2.0
 * bank_book.c: accounts, days and texts of bank statements. */
#include "statement/read/bank_book.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { TAG_CHARS = 4 };

struct bank_account *bank_book_find(struct bank_book *book, const char *account,
                                    struct currency currency) {
    for (int i = 0; i < book->count; i++) {
        if (strcmp(book->of[i].account, account) == 0 &&
            currency_equal(book->of[i].currency, currency)) {
            return &book->of[i];
        }
    }
    return NULL;
}

struct bank_account *bank_book_add(struct bank_book *book, const char *account,
                                   struct currency currency) {
    if (book->count == STATEMENT_CURRENCIES_MAX) {
        return NULL;
    }
    struct bank_account *added = &book->of[book->count++];
    *added = (struct bank_account){
        .currency = currency, .number = -1, .page = -1, .first_number = -1};
    g_strlcpy(added->account, account, sizeof added->account);
    return added;
}

void bank_book_close(struct bank_account *account, int64_t number, int64_t page,
                     int64_t closing_minor, int64_t closed_us) {
    account->first_number = account->first_number < 0 ? number : account->first_number;
    account->number = number;
    account->page = page;
    account->closing_minor = closing_minor;
    account->closed_us = closed_us;
}

static void add_link(const struct bank_account *from, struct statement_head *head) {
    struct statement_link *to = &head->links[head->link_count++];
    *to = (struct statement_link){
        .currency = from->currency,
        .first_number = from->first_number,
        .last_number = from->number,
        .opening_minor = from->opening_minor,
        .closing_minor = from->closing_minor,
        .closed_us = from->closed_us,
    };
    g_strlcpy(to->account, from->account, sizeof to->account);
}

bool bank_book_head(const struct bank_book *book, struct statement_head *head) {
    head->balance_count = head->link_count = 0;
    for (int i = 0; i < book->count; i++) {
        const struct bank_account *from = &book->of[i];
        add_link(from, head);
        struct statement_balance *to = NULL;
        for (int j = 0; j < head->balance_count; j++) {
            if (currency_equal(head->balances[j].currency, from->currency)) {
                to = &head->balances[j];
            }
        }
        if (to == NULL) {
            head->balances[head->balance_count++] = (struct statement_balance){
                from->currency, from->opening_minor, from->closing_minor};
        } else if (!money_add(to->opening_minor, from->opening_minor, &to->opening_minor) ||
                   !money_add(to->closing_minor, from->closing_minor, &to->closing_minor)) {
            return false;
        }
    }
    return true;
}

int64_t bank_day_us(const struct time_zone *zone, int64_t local_s) {
    return zone == NULL ? local_s * US_PER_SECOND : wall_from_local(zone, local_s);
}

/* ---- texts ---- */

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

/* Whether a tag stands here: "EREF+" or "/EREF/". */
static bool begins_tag(const char *at, bool slashes) {
    const char *name = slashes ? at + 1 : at;
    if (slashes && *at != '/') {
        return false;
    }
    for (int i = 0; i < TAG_CHARS; i++) {
        if (!is_capital(name[i])) {
            return false;
        }
    }
    return name[TAG_CHARS] == (slashes ? '/' : '+');
}

void bank_text_add(struct buf *buf, const char *piece, size_t bytes, int64_t width,
                   int64_t *last_chars) {
    char head[TAG_CHARS + 2] = "";
    memcpy(head, piece, bytes < sizeof head - 1 ? bytes : sizeof head - 1);
    bool apart = *last_chars < width || begins_tag(head, false);
    if (buf->len > 0 && bytes > 0 && apart) {
        buf_add_char(buf, ' ');
    }
    buf_add(buf, piece, bytes);
    *last_chars = g_utf8_strlen(piece, (gssize)bytes);
}

bool bank_text_tag(const char *text, const char *tag, char *ret_value, size_t value_bytes) {
    for (const char *at = text; *at != '\0'; at++) {
        bool slashes = *at == '/';
        const char *name = at + slashes;
        bool begins = slashes || at == text || !is_capital(at[-1]);
        if (!begins || !begins_tag(at, slashes) || strncmp(name, tag, TAG_CHARS) != 0) {
            continue;
        }
        const char *value = name + TAG_CHARS + 1, *end = value;
        while (*end != '\0' && !begins_tag(end, slashes)) {
            end++;
        }
        g_autofree char *copy = g_strndup(value, (gsize)(end - value));
        g_strstrip(copy);
        size_t length = strlen(copy);
        while (slashes && length > 0 && copy[length - 1] == '/') { /* of "/EREF/x//REMI/…" */
            copy[--length] = '\0';
        }
        if (!bank_reference_told(copy) || length >= value_bytes || text_has_controls(copy, false)) {
            return false;
        }
        memcpy(ret_value, copy, length + 1);
        return true;
    }
    return false;
}

bool bank_reference_told(const char *reference) {
    return reference[0] != '\0' && strcmp(reference, "NONREF") != 0 &&
           strcmp(reference, "NOTPROVIDED") != 0;
}
