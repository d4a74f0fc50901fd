/* SPDX-License-Identifier: Apache-2.0
 * handlers_credentials.c: the credentials of gateways and the listeners' certificates: what is in
 * force, taking new ones, asking the gateway about them, ending an overlap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/credentials.h"
#include "api/master_key.h"
#include "api/member.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "store/audit.h"

enum {
    CREDENTIALS_JSON_BYTES_MAX = 1024 * 1024,
    WHY_CHARS_MAX = 200,
    DETAIL_BYTES_MAX = 128,
    VALUE_CHARS_MAX = 32000,
};
static const char runbook_reason[] = "reload-api-keys was called";

static int answer_of(struct ask *ask, struct buf *buf, struct err *err) {
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    ask->answer.status = 200;
    ask->answer.json = buf_take(buf);
    return 0;
}

static int find_gateway(const struct ask *ask, struct gateway **ret_gateway, struct err *err) {
    *ret_gateway = gateway_find(ask->service->registry, ask->param);
    if (*ret_gateway != NULL) {
        return 0;
    }
    err_set(err, ERR_NOT_FOUND, "there is no gateway \"%.60s\"", ask->param);
    return err_hint(err, "GET /v1/gateways names them.");
}

/* ---- looking ---- */

static void old_json(struct buf *buf, const struct keyring_item *item) {
    buf_add_text(buf, ",\"old\":[");
    for (int i = 0; i < item->old_count; i++) {
        char time[CLOCK_TEXT_MAX];
        buf_addf(buf, "%s{\"fingerprint\":\"%s\",\"accepted_until\":\"%s\"}", i > 0 ? "," : "",
                 item->old[i].fingerprint, clock_format(item->old[i].until_us, time));
    }
    buf_add_char(buf, ']');
}

static void item_json(struct buf *buf, const struct ask *ask, const char *gateway,
                      const struct keyring_item *item, const struct credential_story *story) {
    char why[WHY_CHARS_MAX];
    enum credential_state state = credential_judge(ask->service->credentials, item, story, why,
                                                   sizeof why);
    buf_addf(buf, "{\"gateway\":\"%s\",\"name\":", gateway);
    buf_add_json(buf, item->name);
    buf_add_text(buf, ",\"source\":");
    buf_add_json(buf, item->reference);
    buf_addf(buf, ",\"fingerprint\":\"%s\",\"state\":\"%s\"", item->fingerprint,
             credential_state_name(state));
    member_text(buf, "why", why);
    member_time(buf, "first_seen_at", story->first_us);
    member_text(buf, "set_by", story->actor);
    member_text(buf, "set_reason", story->reason);
    member_time(buf, "expires_at", item->not_after_us);
    old_json(buf, item);
    buf_add_char(buf, '}');
}

/* The certificates that a gateway hands out itself, after those of others. */
static void signers_json(struct buf *buf, const struct ask *ask, const char *gateway,
                         const struct keyring_view *keys) {
    for (int i = 0; i < keys->signer_count; i++) {
        char why[WHY_CHARS_MAX];
        enum credential_state state = credential_judge_signer(ask->service->credentials, keys, i,
                                                              why, sizeof why);
        buf_addf(buf, "%s{\"gateway\":\"%s\",\"serial\":\"%s\",\"state\":\"%s\"",
                 buf->len > 0 ? "," : "", gateway, keys->signers[i].serial,
                 credential_state_name(state));
        member_text(buf, "why", why);
        member_time(buf, "expires_at", keys->signers[i].not_after_us);
        buf_add_char(buf, '}');
    }
}

static void policy_json(struct buf *buf, const struct service_config *config) {
    const struct config_keys *keys = &config->keys;
    buf_addf(buf, "{\"overlap_hours\":%u,\"max_age_days\":%u,\"warn_days\":%u,\"verify\":%s}",
             keys->overlap_hours > 0 ? keys->overlap_hours : 24,
             keys->max_age_days > 0 ? keys->max_age_days : CREDENTIALS_AGE_DAYS_USUAL,
             keys->warn_days > 0 ? keys->warn_days : CREDENTIALS_WARN_DAYS_USUAL,
             keys->verify == NULL || *keys->verify ? "true" : "false");
}

