/* SPDX-License-Identifier: Apache-2.0
 * crypto.c: digests, signatures and encodings over OpenSSL and libsodium.
 *
 * What OpenSSL looks up by name is looked up once, in crypto_init(), because the look-up takes a
 * lock that every thread would meet on every callback. These objects are only read afterwards. */
#include "base/crypto.h"

#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <zlib.h>

#include "base/openssl.h"
#include "base/random.h"

enum {
    PEM_BYTES_MAX = 256 * 1024,
    CHAIN_CERTS_MAX = 10,
    CA_CERTS_MAX = 1000,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192,
    CERT_NAME_BYTES_MAX = 256,
    SECURITY_LEVEL = 2, /* of OpenSSL: at least 112 bits, no SHA-1 */
    PASSWORD_BYTES_MAX = 1024,
};
static_assert(PASSWORD_HASH_CHARS_MAX >= crypto_pwhash_STRBYTES, "a password's hash fits");

static EVP_MD *sha256;
static EVP_MAC_CTX *hmac_sha256; /* without a key: each use copies it and sets its own */

/* libsodium's randomness comes through the world door like everybody's. */
static const char *sodium_random_name(void) {
    return "holdfast";
}

static uint32_t sodium_random(void) {
    return (uint32_t)random_u64();
}

static void sodium_random_bytes(void *const bytes, const size_t count) {
    random_bytes(bytes, count);
}

static randombytes_implementation sodium_world = {
    .implementation_name = sodium_random_name,
    .random = sodium_random,
    .buf = sodium_random_bytes,
};

void crypto_init(void) {
    if (hmac_sha256 != NULL) {
        return;
    }
    INVARIANT(randombytes_set_implementation(&sodium_world) == 0, "libsodium takes no randomness");
    INVARIANT(sodium_init() >= 0, "libsodium cannot be initialised");
    INVARIANT(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1,
              "OpenSSL cannot be initialised");
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    INVARIANT(sha256 != NULL, "OpenSSL has no SHA-256");
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    INVARIANT(hmac != NULL, "OpenSSL has no HMAC");
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
    INVARIANT(context != NULL && EVP_MAC_CTX_set_params(context, params) == 1,
              "OpenSSL has no HMAC-SHA-256");
    EVP_MAC_free(hmac); /* the context holds on to it */
    hmac_sha256 = context;
}

void crypto_sha256(const void *bytes, size_t count, unsigned char ret_digest[SHA256_BYTES]) {
    INVARIANT(sha256 != NULL, "crypto_init() comes first");
    INVARIANT(EVP_Digest(bytes, count, ret_digest, NULL, sha256, NULL) == 1, "SHA-256 failed");
}

void crypto_sha256_hex(const void *bytes, size_t count, char ret_hex[SHA256_HEX_CHARS + 1]) {
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(bytes, count, digest);
    crypto_hex(digest, sizeof(digest), ret_hex);
}

/* OpenSSL's context by another name: its type stays out of the header. */
struct sha256 *crypto_sha256_begin(void) {
    INVARIANT(sha256 != NULL, "crypto_init() comes first");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    INVARIANT(context != NULL && EVP_DigestInit_ex2(context, sha256, NULL) == 1, "SHA-256 failed");
    return (struct sha256 *)context;
}

void crypto_sha256_add(struct sha256 *digest, const void *bytes, size_t count) {
    INVARIANT(EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, count) == 1, "SHA-256 failed");
}

void crypto_sha256_end_hex(struct sha256 *digest, char ret_hex[SHA256_HEX_CHARS + 1]) {
    unsigned char bytes[SHA256_BYTES];
    INVARIANT(EVP_DigestFinal_ex((EVP_MD_CTX *)digest, bytes, NULL) == 1, "SHA-256 failed");
    EVP_MD_CTX_free((EVP_MD_CTX *)digest);
    crypto_hex(bytes, sizeof bytes, ret_hex);
}

void crypto_sha1_hex(const void *bytes, size_t count, char ret_hex[SHA1_HEX_CHARS + 1]) {
    unsigned char digest[SHA1_HEX_CHARS / 2];
    INVARIANT(EVP_Digest(bytes, count, digest, NULL, EVP_sha1(), NULL) == 1, "SHA-1 failed");
    crypto_hex(digest, sizeof(digest), ret_hex);
}

void crypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        unsigned char ret_mac[SHA256_BYTES]) {
    INVARIANT(hmac_sha256 != NULL, "crypto_init() comes first");
    /* A NULL key would mean "as before" to OpenSSL. */
    const unsigned char *some_key = key_count > 0 ? key : (const unsigned char *)"";
    size_t mac_count = 0;
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(hmac_sha256);
    INVARIANT(context != NULL && EVP_MAC_init(context, some_key, key_count, NULL) == 1 &&
                  EVP_MAC_update(context, bytes, count) == 1 &&
                  EVP_MAC_final(context, ret_mac, &mac_count, SHA256_BYTES) == 1 &&
                  mac_count == SHA256_BYTES,
              "HMAC-SHA-256 failed");
    EVP_MAC_CTX_free(context);
}

void crypto_md5_hex(const void *bytes, size_t count, char ret_hex[MD5_HEX_CHARS + 1]) {
    unsigned char digest[MD5_HEX_CHARS / 2];
    unsigned digest_count = 0;
    bool done = EVP_Digest(bytes, count, digest, &digest_count, EVP_md5(), NULL) == 1 &&
                digest_count == sizeof(digest);
    INVARIANT(done, "OpenSSL has MD5");
    crypto_hex(digest, sizeof(digest), ret_hex);
}

uint32_t crypto_crc32(const void *bytes, size_t count) {
    return (uint32_t)crc32_z(0, bytes, count); /* 0 for NULL, as for no bytes */
}

bool crypto_equal(const void *a, const void *b, size_t count) {
    return sodium_memcmp(a, b, count) == 0;
}

void crypto_hex(const void *bytes, size_t count, char *ret_hex) {
    sodium_bin2hex(ret_hex, 2 * count + 1, bytes, count);
}

bool crypto_unhex(const char *hex, unsigned char *ret_bytes, size_t count) {
    size_t chars = strspn(hex, "0123456789abcdefABCDEF");
    if (chars != 2 * count || hex[chars] != '\0') {
        return false;
    }
    return sodium_hex2bin(ret_bytes, count, hex, chars, NULL, NULL, NULL) == 0;
}

char *crypto_base64(const void *bytes, size_t count) {
    size_t chars = sodium_base64_ENCODED_LEN(count, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(chars);
    INVARIANT(text != NULL, "out of memory");
    return sodium_bin2base64(text, chars, bytes, count, sodium_base64_VARIANT_ORIGINAL);
}

unsigned char *crypto_unbase64(const char *text, size_t *ret_count) {
    /* libsodium 1.0.18 takes bytes from 0x80 up for letters, so they are kept from it. */
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t letters = strspn(text, alphabet);
    size_t chars = letters + strspn(text + letters, "=");
    if (text[chars] != '\0') {
        return NULL;
    }
    size_t count_max = chars / 4 * 3;
    size_t count = 0;
    unsigned char *bytes = malloc(count_max + 1); /* a NUL follows, for texts */
    INVARIANT(bytes != NULL, "out of memory");
    if (sodium_base642bin(bytes, count_max, text, chars, NULL, &count, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        free(bytes);
        return NULL;
    }
    bytes[count] = '\0';
    *ret_count = count;
    return bytes;
}

/* A context with key, nonce and added text; `seal` 1 or 0. */
static EVP_CIPHER_CTX *gcm_begin(const struct aes256_gcm *with, int seal) {
    INVARIANT(with->nonce_count >= 1 && with->nonce_count <= AES_GCM_NONCE_BYTES_MAX &&
                  with->added_count <= INT_MAX,
              "a nonce and an added text are as long as they may be");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int unused = 0;
    INVARIANT(context != NULL &&
                  EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL, seal) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)with->nonce_count,
                                      NULL) == 1 &&
                  EVP_CipherInit_ex(context, NULL, NULL, with->key, with->nonce, seal) == 1,
              "OpenSSL has AES-256-GCM");
    INVARIANT(with->added_count == 0 || EVP_CipherUpdate(context, NULL, &unused, with->added,
                                                         (int)with->added_count) == 1,
              "OpenSSL authenticates an added text");
    return context;
}

unsigned char *aes256_gcm_seal(const struct aes256_gcm *with, const void *bytes, size_t count,
                               size_t *ret_count) {
    INVARIANT(count <= INT_MAX - AES_GCM_TAG_BYTES, "a text to be sealed is not that long");
    unsigned char *sealed = malloc(count + AES_GCM_TAG_BYTES);
    EVP_CIPHER_CTX *context = gcm_begin(with, 1);
    int written = 0, ended = 0;
    INVARIANT(sealed != NULL &&
                  EVP_CipherUpdate(context, sealed, &written, bytes, (int)count) == 1 &&
                  EVP_CipherFinal_ex(context, sealed + written, &ended) == 1 &&
                  (size_t)written == count && ended == 0 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AES_GCM_TAG_BYTES,
                                      sealed + count) == 1,
              "AES-256-GCM failed");
    EVP_CIPHER_CTX_free(context);
    *ret_count = count + AES_GCM_TAG_BYTES;
    return sealed;
}

