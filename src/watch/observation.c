/* SPDX-License-Identifier: Apache-2.0
 * observation.c: one observation, field by field, into the slices and the counters. */
#include "watch/observation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "base/task.h"
#include "base/text.h"
#include "meter/meter.h"
#include "meter/slices.h"

/* Ids by hash: a row each, in which the oldest makes room. */
enum { ID_ROWS = 8192, ID_WAYS = 8 };

struct observer {
    observer_own_fn *is_own;
    void *ctx;
    struct lock lock;
    uint64_t ids[ID_ROWS][ID_WAYS];
    uint8_t next[ID_ROWS];
    uint64_t series[OBSERVATION_SERIES_MAX]; /* hashes, in the order in which they came */
    int series_count;
};

struct observer *observer_open(observer_own_fn *is_own, void *ctx) {
    struct observer *observer = calloc(1, sizeof *observer);
    INVARIANT(observer != NULL, "no memory for the observer");
    observer->is_own = is_own;
    observer->ctx = ctx;
    lock_init(&observer->lock);
    return observer;
}

void observer_close(struct observer *observer) {
    if (observer != NULL) {
        lock_free(&observer->lock);
        free(observer);
    }
}

/* ---- the fields ---- */

enum type { TYPE_PAYMENT, TYPE_REFUND, TYPE_CALLBACK, TYPE_DISPUTE, TYPE_FRAUD, TYPES };
const char *const observation_types[] = {"payment", "refund", "callback", "dispute", "fraud", NULL};
static_assert(COUNT_OF(observation_types) == TYPES + 1, "each type has a word");

/* Those of slices, and one that is none: of a callback that should have come. */
enum { MISSING = SLICE_OUTCOMES, OUTCOMES };
const char *const observation_outcomes[] = {"ok", "declined", "failed", "missing", NULL};
static_assert(COUNT_OF(observation_outcomes) == OUTCOMES + 1, "each outcome has a word");

struct observation {
    enum type type;
    int outcome; /* enum slice_outcome, or MISSING */
    const char *id, *at, *gateway, *method, *region, *currency, *segment, *code, *customer;
    int64_t duration_ms, amount_minor;
};

static int refuse(const char *where, const char *key, const char *why, const char *hint,
                  struct err *err) {
    err_set(err, ERR_VALIDATION, "%s", why);
    err_place(err, "%s/%s", where, key);
    return hint != NULL ? err_hint(err, "%s", hint) : -(int)ERR_VALIDATION;
}

/* Which of `words` a text is; absent: `fallback` (-1: it is needed). */
static int read_word(const json_t *object, const char *where, const char *key,
                     const char *const *words, int fallback, int *ret_index, struct err *err) {
    const char *text = NULL;
    char known[100] = "";
    int r = fallback < 0 ? json_need_text(object, where, key, 1, 20, &text, err)
                         : json_may_text(object, where, key, 1, 20, &text, err);
    *ret_index = fallback;
    if (r < 0 || text == NULL) {
        return r;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_index = i;
            return 0;
        }
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    err_set(err, ERR_VALIDATION, "\"%.20s\" is none of %s", text, known);
    return err_place(err, "%s/%s", where, key);
}

/* A label: it becomes part of figures, messages and links, so it is a plain word. */
static int read_name(const json_t *object, const char *where, const char *key, bool need,
                     const char **ret_name, struct err *err) {
    int r = need ? json_need_text(object, where, key, 1, OBSERVATION_NAME_CHARS_MAX, ret_name, err)
                 : json_may_text(object, where, key, 1, OBSERVATION_NAME_CHARS_MAX, ret_name, err);
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-.:";
    if (r >= 0 && (*ret_name)[strspn(*ret_name, plain)] != '\0') {
        r = refuse(where, key, "it may hold letters, digits, '_', '-', '.' and ':' only", NULL,
                   err);
    }
    return r;
}

