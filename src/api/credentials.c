/* SPDX-License-Identifier: Apache-2.0
 * credentials.c: the memory of credentials, and the task that looks at their files. */
#include "api/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/master_key.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/task.h"
#include "meter/meter.h"
#include "store/audit.h"

enum {
    FILES_MAX = GATEWAY_CREDENTIALS_MAX,
    PEM_BYTES_MAX = 256 * 1024,
    DETAIL_BYTES_MAX = 1024,
    WHY_CHARS_MAX = 200,
};
#define LOOK_US (1 * US_PER_SECOND)
#define DAY_US (24 * 3600 * US_PER_SECOND)
static const char system_actor[] = "system";

/* Files that are read together. */
struct watched {
    const char *paths[FILES_MAX];
    int count;
    struct file_face taken[FILES_MAX]; /* as they were when they were last read */
    struct file_face seen[FILES_MAX];  /* at the last look */
    int64_t not_before_us;             /* monotonic: no new try before then */
    char trouble[400];
};

struct listener {
    const char *name;
    const struct config_listener *config;
    struct http_listener *http;
    struct watched files;
    int64_t not_after_us;
};

struct credentials {
    struct service *service;
    struct lock lock; /* guards all below */
    struct cond wake;
    bool stopping;
    struct watched files[GATEWAYS_MAX];
    struct credential_story stories[GATEWAYS_MAX][GATEWAY_CREDENTIALS_MAX];
    bool recorded[GATEWAYS_MAX];
    struct listener listeners[CREDENTIALS_LISTENERS];
    int64_t warn_us; /* monotonic: when the log is told next; the looking task's own */
    struct task *watcher;
};

/* ---- the memory ---- */

struct record {
    struct gateway *gateway;
    const struct keyring_view *view;
    const char *actor, *reason;
    struct credential_story *stories; /* filled */
};

static int audit_change(struct store_tx *tx, const struct record *record,
                        const struct keyring_item *item, const char *before, struct err *err) {
    char subject[GATEWAY_NAME_CHARS_MAX + 40];
    BUF_AUTO detail;
    buf_init(&detail, DETAIL_BYTES_MAX);
    snprintf(subject, sizeof subject, "%s/%s", record->gateway->name, item->name);
    buf_addf(&detail, "{\"from\":\"%s\",\"to\":\"%s\",\"source\":", before, item->fingerprint);
    buf_add_json(&detail, item->reference);
    buf_add_char(&detail, '}');
    return audit_append(tx, record->actor, "credential.change", subject, record->reason,
                        detail.data, err);
}

/* The fingerprint that was in force before, if another one was: "" when there was none at all. */
static int find_before(struct store_tx *tx, const char *gateway, const struct keyring_item *item,
                       char ret_before[KEYRING_FINGERPRINT_CHARS + 1], bool *ret_same,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    ret_before[0] = '\0';
    *ret_same = false;
    int r = sql_query(tx, err, &rows,
                      "SELECT fingerprint FROM credential WHERE gateway = $1 AND name = $2 AND "
                      "replaced_us = 0",
                      S_TEXT(gateway), S_TEXT(item->name));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        snprintf(ret_before, KEYRING_FINGERPRINT_CHARS + 1, "%s", sql_text(rows, 0));
        *ret_same = strcmp(ret_before, item->fingerprint) == 0;
    }
    return r < 0 ? r : 0;
}

static int put_change(struct store_tx *tx, const struct record *record,
                      const struct keyring_item *item, struct err *err) {
    int64_t now = clock_wall_us();
    int r = sql_put(tx, err,
                    "UPDATE credential SET replaced_us = $3 WHERE gateway = $1 AND name = $2 AND "
                    "replaced_us = 0",
                    S_TEXT(record->gateway->name), S_TEXT(item->name), S_INT(now));
    return r < 0 ? r
                 : sql_put(tx, err,
                           "INSERT INTO credential (gateway, name, fingerprint, first_us, actor, "
                           "reason, replaced_us) VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT "
                           "(gateway, name, fingerprint) DO UPDATE SET replaced_us = 0",
                           S_TEXT(record->gateway->name), S_TEXT(item->name),
                           S_TEXT(item->fingerprint), S_INT(now), S_TEXT(record->actor),
                           S_TEXT(record->reason));
}

