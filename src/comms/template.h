/* SPDX-License-Identifier: Apache-2.0
 * template.h: the texts that are sent, by audience, situation and language: those of templates/,
 * which are built in, and those of a folder, which replace them.
 *
 *     Subject: what it is about
 *     Short: what goes out as a text message
 *                                               an empty line
 *     The text, with {fields} of fields.def.
 *
 * "Short:" is needed in texts for customers. A field that no value is given for is left as it
 * stands, which the linter refuses; a value is never looked at for fields.
 * Threads: any, once open. Owns: all texts, until templates_close().
 * Errors:  ERR_CONFIG, with file and line as the place: what is wrong with a text of the folder. */
#ifndef HOLDFAST_COMMS_TEMPLATE_H
#define HOLDFAST_COMMS_TEMPLATE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "comms/words.h"

enum field {
#define X(NAME, name, kind, what, english, chinese) FIELD_##NAME,
#include "comms/fields.def"
#undef X
    FIELDS
};
enum field_kind {
    FIELD_KIND_PERSON,
    FIELD_KIND_SHOP,
    FIELD_KIND_TIME,
    FIELD_KIND_SPAN,
    FIELD_KIND_COUNT,
    FIELD_KIND_WORDS,
};
struct field_row {
    const char *name, *what, *examples[LANGUAGES];
    enum field_kind kind;
};
const struct field_row *field_row(enum field field);
MUST_USE bool field_parse(const char *name, size_t chars, enum field *ret_field);

struct template {
    enum audience audience;
    enum situation situation;
    enum language language;
    bool shipped; /* built in; else the folder's */
    const char *subject, *brief, *text; /* brief: "" where there is none */
};

struct templates;
/* `folder`: NULL for the built-in ones alone. */
MUST_USE int templates_open(const char *folder, struct templates **ret_templates, struct err *err);
void templates_close(struct templates *templates); /* NULL is fine */
int templates_count(const struct templates *templates);
const struct template *templates_at(const struct templates *templates, int index);
/* NULL: there is none. */
const struct template *templates_find(const struct templates *templates, enum audience audience,
                                      enum situation situation, enum language language);
/* "customer/being-processed" */
MUST_USE bool template_name_parse(const char *name, enum audience *ret_audience,
                                  enum situation *ret_situation);

/* A value as it was given becomes what stands in a text: "2026-11-23T14:30:00Z" "2026-11-23 14:30
 * UTC" (or by another offset "2026-11-23 22:30 UTC+8"), "3-10" "3 to 10 working days".
 * ERR_VALIDATION with /fields/NAME as the place. */
enum { FIELD_CHARS_MAX = 600 };
MUST_USE int field_show(enum field field, enum language language, int utc_offset_minutes,
                        const char *given, struct buf *buf, struct err *err);
void field_show_time(int64_t wall_us, int utc_offset_minutes, struct buf *buf);

/* One value a field, NULL where none is given. Borrowed. */
struct field_values {
    const char *of[FIELDS];
};
void template_fill(const char *text, const struct field_values *values, struct buf *buf);
/* Whether a field stands in it. */
bool template_has(const char *text, enum field field);
/* The same in any of its three texts. */
bool template_uses(const struct template *one, enum field field);

#endif
