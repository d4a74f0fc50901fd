/* SPDX-License-Identifier: Apache-2.0
 * auth.c: who asks, what they may do, and how often (auth.h). People and keys are managed in
 * people.c.
 *
 * The cache of API keys holds what the database said less than AUTH_CACHE_US ago, by the key's
 * hash, wrong ones too, so that a flood of wrong keys costs no query each. Buckets of the rate
 * limit are kept for the identities seen most recently; both tables are of fixed size and replace
 * the slot that a newcomer hashes to. */
#include "api/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "api/auth_impl.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/plant.h"
#include "base/secret.h"

static const char key_prefix[] = "hk_";
static const char cookie_name[] = "holdfast_session=";
static const char *const role_names[] = {"none",     "viewer",  "support",
                                         "operator", "finance", "admin"};

const char *role_name(int64_t role) {
    return role >= 0 && role < (int64_t)COUNT_OF(role_names) ? role_names[role] : "?";
}

bool role_parse(const char *name, enum role *ret_role) {
    for (size_t i = ROLE_VIEWER; i < COUNT_OF(role_names); i++) {
        if (strcmp(name, role_names[i]) == 0) {
            *ret_role = (enum role)i;
            return true;
        }
    }
    return false;
}

int auth_open(struct store *store, const struct auth_limits *limits,
              const char *internal_key_reference, struct auth **ret_auth, struct err *err) {
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL) {
        return err_set(err, ERR_INTERNAL, "no memory for access control");
    }
    auth->store = store;
    auth->limits = *limits;
    if (auth->limits.burst == 0) {
        auth->limits.burst = 2 * limits->requests_per_second;
    }
    lock_init(&auth->lock);
    int r = internal_key_reference != NULL
                ? secret_load(internal_key_reference, &auth->internal_key, err)
                : 0;
    if (r < 0) {
        err_while(err, "reading the internal listener's key");
        auth_close(auth);
        return r;
    }
    *ret_auth = auth;
    return 0;
}

void auth_close(struct auth *auth) {
    secret_free(auth->internal_key);
    lock_free(&auth->lock);
    free(auth);
}

/* ---- API keys ---- */

struct key_look {
    const char *hash;
    struct key_entry entry;
};

static int key_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct key_look *look = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, role, scopes, expires_us, revoked_us FROM api_key WHERE hash = $1 AND "
        "NOT EXISTS (SELECT 1 FROM app_user WHERE enabled = 0 AND (app_user.id = api_key.user_id "
        "OR 'user:' || app_user.id = api_key.created_by))",
        S_TEXT(look->hash));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    int64_t expires_us = sql_int(rows, 3);
    bool live = (sql_int(rows, 4) == 0 || PLANTED(KEY_STAYS)) &&
                (expires_us == 0 || expires_us > clock_wall_us());
    if (live) {
        look->entry.role = (enum role)sql_int(rows, 1);
        snprintf(look->entry.id, sizeof look->entry.id, "%s", sql_text(rows, 0));
        snprintf(look->entry.scopes, sizeof look->entry.scopes, "%s", sql_text(rows, 2));
    }
    return 0;
}

static int look_up_key(struct auth *auth, const char *hash, struct key_entry *ret_entry,
                       struct err *err) {
    int64_t now = clock_mono_us();
    size_t slot = (size_t)(XXH64(hash, SHA256_HEX_CHARS, 0) % AUTH_KEY_SLOTS);
    lock_take(&auth->lock);
    struct key_entry known = auth->keys[slot];
    lock_give(&auth->lock);
    if (strcmp(known.hash, hash) == 0 && now - known.read_us < AUTH_CACHE_US) {
        *ret_entry = known;
        return 0;
    }
    struct key_look look = {.hash = hash};
    int r = store_read(auth->store, key_tx, &look, err);
    if (r < 0) {
        return r;
    }
    snprintf(look.entry.hash, sizeof look.entry.hash, "%s", hash);
    look.entry.read_us = now;
    lock_take(&auth->lock);
    auth->keys[slot] = look.entry;
    lock_give(&auth->lock);
    *ret_entry = look.entry;
    return 0;
}

static int bad_key(const struct http_request *request, struct err *err) {
    log_event(AUTH_REFUSED, LT("peer", request->peer), LT("request", request->id),
              LT("path", path_for_log(request->path)));
    err_set(err, ERR_UNAUTHENTICATED, "this API key is not known, has expired or was revoked");
    return err_place(err, "Authorization");
}

