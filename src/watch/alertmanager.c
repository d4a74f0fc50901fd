/* SPDX-License-Identifier: Apache-2.0
 * alertmanager.c: see alertmanager.h. Fields that are not looked at may be anything: the next
 * version of Alertmanager will have more of them. */
#include "watch/alertmanager.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { DEPTH_MAX = 8, PAIRS_MAX = 200 };

/* A stranger's text as a notice may hold it: without control characters, cut. */
static char *cleaned(struct arena *arena, const char *text, size_t bytes_max, bool lines) {
    char *copy = arena_copy(arena, text != NULL ? text : "");
    for (unsigned char *c = (unsigned char *)copy; *c != '\0'; c++) {
        bool high = *c == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0;
        if (high) {
            *c = ' ';
            c[1] = ' ';
        } else if ((*c < ' ' && !(lines && *c == '\n')) || *c == 0x7F) {
            *c = ' ';
        }
    }
    (void)notice_cut(copy, bytes_max);
    return copy;
}

static const char *member(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static const char *either(const char *first, const char *second) {
    return first[0] != '\0' ? first : second;
}

static const char *url_or_none(struct arena *arena, const char *text) {
    struct notice probe = {
        .fingerprint = "x", .state = NOTICE_FIRING, .kind = "x", .title = "x", .runbook = text};
    return notice_check(&probe, NULL) >= 0 ? arena_copy(arena, text) : "";
}

static enum notice_severity severity_of(const char *text) {
    static const struct {
        const char *word;
        enum notice_severity severity;
    } words[] = {
        {"P0", NOTICE_P0},       {"P1", NOTICE_P1},   {"P2", NOTICE_P2},
        {"critical", NOTICE_P1}, {"page", NOTICE_P1}, {"warning", NOTICE_P2},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            return words[i].severity;
        }
    }
    return NOTICE_P3;
}

/* 0 for Alertmanager's "not yet", the year 1. */
static int time_of(const json_t *alert, const char *where, const char *key, int64_t *ret_us,
                   struct err *err) {
    const char *text = member(alert, key);
    if (text[0] != '\0' && strncmp(text, "0001-", 5) != 0) {
        char plain[48];
        /* It writes nanoseconds at times; microseconds are what we have. */
        size_t point = strcspn(text, ".");
        size_t digits = text[point] == '.' ? strspn(text + point + 1, "0123456789") : 0;
        size_t kept = digits > 6 ? 6 : digits;
        (void)snprintf(plain, sizeof plain, "%.*s%s", (int)(point + (kept > 0 ? kept + 1 : 0)),
                       text, text[point] == '.' ? text + point + 1 + digits : "");
        if (!clock_parse(plain, ret_us)) {
            err_set(err, ERR_VALIDATION, "this is no time");
            err_hint(err, "As RFC 3339 has it: 2026-11-20T08:00:00Z.");
            return err_place(err, "%s/%s", where, key);
        }
    }
    return 0;
}

static void take_labels(struct arena *arena, const json_t *labels, struct notice *notice) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)labels, key, value) {
        bool known = strcmp(key, "alertname") == 0 || strcmp(key, "severity") == 0;
        if (!known && key[0] != '\0' && notice->label_count < NOTICE_LABELS_MAX) {
            notice->labels[notice->label_count++] = (struct notice_label){
                cleaned(arena, key, NOTICE_NAME_BYTES_MAX, false),
                cleaned(arena, json_string_value(value), NOTICE_TITLE_BYTES_MAX, false)};
        }
    }
}

/* An object of texts, or absent. */
static int pairs(const json_t *alert, const char *where, const char *key, const json_t **ret_pairs,
                 struct err *err) {
    const json_t *object = json_object_get(alert, key);
    const char *name;
    json_t *value;
    if (object == NULL || json_is_null(object)) {
        *ret_pairs = NULL;
        return 0;
    }
    bool fits = json_is_object(object) && json_object_size(object) <= PAIRS_MAX;
    json_object_foreach((json_t *)object, name, value) {
        fits = fits && json_is_string(value);
    }
    if (!fits) {
        err_set(err, ERR_VALIDATION, "this is an object of at most %d texts", PAIRS_MAX);
        return err_place(err, "%s/%s", where, key);
    }
    *ret_pairs = object;
    return 0;
}