static int read_story(struct store_tx *tx, const char *gateway, const struct keyring_item *item,
                      struct credential_story *story, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT first_us, actor, reason FROM credential WHERE gateway = $1 AND "
                      "name = $2 AND fingerprint = $3",
                      S_TEXT(gateway), S_TEXT(item->name), S_TEXT(item->fingerprint));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        story->first_us = sql_int(rows, 0);
        snprintf(story->actor, sizeof story->actor, "%s", sql_text(rows, 1));
        snprintf(story->reason, sizeof story->reason, "%s", sql_text(rows, 2));
    }
    return r < 0 ? r : 0;
}

static int record_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct record *record = ctx;
    const char *gateway = record->gateway->name;
    bool changed[GATEWAY_CREDENTIALS_MAX] = {false};
    char before[GATEWAY_CREDENTIALS_MAX][KEYRING_FINGERPRINT_CHARS + 1];
    int r = 0;
    for (int i = 0; r >= 0 && i < record->view->item_count; i++) {
        const struct keyring_item *item = &record->view->items[i];
        bool same = false;
        r = find_before(tx, gateway, item, before[i], &same, err);
        changed[i] = r >= 0 && !same;
        r = changed[i] ? put_change(tx, record, item, err) : r;
        r = r < 0 ? r : read_story(tx, gateway, item, &record->stories[i], err);
    }
    /* The audit log's head is the last that a transaction queues on. What was never there before is
     * no change. */
    for (int i = 0; r >= 0 && i < record->view->item_count; i++) {
        if (changed[i] && before[i][0] != '\0') {
            r = audit_change(tx, record, &record->view->items[i], before[i], err);
        }
    }
    return r;
}

static void record_gateway(struct credentials *credentials, int index, const char *actor,
                           const char *reason) {
    struct service *service = credentials->service;
    struct gateway *gateway = gateway_at(service->registry, index);
    struct keyring_view *view = malloc(sizeof *view);
    struct credential_story *stories = calloc(GATEWAY_CREDENTIALS_MAX, sizeof *stories);
    struct err err = {0};
    INVARIANT(view != NULL && stories != NULL, "no memory for a gateway's credentials");
    keyring_view(gateway, service->seal, view);
    struct record record = {gateway, view, actor, reason, stories};
    bool done = store_write(service->store, record_tx, &record, &err) >= 0;
    lock_take(&credentials->lock);
    credentials->recorded[index] = done;
    memcpy(credentials->stories[index], stories, sizeof credentials->stories[index]);
    lock_give(&credentials->lock);
    if (!done) {
        log_error(STORE_FAILED, &err, LT("while", "recording the credentials of a gateway"));
    }
    free(stories);
    free(view);
}

static bool is_recorded(struct credentials *credentials, int index) {
    lock_take(&credentials->lock);
    bool recorded = credentials->recorded[index];
    lock_give(&credentials->lock);
    return recorded;
}

void credentials_record(struct credentials *credentials) {
    for (int i = 0; i < gateway_count(credentials->service->registry); i++) {
        if (!is_recorded(credentials, i)) {
            record_gateway(credentials, i, system_actor, "found at the start");
        }
    }
}

/* ---- files ---- */

static void faces_of(const struct watched *files, struct file_face ret_faces[FILES_MAX]) {
    struct err err = {0};
    for (int i = 0; i < files->count; i++) {
        if (file_look(files->paths[i], &ret_faces[i], &err) < 0) {
            ret_faces[i] = (struct file_face){0}; /* not there */
        }
    }
}

static bool same_faces(const struct watched *files, const struct file_face *a,
                       const struct file_face *b) {
    for (int i = 0; i < files->count; i++) {
        if (a[i].bytes != b[i].bytes || a[i].changed_ns != b[i].changed_ns ||
            a[i].inode != b[i].inode || a[i].device != b[i].device) {
            return false;
        }
    }
    return true;
}

static void keep_faces(struct file_face *to, const struct file_face *from) {
    memcpy(to, from, FILES_MAX * sizeof *to);
}

/* Has it changed since it was read, and was it the same at the last look? Under the lock. */
static bool is_due(struct watched *files, const struct file_face *faces) {
    bool quiet = same_faces(files, faces, files->seen);
    keep_faces(files->seen, faces);
    return quiet && !same_faces(files, faces, files->taken) &&
           clock_mono_us() >= files->not_before_us;
}

/* How reading them ended, for what stood there when it began. Under the lock. */
static void note_result(struct watched *files, const struct file_face *faces, int r,
                        const struct err *err) {
    bool later = r == -ERR_UNREACHABLE || r == -ERR_STATE || r == -ERR_STORE ||
                 r == -ERR_STORE_UNKNOWN || r == -ERR_STORE_CONFLICT;
    files->not_before_us = later ? clock_mono_us() + CREDENTIALS_RETRY_US : 0;
    if (!later) {
        keep_faces(files->taken, faces);
    }
    snprintf(files->trouble, sizeof files->trouble, "%s", r < 0 ? err->detail : "");
}

