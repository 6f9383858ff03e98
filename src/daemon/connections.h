/*
 * The connections of a daemon: how many there are and whose, what they have moved, and how they are
 * ended. Safe for threads.
 */
#ifndef KITH_CONNECTIONS_H
#define KITH_CONNECTIONS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/chain.h"
#include "base/error.h"
#include "daemon/kept.h"
#include "daemon/threads.h"
#include "keys/public_key.h"
#include "keys/secret_namespace.h"
#include "net/endpoint.h"
#include "net/transport.h"
#include "peers/target.h"
#include "protocol/handshake.h"

/* What --max-connections, --max-per-peer and --max-pending say. */
struct connections_limits {
    size_t most;
    size_t per_peer; /* channels of one key: here; with --accept those of exchange_count, too */
    size_t pending;  /* connections without a channel yet */
};

/*
 * Some of the connections of a daemon that are counted by themselves as well. Its numbers are under
 * the list's lock.
 */
struct connections_part {
    void *context;      /* whoever counts them */
    const char *target; /* that they ask for by its name; or empty */
    uint64_t channels;  /* ever */
    uint64_t sent;      /* bytes of channels that have ended */
    uint64_t received;
};

/* Of one that waits for a channel of who calls (daemon/exchange.h). */
struct waiting {
    int64_t until_ms;       /* no longer than that */
    enum kith_error answer; /* of the channel that it has got, as far as that was heard */
};

/* What is told of its streams, one after another; changed under the list's lock. */
struct streams_told {
    char id[STREAM_ID_SIZE]; /* of the one that there is, or empty */
    int64_t begun_ms;        /* that one; 0: with the connection */
    bool is_concluded;       /* how it ended, or the channel, is said */
    uint64_t sent;           /* bytes of those whose end is said, each way */
    uint64_t received;
};

/* One connection. Its thread owns it, or while it is parked the main thread. */
struct connection {
    struct chained at; /* in the list */
    uint64_t number;
    void *owner; /* the daemon */
    struct job job;
    struct endpoint from;
    struct transport came; /* what it came by, closed with it; none if that is its kept channel's */
    struct kept *kept;     /* a channel that is kept, closed with it; or NULL */
    struct chained parked; /* no thread has it (daemon/acceptor.h, daemon/exchange.h) */

    /* What others look at, under the list's lock or atomic: */
    bool is_open;             /* its peer has proven who it is */
    struct transport channel; /* that faces the network, to end it; none while there is none */
    uint8_t key[KEY_SIZE];    /* of the peer, once it is open; so is the name */
    char name[NAME_SIZE];
    struct namespace_mark mark; /* of what its channel was made under; set before it is open */
    int64_t opened_ms;
    _Atomic enum kith_error ending; /* why somebody else ends it, or OK */
    bool is_idle;                   /* it carries nothing, and may be told to leave for another */
    bool gives_way;                 /* it is told so, and counts no longer */
    int64_t idle_since_ms;
    _Atomic uint64_t sent; /* bytes of all its streams so far, each way */
    _Atomic uint64_t received;
    struct streams_told told;

    /* Of serve: */
    const struct target *_Atomic target; /* that it is joined to, or has asked for; or NULL */
    struct session_keys keys;            /* of a channel that is not kept; wiped with its stream */
    struct record asked;                 /* the next record of one that is, if it is here */

    /* Of forward: */
    struct connections_part *part;      /* that it belongs to, or NULL */
    const struct endpoint *called_from; /* while it is open: where its peer has, or NULL */
    struct waiting waiting;
};

struct connections {
    pthread_mutex_t lock;
    struct connections_limits limits;
    bool is_awaited;   /* a change: the main thread is woken for it */
    struct chain list; /* the oldest first */
    size_t pending;
    size_t leaving; /* those that give way */
    size_t idle;    /* those that carry nothing */
    uint64_t last_number;
    size_t most;    /* that there were at once since it was empty */
    uint64_t total; /* ever with a channel */
    uint64_t sent;  /* bytes of channels that have ended */
    uint64_t received;
};

/*
 * Begin. The main thread is woken (signals_wake), from any thread, once what one of the next two
 * has said is no longer so, or what the third is told of has come.
 */
void connections_init(struct connections *connections, const struct connections_limits *limits);

/* Whether one more without a channel may be added. */
bool connections_have_room(struct connections *connections);

/* Whether no channel is left. */
bool connections_have_ended(struct connections *connections);

/* Once a channel is opened, begins to carry something or has left, that is to be known. */
void connections_await_change(struct connections *connections);

