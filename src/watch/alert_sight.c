/* SPDX-License-Identifier: Apache-2.0
 * alert_sight.c: what is not to be told now: silenced by a person, or explained by another alert.
 * */
#include <string.h>

#include "watch/alert_impl.h"

static int load_silences(struct store_tx *tx, struct arena *arena, int64_t now_us,
                         struct alert_sight *sight, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, matchers FROM alert_silence WHERE from_us <= $1 AND "
                      "until_us > $1 AND ended_us = 0 ORDER BY id",
                      S_INT(now_us));
    sight->silences = arena_alloc(arena, sizeof *sight->silences * SILENCES_MAX);
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && sight->silence_count < SILENCES_MAX) {
        struct alert_silence *silence = &sight->silences[sight->silence_count++];
        silence->id = arena_copy(arena, sql_text(rows, 0));
        matchers_split(arena, sql_text(rows, 1), &silence->matchers);
    }
    return r < 0 ? r : 0;
}

struct alert_face alert_face_take(struct arena *arena, const struct sql_rows *rows) {
    struct notice_label *labels = NULL;
    struct alert_face face = {
        .rule = arena_copy(arena, sql_text(rows, 1)),
        .label_count = labels_parse(arena, sql_text(rows, 2), &labels),
        .team = (enum alert_team)sql_int(rows, 3),
        .severity = (enum notice_severity)sql_int(rows, 4),
    };
    face.labels = labels;
    return face;
}

static int load_sources(struct store_tx *tx, struct arena *arena, struct alert_sight *sight,
                        struct err *err) {
    const int room = ALERTS_LIVE_MAX + 1;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, rule, labels, team, severity FROM alert WHERE state IN (2, 3) "
                      "AND state <> 4 ORDER BY id LIMIT $1",
                      S_INT(room));
    sight->sources = arena_alloc(arena, sizeof *sight->sources * (size_t)room);
    while (r >= 0 && (r = sql_next(rows, err)) > 0 && sight->source_count < room) {
        struct alert_source *source = &sight->sources[sight->source_count++];
        source->id = arena_copy(arena, sql_text(rows, 0));
        source->face = alert_face_take(arena, rows);
    }
    return r < 0 ? r : 0;
}

int alert_sight_load(struct store_tx *tx, struct arena *arena, int64_t now_us,
                     struct alert_sight *ret_sight, struct err *err) {
    *ret_sight = (struct alert_sight){0};
    int r = load_silences(tx, arena, now_us, ret_sight, err);
    return r < 0 ? r : load_sources(tx, arena, ret_sight, err);
}

static bool equal(const struct alert_inhibition *inhibition, const struct alert_face *a,
                  const struct alert_face *b) {
    for (int i = 0; i < inhibition->equal_count; i++) {
        if (strcmp(face_value(a, inhibition->equal[i]), face_value(b, inhibition->equal[i])) != 0) {
            return false;
        }
    }
    return true;
}

/* One that could be on both sides is muted only by what is on the source's alone: two of a kind do
 * not mute each other. */
static const struct alert_source *source_of(const struct alert_inhibition *inhibition,
                                            const struct alert_sight *sight,
                                            const struct alert_row *row) {
    if (!matchers_fit(&inhibition->target, &row->face)) {
        return NULL;
    }
    bool both = matchers_fit(&inhibition->source, &row->face);
    for (int i = 0; i < sight->source_count; i++) {
        const struct alert_source *source = &sight->sources[i];
        if (strcmp(source->id, row->id) != 0 &&
            matchers_fit(&inhibition->source, &source->face) &&
            !(both && matchers_fit(&inhibition->target, &source->face)) &&
            equal(inhibition, &source->face, &row->face)) {
            return source;
        }
    }
    return NULL;
}

const struct alert_source *alert_explained(const struct alerts *alerts,
                                           const struct alert_sight *sight,
                                           const struct alert_row *row) {
    const struct alert_source *source = NULL;
    for (int i = 0; source == NULL && i < alerts->settings.inhibition_count; i++) {
        source = source_of(&alerts->settings.inhibitions[i], sight, row);
    }
    return source;
}

const char *alert_muted(const struct alerts *alerts, const struct alert_sight *sight,
                        const struct alert_row *row) {
    for (int i = 0; i < sight->silence_count; i++) {
        if (matchers_fit(&sight->silences[i].matchers, &row->face)) {
            return sight->silences[i].id;
        }
    }
    const struct alert_source *source = alert_explained(alerts, sight, row);
    return source != NULL ? source->id : NULL;
}
