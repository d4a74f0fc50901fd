/* SPDX-License-Identifier: Apache-2.0
 * trouble.c: what goes wrong in a run, and when; and the end of all trouble.
 *
 * Each feature has a generator of its own: taking one away leaves the others as they were. Rates of
 * the links and the disk hold from the beginning to the healing; everything else comes and goes. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/run.h"

enum { PAUSE_US_MAX = 12 * 1000 * 1000, CLOCK_JUMP_S_MAX = 600, ROOM_BYTES_MAX = 400 * 1024 };

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

static const char *gateway_of(struct prng *prng) {
    return prng_below(prng, 2) == 0 ? "stripe" : "paypal";
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
    snprintf(spec, sizeof spec, "%s:%s:for_s=%d", gateway_of(prng),
             prng_below(prng, 2) == 0 ? "down" : "refuse", 1 + (int)prng_below(prng, 40));
    fault(run, spec);
}

static void gateway_slow(struct run *run, struct prng *prng) {
    char spec[160];
    int median = 200 + (int)prng_below(prng, 3000);
    snprintf(spec, sizeof spec, "%s:slow:%smedian_ms=%d,p99_ms=%d,for_s=%d", gateway_of(prng),
             operation_of(prng), median, median * 4, 1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

static void gateway_silent(struct run *run, struct prng *prng) {
    static const char *const kinds[] = {"timeout_after", "timeout_before", "reset"};
    char spec[160];
    snprintf(spec, sizeof spec, "%s:%s:%sprobability=%.1f,for_s=%d", gateway_of(prng),
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
             gateway_of(prng), operation_of(prng), chance(prng), status,
             executed ? ",executed=true" : "", 1 + (int)prng_below(prng, 30));
    fault(run, spec);
}

static void gateway_declines(struct run *run, struct prng *prng) {
    char spec[160];
    bool refund = prng_below(prng, 3) == 0;
    snprintf(spec, sizeof spec, "%s:decline:%sprobability=%.1f,for_s=%d", gateway_of(prng),
             refund ? "operation=refund," : "", chance(prng), 1 + (int)prng_below(prng, 40));
    fault(run, spec);
}

static void callbacks_lost(struct run *run, struct prng *prng) {
    char spec[160];
    snprintf(spec, sizeof spec, "%s:callback_lost:probability=%.1f,for_s=%d", gateway_of(prng),
             chance(prng), 1 + (int)prng_below(prng, 60));
    fault(run, spec);
}

static void callbacks_late(struct run *run, struct prng *prng) {
    char spec[160];
    const char *gateway = gateway_of(prng);
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
    char spec[160];
    snprintf(spec, sizeof spec, "%s:callback_forged:probability=%.1f,for_s=%d", gateway_of(prng),
             chance(prng), 1 + (int)prng_below(prng, 60));
    fault(run, spec);
}

/* ---- the service itself ---- */

static void kill_it(struct run *run, struct prng *prng) {
    static const int64_t far[SIM_POINTS] = {400, 120, 60, 60, 60};
    enum sim_point point = (enum sim_point)prng_below(prng, SIM_POINTS);
    int64_t count = 1 + (int64_t)prng_below(prng, (uint64_t)far[point]);
    if (sim_process_dead(run->life)) {
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

static void operate(struct run *run, struct prng *prng) {
    static const char *const gateways[] = {"stripe-eu", "paypal-eu"};
    char path[128], body[160];
    const char *gateway = gateways[prng_below(prng, 2)];
    json_t *answer = NULL;
    int status = 0;
    snprintf(body, sizeof body, "{\"reason\":\"the simulator wishes so\"}");
    switch (prng_below(prng, 6)) {
    case 0:
        snprintf(path, sizeof path, "/v1/gateways/%s/disable", gateway);
        break;
    case 1:
        snprintf(path, sizeof path, "/v1/gateways/%s/drain", gateway);
        break;
    case 2:
    case 3:
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

void trouble_heal(struct run *run) {
    struct sim_link_faults links = {.delay_us_min = 100, .delay_us_max = 3000};
    sandbox_heal(run->sandbox);
    for (int i = 0; i < SIM_LINKS; i++) {
        sim_net_faults(run->net, (enum sim_link)i, &links);
    }
    sim_disk_set_faults(run->disk, NULL);
    sim_disk_set_room(run->disk, -1);
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
    enable(run, "/v1/gateways/stripe-eu/enable", "{\"reason\":\"all is well again\"}");
    enable(run, "/v1/gateways/paypal-eu/enable", "{\"reason\":\"all is well again\"}");
    enable(run, "/v1/routing/fallback", "{\"on\":false,\"reason\":\"all is well again\"}");
}
