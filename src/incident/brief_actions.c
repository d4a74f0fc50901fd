/* SPDX-License-Identifier: Apache-2.0
 * brief_actions.c: what has to be done now: each row of brief_actions.def is asked whether it is
 * due, in their order. Each function looks at the view alone, so that the same state always gives
 * the same advice. */
#include <string.h>

#include "incident/brief_impl.h"
#include "incident/postmortem.h"
#include "watch/phrase.h"

#define SOON_US (10 * 60 * US_PER_SECOND)
enum { WORDS_MAX = 8, WORST_PERCENT_MIN = 50 };

struct adding {
    struct brief *brief;
    const char *text, *command; /* of the row at hand */
    const char *name;
};

/* The row is due, with these words. */
static void add(struct adding *adding, const struct phrase_word *words, int count) {
    struct brief *brief = adding->brief;
    struct phrase_word all[WORDS_MAX + 1] = {{"id", brief->view->row.id.text}};
    if (brief->action_count == BRIEF_ACTIONS) {
        brief->action_more++;
        return;
    }
    INVARIANT(count <= WORDS_MAX, "an action has few words");
    for (int i = 0; i < count; i++) {
        all[i + 1] = words[i];
    }
    brief->actions[brief->action_count++] = (struct brief_action){
        adding->name, phrase(brief->arena, adding->text, all, count + 1),
        phrase(brief->arena, adding->command, all, count + 1)};
}
#define ADD(adding, ...)                                                                           \
    add((adding), (const struct phrase_word[]){__VA_ARGS__},                                       \
        (int)(sizeof((const struct phrase_word[]){__VA_ARGS__}) / sizeof(struct phrase_word)))
#define ADD_PLAIN(adding) add((adding), NULL, 0)

static const struct view *of(const struct adding *adding) {
    return adding->brief->view;
}

static bool is_chinese(const struct adding *adding) {
    return adding->brief->language == NOTICE_ZH;
}

static bool is_live(const struct adding *adding) {
    return incident_is_live(of(adding)->row.state);
}

static bool is_in(const struct adding *adding, enum incident_state state) {
    return of(adding)->row.state == (int64_t)state;
}

/* Its fix is in: what is left is to prove it. */
static bool is_proving(const struct adding *adding) {
    return is_in(adding, INCIDENT_MITIGATED) || is_in(adding, INCIDENT_RECONCILED);
}

static bool has_role(const struct adding *adding, enum incident_role role) {
    return of(adding)->row.holders[role][0][0] != '\0';
}

static const char *span_until(const struct adding *adding, int64_t at_us) {
    return said_span(adding->brief->arena, at_us - of(adding)->at_us, adding->brief->language);
}

static const char *moment(const struct adding *adding, int64_t at_us) {
    return said_time(adding->brief->arena, at_us);
}

static const char *owner(const struct adding *adding) {
    const char *name = of(adding)->update_owner;
    return name[0] != '\0' ? name : is_chinese(adding) ? "无人负责" : "nobody owns it";
}

/* A condition of the gate does not hold: its own words and command. */
static void add_line(struct adding *adding, enum gate_condition condition) {
    const struct gate_line *line = view_line(of(adding), condition);
    if (line != NULL && !line->passed) {
        ADD(adding, {"why", line->why[adding->brief->language]}, {"command", line->command});
    }
}

/* ---- somebody has it ---- */

static void unacknowledged(struct adding *adding) {
    const struct view *view = of(adding);
    if (!is_in(adding, INCIDENT_OPEN)) {
        return;
    }
    const char *due = "";
    struct arena *arena = adding->brief->arena;
    if (view->ack_us > 0 && view->ack_us <= view->at_us) {
        due = arena_printf(arena, is_chinese(adding) ? ",自 %s 起逾期" : ", late since %s",
                           moment(adding, view->ack_us));
    } else if (view->ack_us > 0) {
        due = arena_printf(arena, is_chinese(adding) ? ",剩余 %s" : ", due in %s",
                           span_until(adding, view->ack_us));
    }
    ADD(adding, {"due", due});
}

static void commandless(struct adding *adding) {
    if (is_live(adding) && !is_in(adding, INCIDENT_OPEN) &&
        !has_role(adding, INCIDENT_ROLE_COMMANDER)) {
        ADD_PLAIN(adding);
    }
}

/* ---- money, and that it does not grow ---- */

static void charged_twice(struct adding *adding) {
    if (is_live(adding)) {
        add_line(adding, GATE_BREAKS);
    }
}

