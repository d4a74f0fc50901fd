/* SPDX-License-Identifier: Apache-2.0
 * files_report.c: the report's folder: breaks.csv, expected.csv, summary.txt and summary.json, for
 * people what files_people.c makes of it; or problems.csv alone. Nothing in it tells a time of
 * ours: the same two files give the same bytes. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/outfile.h"
#include "base/pan.h"
#include "match/files/files_impl.h"

enum { JSON_BYTES_MAX = 16 * 1024, CELL_CHARS = 24 };

/* A group is one thing, however many rows it has: each of its lines has its number and its
 * difference, which is what all of its lines come to. The column before stands on its first line
 * alone, so that it may be added up. */
#define HEAD_END "why,group_difference,group\n"
#define HEAD_BEGIN "class,risk,kind,currency,our_line,their_line,key,our_amount,their_amount,"
static const struct {
    const char *name, *head;
} lists[LISTS] = {
    [LIST_BREAKS] = {"breaks.csv", HEAD_BEGIN "difference,our_time,their_time," HEAD_END},
    [LIST_EXPECTED] = {"expected.csv", HEAD_BEGIN "difference,our_time,their_time,due," HEAD_END},
};

struct report {
    const char *folder;
    struct outfile *files[LISTS]; /* NULL: nothing is waited for, so nothing is expected */
    int64_t groups[LISTS];
    struct people *people; /* NULL: they were not asked for */
    GString *numbered;
};

static void release(struct report *report) {
    g_string_free(report->numbered, true);
    g_free(report);
}

void report_drop(struct report *report) {
    if (report != NULL) {
        for (int i = 0; i < LISTS; i++) {
            outfile_drop(report->files[i]);
        }
        people_drop(report->people);
        release(report);
    }
}

int report_open(const struct files_run *run, struct report **ret_report, struct err *err) {
    struct report *report = g_new0(struct report, 1);
    report->folder = run->request->report;
    report->numbered = g_string_new(NULL);
    int rc = outfile_folder(report->folder, err);
    for (int i = 0; i < LISTS && rc == 0; i++) {
        if (i == LIST_BREAKS || run->request->waits) {
            rc = outfile_open(report->folder, lists[i].name, &report->files[i], err);
        }
        if (rc == 0 && report->files[i] != NULL) {
            outfile_add_text(report->files[i], lists[i].head);
        }
    }
    rc = rc < 0 || !run->request->for_people ? rc : people_open(run, &report->people, err);
    if (rc < 0) {
        report_drop(report);
        return rc;
    }
    *ret_report = report;
    return 0;
}

/* ---- breaks ---- */

/* A field of CSV: in quotes where it needs them, and after an apostrophe where a spreadsheet would
 * take a stranger's text for a formula. */
static void add_field(GString *lines, const char *text, size_t count) {
    const char *guard = count > 0 && strchr("=+-@\t\r", text[0]) != NULL ? "'" : "";
    bool plain = true;
    for (size_t i = 0; i < count && plain; i++) {
        plain = text[i] != ',' && text[i] != '"' && text[i] != '\n' && text[i] != '\r';
    }
    if (plain) {
        g_string_append(lines, guard);
        g_string_append_len(lines, text, (gssize)count);
        return;
    }
    g_string_append_c(lines, '"');
    g_string_append(lines, guard);
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"') {
            g_string_append_c(lines, '"');
        }
        g_string_append_c(lines, text[i]);
    }
    g_string_append_c(lines, '"');
}

/* A stranger's text: no card number in it is written on. */
static void add_key(GString *lines, const struct match_text *key) {
    char *shown = g_strndup(key->bytes, key->count);
    (void)pan_mask(shown, key->count);
    add_field(lines, shown, key->count);
    g_free(shown);
}

/* What both sides tell, once; "charge/refund" where they differ. */
static void add_both(GString *lines, const char *ours, const char *theirs) {
    g_string_append(lines, ours != NULL ? ours : theirs);
    if (ours != NULL && theirs != NULL && strcmp(ours, theirs) != 0) {
        g_string_append_c(lines, '/');
        g_string_append(lines, theirs);
    }
    g_string_append_c(lines, ',');
}

/* A number of a line. There are as many of them as there are breaks: no printf. */
static void add_number(GString *lines, int64_t number) {
    char digits[CELL_CHARS];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    g_string_append_len(lines, digits + at, (gssize)(sizeof digits - at));
}

static void add_lines(GString *lines, const struct files_run *run,
                      const struct match_row *const rows[MATCH_SIDES]) {
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (rows[i] != NULL) {
            add_number(lines, side_line(&run->sides[i], rows[i]->number));
        }
        g_string_append_c(lines, ',');
    }
}

