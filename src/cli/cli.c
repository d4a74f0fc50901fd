/* SPDX-License-Identifier: Apache-2.0
 * cli.c: from the command line to the handler, and how errors are told. */
#include "cli/cli.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/show.h"
#include "net/http_client.h"

enum { COLUMNS_DEFAULT = 80, FAIL_BYTES_MAX = 8192 };

/* ---- telling ---- */

void cli_say(const struct cli *cli, const char *format, ...) {
    if (cli->json) {
        return;
    }
    va_list args;
    va_start(args, format);
    vfprintf(cli->screen.out, format, args);
    va_end(args);
}

static int status_of(enum err_code code) {
    switch (code) {
    case ERR_USAGE:
        return CLI_USAGE;
    case ERR_UNREACHABLE:
    case ERR_TIMEOUT: /* of the call itself: what the service answers is not told through here */
        return CLI_UNREACHABLE;
    default:
        return CLI_PROBLEM;
    }
}

static void fail_json(const struct cli *cli, const struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, FAIL_BYTES_MAX);
    buf_addf(&buf, "{\"type\":\"" ERR_TYPE_PREFIX "%s\",\"title\":", err_type(err->code));
    buf_add_json(&buf, err_title(err->code));
    buf_add_text(&buf, ",\"detail\":");
    buf_add_json(&buf, err->detail);
    const char *const names[] = {"hint", "place"}, *const texts[] = {err->hint, err->place};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (texts[i][0] != '\0') {
            buf_addf(&buf, ",\"%s\":", names[i]);
            buf_add_json(&buf, texts[i]);
        }
    }
    fprintf(cli->screen.out, "%s}\n", buf.data);
}

/* "  next   Run `holdfast db migrate` first." */
static void fail_line(const struct cli *cli, const char *name, const char *text) {
    if (text[0] == '\0') {
        return;
    }
    char *clean = show_clean(text);
    fprintf(cli->screen.err, "  %s%-6s%s %s\n", show_style_on(STYLE_DIM, cli->screen.err_colour),
            name, show_style_off(STYLE_DIM, cli->screen.err_colour), clean);
    free(clean);
}

int cli_fail(const struct cli *cli, const struct err *err) {
    if (cli->json) {
        fail_json(cli, err);
        return status_of(err->code);
    }
    bool colour = cli->screen.err_colour;
    const char *headline = err->code == ERR_USAGE ? err->detail : err_title(err->code);
    fprintf(cli->screen.err, "%sholdfast: %s%s\n", show_style_on(STYLE_BAD, colour), headline,
            show_style_off(STYLE_BAD, colour));
    fail_line(cli, "what", err->code == ERR_USAGE ? "" : err->detail);
    fail_line(cli, "where", err->place);
    fail_line(cli, "next", err->hint);
    return status_of(err->code);
}

int cli_misuse(const struct cli *cli, const char *format, ...) {
    char text[sizeof((struct err *)NULL)->detail];
    struct err err = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&err, ERR_USAGE, "%s", text);
    return cli_fail(cli, &err);
}

/* ---- finding the command ---- */

static int unknown_noun(const struct cli *cli, const char *noun) {
    char shown[64];
    struct guess guess;
    struct err err = {0};
    text_shown(noun, strlen(noun), shown, sizeof shown);
    guess_init(&guess, shown);
    for (int i = 0; i < cli_command_count; i++) {
        guess_try(&guess, cli_commands[i].noun);
    }
    err_set(&err, ERR_USAGE, "there is no command \"%s\"", shown);
    const char *best = guess_best(&guess);
    if (best != NULL) {
        err_hint(&err, "Did you mean `holdfast %s`?", best);
    } else {
        err_hint(&err, "`holdfast help` lists what there is.");
    }
    return cli_fail(cli, &err);
}

