/* SPDX-License-Identifier: Apache-2.0
 * build_sms.c: text messages by Twilio and by Aliyun. Both are short and cost money; they say what
 * it is and what to do first, and where the rest is seen. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "net/http_url.h"
#include "watch/aliyun_sign.h"
#include "watch/channel_impl.h"

enum {
    QUERY_BYTES_MAX = 64 * 1024,
    BODY_BYTES_MAX = 256 * 1024,
    PARAM_CHARS_MAX = 35, /* of a variable in an Aliyun template */
};
#define TWILIO_URL "https://api.twilio.com"
#define ALIYUN_URL "https://dysmsapi.aliyuncs.com/"
/* A page that was in the queue for longer than this would wake somebody for nothing. */
#define TWILIO_VALID_S "3600"

static void add_line(struct cut_text *cut, const char *text) {
    if (text != NULL && text[0] != '\0') {
        cut_mark(cut, "\n");
        cut_add(cut, text, NULL);
    }
}

static void add_form(struct buf *form, const char *name, const char *value) {
    buf_add_text(form, form->len > 0 ? "&" : "");
    buf_addf(form, "%s=", name);
    buf_add_urlencoded(form, value);
}

static void add_twilio(const struct channel *channel, const char *to, const char *text,
                       struct arena *arena, struct channel_request *request) {
    const char *account = channel_option(channel, "account_sid", "");
    const char *from = channel_option(channel, "from", NULL);
    const char *url = channel_option(channel, "url", TWILIO_URL);
    BUF_AUTO form;
    buf_init(&form, BODY_BYTES_MAX);
    add_form(&form, "To", to);
    if (from != NULL) {
        add_form(&form, "From", from);
    } else {
        add_form(&form, "MessagingServiceSid",
                 channel_option(channel, "messaging_service_sid", ""));
    }
    add_form(&form, "ValidityPeriod", TWILIO_VALID_S);
    add_form(&form, "Body", text);
    size_t url_bytes = strlen(url);
    url_bytes -= url_bytes > 0 && url[url_bytes - 1] == '/';
    request->method = "POST";
    request->url = arena_printf(arena, "%.*s/2010-04-01/Accounts/%s/Messages.json", (int)url_bytes,
                                url, account);
    request->body = arena_copy_bytes(arena, form.data, form.len);
    request->body_bytes = form.len;
    channel_request_header(request, "Content-Type", "application/x-www-form-urlencoded");
    channel_request_header(request, "Authorization",
                           channel_basic(arena, account, channel_secret(channel, "auth_token")));
}

int channel_build_twilio(const struct channel *channel, const struct notice *notice,
                         const struct channel_moment *moment, size_t text_bytes,
                         struct arena *arena, struct channel_request *request, struct err *err) {
    struct cut_text cut;
    BUF_AUTO headline;
    BUF_AUTO text;
    buf_init(&headline, BODY_BYTES_MAX);
    buf_init(&text, BODY_BYTES_MAX);
    notice_headline(notice, &headline);
    cut_begin(&cut, &text, text_bytes);
    cut_add(&cut, headline.data, NULL);
    if (notice->also_count + notice->also_more > 0) {
        cut_mark(&cut, arena_printf(arena, " (+%d)", notice->also_count + notice->also_more));
    }
    add_line(&cut, notice->link);
    add_line(&cut,
             notice->text != NULL && notice->text[0] != '\0' ? notice->text : notice->summary);
    if (notice->state != NOTICE_RESOLVED) {
        add_line(&cut, notice->money);
    }
    add_line(&cut, notice->action);
    add_twilio(channel, channel_option(channel, "to", ""), text.data, arena, request);
    return 0;
}

void channel_build_twilio_letter(const struct channel *channel, const struct letter *letter,
                                 struct arena *arena, struct channel_request *request) {
    add_twilio(channel, letter->to, letter->text, arena, request);
}

/* ---- Aliyun: a template's variables ---- */

/* At most so many characters; Aliyun refuses addresses in variables, so what looks like one loses
 * its dots and slashes. */
static char *variable(struct arena *arena, const char *value) {
    BUF_AUTO buf;
    buf_init(&buf, BODY_BYTES_MAX);
    int chars = 0;
    bool url = strstr(value, "://") != NULL || strstr(value, "www.") != NULL;
    for (const char *c = value; *c != '\0' && chars < PARAM_CHARS_MAX; chars++) {
        const char *next = g_utf8_next_char(c);
        bool last = chars == PARAM_CHARS_MAX - 1 && *next != '\0';
        if (last) {
            buf_add_text(&buf, "…");
        } else if (*c == '\n' || *c == '\t' || *c == '\r' || (url && strchr("./:", *c) != NULL)) {
            buf_add_char(&buf, ' ');
        } else {
            buf_add(&buf, c, (size_t)(next - c));
        }
        c = next;
    }
    return arena_copy(arena, buf.len > 0 ? buf.data : "-");
}

