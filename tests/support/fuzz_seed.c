/* SPDX-License-Identifier: Apache-2.0
 * fuzz_seed.c: see fuzz_seed.h. */
#include "support/fuzz_seed.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

enum { NAME_CHARS_MAX = 60 };

/* By how the names of its readers begin. */
static const struct {
    const char *reader, *target;
} targets[] = {
    {"adyen", "read_adyen"},       {"alipay", "read_alipay"}, {"camt", "read_camt"},
    {"canonical", "csv_map"},      {"csv", "csv_map"},        {"mt940", "read_mt940"},
    {"paypal", "read_paypal"},     {"stripe", "read_stripe"}, {"unionpay", "read_unionpay"},
    {"wechat", "read_wechat"},
};

bool fuzz_seeds_wanted(void) {
    const char *folder = getenv("HOLDFAST_SEEDS");
    return folder != NULL && folder[0] != '\0';
}

static const char *target_of(const char *reader) {
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        if (g_str_has_prefix(reader, targets[i].reader)) {
            return targets[i].target;
        }
    }
    fail_msg("the reader %s has no fuzz target", reader);
    return NULL;
}

/* "no rows, but a total" of "alipay-trade" is alipay_trade_no_rows_but_a_total. */
static void put_name(GString *path, const char *text) {
    gsize begin = path->len;
    for (const char *at = text; *at != '\0' && path->len - begin < NAME_CHARS_MAX; at++) {
        bool word = g_ascii_isalnum(*at);
        if (word || path->str[path->len - 1] != '_') {
            g_string_append_c(path, word ? g_ascii_tolower(*at) : '_');
        }
    }
    while (path->str[path->len - 1] == '_') {
        g_string_truncate(path, path->len - 1);
    }
}

void fuzz_seed_write(const char *reader, const char *name, const char *file_name, const char *map,
                     const void *bytes, size_t count) {
    const char *folder = getenv("HOLDFAST_SEEDS");
    if (!fuzz_seeds_wanted()) {
        return;
    }
    const char *target = target_of(reader);
    g_autoptr(GString) path = g_string_new(NULL);
    g_autoptr(GString) input = g_string_new(NULL);
    g_string_printf(path, "%s/%s", folder, target);
    assert_int_equal(g_mkdir_with_parents(path->str, 0755), 0);
    g_string_append_c(path, '/');
    put_name(path, reader);
    g_string_append_c(path, '_');
    put_name(path, name);
    if (strcmp(target, "read_unionpay") == 0) {
        g_string_append_printf(input, "%s\n", file_name != NULL ? file_name : "");
    }
    if (map != NULL) {
        g_string_append_printf(input, "%s\n====\n", map);
    }
    g_string_append_len(input, bytes, (gssize)count);
    assert_true(g_file_set_contents(path->str, input->str, (gssize)input->len, NULL));
}
