/* SPDX-License-Identifier: Apache-2.0
 * camt.h: what the parts of reading a camt.053 statement share. Part of read_camt.c.
 *
 *   read_camt.c    bytes to elements: limits, namespaces, what is no XML
 *   camt_paths.c   which element is which field
 *   camt_rows.c    an entry and its transactions as rows
 *   camt_totals.c  a statement's balances, sums and counts
 *
 * Every field is kept as the text that stands there until the element around it ends; then it is
 * read, so that the order of elements does not matter.
 * Threads: one each. Errors: told to the sink; functions that return a code return the sink's. */
#ifndef HOLDFAST_STATEMENT_CAMT_H
#define HOLDFAST_STATEMENT_CAMT_H

#include <glib.h>

#include "base/calendar.h"
#include "statement/read/bank_book.h"
#include "statement/seen.h"
#include "statement/statement.h"

enum {
    CAMT_SHORT_CHARS_MAX = 15,
    CAMT_TIME_CHARS_MAX = 47,
    CAMT_DAY_CHARS = 10,           /* of "2025-09-01" */
    CAMT_TEXT_BYTES_MAX = 4096,    /* of one element */
    CAMT_PURPOSE_BYTES_MAX = 8192, /* of all texts of one transaction */
    CAMT_PURPOSE_WIDTH = 140,      /* an Ustrd of so many characters goes on in the next */
    CAMT_TXS_MAX = 100 * 1000,     /* of one entry */
};

struct camt_amount {
    char text[CAMT_TIME_CHARS_MAX + 1], currency[CAMT_SHORT_CHARS_MAX + 1];
};
struct camt_bal {
    int64_t line;
    char code[CAMT_SHORT_CHARS_MAX + 1], side[CAMT_SHORT_CHARS_MAX + 1];
    struct camt_amount amount;
    char day[CAMT_TIME_CHARS_MAX + 1];
};
/* Of TxsSummry: all entries, the credits, the debits. */
struct camt_total {
    char count[CAMT_SHORT_CHARS_MAX + 1], sum[CAMT_TIME_CHARS_MAX + 1];
};
struct camt_stmt {
    int64_t line, summary_line;
    char id[ROW_ID_CHARS_MAX + 1], account[ROW_ID_CHARS_MAX + 1];
    char number[CAMT_TIME_CHARS_MAX + 1], page[CAMT_SHORT_CHARS_MAX + 1];
    char from[CAMT_TIME_CHARS_MAX + 1], until[CAMT_TIME_CHARS_MAX + 1];
    char account_currency[CAMT_SHORT_CHARS_MAX + 1];
    struct camt_total all, credits, debits;
    char net[CAMT_TIME_CHARS_MAX + 1], net_side[CAMT_SHORT_CHARS_MAX + 1];
};
struct camt_ntry {
    int64_t line;
    char ref[ROW_ID_CHARS_MAX + 1], bank_ref[ROW_ID_CHARS_MAX + 1];
    struct camt_amount amount;
    char side[CAMT_SHORT_CHARS_MAX + 1], reversal[CAMT_SHORT_CHARS_MAX + 1];
    char status[CAMT_SHORT_CHARS_MAX + 1];
    char booked[CAMT_TIME_CHARS_MAX + 1], valued[CAMT_TIME_CHARS_MAX + 1];
    char domain[CAMT_SHORT_CHARS_MAX + 1], family[CAMT_SHORT_CHARS_MAX + 1];
    char subfamily[CAMT_SHORT_CHARS_MAX + 1], own_code[ROW_ID_CHARS_MAX + 1];
    char more[ROW_TEXT_CHARS_MAX + 1];
};
struct camt_btch {
    char count[CAMT_SHORT_CHARS_MAX + 1];
    struct camt_amount amount;
};
struct camt_tx {
    int64_t line;
    char bank_ref[ROW_ID_CHARS_MAX + 1], end_to_end[ROW_ID_CHARS_MAX + 1];
    char batch[ROW_ID_CHARS_MAX + 1];
    struct camt_amount amount, amount_told; /* its own; of AmtDtls/TxAmt */
    char side[CAMT_SHORT_CHARS_MAX + 1];
    char debtor[ROW_TEXT_CHARS_MAX + 1], creditor[ROW_TEXT_CHARS_MAX + 1];
    char debtor_account[ROW_ID_CHARS_MAX + 1], creditor_account[ROW_ID_CHARS_MAX + 1];
    char structured[ROW_ID_CHARS_MAX + 1]; /* the one structured reference */
    int structured_count;
    bool returned;
    char more[ROW_TEXT_CHARS_MAX + 1];
};
/* A transaction of the entry at hand, waiting for its end. Texts live in camt.texts. */
struct camt_kept {
    int64_t line, minor; /* signed */
    bool has_amount, returned;
    const char *bank_ref, *end_to_end, *structured, *batch, *debtor, *creditor, *debtor_account,
        *creditor_account, *description;
};

