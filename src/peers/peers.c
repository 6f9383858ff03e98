/*
 * Owns the sets of known peers: answering who a key or a name is. Must never let one key stand for
 * two peers.
 */
#include "peers/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_key(const void *key, const void *peer)
{
    const struct peer *other = peer;

    return memcmp(key, other->key, KEY_SIZE);
}

/*
 * Insert a peer, which then belongs to the set, where the order wants it; looked for from the end,
 * since they mostly come in order.
 */
static enum kith_error insert(struct peers *peers, const struct peer *peer)
{
    size_t at = peers->count;
    struct peer *list = realloc(peers->list, (peers->count + 1) * sizeof(*list));

    if (list == NULL)
        return ERR_MEMORY;
    peers->list = list;
    while (at > 0 && memcmp(list[at - 1].key, peer->key, KEY_SIZE) > 0)
        at--;
    memmove(list + at + 1, list + at, (peers->count - at) * sizeof(*list));
    list[at] = *peer;
    peers->count++;
    return OK;
}

enum kith_error peers_add(struct peers *peers, const uint8_t key[static KEY_SIZE], const char *name)
{
    struct peer peer = PEER_UNCONDITIONAL;

    if (peers_find_key(peers, key) != NULL)
        return OK;
    memcpy(peer.key, key, KEY_SIZE);
    snprintf(peer.name, sizeof(peer.name), "%s", name);
    return insert(peers, &peer);
}

/* A key that is there is to have a namespace of its own, however else it was named. */
static void adopt_namespace(struct peers *peers, const struct peer *peer)
{
    struct peer *there =
        bsearch(peer->key, peers->list, peers->count, sizeof(*peers->list), compare_key);

    if (there == NULL || there->namespace != NULL)
        return;
    there->namespace = secret_namespace_hold(peer->namespace);
    there->mark = peer->mark;
}

enum kith_error peers_add_copy(struct peers *peers, const struct peer *peer)
{
    struct peer copy;
    enum kith_error error;

    if (peers_find_key(peers, peer->key) != NULL) {
        adopt_namespace(peers, peer);
        return OK;
    }
    error = peer_copy(&copy, peer);
    if (error == OK)
        error = insert(peers, &copy);
    if (error != OK)
        peer_free(&copy);
    return error;
}

const struct peer *peers_find_key(const struct peers *peers, const uint8_t key[static KEY_SIZE])
{
    if (peers->count == 0)
        return NULL;
    return bsearch(key, peers->list, peers->count, sizeof(*peers->list), compare_key);
}

const struct peer *peers_find_name(const struct peers *peers, const char *name)
{
    if (name[0] == '\0')
        return NULL;
    for (size_t i = 0; i < peers->count; i++) {
        if (strcmp(peers->list[i].name, name) == 0)
            return &peers->list[i];
    }
    return NULL;
}

void peers_free(struct peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        peer_free(&peers->list[i]);
    free(peers->list);
    *peers = (struct peers){0};
}
