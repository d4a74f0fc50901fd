/* SPDX-License-Identifier: Apache-2.0
 * test_mode_cases.c: the ladder of degraded modes, by the case files of tests/cases/mode (their
 * README.md says what a line means), on both engines. Every step must have its cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "gateway/health.h"
#include "mode/mode.h"
#include "support/both_engines.h"
#include "support/payment_world.h"

enum { WORDS_MAX = 24, CASES_MAX = 100, CASE_CHARS_MAX = 120, FILE_BYTES_MAX = 64 * 1024 };
enum { LIST_MAX = 8, CALLS_A_SECOND = 6 };

static const struct gateway_settings gateways[] = {
    {.name = "stripe-a",
     .adapter = "stripe",
     .base_url = "http://127.0.0.1:7901",
     .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
     .credential_count = 2,
     .priority = 10},
    {.name = "stripe-b",
     .adapter = "stripe",
     .base_url = "http://127.0.0.1:7902",
     .credentials = {{"api_key", "env:HF_FAKE_KEY"}, {"webhook_secret", "env:HF_FAKE_HOOK"}},
     .credential_count = 2,
     .priority = 20},
    {.name = "paypal",
     .adapter = "paypal",
     .base_url = "http://127.0.0.1:7903",
     .credentials = {{"client_id", "env:HF_FAKE_KEY"},
                     {"client_secret", "env:HF_FAKE_KEY"},
                     {"webhook_id", "env:HF_FAKE_KEY"}},
     .credential_count = 3,
     .methods = (const char *const[]){"paypal"},
     .method_count = 1,
     .priority = 10},
};

enum traffic { FAILS = 1, WELL = 0, NONE = 2 };

static struct test_store engine;
static struct {
    char name[CASE_CHARS_MAX];
    int line;
    struct gateway_registry *registry;
    struct gateway_control *control;
    struct mode *mode; /* NULL before the case's first line that needs it */
    enum traffic traffic[COUNT_OF(gateways)];
    bool store_fails;
    int events;
    struct mode_config config;
    char *not_enough[LIST_MAX], *core[LIST_MAX];
    struct mode_route_config route[LIST_MAX];
} one;
static char seen[CASES_MAX][CASE_CHARS_MAX];
static int seen_count;

