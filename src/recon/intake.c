/* SPDX-License-Identifier: Apache-2.0
 * intake.c: taking a statement into the store. */
#include "recon/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/pan.h"
#include "recon/chain.h"
#include "store/audit.h"

enum { BALANCES_BYTES_MAX = 16 * 1024, TEXTS = 10 };
/* Who has not written a row for so long is dead: a write takes seconds at the very worst. */
#define ABANDONED_US (10 * 60 * US_PER_SECOND)

static const char *const state_names[] = {
    [STATEMENT_WRITING] = "writing",       [STATEMENT_TAKEN] = "taken",
    [STATEMENT_SUPERSEDED] = "superseded", [STATEMENT_GIVEN_UP] = "given_up",
    [STATEMENT_WITHDRAWN] = "withdrawn",
};

const char *statement_state_name(int64_t state) {
    return state >= STATEMENT_WRITING && state <= STATEMENT_WITHDRAWN ? state_names[state] : "?";
}

/* ---- the first look: is anything wrong with it ---- */

struct looking {
    const struct statement_request *request;
    struct statement_taken *taken;
};

static void keep_problem(void *ctx, enum statement_problem problem, int64_t line,
                         const char *text) {
    struct statement_taken *taken = ((struct looking *)ctx)->taken;
    if (taken->problems < STATEMENT_PROBLEMS_KEPT) {
        struct statement_problem_told *told = &taken->told[taken->problems];
        *told = (struct statement_problem_told){.problem = problem, .line = line};
        snprintf(told->text, sizeof told->text, "%s", text);
    }
    taken->problems++;
}

static int sample_row(void *ctx, const struct statement_row *row, struct err *err) {
    char why[ROW_AHEAD_CHARS_MAX + 1];
    (void)err;
    const struct looking *looking = ctx;
    const struct statement_request *said = looking->request;
    standing_add(&looking->taken->sample, row);
    whose_add(&looking->taken->whose, row->account);
    if (statement_row_ahead(row, clock_wall_us(), why)) {
        keep_problem(ctx, PROBLEM_PERIOD, row->line, why);
    }
    if (said->period_said && statement_row_outside(row, said->from_us, said->until_us, why)) {
        keep_problem(ctx, PROBLEM_PERIOD, row->line, why);
    }
    return 0;
}

/* A file that tells its period is believed: another one that is said is a slip. */
static int check_said(const struct statement_request *request, const struct statement_head *head,
                      struct err *err) {
    return request->period_said
               ? statement_period_same(request->source.name, head, request->from_us,
                                       request->until_us, err)
               : 0;
}

static int refuse_problems(const struct statement_request *request,
                           const struct statement_taken *taken, struct err *err) {
    const struct statement_problem_told *first = &taken->told[0];
    const char *name = request->source.name;
    (void)err_set(err, ERR_VALIDATION, "nothing was taken in: %lld %s wrong with %.80s; %s",
                  (long long)taken->problems, taken->problems == 1 ? "thing is" : "things are",
                  name, first->text);
    if (first->line > 0) {
        (void)err_place(err, "%.80s:%lld", name, (long long)first->line);
    }
    if (first->problem == PROBLEM_PERIOD && request->period_said) {
        return err_hint(err, "Is --period right? It must hold every row of the file; its days are "
                             "those of the gateway's place (statements.time_zone).");
    }
    if (request->source.map != NULL && statement_problem_of_map(first->problem)) {
        return err_hint(err, "Does the map fit this file? `holdfast statement check FILE --map "
                             "MAP` tries both without taking anything in. Otherwise ask for the "
                             "file once more.");
    }
    if (strcmp(taken->reader->name, "canonical") == 0) {
        return err_hint(err, "Mend it where it was made: docs/statements.md says what its columns "
                             "hold, and `holdfast statement check FILE` tries it without taking "
                             "anything in.");
    }
    bool another = first->problem == PROBLEM_BAD_ROW || first->problem == PROBLEM_MISSING_COLUMN;
    if (request->reader != NULL && request->source.map == NULL && another) {
        return err_hint(err, "Is it a file of the format %s? Without --format that is found out.",
                        request->reader->name);
    }
    return err_hint(err, "%s", statement_problem_mend(first->problem));
}

