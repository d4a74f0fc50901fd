/* SPDX-License-Identifier: Apache-2.0
 * oracle.c: what must be true: of the store after every commit and, once everything is quiet, of
 * the store, the gateways' own books and every word that anybody was given, taken together.
 *
 * Each check has a name; the table in docs/simulator.md says which planted fault it catches. */
#include <stdio.h>
#include <string.h>

#include "api/service_impl.h"
#include "base/json.h"
#include "payment/payments.h"
#include "sandbox/sandbox_impl.h"
#include "sim/bank_rows.h"
#include "sim/gateways.h"
#include "sim/held.h"
#include "sim/oracle_impl.h"
#include "sim/responders.h"
#include "sim/rulebook.h"

enum { PAGES_MAX = 100, KEY_BEGIN_CHARS = 12 };

/* ---- after a commit ---- */

static void fail_broken(struct run *run, const json_t *broken, const char *when) {
    const json_t *first = json_array_get(broken, 0);
    const char *rule = json_peek_text(first, "rule", NULL);
    const char *what = json_peek_text(first, "what", NULL);
    const char *id = json_peek_text(first, "id", NULL);
    run_fail(run, rule != NULL ? rule : "I?", id != NULL ? id : "", "%s: %s (%s)", when,
             what != NULL ? what : "?", id != NULL ? id : "?");
}

static void verify(struct run *run, const char *when) {
    struct err err = {0};
    struct answer answer = {0};
    if (payments_verify_store(run->look, run->rules, &answer, &err) < 0) {
        answer_release(&answer);         /* the same rules are asked again after the next commit */
        if (run->phase != RUN_TROUBLE) { /* in which the disk may be in trouble as well */
            run_fail(run, "answer", "", "%s: the rules cannot be asked: %s", when, err.detail);
        }
        return;
    }
    run->outcome->looks++;
    run->rules = 0;
    json_t *json = json_loads(answer.json, 0, NULL);
    const json_t *broken = json_peek(json, "broken", NULL);
    if (json_array_size(broken) > 0) {
        fail_broken(run, broken, when);
    }
    json_decref(json);
    answer_release(&answer);
}

/* ---- counting in the store ---- */

static int count_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct count *count = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = count->text != NULL ? sql_query(tx, err, &rows, count->sql, S_TEXT(count->text))
                                : sql_query(tx, err, &rows, count->sql);
    r = r < 0 ? r : sql_next(rows, err);
    count->found = r > 0 ? sql_int(rows, 0) : -1;
    const char *text = r > 0 ? sql_text(rows, 1) : NULL;
    snprintf(count->first, sizeof count->first, "%s", text != NULL ? text : "");
    return r < 0 ? r : 0;
}

bool oracle_count(struct run *run, struct count *count) {
    struct err err = {0};
    return store_read(run->look, count_tx, count, &err) >= 0 && count->found >= 0;
}

const char *oracle_text(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return text != NULL ? text : "";
}

/* A callback says "charged" (1) and counts as applied: then it shows, or a person is told, or a
 * till took it back. */
static void check_applied(struct run *run) {
    struct err err = {0};
    struct count count = {
        .sql = "SELECT COUNT(*), MIN(c.id) FROM callback c WHERE c.state = 2 AND c.subject = 1 AND "
               "c.payment_id <> '' AND "
               /* In this order, which CASE keeps: what is said is dear to read. */
               "CASE WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = c.payment_id AND "
               "a.state = 6) THEN 0 WHEN EXISTS (SELECT 1 FROM review_case r WHERE r.payment_id = "
               "c.payment_id) THEN 0 WHEN EXISTS (SELECT 1 FROM operation o WHERE o.payment_id = "
               "c.payment_id AND (o.state IN (1, 2, 3) OR (o.state = 4 AND o.actor = "
               "'rule:till'))) THEN 0 ELSE json_extract(c.event, "
               "'$.outcome') = 1 END"};
    if (store_read(run->look, count_tx, &count, &err) >= 0 && count.found > 0) {
        run_fail(run, "I5", count.first, "callback %s counts as applied, and nothing shows it",
                 count.first);
    }
}

