/* SPDX-License-Identifier: Apache-2.0
 * figures.h: the nine figures: their values now and before, overall and by dimension, and what they
 * are judged by (figures.def, and `figures` of the configuration).
 *
 * Now is the last whole minutes, as many as the figure's window has, and the present one as far as
 * it goes. With fewer events than a figure's least there is no value and no judgement: nothing is
 * said about what is not known. A customer who failed again within ten minutes counts once.
 * Threads: any. Errors: ERR_CONFIG, ERR_VALIDATION, those of the store. */
#ifndef HOLDFAST_WATCH_FIGURES_H
#define HOLDFAST_WATCH_FIGURES_H

#include "watch/rollup.h"

enum figure_id {
#define X(id, name, operation, kind, unit, warning, critical, target, events_min, help) FIGURE_##id,
#include "watch/figures.def"
#undef X
    FIGURES
};
enum {
    FIGURE_WINDOW_MINUTES = 5,
    FIGURE_WINDOW_MAX = ROLLUP_RECENT_MINUTES,
    FIGURE_POINTS_MAX = 60,
};

enum figure_kind {
    FIGURE_KIND_RATE,
    FIGURE_KIND_SUCCESS,
    FIGURE_KIND_ERRORS,
    FIGURE_KIND_FAILURES,
    FIGURE_KIND_LATENCY,
};
enum figure_state { FIGURE_NO_DATA, FIGURE_OK, FIGURE_WARNING, FIGURE_CRITICAL };

struct figure {
    const char *name, *unit, *help;
    enum slice_operation operation;
    enum figure_kind kind;
};
extern const struct figure figure_table[FIGURES];
MUST_USE bool figure_find(const char *name, enum figure_id *ret_id);
bool figure_low_is_bad(const struct figure *figure);
const char *figure_state_name(enum figure_state state);

/* From which state on a figure is an alert (figure_alarms.def). */
enum figure_level { FIGURE_LEVEL_OFF, FIGURE_LEVEL_CRITICAL, FIGURE_LEVEL_WARNING };
const char *figure_level_name(enum figure_level level); /* "off", "critical", "warning" */

/* What a figure is judged by. */
struct figure_limits {
    double warning, critical;
    int64_t events_min;
    int64_t window_minutes; /* 1 to FIGURE_WINDOW_MAX */
    enum figure_level level;
    double target; /* what is aimed at; 0: nothing */
};

/* `figures` of the configuration; what is absent is as in figures.def. */
struct config_figure {
    char *name;
    double *warning, *critical, *target;
    unsigned *events_min, *window_minutes;
    char *alert; /* "off", "critical", "warning" */
};
struct figures_config {
    struct config_figure *rows;
    unsigned rows_count;
};

struct tuning;
struct figures_watch {
    struct figure_limits limits[FIGURES];
    struct tuning *tuning; /* limits that change while running (tuning.h); NULL: those */
    struct rollup *rollup;
    struct store *store;
    int64_t started_us; /* monotonic: what came before is not known here */
};
/* ERR_CONFIG: a name that is none, thresholds that are in the wrong order or out of range. */
MUST_USE int figures_limits_read(const struct figures_config *config,
                                 struct figure_limits ret_limits[FIGURES], struct err *err);
/* Puts what a row says on top of *limits. ERR_CONFIG; *limits may then be half changed. */
MUST_USE int figure_limits_apply(enum figure_id id, const struct config_figure *row,
                                 struct figure_limits *limits, struct err *err);
/* Those in force now. */
void figure_limits_now(const struct figures_watch *watch, enum figure_id id,
                       struct figure_limits *ret_limits);

/* The value of what was summed over `minutes`; NAN when it is too little. */
double figure_value(enum figure_id id, const struct figure_limits *limits,
                    const struct metric_sum *sum, double minutes);
enum figure_state figure_judge(enum figure_id id, const struct figure_limits *limits, double value);

/* How much of what may miss the target has: 1: all of it. Of a success rate of 99.5 % half a
 * percent of payments may fail; of an error rate, the target itself; of a latency, five in a
 * hundred may take longer. NAN: no target, no data, or a rate, of which nothing may miss it. */
double figure_budget_used(enum figure_id id, const struct figure_limits *limits,
                          const struct metric_sum *sum);

/* How long "now" is: less in the first minutes after the start. */
double figures_window_minutes(const struct figures_watch *watch,
                              const struct figure_limits *limits);

/* Overall, now. */
struct figure_now {
    double value; /* NAN: no data */
    enum figure_state state;
    struct metric_sum sum;
};
void figures_now(const struct figures_watch *watch, struct figure_now ret_now[FIGURES]);

/* Sets the gauges of /metrics. */
void figures_meter(const struct figures_watch *watch);

/* What is asked for by GET /v1/metrics. */
#define FIGURES_BY_CODE (1U << SLICE_DIMENSIONS) /* each code with its share; of latencies none */
struct figures_query {
    bool wanted[FIGURES];
    unsigned by;               /* bits 1 << SLICE_GATEWAY, …, FIGURES_BY_CODE */
    int64_t from_us, until_us; /* wall; from 0: now */
};
/* "gateway,code": ERR_VALIDATION for what is no dimension. */
MUST_USE int figures_by_parse(const char *text, unsigned *ret_by, struct err *err);
/* The answer as JSON. A time in the past comes from the store, in at most FIGURE_POINTS_MAX points,
 * and ends with the last whole minute that is written. ERR_VALIDATION: a time that is none. */
MUST_USE int figures_json(const struct figures_watch *watch, const struct figures_query *query,
                          struct buf *buf, struct err *err);

#endif
