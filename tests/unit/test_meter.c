/* SPDX-License-Identifier: Apache-2.0
 * test_meter.c: what is recorded is read back: counts exactly, durations within 5 %, as valid
 * Prometheus text, whatever is recorded at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <math.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "base/world.h"
#include "meter/meter.h"
#include "meter/series.h"

/* A world whose monotonic clock moves only when a test says so. */
static _Atomic int64_t fake_mono_us;
static struct world_ops fake_world;

static int64_t fake_mono(void *ctx) {
    return atomic_load(&fake_mono_us);
}
static void pass_s(int64_t seconds) {
    atomic_fetch_add(&fake_mono_us, seconds * US_PER_SECOND);
}

#define ANY ((const char *const[METER_LABELS_MAX]){NULL})
#define LABELS(...) ((const char *const[METER_LABELS_MAX]){__VA_ARGS__})

static int forget(void **state) {
    atomic_store(&fake_mono_us, 1000 * US_PER_SECOND);
    meter_init();
    return 0;
}

static char *prometheus_text(void) {
    BUF_AUTO buf;
    buf_init(&buf, 16 << 20);
    meter_write_prometheus(&buf);
    assert_true(buf_ok(&buf));
    return buf_take(&buf);
}

/* Counters. */

static void a_counter_is_read_over_whole_seconds_without_the_present_one(void **state) {
    meter_count(METER_FAILOVERS, "a", "b");
    meter_add(METER_FAILOVERS, 4, LABELS("a", "b"));
    assert_int_equal(meter_recent(METER_FAILOVERS, 10, ANY), 0);
    assert_int_equal(meter_total(METER_FAILOVERS, ANY), 5);
    pass_s(1);
    meter_count(METER_FAILOVERS, "a", "b");
    assert_int_equal(meter_recent(METER_FAILOVERS, 1, ANY), 5);
    assert_int_equal(meter_recent(METER_FAILOVERS, 10, ANY), 5);
    pass_s(1);
    assert_int_equal(meter_recent(METER_FAILOVERS, 1, ANY), 1);
    assert_int_equal(meter_recent(METER_FAILOVERS, 2, ANY), 6);
    assert_int_equal(meter_total(METER_FAILOVERS, ANY), 6);
}

static void every_window_agrees_with_a_list_of_what_was_recorded(void **state) {
    static int64_t recorded[1000];
    struct prng prng;
    prng_init(&prng, 7);
    for (int second = 0; second < 1000; second++) {
        recorded[second] = prng_below(&prng, 3) > 0 ? (int64_t)prng_below(&prng, 5) : 0;
        meter_add(METER_REFUNDS, recorded[second], LABELS("g"));
        pass_s(1);
        int window = 1 + (int)prng_below(&prng, METER_WINDOW_S);
        int64_t sum = 0;
        for (int i = MAX(0, second - window + 1); i <= second; i++) {
            sum += recorded[i];
        }
        assert_int_equal(meter_recent(METER_REFUNDS, window, ANY), sum);
    }
}

static void a_window_reaches_back_300_seconds_and_no_further(void **state) {
    meter_count(METER_FAILOVERS, "a", "b");
    pass_s(METER_WINDOW_S);
    assert_int_equal(meter_recent(METER_FAILOVERS, METER_WINDOW_S, ANY), 1);
    assert_int_equal(meter_recent(METER_FAILOVERS, METER_WINDOW_S - 1, ANY), 0);
    assert_int_equal(meter_recent(METER_FAILOVERS, 9 * METER_WINDOW_S, ANY), 1);
    pass_s(1);
    assert_int_equal(meter_recent(METER_FAILOVERS, METER_WINDOW_S, ANY), 0);
    assert_int_equal(meter_total(METER_FAILOVERS, ANY), 1);
}

