/* SPDX-License-Identifier: Apache-2.0
 * test_channels.c: channels over a network: what arrives at a provider is what it would take, its
 * signatures checked as it checks them; answers that are hostile, slow or wrong are contained; mail
 * goes through TLS and a login or not at all. */
#include "channel_fixture.h"

#include <glib.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/json.h"
#include "net/standard_webhook.h"
#include "support/certs.h"
#include "support/http_calls.h"
#include "watch/aliyun_sign.h"

extern char **environ;

#define OK_JSON(text, length)                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n" text

static struct http_client *http;
static struct smtp_client *smtp;
static struct certs certs;
static struct arena *arena;

static int begin_all(void **state) {
    struct err err = {0};
    crypto_init();
    certs_make(&certs);
    const struct smtp_client_options options = {certs.ca_path};
    assert_int_equal(smtp_client_new(&options, &smtp, &err), 0);
    http = plain_client();
    return 0;
}

static int end_all(void **state) {
    http_client_free(http);
    smtp_client_free(smtp);
    certs_remove(&certs);
    return 0;
}

static int begin(void **state) {
    arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    return 0;
}

static int end(void **state) {
    arena_free(arena);
    return 0;
}

static struct channel_verdict send_within(const struct channels *channels, int64_t timeout_us) {
    const struct channel_clients clients = {http, smtp, timeout_us};
    const struct notice notice = fixture_notice();
    struct channel_verdict verdict;
    channel_send(channels_at(channels, 0), &clients, &notice, &fixture_moment, &verdict);
    return verdict;
}

static struct channel_verdict send_now(const struct channels *channels) {
    return send_within(channels, LONG_US);
}

/* The fixture's channel of that kind, but on this machine's port. */
static struct channels *open_at(enum channel_kind kind, int port) {
    struct fixture_settings settings = fixture_kinds[kind];
    char *url = arena_printf(arena, "http://127.0.0.1:%d%s", port,
                             kind == CHANNEL_DINGTALK || kind == CHANNEL_WECOM
                                 ? "/robot/send?access_token=tops3cret"
                                 : "");
    bool known = false;
    for (int i = 0; settings.options[i] != NULL; i += 2) {
        if (strcmp(settings.options[i], "url") == 0) {
            settings.options[i + 1] = url;
            known = true;
        }
    }
    for (int i = 0; settings.secrets[i] != NULL; i += 2) {
        if (strcmp(settings.secrets[i], "url") == 0 ||
            strcmp(settings.secrets[i], "webhook_url") == 0) {
            settings.secrets[i + 1] = strchr(url, '?') != NULL
                                          ? url
                                          : arena_printf(arena, "%s/hook/tops3cret", url);
            known = true;
        }
    }
    if (!known) {
        int last = 0;
        while (settings.options[last] != NULL) {
            last++;
        }
        settings.options[last] = "url";
        settings.options[last + 1] = url;
    }
    return fixture_open(&settings);
}

/* ---- as a provider takes it ---- */

struct arrived {
    char *text;
    const char *target, *body;
    struct http_header headers[32];
    int header_count;
};

/* Splits what came in place. */
static void split(char *text, struct arrived *ret_arrived) {
    struct arrived arrived = {.text = text};
    char *end_of_head = strstr(text, "\r\n\r\n");
    assert_non_null(end_of_head);
    *end_of_head = '\0';
    arrived.body = end_of_head + 4;
    char *line = strstr(text, "\r\n");
    *line = '\0';
    assert_memory_equal(text, "POST ", 5);
    arrived.target = text + 5;
    *strchr(text + 5, ' ') = '\0';
    for (line += 2; line != NULL && *line != '\0';) {
        char *next = strstr(line, "\r\n");
        char *colon = strchr(line, ':');
        if (next != NULL) {
            *next = '\0';
        }
        *colon = '\0';
        arrived.headers[arrived.header_count++] = (struct http_header){line, colon + 2};
        line = next != NULL ? next + 2 : NULL;
    }
    *ret_arrived = arrived;
}

static const char *header(const struct arrived *arrived, const char *name) {
    const char *value = http_header_find(arrived->headers, arrived->header_count, name);
    return value != NULL ? value : "";
}

