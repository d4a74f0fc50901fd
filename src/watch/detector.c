/* SPDX-License-Identifier: Apache-2.0
 * detector.c: events into slices, slices into findings, findings to their end.
 *
 * Invariants
 * D1 An event that an open finding's scope holds moves no test of another slice that looks for the
 *    same: what is explained is not evidence again.
 * D2 What is learnt as usual comes only from times when the test that looks for it went back to 0.
 * D3 Two open findings that look for the same never hold one in the other's scope.
 * D4 The same events in the same order give the same findings. */
#include "watch/detector_impl.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

enum { LATE_MAX_S = 60, PRIOR_EVENTS = 50, RETURNED_MIN = 5, SLOW_FLOOR_US = 500 * 1000 };
/* Until its hours are known, a rate is taken to change by a fifth; as if so many had been seen. */
enum { SPREAD_HOURS = 24, SPREAD_YES = 20 };
static const double usual_spread = 0.2, one_in_twenty = 1.645;
/* Of Wald's test for the end of a finding: docs/detection.md. */
static const double end_alpha = 0.001, end_beta = 0.01;
static const double false_alarms_per_day = 1.0 / 30, failing_usually = 0.05;
static const double technical_prior = 0.005, slow_prior = 0.02;
static const double slow_times = 1.5, slow_share = 0.95, slow_step = 0.005;

const char *const detector_dimensions[DIMENSIONS] = {"gateway", "method", "region", "currency",
                                                     "segment"};

