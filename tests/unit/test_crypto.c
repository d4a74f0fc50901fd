/* SPDX-License-Identifier: Apache-2.0
 * test_crypto.c: published vectors hold, a signature stands for its exact bytes only, encodings
 * have one form, and a certificate is trusted only with its chain and in its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/openssl.h"
#include "base/random.h"

enum { FILE_BYTES_MAX = 16 * 1024 };

struct file {
    char bytes[FILE_BYTES_MAX + 1];
    size_t count;
};

static void read_vector(const char *name, struct file *ret_file) {
    char path[400];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/vectors/%s", TESTS_DIR, name);
    if (file_read(path, ret_file->bytes, FILE_BYTES_MAX, &ret_file->count, &err) != 0) {
        fail_msg("%s", err.detail);
    }
}

static void drop_line_end(struct file *file) {
    file->bytes[strcspn(file->bytes, "\r\n")] = '\0';
    file->count = strlen(file->bytes);
}

/* ---- Digests ---- */

static void sha256_gives_the_published_digests(void **state) {
    /* FIPS 180-4 examples. */
    char hex[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256_hex(NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    struct sha256 *digest = crypto_sha256_begin();
    crypto_sha256_add(digest, "abcdbcdecdefdefgefghfghighijhijkijkljklm", 40);
    crypto_sha256_add(digest, "", 0);
    crypto_sha256_add(digest, "klmnlmnomnopnopq", 16);
    crypto_sha256_end_hex(digest, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac_sha256_gives_the_macs_of_rfc_4231(void **state) {
    unsigned char key[131];
    static const struct {
        const char *key; /* NULL: key_count times key_byte */
        int key_byte;
        size_t key_count;
        const char *data; /* NULL: 50 times data_byte */
        int data_byte;
        size_t mac_bytes;
        const char *mac;
    } rows[] = {
        {NULL, 0x0b, 20, "Hi There", 0, 32,
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 0, 4, "what do ya want for nothing?", 0, 32,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {NULL, 0xaa, 20, NULL, 0xdd, 32,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16"
         "\x17\x18\x19",
         0, 25, NULL, 0xcd, 32, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {NULL, 0x0c, 20, "Test With Truncation", 0, 16, "a3b6167473100ee06e0c796c2955552b"},
        {NULL, 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0, 32,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {NULL, 0xaa, 131,
         "This is a test using a larger than block-size key and a larger than block-size data. The "
         "key needs to be hashed before being used by the HMAC algorithm.",
         0, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned char fifty[50];
        unsigned char mac[SHA256_BYTES];
        char hex[SHA256_HEX_CHARS + 1];
        memset(key, rows[i].key_byte, sizeof(key));
        memset(fifty, rows[i].data_byte, sizeof(fifty));
        crypto_hmac_sha256(rows[i].key != NULL ? (const void *)rows[i].key : key, rows[i].key_count,
                           rows[i].data != NULL ? (const void *)rows[i].data : fifty,
                           rows[i].data != NULL ? strlen(rows[i].data) : sizeof(fifty), mac);
        crypto_hex(mac, rows[i].mac_bytes, hex);
        assert_string_equal(hex, rows[i].mac);
    }
}

static void an_empty_key_is_not_the_key_before(void **state) {
    unsigned char mac[SHA256_BYTES];
    char hex[SHA256_HEX_CHARS + 1];
    crypto_hmac_sha256("key", 3, "x", 1, mac);
    crypto_hmac_sha256(NULL, 0, "", 0, mac);
    crypto_hex(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void crc32_is_the_one_of_ieee(void **state) {
    struct file body;
    assert_int_equal(crypto_crc32("123456789", 9), 0xCBF43926);
    assert_int_equal(crypto_crc32("", 0), 0);
    assert_int_equal(crypto_crc32(NULL, 0), 0);
    read_vector("paypal_body.json", &body);
    assert_int_equal(crypto_crc32(body.bytes, body.count), 971940533);
}

static void equal_looks_at_every_byte(void **state) {
    unsigned char a[40];
    unsigned char b[40];
    memset(a, 7, sizeof(a));
    memset(b, 7, sizeof(b));
    assert_true(crypto_equal(a, b, sizeof(a)));
    assert_true(crypto_equal(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 0x80;
        assert_false(crypto_equal(a, b, sizeof(a)));
        b[i] ^= 0x80;
    }
}

/* ---- Encodings ---- */

static void hex_and_base64_come_back_as_they_were(void **state) {
    struct prng prng;
    prng_init(&prng, 42);
    for (size_t count = 0; count < 100; count++) {
        unsigned char bytes[100];
        unsigned char back[100];
        char hex[201];
        size_t back_count = 999;
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (unsigned char)prng_below(&prng, 256);
        }
        crypto_hex(bytes, count, hex);
        assert_int_equal(strlen(hex), 2 * count);
        assert_int_equal(strspn(hex, "0123456789abcdef"), 2 * count);
        assert_true(crypto_unhex(hex, back, count));
        assert_memory_equal(back, bytes, count);
        char *text = crypto_base64(bytes, count);
        assert_int_equal(strlen(text), (count + 2) / 3 * 4);
        unsigned char *decoded = crypto_unbase64(text, &back_count);
        assert_non_null(decoded);
        assert_int_equal(back_count, count);
        assert_memory_equal(decoded, bytes, count);
        assert_int_equal(decoded[count], 0);
        free(decoded);
        free(text);
    }
}

static void base64_gives_the_texts_of_rfc_4648(void **state) {
    static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t count = 0; count < COUNT_OF(texts); count++) {
        char *text = crypto_base64("foobar", count);
        assert_string_equal(text, texts[count]);
        free(text);
    }
}

static void what_is_not_exactly_hex_is_refused(void **state) {
    static const char *const texts[] = {"",   "a",     "abc",  "abcde", "abcdef", "ag",
                                        "a ", "abc\n", " abc", "0xab",  "ab:d",   "a\xc3\xa9z"};
    unsigned char bytes[2] = {1, 2};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_false(crypto_unhex(texts[i], bytes, 2));
        assert_int_equal(bytes[0], 1);
        assert_int_equal(bytes[1], 2);
    }
    assert_true(crypto_unhex("ABcd", bytes, 2));
    assert_int_equal(bytes[0], 0xab);
    assert_int_equal(bytes[1], 0xcd);
    assert_true(crypto_unhex("", bytes, 0));
}

static void what_base64_would_not_have_written_is_refused(void **state) {
    static const char *const texts[] = {
        "Zg",       "Zg=",         "Zg===", "Z",     "Zh==",     "Zm9=",    "Zm9v\n",
        "Zm\n9v",   " Zm9v",       "Zm9v ", "Zm9v=", "Zm9v====", "Zm-_",    "=Zg=",
        "Zg==Zg==", "====",        "=",     "Zm9vY", "Zm9*",     "Zm9\xff", "\xff\xff\xff\xff",
        "Zm=9",     "Zm9\xcf\xbc",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        size_t count = 999;
        unsigned char *bytes = crypto_unbase64(texts[i], &count);
        if (bytes != NULL) {
            fail_msg("%s is taken", texts[i]);
        }
        assert_int_equal(count, 999);
    }
}

/* ---- The gateways' signatures ---- */

static void stripes_header_is_the_mac_of_timestamp_and_body(void **state) {
    struct file secret;
    struct file payload;
    struct file header;
    struct file text;
    read_vector("stripe_secret.txt", &secret);
    drop_line_end(&secret);
    read_vector("stripe_payload.json", &payload);
    read_vector("stripe_header.txt", &header);
    drop_line_end(&header);
    read_vector("stripe_signed.txt", &text);
    assert_int_equal(text.count, payload.count + 11);
    assert_memory_equal(text.bytes, header.bytes + 2, 10);
    assert_memory_equal(text.bytes + 11, payload.bytes, payload.count);
    const char *given = strstr(header.bytes, "v1=") + 3;
    unsigned char mac[SHA256_BYTES];
    char hex[SHA256_HEX_CHARS + 1];
    crypto_hmac_sha256(secret.bytes, secret.count, text.bytes, text.count, mac);
    crypto_hex(mac, sizeof(mac), hex);
    assert_string_equal(hex, given);
    for (size_t i = 0; i < text.count; i++) {
        text.bytes[i] ^= 1;
        crypto_hmac_sha256(secret.bytes, secret.count, text.bytes, text.count, mac);
        crypto_hex(mac, sizeof(mac), hex);
        assert_false(crypto_equal(hex, given, SHA256_HEX_CHARS));
        text.bytes[i] ^= 1;
    }
}

static struct rsa_key *read_key(const char *name, bool is_private) {
    struct file pem;
    struct err err = {0};
    struct rsa_key *key = NULL;
    read_vector(name, &pem);
    int result = is_private ? rsa_key_private(pem.bytes, pem.count, &key, &err)
                            : rsa_key_public(pem.bytes, pem.count, &key, &err);
    if (result != 0) {
        fail_msg("%s: %s", name, err.detail);
    }
    return key;
}

static void paypals_signature_stands_for_its_exact_bytes(void **state) {
    struct file text;
    struct file signature;
    read_vector("paypal_signed.txt", &text);
    read_vector("paypal_sig.b64", &signature);
    struct rsa_key *key = read_key("platform.pub.pem", false);
    assert_true(rsa_verify_sha256(key, text.bytes, text.count, signature.bytes));
    for (size_t i = 0; i < text.count; i++) {
        text.bytes[i] ^= 1;
        assert_false(rsa_verify_sha256(key, text.bytes, text.count, signature.bytes));
        text.bytes[i] ^= 1;
    }
    assert_false(rsa_verify_sha256(key, text.bytes, text.count - 1, signature.bytes));
    assert_false(rsa_verify_sha256(key, "", 0, signature.bytes));
    for (size_t i = 0; i < signature.count; i++) {
        const char was = signature.bytes[i];
        signature.bytes[i] = was == 'A' ? 'B' : 'A';
        assert_false(rsa_verify_sha256(key, text.bytes, text.count, signature.bytes));
        signature.bytes[i] = was;
    }
    static const char *const others[] = {"", "AA==", "not base 64", "===="};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_false(rsa_verify_sha256(key, text.bytes, text.count, others[i]));
    }
    static char endless[100001];
    memset(endless, 'A', sizeof(endless) - 1);
    assert_false(rsa_verify_sha256(key, text.bytes, text.count, endless));
    rsa_key_free(key);
}

static void signing_gives_the_same_signature_from_both_forms_of_the_key(void **state) {
    static const char *const names[] = {"platform.key.pem", "platform.key.pkcs1.pem"};
    struct file text;
    struct file signature;
    struct err err = {0};
    read_vector("paypal_signed.txt", &text);
    read_vector("paypal_sig.b64", &signature);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct rsa_key *key = read_key(names[i], true);
        char *base64 = NULL;
        assert_int_equal(rsa_sign_sha256(key, text.bytes, text.count, &base64, &err), 0);
        assert_string_equal(base64, signature.bytes);
        /* The private key holds the public one. */
        assert_true(rsa_verify_sha256(key, text.bytes, text.count, base64));
        free(base64);
        rsa_key_free(key);
    }
}

/* ---- Keys made here ---- */

static EVP_PKEY *make_key(int bits) {
    EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
    assert_non_null(key);
    return key;
}

/* The PEM text that `write` makes; free() it. */
static char *pem_of_bio(BIO *bio) {
    char *data = NULL;
    long count = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)count);
    assert_non_null(pem);
    BIO_free(bio);
    return pem;
}

static char *pem_private(EVP_PKEY *key, const char *passphrase) {
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_128_cbc() : NULL;
    assert_int_equal(
        PEM_write_bio_PrivateKey(bio, key, cipher, NULL, 0, NULL, (void *)(uintptr_t)passphrase),
        1);
    return pem_of_bio(bio);
}

static void a_key_that_cannot_be_used_is_refused(void **state) {
    struct err err = {0};
    struct rsa_key *const mark = (struct rsa_key *)(uintptr_t)1;
    struct rsa_key *key = mark;
    EVP_PKEY *strong = make_key(2048);
    EVP_PKEY *weak = make_key(1024);
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    char *encrypted = pem_private(strong, "passphrase");
    char *small = pem_private(weak, NULL);
    char *elliptic = pem_private(curve, NULL);
    char *good = pem_private(strong, NULL);
    assert_int_equal(rsa_key_private(encrypted, strlen(encrypted), &key, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.hint, "unencrypted"));
    assert_int_equal(rsa_key_private(small, strlen(small), &key, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "1024 bits"));
    assert_int_equal(rsa_key_private(elliptic, strlen(elliptic), &key, &err), -ERR_CRYPTO);
    assert_string_equal(err.detail, "the key is not an RSA key");
    assert_int_equal(rsa_key_private("", 0, &key, &err), -ERR_CRYPTO);
    assert_int_equal(rsa_key_private("no key", 6, &key, NULL), -ERR_CRYPTO);
    assert_int_equal(rsa_key_private(good, strlen(good) / 2, &key, &err), -ERR_CRYPTO);
    assert_int_equal(rsa_key_public(good, strlen(good), &key, &err), -ERR_CRYPTO);
    assert_int_equal(rsa_key_public("", 0, &key, &err), -ERR_CRYPTO);
    assert_ptr_equal(key, mark);
    assert_int_equal(rsa_key_private(good, strlen(good), &key, &err), 0);
    rsa_key_free(key);
    rsa_key_free(NULL);
    free(encrypted);
    free(small);
    free(elliptic);
    free(good);
    EVP_PKEY_free(strong);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
}

static void a_public_key_cannot_sign(void **state) {
    struct err err = {0};
    char *base64 = NULL;
    struct rsa_key *key = read_key("platform.pub.pem", false);
    assert_int_equal(rsa_sign_sha256(key, "x", 1, &base64, &err), -ERR_CRYPTO);
    assert_null(base64);
    rsa_key_free(key);
}

/* ---- Certificates made here ---- */

#define DAY_US (INT64_C(86400) * 1000000)
#define NOW_US (INT64_C(1795161600) * 1000000) /* 2026-11-20 */

struct issued {
    X509 *cert;
    EVP_PKEY *key;
    char *pem;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Making a key takes long, so four are made once and take turns: neighbours have different ones. */
static EVP_PKEY *next_key(void) {
    static EVP_PKEY *keys[4];
    static size_t used;
    EVP_PKEY **key = &keys[used++ % COUNT_OF(keys)];
    if (*key == NULL) {
        *key = make_key(2048);
    }
    assert_int_equal(EVP_PKEY_up_ref(*key), 1);
    return *key;
}

/* From a day before to a day after 2026-11-20, signed by `issuer` (NULL: by itself). */
static struct issued issue(const char *common_name, const struct issued *issuer, bool is_ca,
                           const char *second_name) {
    struct issued made = {.cert = X509_new(), .key = next_key()};
    assert_non_null(made.cert);
    assert_int_equal(X509_set_version(made.cert, X509_VERSION_3), 1);
    assert_int_equal(
        ASN1_INTEGER_set(X509_get_serialNumber(made.cert), (long)random_below(1 << 30)), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(made.cert), (NOW_US - DAY_US) / 1000000));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(made.cert), (NOW_US + DAY_US) / 1000000));
    X509_NAME *name = X509_get_subject_name(made.cert);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                                (const unsigned char *)"Test", -1, -1, 0),
                     1);
    const char *const names[] = {common_name, second_name};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i] != NULL) {
            assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                        (const unsigned char *)names[i], -1, -1, 0),
                             1);
        }
    }
    X509 *signer = issuer != NULL ? issuer->cert : made.cert;
    assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(signer)), 1);
    assert_int_equal(X509_set_pubkey(made.cert, made.key), 1);
    add_extension(made.cert, signer, NID_basic_constraints,
                  is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(made.cert, signer, NID_subject_key_identifier, "hash");
    add_extension(made.cert, signer, NID_authority_key_identifier, "keyid");
    assert_true(X509_sign(made.cert, issuer != NULL ? issuer->key : made.key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, made.cert), 1);
    made.pem = pem_of_bio(bio);
    return made;
}

