/* SPDX-License-Identifier: Apache-2.0
 * bank_rows.c: the bank of a run, and the people who bring its rows to the service and its payouts
 * to the bank. What they do not hear an answer to they do again, as people do. */
#include "sim/bank_rows.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sim/bank_impl.h"
#include "sim/oracle_impl.h"
#include "sim/shop.h"

enum {
    CLERKS = 2,
    KNOWN_IN_FILE_MAX = 12,
    FILE_ROWS_MAX = 60,
    FILE_TRIES_MAX = 400,
    TOLD_IN_VAIN_MAX = 3000,
    ACTS_MAX = 8,
    CONFIG_CHARS = 600,
};
#define NEXT_DAY_US (26 * 3600 * US_PER_SECOND)
#define LOOK_US (2 * US_PER_SECOND)

bool bank_is(const char *gateway) {
    return strcmp(gateway, BANK_NAME) == 0;
}

void bank_rows_config(const struct run *run, struct buf *out) {
    if (!run_sees(run, SEE_BANK)) {
        return;
    }
    buf_addf(out,
             "  - name: " BANK_NAME "\n    adapter: bank\n    priority: 50\n"
             "    currencies: [EUR, USD]\n    options:\n"
             "      - {name: account_holder, value: Shop GmbH}\n"
             "      - {name: account, value: " BANK_ACCOUNT "}\n"
             "      - {name: bank, value: Test Bank}\n"
             "      - {name: virtual_prefix, value: \"990012\"}\n"
             "      - {name: days, value: \"1\"}\n"
             "      - {name: grace_days, value: \"0\"}\n"
             "      - {name: short_minor_max, value: \"%d\"}\n",
             BANK_SHORT_MAX);
}

/* ---- the bank ---- */

void bank_book(struct run *run, struct bank_line *line) {
    snprintf(line->bank_id, sizeof line->bank_id, "row-%u", run->bank->lines->len + 1);
    g_ptr_array_add(run->bank->lines, line);
    sim_say(run->world, "bank: %s, %s %lld %s, %s%s%s", line->bank_id, line->credit ? "in" : "out",
            (long long)line->amount, line->currency,
            line->order[0] != '\0' ? line->order : line->operation,
            line->reverses[0] != '\0' ? ", takes back " : "", line->reverses);
}

void bank_reverse(struct run *run, struct bank_line *line) {
    struct bank_line *back = g_new0(struct bank_line, 1);
    *back = (struct bank_line){
        .meaning = BANK_TAKEN_BACK, .amount = line->amount, .currency = line->currency};
    snprintf(back->account, sizeof back->account, "%s", BANK_ACCOUNT);
    snprintf(back->reverses, sizeof back->reverses, "%s", line->bank_id);
    snprintf(back->remittance, sizeof back->remittance, "returned %s", line->bank_id);
    snprintf(back->order, sizeof back->order, "%s", line->order);
    line->reversed = true;
    bank_book(run, back);
}

static const struct bank_line *find_payout(const struct run *run, const char *operation) {
    for (guint i = 0; i < run->bank->lines->len; i++) {
        const struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        if (line->meaning == BANK_PAYOUT && strcmp(line->operation, operation) == 0) {
            return line;
        }
    }
    return NULL;
}

static void book_payout(struct run *run, const json_t *payout, enum bank_meaning meaning,
                        int64_t amount) {
    struct bank_line *line = g_new0(struct bank_line, 1);
    const char *currency = json_peek_text(payout, "currency", NULL);
    line->meaning = meaning;
    line->credit = meaning == BANK_CAME_BACK;
    line->amount = amount;
    line->currency = currency != NULL && strcmp(currency, "USD") == 0 ? "USD" : "EUR";
    snprintf(line->account, sizeof line->account, "%s", BANK_ACCOUNT);
    snprintf(line->remittance, sizeof line->remittance, "refund %s",
             json_peek_text(payout, "reference", NULL));
    snprintf(line->operation, sizeof line->operation, "%s",
             json_peek_text(payout, "operation_id", NULL));
    const char *payment = json_peek_text(payout, "payment_id", NULL);
    snprintf(line->payment, sizeof line->payment, "%s", payment != NULL ? payment : "");
    bank_book(run, line);
}