void oracle_commit(struct run *run) {
    bool payments = (run->rules & payments_rules_about("UPDATE payment")) != 0;
    if (!run_failed(run) && run->rules != 0) {
        verify(run, "after a commit");
    }
    if (!run_failed(run) && run->applied) {
        run->applied = false;
        check_applied(run);
    }
    if (!run_failed(run) && payments) {
        held_commit(run);
    }
    if (!run_failed(run) && run->rulebook != NULL && run->rulebook->changed) {
        oracle_repairs(run);
    }
    if (!run_failed(run) && incidents_changed(run)) {
        oracle_incidents(run);
    }
}

/* The first name of ours ("att_01J…", "re_01J…") in what a wallet is asked; UnionPay's have no '_'.
 * NULL: it asks for nothing of ours. free(). */
static char *name_in(const char *text) {
    static const char *const kinds[] = {"att", "re"};
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (const char *at = text; *at != '\0'; at++) {
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            size_t count = strlen(kinds[i]);
            const char *from = at + count;
            if (strncmp(at, kinds[i], count) != 0) {
                continue;
            }
            from += *from == '_' ? 1 : 0;
            if (strspn(from, letters) == ID_ULID_CHARS) {
                return g_strdup_printf("%s_%.*s", kinds[i], ID_ULID_CHARS, from);
            }
        }
    }
    return NULL;
}

/* What Stripe and PayPal know a request by stands in its head, with the number of the try. */
static char *reference_of(enum sb_gateway gateway, const struct http_request *request) {
    static const char *const names[] = {"Idempotency-Key", "PayPal-Request-Id"};
    if (gateway != SB_STRIPE && gateway != SB_PAYPAL) {
        return name_in(request->body != NULL ? request->body : "");
    }
    const char *key = http_header_find(request->headers, request->header_count,
                                       names[gateway == SB_PAYPAL]);
    bool ours = key != NULL && strncmp(key, RUN_DESK_KEY, sizeof RUN_DESK_KEY - 1) != 0;
    return ours ? g_strndup(key, strcspn(key, "-")) : NULL;
}

/* The order that the reference is of, kept with it; a row that is not there breaks I2. */
static void look_up(struct run *run, const struct http_request *request, const char *reference) {
    struct count count = {
        .sql = "SELECT (SELECT COUNT(*) FROM attempt WHERE id = $1) + (SELECT COUNT(*) FROM "
               "operation WHERE id = $1) + (SELECT COUNT(*) FROM dispute WHERE id = $1), (SELECT "
               "order_id FROM payment WHERE id IN (SELECT payment_id FROM attempt WHERE id = $1 "
               "UNION ALL SELECT payment_id FROM operation WHERE id = $1))",
        .text = reference};
    sim_hold(run->world);
    bool asked = oracle_count(run, &count);
    sim_unhold(run->world);
    if (asked && count.found != 1) {
        run_fail(run, "I2", reference, "%s %s was sent for %s, which has no row", request->method,
                 request->path, reference);
    }
    g_hash_table_insert(run->referred, g_strdup(reference), g_strdup(asked ? count.first : ""));
}

/* A gateway is asked to move money: its reference has a row by now (I2). Looked up when it is seen
 * for the first time; when nobody can look just now, check_intents() does so in the end. */
