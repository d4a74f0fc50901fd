/* SPDX-License-Identifier: Apache-2.0
 * master_key.c: rows of `setting` say which master key is in use and how far a change of it is:
 *
 *   master_key_check     a known word, sealed with the one in use
 *   master_key_digest    the key of digests, sealed with the one in use; from the first change on
 *   master_key_rotation  "resealing|done BEGAN_US FROM TO" by the names of the keys
 *   master_key_ready:ID  the other key's name, by a running instance that has it */
#include "api/master_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "store/audit.h"

enum { PATH_CHARS_MAX = 4096, RESEAL_ROWS = 50, KEY_CHARS_MAX = 200, CONTEXT_CHARS_MAX = 240 };
#define INSTANCE_SEEN_US (10 * US_PER_SECOND)
static const char check_row[] = "master_key_check";
static const char digest_row[] = "master_key_digest";
static const char rotation_row[] = "master_key_rotation";
static const char ready_prefix[] = "master_key_ready:";

/* ---- rows ---- */

/* 1: there is one. */
static int read_setting(struct store_tx *tx, const char *key, char **ret_value, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT value FROM setting WHERE key = $1", S_TEXT(key));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_value = strdup(sql_text(rows, 0));
        INVARIANT(*ret_value != NULL, "no memory for a setting");
    }
    return r;
}

static int write_setting(struct store_tx *tx, const char *key, const char *value, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE "
                   "SET value = excluded.value",
                   S_TEXT(key), S_TEXT(value));
}

static int seal_setting(const struct service *service, int index, struct store_tx *tx,
                        const char *key, const struct secret *secret, struct err *err) {
    char *sealed = seal_text_with(service->seal, index, key, secret);
    if (sealed == NULL) {
        return err_set(err, ERR_CRYPTO, "the master key cannot seal");
    }
    int r = write_setting(tx, key, sealed, err);
    free(sealed);
    return r;
}

struct rotation {
    bool resealing;
    int64_t began_us;
    char from[SEAL_NAME_CHARS + 1], to[SEAL_NAME_CHARS + 1];
};

static int read_rotation(struct store_tx *tx, struct rotation *ret_rotation, struct err *err) {
    char *value = NULL, word[16] = "";
    *ret_rotation = (struct rotation){0};
    int r = read_setting(tx, rotation_row, &value, err);
    if (r <= 0) {
        return r;
    }
    int count = sscanf(value, "%15s %" SCNd64 " %8s %8s", word, &ret_rotation->began_us,
                       ret_rotation->from, ret_rotation->to);
    free(value);
    ret_rotation->resealing = strcmp(word, "done") != 0;
    return count == 4 ? 0
                      : err_set(err, ERR_STORE_CORRUPT, "the master key's change is unreadable");
}

static int write_rotation(struct store_tx *tx, const struct rotation *rotation, struct err *err) {
    char value[80];
    snprintf(value, sizeof value, "%s %" PRId64 " %s %s",
             rotation->resealing ? "resealing" : "done", rotation->began_us, rotation->from,
             rotation->to);
    return write_setting(tx, rotation_row, value, err);
}

/* ---- opening ---- */

/* Where the master key is: said, or for SQLite beside the database. */
static int find_seal(struct service *service, struct err *err) {
    static const char sqlite[] = "sqlite:";
    const char *reference = service->config->master_key;
    const char *url = service->config->store.url;
    if (reference != NULL) {
        return seal_open(reference, &service->seal, err);
    }
    if (strncmp(url, sqlite, sizeof sqlite - 1) != 0) {
        err_set(err, ERR_CONFIG,
                "master_key is needed with PostgreSQL: every instance must have the same one");
        return err_hint(
            err, "Make one with: openssl rand -hex 32 > master.key; then master_key: file:/path");
    }
    char path[PATH_CHARS_MAX];
    snprintf(path, sizeof path, "%s.key", url + sizeof sqlite - 1);
    return seal_open_or_make(path, &service->seal, err);
}

/* The first service on a database seals a word in it; whoever comes later with another key is told
 * so at once, and not by webhooks that cannot be signed. */
