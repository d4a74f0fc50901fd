/* SPDX-License-Identifier: Apache-2.0
 * row_export.h: the rows of a statement, and those of a run, as a page and as a file for a
 * spreadsheet (sheet.h).
 *
 * The rows of a run are the movements of both sides of which it was the last to say where they
 * belong: what stayed open is the next run's as soon as that has looked at it. Of ours amounts and
 * fees are as they are now, with what was written off of them. Rows are read in pages, each in a
 * transaction of its own.
 * Threads: any. Owns: answers and files belong to the caller. Errors: ERR_NOT_FOUND,
 * ERR_VALIDATION (class, cursor), ERR_TOO_LARGE (more than ROW_EXPORT_MAX rows, or than the buffer
 * takes), those of the store. */
#ifndef HOLDFAST_RECON_ROW_EXPORT_H
#define HOLDFAST_RECON_ROW_EXPORT_H

#include "recon/recon.h"
#include "base/sheet.h"

enum { ROW_EXPORT_MAX = 1000 * 1000, RUN_ROWS_PAGE_MAX = 500, RUN_ROWS_PAGE = 100 };

/* `class`: a name of match_classes.def, "none" (no run has seen it), or "" for all. Rows behind
 * number `after`, at most `limit` of them (0: all there are). */
MUST_USE int statement_export(struct recon *recon, const char *statement_id, const char *class,
                              int64_t after, int64_t limit, enum sheet_format format,
                              struct buf *buf, struct err *err);
/* Ours, then theirs, each by id: {"data":[…],"next_cursor":"…"|null}. */
MUST_USE int run_rows(struct recon *recon, const char *run_id, const char *class,
                      const char *cursor, int limit, struct answer *ret_answer, struct err *err);
MUST_USE int run_export(struct recon *recon, const char *run_id, const char *class,
                        enum sheet_format format, struct buf *buf, struct err *err);

/* The columns, for whoever makes a file of pages. Constant. */
const struct sheet_column *statement_row_columns(int *ret_count);
const struct sheet_column *run_row_columns(int *ret_count);

#endif