unsigned char *aes256_gcm_open(const struct aes256_gcm *with, const void *sealed, size_t count,
                               size_t *ret_count) {
    if (count < AES_GCM_TAG_BYTES || count > INT_MAX || with->nonce_count < 1 ||
        with->nonce_count > AES_GCM_NONCE_BYTES_MAX) {
        return NULL;
    }
    size_t plain_count = count - AES_GCM_TAG_BYTES;
    unsigned char *tag = (unsigned char *)sealed + plain_count;
    unsigned char *plain = malloc(plain_count + 1);
    INVARIANT(plain != NULL, "out of memory");
    EVP_CIPHER_CTX *context = gcm_begin(with, 0);
    int written = 0, ended = 0;
    bool genuine = EVP_CipherUpdate(context, plain, &written, sealed, (int)plain_count) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AES_GCM_TAG_BYTES, tag) ==
                       1 &&
                   EVP_CipherFinal_ex(context, plain + written, &ended) == 1;
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    if (!genuine) {
        explicit_bzero(plain, plain_count);
        free(plain);
        return NULL;
    }
    plain[plain_count] = '\0';
    *ret_count = plain_count;
    return plain;
}

/* OpenSSL's reason for its last failure; a fixed text that quotes nothing. Forgets the failure. */
static const char *openssl_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != NULL ? reason : "not in a form that is understood";
}

/* No passphrase is ever asked for: the default would wait at the terminal. */
static int no_passphrase(char *text, int bytes_max, int writing, void *context) {
    return -1;
}

/* NULL with the error set when there is too much. */
static BIO *pem_bio(const char *pem, size_t count, struct err *err) {
    if (count > PEM_BYTES_MAX) {
        err_set(err, ERR_CRYPTO, "the PEM text is longer than %d bytes", PEM_BYTES_MAX);
        return NULL;
    }
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem, (int)count);
    INVARIANT(bio != NULL, "out of memory");
    return bio;
}

struct rsa_key {
    EVP_PKEY *pkey;
};

/* Takes the key over. */
static int rsa_key_of(EVP_PKEY *pkey, struct rsa_key **ret_key, struct err *err) {
    if (!EVP_PKEY_is_a(pkey, "RSA")) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_CRYPTO, "the key is not an RSA key");
    }
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
        EVP_PKEY_free(pkey);
        return err_set(err, ERR_CRYPTO, "the RSA key has %d bits; it must have %d to %d", bits,
                       RSA_BITS_MIN, RSA_BITS_MAX);
    }
    struct rsa_key *key = malloc(sizeof(*key));
    INVARIANT(key != NULL, "out of memory");
    key->pkey = pkey;
    *ret_key = key;
    return 0;
}

int rsa_key_private(const char *pem, size_t count, struct rsa_key **ret_key, struct err *err) {
    BIO *bio = pem_bio(pem, count, err);
    if (bio == NULL) {
        return -ERR_CRYPTO;
    }
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (pkey == NULL) {
        err_set(err, ERR_CRYPTO, "the private key cannot be read: %s", openssl_reason());
        err_hint(err, "give an unencrypted PEM file that begins with BEGIN PRIVATE KEY or BEGIN "
                      "RSA PRIVATE KEY");
        return -ERR_CRYPTO;
    }
    return rsa_key_of(pkey, ret_key, err);
}

int rsa_key_public(const char *pem, size_t count, struct rsa_key **ret_key, struct err *err) {
    BIO *bio = pem_bio(pem, count, err);
    if (bio == NULL) {
        return -ERR_CRYPTO;
    }
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (pkey == NULL) {
        err_set(err, ERR_CRYPTO, "the public key cannot be read: %s", openssl_reason());
        err_hint(err, "give a PEM file that begins with BEGIN PUBLIC KEY");
        return -ERR_CRYPTO;
    }
    return rsa_key_of(pkey, ret_key, err);
}

void rsa_key_free(struct rsa_key *key) {
    if (key == NULL) {
        return;
    }
    EVP_PKEY_free(key->pkey);
    free(key);
}

