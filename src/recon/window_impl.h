/* SPDX-License-Identifier: Apache-2.0
 * window_impl.h: what the files of a window share. */
#ifndef HOLDFAST_RECON_WINDOW_IMPL_H
#define HOLDFAST_RECON_WINDOW_IMPL_H

#include "base/buf.h"
#include "recon/recon_impl.h"
#include "recon/window.h"

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
/* window_cover.c: whether statements cover the time at each gateway; each time without one is
 * missing, by its days in the gateway's place. */
MUST_USE int window_report_coverage(struct window_report *report, struct err *err);

#endif
