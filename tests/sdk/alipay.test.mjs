// SPDX-License-Identifier: Apache-2.0
// alipay.test.mjs: the official `alipay-sdk`, unmodified: it drives the sandbox and verifies every
// signature of its answers and notifies; it verifies what our adapter sends to a server of its own;
// and what is signed here as Alipay signs it, our adapter accepts, and nothing else.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSign } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { AlipaySdk } from "alipay-sdk";
import { receiver, startSandbox } from "./sandbox.mjs";

// The SDK stamps its requests with the machine's own time, and Alipay takes Beijing's.
process.env.TZ = "Asia/Shanghai";
const built = fileURLToPath(new URL("../../build/tests/alipay_adapter", import.meta.url));
const program = process.env.ALIPAY_ADAPTER ?? built;
const vectors = fileURLToPath(new URL("../vectors/", import.meta.url));
const vector = (name) => readFileSync(join(vectors, name), "utf8").replace(/\n+$/, "");
const appId = "2021000100000001";
const now = 1795334406; // 2026-11-22 16:00:06 in Beijing
let sandbox, hooks, folder, sdk, papers;
const adapters = [];

/** Our adapter as a running program: `ask("query att_1")` gives its answer. */
function adapter(baseUrl, privateKey, alipayKey, callbackUrl) {
  const child = spawn(program, [baseUrl, appId, privateKey, alipayKey, callbackUrl, String(now)],
    { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [];
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()(line));
  adapters.push(child);
  return (line) => new Promise((resolve) => {
    waiting.push(resolve);
    child.stdin.write(`${line}\n`);
  });
}
const client = (more = {}) => new AlipaySdk({
  appId, privateKey: papers["merchant.key.pem"], keyType: "PKCS8",
  alipayPublicKey: papers["alipay.pub.pem"],
  gateway: `http://127.0.0.1:${sandbox.alipayPort}/gateway.do`, ...more,
});
const exec = (method, bizContent, more = {}) =>
  sdk.exec(method, { bizContent, ...more }, { validateSign: true });
const customer = (reference, act) =>
  sandbox.control("POST", "/pay", { gateway: "alipay", reference, act });
const form = (body) => Object.fromEntries(new URLSearchParams(body.toString()));
const file = (name, text) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-alipay-"));
  hooks = await receiver("success");
  sandbox = await startSandbox(["--callback-alipay", hooks.url("/alipay")]);
  papers = {};
  for (const name of ["merchant.key.pem", "merchant.pub.pem", "merchant.crt.pem", "alipay.pub.pem",
    "alipay.crt.pem", "root.crt.pem"]) {
    papers[name] = await sandbox.control("GET", `/alipay/${name}`);
    file(name, papers[name]);
  }
  sdk = client();
});
after(async () => {
  for (const child of adapters) child.kill();
  assert.equal(await sandbox?.stop(), 0);
  hooks?.close();
  if (folder) rmSync(folder, { recursive: true });
});

test("the adapter was built", () => {
  assert.ok(existsSync(program), `${program} is missing; build it, or name it in ALIPAY_ADAPTER`);
});

// ---- the SDK drives the sandbox ----

test("a QR code is made, scanned, paid, asked about and refunded", async () => {
  const made = await exec("alipay.trade.precreate",
    { out_trade_no: "sdk_qr", total_amount: "88.88", subject: "测试 & 商品" });
  assert.equal(made.code, "10000");
  assert.match(made.qrCode, /^http/);
  const none = await exec("alipay.trade.query", { out_trade_no: "sdk_qr" });
  assert.equal(none.subCode, "ACQ.TRADE_NOT_EXIST");
  await customer("sdk_qr", "scan");
  const waits = await exec("alipay.trade.query", { out_trade_no: "sdk_qr" });
  assert.equal(waits.tradeStatus, "WAIT_BUYER_PAY");
  await customer("sdk_qr", "pay");
  const paid = await exec("alipay.trade.query", { trade_no: waits.tradeNo });
  assert.equal(paid.tradeStatus, "TRADE_SUCCESS");
  assert.equal(paid.totalAmount, "88.88");
  const refund = { out_trade_no: "sdk_qr", refund_amount: "8.88", out_request_no: "sdk_re" };
  const back = await exec("alipay.trade.refund", refund);
  assert.equal(back.fundChange, "Y");
  assert.equal(back.refundFee, "8.88");
  assert.equal((await exec("alipay.trade.refund", refund)).fundChange, "N");
  const other = await exec("alipay.trade.refund", { ...refund, refund_amount: "1.00" });
  assert.equal(other.subCode, "ACQ.DISCORDANT_REPEAT_REQUEST");
  const asked = await exec("alipay.trade.fastpay.refund.query",
    { out_trade_no: "sdk_qr", out_request_no: "sdk_re" });
  assert.equal(asked.refundStatus, "REFUND_SUCCESS");
  const unknown = await exec("alipay.trade.fastpay.refund.query",
    { out_trade_no: "sdk_qr", out_request_no: "sdk_nothing" });
  assert.equal(unknown.code, "10000");
  assert.equal(unknown.refundStatus, undefined);
  const book = await sandbox.control("GET", "/book/charges?reference=sdk_qr");
  assert.equal(book.data.length, 1);
});

