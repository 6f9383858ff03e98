/*
 * Owns the threads of a daemon, and the taking of calls. Must never let one connection wait for
 * another, nor leave the listeners unwatched while a thread can be had.
 */
#include "daemon/workers.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "net/net_socket.h"
#include "system/memory.h"

#define STACK_SIZE ((size_t)256 << 10) /* address space; only what is touched costs memory */
#define IDLE_LEAST 2                   /* threads kept with nothing to do: the next call is near */
#define IDLE_MS 2000                   /* how long the others wait for something */
#define PAUSE_MS 50                    /* before the next accept when the system has no room */
#define PLACE_PAUSE_MS 20 /* when all places are taken by callers who may still prove honest */
#define QUIET_MS 10000    /* between two complaints about that room */
#define STOP_MS 1000      /* for who takes calls to see that it is over */

/* Let time pass, unless we are stopped. */
static void pause_for(const struct workers *workers, int pause_ms)
{
    struct pollfd wait = {.fd = workers->stop[0], .events = POLLIN};

    (void)poll(&wait, 1, pause_ms);
}

/* No call could be taken, though one was there. */
static void lack_room(struct workers *workers, int system_errno)
{
    if (clock_now_ms() >= workers->quiet_until_ms) {
        workers->quiet_until_ms = clock_deadline_ms(QUIET_MS);
        log_event(LOG_NOTE, workers->task.what, NULL, "cannot accept", strerror(system_errno));
    }
    pause_for(workers, PAUSE_MS);
}

/* A new caller, who has a place or is sent away. */
static bool admit(struct workers *workers, struct connection *connection)
{
    const struct registry_limits *limits = &workers->task.registry->limits;
    char most[REGISTRY_MOST_SIZE];
    enum kith_error error;

    connection->channel_fd = workers->task.faces_network ? connection->fd : -1;
    connection->program_pipe = -1;
    error = registry_enter(workers->task.registry, connection);
    if (error == OK)
        return true;
    registry_say_most(most,
                      error == ERR_CROWDED ? limits->pending_per_source : limits->connections);
    refusals_add_unheard(workers->task.refusals, &connection->from, error, most);
    (void)close(connection->fd);
    return false;
}

/* Wait once, for a call or for what keeps us from taking one to pass. */
static bool await_call(struct workers *workers, struct connection *connection)
{
    const struct net_listeners *listeners = workers->task.listeners;
    struct pollfd fds[NET_LISTENERS_MAX + 1];
    size_t count = listeners->count;
    int ready;

    if (!registry_has_place(workers->task.registry)) {
        pause_for(workers, PLACE_PAUSE_MS);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = listeners->fds[i], .events = POLLIN};
    fds[count] = (struct pollfd){.fd = workers->stop[0], .events = POLLIN};
    ready = poll(fds, (nfds_t)count + 1, -1);
    if (ready < 0 && errno != EINTR)
        lack_room(workers, errno);
    if (ready <= 0 || fds[count].revents != 0)
        return false;
    for (size_t i = 1; i <= count; i++) { /* in turns, lest one of them keep out the others */
        size_t at = (workers->last_listener + i) % count;

        if (fds[at].revents == 0)
            continue;
        workers->last_listener = at;
        memset(connection, 0, sizeof(*connection));
        if (net_accept(listeners->fds[at], &connection->fd, &connection->from))
            return admit(workers, connection);
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            lack_room(workers, errno);
        break;
    }
    return false;
}

/* False with errno. */
static bool add_thread(struct workers *workers);

/* Wait for the turn; false if this thread is not needed. */
static bool take_turn(struct workers *workers)
{
    int64_t until_ms = clock_deadline_ms(IDLE_MS);
    bool patient = true;
    bool taken;

    (void)pthread_mutex_lock(&workers->lock);
    workers->idle++;
    while (workers->turn_taken && !workers->stopped && (patient || workers->idle <= IDLE_LEAST)) {
        bool spare = workers->idle > IDLE_LEAST;

        patient = clock_await(&workers->turn_free, &workers->lock, spare ? until_ms : NEVER_MS);
    }
    taken = !workers->turn_taken && !workers->stopped;
    if (taken)
        workers->turn_taken = true;
    else
        workers->idle--;
    (void)pthread_mutex_unlock(&workers->lock);
    return taken;
}

