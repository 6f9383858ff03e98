/*
 * Owns what becomes of guests that are kept out after all: by what has changed since their hello,
 * or for want of a place. Must never tell them why.
 */
#include "daemon/turn_away.h"

#include "daemon/carry.h"

void turn_away(struct daemon *daemon, const struct admission *admission, struct guest *guest,
               enum kith_error error, const struct targets *targets)
{
    const struct connections_limits *limits = &daemon->connections.limits;
    const struct refusal refusal = {error, limits->most, limits->per_peer, guest->key, targets};
    char detail[REFUSALS_SAID_SIZE];

    refusals_add_proven(&daemon->refusals, &guest->from, guest->admitted.name, guest->key, NULL,
                        error, refusals_say(detail, &refusal, admission));
    carry_note(daemon, error);
    transport_close(&guest->transport);
}
