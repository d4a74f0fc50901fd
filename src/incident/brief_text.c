/* SPDX-License-Identifier: Apache-2.0
 * brief_text.c: a brief for a terminal at three in the morning: BRIEF_COLUMNS wide, what is wrong
 * before what is well, a command on a line of its own so that it can be copied whole. */
#include <glib.h>
#include <string.h>

#include "incident/brief_impl.h"

enum { INDENT = 3 };

static void put_blanks(struct buf *buf, int count) {
    while (count-- > 0) {
        buf_add_char(buf, ' ');
    }
}

/* Bytes of the next piece that cannot be broken: a word with the blanks before it, or one wide
 * character with the marks that may not begin a line. */
static size_t piece(const char *text) {
    static const char *const never_first[] = {",", "。", ";", ":", "、", ")", "%", "?"};
    const char *at = text;
    while (*at == ' ') {
        at++;
    }
    bool wide = *at != '\0' && g_unichar_iswide(g_utf8_get_char(at));
    while (*at != '\0' && *at != ' ') {
        at = g_utf8_next_char(at);
        if (*at == '\0' || (!wide && !g_unichar_iswide(g_utf8_get_char(at)))) {
            continue;
        }
        bool stays = false;
        for (size_t i = 0; i < COUNT_OF(never_first); i++) {
            stays = stays || strncmp(at, never_first[i], strlen(never_first[i])) == 0;
        }
        if (!stays) {
            break;
        }
    }
    return (size_t)(at - text);
}

/* The text from `column` on; further lines are indented by `indent`. What is too wide for a whole
 * line stands alone on it. */
static void put_wrapped(struct buf *buf, const char *text, int column, int indent) {
    int begin = column;
    while (*text != '\0') {
        size_t bytes = piece(text);
        char one[512];
        snprintf(one, sizeof one, "%.*s", (int)bytes, text);
        int width = said_width(one);
        const char *shown = one;
        if (column > begin && column + width > BRIEF_COLUMNS) {
            buf_add_char(buf, '\n');
            put_blanks(buf, indent);
            column = begin = indent;
        }
        if (column == begin) {
            shown += strspn(shown, " ");
            width = said_width(shown);
        }
        buf_add_text(buf, shown);
        column += width;
        text += bytes;
    }
    buf_add_char(buf, '\n');
}

static void put_heading(struct buf *buf, const struct brief *brief, int part) {
    buf_addf(buf, "\n%d  %s\n", part + 1, brief_part(part, brief->language));
}

static void put_lines(struct buf *buf, const struct brief_lines *lines) {
    for (int i = 0; i < lines->count; i++) {
        put_blanks(buf, INDENT);
        put_wrapped(buf, lines->lines[i], INDENT, INDENT + 2);
    }
}

static void put_title(struct buf *buf, const struct brief *brief) {
    const char *title = brief_title(brief);
    const char *time = said_time(brief->arena, brief->view->at_us);
    buf_add_text(buf, title);
    put_blanks(buf, BRIEF_COLUMNS - said_width(title) - said_width(time));
    buf_addf(buf, "%s\n", time);
    put_wrapped(buf, brief->view->row.title, 0, 0);
}

static void put_actions(struct buf *buf, const struct brief *brief) {
    bool zh = brief->language == NOTICE_ZH;
    for (int i = 0; i < brief->action_count; i++) {
        const struct brief_action *action = &brief->actions[i];
        buf_addf(buf, "   %d. ", i + 1);
        put_wrapped(buf, action->text, INDENT + 3, INDENT + 3);
        if (action->command[0] != '\0') {
            buf_addf(buf, "      %s\n", action->command);
        }
    }
    if (brief->action_count == 0) {
        buf_add_text(buf, zh ? "   目前没有待办事项。\n" : "   Nothing is due.\n");
    } else if (brief->action_more > 0) {
        buf_addf(buf, zh ? "   此后还有 %d 项。\n" : "   And %d more after these.\n",
                 brief->action_more);
    }
}

static void put_check(struct buf *buf, const struct brief *brief, int condition) {
    enum notice_language language = brief->language;
    const struct gate_line *line = view_line(brief->view, (enum gate_condition)condition);
    int holds = view_holds(brief->view, (enum gate_condition)condition);
    buf_addf(buf, "   %s ", brief_mark(holds));
    put_wrapped(buf, gate_condition_must((enum gate_condition)condition, language), INDENT + 5,
                INDENT + 5);
    if (line != NULL && !line->passed) {
        put_blanks(buf, INDENT + 5);
        put_wrapped(buf, line->why[language], INDENT + 5, INDENT + 5);
        put_blanks(buf, line->command[0] != '\0' ? INDENT + 5 : 0);
        buf_addf(buf, "%s%s", line->command, line->command[0] != '\0' ? "\n" : "");
    }
}

static void put_checks(struct buf *buf, const struct brief *brief) {
    struct brief_lines on = {0};
    bool zh = brief->language == NOTICE_ZH;
    if (brief->view->verdict == NULL) {
        buf_add_text(buf, zh ? "   未知:未进行关口检查。\n" : "   Not known: nobody asked the gate.\n");
    }
    for (int holds = -1; holds <= 1; holds++) {
        for (int i = 0; i < GATE_CONDITIONS; i++) {
            if (view_holds(brief->view, (enum gate_condition)i) == holds) {
                put_check(buf, brief, i);
            }
        }
    }
    brief_still_on(brief, &on);
    put_lines(buf, &on);
}

void brief_text(const struct brief *brief, struct buf *buf) {
    struct brief_lines standing = {0}, impact = {0}, next = {0};
    brief_standing(brief, &standing);
    brief_impact(brief, &impact);
    brief_next(brief, &next);
    put_title(buf, brief);
    put_heading(buf, brief, 0);
    put_lines(buf, &standing);
    put_heading(buf, brief, 1);
    put_actions(buf, brief);
    put_heading(buf, brief, 2);
    put_lines(buf, &impact);
    put_heading(buf, brief, 3);
    put_lines(buf, &next);
    put_heading(buf, brief, 4);
    put_checks(buf, brief);
}
