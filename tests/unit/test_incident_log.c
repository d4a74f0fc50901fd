/* SPDX-License-Identifier: Apache-2.0
 * test_incident_log.c: the log stands (I8): any byte of it that is changed by hand is found, an
 * entry that is missing, put in or cut off as well, and an incident that was altered beside it. And
 * whatever is asked of incidents in whatever order: none is resolved without the gate, no milestone
 * is out of order, no entry is lost. */
#include "incident_fixture.h"

static char one[ID_TEXT_MAX];

static json_t *entry_at(json_t *log, size_t i) {
    return json_array_get(json_object_get(log, "data"), i);
}

static void the_log_tells_who_what_as_what_and_when(void **state) {
    (void)state;
    open_incidents(NULL);
    mitigated(opened(one));
    json_decref(note("user:usr_a", one, LOGGED_DECISION, "Turn away from it.\nAll of it."));
    json_decref(note("key:nobodys", one, LOGGED_OBSERVATION, "Latency falls"));
    json_t *log = log_of(one, 0, 0);
    assert_int_equal(json_array_size(json_object_get(log, "data")), 7);
    assert_true(json_is_null(json_object_get(log, "next_seq")));
    assert_string_equal(json_at(entry_at(log, 1), "text"),
                        "acknowledged: as the runbook says ann takes the command.");
    json_t *decision = entry_at(log, 5);
    assert_string_equal(json_at(decision, "kind"), "decision");
    assert_string_equal(json_at(decision, "by"), "ann");
    assert_string_equal(json_at(decision, "actor_kind"), "user");
    assert_string_equal(json_at(decision, "role"), "commander");
    assert_int_equal(int_at(decision, "seq"), 6);
    assert_string_equal(json_at(decision, "prev"), json_at(entry_at(log, 4), "hash"));
    assert_string_equal(json_at(entry_at(log, 6), "actor_kind"), "agent");
    json_decref(log);
    log = log_of(one, 2, 2);
    assert_int_equal(int_at(entry_at(log, 0), "seq"), 3);
    assert_int_equal(int_at(log, "next_seq"), 4);
    json_decref(log);
    assert_no(note("user:usr_a", one, LOGGED_ACTION, "a\x01b"), ERR_VALIDATION, "control");
    struct incident_verdict verdict = verified(one);
    assert_int_equal(verdict.broken_seq, 0);
    assert_int_equal(verdict.entries, 7);
    char *head = world_text(W, "SELECT hash FROM incident_log_head");
    assert_string_equal(verdict.hash, head);
    free(head);
}

/* ---- tampering ---- */

/* Each column of the log as an update of its row $1 by another value of the same length, and back.
 * Texts are changed at each of their bytes. */
static const char *const text_columns[] = {"actor",  "role", "body", "evidence",
                                           "sealed", "prev", "hash"};
static const char *const int_columns[] = {"at_us", "actor_kind", "kind", "seq"};

static void exec(const char *sql) {
    /* Statements are cached by their addresses, so each text of its own is kept. */
    static char *kept[8192];
    static int count;
    assert_true(count < (int)COUNT_OF(kept));
    kept[count] = strdup(sql);
    (void)test_store_exec(W->engine.store, kept[count++]);
}

static char *text_of(const char *column, int seq) {
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT %s FROM incident_log WHERE seq = %d", column, seq);
    static char *kept[256];
    static int count;
    kept[count] = strdup(sql);
    return world_text(W, kept[count++]);
}

static void put_text(const char *column, int seq, const char *text) {
    char sql[4000];
    assert_null(strchr(text, '\''));
    snprintf(sql, sizeof sql, "UPDATE incident_log SET %s = '%s' WHERE seq = %d", column, text,
             seq);
    exec(sql);
}

static void assert_found(int seq, const char *what) {
    struct incident_verdict verdict = verified(one);
    if (verdict.broken_seq == 0 || verdict.broken_seq > seq + 1) {
        fail_msg("%s of entry %d was changed: found at %lld", what, seq,
                 (long long)verdict.broken_seq);
    }
}

