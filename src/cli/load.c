/* SPDX-License-Identifier: Apache-2.0
 * load.c: `holdfast load`: sends the plan's orders, counts what came of them, and tells. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/signal.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/latencies.h"
#include "cli/load_plan.h"
#include "cli/talk.h"
#include "net/http_client.h"
#include "net/load_client.h"

#define DURATION_US (10 * US_PER_SECOND)
#define DURATION_US_MAX (INT64_C(7) * 86400 * US_PER_SECOND)
#define LATE_US (5 * US_PER_MS)
#define DRAW_US (200 * US_PER_MS)
enum { HEADERS_BYTES_MAX = 2048, CODES_MAX = 24, URL_CHARS_MAX = 1024 };

/* What may come of an order; the first are answers with a payment, the last were never answered. */
enum outcome {
    OUT_SUCCEEDED,
    OUT_AUTHORIZED,
    OUT_PROCESSING,
    OUT_ACTION,
    OUT_DECLINED,
    OUT_REFUSED, /* 4xx */
    OUT_BUSY,    /* 429 and 503: come again later */
    OUT_BROKEN,  /* other 5xx */
    OUT_UNANSWERED,
    OUT_COUNT
};
static const struct {
    const char *name, *what;
    bool bad;
} outcomes[] = {
    [OUT_SUCCEEDED] = {"succeeded", "the money was taken", false},
    [OUT_AUTHORIZED] = {"authorized", "the money is held", false},
    [OUT_PROCESSING] = {"processing", "answered 202: the outcome is not known yet", false},
    [OUT_ACTION] = {"requires_action", "the customer must do something", false},
    [OUT_DECLINED] = {"failed", "declined, or no gateway took it", false},
    [OUT_REFUSED] = {"refused", "the request itself was wrong (4xx)", true},
    [OUT_BUSY] = {"busy", "over a limit: 429 or 503", true},
    [OUT_BROKEN] = {"broken", "5xx", true},
    [OUT_UNANSWERED] = {"unanswered", "no answer came", true},
};
static_assert(COUNT_OF(outcomes) == OUT_COUNT, "every outcome has a row");

struct run {
    struct cli *cli;
    struct load_plan plan;
    struct load_client_options options;
    char headers[HEADERS_BYTES_MAX];
    int64_t by_outcome[OUT_COUNT], by_failure[LOAD_FAILURE_COUNT];
    char first_refusal[256];      /* the first 4xx or 5xx, in words */
    struct latencies all, window; /* the window begins anew with each drawing */
    int64_t window_answers, window_us, waited_max_us;
    int64_t draw_us;
    bool stopped;
};

/* ---- counting ---- */

static enum outcome outcome_of_payment(const struct load_result *result) {
    static const struct {
        const char *state;
        enum outcome outcome;
    } states[] = {
        {"succeeded", OUT_SUCCEEDED},    {"authorized", OUT_AUTHORIZED},
        {"processing", OUT_PROCESSING},  {"created", OUT_PROCESSING},
        {"requires_action", OUT_ACTION}, {"failed", OUT_DECLINED},
        {"canceled", OUT_DECLINED},
    };
    static const char key[] = "\"state\":\"";
    const char *at = strstr(result->body, key);
    for (size_t i = 0; at != NULL && i < COUNT_OF(states); i++) {
        if (strncmp(at + sizeof key - 1, states[i].state, strlen(states[i].state)) == 0) {
            return states[i].outcome;
        }
    }
    return OUT_BROKEN;
}

static enum outcome outcome_of(const struct load_result *result) {
    if (result->failure != LOAD_ANSWERED) {
        return OUT_UNANSWERED;
    }
    if (result->status < 300) {
        return outcome_of_payment(result);
    }
    bool busy = result->status == 429 || result->status == 503;
    return busy ? OUT_BUSY : result->status < 500 ? OUT_REFUSED : OUT_BROKEN;
}

static void keep_refusal(struct run *run, const struct load_result *result) {
    struct err ignored = {0};
    JSON_AUTO problem = NULL;
    if (json_read(result->body, result->body_bytes, LOAD_BODY_BYTES_MAX, JSON_DEPTH_MAX, &problem,
                  &ignored) >= 0) {
        const char *detail = field_text(problem, "detail"), *place = field_text(problem, "place");
        snprintf(run->first_refusal, sizeof run->first_refusal, "%d %.60s%s%.120s%s%.40s",
                 result->status, field_word(problem, "title"), detail != NULL ? ": " : "",
                 detail != NULL ? detail : "", place != NULL ? ", at " : "",
                 place != NULL ? place : "");
    } else {
        snprintf(run->first_refusal, sizeof run->first_refusal, "%d", result->status);
    }
}

