/* SPDX-License-Identifier: Apache-2.0
 * reconcile.c: `holdfast reconcile`: two files against each other, without a service. */
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/signal.h"
#include "cli/commands.h"
#include "cli/explained.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/talk.h"
#include "match/files/files.h"
#include "recon/sources.h"

enum { COMMAND_BYTES_MAX = 64 * 1024 };

/* ---- what was asked for ---- */

static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};

struct asked {
    struct csv_map *maps[MATCH_SIDES];
    struct files_request request;
    struct match_set rules;
    struct buf command;
};

static void asked_release(struct asked *asked) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        csv_map_free(asked->maps[i]);
    }
    buf_release(&asked->command);
}
#define ASKED_AUTO struct asked CLEANUP(asked_release)

/* "512M", "2G", or a number of bytes. */
static int read_memory(const struct cli *cli, int64_t *ret_bytes, struct err *err) {
    const char *text = cli_text(cli, "memory");
    if (text == NULL) {
        *ret_bytes = FILES_MEMORY_USUAL;
        return 0;
    }
    char *end = NULL;
    long long number = strtoll(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    bool well = end != text && end[shift != 0] == '\0' && number > 0 &&
                number <= INT64_MAX >> (shift + 10);
    int64_t bytes = well ? (int64_t)number << shift : 0;
    if (bytes < FILES_MEMORY_LEAST) {
        return err_set(err, ERR_USAGE, "--memory is a size such as 512M or 2G, 64M at least");
    }
    *ret_bytes = bytes;
    return 0;
}

static int read_format(const struct cli *cli, int side, struct asked *asked, struct err *err) {
    const char *option = side == OURS ? "ours-format" : "theirs-format";
    const char *name = cli_text(cli, option);
    if (name == NULL) {
        return 0;
    }
    const struct statement_reader *reader = statement_reader_find(name);
    if (reader == NULL) {
        char known[240] = "";
        int count = 0;
        const struct statement_reader *const *readers = statement_readers(&count);
        for (int i = 0; i < count; i++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                     readers[i]->name);
        }
        err_set(err, ERR_USAGE, "--%s: there is no such format", option);
        return err_hint(err, "There are: %.220s", known);
    }
    asked->request.sides[side].reader = reader;
    return 0;
}

static int read_maps(const struct cli *cli, struct asked *asked, struct err *err) {
    static const char *const options[MATCH_SIDES] = {"ours-map", "theirs-map"};
    int rc = cli_given(cli, "map") ? files_maps_load(cli_text(cli, "map"), &asked->maps[OURS],
                                                     &asked->maps[THEIRS], err)
                                   : 0;
    for (int i = 0; i < MATCH_SIDES && rc == 0; i++) {
        if (cli_given(cli, options[i])) {
            csv_map_free(asked->maps[i]);
            asked->maps[i] = NULL;
            rc = csv_map_load(cli_text(cli, options[i]), &asked->maps[i], err);
        }
        rc = rc < 0 ? rc : read_format(cli, i, asked, err);
        if (rc == 0 && asked->maps[i] == NULL && asked->request.sides[i].reader == NULL) {
            err_set(err, ERR_USAGE, "nothing says how the file of --%s is to be read", sides[i]);
            rc = err_hint(err, "Say --map FILE, --%s FILE or --%s-format FORMAT.", options[i],
                          sides[i]);
        }
        asked->request.sides[i].map = asked->maps[i];
        asked->request.sides[i].path = cli_text(cli, sides[i]);
    }
    return rc;
}

/* What is compared, as a shell takes it; where the report goes is no part of it. */
static void tell_command(const struct cli *cli, struct buf *command) {
    static const char *const options[] = {"ours",          "theirs",      "map",
                                          "ours-map",      "theirs-map",  "ours-format",
                                          "theirs-format", "window-days", "told-until",
                                          "rules"};
    buf_init(command, COMMAND_BYTES_MAX);
    buf_add_text(command, "holdfast reconcile");
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        const char *value = cli_text(cli, options[i]);
        if (value == NULL) {
            continue;
        }
        buf_addf(command, " --%s '", options[i]);
        for (; *value != '\0'; value++) {
            buf_add(command, *value == '\'' ? "'\\''" : value, *value == '\'' ? 4 : 1);
        }
        buf_add_text(command, "'");
    }
    buf_add_text(command, " --report FOLDER");
}