static int read_moment(const struct observation *observation, const char *where, int64_t now_us,
                       struct err *err) {
    int64_t at_us = now_us;
    if (observation->at != NULL && !clock_parse(observation->at, &at_us)) {
        return refuse(where, "at", "it is no time as in 2026-11-20T08:00:00Z", NULL, err);
    }
    if (at_us > now_us + OBSERVATION_AHEAD_S_MAX * US_PER_SECOND) {
        return refuse(where, "at", "it is in the future",
                      "Compare this machine's clock and that of whoever sends it.", err);
    }
    if (at_us < now_us - OBSERVATION_OLD_S_MAX * US_PER_SECOND) {
        return refuse(where, "at", "it is more than 10 minutes ago: figures are of now",
                      "Send what happens as it happens; history is not taken.", err);
    }
    return 0;
}

static int read_money(const json_t *object, const char *where, struct observation *observation,
                      struct err *err) {
    struct currency currency;
    int r = json_may_text(object, where, "currency", 3, 3, &observation->currency, err);
    if (r >= 0 && observation->currency[0] != '\0' &&
        currency_parse(observation->currency, &currency, NULL) < 0) {
        return refuse(where, "currency", "it is no ISO 4217 currency in capital letters: EUR, CNY",
                      NULL, err);
    }
    r = r < 0 ? r
              : json_may_int(object, where, "amount", 0, AMOUNT_MINOR_MAX,
                             &observation->amount_minor, err);
    if (r < 0 && json_is_real(json_object_get(object, "amount"))) {
        return err_hint(err, "Amounts are in minor units: 19.99 EUR is 1999.");
    }
    if (r >= 0 && observation->amount_minor > 0 && observation->currency[0] == '\0') {
        return refuse(where, "currency", "an amount needs its currency", NULL, err);
    }
    return r;
}

static int read_rest(const json_t *object, const char *where, struct observation *observation,
                     struct err *err) {
    int r = json_may_text(object, where, "id", 1, OBSERVATION_ID_CHARS_MAX, &observation->id, err);
    r = r < 0 ? r : json_may_text(object, where, "at", 1, 40, &observation->at, err);
    r = r < 0 ? r : json_may_text(object, where, "customer", 1, 100, &observation->customer, err);
    r = r < 0 ? r : json_may_text(object, where, "region", 2, 2, &observation->region, err);
    if (r >= 0 && observation->region[0] != '\0' && !text_is_region(observation->region)) {
        return refuse(where, "region", "it must be a country in two capital letters: DE, CN", NULL,
                      err);
    }
    r = r < 0 ? r
              : json_may_int(object, where, "duration_ms", 0, OBSERVATION_DURATION_MS_MAX,
                             &observation->duration_ms, err);
    if (r < 0 && json_integer_value(json_object_get(object, "duration_ms")) >
                     OBSERVATION_DURATION_MS_MAX) {
        return err_hint(err, "It is in milliseconds; was it microseconds?");
    }
    return r;
}

static int read_all(const json_t *object, const char *where, int64_t now_us,
                    struct observation *observation, struct err *err) {
    static const char *const keys[] = {"type",     "id",      "at",   "gateway",  "method",
                                       "region",   "currency", "segment", "customer", "outcome",
                                       "code",     "amount",  "duration_ms", NULL};
    int type, outcome;
    *observation = (struct observation){.id = "",       .gateway = "", .method = "",
                                        .region = "",   .currency = "", .segment = "",
                                        .code = "",     .customer = "", .duration_ms = -1};
    int r = json_only(object, where, keys, err);
    r = r < 0 ? r : read_word(object, where, "type", observation_types, TYPE_PAYMENT, &type, err);
    r = r < 0 ? r
              : read_word(object, where, "outcome", observation_outcomes, -1, &outcome, err);
    r = r < 0 ? r : read_name(object, where, "gateway", true, &observation->gateway, err);
    r = r < 0 ? r : read_name(object, where, "method", false, &observation->method, err);
    r = r < 0 ? r : read_name(object, where, "segment", false, &observation->segment, err);
    r = r < 0 ? r : read_name(object, where, "code", false, &observation->code, err);
    r = r < 0 ? r : read_rest(object, where, observation, err);
    r = r < 0 ? r : read_money(object, where, observation, err);
    r = r < 0 ? r : read_moment(observation, where, now_us, err);
    if (r < 0) {
        return r;
    }
    if (outcome == MISSING && type != TYPE_CALLBACK) {
        return refuse(where, "outcome", "only a callback can be missing",
                      "Of a payment that nobody knows the end of say \"failed\".", err);
    }
    observation->type = (enum type)type;
    observation->outcome = outcome;
    return 0;
}

