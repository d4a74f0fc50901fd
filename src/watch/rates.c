/* SPDX-License-Identifier: Apache-2.0
 * rates.c: counts of three times (the last hour, the last day, four weeks before it), and shares of
 * them against each other. The four weeks are summed once a day; from hour to hour only what has
 * come into them and what has left them is read. */
#include "watch/rates.h"

#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "watch/budget.h"
#include "watch/volume_impl.h"

#define MINUTE_US (60 * US_PER_SECOND)
#define WRITTEN_US (20 * US_PER_SECOND) /* a minute's rows are written within so long of its end */
enum {
    HOUR_MINUTES = 60,
    DAY_HOURS = 24,
    DAY_MINUTES = DAY_HOURS * HOUR_MINUTES,
    LOOKS_PER_DAY = 48, /* that say something of their own: windows overlap */
    LEAST_MAX = 1000000,
};
enum {
    ONLY_OK = 1 << SLICE_OK,
    ONLY_DECLINED = 1 << SLICE_DECLINED,
    ONLY_FAILED = 1 << SLICE_FAILED,
    ONLY_ANY = ONLY_OK | ONLY_DECLINED | ONLY_FAILED,
};

static const double found_times = 2.0;
/* From time to time the usual share differs by a third. */
static const double usual_variance = 0.1;

static const struct rate {
    const char *rule, *what;
    enum slice_operation of, by;
    int of_outcomes, by_outcomes, minutes, least;
    bool each;
} table[RATES] = {
#define X(id, rule, of, of_outcomes, by, by_outcomes, minutes, least, each, what)                  \
    {rule,  what,   SLICE_##of, SLICE_##by, ONLY_##of_outcomes, ONLY_##by_outcomes, minutes,       \
     least, each != 0},
#include "watch/rates.def"
#undef X
};

const char *const rate_rules[RATES] = {
#define X(id, rule, of, of_outcomes, by, by_outcomes, minutes, least, each, what) rule,
#include "watch/rates.def"
#undef X
};

struct rates {
    double alarms_per_day; /* its part */
    struct rate_limits limits[RATES];
    char gateways[RATES_GATEWAYS_MAX][SLICE_LABEL_CHARS_MAX + 1]; /* the first: all */
    int gateway_count;
    struct slice_counts counts[RATE_SPANS][RATES_GATEWAYS_MAX][SLICE_OPERATIONS_MAX + 1];
    int64_t past_hours; /* of which anything is known */
    bool open[RATES][RATES_GATEWAYS_MAX];
    int64_t looked_minute, learnt_hour; /* 0: not yet */
    int64_t summed_hour;                /* when the whole past was read */
    struct rate_finding shown[RATES_FINDINGS_MAX];
};

void rate_limits_usual(struct rate_limits ret_limits[RATES]) {
    for (int i = 0; i < RATES; i++) {
        ret_limits[i] = (struct rate_limits){found_times, table[i].least,
                                             table[i].minutes == DAY_MINUTES};
    }
}

const char *rate_limits_wrong(const struct rate_limits *limits) {
    if (!(limits->times >= 1.1 && limits->times <= 100)) { /* also what is no number */
        return "times is from 1.1 to 100";
    }
    return limits->least < 1 || limits->least > LEAST_MAX ? "least is from 1 to 1000000" : NULL;
}

void rates_tune(struct rates *rates, double alarms_per_day,
                const struct rate_limits limits[RATES]) {
    rates->alarms_per_day = budget_of(BUDGET_RATES, alarms_per_day);
    memcpy(rates->limits, limits, sizeof rates->limits);
}

struct rates *rates_new(double alarms_per_day) {
    struct rates *rates = g_new0(struct rates, 1);
    struct rate_limits usual[RATES];
    rate_limits_usual(usual);
    rates_tune(rates, alarms_per_day, usual);
    rates->gateway_count = 1;
    return rates;
}

void rates_free(struct rates *rates) {
    g_free(rates);
}

/* ---- read ---- */

/* -1: there is no room. */
static int gateway_of(struct rates *rates, const char *name) {
    for (int i = 1; i < rates->gateway_count; i++) {
        if (strcmp(rates->gateways[i], name) == 0) {
            return i;
        }
    }
    if (name[0] == '\0' || rates->gateway_count == RATES_GATEWAYS_MAX) {
        return -1;
    }
    g_strlcpy(rates->gateways[rates->gateway_count], name, sizeof rates->gateways[0]);
    return rates->gateway_count++;
}

static void add(struct slice_counts *to, const struct slice_counts *more) {
    to->ok += more->ok;
    to->declined += more->declined;
    to->failed += more->failed;
    to->repeated += more->repeated;
}

void rates_begin(struct rates *rates, enum rate_span span) {
    memset(rates->counts[span], 0, sizeof rates->counts[span]);
}

void rates_add(struct rates *rates, enum rate_span span, enum slice_operation operation,
               const char *gateway, const struct slice_counts *counts) {
    int number = gateway_of(rates, gateway);
    add(&rates->counts[span][0][operation], counts);
    if (number >= 0) {
        add(&rates->counts[span][number][operation], counts);
    }
}