int rsa_sign_sha256(const struct rsa_key *key, const void *bytes, size_t count, char **ret_base64,
                    struct err *err) {
    INVARIANT(sha256 != NULL, "crypto_init() comes first");
    unsigned char signature[RSA_BITS_MAX / 8];
    size_t signature_count = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    INVARIANT(context != NULL, "out of memory");
    ERR_clear_error();
    bool signed_it = EVP_DigestSignInit(context, NULL, sha256, NULL, key->pkey) == 1 &&
                     EVP_DigestSign(context, signature, &signature_count, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    if (!signed_it) {
        return err_set(err, ERR_CRYPTO, "the key cannot sign: %s", openssl_reason());
    }
    *ret_base64 = crypto_base64(signature, signature_count);
    return 0;
}

bool rsa_verify_sha256(const struct rsa_key *key, const void *bytes, size_t count,
                       const char *signature_base64) {
    INVARIANT(sha256 != NULL, "crypto_init() comes first");
    if (strnlen(signature_base64, RSA_BITS_MAX / 4) == RSA_BITS_MAX / 4) {
        return false;
    }
    size_t signature_count = 0;
    unsigned char *signature = crypto_unbase64(signature_base64, &signature_count);
    if (signature == NULL) {
        return false;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    INVARIANT(context != NULL, "out of memory");
    bool is_good = EVP_DigestVerifyInit(context, NULL, sha256, NULL, key->pkey) == 1 &&
                   EVP_DigestVerify(context, signature, signature_count, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    free(signature);
    ERR_clear_error();
    return is_good;
}

struct x509_cert {
    X509 *leaf;
    STACK_OF(X509) * intermediates;
    int64_t not_after_us;
    char name[CERT_NAME_BYTES_MAX];
};

/* Every certificate of the text, at most `certs_max`. NULL with the error set. */
static STACK_OF(X509) * read_certs(const char *pem, size_t count, int certs_max, struct err *err) {
    BIO *bio = pem_bio(pem, count, err);
    if (bio == NULL) {
        return NULL;
    }
    STACK_OF(X509) *certs = sk_X509_new_null();
    INVARIANT(certs != NULL, "out of memory");
    X509 *cert = NULL;
    while (sk_X509_num(certs) <= certs_max &&
           (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        INVARIANT(sk_X509_push(certs, cert) > 0, "out of memory");
    }
    BIO_free(bio);
    int found = sk_X509_num(certs);
    /* After the last one, OpenSSL finds no further start line. Anything else is a broken one. */
    bool ended = found > certs_max || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (found > 0 && found <= certs_max && ended) {
        ERR_clear_error();
        return certs;
    }
    if (found > certs_max) {
        err_set(err, ERR_CRYPTO, "there are more than %d certificates", certs_max);
    } else {
        err_set(err, ERR_CRYPTO, "the certificate cannot be read: %s", openssl_reason());
    }
    sk_X509_pop_free(certs, X509_free);
    return NULL;
}

/* The common name, "" when there is none or several, or when it holds what no host name does. */
static void read_name(X509 *leaf, char ret_name[CERT_NAME_BYTES_MAX]) {
    ret_name[0] = '\0';
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return;
    }
    unsigned char *utf8 = NULL;
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, at);
    int count = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    if (count < 0) {
        ERR_clear_error();
        return;
    }
    bool is_text = count < CERT_NAME_BYTES_MAX;
    for (int i = 0; i < count && is_text; i++) {
        is_text = utf8[i] >= 0x20 && utf8[i] != 0x7F;
    }
    if (is_text) {
        memcpy(ret_name, utf8, (size_t)count);
        ret_name[count] = '\0';
    }
    OPENSSL_free(utf8);
}

int x509_cert_read(const char *pem, size_t count, struct x509_cert **ret_cert, struct err *err) {
    STACK_OF(X509) *certs = read_certs(pem, count, CHAIN_CERTS_MAX, err);
    if (certs == NULL) {
        return -ERR_CRYPTO;
    }
    X509 *leaf = sk_X509_shift(certs);
    struct tm not_after;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &not_after) != 1) {
        X509_free(leaf);
        sk_X509_pop_free(certs, X509_free);
        return err_set(err, ERR_CRYPTO, "the certificate's expiry is not a time");
    }
    struct x509_cert *cert = calloc(1, sizeof(*cert));
    INVARIANT(cert != NULL, "out of memory");
    cert->leaf = leaf;
    cert->intermediates = certs;
    cert->not_after_us = (int64_t)timegm(&not_after) * 1000000;
    read_name(leaf, cert->name);
    *ret_cert = cert;
    return 0;
}

