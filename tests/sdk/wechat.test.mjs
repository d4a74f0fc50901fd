// SPDX-License-Identifier: Apache-2.0
// wechat.test.mjs: `wechatpay-axios-plugin`, unmodified, against the sandbox and its notifications;
// and its own primitives as the judge of what our adapter signs, and as the author of what our
// adapter must accept or refuse.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import sdk from "wechatpay-axios-plugin";
import { receiver, startSandbox } from "./sandbox.mjs";

const { Wechatpay, Rsa, Aes, Formatter } = sdk;
const built = fileURLToPath(new URL("../../build/tests/wechat_adapter", import.meta.url));
const program = process.env.WECHAT_ADAPTER ?? built;
const vectors = new URL("../vectors/", import.meta.url);
const vector = (name) => readFileSync(new URL(name, vectors), "utf8");
const mchid = "1900000001";
const appid = "wxd678efh567hg6787";
const apiKey = "holdfast-sandbox-api-v3-key-0001";
const publicKeyId = "PUB_KEY_ID_0119000000012026010100000001";

let sandbox, hooks, papers, wxpay;

const client = (more = {}) =>
  new Wechatpay({
    mchid, serial: papers["merchant.serial"],
    privateKey: Rsa.from(papers["merchant.key.pem"], Rsa.KEY_TYPE_PRIVATE),
    certs: { [papers["platform.serial"]]: papers["platform.crt.pem"] },
    baseURL: `http://127.0.0.1:${sandbox.wechatPort}/`, ...more,
  });
const order = (number, more = {}) => ({
  appid, mchid, description: "两杯茶", out_trade_no: number, notify_url: hooks.url("/wechat"),
  amount: { total: 1999, currency: "CNY" }, ...more,
});
const native = (number, more) => wxpay.v3.pay.transactions.native.post(order(number, more));
const query = (number) =>
  wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$.get({
    params: { mchid }, out_trade_no: number,
  });
const pays = (number) =>
  sandbox.control("POST", "/pay", { gateway: "wechat", reference: number, act: "pay" });
const refused = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "the call should have been refused" });
};

/** What is inside a notification, by the SDK's own verifier and cipher; null when it is refused. */
function opened({ headers, body }, cert = papers["platform.crt.pem"]) {
  const text = body.toString();
  const good = Rsa.verify(
    Formatter.response(headers["wechatpay-timestamp"], headers["wechatpay-nonce"], text),
    headers["wechatpay-signature"], Rsa.from(cert, Rsa.KEY_TYPE_PUBLIC));
  if (!good) return null;
  const { resource } = JSON.parse(text);
  return JSON.parse(Aes.AesGcm.decrypt(
    resource.ciphertext, apiKey, resource.nonce, resource.associated_data));
}
const about = (number, type) => (callback) =>
  JSON.parse(callback.body).event_type === type &&
  JSON.stringify(opened(callback)).includes(number);

before(async () => {
  hooks = await receiver();
  sandbox = await startSandbox();
  papers = {};
  for (const name of ["merchant.key.pem", "merchant.crt.pem", "merchant.serial", "platform.crt.pem",
    "platform.serial", "wechat_public_key.pem"]) {
    papers[name] = await sandbox.control("GET", `/wechat/${name}`);
  }
  wxpay = client();
});
after(async () => {
  await sandbox?.stop();
  hooks?.close();
});

test("the SDK makes an order, and believes the answer's signature", async () => {
  const { status, data } = await native("SDK0000001");
  assert.equal(status, 200);
  assert.match(data.code_url, /^weixin:\/\/wxpay\/bizpayurl\?pr=/);
  assert.equal((await query("SDK0000001")).data.trade_state, "NOTPAY");
});

