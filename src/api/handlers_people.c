/* SPDX-License-Identifier: Apache-2.0
 * handlers_people.c: API keys, people, sessions. */
#include <string.h>

#include "api/read.h"
#include "base/clock.h"
#include "base/json.h"

enum { NAME_CHARS_MAX = 80, SCOPES_CHARS_MAX = 255 };

static int read_role(const json_t *body, enum role *ret_role, struct err *err) {
    const char *role = NULL;
    int r = json_need_text(body, "", "role", 1, 20, &role, err);
    if (r < 0) {
        return r;
    }
    if (!role_parse(role, ret_role)) {
        err_set(err, ERR_VALIDATION, "there is no role \"%.20s\"", role);
        err_place(err, "/role");
        return err_hint(err, "One of: viewer, support, operator, finance, admin.");
    }
    return 0;
}

/* "createPayment,getPayment": each must be an operation of the table. */
static int check_scopes(const char *scopes, struct err *err) {
    for (const char *at = scopes; *at != '\0';) {
        size_t length = strcspn(at, ",");
        bool known = false;
        for (int i = 0; i < front_route_count(); i++) {
            struct front_route route;
            front_route(i, &route);
            known = known || (strlen(route.operation) == length &&
                              strncmp(route.operation, at, length) == 0);
        }
        if (!known) {
            err_set(err, ERR_VALIDATION, "there is no operation \"%.*s\"",
                    (int)(length < 60 ? length : 60), at);
            err_place(err, "/scopes");
            return err_hint(
                err, "operationIds of GET /v1/openapi.yaml, separated by commas; empty for all.");
        }
        at += length + (at[length] == ',');
    }
    return 0;
}

int keys_list(struct ask *ask, struct err *err) {
    return key_list(ask->service->auth, &ask->answer, err);
}

int keys_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"name", "role", "scopes", "expires_at", "user_id", NULL};
    const char *expires = NULL;
    struct key_order order = {.scopes = "", .user_id = ""};
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "name", 1, NAME_CHARS_MAX, &order.name, err);
    r = r < 0 ? r : read_role(ask->body, &order.role, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "scopes", 0, SCOPES_CHARS_MAX, &order.scopes, err);
    r = r < 0 ? r : check_scopes(order.scopes, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "user_id", 1, ID_TEXT_MAX, &order.user_id, err);
    r = r < 0 ? r : json_may_text(ask->body, "", "expires_at", 1, 40, &expires, err);
    if (r < 0) {
        return r;
    }
    if (expires != NULL &&
        (!clock_parse(expires, &order.expires_us) || order.expires_us <= clock_wall_us())) {
        err_set(err, ERR_VALIDATION, "it must be a time to come, like 2027-01-31T00:00:00Z");
        return err_place(err, "/expires_at");
    }
    struct user_id user;
    if (order.user_id[0] != '\0' && user_id_parse(order.user_id, &user, NULL) < 0) {
        err_set(err, ERR_VALIDATION, "this is not a user's id");
        err_place(err, "/user_id");
        return err_hint(err, "Ids of users begin with usr_: `holdfast user list`.");
    }
    return key_create(ask->service->payments, &ask->caller, &order, &ask->answer, err);
}

int key_delete(struct ask *ask, struct err *err) {
    struct key_id id;
    int r = READ_ID(ask, "an API key", key_id, &id, err);
    return r < 0 ? r
                 : key_revoke(ask->service->payments, ask->service->auth, &ask->caller, id.text,
                              &ask->answer, err);
}

int users_list(struct ask *ask, struct err *err) {
    return user_list(ask->service->auth, &ask->answer, err);
}

int users_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"name", "password", "role", NULL};
    const char *name = NULL, *password = NULL;
    enum role role = ROLE_NONE;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "name", 1, NAME_CHARS_MAX, &name, err);
    r = r < 0 ? r
              : json_need_lines(ask->body, "", "password", 1, AUTH_PASSWORD_CHARS_MAX, &password,
                                err);
    r = r < 0 ? r : read_role(ask->body, &role, err);
    return r < 0 ? r
                 : user_create(ask->service->payments, &ask->caller, name, password, role,
                               &ask->answer, err);
}

int user_delete(struct ask *ask, struct err *err) {
    struct user_id id;
    int r = READ_ID(ask, "a user", user_id, &id, err);
    return r < 0 ? r
                 : user_disable(ask->service->payments, ask->service->auth, &ask->caller, id.text,
                                &ask->answer, err);
}

int user_enable_post(struct ask *ask, struct err *err) {
    static const char *const none[] = {NULL};
    struct user_id id;
    int r = READ_ID(ask, "a user", user_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", none, err);
    return r < 0 ? r
                 : user_enable(ask->service->payments, ask->service->auth, &ask->caller, id.text,
                               &ask->answer, err);
}

int user_password_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"password", NULL};
    const char *password = NULL;
    struct user_id id;
    int r = READ_ID(ask, "a user", user_id, &id, err);
    r = r < 0 ? r : json_only(ask->body, "", keys, err);
    r = r < 0 ? r
              : json_need_lines(ask->body, "", "password", 1, AUTH_PASSWORD_CHARS_MAX, &password,
                                err);
    return r < 0 ? r
                 : user_set_password(ask->service->payments, &ask->caller, id.text, password,
                                     &ask->answer, err);
}

int session_post(struct ask *ask, struct err *err) {
    static const char *const keys[] = {"name", "password", NULL};
    const char *name = NULL, *password = NULL;
    int r = json_only(ask->body, "", keys, err);
    r = r < 0 ? r : json_need_text(ask->body, "", "name", 1, NAME_CHARS_MAX, &name, err);
    r = r < 0 ? r
              : json_need_lines(ask->body, "", "password", 1, AUTH_PASSWORD_CHARS_MAX, &password,
                                err);
    return r < 0 ? r
                 : session_log_in(ask->service->auth, ask->request, name, password, ask->reply,
                                  &ask->answer, err);
}

int session_get(struct ask *ask, struct err *err) {
    return session_show(ask->service->auth, &ask->identity, ask->request, &ask->answer, err);
}

int session_delete(struct ask *ask, struct err *err) {
    return session_log_out(ask->service->auth, ask->request, ask->reply, &ask->answer, err);
}
