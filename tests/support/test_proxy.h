/* SPDX-License-Identifier: Apache-2.0
 * test_proxy.h: a TCP proxy on a loopback port that cuts a PostgreSQL connection exactly at COMMIT.
 * It looks for a Parse message of the text COMMIT, so each connection must send its first COMMIT
 * through it, or every one of them unprepared (store_options.no_prepare).
 * Owns: its tasks and sockets until proxy_stop(). Threads: any. Failures abort. */
#ifndef HOLDFAST_TESTS_TEST_PROXY_H
#define HOLDFAST_TESTS_TEST_PROXY_H

#include "base/compiler.h"

struct proxy;

enum proxy_cut {
    PROXY_PASS,
    PROXY_CUT_INSTEAD, /* the server never sees the COMMIT */
    PROXY_CUT_AT_ONCE, /* the server sees it; the client is cut before it is done, perhaps */
    PROXY_CUT_AFTER,   /* the server has answered it; the answer is thrown away */
};

/* Connections to the port that is returned go to the server's port on 127.0.0.1. */
struct proxy *proxy_start(int server_port, int *ret_port);
void proxy_stop(struct proxy *proxy);
/* The next COMMIT is treated so, once. With `refuse`, new connections are closed after that until
 * proxy_accept(). */
void proxy_arm(struct proxy *proxy, enum proxy_cut cut, bool refuse);
void proxy_accept(struct proxy *proxy);
/* How many connections were cut, each counted when what its cut promises has happened. */
int proxy_cuts(struct proxy *proxy);
/* How many pieces the clients sent: a piece is followed by waiting for its answer. */
int proxy_pieces(struct proxy *proxy);

#endif
