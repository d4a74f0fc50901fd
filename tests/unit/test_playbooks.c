/* SPDX-License-Identifier: Apache-2.0
 * test_playbooks.c: an incident's checklist, on both engines: people tick, approve, run and leave
 * out, each with an entry of the log; queries are done by what they see and by nothing else; and
 * whatever is done in whatever order, nothing is marked by a machine that takes a person. */
#include "incident_fixture.h"

#include "incident/playbook_impl.h"

static struct playbook_set *set;
static struct playbooks *playbooks;
static char one[ID_TEXT_MAX];

/* ---- measures that are none ---- */

static struct fake {
    bool on;
    int runs, undos, previews, verifies;
    enum playbook_verdict run, verify, undo;
    bool fails;
    char target[64], last_key[80];
} fake;

static int fake_run(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
                    struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    (void)ctx;
    if (fake.fails) {
        return err_set(err, ERR_STATE, "the last gateway is not switched off");
    }
    /* The same key again: the answer of before. */
    bool again = caller->key != NULL && strcmp(fake.last_key, caller->key) == 0;
    fake.runs += !again;
    fake.on = true;
    snprintf(fake.target, sizeof fake.target, "%s", measure->target);
    snprintf(fake.last_key, sizeof fake.last_key, "%s", caller->key != NULL ? caller->key : "");
    *ret_told = (struct playbook_told){.verdict = fake.run,
                                       .said = {"It was switched.", "已切换。"},
                                       .reference = arena_copy(arena, "ctm_1")};
    return 0;
}

static int fake_verify(void *ctx, const struct caller *caller,
                       const struct playbook_measure *measure, struct arena *arena,
                       struct playbook_told *ret_told, struct err *err) {
    (void)ctx;
    (void)caller;
    (void)measure;
    (void)arena;
    (void)err;
    fake.verifies++;
    *ret_told = (struct playbook_told){.verdict = fake.verify,
                                       .said = {"It was looked at.", "已查看。"},
                                       .evidence = "{\"on\":true}"};
    return 0;
}

static int fake_preview(void *ctx, const struct caller *caller,
                        const struct playbook_measure *measure, struct arena *arena,
                        struct playbook_told *ret_told, struct err *err) {
    (void)ctx;
    (void)caller;
    (void)arena;
    (void)err;
    fake.previews++;
    snprintf(fake.target, sizeof fake.target, "%s", measure->target);
    *ret_told = (struct playbook_told){.verdict = VERDICT_PASSED, .said = {"It would.", "将会。"}};
    return 0;
}

static int fake_undo(void *ctx, const struct caller *caller, const struct playbook_measure *measure,
                     struct arena *arena, struct playbook_told *ret_told, struct err *err) {
    (void)ctx;
    (void)caller;
    (void)arena;
    (void)err;
    fake.undos++;
    fake.on = fake.undo != VERDICT_PASSED;
    assert_string_equal(measure->reference, "ctm_1");
    *ret_told = (struct playbook_told){.verdict = fake.undo, .said = {"Taken back.", "已撤销。"}};
    return 0;
}

static const struct playbook_actions actions = {
    .preview = fake_preview, .run = fake_run, .verify = fake_verify, .undo = fake_undo};

/* ---- the checklist ---- */