void oracle_called(struct run *run, enum sb_gateway gateway, const struct http_request *request) {
    bool asks = strcmp(request->method, "POST") == 0 && !run_failed(run);
    char *reference = asks ? reference_of(gateway, request) : NULL;
    if (reference == NULL) {
        return;
    }
    if (!g_hash_table_contains(run->referred, reference)) {
        g_ptr_array_add(run->references, g_strdup(reference));
        if (run->look != NULL) {
            look_up(run, request, reference);
        } else {
            g_hash_table_insert(run->referred, g_strdup(reference), g_strdup(""));
        }
    }
    const char *order = g_hash_table_lookup(run->referred, reference);
    sim_say(run->world, "#%llu asks for %s%s%s", (unsigned long long)sim_net_number(request),
            reference, order[0] != '\0' ? " of " : "", order);
    g_free(reference);
}

/* ---- when all is quiet ---- */

static const struct {
    const char *what, *sql;
} restless[] = {
    {"attempts without an end",
     "SELECT COUNT(*), MIN(a.id || ', state ' || a.state || COALESCE((SELECT ', ' || o.id || ' "
     "kind ' "
     "|| o.kind || ' state ' || o.state || ' outcome ' || o.outcome || ' tries ' || o.tries FROM "
     "operation o WHERE o.attempt_id = a.id ORDER BY o.id DESC LIMIT 1), '') || COALESCE((SELECT "
     "', "
     "job ' || j.kind || ' tries ' || j.attempts || ' due ' || j.due_us || ' ' || j.last_error "
     "FROM "
     "job j WHERE j.key = a.id LIMIT 1), ', no job')) FROM attempt a WHERE a.state IN (1, 2, 3, "
     "4)"},
    {"captures, cancellations and refunds without an end",
     "SELECT COUNT(*), MIN(id || ' of ' || payment_id || ': kind ' || kind || ', state ' || state "
     "|| "
     "', outcome ' || outcome) FROM operation WHERE state IN (1, 2, 3)"},
    {"payments under way", "SELECT COUNT(*), MIN(id) FROM payment WHERE state IN (1, 2)"},
    {"callbacks that are not processed",
     "SELECT COUNT(*), MIN(c.id || ', state ' || c.state || ', ' || COALESCE((SELECT 'its job is "
     "due at ' || j.due_us || ', tries ' || j.attempts || ', lease ' || j.lease || ', parked ' || "
     "j.parked_us || ' ' || j.last_error FROM job j WHERE j.key = c.id), 'no job')) FROM callback "
     "c "
     "WHERE c.state IN (1, 4)"},
    {"webhooks that are not delivered",
     "SELECT COUNT(*), MIN(id) FROM webhook_delivery WHERE state = 1"},
    /* One whose money came late, when it counted as failed, waits for a person. */
    {"renewals under way",
     "SELECT COUNT(*), MIN(id) FROM invoice i WHERE trying = 1 AND NOT EXISTS (SELECT 1 FROM "
     "payment p WHERE p.id = i.payment_id AND p.state IN (6, 7) AND p.holds_order = 1)"},
    {"subscriptions whose first charge nobody begins",
     "SELECT COUNT(*), MIN(id) FROM subscription WHERE state = 1 AND period = 0"},
    /* What latecomers have left behind is paid by nobody. */
    /* Nor is what a stopped rule had planned. */
    {"jobs",
     "SELECT COUNT(*), MIN(kind || ' ' || key || ' due ' || due_us || ' tries ' || attempts || "
     "' parked ' || parked_us || ' ' || last_error || COALESCE((SELECT ' kind ' || o.kind || "
     "' state ' || o.state || ' outcome ' || o.outcome || ' ' || o.code || ' at ' || o.gateway || "
     "' of ' || o.payment_id FROM operation o WHERE o.id = job.key), '')) FROM job WHERE kind "
     /* Those that stand as long as what they are about does. */
     "NOT IN ('renewal', 'dispute', 'ticket_due', 'statement_sweep', 'incidents', 'alerts', "
     "'playbooks') AND "
     "NOT EXISTS (SELECT 1 FROM attempt a JOIN payment p ON "
     "p.id = a.payment_id WHERE a.id = job.key AND a.state = 9 AND p.order_id LIKE 'late-%') AND "
     /* A refund that a callback has ended leaves the job that would have asked: when its time comes
      * it finds nothing to do. */
     "NOT (kind = 'resolve_operation' AND EXISTS (SELECT 1 FROM operation o WHERE o.id = job.key "
     "AND o.state IN (4, 5))) AND "
     /* Nobody is asked how a transfer stands: its job waits for its day, whatever has come. */
     "NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = job.key AND a.gateway = '" BANK_NAME
     "' AND a.state > 4) AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.id = job.key AND "
     "o.gateway = '" BANK_NAME "' AND o.state > 3) AND NOT EXISTS (SELECT 1 FROM attempt a JOIN "
     "payment p ON p.id = a.payment_id WHERE p.id = job.key AND p.state > 4 AND a.gateway = "
     "'" BANK_NAME "') AND NOT (kind = 'repair' AND EXISTS (SELECT 1 FROM repair r, repair_switch "
     "s WHERE r.break_id = job.key AND r.state IN (1, 2) AND s.stopped = 1))"},
    /* An open dispute is watched until the bank decides; what we say to it arrives. */
    {"answers to disputes that are not there yet",
     "SELECT COUNT(*), MIN(id) FROM dispute WHERE answer_state IN (1, 2)"},
};