static int index_of(const struct credentials *credentials, const struct gateway *gateway) {
    int index = 0;
    while (gateway_at(credentials->service->registry, index) != gateway) {
        index++;
    }
    return index;
}

static void tell(const struct gateway *gateway, int r, const struct keyring_swap *swap,
                 const char *actor, const struct err *err) {
    if (r < 0) {
        meter_count(METER_CREDENTIAL_CHANGES, gateway->name, "refused");
        log_error(CREDENTIALS_REFUSED, err, LT("gateway", gateway->name), LT("actor", actor));
    } else if (swap->swapped) {
        meter_count(METER_CREDENTIAL_CHANGES, gateway->name, "taken");
        log_event(CREDENTIALS_TAKEN, LT("gateway", gateway->name), LT("actor", actor),
                  LI("changed", swap->changed_count),
                  LT("gateway_says", !swap->asked ? "not asked"
                                     : swap->outcome == GW_NONE
                                         ? "ok"
                                         : gateway_outcome_name(swap->outcome)));
    }
}

int credentials_reload(struct credentials *credentials, struct gateway *gateway,
                       const struct keyring_reload *how, const char *actor, const char *reason,
                       struct keyring_swap *ret_swap, struct err *err) {
    int index = index_of(credentials, gateway);
    struct watched *files = &credentials->files[index];
    struct file_face faces[FILES_MAX];
    struct keyring_swap swap = {0};
    faces_of(files, faces);
    int r = keyring_reload(gateway, how, &swap, err);
    if (r >= 0 && how->credential != NULL) {
        faces_of(files, faces); /* as we have just written them */
    }
    lock_take(&credentials->lock);
    bool known_already = r < 0 && strcmp(files->trouble, err->detail) == 0;
    /* What a person typed and was refused says nothing about the sources, and he is told. */
    bool typed = r < 0 && how->credential != NULL;
    if (!typed) {
        note_result(files, faces, r, err);
    }
    lock_give(&credentials->lock);
    if (!known_already && !typed) {
        tell(gateway, r, &swap, actor, err);
    }
    if (r >= 0 && swap.swapped) {
        record_gateway(credentials, index, actor, reason);
    }
    if (r >= 0) {
        *ret_swap = swap;
    }
    return r;
}

static void look_at_gateway(struct credentials *credentials, int index) {
    struct service *service = credentials->service;
    struct gateway *gateway = gateway_at(service->registry, index);
    struct watched *files = &credentials->files[index];
    bool *verify = service->config->keys.verify;
    struct file_face faces[FILES_MAX];
    keyring_tick(gateway);
    faces_of(files, faces);
    lock_take(&credentials->lock);
    bool due = is_due(files, faces);
    lock_give(&credentials->lock);
    if (due) {
        const struct keyring_reload how = {
            .ask = verify != NULL && !*verify ? KEYRING_ASK_NOT : KEYRING_ASK_MUST,
            .client = service->client,
        };
        struct keyring_swap swap;
        struct err err = {0};
        (void)!credentials_reload(credentials, gateway, &how, system_actor,
                                  "its source has changed", &swap, &err);
    }
}

/* ---- listeners ---- */

/* When the first certificate of the file ends; 0 when there is none to be read. */
static int64_t not_after_of_file(const char *path) {
    struct x509_cert *cert = NULL;
    struct err err = {0};
    size_t count = 0;
    int64_t not_after_us = 0;
    char *pem = malloc(PEM_BYTES_MAX + 1);
    INVARIANT(pem != NULL, "no memory for a certificate");
    if (file_read(path, pem, PEM_BYTES_MAX, &count, &err) >= 0 &&
        x509_cert_read(pem, count, &cert, &err) >= 0) {
        not_after_us = x509_cert_not_after_us(cert);
        x509_cert_free(cert);
    }
    free(pem);
    return not_after_us;
}

