/*
 * The connections of a daemon: who gives way when there are too many, and who never does.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/registry.h"
#include "tap.h"

#define ADDRESS_A 0x7f000001
#define ADDRESS_B 0x7f000002

/* A connection, and the other end of its socket. */
struct caller {
    struct connection connection;
    int other;
};

static const uint8_t alice[KEY_SIZE] = {'a'};
static const uint8_t bob[KEY_SIZE] = {'b'};

static struct registry make(size_t connections, size_t per_peer, size_t pending)
{
    struct registry_limits limits = {
        .connections = connections,
        .per_peer = per_peer,
        .pending = pending,
        .pending_per_source = pending,
        .pending_per_peer = pending,
        .evicts = true,
    };
    struct registry registry;

    registry_init(&registry, &limits);
    return registry;
}

/* A call from an address; NULL if it is not let in. */
static struct caller *call(struct registry *registry, uint32_t from)
{
    struct caller *caller = calloc(1, sizeof(*caller));
    struct sockaddr_in *in;
    int ends[2];

    if (caller == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    in = (struct sockaddr_in *)&caller->connection.from.address;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(from);
    caller->connection.fd = ends[0];
    caller->connection.channel_fd = ends[0];
    caller->other = ends[1];
    if (registry_enter(registry, &caller->connection) == OK)
        return caller;
    (void)close(ends[0]);
    (void)close(ends[1]);
    free(caller);
    return NULL;
}

/* Whether it was told to end: its reason, and what the other side of its socket sees. */
static bool ended(struct registry *registry, struct caller *caller, enum kith_error reason)
{
    char byte;
    bool hung_up = recv(caller->other, &byte, 1, MSG_DONTWAIT) == 0;

    return registry_ending(registry, &caller->connection) == reason && hung_up == (reason != OK);
}

static void leave(struct registry *registry, struct caller *caller)
{
    registry_leave(registry, &caller->connection);
    (void)close(caller->connection.fd);
    (void)close(caller->other);
    free(caller);
}

static enum kith_error open_as(struct registry *registry, struct caller *caller,
                               const uint8_t key[static KEY_SIZE], const char *name)
{
    return registry_open(registry, &caller->connection, key, name, caller->connection.fd);
}

/* What there is: in all, and open. */
static bool there_are(struct registry *registry, size_t count, size_t open)
{
    struct registry_totals totals;

    registry_count(registry, &totals);
    return totals.count == count && totals.count - totals.pending == open;
}

static void count_one(struct connection *connection, void *context)
{
    size_t *counts = context;

    counts[connection->state]++;
}

static void test_counts(void)
{
    struct registry registry = make(10, 10, 10);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_A);
    struct caller *third = call(&registry, ADDRESS_B);
    struct registry_totals totals;
    size_t counts[3] = {0};

    CHECK(registry_heard(&registry, &second->connection, alice) == OK, "one is heard");
    CHECK(open_as(&registry, third, bob, "bob") == OK, "a channel is opened");
    CHECK(there_are(&registry, 3, 1), "three are there, one is open");
    registry_each(&registry, count_one, counts);
    CHECK(counts[CONNECTION_SILENT] == 1 && counts[CONNECTION_HEARD] == 1 &&
              counts[CONNECTION_OPEN] == 1,
          "each of them is visited once");
    CHECK(memcmp(third->connection.key, bob, KEY_SIZE) == 0 &&
              strcmp(third->connection.name, "bob") == 0,
          "it is its peer's");
    third->connection.sent = 5;
    third->connection.received = 7;
    leave(&registry, second); /* the middle, the end, and the only one */
    leave(&registry, third);
    CHECK(there_are(&registry, 1, 0), "one is left, and not open");
    leave(&registry, first);
    CHECK(there_are(&registry, 0, 0), "none is left");
    registry_count(&registry, &totals);
    CHECK(totals.channels == 1 && totals.sent == 5 && totals.received == 7,
          "what they have carried is added up");
}