/* ---- statements ---- */

static json_t *row_json(const struct bank_line *line, int number) {
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:i}", "bank_id",
        line->bank_id, "account", line->account, "virtual_account", line->virtual_account,
        "booked_on", "2026-03-01", "valued_on", line->credit ? "2026-03-02" : "", "direction",
        line->credit ? "credit" : "debit", "amount", (json_int_t)line->amount, "currency",
        line->currency, "party_name", line->party, "party_account", line->party_account,
        "remittance", line->remittance, "reverses", line->reverses, "line", number);
}

/* What a statement has: nearly all that is new, some that was there before, in any order. */
static GPtrArray *draw_file(struct run *run, struct prng *prng, bool all) {
    GPtrArray *rows = g_ptr_array_new();
    int known = 0;
    for (guint i = run->bank->lines->len; i-- > 0 && rows->len < FILE_ROWS_MAX;) {
        struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        bool again = line->taken && known < KNOWN_IN_FILE_MAX && prng_below(prng, 3) == 0;
        known += again;
        if (again || (!line->taken && (all || prng_below(prng, 8) > 0))) {
            g_ptr_array_add(rows, line);
        }
    }
    for (guint i = rows->len; i > 1; i--) {
        guint k = (guint)prng_below(prng, i);
        gpointer kept = rows->pdata[i - 1];
        rows->pdata[i - 1] = rows->pdata[k];
        rows->pdata[k] = kept;
    }
    return rows;
}

static char *write_file(const GPtrArray *rows, int number, bool altered) {
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++) {
        struct bank_line line = *(const struct bank_line *)g_ptr_array_index(rows, i);
        line.amount += altered && line.taken ? 1 : 0;
        json_array_append_new(list, row_json(&line, (int)i + 2));
    }
    json_t *body = json_pack("{s:o, s:o}", "source", json_sprintf("statement-%d.csv", number),
                             "rows", list);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/* Over the same roads as a customer. 0: nobody gave a final answer. */
static int upload(struct run *run, struct prng *prng, const char *key, const char *body,
                  json_t **ret_answer) {
    for (int i = 0; i < FILE_TRIES_MAX && !run_failed(run); i++) {
        json_t *answer = NULL;
        int status = 0;
        if (shop_try(run, "POST", "/v1/bank/rows", key, body, &status, &answer) && status != 401 &&
            shop_is_final(status, answer)) {
            *ret_answer = answer;
            return status;
        }
        json_decref(answer);
        if (prng_below(prng, 6) == 0) {
            return 0; /* they give it up, and begin another file */
        }
        task_sleep_us(200000 + (int64_t)prng_below(prng, 2000000));
    }
    return 0;
}

/* Each row is told of as new at most once, and never again once it was told of. */
static void hear(struct run *run, const json_t *answer, const GPtrArray *rows) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)json_peek(answer, "rows", NULL), i, row) {
        struct bank_line *line = i < rows->len ? g_ptr_array_index(rows, i) : NULL;
        const char *bank_id = json_peek_text(row, "bank_id", NULL);
        bool fresh = json_is_false(json_peek(row, "known", NULL));
        if (line == NULL || bank_id == NULL || strcmp(bank_id, line->bank_id) != 0) {
            run_fail(run, "bank", "", "an answer to a statement does not name its rows in order");
            return;
        }
        if (fresh && line->fresh) {
            run_fail(run, "bank", line->bank_id, "row %s was taken in twice", line->bank_id);
        }
        line->taken = true;
        line->fresh = line->fresh || fresh;
    }
}

