/* SPDX-License-Identifier: Apache-2.0
 * check.c: the table of what can be counted, and one count. */
#include "watch/check.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const struct check checks[] = {
#define X(name, rule, gravity, grave_after_s, one, many, sql, next)                                \
    {name, rule, GRAVITY_##gravity, grave_after_s, one, many, sql, next},
#include "watch/checks.def"
#undef X
};

const char *gravity_name(enum gravity gravity) {
    static const char *const names[GRAVITIES] = {"critical", "warning", "notice"};
    return (unsigned)gravity < GRAVITIES ? names[gravity] : "?";
}

int check_count(void) {
    return (int)COUNT_OF(checks);
}

const struct check *check_at(int index) {
    return &checks[index];
}

int check_take(const struct check *check, struct store_tx *tx, int64_t now_us, int64_t *ret_count,
               int64_t *ret_since_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = strstr(check->sql, "$1") != NULL ? sql_query(tx, err, &rows, check->sql, S_INT(now_us))
                                             : sql_query(tx, err, &rows, check->sql);
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    *ret_count = sql_int(rows, 0);
    *ret_since_us = sql_null(rows, 1) ? 0 : sql_int(rows, 1);
    return 0;
}

void check_text(const struct check *check, int64_t count, char ret_text[CHECK_TEXT_BYTES]) {
    snprintf(ret_text, CHECK_TEXT_BYTES, "%lld %s.", (long long)count,
             count == 1 ? check->one : check->many);
}
