// SPDX-License-Identifier: Apache-2.0
// verifier.test.mjs: our Stripe adapter's callback verification against the SDK's signature helper:
// what `generateTestHeaderString` signs is accepted, and every one-byte change of it is refused.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import Stripe from "stripe";

const built = fileURLToPath(new URL("../../build/tests/verify_callback", import.meta.url));
const program = process.env.VERIFY_CALLBACK ?? built;
const secret = "whsec_verifier_test";
const stripe = new Stripe("sk_test_unused");
const now = 1767225600;

/** What the adapter says to each [header, body] pair at `at` seconds. */
function ask(pairs, at = now) {
  const input = pairs
    .map(([header, body]) => [at, Buffer.from(header).toString("base64"),
      Buffer.from(body).toString("base64")].join(" "))
    .join("\n");
  const run = spawnSync(program, [secret], { input: `${input}\n`, maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, String(run.stderr));
  const lines = run.stdout.toString().trim().split("\n");
  assert.equal(lines.length, pairs.length);
  return lines;
}
const body = JSON.stringify({
  id: "evt_1test", object: "event", type: "payment_intent.succeeded", created: now,
  data: { object: { id: "pi_1", object: "payment_intent", amount: 1999, amount_received: 1999,
    currency: "usd", status: "succeeded", metadata: { reference: "att_1" } } },
});
const sign = (options = {}) =>
  stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: now, ...options });

test("the adapter's verifier was built", () => {
  assert.ok(existsSync(program), `${program} is missing; build it, or name it in VERIFY_CALLBACK`);
});

test("what the SDK signs is accepted", () => {
  assert.deepEqual(ask([[sign(), body]]),
    ["accepted evt_1test payment_intent.succeeded att_1 1999"]);
});

test("every one-byte change of the body is refused", () => {
  const header = sign();
  const pairs = [];
  for (let at = 0; at < body.length; at++) {
    for (const bit of [1, 32, 128]) {
      const altered = Buffer.from(body);
      altered[at] ^= bit;
      pairs.push([header, altered]);
    }
    pairs.push([header, body.slice(0, at) + body.slice(at + 1)]);
  }
  const answers = ask(pairs);
  assert.ok(answers.every((answer) => answer === "refused"));
});

test("every one-byte change of time or signature is refused", () => {
  const header = sign();
  const answers = ask([...header].map((character, at) => {
    const other = String.fromCharCode(character.charCodeAt(0) ^ 1);
    return [header.slice(0, at) + other + header.slice(at + 1), body];
  }));
  assert.ok(answers.every((answer) => answer === "refused"));
});

test("another secret, another scheme and an old signature are refused", () => {
  assert.deepEqual(ask([
    [sign({ secret: "whsec_other" }), body],
    [sign({ scheme: "v0" }), body],
    [sign({ timestamp: now - 301 }), body],
    [sign({ timestamp: now - 300 }), body],
  ]), ["refused", "refused", "refused", "accepted evt_1test payment_intent.succeeded att_1 1999"]);
});
