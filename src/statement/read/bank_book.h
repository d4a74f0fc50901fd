/* SPDX-License-Identifier: Apache-2.0
 * bank_book.h: what readers of bank statements have in common: accounts whose statements follow
 * one another, days as moments, and texts that a bank broke into pieces.
 * Owns: nothing. Threads: one each. Errors: told to the sink, or as the function says. */
#ifndef HOLDFAST_STATEMENT_BANK_BOOK_H
#define HOLDFAST_STATEMENT_BANK_BOOK_H

#include "base/buf.h"
#include "base/calendar.h"
#include "statement/statement.h"

/* An account in one currency, over all its statements in the file. */
struct bank_account {
    char account[ROW_ID_CHARS_MAX + 1];
    struct currency currency;
    int64_t opening_minor, closing_minor; /* of the first, of the last */
    int64_t number, page;                 /* of the last; -1: not told */
    int64_t first_number;                 /* -1 */
    int64_t closed_us;                    /* the end of the last one's day; 0: not told */
    bool more_pages;                      /* the last was a page that another one follows */
};
struct bank_book {
    struct bank_account of[STATEMENT_CURRENCIES_MAX];
    int count;
};

/* NULL: it had no statement before. */
struct bank_account *bank_book_find(struct bank_book *book, const char *account,
                                    struct currency currency);
/* A new one, without a statement; NULL: there is no room. */
struct bank_account *bank_book_add(struct bank_book *book, const char *account,
                                   struct currency currency);
/* Its last statement was this one. */
void bank_book_close(struct bank_account *account, int64_t number, int64_t page,
                     int64_t closing_minor, int64_t closed_us);
/* Puts the balances into the head, those of one currency together, and the links. False: a sum does
 * not fit. */
MUST_USE bool bank_book_head(const struct bank_book *book, struct statement_head *head);

/* The midnight with which a day begins where the bank is (NULL: UTC). */
int64_t bank_day_us(const struct time_zone *zone, int64_t local_s);

/* Adds a piece of a text that was broken where `width` characters were full: then it goes on
 * without a blank, else with one. `last_chars` is kept between pieces, and begins as 0. */
void bank_text_add(struct buf *buf, const char *piece, size_t bytes, int64_t width,
                   int64_t *last_chars);
/* What follows "EREF+" or "/EREF/" in a remittance text (tag "EREF"), up to the next such tag.
 * False: it is not there, blank, NOTPROVIDED, has control characters, or does not fit. */
MUST_USE bool bank_text_tag(const char *text, const char *tag, char *ret_value, size_t value_bytes);
/* A reference that tells something: not blank, "NONREF" or "NOTPROVIDED". */
MUST_USE bool bank_reference_told(const char *reference);

#endif