static void a_sum_beyond_32_bits_is_kept(void **state) {
    meter_add(METER_FAILOVERS, INT64_C(0x123456789abc), LABELS("a", "b"));
    pass_s(1);
    assert_int_equal(meter_recent(METER_FAILOVERS, 1, ANY), INT64_C(0x123456789abc));
}

static void a_counter_never_goes_down(void **state) {
    meter_add(METER_FAILOVERS, 3, LABELS("a", "b"));
    meter_add(METER_FAILOVERS, -2, LABELS("a", "b"));
    assert_int_equal(meter_total(METER_FAILOVERS, ANY), 3);
}

static void a_counter_kept_elsewhere_stands_where_it_is_said_to(void **state) {
    meter_level(METER_SLICES_FOLDED, 5);
    meter_level(METER_SLICES_FOLDED, 5);
    assert_int_equal(meter_total(METER_SLICES_FOLDED, ANY), 5);
    meter_level(METER_SLICES_FOLDED, 7);
    meter_level(METER_SLICES_FOLDED, 6);
    assert_int_equal(meter_total(METER_SLICES_FOLDED, ANY), 7);
}

static void labels_choose_the_series_and_null_matches_all(void **state) {
    meter_count(METER_ATTEMPTS, "stripe-eu", "card", "charged", "");
    meter_count(METER_ATTEMPTS, "stripe-eu", "card", "declined", "51");
    meter_count(METER_ATTEMPTS, "paypal", "wallet", "charged");
    assert_int_equal(meter_total(METER_ATTEMPTS, ANY), 3);
    assert_int_equal(meter_total(METER_ATTEMPTS, LABELS("stripe-eu")), 2);
    assert_int_equal(meter_total(METER_ATTEMPTS, LABELS(NULL, NULL, "charged")), 2);
    assert_int_equal(meter_total(METER_ATTEMPTS, LABELS("stripe-eu", NULL, "charged")), 1);
    assert_int_equal(meter_total(METER_ATTEMPTS, LABELS(NULL, NULL, NULL, "")), 2);
    assert_int_equal(meter_total(METER_ATTEMPTS, LABELS("stripe")), 0);
}

