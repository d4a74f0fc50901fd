/* SPDX-License-Identifier: Apache-2.0
 * test_ticket_rules.c: whose a ticket becomes and until when, by the configuration; finding
 * tickets; many at once. */
#include <stdatomic.h>

#include "api/service_config.h"
#include "base/archive.h"
#include "base/file.h"
#include "base/task.h"
#include "desk/kb.h"
#include "desk/ticket_impl.h"
#include "match/match.h"
#include "ticket_fixture.h"

static char *const ann_cat_dan[] = {"ann", "cat", "dan"};
static char *const eve_only[] = {"eve"};
static char *const dan_only[] = {"dan"};
static struct ticket_team_config teams[] = {
    {.name = "finance", .members = (char **)ann_cat_dan, .members_count = 3, .lead = "lee"},
    {.name = "ops", .members = (char **)eve_only, .members_count = 1, .share = "round_robin"},
    {.name = "gone", .members = (char **)dan_only, .members_count = 1},
};

/* ---- rules ---- */

static char *const eur[] = {"EUR"};
static char *const payouts[] = {"payout", "bank_missing"};
static char *const grave[] = {"critical", "high"};
static char *const second[] = {"stripe-b"};
static char *const kinds[] = {"case"};
static struct ticket_rule_config rules[] = {
    {.name = "large",
     .currencies = (char **)eur,
     .currencies_count = 1,
     .amount_min = 100000,
     .amount_max = 200000,
     .user = "lee"},
    {.name = "who is away", .classes = (char **)payouts, .classes_count = 2, .user = "dan"},
    {.name = "payouts", .classes = (char **)payouts, .classes_count = 2, .team = "ops"},
    {.name = "grave of the second",
     .gateways = (char **)second,
     .gateways_count = 1,
     .risks = (char **)grave,
     .risks_count = 2,
     .user = "bob"},
    {.name = "cases", .kinds = (char **)kinds, .kinds_count = 1, .team = "gone"},
};
static const struct ticket_config by_rules = {
    .teams = teams,
    .teams_count = 3,
    .rules = rules,
    .rules_count = COUNT_OF(rules),
    .default_team = "finance",
};

static void the_first_rule_that_fits_says_whose_it_is(void **state) {
    (void)state;
    static const struct {
        const char *kind, *class, *gateway, *currency;
        int64_t amount;
        enum ticket_risk risk;
        const char *assignee, *team; /* "" : nobody */
    } table[] = {
        {"break", "fee", "a", "EUR", 100000, TICKET_RISK_LOW, "lee", "finance"},
        {"break", "fee", "a", "EUR", 200000, TICKET_RISK_LOW, "lee", "finance"},
        {"break", "fee", "a", "EUR", 99999, TICKET_RISK_LOW, "ann", "finance"},
        {"break", "fee", "a", "EUR", 200001, TICKET_RISK_LOW, "cat", "finance"},
        {"break", "fee", "a", "USD", 100000, TICKET_RISK_LOW, "ann", "finance"},
        {"break", "payout", "a", "EUR", 100000, TICKET_RISK_LOW, "lee", "finance"},
        {"break", "payout", "a", "EUR", 5, TICKET_RISK_LOW, "eve", "ops"},
        {"break", "bank_missing", "stripe-b", "EUR", 5, TICKET_RISK_HIGH, "eve", "ops"},
        {"break", "bank_unknown", "stripe-b", "EUR", 5, TICKET_RISK_HIGH, "bob", ""},
        {"break", "bank_unknown", "stripe-b", "EUR", 5, TICKET_RISK_MEDIUM, "cat", "finance"},
        {"case", "other", "a", "EUR", 5, TICKET_RISK_HIGH, "", "gone"},
    };
    open_tickets(&by_rules);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        char subject[24];
        struct ticket_id id;
        snprintf(subject, sizeof subject, "row_%zu", i);
        struct ticket_note note = note_of(subject);
        note.subject.kind = table[i].kind;
        note.class = table[i].class;
        note.gateway = table[i].gateway;
        note.currency = currency_stored(table[i].currency);
        note.amount_minor = table[i].amount;
        note.risk = table[i].risk;
        assert_int_equal(open_note(&note, &id), 1);
        json_t *json = get(id.text);
        const char *name = json_string_value(
            json_object_get(json_object_get(json, "assignee"), "name"));
        const char *team = json_string_value(json_object_get(json, "team"));
        if (strcmp(name != NULL ? name : "", table[i].assignee) != 0 ||
            strcmp(team != NULL ? team : "", table[i].team) != 0) {
            fail_msg("row %zu: %s of %s", i, name, team);
        }
        json_decref(json);
    }
}

