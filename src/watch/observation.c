/* SPDX-License-Identifier: Apache-2.0
 * observation.c: one observation, field by field, into the slices. */
#include "watch/observation.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "base/task.h"
#include "base/text.h"
#include "meter/slices.h"

/* Ids by hash: a row each, in which the oldest makes room. */
enum { ID_ROWS = 8192, ID_WAYS = 8 };

struct observer {
    observer_own_fn *is_own;
    void *ctx;
    struct lock lock;
    uint64_t ids[ID_ROWS][ID_WAYS];
    uint8_t next[ID_ROWS];
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

enum type { TYPE_PAYMENT, TYPE_REFUND, TYPE_CALLBACK, TYPES };
static const char *const types[TYPES] = {"payment", "refund", "callback"};
static const char *const outcomes[SLICE_OUTCOMES] = {"ok", "declined", "failed"};

struct observation {
    enum type type;
    enum slice_outcome outcome;
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
                     const char *const *words, int count, int fallback, int *ret_index,
                     struct err *err) {
    const char *text = NULL;
    int r = fallback < 0 ? json_need_text(object, where, key, 1, 20, &text, err)
                         : json_may_text(object, where, key, 1, 20, &text, err);
    *ret_index = fallback;
    if (r < 0 || text == NULL) {
        return r;
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    err_set(err, ERR_VALIDATION, "\"%.20s\" is none of %s, %s, %s", text, words[0], words[1],
            words[2]);
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
    r = r < 0 ? r : read_word(object, where, "type", types, TYPES, TYPE_PAYMENT, &type, err);
    r = r < 0 ? r
              : read_word(object, where, "outcome", outcomes, SLICE_OUTCOMES, -1, &outcome, err);
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
    observation->type = (enum type)type;
    observation->outcome = (enum slice_outcome)outcome;
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

/* ---- recording ---- */

/* A payment is what its customer saw, the try at its gateway and the call, all in one. */
static void record(const struct observation *observation) {
    static const unsigned operations[TYPES] = {
        [TYPE_PAYMENT] = 1U << SLICE_PAYMENT | 1U << SLICE_CHARGE | 1U << SLICE_CALL,
        [TYPE_REFUND] = 1U << SLICE_REFUND | 1U << SLICE_CALL,
        [TYPE_CALLBACK] = 1U << SLICE_CALLBACK,
    };
    struct slice_event event = {
        .outcome = observation->outcome,
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
        record(&observation);
    }
    *ret_observed = before ? OBSERVED_AGAIN : OBSERVED;
    return 0;
}
