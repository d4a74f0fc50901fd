/* SPDX-License-Identifier: Apache-2.0
 * story.c: what belongs to a payment in the story of a run, see story.h.
 *
 * A payment has many names: its order's, its own, one for each attempt and refund, and its requests
 * have numbers. A line that has one of them and another one says that both are of one payment. */
#include "sim/story.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

enum { NAMES_MAX = 200 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
static const char digits[] = "0123456789";

static bool in_name(char c) {
    return g_ascii_isalnum(c) || c == '_' || c == '-';
}

/* "pay_01J…", "att_01J…", "re_01J…": how many characters; 0: none of these. */
static size_t id_chars(const char *at) {
    static const char *const kinds[] = {"pay_", "att_", "re_"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t count = strlen(kinds[i]);
        if (strncmp(at, kinds[i], count) == 0) {
            return count + ID_ULID_CHARS;
        }
    }
    return 0;
}

/* "order-1-1", "queued-0-3": as the shop names them. */
static size_t order_chars(const char *at) {
    size_t count = strspn(at, letters);
    for (int part = 0; count > 0 && part < 2; part++) {
        size_t number = at[count] == '-' ? strspn(at + count + 1, digits) : 0;
        count = number > 0 ? count + 1 + number : 0;
    }
    return count;
}

/* "#108" */
static size_t exchange_chars(const char *at) {
    size_t count = at[0] == '#' ? strspn(at + 1, digits) : 0;
    return count > 0 ? count + 1 : 0;
}

/* The name that begins here, within its line: how many characters; 0: none. */
static size_t name_chars(const char *line, const char *at) {
    if (at > line && in_name(at[-1])) {
        return 0;
    }
    size_t count = id_chars(at);
    count = count > 0 ? count : order_chars(at);
    count = count > 0 ? count : exchange_chars(at);
    return count <= strlen(at) && !in_name(at[count]) ? count : 0;
}

static bool has_name(const GPtrArray *names, const char *line) {
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        size_t count = strlen(name);
        for (const char *at = line; (at = strstr(at, name)) != NULL; at++) {
            bool whole = (at == line || !in_name(at[-1])) && !in_name(at[count]);
            if (whole || i == 0) { /* the first is the text that was asked for */
                return true;
            }
        }
    }
    return false;
}

/* True: there was one that was not known. */
static bool take_names(GPtrArray *names, const char *line) {
    bool any = false;
    for (const char *at = line; *at != '\0'; at++) {
        size_t count = name_chars(line, at);
        char *name = g_strndup(at, count);
        if (count > 0 && names->len < NAMES_MAX &&
            !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL)) {
            g_ptr_array_add(names, name);
            any = true;
        } else {
            g_free(name);
        }
    }
    return any;
}

static bool is_for_all(const char *line) {
    static const char *const texts[] = {"FAILED", " serves", "'s life ", "all trouble ends"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (strstr(line, texts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

char *story_about(const char *story, const char *about) {
    if (about == NULL || about[0] == '\0') {
        return g_strdup(story);
    }
    char **lines = g_strsplit(story, "\n", -1);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GString *told = g_string_new("");
    g_ptr_array_add(names, g_strdup(about));
    for (bool more = true; more;) {
        more = false;
        for (char **line = lines; *line != NULL; line++) {
            bool failed = strstr(*line, "FAILED") != NULL; /* what it names it names by the way */
            more |= !failed && has_name(names, *line) && take_names(names, *line);
        }
    }
    for (char **line = lines; *line != NULL; line++) {
        if (is_for_all(*line) || has_name(names, *line)) {
            g_string_append_printf(told, "%s\n", *line);
        }
    }
    g_ptr_array_free(names, true);
    g_strfreev(lines);
    return g_string_free(told, false);
}