static char *names_of(const char *team_share, int count) {
    static struct ticket_config config;
    teams[0].share = (char *)(uintptr_t)team_share;
    config = by_rules;
    config.rules_count = 0;
    open_tickets(&config);
    char text[200] = "";
    for (int i = 0; i < count; i++) {
        char subject[24];
        snprintf(subject, sizeof subject, "turn_%d", i);
        struct ticket_id id = opened(subject);
        json_t *json = get(id.text);
        const char *name = json_string_value(
            json_object_get(json_object_get(json, "assignee"), "name"));
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s ", name != NULL ? name : "-");
        json_decref(json);
    }
    teams[0].share = NULL;
    return strdup(text);
}

static void round_robin_gives_one_to_each_in_turn_but_to_who_is_away(void **state) {
    (void)state;
    char *names = names_of("round_robin", 5);
    assert_string_equal(names, "ann cat ann cat ann ");
    free(names);
    /* Who comes back stands where he stood. */
    engine_exec(&W->engine, "UPDATE app_user SET enabled = 1 WHERE name = 'dan'");
    teams[0].share = "round_robin";
    static const char *const next[] = {"cat", "dan", "ann"};
    for (size_t i = 0; i < COUNT_OF(next); i++) {
        char subject[24];
        snprintf(subject, sizeof subject, "more_%zu", i);
        struct ticket_id id = opened(subject);
        json_t *json = get(id.text);
        assert_string_equal(json_at(json, "assignee.name"), next[i]);
        json_decref(json);
    }
    teams[0].share = NULL;
}

static void the_least_loaded_gets_the_next_one(void **state) {
    (void)state;
    char *names = names_of("least_loaded", 4);
    assert_string_equal(names, "ann cat ann cat ");
    free(names);
    /* Both of ann's are done: the next two are hers. */
    engine_exec(&W->engine, "UPDATE ticket SET state = 6 WHERE assignee = 'usr_a'");
    struct ticket_id one = opened("next_1"), two = opened("next_2"), three = opened("next_3");
    json_t *json = get(two.text);
    assert_string_equal(json_at(json, "assignee.name"), "ann");
    json_decref(json);
    json = get(three.text);
    assert_string_equal(json_at(json, "assignee.name"), "ann"); /* two each: who stands first */
    json_decref(json);
    (void)one;
}

static void a_team_that_shares_nothing_takes_its_tickets_itself(void **state) {
    (void)state;
    char *names = names_of("nobody", 2);
    assert_string_equal(names, "- - ");
    free(names);
}

static void open_some(void *arg) {
    for (int i = 0; i < 4; i++) {
        char subject[24];
        struct err err = {0};
        snprintf(subject, sizeof subject, "at_once_%d_%d", (int)(intptr_t)arg, i);
        struct ticket_note note = note_of(subject);
        struct ticket_tx open = {.note = &note};
        if (store_write(W->engine.store, open_fn, &open, &err) < 0) {
            fprintf(stderr, "%s\n", err.detail);
        }
    }
}

static void opened_at_once_they_are_shared_as_one_after_the_other(void **state) {
    (void)state;
    static struct ticket_config config;
    struct task *tasks[3];
    config = by_rules;
    config.rules_count = 0;
    open_tickets(&config);
    for (int i = 0; i < 3; i++) {
        tasks[i] = task_start("opener", 512 * 1024, open_some, (void *)(intptr_t)i);
    }
    for (int i = 0; i < 3; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket WHERE assignee = 'usr_a'"), 6);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket WHERE assignee = 'usr_c'"), 6);
}