static int look_first(const struct statement_request *request, struct statement_taken *taken,
                      struct err *err) {
    const struct statement_source *source = &request->source;
    int sure = 0;
    taken->reader = request->reader != NULL
                        ? request->reader
                        : statement_detect(source->name, source->bytes, source->count, &sure, err);
    if (taken->reader == NULL) {
        return -ERR_VALIDATION;
    }
    struct looking looking = {request, taken};
    const struct statement_sink sink = {&looking, sample_row, keep_problem};
    int r = taken->reader->read(source, &sink, &taken->head, err);
    if (taken->problems > 0) {
        return refuse_problems(request, taken, err);
    }
    struct statement_head *head = &taken->head;
    whose_add_head(&taken->whose, head);
    head->lacks |= request->lacks;
    r = r < 0 ? r : check_said(request, head, err);
    if (head->until_us == 0 && request->until_us > 0) {
        head->from_us = request->from_us;
        head->until_us = request->until_us;
        if (head->file_id[0] == '\0' && request->file_id != NULL) {
            snprintf(head->file_id, sizeof head->file_id, "%s", request->file_id);
        }
    }
    return r;
}

static int check_request(const struct statement_request *request, struct err *err) {
    if (strlen(request->source.name) > STATEMENT_NAME_CHARS_MAX) {
        return err_set(err, ERR_VALIDATION, "a file's name has at most %d characters",
                       STATEMENT_NAME_CHARS_MAX);
    }
    if ((int64_t)request->source.count > STATEMENT_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%.80s is larger than any statement is taken",
                       request->source.name);
    }
    return 0;
}

int statement_look(const struct statement_request *request, struct statement_taken *ret_taken,
                   struct err *err) {
    *ret_taken = (struct statement_taken){0};
    int r = check_request(request, err);
    return r < 0 ? r : look_first(request, ret_taken, err);
}

/* ---- what is there already ---- */

struct opening {
    const struct statement_request *request;
    struct statement_taken *taken;
    char sha256[SHA256_HEX_CHARS + 1];
    struct statement_id id;
    int64_t now_us;
    struct statement_id abandoned; /* to be cleared; "" */
    /* What it takes the place of: of the request, or the one of `replaces` that it covers; "" */
    char supersedes[ID_TEXT_MAX];
    bool known;
};

/* Of a file that is there already: the period that it has, or has from now on since a person has
 * said it. What was said before is not said otherwise in passing. */
static int know_period(struct store_tx *tx, struct opening *opening, int64_t from_us,
                       int64_t until_us, struct err *err) {
    const struct statement_request *request = opening->request;
    struct statement_head *head = &opening->taken->head;
    opening->taken->period_given = false;
    bool same = from_us == request->from_us && until_us == request->until_us;
    if (request->period_said && until_us > 0 && !same) {
        char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];
        (void)err_set(err, ERR_EXISTS,
                      "this very file counts already as %s, and there it is of %s to %s",
                      opening->id.text,
                      clock_format(from_us, first), clock_format(until_us, last));
        return err_hint(err,
                        "Nothing has changed. If that is wrong: holdfast statement withdraw %s "
                        "--reason WHY, then give the file again with its period.",
                        opening->id.text);
    }
    if (!request->period_said || until_us > 0) {
        head->from_us = from_us;
        head->until_us = until_us;
        return 0;
    }
    int r = sql_put_one(tx, err, "UPDATE statement SET from_us = $2, until_us = $3 WHERE id = $1",
                        S_TEXT(opening->id.text), S_INT(request->from_us),
                        S_INT(request->until_us));
    opening->taken->period_given = true;
    return r < 0 ? r
                 : audit_append(tx, request->actor, "statement.period", opening->id.text,
                                request->reason, "{}", err);
}