#define WRONG(...)                                                                                 \
    do {                                                                                           \
        print_error("%s, line %d: ", one.name, one.line);                                          \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

/* ---- the world of one case ---- */

static int fault(void *ctx, const char *sql) {
    (void)ctx;
    (void)sql;
    return one.store_fails ? -ERR_STORE : 0;
}

static int tell(void *ctx, struct store_tx *tx, const char *subject, int64_t number,
                const char *type, const char *data_json, struct err *err) {
    (void)ctx;
    json_t *json = json_loads(data_json, 0, NULL);
    bool right = json != NULL && json_integer_value(json_object_get(json, "number")) == number &&
                 ((strcmp(subject, "mode") == 0 && strcmp(type, "mode.changed") == 0) ||
                  (strcmp(subject, "methods") == 0 && strcmp(type, "methods.changed") == 0));
    json_decref(json);
    if (!right) {
        return err_set(err, ERR_INTERNAL, "event %s %lld of %s", type, (long long)number, subject);
    }
    return sql_put(tx, err,
                   "INSERT INTO event (id, payment_id, sequence, type, data, at_us) VALUES ($1 || "
                   "'/' || CAST($2 AS text), $1, $2, $3, $4, 0)",
                   S_TEXT(subject), S_INT(number), S_TEXT(type), S_TEXT(data_json));
}

static void must(int result, const struct err *err) {
    if (result < 0) {
        WRONG("%s", err->detail);
    }
}

static void begin_process(void) {
    struct err err = {0};
    must(gateway_registry_open(gateways, COUNT_OF(gateways), &one.registry, &err), &err);
    must(gateway_control_open(engine.store, one.registry, &one.control, &err), &err);
    const struct mode_options options = {.store = engine.store,
                                         .registry = one.registry,
                                         .control = one.control,
                                         .config = &one.config};
    must(mode_open(&options, &one.mode, &err), &err);
    mode_on_change(one.mode, tell, NULL);
}

static void end_process(void) {
    mode_close(one.mode);
    one.mode = NULL;
    gateway_control_close(one.control);
    one.control = NULL;
    if (one.registry != NULL) {
        gateway_registry_close(one.registry);
        one.registry = NULL;
    }
}

static void forget(void) {
    static const char *const empty[] = {
        "DELETE FROM mode_state",  "DELETE FROM mode_change",          "DELETE FROM mode_switch",
        "DELETE FROM mode_sight",  "DELETE FROM gateway_control",      "DELETE FROM event",
        "DELETE FROM audit_entry", "UPDATE audit_head SET number = 0",
    };
    for (size_t i = 0; i < COUNT_OF(empty); i++) {
        (void)engine_exec(&engine, empty[i]);
    }
}

static void end_case(void) {
    one.store_fails = false;
    end_process();
    memset(&one, 0, sizeof one);
}

/* ---- time ---- */

static void call_gateway(size_t index, bool fails) {
    struct gateway *gateway = gateway_find(one.registry, gateways[index].name);
    enum payment_method method = gateway_first_method(gateway);
    struct gateway_result result;
    char why[160];
    gateway_result_init(&result);
    result.outcome = fails ? GW_UNAVAILABLE : GW_CHARGED;
    result.failure = fails ? HTTP_FAIL_CONNECT : 0;
    enum admission admission = gateway_health_admit(gateway->health, method, OP_CHARGE, why,
                                                    sizeof why);
    if (admission != ADMIT_NO) {
        gateway_health_report(gateway->health, method, OP_CHARGE, admission, &result);
    }
}

static void tick(void) {
    struct err err = {0};
    for (size_t i = 0; i < COUNT_OF(gateways); i++) {
        for (int n = 0; one.traffic[i] != NONE && n < CALLS_A_SECOND; n++) {
            call_gateway(i, one.traffic[i] == FAILS);
        }
    }
    must(mode_tick(one.mode, &err), &err);
}

/* ---- lines ---- */

static int64_t number(const char *text) {
    char *end;
    int64_t value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        WRONG("\"%s\" is no number", text);
    }
    return value;
}

/* "… for 20" at the end: an end by the clock. */
static int64_t until(char **words, int count) {
    bool given = count >= 2 && strcmp(words[count - 2], "for") == 0;
    return given ? clock_wall_us() + number(words[count - 1]) * US_PER_SECOND : 0;
}

struct said {
    struct mode_order order;
    struct mode_switching switching;
    struct mode_simplifying simplifying;
    char what;
};

static int say_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct said *said = ctx;
    return said->what == 'h'   ? mode_set(one.mode, tx, &said->order, err)
           : said->what == 's' ? mode_switch(one.mode, tx, &said->switching, err)
                               : mode_simplify(one.mode, tx, &said->simplifying, err);
}

static int say(struct said *said) {
    struct err err = {0};
    int r = store_write(engine.store, say_tx, said, &err);
    if (r >= 0) {
        must(mode_reload(one.mode, &err), &err);
    }
    return r;
}

static int do_hand(char **words, int count) {
    struct said said = {.what = 'h',
                        .order = {.automatic = strcmp(words[1], "auto") == 0,
                                  .end_read_only = strcmp(words[0], "hand!") == 0,
                                  .actor = "user:usr_1",
                                  .reason = "the case says so",
                                  .until_us = until(words, count)}};
    if (!said.order.automatic) {
        said.order.hand = strcmp(words[1], "exactly") == 0 ? HAND_EXACTLY : HAND_AT_LEAST;
        if (count < 3 || !mode_step_parse(words[2], &said.order.step)) {
            WRONG("there is no such step");
        }
    }
    return say(&said);
}

