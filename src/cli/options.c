/* SPDX-License-Identifier: Apache-2.0
 * options.c: see options.h. `--name VALUE`, `--name=VALUE`, flags, `--` before arguments that begin
 * with a hyphen. An option that the row does not have is refused before anything is done. */
#include "cli/options.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* ---- slips of the fingers ---- */

enum { GUESS_CHARS_MAX = 32 };

static int least(int a, int b, int c) {
    int smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* How many letters must be put in, left out, changed or swapped with the next one to make one word
 * of the other (optimal string alignment). */
static int distance(const char *a, const char *b) {
    int rows[3][GUESS_CHARS_MAX + 2];
    int a_len = (int)strlen(a), b_len = (int)strlen(b);
    if (a_len > GUESS_CHARS_MAX || b_len > GUESS_CHARS_MAX) {
        return GUESS_CHARS_MAX;
    }
    for (int j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (int i = 1; i <= a_len; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= b_len; j++) {
            int cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1, row[j]);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

void guess_init(struct guess *guess, const char *word) {
    *guess = (struct guess){.word = word, .distance = GUESS_CHARS_MAX};
}

void guess_try(struct guess *guess, const char *candidate) {
    /* A beginning of the word counts as one slip: `pay` is `payment`. */
    size_t length = strlen(guess->word);
    bool begins = length >= 2 && strncmp(guess->word, candidate, length) == 0;
    int far = begins ? 1 : distance(guess->word, candidate);
    if (far < guess->distance) {
        guess->distance = far;
        guess->best = candidate;
    }
}

const char *guess_best(const struct guess *guess) {
    int most = strlen(guess->word) < 4 ? 1 : strlen(guess->word) < 8 ? 2 : 3;
    return guess->distance <= most ? guess->best : NULL;
}

/* ---- reading ---- */

static int unknown_option(const struct cli *cli, const char *name, size_t length, struct err *err) {
    char shown[64];
    text_shown(name, length, shown, sizeof shown);
    struct guess guess;
    guess_init(&guess, shown);
    for (const struct cli_option *o = cli->command->options; o != NULL && o->name != NULL; o++) {
        guess_try(&guess, o->name);
    }
    for (int i = 0; cli_common_flags[i] != 0; i++) {
        const struct cli_option *o = cli_common_options(cli_common_flags[i]);
        for (; (cli->command->flags & cli_common_flags[i]) != 0 && o->name != NULL; o++) {
            guess_try(&guess, o->name);
        }
    }
    err_set(err, ERR_USAGE, "there is no option --%s here", shown);
    const char *verb = cli->command->verb;
    const char *best = guess_best(&guess);
    if (best != NULL) {
        return err_hint(err, "Did you mean --%s?", best);
    }
    return err_hint(err, "`holdfast %s%s%s --help` lists the options.", cli->command->noun,
                    verb != NULL ? " " : "", verb != NULL ? verb : "");
}

static bool is_choice(const char *choices, const char *value) {
    size_t length = strlen(value);
    for (const char *at = choices; at != NULL;) {
        const char *end = strchr(at, '|');
        size_t count = end != NULL ? (size_t)(end - at) : strlen(at);
        if (count == length && strncmp(at, value, count) == 0) {
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return false;
}

/* "One of: a, b, c." */
static int hint_choices(struct err *err, const char *choices) {
    char list[160] = "";
    size_t used = 0;
    for (const char *at = choices; *at != '\0' && used + 3 < sizeof list; at++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s", *at == '|' ? ", " : "");
        if (*at != '|') {
            list[used++] = *at;
            list[used] = '\0';
        }
    }
    return err_hint(err, "One of: %s.", list);
}

/* What is sent is JSON, which is UTF-8; the name of a file may be any bytes. */
static int check_text(const char *kind, const char *word, struct err *err) {
    if (kind == NULL || cli_is_path(kind) || g_utf8_validate(word, -1, NULL)) {
        return 0;
    }
    err_set(err, ERR_USAGE, "%s is not UTF-8", kind);
    return err_hint(err, "Set the terminal or the script to UTF-8. Nothing was done.");
}

static int keep(struct cli *cli, const struct cli_option *option, const char *value,
                struct err *err) {
    int r = check_text(option->value, value, err);
    if (r < 0) {
        return err_while(err, "reading --%s", option->name);
    }
    if (option->choices != NULL && !is_choice(option->choices, value)) {
        char shown[64];
        text_shown(value, strlen(value), shown, sizeof shown);
        err_set(err, ERR_USAGE, "--%s cannot be \"%s\"", option->name, shown);
        return hint_choices(err, option->choices);
    }
    if (!option->many && cli_given(cli, option->name)) {
        return err_set(err, ERR_USAGE, "--%s is given twice", option->name);
    }
    if (cli->value_count == CLI_VALUES_MAX) {
        return err_set(err, ERR_USAGE, "there are more than %d options", CLI_VALUES_MAX);
    }
    cli->values[cli->value_count++] = (struct cli_value){option->name, value};
    return 0;
}

/* The option at argv[*at]; moves past its value when that is a word of its own. */
static int read_option(struct cli *cli, int argc, char **argv, int *at, struct err *err) {
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    char word[GUESS_CHARS_MAX + 1];
    const struct cli_option *option = NULL;
    if (length < sizeof word) {
        memcpy(word, name, length);
        word[length] = '\0';
        option = cli_option_find(cli->command, word);
    }
    if (option == NULL) {
        return unknown_option(cli, name, length, err);
    }
    if (option->value == NULL) {
        return equals == NULL ? keep(cli, option, "", err)
                              : err_set(err, ERR_USAGE, "--%s takes no value", option->name);
    }
    if (equals != NULL) {
        return keep(cli, option, equals + 1, err);
    }
    if (*at + 1 >= argc) {
        err_set(err, ERR_USAGE, "--%s needs a value", option->name);
        return err_hint(err, "--%s %s: %s.", option->name, option->value, option->summary);
    }
    *at += 1;
    return keep(cli, option, argv[*at], err);
}

static int check_needed(const struct cli *cli, const struct cli_option *options, struct err *err) {
    for (; options != NULL && options->name != NULL; options++) {
        if (options->needed && !cli_given(cli, options->name)) {
            err_set(err, ERR_USAGE, "--%s is missing", options->name);
            return err_hint(err, "--%s %s: %s.", options->name, options->value, options->summary);
        }
    }
    return 0;
}

static int check_whole(const struct cli *cli, struct err *err) {
    int min = 0, max = 0;
    cli_argument_bounds(cli->command, &min, &max);
    const char *wanted = cli->command->arguments;
    const char *noun = cli->command->noun, *verb = cli->command->verb;
    if (cli->argument_count < min) {
        err_set(err, ERR_USAGE, "%s is missing", min > 1 ? "an argument" : wanted);
        return err_hint(err, "holdfast %s%s%s %s [OPTIONS]", noun, verb != NULL ? " " : "",
                        verb != NULL ? verb : "", wanted);
    }
    if (cli->argument_count > max) {
        char shown[64];
        text_shown(cli->arguments[max], strlen(cli->arguments[max]), shown, sizeof shown);
        return err_set(err, ERR_USAGE, "\"%s\" is one argument too many", shown);
    }
    int r = check_needed(cli, cli->command->options, err);
    for (int i = 0; r >= 0 && cli_common_flags[i] != 0; i++) {
        if ((cli->command->flags & cli_common_flags[i]) != 0) {
            r = check_needed(cli, cli_common_options(cli_common_flags[i]), err);
        }
    }
    return r;
}

int options_read(struct cli *cli, int argc, char **argv, struct err *err) {
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return 1;
        }
        if (strcmp(argv[i], "--") == 0) {
            break;
        }
    }
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && strncmp(word, "--", 2) == 0) {
            int r = read_option(cli, argc, argv, &i, err);
            if (r < 0) {
                return r;
            }
        } else if (!only_arguments && word[0] == '-' && word[1] != '\0') {
            return unknown_option(cli, word + 1, strlen(word + 1), err);
        } else if (cli->argument_count == CLI_ARGUMENTS_MAX) {
            return err_set(err, ERR_USAGE, "there are more than %d arguments", CLI_ARGUMENTS_MAX);
        } else if (check_text(cli->command->arguments, word, err) < 0) {
            return err_while(err, "reading argument %d", cli->argument_count + 1);
        } else {
            cli->arguments[cli->argument_count++] = word;
        }
    }
    cli->json = cli_given(cli, "json");
    return check_whole(cli, err);
}

/* ---- looking ---- */

bool cli_given(const struct cli *cli, const char *name) {
    for (int i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_text_at(const struct cli *cli, const char *name, int n) {
    for (int i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].name, name) == 0 && n-- == 0) {
            return cli->values[i].value;
        }
    }
    return NULL;
}

