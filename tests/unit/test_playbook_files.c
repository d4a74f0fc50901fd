/* SPDX-License-Identifier: Apache-2.0
 * test_playbook_files.c: the playbooks that ship: they parse, are whole in both languages, their
 * commands are commands, their links lead somewhere, and each part of the runbooks that they were
 * made from has its place in one; and what is wrong with a file is said with its line. */
#include "cli_fixture.h"

#include <dirent.h>

#include "base/crypto.h"
#include "base/folder.h"
#include "incident/playbook_impl.h"

static struct playbook_set *shipped;

static int open_shipped(void **state) {
    struct err err = {0};
    crypto_init();
    if (set_up(state) != 0 || playbook_set_open(NULL, &shipped, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    return 0;
}

static int close_shipped(void **state) {
    playbook_set_close(shipped);
    return tear_down(state);
}

static char *read_root(const char *path) {
    char whole[1024];
    size_t count = 0;
    struct err err = {0};
    enum { MOST = 1024 * 1024 };
    char *text = calloc(1, MOST + 1);
    snprintf(whole, sizeof whole, "%s/../%s", TESTS_DIR, path);
    if (file_read(whole, text, MOST, &count, &err) < 0) {
        fail_msg("%s: %s", path, err.detail);
    }
    return text;
}

/* ---- what ships ---- */

static void ten_ship_each_with_six_phases_and_whole_in_both_languages(void **state) {
    (void)state;
    static const char *const names[] = {
        "gateway-down",   "gateway-slow",       "callbacks-missing", "database-trouble",
        "high-error-rate", "high-latency",      "double-charges",    "credential-failure",
        "fraud-attack",   "complete-failure"};
    assert_int_equal(playbook_set_count(shipped), COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct playbook *playbook = playbook_set_find(shipped, names[i]);
        bool phases[PHASES_END] = {false}, kinds[8] = {false};
        assert_non_null(playbook);
        assert_true(playbook->shipped && playbook->rule_count > 0 && playbook->causes != 0);
        assert_true(strlen(playbook->title[NOTICE_ZH]) > 3);
        for (int j = 0; j < playbook->item_count; j++) {
            const struct playbook_item *item = &playbook->items[j];
            phases[item->phase] = true;
            kinds[item->kind] = true;
            bool chinese = false;
            for (const char *at = item->text[NOTICE_ZH]; *at != '\0'; at++) {
                chinese = chinese || (unsigned char)*at >= 0xe4;
            }
            if (!chinese || item->text[NOTICE_EN][0] == '\0') {
                fail_msg("%s.%s is not in both languages", names[i], item->id);
            }
            if (item->kind != ITEM_ACTION && item->command[0] == '\0') {
                fail_msg("%s.%s has no command", names[i], item->id);
            }
            if (item->link_count == 0) {
                fail_msg("%s.%s has no link", names[i], item->id);
            }
        }
        for (int phase = 1; phase < PHASES_END; phase++) {
            assert_true(phases[phase]);
        }
        assert_true(kinds[ITEM_QUERY] && kinds[ITEM_ACTION] && kinds[ITEM_APPROVAL] &&
                    kinds[ITEM_TICK]);
    }
}

static void every_measure_query_and_alert_rule_has_its_place(void **state) {
    (void)state;
    static const char *const measures[] = {
#define X(kind, target, value, command) kind,
#include "incident/playbook_measures.def"
#undef X
    };
    static const char *const queries[] = {
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh) name,
#include "incident/playbook_queries.def"
#undef X
    };
    for (size_t i = 0; i < COUNT_OF(measures) + COUNT_OF(queries); i++) {
        bool is_measure = i < COUNT_OF(measures), used = false;
        const char *name = is_measure ? measures[i] : queries[i - COUNT_OF(measures)];
        for (int j = 0; j < playbook_set_count(shipped); j++) {
            const struct playbook *playbook = playbook_set_at(shipped, j);
            for (int k = 0; k < playbook->item_count; k++) {
                used = used || (strcmp(playbook->items[k].subject, name) == 0 &&
                                playbook->items[k].kind == (is_measure ? ITEM_ACTION : ITEM_QUERY));
            }
        }
        if (!used && is_measure) {
            fail_msg("no playbook has the measure %s", name);
        }
    }
    static const char *const elsewhere[] = {"ChannelFailing", "AlertsLeftOut",
                                            "IncidentUpdateOverdue", "FollowUpOverdue",
                                            "ExternalAlert"};
    for (int i = 0; i < alert_rule_count(); i++) {
        const char *rule = alert_rule_at(i)->name;
        bool used = false;
        for (size_t j = 0; j < COUNT_OF(elsewhere); j++) {
            used = used || strcmp(rule, elsewhere[j]) == 0;
        }
        for (int j = 0; j < playbook_set_count(shipped); j++) {
            const struct playbook *playbook = playbook_set_at(shipped, j);
            for (int k = 0; k < playbook->rule_count; k++) {
                used = used || strcmp(playbook->rules[k], rule) == 0;
            }
        }
        if (!used) {
            fail_msg("no playbook is for the alert rule %s", rule);
        }
    }
}

/* A command as run() takes it: without "holdfast", '+' for blanks within quotes. */
static const char *as_words(const char *command, char words[900]) {
    static const char *const fills[][2] = {{"{incident}", "inc_1"}, {"{gateway}", "stripe-eu"},
                                           {"{method}", "card"},    {"{item}", "a.b"},
                                           {"{target}", "x"},       {"{value}", "deferred"}};
    size_t used = 0;
    bool quoted = false;
    for (const char *at = command; *at != '\0' && used < 800;) {
        size_t chars = 0;
        for (size_t i = 0; i < COUNT_OF(fills) && chars == 0; i++) {
            if (strncmp(at, fills[i][0], strlen(fills[i][0])) == 0) {
                chars = strlen(fills[i][0]);
                used += (size_t)snprintf(words + used, 40, "%s", fills[i][1]);
            }
        }
        if (chars == 0) {
            quoted = quoted != (*at == '"');
            if (*at != '"') {
                words[used++] = quoted && *at == ' ' ? '+' : *at;
            }
            chars = 1;
        }
        at += chars;
    }
    words[used] = '\0';
    return words;
}

static void assert_command(const char *where, const char *command) {
    static const char head[] = "holdfast ";
    char words[900];
    if (strncmp(command, head, strlen(head)) != 0) {
        fail_msg("%s: \"%s\" is no command of ours", where, command);
    }
    RAN ran = run(NULL, as_words(command + strlen(head), words));
    /* A secret is piped in, which is none here. */
    if (ran.status == CLI_USAGE && strstr(ran.err, "what was piped in") == NULL) {
        fail_msg("%s: \"%s\": %s", where, command, ran.err);
    }
}

static void every_command_is_one_that_the_command_line_takes(void **state) {
    (void)state;
    static const char *const measures[][2] = {
#define X(kind, target, value, command) {kind, command},
#include "incident/playbook_measures.def"
#undef X
    };
    for (int i = 0; i < playbook_set_count(shipped); i++) {
        const struct playbook *playbook = playbook_set_at(shipped, i);
        for (int j = 0; j < playbook->item_count; j++) {
            const struct playbook_item *item = &playbook->items[j];
            char where[120];
            snprintf(where, sizeof where, "%s.%s", playbook->name, item->id);
            if (item->command[0] != '\0') {
                assert_command(where, item->command);
            }
        }
    }
    for (size_t i = 0; i < COUNT_OF(measures); i++) {
        assert_command(measures[i][0], measures[i][1]);
    }
    assert_command("run", PLAYBOOK_RUN);
}

/* As GitHub makes them: small letters, blanks become "-", nothing else but letters and digits. */
static void anchor_of(const char *title, char anchor[200]) {
    size_t used = 0;
    for (const char *at = title; *at != '\0' && *at != '\n' && used < 199; at++) {
        char small = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
        if ((small >= 'a' && small <= 'z') || (small >= '0' && small <= '9') || small == '-' ||
            small == '_') {
            anchor[used++] = small;
        } else if (small == ' ') {
            anchor[used++] = '-';
        }
    }
    anchor[used] = '\0';
}

static bool has_anchor(const char *text, const char *anchor) {
    char found[200];
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        size_t hashes = strspn(line, "#");
        if (hashes > 0 && line[hashes] == ' ') {
            anchor_of(line + hashes + 1, found);
            if (strcmp(found, anchor) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void every_link_leads_to_a_page_and_its_part(void **state) {
    (void)state;
    for (int i = 0; i < playbook_set_count(shipped); i++) {
        const struct playbook *playbook = playbook_set_at(shipped, i);
        for (int j = 0; j < playbook->item_count; j++) {
            const struct playbook_item *item = &playbook->items[j];
            for (int k = 0; k < item->link_count; k++) {
                char path[300];
                const char *mark = strchr(item->links[k], '#');
                snprintf(path, sizeof path, "%.*s",
                         (int)(mark != NULL ? (size_t)(mark - item->links[k])
                                            : strlen(item->links[k])),
                         item->links[k]);
                char *text = read_root(path);
                if (mark != NULL && !has_anchor(text, mark + 1)) {
                    fail_msg("%s.%s: %s leads nowhere", playbook->name, item->id, item->links[k]);
                }
                free(text);
            }
        }
    }
}

static bool is_linked(const char *anchor) {
    char link[240];
    snprintf(link, sizeof link, "docs/runbook.md#%s", anchor);
    for (int i = 0; i < playbook_set_count(shipped); i++) {
        const struct playbook *playbook = playbook_set_at(shipped, i);
        for (int j = 0; j < playbook->item_count; j++) {
            for (int k = 0; k < playbook->items[j].link_count; k++) {
                if (strcmp(playbook->items[j].links[k], link) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* A section whose commands stand in parts of it has its place by them. */
static void every_section_of_our_runbook_is_linked_by_an_item(void **state) {
    (void)state;
    static const char *const whole[] = {
        "runbook", "high-error-rate", "payment-gateway-issues", "high-latency",
        "database-issues", "managing-refunds", "failed-transactions-recovery",
        "payment-gateway-failure-recovery", "database-failure-recovery", "maintenance"};
    char *text = read_root("docs/runbook.md");
    int sections = 0;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        size_t hashes = strspn(line, "#");
        char anchor[200];
        if (hashes == 0 || line[hashes] != ' ') {
            continue;
        }
        anchor_of(line + hashes + 1, anchor);
        bool is_whole = false;
        for (size_t i = 0; i < COUNT_OF(whole); i++) {
            is_whole = is_whole || strcmp(anchor, whole[i]) == 0;
        }
        if (!is_whole && !is_linked(anchor)) {
            fail_msg("no item of a playbook links docs/runbook.md#%s", anchor);
        }
        sections++;
    }
    assert_true(sections > 40);
    free(text);
}

/* The sections of the runbook, the responder's phases and the plan for gateways that Holdfast was
 * asked to take over: each is a row of docs/playbooks.md, which names items that there are. */
static void every_part_of_what_was_taken_over_names_its_items(void **state) {
    (void)state;
    static const char *const parts[] = {
#include "playbook_parts.def"
    };
    char *text = read_root("docs/playbooks.md");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        char head[200], name[100];
        snprintf(head, sizeof head, "\n| %s |", parts[i]);
        const char *row = strstr(text, head);
        if (row == NULL) {
            fail_msg("docs/playbooks.md has no row \"%s\"", parts[i]);
        }
        const char *end = strchr(row + strlen(head), '\n');
        int items = 0;
        for (const char *at = strchr(row + strlen(head), '`'); at != NULL && at < end;
             at = strchr(at + 1, '`')) {
            size_t chars = strcspn(at + 1, "`.");
            snprintf(name, sizeof name, "%.*s", (int)chars, at + 1);
            const struct playbook *playbook = playbook_set_find(shipped, name);
            const char *item = at + 1 + chars + 1;
            size_t item_chars = strcspn(item, "`");
            bool found = false;
            for (int j = 0; playbook != NULL && j < playbook->item_count; j++) {
                found = found || (strlen(playbook->items[j].id) == item_chars &&
                                  strncmp(playbook->items[j].id, item, item_chars) == 0);
            }
            if (!found) {
                fail_msg("\"%s\" names `%s.%.*s`, which there is not", parts[i], name,
                         (int)item_chars, item);
            }
            items++;
            at = item + item_chars;
        }
        if (items == 0) {
            fail_msg("\"%s\" names no item", parts[i]);
        }
    }
    free(text);
}

/* ---- what is wrong ---- */

#define HEAD "name: x\nen: X\nzh: 某\ncauses: [network]\nrules: [Silence]\nphases:\n"
#define ITEM(id) "    - {id: " id ", kind: tick, en: A, zh: 甲}\n"
#define REST                                                                                       \
    "  contain:\n" ITEM("c") "  diagnose:\n" ITEM("d") "  recover:\n" ITEM("r") "  learn:\n"       \
        ITEM("l")
#define BOOK(first) HEAD "  acknowledge:\n" first "  blast_radius:\n" ITEM("b") REST

static void refused(const char *text, int line, const char *words) {
    struct err err = {0};
    char place[60];
    const struct playbook *playbook = NULL;
    if (playbook_set_read(shipped, "x.yaml", text, strlen(text), &playbook, &err) >= 0) {
        fail_msg("taken: %s", words);
    }
    assert_int_equal(err.code, ERR_CONFIG);
    if (strstr(err.detail, words) == NULL) {
        fail_msg("\"%s\" says \"%s\"", words, err.detail);
    }
    snprintf(place, sizeof place, "x.yaml:%d", line);
    if (line > 0) {
        assert_string_equal(err.place, place);
    }
    assert_null(playbook_set_find(shipped, "x"));
}

static void what_is_wrong_is_said_with_its_line_and_changes_nothing(void **state) {
    (void)state;
    refused("name: x\n", 0, "en");
    refused(HEAD "  acknowledge:\n" ITEM("a") "  blast_radius:\n" ITEM("b"), 0, "contain");
    refused(BOOK("    []\n"), 0, "");
    refused(BOOK(ITEM("a") ITEM("a")), 9, "the second item \"a\"; the first stands in line 8");
    refused(BOOK(ITEM("b")), 10, "the second item \"b\"");
    refused(BOOK(ITEM("a") "    - {id: q, kind: query, en: A, zh: 甲}\n"), 9, "query");
    refused(BOOK("    - {id: q, kind: query, query: moon, en: A, zh: 甲}\n"), 8,
            "no query \"moon\"");
    refused(BOOK("    - {id: q, kind: tick, query: roles, en: A, zh: 甲}\n"), 8, "a tick none");
    refused(BOOK("    - {id: q, kind: approval, role: cook, en: A, zh: 甲}\n"), 8, "role \"cook\"");
    refused(BOOK("    - {id: q, kind: action, measure: rain, en: A, zh: 甲}\n"), 8,
            "measure \"rain\"");
    refused(BOOK("    - {id: q, kind: action, measure: freeze, en: A, zh: 甲}\n"), 8, "measure");
    refused(BOOK("    - {id: q, kind: action, measure: mode, en: A, zh: 甲}\n"), 8, "`value`");
    refused(BOOK("    - {id: q, kind: action, measure: notice, target: x, en: A, zh: 甲}\n"), 8,
            "`target`");
    refused(BOOK("    - {id: q, kind: tick, en: A}\n"), 8, "`zh`");
    refused(BOOK("    - {id: Q 1, kind: tick, en: A, zh: 甲}\n"), 8, "an id is of");
    refused(BOOK("    - {id: q, kind: dance, en: A, zh: 甲}\n"), 8, "kind");
    refused(BOOK("    - {id: q, kind: tick, en: A, zh: 甲, command: \"holdfast {moon}\"}\n"), 8,
            "\"{moon}\"");
    refused(BOOK("    - {use: nothing-of-the-kind}\n"), 8, "no common item");
    refused(BOOK("    - {use: roles, en: A}\n"), 8, "says nothing else");
    refused(BOOK("    - {id: q, kind: tick, en: A, zh: 甲, colour: red}\n"), 8, "colour");
    refused("name: common\n" BOOK(ITEM("a")), 0, "");
    refused("name: y\nen: X\nzh: 某\nrules: [NoSuchRule]\n" "phases:\n  acknowledge:\n" ITEM("a")
            "  blast_radius:\n" ITEM("b") REST, 1, "NoSuchRule");
    refused("name: y\nen: X\nzh: 某\ncauses: [moon]\n" "phases:\n  acknowledge:\n" ITEM("a")
            "  blast_radius:\n" ITEM("b") REST, 1, "\"moon\"");
}

static void phases_may_stand_in_any_order_and_lines_are_right_all_the_same(void **state) {
    (void)state;
    refused(HEAD "  learn:\n" ITEM("l") "  recover:\n" ITEM("r") "  diagnose:\n" ITEM("d")
            "  contain:\n" ITEM("c") "  blast_radius:\n" ITEM("b") "  acknowledge:\n"
            ITEM("a") "    - {id: z, kind: query, query: moon, en: A, zh: 甲}\n",
            19, "no query \"moon\"");
}

/* ---- a folder ---- */

static char folder[TEXT_MAX];

static void put(const char *name, const char *text) {
    char path[TEXT_MAX + 40];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void a_folders_playbooks_stand_beside_and_in_the_place_of_the_built_in_ones(void **state) {
    (void)state;
    struct err err = {0};
    struct playbook_set *set = NULL;
    char present[TEXT_MAX - 40], words[TEXT_MAX + 80];
    assert_non_null(getcwd(present, sizeof present));
    snprintf(folder, sizeof folder, "%s/playbooks-XXXXXX", present);
    assert_non_null(mkdtemp(folder));
    put("x.yaml", BOOK("    - {use: ours}\n"));
    put("common.yaml", "items:\n  - {id: ours, kind: tick, en: Ours, zh: 我们的}\n");
    put("notes.txt", "no playbook");
    if (playbook_set_open(folder, &set, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    assert_int_equal(playbook_set_count(set), 11);
    assert_false(playbook_set_find(set, "x")->shipped);
    assert_string_equal(playbook_set_find(set, "x")->items[0].text[NOTICE_EN], "Ours");
    playbook_set_close(set);
    snprintf(words, sizeof words, "playbook check %s/x.yaml", folder);
    RAN good = run_to(CLI_DONE, NULL, words);
    assert_has(good.out, "x, 6 items in six phases");
    put("high-latency.yaml", BOOK(ITEM("a")));
    assert_true(playbook_set_open(folder, &set, &err) < 0); /* its name is x */
    assert_true(strstr(err.place, "high-latency.yaml:1") != NULL);
    put("high-latency.yaml", "name: high-latency\n" BOOK(ITEM("a")));
    assert_true(playbook_set_open(folder, &set, &err) < 0); /* a key twice */
    put("high-latency.yaml",
        "en: Ours\nzh: 我\nname: high-latency\nphases:\n  acknowledge:\n" ITEM("a")
        "  blast_radius:\n" ITEM("b") REST);
    assert_int_equal(playbook_set_open(folder, &set, &err), 0);
    assert_string_equal(playbook_set_find(set, "high-latency")->title[NOTICE_EN], "Ours");
    assert_int_equal(playbook_set_count(set), 11);
    playbook_set_close(set);
    put("x.yaml", BOOK("    - {use: moon}\n"));
    RAN bad = run_to(CLI_PROBLEM, NULL, words);
    assert_has(bad.err, "no common item \"moon\"");
    assert_has(bad.err, "x.yaml:8");
    snprintf(words, sizeof words, "rm -r %s", folder);
    assert_int_equal(system(words), 0);
    assert_true(playbook_set_open("/does/not/exist", &set, &err) < 0);
    assert_string_equal(err.place, "incidents.playbooks.dir");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_ship_each_with_six_phases_and_whole_in_both_languages),
        cmocka_unit_test(every_measure_query_and_alert_rule_has_its_place),
        cmocka_unit_test(every_command_is_one_that_the_command_line_takes),
        cmocka_unit_test(every_link_leads_to_a_page_and_its_part),
        cmocka_unit_test(every_section_of_our_runbook_is_linked_by_an_item),
        cmocka_unit_test(every_part_of_what_was_taken_over_names_its_items),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line_and_changes_nothing),
        cmocka_unit_test(phases_may_stand_in_any_order_and_lines_are_right_all_the_same),
        cmocka_unit_test(a_folders_playbooks_stand_beside_and_in_the_place_of_the_built_in_ones),
    };
    return cmocka_run_group_tests_name("playbook_files", tests, open_shipped, close_shipped);
}