static void begin_with(const struct playbook_actions *measures) {
    struct err err = {0};
    open_incidents(NULL);
    engine_exec(&W->engine, "DELETE FROM incident_item");
    engine_exec(&W->engine, "DELETE FROM incident_playbook");
    engine_exec(&W->engine,
                "INSERT INTO api_key (id, name, hash, role, scopes, created_by, created_us, "
                "expires_us, revoked_us, last_used_us, user_id) VALUES ('key_a', 'a', 'h1', 3, '', "
                "'internal', 1, 0, 0, 0, 'usr_a'), ('key_x', 'x', 'h2', 3, '', 'internal', 1, 0, "
                "0, 0, '')");
    fake = (struct fake){
        .run = VERDICT_PASSED, .verify = VERDICT_PASSED, .undo = VERDICT_PASSED};
    playbooks_close(playbooks);
    playbook_set_close(set);
    if (playbook_set_open(NULL, &set, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    const struct playbooks_options options = {.incidents = incidents,
                                              .store = W->engine.store,
                                              .payments = W->payments,
                                              .set = set,
                                              .alerts = alerts,
                                              .registry = W->registry,
                                              .actions = measures};
    if (playbooks_open(&options, &playbooks, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    opened(one);
}

static void begin(void) {
    begin_with(&actions);
}

static json_t *follow(const char *actor, const char *name) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(playbook_attach(playbooks, &caller, one, name, NULL, &answer, &W->err), &answer);
}

static json_t *mark_by(struct caller caller, const char *item, const char *state,
                       const char *reason, const char *target) {
    struct answer answer = {0};
    struct playbook_act act = {.item = item, .reason = reason, .target = target};
    W->err = (struct err){0};
    assert_true(playbook_state_parse(state, &act.state));
    return take(playbook_act(playbooks, &caller, one, &act, &answer, &W->err), &answer);
}

static json_t *mark(const char *actor, const char *item, const char *state, const char *reason) {
    return mark_by(person(actor), item, state, reason, NULL);
}

static json_t *refresh(void) {
    struct caller caller = person("key:key_x");
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(playbook_refresh(playbooks, &caller, one, &answer, &W->err), &answer);
}

static json_t *checklist(void) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(playbook_checklist(playbooks, one, &answer, &W->err), &answer);
}

static void done(json_t *json) {
    if (json == NULL) {
        fail_msg("%s (%s)", W->err.detail, W->err.hint);
    }
    json_decref(json);
}

/* Borrowed from `json`. */
static const json_t *item_of(const json_t *json, const char *id) {
    size_t i, j;
    json_t *phase, *item;
    json_array_foreach(json_object_get(json, "phases"), i, phase) {
        json_array_foreach(json_object_get(phase, "items"), j, item) {
            const char *name = json_string_value(json_object_get(item, "id"));
            if (strcmp(strchr(name, '.') + 1, id) == 0 || strcmp(name, id) == 0) {
                return item;
            }
        }
    }
    fail_msg("no item %s", id);
    return NULL;
}

static const char *text_of(const json_t *item, const char *key) {
    const char *text = json_string_value(json_object_get(item, key));
    return text != NULL ? text : "";
}

/* Of the answer, which it releases: `id`'s state, and who. */
static void assert_item(json_t *json, const char *id, const char *state, const char *by) {
    if (json == NULL) {
        fail_msg("%s: %s", id, W->err.detail);
    }
    const json_t *item = item_of(json, id);
    assert_string_equal(text_of(item, "state"), state);
    assert_string_equal(text_of(item, "by"), by);
    json_decref(json);
}

static int64_t entries(void) {
    int64_t count = 0;
    json_t *log = log_of(one, 0, INCIDENT_LOG_PAGE_MAX);
    assert_true(json_is_null(json_object_get(log, "next_seq")));
    count = (int64_t)json_array_size(json_object_get(log, "data"));
    json_decref(log);
    return count;
}

/* The last entry. */
static void assert_logged(const char *kind, const char *words) {
    json_t *log = log_of(one, 0, INCIDENT_LOG_PAGE_MAX);
    const json_t *rows = json_object_get(log, "data");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    assert_string_equal(text_of(last, "kind"), kind);
    if (strstr(text_of(last, "text"), words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, text_of(last, "text"));
    }
    json_decref(log);
    assert_whole(one);
}

/* ---- chosen ---- */

static void a_person_chooses_and_what_fits_is_proposed(void **state) {
    (void)state;
    begin();
    say(&(struct alert_about){.rule = GATEWAY_RULE, .gateway = "stripe-a"}, true);
    char *alert = world_text(W, "SELECT id FROM alert");
    done(link_alert("user:usr_a", one, alert));
    free(alert);
    json_t *json = checklist();
    const json_t *proposed = json_object_get(json, "proposed");
    assert_int_equal(json_array_size(proposed), 3);
    assert_string_equal(text_of(json_array_get(proposed, 0), "why"), "alert " GATEWAY_RULE);
    json_decref(json);
    assert_no(follow("key:key_x", "gateway-down"), ERR_FORBIDDEN, "a person with a name");
    assert_no(follow("user:usr_a", "moon"), ERR_VALIDATION, "no playbook \"moon\"");
    int64_t before = entries();
    done(follow("user:usr_a", "gateway-down"));
    assert_int_equal(entries(), before + 1);
    assert_logged("decision", "Follows the playbook gateway-down");
    assert_no(follow("user:usr_b", "gateway-down"), ERR_STATE, "already");
    json = checklist();
    assert_int_equal(json_array_size(json_object_get(json, "phases")), 6);
    assert_int_equal(json_array_size(json_object_get(json, "proposed")), 2);
    assert_string_equal(text_of(json, "next"), "gateway-down.acknowledged");
    const json_t *item = item_of(json, "turn-away");
    assert_string_equal(text_of(json_object_get(item, "measure"), "target"), "stripe-a");
    assert_true(strstr(text_of(item, "command"), one) != NULL);
    json_decref(json);
    done(move("user:usr_a", one, "cancel"));
    assert_no(follow("user:usr_a", "gateway-slow"), ERR_STATE, "cancelled");
    assert_no(mark("user:usr_a", "rules-of-the-house", "done", NULL), ERR_STATE, "cancelled");
    assert_no(refresh(), ERR_STATE, "cancelled");
}

static void what_two_playbooks_share_is_one_item(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    done(mark("user:usr_a", "rules-of-the-house", "done", NULL));
    done(follow("user:usr_a", "fraud-attack"));
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_item WHERE item = "
                                  "'rules-of-the-house' AND state = 2 AND name = 'ann'"),
                     2);
    done(mark("user:usr_b", "no-blind-retries", "done", NULL));
    done(mark("user:usr_b", "fraud-attack.blocked", "done", NULL));
    json_t *json = checklist();
    int seen = 0;
    size_t i, j;
    json_t *phase, *item;
    json_array_foreach(json_object_get(json, "phases"), i, phase) {
        json_array_foreach(json_object_get(phase, "items"), j, item) {
            seen += strstr(text_of(item, "id"), ".rules-of-the-house") != NULL;
        }
    }
    assert_int_equal(seen, 1);
    json_decref(json);
    assert_no(mark("user:usr_b", "moon", "done", NULL), ERR_NOT_FOUND, "no item \"moon\"");
    assert_no(mark("user:usr_b", "gateway-slow.roles", "done", NULL), ERR_NOT_FOUND, "no item");
}

