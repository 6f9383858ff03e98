/*
 * How many channels whoever makes them has ready, and when it calls for another: one that fails, or
 * ends without a stream, is waited for longer each time.
 *
 * But for spares_called all of it is the main thread's.
 */
#ifndef KITH_SPARES_H
#define KITH_SPARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spares {
    size_t wanted;            /* with nothing to do */
    size_t calling;           /* calls under way */
    _Atomic size_t succeeded; /* of them, since the last look; and how many have not */
    _Atomic size_t failed;
    int64_t again_ms; /* no call before */
    int64_t pause_ms; /* the next wait */
};

/* Begin with none, where wanted ones are needed. */
void spares_begin(struct spares *spares, size_t wanted);

/* Of a thread: a call is over, and its channel, if it has made one, is there. */
void spares_called(struct spares *spares, bool made);

/* Look what has become of the calls. Before the channels are counted: else some count twice. */
void spares_look(struct spares *spares, int64_t now_ms);

/* Whether one more is to be called for, with idle ones at hand: then that begins. */
bool spares_lack(struct spares *spares, size_t idle, int64_t now_ms);

/* When to ask that again, if nothing else happens. */
int64_t spares_due_ms(const struct spares *spares, size_t idle);

/*
 * The peer has ended one that had no stream, so long after it was made: two that want one place are
 * not to chase each other. And one has been of use.
 */
void spares_wasted(struct spares *spares, int64_t lived_ms, int64_t now_ms);
void spares_used(struct spares *spares);

/* About so long, a tenth more or less: what began together is not to end together. */
int64_t spares_about_ms(int64_t ms);

#endif