static void done(void *ctx, const struct load_result *result) {
    struct run *run = ctx;
    enum outcome outcome = outcome_of(result);
    run->by_outcome[outcome]++;
    run->by_failure[result->failure]++;
    if (outcomes[outcome].bad && result->failure == LOAD_ANSWERED &&
        run->first_refusal[0] == '\0') {
        keep_refusal(run, result);
    }
    /* A refused connection is quick, and no answer: it must not make the figures better. Those
     * that were given up on count with the time they were waited for. */
    if (result->failure == LOAD_ANSWERED || result->failure == LOAD_TIMEOUT ||
        result->failure == LOAD_NOT_SENT) {
        latencies_add(&run->all, result->latency_us);
        latencies_add(&run->window, result->latency_us);
    }
    run->window_answers += result->failure == LOAD_ANSWERED;
    if (result->waited_us > run->waited_max_us) {
        run->waited_max_us = result->waited_us;
    }
}

static bool next(void *ctx, struct load_order *order) {
    struct run *run = ctx;
    if (run->stopped) {
        return false;
    }
    return load_plan_next(&run->plan, &order->due_us, &order->headers, &order->body);
}

/* The plan has made one more, perhaps, that never left. */
static int64_t order_count(const struct run *run) {
    int64_t count = 0;
    for (int i = 0; i < LOAD_FAILURE_COUNT; i++) {
        count += run->by_failure[i];
    }
    return count;
}

static int64_t bad_count(const struct run *run) {
    int64_t bad = 0;
    for (int i = 0; i < OUT_COUNT; i++) {
        bad += outcomes[i].bad ? run->by_outcome[i] : 0;
    }
    return bad;
}

/* ---- while it runs ---- */

static void draw(struct run *run, const struct load_now *now) {
    char span[SHOW_CHARS_MAX], p50[SHOW_CHARS_MAX], p99[SHOW_CHARS_MAX], behind[SHOW_CHARS_MAX];
    char count[SHOW_CHARS_MAX], rate[SHOW_CHARS_MAX], bad[SHOW_CHARS_MAX + 16] = "";
    int64_t window_us = now->elapsed_us - run->window_us;
    int64_t per_second = window_us > 0 ? run->window_answers * US_PER_SECOND / window_us : 0;
    if (bad_count(run) > 0) {
        char plain[SHOW_CHARS_MAX];
        snprintf(bad, sizeof bad, "  failed %s", show_count(bad_count(run), plain));
    }
    fprintf(run->cli->screen.out,
            "\r\033[K%s  sent %s  %s/s  p50 %s  p99 %s  under way %d%s%s%s%s%s",
            show_span(now->elapsed_us, span), show_count(run->plan.made, count),
            show_count(per_second, rate), show_latency(latencies_percentile(&run->window, 50), p50),
            show_latency(latencies_percentile(&run->window, 99), p99), now->busy,
            now->behind_us > 0 ? "  behind by " : "",
            now->behind_us > 0 ? show_latency(now->behind_us, behind) : "",
            show_style_on(STYLE_BAD, run->cli->screen.colour), bad,
            show_style_off(STYLE_BAD, run->cli->screen.colour));
    fflush(run->cli->screen.out);
    latencies_clear(&run->window);
    run->window_answers = 0;
    run->window_us = now->elapsed_us;
}

static bool tick(void *ctx, const struct load_now *now) {
    struct run *run = ctx;
    if (run->cli->screen.live && !run->cli->json && now->elapsed_us >= run->draw_us) {
        run->draw_us = now->elapsed_us + DRAW_US;
        draw(run, now);
    }
    bool over = run->plan.rate <= 0 && run->plan.duration_us > 0 &&
                now->elapsed_us >= run->plan.duration_us;
    if (!run->stopped && signals_await(0) != 0) {
        run->stopped = true;
        signals_unblock(); /* a second Ctrl-C does not wait for answers */
    }
    return !over && !run->stopped;
}

/* ---- afterwards ---- */

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99.9", 99.9}};

