// SPDX-License-Identifier: Apache-2.0
// paypal.test.mjs: the official `@paypal/paypal-server-sdk`, unmodified, against the sandbox. It
// has no option for its address: an axios adapter sends what is meant for PayPal's sandbox to ours.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  ApiError, CheckoutPaymentIntent, Client, Environment, LogLevel, OrdersController,
  PaymentsController,
} from "@paypal/paypal-server-sdk";
import axios from "axios";
import { verifies } from "./paypal_signature.mjs";
import {
  paypalClientId, paypalClientSecret, paypalWebhookId, receiver, startSandbox,
} from "./sandbox.mjs";

let sandbox, hooks, orders, payments;
let number = 0;
const full = "return=representation";

const makeClient = (secret = paypalClientSecret) =>
  new Client({
    clientCredentialsAuthCredentials: { oAuthClientId: paypalClientId, oAuthClientSecret: secret },
    environment: Environment.Sandbox,
    timeout: 20000,
    logging: { logLevel: LogLevel.Error, logger: { log() {} } },
    unstable_httpClientOptions: {
      adapter: (config) =>
        axios.getAdapter("http")({
          ...config,
          url: config.url.replace("https://api-m.sandbox.paypal.com", sandbox.paypalUrl),
        }),
    },
  });
const orderBody = (more = {}, intent = CheckoutPaymentIntent.Capture) => {
  number++;
  return {
    intent,
    purchaseUnits: [{
      referenceId: `order-${number}`, customId: `att_${number}`, invoiceId: `att_${number}`,
      amount: { currencyCode: "USD", value: "25.00" }, ...more,
    }],
  };
};
const create = async (body, more = {}) =>
  (await orders.createOrder({ body, prefer: full, ...more })).result;
const approved = async (body) => {
  const order = await create(body ?? orderBody());
  await sandbox.control("POST", `/paypal/orders/${order.id}/approve`);
  return order;
};
const captured = async (body, more = {}) => {
  const order = await approved(body);
  return (await orders.captureOrder({ id: order.id, prefer: full, ...more })).result;
};
const refused = async (promise, status, issue) => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.statusCode, status);
    const body = JSON.parse(error.body);
    if (issue) assert.equal(body.details[0].issue, issue);
    return body;
  }
  throw new assert.AssertionError({ message: "the call should have been refused" });
};
const hook = (type, wanted) =>
  hooks.one(type, (one) => {
    const event = JSON.parse(one.body);
    return event.event_type === type && wanted(event.resource);
  });

before(async () => {
  hooks = await receiver();
  sandbox = await startSandbox(["--callback-paypal", hooks.url("/paypal")]);
  const client = makeClient();
  orders = new OrdersController(client);
  payments = new PaymentsController(client);
});
after(async () => {
  assert.equal(await sandbox?.stop(), 0);
  hooks?.close();
});

test("create, approve, capture, show", async () => {
  const order = await create(orderBody());
  assert.equal(order.status, "CREATED");
  assert.ok(order.links.some((link) => link.rel === "approve"));
  await refused(orders.captureOrder({ id: order.id }), 422, "ORDER_NOT_APPROVED");
  await sandbox.control("POST", `/paypal/orders/${order.id}/approve`);
  assert.equal((await orders.getOrder({ id: order.id })).result.status, "APPROVED");
  const done = (await orders.captureOrder({ id: order.id, prefer: full })).result;
  assert.equal(done.status, "COMPLETED");
  const capture = done.purchaseUnits[0].payments.captures[0];
  assert.equal(capture.status, "COMPLETED");
  assert.equal(capture.amount.value, "25.00");
  const fee = capture.sellerReceivableBreakdown;
  assert.equal((Number(fee.netAmount.value) + Number(fee.paypalFee.value)).toFixed(2), "25.00");
  const seen = (await payments.getCapturedPayment({ captureId: capture.id })).result;
  assert.equal(seen.customId, `att_${number}`);
  await refused(orders.captureOrder({ id: order.id }), 422, "ORDER_ALREADY_CAPTURED");
});

