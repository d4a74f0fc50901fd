/* SPDX-License-Identifier: Apache-2.0
 * keyring_memory.c: what callbacks are verified with, beyond the end of this process: a row of
 * credential_set for the set in force (until_us 0) and for each one before it.
 *
 *   kept      whenever a set comes into force, before it does, and at each start
 *   recalled  at a start: the rows that are not the set in force
 *   gone      when its overlap has ended, or it was retired
 *
 * Of several instances each keeps what it has in force itself: while they differ, each one's row is
 * old to the others, and accepted all the same.
 *
 * A row's text, before it is sealed, has a line for each credential: its name and its value in base
 * 64. It is bound to the gateway's name. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/keyring_impl.h"

enum { KEPT_BYTES_MAX = 44 * 1024, CONTEXT_CHARS_MAX = GATEWAY_NAME_CHARS_MAX + 32 };

static void context_of(const struct gateway *gateway, char ret_context[CONTEXT_CHARS_MAX]) {
    snprintf(ret_context, CONTEXT_CHARS_MAX, "callback_keys:%s", gateway->name);
}

/* Shown to people until a later one, or "" when all is well. */
static void note_trouble(struct keyring *ring, const char *why) {
    lock_take(&ring->lock);
    snprintf(ring->trouble, sizeof ring->trouble, "%s", why);
    lock_give(&ring->lock);
}

/* ---- what of a set is kept ---- */

static bool begins(const char *name, const char *with) {
    size_t chars = strlen(with);
    return strncmp(name, with, chars) == 0 && (name[chars] == '\0' || name[chars] == '_');
}

/* The row of callback_keys, or of callback_names, that this name is one of. */
static bool verifies(const struct gateway *gateway, const char *name, const char **ret_as) {
    const struct gateway_callback_key *key = gateway->adapter->callback_keys;
    *ret_as = NULL;
    for (; key != NULL && key->name != NULL; key++) {
        if (begins(name, key->name)) {
            *ret_as = strcmp(name, key->name) == 0 ? key->as : NULL;
            return true;
        }
    }
    return gateway->adapter->callback_keys == NULL && keyring_shown_by_callback(gateway, name);
}

static bool add_line(char *text, size_t *used, const char *name, const void *value, size_t count) {
    char *base64 = crypto_base64(value, count);
    size_t chars = strlen(base64);
    int more = snprintf(text + *used, KEPT_BYTES_MAX - *used, "%s %s\n", name, base64);
    explicit_bzero(base64, chars);
    free(base64);
    if (more < 0 || (size_t)more >= KEPT_BYTES_MAX - *used) {
        return false;
    }
    *used += (size_t)more;
    return true;
}

/* NULL: it is too much. Empty: nothing verifies callbacks here. */
static struct secret *text_of(const struct keyring *ring, const struct gateway *face) {
    char *text = malloc(KEPT_BYTES_MAX);
    INVARIANT(text != NULL, "out of memory");
    size_t used = 0;
    bool fits = true;
    for (int i = 0; fits && i < ring->gateway->credential_count; i++) {
        const char *name = ring->gateway->credentials[i].name, *as;
        const struct secret *value = gateway_credential(face, name);
        const char *option = gateway_option(face, name);
        if (verifies(ring->gateway, name, &as)) {
            fits = add_line(text, &used, name, value != NULL ? secret_bytes(value) : option,
                            value != NULL ? secret_count(value) : strlen(option));
        }
    }
    struct secret *kept = fits ? secret_new(text, used) : NULL;
    explicit_bzero(text, KEPT_BYTES_MAX);
    free(text);
    return kept;
}

/* ---- rows ---- */

struct row {
    char digest[65];
    char *sealed;
    int64_t until_us;
};

struct keeping {
    struct keyring *ring;
    char digest[65]; /* of the set that is in force */
    const char *sealed;
    int64_t now_us;
    struct row rows[KEYRING_SETS_MAX]; /* of others, the newest first */
    int count;
};

static void rows_release(struct keeping *keeping) {
    for (int i = 0; i < keeping->count; i++) {
        free(keeping->rows[i].sealed);
    }
    keeping->count = 0;
}

/* `ret_known`: its row is there and says that it is in force. `ret_others`: another's says so. */
static int read_rows(struct keeping *keeping, struct store_tx *tx, bool *ret_known,
                     bool *ret_others, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t until_us = keeping->now_us + keeping->ring->overlap_us;
    *ret_known = *ret_others = false;
    rows_release(keeping);
    int r = sql_query(tx, err, &rows,
                      "SELECT digest, sealed, until_us FROM credential_set WHERE gateway = $1 AND "
                      "(until_us = 0 OR until_us > $2) ORDER BY CASE WHEN until_us = 0 THEN 0 ELSE "
                      "1 END, until_us DESC, digest",
                      S_TEXT(keeping->ring->gateway->name), S_INT(keeping->now_us));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bool in_force = sql_int(rows, 2) == 0;
        if (strcmp(sql_text(rows, 0), keeping->digest) == 0) {
            *ret_known = in_force;
        } else if (keeping->count < KEYRING_SETS_MAX - 1) {
            struct row *row = &keeping->rows[keeping->count++];
            *ret_others = *ret_others || in_force;
            snprintf(row->digest, sizeof row->digest, "%s", sql_text(rows, 0));
            row->until_us = in_force ? until_us : sql_int(rows, 2);
            row->sealed = strdup(sql_text(rows, 1));
            INVARIANT(row->sealed != NULL, "out of memory");
        }
    }
    return r;
}

