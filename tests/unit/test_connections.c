/*
 * The connections of a daemon: how many there may be, of whom, and how one is ended.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/connections.h"
#include "system/signals.h"
#include "tap.h"

/* A connection, and both ends of its socket. */
struct party {
    struct connection *connection;
    int fd, other;
};

static const uint8_t alice[KEY_SIZE] = {'a'};
static const uint8_t bob[KEY_SIZE] = {'b'};
static int wakes_fd;

/* Whether the main thread has been woken since it was last asked. */
static bool was_woken(void)
{
    struct pollfd wait = {.fd = wakes_fd, .events = POLLIN};
    bool woken = poll(&wait, 1, 0) == 1;

    while (signals_next() != 0)
        continue;
    return woken;
}

static struct connections make(size_t most, size_t per_peer, size_t pending)
{
    struct connections_limits limits = {.most = most, .per_peer = per_peer, .pending = pending};
    struct connections connections;

    connections_init(&connections, &limits);
    return connections;
}

/* One more; without a connection if it is not let in. */
static struct party join(struct connections *connections)
{
    struct endpoint from = {.text = "127.0.0.1:9"};
    enum kith_error error = OK;
    struct party party;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    party = (struct party){.fd = ends[0], .other = ends[1]};
    party.connection = connections_add(connections, transport_socket(party.fd), &from, &error);
    CHECK((party.connection != NULL) == (error == OK) && (error == OK || error == ERR_NO_PLACE),
          "it is added, or there are too many");
    return party;
}

static bool is_hung_up(const struct party *party)
{
    char byte;

    return recv(party->other, &byte, 1, MSG_DONTWAIT) == 0;
}

static void leave(struct connections *connections, struct party *party)
{
    if (party->connection != NULL)
        (void)connections_leave(connections, party->connection);
    (void)close(party->fd);
    (void)close(party->other);
}

static enum kith_error open_as(struct connections *connections, struct party *party,
                               const uint8_t key[static KEY_SIZE], const char *name)
{
    const struct transport channel = transport_socket(party->fd);

    return connections_open(connections, party->connection, key, name, &channel);
}

/* What there is: in all, and open. */
static bool there_are(struct connections *connections, size_t count, size_t open)
{
    struct connections_totals totals;

    connections_count(connections, &totals);
    return totals.count == count && totals.count - totals.pending == open;
}

static void count_one(struct connection *connection, void *context)
{
    size_t *counts = context;

    counts[connection->is_open]++;
}

static void test_counts(void)
{
    struct connections connections = make(10, 10, 10);
    struct party first = join(&connections), second = join(&connections);
    struct party third = join(&connections);
    struct connections_totals totals;
    size_t counts[2] = {0};

    CHECK(open_as(&connections, &third, bob, "bob") == OK, "a channel is opened");
    CHECK(there_are(&connections, 3, 1), "three are there, one is open");
    connections_each(&connections, count_one, counts);
    CHECK(counts[false] == 2 && counts[true] == 1, "each of them is visited once");
    CHECK(memcmp(third.connection->key, bob, KEY_SIZE) == 0 &&
              strcmp(third.connection->name, "bob") == 0,
          "it is its peer's");
    third.connection->sent = 5;
    third.connection->received = 7;
    leave(&connections, &second); /* the middle, the end, and the only one */
    leave(&connections, &third);
    CHECK(there_are(&connections, 1, 0), "one is left, and not open");
    leave(&connections, &first);
    CHECK(there_are(&connections, 0, 0), "none is left");
    connections_count(&connections, &totals);
    CHECK(totals.channels == 1 && totals.sent == 5 && totals.received == 7,
          "what they have carried is added up");
}

static void test_parts(void)
{
    struct connections connections = make(10, 10, 10);
    struct party first = join(&connections), second = join(&connections);
    struct party third = join(&connections);
    struct connections_part part = {.channels = 0};
    struct connections_totals totals;

    first.connection->part = second.connection->part = &part;
    CHECK(open_as(&connections, &first, bob, "bob") == OK &&
              open_as(&connections, &third, bob, "bob") == OK,
          "one of a part, and another");
    connections_count_part(&connections, &part, &totals);
    CHECK(totals.count == 2 && totals.pending == 1 && totals.channels == 1,
          "a part has its own numbers");
    first.connection->sent = third.connection->sent = 5;
    first.connection->received = third.connection->received = 7;
    leave(&connections, &first);
    leave(&connections, &second);
    leave(&connections, &third);
    connections_count_part(&connections, &part, &totals);
    CHECK(totals.count == 0 && totals.channels == 1 && totals.sent == 5 && totals.received == 7,
          "and its own sums");
}

