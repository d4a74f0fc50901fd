/* SPDX-License-Identifier: Apache-2.0
 * chain.c: whether statements follow one another. */
#include "recon/chain.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/pan.h"
#include "desk/ticket.h"
#include "recon/recon_impl.h"

enum { TOLD_BYTES_MAX = 64 * 1024, TEXT_CHARS_MAX = 400, FORMAT_CHARS_MAX = 40, TICKETS_MAX = 100 };
#define HALF_A_DAY_US (INT64_C(12) * 3600 * US_PER_SECOND)

static const char *const fault_names[] = {
    [CHAIN_FOLLOWS] = "follows",
    [CHAIN_GAP] = "gap",
    [CHAIN_REPEATED] = "repeated",
    [CHAIN_BALANCE] = "balance",
};

const char *chain_fault_name(enum chain_fault fault) {
    return (size_t)fault < COUNT_OF(fault_names) ? fault_names[fault] : "?";
}

/* ---- two of them ---- */

/* Of the middle of its last day, so that no zone makes it another one but at the date line. */
static int year_of(const struct statement_link *link) {
    char text[CLOCK_TEXT_MAX];
    int year = 0;
    clock_format(link->closed_us - HALF_A_DAY_US, text);
    return sscanf(text, "%4d", &year) == 1 ? year : 0;
}

static void judge_numbers(const struct statement_link *before, const struct statement_link *link,
                          bool goes_on, struct chain_verdict *verdict) {
    int64_t last = before->last_number, next = link->first_number;
    bool dated = before->closed_us > 0 && link->closed_us > 0;
    bool new_year = dated && year_of(link) > year_of(before);
    /* Where nothing is counted, many write 0. */
    if (last <= 0 || next <= 0 || next == last + 1) {
        return;
    }
    if (next > last) {
        *verdict = (struct chain_verdict){CHAIN_GAP, last + 1, next - 1, false, 0};
    } else if (new_year && next > 1) {
        *verdict = (struct chain_verdict){CHAIN_GAP, 1, next - 1, false, 0};
    } else if (!new_year && !(next == 1 && goes_on)) {
        verdict->fault = CHAIN_REPEATED;
    }
}

void chain_judge(const struct statement_link *before, const struct statement_link *link,
                 struct chain_verdict *ret_verdict) {
    bool balances = before->closing_minor != AMOUNT_UNSAID && link->opening_minor != AMOUNT_UNSAID;
    int64_t moved = 0;
    *ret_verdict = (struct chain_verdict){.fault = CHAIN_FOLLOWS};
    if (balances && !money_sub(link->opening_minor, before->closing_minor, &moved)) {
        moved = link->opening_minor > before->closing_minor ? INT64_MAX : INT64_MIN;
    }
    judge_numbers(before, link, balances && moved == 0, ret_verdict);
    ret_verdict->balances = balances;
    ret_verdict->moved_minor = moved;
    if (ret_verdict->fault == CHAIN_FOLLOWS && moved != 0) {
        ret_verdict->fault = CHAIN_BALANCE;
    }
}

/* ---- all of a gateway ---- */

struct told_link {
    struct statement_link link;
    struct statement_id statement;
    char format[FORMAT_CHARS_MAX + 1];
};

/* By format, account and currency; then as they follow one another. */
static int link_order(const void *a, const void *b) {
    const struct told_link *x = a, *y = b;
    int order = strcmp(x->format, y->format);
    order = order != 0 ? order : strcmp(x->link.account, y->link.account);
    order = order != 0 ? order : strcmp(x->link.currency.code, y->link.currency.code);
    if (order != 0) {
        return order;
    }
    const int64_t keys[][2] = {
        {x->link.closed_us, y->link.closed_us},
        {x->link.first_number, y->link.first_number},
        {x->link.last_number, y->link.last_number},
    };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return strcmp(x->statement.text, y->statement.text);
}

static bool same_chain(const struct told_link *a, const struct told_link *b) {
    return strcmp(a->format, b->format) == 0 && strcmp(a->link.account, b->link.account) == 0 &&
           currency_equal(a->link.currency, b->link.currency);
}

