/* SPDX-License-Identifier: Apache-2.0
 * seal.c: libsodium's secretbox with a master key. The context is bound in by deriving the box's
 * key from the master key and the context (BLAKE2b, keyed), so that a sealed text copied to another
 * row does not open there. Sealed text: "v1:" and base 64 of nonce and box. */
#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/random.h"

enum { MASTER_BYTES = 32, MASTER_HEX_CHARS = 64, SEALED_BYTES_MAX = 64 * 1024 };
static const char version[] = "v1:";

struct seal {
    unsigned char master[MASTER_BYTES];
};

static int seal_from_hex(const char *hex, size_t count, const char *place, struct seal **ret_seal,
                         struct err *err) {
    struct seal *seal = sodium_malloc(sizeof *seal);
    if (seal == NULL) {
        return err_set(err, ERR_CRYPTO, "no protected memory for the master key");
    }
    if (count != MASTER_HEX_CHARS || !crypto_unhex(hex, seal->master, MASTER_BYTES)) {
        sodium_free(seal);
        err_set(err, ERR_CONFIG, "the master key must be %d hex digits", MASTER_HEX_CHARS);
        err_place(err, "%s", place);
        return err_hint(err, "Make one with: openssl rand -hex 32");
    }
    sodium_mprotect_readonly(seal);
    *ret_seal = seal;
    return 0;
}

int seal_open(const char *reference, struct seal **ret_seal, struct err *err) {
    SECRET_AUTO secret = NULL;
    int r = secret_load(reference, &secret, err);
    return r < 0 ? r
                 : seal_from_hex(secret_bytes(secret), secret_count(secret), reference, ret_seal,
                                 err);
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
    sodium_free(seal);
}

static void derive(const struct seal *seal, const char *context,
                   unsigned char ret_key[crypto_secretbox_KEYBYTES]) {
    crypto_generichash(ret_key, crypto_secretbox_KEYBYTES, (const unsigned char *)context,
                       strlen(context), seal->master, sizeof seal->master);
}

char *seal_text(const struct seal *seal, const char *context, const struct secret *secret) {
    size_t count = secret_count(secret);
    size_t bytes = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + count;
    unsigned char key[crypto_secretbox_KEYBYTES];
    unsigned char *box = malloc(bytes);
    if (box == NULL) {
        return NULL;
    }
    random_bytes(box, crypto_secretbox_NONCEBYTES);
    derive(seal, context, key);
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
    size_t count = 0;
    bool ours = strncmp(sealed, version, sizeof version - 1) == 0 &&
                strlen(sealed) < SEALED_BYTES_MAX;
    unsigned char *box = ours ? crypto_unbase64(sealed + sizeof version - 1, &count) : NULL;
    size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (box == NULL || count < head) {
        free(box);
        return err_set(err, ERR_CRYPTO, "a sealed secret is damaged");
    }
    unsigned char key[crypto_secretbox_KEYBYTES];
    unsigned char *plain = malloc(count - head + 1);
    derive(seal, context, key);
    bool open = plain != NULL &&
                crypto_secretbox_open_easy(plain, box + crypto_secretbox_NONCEBYTES,
                                           count - crypto_secretbox_NONCEBYTES, box, key) == 0;
    sodium_memzero(key, sizeof key);
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
    crypto_generichash(digest, sizeof digest, bytes, count, seal->master, sizeof seal->master);
    crypto_hex(digest, sizeof digest, ret_hex);
}
