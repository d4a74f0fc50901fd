/* SPDX-License-Identifier: Apache-2.0
 * config.h: reads a YAML file by the schema of the floor that owns it (libcyaml's, which fills a
 * struct), strictly.
 *
 * libcyaml is lenient: it takes `1.5` for 1, `maybe` for true, drops a second document and names
 * the line before the one that is wrong. So the text is first walked by the same schema, and
 * refused with a sentence and its line when it has
 *   - an unknown key, a key twice, a key missing that is not optional;
 *   - a number that is not plain decimal or does not fit; a truth value other than true and false;
 *   - text, lists or lengths outside the schema's limits, a NUL character, a value of another kind;
 *   - an alias, an anchor or a tag (a few lines of aliases can stand for gigabytes), a second
 *     document, more than CONFIG_DEPTH_MAX levels or CONFIG_BYTES_MAX bytes.
 * No value is repeated in an error: it may be a secret that stands in the wrong place.
 *
 * Schemas: every type of libcyaml but bit fields; at most CONFIG_KEYS_MAX keys in a mapping; the
 * top is a mapping with CYAML_FLAG_POINTER. Owns: what config_read() returns is the caller's, until
 * config_free() with the same schema. Threads: any. Errors: ERR_CONFIG, with "file.yaml:12" as the
 * place and the unknown key's neighbours as the hint. */
#ifndef HOLDFAST_BASE_CONFIG_H
#define HOLDFAST_BASE_CONFIG_H

#include <cyaml/cyaml.h>

#include "base/compiler.h"
#include "base/err.h"

enum {
    CONFIG_BYTES_MAX = 1024 * 1024,
    CONFIG_DEPTH_MAX = 16,
    CONFIG_KEYS_MAX = 64,
};

/* *ret_config becomes a pointer to the schema's top struct; a key that is absent leaves zeros. */
MUST_USE int config_load(const char *path, const cyaml_schema_value_t *schema, void **ret_config,
                         struct err *err);
/* The same for a text; `name` stands for the file in errors. */
MUST_USE int config_read(const char *name, const char *text, size_t count,
                         const cyaml_schema_value_t *schema, void **ret_config, struct err *err);
void config_free(const cyaml_schema_value_t *schema, void *config); /* NULL is fine */

#endif
