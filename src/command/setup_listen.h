/*
 * Where a command listens, as its command line has it, and what is said of that.
 */
#ifndef KITH_SETUP_LISTEN_H
#define KITH_SETUP_LISTEN_H

#include "base/error.h"
#include "command/setup.h"
#include "net/address.h"
#include "net/listen.h"

/*
 * For daemons: take the sockets that a supervisor passes for that many places, which are then
 * listened on in the place of an address. None, if there is no such supervisor. What is wrong is
 * logged.
 */
must_check enum kith_error setup_take_listeners(const struct setup *setup, struct listeners *list,
                                                size_t places);

/* Listen at the address, unless it has listeners. What is wrong is logged. */
must_check enum kith_error setup_listen(struct setup *setup, const struct address *address,
                                        enum listen_scope scope, struct listeners *listeners);

/*
 * Read an address that stands on the command line. ERR_USAGE, which is logged with what is wrong.
 */
must_check enum kith_error setup_parse_address(struct address *address,
                                               const struct options *options, const char *text,
                                               enum address_form form);

/*
 * What is to be dialed to come to the listeners: the host as it was asked for, unless a supervisor
 * has chosen, and this machine's name if it is none in particular. False at a UNIX socket.
 */
bool setup_find_dialed(struct address *address, const struct setup *setup,
                       const struct listeners *listeners, const struct address *asked);

/* What to do about that name, which goes into it. */
#define SETUP_HOST_HINT "%s is what this machine calls itself: put what it is reached by from there"

/*
 * On a terminal, show the line that a peer types to call us: kith, these words (dial, say), who and
 * where we are, and what follows that.
 */
void setup_announce(const struct setup *setup, const struct listeners *listeners,
                    const struct address *asked, const char *words, const char *ending);

/* Say that a program that callers are to be joined to is not there yet, if an obstacle is known. */
void setup_warn_of_program(const struct options *options, const char *program,
                           const char *obstacle);

/* Say what a UNIX socket as an end of channels cannot do, if the address is one (see
 * stream/hold.h). */
void setup_warn_of_path(const struct options *options, const char *address);

#endif
