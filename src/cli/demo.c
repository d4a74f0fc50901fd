/* SPDX-License-Identifier: Apache-2.0
 * demo.c: `holdfast demo`: a minute and a half in the life of a shop whose gateways misbehave.
 *
 * The scenes are rows of a table: what is said, which faults are switched on, how long it plays.
 * The end asks the service and the sandbox's own book for the same facts and shows them side by
 * side. It is a success only if nobody was charged twice, nothing was lost, nothing is unresolved
 * and the books are equal, gateway by gateway and currency by currency. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/signal.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/demo_shop.h"
#include "cli/demo_stage.h"
#include "cli/demo_sums.h"
#include "cli/show.h"

enum { RATE_DEFAULT = 40, FAULTS_PER_SCENE = 6 };
#define LOOK_US (200 * US_PER_MS)
#define QUIET_MAX_US (45 * US_PER_SECOND)

struct scene {
    const char *title, *said;
    const char *faults[FAULTS_PER_SCENE];
    int seconds;
    bool notice; /* time until the first gateway's breaker opens is told */
    bool kill;   /* SIGKILL in the middle */
};

static const struct scene scenes[] = {
    {"Normal traffic",
     "Customers buy; every charge goes to stripe-eu, the cheaper gateway.",
     {NULL},
     5,
     false,
     false},
    {"stripe-eu refuses connections",
     "Nothing was sent, so nothing can have been charged: each payment goes on to paypal-eu at "
     "once.",
     {"stripe:refuse"},
     7,
     true,
     false},
    {"stripe-eu is back",
     "One trial every quarter second, then a tenth, a half, all: traffic returns by a trickle.",
     {NULL},
     8,
     false,
     false},
    {"stripe-eu is slow and intermittent",
     "A third of its calls fail, the rest take long. This is worse than being down.",
     {"stripe:slow:median_ms=900,p99_ms=4000", "stripe:intermittent:probability=0.35"},
     8,
     true,
     false},
    {"stripe-eu is well again",
     "A pause, so that the next scene begins with stripe-eu in use.",
     {NULL},
     10,
     false,
     false},
    {"stripe-eu charges and then times out",
     "The money is taken and the answer never comes. Trying elsewhere would charge twice: the "
     "payment waits as "
     "\"processing\" until stripe-eu itself says what happened.",
     {"stripe:timeout_after:operation=charge"},
     8,
     true,
     false},
    {"Callbacks late, twice, out of order, forged",
     "Forged ones are refused; the others change nothing twice.",
     {"stripe:callback_late:probability=0.3,seconds=2",
      "stripe:callback_duplicate:probability=0.5,copies=2",
      "stripe:callback_reorder:probability=0.5", "stripe:callback_forged:probability=0.3",
      "paypal:callback_duplicate:probability=0.5,copies=2",
      "paypal:callback_forged:probability=0.3"},
     7,
     false,
     false},
    {"The service is killed with SIGKILL in mid-flight, and started again",
     "Payments that were under way are found in the database and asked about; customers repeat "
     "their key.",
     {NULL},
     6,
     false,
     true},
    {"All is well",
     "Traffic returns to stripe-eu; what is still open is resolved.",
     {NULL},
     6,
     false,
     false},
};

struct demo {
    struct cli *cli;
    struct stage stage;
    struct shop *shop;
    const char *scene;
    int64_t began_us;
    int64_t noticed_us; /* longest time to notice, -1: none yet */
    bool drawn;
};

/* ---- telling ---- */

static void clear_line(struct demo *demo) {
    if (demo->drawn) {
        fputs("\r\033[K", demo->cli->screen.out);
        demo->drawn = false;
    }
}

static void tell(struct demo *demo, enum show_style style, const char *mark, const char *text) {
    bool colour = demo->cli->screen.colour;
    clear_line(demo);
    fprintf(demo->cli->screen.out, "%s%s %s%s\n", show_style_on(style, colour), mark, text,
            show_style_off(style, colour));
    fflush(demo->cli->screen.out);
}

/* "stripe-eu ● closed" from /v1/gateways. */
static void breakers(struct demo *demo, char *text, size_t bytes, bool *ret_first_open) {
    struct err err = {0};
    JSON_AUTO json = NULL;
    text[0] = '\0';
    if (stage_get(&demo->stage, demo->stage.internal_url, "/v1/gateways", &json, &err) < 0) {
        snprintf(text, bytes, "service down");
        return;
    }
    size_t index;
    json_t *gateway;
    json_array_foreach((json_t *)json_peek(json, "data", NULL), index, gateway) {
        const char *name = json_peek_text(gateway, "name", NULL);
        const json_t *first = json_array_get(json_peek(gateway, "health", NULL), 0);
        const char *state = json_peek_text(first, "breaker", NULL);
        size_t used = strlen(text);
        snprintf(text + used, bytes - used, "%s%s %s", used > 0 ? " · " : "", name,
                 state != NULL ? state : "?");
        if (index == 0 && ret_first_open != NULL) {
            *ret_first_open = state != NULL && strcmp(state, "closed") != 0;
        }
    }
}