/* ---- people ---- */

static void ticks_take_a_person_and_can_be_taken_back(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    int64_t before = entries();
    assert_no(mark("key:key_x", "way-there", "done", NULL), ERR_FORBIDDEN, "a person");
    assert_no(mark("system", "way-there", "done", NULL), ERR_FORBIDDEN, "a person");
    assert_int_equal(entries(), before);
    assert_item(mark("key:key_a", "way-there", "done", "every step answers"), "way-there", "done",
                "ann");
    assert_logged("action", "gateway-down.way-there done");
    assert_no(mark("user:usr_b", "way-there", "done", NULL), ERR_STATE, "already, by ann");
    assert_no(mark("user:usr_b", "way-there", "open", NULL), ERR_VALIDATION, "reason");
    assert_item(mark("user:usr_b", "way-there", "open", "it was the wrong gateway"), "way-there",
                "open", "");
    assert_logged("decision", "open again");
    assert_no(mark("user:usr_b", "way-there", "failed", NULL), ERR_VALIDATION, "reason");
    assert_item(mark("user:usr_b", "way-there", "failed", "TLS ends early"), "way-there", "failed",
                "bob");
    assert_logged("observation", "TLS ends early");
    assert_int_equal(entries(), before + 3);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = "
                                  "'incident.checklist'") > 0,
                     1);
}

