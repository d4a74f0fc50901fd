/* SPDX-License-Identifier: Apache-2.0
 * http_url.h: what an address says of where it leads. Owns nothing. Threads: any. Cannot fail. */
#ifndef HOLDFAST_NET_HTTP_URL_H
#define HOLDFAST_NET_HTTP_URL_H

#include "base/compiler.h"

/* The host is this machine: localhost, 127.0.0.0/8 or [::1]. */
MUST_USE bool http_url_is_loopback(const char *url);

/* Host and port, as they may be shown: without user, path and query, which may be secret. */
void http_url_host(const char *url, char *ret_host, size_t bytes_max);

#endif
