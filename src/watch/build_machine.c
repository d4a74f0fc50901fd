/* SPDX-License-Identifier: Apache-2.0
 * build_machine.c: messages that a machine reads: PagerDuty's events, Alertmanager's alerts, and a
 * webhook of Alertmanager's form, signed as Standard Webhooks has it.
 *
 * They name the thing by its fingerprint, so that the other side knows what is the same. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "net/standard_webhook.h"
#include "watch/alertmanager.h"
#include "watch/channel_impl.h"

enum {
    LETTER_BYTES_MAX = 4 * 1024 * 1024,
    BODY_BYTES_MAX = 1024 * 1024,
};
#define US_PER_HOUR (3600 * US_PER_SECOND)
#define PAGERDUTY_URL "https://events.pagerduty.com/v2/enqueue"

static void add_pair(struct buf *buf, bool *first, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        buf_add_text(buf, *first ? "" : ",");
        buf_add_json(buf, key);
        buf_add_char(buf, ':');
        buf_add_json(buf, value);
        *first = false;
    }
}

static void add_time(struct buf *buf, const char *key, int64_t wall_us) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "\"%s\":\"%s\"", key, clock_format(wall_us, time));
}

static int64_t began_us(const struct notice *notice, int64_t now_us) {
    return notice->first_symptom_us > 0 ? notice->first_symptom_us
           : notice->found_us > 0       ? notice->found_us
                                        : now_us;
}

static char *cut_copy(struct arena *arena, const char *text, size_t bytes_max) {
    char *copy = arena_copy(arena, text);
    (void)notice_cut(copy, bytes_max);
    return copy;
}

/* The words of a notice, each text cut to `text_bytes`. */
static void add_words(struct buf *buf, bool *first, const struct notice *notice, size_t text_bytes,
                      struct arena *arena) {
    const struct {
        const char *key, *value;
    } words[] = {
        {"summary", notice->title}, {"description", notice->summary},
        {"scope", notice->scope},   {"money_at_risk", notice->money},
        {"cause", notice->cause},   {"action", notice->action},
        {"text", notice->text},     {"reason", notice->reason},
        {"subject", notice->subject}, {"link", notice->link},
        {"runbook_url", notice->runbook},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const char *value = words[i].value != NULL ? words[i].value : "";
        add_pair(buf, first, words[i].key, cut_copy(arena, value, text_bytes));
    }
}

/* ---- PagerDuty ---- */

static void add_pagerduty_payload(struct buf *body, const struct channel *channel,
                                  const struct notice *notice, int64_t now_us, size_t text_bytes,
                                  struct arena *arena) {
    static const char *const severities[] = {"critical", "error", "warning", "info"};
    const char *severity = notice->state == NOTICE_TEST ? "info" : severities[notice->severity];
    BUF_AUTO summary;
    buf_init(&summary, BODY_BYTES_MAX);
    notice_headline(notice, &summary);
    notice_cut_buf(&summary, 0, text_bytes);
    buf_add_text(body, ",\"payload\":{\"summary\":");
    buf_add_json(body, summary.data);
    buf_add_text(body, ",\"source\":");
    buf_add_json(body, channel_option(channel, "source", "holdfast"));
    buf_addf(body, ",\"severity\":\"%s\",", severity);
    add_time(body, "timestamp", began_us(notice, now_us));
    buf_add_text(body, ",\"class\":");
    buf_add_json(body, notice->kind);
    buf_add_text(body, ",\"custom_details\":{");
    bool first = true;
    add_words(body, &first, notice, NOTICE_TEXT_BYTES_MAX, arena);
    for (int i = 0; i < notice->label_count; i++) {
        add_pair(body, &first, arena_printf(arena, "label %s", notice->labels[i].name),
                 notice->labels[i].value);
    }
    buf_add_text(body, "}},\"links\":[");
    const char *const links[] = {notice->runbook, notice->link};
    static const char *const texts[] = {"Guide", "See and acknowledge"};
    bool none = true;
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        if (links[i] != NULL && links[i][0] != '\0') {
            buf_addf(body, "%s{\"href\":", none ? "" : ",");
            buf_add_json(body, links[i]);
            buf_addf(body, ",\"text\":\"%s\"}", texts[i]);
            none = false;
        }
    }
    buf_add_char(body, ']');
}