const struct test_kind test_kinds[TEST_SILENCE] = {
#define X(id, name, of, p1_least, p1_more, clumps, text, zh)                                       \
    {name, SIGN_##of, {p1_least, p1_more}, clumps},
#include "watch/detector_tests.def"
#undef X
};

#define BIT(dimension) (1u << DIMENSION_##dimension)
const uint8_t shapes[SHAPES] = {
    0,
    BIT(GATEWAY),
    BIT(METHOD),
    BIT(REGION),
    BIT(CURRENCY),
    BIT(SEGMENT),
    BIT(GATEWAY) | BIT(METHOD),
    BIT(GATEWAY) | BIT(REGION),
    BIT(GATEWAY) | BIT(CURRENCY),
    BIT(METHOD) | BIT(REGION),
    BIT(METHOD) | BIT(CURRENCY),
    BIT(GATEWAY) | BIT(METHOD) | BIT(REGION),
};

const char *detector_test_name(enum detector_test test) {
    return test == TEST_SILENCE ? "silence" : test_kinds[test].name;
}

/* ---- scopes ---- */

bool scope_holds(const struct detector_scope *scope, const struct detector_event *event) {
    for (int i = 0; i < DIMENSIONS; i++) {
        if (scope->values[i] != 0 && scope->values[i] != event->values[i]) {
            return false;
        }
    }
    return true;
}

bool scope_is_within(const struct detector_scope *inner, const struct detector_scope *outer) {
    for (int i = 0; i < DIMENSIONS; i++) {
        if (outer->values[i] != 0 && outer->values[i] != inner->values[i]) {
            return false;
        }
    }
    return true;
}

bool scope_meets(const struct detector_scope *one, const struct detector_scope *other) {
    for (int i = 0; i < DIMENSIONS; i++) {
        if (one->values[i] != 0 && other->values[i] != 0 && one->values[i] != other->values[i]) {
            return false;
        }
    }
    return true;
}

int scope_dimensions(const struct detector_scope *scope) {
    int count = 0;
    for (int i = 0; i < DIMENSIONS; i++) {
        count += scope->values[i] != 0;
    }
    return count;
}

bool scope_of(struct detector_scope *ret_scope, const struct detector_event *event, uint8_t shape) {
    struct detector_scope scope = {0};
    for (int i = 0; i < DIMENSIONS; i++) {
        if ((shape >> i) & 1) {
            if (event->values[i] == 0) {
                return false;
            }
            scope.values[i] = event->values[i];
        }
    }
    *ret_scope = scope;
    return true;
}

/* ---- names ---- */

static detector_value number_of(struct names *names, const char *text) {
    char cut[DETECTOR_VALUE_CHARS_MAX + 1];
    g_strlcpy(cut, text, sizeof cut);
    if (cut[0] == '\0') {
        return 0;
    }
    gpointer known = g_hash_table_lookup(names->numbers, cut);
    if (known != NULL) {
        return (detector_value)GPOINTER_TO_UINT(known);
    }
    if (names->texts->len >= DETECTOR_VALUES_MAX) {
        return DETECTOR_VALUES_MAX - 1;
    }
    bool last = names->texts->len == DETECTOR_VALUES_MAX - 1;
    char *text_owned = g_strdup(last ? "other" : cut);
    g_hash_table_insert(names->numbers, text_owned, GUINT_TO_POINTER(names->texts->len));
    g_ptr_array_add(names->texts, text_owned);
    return (detector_value)(names->texts->len - 1);
}

static const char *text_of(const struct names *names, detector_value value) {
    return value < names->texts->len ? names->texts->pdata[value] : "";
}

detector_value detector_number(struct detector *detector, enum detector_dimension dimension,
                               const char *text) {
    return number_of(&detector->names[dimension], text);
}

const char *detector_text(const struct detector *detector, enum detector_dimension dimension,
                          detector_value value) {
    return text_of(&detector->names[dimension], value);
}

int detector_values(const struct detector *detector, enum detector_dimension dimension) {
    return (int)detector->names[dimension].texts->len - 1;
}

detector_value detector_code(struct detector *detector, const char *code) {
    return number_of(&detector->names[DIMENSIONS], code);
}

const char *detector_code_text(const struct detector *detector, detector_value code) {
    return text_of(&detector->names[DIMENSIONS], code);
}

/* ---- slices ---- */

static guint scope_hash(gconstpointer key) {
    const struct detector_scope *scope = key;
    guint hash = 17;
    for (int i = 0; i < DIMENSIONS; i++) {
        hash = hash * 2654435761u + scope->values[i];
    }
    return hash;
}

static gboolean scope_equal(gconstpointer one, gconstpointer other) {
    return memcmp(one, other, sizeof(struct detector_scope)) == 0;
}

struct slice *slice_find(const struct detector *detector, const struct detector_scope *scope) {
    return g_hash_table_lookup(detector->by_scope, scope);
}

struct slice *slice_get(struct detector *detector, const struct detector_scope *scope) {
    struct slice *slice = slice_find(detector, scope);
    if (slice != NULL) {
        return slice;
    }
    if (detector->slices->len >= DETECTOR_SLICES_MAX) {
        detector->figures.slices_left++;
        return NULL;
    }
    slice = g_new0(struct slice, 1);
    slice->scope = *scope;
    slice->dimensions = (uint8_t)scope_dimensions(scope);
    slice->since_us = detector->now_us;
    slice->last_us = detector->now_us;
    season_init(&slice->season);
    g_ptr_array_add(detector->slices, slice);
    g_hash_table_insert(detector->by_scope, &slice->scope, slice);
    limits_make(detector, slice);
    return slice;
}

static double prior_of(const struct detector *detector, enum sign sign) {
    return sign == SIGN_FAIL        ? detector->options.failing_normally
           : sign == SIGN_TECHNICAL ? technical_prior
                                    : slow_prior;
}

/* An hour with few events says little; weights are how many yes were to be expected. */
void learn_hour(struct learnt *learnt) {
    double events = learnt->hour, rate = learnt->events > 0 ? learnt->yes / learnt->events : 0;
    if (events > 0 && rate > 0 && learnt->events >= PRIOR_EVENTS) {
        double off = (double)learnt->hour_yes / events / rate - 1;
        double weight = fmin(events * rate / SPREAD_YES, 1);
        learnt->spread += weight * (off * off - (1 - rate) / (rate * events));
        learnt->hours += weight;
    }
    learnt->hour_yes = learnt->hour = 0;
}

/* The standard deviation of the rate from hour to hour, in shares of it. */
static double spread_of(const struct learnt *learnt) {
    double variance = (learnt->spread + SPREAD_HOURS * usual_spread * usual_spread) /
                      (learnt->hours + SPREAD_HOURS);
    return sqrt(fmin(fmax(variance, 0.01), 0.25));
}

/* A young slice is taken for one like all. What is told is a rate that is exceeded in one hour of
 * twenty when all is well, and what is known by few events may be worse than it looks. */
double usual_rate(const struct detector *detector, const struct slice *slice, enum sign sign) {
    const struct slice *all = detector->slices->len > 0 ? detector->slices->pdata[0] : NULL;
    double yes = PRIOR_EVENTS * prior_of(detector, sign), events = PRIOR_EVENTS;
    double spread = usual_spread;
    if (all != NULL) {
        yes += all->learnt[sign].yes;
        events += all->learnt[sign].events;
        spread = spread_of(&all->learnt[sign]);
    }
    if (slice != NULL && slice != all) {
        yes = PRIOR_EVENTS * yes / events + slice->learnt[sign].yes;
        events = PRIOR_EVENTS + slice->learnt[sign].events;
        spread = spread_of(&slice->learnt[sign]);
    }
    double rate = yes / events;
    double margin = one_in_twenty * rate * spread + 2 * sqrt(rate * (1 - rate) / events);
    return fmin(rate + margin, 0.8);
}

static bool sign_shows(const struct slice *slice, const struct detector_event *event,
                       enum sign sign) {
    if (sign == SIGN_FAIL) {
        return event->outcome != OUTCOME_OK;
    }
    if (sign == SIGN_TECHNICAL) {
        return event->outcome == OUTCOME_FAILED;
    }
    return slice->timed >= PRIOR_EVENTS && event->duration_us >= SLOW_FLOOR_US &&
           (double)event->duration_us > slow_times * slice->slow_us;
}

/* A quantile that follows: a step up for each above it, a nineteenth of that down for each below,
 * in shares of itself; wider steps while little is known. */
static void learn_slow(struct slice *slice, int64_t duration_us) {
    if (duration_us < 0) {
        return;
    }
    double duration = fmax((double)duration_us, 1);
    if (slice->timed == 0) {
        slice->slow_us = duration;
    }
    slice->timed++;
    bool above = duration > slice->slow_us;
    if (slice->timed <= 1 / slow_step) {
        double step = 1 / slice->timed;
        slice->slow_us *= exp(above ? slow_share * step : (slow_share - 1) * step);
    } else { /* two numbers, which are not worked out for each payment */
        slice->slow_us *= above ? exp(slow_share * slow_step) : exp((slow_share - 1) * slow_step);
    }
}

static void learn(struct slice *slice, enum sign sign, bool yes, bool at_rest) {
    struct learnt *learnt = &slice->learnt[sign];
    learnt->waiting++;
    learnt->waiting_yes += yes;
    learnt->hour++;
    learnt->hour_yes += yes;
    if (at_rest) {
        learnt->yes += learnt->waiting_yes;
        learnt->events += learnt->waiting;
        learnt->waiting = learnt->waiting_yes = 0;
    }
}

/* Which test says that a sign is at rest. */
static enum detector_test rest_test(enum sign sign) {
    return sign == SIGN_FAIL ? TEST_FAILING : sign == SIGN_TECHNICAL ? TEST_TECHNICAL : TEST_SLOW;
}

/* ---- findings ---- */

/* Failing for whatever reason is one thing; slow and silent are others. */
static int concern(enum detector_test test) {
    return test == TEST_SLOW ? 1 : test == TEST_SILENCE ? 2 : 0;
}

static void tell(const struct detector *detector, enum detector_change change,
                 const struct detector_finding *finding) {
    if (detector->options.tell != NULL) {
        detector->options.tell(detector->options.ctx, change, finding);
    }
}

/* Whether an event is the finding's: one of its scope, or a payment that no gateway was left for
 * while this one fails. */
static bool finding_holds(const struct detector_finding *finding,
                          const struct detector_event *event) {
    struct detector_scope rest = finding->scope;
    if (scope_holds(&finding->scope, event)) {
        return true;
    }
    rest.values[DIMENSION_GATEWAY] = 0;
    return finding->scope.values[DIMENSION_GATEWAY] != 0 && concern(finding->test) == 0 &&
           event->values[DIMENSION_GATEWAY] == 0 && event->outcome == OUTCOME_FAILED &&
           scope_holds(&rest, event);
}

/* What came in the scope since the first symptom; from now on those events are the finding's. */
static void gather(struct detector *detector, struct detector_finding *finding, enum sign sign) {
    uint64_t kept = MIN(detector->taken_count, DETECTOR_RECENT_MAX);
    finding->events = finding->failed = 0;
    finding->money_count = 0;
    finding->stake = 0;
    for (uint64_t i = 0; i < kept; i++) {
        struct recent *recent = &detector->recent[i];
        if (recent->event.at_us >= finding->first_symptom_us &&
            finding_holds(finding, &recent->event)) {
            bool yes = (recent->signs >> sign) & 1;
            finding->events++;
            finding->failed += yes;
            if (yes) {
                add_money(detector, finding, &recent->event);
            }
            recent->taken = true;
        }
    }
    name_code(detector, finding, sign);
}

/* The evidence is told; what is left of it in slices that it was in would be told again (D1). */
static void settle(struct detector *detector, const struct detector_finding *finding) {
    for (guint i = 0; i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        if (!scope_meets(&slice->scope, &finding->scope)) {
            continue;
        }
        for (int k = 0; k < TEST_SILENCE; k++) {
            if (concern(k) == concern(finding->test)) {
                cusum_reset(&slice->cusums[k]);
                slice->learnt[test_kinds[k].sign].waiting = 0;
                slice->learnt[test_kinds[k].sign].waiting_yes = 0;
            }
        }
    }
}

/* How bad is "still bad", for the test that ends it: what was seen counts, but a rate that is far
 * above the usual is bad enough. */
static double recovered_p1(const struct detector_finding *finding) {
    double seen = (double)finding->failed / (double)MAX(finding->events, 1);
    double worse = fmax(0.03, 0.6 * (seen - finding->normal));
    return finding->normal + fmin(worse, 0.15);
}

static struct open_finding *finding_open(struct detector *detector, enum detector_test test,
                                         const struct detector_scope *scope, int64_t since_us) {
    if (detector->open_count >= DETECTOR_FINDINGS_MAX) {
        return NULL;
    }
    struct open_finding *open = &detector->open[detector->open_count++];
    *open = (struct open_finding){.finding = {
                                      .id = ++detector->findings,
                                      .test = test,
                                      .scope = *scope,
                                      .first_symptom_us = since_us,
                                      .found_us = detector->now_us,
                                  }};
    return open;
}

/* Forgets findings that another has swallowed. */
static void swallow(struct detector *detector, const struct open_finding *grown) {
    for (int i = detector->open_count - 1; i >= 0; i--) {
        struct open_finding *open = &detector->open[i];
        if (open != grown && concern(open->finding.test) == concern(grown->finding.test) &&
            scope_is_within(&open->finding.scope, &grown->finding.scope)) {
            open->finding.closed_us = detector->now_us;
            tell(detector, FINDING_CLOSED, &open->finding);
            open->finding.id = 0;
        }
    }
    int kept = 0;
    for (int i = 0; i < detector->open_count; i++) {
        if (detector->open[i].finding.id != 0) {
            detector->open[kept++] = detector->open[i];
        }
    }
    detector->open_count = kept;
}

/* One that looks for the same and lies within what is now seen to fail. */
static struct open_finding *finding_within(struct detector *detector, enum detector_test test,
                                           const struct detector_scope *scope) {
    for (int i = 0; i < detector->open_count; i++) {
        struct detector_finding *finding = &detector->open[i].finding;
        if (concern(finding->test) == concern(test) && scope_is_within(&finding->scope, scope)) {
            return &detector->open[i];
        }
    }
    return NULL;
}

/* What no open finding has says what is the matter: when its likeliest slice holds an open finding,
 * that one was only the beginning. */
static void alarm_of(struct detector *detector, enum detector_test test, int64_t since_us) {
    enum sign sign = test_kinds[test].sign;
    struct ranked likeliest;
    if (!scope_rank(detector, sign, since_us, &likeliest)) {
        return;
    }
    enum detector_change change = FINDING_GREW;
    struct open_finding *open = finding_within(detector, test, &likeliest.scope);
    if (open == NULL) {
        change = FINDING_OPENED;
        open = finding_open(detector, test, &likeliest.scope, since_us);
    }
    if (open == NULL) {
        return;
    }
    struct detector_finding *finding = &open->finding;
    finding->scope = likeliest.scope;
    finding->first_symptom_us = MIN(finding->first_symptom_us, since_us);
    finding->likelihood = likeliest.likelihood;
    finding->normal = likeliest.normal;
    gather(detector, finding, sign);
    open->recovered_p1 = recovered_p1(finding);
    open->sprt = (struct sprt){0};
    settle(detector, finding);
    tell(detector, change, finding);
    if (change == FINDING_GREW) {
        swallow(detector, open);
    }
}

static void finding_close(struct detector *detector, int index) {
    struct detector_finding finding = detector->open[index].finding;
    finding.closed_us = detector->now_us;
    for (guint i = 0; i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        if (scope_meets(&slice->scope, &finding.scope)) {
            season_leave_out(&slice->season, finding.first_symptom_us, finding.closed_us);
            slice->expected = 0;
        }
    }
    settle(detector, &finding);
    for (int i = index; i + 1 < detector->open_count; i++) {
        detector->open[i] = detector->open[i + 1];
    }
    detector->open_count--;
    tell(detector, FINDING_CLOSED, &finding);
}

/* What an event does to the findings that hold it. Returns the concerns that have it, as bits. */
static unsigned findings_take(struct detector *detector, const struct recent *recent) {
    unsigned concerns = 0;
    for (int i = 0; i < detector->open_count; i++) {
        struct open_finding *open = &detector->open[i];
        struct detector_finding *finding = &open->finding;
        if (!finding_holds(finding, &recent->event)) {
            continue;
        }
        concerns |= 1u << concern(finding->test);
        if (finding->test == TEST_SILENCE) {
            if (++open->returned >= RETURNED_MIN) {
                finding_close(detector, i--);
            }
            continue;
        }
        bool yes = (recent->signs >> test_kinds[finding->test].sign) & 1;
        finding->events++;
        finding->failed += yes;
        if (yes) {
            add_money(detector, finding, &recent->event);
        }
        if (sprt_step(&open->sprt, finding->normal, open->recovered_p1, end_alpha, end_beta, yes) ==
            SPRT_WELL) {
            finding_close(detector, i--);
        }
    }
    return concerns;
}

/* ---- events ---- */

static uint64_t mixed(uint64_t hash) {
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 29);
}

