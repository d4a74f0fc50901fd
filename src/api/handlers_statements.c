/* SPDX-License-Identifier: Apache-2.0
 * handlers_statements.c: statements: given by hand in parts, fetched, listed. */
#include "api/read.h"
#include "base/json.h"
#include "recon/fetch.h"
#include "recon/period.h"
#include "recon/shelf.h"
#include "recon/upload.h"
#include "recon/withdraw.h"

enum {
    GATEWAY_TEXT_CHARS_MAX = GATEWAY_NAME_CHARS_MAX,
    FORMAT_CHARS_MAX = 40,
    ZONE_CHARS_MAX = 48,
    DIGEST_CHARS = 64,
    PART_NUMBER_MAX = 65535,
    CONTENT_CHARS_MAX = (UPLOAD_PART_BYTES + 2) / 3 * 4,
    KIND_CHARS_MAX = 20,
    DAY_TEXT_CHARS_MAX = 40,
};
#define ROW_NUMBER_MAX INT64_C(1000000000000)

/* ---- uploads ---- */

int statement_uploads_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"gateway", "name",       "byte_count", "sha256",
                                       "format",  "map",        "time_zone",  "supersedes",
                                       "reason",  "period",     NULL};
    struct upload_request request = {
        .format = "", .map = "", .time_zone = "", .supersedes = "", .reason = "", .period = ""};
    const json_t *body = ask->body;
    int r = json_only(body, "", keys, err);
    r = r < 0
            ? r
            : json_need_text(body, "", "gateway", 1, GATEWAY_TEXT_CHARS_MAX, &request.gateway, err);
    r = r < 0 ? r : json_need_text(body, "", "name", 1, UPLOAD_NAME_CHARS_MAX, &request.name, err);
    r = r < 0
            ? r
            : json_need_int(body, "", "byte_count", 1, UPLOAD_BYTES_MAX, &request.byte_count, err);
    r = r < 0
            ? r
            : json_need_text(body, "", "sha256", DIGEST_CHARS, DIGEST_CHARS, &request.sha256, err);
    r = r < 0 ? r : json_may_text(body, "", "format", 1, FORMAT_CHARS_MAX, &request.format, err);
    r = r < 0 ? r : json_may_lines(body, "", "map", 1, UPLOAD_MAP_BYTES_MAX, &request.map, err);
    r = r < 0 ? r
              : json_may_text(body, "", "time_zone", 1, ZONE_CHARS_MAX, &request.time_zone, err);
    r = r < 0 ? r : json_may_text(body, "", "supersedes", 1, ID_TEXT_MAX, &request.supersedes, err);
    r = r < 0 ? r : json_may_lines(body, "", "reason", 1, REASON_CHARS_MAX, &request.reason, err);
    r = r < 0 ? r
              : json_may_text(body, "", "period", 1, PERIOD_CHARS_MAX, &request.period, err);
    return r < 0 ? r : upload_begin(ask->service->recon, &ask->caller, &request, &ask->answer, err);
}

static int read_upload_id(const struct ask *ask, struct upload_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "an upload", upload_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of uploads begin with upl_.") : 0;
}

int statement_upload_parts_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"number", "content", NULL};
    struct upload_id id;
    int64_t number = 0;
    const char *content = NULL;
    int r = read_upload_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_int(ask->body, "", "number", 0, PART_NUMBER_MAX, &number, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "content", 1, CONTENT_CHARS_MAX, &content, err);
    return r < 0 ? r
                 : upload_part(ask->service->recon, id.text, number, content, &ask->answer, err);
}

int statement_upload_complete_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {NULL};
    struct upload_id id;
    int r = read_upload_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    return r < 0 ? r : upload_complete(ask->service->recon, id.text, &ask->answer, err);
}

int statement_upload_get_one(struct ask *ask, struct err *err) {
    struct upload_id id;
    int r = read_upload_id(ask, &id, err);
    return r < 0 ? r : upload_get(ask->service->recon, id.text, &ask->answer, err);
}

/* ---- what was taken in ---- */