/* Of several currencies there is none. */
static void add_difference(GString *lines, const struct match_row *const rows[MATCH_SIDES],
                           const struct match_group *group) {
    char text[MONEY_TEXT_MAX];
    const struct match_row *one = rows[OURS] != NULL ? rows[OURS] : rows[THEIRS];
    if (group->class != CLASS_CURRENCY) {
        g_string_append(lines, money_decimal(group->difference_minor, one->currency, text));
    }
}

static void add_amounts(GString *lines, const struct match_row *const rows[MATCH_SIDES],
                        const struct match_group *group, bool first) {
    char text[MONEY_TEXT_MAX];
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (rows[i] != NULL) {
            g_string_append(lines, money_decimal(rows[i]->amount_minor, rows[i]->currency, text));
        }
        g_string_append_c(lines, ',');
    }
    if (first) {
        add_difference(lines, rows, group);
    }
    g_string_append_c(lines, ',');
}

static void add_times(GString *lines, const struct match_row *const rows[MATCH_SIDES]) {
    char text[CLOCK_TEXT_MAX];
    for (int i = 0; i < MATCH_SIDES; i++) {
        if (rows[i] != NULL && rows[i]->at_us != 0) {
            g_string_append(lines, clock_format(rows[i]->at_us, text));
        }
        g_string_append_c(lines, ',');
    }
}

/* Until when ours may be missing there, or there still be open. */
static void add_due(GString *lines, const struct match_row *ours) {
    char text[CLOCK_TEXT_MAX];
    if (ours != NULL) {
        g_string_append(lines, clock_format(ours->due_us, text));
    }
    g_string_append_c(lines, ',');
}

static const struct match_text *key_of(const struct match_row *const rows[MATCH_SIDES]) {
    const struct match_row *one = rows[OURS] != NULL ? rows[OURS] : rows[THEIRS];
    const struct match_row *other = rows[THEIRS] != NULL ? rows[THEIRS] : rows[OURS];
    const struct match_text *const keys[] = {&one->reference, &one->gateway_id, &other->reference,
                                             &other->gateway_id};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (keys[i]->count > 0) {
            return keys[i];
        }
    }
    return keys[0];
}

static void add_why(GString *lines, const struct match_options *options,
                    const struct match_group *group) {
    const char *what = match_class_what(group->class);
    g_autofree char *why = group->rule < 0
                               ? NULL
                               : g_strconcat(options->rules[group->rule].name, ": ", what, NULL);
    what = why != NULL ? why : what;
    add_field(lines, what, strlen(what));
    g_string_append_c(lines, ',');
}

/* The n-th of ours beside the n-th of theirs: each row on one line. */
void report_group(const struct files_run *run, const struct match *match,
                  const struct match_options *options, const struct match_group *group,
                  GString *lines) {
    uint32_t count = MAX(group->ours, group->theirs);
    for (uint32_t i = 0; i < count; i++) {
        const struct match_row *rows[MATCH_SIDES] = {NULL, NULL};
        const uint32_t *members = match->members + group->first;
        if (i < group->ours) {
            rows[OURS] = &match->rows[OURS][members[i]];
        }
        if (i < group->theirs) {
            rows[THEIRS] = &match->rows[THEIRS][members[group->ours + i]];
        }
        const char *kinds[MATCH_SIDES] = {NULL, NULL}, *codes[MATCH_SIDES] = {NULL, NULL};
        for (int j = 0; j < MATCH_SIDES; j++) {
            if (rows[j] != NULL) {
                kinds[j] = row_kind_name(rows[j]->kind);
                codes[j] = rows[j]->currency.code;
            }
        }
        g_string_append(lines, match_class_name(group->class));
        g_string_append_c(lines, ',');
        g_string_append(lines, match_risk_name(match_class_risk(group->class)));
        g_string_append_c(lines, ',');
        add_both(lines, kinds[OURS], kinds[THEIRS]);
        add_both(lines, codes[OURS], codes[THEIRS]);
        add_lines(lines, run, rows);
        add_key(lines, key_of(rows));
        g_string_append_c(lines, ',');
        add_amounts(lines, rows, group, i == 0);
        add_times(lines, rows);
        if (group->class == CLASS_EXPECTED) {
            add_due(lines, rows[OURS]);
        }
        add_why(lines, options, group);
        add_difference(lines, rows, group);
        g_string_append_c(lines, '\n');
    }
}