void rates_known(struct rates *rates, int64_t hours) {
    rates->past_hours = hours;
}

static int read_span(struct rates *rates, enum rate_span span, struct sql_rows *rows,
                     struct err *err) {
    rates_begin(rates, span);
    int r = sql_next(rows, err);
    for (; r > 0; r = sql_next(rows, err)) {
        int64_t operation = sql_int(rows, 0);
        const struct slice_counts counts = {sql_int(rows, 2), sql_int(rows, 3), sql_int(rows, 4),
                                            sql_int(rows, 5)};
        if (operation >= 1 && operation <= SLICE_OPERATIONS_MAX) {
            rates_add(rates, span, (enum slice_operation)operation, sql_text(rows, 1), &counts);
        }
    }
    return r;
}

#define SUMS                                                                                       \
    "SELECT operation, gateway, CAST(SUM(ok) AS bigint), CAST(SUM(declined) AS bigint), "          \
    "CAST(SUM(failed) AS bigint), CAST(SUM(repeated) AS bigint) FROM "

static int read_minutes(struct store_tx *tx, struct rates *rates, int64_t until, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      SUMS "metric_minute JOIN metric_slice ON id = slice WHERE minute >= $1 AND "
                           "minute < $2 GROUP BY operation, gateway",
                      S_INT(until - HOUR_MINUTES), S_INT(until));
    return r < 0 ? r : read_span(rates, RATE_SPAN_HOUR, rows, err);
}

static int read_hours(struct store_tx *tx, struct rates *rates, enum rate_span span, int64_t from,
                      int64_t until, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      SUMS "metric_hour JOIN metric_slice ON id = slice WHERE hour >= $1 AND hour "
                           "< $2 GROUP BY operation, gateway",
                      S_INT(from), S_INT(until));
    return r < 0 ? r : read_span(rates, span, rows, err);
}

/* Of how many of these hours anything is known. */
static int read_known(struct store_tx *tx, int64_t from, int64_t until, int64_t *ret_hours,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT COUNT(DISTINCT hour) FROM metric_hour WHERE hour >= $1 AND hour < $2",
                      S_INT(from), S_INT(until));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_hours = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

struct reading {
    struct rates *rates;
    int64_t until, hour;
    bool whole;            /* of the past */
    int64_t comes, leaves; /* known hours */
};

/* It may run again from the start: sums are moved when all has been read. */
static int read_past(struct store_tx *tx, struct reading *reading, struct err *err) {
    struct rates *rates = reading->rates;
    int64_t past = reading->hour - DAY_HOURS, from = past - RATES_DAYS * DAY_HOURS;
    int64_t moved = reading->hour - rates->learnt_hour;
    int r;
    if (reading->whole) {
        r = read_hours(tx, rates, RATE_SPAN_PAST, from, past, err);
        return r < 0 ? r : read_known(tx, from, past, &reading->comes, err);
    }
    r = read_hours(tx, rates, RATE_SPAN_COMES, past - moved, past, err);
    r = r < 0 ? r : read_known(tx, past - moved, past, &reading->comes, err);
    r = r < 0 ? r : read_hours(tx, rates, RATE_SPAN_LEAVES, from - moved, from, err);
    return r < 0 ? r : read_known(tx, from - moved, from, &reading->leaves, err);
}

static void counts_move(struct slice_counts *to, const struct slice_counts *comes,
                        const struct slice_counts *leaves) {
    to->ok = MAX(to->ok + comes->ok - leaves->ok, 0);
    to->declined = MAX(to->declined + comes->declined - leaves->declined, 0);
    to->failed = MAX(to->failed + comes->failed - leaves->failed, 0);
    to->repeated = MAX(to->repeated + comes->repeated - leaves->repeated, 0);
}

static void past_move(struct rates *rates) {
    for (int gateway = 0; gateway < rates->gateway_count; gateway++) {
        for (int i = 0; i <= SLICE_OPERATIONS_MAX; i++) {
            counts_move(&rates->counts[RATE_SPAN_PAST][gateway][i],
                        &rates->counts[RATE_SPAN_COMES][gateway][i],
                        &rates->counts[RATE_SPAN_LEAVES][gateway][i]);
        }
    }
}

static int read_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    struct rates *rates = reading->rates;
    int64_t hour = reading->hour, past = hour - DAY_HOURS;
    int r = read_minutes(tx, rates, reading->until, err);
    if (r < 0 || hour == rates->learnt_hour) {
        return r;
    }
    r = read_hours(tx, rates, RATE_SPAN_DAY, past, hour, err);
    return r < 0 ? r : read_past(tx, reading, err);
}

/* ---- judged ---- */

static int64_t count_of(const struct slice_counts *counts, int outcomes) {
    int64_t count = ((outcomes & ONLY_OK) != 0 ? counts->ok : 0) +
                    ((outcomes & ONLY_DECLINED) != 0 ? counts->declined : 0) +
                    ((outcomes & ONLY_FAILED) != 0 ? counts->failed : 0);
    bool failures = (outcomes & (ONLY_DECLINED | ONLY_FAILED)) != 0;
    return MAX(count - (failures ? counts->repeated : 0), 0);
}