static int master_json(struct buf *buf, struct service *service, struct err *err) {
    struct master_key_view view;
    int r = master_key_view(service, &view, err);
    if (r < 0) {
        return r;
    }
    buf_addf(buf, "{\"name\":\"%s\",\"source\":\"%s\"", view.name,
             view.next ? "master_key_next" : "master_key");
    member_text(buf, "other", view.other);
    buf_addf(buf, ",\"state\":\"%s\",\"changing\":%s", view.why[0] != '\0' ? "warning" : "ok",
             view.resealing ? "true" : "false");
    member_text(buf, "why", view.why);
    buf_add_char(buf, '}');
    return 0;
}

static void listeners_json(struct buf *buf, struct credentials *credentials) {
    const char *comma = "";
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        struct listener_certificate certificate;
        char why[WHY_CHARS_MAX];
        credentials_listener(credentials, i, &certificate);
        if (certificate.path == NULL) {
            continue;
        }
        enum credential_state state = credential_judge_expiry(credentials, certificate.not_after_us,
                                                              why, sizeof why);
        buf_addf(buf, "%s{\"listener\":\"%s\",\"source\":", comma, certificate.name);
        buf_add_json(buf, certificate.path);
        buf_addf(buf, ",\"state\":\"%s\"", credential_state_name(state));
        member_text(buf, "why", why);
        member_time(buf, "expires_at", certificate.not_after_us);
        member_text(buf, "trouble", certificate.trouble);
        buf_add_char(buf, '}');
        comma = ",";
    }
}

/* One more of a list of {gateway, why}; nothing when there is nothing to be said. */
static void why_json(struct buf *buf, const char *gateway, const char *why) {
    if (why[0] != '\0') {
        buf_addf(buf, "%s{\"gateway\":\"%s\",\"why\":", buf->len > 0 ? "," : "", gateway);
        buf_add_json(buf, why);
        buf_add_char(buf, '}');
    }
}

int credentials_get(struct ask *ask, struct err *err) {
    struct service *service = ask->service;
    BUF_AUTO master;
    buf_init(&master, CREDENTIALS_JSON_BYTES_MAX);
    int r = master_json(&master, service, err);
    if (r < 0) {
        return r;
    }
    struct credentials_view *view = malloc(sizeof *view);
    INVARIANT(view != NULL, "no memory for a gateway's credentials");
    BUF_AUTO buf;
    BUF_AUTO troubles;
    BUF_AUTO signers;
    BUF_AUTO forgotten;
    credentials_record(service->credentials);
    buf_init(&buf, CREDENTIALS_JSON_BYTES_MAX);
    buf_init(&troubles, CREDENTIALS_JSON_BYTES_MAX);
    buf_init(&signers, CREDENTIALS_JSON_BYTES_MAX);
    buf_init(&forgotten, CREDENTIALS_JSON_BYTES_MAX);
    buf_add_text(&buf, "{\"policy\":");
    policy_json(&buf, service->config);
    buf_add_text(&buf, ",\"data\":[");
    const char *comma = "";
    for (int g = 0; g < gateway_count(service->registry); g++) {
        const char *gateway = gateway_at(service->registry, g)->name;
        credentials_view(service->credentials, g, view);
        for (int i = 0; i < view->keys.item_count; i++) {
            buf_add_text(&buf, comma);
            item_json(&buf, ask, gateway, &view->keys.items[i], &view->stories[i]);
            comma = ",";
        }
        signers_json(&signers, ask, gateway, &view->keys);
        why_json(&troubles, gateway, view->trouble);
        why_json(&forgotten, gateway, view->keys.not_kept);
    }
    free(view);
    buf_addf(&buf, "],\"refused\":[%s],\"certificates\":[", troubles.len > 0 ? troubles.data : "");
    listeners_json(&buf, service->credentials);
    buf_addf(&buf, "],\"platform_certificates\":[%s],\"not_kept\":[%s],\"master_key\":%s}",
             signers.data, forgotten.data, master.data);
    return answer_of(ask, &buf, err);
}