test("the buyer approves on a page and comes back", async () => {
  const body = orderBody();
  body.paymentSource = { paypal: { experienceContext: {
    returnUrl: "https://shop.test/back", cancelUrl: "https://shop.test/gone" } } };
  const order = await create(body);
  assert.equal(order.status, "PAYER_ACTION_REQUIRED");
  const link = order.links.find((one) => one.rel === "payer-action").href;
  assert.match(await (await fetch(link)).text(), /25\.00 USD/);
  const sent = await fetch(link, { method: "POST", body: "choice=yes", redirect: "manual" });
  assert.equal(sent.status, 303);
  assert.equal(sent.headers.get("location"),
    `https://shop.test/back?token=${order.id}&PayerID=QYR5Z8XDVJNXQ`);
  assert.equal((await orders.captureOrder({ id: order.id })).result.status, "COMPLETED");
});

test("a stored wallet is captured without the buyer, at once or in a second step", async () => {
  const body = orderBody();
  body.paymentSource = { paypal: { vaultId: "vault_abc" } };
  await refused(orders.createOrder({ body }), 400, "PAYPAL_REQUEST_ID_REQUIRED");
  const done = await create(body, { paypalRequestId: "vault-1" });
  assert.equal(done.status, "COMPLETED");
  const order = await create(orderBody());
  const step = await orders.captureOrder({
    id: order.id, prefer: full, body: { paymentSource: { paypal: { vaultId: "vault_abc" } } },
  });
  assert.equal(step.result.status, "COMPLETED");
});

test("the same request id shows the same order, and charges once", async () => {
  const body = orderBody();
  const first = await orders.createOrder({ body, paypalRequestId: "same-o" });
  const second = await orders.createOrder({ body, paypalRequestId: "same-o" });
  assert.equal(first.statusCode, 201);
  assert.equal(second.statusCode, 200);
  assert.equal(first.result.id, second.result.id);
  await sandbox.control("POST", `/paypal/orders/${first.result.id}/approve`);
  const request = { id: first.result.id, paypalRequestId: "same-c", prefer: full };
  const one = await orders.captureOrder(request);
  const two = await orders.captureOrder(request);
  assert.deepEqual([one.statusCode, two.statusCode], [201, 200]);
  const ids = [one, two].map((answer) => answer.result.purchaseUnits[0].payments.captures[0].id);
  assert.equal(ids[0], ids[1]);
  const book = await sandbox.control("GET", `/book/charges?reference=att_${number}`);
  assert.equal(book.data.length, 1);
});

test("refunds: a part, the rest, never more", async () => {
  const capture = (await captured()).purchaseUnits[0].payments.captures[0];
  const part = (await payments.refundCapturedPayment({
    captureId: capture.id, prefer: full, paypalRequestId: "refund-1",
    body: { amount: { currencyCode: "USD", value: "10.00" }, customId: "re_1" },
  })).result;
  assert.equal(part.status, "COMPLETED");
  assert.equal((await payments.getRefund({ refundId: part.id })).result.amount.value, "10.00");
  await refused(payments.refundCapturedPayment({
    captureId: capture.id, body: { amount: { currencyCode: "USD", value: "15.01" } },
  }), 422, "REFUND_AMOUNT_EXCEEDED");
  await refused(payments.refundCapturedPayment({
    captureId: capture.id, body: { amount: { currencyCode: "EUR", value: "1.00" } },
  }), 422, "REFUND_CAPTURE_CURRENCY_MISMATCH");
  const rest = await payments.refundCapturedPayment({ captureId: capture.id, prefer: full });
  assert.equal(rest.result.amount.value, "15.00");
  await refused(payments.refundCapturedPayment({ captureId: capture.id }), 422,
    "CAPTURE_FULLY_REFUNDED");
  const seen = await payments.getCapturedPayment({ captureId: capture.id });
  assert.equal(seen.result.status, "REFUNDED");
});

