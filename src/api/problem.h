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
/* The body alone; the caller frees it. The request's name, perhaps "", is its last member. */
MUST_USE char *problem_json(const struct err *err, const char *request_id, bool operators);

/* The path as it may stand in a log: the secret of a payment link is left out. */
const char *path_for_log(const char *path);

#endif
