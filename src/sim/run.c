/* SPDX-License-Identifier: Apache-2.0
 * run.c: one run from beginning to end, and its director. */
#include "sim/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "meter/meter.h"
#include "sim/accounts.h"
#include "sim/fresh.h"
#include "sim/gateways.h"
#include "sim/held.h"
#include "sim/rotation.h"

enum { FEATURES_TOGETHER = SEE_CERTIFICATES + 1 };
/* 2026-03-01, some hours before midnight UTC. */
#define BEGIN_US INT64_C(1772395200000000)
#define QUIET_US (2 * 3600 * US_PER_SECOND)
#define REPLAY_US (300 * US_PER_SECOND)
#define LOOK_US (5 * US_PER_SECOND)

static const struct {
    const char *name, *what;
    int percent;
} features[SEE_FEATURES] = {
#define X(name, text, percent, what) [SEE_##name] = {text, what, percent},
#include "sim/features.def"
#undef X
};

const char *sim_feature_name(enum sim_feature feature) {
    return features[feature].name;
}

const char *sim_feature_what(enum sim_feature feature) {
    return features[feature].what;
}

int sim_feature_percent(enum sim_feature feature) {
    return features[feature].percent;
}

bool sim_feature_parse(const char *name, enum sim_feature *ret_feature) {
    for (int i = 0; i < SEE_FEATURES; i++) {
        if (strcmp(features[i].name, name) == 0) {
            *ret_feature = (enum sim_feature)i;
            return true;
        }
    }
    return false;
}

/* ---- what every file of a run uses ---- */

void run_prng(const struct run *run, struct prng *prng, const char *purpose, int64_t number) {
    uint64_t mixed = run->order.seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)number;
    for (const char *at = purpose; *at != '\0'; at++) {
        mixed = (mixed ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    }
    prng_init(prng, mixed);
}

bool run_failed(const struct run *run) {
    return run->outcome->check[0] != '\0';
}

void run_fail(struct run *run, const char *check, const char *subject, const char *format, ...) {
    if (run_failed(run)) {
        return;
    }
    struct sim_outcome *outcome = run->outcome;
    va_list args;
    va_start(args, format);
    vsnprintf(outcome->why, sizeof outcome->why, format, args);
    va_end(args);
    snprintf(outcome->check, sizeof outcome->check, "%s", check);
    snprintf(outcome->subject, sizeof outcome->subject, "%s", subject);
    sim_say(run->world, "FAILED %s %s: %s", check, subject, outcome->why);
    sim_world_stop(run->world);
}

char *run_log(const struct run *run) {
    off_t bytes = lseek(run->log_fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)(bytes > 0 ? bytes : 0) + 1);
    INVARIANT(text != NULL, "no memory for the log");
    if (bytes > 0) {
        void *log = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, run->log_fd, 0);
        INVARIANT(log != MAP_FAILED, "the log can be read");
        memcpy(text, log, (size_t)bytes);
        munmap(log, (size_t)bytes);
    }
    return text;
}

/* ---- the director ---- */

/* What can make a gateway look broken. */
#define BIT(name) (UINT64_C(1) << SEE_##name)
static const uint64_t unrest = BIT(LOSS) | BIT(CUTS) | BIT(DUPLICATES) | BIT(REFUSALS) |
                               BIT(DELAYS) | BIT(DOWN) | BIT(SLOW) | BIT(SILENT) | BIT(ERRORS) |
                               BIT(DISK_SLOW) | BIT(DISK_ERRORS) | BIT(DISK_FULL);

/* One run in ten is one in which gateways decline and nothing is broken, with customers enough for
 * that to show: by chance there would be hardly any. */
static void draw_calm(struct run *run) {
    struct prng prng;
    run_prng(run, &prng, "calm", 0);
    if (prng_below(&prng, 10) == 0) {
        run->features = (run->features & ~(unrest | BIT(KILLS) | BIT(RESTARTS))) | BIT(DECLINES);
    }
}

/* A wallet is a gateway of those runs that see its feature; or as the order says. */
static void draw_gateways(struct run *run) {
    static const struct {
        enum sim_feature feature;
        enum sb_gateway gateway;
    } wallets[] = {{SEE_ALIPAY, SB_ALIPAY}, {SEE_WECHAT, SB_WECHAT}, {SEE_UNIONPAY, SB_UNIONPAY}};
    uint32_t asked = run->order.gateways;
    run->gateways = asked != 0 ? asked : SIM_GATEWAYS_USUAL;
    for (size_t i = 0; i < COUNT_OF(wallets); i++) {
        uint64_t feature = UINT64_C(1) << wallets[i].feature;
        uint32_t gateway = UINT32_C(1) << wallets[i].gateway;
        if (asked != 0) {
            run->features = (asked & gateway) != 0 ? run->features | feature
                                                   : run->features & ~feature;
        } else if ((run->features & feature) != 0) {
            run->gateways |= gateway;
        }
    }
}

