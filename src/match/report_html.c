/* SPDX-License-Identifier: Apache-2.0
 * report_html.c: the pieces that a report's page is made of: texts, numbers, charts, the style. */
#include <string.h>

#include "match/report_impl.h"

enum { DIGITS_MAX = 64, GROUP = 3 };

const char report_style[] =
    ":root{color-scheme:light dark;--ground:#fff;--raised:#f6f7f9;--ink:#14181f;--quiet:#5a6472;"
    "--line:#d9dde3;--good:#0b7a4b;--bad:#b42318;--critical:#b42318;--high:#c2570c;"
    "--medium:#a67c00;--low:#2563eb;--plain:#4b6584}"
    "@media(prefers-color-scheme:dark){:root{--ground:#11141a;--raised:#1a1f28;--ink:#e8ebf0;"
    "--quiet:#9aa4b2;--line:#303846;--good:#4cc38a;--bad:#ff8a7a;--critical:#ff7b6b;"
    "--high:#f5a05a;--medium:#e2c04c;--low:#7aa7ff;--plain:#8fa6c0}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"Noto Sans\",\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\","
    "sans-serif}"
    "main{max-width:1200px;margin:0 auto;padding:2rem 1.25rem 4rem}"
    "header p{margin:.25rem 0;color:var(--quiet)}h1{font-size:1.7rem;line-height:1.25;margin:.1rem "
    "0 "
    ".5rem}h1.good{color:var(--good)}h1.bad{color:var(--bad)}"
    "h2{font-size:1.1rem;margin:2.25rem 0 .6rem;padding-bottom:.3rem;border-bottom:1px solid "
    "var(--line)}"
    ".wide{overflow-x:auto}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid "
    "var(--line)}thead th{color:var(--quiet);font-weight:600;white-space:nowrap}"
    "thead{display:table-header-group}"
    ".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.sum td{font-weight:600;background:var(--raised)}"
    "code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:nowrap}"
    ".hash code,pre code,td.where code{white-space:normal;overflow-wrap:anywhere}"
    "pre{background:var(--raised);border:1px solid var(--line);border-radius:.5rem;padding:.75rem "
    "1rem;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".quiet{color:var(--quiet)}.good{color:var(--good)}.bad{color:var(--bad)}"
    ".risk{font-weight:600;white-space:nowrap}.critical{color:var(--critical);fill:var(--critical)}"
    ".high{color:var(--high);fill:var(--high)}.medium{color:var(--medium);fill:var(--medium)}"
    ".low{color:var(--low);fill:var(--low)}.plain{fill:var(--plain)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));"
    "gap:1rem;align-items:start}.chart:first-child{grid-row:span 2}"
    ".chart{margin:0;background:var(--raised);border:1px solid var(--line);border-radius:.5rem;"
    "padding:.75rem 1rem}.chart figcaption{font-weight:600;margin-bottom:.4rem}"
    ".bar{display:grid;grid-template-columns:1fr auto;gap:0 1rem;font-size:.87rem;"
    "margin-bottom:.35rem}.bar strong{font-weight:600;font-variant-numeric:tabular-nums}"
    ".bar svg{grid-column:1/3;display:block}"
    ".wide+.wide,table+.wide{margin-top:1.25rem}.hash{min-width:12rem}"
    ".key{min-width:8rem;max-width:18rem;overflow-wrap:anywhere}.why{min-width:12rem}"
    ".brk{font-size:.82rem}.brk thead th{white-space:normal}"
    ".when,.where div{white-space:nowrap}"
    /* On a narrow screen a row is a card, each cell behind what its column is called. */
    "@media(max-width:44rem){main{padding:1.25rem 1rem 3rem}.wide{overflow:visible}"
    "thead th{white-space:normal}.t,.t tbody{display:block}.t thead{display:none}"
    ".t tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}"
    ".t td{display:flow-root;border:0;padding:.1rem 0;text-align:right;white-space:normal;"
    "min-width:0;max-width:none;overflow-wrap:anywhere}.t td:empty{display:none}"
    ".t td::before{float:left;padding-right:1rem;color:var(--quiet);font-weight:400}"
    ".t .sum{background:var(--raised);padding:.5rem}.t .sum td{background:none}}"
    "@media print{:root{color-scheme:light;--ground:#fff;--raised:#fff;--ink:#000;--quiet:#444;"
    "--line:#999;--good:#060;--bad:#900;--critical:#900;--high:#b50;--medium:#860;--low:#03a;"
    "--plain:#456}body{font-size:9pt}main{max-width:none;padding:0}table{font-size:8pt}"
    "th,td{padding:.2rem .35rem}tr,.chart{break-inside:avoid}h2{break-after:avoid}"
    ".wide{overflow:visible}.charts{display:block}.chart{display:inline-block;vertical-align:top;"
    "width:48%;margin:0 1% 3mm 0}.why{min-width:0}.key{min-width:4rem;max-width:10rem}"
    "@page{size:landscape;margin:12mm}}";

