/* SPDX-License-Identifier: Apache-2.0
 * fetch_again.c: a day that was taken from a folder, looked at again (each hour until the next
 * day's is due, then once a day: fetch_plan.c), since files are added there and replaced without a
 * word:
 *   a file with a new name    is taken as well, in addition
 *   other bytes in a file     nobody takes by himself: the day is "given_up" and says which file
 *                             changed, until a person asks for it again (fetch.h: rule 5)
 *   a file that is gone       is fine: it was taken */
#include <glib.h>
#include <string.h>

#include "base/clock.h"
#include "recon/fetch_impl.h"

/* `known`: those of `stored` that were taken; `waiting`: the others. */
static void split(const struct fetch_look *stored, struct fetch_look *known,
                  struct fetch_look *waiting) {
    for (int i = 0; i < stored->count; i++) {
        struct fetch_look *to = stored->files[i].sha256[0] != '\0' ? known : waiting;
        to->files[to->count++] = stored->files[i];
    }
}

static struct fetch_look_file *find_name(struct fetch_look *look, const char *name) {
    for (int i = 0; i < look->count; i++) {
        if (strcmp(look->files[i].name, name) == 0) {
            return &look->files[i];
        }
    }
    return NULL;
}

static bool has_bytes(const struct fetch_look *known, const char *sha256) {
    bool found = false;
    for (int i = 0; i < known->count; i++) {
        found = found || strcmp(known->files[i].sha256, sha256) == 0;
    }
    return found;
}

/* Leaves what is not there as it was taken. What is gone is fine. */
static void leave_new(struct fetch_look *known, struct fetch_look *look) {
    int kept = 0;
    for (int i = 0; i < look->count; i++) {
        const struct fetch_look_file *old = find_name(known, look->files[i].name);
        if (old == NULL || !fetch_face_same(old, &look->files[i])) {
            look->files[kept++] = look->files[i];
        }
    }
    look->count = kept;
}

static void append(struct fetch_look *look, const struct fetch_look_file *file) {
    if (look->count < FETCH_LOOK_FILES_MAX) {
        look->files[look->count++] = *file;
    }
}

/* Leaves among the files that were read those of new names; false when one that was taken has other
 * bytes now, with its name. One whose bytes are known has another face or name, and that is all. */
static bool leave_added(struct fetch_look *known, const struct fetch_look *look,
                        struct fetch_found *found, const char **ret_changed) {
    int kept = 0;
    for (int i = 0; i < look->count; i++) {
        const struct fetch_look_file *file = &look->files[i];
        struct fetch_look_file *old = find_name(known, file->name);
        bool is_known = has_bytes(known, file->sha256);
        if (old != NULL && !is_known) {
            *ret_changed = old->name;
            return false;
        }
        if (old != NULL) {
            *old = *file;
        } else {
            append(known, file);
        }
        if (is_known) {
            buf_release(&found->files[i].bytes);
            continue;
        }
        if (kept < i) { /* with its bytes */
            found->files[kept] = found->files[i];
            found->files[i].bytes = (struct buf){0};
        }
        kept++;
    }
    found->count = kept;
    return true;
}

/* New ones that are whole: they are read, and what came besides is taken. */
static int look_closely(struct fetching *fetching, struct fetch_look *known,
                        struct fetch_look *news, struct err *err) {
    const struct fetch_wish wish = fetch_wish_of(fetching);
    const char *changed = NULL;
    int r = fetch_folder_read(&wish, news, &fetching->found, err);
    if (r < 0) {
        return r;
    }
    if (!leave_added(known, news, &fetching->found, &changed)) {
        snprintf(fetching->error, sizeof fetching->error,
                 "%s has changed since it was taken in; if it counts: holdfast statement fetch "
                 "--gateway %s --day %s --again",
                 changed, fetching->key.gateway, fetching->key.day);
        fetching->next = FETCH_GIVEN_UP;
        return 0;
    }
    fetching->adds = true;
    r = fetching->found.count > 0 ? fetch_take(fetching, err) : 0;
    if (r >= 0) {
        fetching->looked = *known;
        fetching->look_kept = true;
    }
    return r;
}

struct looks {
    struct fetch_look known, waiting, news;
};

static int look_beside(struct fetching *fetching, struct looks *looks, struct err *err) {
    struct fetch_wish wish = fetch_wish_of(fetching);
    split(&fetching->looked, &looks->known, &looks->waiting);
    int r = fetch_folder_look(&wish, &looks->news, err);
    if (r < 0) {
        return r == -ERR_NOT_FOUND ? 0 : r; /* what was taken may be put elsewhere */
    }
    leave_new(&looks->known, &looks->news);
    if (looks->news.count == 0) {
        return 0;
    }
    wish.looked = &looks->waiting;
    r = fetch_folder_whole(&wish, &looks->news, err);
    if (r > 0) {
        return look_closely(fetching, &looks->known, &looks->news, err);
    }
    if (r == 0) {
        fetching->looked = looks->known;
        for (int i = 0; i < looks->news.count; i++) {
            append(&fetching->looked, &looks->news.files[i]);
        }
        fetching->look_kept = true;
        fetching->again_us = fetching->now_us + fetching->source->settle_us;
    }
    return r;
}

/* Nothing of it is an attempt: the day was taken. */
void fetch_look_again(struct fetching *fetching, struct err *err) {
    struct looks *looks = g_new0(struct looks, 1);
    bool fresh = !fetch_is_past(fetching, FETCH_FRESH_US);
    fetching->next = FETCH_TAKEN;
    int r = look_beside(fetching, looks, err);
    g_free(looks);
    if (r < 0) {
        fetch_keep_error(fetching, err);
        bool over = r == -ERR_EXISTS || (r == -ERR_VALIDATION && !fresh);
        fetching->next = over ? FETCH_GIVEN_UP : FETCH_TAKEN;
    }
    /* What changes without end is looked at once a day. */
    fetching->again_us = !fresh && fetching->now_us - fetching->looked_us < FETCH_WATCHED_US
                             ? 0
                             : fetching->again_us;
    if (fresh && fetching->next == FETCH_TAKEN && fetching->again_us == 0) {
        fetching->again_us = fetching->now_us + FETCH_LOOK_AGAIN_US;
    }
}