/* ---- taking ---- */

static void environment_json(struct buf *buf, const struct gateway *gateway) {
    const char *comma = "";
    buf_add_text(buf, ",\"read_at_start_only\":[");
    for (int i = 0; i < gateway->credential_count; i++) {
        if (strncmp(gateway->credentials[i].reference, "env:", 4) == 0) {
            buf_add_text(buf, comma);
            buf_add_json(buf, gateway->credentials[i].name);
            comma = ",";
        }
    }
    buf_add_char(buf, ']');
}

/* Names among the changed ones whose rightness only a callback will show. Returns how many. */
static int unverified_json(struct buf *buf, const struct gateway *gateway,
                           const struct keyring_swap *swap) {
    int count = 0;
    buf_add_text(buf, ",\"unverified\":[");
    for (int i = 0; i < swap->changed_count; i++) {
        if (keyring_shown_by_callback(gateway, swap->changed[i])) {
            buf_add_text(buf, count++ > 0 ? "," : "");
            buf_add_json(buf, swap->changed[i]);
        }
    }
    buf_add_char(buf, ']');
    return count;
}

/* One gateway of the answer to a reload. */
static void swap_json(struct buf *buf, const struct gateway *gateway, int r,
                      const struct keyring_swap *swap, const struct err *why) {
    const char *result = r < 0 ? "refused" : swap->swapped ? "taken" : "unchanged";
    buf_addf(buf, "{\"gateway\":\"%s\",\"result\":\"%s\",\"changed\":[", gateway->name, result);
    for (int i = 0; r >= 0 && i < swap->changed_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, swap->changed[i]);
    }
    buf_add_char(buf, ']');
    int unverified = unverified_json(buf, gateway, swap);
    buf_add_text(buf, ",\"gateway_says\":");
    if (r >= 0 && swap->swapped && swap->asked && unverified < swap->changed_count) {
        buf_addf(buf, "\"%s\"",
                 swap->outcome == GW_NONE ? "ok" : gateway_outcome_name(swap->outcome));
    } else {
        buf_add_text(buf, "null");
    }
    member_text(buf, "why", r < 0 ? why->detail : "");
    environment_json(buf, gateway);
    buf_add_char(buf, '}');
}

static enum keyring_ask ask_of(const struct ask *ask) {
    const bool *verify = ask->service->config->keys.verify;
    return verify != NULL && !*verify ? KEYRING_ASK_NOT : KEYRING_ASK;
}

/* What was done goes on the audit log, and is the answer, in one transaction with the
 * Idempotency-Key's row. Done before: a reload that is repeated changes nothing. */
struct told {
    const struct ask *ask;
    const char *action, *subject, *reason, *json;
};

static int tell_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                   struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct told *told = ctx;
    int r = audit_append(tx, told->ask->caller.actor, told->action, told->subject, told->reason,
                         "{}", err);
    ret_answer->status = 200;
    ret_answer->json = strdup(told->json);
    INVARIANT(ret_answer->json != NULL, "no memory for the answer");
    return r;
}

static int tell(struct ask *ask, const char *action, const char *subject, const char *reason,
                struct buf *buf, struct err *err) {
    struct told told = {ask, action, subject, reason, buf->data};
    if (!buf_ok(buf)) {
        return err_set(err, ERR_INTERNAL, "the answer is larger than %zu bytes", buf->max);
    }
    return idempotent_run(ask->service->payments, &ask->caller, action, tell_fn, &told,
                          &ask->answer, err);
}

/* Takes what is new of one gateway into force, and tells of it. */
static int reload(struct ask *ask, struct gateway *gateway, const struct keyring_reload *how,
                  const char *action, const char *reason, struct err *err) {
    struct keyring_swap swap = {0};
    int r = credentials_reload(ask->service->credentials, gateway, how, ask->caller.actor, reason,
                               &swap, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, CREDENTIALS_JSON_BYTES_MAX);
    swap_json(&buf, gateway, 0, &swap, NULL);
    return tell(ask, action, gateway->name, reason, &buf, err);
}