/* A breaker that has something to close on only when somebody buys there. */
struct open_breaker {
    char gateway[GATEWAY_NAME_CHARS_MAX + 1], operation[24], state[24];
};

static void look_at_breaker(struct run *run, const char *gateway, const json_t *breaker,
                            struct open_breaker *open) {
    const char *operation = oracle_text(breaker, "operation");
    const char *state = oracle_text(breaker, "breaker");
    /* WeChat Pay takes no request that is signed in another five minutes than its own. */
    bool by_clock = run_sees(run, SEE_CLOCK) && strcmp(gateway, sim_gateway(SB_WECHAT)->name) == 0;
    if (run->calm && json_peek_text(breaker, "opened_at", NULL) != NULL && !by_clock) {
        run_fail(run, "breaker", "", "a breaker of %s (%s) opened, and nothing was wrong: %s",
                 gateway, operation, oracle_text(breaker, "why"));
    }
    /* Questions are asked past their breakers, and only when there is something to ask. */
    bool asks = strncmp(operation, "query", 5) == 0;
    /* Only behind the links of held orders does anybody choose PayPal itself, and none is left. */
    asks = asks || strcmp(oracle_text(breaker, "method"), "paypal") == 0;
    if (open->gateway[0] == '\0' && !asks && strcmp(state, "closed") != 0 && state[0] != '\0') {
        snprintf(open->gateway, sizeof open->gateway, "%s", gateway);
        snprintf(open->operation, sizeof open->operation, "%s", operation);
        snprintf(open->state, sizeof open->state, "%s", state);
    }
}

/* False: nobody says how they are. `ret_open` has no gateway when all are closed. */
static bool look_at_breakers(struct run *run, struct open_breaker *ret_open) {
    json_t *answer = NULL;
    int status = 0;
    size_t i, k;
    json_t *gateway, *breaker;
    *ret_open = (struct open_breaker){"", "", ""};
    if (!stage_ask(run, "GET", "/v1/gateways", NULL, &status, &answer)) {
        return false;
    }
    json_array_foreach((json_t *)json_peek(answer, "data", NULL), i, gateway) {
        json_array_foreach((json_t *)json_peek(gateway, "health", NULL), k, breaker) {
            look_at_breaker(run, oracle_text(gateway, "name"), breaker, ret_open);
        }
    }
    json_decref(answer);
    return true;
}

