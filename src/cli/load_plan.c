/* SPDX-License-Identifier: Apache-2.0
 * load_plan.c: see load_plan.h. */
#include "cli/load_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/gateway.h"

enum { PER_MILLION = 1000000 };

/* ---- mixes ---- */

int load_mix_parse(const char *text, struct load_mix *ret_mix, struct err *err) {
    struct load_mix mix = {0};
    for (const char *at = text; at != NULL;) {
        const char *end = strchr(at, ',');
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        const char *colon = memchr(at, ':', length);
        size_t word = colon != NULL ? (size_t)(colon - at) : length;
        unsigned long long share = 1;
        char *share_end = NULL;
        if (colon != NULL) {
            share = strtoull(colon + 1, &share_end, 10);
        }
        bool wrong = colon != NULL && (share_end != at + length || share_end == colon + 1);
        if (word == 0 || word > LOAD_WORD_CHARS_MAX || mix.count == LOAD_MIX_MAX || wrong ||
            share > PER_MILLION) {
            err_set(err, ERR_USAGE, "\"%.80s\" is not a mix", text);
            return err_hint(err, "Write it like card, or card:80,paypal:20.");
        }
        memcpy(mix.rows[mix.count].word, at, word);
        mix.rows[mix.count++].share = share;
        mix.total += share;
        at = end != NULL ? end + 1 : NULL;
    }
    if (mix.total == 0) {
        return err_set(err, ERR_USAGE, "the shares of \"%.80s\" are all nothing", text);
    }
    *ret_mix = mix;
    return 0;
}

const char *load_mix_draw(const struct load_mix *mix, struct prng *prng) {
    if (mix->count == 1) {
        return mix->rows[0].word;
    }
    uint64_t at = prng_below(prng, mix->total);
    int i = 0;
    while (at >= mix->rows[i].share) {
        at -= mix->rows[i++].share;
    }
    return mix->rows[i].word;
}

/* ---- the plan ---- */

void load_plan_init(struct load_plan *plan, uint64_t seed) {
    struct err err = {0};
    *plan = (struct load_plan){
        .seed = seed, .tokens = json_object(), .decline_tokens = json_object()};
    prng_init(&plan->arrivals, seed);
    prng_init(&plan->orders, seed ^ UINT64_C(0x9e3779b97f4a7c15));
    int r = load_mix_parse("card", &plan->methods, &err);
    r = r < 0 ? r : load_mix_parse("USD", &plan->currencies, &err);
    r = r < 0 ? r : load_plan_amounts(plan, "1.00..200.00", &err);
    INVARIANT(r == 0, "the load generator's defaults are wrong");
    /* The same seed twice on one service must not be the same orders twice. */
    snprintf(plan->run, sizeof plan->run, "load-%08x",
             (unsigned)(random_u64() & UINT32_C(0xffffffff)));
}

void load_plan_release(struct load_plan *plan) {
    json_decref(plan->tokens);
    json_decref(plan->decline_tokens);
    *plan = (struct load_plan){0};
}

int load_plan_amounts(struct load_plan *plan, const char *range, struct err *err) {
    const char *dots = strstr(range, "..");
    size_t first = dots != NULL ? (size_t)(dots - range) : strlen(range);
    const char *last = dots != NULL ? dots + 2 : range;
    if (first == 0 || first >= sizeof plan->amount_least || last[0] == '\0' ||
        strlen(last) >= sizeof plan->amount_most) {
        err_set(err, ERR_USAGE, "\"%.60s\" is not a range of amounts", range);
        return err_hint(err, "Write it like 19.99 or 1.00..200.00.");
    }
    snprintf(plan->amount_least, sizeof plan->amount_least, "%.*s", (int)first, range);
    snprintf(plan->amount_most, sizeof plan->amount_most, "%s", last);
    return 0;
}

int load_plan_declines(struct load_plan *plan, const char *percent, struct err *err) {
    char *end = NULL;
    double share = strtod(percent, &end);
    if (end == percent || (*end != '\0' && strcmp(end, "%") != 0) ||
        !(share >= 0 && share <= 100)) {
        return err_set(err, ERR_USAGE, "\"%.40s\" is not a share in per cent, 0 to 100", percent);
    }
    plan->decline_per_million = (uint64_t)llround(share * PER_MILLION / 100);
    return 0;
}

