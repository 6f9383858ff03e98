/*
 * What a listener says of callers that it turned away; they themselves are told nothing. Anybody
 * can be such a caller, as often as he likes, so only the first few of a kind are shown: of the
 * others, every ten seconds, how many there were. Safe for threads.
 */
#ifndef KITH_REFUSALS_H
#define KITH_REFUSALS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls/handshake_io.h"
#include "peers/admission.h"

#define REFUSALS_SHOWN 5               /* of a kind, before they are only counted */
#define REFUSALS_PERIOD_MS 10000       /* from the first that is counted to the line that says so */
#define REFUSALS_SOURCES ((size_t)512) /* of which a few less can be told apart; a power of two */

struct refusals {
    const char *what; /* the command's name, and where it listens */
    const char *which;
    bool wakes;  /* see refusals_init */
    bool of_one; /* no other caller can come: that it is turned away is an error, our end */

    enum kith_error last; /* caller's that was turned away, or OK: for the main thread alone */

    pthread_mutex_t lock;
    struct {
        int64_t since_ms; /* when the first of those that are shown came */
        size_t shown;
        size_t counted;
    } kinds[ERR_COUNT]; /* by error */
    size_t counted;     /* of all kinds, since they were summed up */
    int64_t since_ms;   /* when the first of them came */
    uint64_t sources[REFUSALS_SOURCES];
    size_t source_count;
};

/*
 * Begin; it must not move afterwards. If it wakes, the main thread is woken (signals_wake), from
 * any, once there is something to be summed up later.
 */
void refusals_init(struct refusals *refusals, const char *what, const char *which, bool wakes);

/*
 * A handshake has failed. name is of the peer that claims to call, or ""; detail goes with the
 * reason, or is NULL.
 */
void refusals_add(struct refusals *refusals, const struct handshake_io *io, const char *name,
                  const char *detail);

/*
 * In words, the limit that an error says was met: of_peer for one that is of a single peer, most
 * for want of a place. NULL for any other error.
 */
#define REFUSALS_LIMIT_SIZE 48
const char *refusals_say_limit(char out[static REFUSALS_LIMIT_SIZE], enum kith_error error,
                               size_t most, size_t of_peer);

/*
 * In words, more of why the holder of a key is turned away, who asked for these targets, or for
 * none in particular if that is NULL: the limit as above, or the condition that admission_say has.
 */
struct refusal {
    enum kith_error error;
    size_t most, of_peer;
    const uint8_t *key; /* KEY_SIZE bytes */
    const struct targets *targets;
};
#define REFUSALS_SAID_SIZE ADMISSION_SAID_SIZE
const char *refusals_say(char out[static REFUSALS_SAID_SIZE], const struct refusal *refusal,
                         const struct admission *admission);

/* A caller was turned away for want of a place or the like, whoever it is. */
void refusals_add_unheard(struct refusals *refusals, const struct endpoint *from,
                          enum kith_error error, const char *detail);

/*
 * A peer that is proven was turned away after all, or asked for a target that it does not get, by
 * this name; else that is NULL.
 */
void refusals_add_proven(struct refusals *refusals, const struct endpoint *from, const char *name,
                         const uint8_t key[static KEY_SIZE], const char *target,
                         enum kith_error error, const char *detail);

/* When the next summing up is due; NEVER_MS if nothing is counted. */
int64_t refusals_due_ms(struct refusals *refusals);

/* Say how many there were, if that is due; at the end, in any case. */
void refusals_sum_up(struct refusals *refusals, bool at_end);

/*
 * The rule: whether one of this kind, that comes now from there, is to be shown. If not, it is
 * counted. Not safe for threads.
 */
bool refusals_count(struct refusals *refusals, enum kith_error kind, uint64_t source,
                    int64_t now_ms);

#endif