test("a payment code is charged once, closed and cancelled as Alipay does", async () => {
  const order = { out_trade_no: "sdk_code", total_amount: "1.00", subject: "x", scene: "bar_code",
    auth_code: "280000000000001234" };
  assert.equal((await exec("alipay.trade.pay", order)).code, "10000");
  assert.equal((await exec("alipay.trade.pay", order)).subCode, "ACQ.TRADE_HAS_SUCCESS");
  assert.equal((await exec("alipay.trade.pay", { ...order, total_amount: "2.00" })).subCode,
    "ACQ.CONTEXT_INCONSISTENT");
  assert.equal((await exec("alipay.trade.close", { out_trade_no: "sdk_code" })).subCode,
    "ACQ.TRADE_STATUS_ERROR");
  const cancelled = await exec("alipay.trade.cancel", { out_trade_no: "sdk_code" });
  assert.equal(cancelled.action, "refund");
  assert.equal(cancelled.retryFlag, "N");
  const closed = await exec("alipay.trade.query", { out_trade_no: "sdk_code" });
  assert.equal(closed.tradeStatus, "TRADE_CLOSED");
  const waits = await exec("alipay.trade.pay",
    { ...order, out_trade_no: "sdk_wait", auth_code: "280000000000010001" });
  assert.equal(waits.code, "10003");
});

test("a page's address leads a browser to where the buyer pays", async () => {
  const url = sdk.pageExec("alipay.trade.page.pay", "GET", {
    returnUrl: "https://shop.test/back",
    bizContent: { out_trade_no: "sdk_page", total_amount: "3.00", subject: "页面",
      product_code: "FAST_INSTANT_TRADE_PAY" },
  });
  const answer = await fetch(url, { redirect: "manual" });
  assert.equal(answer.status, 302);
  const page = await fetch(answer.headers.get("location"));
  assert.match(await page.text(), /3\.00 CNY/);
  const order = sdk.sdkExec("alipay.trade.app.pay", { bizContent: { out_trade_no: "sdk_app",
    total_amount: "3.00", subject: "应用", product_code: "QUICK_MSECURITY_PAY" } });
  const opened = await fetch(`http://127.0.0.1:${sandbox.alipayPort}/gateway.do?${order}`,
    { redirect: "manual" });
  assert.equal(opened.status, 302);
});

test("certificate mode works both ways", async () => {
  const withCerts = client({
    alipayPublicKey: undefined, appCertContent: papers["merchant.crt.pem"],
    alipayPublicCertContent: papers["alipay.crt.pem"],
    alipayRootCertContent: papers["root.crt.pem"],
  });
  const made = await withCerts.exec("alipay.trade.precreate",
    { bizContent: { out_trade_no: "sdk_cert", total_amount: "1.00", subject: "x" } },
    { validateSign: true });
  assert.equal(made.code, "10000");
});

test("a request by a stranger, a changed one and a wrongly signed answer are refused", async () => {
  const stranger = client({ privateKey: vector("merchant.key.pem") });
  const refused = await stranger.exec("alipay.trade.query", { bizContent: { out_trade_no: "x" } });
  assert.equal(refused.subCode ?? refused.sub_code, "isv.invalid-signature");
  const elsewhere = client({ appId: "2021000100000002" });
  const unknown = await elsewhere.exec("alipay.trade.query", { bizContent: { out_trade_no: "x" } });
  assert.equal(unknown.subCode ?? unknown.sub_code, "isv.invalid-app-id");
  await sandbox.control("POST", "/faults/alipay", { kind: "wrong_signature", count: 1 });
  await assert.rejects(exec("alipay.trade.query", { out_trade_no: "sdk_qr" }), /验签/);
});

test("the SDK verifies the sandbox's notifies, and no changed copy", async () => {
  await exec("alipay.trade.precreate",
    { out_trade_no: "sdk_notify", total_amount: "5.00", subject: "通知 + &" },
    { notifyUrl: hooks.url("/notify") });
  await customer("sdk_notify", "pay");
  const taken = await hooks.one("a notify of sdk_notify",
    (callback) => callback.path === "/notify" && form(callback.body).out_trade_no === "sdk_notify");
  const fields = form(taken.body);
  assert.equal(fields.trade_status, "TRADE_SUCCESS");
  assert.equal(fields.subject, "通知 + &");
  assert.equal(sdk.checkNotifySignV2(fields), true);
  assert.equal(sdk.checkNotifySignV2({ ...fields, total_amount: "0.01" }), false);
  assert.equal(sdk.checkNotifySignV2({ ...fields, more: "1" }), false);
});

// ---- our adapter and the SDK ----

