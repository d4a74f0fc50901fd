/* SPDX-License-Identifier: Apache-2.0
 * files_maps.c: two maps in one file. Each is cut out as text, with as many empty lines before it
 * as it takes for its lines to keep their numbers, and read as any other map. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/config.h"
#include "base/file.h"
#include "match/files/files.h"

static const char *next_line(const char *at, const char *end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline != NULL ? newline + 1 : end;
}

static bool begins_key(const char *at, const char *end, const char *key) {
    size_t count = strlen(key);
    return (size_t)(end - at) > count && memcmp(at, key, count) == 0 && at[count] == ':';
}

/* A line that stands under the key before it: indented, empty, or a comment. */
static bool is_under(const char *at, const char *end) {
    return *at == ' ' || *at == '\n' || *at == '\r' || *at == '#' || at == end;
}

/* The text under a key at the top; NULL: there is no such key. */
static GString *section(const char *text, const char *end, const char *key) {
    const char *at = text;
    GString *cut = g_string_new(NULL);
    for (; at < end && !begins_key(at, end, key); at = next_line(at, end)) {
        g_string_append_c(cut, '\n');
    }
    if (at == end) {
        g_string_free(cut, true);
        return NULL;
    }
    const char *rest = at + strlen(key) + 1, *next = next_line(at, end);
    g_string_append_len(cut, rest, next - rest);
    size_t indent = SIZE_MAX;
    for (at = next; at < end && is_under(at, end); at = next) {
        size_t blanks = 0;
        next = next_line(at, end);
        while (at + blanks < next && at[blanks] == ' ') {
            blanks++;
        }
        bool tells = at + blanks < next && strchr("\r\n#", at[blanks]) == NULL;
        indent = indent == SIZE_MAX && tells ? blanks : indent;
        size_t off = indent == SIZE_MAX ? 0 : MIN(indent, blanks);
        g_string_append_len(cut, at + off, next - at - (ptrdiff_t)off);
    }
    return cut;
}

/* Keys at the top beside the two are a slip that would go unseen. */
static int check_keys(const char *path, const char *text, const char *end, struct err *err) {
    int line = 1;
    for (const char *at = text; at < end; at = next_line(at, end), line++) {
        bool known = is_under(at, end) || begins_key(at, end, "ours") ||
                     begins_key(at, end, "theirs") || memcmp(at, "---", MIN(3, end - at)) == 0;
        if (!known) {
            err_set(err, ERR_CONFIG,
                    "only ours and theirs may stand here, each with a map under it");
            return err_place(err, "%.90s:%d", path, line);
        }
    }
    return 0;
}

static int read_section(const char *path, const GString *cut, const char *key,
                        struct csv_map **ret_map, struct err *err) {
    if (cut == NULL) {
        err_set(err, ERR_CONFIG, "there is no map under the key %s", key);
        return err_place(err, "%.90s", path);
    }
    int rc = csv_map_read(path, cut->str, cut->len, ret_map, err);
    return rc < 0 ? err_while(err, "reading the map of %s", key) : 0;
}

int files_maps_read(const char *path, const char *text, size_t count, struct csv_map **ret_ours,
                    struct csv_map **ret_theirs, struct err *err) {
    const char *end = text + count;
    GString *ours = section(text, end, "ours"), *theirs = section(text, end, "theirs");
    CSV_MAP_AUTO first = NULL;
    CSV_MAP_AUTO second = NULL;
    int rc = 0;
    if (ours == NULL && theirs == NULL) {
        rc = csv_map_read(path, text, count, &first, err);
        rc = rc < 0 ? rc : csv_map_read(path, text, count, &second, err);
    } else {
        rc = check_keys(path, text, end, err);
        rc = rc < 0 ? rc : read_section(path, ours, "ours", &first, err);
        rc = rc < 0 ? rc : read_section(path, theirs, "theirs", &second, err);
    }
    if (ours != NULL) {
        g_string_free(ours, true);
    }
    if (theirs != NULL) {
        g_string_free(theirs, true);
    }
    if (rc == 0) {
        *ret_ours = first;
        *ret_theirs = second;
        first = second = NULL;
    }
    return rc;
}

int files_maps_load(const char *path, struct csv_map **ret_ours, struct csv_map **ret_theirs,
                    struct err *err) {
    size_t count = 0;
    g_autofree char *text = g_malloc(CONFIG_BYTES_MAX + 1);
    int rc = file_read(path, text, CONFIG_BYTES_MAX, &count, err);
    return rc < 0 ? rc : files_maps_read(path, text, count, ret_ours, ret_theirs, err);
}