static int begin_check(struct service *service, struct store_tx *tx, struct err *err) {
    SECRET_AUTO word = secret_new(check_row, sizeof check_row - 1);
    char *sealed = seal_text(service->seal, check_row, word);
    if (sealed == NULL) {
        return err_set(err, ERR_CRYPTO, "the master key cannot seal");
    }
    int r = sql_put(tx, err,
                    "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
                    S_TEXT(check_row), S_TEXT(sealed));
    free(sealed);
    return r;
}

static int which_in_use(const struct service *service, struct store_tx *tx, int *ret_index,
                        struct err *err) {
    char *sealed = NULL;
    SECRET_AUTO word = NULL;
    int r = read_setting(tx, check_row, &sealed, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_STORE_CORRUPT, "the master key's check is gone");
    }
    r = seal_read_which(service->seal, check_row, sealed, &word, ret_index, err);
    free(sealed);
    if (r < 0) {
        err_set(err, ERR_CONFIG, "this is not the master key that this database is sealed with");
        err_place(err, "master_key");
        return err_hint(err, "Its secrets cannot be read with another key: find that one. While it "
                             "is changed, every instance needs both (docs/keys.md).");
    }
    return 0;
}

/* With one key alone all must be sealed with it. */
static int check_alone(const struct service *service, struct store_tx *tx, struct err *err) {
    struct rotation rotation;
    int r = read_rotation(tx, &rotation, err);
    if (r < 0 || seal_count(service->seal) > 1 || !rotation.resealing || rotation.began_us == 0) {
        return r;
    }
    err_set(err, ERR_CONFIG,
            "the change from master key %s to %s is not over: both are needed until then",
            rotation.from, rotation.to);
    err_place(err, "master_key_next");
    return err_hint(err, "Configure both again; `holdfast keys check` says when it is over.");
}

static int read_digest_key(struct service *service, struct store_tx *tx, struct err *err) {
    char *sealed = NULL;
    SECRET_AUTO key = NULL;
    int r = read_setting(tx, digest_row, &sealed, err);
    if (r <= 0) {
        return r;
    }
    r = seal_read(service->seal, digest_row, sealed, &key, err);
    free(sealed);
    return r < 0 ? r : seal_digest_with(service->seal, key, err);
}

static int open_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct service *service = ctx;
    int index = 0;
    int r = begin_check(service, tx, err);
    r = r < 0 ? r : which_in_use(service, tx, &index, err);
    r = r < 0 ? r : check_alone(service, tx, err);
    r = r < 0 ? r : read_digest_key(service, tx, err);
    if (r >= 0) {
        seal_use(service->seal, index);
    }
    return r;
}

int master_key_open(struct service *service, struct err *err) {
    const char *next = service->config->master_key_next;
    int r = find_seal(service, err);
    if (r >= 0 && next != NULL) {
        r = seal_add(service->seal, next, err);
        r = r < 0 ? err_while(err, "reading master_key_next") : r;
    }
    return r < 0 ? r : store_write(service->store, open_tx, service, err);
}

/* ---- what is sealed ---- */

static void context_plain(const char *key, int64_t number, char ret[CONTEXT_CHARS_MAX]) {
    (void)number;
    snprintf(ret, CONTEXT_CHARS_MAX, "%s", key);
}

static void context_bank_row(const char *key, int64_t number, char ret[CONTEXT_CHARS_MAX]) {
    (void)number;
    snprintf(ret, CONTEXT_CHARS_MAX, "bank_row:%s", key);
}

static void context_upload(const char *key, int64_t number, char ret[CONTEXT_CHARS_MAX]) {
    snprintf(ret, CONTEXT_CHARS_MAX, "statement_upload:%s:%" PRId64, key, number);
}

static void context_set(const char *key, int64_t number, char ret[CONTEXT_CHARS_MAX]) {
    (void)number;
    snprintf(ret, CONTEXT_CHARS_MAX, "callback_keys:%.*s", (int)strcspn(key, "/"), key);
}

/* Every column that holds a sealed text, by a text and a number that name its row. `select` begins
 * behind ($1, $2); `update` puts $4 in the place of $3. */
