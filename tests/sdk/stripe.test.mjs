// SPDX-License-Identifier: Apache-2.0
// stripe.test.mjs: the official `stripe` SDK, unmodified, against the sandbox.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Stripe from "stripe";
import { receiver, startSandbox, stripeKey, stripeWebhookSecret } from "./sandbox.mjs";

let sandbox, hooks, stripe;

const client = (key = stripeKey, more = {}) =>
  new Stripe(key, {
    host: "127.0.0.1", port: sandbox.stripePort, protocol: "http", maxNetworkRetries: 0,
    telemetry: false, ...more,
  });
const pay = (more = {}, options = {}) =>
  stripe.paymentIntents.create(
    { amount: 1999, currency: "usd", confirm: true, payment_method: "pm_card_visa",
      payment_method_types: ["card"], ...more },
    options,
  );
const rejected = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "the call should have been refused" });
};
const typed = (type, id) => (callback) => {
  const event = JSON.parse(callback.body);
  return event.type === type && event.data.object.id === id;
};

before(async () => {
  hooks = await receiver();
  sandbox = await startSandbox(["--callback-stripe", hooks.url("/stripe")]);
  stripe = client();
});
after(async () => {
  assert.equal(await sandbox?.stop(), 0);
  hooks?.close();
});

test("create, confirm and retrieve a payment", async () => {
  const made = await stripe.paymentIntents.create({ amount: 1099, currency: "eur" });
  assert.match(made.id, /^pi_/);
  assert.equal(made.status, "requires_payment_method");
  const done = await stripe.paymentIntents.confirm(made.id, { payment_method: "pm_card_visa" });
  assert.equal(done.status, "succeeded");
  assert.equal(done.amount_received, 1099);
  const seen = await stripe.paymentIntents.retrieve(made.id, { expand: ["latest_charge"] });
  assert.equal(seen.latest_charge.captured, true);
  assert.equal(seen.latest_charge.payment_intent, made.id);
});

test("a payment in one call carries its metadata and its fee", async () => {
  const paid = await pay({
    metadata: { order_id: "T 1&2 ü", reference: "att_1" },
    automatic_payment_methods: undefined,
    expand: ["latest_charge.balance_transaction"],
  });
  assert.equal(paid.status, "succeeded");
  assert.deepEqual(paid.metadata, { order_id: "T 1&2 ü", reference: "att_1" });
  const txn = paid.latest_charge.balance_transaction;
  assert.equal(txn.net, txn.amount - txn.fee);
  const again = await stripe.balanceTransactions.retrieve(txn.id);
  assert.equal(again.source, paid.latest_charge.id);
  const balance = await stripe.balance.retrieve();
  assert.ok(balance.available.some((row) => row.currency === "usd"));
});

test("the same key gives the same answer, and charges once", async () => {
  const options = { idempotencyKey: "key-1" };
  const first = await pay({ metadata: { reference: "att_key" } }, options);
  const second = await pay({ metadata: { reference: "att_key" } }, options);
  assert.equal(first.id, second.id);
  assert.equal(second.lastResponse.headers["idempotent-replayed"], "true");
  const book = await sandbox.control("GET", "/book/charges?reference=att_key");
  assert.equal(book.data.length, 1);
  const error = await rejected(pay({ amount: 2000, metadata: { reference: "att_key" } }, options));
  assert.equal(error.type, "StripeIdempotencyError");
  assert.equal(error.statusCode, 400);
});

test("a declined card is a card error that holds the payment", async () => {
  const error = await rejected(pay({
    payment_method: "pm_card_visa_chargeDeclinedInsufficientFunds",
  }));
  assert.equal(error.type, "StripeCardError");
  assert.equal(error.statusCode, 402);
  assert.equal(error.code, "card_declined");
  assert.equal(error.decline_code, "insufficient_funds");
  assert.equal(error.payment_intent.status, "requires_payment_method");
  assert.equal(error.payment_intent.last_payment_error.decline_code, "insufficient_funds");
  const paid = await stripe.paymentIntents.confirm(error.payment_intent.id,
    { payment_method: "pm_card_visa" });
  assert.equal(paid.status, "succeeded");
});

