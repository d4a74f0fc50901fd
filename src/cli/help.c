/* SPDX-License-Identifier: Apache-2.0
 * help.c: the command table as text for people. */
#include "cli/help.h"

#include <string.h>

enum { NOUN_COLUMNS = 12, VERB_COLUMNS = 14, OPTION_COLUMNS = 26, HELP_COLUMNS = 80 };

/* Whether it may find nobody at the other end. */
static bool reaches(const struct cli_command *command) {
    return (command->flags & CLI_TALKS) != 0 || command->handler == run_load;
}

/* A handler ends with nothing else; what 1 means beyond a refusal stands in the details. */
static void help_statuses(FILE *out, bool talks) {
    fputs(
        talks
            ? "\nExit status: 0 done, 1 a problem was found or the service refused, 2 wrong usage\n"
              "and nothing was done, 3 the service could not be reached.\n"
            : "\nExit status: 0 done, 1 a problem was found, 2 wrong usage and nothing was done.\n",
        out);
}

/* A noun's verbs, on as many lines as they need. */
static void print_verbs(FILE *out, const char *noun) {
    int at = 0;
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        if (strcmp(row->noun, noun) != 0 || row->verb == NULL) {
            continue;
        }
        int wide = (int)strlen(row->verb) + 1;
        if (at == 0 || at + wide > HELP_COLUMNS) {
            at = fprintf(out, "%s  %*s  ", at > 0 ? "\n" : "", NOUN_COLUMNS, "");
        }
        at += fprintf(out, " %s", row->verb);
    }
    fputs(at > 0 ? "\n" : "", out);
}

void help_all(FILE *out) {
    fprintf(out, "Holdfast " HOLDFAST_VERSION ": payments that survive a gateway's outage.\n\n"
                 "Usage: holdfast COMMAND [VERB] [ARGUMENTS] [OPTIONS]\n\n");
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        if (row->verb != NULL) {
            continue;
        }
        fprintf(out, "  %-*s %s\n", NOUN_COLUMNS, row->noun, row->summary);
        print_verbs(out, row->noun);
    }
    fprintf(
        out,
        "\n`holdfast help COMMAND` tells more; `holdfast COMMAND VERB --help` everything.\n"
        "Commands that ask a running service find it at --url or HOLDFAST_URL\n"
        "(http://127.0.0.1:3000) and take a key by --key-ref or HOLDFAST_KEY_REF\n"
        "(env:NAME or file:/path). Every list and answer comes as JSON with --json.\n"
        "Exit status: 0 done, 1 found a problem, 2 wrong usage, 3 could not reach the service.\n");
}

/* True: one of them asks the running service. */
static bool help_verbs(FILE *out, const char *noun) {
    bool talks = false;
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        if (strcmp(row->noun, noun) == 0 && row->verb != NULL) {
            talks = talks || reaches(row);
            fprintf(out, "  %s %-*s %s\n", noun, VERB_COLUMNS, row->verb, row->summary);
        }
    }
    return talks;
}

void help_noun(FILE *out, const char *noun) {
    const struct cli_command *alone = cli_command_find(noun, NULL);
    if (alone == NULL || alone->handler != NULL) {
        return;
    }
    fprintf(out, "holdfast %s: %s.\n\n", noun, alone->summary);
    bool talks = help_verbs(out, noun);
    if (alone->details != NULL) {
        fprintf(out, "\n%s\n", alone->details);
    }
    fprintf(out, "\n`holdfast %s VERB --help` shows arguments and options.\n", noun);
    help_statuses(out, talks);
}

static void help_options(FILE *out, const struct cli_option *option) {
    for (; option != NULL && option->name != NULL; option++) {
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        fprintf(out, "  %-*s %s", OPTION_COLUMNS, left, option->summary);
        if (option->choices != NULL) {
            fprintf(out, ": %s", option->choices);
        }
        fprintf(out, "%s%s\n", option->needed ? " (needed)" : "",
                option->many ? " (may be repeated)" : "");
    }
}

/* Behind a command, what it cannot do without. */
static void help_needed(FILE *out, const struct cli_option *option) {
    for (; option != NULL && option->name != NULL; option++) {
        if (option->needed) {
            fprintf(out, " --%s %s", option->name, option->value != NULL ? option->value : "");
        }
    }
}

void help_command(FILE *out, const struct cli_command *command) {
    fprintf(out, "holdfast %s%s%s: %s.\n\n", command->noun, command->verb != NULL ? " " : "",
            command->verb != NULL ? command->verb : "", command->summary);
    fprintf(out, "Usage: holdfast %s%s%s%s%s", command->noun, command->verb != NULL ? " " : "",
            command->verb != NULL ? command->verb : "", command->arguments != NULL ? " " : "",
            command->arguments != NULL ? command->arguments : "");
    help_needed(out, command->options);
    for (int i = 0; cli_common_flags[i] != 0; i++) {
        if ((command->flags & cli_common_flags[i]) != 0) {
            help_needed(out, cli_common_options(cli_common_flags[i]));
        }
    }
    fputs(" [OPTIONS]\n", out);
    if (command->details != NULL) {
        fprintf(out, "\n%s\n", command->details);
    }
    if (command->options != NULL) {
        fprintf(out, "\nOptions\n");
        help_options(out, command->options);
    }
    bool headed = false;
    for (int i = 0; cli_common_flags[i] != 0; i++) {
        if ((command->flags & cli_common_flags[i]) == 0) {
            continue;
        }
        fprintf(out, "%s", headed ? "" : command->options != NULL ? "\nAlso\n" : "\nOptions\n");
        headed = true;
        help_options(out, cli_common_options(cli_common_flags[i]));
    }
    if (command->verb == NULL && cli_has_verbs(command->noun)) {
        fprintf(out, "\nAnd in the running service\n");
        help_verbs(out, command->noun);
    }
    help_statuses(out, reaches(command));
}

int run_help(struct cli *cli) {
    const char *noun = cli_argument(cli, 0), *verb = cli_argument(cli, 1);
    if (noun == NULL) {
        help_all(cli->screen.out);
        return CLI_DONE;
    }
    const struct cli_command *command = cli_command_find(noun, verb);
    if (command == NULL) {
        return cli_unknown(cli, noun, verb);
    }
    if (command->handler == NULL) {
        help_noun(cli->screen.out, noun);
    } else {
        help_command(cli->screen.out, command);
    }
    return CLI_DONE;
}

int run_version(struct cli *cli) {
    fputs(cli->json ? "{\"version\":\"" HOLDFAST_VERSION "\"}\n"
                    : "holdfast " HOLDFAST_VERSION "\n",
          cli->screen.out);
    return CLI_DONE;
}
