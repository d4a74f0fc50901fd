/* SPDX-License-Identifier: Apache-2.0
 * runs.c: `reconcile run|list|show|report|explain`: runs of the service, their pages, and why a row
 * is where it is. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "match/match.h"

#define LOOK_FIRST_US (50 * US_PER_MS)
#define LOOK_US_MAX (2 * US_PER_SECOND)
#define WAIT_US_MAX (3600 * US_PER_SECOND)

/* ---- one run ---- */

static void print_books(const struct cli *cli, const json_t *figures) {
    TABLE_AUTO table = TABLE("CURRENCY", ">OPENING", ">MOVEMENTS", ">POSTED LATE", ">CLOSING", "");
    size_t i;
    json_t *book;
    json_array_foreach(json_object_get(figures, "books"), i, book) {
        char text[SHOW_CHARS_MAX];
        const char *currency = field_word(book, "currency");
        table_cell(table, currency);
        table_cell(table, show_sum(field_int(book, "opening"), currency, text));
        table_cell(table, show_sum(field_int(book, "movements"), currency, text));
        table_cell(table, field_int(book, "late") != 0
                              ? show_sum(field_int(book, "late"), currency, text)
                              : NULL);
        table_cell(table, show_sum(field_int(book, "closing"), currency, text));
        table_styled(table, field_int(book, "late") == 0 ? STYLE_GOOD : STYLE_BAD,
                     field_int(book, "late") == 0 ? "ties out" : "does not tie out");
    }
    cli_say(cli, "\nOur books of the gateway's account: opening + movements = closing\n");
    table_print(table, cli, "Nothing has moved.");
}

static void print_items(const struct cli *cli, const json_t *balance) {
    TABLE_AUTO table = TABLE("THEIRS LESS OURS", ">AMOUNT", "");
    const char *currency = field_word(balance, "currency");
    size_t i;
    json_t *item;
    char text[SHOW_CHARS_MAX];
    json_array_foreach(json_object_get(balance, "items"), i, item) {
        bool explains = field_true(item, "explains");
        table_cell(table, field_text(item, "item"));
        table_cell(table, show_sum(field_int(item, "amount"), currency, text));
        table_styled(table, explains ? STYLE_GOOD : STYLE_BAD,
                     explains ? "explained" : "NOT EXPLAINED");
    }
    table_print(table, cli, "Both are the same.");
    if (field_text(balance, "broken_by") != NULL) {
        cli_say(cli, "%s: %s.\n", currency, field_word(balance, "broken_by"));
    }
}

/* What the gateway says that it has for us, and what our books say. */
static void print_balances(const struct cli *cli, const json_t *figures) {
    TABLE_AUTO table = TABLE("CURRENCY", ">OPENING", ">ROWS", ">CLOSING", ">OUR CLOSING", "");
    const json_t *balances = json_object_get(figures, "balances");
    size_t i;
    json_t *balance;
    if (json_array_size(balances) == 0) {
        cli_say(cli, "\n%s\n",
                field_true(figures, "balances_later")
                    ? "A statement stopped counting meanwhile: the next run tells balances."
                    : "No statement of it tells a balance: theirs is not held against ours.");
        return;
    }
    json_array_foreach(balances, i, balance) {
        char text[SHOW_CHARS_MAX];
        const char *currency = field_word(balance, "currency");
        bool proved = field_true(balance, "proved");
        table_cell(table, currency);
        table_cell(table, show_sum(field_int(balance, "opening"), currency, text));
        table_cell(table, show_sum(field_int(balance, "rows"), currency, text));
        table_cell(table, show_sum(field_int(balance, "closing"), currency, text));
        table_cell(table, show_sum(field_int(balance, "ours"), currency, text));
        table_styled(table, proved ? STYLE_GOOD : STYLE_BAD, proved ? "proved" : "NOT PROVED");
    }
    cli_say(cli, "\nTheir balances: opening + rows = closing, and what ours differs by\n");
    table_print(table, cli, NULL);
    json_array_foreach(balances, i, balance) {
        print_items(cli, balance);
    }
}

