/* SPDX-License-Identifier: Apache-2.0
 * seal.c: libsodium's secretbox with a master key. The context is bound in by deriving the box's
 * key from the master key and the context (BLAKE2b, keyed), so that a sealed text copied to another
 * row does not open there. Sealed text: "v1:" and base 64 of nonce and box.
 *
 * While the master key is being changed there are two: what is sealed with either is read, and new
 * texts are sealed with the one in use. Digests are made with a key of their own, which is the
 * first master key until another is said. */
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/random.h"

enum { MASTER_BYTES = 32, MASTER_HEX_CHARS = 64, SEALED_BYTES_MAX = 64 * 1024 };
static const char version[] = "v1:";

/* In protected memory. */
struct keys {
    unsigned char master[SEAL_KEYS_MAX][MASTER_BYTES];
    unsigned char digest[MASTER_BYTES];
};

struct seal {
    struct keys *keys;
    int count;
    atomic_int in_use;
};

static int read_master(const char *hex, size_t count, const char *place,
                       unsigned char ret_master[MASTER_BYTES], struct err *err) {
    if (count != MASTER_HEX_CHARS || !crypto_unhex(hex, ret_master, MASTER_BYTES)) {
        err_set(err, ERR_CONFIG, "the master key must be %d hex digits", MASTER_HEX_CHARS);
        err_place(err, "%s", place);
        return err_hint(err, "Make one with: openssl rand -hex 32");
    }
    return 0;
}

int seal_open(const char *reference, struct seal **ret_seal, struct err *err) {
    SECRET_AUTO secret = NULL;
    int r = secret_load(reference, &secret, err);
    if (r < 0) {
        return r;
    }
    struct keys *keys = sodium_malloc(sizeof *keys);
    if (keys == NULL) {
        return err_set(err, ERR_CRYPTO, "no protected memory for the master key");
    }
    sodium_memzero(keys, sizeof *keys);
    r = read_master(secret_bytes(secret), secret_count(secret), reference, keys->master[0], err);
    if (r < 0) {
        sodium_free(keys);
        return r;
    }
    struct seal *seal = calloc(1, sizeof *seal);
    INVARIANT(seal != NULL, "no memory for the master key");
    memcpy(keys->digest, keys->master[0], MASTER_BYTES);
    sodium_mprotect_readonly(keys);
    seal->keys = keys;
    seal->count = 1;
    *ret_seal = seal;
    return 0;
}

int seal_add(struct seal *seal, const char *reference, struct err *err) {
    SECRET_AUTO secret = NULL;
    unsigned char master[MASTER_BYTES];
    INVARIANT(seal->count < SEAL_KEYS_MAX, "there are two master keys at the most");
    int r = secret_load(reference, &secret, err);
    r = r < 0 ? r : read_master(secret_bytes(secret), secret_count(secret), reference, master, err);
    if (r >= 0 && sodium_memcmp(master, seal->keys->master[0], MASTER_BYTES) == 0) {
        r = err_set(err, ERR_CONFIG, "the two master keys are the same one");
        err_place(err, "%s", reference);
    }
    if (r >= 0) {
        sodium_mprotect_readwrite(seal->keys);
        memcpy(seal->keys->master[seal->count++], master, MASTER_BYTES);
        sodium_mprotect_readonly(seal->keys);
    }
    sodium_memzero(master, sizeof master);
    return r;
}

int seal_count(const struct seal *seal) {
    return seal->count;
}

int seal_in_use(const struct seal *seal) {
    return atomic_load(&seal->in_use);
}

void seal_use(struct seal *seal, int index) {
    INVARIANT(index >= 0 && index < seal->count, "a master key that there is");
    atomic_store(&seal->in_use, index);
}

/* Under a word of its own, so that it is the beginning of no other digest. */
void seal_name(const struct seal *seal, int index, char ret_name[SEAL_NAME_CHARS + 1]) {
    static const unsigned char word[] = "the name of this master key";
    unsigned char digest[MASTER_BYTES];
    char hex[2 * MASTER_BYTES + 1];
    INVARIANT(index >= 0 && index < seal->count, "a master key that there is");
    crypto_generichash(digest, sizeof digest, word, sizeof word, seal->keys->master[index],
                       MASTER_BYTES);
    crypto_hex(digest, sizeof digest, hex);
    snprintf(ret_name, SEAL_NAME_CHARS + 1, "%.*s", SEAL_NAME_CHARS, hex);
}

struct secret *seal_digest_key(const struct seal *seal) {
    return secret_new(seal->keys->digest, MASTER_BYTES);
}

int seal_digest_with(struct seal *seal, const struct secret *key, struct err *err) {
    if (secret_count(key) != MASTER_BYTES) {
        return err_set(err, ERR_CRYPTO, "the key of digests is damaged");
    }
    sodium_mprotect_readwrite(seal->keys);
    memcpy(seal->keys->digest, secret_bytes(key), MASTER_BYTES);
    sodium_mprotect_readonly(seal->keys);
    return 0;
}

/* Written under another name and linked into place: whoever comes second finds the first one's key,
 * and a crash leaves no half-written one. */
