/*
 * Owns who a peer is at this moment. Must never show half of one and half of another.
 */
#include "daemon/peer_now.h"

#include <string.h>

void peer_now_begin(struct peer_now *peer, const struct callee *callee)
{
    *peer = (struct peer_now){.gone = false};
    callee_copy(&peer->callee, callee);
    (void)pthread_mutex_init(&peer->lock, NULL);
}

bool peer_now_copy(struct peer_now *peer, struct callee *callee)
{
    bool there;

    (void)pthread_mutex_lock(&peer->lock);
    there = !peer->gone;
    if (there)
        callee_copy(callee, &peer->callee);
    (void)pthread_mutex_unlock(&peer->lock);
    return there;
}

bool peer_now_is(struct peer_now *peer, const uint8_t key[static KEY_SIZE],
                 const struct namespace_mark *mark)
{
    bool is;

    (void)pthread_mutex_lock(&peer->lock);
    is = !peer->gone && memcmp(peer->callee.key, key, KEY_SIZE) == 0 &&
         (mark == NULL || namespace_mark_equals(&peer->callee.mark, mark));
    (void)pthread_mutex_unlock(&peer->lock);
    return is;
}

bool peer_now_say(struct peer_now *peer, uint8_t *key, char *name)
{
    bool there;

    (void)pthread_mutex_lock(&peer->lock);
    there = !peer->gone;
    if (key != NULL)
        memcpy(key, peer->callee.key, KEY_SIZE);
    if (name != NULL)
        memcpy(name, peer->callee.name, NAME_SIZE);
    (void)pthread_mutex_unlock(&peer->lock);
    return there;
}

bool peer_now_move(struct peer_now *peer, const struct callee *callee, bool gone)
{
    bool moved = !address_equals(&peer->callee.address, &callee->address);
    struct callee before = peer->callee;

    (void)pthread_mutex_lock(&peer->lock);
    callee_copy(&peer->callee, callee);
    if (gone) /* what is still said of it has its name */
        memcpy(peer->callee.name, before.name, NAME_SIZE);
    peer->gone = gone;
    (void)pthread_mutex_unlock(&peer->lock);
    callee_end(&before);
    return moved;
}