/* Whether this customer's last payment failed, a little while ago; remembers this one's end. */
static bool customer_again(struct detector *detector, const struct detector_event *event) {
    if (event->customer == 0) {
        return false;
    }
    struct customer *set =
        &detector->customers[mixed(event->customer) % (CUSTOMERS / CUSTOMER_WAYS) * CUSTOMER_WAYS];
    struct customer *place = &set[0];
    for (int i = 0; i < CUSTOMER_WAYS; i++) {
        if (set[i].hash == event->customer) {
            place = &set[i];
            break;
        }
        place = set[i].failed_us < place->failed_us ? &set[i] : place;
    }
    bool known = place->hash == event->customer;
    bool again = known && event->at_us - place->failed_us < DETECTOR_CUSTOMER_S * US_PER_SECOND;
    if (event->outcome == OUTCOME_OK) {
        if (known) {
            *place = (struct customer){0};
        }
        return false;
    }
    *place = (struct customer){event->customer, event->at_us};
    return again;
}

/* The tests of one slice; the first that is at its limit, or DETECTOR_TESTS. */
static enum detector_test slice_step(struct slice *slice, const struct detector_event *event,
                                     unsigned concerns) {
    enum detector_test alarm = DETECTOR_TESTS;
    bool shows[SIGNS];
    for (int i = 0; i < SIGNS; i++) {
        shows[i] = sign_shows(slice, event, i);
    }
    for (int i = 0; i < TEST_SILENCE; i++) {
        const struct test_kind *kind = &test_kinds[i];
        /* What fails is often slow as well, and is told once. */
        bool explained = (concerns & 1u << concern(i)) != 0 || (concerns & 1u) != 0;
        if (explained || (kind->sign == SIGN_SLOW && event->duration_us < 0)) {
            continue;
        }
        if (cusum_step(&slice->cusums[i], &slice->limits[i], shows[kind->sign], event->at_us) &&
            alarm == DETECTOR_TESTS) {
            alarm = i;
        }
        if (i == (int)rest_test(kind->sign)) {
            learn(slice, kind->sign, shows[kind->sign], slice->cusums[i].events == 0);
        }
    }
    if (concerns == 0) {
        learn_slow(slice, event->duration_us);
    }
    return alarm;
}

