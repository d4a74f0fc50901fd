/* SPDX-License-Identifier: Apache-2.0
 * brief.c: a brief is taken, and written; in Markdown here. */
#include "incident/brief.h"

#include <string.h>

#include "incident/brief_impl.h"
#include "incident/paper.h"

bool brief_format_parse(const char *name, enum brief_format *ret_format) {
    static const char *const names[BRIEF_FORMATS] = {"text", "markdown", "json"};
    for (int i = 0; i < BRIEF_FORMATS; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum brief_format)i;
            return true;
        }
    }
    return false;
}

static void put_items(struct paper *paper, const struct brief_lines *lines) {
    for (int i = 0; i < lines->count; i++) {
        paper_item(paper, lines->lines[i]);
    }
}

static void put_checks(struct paper *paper, const struct brief *brief) {
    struct brief_lines on = {0};
    bool zh = brief->language == NOTICE_ZH;
    PAPER_TABLE(paper, "", zh ? "必须" : "Must be so", zh ? "现状" : "How it is",
                zh ? "命令" : "Command");
    for (int i = 0; i < GATE_CONDITIONS; i++) {
        const struct gate_line *line = view_line(brief->view, (enum gate_condition)i);
        PAPER_ROW(paper, brief_mark(view_holds(brief->view, (enum gate_condition)i)),
                  gate_condition_must((enum gate_condition)i, brief->language),
                  line != NULL ? line->why[brief->language] : zh ? "未知" : "not known",
                  line != NULL ? line->command : "");
    }
    brief_still_on(brief, &on);
    put_items(paper, &on);
}

void brief_markdown(const struct brief *brief, struct buf *buf) {
    struct brief_lines standing = {0}, impact = {0}, next = {0};
    const struct view *view = brief->view;
    bool zh = brief->language == NOTICE_ZH;
    brief_standing(brief, &standing);
    brief_impact(brief, &impact);
    brief_next(brief, &next);
    struct paper paper = paper_begin(
        PAPER_MARKDOWN, brief->language,
        arena_printf(brief->arena, "%s: %s", brief_title(brief), view->row.title), buf);
    paper_source(&paper, arena_printf(brief->arena, "%s, %s", said_time(brief->arena, view->at_us),
                                      view->row.id.text));
    for (int part = 0; part < BRIEF_PARTS; part++) {
        paper_heading(&paper, arena_printf(brief->arena, "%d. %s", part + 1,
                                           brief_part(part, brief->language)));
        if (part == 1) {
            for (int i = 0; i < brief->action_count; i++) {
                paper_step(&paper, i + 1, brief->actions[i].text, brief->actions[i].command);
            }
            if (brief->action_count == 0) {
                paper_text(&paper, zh ? "目前没有待办事项。" : "Nothing is due.");
            }
        } else if (part == 4) {
            put_checks(&paper, brief);
        } else {
            put_items(&paper, part == 0 ? &standing : part == 2 ? &impact : &next);
        }
    }
    paper_end(&paper);
}

int brief_write(struct incidents *incidents, const struct brief_sources *sources, const char *id,
                enum brief_format format, enum notice_language language, struct buf *buf,
                struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    VIEW_AUTO view = {0};
    int r = view_take(incidents, sources, id, arena, &view, err);
    if (r < 0) {
        return r;
    }
    struct brief brief = {.view = &view, .language = language, .arena = arena};
    brief_choose(&brief);
    switch (format) {
    case BRIEF_MARKDOWN:
        brief_markdown(&brief, buf);
        break;
    case BRIEF_JSON:
        brief_json(&brief, buf);
        break;
    default:
        brief_text(&brief, buf);
    }
    return buf_ok(buf) ? 0 : err_set(err, ERR_INTERNAL, "a brief is larger than its cap");
}
