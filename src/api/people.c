/* SPDX-License-Identifier: Apache-2.0
 * people.c: API keys, people and their sessions, as rows. Keys and session cookies are 256 random
 * bits and are stored as SHA-256; passwords as argon2id. Every change is on the audit log. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth_impl.h"
#include "api/member.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/random.h"
#include "store/audit.h"

enum {
    PEOPLE_JSON_BYTES_MAX = 1024 * 1024,
    LISTED_MAX = 1000,
    SECRET_BYTES = 32,
    NAME_CHARS_MAX = 80
};
#define SESSION_US (12 * 3600 * US_PER_SECOND)
#define LOCKED_US (5 * 60 * US_PER_SECOND)

static int take(struct answer *answer, int status, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the list is larger than its cap");
    }
    free(answer->json);
    answer->status = status;
    answer->json = buf_take(buf);
    return 0;
}

/* ---- API keys ---- */

#define KEY_COLUMNS                                                                                \
    "id, name, role, scopes, created_by, created_us, expires_us, revoked_us, user_id"

static void render_key(struct buf *buf, const struct sql_rows *rows, const char *key) {
    buf_addf(buf, "{\"id\":\"%s\",\"name\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf, ",\"role\":\"%s\",\"scopes\":", role_name(sql_int(rows, 2)));
    buf_add_json(buf, sql_text(rows, 3));
    buf_add_text(buf, ",\"user_id\":");
    if (sql_text(rows, 8)[0] != '\0') {
        buf_add_json(buf, sql_text(rows, 8));
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_text(buf, ",\"created_by\":");
    buf_add_json(buf, sql_text(rows, 4));
    member_time(buf, "created_at", sql_int(rows, 5));
    member_time(buf, "expires_at", sql_int(rows, 6));
    member_time(buf, "revoked_at", sql_int(rows, 7));
    if (key != NULL) {
        buf_addf(buf, ",\"key\":\"%s\"", key);
    }
    buf_add_char(buf, '}');
}

struct key_change {
    const struct caller *caller;
    const char *id;
    const struct key_order *order;
    struct key_id fresh;
};

static int answer_key(struct store_tx *tx, const char *id, int status, const char *key,
                      struct answer *answer, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " KEY_COLUMNS " FROM api_key WHERE id = $1",
                      S_TEXT(id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no API key %s", id);
    }
    BUF_AUTO buf;
    BUF_AUTO kept;
    buf_init(&buf, PEOPLE_JSON_BYTES_MAX);
    buf_init(&kept, PEOPLE_JSON_BYTES_MAX);
    render_key(&buf, rows, key);
    render_key(&kept, rows, NULL);
    r = take(answer, status, &buf, err);
    free(answer->kept_json);
    answer->kept_json = buf_take(&kept); /* a key is told once and never stored readable */
    return r;
}

/* A key does not more than who it is for, and who cannot log in gets none. */
static int check_owner(struct store_tx *tx, const struct key_order *order, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (order->user_id[0] == '\0') {
        return 0;
    }
    int r = sql_query(tx, err, &rows, "SELECT role, enabled, name FROM app_user WHERE id = $1",
                      S_TEXT(order->user_id));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0 || sql_int(rows, 1) == 0) {
        err_set(err, ERR_VALIDATION, r == 0 ? "there is no such user" : "this user is disabled");
        return err_place(err, "/user_id");
    }
    if (sql_int(rows, 0) < (int64_t)order->role) {
        err_set(err, ERR_VALIDATION, "%.80s may only do what the role %s may", sql_text(rows, 2),
                role_name(sql_int(rows, 0)));
        return err_place(err, "/role");
    }
    return 0;
}

static int key_create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                         struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct key_change *change = ctx;
    unsigned char bytes[SECRET_BYTES];
    char key[AUTH_KEY_CHARS_MAX + 1], hash[SHA256_HEX_CHARS + 1];
    random_bytes(bytes, sizeof bytes);
    memcpy(key, "hk_", 3);
    crypto_hex(bytes, sizeof bytes, key + 3);
    crypto_sha256_hex(key, strlen(key), hash);
    const struct key_order *order = change->order;
    int r = check_owner(tx, order, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO api_key (id, name, hash, role, scopes, created_by, "
                        "created_us, expires_us, revoked_us, last_used_us, user_id) VALUES ($1, "
                        "$2, $3, $4, $5, $6, $7, $8, 0, 0, $9)",
                        S_TEXT(change->fresh.text), S_TEXT(order->name), S_TEXT(hash),
                        S_INT(order->role), S_TEXT(order->scopes), S_TEXT(change->caller->actor),
                        S_INT(clock_wall_us()), S_INT(order->expires_us), S_TEXT(order->user_id));
    char detail[ID_TEXT_MAX + 16] = "{}";
    if (order->user_id[0] != '\0') {
        snprintf(detail, sizeof detail, "{\"for\":\"%s\"}", order->user_id);
    }
    r = r < 0 ? r
              : audit_append(tx, change->caller->actor, "key.create", change->fresh.text,
                             order->name, detail, err);
    return r < 0 ? r : answer_key(tx, change->fresh.text, 201, key, ret_answer, err);
}

