/* SPDX-License-Identifier: Apache-2.0
 * callbacks.c: events, the webhooks that hear of them, and their delivery. */
#include "base/clock.h"
#include "sandbox/sandbox_impl.h"

enum { RING_START = 1024, TYPES_TEXT_MAX = 64, ANSWER_BYTES_MAX = 64 * 1024 };
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
static_assert(SB_EVENTS_URL <= UINT8_MAX, "an action keeps its webhook in a byte");

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

/* Somebody else's version of a callback, ahead of the true one. */
static void push_forgery(struct sandbox *sandbox, const struct sb_action *action,
                         enum sb_forgery forgery, int64_t age_us) {
    struct sb_action forged = *action;
    forged.forgery = (uint8_t)forgery;
    forged.age_us = age_us;
    push(sandbox, &forged);
}

/* One event for one webhook or URL: once, unless a fault says otherwise. */
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
        push_forgery(sandbox, &action, SB_FORGED, 0);
    }
    if (verdict.stale_us > 0) {
        push_forgery(sandbox, &action, SB_STALE, verdict.stale_us);
    }
    if (verdict.truncated) {
        push_forgery(sandbox, &action, SB_TRUNCATED, 0);
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

/* Bits of the webhooks that hear of it, or that of its own URL. */
static unsigned listeners_of(const struct sb_events *events, const struct sb_event *event) {
    unsigned listeners = 0;
    if (event->url != NULL) {
        return 1U << SB_EVENTS_URL;
    }
    for (int i = 0; i < SB_ENDPOINTS_MAX; i++) {
        if (events->endpoints[i].live && (events->endpoints[i].types >> event->type & 1) != 0) {
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

static void tell(struct sandbox *sandbox, struct sb_event *event) {
    struct sb_events *events = &sandbox->events[event->gateway];
    event->created_us = clock_wall_us();
    lock_take(&events->lock);
    event->number = events->made++;
    keep(events, event);
    unsigned listeners = listeners_of(events, event);
    events->counts.events++;
    events->counts.due += __builtin_popcount(listeners);
    lock_give(&events->lock);
    send_to_all(sandbox, event, listeners);
}

void sb_tell(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
             const void *object, const void *now, const struct sb_key *key) {
    struct sb_event event = {
        .gateway = (uint8_t)gateway,
        .type = (uint8_t)type,
        .object = object,
        .now = now,
        .key = key,
    };
    tell(sandbox, &event);
}

void sb_tell_url(struct sandbox *sandbox, enum sb_gateway gateway, enum sb_event_type type,
                 const void *object, const void *now, const char *url) {
    struct sb_event event = {
        .gateway = (uint8_t)gateway,
        .type = (uint8_t)type,
        .object = object,
        .now = now,
        .url = url != NULL && url[0] != '\0' ? url : NULL,
    };
    tell(sandbox, &event);
}

void sb_event_resend(struct sandbox *sandbox, const struct sb_event *event) {
    struct sb_events *events = &sandbox->events[event->gateway];
    lock_take(&events->lock);
    unsigned listeners = listeners_of(events, event);
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

/* Where it goes. The gate is entered; false: that webhook is gone. */
static bool endpoint_of(struct sandbox *sandbox, const struct sb_action *action,
                        struct sb_endpoint *ret_endpoint) {
    struct sb_events *events = &sandbox->events[action->event.gateway];
    if (action->endpoint == SB_EVENTS_URL) {
        *ret_endpoint = (struct sb_endpoint){.live = true};
        snprintf(ret_endpoint->url, sizeof(ret_endpoint->url), "%s", action->event.url);
        return true;
    }
    lock_take(&events->lock);
    *ret_endpoint = events->endpoints[action->endpoint];
    lock_give(&events->lock);
    return ret_endpoint->live;
}

/* Writes the body as the event was; false when it is not to be sent any more. */
static bool prepare(struct sandbox *sandbox, const struct sb_action *action,
                    const struct sb_delivery *delivery, struct sb_endpoint *ret_endpoint,
                    struct buf *body) {
    enum sb_gateway gateway = (enum sb_gateway)action->event.gateway;
    sb_gate_enter(sandbox);
    bool live = action->epoch == atomic_load(&sandbox->epoch) &&
                endpoint_of(sandbox, action, ret_endpoint);
    if (live) {
        sb_gateway_kind(gateway)->event_write(sandbox, delivery, body);
    }
    sb_gate_leave(sandbox);
    return live && buf_ok(body);
}

/* Signs and posts. True: the other side acknowledged it. */
static bool post(struct sandbox *sandbox, const struct sb_delivery *delivery,
                 const struct buf *body) {
    const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)delivery->event->gateway);
    struct sb_signed_headers headers = {.count = 0};
    struct err err;
    if (kind->sign(sandbox, delivery, body, &headers, &err) < 0) {
        return false;
    }
    const struct http_call call = {
        .method = "POST",
        .url = delivery->endpoint->url,
        .headers = headers.headers,
        .header_count = headers.count,
        .body = body->data,
        .body_bytes = delivery->forgery == SB_TRUNCATED ? body->len / 2 : body->len,
        .timeout_us = DELIVERY_TIMEOUT_US,
        .answer_bytes_max = ANSWER_BYTES_MAX,
    };
    HTTP_ANSWER_AUTO answer = {0};
    int rc = http_call(sandbox->client, &call, &answer, &err);
    return rc == 0 && sb_acknowledged(kind, answer.status, answer.body, answer.body_bytes);
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

/* The pause after that many tries; 0: there is no other. */
static int64_t pause_after(const struct sandbox *sandbox, const struct sb_gateway_kind *kind,
                           int tries) {
    if (tries >= sandbox->callback_tries) {
        return 0;
    }
    if (kind->retry_gaps == NULL) {
        int64_t pause_us = sandbox->callback_retry_us << (tries <= 20 ? tries - 1 : 20);
        return pause_us < PAUSE_US_MAX ? pause_us : PAUSE_US_MAX;
    }
    for (int i = 1; i < tries; i++) {
        if (kind->retry_gaps[i - 1] == 0) {
            return 0;
        }
    }
    return sandbox->callback_retry_us * kind->retry_gaps[tries - 1] / kind->retry_gaps[0];
}

void sb_deliver(struct sandbox *sandbox, struct sb_action *action) {
    struct sb_endpoint endpoint;
    const struct sb_delivery delivery = {
        .event = &action->event,
        .endpoint = &endpoint,
        .amount_minor = action->amount_minor,
        .forgery = (enum sb_forgery)action->forgery,
        .signed_us = clock_wall_us() - action->age_us,
        .tries = action->tries,
    };
    BUF_AUTO body;
    buf_init(&body, SB_BODY_BYTES_MAX);
    if (!prepare(sandbox, action, &delivery, &endpoint, &body)) {
        return;
    }
    bool forged = action->forgery != SB_GENUINE;
    bool accepted = post(sandbox, &delivery, &body);
    int64_t pause_us = pause_after(sandbox, sb_gateway_kind((enum sb_gateway)action->event.gateway),
                                   action->tries + 1);
    bool last = forged || pause_us == 0;
    count_try(&sandbox->events[action->event.gateway], forged, accepted, last);
    if (accepted || last) {
        return;
    }
    action->tries++;
    action->due_us = clock_mono_us() + pause_us;
    push(sandbox, action);
}
