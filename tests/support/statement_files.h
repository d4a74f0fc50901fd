/* SPDX-License-Identifier: Apache-2.0
 * statement_files.h: files as gateways publish them, of whatever movements a test has thought of:
 * one small writer a layout, made from the published layouts and by none of our own sandbox.
 *
 * Each knows what its layout can tell (`tells`) and writes it exactly: amounts as that layout has
 * them, times in its zone, its totals, counts and balances. A row that its layout cannot tell fails
 * the test.
 * Owns: nothing. Threads: one. */
#ifndef HOLDFAST_TESTS_STATEMENT_FILES_H
#define HOLDFAST_TESTS_STATEMENT_FILES_H

#include <glib.h>

#include "statement/statement.h"

/* What a layout can tell beside a charge and a refund that are done. */
enum filed_tells {
    WRITES_CURRENCIES = 1 << 0,    /* several in one file; else CNY alone */
    WRITES_DISPUTES = 1 << 1,      /* chargebacks */
    WRITES_RETURNED = 1 << 2,      /* a refund that came back */
    WRITES_CHARGE_STATUS = 1 << 3, /* charges that are pending or failed */
    WRITES_REFUND_STATUS = 1 << 4, /* the same of refunds */
    WRITES_BARE = 1 << 5,          /* a row may lack our reference */
    WRITES_OWN_FEES = 1 << 6,      /* rows of what is kept for no payment */
    WRITES_PAYOUTS = 1 << 7,       /* payouts, and rows that name them; reader adds up nothing */
    WRITES_FEES = 1 << 8,          /* what was kept, in the row of its payment */
    WRITES_REFUND_NAMES = 1 << 9,  /* which refund it is */
    WRITES_PAYMENTS = 1 << 10,     /* of which payment a refund is */
    WRITES_NAMELESS = 1 << 11,     /* a row may lack the gateway's id */
};

enum { FILED_TEXT_CHARS_MAX = 63 };
struct filed {
    enum row_kind kind;
    enum row_status status;
    struct currency currency;
    int64_t gross_minor, fee_minor; /* signs as in struct statement_row */
    int64_t at_us;                  /* of whole seconds, between 08:00 and 15:00 UTC of the day */
    char id[FILED_TEXT_CHARS_MAX + 1], reference[FILED_TEXT_CHARS_MAX + 1];
    char original[FILED_TEXT_CHARS_MAX + 1], original_reference[FILED_TEXT_CHARS_MAX + 1];
    char batch[FILED_TEXT_CHARS_MAX + 1];
};

struct filed_layout {
    const char *name;
    const char *reader;
    unsigned tells;
    /* Writes all rows; `day_us` is the midnight (UTC) of the file's day, `number` the file's. */
    void (*write)(GString *text, const struct filed *rows, guint count, int64_t day_us, int number);
    const char *charset; /* NULL: UTF-8 */
    const char *map;     /* of the reader "csv" */
    /* The file's name; NULL: any. */
    void (*file_name)(char *text, size_t bytes, int64_t day_us, int number);
    bool in_order; /* rows stand in the order of their times */
    bool pays_out; /* it writes a payout of each currency in which the rows come to one */
};
extern const struct filed_layout filed_layouts[];
extern const int filed_layouts_count;

/* The bytes as they are published; g_free(). */
char *filed_bytes(const struct filed_layout *layout, const struct filed *rows, guint count,
                  int64_t day_us, int number, size_t *ret_count);

#endif
