/*
 * The values of options, each by its kind. False for a text that is none.
 */
#ifndef KITH_OPTION_VALUES_H
#define KITH_OPTION_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number of bytes and K, M or G (1024), from 1 to most. */
bool value_size(const char *text, size_t most, size_t *out);

/* A number from least to most. */
bool value_number(const char *text, size_t least, size_t most, size_t *out);

/* A duration from least to most. */
bool value_duration(const char *text, int64_t least_ms, int64_t most_ms, int64_t *out_ms);

/* A descriptor that is open for writing. */
bool value_descriptor(const char *text, int *out);

/* One of two words: true for the first. */
bool value_choice(const char *text, const char *yes, const char *no, bool *out);

#endif
