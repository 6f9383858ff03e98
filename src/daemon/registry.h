/*
 * The connections of a daemon: how many there are, of whom, from where, and which of them has to
 * give way. Safe for threads.
 */
#ifndef KITH_REGISTRY_H
#define KITH_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "keys/public_key.h"
#include "net/net.h"

/* What --max-connections, --max-per-peer and --max-pending say. */
struct registry_limits {
    size_t connections;        /* channels; where none evicts, pending ones count as such */
    size_t per_peer;           /* channels of one key */
    size_t pending;            /* callers that have not proven who they are */
    size_t pending_per_source; /* of one address */
    size_t pending_per_peer;   /* of one key, when its hello is good */
    bool evicts;               /* strangers give way; local programs wait for one another */
};

enum connection_state {
    CONNECTION_SILENT, /* nothing is known of it */
    CONNECTION_HEARD,  /* it has said a hello that a known peer has signed */
    CONNECTION_OPEN    /* its peer has proven who it is */
};

/*
 * One connection. Its thread owns it; what others look at is under the registry's lock, or
 * atomic.
 */
struct connection {
    struct connection *previous;
    struct connection *next;
    void *owner; /* the daemon's own */
    uint64_t number;
    int fd; /* accepted; open as long as it is in the registry */
    struct net_peer from;
    enum connection_state state;
    int channel_fd; /* that faces the network, to shut down; -1 while there is none */
    int64_t begun_ms;
    _Atomic bool spoken;    /* its hello is being looked at: how long that takes is our affair */
    enum kith_error ending; /* why somebody else ends it, or OK */
    bool is_concluded;      /* how its channel ended is said */
    uint8_t key[KEY_SIZE];  /* of the peer, once it is open */
    char name[NAME_SIZE];
    int64_t opened_ms;
    _Atomic uint64_t sent; /* bytes of the stream so far, each way */
    _Atomic uint64_t received;
    pid_t program;    /* of --exec and not reaped yet, or 0 */
    int program_pipe; /* where its end has to be reported to, or -1 */
};

struct registry {
    pthread_mutex_t lock;
    struct registry_limits limits;
    struct connection *first; /* the oldest */
    struct connection *last;
    size_t count;
    size_t pending;
    uint64_t last_number;
    int64_t silent_ms; /* after which the only caller of a source may have to give way */
    size_t most;       /* that there were at once since it was empty */
    uint64_t total;    /* ever admitted to a channel */
    uint64_t sent;     /* bytes of channels that have ended */
    uint64_t received;
};

/* How a limit that was met is said. */
#define REGISTRY_MOST_SIZE 48
void registry_say_most(char out[static REGISTRY_MOST_SIZE], size_t most);

void registry_init(struct registry *registry, const struct registry_limits *limits);

/*
 * Whether another caller can be taken: there is a place among the pending, or one of them that
 * has been silent for long enough to lose its own. If not, it is better left in the backlog.
 */
bool registry_has_place(struct registry *registry);

/*
 * Put a new caller in; its channel_fd is set if it faces the network. Where the pending ones are
 * too many, of its source or in all, one that has been silent is ended. ERR_NO_PLACE if there are
 * too many channels, ERR_CROWDED if its source has its share and none of them can be ended.
 */
must_check enum kith_error registry_enter(struct registry *registry, struct connection *connection);

/*
 * Who has called is another than who has connected: a load balancer has said so. ERR_CROWDED if
 * that source has its share and none of its callers can be ended.
 */
must_check enum kith_error registry_locate(struct registry *registry, struct connection *connection,
                                           const struct net_peer *from);

/*
 * Its hello is good. A peer that has too many such callers, who have proven nothing more yet,
 * loses the oldest of them; ERR_CROWDED if all of them are new, and only the last places are free.
 */
must_check enum kith_error registry_heard(struct registry *registry, struct connection *connection,
                                          const uint8_t key[static KEY_SIZE]);

/*
 * Its peer has proven who it is: channel_fd is what to shut down to end it. ERR_TOO_MANY if that
 * peer has too many channels; why somebody else has ended it meanwhile.
 */
must_check enum kith_error registry_open(struct registry *registry, struct connection *connection,
                                         const uint8_t key[static KEY_SIZE], const char *name,
                                         int channel_fd);

/* Its channel's descriptor is about to be closed: nobody else touches it from here on. */
void registry_detach(struct registry *registry, struct connection *connection);

/*
 * Take it out; nobody else looks at it or its descriptors from here on. True if it was the last of
 * many.
 */
bool registry_leave(struct registry *registry, struct connection *connection);

/* Why somebody else has ended it, or OK. */
enum kith_error registry_ending(struct registry *registry, struct connection *connection);

/*
 * Its channel has ended: *error becomes why somebody else ended it, if that is why. False if its
 * end was said already.
 */
bool registry_conclude(struct registry *registry, struct connection *connection,
                       enum kith_error *error);

/* Called for each connection that is there, under the lock. */
typedef void registry_visit(struct connection *connection, void *context);
void registry_each(struct registry *registry, registry_visit *visit, void *context);

/* End a connection for a reason; only from a visit. */
void registry_end(struct connection *connection, enum kith_error reason);

/* What is told of a channel. */
struct registry_row {
    uint64_t number; /* later connections have larger ones */
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    int64_t opened_ms;
    uint64_t sent;
    uint64_t received;
};

void registry_describe(struct registry_row *row, const struct connection *connection);

/*
 * Describe the channels that are open and come after this number (0: all), up to so many, in their
 * order: what is told of them is told without the lock. To conclude them is to leave out whose end
 * was said, and to have the others' taken for said. How many there are.
 */
size_t registry_list(struct registry *registry, uint64_t after, bool conclude,
                     struct registry_row *rows, size_t most);

/* What there is and has been. */
struct registry_totals {
    size_t count;
    size_t pending;
    uint64_t channels; /* ever */
    uint64_t sent;     /* bytes of channels that have ended */
    uint64_t received;
};
void registry_count(struct registry *registry, struct registry_totals *totals);

#endif
