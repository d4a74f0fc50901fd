/* SPDX-License-Identifier: Apache-2.0
 * postmortem.c: a postmortem is gathered, and written in the form that is asked for. */
#include "incident/postmortem.h"

#include <string.h>

#include "incident/paper.h"
#include "incident/postmortem_impl.h"

bool postmortem_format_parse(const char *name, enum postmortem_format *ret_format) {
    static const char *const names[] = {"json", "markdown", "html"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum postmortem_format)i;
            return true;
        }
    }
    return false;
}

int postmortem_write(struct incidents *incidents, const struct brief_sources *sources,
                     const char *id, enum postmortem_format format, enum notice_language language,
                     struct buf *buf, struct err *err) {
    ARENA_AUTO arena = arena_new(LEARNED_BYTES_MAX);
    LEARNED_AUTO learned = {0};
    int r = learned_take(incidents, sources, id, arena, &learned, err);
    if (r < 0) {
        return r;
    }
    if (format == POSTMORTEM_JSON) {
        postmortem_json(&learned, language, buf);
    } else {
        const struct incident_row *row = &learned.view.row;
        struct paper paper = paper_begin(
            format == POSTMORTEM_HTML ? PAPER_HTML : PAPER_MARKDOWN, language,
            arena_printf(arena, language == NOTICE_ZH ? "复盘 #%lld:%s" : "Postmortem #%lld: %s",
                         (long long)row->number, row->title),
            buf);
        postmortem_page(&learned, &paper);
        paper_end(&paper);
    }
    return buf_ok(buf) ? 0 : err_set(err, ERR_INTERNAL, "a postmortem is larger than its cap");
}