bool oracle_quiet(struct run *run, char *ret_why, size_t bytes) {
    size_t waiting = 0;
    int busy = 0;
    sb_clerk_count(&run->sandbox->clerk, &waiting, &busy);
    if (waiting > 0 || busy > 0) {
        snprintf(ret_why, bytes, "%zu callbacks are not sent yet", waiting + (size_t)busy);
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(restless); i++) {
        struct err err = {0};
        struct count count = {.sql = restless[i].sql, .found = -1};
        if (store_read(run->look, count_tx, &count, &err) < 0 || count.found != 0) {
            snprintf(ret_why, bytes, "%lld %s (%s)", (long long)count.found, restless[i].what,
                     count.first);
            return false;
        }
    }
    struct open_breaker open;
    enum sb_gateway gateway = SB_STRIPE;
    if (!look_at_breakers(run, &open)) {
        snprintf(ret_why, bytes, "nobody says how the gateways are");
        return false;
    }
    if (open.gateway[0] == '\0') {
        return held_rests(run, ret_why, bytes);
    }
    snprintf(ret_why, bytes, "a breaker of %s (%s) is %s", open.gateway, open.operation,
             open.state);
    if (sim_gateway_find(open.gateway, &gateway)) {
        shop_latecomer(run, gateway, open.operation);
    }
    return false;
}

/* ---- at the end: lists ---- */

json_t *oracle_list(struct run *run, const char *path) {
    json_t *all = json_array();
    char next[512];
    snprintf(next, sizeof next, "%s%slimit=100", path, strchr(path, '?') != NULL ? "&" : "?");
    for (int page = 0; page < PAGES_MAX; page++) {
        json_t *answer = NULL;
        int status = 0;
        if (!stage_ask(run, "GET", next, NULL, &status, &answer) || status != 200) {
            json_decref(answer);
            run_fail(run, "answer", "", "%s: %d", next, status);
            return all;
        }
        json_array_extend(all, (json_t *)json_peek(answer, "data", NULL));
        const char *cursor = json_peek_text(answer, "next_cursor", NULL);
        if (cursor == NULL) {
            json_decref(answer);
            return all;
        }
        snprintf(next, sizeof next, "%s%slimit=100&cursor=%s", path,
                 strchr(path, '?') != NULL ? "&" : "?", cursor);
        json_decref(answer);
    }
    run_fail(run, "answer", "", "%s has no last page", path);
    return all;
}

static void end_read(struct end *end) {
    struct run *run = end->run;
    size_t i, k;
    json_t *payment, *part;
    json_t *all = oracle_list(run, "/v1/payments");
    end->payments = json_object();
    end->stories = json_object();
    end->attempts = json_object();
    end->operations = json_object();
    end->cases = oracle_list(run, "/v1/cases?all=1");
    end->disputes = oracle_list(run, "/v1/disputes");
    json_array_foreach(all, i, payment) {
        char path[128];
        json_t *story = NULL;
        int status = 0;
        const char *id = json_peek_text(payment, "id", NULL);
        json_object_set(end->payments, id, payment);
        snprintf(path, sizeof path, "/v1/payments/%s/events", id);
        if (!stage_ask(run, "GET", path, NULL, &status, &story) || status != 200) {
            run_fail(run, "answer", id, "%s: %d", path, status);
        }
        json_object_set_new(end->stories, id, story);
        /* A job may have been there since the list was told. */
        json_t *told = (json_t *)json_peek(story, "payment", NULL);
        bool same = json_peek_int(told, -1, "version", NULL) ==
                    json_peek_int(payment, -2, "version", NULL);
        if (same && !json_equal(told, payment)) {
            run_fail(run, "promise", id, "%s: its story and the list tell of it differently", id);
        } else if (json_is_object(told)) {
            json_object_set(end->payments, id, told);
        }
        json_array_foreach((json_t *)json_peek(story, "attempts", NULL), k, part) {
            json_object_set_new(part, "payment_id", json_string(id));
            json_object_set(end->attempts, oracle_text(part, "id"), part);
        }
        json_array_foreach((json_t *)json_peek(story, "operations", NULL), k, part) {
            json_object_set(end->operations, oracle_text(part, "id"), part);
        }
        run->outcome->payments++;
        run->outcome->unknowns += json_is_true(json_peek(payment, "was_unknown", NULL));
    }
    json_decref(all);
}