int key_create(struct payments *payments, const struct caller *caller,
               const struct key_order *order, struct answer *ret_answer, struct err *err) {
    struct key_change change = {.caller = caller, .order = order, .fresh = key_id_new()};
    return idempotent_run(payments, caller, "key.create", key_create_fn, &change, ret_answer, err);
}

static int key_revoke_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                         struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct key_change *change = ctx;
    int64_t changed = sql_exec(
        tx, err, "UPDATE api_key SET revoked_us = $2 WHERE id = $1 AND revoked_us = 0",
        S_TEXT(change->id), S_INT(clock_wall_us()));
    if (changed < 0) {
        return (int)changed;
    }
    int r = changed > 0 && !PLANTED(AUDIT_SKIPPED)
                ? audit_append(tx, change->caller->actor, "key.revoke", change->id, "", "{}", err)
                : 0;
    return r < 0 ? r : answer_key(tx, change->id, 200, NULL, ret_answer, err);
}

/* What was refused or allowed until now may have changed: every key is looked up anew. */
static void forget_keys(struct auth *auth) {
    lock_take(&auth->lock);
    memset(auth->keys, 0, sizeof auth->keys);
    lock_give(&auth->lock);
}

int key_revoke(struct payments *payments, struct auth *auth, const struct caller *caller,
               const char *key_id, struct answer *ret_answer, struct err *err) {
    struct key_change change = {.caller = caller, .id = key_id};
    int r = idempotent_run(payments, caller, "key.revoke", key_revoke_fn, &change, ret_answer, err);
    forget_keys(auth);
    return r;
}

static int list_rows(struct sql_rows *rows, void (*render)(struct buf *, const struct sql_rows *),
                     struct answer *answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, PEOPLE_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    const char *comma = "";
    int r;
    while ((r = sql_next(rows, err)) > 0) {
        buf_add_text(&buf, comma);
        comma = ",";
        render(&buf, rows);
    }
    buf_add_text(&buf, "]}");
    return r < 0 ? r : take(answer, 200, &buf, err);
}

static void render_listed_key(struct buf *buf, const struct sql_rows *rows) {
    render_key(buf, rows, NULL);
}

static int key_list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " KEY_COLUMNS " FROM api_key ORDER BY created_us, id LIMIT $1",
                      S_INT(LISTED_MAX));
    return r < 0 ? r : list_rows(rows, render_listed_key, ctx, err);
}

int key_list(struct auth *auth, struct answer *ret_answer, struct err *err) {
    return store_read(auth->store, key_list_tx, ret_answer, err);
}

/* ---- people ---- */

#define USER_COLUMNS "id, name, role, enabled, created_us, locked_until_us"

static void render_user(struct buf *buf, const struct sql_rows *rows) {
    buf_addf(buf, "{\"id\":\"%s\",\"name\":", sql_text(rows, 0));
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf, ",\"role\":\"%s\",\"enabled\":%s", role_name(sql_int(rows, 2)),
             sql_int(rows, 3) == 1 ? "true" : "false");
    member_time(buf, "created_at", sql_int(rows, 4));
    member_time(buf, "locked_until", sql_int(rows, 5) > clock_wall_us() ? sql_int(rows, 5) : 0);
    buf_add_char(buf, '}');
}

struct user_change {
    const struct caller *caller;
    const char *id, *name, *hash;
    enum role role;
    struct user_id fresh;
};

static int answer_user(struct store_tx *tx, const char *id, int status, struct answer *answer,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " USER_COLUMNS " FROM app_user WHERE id = $1",
                      S_TEXT(id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "there is no user %s", id);
    }
    BUF_AUTO buf;
    buf_init(&buf, PEOPLE_JSON_BYTES_MAX);
    render_user(&buf, rows);
    return take(answer, status, &buf, err);
}