static void print_head(const struct run *run, int64_t elapsed_us) {
    const struct cli *cli = run->cli;
    char sent[SHOW_CHARS_MAX], took[SHOW_CHARS_MAX], rate[SHOW_CHARS_MAX];
    int64_t answered = run->by_failure[LOAD_ANSWERED];
    int64_t tenths = elapsed_us > 0 ? answered * 10 * US_PER_SECOND / elapsed_us : 0;
    cli_say(cli, "%s%s orders in %s, %s.%lld answered a second", cli->screen.live ? "\r\033[K" : "",
            show_count(order_count(run), sent), show_latency(elapsed_us, took),
            show_count(tenths / 10, rate), (long long)(tenths % 10));
    if (run->options.closed) {
        cli_say(cli, " (%d always under way", run->options.connections_max);
    } else {
        cli_say(cli, " (%.10g a second were to come", run->plan.rate);
    }
    cli_say(cli, ", seed %llu)\n\n", (unsigned long long)run->plan.seed);
}

static void print_outcomes(const struct run *run) {
    TABLE_AUTO table = TABLE("OUTCOME", ">COUNT", ">SHARE", "~");
    for (int i = 0; i < OUT_COUNT; i++) {
        if (run->by_outcome[i] > 0) {
            table_styled(table, outcomes[i].bad ? STYLE_BAD : show_state_style(outcomes[i].name),
                         outcomes[i].name);
            table_count(table, run->by_outcome[i]);
            table_cellf(table, "%.2f %%",
                        100.0 * (double)run->by_outcome[i] / (double)order_count(run));
            table_cell(table, outcomes[i].what);
        }
    }
    for (int i = LOAD_NOT_SENT; i < LOAD_FAILURE_COUNT; i++) {
        if (run->by_failure[i] > 0) {
            table_cellf(table, "  %s", load_failure_name((enum load_failure)i));
            table_count(table, run->by_failure[i]);
            table_blank(table);
            table_blank(table);
        }
    }
    table_print(table, run->cli, "No order was sent.");
}

static void print_latency(const struct run *run) {
    const char *names[TABLE_COLUMNS_MAX] = {"LATENCY"};
    char heads[COUNT_OF(percentiles)][16], text[SHOW_CHARS_MAX];
    int count = 1;
    for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
        snprintf(heads[i], sizeof heads[i], ">%s", percentiles[i].name);
        names[count++] = heads[i];
    }
    names[count++] = ">max";
    names[count++] = ">mean";
    names[count] = NULL;
    TABLE_AUTO table = table_new(names);
    table_cell(table, run->options.closed ? "from sending" : "from the moment it was due");
    for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
        table_cell(table,
                   show_latency(latencies_percentile(&run->all, percentiles[i].percent), text));
    }
    table_cell(table, show_latency(run->all.max_us, text));
    table_cell(table, show_latency(latencies_mean(&run->all), text));
    cli_say(run->cli, "\n");
    table_print(table, run->cli, NULL);
    if (!run->options.closed && run->waited_max_us > LATE_US) {
        cli_say(
            run->cli,
            "\nOrders left up to %s after they were due: all %d connections (--concurrency) were "
            "busy,\nor this machine was. That is counted in the latency.\n",
            show_latency(run->waited_max_us, text), run->options.connections_max);
    }
    if (run->first_refusal[0] != '\0') {
        char *clean = show_clean(run->first_refusal);
        cli_say(run->cli, "\nThe first refusal: %s\n", clean);
        free(clean);
    }
}

static void print_json(const struct run *run, int64_t elapsed_us) {
    int64_t answered = run->by_failure[LOAD_ANSWERED];
    int64_t per_second = elapsed_us > 0 ? answered * US_PER_SECOND / elapsed_us : 0;
    JSON_AUTO answer = json_pack(
        "{s:s,s:I,s:I,s:I,s:I,s:f,s:i}", "model", run->options.closed ? "closed" : "open", "orders",
        (json_int_t)order_count(run), "answered", (json_int_t)answered, "elapsed_us",
        (json_int_t)elapsed_us, "answered_per_second", (json_int_t)per_second, "rate",
        run->plan.rate, "concurrency", run->options.connections_max);
    JSON_AUTO counts = json_object();
    JSON_AUTO failures = json_object();
    JSON_AUTO latency = json_object();
    for (int i = 0; i < OUT_COUNT; i++) {
        json_object_set_new(counts, outcomes[i].name, json_integer(run->by_outcome[i]));
    }
    for (int i = LOAD_NOT_SENT; i < LOAD_FAILURE_COUNT; i++) {
        json_object_set_new(failures, load_failure_name((enum load_failure)i),
                            json_integer(run->by_failure[i]));
    }
    for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
        json_object_set_new(latency, percentiles[i].name,
                            json_integer(latencies_percentile(&run->all, percentiles[i].percent)));
    }
    json_object_set_new(latency, "max", json_integer(run->all.max_us));
    json_object_set_new(latency, "mean", json_integer(latencies_mean(&run->all)));
    json_object_set_new(answer, "seed", json_integer((json_int_t)run->plan.seed));
    json_object_set(answer, "outcomes", counts);
    json_object_set(answer, "unanswered", failures);
    json_object_set(answer, "latency_us", latency);
    json_object_set_new(answer, "decline_tokens_sent", json_integer(run->plan.declined_made));
    json_object_set_new(answer, "first_refusal", json_string(run->first_refusal));
    char *line = json_write(answer);
    talk_print_json(run->cli, line);
    free(line);
}