/* ---- once ---- */

static bool came_before(struct observer *observer, const char *id) {
    uint64_t hash = slice_customer(id);
    if (id[0] == '\0') {
        return false;
    }
    uint64_t row = hash % ID_ROWS;
    bool before = false;
    lock_take(&observer->lock);
    for (int i = 0; i < ID_WAYS; i++) {
        before = before || observer->ids[row][i] == hash;
    }
    if (!before) {
        observer->ids[row][observer->next[row]] = hash;
        observer->next[row] = (uint8_t)((observer->next[row] + 1) % ID_WAYS);
    }
    lock_give(&observer->lock);
    return before;
}

/* ---- counters ---- */

/* What stands on /metrics is never taken back, and our own must keep their room: of what somebody
 * else names only so much is told apart. */
static bool is_told_apart(struct observer *observer, const struct observation *observation) {
    uint64_t hash = slice_customer(observation->gateway);
    hash = hash * 31 + slice_customer(observation->method);
    hash = hash * 31 + slice_customer(observation->currency);
    lock_take(&observer->lock);
    bool known = false;
    for (int i = 0; !known && i < observer->series_count; i++) {
        known = observer->series[i] == hash;
    }
    if (!known && observer->series_count < OBSERVATION_SERIES_MAX) {
        observer->series[observer->series_count++] = hash;
        known = true;
    }
    lock_give(&observer->lock);
    return known;
}

/* `done`: what the operation's success is called among the outcomes of our own calls. */
static void count_call(const struct observation *observation, const char *operation,
                       const char *done) {
    const char *const words[] = {done, "declined", "unavailable"};
    meter_count(METER_GATEWAY_CALLS, observation->gateway, observation->method, operation,
                words[observation->outcome]);
    /* Of those that answered, as ours. */
    if (observation->duration_ms >= 0 && observation->outcome != SLICE_FAILED) {
        meter_time(METER_GATEWAY_SECONDS, observation->duration_ms * US_PER_MS,
                   observation->gateway, observation->method, operation);
    }
}

static void count_payment(const struct observation *observation) {
    static const char *const tries[] = {"charged", "declined", "not_charged"};
    meter_count(METER_PAYMENTS, observation->method, observation->currency,
                observation->outcome == SLICE_OK ? "succeeded" : "failed", "observed");
    meter_count(METER_ATTEMPTS, observation->gateway, observation->method,
                tries[observation->outcome], "");
    if (observation->duration_ms >= 0) {
        meter_time(METER_PAYMENT_SECONDS, observation->duration_ms * US_PER_MS,
                   observation->method, "observed");
    }
    count_call(observation, "charge", "charged");
}

static void count_refund(const struct observation *observation) {
    meter_count(METER_REFUNDS, observation->gateway,
                observation->outcome == SLICE_OK ? "succeeded" : "failed");
    if (observation->duration_ms >= 0) {
        meter_time(METER_REFUND_SECONDS, observation->duration_ms * US_PER_MS,
                   observation->gateway);
    }
    count_call(observation, "refund", "refunded");
}

