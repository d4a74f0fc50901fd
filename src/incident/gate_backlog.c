/* SPDX-License-Identifier: Apache-2.0
 * gate_backlog.c: what piled up, against its limits (gate_backlogs.def). */
#include <string.h>

#include "incident/gate_impl.h"

enum { GATE_LIMIT_NONE = -1 };
enum since { SINCE_NOW, SINCE_START };

static const struct {
    const char *name;
    int limit;
    enum since since;
    const char *what[NOTICE_LANGUAGES], *sql, *command;
} backlogs[] = {
#define X(name, LIMIT, SINCE, what, what_zh, sql, command)                                         \
    {name, GATE_LIMIT_##LIMIT, SINCE_##SINCE, {what, what_zh}, sql, command},
#include "incident/gate_backlogs.def"
#undef X
};

static int take(struct gate_look *look, size_t i, int64_t *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int64_t at_us = backlogs[i].since == SINCE_NOW ? look->now_us : look->subject->scope.from_us;
    int r = strstr(backlogs[i].sql, "$1") != NULL
                ? sql_query(look->tx, err, &rows, backlogs[i].sql, S_INT(at_us))
                : sql_query(look->tx, err, &rows, backlogs[i].sql);
    r = r < 0 ? r : sql_next(rows, err);
    *ret_count = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

/* The first that is too much is the one that is told. */
static void judge(struct gate_look *look, struct gate_line *line, size_t i, int64_t count,
                  int64_t most) {
    if (count <= most || !line->passed) {
        return;
    }
    const struct phrase_word number = {"count", gate_number(look, count)},
                             limit = {"most", gate_number(look, most)};
    line->passed = false;
    line->command = backlogs[i].command;
    line->why[NOTICE_EN] = PHRASE(look->arena, "{count} {what}; at most {most} may.", number, limit,
                                  {"what", backlogs[i].what[NOTICE_EN]});
    line->why[NOTICE_ZH] = PHRASE(look->arena, "{count} {what};上限 {most}。", number, limit,
                                  {"what", backlogs[i].what[NOTICE_ZH]});
}

int gate_backlog(struct gate_look *look, struct gate_line *line, struct err *err) {
    int r = 0;
    BUF_AUTO buf;
    buf_init(&buf, GATE_EVIDENCE_BYTES_MAX);
    GATE_SAY(look, line, "Nothing is piled up above its limit, and nothing was given up.",
             "没有超过上限的积压,没有被放弃的任务。", {"", ""});
    line->passed = true;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(backlogs); i++) {
        int limit = backlogs[i].limit;
        int64_t count = 0, most = limit == GATE_LIMIT_NONE ? 0 : look->gate->limits.of[limit];
        r = take(look, i, &count, err);
        buf_addf(&buf, "%c\"%s\":{\"count\":%lld,\"most\":%lld}", i == 0 ? '{' : ',',
                 backlogs[i].name, (long long)count, (long long)most);
        judge(look, line, i, count, most);
    }
    buf_add_char(&buf, '}');
    return r < 0 ? r : gate_evidence(look, line, &buf, err);
}
