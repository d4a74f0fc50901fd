/* SPDX-License-Identifier: Apache-2.0
 * problem.h: errors as RFC 9457 problem documents:
 * {"type","title","status","detail","hint","place", "retry","request_id"}. Threads: any. Owns
 * nothing. */
#ifndef HOLDFAST_API_PROBLEM_H
#define HOLDFAST_API_PROBLEM_H

#include "base/err.h"
#include "net/http.h"

/* Sets status, Retry-After where a retry makes sense, WWW-Authenticate for 401, and the body. What
 * broke inside is told to `operators` only, as far as it helps them: a database's words name its
 * host and user. */
void problem_reply(struct http_reply *reply, const struct err *err, const char *request_id,
                   bool operators);

#endif
