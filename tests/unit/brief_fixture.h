/* SPDX-License-Identifier: Apache-2.0
 * brief_fixture.h: incidents with payments round them, at a time that stands still: twelve o'clock
 * of 2026-11-20. What is written about them is then the same to the byte, but for the ids, which
 * are taken out. */
#ifndef HOLDFAST_TESTS_BRIEF_FIXTURE_H
#define HOLDFAST_TESTS_BRIEF_FIXTURE_H

#include "incident_fixture.h"

#include "gate_fixture.h"
#include "incident/action.h"
#include "incident/brief_impl.h"
#include "incident/postmortem.h"

#define NOON "2026-11-20T12:00:00Z"

static struct brief_sources sources;
static char one[ID_TEXT_MAX];

/* The time stands still until done(). */
static inline void at_noon(void) {
    int64_t noon_us = 0;
    assert_true(clock_parse(NOON, &noon_us));
    test_clock_freeze(true);
    test_clock_wall_shift(noon_us - clock_wall_us());
}

/* An empty world at noon, with nothing but people. */
static inline void empty_world(void) {
    struct err err = {0};
    at_noon();
    open_incidents(NULL);
    engine = W->engine;
    payment_number = 0;
    forget();
    engine_exec(&engine, "DELETE FROM complaint");
    gate_close(gate);
    gate = NULL;
    const struct gate_options options = {.store = engine.store};
    assert_int_equal(gate_open(&options, &gate, &err), 0);
    sources = (struct brief_sources){.gate = gate};
}

static inline int done(void **state) {
    (void)state;
    test_clock_freeze(false);
    gate_close(gate);
    gate = NULL;
    return 0;
}

/* Opened by ann at that time before noon, about stripe-a; `one` is its id. */
static inline void open_before(int64_t before_us, int64_t impact_before_us,
                               enum notice_severity how) {
    struct err err = {0};
    int64_t noon_us = clock_wall_us();
    test_clock_wall_shift(-before_us);
    struct incident_request request = {.title = "Cards fail at stripe-a",
                                       .severity_known = true,
                                       .severity = how,
                                       .impact_start_us = noon_us - impact_before_us};
    assert_int_equal(scope_add(&request.scope.gateways, "stripe-a", &err), 0);
    json_t *json = open_one("user:usr_a", &request);
    if (json == NULL) {
        fail_msg("%s", W->err.detail);
    }
    snprintf(one, sizeof one, "%s", json_at(json, "id"));
    json_decref(json);
    test_clock_wall_shift(before_us);
}

static inline void move_before(const char *actor, const char *verb, int64_t before_us) {
    json_t *json = move_at(actor, one, verb, clock_wall_us() - before_us);
    if (json == NULL) {
        fail_msg("%s: %s", verb, W->err.detail);
    }
    json_decref(json);
}

/* Every id of the incident is written as "inc_…". */
static inline void take_out(struct buf *buf, const char *id, const char *instead) {
    struct buf clean;
    buf_init(&clean, buf->max);
    const char *at = buf->data, *found;
    while ((found = strstr(at, id)) != NULL) {
        buf_add(&clean, at, (size_t)(found - at));
        buf_add_text(&clean, instead);
        at = found + strlen(id);
    }
    buf_add_text(&clean, at);
    buf_release(buf);
    *buf = clean;
}

static inline void brief_of(struct buf *buf, enum brief_format format,
                            enum notice_language language) {
    struct err err = {0};
    buf_init(buf, BRIEF_BYTES_MAX);
    if (brief_write(incidents, &sources, one, format, language, buf, &err) < 0) {
        fail_msg("%s: %s", err.place, err.detail);
    }
    take_out(buf, one, "inc_X");
}

static inline void has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("there is no \"%s\" in:\n%s", part, text);
    }
}

static inline void has_not(const char *text, const char *part) {
    if (strstr(text, part) != NULL) {
        fail_msg("there is \"%s\" in:\n%s", part, text);
    }
}

#endif
