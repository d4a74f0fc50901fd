// SPDX-License-Identifier: Apache-2.0
// unionpay.test.mjs: UnionPay has no SDK for Node, so its protocol is written here a second time,
// with nothing but node:crypto: it drives the sandbox, and judges what our adapter signs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, createSign, createVerify, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { receiver, startSandbox } from "./sandbox.mjs";

const built = fileURLToPath(new URL("../../build/tests/unionpay_adapter", import.meta.url));
const program = process.env.UNIONPAY_ADAPTER ?? built;
const vectors = new URL("../vectors/", import.meta.url);
const vector = (name) => readFileSync(new URL(name, vectors), "utf8").replace(/\n+$/, "");
const merchant = "777290058110048";
const secureKey = "holdfast-sandbox-secure-key";
const hex = (text) => createHash("sha256").update(text).digest("hex");
const names = ["merchant.key.pem", "merchant.crt.pem", "root_ca.pem", "middle_ca.pem"];

/** The text that is signed. */
const base = (fields) => Object.keys(fields).filter((name) => name !== "signature").sort()
  .map((name) => `${name}=${fields[name]}`).join("&");
const signRsa = (fields, key) => createSign("sha256").update(hex(base(fields))).sign(key, "base64");
const signKey = (fields, key) => hex(`${base(fields)}&${hex(key)}`);
const certId = (pem) => BigInt(`0x${new X509Certificate(pem).serialNumber}`).toString();

/** "a={b=c&d}&e=f" as fields: an '&' in brackets is part of a value. */
function parse(text) {
  const fields = {};
  const inner = /^\{.*\}$/s.test(text) ? text.slice(1, -1) : text;
  let depth = 0, from = 0;
  for (let at = 0; at <= inner.length; at++) {
    if ("{[".includes(inner[at])) depth++;
    else if ("}]".includes(inner[at])) depth--;
    if (at < inner.length && (inner[at] !== "&" || depth > 0)) continue;
    const field = inner.slice(from, at);
    const equals = field.indexOf("=");
    fields[field.slice(0, equals)] = field.slice(equals + 1);
    from = at + 1;
  }
  return fields;
}

/** Whether UnionPay signed it: the chain, the name, the signature. */
function genuine(fields, papers) {
  const cert = new X509Certificate(fields.signPubKeyCert);
  const middle = new X509Certificate(papers["middle_ca.pem"]);
  const root = new X509Certificate(papers["root_ca.pem"]);
  const name = /^CN=(.*)$/m.exec(cert.subject)?.[1].split("@")[2];
  return cert.verify(middle.publicKey) && middle.verify(root.publicKey)
    && root.verify(root.publicKey) && name === "00040000:SIGN"
    && certId(fields.signPubKeyCert) === fields.certId
    && createVerify("sha256").update(hex(base(fields)))
      .verify(cert.publicKey, fields.signature, "base64");
}
const beijing = (when = Date.now()) =>
  new Date(when + 8 * 3600e3).toISOString().replace(/[-T:]/g, "").slice(0, 14);

let sandbox, hooks, folder, papers = {}, url;
let number = 0;

const common = (more) => ({
  version: "5.1.0", encoding: "UTF-8", bizType: "000201", accessType: "0", merId: merchant,
  txnTime: beijing(), ...more,
});
const order = (more) => common({
  txnType: "01", txnSubType: "01", channelType: "07",
  orderId: `node${String(++number).padStart(8, "0")}`, txnAmt: "1999", currencyCode: "156",
  backUrl: hooks.url("/notify"),
  frontUrl: "https://shop.example/back?a=1&b=2", ...more,
});
const signed = (fields) => {
  const whole = { ...fields, signMethod: "01", certId: certId(papers["merchant.crt.pem"]) };
  return { ...whole, signature: signRsa(whole, papers["merchant.key.pem"]) };
};
const post = (path, fields) => fetch(url + path, {
  method: "POST", redirect: "manual",
  headers: { "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8" },
  body: new URLSearchParams(fields),
});
const ask = async (path, fields) => {
  const answer = await post(`/gateway/api/${path}`, fields);
  assert.equal(answer.status, 200);
  return parse(await answer.text());
};
const query = ({ orderId, txnTime }) =>
  ask("queryTrans.do", signed(common({ txnType: "00", txnSubType: "00", orderId, txnTime })));
