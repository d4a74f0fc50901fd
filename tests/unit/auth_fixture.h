/* SPDX-License-Identifier: Apache-2.0
 * auth_fixture.h: the service of a group of tests with one API key of each role. */
#ifndef HOLDFAST_TESTS_AUTH_FIXTURE_H
#define HOLDFAST_TESTS_AUTH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth_impl.h"
#include "base/clock.h"
#include "support/api_fixture.h"
#include "support/test_clock.h"

static char role_keys[ROLE_ADMIN + 1][API_KEY_CHARS + 1];

static inline int start_with_keys(void **state) {
    int r = the_api_start(state);
    for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        api_key(&the_api, role_name(role), "", role_keys[role]);
    }
    return r;
}

static inline int get_with(const char *path, const char *key) {
    return api_status(&the_api, &(struct api_ask){.path = path, .key = key});
}

#endif