static void approvals_are_of_who_has_the_role(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    assert_no(mark("user:usr_b", "back", "done", NULL), ERR_FORBIDDEN, "nobody has that role");
    done(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, false, "ann"));
    assert_no(mark("user:usr_b", "back", "done", NULL), ERR_FORBIDDEN, "ann");
    assert_no(mark("key:key_x", "back", "done", NULL), ERR_FORBIDDEN, "a person");
    done(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, true, "bob"));
    assert_item(mark("user:usr_b", "back", "done", NULL), "back", "done", "bob");
    assert_logged("decision", "gateway-down.back approved");
}

static void what_is_required_is_left_out_by_the_commander(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    assert_item(mark("user:usr_b", "vip-by-hand", "skipped", "none is hit"), "vip-by-hand",
                "skipped", "bob");
    assert_no(mark("user:usr_b", "way-there", "skipped", "no time"), ERR_FORBIDDEN, "commander");
    done(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, false, "ann"));
    assert_no(mark("user:usr_a", "way-there", "skipped", NULL), ERR_VALIDATION, "reason");
    assert_item(mark("user:usr_a", "way-there", "skipped", "it is theirs"), "way-there", "skipped",
                "ann");
    assert_logged("decision", "left out");
    assert_item(mark("user:usr_a", "success", "skipped", "nobody pays now"), "success", "skipped",
                "ann");
    assert_item(refresh(), "success", "skipped", "ann");
    assert_item(mark("user:usr_a", "success", "open", "they pay again"), "success", "open", "");
}

/* ---- queries ---- */

static void a_query_is_done_by_what_it_sees_and_by_nothing_else(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    assert_no(mark("user:usr_a", "acknowledged", "done", NULL), ERR_STATE, "is a query");
    assert_no(mark("user:usr_a", "acknowledged", "failed", "no"), ERR_STATE, "is a query");
    assert_item(refresh(), "acknowledged", "open", "");
    json_t *json = checklist();
    const json_t *item = item_of(json, "acknowledged");
    assert_string_equal(text_of(item, "verdict"), "not");
    assert_string_equal(text_of(item, "said"), "Nobody has acknowledged it.");
    assert_string_equal(text_of(item, "said_zh"), "尚无人确认。");
    json_decref(json);
    done(move("user:usr_a", one, "acknowledge"));
    int64_t before = entries();
    json = refresh();
    item = item_of(json, "acknowledged");
    assert_string_equal(text_of(item, "state"), "done");
    assert_string_equal(text_of(item, "verdict"), "passed");
    assert_string_equal(text_of(item, "by"), "");
    assert_true(json_is_object(json_object_get(item, "evidence")));
    assert_true(strlen(text_of(item, "looked_at")) > 10);
    json_decref(json);
    assert_true(entries() > before);
    before = entries();
    json_decref(refresh());
    json_decref(refresh());
    assert_true(entries() - before <= 4); /* only what says something else, such as a time */
    assert_whole(one);
}

static void what_passed_and_does_not_any_more_is_open_again(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "credential-failure"));
    assert_item(refresh(), "forged", "done", "");
    say(&(struct alert_about){.rule = "ForgedCallbacks", .gateway = "stripe-a"}, true);
    int64_t before = entries();
    json_t *json = refresh();
    const json_t *item = item_of(json, "forged");
    assert_string_equal(text_of(item, "state"), "open");
    assert_string_equal(text_of(item, "verdict"), "not");
    assert_true(strstr(text_of(item, "said"), "1 alerts") != NULL);
    json_decref(json);
    assert_true(entries() > before);
}

static void unknown_is_never_done(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    json_t *json = refresh();
    /* No payment came to an end, no figures are here: nothing is known. */
    const json_t *item = item_of(json, "success");
    assert_string_equal(text_of(item, "verdict"), "unknown");
    assert_string_equal(text_of(item, "state"), "open");
    size_t i, j;
    json_t *phase, *other;
    json_array_foreach(json_object_get(json, "phases"), i, phase) {
        json_array_foreach(json_object_get(phase, "items"), j, other) {
            bool query = strcmp(text_of(other, "kind"), "query") == 0;
            bool passed = strcmp(text_of(other, "verdict"), "passed") == 0;
            if (query && passed != (strcmp(text_of(other, "state"), "done") == 0)) {
                fail_msg("%s is %s and %s", text_of(other, "id"), text_of(other, "verdict"),
                         text_of(other, "state"));
            }
        }
    }
    json_decref(json);
}