void report_lines(struct report *report, enum report_list list, const char *lines, size_t count) {
    GString *numbered = g_string_truncate(report->numbered, 0);
    const char *end = lines + count;
    INVARIANT(report->files[list] != NULL, "what is expected is expected only when it is asked to");
    report->groups[list]++;
    for (const char *at = lines; at < end;) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        INVARIANT(line != NULL, "each line has an end");
        g_string_append_len(numbered, at, line - at);
        g_string_append_c(numbered, ',');
        add_number(numbered, report->groups[list]);
        g_string_append_c(numbered, '\n');
        at = line + 1;
    }
    outfile_add(report->files[list], numbered->str, numbered->len);
    if (list == LIST_BREAKS && report->people != NULL) {
        people_group(report->people, numbered->str, numbered->len);
    }
}

/* ---- the summary ---- */

static struct match_sum total_of(const struct files_figures *figures, struct currency currency) {
    struct match_sum total = {.currency = currency};
    for (int i = 0; i < figures->sum_count; i++) {
        for (int j = 0; j < MATCH_SIDES && currency_equal(figures->sums[i].currency, currency);
             j++) {
            total.rows[j] += figures->sums[i].rows[j];
            /* Shown only; each class by itself did fit. */
            total.amount_minor[j] = (int64_t)((uint64_t)total.amount_minor[j] +
                                              (uint64_t)figures->sums[i].amount_minor[j]);
        }
    }
    return total;
}

static void text_line(struct outfile *file, const char *name, const struct match_sum *sum,
                      const char *risk) {
    char ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX], difference[MONEY_TEXT_MAX] = "-";
    int64_t less = 0;
    if (money_sub(sum->amount_minor[THEIRS], sum->amount_minor[OURS], &less)) {
        money_decimal(less, sum->currency, difference);
    }
    outfile_addf(file, "%-3s  %-20s %-8s %12lld %20s %12lld %20s %20s\n", sum->currency.code, name,
                 risk, (long long)sum->rows[OURS],
                 money_decimal(sum->amount_minor[OURS], sum->currency, ours),
                 (long long)sum->rows[THEIRS],
                 money_decimal(sum->amount_minor[THEIRS], sum->currency, theirs), difference);
}

static void write_text(struct outfile *file, const struct files_run *run) {
    static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};
    const struct files_figures *figures = run->figures;
    char words[FILES_WORDS_MAX];
    for (int i = 0; i < MATCH_SIDES; i++) {
        outfile_addf(file, "%-7s %lld rows, %lld bytes: ", sides[i], (long long)figures->rows[i],
                     (long long)figures->bytes[i]);
        outfile_add_text(file, run->request->sides[i].path);
        outfile_add_text(file, "\n");
    }
    if (figures->told_until_us > 0) {
        char time[CLOCK_TEXT_MAX];
        outfile_addf(file, "theirs tell up to %s; ours may appear there %d business days later\n",
                     clock_format(figures->told_until_us, time), run->request->wait_days);
    }
    outfile_addf(file, "breaks  %lld%s\n", (long long)figures->breaks,
                 files_same(figures)    ? ": both sides tell the same"
                 : figures->breaks == 0 ? ""
                                        : ", one by one in breaks.csv");
    if (files_words(figures, words)[0] != '\0') {
        outfile_addf(file, "beside  %s\n", words);
    }
    outfile_add_text(file, "\n");
    outfile_addf(file, "%-3s  %-20s %-8s %12s %20s %12s %20s %20s\n", "", "class", "risk",
                 "rows ours", "amount ours", "rows theirs", "amount theirs", "theirs less ours");
    for (int i = 0; i < figures->sum_count; i++) {
        const struct match_sum *sum = &figures->sums[i];
        enum match_risk risk = match_class_risk(sum->class);
        text_line(file, match_class_name(sum->class), sum,
                  risk == RISK_NONE ? "" : match_risk_name(risk));
        if (i + 1 == figures->sum_count ||
            !currency_equal(figures->sums[i + 1].currency, sum->currency)) {
            struct match_sum total = total_of(figures, sum->currency);
            text_line(file, "all", &total, "");
        }
    }
}