int channel_build_pagerduty(const struct channel *channel, const struct notice *notice,
                            const struct channel_moment *moment, size_t text_bytes,
                            struct arena *arena, struct channel_request *request, struct err *err) {
    static const char *const actions[NOTICE_STATES] = {
        [NOTICE_FIRING] = "trigger",
        [NOTICE_ACKNOWLEDGED] = "acknowledge",
        [NOTICE_RESOLVED] = "resolve",
        [NOTICE_TEST] = "trigger",
    };
    BUF_AUTO body;
    buf_init(&body, BODY_BYTES_MAX);
    buf_add_text(&body, "{\"routing_key\":");
    buf_add_json(&body, channel_secret(channel, "routing_key"));
    buf_addf(&body, ",\"event_action\":\"%s\",\"dedup_key\":", actions[notice->state]);
    buf_add_json(&body, notice->fingerprint);
    if (strcmp(actions[notice->state], "trigger") == 0) {
        add_pagerduty_payload(&body, channel, notice, moment->now_us, text_bytes, arena);
    }
    buf_add_char(&body, '}');
    channel_request_json(request, channel_option(channel, "url", PAGERDUTY_URL), arena, &body);
    return 0;
}

/* ---- Alertmanager's form ---- */

/* A label's name there is [a-zA-Z_][a-zA-Z0-9_]*. */
static char *label_name(struct arena *arena, const char *name) {
    char *copy = arena_copy(arena, name);
    for (char *c = copy; *c != '\0'; c++) {
        bool fits = *c == '_' || isalpha((unsigned char)*c) ||
                    (c > copy && isdigit((unsigned char)*c));
        *c = fits ? *c : '_';
    }
    return copy;
}

/* `ours`: with the label by which alertmanager_read() knows what comes back. */
static void add_labels(struct buf *buf, const struct notice *notice, bool ours,
                       struct arena *arena) {
    bool first = true;
    buf_add_text(buf, "\"labels\":{");
    if (ours) {
        add_pair(buf, &first, ALERTMANAGER_OURS, "holdfast");
    }
    add_pair(buf, &first, "alertname", notice->kind);
    add_pair(buf, &first, "severity", notice_severity_name(notice->severity));
    add_pair(buf, &first, "fingerprint", notice->fingerprint);
    if (notice->state == NOTICE_TEST) {
        add_pair(buf, &first, "test", "true");
    }
    for (int i = 0; i < notice->label_count; i++) {
        const char *name = label_name(arena, notice->labels[i].name);
        static const char *const taken[] = {"alertname", "severity", "fingerprint", "test",
                                            ALERTMANAGER_OURS};
        bool free = true;
        for (size_t t = 0; t < COUNT_OF(taken); t++) {
            free = free && strcmp(name, taken[t]) != 0;
        }
        for (int j = 0; free && j < i; j++) {
            free = strcmp(name, label_name(arena, notice->labels[j].name)) != 0;
        }
        if (free) {
            add_pair(buf, &first, name, notice->labels[i].value);
        }
    }
    buf_add_char(buf, '}');
}

static void add_annotations(struct buf *buf, const struct notice *notice, size_t text_bytes,
                            struct arena *arena) {
    bool first = true;
    buf_add_text(buf, "\"annotations\":{");
    add_words(buf, &first, notice, text_bytes, arena);
    add_pair(buf, &first, "state", notice_state_name(notice->state));
    buf_add_char(buf, '}');
}

static int add_signed(const struct channel *channel, const struct channel_moment *moment,
                      struct arena *arena, const struct buf *body,
                      struct channel_request *request, struct err *err) {
    channel_request_json(request, channel_secret(channel, "url"), arena, body);

    struct secret *key = NULL;
    struct standard_webhook *webhook = arena_alloc(arena, sizeof *webhook);
    int r = standard_webhook_secret_read(channel_secret(channel, "secret"), &key, err);
    if (r >= 0) {
        const struct secret *keys[] = {key};
        r = standard_webhook_sign(keys, 1, moment->id, moment->now_us / US_PER_SECOND, body->data,
                                  body->len, webhook, err);
    }
    secret_free(key);
    for (int i = 0; r >= 0 && i < STANDARD_WEBHOOK_HEADERS; i++) {
        channel_request_header(request, webhook->headers[i].name, webhook->headers[i].value);
    }
    return r;
}