static void a_long_label_is_cut_between_characters(void **state) {
    char plain[100], accented[100];
    memset(plain, 'x', 60);
    plain[60] = '\0';
    (void)snprintf(accented, sizeof(accented), "x%.40s", "éééééééééééééééééééé");
    (void)g_strlcat(accented, "éé", sizeof(accented));
    meter_count(METER_PAN_REFUSED, plain);
    meter_count(METER_PAN_REFUSED, accented);
    meter_count(METER_PAN_REFUSED, "bad\xff");
    assert_int_equal(meter_total(METER_PAN_REFUSED, LABELS(plain)), 1);
    assert_int_equal(meter_total(METER_PAN_REFUSED, LABELS(accented)), 1);
    char *text = prometheus_text();
    assert_true(g_utf8_validate(text, -1, NULL));
    assert_non_null(strstr(text, "{place=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"} 1\n"));
    assert_non_null(strstr(text, "{place=\"xééééééééééééééééééé\"} 1\n"));
    assert_non_null(strstr(text, "{place=\"bad\xef\xbf\xbd\"} 1\n"));
    free(text);
}

/* Histograms. */

static void every_duration_is_within_a_32nd_of_its_buckets_middle(void **state) {
    int before = -1;
    for (int64_t us = 0; us < DURATION_US_MAX; us += 1 + us / 1000) {
        int bucket = bucket_of(us);
        int64_t middle_us = bucket_middle_us(bucket);
        assert_in_range(bucket, 0, BUCKETS - 1);
        assert_true(bucket == before || bucket == before + 1);
        assert_true(llabs(middle_us - us) * 32 <= us);
        before = bucket;
    }
    assert_int_equal(bucket_of(-5), 0);
    assert_int_equal(bucket_of(DURATION_US_MAX), BUCKETS - 1);
    assert_int_equal(bucket_of(INT64_MAX), BUCKETS - 1);
}

static int by_value(const void *a, const void *b) {
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static void a_quantile_is_within_5_percent_of_the_exact_one(void **state) {
    enum { COUNT = 5000 };
    static int64_t durations[COUNT];
    struct prng prng;
    prng_init(&prng, 11);
    for (int shape = 0; shape < 4; shape++) {
        meter_init();
        for (int i = 0; i < COUNT; i++) {
            double unit = prng_unit(&prng);
            double us = shape == 0   ? unit * 100.0
                        : shape == 1 ? exp(unit * 23.0)
                        : shape == 2 ? 120000.0 - 20000.0 * log(1.0 - unit)
                                     : (unit < 0.9 ? 2000.0 + unit : 30e6);
            durations[i] = (int64_t)us;
            meter_time(METER_GATEWAY_SECONDS, durations[i], i % 2 ? "a" : "b", "card", "charge");
            if (i % 50 == 49) {
                pass_s(1);
            }
        }
        qsort(durations, COUNT, sizeof(durations[0]), by_value);
        static const double quantiles[] = {0.0, 0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0};
        for (size_t i = 0; i < COUNT_OF(quantiles); i++) {
            int64_t rank = (int64_t)ceil(quantiles[i] * COUNT);
            int64_t exact = durations[rank < 1 ? 0 : rank - 1];
            int64_t found = meter_quantile(METER_GATEWAY_SECONDS, quantiles[i], 300, ANY);
            assert_true(llabs(found - exact) * 20 <= exact);
        }
    }
}

static void a_quantile_forgets_what_is_older_than_its_window(void **state) {
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.5, 60, ANY), -1);
    meter_time(METER_REFUND_SECONDS, 10, "a");
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.5, 60, ANY), 10);
    pass_s(60);
    meter_time(METER_REFUND_SECONDS, 12, "a");
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.5, 60, ANY), 10);
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.51, 60, ANY), 12);
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 1.0, 60, ANY), 12);
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.5, 59, ANY), 12);
    assert_int_equal(meter_recent(METER_REFUND_SECONDS, 60, ANY), 1);
    pass_s(61);
    assert_int_equal(meter_quantile(METER_REFUND_SECONDS, 0.5, 60, ANY), -1);
    assert_int_equal(meter_total(METER_REFUND_SECONDS, ANY), 2);
}

static void many_of_one_duration_in_one_second_are_all_counted(void **state) {
    meter_time(METER_REFUND_SECONDS, 10, "a");
    struct series *series = metric_series(METER_REFUND_SECONDS);
    atomic_store(&atomic_load(&series->histogram->pages[0])->live[10], 3 * CELL_COUNT_MAX + 5);
    pass_s(1);
    assert_int_equal(meter_recent(METER_REFUND_SECONDS, 1, ANY), 3 * (int64_t)CELL_COUNT_MAX + 5);
}

static void a_quiet_series_gives_its_memory_back(void **state) {
    for (int second = 0; second < 3 * METER_WINDOW_S; second++) {
        for (int i = 0; i < 50; i++) {
            meter_time(METER_REFUND_SECONDS, 1000 + 100 * i, "a");
        }
        pass_s(1);
    }
    struct series *series = metric_series(METER_REFUND_SECONDS);
    assert_true(series->window.cap > METER_WINDOW_S * 30);
    assert_true(series->window.cap < METER_WINDOW_S * 52 * 3);
    pass_s(2 * METER_WINDOW_S);
    for (int i = 0; i < 20; i++) {
        pass_s(1);
        free(prometheus_text());
    }
    assert_true(series->window.cap <= 16);
}

/* Prometheus text. */

