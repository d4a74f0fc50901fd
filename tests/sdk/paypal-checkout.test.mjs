// SPDX-License-Identifier: Apache-2.0
// paypal-checkout.test.mjs: PayPal's older SDK (`@paypal/checkout-server-sdk`), which many shops
// still run, unmodified, against the sandbox. It asks for "/v2/checkout/orders?" and compression.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import checkout from "@paypal/checkout-server-sdk";
import { paypalClientId, paypalClientSecret, startSandbox } from "./sandbox.mjs";

let sandbox, client;

before(async () => {
  sandbox = await startSandbox();
  client = new checkout.core.PayPalHttpClient(new checkout.core.PayPalEnvironment(
    paypalClientId, paypalClientSecret, sandbox.paypalUrl, sandbox.paypalUrl));
});
after(async () => {
  assert.equal(await sandbox?.stop(), 0);
});

const order = (intent) => ({
  intent,
  purchase_units: [{ reference_id: "order-1", custom_id: "att_1",
    amount: { currency_code: "EUR", value: "12.34" } }],
});
const create = async (intent) => {
  const request = new checkout.orders.OrdersCreateRequest();
  request.prefer("return=representation");
  request.requestBody(order(intent));
  return client.execute(request);
};

test("create, approve, capture, refund", async () => {
  const made = await create("CAPTURE");
  assert.equal(made.statusCode, 201);
  await sandbox.control("POST", `/paypal/orders/${made.result.id}/approve`);
  const capture = new checkout.orders.OrdersCaptureRequest(made.result.id);
  capture.prefer("return=representation");
  capture.requestBody({});
  const done = await client.execute(capture);
  assert.equal(done.statusCode, 201);
  const taken = done.result.purchase_units[0].payments.captures[0];
  assert.equal(taken.amount.value, "12.34");
  const refund = new checkout.payments.CapturesRefundRequest(taken.id);
  refund.prefer("return=representation");
  refund.requestBody({ amount: { currency_code: "EUR", value: "2.34" } });
  const back = await client.execute(refund);
  assert.equal(back.result.status, "COMPLETED");
  const shown = await client.execute(new checkout.payments.RefundsGetRequest(back.result.id));
  assert.equal(shown.result.amount.value, "2.34");
  const seen = await client.execute(new checkout.orders.OrdersGetRequest(made.result.id));
  assert.equal(seen.result.purchase_units[0].payments.refunds.length, 1);
});

test("authorize, capture, and an error with its issue", async () => {
  const made = await create("AUTHORIZE");
  await sandbox.control("POST", `/paypal/orders/${made.result.id}/approve`);
  const authorize = new checkout.orders.OrdersAuthorizeRequest(made.result.id);
  authorize.prefer("return=representation");
  authorize.requestBody({});
  const held = await client.execute(authorize);
  const id = held.result.purchase_units[0].payments.authorizations[0].id;
  const capture = new checkout.payments.AuthorizationsCaptureRequest(id);
  capture.requestBody({ final_capture: true });
  assert.equal((await client.execute(capture)).statusCode, 201);
  const again = new checkout.payments.AuthorizationsVoidRequest(id);
  await assert.rejects(client.execute(again), (error) => {
    assert.equal(error.statusCode, 422);
    assert.equal(JSON.parse(error.message).details[0].issue, "PREVIOUSLY_CAPTURED");
    return true;
  });
});
