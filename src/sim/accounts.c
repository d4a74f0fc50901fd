/* SPDX-License-Identifier: Apache-2.0
 * accounts.c: statements out of the gateways' own books, with lies among them, given in by the API;
 * runs and repairs follow from them. */
#include "sim/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "sandbox/sandbox_impl.h"
#include "sim/gateways.h"
#include "sim/rulebook.h"

enum { FILE_BYTES_MAX = 256 * 1024, TRIES_MAX = 200, ROUNDS_MAX = 4, TAKEN_TRIES_MAX = 100 };
#define AGAIN_US (3 * US_PER_SECOND)
#define SETTLED_US (15 * 60 * US_PER_SECOND)
#define DAY_OVER_US (31 * 60 * US_PER_SECOND) /* of the world: rulebook.c, DAY_ENDS */
#define MISSED_US (2 * 60 * US_PER_SECOND)

#define COLUMNS                                                                                    \
    "gateway_id,reference,original_id,original_reference,batch,kind,status,currency,gross,fee,"    \
    "net,time,method,description\n"

struct accounts {
    struct run *run;
    struct prng prng;
    int files, lies;
};

const char *accounts_rules(const struct run *run) {
    return run->rulebook != NULL ? run->rulebook->text.data : NULL;
}

/* ---- asking, until somebody answers ---- */

/* NULL: the run has failed, or this was refused for good. */
static json_t *insist(void *ctx, const char *method, const char *path, const char *body) {
    struct run *run = ((struct accounts *)ctx)->run;
    for (int i = 0; i < TRIES_MAX && !run_failed(run); i++) {
        json_t *answer = NULL;
        int status = 0;
        bool asked = stage_ask(run, method, path, body, &status, &answer);
        if (asked && status >= 200 && status < 300) {
            return answer;
        }
        json_decref(answer);
        if (asked && status >= 400 && status < 500 && status != 429) {
            return NULL;
        }
        task_sleep_us(AGAIN_US);
    }
    return NULL;
}

/* ---- a statement ---- */

/* `fee` as the file has it: "" tells none. */
static void row(struct buf *file, const char *id, const char *reference, int64_t minor,
                struct currency currency, const char *fee) {
    char time[CLOCK_TEXT_MAX];
    buf_addf(file, "%s,%s,,,,charge,done,%s,%lld,%s,,%s,card,\n", id, reference, currency.code,
             (long long)minor, fee, clock_format(clock_wall_us(), time));
}

/* Every charge that was not told yet; and now and then one that was. */
static void truth(struct accounts *accounts, enum sb_gateway gateway, bool lies, struct buf *file) {
    const GPtrArray *entries = accounts->run->sandbox->book.entries[gateway];
    for (guint i = 0; i < entries->len; i++) {
        const struct sb_entry *entry = g_ptr_array_index(entries, i);
        char *name = g_strdup_printf("%d %s", (int)gateway, entry->id);
        bool told = g_hash_table_contains(accounts->run->stated, name);
        if (entry->taken_minor > 0 && (!told || (lies && prng_below(&accounts->prng, 6) == 0))) {
            char fee[24];
            snprintf(fee, sizeof fee, "%lld", (long long)entry->fee_minor);
            row(file, entry->id, entry->reference, entry->taken_minor, entry->currency, fee);
            /* What is told again is a row for itself: the first one is what was kept. */
            if (!told) {
                g_hash_table_insert(accounts->run->stated, name,
                                    GSIZE_TO_POINTER((gsize)entry->fee_minor));
                name = NULL;
            }
        }
        g_free(name);
    }
}

/* One of the sandbox's faults of statements, on some of the gateway's refunds and for as long as it
 * takes to write them. */