static int user_create_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                          struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct user_change *change = ctx;
    int64_t inserted = sql_exec(
        tx, err,
        "INSERT INTO app_user (id, name, password_hash, role, enabled, failed_logins, "
        "locked_until_us, created_us) VALUES ($1, $2, $3, $4, 1, 0, 0, $5) "
        "ON CONFLICT (name) DO NOTHING",
        S_TEXT(change->fresh.text), S_TEXT(change->name), S_TEXT(change->hash), S_INT(change->role),
        S_INT(clock_wall_us()));
    if (inserted < 0) {
        return (int)inserted;
    }
    if (inserted == 0) {
        err_set(err, ERR_EXISTS, "there is a user \"%s\" already", change->name);
        return err_place(err, "/name");
    }
    int r = audit_append(tx, change->caller->actor, "user.create", change->fresh.text, change->name,
                         "{}", err);
    return r < 0 ? r : answer_user(tx, change->fresh.text, 201, ret_answer, err);
}

/* Length first: hashing takes its memory and time whatever comes. */
static int hash_password(const char *password, char ret_hash[PASSWORD_HASH_CHARS_MAX],
                         struct err *err) {
    glong length = g_utf8_strlen(password, -1);
    if (length < AUTH_PASSWORD_CHARS_MIN || length > AUTH_PASSWORD_CHARS_MAX) {
        err_set(err, ERR_VALIDATION, "a password has %d to %d characters", AUTH_PASSWORD_CHARS_MIN,
                AUTH_PASSWORD_CHARS_MAX);
        return err_place(err, "/password");
    }
    return password_hash(password, ret_hash, err);
}

int user_create(struct payments *payments, const struct caller *caller, const char *name,
                const char *password, enum role role, struct answer *ret_answer, struct err *err) {
    char hash[PASSWORD_HASH_CHARS_MAX];
    int r = hash_password(password, hash, err);
    if (r < 0) {
        return r;
    }
    struct user_change change = {
        .caller = caller, .name = name, .hash = hash, .role = role, .fresh = user_id_new()};
    return idempotent_run(payments, caller, "user.create", user_create_fn, &change, ret_answer,
                          err);
}

/* What was put before has changed the user of that id, if there is one. */
static int user_changed(struct store_tx *tx, const struct user_change *change, const char *action,
                        struct answer *ret_answer, struct err *err) {
    int r = answer_user(tx, change->id, 200, ret_answer, err);
    return r < 0 ? r : audit_append(tx, change->caller->actor, action, change->id, "", "{}", err);
}

static int sessions_end(struct store_tx *tx, const char *user_id, struct err *err) {
    return sql_put(tx, err, "DELETE FROM session WHERE user_id = $1", S_TEXT(user_id));
}

static int user_disable_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                           struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct user_change *change = ctx;
    int r = sql_put(tx, err, "UPDATE app_user SET enabled = 0 WHERE id = $1", S_TEXT(change->id));
    r = r < 0 ? r : sessions_end(tx, change->id, err);
    return r < 0 ? r : user_changed(tx, change, "user.disable", ret_answer, err);
}

static int user_enable_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                          struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct user_change *change = ctx;
    int r = sql_put(tx, err,
                    "UPDATE app_user SET enabled = 1, failed_logins = 0, locked_until_us = 0 "
                    "WHERE id = $1",
                    S_TEXT(change->id));
    return r < 0 ? r : user_changed(tx, change, "user.enable", ret_answer, err);
}

int user_disable(struct payments *payments, struct auth *auth, const struct caller *caller,
                 const char *user_id, struct answer *ret_answer, struct err *err) {
    struct user_change change = {.caller = caller, .id = user_id};
    int r = idempotent_run(payments, caller, "user.disable", user_disable_fn, &change, ret_answer,
                           err);
    forget_keys(auth);
    return r;
}

int user_enable(struct payments *payments, struct auth *auth, const struct caller *caller,
                const char *user_id, struct answer *ret_answer, struct err *err) {
    struct user_change change = {.caller = caller, .id = user_id};
    int r = idempotent_run(payments, caller, "user.enable", user_enable_fn, &change, ret_answer,
                           err);
    forget_keys(auth);
    return r;
}

static int user_password_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                            struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct user_change *change = ctx;
    int r = sql_put(tx, err,
                    "UPDATE app_user SET password_hash = $2, failed_logins = 0, "
                    "locked_until_us = 0 WHERE id = $1",
                    S_TEXT(change->id), S_TEXT(change->hash));
    r = r < 0 ? r : sessions_end(tx, change->id, err);
    return r < 0 ? r : user_changed(tx, change, "user.password", ret_answer, err);
}

