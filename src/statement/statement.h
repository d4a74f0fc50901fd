/* SPDX-License-Identifier: Apache-2.0
 * statement.h: what every statement is turned into, and what a reader of one format promises.
 *
 *   bytes of a file ──reader──▶ head, rows, problems      (this header; nothing is stored)
 *
 * A reader walks the whole file once. It gives each row that it could read to the sink, and tells
 * each thing that is wrong with its line; it goes on after what is wrong as far as that makes
 * sense, so that a person sees everything at once. A file with one problem is not taken in at all:
 * that is the caller's business, and a reader never mends, guesses or skips.
 *   1. Header names decide which column is which, never the position (where the format has names).
 *   2. An amount is read exactly, into minor units of its currency; nothing is rounded. A finer
 *      fraction than the currency has is a problem, except where the format documents one (a
 *      reader then says in its comment what it does).
 *   3. A kind, status or code that is not in the reader's table is UNKNOWN_KIND, never passed over.
 *   4. Totals, counts, balances and sequence numbers that the format has are checked.
 *   5. The same bytes give the same rows, in the same order.
 * Owns: nothing. Threads: any, one read each. Limits: the sizes below; a reader has no recursion
 * and holds no more than a few rows, and what its checks need, in memory.
 * Layouts: the public documentation named in each reader's file. */
#ifndef HOLDFAST_STATEMENT_STATEMENT_H
#define HOLDFAST_STATEMENT_STATEMENT_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/money.h"

enum row_kind {
#define X(name, number, text, family, sign, what) ROW_##name = (number),
#include "statement/row_kinds.def"
#undef X
    ROW_KIND_COUNT = 18
};
enum row_family {
    FAMILY_PAYMENT = 1,
    FAMILY_REFUND = 2,
    FAMILY_DISPUTE = 3,
    FAMILY_THEIRS = 4,
    FAMILY_BANK = 5,
};
enum row_status {
#define X(name, number, text, what) ROW_##name = (number),
#include "statement/row_statuses.def"
#undef X
};
/* Bits: what a statement tells all of, for its time (statement_tells.def). */
enum statement_tells {
#define X(name, bit, text, row) TELLS_##name = (bit),
#include "statement/statement_tells.def"
#undef X
    /* Of a gateway's own report of all that moved; of a bank's. */
    TELLS_MOVEMENTS = TELLS_CHARGES | TELLS_REFUNDS | TELLS_DISPUTES,
    TELLS_BANK = TELLS_CREDITS | TELLS_DEBITS,
    TELLS_ALL = TELLS_MOVEMENTS | TELLS_BANK,
    TELLS_TEXT_CHARS_MAX = 79,
};
enum statement_problem {
#define X(name, text, what, mend) PROBLEM_##name,
#include "statement/problems.def"
#undef X
    PROBLEM_COUNT_OF_KINDS
};

enum {
    ROW_ID_CHARS_MAX = 128,   /* ids, references, batches */
    ROW_TEXT_CHARS_MAX = 500, /* a description: longer ones are cut between two characters */
    STATEMENT_CURRENCIES_MAX = 64,
    STATEMENT_PROBLEMS_KEPT = 200, /* told one by one; of the others only how many */
};
/* One file; larger ones are refused. The statements of one day of one gateway are far below. */
#define STATEMENT_BYTES_MAX (INT64_C(4) << 30)
/* A fee, a net amount, a balance that the row does not tell. */
#define AMOUNT_UNSAID INT64_MIN

const char *row_kind_name(enum row_kind kind); /* "charge"; "?" for a number that no row has */
MUST_USE bool row_kind_parse(const char *name, enum row_kind *ret_kind);
enum row_family row_kind_family(enum row_kind kind);
int row_kind_sign(enum row_kind kind);
const char *row_status_name(enum row_status status);
MUST_USE bool row_status_parse(const char *name, enum row_status *ret_status);
unsigned row_kind_tells(enum row_kind kind); /* what a file without such rows does not tell; 0 */
/* "charges and disputes"; "nothing". Returns `ret_text`. */
const char *statement_tells_text(unsigned tells, char ret_text[TELLS_TEXT_CHARS_MAX + 1]);
const char *statement_problem_name(enum statement_problem problem);
const char *statement_problem_mend(enum statement_problem problem); /* what to do, a sentence */
/* Whether a map that does not fit its file can be why; a row that is there twice is not. */
bool statement_problem_of_map(enum statement_problem problem);

/* One movement as a statement tells it. The texts are UTF-8, trimmed, without control characters,
 * "" where the row tells nothing; they are borrowed until the sink returns. No text is a card
 * number: those are masked by the sink's owner. */
struct statement_row {
    int64_t line; /* of the file, from 1; of the entry, where a format has no lines */
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    /* + comes to us, - goes from us, before what the gateway keeps. A row whose status is not DONE
     * tells what it would be. */
    int64_t gross_minor;
    int64_t fee_minor;      /* + is kept by the gateway, - is given back; AMOUNT_UNSAID */
    int64_t net_minor;      /* what the balance changed by, as the row tells it; AMOUNT_UNSAID */
    int64_t at_us;          /* wall: when the money moved, as the gateway sees it */
    const char *gateway_id; /* theirs, of this very movement: ch_…, the capture's, the refund's */
    const char *reference;  /* ours, of this very movement: what we sent when we asked for it */
    const char *original_id;        /* theirs, of the payment that a refund or dispute is about */
    const char *original_reference; /* ours, of the same */
    const char *batch;              /* the payout or settlement that it is part of */
    const char *method;             /* theirs: "card", "visa", "JSAPI" */
    const char *native_kind;        /* theirs, as it stands there: "partial_capture_reversal" */
    const char *description;
    const char *account; /* ours that it moved on, where one file may tell of several */
    /* Of a bank's row: who sent or got it, as the bank writes them. */
    const char *party, *party_account;
    /* Of money in a bank's row: the account of ours that it was sent to, where that is told beside
     * the statement's own: a virtual one. Not stored. */
    const char *sent_to;
};
/* Everything "", unsaid or 0. */
void statement_row_init(struct statement_row *row);

