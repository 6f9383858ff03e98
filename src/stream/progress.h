/*
 * The line of --progress: amount, rate, time, and what is left when the size is known; on a
 * terminal again and again, as JSON once a second, and at the end.
 */
#ifndef KITH_PROGRESS_H
#define KITH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t begun_us;
    int64_t due_ms; /* when the line is shown next */
    uint64_t size;  /* of a file on stdin, or 0 */
    bool on_terminal;
    bool json; /* an object a line, for programs */
};

/* Begin now; the size is asked of descriptor in (-1 for none). */
void progress_begin(struct progress *progress, int in, bool json);

/* A pump_progress (stream/pump.h) whose context is a struct progress. */
int64_t progress_show(void *context, uint64_t sent, uint64_t received);

/* The last line. */
void progress_end(const struct progress *progress, uint64_t sent, uint64_t received);

#endif