static int unknown_verb(const struct cli *cli, const char *noun, const char *verb) {
    char shown[64];
    struct guess guess;
    struct err err = {0};
    text_shown(verb, strlen(verb), shown, sizeof shown);
    guess_init(&guess, shown);
    for (int i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].noun, noun) == 0 && cli_commands[i].verb != NULL) {
            guess_try(&guess, cli_commands[i].verb);
        }
    }
    err_set(&err, ERR_USAGE, "there is no command \"%s %s\"", noun, shown);
    const char *best = guess_best(&guess);
    if (best != NULL) {
        err_hint(&err, "Did you mean `holdfast %s %s`?", noun, best);
    } else {
        err_hint(&err, "`holdfast help %s` lists what there is.", noun);
    }
    return cli_fail(cli, &err);
}

int cli_unknown(const struct cli *cli, const char *noun, const char *verb) {
    return verb == NULL || cli_command_find(noun, NULL) == NULL ? unknown_noun(cli, noun)
                                                                : unknown_verb(cli, noun, verb);
}

static bool asks_for_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int read_and_handle(struct cli *cli, int argc, char **argv) {
    struct err err = {0};
    if ((cli->command->flags & CLI_OWN) != 0) {
        cli->rest = argv;
        cli->rest_count = argc;
        return cli->command->handler(cli);
    }
    for (int i = 0; i < argc; i++) { /* before the rest is understood: errors are JSON then, too */
        cli->json = cli->json || (strcmp(argv[i], "--json") == 0 &&
                                  cli_option_find(cli->command, "json") != NULL);
    }
    int r = options_read(cli, argc, argv, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    if (r > 0) {
        help_command(cli->screen.out, cli->command);
        return CLI_DONE;
    }
    return cli->command->handler(cli);
}

static int dispatch(struct cli *cli, int argc, char **argv) {
    if (argc < 2) {
        help_all(cli->screen.err);
        return CLI_USAGE;
    }
    if (asks_for_help(argv[1])) {
        help_all(cli->screen.out);
        return CLI_DONE;
    }
    const char *noun = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct cli_command *alone = cli_command_find(noun, NULL);
    if (alone == NULL) {
        return noun[0] == '-' ? cli_misuse(cli, "options come after the command: `holdfast help`")
                              : cli_unknown(cli, noun, NULL);
    }
    /* A noun that does something by itself may have verbs beside it. */
    const struct cli_command *verb = argc > 2 ? cli_command_find(noun, argv[2]) : NULL;
    cli->command = alone;
    bool word = argc > 2 && argv[2][0] != '-' && cli_has_verbs(noun);
    if (alone->handler != NULL && verb == NULL && word) {
        return cli_unknown(cli, noun, argv[2]);
    }
    if (alone->handler != NULL && verb == NULL) {
        return read_and_handle(cli, argc - 2, argv + 2);
    }
    if (argc < 3) {
        help_noun(cli->screen.err, noun);
        return CLI_USAGE;
    }
    if (asks_for_help(argv[2])) {
        help_noun(cli->screen.out, noun);
        return CLI_DONE;
    }
    cli->command = cli_command_find(noun, argv[2]);
    return cli->command == NULL ? cli_unknown(cli, noun, argv[2])
                                : read_and_handle(cli, argc - 3, argv + 3);
}

int cli_run(const struct cli_screen *screen, int argc, char **argv) {
    struct cli cli = {.screen = *screen};
    crypto_init();
    int status = dispatch(&cli, argc, argv);
    if (cli.client != NULL) {
        http_client_free(cli.client);
    }
    /* A table that did not reach its file or pipe is not "done". */
    if (fflush(screen->out) != 0 && status == CLI_DONE) {
        status = CLI_PROBLEM;
    }
    return status;
}

int cli_main(int argc, char **argv) {
    struct winsize size = {0};
    setlocale(LC_CTYPE, ""); /* what the terminal's character set is, for GLib's texts */
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool wanted = (no_colour == NULL || no_colour[0] == '\0') &&
                  (terminal == NULL || strcmp(terminal, "dumb") != 0);
    struct cli_screen screen = {.out = stdout, .err = stderr};
    screen.live = isatty(STDOUT_FILENO) == 1;
    screen.colour = screen.live && wanted;
    screen.err_live = isatty(STDERR_FILENO) == 1;
    screen.err_colour = wanted && screen.err_live;
    if (screen.live) {
        screen.columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
                             ? size.ws_col
                             : COLUMNS_DEFAULT;
    }
    return cli_run(&screen, argc, argv);
}