static int find_same(struct store_tx *tx, struct opening *opening, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, state, begun_us, from_us, until_us FROM statement WHERE gateway "
                      "= $1 AND sha256 = $2 AND state IN (1, 2, 3) ORDER BY state LIMIT 1 FOR "
                      "UPDATE",
                      S_TEXT(opening->request->gateway), S_TEXT(opening->sha256));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct statement_id id = statement_id_stored(sql_text(rows, 0));
    opening->taken->final = sql_int(rows, 1) != STATEMENT_WRITING;
    if (sql_int(rows, 1) == STATEMENT_TAKEN && opening->request->supersedes[0] != '\0') {
        (void)err_set(err, ERR_STATE, "this very file counts already, as %s", id.text);
        if (strcmp(opening->request->supersedes, id.text) == 0) {
            return err_hint(err, "Nothing has to be done. Was another file meant?");
        }
        return err_hint(err,
                        "It cannot take the place of another one as well. Should %s no longer "
                        "count: holdfast statement withdraw %s --reason WHY",
                        opening->request->supersedes, opening->request->supersedes);
    }
    if (sql_int(rows, 1) == STATEMENT_SUPERSEDED && opening->taken->head.rows == 0) {
        return 0; /* all files of days without a movement may have the same bytes */
    }
    if (sql_int(rows, 1) == STATEMENT_SUPERSEDED) {
        (void)err_set(err, ERR_STATE, "this very file was taken in as %s, and superseded", id.text);
        return err_hint(err, "`holdfast statement show %s` says by which; that one counts.",
                        id.text);
    }
    if (sql_int(rows, 1) == STATEMENT_TAKEN) {
        int64_t from_us = sql_int(rows, 3), until_us = sql_int(rows, 4);
        opening->id = id;
        opening->known = true;
        sql_rows_free(rows);
        rows = NULL;
        return know_period(tx, opening, from_us, until_us, err);
    }
    if (sql_int(rows, 2) > opening->now_us - ABANDONED_US) {
        (void)err_set(err, ERR_STATE, "this very file is being taken in by somebody else now");
        return err_hint(err,
                        "It is %s; should he have died, it can be taken in anew in ten "
                        "minutes.",
                        id.text);
    }
    opening->abandoned = id;
    return 0;
}

static int64_t tells_of(const struct opening *opening) {
    return opening->taken->reader->tells & ~opening->taken->head.lacks;
}

/* Rule 3. Account, number and period are as the file says; a file that says none of them is never
 * taken for a correction by them; nor is one that tells other things of that time (a bill of
 * payments, and one of refunds). 1: there is one. */
static int overlap_read(struct store_tx *tx, const struct opening *opening,
                        struct statement_id *ret_id, char ret_name[STATEMENT_NAME_CHARS_MAX + 1],
                        struct err *err) {
    const struct statement_head *head = &opening->taken->head;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id, name FROM statement WHERE gateway = $1 AND reader = $2 AND "
        "account = $3 AND state = 2 AND id <> $7 AND id <> $8 AND (tells IS NULL OR tells = $9 OR "
        "(tells & $9) <> 0) AND ((file_id = $4 AND $4 <> '') OR (file_id = $4 AND from_us = $5 AND "
        "until_us = $6 AND $6 > 0)) ORDER BY id",
        S_TEXT(opening->request->gateway), S_TEXT(opening->taken->reader->name),
        S_TEXT(head->account), S_TEXT(head->file_id), S_INT(head->from_us), S_INT(head->until_us),
        S_TEXT(opening->supersedes), S_TEXT(opening->id.text), S_INT(tells_of(opening)));
    r = r < 0 ? r : sql_next(rows, err);
    if (r > 0) {
        *ret_id = statement_id_stored(sql_text(rows, 0));
        snprintf(ret_name, STATEMENT_NAME_CHARS_MAX + 1, "%s", sql_text(rows, 1));
    }
    return r;
}

static int find_overlap(struct store_tx *tx, const struct opening *opening, struct err *err) {
    struct statement_id id;
    char name[STATEMENT_NAME_CHARS_MAX + 1], from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
    const struct statement_head *head = &opening->taken->head;
    const struct statement_request *request = opening->request;
    int r = overlap_read(tx, opening, &id, name, err);
    if (r <= 0) {
        return r;
    }
    if (head->file_id[0] != '\0') {
        (void)err_set(err, ERR_EXISTS,
                      "%.80s has the same number (%.40s) as %s (%.80s), which counts, and other "
                      "bytes",
                      request->source.name, head->file_id, id.text, name);
    } else {
        (void)err_set(err, ERR_EXISTS,
                      "%.80s is of the same time (%s to %s) as %s (%.80s), which counts, and has "
                      "other bytes",
                      request->source.name, clock_format(head->from_us, from),
                      clock_format(head->until_us, until), id.text, name);
    }
    return err_hint(err,
                    "%s goes on counting. If this file corrects it, give it again with "
                    "--supersedes %s --reason WHY%s.",
                    id.text, id.text,
                    request->period_said ? "; if it is of another time, with that --period" : "");
}

