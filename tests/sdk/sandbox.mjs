// SPDX-License-Identifier: Apache-2.0
// sandbox.mjs: starts `holdfast sandbox` on free ports for one test file; receives its callbacks.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const built = fileURLToPath(new URL("../../build/holdfast", import.meta.url));
const program = process.env.HOLDFAST ?? process.env.HOLDFAST_BIN ?? built;
const START_MS = 20000;
const CALLBACK_MS = 20000;

export const stripeKey = "sk_test_holdfast_sandbox";
export const stripeWebhookSecret = "whsec_holdfast_sandbox";
export const paypalClientId = "holdfast-sandbox-client";
export const paypalClientSecret = "holdfast-sandbox-secret";
export const paypalWebhookId = "8PT597110X687430L";

/** Takes POSTs on a free port and keeps them as they came: path, headers and raw body. `words` is
 * what it answers. */
export async function receiver(words = "taken") {
  const taken = [];
  const waiting = new Set();
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      taken.push({ path: request.url, headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(200, { "Content-Type": "text/plain" });
      response.end(words);
      for (const look of waiting) look();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: (path) => `http://127.0.0.1:${server.address().port}${path}`,
    taken,
    /** The first callback for which `wanted(callback)` is true, now or later. */
    one(what, wanted) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no callback came: ${what}`));
        }, CALLBACK_MS);
        const look = () => {
          const found = taken.find(wanted);
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts the sandbox; `options` are added to its command line. */
export async function startSandbox(options = []) {
  const child = spawn(
    program,
    ["sandbox", "--stripe-port", "0", "--paypal-port", "0", "--alipay-port", "0",
      "--wechat-port", "0", "--unionpay-port", "0", "--control-port", "0", "--seed", "11",
      "--callback-delay-ms", "0", "--callback-retry-ms", "50", "--settle-ms", "50", ...options],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const ports = {};
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the sandbox did not start")), START_MS);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the sandbox ended with status ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /^sandbox: (\w+(?: \w+)*) +on http:\/\/[^:]+:(\d+)/.exec(line);
      if (found) ports[found[1]] = Number(found[2]);
      if (ports.control) { // the last of them
        clearTimeout(timer);
        resolve();
      }
    });
  });
  const control = `http://127.0.0.1:${ports.control}`;
  return {
    stripePort: ports.Stripe,
    paypalPort: ports.PayPal,
    alipayPort: ports.Alipay,
    wechatPort: ports["WeChat Pay"],
    unionpayPort: ports.UnionPay,
    paypalUrl: `http://127.0.0.1:${ports.PayPal}`,
    /** Calls the control port; the JSON of a 2xx answer, or an error. */
    async control(method, path, body) {
      const answer = await fetch(control + path, {
        method,
        headers: { "Content-Type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return text.startsWith("{") ? JSON.parse(text) : text;
    },
    async stop() {
      const ended = new Promise((resolve) => {
        child.removeAllListeners("exit");
        child.on("exit", (code) => resolve(code));
      });
      child.kill("SIGTERM");
      return ended;
    },
  };
}