static void test_most(void)
{
    struct connections connections = make(2, 10, 10);
    struct party first = join(&connections), second = join(&connections);
    struct party third = join(&connections);

    CHECK(open_as(&connections, &first, alice, "") == OK &&
              open_as(&connections, &second, alice, "") == OK,
          "as many channels as there may be");
    CHECK(third.connection == NULL && !is_hung_up(&first) && !is_hung_up(&second),
          "one more is not let in, and ends none of them");
    CHECK(connections_allow(&connections, bob) == ERR_NO_PLACE, "which is known beforehand");
    leave(&connections, &first);
    leave(&connections, &third);
    CHECK(connections_allow(&connections, bob) == OK, "as is that a place is free");
    third = join(&connections);
    CHECK(third.connection != NULL, "which is given");
    leave(&connections, &second);
    leave(&connections, &third);
}

static void test_per_peer(void)
{
    struct connections connections = make(10, 1, 10);
    struct party first = join(&connections), second = join(&connections);
    struct party third = join(&connections);

    CHECK(open_as(&connections, &first, alice, "") == OK, "the first channel of a peer");
    CHECK(open_as(&connections, &second, alice, "") == ERR_TOO_MANY &&
              connections_allow(&connections, alice) == ERR_TOO_MANY,
          "the second is too many");
    CHECK(open_as(&connections, &third, bob, "") == OK, "another peer's is not");
    leave(&connections, &first);
    CHECK(open_as(&connections, &second, alice, "") == OK, "its place is free again");
    leave(&connections, &second);
    leave(&connections, &third);
}

/* Who waits for room, or for the end of all channels, is woken for a change, once. */
static void test_waking(void)
{
    struct connections connections = make(10, 10, 1);
    struct party first, second;

    (void)was_woken();
    CHECK(connections_have_room(&connections) && connections_have_ended(&connections),
          "there is room, and no channel");
    first = join(&connections);
    CHECK(!connections_have_room(&connections) && !was_woken(), "there is none now");
    CHECK(open_as(&connections, &first, alice, "") == OK && was_woken(), "a channel makes room");
    CHECK(connections_have_room(&connections), "which is seen");
    second = join(&connections);
    leave(&connections, &second);
    CHECK(!was_woken(), "who does not wait is not woken");
    CHECK(!connections_have_ended(&connections), "a channel is open");
    leave(&connections, &first);
    CHECK(was_woken() && connections_have_ended(&connections), "its end is told");
}

static void test_ended_elsewhere(void)
{
    struct connections connections = make(10, 10, 10);
    struct party party = join(&connections);
    enum kith_error error = ERR_CUT_DATA;

    CHECK(open_as(&connections, &party, alice, "") == OK, "a channel");
    connection_end(party.connection, ERR_REMOVED);
    CHECK(is_hung_up(&party), "one that is ended sees it");
    connection_end(party.connection, ERR_STOPPING);
    CHECK(connections_conclude(&connections, party.connection, &error) && error == ERR_REMOVED,
          "the first reason stays, and is why it was cut");
    CHECK(!connections_conclude(&connections, party.connection, &error), "it is said once");
    leave(&connections, &party);
    party = join(&connections);
    connection_end(party.connection, ERR_STOPPING);
    CHECK(open_as(&connections, &party, alice, "") == ERR_STOPPING,
          "of one that is ended before no channel is opened");
    CHECK(!is_hung_up(&party), "and a local program sees no end: it has to see a reset");
    leave(&connections, &party);
}

