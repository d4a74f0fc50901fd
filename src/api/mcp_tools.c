/* SPDX-License-Identifier: Apache-2.0
 * mcp_tools.c: tools as they are listed, and a call of one as a request to the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/mcp_impl.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"

enum { TARGET_BYTES_MAX = 8192, KEY_BYTES = 40, RESULT_DEPTH_MAX = 64 };

static const struct mcp_tool tools[] = {
#define READS false
#define WRITES true
#define X(name, title, writes, method, path, description)                                          \
    {name, title, writes, #method, path, description},
#include "api/mcp_tools.def"
#undef X
#undef READS
#undef WRITES
};

static const struct mcp_parameter parameters[] = {
#define NEEDED true
#define MAY false
#define X(tool, name, place, type, needed, choices, description)                                   \
    {tool, name, MCP_##place, MCP_##type, needed, choices, description},
#include "api/mcp_parameters.def"
#undef X
#undef NEEDED
#undef MAY
};

int mcp_tool_count(void) {
    return COUNT_OF(tools);
}

const struct mcp_tool *mcp_tool_at(int index) {
    INVARIANT(index >= 0 && index < mcp_tool_count(), "a tool out of its table");
    return &tools[index];
}

int mcp_parameter_count(void) {
    return COUNT_OF(parameters);
}

const struct mcp_parameter *mcp_parameter_at(int index) {
    INVARIANT(index >= 0 && index < mcp_parameter_count(), "a parameter out of its table");
    return &parameters[index];
}

const struct mcp_tool *mcp_tool_find(const struct mcp *mcp, const char *name) {
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        if (strcmp(tools[i].name, name) == 0) {
            return tools[i].writes && !mcp->write_tools ? NULL : &tools[i];
        }
    }
    return NULL;
}

bool mcp_tool_writes(const char *name) {
    const struct mcp all = {.write_tools = true};
    const struct mcp_tool *tool = mcp_tool_find(&all, name);
    return tool != NULL && tool->writes;
}

static const struct mcp_parameter *find_parameter(const struct mcp_tool *tool, const char *name) {
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        if (strcmp(parameters[i].tool, tool->name) == 0 && strcmp(parameters[i].name, name) == 0) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* ---- listing ---- */

static json_t *split_choices(const char *choices) {
    json_t *array = json_array();
    while (choices[0] != '\0') {
        size_t length = strcspn(choices, "|");
        json_array_append_new(array, json_stringn(choices, length));
        choices += length + (choices[length] == '|');
    }
    return array;
}

static json_t *input_schema(const struct mcp_tool *tool) {
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        const struct mcp_parameter *parameter = &parameters[i];
        if (strcmp(parameter->tool, tool->name) != 0) {
            continue;
        }
        json_t *property = json_pack("{s:s, s:s}", "type",
                                     parameter->type == MCP_NUMBER ? "integer" : "string",
                                     "description", parameter->description);
        if (parameter->choices[0] != '\0') {
            json_object_set_new(property, "enum", split_choices(parameter->choices));
        }
        json_object_set_new(properties, parameter->name, property);
        if (parameter->needed) {
            json_array_append_new(required, json_string(parameter->name));
        }
    }
    if (tool->writes) {
        json_object_set_new(
            properties, "idempotency_key",
            json_pack("{s:s, s:s}", "type", "string", "description",
                      "Repeat it to repeat the same call: it is then done once"));
    }
    json_t *schema = json_pack("{s:s, s:o}", "type", "object", "properties", properties);
    if (json_array_size(required) > 0) {
        json_object_set(schema, "required", required);
    }
    json_decref(required);
    json_object_set_new(schema, "additionalProperties", json_false());
    return schema;
}