test("our adapter and the SDK see the same trades", async () => {
  const ask = adapter(`http://127.0.0.1:${sandbox.alipayPort}`, join(folder, "merchant.key.pem"),
    join(folder, "alipay.pub.pem"), hooks.url("/ours"));
  assert.match(await ask("qr our_qr"), /^action_needed http/);
  await customer("our_qr", "pay");
  const seen = await exec("alipay.trade.query", { out_trade_no: "our_qr" });
  assert.equal(seen.totalAmount, "19.99");
  assert.equal(await ask("query our_qr"), `charged ${seen.tradeNo}`);
  assert.equal(await ask("refund our_qr our_re"), "refunded our_re");
  const asked = await exec("alipay.trade.fastpay.refund.query",
    { out_trade_no: "our_qr", out_request_no: "our_re" });
  assert.equal(asked.refundAmount, "5.00");
  const notify = await hooks.one("our notify", (callback) => callback.path === "/ours");
  assert.equal(sdk.checkNotifySignV2(form(notify.body)), true);
});

/** A server that judges a request with the SDK and answers as Alipay: signed, with '/' escaped. */
async function judge(inner) {
  const merchant = new AlipaySdk({ appId, privateKey: vector("platform.key.pem"),
    keyType: "PKCS8", alipayPublicKey: vector("merchant.pub.pem") });
  const judged = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const query = form(new URL(request.url, "http://x").searchParams);
      const fields = { ...query, ...form(Buffer.concat(parts)) };
      judged.push({ fields, good: merchant.checkNotifySignV2(fields) });
      const text = inner(fields);
      const sign = createSign("RSA-SHA256").update(text).sign(vector("platform.key.pem"), "base64");
      const name = `${fields.method.replaceAll(".", "_")}_response`;
      response.end(`{"${name}":${text},"sign":"${sign}"}`);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ask = adapter(`http://127.0.0.1:${server.address().port}`,
    join(vectors, "merchant.key.pem"), join(vectors, "platform.pub.pem"),
    "https://pay.test/callbacks/alipay");
  return { judged, ask, merchant, close: () => server.close() };
}

test("the SDK accepts the signature of everything that our adapter sends", async () => {
  const server = await judge((fields) => JSON.stringify({ code: "10000", msg: "Success",
    out_trade_no: JSON.parse(fields.biz_content).out_trade_no, trade_no: "T1",
    trade_status: "TRADE_SUCCESS", total_amount: "19.99", fund_change: "Y", refund_fee: "5.00",
    qr_code: "https://qr.alipay.com/bax1" }).replaceAll("/", "\\/"));
  assert.equal(await server.ask("qr a_1"), "action_needed https://qr.alipay.com/bax1");
  assert.equal(await server.ask("code a_2 287654321098765432"), "charged T1");
  assert.equal(await server.ask("query a_2"), "charged T1");
  assert.equal(await server.ask("refund a_2 r_1"), "refunded r_1");
  assert.equal(await server.ask("close a_2"), "charged ");
  assert.equal(server.judged.length, 6); // closing asks how it stands
  for (const { fields, good } of server.judged) {
    assert.equal(good, true, fields.method);
    assert.equal(server.merchant.checkNotifySignV2({ ...fields, timestamp: "x" }), false);
  }
  for (const flow of ["page", "mobile", "app"]) {
    const said = (await server.ask(`${flow} a_${flow}`)).replace(/^action_needed /, "");
    const fields = form(said.includes("?") && flow !== "app" ? said.slice(said.indexOf("?") + 1)
      : said);
    assert.equal(server.merchant.checkNotifySignV2(fields), true, flow);
    assert.equal(fields.notify_url, "https://pay.test/callbacks/alipay");
  }
  server.close();
});

test("our adapter accepts the notifies that are signed as Alipay signs them, and no others",
  async () => {
    const ask = adapter("http://127.0.0.1:9", join(vectors, "merchant.key.pem"),
      join(vectors, "platform.pub.pem"), "https://pay.test/callbacks/alipay");
    const fields = { app_id: appId, charset: "utf-8", notify_id: "n1", notify_type:
      "trade_status_sync", notify_time: "2026-11-22 16:00:06", out_trade_no: "att_1",
    subject: "测试 & 商品 +", total_amount: "88.88", trade_no: "T1", trade_status: "TRADE_SUCCESS" };
    const text = Object.keys(fields).sort().map((name) => `${name}=${fields[name]}`).join("&");
    const sign = createSign("RSA-SHA256").update(text).sign(vector("platform.key.pem"), "base64");
    const body = new URLSearchParams({ ...fields, sign_type: "RSA2", sign }).toString();
    const merchant = new AlipaySdk({ appId, privateKey: vector("platform.key.pem"),
      keyType: "PKCS8", alipayPublicKey: vector("platform.pub.pem") });
    assert.equal(merchant.checkNotifySignV2(form(body)), true);
    const notify = (bytes) => ask(`notify ${Buffer.from(bytes).toString("base64")}`);
    assert.equal(await notify(body), "accepted n1 trade_status_sync.TRADE_SUCCESS att_1 8888");
    for (let at = 0; at < body.length; at++) {
      const changed = Buffer.from(body);
      changed[at] ^= 1;
      assert.equal(await notify(changed), "refused", `byte ${at}`);
    }
  });