static void print_late(const struct cli *cli, const json_t *figures) {
    TABLE_AUTO table = TABLE("ROW", ">CHANGED THE BALANCE BY", "AT");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(figures, "late"), i, row) {
        char text[SHOW_CHARS_MAX];
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_money(row, "amount", text));
        table_cell(table, field_moment(row, "at", text));
    }
    if (field_true(figures, "ties_out")) {
        return;
    }
    cli_say(cli, "\nPosted into the time that the run before had closed\n");
    table_print(table, cli, "No movement: a fee, a write-off or a step inside our books.");
    if (field_int(figures, "late_count") > (int64_t)i) {
        char text[SHOW_CHARS_MAX];
        cli_say(cli, "… and %s more\n",
                show_count(field_int(figures, "late_count") - (int64_t)i, text));
    }
}

/* NULL: rows of this class are no break. */
static const char *risk_of(const char *class) {
    for (int i = 0; class != NULL && i < CLASS_COUNT; i++) {
        enum match_risk risk = match_class_risk((enum match_class)i);
        if (strcmp(match_class_name((enum match_class)i), class) == 0) {
            return risk == RISK_NONE ? NULL : match_risk_name(risk);
        }
    }
    return NULL;
}

static void print_buckets(const struct cli *cli, const json_t *figures) {
    TABLE_AUTO table = TABLE("CLASS", "RISK", ">ROWS OURS", ">AMOUNT OURS", ">ROWS THEIRS",
                             ">AMOUNT THEIRS");
    size_t i;
    json_t *bucket;
    json_array_foreach(json_object_get(figures, "buckets"), i, bucket) {
        char text[SHOW_CHARS_MAX];
        const char *risk = risk_of(field_text(bucket, "class"));
        table_styled(table, risk != NULL ? STYLE_BAD : STYLE_PLAIN, field_text(bucket, "class"));
        table_cell(table, risk);
        table_count(table, field_int(bucket, "our_rows"));
        table_cell(table, field_sum(bucket, "our_amount", text));
        table_count(table, field_int(bucket, "their_rows"));
        table_cell(table, field_sum(bucket, "their_amount", text));
    }
    cli_say(cli, "\n");
    table_print(table, cli, "No row was to be looked at: nothing came since the run before.");
}

static void print_proof(const struct cli *cli, const json_t *figures, const json_t *proof) {
    char ours[SHOW_CHARS_MAX], theirs[SHOW_CHARS_MAX];
    bool whole = field_true(proof, "every_row_in_one_class");
    show_count(field_int(figures, "our_rows"), ours);
    show_count(field_int(figures, "their_rows"), theirs);
    if (json_array_size(json_object_get(figures, "buckets")) > 0 || !whole) {
        cli_say(cli, "Every row is in one class (%s of ours, %s of theirs): %s.\n", ours, theirs,
                whole ? "proved" : "NOT PROVED");
    }
}

/* What the gateway kept, by what it was held against. */
static void print_fees(const struct cli *cli, const json_t *figures) {
    static const struct {
        const char *key, *says;
    } held[] = {
        {"by_answer", "held against what its answers told"},
        {"by_schedule", "held against what was agreed"},
        {"unproved", "taken as the statement tells them: nothing says what to expect"},
    };
    const json_t *fees = json_object_get(figures, "fees");
    char text[SHOW_CHARS_MAX];
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        if (field_int(fees, held[i].key) > 0) {
            show_count(field_int(fees, held[i].key), text);
            cli_say(cli, "Fees of %s %s %s.\n", text,
                    field_int(fees, held[i].key) == 1 ? "row:" : "rows:", held[i].says);
        }
    }
}