/* Sends to a provider that says yes in its own words, and gives what arrived; free() its text. */
static void deliver(enum channel_kind kind, const char *answer, struct arrived *ret_arrived) {
    struct raw_step script[] = {READ_HEAD, {RAW_READ, NULL, 0}, SEND(NULL), {RAW_CLOSE, NULL, 0}};
    struct channel_request request = {0};
    const struct notice notice = fixture_notice();
    /* The body's end is known beforehand; where there is none the answer follows the head. */
    struct channels *probe = fixture_open(&fixture_kinds[kind]);
    assert_int_equal(
        channel_build(channels_at(probe, 0), &notice, &fixture_moment, arena, &request, NULL), 0);
    channels_close(probe);
    script[1].text = request.body_bytes > 0 ? request.body + request.body_bytes - 10 : NULL;
    if (request.body_bytes == 0) {
        script[1] = script[2];
        script[2] = script[3];
        script[1].text = answer;
    } else {
        script[2].text = answer;
    }
    struct raw_server *server = serve_one(script);
    struct channels *channels = open_at(kind, raw_server_port(server));
    struct channel_verdict verdict = send_now(channels);
    if (verdict.outcome != CHANNEL_SENT) {
        fail_msg("%s: %s, %s", channel_kind_name(kind), verdict.code, verdict.reason);
    }
    char *taken = raw_server_taken(server, 0);
    split(taken, ret_arrived);
    if (request.body_bytes > 0) {
        assert_string_equal(ret_arrived->body, request.body);
    }
    for (int i = 0; i < request.header_count; i++) {
        if (strcmp(request.headers[i].name, "Authorization") != 0) {
            assert_string_equal(header(ret_arrived, request.headers[i].name),
                                request.headers[i].value);
        }
    }
    channels_close(channels);
    raw_server_free(server);
}