static void test_connections(void)
{
    struct registry registry = make(2, 10, 10);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_A);
    struct caller *third;

    CHECK(open_as(&registry, first, alice, "") == OK && open_as(&registry, second, alice, "") == OK,
          "as many channels as there may be");
    CHECK(call(&registry, ADDRESS_B) == NULL, "one more is not let in");
    CHECK(ended(&registry, first, OK) && ended(&registry, second, OK), "and ends none of them");
    leave(&registry, first);
    third = call(&registry, ADDRESS_B);
    CHECK(third != NULL, "a place that is free is given");
    leave(&registry, second);
    leave(&registry, third);
}

static void test_per_peer(void)
{
    struct registry registry = make(10, 1, 10);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_A);
    struct caller *third = call(&registry, ADDRESS_A);

    CHECK(open_as(&registry, first, alice, "") == OK, "the first channel of a peer");
    CHECK(open_as(&registry, second, alice, "") == ERR_TOO_MANY, "the second is too many");
    CHECK(open_as(&registry, third, bob, "") == OK, "another peer's is not");
    leave(&registry, first);
    CHECK(open_as(&registry, second, alice, "") == OK, "its place is free again");
    leave(&registry, second);
    leave(&registry, third);
}

static void test_ended_elsewhere(void)
{
    struct registry registry = make(10, 10, 10);
    struct caller *caller = call(&registry, ADDRESS_A);

    registry_end(&caller->connection, ERR_REMOVED);
    CHECK(ended(&registry, caller, ERR_REMOVED), "one that is ended sees it");
    registry_end(&caller->connection, ERR_EVICTED);
    CHECK(ended(&registry, caller, ERR_REMOVED), "the first reason stays");
    CHECK(open_as(&registry, caller, alice, "") == ERR_REMOVED, "and no channel is opened");
    leave(&registry, caller);
}

/* Who waits for a place, and who gives way to whom. */
static void test_pending(void)
{
    struct registry registry = make(10, 10, 2);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_B);
    struct caller *third;

    CHECK(!registry_has_place(&registry), "all places are taken by new callers: others wait");
    first->connection.begun_ms -= 1300;
    second->connection.begun_ms -= 1200;
    CHECK(registry_has_place(&registry), "once one has been silent for a while, there is a place");
    CHECK(write(first->other, "x", 1) == 1, "the oldest speaks");
    third = call(&registry, ADDRESS_B);
    CHECK(third != NULL && ended(&registry, first, OK), "and keeps its place");
    CHECK(ended(&registry, second, ERR_EVICTED), "it is the next that gives way");
    leave(&registry, second);
    CHECK(registry_heard(&registry, &third->connection, alice) == OK, "the newcomer is heard");
    CHECK(!registry_has_place(&registry), "one whose hello is good has longer");
    first->connection.begun_ms -= 6000; /* the list is in their order */
    third->connection.begun_ms -= 6000;
    CHECK(registry_has_place(&registry), "but not for ever");
    leave(&registry, first);
    leave(&registry, third);
}

/* The more places a source has, the sooner its callers give way: nobody else waits for theirs. */
static void test_crowd(void)
{
    struct registry registry = make(10, 10, 8);
    struct caller *callers[8], *newcomer;

    callers[0] = call(&registry, ADDRESS_B);
    for (size_t i = 1; i < 8; i++)
        callers[i] = call(&registry, ADDRESS_A);
    CHECK(!registry_has_place(&registry), "all places are taken by new callers");
    for (size_t i = 0; i < 8; i++)
        callers[i]->connection.begun_ms -= 100;
    CHECK(registry_has_place(&registry), "most of them one source's, which do not have so long");
    newcomer = call(&registry, ADDRESS_B);
    CHECK(newcomer != NULL && ended(&registry, callers[0], OK), "who is alone has longer");
    CHECK(ended(&registry, callers[1], ERR_EVICTED), "the oldest of the many gives way");
    leave(&registry, newcomer);
    for (size_t i = 0; i < 8; i++)
        leave(&registry, callers[i]);
}

