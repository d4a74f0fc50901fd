/* SPDX-License-Identifier: Apache-2.0
 * alert_impl.h: what the parts of alert.h share; nobody else includes it.
 *   alert.c           opened; what detectors say
 *   alert_rules.c     names and the table of rules
 *   alert_match.*     labels, fingerprints, matchers
 *   rota.*            hours and turns
 *   alert_settings.c  what the configuration means
 *   alert_rows.c      rows, words, history, what was told
 *   alert_life.*      when it fires and ends
 *   alert_move.c      from one state to the next
 *   alert_sight.c     what is not to be told now
 *   alert_notice.c    an alert as a notice
 *   alert_money.c     what is at stake: kept, in words, as JSON
 *   alert_group.c     who is told what of a group
 *   alert_escalate.c  steps and repeats
 *   alert_job.c       what happens later
 *   alert_people.c    acknowledging, silences, stand-ins
 *   alert_list.c      what people look at */
#ifndef HOLDFAST_WATCH_ALERT_IMPL_H
#define HOLDFAST_WATCH_ALERT_IMPL_H

#include "base/task.h"
#include "watch/alert_life.h"
#include "watch/alert_match.h"
#include "watch/rota.h"

#define ALERT_RECHECK_US (30 * US_PER_SECOND) /* how often what is muted is looked at again */
#define ALERT_FOREIGN_US (24 * 3600 * US_PER_SECOND) /* another system's word counts for so long */

enum {
    ALERT_NAME_CHARS_MAX = 60,
    ALERT_ROUTES_MAX = 64,
    ALERT_INHIBITIONS_MAX = 64,
    ALERT_PEOPLE_MAX = 100,
    ALERT_ROTAS_MAX = 16,
    ALERT_ESCALATIONS_MAX = 16,
    ALERT_STEPS_MAX = 10,
    ALERT_ROUTE_CHANNELS_MAX = 16,
    ALERT_CACHE_SLOTS = 16384,
};

/* ---- alert_settings.c ---- */

struct alert_names { /* of channels */
    const char *names[ALERT_ROUTE_CHANNELS_MAX];
    int count;
};

struct alert_route {
    const char *name;
    unsigned teams, severities; /* bits; 0: any */
    struct matchers match;
    struct hours hours;
    struct alert_names channels;
    bool go_on;
};

struct alert_inhibition {
    struct matchers source, target;
    const char *equal[MATCHERS_MAX];
    int equal_count;
};

struct alert_person {
    const char *name;
    struct alert_names channels;
};

enum alert_step_to { STEP_ROTA, STEP_PERSON, STEP_CHANNEL };
struct alert_step {
    int64_t after_us;
    enum alert_step_to to;
    const char *name;
};
struct alert_escalation {
    unsigned teams, severities;
    struct alert_step steps[ALERT_STEPS_MAX];
    int step_count;
};

struct alert_settings {
    struct arena *arena;
    enum notice_language language;
    const char *url; /* "": none */
    const char *zone;
    const char *group_by[MATCHERS_MAX];
    int group_by_count;
    int64_t wait_us, interval_us, repeat_us; /* repeat 0: never */
    struct alert_rule_state *rules;          /* of alert_rule_count() */
    struct alert_route *routes;
    struct alert_inhibition *inhibitions;
    struct alert_person *people;
    struct rota *rotas;
    struct alert_escalation *escalations;
    int route_count, inhibition_count, person_count, rota_count, escalation_count;
    const char *heartbeat; /* its channel; NULL: none */
    int64_t heartbeat_us;
    bool test_off;
    int test_day;
    int64_t test_s;
};
/* ERR_CONFIG with its place. `config` may be NULL. Texts are borrowed from it. */
MUST_USE int alert_settings_read(const struct alert_config *config, const struct channels *channels,
                                 struct alert_settings *ret_settings, struct err *err);
void alert_settings_release(struct alert_settings *settings);
/* The rule as it is in force now, or ALERT_RULE_OTHER. */
void alert_rule_now(const struct alerts *alerts, const char *name,
                    struct alert_rule_state *ret_rule);
/* The channels of the routes that fit now, none twice. Returns whether any route that fits has
 * hours: then it may be others later. */