static void plant(struct accounts *accounts, enum sb_gateway gateway) {
    static const char *const kinds[] = {"statement_missing", "statement_altered",
                                        "statement_duplicated"};
    char spec[160];
    struct err err = {0};
    int more = 1 + (int)prng_below(&accounts->prng, 60);
    size_t kind = prng_below(&accounts->prng, COUNT_OF(kinds));
    char amount[40] = "";
    if (kind == 1) {
        snprintf(amount, sizeof amount, ",amount_minor=%d", more % 2 == 0 ? -more : more);
    }
    snprintf(spec, sizeof spec, "%s:%s:operation=refund,probability=0.%d,for_s=1%s",
             sb_gateway_name(gateway), kinds[kind], 3 + (int)prng_below(&accounts->prng, 5),
             amount);
    int r = sandbox_fault(accounts->run->sandbox, spec, &err);
    sim_say(accounts->run->world, "accounts: %s%s%s", spec, r < 0 ? ": " : "",
            r < 0 ? err.detail : "");
}

/* Every refund that was not told yet, and those that came back; with lies as the gateway's faults
 * have them: some left out (a later statement tells them), some of another amount, some twice. */
static void refunds(struct accounts *accounts, enum sb_gateway gateway, bool lies,
                    struct buf *file) {
    if (lies) {
        plant(accounts, gateway);
    }
    struct sb_statement *statement = rulebook_journal(accounts->run, gateway, lies);
    for (guint i = 0; i < statement->lines->len; i++) {
        const struct sb_line *line = sb_line_at(statement->lines, i);
        bool back = line->kind == SB_MOVE_REFUND_BACK;
        char time[CLOCK_TEXT_MAX];
        if (line->kind != SB_MOVE_REFUND && !back) {
            continue;
        }
        char *name = g_strdup_printf("%d %s %s %s", (int)gateway, back ? "back" : "refund",
                                     line->id, line->reference);
        if (g_hash_table_add(accounts->run->stated, name)) {
            buf_addf(file, "%s,%s,%s,%s,,%s,%s,%s,%lld,,,%s,card,\n", line->id, line->reference,
                     line->original_id, line->original_reference,
                     back ? "refund_returned" : "refund",
                     line->failed    ? "failed"
                     : line->pending ? "pending"
                                     : "done",
                     line->currency.code, (long long)line->gross_minor,
                     clock_format(clock_wall_us(), time));
        }
    }
    sb_statement_free(statement);
}

/* What the gateway books for itself: a fee, what it holds back, what it pays out. Each file has
 * other sums, so that one that is booked twice or not at all is seen (oracle_recon.c). */
static void own(const struct accounts *accounts, struct buf *file) {
    static const struct {
        const char *kind;
        int minor;
    } rows[] = {{"fee", -7}, {"reserve", -110}, {"reserve", 60}, {"payout", -1300}};
    char time[CLOCK_TEXT_MAX];
    int number = accounts->files + 1;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_addf(file, "own_%d_%zu,,,,,%s,done,USD,%d,,,%s,,\n", number, i, rows[i].kind,
                 rows[i].minor * number, clock_format(clock_wall_us(), time));
    }
}

/* Charges that were never made, under references that the gateways were asked for. */
static void lie(struct accounts *accounts, struct buf *file) {
    const GPtrArray *references = accounts->run->references;
    for (int i = (int)prng_below(&accounts->prng, 4); i > 0 && references->len > 0; i--) {
        char id[40];
        const char *reference = g_ptr_array_index(references,
                                                  prng_below(&accounts->prng, references->len));
        snprintf(id, sizeof id, "lie_%d", ++accounts->lies);
        row(file, id, reference, 100 + (int64_t)prng_below(&accounts->prng, 5000),
            currency_stored(prng_below(&accounts->prng, 2) == 0 ? "USD" : "EUR"), "");
    }
}

