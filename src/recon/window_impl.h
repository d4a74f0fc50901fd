/* SPDX-License-Identifier: Apache-2.0
 * window_impl.h: what the files of a window share. */
#ifndef HOLDFAST_RECON_WINDOW_IMPL_H
#define HOLDFAST_RECON_WINDOW_IMPL_H

#include <glib.h>

#include "base/buf.h"
#include "base/calendar.h"
#include "recon/recon_impl.h"
#include "recon/window.h"
#include "statement/statement.h"

enum { WINDOW_REPORT_BYTES_MAX = 1024 * 1024 };

struct window {
    struct window_id id;
    int64_t from_us, until_us, begun_us, ended_us;
    enum window_state state;
    char gateway[GATEWAY_NAME_CHARS_MAX + 1]; /* "" for all */
    char listed_id[ID_TEXT_MAX];
};

bool window_verdict_proves(int64_t verdict);

/* window_report.c: what came of it, from what the store has now. */
MUST_USE int window_report(const struct recon *recon, struct store_tx *tx,
                           const struct window *window, int64_t now_us, struct buf *ret_json,
                           struct err *err);

/* While it is written. */
struct window_report {
    const struct recon *recon;
    struct store_tx *tx;
    const struct window *window;
    int64_t now_us;
    struct buf *buf;
    struct buf missing; /* elements of the array that says what keeps it from being proved */
    int missing_count;
    bool proved;
};
/* It is not proved: what is missing, as the middle of a sentence, and a command that shows or mends
 * it. */
void window_report_missing(struct window_report *report, const char *what, const char *command);
/* What statements of one gateway tell of its time. */
struct coverage {
    char gateway[GATEWAY_NAME_CHARS_MAX + 1];
    const struct gateway_adapter *adapter; /* NULL: the gateway is no longer configured */
    const struct source *source;           /* NULL: nothing is known of its statements */
    struct time_zone *zone;                /* of its days */
    unsigned needed;                       /* bits: what must be told of */
    GArray *spans;                         /* struct span: what statements tell of */
};

struct span {
    int64_t from_us, until_us;
    unsigned tells; /* of a gap: what nobody tells of it */
};
/* window_told.c: what must be told of a gateway of this adapter (NULL: of one that is no longer
 * configured): what any of the formats that such gateways publish can tell; of a bank's account
 * what moved on it. */
unsigned window_needed(const struct gateway_adapter *adapter);
/* Adds the spans, in no order. */
MUST_USE int window_told(struct window_report *report, struct coverage *coverage, struct err *err);
/* Of one that was taken in before its bits were kept, those of its format; or, where each file says
 * them itself, those of its rows. Columns of statement s. */
#define WINDOW_HAS_ROW(kind)                                                                       \
    "CASE WHEN s.tells IS NULL AND EXISTS (SELECT 1 FROM statement_row r WHERE r.statement_id = "  \
    "s.id AND r.kind = " kind ") THEN 1 ELSE 0 END"
#define WINDOW_TELLS                                                                               \
    "s.tells, s.reader, " WINDOW_HAS_ROW("1") ", " WINDOW_HAS_ROW("2") ", " WINDOW_HAS_ROW(        \
        "4") ", " WINDOW_HAS_ROW("14") ", " WINDOW_HAS_ROW("15")
enum { WINDOW_TELLS_COLUMNS = 7 };
unsigned window_tells(const struct sql_rows *rows);

/* window_cover.c: whether statements cover the time at each gateway, for each kind that must be
 * told; each time without one is missing, by its days in the gateway's place. */
MUST_USE int window_report_coverage(struct window_report *report, struct err *err);

#endif
