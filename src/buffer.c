/*
 * Owns the memory that messages pass through. Must never hand out a byte that is not zero or its
 * owner's.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "buffer.h"

#include <string.h>
#include <sys/mman.h>

enum kith_error buffer_make(struct buffer *buffer, size_t size)
{
    /* Mapped, not from the heap: pages that are never touched cost nothing, and all go back. */
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *buffer = (struct buffer){0};
    if (bytes == MAP_FAILED)
        return ERR_MEMORY;
    buffer->bytes = bytes;
    buffer->size = size;
    return OK;
}

void buffer_free(struct buffer *buffer)
{
    /* The kernel zeroes the pages before anybody else sees them. */
    if (buffer->bytes != NULL)
        (void)munmap(buffer->bytes, buffer->size);
    *buffer = (struct buffer){0};
}

void buffer_compact(struct buffer *buffer)
{
    size_t held = buffer->end - buffer->start;

    if (buffer->start == 0)
        return;
    if (held > 0)
        memmove(buffer->bytes, buffer->bytes + buffer->start, held);
    buffer->start = 0;
    buffer->end = held;
}