json_t *mcp_tools_list(const struct mcp *mcp) {
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        const struct mcp_tool *tool = &tools[i];
        if (mcp_tool_find(mcp, tool->name) == NULL) {
            continue;
        }
        /* With the same key the same call is done once; nothing here destroys, and all of it is
         * about this service and the gateways that it knows. */
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:{s:b, s:b, s:b, s:b}}", "name", tool->name,
                            "title", tool->title, "description", tool->description, "inputSchema",
                            input_schema(tool), "annotations", "readOnlyHint", !tool->writes,
                            "destructiveHint", false, "idempotentHint", !tool->writes,
                            "openWorldHint", false));
    }
    return list;
}

/* ---- calling ---- */

static json_t *text_result(const char *text, bool error) {
    json_t *result = json_pack("{s:[{s:s, s:s}]}", "content", "type", "text", "text", text);
    if (error) {
        json_object_set_new(result, "isError", json_true());
    }
    return result;
}

/* What is wrong in the words of an error, for an agent that may do better. */
static json_t *refusal(const struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, sizeof *err + 64);
    if (err->place[0] != '\0') {
        buf_addf(&buf, "%s: ", err->place);
    }
    buf_add_text(&buf, err->detail);
    if (err->hint[0] != '\0') {
        buf_addf(&buf, ". %s", err->hint);
    }
    return text_result(buf.data, true);
}

static bool is_choice(const char *choices, const char *value) {
    size_t length = strlen(value);
    for (const char *at = choices; *at != '\0'; at += strcspn(at, "|"), at += *at == '|') {
        if (strcspn(at, "|") == length && strncmp(at, value, length) == 0) {
            return true;
        }
    }
    return choices[0] == '\0';
}

static int check_argument(const struct mcp_parameter *parameter, const json_t *value,
                          struct err *err) {
    bool number = parameter->type == MCP_NUMBER;
    if (number ? !json_is_integer(value) : !json_is_string(value)) {
        return err_set(err, ERR_VALIDATION, "it must be %s", number ? "a whole number" : "a text");
    }
    if (!number && (json_string_length(value) == 0 ||
                    strlen(json_string_value(value)) != json_string_length(value))) {
        return err_set(err, ERR_VALIDATION, "it must not be empty, nor hold a NUL");
    }
    if (!number && !is_choice(parameter->choices, json_string_value(value))) {
        return err_set(err, ERR_VALIDATION, "it must be one of %s", parameter->choices);
    }
    return 0;
}

static int check_arguments(const struct mcp_tool *tool, const json_t *arguments, struct err *err) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)arguments, name, value) {
        const struct mcp_parameter *parameter = find_parameter(tool, name);
        bool key = tool->writes && strcmp(name, "idempotency_key") == 0;
        int r = 0;
        if (key && !json_is_string(value)) {
            r = err_set(err, ERR_VALIDATION, "it must be a text");
        } else if (!key && parameter == NULL) {
            r = err_set(err, ERR_VALIDATION, "%s takes no such argument; tools/list has them",
                        tool->name);
        } else if (!key) {
            r = check_argument(parameter, value, err);
        }
        if (r < 0) {
            return err_place(err, "arguments/%.60s", name);
        }
    }
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        if (parameters[i].needed && strcmp(parameters[i].tool, tool->name) == 0 &&
            json_object_get(arguments, parameters[i].name) == NULL) {
            err_set(err, ERR_VALIDATION, "%s needs it: %s", tool->name, parameters[i].description);
            return err_place(err, "arguments/%s", parameters[i].name);
        }
    }
    return 0;
}

static void add_value(struct buf *target, const json_t *value) {
    if (json_is_integer(value)) {
        buf_add_int(target, json_integer_value(value));
    } else {
        buf_add_urlencoded(target, json_string_value(value));
    }
}

