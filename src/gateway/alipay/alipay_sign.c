/* SPDX-License-Identifier: Apache-2.0
 * alipay_sign.c: RSA2 signatures over parameters and over raw objects; forms; the names of
 * certificates. */
#include "gateway/alipay/alipay_sign.h"

#include "base/x509_face.h"

/* Parameters. */

static int by_name(const void *a, const void *b) {
    const struct alipay_param *const *left = a;
    const struct alipay_param *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static bool is_signed(const struct alipay_param *param, enum alipay_signed kind) {
    if (param->value == NULL || param->value[0] == '\0' || strcmp(param->name, "sign") == 0) {
        return false;
    }
    return kind == ALIPAY_REQUEST || strcmp(param->name, "sign_type") != 0;
}

void alipay_signed_text(const struct alipay_param *params, int count, enum alipay_signed kind,
                        struct buf *text) {
    const struct alipay_param *sorted[ALIPAY_PARAMS_MAX];
    size_t sorted_count = 0;
    INVARIANT(count <= ALIPAY_PARAMS_MAX, "no more parameters than a form can hold");
    for (int i = 0; i < count; i++) {
        if (is_signed(&params[i], kind)) {
            sorted[sorted_count++] = &params[i];
        }
    }
    qsort(sorted, sorted_count, sizeof(sorted[0]), by_name);
    for (size_t i = 0; i < sorted_count; i++) {
        buf_add_text(text, i > 0 ? "&" : "");
        buf_add_text(text, sorted[i]->name);
        buf_add_char(text, '=');
        buf_add_text(text, sorted[i]->value);
    }
}

int alipay_sign(const struct rsa_key *key, const struct alipay_param *params, int count,
                enum alipay_signed kind, char **ret_sign, struct err *err) {
    BUF_AUTO text;
    buf_init(&text, ALIPAY_TEXT_BYTES_MAX);
    alipay_signed_text(params, count, kind, &text);
    if (!buf_ok(&text)) {
        return err_set(err, ERR_VALIDATION, "there is more to be signed than %d bytes",
                       ALIPAY_TEXT_BYTES_MAX);
    }
    return rsa_sign_sha256(key, text.data, text.len, ret_sign, err);
}

bool alipay_sign_verify(const struct rsa_key *key, const struct alipay_param *params, int count,
                        enum alipay_signed kind, const char *sign) {
    BUF_AUTO text;
    buf_init(&text, ALIPAY_TEXT_BYTES_MAX);
    alipay_signed_text(params, count, kind, &text);
    return buf_ok(&text) && rsa_verify_sha256(key, text.data, text.len, sign);
}

/* Raw members. */

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) {
        at++;
    }
    return at;
}

/* Behind the closing quote of the string that begins at `at`, or NULL. */
static const char *skip_string(const char *at, const char *end) {
    if (at >= end || *at != '"') {
        return NULL;
    }
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\' ? 1 : 0;
    }
    return at < end ? at + 1 : NULL;
}

/* Behind the value that begins at `at`, or NULL. Brackets inside strings do not count. */
static const char *skip_value(const char *at, const char *end) {
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            if (at == NULL) {
                return NULL;
            }
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0) {
                return at;
            }
            depth--;
            at++;
        } else if (depth == 0 && *at == ',') {
            return at;
        } else {
            at++;
            continue; /* a number or a word: it ends at what follows it */
        }
        if (depth == 0) {
            return at;
        }
    }
    return NULL;
}

bool alipay_raw_member(const char *json, size_t count, const char *name, const char **ret_raw,
                       size_t *ret_raw_bytes) {
    const char *end = json + count;
    const char *at = skip_blanks(json, end);
    size_t name_count = strlen(name);
    if (at >= end || *at != '{') {
        return false;
    }
    for (at++;; at++) {
        const char *key = skip_blanks(at, end);
        at = skip_string(key, end);
        if (at == NULL) {
            return false;
        }
        bool found = (size_t)(at - key) == name_count + 2 && memcmp(key + 1, name, name_count) == 0;
        at = skip_blanks(at, end);
        if (at >= end || *at != ':') {
            return false;
        }
        const char *value = skip_blanks(at + 1, end);
        at = skip_value(value, end);
        if (at == NULL) {
            return false;
        }
        if (found) {
            *ret_raw = value;
            *ret_raw_bytes = (size_t)(at - value);
            return true;
        }
        at = skip_blanks(at, end);
        if (at >= end || *at != ',') {
            return false;
        }
    }
}

