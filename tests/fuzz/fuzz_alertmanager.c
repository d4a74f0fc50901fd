/* SPDX-License-Identifier: Apache-2.0
 * fuzz_alertmanager.c: an input is what somebody posts as an Alertmanager. What is taken of it
 * keeps every rule of a notice, is stored and read the same, and can be told on channels: within
 * their limits, as UTF-8, and in a mail without a header or an end that nobody meant. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "fuzz.h"
#include "watch/alertmanager.h"
#include "watch/channel_impl.h"

static struct channels *open_channels(void) {
    const struct channel_settings settings[] = {
        {.name = "room",
         .kind = "wecom",
         .credentials = {{"webhook_url", "env:FUZZ_CHANNEL_URL"}},
         .credential_count = 1},
        {.name = "slack",
         .kind = "slack",
         .credentials = {{"webhook_url", "env:FUZZ_CHANNEL_URL"}},
         .credential_count = 1},
        {.name = "mail",
         .kind = "email",
         .options = {{"host", "localhost"}, {"from", "a@b.example"}, {"to", "c@d.example"}},
         .option_count = 3},
        {.name = "machine",
         .kind = "alertmanager",
         .options = {{"url", "https://machine"}},
         .option_count = 1},
    };
    struct channels *channels = NULL;
    INVARIANT(setenv("FUZZ_CHANNEL_URL", "https://room.example/send?key=K", 1) == 0, "no memory");
    int rc = channels_open(settings, COUNT_OF(settings), NULL, &channels, NULL);
    INVARIANT(rc == 0, "the channels are right");
    return channels;
}

/* Eleven to thirteen header lines and those that go on, then one text, then no line of one dot. */
static void check_mail(const char *bytes) {
    const char *end = strstr(bytes, "\r\n\r\n");
    int names = 0;
    INVARIANT(end != NULL, "headers end");
    for (const char *line = bytes; line < end; line = strstr(line, "\r\n") + 2) {
        names += line[0] != ' ';
    }
    INVARIANT(names == 11 || names == 13, "the headers are ours and no more");
    INVARIANT(strstr(end, "\r\n.\r\n") == NULL, "the mail ends where it ends");
    for (const char *c = bytes; *c != '\0'; c++) {
        INVARIANT((*c >= ' ' && *c <= '~') || *c == '\r' || *c == '\n', "a mail is ASCII");
    }
}

static void check_told(const struct channels *channels, const struct notice *notice,
                       struct arena *arena) {
    static const struct channel_moment moment = {INT64_C(1763625600000000), "dlv_1", 1, false};
    for (int i = 0; i < channels_count(channels); i++) {
        const struct channel *channel = channels_at(channels, i);
        struct channel_request request = {0};
        int rc = channel_build(channel, notice, &moment, arena, &request, NULL);
        INVARIANT(rc == 0 && request.body_bytes <= channel_row(channel->kind)->body_bytes,
                  "a notice can be told");
        INVARIANT(g_utf8_validate(request.body, (gssize)request.body_bytes, NULL), "in UTF-8");
        if (channel->kind == CHANNEL_EMAIL) {
            check_mail(request.body);
        }
    }
}

static void check_stored(const struct notice *notice, struct arena *arena) {
    struct notice again;
    BUF_AUTO first;
    BUF_AUTO second;
    buf_init(&first, NOTICE_JSON_BYTES_MAX);
    buf_init(&second, NOTICE_JSON_BYTES_MAX);
    notice_write(notice, &first);
    if (!buf_ok(&first)) {
        return; /* a delivery refuses it */
    }
    int rc = notice_read(arena, first.data, first.len, &again, NULL);
    INVARIANT(rc == 0, "what is stored is read");
    notice_write(&again, &second);
    INVARIANT(strcmp(first.data, second.data) == 0, "and is the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static struct channels *channels;
    struct notice *notices = NULL;
    struct err err = {0};
    int notice_count = 0;
    if (channels == NULL) {
        crypto_init();
        channels = open_channels();
    }
    ARENA_AUTO arena = arena_new(64 * 1024 * 1024);
    int rc = alertmanager_read((const char *)bytes, count, 0, arena, &notices, &notice_count, &err);
    INVARIANT(rc == 0 || rc == -ERR_BAD_JSON || rc == -ERR_TOO_LARGE || rc == -ERR_VALIDATION,
              "one of its errors");
    for (int i = 0; rc == 0 && i < notice_count && i < 20; i++) {
        INVARIANT(notice_check(&notices[i], NULL) == 0, "a notice keeps its rules");
        check_stored(&notices[i], arena);
        check_told(channels, &notices[i], arena);
    }
    return 0;
}