/* Ours is counted when it is stored, and again when it is processed. */
static void count_callback(const struct observation *observation) {
    static const char *const ends[] = {"processed", "refused", "failed"};
    if (observation->outcome == MISSING) {
        meter_count(METER_CALLBACK_MISSING, observation->gateway);
        return;
    }
    if (observation->outcome != SLICE_DECLINED) {
        meter_count(METER_CALLBACKS, observation->gateway, "stored");
    }
    meter_count(METER_CALLBACKS, observation->gateway, ends[observation->outcome]);
    if (observation->duration_ms >= 0 && observation->outcome != SLICE_DECLINED) {
        meter_time(METER_CALLBACK_DELAY_SECONDS, observation->duration_ms * US_PER_MS,
                   observation->gateway);
    }
}

static void count(struct observer *observer, const struct observation *given) {
    struct observation observation = *given;
    if (!is_told_apart(observer, given)) {
        observation.gateway = observation.method = observation.currency = "other";
    }
    meter_count(METER_OBSERVATIONS, observation_types[observation.type], observation.gateway,
                observation_outcomes[observation.outcome]);
    switch (observation.type) {
    case TYPE_PAYMENT:
        count_payment(&observation);
        break;
    case TYPE_REFUND:
        count_refund(&observation);
        break;
    case TYPE_CALLBACK:
        count_callback(&observation);
        break;
    default: /* the others have no counters of their own */
        break;
    }
}

/* ---- slices ---- */

/* A payment is what its customer saw, the try at its gateway and the call, all in one. */
static void record(const struct observation *observation) {
    static const unsigned operations[TYPES] = {
        [TYPE_PAYMENT] = 1U << SLICE_PAYMENT | 1U << SLICE_CHARGE | 1U << SLICE_CALL,
        [TYPE_REFUND] = 1U << SLICE_REFUND | 1U << SLICE_CALL,
        [TYPE_CALLBACK] = 1U << SLICE_CALLBACK,
        [TYPE_DISPUTE] = 1U << SLICE_DISPUTE,
        [TYPE_FRAUD] = 1U << SLICE_FRAUD,
    };
    struct slice_event event = {
        .outcome = (enum slice_outcome)observation->outcome,
        .labels = {observation->gateway, observation->method, observation->region,
                   observation->currency, observation->segment},
        .code = observation->code,
        .duration_us = observation->duration_ms < 0 ? -1 : observation->duration_ms * US_PER_MS,
        .amount_minor = observation->amount_minor,
        .customer = slice_customer(observation->customer),
    };
    for (int operation = 1; operation <= SLICE_OPERATIONS_MAX; operation++) {
        if ((operations[observation->type] >> operation & 1U) != 0) {
            event.operation = (enum slice_operation)operation;
            slice_record(&event);
        }
    }
}

/* Whether a callback that was owed came: as ours are counted (payment/outcomes.c). */
static void record_awaited(const struct observation *observation) {
    bool came = observation->outcome != MISSING;
    if (observation->type != TYPE_CALLBACK || observation->outcome == SLICE_DECLINED) {
        return; /* what is not genuine was owed by nobody */
    }
    slice_record(&(struct slice_event){
        .operation = SLICE_AWAITED,
        .outcome = came ? SLICE_OK : SLICE_FAILED,
        .labels = {observation->gateway, observation->method, observation->region,
                   observation->currency, observation->segment},
        .code = came ? NULL : "callback_missing",
        .duration_us = -1,
    });
}

int observe(struct observer *observer, const json_t *object, const char *where, int64_t now_us,
            enum observed *ret_observed, struct err *err) {
    struct observation observation;
    int r = read_all(object, where, now_us, &observation, err);
    if (r < 0) {
        return r;
    }
    if (observer->is_own != NULL && observer->is_own(observer->ctx, observation.gateway)) {
        return refuse(where, "gateway", "it is a gateway of this service, which sees its payments",
                      "Give what is paid elsewhere a name of its own.", err);
    }
    bool before = came_before(observer, observation.id);
    if (!before) {
        count(observer, &observation);
    }
    if (!before) {
        record_awaited(&observation);
    }
    if (!before && observation.outcome != MISSING) { /* what did not come has no outcome */
        record(&observation);
    }
    *ret_observed = before ? OBSERVED_AGAIN : OBSERVED;
    return 0;
}
