/* SPDX-License-Identifier: Apache-2.0
 * csv_write.h: CSV for people's spreadsheets, as RFC 4180 has it: commas, CRLF, quotes where they
 * are needed.
 *
 * A text that a spreadsheet would take for a formula (one whose first character that is seen is
 * = + - @ or the full-width form of one, or that begins with a tab or a carriage return) gets an
 * apostrophe before it, so that what a stranger wrote is shown and never calculated. Numbers are
 * written by csv_put_int() and csv_put_money(), which do not do that: a minus sign stays one. NUL
 * cannot be in a text; other characters stay as they are.
 *
 *   struct csv_writer csv = csv_write_begin(&buf);
 *   csv_put(&csv, "id"); csv_put(&csv, "amount"); csv_end(&csv);
 *   csv_put(&csv, row->id); csv_put_money(&csv, row->amount_minor, row->currency); csv_end(&csv);
 *
 * Owns: nothing; the buffer is the caller's, who looks at buf_ok() at the end. Threads: one at a
 * time. Cannot fail. Used by every export (tickets, breaks). */
#ifndef HOLDFAST_BASE_CSV_WRITE_H
#define HOLDFAST_BASE_CSV_WRITE_H

#include "base/buf.h"
#include "base/money.h"

struct csv_writer {
    struct buf *buf; /* borrowed */
    bool begun;      /* this record has a field */
};

struct csv_writer csv_write_begin(struct buf *buf);
void csv_put(struct csv_writer *csv, const char *text); /* NULL counts as "" */
void csv_put_int(struct csv_writer *csv, int64_t value);
/* "19.99", "-1200" (JPY): in major units, with the currency's decimals, without its code. A
 * currency that is none: in minor units. */
void csv_put_money(struct csv_writer *csv, int64_t minor, struct currency currency);
/* RFC 3339; nothing for 0 or less. */
void csv_put_time(struct csv_writer *csv, int64_t wall_us);
void csv_end(struct csv_writer *csv); /* of the record */

#endif