const char *cli_text(const struct cli *cli, const char *name) {
    INVARIANT(cli_option_find(cli->command, name) != NULL, "an option is not in the command's row");
    return cli_text_at(cli, name, 0);
}

const char *cli_text_or(const struct cli *cli, const char *name, const char *fallback) {
    const char *value = cli_text(cli, name);
    return value != NULL ? value : fallback;
}

const char *cli_argument(const struct cli *cli, int n) {
    return n < cli->argument_count ? cli->arguments[n] : NULL;
}

const char *cli_file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int cli_int(const struct cli *cli, const char *name, int64_t min, int64_t max, int64_t *ret_value,
            struct err *err) {
    const char *text = cli_text(cli, name);
    if (text == NULL) {
        return 0;
    }
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || value < min || value > max) {
        return err_set(err, ERR_USAGE, "--%s must be a whole number from %lld to %lld", name,
                       (long long)min, (long long)max);
    }
    *ret_value = value;
    return 0;
}

int cli_duration(const struct cli *cli, const char *name, int64_t min_us, int64_t max_us,
                 int64_t *ret_us, struct err *err) {
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {
        {"", US_PER_SECOND},
        {"us", 1},
        {"ms", US_PER_MS},
        {"s", US_PER_SECOND},
        {"m", 60 * US_PER_SECOND},
        {"h", 3600 * US_PER_SECOND},
        {"d", 86400 * US_PER_SECOND},
    };
    const char *text = cli_text(cli, name);
    if (text == NULL) {
        return 0;
    }
    char *end = NULL;
    long long count = strtoll(text, &end, 10);
    int64_t unit_us = 0;
    for (size_t i = 0; end != text && i < COUNT_OF(units); i++) {
        unit_us = strcmp(end, units[i].unit) == 0 ? units[i].us : unit_us;
    }
    if (unit_us == 0 || count < 0 || count > max_us / unit_us || count * unit_us < min_us) {
        err_set(err, ERR_USAGE, "--%s is not a length of time that can be used here", name);
        return err_hint(err, "Write it like 250ms, 90s, 30m, 1h or 7d.");
    }
    *ret_us = count * unit_us;
    return 0;
}
