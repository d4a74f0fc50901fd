/* SPDX-License-Identifier: Apache-2.0
 * purpose.c: purposes by name. */
#include "mode/purpose.h"

#include <string.h>

const char *purpose_name(enum payment_purpose purpose) {
    static const char *const names[] = {"?", "order", "subscription", "topup"};
    static_assert(COUNT_OF(names) == PURPOSE_COUNT, "every purpose has a name");
    if (purpose == PURPOSE_PROBE) {
        return "probe";
    }
    return purpose > 0 && (int)purpose < PURPOSE_COUNT ? names[purpose] : "?";
}

bool purpose_parse(const char *name, enum payment_purpose *ret_purpose) {
    for (int i = PURPOSE_ORDER; i < PURPOSE_COUNT; i++) {
        if (strcmp(name, purpose_name((enum payment_purpose)i)) == 0) {
            *ret_purpose = (enum payment_purpose)i;
            return true;
        }
    }
    return false;
}
