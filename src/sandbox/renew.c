/* SPDX-License-Identifier: Apache-2.0
 * renew.c: keys, secrets and certificates of a simulated gateway that are replaced while it runs:
 * the one before is good beside the new one, as at a real portal, until somebody ends it. */
#include <stdlib.h>
#include <string.h>

#include "sandbox/sandbox_impl.h"

void sb_setting_renew(struct sandbox *sandbox, enum sb_gateway gateway, int index,
                      const char *value) {
    char *fresh = strdup(value);
    INVARIANT(fresh != NULL, "no memory for a setting");
    sb_setting_end(sandbox, gateway, index);
    sandbox->settings_before[gateway][index] = sandbox->settings[gateway][index];
    sandbox->settings[gateway][index] = fresh;
}

void sb_setting_end(struct sandbox *sandbox, enum sb_gateway gateway, int index) {
    free(sandbox->settings_before[gateway][index]);
    sandbox->settings_before[gateway][index] = NULL;
}

const char *sb_setting_before(const struct sandbox *sandbox, enum sb_gateway gateway, int index) {
    return sandbox->settings_before[gateway][index];
}

void sb_identity_renew(struct sandbox *sandbox, enum sb_gateway gateway, void *identity) {
    INVARIANT(sandbox->identity_lent[gateway], "only lent keys are replaced");
    sandbox->identities_before[gateway] = sandbox->identities[gateway];
    sandbox->identities[gateway] = identity;
}

void sb_identity_end(struct sandbox *sandbox, enum sb_gateway gateway) {
    sandbox->identities_before[gateway] = NULL;
}

const void *sb_identity_before(const struct sandbox *sandbox, enum sb_gateway gateway) {
    return sandbox->identities_before[gateway];
}