static void bring_file(struct run *run, struct prng *prng, bool all) {
    GPtrArray *rows = draw_file(run, prng, all);
    bool altered = false, again = prng_below(prng, 6) == 0;
    int number = ++run->bank->files;
    for (guint i = 0; i < rows->len; i++) {
        altered = altered || ((const struct bank_line *)rows->pdata[i])->taken;
    }
    altered = altered && !all && prng_below(prng, 8) == 0;
    for (int i = 0; rows->len > 0 && i < (again && !altered ? 2 : 1); i++) {
        char key[48];
        json_t *answer = NULL;
        char *body = write_file(rows, number, altered);
        snprintf(key, sizeof key, "statement-%d-%d", number,
                 prng_below(prng, 2) == 0 ? 0 : i); /* repeated, or brought once more */
        int status = upload(run, prng, key, body, &answer);
        sim_say(run->world, "clerk: statement %d, %u rows%s -> %d", number, rows->len,
                altered ? ", altered" : "", status);
        if (altered ? status != 0 && status != 409 : status != 0 && status != 201) {
            run_fail(run, "bank", "", "%s was answered with %d", body, status);
        } else if (status == 201 && i == 0) {
            hear(run, answer, rows);
        }
        json_decref(answer);
        free(body);
    }
    g_ptr_array_free(rows, true);
}

/* ---- payouts ---- */

/* Told to the bank, or what became of that is not known. Whom one of several senders is paid does
 * not matter here. */
static bool mark_sent(struct run *run, struct prng *prng, const char *operation,
                      const json_t *payout) {
    char path[128], body[160];
    json_t *answer = NULL;
    int status = 0;
    const json_t *senders = json_peek(payout, "senders", NULL);
    size_t which = json_array_size(senders) > 0 ? (size_t)prng_below(prng, json_array_size(senders))
                                                : 0;
    const char *row = json_peek_text(json_array_get(senders, which), "row_id", NULL);
    snprintf(path, sizeof path, "/v1/bank/payouts/%s/sent", operation);
    snprintf(body, sizeof body, "{\"reason\":\"entered in the portal\",\"row_id\":\"%s\"}",
             row != NULL ? row : "");
    bool told = stage_ask(run, "POST", path, body, &status, &answer);
    sim_say(run->world, "clerk: %s -> %d", path, told ? status : 0);
    json_decref(answer);
    return told && status == 200;
}

/* He enters it in the bank's portal; people and banks err. */
static void pay_it(struct run *run, struct prng *prng, const json_t *payout) {
    int64_t amount = json_peek_int(payout, 0, "amount", NULL);
    uint64_t what = prng_below(prng, 100);
    if (what < 5) {
        book_payout(run, payout, BANK_MISPAID, amount + 1);
    }
    book_payout(run, payout, BANK_PAYOUT, amount);
    if (what >= 5 && what < 9) {
        book_payout(run, payout, BANK_MISPAID, amount);
    } else if (what >= 9 && what < 18) {
        task_sleep_us(20 * US_PER_SECOND + (int64_t)prng_below(prng, 60 * US_PER_SECOND));
        book_payout(run, payout, BANK_CAME_BACK, amount);
    }
}

/* Marked, but the portal knows nothing of it, and no clerk is at it: its answer was lost. */
static bool was_forgotten(struct run *run, const char *operation, const json_t *payout) {
    return json_peek_text(payout, "sent_at", NULL) != NULL && run->bank->paying == 0 &&
           find_payout(run, operation) == NULL;
}