static int load_links(struct store_tx *tx, const char *gateway, GArray *links, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT c.statement_id, s.reader, c.account, c.currency, c.first_number, "
                      "c.last_number, c.opening_minor, c.closing_minor, c.closed_us FROM "
                      "statement_chain c JOIN statement s ON s.id = c.statement_id WHERE s.gateway "
                      "= $1 AND s.state = 2",
                      S_TEXT(gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *currency = sql_text(rows, 3);
        struct told_link told = {
            .link = {.first_number = sql_int(rows, 4),
                     .last_number = sql_int(rows, 5),
                     .opening_minor = sql_null(rows, 6) ? AMOUNT_UNSAID : sql_int(rows, 6),
                     .closing_minor = sql_null(rows, 7) ? AMOUNT_UNSAID : sql_int(rows, 7),
                     .closed_us = sql_int(rows, 8)},
            .statement = statement_id_stored(sql_text(rows, 0)),
        };
        if (currency[0] != '\0') {
            told.link.currency = currency_stored(currency);
        }
        snprintf(told.format, sizeof told.format, "%s", sql_text(rows, 1));
        snprintf(told.link.account, sizeof told.link.account, "%s", sql_text(rows, 2));
        g_array_append_val(links, told);
    }
    return r < 0 ? r : 0;
}

/* A file without a row tells no account. Where there is one account of its format it is that one's;
 * where there are several nobody knows. */
static void give_accounts(GArray *links) {
    struct told_link *all = (struct told_link *)(void *)links->data;
    for (guint i = 0; i < links->len; i++) {
        const char *only = NULL;
        bool several = false;
        for (guint j = 0; j < links->len && all[i].link.account[0] == '\0'; j++) {
            const char *account = all[j].link.account;
            if (account[0] == '\0' || strcmp(all[j].format, all[i].format) != 0) {
                continue;
            }
            several = several || (only != NULL && strcmp(only, account) != 0);
            only = account;
        }
        if (only != NULL && !several) {
            g_strlcpy(all[i].link.account, only, sizeof all[i].link.account);
        }
    }
}

/* Of several that close on one day without a number, the one that goes on from the balance. */
static void bring_next(struct told_link *all, guint count, guint at) {
    const struct told_link *before = &all[at - 1];
    for (guint i = at; i < count && same_chain(before, &all[i]); i++) {
        const struct statement_link *link = &all[i].link;
        if (link->first_number > 0 || link->closed_us != all[at].link.closed_us) {
            return;
        }
        if (link->opening_minor == before->link.closing_minor) {
            struct told_link found = all[i];
            memmove(&all[at + 1], &all[at], (i - at) * sizeof *all);
            all[at] = found;
            return;
        }
    }
}

/* ---- in words ---- */

static void add_money(const struct chain_verdict *verdict, const struct statement_link *link,
                      char *text, size_t bytes) {
    char money[MONEY_TEXT_MAX];
    if (!verdict->balances || link->currency.code[0] == '\0') {
        text[0] = '\0';
    } else if (verdict->moved_minor == 0) {
        snprintf(text, bytes, "; the balance goes on as if nothing had moved between");
    } else {
        snprintf(text, bytes, "; meanwhile the balance changed by %s",
                 money_show(verdict->moved_minor, link->currency, money));
    }
}

static void put_in_words(const struct chain_verdict *verdict, const struct told_link *before,
                         const struct told_link *told, char text[TEXT_CHARS_MAX]) {
    char money[120], opening[MONEY_TEXT_MAX], closing[MONEY_TEXT_MAX];
    const struct statement_link *link = &told->link;
    add_money(verdict, link, money, sizeof money);
    if (verdict->fault == CHAIN_GAP && verdict->missing_first == verdict->missing_last) {
        snprintf(text, TEXT_CHARS_MAX, "number %lld is missing between %s and this one (%lld)%s",
                 (long long)verdict->missing_first, before->statement.text,
                 (long long)link->first_number, money);
    } else if (verdict->fault == CHAIN_GAP) {
        snprintf(text, TEXT_CHARS_MAX,
                 "numbers %lld to %lld are missing between %s and this one (%lld)%s",
                 (long long)verdict->missing_first, (long long)verdict->missing_last,
                 before->statement.text, (long long)link->first_number, money);
    } else if (verdict->fault == CHAIN_REPEATED) {
        snprintf(text, TEXT_CHARS_MAX, "number %lld comes behind number %lld of %s%s",
                 (long long)link->first_number, (long long)before->link.last_number,
                 before->statement.text, money);
    } else {
        snprintf(text, TEXT_CHARS_MAX, "it opens with %s, and %s before it closed with %s",
                 money_show(link->opening_minor, link->currency, opening), before->statement.text,
                 money_show(before->link.closing_minor, link->currency, closing));
    }
}

