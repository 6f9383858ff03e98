/*
 * Owns what one peer consists of, what it may, and how it is shown. Must never take a condition
 * that it cannot judge for one that holds.
 */
#include "peers/peer.h"

#include <stdio.h>
#include <stdlib.h>

static enum kith_error copy_address(struct address **copy, const struct address *address)
{
    *copy = NULL;
    if (address == NULL)
        return OK;
    *copy = malloc(sizeof(**copy));
    if (*copy == NULL)
        return ERR_MEMORY;
    **copy = *address;
    return OK;
}

enum kith_error peer_copy(struct peer *copy, const struct peer *peer)
{
    enum kith_error error;

    *copy = *peer;
    copy->from = (struct address_ranges){.list = NULL};
    copy->targets = (struct target_list){.texts = NULL};
    copy->namespace_file = NULL;
    copy->namespace = secret_namespace_hold(peer->namespace);
    error = copy_address(&copy->address, peer->address);
    if (error == OK)
        error = address_ranges_copy(&copy->from, &peer->from);
    if (error == OK)
        error = target_list_copy(&copy->targets, &peer->targets);
    return error;
}

void peer_free(struct peer *peer)
{
    free(peer->address);
    address_ranges_free(&peer->from);
    target_list_free(&peer->targets);
    free(peer->namespace_file);
    secret_namespace_release(peer->namespace);
    *peer = (struct peer){0};
}

static bool may_have_one(const struct peer *peer, const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (target_list_permits(&peer->targets, &targets->list[i]))
            return true;
    }
    return false;
}

enum kith_error peer_may_call(const struct peer *peer, const struct sockaddr *from,
                              const struct targets *targets, uint64_t wall_ms)
{
    if (wall_ms >= peer->expires_ms)
        return ERR_PEER_EXPIRED;
    if (peer->from.count > 0 && !address_ranges_hold(&peer->from, from))
        return ERR_PEER_SOURCE;
    if (targets != NULL && !may_have_one(peer, targets))
        return targets->count > 1 ? ERR_PEER_TARGETS : ERR_PEER_TARGET;
    return OK;
}

void peer_format(char out[static PEER_TEXT_SIZE], const char *name,
                 const uint8_t key[static KEY_SIZE])
{
    char digits[9];

    public_key_short(digits, key);
    if (name[0] == '\0')
        (void)snprintf(out, PEER_TEXT_SIZE, "%s", digits);
    else
        (void)snprintf(out, PEER_TEXT_SIZE, "%s (%s)", name, digits);
}

void peer_format_at(char out[static PEER_AT_SIZE], const char *name,
                    const uint8_t key[static KEY_SIZE], const char *address)
{
    char who[PEER_TEXT_SIZE];

    peer_format(who, name, key);
    (void)snprintf(out, PEER_AT_SIZE, "%s at %s", who, address);
}