static int keep_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct keeping *keeping = ctx;
    const char *gateway = keeping->ring->gateway->name;
    bool known, others;
    int r = read_rows(keeping, tx, &known, &others, err);
    if (r >= 0 && others) {
        r = sql_put(tx, err,
                    "UPDATE credential_set SET until_us = $3 WHERE gateway = $1 AND digest <> $2 "
                    "AND until_us = 0",
                    S_TEXT(gateway), S_TEXT(keeping->digest),
                    S_INT(keeping->now_us + keeping->ring->overlap_us));
    }
    if (r >= 0 && !known) {
        r = sql_put(tx, err,
                    "INSERT INTO credential_set (gateway, digest, sealed, since_us, until_us) "
                    "VALUES ($1, $2, $3, $4, 0) ON CONFLICT (gateway, digest) DO UPDATE SET "
                    "sealed = excluded.sealed, until_us = 0",
                    S_TEXT(gateway), S_TEXT(keeping->digest), S_TEXT(keeping->sealed),
                    S_INT(keeping->now_us));
    }
    return r;
}

static int prune_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct keyring *ring = ctx;
    return sql_put(tx, err,
                   "DELETE FROM credential_set WHERE gateway = $1 AND until_us > 0 AND until_us "
                   "<= $2",
                   S_TEXT(ring->gateway->name), S_INT(clock_wall_us()));
}

/* Fills `keeping`, also with the rows of others: rows_release(). */
static int keep(struct keyring *ring, const struct key_set *set, struct keeping *keeping,
                struct err *err) {
    char context[CONTEXT_CHARS_MAX];
    SECRET_AUTO text = text_of(ring, &set->face);
    *keeping = (struct keeping){.ring = ring, .now_us = clock_wall_us()};
    if (text == NULL) {
        note_trouble(ring, "What its callbacks are verified with is too long to be kept: after a "
                           "restart, callbacks signed with the one before are refused.");
        return 0;
    }
    if (secret_count(text) == 0) {
        return 0;
    }
    context_of(ring->gateway, context);
    seal_digest(ring->seal, secret_bytes(text), secret_count(text), keeping->digest);
    char *sealed = seal_text(ring->seal, context, text);
    INVARIANT(sealed != NULL, "out of memory");
    keeping->sealed = sealed;
    int r = store_write(ring->store, keep_tx, keeping, err);
    keeping->sealed = NULL;
    free(sealed);
    if (r >= 0) {
        note_trouble(ring, "");
    }
    return r;
}

int memory_keep(struct keyring *ring, const struct key_set *set, struct err *err) {
    struct keeping *keeping = malloc(sizeof *keeping);
    INVARIANT(keeping != NULL, "out of memory");
    int r = ring->store != NULL ? keep(ring, set, keeping, err) : 0;
    if (ring->store != NULL) {
        rows_release(keeping);
    }
    free(keeping);
    return r < 0 ? err_while(err, "keeping what callbacks are verified with; nothing was changed")
                 : 0;
}

struct retiring {
    const char *gateway;
    char digest[65];
};

static int retire_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct retiring *retiring = ctx;
    return sql_put(
        tx, err, "DELETE FROM credential_set WHERE gateway = $1 AND digest <> $2 AND until_us > 0",
        S_TEXT(retiring->gateway), S_TEXT(retiring->digest));
}

int memory_retire(struct keyring *ring, const struct key_set *in_force, struct err *err) {
    struct retiring retiring = {.gateway = ring->gateway->name};
    if (ring->store == NULL) {
        return 0;
    }
    SECRET_AUTO text = text_of(ring, &in_force->face);
    if (text != NULL) {
        seal_digest(ring->seal, secret_bytes(text), secret_count(text), retiring.digest);
    }
    return store_write(ring->store, retire_tx, &retiring, err);
}

/* One that is left behind is never accepted again, and goes with the next. */
void memory_prune(struct keyring *ring) {
    struct err err = {0};
    if (ring->store != NULL) {
        (void)!store_write(ring->store, prune_tx, ring, &err);
    }
}

/* ---- recalling ---- */

static bool put_option(struct gateway *face, const char *name, const char *value) {
    struct gateway_option *option = NULL;
    for (int i = 0; i < face->option_count; i++) {
        option = strcmp(face->options[i].name, name) == 0 ? &face->options[i] : option;
    }
    if (option == NULL && face->option_count < GATEWAY_OPTIONS_MAX) {
        option = &face->options[face->option_count++];
    }
    if (option == NULL || strlen(value) >= sizeof option->value) {
        return false;
    }
    snprintf(option->name, sizeof option->name, "%s", name);
    snprintf(option->value, sizeof option->value, "%s", value);
    return true;
}