/* ---- texts ---- */

/* What is not seen, or turns around what is written behind it. */
static bool is_hidden(gunichar c) {
    return c < ' ' || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           c == 0x061C || (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

static const char *mark_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void html_text(struct buf *html, const char *bytes, size_t count) {
    int chars = 0;
    for (size_t i = 0; i < count; chars++) {
        gunichar c = bytes[i] == '\0' ? 0
                                      : g_utf8_get_char_validated(bytes + i, (gssize)(count - i));
        bool valid = c != (gunichar)-1 && c != (gunichar)-2;
        size_t step = !valid || c == 0 ? 1 : (size_t)g_unichar_to_utf8(c, NULL);
        const char *mark = mark_of(bytes[i]);
        if (chars == REPORT_TEXT_CHARS) {
            buf_add_text(html, "…");
            return;
        }
        if (!valid || is_hidden(c)) {
            buf_add_text(html, "\xEF\xBF\xBD");
        } else if (mark != NULL) {
            buf_add_text(html, mark);
        } else {
            buf_add(html, bytes + i, step);
        }
        i += step;
    }
}

void html_word(struct buf *html, const char *text) {
    html_text(html, text, strlen(text));
}

void html_sentence(struct buf *html, const char *sentence, const char *first, const char *second) {
    const char *const holes[] = {first, second};
    for (size_t i = 0; i < COUNT_OF(holes); i++) {
        const char *hole = strstr(sentence, "%s");
        if (hole == NULL) {
            break;
        }
        html_text(html, sentence, (size_t)(hole - sentence));
        html_word(html, holes[i]);
        sentence = hole + 2;
    }
    html_word(html, sentence);
}

/* ---- numbers ---- */

static void add_number(struct buf *html, __int128 number, int decimals) {
    char text[DIGITS_MAX];
    unsigned __int128 left = number < 0 ? 0 - (unsigned __int128)number : (unsigned __int128)number;
    int at = DIGITS_MAX;
    for (int i = 0; i <= decimals || left > 0; i++) {
        if (i == decimals && decimals > 0) {
            text[--at] = '.';
        } else if (i > decimals && (i - decimals) % GROUP == 0) {
            text[--at] = ',';
        }
        text[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
    }
    if (number < 0) {
        text[--at] = '-';
    }
    buf_add(html, text + at, (size_t)(DIGITS_MAX - at));
}

void html_money(struct buf *html, __int128 amount_minor, struct currency currency) {
    add_number(html, amount_minor, currency_exponent(currency));
}

void html_count(struct buf *html, int64_t count) {
    add_number(html, count, 0);
}

const char *html_count_text(int64_t count, char text[COUNT_TEXT_MAX]) {
    struct buf buf;
    buf_init(&buf, COUNT_TEXT_MAX - 1);
    html_count(&buf, count);
    snprintf(text, COUNT_TEXT_MAX, "%s", buf.data);
    buf_release(&buf);
    return text;
}

/* ---- charts ---- */

/* For what shows a picture without the page's style: as on paper. */
static const char *fill_of(const char *style) {
    static const struct {
        const char *style, *fill;
    } fills[] = {
        {"critical", "#990000"}, {"high", "#bb5500"}, {"medium", "#886600"}, {"low", "#0033aa"}};
    for (size_t i = 0; i < COUNT_OF(fills); i++) {
        if (strcmp(fills[i].style, style) == 0) {
            return fills[i].fill;
        }
    }
    return "#445566";
}

void html_bars(struct buf *html, const char *title, const struct html_bar *bars, int count) {
    enum { WHOLE = 1000 }; /* in tenths of a percent */
    int64_t most = 1;
    for (int i = 0; i < count; i++) {
        most = MAX(most, bars[i].count);
    }
    buf_add_text(html, "<figure class=\"chart\"><figcaption>");
    html_word(html, title);
    buf_add_text(html, "</figcaption>");
    for (int i = 0; i < count; i++) {
        int width = (int)((__int128)bars[i].count * WHOLE / most);
        width = bars[i].count > 0 ? MAX(width, WHOLE / 100) : 0;
        buf_add_text(html, "<div class=\"bar\"><span>");
        html_word(html, bars[i].label);
        buf_add_text(html, "</span> <strong>");
        html_count(html, bars[i].count);
        buf_addf(
            html,
            "</strong><svg width=\"100%%\" height=\"8\" aria-hidden=\"true\"><rect class=\"%s\" "
            "fill=\"%s\" width=\"%d.%d%%\" height=\"8\" rx=\"2\"/></svg></div>",
            bars[i].style, fill_of(bars[i].style), width / 10, width % 10);
    }
    buf_add_text(html, "</figure>");
}
