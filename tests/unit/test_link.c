/*
 * The link, left in order by one who has said its last word: a peer that takes it slowly has all of
 * it, also one that goes on talking until it hears our end.
 */
#include "stream/link.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "tap.h"

#define LIMIT_S 60
#define MESSAGE 100
#define LAST_WORDS (256 << 10) /* more than the peer's socket holds, less than ours */
#define BYTES_PER_MS 20

/* Two ends of a connection, of which one sends much at once, and the other takes little. */
static bool connected(int ends[static 2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), much = LAST_WORDS, little = 4096;
    bool good;

    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    good = bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0 &&
           getsockname(listener, (struct sockaddr *)&at, &len) == 0 &&
           setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) == 0 &&
           connect(ends[1], (struct sockaddr *)&at, len) == 0 &&
           (ends[0] = accept(listener, NULL, NULL)) >= 0 &&
           setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &much, sizeof(much)) == 0;
    (void)close(listener);
    return good && descriptor_set_nonblocking(ends[0]);
}

/*
 * The peer: for longer than one who takes nothing has, it reads a little now and then, and talks
 * all the while, so that there is always something to hear from it.
 */
static bool takes_slowly(int fd)
{
    const struct session_keys keys = {.send = {2}, .receive = {1}};
    const struct timespec pause = {.tv_nsec = 200000};
    int64_t start_ms = clock_now_ms(), until_ms = start_ms + LINK_PATIENCE_MS + 300;
    struct channel its; /* made here: no key is left to a process that is forked */
    uint8_t frame[MESSAGE + FRAME_OVERHEAD], bytes[4096];
    size_t heard = 0;
    ssize_t got = 1;

    if (channel_start(&its, &keys, MESSAGE) != OK)
        return false;
    while (got > 0 && clock_now_ms() < until_ms) {
        memset(frame, 0, sizeof(frame));
        if (channel_seal(&its, frame + FRAME_HEADER_SIZE, MESSAGE, frame) != OK ||
            write(fd, frame, sizeof(frame)) != (ssize_t)sizeof(frame))
            return false;
        if (heard < (size_t)(clock_now_ms() - start_ms) * BYTES_PER_MS) {
            got = read(fd, bytes, sizeof(bytes));
            heard += got > 0 ? (size_t)got : 0;
        }
        (void)nanosleep(&pause, NULL);
    }
    while ((got = read(fd, bytes, sizeof(bytes))) > 0)
        heard += (size_t)got;
    channel_wipe(&its);
    return heard == LAST_WORDS;
}

static void test_slow_talker(void)
{
    static const char words[LAST_WORDS];
    struct session_keys keys = {.send = {1}, .receive = {2}};
    struct link ours;
    int ends[2] = {-1, -1}, status = -1;
    pid_t peer;

    CHECK(connected(ends) && link_start(&ours, transport_socket(ends[0]), &keys, MESSAGE) == OK &&
              link_make_room(&ours) == OK &&
              write(ends[0], words, sizeof(words)) == (ssize_t)sizeof(words),
          "a link whose last words its socket holds");
    peer = fork();
    if (peer == 0)
        _exit(close(ends[0]) == 0 && takes_slowly(ends[1]) ? 0 : 1);
    (void)close(ends[1]);
    CHECK(link_part(&ours) == OK, "is left in order");
    link_close(&ours);
    (void)close(ends[0]);
    CHECK(waitpid(peer, &status, 0) == peer && status == 0,
          "once a peer that talks has taken them all");
}

int main(void)
{
    (void)alarm(LIMIT_S);
    (void)signal(SIGPIPE, SIG_IGN);
    CHECK(crypto_start() == OK, "libcrypto");
    test_slow_talker();
    return tap_done();
}
