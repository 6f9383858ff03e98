/*
 * Owns the memory that messages pass through. Must never hand out a byte that is not zero or its
 * owner's.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "stream/buffer.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/crypto.h"

#define BUFFER_BYTES ((size_t)512 << 10) /* plaintext, measured best (bench/README) */
#define PAGE ((size_t)4096)              /* a multiple of it is as good where pages are larger */

/*
 * Short connections come and go by the hundred: for them, a few buffers that little has been
 * written to are kept. To map and unmap one takes longer than to wipe it, as every processor that
 * runs a thread of ours has to be told.
 */
#define SPARES_MAX 32
#define SPARE_TOUCHED_MAX ((size_t)16 << 10)

static struct {
    pthread_mutex_t lock;
    uint8_t *bytes[SPARES_MAX];
    size_t size; /* of each */
    size_t count;
} spares = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint8_t *take_spare(size_t size)
{
    uint8_t *bytes = NULL;

    (void)pthread_mutex_lock(&spares.lock);
    if (spares.count > 0 && spares.size == size)
        bytes = spares.bytes[--spares.count];
    (void)pthread_mutex_unlock(&spares.lock);
    return bytes;
}

static bool keep_spare(uint8_t *bytes, size_t size)
{
    bool kept;

    (void)pthread_mutex_lock(&spares.lock);
    if (spares.count == 0)
        spares.size = size;
    kept = spares.size == size && spares.count < SPARES_MAX;
    if (kept)
        spares.bytes[spares.count++] = bytes;
    (void)pthread_mutex_unlock(&spares.lock);
    return kept;
}

enum kith_error buffer_make(struct buffer *buffer, size_t size)
{
    void *bytes;

    *buffer = (struct buffer){0};
    size = (size + PAGE - 1) / PAGE * PAGE;
    bytes = take_spare(size);
    /* Mapped, not from the heap: pages that are never touched cost nothing, and all go back. */
    if (bytes == NULL)
        bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return ERR_MEMORY;
    buffer->bytes = bytes;
    buffer->size = size;
    return OK;
}

size_t buffer_size_for(size_t frame_size)
{
    size_t least = 2 * frame_size;

    return (least > BUFFER_BYTES ? least : BUFFER_BYTES) +
           PAGE; /* for what is around the plaintext */
}

void buffer_free(struct buffer *buffer)
{
    bool kept = false;

    if (buffer->bytes == NULL)
        return;
    if (buffer->touched <= SPARE_TOUCHED_MAX) {
        crypto_wipe(buffer->bytes, buffer->touched);
        kept = keep_spare(buffer->bytes, buffer->size);
    }
    /* The kernel zeroes the pages before anybody else sees them. */
    if (!kept)
        (void)munmap(buffer->bytes, buffer->size);
    *buffer = (struct buffer){0};
}

void buffer_extend(struct buffer *buffer, size_t len)
{
    buffer->end += len;
    if (buffer->end > buffer->touched)
        buffer->touched = buffer->end;
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

void buffer_give_back(struct buffer *buffer)
{
    if (buffer->touched == 0 || buffer->start != buffer->end)
        return;
    crypto_wipe(buffer->bytes, buffer->touched); /* not every system zeroes what it takes */
    (void)madvise(buffer->bytes, buffer->touched, MADV_DONTNEED);
    buffer->touched = 0;
}