static void read_for_people(const struct cli *cli, struct asked *asked) {
    const char *language = cli_text(cli, "language");
    asked->request.for_people = !cli_given(cli, "csv-only");
    if (language != NULL) {
        bool known = report_language_parse(language, &asked->request.language);
        INVARIANT(known, "the table of options has the languages");
    }
    tell_command(cli, &asked->command);
    asked->request.command = asked->command.data;
}

static int check_needed(const struct cli *cli, struct err *err) {
    static const char *const needed[] = {"ours", "theirs", "report"};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        bool is_asked = strcmp(needed[i], "report") != 0 || !cli_given(cli, "explain");
        if (is_asked && !cli_given(cli, needed[i])) {
            err_set(err, ERR_USAGE, "--%s is missing", needed[i]);
            return err_hint(err, "Two files take --ours, --theirs and --report; `holdfast help "
                                 "reconcile` lists what there is besides.");
        }
    }
    if (cli_given(cli, "explain") && cli_given(cli, "report")) {
        return err_set(err, ERR_USAGE, "--explain makes no report: leave out --report");
    }
    return cli_argument(cli, 0) == NULL
               ? 0
               : err_set(err, ERR_USAGE, "there is no command \"reconcile %.60s\"",
                         cli_argument(cli, 0));
}

/* How long ours may take to appear there, and up to when their file tells. */
static int read_wait(const struct cli *cli, struct asked *asked, struct err *err) {
    struct files_request *request = &asked->request;
    const char *until = cli_text(cli, "told-until");
    int64_t days = 0;
    request->now_us = clock_wall_us();
    request->waits = cli_given(cli, "window-days");
    int rc = cli_int(cli, "window-days", 0, SOURCE_BUSINESS_DAYS_MAX, &days, err);
    request->wait_days = (int)days;
    if (rc < 0 || until == NULL) {
        return rc;
    }
    if (!request->waits) {
        return err_set(err, ERR_USAGE, "--told-until goes with --window-days");
    }
    return clock_parse(until, &request->told_until_us) && request->told_until_us > 0
               ? 0
               : err_set(err, ERR_USAGE, "--told-until is a time like 2026-09-30T22:00:00Z");
}

static int read_request(const struct cli *cli, struct asked *asked, struct err *err) {
    int64_t tasks = MATCH_SIDES;
    int needed = check_needed(cli, err);
    if (needed < 0) {
        return needed;
    }
    read_for_people(cli, asked);
    int rc = read_memory(cli, &asked->request.memory_bytes, err);
    rc = rc < 0 ? rc : cli_int(cli, "tasks", 1, MATCH_SIDES, &tasks, err);
    rc = rc < 0 ? rc : read_wait(cli, asked, err);
    rc = rc < 0 ? rc : read_maps(cli, asked, err);
    if (rc >= 0 && cli_given(cli, "rules")) {
        rc = match_set_load(cli_text(cli, "rules"), &asked->rules, err);
        asked->request.rules = &asked->rules;
    }
    asked->request.tasks = (int)tasks;
    bool explains = cli_given(cli, "explain"); /* without a report */
    asked->request.report = explains ? NULL : cli_text(cli, "report");
    asked->request.spill = cli_text(cli, "spill");
    if (explains && asked->request.spill == NULL) {
        asked->request.spill = g_get_tmp_dir();
    }
    return rc;
}

/* ---- while it runs ---- */

struct watch {
    struct progress line;
    const char *doing;
    int64_t began_us;
};

/* How a step is called, and what is counted in it. */
static const struct step {
    const char *doing, *words;
    int64_t unit;
    const char *counted;
} steps[] = {
    {"telling", "reading", 1000 * 1000, "MB"},
    {"reading", "reading", 1000 * 1000, "MB"},
    {"joining", "matching", 1, "rows"},
    {"digesting", "taking the files' digests", 1000 * 1000, "MB"},
};

static struct step step_of(const char *doing) {
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (strcmp(steps[i].doing, doing) == 0) {
            return steps[i];
        }
    }
    return (struct step){doing, doing, 1, "rows"};
}

static bool look(void *ctx, const struct files_progress *progress) {
    struct watch *watch = ctx;
    if (watch->doing != progress->doing) {
        watch->doing = progress->doing;
        progress_step(&watch->line);
    }
    const struct step step = step_of(progress->doing);
    progress_steps(&watch->line, step.words, step.counted, step.unit, progress->done,
                   progress->whole);
    return signals_await(0) == 0;
}