int statements_list(struct ask *ask, struct err *err) {
    char gateway[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "", cursor[QUERY_CHARS_MAX] = "";
    char text[QUERY_CHARS_MAX] = "";
    struct shelf_filter filter = {
        .gateway = gateway, .state = state, .text = text, .cursor = cursor};
    int64_t limit = 0;
    int r = read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "q", text, err);
    r = r < 0 ? r : read_query_text(ask, "cursor", cursor, err);
    r = r < 0 ? r : read_query_since(ask, "since", &filter.since_us, err);
    r = r < 0 ? r : read_query_since(ask, "until", &filter.until_us, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    filter.limit = (int)limit;
    return r < 0 ? r : shelf_list(ask->service->recon, &filter, &ask->answer, err);
}

static int read_statement_id(const struct ask *ask, struct statement_id *ret_id, struct err *err) {
    int r = READ_ID(ask, "a statement", statement_id, ret_id, err);
    return r < 0 ? err_hint(err, "Ids of statements begin with stm_.") : 0;
}

int statement_get_one(struct ask *ask, struct err *err) {
    struct statement_id id;
    int r = read_statement_id(ask, &id, err);
    return r < 0 ? r : shelf_get(ask->service->recon, id.text, &ask->answer, err);
}

int statement_rows_get(struct ask *ask, struct err *err) {
    char class[QUERY_CHARS_MAX] = "";
    int64_t after = 0, limit = 0;
    struct statement_id id;
    int r = read_query_text(ask, "class", class, err);
    r = r < 0 ? r : read_query_int(ask, "after", 0, ROW_NUMBER_MAX, &after, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, SHELF_ROWS_MAX, &limit, err);
    r = r < 0 ? r : read_statement_id(ask, &id, err);
    return r < 0 ? r
                 : shelf_rows(ask->service->recon, id.text, class, after, (int)limit, &ask->answer,
                              err);
}

int statement_withdraw_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"reason", NULL};
    struct statement_id id;
    const char *reason = "";
    int r = read_statement_id(ask, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r : read_reason(ask->body, &reason, err);
    return r < 0 ? r
                 : statement_withdraw(ask->service->recon, &ask->caller, id.text, reason,
                                      &ask->answer, err);
}

/* ---- fetched ---- */

int statement_fetches_list(struct ask *ask, struct err *err) {
    char gateway[QUERY_CHARS_MAX] = "", state[QUERY_CHARS_MAX] = "", day[QUERY_CHARS_MAX] = "";
    struct fetch_filter filter = {.gateway = gateway, .day = day};
    int64_t limit = 0;
    int r = read_query_text(ask, "gateway", gateway, err);
    r = r < 0 ? r : read_query_text(ask, "state", state, err);
    r = r < 0 ? r : read_query_text(ask, "day", day, err);
    r = r < 0 ? r : read_query_int(ask, "limit", 1, PAGE_MAX, &limit, err);
    if (r >= 0 && state[0] != '\0' && !fetch_state_parse(state, &filter.state)) {
        (void)err_set(err, ERR_VALIDATION, "there is no state \"%.20s\" of a fetch", state);
        (void)err_place(err, "query");
        r = err_hint(err, "One of: waiting, fetched, none, given_up.");
    }
    filter.limit = (int)limit;
    return r < 0 ? r : fetch_list(ask->service->recon, &filter, &ask->answer, err);
}

int statement_fetches_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"gateway", "day", "kind", "again", NULL};
    struct fetch_asked asked = {.kind = ""};
    const json_t *body = ask->body;
    int r = json_only(body, "", keys, err);
    r = r < 0 ? r
              : json_need_text(body, "", "gateway", 1, GATEWAY_TEXT_CHARS_MAX, &asked.gateway, err);
    r = r < 0 ? r
              : json_need_text(body, "", "day", 1, DAY_TEXT_CHARS_MAX, &asked.day, err);
    r = r < 0 ? r : json_may_text(body, "", "kind", 1, KIND_CHARS_MAX, &asked.kind, err);
    r = r < 0 ? r : json_may_bool(body, "", "again", &asked.again, err);
    return r < 0 ? r : fetch_ask(ask->service->recon, &ask->caller, &asked, &ask->answer, err);
}