/* Whether it says that money has moved so far ahead of the clock that no time zone, no wrong clock
 * and no bank's book of the next business day explains it: a wrong year, day and month changed
 * about. Payouts may be dated when they will arrive. `ret_text` says so. */
#define ROW_AHEAD_US (INT64_C(4) * 86400 * 1000000)
enum { ROW_AHEAD_CHARS_MAX = 159 };
MUST_USE bool statement_row_ahead(const struct statement_row *row, int64_t now_us,
                                  char ret_text[ROW_AHEAD_CHARS_MAX + 1]);

/* Whether it lies outside the time that somebody has said of its file; `ret_text` says so. */
MUST_USE bool statement_row_outside(const struct statement_row *row, int64_t from_us,
                                    int64_t until_us, char ret_text[ROW_AHEAD_CHARS_MAX + 1]);

/* What a file says of itself; what it does not say stays empty. */
struct statement_balance {
    struct currency currency;
    int64_t opening_minor, closing_minor; /* AMOUNT_UNSAID */
};
/* Where a file stands among those of one account and currency: of formats that number their files,
 * or tell balances that go on from one to the next (recon/chain.h). */
struct statement_link {
    char account[ROW_ID_CHARS_MAX + 1];
    struct currency currency;             /* zeroed: whatever it has */
    int64_t first_number, last_number;    /* -1: not told */
    int64_t opening_minor, closing_minor; /* AMOUNT_UNSAID */
    int64_t closed_us;                    /* the end of the day on which it closes; 0: not told */
};
struct statement_head {
    char account[ROW_ID_CHARS_MAX + 1]; /* whose statement it is, in the gateway's words */
    char file_id[ROW_ID_CHARS_MAX + 1]; /* its own number or name: a batch, an electronic number */
    int64_t sequence;                   /* of files that count themselves; -1 */
    bool goes_on;                       /* it says that the file with the next number follows */
    int64_t from_us, until_us;          /* the period, until exclusive; 0: not said */
    int64_t rows;                       /* given to the sink */
    unsigned lacks; /* what its format tells and this file does not: of enum statement_tells */
    int balance_count;
    struct statement_balance balances[STATEMENT_CURRENCIES_MAX];
    int link_count;
    struct statement_link links[STATEMENT_CURRENCIES_MAX];
};

/* A file that tells its period is believed: another one that somebody says of it is a slip. 0: it
 * tells none, or the same. ERR_VALIDATION. */
MUST_USE int statement_period_same(const char *name, const struct statement_head *head,
                                   int64_t from_us, int64_t until_us, struct err *err);

/* A file, and what must be known to read it that does not stand in it. */
struct statement_source {
    const char *name; /* for messages, and where a format keeps a date or number in it */
    const void *bytes;
    size_t count;
    const struct csv_map *map; /* of the reader "csv" (statement/map.h); else NULL */
    const char *time_zone;     /* where the format has local times without a zone; NULL: the
                                  format's usual one, said in the reader's file */
};

/* Where a reader's findings go. row() returns 0, or a negative code (with `err`) that ends the
 * reading. problem() never ends it; `line` 0: of the file as a whole. Its text is one sentence with
 * what was found and what was expected, card numbers masked, no more than 200 bytes. */
struct statement_sink {
    void *ctx;
    int (*row)(void *ctx, const struct statement_row *row, struct err *err);
    void (*problem)(void *ctx, enum statement_problem problem, int64_t line, const char *text);
};

struct statement_reader {
    const char *name;  /* "stripe-balance": stored, and given on the command line */
    const char *title; /* "Stripe balance and payout reports (CSV)" */
    /* The adapter whose gateways publish it; NULL: anybody's. */
    const char *adapter;
    /* What such a file tells all of, for its time, less what its head `lacks`; of some formats each
     * file says so itself. */
    unsigned tells; /* of enum statement_tells */
    bool lacks_some;
    /* How sure it is that these are the first bytes of such a file: 0 not at all, 100 certainly.
     * `count` may be the whole file or its first 64 KiB. */
    int (*detect)(const char *name, const void *bytes, size_t count);
    /* 0 when the file was walked to its end, with or without problems (the caller counts); else the
     * sink's code, or ERR_TOO_LARGE, ERR_BAD_REQUEST when it cannot be walked at all (no
     * XML): that was told as a problem as well. */
    int (*read)(const struct statement_source *source, const struct statement_sink *sink,
                struct statement_head *ret_head, struct err *err);
};

/* From readers.def, one line a format. NULL: no such name. */
const struct statement_reader *statement_reader_find(const char *name);
const struct statement_reader *const *statement_readers(int *ret_count);
/* The reader that is the surest, and how sure; NULL when none is or two are equally (then `err`
 * says which, and that --format decides). */
const struct statement_reader *statement_detect(const char *name, const void *bytes, size_t count,
                                                int *ret_sure, struct err *err);

/* A problem as printf() would write it, masked and cut; for readers. */
void statement_tell(const struct statement_sink *sink, enum statement_problem problem, int64_t line,
                    const char *format, ...) PRINTF_LIKE(4, 5);

#endif