/* ---- at the end: the rest ---- */

static void check_forgeries(struct end *end) {
    for (int i = 0; i < SB_GATEWAYS; i++) {
        int64_t accepted = end->run->sandbox->events[i].counts.forged_accepted;
        if (accepted > 0) {
            run_fail(end->run, "forgery", "", "%lld forged callbacks were accepted",
                     (long long)accepted);
        }
    }
}

/* CB-5: a callback that tells of another amount than we asked for is never just applied. */
static void check_mismatches(struct end *end) {
    struct count count = {
        .sql = "SELECT COUNT(*), MIN(c.id) FROM callback c JOIN payment p ON p.id = c.payment_id "
               "WHERE c.state = 2 AND c.subject = 1 AND p.capture_later = 0 AND "
               "json_extract(c.event, '$.outcome') = 1 AND "
               "json_extract(c.event, '$.amount_minor') >= 0 AND "
               "json_extract(c.event, '$.amount_minor') <> p.amount_minor AND NOT EXISTS (SELECT 1 "
               "FROM review_case r WHERE r.payment_id = p.id)"};
    if (oracle_count(end->run, &count) && count.found > 0) {
        run_fail(end->run, "case", count.first,
                 "callback %s tells of another amount, and nobody was told", count.first);
    }
}

/* No card is asked more often than its network allows, and none again that its bank refused for
 * good: by what each attempt says itself, of the same token, as far as the answers were there when
 * the next one was sent. A clock that jumps leaves no order in their times. */
static void check_cards(struct end *end) {
    static const char *const broken[] = {
        /* The words by which the cards of the shop are refused for good. A wallet has no token. */
        "SELECT COUNT(*), MIN(a.id) FROM attempt a WHERE a.token <> '' AND EXISTS (SELECT 1 FROM "
        "attempt d WHERE d.token = a.token AND d.state = 7 AND d.settled_us < a.created_us AND "
        "d.common_code IN ('stolen_card', 'lost_card', 'lost_or_stolen_card'))",
        /* Fifteen: all cards of the shop are Visa's, though not every answer says so. */
        "SELECT COUNT(*), MIN(a.id) FROM attempt a WHERE a.token <> '' AND (SELECT COUNT(*) FROM "
        "attempt d WHERE d.token = a.token AND d.state = 7 AND d.settled_us < a.created_us AND "
        "d.created_us > a.created_us - 2592000000000) >= 15",
    };
    for (size_t i = 0; !run_sees(end->run, SEE_CLOCK) && i < COUNT_OF(broken); i++) {
        struct count count = {.sql = broken[i]};
        if (oracle_count(end->run, &count) && count.found > 0) {
            run_fail(end->run, "card", count.first, "attempt %s asked a card that was %s",
                     count.first, i == 0 ? "refused for good" : "declined fifteen times");
        }
    }
}

/* What was done with a key is on the audit log. */
static void check_key_audit(struct run *run, int key) {
    static const char *const wanted[] = {
        "SELECT COUNT(*), '' FROM audit_entry WHERE subject = $1 AND action = 'key.create'",
        "SELECT COUNT(*), '' FROM audit_entry WHERE subject = $1 AND action = 'key.revoke'"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        struct count count = {.sql = wanted[i], .text = run->key_ids[key]};
        if ((i == 0 || run->revoked[key]) && (!oracle_count(run, &count) || count.found != 1)) {
            run_fail(run, "I8", run->key_ids[key], "the audit log says %lld times that %s was %s",
                     (long long)count.found, run->key_ids[key], i == 0 ? "made" : "revoked");
        }
    }
}