static void every_query_answers_in_both_languages(void **state) {
    (void)state;
    static const char *const names[] = {
#define X(NAME, name, function, argument, yes, yes_zh, no, no_zh) name,
#include "incident/playbook_queries.def"
#undef X
    };
    begin();
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct incident_row incident = {.id = incident_id_new(),
                                    .cause = CAUSE_UNKNOWN,
                                    .cause_why = "",
                                    .proposed = INCIDENT_UNMEASURED};
    snprintf(incident.id.text, sizeof incident.id.text, "%s", one);
    incident.at_us[MILESTONE_IMPACT_START] = clock_wall_us() - MINUTE_US;
    for (int i = 0; i < INCIDENT_ROLES * 2; i++) {
        incident.holders[i / 2][i % 2] = "";
    }
    struct playbook_look look = {.playbooks = playbooks,
                                 .arena = arena,
                                 .incident = &incident,
                                 .now_us = clock_wall_us()};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct playbook_seen seen = {0};
        struct err err = {0};
        JSON_AUTO evidence = NULL;
        playbook_ask(&look, names[i], &seen);
        if (seen.verdict == VERDICT_NONE || seen.said[NOTICE_EN][0] == '\0' ||
            seen.said[NOTICE_ZH][0] == '\0' || strchr(seen.said[NOTICE_EN], '{') != NULL ||
            strstr(seen.said[NOTICE_EN], "could not be looked at") != NULL) {
            fail_msg("%s: %d %s / %s", names[i], (int)seen.verdict, seen.said[NOTICE_EN],
                     seen.said[NOTICE_ZH]);
        }
        if (json_read(seen.evidence, strlen(seen.evidence), 64 * 1024, JSON_DEPTH_MAX, &evidence,
                      &err) < 0) {
            fail_msg("%s: %s: %s", names[i], err.detail, seen.evidence);
        }
        assert_true(json_is_object(evidence));
    }
    struct playbook_seen none;
    playbook_ask(&look, "moon", &none);
    assert_int_equal(none.verdict, VERDICT_UNKNOWN);
}

static void the_job_looks_at_what_is_live_and_writes_only_other_ends(void **state) {
    (void)state;
    struct err err = {0};
    begin();
    done(follow("user:usr_a", "gateway-down"));
    done(move("user:usr_a", one, "acknowledge"));
    assert_int_equal(playbooks_look(playbooks, &err), 0);
    assert_item(checklist(), "acknowledged", "done", "");
    int64_t before = entries();
    for (int i = 0; i < 4; i++) {
        test_clock_advance(MINUTE_US);
        assert_int_equal(playbooks_look(playbooks, &err), 0);
    }
    /* An update that is due is another end; sentences with other times are none. */
    assert_true(entries() - before <= 2);
    done(move("user:usr_a", one, "cancel"));
    before = world_int(W, "SELECT MAX(looked_us) FROM incident_playbook");
    test_clock_advance(MINUTE_US);
    assert_int_equal(playbooks_look(playbooks, &err), 0);
    assert_true(world_int(W, "SELECT MAX(looked_us) FROM incident_playbook") == before);
}

/* ---- measures ---- */

static json_t *previewed(const char *item, const char *target) {
    struct caller caller = person("key:key_x");
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(playbook_preview(playbooks, &caller, one, item, target, &answer, &W->err),
                &answer);
}