static void any_byte_of_any_column_that_is_changed_is_found(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    json_decref(move("user:usr_a", one, "acknowledge"));
    json_decref(note("user:usr_a", one, LOGGED_ACTION, "switched"));
    assert_whole(one);
    for (int seq = 1; seq <= 3; seq++) {
        for (size_t i = 0; i < COUNT_OF(text_columns); i++) {
            char *was = text_of(text_columns[i], seq);
            char *changed = strdup(was);
            for (size_t at = 0; at < strlen(was); at++) {
                changed[at] = (char)(was[at] == 'x' ? 'y' : 'x');
                put_text(text_columns[i], seq, changed);
                assert_found(seq, text_columns[i]);
                changed[at] = was[at];
            }
            char longer[3000];
            snprintf(longer, sizeof longer, "%s ", was);
            put_text(text_columns[i], seq, longer);
            assert_found(seq, text_columns[i]);
            put_text(text_columns[i], seq, was);
            free(changed);
            free(was);
        }
        for (size_t i = 0; i < COUNT_OF(int_columns); i++) {
            char sql[200];
            for (int by = 100; by >= -100; by -= 200) {
                snprintf(sql, sizeof sql, "UPDATE incident_log SET %s = %s + %d WHERE %s",
                         int_columns[i], int_columns[i], by,
                         strcmp(int_columns[i], "seq") != 0 ? ""
                         : by > 0                           ? "seq = "
                                                            : "seq = 100 + ");
                char whole[240];
                if (strcmp(int_columns[i], "seq") != 0) {
                    snprintf(whole, sizeof whole, "%sseq = %d", sql, seq);
                } else {
                    snprintf(whole, sizeof whole, "%s%d", sql, seq);
                }
                exec(whole);
                if (by > 0) {
                    assert_found(seq, int_columns[i]);
                }
            }
            assert_whole(one);
        }
    }
}

static void an_entry_that_is_missing_put_in_or_cut_off_is_found(void **state) {
    (void)state;
    open_incidents(NULL);
    opened(one);
    for (int i = 0; i < 3; i++) {
        json_decref(note("user:usr_a", one, LOGGED_ACTION, "step"));
    }
    engine_exec(&W->engine, "DELETE FROM incident_log WHERE seq = 4");
    assert_int_equal(verified(one).broken_seq, 4); /* the tail */
    engine_exec(&W->engine, "UPDATE incident_log_head SET seq = 3");
    assert_int_equal(verified(one).broken_seq, 3); /* and its head as well */
    engine_exec(&W->engine, "DELETE FROM incident_log WHERE seq = 2");
    assert_int_equal(verified(one).broken_seq, 2);
    engine_exec(&W->engine,
                "INSERT INTO incident_log (incident_id, seq, at_us, actor, actor_kind, role, kind, "
                "body, evidence, sealed, prev, hash) SELECT incident_id, 2, at_us, actor, "
                "actor_kind, role, kind, body, evidence, sealed, prev, hash FROM incident_log "
                "WHERE seq = 3");
    assert_int_equal(verified(one).broken_seq, 2);
    engine_exec(&W->engine, "DELETE FROM incident_log_head");
    engine_exec(&W->engine, "DELETE FROM incident_log WHERE seq > 1");
    assert_int_equal(verified(one).broken_seq, 1);
}

