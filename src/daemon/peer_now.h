/*
 * The peer of a daemon's calls, or of those who call it: who that is now, which a reload changes
 * while threads ask.
 */
#ifndef KITH_PEER_NOW_H
#define KITH_PEER_NOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "peers/directory.h"

/* The main thread, which alone changes it, may look into it without the lock. */
struct peer_now {
    pthread_mutex_t lock;
    struct callee callee;
    bool gone; /* the peers file no longer says who and where it is */
};

/* Begin with a copy of this one; it must not move afterwards. */
void peer_now_begin(struct peer_now *peer, const struct callee *callee);

/* Who it is, for callee_end to end; false if it is gone, and then that is not needed. */
must_check bool peer_now_copy(struct peer_now *peer, struct callee *callee);

/* Whether it is there, with this key; and unless mark is NULL, under this namespace. */
bool peer_now_is(struct peer_now *peer, const uint8_t key[static KEY_SIZE],
                 const struct namespace_mark *mark);

/* Whether it is there; and its key and its name, of KEY_SIZE and NAME_SIZE bytes, unless NULL. */
bool peer_now_say(struct peer_now *peer, uint8_t *key, char *name);

/* A reload, in the main thread: it is a copy of this one, or gone. True if it is somewhere else. */
bool peer_now_move(struct peer_now *peer, const struct callee *callee, bool gone);

#endif
