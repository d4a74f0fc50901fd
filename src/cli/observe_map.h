/* SPDX-License-Identifier: Apache-2.0
 * observe_map.h: how the lines of somebody's log become observations, as a person wrote it in YAML
 * (docs/observer.md has every key):
 *
 *   format: json
 *   only:
 *     - {field: type, is: [charge.succeeded, charge.failed]}
 *   fields:
 *     - {to: gateway, always: stripe}
 *     - {to: outcome, field: type, words: [{is: charge.succeeded, says: ok}], otherwise: failed}
 *     - {to: amount, field: data.object.amount}
 *
 * A map is checked whole when it is read. A line is read exactly: what a word or a number of it
 * does not say is said, with the line, never guessed.
 * Owns: a map, until observe_map_free(); the JSON of a line is the caller's. Threads: one at a
 * time.
 * Errors: ERR_CONFIG (the map), ERR_VALIDATION (a line; the place is the field). */
#ifndef HOLDFAST_CLI_OBSERVE_MAP_H
#define HOLDFAST_CLI_OBSERVE_MAP_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/err.h"

struct observe_map;
MUST_USE int observe_map_load(const char *path, struct observe_map **ret_map, struct err *err);
MUST_USE int observe_map_read(const char *name, const char *text, size_t count,
                              struct observe_map **ret_map, struct err *err);
void observe_map_free(struct observe_map *map); /* NULL is fine */

/* Whether a file's first line has the names of its columns. */
bool observe_map_has_header(const struct observe_map *map);
/* That line, of each file anew. ERR_VALIDATION: a column that the map names is not there, or
 * twice. */
MUST_USE int observe_map_header(struct observe_map *map, const char *bytes, size_t count,
                                struct err *err);

/* One line: *ret_observation is what POST /v1/observations takes, or NULL: the line is empty or
 * not one that `only` takes. */
MUST_USE int observe_map_line(struct observe_map *map, const char *bytes, size_t count,
                              json_t **ret_observation, struct err *err);

#endif
