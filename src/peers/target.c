/*
 * Owns what a target is, and whether one is permitted. Must never take two that are not written
 * alike for one: what they lead to is known to nobody here.
 */
#include "peers/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool target_parse(struct target *target, const char *text, struct problem *problem)
{
    target->text = text;
    if (!address_parse(&target->address, text, ADDRESS_TARGET, problem))
        return false;
    target->kind = target->address.path[0] != '\0' ? TARGET_PATH : TARGET_ADDRESS;
    return true;
}

struct target target_of_program(const char *name)
{
    return (struct target){.kind = TARGET_PROGRAM, .text = name};
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
        if (part.len == 0) {
            (void)problem_say(problem, "permit-target: an empty target");
            target_list_free(list);
            return ERR_USAGE;
        }
        list->texts[part.at - text + (ptrdiff_t)part.len] = '\0';
    }
    return OK;
}

bool target_list_permits(const struct target_list *list, const struct target *target)
{
    if (list->texts == NULL)
        return true;
    for (size_t at = 0; at < list->len; at += strlen(list->texts + at) + 1) {
        if (strcmp(list->texts + at, target->text) == 0)
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