/* What a statement's entries add up to, by their side: credits, debits. */
enum camt_side { CAMT_CRDT, CAMT_DBIT, CAMT_SIDES };
struct camt_sums {
    int64_t rows[CAMT_SIDES], minor[CAMT_SIDES];
};

struct camt {
    const struct statement_sink *sink;
    struct statement_head *head;
    const struct time_zone *zone;
    /* The elements at hand. */
    struct camt_stmt stmt;
    struct camt_bal bal;
    struct camt_ntry ntry;
    struct camt_btch btch;
    struct camt_tx tx;
    struct buf purpose; /* of tx */
    int64_t purpose_chars;
    GArray *kept; /* struct camt_kept, of ntry */
    GStringChunk *texts;
    guint details_begin; /* where those of the NtryDtls at hand begin in `kept` */
    /* The statement at hand. */
    struct currency currency; /* "" until a balance, the account or an entry says it */
    bool has_opening, has_previous, has_closing, broken;
    int64_t opening_minor, previous_minor, closing_minor, closing_line;
    char closed[CAMT_TIME_CHARS_MAX + 1]; /* the day of the closing balance; "" */
    struct camt_sums booked, all;
    int64_t first_interim_minor, last_interim_minor;
    int interim_count;
    /* The file. */
    int64_t stmt_count;
    struct seen seen;
    struct bank_book book;
    int rc; /* of the sink; ends the reading */
    struct err *err;
};

/* ---- which element is which field ---- */

enum camt_owner {
    CAMT_NONE,
    CAMT_OF_STMT,
    CAMT_OF_BAL,
    CAMT_OF_NTRY,
    CAMT_OF_BTCH,
    CAMT_OF_TX,
};
enum camt_event {
    CAMT_VALUE,
    CAMT_STMT,
    CAMT_SUMMARY,
    CAMT_BAL,
    CAMT_NTRY,
    CAMT_DETAILS,
    CAMT_BTCH,
    CAMT_TX,
    CAMT_RETURNED,
    CAMT_PURPOSE,    /* a piece of the text */
    CAMT_STRUCTURED, /* a structured reference, and a piece of the text */
};
struct camt_path {
    const char *path; /* below BkToCstmrStmt */
    enum camt_event event;
    enum camt_owner owner;
    size_t offset, size;
    size_t currency_offset; /* of an amount; 0: it has none */
    bool cut;               /* a text that people write: what does not fit is cut */
};
/* By path; the caller destroys it. */
GHashTable *camt_paths_new(void);

/* ---- what the ends of elements do ---- */

void camt_tell(const struct camt *camt, enum statement_problem problem, int64_t line,
               const char *format, ...) PRINTF_LIKE(4, 5);
/* CRDT or DBIT; told when it is neither. */
MUST_USE bool camt_side(const struct camt *camt, int64_t line, const char *text,
                        enum camt_side *ret_side);
/* An amount in the statement's currency, which the first one decides. */
MUST_USE bool camt_amount(struct camt *camt, int64_t line, const struct camt_amount *amount,
                          int64_t *ret_minor);
/* The same without a currency of its own. */
MUST_USE bool camt_number(const struct camt *camt, int64_t line, const char *text,
                          int64_t *ret_minor);
/* A day or a moment. */
MUST_USE bool camt_time(const struct camt *camt, int64_t line, const char *text, int64_t *ret_us);

void camt_begin_stmt(struct camt *camt, int64_t line);
void camt_end_bal(struct camt *camt);
void camt_end_stmt(struct camt *camt);
void camt_end_file(struct camt *camt, int64_t line);

void camt_begin_ntry(struct camt *camt, int64_t line);
void camt_begin_tx(struct camt *camt, int64_t line);
void camt_end_tx(struct camt *camt);
void camt_end_details(struct camt *camt);
void camt_end_ntry(struct camt *camt);

#endif