static void draw(struct demo *demo) {
    struct shop_view view;
    char states[160], wait[SHOW_CHARS_MAX], longest[SHOW_CHARS_MAX];
    if (!demo->cli->screen.live) {
        return;
    }
    shop_look(demo->shop, &view);
    breakers(demo, states, sizeof states, NULL);
    clear_line(demo);
    fprintf(demo->cli->screen.out,
            "  %3lld s  asked %lld  succeeded %lld  declined %lld  processing %lld  waiting %lld "
            "(%s, longest %s)  %s",
            (long long)((clock_mono_us() - demo->began_us) / US_PER_SECOND), (long long)view.asked,
            (long long)view.succeeded, (long long)view.declined, (long long)view.processing,
            (long long)view.waiting, show_latency(view.recent_wait_us, wait),
            show_latency(view.longest_wait_us, longest), states);
    fflush(demo->cli->screen.out);
    demo->drawn = true;
}

static void tell_after(struct demo *demo, const struct shop_view *before) {
    struct shop_view now;
    char line[240], longest[SHOW_CHARS_MAX];
    shop_look(demo->shop, &now);
    snprintf(line, sizeof line,
             "asked %lld, succeeded %lld, declined %lld, processing %lld; longest wait so far %s",
             (long long)(now.asked - before->asked), (long long)(now.succeeded - before->succeeded),
             (long long)(now.declined - before->declined),
             (long long)(now.processing - before->processing),
             show_latency(now.longest_wait_us, longest));
    tell(demo, STYLE_DIM, " ", line);
}

/* ---- playing ---- */

static int kill_and_start(struct demo *demo, struct err *err) {
    struct shop_view view;
    char line[120];
    shop_look(demo->shop, &view);
    int r = stage_kill(&demo->stage, err);
    if (r < 0) {
        return r;
    }
    snprintf(line, sizeof line, "killed with %lld customers waiting for an answer",
             (long long)view.waiting);
    tell(demo, STYLE_WARN, " ", line);
    int64_t began = clock_mono_us();
    r = stage_start(&demo->stage, err);
    if (r < 0) {
        return r;
    }
    snprintf(line, sizeof line, "started again: ready after %lld ms",
             (long long)((clock_mono_us() - began) / US_PER_MS));
    tell(demo, STYLE_GOOD, " ", line);
    return 0;
}

static int play(struct demo *demo, const struct scene *scene, struct err *err) {
    struct shop_view before;
    char line[200], states[160];
    tell(demo, STYLE_BOLD, "▶", scene->title);
    tell(demo, STYLE_PLAIN, " ", scene->said);
    sandbox_heal(demo->stage.sandbox);
    shop_look(demo->shop, &before);
    for (int i = 0; i < FAULTS_PER_SCENE && scene->faults[i] != NULL; i++) {
        int r = stage_fault(&demo->stage, scene->faults[i], err);
        if (r < 0) {
            return err_while(err, "switching on \"%s\"", scene->faults[i]);
        }
    }
    int64_t began = clock_mono_us(), ends = began + scene->seconds * US_PER_SECOND;
    /* A breaker that is still closing from the scene before tells nothing about this one. */
    bool open = false;
    breakers(demo, states, sizeof states, &open);
    bool noticed = !scene->notice || open, killed = !scene->kill;
    while (clock_mono_us() < ends) {
        if (!killed && clock_mono_us() > began + 2 * US_PER_SECOND) {
            killed = true;
            int r = kill_and_start(demo, err);
            if (r < 0) {
                return r;
            }
        }
        breakers(demo, states, sizeof states, &open);
        if (open && !noticed) {
            noticed = true;
            int64_t took = clock_mono_us() - began;
            demo->noticed_us = took > demo->noticed_us ? took : demo->noticed_us;
            snprintf(line, sizeof line,
                     "noticed after %lld ms: new payments go elsewhere without asking it first",
                     (long long)(took / US_PER_MS));
            tell(demo, STYLE_GOOD, " ", line);
        }
        draw(demo);
        if (signals_await(0) > 0) {
            return err_set(err, ERR_DRAINING, "the demo was asked to end before its end");
        }
        task_sleep_us(noticed ? LOOK_US : LOOK_US / 4);
    }
    tell_after(demo, &before);
    return 0;
}

/* Until nothing waits: no unknown or processing payment, no callback to process; what is still open
 * after QUIET_MAX_US is left for the sums to tell. */
