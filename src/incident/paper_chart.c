/* SPDX-License-Identifier: Apache-2.0
 * paper_chart.c: a share over time as a picture (SVG 1.1), with moments marked. */
#include "incident/paper.h"

#include "base/clock.h"

/* Of the picture, in its own units. */
enum {
    WIDTH = 900,
    HEIGHT = 300,
    LEFT = 52,
    RIGHT = 880,
    TOP = 24,
    BOTTOM = 200,
    FULL = 1000, /* permille */
    GRIDS = 4,
    LABELS = 6,
    NAMES_TOP = 230,
    NAMES_EACH = 13,
    NAMES_LINES = 5,
};

static int64_t across(const struct chart *chart, int64_t at_us) {
    int64_t whole = chart->until_us - chart->from_us;
    int64_t part = at_us - chart->from_us;
    part = part < 0 ? 0 : part > whole ? whole : part;
    /* In milliseconds, so that the product stays far from the end of 64 bits. */
    return whole > 0 ? LEFT + (RIGHT - LEFT) * (part / 1000) / (whole / 1000 > 0 ? whole / 1000 : 1)
                     : LEFT;
}

static int64_t down(int64_t permille) {
    return BOTTOM - (BOTTOM - TOP) * permille / FULL;
}

static void put_grid(struct buf *buf) {
    for (int i = 0; i <= GRIDS; i++) {
        int64_t permille = (int64_t)FULL * i / GRIDS;
        buf_addf(buf,
                 "<line x1=\"%d\" x2=\"%d\" y1=\"%lld\" y2=\"%lld\" stroke=\"#8a95a1\" "
                 "stroke-opacity=\"0.35\"/><text x=\"%d\" y=\"%lld\" text-anchor=\"end\">%lld "
                 "%%</text>",
                 LEFT, RIGHT, (long long)down(permille), (long long)down(permille), LEFT - 6,
                 (long long)down(permille) + 4, (long long)permille / 10);
    }
}

/* "08:05", evenly; the day is in the caption. */
static void put_times(struct buf *buf, const struct chart *chart) {
    char time[CLOCK_TEXT_MAX];
    for (int i = 0; i <= LABELS; i++) {
        int64_t at_us = chart->from_us + (chart->until_us - chart->from_us) / LABELS * i;
        clock_format(at_us - at_us % US_PER_SECOND, time);
        buf_addf(buf, "<text x=\"%lld\" y=\"%d\" text-anchor=\"middle\">%.5s</text>",
                 (long long)across(chart, at_us), BOTTOM + 16, time + 11);
    }
}

/* One line for each stretch without a gap; a stretch of one point is a dot. */
static void put_line(struct buf *buf, const struct chart *chart) {
    for (int i = 0; i < chart->point_count;) {
        int first = i;
        while (i < chart->point_count && chart->points[i].permille >= 0) {
            i++;
        }
        if (i - first == 1) {
            buf_addf(buf, "<circle cx=\"%lld\" cy=\"%lld\" r=\"2\" fill=\"#1f6feb\"/>",
                     (long long)across(chart, chart->points[first].at_us),
                     (long long)down(chart->points[first].permille));
        } else if (i > first) {
            buf_add_text(buf, "<polyline fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"1.6\" "
                              "points=\"");
            for (int j = first; j < i; j++) {
                buf_addf(buf, "%s%lld,%lld", j > first ? " " : "",
                         (long long)across(chart, chart->points[j].at_us),
                         (long long)down(chart->points[j].permille));
            }
            buf_add_text(buf, "\"/>");
        }
        i = i == first ? i + 1 : i;
    }
}

static void put_marks(struct buf *buf, const struct chart *chart) {
    for (int i = 0; i < chart->mark_count; i++) {
        const struct chart_mark *mark = &chart->marks[i];
        int64_t x = across(chart, mark->at_us);
        bool right = x > (LEFT + RIGHT) / 2;
        buf_addf(buf,
                 "<line x1=\"%lld\" x2=\"%lld\" y1=\"%d\" y2=\"%d\" stroke=\"#b3261e\" "
                 "stroke-dasharray=\"4 3\"/><text x=\"%lld\" y=\"%d\" text-anchor=\"%s\" "
                 "class=\"mark\">",
                 (long long)x, (long long)x, TOP, NAMES_TOP + NAMES_EACH * (i % NAMES_LINES) - 8,
                 (long long)x + (right ? -3 : 3), NAMES_TOP + NAMES_EACH * (i % NAMES_LINES),
                 right ? "end" : "start");
        paper_escape(buf, mark->name);
        buf_add_text(buf, "</text>");
    }
}

void paper_chart(struct paper *paper, const struct chart *chart) {
    struct buf *buf = paper->buf;
    if (paper->format != PAPER_HTML) {
        return;
    }
    paper_heading(paper, chart->title);
    buf_addf(buf,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
             "font-family=\"system-ui,sans-serif\" font-size=\"11\" fill=\"currentColor\"><title>",
             WIDTH, HEIGHT);
    paper_escape(buf, chart->title);
    buf_add_text(buf, "</title>");
    put_grid(buf);
    put_times(buf, chart);
    put_line(buf, chart);
    put_marks(buf, chart);
    buf_add_text(buf, "</svg>\n");
    paper_source(paper, chart->unit);
}