/* Returns how many wait. -1: nobody says. */
static int pay_out(struct run *run, struct prng *prng) {
    json_t *answer = NULL;
    int status = 0;
    size_t i;
    json_t *payout;
    if (!stage_ask(run, "GET", "/v1/bank/payouts?limit=50", NULL, &status, &answer) ||
        status != 200) {
        json_decref(answer);
        return -1;
    }
    const json_t *list = json_peek(answer, "data", NULL);
    int count = (int)json_array_size(list);
    json_array_foreach((json_t *)list, i, payout) {
        const char *operation = json_peek_text(payout, "operation_id", NULL);
        bool marked = json_peek_text(payout, "sent_at", NULL) != NULL;
        if (run_failed(run) || operation == NULL) {
            break;
        }
        if (was_forgotten(run, operation, payout)) {
            pay_it(run, prng, payout);
        } else if (!marked) {
            run->bank->paying++;
            if (run->phase == RUN_TROUBLE && prng_below(prng, 4) == 0) {
                task_sleep_us((int64_t)prng_below(prng, 20 * US_PER_SECOND)); /* he reads */
            }
            if (mark_sent(run, prng, operation, payout)) {
                pay_it(run, prng, payout);
            }
            run->bank->paying--;
        }
    }
    json_decref(answer);
    return count;
}

/* ---- cases ---- */

static struct bank_line *line_of(struct run *run, const char *bank_id) {
    for (guint i = 0; i < run->bank->lines->len; i++) {
        struct bank_line *line = g_ptr_array_index(run->bank->lines, i);
        if (strcmp(line->bank_id, bank_id) == 0) {
            return line;
        }
    }
    return NULL;
}

/* A stray row is given to the payment that its customer meant. */
static void match_by_hand(struct run *run, const char *row_id) {
    char path[128], body[160];
    json_t *row = NULL, *answer = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/bank/rows/%s", row_id);
    bool told = stage_ask(run, "GET", path, NULL, &status, &row) && status == 200;
    const char *bank_id = told ? json_peek_text(row, "bank_id", NULL) : NULL;
    struct bank_line *line = bank_id != NULL ? line_of(run, bank_id) : NULL;
    struct count count = {.sql = "SELECT COUNT(*), MIN(id) FROM payment WHERE order_id = $1",
                          .text = line != NULL ? line->order : ""};
    if (line != NULL && line->meaning == BANK_STRAY && run->look != NULL &&
        oracle_count(run, &count) && count.found > 0) {
        snprintf(path, sizeof path, "/v1/bank/rows/%s/match", row_id);
        snprintf(body, sizeof body, "{\"payment_id\":\"%.60s\",\"reason\":\"he called\"}",
                 count.first);
        snprintf(line->matched, sizeof line->matched, "%.47s", count.first);
        told = stage_ask(run, "POST", path, body, &status, &answer);
        sim_say(run->world, "clerk: %s -> %d", path, told ? status : 0);
    }
    json_decref(answer);
    json_decref(row);
}

static void decide(struct run *run, struct prng *prng, const json_t *row) {
    static const char *const verbs[] = {"return", "accept", "credit"};
    char path[128];
    json_t *answer = NULL;
    int status = 0;
    const char *id = oracle_text(row, "id"), *kind = oracle_text(row, "kind");
    const char *verb = verbs[prng_below(prng, COUNT_OF(verbs))];
    uint64_t what = prng_below(prng, 4);
    if (strcmp(kind, "unmatched_transfer") == 0 && what > 0) {
        match_by_hand(run, oracle_text(row, "subject"));
        return;
    }
    if (strcmp(oracle_text(row, "posted"), "suspense") != 0) {
        bool reversal = strcmp(kind, "transfer_reversed") == 0;
        if (!reversal || what == 0) {
            return; /* a person goes on looking */
        }
        verb = "accept";
    }
    snprintf(path, sizeof path, "/v1/cases/%s/%s", id, verb);
    bool told = stage_ask(run, "POST", path, "{\"reason\":\"looked at\"}", &status, &answer);
    sim_say(run->world, "clerk: %s (%s) -> %d", path, kind, told ? status : 0);
    json_decref(answer);
}

/* One of those that are open. */
static void decide_one(struct run *run, struct prng *prng) {
    json_t *answer = NULL;
    int status = 0;
    uint64_t which = prng_next(prng);
    if (run->bank->acts >= ACTS_MAX ||
        !stage_ask(run, "GET", "/v1/cases?limit=100", NULL, &status, &answer) || status != 200) {
        json_decref(answer);
        return;
    }
    const json_t *list = json_peek(answer, "data", NULL);
    size_t count = json_array_size(list);
    const json_t *row = count > 0 ? json_array_get(list, which % count) : NULL;
    if (row != NULL && bank_is(oracle_text(row, "gateway"))) {
        run->bank->acts++;
        decide(run, prng, row);
    }
    json_decref(answer);
}