const act = (reference, what) =>
  sandbox.control("POST", "/pay", { gateway: "unionpay", reference, act: what });
const notify = (orderId, txnType) => hooks.one(`${txnType} of ${orderId}`, (one) => {
  const fields = Object.fromEntries(new URLSearchParams(one.body.toString()));
  return fields.orderId === orderId && fields.txnType === txnType;
});
const paid = async (fields = order()) => {
  const page = await post("/gateway/api/frontTransReq.do", signed(fields));
  assert.equal(page.status, 303);
  await act(fields.orderId, "pay");
  return { fields, answer: await query(fields) };
};
const adapter = (command, input) => {
  const run = spawnSync(program, [command, ...names.map((name) => join(folder, name)),
    hooks.url("/adapter"), String(Math.floor(Date.now() / 1000))], { input, maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, String(run.stderr ?? run.error));
  return run.stdout.toString().trim();
};
const judged = (bodies) =>
  adapter("verify", `${bodies.map((body) => Buffer.from(body).toString("base64")).join("\n")}\n`)
    .split("\n");

before(async () => {
  hooks = await receiver();
  sandbox = await startSandbox();
  url = `http://127.0.0.1:${sandbox.unionpayPort}`;
  folder = mkdtempSync(join(tmpdir(), "unionpay-"));
  for (const name of names) {
    papers[name] = await sandbox.control("GET", `/unionpay/${name}`);
    writeFileSync(join(folder, name), papers[name]);
  }
});
after(async () => {
  rmSync(folder, { recursive: true });
  hooks.close();
  assert.equal(await sandbox.stop(), 0);
});

test("the vectors are made again", () => {
  const fields = parse(vector("unionpay_req_base.txt"));
  assert.equal(hex(base(fields)), vector("unionpay_req_digest.txt"));
  assert.equal(certId(vector("merchant.crt.pem")), fields.certId);
  assert.equal(signRsa(fields, vector("merchant.key.pem")), vector("unionpay_req_sig.b64"));
  assert.equal(signKey(parse(vector("unionpay_m11_base.txt")), "test_secure_key_0001"),
    vector("unionpay_m11_sig.txt"));
});

test("a page is paid, asked about and told, all signed by UnionPay", async () => {
  const { fields, answer } = await paid();
  assert.equal(answer.respCode, "00");
  assert.equal(answer.origRespCode, "00");
  assert.equal(answer.txnAmt, "1999");
  assert.match(answer.queryId, /^\d{21}$/);
  assert.ok(genuine(answer, papers));
  assert.ok(!genuine({ ...answer, txnAmt: "1998" }, papers));
  const told = await notify(fields.orderId, "01");
  const form = Object.fromEntries(new URLSearchParams(told.body.toString()));
  assert.ok(genuine(form, papers));
  assert.equal(form.queryId, answer.queryId);
  assert.equal(form.respCode, "00");
});

test("an order that nobody has paid is not there", async () => {
  const fields = order();
  assert.equal((await query(fields)).respCode, "34");
  const nowhere = signed({ ...fields, backUrl: "nowhere.example" });
  assert.equal((await ask("appTransReq.do", nowhere)).respCode, "10");
  const { frontUrl, ...rest } = fields;
  const made = await ask("appTransReq.do", signed(rest));
  assert.equal(made.respCode, "00");
  assert.match(made.tn, /^\d{21}$/);
  assert.equal((await query(fields)).respCode, "34");
  assert.equal((await ask("appTransReq.do", signed(rest))).respCode, "12");
  await act(made.tn, "expire");
  await assert.rejects(act(made.tn, "pay"), /409/);
  assert.ok(frontUrl);
});

test("a refund is accepted once, ends later and is told", async () => {
  const { answer } = await paid();
  const refund = common({
    txnType: "04", txnSubType: "00", channelType: "07", orderId: `noderefund${++number}`,
    txnAmt: "700", currencyCode: "156", origQryId: answer.queryId, backUrl: hooks.url("/notify"),
  });
  const first = await ask("backTransReq.do", signed(refund));
  assert.equal(first.respCode, "00");
  assert.ok(genuine(first, papers));
  assert.equal((await ask("backTransReq.do", signed(refund))).respCode, "12");
  const told = await notify(refund.orderId, "04");
  assert.ok(genuine(Object.fromEntries(new URLSearchParams(told.body.toString())), papers));
  assert.equal((await query(refund)).origRespCode, "00");
  const over = { ...refund, orderId: `noderefund${++number}`, txnAmt: "1300" };
  assert.equal((await ask("backTransReq.do", signed(over))).respCode, "33");
});

test("what is signed with anything else is refused", async () => {
  const { answer } = await paid();
  const fields = common({ txnType: "00", txnSubType: "00", orderId: "node00000001" });
  const good = signed(fields);
  assert.equal((await ask("queryTrans.do", { ...good, orderId: "node00000002" })).respCode, "11");
  const other = { ...fields, signMethod: "01", certId: good.certId };
  const stranger = signRsa(other, vector("merchant.key.pem"));
  assert.equal((await ask("queryTrans.do", { ...other, signature: stranger })).respCode, "11");
  const once = createSign("sha256").update(base(other)).sign(papers["merchant.key.pem"], "base64");
  assert.equal((await ask("queryTrans.do", { ...other, signature: once })).respCode, "11");
  assert.equal(answer.respCode, "00");
});

test("with the secure key both sides sign by it", async () => {
  const fields = { ...order(), signMethod: "11" };
  const { frontUrl, ...rest } = fields;
  const made = await ask("appTransReq.do", { ...rest, signature: signKey(rest, secureKey) });
  assert.equal(made.respCode, "00");
  assert.equal(made.signMethod, "11");
  assert.equal(made.signature, signKey(made, secureKey));
  assert.equal((await ask("appTransReq.do", { ...rest, signature: signKey(rest, "x") })).respCode,
    "11");
  assert.ok(frontUrl);
});

test("our adapter's form is signed as UnionPay wants it, and pays", async () => {
  const { url: where, fields } = JSON.parse(adapter("form"));
  assert.equal(where, "https://gateway.95516.com/gateway/api/frontTransReq.do");
  const cert = new X509Certificate(papers["merchant.crt.pem"]);
  assert.equal(fields.certId, certId(papers["merchant.crt.pem"]));
  assert.ok(createVerify("sha256").update(hex(base(fields)))
    .verify(cert.publicKey, fields.signature, "base64"));
  assert.equal(fields.orderId, "att01JD5R6Q6Y0V3M8X2K4N7T9BCF");
  const page = await post("/gateway/api/frontTransReq.do", fields);
  assert.equal(page.status, 303);
  await act("att_01JD5R6Q6Y0V3M8X2K4N7T9BCF", "pay");
  const told = await notify(fields.orderId, "01");
  assert.deepEqual(judged([told.body]),
    [`accepted ${fields.orderId}.${fields.txnTime}.01.00 01 att_01JD5R6Q6Y0V3M8X2K4N7T9BCF 1999`]);
});

test("our adapter believes what is signed here as UnionPay does, and nothing else", async () => {
  const { fields } = await paid();
  const told = (await notify(fields.orderId, "01")).body.toString();
  const form = Object.fromEntries(new URLSearchParams(told));
  const bodies = [];
  for (const name of Object.keys(form)) {
    const { [name]: gone, ...less } = form;
    bodies.push(new URLSearchParams(less).toString());
    bodies.push(new URLSearchParams({ ...form, [name]: `${gone}1` }).toString());
  }
  for (let at = 0; at < told.length; at += 3) bodies.push(told.slice(0, at));
  const forged = { ...form, txnAmt: "1" };
  forged.signature = signRsa(forged, papers["merchant.key.pem"]);
  bodies.push(new URLSearchParams(forged).toString());
  const own = { ...forged, signPubKeyCert: papers["merchant.crt.pem"],
    certId: certId(papers["merchant.crt.pem"]) };
  own.signature = signRsa(own, papers["merchant.key.pem"]);
  bodies.push(new URLSearchParams(own).toString());
  const answers = judged([told, ...bodies]);
  assert.match(answers[0], /^accepted /);
  assert.ok(answers.slice(1).every((answer) => answer === "refused"));
});
