/* SPDX-License-Identifier: Apache-2.0
 * ticket_people.c: whose a ticket is.
 *
 * The rules of the configuration are tried in their order, and the first that fits gives it: to a
 * user, or to a team and in it to whose turn it is:
 *   least_loaded  who has the fewest that are live; of equals who stands first in the configuration
 *   round_robin   who stands after who was given one last
 *   nobody        the team takes them itself
 * Who is no user, is disabled or may not work on tickets is passed over: a rule for him alone does
 * not fit, and a team without anybody else has it without an assignee. Tickets of one team are
 * given out one after the other (the lock of its row of ticket_turn), so that both ways are the
 * same however many are opened at once. */
#include <stdio.h>
#include <string.h>

#include "desk/ticket_impl.h"

#define USER_PREFIX "user:"

int ticket_worker(struct store_tx *tx, struct arena *arena, const char *name_or_id,
                  struct ticket_person *ret_person, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, name FROM app_user WHERE (name = $1 OR id = $1) AND enabled = 1 "
                      "AND role >= $2",
                      S_TEXT(name_or_id), S_INT(TICKET_CAN_WORK));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        ret_person->id = arena_copy(arena, sql_text(rows, 0));
        ret_person->name = arena_copy(arena, sql_text(rows, 1));
    }
    return r;
}

static void give_person(struct ticket_row *row, const struct ticket_person *person) {
    row->assignee = person->id;
    row->assignee_name = person->name;
}

static const struct ticket_person nobody = {"", ""};

/* ---- whose turn it is ---- */

struct turn {
    const struct ticket_team_config *team;
    struct ticket_person best;
    int64_t best_load;
    bool found;
};

/* Everybody once, beginning after who was given one last (round robin) or with the first. */
static int look_at_members(struct store_tx *tx, struct arena *arena, struct turn *turn,
                           unsigned first, bool stop_at_first, struct err *err) {
    for (unsigned i = 0; i < turn->team->members_count; i++) {
        unsigned at = (first + i) % turn->team->members_count;
        struct ticket_person person;
        SQL_ROWS_AUTO rows = NULL;
        int r = ticket_worker(tx, arena, turn->team->members[at], &person, err);
        if (r == 0) {
            continue;
        }
        r = r < 0 ? r
                  : sql_query(tx, err, &rows,
                              "SELECT COUNT(*) FROM ticket WHERE assignee = $1 AND " TICKET_IS_LIVE,
                              S_TEXT(person.id));
        r = r < 0 ? r : sql_next(rows, err);
        if (r < 0) {
            return r;
        }
        int64_t load = sql_int(rows, 0);
        if (!turn->found || load < turn->best_load) {
            turn->best = person;
            turn->best_load = load;
            turn->found = true;
        }
        if (stop_at_first) {
            return 0;
        }
    }
    return 0;
}

/* Who comes after the user who was given one last, by the place in the configuration. */
static int after_last(struct store_tx *tx, struct arena *arena,
                      const struct ticket_team_config *team, const char *last_id,
                      unsigned *ret_first, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_first = 0;
    if (last_id[0] == '\0') {
        return 0;
    }
    int r = sql_query(tx, err, &rows, "SELECT name FROM app_user WHERE id = $1", S_TEXT(last_id));
    r = r < 0 ? r : sql_next(rows, err);
    const char *name = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    for (unsigned i = 0; r > 0 && i < team->members_count; i++) {
        if (strcmp(team->members[i], name) == 0) {
            *ret_first = (i + 1) % team->members_count;
        }
    }
    return r < 0 ? r : 0;
}

/* The user that a team's ticket was given to last, under the team's lock. */
static int take_turn(struct store_tx *tx, struct arena *arena, const char *team,
                     const char **ret_last, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_put(tx, err,
                    "INSERT INTO ticket_turn (team, user_id) VALUES ($1, '') ON CONFLICT (team) DO "
                    "NOTHING",
                    S_TEXT(team));
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT user_id FROM ticket_turn WHERE team = $1 FOR "
                          "UPDATE",
                          S_TEXT(team));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_last = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "";
    return r < 0 ? r : 0;
}

int ticket_give_team(struct desk *desk, struct store_tx *tx, struct arena *arena,
                     const struct ticket_team_config *team, struct ticket_row *row,
                     struct err *err) {
    (void)desk;
    enum ticket_share share = ticket_team_share(team);
    struct turn turn = {.team = team};
    const char *last = "";
    unsigned first = 0;
    row->team = team->name;
    give_person(row, &nobody);
    if (share == SHARE_NOBODY) {
        return 0;
    }
    int r = take_turn(tx, arena, team->name, &last, err);
    if (r >= 0 && share == SHARE_ROUND_ROBIN) {
        r = after_last(tx, arena, team, last, &first, err);
    }
    r = r < 0 ? r : look_at_members(tx, arena, &turn, first, share == SHARE_ROUND_ROBIN, err);
    if (r < 0 || !turn.found) {
        return r;
    }
    give_person(row, &turn.best);
    return sql_put_one(tx, err, "UPDATE ticket_turn SET user_id = $2 WHERE team = $1",
                       S_TEXT(team->name), S_TEXT(turn.best.id));
}

/* ---- rules ---- */

static bool listed(char *const *names, unsigned count, const char *name) {
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return count == 0;
}