static int renew(struct credentials *credentials, struct listener *listener, struct err *err) {
    struct file_face faces[FILES_MAX];
    const struct config_listener *config = listener->config;
    faces_of(&listener->files, faces);
    int64_t not_after_us = not_after_of_file(config->tls_certificate);
    int r = http_listener_renew_tls(listener->http, config->tls_certificate, config->tls_key, err);
    lock_take(&credentials->lock);
    note_result(&listener->files, faces, r, err);
    listener->not_after_us = r >= 0 ? not_after_us : listener->not_after_us;
    lock_give(&credentials->lock);
    if (r < 0) {
        log_error(CERTIFICATE_REFUSED, err, LT("listener", listener->name));
    } else {
        log_event(CERTIFICATE_TAKEN, LT("listener", listener->name));
    }
    return r;
}

static bool speaks_tls(const struct listener *listener) {
    return listener->http != NULL && listener->config->tls_certificate != NULL;
}

int credentials_renew_listeners(struct credentials *credentials, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < CREDENTIALS_LISTENERS; i++) {
        struct listener *listener = &credentials->listeners[i];
        struct file_face faces[FILES_MAX];
        faces_of(&listener->files, faces);
        lock_take(&credentials->lock);
        bool changed = !same_faces(&listener->files, faces, listener->files.taken);
        lock_give(&credentials->lock);
        r = speaks_tls(listener) && changed ? renew(credentials, listener, err) : 0;
    }
    return r;
}

static void look_at_listener(struct credentials *credentials, struct listener *listener) {
    struct file_face faces[FILES_MAX];
    struct err err = {0};
    faces_of(&listener->files, faces);
    lock_take(&credentials->lock);
    bool due = is_due(&listener->files, faces);
    lock_give(&credentials->lock);
    if (due && speaks_tls(listener)) {
        (void)!renew(credentials, listener, &err);
    }
}

/* ---- judging ---- */

const char *credential_state_name(enum credential_state state) {
    static const char *const names[] = {"ok", "warning", "urgent", "expired"};
    return (size_t)state < COUNT_OF(names) ? names[state] : "?";
}

static int64_t days_or(unsigned said, int64_t usual) {
    return said > 0 ? (int64_t)said : usual;
}

enum credential_state credential_judge_expiry(const struct credentials *credentials,
                                              int64_t not_after_us, char *why, size_t why_bytes) {
    const struct config_keys *policy = &credentials->service->config->keys;
    int64_t left_us = not_after_us - clock_wall_us();
    int64_t days = left_us / DAY_US;
    if (not_after_us == 0 ||
        left_us >= days_or(policy->warn_days, CREDENTIALS_WARN_DAYS_USUAL) * DAY_US) {
        why[0] = '\0';
        return CREDENTIAL_OK;
    }
    if (left_us <= 0) {
        snprintf(why, why_bytes, "It has expired.");
        return CREDENTIAL_EXPIRED;
    }
    snprintf(why, why_bytes, "It expires in %lld %s.", (long long)days, days == 1 ? "day" : "days");
    return days < CREDENTIALS_URGENT_DAYS ? CREDENTIAL_URGENT : CREDENTIAL_WARN;
}

enum credential_state credential_judge(const struct credentials *credentials,
                                       const struct keyring_item *item,
                                       const struct credential_story *story, char *why,
                                       size_t why_bytes) {
    const struct config_keys *policy = &credentials->service->config->keys;
    enum credential_state state = credential_judge_expiry(credentials, item->not_after_us, why,
                                                          why_bytes);
    int64_t days_max = days_or(policy->max_age_days, CREDENTIALS_AGE_DAYS_USUAL);
    int64_t age_us = clock_wall_us() - story->first_us;
    if (state != CREDENTIAL_OK) {
        return state;
    }
    if (item->unguarded) {
        snprintf(why, why_bytes,
                 "Its file can be read or written by others; chmod 0600 it, and "
                 "change it if others could read it.");
        return CREDENTIAL_WARN;
    }
    /* When a certificate changes is said by its end. */
    if (story->first_us > 0 && item->not_after_us == 0 && age_us > days_max * DAY_US) {
        snprintf(why, why_bytes, "It is %lld days old; the policy is %lld.",
                 (long long)(age_us / DAY_US), (long long)days_max);
        return CREDENTIAL_WARN;
    }
    return CREDENTIAL_OK;
}

/* When the last of a gateway's own certificates ends; 0: none is known. */
static int64_t signers_until_us(const struct keyring_view *keys) {
    int64_t until_us = 0;
    for (int i = 0; i < keys->signer_count; i++) {
        int64_t ends_us = keys->signers[i].not_after_us;
        until_us = ends_us > until_us ? ends_us : until_us;
    }
    return until_us;
}