/* "0.02 EUR", "0.02 EUR or 100 ppm", of payouts "1.50 EUR less"; "". */
static void allowed_text(const json_t *rule, char *text, size_t bytes) {
    size_t used = 0, i;
    json_t *one;
    int64_t ppm = field_int(rule, "tolerance_ppm");
    text[0] = '\0';
    json_array_foreach(json_object_get(rule, "tolerance"), i, one) {
        char money[SHOW_CHARS_MAX];
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i > 0 ? ", " : "",
                                 field_money(one, "amount", money));
        used = used < bytes ? used : bytes - 1;
    }
    if (ppm > 0) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%lld ppm", used > 0 ? " or " : "",
                                 (long long)ppm);
        used = used < bytes ? used : bytes - 1;
    }
    if (used > 0 && field_true(rule, "payouts")) {
        snprintf(text + used, bytes - used, " less");
    }
}

static const char *minutes_text(const json_t *rule, const char *key, char text[SHOW_CHARS_MAX]) {
    if (!json_is_integer(json_object_get(rule, key))) {
        return "any time";
    }
    enum { HOUR = 60, DAY = 24 * HOUR };
    long long minutes = (long long)field_int(rule, key);
    bool days = minutes > 0 && minutes % DAY == 0, hours = minutes > 0 && minutes % HOUR == 0;
    snprintf(text, SHOW_CHARS_MAX, "%lld %s",
             days    ? minutes / DAY
             : hours ? minutes / HOUR
                     : minutes,
             days    ? (minutes == DAY ? "day" : "days")
             : hours ? "h"
                     : "min");
    return text;
}

static void add_rules(struct table *table, const char *gateway, const json_t *rules) {
    size_t i;
    json_t *rule;
    json_array_foreach((json_t *)rules, i, rule) {
        char allowed[2 * SHOW_CHARS_MAX], before[SHOW_CHARS_MAX], after[SHOW_CHARS_MAX];
        allowed_text(rule, allowed, sizeof allowed);
        if (gateway != NULL) {
            table_cell(table, gateway);
        }
        table_cellf(table, "%zu", i + 1);
        table_cell(table, field_text(rule, "by"));
        table_cell(table, field_text(rule, "name"));
        table_cell(table, allowed[0] != '\0' ? allowed : "nothing");
        table_cell(table, minutes_text(rule, "before_minutes", before));
        table_cell(table, minutes_text(rule, "after_minutes", after));
    }
}

/* What a run went by, where it was not what is usual or is no longer in force. */
static void print_rules(const struct cli *cli, const json_t *run, const json_t *proof) {
    size_t i;
    json_t *sum;
    TABLE_AUTO table = TABLE(">RULE", "BY", "NAME", "MAY DIFFER BY", "THERE BEFORE", "AFTER");
    cli_say(cli, "\n");
    add_rules(table, NULL, json_object_get(run, "rules"));
    table_print(table, cli, NULL);
    if (field_true(run, "rules_changed")) {
        cli_say(cli, "Other rules are in force by now: `holdfast reconcile rules --gateway %s`.\n",
                field_word(run, "gateway"));
    }
    json_array_foreach(json_object_get(proof, "tolerated"), i, sum) {
        char text[SHOW_CHARS_MAX], over[SHOW_CHARS_MAX], under[SHOW_CHARS_MAX];
        cli_say(cli, "Let pass by the rules: %s in all (%s more there, %s less; in %lld cases).\n",
                field_sum(sum, "difference", text), field_sum(sum, "over", over),
                field_sum(sum, "under", under), (long long)field_int(sum, "groups"));
    }
}