/* ---- tokens that fit the gateways ---- */

/* The sandbox's own names of what is charged and what is declined, by adapter: a card a customer,
 * since one that was declined too often is not asked again. */
static const struct {
    const char *adapter, *token, *decline;
} sandbox_tokens[] = {
    {"stripe", "pm_card_visa.*", "pm_card_chargeDeclined.*"},
    {"paypal", "vault_visa.*", "vault_declined_INSTRUMENT_DECLINED.*"},
};

static int ask_gateways(struct run *run, const struct secret *key, json_t **ret_rows,
                        struct err *err) {
    char url[URL_CHARS_MAX], bearer[HEADERS_BYTES_MAX];
    struct http_header header = {"Authorization", bearer};
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    snprintf(url, sizeof url, "%.900s/v1/gateways", run->options.url);
    snprintf(bearer, sizeof bearer, "Bearer %.1024s", key != NULL ? secret_bytes(key) : "");
    struct http_call call = {.method = "GET",
                             .url = url,
                             .headers = &header,
                             .header_count = key != NULL ? 1 : 0,
                             .timeout_us = 10 * US_PER_SECOND,
                             .repeatable = true};
    if (run->cli->client == NULL &&
        http_client_new(&(struct http_client_options){.connections_max = 1}, &run->cli->client,
                        err) < 0) {
        return -err->code;
    }
    int r = http_call(run->cli->client, &call, &answer, err);
    explicit_bzero(bearer, sizeof bearer);
    if (r < 0) {
        err_set(err, ERR_UNREACHABLE, "%.120s does not answer (%s)", run->options.url,
                http_failure_name(answer.failure));
        return err_hint(err, "It is the public listener that takes payments: --target URL.");
    }
    if (answer.status != 200) {
        err_set(err, answer.status == 401 ? ERR_UNAUTHENTICATED : ERR_VALIDATION,
                "%.120s answers %d when asked for its gateways", run->options.url, answer.status);
        return err_hint(err, "A key of role operator is needed (--key-ref), or --token says which "
                             "tokens to use.");
    }
    r = json_read(answer.body, answer.body_bytes, answer.body_bytes + 1, JSON_DEPTH_MAX, &json,
                  err);
    if (r >= 0) {
        *ret_rows = json_incref(json_object_get(json, "data"));
    }
    return r;
}

static int find_tokens(struct run *run, const struct secret *key, struct err *err) {
    JSON_AUTO rows = NULL;
    int r = ask_gateways(run, key, &rows, err);
    size_t i;
    json_t *gateway;
    json_array_foreach(rows, i, gateway) {
        for (size_t t = 0; t < COUNT_OF(sandbox_tokens); t++) {
            const char *name = field_word(gateway, "name");
            if (strcmp(field_word(gateway, "adapter"), sandbox_tokens[t].adapter) == 0) {
                json_object_set_new(run->plan.tokens, name, json_string(sandbox_tokens[t].token));
                json_object_set_new(run->plan.decline_tokens, name,
                                    json_string(sandbox_tokens[t].decline));
            }
        }
    }
    return r;
}

/* "TOKEN" or "GATEWAY=TOKEN", as often as they were given. */
static void take_tokens(const struct cli *cli, const char *option, json_t *tokens) {
    const char *text;
    for (int i = 0; (text = cli_text_at(cli, option, i)) != NULL; i++) {
        const char *equals = strchr(text, '=');
        char gateway[64];
        snprintf(gateway, sizeof gateway, "%.*s", equals != NULL ? (int)(equals - text) : 0, text);
        json_object_set_new(tokens, gateway, json_string(equals != NULL ? equals + 1 : text));
    }
}

/* ---- options ---- */

static int read_number(const struct cli *cli, const char *name, double *ret_value,
                       struct err *err) {
    const char *text = cli_text(cli, name);
    if (text == NULL) {
        return 0;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value <= 1e6)) {
        return err_set(err, ERR_USAGE, "--%s must be a number above 0 and at most 1,000,000", name);
    }
    *ret_value = value;
    return 0;
}