static bool is_failing(const struct view *view) {
    return view->recent_finished >= VIEW_RECENT_MIN &&
           view->recent_succeeded * 1000 <= view->recent_finished * VIEW_FAILING_PERMILLE;
}

static bool has_measure_on(const struct view *view) {
    for (int i = 0; view->measures != NULL && i < view->measures->count; i++) {
        if (view->measures->rows[i].off_us == 0) {
            return true;
        }
    }
    return false;
}

/* The gateway that is worst hit, where one is by far; NULL. */
static const char *worst_gateway(const struct view *view) {
    const json_t *first = json_array_get(json_object_get(view->blast, "gateways"), 0);
    const json_t *percent = json_object_get(first, "affected_percent");
    const char *name = json_string_value(json_object_get(first, "name"));
    return name != NULL && name[0] != '\0' &&
                   json_number_value(percent) >= (double)WORST_PERCENT_MIN
               ? name
               : NULL;
}

static void uncontained(struct adding *adding) {
    const struct view *view = of(adding);
    const struct incident_scope *scope = &view->scope;
    struct arena *arena = adding->brief->arena;
    bool early = is_in(adding, INCIDENT_OPEN) || is_in(adding, INCIDENT_ACKNOWLEDGED);
    if (!early || !is_failing(view) || has_measure_on(view)) {
        return;
    }
    const char *worst = scope->gateways.count == 1 ? scope->gateways.names[0] : worst_gateway(view);
    const char *command;
    if (scope->gateways.count == 0 && scope->methods.count == 1) {
        command = arena_printf(arena, "holdfast switch off method %s --reason \"...\"",
                               scope->methods.names[0]);
    } else if (worst != NULL) {
        command = arena_printf(arena, "holdfast gateway disable %s --reason \"...\"", worst);
    } else {
        command = arena_printf(arena, "holdfast blast --since %s",
                               phrase_moment(arena, scope->from_us));
    }
    ADD(adding,
        {"rate", said_percent(arena, view->recent_succeeded, view->recent_finished)},
        {"scope", worst != NULL ? worst : said_scope(arena, scope, adding->brief->language)},
        {"command", command});
}

/* ---- people are told ---- */

static void late(struct adding *adding, bool first) {
    const struct view *view = of(adding);
    if (view->update_us > 0 && view->update_us <= view->at_us &&
        (view->due == DUE_PUBLIC) == first) {
        ADD(adding, {"due", moment(adding, view->update_us)}, {"owner", owner(adding)});
    }
}

static void first_message_late(struct adding *adding) {
    late(adding, true);
}

static void update_late(struct adding *adding) {
    late(adding, false);
}

static void update_soon(struct adding *adding) {
    const struct view *view = of(adding);
    if (view->update_us > view->at_us && view->update_us - view->at_us <= SOON_US) {
        ADD(adding, {"due", moment(adding, view->update_us)}, {"owner", owner(adding)});
    }
}

/* ---- owners ---- */

static void unknown_unowned(struct adding *adding) {
    if (is_live(adding)) {
        add_line(adding, GATE_UNKNOWN);
    }
}

static void reconless(struct adding *adding) {
    if (is_live(adding) && !has_role(adding, INCIDENT_ROLE_RECON)) {
        ADD_PLAIN(adding);
    }
}

static void commsless(struct adding *adding) {
    if (is_live(adding) && !has_role(adding, INCIDENT_ROLE_COMMS)) {
        ADD_PLAIN(adding);
    }
}

static void playbook_next(struct adding *adding) {
    const struct brief_items *items = of(adding)->items;
    for (int i = 0; is_live(adding) && items != NULL && i < items->count; i++) {
        ADD(adding, {"what", items->rows[i].what[adding->brief->language]},
            {"command", items->rows[i].command});
    }
}

/* ---- it ends ---- */

static void contained_unsaid(struct adding *adding) {
    const struct view *view = of(adding);
    struct arena *arena = adding->brief->arena;
    bool few = view->recent_finished < VIEW_RECENT_MIN;
    const char *rate = said_percent(arena, view->recent_succeeded, view->recent_finished);
    if (!is_in(adding, INCIDENT_ACKNOWLEDGED) || (is_failing(view) && !has_measure_on(view))) {
        return;
    }
    ADD(adding, {"standing", few ? (is_chinese(adding)
                                        ? "最近 15 分钟完成的支付太少,无法判断成功率。"
                                        : "Too few payments finished in 15 min to say how it goes.")
                                 : arena_printf(arena, is_chinese(adding)
                                                           ? "最近 15 分钟成功率为 %s。"
                                                           : "In the last 15 min %s succeeded.",
                                                rate)});
}

