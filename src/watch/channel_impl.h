/* SPDX-License-Identifier: Apache-2.0
 * channel_impl.h: what the parts of a channel share; nobody outside this folder includes it.
 *
 *   channel_fields.c   what may be configured, and whether a value looks like it
 *   channel.c          channels as they are opened
 *   build_*.c          a notice as bytes, a function a kind
 *   channel_judge.c    what an answer means
 *   channel_send.c     sending once */
#ifndef HOLDFAST_WATCH_CHANNEL_IMPL_H
#define HOLDFAST_WATCH_CHANNEL_IMPL_H

#include "base/clock.h"
#include "watch/letter.h"

enum channel_how { CHANNEL_HOW_HTTP, CHANNEL_HOW_MAIL };
enum channel_answer {
    ANSWER_STATUS,      /* the status says it all */
    ANSWER_WORD,        /* Slack: the body is a word */
    ANSWER_ERRCODE,     /* {"errcode":0} */
    ANSWER_FEISHU_CODE, /* {"code":0} */
    ANSWER_TWILIO_CODE, /* {"code":20003}, and none when all is well */
    ANSWER_ALIYUN_CODE, /* {"Code":"OK"} */
    ANSWER_SMTP,        /* not HTTP */
};

/* Builds into the request; the text that people read has at most `text_bytes`. What it returns is
 * borrowed from channel, notice or arena. */
typedef int channel_build_fn(const struct channel *channel, const struct notice *notice,
                             const struct channel_moment *moment, size_t text_bytes,
                             struct arena *arena, struct channel_request *request, struct err *err);

struct channel_row {
    const char *name;
    enum channel_how how;
    enum channel_answer answer;
    channel_build_fn *build;
    size_t text_bytes, body_bytes;
    int burst;
    int64_t interval_ms;
    bool folds;
};
const struct channel_row *channel_row(enum channel_kind kind);
#define X(NAME, name, how, answer, build, text, body, burst, interval_ms, folds)                   \
    channel_build_fn channel_build_##build;
#include "watch/channels.def"
#undef X

enum channel_where { CHANNEL_OPTION, CHANNEL_CREDENTIAL };
enum channel_form {
    FORM_ACCOUNT,
    FORM_ADDRESS,
    FORM_ADDRESSES,
    FORM_BOOL,
    FORM_HOST,
    FORM_HOURS,
    FORM_KEY32,
    FORM_LINE,
    FORM_NAMES,
    FORM_PARAMS,
    FORM_PHONE,
    FORM_PHONES,
    FORM_PORT,
    FORM_SECRET,
    FORM_SERVICE,
    FORM_TLS,
    FORM_URL,
    FORM_URL_PLAIN, /* http anywhere */
    FORM_URL_QUERY, /* to which parameters are added */
    FORM_WHSEC,
    FORMS,
};
struct channel_field {
    enum channel_kind kind;
    const char *name;
    enum channel_where where;
    bool needed;
    enum channel_form form;
    const char *what;
};
/* All rows of channel_fields.def, in order; NULL past the end. */
const struct channel_field *channel_field_at(int index);
const struct channel_field *channel_field_find(enum channel_kind kind, const char *name);
/* NULL when the value looks like it; else what it should be. */
const char *channel_form_problem(enum channel_form form, const char *value);

struct channel {
    char *name;
    enum channel_kind kind;
    char *fallback; /* NULL: none */
    int64_t fallback_after_us;
    bool has_language;
    enum notice_language language;
    struct {
        const char *name; /* the row's */
        char *value;
    } options[CHANNEL_FIELDS_MAX];
    int option_count;
    struct {
        const char *name;
        struct secret *secret;
    } secrets[CHANNEL_FIELDS_MAX];
    int secret_count;
    char target[200];
};
/* The value, or `absent`. */
const char *channel_option(const struct channel *channel, const char *name, const char *absent);
const char *channel_secret(const struct channel *channel, const char *name); /* or NULL */
const struct secret *channel_secret_of(const struct channel *channel, const char *name);

/* The items of "a, b,c", borrowed from the arena, at most `max`. Returns how many. */
int channel_list(struct arena *arena, const char *list, const char **ret_items, int max);

/* Writes text that has a limit, piece by piece: a piece that does not fit ends it with "…", and
 * what comes after is left out. A piece is a character as it is written there, or a mark. */
struct cut_text {
    struct buf *buf;
    size_t begin, max, safe; /* of `buf`; at `safe` the dots still fit */
    bool full;
};
void cut_begin(struct cut_text *cut, struct buf *buf, size_t bytes_max);
void cut_piece(struct cut_text *cut, const char *piece, size_t bytes);
void cut_mark(struct cut_text *cut, const char *mark); /* a piece */
/* Each character of `text` as a piece; `escape` gives what stands for it there, or NULL: itself.
 * It sees the character's bytes at the beginning of a longer text. */
typedef const char *cut_escape_fn(const char *character);
void cut_add(struct cut_text *cut, const char *text, cut_escape_fn *escape);

void channel_request_header(struct channel_request *request, const char *name, const char *value);
/* POST of this JSON to `url`, both the arena's or borrowed. */
void channel_request_json(struct channel_request *request, const char *url, struct arena *arena,
                          const struct buf *body);

/* The value of Authorization (RFC 7617). */
char *channel_basic(struct arena *arena, const char *user, const char *password);

/* The question whether Aliyun has a message of this moment's id, and its answer: 1 yes, 0 no, -1 it
 * does not say. */
void channel_build_aliyun_receipt(const struct channel *channel,
                                  const struct channel_moment *moment, struct arena *arena,
                                  struct channel_request *request);
int channel_judge_aliyun_receipt(const struct http_answer *answer, const char *id);

/* Letters (letter.h). */
void channel_build_mail_letter(const struct channel *channel, const struct letter *letter,
                               const struct channel_moment *moment, struct arena *arena,
                               struct channel_request *request);
void channel_build_twilio_letter(const struct channel *channel, const struct letter *letter,
                                 struct arena *arena, struct channel_request *request);
MUST_USE int channel_build_webhook_letter(const struct channel *channel,
                                          const struct letter *letter,
                                          const struct channel_moment *moment, struct arena *arena,
                                          struct channel_request *request, struct err *err);

/* What a failed call or mail means; answers are channel_judge()'s. */
void channel_judge_mail(const struct smtp_result *result, struct channel_verdict *ret_verdict);
void channel_judge_failure(const struct http_answer *answer, struct channel_verdict *ret_verdict);
/* One row of channel_codes.def, for the test that tries them all; NULL past the end. */
struct channel_code {
    enum channel_kind kind;
    int status;
    const char *code;
    enum channel_outcome outcome;
    int wait_s;
    bool whole;
    const char *reason;
};
const struct channel_code *channel_code_at(int index);

#endif