int user_set_password(struct payments *payments, const struct caller *caller, const char *user_id,
                      const char *password, struct answer *ret_answer, struct err *err) {
    char hash[PASSWORD_HASH_CHARS_MAX];
    int r = hash_password(password, hash, err);
    if (r < 0) {
        return r;
    }
    struct user_change change = {.caller = caller, .id = user_id, .hash = hash};
    return idempotent_run(payments, caller, "user.password", user_password_fn, &change, ret_answer,
                          err);
}

static int user_list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " USER_COLUMNS " FROM app_user ORDER BY name LIMIT $1",
                      S_INT(LISTED_MAX));
    return r < 0 ? r : list_rows(rows, render_user, ctx, err);
}

int user_list(struct auth *auth, struct answer *ret_answer, struct err *err) {
    return store_read(auth->store, user_list_tx, ret_answer, err);
}

/* ---- sessions ---- */

struct log_in {
    const char *name;
    bool found;
    char user_id[ID_TEXT_MAX], hash[PASSWORD_HASH_CHARS_MAX];
    enum role role;
    int64_t failed, locked_until_us;
    bool right;
    const char *session_hash, *csrf;
};

static int log_in_look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct log_in *log_in = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, password_hash, role, failed_logins, locked_until_us FROM app_user WHERE "
        "name = $1 AND enabled = 1",
        S_TEXT(log_in->name));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    log_in->found = r > 0;
    if (r <= 0) {
        return r;
    }
    snprintf(log_in->user_id, sizeof log_in->user_id, "%s", sql_text(rows, 0));
    snprintf(log_in->hash, sizeof log_in->hash, "%s", sql_text(rows, 1));
    log_in->role = (enum role)sql_int(rows, 2);
    log_in->failed = sql_int(rows, 3);
    log_in->locked_until_us = sql_int(rows, 4);
    return 0;
}

static int log_in_done_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct log_in *log_in = ctx;
    int64_t now = clock_wall_us();
    char actor[ID_TEXT_MAX + 8];
    snprintf(actor, sizeof actor, "user:%s", log_in->user_id);
    if (!log_in->right) {
        int r = sql_put(
            tx, err,
            "UPDATE app_user SET failed_logins = failed_logins + 1, locked_until_us = CASE WHEN "
            "failed_logins + 1 >= $2 THEN $3 ELSE locked_until_us END WHERE id = $1",
            S_TEXT(log_in->user_id), S_INT(AUTH_FAILURES_MAX), S_INT(now + LOCKED_US));
        return r < 0 ? r
                     : audit_append(tx, actor, "session.refused", log_in->user_id, "wrong password",
                                    "{}", err);
    }
    int r = sql_put(tx, err,
                    "UPDATE app_user SET failed_logins = 0, locked_until_us = 0 WHERE id = $1",
                    S_TEXT(log_in->user_id));
    r = r < 0 ? r : sql_put(tx, err, "DELETE FROM session WHERE expires_us < $1", S_INT(now));
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO session (hash, user_id, csrf, created_us, seen_us, "
                        "expires_us) VALUES "
                        "($1, $2, $3, $4, $4, $5)",
                        S_TEXT(log_in->session_hash), S_TEXT(log_in->user_id), S_TEXT(log_in->csrf),
                        S_INT(now), S_INT(now + SESSION_US));
    return r < 0 ? r : audit_append(tx, actor, "session.open", log_in->user_id, "", "{}", err);
}

static int refused(const struct http_request *request, struct err *err) {
    log_event(AUTH_REFUSED, LT("peer", request->peer), LT("request", request->id),
              LT("path", path_for_log(request->path)));
    return err_set(err, ERR_UNAUTHENTICATED,
                   "the name or the password is wrong, or the account waits after "
                   "too many wrong passwords");
}

const char auth_nobody_hash[PASSWORD_HASH_CHARS_MAX] =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
    "Qp1oJ8aTq0lVJ5o9b9l0o2n2r8q1l6e4mN7b5v3c1xY";

static bool hashing_enter(struct auth *auth) {
    lock_take(&auth->lock);
    bool room = auth->hashing < AUTH_HASHING_MAX;
    auth->hashing += room;
    lock_give(&auth->lock);
    return room;
}

static void hashing_leave(struct auth *auth) {
    lock_take(&auth->lock);
    auth->hashing--;
    lock_give(&auth->lock);
}

/* An unknown name and a waiting account cost the same time as a wrong password. Strangers may ask
 * for this, and each check takes 64 MiB and a core for a while, so only a few run at once. */
