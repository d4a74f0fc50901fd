/* SPDX-License-Identifier: Apache-2.0
 * database.c: `holdfast db …` and `audit verify`: work on a database itself, named by --config or
 * --store, whether or not a service runs on it. Only `db migrate` writes. */
#include <string.h>

#include "api/service_config.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "payment/payments.h"
#include "store/audit.h"
#include "store/migrate.h"

enum { MIGRATIONS_SHOWN_MAX = 1000, JSON_BYTES_MAX = 4 * 1024 * 1024, BROKEN_SHOWN_MAX = 20 };

/* ---- opening ---- */

/* The database that a command was told to work on. */
struct subject {
    struct service_config *config; /* NULL with --store */
    struct store *store;
};

static void subject_close(struct subject *subject) {
    store_close(subject->store);
    service_config_free(subject->config);
    *subject = (struct subject){0};
}
#define SUBJECT_AUTO struct subject CLEANUP(subject_close)

static bool names_store(const struct cli *cli) {
    return cli_given(cli, "config") || cli_given(cli, "store");
}

static int subject_open(const struct cli *cli, bool look, struct subject *subject,
                        struct err *err) {
    const char *config = cli_text(cli, "config"), *url = cli_text(cli, "store");
    if ((config == NULL) == (url == NULL)) {
        err_set(err, ERR_USAGE,
                config == NULL ? "it is not said which database is meant"
                               : "--config and --store cannot both be meant");
        return err_hint(err, "Say --config holdfast.yaml or --store sqlite:/path.");
    }
    int r = config != NULL ? service_config_load(config, &subject->config, err) : 0;
    if (r < 0) {
        return r;
    }
    struct store_options options = {.url = url, .pool_max = 2, .look = look};
    if (subject->config != NULL) {
        options.url = subject->config->store.url;
        options.no_prepare = subject->config->store.no_prepare;
    }
    r = store_open(&options, &subject->store, err);
    return r < 0 ? err_while(err, "opening the database") : 0;
}

/* ---- migrations ---- */

static void print_migrations(const struct cli *cli, const struct migration_state *states,
                             int count) {
    TABLE_AUTO table = TABLE(">NUMBER", "STATE", "TITLE", "APPLIED");
    JSON_AUTO list = json_array();
    for (int i = 0; i < count; i++) {
        char time[CLOCK_TEXT_MAX], text[SHOW_CHARS_MAX];
        bool applied = states[i].applied_us > 0;
        const char *word = states[i].altered ? "altered" : applied ? "applied" : "missing";
        clock_format(states[i].applied_us, time);
        table_cellf(table, "%04d", states[i].number);
        table_state(table, word);
        table_cell(table, states[i].title);
        table_cell(table, applied ? show_moment(time, text) : NULL);
        json_t *row = json_pack("{s:i,s:s,s:s,s:s?}", "number", states[i].number, "title",
                                states[i].title, "state", word, "applied_at",
                                applied ? time : NULL);
        json_array_append_new(list, row);
    }
    table_print(table, cli, "There are no migrations.");
    JSON_AUTO whole = json_pack("{s:O}", "data", list);
    char *line = json_write(whole);
    talk_print_json(cli, line);
    free(line);
}

static int show_status(const struct cli *cli, struct store *store) {
    struct err err = {0};
    struct migration_state *states = calloc(MIGRATIONS_SHOWN_MAX, sizeof *states);
    INVARIANT(states != NULL, "out of memory");
    int count = migrate_status(store, states, MIGRATIONS_SHOWN_MAX, &err);
    bool whole = count >= 0;
    for (int i = 0; i < count; i++) {
        whole = whole && states[i].applied_us > 0 && !states[i].altered;
    }
    if (count >= 0) {
        print_migrations(cli, states, count);
    }
    free(states);
    if (count < 0) {
        return cli_fail(cli, &err);
    }
    if (!whole) {
        cli_say(cli, "\n`holdfast db migrate` applies what is missing.\n");
    }
    return whole ? CLI_DONE : CLI_PROBLEM;
}

