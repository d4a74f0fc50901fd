/* SPDX-License-Identifier: Apache-2.0
 * table.c: see table.h. */
#include "cli/table.h"

#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP_COLUMNS = 2, FLEX_COLUMNS_MIN = 8, CELL_BYTES_MAX = 2048 };

struct cell {
    char *text; /* cleaned */
    enum show_style style;
    int width;
};

struct column {
    const char *name; /* without its mark; borrowed */
    bool right, flex;
    int width;
};

struct table {
    struct column columns[TABLE_COLUMNS_MAX];
    int count;
    bool headed;
    GArray *cells; /* of struct cell, row after row */
};

static void cell_clear(gpointer cell) {
    free(((struct cell *)cell)->text);
}

struct table *table_new(const char *const *columns) {
    struct table *table = g_new0(struct table, 1);
    for (int i = 0; columns[i] != NULL; i++) {
        INVARIANT(i < TABLE_COLUMNS_MAX, "a table has too many columns");
        struct column *column = &table->columns[table->count++];
        const char *name = columns[i];
        column->right = name[0] == '>';
        column->flex = name[0] == '~';
        column->name = column->right || column->flex ? name + 1 : name;
        table->headed = table->headed || column->name[0] != '\0';
    }
    table->cells = g_array_new(FALSE, FALSE, sizeof(struct cell));
    g_array_set_clear_func(table->cells, cell_clear);
    return table;
}

void table_free(struct table *table) {
    if (table != NULL) {
        g_array_free(table->cells, TRUE);
        g_free(table);
    }
}

void table_auto(struct table **table) {
    table_free(*table);
}

void table_styled(struct table *table, enum show_style style, const char *text) {
    bool none = text == NULL || text[0] == '\0';
    struct cell cell = {.text = show_clean(none ? "-" : text), .style = none ? STYLE_DIM : style};
    cell.width = show_width(cell.text);
    g_array_append_val(table->cells, cell);
}

void table_blank(struct table *table) {
    struct cell cell = {.text = show_clean("")};
    g_array_append_val(table->cells, cell);
}

void table_cell(struct table *table, const char *text) {
    table_styled(table, STYLE_PLAIN, text);
}

void table_cellf(struct table *table, const char *format, ...) {
    char text[CELL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_cell(table, text);
}

void table_state(struct table *table, const char *word) {
    table_styled(table, word != NULL ? show_state_style(word) : STYLE_DIM, word);
}

void table_count(struct table *table, int64_t count) {
    char text[SHOW_CHARS_MAX];
    table_styled(table, count == 0 ? STYLE_DIM : STYLE_PLAIN, show_count(count, text));
}

int table_rows(const struct table *table) {
    return (int)table->cells->len / table->count;
}

void table_pair(struct table *table, const char *name, const char *value) {
    if (value == NULL || value[0] == '\0') {
        return;
    }
    if (name[0] != '\0') {
        table_styled(table, STYLE_DIM, name);
    } else {
        table_blank(table);
    }
    table_cell(table, value);
}

void table_pairf(struct table *table, const char *name, const char *format, ...) {
    char text[CELL_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_pair(table, name, text);
}

/* ---- printing ---- */

static const struct cell *cell_at(const struct table *table, int row, int column) {
    return &g_array_index(table->cells, struct cell, row * table->count + column);
}

/* As wide as their widest cell; then the flexible ones give way, each in turn, until it fits. */
static void measure(const struct table *table, int columns_max, int *widths) {
    int total = (table->count - 1) * GAP_COLUMNS;
    for (int i = 0; i < table->count; i++) {
        widths[i] = table->headed ? show_width(table->columns[i].name) : 0;
        for (int row = 0; row < table_rows(table); row++) {
            int width = cell_at(table, row, i)->width;
            widths[i] = width > widths[i] ? width : widths[i];
        }
        total += widths[i];
    }
    for (int i = table->count - 1; columns_max > 0 && total > columns_max && i >= 0; i--) {
        if (table->columns[i].flex && widths[i] > FLEX_COLUMNS_MIN) {
            int spare = widths[i] - FLEX_COLUMNS_MIN;
            int cut = total - columns_max < spare ? total - columns_max : spare;
            widths[i] -= cut;
            total -= cut;
        }
    }
}

/* At most `columns` of the text; a cut one ends with an ellipsis. Returns the width printed. */
static int put_text(FILE *out, const char *text, int width, int columns) {
    if (width <= columns) {
        fputs(text, out);
        return width;
    }
    int used = 0;
    const char *at = text;
    while (*at != '\0') {
        gunichar c = g_utf8_get_char(at);
        int wide = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        if (used + wide > columns - 1) {
            break;
        }
        used += wide;
        at = g_utf8_next_char(at);
    }
    fprintf(out, "%.*s…", (int)(at - text), text);
    return used + 1;
}

static void put_cell(FILE *out, const struct table *table, int column, const struct cell *cell,
                     int width, bool last, bool colour) {
    bool right = table->columns[column].right;
    int shown = cell->width < width ? cell->width : width;
    fprintf(out, "%*s%s", right ? width - shown : 0, "", show_style_on(cell->style, colour));
    int printed = put_text(out, cell->text, cell->width, width);
    fputs(show_style_off(cell->style, colour), out);
    if (!last) {
        fprintf(out, "%*s", (right ? 0 : width - printed) + GAP_COLUMNS, "");
    }
}

void table_print(const struct table *table, const struct cli *cli, const char *empty) {
    int widths[TABLE_COLUMNS_MAX];
    FILE *out = cli->screen.out;
    bool colour = cli->screen.colour;
    if (cli->json) {
        return;
    }
    if (table_rows(table) == 0) {
        fprintf(out, "%s%s", empty != NULL ? empty : "", empty != NULL ? "\n" : "");
        return;
    }
    measure(table, cli->screen.columns, widths);
    int last_head = table->count - 1;
    while (last_head > 0 && table->columns[last_head].name[0] == '\0') {
        last_head--;
    }
    for (int i = 0; table->headed && i <= last_head; i++) {
        char *name = g_strdup(table->columns[i].name);
        struct cell cell = {.text = name, .style = STYLE_BOLD, .width = show_width(name)};
        put_cell(out, table, i, &cell, widths[i], i == last_head, colour);
        fputs(i == last_head ? "\n" : "", out);
        g_free(name);
    }
    for (int row = 0; row < table_rows(table); row++) {
        int last = table->count - 1;
        while (last > 0 && cell_at(table, row, last)->text[0] == '\0') {
            last--; /* no blanks at the end of a line */
        }
        for (int i = 0; i <= last; i++) {
            put_cell(out, table, i, cell_at(table, row, i), widths[i], i == last, colour);
        }
        fputc('\n', out);
    }
}
