/*
 * Owns the rule of who gives way. Must never let callers who have proven nothing keep out one who
 * can: neither a source nor a key has all places, and honest callers say at once what they have to.
 */
#include "calls/places.h"

#include <string.h>

/*
 * Within which an honest caller says its hello, from a busy machine too; less where there are few
 * places, so that as many callers a second as with USUAL do not fill them. The callers of one
 * source share it.
 */
#define SILENT_MS 1000
#define SILENT_LEAST_MS 200
#define USUAL 512
#define LOOKED_AT 64 /* of the oldest: a search is not to take the square of their number */

#define HEARD_MS 5000 /* within which its confirmation is here, that of a busy machine too */
#define CROWD_MS 2000 /* the same where a source or a key has its share already */

void places_init(struct places *places, size_t most)
{
    int64_t silent_ms = most < USUAL ? (int64_t)most * SILENT_MS / USUAL : SILENT_MS;

    *places = (struct places){
        .most = most,
        .most_of_source = (most + 1) / 2,
        .most_of_key = (most + 3) / 4,
        .silent_ms = silent_ms < SILENT_LEAST_MS ? SILENT_LEAST_MS : silent_ms,
    };
}

/* How many a source has, without those that are only to be closed; one without a source is alone.
 */
static size_t count_of_source(const struct places *places, uint64_t source)
{
    size_t count = 0;

    for (const struct place *place = chain_first(&places->taken); place != NULL && source != 0;
         place = chain_after(&place->at))
        count += place->source == source && place->state != PLACE_REFUSED;
    return source == 0 ? 1 : count;
}

static size_t count_of_key(const struct places *places, const uint8_t key[static KEY_SIZE])
{
    size_t count = 0;

    for (const struct place *place = chain_first(&places->taken); place != NULL;
         place = chain_after(&place->at))
        count += place->state == PLACE_HEARD && memcmp(place->key, key, KEY_SIZE) == 0;
    return count;
}

/* The oldest in a state that came at least so long ago; of one source or key, if that is given. */
static struct place *oldest(const struct places *places, enum place_state state, int64_t before_ms,
                            uint64_t source, const uint8_t *key)
{
    for (struct place *place = chain_first(&places->taken);
         place != NULL && place->since_ms <= before_ms; place = chain_after(&place->at)) {
        if (place->state == state && (source == 0 || place->source == source) &&
            (key == NULL || memcmp(place->key, key, KEY_SIZE) == 0))
            return place;
    }
    return NULL;
}

/*
 * The oldest that has said nothing for as long as it may, with this many others of its source
 * there: who takes many places does not keep others waiting for one.
 */
static struct place *oldest_silent(const struct places *places, int64_t now_ms)
{
    size_t looked_at = 0;

    for (struct place *place = chain_first(&places->taken); place != NULL && looked_at < LOOKED_AT;
         place = chain_after(&place->at)) {
        if (place->state != PLACE_SILENT)
            continue;
        looked_at++;
        if ((now_ms - place->since_ms) * (int64_t)count_of_source(places, place->source) >=
            places->silent_ms)
            return place;
    }
    return NULL;
}

/* Who gives way to anybody: who is refused anyhow, who says nothing, who goes no further. */
struct place *places_victim(const struct places *places, int64_t now_ms)
{
    struct place *victim = oldest(places, PLACE_REFUSED, now_ms, 0, NULL);

    if (victim == NULL)
        victim = oldest_silent(places, now_ms);
    return victim != NULL ? victim : oldest(places, PLACE_HEARD, now_ms - HEARD_MS, 0, NULL);
}

/* Who gives way to another one of its source, which has its share: silence is not waited for. */
static struct place *victim_of(const struct places *places, uint64_t source, int64_t now_ms)
{
    struct place *victim = oldest(places, PLACE_SILENT, now_ms, source, NULL);

    return victim != NULL ? victim : oldest(places, PLACE_HEARD, now_ms - CROWD_MS, source, NULL);
}

bool places_have_room(const struct places *places, int64_t now_ms)
{
    return places->taken.count < places->most || places_victim(places, now_ms) != NULL;
}

/* Whether a source has its share of the places without this one; counted only where it may. */
static bool has_share(const struct places *places, uint64_t source, size_t own)
{
    return source != 0 && places->taken.count >= places->most_of_source + own &&
           count_of_source(places, source) >= places->most_of_source + own;
}

enum kith_error places_enter(struct places *places, struct place *newcomer, int64_t now_ms,
                             struct place **victim)
{
    *victim = NULL;
    newcomer->state = PLACE_SILENT;
    newcomer->since_ms = now_ms;
    if (has_share(places, newcomer->source, 0)) {
        *victim = victim_of(places, newcomer->source, now_ms);
        if (*victim == NULL)
            return ERR_CROWDED;
    } else if (places->taken.count >= places->most) {
        *victim = places_victim(places, now_ms);
        if (*victim == NULL)
            return ERR_CROWDED;
    }
    chain_append(&places->taken, &newcomer->at, newcomer);
    return OK;
}

enum kith_error places_locate(const struct places *places, struct place *place, uint64_t source,
                              int64_t now_ms, struct place **victim)
{
    *victim = NULL;
    place->source = 0; /* it is not its own victim */
    if (has_share(places, source, 0)) {
        *victim = victim_of(places, source, now_ms);
        if (*victim == NULL)
            return ERR_CROWDED;
    }
    place->source = source;
    return OK;
}

/* Whether only the last places are free, of all or of a source's share. */
static bool is_nearly_full(const struct places *places, uint64_t source)
{
    return places->taken.count >= places->most - places->most / 8 ||
           (source != 0 &&
            count_of_source(places, source) >= places->most_of_source - places->most_of_source / 8);
}

enum kith_error places_hear(const struct places *places, struct place *place,
                            const uint8_t key[static KEY_SIZE], int64_t now_ms,
                            struct place **victim)
{
    *victim = NULL;
    if (places->taken.count > places->most_of_key &&
        count_of_key(places, key) >= places->most_of_key) {
        *victim = oldest(places, PLACE_HEARD, now_ms - CROWD_MS, 0, key);
        if (*victim == NULL && is_nearly_full(places, place->source))
            return ERR_CROWDED; /* the last places are for others */
    }
    place->state = PLACE_HEARD;
    memcpy(place->key, key, KEY_SIZE);
    return OK;
}

void places_leave(struct places *places, struct place *place)
{
    chain_remove(&places->taken, &place->at);
}
