/* SPDX-License-Identifier: Apache-2.0
 * alipay_sign.h: Alipay's RSA2 signatures: over parameters (requests and notifies) and over the raw
 * object inside an answer. Making and verifying both, for the adapter and for the sandbox.
 *
 * Parameters: every one with a value, without `sign` (and without `sign_type` in a notify), sorted
 * by name, joined "name=value&…" with raw values. Answers: the bytes from '{' to its '}' as they
 * came, escapes kept. RSA PKCS#1 v1.5 with SHA-256, base 64. Threads: any. Owns: a form owns its
 * memory. Errors: ERR_BAD_REQUEST for a form that cannot be read. Limits: ALIPAY_PARAMS_MAX
 * parameters, ALIPAY_TEXT_BYTES_MAX bytes of text to be signed. Source: Alipay's documentation of
 * self-made signing; vectors in tests/vectors/ were accepted by their own SDK. */
#ifndef HOLDFAST_GATEWAY_ALIPAY_SIGN_H
#define HOLDFAST_GATEWAY_ALIPAY_SIGN_H

#include "base/buf.h"
#include "base/compiler.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    ALIPAY_PARAMS_MAX = 64,
    ALIPAY_TEXT_BYTES_MAX = 128 * 1024,
};
#define ALIPAY_SIGN_TYPE "RSA2"

/* Everything borrowed. */
struct alipay_param {
    const char *name, *value;
};

enum alipay_signed { ALIPAY_REQUEST, ALIPAY_NOTIFY };

/* The text that is signed. `text` is the caller's; it overflows past its own maximum. */
void alipay_signed_text(const struct alipay_param *params, int count, enum alipay_signed kind,
                        struct buf *text);
/* `sign` of these parameters; free(). ERR_VALIDATION: too much to be signed. */
MUST_USE int alipay_sign(const struct rsa_key *key, const struct alipay_param *params, int count,
                         enum alipay_signed kind, char **ret_sign, struct err *err);
MUST_USE bool alipay_sign_verify(const struct rsa_key *key, const struct alipay_param *params,
                                 int count, enum alipay_signed kind, const char *sign);

/* The raw bytes of the member `name` of the object that `json` is. False: there is none, or the
 * text is no object. Only for a text that has been found to be JSON without duplicate keys. */
MUST_USE bool alipay_raw_member(const char *json, size_t count, const char *name,
                                const char **ret_raw, size_t *ret_raw_bytes);

/* application/x-www-form-urlencoded, each part decoded once. */
struct alipay_form {
    struct alipay_param params[ALIPAY_PARAMS_MAX];
    int count;
    char *memory;
};
/* Adds the pairs of this text. A bad escape, a NUL, an empty name, a name that comes twice or more
 * than ALIPAY_PARAMS_MAX of them: ERR_BAD_REQUEST. A form begins as {0}; one text a form. */
MUST_USE int alipay_form_read(struct alipay_form *form, const char *text, size_t count,
                              struct err *err);
void alipay_form_release(struct alipay_form *form); /* may be called twice */
/* "" when there is none of that name. */
const char *alipay_form_get(const struct alipay_form *form, const char *name);

/* How certificates are named. */
enum {
    ALIPAY_BUNDLE_MAX = 8,
    ALIPAY_ROOTS_MAX = 32,
    ALIPAY_ROOT_SN_CHARS_MAX = ALIPAY_ROOTS_MAX * (MD5_HEX_CHARS + 1),
};
/* Lower-case hexadecimal MD5 of the first certificate's issuer and decimal serial number.
 * ERR_CRYPTO: it cannot be read. */
MUST_USE int alipay_cert_sn(const char *pem, size_t count, char ret_sn[MD5_HEX_CHARS + 1],
                            struct err *err);
/* The same of every certificate of a bundle that is signed with RSA, joined with '_'. */
MUST_USE int alipay_root_cert_sn(const char *pem, size_t count,
                                 char ret_sn[ALIPAY_ROOT_SN_CHARS_MAX + 1], struct err *err);

#endif