/* ---- until when ---- */

static void the_end_follows_from_the_risk_and_the_hours_of_work(void **state) {
    (void)state;
    static const struct ticket_hours_config hours = {.from = "09:00", .until = "17:00"};
    static struct ticket_sla_config sla[] = {
        {.priority = "urgent", .hours = 2},
        {.priority = "high", .hours = 8}, /* its clock stays that of the table: work */
        {.priority = "low", .hours = 16, .clock = "plain"},
    };
    static struct ticket_config config;
    config = (struct ticket_config){
        .business_hours = (struct ticket_hours_config *)(uintptr_t)&hours,
        .sla = sla,
        .sla_count = COUNT_OF(sla),
    };
    open_tickets(&config);
    static const int wanted_h[] = {[TICKET_RISK_LOW] = 16, [TICKET_RISK_CRITICAL] = 2};
    struct ticket_clock clock;
    assert_int_equal(ticket_clock_read(NULL, &hours, &clock, &W->err), 0);
    for (int risk = TICKET_RISK_LOW; risk <= TICKET_RISK_CRITICAL; risk++) {
        struct ticket_note note = note_of(ticket_risk_name(risk));
        note.risk = (enum ticket_risk)risk;
        assert_int_equal(open_note(&note, NULL), 1);
        char opened_sql[120], due_sql[120];
        snprintf(opened_sql, sizeof opened_sql, "SELECT opened_us FROM ticket WHERE risk = %d",
                 risk);
        snprintf(due_sql, sizeof due_sql, "SELECT due_us FROM ticket WHERE risk = %d", risk);
        int64_t opened_us = world_int(W, opened_sql), due_us = world_int(W, due_sql);
        bool plain = risk == TICKET_RISK_LOW || risk == TICKET_RISK_CRITICAL;
        int64_t expected = plain ? opened_us + wanted_h[risk] * HOUR_US
                                 : ticket_clock_end(&clock, opened_us,
                                                    risk == TICKET_RISK_HIGH ? 8 : 24, true);
        assert_int_equal(due_us, expected);
    }
    ticket_clock_release(&clock);
}

/* ---- what the configuration may say ---- */

static int settings_of(const char *section, struct err *err) {
    char text[2000];
    struct service_config *config = NULL;
    snprintf(text, sizeof text,
             "store: {url: \"sqlite:x\"}\ngateways: [{name: a, adapter: stripe, base_url: "
             "\"http://127.0.0.1:1\"}]\ntickets: %s\n",
             section);
    int r = service_config_read("tickets", text, &config, err);
    r = r < 0 ? r : tickets_check(&config->tickets, W->registry, err);
    service_config_free(config);
    return r;
}