void x509_cert_free(struct x509_cert *cert) {
    if (cert == NULL) {
        return;
    }
    X509_free(cert->leaf);
    sk_X509_pop_free(cert->intermediates, X509_free);
    free(cert);
}

/* The trusted CAs: those of `ca_pem`, or the system's. NULL with the error set. */
static X509_STORE *trusted_cas(const char *ca_pem, struct err *err) {
    X509_STORE *store = X509_STORE_new();
    INVARIANT(store != NULL, "out of memory");
    if (ca_pem == NULL) {
        if (X509_STORE_set_default_paths(store) == 1) {
            return store;
        }
        X509_STORE_free(store);
        err_set(err, ERR_CRYPTO, "the system's CA certificates cannot be read: %s",
                openssl_reason());
        return NULL;
    }
    STACK_OF(X509) *cas = read_certs(ca_pem, strlen(ca_pem), CA_CERTS_MAX, err);
    if (cas == NULL) {
        X509_STORE_free(store);
        err_while(err, "reading the CA certificates");
        return NULL;
    }
    for (int i = 0; i < sk_X509_num(cas); i++) {
        INVARIANT(X509_STORE_add_cert(store, sk_X509_value(cas, i)) == 1, "out of memory");
    }
    sk_X509_pop_free(cas, X509_free);
    return store;
}

int x509_cert_check(const struct x509_cert *cert, const char *ca_pem, int64_t wall_us,
                    struct err *err) {
    X509_STORE *store = trusted_cas(ca_pem, err);
    if (store == NULL) {
        return -ERR_CRYPTO;
    }
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    INVARIANT(context != NULL &&
                  X509_STORE_CTX_init(context, store, cert->leaf, cert->intermediates) == 1,
              "out of memory");
    X509_STORE_CTX_set_time(context, 0, (time_t)(wall_us / 1000000));
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), SECURITY_LEVEL);
    int result = 0;
    if (X509_verify_cert(context) != 1) {
        int why = X509_STORE_CTX_get_error(context);
        result = err_set(err, ERR_CRYPTO,
                         "the certificate is not trusted: %s (certificate %d of "
                         "its chain)",
                         X509_verify_cert_error_string(why),
                         X509_STORE_CTX_get_error_depth(context) + 1);
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return result;
}

const char *x509_cert_name(const struct x509_cert *cert) {
    return cert->name;
}

int64_t x509_cert_not_after_us(const struct x509_cert *cert) {
    return cert->not_after_us;
}

void x509_cert_serial(const struct x509_cert *cert, char ret_hex[CERT_SERIAL_HEX_MAX]) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->leaf);
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    unsigned char octets[CERT_SERIAL_HEX_MAX / 2 - 1];
    ret_hex[0] = '\0';
    if (number != NULL && BN_num_bytes(number) <= (int)sizeof(octets)) {
        int count = BN_bn2bin(number, octets);
        for (int i = 0; i < count; i++) {
            snprintf(ret_hex + 2 * i, CERT_SERIAL_HEX_MAX - 2 * (size_t)i, "%02X", octets[i]);
        }
    }
    BN_free(number);
    ERR_clear_error();
}

int x509_cert_key(const struct x509_cert *cert, struct rsa_key **ret_key, struct err *err) {
    ERR_clear_error();
    EVP_PKEY *pkey = X509_get_pubkey(cert->leaf);
    if (pkey == NULL) {
        return err_set(err, ERR_CRYPTO, "the certificate's key cannot be used: %s",
                       openssl_reason());
    }
    return rsa_key_of(pkey, ret_key, err);
}

int password_hash(const char *password, char ret_hash[PASSWORD_HASH_CHARS_MAX], struct err *err) {
    size_t count = strnlen(password, PASSWORD_BYTES_MAX + 1);
    if (count > PASSWORD_BYTES_MAX) {
        return err_set(err, ERR_VALIDATION, "the password is longer than %d bytes",
                       PASSWORD_BYTES_MAX);
    }
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str(hash, password, count, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
        return err_set(err, ERR_CRYPTO, "there is no memory to hash a password");
    }
    memcpy(ret_hash, hash, sizeof(hash));
    return 0;
}

bool password_verify(const char *hash, const char *password) {
    size_t count = strnlen(password, PASSWORD_BYTES_MAX + 1);
    return count <= PASSWORD_BYTES_MAX && crypto_pwhash_str_verify(hash, password, count) == 0;
}