static void settle_down(struct demo *demo) {
    tell(demo, STYLE_BOLD, "▶", "The shop closes; what is open is brought to an end");
    sandbox_heal(demo->stage.sandbox);
    shop_close_doors(demo->shop);
    int64_t give_up = clock_mono_us() + QUIET_MAX_US;
    while (clock_mono_us() < give_up) {
        JSON_AUTO backlog = NULL;
        struct err not_now = {0};
        if (stage_get(&demo->stage, demo->stage.internal_url, "/internal/api/system/backlog",
                      &backlog, &not_now) >= 0) {
            int64_t open = json_peek_int(backlog, 1, "unknown_payments", NULL) +
                           json_peek_int(backlog, 1, "processing_payments", NULL) +
                           json_peek_int(backlog, 1, "callbacks_waiting", NULL);
            if (open == 0) {
                return;
            }
        }
        draw(demo);
        task_sleep_us(LOOK_US);
    }
}

static void say_next(struct demo *demo) {
    FILE *out = demo->cli->screen.out;
    const char *internal = demo->stage.internal_url, *control = demo->stage.control_url;
    fprintf(out, "\nEverything stays up until Ctrl-C. Try, in another terminal:\n\n");
    fprintf(out, "  curl -s %s/payment/health\n", internal);
    fprintf(out,
            "  curl -s -X POST %s/v1/payments -H 'Content-Type: application/json' \\\n"
            "       -H 'Idempotency-Key: my-first' -d "
            "'{\"order_id\":\"my-1\",\"amount\":1999,\"currency\":\"USD\","
            "\"method\":\"card\",\"tokens\":{\"stripe-eu\":\"pm_card_visa\",\"paypal-eu\":\"vault_"
            "visa\"}}'\n",
            internal);
    fprintf(out,
            "  curl -s -X PUT %s/faults/stripe -d '{\"kind\":\"refuse\"}'        # break the first "
            "gateway\n",
            control);
    fprintf(out,
            "  curl -s -X POST %s/internal/api/payment/switch-gateway -H 'Content-Type: "
            "application/json' \\\n"
            "       -d '{\"primaryGateway\":\"paypal-eu\",\"reason\":\"Stripe outage\"}'\n",
            internal);
    fprintf(out, "  curl -s -X DELETE %s/faults/stripe                          # and mend it\n",
            control);
    fprintf(
        out,
        "  curl -s %s/book                                           # the sandbox's own book\n",
        control);
    fprintf(out, "  HOLDFAST_URL=%s build/holdfast gateway health\n\n", internal);
    fprintf(out, "Configuration, database and log are in %s\n", demo->stage.folder);
    fflush(out);
}

static int run_all(struct demo *demo, int rate, uint64_t seed, bool once, bool *ret_well,
                   struct err *err) {
    int r = shop_open(&demo->stage, rate, seed, &demo->shop, err);
    for (size_t i = 0; r >= 0 && i < COUNT_OF(scenes); i++) {
        r = play(demo, &scenes[i], err);
    }
    if (r < 0) {
        return r;
    }
    settle_down(demo);
    clear_line(demo);
    struct demo_sums sums;
    r = demo_sums_take(&demo->stage, demo->shop, &sums, err);
    if (r < 0) {
        return r;
    }
    sums.noticed_us = demo->noticed_us;
    demo_sums_print(demo->cli, &sums);
    *ret_well = demo_sums_well(&sums);
    if (!once) {
        say_next(demo);
        (void)signals_await(-1);
    }
    return 0;
}

int run_demo(struct cli *cli) {
    struct err err = {0};
    int64_t rate = RATE_DEFAULT, seed = 1;
    int r = cli_int(cli, "rate", 1, 500, &rate, &err);
    r = r < 0 ? r : cli_int(cli, "seed", 1, INT64_MAX, &seed, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    signals_block();
    crypto_init();
    log_level_set(LOG_WARN);
    struct demo demo = {.cli = cli, .began_us = clock_mono_us(), .noticed_us = -1};
    bool well = false;
    r = stage_open(&demo.stage, cli_text(cli, "folder"), cli_text(cli, "store"), (uint64_t)seed,
                   &err);
    if (r >= 0) {
        char line[240];
        snprintf(line, sizeof line, "service %s (internal %s), sandbox control %s",
                 demo.stage.public_url, demo.stage.internal_url, demo.stage.control_url);
        tell(&demo, STYLE_DIM, " ", line);
        r = run_all(&demo, (int)rate, (uint64_t)seed, cli_given(cli, "once"), &well, &err);
    }
    shop_free(demo.shop);
    stage_close(&demo.stage);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    return well ? CLI_DONE : CLI_PROBLEM;
}
