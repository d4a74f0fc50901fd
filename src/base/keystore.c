/* SPDX-License-Identifier: Apache-2.0
 * keystore.c: the file of sealed secrets: read as lines, checked whole, written anew. */
#include "base/keystore.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/random.h"
#include "base/seal.h"

enum { MASTER_BYTES = 32, PATH_CHARS_MAX = 4096, CONTEXT_CHARS_MAX = 96 };
static const char headline[] = "holdfast-keystore 1";
static const char check_name[] = "check";
static const char digest_name[] = "digest";
static const char check_word[] = "this master key opens it";
static const char scheme[] = "sealed:";
static const char next_suffix[] = ".next";

struct line {
    const char *name, *sealed; /* in `text` */
};

struct keystore {
    struct seal *seal;
    char *text; /* the file, its lines and their parts ended by NULs */
    struct line lines[KEYSTORE_SECRETS_MAX];
    int count;
};

bool keystore_holds(const char *reference) {
    return strncmp(reference, scheme, sizeof scheme - 1) == 0;
}

static void context_of(const char *name, char ret_context[CONTEXT_CHARS_MAX]) {
    snprintf(ret_context, CONTEXT_CHARS_MAX, "keystore:%s", name);
}

static int check_place(const struct keystore_place *place, struct err *err) {
    if (place != NULL && place->path != NULL && place->master != NULL) {
        return 0;
    }
    err_set(err, ERR_CONFIG, "there is no keystore");
    return err_hint(err, "Set keys.store to a file's path; docs/keys.md says more.");
}

static int check_name_of(const char *name, struct err *err) {
    size_t count = strlen(name);
    if (count > 0 && count <= KEYSTORE_NAME_CHARS_MAX && strcmp(name, check_name) != 0 &&
        strcmp(name, digest_name) != 0 &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == count) {
        return 0;
    }
    return err_set(err, ERR_CONFIG,
                   "a name in the keystore has 1 to %d of a-z, 0-9, '.', '_' and '-', and is "
                   "neither 'check' nor 'digest'",
                   KEYSTORE_NAME_CHARS_MAX);
}

/* ---- the master key ---- */

static const char *path_of(const char *reference) {
    return strncmp(reference, "file:", 5) == 0 ? reference + 5 : NULL;
}

static int open_master(const char *reference, struct seal **ret_seal, struct err *err) {
    const char *path = path_of(reference);
    struct file_face face = {.ours_to_keep = true};
    int r = path != NULL ? file_look(path, &face, err) : 0;
    if (r < 0) {
        return err_set(err, ERR_CONFIG, "the keystore's master key cannot be read");
    }
    if (!face.ours_to_keep) {
        err_set(err, ERR_CONFIG, "others may read or write the keystore's master key");
        err_place(err, "%s", path);
        return err_hint(err, "chmod 0600 it, or 0640 for a group; if others could read it, "
                             "`holdfast keys rekey` makes another.");
    }
    return seal_open(reference, ret_seal, err);
}

/* Two names for one key while it is being changed; see keystore_rekey(). */
static int open_next_master(const struct keystore_place *place, struct seal **ret_seal,
                            struct err *err) {
    const char *path = path_of(place->master);
    char next[PATH_CHARS_MAX];
    if (path == NULL ||
        snprintf(next, sizeof next, "file:%s%s", path, next_suffix) >= (int)sizeof next) {
        return err_set(err, ERR_NOT_FOUND, "there is no other master key");
    }
    return open_master(next, ret_seal, err);
}

static bool opens(const struct seal *seal, const char *sealed_check) {
    char context[CONTEXT_CHARS_MAX];
    SECRET_AUTO word = NULL;
    struct err err = {0};
    context_of(check_name, context);
    return seal != NULL && seal_read(seal, context, sealed_check, &word, &err) >= 0 &&
           secret_equal(word, check_word, sizeof check_word - 1);
}