static void what_makes_no_sense_is_refused_with_its_place(void **state) {
    (void)state;
#define TEAMS "teams: [{name: finance, members: [ann]}]"
    static const struct {
        const char *section, *place;
    } rows[] = {
        {"{teams: [{name: 'a b', members: [ann]}]}", "tickets.teams"},
        {"{teams: [{name: a_b, members: [ann]}]}", "tickets.teams"},
        {"{teams: [{name: a, members: [ann]}, {name: a, members: [bob]}]}", "tickets.teams"},
        {"{teams: [{name: a, members: [ann, bob, ann]}]}", "tickets.teams"},
        {"{teams: [{name: a, members: [ann], share: fairly}]}", "tickets.teams"},
        {"{default_team: finance}", "tickets.default_team"},
        {"{" TEAMS ", rules: [{name: x}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, user: ann}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: other}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, classes: [nonsense]}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, risks: [grave]}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, currencies: [XXX]}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, currencies: [eur]}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, gateways: [nobody]}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, amount_min: 5}]}", "tickets.rules"},
        {"{" TEAMS ", rules: [{team: finance, currencies: [EUR], amount_min: 5, amount_max: 4}]}",
         "tickets.rules"},
        {"{sla: [{priority: soon, hours: 1}]}", "tickets.sla"},
        {"{sla: [{priority: low, hours: 0}]}", "tickets.sla"},
        {"{sla: [{priority: low, hours: 501}]}", "tickets.sla"},
        {"{sla: [{priority: low, hours: 1}, {priority: low, hours: 2}]}", "tickets.sla"},
        {"{sla: [{priority: low, hours: 1, clock: slow}]}", "tickets.sla"},
        {"{sla: [{priority: low, hours: 1, clock: business}]}", "tickets.sla"},
        {"{approve_above: [{currency: XXX, amount: 1}]}", "tickets.approve_above"},
        {"{approve_above: [{currency: EUR, amount: 1}, {currency: EUR, amount: 2}]}",
         "tickets.approve_above"},
        {"{approve_above: [{currency: EUR, amount: 99999999999}]}", "tickets.approve_above"},
        {"{escalation: [{after_minutes: 0, to: boss}]}", "tickets.escalation"},
        {"{escalation: [{after_minutes: 0, to: 'user:'}]}", "tickets.escalation"},
        {"{escalation: [{after_minutes: 0, to: 'team:x'}]}", "tickets.escalation"},
        {"{escalation: [{after_minutes: 5, to: team}, {after_minutes: 5, to: lead}]}",
         "tickets.escalation"},
        {"{escalation: [{after_minutes: 999999, to: team}]}", "tickets.escalation"},
        {"{time_zone: Mars/Olympus}", "tickets.time_zone"},
        {"{" TEAMS ", holidays: []}", "tickets:3"},
    };
    struct err err = {0};
    assert_int_equal(settings_of("{" TEAMS ", default_team: finance, rules: [{team: finance, "
                                 "gateways: [stripe-a], currencies: [EUR], amount_min: 5}]}",
                                 &err),
                     0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        err = (struct err){0};
        if (settings_of(rows[i].section, &err) != -ERR_CONFIG ||
            strcmp(err.place, rows[i].place) != 0) {
            fail_msg("%s: at %s: %s", rows[i].section, err.place, err.detail);
        }
    }
}

