/*
 * The CMD of --via: what the shell gets of it, once it is known where to.
 */
#ifndef KITH_VIA_H
#define KITH_VIA_H

#include <stdbool.h>

/* Whether each % in CMD is one of %h, %p and %%. */
bool via_is_command(const char *command);

/*
 * Whether a host or a port may stand in a command line: of letters, digits and ._:%- alone, which
 * a shell takes for nothing but themselves, and not like an option.
 */
bool via_is_plain(const char *text);

/*
 * CMD with the host and the port in their places, for sh -c, and with "exec" before it if it is one
 * program. NULL with errno: EINVAL if one of the
 * three is not as above, or ENOMEM. To be freed.
 */
char *via_expand(const char *command, const char *host, const char *port);

#endif
