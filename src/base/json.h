/* SPDX-License-Identifier: Apache-2.0
 * json.h: strict reading of JSON from strangers, over jansson.
 *
 * json_read() refuses what RFC 8259 or our limits do not allow: trailing bytes, duplicate keys, NUL
 * characters, invalid UTF-8, more than `depth_max` levels, more than `bytes_max` bytes. Then the
 * typed getters take one field each and say exactly what is wrong with it and where (a JSON pointer
 * in err->place). Numbers with a fraction or an exponent are never amounts: the getters of integers
 * refuse them.
 * Owns:    the caller owns what json_read() returns (json_decref / JSON_AUTO); strings borrowed
 *          from it live as long as it does. Threads: any, one tree each. */
#ifndef HOLDFAST_BASE_JSON_H
#define HOLDFAST_BASE_JSON_H

#include <jansson.h>

#include "base/compiler.h"
#include "base/err.h"

enum {
    JSON_DEPTH_MAX = 16,
    JSON_NAMES_MAX = 64, /* that can be asked for, see json_read_named() */
    JSON_BODY_BYTES_MAX = 64 * 1024,
};

void json_auto(json_t **json);
#define JSON_AUTO json_t *CLEANUP(json_auto)

/* ERR_BAD_JSON (with line and column in place), ERR_TOO_LARGE. Any JSON value may stand at the
 * top. */
MUST_USE int json_read(const char *bytes, size_t count, size_t bytes_max, int depth_max,
                       json_t **ret_json, struct err *err);

/* The same for whoever looks at a few members only. `names` (NULL ends, at most JSON_NAMES_MAX of
 * up to 31 bytes) are the keys that will be asked for, at any depth: members of objects under other
 * keys may be left out of the tree, and are then not looked at for keys that stand twice. */
MUST_USE int json_read_named(const char *bytes, size_t count, size_t bytes_max, int depth_max,
                             const char *const *names, json_t **ret_json, struct err *err);

/* `where` is the JSON pointer of `object` itself ("" at the top); a field's place is where/key.
 * _need: ERR_VALIDATION when absent or null. _may: absent or null leaves *ret as it was.
 * _text is one line: control characters are refused, as they could make two lines of one in a log,
 * a header or a file for the bank. _lines takes line ends and tabs as well. */
MUST_USE int json_need_text(const json_t *object, const char *where, const char *key,
                            size_t chars_min, size_t chars_max, const char **ret_text,
                            struct err *err);
MUST_USE int json_may_text(const json_t *object, const char *where, const char *key,
                           size_t chars_min, size_t chars_max, const char **ret_text,
                           struct err *err);
MUST_USE int json_need_lines(const json_t *object, const char *where, const char *key,
                             size_t chars_min, size_t chars_max, const char **ret_text,
                             struct err *err);
MUST_USE int json_may_lines(const json_t *object, const char *where, const char *key,
                            size_t chars_min, size_t chars_max, const char **ret_text,
                            struct err *err);
MUST_USE int json_need_int(const json_t *object, const char *where, const char *key, int64_t min,
                           int64_t max, int64_t *ret_value, struct err *err);
MUST_USE int json_may_int(const json_t *object, const char *where, const char *key, int64_t min,
                          int64_t max, int64_t *ret_value, struct err *err);
MUST_USE int json_may_bool(const json_t *object, const char *where, const char *key,
                           bool *ret_value, struct err *err);
MUST_USE int json_need_object(const json_t *object, const char *where, const char *key,
                              const json_t **ret_object, struct err *err);
MUST_USE int json_may_object(const json_t *object, const char *where, const char *key,
                             const json_t **ret_object, struct err *err);
MUST_USE int json_may_array(const json_t *object, const char *where, const char *key,
                            size_t items_max, const json_t **ret_array, struct err *err);
/* `value` must be an object and hold only these keys (NULL-terminated list): ERR_VALIDATION names
 * the first that is unknown and the ones that are allowed. */
MUST_USE int json_only(const json_t *value, const char *where, const char *const *keys,
                       struct err *err);

/* Lenient look at a gateway's answer: a borrowed string / integer at a path of keys ("a", "b", NULL
 * ends), or NULL / fallback when anything on the way is missing or of another type. */
const char *json_peek_text(const json_t *json, ...) __attribute__((sentinel));
int64_t json_peek_int(const json_t *json, int64_t fallback, ...) __attribute__((sentinel));
const json_t *json_peek(const json_t *json, ...) __attribute__((sentinel));

/* One line, keys in insertion order; free() it. Never NULL. */
MUST_USE char *json_write(const json_t *json);

#endif
