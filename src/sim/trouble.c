/* SPDX-License-Identifier: Apache-2.0
 * trouble.c: what goes wrong in a run, and when; and the end of all trouble.
 *
 * Each feature has a generator of its own: taking one away leaves the others as they were. Rates of
 * the links and the disk hold from the beginning to the healing; everything else comes and goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "sandbox/paypal.h"
#include "sandbox/sandbox_impl.h"
#include "sandbox/stripe.h"
#include "sim/gateways.h"
#include "sim/held.h"
#include "sim/rotation.h"
#include "sim/run.h"

enum {
    PAUSE_US_MAX = 12 * 1000 * 1000,
    CLOCK_JUMP_S_MAX = 600,
    ROOM_BYTES_MAX = 400 * 1024,
    LIVES_KILLED_MAX = 20, /* what dies more often in one run would better do so in two */
};

typedef void trouble_fn(struct run *run, struct prng *prng);

/* ---- links and disk: rates for the whole run ---- */

static int rate(struct prng *prng, int most) {
    return 1 + (int)prng_below(prng, (uint64_t)most);
}

static void set_links(struct run *run) {
    struct prng prng;
    for (int i = 0; i < SIM_LINKS; i++) {
        if (i == SIM_LINK_INSIDE) {
            continue;
        }
        struct sim_link_faults faults = {.delay_us_min = 100, .delay_us_max = 5000};
        run_prng(run, &prng, "link", i);
        int numbers[8];
        for (int k = 0; k < 8; k++) {
            numbers[k] = prng_below(&prng, 4) == 0 ? rate(&prng, 2500) : rate(&prng, 300);
        }
        faults.lose_request = run_sees(run, SEE_LOSS) ? numbers[0] : 0;
        faults.lose_answer = run_sees(run, SEE_LOSS) ? numbers[1] : 0;
        faults.cut_request = run_sees(run, SEE_CUTS) ? numbers[2] : 0;
        faults.cut_answer = run_sees(run, SEE_CUTS) ? numbers[3] : 0;
        faults.duplicate = run_sees(run, SEE_DUPLICATES) ? numbers[4] : 0;
        faults.refuse = run_sees(run, SEE_REFUSALS) ? numbers[5] : 0;
        faults.slow = run_sees(run, SEE_DELAYS) ? numbers[6] : 0;
        faults.slow_us_max = 20 * US_PER_SECOND;
        sim_net_faults(run->net, (enum sim_link)i, &faults);
    }
}

static void set_disk(struct run *run) {
    struct sim_disk_faults faults = {0};
    struct prng prng;
    run_prng(run, &prng, "disk", 0);
    int64_t slow = 1000 + (int64_t)prng_below(&prng, 60000);
    int errors = rate(&prng, 8);
    if (run_sees(run, SEE_DISK_SLOW)) {
        faults.sync_us_min = 100;
        faults.sync_us_max = slow;
    }
    if (run_sees(run, SEE_DISK_ERRORS)) {
        faults.read_error = errors > 4 ? 1 : 0;
        faults.write_error = errors / 2;
        faults.sync_error = errors;
    }
    sim_disk_set_faults(run->disk, &faults);
}

/* ---- gateways ---- */

/* One of those that the service has. */
static enum sb_gateway draw_gateway(const struct run *run, struct prng *prng) {
    int left = (int)prng_below(prng, (uint64_t)__builtin_popcount(run->gateways));
    int gateway = 0;
    while ((run->gateways >> gateway & 1) == 0 || left-- > 0) {
        gateway++;
    }
    return (enum sb_gateway)gateway;
}

static const char *gateway_of(const struct run *run, struct prng *prng) {
    return sb_gateway_name(draw_gateway(run, prng));
}

static const char *operation_of(struct prng *prng) {
    static const char *const names[] = {"",
                                        "operation=charge,",
                                        "operation=capture,",
                                        "operation=refund,",
                                        "operation=query,",
                                        "operation=charge|create|capture,",
                                        "operation=token,",
                                        "operation=cancel,"};
    return names[prng_below(prng, COUNT_OF(names))];
}

