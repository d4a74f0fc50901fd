/* SPDX-License-Identifier: Apache-2.0
 * test_containment.c: what is switched from an incident (INC-5): each kind is previewed, taken,
 * verified and given back; nobody's later word is undone by accident; nothing is left on without a
 * name; deploys are frozen and thawed. */
#include "incident_fixture.h"

#include <stdatomic.h>

#include "base/task.h"
#include "incident/containment_impl.h"

static struct containments *containments;
static char one[ID_TEXT_MAX], measure[ID_TEXT_MAX];

static void begin(void) {
    struct err err = {0};
    payment_world_modes(W);
    open_incidents(NULL);
    engine_exec(&W->engine, "DELETE FROM incident_measure");
    engine_exec(&W->engine, "DELETE FROM deploy_freeze");
    containments_close(containments);
    const struct containments_options options = {.store = W->engine.store,
                                                 .payments = W->payments,
                                                 .registry = W->registry,
                                                 .control = W->control,
                                                 .mode = W->mode};
    assert_int_equal(containments_open(&options, &containments, &err), 0);
    opened(one);
    test_clock_advance(MINUTE_US);
}

static json_t *take_with(const char *actor, const char *id,
                         const struct containment_request *request) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(containment_take(containments, &caller, id, request, &answer, &W->err), &answer);
}

/* By ann, for `one`; its id into `measure` when it was done. */
static json_t *contain(const char *kind, const char *name) {
    const struct containment_request request = {
        .kind = kind, .name = name, .reason = "so that it does not grow"};
    json_t *json = take_with("user:usr_a", one, &request);
    if (json != NULL) {
        snprintf(measure, sizeof measure, "%s", json_at(json, "id"));
    }
    return json;
}

static void contained(const char *kind, const char *name) {
    json_t *json = contain(kind, name);
    if (json == NULL) {
        fail_msg("%s %s: %s", kind, name, W->err.detail);
    }
    assert_int_equal(W->status, 201);
    json_decref(json);
}

static json_t *preview(const char *kind, const char *name) {
    struct caller caller = person("user:usr_a");
    struct answer answer = {0};
    const struct containment_request request = {
        .kind = kind, .name = name, .reason = "so that it does not grow"};
    W->err = (struct err){0};
    return take(containment_preview(containments, &caller, one, &request, &answer, &W->err),
                &answer);
}

static json_t *verify(const char *id) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(containment_verify(containments, one, id, &answer, &W->err), &answer);
}

static json_t *undo(const char *actor, const char *id, bool force) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(containment_undo(containments, &caller, one, id, "it is well again", force, &answer,
                                 &W->err),
                &answer);
}

static json_t *hand_over(const char *actor, const char *id, const char *to) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(containment_hand_over(containments, &caller, one, id, to, "it stays", &answer,
                                      &W->err),
                &answer);
}

static void assert_verified(const char *id, bool on, bool as_taken) {
    json_t *json = verify(id);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    const json_t *said = json_object_get(json, "verification");
    assert_int_equal(json_is_true(json_object_get(said, "on")), on);
    assert_int_equal(json_is_true(json_object_get(said, "as_taken")), as_taken);
    json_decref(json);
}

static int64_t measures(void) {
    return world_int(W, "SELECT COUNT(*) FROM incident_measure");
}

/* ---- by others, as the commands of the switches do it ---- */

static void by_hand(const char *gateway, enum gateway_switch state) {
    struct gateway_control_change change;
    struct err err = {0};
    test_clock_advance(US_PER_SECOND);
    assert_int_equal(gateway_control_set(W->control, gateway, state, true, "user:usr_b", "on call",
                                         &change, &err),
                     0);
    assert_int_equal(gateway_control_apply(&change, &err), 0);
}

/* ---- each kind ---- */