test("authorize, capture a part, release the rest", async () => {
  const held = await pay({ capture_method: "manual" });
  assert.equal(held.status, "requires_capture");
  assert.equal(held.amount_capturable, 1999);
  const taken = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1500 });
  assert.equal(taken.status, "succeeded");
  assert.equal(taken.amount_received, 1500);
  const error = await rejected(stripe.paymentIntents.capture(held.id));
  assert.equal(error.code, "payment_intent_unexpected_state");
});

test("a held payment can be cancelled, a taken one cannot", async () => {
  const held = await pay({ capture_method: "manual" });
  const gone = await stripe.paymentIntents.cancel(held.id, { cancellation_reason: "abandoned" });
  assert.equal(gone.status, "canceled");
  assert.equal(gone.cancellation_reason, "abandoned");
  const paid = await pay();
  const error = await rejected(stripe.paymentIntents.cancel(paid.id));
  assert.equal(error.code, "payment_intent_unexpected_state");
  assert.equal(error.payment_intent.status, "succeeded");
});

test("refunds: a part, the rest, never more", async () => {
  const paid = await pay();
  const part = await stripe.refunds.create(
    { payment_intent: paid.id, amount: 500, reason: "requested_by_customer",
      metadata: { reference: "re_1" } },
    { idempotencyKey: "refund-1" },
  );
  assert.equal(part.status, "succeeded");
  assert.equal(part.amount, 500);
  const replay = await stripe.refunds.create(
    { payment_intent: paid.id, amount: 500, reason: "requested_by_customer",
      metadata: { reference: "re_1" } },
    { idempotencyKey: "refund-1" },
  );
  assert.equal(replay.id, part.id);
  const tooMuch = await rejected(stripe.refunds.create({ payment_intent: paid.id, amount: 1500 }));
  assert.equal(tooMuch.param, "amount");
  const rest = await stripe.refunds.create({ charge: paid.latest_charge });
  assert.equal(rest.amount, 1499);
  const none = await rejected(stripe.refunds.create({ charge: paid.latest_charge }));
  assert.equal(none.code, "charge_already_refunded");
  const listed = await stripe.refunds.list({ payment_intent: paid.id });
  assert.deepEqual(listed.data.map((row) => row.id), [rest.id, part.id]);
  const charge = await stripe.charges.retrieve(paid.latest_charge);
  assert.equal(charge.refunded, true);
  assert.equal((await stripe.refunds.retrieve(part.id)).metadata.reference, "re_1");
});

test("refunds that are pending or fail later", async () => {
  const slow = await pay({ payment_method: "pm_card_pendingRefund" });
  const pending = await stripe.refunds.create({ payment_intent: slow.id });
  assert.equal(pending.status, "pending");
  await hooks.one("refund.updated", typed("refund.updated", pending.id));
  assert.equal((await stripe.refunds.retrieve(pending.id)).status, "succeeded");
  const bad = await pay({ payment_method: "pm_card_refundFail" });
  const failing = await stripe.refunds.create({ payment_intent: bad.id });
  assert.equal(failing.status, "succeeded");
  await hooks.one("refund.failed", typed("refund.failed", failing.id));
  assert.equal((await stripe.refunds.retrieve(failing.id)).status, "failed");
});