static int find_master(const struct keystore_place *place, const char *sealed_check,
                       struct seal **ret_seal, struct err *err) {
    struct seal *seal = NULL, *next = NULL;
    struct err none = {0};
    int r = open_master(place->master, &seal, err);
    if (r >= 0 && opens(seal, sealed_check)) {
        *ret_seal = seal;
        return 0;
    }
    if (open_next_master(place, &next, &none) >= 0 && opens(next, sealed_check)) {
        seal_close(seal);
        *ret_seal = next;
        return 0;
    }
    seal_close(seal);
    seal_close(next);
    if (r < 0) {
        return r;
    }
    err_set(err, ERR_CONFIG, "the keystore was sealed with another master key");
    err_place(err, "%s", place->path);
    return err_hint(err, "Give it the key that it was made with, or bring both back from a "
                         "backup.");
}

/* ---- reading ---- */

static int damaged(const struct keystore_place *place, const char *what, struct err *err) {
    err_set(err, ERR_CRYPTO, "the keystore was altered or is not whole: %s", what);
    err_place(err, "%s", place->path);
    return err_hint(err, "Bring it back from a backup; each change goes through `holdfast keys`.");
}

/* Cuts the text at its line ends; gives the next line and where the one after it begins. */
static char *next_line(char **rest) {
    char *line = *rest;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL; /* the last line has an end, too: without it the file is not whole */
    }
    *end = '\0';
    *rest = end + 1;
    return line;
}

/* "NAME VALUE"; NULL when it is not. */
static char *value_of(char *line) {
    char *blank = line != NULL ? strchr(line, ' ') : NULL;
    if (blank == NULL) {
        return NULL;
    }
    *blank = '\0';
    return blank + 1;
}

/* What the digest is over: the file as it is, up to its last line. */
static size_t bytes_before_digest(const char *text, size_t count) {
    size_t at = count > 0 ? count - 1 : 0; /* past the last line end */
    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    return at;
}

static int read_lines(struct keystore *keystore, char *rest, const struct keystore_place *place,
                      struct err *err) {
    for (char *line; (line = next_line(&rest)) != NULL;) {
        char *value = value_of(line);
        if (value == NULL || keystore->count == KEYSTORE_SECRETS_MAX) {
            return damaged(place, "a line is no secret, or there are too many", err);
        }
        if (strcmp(line, digest_name) == 0) {
            return *rest == '\0' ? 0 : damaged(place, "something follows its digest", err);
        }
        keystore->lines[keystore->count++] = (struct line){line, value};
    }
    return damaged(place, "it has no digest", err);
}

static int read_text(struct keystore *keystore, size_t count, const struct keystore_place *place,
                     struct err *err) {
    char *rest = keystore->text;
    char *digest_line = rest + bytes_before_digest(rest, count);
    char digest[65] = "";
    if (strlen(rest) != count || strncmp(digest_line, "digest ", 7) != 0) {
        return damaged(place, "it has no digest", err);
    }
    /* The master key is needed for the digest, and the second line says which: so both are read
     * from a copy, before anything is cut. */
    char *copy = strdup(rest), *copy_rest = copy;
    INVARIANT(copy != NULL, "out of memory");
    const char *head = next_line(&copy_rest);
    char *check = next_line(&copy_rest);
    char *sealed = value_of(check);
    int r = head == NULL || strcmp(head, headline) != 0
                ? damaged(place, "its first line is not a keystore's", err)
            : sealed == NULL || strcmp(check, check_name) != 0
                ? damaged(place, "its second line is missing", err)
                : find_master(place, sealed, &keystore->seal, err);
    free(copy);
    if (r < 0) {
        return r;
    }
    seal_digest(keystore->seal, rest, (size_t)(digest_line - rest), digest);
    if (strlen(digest_line) != 7 + 64 + 1 || !crypto_equal(digest_line + 7, digest, 64)) {
        return damaged(place, "its digest does not fit", err);
    }
    (void)next_line(&rest);
    (void)next_line(&rest);
    return read_lines(keystore, rest, place, err);
}