static const struct {
    enum containment_kind kind;
    const char *name, *sql, *before, *after;
} cases[] = {
    {CONTAINMENT_DEPLOY_FREEZE, "",
     "SELECT CAST(COALESCE(SUM(frozen), 0) AS text) FROM deploy_freeze", "0", "1"},
    {CONTAINMENT_GATEWAY_OFF, "stripe-a",
     "SELECT CAST(COALESCE(SUM(state), 0) AS text) FROM gateway_control WHERE gateway = 'stripe-a'",
     "0", "2"},
    {CONTAINMENT_GATEWAY_DRAIN, "stripe-a",
     "SELECT CAST(COALESCE(SUM(state), 0) AS text) FROM gateway_control WHERE gateway = 'stripe-a'",
     "0", "1"},
    {CONTAINMENT_PRIMARY, "stripe-b",
     "SELECT COALESCE(MAX(value), '') FROM gateway_control WHERE gateway = '*primary'", "",
     "stripe-b"},
    {CONTAINMENT_FALLBACK, "",
     "SELECT COALESCE(MAX(value), 'off') FROM gateway_control WHERE gateway = '*fallback'", "off",
     "on"},
    {CONTAINMENT_METHOD_OFF, "card",
     "SELECT CAST(COALESCE(SUM(off), 0) AS text) FROM mode_switch WHERE kind = 'method' AND name = "
     "'card'",
     "0", "1"},
    {CONTAINMENT_PURPOSE_OFF, "topup",
     "SELECT CAST(COALESCE(SUM(off), 0) AS text) FROM mode_switch WHERE kind = 'purpose' AND name "
     "= 'topup'",
     "0", "1"},
    {CONTAINMENT_MODE, "deferred",
     "SELECT CAST(COALESCE(SUM(hand * 10 + hand_step), 0) AS text) FROM mode_state", "0", "13"},
    {CONTAINMENT_SIMPLIFIED, "",
     "SELECT CAST(COALESCE(SUM(simplified), 0) AS text) FROM mode_state", "0", "1"},
};

enum {
    KINDS = 0
#define X(NAME, number, name, thing, names, value, ends, does_en, does_zh) +1
#include "incident/containment_kinds.def"
#undef X
};
static_assert(COUNT_OF(cases) == KINDS, "every kind has a case");

static void assert_now(size_t i, const char *expected) {
    char *text = engine_text(&W->engine, cases[i].sql);
    if (strcmp(text, expected) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", containment_kind_name(cases[i].kind), text, expected);
    }
    free(text);
}

static void each_kind_is_previewed_taken_verified_and_given_back(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *kind = containment_kind_name(cases[i].kind);
        json_t *json = preview(kind, cases[i].name);
        if (json == NULL) {
            fail_msg("%s: %s", kind, W->err.detail);
        }
        if (!json_is_null(json_object_get(json, "refused"))) {
            fail_msg("%s: %s", kind, json_at(json, "refused.detail"));
        }
        json_decref(json);
        assert_now(i, cases[i].before);
        contained(kind, cases[i].name);
        assert_now(i, cases[i].after);
        assert_verified(measure, true, true);
        test_clock_advance(US_PER_SECOND);
        json = undo("user:usr_b", measure, false);
        if (json == NULL) {
            fail_msg("%s: %s", kind, W->err.detail);
        }
        assert_at(json, "state", "undone");
        assert_now(i, cases[i].before);
        assert_verified(measure, false, false);
    }
    assert_int_equal(measures(), KINDS);
    /* Opened, and two entries each; as many on the audit log. */
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log"), 1 + 2 * KINDS);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'incident.contain'"), KINDS);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE action = 'incident.undo'"), KINDS);
    assert_whole(one);
}

static void what_is_switched_is_in_force_at_once(void **state) {
    (void)state;
    begin();
    struct gateway_control_view view;
    struct mode_view ladder;
    contained("gateway_off", "stripe-a");
    gateway_control_view(W->control, &view);
    assert_int_equal(view.state[0], GATEWAY_DISABLED);
    contained("mode", "deferred");
    mode_view(W->mode, &ladder);
    assert_int_equal(ladder.step, MODE_DEFERRED);
    json_decref(undo("user:usr_a", measure, false));
    mode_view(W->mode, &ladder);
    assert_int_equal(ladder.step, MODE_NORMAL);
}