static void each_provider_gets_the_bytes_that_it_takes(void **state) {
    static const struct {
        enum channel_kind kind;
        const char *answer, *target;
    } cases[] = {
        {CHANNEL_SLACK, OK_ANSWER, "/hook/tops3cret"},
        {CHANNEL_PAGERDUTY, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "/"},
        {CHANNEL_WECOM, OK_JSON("{\"errcode\":0,\"errmsg\":\"ok\"}", "27"),
         "/robot/send?access_token=tops3cret"},
        {CHANNEL_FEISHU, OK_JSON("{\"code\":0}", "10"), "/hook/tops3cret"},
        {CHANNEL_TWILIO, "HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\n{\"sid\":\"SM1\"}",
         "/2010-04-01/Accounts/AC" FIXTURE_KEY32 "/Messages.json"},
        {CHANNEL_ALERTMANAGER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "/api/v2/alerts"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arrived arrived;
        deliver(cases[i].kind, cases[i].answer, &arrived);
        assert_string_equal(arrived.target, cases[i].target);
        assert_string_equal(header(&arrived, "Content-Length"),
                            arena_printf(arena, "%zu", strlen(arrived.body)));
        free(arrived.text);
    }
}

/* What DingTalk computes from the address that it was called by. */
static void dingtalk_finds_the_signature_right(void **state) {
    struct arrived arrived;
    deliver(CHANNEL_DINGTALK, OK_JSON("{\"errcode\":0}", "13"), &arrived);
    long long ms = 0;
    char sign[128];
    assert_int_equal(sscanf(arrived.target,
                            "/robot/send?access_token=tops3cret&timestamp=%lld&sign=%127s", &ms,
                            sign),
                     2);
    char *signed_text = arena_printf(arena, "%lld\nthis is secret", ms);
    unsigned char mac[SHA256_BYTES];
    crypto_hmac_sha256("this is secret", 14, signed_text, strlen(signed_text), mac);
    char *base64 = crypto_base64(mac, sizeof mac);
    char *unescaped = g_uri_unescape_string(sign, NULL);
    assert_string_equal(unescaped, base64);
    g_free(unescaped);
    free(base64);
    free(arrived.text);
}

/* What Aliyun computes from the request: query, host and headers as they came. */
static void aliyun_finds_the_signature_right(void **state) {
    struct arrived arrived;
    deliver(CHANNEL_ALIYUN_SMS, OK_JSON("{\"Code\":\"OK\",\"BizId\":\"b1\"}", "26"), &arrived);
    struct aliyun_param params[ALIYUN_PARAMS_MAX];
    int count = 0;
    char *query = arena_copy(arena, strchr(arrived.target, '?') + 1);
    for (char *at = query, *next; at != NULL && count < ALIYUN_PARAMS_MAX; at = next) {
        next = strchr(at, '&');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *equals = strchr(at, '=');
        *equals = '\0';
        char *value = g_uri_unescape_string(equals + 1, NULL);
        params[count++] = (struct aliyun_param){at, arena_copy(arena, value)};
        g_free(value);
    }
    assert_int_equal(count, 5);
    const struct aliyun_call call = {
        .method = "POST",
        .host = header(&arrived, "Host"),
        .action = header(&arrived, "x-acs-action"),
        .version = header(&arrived, "x-acs-version"),
        .date = header(&arrived, "x-acs-date"),
        .nonce = header(&arrived, "x-acs-signature-nonce"),
        .params = params,
        .param_count = count,
        .body = arrived.body,
        .key_id = "YourAccessKeyId",
        .key_secret = "YourAccessKeySecret",
    };
    char body_hex[SHA256_HEX_CHARS + 1];
    BUF_AUTO again;
    BUF_AUTO authorization;
    buf_init(&again, 65536);
    buf_init(&authorization, 65536);
    aliyun_sign(&call, &again, &authorization, body_hex);
    assert_string_equal(header(&arrived, "Authorization"), authorization.data);
    assert_string_equal(header(&arrived, "x-acs-content-sha256"), body_hex);
    free(arrived.text);
}

/* A second request would be a second message: so after a lost answer Aliyun is asked first. */
static void aliyun_is_asked_before_a_message_is_repeated(void **state) {
#define LIST(id, status)                                                                           \
    "HTTP/1.1 200 OK\r\nContent-Length: 139\r\n\r\n"                                               \
    "{\"Code\":\"OK\",\"SmsSendDetailDTOs\":{\"SmsSendDetailDTO\":[{\"OutId\":\"" id               \
    "\",\"SendStatus\":" status ",\"PhoneNum\":\"13800138000\"}]}}"
    static const char other[] = "dlv_01JD5R6Q6Y0V3M8X2K4N7T9BC0";
    static const struct {
        const char *answer;
        enum channel_outcome outcome;
        int requests;
    } cases[] = {
        {LIST(FIXTURE_ID, "1"), CHANNEL_SENT, 1},
        {LIST(FIXTURE_ID, "3"), CHANNEL_SENT, 1},
        {LIST(FIXTURE_ID, "2"), CHANNEL_SENT, 2}, /* it failed there: sent anew */
        {LIST("dlv_01JD5R6Q6Y0V3M8X2K4N7T9BC0", "3"), CHANNEL_SENT, 2},
        {OK_JSON("{\"Code\":\"isv.RAM\"}", "18"), CHANNEL_AGAIN, 1},
        {OK_JSON("<html>", "6"), CHANNEL_AGAIN, 1},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", CHANNEL_AGAIN, 1},
    };
    assert_int_equal(strlen(other), strlen(FIXTURE_ID));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct raw_step script[] = {READ_HEAD,
                                          SEND(cases[i].answer),
                                          READ_HEAD,
                                          SEND(OK_JSON("{\"Code\":\"OK\",\"BizId\":\"b1\"}", "26")),
                                          {RAW_HOLD, NULL, 0}};
        struct raw_server *server = serve_one(script);
        struct channels *channels = open_at(CHANNEL_ALIYUN_SMS, raw_server_port(server));
        const struct channel_clients clients = {http, smtp, LONG_US};
        const struct channel_moment moment = {FIXTURE_NOW_US, FIXTURE_ID, 8, true};
        const struct notice notice = fixture_notice();
        struct channel_verdict verdict;
        channel_send(channels_at(channels, 0), &clients, &notice, &moment, &verdict);
        if (verdict.outcome != cases[i].outcome || raw_server_reads(server) != cases[i].requests) {
            fail_msg("case %zu: %d after %d: %s", i, verdict.outcome, raw_server_reads(server),
                     verdict.reason);
        }
        assert_int_equal(verdict.in_doubt, cases[i].outcome == CHANNEL_AGAIN);
        char *taken = raw_server_taken(server, 0);
        assert_non_null(strstr(taken, "x-acs-action: QuerySendDetails"));
        assert_non_null(strstr(taken, "PhoneNumber=13800138000&SendDate=20251120"));
        free(taken);
        channels_close(channels);
        raw_server_free(server);
    }
#undef LIST
}