/* Of those that it may replace, the one that it covers. */
static int find_replaced(struct store_tx *tx, struct opening *opening, struct err *err) {
    const char *replaces = opening->request->replaces;
    struct statement_id id;
    char name[STATEMENT_NAME_CHARS_MAX + 1];
    if (replaces == NULL || replaces[0] == '\0' || opening->supersedes[0] != '\0') {
        return 0;
    }
    int r = overlap_read(tx, opening, &id, name, err);
    if (r > 0 && strstr(replaces, id.text) != NULL) {
        snprintf(opening->supersedes, sizeof opening->supersedes, "%s", id.text);
    }
    return r < 0 ? r : 0;
}

/* A bank tells in the day's statement again what it told during the day; its rows are known one by
 * one where they are booked (bank_feed.h). */
static bool is_of_bank(const struct opening *opening) {
    const char *reader = opening->taken->reader->name;
    return strcmp(reader, "mt940") == 0 || strcmp(reader, "camt053") == 0;
}

static int find_standing(struct store_tx *tx, const struct opening *opening, struct err *err) {
    if (is_of_bank(opening)) {
        return 0;
    }
    const struct standing_asked asked = {
        .gateway = opening->request->gateway,
        .reader = opening->taken->reader->name,
        .account = opening->taken->head.account,
        .except = {opening->supersedes, opening->id.text},
    };
    struct standing standing;
    char others[48] = "";
    int r = standing_find(tx, &opening->taken->sample, &asked, &standing, err);
    if (r <= 0) {
        return r;
    }
    if (standing.others > 0) {
        snprintf(others, sizeof others, " and %d other statement%s", standing.others,
                 standing.others > 1 ? "s" : "");
    }
    (void)err_set(err, ERR_EXISTS,
                  "%.80s tells nothing new: all %d of its rows that were looked at stand on %s "
                  "(%.80s)%s",
                  opening->request->source.name, standing.rows, standing.id.text, standing.name,
                  others);
    if (standing.others > 0) {
        return err_hint(err, "Nothing has to be done, unless it corrects them: then withdraw them "
                             "(holdfast statement withdraw) and give it again.");
    }
    return err_hint(err,
                    "Nothing has to be done. If it is a correction all the same, give it again "
                    "with --supersedes %s --reason WHY.",
                    standing.id.text);
}

static int check_superseded(struct store_tx *tx, const struct opening *opening, struct err *err) {
    const char *supersedes = opening->supersedes;
    if (supersedes[0] == '\0') {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT state, reader, account, from_us, until_us, file_id FROM statement "
                      "WHERE id = $1 AND gateway = $2 FOR UPDATE",
                      S_TEXT(supersedes), S_TEXT(opening->request->gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "%.40s is no statement of %.64s", supersedes,
                      opening->request->gateway);
        return err_hint(err, "`holdfast statement list --gateway %s` lists them.",
                        opening->request->gateway);
    }
    if (sql_int(rows, 0) != STATEMENT_TAKEN) {
        (void)err_set(err, ERR_STATE, "%s is %s: only one that counts can be superseded",
                      supersedes, statement_state_name(sql_int(rows, 0)));
        return err_hint(err, "`holdfast statement show %s` says what became of it.", supersedes);
    }
    if (strcmp(sql_text(rows, 1), opening->taken->reader->name) != 0 ||
        strcmp(sql_text(rows, 2), opening->taken->head.account) != 0) {
        (void)err_set(err, ERR_VALIDATION,
                      "%s is a %.40s file of the account \"%.64s\", this one is %s of \"%.64s\": "
                      "it cannot correct it",
                      supersedes, sql_text(rows, 1), sql_text(rows, 2),
                      opening->taken->reader->name, opening->taken->head.account);
        return err_hint(err,
                        "Give it without --supersedes; should %s no longer count: holdfast "
                        "statement withdraw %s --reason WHY",
                        supersedes, supersedes);
    }
    if (opening->request->reason[0] == '\0') {
        (void)err_set(err, ERR_VALIDATION, "a correction needs a reason");
        return err_hint(err, "--reason WHY: it is kept on the record.");
    }
    /* What it covers is what the other one covered, where it does not say that itself. */
    struct statement_head *head = &opening->taken->head;
    if (head->until_us == 0) {
        head->from_us = sql_int(rows, 3);
        head->until_us = sql_int(rows, 4);
        if (head->file_id[0] == '\0') {
            snprintf(head->file_id, sizeof head->file_id, "%s", sql_text(rows, 5));
        }
    }
    return 0;
}

