/* SPDX-License-Identifier: Apache-2.0
 * smtp_client.c: one mail, by libcurl.
 *
 * libcurl says that a mail failed, but not how far it came nor whose mailbox it was. Both are read
 * off the conversation: commands as they go out, replies as they come. Only what follows MAIL is
 * ever repeated in a result: what comes before are the login's lines. */
#include "net/smtp_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/tls_client.h"

struct smtp_client {
    smtp_send_fn *send;
    void *ctx; /* the custom one's */
    X509_STORE *trusted;
};

static const char *const failure_names[] = {
    [SMTP_FAIL_NONE] = "none",       [SMTP_FAIL_RESOLVE] = "resolve",
    [SMTP_FAIL_CONNECT] = "connect", [SMTP_FAIL_TLS] = "tls",
    [SMTP_FAIL_AUTH] = "auth",       [SMTP_FAIL_REFUSED] = "refused",
    [SMTP_FAIL_TIMEOUT] = "timeout", [SMTP_FAIL_RESET] = "reset",
    [SMTP_FAIL_REQUEST] = "request",
};
static_assert(COUNT_OF(failure_names) == SMTP_FAIL_REQUEST + 1, "every failure has a name");

const char *smtp_failure_name(enum smtp_failure failure) {
    return failure_names[failure];
}

/* One conversation. */
struct talk {
    const struct smtp_message *message;
    size_t given; /* of the message's bytes */
    bool mail, data, quit;
    const char *rcpt; /* whose reply comes next; NULL: it is another command's */
    int code;         /* of the last reply when it was a refusal */
    char line[SMTP_REPLY_BYTES];
    int refused;
    char refused_one[128];
    X509_STORE *trusted;
};

static size_t on_read(char *bytes, size_t size, size_t count, void *arg) {
    struct talk *talk = arg;
    size_t left = talk->message->byte_count - talk->given;
    size_t room = size * count;
    size_t now = left < room ? left : room;
    if (now > 0) {
        memcpy(bytes, talk->message->bytes + talk->given, now);
    }
    talk->given += now;
    return now;
}

static bool begins(const char *bytes, size_t count, const char *word) {
    return count >= strlen(word) && strncasecmp(bytes, word, strlen(word)) == 0;
}

static void take_command(struct talk *talk, const char *bytes, size_t count) {
    talk->rcpt = NULL;
    if (begins(bytes, count, "MAIL FROM")) {
        talk->mail = true;
    } else if (talk->mail && begins(bytes, count, "DATA")) {
        talk->data = true;
    } else if (begins(bytes, count, "QUIT")) {
        talk->quit = true;
    } else if (talk->mail && begins(bytes, count, "RCPT TO:<")) {
        const char *address = bytes + strlen("RCPT TO:<");
        size_t chars = count - strlen("RCPT TO:<");
        for (int i = 0; i < talk->message->to_count; i++) {
            size_t length = strlen(talk->message->to[i]);
            if (length < chars && memcmp(address, talk->message->to[i], length) == 0 &&
                address[length] == '>') {
                talk->rcpt = talk->message->to[i];
            }
        }
    }
}

/* "250-first", "250 last": only the last line of a reply is looked at. */
static void take_reply(struct talk *talk, const char *bytes, size_t count) {
    bool digits = count >= 4 && strspn(bytes, "0123456789") == 3;
    if (talk->quit || !digits || bytes[3] == '-') {
        return;
    }
    int code = (int)strtol(bytes, NULL, 10);
    talk->code = code >= 400 ? code : 0;
    talk->line[0] = '\0';
    if (code >= 400 && talk->mail) {
        size_t chars = strcspn(bytes, "\r\n");
        text_shown(bytes, chars < count ? chars : count, talk->line, sizeof talk->line);
    }
    if (code >= 400 && talk->rcpt != NULL && talk->refused++ == 0) {
        (void)snprintf(talk->refused_one, sizeof talk->refused_one, "%s", talk->rcpt);
    }
    talk->rcpt = NULL;
}