static void le_buckets_are_exact_and_cumulative(void **state) {
    static const int64_t durations_us[] = {0, 1000, 1001, 3000000, 3000001, 8000000, 90000000000};
    for (size_t i = 0; i < COUNT_OF(durations_us); i++) {
        meter_time(METER_PAYMENT_SECONDS, durations_us[i], "card", "own");
    }
    char *text = prometheus_text();
    static const char *const lines[] = {
        "# TYPE payment_processing_latency histogram\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"0.001\"} 2\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"0.0025\"} 3\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"3\"} 4\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"5\"} 5\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"8\"} 6\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"3600\"} 6\n",
        "\npayment_processing_latency_bucket{method=\"card\",origin=\"own\",le=\"+Inf\"} 7\n",
        "\npayment_processing_latency_sum{method=\"card\",origin=\"own\"} 90014.002002\n",
        "\npayment_processing_latency_count{method=\"card\",origin=\"own\"} 7\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (strstr(text, lines[i]) == NULL) {
            fail_msg("missing: %s", lines[i]);
        }
    }
    free(text);
}

static void label_values_are_escaped(void **state) {
    meter_count(METER_PAN_REFUSED, "a\\b\"c\nd");
    char *text = prometheus_text();
    assert_non_null(
        strstr(text, "holdfast_card_numbers_refused_total{place=\"a\\\\b\\\"c\\nd\"} 1\n"));
    free(text);
}

static void a_gauge_shows_what_was_set_last(void **state) {
    meter_set(METER_BREAKER_STATE, 2, "stripe-eu", "card", "charge");
    meter_set(METER_BREAKER_STATE, 0.25, "stripe-eu", "card", "charge");
    meter_set(METER_BREAKER_STATE, NAN, "nan");
    meter_set(METER_BREAKER_STATE, -INFINITY, "inf");
    char *text = prometheus_text();
    assert_non_null(strstr(text, "holdfast_breaker_state{gateway=\"stripe-eu\",method=\"card\","
                                 "operation=\"charge\"} 0.25\n"));
    assert_non_null(strstr(text, "{gateway=\"nan\",method=\"\",operation=\"\"} NaN\n"));
    assert_non_null(strstr(text, "{gateway=\"inf\",method=\"\",operation=\"\"} -Inf\n"));
    free(text);
}

static bool is_name(const char *text, size_t count, bool label) {
    for (size_t i = 0; i < count; i++) {
        bool letter = g_ascii_isalpha(text[i]) || text[i] == '_' || (!label && text[i] == ':');
        if (!letter && (i == 0 || !g_ascii_isdigit(text[i]))) {
            return false;
        }
    }
    return count > 0;
}