static void a_webhooks_receiver_finds_the_signature_right(void **state) {
    struct arrived arrived;
    struct secret *key = NULL;
    deliver(CHANNEL_WEBHOOK, "HTTP/1.1 204 No Content\r\n\r\n", &arrived);
    assert_int_equal(standard_webhook_secret_read(FIXTURE_WHSEC, &key, NULL), 0);
    const struct secret *keys[] = {key};
    assert_int_equal(standard_webhook_verify(keys, 1, arrived.headers, arrived.header_count,
                                             arrived.body, strlen(arrived.body),
                                             FIXTURE_NOW_US / US_PER_SECOND, NULL),
                     0);
    secret_free(key);
    free(arrived.text);
}

/* ---- hostile answers ---- */

static void what_a_provider_does_wrong_is_contained(void **state) {
    static const struct raw_step refuses[] = {
        READ_HEAD,
        SEND(OK_JSON("{\"errcode\":310000,\"errmsg\":\"sign not match\"}", "44")),
        {RAW_CLOSE, NULL, 0}};
    static const struct raw_step page[] = {
        READ_HEAD,
        SEND("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
        {RAW_CLOSE, NULL, 0}};
    static const struct raw_step huge[] = {
        READ_HEAD,
        SEND("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"),
        {RAW_SEND, "0123456789abcdef", 20000},
        {RAW_HOLD, NULL, 0}};
    static const struct raw_step hangs[] = {READ_HEAD, {RAW_HOLD, NULL, 0}};
    static const struct raw_step drips[] = {
        READ_HEAD,
        SEND("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"err"),
        {RAW_HOLD, NULL, 0}};
    static const struct raw_step garbage[] = {
        READ_HEAD, SEND("SSH-2.0-x\r\n\r\n\r\n"), {RAW_CLOSE, NULL, 0}};
    static const struct raw_step redirects[] = {
        READ_HEAD,
        SEND("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        {RAW_CLOSE, NULL, 0}};
    static const struct raw_step resets[] = {READ_HEAD, {RAW_RESET, NULL, 0}};
    static const struct raw_step cuts[] = {
        READ_HEAD,
        SEND("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"errcode\":0"),
        {RAW_CLOSE, NULL, 0}};
    static const struct {
        const struct raw_step *script;
        enum channel_outcome outcome;
        bool in_doubt, slow;
        const char *code;
    } cases[] = {
        {refuses, CHANNEL_REJECTED, false, false, "310000"},
        {page, CHANNEL_AGAIN, true, false, "http 200"},
        {huge, CHANNEL_AGAIN, true, false, "too_large"},
        {hangs, CHANNEL_AGAIN, true, true, "timeout"},
        {drips, CHANNEL_AGAIN, true, true, "timeout"},
        {garbage, CHANNEL_AGAIN, true, false, "garbled"},
        {redirects, CHANNEL_REJECTED, false, false, "http 302"},
        {resets, CHANNEL_AGAIN, true, false, "reset"},
        {cuts, CHANNEL_AGAIN, true, false, "garbled"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct raw_server *server = serve_one(cases[i].script);
        struct channels *channels = open_at(CHANNEL_DINGTALK, raw_server_port(server));
        struct channel_verdict verdict = send_within(channels, cases[i].slow ? SHORT_US : LONG_US);
        if (verdict.outcome != cases[i].outcome || verdict.in_doubt != cases[i].in_doubt ||
            strcmp(verdict.code, cases[i].code) != 0) {
            fail_msg("case %zu: %d %d \"%s\": %s", i, verdict.outcome, verdict.in_doubt,
                     verdict.code, verdict.reason);
        }
        assert_true(verdict.reason[0] != '\0');
        assert_null(strstr(verdict.reason, "tops3cret"));
        assert_null(strstr(verdict.reason, "sign="));
        channels_close(channels);
        raw_server_free(server);
    }
    int fd = -1;
    struct channels *channels = open_at(CHANNEL_DINGTALK, raw_refusing_port(&fd));
    struct channel_verdict verdict = send_now(channels);
    assert_int_equal(verdict.outcome, CHANNEL_AGAIN);
    assert_false(verdict.in_doubt);
    assert_string_equal(verdict.code, "connect");
    channels_close(channels);
    close(fd);
}

/* ---- mail ---- */

struct mail_server {
    pid_t pid;
    int to;
    FILE *from;
    int port;
};

static void mail_start(struct mail_server *ret_server, char *more1, char *more2) {
    int in[2], out[2];
    char *arguments[] = {"python3",
                         TESTS_DIR "/support/smtp_server.py",
                         certs.cert_path[CERT_GOOD],
                         certs.key_path,
                         "alerts",
                         "pass word",
                         more1,
                         more2,
                         NULL};
    posix_spawn_file_actions_t actions;
    char line[64];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    assert_int_equal(posix_spawnp(&ret_server->pid, "python3", &actions, NULL, arguments, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    ret_server->to = in[1];
    ret_server->from = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof line, ret_server->from));
    ret_server->port = (int)strtol(line, NULL, 10);
    assert_true(ret_server->port > 0);
}

static json_t *mail_taken(struct mail_server *server) {
    static char line[256 * 1024];
    json_t *json = NULL;
    assert_non_null(fgets(line, sizeof line, server->from));
    assert_int_equal(json_read(line, strlen(line), sizeof line, 8, &json, NULL), 0);
    return json;
}

static void mail_end(struct mail_server *server) {
    close(server->to);
    (void)waitpid(server->pid, NULL, 0);
    (void)fclose(server->from);
}

static struct channels *open_mail(int port, const char *tls, const char *password) {
    struct fixture_settings settings = fixture_kinds[CHANNEL_EMAIL];
    int last = 0;
    while (settings.options[last] != NULL) {
        last++;
    }
    settings.options[last] = "port";
    settings.options[last + 1] = arena_printf(arena, "%d", port);
    settings.options[last + 2] = "tls";
    settings.options[last + 3] = tls;
    settings.secrets[1] = password;
    return fixture_open(&settings);
}

static void assert_text(const json_t *json, const char *part, const char *key, const char *value) {
    const char *text = part != NULL ? json_peek_text(json, part, key, NULL)
                                    : json_peek_text(json, key, NULL);
    assert_non_null(text);
    assert_string_equal(text, value);
}

static void a_mail_arrives_through_starttls_and_a_login(void **state) {
    struct mail_server server;
    mail_start(&server, NULL, NULL);
    struct channels *channels = open_mail(server.port, "starttls", "pass word");
    struct notice notice = fixture_notice();
    notice.title =
        "微信支付在中国大陆失败:八十笔中有七十一笔失败,持续四分钟,涉及四百二十位客户与三种货币";
    notice.summary =
        ".\r\n.dots\n" /* long lines, dots, blanks at a line's end */
        "blank at its end \n"
        "支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付支付";
    const struct channel_clients clients = {http, smtp, LONG_US};
    struct channel_verdict verdict;
    channel_send(channels_at(channels, 0), &clients, &notice, &fixture_moment, &verdict);
    if (verdict.outcome != CHANNEL_SENT) {
        fail_msg("%s: %s", verdict.code, verdict.reason);
    }
    JSON_AUTO mail = mail_taken(&server);
    assert_int_equal(json_array_size(json_object_get(mail, "problems")), 0);
    assert_text(mail, NULL, "from", "alerts@shop.example");
    assert_int_equal(json_array_size(json_object_get(mail, "to")), 2);
    assert_text(mail, "headers", "Subject", arena_printf(arena, "[P1] Firing: %s", notice.title));
    assert_text(mail, "headers", "From", "Holdfast 告警 <alerts@shop.example>");
    assert_text(mail, "headers", "To", "a@shop.example, b@shop.example");
    assert_text(mail, "headers", "Message-ID", "<" FIXTURE_ID "@shop.example>");
    assert_text(mail, "headers", "Auto-Submitted", "auto-generated");
    assert_text(mail, "headers", "Date", "Thu, 20 Nov 2025 08:00:00 +0000");
    const char *text = json_peek_text(mail, "text", NULL);
    assert_non_null(strstr(text, arena_printf(arena,
                                              "[P1] Firing: %s\n\n.\n.dots\nblank at its "
                                              "end \n支付",
                                              notice.title)));
    assert_non_null(strstr(text, "Affected: WeChat Pay in CN only; cards are not affected\n"));
    channels_close(channels);
    mail_end(&server);
}

static void a_mail_arrives_through_tls_from_the_first_byte(void **state) {
    struct mail_server server;
    mail_start(&server, "--tls", NULL);
    struct channels *channels = open_mail(server.port, "always", "pass word");
    struct channel_verdict verdict = send_now(channels);
    assert_int_equal(verdict.outcome, CHANNEL_SENT);
    JSON_AUTO mail = mail_taken(&server);
    assert_int_equal(json_array_size(json_object_get(mail, "problems")), 0);
    channels_close(channels);
    mail_end(&server);
}

static void one_recipient_who_is_gone_does_not_keep_it_from_the_others(void **state) {
    struct mail_server server;
    mail_start(&server, "--refuse", "a@shop.example");
    struct channels *channels = open_mail(server.port, "starttls", "pass word");
    struct channel_verdict verdict = send_now(channels);
    assert_int_equal(verdict.outcome, CHANNEL_SENT);
    assert_string_equal(verdict.reason, "the mail server did not take 1 of the recipients, the "
                                        "first is a@shop.example");
    JSON_AUTO mail = mail_taken(&server);
    assert_int_equal(json_array_size(json_object_get(mail, "to")), 1);
    channels_close(channels);
    /* A wrong password is refused for good, and is in no reason. */
    channels = open_mail(server.port, "starttls", "tops3cret");
    verdict = send_now(channels);
    assert_int_equal(verdict.outcome, CHANNEL_REJECTED);
    assert_string_equal(verdict.code, "535");
    assert_null(strstr(verdict.reason, "tops3cret"));
    channels_close(channels);
    mail_end(&server);
}

static void no_mail_goes_out_in_the_clear_or_to_a_stranger(void **state) {
    static const struct raw_step no_tls[] = {SEND("220 localhost\r\n"),
                                             {RAW_READ, "EHLO", 0},
                                             SEND("250 AUTH PLAIN LOGIN\r\n"),
                                             {RAW_HOLD, NULL, 0}};
    static const struct raw_step refuses_tls[] = {
        SEND("220 localhost\r\n"), {RAW_READ, "EHLO", 0},   SEND("250-x\r\n250 STARTTLS\r\n"),
        {RAW_READ, "STARTTLS", 0}, SEND("454 not now\r\n"), {RAW_HOLD, NULL, 0}};
    static const struct raw_step stranger[] = {SEND("220 localhost\r\n"),
                                               {RAW_READ, "EHLO", 0},
                                               SEND("250-x\r\n250 STARTTLS\r\n"),
                                               {RAW_READ, "STARTTLS\r\n", 0},
                                               SEND("220 go on\r\n"),
                                               {RAW_TLS, NULL, 0},
                                               {RAW_HOLD, NULL, 0}};
    static const struct raw_step *const scripts[] = {no_tls, refuses_tls, stranger};
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct raw_server *server = raw_server_start(
            &(struct raw_options){.scripts = {scripts[i]},
                                  .tls_cert_path = certs.cert_path[CERT_SELF_SIGNED],
                                  .tls_key_path = certs.key_path});
        struct channels *channels = open_mail(raw_server_port(server), "starttls", "tops3cret");
        struct channel_verdict verdict = send_now(channels);
        assert_int_equal(verdict.outcome, CHANNEL_AGAIN);
        assert_false(verdict.in_doubt);
        assert_string_equal(verdict.code, "tls");
        char *taken = raw_server_taken(server, 0);
        assert_null(strstr(taken, "AUTH"));
        assert_null(strstr(taken, "MAIL"));
        free(taken);
        channels_close(channels);
        raw_server_free(server);
    }
}

/* A conversation in TLS up to a point. */
#define TLS_LOGIN                                                                                  \
    {RAW_TLS, NULL, 0}, SEND("220 localhost\r\n"), {RAW_READ, "EHLO", 0},                          \
        SEND("250 AUTH PLAIN\r\n"), {RAW_READ, "AUTH PLAIN\r\n", 0}, SEND("334 \r\n"),             \
        {RAW_READ, "\r\n", 0}, SEND("235 yes\r\n"), {                                              \
        RAW_READ, "MAIL FROM:<alerts@shop.example>", 0                                             \
    }

#define QUITS                                                                                      \
    {RAW_READ, "QUIT", 0}, SEND("221 bye\r\n"), {                                                  \
        RAW_CLOSE, NULL, 0                                                                         \
    }

static void what_a_mail_server_does_wrong_is_contained(void **state) {
    static const struct raw_step busy[] = {
        {RAW_TLS, NULL, 0}, SEND("421 4.3.2 busy\r\n"), {RAW_CLOSE, NULL, 0}};
    static const struct raw_step hangs[] = {{RAW_TLS, NULL, 0}, {RAW_HOLD, NULL, 0}};
    static const struct raw_step garbage[] = {
        {RAW_TLS, NULL, 0}, SEND("HTTP/1.1 400 Bad\r\n\r\n"), {RAW_CLOSE, NULL, 0}};
    static const struct raw_step no_sender[] = {TLS_LOGIN, SEND("452 4.3.1 no room here\r\n"),
                                                QUITS};
    static const struct raw_step nobody[] = {TLS_LOGIN,
                                             SEND("250 yes\r\n"),
                                             {RAW_READ, "RCPT", 0},
                                             SEND("550 5.1.1 no\r\n"),
                                             {RAW_READ, "RCPT", 0},
                                             SEND("550 5.1.1 no \"one\" \x1b[2J\r\n"),
                                             QUITS};
    static const struct raw_step no_end[] = {TLS_LOGIN,
                                             SEND("250 yes\r\n"),
                                             {RAW_READ, "RCPT", 0},
                                             SEND("250 yes\r\n"),
                                             {RAW_READ, "RCPT", 0},
                                             SEND("250 yes\r\n"),
                                             {RAW_READ, "DATA", 0},
                                             SEND("354 go\r\n"),
                                             {RAW_READ, "\r\n.\r\n", 0},
                                             {RAW_CLOSE, NULL, 0}};
    static const struct raw_step spam[] = {TLS_LOGIN,
                                           SEND("250 yes\r\n"),
                                           {RAW_READ, "RCPT", 0},
                                           SEND("250 yes\r\n"),
                                           {RAW_READ, "RCPT", 0},
                                           SEND("250 yes\r\n"),
                                           {RAW_READ, "DATA", 0},
                                           SEND("354 go\r\n"),
                                           {RAW_READ, "\r\n.\r\n", 0},
                                           SEND("554 5.7.1 spam\r\n"),
                                           QUITS};
    static const struct {
        const struct raw_step *script;
        enum channel_outcome outcome;
        bool in_doubt, slow;
        const char *code, *says;
    } cases[] = {
        {busy, CHANNEL_AGAIN, false, false, "421", "busy"},
        {hangs, CHANNEL_AGAIN, false, true, "timeout", "in time"},
        {garbage, CHANNEL_AGAIN, false, false, "reset", "lost"},
        {no_sender, CHANNEL_AGAIN, false, false, "452", "no room here"},
        {nobody, CHANNEL_REJECTED, false, false, "550", "no ?one? ?[2J"},
        {no_end, CHANNEL_AGAIN, true, false, "reset", "lost"},
        {spam, CHANNEL_REJECTED, false, false, "554", "5.7.1 spam"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct raw_server *server = raw_server_start(
            &(struct raw_options){.scripts = {cases[i].script},
                                  .tls_cert_path = certs.cert_path[CERT_GOOD],
                                  .tls_key_path = certs.key_path});
        struct channels *channels = open_mail(raw_server_port(server), "always", "tops3cret");
        struct channel_verdict verdict = send_within(channels, cases[i].slow ? SHORT_US : LONG_US);
        if (verdict.outcome != cases[i].outcome || verdict.in_doubt != cases[i].in_doubt ||
            strcmp(verdict.code, cases[i].code) != 0 ||
            strstr(verdict.reason, cases[i].says) == NULL) {
            fail_msg("case %zu: %d %d \"%s\": %s", i, verdict.outcome, verdict.in_doubt,
                     verdict.code, verdict.reason);
        }
        assert_null(strstr(verdict.reason, "tops3cret"));
        channels_close(channels);
        raw_server_free(server);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(each_provider_gets_the_bytes_that_it_takes),
        T(dingtalk_finds_the_signature_right),
        T(aliyun_finds_the_signature_right),
        T(aliyun_is_asked_before_a_message_is_repeated),
        T(a_webhooks_receiver_finds_the_signature_right),
        T(what_a_provider_does_wrong_is_contained),
        T(a_mail_arrives_through_starttls_and_a_login),
        T(a_mail_arrives_through_tls_from_the_first_byte),
        T(one_recipient_who_is_gone_does_not_keep_it_from_the_others),
        T(no_mail_goes_out_in_the_clear_or_to_a_stranger),
        T(what_a_mail_server_does_wrong_is_contained),
    };
#undef T
    return cmocka_run_group_tests_name("channels", tests, begin_all, end_all);
}
