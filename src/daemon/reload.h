/*
 * SIGHUP: the files of a run are read again, by the lookup for us and by the keeper for itself, as
 * a party of the daemon's poll. It counts when both have good ones.
 */
#ifndef KITH_RELOAD_H
#define KITH_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helpers/keeper.h"
#include "helpers/lookup.h"
#include "net/poll_set.h"
#include "peers/directory.h"

enum reload_state { RELOAD_IDLE, RELOAD_READS, RELOAD_ASKS };

struct reload {
    const struct helper *lookup;
    const struct keeper *keeper;
    struct file_text *texts; /* of the lookup's files, in its order; count of them */
    size_t count;
    enum reload_state state;
    struct reading reading; /* of the text at next */
    size_t next;
    int keeper_fd; /* where the keeper's answer comes */
    int64_t deadline_ms;
    size_t at; /* in the poll set */
};

/* What a step came to. */
enum reload_result {
    RELOAD_GOES_ON,
    RELOAD_HAS_TEXTS, /* look whether they are good, then ask the keeper, or give up */
    RELOAD_DONE,      /* the keeper has read them as well */
    RELOAD_FAILED     /* which is logged */
};

/* Begin; anew, if it is under way. */
void reload_begin(struct reload *reload);

/* Put what it waits for into the set. Returns when it wants to be stepped at the latest. */
int64_t reload_arm(struct reload *reload, struct poll_set *set);

/* After poll: go on. */
enum reload_result reload_step(struct reload *reload, const struct poll_set *set);

/* The texts are good: have the keeper read them. False if it cannot be asked, which is logged. */
bool reload_ask_keeper(struct reload *reload);

/* Let go of what there is; fine at any time. */
void reload_end(struct reload *reload);

#endif