/* libcurl hands out lines of the conversation, each with a NUL or a line end behind it somewhere:
 * a copy makes it certain. */
static int on_debug(CURL *easy, curl_infotype what, char *bytes, size_t count, void *arg) {
    char line[1024];
    size_t kept = count < sizeof line - 1 ? count : sizeof line - 1;
    if (what == CURLINFO_HEADER_OUT || what == CURLINFO_HEADER_IN) {
        memcpy(line, bytes, kept);
        line[kept] = '\0';
        if (what == CURLINFO_HEADER_OUT) {
            take_command(arg, line, kept);
        } else {
            take_reply(arg, line, kept);
        }
        explicit_bzero(line, sizeof line);
    }
    return 0;
}

static CURLcode on_tls_context(CURL *easy, void *tls_context, void *trusted) {
    SSL_CTX_set1_cert_store(tls_context, trusted);
    return CURLE_OK;
}

static bool set_options(CURL *easy, const struct smtp_message *message, struct talk *talk,
                        const char *url, const char *from, struct curl_slist *to,
                        char error_text[CURL_ERROR_SIZE]) {
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(URL, url);
    SET(PROTOCOLS_STR, "smtp,smtps");
    SET(ERRORBUFFER, error_text);
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L);
    SET(PROXY, "");
    SET(NOPROXY, "*");
    SET(USE_SSL, (long)CURLUSESSL_ALL);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(CAINFO, NULL);
    SET(CAPATH, NULL);
    SET(SSL_CTX_FUNCTION, on_tls_context);
    SET(SSL_CTX_DATA, talk->trusted);
    SET(TIMEOUT_MS, (long)(message->timeout_us / US_PER_MS));
    SET(CONNECTTIMEOUT_MS, (long)(message->timeout_us / US_PER_MS));
    SET(SERVER_RESPONSE_TIMEOUT, (long)(message->timeout_us / US_PER_SECOND) + 1);
    SET(MAIL_FROM, from);
    SET(MAIL_RCPT, to);
    /* One address of a former colleague must not keep an alert from all others. */
    SET(MAIL_RCPT_ALLLOWFAILS, 1L);
    SET(UPLOAD, 1L);
    SET(INFILESIZE_LARGE, (curl_off_t)message->byte_count);
    SET(READFUNCTION, on_read);
    SET(READDATA, talk);
    SET(VERBOSE, 1L);
    SET(DEBUGFUNCTION, on_debug);
    SET(DEBUGDATA, talk);
    if (message->user != NULL) {
        SET(USERNAME, message->user);
        SET(PASSWORD, secret_bytes(message->password));
        SET(LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
    }
#undef SET
    return bad == CURLE_OK;
}

static enum smtp_failure failure_of_code(CURLcode code) {
    switch (code) {
    case CURLE_OK:
        return SMTP_FAIL_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
        return SMTP_FAIL_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return SMTP_FAIL_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return SMTP_FAIL_TLS;
    case CURLE_LOGIN_DENIED:
        return SMTP_FAIL_AUTH;
    case CURLE_OPERATION_TIMEDOUT:
        return SMTP_FAIL_TIMEOUT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return SMTP_FAIL_REQUEST;
    default:
        return SMTP_FAIL_RESET;
    }
}

static void judge(CURLcode code, const struct talk *talk, struct smtp_result *ret_result) {
    struct smtp_result result = {.failure = failure_of_code(code), .refused = talk->refused};
    (void)snprintf(result.refused_one, sizeof result.refused_one, "%s", talk->refused_one);
    (void)snprintf(result.reply, sizeof result.reply, "%s", talk->line);
    if (code == CURLE_OK) {
        result.outcome = SMTP_TAKEN;
        result.reply[0] = '\0';
    } else if (talk->code > 0 && result.failure != SMTP_FAIL_TIMEOUT &&
               result.failure != SMTP_FAIL_TLS) {
        result.outcome = SMTP_NOT_SENT;
        result.code = talk->code;
        result.failure = result.failure == SMTP_FAIL_AUTH ? SMTP_FAIL_AUTH : SMTP_FAIL_REFUSED;
    } else {
        result.outcome = talk->data ? SMTP_MAYBE_TAKEN : SMTP_NOT_SENT;
    }
    *ret_result = result;
}

