/* SPDX-License-Identifier: Apache-2.0
 * secret.c: keys, passwords and tokens in memory of their own.
 *
 * The bytes live in libsodium's guarded memory: wiped when freed, kept out of core dumps and, where
 * the system's limits let it, out of swap. There are few secrets, so a few pages each are no
 * matter. */
#include "base/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct secret {
    char *bytes; /* sodium_malloc'ed, count + 1 */
    size_t count;
};

/* Before the first sodium_malloc(): it makes the canary that sodium_free() looks for. */
static void need_sodium(void) {
    INVARIANT(sodium_init() >= 0, "libsodium cannot be initialised");
}

struct secret *secret_new(const void *bytes, size_t count) {
    if (count > SECRET_BYTES_MAX) {
        return NULL;
    }
    need_sodium();
    struct secret *secret = malloc(sizeof(*secret));
    INVARIANT(secret != NULL, "out of memory");
    secret->bytes = sodium_malloc(count + 1);
    INVARIANT(secret->bytes != NULL, "out of memory");
    if (count > 0) {
        memcpy(secret->bytes, bytes, count);
    }
    secret->bytes[count] = '\0';
    secret->count = count;
    return secret;
}

struct secret *secret_copy(const struct secret *secret) {
    return secret == NULL ? NULL : secret_new(secret->bytes, secret->count);
}

void secret_free(struct secret *secret) {
    if (secret == NULL) {
        return;
    }
    sodium_free(secret->bytes);
    free(secret);
}

void secret_auto(struct secret **secret) {
    secret_free(*secret);
    *secret = NULL;
}

const char *secret_bytes(const struct secret *secret) {
    return secret->bytes;
}

size_t secret_count(const struct secret *secret) {
    return secret->count;
}

bool secret_equal(const struct secret *a, const void *bytes, size_t count) {
    return a->count == count && sodium_memcmp(a->bytes, bytes, count) == 0;
}

static bool is_variable_name(const char *name) {
    if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9')) {
        return false;
    }
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] ==
           '\0';
}

static int load_env(const char *name, struct secret **ret_secret, struct err *err) {
    if (!is_variable_name(name)) {
        return err_set(err, ERR_CONFIG, "a secret's env: is not followed by a variable's name");
    }
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        return err_set(err, ERR_CONFIG, "the environment variable %s is not set or empty", name);
    }
    struct secret *secret = secret_new(value, strlen(value));
    if (secret == NULL) {
        return err_set(err, ERR_CONFIG, "the environment variable %s is longer than %d bytes", name,
                       SECRET_BYTES_MAX);
    }
    *ret_secret = secret;
    return 0;
}

/* The bytes of a file without their trailing line end, as a secret. */
static int secret_of_file(const char *path, const char *bytes, size_t count,
                          struct secret **ret_secret, struct err *err) {
    if (count > 0 && bytes[count - 1] == '\n') {
        count--;
        if (count > 0 && bytes[count - 1] == '\r') {
            count--;
        }
    }
    if (count == 0) {
        return err_set(err, ERR_CONFIG, "%s is empty", path);
    }
    struct secret *secret = secret_new(bytes, count);
    INVARIANT(secret != NULL, "file_read() keeps to the limit");
    *ret_secret = secret;
    return 0;
}

static int load_file(const char *path, struct secret **ret_secret, struct err *err) {
    if (path[0] != '/') {
        return err_set(err, ERR_CONFIG, "a secret's file: is not followed by an absolute path");
    }
    need_sodium();
    char *bytes = sodium_malloc(SECRET_BYTES_MAX + 1);
    INVARIANT(bytes != NULL, "out of memory");
    size_t count = 0;
    int result = file_read(path, bytes, SECRET_BYTES_MAX, &count, err);
    if (result == 0) {
        result = secret_of_file(path, bytes, count, ret_secret, err);
    } else if (err != NULL) {
        err->code = ERR_CONFIG; /* the sentence stays: it says what is wrong with the file */
    }
    if (result != 0) {
        err_while(err, "reading a secret");
        result = -ERR_CONFIG;
    }
    sodium_free(bytes); /* wipes it */
    return result;
}

int secret_load(const char *reference, struct secret **ret_secret, struct err *err) {
    if (strncmp(reference, "env:", 4) == 0) {
        return load_env(reference + 4, ret_secret, err);
    }
    if (strncmp(reference, "file:", 5) == 0) {
        return load_file(reference + 5, ret_secret, err);
    }
    /* Never repeated: it may be the secret itself. */
    err_set(err, ERR_CONFIG, "a secret stands in the configuration itself");
    err_hint(err, "write env:NAME or file:/path instead, and change the secret if others could "
                  "read it");
    return -ERR_CONFIG;
}
