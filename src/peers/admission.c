/*
 * Owns the set of peers that is in force. Must never judge by one that was replaced.
 */
#include "peers/admission.h"

#include <string.h>

#include "base/clock.h"

enum kith_error admission_check(const struct admission *admission,
                                const uint8_t key[static KEY_SIZE], const struct endpoint *from,
                                const struct target *target, struct admitted *admitted)
{
    const struct peer *peer = peers_find_key(&admission->set, key);
    enum kith_error error = ERR_PEER_UNKNOWN;

    if (peer != NULL)
        error =
            peer_may_call(peer, (const struct sockaddr *)&from->address, target, clock_wall_ms());
    if (error == OK)
        memcpy(admitted->name, peer->name, NAME_SIZE);
    return error;
}

const char *admission_name(const struct admission *admission, const uint8_t key[static KEY_SIZE])
{
    const struct peer *peer = peers_find_key(&admission->set, key);

    return peer != NULL ? peer->name : "";
}

void admission_replace(struct admission *admission, struct peers *fresh)
{
    peers_free(&admission->set);
    admission->set = *fresh;
    *fresh = (struct peers){0};
}

void admission_end(struct admission *admission)
{
    peers_free(&admission->set);
}