int run_reconcile_rules(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_list(cli, "/v1/reconciliation-rules", TALK_BY("gateway"), &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("GATEWAY", ">RULE", "BY", "NAME", "MAY DIFFER BY", "THERE BEFORE",
                             "AFTER");
    size_t i;
    json_t *row;
    json_array_foreach(talk_rows(answer), i, row) {
        add_rules(table, field_text(row, "gateway"), json_object_get(row, "rules"));
    }
    table_print(table, cli, "No gateway is configured.");
    return CLI_DONE;
}

/* Calendars by which the gateway's days are counted, and which end. */
void show_calendars_ending(const struct cli *cli, const json_t *answer) {
    size_t i;
    json_t *end;
    json_array_foreach(json_object_get(answer, "calendars_ending"), i, end) {
        cli_say(cli, "\n%s\n", field_word(end, "says"));
    }
}

static void print_hints(const struct cli *cli, const json_t *run, const json_t *figures) {
    if (field_int(figures, "breaks_open") > 0) {
        cli_say(cli, "\nIts breaks: `holdfast break list --gateway %s`",
                field_word(run, "gateway"));
    }
    cli_say(cli, "\nAs a page: `holdfast reconcile report %s --out FILE`\n", field_word(run, "id"));
}

static void print_card(const struct cli *cli, const json_t *run, const json_t *figures) {
    TABLE_AUTO card = TABLE("", "~");
    char text[SHOW_CHARS_MAX];
    int64_t begun_us = 0, ended_us = 0;
    const char *begun = field_text(run, "begun_at"), *ended = field_text(run, "ended_at");
    table_pair(card, "run", field_text(run, "id"));
    table_pair(card, "gateway", field_text(run, "gateway"));
    table_styled(card, STYLE_DIM, "state");
    table_state(card, field_text(run, "state"));
    table_pair(card, "asked for by", field_text(run, "actor"));
    table_pair(card, "until", field_moment(run, "until", text));
    table_pair(card, "begun", show_moment(begun, text));
    if (begun != NULL && ended != NULL && clock_parse(begun, &begun_us) &&
        clock_parse(ended, &ended_us)) {
        table_pair(card, "took", show_latency(ended_us - begun_us, text));
    }
    if (json_is_object(figures)) {
        table_pairf(card, "breaks", "%lld opened, %lld healed, %lld open",
                    (long long)field_int(figures, "breaks_opened"),
                    (long long)field_int(figures, "breaks_healed"),
                    (long long)field_int(figures, "breaks_open"));
    } else {
        table_pairf(card, "written", "%lld of %lld", (long long)field_int(run, "groups_done"),
                    (long long)field_int(run, "groups_all"));
    }
    table_print(card, cli, NULL);
}

static int print_run(const struct cli *cli, const json_t *run) {
    const json_t *figures = json_object_get(run, "figures");
    const json_t *proof = json_object_get(run, "proof");
    print_card(cli, run, figures);
    if (!json_is_object(figures)) {
        return CLI_DONE;
    }
    print_buckets(cli, figures);
    print_proof(cli, figures, proof);
    print_fees(cli, figures);
    print_books(cli, figures);
    print_late(cli, figures);
    print_balances(cli, figures);
    print_rules(cli, run, proof);
    show_calendars_ending(cli, run);
    print_hints(cli, run, figures);
    bool whole = field_true(proof, "every_row_in_one_class") && field_true(proof, "ties_out") &&
                 !json_is_false(json_object_get(proof, "balances_proved"));
    return whole ? CLI_DONE : CLI_PROBLEM;
}

int run_reconcile_report(struct cli *cli) {
    TALK_PATH_AUTO path;
    talk_path_init(&path, "/v1/reconciliations");
    talk_path_part(&path, cli_argument(cli, 0));
    talk_path_part(&path, "report.html");
    talk_path_add(&path, "lang", cli_text(cli, "language"));
    return talk_save(cli, path.text.data, cli_text(cli, "out"));
}

int run_reconcile_show(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/reconciliations", NULL, NULL, &answer);
    return status == CLI_DONE ? print_run(cli, answer) : status;
}

/* ---- lists ---- */

int run_reconcile_list(struct cli *cli) {
    bool narrowed = cli_given(cli, "open-breaks");
    static const char *const names[] = {"currency", "state", "since", "until",
                                        "gateway",  "limit", "cursor"};
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/reconciliations");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        talk_path_add(&path, names[i], cli_text(cli, names[i]));
        narrowed = narrowed || (i < COUNT_OF(names) - 3 && cli_given(cli, names[i]));
    }
    talk_path_add(&path, "open_breaks", cli_given(cli, "open-breaks") ? "1" : NULL);
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO table = TABLE("RUN", "STATE", "GATEWAY", ">ROWS OURS", ">THEIRS", ">OPENED",
                             ">HEALED", ">OPEN", "BOOKS", ">AGE");
    size_t i;
    json_t *run;
    json_array_foreach(talk_rows(answer), i, run) {
        char text[SHOW_CHARS_MAX];
        const json_t *figures = json_object_get(run, "figures");
        table_cell(table, field_text(run, "id"));
        table_state(table, field_text(run, "state"));
        table_cell(table, field_text(run, "gateway"));
        table_count(table, field_int(figures, "our_rows"));
        table_count(table, field_int(figures, "their_rows"));
        table_count(table, field_int(figures, "breaks_opened"));
        table_count(table, field_int(figures, "breaks_healed"));
        table_count(table, field_int(figures, "breaks_open"));
        table_cell(table, !json_is_object(figures)          ? NULL
                          : field_true(figures, "ties_out") ? "tie out"
                                                            : "do not tie out");
        table_cell(table, field_age(run, "begun_at", text));
    }
    table_print(table, cli,
                narrowed ? "No run fits."
                : cli_given(cli, "gateway")
                    ? "There was no run of it yet: `holdfast reconcile run --gateway NAME`"
                    : "There was no run yet: `holdfast reconcile run --gateway NAME`");
    if (field_text(answer, "next_cursor") != NULL) {
        cli_say(cli, "\nMore: --cursor %s\n", field_word(answer, "next_cursor"));
    }
    return CLI_DONE;
}