static const struct column {
    const char *select, *update;
    void (*context)(const char *key, int64_t number, char ret[CONTEXT_CHARS_MAX]);
} columns[] = {
    {"SELECT id, 0, sealed_secret FROM webhook_endpoint WHERE id > $1 AND $2 >= 0 AND "
     "sealed_secret <> '' ORDER BY id LIMIT 50",
     "UPDATE webhook_endpoint SET sealed_secret = $4 WHERE id = $1 AND $2 >= 0 AND sealed_secret = "
     "$3",
     context_plain},
    {"SELECT id, 0, sealed_secret_old FROM webhook_endpoint WHERE id > $1 AND $2 >= 0 AND "
     "sealed_secret_old <> '' ORDER BY id LIMIT 50",
     "UPDATE webhook_endpoint SET sealed_secret_old = $4 WHERE id = $1 AND $2 >= 0 AND "
     "sealed_secret_old = $3",
     context_plain},
    {"SELECT id, 0, party_sealed FROM bank_row WHERE id > $1 AND $2 >= 0 AND party_sealed <> '' "
     "ORDER BY id LIMIT 50",
     "UPDATE bank_row SET party_sealed = $4 WHERE id = $1 AND $2 >= 0 AND party_sealed = $3",
     context_bank_row},
    {"SELECT upload_id, number, content FROM statement_upload_part WHERE (upload_id > $1 OR "
     "(upload_id = $1 AND number > $2)) AND content <> '' ORDER BY upload_id, number LIMIT 50",
     "UPDATE statement_upload_part SET content = $4 WHERE upload_id = $1 AND number = $2 AND "
     "content = $3",
     context_upload},
    {"SELECT gateway || '/' || digest, 0, sealed FROM credential_set WHERE gateway || '/' || "
     "digest "
     "> $1 AND $2 >= 0 ORDER BY gateway || '/' || digest LIMIT 50",
     "UPDATE credential_set SET sealed = $4 WHERE gateway || '/' || digest = $1 AND $2 >= 0 AND "
     "sealed = $3",
     context_set},
};

/* ---- sealing anew ---- */

struct page {
    struct service *service;
    const struct column *column;
    char key[KEY_CHARS_MAX]; /* of the last row that was looked at */
    int64_t number;
    struct {
        char key[KEY_CHARS_MAX];
        int64_t number;
        char *before, *after;
    } rows[RESEAL_ROWS]; /* those that are to be sealed anew */
    int count, looked, unreadable;
};

static void page_release(struct page *page) {
    for (int i = 0; i < page->count; i++) {
        free(page->rows[i].before);
        free(page->rows[i].after);
    }
    page->count = 0;
}

/* What neither key opens was not readable before either, and stays as it is. */
static void take_row(struct page *page, const char *key, int64_t number, const char *sealed) {
    const struct seal *seal = page->service->seal;
    char context[CONTEXT_CHARS_MAX];
    SECRET_AUTO secret = NULL;
    struct err err = {0};
    int index = 0;
    page->column->context(key, number, context);
    if (seal_read_which(seal, context, sealed, &secret, &index, &err) < 0) {
        page->unreadable++;
        return;
    }
    if (index == seal_in_use(seal)) {
        return;
    }
    snprintf(page->rows[page->count].key, KEY_CHARS_MAX, "%s", key);
    page->rows[page->count].number = number;
    page->rows[page->count].before = strdup(sealed);
    page->rows[page->count].after = seal_text(seal, context, secret);
    INVARIANT(page->rows[page->count].before != NULL && page->rows[page->count].after != NULL,
              "no memory for a secret");
    page->count++;
}

static int read_page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct page *page = ctx;
    SQL_ROWS_AUTO rows = NULL;
    char last[KEY_CHARS_MAX];
    int64_t last_number = page->number;
    page_release(page);
    page->looked = page->unreadable = 0;
    snprintf(last, sizeof last, "%s", page->key);
    int r = sql_query(tx, err, &rows, page->column->select, S_TEXT(page->key), S_INT(page->number));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        snprintf(last, sizeof last, "%s", sql_text(rows, 0));
        last_number = sql_int(rows, 1);
        page->looked++;
        take_row(page, last, last_number, sql_text(rows, 2));
    }
    if (r >= 0) {
        memcpy(page->key, last, sizeof page->key);
        page->number = last_number;
    }
    return r;
}