/* The event's slices, in the order of shapes[]; those that there is no room for are NULL. What
 * comes comes again: the slices that belong to the same values are not looked up each time. */
static struct slice *const *slices_of(struct detector *detector,
                                      const struct detector_event *event) {
    struct slices_known *known = &detector->known[scope_hash(event->values) % SLICES_KNOWN];
    if (known->complete && memcmp(known->values, event->values, sizeof known->values) == 0) {
        return known->slices;
    }
    memcpy(known->values, event->values, sizeof known->values);
    known->complete = true;
    for (int i = 0; i < SHAPES; i++) {
        struct detector_scope scope;
        bool has = scope_of(&scope, event, shapes[i]);
        known->slices[i] = has ? slice_get(detector, &scope) : NULL;
        known->complete = known->complete && (!has || known->slices[i] != NULL);
    }
    return known->slices;
}

/* What is slow for this event: by the narrowest slice that knows, since a card is quicker than a
 * bank's page. */
static const struct slice *slice_that_knows(struct slice *const slices[SHAPES]) {
    static const int narrow[] = {6, 1, 2, 0}; /* of shapes[] */
    for (size_t i = 0; i < G_N_ELEMENTS(narrow); i++) {
        const struct slice *slice = slices[narrow[i]];
        if (slice != NULL && slice->timed >= PRIOR_EVENTS) {
            return slice;
        }
    }
    return NULL;
}