int channel_build_webhook(const struct channel *channel, const struct notice *notice,
                          const struct channel_moment *moment, size_t text_bytes,
                          struct arena *arena, struct channel_request *request, struct err *err) {
    static const char never[] = "0001-01-01T00:00:00Z";
    bool resolved = notice->state == NOTICE_RESOLVED;
    char time[CLOCK_TEXT_MAX];
    BUF_AUTO body;
    buf_init(&body, BODY_BYTES_MAX);
    buf_add_text(&body, "{\"version\":\"4\",\"groupKey\":");
    buf_add_json(&body, notice->fingerprint);
    buf_addf(&body, ",\"status\":\"%s\",\"receiver\":\"%s\",\"groupLabels\":{\"alertname\":",
             resolved ? "resolved" : "firing", channel->name);
    buf_add_json(&body, notice->kind);
    buf_add_text(&body, "},\"commonLabels\":{},\"commonAnnotations\":{},\"externalURL\":");
    buf_add_json(&body, notice->link != NULL ? notice->link : "");
    buf_add_text(&body, ",\"notification_reason\":");
    buf_add_json(&body, notice->reason != NULL ? notice->reason : "");
    buf_addf(&body, ",\"truncatedAlerts\":0,\"alerts\":[{\"status\":\"%s\",",
             resolved ? "resolved" : "firing");
    add_labels(&body, notice, false, arena);
    buf_add_char(&body, ',');
    add_annotations(&body, notice, text_bytes, arena);
    buf_add_char(&body, ',');
    add_time(&body, "startsAt", began_us(notice, moment->now_us));
    buf_addf(&body, ",\"endsAt\":\"%s\",\"generatorURL\":",
             !resolved
                 ? never
                 : clock_format(notice->ended_us > 0 ? notice->ended_us : moment->now_us, time));
    buf_add_json(&body, notice->link != NULL ? notice->link : "");
    buf_add_text(&body, ",\"fingerprint\":");
    buf_add_json(&body, notice->fingerprint);
    buf_add_text(&body, "}]}");
    return add_signed(channel, moment, arena, &body, request, err);
}

int channel_build_webhook_letter(const struct channel *channel, const struct letter *letter,
                                 const struct channel_moment *moment, struct arena *arena,
                                 struct channel_request *request, struct err *err) {
    BUF_AUTO body;
    buf_init(&body, LETTER_BYTES_MAX);
    buf_add_text(&body, letter->text);
    return add_signed(channel, moment, arena, &body, request, err);
}

/* What is told once must stay until it is told that it is over: so an end is given that lies ahead,
 * which Alertmanager would otherwise set five minutes after it last heard of it. */
int channel_build_alertmanager(const struct channel *channel, const struct notice *notice,
                               const struct channel_moment *moment, size_t text_bytes,
                               struct arena *arena, struct channel_request *request,
                               struct err *err) {
    if (notice->state == NOTICE_ACKNOWLEDGED) {
        return 0;
    }
    const char *url = channel_option(channel, "url", "");
    size_t url_bytes = strlen(url);
    while (url_bytes > 0 && url[url_bytes - 1] == '/') {
        url_bytes--;
    }
    long hold_hours = strtol(channel_option(channel, "hold_hours", "24"), NULL, 10);
    bool resolved = notice->state == NOTICE_RESOLVED;
    BUF_AUTO body;
    buf_init(&body, BODY_BYTES_MAX);
    buf_add_text(&body, "[{");
    add_labels(&body, notice, true, arena);
    buf_add_char(&body, ',');
    add_annotations(&body, notice, text_bytes, arena);
    buf_add_char(&body, ',');
    add_time(&body, "startsAt", began_us(notice, moment->now_us));
    buf_add_char(&body, ',');
    add_time(&body, "endsAt",
             !resolved              ? moment->now_us + hold_hours * US_PER_HOUR
             : notice->ended_us > 0 ? notice->ended_us
                                    : moment->now_us);
    if (notice->link != NULL && notice->link[0] != '\0') {
        buf_add_text(&body, ",\"generatorURL\":");
        buf_add_json(&body, notice->link);
    }
    buf_add_text(&body, "}]");
    channel_request_json(request, arena_printf(arena, "%.*s/api/v2/alerts", (int)url_bytes, url),
                         arena, &body);
    const char *user = channel_option(channel, "username", NULL);
    if (user != NULL) {
        channel_request_header(request, "Authorization",
                               channel_basic(arena, user, channel_secret(channel, "password")));
    }
    return 0;
}