static int write_page_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct page *page = ctx;
    int r = 0;
    for (int i = 0; r >= 0 && i < page->count; i++) {
        r = sql_put(tx, err, page->column->update, S_TEXT(page->rows[i].key),
                    S_INT(page->rows[i].number), S_TEXT(page->rows[i].before),
                    S_TEXT(page->rows[i].after));
    }
    return r;
}

/* One column from its beginning to its end. */
static int reseal_column(struct service *service, const struct column *column, int *count,
                         struct err *err) {
    struct page *page = calloc(1, sizeof *page);
    INVARIANT(page != NULL, "no memory for a page of secrets");
    page->service = service;
    page->column = column;
    int r = 0;
    do {
        r = store_read(service->store, read_page_tx, page, err);
        if (r >= 0 && page->count > 0) {
            r = store_write(service->store, write_page_tx, page, err);
            *count += page->count;
        }
    } while (r >= 0 && page->looked == RESEAL_ROWS);
    page_release(page);
    free(page);
    return r < 0 ? r : 0;
}

static int reseal_all(struct service *service, int *ret_count, struct err *err) {
    int r = 0;
    *ret_count = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(columns); i++) {
        r = reseal_column(service, &columns[i], ret_count, err);
    }
    return r;
}

/* ---- looking ---- */

struct looking {
    struct service *service;
    struct rotation rotation;
    int index;
};

static int look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct looking *looking = ctx;
    int r = which_in_use(looking->service, tx, &looking->index, err);
    return r < 0 ? r : read_rotation(tx, &looking->rotation, err);
}

static int done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct looking *looking = ctx;
    struct rotation now;
    int r = read_rotation(tx, &now, err);
    if (r < 0 || !now.resealing || now.began_us != looking->rotation.began_us) {
        return r;
    }
    now.resealing = false;
    r = write_rotation(tx, &now, err);
    return r < 0 ? r : sql_put(tx, err, "DELETE FROM setting WHERE key LIKE 'master_key_ready:%'");
}

static int ready_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct service *service = ctx;
    char key[160], name[SEAL_NAME_CHARS + 1];
    snprintf(key, sizeof key, "%s%.100s", ready_prefix, payments_instance(service->payments));
    seal_name(service->seal, 1 - seal_in_use(service->seal), name);
    return write_setting(tx, key, name, err);
}

/* Other instances ask for it before they change the key. */
static int say_ready(struct service *service, struct err *err) {
    if (atomic_load(&service->master_key_said)) {
        return 0;
    }
    int r = store_write(service->store, ready_tx, service, err);
    atomic_store(&service->master_key_said, r >= 0);
    return r;
}

int master_key_look(struct service *service, struct err *err) {
    struct looking looking = {.service = service};
    if (seal_count(service->seal) < 2) {
        return 0;
    }
    int64_t began_us = clock_wall_us();
    int r = store_read(service->store, look_tx, &looking, err);
    if (r < 0) {
        return r;
    }
    seal_use(service->seal, looking.index);
    if (looking.rotation.began_us == 0 || !looking.rotation.resealing) {
        return say_ready(service, err);
    }
    int count = 0;
    r = reseal_all(service, &count, err);
    if (r >= 0 && count == 0 && began_us >= looking.rotation.began_us + MASTER_KEY_SETTLES_US) {
        r = store_write(service->store, done_tx, &looking, err);
        log_event(MASTER_KEY_CHANGED, LT("from", looking.rotation.from),
                  LT("to", looking.rotation.to));
    }
    return r;
}

/* ---- changing it ---- */

/* Who could not read what is sealed from now on must not be running. */
static int all_ready(const struct service *service, struct store_tx *tx, const char *to,
                     struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT i.id FROM instance i WHERE i.seen_us > $1 AND i.id <> $2 AND NOT "
                      "EXISTS (SELECT 1 FROM setting s WHERE s.key = 'master_key_ready:' || i.id "
                      "AND s.value = $3)",
                      S_INT(clock_wall_us() - INSTANCE_SEEN_US),
                      S_TEXT(payments_instance(service->payments)), S_TEXT(to));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    err_set(err, ERR_STATE, "instance %s does not have the other master key (%s)",
            sql_text(rows, 0), to);
    return err_hint(err, "Configure master_key_next on every instance and restart each first.");
}