/* Whether it answers, as the running service finds it. */
static int show_answering(struct cli *cli) {
    JSON_AUTO health = NULL;
    char text[SHOW_CHARS_MAX];
    int status = talk_ask(cli, "/payment/health", &health, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    const json_t *database = json_object_get(health, "database");
    bool up = field_true(database, "up");
    cli_say(cli, "%s %s (%s).\n", field_word(database, "engine"),
            up ? "answers" : "does NOT answer",
            show_latency(field_int(database, "duration_us"), text));
    char *line = json_write(database);
    talk_print_json(cli, line);
    free(line);
    return up ? CLI_DONE : CLI_PROBLEM;
}

int run_db_status(struct cli *cli) {
    if (!names_store(cli)) {
        return show_answering(cli);
    }
    SUBJECT_AUTO subject = {0};
    struct err err = {0};
    return subject_open(cli, true, &subject, &err) < 0 ? cli_fail(cli, &err)
                                                       : show_status(cli, subject.store);
}

int run_db_migrate(struct cli *cli) {
    SUBJECT_AUTO subject = {0};
    struct err err = {0};
    int applied = 0;
    int r = subject_open(cli, false, &subject, &err);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    const char *folder = cli_text(cli, "backup-dir");
    if (folder == NULL && subject.config != NULL) {
        folder = subject.config->store.backup_dir;
    }
    struct progress_alone migrating;
    progress_alone_begin(&migrating, cli, "migrating");
    r = migrate_apply(subject.store, folder, &applied, &err);
    progress_alone_end(&migrating);
    if (r < 0) {
        err_while(&err, "migrating the database");
        return cli_fail(cli, &err);
    }
    cli_say(cli, applied > 0 ? "Applied %d.\n\n" : "Nothing was missing.\n\n", applied);
    return show_status(cli, subject.store);
}

int run_db_backup(struct cli *cli) {
    SUBJECT_AUTO subject = {0};
    struct err err = {0};
    const char *path = cli_argument(cli, 0);
    int64_t began_us = clock_mono_us();
    struct progress_alone copying;
    int r = subject_open(cli, true, &subject, &err);
    progress_alone_begin(&copying, cli, "copying and checking");
    r = r < 0 ? r : store_backup(subject.store, path, &err);
    progress_alone_end(&copying);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    char took[SHOW_CHARS_MAX];
    cli_say(cli, "%s holds the whole database and was checked (%s).\n", path,
            show_latency(clock_mono_us() - began_us, took));
    JSON_AUTO answer = json_pack("{s:s,s:b}", "path", path, "checked", 1);
    char *line = json_write(answer);
    talk_print_json(cli, line);
    free(line);
    return CLI_DONE;
}

/* ---- the proofs ---- */

struct finding {
    struct buf text;
};

static int integrity_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct finding *finding = ctx;
    SQL_ROWS_AUTO rows = NULL;
    buf_clear(&finding->text);
    int r = sql_query(tx, err, &rows, "PRAGMA integrity_check(10)");
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        buf_addf(&finding->text, "%s%s", finding->text.len > 0 ? "; " : "", sql_text(rows, 0));
    }
    return r;
}

/* The engine's own check: SQLite reads every page. PostgreSQL has none that a client may run. */
static const char *check_engine(struct store *store, struct finding *finding, struct err *err) {
    if (store_engine(store) != STORE_SQLITE) {
        buf_add_text(&finding->text, "PostgreSQL checks its own files (data checksums)");
        return "passed over";
    }
    if (store_read(store, integrity_tx, finding, err) < 0) {
        buf_clear(&finding->text);
        buf_add_text(&finding->text, err->detail);
        return "failed";
    }
    bool well = strcmp(finding->text.data, "ok") == 0;
    if (well) {
        buf_clear(&finding->text);
        buf_add_text(&finding->text, "every page of the file was read");
    }
    return well ? "ok" : "broken";
}