/* "<someone@example.com>": without the brackets libcurl would add them, and look for others. */
static void in_brackets(const char *address, char *ret_text, size_t bytes) {
    (void)snprintf(ret_text, bytes, "<%s>", address);
}

static bool can_be_sent(const struct smtp_message *message) {
    bool fits = message->to_count >= 1 && message->to_count <= SMTP_RECIPIENTS_MAX &&
                message->timeout_us > 0 && strpbrk(message->from, "\r\n<>") == NULL &&
                strpbrk(message->host, "\r\n/@:?#") == NULL;
    for (int i = 0; fits && i < message->to_count; i++) {
        fits = strpbrk(message->to[i], "\r\n<>") == NULL;
    }
    return fits;
}

static void send_by_curl(void *ctx, const struct smtp_message *message,
                         struct smtp_result *ret_result) {
    struct smtp_client *client = ctx;
    char url[320], address[320], error_text[CURL_ERROR_SIZE] = "";
    struct talk talk = {.message = message, .trusted = client->trusted};
    struct curl_slist *to = NULL;
    if (!can_be_sent(message)) {
        *ret_result = (struct smtp_result){.outcome = SMTP_NOT_SENT, .failure = SMTP_FAIL_REQUEST};
        return;
    }
    for (int i = 0; i < message->to_count; i++) {
        in_brackets(message->to[i], address, sizeof address);
        struct curl_slist *longer = curl_slist_append(to, address);
        INVARIANT(longer != NULL, "out of memory");
        to = longer;
    }
    in_brackets(message->from, address, sizeof address);
    (void)snprintf(url, sizeof url, "%s://%s:%d", message->tls_first ? "smtps" : "smtp",
                   message->host, message->port);
    CURL *easy = curl_easy_init();
    INVARIANT(easy != NULL, "out of memory");
    bool set = set_options(easy, message, &talk, url, address, to, error_text);
    INVARIANT(set, "libcurl lacks an option that the client stands on");
    CURLcode code = curl_easy_perform(easy);
    judge(code, &talk, ret_result);
    curl_easy_cleanup(easy);
    curl_slist_free_all(to);
}

int smtp_client_new(const struct smtp_client_options *options, struct smtp_client **ret_client,
                    struct err *err) {
    X509_STORE *trusted = NULL;
    int r = tls_client_trusted(options->ca_path, &trusted, err);
    if (r < 0) {
        return r;
    }
    CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    INVARIANT(ready == CURLE_OK, "libcurl cannot be initialised");
    tls_client_ignore_broken_pipes();
    struct smtp_client *client = smtp_client_custom(send_by_curl, NULL);
    client->ctx = client;
    client->trusted = trusted;
    *ret_client = client;
    return 0;
}

struct smtp_client *smtp_client_custom(smtp_send_fn *send, void *ctx) {
    struct smtp_client *client = calloc(1, sizeof *client);
    INVARIANT(client != NULL, "out of memory");
    client->send = send;
    client->ctx = ctx;
    return client;
}

void smtp_client_free(struct smtp_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->trusted != NULL) {
        X509_STORE_free(client->trusted);
        curl_global_cleanup();
    }
    free(client);
}

void smtp_send(struct smtp_client *client, const struct smtp_message *message,
               struct smtp_result *ret_result) {
    *ret_result = (struct smtp_result){.outcome = SMTP_NOT_SENT};
    client->send(client->ctx, message, ret_result);
}
