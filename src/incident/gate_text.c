/* SPDX-License-Identifier: Apache-2.0
 * gate_text.c: a verdict for machines, and for a tired person: what is missing first, one line for
 * each and beneath it the one command that shows or mends it. */
#include "incident/gate_impl.h"

static void write_line(struct buf *buf, const struct gate_line *line) {
    buf_addf(buf, "{\"name\":\"%s\",\"must\":", gate_condition_name(line->condition));
    buf_add_json(buf, gate_condition_must(line->condition, NOTICE_EN));
    buf_add_text(buf, ",\"must_zh\":");
    buf_add_json(buf, gate_condition_must(line->condition, NOTICE_ZH));
    buf_addf(buf, ",\"passed\":%s,\"why\":", line->passed ? "true" : "false");
    buf_add_json(buf, line->why[NOTICE_EN]);
    buf_add_text(buf, ",\"why_zh\":");
    buf_add_json(buf, line->why[NOTICE_ZH]);
    buf_addf(buf, ",\"evidence\":%s,\"command\":", line->evidence);
    buf_add_json(buf, line->command);
    buf_add_char(buf, '}');
}

static int missing(const struct gate_verdict *verdict) {
    int count = 0;
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        count += !verdict->lines[i].passed;
    }
    return count;
}

void gate_write_json(const struct gate_verdict *verdict, struct buf *buf) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"at\":\"%s\",\"passed\":%s,\"missing\":%d,\"conditions\":[",
             clock_format(verdict->at_us, time), verdict->passed ? "true" : "false",
             missing(verdict));
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        write_line(buf, &verdict->lines[i]);
    }
    buf_add_text(buf, "]}");
}

void gate_write_text(const struct gate_verdict *verdict, enum notice_language language,
                     struct buf *buf) {
    bool chinese = language == NOTICE_ZH;
    char time[CLOCK_TEXT_MAX];
    int count = missing(verdict);
    clock_format(verdict->at_us, time);
    if (verdict->passed) {
        buf_addf(buf, chinese ? "%s 可以宣布已解决:以下条件全部满足。\n"
                              : "%s It may be called resolved: all of this is so.\n",
                 time);
    } else if (chinese) {
        buf_addf(buf, "%s 不能宣布已解决:还缺 %d 项。\n", time, count);
    } else {
        buf_addf(buf, "%s NOT resolved: %d of %d conditions %s missing.\n", time, count,
                 (int)GATE_CONDITIONS, count == 1 ? "is" : "are");
    }
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = &verdict->lines[i];
        if (!line->passed) {
            buf_addf(buf, "\n  %s %s\n      %s\n      %s\n", chinese ? "[缺]" : "[--]",
                     gate_condition_must(line->condition, language), line->why[language],
                     line->command);
        }
    }
    buf_add_text(buf, count > 0 && count < (int)GATE_CONDITIONS ? "\n" : "");
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = &verdict->lines[i];
        if (line->passed) {
            buf_addf(buf, "  [ok] %s\n", line->why[language]);
        }
    }
}
