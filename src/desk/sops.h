/* SPDX-License-Identifier: Apache-2.0
 * sops.h: the pages of docs/sops, which say step by step what to do about a class of difference, as
 * they are built into the program. Threads: any. Owns nothing: the texts live for ever. */
#ifndef HOLDFAST_DESK_SOPS_H
#define HOLDFAST_DESK_SOPS_H

struct sop {
    const char *page, *language; /* "charged-twice"; "en", "zh" */
    const char *text;            /* Markdown */
};
extern const struct sop sops[]; /* sops.c, which embed_sops.py writes */
extern const int sop_count;
/* NULL: there is none. */
const struct sop *sop_find(const char *page, const char *language);

#endif
