/*
 * The programs at both ends of what is measured, so that no peer is measured through its own:
 *
 *     client target PORT                  the server behind a forwarder, for all of the below
 *     client sink PORT                    take one connection, drop what comes, end with it
 *     client upload PORT STREAMS BYTES    send so much through each stream: seconds
 *     client download PORT STREAMS BYTES  receive it
 *     client pingpong PORT COUNT          64-byte round trips: their median and 99th percentile, us
 *     client openings PORT COUNT          connect, a byte each way: median and 99th percentile, us
 *     client connects PORT CLIENTS COUNT  connect, a byte each way, close: connections a second
 *     client requests PORT CLIENTS COUNT  COUNT round trips in each, one thread: a second
 *     client idle PORT COUNT              open connections, say "ready", keep them until stdin ends
 *     client busy PORT COUNT              the same, and data runs both ways in all of them
 *
 * All on loopback. A connection's first byte tells the target what it is for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ECHO 'E' /* what comes is sent back */
#define TAKE 'T' /* what comes is dropped; at its end, a byte says so */
#define GIVE 'G' /* eight bytes follow: how much to send */

#define BLOCK ((size_t)128 << 10)
#define PING 64
#define STACK ((size_t)64 << 10)
#define EVENTS 256

static uint16_t port;

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static void die(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct sockaddr_in at_port(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int call(void)
{
    struct sockaddr_in address = at_port();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void send_all(int fd, const void *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, (const char *)bytes + sent, len - sent, MSG_NOSIGNAL);

        if (n <= 0)
            die("send");
        sent += (size_t)n;
    }
}

static void receive_all(int fd, void *bytes, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, (char *)bytes + got, len - got, 0);

        if (n <= 0)
            die("receive");
        got += (size_t)n;
    }
}

static pthread_t in_thread(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&thread, &attributes, run, argument) != 0)
        die("thread");
    return thread;
}

/* ---- The target ---- */

static void *serve_bulk(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char *block = calloc(1, BLOCK);
    uint64_t left;
    char kind;

    receive_all(fd, &kind, 1);
    if (kind == GIVE) {
        receive_all(fd, &left, sizeof(left));
        for (size_t part; left > 0; left -= part) {
            part = left < BLOCK ? left : BLOCK;
            send_all(fd, block, part);
        }
    } else {
        while (recv(fd, block, BLOCK, 0) > 0)
            ;
        (void)send(fd, "!", 1, MSG_NOSIGNAL);
    }
    free(block);
    close(fd);
    return NULL;
}

/* Something came: echo it, or find that a thread is wanted. */
static void serve_ready(int poll, int fd)
{
    static char block[BLOCK];
    char kind = 0;

    if (recv(fd, &kind, 1, MSG_PEEK) == 1 && (kind == TAKE || kind == GIVE)) {
        epoll_ctl(poll, EPOLL_CTL_DEL, fd, NULL);
        pthread_detach(in_thread(serve_bulk, (void *)(intptr_t)fd));
        return;
    }
    ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

    if (n > 0)
        n = send(fd, block, (size_t)n, MSG_NOSIGNAL);
    if (n <= 0)
        close(fd);
}