static bool fits(const struct ticket_rule_config *rule, const struct ticket_row *row) {
    uint64_t amount = (uint64_t)row->amount_minor;
    return listed(rule->kinds, rule->kinds_count, row->kind) &&
           listed(rule->classes, rule->classes_count, row->class) &&
           listed(rule->gateways, rule->gateways_count, row->gateway) &&
           listed(rule->currencies, rule->currencies_count, row->currency.code) &&
           listed(rule->risks, rule->risks_count, ticket_risk_name(row->risk)) &&
           amount >= rule->amount_min && (rule->amount_max == 0 || amount <= rule->amount_max);
}

static bool is_member(const struct ticket_team_config *team, const char *name) {
    if (team->lead != NULL && strcmp(team->lead, name) == 0) {
        return true;
    }
    return team->members_count > 0 && listed(team->members, team->members_count, name);
}

/* The present team if he is in it, else the first that he is in; "": he is in none. */
static const char *team_of(const struct ticket_settings *settings, const char *present,
                           const char *name) {
    const struct ticket_team_config *team = ticket_team_find(settings, present);
    if (team != NULL && is_member(team, name)) {
        return team->name;
    }
    for (unsigned i = 0; i < settings->config->teams_count; i++) {
        if (is_member(&settings->config->teams[i], name)) {
            return settings->config->teams[i].name;
        }
    }
    return "";
}

int ticket_give(struct desk *desk, struct store_tx *tx, struct arena *arena, struct ticket_row *row,
                struct err *err) {
    const struct ticket_settings *settings = &desk->tickets->settings;
    const struct ticket_config *config = settings->config;
    for (unsigned i = 0; i < config->rules_count; i++) {
        const struct ticket_rule_config *rule = &config->rules[i];
        struct ticket_person person;
        if (!fits(rule, row)) {
            continue;
        }
        if (rule->team != NULL) {
            return ticket_give_team(desk, tx, arena, ticket_team_find(settings, rule->team), row,
                                    err);
        }
        int r = ticket_worker(tx, arena, rule->user, &person, err);
        if (r < 0) {
            return r;
        }
        if (r > 0) {
            row->team = team_of(settings, "", person.name);
            give_person(row, &person);
            return 0;
        }
    }
    row->team = "";
    give_person(row, &nobody);
    return config->default_team == NULL
               ? 0
               : ticket_give_team(desk, tx, arena, ticket_team_find(settings, config->default_team),
                                  row, err);
}

/* ---- by a person ---- */

int ticket_me(struct store_tx *tx, struct arena *arena, const struct caller *caller,
              struct ticket_person *ret_person, struct err *err) {
    char person[PERSON_CHARS_MAX + 1];
    int r = approval_person(tx, caller->actor, person, err);
    if (r < 0) {
        return r;
    }
    const char *id = arena_copy(arena, person + strlen(USER_PREFIX));
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows, "SELECT name FROM app_user WHERE id = $1", S_TEXT(id));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_person = (struct ticket_person){
        .id = id,
        .name = r > 0 ? arena_copy(arena, sql_text(rows, 0)) : "",
    };
    return r < 0 ? r : 0;
}

static int bad_to(struct err *err, const char *place, const char *format, const char *name) {
    char why[200];
    snprintf(why, sizeof why, "%s \"%.60s\"", format, name);
    err_set(err, ERR_VALIDATION, "%s", why);
    return err_place(err, "/%s", place);
}

int ticket_give_to(struct desk *desk, struct store_tx *tx, struct arena *arena,
                   const struct caller *caller, const struct ticket_to *to, struct ticket_row *row,
                   struct err *err) {
    const struct ticket_settings *settings = &desk->tickets->settings;
    struct ticket_person person = nobody;
    const struct ticket_team_config *team = NULL;
    int r = 0;
    if (to->team[0] != '\0' && (team = ticket_team_find(settings, to->team)) == NULL) {
        bad_to(err, "team", "there is no team", to->team);
        return err_hint(err, "GET /v1/ticket-teams lists them.");
    }
    if (to->user[0] == '\0') {
        if (team == NULL) {
            return bad_to(err, "user", "it takes a user or a team, not", "");
        }
        return ticket_give_team(desk, tx, arena, team, row, err);
    }
    const char *name = to->user;
    if (strcmp(name, "me") == 0) {
        r = ticket_me(tx, arena, caller, &person, err);
        name = person.id;
    }
    r = r < 0 ? r : ticket_worker(tx, arena, name, &person, err);
    if (r <= 0) {
        return r < 0 ? r : bad_to(err, "user", "nobody of that name works on tickets:", to->user);
    }
    if (team != NULL && !is_member(team, person.name)) {
        return bad_to(err, "user", "he is not in this team:", to->user);
    }
    row->team = team != NULL ? team->name : team_of(settings, row->team, person.name);
    give_person(row, &person);
    return 0;
}

const char *ticket_teams_of(const struct desk *desk, struct arena *arena, const char *user_name) {
    const struct ticket_config *config = desk->tickets->settings.config;
    const char *list = ",";
    for (unsigned i = 0; i < config->teams_count; i++) {
        if (is_member(&config->teams[i], user_name)) {
            list = arena_printf(arena, "%s%s,", list, config->teams[i].name);
        }
    }
    return list;
}