static void a_measure_is_looked_at_run_seen_to_hold_and_undone(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    int64_t before = entries();
    assert_at(previewed("turn-away", NULL), "said", "It would.");
    assert_string_equal(fake.target, "stripe-a");
    assert_int_equal(entries(), before);
    assert_int_equal(fake.runs, 0);
    assert_no(mark("key:key_x", "turn-away", "done", NULL), ERR_FORBIDDEN, "a person");
    assert_int_equal(fake.runs, 0);
    assert_item(mark("user:usr_a", "turn-away", "done", "it fails"), "turn-away", "done", "ann");
    assert_int_equal(fake.runs, 1);
    assert_int_equal(fake.verifies, 1);
    assert_logged("action", "gateway-down.turn-away run");
    assert_no(mark("user:usr_a", "turn-away", "skipped", "x"), ERR_STATE, "was run");
    assert_no(mark("user:usr_a", "turn-away", "open", NULL), ERR_VALIDATION, "reason");
    assert_int_equal(fake.undos, 0);
    fake.undo = VERDICT_NOT;
    assert_item(mark("user:usr_b", "turn-away", "open", "it is back"), "turn-away", "failed",
                "bob");
    assert_int_equal(fake.undos, 1);
    fake.undo = VERDICT_PASSED;
    assert_item(mark("user:usr_b", "turn-away", "open", "it is back"), "turn-away", "open", "bob");
    assert_logged("action", "undone");
    assert_false(fake.on);
}

static void a_measure_that_does_not_hold_is_failed_and_one_not_seen_is_looked_at_again(
    void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    fake.verify = VERDICT_NOT;
    assert_item(mark("user:usr_a", "fallback-on", "done", NULL), "fallback-on", "failed", "ann");
    fake.verify = VERDICT_UNKNOWN;
    assert_item(mark("user:usr_a", "turn-away", "done", NULL), "turn-away", "open", "ann");
    json_decref(refresh());
    assert_item(checklist(), "turn-away", "open", "ann");
    fake.verify = VERDICT_PASSED;
    assert_item(refresh(), "turn-away", "done", "ann");
    /* It was undone elsewhere: that is seen, and is no failure of what was done then. */
    fake.verify = VERDICT_NOT;
    json_t *json = refresh();
    assert_string_equal(text_of(item_of(json, "turn-away"), "verdict"), "not");
    assert_string_equal(text_of(item_of(json, "turn-away"), "state"), "done");
    json_decref(json);
    fake.fails = true;
    assert_no(mark("user:usr_a", "freeze", "done", NULL), ERR_STATE, "the last gateway");
    assert_item(checklist(), "freeze", "open", "");
    /* What is refused since it is on already, and is seen to hold, is done. */
    fake.verify = VERDICT_PASSED;
    assert_item(mark("user:usr_a", "freeze", "done", NULL), "freeze", "done", "ann");
    assert_logged("action", "It was looked at.");
}

static void a_measure_says_of_what_it_is_and_runs_once_for_one_request(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    assert_no(mark("user:usr_a", "switch", "done", NULL), ERR_VALIDATION, "which primary");
    assert_string_equal(W->err.place, "/target");
    assert_no(mark_by(person("user:usr_a"), "freeze", "done", NULL, "stripe-b"), ERR_VALIDATION,
              "can be chosen");
    assert_no(mark_by(person("user:usr_a"), "pause-topups", "done", NULL, "order"),
              ERR_VALIDATION, "can be chosen");
    assert_int_equal(fake.runs, 0);
    struct caller caller = world_caller("k-1", "h-1");
    caller.actor = "user:usr_a";
    done(mark_by(caller, "switch", "done", NULL, "stripe-b"));
    assert_string_equal(fake.target, "stripe-b");
    int64_t before = entries();
    done(mark_by(caller, "switch", "done", NULL, "stripe-b"));
    assert_int_equal(fake.runs, 1);
    assert_int_equal(entries(), before);
    json_t *json = checklist();
    const json_t *measure = json_object_get(item_of(json, "switch"), "measure");
    assert_string_equal(text_of(measure, "target"), "stripe-b");
    assert_string_equal(text_of(measure, "reference"), "ctm_1");
    json_decref(json);
}

