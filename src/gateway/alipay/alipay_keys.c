/* SPDX-License-Identifier: Apache-2.0
 * alipay_keys.c: reading an account's keys and certificates, and verifying with Alipay's. */
#include "gateway/alipay/alipay_keys.h"

#include "base/buf.h"
#include "base/clock.h"

static const char begin_mark[] = "-----BEGIN";
static const char end_mark[] = "-----END";

/* A piece of a credential: a PEM block, or a word of base 64. */
struct piece {
    const char *text;
    size_t count;
};

/* The next PEM block from `at`; false: there is none. */
static bool next_block(const char **at, struct piece *ret_piece) {
    const char *begin = strstr(*at, begin_mark);
    const char *end = begin != NULL ? strstr(begin, end_mark) : NULL;
    if (end == NULL) {
        return false;
    }
    end += strcspn(end, "\r\n");
    *ret_piece = (struct piece){begin, (size_t)(end - begin)};
    *at = end;
    return true;
}

/* The next word between blanks, commas and line ends. */
static bool next_word(const char **at, struct piece *ret_piece) {
    static const char separators[] = ", \t\r\n";
    *at += strspn(*at, separators);
    size_t count = strcspn(*at, separators);
    *ret_piece = (struct piece){*at, count};
    *at += count;
    return count > 0;
}

static bool next_piece(const char *all, const char **at, struct piece *ret_piece) {
    return strstr(all, begin_mark) != NULL ? next_block(at, ret_piece) : next_word(at, ret_piece);
}

/* A key's PEM text; bare base 64 is given the lines that make it one. */
static void key_pem(const struct piece *piece, const char *label, struct buf *pem) {
    if (piece->count >= strlen(begin_mark) &&
        memcmp(piece->text, begin_mark, strlen(begin_mark)) == 0) {
        buf_add(pem, piece->text, piece->count);
        buf_add_char(pem, '\n');
        return;
    }
    buf_addf(pem, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < piece->count; i += 64) {
        buf_add(pem, piece->text + i, piece->count - i < 64 ? piece->count - i : 64);
        buf_add_char(pem, '\n');
    }
    buf_addf(pem, "-----END %s-----\n", label);
}

static int read_private(const struct piece *piece, const char *label, struct rsa_key **ret_key,
                        struct err *err) {
    BUF_AUTO pem;
    buf_init(&pem, SECRET_BYTES_MAX);
    key_pem(piece, label, &pem);
    int rc = rsa_key_private(pem.data, pem.len, ret_key, err);
    explicit_bzero(pem.data, pem.cap);
    return rc;
}

static int refuse(const char *credential, struct err *err) {
    if (err == NULL) {
        return -ERR_CONFIG;
    }
    err->code = ERR_CONFIG;
    return err_while(err, "reading the credential '%s'", credential);
}

static int read_own(const struct gateway *gateway, struct alipay_keys *keys, struct err *err) {
    const struct secret *secret = gateway_credential(gateway, "private_key");
    const char *all = secret != NULL ? secret_bytes(secret) : "";
    const char *at = all;
    struct piece piece;
    if (!next_piece(all, &at, &piece)) {
        return err_set(err, ERR_CONFIG, "the credential 'private_key' holds no key");
    }
    int rc = read_private(&piece, "PRIVATE KEY", &keys->own, err);
    if (rc < 0) { /* Alipay's tool writes PKCS#1 as well */
        rc = read_private(&piece, "RSA PRIVATE KEY", &keys->own, err);
    }
    return rc < 0 ? refuse("private_key", err) : 0;
}

static int no_room(const char *credential, struct err *err) {
    return err_set(err, ERR_CONFIG, "the credential '%s' holds none or more than %d", credential,
                   ALIPAY_KEYS_MAX);
}

static int read_public_keys(const struct gateway *gateway, struct alipay_keys *keys,
                            struct err *err) {
    const struct secret *secret = gateway_credential(gateway, "alipay_public_key");
    const char *all = secret != NULL ? secret_bytes(secret) : "";
    const char *at = all;
    struct piece piece;
    while (next_piece(all, &at, &piece)) {
        BUF_AUTO pem;
        buf_init(&pem, SECRET_BYTES_MAX);
        key_pem(&piece, "PUBLIC KEY", &pem);
        if (keys->theirs_count == ALIPAY_KEYS_MAX) {
            return no_room("alipay_public_key", err);
        }
        struct alipay_key *key = &keys->theirs[keys->theirs_count];
        if (rsa_key_public(pem.data, pem.len, &key->key, err) < 0) {
            return refuse("alipay_public_key", err);
        }
        key->not_after_us = INT64_MAX;
        keys->theirs_count++;
    }
    return keys->theirs_count > 0 ? 0 : no_room("alipay_public_key", err);
}

/* Certificates. */

/* One of Alipay's certificates, with the others of the credential as what may stand between it and
 * the root. It may have ended (the old one of two); whether it counts is asked when it is used. */
