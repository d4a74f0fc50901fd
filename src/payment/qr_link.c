/* SPDX-License-Identifier: Apache-2.0
 * qr_link.c: codes to scan, and links to them (qr_link.h).
 *
 *   token = letters of: 26 bytes ULID of the payment, 8 bytes end (microseconds), 16 bytes seal */
#include "payment/qr_link.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/qr.h"
#include "payment/internal.h"

enum {
    END_BYTES = 8,
    SEAL_BYTES = 16, /* of the digest's 32: it can be tried only here, and for 15 minutes */
    OPEN_BYTES = ID_ULID_CHARS + END_BYTES,
    TOKEN_BYTES = OPEN_BYTES + SEAL_BYTES,
};
static_assert(2 * TOKEN_BYTES == QR_TOKEN_CHARS, "a byte is two letters");

/* ---- the code ---- */

struct code {
    struct arena *arena;
    const char *id;
    struct payment_row payment;
};

static int code_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct code *code = ctx;
    return payment_row_load(tx, code->arena, code->id, false, &code->payment, err);
}

/* ERR_STATE: there is nothing that the customer should scan now. */
static int load_code(struct payments *payments, struct code *code, struct err *err) {
    const struct payment_row *payment = &code->payment;
    int r = store_read(payments->options.store, code_tx, code, err);
    if (r < 0) {
        return r;
    }
    if (payment->state != PAYMENT_REQUIRES_ACTION ||
        strcmp(payment->action, action_name(ACTION_QR)) != 0) {
        return err_set(err, ERR_STATE, "payment %s is %s and shows no code", code->id,
                       payment_state_name(payment->state));
    }
    if (payment_took_late(payment)) {
        return err_set(err, ERR_STATE, "money has come for payment %s: nobody is to pay it again",
                       code->id);
    }
    if (payment->action_expires_us > 0 && payment->action_expires_us <= clock_wall_us()) {
        err_set(err, ERR_STATE, "the code of payment %s has expired", code->id);
        return err_hint(err, "Choose the method again for a new one, or start a new payment.");
    }
    return 0;
}

int payment_qr(struct payments *payments, const char *payment_id, struct buf *svg,
               struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct code code = {.arena = arena, .id = payment_id};
    int r = load_code(payments, &code, err);
    return r < 0 ? r : qr_svg(code.payment.action_data, svg, err);
}

/* ---- the token ---- */

/* The digest is bound to what it is for: no other one of ours opens a link. */
static void seal_of(const struct payments *payments, const unsigned char open[OPEN_BYTES],
                    unsigned char ret_seal[SEAL_BYTES]) {
    static const char purpose[] = "qr-link";
    unsigned char bytes[sizeof purpose + OPEN_BYTES];
    char hex[65];
    memcpy(bytes, purpose, sizeof purpose);
    memcpy(bytes + sizeof purpose, open, OPEN_BYTES);
    seal_digest(payments->options.seal, bytes, sizeof bytes, hex);
    hex[2 * SEAL_BYTES] = '\0';
    INVARIANT(crypto_unhex(hex, ret_seal, SEAL_BYTES), "a digest is hexadecimal");
}

/* Letters only: what looks like a card number is refused in an address. */
static void token_write(const unsigned char bytes[TOKEN_BYTES],
                        char ret_token[QR_TOKEN_CHARS + 1]) {
    for (int i = 0; i < TOKEN_BYTES; i++) {
        ret_token[2 * i] = (char)('a' + (bytes[i] >> 4));
        ret_token[2 * i + 1] = (char)('a' + (bytes[i] & 15));
    }
    ret_token[QR_TOKEN_CHARS] = '\0';
}

static bool token_read(const char *token, unsigned char ret_bytes[TOKEN_BYTES]) {
    if (strlen(token) != QR_TOKEN_CHARS || strspn(token, "abcdefghijklmnop") != QR_TOKEN_CHARS) {
        return false;
    }
    for (int i = 0; i < TOKEN_BYTES; i++) {
        int high = token[2 * i] - 'a', low = token[2 * i + 1] - 'a';
        ret_bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static void end_write(int64_t end_us, unsigned char *ret_bytes) {
    for (int i = 0; i < END_BYTES; i++) {
        ret_bytes[i] = (unsigned char)((uint64_t)end_us >> (8 * (END_BYTES - 1 - i)));
    }
}

static int64_t end_read(const unsigned char *bytes) {
    uint64_t end = 0;
    for (int i = 0; i < END_BYTES; i++) {
        end = end << 8 | bytes[i];
    }
    return (int64_t)end;
}

/* ---- the link ---- */

int qr_link_make(struct payments *payments, const char *payment_id, struct qr_link *ret_link,
                 struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct code code = {.arena = arena, .id = payment_id};
    const char *address = payments->options.deferral.public_url;
    unsigned char bytes[TOKEN_BYTES];
    char token[QR_TOKEN_CHARS + 1];
    int r = load_code(payments, &code, err);
    if (r < 0) {
        return r;
    }
    if (address == NULL) {
        err_set(err, ERR_STATE, "this service does not know the address of its public listener");
        return err_hint(err, "Set deferred.public_url in the configuration.");
    }
    int64_t end_us = clock_wall_us() + QR_LINK_LIFE_US, code_us = code.payment.action_expires_us;
    end_us = code_us > 0 && code_us < end_us ? code_us : end_us;
    memcpy(bytes, code.payment.id.text + sizeof "pay_" - 1, ID_ULID_CHARS);
    end_write(end_us, bytes + ID_ULID_CHARS);
    seal_of(payments, bytes, bytes + OPEN_BYTES);
    token_write(bytes, token);
    int length = snprintf(ret_link->url, sizeof ret_link->url, "%s/pay/qr/%s", address, token);
    INVARIANT(length > 0 && (size_t)length < sizeof ret_link->url, "an address is short");
    ret_link->expires_us = end_us;
    return 0;
}

int qr_link_show(struct payments *payments, const char *token, struct buf *svg, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    unsigned char bytes[TOKEN_BYTES], seal[SEAL_BYTES] = {0};
    char id[ID_TEXT_MAX];
    struct err why = {0};
    bool readable = token_read(token, bytes);
    if (readable) {
        seal_of(payments, bytes, seal);
    }
    if (!readable || !crypto_equal(seal, bytes + OPEN_BYTES, SEAL_BYTES)) {
        return err_set(err, ERR_NOT_FOUND, "there is no such link");
    }
    snprintf(id, sizeof id, "pay_%.*s", ID_ULID_CHARS, (const char *)bytes);
    struct code code = {.arena = arena, .id = id};
    int r = end_read(bytes + ID_ULID_CHARS) <= clock_wall_us() ? -ERR_STATE
                                                               : load_code(payments, &code, &why);
    if (r == -ERR_STATE || r == -ERR_NOT_FOUND) {
        return err_set(err, ERR_GONE, "this link is over");
    }
    if (r < 0) {
        *err = why;
        return r;
    }
    return qr_svg(code.payment.action_data, svg, err);
}