static const char *variable_value(const struct notice *notice, const char *name, int64_t now_us,
                                  struct arena *arena) {
    char time[CLOCK_TEXT_MAX];
    if (strcmp(name, "severity") == 0) {
        return notice_severity_name(notice->severity);
    }
    if (strcmp(name, "state") == 0) {
        return notice_state_name(notice->state);
    }
    if (strcmp(name, "title") == 0) {
        return notice->title;
    }
    if (strcmp(name, "scope") == 0) {
        return notice->scope != NULL ? notice->scope : "";
    }
    if (strcmp(name, "money") == 0) {
        return notice->money != NULL ? notice->money : "";
    }
    if (strcmp(name, "kind") == 0) {
        return notice->kind;
    }
    if (strcmp(name, "more") == 0) {
        return arena_printf(arena, "%d", notice->also_count + notice->also_more);
    }
    if (strcmp(name, "time") == 0) {
        int64_t at_us = notice->found_us > 0 ? notice->found_us : now_us;
        return arena_printf(arena, "%s UTC", clock_format_at(at_us, 0, time));
    }
    return notice->subject != NULL ? notice->subject : "";
}

static char *template_params(const struct channel *channel, const struct notice *notice,
                             int64_t now_us, struct arena *arena) {
    const char *names[8];
    int count = channel_list(arena,
                             channel_option(channel, "template_params", "severity,title,time"),
                             names, COUNT_OF(names));
    BUF_AUTO json;
    buf_init(&json, BODY_BYTES_MAX);
    for (int i = 0; i < count; i++) {
        buf_addf(&json, "%s\"%s\":", i > 0 ? "," : "{", names[i]);
        buf_add_json(&json, variable(arena, variable_value(notice, names[i], now_us, arena)));
    }
    buf_add_char(&json, '}');
    return arena_copy(arena, json.data);
}

/* "+8613800138000" and "13800138000" are both taken; blanks between numbers are not. */
static char *numbers(const struct channel *channel, struct arena *arena) {
    const char *items[1000];
    int count = channel_list(arena, channel_option(channel, "to", ""), items, COUNT_OF(items));
    BUF_AUTO list;
    buf_init(&list, BODY_BYTES_MAX);
    for (int i = 0; i < count; i++) {
        buf_addf(&list, "%s%s", i > 0 ? "," : "", items[i]);
    }
    return arena_copy(arena, list.data);
}

static void add_signed(const struct aliyun_call *call, const char *url, struct arena *arena,
                       struct channel_request *request) {
    char body_hex[SHA256_HEX_CHARS + 1];
    BUF_AUTO query;
    BUF_AUTO authorization;
    buf_init(&query, QUERY_BYTES_MAX);
    buf_init(&authorization, QUERY_BYTES_MAX);
    aliyun_sign(call, &query, &authorization, body_hex);
    request->method = call->method;
    size_t url_bytes = strlen(url);
    url_bytes -= url_bytes > 0 && url[url_bytes - 1] == '/';
    request->url = arena_printf(arena, "%.*s/?%s", (int)url_bytes, url, query.data);
    channel_request_header(request, "x-acs-action", call->action);
    channel_request_header(request, "x-acs-version", call->version);
    channel_request_header(request, "x-acs-date", call->date);
    channel_request_header(request, "x-acs-signature-nonce", call->nonce);
    channel_request_header(request, "x-acs-content-sha256", arena_copy(arena, body_hex));
    channel_request_header(request, "Authorization", arena_copy(arena, authorization.data));
}

static void add_call(const struct channel *channel, const char *action,
                     const struct aliyun_param *params, int param_count,
                     const struct channel_moment *moment, struct arena *arena,
                     struct channel_request *request) {
    const char *url = channel_option(channel, "url", ALIYUN_URL);
    char host[128], date[CLOCK_TEXT_MAX];
    http_url_host(url, host, sizeof host);
    (void)clock_format(moment->now_us / US_PER_SECOND * US_PER_SECOND, date);
    const struct aliyun_call call = {
        .method = "POST",
        .host = host,
        .action = action,
        .version = "2017-05-25",
        .date = arena_copy(arena, date),
        .nonce = arena_printf(arena, "%016llx%016llx", (unsigned long long)moment->nonce,
                              (unsigned long long)moment->now_us),
        .params = params,
        .param_count = param_count,
        .body = "",
        .key_id = channel_secret(channel, "access_key_id"),
        .key_secret = channel_secret(channel, "access_key_secret"),
    };
    add_signed(&call, url, arena, request);
}

int channel_build_aliyun_sms(const struct channel *channel, const struct notice *notice,
                             const struct channel_moment *moment, size_t text_bytes,
                             struct arena *arena, struct channel_request *request,
                             struct err *err) {
    const struct aliyun_param params[] = {
        {"PhoneNumbers", numbers(channel, arena)},
        {"SignName", channel_option(channel, "sign_name", "")},
        {"TemplateCode", channel_option(channel, "template_code", "")},
        {"TemplateParam", template_params(channel, notice, moment->now_us, arena)},
        {"OutId", moment->id},
    };
    add_call(channel, "SendSms", params, COUNT_OF(params), moment, arena, request);
    return 0;
}

/* What was sent to the first of the numbers today, as a day is in Beijing. */
void channel_build_aliyun_receipt(const struct channel *channel,
                                  const struct channel_moment *moment, struct arena *arena,
                                  struct channel_request *request) {
    const char *number = "";
    char day[CLOCK_TEXT_MAX];
    (void)channel_list(arena, channel_option(channel, "to", ""), &number, 1);
    (void)clock_format_at(moment->now_us, BEIJING_MINUTES, day);
    const struct aliyun_param params[] = {
        {"PhoneNumber", number},
        {"SendDate", arena_printf(arena, "%.4s%.2s%.2s", day, day + 5, day + 8)},
        {"PageSize", "50"},
        {"CurrentPage", "1"},
    };
    add_call(channel, "QuerySendDetails", params, COUNT_OF(params), moment, arena, request);
}
