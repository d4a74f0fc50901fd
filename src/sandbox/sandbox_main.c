/* SPDX-License-Identifier: Apache-2.0
 * sandbox_main.c: `holdfast sandbox`: its options, its first words, and its end. */
#include <glib.h>
#include <inttypes.h>
#include <signal.h>

#include "sandbox/sandbox.h"

enum {
    EXIT_WELL = 0,
    EXIT_PROBLEM = 1,
    EXIT_USAGE = 2,
    LINE_CHARS_MAX = 300,
    ADDRESS_CHARS_MAX = 80
};

/* What the command line says; GLib fills it. */
struct wishes {
    char *host;
    int ports[SANDBOX_PORTS];
    gint64 seed, latency_ms, stripe_latency_ms, paypal_latency_ms, callback_delay_ms,
        callback_retry_ms, settle_ms, objects_max;
    int callback_tries, callback_workers, token_s;
    char *callback_stripe, *callback_paypal, *events_stripe, *events_paypal;
    char *stripe_key, *stripe_secret, *client_id, *client_secret, *webhook_id;
    char **faults;
    gboolean duplicate_invoices;
};

static void wishes_init(struct wishes *wishes) {
    *wishes = (struct wishes){
        .ports = {9101, 9102, 9100},
        .stripe_latency_ms = -1,
        .paypal_latency_ms = -1,
        .callback_delay_ms = -1,
        .callback_retry_ms = -1,
        .settle_ms = -1,
    };
}

static void wishes_release(struct wishes *wishes) {
    char *const texts[] = {wishes->host,          wishes->callback_stripe, wishes->callback_paypal,
                           wishes->events_stripe, wishes->events_paypal,   wishes->stripe_key,
                           wishes->stripe_secret, wishes->client_id,       wishes->client_secret,
                           wishes->webhook_id};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        g_free(texts[i]);
    }
    g_strfreev(wishes->faults);
}

