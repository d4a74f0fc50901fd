/* SPDX-License-Identifier: Apache-2.0
 * alertmanager.h: what an Alertmanager posts to its webhook receivers (version 4), as notices.
 *
 * Labels and annotations that are understood: alertname (kind), severity (P0 to P3, critical or
 * page: P1, warning: P2, all else P3), summary (title), description, scope, cause, action,
 * runbook_url or runbook. Labels go along; texts that are too long are cut, addresses that are none
 * are left out. What an alert lacks is no error; what is no such message is.
 * What a Holdfast told that Alertmanager (label ALERTMANAGER_OURS) is left out: taken, it would be
 * told it again, as another alert, for ever.
 * Threads: any. Owns: everything is the arena's. Errors: ERR_BAD_JSON, ERR_TOO_LARGE,
 * ERR_VALIDATION with a JSON pointer. Limits: those below. */
#ifndef HOLDFAST_WATCH_ALERTMANAGER_H
#define HOLDFAST_WATCH_ALERTMANAGER_H

#include "watch/notice.h"

#define ALERTMANAGER_OURS "reported_by"
enum { ALERTMANAGER_BYTES_MAX = 1024 * 1024, ALERTMANAGER_ALERTS_MAX = 500 };

/* *ret_count may be 0: then all were our own. */
MUST_USE int alertmanager_read(const char *body, size_t bytes, int64_t now_us, struct arena *arena,
                               struct notice **ret_notices, int *ret_count, struct err *err);

#endif
