/* SPDX-License-Identifier: Apache-2.0
 * files_sums.c: what is added up: rows and amounts by currency and class, what the rules let pass,
 * and what of it is no break, in words. */
#include <string.h>

#include "match/files/files_impl.h"

/* ---- sums ---- */

bool sums_add(struct sums *sums, const struct match_sum *more) {
    int at = sums->last;
    if (at >= sums->count || sums->rows[at].class != more->class ||
        !currency_equal(sums->rows[at].currency, more->currency)) {
        for (at = 0; at < sums->count; at++) {
            if (sums->rows[at].class == more->class &&
                currency_equal(sums->rows[at].currency, more->currency)) {
                break;
            }
        }
        if (at == FILES_SUMS_MAX) {
            return false;
        }
        if (at == sums->count) {
            sums->rows[sums->count++] = (struct match_sum){.currency = more->currency,
                                                           .class = more->class};
        }
        sums->last = at;
    }
    struct match_sum *sum = &sums->rows[at];
    for (int i = 0; i < MATCH_SIDES; i++) {
        sum->rows[i] += more->rows[i];
        if (__builtin_add_overflow(sum->amount_minor[i], more->amount_minor[i],
                                   &sum->amount_minor[i]) ||
            __builtin_add_overflow(sum->fee_minor[i], more->fee_minor[i], &sum->fee_minor[i])) {
            return false;
        }
    }
    return true;
}

static int sum_order(const void *a, const void *b) {
    const struct match_sum *x = a, *y = b;
    int found = memcmp(x->currency.code, y->currency.code, CURRENCY_CHARS);
    return found != 0 ? found : (int)x->class - (int)y->class;
}

static int allowed_order(const void *a, const void *b) {
    const struct files_allowed *x = a, *y = b;
    return memcmp(x->currency.code, y->currency.code, CURRENCY_CHARS);
}

/* By currency, then class; what came to nothing is none. */
void sums_out(const struct sums *sums, struct files_figures *figures) {
    figures->sum_count = 0;
    for (int i = 0; i < sums->count; i++) {
        if (sums->rows[i].rows[OURS] != 0 || sums->rows[i].rows[THEIRS] != 0) {
            figures->sums[figures->sum_count++] = sums->rows[i];
        }
    }
    qsort(figures->sums, (size_t)figures->sum_count, sizeof figures->sums[0], sum_order);
    qsort(figures->allowed, (size_t)figures->allowed_count, sizeof figures->allowed[0],
          allowed_order);
}

/* ---- what is no break, in words ---- */

bool files_same(const struct files_figures *figures) {
    bool same = figures->breaks == 0;
    for (int i = 0; i < figures->sum_count; i++) {
        same = same && figures->sums[i].class == CLASS_MATCHED;
    }
    return same;
}

static int64_t rows_of(const struct files_figures *figures, enum match_class class) {
    int64_t rows = 0;
    for (int i = 0; i < figures->sum_count; i++) {
        const struct match_sum *sum = &figures->sums[i];
        rows += sum->class == class ? sum->rows[OURS] + sum->rows[THEIRS] : 0;
    }
    return rows;
}

static void add_allowed(const struct files_figures *figures, GString *words) {
    char more[MONEY_TEXT_MAX], less[MONEY_TEXT_MAX];
    for (int i = 0; i < figures->allowed_count; i++) {
        const struct files_allowed *allowed = &figures->allowed[i];
        const char *code = allowed->currency.code;
        g_string_append_printf(
            words, "%s%lld in %s (%s more there, %s less)", i > 0 ? ", " : "",
            (long long)allowed->groups, code,
            money_decimal(allowed->more_minor, allowed->currency, more),
            money_decimal(allowed->less_minor, allowed->currency, less));
    }
    g_string_append(words, figures->allowed_count > 0 ? " differ within the rules' tolerance" : "");
}

const char *files_words(const struct files_figures *figures, char ret_words[FILES_WORDS_MAX]) {
    static const struct {
        enum match_class class;
        const char *one, *many;
    } kinds[] = {
        {CLASS_EXPECTED, "row is expected, not due yet", "rows are expected, not due yet"},
        {CLASS_GATEWAYS_OWN, "row is the gateway's own", "rows are the gateway's own"},
        {CLASS_NOTHING_MOVED, "row tells of no money that moved",
         "rows tell of no money that moved"},
    };
    g_autoptr(GString) words = g_string_new(NULL);
    add_allowed(figures, words);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        int64_t rows = rows_of(figures, kinds[i].class);
        if (rows > 0) {
            g_string_append_printf(words, "%s%lld %s", words->len > 0 ? "; " : "", (long long)rows,
                                   rows == 1 ? kinds[i].one : kinds[i].many);
        }
    }
    g_strlcpy(ret_words, words->str, FILES_WORDS_MAX);
    return ret_words;
}

int files_allow(struct files_figures *figures, struct currency currency, int64_t difference_minor,
                struct err *err) {
    int at = 0;
    while (at < figures->allowed_count &&
           !currency_equal(figures->allowed[at].currency, currency)) {
        at++;
    }
    if (at == FILES_CURRENCIES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "there are more than %d currencies", at);
    }
    struct files_allowed *allowed = &figures->allowed[at];
    if (at == figures->allowed_count) {
        *allowed = (struct files_allowed){.currency = currency};
        figures->allowed_count++;
    }
    int64_t *to = difference_minor > 0 ? &allowed->more_minor : &allowed->less_minor;
    allowed->groups++;
    return money_add(*to, difference_minor > 0 ? difference_minor : -difference_minor, to)
               ? 0
               : err_set(err, ERR_AMOUNT, "the differences in %s are beyond what is ever added up",
                         currency.code);
}
