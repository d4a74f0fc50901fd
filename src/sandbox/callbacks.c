/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: events, the webhooks that hear of them, and their delivery. */
#include "base/clock.h"
#include "sandbox/sandbox_impl.h"

enum { RING_START = 1024, TYPES_TEXT_MAX = 64 };
#define DELIVERY_TIMEOUT_US (10 * US_PER_SECOND)
#define PAUSE_US_MAX (3600 * US_PER_SECOND)

static const struct {
    enum sb_gateway gateway;
    const char *name;
} types[SB_EVENT_TYPES] = {
#define X(gateway, name, text, object) {SB_##gateway, text},
#include "sandbox/event_types.def"
#undef X
};
static_assert(SB_EVENT_TYPES <= 64, "a webhook keeps its types as bits");

const char *sb_event_name(enum sb_event_type type) {
    return types[type].name;
}

bool sb_event_parse(enum sb_gateway gateway, const char *name, enum sb_event_type *ret_type) {
    for (int i = 0; i < SB_EVENT_TYPES; i++) {
        if (types[i].gateway == gateway && strcmp(types[i].name, name) == 0) {
            *ret_type = (enum sb_event_type)i;
            return true;
        }
    }
    return false;
}

int sb_event_types_read(enum sb_gateway gateway, const char *names, uint64_t *ret_types,
                        struct err *err) {
    uint64_t bits = 0;
    while (*names != '\0') {
        char name[TYPES_TEXT_MAX];
        enum sb_event_type type;
        size_t count = strcspn(names, ",");
        snprintf(name, sizeof(name), "%.*s", (int)(count < sizeof(name) ? count : sizeof(name) - 1),
                 names);
        if (strcmp(name, "*") == 0) {
            bits = UINT64_MAX;
        } else if (sb_event_parse(gateway, name, &type)) {
            bits |= UINT64_C(1) << type;
        } else {
            return err_set(err, ERR_VALIDATION, "%s makes no event '%s'", sb_gateway_name(gateway),
                           name);
        }
        names += count + (names[count] == ',' ? 1 : 0);
    }
    *ret_types = bits;
    return 0;
}

void sb_events_init(struct sb_events *events) {
    *events = (struct sb_events){0};
    lock_init(&events->lock);
}

void sb_events_release(struct sb_events *events) {
    free(events->ring);
    lock_free(&events->lock);
    *events = (struct sb_events){0};
}

void sb_events_clear(struct sb_events *events) {
    lock_take(&events->lock);
    free(events->ring);
    events->ring = NULL;
    events->room = 0;
    events->made = 0;
    events->counts = (struct sb_callback_counts){0};
    lock_give(&events->lock);
}

/* The lock is held. The ring doubles until it has its full size; only then does it wrap. */
static void keep(struct sb_events *events, const struct sb_event *event) {
    if (event->number == events->room && events->room < SB_EVENTS_KEPT_MAX) {
        size_t room = events->room == 0 ? RING_START : 2 * events->room;
        events->room = room < SB_EVENTS_KEPT_MAX ? room : SB_EVENTS_KEPT_MAX;
        events->ring = realloc(events->ring, events->room * sizeof(*events->ring));
        INVARIANT(events->ring != NULL, "the system has no memory left for the sandbox's events");
    }
    events->ring[event->number % events->room] = *event;
}

bool sb_event_get(struct sb_events *events, uint32_t number, struct sb_event *ret_event) {
    lock_take(&events->lock);
    bool kept = number < events->made && events->made - number <= events->room;
    if (kept) {
        *ret_event = events->ring[number % events->room];
    }
    lock_give(&events->lock);
    return kept;
}

/* ---- webhooks ---- */

bool sb_endpoint_add(struct sb_events *events, const struct sb_endpoint *endpoint) {
    bool added = false;
    lock_take(&events->lock);
    for (int i = 0; i < SB_ENDPOINTS_MAX && !added; i++) {
        if (!events->endpoints[i].live) {
            events->endpoints[i] = *endpoint;
            events->endpoints[i].live = true;
            added = true;
        }
    }
    lock_give(&events->lock);
    return added;
}