/* The machine stops between the measure and its item: the same request writes it. */
static void what_was_run_before_a_crash_is_written_by_the_same_request(void **state) {
    (void)state;
    begin();
    done(follow("user:usr_a", "gateway-down"));
    struct caller caller = world_caller("k-2", "h-2");
    caller.actor = "user:usr_a";
    const char *from = "k-2:measure";
    char key[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(from, strlen(from), key);
    snprintf(fake.last_key, sizeof fake.last_key, "%s", key);
    fake.runs = 1; /* of the run that was cut short */
    assert_item(mark_by(caller, "turn-away", "done", NULL, NULL), "turn-away", "done", "ann");
    assert_int_equal(fake.runs, 1);
    assert_logged("action", "turn-away run");
}

static void without_measures_the_command_is_shown_and_a_person_says_that_it_was_done(
    void **state) {
    (void)state;
    begin_with(NULL);
    done(follow("user:usr_a", "gateway-down"));
    json_t *json = checklist();
    const json_t *item = item_of(json, "turn-away");
    assert_string_equal(text_of(item, "command"),
                        "holdfast gateway disable stripe-a --reason \"incident\"");
    assert_true(json_is_false(json_object_get(json_object_get(item, "measure"), "available")));
    json_decref(json);
    assert_at(previewed("turn-away", NULL), "verdict", "unknown");
    assert_no(mark("user:usr_a", "turn-away", "done", NULL), ERR_VALIDATION, "reason");
    assert_item(mark("user:usr_a", "turn-away", "done", "in the console"), "turn-away", "done",
                "ann");
    assert_logged("action", "done by hand");
    assert_no(previewed("way-there", NULL), ERR_STATE, "is no action");
}

/* ---- what comes next ---- */

struct asked {
    struct arena *arena;
    struct playbook_next next[PLAYBOOK_ITEMS_MAX];
    int max, count;
};

static int next_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asked *asked = ctx;
    asked->count = playbook_next(playbooks, tx, asked->arena, one, asked->max, asked->next, err);
    return asked->count < 0 ? asked->count : 0;
}

static void what_is_next(struct asked *asked) {
    struct err err = {0};
    if (store_read(W->engine.store, next_tx, asked, &err) < 0) {
        fail_msg("%s", err.detail);
    }
}

static void next_is_to_choose_and_then_the_first_that_are_open(void **state) {
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct asked asked = {.arena = arena, .max = 3};
    char command[120];
    begin();
    what_is_next(&asked);
    assert_int_equal(asked.count, 1);
    assert_string_equal(asked.next[0].command, "holdfast playbook list");
    const struct incident_correction cause = {.cause = CAUSE_SECURITY, .cause_why = "carding"};
    done(correct("user:usr_a", one, &cause));
    what_is_next(&asked);
    snprintf(command, sizeof command, "holdfast incident playbook %s ", one);
    assert_true(strncmp(asked.next[0].command, command, strlen(command)) == 0);
    done(follow("user:usr_a", "fraud-attack"));
    what_is_next(&asked);
    assert_int_equal(asked.count, 3);
    assert_string_equal(asked.next[0].item, "fraud-attack.acknowledged");
    assert_string_equal(asked.next[1].item, "fraud-attack.roles");
    assert_true(strlen(asked.next[1].text[NOTICE_ZH]) > 0);
    snprintf(command, sizeof command, "holdfast incident ack %s --reason \"I look at it\"", one);
    assert_string_equal(asked.next[0].command, command);
    done(move("user:usr_a", one, "acknowledge"));
    json_decref(refresh());
    what_is_next(&asked);
    assert_string_equal(asked.next[0].item, "fraud-attack.roles");
    asked.max = PLAYBOOK_ITEMS_MAX;
    what_is_next(&asked);
    assert_true(asked.count > 20);
    for (int i = 0; i < asked.count; i++) { /* what is optional is never next */
        assert_string_not_equal(asked.next[i].item, "fraud-attack.hide-method");
    }
    done(move("user:usr_a", one, "cancel"));
    what_is_next(&asked);
    assert_int_equal(asked.count, 0);
}

/* ---- in any order ---- */

static uint64_t seed = 20261123;