static void balances_json(const struct statement_head *head, struct buf *buf) {
    buf_add_char(buf, '[');
    for (int i = 0; i < head->balance_count; i++) {
        const struct statement_balance *balance = &head->balances[i];
        buf_addf(buf, "%s{\"currency\":\"%s\",\"opening\":", i > 0 ? "," : "",
                 balance->currency.code);
        const int64_t sums[] = {balance->opening_minor, balance->closing_minor};
        for (int j = 0; j < 2; j++) {
            if (sums[j] == AMOUNT_UNSAID) {
                buf_add_text(buf, "null");
            } else {
                buf_add_int(buf, sums[j]);
            }
            buf_add_text(buf, j == 0 ? ",\"closing\":" : "}");
        }
    }
    buf_add_char(buf, ']');
}

/* A stranger's words, without a card number in them. */
static void mask_into(char *ret_text, size_t bytes, const char *text) {
    snprintf(ret_text, bytes, "%s", text);
    (void)pan_mask(ret_text, strlen(ret_text));
}

static int opening_insert(struct store_tx *tx, const struct opening *opening, struct err *err) {
    const struct statement_request *request = opening->request;
    const struct statement_head *head = &opening->taken->head;
    char name[STATEMENT_NAME_CHARS_MAX + 1], account[ROW_ID_CHARS_MAX + 1];
    /* That of one that may replace another is for the case that it does. */
    bool corrects = opening->supersedes[0] != '\0' || request->replaces == NULL;
    BUF_AUTO balances;
    buf_init(&balances, BALANCES_BYTES_MAX);
    balances_json(head, &balances);
    mask_into(name, sizeof name, request->source.name);
    mask_into(account, sizeof account, head->account);
    return sql_put(tx, err,
                   "INSERT INTO statement (id, gateway, reader, name, sha256, byte_count, account, "
                   "file_id, sequence, from_us, until_us, row_count, balances, state, supersedes, "
                   "superseded_by, reason, actor, begun_us, taken_us, tells) VALUES ($1, $2, $3, "
                   "$4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, '', $15, $16, $17, 0, "
                   "$18)",
                   S_TEXT(opening->id.text), S_TEXT(request->gateway),
                   S_TEXT(opening->taken->reader->name), S_TEXT(name), S_TEXT(opening->sha256),
                   S_INT((int64_t)request->source.count), S_TEXT(account), S_TEXT(head->file_id),
                   S_INT(head->sequence), S_INT(head->from_us), S_INT(head->until_us),
                   S_INT(head->rows), S_TEXT(balances.data), S_TEXT(opening->supersedes),
                   S_TEXT(corrects ? request->reason : ""), S_TEXT(request->actor),
                   S_INT(opening->now_us), S_INT(tells_of(opening)));
}

static int open_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct opening *opening = ctx;
    opening->known = false;
    opening->abandoned = (struct statement_id){{0}};
    snprintf(opening->supersedes, sizeof opening->supersedes, "%s", opening->request->supersedes);
    int r = find_same(tx, opening, err);
    if (r < 0 || opening->known) {
        return r;
    }
    r = find_replaced(tx, opening, err);
    r = r < 0 ? r : check_superseded(tx, opening, err);
    r = r < 0 ? r : find_overlap(tx, opening, err);
    r = r < 0 ? r : find_standing(tx, opening, err);
    if (r < 0) {
        return r;
    }
    if (opening->abandoned.text[0] != '\0') {
        r = sql_put_one(tx, err, "UPDATE statement SET state = 4 WHERE id = $1 AND state = 1",
                        S_TEXT(opening->abandoned.text));
    }
    r = r < 0 ? r : opening_insert(tx, opening, err);
    return r < 0 ? r : chain_keep(tx, opening->id.text, &opening->taken->head, err);
}

/* ---- its rows ---- */

struct kept_row {
    struct statement_row row;
    char texts[TEXTS][ROW_TEXT_CHARS_MAX + 1];
};
static_assert(ROW_TEXT_CHARS_MAX >= ROW_ID_CHARS_MAX, "every text of a row has room");

struct writing {
    struct store *store;
    const char *statement_id;
    struct kept_row *rows;
    int kept;
    int64_t written, problems;
};

