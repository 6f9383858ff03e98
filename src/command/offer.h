/*
 * What serve offers: the targets of its command line, of which peers ask for one by its name.
 */
#ifndef KITH_OFFER_H
#define KITH_OFFER_H

#include <stdint.h>

#include "base/error.h"
#include "command/options.h"
#include "helpers/launcher.h"
#include "helpers/program_file.h"
#include "peers/target.h"
#include "system/sandbox.h"

#define OFFER_MAX 64 /* targets */

struct offer {
    const struct options *options;
    struct target list[OFFER_MAX];
    uint16_t ports[OFFER_MAX + 1]; /* of those that have one; and room for that of --call */
    struct targets all;            /* of the list, the unnamed one first */
    struct targets unnamed;        /* the first of them, or none */
    char *const *words[OFFER_MAX]; /* of the programs, for the helper that starts them */
    char *shells[OFFER_MAX]
                [PROGRAM_LINE_WORDS]; /* of those that are command lines: what runs them */
    struct programs programs;
};

/*
 * Read the arguments after the port, and --exec. What is wrong is logged. Must not move
 * afterwards.
 */
must_check enum kith_error offer_read(struct offer *offer, const struct options *options);

/* What it takes to reach them. */
struct sandbox_needs offer_needs(struct offer *offer);

/* How many descriptors one of them takes at most. */
size_t offer_descriptors(const struct offer *offer);

/* Say what those are joined to who use it, at a serve that is there; with this after it. */
void offer_announce(const struct offer *offer, const char *where, const char *who,
                    const char *after);

/*
 * How a peer comes to the first of them: the words of a command before who and where we are, and
 * what follows that.
 */
#define OFFER_WORDS_SIZE 32
void offer_say_how(const struct offer *offer, char words[static OFFER_WORDS_SIZE],
                   char ending[static TARGET_NAME_SIZE + 1]);

#endif
