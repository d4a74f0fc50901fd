/* SPDX-License-Identifier: Apache-2.0
 * raw_server.h: a TCP server for tests that does exactly what a script says, right or wrong.
 *
 * The first connection runs the first script, the second the second, all later ones the last. A
 * script is an array of steps and ends with RAW_CLOSE, RAW_RESET, RAW_HOLD or RAW_AGAIN. One task
 * serves all connections, a thousand if need be; it listens on 127.0.0.1.
 * Threads: any. Owns: the sockets, until raw_server_free(). Failures abort: it is a test's tool. */
#ifndef HOLDFAST_TESTS_RAW_SERVER_H
#define HOLDFAST_TESTS_RAW_SERVER_H

#include "base/compiler.h"

struct raw_server;

enum raw_verb {
    RAW_READ,   /* until `text` has come, from the end of the read before; counts as a read */
    RAW_SEND,   /* `text`, `times` over (0 counts as 1) */
    RAW_CLOSE,  /* end the connection */
    RAW_RESET,  /* end it with a TCP reset */
    RAW_HOLD,   /* do nothing, take nothing, until the server is freed */
    RAW_GATE,   /* wait for raw_server_open() */
    RAW_REFUSE, /* stop listening: from now on the kernel refuses connections */
    RAW_TLS,    /* be a TLS server from here on, with the files given at the start */
    RAW_AGAIN,  /* go back to the script's first step */
};
struct raw_step {
    enum raw_verb verb;
    const char *text;
    int times;
};

enum { RAW_SCRIPTS_MAX = 8 };
struct raw_options {
    const struct raw_step *scripts[RAW_SCRIPTS_MAX]; /* up to the first NULL; their steps are
                                                        borrowed until raw_server_free() */
    const char *tls_cert_path, *tls_key_path;        /* for RAW_TLS */
};

MUST_USE struct raw_server *raw_server_start(const struct raw_options *options);
void raw_server_free(struct raw_server *server);
int raw_server_port(const struct raw_server *server);
/* Lets every RAW_GATE pass, now and later. */
void raw_server_open(struct raw_server *server);

/* Counts since the start. */
int raw_server_accepted(struct raw_server *server);
int raw_server_reads(struct raw_server *server);
/* Blocks until that many reads are done, or that many connections ended by a script or a peer. */
void raw_server_await_reads(struct raw_server *server, int count);
void raw_server_await_ended(struct raw_server *server, int count);
/* What a connection (0: the first) has sent, as text; free() it. */
MUST_USE char *raw_server_taken(struct raw_server *server, int connection);

/* A port that refuses connections for as long as `ret_fd` is not closed. */
MUST_USE int raw_refusing_port(int *ret_fd);

#endif