/* ---- what came of it ---- */

static void print_problems(const struct cli *cli, const struct files_figures *figures) {
    TABLE_AUTO table = TABLE("FILE", ">LINE", "PROBLEM", "~WHAT");
    for (int i = 0; i < figures->shown_count; i++) {
        const struct files_problem *told = &figures->shown[i];
        table_cell(table, sides[told->side]);
        table_cellf(table, "%" PRId64, told->line);
        table_styled(table, STYLE_BAD, statement_problem_name(told->problem));
        table_cell(table, told->text);
    }
    table_print(table, cli, NULL);
    int64_t more = figures->problems[OURS] + figures->problems[THEIRS] - figures->shown_count;
    if (more > 0) {
        cli_say(cli, "… and %" PRId64 " more\n", more);
    }
    if (figures->shown_count > 0) {
        cli_say(cli, "\n");
    }
}

static void print_sums(const struct cli *cli, const struct files_figures *figures) {
    TABLE_AUTO table = TABLE("CLASS", "RISK", ">ROWS OURS", ">AMOUNT OURS", ">ROWS THEIRS",
                             ">AMOUNT THEIRS");
    for (int i = 0; i < figures->sum_count; i++) {
        const struct match_sum *sum = &figures->sums[i];
        enum match_risk risk = match_class_risk(sum->class);
        char ours[SHOW_CHARS_MAX], theirs[SHOW_CHARS_MAX];
        table_styled(table, risk == RISK_NONE ? STYLE_PLAIN : STYLE_BAD,
                     match_class_name(sum->class));
        table_cell(table, risk == RISK_NONE ? NULL : match_risk_name(risk));
        table_count(table, sum->rows[OURS]);
        table_cell(table, show_sum(sum->amount_minor[OURS], sum->currency.code, ours));
        table_count(table, sum->rows[THEIRS]);
        table_cell(table, show_sum(sum->amount_minor[THEIRS], sum->currency.code, theirs));
    }
    table_print(table, cli, "Both files are empty.");
}

/* Up to when their file tells, and how that is known. */
static void print_told_until(const struct cli *cli, const struct files_figures *figures) {
    char time[CLOCK_TEXT_MAX];
    if (figures->told_until_us > 0) {
        cli_say(cli, "\nTheir file tells up to %s%s.\n", clock_format(figures->told_until_us, time),
                figures->told_by_period ? ", the end of its period" : "");
    }
}

static json_t *sum_json(const struct match_sum *sum) {
    return json_pack(
        "{s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "currency", sum->currency.code, "class",
        match_class_name(sum->class), "risk", match_risk_name(match_class_risk(sum->class)),
        "our_rows", (json_int_t)sum->rows[OURS], "our_amount_minor",
        (json_int_t)sum->amount_minor[OURS], "their_rows", (json_int_t)sum->rows[THEIRS],
        "their_amount_minor", (json_int_t)sum->amount_minor[THEIRS]);
}

static void print_json(const struct cli *cli, const struct files_figures *figures,
                       const char *report, int64_t took_us) {
    JSON_AUTO sums = json_array();
    for (int i = 0; i < figures->sum_count; i++) {
        json_array_append_new(sums, sum_json(&figures->sums[i]));
    }
    JSON_AUTO whole = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "report", report, "breaks",
        (json_int_t)figures->breaks, "our_rows", (json_int_t)figures->rows[OURS], "their_rows",
        (json_int_t)figures->rows[THEIRS], "our_rest", (json_int_t)figures->rest[OURS],
        "their_rest", (json_int_t)figures->rest[THEIRS], "pieces", (json_int_t)figures->pieces,
        "spilled_bytes", (json_int_t)figures->spilled, "took_us", (json_int_t)took_us, "sums",
        sums);
    JSON_AUTO allowed = json_array();
    for (int i = 0; i < figures->allowed_count; i++) {
        const struct files_allowed *one = &figures->allowed[i];
        json_array_append_new(
            allowed, json_pack("{s:s,s:I,s:I,s:I}", "currency", one->currency.code, "groups",
                               (json_int_t)one->groups, "more_minor", (json_int_t)one->more_minor,
                               "less_minor", (json_int_t)one->less_minor));
    }
    json_object_set(whole, "within_tolerance", allowed);
    json_object_set_new(whole, "same", json_boolean(files_same(figures)));
    if (figures->told_until_us > 0) {
        char time[CLOCK_TEXT_MAX];
        json_object_set_new(whole, "told_until",
                            json_string(clock_format(figures->told_until_us, time)));
    }
    char *line = json_write(whole);
    talk_print_json(cli, line);
    free(line);
}

