/* SPDX-License-Identifier: Apache-2.0
 * brief_links.c: answers of containment.h are read as the API has them, so that a brief says the
 * same of a measure. */
#include "incident/brief_links.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "incident/containment_impl.h"
#include "incident/playbook_impl.h"

/* ---- measures ---- */

static const char *text_of(struct arena *arena, const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return arena_copy(arena, text != NULL ? text : "");
}

/* The answer as JSON; the answer is released. */
static int take_json(int r, struct answer *answer, json_t **ret_json, struct err *err) {
    if (r < 0) {
        return r;
    }
    r = json_read(answer->json, strlen(answer->json), CONTAINMENT_JSON_BYTES_MAX, JSON_DEPTH_MAX,
                  ret_json, err);
    answer_release(answer);
    return r;
}

static int64_t moment_of(const json_t *deed) {
    int64_t at_us = 0;
    const char *at = json_string_value(json_object_get(deed, "at"));
    return at != NULL && clock_parse(at, &at_us) ? at_us : 0;
}

/* What the store has back by itself is off, though nobody has undone it: since when, nobody knows,
 * so it is as old as the look. */
static int64_t off_since(const json_t *json, const json_t *undone) {
    const json_t *seen = json_object_get(json, "verification");
    if (json_is_object(undone)) {
        return moment_of(undone);
    }
    return json_is_true(json_object_get(seen, "on")) ? 0 : moment_of(seen);
}

static int measures(void *ctx, const char *incident_id, struct arena *arena,
                    struct brief_measures *ret_measures, struct err *err) {
    struct answer answer = {0};
    JSON_AUTO json = NULL;
    size_t i;
    const json_t *one;
    int r = containment_list(ctx, incident_id, &answer, err);
    r = take_json(r, &answer, &json, err);
    if (r < 0) {
        return r;
    }
    ret_measures->count = 0;
    json_array_foreach(json_object_get(json, "data"), i, one) {
        if (ret_measures->count == BRIEF_MEASURES_MAX) {
            break;
        }
        const json_t *taken = json_object_get(one, "taken");
        ret_measures->rows[ret_measures->count++] = (struct brief_measure){
            .kind = text_of(arena, one, "kind"),
            .name = text_of(arena, one, "name"),
            .what = {text_of(arena, one, "does"), text_of(arena, one, "does_zh")},
            .on_us = moment_of(taken),
            .off_us = off_since(one, json_object_get(one, "undone")),
            .by = text_of(arena, taken, "by"),
            .handed_to = text_of(arena, json_object_get(one, "handed_over"), "to"),
            .undo = text_of(arena, one, "undo"),
        };
    }
    return 0;
}

/* ---- the next items ---- */

struct asking {
    struct playbooks *playbooks;
    const char *incident_id;
    struct arena *arena;
    struct playbook_next next[BRIEF_ITEMS_MAX + 1];
    int count;
};

static int next_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct asking *asking = ctx;
    asking->count = playbook_next(asking->playbooks, tx, asking->arena, asking->incident_id,
                                  BRIEF_ITEMS_MAX + 1, asking->next, err);
    return asking->count < 0 ? asking->count : 0;
}

static int items(void *ctx, const char *incident_id, struct arena *arena,
                 struct brief_items *ret_items, struct err *err) {
    struct playbooks *playbooks = ctx;
    struct asking asking = {.playbooks = playbooks, .incident_id = incident_id, .arena = arena};
    int r = store_read(playbooks->options.store, next_tx, &asking, err);
    if (r < 0) {
        return r;
    }
    *ret_items = (struct brief_items){
        .count = asking.count < BRIEF_ITEMS_MAX ? asking.count : BRIEF_ITEMS_MAX,
        .more = asking.count > BRIEF_ITEMS_MAX,
    };
    for (int i = 0; i < ret_items->count; i++) {
        ret_items->rows[i] = (struct brief_item){
            .what = {asking.next[i].text[NOTICE_EN], asking.next[i].text[NOTICE_ZH]},
            .command = asking.next[i].command,
        };
    }
    return 0;
}

struct brief_sources brief_sources_of(struct gate *gate, struct containments *containments,
                                      struct playbooks *playbooks) {
    return (struct brief_sources){
        .gate = gate,
        .measures = containments != NULL ? measures : NULL,
        .measures_ctx = containments,
        .items = playbooks != NULL ? items : NULL,
        .items_ctx = playbooks,
    };
}