/* Neither a source nor a key takes the places of all, however young its callers are. */
static void test_shares(void)
{
    struct registry registry = make(10, 10, 8);
    struct caller *callers[8];

    registry.limits.pending_per_source = 4;
    registry.limits.pending_per_peer = 2;
    for (size_t i = 0; i < 4; i++)
        callers[i] = call(&registry, ADDRESS_A);
    callers[4] = call(&registry, ADDRESS_A);
    CHECK(callers[4] != NULL && ended(&registry, callers[0], ERR_EVICTED),
          "one more of a source takes the place of one that says nothing, however new that is");
    leave(&registry, callers[0]);
    for (size_t i = 1; i < 5; i++)
        CHECK(write(callers[i]->other, "x", 1) == 1, "they speak");
    CHECK(call(&registry, ADDRESS_A) == NULL, "one more is turned away when all have spoken");
    callers[0] = call(&registry, ADDRESS_B);
    CHECK(callers[0] != NULL, "another source has places");
    callers[5] = call(&registry, ADDRESS_B);
    callers[6] = call(&registry, ADDRESS_B);
    CHECK(registry_heard(&registry, &callers[0]->connection, alice) == OK &&
              registry_heard(&registry, &callers[1]->connection, alice) == OK,
          "two of one key");
    CHECK(registry_heard(&registry, &callers[2]->connection, alice) == ERR_CROWDED,
          "a third does not take the last places");
    CHECK(registry_heard(&registry, &callers[3]->connection, bob) == OK, "another key may");
    for (size_t i = 0; i < 7; i++)
        leave(&registry, callers[i]);
}

/* Callers whose handshake is not done have no place of a channel. */
static void test_apart(void)
{
    struct registry registry = make(1, 10, 4);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_A);
    struct caller *third = call(&registry, ADDRESS_B);

    CHECK(first != NULL && second != NULL && third != NULL, "they do not count as channels");
    CHECK(open_as(&registry, first, alice, "") == OK, "one of them has the only channel");
    CHECK(open_as(&registry, second, bob, "") == ERR_NO_PLACE, "and no other one");
    CHECK(call(&registry, ADDRESS_B) == NULL, "nor is another caller taken for nothing");
    leave(&registry, first);
    CHECK(open_as(&registry, second, bob, "") == OK, "until it has ended");
    leave(&registry, second);
    leave(&registry, third);
}

/* One that a local program has opened is not shut down: it has to see a reset, not an end. */
static void test_local(void)
{
    struct registry registry = make(10, 10, 10);
    struct caller *caller = call(&registry, ADDRESS_A);
    char byte;

    caller->connection.channel_fd = -1;
    registry_end(&caller->connection, ERR_REMOVED);
    CHECK(recv(caller->other, &byte, 1, MSG_DONTWAIT) < 0, "a local program sees no end");
    CHECK(open_as(&registry, caller, alice, "") == ERR_REMOVED, "but gets no channel");
    leave(&registry, caller);
}

/* The channel's own socket is shut down with the caller's, until it is the caller's no longer. */
static void test_channel_fd(void)
{
    struct registry registry = make(10, 10, 10);
    struct caller *first = call(&registry, ADDRESS_A), *second = call(&registry, ADDRESS_A);
    int ends[2], others[2];
    char byte;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, others) != 0)
        abort();
    CHECK(registry_open(&registry, &first->connection, alice, "", ends[0]) == OK &&
              registry_open(&registry, &second->connection, alice, "", others[0]) == OK,
          "two channels with sockets of their own");
    registry_end(&first->connection, ERR_REMOVED);
    CHECK(recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0, "an end shuts it down");
    registry_detach(&registry, &second->connection);
    registry_end(&second->connection, ERR_REMOVED);
    CHECK(recv(others[1], &byte, 1, MSG_DONTWAIT) < 0, "not one that was detached");
    for (size_t i = 0; i < 2; i++) {
        (void)close(ends[i]);
        (void)close(others[i]);
    }
    leave(&registry, first);
    leave(&registry, second);
}

int main(void)
{
    test_counts();
    test_connections();
    test_per_peer();
    test_ended_elsewhere();
    test_channel_fd();
    test_pending();
    test_crowd();
    test_shares();
    test_apart();
    test_local();
    return tap_done();
}