static bool put_credential(struct gateway *face, const char *name, const struct secret *value) {
    struct gateway_credential *credential = NULL;
    for (int i = 0; i < face->credential_count; i++) {
        if (strcmp(face->credentials[i].name, name) == 0) {
            credential = &face->credentials[i];
        }
    }
    if (credential == NULL && face->credential_count < GATEWAY_CREDENTIALS_MAX) {
        credential = &face->credentials[face->credential_count++];
        *credential = (struct gateway_credential){0};
        snprintf(credential->name, sizeof credential->name, "%s", name);
    }
    if (credential == NULL) {
        return false;
    }
    secret_free(credential->value);
    credential->value = secret_copy(value);
    return true;
}

/* An old value takes the place of the one in force, or stands beside it under another name. */
static bool put_old(struct gateway *face, const char *name, const struct secret *value) {
    const char *as;
    if (key_is_option(face->adapter, name)) {
        return put_option(face, name, secret_bytes(value));
    }
    (void)verifies(face, name, &as);
    return put_credential(face, as != NULL && gateway_credential(face, as) == NULL ? as : name,
                          value);
}

static bool put_line(struct gateway *face, char *line) {
    char *blank = strchr(line, ' ');
    size_t count = 0;
    if (blank == NULL || blank - line > KEYRING_NAME_CHARS_MAX) {
        return false;
    }
    *blank = '\0';
    unsigned char *bytes = crypto_unbase64(blank + 1, &count);
    if (bytes == NULL) {
        return false;
    }
    SECRET_AUTO value = secret_new(bytes, count);
    explicit_bzero(bytes, count);
    free(bytes);
    return value != NULL && put_old(face, line, value);
}

static bool put_lines(struct gateway *face, const struct secret *text) {
    size_t count = secret_count(text);
    char *copy = malloc(count + 1), *rest = copy;
    INVARIANT(copy != NULL, "out of memory");
    memcpy(copy, secret_bytes(text), count + 1);
    bool good = true;
    for (char *end; good && (end = strchr(rest, '\n')) != NULL; rest = end + 1) {
        *end = '\0';
        good = put_line(face, rest);
    }
    explicit_bzero(copy, count);
    free(copy);
    return good;
}

/* The set in force, with what callbacks were verified with at that time. */
static int set_of(struct keyring *ring, const struct row *row, struct key_set **ret_set,
                  struct err *err) {
    const struct gateway *now = &ring->newest->face;
    char context[CONTEXT_CHARS_MAX];
    SECRET_AUTO text = NULL;
    context_of(ring->gateway, context);
    int r = seal_read(ring->seal, context, row->sealed, &text, err);
    if (r < 0) {
        return r;
    }
    struct key_set *set = key_set_new(ring->gateway);
    memcpy(set->face.options, now->options, sizeof set->face.options);
    set->face.option_count = now->option_count;
    for (int i = 0; i < now->credential_count; i++) {
        set->face.credentials[i] = now->credentials[i];
        set->face.credentials[i].value = secret_copy(now->credentials[i].value);
    }
    set->face.credential_count = now->credential_count;
    set->recalled = true;
    set->until_us = row->until_us;
    r = put_lines(&set->face, text) ? set->face.adapter->open(&set->face, err)
                                    : err_set(err, ERR_CONFIG, "a kept set does not fit any more");
    if (r < 0) {
        for (int i = 0; i < set->face.credential_count; i++) {
            secret_free(set->face.credentials[i].value);
        }
        free(set);
        return r;
    }
    *ret_set = set;
    return 0;
}

int keyring_remember(struct gateway *gateway, struct store *store, const struct seal *seal,
                     struct err *err) {
    struct keyring *ring = gateway->keyring;
    struct keeping *keeping = calloc(1, sizeof *keeping);
    INVARIANT(keeping != NULL, "out of memory");
    ring->store = store;
    ring->seal = seal;
    int r = keep(ring, ring->newest, keeping, err);
    struct key_set **at = &ring->newest->older;
    for (int i = 0; r >= 0 && i < keeping->count; i++) {
        struct err why = {0};
        if (set_of(ring, &keeping->rows[i], at, &why) < 0) {
            char words[KEYRING_TROUBLE_CHARS_MAX];
            snprintf(words, sizeof words,
                     "An old set was kept and cannot be opened (%.90s): callbacks signed with it "
                     "are refused.",
                     why.detail);
            note_trouble(ring, words);
        } else {
            at = &(*at)->older;
        }
    }
    rows_release(keeping);
    free(keeping);
    if (r >= 0) {
        memory_prune(ring);
    }
    return r < 0 ? err_while(err, "reading which callbacks of %s are still accepted", gateway->name)
                 : 0;
}