static void add_told(struct buf *buf, const struct chain_verdict *verdict,
                     const struct told_link *before, const struct told_link *told) {
    char text[TEXT_CHARS_MAX];
    buf_addf(buf, "%s{\"kind\":\"%s\",\"account\":", buf->len > 1 ? "," : "",
             chain_fault_name(verdict->fault));
    buf_add_json(buf, told->link.account);
    buf_addf(buf, ",\"currency\":%s%s%s,\"after\":\"%s\"",
             told->link.currency.code[0] != '\0' ? "\"" : "",
             told->link.currency.code[0] != '\0' ? told->link.currency.code : "null",
             told->link.currency.code[0] != '\0' ? "\"" : "", before->statement.text);
    if (verdict->fault == CHAIN_GAP) {
        buf_addf(buf, ",\"missing_from\":%lld,\"missing_to\":%lld",
                 (long long)verdict->missing_first, (long long)verdict->missing_last);
    } else {
        buf_add_text(buf, ",\"missing_from\":null,\"missing_to\":null");
    }
    if (verdict->balances) {
        buf_addf(buf, ",\"moved\":%lld", (long long)verdict->moved_minor);
    } else {
        buf_add_text(buf, ",\"moved\":null");
    }
    buf_add_text(buf, ",\"text\":");
    put_in_words(verdict, before, told, text);
    buf_add_json(buf, text);
    buf_add_char(buf, '}');
}

/* ---- written down ---- */

int chain_keep(struct store_tx *tx, const char *statement_id, const struct statement_head *head,
               struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < head->link_count; i++) {
        const struct statement_link *link = &head->links[i];
        char account[ROW_ID_CHARS_MAX + 1];
        bool opens = link->opening_minor != AMOUNT_UNSAID;
        bool closes = link->closing_minor != AMOUNT_UNSAID;
        snprintf(account, sizeof account, "%s", link->account);
        (void)pan_mask(account, strlen(account));
        r = sql_put(tx, err,
                    "INSERT INTO statement_chain (statement_id, part, account, currency, "
                    "first_number, last_number, opening_minor, closing_minor, closed_us) VALUES "
                    "($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    S_TEXT(statement_id), S_INT(i + 1), S_TEXT(account),
                    S_TEXT(link->currency.code), S_INT(link->first_number),
                    S_INT(link->last_number), opens ? S_INT(link->opening_minor) : S_NULL,
                    closes ? S_INT(link->closing_minor) : S_NULL, S_INT(link->closed_us));
    }
    return r;
}

/* Statement by statement, what is told of it: GString by id. */
static GHashTable *judge_all(GArray *links) {
    GHashTable *told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct told_link *all = (struct told_link *)(void *)links->data;
    for (guint i = 1; i < links->len; i++) {
        struct chain_verdict verdict;
        if (!same_chain(&all[i - 1], &all[i])) {
            continue;
        }
        bring_next(all, links->len, i);
        chain_judge(&all[i - 1].link, &all[i].link, &verdict);
        if (verdict.fault == CHAIN_FOLLOWS) {
            continue;
        }
        BUF_AUTO buf;
        const char *earlier = g_hash_table_lookup(told, all[i].statement.text);
        buf_init(&buf, TOLD_BYTES_MAX);
        buf_add_text(&buf, "[");
        if (earlier != NULL) {
            buf_add(&buf, earlier + 1, strlen(earlier) - 2);
        }
        add_told(&buf, &verdict, &all[i - 1], &all[i]);
        buf_add_char(&buf, ']');
        g_hash_table_insert(told, g_strdup(all[i].statement.text), g_strdup(buf.data));
    }
    return told;
}

/* What is wrong now and was not, or otherwise; and what no longer is. */
static int write_down(struct store_tx *tx, const char *gateway, GHashTable *told, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    GHashTableIter walk;
    gpointer id, text;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, continuity FROM statement WHERE gateway = $1 AND continuity <> "
                      "''",
                      S_TEXT(gateway));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *now = g_hash_table_lookup(told, sql_text(rows, 0));
        if (now == NULL) {
            g_hash_table_insert(told, g_strdup(sql_text(rows, 0)), g_strdup(""));
        } else if (strcmp(now, sql_text(rows, 1)) == 0) {
            g_hash_table_remove(told, sql_text(rows, 0));
        }
    }
    sql_rows_free(rows);
    rows = NULL;
    g_hash_table_iter_init(&walk, told);
    while (r >= 0 && g_hash_table_iter_next(&walk, &id, &text)) {
        r = sql_put_one(tx, err, "UPDATE statement SET continuity = $2 WHERE id = $1", S_TEXT(id),
                        S_TEXT(text));
    }
    return r < 0 ? r : 0;
}

int chain_renew(struct store_tx *tx, const char *gateway, struct err *err) {
    GArray *links = g_array_new(false, false, sizeof(struct told_link));
    int r = load_links(tx, gateway, links, err);
    if (r >= 0) {
        give_accounts(links);
        g_array_sort(links, link_order);
        GHashTable *told = judge_all(links);
        r = write_down(tx, gateway, told, err);
        g_hash_table_unref(told);
    }
    g_array_free(links, true);
    return r;
}

