/* SPDX-License-Identifier: Apache-2.0
 * serve.c: `holdfast serve` and `holdfast sandbox`: the two commands that stay. */
#include <glib.h>
#include <string.h>

#include "api/service.h"
#include "base/log.h"
#include "base/signal.h"
#include "cli/commands.h"
#include "sandbox/sandbox.h"

/* ---- the service ---- */

/* The address that was asked for, with the port that it got. */
static void say_listener(const struct cli *cli, const char *name,
                         const struct config_listener *config, int port) {
    const char *address = config->address != NULL ? config->address : "127.0.0.1";
    const char *colon = strrchr(address, ':');
    const char *bracket = strrchr(address, ']');
    size_t length = colon != NULL && colon > bracket ? (size_t)(colon - address) : strlen(address);
    fprintf(cli->screen.out, "%-8s %s://%.*s:%d\n", name,
            config->tls_certificate != NULL ? "https" : "http", (int)length, address, port);
}

static int serve(const struct cli *cli, const struct service_config *config, struct err *err) {
    struct service *service = NULL;
    int r = service_open(config, NULL, &service, err);
    if (r < 0) {
        return r;
    }
    r = service_start(service, err);
    if (r < 0) {
        service_close(service);
        return r;
    }
    say_listener(cli, "public", &config->public_listener, service_public_port(service));
    say_listener(cli, "internal", &config->internal_listener, service_internal_port(service));
    fflush(cli->screen.out);
    log_event(SERVE_STARTED, LT("version", HOLDFAST_VERSION),
              LI("public_port", service_public_port(service)),
              LI("internal_port", service_internal_port(service)));
    int number = signals_await(-1);
    log_event(SERVE_STOPPING, LI("signal", number));
    signals_unblock();
    int cut = service_drain(service);
    service_close(service);
    log_event(SERVE_STOPPED, LI("cut_off", cut));
    return 0;
}

int run_serve(struct cli *cli) {
    struct err err = {0};
    struct service_config *config = NULL;
    signals_block();
    int r = service_config_load(cli_text(cli, "config"), &config, &err);
    r = r < 0 ? r : serve(cli, config, &err);
    service_config_free(config);
    return r < 0 ? cli_fail(cli, &err) : CLI_DONE;
}

/* ---- the simulated gateways ---- */

static void say(const char *line) {
    fprintf(stdout, "%s\n", line);
    fflush(stdout);
}

/* It reads its own options, as a program of that name. */
int run_sandbox(struct cli *cli) {
    static char name[] = "holdfast sandbox";
    char **argv = g_new0(char *, cli->rest_count + 2);
    argv[0] = name;
    for (int i = 0; i < cli->rest_count; i++) {
        argv[i + 1] = cli->rest[i];
    }
    int status = sandbox_run(cli->rest_count + 1, argv, say);
    g_free(argv);
    return status;
}
