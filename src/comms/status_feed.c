/* SPDX-License-Identifier: Apache-2.0
 * status_feed.c: the same as feeds: RSS 2.0 (https://www.rssboard.org/rss-specification) and Atom
 * (RFC 4287). One entry an update, so that a reader tells each of them once; the newest first. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "comms/status_impl.h"

enum { ENTRIES_MAX = 50 };

struct entry {
    const struct status_row *row;
    const struct status_update_row *update;
};

/* The newest updates of all. */
static int gather(const struct status_look *look, struct entry entries[ENTRIES_MAX]) {
    int count = 0;
    for (int i = 0; i < look->count; i++) {
        for (int j = 0; j < look->rows[i].update_count; j++) {
            const struct entry one = {&look->rows[i], &look->rows[i].updates[j]};
            int at = count;
            while (at > 0 && entries[at - 1].update->published_us < one.update->published_us) {
                at--;
            }
            if (at == ENTRIES_MAX) {
                break; /* the rest of this one is older still */
            }
            int moved = (count < ENTRIES_MAX ? count : ENTRIES_MAX - 1) - at;
            memmove(&entries[at + 1], &entries[at], (size_t)moved * sizeof entries[0]);
            entries[at] = one;
            count += count < ENTRIES_MAX;
        }
    }
    return count;
}

/* XML 1.0 has no control characters, not even escaped; the linter lets none in, and a name of the
 * configuration loses them here. */
static void text(const struct status_out *out, const char *value) {
    BUF_AUTO clean;
    buf_init(&clean, STATUS_JSON_BYTES_MAX);
    for (const char *c = value; *c != '\0'; c++) {
        if ((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t') {
            buf_add_char(&clean, *c);
        }
    }
    status_escape(out->buf, clean.data);
}

static void element(const struct status_out *out, const char *name, const char *value) {
    buf_addf(out->buf, "<%s>", name);
    text(out, value);
    buf_addf(out->buf, "</%s>\n", name);
}

static void title(const struct status_out *out, const struct entry *entry) {
    buf_add_text(out->buf, "<title>");
    text(out, status_state_row(entry->update->state)->text[out->language]);
    buf_add_text(out->buf, status_word(W_COLON, out->language));
    text(out, entry->row->title[out->language]);
    buf_add_text(out->buf, "</title>\n");
}

static void address(const struct status_out *out, const char *path) {
    BUF_AUTO url;
    buf_init(&url, STATUS_JSON_BYTES_MAX);
    status_address(out->status, out->files, out->language, path, &url);
    status_escape(out->buf, url.data);
}

static void entry_address(const struct status_out *out, const struct entry *entry) {
    char path[64];
    snprintf(path, sizeof path, "incidents/%s.html", entry->row->id);
    address(out, path);
}

/* "Mon, 23 Nov 2026 14:00:00 GMT" (RFC 822 with four digits of the year), in English always. */
static void rfc822(const struct status_out *out, const char *name, int64_t wall_us) {
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    GDateTime *at = g_date_time_new_from_unix_utc(wall_us / US_PER_SECOND);
    if (at == NULL) {
        return;
    }
    buf_addf(out->buf, "<%s>%s, %02d %s %04d %02d:%02d:%02d GMT</%s>\n", name,
             days[g_date_time_get_day_of_week(at) - 1], g_date_time_get_day_of_month(at),
             months[g_date_time_get_month(at) - 1], g_date_time_get_year(at),
             g_date_time_get_hour(at), g_date_time_get_minute(at), g_date_time_get_second(at),
             name);
    g_date_time_unref(at);
}

static const char *tag(const struct status_out *out) {
    return out->language == LANGUAGE_ZH ? "zh-CN" : "en";
}

void status_rss(const struct status_out *out) {
    struct entry entries[ENTRIES_MAX];
    int count = gather(out->look, entries);
    buf_add_text(out->buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\">"
                           "<channel>\n");
    element(out, "title", out->status->name[out->language]);
    buf_add_text(out->buf, "<link>");
    address(out, "index.html");
    buf_add_text(out->buf, "</link>\n");
    element(out, "description", status_word(W_ALL_PAST, out->language));
    element(out, "language", tag(out));
    if (count > 0) {
        rfc822(out, "lastBuildDate", entries[0].update->published_us);
    }
    for (int i = 0; i < count; i++) {
        buf_add_text(out->buf, "<item>\n");
        title(out, &entries[i]);
        element(out, "description", entries[i].update->body[out->language]);
        rfc822(out, "pubDate", entries[i].update->published_us);
        buf_add_text(out->buf, "<link>");
        entry_address(out, &entries[i]);
        buf_addf(out->buf, "</link>\n<guid isPermaLink=\"false\">%s</guid>\n</item>\n",
                 entries[i].update->id);
    }
    buf_add_text(out->buf, "</channel></rss>\n");
}

void status_atom(const struct status_out *out) {
    struct entry entries[ENTRIES_MAX];
    char time[CLOCK_TEXT_MAX];
    int count = gather(out->look, entries);
    int64_t newest_us = count > 0 ? entries[0].update->published_us : 0;
    buf_addf(out->buf, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed "
                       "xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"%s\">\n",
             tag(out));
    element(out, "title", out->status->name[out->language]);
    buf_add_text(out->buf, "<author>");
    element(out, "name", out->status->name[out->language]);
    buf_add_text(out->buf, "</author>\n<id>");
    address(out, "history.atom");
    buf_add_text(out->buf, "</id>\n<link href=\"");
    address(out, "index.html");
    buf_addf(out->buf, "\"/>\n<updated>%s</updated>\n", clock_format(newest_us, time));
    for (int i = 0; i < count; i++) {
        buf_add_text(out->buf, "<entry>\n");
        title(out, &entries[i]);
        buf_addf(out->buf, "<id>urn:holdfast:%s</id>\n<updated>%s</updated>\n<link href=\"",
                 entries[i].update->id, clock_format(entries[i].update->published_us, time));
        entry_address(out, &entries[i]);
        buf_add_text(out->buf, "\"/>\n");
        element(out, "content", entries[i].update->body[out->language]);
        buf_add_text(out->buf, "</entry>\n");
    }
    buf_add_text(out->buf, "</feed>\n");
}
