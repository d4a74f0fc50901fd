/* SPDX-License-Identifier: Apache-2.0
 * mcp_impl.h: what mcp.c (the protocol) and mcp_tools.c (the tools) share. */
#ifndef HOLDFAST_API_MCP_IMPL_H
#define HOLDFAST_API_MCP_IMPL_H

#include <jansson.h>

#include "api/mcp.h"

/* The list, as both eras have it. */
MUST_USE json_t *mcp_tools_list(const struct mcp *mcp);
/* NULL: there is none, or it writes and may not. */
const struct mcp_tool *mcp_tool_find(const struct mcp *mcp, const char *name);
/* There is one of this name that changes something, switched on or not. */
bool mcp_tool_writes(const char *name);
/* Calls it; what is wrong with `arguments` (NULL: none), or what the service refuses, is the
 * result: {"content":[…],"isError":true}. */
MUST_USE json_t *mcp_tool_call(struct mcp *mcp, const struct mcp_message *message,
                               const struct mcp_tool *tool, const json_t *arguments);

#endif