static void release(struct issued *issued) {
    X509_free(issued->cert);
    EVP_PKEY_free(issued->key);
    free(issued->pem);
}

static struct x509_cert *must_read_cert(const char *pem) {
    struct x509_cert *cert = NULL;
    struct err err = {0};
    if (x509_cert_read(pem, strlen(pem), &cert, &err) != 0) {
        fail_msg("%s", err.detail);
    }
    return cert;
}

static void a_certificate_is_trusted_with_its_chain_and_in_its_time(void **state) {
    struct err err = {0};
    struct issued root = issue("Root", NULL, true, NULL);
    struct issued middle = issue("Middle", &root, true, NULL);
    struct issued leaf = issue("hooks.example.com", &middle, false, NULL);
    struct issued other = issue("Root", NULL, true, NULL); /* the same name, another key */
    char chain[FILE_BYTES_MAX];
    char roots[FILE_BYTES_MAX];
    snprintf(chain, sizeof(chain), "%s%s", leaf.pem, middle.pem);
    snprintf(roots, sizeof(roots), "%s%s", other.pem, root.pem);
    struct x509_cert *whole = must_read_cert(chain);
    struct x509_cert *alone = must_read_cert(leaf.pem);

    assert_int_equal(x509_cert_check(whole, root.pem, NOW_US, &err), 0);
    assert_int_equal(x509_cert_check(whole, roots, NOW_US, &err), 0);
    assert_int_equal(x509_cert_check(whole, root.pem, NOW_US + DAY_US - 1, &err), 0);
    assert_int_equal(x509_cert_check(whole, root.pem, NOW_US + DAY_US + 1000000, &err),
                     -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "expired"));
    assert_int_equal(x509_cert_check(whole, root.pem, NOW_US - DAY_US - 1000000, &err),
                     -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "not yet valid"));
    assert_int_equal(x509_cert_check(whole, other.pem, NOW_US, &err), -ERR_CRYPTO);
    assert_int_equal(err.code, ERR_CRYPTO);
    assert_int_equal(x509_cert_check(alone, root.pem, NOW_US, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "issuer"));
    /* The system's CAs. */
    assert_int_equal(x509_cert_check(whole, NULL, NOW_US, &err), -ERR_CRYPTO);
    assert_int_equal(x509_cert_check(whole, "no PEM", NOW_US, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "while reading the CA certificates"));
    assert_int_equal(x509_cert_check(whole, other.pem, NOW_US, NULL), -ERR_CRYPTO);

    x509_cert_free(whole);
    x509_cert_free(alone);
    release(&root);
    release(&middle);
    release(&leaf);
    release(&other);
}