int credentials_reload_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", "verify", NULL};
    struct gateway *gateway = NULL;
    const char *reason = NULL;
    bool verify = ask_of(ask) != KEYRING_ASK_NOT;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "verify", &verify, err);
    r = r < 0 ? r : find_gateway(ask, &gateway, err);
    if (r < 0) {
        return r;
    }
    const struct keyring_reload how = {.ask = verify ? KEYRING_ASK : KEYRING_ASK_NOT,
                                       .client = ask->service->client};
    return reload(ask, gateway, &how, "credential.reload", reason, err);
}

/* The runbook's: every gateway, and the listeners' certificates. One that is refused stays as it
 * was; the others are taken all the same. */
int runbook_reload_keys(struct ask *ask, struct err *err) {
    struct service *service = ask->service;
    const char *reason = runbook_reason;
    const struct keyring_reload how = {.ask = ask_of(ask), .client = service->client};
    bool all = true;
    int r = read_reason_or(ask->body, &reason, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO rows;
    BUF_AUTO buf;
    buf_init(&rows, CREDENTIALS_JSON_BYTES_MAX);
    buf_init(&buf, CREDENTIALS_JSON_BYTES_MAX);
    for (int i = 0; i < gateway_count(service->registry); i++) {
        struct gateway *gateway = gateway_at(service->registry, i);
        struct keyring_swap swap = {0};
        struct err why = {0};
        r = credentials_reload(service->credentials, gateway, &how, ask->caller.actor, reason,
                               &swap, &why);
        all = all && r >= 0;
        buf_add_text(&rows, i > 0 ? "," : "");
        swap_json(&rows, gateway, r, &swap, &why);
    }
    struct err why = {0};
    bool listeners = credentials_renew_listeners(service->credentials, &why) >= 0;
    buf_addf(&buf, "{\"ok\":%s,\"gateways\":[%s]", all && listeners ? "true" : "false",
             rows.len > 0 ? rows.data : "");
    member_text(&buf, "listeners_why", listeners ? "" : why.detail);
    buf_add_char(&buf, '}');
    return tell(ask, "credential.reload", "every gateway", reason, &buf, err);
}

/* A new value for one credential, which is kept in its source once the gateway has taken it. The
 * same again changes nothing. Only on the internal listener: the value is in the body. */
int credentials_rotate_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"credential", "value", "reason", "verify", NULL};
    struct gateway *gateway = NULL;
    const char *reason = NULL, *credential = NULL, *value = NULL;
    bool verify = ask_of(ask) != KEYRING_ASK_NOT;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "credential", 1, 31, &credential, err);
    r = r < 0 ? r : json_need_lines(ask->body, "", "value", 1, VALUE_CHARS_MAX, &value, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "verify", &verify, err);
    r = r < 0 ? r : find_gateway(ask, &gateway, err);
    if (r < 0) {
        return r;
    }
    SECRET_AUTO secret = secret_new(value, strlen(value));
    if (secret == NULL) {
        err_set(err, ERR_VALIDATION, "the value has more than %d bytes", SECRET_BYTES_MAX);
        return err_place(err, "/value");
    }
    const struct keyring_reload how = {.ask = verify ? KEYRING_ASK : KEYRING_ASK_NOT,
                                       .client = ask->service->client,
                                       .credential = credential,
                                       .value = secret};
    r = reload(ask, gateway, &how, "credential.rotate", reason, err);
    if (r == -ERR_VALIDATION) {
        err_place(err, "/value");
        r = err_hint(err, "Nothing was changed: the one before stays in force.");
    }
    return r;
}

static int check_proven(struct gateway *gateway, struct err *err) {
    char name[KEYRING_NAME_CHARS_MAX + 1];
    if (!keyring_unproven(gateway, name)) {
        return 0;
    }
    err_set(err, ERR_STATE,
            "no callback has come yet that shows %s's new %s to be right: if it is not, every "
            "genuine one would be refused",
            gateway->name, name);
    return err_hint(err, "Wait until `holdfast keys verify` shows one; or say force.");
}