static struct recent *remember(struct detector *detector, const struct detector_event *event,
                               struct slice *const slices[SHAPES]) {
    const struct slice *knows = slice_that_knows(slices);
    struct recent *recent = &detector->recent[detector->taken_count++ % DETECTOR_RECENT_MAX];
    *recent = (struct recent){.event = *event};
    for (int i = 0; i < SIGNS; i++) {
        bool shows = i == SIGN_SLOW ? knows != NULL && sign_shows(knows, event, i)
                                    : sign_shows(NULL, event, i);
        recent->signs |= (uint8_t)(shows << i);
    }
    return recent;
}

void detector_take(struct detector *detector, const struct detector_event *given) {
    struct detector_event event = *given;
    detector->figures.events++;
    if (event.at_us < detector->now_us - LATE_MAX_S * US_PER_SECOND) {
        detector->figures.late++;
        event.at_us = detector->now_us;
    }
    detector->now_us = MAX(detector->now_us, event.at_us);
    learn_money(detector, &event);
    bool again = customer_again(detector, &event);
    detector->figures.repeated += again;
    struct slice *const *slices = slices_of(detector, &event);
    struct recent *recent = again ? NULL : remember(detector, &event, slices);
    unsigned concerns = again ? 0 : findings_take(detector, recent);
    if (recent != NULL) {
        recent->taken = concerns != 0;
    }
    enum detector_test alarm = DETECTOR_TESTS;
    int64_t since_us = 0;
    for (int i = 0; i < SHAPES; i++) {
        struct slice *slice = slices[i];
        if (slice == NULL) {
            continue;
        }
        season_add(&slice->season, event.at_us, 1);
        slice->expected = 0;
        slice->last_us = event.at_us;
        enum detector_test one = again ? DETECTOR_TESTS : slice_step(slice, &event, concerns);
        if (one != DETECTOR_TESTS && alarm == DETECTOR_TESTS) {
            alarm = one;
            since_us = slice->cusums[one].began_us;
        }
    }
    if (alarm != DETECTOR_TESTS) {
        alarm_of(detector, alarm, since_us);
    }
}