test("authorize, capture a part, void the rest", async () => {
  const order = await approved(orderBody({}, CheckoutPaymentIntent.Authorize));
  await refused(orders.captureOrder({ id: order.id }), 422, "ACTION_DOES_NOT_MATCH_INTENT");
  const held = (await orders.authorizeOrder({ id: order.id, prefer: full })).result;
  const authorization = held.purchaseUnits[0].payments.authorizations[0];
  assert.equal(authorization.status, "CREATED");
  const part = (await payments.captureAuthorizedPayment({
    authorizationId: authorization.id, prefer: full,
    body: { amount: { currencyCode: "USD", value: "20.00" }, finalCapture: false },
  })).result;
  assert.equal(part.status, "COMPLETED");
  const seen = await payments.getAuthorizedPayment({ authorizationId: authorization.id });
  assert.equal(seen.result.status, "PARTIALLY_CAPTURED");
  await refused(payments.captureAuthorizedPayment({
    authorizationId: authorization.id, body: { amount: { currencyCode: "USD", value: "5.01" } },
  }), 422, "MAX_CAPTURE_AMOUNT_EXCEEDED");
  const gone = await payments.voidPayment({ authorizationId: authorization.id });
  assert.equal(gone.statusCode, 204);
  await refused(payments.captureAuthorizedPayment({ authorizationId: authorization.id }), 422,
    "AUTHORIZATION_VOIDED");
});

test("declines: by token, by mock header, and inside a capture", async () => {
  const order = await create(orderBody());
  const by = (vaultId) => orders.captureOrder({
    id: order.id, body: { paymentSource: { paypal: { vaultId } } } });
  await refused(by("vault_declined"), 422, "INSTRUMENT_DECLINED");
  await refused(by("vault_declined_TRANSACTION_REFUSED"), 422, "TRANSACTION_REFUSED");
  await sandbox.control("POST", `/paypal/orders/${order.id}/approve`);
  await refused(orders.captureOrder({
    id: order.id, paypalMockResponse: '{"mock_application_codes":"PAYER_CANNOT_PAY"}',
  }), 422, "PAYER_CANNOT_PAY");
  await sandbox.control("PUT", "/faults/paypal", { kind: "decline", code: "5120" });
  const inside = (await orders.captureOrder({ id: order.id, prefer: full })).result;
  await sandbox.control("DELETE", "/faults/paypal");
  const capture = inside.purchaseUnits[0].payments.captures[0];
  assert.equal(capture.status, "DECLINED");
  assert.equal(capture.processorResponse.responseCode, "5120");
});