/* Passes over {name="value",…}; NULL when it is malformed. */
static const char *skip_labels(const char *at) {
    if (*at != '{') {
        return at;
    }
    do {
        at++;
        size_t count = strcspn(at, "=");
        if (!is_name(at, count, true) || at[count + 1] != '"') {
            return NULL;
        }
        for (at += count + 2; *at != '"'; at++) {
            at += *at == '\\';
            if (*at == '\0' || *at == '\n' || (at[-1] == '\\' && strchr("\\\"n", *at) == NULL)) {
                return NULL;
            }
        }
        at++;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

/* One sample of the metric `metric`; its name and labels are added to `seen`. */
static void check_sample(const char *line, const char *metric, GHashTable *seen) {
    size_t count = strcspn(line, "{ ");
    assert_true(is_name(line, count, false));
    assert_true(g_str_has_prefix(line, metric));
    const char *at = skip_labels(line + count);
    assert_non_null(at);
    assert_true(*at == ' ');
    char *end;
    (void)g_ascii_strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0');
    assert_true(g_hash_table_add(seen, g_strndup(line, (gsize)(at - line))));
}

static void check_text(const char *text) {
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char **lines = g_strsplit(text, "\n", -1);
    char metric[100] = "";
    guint count = g_strv_length(lines);
    assert_true(count > 1);
    assert_string_equal(lines[count - 1], ""); /* the last line has its end */
    for (guint i = 0; i + 1 < count; i++) {
        if (g_str_has_prefix(lines[i], "# HELP ")) {
            (void)g_strlcpy(metric, lines[i] + 7, sizeof(metric));
            metric[strcspn(metric, " ")] = '\0';
            assert_true(g_hash_table_add(seen, g_strdup_printf("HELP %s", metric)));
            char *type = g_strdup_printf("# TYPE %s ", metric);
            assert_true(g_str_has_prefix(lines[i + 1], type));
            g_free(type);
            i++;
        } else {
            check_sample(lines[i], metric, seen);
        }
    }
    g_strfreev(lines);
    g_hash_table_destroy(seen);
}

static void record_one(enum meter_id id, const char *const labels[METER_LABELS_MAX]) {
    switch (metrics[id].kind) {
    case METER_COUNTER:
        meter_add(id, 1, labels);
        break;
    case METER_HISTOGRAM:
        meter_observe(id, 1500000, labels);
        break;
    case METER_GAUGE:
        meter_gauge(id, 1.5, labels);
        break;
    }
}

static void every_row_of_the_table_is_recorded_and_written_as_valid_text(void **state) {
    for (int id = 0; id < METER_COUNT; id++) {
        const struct metric *metric = &metrics[id];
        int count = metric_label_count((enum meter_id)id);
        assert_true(is_name(metric->name, strlen(metric->name), false));
        assert_true(metric->kind != METER_COUNTER || g_str_has_suffix(metric->name, "_total"));
        assert_in_range(count, 0, METER_LABELS_MAX);
        assert_true(metric->help[0] != '\0');
        char **names = g_strsplit(metric->labels, ",", -1);
        assert_int_equal(g_strv_length(names), count);
        const char *labels[METER_LABELS_MAX] = {NULL};
        for (int i = 0; i < count; i++) {
            assert_true(is_name(names[i], strlen(names[i]), true));
            assert_string_not_equal(names[i], "le");
            labels[i] = "v{}=,\"\\\n";
        }
        record_one((enum meter_id)id, labels);
        assert_int_equal(meter_total((enum meter_id)id, labels), metric->kind != METER_GAUGE);
        char *text = prometheus_text();
        char *line = g_strdup_printf("\n%s%s%s", metric->name,
                                     metric->kind == METER_HISTOGRAM ? "_count" : "",
                                     count > 0 ? "{" : " ");
        assert_non_null(strstr(text, line));
        check_text(text);
        g_free(line);
        free(text);
        g_strfreev(names);
    }
}

static void metrics_without_labels_are_there_from_the_start(void **state) {
    char *text = prometheus_text();
    assert_non_null(strstr(text, "\nholdfast_meter_folded_total 0\n"));
    assert_non_null(strstr(text, "\nholdfast_store_commit_duration_seconds_count 0\n"));
    free(text);
}

/* Too many series. */

static void what_has_no_room_is_folded_into_other_and_counted(void **state) {
    char name[32];
    for (int i = 0; i < METER_SERIES_MAX + 100; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        meter_count(METER_GATEWAY_TIMEOUTS, name, "charge");
    }
    meter_time(METER_REFUND_SECONDS, 10, "late");
    int64_t folded = meter_total(METER_FOLDED, ANY);
    assert_true(folded > 100);
    assert_int_equal(meter_total(METER_GATEWAY_TIMEOUTS, LABELS("other", "other")), folded - 1);
    assert_int_equal(meter_total(METER_REFUND_SECONDS, LABELS("other")), 1);
    assert_int_equal(meter_total(METER_REFUND_SECONDS, LABELS("late")), 0);
    assert_int_equal(meter_total(METER_GATEWAY_TIMEOUTS, ANY), METER_SERIES_MAX + 100);
    meter_count(METER_GATEWAY_TIMEOUTS, "n5", "charge"); /* has a series of its own */
    assert_int_equal(meter_total(METER_GATEWAY_TIMEOUTS, LABELS("n5")), 2);
    int64_t series_count = 0;
    for (int id = 0; id < METER_COUNT; id++) {
        for (struct series *s = metric_series((enum meter_id)id); s != NULL; s = s->next) {
            series_count++;
        }
    }
    assert_in_range(series_count, METER_SERIES_MAX - METER_COUNT, METER_SERIES_MAX);
}

/* Many tasks. */

enum { TASKS = 4, RECORDINGS = 40000 };
static _Atomic int tasks_running;

static void record_many(void *arg) {
    int number = (int)(intptr_t)arg;
    char name[32];
    for (int i = 0; i < RECORDINGS; i++) {
        (void)snprintf(name, sizeof(name), "series%d", i % 97);
        meter_count(METER_CALLBACKS, name, "stored");
        meter_time(METER_HTTP_SECONDS, i % 4, "public", "/v1/payments");
        if (number == 0 && i % 200 == 0) {
            pass_s(1);
        }
    }
    atomic_fetch_sub(&tasks_running, 1);
}

static void recordings_of_many_tasks_are_all_counted_once(void **state) {
    struct task *tasks[TASKS];
    atomic_store(&tasks_running, TASKS);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = task_start("recorder", 0, record_many, (void *)(intptr_t)i);
        assert_non_null(tasks[i]);
    }
    int64_t before = 0;
    while (atomic_load(&tasks_running) > 0) {
        int64_t total = meter_total(METER_CALLBACKS, ANY);
        assert_true(total >= before);
        before = total;
        (void)meter_quantile(METER_HTTP_SECONDS, 0.99, 300, ANY);
        free(prometheus_text());
    }
    for (int i = 0; i < TASKS; i++) {
        task_join(tasks[i]);
    }
    pass_s(1);
    assert_int_equal(meter_total(METER_CALLBACKS, ANY), TASKS * RECORDINGS);
    assert_int_equal(meter_total(METER_HTTP_SECONDS, ANY), TASKS * RECORDINGS);
    /* The clock moved by 200 seconds, so that the windows still hold everything. */
    assert_int_equal(meter_recent(METER_CALLBACKS, 300, ANY), TASKS * RECORDINGS);
    assert_int_equal(meter_recent(METER_HTTP_SECONDS, 300, ANY), TASKS * RECORDINGS);
}

#define TEST(name) cmocka_unit_test_setup(name, forget)
int main(void) {
    fake_world = *world_real();
    fake_world.mono_us = fake_mono;
    world_install(NULL, &fake_world);
    const struct CMUnitTest tests[] = {
        TEST(a_counter_is_read_over_whole_seconds_without_the_present_one),
        TEST(every_window_agrees_with_a_list_of_what_was_recorded),
        TEST(a_window_reaches_back_300_seconds_and_no_further),
        TEST(a_sum_beyond_32_bits_is_kept),
        TEST(a_counter_never_goes_down),
        TEST(a_counter_kept_elsewhere_stands_where_it_is_said_to),
        TEST(labels_choose_the_series_and_null_matches_all),
        TEST(a_long_label_is_cut_between_characters),
        TEST(every_duration_is_within_a_32nd_of_its_buckets_middle),
        TEST(a_quantile_is_within_5_percent_of_the_exact_one),
        TEST(a_quantile_forgets_what_is_older_than_its_window),
        TEST(many_of_one_duration_in_one_second_are_all_counted),
        TEST(a_quiet_series_gives_its_memory_back),
        TEST(le_buckets_are_exact_and_cumulative),
        TEST(label_values_are_escaped),
        TEST(a_gauge_shows_what_was_set_last),
        TEST(every_row_of_the_table_is_recorded_and_written_as_valid_text),
        TEST(metrics_without_labels_are_there_from_the_start),
        TEST(what_has_no_room_is_folded_into_other_and_counted),
        TEST(recordings_of_many_tasks_are_all_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