static int do_switch(char **words, int count) {
    struct said said = {.what = 's',
                        .switching = {.name = words[2],
                                      .off = strcmp(words[0], "off") == 0,
                                      .actor = "user:usr_1",
                                      .reason = "the case says so",
                                      .until_us = until(words, count)}};
    if (!mode_switch_kind_parse(words[1], &said.switching.kind)) {
        WRONG("there is no such kind of switch");
    }
    return say(&said);
}

static int do_simplify(char **words, int count) {
    (void)count;
    struct said said = {.what = 'f',
                        .simplifying = {.on = strcmp(words[1], "on") == 0,
                                        .actor = "user:usr_1",
                                        .reason = "the case says so"}};
    return say(&said);
}

static int do_config(char **words, int count) {
    struct mode_config *config = &one.config;
    struct mode_simplified_config *simplified = &config->simplified;
    if (strcmp(words[1], "not_enough") == 0) {
        config->not_enough = one.not_enough;
        one.not_enough[config->not_enough_count++] = words[2];
    } else if (strcmp(words[1], "core") == 0) {
        simplified->core = one.core;
        one.core[simplified->core_count++] = words[2];
    } else if (strcmp(words[1], "route") == 0 && count == 4) {
        simplified->route = one.route;
        one.route[simplified->route_count++] = (struct mode_route_config){words[2], words[3]};
    } else {
        WRONG("there is no such key");
    }
    end_process();
    begin_process();
    return 0;
}

static int do_gateway(char **words, int count) {
    (void)count;
    for (size_t i = 0; i < COUNT_OF(gateways); i++) {
        if (strcmp(gateways[i].name, words[1]) == 0) {
            if (strcmp(words[0], "fault") == 0) {
                call_gateway(i, true);
                return 0;
            }
            one.traffic[i] = words[0][0] == 'd' ? FAILS : words[0][0] == 'u' ? WELL : NONE;
            return 0;
        }
    }
    WRONG("there is no gateway %s", words[1]);
    return 0;
}

static int do_store(char **words, int count) {
    (void)count;
    one.store_fails = strcmp(words[1], "fails") == 0;
    store_fault_set(engine.store, one.store_fails ? fault : NULL, NULL);
    return 0;
}

static int do_wait(char **words, int count) {
    (void)count;
    tick();
    for (int64_t left = number(words[1]); left > 0; left--) {
        test_clock_advance(US_PER_SECOND);
        tick();
    }
    return 0;
}

static int do_restart(char **words, int count) {
    (void)words;
    (void)count;
    end_process();
    begin_process();
    return 0;
}

static struct mode_view view(void) {
    struct mode_view view;
    mode_view(one.mode, &view);
    return view;
}

static void must_be(const char *what, const char *is, const char *expected) {
    if (strcmp(is, expected) != 0) {
        WRONG("%s is \"%s\", not \"%s\"", what, is, expected);
    }
}

/* The words from `from` on, as they stood in the line. */
static void rest(char **words, int from, int count, char ret_text[MODE_NOTICE_BYTES_MAX]) {
    size_t used = 0;
    ret_text[0] = '\0';
    for (int i = from; i < count; i++) {
        used += (size_t)snprintf(ret_text + used, MODE_NOTICE_BYTES_MAX - used, "%s%s",
                                 i > from ? " " : "", words[i]);
    }
}

static int see_step(char **words, int count) {
    (void)count;
    must_be("the step", mode_step_name(view().step), words[1]);
    return 0;
}

static int see_rule(char **words, int count) {
    (void)count;
    must_be("the rule", view().rule, words[1]);
    return 0;
}