test("an invoice is paid once; amounts obey their currency", async () => {
  const body = orderBody({ invoiceId: "invoice-7" });
  assert.equal((await captured(body)).status, "COMPLETED");
  const again = await approved(orderBody({ invoiceId: "invoice-7" }));
  await refused(orders.captureOrder({ id: again.id }), 422, "DUPLICATE_INVOICE_ID");
  const amount = (currencyCode, value) =>
    orders.createOrder({ body: orderBody({ amount: { currencyCode, value } }) });
  await refused(amount("USD", "1.001"), 422, "DECIMAL_PRECISION");
  await refused(amount("JPY", "100.50"), 422, "DECIMAL_PRECISION");
  await refused(amount("USD", "0.00"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE");
  await refused(amount("XXX", "1.00"), 422, "INVALID_CURRENCY_CODE");
  assert.equal((await amount("JPY", "100")).statusCode, 201);
});

test("an order is patched before it is paid", async () => {
  const order = await create(orderBody());
  const path = (name) => `/purchase_units/@reference_id=='order-${number}'/${name}`;
  await orders.patchOrder({ id: order.id, body: [
    { op: "replace", path: path("amount"), value: { currency_code: "USD", value: "30.00" } },
    { op: "add", path: path("custom_id"), value: "patched" },
  ] });
  const unit = (await orders.getOrder({ id: order.id })).result.purchaseUnits[0];
  assert.equal(unit.amount.value, "30.00");
  assert.equal(unit.customId, "patched");
});

test("wrong credentials, an ended token, an unknown order", async () => {
  const stranger = new OrdersController(makeClient("wrong"));
  await assert.rejects(stranger.getOrder({ id: "5O190127TN364715T" }));
  const missing = await refused(orders.getOrder({ id: "5O190127TN364715T" }), 404,
    "INVALID_RESOURCE_ID");
  assert.equal(missing.name, "RESOURCE_NOT_FOUND");
  await sandbox.control("POST", "/paypal/tokens/expire");
  await refused(orders.getOrder({ id: "5O190127TN364715T" }), 401);
  orders = new OrdersController(makeClient());
  payments = new PaymentsController(makeClient());
});

test("callbacks are signed as PayPal signs, and nothing altered passes", async () => {
  const done = await captured();
  const id = done.purchaseUnits[0].payments.captures[0].id;
  const callback = await hook("PAYMENT.CAPTURE.COMPLETED", (resource) => resource.id === id);
  const ca = await sandbox.control("GET", "/paypal/ca.pem");
  assert.equal(await verifies(callback, paypalWebhookId, ca), true);
  assert.equal(await verifies(callback, "ANOTHER0WEBHOOK00", ca), false);
  const altered = Buffer.from(callback.body);
  altered[altered.length >> 1] ^= 1;
  assert.equal(await verifies({ ...callback, body: altered }, paypalWebhookId, ca), false);
  assert.equal(JSON.parse(callback.body).resource.supplementary_data.related_ids.order_id, done.id);
  await hook("CHECKOUT.ORDER.COMPLETED", (resource) => resource.id === done.id);
});

test("PayPal's own verification call agrees", async () => {
  const done = await captured();
  const callback = await hook("CHECKOUT.ORDER.APPROVED", (resource) => resource.id === done.id);
  const pair = Buffer.from(`${paypalClientId}:${paypalClientSecret}`).toString("base64");
  const token = await (await fetch(`${sandbox.paypalUrl}/v1/oauth2/token`, {
    method: "POST", body: "grant_type=client_credentials",
    headers: { Authorization: `Basic ${pair}` },
  })).json();
  const ask = async (event) => {
    const part = (name) => JSON.stringify(callback.headers[name]);
    const body = `{"auth_algo":${part("paypal-auth-algo")},"cert_url":${part("paypal-cert-url")},` +
      `"transmission_id":${part("paypal-transmission-id")},` +
      `"transmission_sig":${part("paypal-transmission-sig")},` +
      `"transmission_time":${part("paypal-transmission-time")},` +
      `"webhook_id":"${paypalWebhookId}","webhook_event":${event}}`;
    const url = `${sandbox.paypalUrl}/v1/notifications/verify-webhook-signature`;
    const authorization = `Bearer ${token.access_token}`;
    const answer = await fetch(url, {
      method: "POST", body,
      headers: { Authorization: authorization, "Content-Type": "application/json" },
    });
    return (await answer.json()).verification_status;
  };
  assert.equal(await ask(callback.body.toString()), "SUCCESS");
  assert.equal(await ask(callback.body.toString().replace("25.00", "2.00")), "FAILURE");
});

test("an answer that never came is found by the same request id", async () => {
  const order = await approved();
  await sandbox.control("PUT", "/faults/paypal", { kind: "timeout_after", operation: "charge" });
  const lost = orders.captureOrder({ id: order.id, paypalRequestId: "lost-c" }, {
    abortSignal: AbortSignal.timeout(500),
  });
  await assert.rejects(lost);
  await sandbox.control("DELETE", "/faults/paypal");
  const found = await orders.captureOrder({
    id: order.id, paypalRequestId: "lost-c", prefer: full,
  });
  assert.equal(found.statusCode, 200);
  assert.equal(found.result.purchaseUnits[0].payments.captures.length, 1);
});
