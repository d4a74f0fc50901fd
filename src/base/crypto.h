/* SPDX-License-Identifier: Apache-2.0
 * crypto.h: digests, signatures, encodings, over OpenSSL and libsodium; nothing is invented here.
 * Threads: any; key and certificate objects may be shared, one frees them.
 * Errors: ERR_CRYPTO for a key or certificate that cannot be used. */
#ifndef HOLDFAST_BASE_CRYPTO_H
#define HOLDFAST_BASE_CRYPTO_H

#include "base/compiler.h"
#include "base/err.h"

enum {
    SHA256_BYTES = 32,
    SHA256_HEX_CHARS = 64,
    SHA1_HEX_CHARS = 40,
    AES256_KEY_BYTES = 32,
    AES_GCM_TAG_BYTES = 16,
    AES_GCM_NONCE_BYTES_MAX = 16,
    CERT_SERIAL_HEX_MAX = 42, /* with the NUL; RFC 5280: 20 octets at most, and a leading zero */
    PASSWORD_HASH_CHARS_MAX = 128,
};

/* Once, before anything else here. Aborts when the libraries cannot be initialised. */
void crypto_init(void);

void crypto_sha256(const void *bytes, size_t count, unsigned char ret_digest[SHA256_BYTES]);
void crypto_sha256_hex(const void *bytes, size_t count, char ret_hex[SHA256_HEX_CHARS + 1]);
/* Of what comes piece by piece; the struct is gone with crypto_sha256_end_hex(). */
struct sha256;
struct sha256 *crypto_sha256_begin(void);
void crypto_sha256_add(struct sha256 *digest, const void *bytes, size_t count);
void crypto_sha256_end_hex(struct sha256 *digest, char ret_hex[SHA256_HEX_CHARS + 1]);
void crypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        unsigned char ret_mac[SHA256_BYTES]);
/* Only where a gateway publishes a checksum that is one; proves nothing against an attacker. */
void crypto_sha1_hex(const void *bytes, size_t count, char ret_hex[SHA1_HEX_CHARS + 1]);
/* For protocols that name things by it (Alipay's certificates); it protects nothing. */
enum { MD5_HEX_CHARS = 32 };
void crypto_md5_hex(const void *bytes, size_t count, char ret_hex[MD5_HEX_CHARS + 1]);
/* IEEE CRC-32 as zlib computes it. */
uint32_t crypto_crc32(const void *bytes, size_t count);
bool crypto_equal(const void *a, const void *b, size_t count); /* constant time */

/* Lower-case hex. `ret_hex` has 2 × count + 1 bytes. */
void crypto_hex(const void *bytes, size_t count, char *ret_hex);
/* Takes exactly 2 × count hexadecimal digits of either case and nothing else. */
MUST_USE bool crypto_unhex(const char *hex, unsigned char *ret_bytes, size_t count);
/* Standard base 64 with padding, no line ends. Returned text: free(). */
MUST_USE char *crypto_base64(const void *bytes, size_t count);
/* Refuses anything that crypto_base64() would not have written. Returns NULL then. free(). A NUL
 * that does not count follows the bytes. */
MUST_USE unsigned char *crypto_unbase64(const char *text, size_t *ret_count);

/* AES-256-GCM. The sealed bytes end with the tag; a nonce has 1 to AES_GCM_NONCE_BYTES_MAX bytes
 * and is never used twice with one key. free() what is returned; a NUL that does not count follows
 * an opened text. _open: NULL when key, nonce, added text or a single bit is not the one it was
 * sealed with. */
struct aes256_gcm {
    const unsigned char *key; /* AES256_KEY_BYTES */
    const void *nonce;
    size_t nonce_count;
    const void *added; /* authenticated with it, not hidden; may be empty */
    size_t added_count;
};
MUST_USE unsigned char *aes256_gcm_seal(const struct aes256_gcm *with, const void *bytes,
                                        size_t count, size_t *ret_count);
MUST_USE unsigned char *aes256_gcm_open(const struct aes256_gcm *with, const void *sealed,
                                        size_t count, size_t *ret_count);

struct rsa_key;   /* a private or a public RSA key */
struct x509_cert; /* one certificate with the intermediates that came with it */
MUST_USE int rsa_key_private(const char *pem, size_t count, struct rsa_key **ret_key,
                             struct err *err);
MUST_USE int rsa_key_public(const char *pem, size_t count, struct rsa_key **ret_key,
                            struct err *err);
void rsa_key_free(struct rsa_key *key);
/* RSA PKCS#1 v1.5 with SHA-256; base 64, free(). */
MUST_USE int rsa_sign_sha256(const struct rsa_key *key, const void *bytes, size_t count,
                             char **ret_base64, struct err *err);
MUST_USE bool rsa_verify_sha256(const struct rsa_key *key, const void *bytes, size_t count,
                                const char *signature_base64);

MUST_USE int x509_cert_read(const char *pem, size_t count, struct x509_cert **ret_cert,
                            struct err *err);
void x509_cert_free(struct x509_cert *cert);
/* Chain to a CA in `ca_pem` (NULL: the system's store) and valid at that moment. ERR_CRYPTO says
 * why not. */
MUST_USE int x509_cert_check(const struct x509_cert *cert, const char *ca_pem, int64_t wall_us,
                             struct err *err);
/* Subject common name, "" when there is none, more than one or one with control characters;
 * borrowed from the certificate. */
const char *x509_cert_name(const struct x509_cert *cert);
int64_t x509_cert_not_after_us(const struct x509_cert *cert);
/* The serial number in upper-case hexadecimal, whole octets ("0A1F…"); "" when it has more than 20
 * of them. */
void x509_cert_serial(const struct x509_cert *cert, char ret_hex[CERT_SERIAL_HEX_MAX]);
/* The certificate's public key; free it. */
MUST_USE int x509_cert_key(const struct x509_cert *cert, struct rsa_key **ret_key, struct err *err);

/* Passwords: argon2id, interactive limits of libsodium. Takes some 50 ms and 64 MiB on purpose.
 * More than 1,024 bytes are refused (ERR_VALIDATION); how few are enough is the caller's rule. */
MUST_USE int password_hash(const char *password, char ret_hash[PASSWORD_HASH_CHARS_MAX],
                           struct err *err);
MUST_USE bool password_verify(const char *hash, const char *password);

#endif