static double chance(struct prng *prng) {
    static const double chances[] = {0.1, 0.3, 0.6, 1};
    return chances[prng_below(prng, COUNT_OF(chances))];
}

static void fault(struct run *run, const char *spec) {
    struct err err = {0};
    int r = sandbox_fault(run->sandbox, spec, &err);
    sim_say(run->world, "%s%s%s", spec, r < 0 ? ": " : "", r < 0 ? err.detail : "");
}

static void gateway_down(struct run *run, struct prng *prng) {
    char spec[160];
    snprintf(spec, sizeof spec, "%s:%s:for_s=%d", gateway_of(run, prng),
             prng_below(prng, 2) == 0 ? "down" : "refuse", 1 + (int)prng_below(prng, 40));
    fault(run, spec);
}

static void gateway_slow(struct run *run, struct prng *prng) {
    char spec[160];
    int median = 200 + (int)prng_below(prng, 3000);
    snprintf(spec, sizeof spec, "%s:slow:%smedian_ms=%d,p99_ms=%d,for_s=%d", gateway_of(run, prng),
             operation_of(prng), median, median * 4, 1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

static void gateway_silent(struct run *run, struct prng *prng) {
    static const char *const kinds[] = {"timeout_after", "timeout_before", "reset"};
    char spec[160];
    snprintf(spec, sizeof spec, "%s:%s:%sprobability=%.1f,for_s=%d", gateway_of(run, prng),
             kinds[prng_below(prng, COUNT_OF(kinds))], operation_of(prng), chance(prng),
             1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

static void gateway_errors(struct run *run, struct prng *prng) {
    static const int statuses[] = {500, 502, 503, 504, 429};
    char spec[160];
    int status = statuses[prng_below(prng, COUNT_OF(statuses))];
    bool executed = prng_below(prng, 2) == 0 && status != 429 && status != 503;
    snprintf(spec, sizeof spec, "%s:error:%sprobability=%.1f,status=%d%s,for_s=%d",
             gateway_of(run, prng), operation_of(prng), chance(prng), status,
             executed ? ",executed=true" : "", 1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

static void gateway_declines(struct run *run, struct prng *prng) {
    char spec[160];
    bool refund = prng_below(prng, 3) == 0;
    snprintf(spec, sizeof spec, "%s:decline:%sprobability=%.1f,for_s=%d", gateway_of(run, prng),
             refund ? "operation=refund," : "", chance(prng), 1 + (int)prng_below(prng, 40));
    fault(run, spec);
}

static void callbacks_lost(struct run *run, struct prng *prng) {
    char spec[160];
    snprintf(spec, sizeof spec, "%s:callback_lost:probability=%.1f,for_s=%d", gateway_of(run, prng),
             chance(prng), 1 + (int)prng_below(prng, 60));
    fault(run, spec);
}

static void callbacks_late(struct run *run, struct prng *prng) {
    char spec[160];
    const char *gateway = gateway_of(run, prng);
    int for_s = 1 + (int)prng_below(prng, 60);
    switch (prng_below(prng, 3)) {
    case 0:
        snprintf(spec, sizeof spec, "%s:callback_late:probability=%.1f,seconds=%d,for_s=%d",
                 gateway, chance(prng), 1 + (int)prng_below(prng, 300), for_s);
        break;
    case 1:
        snprintf(spec, sizeof spec, "%s:callback_duplicate:probability=%.1f,copies=%d,for_s=%d",
                 gateway, chance(prng), 1 + (int)prng_below(prng, 3), for_s);
        break;
    default:
        snprintf(spec, sizeof spec, "%s:callback_reorder:probability=%.1f,seconds=%d,for_s=%d",
                 gateway, chance(prng), 1 + (int)prng_below(prng, 20), for_s);
        break;
    }
    fault(run, spec);
}

static void callbacks_forged(struct run *run, struct prng *prng) {
    static const char *const kinds[] = {"forged", "forged", "stale", "truncated"};
    char spec[160];
    const char *gateway = gateway_of(run, prng);
    snprintf(spec, sizeof spec, "%s:callback_%s:probability=%.1f,for_s=%d", gateway,
             kinds[prng_below(prng, COUNT_OF(kinds))], chance(prng), 1 + (int)prng_below(prng, 60));
    fault(run, spec);
}

static void callbacks_of_another_amount(struct run *run, struct prng *prng) {
    char spec[160];
    snprintf(spec, sizeof spec, "%s:callback_amount:probability=%.1f,amount_minor=%d,for_s=%d",
             gateway_of(run, prng), chance(prng), (int)prng_below(prng, 400) - 200,
             1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

/* ---- at a gateway's own desk ---- */

enum { DESK_TEXT_CHARS = 400 };

/* A call to a gateway by somebody else than the service, as its own answer to us: NULL when there
 * was none. Whether it was done says the book. */
static json_t *at_desk(struct run *run, const char *url, const char *authorization,
                       const char *type, const char *body) {
    struct err err = {0};
    HTTP_ANSWER_AUTO answer = {0};
    char key[48];
    snprintf(key, sizeof key, RUN_DESK_KEY "%lld", (long long)++run->asked);
    const struct http_header headers[] = {
        {"Authorization", authorization},
        {"Content-Type", type},
        {strstr(url, "paypal") != NULL ? "PayPal-Request-Id" : "Idempotency-Key", key},
    };
    struct http_call call = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body,
        .body_bytes = strlen(body),
        .timeout_us = 30 * US_PER_SECOND,
    };
    int r = http_call(run->inside, &call, &answer, &err);
    sim_say(run->world, "desk: %s -> %d", url, r < 0 ? 0 : answer.status);
    return r < 0 ? NULL : json_loadb(answer.body, answer.body_bytes, 0, NULL);
}

static void at_stripe(struct run *run, const struct sb_entry *charge, int64_t amount) {
    static const char form[] = "application/x-www-form-urlencoded";
    char body[DESK_TEXT_CHARS], bearer[160];
    snprintf(bearer, sizeof bearer, "Bearer %s",
             sb_setting(run->sandbox, SB_STRIPE, SB_STRIPE_KEY));
    if (charge != NULL) {
        snprintf(body, sizeof body, "charge=%s&amount=%lld", charge->id, (long long)amount);
    } else {
        snprintf(body, sizeof body,
                 "amount=%lld&currency=usd&confirm=true&payment_method=pm_card_visa&"
                 "payment_method_types[0]=card&error_on_requires_action=true",
                 (long long)amount);
    }
    json_decref(at_desk(run,
                        charge != NULL ? "https://api.stripe.com/v1/refunds"
                                       : "https://api.stripe.com/v1/payment_intents",
                        bearer, form, body));
}

/* PayPal wants to know first who is there. */
static bool paypal_bearer(struct run *run, char *ret_bearer, size_t bytes) {
    char *plain = g_strdup_printf("%s:%s", sb_setting(run->sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_ID),
                                  sb_setting(run->sandbox, SB_PAYPAL, SB_PAYPAL_CLIENT_SECRET));
    char *pair = crypto_base64(plain, strlen(plain));
    char *basic = g_strdup_printf("Basic %s", pair);
    g_free(plain);
    json_t *answer = at_desk(run, "https://api.paypal.com/v1/oauth2/token", basic,
                             "application/x-www-form-urlencoded", "grant_type=client_credentials");
    const char *token = json_peek_text(answer, "access_token", NULL);
    snprintf(ret_bearer, bytes, "Bearer %s", token != NULL ? token : "");
    bool known = token != NULL;
    json_decref(answer);
    g_free(basic);
    free(pair);
    return known;
}

static void at_paypal(struct run *run, const struct sb_entry *charge, int64_t amount) {
    char bearer[300], url[160], body[DESK_TEXT_CHARS], text[MONEY_TEXT_MAX];
    struct currency usd;
    struct err err = {0};
    int r = currency_parse("USD", &usd, &err);
    INVARIANT(r == 0, "there are dollars");
    if (!paypal_bearer(run, bearer, sizeof bearer)) {
        return;
    }
    if (charge != NULL) {
        snprintf(url, sizeof url, "https://api.paypal.com/v2/payments/captures/%s/refund",
                 charge->id);
        snprintf(body, sizeof body, "{\"amount\":{\"value\":\"%s\",\"currency_code\":\"%s\"}}",
                 money_decimal(amount, charge->currency, text), charge->currency.code);
    } else {
        snprintf(url, sizeof url, "https://api.paypal.com/v2/checkout/orders");
        snprintf(body, sizeof body,
                 "{\"intent\":\"CAPTURE\",\"payment_source\":{\"card\":{\"vault_id\":"
                 "\"vault_visa\"}},\"purchase_units\":[{\"amount\":{\"value\":\"%s\","
                 "\"currency_code\":\"USD\"}}]}",
                 money_decimal(amount, usd, text));
    }
    json_decref(at_desk(run, url, bearer, "application/json", body));
}

/* Alipay's people do it on its website. The other wallets tell nobody what was done there. */
static void at_alipay(struct run *run, const struct sb_entry *charge, int64_t amount) {
    struct err err = {0};
    BUF_AUTO id;
    buf_init(&id, DESK_TEXT_CHARS);
    int r = sb_gateway_kind(SB_ALIPAY)->desk_refund(run->sandbox, charge->id, amount, &id, &err);
    sim_say(run->world, "desk of Alipay: %lld of %s -> %d", (long long)amount, charge->id, r);
    if (r >= 0) {
        int at = run->desk_backs++;
        snprintf(run->desk_back[at].order, RUN_ORDER_CHARS, "%s", charge->order_id);
        run->desk_back[at].amount_minor = amount;
    }
}

/* What only callbacks tell of: where these are lost nobody could ever know. */
static void at_the_desk(struct run *run, struct prng *prng) {
    enum sb_gateway gateway = draw_gateway(run, prng);
    const GPtrArray *entries = run->sandbox->book.entries[gateway];
    bool refund = prng_below(prng, 3) > 0;
    uint64_t which = prng_next(prng), part = prng_next(prng);
    if (run_sees(run, SEE_CALLBACKS_LOST) || run->desk_acts >= RUN_DESK_ACTS_MAX ||
        (refund && entries->len == 0)) {
        return;
    }
    const struct sb_entry *charge = refund ? g_ptr_array_index(entries, which % entries->len)
                                           : NULL;
    int64_t left = charge != NULL ? charge->taken_minor - charge->refunded_minor : 5000;
    if (left <= 0) {
        return;
    }
    run->desk_acts++;
    int64_t amount = 1 + (int64_t)(part % (uint64_t)left);
    if (gateway == SB_STRIPE) {
        at_stripe(run, charge, amount < 100 && charge == NULL ? 100 : amount);
    } else if (gateway == SB_PAYPAL) {
        at_paypal(run, charge, amount);
    } else if (gateway == SB_ALIPAY && charge != NULL) {
        at_alipay(run, charge, amount);
    }
}

/* WeChat Pay's certificates change: both are good for a while, then the next alone. */
static void certificates(struct run *run, struct prng *prng) {
    struct err err = {0};
    if ((run->gateways >> SB_WECHAT & 1) != 0 && prng_below(prng, 3) == 0) {
        int r = sb_gateway_kind(SB_WECHAT)->rotate(run->sandbox, &err);
        sim_say(run->world, "WeChat Pay goes on to its next certificate -> %d", r);
    }
}

/* ---- banks ---- */

/* Only callbacks tell of a new one, and only charges that were asked for are taken back. */
static void open_dispute(struct run *run, enum sb_gateway gateway, const struct sb_entry *charge) {
    const struct sb_gateway_kind *kind = sb_gateway_kind(gateway);
    struct err err = {0};
    BUF_AUTO id;
    buf_init(&id, DESK_TEXT_CHARS);
    if (kind->dispute == NULL || run->dispute_count == RUN_DISPUTES_MAX ||
        charge->reference[0] == '\0' || charge->taken_minor <= charge->refunded_minor ||
        kind->dispute(run->sandbox, charge->id, kind->dispute_reason, &id, &err) < 0) {
        return;
    }
    struct run_dispute *made = &run->disputes[run->dispute_count++];
    *made = (struct run_dispute){.gateway = gateway};
    snprintf(made->id, sizeof made->id, "%s", id.data);
    snprintf(made->order, sizeof made->order, "%s", charge->order_id);
    sim_say(run->world, "bank: %s of %s is disputed as %s", charge->id, charge->order_id, id.data);
}

static void close_dispute(struct run *run, struct run_dispute *dispute, bool won) {
    struct err err = {0};
    int r = sb_gateway_kind(dispute->gateway)->dispute_close(run->sandbox, dispute->id, won, &err);
    dispute->over = true; /* or the shop gave it up before */
    sim_say(run->world, "bank: %s is %s -> %d", dispute->id, won ? "won" : "lost", r);
}

/* The shop's people look at one and answer it. */
static void answer_dispute(struct run *run, uint64_t which, bool accept) {
    json_t *list = NULL, *answer = NULL;
    char path[128];
    int status = 0;
    if (!stage_ask(run, "GET", "/v1/disputes?state=needs_response", NULL, &status, &list) ||
        status != 200 || json_array_size(json_peek(list, "data", NULL)) == 0) {
        json_decref(list);
        return;
    }
    const json_t *data = json_peek(list, "data", NULL);
    const char *id = json_peek_text(json_array_get(data, which % json_array_size(data)), "id",
                                    NULL);
    bool answered = true;
    if (!accept) {
        snprintf(path, sizeof path, "/v1/disputes/%s/evidence", id);
        answered = stage_ask(run, "POST", path, "{\"kind\":\"other\",\"text\":\"it was sent\"}",
                             &status, &answer);
        json_decref(answer);
        answer = NULL;
    }
    snprintf(path, sizeof path, "/v1/disputes/%s/%s", id, accept ? "accept" : "submit");
    answered = answered && stage_ask(run, "POST", path,
                                     accept ? "{\"reason\":\"the simulator wishes so\"}" : NULL,
                                     &status, &answer);
    sim_say(run->world, "desk: %s -> %d", path, answered ? status : 0);
    json_decref(answer);
    json_decref(list);
}

static void disputes(struct run *run, struct prng *prng) {
    enum sb_gateway gateway = draw_gateway(run, prng);
    const GPtrArray *entries = run->sandbox->book.entries[gateway];
    uint64_t what = prng_below(prng, 6), which = prng_next(prng);
    bool yes = prng_below(prng, 2) == 0;
    if (run_sees(run, SEE_CALLBACKS_LOST)) {
        return;
    }
    if (what < 3 && entries->len > 0) {
        open_dispute(run, gateway, g_ptr_array_index(entries, which % entries->len));
    } else if (what == 3) {
        answer_dispute(run, which, yes);
    } else if (what > 3 && run->dispute_count > 0) {
        struct run_dispute *dispute = &run->disputes[which % (uint64_t)run->dispute_count];
        if (!dispute->over) {
            close_dispute(run, dispute, yes);
        }
    }
}

/* ---- the service itself ---- */

static void kill_it(struct run *run, struct prng *prng) {
    static const int64_t far[SIM_POINTS] = {400, 120, 60, 60, 60};
    enum sim_point point = (enum sim_point)prng_below(prng, SIM_POINTS);
    int64_t count = 1 + (int64_t)prng_below(prng, (uint64_t)far[point]);
    if (sim_process_dead(run->life) || run->lives > LIVES_KILLED_MAX) {
        return;
    }
    sim_say(run->world, "to be killed at %s point %lld", sim_point_name(point), (long long)count);
    sim_process_kill_at(run->life, point, count);
}

static void restart_it(struct run *run, struct prng *prng) {
    (void)prng;
    stage_restart(run);
}

static void disk_full(struct run *run, struct prng *prng) {
    int64_t room = (int64_t)prng_below(prng, ROOM_BYTES_MAX);
    sim_say(run->world, "the disk has room for %lld bytes", (long long)room);
    sim_disk_set_room(run->disk, room);
    task_sleep_us(1000000 + (int64_t)prng_below(prng, 20000000));
    sim_disk_set_room(run->disk, -1);
    sim_say(run->world, "the disk has room again");
}

static void clock_jump(struct run *run, struct prng *prng) {
    int64_t seconds = (int64_t)prng_below(prng, 2 * CLOCK_JUMP_S_MAX) - CLOCK_JUMP_S_MAX;
    if (prng_below(prng, 3) == 0) {
        seconds = 0; /* somebody set it right */
    }
    run->skew_us = seconds * US_PER_SECOND;
    sim_process_skew(run->life, run->skew_us);
    sim_say(run->world, "the service's clock is %lld s off", (long long)seconds);
}

/* ---- people ---- */

/* Before somebody asks for it (on), and after it was answered (off). */
static void note_switch(struct run *run, const char *gateway, bool on) {
    bool is_off = false;
    for (guint i = 0; i < run->switches->len; i++) {
        struct switched_off *off = &g_array_index(run->switches, struct switched_off, i);
        if (strcmp(off->gateway, gateway) == 0 && off->until_us == 0) {
            off->until_us = on ? clock_wall_us() : 0;
            is_off = true;
        }
    }
    if (!on && !is_off) {
        struct switched_off off = {.gateway = gateway, .from_us = clock_wall_us()};
        g_array_append_val(run->switches, off);
    }
}

static void operate(struct run *run, struct prng *prng) {
    char path[128], body[160];
    const char *gateway = sim_gateway(draw_gateway(run, prng))->name;
    json_t *answer = NULL;
    int status = 0;
    snprintf(body, sizeof body, "{\"reason\":\"the simulator wishes so\"}");
    uint64_t what = prng_below(prng, 6);
    switch (what) {
    case 0:
        snprintf(path, sizeof path, "/v1/gateways/%s/disable", gateway);
        break;
    case 1:
        snprintf(path, sizeof path, "/v1/gateways/%s/drain", gateway);
        break;
    case 2:
    case 3:
        note_switch(run, gateway, true);
        snprintf(path, sizeof path, "/v1/gateways/%s/enable", gateway);
        break;
    case 4:
        snprintf(path, sizeof path, "/v1/routing/primary");
        snprintf(body, sizeof body, "{\"gateway\":\"%s\",\"reason\":\"the simulator wishes so\"}",
                 gateway);
        break;
    default:
        snprintf(path, sizeof path, "/v1/routing/fallback");
        snprintf(body, sizeof body, "{\"on\":%s,\"reason\":\"the simulator wishes so\"}",
                 prng_below(prng, 2) == 0 ? "true" : "false");
        break;
    }
    bool answered = stage_ask(run, "POST", path, body, &status, &answer);
    if (what < 2 && answered && status == 200) {
        note_switch(run, gateway, false);
    }
    sim_say(run->world, "operator: %s %s -> %d", path, body, answered ? status : 0);
    json_decref(answer);
}

/* A new key takes the old one's place; the old one is revoked a moment later. */
static void replace_key(struct run *run, struct prng *prng) {
    json_t *answer = NULL;
    char path[128];
    int status = 0;
    if (run->key_count == RUN_KEYS_MAX ||
        !stage_ask(run, "POST", "/v1/keys", "{\"name\":\"shop\",\"role\":\"admin\"}", &status,
                   &answer) ||
        status != 201) {
        json_decref(answer);
        return;
    }
    const char *key = json_peek_text(answer, "key", NULL);
    const char *id = json_peek_text(answer, "id", NULL);
    int old = run->key_count - 1;
    snprintf(run->keys[run->key_count], RUN_KEY_CHARS, "%s", key != NULL ? key : "");
    snprintf(run->key_ids[run->key_count], RUN_ID_CHARS, "%s", id != NULL ? id : "");
    run->key_count++;
    json_decref(answer);
    task_sleep_us((int64_t)prng_below(prng, 5000000));
    snprintf(path, sizeof path, "/v1/keys/%s", run->key_ids[old]);
    answer = NULL;
    bool answered = stage_ask(run, "DELETE", path, NULL, &status, &answer);
    run->revoked[old] = run->revoked[old] || (answered && status == 200);
    sim_say(run->world, "operator: key %d is replaced -> %d", old, answered ? status : 0);
    json_decref(answer);
}

/* False: nobody says whether it was done. The secret before is good for a while yet. */
static bool rotate(struct run *run, int64_t overlap_s) {
    char path[128], body[64];
    json_t *answer = NULL;
    int status = 0;
    if (!stage_ask(run, "GET", "/v1/webhooks", NULL, &status, &answer) || status != 200) {
        json_decref(answer);
        return false;
    }
    const char *id = json_peek_text(json_array_get(json_peek(answer, "data", NULL), 0), "id", NULL);
    snprintf(path, sizeof path, "/v1/webhooks/%s/rotate", id != NULL ? id : "");
    snprintf(body, sizeof body, "{\"overlap_seconds\":%lld}", (long long)overlap_s);
    json_decref(answer);
    answer = NULL;
    run->rotation_unsure = true;
    bool done = stage_ask(run, "POST", path, body, &status, &answer) && status == 200;
    const char *secret = json_peek_text(answer, "secret", NULL);
    if (done && secret != NULL) {
        memcpy(run->webhook_secret_old, run->webhook_secret, sizeof run->webhook_secret_old);
        snprintf(run->webhook_secret, sizeof run->webhook_secret, "%s", secret);
        run->rotated_us = sim_world_now_us(run->world);
        run->rotate_overlap_us = overlap_s * US_PER_SECOND;
    }
    sim_say(run->world, "operator: a new secret for webhooks -> %d", done ? status : 0);
    json_decref(answer);
    return done;
}

/* When nobody says whether it was done it is done again: then two secrets are new, and only the
 * second is known. */
static void replace_secret(struct run *run, struct prng *prng) {
    static const int64_t overlaps_s[] = {0, 3600, 86400};
    int64_t overlap_s = overlaps_s[prng_below(prng, COUNT_OF(overlaps_s))];
    bool before = run->rotation_unsure;
    bool done = rotate(run, overlap_s);
    if (done && before) {
        run->webhook_secret_old[0] = '\0'; /* the one before is another, which nobody was told */
    }
    run->rotation_unsure = run->rotation_unsure && !done;
}

/* ---- when ---- */

static const struct {
    enum sim_feature feature;
    trouble_fn *fn;
} kinds[] = {
    {SEE_DOWN, gateway_down},
    {SEE_SLOW, gateway_slow},
    {SEE_SILENT, gateway_silent},
    {SEE_ERRORS, gateway_errors},
    {SEE_DECLINES, gateway_declines},
    {SEE_CALLBACKS_LOST, callbacks_lost},
    {SEE_CALLBACKS_LATE, callbacks_late},
    {SEE_CALLBACKS_FORGED, callbacks_forged},
    {SEE_KILLS, kill_it},
    {SEE_RESTARTS, restart_it},
    {SEE_DISK_FULL, disk_full},
    {SEE_CLOCK, clock_jump},
    {SEE_OPERATORS, operate},
    {SEE_KEYS, replace_key},
    {SEE_SECRETS, replace_secret},
    {SEE_DASHBOARD, at_the_desk},
    {SEE_CALLBACK_AMOUNT, callbacks_of_another_amount},
    {SEE_DISPUTES, disputes},
    {SEE_CERTIFICATES, certificates},
    {SEE_MODES, ladder_operate},
    {SEE_ROTATION, rotation_turn},
};

struct maker {
    struct run *run;
    int kind;
};

/* One kind of trouble, again and again until everything is healed. */
static void make_trouble(void *arg) {
    struct maker *maker = arg;
    struct run *run = maker->run;
    struct prng prng;
    run_prng(run, &prng, "trouble", maker->kind);
    int64_t pause = 500000 + (int64_t)prng_below(&prng, PAUSE_US_MAX);
    while (run->phase == RUN_TROUBLE) {
        task_sleep_us((int64_t)prng_below(&prng, (uint64_t)(2 * pause)));
        if (run->phase == RUN_TROUBLE) {
            kinds[maker->kind].fn(run, &prng);
        }
    }
    run->makers--;
    g_free(maker);
}

void trouble_start(struct run *run) {
    set_links(run);
    set_disk(run);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (run_sees(run, kinds[i].feature)) {
            struct maker *maker = g_new0(struct maker, 1);
            *maker = (struct maker){run, (int)i};
            run->makers++;
            sim_process_run(run->trouble_process, "trouble", make_trouble, maker);
        }
    }
}

static void enable(struct run *run, const char *path, const char *body) {
    for (int i = 0; i < 1000; i++) {
        json_t *answer = NULL;
        int status = 0;
        bool well = stage_ask(run, "POST", path, body, &status, &answer) && status < 300;
        json_decref(answer);
        if (well) {
            return;
        }
        task_sleep_us(US_PER_SECOND);
    }
    run_fail(run, "operator", "", "%s is not done after 1,000 tries without trouble", path);
}

static void enable_all(struct run *run) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        if ((run->gateways >> i & 1) != 0) {
            note_switch(run, sim_gateway((enum sb_gateway)i)->name, true);
        }
    }
    for (int i = 0; i < SB_GATEWAYS; i++) {
        char path[128];
        snprintf(path, sizeof path, "/v1/gateways/%s/enable",
                 sim_gateway((enum sb_gateway)i)->name);
        if ((run->gateways >> i & 1) != 0) {
            enable(run, path, "{\"reason\":\"all is well again\"}");
        }
    }
}

void trouble_heal(struct run *run) {
    struct sim_link_faults links = {.delay_us_min = 100, .delay_us_max = 3000};
    sandbox_heal(run->sandbox);
    for (int i = 0; i < SIM_LINKS; i++) {
        sim_net_faults(run->net, (enum sim_link)i, &links);
    }
    sim_disk_set_faults(run->disk, NULL);
    sim_disk_set_room(run->disk, -1);
    run->skew_us = 0; /* some makers do not come to their end while the clock is wrong */
    sim_process_skew(run->life, 0);
    while (run->makers > 0) {
        task_sleep_us(100 * US_PER_MS);
    }
    sim_disk_set_room(run->disk, -1);
    sandbox_heal(run->sandbox);
    run->skew_us = 0;
    for (int i = 0; i < SIM_POINTS; i++) {
        sim_process_kill_at(run->life, (enum sim_point)i, 0);
    }
    sim_process_skew(run->life, 0);
    stage_await(run);
    for (int i = 0; i < 100 && run->rotation_unsure; i++) {
        struct prng prng;
        run_prng(run, &prng, "rotation", i);
        replace_secret(run, &prng);
    }
    ladder_heal(run);
    enable_all(run);
    enable(run, "/v1/routing/fallback", "{\"on\":false,\"reason\":\"all is well again\"}");
}
