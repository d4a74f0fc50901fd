/* SPDX-License-Identifier: Apache-2.0
 * build_mail.c: a notice as a mail (RFC 5322): headers in ASCII, encoded words (RFC 2047) where
 * there is more, the text as quoted-printable UTF-8 (RFC 2045).
 *
 * All mails about one thing stand in one conversation: each refers to a name that is made of the
 * thing's fingerprint. No line is made of what a stranger sent without being encoded. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "net/http_head.h"
#include "watch/channel_impl.h"

enum {
    MESSAGE_BYTES_MAX = 1024 * 1024,
    SUBJECT_BYTES_MAX = 250,
    WORD_BYTES_MAX = 42, /* of UTF-8 in an encoded word, which has at most 75 characters */
    QUOTED_CHARS_MAX = 73,
    THREAD_CHARS = 32,
};
#define CRLF "\r\n"

static bool is_plain(const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            return false;
        }
    }
    return strstr(text, "=?") == NULL && strlen(text) <= 60;
}

/* As it is, or as encoded words, each on a line of its own and none with half a character. */
static void add_words(struct buf *buf, const char *text) {
    if (is_plain(text)) {
        buf_add_text(buf, text);
        return;
    }
    for (const char *at = text; *at != '\0';) {
        const char *end = at;
        while (*end != '\0' && g_utf8_next_char(end) - at <= WORD_BYTES_MAX) {
            end = g_utf8_next_char(end);
        }
        char *base64 = crypto_base64(at, (size_t)(end - at));
        buf_addf(buf, "%s=?utf-8?B?%s?=", at > text ? CRLF " " : "", base64);
        free(base64);
        at = end;
    }
}

static void add_header(struct buf *buf, const char *name, const char *value) {
    buf_addf(buf, "%s: ", name);
    add_words(buf, value);
    buf_add_text(buf, CRLF);
}

static void add_addresses(struct buf *buf, const char *const *to, int count) {
    buf_add_text(buf, "To: ");
    for (int i = 0; i < count; i++) {
        buf_addf(buf, "%s<%s>", i > 0 ? "," CRLF " " : "", to[i]);
    }
    buf_add_text(buf, CRLF);
}

static void quote_byte(struct buf *buf, int *column, unsigned char byte) {
    if (*column >= QUOTED_CHARS_MAX) {
        buf_add_text(buf, "=" CRLF);
        *column = 0;
    }
    bool plain = byte == ' ' || (byte > ' ' && byte <= '~' && byte != '=');
    bool first = *column == 0 && byte == '.'; /* no line is taken for the message's end */
    if (plain && !first) {
        buf_add_char(buf, (char)byte);
        *column += 1;
    } else {
        buf_addf(buf, "=%02X", byte);
        *column += 3;
    }
}

/* Blanks before a line's end would be lost on the way, so they are written out. */
static void add_quoted(struct buf *buf, const char *text) {
    int column = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '\r') {
            continue;
        }
        if (*c == '\n') {
            buf_add_text(buf, CRLF);
            column = 0;
        } else if (*c == ' ' && (c[1] == '\n' || c[1] == '\r' || c[1] == '\0')) {
            buf_add_text(buf, "=20");
            column += 3;
        } else {
            quote_byte(buf, &column, *c);
        }
    }
    buf_add_text(buf, CRLF);
}

/* What the headers say that is not the channel's. */
struct mail_head {
    const char *subject;
    const char *thread; /* the conversation's name; NULL: it is none */
    bool urgent;
};

static void add_headers(struct buf *buf, const struct channel *channel,
                        const struct mail_head *head, const struct channel_moment *moment,
                        const struct channel_request *request) {
    const char *domain = strchr(request->mail_from, '@') + 1;
    const char *name = channel_option(channel, "from_name", NULL);
    struct http_date date = {0};
    /* "GMT" is the old way of writing it in a mail. */
    buf_addf(buf, "Date: %.25s +0000" CRLF, http_date(&date, moment->now_us));
    buf_add_text(buf, "From: ");
    if (name != NULL && is_plain(name)) {
        buf_add_char(buf, '"');
        for (const char *c = name; *c != '\0'; c++) {
            buf_addf(buf, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
        }
        buf_add_text(buf, "\" ");
    } else if (name != NULL) {
        add_words(buf, name);
        buf_add_text(buf, CRLF " ");
    }
    buf_addf(buf, "<%s>" CRLF, request->mail_from);
    add_addresses(buf, request->mail_to, request->mail_to_count);
    add_header(buf, "Subject", head->subject);
    buf_addf(buf, "Message-ID: <%s@%s>" CRLF, moment->id, domain);
    if (head->thread != NULL) {
        buf_addf(buf, "In-Reply-To: <%s@%s>" CRLF "References: <%s@%s>" CRLF, head->thread, domain,
                 head->thread, domain);
    }
    if (head->urgent) {
        buf_add_text(buf, "X-Priority: 1" CRLF "Importance: high" CRLF);
    }
    buf_add_text(buf, "Auto-Submitted: auto-generated" CRLF "MIME-Version: 1.0" CRLF
                      "Content-Type: text/plain; charset=utf-8" CRLF
                      "Content-Transfer-Encoding: quoted-printable" CRLF CRLF);
}

int channel_build_email(const struct channel *channel, const struct notice *notice,
                        const struct channel_moment *moment, size_t text_bytes, struct arena *arena,
                        struct channel_request *request, struct err *err) {
    BUF_AUTO text;
    BUF_AUTO message;
    buf_init(&text, MESSAGE_BYTES_MAX);
    buf_init(&message, MESSAGE_BYTES_MAX);
    request->method = "MAIL";
    request->mail_from = channel_option(channel, "from", "");
    request->mail_to_count = channel_list(arena, channel_option(channel, "to", ""),
                                          request->mail_to, CHANNEL_RECIPIENTS_MAX);
    notice_headline(notice, &text);
    buf_add_text(&text, "\n\n");
    notice_plain(notice, &text);
    notice_cut_buf(&text, 0, text_bytes);
    BUF_AUTO subject;
    buf_init(&subject, MESSAGE_BYTES_MAX);
    notice_headline(notice, &subject);
    notice_cut_buf(&subject, 0, SUBJECT_BYTES_MAX);
    char thread[SHA256_HEX_CHARS + 1];
    crypto_sha256_hex(notice->fingerprint, strlen(notice->fingerprint), thread);
    thread[THREAD_CHARS] = '\0';
    const struct mail_head head = {
        .subject = subject.data,
        .thread = thread,
        .urgent = notice->severity <= NOTICE_P1 && notice->state == NOTICE_FIRING,
    };
    add_headers(&message, channel, &head, moment, request);
    add_quoted(&message, text.data);
    request->body = arena_copy_bytes(arena, message.data, message.len);
    request->body_bytes = message.len;
    return 0;
}

void channel_build_mail_letter(const struct channel *channel, const struct letter *letter,
                               const struct channel_moment *moment, struct arena *arena,
                               struct channel_request *request) {
    BUF_AUTO message;
    buf_init(&message, MESSAGE_BYTES_MAX);
    request->method = "MAIL";
    request->mail_from = channel_option(channel, "from", "");
    request->mail_to[0] = letter->to;
    request->mail_to_count = 1;
    const struct mail_head head = {.subject = letter->subject};
    add_headers(&message, channel, &head, moment, request);
    add_quoted(&message, letter->text);
    request->body = arena_copy_bytes(arena, message.data, message.len);
    request->body_bytes = message.len;
}