static int identify_key(struct auth *auth, const struct http_request *request, const char *bearer,
                        bool internal, struct identity *identity, struct err *err) {
    if (internal && auth->internal_key != NULL &&
        secret_equal(auth->internal_key, bearer, strlen(bearer))) {
        *identity = (struct identity){.actor = "internal", .scope = "internal", .role = ROLE_ADMIN};
        return 0;
    }
    if (strncmp(bearer, key_prefix, sizeof key_prefix - 1) != 0 ||
        strlen(bearer) > AUTH_KEY_CHARS_MAX) {
        return bad_key(request, err);
    }
    char hash[SHA256_HEX_CHARS + 1];
    struct key_entry entry;
    crypto_sha256_hex(bearer, strlen(bearer), hash);
    int r = look_up_key(auth, hash, &entry, err);
    if (r < 0) {
        return r;
    }
    if (entry.role == ROLE_NONE) {
        return bad_key(request, err);
    }
    *identity = (struct identity){.role = entry.role};
    snprintf(identity->actor, sizeof identity->actor, "key:%s", entry.id);
    snprintf(identity->scope, sizeof identity->scope, "%s", entry.id);
    snprintf(identity->scopes, sizeof identity->scopes, "%s", entry.scopes);
    return 0;
}

/* ---- sessions ---- */

bool auth_session_hash(const struct http_request *request, char ret_hash[SHA256_HEX_CHARS + 1]) {
    const char *cookies = http_header_find(request->headers, request->header_count, "Cookie");
    const char *at = cookies != NULL ? strstr(cookies, cookie_name) : NULL;
    while (at != NULL && at != cookies && at[-1] != ' ' && at[-1] != ';') {
        at = strstr(at + 1, cookie_name); /* that was the end of another cookie's name */
    }
    if (at == NULL) {
        return false;
    }
    const char *value = at + sizeof cookie_name - 1;
    size_t length = strspn(value, "0123456789abcdef");
    if (length != AUTH_SESSION_HEX_CHARS || (value[length] != '\0' && value[length] != ';')) {
        return false;
    }
    crypto_sha256_hex(value, length, ret_hash);
    return true;
}

struct session_look {
    const char *hash;
    struct identity *identity;
    bool found;
};

static int session_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct session_look *look = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT u.id, u.role FROM session s JOIN app_user u ON u.id = s.user_id WHERE s.hash = $1 "
        "AND s.expires_us > $2 AND u.enabled = 1",
        S_TEXT(look->hash), S_INT(clock_wall_us()));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    look->found = true;
    *look->identity = (struct identity){.role = (enum role)sql_int(rows, 1), .session = true};
    snprintf(look->identity->actor, sizeof look->identity->actor, "user:%s", sql_text(rows, 0));
    snprintf(look->identity->scope, sizeof look->identity->scope, "%s", sql_text(rows, 0));
    return 0;
}

static int identify_session(struct auth *auth, const char *hash, struct identity *identity,
                            struct err *err) {
    struct session_look look = {.hash = hash, .identity = identity};
    int r = store_read(auth->store, session_tx, &look, err);
    if (r < 0) {
        return r;
    }
    if (!look.found) {
        err_set(err, ERR_UNAUTHENTICATED, "this session has ended");
        return err_hint(err, "Log in again.");
    }
    return 0;
}

int auth_identify(struct auth *auth, const struct http_request *request, bool internal,
                  struct identity *ret_identity, struct err *err) {
    static const char bearer[] = "Bearer ";
    const char *header = http_header_find(request->headers, request->header_count, "Authorization");
    char hash[SHA256_HEX_CHARS + 1];
    *ret_identity = (struct identity){.role = ROLE_NONE};
    if (header != NULL) {
        if (strncasecmp(header, bearer, sizeof bearer - 1) != 0) {
            err_set(err, ERR_UNAUTHENTICATED,
                    "the Authorization header must be: Bearer and an API key");
            return err_place(err, "Authorization");
        }
        return identify_key(auth, request, header + sizeof bearer - 1, internal, ret_identity, err);
    }
    if (auth_session_hash(request, hash)) {
        return identify_session(auth, hash, ret_identity, err);
    }
    if (internal && auth->internal_key == NULL) {
        *ret_identity = (struct identity){
            .actor = "internal", .scope = "internal", .role = ROLE_ADMIN};
    }
    return 0;
}

/* ---- may they ---- */

struct csrf_look {
    const char *hash, *given;
    bool same;
};

static int csrf_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct csrf_look *look = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT csrf FROM session WHERE hash = $1",
                      S_TEXT(look->hash));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r > 0) {
        const char *kept = sql_text(rows, 0);
        look->same = strlen(kept) == strlen(look->given) &&
                     crypto_equal(kept, look->given, strlen(kept));
    }
    return r < 0 ? r : 0;
}

