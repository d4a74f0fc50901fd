/* SPDX-License-Identifier: Apache-2.0
 * http_calls.h: calls to scripted servers, for the tests of the HTTP client, and what is expected
 * of them. Threads: any, but the assertions belong to the test's own task. Owns: nothing but
 * flights, which land() ends. */
#ifndef HOLDFAST_TESTS_HTTP_CALLS_H
#define HOLDFAST_TESTS_HTTP_CALLS_H

#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "support/raw_server.h"

enum { CALL_URL_MAX = 128, LARGE_BODY_BYTES = 8 * 1024 * 1024 };
#define LONG_US (60 * US_PER_SECOND) /* never waited for */
#define SHORT_US (700 * US_PER_MS)   /* waited for, where a call has to time out */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEAD_END "\r\n\r\n"
#define READ_HEAD                                                                                  \
    { RAW_READ, HEAD_END, 0 }
#define SEND(text)                                                                                 \
    { RAW_SEND, text, 0 }

struct http_client *new_client(const struct http_client_options *options);
struct http_client *plain_client(void);
struct raw_server *serve_one(const struct raw_step *script);
/* Writes the URL of that port on this machine. Only before other tasks read the text. */
const char *url_of(int port, char url[CALL_URL_MAX]);
struct http_call get_call(const char *url);
struct http_call post_call(const char *url, const char *body);
/* LARGE_BODY_BYTES of 'x' and a NUL; free() it. */
MUST_USE char *large_body(void);

/* Fails the test, naming what was called, when the answer says something else. */
void assert_outcome(const char *name, const struct http_answer *answer, enum http_reach reach,
                    enum http_failure failure);
void assert_answered(struct http_client *client, const struct http_call *call, int status);
void assert_failed(struct http_client *client, const struct http_call *call, enum http_reach reach,
                   enum http_failure failure);

/* A call made from a task of its own. */
struct flight {
    struct http_client *client;
    struct http_call call;
    struct http_answer answer;
    struct err err;
    int rc;
    struct task *task;
};
void take_off(struct flight *flight);
void land(struct flight *flight);

#endif
