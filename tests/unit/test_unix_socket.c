/*
 * UNIX sockets that listen: of many who start at once where a dead process has left its socket,
 * one listens, and can be reached.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/socket.h"
#include "net/unix_socket.h"
#include "tap.h"

#define RACERS 6
#define ROUNDS 150

static char directory[] = "/tmp/kith-local-XXXXXX";
static char path[PATH_SIZE];

/* What a process that has died leaves behind. */
static void leave_stale_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket_open(AF_UNIX);

    memcpy(at.sun_path, path, sizeof(path));
    (void)bind(fd, (struct sockaddr *)&at, sizeof(at));
    (void)close(fd);
}

static bool is_reached(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket_open(AF_UNIX);
    bool reached;

    memcpy(at.sun_path, path, sizeof(path));
    reached = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    (void)close(fd);
    return reached;
}

/* A racer's life: listen when the start pipe ends, say whether that went well, and stay. */
static _Noreturn void race(int start, int result)
{
    struct unix_socket local = {.path = ""};
    struct problem problem;
    char byte;
    int fd;

    while (read(start, &byte, 1) > 0)
        continue;
    byte = unix_socket_listen(&local, path, &fd, &problem) == OK ? 'y' : 'n';
    (void)!write(result, &byte, 1);
    (void)pause();
    _exit(0);
}

/* How many of them listen. */
static int run_round(void)
{
    int start[2], result[2], winners = 0;
    pid_t racers[RACERS];

    leave_stale_socket();
    if (pipe(start) != 0 || pipe(result) != 0)
        return -1;
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (racers[i] == 0) {
            (void)close(start[1]);
            race(start[0], result[1]);
        }
    }
    (void)close(start[0]);
    (void)close(start[1]);
    for (int i = 0; i < RACERS; i++) {
        char said = 'n';

        (void)!read(result[0], &said, 1);
        winners += said == 'y';
    }
    if (winners == 1 && !is_reached())
        winners = -1;
    for (int i = 0; i < RACERS; i++) {
        (void)kill(racers[i], SIGKILL);
        (void)waitpid(racers[i], NULL, 0);
    }
    (void)close(result[0]);
    (void)close(result[1]);
    (void)unlink(path);
    return winners;
}

static void test_race(void)
{
    int wrong = 0, last = 1;

    for (int i = 0; i < ROUNDS; i++) {
        int winners = run_round();

        if (winners != 1) {
            wrong++;
            last = winners;
        }
    }
    CHECK(wrong == 0, "one of %d listens, and is reached: wrong %d times (%d)", RACERS, wrong,
          last);
}

static void test_nothing_left(void)
{
    struct unix_socket local = {.path = ""};
    struct problem problem;
    int fd;

    leave_stale_socket();
    CHECK(unix_socket_listen(&local, path, &fd, &problem) == OK, "a stale socket is replaced");
    CHECK(is_reached(), "by one that is reached");
    unix_socket_remove(&local);
    (void)close(fd);
    CHECK(rmdir(directory) == 0, "and nothing is left in its folder");
}

int main(void)
{
    if (mkdtemp(directory) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    test_race();
    test_nothing_left();
    return tap_done();
}
