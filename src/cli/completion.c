/* SPDX-License-Identifier: Apache-2.0
 * completion.c: `holdfast completion bash`: the command table as a bash function. It needs nothing
 * but bash itself. */
#include <string.h>

#include "cli/commands.h"

static void nouns(FILE *out) {
    for (int i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].verb == NULL) {
            fprintf(out, " %s", cli_commands[i].noun);
        }
    }
}

static void option_names(FILE *out, const struct cli_option *option) {
    for (; option != NULL && option->name != NULL; option++) {
        fprintf(out, " --%s", option->name);
    }
}

static void all_options(FILE *out, const struct cli_command *command) {
    option_names(out, command->options);
    for (int i = 0; cli_common_flags[i] != 0; i++) {
        if ((command->flags & cli_common_flags[i]) != 0) {
            option_names(out, cli_common_options(cli_common_flags[i]));
        }
    }
    fprintf(out, " --help");
}

/* What may stand after an option, where that is a closed set. */
static void choices(FILE *out, const struct cli_command *command) {
    for (const struct cli_option *o = command->options; o != NULL && o->name != NULL; o++) {
        if (o->choices == NULL) {
            continue;
        }
        fprintf(out, "        \"%s %s --%s\") words=\"", command->noun,
                command->verb != NULL ? command->verb : "", o->name);
        for (const char *at = o->choices; *at != '\0'; at++) {
            fputc(*at == '|' ? ' ' : *at, out);
        }
        fprintf(out, "\" ;;\n");
    }
}

/* Every option whose value is a file, a folder, or something that cannot be guessed. */
static void values_by_kind(FILE *out, bool files) {
    const char *bar = "";
    for (int i = 0; i < cli_command_count; i++) {
        for (const struct cli_option *o = cli_commands[i].options; o != NULL && o->name != NULL;
             o++) {
            bool file = o->value != NULL && cli_is_path(o->value);
            if (o->value != NULL && o->choices == NULL && file == files) {
                fprintf(out, "%s--%s", bar, o->name);
                bar = "|";
            }
        }
    }
    for (int i = 0; cli_common_flags[i] != 0; i++) {
        const struct cli_option *o = cli_common_options(cli_common_flags[i]);
        for (; o->name != NULL; o++) {
            if (o->value != NULL && cli_is_path(o->value) == files) {
                fprintf(out, "%s--%s", bar, o->name);
                bar = "|";
            }
        }
    }
}

static void verbs_by_noun(FILE *out) {
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        if (row->verb != NULL || !cli_has_verbs(row->noun)) {
            continue;
        }
        fprintf(out, "            %s) words=\"", row->noun);
        const char *blank = "";
        if (row->handler != NULL) { /* verbs beside a command of its own */
            all_options(out, row);
            blank = " ";
        }
        for (int j = 0; j < cli_command_count; j++) {
            if (strcmp(cli_commands[j].noun, row->noun) == 0 && cli_commands[j].verb != NULL) {
                fprintf(out, "%s%s", blank, cli_commands[j].verb);
                blank = " ";
            }
        }
        fprintf(out, "\" ;;\n");
    }
}

static void options_by_command(FILE *out) {
    for (int i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        if (row->handler == NULL) {
            continue;
        }
        fprintf(out, "            \"%s %s\") words=\"", row->noun,
                row->verb != NULL ? row->verb : "");
        all_options(out, row);
        fprintf(out, "\" ;;\n");
    }
}

static void script(FILE *out) {
    fprintf(out,
            "# Completion of holdfast for bash: eval \"$(holdfast completion bash)\"\n"
            "_holdfast() {\n"
            "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
            "    local noun=\"${COMP_WORDS[1]}\" verb=\"\" words=\"\"\n"
            "    COMPREPLY=()\n"
            "    if ((COMP_CWORD == 1)); then\n"
            "        mapfile -t COMPREPLY < <(compgen -W \"");
    nouns(out);
    fprintf(out, "\" -- \"$word\")\n"
                 "        return\n"
                 "    fi\n"
                 "    case \"$noun\" in\n"
                 "    ");
    const char *bar = "";
    for (int i = 0; i < cli_command_count; i++) {
        if (cli_commands[i].verb == NULL && cli_has_verbs(cli_commands[i].noun)) {
            fprintf(out, "%s%s", bar, cli_commands[i].noun);
            bar = "|";
        }
    }
    fprintf(out, ") verb=\"${COMP_WORDS[2]}\" ;;\n"
                 "    esac\n"
                 "    case \"$noun $verb $before\" in\n");
    for (int i = 0; i < cli_command_count; i++) {
        choices(out, &cli_commands[i]);
    }
    fprintf(out, "    *)\n"
                 "        case \"$before\" in\n"
                 "        ");
    values_by_kind(out, true);
    fprintf(out, ")\n"
                 "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                 "            return ;;\n"
                 "        ");
    values_by_kind(out, false);
    fprintf(out, ")\n"
                 "            return ;;\n"
                 "        esac\n"
                 "        if ((COMP_CWORD > 2)); then\n"
                 "            case \"$noun $verb\" in\n");
    options_by_command(out);
    fprintf(out, "            esac\n"
                 "        else\n"
                 "            case \"$noun\" in\n");
    verbs_by_noun(out);
    fprintf(out, "            *)\n"
                 "                case \"$noun \" in\n");
    options_by_command(out);
    fprintf(out, "                esac ;;\n"
                 "            esac\n"
                 "        fi ;;\n"
                 "    esac\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                 "}\n"
                 "complete -F _holdfast holdfast\n");
}

int run_completion(struct cli *cli) {
    const char *shell = cli_argument(cli, 0);
    if (strcmp(shell, "bash") != 0) {
        return cli_misuse(cli, "there is completion for bash only, not for \"%.40s\"", shell);
    }
    script(cli->screen.out);
    return CLI_DONE;
}
