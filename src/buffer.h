/*
 * The large buffers of a channel. Their memory is the kernel's until it is touched.
 */
#ifndef KITH_BUFFER_H
#define KITH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct buffer {
    uint8_t *bytes; /* size of them, or NULL */
    size_t size;
    size_t start; /* what is held is from start ... */
    size_t end;   /* ... to end */
};

/* Make one of size bytes, empty. ERR_MEMORY. */
must_check enum kith_error buffer_make(struct buffer *buffer, size_t size);

/* Give it back to the kernel; fine on zeroed memory, and twice. */
void buffer_free(struct buffer *buffer);

/* Move what is held to the front. */
void buffer_compact(struct buffer *buffer);

#endif