test("3-D Secure: the customer is sent away and comes back", async () => {
  const asked = await pay({
    payment_method: "pm_card_authenticationRequired", return_url: "https://shop.test/back",
  });
  assert.equal(asked.status, "requires_action");
  assert.equal(asked.next_action.type, "redirect_to_url");
  const page = await fetch(asked.next_action.redirect_to_url.url);
  assert.match(await page.text(), /19\.99 USD/);
  const sent = await fetch(asked.next_action.redirect_to_url.url, {
    method: "POST", body: "choice=yes", redirect: "manual",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  assert.equal(sent.status, 303);
  assert.match(sent.headers.get("location"), /^https:\/\/shop\.test\/back\?payment_intent=pi_/);
  assert.equal((await stripe.paymentIntents.retrieve(asked.id)).status, "succeeded");
  const refused = await rejected(pay({
    payment_method: "pm_card_authenticationRequired", error_on_requires_action: true,
  }));
  assert.equal(refused.code, "authentication_required");
});

test("lists go page by page, newest first, and searches look inside", async () => {
  const since = Math.floor(Date.now() / 1000) - 600;
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.unshift((await pay({ metadata: { order_id: `list-${i}` } })).id);
  }
  const seen = [];
  for await (const intent of stripe.paymentIntents.list({ created: { gte: since }, limit: 2 })) {
    seen.push(intent.id);
    if (seen.length === 5) break;
  }
  assert.deepEqual(seen, ids);
  const found = await stripe.paymentIntents.search({
    query: "metadata['order_id']:'list-3' AND status:'succeeded'",
  });
  assert.deepEqual(found.data.map((row) => row.id), [ids[1]]);
});

test("wrong key, unknown parameter, unknown payment", async () => {
  const key = await rejected(client("sk_test_wrong").balance.retrieve());
  assert.equal(key.type, "StripeAuthenticationError");
  const parameter = await rejected(pay({ colour: "red" }));
  assert.equal(parameter.code, "parameter_unknown");
  assert.equal(parameter.param, "colour");
  const missing = await rejected(stripe.paymentIntents.retrieve("pi_nothing"));
  assert.equal(missing.statusCode, 404);
  assert.equal(missing.code, "resource_missing");
  assert.match(missing.requestId, /^req_/);
});

test("events are listed and can be asked for", async () => {
  const paid = await pay();
  const events = await stripe.events.list({ limit: 10, type: "payment_intent.*" });
  const succeeded = events.data.find((event) =>
    event.type === "payment_intent.succeeded" && event.data.object.id === paid.id);
  assert.ok(succeeded);
  const same = await stripe.events.retrieve(succeeded.id);
  assert.equal(same.data.object.status, "succeeded");
});

test("the SDK accepts the sandbox's callbacks and nothing altered", async () => {
  const paid = await pay({ metadata: { reference: "att_hook" } });
  const callback = await hooks.one("payment_intent.succeeded",
    typed("payment_intent.succeeded", paid.id));
  const header = callback.headers["stripe-signature"];
  const event = stripe.webhooks.constructEvent(callback.body, header, stripeWebhookSecret);
  assert.equal(event.data.object.id, paid.id);
  assert.equal(event.data.object.metadata.reference, "att_hook");
  for (const at of [0, 20, callback.body.length - 1]) {
    const altered = Buffer.from(callback.body);
    altered[at] ^= 1;
    assert.throws(() => stripe.webhooks.constructEvent(altered, header, stripeWebhookSecret));
  }
  assert.throws(() => stripe.webhooks.constructEvent(callback.body, header, "whsec_other"));
  await hooks.one("charge.succeeded", typed("charge.succeeded", paid.latest_charge));
});

test("a registered webhook hears what it asked for, signed with its own secret", async () => {
  const endpoint = await stripe.webhookEndpoints.create({
    url: hooks.url("/mine"), enabled_events: ["charge.refunded"],
  });
  const paid = await pay();
  await stripe.refunds.create({ payment_intent: paid.id, amount: 100 });
  const callback = await hooks.one("charge.refunded", (one) => one.path === "/mine");
  const event = stripe.webhooks.constructEvent(callback.body, callback.headers["stripe-signature"],
    endpoint.secret);
  assert.equal(event.type, "charge.refunded");
  assert.equal(event.data.previous_attributes.amount_refunded, 0);
  assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
  assert.ok(hooks.taken.filter((one) => one.path === "/mine")
    .every((one) => JSON.parse(one.body).type === "charge.refunded"));
});

test("a disputed card: the money is withdrawn", async () => {
  const paid = await pay({ payment_method: "pm_card_createDispute" });
  const listed = await stripe.disputes.list({ payment_intent: paid.id });
  assert.equal(listed.data[0].status, "needs_response");
  const dispute = await stripe.disputes.retrieve(listed.data[0].id);
  assert.equal(dispute.charge, paid.latest_charge);
  const error = await rejected(stripe.refunds.create({ payment_intent: paid.id }));
  assert.equal(error.code, "charge_disputed");
  await hooks.one("charge.dispute.created", typed("charge.dispute.created", dispute.id));
});

test("faults look as the SDK knows them", async () => {
  await sandbox.control("PUT", "/faults/stripe", { kind: "down" });
  assert.equal((await rejected(pay())).type, "StripeAPIError");
  await sandbox.control("PUT", "/faults/stripe", { kind: "error", status: 429 });
  assert.equal((await rejected(pay())).type, "StripeRateLimitError");
  await sandbox.control("PUT", "/faults/stripe", { kind: "refuse" });
  assert.equal((await rejected(pay())).type, "StripeConnectionError");
  await sandbox.control("PUT", "/faults/stripe", { kind: "decline", code: "do_not_honor" });
  assert.equal((await rejected(pay())).decline_code, "do_not_honor");
  await sandbox.control("PUT", "/faults/stripe", { kind: "timeout_after", operation: "charge" });
  const impatient = client(stripeKey, { timeout: 500 });
  const body = { amount: 777, currency: "usd", confirm: true, payment_method: "pm_card_visa",
    metadata: { reference: "att_lost" } };
  const lost = await rejected(impatient.paymentIntents.create(body, { idempotencyKey: "lost-1" }));
  assert.equal(lost.type, "StripeConnectionError");
  await sandbox.control("DELETE", "/faults/stripe");
  const found = await impatient.paymentIntents.create(body, { idempotencyKey: "lost-1" });
  assert.equal(found.status, "succeeded");
  const charges = await sandbox.control("GET", "/book/charges?reference=att_lost");
  assert.equal(charges.data.length, 1);
  assert.equal(charges.data[0].charged_minor, 777);
});

test("the SDK runs a report, and the file has the charge", async () => {
  const intent = await pay({ metadata: { reference: "att_report" } });
  const day = Math.floor(Date.now() / 86400e3) * 86400;
  const types = stripe.reporting.reportTypes;
  const type = await types.retrieve("balance_change_from_activity.itemized.6");
  assert.ok(type.data_available_end > day);
  await new Promise((resolve) => setTimeout(resolve, 1100)); /* the interval ends in the past */
  let run = await stripe.reporting.reportRuns.create({
    report_type: type.id,
    parameters: {
      interval_start: day,
      interval_end: Math.floor(Date.now() / 1000),
      columns: ["source_id", "net", "payment_metadata[reference]"],
    },
  });
  assert.equal(run.status, "pending");
  for (let i = 0; i < 20 && run.status === "pending"; i++) {
    run = await stripe.reporting.reportRuns.retrieve(run.id);
  }
  assert.equal(run.status, "succeeded");
  const answer = await fetch(run.result.url, { headers: { Authorization: `Bearer ${stripeKey}` } });
  const lines = (await answer.text()).split("\n");
  assert.equal(lines[0], "source_id,net,payment_metadata[reference]");
  assert.ok(lines.includes(`${intent.latest_charge},19.11,att_report`));
  assert.equal((await fetch(run.result.url)).status, 401);
});

test("a report of a time to come is refused", async () => {
  const error = await rejected(stripe.reporting.reportRuns.create({
    report_type: "payout_reconciliation.itemized.5",
    parameters: { interval_start: 0, interval_end: Math.floor(Date.now() / 1000) + 86400 },
  }));
  assert.equal(error.param, "parameters[interval_end]");
});