static unsigned roll(unsigned below) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((seed >> 33) % below);
}

/* What takes a person bears a name whenever it is not open; a query never bears one but when it was
 * left out; what is unknown is not done. */
static void assert_marks(void) {
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_item WHERE kind <> 1 AND state <> "
                                  "1 AND person = ''"),
                     0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_item WHERE kind = 1 AND state = 2 "
                                  "AND (verdict <> 1 OR person <> '')"),
                     0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_item WHERE kind = 1 AND state = "
                                  "4"),
                     0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_item WHERE kind = 2 AND state = 2 "
                                  "AND ran_us = 0"),
                     0);
}

static void random_acts_lose_no_entry_and_mark_nothing_that_takes_a_person(void **state) {
    (void)state;
    static const char *const actors[] = {"user:usr_a", "key:key_a", "user:usr_b",
                                         "key:key_x", "system"};
    static const char *const items[] = {"acknowledged", "roles",  "way-there",   "back",
                                        "turn-away",    "freeze", "vip-by-hand", "switch",
                                        "success",      "moon"};
    static const char *const states[] = {"done", "skipped", "failed", "open"};
    static const enum playbook_verdict verdicts[] = {VERDICT_PASSED, VERDICT_NOT, VERDICT_UNKNOWN};
    begin();
    done(follow("user:usr_a", "gateway-down"));
    done(role("user:usr_a", one, INCIDENT_ROLE_COMMANDER, false, "ann"));
    int taken = 0, refused = 0;
    for (int i = 0; i < 150; i++) {
        fake.run = verdicts[roll(3)];
        fake.verify = verdicts[roll(3)];
        fake.undo = verdicts[roll(3)];
        fake.fails = roll(5) == 0;
        int64_t before = entries();
        if (roll(12) == 0) {
            json_decref(refresh());
        } else {
            json_t *json = mark_by(person(actors[roll(5)]), items[roll(10)], states[roll(4)],
                                   roll(4) == 0 ? NULL : "as it is",
                                   roll(3) == 0 ? "stripe-b" : NULL);
            /* One act is one entry, a refusal none. */
            assert_int_equal(entries(), before + (json != NULL));
            taken += json != NULL;
            refused += json == NULL;
            json_decref(json);
        }
        assert_marks();
    }
    assert_whole(one);
    assert_true(taken >= 20 && refused >= 20);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_chooses_and_what_fits_is_proposed),
        cmocka_unit_test(what_two_playbooks_share_is_one_item),
        cmocka_unit_test(ticks_take_a_person_and_can_be_taken_back),
        cmocka_unit_test(approvals_are_of_who_has_the_role),
        cmocka_unit_test(what_is_required_is_left_out_by_the_commander),
        cmocka_unit_test(a_query_is_done_by_what_it_sees_and_by_nothing_else),
        cmocka_unit_test(what_passed_and_does_not_any_more_is_open_again),
        cmocka_unit_test(unknown_is_never_done),
        cmocka_unit_test(every_query_answers_in_both_languages),
        cmocka_unit_test(the_job_looks_at_what_is_live_and_writes_only_other_ends),
        cmocka_unit_test(a_measure_is_looked_at_run_seen_to_hold_and_undone),
        cmocka_unit_test(
            a_measure_that_does_not_hold_is_failed_and_one_not_seen_is_looked_at_again),
        cmocka_unit_test(a_measure_says_of_what_it_is_and_runs_once_for_one_request),
        cmocka_unit_test(what_was_run_before_a_crash_is_written_by_the_same_request),
        cmocka_unit_test(
            without_measures_the_command_is_shown_and_a_person_says_that_it_was_done),
        cmocka_unit_test(next_is_to_choose_and_then_the_first_that_are_open),
        cmocka_unit_test(random_acts_lose_no_entry_and_mark_nothing_that_takes_a_person),
    };
    int failed = payment_world_run("playbooks", tests, COUNT_OF(tests));
    playbooks_close(playbooks);
    playbook_set_close(set);
    close_incidents();
    return failed;
}