static void the_example_in_the_documentation_means_something(void **state) {
    (void)state;
    enum { PAGE_BYTES_MAX = 64 * 1024 };
    static char page[PAGE_BYTES_MAX];
    size_t count = 0;
    struct err err = {0};
    struct service_config *config = NULL;
    struct ticket_settings settings;
    assert_int_equal(
        file_read(TESTS_DIR "/../docs/configuration.md", page, sizeof page - 1, &count, &err), 0);
    page[count] = '\0';
    char *from = strstr(page, "```yaml\n") + strlen("```yaml\n");
    *strstr(from, "```") = '\0';
    assert_int_equal(service_config_read("configuration.md", from, &config, &err), 0);
    if (ticket_settings_read(&config->tickets, NULL, &settings, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    assert_int_equal(settings.step_count, 3);
    assert_int_equal(settings.sla[PRIORITY_URGENT].hours, 2);
    assert_int_equal(ticket_limit_of(&settings, currency_stored("EUR")), 10000);
    assert_int_equal(ticket_limit_of(&settings, currency_stored("USD")), 0);
    ticket_clock_release(&settings.clock);
    service_config_free(config);
}

/* ---- what to do ---- */

/* The text of a page of the knowledge base; "" when there is none. free() it. */
static char *page_of(struct kb *kb, const char *page, const char *language) {
    struct err err = {0};
    BUF_AUTO body;
    buf_init(&body, ARENA_REQUEST_BYTES_MAX);
    (void)!kb_body(kb, page, language, &body, &err);
    return buf_take(&body);
}

static void every_class_of_difference_has_a_sentence_and_a_page_in_both_languages(void **state) {
    (void)state;
    struct kb *kb = NULL;
    struct err err = {0};
    const struct kb_options options = {0};
    assert_int_equal(kb_open(&options, &kb, &err), 0);
    for (int class = 0; class < CLASS_COUNT; class ++) {
        const char *name = match_class_name((enum match_class) class);
        if (match_class_risk((enum match_class) class) == RISK_NONE || strcmp(name, "?") == 0) {
            continue;
        }
        if (!ticket_class_known(name)) {
            fail_msg("%s has no row in ticket_classes.def", name);
        }
        const struct ticket_class_row *row = ticket_class_of(name);
        char *english = page_of(kb, row->page, "en"), *chinese = page_of(kb, row->page, "zh");
        if (strncmp(english, "# ", 2) != 0 || strncmp(chinese, "# ", 2) != 0) {
            fail_msg("%s: the page %s is missing", name, row->page);
        }
        if (strstr(english, name) == NULL || strstr(chinese, name) == NULL) {
            fail_msg("%s is not named on the page %s", name, row->page);
        }
        free(english);
        free(chinese);
        assert_true(strlen(row->suggestion) > 20);
    }
    assert_string_equal(ticket_class_of("nothing known")->page, "other");
    kb_close(kb);
}

/* ---- finding ---- */

static const struct ticket_config simple = {
    .teams = teams, .teams_count = 2, .default_team = "ops"};

static void five_tickets(struct ticket_id ids[5]) {
    static const char *const classes[] = {"fee", "late", "fee", "payout", "payout"};
    for (int i = 0; i < 5; i++) {
        char subject[24], title[40];
        snprintf(subject, sizeof subject, "brk_%d", i);
        snprintf(title, sizeof title,
                 "Number %d of 100%% \xc3\x9c"
                 "BER_x",
                 i);
        struct ticket_note note = note_of(subject);
        note.class = classes[i];
        note.title = title;
        note.risk = i < 2 ? TICKET_RISK_LOW : TICKET_RISK_HIGH;
        note.gateway = i == 0 ? "stripe-b" : "stripe-a";
        assert_int_equal(open_note(&note, &ids[i]), 1);
    }
}

static int64_t total_of(const char *actor, const struct ticket_filter *filter) {
    json_t *json = list(actor, filter);
    if (json == NULL) {
        return -1;
    }
    int64_t total = int_at(json, "total");
    assert_int_equal(json_array_size(json_object_get(json, "data")), total);
    json_decref(json);
    return total;
}

static void tickets_are_found_by_what_is_asked_for(void **state) {
    (void)state;
    open_tickets(&simple);
    struct ticket_id ids[5];
    five_tickets(ids); /* all to eve, of ops */
    assert_state(transfer("user:usr_e", ids[0].text, "ann", ""), "open");
    assert_state(move("user:usr_e", ids[1].text, "close", "x"), "closed");
    assert_state(move("user:usr_e", ids[2].text, "start", ""), "in_progress");
    const struct {
        struct ticket_filter filter;
        int64_t eve, ann;
    } rows[] = {
        {{0}, 4, 4},
        {{.state = "all"}, 5, 5},
        {{.state = "closed"}, 1, 1},
        {{.state = "in_progress"}, 1, 1},
        {{.queue = "mine"}, 3, 1},
        {{.queue = "team"}, 3, 1}, /* ann's is of finance now */
        {{.queue = "unassigned"}, 0, 0},
        {{.queue = "overdue"}, 0, 0},
        {{.overdue = true}, 0, 0},
        {{.assignee = "eve"}, 3, 3},
        {{.assignee = "usr_a"}, 1, 1},
        {{.team = "ops"}, 3, 3},
        {{.class = "fee"}, 2, 2},
        {{.class = "fee", .gateway = "stripe-a"}, 1, 1},
        {{.risk = "high"}, 3, 3},
        {{.risk = "low"}, 4, 4},
        {{.risk = "critical"}, 0, 0},
        {{.kind = "manual"}, 0, 0},
        {{.currency = "EUR"}, 4, 4},
        {{.currency = "USD"}, 0, 0},
        {{.since_us = clock_wall_us() - HOUR_US}, 4, 4},
        {{.since_us = clock_wall_us() + HOUR_US}, 0, 0},
        {{.until_us = clock_wall_us() - HOUR_US}, 0, 0},
        {{.until_us = clock_wall_us() + HOUR_US}, 4, 4},
        {{.text = "number 3"}, 1, 1},
        {{.text = "100%"}, 4, 4},
        {{.text = "100_"}, 0, 0},
        {{.text = "\xc3\xbc"
                  "ber_X"},
         4,
         4},
        {{.text = "brk_2"}, 1, 1},
        {{.text = "!"}, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t eve = total_of("user:usr_e", &rows[i].filter);
        int64_t ann = total_of("user:usr_a", &rows[i].filter);
        if (eve != rows[i].eve || ann != rows[i].ann) {
            fail_msg("row %zu: %lld and %lld", i, (long long)eve, (long long)ann);
        }
    }
    test_clock_advance(1000 * HOUR_US);
    assert_int_equal(total_of("user:usr_e", &(struct ticket_filter){.queue = "overdue"}), 4);
    assert_int_equal(
        total_of("user:usr_e", &(struct ticket_filter){.overdue = true, .class = "fee"}), 2);
    const struct ticket_filter wrong[] = {{.queue = "other"},     {.state = "done"},
                                          {.risk = "grave"},      {.assignee = "zoe"},
                                          {.cursor = "nonsense"}, {.cursor = "12_tkt_1"}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_refused(W, list("user:usr_e", &wrong[i]), ERR_VALIDATION);
    }
    assert_refused(W, list("internal", &(struct ticket_filter){.queue = "mine"}), ERR_FORBIDDEN);
}

static void pages_follow_each_other_by_what_is_due_first(void **state) {
    (void)state;
    open_tickets(&simple);
    struct ticket_id ids[5];
    five_tickets(ids);
    char cursor[100] = "", seen[300] = "";
    for (int page = 0; page < 3; page++) {
        struct ticket_filter filter = {.limit = 2, .cursor = cursor};
        json_t *json = list("user:usr_e", &filter), *row;
        size_t i;
        assert_int_equal(int_at(json, "total"), 5);
        json_array_foreach(json_object_get(json, "data"), i, row) {
            size_t used = strlen(seen);
            snprintf(seen + used, sizeof seen - used, "%s", json_at(row, "subject") + 4);
        }
        const char *next = json_string_value(json_object_get(json, "next_cursor"));
        assert_int_equal(next == NULL, page == 2);
        snprintf(cursor, sizeof cursor, "%s", next != NULL ? next : "");
        json_decref(json);
    }
    assert_string_equal(seen, "23401"); /* the grave ones are due first */
}

static void the_file_has_a_line_each_and_calculates_nothing(void **state) {
    (void)state;
    open_tickets(&simple);
    struct ticket_note note = note_of("brk_1");
    note.title = "=HYPERLINK(\"http://x\")";
    note.suggestion = "one, two";
    assert_int_equal(open_note(&note, NULL), 1);
    note = note_of("brk_2");
    note.currency = currency_stored("JPY");
    assert_int_equal(open_note(&note, NULL), 1);
    BUF_AUTO csv;
    buf_init(&csv, 100000);
    struct caller caller = person("user:usr_e");
    struct ticket_filter filter = {0};
    assert_int_equal(ticket_export(desk, &caller, &filter, SHEET_CSV, &csv, &W->err), 0);
    assert_true(strncmp(csv.data, "id,title,state,", 15) == 0);
    assert_non_null(strstr(csv.data, ",\"'=HYPERLINK(\"\"http://x\"\")\",open,urgent,critical,"));
    assert_non_null(strstr(csv.data, ",EUR,25.00,stripe-a,,ops,eve,"));
    assert_non_null(strstr(csv.data, ",JPY,2500,stripe-a,,ops,eve,"));
    assert_non_null(strstr(csv.data, "\r\ntotal of 1,,,,,,,,EUR,25.00,"));
    assert_non_null(strstr(csv.data, "\r\ntotal of 1,,,,,,,,JPY,2500,"));
    assert_non_null(strstr(csv.data, ",\"one, two\"\r\n"));
    int lines = 0;
    for (size_t i = 0; i < csv.len; i++) {
        lines += csv.data[i] == '\n';
    }
    assert_int_equal(lines, 5); /* a head, two tickets, two totals */
    BUF_AUTO small;
    buf_init(&small, 200);
    assert_int_equal(ticket_export(desk, &caller, &filter, SHEET_CSV, &small, &W->err),
                     -ERR_TOO_LARGE);
}

static bool is_sheet(const char *name) {
    return strcmp(name, "xl/worksheets/sheet1.xml") == 0;
}

static void a_workbook_has_the_same_rows_with_totals(void **state) {
    (void)state;
    open_tickets(&simple);
    (void)opened("brk_1");
    (void)opened("brk_2");
    BUF_AUTO book;
    BUF_AUTO sheet;
    buf_init(&book, 100000);
    buf_init(&sheet, 100000);
    struct caller caller = person("user:usr_e");
    struct ticket_filter filter = {0};
    assert_int_equal(ticket_export(desk, &caller, &filter, SHEET_XLSX, &book, &W->err), 0);
    assert_int_equal(archive_zip_read(book.data, book.len, is_sheet, &sheet, &W->err), 0);
    assert_non_null(strstr(sheet.data, "brk_1"));
    assert_non_null(strstr(sheet.data, "brk_2"));
    assert_non_null(strstr(sheet.data, "<v>50.00</v>")); /* of both */
}

static void a_class_that_there_is_none_of_is_refused_with_those_that_there_are(void **state) {
    (void)state;
    open_tickets(&simple);
    struct caller caller = person("user:usr_e");
    struct ticket_filter filter = {.class = "mising_here"};
    ANSWER_AUTO answer = {0};
    W->err = (struct err){0};
    assert_int_equal(ticket_list(desk, &caller, &filter, &answer, &W->err), -ERR_VALIDATION);
    assert_string_equal(W->err.place, "class");
    assert_non_null(strstr(W->err.detail, "missing_here, "));
    assert_non_null(strstr(W->err.hint, "other."));
    /* But not one that some ticket has. */
    struct ticket_note note = note_of("brk_1");
    note.class = "mising_here";
    assert_int_equal(open_note(&note, NULL), 1);
    assert_int_equal(total_of("user:usr_e", &filter), 1);
}

/* ---- many at once ---- */

static json_t *bulk(const char *actor, const struct ticket_bulk *what) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(ticket_bulk(desk, &caller, what, &answer, &W->err), &answer);
}

static void many_are_changed_all_or_none(void **state) {
    (void)state;
    open_tickets(&simple);
    struct ticket_id ids[5];
    five_tickets(ids);
    const char *named[] = {ids[3].text, ids[1].text, ids[1].text, ids[0].text};
    struct ticket_bulk what = {
        .action = "close", .ids = named, .id_count = 4, .to = {"", ""}, .reason = "a test"};
    assert_state(move("user:usr_e", ids[3].text, "close", "x"), "closed");
    assert_refused(W, bulk("user:usr_e", &what), ERR_STATE);
    assert_non_null(strstr(W->err.detail, "none of which was changed"));
    assert_state(get(ids[1].text), "open");
    assert_state(move("user:usr_e", ids[3].text, "reopen", "x"), "reopened");
    json_t *json = bulk("user:usr_e", &what);
    assert_int_equal(int_at(json, "count"), 3); /* each once */
    json_decref(json);
    assert_state(get(ids[0].text), "closed");
    assert_state(get(ids[1].text), "closed");
    assert_text(W, "SELECT action FROM audit_entry ORDER BY number DESC LIMIT 1",
                "ticket.bulk_close");
    what.id_count = 0;
    assert_refused(W, bulk("user:usr_e", &what), ERR_VALIDATION);
    what.action = "delete";
    assert_refused(W, bulk("user:usr_e", &what), ERR_VALIDATION);
}

static void what_a_filter_finds_is_changed_when_it_is_what_was_expected(void **state) {
    (void)state;
    open_tickets(&simple);
    struct ticket_id ids[5];
    five_tickets(ids);
    const struct ticket_filter filter = {.class = "payout"};
    struct ticket_bulk what = {.action = "transfer",
                               .filter = &filter,
                               .expected = 1,
                               .to = {"ann", ""},
                               .reason = "she knows them"};
    assert_refused(W, bulk("user:usr_e", &what), ERR_STATE);
    assert_non_null(strstr(W->err.detail, "finds 2"));
    what.expected = 2;
    json_t *json = bulk("user:usr_e", &what);
    assert_int_equal(int_at(json, "count"), 2);
    json_decref(json);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket WHERE assignee = 'usr_a'"), 2);
    what.action = "assign"; /* somebody has them */
    assert_refused(W, bulk("user:usr_e", &what), ERR_STATE);
}

enum { CLOSERS = 4 };
static struct ticket_id five[5];
static atomic_int won, told;

static void close_all(void *arg) {
    const char *ids[5];
    struct err err = {0};
    ANSWER_AUTO answer = {0};
    for (int i = 0; i < 5; i++) { /* each in another order */
        ids[i] = five[((intptr_t)arg % 2 == 0) ? i : 4 - i].text;
    }
    const struct ticket_bulk what = {
        .action = "close", .ids = ids, .id_count = 5, .to = {"", ""}, .reason = "at once"};
    struct caller caller = person("user:usr_e");
    int r = ticket_bulk(desk, &caller, &what, &answer, &err);
    atomic_fetch_add(r >= 0 ? &won : &told, r >= 0 || r == -ERR_STATE);
}

static void of_many_who_close_the_same_at_once_one_has_closed_them(void **state) {
    (void)state;
    open_tickets(&simple);
    struct task *tasks[CLOSERS];
    five_tickets(five);
    atomic_store(&won, 0);
    atomic_store(&told, 0);
    for (int i = 0; i < CLOSERS; i++) {
        tasks[i] = task_start("closer", 512 * 1024, close_all, (void *)(intptr_t)i);
    }
    for (int i = 0; i < CLOSERS; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&won), 1);
    assert_int_equal(atomic_load(&told), CLOSERS - 1);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM ticket_event WHERE what = 'closed'"), 5);
}

static void teams_are_listed_with_what_they_have(void **state) {
    (void)state;
    open_tickets(&by_rules);
    (void)opened("brk_1");
    struct answer answer = {0};
    json_t *json = take(ticket_teams(desk, &answer, &W->err), &answer);
    const json_t *finance = json_array_get(json_object_get(json, "data"), 0);
    assert_string_equal(json_at(finance, "name"), "finance");
    assert_string_equal(json_at(finance, "share"), "least_loaded");
    assert_int_equal(int_at(finance, "live"), 1);
    const json_t *members = json_object_get(finance, "members");
    assert_true(json_is_true(json_object_get(json_array_get(members, 0), "works")));
    assert_int_equal(int_at(json_array_get(members, 0), "live"), 1);
    assert_true(json_is_false(json_object_get(json_array_get(members, 2), "works"))); /* dan */
    json_decref(json);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workbook_has_the_same_rows_with_totals),
        cmocka_unit_test(a_class_that_there_is_none_of_is_refused_with_those_that_there_are),
        cmocka_unit_test(the_first_rule_that_fits_says_whose_it_is),
        cmocka_unit_test(round_robin_gives_one_to_each_in_turn_but_to_who_is_away),
        cmocka_unit_test(the_least_loaded_gets_the_next_one),
        cmocka_unit_test(a_team_that_shares_nothing_takes_its_tickets_itself),
        cmocka_unit_test(opened_at_once_they_are_shared_as_one_after_the_other),
        cmocka_unit_test(the_end_follows_from_the_risk_and_the_hours_of_work),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_its_place),
        cmocka_unit_test(the_example_in_the_documentation_means_something),
        cmocka_unit_test(every_class_of_difference_has_a_sentence_and_a_page_in_both_languages),
        cmocka_unit_test(tickets_are_found_by_what_is_asked_for),
        cmocka_unit_test(pages_follow_each_other_by_what_is_due_first),
        cmocka_unit_test(the_file_has_a_line_each_and_calculates_nothing),
        cmocka_unit_test(many_are_changed_all_or_none),
        cmocka_unit_test(what_a_filter_finds_is_changed_when_it_is_what_was_expected),
        cmocka_unit_test(of_many_who_close_the_same_at_once_one_has_closed_them),
        cmocka_unit_test(teams_are_listed_with_what_they_have),
    };
    int failed = payment_world_run("ticket rules", tests, COUNT_OF(tests));
    desk_close(desk);
    return failed;
}
