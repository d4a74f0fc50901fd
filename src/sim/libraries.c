/* SPDX-License-Identifier: Apache-2.0
 * libraries.c: what libraries do for the service at a price that only the world outside needs to
 * pay. Each of these is called in the place of the function of its name (meson.build: --wrap) in
 * holdfast-sim alone, gives the same answer, and leaves the service as it is.
 *
 *   a key or certificate that was read before   is given once more: a life begins with reading
 *                                               them all, and a run has many lives
 *   the hash of a password                      is made with the least work that libsodium takes
 *   a secret's memory                           has no pages of its own around it
 *   a signature by an RSA key                   is one that only who has its number can have made,
 *                                               without the arithmetic; forgers have another key
 *
 * Owns: what was read, until the process ends. Threads: one. */
#include <glib.h>
#include <sodium.h>

#include "base/compiler.h"
#include "base/openssl.h"

enum { SIGNATURE_BYTES_MAX = 1024 };

/* What was read from a text, and how much of the text that took. */
struct kept {
    void *object;
    int bytes;
};

/* Texts to what was read, by the function that read it. */
static GHashTable *kept_keys, *kept_public_keys, *kept_certs;

/* What is left to read in a BIO of memory: g_bytes_unref() it. */
static GBytes *left_in(BIO *bio) {
    char *text = NULL;
    long count = BIO_get_mem_data(bio, &text);
    return g_bytes_new(text, count > 0 ? (gsize)count : 0);
}

/* NULL: nothing was read from this text before. Else the BIO stands behind it, as after reading. */
static void *kept_find(GHashTable *kept, BIO *bio) {
    if (kept == NULL) {
        return NULL;
    }
    GBytes *text = left_in(bio);
    const struct kept *found = g_hash_table_lookup(kept, text);
    g_bytes_unref(text);
    if (found == NULL) {
        return NULL;
    }
    char *passed = g_malloc((gsize)found->bytes);
    int read = BIO_read(bio, passed, found->bytes);
    g_free(passed);
    INVARIANT(read == found->bytes, "a text that was found is as long as it was");
    return found->object;
}

/* Takes the text over, and a reference to the object. */
static void kept_add(GHashTable **kept, GBytes *text, BIO *bio, void *object) {
    struct kept *row = g_new0(struct kept, 1);
    if (*kept == NULL) {
        *kept = g_hash_table_new(g_bytes_hash, g_bytes_equal);
    }
    row->object = object;
    row->bytes = (int)g_bytes_get_size(text) - (int)BIO_pending(bio);
    g_hash_table_insert(*kept, text, row);
}

typedef EVP_PKEY *read_key_fn(BIO *bio, EVP_PKEY **ret_key, pem_password_cb *ask, void *ctx);

static EVP_PKEY *read_key(GHashTable **kept, read_key_fn *reader, BIO *bio, EVP_PKEY **ret_key,
                          pem_password_cb *ask, void *ctx) {
    EVP_PKEY *key = kept_find(*kept, bio);
    if (key == NULL) {
        GBytes *text = left_in(bio);
        key = reader(bio, ret_key, ask, ctx);
        if (key == NULL) {
            g_bytes_unref(text);
            return NULL;
        }
        kept_add(kept, text, bio, key);
    }
    EVP_PKEY_up_ref(key);
    return key;
}

read_key_fn __real_PEM_read_bio_PrivateKey, __wrap_PEM_read_bio_PrivateKey;
read_key_fn __real_PEM_read_bio_PUBKEY, __wrap_PEM_read_bio_PUBKEY;

EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **ret_key, pem_password_cb *ask,
                                         void *ctx) {
    return read_key(&kept_keys, __real_PEM_read_bio_PrivateKey, bio, ret_key, ask, ctx);
}

EVP_PKEY *__wrap_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **ret_key, pem_password_cb *ask,
                                     void *ctx) {
    return read_key(&kept_public_keys, __real_PEM_read_bio_PUBKEY, bio, ret_key, ask, ctx);
}

typedef X509 *read_cert_fn(BIO *bio, X509 **ret_cert, pem_password_cb *ask, void *ctx);
read_cert_fn __real_PEM_read_bio_X509, __wrap_PEM_read_bio_X509;

X509 *__wrap_PEM_read_bio_X509(BIO *bio, X509 **ret_cert, pem_password_cb *ask, void *ctx) {
    X509 *cert = kept_find(kept_certs, bio);
    if (cert == NULL) {
        GBytes *text = left_in(bio);
        cert = __real_PEM_read_bio_X509(bio, ret_cert, ask, ctx);
        if (cert == NULL) {
            g_bytes_unref(text);
            return NULL;
        }
        kept_add(&kept_certs, text, bio, cert);
    }
    X509_up_ref(cert);
    return cert;
}