static int64_t count_in(const struct rates *rates, int span, int gateway,
                        enum slice_operation operation, int outcomes) {
    return count_of(&rates->counts[span][gateway][operation], outcomes);
}

static struct rate_finding finding_of(const struct rates *rates, int id, int gateway) {
    const struct rate *rate = &table[id];
    bool day = rates->limits[id].day;
    int span = day ? RATE_SPAN_DAY : RATE_SPAN_HOUR;
    int64_t past = count_in(rates, RATE_SPAN_PAST, gateway, rate->of, rate->of_outcomes);
    int64_t past_of = count_in(rates, RATE_SPAN_PAST, gateway, rate->by, rate->by_outcomes);
    struct rate_finding finding = {
        .id = (enum rate_id)id,
        .rule = rate->rule,
        .what = rate->what,
        .gateway = rates->gateways[gateway],
        .most = "",
        .count = count_in(rates, span, gateway, rate->of, rate->of_outcomes),
        .of = count_in(rates, span, gateway, rate->by, rate->by_outcomes),
        .usual = ((double)past + 0.5) / ((double)past_of + 1),
        .minutes = day ? DAY_MINUTES : HOUR_MINUTES,
    };
    for (int i = 1; gateway == 0 && i < rates->gateway_count; i++) {
        int64_t part = count_in(rates, span, i, rate->of, rate->of_outcomes);
        finding.most = part * 2 > finding.count ? rates->gateways[i] : finding.most;
    }
    return finding;
}

/* Of how many any may be wrong. */
static double tests_of(const struct rates *rates) {
    int count = 0;
    for (int id = 0; id < RATES; id++) {
        count += table[id].each ? MAX(rates->gateway_count - 1, 1) : 1;
    }
    return count;
}

static bool is_open(const struct rates *rates, int id, int gateway) {
    const struct rate *rate = &table[id];
    const struct rate_limits *limits = &rates->limits[id];
    struct rate_finding finding = finding_of(rates, id, gateway);
    int64_t past = count_in(rates, RATE_SPAN_PAST, gateway, rate->of, rate->of_outcomes);
    int64_t past_of = count_in(rates, RATE_SPAN_PAST, gateway, rate->by, rate->by_outcomes);
    double mean = (double)finding.of * finding.usual;
    double count = (double)finding.count;
    if (past_of < RATES_KNOWN_MIN || rates->past_hours < RATES_DAYS_MIN * DAY_HOURS ||
        finding.count < limits->least || count <= (1 + limits->times) / 2 * mean) {
        return false;
    }
    double shape = 1 / (usual_variance + 1 / ((double)past + 1));
    double alpha = rates->alarms_per_day / LOOKS_PER_DAY / tests_of(rates);
    return rates->open[id][gateway] ||
           (count > limits->times * mean &&
            count_chance(count, MAX(mean, 0.01), shape, true) <= alpha);
}

void rates_judge(struct rates *rates) {
    for (int id = 0; id < RATES; id++) {
        int from = table[id].each ? 1 : 0, until = table[id].each ? rates->gateway_count : 1;
        for (int gateway = from; gateway < until; gateway++) {
            rates->open[id][gateway] = is_open(rates, id, gateway);
        }
    }
}

int rates_turn(struct rates *rates, struct store *store, int64_t now_us, struct err *err) {
    struct reading reading = {.rates = rates, .until = (now_us - WRITTEN_US) / MINUTE_US};
    reading.hour = reading.until / HOUR_MINUTES;
    bool learns = reading.hour != rates->learnt_hour;
    reading.whole = rates->learnt_hour == 0 || reading.hour < rates->learnt_hour ||
                    reading.hour - rates->summed_hour >= DAY_HOURS;
    if (reading.until == rates->looked_minute) {
        return 0;
    }
    int r = store_read(store, read_tx, &reading, err);
    if (r < 0) {
        rates->learnt_hour = 0; /* what was read may be half of it */
        return r;
    }
    if (learns && !reading.whole) {
        past_move(rates);
    }
    if (learns) {
        rates->past_hours = reading.comes - reading.leaves +
                            (reading.whole ? 0 : rates->past_hours);
    }
    rates->summed_hour = learns && reading.whole ? reading.hour : rates->summed_hour;
    rates->looked_minute = reading.until;
    rates->learnt_hour = reading.hour;
    rates_judge(rates);
    return 0;
}

int rates_open(struct rates *rates, const struct rate_finding **ret_findings) {
    int count = 0;
    for (int id = 0; id < RATES; id++) {
        for (int gateway = 0; gateway < rates->gateway_count; gateway++) {
            if (rates->open[id][gateway]) {
                rates->shown[count++] = finding_of(rates, id, gateway);
            }
        }
    }
    *ret_findings = rates->shown;
    return count;
}
