/* SPDX-License-Identifier: Apache-2.0
 * statement_control.c: statements at the control port: any file of any gateway and of the bank by
 * one path, and what their faults have planted. */
#include <inttypes.h>

#include "base/clock.h"
#include "sandbox/statement.h"

enum { TEXT_MAX = 64 };

struct asked {
    char gateway[TEXT_MAX], kind[TEXT_MAX], day[TEXT_MAX], unfinished[TEXT_MAX];
};

static void query(const struct http_request *request, const char *name, char text[TEXT_MAX]) {
    struct err err;
    if (http_query_get(request, name, text, TEXT_MAX, &err) != 1) {
        text[0] = '\0';
    }
}

static struct asked asked_of(const struct http_request *request) {
    struct asked asked;
    query(request, "gateway", asked.gateway);
    query(request, "kind", asked.kind);
    query(request, "day", asked.day);
    query(request, "unfinished", asked.unfinished);
    return asked;
}

static void refuse(struct http_reply *reply, const struct err *err) {
    reply->status = err_http_status(err->code);
    http_reply_header(reply, "Content-Type", "application/json");
    buf_addf(&reply->body, "{\"type\":\"%s\",\"title\":", err_type(err->code));
    buf_add_json(&reply->body, err_title(err->code));
    buf_add_text(&reply->body, ",\"detail\":");
    buf_add_json(&reply->body, err->detail);
    buf_add_char(&reply->body, '}');
}

/* ---- which there are ---- */

static void kinds_write(struct buf *out) {
    buf_add_char(out, '{');
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const struct sb_statement_kind *kinds = sb_gateway_kind((enum sb_gateway)i)->statements;
        buf_addf(out, "\"%s\":{", sb_gateway_name((enum sb_gateway)i));
        for (int k = 0; kinds != NULL && kinds[k].name != NULL; k++) {
            buf_addf(out, "%s\"%s\":\"%s\"", k > 0 ? "," : "", kinds[k].name, kinds[k].help);
        }
        buf_add_text(out, "},");
    }
    buf_add_text(out, "\"bank\":{\"camt053\":\"ISO 20022 camt.053\",\"mt940\":\"SWIFT MT940\"}}\n");
}

/* ---- a file ---- */

static int write_file(struct sandbox *sandbox, const struct asked *asked, struct buf *out,
                      char ret_name[SB_STATEMENT_NAME_MAX], struct err *err) {
    enum sb_gateway gateway;
    struct sb_statement *statement = NULL;
    bool unfinished = strcmp(asked->unfinished, "true") == 0;
    if (strcmp(asked->gateway, "bank") == 0) {
        char file[SB_STATEMENT_NAME_MAX];
        int r = sb_bank_day(sandbox, asked->kind, asked->day,
                            unfinished ? SB_UNFINISHED : SB_PUBLISHED, out, ret_name, err);
        sb_bank_file(asked->kind, asked->day, file);
        if (r == 0) {
            sb_handed_add(sandbox, file);
        }
        return r;
    }
    if (!sb_gateway_parse(asked->gateway, &gateway)) {
        return sb_gateway_unknown(asked->gateway, err);
    }
    int rc = sb_statement_open(sandbox, gateway, asked->kind, asked->day,
                               unfinished ? SB_UNFINISHED : SB_PUBLISHED, &statement, err);
    if (rc < 0) {
        return rc;
    }
    bool whole = sb_statement_write(statement, out, ret_name);
    sb_statement_free(statement);
    sb_statement_handed(sandbox, gateway, asked->kind, asked->day);
    return whole ? 0 : err_set(err, ERR_TOO_LARGE, "the file is larger than any handed out here");
}

void sb_statement_call(struct sandbox *sandbox, const struct http_request *request,
                       struct http_reply *reply) {
    const struct asked asked = asked_of(request);
    char name[SB_STATEMENT_NAME_MAX], header[SB_STATEMENT_NAME_MAX + 40];
    struct err err = {0};
    if (asked.kind[0] == '\0') {
        reply->status = 200;
        http_reply_header(reply, "Content-Type", "application/json");
        kinds_write(&reply->body);
        return;
    }
    BUF_AUTO file;
    buf_init(&file, SB_STATEMENT_BYTES_MAX);
    if (write_file(sandbox, &asked, &file, name, &err) < 0) {
        refuse(reply, &err);
        return;
    }
    snprintf(header, sizeof(header), "attachment; filename=\"%s\"", name);
    reply->status = 200;
    http_reply_header(reply, "Content-Disposition", header);
    http_reply_body(reply, "application/octet-stream", file.data, file.len);
}

