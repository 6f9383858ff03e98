/*
 * The table that getopt_long and --help are made of: every option stands in it once.
 */
#ifndef KITH_OPTION_TABLE_H
#define KITH_OPTION_TABLE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* How an option's value is read, and into what. */
enum option_kind {
    FLAG,
    COUNT,
    TEXT,
    DURATION,
    DEADLINE, /* a time that is not 0 */
    SIZE,
    RATE,
    LIMIT,
    KEPT_COUNT,
    PING,
    AGE,
    READY_ON,
    ADDRESS, /* in numbers */
    SOURCES,
    NAMED,
    NAMESPACE,
    DESCRIPTOR,
    FORMAT,
    PROGRESS,
    IPV4,
    IPV6,
    PROGRAM
};

struct option_spec {
    char letter; /* or 0 */
    const char *name;
    const char *value; /* what it takes; [=...] if it need not be given; or NULL */
    const char *help;
    unsigned commands;
    enum option_kind kind;
    size_t offset; /* of the field in struct options that it sets */
};

#define OPTIONS_MAX 96 /* there are fewer */

/* All of them, in the order of --help. */
const struct option_spec *option_table(size_t *count);

/* getopt's tables for one command. */
struct getopt_tables {
    char letters[2 * OPTIONS_MAX + 3];
    struct option names[OPTIONS_MAX + 1];
};
void option_table_for_getopt(struct getopt_tables *tables, unsigned command_bit);

/* Whether what getopt has found is a word of these tables, and no letter. */
bool option_is_word(int found);

/* The option that getopt has found, if the command has it; or NULL. */
const struct option_spec *option_find(int found, unsigned command_bit);

/* The option of the command that a word names, with its dashes: "-o" or "--output"; or NULL. */
const struct option_spec *option_named(struct text word, unsigned command_bit);

/* The bit of an option of the table in a set of them. */
uint64_t option_bit(const struct option_spec *spec);

/* Print the options of a command, one a line, to stdout. */
void option_table_print(unsigned command_bit);

#endif