static void a_preview_counts_whom_it_concerns_and_changes_nothing(void **state) {
    (void)state;
    begin();
    free(world_paid(W, "order-1", 1000));
    free(world_authorized(W, "order-2", 1000));
    json_t *json = preview("gateway_off", "stripe-a");
    assert_string_equal(json_at(json, "before.value"), "enabled");
    assert_string_equal(json_at(json, "after"), "disabled");
    assert_int_equal(int_at(json, "concerned.payments_last_hour"), 2);
    assert_int_equal(int_at(json, "concerned.unfinished"), 0);
    assert_non_null(strstr(json_at(json, "does"), "stripe-a"));
    assert_non_null(strstr(json_at(json, "does_zh"), "stripe-a"));
    json_decref(json);
    by_hand("stripe-b", GATEWAY_DISABLED);
    by_hand("stripe-c", GATEWAY_DRAINING);
    json = preview("gateway_off", "stripe-a");
    assert_non_null(strstr(json_at(json, "refused.detail"), "the last gateway"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "concerned"),
                                                     "without_a_way")),
                     json_array_size(json_object_get(json_object_get(json, "concerned"),
                                                     "methods")));
    json_decref(json);
    json = preview("gateway_off", "stripe-b");
    assert_non_null(strstr(json_at(json, "refused.detail"), "by bob since"));
    json_decref(json);
    assert_no(preview("gateway_off", "nobody"), ERR_VALIDATION, "no gateway");
    assert_int_equal(measures(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident_log"), 1);
}

static void what_is_asked_wrongly_changes_nothing(void **state) {
    (void)state;
    begin();
    static const struct {
        const char *kind, *name, *place;
    } wrong[] = {
        {"", "", "/kind"},           {"gateway", "stripe-a", "/kind"}, {"gateway_off", "", "/name"},
        {"gateway_off", "x", "/name"}, {"fallback", "x", "/name"},     {"method_off", "x", "/name"},
        {"purpose_off", "probe", "/name"}, {"mode", "normal", "/name"}, {"mode", "up", "/name"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_no(contain(wrong[i].kind, wrong[i].name), ERR_VALIDATION, "");
        assert_string_equal(W->err.place, wrong[i].place);
    }
    const int64_t soon_us = clock_wall_us() + MINUTE_US;
    const struct containment_request requests[] = {
        {.kind = "fallback", .reason = ""},
        {.kind = "fallback", .reason = "r", .until_us = soon_us},
        {.kind = "purpose_off", .name = "subscription", .reason = "r", .until_us = soon_us},
        {.kind = "method_off", .name = "card", .reason = "r", .until_us = clock_wall_us()},
    };
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        assert_no(take_with("user:usr_a", one, &requests[i]), ERR_VALIDATION, "");
    }
    const struct containment_request good = {.kind = "fallback", .reason = "r"};
    assert_no(take_with("user:usr_a", "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF", &good), ERR_NOT_FOUND,
              "no incident");
    assert_no(undo("user:usr_a", "ctm_01JD5R6Q6Y0V3M8X2K4N7T9BCF", false), ERR_NOT_FOUND,
              "no measure");
    assert_int_equal(measures(), 0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM gateway_control"), 0);
}

static void a_repeat_with_its_key_takes_it_once(void **state) {
    (void)state;
    begin();
    const struct containment_request request = {.kind = "fallback", .reason = "r"};
    struct caller caller = world_caller("key-1", "hash");
    caller.actor = "user:usr_a";
    for (int i = 0; i < 2; i++) {
        struct answer answer = {0};
        W->err = (struct err){0};
        json_t *json = take(
            containment_take(containments, &caller, one, &request, &answer, &W->err), &answer);
        assert_int_equal(W->replayed, i == 1);
        assert_at(json, "state", "taken");
    }
    assert_int_equal(measures(), 1);
}

/* ---- others, too ---- */

static void what_somebody_has_changed_since_is_not_undone_by_accident(void **state) {
    (void)state;
    begin();
    contained("gateway_off", "stripe-a");
    by_hand("stripe-a", GATEWAY_DRAINING);
    assert_verified(measure, true, false);
    assert_no(undo("user:usr_a", measure, false), ERR_STATE, "bob has changed it since");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = 'stripe-a'", "draining");
    assert_at(undo("user:usr_a", measure, true), "state", "undone");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = 'stripe-a'", "enabled");
    /* Also when it looks the same. */
    contained("gateway_off", "stripe-a");
    by_hand("stripe-a", GATEWAY_DISABLED);
    assert_no(undo("user:usr_a", measure, false), ERR_STATE, "bob has changed it since");
    assert_whole(one);
}

static void what_came_back_by_another_hand_is_closed_without_a_switch(void **state) {
    (void)state;
    begin();
    contained("gateway_off", "stripe-a");
    by_hand("stripe-a", GATEWAY_ENABLED);
    assert_verified(measure, false, false);
    json_decref(undo("user:usr_a", measure, false));
    assert_int_equal(W->err.code, 0);
    assert_text(W, "SELECT actor FROM gateway_control WHERE gateway = 'stripe-a'", "user:usr_b");
    assert_no(undo("user:usr_b", measure, false), ERR_STATE, "undone already, by ann");
}

static void measures_of_one_thing_are_undone_from_the_top(void **state) {
    (void)state;
    begin();
    char below[ID_TEXT_MAX];
    contained("gateway_drain", "stripe-a");
    snprintf(below, sizeof below, "%s", measure);
    test_clock_advance(US_PER_SECOND);
    contained("gateway_off", "stripe-a");
    test_clock_advance(US_PER_SECOND);
    assert_no(undo("user:usr_b", below, false), ERR_STATE, "ann has changed it since");
    assert_at(undo("user:usr_b", measure, false), "state", "undone");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = 'stripe-a'", "draining");
    assert_verified(below, true, true);
    test_clock_advance(US_PER_SECOND);
    assert_at(undo("user:usr_c", below, false), "state", "undone");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = 'stripe-a'", "enabled");
}

enum { PEOPLE = 4 };
static atomic_int won, told;

static void try_to_take(void *arg) {
    struct caller caller = person((const char *)arg);
    struct answer answer = {0};
    struct err err = {0};
    const struct containment_request request = {
        .kind = "gateway_off", .name = "stripe-a", .reason = "at once"};
    int r = containment_take(containments, &caller, one, &request, &answer, &err);
    atomic_fetch_add(&won, r >= 0);
    atomic_fetch_add(&told, r < 0 && err.code == ERR_STATE && strstr(err.detail, "by ") != NULL &&
                                strstr(err.hint, "holdfast incident undo") != NULL);
    answer_release(&answer);
}

static void of_many_who_take_it_at_once_one_has_and_the_others_are_told_who(void **state) {
    (void)state;
    begin();
    static char people_[PEOPLE][12] = {"user:usr_a", "user:usr_b", "user:usr_c", "user:usr_e"};
    struct task *tasks[PEOPLE];
    atomic_store(&won, 0);
    atomic_store(&told, 0);
    for (int i = 0; i < PEOPLE; i++) {
        tasks[i] = task_start("person", 1024 * 1024, try_to_take, people_[i]);
    }
    for (int i = 0; i < PEOPLE; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(atomic_load(&won), 1);
    assert_int_equal(atomic_load(&told), PEOPLE - 1);
    assert_int_equal(measures(), 1);
    assert_whole(one);
}

static void try_to_cancel(void *arg) {
    struct caller caller = person((const char *)arg);
    struct answer answer = {0};
    struct err err = {0};
    const struct incident_move cancel = {"cancel", 0, "it was none"};
    (void)!incident_act(incidents, &caller, one, &cancel, &answer, &err);
    answer_release(&answer);
}

static void no_measure_is_taken_of_what_is_cancelled_at_that_moment(void **state) {
    (void)state;
    static char ann[] = "user:usr_a", bob[] = "user:usr_b";
    begin();
    for (int round = 0; round < 8; round++) {
        opened(one);
        struct task *taker = task_start("taker", 1024 * 1024, try_to_take, ann);
        struct task *canceller = task_start("canceller", 1024 * 1024, try_to_cancel, bob);
        task_join(taker);
        task_join(canceller);
        json_t *json = get(one);
        bool cancelled = strcmp(json_at(json, "state"), "cancelled") == 0;
        json_decref(json);
        char *id = engine_text(&W->engine, "SELECT COALESCE(MAX(id), '') FROM incident_measure "
                                           "WHERE state = 1");
        assert_int_equal(cancelled, id[0] == '\0');
        if (!cancelled) {
            assert_at(undo("user:usr_a", id, false), "state", "undone");
        }
        free(id);
        assert_whole(one);
    }
}

static void what_was_switched_by_other_means_is_adopted(void **state) {
    (void)state;
    begin();
    struct containment_request request = {
        .kind = "gateway_off", .name = "stripe-a", .reason = "r", .adopt = true};
    assert_no(take_with("user:usr_a", one, &request), ERR_STATE, "it does not stand so");
    by_hand("stripe-a", GATEWAY_DISABLED);
    assert_no(contain("gateway_off", "stripe-a"), ERR_STATE, "by bob since");
    assert_non_null(strstr(W->err.hint, "--adopt"));
    json_t *json = take_with("user:usr_a", one, &request);
    snprintf(measure, sizeof measure, "%s", json_at(json, "id"));
    assert_at(json, "before.value", "enabled");
    assert_text(W, "SELECT actor FROM gateway_control WHERE gateway = 'stripe-a'", "user:usr_b");
    assert_no(take_with("user:usr_a", one, &request), ERR_STATE, "stands so already");
    assert_verified(measure, true, true);
    assert_at(undo("user:usr_a", measure, false), "state", "undone");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = 'stripe-a'", "enabled");
}

/* ---- what ends, and what hangs on it ---- */

static void one_that_ends_by_itself_is_not_on_any_more(void **state) {
    (void)state;
    begin();
    static const char *const kinds[][2] = {
        {"gateway_off", "stripe-a"}, {"method_off", "card"}, {"deploy_freeze", ""}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct containment_request request = {.kind = kinds[i][0],
                                                    .name = kinds[i][1],
                                                    .reason = "r",
                                                    .until_us = clock_wall_us() + MINUTE_US};
        json_t *json = take_with("user:usr_a", one, &request);
        if (json == NULL) {
            fail_msg("%s", W->err.detail);
        }
        snprintf(measure, sizeof measure, "%s", json_at(json, "id"));
        json_decref(json);
        assert_verified(measure, true, true);
        test_clock_advance(MINUTE_US);
        assert_true(mode_tick(W->mode, &W->err) >= 0);
        assert_verified(measure, false, false);
        assert_at(undo("user:usr_a", measure, false), "state", "undone");
    }
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
}

static int paused_tx(struct store_tx *tx, void *ctx, struct err *err) {
    return billing_paused(tx, ctx, err);
}

static bool paused(void) {
    bool is = false;
    struct err err = {0};
    assert_int_equal(store_read(W->engine.store, paused_tx, &is, &err), 0);
    return is;
}

static int pause_tx(struct store_tx *tx, void *ctx, struct err *err) {
    bool changed = false;
    return billing_pause_put(tx, *(bool *)ctx, "user:usr_b", "the month's end", &changed, err);
}

static void renewals_go_with_subscriptions_and_what_was_paused_stays_so(void **state) {
    (void)state;
    begin();
    contained("purpose_off", "subscription");
    assert_true(paused());
    json_decref(undo("user:usr_a", measure, false));
    assert_false(paused());
    bool pause = true;
    struct err err = {0};
    assert_int_equal(store_write(W->engine.store, pause_tx, &pause, &err), 0);
    contained("purpose_off", "subscription");
    json_decref(undo("user:usr_a", measure, false));
    assert_true(paused());
}

static void what_was_closed_for_writing_is_opened_by_its_undoing(void **state) {
    (void)state;
    begin();
    contained("mode", "read_only");
    assert_no(contain("mode", "deferred"), ERR_STATE, "closed it for writing");
    assert_at(undo("user:usr_a", measure, false), "state", "undone");
    assert_int_equal(world_int(W, "SELECT hand FROM mode_state"), 0);
}

/* ---- nothing is left on without a name ---- */

static void an_incident_does_not_end_while_a_measure_is_on_and_nobody_has_it(void **state) {
    (void)state;
    begin();
    contained("fallback", "");
    assert_no(move("user:usr_a", one, "cancel"), ERR_STATE, "fallback is still on");
    assert_non_null(strstr(W->err.hint, "holdfast incident undo inc_"));
    assert_non_null(strstr(W->err.hint, measure));
    assert_no(hand_over("user:usr_a", measure, "nobody"), ERR_VALIDATION, "nobody of that name");
    assert_string_equal(W->err.place, "/to");
    assert_no(hand_over("user:usr_a", measure, "vic"), ERR_VALIDATION, "nobody of that name");
    assert_no(hand_over("key:key_x", measure, "me"), ERR_FORBIDDEN, "a person with a name");
    assert_at(hand_over("user:usr_a", measure, "bob"), "handed_over.to", "bob");
    assert_no(hand_over("user:usr_a", measure, "usr_b"), ERR_STATE, "bob has it already");
    assert_at(hand_over("user:usr_a", measure, "cat"), "handed_over.to", "cat");
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
    assert_no(contain("gateway_off", "stripe-a"), ERR_STATE, "is cancelled");
    /* And it is given back later all the same. */
    assert_at(undo("user:usr_c", measure, false), "handed_over.to", "cat");
    assert_text(W, "SELECT value FROM gateway_control WHERE gateway = '*fallback'", "off");
    assert_no(hand_over("user:usr_a", measure, "bob"), ERR_STATE, "undone already");
    assert_whole(one);
}

static void what_is_not_on_is_not_handed_over(void **state) {
    (void)state;
    begin();
    contained("gateway_off", "stripe-a");
    by_hand("stripe-a", GATEWAY_ENABLED);
    assert_no(hand_over("user:usr_a", measure, "bob"), ERR_STATE, "not on any more");
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
}

struct gated {
    struct gate *gate;
    bool passed;
    char why[400], command[200];
};

static int gated_tx(struct store_tx *tx, void *ctx, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct gated *gated = ctx;
    struct gate_measure list[GATE_MEASURES_MAX];
    struct gate_verdict verdict;
    struct incident_facts facts;
    int count = 0;
    int r = incident_facts(tx, one, &facts, err);
    r = r < 0 ? r : measures_of(tx, one, arena, list, &count, err);
    const struct gate_subject subject = {.incident_id = one,
                                         .scope = facts.scope,
                                         .measures = list,
                                         .measure_count = count};
    r = r < 0 ? r : gate_look_in(gated->gate, tx, &subject, arena, &verdict, err);
    if (r >= 0) {
        const struct gate_line *line = &verdict.lines[GATE_MEASURES];
        gated->passed = line->passed;
        snprintf(gated->why, sizeof gated->why, "%s", line->why[NOTICE_EN]);
        snprintf(gated->command, sizeof gated->command, "%s", line->command);
    }
    return r;
}

static struct gated at_the_gate(void) {
    struct gated gated = {0};
    struct err err = {0};
    const struct gate_options options = {.store = W->engine.store};
    assert_int_equal(gate_open(&options, &gated.gate, &err), 0);
    if (store_write(W->engine.store, gated_tx, &gated, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    gate_close(gated.gate);
    return gated;
}

static void the_gate_asks_for_each_measure(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *kind = containment_kind_name(cases[i].kind);
        assert_true(at_the_gate().passed);
        contained(kind, cases[i].name);
        struct gated gated = at_the_gate();
        if (gated.passed || strstr(gated.command, "holdfast incident undo") == NULL) {
            fail_msg("%s: %s (%s)", kind, gated.why, gated.command);
        }
        assert_at(hand_over("user:usr_a", measure, "bob"), "state", "handed_over");
        if (!at_the_gate().passed) {
            fail_msg("%s: handed over, and still refused", kind);
        }
        assert_at(undo("user:usr_a", measure, false), "state", "undone");
    }
}

static int left_tx(struct store_tx *tx, void *ctx, struct err *err) {
    (void)ctx;
    return containment_none_left(tx, one, err);
}

static void of_measures_of_one_thing_the_one_that_is_in_force_counts(void **state) {
    (void)state;
    begin();
    contained("gateway_off", "stripe-a");
    by_hand("stripe-a", GATEWAY_ENABLED); /* and nobody has closed the measure */
    assert_true(at_the_gate().passed);
    test_clock_advance(US_PER_SECOND);
    contained("gateway_drain", "stripe-a");
    assert_false(at_the_gate().passed);
    assert_no(move("user:usr_a", one, "cancel"), ERR_STATE, "is still on");
    assert_at(hand_over("user:usr_a", measure, "bob"), "state", "handed_over");
    assert_true(at_the_gate().passed);
    assert_int_equal(store_read(W->engine.store, left_tx, NULL, &W->err), 0);
    by_hand("stripe-a", GATEWAY_DISABLED); /* that is not what he has */
    assert_no(move("user:usr_a", one, "cancel"), ERR_STATE, "gateway_off stripe-a is still on");
    by_hand("stripe-a", GATEWAY_ENABLED);
    assert_state(move("user:usr_a", one, "cancel"), "cancelled");
}

/* ---- deploys ---- */

static json_t *gate_now(void) {
    struct answer answer = {0};
    W->err = (struct err){0};
    return take(deploy_gate_look(containments, &answer, &W->err), &answer);
}

static void assert_open(bool open, size_t freezes) {
    json_t *json = gate_now();
    assert_int_equal(json_is_true(json_object_get(json, "open")), open);
    assert_int_equal(json_array_size(json_object_get(json, "freezes")), freezes);
    json_decref(json);
}

static json_t *freeze(const char *actor, bool frozen, int64_t until_us) {
    struct caller caller = person(actor);
    struct answer answer = {0};
    const struct deploy_freezing freezing = {frozen, until_us, "the sale of the year"};
    W->err = (struct err){0};
    return take(deploy_gate_set(containments, &caller, &freezing, &answer, &W->err), &answer);
}

static void deploys_are_frozen_by_hand_and_by_incidents_each_for_itself(void **state) {
    (void)state;
    begin();
    assert_open(true, 0);
    assert_no(freeze("user:usr_a", false, 0), ERR_STATE, "are not frozen");
    json_decref(freeze("user:usr_a", true, 0));
    assert_open(false, 1);
    assert_no(freeze("user:usr_b", true, 0), ERR_STATE, "frozen already, by ann since");
    test_clock_advance(US_PER_SECOND);
    contained("deploy_freeze", "");
    assert_open(false, 2);
    assert_no(contain("deploy_freeze", ""), ERR_STATE, "by ann since");
    json_t *json = gate_now();
    const json_t *first = json_array_get(json_object_get(json, "freezes"), 0);
    const json_t *second = json_array_get(json_object_get(json, "freezes"), 1);
    assert_string_equal(json_at(first, "by"), "ann");
    assert_string_equal(json_at(first, "undo"), "holdfast deploy thaw");
    assert_string_equal(json_at(second, "incident.id"), one);
    assert_string_equal(json_at(second, "measure_id"), measure);
    json_decref(json);
    json_decref(freeze("user:usr_b", false, 0));
    assert_open(false, 1);
    assert_no(freeze("user:usr_b", false, 0), ERR_STATE, "frozen by incident inc_");
    assert_at(undo("user:usr_b", measure, false), "state", "undone");
    assert_open(true, 0);
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM audit_entry WHERE subject = 'deploys'"), 2);
}

static void a_freeze_ends_at_its_time_and_not_before(void **state) {
    (void)state;
    begin();
    assert_no(freeze("user:usr_a", true, clock_wall_us()), ERR_VALIDATION, "a time to come");
    json_decref(freeze("user:usr_a", true, clock_wall_us() + MINUTE_US));
    test_clock_advance(MINUTE_US - 20 * US_PER_SECOND);
    assert_open(false, 1);
    test_clock_advance(20 * US_PER_SECOND);
    assert_open(true, 0);
    json_decref(freeze("user:usr_b", true, 0));
    assert_open(false, 1);
}

static void all_are_listed_the_oldest_first(void **state) {
    (void)state;
    begin();
    struct answer answer = {0};
    contained("fallback", "");
    test_clock_advance(US_PER_SECOND);
    contained("gateway_off", "stripe-b");
    W->err = (struct err){0};
    json_t *json = take(containment_list(containments, one, &answer, &W->err), &answer);
    const json_t *data = json_object_get(json, "data");
    assert_int_equal(json_array_size(data), 2);
    assert_string_equal(json_at(json_array_get(data, 0), "kind"), "fallback");
    assert_string_equal(json_at(json_array_get(data, 1), "name"), "stripe-b");
    assert_string_equal(json_at(json_array_get(data, 1), "taken.by"), "ann");
    json_decref(json);
    assert_no(take(containment_list(containments, "inc_01JD5R6Q6Y0V3M8X2K4N7T9BCF", &answer,
                                    &W->err),
                   &answer),
              ERR_NOT_FOUND, "no incident");
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_previewed_taken_verified_and_given_back),
        cmocka_unit_test(what_is_switched_is_in_force_at_once),
        cmocka_unit_test(a_preview_counts_whom_it_concerns_and_changes_nothing),
        cmocka_unit_test(what_is_asked_wrongly_changes_nothing),
        cmocka_unit_test(a_repeat_with_its_key_takes_it_once),
        cmocka_unit_test(what_somebody_has_changed_since_is_not_undone_by_accident),
        cmocka_unit_test(what_came_back_by_another_hand_is_closed_without_a_switch),
        cmocka_unit_test(measures_of_one_thing_are_undone_from_the_top),
        cmocka_unit_test(of_many_who_take_it_at_once_one_has_and_the_others_are_told_who),
        cmocka_unit_test(no_measure_is_taken_of_what_is_cancelled_at_that_moment),
        cmocka_unit_test(what_was_switched_by_other_means_is_adopted),
        cmocka_unit_test(one_that_ends_by_itself_is_not_on_any_more),
        cmocka_unit_test(renewals_go_with_subscriptions_and_what_was_paused_stays_so),
        cmocka_unit_test(what_was_closed_for_writing_is_opened_by_its_undoing),
        cmocka_unit_test(an_incident_does_not_end_while_a_measure_is_on_and_nobody_has_it),
        cmocka_unit_test(what_is_not_on_is_not_handed_over),
        cmocka_unit_test(the_gate_asks_for_each_measure),
        cmocka_unit_test(of_measures_of_one_thing_the_one_that_is_in_force_counts),
        cmocka_unit_test(deploys_are_frozen_by_hand_and_by_incidents_each_for_itself),
        cmocka_unit_test(a_freeze_ends_at_its_time_and_not_before),
        cmocka_unit_test(all_are_listed_the_oldest_first),
    };
    int failed = payment_world_run("containment", tests, COUNT_OF(tests));
    containments_close(containments);
    close_incidents();
    return failed;
}