/* ---- running ---- */

struct waiting {
    struct cli *cli;
    const char *asked_at;
    int64_t began_us;
    struct progress line;
    bool writes;
    int64_t looked_us; /* when it was not writing yet */
};

/* What it has read of both sides, and then what it has written. */
static void draw(struct waiting *waiting, const json_t *run) {
    int64_t done = run != NULL ? field_int(run, "groups_done") : 0;
    int64_t all = run != NULL ? field_int(run, "groups_all") : 0;
    if (done == 0 || all == 0) {
        progress_waits(&waiting->line, run != NULL ? "reading and matching" : "waiting");
        return;
    }
    if (!waiting->writes) {
        waiting->writes = true;
        waiting->line.step_us = waiting->looked_us;
    }
    progress_steps(&waiting->line, "writing", "groups", 1, done, all);
}

/* The first run that began after it was asked for; its id when it is over. Times are the service's
 * own, and their texts sort as they do. */
static int look(struct waiting *waiting, char ret_id[SHOW_CHARS_MAX]) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    const json_t *found = NULL;
    size_t i;
    json_t *run;
    talk_path_init(&path, "/v1/reconciliations");
    talk_path_add(&path, "gateway", cli_text(waiting->cli, "gateway"));
    int status = talk_ask(waiting->cli, path.text.data, &answer, NULL);
    json_array_foreach(talk_rows(answer), i, run) {
        bool after = strcmp(field_word(run, "begun_at"), waiting->asked_at) >= 0;
        found = after ? run : found;
    }
    draw(waiting, found);
    waiting->looked_us = clock_mono_us();
    if (found != NULL && strcmp(field_word(found, "state"), "under_way") != 0) {
        snprintf(ret_id, SHOW_CHARS_MAX, "%s", field_word(found, "id"));
    }
    return status;
}

