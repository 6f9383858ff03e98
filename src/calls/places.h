/*
 * The places of callers who have not proven yet who they are: how many there are, how many of them
 * one source and one key may have, and who gives way to a newcomer.
 */
#ifndef KITH_PLACES_H
#define KITH_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"
#include "base/error.h"
#include "crypto/crypto.h"

enum place_state {
    PLACE_SILENT,  /* nothing is known of the caller */
    PLACE_HEARD,   /* it has said a hello that a known peer has signed at some time */
    PLACE_REFUSED, /* it is only to be closed yet */
};

/* One place that is taken; it belongs to the caller that is in it. */
struct place {
    struct chained at; /* by age */
    enum place_state state;
    int64_t since_ms;
    uint64_t source; /* see endpoint_source; 0 for none */
    uint8_t key[KEY_SIZE];
};

struct places {
    size_t most;
    size_t most_of_source;
    size_t most_of_key;
    int64_t silent_ms;  /* after which the only caller of a source may have to give way */
    struct chain taken; /* the oldest first */
};

/* Half of them for a source at most, a quarter for a key. */
void places_init(struct places *places, size_t most);

/* Who would have to give way to somebody of no source in particular; NULL if all are too new. */
struct place *places_victim(const struct places *places, int64_t now_ms);

/*
 * Whether a newcomer can be taken: there is a place, or somebody in one who may have to give way.
 * If not, it is better left in the backlog.
 */
bool places_have_room(const struct places *places, int64_t now_ms);

/*
 * A newcomer takes a place; its source is set. *victim is who has to give way, to whom places_leave
 * is due, or NULL. ERR_CROWDED, and no place, if its source has its share and all of those are
 * too new to give way.
 */
must_check enum kith_error places_enter(struct places *places, struct place *newcomer,
                                        int64_t now_ms, struct place **victim);

/* It turns out to come from elsewhere: the same for that source. It keeps its place in any case. */
must_check enum kith_error places_locate(const struct places *places, struct place *place,
                                         uint64_t source, int64_t now_ms, struct place **victim);

/*
 * It has said a good hello of a key. ERR_CROWDED if that key has its share, all of those are too
 * new to give way, and only the last places are free, of all or of its source's share.
 */
must_check enum kith_error places_hear(const struct places *places, struct place *place,
                                       const uint8_t key[static KEY_SIZE], int64_t now_ms,
                                       struct place **victim);

void places_leave(struct places *places, struct place *place);

#endif
