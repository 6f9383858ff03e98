/*
 * The talk with a supervisor: the messages that it gets, and the sockets that it gives.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/passed.h"
#include "system/notify.h"
#include "tap.h"

#define FIRST_FD 3

static int supervisor = -1;

/* Wait for messages at this address; an abstract one begins with NUL. */
static void listen_at(const char *path, size_t len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    memcpy(at.sun_path, path, len);
    supervisor = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(supervisor >= 0 && bind(supervisor, (struct sockaddr *)&at,
                                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0,
          "a supervisor waits");
    (void)fcntl(supervisor, F_SETFL, O_NONBLOCK);
}

/* The next message, or "" if there is none. */
static const char *message(void)
{
    static char text[256];
    ssize_t n = recv(supervisor, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Tell something to the socket of this name, as a process does that has it in its environment. */
static void tell_at(const char *name, const char *state)
{
    (void)setenv("NOTIFY_SOCKET", name, 1);
    notify_open();
    notify(state);
}

static void test_messages(void)
{
    char directory[] = "/tmp/kith-notify-XXXXXX", path[64];
    const char *said;
    int64_t before = clock_now_us(), told;

    CHECK(mkdtemp(directory) != NULL, "a directory of our own");
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    listen_at(path, strlen(path));
    tell_at(path, "READY=1");
    CHECK(strcmp(message(), "READY=1") == 0, "a state is told");
    notify_ready("listening on /run/a\nMAINPID=1");
    CHECK(strcmp(message(), "READY=1\nSTATUS=listening on /run/a\\x0aMAINPID=1") == 0,
          "what the address has in it tells nothing more");
    notify_reloading();
    said = message();
    told = strtoll(strrchr(said, '=') == NULL ? "0" : strrchr(said, '=') + 1, NULL, 10);
    CHECK(strncmp(said, "RELOADING=1\nMONOTONIC_USEC=", 27) == 0, "a reload is told");
    CHECK(told >= before && told <= clock_now_us(), "with the time of it");

    tell_at("relative", "READY=1");
    tell_at("", "READY=1");
    (void)unsetenv("NOTIFY_SOCKET");
    notify_open();
    notify("READY=1");
    CHECK(message()[0] == '\0', "nothing is told to an address that is none");
    tell_at(path, "READY=1");
    (void)close(supervisor);
    notify("READY=1");
    tell_at(path, "READY=1");
    (void)unlink(path);
    tell_at(path, "READY=1");
    CHECK(rmdir(directory) == 0, "nor to a socket where nobody is, which stays as it is");
}

/* Fill the supervisor's queue. */
static void fill(void)
{
    int count = 0;

    while (!notify_again() && count++ < 100000)
        notify("STATUS=filling");
}

/* Empty it: the first message that is none of those, or "". */
static const char *message_behind(void)
{
    const char *said;

    while (strcmp(said = message(), "STATUS=filling") == 0)
        continue;
    return said;
}

/* The next message is about this state. */
static bool is_told(const char *state)
{
    return strncmp(message(), state, strlen(state)) == 0;
}

/* A queue that was full has READY first, once it takes something, and not a mere STATUS. */
static void test_untold(void)
{
    notify_ready("listening on a");
    notify("STATUS=later");
    CHECK(message_behind()[0] == '\0' && !notify_again(), "what was untold is told again");
    CHECK(is_told("READY=1"), "and it is the state that counts");
    CHECK(message()[0] == '\0', "once");
}

/* Who waits for the end of a reload has to hear of its beginning, and before. */
static void test_untold_order(void)
{
    notify_ready("listening on a");
    notify_reloading();
    notify_ready("listening on b");
    notify_reloading();
    notify_ready("listening on c");
    notify("STOPPING=1");
    CHECK(message_behind()[0] == '\0' && !notify_again(), "several states are told again");
    CHECK(is_told("RELOADING=1"), "first that there was a reload");
    CHECK(is_told("READY=1\nSTATUS=listening on c"), "then that it is over");
    CHECK(is_told("STOPPING=1"), "then the last one");
    CHECK(message()[0] == '\0', "and each once");
    fill();
    notify_ready("listening on a");
    notify_reloading();
    CHECK(message_behind()[0] == '\0' && !notify_again(), "a reload that is not over");
    CHECK(is_told("RELOADING=1"), "is told");
    CHECK(message()[0] == '\0', "and nothing is ready before it is");
}

static void test_full(void)
{
    char directory[] = "/tmp/kith-notify-XXXXXX", path[64];

    CHECK(mkdtemp(directory) != NULL, "a directory of our own");
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    listen_at(path, strlen(path));
    tell_at(path, "STATUS=filling");
    fill();
    test_untold();
    fill();
    test_untold_order();
    (void)unlink(path);
    (void)rmdir(directory);
    (void)close(supervisor);
}

static void test_long_address(void)
{
    char path[2 * sizeof(((struct sockaddr_un *)0)->sun_path)];

    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    tell_at(path, "READY=1");
    CHECK(true, "an address that is too long does no harm");
}

#ifdef __linux__
static void test_abstract(void)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "@kith-test-notify-%ld", (long)getpid());
    name[0] = '\0';
    listen_at(name, 1 + strlen(name + 1));
    name[0] = '@';
    tell_at(name, "STOPPING=1");
    CHECK(strcmp(message(), "STOPPING=1") == 0, "an abstract address is one as well");
    (void)close(supervisor);
}
#else
static void test_abstract(void)
{
}
#endif

/* A socket of a kind, put at a number. */
static void place(int fd, int type, bool listening)
{
    int made = socket(AF_INET, type, 0);
    struct sockaddr_in at = {.sin_family = AF_INET};

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)bind(made, (struct sockaddr *)&at, sizeof(at));
    if (listening)
        (void)listen(made, 1);
    if (made != fd) {
        (void)dup2(made, fd);
        (void)close(made);
    }
}