/* Bytes that follow from an RSA key's number and a message, as many as a signature has; 0: the key
 * is none. */
static size_t signature_of(EVP_MD_CTX *context, const unsigned char *message, size_t count,
                           unsigned char ret_bytes[SIGNATURE_BYTES_MAX]) {
    unsigned char number[SIGNATURE_BYTES_MAX], seed[crypto_hash_sha256_BYTES + 1];
    EVP_PKEY *key = EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(context));
    BIGNUM *modulus = NULL;
    size_t bytes = (size_t)EVP_PKEY_get_size(key);
    if (!EVP_PKEY_is_a(key, "RSA") || bytes > SIGNATURE_BYTES_MAX ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1) {
        return 0;
    }
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, number, (size_t)BN_bn2bin(modulus, number));
    crypto_hash_sha256_update(&state, message, count);
    crypto_hash_sha256_final(&state, seed);
    BN_free(modulus);
    for (size_t at = 0; at < bytes; at += crypto_hash_sha256_BYTES) {
        unsigned char some[crypto_hash_sha256_BYTES];
        seed[crypto_hash_sha256_BYTES] = (unsigned char)(at / crypto_hash_sha256_BYTES);
        crypto_hash_sha256(some, seed, sizeof seed);
        memcpy(ret_bytes + at, some, MIN(sizeof some, bytes - at));
    }
    return bytes;
}

typedef int sign_fn(EVP_MD_CTX *context, unsigned char *ret_signature, size_t *bytes,
                    const unsigned char *message, size_t count);
typedef int verify_fn(EVP_MD_CTX *context, const unsigned char *signature, size_t bytes,
                      const unsigned char *message, size_t count);
sign_fn __real_EVP_DigestSign, __wrap_EVP_DigestSign;
verify_fn __real_EVP_DigestVerify, __wrap_EVP_DigestVerify;

int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *ret_signature, size_t *bytes,
                          const unsigned char *message, size_t count) {
    unsigned char made[SIGNATURE_BYTES_MAX];
    size_t made_bytes = ret_signature != NULL ? signature_of(context, message, count, made) : 0;
    if (made_bytes == 0 || made_bytes > *bytes) {
        return __real_EVP_DigestSign(context, ret_signature, bytes, message, count);
    }
    memcpy(ret_signature, made, made_bytes);
    *bytes = made_bytes;
    return 1;
}

/* What was really signed, as a certificate is, still is. */
int __wrap_EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t bytes,
                            const unsigned char *message, size_t count) {
    unsigned char made[SIGNATURE_BYTES_MAX];
    size_t made_bytes = signature_of(context, message, count, made);
    if (made_bytes > 0 && made_bytes == bytes && memcmp(made, signature, bytes) == 0) {
        return 1;
    }
    return __real_EVP_DigestVerify(context, signature, bytes, message, count);
}

int __real_crypto_pwhash_str(char ret_hash[crypto_pwhash_STRBYTES], const char *password,
                             unsigned long long count, unsigned long long work, size_t memory);
int __wrap_crypto_pwhash_str(char ret_hash[crypto_pwhash_STRBYTES], const char *password,
                             unsigned long long count, unsigned long long work, size_t memory);

int __wrap_crypto_pwhash_str(char ret_hash[crypto_pwhash_STRBYTES], const char *password,
                             unsigned long long count, unsigned long long work, size_t memory) {
    return __real_crypto_pwhash_str(ret_hash, password, count, crypto_pwhash_OPSLIMIT_MIN,
                                    crypto_pwhash_MEMLIMIT_MIN);
}

void *__wrap_sodium_malloc(size_t count);
void __wrap_sodium_free(void *bytes);
int __wrap_sodium_mprotect_readonly(void *bytes);

/* How much there is to wipe stands before it. */
enum { SECRET_HEAD_BYTES = 16 };

void *__wrap_sodium_malloc(size_t count) {
    char *head = malloc(SECRET_HEAD_BYTES + count);
    if (head == NULL) {
        return NULL;
    }
    memcpy(head, &count, sizeof count);
    return head + SECRET_HEAD_BYTES;
}

void __wrap_sodium_free(void *bytes) {
    if (bytes == NULL) {
        return;
    }
    size_t count = 0;
    char *head = (char *)bytes - SECRET_HEAD_BYTES;
    memcpy(&count, head, sizeof count);
    sodium_memzero(bytes, count);
    free(head);
}

int __wrap_sodium_mprotect_readonly(void *bytes) {
    return 0;
}