/* Faults of code that only runs with these features come to; the others catch theirs without. */
static uint64_t needed_by(enum plant plant) {
    switch (plant) {
    case PLANT_REPAIR_UNASKED:
    case PLANT_REPAIR_ANY_SECOND:
    case PLANT_REPAIR_CAP_IGNORED:
    case PLANT_REPAIR_UNTICKETED:
        return BIT(STATEMENTS);
    case PLANT_MARKED_TWICE:
        return BIT(BANK);
    case PLANT_GATE_IGNORED:
    case PLANT_INCIDENT_UNLOGGED:
        return BIT(INCIDENTS);
    default:
        return 0;
    }
}

static void draw(struct run *run) {
    struct prng prng;
    run_prng(run, &prng, "features", 0);
    for (int i = 0; i < SEE_FEATURES; i++) {
        struct prng own; /* of those that came later: they leave what is drawn after them alone */
        run_prng(run, &own, features[i].name, 0);
        bool sees = prng_below(i < FEATURES_TOGETHER ? &prng : &own, 100) <
                    (uint64_t)features[i].percent;
        run->features |= (uint64_t)sees << i;
    }
    run->features |= run->order.with | needed_by(run->order.plant);
    draw_calm(run);
    run->features &= ~run->order.without;
    draw_gateways(run);
    run->calm = (run->features & unrest) == 0;
    run->customers = 1 + (int)prng_below(&prng, 6);
    run->purchases = 1 + (int)prng_below(&prng, 8);
    run->customers = run->calm ? 6 : run->customers;
    run->purchases = run->calm ? 8 : run->purchases;
    if (run->order.customers > 0 && run->customers > run->order.customers) {
        run->customers = run->order.customers;
    }
    if (run->order.purchases > 0 && run->purchases > run->order.purchases) {
        run->purchases = run->order.purchases;
    }
}

static void make_keys(struct run *run) {
    json_t *answer = NULL;
    int status = 0;
    if (!stage_ask(run, "POST", "/v1/keys", "{\"name\":\"shop\",\"role\":\"admin\"}", &status,
                   &answer) ||
        status != 201) {
        run_fail(run, "answer", "", "no API key at the start: %d", status);
        json_decref(answer);
        return;
    }
    snprintf(run->keys[0], RUN_KEY_CHARS, "%s", json_peek_text(answer, "key", NULL));
    snprintf(run->key_ids[0], RUN_ID_CHARS, "%s", json_peek_text(answer, "id", NULL));
    run->key_count = 1;
    json_decref(answer);
    answer = NULL;
    if (!stage_ask(run, "POST", "/v1/webhooks", "{\"url\":\"https://merchant.sim/hooks\"}", &status,
                   &answer) ||
        status != 201) {
        run_fail(run, "answer", "", "no webhook endpoint at the start: %d", status);
    } else {
        snprintf(run->webhook_secret, sizeof run->webhook_secret, "%s",
                 json_peek_text(answer, "secret", NULL));
    }
    json_decref(answer);
}

/* What waits for its next try for hours yet, as an operator would do it: the merchant is well
 * again. */
static void replay_webhooks(struct run *run) {
    json_t *answer = NULL;
    int status = 0;
    size_t i;
    json_t *row;
    if (!stage_ask(run, "GET", "/v1/webhook-deliveries?state=waiting&limit=100", NULL, &status,
                   &answer)) {
        return;
    }
    json_array_foreach((json_t *)json_peek(answer, "data", NULL), i, row) {
        char path[160];
        json_t *replayed = NULL;
        const char *id = json_peek_text(row, "id", NULL);
        snprintf(path, sizeof path, "/v1/webhook-deliveries/%s/replay", id != NULL ? id : "");
        bool asked = stage_ask(run, "POST", path, "{}", &status, &replayed);
        sim_say(run->world, "operator: %s -> %d", path, asked ? status : 0);
        json_decref(replayed);
    }
    json_decref(answer);
}

static void await_quiet(struct run *run) {
    char why[200] = "";
    int64_t until = clock_mono_us() + QUIET_US;
    int64_t replay_at = clock_mono_us() + REPLAY_US;
    for (int quiet = 0; quiet < 2;) {
        if (clock_mono_us() > replay_at) {
            replay_webhooks(run);
            replay_at = until;
        }
        if (clock_mono_us() > until) {
            char more[200] = "";
            bool waits = run->shopping > 0 && run->service != NULL &&
                         !oracle_quiet(run, more, sizeof more);
            run_fail(run, "liveness", "", "two hours after the last trouble: %s%s%s", why,
                     waits ? "; " : "", more);
            return;
        }
        task_sleep_us(LOOK_US);
        bool rests = run->shopping == 0 && run->service != NULL &&
                     oracle_quiet(run, why, sizeof why);
        quiet = rests ? quiet + 1 : 0;
        if (run->shopping > 0) {
            snprintf(why, sizeof why, "%d customers are not done", run->shopping);
        }
    }
}