static const char *check_schema(struct store *store, struct finding *finding, struct err *err) {
    buf_clear(&finding->text);
    if (migrate_check(store, err) < 0) {
        buf_add_text(&finding->text, err->detail);
        return "broken";
    }
    buf_addf(&finding->text, "%d migrations, none altered", migrations_count);
    return "ok";
}

static const char *check_audit(struct store *store, struct finding *finding, struct err *err) {
    struct audit_verdict verdict;
    buf_clear(&finding->text);
    if (audit_verify(store, &verdict, err) < 0) {
        buf_add_text(&finding->text, err->detail);
        return "failed";
    }
    if (verdict.broken_number > 0) {
        buf_addf(&finding->text, "entry %lld does not fit: %s", (long long)verdict.broken_number,
                 verdict.why);
        return "broken";
    }
    buf_addf(&finding->text, "%lld entries, none changed", (long long)verdict.entries);
    return "ok";
}

struct report {
    struct table *table;
    json_t *json; /* {"checks":[…],"broken":[…]} */
    bool whole;
};

static void report_add(struct report *report, const char *what, const char *word,
                       const char *detail) {
    bool well = strcmp(word, "ok") == 0 || strcmp(word, "passed over") == 0;
    report->whole = report->whole && well;
    table_cell(report->table, what);
    table_state(report->table, word);
    table_cell(report->table, detail);
    json_array_append_new(
        json_object_get(report->json, "checks"),
        json_pack("{s:s,s:s,s:s}", "check", what, "result", word, "detail", detail));
}

/* {"checked":n,"broken":[{rule,id,what}]} as payments_verify() gives it. */
static void report_invariants(struct report *report, const json_t *answer) {
    const json_t *broken = json_object_get(answer, "broken");
    char text[128];
    size_t count = json_array_size(broken);
    snprintf(text, sizeof text, "%lld rules, %zu findings", (long long)field_int(answer, "checked"),
             count);
    report_add(report, "invariants", count == 0 ? "ok" : "broken", text);
    json_object_set(report->json, "broken", (json_t *)broken);
}

static void report_offline(struct report *report, struct store *store) {
    struct finding finding;
    struct err err = {0};
    ANSWER_AUTO answer = {0};
    JSON_AUTO found = NULL;
    buf_init(&finding.text, JSON_BYTES_MAX);
    const char *word = check_engine(store, &finding, &err);
    report_add(report, "engine", word, finding.text.data);
    word = check_schema(store, &finding, &err);
    report_add(report, "schema", word, finding.text.data);
    bool readable = payments_verify_store(store, PAYMENTS_RULES_ALL, &answer, &err) >= 0 &&
                    json_read(answer.json, strlen(answer.json), JSON_BYTES_MAX, JSON_DEPTH_MAX,
                              &found, &err) >= 0;
    if (readable) {
        report_invariants(report, found);
    } else {
        report_add(report, "invariants", "failed", err.detail);
    }
    word = check_audit(store, &finding, &err);
    report_add(report, "audit chain", word, finding.text.data);
    buf_release(&finding.text);
}

static int report_online(struct report *report, struct cli *cli) {
    JSON_AUTO found = NULL;
    JSON_AUTO chain = NULL;
    char text[256];
    int status = talk_ask(cli, "/internal/api/payments/verify", &found, NULL);
    status = status != CLI_DONE ? status
                                : talk_ask(cli, "/internal/api/audit/verify", &chain, NULL);
    if (status != CLI_DONE) {
        return status;
    }
    report_invariants(report, found);
    bool whole = field_true(chain, "whole");
    if (whole) {
        snprintf(text, sizeof text, "%lld entries, none changed",
                 (long long)field_int(chain, "entries"));
    } else {
        snprintf(text, sizeof text, "entry %lld does not fit: %s",
                 (long long)field_int(chain, "broken_number"), field_word(chain, "why"));
    }
    report_add(report, "audit chain", whole ? "ok" : "broken", text);
    return CLI_DONE;
}

