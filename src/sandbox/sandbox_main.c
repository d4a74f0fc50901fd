/* SPDX-License-Identifier: Apache-2.0
 * sandbox_main.c: `holdfast sandbox`: its options, its first words, and its end. */
#include <glib.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>

#include "base/file.h"
#include "sandbox/gateway_kind.h"
#include "sandbox/sandbox.h"
#include "sandbox/statement.h"

enum {
    NAMES_BYTES_MAX = 64 * 1024,
    EXIT_WELL = 0,
    EXIT_PROBLEM = 1,
    EXIT_USAGE = 2,
    LINE_CHARS_MAX = 300,
    CONTROL_PORT = 9100,
    FILE_BYTES_MAX = 65536,
    ADDRESS_CHARS_MAX = 80
};

/* What the command line says; GLib fills it. */
struct wishes {
    char *host, *statement_dir;
    int ports[SANDBOX_PORTS];
    gint64 seed, latency_ms, callback_delay_ms, callback_retry_ms, settle_ms, objects_max;
    int callback_tries, callback_workers, token_s;
    char *callbacks[SANDBOX_GATEWAYS], *events[SANDBOX_GATEWAYS];
    gint64 latencies_ms[SANDBOX_GATEWAYS];
    char *settings[SANDBOX_GATEWAYS][SANDBOX_SETTINGS_MAX];
    char **faults;
    gboolean duplicate_invoices;
    GPtrArray *texts; /* names and helps of the gateways' options */
};

static void wishes_init(struct wishes *wishes) {
    *wishes = (struct wishes){
        .callback_delay_ms = -1,
        .callback_retry_ms = -1,
        .settle_ms = -1,
        .texts = g_ptr_array_new_with_free_func(g_free),
    };
    for (int i = 0; i < SANDBOX_GATEWAYS; i++) {
        wishes->ports[i] = sb_gateway_port((enum sb_gateway)i);
        wishes->latencies_ms[i] = -1;
    }
    wishes->ports[SANDBOX_CONTROL] = CONTROL_PORT;
}

static void wishes_release(struct wishes *wishes) {
    g_free(wishes->host);
    g_free(wishes->statement_dir);
    for (int i = 0; i < SANDBOX_GATEWAYS; i++) {
        g_free(wishes->callbacks[i]);
        g_free(wishes->events[i]);
        for (int k = 0; k < SANDBOX_SETTINGS_MAX; k++) {
            g_free(wishes->settings[i][k]);
        }
    }
    g_strfreev(wishes->faults);
    g_ptr_array_unref(wishes->texts);
}

/* ---- the options ---- */

PRINTF_LIKE(2, 3)
static const char *text(struct wishes *wishes, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char *made = g_strdup_vprintf(format, list);
    va_end(list);
    g_ptr_array_add(wishes->texts, made);
    return made;
}

static void add_common(struct wishes *wishes, GArray *entries) {
    const GOptionEntry common[] = {
        {"host", 0, 0, G_OPTION_ARG_STRING, &wishes->host, "listen there (127.0.0.1)", "ADDRESS"},
        {"control-port", 0, 0, G_OPTION_ARG_INT, &wishes->ports[SANDBOX_CONTROL], "control (9100)",
         "PORT"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &wishes->seed, "all chance comes from it (0: drawn)",
         "N"},
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
        {"settle-ms", 0, 0, G_OPTION_ARG_INT64, &wishes->settle_ms,
         "until what is pending ends (2000)", "MS"},
        {"fault", 0, 0, G_OPTION_ARG_STRING_ARRAY, &wishes->faults,
         "stripe:slow:operation=charge,median_ms=900 (may be given several times)", "SPEC"},
        {"objects-max", 0, 0, G_OPTION_ARG_INT64, &wishes->objects_max, "of one gateway (10000000)",
         "N"},
        {"paypal-token-seconds", 0, 0, G_OPTION_ARG_INT, &wishes->token_s,
         "life of a token (32400)", "S"},
        {"statement-dir", 0, 0, G_OPTION_ARG_FILENAME, &wishes->statement_dir,
         "put PayPal's and the bank's files there, each minute", "DIR"},
        {"paypal-duplicate-invoices", 0, 0, G_OPTION_ARG_NONE, &wishes->duplicate_invoices,
         "let an invoice be paid twice", NULL},
    };
    g_array_append_vals(entries, common, COUNT_OF(common));
}

static void add_gateway(struct wishes *wishes, enum sb_gateway gateway, GArray *entries) {
    const char *name = sb_gateway_name(gateway), *title = sb_gateway_title(gateway);
    const struct sb_setting *settings = sb_gateway_kind(gateway)->settings;
    const GOptionEntry usual[] = {
        {text(wishes, "%s-port", name), 0, 0, G_OPTION_ARG_INT, &wishes->ports[gateway],
         text(wishes, "%s (%d; -1: not opened)", title, sb_gateway_port(gateway)), "PORT"},
        {text(wishes, "callback-%s", name), 0, 0, G_OPTION_ARG_STRING, &wishes->callbacks[gateway],
         "send events there", "URL"},
        {text(wishes, "callback-events-%s", name), 0, 0, G_OPTION_ARG_STRING,
         &wishes->events[gateway], "only these", "A,B"},
        {text(wishes, "latency-ms-%s", name), 0, 0, G_OPTION_ARG_INT64,
         &wishes->latencies_ms[gateway], text(wishes, "of %s's", title), "MS"},
    };
    g_array_append_vals(entries, usual, COUNT_OF(usual));
    for (int i = 0; settings != NULL && settings[i].name != NULL; i++) {
        const GOptionEntry entry = {text(wishes, "%s-%s", name, settings[i].name),
                                    0,
                                    0,
                                    settings[i].file ? G_OPTION_ARG_FILENAME : G_OPTION_ARG_STRING,
                                    &wishes->settings[gateway][i],
                                    settings[i].help,
                                    settings[i].argument};
        g_array_append_val(entries, entry);
    }
}

