/*
 * Our side of a connection to what is tested: what we have to say, and how much of it is said; what
 * we have heard; and how a handshake's frames have to be read out of it, by an account of our own.
 */
#ifndef KITH_FUZZ_SIDE_H
#define KITH_FUZZ_SIDE_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "protocol/handshake.h"

#define WORDS_MAX 1024

struct side {
    int fd;                   /* or -1: we have left */
    uint8_t words[WORDS_MAX]; /* that we say, or have said */
    size_t len;
    size_t said;
    size_t taken; /* by the other side, once that was its turn */
    bool shut;    /* we say no more */
    uint8_t heard[WORDS_MAX];
    size_t heard_len;
    bool hung_up; /* the other side has */
};

/* What follows all that is to be said so far, as long as there is room. */
static inline void side_add(struct side *side, const void *words, size_t len)
{
    if (len > WORDS_MAX - side->len)
        return;
    memcpy(side->words + side->len, words, len);
    side->len += len;
}

/* A body as a frame. */
static inline void side_add_frame(struct side *side, struct input *changes, const uint8_t *body,
                                  size_t len)
{
    uint8_t frame[MESSAGE_2_FRAME_MAX + 1];

    demand(len <= sizeof(frame) - FRAME_HEADER_SIZE);
    store_u32be(frame, (uint32_t)len);
    memcpy(frame + FRAME_HEADER_SIZE, body, len);
    (void)change(changes, frame, FRAME_HEADER_SIZE + len);
    side_add(side, frame, FRAME_HEADER_SIZE + len);
}

/* Say so many bytes more of it. */
static inline void side_say(struct side *side, size_t most)
{
    size_t left = side->len - side->said;
    ssize_t n;

    if (side->fd < 0 || side->shut || left == 0)
        return;
    n = write(side->fd, side->words + side->said, most < left ? most : left);
    if (n > 0)
        side->said += (size_t)n;
}

static inline void side_shut(struct side *side)
{
    if (side->fd >= 0)
        (void)shutdown(side->fd, SHUT_WR);
    side->shut = true;
}

static inline void side_leave(struct side *side)
{
    if (side->fd >= 0)
        (void)close(side->fd);
    side->fd = -1;
    side->shut = true;
}

static inline void side_hear(struct side *side)
{
    ssize_t n;

    if (side->fd < 0)
        return;
    do {
        n = recv(side->fd, side->heard + side->heard_len, WORDS_MAX - side->heard_len,
                 MSG_DONTWAIT);
        if (n > 0)
            side->heard_len += (size_t)n;
    } while (n > 0);
    side->hung_up = side->hung_up || n == 0 || errno == ECONNRESET;
}

enum next { NEXT_AWAITED, NEXT_BAD, NEXT_HERE, NEXT_TOO_MUCH };

/*
 * What the other side has to find of a message of up to limit bytes: NEXT_TOO_MUCH if more came
 * with it, though it was not our turn. Once it is here, it is taken.
 */
static inline enum next side_next(struct side *side, size_t limit, const uint8_t **body,
                                  size_t *len)
{
    size_t here = side->said - side->taken, most = FRAME_HEADER_SIZE + limit;
    const uint8_t *frame = side->words + side->taken;

    if (here < FRAME_HEADER_SIZE)
        return NEXT_AWAITED;
    *body = frame + FRAME_HEADER_SIZE;
    *len = load_u32be(frame);
    if (*len == 0 || *len > limit)
        return NEXT_BAD;
    if (here < FRAME_HEADER_SIZE + *len)
        return NEXT_AWAITED;
    side->taken += here < most ? here : most;
    return here > FRAME_HEADER_SIZE + *len && *len < limit ? NEXT_TOO_MUCH : NEXT_HERE;
}

/* What comes after the handshake is still there, untouched, for whoever reads next. */
static inline bool side_rest_is_at(const struct side *side, int fd)
{
    uint8_t rest[WORDS_MAX];
    ssize_t n = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
    size_t len = side->said - side->taken;

    if (len == 0)
        return n <= 0;
    return n == (ssize_t)len && memcmp(rest, side->words + side->taken, len) == 0;
}

#endif