static int listen_at_port(int flags)
{
    struct sockaddr_in address = at_port();
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    int one = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

static void sink(void)
{
    static char block[BLOCK];
    int fd = accept(listen_at_port(0), NULL, NULL);

    while (recv(fd, block, sizeof(block), 0) > 0)
        ;
}

static void target(void)
{
    struct epoll_event ready[EVENTS];
    int listener = listen_at_port(SOCK_NONBLOCK);
    int poll = epoll_create1(0);
    int one = 1;

    ready[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &ready[0]);
    for (;;) {
        int count = epoll_wait(poll, ready, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;

            if (fd != listener) {
                serve_ready(poll, fd);
                continue;
            }
            while ((fd = accept(listener, NULL, NULL)) >= 0) {
                struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}

/* ---- Those that call ---- */

static uint64_t bytes_each;
static int turns_each;

static void *upload(void *unused)
{
    char *block = calloc(1, BLOCK);
    uint64_t left = bytes_each;
    int fd = call();

    (void)unused;
    block[0] = TAKE;
    while (left > 0) {
        size_t part = left < BLOCK ? left : BLOCK;

        send_all(fd, block, part);
        left -= part;
    }
    shutdown(fd, SHUT_WR);
    receive_all(fd, block, 1);
    free(block);
    close(fd);
    return NULL;
}

static void *download(void *unused)
{
    char *block = calloc(1, BLOCK);
    uint64_t got = 0;
    int fd = call();

    (void)unused;
    block[0] = GIVE;
    memcpy(block + 1, &bytes_each, sizeof(bytes_each));
    send_all(fd, block, 1 + sizeof(bytes_each));
    for (ssize_t n; got < bytes_each && (n = recv(fd, block, BLOCK, 0)) > 0;)
        got += (uint64_t)n;
    if (got < bytes_each)
        die("cut short");
    free(block);
    close(fd);
    return NULL;
}

static void *connects(void *unused)
{
    char byte = ECHO;

    (void)unused;
    for (int i = 0; i < turns_each; i++) {
        int fd = call();

        send_all(fd, &byte, 1);
        receive_all(fd, &byte, 1);
        close(fd);
    }
    return NULL;
}

static int call_in(int poll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = call()};

    epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
    return event.data.fd;
}

/* As programs do that ask for much at once: each connection asks again once it is answered. */
static void requests(int clients)
{
    struct epoll_event ready[EVENTS];
    char block[PING] = {ECHO};
    int poll = epoll_create1(0);
    long left = (long)clients * turns_each, asked = 0;
    double start = now();

    for (; asked < clients; asked++)
        send_all(call_in(poll), block, sizeof(block));
    for (long all = left; left > 0;) {
        int count = epoll_wait(poll, ready, EVENTS, -1);

        for (int i = 0; i < count; i++, left--) {
            receive_all(ready[i].data.fd, block, sizeof(block));
            if (asked++ < all)
                send_all(ready[i].data.fd, block, sizeof(block));
        }
    }
    printf("%.1f\n", clients * turns_each / (now() - start));
}

static double seconds_of(void *(*run)(void *), int count)
{
    pthread_t *threads = calloc((size_t)count, sizeof(*threads));
    double start = now();

    for (int i = 0; i < count; i++)
        threads[i] = in_thread(run, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return now() - start;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Their median and 99th percentile; the times are freed. */
static void print_times(double *times, int count)
{
    qsort(times, (size_t)count, sizeof(*times), by_size);
    printf("%.1f %.1f\n", times[count / 2], times[count * 99 / 100]);
    free(times);
}

static void openings(int count)
{
    double *times = calloc((size_t)count, sizeof(*times));
    char byte = ECHO;

    for (int i = -count / 10; i < count; i++) { /* those before 0 warm up */
        double start = now();
        int fd = call();

        send_all(fd, &byte, 1);
        receive_all(fd, &byte, 1);
        if (i >= 0)
            times[i] = (now() - start) * 1e6;
        close(fd);
    }
    print_times(times, count);
}

static void pingpong(int count)
{
    double *times = calloc((size_t)count, sizeof(*times));
    char ping[PING] = {ECHO};
    int fd = call();

    for (int i = -count / 10 - 10; i < count; i++) { /* those before 0 warm up */
        double start = now();

        send_all(fd, ping, sizeof(ping));
        receive_all(fd, ping, sizeof(ping));
        if (i >= 0)
            times[i] = (now() - start) * 1e6;
    }
    print_times(times, count);
}

_Noreturn static void *chatter(void *argument)
{
    static char block[BLOCK / 4] = {ECHO};
    char *back = malloc(sizeof(block));
    int fd = (int)(intptr_t)argument;

    for (;;) {
        send_all(fd, block, sizeof(block));
        receive_all(fd, back, sizeof(block));
    }
}

static void keep_open(int count, int busy)
{
    char byte = ECHO;

    for (int i = 0; i < count; i++) {
        int fd = call();

        send_all(fd, &byte, 1);
        receive_all(fd, &byte, 1);
        if (busy)
            pthread_detach(in_thread(chatter, (void *)(intptr_t)fd));
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    _exit(0);
}

int main(int count, char **arguments)
{
    const char *what = count > 2 ? arguments[1] : "";
    int many = count > 3 ? (int)number(arguments[3]) : 0;
    port = count > 2 ? (uint16_t)number(arguments[2]) : 0;
    bytes_each = count > 4 ? (uint64_t)number(arguments[4]) : 0;
    turns_each = (int)bytes_each;

    if (strcmp(what, "target") == 0)
        target();
    else if (strcmp(what, "sink") == 0)
        sink();
    else if (strcmp(what, "upload") == 0 && many > 0)
        printf("%.6f\n", seconds_of(upload, many));
    else if (strcmp(what, "download") == 0 && many > 0)
        printf("%.6f\n", seconds_of(download, many));
    else if (strcmp(what, "connects") == 0 && many > 0)
        printf("%.1f\n", many * turns_each / seconds_of(connects, many));
    else if (strcmp(what, "requests") == 0 && many > 0)
        requests(many);
    else if (strcmp(what, "openings") == 0 && many > 0)
        openings(many);
    else if (strcmp(what, "pingpong") == 0 && many > 0)
        pingpong(many);
    else if (strcmp(what, "idle") == 0)
        keep_open(many, 0);
    else if (strcmp(what, "busy") == 0)
        keep_open(many, 1);
    else
        return 2;
    return 0;
}
