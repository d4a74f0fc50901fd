/* SPDX-License-Identifier: Apache-2.0
 * echo.c: the HTTP front with nothing behind it: what a request gives back what it was sent, from a
 * worker. What a charge costs is measured beside this. Prints its port, ends at the end of its
 * standard input. */
#include <stdio.h>
#include <unistd.h>

#include "net/http_server.h"

static void echo(void *ctx, const struct http_request *request, struct http_reply *reply) {
    reply->status = 200;
    http_reply_body(reply, "application/json", request->body, request->body_bytes);
}

int main(void) {
    struct err err = {0};
    struct http_server *server = NULL;
    struct http_listener *listener = NULL;
    struct http_listener_options options = {.address = "127.0.0.1:0", .handler = echo};
    int r = http_server_new(0, &server, &err);
    r = r < 0 ? r : http_server_listen(server, &options, &listener, &err);
    r = r < 0 ? r : http_server_start(server, &err);
    if (r < 0) {
        fprintf(stderr, "echo: %s\n", err.detail);
        http_server_free(server);
        return 1;
    }
    printf("%d\n", http_listener_port(listener));
    fflush(stdout);
    char ignored[256];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
    }
    http_server_free(server);
    return 0;
}