static void set_number(const char *name, long value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%ld", value);
    (void)setenv(name, text, 1);
}

/* In a process of its own, since the numbers of the descriptors matter: 0 if all is well. */
static int take(long pid_offset, long count, int listening, int streams)
{
    struct listeners listeners;
    struct problem problem;
    int taken;

    for (int i = 0; i < 2; i++)
        place(FIRST_FD + i, i < streams ? SOCK_STREAM : SOCK_DGRAM, i < listening);
    set_number("LISTEN_PID", (long)getpid() + pid_offset);
    set_number("LISTEN_FDS", count);
    if (passed_take(&listeners, 1, &problem) != OK)
        return 9;
    for (taken = 0; taken < (int)listeners.count; taken++) {
        if (listeners.fds[taken] != FIRST_FD + taken ||
            (fcntl(FIRST_FD + taken, F_GETFL) & O_NONBLOCK) == 0 ||
            (fcntl(FIRST_FD + taken, F_GETFD) & FD_CLOEXEC) == 0)
            return 8;
    }
    if (taken > 0 && strncmp(listeners.text, "127.0.0.1:", 10) != 0)
        return 7;
    return taken;
}

/* Two sockets for so many places, likewise. */
static int share(size_t places)
{
    struct listeners list[3];
    struct problem problem;

    for (int i = 0; i < 2; i++)
        place(FIRST_FD + i, SOCK_STREAM, true);
    set_number("LISTEN_PID", (long)getpid());
    set_number("LISTEN_FDS", 2);
    if (passed_take(list, places, &problem) != OK)
        return 9;
    for (size_t i = 0; i < places; i++) {
        if (list[i].count != 1 || list[i].fds[0] != FIRST_FD + (int)i)
            return 8;
    }
    return 0;
}

static int shared(size_t places)
{
    pid_t process = fork();
    int status = -1;

    if (process == 0)
        _exit(share(places));
    return process > 0 && waitpid(process, &status, 0) == process && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
}

static int taken(long pid_offset, long count, int listening, int streams)
{
    pid_t process = fork();
    int status = -1;

    if (process == 0)
        _exit(take(pid_offset, count, listening, streams));
    return process > 0 && waitpid(process, &status, 0) == process && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
}

static void test_listeners(void)
{
    CHECK(taken(0, 2, 2, 2) == 2, "two sockets are taken");
    CHECK(taken(0, 1, 1, 2) == 1, "one is taken");
    CHECK(taken(1, 2, 2, 2) == 0, "none if they are for another process");
    CHECK(taken(0, 0, 2, 2) == 0, "none if there are none");
    CHECK(taken(0, -1, 2, 2) == 9, "what is no number of them is refused");
    CHECK(taken(0, 2, 1, 2) == 9, "one that does not listen is refused");
    CHECK(taken(0, 2, 1, 1) == 9, "and so is one that cannot");
    CHECK(taken(0, 3, 2, 2) == 9, "and one that is not there");
    CHECK(taken(0, LISTENERS_MAX + 1, 2, 2) == 9, "and more than there is room for");
    CHECK(taken(0, 1L << 33, 2, 2) == 9, "however many");
    CHECK(shared(2) == 0, "two places have one each, in their order");
    CHECK(shared(3) == 9, "three do not take two");
}

int main(void)
{
    test_messages();
    test_full();
    test_long_address();
    test_abstract();
    test_listeners();
    return tap_done();
}