/*
 * Add a connection that came from there, by this or by a channel that is kept; connections_leave
 * has to follow. NULL if there are too many (ERR_NO_PLACE), or ERR_MEMORY.
 */
struct connection *connections_add(struct connections *connections, struct transport came,
                                   const struct endpoint *from, enum kith_error *error);

/*
 * Whether a channel of this key could be opened now, in the place of one that carries nothing where
 * no other is left. OK, ERR_NO_PLACE, ERR_TOO_MANY.
 */
must_check enum kith_error connections_allow(struct connections *connections,
                                             const uint8_t key[static KEY_SIZE]);

/*
 * Its peer has proven who it is: by its channel it can be ended. ERR_TOO_MANY if that peer has too
 * many channels; why somebody else has ended it meanwhile.
 */
must_check enum kith_error connections_open(struct connections *connections,
                                            struct connection *connection,
                                            const uint8_t key[static KEY_SIZE], const char *name,
                                            const struct transport *channel);

/* A stream begins, which both sides call so. */
void connections_name_stream(struct connections *connections, struct connection *connection,
                             const uint8_t session[static SESSION_ID_SIZE], uint64_t nth);

/* The same, on its kept channel. */
void connections_begin_stream(struct connections *connections, struct connection *connection,
                              const struct link *link);

/* It carries nothing from here on, or nothing yet; fine again. */
void connections_note_idle(struct connections *connections, struct connection *connection);

/* It is about to carry something. False if it has to leave instead. */
must_check bool connections_occupy(struct connections *connections, struct connection *connection);

/*
 * Have the one that has carried nothing for the longest time leave: it counts no longer, and there
 * is an end to what comes on its channel, by which whoever waits there notices. False if each
 * carries something.
 */
bool connections_make_room(struct connections *connections);

/* Whether this one has to leave. */
bool connections_gives_way(struct connections *connections, const struct connection *connection);

/* Its channel's descriptor is about to be closed: nobody else touches it from here on. */
void connections_detach(struct connections *connections, struct connection *connection);

/* Take it out and free it; what it came by, and its kept channel, stay. True if it was the last of
 * many. */
bool connections_leave(struct connections *connections, struct connection *connection);

/*
 * Its channel has ended: *error becomes why somebody else ended it, if that is why. False if its
 * end was said already.
 */
bool connections_conclude(struct connections *connections, struct connection *connection,
                          enum kith_error *error);

/*
 * Its channel has ended where no stream was carried. False if that was said already: of one that is
 * kept, while it was asked for one.
 */
bool connections_conclude_idle(struct connections *connections, struct connection *connection);

/* Why somebody else has ended it, or OK. */
enum kith_error connections_why_ended(struct connections *connections,
                                      const struct connection *connection);

/*
 * Called for each connection that is there, under the lock: it must not wait, nor call anything
 * here but connection_end and connection_describe.
 */
typedef void connections_visit(struct connection *connection, void *context);
void connections_each(struct connections *connections, connections_visit *visit, void *context);

/* End a connection for a reason; only from a visit. */
void connection_end(struct connection *connection, enum kith_error reason);

/* What is told of a channel. */
struct connection_row {
    uint64_t number; /* later connections have larger ones */
    uint8_t key[KEY_SIZE];
    char name[NAME_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    char target[TARGET_NAME_SIZE]; /* the name of what it is joined to; or empty */
    char id[STREAM_ID_SIZE];       /* of its stream; or empty */
    int64_t opened_ms;
    uint64_t sent;
    uint64_t received;
};

/* By whoever has the lock, or is its thread. */
void connection_describe(struct connection_row *row, const struct connection *connection);

/* The same without the streams whose end was said. */
void connection_describe_unsaid(struct connection_row *row, const struct connection *connection);

/*
 * Describe the channels that are open and come after this number (0: all), up to this many, in
 * their order: what is told of them is told without the lock. To conclude them is to leave out
 * whose end was said, and to have the others' taken for said. How many there are.
 */
size_t connections_list(struct connections *connections, uint64_t after, bool conclude,
                        struct connection_row *rows, size_t most);

/* What there is and has been. */
struct connections_totals {
    size_t count;
    size_t pending;
    size_t leaving;    /* for others, and are among the count still */
    size_t idle;       /* that carry nothing; of all, as the next */
    size_t room;       /* for more of them of one peer */
    uint64_t channels; /* ever */
    uint64_t sent;     /* bytes of channels that have ended */
    uint64_t received;
};
void connections_count(struct connections *connections, struct connections_totals *totals);

/* The same of one part. */
void connections_count_part(struct connections *connections, const struct connections_part *part,
                            struct connections_totals *totals);

#endif
