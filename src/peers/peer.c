/*
 * Owns what one peer consists of, and what it may. Must never take a condition that it cannot
 * judge for one that holds.
 */
#include "peers/peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A copy of text, or NULL of NULL. False if there is no memory. */
static bool copy_text(char **out, const char *text)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

enum kith_error peer_copy(struct peer *copy, const struct peer *peer)
{
    *copy = *peer;
    copy->address = copy->permit_target = NULL;
    copy->from = (struct address_ranges){.list = NULL};
    if (copy_text(&copy->address, peer->address) &&
        copy_text(&copy->permit_target, peer->permit_target))
        return address_ranges_copy(&copy->from, &peer->from);
    return ERR_MEMORY;
}

void peer_free(struct peer *peer)
{
    free(peer->address);
    address_ranges_free(&peer->from);
    free(peer->permit_target);
    *peer = (struct peer){0};
}

enum kith_error peer_may_call(const struct peer *peer, const struct sockaddr *from,
                              uint64_t wall_ms)
{
    if (wall_ms >= peer->expires_ms)
        return ERR_PEER_EXPIRED;
    if (peer->from.count > 0 && !address_ranges_hold(&peer->from, from))
        return ERR_PEER_SOURCE;
    return OK;
}

bool peer_permits_target(const struct peer *peer, const char *target)
{
    struct text rest = {0};
    struct text permitted = {0};

    if (peer->permit_target == NULL)
        return true;
    rest = (struct text){peer->permit_target, strlen(peer->permit_target)};
    while (text_next_part(&rest, ',', &permitted)) {
        if (text_equals(permitted, target))
            return true;
    }
    return false;
}