static void direct(void *arg) {
    struct run *run = arg;
    stage_open(run);
    stage_boot(run);
    stage_await(run);
    make_keys(run);
    if (!run_failed(run)) {
        trouble_start(run);
        shop_open(run);
        int64_t most = clock_mono_us() + 900 * US_PER_SECOND;
        while (run->shopping > 0 && clock_mono_us() < most) {
            task_sleep_us(500 * US_PER_MS);
        }
        run->phase = RUN_QUIET;
        run->quiet_us = sim_world_now_us(run->world);
        sim_say(run->world, "all trouble ends");
        trouble_heal(run);
        run->quiet_us = sim_world_now_us(run->world); /* only now is the clock right again */
        accounts_close(run);
        await_quiet(run);
    }
    if (!run_failed(run)) {
        oracle_end(run);
    }
    run->phase = RUN_OVER;
    sim_world_stop(run->world);
    task_sleep_us(1);
}

/* ---- the run ---- */

static void on_sync(void *ctx) {
    sim_point(((struct run *)ctx)->world, SIM_POINT_SYNC);
}

static void on_disk(void *ctx, enum sim_disk_event event, const char *file) {
    sim_say(((struct run *)ctx)->world, "disk: %s: %s", file, sim_disk_event_text(event));
}

void sim_prepare(uint32_t gateways) {
    crypto_init();
    setenv("HOLDFAST_SIM_MASTER_KEY", SIM_MASTER_KEY_HEX, 1);
    gateways = gateways != 0 ? gateways : SIM_GATEWAYS_USUAL | SIM_GATEWAYS_DRAWN;
    sim_gateways_prepare(gateways, BEGIN_US);
    rotation_prepare(gateways, BEGIN_US);
    fresh_prepare(BEGIN_US);
}

static void open_world(struct run *run, char *story) {
    struct sim_world_options options = {
        .seed = run->order.seed,
        .wall_us = BEGIN_US,
        .preempt_per_10k = run_sees(run, SEE_PREEMPTION) ? 300 : 0,
        .trace = story,
        .trace_bytes_max = story != NULL ? SIM_STORY_BYTES_MAX : 0,
    };
    run->world = sim_world_new(&options);
    run->net = sim_net_new(run->world);
    struct prng prng;
    run_prng(run, &prng, "disk-kind", 0);
    struct sim_disk_options disk = {
        .seed = run->order.seed,
        .sector_bytes = prng_below(&prng, 2) == 0 ? 512 : 4096,
        .names_volatile = prng_below(&prng, 2) == 0,
        .ctx = run,
        .on_sync = on_sync,
        .on_event = on_disk,
    };
    run->disk = sim_disk_new(&disk);
    sim_disk_install(run->disk);
    fresh_begin(run);
    run->director_process = sim_process_new(run->world, "director");
    run->gateways_process = sim_process_new(run->world, "gateways");
    run->shop_process = sim_process_new(run->world, "shop");
    run->merchant_process = sim_process_new(run->world, "merchant");
    run->trouble_process = sim_process_new(run->world, "trouble");
    run->inside = sim_client_new(run->net);
    run->outside = sim_client_new(run->net);
    run->promises = g_ptr_array_new();
    run->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    run->told_bytes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    run->references = g_ptr_array_new();
    run->switches = g_array_new(false, true, sizeof(struct switched_off));
    run->referred = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    run->stated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    run->rules_about = g_hash_table_new(g_str_hash, g_str_equal);
    run->acknowledged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    run->held = g_new0(struct held, 1);
}

static void note(struct run *run) {
    struct sim_outcome *outcome = run->outcome;
    struct sim_disk_counts counts;
    sim_disk_counts(run->disk, &counts);
    for (int i = 0; i < SIM_DISK_EVENT_COUNT; i++) {
        outcome->disk_faults += counts.events[i];
    }
    for (int i = 0; i < SIM_LINKS; i++) {
        outcome->calls += sim_net_calls(run->net, (enum sim_link)i);
        outcome->troubles += sim_net_troubles(run->net, (enum sim_link)i);
    }
    outcome->virtual_us = sim_world_now_us(run->world);
    outcome->switches = sim_world_switches(run->world);
    outcome->commits = run->commits;
    outcome->hash = sim_hash(run->world) ^
                    (uint64_t)(counts.writes + counts.bytes_written) * UINT64_C(0x9e3779b97f4a7c15);
    outcome->passed = !run_failed(run);
}

void sim_run(const struct sim_order *order, struct sim_outcome *ret_outcome, char *story) {
    struct run run = {.order = *order, .outcome = ret_outcome, .phase = RUN_TROUBLE};
    *ret_outcome = (struct sim_outcome){0};
    sim_prepare(order->gateways);
    draw(&run);
    ret_outcome->features = run.features;
    ret_outcome->customers = run.customers;
    ret_outcome->purchases = run.purchases;
    bool planted = plant_set(order->plant);
    INVARIANT(planted, "this build holds no planted faults");
    run.log_fd = memfd_create("log", MFD_CLOEXEC);
    log_fd_set(run.log_fd);
    open_world(&run, story);
    sim_process_run(run.director_process, "director", direct, &run);
    enum sim_end end = sim_world_run(run.world);
    if (end != SIM_DONE && !run_failed(&run)) {
        char *tasks = sim_world_tasks(run.world);
        run_fail(&run, end == SIM_STUCK ? "stuck" : "too-long", "", "%.400s", tasks);
        free(tasks);
    }
    note(&run);
}