static void an_incident_that_is_altered_by_hand_is_found(void **state) {
    (void)state;
    /* Each by hand, and back. */
    static const char *const edits[][2] = {
        {"UPDATE incident SET state = 6", "UPDATE incident SET state = 4"},
        {"UPDATE incident SET severity = 3", "UPDATE incident SET severity = 2"},
        {"UPDATE incident SET impact_start_us = impact_start_us + 1",
         "UPDATE incident SET impact_start_us = impact_start_us - 1"},
        {"UPDATE incident SET mitigated_us = mitigated_us - 1",
         "UPDATE incident SET mitigated_us = mitigated_us + 1"},
        {"UPDATE incident SET scope = '{\"gateways\":[\"x\"]}'",
         "UPDATE incident SET scope = '{\"gateways\":[\"stripe-a\"]}'"},
        {"UPDATE incident SET recon = 'eve'", "UPDATE incident SET recon = 'bob'"},
        {"UPDATE incident SET drill = 1", "UPDATE incident SET drill = 0"},
        {"UPDATE incident SET round = round - 1", "UPDATE incident SET round = round + 1"},
        {"UPDATE incident_signature SET name = 'bob'",
         "UPDATE incident_signature SET name = 'ann'"},
        {"UPDATE incident_signature SET role = 'recon'",
         "UPDATE incident_signature SET role = 'commander'"},
        {"UPDATE incident_signature SET round = round + 9",
         "UPDATE incident_signature SET round = round - 9"},
    };
    open_incidents(NULL);
    mitigated(opened(one));
    assert_state(sign("user:usr_a", one, INCIDENT_ROLE_COMMANDER), "mitigated");
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        exec(edits[i][0]);
        struct incident_verdict verdict = verified(one);
        if (verdict.broken_seq == 0 || strstr(verdict.why, "the incident itself") == NULL) {
            fail_msg("%s: %s", edits[i][0], verdict.why);
        }
        exec(edits[i][1]);
        assert_whole(one);
    }
}

/* ---- anything, in any order ---- */

enum { COMMANDS = 400, INCIDENTS = 3, CROWD = 5 };

struct chance {
    uint64_t seed;
    bool gate_open;
};

static int draw(struct chance *chance, int below) {
    chance->seed = chance->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((chance->seed >> 33) % (uint64_t)below);
}

static int chance_look(void *ctx, struct store_tx *tx, const struct incident_facts *facts,
                       bool *ret_passed, char ret_missing[INCIDENT_MISSING_BYTES_MAX],
                       struct buf *evidence, struct err *err) {
    struct chance *chance = ctx;
    (void)tx, (void)facts, (void)err;
    *ret_passed = chance->gate_open;
    snprintf(ret_missing, INCIDENT_MISSING_BYTES_MAX, "much");
    buf_add_text(evidence, "{}");
    return 0;
}

/* What holds of every incident at any time, as SQL: 0 rows break it. */
static void assert_order(void) {
    assert_int_equal(
        world_int(W, "SELECT COUNT(*) FROM incident WHERE impact_start_us > detected_us OR "
                     "(acknowledged_us > 0 AND acknowledged_us < detected_us) OR (contained_us > 0 "
                     "AND contained_us < acknowledged_us) OR (mitigated_us > 0 AND mitigated_us < "
                     "contained_us) OR (reconciled_us > 0 AND reconciled_us < mitigated_us) OR "
                     "(resolved_us > 0 AND resolved_us < reconciled_us) OR (done_us > 0 AND "
                     "done_us < resolved_us)"),
        0);
    assert_int_equal(world_int(W, "SELECT COUNT(*) FROM incident WHERE (state IN (6, 7)) <> "
                                  "(resolved_us > 0) OR (state >= 5 AND state < 8 AND "
                                  "(reconciled_us = 0 OR mitigated_us = 0)) OR (state < 4 AND "
                                  "mitigated_us + reconciled_us > 0) OR (state = 7) <> (done_us > "
                                  "0)"),
                     0);
}