static int rows_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct writing *writing = ctx;
    /* Whoever gave this statement up has the last word. */
    int r = sql_put_one(tx, err, "UPDATE statement SET begun_us = $2 WHERE id = $1 AND state = 1",
                        S_TEXT(writing->statement_id), S_INT(clock_wall_us()));
    for (int i = 0; r >= 0 && i < writing->kept; i++) {
        const struct statement_row *row = &writing->rows[i].row;
        bool has_fee = row->fee_minor != AMOUNT_UNSAID, has_net = row->net_minor != AMOUNT_UNSAID;
        r = sql_put(
            tx, err,
            "INSERT INTO statement_row (statement_id, number, line, kind, status, "
            "currency, gross_minor, fee_minor, net_minor, at_us, gateway_id, reference, "
            "original_id, original_reference, batch, method, native_kind, description, "
            "account, party) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
            "$13, $14, $15, $16, $17, $18, $19, $20)",
            S_TEXT(writing->statement_id), S_INT(writing->written + i + 1), S_INT(row->line),
            S_INT(row->kind), S_INT(row->status), S_TEXT(row->currency.code),
            S_INT(row->gross_minor), has_fee ? S_INT(row->fee_minor) : S_NULL,
            has_net ? S_INT(row->net_minor) : S_NULL, S_INT(row->at_us), S_TEXT(row->gateway_id),
            S_TEXT(row->reference), S_TEXT(row->original_id), S_TEXT(row->original_reference),
            S_TEXT(row->batch), S_TEXT(row->method), S_TEXT(row->native_kind),
            S_TEXT(row->description), S_TEXT(row->account), S_TEXT(row->party));
    }
    return r;
}

static int flush(struct writing *writing, struct err *err) {
    if (writing->kept == 0) {
        return 0;
    }
    int r = store_write(writing->store, rows_tx, writing, err);
    if (r >= 0) {
        writing->written += writing->kept;
        writing->kept = 0;
    }
    return r < 0 ? r : 0;
}

static int write_row(void *ctx, const struct statement_row *row, struct err *err) {
    struct writing *writing = ctx;
    struct kept_row *kept = &writing->rows[writing->kept++];
    kept->row = *row;
    const char **texts[TEXTS] = {
        &kept->row.gateway_id,  &kept->row.reference,
        &kept->row.original_id, &kept->row.original_reference,
        &kept->row.batch,       &kept->row.method,
        &kept->row.native_kind, &kept->row.description,
        &kept->row.account,     &kept->row.party,
    };
    for (int i = 0; i < TEXTS; i++) {
        mask_into(kept->texts[i], sizeof kept->texts[i], *texts[i]);
        *texts[i] = kept->texts[i];
    }
    return writing->kept < STATEMENT_ROWS_A_WRITE ? 0 : flush(writing, err);
}

static void count_problem(void *ctx, enum statement_problem problem, int64_t line,
                          const char *text) {
    (void)problem;
    (void)line;
    (void)text;
    ((struct writing *)ctx)->problems++;
}

static int write_rows(struct store *store, const struct opening *opening, struct err *err) {
    struct writing writing = {
        .store = store,
        .statement_id = opening->id.text,
        .rows = calloc(STATEMENT_ROWS_A_WRITE, sizeof *writing.rows),
    };
    INVARIANT(writing.rows != NULL, "out of memory");
    const struct statement_sink sink = {&writing, write_row, count_problem};
    struct statement_head *head = calloc(1, sizeof *head);
    INVARIANT(head != NULL, "out of memory");
    int r = opening->taken->reader->read(&opening->request->source, &sink, head, err);
    r = r < 0 ? r : flush(&writing, err);
    INVARIANT(r < 0 || (writing.problems == 0 && writing.written == opening->taken->head.rows),
              "the same bytes give the same rows");
    free(head);
    free(writing.rows);
    return r;
}

/* ---- the last word ---- */