int keystore_open(const struct keystore_place *place, struct keystore **ret_keystore,
                  struct err *err) {
    size_t count = 0;
    int r = check_place(place, err);
    if (r < 0) {
        return r;
    }
    struct keystore *keystore = calloc(1, sizeof *keystore);
    INVARIANT(keystore != NULL, "out of memory");
    keystore->text = malloc(KEYSTORE_BYTES_MAX + 1);
    INVARIANT(keystore->text != NULL, "out of memory");
    r = file_read(place->path, keystore->text, KEYSTORE_BYTES_MAX, &count, err);
    if (r == -ERR_IO) {
        err_hint(err, "`holdfast keys set` makes it with its first secret.");
    }
    r = r < 0 ? r : read_text(keystore, count, place, err);
    if (r < 0) {
        keystore_close(keystore);
        return err_while(err, "opening the keystore");
    }
    *ret_keystore = keystore;
    return 0;
}

void keystore_close(struct keystore *keystore) {
    if (keystore == NULL) {
        return;
    }
    if (keystore->seal != NULL) {
        seal_close(keystore->seal);
    }
    free(keystore->text);
    free(keystore);
}

void keystore_auto(struct keystore **keystore) {
    keystore_close(*keystore);
    *keystore = NULL;
}

int keystore_count(const struct keystore *keystore) {
    return keystore->count;
}

const char *keystore_name(const struct keystore *keystore, int index) {
    INVARIANT(index >= 0 && index < keystore->count, "a secret's index is within the keystore");
    return keystore->lines[index].name;
}

static const struct line *line_find(const struct keystore *keystore, const char *name) {
    for (int i = 0; i < keystore->count; i++) {
        if (strcmp(keystore->lines[i].name, name) == 0) {
            return &keystore->lines[i];
        }
    }
    return NULL;
}

int keystore_get(const struct keystore *keystore, const char *name, struct secret **ret_secret,
                 struct err *err) {
    char context[CONTEXT_CHARS_MAX];
    const struct line *line = line_find(keystore, name);
    if (line == NULL) {
        err_set(err, ERR_NOT_FOUND, "the keystore has no secret '%.64s'", name);
        return err_hint(err, "`holdfast keys set` puts it there.");
    }
    context_of(name, context);
    return seal_read(keystore->seal, context, line->sealed, ret_secret, err);
}

int keystore_load(const struct keystore *keystore, const char *reference,
                  struct secret **ret_secret, struct err *err) {
    if (!keystore_holds(reference)) {
        return secret_load(reference, ret_secret, err);
    }
    return keystore == NULL
               ? check_place(NULL, err)
               : keystore_get(keystore, reference + sizeof scheme - 1, ret_secret, err);
}

/* ---- writing ---- */

/* What a new file is made of: secrets in order of names. */
struct draft {
    const char *names[KEYSTORE_SECRETS_MAX];
    const struct secret *secrets[KEYSTORE_SECRETS_MAX];
    int count;
};

static int add_line(struct buf *buf, const struct seal *seal, const char *name,
                    const struct secret *secret, struct err *err) {
    char context[CONTEXT_CHARS_MAX];
    context_of(name, context);
    char *sealed = seal_text(seal, context, secret);
    if (sealed == NULL) {
        return err_set(err, ERR_CRYPTO, "the master key cannot seal");
    }
    buf_addf(buf, "%s %s\n", name, sealed);
    free(sealed);
    return 0;
}

static int write_draft(const struct keystore_place *place, const struct seal *seal,
                       const struct draft *draft, struct err *err) {
    SECRET_AUTO word = secret_new(check_word, sizeof check_word - 1);
    char digest[65];
    BUF_AUTO buf;
    buf_init(&buf, KEYSTORE_BYTES_MAX);
    buf_addf(&buf, "%s\n", headline);
    int r = add_line(&buf, seal, check_name, word, err);
    for (int i = 0; r >= 0 && i < draft->count; i++) {
        r = add_line(&buf, seal, draft->names[i], draft->secrets[i], err);
    }
    if (r < 0) {
        return r;
    }
    seal_digest(seal, buf.data, buf.len, digest);
    buf_addf(&buf, "%s %s\n", digest_name, digest);
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_TOO_LARGE, "the keystore has more than %d bytes",
                       KEYSTORE_BYTES_MAX);
    }
    return file_replace(place->path, buf.data, buf.len, 0600, err);
}

