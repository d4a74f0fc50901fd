/* SPDX-License-Identifier: Apache-2.0
 * template_impl.h: the built-in texts as embed_templates.py writes them; template.c's only. */
#ifndef HOLDFAST_COMMS_TEMPLATE_IMPL_H
#define HOLDFAST_COMMS_TEMPLATE_IMPL_H

struct template_source {
    const char *audience, *situation, *language, *text;
};
extern const struct template_source template_sources[];
extern const int template_source_count;

#endif