/* ---- silence ---- */

/* Of all slices that are silent longer than chance, the one from which most is missing. Of the
 * time that has passed only that counts in which nothing came: a hundred payments a second that
 * come as ever have nothing missing, however seldom this is asked. */
static void silence_look(struct detector *detector, int64_t passed_us) {
    struct slice *silent = NULL;
    for (guint i = 0; i < detector->slices->len; i++) {
        struct slice *slice = detector->slices->pdata[i];
        if (slice->rate <= 0) {
            continue;
        }
        int64_t quiet_us = MIN(MAX(detector->now_us - slice->last_us, 0), passed_us);
        slice->expected += slice->rate * (double)quiet_us / US_PER_SECOND;
        if (slice->expected >= slice->silence_limit &&
            (silent == NULL || slice->expected > silent->expected)) {
            silent = slice;
        }
    }
    if (silent == NULL) {
        return;
    }
    for (int i = 0; i < detector->open_count; i++) {
        const struct detector_finding *finding = &detector->open[i].finding;
        if (finding->test == TEST_SILENCE && scope_is_within(&silent->scope, &finding->scope)) {
            return;
        }
    }
    struct open_finding *open = finding_open(detector, TEST_SILENCE, &silent->scope,
                                             silent->last_us);
    if (open == NULL) {
        return;
    }
    open->finding.normal = silent->rate;
    open->finding.likelihood = silent->expected;
    tell(detector, FINDING_OPENED, &open->finding);
    swallow(detector, open);
}