/* Reads the command line; false: `*ret_why` says what is wrong with it, to be freed. */
static bool wishes_read(struct wishes *wishes, int argc, char **argv, char **ret_why) {
    const GOptionEntry entries[] = {
        {"host", 0, 0, G_OPTION_ARG_STRING, &wishes->host, "listen there (127.0.0.1)", "ADDRESS"},
        {"stripe-port", 0, 0, G_OPTION_ARG_INT, &wishes->ports[SANDBOX_STRIPE], "Stripe (9101)",
         "PORT"},
        {"paypal-port", 0, 0, G_OPTION_ARG_INT, &wishes->ports[SANDBOX_PAYPAL], "PayPal (9102)",
         "PORT"},
        {"control-port", 0, 0, G_OPTION_ARG_INT, &wishes->ports[SANDBOX_CONTROL], "control (9100)",
         "PORT"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &wishes->seed, "all chance comes from it (0: drawn)",
         "N"},
        {"callback-stripe", 0, 0, G_OPTION_ARG_STRING, &wishes->callback_stripe,
         "send events there", "URL"},
        {"callback-paypal", 0, 0, G_OPTION_ARG_STRING, &wishes->callback_paypal,
         "send events there", "URL"},
        {"callback-events-stripe", 0, 0, G_OPTION_ARG_STRING, &wishes->events_stripe, "only these",
         "A,B"},
        {"callback-events-paypal", 0, 0, G_OPTION_ARG_STRING, &wishes->events_paypal, "only these",
         "A,B"},
        {"callback-delay-ms", 0, 0, G_OPTION_ARG_INT64, &wishes->callback_delay_ms,
         "first try (50)", "MS"},
        {"callback-retry-ms", 0, 0, G_OPTION_ARG_INT64, &wishes->callback_retry_ms,
         "first pause after a refusal, doubled each time (1000)", "MS"},
        {"callback-tries", 0, 0, G_OPTION_ARG_INT, &wishes->callback_tries, "of one callback (16)",
         "N"},
        {"callback-workers", 0, 0, G_OPTION_ARG_INT, &wishes->callback_workers, "at once (16)",
         "N"},
        {"latency-ms", 0, 0, G_OPTION_ARG_INT64, &wishes->latency_ms, "median of every answer (0)",
         "MS"},
        {"latency-ms-stripe", 0, 0, G_OPTION_ARG_INT64, &wishes->stripe_latency_ms, "of Stripe's",
         "MS"},
        {"latency-ms-paypal", 0, 0, G_OPTION_ARG_INT64, &wishes->paypal_latency_ms, "of PayPal's",
         "MS"},
        {"settle-ms", 0, 0, G_OPTION_ARG_INT64, &wishes->settle_ms,
         "until what is pending ends (2000)", "MS"},
        {"fault", 0, 0, G_OPTION_ARG_STRING_ARRAY, &wishes->faults,
         "stripe:slow:operation=charge,median_ms=900 (may be given several times)", "SPEC"},
        {"objects-max", 0, 0, G_OPTION_ARG_INT64, &wishes->objects_max, "of one gateway (10000000)",
         "N"},
        {"stripe-key", 0, 0, G_OPTION_ARG_STRING, &wishes->stripe_key, "API key", "KEY"},
        {"stripe-webhook-secret", 0, 0, G_OPTION_ARG_STRING, &wishes->stripe_secret, "whsec_…",
         "SECRET"},
        {"paypal-client-id", 0, 0, G_OPTION_ARG_STRING, &wishes->client_id, "client id", "ID"},
        {"paypal-client-secret", 0, 0, G_OPTION_ARG_STRING, &wishes->client_secret, "its secret",
         "SECRET"},
        {"paypal-webhook-id", 0, 0, G_OPTION_ARG_STRING, &wishes->webhook_id, "of the callback URL",
         "ID"},
        {"paypal-token-seconds", 0, 0, G_OPTION_ARG_INT, &wishes->token_s,
         "life of a token (32400)", "S"},
        {"paypal-duplicate-invoices", 0, 0, G_OPTION_ARG_NONE, &wishes->duplicate_invoices,
         "let an invoice be paid twice", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    GOptionContext *context = g_option_context_new("- simulated Stripe and PayPal on loopback");
    GError *error = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    bool good = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    if (!good) {
        *ret_why = g_strdup(error->message);
        g_error_free(error);
        return false;
    }
    if (argc > 1) {
        *ret_why = g_strdup_printf("'%.60s' is no option of sandbox", argv[1]);
        return false;
    }
    return true;
}

static const char *or_usual(const char *wish, const char *usual) {
    return wish != NULL ? wish : usual;
}

static int64_t or_usual_number(int64_t wish, int64_t none, int64_t usual) {
    return wish != none ? wish : usual;
}

static void options_fill(struct sandbox_options *options, const struct wishes *wishes,
                         char addresses[SANDBOX_PORTS][ADDRESS_CHARS_MAX]) {
    for (int i = 0; i < SANDBOX_PORTS; i++) {
        snprintf(addresses[i], ADDRESS_CHARS_MAX, "%.60s:%d", or_usual(wishes->host, "127.0.0.1"),
                 wishes->ports[i]);
        options->addresses[i] = addresses[i];
    }
    options->seed = (uint64_t)wishes->seed;
    options->callback_urls[SANDBOX_STRIPE] = wishes->callback_stripe;
    options->callback_urls[SANDBOX_PAYPAL] = wishes->callback_paypal;
    options->callback_events[SANDBOX_STRIPE] = wishes->events_stripe;
    options->callback_events[SANDBOX_PAYPAL] = wishes->events_paypal;
    options->stripe_key = or_usual(wishes->stripe_key, options->stripe_key);
    options->stripe_webhook_secret = or_usual(wishes->stripe_secret,
                                              options->stripe_webhook_secret);
    options->paypal_client_id = or_usual(wishes->client_id, options->paypal_client_id);
    options->paypal_client_secret = or_usual(wishes->client_secret, options->paypal_client_secret);
    options->paypal_webhook_id = or_usual(wishes->webhook_id, options->paypal_webhook_id);
    options->paypal_token_s = (int)or_usual_number(wishes->token_s, 0, options->paypal_token_s);
    options->paypal_duplicate_invoices = wishes->duplicate_invoices;
    options->latency_ms[SANDBOX_STRIPE] = or_usual_number(wishes->stripe_latency_ms, -1,
                                                          wishes->latency_ms);
    options->latency_ms[SANDBOX_PAYPAL] = or_usual_number(wishes->paypal_latency_ms, -1,
                                                          wishes->latency_ms);
    options->callback_delay_ms = or_usual_number(wishes->callback_delay_ms, -1,
                                                 options->callback_delay_ms);
    options->callback_retry_ms = or_usual_number(wishes->callback_retry_ms, -1,
                                                 options->callback_retry_ms);
    options->callback_tries = (int)or_usual_number(wishes->callback_tries, 0,
                                                   options->callback_tries);
    options->callback_workers = (int)or_usual_number(wishes->callback_workers, 0,
                                                     options->callback_workers);
    options->settle_ms = or_usual_number(wishes->settle_ms, -1, options->settle_ms);
    options->objects_max = or_usual_number(wishes->objects_max, 0, options->objects_max);
    options->faults = (const char *const *)wishes->faults;
}

static void introduce(const struct sandbox *sandbox, const char *host, sandbox_say *say) {
    static const char *const names[SANDBOX_PORTS] = {"Stripe ", "PayPal ", "control"};
    static const char *const hints[SANDBOX_PORTS] = {
        "unless told otherwise the API key is " SANDBOX_STRIPE_KEY,
        "unless told otherwise the client id is " SANDBOX_PAYPAL_CLIENT_ID,
        "GET /book, PUT /faults/stripe; GET / lists everything"};
    char line[LINE_CHARS_MAX];
    for (int i = 0; i < SANDBOX_PORTS; i++) {
        snprintf(line, sizeof(line), "sandbox: %s on http://%.60s:%d  (%s)", names[i], host,
                 sandbox_port(sandbox, (enum sandbox_port)i), hints[i]);
        say(line);
    }
    snprintf(line, sizeof(line), "sandbox: seed %" PRIu64, sandbox_seed(sandbox));
    say(line);
}

int sandbox_run(int argc, char **argv, sandbox_say *say) {
    char addresses[SANDBOX_PORTS][ADDRESS_CHARS_MAX];
    char line[LINE_CHARS_MAX];
    char *why = NULL;
    struct err err = {0};
    struct wishes wishes;
    struct sandbox_options options;
    struct sandbox *sandbox = NULL;
    wishes_init(&wishes);
    if (!wishes_read(&wishes, argc, argv, &why)) {
        snprintf(line, sizeof(line), "sandbox: %.200s; try --help", why);
        say(line);
        g_free(why);
        wishes_release(&wishes);
        return EXIT_USAGE;
    }
    /* Blocked before any task exists, so that none of them gets the signals and this one waits for
     * them. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    sandbox_options_init(&options);
    options_fill(&options, &wishes, addresses);
    int rc = sandbox_start(&options, &sandbox, &err);
    if (rc == 0) {
        int signal = 0;
        introduce(sandbox, or_usual(wishes.host, "127.0.0.1"), say);
        (void)sigwait(&ends, &signal);
        say("sandbox: stopping");
        sandbox_stop(sandbox);
    } else {
        snprintf(line, sizeof(line), "sandbox: %.280s", err.detail);
        say(line);
    }
    wishes_release(&wishes);
    return rc == 0                                                ? EXIT_WELL
           : err.code == ERR_CONFIG || err.code == ERR_VALIDATION ? EXIT_USAGE
                                                                  : EXIT_PROBLEM;
}