static int make_key_file(const char *path, struct err *err) {
    char hex[MASTER_HEX_CHARS + 1], fresh[4096];
    unsigned char key[MASTER_BYTES];
    random_bytes(key, sizeof key);
    crypto_hex(key, sizeof key, hex);
    sodium_memzero(key, sizeof key);
    snprintf(fresh, sizeof fresh, "%s.%016llx", path, (unsigned long long)random_u64());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, hex, MASTER_HEX_CHARS) == MASTER_HEX_CHARS &&
                   fsync(fd) == 0;
    sodium_memzero(hex, sizeof hex);
    if (fd >= 0) {
        close(fd);
    }
    bool linked = written && (link(fresh, path) == 0 || errno == EEXIST);
    int failure = errno;
    unlink(fresh);
    if (!linked) {
        err_set(err, ERR_CONFIG, "the master key cannot be written: %s", strerror(failure));
        return err_place(err, "%s", path);
    }
    return 0;
}

int seal_open_or_make(const char *path, struct seal **ret_seal, struct err *err) {
    if (access(path, F_OK) != 0) {
        int r = make_key_file(path, err);
        if (r < 0) {
            return r;
        }
    }
    char reference[4200];
    snprintf(reference, sizeof reference, "file:%s", path);
    return seal_open(reference, ret_seal, err);
}

void seal_close(struct seal *seal) {
    if (seal != NULL) {
        sodium_free(seal->keys);
        free(seal);
    }
}

static void derive(const struct seal *seal, int index, const char *context,
                   unsigned char ret_key[crypto_secretbox_KEYBYTES]) {
    crypto_generichash(ret_key, crypto_secretbox_KEYBYTES, (const unsigned char *)context,
                       strlen(context), seal->keys->master[index], MASTER_BYTES);
}

char *seal_text(const struct seal *seal, const char *context, const struct secret *secret) {
    return seal_text_with(seal, seal_in_use(seal), context, secret);
}

char *seal_text_with(const struct seal *seal, int index, const char *context,
                     const struct secret *secret) {
    size_t count = secret_count(secret);
    size_t bytes = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + count;
    unsigned char key[crypto_secretbox_KEYBYTES];
    unsigned char *box = malloc(bytes);
    if (box == NULL) {
        return NULL;
    }
    random_bytes(box, crypto_secretbox_NONCEBYTES);
    derive(seal, index, context, key);
    crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES,
                          (const unsigned char *)secret_bytes(secret), count, box, key);
    sodium_memzero(key, sizeof key);
    char *base64 = crypto_base64(box, bytes);
    free(box);
    size_t length = strlen(base64);
    char *text = malloc(sizeof version + length);
    if (text != NULL) {
        memcpy(text, version, sizeof version - 1);
        memcpy(text + sizeof version - 1, base64, length + 1);
    }
    free(base64);
    return text;
}

int seal_read(const struct seal *seal, const char *context, const char *sealed,
              struct secret **ret_secret, struct err *err) {
    int index = 0;
    return seal_read_which(seal, context, sealed, ret_secret, &index, err);
}

static bool open_box(const struct seal *seal, int index, const char *context,
                     const unsigned char *box, size_t count, unsigned char *ret_plain) {
    unsigned char key[crypto_secretbox_KEYBYTES];
    derive(seal, index, context, key);
    bool open = crypto_secretbox_open_easy(ret_plain, box + crypto_secretbox_NONCEBYTES,
                                           count - crypto_secretbox_NONCEBYTES, box, key) == 0;
    sodium_memzero(key, sizeof key);
    return open;
}

int seal_read_which(const struct seal *seal, const char *context, const char *sealed,
                    struct secret **ret_secret, int *ret_index, struct err *err) {
    size_t count = 0;
    bool ours = strncmp(sealed, version, sizeof version - 1) == 0 &&
                strlen(sealed) < SEALED_BYTES_MAX;
    unsigned char *box = ours ? crypto_unbase64(sealed + sizeof version - 1, &count) : NULL;
    size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (box == NULL || count < head) {
        free(box);
        return err_set(err, ERR_CRYPTO, "a sealed secret is damaged");
    }
    unsigned char *plain = malloc(count - head + 1);
    INVARIANT(plain != NULL, "no memory for a secret");
    bool open = false;
    for (int i = 0; i < seal->count && !open; i++) {
        *ret_index = (seal_in_use(seal) + i) % seal->count;
        open = open_box(seal, *ret_index, context, box, count, plain);
    }
    if (open) {
        *ret_secret = secret_new(plain, count - head);
        sodium_memzero(plain, count - head);
    }
    free(plain);
    free(box);
    if (!open) {
        err_set(err, ERR_CRYPTO, "a sealed secret does not open");
        return err_hint(err, "Another master key sealed it, or the row was altered.");
    }
    return 0;
}

void seal_digest(const struct seal *seal, const void *bytes, size_t count, char ret_hex[65]) {
    unsigned char digest[32];
    crypto_generichash(digest, sizeof digest, bytes, count, seal->keys->digest, MASTER_BYTES);
    crypto_hex(digest, sizeof digest, ret_hex);
}