/* ---- what was planted ---- */

static void line_write(const struct sb_line *line, struct buf *out) {
    char time[CLOCK_TEXT_MAX];
    buf_add_text(out, "{\"id\":");
    buf_add_json(out, line->id);
    buf_add_text(out, ",\"reference\":");
    buf_add_json(out, line->reference);
    buf_addf(out,
             ",\"currency\":\"%s\",\"amount_minor\":%" PRId64 ",\"fee_minor\":%" PRId64
             ",\"at\":\"%s\"}",
             line->currency.code, line->gross_minor, line->fee_minor,
             clock_format(line->at_us, time));
}

struct planted {
    const GArray *planted; /* of struct sb_planted */
    unsigned rows;
    bool corrected, totals_kept;
};

static void planted_write(const struct planted *what, struct buf *out) {
    static const char *const kinds[SB_MOVE_KINDS] = {"charge",  "refund",       "refund_back",
                                                     "dispute", "dispute_back", "payout"};
    static const char *const faults[SB_FAULT_KINDS] = {
        [SB_FAULT_STATEMENT_MISSING] = "statement_missing",
        [SB_FAULT_STATEMENT_ALTERED] = "statement_altered",
        [SB_FAULT_STATEMENT_DUPLICATED] = "statement_duplicated",
    };
    buf_addf(out, "{\"rows\":%u,\"corrected\":%s,\"totals\":\"%s\",\"planted\":[",
             what->rows, what->corrected ? "true" : "false",
             what->totals_kept ? "kept" : "adjusted");
    for (guint i = 0; i < what->planted->len; i++) {
        const struct sb_planted *planted = &g_array_index(what->planted, struct sb_planted, i);
        buf_addf(out, "%s{\"fault\":\"%s\",\"kind\":\"%s\",\"truth\":", i > 0 ? "," : "",
                 faults[planted->fault], kinds[planted->line.kind]);
        line_write(&planted->line, out);
        if (planted->fault != SB_FAULT_STATEMENT_MISSING) {
            buf_add_text(out, planted->copy ? ",\"copy\":" : ",\"told\":");
            line_write(&planted->told, out);
        }
        buf_add_char(out, '}');
    }
    buf_add_text(out, "]}\n");
}

static int bank_planted(struct sandbox *sandbox, const struct asked *asked, struct buf *out,
                        struct err *err) {
    struct planted what = {.planted = NULL};
    GArray *planted = NULL;
    int rc = sb_bank_planted(sandbox, asked->kind, asked->day, &planted, &what.rows,
                             &what.corrected, err);
    if (rc == 0) {
        what.planted = planted;
        planted_write(&what, out);
        g_array_unref(planted);
    }
    return rc;
}

static int gateway_planted(struct sandbox *sandbox, const struct asked *asked, struct buf *out,
                           struct err *err) {
    enum sb_gateway gateway;
    struct sb_statement *statement = NULL;
    if (!sb_gateway_parse(asked->gateway, &gateway)) {
        return sb_gateway_unknown(asked->gateway, err);
    }
    int rc = sb_statement_open(sandbox, gateway, asked->kind, asked->day, SB_FIRST, &statement,
                               err);
    if (rc == 0) {
        const struct planted what = {
            .planted = statement->planted,
            .rows = statement->lines->len,
            .corrected = sb_statement_corrected(sandbox, gateway, asked->kind, asked->day),
            .totals_kept = statement->totals_kept,
        };
        planted_write(&what, out);
        sb_statement_free(statement);
    }
    return rc;
}

void sb_planted_call(struct sandbox *sandbox, const struct http_request *request,
                     struct http_reply *reply) {
    const struct asked asked = asked_of(request);
    struct err err = {0};
    int rc = strcmp(asked.gateway, "bank") == 0
                 ? bank_planted(sandbox, &asked, &reply->body, &err)
                 : gateway_planted(sandbox, &asked, &reply->body, &err);
    if (rc < 0) {
        refuse(reply, &err);
        return;
    }
    reply->status = 200;
    http_reply_header(reply, "Content-Type", "application/json");
}

void sb_publish_call(struct sandbox *sandbox, struct http_reply *reply) {
    struct err err = {0};
    if (sb_statement_publish(sandbox, &reply->body, &err) < 0) {
        buf_clear(&reply->body);
        refuse(reply, &err);
        return;
    }
    reply->status = 200;
    http_reply_header(reply, "Content-Type", "application/json");
}