static json_t *any_command(struct chance *chance, const char *actor, const char *id,
                           bool *ret_resolves) {
    static const char *const moves[] = {"acknowledge", "contain", "mitigate", "reconcile", "close",
                                        "relapse",     "cancel",  "resolve"};
    static const char *const names[] = {"ann", "bob", "cat", "me", ""};
    const struct incident_gate gate = {chance_look, chance};
    int64_t at_us = clock_wall_us() + (draw(chance, 40) - 30) * MINUTE_US;
    struct incident_correction said = {0};
    *ret_resolves = false;
    switch (draw(chance, 12)) {
    case 0:
        *ret_resolves = true;
        return resolve(actor, id, &gate);
    case 1:
        return severity(actor, id, (enum notice_severity)draw(chance, 4));
    case 2:
        return role(actor, id, (enum incident_role)draw(chance, 4), draw(chance, 2) == 1,
                    names[draw(chance, 5)]);
    case 3:
        return sign(actor, id, (enum incident_role)draw(chance, 4));
    case 4:
        said.impact_start_us = at_us;
        return correct(actor, id, &said);
    case 5:
        return note(actor, id, (enum incident_log_kind)(1 + draw(chance, 4)), "noted");
    case 6:
        return move_at(actor, id, moves[draw(chance, 8)], at_us);
    default: /* most of the time the way on, so that much of it is walked */
        return move(actor, id, moves[draw(chance, draw(chance, 9) == 0 ? 8 : 6)]);
    }
}

/* Rows per run: 3 incidents, 400 commands by 5 people, a clock that goes on and at times back. */
static void run_of_chance(uint64_t seed) {
    static const char *const crowd[CROWD] = {"user:usr_a", "user:usr_b", "user:usr_c", "internal",
                                             "key:nobodys"};
    static const char log_rows[] = "SELECT COUNT(*) FROM incident_log";
    struct chance chance = {.seed = seed};
    char ids[INCIDENTS][ID_TEXT_MAX];
    for (int i = 0; i < INCIDENTS; i++) {
        opened(ids[i]);
    }
    learnt();
    for (int i = 0; i < COMMANDS; i++) {
        const char *id = ids[draw(&chance, INCIDENTS)];
        int64_t before = world_int(W, log_rows), more;
        int64_t resolved = world_int(W, "SELECT COUNT(*) FROM incident WHERE resolved_us > 0");
        bool resolves = false;
        chance.gate_open = draw(&chance, 3) == 0;
        int64_t pass_us = (draw(&chance, 20) - 2) * MINUTE_US;
        (pass_us > 0 ? test_clock_advance : test_clock_wall_shift)(pass_us);
        json_t *json = any_command(&chance, crowd[draw(&chance, CROWD)], id, &resolves);
        more = world_int(W, log_rows) - before;
        int64_t resolved_now = world_int(W, "SELECT COUNT(*) FROM incident WHERE resolved_us > 0");
        /* Done: one entry. Refused: none, but what the gate found missing. */
        if (json != NULL ? more != 1 : more != 0 && !(resolves && more == 1)) {
            fail_msg("seed %llu, command %d: %lld entries", (unsigned long long)seed, i,
                     (long long)more);
        }
        if (resolved_now != resolved && !(resolves && chance.gate_open && json != NULL)) {
            fail_msg("seed %llu, command %d: resolved without the gate", (unsigned long long)seed,
                     i);
        }
        json_decref(json);
        assert_order();
    }
    for (int i = 0; i < INCIDENTS; i++) {
        assert_whole(ids[i]);
    }
}

static void whatever_is_asked_in_whatever_order_the_promises_hold(void **state) {
    (void)state;
    open_incidents(NULL);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run_of_chance(seed);
    }
    /* Much of it was walked: else the runs above proved nothing. */
    assert_true(world_int(W, "SELECT COUNT(*) FROM incident WHERE state = 7") > 0);
    assert_true(world_int(W, "SELECT COUNT(*) FROM incident_log WHERE body LIKE 'The gate %'") > 0);
    assert_true(world_int(W, "SELECT COUNT(*) FROM incident_signature") > 0);
}

int main(void) {
    payment_world_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_tells_who_what_as_what_and_when),
        cmocka_unit_test(any_byte_of_any_column_that_is_changed_is_found),
        cmocka_unit_test(an_entry_that_is_missing_put_in_or_cut_off_is_found),
        cmocka_unit_test(an_incident_that_is_altered_by_hand_is_found),
        cmocka_unit_test(whatever_is_asked_in_whatever_order_the_promises_hold),
    };
    int failed = payment_world_run("incident_log", tests, COUNT_OF(tests));
    close_incidents();
    return failed;
}