/* Refunds that were never made, under the names of some that it was asked for. */
static void lie_of_refunds(struct accounts *accounts, struct buf *file) {
    const GPtrArray *references = accounts->run->references;
    for (guint i = 0; i < references->len; i++) {
        const char *reference = g_ptr_array_index(references, i);
        char time[CLOCK_TEXT_MAX];
        if (strncmp(reference, "re_", 3) == 0 && prng_below(&accounts->prng, 8) == 0) {
            buf_addf(file, "lie_%d,%s,,,,refund,done,%s,-%lld,,,%s,card,\n", ++accounts->lies,
                     reference, prng_below(&accounts->prng, 2) == 0 ? "USD" : "EUR",
                     100 + (long long)prng_below(&accounts->prng, 5000),
                     clock_format(clock_wall_us(), time));
        }
    }
}

static bool is_taken(struct accounts *accounts, const char *upload) {
    char path[120];
    snprintf(path, sizeof path, "/v1/statement-uploads/%s", upload);
    for (int i = 0; i < TAKEN_TRIES_MAX && !run_failed(accounts->run); i++) {
        json_t *answer = insist(accounts, "GET", path, NULL);
        const char *state = json_peek_text(answer, "state", NULL);
        bool taken = state != NULL && strcmp(state, "taken") == 0;
        bool refused = state == NULL || strcmp(state, "refused") == 0;
        if (refused) {
            char *text = answer != NULL ? json_dumps(answer, 0) : NULL;
            run_fail(accounts->run, "statement", upload, "it was refused: %s",
                     text != NULL && strlen(text) > 400 ? text + 400 : "nobody knows it");
            free(text);
        }
        json_decref(answer);
        if (taken || refused) {
            return taken;
        }
        task_sleep_us(AGAIN_US);
    }
    return false;
}

static void give(struct accounts *accounts, const char *gateway, const struct buf *file) {
    char digest[SHA256_HEX_CHARS + 1], path[120];
    BUF_AUTO body;
    buf_init(&body, 2 * FILE_BYTES_MAX);
    crypto_sha256_hex(file->data, file->len, digest);
    buf_addf(&body,
             "{\"gateway\":\"%s\",\"name\":\"%s-%d.csv\",\"byte_count\":%zu,\"sha256\":\"%s\"}",
             gateway, gateway, ++accounts->files, file->len, digest);
    json_t *upload = insist(accounts, "POST", "/v1/statement-uploads", body.data);
    const char *id = json_peek_text(upload, "id", NULL);
    if (id != NULL) {
        char *base64 = crypto_base64(file->data, file->len);
        buf_clear(&body);
        buf_addf(&body, "{\"number\":0,\"content\":\"%s\"}", base64);
        free(base64);
        snprintf(path, sizeof path, "/v1/statement-uploads/%s/parts", id);
        json_decref(insist(accounts, "POST", path, body.data));
        snprintf(path, sizeof path, "/v1/statement-uploads/%s/complete", id);
        json_decref(insist(accounts, "POST", path, "{}"));
        bool taken = is_taken(accounts, id);
        sim_say(accounts->run->world, "accounts: a statement of %s, %zu bytes: %s", gateway,
                file->len, taken ? "taken" : "refused");
    }
    json_decref(upload);
}

static void reconcile(struct accounts *accounts, const char *gateway) {
    char body[80];
    snprintf(body, sizeof body, "{\"gateway\":\"%s\"}", gateway);
    json_decref(insist(accounts, "POST", "/v1/reconciliations", body));
}

static void state_of(struct accounts *accounts, enum sb_gateway gateway, bool lies) {
    const char *name = sim_gateway(gateway)->name;
    BUF_AUTO file;
    buf_init(&file, FILE_BYTES_MAX);
    buf_add_text(&file, COLUMNS);
    truth(accounts, gateway, lies, &file);
    refunds(accounts, gateway, lies, &file);
    if (lies) {
        lie(accounts, &file);
        lie_of_refunds(accounts, &file);
    }
    if (file.len > strlen(COLUMNS)) {
        own(accounts, &file);
    }
    if (buf_ok(&file) && file.len > strlen(COLUMNS) && file.len < 40 * 1024) {
        give(accounts, name, &file);
    }
    reconcile(accounts, name);
}

/* ---- who does it ---- */

