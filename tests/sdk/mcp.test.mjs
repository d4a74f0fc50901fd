// SPDX-License-Identifier: Apache-2.0
// mcp.test.mjs: the Model Context Protocol's official clients, unmodified, against `holdfast mcp`
// and POST /mcp: the first generation (which begins with initialize) and the second (which keeps
// nothing between requests; it needs Node.js 20).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { program, startService } from "./service.mjs";

const modernSkip = Number(process.versions.node.split(".")[0]) < 20
  ? "the second generation's client needs Node.js 20" : false;
const who = { name: "holdfast-tests", version: "1" };
const modern = { versionNegotiation: { mode: { pin: "2026-07-28" } } };
let service;

before(async () => {
  service = await startService("mcp: {write_tools: true}\n");
});
after(() => service.stop());

function stdio(Transport, ...options) {
  return new Transport({
    command: program, args: ["mcp", "--url", service.url, ...options], stderr: "inherit",
  });
}

const mcpUrl = () => new URL(`${service.url}/mcp`);

/** What any client must get, by any transport. `writes`: tools that change something are on. */
async function works(client, transport, writes) {
  await client.connect(transport);
  try {
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name);
    assert.ok(names.includes("diagnose"));
    assert.equal(names.includes("record_change"), writes);
    assert.deepEqual(new Set(names).size, names.length);
    for (const tool of tools) {
      assert.equal(tool.inputSchema.type, "object");
      assert.equal(tool.annotations.readOnlyHint || writes, true);
      assert.equal(tool.annotations.destructiveHint, false);
    }
    const gateways = await client.callTool({ name: "list_gateways", arguments: {} });
    assert.ok(!gateways.isError);
    assert.equal(gateways.structuredContent.data[0].name, "stripe");
    assert.deepEqual(JSON.parse(gateways.content[0].text), gateways.structuredContent);
    const one = await client.callTool({ name: "get_gateway", arguments: { name: "stripe" } });
    assert.equal(one.structuredContent.name, "stripe");
    const none = await client.callTool({ name: "get_payment", arguments: { id: "pay/../x" } });
    assert.equal(none.isError, true);
    const wrong = await client.callTool({ name: "list_alerts", arguments: { state: "dead" } });
    assert.equal(wrong.isError, true);
    assert.match(wrong.content[0].text, /arguments\/state.*live\|all/);
    const unknown = client.callTool({ name: "resolve_incident", arguments: {} });
    await assert.rejects(unknown, /Unknown tool/);
  } finally {
    await client.close();
  }
}

describe("the first generation's client", () => {
  test("over standard input and output, reading only", () =>
    works(new Client(who), stdio(StdioClientTransport), false));

  test("over standard input and output, with tools that write", () =>
    works(new Client(who), stdio(StdioClientTransport, "--enable-write-tools"), true));

  test("over HTTP", () =>
    works(new Client(who), new StreamableHTTPClientTransport(mcpUrl()), true));

  test("a change is recorded once by its key", async (t) => {
    const client = new Client(who);
    t.after(() => client.close());
    await client.connect(stdio(StdioClientTransport, "--enable-write-tools"));
    const call = { name: "record_change", arguments: {
      kind: "deploy", what: "shop 4.7", idempotency_key: "deploy-4.7" } };
    const first = await client.callTool(call);
    const again = await client.callTool(call);
    assert.ok(!first.isError, first.content[0].text);
    assert.equal(again.structuredContent.id, first.structuredContent.id);
    const { structuredContent } = await client.callTool({ name: "list_changes", arguments: {} });
    assert.deepEqual(structuredContent.data.map((change) => change.what), ["shop 4.7"]);
  });
});

describe("the second generation's client", { skip: modernSkip }, () => {
  let modernClient, modernStdio;
  before(async () => {
    if (modernSkip) return;
    modernClient = await import("@modelcontextprotocol/client");
    modernStdio = await import("@modelcontextprotocol/client/stdio");
  });

  test("over standard input and output", () =>
    works(new modernClient.Client(who, modern), stdio(modernStdio.StdioClientTransport), false));

  test("over HTTP", () =>
    works(new modernClient.Client(who, modern),
      new modernClient.StreamableHTTPClientTransport(mcpUrl()), true));

  test("finds out by itself which revisions there are", async (t) => {
    const client = new modernClient.Client(who, { versionNegotiation: { mode: "auto" } });
    t.after(() => client.close());
    await client.connect(stdio(modernStdio.StdioClientTransport));
    assert.ok((await client.listTools()).tools.length > 10);
  });
});

describe("POST /mcp", () => {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const said = {
    "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list",
  };
  const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: meta } };

  async function post(headers, body) {
    const answer = await fetch(mcpUrl(), { method: "POST", headers, body: JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, text, json: text.startsWith("{") ? JSON.parse(text) : null };
  }

  test("takes what its headers say", async () => {
    const well = await post(said, list);
    assert.equal(well.status, 200);
    assert.equal(well.json.result.resultType, "complete");
    assert.equal(well.json.result.cacheScope, "public");
  });

  test("refuses headers that say something else than the body", async () => {
    for (const [headers, body] of [
      [{ ...said, "Mcp-Method": "tools/call" }, list],
      [{ ...said, "Mcp-Method": undefined }, list],
      [{ ...said, "MCP-Protocol-Version": "2025-11-25" }, list],
      [{ ...said, "Mcp-Method": "tools/call", "Mcp-Name": "mode" },
        { ...list, method: "tools/call", params: { _meta: meta, name: "diagnose" } }],
    ]) {
      const kept = Object.fromEntries(Object.entries(headers).filter(([, value]) => value));
      const answer = await post(kept, body);
      assert.equal(answer.status, 400);
      assert.equal(answer.json.error.code, -32020, answer.text);
    }
    const encoded = `=?base64?${Buffer.from("mode").toString("base64")}?=`;
    const answer = await post({ ...said, "Mcp-Method": "tools/call", "Mcp-Name": encoded },
      { ...list, method: "tools/call", params: { _meta: meta, name: "mode" } });
    assert.equal(answer.status, 200);
  });

  test("tells of the revisions that there are", async () => {
    const odd = { ...meta, "io.modelcontextprotocol/protocolVersion": "1900-01-01" };
    const answer = await post({ ...said, "MCP-Protocol-Version": "1900-01-01" },
      { ...list, params: { _meta: odd } });
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.code, -32022);
    assert.ok(answer.json.error.data.supported.includes("2026-07-28"));
  });

  test("answers nothing to what is only told, and 404 to what there is not", async () => {
    const told = await post(said, { jsonrpc: "2.0", method: "notifications/initialized" });
    assert.deepEqual([told.status, told.text], [202, ""]);
    const answer = await post({ ...said, "Mcp-Method": "prompts/list" },
      { ...list, method: "prompts/list" });
    assert.deepEqual([answer.status, answer.json.error.code], [404, -32601]);
  });

  test("is not there for web pages, nor on the public listener, nor by GET", async () => {
    assert.equal((await post({ ...said, Origin: "https://example.com" }, list)).status, 403);
    const elsewhere = await fetch(`${service.publicUrl}/mcp`, {
      method: "POST", headers: said, body: JSON.stringify(list) });
    assert.equal(elsewhere.status, 404);
    assert.equal((await fetch(mcpUrl())).status, 405);
  });
});