test("the SDK sees the payment, and opens the notification of it", async () => {
  await native("SDK0000002", { attach: "order 2" });
  await pays("SDK0000002");
  const { data } = await query("SDK0000002");
  assert.equal(data.trade_state, "SUCCESS");
  assert.deepEqual(data.amount,
    { total: 1999, payer_total: 1999, currency: "CNY", payer_currency: "CNY" });
  const callback = await hooks.one("payment", about("SDK0000002", "TRANSACTION.SUCCESS"));
  const plain = opened(callback);
  assert.equal(plain.transaction_id, data.transaction_id);
  assert.equal(plain.attach, "order 2");
  assert.equal(callback.headers["wechatpay-serial"], papers["platform.serial"]);
  const changed = Buffer.from(callback.body.toString().replace("TRANSACTION", "TRANSACTIOM"));
  assert.equal(opened({ headers: callback.headers, body: changed }), null);
  const byId = await wxpay.v3.pay.transactions.id.$id$.get({
    params: { mchid }, id: data.transaction_id,
  });
  assert.equal(byId.data.out_trade_no, "SDK0000002");
});

test("the SDK closes an order, and is told of one that is paid or not there", async () => {
  const close = (number) => wxpay.v3.pay.transactions.outTradeNo.$out_trade_no$.close
    .post({ mchid }, { out_trade_no: number });
  await native("SDK0000003");
  assert.equal((await close("SDK0000003")).status, 204);
  assert.equal((await query("SDK0000003")).data.trade_state, "CLOSED");
  await native("SDK0000004");
  await pays("SDK0000004");
  const paid = await refused(close("SDK0000004"));
  assert.deepEqual([paid.response.status, paid.response.data.code], [400, "ORDER_PAID"]);
  const missing = await refused(query("SDK0000099"));
  assert.deepEqual([missing.response.status, missing.response.data.code], [404, "ORDER_NOT_EXIST"]);
});

test("the SDK refunds once, asks for it, and opens the notification of it", async () => {
  await native("SDK0000005");
  await pays("SDK0000005");
  const refund = (number, amount) => wxpay.v3.refund.domestic.refunds.post({
    out_trade_no: "SDK0000005", out_refund_no: number, notify_url: hooks.url("/wechat"),
    amount: { refund: amount, total: 1999, currency: "CNY" },
  });
  const { data } = await refund("SDKR000001", 500);
  assert.equal(data.status, "PROCESSING");
  assert.equal((await refund("SDKR000001", 500)).data.refund_id, data.refund_id);
  const callback = await hooks.one("refund", about("SDKR000001", "REFUND.SUCCESS"));
  assert.equal(opened(callback).amount.refund, 500);
  const asked = await wxpay.v3.refund.domestic.refunds.$number$.get({ number: "SDKR000001" });
  assert.equal(asked.data.status, "SUCCESS");
  const over = await refused(refund("SDKR000002", 1500));
  assert.deepEqual([over.response.status, over.response.data.code], [400, "INVALID_REQUEST"]);
});

test("the SDK opens the platform certificate", async () => {
  const { data } = await wxpay.v3.certificates.get();
  const [{ serial_no: serial, encrypt_certificate: sealed }] = data.data;
  assert.equal(serial, papers["platform.serial"]);
  assert.equal(
    Aes.AesGcm.decrypt(sealed.ciphertext, apiKey, sealed.nonce, sealed.associated_data),
    papers["platform.crt.pem"]);
});

test("an SDK that knows only the public key asks for its signature", async () => {
  const byKey = client({
    certs: { [publicKeyId]: papers["wechat_public_key.pem"] },
    headers: { "Wechatpay-Serial": publicKeyId },
  });
  const { data } = await byKey.v3.pay.transactions.native.post(order("SDK0000006"));
  assert.match(data.code_url, /^weixin:/);
});

test("the SDK refuses an answer that is signed wrongly", async () => {
  await sandbox.control("PUT", "/faults/wechat", { kind: "wrong_signature", count: 1 });
  const error = await refused(query("SDK0000001"));
  assert.match(error.code, /^EV3_RES_/);
  assert.equal((await query("SDK0000001")).status, 200);
});

test("a merchant with another key is refused", async () => {
  const other = client({ privateKey: Rsa.from(vector("platform.key.pem"), Rsa.KEY_TYPE_PRIVATE) });
  const error = await refused(other.v3.pay.transactions.native.post(order("SDK0000007")));
  assert.deepEqual([error.response.status, error.response.data.code], [401, "SIGN_ERROR"]);
});