static void leave_turn(struct workers *workers)
{
    bool stopped;

    (void)pthread_mutex_lock(&workers->lock);
    workers->turn_taken = false;
    workers->idle--;
    stopped = workers->stopped;
    (void)pthread_mutex_unlock(&workers->lock);
    if (stopped)
        (void)pthread_cond_broadcast(&workers->turn_free);
    else
        (void)pthread_cond_signal(&workers->turn_free);
}

/* Whether no more calls are to be taken. */
static bool is_stopped(struct workers *workers)
{
    bool stopped;

    (void)pthread_mutex_lock(&workers->lock);
    stopped = workers->stopped;
    (void)pthread_mutex_unlock(&workers->lock);
    return stopped;
}

/* For who has the turn: whether somebody waits for it. The last one that does so stays. */
static bool is_awaited(struct workers *workers)
{
    bool awaited;

    (void)pthread_mutex_lock(&workers->lock);
    awaited = workers->idle > 1;
    (void)pthread_mutex_unlock(&workers->lock);
    return awaited;
}

/* The turn cannot be left to anybody, so this call cannot be served. */
static void turn_away(struct workers *workers, struct connection *connection)
{
    refusals_add_unheard(workers->task.refusals, &connection->from, ERR_NO_THREAD, strerror(errno));
    (void)registry_leave(workers->task.registry, connection);
    (void)close(connection->fd);
}

/* Wait for the turn, and then for a call; false if this thread is not needed. */
static bool take_call(struct workers *workers, struct connection *connection)
{
    bool taken = false;

    if (!take_turn(workers))
        return false;
    while (!taken && !is_stopped(workers)) {
        taken = await_call(workers, connection);
        if (taken && !is_awaited(workers) && !add_thread(workers)) {
            turn_away(workers, connection);
            taken = false;
        }
    }
    leave_turn(workers);
    return taken;
}

/* A thread's whole life. */
static void *work(void *context)
{
    struct workers *workers = context;
    struct connection connection;

    while (take_call(workers, &connection)) {
        bool last;

        workers->task.run(workers->task.context, &connection);
        last = registry_leave(workers->task.registry, &connection);
        (void)close(connection.fd);
        if (last)
            memory_give_back();
    }
    return NULL;
}

static bool add_thread(struct workers *workers)
{
    pthread_t thread;

    errno = pthread_create(&thread, &workers->attributes, work, workers);
    return errno == 0;
}

bool workers_prepare(struct workers *workers, const struct workers_task *task)
{
    workers->task = *task;
    if (!descriptor_pipe(workers->stop) || pthread_mutex_init(&workers->lock, NULL) != 0 ||
        !clock_condition(&workers->turn_free) || pthread_attr_init(&workers->attributes) != 0)
        return false;
    (void)pthread_attr_setdetachstate(&workers->attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&workers->attributes, STACK_SIZE);
    return true;
}

bool workers_start(struct workers *workers)
{
    for (int i = 0; i < IDLE_LEAST; i++) {
        if (!add_thread(workers))
            return false;
    }
    return true;
}

bool workers_stop(struct workers *workers)
{
    int64_t deadline_ms = clock_deadline_ms(STOP_MS);
    bool in_time = true;
    bool unwatched;

    (void)pthread_mutex_lock(&workers->lock);
    if (!workers->stopped) {
        workers->stopped = true;
        (void)close(workers->stop[1]);
        (void)pthread_cond_broadcast(&workers->turn_free);
    }
    while (workers->turn_taken && in_time)
        in_time = clock_await(&workers->turn_free, &workers->lock, deadline_ms);
    unwatched = !workers->turn_taken;
    (void)pthread_mutex_unlock(&workers->lock);
    return unwatched;
}
