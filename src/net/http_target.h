/* SPDX-License-Identifier: Apache-2.0
 * http_target.h: what a request is for: the target of its first line and its Host.
 * Everything works in place on text that the caller owns. Threads: any. */
#ifndef HOLDFAST_NET_HTTP_TARGET_H
#define HOLDFAST_NET_HTTP_TARGET_H

#include "net/http_lines.h"

struct http_target {
    const char *path;  /* decoded; "*" for OPTIONS of the whole server */
    const char *query; /* raw, "" when none */
};

/* Reads origin form ("/a?b"), absolute form ("http://h/a?b", whose host must be `host`; https when
 * `tls`) and, when `options`, "*". `target` is a text that is written over. Decodes the path once;
 * refuses what could be read differently by somebody else: see the rows TARGET_* and PATH_* and
 * OTHER_HOST. `ret_target` points into `target`. */
MUST_USE enum http_refusal http_target_read(char *target, bool options, bool tls, const char *host,
                                            struct http_target *ret_target);

/* A name, an IPv4 address or an IPv6 address in brackets, with or without ":port". */
bool http_host_ok(const char *host);

/* Percent-decodes `count` bytes of `text` into `ret_text` (which may be `text`), not adding a NUL.
 * Returns the number of bytes written, or -1 on a bad escape. */
MUST_USE ptrdiff_t http_decode(const char *text, size_t count, bool plus_is_blank, char *ret_text);

#endif