/* The next charge at Stripe is made twice. Where callbacks are lost only a statement would tell,
 * and a person have it whom no rule helps; a second hold is held until it expires; and of a
 * subscription it would be a broken promise of the gateway's: such runs have none. */
static void charge_twice(struct accounts *accounts) {
    static const char spec[] = "stripe:double_charge:count=1,for_s=30";
    struct run *run = accounts->run;
    struct err err = {0};
    if (run_sees(run, SEE_CALLBACKS_LOST) || run_sees(run, SEE_SUBSCRIPTIONS) ||
        run_sees(run, SEE_HOLDS) || prng_below(&accounts->prng, 2) > 0) {
        return;
    }
    int r = sandbox_fault(run->sandbox, spec, &err);
    sim_say(run->world, "accounts: %s%s%s", spec, r < 0 ? ": " : "", r < 0 ? err.detail : "");
}

static void in_trouble(void *arg) {
    struct accounts *accounts = arg;
    struct run *run = accounts->run;
    rulebook_enable(run, insist, accounts);
    for (int i = 1 + (int)prng_below(&accounts->prng, ROUNDS_MAX); i > 0 && !run_failed(run); i--) {
        task_sleep_us((5 + (int64_t)prng_below(&accounts->prng, 40)) * US_PER_SECOND);
        enum sb_gateway gateway;
        do {
            gateway = (enum sb_gateway)prng_below(&accounts->prng, SB_GATEWAYS);
        } while ((run->gateways >> gateway & 1) == 0);
        charge_twice(accounts);
        rulebook_tend(run, insist, accounts);
        state_of(accounts, gateway, prng_below(&accounts->prng, 2) == 0);
    }
    run->shopping--;
    g_free(accounts);
}

static void reconcile_all(struct accounts *accounts) {
    for (int i = 0; i < SB_GATEWAYS && !run_failed(accounts->run); i++) {
        if ((accounts->run->gateways >> i & 1) != 0) {
            reconcile(accounts, sim_gateway((enum sb_gateway)i)->name);
        }
    }
}

/* Where the gateways' day ends, everything is looked at when it is over and its last statements
 * have not come: what those before left out is missed. */
static void miss(struct accounts *accounts) {
    struct run *run = accounts->run;
    int64_t now_us = sim_world_now_us(run->world);
    if (!run->rulebook->day_ends) {
        return;
    }
    task_sleep_us(now_us < DAY_OVER_US ? DAY_OVER_US - now_us : 1);
    reconcile_all(accounts);
    task_sleep_us(MISSED_US);
}

/* What nobody answered for comes to its end first, as it does in the days before a statement; and
 * then everything is looked at once more. */
static void in_peace(void *arg) {
    struct accounts *accounts = arg;
    struct run *run = accounts->run;
    task_sleep_us(SETTLED_US);
    miss(accounts);
    rulebook_tend(run, insist, accounts);
    for (int i = 0; i < SB_GATEWAYS && !run_failed(run); i++) {
        if ((run->gateways >> i & 1) != 0) {
            state_of(accounts, (enum sb_gateway)i, false);
        }
    }
    task_sleep_us(SETTLED_US);
    rulebook_tend(run, insist, accounts);
    reconcile_all(accounts);
    run->shopping--;
    g_free(accounts);
}

static void begin(struct run *run, const char *purpose, void (*fn)(void *arg)) {
    if (!run_sees(run, SEE_STATEMENTS)) {
        return;
    }
    struct accounts *accounts = g_new0(struct accounts, 1);
    accounts->run = run;
    run_prng(run, &accounts->prng, purpose, 0);
    accounts->files = strcmp(purpose, "accounts") == 0 ? 0 : 1000;
    run->shopping++;
    sim_process_run(run->shop_process, purpose, fn, accounts);
}

void accounts_open(struct run *run) {
    begin(run, "accounts", in_trouble);
}

void accounts_close(struct run *run) {
    begin(run, "accounts-last", in_peace);
}