static int close_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct opening *opening = ctx;
    const struct statement_request *request = opening->request;
    char detail[400];
    int r = 0;
    if (opening->supersedes[0] != '\0') {
        r = sql_put_one(tx, err,
                        "UPDATE statement SET state = 3, superseded_by = $2 WHERE id = $1 AND "
                        "state = 2",
                        S_TEXT(opening->supersedes), S_TEXT(opening->id.text));
    }
    r = r < 0 ? r
              : sql_put_one(tx, err,
                            "UPDATE statement SET state = 2, taken_us = $2 WHERE id = $1 AND "
                            "state = 1",
                            S_TEXT(opening->id.text), S_INT(clock_wall_us()));
    snprintf(detail, sizeof detail,
             "{\"gateway\":\"%s\",\"format\":\"%s\",\"rows\":%lld,\"sha256\":\"%s\","
             "\"supersedes\":\"%s\"}",
             request->gateway, opening->taken->reader->name, (long long)opening->taken->head.rows,
             opening->sha256, opening->supersedes);
    /* The chain's head is locked from here on, so that of two who close at once the second sees
     * what the first has taken in. */
    r = r < 0 ? r
              : audit_append(tx, request->actor, "statement.take", opening->id.text,
                             request->reason, detail, err);
    r = r < 0 ? r : find_overlap(tx, opening, err);
    r = r < 0 ? r : find_standing(tx, opening, err);
    return r < 0 ? r : chain_renew(tx, request->gateway, err);
}

static int give_up_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct opening *opening = ctx;
    return sql_put(tx, err, "UPDATE statement SET state = 4 WHERE id = $1 AND state = 1",
                   S_TEXT(opening->id.text));
}

/* Superseding and overlap were looked at before the rows were written: somebody else may have come
 * in between. */
static int close_or_give_up(struct store *store, struct opening *opening, struct err *err) {
    int r = write_rows(store, opening, err);
    r = r < 0 ? r : store_write(store, close_tx, opening, err);
    if (r < 0) {
        struct err ignored = {0};
        int gone = store_write(store, give_up_tx, opening, &ignored);
        (void)gone; /* the sweep does it, when the store is well again */
    }
    return r < 0 ? r : 0;
}

int statement_take(struct store *store, const struct statement_request *request,
                   struct statement_taken *ret_taken, struct err *err) {
    int r = statement_look(request, ret_taken, err);
    if (r < 0) {
        return r;
    }
    struct opening opening = {
        .request = request,
        .taken = ret_taken,
        .id = statement_id_new(),
        .now_us = clock_wall_us(),
    };
    crypto_sha256_hex(request->source.bytes, request->source.count, opening.sha256);
    r = store_write(store, open_tx, &opening, err);
    if (r >= 0 && !opening.known) {
        r = close_or_give_up(store, &opening, err);
    }
    if (r < 0) {
        return r;
    }
    ret_taken->known = opening.known;
    ret_taken->id = opening.id;
    return 0;
}

/* ---- before anything is taken ---- */

static int around_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct opening *opening = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM statement WHERE gateway = $1 AND sha256 = $2 AND state IN "
                      "(1, 2, 3) LIMIT 1",
                      S_TEXT(opening->request->gateway), S_TEXT(opening->sha256));
    r = r < 0 ? r : sql_next(rows, err);
    if (r != 0) {
        return r < 0 ? r : 0; /* find_same() has the word */
    }
    snprintf(opening->supersedes, sizeof opening->supersedes, "%s", opening->request->supersedes);
    r = find_replaced(tx, opening, err);
    r = r < 0 ? r : find_overlap(tx, opening, err);
    return r < 0 ? r : find_standing(tx, opening, err);
}

int statement_look_around(struct store *store, const struct statement_request *request,
                          struct statement_taken *taken, struct err *err) {
    struct opening opening = {.request = request, .taken = taken};
    crypto_sha256_hex(request->source.bytes, request->source.count, opening.sha256);
    return store_read(store, around_tx, &opening, err);
}

/* ---- what crashes left ---- */

struct sweep {
    int64_t before_us;
    bool more;
};

static int sweep_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct sweep *sweep = ctx;
    sweep->more = false;
    int r = sql_put(tx, err, "UPDATE statement SET state = 4 WHERE state = 1 AND begun_us < $1",
                    S_INT(sweep->before_us));
    if (r < 0) {
        return r;
    }
    int64_t gone = sql_exec(
        tx, err,
        "DELETE FROM statement_row WHERE (statement_id, number) IN (SELECT r.statement_id, "
        "r.number FROM statement_row r JOIN statement s ON s.id = r.statement_id WHERE s.state = 4 "
        "LIMIT 500)");
    sweep->more = gone > 0;
    return gone < 0 ? (int)gone : 0;
}

int statement_sweep(struct store *store, int64_t before_us, struct err *err) {
    struct sweep sweep = {.before_us = before_us, .more = true};
    int r = 0;
    while (r >= 0 && sweep.more) {
        r = store_write(store, sweep_tx, &sweep, err);
    }
    return r < 0 ? r : 0;
}