/* ---- the end ---- */

static bool all_taken(const struct run *run) {
    bool all = true;
    for (guint i = 0; i < run->bank->lines->len; i++) {
        all = all && ((const struct bank_line *)run->bank->lines->pdata[i])->taken;
    }
    return all;
}

/* How many rows the question finds; -1: nobody can say now. */
static int64_t ask(struct run *run, const char *sql) {
    struct count count = {.sql = sql};
    return run->look != NULL && oracle_count(run, &count) ? count.found : -1;
}

/* Nothing but customers' transfers is waited for: only then a day may pass. */
static void await_others(struct run *run) {
    static const char *const restless[] = {
        "SELECT COUNT(*), '' FROM attempt WHERE state IN (1, 2, 3, 4) AND gateway <> '" BANK_NAME
        "'",
        "SELECT COUNT(*), '' FROM operation WHERE state IN (1, 2, 3) AND gateway <> '" BANK_NAME
        "'",
        "SELECT COUNT(*), '' FROM job WHERE kind = 'late'", /* it may send money back */
        "SELECT COUNT(*), '' FROM callback WHERE state IN (1, 4)",
        "SELECT COUNT(*), '' FROM webhook_delivery WHERE state = 1",
    };
    for (size_t i = 0; i < COUNT_OF(restless) && !run_failed(run);) {
        bool rests = run->shopping <= run->bank->clerks && ask(run, restless[i]) == 0;
        i = rests ? i + 1 : 0;
        if (!rests) {
            task_sleep_us(LOOK_US);
        }
    }
}

/* What the bank knows the service knows, and nothing waits to be paid out. */
static void settle(struct run *run, struct prng *prng) {
    static const char idle[] =
        "SELECT (SELECT COUNT(*) FROM bank_row WHERE state = 1) + (SELECT COUNT(*) FROM job WHERE "
        "kind = 'late') + (SELECT COUNT(*) FROM operation WHERE gateway = '" BANK_NAME
        "' AND state IN (1, 2, 3)), ''";
    for (int i = 0; i < TOLD_IN_VAIN_MAX && !run_failed(run); i++) {
        if (!all_taken(run)) {
            bring_file(run, prng, true);
        }
        int waiting = pay_out(run, prng);
        bool taken = all_taken(run);
        if (waiting == 0 && taken && ask(run, idle) == 0) {
            return;
        }
        task_sleep_us(LOOK_US);
    }
    run_fail(run, "liveness", "", "rows of the bank, or payouts, wait without end");
}

/* Everybody's clocks go on by a day and a bit. */
static void pass_day(struct run *run) {
    struct sim_process *all[] = {run->director_process, run->gateways_process, run->shop_process,
                                 run->merchant_process, run->trouble_process,  run->life};
    sim_say(run->world, "a day passes");
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        sim_process_skew(all[i], sim_process_skewed(all[i]) + NEXT_DAY_US);
    }
    run->skew_us += NEXT_DAY_US;
    run->rotated_us -= NEXT_DAY_US;
}

static void cancel(struct run *run, const char *payment) {
    char path[128];
    json_t *answer = NULL;
    int status = 0;
    snprintf(path, sizeof path, "/v1/payments/%.60s/cancel", payment);
    (void)!stage_ask(run, "POST", path, "{\"reason\":\"nobody paid\"}", &status, &answer);
    json_decref(answer);
}

/* Those who did not pay in time, or whom nobody waits for any longer. What asks for another way
 * since its transfer was called off does not expire by itself. */