/* A page of another site can make a browser send the cookie, but cannot read this token. */
static int check_csrf(struct auth *auth, const struct http_request *request, struct err *err) {
    char hash[SHA256_HEX_CHARS + 1];
    const char *given = http_header_find(request->headers, request->header_count, "X-CSRF-Token");
    if (given != NULL && auth_session_hash(request, hash)) {
        struct csrf_look look = {.hash = hash, .given = given};
        int r = store_read(auth->store, csrf_tx, &look, err);
        if (r < 0 || look.same) {
            return r;
        }
    }
    err_set(err, ERR_FORBIDDEN, "the session's CSRF token is missing or wrong");
    err_place(err, "X-CSRF-Token");
    return err_hint(err, "GET /v1/session gives the token of this session.");
}

static bool in_scopes(const char *scopes, const char *operation_id) {
    size_t length = strlen(operation_id);
    for (const char *at = scopes; *at != '\0';) {
        size_t item = strcspn(at, ",");
        if (item == length && strncmp(at, operation_id, length) == 0) {
            return true;
        }
        at += item + (at[item] == ',');
    }
    return false;
}

int auth_allow(struct auth *auth, const struct identity *identity,
               const struct http_request *request, enum role least, const char *operation_id,
               bool mutating, struct err *err) {
    if (least == ROLE_NONE) {
        return 0;
    }
    if (identity->role == ROLE_NONE) {
        err_set(err, ERR_UNAUTHENTICATED, "this call needs an API key");
        err_place(err, "Authorization");
        return err_hint(err, "Send Authorization: Bearer hk_…; `holdfast key create` makes one.");
    }
    if (identity->role < least) {
        err_set(err, ERR_FORBIDDEN, "this needs the role %s; this key has the role %s",
                role_name(least), role_name(identity->role));
        return err_hint(err, "Ask an admin for a key with that role.");
    }
    if (identity->scopes[0] != '\0' && !in_scopes(identity->scopes, operation_id)) {
        return err_set(err, ERR_FORBIDDEN, "this key is limited to other calls than %s",
                       operation_id);
    }
    return identity->session && mutating ? check_csrf(auth, request, err) : 0;
}

/* ---- how often ---- */

/* Whether a bucket holds a request; takes it out if `take`. What hashes to a slot that another one
 * had begins with a full bucket. */
static bool bucket_has(struct auth *auth, uint64_t hash, unsigned rate_per_s, unsigned burst,
                       bool take) {
    int64_t now = clock_mono_us(), full = (int64_t)burst * US_PER_SECOND;
    lock_take(&auth->lock);
    struct bucket *bucket = &auth->buckets[hash % AUTH_BUCKET_SLOTS];
    if (bucket->hash != hash) {
        *bucket = (struct bucket){.hash = hash, .micro_tokens = full, .at_us = now};
    }
    int64_t grown = bucket->micro_tokens + (now - bucket->at_us) * (int64_t)rate_per_s;
    bucket->micro_tokens = grown < full ? grown : full;
    bucket->at_us = now;
    bool has = bucket->micro_tokens >= US_PER_SECOND;
    bucket->micro_tokens -= has && take ? US_PER_SECOND : 0;
    lock_give(&auth->lock);
    return has;
}

int auth_rate(struct auth *auth, const struct identity *identity, const char *peer,
              struct err *err) {
    const struct auth_limits *limits = &auth->limits;
    const char *who = identity->scope[0] != '\0' ? identity->scope : peer;
    if (limits->requests_per_second == 0 ||
        bucket_has(auth, XXH64(who, strlen(who), 1), limits->requests_per_second, limits->burst,
                   true)) {
        return 0;
    }
    err_set(err, ERR_RATE_LIMITED, "more than %u requests a second", limits->requests_per_second);
    return err_hint(
        err, "Wait for the seconds of Retry-After, then repeat with the same Idempotency-Key.");
}

static int failure(struct auth *auth, const char *peer, bool take, struct err *err) {
    unsigned rate = auth->limits.failures_per_second;
    if (rate == 0 ||
        bucket_has(auth, XXH64(peer, strlen(peer), 2), rate, AUTH_FAILURES_BURST * rate, take)) {
        return 0;
    }
    err_set(err, ERR_RATE_LIMITED, "more than %u refused credentials a second from this address",
            rate);
    return err_hint(err, "Check the API key or the password; wait for the seconds of Retry-After.");
}

int auth_failed(struct auth *auth, const char *peer, struct err *err) {
    return failure(auth, peer, true, err);
}

int auth_may_fail(struct auth *auth, const char *peer, struct err *err) {
    return failure(auth, peer, false, err);
}