/* Forms. */

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes one part in place and ends it with a NUL; false for a bad escape or a NUL inside. */
static bool decode(char *text, size_t count) {
    size_t to = 0;
    for (size_t i = 0; i < count; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (text[i] == '%') {
            int high = i + 2 < count ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < count ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return false;
        }
        text[to++] = c;
    }
    text[to] = '\0';
    return true;
}

static int add_pair(struct alipay_form *form, char *pair, size_t count, struct err *err) {
    char *equals = memchr(pair, '=', count);
    size_t name_count = equals != NULL ? (size_t)(equals - pair) : count;
    char *value = equals != NULL ? equals + 1 : pair + count;
    size_t value_count = equals != NULL ? count - name_count - 1 : 0;
    if (!decode(value, value_count) || !decode(pair, name_count) || pair[0] == '\0') {
        return err_set(err, ERR_BAD_REQUEST,
                       "the form holds a bad escape, a NUL, or a value without a name");
    }
    for (int i = 0; i < form->count; i++) {
        if (strcmp(form->params[i].name, pair) == 0) {
            return err_set(err, ERR_BAD_REQUEST, "the form gives one name twice");
        }
    }
    if (form->count == ALIPAY_PARAMS_MAX) {
        return err_set(err, ERR_BAD_REQUEST, "the form has more than %d parameters",
                       ALIPAY_PARAMS_MAX);
    }
    form->params[form->count++] = (struct alipay_param){pair, value};
    return 0;
}

int alipay_form_read(struct alipay_form *form, const char *text, size_t count, struct err *err) {
    INVARIANT(form->memory == NULL, "one text a form");
    form->memory = malloc(count + 1);
    INVARIANT(form->memory != NULL, "out of memory");
    memcpy(form->memory, text, count);
    form->memory[count] = '\0';
    char *at = form->memory;
    char *end = at + count;
    while (at < end) {
        char *amp = memchr(at, '&', (size_t)(end - at));
        char *stop = amp != NULL ? amp : end;
        int rc = stop > at ? add_pair(form, at, (size_t)(stop - at), err) : 0;
        if (rc < 0) {
            return rc;
        }
        at = stop + 1;
    }
    return 0;
}

void alipay_form_release(struct alipay_form *form) {
    free(form->memory);
    *form = (struct alipay_form){0};
}

const char *alipay_form_get(const struct alipay_form *form, const char *name) {
    for (int i = 0; i < form->count; i++) {
        if (strcmp(form->params[i].name, name) == 0) {
            return form->params[i].value;
        }
    }
    return "";
}

/* Certificates. */

static void face_sn(const struct x509_face *face, char ret_sn[MD5_HEX_CHARS + 1]) {
    char text[X509_ISSUER_CHARS_MAX + X509_SERIAL_CHARS_MAX + 1];
    snprintf(text, sizeof(text), "%s%s", face->issuer, face->serial);
    crypto_md5_hex(text, strlen(text), ret_sn);
}

int alipay_root_cert_sn(const char *pem, size_t count, char ret_sn[ALIPAY_ROOT_SN_CHARS_MAX + 1],
                        struct err *err) {
    struct x509_face *faces = calloc(ALIPAY_ROOTS_MAX, sizeof(*faces));
    INVARIANT(faces != NULL, "out of memory");
    int face_count = 0;
    int rc = x509_faces_read(pem, count, faces, ALIPAY_ROOTS_MAX, &face_count, err);
    size_t used = 0;
    ret_sn[0] = '\0';
    for (int i = 0; rc == 0 && i < face_count; i++) {
        char sn[MD5_HEX_CHARS + 1];
        if (!faces[i].rsa_signed) {
            continue; /* the bundle holds roots of other algorithms as well */
        }
        face_sn(&faces[i], sn);
        used += (size_t)snprintf(ret_sn + used, ALIPAY_ROOT_SN_CHARS_MAX + 1 - used, "%s%s",
                                 used > 0 ? "_" : "", sn);
    }
    free(faces);
    return rc == 0 && used == 0
               ? err_set(err, ERR_CRYPTO, "none of the certificates is signed with RSA")
               : rc;
}

int alipay_cert_sn(const char *pem, size_t count, char ret_sn[MD5_HEX_CHARS + 1], struct err *err) {
    struct x509_face *faces = calloc(ALIPAY_BUNDLE_MAX, sizeof(*faces));
    INVARIANT(faces != NULL, "out of memory");
    int face_count = 0;
    int rc = x509_faces_read(pem, count, faces, ALIPAY_BUNDLE_MAX, &face_count, err);
    if (rc == 0) {
        face_sn(&faces[0], ret_sn);
    }
    free(faces);
    return rc;
}