static void end_payments(struct run *run) {
    struct count transfers = {.sql = "SELECT COUNT(*), MIN(payment_id) FROM attempt WHERE state = "
                                     "3 AND gateway = '" BANK_NAME "'"};
    struct count others = {.sql = "SELECT COUNT(*), MIN(id) FROM payment p WHERE state = 3 AND "
                                  "EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND "
                                  "a.gateway = '" BANK_NAME "') AND NOT EXISTS (SELECT 1 FROM "
                                  "attempt a WHERE a.payment_id = p.id AND a.state = 3)"};
    for (int i = 0; i < TOLD_IN_VAIN_MAX && !run_failed(run); i++) {
        bool known = run->look != NULL && oracle_count(run, &transfers) &&
                     oracle_count(run, &others);
        if (known && transfers.found + others.found == 0) {
            return;
        }
        if (known && transfers.found > 0 && !run->bank->next_day) {
            cancel(run, transfers.first);
        } else if (known && others.found > 0) {
            cancel(run, others.first);
        }
        task_sleep_us(LOOK_US);
    }
    run_fail(run, "liveness", transfers.first, "payments wait for their transfers without end");
}

static void wind_up(struct run *run, struct prng *prng) {
    struct bank *bank = run->bank;
    settle(run, prng);
    await_others(run);
    if (bank->next_day) {
        pass_day(run);
    }
    end_payments(run);
    for (guint i = 0; i < bank->later->len; i++) {
        bank_book(run, bank->later->pdata[i]);
    }
    settle(run, prng);
    for (int i = (int)prng_below(prng, ACTS_MAX); i > 0 && !run_failed(run); i--) {
        decide_one(run, prng);
    }
    settle(run, prng);
}

/* ---- clerks ---- */

struct clerk {
    struct run *run;
    int number;
};

/* While there is trouble, until all have bought what they wanted. */
static void work(struct run *run, struct prng *prng) {
    while (!run_failed(run) && run->phase == RUN_TROUBLE && run->shopping > run->bank->clerks) {
        task_sleep_us(US_PER_SECOND + (int64_t)prng_below(prng, 15 * US_PER_SECOND));
        uint64_t what = prng_below(prng, 8);
        if (what < 5) {
            bring_file(run, prng, false);
        } else if (what < 7) {
            (void)pay_out(run, prng);
        } else {
            decide_one(run, prng);
        }
    }
    run->bank->clerks--;
    run->shopping--;
}

static void clerk_main(void *arg) {
    struct clerk *clerk = arg;
    struct run *run = clerk->run;
    struct bank *bank = run->bank;
    struct prng prng;
    run_prng(run, &prng, "clerk", clerk->number);
    work(run, &prng);
    if (clerk->number > 0) {
        g_free(clerk);
        return;
    }
    /* The last of them does what is left, once nothing goes wrong any more. */
    while (!run_failed(run) && run->phase == RUN_TROUBLE) {
        task_sleep_us(LOOK_US);
    }
    bank->clerks++;
    run->shopping++;
    while (!run_failed(run) && (run->makers > 0 || bank->clerks > 1)) {
        task_sleep_us(LOOK_US);
    }
    task_sleep_us(LOOK_US);
    wind_up(run, &prng);
    bank->clerks--;
    run->shopping--;
    g_free(clerk);
}

void bank_rows_open(struct run *run) {
    struct prng prng;
    if (!run_sees(run, SEE_BANK)) {
        return;
    }
    run_prng(run, &prng, "bank", 0);
    run->bank = g_new0(struct bank, 1);
    run->bank->lines = g_ptr_array_new();
    run->bank->later = g_ptr_array_new();
    run->bank->next_day = prng_below(&prng, 2) == 0;
    bank_payers_open(run, &prng);
    for (int i = 0; i < CLERKS; i++) {
        struct clerk *clerk = g_new0(struct clerk, 1);
        *clerk = (struct clerk){run, i};
        run->bank->clerks++;
        run->shopping++;
        sim_process_run(run->shop_process, "clerk", clerk_main, clerk);
    }
}