static int amounts_in(const struct load_plan *plan, const char *code, int64_t *ret_least,
                      int64_t *ret_most, struct err *err) {
    struct currency currency;
    int r = currency_parse(code, &currency, err);
    r = r < 0 ? r : money_parse_decimal(plan->amount_least, currency, ret_least, err);
    r = r < 0 ? r : money_parse_decimal(plan->amount_most, currency, ret_most, err);
    if (r < 0) {
        return r;
    }
    if (*ret_least < 1 || *ret_least > *ret_most || *ret_most > AMOUNT_MINOR_MAX) {
        return err_set(err, ERR_USAGE, "amounts from %s to %s %s cannot be paid",
                       plan->amount_least, plan->amount_most, currency.code);
    }
    return 0;
}

int load_plan_check(const struct load_plan *plan, struct err *err) {
    for (int i = 0; i < plan->currencies.count; i++) {
        struct err why = {0};
        int64_t least = 0, most = 0;
        if (amounts_in(plan, plan->currencies.rows[i].word, &least, &most, &why) < 0) {
            err_set(err, ERR_USAGE, "%s", why.detail);
            return err_hint(err, "Amounts are decimals of each currency: 19.99 or 1.00..200.00.");
        }
    }
    return 0;
}

/* ---- orders ---- */

int64_t load_plan_due_us(struct load_plan *plan) {
    if (plan->rate <= 0) {
        return 0;
    }
    /* 1 - u is never 0, so the logarithm is finite. */
    plan->next_s += -log(1.0 - prng_unit(&plan->arrivals)) / plan->rate;
    return (int64_t)(plan->next_s * (double)US_PER_SECOND);
}

/* A star at its end stands for the order's number. */
static void add_token(const struct load_plan *plan, const json_t *token, struct buf *body) {
    char text[GATEWAY_TOKEN_CHARS_MAX + 24];
    const char *given = json_string_value(token);
    size_t count = strlen(given);
    if (count == 0 || given[count - 1] != '*') {
        buf_add_json(body, given);
        return;
    }
    snprintf(text, sizeof text, "%.*s%lld", (int)count - 1, given, (long long)plan->made);
    buf_add_json(body, text);
}

static void add_tokens(const struct load_plan *plan, bool decline, struct buf *body) {
    json_t *tokens = decline ? plan->decline_tokens : plan->tokens;
    const char *gateway, *comma = "";
    json_t *token;
    bool opened = false;
    json_object_foreach(tokens, gateway, token) {
        if (gateway[0] == '\0') {
            buf_add_text(body, ",\"token\":");
            add_token(plan, token, body);
        }
    }
    json_object_foreach(tokens, gateway, token) {
        if (gateway[0] != '\0') {
            buf_add_text(body, opened ? comma : ",\"tokens\":{");
            buf_add_json(body, gateway);
            buf_add_char(body, ':');
            add_token(plan, token, body);
            opened = true;
            comma = ",";
        }
    }
    buf_add_text(body, opened ? "}" : "");
}

bool load_plan_next(struct load_plan *plan, int64_t *ret_due_us, struct buf *headers,
                    struct buf *body) {
    if (plan->count_max > 0 && plan->made >= plan->count_max) {
        return false;
    }
    int64_t due_us = load_plan_due_us(plan);
    if (plan->duration_us > 0 && due_us > plan->duration_us) {
        return false;
    }
    struct err err = {0};
    int64_t least = 0, most = 0;
    const char *method = load_mix_draw(&plan->methods, &plan->orders);
    const char *currency = load_mix_draw(&plan->currencies, &plan->orders);
    int r = amounts_in(plan, currency, &least, &most, &err);
    INVARIANT(r == 0, "a plan was not checked");
    int64_t amount = least + (int64_t)prng_below(&plan->orders, (uint64_t)(most - least) + 1);
    bool decline = plan->decline_per_million > 0 &&
                   prng_below(&plan->orders, PER_MILLION) < plan->decline_per_million;
    plan->declined_made += decline;
    buf_addf(headers, "Idempotency-Key: %s-%lld\r\n", plan->run, (long long)plan->made);
    buf_addf(body,
             "{\"order_id\":\"%s-%lld\",\"amount\":%lld,\"currency\":\"%s\",\"method\":\"%s\"",
             plan->run, (long long)plan->made, (long long)amount, currency, method);
    add_tokens(plan, decline, body);
    buf_add_char(body, '}');
    plan->made++;
    *ret_due_us = due_us;
    return true;
}
