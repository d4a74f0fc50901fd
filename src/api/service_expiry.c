/* SPDX-License-Identifier: Apache-2.0
 * service_expiry.c: what `keys list` warns of, as signals of alerts: credentials and certificates
 * that are old or about to end, and new ones that could not be taken. */
#include <stdlib.h>
#include <string.h>

#include "api/credentials.h"
#include "api/service_impl.h"

struct expiring {
    struct arena *arena;
    struct alert_signal *signals;
    int count, max;
};

static void add(struct expiring *expiring, const char *whose, const char *owner, const char *name,
                enum credential_state state, const char *why) {
    if (state == CREDENTIAL_OK || expiring->count == expiring->max) {
        return;
    }
    struct alert_signal *signal = &expiring->signals[expiring->count++];
    *signal = (struct alert_signal){
        .rule = "CredentialExpiry",
        .firing = true,
        .labels = {{"of", "credential"},
                   {whose, arena_copy(expiring->arena, owner)},
                   {"name", arena_copy(expiring->arena, name)}},
        .label_count = 3,
        .severity_known = true,
        .severity = state == CREDENTIAL_WARN ? NOTICE_P3 : NOTICE_P1,
        .title = arena_printf(expiring->arena, "%s of %s %s: %s", name, whose, owner,
                              credential_state_name(state)),
        .summary = arena_copy(expiring->arena, why),
        .scope = arena_printf(expiring->arena,
                              strcmp(whose, "gateway") == 0
                                  ? "All payments at gateway %s."
                                  : "Everybody who calls the %s listener.",
                              owner),
    };
}

static void add_gateway(struct service *service, struct expiring *expiring, int index,
                        struct credentials_view *view) {
    const char *gateway = gateway_at(service->registry, index)->name;
    char why[400];
    credentials_view(service->credentials, index, view);
    for (int i = 0; i < view->keys.item_count; i++) {
        const struct keyring_item *item = &view->keys.items[i];
        enum credential_state state = credential_judge(service->credentials, item,
                                                       &view->stories[i], why, sizeof why);
        add(expiring, "gateway", gateway, item->name, state, why);
    }
    for (int i = 0; i < view->keys.signer_count; i++) {
        enum credential_state state = credential_judge_signer(service->credentials, &view->keys, i,
                                                              why, sizeof why);
        add(expiring, "gateway", gateway, view->keys.signers[i].serial, state, why);
    }
    if (view->trouble[0] != '\0') {
        add(expiring, "gateway", gateway, "new", CREDENTIAL_URGENT, view->trouble);
    }
}

int service_expiring(void *ctx, struct arena *arena, struct alert_signal *ret_signals, int max) {
    struct service *service = ctx;
    struct expiring expiring = {.arena = arena, .signals = ret_signals, .max = max};
    struct credentials_view *view = malloc(sizeof *view);
    INVARIANT(view != NULL, "no memory for a gateway's credentials");
    for (int i = 0; i < gateway_count(service->registry); i++) {
        add_gateway(service, &expiring, i, view);
    }
    free(view);
    for (int i = 0; i < CREDENTIALS_LISTENERS; i++) {
        struct listener_certificate one;
        char why[200];
        credentials_listener(service->credentials, i, &one);
        enum credential_state state = credential_judge_expiry(service->credentials,
                                                              one.not_after_us, why, sizeof why);
        add(&expiring, "listener", one.name, "certificate", state, why);
    }
    return expiring.count + service_probes_signals(service, arena, ret_signals + expiring.count,
                                                   max - expiring.count);
}
