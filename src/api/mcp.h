/* SPDX-License-Identifier: Apache-2.0
 * mcp.h: the Model Context Protocol, by which an agent asks and does what people do with the API:
 * one JSON-RPC message in, at most one out. Tools are rows of mcp_tools.def; calling one is calling
 * its route, with the caller's own rights and every refusal of the route.
 *
 * Both eras are spoken, each message by itself (specification 2026-07-28, "Versioning"): one whose
 * params._meta names a protocol version is served statelessly by that revision; others are a legacy
 * client's (initialize, tools/list, tools/call, ping; revisions 2024-11-05 to 2025-11-25).
 * Nothing is remembered between messages but how often tools were called.
 *
 * Tools only read unless `write_tools`; no tool resolves an incident, publishes, moves money or
 * switches a gateway: that takes a person.
 * Threads: any, many at once, on one `struct mcp`. Owns: nothing of the caller's.
 * Errors: those of a message become the message's answer; mcp_answer() cannot fail.
 * Limits: MCP_MESSAGE_BYTES_MAX; an answer of a tool MCP_RESULT_BYTES_MAX; MCP_CALLS_PER_SECOND
 * calls of tools, MCP_CALLS_AT_ONCE of them in a burst. */
#ifndef HOLDFAST_API_MCP_H
#define HOLDFAST_API_MCP_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/task.h"

enum {
    MCP_MESSAGE_BYTES_MAX = 64 * 1024,
    MCP_RESULT_BYTES_MAX = 512 * 1024,
    MCP_ANSWER_BYTES_MAX = 4 * MCP_RESULT_BYTES_MAX, /* what a tool gave, twice, and escaped */
    MCP_CALLS_PER_SECOND = 20,
    MCP_CALLS_AT_ONCE = 60,
};

/* One request to the service's API. */
struct mcp_request {
    const char *method; /* "GET", "POST" */
    const char *target; /* "/v1/alerts?limit=5", percent-encoded */
    const char *body;   /* JSON; NULL for GET */
    const char *key;    /* its Idempotency-Key; NULL for GET */
};
/* How the service is asked. Leaves status and body (JSON) of the answer, also of a refusal. An
 * error: there was no answer; what it says is told to the agent. */
typedef int mcp_ask_fn(void *ctx, const struct mcp_request *request, int *ret_status,
                       struct buf *ret_body, struct err *err);

struct mcp {
    bool write_tools;
    struct lock lock; /* of what follows */
    int64_t filled_us;
    double calls; /* that may be made at once */
};
void mcp_init(struct mcp *mcp, bool write_tools);
void mcp_free(struct mcp *mcp);

/* What the HTTP transport says beside the message; NULL where a header is absent. */
struct mcp_headers {
    const char *version, *method, *name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name */
};

struct mcp_message {
    const char *bytes;
    size_t count;
    const struct mcp_headers *headers; /* NULL: stdio */
    mcp_ask_fn *ask;
    void *ctx;
};
/* Leaves the answer in `ret_json` as one line, nothing for a notification. The HTTP status that
 * goes with it: 200, 202 (a notification), 400, 404. */
int mcp_answer(struct mcp *mcp, const struct mcp_message *message, struct buf *ret_json);

/* The tables, for tests and docs. */
struct mcp_tool {
    const char *name, *title;
    bool writes;
    const char *method, *path, *description;
};
int mcp_tool_count(void);
const struct mcp_tool *mcp_tool_at(int index);

enum mcp_place { MCP_PATH, MCP_QUERY, MCP_BODY };
enum mcp_type { MCP_TEXT, MCP_NUMBER };
struct mcp_parameter {
    const char *tool, *name;
    enum mcp_place place;
    enum mcp_type type;
    bool needed;
    const char *choices; /* "live|all"; "" for any */
    const char *description;
};
int mcp_parameter_count(void);
const struct mcp_parameter *mcp_parameter_at(int index);

#endif