static int show_run(struct cli *cli, const char *id) {
    TALK_PATH_AUTO path;
    JSON_AUTO answer = NULL;
    talk_path_init(&path, "/v1/reconciliations");
    talk_path_part(&path, id);
    int status = talk_get(cli, path.text.data, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    status = print_run(cli, answer);
    return strcmp(field_word(answer, "state"), "done") != 0 ||
                   field_int(json_object_get(answer, "figures"), "breaks_open") > 0
               ? CLI_PROBLEM
               : status;
}

static int wait_for(struct cli *cli, const json_t *asked) {
    struct waiting waiting = {
        .cli = cli,
        .asked_at = field_word(asked, "asked_at"),
        .began_us = clock_mono_us(),
        .looked_us = clock_mono_us(),
    };
    progress_begin(&waiting.line, cli);
    char id[SHOW_CHARS_MAX] = "";
    int64_t pause_us = LOOK_FIRST_US;
    int status = look(&waiting, id);
    while (status == CLI_DONE && id[0] == '\0' &&
           clock_mono_us() - waiting.began_us < WAIT_US_MAX) {
        task_sleep_us(pause_us);
        pause_us = pause_us * 2 < LOOK_US_MAX ? pause_us * 2 : LOOK_US_MAX;
        status = look(&waiting, id);
    }
    progress_end(&waiting.line);
    if (status == CLI_DONE && id[0] == '\0') {
        cli_say(cli, "It has not ended within an hour; `holdfast reconcile list` shows it.\n");
        return CLI_PROBLEM;
    }
    return status == CLI_DONE ? show_run(cli, id) : status;
}

int run_reconcile_run(struct cli *cli) {
    JSON_AUTO body = json_object();
    JSON_AUTO answer = NULL;
    body_text(cli, body, "gateway", "gateway");
    body_text(cli, body, "until", "until");
    if (!cli_given(cli, "wait")) {
        int status = talk_post(cli, "/v1/reconciliations", body, &answer);
        if (status == CLI_DONE) {
            cli_say(cli,
                    "A run of %s is asked for; `holdfast reconcile list --gateway %s` shows it.\n",
                    field_word(answer, "gateway"), field_word(answer, "gateway"));
        }
        return status;
    }
    int status = talk_quiet(cli, "POST", "/v1/reconciliations", body, &answer, NULL);
    return status == CLI_DONE ? wait_for(cli, answer) : status;
}

/* ---- explaining ---- */

int run_reconcile_explain(struct cli *cli) {
    JSON_AUTO answer = NULL;
    int status = talk_about(cli, "GET", "/v1/movements", NULL, NULL, &answer);
    if (status != CLI_DONE) {
        return status;
    }
    TABLE_AUTO card = TABLE("", "~");
    size_t i;
    json_t *line, *row;
    table_pair(card, "row", field_text(answer, "id"));
    table_pairf(card, "class", "%s: %s", field_word(answer, "class"),
                field_word(answer, "class_means"));
    table_pair(card, "run", field_text(answer, "run_id"));
    if (field_text(answer, "break_id") != NULL) {
        table_pairf(card, "break", "%s (%s)", field_word(answer, "break_id"),
                    field_word(answer, "break_state"));
    }
    table_print(card, cli, NULL);
    cli_say(cli, "\n");
    json_array_foreach(json_object_get(answer, "explanation"), i, line) {
        char *clean = show_clean(json_string_value(line));
        cli_say(cli, "%s\n", clean);
        free(clean);
    }
    TABLE_AUTO table = TABLE("NAME", "ROW", "KIND", "STATUS", ">AMOUNT", "AT");
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        char text[SHOW_CHARS_MAX];
        bool told = json_object_get(row, "amount") != NULL;
        table_cell(table, field_text(row, "name"));
        table_cell(table, field_text(row, "id"));
        table_cell(table, field_text(row, "kind"));
        table_cell(table, field_text(row, "status"));
        table_cell(table, told ? field_money(row, "amount", text) : NULL);
        table_cell(table, field_text(row, "at") != NULL ? field_moment(row, "at", text) : NULL);
    }
    cli_say(cli, "\n");
    table_print(table, cli, NULL);
    return CLI_DONE;
}
