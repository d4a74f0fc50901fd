/* SPDX-License-Identifier: Apache-2.0
 * test_incident_links.c: the parts of the incident floor together: an item of a playbook is run as
 * a measure, the brief has that measure and the next items, and the gate asks for it. On both
 * engines. */
#include "incident_fixture.h"

#include "incident/brief_links.h"
#include "incident/containment_actions.h"
#include "incident/incident_gate.h"
#include "incident/playbook_impl.h"

static struct containments *containments;
static struct playbook_set *set;
static struct playbooks *playbooks;
static struct playbook_actions actions;
static struct gate *gate;
static struct brief_sources sources;
static char one[ID_TEXT_MAX];

static void end(void) {
    playbooks_close(playbooks);
    playbook_set_close(set);
    containments_close(containments);
    gate_close(gate);
    playbooks = NULL;
    set = NULL;
    containments = NULL;
    gate = NULL;
}

static void begin(void) {
    struct err err = {0};
    payment_world_modes(W);
    open_incidents(NULL);
    engine_exec(&W->engine, "DELETE FROM incident_item");
    engine_exec(&W->engine, "DELETE FROM incident_playbook");
    engine_exec(&W->engine, "DELETE FROM incident_measure");
    engine_exec(&W->engine, "DELETE FROM deploy_freeze");
    end();
    const struct gate_options look = {.store = W->engine.store};
    const struct containments_options switches = {.store = W->engine.store,
                                                  .payments = W->payments,
                                                  .registry = W->registry,
                                                  .control = W->control,
                                                  .mode = W->mode};
    assert_int_equal(gate_open(&look, &gate, &err), 0);
    assert_int_equal(containments_open(&switches, &containments, &err), 0);
    assert_int_equal(playbook_set_open(NULL, &set, &err), 0);
    actions = containment_actions(containments);
    const struct playbooks_options options = {.incidents = incidents,
                                              .store = W->engine.store,
                                              .payments = W->payments,
                                              .set = set,
                                              .alerts = alerts,
                                              .registry = W->registry,
                                              .mode = W->mode,
                                              .actions = &actions,
                                              .gate = gate};
    assert_int_equal(playbooks_open(&options, &playbooks, &err), 0);
    sources = brief_sources_of(gate, containments, playbooks);
    opened(one);
    test_clock_advance(MINUTE_US);
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = take(playbook_attach(playbooks, &caller, one, "gateway-down", "it fits", &answer,
                                        &W->err),
                        &answer);
    assert_non_null(json);
    json_decref(json);
}

static json_t *act(const char *item, enum playbook_state state) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    const struct playbook_act what = {.item = item, .state = state, .reason = "as it says"};
    W->err = (struct err){0};
    return take(playbook_act(playbooks, &caller, one, &what, &answer, &W->err), &answer);
}

static int64_t off(void) {
    return world_int(W, "SELECT COUNT(*) FROM gateway_control WHERE gateway = 'stripe-a' AND state "
                        "<> 0");
}