static int see_reason(char **words, int count) {
    char wanted[MODE_NOTICE_BYTES_MAX];
    rest(words, 1, count, wanted);
    bool says = strstr(view().reason, wanted) != NULL;
    if (says == (strcmp(words[0], "reason!") == 0)) {
        WRONG("the reason \"%s\" %s \"%s\"", view().reason, says ? "says" : "does not say",
              wanted);
    }
    return 0;
}

static int see_hidden(char **words, int count) {
    (void)count;
    char names[MODE_NOTICE_BYTES_MAX] = "";
    struct mode_view now = view();
    for (int m = METHOD_CARD; m < METHOD_COUNT; m++) {
        size_t used = strlen(names);
        if (now.hidden[m]) {
            snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? "," : "",
                     method_name((enum payment_method)m));
        }
    }
    must_be("what is hidden", names[0] != '\0' ? names : "-", words[1]);
    return 0;
}

static int see_admits(char **words, int count) {
    enum payment_purpose purpose = PURPOSE_ORDER;
    enum payment_method method = METHOD_CARD;
    struct mode_admission admission;
    if (count != 4 || !purpose_parse(words[1], &purpose) || !method_parse(words[2], &method)) {
        WRONG("no purpose, no method");
    }
    mode_admits(one.mode, purpose, method, &admission);
    static const char *const names[] = {"taken", "hidden", "held"};
    bool refused = admission.verdict == MODE_REFUSED;
    must_be("the verdict", refused ? err_type(admission.code) : names[admission.verdict], words[3]);
    assert_true((admission.english[0] == '\0') == (admission.verdict == MODE_TAKEN));
    assert_true((admission.chinese[0] == '\0') == (admission.verdict == MODE_TAKEN));
    assert_true(!refused || admission.retry_after_s > 0);
    return 0;
}

static int see_only(char **words, int count) {
    enum payment_method method = METHOD_CARD;
    struct mode_route route;
    if (count != 3 || !method_parse(words[1], &method)) {
        WRONG("no method");
    }
    mode_route(one.mode, PURPOSE_ORDER, method, &route);
    must_be("the only route", route.only[0] != '\0' ? route.only : "-", words[2]);
    return 0;
}

static int see_notice(char **words, int count) {
    enum payment_method method = METHOD_CARD;
    char notice[MODE_NOTICE_BYTES_MAX], wanted[MODE_NOTICE_BYTES_MAX];
    if (!method_parse(words[1], &method)) {
        WRONG("no method");
    }
    struct mode_view now = view();
    mode_notice(&now, method, words[2], notice);
    rest(words, 3, count, wanted);
    must_be("the notice", notice[0] != '\0' ? notice : "-", wanted);
    return 0;
}

static int see_changes(char **words, int count) {
    (void)count;
    if (strcmp(words[1], "-") != 0) {
        int64_t rows = engine_int(&engine, "SELECT COUNT(*) FROM mode_change");
        if (rows != number(words[1])) {
            WRONG("%lld changes, not %s", (long long)rows, words[1]);
        }
    }
    return 0;
}

static int see_events(char **words, int count) {
    (void)count;
    int64_t rows = engine_int(&engine, "SELECT COUNT(*) FROM event");
    if (rows != number(words[1])) {
        WRONG("%lld events, not %s", (long long)rows, words[1]);
    }
    return 0;
}

static const struct {
    const char *word;
    int words_min;
    int (*fn)(char **words, int count);
} lines[] = {
    {"config", 3, do_config},     {"down", 2, do_gateway},    {"up", 2, do_gateway},
    {"fault", 2, do_gateway},     {"quiet", 2, do_gateway},   {"store", 2, do_store},
    {"wait", 2, do_wait},         {"restart", 1, do_restart}, {"hand", 2, do_hand},
    {"hand!", 2, do_hand},        {"off", 3, do_switch},      {"on", 3, do_switch},
    {"simplify", 2, do_simplify}, {"step", 2, see_step},      {"rule", 2, see_rule},
    {"reason", 2, see_reason},    {"hidden", 2, see_hidden},  {"admits", 4, see_admits},
    {"only", 3, see_only},        {"notice", 4, see_notice},  {"changes", 2, see_changes},
    {"events", 2, see_events},    {"reason!", 2, see_reason},
};