/* The channel's own sockets are shut down, until they are the channel's no longer. */
static void test_channel(void)
{
    struct connections connections = make(10, 10, 10);
    struct party first = join(&connections), second = join(&connections);
    int ends[2], back[2], others[2];
    struct transport two, one;
    char byte;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, back) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, others) != 0)
        abort();
    two = (struct transport){.in = back[0], .out = ends[0], .line = -1};
    one = transport_socket(others[0]);
    CHECK(connections_open(&connections, first.connection, alice, "", &two) == OK &&
              connections_open(&connections, second.connection, alice, "", &one) == OK,
          "two channels with sockets of their own");
    connection_end(first.connection, ERR_REMOVED);
    CHECK(recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0, "an end shuts it down");
    CHECK(recv(back[0], &byte, 1, MSG_DONTWAIT) == 0, "both of its sockets, if it has two");
    connections_detach(&connections, second.connection);
    connection_end(second.connection, ERR_REMOVED);
    CHECK(recv(others[1], &byte, 1, MSG_DONTWAIT) < 0, "not one that was detached");
    for (size_t i = 0; i < 2; i++) {
        (void)close(ends[i]);
        (void)close(back[i]);
        (void)close(others[i]);
    }
    leave(&connections, &first);
    leave(&connections, &second);
}

/* Who carries nothing makes room for another one, and may carry nothing from then on. */
static void test_idle(void)
{
    struct connections connections = make(2, 10, 10);
    struct party first = join(&connections), second = join(&connections), third;
    char ends[1];

    CHECK(open_as(&connections, &first, alice, "") == OK &&
              open_as(&connections, &second, alice, "") == OK,
          "as many channels as there may be");
    CHECK(!connections_make_room(&connections), "none that carries something makes room");
    connections_note_idle(&connections, first.connection);
    connections_note_idle(&connections, second.connection);
    CHECK(connections_occupy(&connections, first.connection), "one carries something again");
    CHECK(connections_allow(&connections, bob) == OK, "for the other one somebody else may come");
    CHECK(connections_make_room(&connections), "it makes room");
    CHECK(send(second.fd, "", 1, 0) == 1 && recv(second.fd, ends, 1, MSG_DONTWAIT) == 0,
          "by an end of what comes, and can still say its last word");
    CHECK(connections_gives_way(&connections, second.connection) &&
              !connections_gives_way(&connections, first.connection),
          "it has to leave, and no other");
    CHECK(!connections_occupy(&connections, second.connection), "it begins nothing any more");
    CHECK(!connections_make_room(&connections), "it does not make room twice");
    third = join(&connections);
    CHECK(third.connection != NULL && open_as(&connections, &third, bob, "") == OK,
          "its place is free before it is gone");
    CHECK(connections_allow(&connections, bob) == ERR_NO_PLACE, "once");
    leave(&connections, &second);
    CHECK(connections_allow(&connections, bob) == ERR_NO_PLACE, "and not again once it is gone");
    leave(&connections, &first);
    leave(&connections, &third);
}

/* Who has to have some that carry nothing is told how many there are, and woken by any change. */
static void test_idle_count(void)
{
    struct connections connections = make(4, 3, 10);
    struct party first = join(&connections), second = join(&connections);
    struct connections_totals totals;

    CHECK(open_as(&connections, &first, alice, "") == OK &&
              open_as(&connections, &second, alice, "") == OK,
          "two channels of one key");
    connections_note_idle(&connections, first.connection);
    connections_note_idle(&connections, first.connection);
    connections_note_idle(&connections, second.connection);
    connections_count(&connections, &totals);
    CHECK(totals.idle == 2 && totals.room == 1,
          "both carry nothing, and there is room for one more of the peer");
    connections_await_change(&connections);
    (void)was_woken();
    CHECK(connections_occupy(&connections, first.connection) && was_woken(), "to take one wakes");
    CHECK(connections_occupy(&connections, first.connection) && !was_woken(), "once");
    connections_count(&connections, &totals);
    CHECK(totals.idle == 1, "one carries nothing");
    connections_await_change(&connections);
    leave(&connections, &second);
    connections_count(&connections, &totals);
    CHECK(was_woken() && totals.idle == 0 && totals.room == 2,
          "and none once it has left, which wakes as well");
    leave(&connections, &first);
}

int main(void)
{
    wakes_fd = signals_start();
    CHECK(wakes_fd >= 0, "the main thread can be woken");
    test_counts();
    test_parts();
    test_most();
    test_per_peer();
    test_waking();
    test_ended_elsewhere();
    test_channel();
    test_idle();
    test_idle_count();
    return tap_done();
}