void detector_tick(struct detector *detector, int64_t now_us) {
    if (now_us <= detector->now_us && detector->now_us != 0) {
        now_us = detector->now_us;
    }
    int64_t passed_us = detector->ticked_us == 0 ? 0 : now_us - detector->ticked_us;
    detector->now_us = now_us;
    detector->ticked_us = now_us;
    if (passed_us <= 0) {
        return;
    }
    detector->untuned_us += passed_us;
    if (detector->untuned_us >= US_PER_SECOND) {
        limits_follow(detector, detector->untuned_us / US_PER_SECOND);
        detector->untuned_us %= US_PER_SECOND;
    }
    silence_look(detector, passed_us);
}

/* ---- a detector's life ---- */

struct detector *detector_new(const struct detector_options *options) {
    struct detector *detector = g_new0(struct detector, 1);
    detector->options = *options;
    detector->tuning = detector_tuning_usual();
    if (options->alarms_per_day > 0) {
        detector->tuning.alarms_per_day = options->alarms_per_day;
    }
    if (detector->options.failing_normally <= 0) {
        detector->options.failing_normally = failing_usually;
    }
    for (int i = 0; i <= DIMENSIONS; i++) {
        struct names *names = &detector->names[i];
        names->numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        names->texts = g_ptr_array_new();
        g_ptr_array_add(names->texts, "");
    }
    detector->by_scope = g_hash_table_new(scope_hash, scope_equal);
    detector->slices = g_ptr_array_new_with_free_func(g_free);
    return detector;
}

void detector_free(struct detector *detector) {
    if (detector == NULL) {
        return;
    }
    for (int i = 0; i <= DIMENSIONS; i++) {
        g_hash_table_unref(detector->names[i].numbers);
        g_ptr_array_unref(detector->names[i].texts);
    }
    g_hash_table_unref(detector->by_scope);
    g_ptr_array_unref(detector->slices);
    g_free(detector);
}

struct detector_tuning detector_tuning_usual(void) {
    struct detector_tuning tuning = {.alarms_per_day = false_alarms_per_day};
    for (int i = 0; i < TEST_SILENCE; i++) {
        tuning.aims[i] = test_kinds[i].aim;
    }
    return tuning;
}

void detector_tune(struct detector *detector, const struct detector_tuning *tuning) {
    detector->tuning = *tuning;
    memset(detector->factors, 0, sizeof detector->factors);
    for (guint i = 0; i < detector->slices->len; i++) {
        limits_make(detector, detector->slices->pdata[i]);
    }
}

int detector_open(struct detector *detector, const struct detector_finding **ret_findings) {
    struct detector_finding *shown = detector->shown;
    for (int i = 0; i < detector->open_count; i++) {
        shown[i] = detector->open[i].finding;
    }
    *ret_findings = shown;
    return detector->open_count;
}

struct detector_figures detector_figures(const struct detector *detector) {
    struct detector_figures figures = detector->figures;
    figures.slices = (int)detector->slices->len;
    return figures;
}