static void write_json(struct outfile *file, const struct files_run *run) {
    static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};
    const struct files_figures *figures = run->figures;
    BUF_AUTO buf;
    buf_init(&buf, JSON_BYTES_MAX);
    outfile_add_text(file, "{");
    for (int i = 0; i < MATCH_SIDES; i++) {
        buf_clear(&buf);
        buf_add_json(&buf, run->request->sides[i].path);
        outfile_addf(file, "\"%s\":{\"path\":", sides[i]);
        outfile_add_text(file, buf_ok(&buf) ? buf.data : "null");
        outfile_addf(file, ",\"rows\":%lld,\"bytes\":%lld},", (long long)figures->rows[i],
                     (long long)figures->bytes[i]);
    }
    BUF_AUTO rules;
    struct match_options options;
    files_options(run, &options);
    buf_init(&rules, MATCH_SET_BYTES_MAX);
    match_set_json(options.rules, options.rule_count, &rules);
    outfile_addf(file, "\"rules\":%s,", rules.data);
    if (figures->told_until_us > 0) {
        char time[CLOCK_TEXT_MAX];
        outfile_addf(file, "\"told_until\":\"%s\",\"window_days\":%d,",
                     clock_format(figures->told_until_us, time), run->request->wait_days);
    }
    outfile_addf(file, "\"breaks\":%lld,\"within_tolerance\":[", (long long)figures->breaks);
    for (int i = 0; i < figures->allowed_count; i++) {
        const struct files_allowed *allowed = &figures->allowed[i];
        outfile_addf(file,
                     "%s{\"currency\":\"%s\",\"groups\":%lld,\"more_minor\":%lld,"
                     "\"less_minor\":%lld}",
                     i > 0 ? "," : "", allowed->currency.code, (long long)allowed->groups,
                     (long long)allowed->more_minor, (long long)allowed->less_minor);
    }
    outfile_add_text(file, "],\"sums\":[");
    for (int i = 0; i < figures->sum_count; i++) {
        const struct match_sum *sum = &figures->sums[i];
        outfile_addf(file,
                     "%s{\"currency\":\"%s\",\"class\":\"%s\",\"risk\":\"%s\","
                     "\"our_rows\":%lld,\"our_amount_minor\":%lld,\"our_fee_minor\":%lld,"
                     "\"their_rows\":%lld,\"their_amount_minor\":%lld,\"their_fee_minor\":%lld}",
                     i > 0 ? "," : "", sum->currency.code, match_class_name(sum->class),
                     match_risk_name(match_class_risk(sum->class)), (long long)sum->rows[OURS],
                     (long long)sum->amount_minor[OURS], (long long)sum->fee_minor[OURS],
                     (long long)sum->rows[THEIRS], (long long)sum->amount_minor[THEIRS],
                     (long long)sum->fee_minor[THEIRS]);
    }
    outfile_add_text(file, "]}\n");
}

/* The summary gets its name last: who sees it has all of the report. */
int report_close(struct report *report, const struct files_run *run, struct err *err) {
    static const struct {
        const char *name;
        void (*write)(struct outfile *file, const struct files_run *run);
    } others[] = {{"summary.json", write_json}, {"summary.txt", write_text}};
    struct outfile *files[LISTS + PEOPLE_FILES + COUNT_OF(others)] = {NULL};
    int rc = 0;
    memcpy(files, report->files, sizeof report->files);
    if (report->people != NULL) {
        rc = people_write(report->people, run, err);
        people_take(report->people, files + LISTS);
    }
    release(report);
    for (size_t i = 0; i < COUNT_OF(others) && rc == 0; i++) {
        struct outfile **file = &files[LISTS + PEOPLE_FILES + i];
        rc = outfile_open(run->request->report, others[i].name, file, err);
        if (rc == 0) {
            others[i].write(*file, run);
        }
    }
    for (size_t i = 0; i < COUNT_OF(files) && rc == 0; i++) {
        rc = files[i] != NULL ? outfile_finish(files[i], err) : 0;
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (rc == 0 && files[i] != NULL) {
            rc = outfile_name(files[i], err);
        } else {
            outfile_drop(files[i]);
        }
    }
    return rc;
}

/* ---- problems ---- */

int report_problems(const struct files_run *run, struct err *err) {
    static const char *const sides[MATCH_SIDES] = {"ours", "theirs"};
    struct outfile *file = NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    int rc = outfile_open(run->request->report, "problems.csv", &file, err);
    if (rc < 0) {
        return rc;
    }
    outfile_add_text(file, "side,line,problem,what\n");
    for (int i = 0; i < MATCH_SIDES; i++) {
        const struct side *side = &run->sides[i];
        for (guint j = 0; j < side->problems->len; j++) {
            const struct files_problem *told = &g_array_index(side->problems, struct files_problem,
                                                              j);
            g_string_printf(line, "%s,%lld,%s,", sides[i], (long long)told->line,
                            statement_problem_name(told->problem));
            add_field(line, told->text, strlen(told->text));
            g_string_append_c(line, '\n');
            outfile_add(file, line->str, line->len);
        }
        if (side->problem_count > side->problems->len) {
            outfile_addf(file, "%s,0,limit,and %lld more\n", sides[i],
                         (long long)(side->problem_count - side->problems->len));
        }
    }
    rc = outfile_finish(file, err);
    if (rc < 0) {
        outfile_drop(file);
        return rc;
    }
    return outfile_name(file, err);
}