struct telling {
    const char *id;
    struct buf *buf;
};

static int told_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct telling *telling = ctx;
    SQL_ROWS_AUTO rows = NULL;
    buf_clear(telling->buf);
    int r = sql_query(tx, err, &rows, "SELECT continuity FROM statement WHERE id = $1",
                      S_TEXT(telling->id));
    r = r < 0 ? r : sql_next(rows, err);
    bool some = r > 0 && sql_text(rows, 0)[0] != '\0';
    buf_add_text(telling->buf, some ? sql_text(rows, 0) : "[]");
    return r < 0 ? r : 0;
}

int chain_told(struct store *store, const char *statement_id, struct buf *buf, struct err *err) {
    struct telling telling = {statement_id, buf};
    return store_read(store, told_tx, &telling, err);
}

/* ---- tickets ---- */

struct news {
    struct recon *recon;
    const char *gateway;
    int count;
    struct one {
        struct statement_id id;
        bool follows;
    } of[TICKETS_MAX];
    const struct one *one; /* at hand */
};

static int news_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct news *news = ctx;
    SQL_ROWS_AUTO rows = NULL;
    news->count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, CASE WHEN continuity = '' OR state <> 2 THEN 1 ELSE 0 END FROM "
                      "statement WHERE gateway = $1 AND ((state = 2 AND continuity <> "
                      "continuity_told) OR (state <> 2 AND continuity_told <> '')) ORDER BY id "
                      "LIMIT $2",
                      S_TEXT(news->gateway), S_INT(TICKETS_MAX));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        news->of[news->count++] = (struct one){
            .id = statement_id_stored(sql_text(rows, 0)),
            .follows = sql_int(rows, 1) != 0,
        };
    }
    return r < 0 ? r : 0;
}

static int open_ticket(const struct news *news, struct store_tx *tx, const char *continuity,
                       const char *name, struct err *err) {
    char title[TICKET_TITLE_CHARS_MAX + 1];
    BUF_AUTO facts;
    buf_init(&facts, TICKET_FACTS_BYTES_MAX);
    buf_addf(&facts, "{\"statement\":\"%s\",\"gateway\":\"%s\",\"file\":", news->one->id.text,
             news->gateway);
    buf_add_json(&facts, name);
    buf_addf(&facts, ",\"continuity\":%s}", continuity);
    /* A balance that goes on says that nothing is missing of what moved. */
    bool moved = strstr(continuity, "\"moved\":0,") == NULL;
    snprintf(title, sizeof title, "Statement %s does not follow the one before it",
             news->one->id.text);
    const struct ticket_note note = {
        .subject = {"statement_gap", news->one->id.text},
        .title = title,
        .class = "statement_gap",
        .risk = moved ? TICKET_RISK_HIGH : TICKET_RISK_MEDIUM,
        .gateway = news->gateway,
        .facts_json = buf_ok(&facts) ? facts.data : "{}",
        .actor = "system",
    };
    int r = ticket_open(news->recon->options.desk, tx, &note, NULL, err);
    return r < 0 ? r : 0;
}

static int ticket_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct news *news = ctx;
    SQL_ROWS_AUTO rows = NULL;
    char name[ROW_TEXT_CHARS_MAX + 1] = "";
    g_autofree char *continuity = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT CASE WHEN state = 2 THEN continuity ELSE '' END, name FROM statement "
                      "WHERE id = $1 FOR UPDATE",
                      S_TEXT(news->one->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    continuity = g_strdup(sql_text(rows, 0));
    snprintf(name, sizeof name, "%s", sql_text(rows, 1));
    sql_rows_free(rows);
    rows = NULL;
    const struct ticket_subject subject = {"statement_gap", news->one->id.text};
    r = continuity[0] != '\0'
            ? open_ticket(news, tx, continuity, name, err)
            : ticket_close_for(news->recon->options.desk, tx, &subject, "system",
                               "it follows the one before it, or no longer counts", err);
    return r < 0 ? r
                 : sql_put_one(tx, err, "UPDATE statement SET continuity_told = $2 WHERE id = $1",
                               S_TEXT(news->one->id.text), S_TEXT(continuity));
}

int recon_chains(struct recon *recon, const char *gateway, struct err *err) {
    if (recon->options.desk == NULL) {
        return 0;
    }
    struct news *news = g_new0(struct news, 1);
    news->recon = recon;
    news->gateway = gateway;
    int r = store_read(recon->options.store, news_tx, news, err);
    for (int i = 0; r >= 0 && i < news->count; i++) {
        news->one = &news->of[i];
        r = store_write(recon->options.store, ticket_tx, news, err);
    }
    g_free(news);
    return r < 0 ? r : 0;
}
