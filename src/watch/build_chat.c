/* SPDX-License-Identifier: Apache-2.0
 * build_chat.c: messages for rooms where people talk: Slack, DingTalk, WeCom, Feishu.
 *
 * Each has a markup of its own, in which a value could call everybody, pose as a link or as a
 * heading. So values are escaped where the markup can be (Slack), written where there is none
 * (Feishu's plain_text), and elsewhere the characters that mean something are replaced by their
 * full-width sisters, which people read alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "watch/channel_impl.h"

enum { HEADER_BYTES_MAX = 150, TITLE_BYTES_MAX = 200, BODY_BYTES_MAX = 1024 * 1024 };

static const char *escape_slack(const char *c) {
    return *c == '&' ? "&amp;" : *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : NULL;
}

static const char *escape_markdown(const char *c) {
    static const char special[] = "*_`#<>[]\\~";
    static const char *const wide[] = {"＊", NULL, "｀", "＃", "＜", "＞", "［", "］", "＼", "～"};
    const char *at = *c != '\0' ? strchr(special, *c) : NULL;
    return at != NULL ? wide[at - special] : NULL;
}

/* DingTalk ends a line only where two blanks stand before its end. */
static const char *escape_dingtalk(const char *c) {
    return *c == '\n' ? "  \n" : escape_markdown(c);
}

static char *headline(const struct notice *notice, struct arena *arena, size_t bytes_max) {
    BUF_AUTO buf;
    buf_init(&buf, BODY_BYTES_MAX);
    notice_headline(notice, &buf);
    notice_cut_buf(&buf, 0, bytes_max);
    return arena_copy_bytes(arena, buf.data, buf.len);
}

/* How a room writes what a notice says. */
struct style {
    cut_escape_fn *escape;
    const char *name_begin, *name_end; /* round a fact's name */
    const char *line_end;
    const char *url_begin, *url_end; /* round an address */
};

static void add_facts(struct cut_text *cut, const struct style *style, const struct notice *notice,
                      struct arena *arena) {
    struct notice_line lines[NOTICE_LINES_MAX];
    int count = notice_lines(notice, arena, lines);
    for (int i = 0; i < count && !cut->full; i++) {
        if (lines[i].name[0] != '\0') {
            cut_mark(cut, arena_printf(arena, "%s%s%s", style->name_begin, lines[i].name,
                                       style->name_end));
        }
        if (lines[i].is_url) {
            cut_mark(cut, arena_printf(arena, "%s%s%s", style->url_begin, lines[i].value,
                                       style->url_end));
        } else {
            cut_add(cut, lines[i].value, style->escape);
        }
        if (i + 1 < count) {
            cut_mark(cut, style->line_end);
        }
    }
}