static int take_alert(struct arena *arena, const json_t *alert, const char *where, int64_t now_us,
                      struct notice *ret_notice, struct err *err) {
    const json_t *labels = NULL, *notes = NULL;
    const char *status = member(alert, "status");
    bool resolved = strcmp(status, "resolved") == 0;
    struct notice notice = {.state = resolved ? NOTICE_RESOLVED : NOTICE_FIRING,
                            .found_us = now_us};
    if (!json_is_object(alert) || (!resolved && strcmp(status, "firing") != 0)) {
        err_set(err, ERR_VALIDATION, "an alert is an object whose status is firing or resolved");
        return err_place(err, "%s/status", where);
    }
    int r = pairs(alert, where, "labels", &labels, err);
    r = r < 0 ? r : pairs(alert, where, "annotations", &notes, err);
    r = r < 0 ? r : time_of(alert, where, "startsAt", &notice.first_symptom_us, err);
    r = r < 0 || !resolved ? r : time_of(alert, where, "endsAt", &notice.ended_us, err);
    if (r < 0) {
        return r;
    }
    const char *name = member(labels, "alertname");
    const char *fingerprint = member(alert, "fingerprint");
    if (name[0] == '\0' || fingerprint[0] == '\0') {
        err_set(err, ERR_VALIDATION, "an alert has a fingerprint and a label alertname");
        return err_place(err, "%s", where);
    }
    const size_t line = NOTICE_TITLE_BYTES_MAX, text = NOTICE_TEXT_BYTES_MAX;
    const char *title = either(member(notes, "summary"), either(member(notes, "title"), name));
    notice.kind = cleaned(arena, name, NOTICE_NAME_BYTES_MAX, false);
    notice.fingerprint = cleaned(arena, arena_printf(arena, "alertmanager:%s", fingerprint),
                                 NOTICE_NAME_BYTES_MAX, false);
    notice.title = cleaned(arena, title, line, false);
    notice.summary = cleaned(arena, either(member(notes, "description"), member(notes, "message")),
                             text, true);
    notice.scope = cleaned(arena, member(notes, "scope"), text, true);
    notice.cause = cleaned(arena, member(notes, "cause"), text, true);
    notice.action = cleaned(arena, member(notes, "action"), text, true);
    notice.severity = severity_of(member(labels, "severity"));
    notice.runbook = url_or_none(arena,
                                 either(member(notes, "runbook_url"), member(notes, "runbook")));
    notice.link = url_or_none(arena, member(alert, "generatorURL"));
    notice.subject = "";
    notice.reason = "";
    notice.text = "";
    take_labels(arena, labels, &notice);
    r = notice_check(&notice, err);
    if (r >= 0) {
        *ret_notice = notice;
    }
    return r < 0 ? err_place(err, "%s", where) : 0;
}

static bool told_by_us(const json_t *alert) {
    return strcmp(member(json_object_get(alert, "labels"), ALERTMANAGER_OURS), "holdfast") == 0;
}

int alertmanager_read(const char *body, size_t bytes, int64_t now_us, struct arena *arena,
                      struct notice **ret_notices, int *ret_count, struct err *err) {
    JSON_AUTO json = NULL;
    int r = json_read(body, bytes, ALERTMANAGER_BYTES_MAX, DEPTH_MAX, &json, err);
    if (r < 0) {
        return r;
    }
    if (!json_is_object(json) || strcmp(member(json, "version"), "4") != 0) {
        err_set(err, ERR_VALIDATION, "this is no message of an Alertmanager's webhook, version 4");
        return err_place(err, "/version");
    }
    const json_t *alerts = json_object_get(json, "alerts");
    size_t count = json_array_size(alerts);
    if (!json_is_array(alerts) || count == 0 || count > ALERTMANAGER_ALERTS_MAX) {
        err_set(err, ERR_VALIDATION, "there are 1 to %d alerts in it", ALERTMANAGER_ALERTS_MAX);
        return err_place(err, "/alerts");
    }
    struct notice *notices = arena_alloc(arena, sizeof *notices * count);
    int taken = 0;
    for (size_t i = 0; r >= 0 && i < count; i++) {
        char where[40];
        (void)snprintf(where, sizeof where, "/alerts/%zu", i);
        const json_t *alert = json_array_get(alerts, i);
        r = take_alert(arena, alert, where, now_us, &notices[taken], err);
        taken += !told_by_us(alert);
    }
    if (r >= 0) {
        *ret_notices = notices;
        *ret_count = taken;
    }
    return r;
}