test("the SDK reads the bill", async () => {
  const date = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  const { data } = await wxpay.v3.bill.tradebill.get({
    params: { bill_date: date, bill_type: "ALL" },
  });
  const { data: file } = await wxpay.v3.billdownload.file.get({
    params: { token: new URL(data.download_url).searchParams.get("token") },
    responseType: "arraybuffer", transformResponse: [(bytes) => bytes],
  });
  const { rows, summary } = Formatter.castCsvBill(Buffer.from(file));
  assert.ok(rows.some((row) => row["商户订单号"] === "SDK0000002" && row["订单金额"] === "19.99"));
  assert.equal(Number(summary["总交易单数"]), rows.length);
});

// ---- our adapter, judged by the SDK's primitives ----

/** Runs the adapter program; resolves to its lines. */
async function adapter(mode, baseUrl, input = "") {
  const folder = mkdtempSync(join(tmpdir(), "wechat-"));
  const file = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  try {
    const child = spawn(program, [mode, baseUrl, file("key.pem", vector("merchant.key.pem")),
      "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C", file("public.pem", vector("platform.pub.pem")),
      publicKeyId, file("api", apiKey)], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(input);
    const parts = [];
    child.stdout.on("data", (part) => parts.push(part));
    const status = await new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    assert.equal(status, 0);
    return Buffer.concat(parts).toString().trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const platformKey = Rsa.from(vector("platform.key.pem"), Rsa.KEY_TYPE_PRIVATE);
const merchantCert = Rsa.from(vector("merchant.crt.pem"), Rsa.KEY_TYPE_PUBLIC);
const reference = "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF";
const refundReference = "re_01JD5R6Q6Y0V3M8X2K4N7T9BCG";
const transaction = (state) => ({
  appid, mchid, out_trade_no: reference, transaction_id: "4200002026010100000000000001",
  trade_state: state, amount: { total: 1999, payer_total: 1999, currency: "CNY" },
});
const refundAnswer = {
  refund_id: "50000000382019052709732678859", out_refund_no: refundReference,
  out_trade_no: reference, status: "PROCESSING",
  amount: { refund: 500, total: 1999, currency: "CNY" },
};
const answers = {
  "POST /v3/pay/transactions/native": { code_url: "weixin://wxpay/bizpayurl?pr=judged" },
  "POST /v3/pay/transactions/h5": { h5_url: "https://wx.tenpay.com/pay?x=1" },
  "POST /v3/pay/transactions/app": { prepay_id: "wx201410272009395522657a690389285100" },
  "POST /v3/pay/transactions/jsapi": { prepay_id: "wx201410272009395522657a690389285100" },
  [`GET /v3/pay/transactions/out-trade-no/${reference}?mchid=${mchid}`]: transaction("CLOSED"),
  [`POST /v3/pay/transactions/out-trade-no/${reference}/close`]: null,
  "POST /v3/refund/domestic/refunds": refundAnswer,
  [`GET /v3/refund/domestic/refunds/${refundReference}`]: { ...refundAnswer, status: "SUCCESS" },
};

/** A server that believes only what the SDK's own verifier believes, and signs by its signer. */
async function judge() {
  const seen = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString();
      const header = request.headers.authorization ?? "";
      const part = (name) => new RegExp(`${name}="([^"]+)"`).exec(header)?.[1] ?? "";
      const good = header.startsWith("WECHATPAY2-SHA256-RSA2048 ") && part("mchid") === mchid
        && Math.abs(Number(part("timestamp")) - Formatter.timestamp()) < 300
        && Rsa.verify(Formatter.request(request.method, request.url, part("timestamp"),
          part("nonce_str"), body), part("signature"), merchantCert);
      const known = answers[`${request.method} ${request.url}`];
      seen.push({ call: `${request.method} ${request.url}`, good, body });
      const status = !good ? 401 : known === undefined ? 404 : known === null ? 204 : 200;
      const text = status === 200 ? JSON.stringify(known) : status === 204 ? "" : "{}";
      const timestamp = String(Formatter.timestamp());
      const nonce = Formatter.nonce();
      response.writeHead(status, {
        "Content-Type": "application/json", "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce, "Wechatpay-Serial": request.headers["wechatpay-serial"] ?? "",
        "Wechatpay-Signature": Rsa.sign(Formatter.response(timestamp, nonce, text), platformKey),
      });
      response.end(text);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    seen, url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("every request of our adapter is believed by the SDK's verifier, and its answers by ours",
  async () => {
    const server = await judge();
    const lines = await adapter("run", server.url);
    server.close();
    assert.ok(server.seen.every(({ good }) => good));
    assert.deepEqual(new Set(server.seen.map(({ call }) => call)), new Set(Object.keys(answers)));
    assert.deepEqual(lines.map((line) => line.split(" ").slice(0, 2).join(" ")), [
      "native action_needed", "h5 action_needed", "app action_needed", "jsapi action_needed",
      "query canceled", "cancel canceled", "refund pending", "query_refund refunded"]);
    assert.equal(lines[0].split(" ")[2], answers["POST /v3/pay/transactions/native"].code_url);
    const app = JSON.parse(lines[2].slice("app action_needed ".length));
    const page = JSON.parse(lines[3].slice("jsapi action_needed ".length));
    const lineFeeds = Formatter.joinedByLineFeed;
    assert.ok(Rsa.verify(lineFeeds(app.appid, app.timestamp, app.noncestr, app.prepayid), app.sign,
      merchantCert));
    assert.ok(Rsa.verify(lineFeeds(page.appId, page.timeStamp, page.nonceStr, page.package),
      page.paySign, merchantCert));
    const sent = JSON.parse(server.seen[0].body);
    assert.equal(sent.description, "两杯茶");
    assert.deepEqual(sent.amount, { total: 1999, currency: "CNY" });
  });

test("our adapter accepts what the SDK's primitives sign and seal, and nothing else", async () => {
  const nonce = Formatter.nonce(12);
  const body = JSON.stringify({
    id: "EV-SDK-1", create_time: "2026-01-01T08:00:00+08:00", resource_type: "encrypt-resource",
    event_type: "TRANSACTION.SUCCESS", summary: "支付成功",
    resource: {
      original_type: "transaction", algorithm: "AEAD_AES_256_GCM", associated_data: "transaction",
      nonce, ciphertext: Aes.AesGcm.encrypt(
        JSON.stringify(transaction("SUCCESS")), apiKey, nonce, "transaction"),
    },
  });
  const line = ({ text = body, signed = text, key = platformKey, serial = publicKeyId,
    timestamp = String(Formatter.timestamp()) } = {}) => {
    const once = Formatter.nonce();
    const signature = Rsa.sign(Formatter.response(timestamp, once, signed), key);
    return [timestamp, once, signature, serial, Buffer.from(text).toString("base64")].join(" ");
  };
  const paid = `TRANSACTION.SUCCESS ${reference} 1999`;
  const cases = [
    [line(), `accepted EV-SDK-1 ${paid}`],
    [line(), `accepted EV-SDK-1 ${paid}`],
    [line({ text: body.replace("EV-SDK-1", "EV-SDK-2"), signed: body }), "refused"],
    [line({ text: body.replace("EV-SDK-1", "EV-SDK-2") }), `accepted EV-SDK-2 ${paid}`],
    [line({ text: body.slice(0, -1), signed: body }), "refused"],
    [line({ text: body.slice(0, -1) }), "unreadable"],
    [line({ text: body.replace('"associated_data":"transaction"', '"associated_data":"other"') }),
      "refused"],
    [line({ key: Rsa.from(vector("merchant.key.pem"), Rsa.KEY_TYPE_PRIVATE) }), "refused"],
    [line({ timestamp: String(Formatter.timestamp() - 301) }), "refused"],
    [line({ timestamp: String(Formatter.timestamp() + 302) }), "refused"],
    [line({ text: body.replace("SUCCESS", "success"), signed: body }), "refused"],
  ];
  const server = await judge(); // where an unknown serial would be asked for
  const lines = await adapter("verify", server.url, cases.map(([one]) => `${one}\n`).join(""));
  server.close();
  assert.deepEqual(lines, cases.map(([, wanted]) => wanted));
});