int channel_build_slack(const struct channel *channel, const struct notice *notice,
                        const struct channel_moment *moment, size_t text_bytes, struct arena *arena,
                        struct channel_request *request, struct err *err) {
    static const struct style style = {escape_slack, "*", "*: ", "\n", "<", ">"};
    struct cut_text cut;
    BUF_AUTO text;
    BUF_AUTO plain;
    BUF_AUTO body;
    buf_init(&text, BODY_BYTES_MAX);
    buf_init(&plain, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    cut_begin(&cut, &plain, text_bytes);
    cut_add(&cut, headline(notice, arena, text_bytes), escape_slack);
    cut_begin(&cut, &text, text_bytes);
    add_facts(&cut, &style, notice, arena);
    buf_add_text(&body, "{\"text\":");
    buf_add_json(&body, plain.data);
    buf_add_text(&body, ",\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":\"plain_text\","
                        "\"emoji\":false,\"text\":");
    buf_add_json(&body, headline(notice, arena, HEADER_BYTES_MAX));
    buf_add_text(&body, "}}");
    if (text.len > 0) {
        buf_add_text(&body, ",{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\","
                            "\"verbatim\":true,\"text\":");
        buf_add_json(&body, text.data);
        buf_add_text(&body, "}}");
    }
    buf_add_text(&body, "]}");
    channel_request_json(request, channel_secret(channel, "webhook_url"), arena, &body);
    return 0;
}

/* HMAC-SHA256 of `message` with `key`, in base 64; wipe and free() it. */
static char *signature(const char *key, const char *message) {
    unsigned char mac[SHA256_BYTES];
    crypto_hmac_sha256(key, strlen(key), message, strlen(message), mac);
    return crypto_base64(mac, sizeof mac);
}

/* The robot's address with the moment in milliseconds and the signature over it. */
static const char *dingtalk_url(const struct channel *channel, int64_t now_us,
                                struct arena *arena) {
    const char *secret = channel_secret(channel, "secret");
    char *signed_text = arena_printf(arena, "%lld\n%s", (long long)(now_us / US_PER_MS), secret);
    char *sign = signature(secret, signed_text);
    BUF_AUTO url;
    buf_init(&url, 2 * CHANNEL_VALUE_BYTES_MAX);
    buf_addf(&url, "%s&timestamp=%lld&sign=", channel_secret(channel, "webhook_url"),
             (long long)(now_us / US_PER_MS));
    buf_add_urlencoded(&url, sign);
    free(sign);
    return arena_copy(arena, url.data);
}

int channel_build_dingtalk(const struct channel *channel, const struct notice *notice,
                           const struct channel_moment *moment, size_t text_bytes,
                           struct arena *arena, struct channel_request *request, struct err *err) {
    static const struct style style = {escape_dingtalk, "**", ":** ", "\n\n", "", ""};
    const char *mobiles[CHANNEL_VALUE_BYTES_MAX / 6];
    int count = channel_list(arena, channel_option(channel, "at_mobiles", ""), mobiles,
                             COUNT_OF(mobiles));
    struct cut_text cut;
    BUF_AUTO text;
    BUF_AUTO body;
    buf_init(&text, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    cut_begin(&cut, &text, text_bytes);
    cut_mark(&cut, "### ");
    cut_add(&cut, headline(notice, arena, TITLE_BYTES_MAX), escape_dingtalk);
    /* Who is called by name must stand in the text too. */
    for (int i = 0; i < count; i++) {
        cut_mark(&cut, arena_printf(arena, "%s@%s", i == 0 ? "\n\n" : " ", mobiles[i]));
    }
    cut_mark(&cut, "\n\n");
    add_facts(&cut, &style, notice, arena);
    buf_add_text(&body, "{\"msgtype\":\"markdown\",\"markdown\":{\"title\":");
    buf_add_json(&body, headline(notice, arena, TITLE_BYTES_MAX));
    buf_add_text(&body, ",\"text\":");
    buf_add_json(&body, text.data);
    buf_add_text(&body, "},\"at\":{\"atMobiles\":[");
    for (int i = 0; i < count; i++) {
        buf_addf(&body, "%s\"%s\"", i > 0 ? "," : "", mobiles[i]);
    }
    buf_addf(&body, "],\"isAtAll\":%s}}", channel_option(channel, "at_all", "false"));
    channel_request_json(request, dingtalk_url(channel, moment->now_us, arena), arena, &body);
    return 0;
}

int channel_build_wecom(const struct channel *channel, const struct notice *notice,
                        const struct channel_moment *moment, size_t text_bytes, struct arena *arena,
                        struct channel_request *request, struct err *err) {
    static const struct style style = {escape_markdown, "**", "**: ", "\n", "", ""};
    const char *users[100];
    int count = channel_list(arena, channel_option(channel, "at_users", ""), users,
                             COUNT_OF(users));
    struct cut_text cut;
    BUF_AUTO text;
    BUF_AUTO body;
    buf_init(&text, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    cut_begin(&cut, &text, text_bytes);
    cut_mark(&cut, "**");
    cut_add(&cut, headline(notice, arena, TITLE_BYTES_MAX), escape_markdown);
    cut_mark(&cut, "**");
    for (int i = 0; i < count; i++) {
        cut_mark(&cut, arena_printf(arena, "%s<@%s>", i == 0 ? "\n" : " ", users[i]));
    }
    cut_mark(&cut, "\n");
    add_facts(&cut, &style, notice, arena);
    buf_add_text(&body, "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":");
    buf_add_json(&body, text.data);
    buf_add_text(&body, "}}");
    channel_request_json(request, channel_secret(channel, "webhook_url"), arena, &body);
    return 0;
}

static const char *feishu_colour(const struct notice *notice) {
    static const char *const by_severity[] = {"red", "red", "orange", "blue"};
    return notice->state == NOTICE_RESOLVED ? "green"
           : notice->state == NOTICE_TEST   ? "grey"
                                            : by_severity[notice->severity];
}

int channel_build_feishu(const struct channel *channel, const struct notice *notice,
                         const struct channel_moment *moment, size_t text_bytes,
                         struct arena *arena, struct channel_request *request, struct err *err) {
    static const struct style style = {NULL, "", ": ", "\n", "", ""};
    long long now_s = (long long)(moment->now_us / US_PER_SECOND);
    /* Here time and secret are the key, and nothing is what is signed. */
    char *sign = signature(
        arena_printf(arena, "%lld\n%s", now_s, channel_secret(channel, "secret")), "");
    struct cut_text cut;
    BUF_AUTO text;
    BUF_AUTO body;
    buf_init(&text, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    cut_begin(&cut, &text, text_bytes);
    add_facts(&cut, &style, notice, arena);
    buf_addf(&body, "{\"timestamp\":\"%lld\",\"sign\":\"%s\",\"msg_type\":\"interactive\",", now_s,
             sign);
    free(sign);
    buf_addf(&body,
             "\"card\":{\"header\":{\"template\":\"%s\",\"title\":{\"tag\":\"plain_text\","
             "\"content\":",
             feishu_colour(notice));
    buf_add_json(&body, headline(notice, arena, TITLE_BYTES_MAX));
    buf_add_text(&body, "}},\"elements\":[{\"tag\":\"div\",\"text\":{\"tag\":\"plain_text\","
                        "\"content\":");
    buf_add_json(&body, text.len > 0 ? text.data : notice->title);
    buf_add_text(&body, "}}]}}");
    channel_request_json(request, channel_secret(channel, "webhook_url"), arena, &body);
    return 0;
}
