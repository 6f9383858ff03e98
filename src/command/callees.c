/*
 * Owns what the arguments mean that say whom a command is for. Must never take one for gone whose
 * file could not be read.
 */
#include "command/callees.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Where the WHO of a PEER ends, or NULL if that is in the peers file; or the WHO of WHO:NAME. */
static const char *end_of_who(const struct callees *callees, const char *given)
{
    const char *follows =
        callees->call_us ? directory_find_target(given) : directory_find_address(given);

    if (follows != NULL)
        return follows - 1;
    return callees->call_us ? given + strlen(given) : NULL;
}

/* The file that is in the place of a name, for free; NULL if there is none, or with an error. */
static char *find_file(const struct callees *callees, const char *given, enum kith_error *error)
{
    const char *end = end_of_who(callees, given);
    char *who;

    if (end == NULL)
        return NULL;
    who = strndup(given, (size_t)(end - given));
    if (who == NULL)
        *error = log_failure(LOG_ERROR, "peer", given, ERR_MEMORY, NULL, NULL);
    if (who == NULL || directory_is_file(who))
        return who;
    free(who);
    return NULL;
}

enum kith_error callees_list_files(struct callees *callees, const char **files, size_t *file_count)
{
    enum kith_error error = OK;

    for (size_t i = 0; error == OK && i < callees->count; i++) {
        callees->files[i] = find_file(callees, callees->given[i], &error);
        if (callees->files[i] != NULL)
            files[(*file_count)++] = callees->files[i];
    }
    return error;
}

/* Nobody else can be gone: a key in the arguments stays, and a file of its own is in order or not.
 */
static enum kith_error find(const struct callees *callees, struct directory *directory,
                            size_t place, struct callee *callee, bool *gone)
{
    const char *given = callees->given[place];
    enum kith_error error = callees->call_us ? directory_awaited(directory, given, callee)
                                             : directory_callee(directory, given, callee);

    *gone = error != OK && directory->read && callees->files[place] == NULL;
    return error;
}

/* Of several with one key, what one has of a namespace of its own is all theirs. */
static void share_namespace(const struct peers *conditions, struct callee *callee)
{
    const struct peer *peer = peers_find_key(conditions, callee->key);

    if (peer == NULL || callee->namespace != NULL)
        return;
    callee->namespace = secret_namespace_hold(peer->namespace);
    callee->mark = peer->mark;
}

enum kith_error callees_find(const struct callees *callees, struct directory *directory,
                             struct callee *found, struct peers *conditions)
{
    enum kith_error error = OK;
    bool gone;

    directory->noted = conditions;
    for (size_t i = 0; error == OK && i < callees->count; i++)
        error = find(callees, directory, i, &found[i], &gone);
    directory->noted = NULL;
    for (size_t i = 0; error == OK && i < callees->count; i++)
        share_namespace(conditions, &found[i]);
    return error;
}

enum kith_error callees_find_again(const struct callees *callees, struct directory *directory,
                                   struct callee_again *found, struct peers *conditions)
{
    enum kith_error error = OK;

    directory->noted = conditions;
    for (size_t i = 0; i < callees->count; i++) {
        callee_end(&found[i].callee); /* of one that nobody has waited for */
        found[i] = (struct callee_again){.gone = false};
    }
    for (size_t i = 0; error == OK && i < callees->count; i++) {
        error = find(callees, directory, i, &found[i].callee, &found[i].gone);
        if (found[i].gone)
            error = OK;
    }
    directory->noted = NULL;
    for (size_t i = 0; error == OK && i < callees->count; i++)
        share_namespace(conditions, &found[i].callee);
    return error;
}

static enum kith_error add_callee(struct peers *peers, const struct callee *callee)
{
    struct peer peer = PEER_UNCONDITIONAL;

    peer.namespace = callee->namespace;
    peer.mark = callee->mark;
    memcpy(peer.key, callee->key, KEY_SIZE);
    memcpy(peer.name, callee->name, NAME_SIZE);
    return peers_add_copy(peers, &peer);
}

enum kith_error callees_add(const struct callees *callees, struct directory *directory,
                            struct peers *peers)
{
    struct callee callee = {.name = ""};
    enum kith_error error = OK;

    for (size_t i = 0; error == OK && i < callees->count; i++) {
        bool gone;

        error = find(callees, directory, i, &callee, &gone);
        if (error == OK)
            error = add_callee(peers, &callee);
        callee_end(&callee);
        if (gone)
            error = OK;
    }
    return error;
}

void callees_end(struct callees *callees)
{
    for (size_t i = 0; i < callees->count; i++) {
        free(callees->files[i]);
        callees->files[i] = NULL;
    }
}