/* What the old ones signed is refused from here on: for a key that others may have. */
int credentials_retire_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", "force", NULL};
    struct gateway *gateway = NULL;
    const char *reason = NULL;
    bool force = false;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    r = r < 0 ? r : json_may_bool(ask->body, "", "force", &force, err);
    r = r < 0 ? r : find_gateway(ask, &gateway, err);
    r = r < 0 || force ? r : check_proven(gateway, err);
    if (r < 0) {
        return r;
    }
    r = keyring_retire(gateway, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, DETAIL_BYTES_MAX + GATEWAY_NAME_CHARS_MAX);
    buf_addf(&buf, "{\"gateway\":\"%s\",\"retired\":%d}", gateway->name, r);
    return tell(ask, "credential.retire", gateway->name, reason, &buf, err);
}

/* ---- the master key ---- */

static int change_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    const struct told *told = ctx;
    int r = master_key_change(told->ask->service, tx, told->ask->caller.actor, told->reason, err);
    ret_answer->status = 200;
    ret_answer->json = strdup(told->json);
    INVARIANT(ret_answer->json != NULL, "no memory for the answer");
    return r;
}

/* It is in force when this is answered; what was sealed before is sealed anew from here on, by the
 * task that looks as well: so a fault there is its own. */
int master_key_rotate_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    const char *reason = NULL;
    struct err later = {0};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    if (r < 0) {
        return r;
    }
    struct told told = {.ask = ask, .reason = reason, .json = "{\"changing\":true}"};
    r = idempotent_run(ask->service->payments, &ask->caller, "master_key.rotate", change_fn, &told,
                       &ask->answer, err);
    if (r >= 0) {
        (void)!master_key_look(ask->service, &later);
    }
    return r;
}

/* ---- asking the gateway ---- */

static void answer_json(struct buf *buf, const struct gateway *gateway,
                        const struct keyring_answer *answer) {
    bool rejected = answer->outcome == GW_REJECTED_CREDENTIALS;
    const char *comma = "";
    buf_addf(buf, "{\"in_force\":%s,\"result\":\"%s\",\"outcome\":\"%s\"",
             answer->until_us == 0 ? "true" : "false",
             answer->callbacks_only       ? "not_asked"
             : answer->outcome == GW_NONE ? "works"
             : rejected                   ? "rejected"
                                          : "not_answered",
             answer->callbacks_only       ? "not_asked"
             : answer->outcome == GW_NONE ? "ok"
                                          : gateway_outcome_name(answer->outcome));
    member_text(buf, "code", answer->code);
    member_time(buf, "accepted_until", answer->until_us);
    buf_addf(buf, ",\"callback_seen\":%s,\"fingerprints\":[",
             answer->callback_seen ? "true" : "false");
    for (int i = 0; i < gateway->credential_count; i++) {
        buf_addf(buf, "%s{\"name\":", comma);
        buf_add_json(buf, gateway->credentials[i].name);
        buf_addf(buf, ",\"fingerprint\":\"%s\"}", answer->fingerprint[i]);
        comma = ",";
    }
    buf_add_text(buf, "]}");
}

int credentials_verify_post(struct ask *ask, struct err *err) {
    struct gateway *gateway = NULL;
    int r = find_gateway(ask, &gateway, err);
    if (r < 0) {
        return r;
    }
    struct keyring_answer *answers = calloc(KEYRING_SETS_MAX, sizeof *answers);
    INVARIANT(answers != NULL, "no memory for the answers of a gateway");
    int count = keyring_ask_all(gateway, ask->service->client, ask->service->seal, answers);
    BUF_AUTO buf;
    buf_init(&buf, CREDENTIALS_JSON_BYTES_MAX);
    buf_addf(&buf, "{\"gateway\":\"%s\",\"ok\":%s,\"sets\":[", gateway->name,
             answers[0].outcome == GW_NONE ? "true" : "false");
    for (int i = 0; i < count; i++) {
        buf_add_text(&buf, i > 0 ? "," : "");
        answer_json(&buf, gateway, &answers[i]);
    }
    buf_add_text(&buf, "]}");
    free(answers);
    return answer_of(ask, &buf, err);
}
