/* SPDX-License-Identifier: Apache-2.0
 * read_camt.c: bank statements in ISO 20022's camt.053 (bank to customer statement). Layout: the
 * public message definitions camt.053.001.02, .04, .06 and .08, told apart by their namespace.
 *
 *   Document/BkToCstmrStmt/Stmt: Id, ElctrncSeqNb, FrToDt, Acct, Bal…, TxsSummry, Ntry…
 *
 * The file is read in one pass and never held as a tree. A document type is refused, and with it
 * every entity that is not built in; so is what is nested deeper, or has longer texts, than any
 * such statement. Elements of other namespaces are passed over with all that is in them.
 * A row is of the day on which it was booked (BookgDt), not of its value day; as a moment it is the
 * midnight with which the day begins in source->time_zone (UTC when there is none), or the moment
 * that the bank tells. Entries that are not booked are rows as well, PENDING (PDNG, FUTR) or FAILED
 * (INFO: told for information, no money moves), and no part of the balance. */
#include <expat.h>
#include <string.h>

#include "base/clock.h"
#include "statement/field.h"
#include "statement/read/camt.h"

enum {
    DEPTH_MAX = 32,
    PATH_BYTES_MAX = 512,
    CHUNK_BYTES = 64 * 1024,
    ROOT_DEPTH = 2, /* Document and BkToCstmrStmt */
    DETECT_BYTES = 4096,
};
#define NAMESPACE "urn:iso:std:iso:20022:tech:xsd:camt.053.001."

static const char *const versions[] = {"02", "04", "06", "08"};

struct reading {
    struct camt camt;
    XML_Parser parser;
    GHashTable *paths;
    char space[sizeof NAMESPACE + 2]; /* of the root */
    int depth, ignored;               /* ignored: elements below one of another namespace */
    char path[PATH_BYTES_MAX];        /* below BkToCstmrStmt */
    size_t path_end[DEPTH_MAX + 1];
    const struct camt_path *at; /* of the innermost element; NULL: it is not read */
    bool leaf;                  /* no element has ended in it */
    struct buf text;
    bool stopped; /* by us, and told */
};

static int64_t line_of(const struct reading *reading) {
    return (int64_t)XML_GetCurrentLineNumber(reading->parser);
}

/* Ends the reading with a problem. */
static void stop(struct reading *reading, enum statement_problem problem, const char *what) {
    if (!reading->stopped) {
        reading->stopped = true;
        camt_tell(&reading->camt, problem, line_of(reading), "%s", what);
        (void)XML_StopParser(reading->parser, XML_FALSE);
    }
}

/* ---- elements ---- */

/* "urn:…|Ntry": the name behind the namespace. */
static const char *local_of(const char *name) {
    const char *bar = strrchr(name, '|');
    return bar != NULL ? bar + 1 : name;
}

