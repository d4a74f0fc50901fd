// SPDX-License-Identifier: Apache-2.0
// service.mjs: starts `holdfast serve` on free ports for one test file, with a gateway at which
// nobody listens.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const built = fileURLToPath(new URL("../../build/holdfast", import.meta.url));
export const program = process.env.HOLDFAST ?? process.env.HOLDFAST_BIN ?? built;
const START_TRIES = 200;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `more`: further lines of the configuration. */
export async function startService(more = "") {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-sdk-"));
  const [publicPort, internalPort] = [await freePort(), await freePort()];
  const config = join(folder, "holdfast.yaml");
  writeFileSync(config, `public: {address: "127.0.0.1:${publicPort}"}
internal: {address: "127.0.0.1:${internalPort}"}
store: {url: "sqlite:${join(folder, "holdfast.db")}"}
log_level: warn
payments: {probe_s: 0}
gateways:
  - name: stripe
    adapter: stripe
    base_url: http://127.0.0.1:1
    currencies: [EUR]
    credentials:
      - {name: api_key, from: "env:HOLDFAST_TEST_KEY"}
      - {name: webhook_secret, from: "env:HOLDFAST_TEST_HOOK"}
${more}`);
  const child = spawn(program, ["serve", "--config", config], {
    stdio: "ignore",
    env: {
      ...process.env, HOLDFAST_TEST_KEY: "sk_test_nobody", HOLDFAST_TEST_HOOK: "whsec_nobody",
    },
  });
  const url = `http://127.0.0.1:${internalPort}`;
  let ready = false;
  for (let i = 0; !ready && i < START_TRIES && child.exitCode === null; i++) {
    ready = await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
    if (!ready) await wait(100);
  }
  const stop = async () => {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(folder, { recursive: true });
  };
  if (!ready) {
    await stop();
    throw new Error("the service did not start");
  }
  return { url, publicUrl: `http://127.0.0.1:${publicPort}`, stop };
}