/* A setting that stands in a file: its text in place of its name. */
static bool file_in_place(char **setting, char **ret_why) {
    struct err err = {0};
    size_t count = 0;
    char *content = g_malloc(FILE_BYTES_MAX + 1);
    if (file_read(*setting, content, FILE_BYTES_MAX, &count, &err) < 0) {
        *ret_why = g_strdup_printf("%.100s: %s", *setting, err.detail);
        g_free(content);
        return false;
    }
    g_free(*setting);
    *setting = content;
    return true;
}

static bool files_read(struct wishes *wishes, char **ret_why) {
    for (int i = 0; i < SANDBOX_GATEWAYS; i++) {
        const struct sb_setting *settings = sb_gateway_kind((enum sb_gateway)i)->settings;
        for (int k = 0; settings != NULL && settings[k].name != NULL; k++) {
            if (settings[k].file && wishes->settings[i][k] != NULL &&
                !file_in_place(&wishes->settings[i][k], ret_why)) {
                return false;
            }
        }
    }
    return true;
}

/* Reads the command line; false: `*ret_why` says what is wrong with it, to be freed. */
static bool wishes_read(struct wishes *wishes, int argc, char **argv, char **ret_why) {
    GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    add_common(wishes, entries);
    for (int i = 0; i < SANDBOX_GATEWAYS; i++) {
        add_gateway(wishes, (enum sb_gateway)i, entries);
    }
    GOptionContext *context = g_option_context_new("- simulated gateways on loopback");
    GError *error = NULL;
    g_option_context_add_main_entries(context, (const GOptionEntry *)entries->data, NULL);
    bool good = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    g_array_unref(entries);
    if (!good) {
        *ret_why = g_strdup(error->message);
        g_error_free(error);
        return false;
    }
    if (argc > 1) {
        *ret_why = g_strdup_printf("'%.60s' is no option of sandbox", argv[1]);
        return false;
    }
    return files_read(wishes, ret_why);
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
        options->addresses[i] = wishes->ports[i] >= 0 ? addresses[i] : NULL;
    }
    for (int i = 0; i < SANDBOX_GATEWAYS; i++) {
        options->callback_urls[i] = wishes->callbacks[i];
        options->callback_events[i] = wishes->events[i];
        options->latency_ms[i] = or_usual_number(wishes->latencies_ms[i], -1, wishes->latency_ms);
        for (int k = 0; k < SANDBOX_SETTINGS_MAX; k++) {
            options->settings[i][k] = wishes->settings[i][k];
        }
    }
    options->seed = (uint64_t)wishes->seed;
    options->paypal_token_s = (int)or_usual_number(wishes->token_s, 0, options->paypal_token_s);
    options->paypal_duplicate_invoices = wishes->duplicate_invoices;
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
    options->statement_dir = wishes->statement_dir;
    options->faults = (const char *const *)wishes->faults;
}

static void introduce(const struct sandbox *sandbox, const char *host, sandbox_say *say) {
    char line[LINE_CHARS_MAX];
    for (int i = 0; i < SANDBOX_PORTS; i++) {
        bool control = i == SANDBOX_CONTROL;
        int port = sandbox_port(sandbox, (enum sandbox_port)i);
        if (port == 0) {
            continue;
        }
        snprintf(line, sizeof(line), "sandbox: %-10s on http://%.60s:%d  (%s)",
                 control ? "control" : sb_gateway_title((enum sb_gateway)i), host, port,
                 control ? "GET /book, PUT /faults/stripe; GET / lists everything"
                         : sb_gateway_kind((enum sb_gateway)i)->hint);
        say(line);
    }
    snprintf(line, sizeof(line), "sandbox: seed %" PRIu64, sandbox_seed(sandbox));
    say(line);
}

/* Until a signal comes; meanwhile statements are published, where there is a folder for them. */
static void await_end(struct sandbox *sandbox, const sigset_t *ends, sandbox_say *say) {
    const struct timespec minute = {.tv_sec = 60};
    bool told = false;
    do {
        struct err err = {0};
        BUF_AUTO names;
        buf_init(&names, NAMES_BYTES_MAX);
        sb_gate_enter(sandbox);
        int rc = sandbox->statement_dir != NULL ? sb_statement_publish(sandbox, &names, &err) : 0;
        sb_gate_leave(sandbox);
        if (rc < 0 && !told) {
            say(err.detail);
            told = true;
        }
    } while (sigtimedwait(ends, NULL, &minute) < 0);
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
        introduce(sandbox, or_usual(wishes.host, "127.0.0.1"), say);
        await_end(sandbox, &ends, say);
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