static bool is_known_space(const char *space) {
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        if (strncmp(space, NAMESPACE, strlen(NAMESPACE)) == 0 &&
            strcmp(space + strlen(NAMESPACE), versions[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void begin_root(struct reading *reading, const char *name) {
    const char *local = local_of(name);
    size_t count = local > name ? (size_t)(local - name - 1) : 0;
    if (reading->depth == 1) {
        g_autofree char *space = g_strndup(name, count);
        if (strcmp(local, "Document") != 0 || !is_known_space(space)) {
            stop(reading, PROBLEM_UNKNOWN_KIND,
                 "it is no camt.053 document of version .02, .04, .06 or .08");
            return;
        }
        g_strlcpy(reading->space, space, sizeof reading->space);
    } else if (strcmp(local, "BkToCstmrStmt") != 0) {
        stop(reading, PROBLEM_UNKNOWN_KIND, "the document is no statement (BkToCstmrStmt)");
    }
}

static void begin_event(struct reading *reading) {
    struct camt *camt = &reading->camt;
    int64_t line = line_of(reading);
    switch (reading->at->event) {
    case CAMT_STMT:
        camt_begin_stmt(camt, line);
        break;
    case CAMT_SUMMARY:
        camt->stmt.summary_line = line;
        break;
    case CAMT_BAL:
        camt->bal = (struct camt_bal){.line = line};
        break;
    case CAMT_NTRY:
        camt_begin_ntry(camt, line);
        break;
    case CAMT_DETAILS:
    case CAMT_BTCH:
        camt->btch = (struct camt_btch){.count = ""};
        break;
    case CAMT_TX:
        camt_begin_tx(camt, line);
        break;
    case CAMT_RETURNED:
        camt->tx.returned = true;
        break;
    case CAMT_VALUE:
    case CAMT_PURPOSE:
    case CAMT_STRUCTURED:
        break;
    }
}

static char *owner_of(struct camt *camt, enum camt_owner owner) {
    switch (owner) {
    case CAMT_OF_STMT:
        return (char *)&camt->stmt;
    case CAMT_OF_BAL:
        return (char *)&camt->bal;
    case CAMT_OF_NTRY:
        return (char *)&camt->ntry;
    case CAMT_OF_BTCH:
        return (char *)&camt->btch;
    case CAMT_OF_TX:
        return (char *)&camt->tx;
    case CAMT_NONE:
        break;
    }
    return NULL;
}

static void take_currency(struct reading *reading, const char **attributes) {
    const struct camt_path *at = reading->at;
    if (at->currency_offset == 0) {
        return;
    }
    char *to = owner_of(&reading->camt, at->owner) + at->currency_offset;
    for (int i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], "Ccy") == 0) {
            g_strlcpy(to, attributes[i + 1], CAMT_SHORT_CHARS_MAX + 1);
        }
    }
}

static void on_begin(void *data, const char *name, const char **attributes) {
    struct reading *reading = data;
    size_t end = reading->path_end[reading->depth];
    if (reading->stopped || reading->ignored > 0) {
        reading->ignored += reading->ignored > 0;
        return;
    }
    if (reading->depth == DEPTH_MAX) {
        stop(reading, PROBLEM_LIMIT, "elements are nested deeper than in any statement");
        return;
    }
    reading->depth++;
    if (reading->depth <= ROOT_DEPTH) {
        begin_root(reading, name);
        return;
    }
    const char *local = local_of(name);
    size_t space = strlen(reading->space);
    if (strncmp(name, reading->space, space) != 0 || name[space] != '|') {
        reading->depth--;
        reading->ignored = 1;
        return;
    }
    size_t need = strlen(local) + (end > 0);
    if (end + need >= sizeof reading->path) {
        stop(reading, PROBLEM_LIMIT, "names longer than in any statement");
        return;
    }
    snprintf(reading->path + end, sizeof reading->path - end, "%s%s", end > 0 ? "/" : "", local);
    reading->path_end[reading->depth] = end + need;
    reading->at = g_hash_table_lookup(reading->paths, reading->path);
    reading->leaf = true;
    buf_clear(&reading->text);
    if (reading->at != NULL) {
        begin_event(reading);
        take_currency(reading, attributes);
    }
}

/* Only what is read is kept, and only so much. */
static void on_text(void *data, const char *bytes, int count) {
    struct reading *reading = data;
    if (reading->stopped || reading->ignored > 0 || reading->at == NULL || !reading->leaf) {
        return;
    }
    buf_add(&reading->text, bytes, (size_t)count);
    if (!buf_ok(&reading->text)) {
        stop(reading, PROBLEM_LIMIT, "a text longer than in any statement");
    }
}

/* ---- values ---- */

static void take_value(struct reading *reading) {
    const struct camt_path *at = reading->at;
    struct camt *camt = &reading->camt;
    char *to = owner_of(camt, at->owner) + at->offset;
    char text[CAMT_TEXT_BYTES_MAX + 1];
    field_note(reading->text.data, reading->text.len, 0, text, sizeof text);
    g_strstrip(text);
    if (text[0] == '\0') {
        return;
    }
    if (to[0] != '\0') {
        camt_tell(camt, PROBLEM_REPEATED, line_of(reading), "%s is there twice", at->path);
        return;
    }
    if (at->cut) {
        field_note(text, strlen(text), 0, to, at->size);
    } else if (strlen(text) >= at->size) {
        camt_tell(camt, PROBLEM_LIMIT, line_of(reading), "%s is longer than any that is taken",
                  at->path);
    } else {
        g_strlcpy(to, text, at->size);
    }
}

static void take_purpose(struct reading *reading) {
    struct camt *camt = &reading->camt;
    char text[CAMT_TEXT_BYTES_MAX + 1];
    field_note(reading->text.data, reading->text.len, 0, text, sizeof text);
    g_strstrip(text);
    bank_text_add(&camt->purpose, text, strlen(text), CAMT_PURPOSE_WIDTH, &camt->purpose_chars);
    if (!buf_ok(&camt->purpose)) {
        stop(reading, PROBLEM_LIMIT, "a remittance text longer than in any statement");
        return;
    }
    if (reading->at->event == CAMT_STRUCTURED && text[0] != '\0') {
        camt->purpose_chars = 0; /* what follows is another text */
        if (strlen(text) < sizeof camt->tx.structured) {
            g_strlcpy(camt->tx.structured, text, sizeof camt->tx.structured);
            camt->tx.structured_count++;
        }
    }
}

static void end_event(struct reading *reading) {
    struct camt *camt = &reading->camt;
    switch (reading->at->event) {
    case CAMT_VALUE:
        take_value(reading);
        break;
    case CAMT_PURPOSE:
    case CAMT_STRUCTURED:
        take_purpose(reading);
        break;
    case CAMT_STMT:
        camt_end_stmt(camt);
        break;
    case CAMT_BAL:
        camt_end_bal(camt);
        break;
    case CAMT_NTRY:
        camt_end_ntry(camt);
        break;
    case CAMT_DETAILS:
        camt_end_details(camt);
        break;
    case CAMT_TX:
        camt_end_tx(camt);
        break;
    case CAMT_SUMMARY:
    case CAMT_BTCH:
    case CAMT_RETURNED:
        break;
    }
}

static void on_end(void *data, const char *name) {
    struct reading *reading = data;
    if (reading->stopped) {
        return;
    }
    if (reading->ignored > 0) {
        reading->ignored--;
        return;
    }
    if (reading->depth > ROOT_DEPTH) {
        reading->path[reading->path_end[reading->depth]] = '\0';
        reading->at = g_hash_table_lookup(reading->paths, reading->path);
        bool is_value = reading->at != NULL && reading->at->owner != CAMT_NONE;
        if (reading->at != NULL && (reading->leaf || !is_value)) {
            end_event(reading);
        }
    }
    reading->leaf = false;
    reading->at = NULL;
    reading->depth--;
    reading->path[reading->path_end[reading->depth]] = '\0';
    if (reading->camt.rc != 0) {
        reading->stopped = true;
        (void)XML_StopParser(reading->parser, XML_FALSE);
    }
}

static void on_doctype(void *data, const char *name, const char *system, const char *public,
                       int has_subset) {
    stop(data, PROBLEM_LIMIT, "a document type (DOCTYPE) is never taken");
}

/* ---- the file ---- */

/* Whether the parser ran out of file. */
static bool is_cut(enum XML_Error code) {
    return code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN ||
           code == XML_ERROR_PARTIAL_CHAR || code == XML_ERROR_UNCLOSED_CDATA_SECTION ||
           code == XML_ERROR_ASYNC_ENTITY;
}

static int tell_no_xml(struct reading *reading, const struct statement_source *source, bool last,
                       struct err *err) {
    enum XML_Error code = XML_GetErrorCode(reading->parser);
    XML_Index at = XML_GetCurrentByteIndex(reading->parser);
    const unsigned char *bytes = source->bytes;
    bool high = at >= 0 && (size_t)at < source->count && bytes[at] >= 0x80;
    enum statement_problem problem = PROBLEM_BAD_ROW;
    if (last && is_cut(code)) {
        problem = PROBLEM_CUT;
    } else if (code == XML_ERROR_JUNK_AFTER_DOC_ELEMENT) {
        problem = PROBLEM_TRAILING;
    } else if (code == XML_ERROR_UNKNOWN_ENCODING || code == XML_ERROR_INCORRECT_ENCODING ||
               (code == XML_ERROR_INVALID_TOKEN && high)) {
        problem = PROBLEM_ENCODING;
    }
    camt_tell(&reading->camt, problem, line_of(reading), "it cannot be read as XML: %s",
              XML_ErrorString(code));
    return err_set(err, ERR_BAD_REQUEST, "the file cannot be read as XML: %s",
                   XML_ErrorString(code));
}

static int parse(struct reading *reading, const struct statement_source *source, struct err *err) {
    const char *bytes = source->bytes;
    size_t at = 0;
    do {
        size_t left = source->count - at;
        int count = left < CHUNK_BYTES ? (int)left : CHUNK_BYTES;
        bool last = (size_t)count == left;
        enum XML_Status status = XML_Parse(reading->parser, count > 0 ? bytes + at : "", count,
                                           last);
        if (reading->camt.rc != 0) {
            return reading->camt.rc;
        }
        if (reading->stopped) {
            return err_set(err, ERR_BAD_REQUEST, "the file is no statement that can be read");
        }
        if (status != XML_STATUS_OK) {
            return tell_no_xml(reading, source, last, err);
        }
        at += (size_t)count;
    } while (at < source->count);
    camt_end_file(&reading->camt, line_of(reading));
    return 0;
}

static int read_with(struct reading *reading, const struct statement_source *source,
                     struct err *err) {
    struct camt *camt = &reading->camt;
    reading->parser = XML_ParserCreateNS(NULL, '|');
    if (reading->parser == NULL) {
        return err_set(err, ERR_INTERNAL, "there is no memory for reading XML");
    }
    camt->kept = g_array_new(false, true, sizeof(struct camt_kept));
    camt->texts = g_string_chunk_new(4096);
    reading->paths = camt_paths_new();
    buf_init(&reading->text, CAMT_TEXT_BYTES_MAX);
    buf_init(&camt->purpose, CAMT_PURPOSE_BYTES_MAX);
    XML_SetUserData(reading->parser, reading);
    XML_SetElementHandler(reading->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(reading->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading->parser, on_doctype);
    int rc = parse(reading, source, err);
    XML_ParserFree(reading->parser);
    g_hash_table_destroy(reading->paths);
    g_array_free(camt->kept, true);
    g_string_chunk_free(camt->texts);
    buf_release(&reading->text);
    buf_release(&camt->purpose);
    seen_release(&camt->seen);
    return rc;
}

static int camt_read(const struct statement_source *source, const struct statement_sink *sink,
                     struct statement_head *ret_head, struct err *err) {
    *ret_head = (struct statement_head){.sequence = -1};
    if (source->count > (size_t)STATEMENT_BYTES_MAX) {
        statement_tell(sink, PROBLEM_LIMIT, 0, "the file is larger than any that is taken");
        return err_set(err, ERR_TOO_LARGE, "the file is larger than any that is taken");
    }
    TIME_ZONE_AUTO zone = NULL;
    if (source->time_zone != NULL) {
        int rc = time_zone_open(source->time_zone, &zone, err);
        if (rc < 0) {
            return rc;
        }
    }
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    reading->camt.sink = sink;
    reading->camt.head = ret_head;
    reading->camt.zone = zone;
    reading->camt.err = err;
    return read_with(reading, source, err);
}

/* The namespace stands in the first element; also of versions that are then refused. */
static int camt_detect(const char *name, const void *bytes, size_t count) {
    const char *text = bytes;
    gssize looked_at = count < DETECT_BYTES ? (gssize)count : DETECT_BYTES;
    g_autofree char *head = g_strndup(text, (gsize)looked_at);
    return strchr(head, '<') != NULL && strstr(head, NAMESPACE) != NULL ? 100 : 0;
}

const struct statement_reader camt053_reader = {
    .name = "camt053",
    .title = "ISO 20022 camt.053 bank statement (XML)",
    .adapter = NULL,
    .tells = TELLS_BANK,
    .detect = camt_detect,
    .read = camt_read,
};
