/* SPDX-License-Identifier: Apache-2.0
 * audit.h: who did what: an append-only chain in which each entry carries the hash of the one
 * before (I8), so that an edit, a deletion or an insertion by hand is found by audit_verify().
 * hash = SHA-256 over the entry before's hash (64 zeros before the first) and the entry's own
 * fields (number, id, at_us, actor, action, subject, reason, detail), each preceded by its length
 * in bytes, in decimal, and a colon. The last number and hash are also kept in `audit_head`, so
 * that cutting the tail is found too. Who can write to the database and knows this can also make a
 * new chain; so what matters is told to others (a report, a log) with its number and hash.
 * Threads: any transaction; entries of concurrent transactions queue on the head, so append last.
 * Limits:  actor, action, subject 200 bytes, reason 2,000, detail 16 KiB; ERR_VALIDATION beyond
 * them.
 * Errors:  ERR_VALIDATION, ERR_STORE_CORRUPT (the head is gone), those of store.h. */
#ifndef HOLDFAST_STORE_AUDIT_H
#define HOLDFAST_STORE_AUDIT_H

#include "store/store.h"

/* `actor` "key:key_…", "user:usr_…", "system", "cli"; `action` "gateway.disable"; `subject` what it
 * was done to; `reason` by the person or ""; `detail_json` or "{}". No secrets. */
MUST_USE int audit_append(struct store_tx *tx, const char *actor, const char *action,
                          const char *subject, const char *reason, const char *detail_json,
                          struct err *err);

struct audit_verdict {
    int64_t entries;       /* that fit, before the first that does not */
    int64_t broken_number; /* 0: the chain is whole; else the first entry that does not fit */
    char why[160];
};
MUST_USE int audit_verify(struct store *store, struct audit_verdict *ret_verdict, struct err *err);

#endif
