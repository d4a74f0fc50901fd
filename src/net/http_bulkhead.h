/* SPDX-License-Identifier: Apache-2.0
 * http_bulkhead.h: the inner side of a bulkhead, for http_call() alone; the rest is in
 * http_client.h. Threads: any. */
#ifndef HOLDFAST_NET_HTTP_BULKHEAD_H
#define HOLDFAST_NET_HTTP_BULKHEAD_H

#include "net/http_client.h"

/* False when it is full; otherwise http_bulkhead_leave() must follow. */
MUST_USE bool http_bulkhead_enter(struct http_bulkhead *bulkhead);
void http_bulkhead_leave(struct http_bulkhead *bulkhead);

#endif
