/* SPDX-License-Identifier: Apache-2.0
 * whose.c: whose statement a file is, as it says itself. */
#include "recon/whose.h"

#include <stdio.h>
#include <string.h>

#include "base/pan.h"
#include "gateway/bank/bank.h"
#include "recon/sources.h"

enum { PACKED_CHARS_MAX = 2 * ROW_ID_CHARS_MAX, TOLD_CHARS_MAX = 300 };

static const struct {
    const char *adapter, *option, *suffix;
} options[] = {
#define X(adapter, option, suffix) {adapter, option, suffix},
#include "recon/whose_options.def"
#undef X
};

static const char *const verdicts[] = {
    [WHOSE_NOT_TOLD] = "not_told",
    [WHOSE_NOT_CONFIGURED] = "not_configured",
    [WHOSE_OTHER] = "other",
    [WHOSE_SAME] = "same",
};

const char *whose_verdict_name(enum whose_verdict verdict) {
    return verdicts[verdict];
}

/* ---- what a file tells ---- */

void whose_add(struct whose *whose, const char *account) {
    if (account[0] == '\0') {
        return;
    }
    /* Most rows have the account of the one before. */
    for (int i = whose->count - 1; i >= 0; i--) {
        if (strcmp(whose->accounts[i], account) == 0) {
            return;
        }
    }
    if (whose->count == WHOSE_ACCOUNTS_MAX) {
        whose->more = true;
        return;
    }
    snprintf(whose->accounts[whose->count++], sizeof whose->accounts[0], "%s", account);
}

void whose_add_head(struct whose *whose, const struct statement_head *head) {
    whose_add(whose, head->account);
    for (int i = 0; i < head->link_count; i++) {
        whose_add(whose, head->links[i].account);
    }
}

/* ---- what is configured ---- */

static void pack(const char *account, char packed[PACKED_CHARS_MAX + 1]) {
    size_t count = 0;
    for (; *account != '\0' && count < PACKED_CHARS_MAX; account++) {
        char c = *account;
        if (strchr(" -./", c) == NULL) {
            packed[count++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        }
    }
    packed[count] = '\0';
}

static bool is_same(const char *told, const char *configured, const char *suffix) {
    char one[PACKED_CHARS_MAX + 1], other[PACKED_CHARS_MAX + 1];
    pack(told, one);
    pack(configured, other);
    size_t count = strlen(other);
    return count > 0 && strncmp(one, other, count) == 0 &&
           (one[count] == '\0' || strcmp(one + count, suffix) == 0);
}

static bool is_virtual(const struct gateway *gateway, const char *told) {
    struct bank_terms terms;
    char packed[BANK_ACCOUNT_CHARS_MAX + 1];
    return bank_terms_of(gateway, &terms) && bank_account_pack(told, packed) &&
           bank_account_match(&terms, packed) != BANK_ACCOUNT_OTHER;
}

/* Its account by its option; "": no option of it says one. */
static const char *option_of(const struct gateway *gateway, const char **ret_option,
                             const char **ret_suffix) {
    *ret_option = *ret_suffix = "";
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (strcmp(options[i].adapter, gateway->adapter->name) == 0) {
            *ret_option = options[i].option;
            *ret_suffix = options[i].suffix;
            return gateway_option(gateway, options[i].option);
        }
    }
    return "";
}

bool whose_is_named(const struct source *source, const char *account) {
    for (int i = 0; i < source->account_count; i++) {
        if (is_same(account, source->accounts[i], "")) {
            return true;
        }
    }
    return false;
}

static bool is_of(const struct source *source, const char *told) {
    const char *option, *suffix;
    const char *account = option_of(source->gateway, &option, &suffix);
    return whose_is_named(source, told) || is_same(told, account, suffix) ||
           is_virtual(source->gateway, told);
}

static bool is_configured(const struct source *source) {
    const char *option, *suffix;
    return option_of(source->gateway, &option, &suffix)[0] != '\0' || source->account_count > 0;
}

/* ---- the refusal ---- */

/* "1900000001 (mchid), 1900000009 (statements.accounts)" */
static void configured_text(const struct source *source, char text[TOLD_CHARS_MAX]) {
    const char *option, *suffix;
    const char *account = option_of(source->gateway, &option, &suffix);
    size_t used = 0;
    text[0] = '\0';
    if (account[0] != '\0') {
        used = (size_t)snprintf(text, TOLD_CHARS_MAX, "%.64s (%s)", account, option);
    }
    for (int i = 0; i < source->account_count && used < TOLD_CHARS_MAX; i++) {
        used += (size_t)snprintf(text + used, TOLD_CHARS_MAX - used,
                                 "%s%.64s (statements.accounts)", used > 0 ? ", " : "",
                                 source->accounts[i]);
    }
    (void)pan_mask(text, strlen(text));
}

static const struct source *owner_of(const struct source *sources, int count, const char *told) {
    for (int i = 0; i < count; i++) {
        if (is_of(&sources[i], told)) {
            return &sources[i];
        }
    }
    return NULL;
}

static int refuse(const struct whose *whose, int at, const char *name, const struct source *source,
                  const struct source *sources, int source_count, struct err *err) {
    char told[ROW_ID_CHARS_MAX + 1], configured[TOLD_CHARS_MAX];
    const char *gateway = source->gateway->name;
    const struct source *owner = owner_of(sources, source_count, whose->accounts[at]);
    snprintf(told, sizeof told, "%s", whose->accounts[at]);
    (void)pan_mask(told, strlen(told));
    configured_text(source, configured);
    (void)err_set(err, ERR_VALIDATION, "%.80s is %s the account %.64s, and %s is %s", name,
                  whose->count > 1 ? "also of" : "of", told, gateway, configured);
    if (whose->count > 1) {
        return err_hint(err,
                        "Give each account's statements in a file of their own, or, if they are "
                        "all of %s, name them in its statements.accounts (holdfast.yaml).",
                        gateway);
    }
    if (owner != NULL) {
        return err_hint(err, "That account is the gateway %s: give it with --gateway %s.",
                        owner->gateway->name, owner->gateway->name);
    }
    return err_hint(err,
                    "Is it the file of another account? If %s goes by this name on its "
                    "statements, add it to its statements.accounts (holdfast.yaml) and give the "
                    "file again.",
                    gateway);
}

int whose_check(const struct whose *whose, const char *name, const struct source *source,
                const struct source *sources, int source_count, enum whose_verdict *ret_verdict,
                struct err *err) {
    *ret_verdict = whose->count == 0        ? WHOSE_NOT_TOLD
                   : !is_configured(source) ? WHOSE_NOT_CONFIGURED
                                            : WHOSE_OTHER;
    if (*ret_verdict != WHOSE_OTHER) {
        return 0;
    }
    if (whose->more) {
        return err_set(err, ERR_VALIDATION, "%.80s is of more than %d accounts", name,
                       WHOSE_ACCOUNTS_MAX);
    }
    for (int i = 0; i < whose->count; i++) {
        if (!is_of(source, whose->accounts[i])) {
            return refuse(whose, i, name, source, sources, source_count, err);
        }
    }
    *ret_verdict = WHOSE_SAME;
    return 0;
}