enum credential_state credential_judge_signer(const struct credentials *credentials,
                                              const struct keyring_view *keys, int index, char *why,
                                              size_t why_bytes) {
    int64_t ends_us = keys->signers[index].not_after_us;
    bool outlived = ends_us < signers_until_us(keys);
    return credential_judge_expiry(credentials, outlived ? 0 : ends_us, why, why_bytes);
}

/* What would be told by `keys check`, for whoever reads the log. */
static void warn_of_gateway(struct credentials *credentials, int index,
                            struct credentials_view *view) {
    const struct gateway *gateway = gateway_at(credentials->service->registry, index);
    char why[WHY_CHARS_MAX];
    credentials_view(credentials, index, view);
    for (int i = 0; i < view->keys.item_count; i++) {
        const struct keyring_item *item = &view->keys.items[i];
        enum credential_state state = credential_judge(credentials, item, &view->stories[i], why,
                                                       sizeof why);
        if (state != CREDENTIAL_OK) {
            log_event(CREDENTIAL_WARNING, LT("gateway", gateway->name), LT("name", item->name),
                      LT("state", credential_state_name(state)), LT("why", why));
        }
    }
    for (int i = 0; i < view->keys.signer_count; i++) {
        enum credential_state state = credential_judge_signer(credentials, &view->keys, i, why,
                                                              sizeof why);
        if (state != CREDENTIAL_OK) {
            log_event(CREDENTIAL_WARNING, LT("gateway", gateway->name),
                      LT("name", "platform certificate"),
                      LT("serial", view->keys.signers[i].serial),
                      LT("state", credential_state_name(state)), LT("why", why));
        }
    }
}

static void warn(struct credentials *credentials) {
    struct credentials_view *view = malloc(sizeof *view);
    INVARIANT(view != NULL, "no memory for a gateway's credentials");
    for (int i = 0; i < gateway_count(credentials->service->registry); i++) {
        warn_of_gateway(credentials, i, view);
    }
    free(view);
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        struct listener_certificate one;
        char why[WHY_CHARS_MAX];
        credentials_listener(credentials, i, &one);
        enum credential_state state = credential_judge_expiry(credentials, one.not_after_us, why,
                                                              sizeof why);
        if (state != CREDENTIAL_OK) {
            log_event(CREDENTIAL_WARNING, LT("listener", one.name), LT("name", "certificate"),
                      LT("state", credential_state_name(state)), LT("why", why));
        }
    }
}

/* ---- life ---- */

static void look_at_master_key(struct credentials *credentials) {
    struct err err = {0};
    if (master_key_look(credentials->service, &err) < 0) {
        log_error(STORE_FAILED, &err, LT("while", "looking which master key is in use"));
    }
}

void credentials_look(struct credentials *credentials) {
    look_at_master_key(credentials);
    credentials_record(credentials);
    for (int i = 0; i < gateway_count(credentials->service->registry); i++) {
        look_at_gateway(credentials, i);
    }
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        look_at_listener(credentials, &credentials->listeners[i]);
    }
    if (clock_mono_us() >= credentials->warn_us) {
        warn(credentials);
        credentials->warn_us = clock_mono_us() + DAY_US;
    }
}

static void watch(void *arg) {
    struct credentials *credentials = arg;
    lock_take(&credentials->lock);
    while (!credentials->stopping) {
        cond_wait_until(&credentials->wake, &credentials->lock, clock_mono_us() + LOOK_US);
        if (credentials->stopping) {
            break;
        }
        lock_give(&credentials->lock);
        credentials_look(credentials);
        lock_take(&credentials->lock);
    }
    lock_give(&credentials->lock);
}

static void take_faces(struct watched *files) {
    faces_of(files, files->taken);
    keep_faces(files->seen, files->taken);
}

static void open_listener(struct listener *listener, const char *name,
                          const struct config_listener *config, struct http_listener *http) {
    listener->name = name;
    listener->config = config;
    listener->http = http;
    if (config->tls_certificate != NULL) {
        listener->files.paths[listener->files.count++] = config->tls_certificate;
        listener->files.paths[listener->files.count++] = config->tls_key;
        take_faces(&listener->files);
        listener->not_after_us = not_after_of_file(config->tls_certificate);
    }
}

