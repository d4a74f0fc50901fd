/* SPDX-License-Identifier: Apache-2.0
 * containment_kinds.c: the tables of measures, and requests checked by them
 * (containment_impl.h). */
#include <string.h>

#include "base/clock.h"
#include "incident/containment_impl.h"

static const struct containment_row_kind kinds[] = {
#define X(NAME, number, name, thing, names, value, ends, does_en, does_zh)                         \
    {CONTAINMENT_##NAME, name, THING_##thing, NAMES_##names, value, ends, {does_en, does_zh}},
#include "incident/containment_kinds.def"
#undef X
};

static const struct {
    const char *kind;
    bool named;
    const char *rest;
} things[] = {
#define X(NAME, kind, named, rest, zh) [THING_##NAME] = {kind, named, rest},
#include "incident/containment_things.def"
#undef X
};
static_assert(COUNT_OF(things) == CONTAINMENT_THINGS, "every thing has a row");

const struct containment_row_kind *containment_kind_row(int64_t kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if ((int64_t)kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *containment_kind_name(int64_t kind) {
    const struct containment_row_kind *row = containment_kind_row(kind);
    return row != NULL ? row->name : "?";
}

bool containment_kind_parse(const char *name, enum containment_kind *ret_kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

const char *containment_state_name(int64_t state) {
    switch (state) {
#define X(NAME, number, name, meaning)                                                             \
    case number:                                                                                   \
        return name;
#include "incident/containment_states.def"
#undef X
    default:
        return "?";
    }
}

const char *containment_gate_kind(enum containment_thing thing) {
    return things[thing].kind;
}

const char *containment_at_rest(enum containment_thing thing) {
    return things[thing].rest;
}

const char *containment_thing_name(const struct containment_row_kind *kind, const char *name) {
    return things[kind->thing].named ? name : "";
}

const char *containment_value(struct arena *arena, const struct containment_row_kind *kind,
                              const char *name) {
    if (kind->value[0] != '\0') {
        return kind->value;
    }
    return kind->names == NAMES_STEP ? arena_printf(arena, "at_least %s", name) : name;
}

/* ---- requests ---- */

enum { REASON_BYTES_MAX = 4 * INCIDENT_WHY_CHARS_MAX };

static int bad(struct err *err, const char *place, const char *hint) {
    err_place(err, "%s", place);
    return err_hint(err, "%s", hint);
}

static int check_name(const struct containments *containments,
                      const struct containment_row_kind *kind, const char *name, struct err *err) {
    enum payment_method method;
    enum payment_purpose purpose;
    enum mode_step step;
    static const char *const what[] = {"", "gateway", "method", "purpose", "step"};
    static const char *const hints[] = {
        "", "`holdfast gateway list` names them.", "`holdfast switch list` names them.",
        "`holdfast switch list` names them.", "One of: reroute, reduced, deferred, read_only."};
    bool known = false;
    switch (kind->names) {
    case NAMES_NOTHING:
        if (name[0] == '\0') {
            return 0;
        }
        err_set(err, ERR_VALIDATION, "%s takes no name: there is one of it", kind->name);
        return bad(err, "/name", "Leave it out.");
    case NAMES_GATEWAY:
        known = gateway_find(containments->options.registry, name) != NULL;
        break;
    case NAMES_METHOD:
        known = method_parse(name, &method);
        break;
    case NAMES_PURPOSE:
        known = purpose_parse(name, &purpose);
        break;
    case NAMES_STEP:
        known = mode_step_parse(name, &step) && step != MODE_NORMAL;
        break;
    }
    if (known) {
        return 0;
    }
    if (name[0] == '\0') {
        err_set(err, ERR_VALIDATION, "%s takes the name of a %s", kind->name, what[kind->names]);
    } else {
        err_set(err, ERR_VALIDATION, "there is no %s \"%.40s\"", what[kind->names], name);
    }
    return bad(err, "/name", hints[kind->names]);
}

static int check_until(const struct containment_row_kind *kind,
                       const struct containment_request *request, struct err *err) {
    if (request->until_us == 0) {
        return 0;
    }
    bool renewals = kind->thing == THING_PURPOSE &&
                    strcmp(request->name, purpose_name(PURPOSE_SUBSCRIPTION)) == 0;
    if (!kind->ends || renewals || request->adopt) {
        err_set(err, ERR_VALIDATION, "%s does not end by itself: a person undoes it",
                renewals ? "a pause of renewals" : kind->name);
        return bad(err, "/until", "Leave it out.");
    }
    if (request->until_us <= clock_wall_us()) {
        err_set(err, ERR_VALIDATION, "it must end at a time to come");
        return err_place(err, "/until");
    }
    return 0;
}

int containment_check(const struct containments *containments,
                      const struct containment_request *request,
                      const struct containment_row_kind **ret_kind, struct err *err) {
    enum containment_kind number = CONTAINMENT_NO_KIND;
    if (!containment_kind_parse(request->kind, &number)) {
        err_set(err, ERR_VALIDATION, "there is no measure \"%.40s\"", request->kind);
        return bad(err, "/kind", "One of: deploy_freeze, gateway_off, gateway_drain, primary, "
                                 "fallback, method_off, purpose_off, mode, simplified.");
    }
    const struct containment_row_kind *kind = containment_kind_row(number);
    if (request->reason[0] == '\0' || strlen(request->reason) > REASON_BYTES_MAX) {
        err_set(err, ERR_VALIDATION, "a reason of 1 to %d characters is needed: it goes on the log",
                INCIDENT_WHY_CHARS_MAX);
        return err_place(err, "/reason");
    }
    *ret_kind = kind;
    int r = check_name(containments, kind, request->name, err);
    return r < 0 ? r : check_until(kind, request, err);
}
