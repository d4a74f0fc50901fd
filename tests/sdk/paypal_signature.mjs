// SPDX-License-Identifier: Apache-2.0
// paypal_signature.mjs: verifies a PayPal webhook as PayPal's documentation says, by Node's crypto.
import { createVerify, X509Certificate } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";

/** IEEE CRC-32, for Node versions whose zlib does not have it. */
function crc32(bytes) {
  if (zlibCrc32) return zlibCrc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** True when headers and body fit, the certificate is PayPal's and chains to `caPem`. */
export async function verifies({ headers, body }, webhookId, caPem) {
  const pem = await (await fetch(headers["paypal-cert-url"])).text();
  const certificate = new X509Certificate(pem);
  const ca = new X509Certificate(caPem);
  const now = new Date();
  if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) return false;
  if (!/CN=([\w.-]+\.)?paypal\.com$/m.test(certificate.subject)) return false;
  if (new Date(certificate.validFrom) > now || new Date(certificate.validTo) < now) return false;
  const signed = [headers["paypal-transmission-id"], headers["paypal-transmission-time"], webhookId,
    String(crc32(body))].join("|");
  return headers["paypal-auth-algo"] === "SHA256withRSA" &&
    createVerify("RSA-SHA256").update(signed)
      .verify(certificate.publicKey, headers["paypal-transmission-sig"], "base64");
}
