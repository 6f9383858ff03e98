/*
 * Owns the step from a line's namespace-file to the secret of a peer. Must never leave a peer that
 * names a file without what that holds, nor read more files than a bound.
 */
#include "peers/peer_namespaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "peers/peers_file.h"

/* What came of reading one. */
struct answer {
    enum kith_error error;
    int system_errno;
    bool group_readable;
    struct secret_namespace *secret; /* if there is no error */
};

/* How it is packed, before the bytes of the secret. */
struct head {
    int32_t error;
    int32_t system_errno;
    uint32_t len;
    uint32_t group_readable;
};

_Static_assert(sizeof(struct head) + NAMESPACE_GIVEN_MAX == NAMESPACE_TEXT_MAX, "as it is said");

/* Where a file is: beside the peers file, unless its path is a whole one. */
static bool find_path(char out[static FILE_PATH_SIZE], const char *peers_path, const char *file)
{
    int folder = file[0] == '/' ? 0 : (int)text_folder_len(peers_path);

    return snprintf(out, FILE_PATH_SIZE, "%.*s%s", folder, peers_path, file) < FILE_PATH_SIZE;
}

static void read_file(struct answer *answer, const char *path)
{
    answer->error = secret_namespace_read(&answer->secret, path, &answer->group_readable);
    answer->system_errno = errno;
}

/* Take the next one; ERR_LOOKUP if there is none that is whole. */
static void open_text(struct answer *answer, struct namespace_texts *texts)
{
    struct head head;

    answer->error = ERR_LOOKUP;
    if (texts->len - texts->used < sizeof(head))
        return;
    memcpy(&head, texts->bytes + texts->used, sizeof(head));
    texts->used += sizeof(head);
    if (head.error < OK || head.error >= ERR_COUNT || head.len > NAMESPACE_GIVEN_MAX ||
        texts->len - texts->used < head.len)
        return;
    answer->error = (enum kith_error)head.error;
    answer->system_errno = head.system_errno;
    answer->group_readable = head.group_readable != 0;
    if (head.error == OK)
        answer->error = secret_namespace_parse(&answer->secret,
                                               (const char *)texts->bytes + texts->used, head.len);
    texts->used += head.len;
}

/* Why a line's file is not taken. */
static enum kith_error refuse_line(const struct peer *peer, const struct answer *answer,
                                   struct problem *problem)
{
    const char *detail =
        error_has(answer->error, ERROR_SETS_ERRNO) ? strerror(answer->system_errno) : NULL;

    problem->line = peer->line;
    (void)problem_advise(
        problem,
        answer->error == ERR_FILE_KIND ? "it is read again at a SIGHUP" : error_hint(answer->error),
        "namespace-file=\"%.*s\": %.70s%s%.30s", PROBLEM_SHOWN_MAX, peer->namespace_file,
        error_text(answer->error), detail != NULL ? ": " : "", detail != NULL ? detail : "");
    return ERR_PEERS_LINE;
}

static enum kith_error refuse_place(const struct peer *peer, struct problem *problem,
                                    const char *why)
{
    problem->line = peer->line;
    (void)problem_say(problem, "namespace-file=\"%.*s\": %s", PROBLEM_SHOWN_MAX,
                      peer->namespace_file, why);
    return ERR_PEERS_LINE;
}

/* A peer has what its line names from here on. */
static enum kith_error give(struct peer *peer, struct secret_namespace *secret)
{
    secret_namespace_withhold(secret);
    peer->namespace = secret;
    return secret_namespace_mark(&peer->mark, secret);
}

static enum kith_error read_one(struct peer *peer, const char *peers_path,
                                struct namespace_texts *texts, struct problem *problem)
{
    struct answer answer = {.error = OK};
    char path[FILE_PATH_SIZE];

    if (peer->namespace_file[0] != '/' && key_file_descriptor(peers_path) >= 0)
        return refuse_place(peer, problem, "a whole path, since the peers file has no folder");
    if (!find_path(path, peers_path, peer->namespace_file))
        return refuse_place(peer, problem, "the path is too long");
    if (texts != NULL)
        open_text(&answer, texts);
    else
        read_file(&answer, path);
    if (answer.error == ERR_MEMORY)
        return answer.error;
    if (answer.error != OK)
        return refuse_line(peer, &answer, problem);
    if (answer.group_readable)
        secret_namespace_warn(path);
    return give(peer, answer.secret);
}

enum kith_error peer_namespaces_read(struct peers *peers, const char *peers_path,
                                     struct namespace_texts *texts, struct problem *problem)
{
    size_t count = 0;
    enum kith_error error = OK;

    *problem = (struct problem){0};
    for (size_t i = 0; error == OK && i < peers->count; i++) {
        struct peer *peer = &peers->list[i];

        if (peer->namespace_file == NULL)
            continue;
        if (count++ == PEER_NAMESPACES_MAX)
            return refuse_place(peer, problem, "more than 1024 lines have one");
        error = read_one(peer, peers_path, texts, problem);
    }
    return error;
}

/* Read one into the room that is left. Whether it is in order: after one that is not, nobody asks.
 */
static bool pack_one(struct namespace_texts *texts, const char *peers_path, const char *file)
{
    struct answer answer = {.error = ERR_PATH_LONG};
    char path[FILE_PATH_SIZE];
    struct head head;

    if (find_path(path, peers_path, file))
        read_file(&answer, path);
    head = (struct head){.error = (int32_t)answer.error,
                         .system_errno = answer.system_errno,
                         .group_readable = answer.group_readable};
    if (answer.error == OK)
        head.len = (uint32_t)answer.secret->len;
    memcpy(texts->bytes + texts->len, &head, sizeof(head));
    texts->len += sizeof(head);
    if (answer.error == OK)
        memcpy(texts->bytes + texts->len, answer.secret->bytes, head.len);
    texts->len += head.len;
    secret_namespace_release(answer.secret);
    return answer.error == OK;
}

bool peer_namespaces_pack(struct namespace_texts *texts, const char *peers_path,
                          const struct key_file *file)
{
    struct peers peers = {0};
    struct problem problem;
    size_t count = 0;
    bool goes_on = peers_parse(&peers, file->text, file->len, NULL, &problem) == OK;

    *texts = (struct namespace_texts){0};
    for (size_t i = 0; i < peers.count; i++)
        count += peers.list[i].namespace_file != NULL;
    if (count > PEER_NAMESPACES_MAX) /* which refuses the file */
        count = 0;
    texts->bytes = count > 0 ? malloc(count * NAMESPACE_TEXT_MAX) : NULL;
    for (size_t i = 0; goes_on && texts->bytes != NULL && i < peers.count; i++) {
        if (peers.list[i].namespace_file != NULL)
            goes_on = pack_one(texts, peers_path, peers.list[i].namespace_file);
    }
    peers_free(&peers);
    return count == 0 || texts->bytes != NULL;
}

void namespace_texts_wipe(struct namespace_texts *texts)
{
    if (texts->bytes != NULL)
        crypto_wipe(texts->bytes, texts->len);
    free(texts->bytes);
    *texts = (struct namespace_texts){0};
}
