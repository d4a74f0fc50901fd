/* SPDX-License-Identifier: Apache-2.0
 * playbook.c: the playbooks that there are, and how one is told. */
#include "incident/playbook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "incident/playbook_impl.h"

#define SUFFIX ".yaml"

struct playbook_set {
    struct arena *arena;
    struct playbook_common common;
    struct playbook books[PLAYBOOKS_MAX];
    int count;
};

int playbook_set_count(const struct playbook_set *set) {
    return set->count;
}

const struct playbook *playbook_set_at(const struct playbook_set *set, int index) {
    return &set->books[index];
}

const struct playbook *playbook_set_find(const struct playbook_set *set, const char *name) {
    for (int i = 0; i < set->count; i++) {
        if (strcmp(set->books[i].name, name) == 0) {
            return &set->books[i];
        }
    }
    return NULL;
}

/* ---- reading ---- */

static int place_of(const struct playbook_set *set, const char *name) {
    const struct playbook *found = playbook_set_find(set, name);
    return found != NULL ? (int)(found - set->books) : set->count;
}

int playbook_set_read(struct playbook_set *set, const char *path, const char *text, size_t count,
                      const struct playbook **ret_playbook, struct err *err) {
    struct playbook *read = calloc(1, sizeof *read);
    INVARIANT(read != NULL, "no memory for a playbook");
    int r = playbook_read(set->arena, &set->common, path, text, count, read, err);
    int at = r < 0 ? 0 : place_of(set, read->name);
    if (r >= 0 && at == PLAYBOOKS_MAX) {
        err_set(err, ERR_CONFIG, "there are more than %d playbooks", PLAYBOOKS_MAX);
        r = err_place(err, "%s:1", path);
    }
    if (r >= 0) {
        set->books[at] = *read;
        set->count += at == set->count;
        if (ret_playbook != NULL) {
            *ret_playbook = &set->books[at];
        }
    }
    free(read);
    return r;
}

static const struct playbook_source *shipped_common(void) {
    for (int i = 0; i < playbook_source_count; i++) {
        if (strcmp(playbook_sources[i].name, PLAYBOOK_COMMON) == 0) {
            return &playbook_sources[i];
        }
    }
    INVARIANT(false, "the common items are built in");
    return NULL;
}

static int read_shipped(struct playbook_set *set, struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < playbook_source_count; i++) {
        const struct playbook_source *source = &playbook_sources[i];
        if (strcmp(source->name, PLAYBOOK_COMMON) != 0) {
            r = playbook_set_read(set, source->name, source->text, strlen(source->text), NULL,
                                  err);
        }
    }
    for (int i = 0; i < set->count; i++) {
        set->books[i].shipped = true;
    }
    return r;
}

struct folder_walk {
    struct playbook_set *set;
    struct folder *folder;
    const char *path;
    bool common; /* its common.yaml alone; else all but that */
};

/* The folder's common items stand beside the built-in ones, or in the place of one of their id. */
static int take_common(struct playbook_set *set, const char *path, const struct buf *text,
                       struct err *err) {
    struct playbook_common *read = calloc(1, sizeof *read), *common = &set->common;
    INVARIANT(read != NULL, "no memory for common items");
    int r = playbook_read_common(set->arena, path, text->data, text->len, read, err);
    for (int i = 0; r >= 0 && i < read->count; i++) {
        int at = 0;
        while (at < common->count && strcmp(common->items[at].id, read->items[i].id) != 0) {
            at++;
        }
        if (at == COMMON_ITEMS_MAX) {
            err_set(err, ERR_CONFIG, "there are more than %d common items", COMMON_ITEMS_MAX);
            r = err_place(err, "%s:%d", path, read->items[i].line);
            break;
        }
        common->items[at] = read->items[i];
        common->count += at == common->count;
    }
    free(read);
    return r;
}

static int read_file(struct folder_walk *walk, const char *name, struct err *err) {
    struct file_face face;
    char path[400];
    BUF_AUTO text;
    buf_init(&text, PLAYBOOK_FILE_BYTES_MAX);
    snprintf(path, sizeof path, "%s/%s", walk->path, name);
    int r = folder_look(walk->folder, name, &face, err);
    r = r < 0 ? r : folder_read(walk->folder, name, &face, &text, err);
    if (r < 0) {
        err->code = ERR_CONFIG;
        return err_place(err, "%s:1", path);
    }
    if (walk->common) {
        return take_common(walk->set, path, &text, err);
    }
    const struct playbook *read = NULL;
    r = playbook_set_read(walk->set, path, text.data, text.len, &read, err);
    size_t chars = strlen(name) - strlen(SUFFIX);
    if (r >= 0 && (strlen(read->name) != chars || strncmp(read->name, name, chars) != 0)) {
        err_set(err, ERR_CONFIG, "its name is \"%s\": the file is called otherwise", read->name);
        r = err_place(err, "%s:1", path);
    }
    return r;
}

static int take_file(void *ctx, const char *name, struct err *err) {
    struct folder_walk *walk = ctx;
    size_t chars = strlen(name), suffix = strlen(SUFFIX);
    bool is_common = strcmp(name, PLAYBOOK_COMMON SUFFIX) == 0;
    if (chars <= suffix || strcmp(name + chars - suffix, SUFFIX) != 0 ||
        is_common != walk->common) {
        return 0;
    }
    int r = read_file(walk, name, err);
    return r < 0 ? r : 0;
}