/* The path with what stands for {…}, then the query. */
static void write_target(const struct mcp_tool *tool, const json_t *arguments, struct buf *target) {
    const char *open = strchr(tool->path, '{');
    if (open == NULL) {
        buf_add_text(target, tool->path);
    } else {
        const char *close = strchr(open, '}');
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)(close - open - 1), open + 1);
        buf_add(target, tool->path, (size_t)(open - tool->path));
        add_value(target, json_object_get(arguments, name));
        buf_add_text(target, close + 1);
    }
    char mark = '?';
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        const json_t *value = json_object_get(arguments, parameters[i].name);
        if (parameters[i].place == MCP_QUERY && value != NULL &&
            strcmp(parameters[i].tool, tool->name) == 0) {
            buf_addf(target, "%c%s=", mark, parameters[i].name);
            add_value(target, value);
            mark = '&';
        }
    }
}

static char *write_body(const struct mcp_tool *tool, const json_t *arguments) {
    JSON_AUTO body = json_object();
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        json_t *value = json_object_get(arguments, parameters[i].name);
        if (parameters[i].place == MCP_BODY && value != NULL &&
            strcmp(parameters[i].tool, tool->name) == 0) {
            json_object_set(body, parameters[i].name, value);
        }
    }
    return json_write(body);
}

/* A token bucket: an agent in a loop must not take the service's workers from people. */
static bool may_call(struct mcp *mcp) {
    int64_t now = clock_mono_us();
    lock_take(&mcp->lock);
    if (now > mcp->filled_us) {
        mcp->calls += (double)(now - mcp->filled_us) * MCP_CALLS_PER_SECOND / US_PER_SECOND;
        mcp->calls = mcp->calls > MCP_CALLS_AT_ONCE ? MCP_CALLS_AT_ONCE : mcp->calls;
        mcp->filled_us = now;
    }
    bool may = mcp->calls >= 1;
    mcp->calls -= may ? 1 : 0;
    lock_give(&mcp->lock);
    return may;
}

/* What the service said: its JSON as text, and as it is for clients that read it. */
static json_t *result_of(int status, const struct buf *body) {
    struct err ignored = {0};
    if (!buf_ok(body)) {
        return text_result("The answer is too large. Ask for less: a smaller limit, a shorter "
                           "time.",
                           true);
    }
    JSON_AUTO json = NULL;
    bool read = json_read(body->data, body->len, MCP_RESULT_BYTES_MAX, RESULT_DEPTH_MAX, &json,
                          &ignored) >= 0 &&
                json_is_object(json);
    if (!read) {
        return text_result("The service gave an answer that is not JSON.", true);
    }
    /* A status of its own is no refusal: a report of what is wrong may come with 503. */
    bool refused = status >= 400 && json_object_get(json, "title") != NULL;
    json_t *result = text_result(body->data, refused);
    if (!refused) {
        json_object_set(result, "structuredContent", json);
    }
    return result;
}

json_t *mcp_tool_call(struct mcp *mcp, const struct mcp_message *message,
                      const struct mcp_tool *tool, const json_t *arguments) {
    struct err err = {0};
    if (check_arguments(tool, arguments, &err) < 0) {
        return refusal(&err);
    }
    if (!may_call(mcp)) {
        return text_result("Too many calls at once. Wait a second, then go on.", true);
    }
    BUF_AUTO target;
    buf_init(&target, TARGET_BYTES_MAX);
    write_target(tool, arguments, &target);
    if (!buf_ok(&target)) {
        return text_result("The arguments are too long.", true);
    }
    char key[KEY_BYTES];
    const char *given = json_string_value(json_object_get(arguments, "idempotency_key"));
    snprintf(key, sizeof key, "mcp-%016llx%016llx", (unsigned long long)random_u64(),
             (unsigned long long)random_u64());
    char *body = tool->writes ? write_body(tool, arguments) : NULL;
    struct mcp_request request = {
        .method = tool->method,
        .target = target.data,
        .body = body,
        .key = !tool->writes ? NULL : given != NULL ? given : key,
    };
    int status = 0;
    BUF_AUTO answer;
    buf_init(&answer, MCP_RESULT_BYTES_MAX);
    int r = message->ask(message->ctx, &request, &status, &answer, &err);
    free(body);
    return r < 0 ? refusal(&err) : result_of(status, &answer);
}