static int draft_of(const struct keystore *keystore, struct draft *draft, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < keystore->count; i++) {
        struct secret *secret = NULL;
        r = keystore_get(keystore, keystore->lines[i].name, &secret, err);
        if (r >= 0) {
            draft->names[draft->count] = keystore->lines[i].name;
            draft->secrets[draft->count++] = secret;
        }
    }
    return r < 0 ? r : 0;
}

static void draft_release(struct draft *draft, const struct secret *not_ours) {
    for (int i = 0; i < draft->count; i++) {
        if (draft->secrets[i] != not_ours) {
            secret_free((struct secret *)draft->secrets[i]);
        }
    }
}

/* `secret` NULL takes the name out. Keeps the order of names. */
static int draft_change(struct draft *draft, const char *name, const struct secret *secret,
                        struct err *err) {
    int at = 0;
    while (at < draft->count && strcmp(draft->names[at], name) < 0) {
        at++;
    }
    bool there = at < draft->count && strcmp(draft->names[at], name) == 0;
    if (there) {
        secret_free((struct secret *)draft->secrets[at]);
    } else if (secret == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the keystore has no secret '%.64s'", name);
    } else if (draft->count == KEYSTORE_SECRETS_MAX) {
        return err_set(err, ERR_TOO_LARGE, "the keystore has %d secrets already",
                       KEYSTORE_SECRETS_MAX);
    }
    int from = there ? at + 1 : at;
    int to = secret != NULL ? at + 1 : at;
    size_t rest = (size_t)(draft->count - from);
    memmove(&draft->names[to], &draft->names[from], rest * sizeof draft->names[0]);
    memmove(&draft->secrets[to], &draft->secrets[from], rest * sizeof draft->secrets[0]);
    if (secret != NULL) {
        draft->names[at] = name;
        draft->secrets[at] = secret;
    }
    draft->count += to - from;
    return 0;
}

static bool is_there(const char *path) {
    struct file_face face;
    struct err err = {0};
    return file_look(path, &face, &err) >= 0;
}

static int make_first(const struct keystore_place *place, const char *name,
                      const struct secret *secret, struct err *err) {
    struct seal *seal = NULL;
    const char *path = path_of(place->master);
    struct draft draft = {.names = {name}, .secrets = {secret}, .count = 1};
    int r = path != NULL && !is_there(path) ? seal_open_or_make(path, &seal, err)
                                            : open_master(place->master, &seal, err);
    r = r < 0 ? r : write_draft(place, seal, &draft, err);
    seal_close(seal);
    return r;
}

static int change_locked(const struct keystore_place *place, const char *name,
                         const struct secret *secret, struct err *err) {
    if (secret != NULL && !is_there(place->path)) {
        return make_first(place, name, secret, err);
    }
    KEYSTORE_AUTO keystore = NULL;
    struct draft draft = {0};
    int r = keystore_open(place, &keystore, err);
    r = r < 0 ? r : draft_of(keystore, &draft, err);
    r = r < 0 ? r : draft_change(&draft, name, secret, err);
    r = r < 0 ? r : write_draft(place, keystore->seal, &draft, err);
    draft_release(&draft, secret);
    return r;
}

static int lock_of(const struct keystore_place *place, int *ret_lock, struct err *err) {
    char path[PATH_CHARS_MAX];
    if (snprintf(path, sizeof path, "%s.lock", place->path) >= (int)sizeof path) {
        return err_set(err, ERR_CONFIG, "the keystore's path is too long");
    }
    return file_queue(path, ret_lock, err);
}

static int change(const struct keystore_place *place, const char *name, const struct secret *secret,
                  struct err *err) {
    int lock = -1;
    int r = check_place(place, err);
    r = r < 0 ? r : check_name_of(name, err);
    r = r < 0 ? r : lock_of(place, &lock, err);
    if (r < 0) {
        return r;
    }
    r = change_locked(place, name, secret, err);
    file_leave(lock);
    return r;
}

