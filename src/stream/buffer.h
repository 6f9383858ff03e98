/*
 * The large buffers of a channel. Their memory is the kernel's until it is touched. Safe for
 * threads, each with buffers of its own.
 */
#ifndef KITH_BUFFER_H
#define KITH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer {
    uint8_t *bytes; /* size of them, or NULL */
    size_t size;
    size_t start;   /* what is held is from start ... */
    size_t end;     /* ... to end */
    size_t touched; /* nothing has been written beyond */
};

/* Make one of size bytes or a little more, empty and all zero. ERR_MEMORY. */
must_check enum kith_error buffer_make(struct buffer *buffer, size_t size);

/*
 * The size of one for frames of up to that many bytes: of two, since one is filled while the other
 * waits, or of as many as there are in half a MiB, which are then one system call.
 */
size_t buffer_size_for(size_t frame_size);

/* Wipe it and give it away; fine on zeroed memory, and twice. */
void buffer_free(struct buffer *buffer);

/* len bytes have been written after what is held, and are held from here on. */
void buffer_extend(struct buffer *buffer, size_t len);

/* Move what is held to the front. */
void buffer_compact(struct buffer *buffer);

/* Give the memory of one that holds nothing back, until it is touched again. */
void buffer_give_back(struct buffer *buffer);

#endif