struct credentials *credentials_new(struct service *service) {
    struct credentials *credentials = calloc(1, sizeof *credentials);
    INVARIANT(credentials != NULL, "no memory for what is known of credentials");
    credentials->service = service;
    lock_init(&credentials->lock);
    cond_init(&credentials->wake);
    for (int i = 0; i < gateway_count(service->registry); i++) {
        struct watched *files = &credentials->files[i];
        files->count = keyring_files(gateway_at(service->registry, i), files->paths);
        take_faces(files);
    }
    open_listener(&credentials->listeners[0], "public", &service->config->public_listener,
                  service->public_listener);
    open_listener(&credentials->listeners[1], "internal", &service->config->internal_listener,
                  service->internal_listener);
    credentials_record(credentials);
    return credentials;
}

static bool has_files(const struct credentials *credentials) {
    int count = 0;
    for (int i = 0; i < GATEWAYS_MAX; i++) {
        count += credentials->files[i].count;
    }
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        count += credentials->listeners[i].files.count;
    }
    return count > 0 || seal_count(credentials->service->seal) > 1;
}

int credentials_start(struct credentials *credentials, struct err *err) {
    warn(credentials);
    credentials->warn_us = clock_mono_us() + DAY_US;
    if (!has_files(credentials)) {
        return 0;
    }
    credentials->watcher = task_start("credentials", 0, watch, credentials);
    return credentials->watcher != NULL
               ? 0
               : err_set(err, ERR_OVERLOADED, "the system has no room for one more thread");
}

void credentials_stop(struct credentials *credentials) {
    if (credentials == NULL || credentials->watcher == NULL) {
        return;
    }
    lock_take(&credentials->lock);
    credentials->stopping = true;
    cond_broadcast(&credentials->wake);
    lock_give(&credentials->lock);
    task_join(credentials->watcher);
    credentials->watcher = NULL;
}

void credentials_free(struct credentials *credentials) {
    if (credentials == NULL) {
        return;
    }
    cond_free(&credentials->wake);
    lock_free(&credentials->lock);
    free(credentials);
}

/* ---- looking ---- */

void credentials_view(struct credentials *credentials, int gateway_index,
                      struct credentials_view *ret_view) {
    struct service *service = credentials->service;
    keyring_view(gateway_at(service->registry, gateway_index), service->seal, &ret_view->keys);
    lock_take(&credentials->lock);
    memcpy(ret_view->stories, credentials->stories[gateway_index], sizeof ret_view->stories);
    snprintf(ret_view->trouble, sizeof ret_view->trouble, "%s",
             credentials->files[gateway_index].trouble);
    lock_give(&credentials->lock);
}

void credentials_listener(struct credentials *credentials, int index,
                          struct listener_certificate *ret_certificate) {
    const struct listener *listener = &credentials->listeners[index];
    *ret_certificate = (struct listener_certificate){
        .name = listener->name,
        .path = listener->config->tls_certificate,
    };
    lock_take(&credentials->lock);
    ret_certificate->not_after_us = listener->not_after_us;
    snprintf(ret_certificate->trouble, sizeof ret_certificate->trouble, "%s",
             listener->files.trouble);
    lock_give(&credentials->lock);
}

static double seconds(int64_t us) {
    return (double)us / (double)US_PER_SECOND;
}

void credentials_meter(struct credentials *credentials) {
    struct gateway_registry *registry = credentials->service->registry;
    int64_t now = clock_wall_us();
    struct credentials_view *view = malloc(sizeof *view);
    INVARIANT(view != NULL, "no memory for a gateway's credentials");
    for (int g = 0; g < gateway_count(registry); g++) {
        const char *gateway = gateway_at(registry, g)->name;
        credentials_view(credentials, g, view);
        for (int i = 0; i < view->keys.item_count; i++) {
            const struct keyring_item *item = &view->keys.items[i];
            if (view->stories[i].first_us > 0) {
                meter_set(METER_CREDENTIAL_AGE, seconds(now - view->stories[i].first_us), gateway,
                          item->name);
            }
            if (item->not_after_us > 0) {
                meter_set(METER_CERTIFICATE_LEFT, seconds(item->not_after_us - now), gateway,
                          item->name);
            }
        }
        if (view->keys.signer_count > 0) {
            meter_set(METER_CERTIFICATE_LEFT, seconds(signers_until_us(&view->keys) - now), gateway,
                      "platform");
        }
        meter_set(METER_CREDENTIAL_TROUBLE, view->trouble[0] != '\0' ? 1 : 0, gateway);
    }
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        struct listener_certificate certificate;
        credentials_listener(credentials, i, &certificate);
        if (certificate.not_after_us > 0) {
            meter_set(METER_CERTIFICATE_LEFT, seconds(certificate.not_after_us - now), "listener",
                      certificate.name);
        }
    }
    free(view);
}