static struct brief_measures measures_now(struct arena *arena) {
    struct brief_measures now = {0};
    struct err err = {0};
    if (sources.measures(sources.measures_ctx, one, arena, &now, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    return now;
}

static const char *state_of(const json_t *checklist, const char *item) {
    size_t i, j;
    const json_t *phase, *row;
    json_array_foreach(json_object_get(checklist, "phases"), i, phase) {
        json_array_foreach(json_object_get(phase, "items"), j, row) {
            if (strcmp(json_at(row, "id"), item) == 0) {
                return json_at(row, "state");
            }
        }
    }
    return "nowhere";
}

static void an_item_is_run_as_a_measure_and_taken_back(void **state) {
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    begin();
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    W->err = (struct err){0};
    json_t *json = take(playbook_preview(playbooks, &caller, one, "turn-away", "", &answer,
                                         &W->err),
                        &answer);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_string_equal(json_at(json, "verdict"), "passed");
    assert_non_null(strstr(json_at(json, "said"), "stripe-a"));
    json_decref(json);
    assert_int_equal(off(), 0);
    assert_int_equal(measures_now(arena).count, 0);

    json = act("turn-away", ITEM_STATE_DONE);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_string_equal(state_of(json, "gateway-down.turn-away"), "done");
    json_decref(json);
    assert_int_equal(off(), 1);
    struct brief_measures now = measures_now(arena);
    assert_int_equal(now.count, 1);
    assert_string_equal(now.rows[0].kind, "gateway_off");
    assert_string_equal(now.rows[0].name, "stripe-a");
    assert_string_equal(now.rows[0].by, "ann");
    assert_true(now.rows[0].on_us > 0 && now.rows[0].off_us == 0);
    assert_non_null(strstr(now.rows[0].undo, "holdfast incident undo inc_"));

    test_clock_advance(MINUTE_US);
    json = act("turn-away", ITEM_STATE_OPEN);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    assert_string_equal(state_of(json, "gateway-down.turn-away"), "open");
    json_decref(json);
    assert_int_equal(off(), 0);
    now = measures_now(arena);
    assert_true(now.count == 1 && now.rows[0].off_us > now.rows[0].on_us);
    assert_whole(one);
}

static void what_is_on_is_asked_for_by_the_gate(void **state) {
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gate_verdict verdict;
    struct err err = {0};
    begin();
    json_decref(act("turn-away", ITEM_STATE_DONE));
    assert_int_equal(off(), 1);
    assert_int_equal(incident_gate_look(gate, NULL, one, arena, &verdict, &err), 0);
    assert_false(verdict.lines[GATE_MEASURES].passed);
    assert_non_null(strstr(verdict.lines[GATE_MEASURES].command, "holdfast incident undo inc_"));
    json_decref(act("turn-away", ITEM_STATE_OPEN));
    assert_int_equal(incident_gate_look(gate, NULL, one, arena, &verdict, &err), 0);
    assert_true(verdict.lines[GATE_MEASURES].passed);
}

/* Every action of each playbook that ships is a measure, or it is said what else does it. */
static void each_measure_of_a_playbook_is_one(void **state) {
    (void)state;
    int actions_seen = 0;
    begin();
    for (int i = 0; i < playbook_set_count(set); i++) {
        const struct playbook *playbook = playbook_set_at(set, i);
        for (int j = 0; j < playbook->item_count; j++) {
            const struct playbook_item *item = &playbook->items[j];
            if (item->kind != ITEM_ACTION) {
                continue;
            }
            actions_seen++;
            ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
            struct caller caller = person("user:usr_a");
            struct playbook_told told = {0};
            struct err err = {0};
            bool gateway = strcmp(item->subject, "gateway") == 0 ||
                           strcmp(item->subject, "primary") == 0;
            const struct playbook_measure measure = {
                .incident_id = one,
                .kind = item->subject,
                .target = gateway                                  ? "stripe-b"
                          : strcmp(item->subject, "method") == 0   ? "card"
                          : strcmp(item->subject, "purpose") == 0 ? "subscription"
                                                                   : "",
                .value = strcmp(item->subject, "mode") == 0 ? "deferred" : "",
                .reason = "a test",
                .reference = "",
            };
            int r = actions.preview(actions.ctx, &caller, &measure, arena, &told, &err);
            if (r < 0) {
                fail_msg("%s: %s", item->subject, err.detail);
            }
            assert_true(told.said[NOTICE_EN][0] != '\0' && told.said[NOTICE_ZH][0] != '\0');
        }
    }
    assert_true(actions_seen >= 10);
}

static void the_next_items_are_the_brief_s(void **state) {
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct brief_items next = {0};
    struct err err = {0};
    begin();
    assert_int_equal(sources.items(sources.items_ctx, one, arena, &next, &err), 0);
    assert_int_equal(next.count, BRIEF_ITEMS_MAX);
    assert_int_equal(next.more, 1);
    for (int i = 0; i < next.count; i++) {
        assert_true(next.rows[i].what[NOTICE_EN][0] != '\0');
        assert_true(next.rows[i].what[NOTICE_ZH][0] != '\0');
        assert_non_null(next.rows[i].command);
    }
    const struct brief_sources none = brief_sources_of(NULL, NULL, NULL);
    assert_true(none.measures == NULL && none.items == NULL && none.gate == NULL);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_run_as_a_measure_and_taken_back),
        cmocka_unit_test(what_is_on_is_asked_for_by_the_gate),
        cmocka_unit_test(each_measure_of_a_playbook_is_one),
        cmocka_unit_test(the_next_items_are_the_brief_s),
    };
    int failed = payment_world_run("incident_links", tests, COUNT_OF(tests));
    end();
    close_incidents();
    return failed;
}
