/* SPDX-License-Identifier: Apache-2.0
 * mcp.c: `holdfast mcp`: the Model Context Protocol on standard input and output, one message a
 * line, for an agent's program that starts it. Standard output carries nothing else; the service is
 * asked as any command asks it. */
#include <stdlib.h>
#include <string.h>

#include "api/mcp.h"
#include "cli/commands.h"
#include "cli/talk.h"

static int ask_service(void *ctx, const struct mcp_request *request, int *ret_status,
                       struct buf *ret_body, struct err *err) {
    return talk_raw(ctx, request->method, request->target, request->body, request->key, ret_status,
                    ret_body, err);
}

/* What is too long to be a message is read to its end and not kept. */
static bool read_line(char *line, size_t bytes) {
    if (fgets(line, (int)bytes, stdin) == NULL) {
        return false;
    }
    size_t length = strlen(line);
    bool whole = length + 1 < bytes || line[length - 1] == '\n';
    for (int c = 0; !whole && c != '\n' && c != EOF;) {
        c = fgetc(stdin);
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

static void answer_line(struct cli *cli, struct mcp *mcp, const char *line) {
    const struct mcp_message message = {
        .bytes = line, .count = strlen(line), .ask = ask_service, .ctx = cli};
    BUF_AUTO json;
    buf_init(&json, MCP_ANSWER_BYTES_MAX);
    mcp_answer(mcp, &message, &json);
    if (json.len > 0) {
        fprintf(cli->screen.out, "%s\n", json.data);
        fflush(cli->screen.out);
    }
}

int run_mcp(struct cli *cli) {
    struct mcp mcp;
    mcp_init(&mcp, cli_given(cli, "enable-write-tools"));
    /* One byte more than a message may have: what fills it is refused as too large. */
    size_t bytes = MCP_MESSAGE_BYTES_MAX + 3;
    char *line = malloc(bytes);
    INVARIANT(line != NULL, "out of memory");
    while (read_line(line, bytes)) {
        if (line[0] != '\0') {
            answer_line(cli, &mcp, line);
        }
    }
    free(line);
    mcp_free(&mcp);
    return CLI_DONE;
}