static void print_end(const struct cli *cli, const struct files_figures *figures,
                      const char *report, int64_t took_us) {
    char rows[SHOW_CHARS_MAX], took[SHOW_CHARS_MAX], rate[SHOW_CHARS_MAX], breaks[SHOW_CHARS_MAX];
    char words[FILES_WORDS_MAX];
    int64_t all = figures->rows[OURS] + figures->rows[THEIRS];
    size_t chars = strlen(report);
    while (chars > 1 && report[chars - 1] == '/') {
        chars--;
    }
    g_autofree char *folder = g_strndup(report, chars);
    cli_say(
        cli, "\n%s in %s (%s a second). ", show_many(all, "row", "rows", rows),
        show_latency(took_us, took),
        show_count((int64_t)((__int128)all * US_PER_SECOND / (took_us > 0 ? took_us : 1)), rate));
    if (files_same(figures)) {
        cli_say(cli, "Both tell the same; the report is in %s.\n", folder);
    } else if (figures->breaks == 0) {
        cli_say(cli, "No breaks; the report is in %s.\n", folder);
    } else {
        cli_say(cli, "%s, one by one in %s/breaks.csv%s.\n",
                show_many(figures->breaks, "break", "breaks", breaks), folder,
                cli_given(cli, "csv-only") ? "" : "; report.html beside it is for reading");
    }
    if (files_words(figures, words)[0] != '\0') {
        cli_say(cli, "Besides, and no breaks: %s.\n", words);
    }
    if (figures->told_until_us > 0) {
        cli_say(cli, "What is expected, and when it is due: %s/expected.csv\n", folder);
    }
}

static int tell(const struct cli *cli, const struct asked *asked,
                const struct files_figures *figures, int rc, const struct err *err,
                int64_t took_us) {
    if (rc < 0) {
        print_problems(cli, figures);
        (void)cli_fail(cli, err);
        return CLI_USAGE; /* 1 says that breaks were found */
    }
    print_sums(cli, figures);
    print_told_until(cli, figures);
    print_end(cli, figures, asked->request.report, took_us);
    print_json(cli, figures, asked->request.report, took_us);
    return figures->breaks == 0 ? CLI_DONE : CLI_PROBLEM;
}

/* ---- why a row is where it is ---- */

static int explain(const struct cli *cli, const struct asked *asked, struct files_figures *figures,
                   struct watch *watch) {
    struct err err = {0};
    struct files_explained *explained = calloc(1, sizeof *explained);
    INVARIANT(explained != NULL, "out of memory");
    int rc = files_explain(&asked->request, cli_text(cli, "explain"), figures, explained, &err);
    progress_end(&watch->line);
    if (rc < 0) {
        print_problems(cli, figures);
        (void)cli_fail(cli, &err);
    } else {
        explained_print(cli, explained);
    }
    files_explained_release(explained);
    free(explained);
    return rc < 0 ? CLI_USAGE : CLI_DONE;
}

static int compare(const struct cli *cli, const struct asked *asked, struct files_figures *figures,
                   struct watch *watch) {
    struct err err = {0};
    int rc = files_reconcile(&asked->request, figures, &err);
    progress_end(&watch->line);
    return tell(cli, asked, figures, rc, &err, clock_mono_us() - watch->began_us);
}

int run_reconcile(struct cli *cli) {
    if (cli_given(cli, "window")) {
        return run_window_of_noun(cli);
    }
    ASKED_AUTO asked = {0};
    struct err err = {0};
    struct watch watch = {.began_us = clock_mono_us()};
    signals_block();
    if (read_request(cli, &asked, &err) < 0) {
        (void)cli_fail(cli, &err);
        return CLI_USAGE;
    }
    progress_begin(&watch.line, cli);
    asked.request.tick = look;
    asked.request.ctx = &watch;
    struct files_figures *figures = calloc(1, sizeof *figures);
    INVARIANT(figures != NULL, "out of memory");
    int status = cli_given(cli, "explain") ? explain(cli, &asked, figures, &watch)
                                           : compare(cli, &asked, figures, &watch);
    free(figures);
    return status;
}
