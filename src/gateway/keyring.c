/* SPDX-License-Identifier: Apache-2.0
 * keyring.c: sets of credentials in a list under one lock, the one in force first. A set's users
 * are counted; whoever lets go of the last use of a set that is gone frees it. Reading sources,
 * opening and asking happen outside the lock, so a call never waits for them. */
#include "gateway/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/plant.h"
#include "gateway/keyring_impl.h"

#define OVERLAP_US_USUAL (24 * 3600 * US_PER_SECOND)
#define PROBE_PATIENCE_US (10 * US_PER_SECOND)
enum { PEM_CERTIFICATES_MAX = 8 };

/* ---- a set's life ---- */

void key_set_free(struct key_set *set) {
    set->face.adapter->close(&set->face);
    for (int i = 0; i < set->face.credential_count; i++) {
        secret_free(set->face.credentials[i].value);
    }
    free(set);
}

/* `set` and all that follow it in a list of those that nobody uses any more. */
static void sets_free(struct key_set *set) {
    while (set != NULL) {
        struct key_set *older = set->older;
        key_set_free(set);
        set = older;
    }
}

bool key_is_option(const struct gateway_adapter *adapter, const char *name) {
    const char *const *const lists[] = {adapter->options, adapter->more_options};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (const char *const *one = lists[i]; one != NULL && *one != NULL; one++) {
            if (strcmp(*one, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static int add_option(struct gateway *face, const char *name, const struct secret *value,
                      struct err *err) {
    if (gateway_option(face, name)[0] != '\0' || face->option_count == GATEWAY_OPTIONS_MAX) {
        return err_set(err, ERR_CONFIG, "'%s' stands among the options already", name);
    }
    struct gateway_option *option = &face->options[face->option_count];
    size_t count = secret_count(value);
    if (count == 0 || count >= sizeof option->value || strlen(secret_bytes(value)) != count) {
        return err_set(err, ERR_CONFIG, "the value of '%s' is empty or too long", name);
    }
    snprintf(option->name, sizeof option->name, "%s", name);
    snprintf(option->value, sizeof option->value, "%s", secret_bytes(value));
    face->option_count++;
    return 0;
}

/* What cannot be opened with the value that was given is that value's fault, not the
 * configuration's. */
static int blame_value(const struct keyring_reload *how, int r, struct err *err) {
    if (how->credential == NULL || (r != -ERR_CONFIG && r != -ERR_CRYPTO)) {
        return r;
    }
    if (err != NULL) {
        err->code = ERR_VALIDATION;
    }
    return -ERR_VALIDATION;
}

static int load_one(struct gateway *face, const struct gateway_credential *from,
                    const struct keystore *keystore, const struct keyring_reload *how,
                    struct err *err) {
    struct secret *value = NULL;
    bool given = how->credential != NULL && strcmp(how->credential, from->name) == 0;
    int r = 0;
    if (given) {
        value = secret_copy(how->value);
    } else {
        r = keystore_load(keystore, from->reference, &value, err);
    }
    if (r >= 0 && key_is_option(face->adapter, from->name)) {
        r = add_option(face, from->name, value, err);
        secret_free(value);
        return given ? blame_value(how, r, err) : r;
    }
    if (r >= 0) {
        struct gateway_credential *to = &face->credentials[face->credential_count++];
        *to = *from;
        to->value = value;
    }
    return r;
}

static bool needs_keystore(const struct gateway *gateway) {
    for (int i = 0; i < gateway->credential_count; i++) {
        if (keystore_holds(gateway->credentials[i].reference)) {
            return true;
        }
    }
    return false;
}

/* Each certificate of a bundle by itself: the one that ends first ends the whole. */
static int64_t not_after_read(const struct secret *value) {
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *at = strstr(secret_bytes(value), begin);
    int64_t first_us = 0;
    for (int i = 0; at != NULL && i < PEM_CERTIFICATES_MAX; i++) {
        struct x509_cert *cert = NULL;
        struct err err = {0};
        const char *next = strstr(at + sizeof begin - 1, begin);
        size_t count = next != NULL ? (size_t)(next - at) : strlen(at);
        if (x509_cert_read(at, count, &cert, &err) >= 0) {
            int64_t ends_us = x509_cert_not_after_us(cert);
            first_us = first_us == 0 || ends_us < first_us ? ends_us : first_us;
            x509_cert_free(cert);
        }
        at = next;
    }
    return first_us;
}

struct key_set *key_set_new(const struct gateway *gateway) {
    struct key_set *set = calloc(1, sizeof *set);
    INVARIANT(set != NULL, "out of memory");
    set->face = *gateway;
    set->face.credential_count = 0;
    return set;
}

/* Reads every source and lets the adapter open what was read. */
static int set_read(const struct keyring *ring, const struct keyring_reload *how,
                    struct key_set **ret_set, struct err *err) {
    const struct gateway *gateway = ring->gateway;
    KEYSTORE_AUTO keystore = NULL;
    int r = needs_keystore(gateway) ? keystore_open(ring->keystore, &keystore, err) : 0;
    /* One that is not there yet is made when the value that is given is written. */
    if (r == -ERR_IO && how->credential != NULL) {
        r = 0;
    }
    struct key_set *set = key_set_new(gateway);
    for (int i = 0; r >= 0 && i < gateway->credential_count; i++) {
        r = load_one(&set->face, &gateway->credentials[i], keystore, how, err);
        if (r < 0) {
            err_while(err, "loading credential '%s'", gateway->credentials[i].name);
        }
    }
    r = r < 0 ? r : blame_value(how, gateway->adapter->open(&set->face, err), err);
    if (r < 0) {
        for (int i = 0; i < set->face.credential_count; i++) {
            secret_free(set->face.credentials[i].value);
        }
        free(set);
        return r;
    }
    for (int i = 0; i < set->face.credential_count; i++) {
        set->not_after_us[i] = not_after_read(set->face.credentials[i].value);
    }
    *ret_set = set;
    return 0;
}

/* ---- the list; under the lock ---- */

/* Takes the sets that are gone out of the list; gives those that nobody uses, linked, to be freed
 * outside the lock. `retire`: all but the one in force are gone. */
static struct key_set *prune(struct keyring *ring, bool retire, int *ret_count) {
    int64_t now = clock_wall_us();
    struct key_set *unused = NULL;
    struct key_set **at = &ring->newest->older;
    int kept = 1, count = 0;
    while (*at != NULL) {
        struct key_set *set = *at;
        if (!retire && set->until_us > now && kept < KEYRING_SETS_MAX) {
            kept++;
            at = &set->older;
            continue;
        }
        *at = set->older;
        set->gone = true;
        ring->lapsed = true;
        set->older = NULL;
        count++;
        if (set->users == 0) {
            set->older = unused;
            unused = set;
        }
    }
    *ret_count = count;
    return unused;
}

static struct key_set *prune_now(struct keyring *ring, bool retire, int *ret_count) {
    lock_take(&ring->lock);
    struct key_set *unused = prune(ring, retire, ret_count);
    lock_give(&ring->lock);
    return unused;
}

void keyring_tick(struct gateway *gateway) {
    struct keyring *ring = gateway->keyring;
    int count = 0;
    sets_free(prune_now(ring, false, &count));
    lock_take(&ring->lock);
    bool lapsed = ring->lapsed;
    ring->lapsed = false;
    lock_give(&ring->lock);
    if (lapsed) {
        memory_prune(ring);
    }
}

/* ---- taking ---- */

static struct key_set *take_newest(struct keyring *ring) {
    lock_take(&ring->lock);
    struct key_set *set = ring->newest;
    while (PLANTED(OLD_KEY_USED) && set->older != NULL) {
        set = set->older;
    }
    set->users++;
    lock_give(&ring->lock);
    return set;
}

/* All, the one in force first. Returns how many. */
static int take_all(struct keyring *ring, struct key_set *ret_sets[KEYRING_SETS_MAX]) {
    int count = 0, pruned = 0;
    lock_take(&ring->lock);
    struct key_set *unused = prune(ring, false, &pruned);
    for (struct key_set *set = ring->newest; set != NULL; set = set->older) {
        set->users++;
        ret_sets[count++] = set;
    }
    lock_give(&ring->lock);
    sets_free(unused);
    return count;
}

static void set_drop(struct keyring *ring, struct key_set *set) {
    lock_take(&ring->lock);
    set->users--;
    bool last = set->gone && set->users == 0;
    lock_give(&ring->lock);
    if (last) {
        key_set_free(set);
    }
}

struct gateway *keyring_take(struct gateway *gateway) {
    return gateway->keyring == NULL ? gateway : &take_newest(gateway->keyring)->face;
}

void keyring_drop(struct gateway *set) {
    if (set->keyring != NULL) {
        set_drop(set->keyring, (struct key_set *)set);
    }
}

/* Durable first: what was retired must not come back with the next start. */
int keyring_retire(struct gateway *gateway, struct err *err) {
    struct keyring *ring = gateway->keyring;
    struct key_set *now = take_newest(ring);
    int count = 0;
    int r = memory_retire(ring, now, err);
    set_drop(ring, now);
    if (r < 0) {
        return err_while(err, "retiring; nothing was changed");
    }
    sets_free(prune_now(ring, true, &count));
    return count;
}

/* ---- open, close ---- */

int keyring_open(struct gateway *gateway, const struct keyring_settings *settings,
                 struct err *err) {
    struct keyring *ring = calloc(1, sizeof *ring);
    INVARIANT(ring != NULL, "out of memory");
    const struct keyring_reload as_it_is = {.ask = KEYRING_ASK_NOT};
    ring->gateway = gateway;
    ring->keystore = settings->keystore;
    ring->overlap_us = settings->overlap_us > 0 ? settings->overlap_us : OVERLAP_US_USUAL;
    lock_init(&ring->lock);
    gateway->keyring = ring;
    int r = set_read(ring, &as_it_is, &ring->newest, err);
    if (r < 0) {
        keyring_close(gateway);
        return r;
    }
    ring->newest->since_us = clock_wall_us();
    return 0;
}

void keyring_close(struct gateway *gateway) {
    struct keyring *ring = gateway->keyring;
    if (ring == NULL) {
        return;
    }
    sets_free(ring->newest);
    lock_free(&ring->lock);
    free(ring);
    gateway->keyring = NULL;
}

/* ---- what only callbacks show ---- */

bool keyring_shown_by_callback(const struct gateway *gateway, const char *name) {
    const char *const *names = gateway->adapter->callback_names;
    for (; names != NULL && *names != NULL; names++) {
        size_t chars = strlen(*names);
        if (strncmp(name, *names, chars) == 0 && (name[chars] == '\0' || name[chars] == '_')) {
            return true;
        }
    }
    return false;
}

static bool same_text(const struct secret *a, const struct secret *b) {
    return secret_equal(a, secret_bytes(b), secret_count(b));
}

/* The first of those in which two sets differ; NULL: they are the same in all of them. Both were
 * made from the same names in the same order. */
static const char *differs(const struct gateway *a, const struct gateway *b) {
    for (int i = 0; i < a->credential_count; i++) {
        const char *name = a->credentials[i].name;
        if (keyring_shown_by_callback(a, name) &&
            !same_text(a->credentials[i].value, b->credentials[i].value)) {
            return name;
        }
    }
    for (int i = 0; i < a->option_count; i++) {
        const char *name = a->options[i].name;
        if (keyring_shown_by_callback(a, name) &&
            strcmp(a->options[i].value, gateway_option(b, name)) != 0) {
            return name;
        }
    }
    return NULL;
}

static void hear(struct keyring *ring, struct key_set *set) {
    lock_take(&ring->lock);
    set->heard = true;
    lock_give(&ring->lock);
}

static bool was_heard(struct keyring *ring, const struct key_set *set) {
    lock_take(&ring->lock);
    bool heard = set->heard;
    lock_give(&ring->lock);
    return heard;
}

bool keyring_unproven(struct gateway *gateway, char ret_name[KEYRING_NAME_CHARS_MAX + 1]) {
    struct key_set *sets[KEYRING_SETS_MAX];
    int count = take_all(gateway->keyring, sets);
    const char *name = NULL;
    bool heard = was_heard(gateway->keyring, sets[0]);
    for (int i = 1; i < count && !heard && name == NULL; i++) {
        name = differs(&sets[0]->face, &sets[i]->face);
    }
    if (name != NULL) {
        snprintf(ret_name, KEYRING_NAME_CHARS_MAX + 1, "%s", name);
    }
    for (int i = 0; i < count; i++) {
        set_drop(gateway->keyring, sets[i]);
    }
    return name != NULL;
}

/* ---- callbacks ---- */

int keyring_verify_callback(struct gateway *gateway, const struct gateway_call *call,
                            const struct gateway_callback_request *request,
                            struct gateway_event *ret_event, struct err *err) {
    struct key_set *sets[KEYRING_SETS_MAX];
    struct gateway_call with = *call;
    struct err why = {0};
    int r = 0;
    bool genuine = false;
    int count = take_all(gateway->keyring, sets);
    for (int i = 0; i < count && !genuine; i++) {
        struct err refusal = {0};
        with.gateway = &sets[i]->face;
        int one = gateway->adapter->verify_callback(&with, request, ret_event, &refusal);
        if (one >= 0) {
            hear(gateway->keyring, sets[i]);
        }
        /* Signed, and unreadable all the same: no other set reads it better. */
        genuine = one >= 0 || one == -ERR_BAD_REQUEST;
        bool in_doubt = one < 0 && err_http_status(refusal.code) >= 500;
        if (genuine || i == 0 || (in_doubt && err_http_status(why.code) < 500)) {
            r = one;
            why = refusal;
        }
    }
    for (int i = 0; i < count; i++) {
        set_drop(gateway->keyring, sets[i]);
    }
    if (r < 0 && err != NULL) {
        *err = why;
    }
    return r;
}

/* ---- asking ---- */

/* A gateway that has nothing to be asked by (a bank account) has no credentials to be wrong. */
static void ask_set(struct key_set *set, struct http_client *client,
                    struct gateway_result *ret_result) {
    const struct gateway_call call = {
        .gateway = &set->face,
        .client = client,
        .deadline_us = clock_mono_us() + PROBE_PATIENCE_US,
    };
    gateway_result_init(ret_result);
    if (set->face.adapter->probe == NULL) {
        ret_result->outcome = GW_NONE;
        return;
    }
    set->face.adapter->probe(&call, ret_result);
}

static int judge_answer(const struct gateway_result *result, const struct keyring_reload *how,
                        struct err *err) {
    if (result->outcome == GW_REJECTED_CREDENTIALS) {
        err_set(err, ERR_GATEWAY_REJECTED, "the gateway refuses the new credentials (%.60s)",
                result->code);
        return err_hint(err, "The ones before stay in force. Compare what was put in with the "
                             "gateway's portal.");
    }
    if (how->ask == KEYRING_ASK_MUST && result->outcome != GW_NONE) {
        return err_set(err, ERR_UNREACHABLE,
                       "the gateway did not say whether the new credentials are good: %s",
                       gateway_outcome_name(result->outcome));
    }
    return 0;
}

/* ---- reloading ---- */

static void changed(struct keyring_swap *swap, const char *name) {
    snprintf(swap->changed[swap->changed_count++], sizeof swap->changed[0], "%s", name);
}

/* Both were made from the same names in the same order. */
static void compare(const struct gateway *now, const struct gateway *fresh,
                    struct keyring_swap *swap) {
    for (int i = 0; i < fresh->credential_count; i++) {
        if (!same_text(now->credentials[i].value, fresh->credentials[i].value)) {
            changed(swap, fresh->credentials[i].name);
        }
    }
    for (int i = 0; i < fresh->option_count; i++) {
        const char *name = fresh->options[i].name;
        if (strcmp(gateway_option(now, name), fresh->options[i].value) != 0) {
            changed(swap, name);
        }
    }
}

static const struct gateway_credential *named(const struct gateway *gateway, const char *name) {
    for (int i = 0; i < gateway->credential_count; i++) {
        if (strcmp(gateway->credentials[i].name, name) == 0) {
            return &gateway->credentials[i];
        }
    }
    return NULL;
}

static int check_given(const struct gateway *gateway, const char *name, struct err *err) {
    const struct gateway_credential *credential = named(gateway, name);
    if (credential == NULL) {
        err_set(err, ERR_NOT_FOUND, "%s has no credential '%.31s'", gateway->name, name);
        return err_hint(err, "`holdfast keys list` names them.");
    }
    if (strncmp(credential->reference, "env:", 4) == 0) {
        err_set(err, ERR_STATE, "credential '%s' comes from the environment, which is read once",
                name);
        return err_hint(err, "Change it where the service is started and restart it, or give it "
                             "the source sealed:NAME or file:/path.");
    }
    return 0;
}

static int write_file(const char *path, const struct secret *value, struct err *err) {
    struct file_face face = {.mode = 0600};
    struct err none = {0};
    if (file_look(path, &face, &none) < 0) {
        face.mode = 0600;
    }
    return file_replace(path, secret_bytes(value), secret_count(value), face.mode, err);
}

static int write_source(const struct keyring *ring, const struct keyring_reload *how,
                        struct err *err) {
    const char *reference = named(ring->gateway, how->credential)->reference;
    int r = keystore_holds(reference)
                ? keystore_put(ring->keystore, strchr(reference, ':') + 1, how->value, err)
                : write_file(strchr(reference, ':') + 1, how->value, err);
    return r < 0 ? err_while(err, "keeping the new credential; nothing was changed") : 0;
}

static void swap_in(struct keyring *ring, struct key_set *fresh) {
    int count = 0;
    int64_t now = clock_wall_us();
    lock_take(&ring->lock);
    fresh->since_us = now;
    fresh->heard = ring->newest->heard && differs(&fresh->face, &ring->newest->face) == NULL;
    fresh->older = ring->newest;
    ring->newest->until_us = PLANTED(OVERLAP_DROPPED) ? now : now + ring->overlap_us;
    ring->newest = fresh;
    struct key_set *unused = prune(ring, false, &count);
    lock_give(&ring->lock);
    sets_free(unused);
}

/* What its source did not take is not in force after all. */
static void keep_again(struct keyring *ring) {
    struct err err = {0};
    struct key_set *now = take_newest(ring);
    if (memory_keep(ring, now, &err) < 0) {
        log_error(STORE_FAILED, &err, LT("while", "keeping a gateway's credentials"));
    }
    set_drop(ring, now);
}

/* What was read, opened and has changed comes into force, or is freed. */
static int take_over(struct keyring *ring, const struct keyring_reload *how, struct key_set *fresh,
                     struct keyring_swap *swap, struct err *err) {
    int r = 0;
    if (how->ask != KEYRING_ASK_NOT) {
        struct gateway_result result;
        ask_set(fresh, how->client, &result);
        swap->asked = true;
        swap->outcome = result.outcome;
        r = judge_answer(&result, how, err);
    }
    /* The old set is kept before its source is written over: whenever this ends, both are there. */
    r = r < 0 ? r : memory_keep(ring, fresh, err);
    if (r >= 0 && how->credential != NULL) {
        r = write_source(ring, how, err);
        if (r < 0) {
            keep_again(ring);
        }
    }
    if (r < 0) {
        key_set_free(fresh);
        return r;
    }
    swap_in(ring, fresh);
    swap->swapped = true;
    return 0;
}

static int reload(struct keyring *ring, const struct keyring_reload *how,
                  struct keyring_swap *ret_swap, struct err *err) {
    struct key_set *fresh = NULL;
    struct keyring_swap swap = {.outcome = GW_UNKNOWN};
    int r = how->credential != NULL ? check_given(ring->gateway, how->credential, err) : 0;
    r = r < 0 ? r : set_read(ring, how, &fresh, err);
    if (r < 0) {
        return r;
    }
    struct key_set *now = take_newest(ring);
    compare(&now->face, &fresh->face, &swap);
    set_drop(ring, now);
    if (swap.changed_count == 0) {
        key_set_free(fresh);
    } else {
        r = take_over(ring, how, fresh, &swap, err);
    }
    if (r >= 0) {
        *ret_swap = swap;
    }
    return r;
}

static bool begin_change(struct keyring *ring) {
    lock_take(&ring->lock);
    bool free = !ring->changing;
    ring->changing = true;
    lock_give(&ring->lock);
    return free;
}

static void end_change(struct keyring *ring) {
    lock_take(&ring->lock);
    ring->changing = false;
    lock_give(&ring->lock);
}

int keyring_reload(struct gateway *gateway, const struct keyring_reload *how,
                   struct keyring_swap *ret_swap, struct err *err) {
    if (!begin_change(gateway->keyring)) {
        err_set(err, ERR_STATE, "the credentials of %s are being changed just now", gateway->name);
        return err_hint(err, "Repeat it in a moment.");
    }
    int r = reload(gateway->keyring, how, ret_swap, err);
    end_change(gateway->keyring);
    return r;
}

/* ---- looking ---- */

/* An option that was read as a credential stands among the options of a set. */
static void fingerprint_of(const struct gateway *set, const char *name, const struct seal *seal,
                           char ret[KEYRING_FINGERPRINT_CHARS + 1]) {
    const struct secret *value = gateway_credential(set, name);
    const char *option = gateway_option(set, name);
    char hex[65];
    seal_digest(seal, value != NULL ? secret_bytes(value) : option,
                value != NULL ? secret_count(value) : strlen(option), hex);
    snprintf(ret, KEYRING_FINGERPRINT_CHARS + 1, "%.*s", KEYRING_FINGERPRINT_CHARS, hex);
}

static int64_t not_after_of(const struct key_set *set, const char *name) {
    for (int i = 0; i < set->face.credential_count; i++) {
        if (strcmp(set->face.credentials[i].name, name) == 0) {
            return set->not_after_us[i];
        }
    }
    return 0;
}

static void add_old(struct keyring_item *item, const struct key_set *set, const struct seal *seal) {
    char fingerprint[KEYRING_FINGERPRINT_CHARS + 1];
    fingerprint_of(&set->face, item->name, seal, fingerprint);
    bool known = strcmp(item->fingerprint, fingerprint) == 0;
    for (int i = 0; i < item->old_count; i++) {
        known = known || strcmp(item->old[i].fingerprint, fingerprint) == 0;
    }
    if (!known) {
        snprintf(item->old[item->old_count].fingerprint, sizeof item->old[0].fingerprint, "%s",
                 fingerprint);
        item->old[item->old_count++].until_us = set->until_us;
    }
}

static bool unguarded(const char *reference) {
    struct file_face face;
    struct err err = {0};
    return strncmp(reference, "file:", 5) == 0 && file_look(reference + 5, &face, &err) >= 0 &&
           !face.ours_to_keep;
}

void keyring_view(struct gateway *gateway, const struct seal *seal, struct keyring_view *ret_view) {
    struct key_set *sets[KEYRING_SETS_MAX];
    int count = take_all(gateway->keyring, sets);
    *ret_view = (struct keyring_view){.since_us = sets[0]->since_us};
    lock_take(&gateway->keyring->lock);
    snprintf(ret_view->not_kept, sizeof ret_view->not_kept, "%s", gateway->keyring->trouble);
    lock_give(&gateway->keyring->lock);
    if (gateway->adapter->signers != NULL) {
        ret_view->signer_count = gateway->adapter->signers(&sets[0]->face, ret_view->signers);
    }
    for (int i = 0; i < gateway->credential_count; i++) {
        const struct gateway_credential *credential = &gateway->credentials[i];
        struct keyring_item *item = &ret_view->items[ret_view->item_count++];
        snprintf(item->name, sizeof item->name, "%s", credential->name);
        snprintf(item->reference, sizeof item->reference, "%s", credential->reference);
        fingerprint_of(&sets[0]->face, item->name, seal, item->fingerprint);
        item->not_after_us = not_after_of(sets[0], item->name);
        item->unguarded = unguarded(credential->reference);
        for (int s = 1; s < count; s++) {
            add_old(item, sets[s], seal);
        }
    }
    for (int i = 0; i < count; i++) {
        set_drop(gateway->keyring, sets[i]);
    }
}

const char *keyring_unreadable(const struct gateway *gateway) {
    KEYSTORE_AUTO keystore = NULL;
    struct err err = {0};
    if (needs_keystore(gateway)) {
        (void)!keystore_open(gateway->keyring->keystore, &keystore, &err);
    }
    for (int i = 0; i < gateway->credential_count; i++) {
        SECRET_AUTO value = NULL;
        if (keystore_load(keystore, gateway->credentials[i].reference, &value, &err) < 0) {
            return gateway->credentials[i].name;
        }
    }
    return NULL;
}

int keyring_ask_all(struct gateway *gateway, struct http_client *client, const struct seal *seal,
                    struct keyring_answer ret_answers[KEYRING_SETS_MAX]) {
    struct key_set *sets[KEYRING_SETS_MAX];
    int count = take_all(gateway->keyring, sets);
    for (int i = 0; i < count; i++) {
        struct keyring_answer *answer = &ret_answers[i];
        *answer = (struct keyring_answer){.until_us = i == 0 ? 0 : sets[i]->until_us,
                                          .callback_seen = was_heard(gateway->keyring, sets[i])};
        for (int c = 0; c < gateway->credential_count; c++) {
            fingerprint_of(&sets[i]->face, gateway->credentials[c].name, seal,
                           answer->fingerprint[c]);
        }
        struct gateway_result result;
        gateway_result_init(&result);
        answer->callbacks_only = sets[i]->recalled;
        if (!sets[i]->recalled) {
            ask_set(sets[i], client, &result);
        }
        answer->outcome = result.outcome;
        snprintf(answer->code, sizeof answer->code, "%s", result.code);
        set_drop(gateway->keyring, sets[i]);
    }
    return count;
}

int keyring_files(const struct gateway *gateway, const char *ret_paths[GATEWAY_CREDENTIALS_MAX]) {
    int count = 0;
    bool keystore = false;
    for (int i = 0; i < gateway->credential_count; i++) {
        const char *reference = gateway->credentials[i].reference;
        if (strncmp(reference, "file:", 5) == 0) {
            ret_paths[count++] = reference + 5;
        } else if (keystore_holds(reference) && !keystore) {
            ret_paths[count++] = gateway->keyring->keystore->path;
            keystore = true;
        }
    }
    return count;
}