/* Forwards only: a key that was given up is not taken again. */
static int may_change(const struct service *service, struct store_tx *tx,
                      struct rotation *ret_rotation, struct err *err) {
    struct rotation before;
    int index = 0;
    int r = which_in_use(service, tx, &index, err);
    r = r < 0 ? r : read_rotation(tx, &before, err);
    if (r < 0) {
        return r;
    }
    *ret_rotation = (struct rotation){.resealing = true, .began_us = clock_wall_us()};
    seal_name(service->seal, index, ret_rotation->from);
    seal_name(service->seal, 1 - index, ret_rotation->to);
    if (before.began_us > 0 && before.resealing) {
        err_set(err, ERR_STATE, "the change from %s to %s is not over", before.from, before.to);
        return err_hint(err, "`holdfast keys check` says when it is.");
    }
    if (index == 1 || strcmp(before.from, ret_rotation->to) == 0) {
        err_set(err, ERR_STATE, "master key %s is the new one already", ret_rotation->from);
        return err_hint(err, "`holdfast keys check` says what is left to be done. Another change "
                             "needs another key.");
    }
    return all_ready(service, tx, ret_rotation->to, err);
}

int master_key_change(struct service *service, struct store_tx *tx, const char *actor,
                      const char *reason, struct err *err) {
    struct rotation rotation;
    char detail[80];
    if (seal_count(service->seal) < 2) {
        err_set(err, ERR_STATE, "there is no other master key");
        return err_hint(err, "Make one (openssl rand -hex 32), name it by master_key_next in the "
                             "configuration of every instance, and restart each.");
    }
    int r = may_change(service, tx, &rotation, err);
    if (r < 0) {
        return r;
    }
    SECRET_AUTO word = secret_new(check_row, sizeof check_row - 1);
    SECRET_AUTO digest = seal_digest_key(service->seal);
    snprintf(detail, sizeof detail, "{\"from\":\"%s\",\"to\":\"%s\"}", rotation.from, rotation.to);
    r = seal_setting(service, 1, tx, check_row, word, err);
    r = r < 0 ? r : seal_setting(service, 1, tx, digest_row, digest, err);
    r = r < 0 ? r : write_rotation(tx, &rotation, err);
    return r < 0 ? r
                 : audit_append(tx, actor, "master_key.rotate", "master key", reason, detail, err);
}

/* ---- telling ---- */

static void say_why(struct master_key_view *view, const struct rotation *rotation) {
    if (view->resealing) {
        snprintf(view->why, sizeof view->why,
                 "The change from %s to %s is under way: keep both where they are.", rotation->from,
                 rotation->to);
    } else if (view->other[0] == '\0') {
        view->why[0] = '\0';
    } else if (strcmp(rotation->to, view->name) == 0) {
        snprintf(view->why, sizeof view->why,
                 view->next ? "Nothing is sealed with %s any more: let master_key name %s on every "
                              "instance, take master_key_next out, and destroy the old key."
                            : "Nothing is sealed with %s any more: take master_key_next out on "
                              "every instance, and destroy the old key; %s stays.",
                 view->other, view->name);
    } else {
        snprintf(view->why, sizeof view->why,
                 "The next one, %s, is ready here: `holdfast keys master rotate` puts it in the "
                 "place of %s.",
                 view->other, view->name);
    }
}

int master_key_view(struct service *service, struct master_key_view *ret_view, struct err *err) {
    struct looking looking = {.service = service};
    *ret_view = (struct master_key_view){0};
    int r = store_read(service->store, look_tx, &looking, err);
    if (r < 0) {
        return r;
    }
    seal_name(service->seal, looking.index, ret_view->name);
    if (seal_count(service->seal) > 1) {
        seal_name(service->seal, 1 - looking.index, ret_view->other);
    }
    ret_view->next = looking.index == 1;
    ret_view->resealing = looking.rotation.began_us > 0 && looking.rotation.resealing;
    say_why(ret_view, &looking.rotation);
    return 0;
}
