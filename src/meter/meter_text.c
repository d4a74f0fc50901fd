/* SPDX-License-Identifier: Apache-2.0
 * meter_text.c: every series in Prometheus' text exposition format 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats). */
#include "meter/meter.h"

#include <glib.h>
#include <math.h>

#include "meter/series.h"

/* Help texts escape backslash and line feed; label values the double quote as well. */
static void add_escaped(struct buf *buf, const char *text, bool quoted) {
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_add_text(buf, "\\n");
        } else if (*text == '\\' || (*text == '"' && quoted)) {
            buf_add_char(buf, '\\');
            buf_add_char(buf, *text);
        } else {
            buf_add_char(buf, *text);
        }
    }
}

/* {gateway="stripe-eu",le="0.1"}; nothing at all without labels. `le` may be NULL. */
static void add_labels(struct buf *buf, const struct series *series, const char *le) {
    const char *name = metrics[series->id].labels;
    const char *separator = "{";
    for (int i = 0; *name != '\0'; i++) {
        size_t count = strcspn(name, ",");
        buf_add_text(buf, separator);
        buf_add(buf, name, count);
        buf_add_text(buf, "=\"");
        add_escaped(buf, series_label(series, i), true);
        buf_add_char(buf, '"');
        separator = ",";
        name += count + (name[count] == ',');
    }
    if (le != NULL) {
        buf_addf(buf, "%sle=\"%s\"", separator, le);
        separator = ",";
    }
    if (*separator == ',') {
        buf_add_char(buf, '}');
    }
}

static void add_int_line(struct buf *buf, const struct series *series, const char *suffix,
                         const char *le, int64_t value) {
    buf_add_text(buf, metrics[series->id].name);
    buf_add_text(buf, suffix);
    add_labels(buf, series, le);
    buf_addf(buf, " %lld\n", (long long)value);
}

static void add_histogram(struct buf *buf, struct series *series, uint32_t now) {
    struct histogram *histogram = series->histogram;
    series_hold(series, now); /* lets go of the memory of a busy time that is over */
    series_release(series);
    uint64_t sum = 0;
    for (int i = 0; i <= BOUNDS; i++) {
        sum += atomic_load_explicit(&histogram->within[i], memory_order_relaxed);
        const char *le = i < BOUNDS ? series_bounds[i].text : "+Inf";
        add_int_line(buf, series, "_bucket", le, (int64_t)sum);
    }
    int64_t sum_us = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
    buf_addf(buf, "%s_sum", metrics[series->id].name);
    add_labels(buf, series, NULL);
    buf_addf(buf, " %lld.%06lld\n", (long long)(sum_us / 1000000), (long long)(sum_us % 1000000));
    add_int_line(buf, series, "_count", NULL, (int64_t)sum);
}

static void add_gauge(struct buf *buf, struct series *series) {
    uint64_t bits = atomic_load_explicit(&series->gauge, memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof(value));
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (isnan(value)) {
        (void)snprintf(text, sizeof(text), "NaN");
    } else if (isinf(value)) {
        (void)snprintf(text, sizeof(text), "%s", value > 0 ? "+Inf" : "-Inf");
    } else {
        (void)g_ascii_formatd(text, sizeof(text), "%.15g", value); /* whatever the locale */
    }
    buf_add_text(buf, metrics[series->id].name);
    add_labels(buf, series, NULL);
    buf_addf(buf, " %s\n", text);
}

static void add_series(struct buf *buf, struct series *series, uint32_t now) {
    switch (metrics[series->id].kind) {
    case METER_HISTOGRAM:
        add_histogram(buf, series, now);
        break;
    case METER_GAUGE:
        add_gauge(buf, series);
        break;
    case METER_COUNTER:
        series_hold(series, now);
        int64_t total = series_total(series);
        series_release(series);
        add_int_line(buf, series, "", NULL, total);
        break;
    }
}

static int by_labels(const void *a, const void *b) {
    const struct series *first = *(struct series *const *)a;
    const struct series *second = *(struct series *const *)b;
    uint32_t bytes = first->bytes < second->bytes ? first->bytes : second->bytes;
    int order = memcmp(first->labels, second->labels, bytes);
    return order != 0 ? order : (first->bytes > second->bytes) - (first->bytes < second->bytes);
}

static const char *const kind_names[] = {
    [METER_COUNTER] = "counter",
    [METER_HISTOGRAM] = "histogram",
    [METER_GAUGE] = "gauge",
};

void meter_write_prometheus(struct buf *buf) {
    static const char *const no_labels[METER_LABELS_MAX] = {NULL};
    uint32_t now = series_second_now();
    GPtrArray *list = g_ptr_array_new();
    for (int id = 0; id < METER_COUNT; id++) {
        const struct metric *metric = &metrics[id];
        buf_addf(buf, "# HELP %s ", metric->name);
        add_escaped(buf, metric->help, false);
        buf_addf(buf, "\n# TYPE %s %s\n", metric->name, kind_names[metric->kind]);
        if (metric->labels[0] == '\0') {
            (void)metric_series_get((enum meter_id)id, no_labels); /* is there from the start */
        }
        g_ptr_array_set_size(list, 0);
        for (struct series *s = metric_series((enum meter_id)id); s != NULL; s = s->next) {
            g_ptr_array_add(list, s);
        }
        g_ptr_array_sort(list, by_labels);
        for (guint i = 0; i < list->len; i++) {
            add_series(buf, list->pdata[i], now);
        }
    }
    g_ptr_array_free(list, TRUE);
}