int keystore_put(const struct keystore_place *place, const char *name, const struct secret *secret,
                 struct err *err) {
    if (secret_count(secret) > KEYSTORE_SECRET_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a secret in the keystore has at most %d bytes",
                       KEYSTORE_SECRET_BYTES_MAX);
    }
    return change(place, name, secret, err);
}

int keystore_remove(const struct keystore_place *place, const char *name, struct err *err) {
    return change(place, name, NULL, err);
}

/* ---- another master key ---- */

static int rekey_locked(const struct keystore_place *place, const char *key_path, struct err *err) {
    KEYSTORE_AUTO keystore = NULL;
    struct draft draft = {0};
    struct seal *fresh = NULL;
    char next[PATH_CHARS_MAX], reference[PATH_CHARS_MAX + 8];
    unsigned char key[MASTER_BYTES];
    char hex[2 * MASTER_BYTES + 1];
    snprintf(next, sizeof next, "%s%s", key_path, next_suffix);
    snprintf(reference, sizeof reference, "file:%s", next);
    int r = keystore_open(place, &keystore, err);
    if (r < 0) {
        return r;
    }
    random_bytes(key, sizeof key);
    crypto_hex(key, sizeof key, hex);
    r = file_replace(next, hex, sizeof hex - 1, 0600, err);
    explicit_bzero(key, sizeof key);
    r = r < 0 ? r : seal_open(reference, &fresh, err);
    r = r < 0 ? r : draft_of(keystore, &draft, err);
    r = r < 0 ? r : write_draft(place, fresh, &draft, err);
    draft_release(&draft, NULL);
    /* From here on KEY.next opens it, and readers look there, too. */
    r = r < 0 ? r : file_replace(key_path, hex, sizeof hex - 1, 0600, err);
    if (r >= 0) {
        file_remove(next);
    }
    explicit_bzero(hex, sizeof hex);
    if (fresh != NULL) {
        seal_close(fresh);
    }
    return r;
}

/* A change of the key that stopped half-way is finished first: KEY.next is the only copy of the key
 * that opens the file. */
static int finish_rekey(const struct keystore_place *place, const char *key_path, struct err *err) {
    struct seal *old = NULL;
    char next[PATH_CHARS_MAX], hex[2 * MASTER_BYTES + 1] = "";
    size_t count = 0;
    KEYSTORE_AUTO keystore = NULL;
    snprintf(next, sizeof next, "%s%s", key_path, next_suffix);
    if (!is_there(next)) {
        return 0;
    }
    int r = keystore_open(place, &keystore, err);
    r = r < 0 ? r : open_master(place->master, &old, err);
    if (r < 0) {
        return r;
    }
    char wanted[65], got[65];
    seal_digest(keystore->seal, check_word, sizeof check_word, wanted);
    seal_digest(old, check_word, sizeof check_word, got);
    seal_close(old);
    if (strcmp(wanted, got) != 0) {
        r = file_read(next, hex, sizeof hex - 1, &count, err);
        r = r < 0 ? r : file_replace(key_path, hex, count, 0600, err);
        explicit_bzero(hex, sizeof hex);
    }
    return r;
}

int keystore_rekey(const struct keystore_place *place, struct err *err) {
    int lock = -1;
    int r = check_place(place, err);
    const char *key_path = r < 0 ? NULL : path_of(place->master);
    if (r >= 0 && key_path == NULL) {
        err_set(err, ERR_CONFIG, "the keystore's master key is not in a file");
        return err_hint(err, "A key from the environment is changed where the environment is "
                             "made; docs/keys.md says how.");
    }
    r = r < 0 ? r : lock_of(place, &lock, err);
    if (r < 0) {
        return r;
    }
    r = finish_rekey(place, key_path, err);
    r = r < 0 ? r : rekey_locked(place, key_path, err);
    file_leave(lock);
    return r;
}