/* The lock is held. -1: there is none. */
static int endpoint_index(const struct sb_events *events, const char *id) {
    for (int i = 0; i < SB_ENDPOINTS_MAX; i++) {
        if (events->endpoints[i].live && strcmp(events->endpoints[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

bool sb_endpoint_get(struct sb_events *events, const char *id, struct sb_endpoint *ret_endpoint) {
    lock_take(&events->lock);
    int at = endpoint_index(events, id);
    if (at >= 0) {
        *ret_endpoint = events->endpoints[at];
    }
    lock_give(&events->lock);
    return at >= 0;
}

bool sb_endpoint_drop(struct sb_events *events, const char *id) {
    lock_take(&events->lock);
    int at = endpoint_index(events, id);
    if (at >= 0) {
        events->endpoints[at].live = false;
    }
    lock_give(&events->lock);
    return at >= 0;
}

/* ---- telling ---- */

static void count_lost(struct sb_events *events) {
    lock_take(&events->lock);
    events->counts.lost++;
    lock_give(&events->lock);
}

static void push(struct sandbox *sandbox, const struct sb_action *action) {
    if (!sb_clerk_push(&sandbox->clerk, action)) {
        count_lost(&sandbox->events[action->event.gateway]);
    }
}

/* One event for one webhook: once, unless a fault says otherwise. */
static void send_to(struct sandbox *sandbox, const struct sb_event *event, int endpoint) {
    struct sb_callback_verdict verdict;
    sb_faults_callback(&sandbox->faults, (enum sb_gateway)event->gateway, &verdict);
    struct sb_action action = {
        .due_us = clock_mono_us() + sandbox->callback_delay_us,
        .epoch = atomic_load(&sandbox->epoch),
        .kind = SB_DELIVER,
        .endpoint = (uint8_t)endpoint,
        .event = *event,
    };
    if (verdict.forged) {
        action.forged = true;
        push(sandbox, &action);
        action.forged = false;
    }
    if (verdict.lost) {
        count_lost(&sandbox->events[event->gateway]);
        return;
    }
    action.due_us += verdict.delay_us;
    action.amount_minor = verdict.amount_minor;
    for (int64_t i = 0; i <= verdict.copies; i++) {
        push(sandbox, &action);
    }
}

static unsigned listeners_of(const struct sb_events *events, int type) {
    unsigned listeners = 0;
    for (int i = 0; i < SB_ENDPOINTS_MAX; i++) {
        if (events->endpoints[i].live && (events->endpoints[i].types >> type & 1) != 0) {
            listeners |= 1U << i;
        }
    }
    return listeners;
}

static void send_to_all(struct sandbox *sandbox, const struct sb_event *event, unsigned listeners) {
    for (int i = 0; listeners != 0; i++, listeners >>= 1) {
        if ((listeners & 1) != 0) {
            send_to(sandbox, event, i);
        }
    }
}

void sb_tell(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
             const void *object, const void *now, const struct sb_key *key) {
    struct sb_events *events = &sandbox->events[gateway];
    struct sb_event event = {
        .gateway = (uint8_t)gateway,
        .type = (uint8_t)type,
        .created_us = clock_wall_us(),
        .object = object,
        .now = now,
        .key = key,
    };
    lock_take(&events->lock);
    event.number = events->made++;
    keep(events, &event);
    unsigned listeners = listeners_of(events, type);
    events->counts.events++;
    events->counts.due += __builtin_popcount(listeners);
    lock_give(&events->lock);
    send_to_all(sandbox, &event, listeners);
}

void sb_event_resend(struct sandbox *sandbox, const struct sb_event *event) {
    struct sb_events *events = &sandbox->events[event->gateway];
    lock_take(&events->lock);
    unsigned listeners = listeners_of(events, event->type);
    events->counts.due += __builtin_popcount(listeners);
    lock_give(&events->lock);
    send_to_all(sandbox, event, listeners);
}

void sb_settle_later(struct sandbox *sandbox, enum sb_gateway gateway, void *object) {
    struct sb_action action = {
        .due_us = clock_mono_us() + sandbox->settle_us,
        .epoch = atomic_load(&sandbox->epoch),
        .kind = SB_SETTLE,
        .event = {.gateway = (uint8_t)gateway, .object = object},
    };
    push(sandbox, &action);
}

/* ---- delivery ---- */

/* Writes the body as the event was; false when it is not to be sent any more. */
static bool prepare(struct sandbox *sandbox, const struct sb_action *action,
                    struct sb_endpoint *ret_endpoint, struct buf *body) {
    struct sb_events *events = &sandbox->events[action->event.gateway];
    sb_gate_enter(sandbox);
    bool live = action->epoch == atomic_load(&sandbox->epoch);
    if (live) {
        lock_take(&events->lock);
        *ret_endpoint = events->endpoints[action->endpoint];
        lock_give(&events->lock);
        live = ret_endpoint->live;
    }
    if (live && action->event.gateway == SB_STRIPE) {
        sb_stripe_event_write(sandbox, &action->event, action->amount_minor, body);
    } else if (live) {
        sb_paypal_event_write(sandbox, &action->event, action->amount_minor, body);
    }
    sb_gate_leave(sandbox);
    return live && buf_ok(body);
}

/* Signs and posts. True: the other side answered 2xx. */
static bool post(struct sandbox *sandbox, const struct sb_action *action,
                 const struct sb_endpoint *endpoint, const struct buf *body) {
    struct sb_signed_headers headers = {.count = 0};
    struct err err;
    int rc = action->event.gateway == SB_STRIPE
                 ? sb_stripe_sign(sandbox, endpoint, body, action->forged, &headers, &err)
                 : sb_paypal_sign(sandbox, endpoint, body, action->forged, &headers, &err);
    if (rc < 0) {
        return false;
    }
    const struct http_call call = {
        .method = "POST",
        .url = endpoint->url,
        .headers = headers.headers,
        .header_count = headers.count,
        .body = body->data,
        .body_bytes = body->len,
        .timeout_us = DELIVERY_TIMEOUT_US,
        .answer_bytes_max = SB_BODY_BYTES_MAX,
    };
    HTTP_ANSWER_AUTO answer = {0};
    rc = http_call(sandbox->client, &call, &answer, &err);
    return rc == 0 && answer.status >= 200 && answer.status < 300;
}

static void count_try(struct sb_events *events, bool forged, bool accepted, bool last) {
    lock_take(&events->lock);
    if (forged) {
        events->counts.forged_sent++;
        events->counts.forged_accepted += accepted ? 1 : 0;
    } else {
        events->counts.sent++;
        events->counts.delivered += accepted ? 1 : 0;
        events->counts.refused += accepted ? 0 : 1;
        events->counts.given_up += !accepted && last ? 1 : 0;
    }
    lock_give(&events->lock);
}

void sb_deliver(struct sandbox *sandbox, struct sb_action *action) {
    struct sb_endpoint endpoint;
    BUF_AUTO body;
    buf_init(&body, SB_BODY_BYTES_MAX);
    if (!prepare(sandbox, action, &endpoint, &body)) {
        return;
    }
    bool accepted = post(sandbox, action, &endpoint, &body);
    bool last = action->forged || action->tries + 1 >= sandbox->callback_tries;
    count_try(&sandbox->events[action->event.gateway], action->forged, accepted, last);
    if (accepted || last) {
        return;
    }
    int64_t pause_us = sandbox->callback_retry_us << (action->tries < 20 ? action->tries : 20);
    action->tries++;
    action->due_us = clock_mono_us() + (pause_us < PAUSE_US_MAX ? pause_us : PAUSE_US_MAX);
    push(sandbox, action);
}
