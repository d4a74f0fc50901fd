/* SPDX-License-Identifier: Apache-2.0
 * http_bulkhead.c: so many calls at once and no more. A counter and its limit; nobody waits. */
#include <stdatomic.h>

#include "net/http_bulkhead.h"

struct http_bulkhead {
    int calls_max;
    atomic_int busy;
};

struct http_bulkhead *http_bulkhead_new(int calls_max) {
    INVARIANT(calls_max >= 1, "a bulkhead lets at least one call through");
    struct http_bulkhead *bulkhead = calloc(1, sizeof(*bulkhead));
    INVARIANT(bulkhead != NULL, "out of memory");
    bulkhead->calls_max = calls_max;
    atomic_init(&bulkhead->busy, 0);
    return bulkhead;
}

void http_bulkhead_free(struct http_bulkhead *bulkhead) {
    if (bulkhead == NULL) {
        return;
    }
    INVARIANT(atomic_load(&bulkhead->busy) == 0, "a bulkhead outlives the calls through it");
    free(bulkhead);
}

bool http_bulkhead_enter(struct http_bulkhead *bulkhead) {
    int busy = atomic_load(&bulkhead->busy);
    do {
        if (busy >= bulkhead->calls_max) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&bulkhead->busy, &busy, busy + 1));
    return true;
}

void http_bulkhead_leave(struct http_bulkhead *bulkhead) {
    int before = atomic_fetch_sub(&bulkhead->busy, 1);
    INVARIANT(before >= 1, "left more often than entered");
}

int http_bulkhead_busy(const struct http_bulkhead *bulkhead) {
    return atomic_load(&bulkhead->busy);
}

int http_bulkhead_max(const struct http_bulkhead *bulkhead) {
    return bulkhead->calls_max;
}