static int read_plan(struct run *run, struct err *err) {
    const struct cli *cli = run->cli;
    struct load_plan *plan = &run->plan;
    int64_t closed = 0, concurrency = 256, seed = (int64_t)(random_u64() >> 16);
    int r = cli_int(cli, "seed", 0, INT64_MAX, &seed, err);
    load_plan_init(plan, (uint64_t)seed);
    plan->rate = 10;
    r = r < 0 ? r : read_number(cli, "rate", &plan->rate, err);
    r = r < 0 ? r : cli_int(cli, "closed", 1, LOAD_CONNECTIONS_MAX, &closed, err);
    r = r < 0 ? r : cli_int(cli, "concurrency", 1, LOAD_CONNECTIONS_MAX, &concurrency, err);
    r = r < 0 ? r : cli_int(cli, "count", 1, INT64_MAX, &plan->count_max, err);
    plan->duration_us = plan->count_max > 0 ? 0 : DURATION_US;
    r = r < 0 ? r : cli_duration(cli, "duration", 1, DURATION_US_MAX, &plan->duration_us, err);
    r = r < 0 ? r
              : cli_duration(cli, "answer-within", US_PER_MS, DURATION_US_MAX,
                             &run->options.timeout_us, err);
    r = r < 0 ? r : load_mix_parse(cli_text_or(cli, "method", "card"), &plan->methods, err);
    r = r < 0 ? r : load_mix_parse(cli_text_or(cli, "currency", "USD"), &plan->currencies, err);
    r = r < 0 ? r : load_plan_amounts(plan, cli_text_or(cli, "amount", "1.00..200.00"), err);
    r = r < 0 ? r : load_plan_declines(plan, cli_text_or(cli, "decline", "0"), err);
    r = r < 0 ? r : load_plan_check(plan, err);
    if (r >= 0 && closed > 0 && (cli_given(cli, "rate") || cli_given(cli, "concurrency"))) {
        r = err_set(err, ERR_USAGE, "--closed has neither --rate nor --concurrency");
    }
    plan->rate = closed > 0 ? 0 : plan->rate;
    run->options.closed = closed > 0;
    run->options.connections_max = (int)(closed > 0 ? closed : concurrency);
    return r;
}

static int prepare(struct run *run, struct err *err) {
    const struct cli *cli = run->cli;
    SECRET_AUTO key = NULL;
    run->options.url = cli_text_or(cli, "target", "http://127.0.0.1:8080");
    run->options.path = "/v1/payments";
    run->options.timeout_us = 30 * US_PER_SECOND;
    int r = read_plan(run, err);
    r = r < 0 ? r : talk_key(cli, &key, err);
    if (r < 0) {
        return r;
    }
    if (key != NULL) {
        snprintf(run->headers, sizeof run->headers, "Authorization: Bearer %s\r\n",
                 secret_bytes(key));
    }
    run->options.headers = run->headers;
    take_tokens(cli, "token", run->plan.tokens);
    take_tokens(cli, "decline-token", run->plan.decline_tokens);
    bool blind = json_object_size(run->plan.tokens) == 0;
    if (!blind && run->plan.decline_per_million > 0 &&
        json_object_size(run->plan.decline_tokens) == 0) {
        return err_set(err, ERR_USAGE, "--decline with --token needs --decline-token");
    }
    return blind ? find_tokens(run, key, err) : 0;
}

static int status_of_run(const struct run *run) {
    if (order_count(run) > 0 && run->by_failure[LOAD_ANSWERED] == 0) {
        return CLI_UNREACHABLE;
    }
    return bad_count(run) > 0 ? CLI_PROBLEM : CLI_DONE;
}

int run_load(struct cli *cli) {
    static const struct load_client_ops ops = {.next = next, .done = done, .tick = tick};
    struct run *run = calloc(1, sizeof *run);
    INVARIANT(run != NULL, "out of memory");
    struct err err = {0};
    int64_t elapsed_us = 0;
    run->cli = cli;
    signals_block();
    int r = prepare(run, &err);
    r = r < 0 ? r : load_client_run(&run->options, &ops, run, &elapsed_us, &err);
    int status = CLI_DONE;
    if (r < 0) {
        status = cli_fail(cli, &err);
    } else {
        if (!cli->json) {
            print_head(run, elapsed_us);
            print_outcomes(run);
            print_latency(run);
        }
        print_json(run, elapsed_us);
        status = status_of_run(run);
    }
    load_plan_release(&run->plan);
    explicit_bzero(run, sizeof *run);
    free(run);
    return status;
}