static int check_password(struct auth *auth, struct log_in *log_in, const char *password,
                          struct err *err) {
    if (!hashing_enter(auth)) {
        return err_set(err, ERR_OVERLOADED, "too many people are logging in at this moment");
    }
    bool waits = log_in->found && log_in->locked_until_us > clock_wall_us();
    bool right = password_verify(log_in->found ? log_in->hash : auth_nobody_hash, password);
    hashing_leave(auth);
    log_in->right = right && log_in->found && !waits;
    log_in->found = log_in->found && !waits;
    return 0;
}

int session_log_in(struct auth *auth, const struct http_request *request, const char *name,
                   const char *password, struct http_reply *reply, struct answer *ret_answer,
                   struct err *err) {
    struct log_in log_in = {.name = name};
    int r = auth_may_fail(auth, request->peer, err);
    r = r < 0 ? r : store_read(auth->store, log_in_look_tx, &log_in, err);
    if (r < 0) {
        return r;
    }
    r = check_password(auth, &log_in, password, err);
    if (r < 0) {
        return r;
    }
    if (!log_in.found) {
        return refused(request, err);
    }
    unsigned char bytes[SECRET_BYTES];
    char cookie[AUTH_SESSION_HEX_CHARS + 1], csrf[AUTH_SESSION_HEX_CHARS + 1],
        hash[SHA256_HEX_CHARS + 1];
    random_bytes(bytes, sizeof bytes);
    crypto_hex(bytes, sizeof bytes, cookie);
    random_bytes(bytes, sizeof bytes);
    crypto_hex(bytes, sizeof bytes, csrf);
    crypto_sha256_hex(cookie, strlen(cookie), hash);
    log_in.session_hash = hash;
    log_in.csrf = csrf;
    r = store_write(auth->store, log_in_done_tx, &log_in, err);
    if (r < 0) {
        return r;
    }
    if (!log_in.right) {
        return refused(request, err);
    }
    BUF_AUTO header;
    BUF_AUTO buf;
    buf_init(&header, 512);
    buf_init(&buf, 1024);
    buf_addf(&header, "holdfast_session=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld%s",
             cookie, (long long)(SESSION_US / US_PER_SECOND), request->tls ? "; Secure" : "");
    http_reply_header(reply, "Set-Cookie", header.data);
    buf_addf(&buf, "{\"user_id\":\"%s\",\"role\":\"%s\",\"csrf_token\":\"%s\"}", log_in.user_id,
             role_name(log_in.role), csrf);
    return take(ret_answer, 201, &buf, err);
}

struct show {
    const char *hash;
    const struct identity *identity;
    struct answer *answer;
};

static int show_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct show *show = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT u.id, u.name, u.role, s.csrf, s.expires_us FROM session s JOIN app_user u ON "
        "u.id = s.user_id WHERE s.hash = $1",
        S_TEXT(show->hash));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, ERR_UNAUTHENTICATED, "this session has ended");
    }
    BUF_AUTO buf;
    buf_init(&buf, PEOPLE_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"user_id\":\"%s\",\"name\":", sql_text(rows, 0));
    buf_add_json(&buf, sql_text(rows, 1));
    buf_addf(&buf, ",\"role\":\"%s\",\"csrf_token\":\"%s\"", role_name(sql_int(rows, 2)),
             sql_text(rows, 3));
    member_time(&buf, "expires_at", sql_int(rows, 4));
    buf_add_char(&buf, '}');
    return take(show->answer, 200, &buf, err);
}

int session_show(struct auth *auth, const struct identity *identity,
                 const struct http_request *request, struct answer *ret_answer, struct err *err) {
    char hash[SHA256_HEX_CHARS + 1];
    if (!identity->session || !auth_session_hash(request, hash)) {
        return err_set(err, ERR_NOT_FOUND, "this request bears an API key and no session");
    }
    struct show show = {hash, identity, ret_answer};
    return store_read(auth->store, show_tx, &show, err);
}

static int log_out_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const char *hash = ctx;
    return sql_put(tx, err, "DELETE FROM session WHERE hash = $1", S_TEXT(hash));
}

int session_log_out(struct auth *auth, const struct http_request *request, struct http_reply *reply,
                    struct answer *ret_answer, struct err *err) {
    char hash[SHA256_HEX_CHARS + 1];
    if (!auth_session_hash(request, hash)) {
        return err_set(err, ERR_NOT_FOUND, "this request bears no session");
    }
    int r = store_write(auth->store, log_out_tx, hash, err);
    if (r < 0) {
        return r;
    }
    http_reply_header(reply, "Set-Cookie",
                      "holdfast_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    BUF_AUTO buf;
    buf_init(&buf, 64);
    buf_add_text(&buf, "{\"ended\":true}");
    return take(ret_answer, 200, &buf, err);
}