static void report_print(const struct report *report, const struct cli *cli) {
    TABLE_AUTO table = TABLE("RULE", "ID", "~WHAT BREAKS IT");
    size_t i;
    json_t *row;
    json_t *broken = json_object_get(report->json, "broken");
    json_array_foreach(broken, i, row) {
        if (i < BROKEN_SHOWN_MAX) {
            table_cell(table, field_text(row, "rule"));
            table_cell(table, field_text(row, "id"));
            table_cell(table, field_text(row, "what"));
        }
    }
    table_print(report->table, cli, NULL);
    if (table_rows(table) > 0) {
        cli_say(cli, "\n");
        table_print(table, cli, NULL);
    }
    if (json_array_size(broken) > BROKEN_SHOWN_MAX) {
        cli_say(cli, "… and %zu more (--json shows them all)\n",
                json_array_size(broken) - BROKEN_SHOWN_MAX);
    }
    char *line = json_write(report->json);
    talk_print_json(cli, line);
    free(line);
}

int run_db_check(struct cli *cli) {
    SUBJECT_AUTO subject = {0};
    struct err err = {0};
    JSON_AUTO json = json_pack("{s:b,s:[],s:[]}", "whole", 0, "checks", "broken");
    TABLE_AUTO table = TABLE("CHECK", "RESULT", "~DETAIL");
    struct report report = {.table = table, .json = json, .whole = true};
    if (names_store(cli)) {
        if (subject_open(cli, true, &subject, &err) < 0) {
            return cli_fail(cli, &err);
        }
        struct progress_alone checking;
        progress_alone_begin(&checking, cli, "checking");
        report_offline(&report, subject.store);
        progress_alone_end(&checking);
    } else {
        int status = report_online(&report, cli);
        if (status != CLI_DONE) {
            return status;
        }
    }
    json_object_set_new(json, "whole", json_boolean(report.whole));
    report_print(&report, cli);
    return report.whole ? CLI_DONE : CLI_PROBLEM;
}

/* ---- the audit log ---- */

static int print_verdict(const struct cli *cli, const json_t *verdict) {
    if (field_true(verdict, "whole")) {
        cli_say(cli, "The audit log is whole: %lld entries, none changed, removed or put in.\n",
                (long long)field_int(verdict, "entries"));
        return CLI_DONE;
    }
    cli_say(cli,
            "The audit log is BROKEN at entry %lld: %s\n%lld entries before it fit. Keep the "
            "database as it is and compare with a backup.\n",
            (long long)field_int(verdict, "broken_number"), field_word(verdict, "why"),
            (long long)field_int(verdict, "entries"));
    return CLI_PROBLEM;
}

int run_audit_verify(struct cli *cli) {
    SUBJECT_AUTO subject = {0};
    JSON_AUTO verdict = NULL;
    struct err err = {0};
    if (!names_store(cli)) {
        int status = talk_get(cli, "/internal/api/audit/verify", &verdict);
        return status != CLI_DONE ? status : print_verdict(cli, verdict);
    }
    struct audit_verdict found;
    struct progress_alone reading;
    int r = subject_open(cli, true, &subject, &err);
    progress_alone_begin(&reading, cli, "reading the log");
    r = r < 0 ? r : audit_verify(subject.store, &found, &err);
    progress_alone_end(&reading);
    if (r < 0) {
        return cli_fail(cli, &err);
    }
    verdict = json_pack("{s:I,s:b,s:I,s:s}", "entries", (json_int_t)found.entries, "whole",
                        found.broken_number == 0, "broken_number", (json_int_t)found.broken_number,
                        "why", found.why);
    char *line = json_write(verdict);
    talk_print_json(cli, line);
    free(line);
    return print_verdict(cli, verdict);
}