/* What failed first, and what was changed just before, as far as either is known. */
static const char *first_seen(const struct adding *adding) {
    const json_t *first = json_object_get(of(adding)->blast, "first");
    const json_t *failure = json_object_get(first, "failure");
    const char *change = json_string_value(json_object_get(first, "change"));
    struct arena *arena = adding->brief->arena;
    bool zh = is_chinese(adding);
    const char *what = "";
    if (json_is_object(failure)) {
        const char *gateway = json_string_value(json_object_get(failure, "gateway"));
        const char *code = json_string_value(json_object_get(failure, "code"));
        const char *at = json_string_value(json_object_get(failure, "at"));
        what = arena_printf(arena, zh ? "最先失败:%s %s(%s)。" : "First to fail: %s %s at %s.",
                            gateway != NULL ? gateway : "?", code != NULL ? code : "",
                            at != NULL ? at : "?");
    }
    return change == NULL
               ? arena_printf(arena, "%s%s", what,
                              zh ? "此前没有已记录的变更。" : " No change before it is on record.")
               : arena_printf(arena, zh ? "%s此前的变更:%s" : "%s Changed just before: %s", what,
                              change);
}

static void causeless(struct adding *adding) {
    if (is_in(adding, INCIDENT_CONTAINED) && of(adding)->row.cause == CAUSE_UNKNOWN) {
        ADD(adding, {"first", first_seen(adding)});
    }
}

static void unmitigated(struct adding *adding) {
    if (is_in(adding, INCIDENT_CONTAINED)) {
        bool told = of(adding)->row.cause == CAUSE_UNKNOWN;
        ADD(adding, {"first", told ? "" : first_seen(adding)});
    }
}

/* ---- it is proved ---- */

static void proving(struct adding *adding, enum gate_condition condition) {
    if (is_proving(adding)) {
        add_line(adding, condition);
    }
}

static void not_recovered(struct adding *adding) {
    proving(adding, GATE_RECOVERED);
}
static void not_quiet(struct adding *adding) {
    proving(adding, GATE_QUIET);
}
static void backlog(struct adding *adding) {
    proving(adding, GATE_BACKLOG);
}
static void unreconciled(struct adding *adding) {
    proving(adding, GATE_RECONCILED);
}
static void shown_wrong(struct adding *adding) {
    proving(adding, GATE_SHOWN);
}
static void measures_left(struct adding *adding) {
    proving(adding, GATE_MEASURES);
}
/* Who has no name cannot sign: rows above ask for one. */
static void unsigned_yet(struct adding *adding) {
    const struct view *view = of(adding);
    const struct gate_line *line = view_line(view, GATE_SIGNED);
    bool named = has_role(adding, INCIDENT_ROLE_COMMANDER) && has_role(adding, INCIDENT_ROLE_RECON);
    bool commanded = view->signatures.rows[INCIDENT_ROLE_COMMANDER].at_us > 0;
    if (is_proving(adding) && named && line != NULL && !line->passed) {
        ADD(adding, {"why", line->why[adding->brief->language]},
            {"role", incident_role_name(commanded ? INCIDENT_ROLE_RECON
                                                  : INCIDENT_ROLE_COMMANDER)});
    }
}

static void reconciled_unsaid(struct adding *adding) {
    const struct view *view = of(adding);
    if (is_in(adding, INCIDENT_MITIGATED) && view_holds(view, GATE_RECONCILED) == 1 &&
        view_holds(view, GATE_UNKNOWN) == 1) {
        ADD_PLAIN(adding);
    }
}

static void gate_open_now(struct adding *adding) {
    const struct view *view = of(adding);
    if (is_in(adding, INCIDENT_RECONCILED) && view->verdict != NULL && view->verdict->passed) {
        ADD_PLAIN(adding);
    }
}

static void unlearnt(struct adding *adding) {
    if (is_in(adding, INCIDENT_RESOLVED)) {
        ADD(adding, {"due", moment(adding, postmortem_due_us(&of(adding)->row))});
    }
}

/* ---- the table ---- */

static const struct {
    const char *name;
    void (*fn)(struct adding *adding);
    const char *text[NOTICE_LANGUAGES], *command;
} rows[] = {
#define X(name, function, en, zh, command) {name, function, {en, zh}, command},
#include "incident/brief_actions.def"
#undef X
};

void brief_choose(struct brief *brief) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct adding adding = {brief, rows[i].text[brief->language], rows[i].command,
                                rows[i].name};
        rows[i].fn(&adding);
    }
}
