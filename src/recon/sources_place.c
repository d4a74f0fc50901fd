/* SPDX-License-Identifier: Apache-2.0
 * sources_place.c: where a gateway's statements come from, where that is not its own API: a folder
 * or a URL, as configured. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "gateway/exchange.h"
#include "match/files/files.h"
#include "recon/sources.h"
#include "recon/take.h"
#include "statement/day_name.h"
#include "statement/map.h"

static const char *const ways[] = {
    [SOURCE_ADAPTER] = "adapter",
    [SOURCE_FOLDER] = "folder",
    [SOURCE_URL] = "url",
};

const char *source_way_name(enum source_way way) {
    return ways[way];
}

/* A configuration error of this gateway's key, with what is wrong before or a text of its own. */
static int wrong(const struct source *source, const char *key, struct err *err) {
    char why[280];
    snprintf(why, sizeof why, "%.279s", err->detail);
    err->code = ERR_CONFIG;
    snprintf(err->detail, sizeof err->detail, "gateway %s: statements: %.40s: %s",
             source->gateway->name, key, why);
    return -ERR_CONFIG;
}

static int refuse(const struct source *source, const char *key, const char *why, struct err *err) {
    (void)err_set(err, ERR_CONFIG, "%s", why);
    return wrong(source, key, err);
}

static int read_number(const struct source *source, const char *key, const unsigned *said,
                       unsigned min, unsigned max, int usual, int *ret_number, struct err *err) {
    if (said != NULL && (*said < min || *said > max)) {
        (void)err_set(err, ERR_CONFIG, "it is %u to %u", min, max);
        return wrong(source, key, err);
    }
    *ret_number = said != NULL ? (int)*said : usual;
    return 0;
}

static bool marker_ok(const char *marker) {
    size_t count = strlen(marker);
    return count > 0 && count <= SOURCE_MARKER_CHARS_MAX &&
           strspn(marker, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               count;
}

static int place_folder(struct source *source, const struct source_settings *said,
                        struct err *err) {
    int settle_s = 0;
    source->way = SOURCE_FOLDER;
    source->place = said->folder;
    source->files = said->files;
    source->marker = said->marker;
    if (said->folder[0] != '/') {
        return refuse(source, "folder", "it is a path from the root on", err);
    }
    if (said->files == NULL) {
        return refuse(source, "files", "a folder needs what the files of a day are called", err);
    }
    if (day_name_check_file(said->files, &source->numbered, err) < 0) {
        return wrong(source, "files", err);
    }
    if (said->marker != NULL && !marker_ok(said->marker)) {
        return refuse(source, "marker",
                      "it is what the name of the file beside ends with: up to 32 letters, digits "
                      "and '._-'",
                      err);
    }
    int r = read_number(source, "settle_s", said->settle_s, 1, SOURCE_SETTLE_S_MAX,
                        SOURCE_SETTLE_S_USUAL, &settle_s, err);
    source->settle_us = settle_s * US_PER_SECOND;
    return r;
}

static int place_url(struct source *source, const struct source_settings *said, struct err *err) {
    source->way = SOURCE_URL;
    source->place = said->url;
    if (strncmp(said->url, "https://", 8) != 0 && !exchange_url_is_loopback(said->url)) {
        return refuse(source, "url", "it begins with https:// (http:// is for this machine only)",
                      err);
    }
    if (strchr(said->url, '@') != NULL) {
        return refuse(source, "url",
                      "user and password do not stand in it: they are the gateway's credentials "
                      "report_user and report_password",
                      err);
    }
    if (day_name_check_url(said->url, &source->numbered, err) < 0) {
        return wrong(source, "url", err);
    }
    if (source->numbered != (said->first_number != NULL)) {
        return refuse(source, "first_number",
                      source->numbered ? "a URL with %N needs the number to begin with"
                                       : "it is for a URL with %N",
                      err);
    }
    source->first_number = source->numbered ? (int64_t)*said->first_number : 0;
    return 0;
}

/* Read now, so that a map that is wrong is a start that is refused and not a day without rows. */
static int read_map(struct source *source, const char *path, struct err *err) {
    CSV_MAP_AUTO ours = NULL;
    CSV_MAP_AUTO theirs = NULL;
    size_t count = 0;
    char *text = malloc(TAKE_MAP_BYTES_MAX + 1);
    INVARIANT(text != NULL, "out of memory");
    int r = file_read(path, text, TAKE_MAP_BYTES_MAX, &count, err);
    r = r < 0 ? r : files_maps_read(path, text, count, &ours, &theirs, err);
    if (r < 0) {
        free(text);
        return wrong(source, "map", err);
    }
    source->map = text;
    return 0;
}

/* What belongs to one way only. */
static int check_strays(const struct source *source, const struct source_settings *said,
                        struct err *err) {
    const struct {
        const char *key;
        bool said;
        enum source_way way;
    } strays[] = {
        {"files", said->files != NULL, SOURCE_FOLDER},
        {"marker", said->marker != NULL, SOURCE_FOLDER},
        {"settle_s", said->settle_s != NULL, SOURCE_FOLDER},
        {"first_number", said->first_number != NULL, SOURCE_URL},
    };
    for (size_t i = 0; i < COUNT_OF(strays); i++) {
        if (strays[i].said && source->way != strays[i].way) {
            (void)err_set(err, ERR_CONFIG, "it is for statements by `%s`", ways[strays[i].way]);
            return wrong(source, strays[i].key, err);
        }
    }
    bool other = said->dated_after != NULL || said->map != NULL;
    return other && source->way == SOURCE_ADAPTER
               ? refuse(source, said->map != NULL ? "map" : "dated_after",
                        "it is for statements by `folder` or `url`", err)
               : 0;
}

int source_place(struct source *source, const struct source_settings *said, struct err *err) {
    int r = 0;
    if (said->folder != NULL && said->url != NULL) {
        return refuse(source, "url", "statements come from a folder or a URL, not both", err);
    }
    if (said->folder != NULL) {
        r = place_folder(source, said, err);
    } else if (said->url != NULL) {
        r = place_url(source, said, err);
    }
    r = r < 0 ? r : check_strays(source, said, err);
    r = r < 0 ? r
              : read_number(source, "dated_after", said->dated_after, 0, SOURCE_DATED_AFTER_MAX, 0,
                            &source->dated_after, err);
    return r < 0 || said->map == NULL ? r : read_map(source, said->map, err);
}