static int read_cert(const struct piece *piece, const char *all, const char *root,
                     struct alipay_key *key, struct err *err) {
    BUF_AUTO pem;
    struct x509_cert *cert = NULL;
    buf_init(&pem, 2 * SECRET_BYTES_MAX);
    buf_add(&pem, piece->text, piece->count);
    buf_add_char(&pem, '\n');
    int rc = alipay_cert_sn(pem.data, pem.len, key->cert_sn, err);
    buf_add_text(&pem, all);
    rc = rc == 0 ? x509_cert_read(pem.data, pem.len, &cert, err) : rc;
    if (rc < 0) {
        return rc;
    }
    key->not_after_us = x509_cert_not_after_us(cert);
    int64_t now_us = clock_wall_us();
    int64_t at_us = now_us < key->not_after_us ? now_us : key->not_after_us - US_PER_SECOND;
    rc = x509_cert_check(cert, root, at_us, err);
    rc = rc == 0 ? x509_cert_key(cert, &key->key, err) : rc;
    x509_cert_free(cert);
    return rc;
}

static int read_app_cert(const struct gateway *gateway, struct alipay_keys *keys, struct err *err) {
    const struct secret *app = gateway_credential(gateway, "app_cert");
    const struct secret *root = gateway_credential(gateway, "alipay_root_cert");
    if (app == NULL || root == NULL) {
        return err_set(err, ERR_CONFIG,
                       "certificate mode needs the credentials 'app_cert', 'alipay_cert' and "
                       "'alipay_root_cert'");
    }
    if (alipay_cert_sn(secret_bytes(app), secret_count(app), keys->app_cert_sn, err) < 0) {
        return refuse("app_cert", err);
    }
    if (alipay_root_cert_sn(secret_bytes(root), secret_count(root), keys->root_cert_sn, err) < 0) {
        return refuse("alipay_root_cert", err);
    }
    /* A request signed with a key that the certificate does not bear would be refused. */
    struct x509_cert *cert = NULL;
    struct rsa_key *key = NULL;
    char *sign = NULL;
    int rc = x509_cert_read(secret_bytes(app), secret_count(app), &cert, err);
    rc = rc == 0 ? x509_cert_key(cert, &key, err) : rc;
    rc = rc == 0 ? rsa_sign_sha256(keys->own, "x", 1, &sign, err) : rc;
    if (rc == 0 && !rsa_verify_sha256(key, "x", 1, sign)) {
        rc = err_set(err, ERR_CONFIG, "the certificate is not of the key 'private_key'");
    }
    free(sign);
    rsa_key_free(key);
    x509_cert_free(cert);
    return rc < 0 ? refuse("app_cert", err) : 0;
}

static int read_certs(const struct gateway *gateway, struct alipay_keys *keys, struct err *err) {
    int rc = read_app_cert(gateway, keys, err);
    if (rc < 0) {
        return rc;
    }
    const struct secret *secret = gateway_credential(gateway, "alipay_cert");
    const char *root = secret_bytes(gateway_credential(gateway, "alipay_root_cert"));
    const char *all = secret != NULL ? secret_bytes(secret) : "";
    const char *at = all;
    struct piece piece;
    while (next_block(&at, &piece)) {
        if (keys->theirs_count == ALIPAY_KEYS_MAX) {
            return no_room("alipay_cert", err);
        }
        struct alipay_key *key = &keys->theirs[keys->theirs_count];
        if (read_cert(&piece, all, root, key, err) < 0) {
            return refuse("alipay_cert", err);
        }
        keys->theirs_count++;
    }
    return keys->theirs_count > 0 ? 0 : no_room("alipay_cert", err);
}

int alipay_keys_read(const struct gateway *gateway, struct alipay_keys *ret_keys, struct err *err) {
    struct alipay_keys keys = {0};
    bool certificates = strcmp(gateway_option(gateway, "mode"), "certificate") == 0;
    int rc = read_own(gateway, &keys, err);
    if (rc == 0) {
        rc = certificates ? read_certs(gateway, &keys, err) : read_public_keys(gateway, &keys, err);
    }
    if (rc < 0) {
        alipay_keys_release(&keys);
        return rc;
    }
    *ret_keys = keys;
    return 0;
}

void alipay_keys_release(struct alipay_keys *keys) {
    rsa_key_free(keys->own);
    for (int i = 0; i < ALIPAY_KEYS_MAX; i++) {
        rsa_key_free(keys->theirs[i].key);
    }
    *keys = (struct alipay_keys){0};
}

bool alipay_keys_verify(const struct alipay_keys *keys, const char *cert_sn, const void *bytes,
                        size_t count, const char *sign) {
    int64_t now_us = clock_wall_us();
    for (int i = 0; i < keys->theirs_count; i++) {
        const struct alipay_key *key = &keys->theirs[i];
        bool named = cert_sn[0] == '\0' || key->cert_sn[0] == '\0' ||
                     strcmp(cert_sn, key->cert_sn) == 0;
        if (named && now_us <= key->not_after_us &&
            rsa_verify_sha256(key->key, bytes, count, sign)) {
            return true;
        }
    }
    return false;
}