static int open_folder(const char *path, struct folder_walk *walk, struct err *err) {
    int r = folder_open(path, &walk->folder, err);
    if (r < 0) {
        err->code = ERR_CONFIG;
        return err_place(err, "incidents.playbooks.dir");
    }
    return 0;
}

int playbook_set_open(const char *folder, struct playbook_set **ret_set, struct err *err) {
    struct playbook_set *set = calloc(1, sizeof *set);
    INVARIANT(set != NULL, "no memory for playbooks");
    set->arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    const struct playbook_source *common = shipped_common();
    struct folder_walk walk = {.set = set, .path = folder, .common = true};
    int r = playbook_read_common(set->arena, common->name, common->text, strlen(common->text),
                                 &set->common, err);
    r = r < 0 || folder == NULL ? r : open_folder(folder, &walk, err);
    r = r < 0 || folder == NULL ? r : folder_each(walk.folder, take_file, &walk, err);
    r = r < 0 ? r : read_shipped(set, err);
    walk.common = false;
    r = r < 0 || folder == NULL ? r : folder_each(walk.folder, take_file, &walk, err);
    folder_close(walk.folder);
    if (r < 0) {
        playbook_set_close(set);
        return r;
    }
    *ret_set = set;
    return 0;
}

void playbook_set_close(struct playbook_set *set) {
    if (set != NULL) {
        arena_free(set->arena);
        free(set);
    }
}

/* ---- telling ---- */

static void put_text(struct buf *buf, const char *key, const char *text) {
    buf_addf(buf, ",\"%s\":", key);
    if (text[0] != '\0') {
        buf_add_json(buf, text);
    } else {
        buf_add_text(buf, "null");
    }
}

static void put_head(struct buf *buf, const struct playbook *playbook) {
    const char *comma = "";
    buf_add_text(buf, "{\"object\":\"playbook\",\"name\":");
    buf_add_json(buf, playbook->name);
    put_text(buf, "title", playbook->title[NOTICE_EN]);
    put_text(buf, "title_zh", playbook->title[NOTICE_ZH]);
    buf_addf(buf, ",\"built_in\":%s,\"items\":%d,\"causes\":[",
             playbook->shipped ? "true" : "false", playbook->item_count);
    for (int cause = 0; cause < 32; cause++) {
        if ((playbook->causes & 1U << cause) != 0) {
            buf_addf(buf, "%s\"%s\"", comma, incident_cause_name(cause));
            comma = ",";
        }
    }
    buf_add_text(buf, "],\"rules\":[");
    for (int i = 0; i < playbook->rule_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, playbook->rules[i]);
    }
    buf_add_char(buf, ']');
}

static void put_item(struct buf *buf, const struct playbook_item *item) {
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, item->id);
    buf_addf(buf, ",\"kind\":\"%s\",\"required\":%s", playbook_kind_name(item->kind),
             item->required ? "true" : "false");
    put_text(buf, "text", item->text[NOTICE_EN]);
    put_text(buf, "text_zh", item->text[NOTICE_ZH]);
    put_text(buf, "query", item->kind == ITEM_QUERY ? item->subject : "");
    put_text(buf, "role", item->kind == ITEM_APPROVAL ? item->subject : "");
    put_text(buf, "measure", item->kind == ITEM_ACTION ? item->subject : "");
    put_text(buf, "target", item->target);
    put_text(buf, "value", item->value);
    put_text(buf, "command", item->command);
    buf_add_text(buf, ",\"links\":[");
    for (int i = 0; i < item->link_count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        buf_add_json(buf, item->links[i]);
    }
    buf_add_text(buf, "]}");
}

void playbook_set_list(const struct playbook_set *set, struct buf *buf) {
    buf_add_text(buf, "{\"data\":[");
    for (int i = 0; i < set->count; i++) {
        buf_add_text(buf, i > 0 ? "," : "");
        put_head(buf, &set->books[i]);
        buf_add_char(buf, '}');
    }
    buf_add_text(buf, "]}");
}

void playbook_write(const struct playbook *playbook, struct buf *buf) {
    put_head(buf, playbook);
    buf_add_text(buf, ",\"phases\":[");
    for (int phase = 1; phase < PHASES_END; phase++) {
        const char *comma = "";
        buf_addf(buf, "%s{\"phase\":\"%s\"", phase > 1 ? "," : "", playbook_phase_name(phase));
        put_text(buf, "title", playbook_phase_title(phase, NOTICE_EN));
        put_text(buf, "title_zh", playbook_phase_title(phase, NOTICE_ZH));
        buf_add_text(buf, ",\"items\":[");
        for (int i = 0; i < playbook->item_count; i++) {
            if (playbook->items[i].phase == (enum playbook_phase)phase) {
                buf_add_text(buf, comma);
                put_item(buf, &playbook->items[i]);
                comma = ",";
            }
        }
        buf_add_text(buf, "]}");
    }
    buf_add_text(buf, "]}");
}
