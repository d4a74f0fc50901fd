/* SPDX-License-Identifier: Apache-2.0
 * alert_money.c: what is at stake while an alert fires: as its row keeps it, in words, as JSON.
 * Amounts of different currencies are never added; they are ranked by how many usual payments they
 * are, which is the stake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "watch/alert_impl.h"
#include "watch/phrase.h"

/* From so much of the currency on nobody wants its cents. */
enum { WHOLE_FROM = 100, GROUP = 3 };

struct stakes {
    int64_t stake;
    struct alert_money money[ALERT_MONEY_MAX];
    int count;
};

static int64_t unit_of(struct currency currency) {
    int64_t unit = 1;
    for (int i = 0; i < currency_exponent(currency); i++) {
        unit *= 10;
    }
    return unit;
}

static bool is_money(const struct alert_money *money, struct currency *ret_currency) {
    struct err err = {0};
    return currency_parse(money->currency, ret_currency, &err) >= 0 &&
           (money->sum_minor > 0 || money->per_minute_minor > 0);
}

/* ---- kept ---- */

const char *alert_money_kept(struct arena *arena, const struct alert_signal *signal) {
    char *text = arena_printf(arena, "%lld", (long long)signal->stake);
    int kept = 0;
    for (int i = 0; i < signal->money_count; i++) {
        struct currency currency;
        if (is_money(&signal->money[i], &currency)) {
            text = arena_printf(arena, "%s;%s %lld %lld", text, currency.code,
                                (long long)signal->money[i].per_minute_minor,
                                (long long)signal->money[i].sum_minor);
            kept++;
        }
    }
    return kept > 0 || signal->stake > 0 ? text : "";
}

static void read_kept(const char *kept, struct stakes *ret_stakes) {
    *ret_stakes = (struct stakes){.stake = strtoll(kept, NULL, 10)};
    const char *at = strchr(kept, ';');
    for (; at != NULL && ret_stakes->count < ALERT_MONEY_MAX; at = strchr(at + 1, ';')) {
        struct alert_money *money = &ret_stakes->money[ret_stakes->count];
        struct currency currency;
        *money = (struct alert_money){0};
        (void)snprintf(money->currency, sizeof money->currency, "%.3s", at + 1);
        if (strlen(at + 1) > CURRENCY_CHARS) {
            char *end = NULL;
            money->per_minute_minor = strtoll(at + 1 + CURRENCY_CHARS, &end, 10);
            money->sum_minor = strtoll(end, NULL, 10);
        }
        ret_stakes->count += is_money(money, &currency) ? 1 : 0;
    }
}

int64_t alert_money_stake(const char *kept) {
    return kept != NULL ? strtoll(kept, NULL, 10) : 0;
}

/* ---- in words ---- */

/* "CNY 12,340", "EUR 13.50": thousands apart; cents only where they are much of it. */
static char *amount_words(struct arena *arena, int64_t minor, struct currency currency) {
    char text[MONEY_TEXT_MAX], grouped[2 * MONEY_TEXT_MAX];
    int64_t unit = unit_of(currency);
    bool whole = minor >= WHOLE_FROM * unit;
    int64_t shown = whole ? (minor + unit / 2) / unit * unit : minor;
    (void)money_decimal(shown, currency, text);
    size_t digits = strcspn(text, "."), to = 0;
    for (size_t i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % GROUP == 0) {
            grouped[to++] = ',';
        }
        grouped[to++] = text[i];
    }
    grouped[to] = '\0';
    return arena_printf(arena, "%s %s%s", currency.code, grouped, whole ? "" : text + digits);
}

static char *sum_words(struct arena *arena, enum notice_language language,
                       const struct stakes *stakes, bool by_minute) {
    char *text = NULL;
    for (int i = 0; i < stakes->count; i++) {
        const struct alert_money *money = &stakes->money[i];
        int64_t minor = by_minute ? money->per_minute_minor : money->sum_minor;
        struct currency currency;
        if (minor <= 0 || !is_money(money, &currency)) {
            continue;
        }
        const char *and = text == NULL ? "" : alert_word_in(language, ALERT_WORD_MONEY_AND);
        text = arena_printf(arena, "%s%s%s", text != NULL ? text : "", and,
                            amount_words(arena, minor, currency));
    }
    return text;
}

const char *alert_money_words(struct arena *arena, enum notice_language language,
                              const struct alert_face *face, const char *kept) {
    struct stakes stakes;
    read_kept(kept, &stakes);
    char *rate = sum_words(arena, language, &stakes, true);
    char *sum = sum_words(arena, language, &stakes, false);
    if (sum == NULL) {
        return "";
    }
    bool at_gateway = face_value(face, "gateway")[0] != '\0';
    enum alert_word word = rate == NULL ? ALERT_WORD_MONEY_SUM
                           : at_gateway ? ALERT_WORD_MONEY_AT_GATEWAY
                                        : ALERT_WORD_MONEY_RATE;
    return PHRASE(arena, alert_word_in(language, word), {"rate", rate}, {"sum", sum});
}

/* ---- for machines ---- */

void alert_money_json(struct buf *buf, const char *kept) {
    struct stakes stakes;
    read_kept(kept, &stakes);
    if (kept[0] == '\0') {
        return;
    }
    buf_addf(buf, ",\"stake\":%lld,\"money_at_risk\":[", (long long)stakes.stake);
    for (int i = 0; i < stakes.count; i++) {
        buf_addf(buf, "%s{\"currency\":\"%s\",\"per_minute_minor\":%lld,\"sum_minor\":%lld}",
                 i > 0 ? "," : "", stakes.money[i].currency,
                 (long long)stakes.money[i].per_minute_minor,
                 (long long)stakes.money[i].sum_minor);
    }
    buf_add_char(buf, ']');
}
