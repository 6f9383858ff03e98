/*
 * Owns what a target is, and whether one is permitted. Must never take two that are not written
 * alike for one: what they lead to is known to nobody here.
 */
#include "peers/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/record.h"

#define EXEC "exec:"

_Static_assert(TARGET_NAME_SIZE == RECORD_NAME_MAX + 1,
               "the names of targets are those of records");

bool target_name_check(struct text name, struct problem *problem)
{
    if (name.len == 0)
        return problem_say(problem, "the name of the target is empty");
    if (name.len > RECORD_NAME_MAX)
        return problem_say(problem, "the name of a target has %d bytes at most", RECORD_NAME_MAX);
    if (record_name_is_good(name.at, name.len))
        return true;
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] < '0' || name.at[i] > '9')
            return problem_say(problem, "the name of a target is of A-Z a-z 0-9 . _ and -");
    }
    return problem_say(problem, "a name of digits alone would be a port");
}

/* Take NAME= off the front, if there is one. */
static bool take_name(struct target *target, const char **text, struct problem *problem)
{
    size_t len = strcspn(*text, "=:/");

    if ((*text)[len] != '=')
        return true;
    if (!target_name_check((struct text){*text, len}, problem))
        return false;
    memcpy(target->name, *text, len);
    target->name[len] = '\0';
    *text += len + 1;
    return true;
}

/* What stands after exec: is a shell's, and what that makes of it. */
static bool take_line(struct target *target, const char *line, struct problem *problem)
{
    if (line[strspn(line, " \t\r\n")] == '\0')
        return problem_say(problem, "there is no command line after " EXEC);
    target->kind = TARGET_PROGRAM;
    target->line = line;
    return true;
}

bool target_parse(struct target *target, const char *text, struct problem *problem)
{
    *target = (struct target){.text = text};
    if (!take_name(target, &text, problem))
        return false;
    target->text = text;
    if (strncmp(text, EXEC, strlen(EXEC)) == 0)
        return take_line(target, text + strlen(EXEC), problem);
    if (!address_parse(&target->address, text, ADDRESS_TARGET, problem))
        return false;
    target->kind = target->address.path[0] != '\0' ? TARGET_PATH : TARGET_ADDRESS;
    return true;
}

struct target target_of_program(const char *name)
{
    return (struct target){.kind = TARGET_PROGRAM, .text = name};
}

const struct target *targets_find(const struct targets *targets, const char *name)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (strcmp(targets->list[i].name, name) == 0)
            return &targets->list[i];
    }
    return NULL;
}

void target_format(char out[static TARGET_TEXT_SIZE], const struct target *target, const char *text)
{
    const char *name = target->name;

    (void)snprintf(out, TARGET_TEXT_SIZE, "%s%s%s", name,
                   name[0] != '\0' && text != NULL ? ", " : "", text != NULL ? text : "");
}

/* No target has blanks around it, and only a path and a command line have one inside. */
static bool has_stray_blank(struct text part)
{
    bool may_have = text_starts(part, EXEC) || memchr(part.at, '/', part.len) != NULL;

    for (size_t i = 0; i < part.len; i++) {
        if (part.at[i] == ' ' && (!may_have || i == 0 || i + 1 == part.len))
            return true;
    }
    return false;
}

/* What is in the list and never permits anything is to be noticed. */
static bool check_part(struct text part, struct problem *problem)
{
    if (part.len == 0)
        return problem_say(problem, "permit-target: an empty target");
    if (has_stray_blank(part))
        return problem_say(problem, "permit-target: \"%.*s\" has a blank in it",
                           problem_shown(part), part.at);
    return true;
}

enum kith_error target_list_parse(struct target_list *list, const char *text,
                                  struct problem *problem)
{
    struct text rest = {text, strlen(text)}, part = {0};

    *list = (struct target_list){.texts = strdup(text), .len = rest.len + 1};
    if (list->texts == NULL) {
        target_list_free(list);
        return ERR_MEMORY;
    }
    while (text_next_part(&rest, ',', &part)) {
        if (!check_part(part, problem)) {
            target_list_free(list);
            return ERR_USAGE;
        }
        list->texts[part.at - text + (ptrdiff_t)part.len] = '\0';
    }
    return OK;
}

const char *target_list_next(const struct target_list *list, size_t *at)
{
    const char *text;

    if (list->texts == NULL || *at >= list->len)
        return NULL;
    text = list->texts + *at;
    *at += strlen(text) + 1;
    return text;
}

static bool means(const char *text, const struct target *target)
{
    return strcmp(text, target->text) == 0 || (text[0] != '\0' && strcmp(text, target->name) == 0);
}

bool target_list_permits(const struct target_list *list, const struct target *target)
{
    const char *permitted;

    if (list->texts == NULL)
        return true;
    for (size_t at = 0; (permitted = target_list_next(list, &at)) != NULL;) {
        if (means(permitted, target))
            return true;
    }
    return false;
}

bool target_is_among(const char *text, const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (means(text, &targets->list[i]))
            return true;
    }
    return false;
}

enum kith_error target_list_copy(struct target_list *copy, const struct target_list *list)
{
    *copy = (struct target_list){.texts = NULL};
    if (list->texts == NULL)
        return OK;
    copy->texts = malloc(list->len);
    if (copy->texts == NULL)
        return ERR_MEMORY;
    memcpy(copy->texts, list->texts, list->len);
    copy->len = list->len;
    return OK;
}

void target_list_free(struct target_list *list)
{
    free(list->texts);
    *list = (struct target_list){.texts = NULL};
}