static int run_words(char **words, int count) {
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (strcmp(lines[i].word, words[0]) == 0 && count >= lines[i].words_min) {
            return lines[i].fn(words, count);
        }
    }
    WRONG("there is no line \"%s\" of %d words", words[0], count);
    return 0;
}

static void run_line(char *line) {
    char *words[WORDS_MAX + 1];
    int count = 0;
    if (strncmp(line, "case ", 5) == 0) {
        end_case();
        snprintf(one.name, sizeof one.name, "%s", line + 5);
        assert_true(seen_count < CASES_MAX);
        snprintf(seen[seen_count++], CASE_CHARS_MAX, "%s", line + 5);
        forget();
        begin_process();
        return;
    }
    for (char *at = line; *at != '\0' && count < WORDS_MAX;) {
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    bool refused = strcmp(words[0], "refused") == 0;
    int r = refused ? run_words(words + 1, count - 1) : run_words(words, count);
    if (refused != (r < 0)) {
        WRONG("%s", refused ? "it was not refused" : "it was refused");
    }
}

static void run_file(const char *name) {
    static char bytes[FILE_BYTES_MAX];
    char path[512];
    size_t count = 0;
    struct err err = {0};
    snprintf(path, sizeof path, "%s/cases/mode/%s.case", TESTS_DIR, name);
    int r = file_read(path, bytes, sizeof bytes - 1, &count, &err);
    if (r < 0) {
        fail_msg("%s: %s", path, err.detail);
    }
    bytes[count] = '\0';
    int number_of_line = 0;
    for (char *at = bytes; *at != '\0';) {
        char *line = at;
        size_t length = strcspn(at, "\n");
        at += length + (at[length] == '\n');
        line[length] = '\0';
        one.line = ++number_of_line;
        if (line[0] != '\0' && line[0] != '#') {
            run_line(line);
            one.line = number_of_line;
        }
    }
    end_case();
}

static bool has_case(const char *step, const char *name) {
    char wanted[CASE_CHARS_MAX];
    snprintf(wanted, sizeof wanted, "%s %s", step, name);
    for (int i = 0; i < seen_count; i++) {
        if (strcmp(seen[i], wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- tests ---- */

static void every_step_is_entered_held_and_left_as_its_cases_say(void **state) {
    static const char *const wanted[] = {"enter", "hold", "by hand", "restart", "leave", "flap"};
    (void)state;
    seen_count = 0;
    for (int step = MODE_NORMAL; step < MODE_STEPS; step++) {
        const char *name = mode_step_name((enum mode_step)step);
        run_file(name);
        /* Normal is what is left for, not left. */
        size_t count = step == MODE_NORMAL ? COUNT_OF(wanted) - 2 : COUNT_OF(wanted);
        for (size_t i = 0; i < count; i++) {
            if (!has_case(name, wanted[i])) {
                fail_msg("%s has no case \"%s\"", name, wanted[i]);
            }
        }
    }
}

static void switches_do_as_their_cases_say(void **state) {
    (void)state;
    seen_count = 0;
    run_file("switches");
    assert_true(seen_count > 0);
}

static void the_simplified_flow_does_as_its_cases_say(void **state) {
    (void)state;
    seen_count = 0;
    run_file("simplified");
    assert_true(seen_count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_entered_held_and_left_as_its_cases_say),
        cmocka_unit_test(switches_do_as_their_cases_say),
        cmocka_unit_test(the_simplified_flow_does_as_its_cases_say),
    };
    payment_world_init();
    return engine_run("mode_cases", tests, COUNT_OF(tests), &engine);
}