static void a_certificate_that_is_no_ca_vouches_for_nobody(void **state) {
    struct err err = {0};
    struct issued root = issue("Root", NULL, true, NULL);
    struct issued middle = issue("shop.example.com", &root, false, NULL);
    struct issued leaf = issue("hooks.example.com", &middle, false, NULL);
    char chain[FILE_BYTES_MAX];
    snprintf(chain, sizeof(chain), "%s%s", leaf.pem, middle.pem);
    struct x509_cert *cert = must_read_cert(chain);
    assert_int_equal(x509_cert_check(cert, root.pem, NOW_US, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "CA certificate"));
    x509_cert_free(cert);
    release(&root);
    release(&middle);
    release(&leaf);
}

static void a_certificate_tells_its_name_expiry_and_key(void **state) {
    struct err err = {0};
    struct issued root = issue("Root", NULL, true, NULL);
    struct issued named = issue("hooks.example.com", &root, false, NULL);
    struct issued twice = issue("a.example.com", &root, false, "b.example.com");
    struct issued nameless = issue(NULL, &root, false, NULL);
    struct issued broken = issue("a\nb", &root, false, NULL);
    const struct {
        const struct issued *issued;
        const char *name;
    } rows[] = {{&named, "hooks.example.com"}, {&twice, ""}, {&nameless, ""}, {&broken, ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct x509_cert *cert = must_read_cert(rows[i].issued->pem);
        assert_string_equal(x509_cert_name(cert), rows[i].name);
        assert_true(x509_cert_not_after_us(cert) == NOW_US + DAY_US);
        struct rsa_key *public_key = NULL;
        struct rsa_key *private_key = NULL;
        char *signature = NULL;
        char *pem = pem_private(rows[i].issued->key, NULL);
        assert_int_equal(x509_cert_key(cert, &public_key, &err), 0);
        assert_int_equal(rsa_key_private(pem, strlen(pem), &private_key, &err), 0);
        assert_int_equal(rsa_sign_sha256(private_key, "abc", 3, &signature, &err), 0);
        assert_true(rsa_verify_sha256(public_key, "abc", 3, signature));
        assert_false(rsa_verify_sha256(public_key, "abd", 3, signature));
        free(signature);
        free(pem);
        rsa_key_free(public_key);
        rsa_key_free(private_key);
        x509_cert_free(cert);
    }
    release(&root);
    release(&named);
    release(&twice);
    release(&nameless);
    release(&broken);
}

static void a_text_that_is_no_certificate_is_refused(void **state) {
    struct err err = {0};
    struct x509_cert *const mark = (struct x509_cert *)(uintptr_t)1;
    struct x509_cert *cert = mark;
    struct issued root = issue("Root", NULL, true, NULL);
    size_t count = strlen(root.pem);
    assert_int_equal(x509_cert_read("", 0, &cert, &err), -ERR_CRYPTO);
    assert_int_equal(x509_cert_read("hello", 5, &cert, NULL), -ERR_CRYPTO);
    assert_int_equal(x509_cert_read(root.pem, count / 2, &cert, &err), -ERR_CRYPTO);
    char *twice = NULL;
    assert_true(asprintf(&twice, "%s%.*s", root.pem, (int)count / 2, root.pem) > 0);
    assert_int_equal(x509_cert_read(twice, strlen(twice), &cert, &err), -ERR_CRYPTO);
    free(twice);
    char *many = calloc(12, count + 1);
    for (size_t i = 0; i < 12; i++) {
        memcpy(many + i * count, root.pem, count);
    }
    assert_int_equal(x509_cert_read(many, 12 * count, &cert, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "more than"));
    char *long_text = calloc(1, 300 * 1024);
    assert_int_equal(x509_cert_read(long_text, 300 * 1024, &cert, &err), -ERR_CRYPTO);
    assert_non_null(strstr(err.detail, "longer than"));
    assert_ptr_equal(cert, mark);
    free(long_text);
    free(many);
    x509_cert_free(NULL);
    release(&root);
}

/* ---- Passwords ---- */

static void a_password_is_known_again_and_only_itself(void **state) {
    struct err err = {0};
    char hash[PASSWORD_HASH_CHARS_MAX] = "";
    char again[PASSWORD_HASH_CHARS_MAX] = "";
    assert_int_equal(password_hash("correct horse", hash, &err), 0);
    assert_int_equal(password_hash("correct horse", again, &err), 0);
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_string_not_equal(hash, again);
    assert_true(password_verify(hash, "correct horse"));
    assert_true(password_verify(again, "correct horse"));
    assert_false(password_verify(hash, "correct horsf"));
    assert_false(password_verify(hash, "correct horse "));
    assert_false(password_verify(hash, ""));
    assert_false(password_verify("", "correct horse"));
    assert_false(password_verify("plain", "plain"));
    char endless[1100];
    memset(endless, 'a', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    char untouched[PASSWORD_HASH_CHARS_MAX] = "before";
    assert_int_equal(password_hash(endless, untouched, &err), -ERR_VALIDATION);
    assert_string_equal(untouched, "before");
    assert_false(password_verify(hash, endless));
}

static int init(void **state) {
    crypto_init();
    crypto_init(); /* a second time does nothing */
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(hmac_sha256_gives_the_macs_of_rfc_4231),
        cmocka_unit_test(an_empty_key_is_not_the_key_before),
        cmocka_unit_test(crc32_is_the_one_of_ieee),
        cmocka_unit_test(equal_looks_at_every_byte),
        cmocka_unit_test(hex_and_base64_come_back_as_they_were),
        cmocka_unit_test(base64_gives_the_texts_of_rfc_4648),
        cmocka_unit_test(what_is_not_exactly_hex_is_refused),
        cmocka_unit_test(what_base64_would_not_have_written_is_refused),
        cmocka_unit_test(stripes_header_is_the_mac_of_timestamp_and_body),
        cmocka_unit_test(paypals_signature_stands_for_its_exact_bytes),
        cmocka_unit_test(signing_gives_the_same_signature_from_both_forms_of_the_key),
        cmocka_unit_test(a_key_that_cannot_be_used_is_refused),
        cmocka_unit_test(a_public_key_cannot_sign),
        cmocka_unit_test(a_certificate_is_trusted_with_its_chain_and_in_its_time),
        cmocka_unit_test(a_certificate_that_is_no_ca_vouches_for_nobody),
        cmocka_unit_test(a_certificate_tells_its_name_expiry_and_key),
        cmocka_unit_test(a_text_that_is_no_certificate_is_refused),
        cmocka_unit_test(a_password_is_known_again_and_only_itself),
    };
    return cmocka_run_group_tests_name("crypto", tests, init, NULL);
}