static void check_audit(struct end *end) {
    for (int i = 0; i < end->run->key_count; i++) {
        check_key_audit(end->run, i);
    }
    json_t *answer = NULL;
    int status = 0;
    if (!stage_ask(end->run, "GET", "/internal/api/audit/verify", NULL, &status, &answer) ||
        status != 200 || !json_is_true(json_peek(answer, "whole", NULL))) {
        run_fail(end->run, "I8", "", "the audit log does not verify (%d)", status);
    }
    json_decref(answer);
}

/* What a gateway was told that we have, we have. */
static void check_acknowledged(struct end *end) {
    struct run *run = end->run;
    GList *all = g_list_sort(g_hash_table_get_keys(run->acknowledged), (GCompareFunc)strcmp);
    for (const GList *at = all; at != NULL && !run_failed(run); at = at->next) {
        struct err err = {0};
        struct count count = {
            .sql = "SELECT COUNT(*), '' FROM callback WHERE gateway || ' ' || event_id = $1",
            .text = at->data};
        if (store_read(run->look, count_tx, &count, &err) < 0 || count.found != 1) {
            run_fail(run, "I3", "", "callback %s was acknowledged and is not there",
                     (const char *)at->data);
        }
    }
    g_list_free(all);
}

/* What nobody may find on the disk or in the log: all that customers and operators were given, and
 * what the gateways know us by. Of what is made by the dozen the beginning is enough; but "hk_"
 * alone is three bytes that a torn sector has by chance. */
static void check_secrets(struct end *end) {
    static const char *const secrets[] = {
        SIM_CARD_NUMBER,
        SIM_MASTER_KEY_HEX,
        SIM_MASTER_KEY,
        SANDBOX_STRIPE_KEY,
        SANDBOX_PAYPAL_CLIENT_SECRET,
        "A21AA177", /* PayPal's access tokens, which say when they end */
        "whsec_",   /* Stripe's for callbacks, and each that our own webhooks are signed with */
    };
    struct run *run = end->run;
    const char *texts[COUNT_OF(secrets) + RUN_KEYS_MAX + HELD_ORDERS_MAX];
    char keys[RUN_KEYS_MAX][KEY_BEGIN_CHARS + 1];
    int count = (int)COUNT_OF(secrets);
    memcpy(texts, secrets, sizeof secrets);
    for (int i = 0; i < run->key_count && i < RUN_KEYS_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "%.*s", KEY_BEGIN_CHARS, run->keys[i]);
        texts[count++] = keys[i];
    }
    count += held_secrets(run, texts + count, HELD_ORDERS_MAX);
    char *log = run_log(run);
    int found = sim_disk_holds(run->disk, texts, count);
    if (found >= 0) {
        run_fail(run, "I9", "", "the disk holds %.8s…", texts[found]);
    }
    for (int i = 0; i < count && !run_failed(run); i++) {
        if (strstr(log, texts[i]) != NULL) {
            run_fail(run, "I9", "", "the log holds %.8s…", texts[i]);
        }
    }
    free(log);
}

void oracle_end(struct run *run) {
    struct end end = {.run = run};
    void (*const checks[])(struct end *) = {
        check_intents, check_promises,   check_untold,     check_one_body_a_key, check_acknowledged,
        check_cases,   check_mismatches, check_switches,   check_charged_once,   check_old_codes,
        check_books,   check_ledger,     check_reconciled, check_forgeries,      check_webhooks,
        check_audit,   check_same_again, check_secrets,    check_subscriptions,  check_cards,
        check_fraud,   check_bank,       check_held,       check_queued,         check_by_hand,
        check_modes,   check_repairs,    check_incidents,
    };
    run->rules = PAYMENTS_RULES_ALL;
    verify(run, "at the end");
    end_read(&end);
    for (size_t i = 0; i < COUNT_OF(checks) && !run_failed(run); i++) {
        checks[i](&end);
    }
    json_decref(end.payments);
    json_decref(end.stories);
    json_decref(end.attempts);
    json_decref(end.operations);
    json_decref(end.disputes);
    json_decref(end.cases);
}