bool alert_targets(const struct alert_settings *settings, const struct alert_face *face,
                   int64_t now_us, struct alert_names *ret_names);
void alert_names_add(struct alert_names *names, const char *name);
const struct alert_escalation *alert_escalation_of(const struct alert_settings *settings,
                                                   const struct alert_face *face); /* or NULL */
const struct rota *alert_rota_find(const struct alert_settings *settings, const char *name);
const struct alert_person *alert_person_find(const struct alert_settings *settings,
                                             const char *name);

/* What was last written of a fingerprint by this process, so that the same need not be written
 * again. Slots are taken by digest; another one in the same slot only costs a transaction. */
struct alert_said {
    uint64_t digest;
    int64_t at_us;
    bool firing;
    enum notice_severity severity;
};

struct alerts {
    struct alerts_options options;
    struct alert_settings settings;
    struct lock lock; /* of what follows */
    struct alert_said *said;
};

/* ---- alert_rows.c ---- */

struct alert_row {
    const char *id, *fingerprint, *group_key, *facts, *value, *threshold, *acked_by, *ack_reason;
    const char *labels_text, *money; /* alert_money.c has its form */
    struct alert_face face;
    enum alert_state state;
    int64_t first_symptom_us, seen_us, clear_us, fired_us, acked_us, resolved_us, told_us, calls_us;
    int64_t step, owed, entries;
};
#define ALERT_COLUMNS                                                                              \
    "a.id, a.fingerprint, a.rule, a.labels, a.team, a.severity, a.state, a.facts, a.value, "       \
    "a.threshold, a.group_key, a.first_symptom_us, a.seen_us, a.clear_us, a.fired_us, "            \
    "a.acked_us, a.acked_by, a.ack_reason, a.resolved_us, a.told_us, a.calls_us, a.step, a.owed, " \
    "a.entries, a.money"
enum { ALERT_COLUMN_COUNT = 25 };
void alert_row_take(struct arena *arena, const struct sql_rows *rows, struct alert_row *ret_row);
/* Locked. 1 found, 0 none. */
MUST_USE int alert_row_live(struct store_tx *tx, struct arena *arena, const char *fingerprint,
                            struct alert_row *ret_row, struct err *err);
MUST_USE int alert_row_load(struct store_tx *tx, struct arena *arena, const char *id,
                            struct alert_row *ret_row, struct err *err);
MUST_USE int alert_row_insert(struct store_tx *tx, const struct alert_row *row, struct err *err);
MUST_USE int alert_row_save(struct store_tx *tx, const struct alert_row *row, struct err *err);
MUST_USE int alert_row_forget(struct store_tx *tx, const char *id, struct err *err);
/* One more line of its history; counts row->entries up. */
MUST_USE int alert_entry_add(struct store_tx *tx, struct alert_row *row, const char *actor,
                             const char *what, const char *body, struct err *err);
MUST_USE int alert_told_put(struct store_tx *tx, const struct alert_row *row, const char *channel,
                            enum notice_state state, int64_t now_us, struct err *err);

/* ---- alert_move.c ---- */

/* What follows from the words and the time; saves the row, or forgets it (then row->id is ""), and
 * makes due what comes next. The row is locked. */
MUST_USE int alert_advance(struct alerts *alerts, struct store_tx *tx, struct alert_row *row,
                           int64_t now_us, int64_t *ret_next_us, struct err *err);
MUST_USE int alert_job_due(struct store_tx *tx, const char *kind, const char *name, int64_t due_us,
                           struct err *err);
/* Its group tells of it: at once, or as its rhythm is. */
MUST_USE int alert_group_due(struct alerts *alerts, struct store_tx *tx,
                             const struct alert_row *row, bool at_once, int64_t now_us,
                             struct err *err);
void alert_wake(const struct alerts *alerts);

/* ---- alert_sight.c ---- */

struct alert_silence {
    const char *id;
    struct matchers matchers;
};
struct alert_source { /* firing or acknowledged */
    const char *id;
    struct alert_face face;
};
struct alert_sight {
    struct alert_silence *silences; /* in force now */
    int silence_count;
    struct alert_source *sources;
    int source_count;
};
MUST_USE int alert_sight_load(struct store_tx *tx, struct arena *arena, int64_t now_us,
                              struct alert_sight *ret_sight, struct err *err);
