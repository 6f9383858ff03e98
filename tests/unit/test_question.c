/*
 * Questions to a helper, whose end of the line is ours here: no descriptor is left of one, however
 * it went, and none is waited for beyond its deadline.
 */
#include "helpers/question.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "folder.h"
#include "tap.h"

#define LIMIT_MS 20000
#define OPEN names_in("/proc/self/fd") /* descriptors, and one more each time */
#define FULL_MOST 10000                /* more questions than a line can hold */

static struct helper helper;
static int line; /* the helper's end */
static int open_before;

static void begin(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
        exit(1);
    helper = (struct helper){ends[0], -1};
    line = ends[1];
    open_before = OPEN;
}

static void end(void)
{
    CHECK(OPEN == open_before, "no descriptor is left");
    (void)close(helper.line);
    (void)close(line);
}

/* The next question, as the helper takes it. */
static int take(char text[static 8])
{
    int fd;
    size_t len = question_receive(line, text, 7, &fd, 1, clock_deadline_ms(LIMIT_MS));

    text[len] = '\0';
    return fd;
}

static void test_answer(void)
{
    char question[8], answer[8] = "";
    int asked, fd;

    begin();
    asked = question_ask(&helper, "who?", 4);
    CHECK(asked >= 0 && question_take(asked, answer, 8) == -1 && errno == EAGAIN, "it is asked");
    fd = take(question);
    CHECK(fd >= 0 && strcmp(question, "who?") == 0, "that is heard, with a descriptor");
    question_answer(fd, "me", 2);
    CHECK(question_take(asked, answer, 8) == 2 && memcmp(answer, "me", 2) == 0, "and answered");
    CHECK(question_take(asked, answer, 8) == 0, "once");
    (void)close(asked);
    asked = question_ask(&helper, "who?", 4);
    (void)close(take(question));
    CHECK(question_take(asked, answer, 8) == 0, "a helper that ends is no answer, at once");
    (void)close(asked);
    end();
}

/* More than a question of this helper has. */
static void test_passed(void)
{
    char question[8];
    int ends[2], passed[QUESTION_PASSED_MAX];

    begin();
    if (!descriptor_pipe_nonblocking(ends))
        exit(1);
    for (size_t i = 0; i < QUESTION_PASSED_MAX; i++)
        passed[i] = ends[1];
    CHECK(question_send(&helper, "all", 3, passed, QUESTION_PASSED_MAX), "several are passed");
    (void)close(ends[1]);
    (void)close(take(question));
    CHECK(read(ends[0], question, 1) == 0, "of which those too many are closed");
    (void)close(ends[0]);
    CHECK(question_send(&helper, "none", 4, passed, 0), "or none");
    CHECK(take(question) == -1, "which is then none");
    end();
}

/* As many questions as a line holds: how many. */
static size_t fill(void)
{
    size_t count = 0;
    int asked;

    while (count < FULL_MOST && (asked = question_ask(&helper, "more", 4)) >= 0) {
        (void)close(asked);
        count++;
    }
    return count;
}

/* The helper goes on, after a while: it has one question after the other. */
static void *live(void *count)
{
    char question[8];
    bool last = false;

    for (size_t i = 0; i <= *(const size_t *)count && !last; i++) {
        int fd = take(question);

        last = strcmp(question, "last") == 0;
        question_answer(fd, last ? "done" : "", last ? 4 : 0);
    }
    return NULL;
}

/* Who waits at the line hears that it has ended. */
static void end_line(int number)
{
    (void)number;
    (void)shutdown(line, SHUT_RDWR);
}

static void test_full(void)
{
    pthread_t thread;
    char answer[4];
    size_t count;

    begin();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGALRM, end_line);
    (void)alarm(LIMIT_MS / 1000 / 4);
    count = fill();
    (void)alarm(0);
    CHECK(count > 0 && count < FULL_MOST && (errno == EAGAIN || errno == EWOULDBLOCK),
          "a line that is full is not waited for");
    CHECK(!question_settle(&helper, "late", 4, answer, 4, clock_deadline_ms(20)) &&
              errno == ETIMEDOUT,
          "or to its deadline");
    if (pthread_create(&thread, NULL, live, &count) != 0)
        exit(1);
    CHECK(question_settle(&helper, "last", 4, answer, 4, clock_deadline_ms(LIMIT_MS)) &&
              memcmp(answer, "done", 4) == 0,
          "until there is room, and then for the answer");
    (void)pthread_join(thread, NULL);
    end();
}

static void test_settle(void)
{
    pthread_t thread;
    char answer[5], question[8];
    size_t none = 0;

    begin();
    CHECK(!question_settle(&helper, "late", 4, answer, 4, clock_deadline_ms(20)) &&
              errno == ETIMEDOUT,
          "an answer that does not come is given up");
    (void)close(take(question));
    if (pthread_create(&thread, NULL, live, &none) != 0)
        exit(1);
    CHECK(!question_settle(&helper, "last", 4, answer, 5, clock_deadline_ms(LIMIT_MS)) &&
              errno == EPROTO,
          "one that is cut is none");
    (void)pthread_join(thread, NULL);
    end();
}

int main(void)
{
    test_answer();
    test_passed();
    test_full();
    test_settle();
    return tap_done();
}
