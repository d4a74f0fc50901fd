/* SPDX-License-Identifier: Apache-2.0
 * alert_notice.c: what is kept of a signal, and the notice that comes of it. Facts are kept as the
 * JSON of a notice, so that all limits of one hold before anything is stored. */
#include <string.h>

#include "watch/alert_impl.h"

static const char *const words[ALERT_WORDS][NOTICE_LANGUAGES] = {
#define X(ID, en, zh) {en, zh},
#include "watch/alert_words.def"
#undef X
};

const char *alert_word_in(enum notice_language language, enum alert_word word) {
    return words[word][language];
}

const char *alert_word(const struct alerts *alerts, enum alert_word word) {
    return alert_word_in(alerts->settings.language, word);
}

static const char *given(const char *text, const char *fallback) {
    return text != NULL && text[0] != '\0' ? text : fallback;
}

static const char *cut(struct arena *arena, const char *text, size_t bytes_max) {
    char *copy = arena_copy(arena, text);
    (void)notice_cut(copy, bytes_max);
    return copy;
}

static const char *summary_of(const struct alerts *alerts, struct arena *arena,
                              const struct alert_signal *signal) {
    const char *summary = given(signal->summary, ""), *value = given(signal->value, "");
    const char *threshold = given(signal->threshold, "");
    if (value[0] == '\0') {
        return summary;
    }
    const char *limit = threshold[0] == '\0'
                            ? ""
                            : arena_printf(arena, "; %s%s",
                                           alert_word(alerts, ALERT_WORD_THRESHOLD), threshold);
    return arena_printf(arena, "%s%s%s%s%s", summary, summary[0] != '\0' ? "\n" : "",
                        alert_word(alerts, ALERT_WORD_VALUE), value, limit);
}

static const char *guide_of(const struct alerts *alerts, struct arena *arena,
                            const struct alert_rule *rule) {
    const struct alert_settings *settings = &alerts->settings;
    return settings->url[0] == '\0'
               ? ""
               : arena_printf(arena, "%s/guides/%s%s", settings->url, rule->guide,
                              settings->language == NOTICE_ZH ? "?lang=zh" : "");
}

int alert_facts(const struct alerts *alerts, struct arena *arena, const struct alert_signal *signal,
                struct alert_row *row, struct err *err) {
    struct alert_rule_state state;
    alert_rule_now(alerts, row->face.rule, &state);
    const struct alert_rule *rule = &state.rule;
    enum notice_language language = alerts->settings.language;
    row->money = alert_money_kept(arena, signal);
    struct notice notice = {
        .fingerprint = row->fingerprint,
        .state = NOTICE_FIRING,
        .severity = row->face.severity,
        .language = language,
        .kind = row->face.rule,
        .title = cut(arena, given(signal->title, rule->title[language]), NOTICE_TITLE_BYTES_MAX),
        .summary = cut(arena, summary_of(alerts, arena, signal), NOTICE_TEXT_BYTES_MAX),
        .scope = cut(arena, given(signal->scope, ""), NOTICE_TEXT_BYTES_MAX),
        .money = alert_money_words(arena, language, &row->face, row->money),
        .cause = cut(arena, given(signal->cause, ""), NOTICE_TEXT_BYTES_MAX),
        .action = cut(arena, given(signal->action, rule->action[language]), NOTICE_TEXT_BYTES_MAX),
        .runbook = given(signal->runbook, guide_of(alerts, arena, rule)),
        .link = given(signal->link, ""),
        .subject = given(signal->subject, row->id),
        .label_count = row->face.label_count,
    };
    memcpy(notice.labels, row->face.labels,
           sizeof notice.labels[0] * (size_t)row->face.label_count);
    row->value = cut(arena, given(signal->value, ""), ALERT_VALUE_CHARS_MAX);
    row->threshold = cut(arena, given(signal->threshold, ""), ALERT_VALUE_CHARS_MAX);
    int r = notice_check(&notice, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO json;
    buf_init(&json, NOTICE_JSON_BYTES_MAX);
    notice_write(&notice, &json);
    if (!buf_ok(&json)) {
        return err_set(err, ERR_VALIDATION, "an alert has at most %d bytes in all",
                       NOTICE_JSON_BYTES_MAX);
    }
    row->facts = arena_copy(arena, json.data);
    return 0;
}

int alert_notice(struct arena *arena, const struct alert_row *row, enum notice_state state,
                 const char *reason, struct notice *ret_notice, struct err *err) {
    int r = notice_read(arena, row->facts, strlen(row->facts), ret_notice, err);
    if (r < 0) {
        return r;
    }
    ret_notice->state = state;
    ret_notice->severity = row->face.severity;
    ret_notice->reason = cut(arena, reason, NOTICE_TITLE_BYTES_MAX);
    ret_notice->first_symptom_us = row->first_symptom_us;
    ret_notice->found_us = row->fired_us;
    ret_notice->ended_us = state == NOTICE_RESOLVED ? row->clear_us : 0;
    return 0;
}

void alert_own_notice(const struct alerts *alerts, const char *fingerprint, const char *kind,
                      enum alert_word title, enum alert_word reason, struct notice *ret_notice) {
    *ret_notice = (struct notice){
        .fingerprint = fingerprint,
        .state = NOTICE_TEST,
        .severity = NOTICE_P3,
        .language = alerts->settings.language,
        .kind = kind,
        .title = alert_word(alerts, title),
        .reason = alert_word(alerts, reason),
        .found_us = clock_wall_us(),
    };
}
