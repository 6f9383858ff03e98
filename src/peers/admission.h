/*
 * Who may call now: the set of peers in force, which a reload replaces as a whole. The one place
 * where a condition of a peer counts: at a hello, when it is proven, when it asks for a target, and
 * for every connection after a reload.
 */
#ifndef KITH_ADMISSION_H
#define KITH_ADMISSION_H

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"
#include "net/endpoint.h"
#include "peers/peers.h"
#include "peers/target.h"

/*
 * Nobody, once it has begun. Any thread may check; the set itself is looked at and replaced by one
 * thread alone.
 */
struct admission {
    pthread_mutex_t lock;
    struct peers set;
};

#define ADMISSION_NOBODY                                                                           \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* What of a peer is needed while it is there; the set may be another one by then. */
struct admitted {
    char name[NAME_SIZE];
    struct namespace_mark mark; /* of the namespace that it has */
};

/*
 * Whether the holder of a key may call from there, to be joined to one of these targets, or to any
 * at all if that is NULL. ERR_PEER_UNKNOWN, or as peer_may_call.
 */
must_check enum kith_error admission_check(struct admission *admission,
                                           const uint8_t key[static KEY_SIZE],
                                           const struct endpoint *from,
                                           const struct targets *targets,
                                           struct admitted *admitted);

/*
 * The same of one who was let in, under a namespace of this mark: ERR_REMOVED if it is not known
 * any more, and ERR_OTHER_NAMESPACE if that is not the one it has now.
 */
must_check enum kith_error
admission_check_again(struct admission *admission, const uint8_t key[static KEY_SIZE],
                      const struct endpoint *from, const struct targets *targets,
                      const struct namespace_mark *mark, struct admitted *admitted);

/* What a key is called, whether it may call or not; "" if it is not known. */
const char *admission_name(const struct admission *admission, const uint8_t key[static KEY_SIZE]);

/*
 * Which condition of a key an error of admission_check is about, asked for these targets: when it
 * has expired, or the one target. NULL if nothing more can be said.
 */
#define ADMISSION_SAID_SIZE TARGET_TEXT_SIZE
const char *admission_say(char out[static ADMISSION_SAID_SIZE], const struct admission *admission,
                          const uint8_t key[static KEY_SIZE], enum kith_error error,
                          const struct targets *targets);

/* How many may call: of those in the set, those that have not expired. */
size_t admission_count(const struct admission *admission);

/* A key's own namespace, as long as the set is in force; NULL if it has none, or is not known. */
const struct secret_namespace *admission_namespace(const struct admission *admission,
                                                   const uint8_t key[static KEY_SIZE]);

/* From here on this set is in force, and no longer the caller's: it is empty then. */
void admission_replace(struct admission *admission, struct peers *fresh);

/* From here on there is nobody; fine twice. */
void admission_end(struct admission *admission);

#endif
