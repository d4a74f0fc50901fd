/* SPDX-License-Identifier: Apache-2.0
 * guides.h: the pages of docs/guides, which say what an alert means and what to do, as they are
 * built into the program. Threads: any. Owns nothing: the texts live for ever. */
#ifndef HOLDFAST_WATCH_GUIDES_H
#define HOLDFAST_WATCH_GUIDES_H

struct guide {
    const char *page, *language; /* "gateway-failure"; "en", "zh" */
    const char *text;            /* Markdown */
};
extern const struct guide guides[]; /* guides.c, which embed_guides.py writes */
extern const int guide_count;
/* In that language, or in English where there is none; NULL: no such page. */
const struct guide *guide_find(const char *page, const char *language);

#endif