/* Of a row of id, rule, labels, team, severity; the arena's. */
struct alert_face alert_face_take(struct arena *arena, const struct sql_rows *rows);
/* The alert that explains it; NULL: none does. Borrowed from the sight. */
const struct alert_source *alert_explained(const struct alerts *alerts,
                                           const struct alert_sight *sight,
                                           const struct alert_row *row);
/* ,"explained_by":{…}; nothing when no alert explains it. */
void alert_json_explained(struct buf *buf, const struct alerts *alerts,
                          const struct alert_sight *sight, const struct alert_row *row);
/* ,"explains":[…]: the live alerts that this one explains; nothing when it explains none. */
MUST_USE int alert_json_explains(struct buf *buf, const struct alerts *alerts, struct store_tx *tx,
                                 const struct alert_row *row, struct err *err);
/* The id of the silence or of the alert that mutes it; NULL: nothing does. */
const char *alert_muted(const struct alerts *alerts, const struct alert_sight *sight,
                        const struct alert_row *row);

/* ---- alert_notice.c ---- */

enum alert_word {
#define X(ID, en, zh) ALERT_WORD_##ID,
#include "watch/alert_words.def"
#undef X
    ALERT_WORDS,
};
const char *alert_word(const struct alerts *alerts, enum alert_word word);
const char *alert_word_in(enum notice_language language, enum alert_word word);
/* The signal as what is kept of it, into row->facts, value and threshold. */
MUST_USE int alert_facts(const struct alerts *alerts, struct arena *arena,
                         const struct alert_signal *signal, struct alert_row *row, struct err *err);
MUST_USE int alert_notice(struct arena *arena, const struct alert_row *row, enum notice_state state,
                          const char *reason, struct notice *ret_notice, struct err *err);
/* A notice about nothing but the alerting itself. */
void alert_own_notice(const struct alerts *alerts, const char *fingerprint, const char *kind,
                      enum alert_word title, enum alert_word reason, struct notice *ret_notice);

/* ---- alert_money.c ---- */

/* The signal's money as a row keeps it: "stake;CNY 1234000 6170000;EUR …"; "" when it has none. */
const char *alert_money_kept(struct arena *arena, const struct alert_signal *signal);
/* The same in words: "About CNY 12,340 a minute are not taken; …"; "" when there is none. */
const char *alert_money_words(struct arena *arena, enum notice_language language,
                              const struct alert_face *face, const char *kept);
/* ,"money_at_risk":[…] and ,"stake":…; nothing when there is none. */
void alert_money_json(struct buf *buf, const char *kept);
int64_t alert_money_stake(const char *kept);

/* ---- the jobs ---- */

#define ALERT_JOB_ALERT "a:"
#define ALERT_JOB_GROUP "g:"
#define ALERT_JOB_TEST "test:"
#define ALERT_JOB_HEARTBEAT "heartbeat"
#define ALERT_JOB_SWEEP "sweep"
/* Each one transaction; *ret_next_us 0: nothing is left to do. */
MUST_USE int alert_group_run(struct alerts *alerts, const char *group_key, int64_t *ret_next_us,
                             struct err *err);
MUST_USE int alert_climb(struct alerts *alerts, struct store_tx *tx, struct arena *arena,
                         struct alert_row *row, int64_t now_us, int64_t *ret_next_us,
                         struct err *err);
int64_t alert_test_next_us(const struct alerts *alerts, const char *channel, int64_t now_us);
/* Who has the duty: a stand-in, or the rota's own; NULL: nobody. */
MUST_USE int alert_on_duty(struct store_tx *tx, struct arena *arena, const struct rota *rota,
                           int64_t now_us, const char **ret_person, struct err *err);
/* ---- alert_list.c ---- */

MUST_USE int alert_show_tx(struct alerts *alerts, struct store_tx *tx, const char *id,
                           struct buf *buf, struct err *err);
MUST_USE int silence_show_tx(struct store_tx *tx, const char *id, struct buf *buf, struct err *err);
/* ,"key":"value" and ,"key":"time"; nothing for "" and 0. */
void alert_json_text(struct buf *buf, const char *key, const char *value);
void alert_json_time(struct buf *buf, const char *key, int64_t wall_us);

#endif
