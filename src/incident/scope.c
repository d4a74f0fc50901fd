/* SPDX-License-Identifier: Apache-2.0
 * scope.c: what an incident is about, read, written, and as a condition of a statement. */
#include "incident/scope.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static bool is_name(const char *name) {
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-_.");
    return length > 0 && length <= SCOPE_NAME_CHARS_MAX && name[length] == '\0';
}

bool scope_has(const struct scope_names *names, const char *name) {
    for (int i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return true;
        }
    }
    return names->count == 0;
}

int scope_add(struct scope_names *names, const char *name, struct err *err) {
    if (!is_name(name)) {
        return err_set(err, ERR_VALIDATION,
                       "A name has 1 to %d letters, digits, '-', '_' or '.'.",
                       SCOPE_NAME_CHARS_MAX);
    }
    if (names->count > 0 && scope_has(names, name)) {
        return 0;
    }
    if (names->count == SCOPE_NAMES_MAX) {
        return err_set(err, ERR_VALIDATION, "At most %d names; none means all.", SCOPE_NAMES_MAX);
    }
    snprintf(names->names[names->count++], sizeof names->names[0], "%s", name);
    return 0;
}

static int read_names(const json_t *object, const char *where, const char *key,
                      struct scope_names *names, struct err *err) {
    const json_t *array = NULL;
    int r = json_may_array(object, where, key, SCOPE_NAMES_MAX, &array, err);
    if (r < 0 || array == NULL) {
        return r;
    }
    struct scope_names read = {0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        r = scope_add(&read, name == NULL ? "" : name, err);
        if (r < 0) {
            return err_place(err, "%s/%s/%zu", where, key, i);
        }
    }
    *names = read;
    return 0;
}

int scope_read(const json_t *object, const char *where, struct incident_scope *scope,
               struct err *err) {
    static const char *const keys[] = {"gateways", "methods", "regions", "currencies", NULL};
    struct incident_scope read = *scope;
    int r = json_only(object, where, keys, err);
    r = r < 0 ? r : read_names(object, where, "gateways", &read.gateways, err);
    r = r < 0 ? r : read_names(object, where, "methods", &read.methods, err);
    r = r < 0 ? r : read_names(object, where, "regions", &read.regions, err);
    r = r < 0 ? r : read_names(object, where, "currencies", &read.currencies, err);
    if (r >= 0) {
        *scope = read;
    }
    return r;
}

static void write_names(const char *key, const struct scope_names *names, struct buf *buf) {
    buf_addf(buf, "\"%s\":[", key);
    for (int i = 0; i < names->count; i++) {
        buf_addf(buf, "%s\"%s\"", i == 0 ? "" : ",", names->names[i]);
    }
    buf_add_text(buf, "]");
}

void scope_write(const struct incident_scope *scope, struct buf *buf) {
    buf_add_text(buf, "{");
    write_names("gateways", &scope->gateways, buf);
    buf_add_text(buf, ",");
    write_names("methods", &scope->methods, buf);
    buf_add_text(buf, ",");
    write_names("regions", &scope->regions, buf);
    buf_add_text(buf, ",");
    write_names("currencies", &scope->currencies, buf);
    buf_add_text(buf, "}");
}

void scope_list(const struct scope_names *names, char ret_list[SCOPE_LIST_BYTES_MAX]) {
    size_t length = 0;
    ret_list[0] = '\0';
    for (int i = 0; i < names->count; i++) {
        length += (size_t)snprintf(ret_list + length, SCOPE_LIST_BYTES_MAX - length, "%s%s,",
                                   i == 0 ? "," : "", names->names[i]);
    }
}
