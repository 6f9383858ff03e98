/*
 * Signals as something that poll can wait for.
 */
#ifndef KITH_SIGNALS_H
#define KITH_SIGNALS_H

#include <stdbool.h>

/*
 * For every command: a pipe that breaks is an error, not our end; and as the first process of a
 * container, whom signals do not end by themselves, we end by them all the same.
 */
void signals_prepare(void);

/*
 * For a pipe that a program uses: ssh sends SIGHUP to its ProxyCommand as it closes its ends, and
 * the channel needs a moment then to end well. After two seconds the signal has its way. One that
 * is ignored, as under nohup, remains so.
 */
void signals_linger_on_hangup(void);

/* For the keeper: the signals of a terminal and of a supervisor are for its parent. */
void signals_ignore(void);

/*
 * For daemons: from here on these signals are written to a pipe instead of doing what they do:
 * SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD. Returns the descriptor to poll, or -1 with errno.
 */
int signals_start(void);

/* The next signal that has come, or 0. */
int signals_next(void);

/* Give a signal its usual effect again, and end by it. */
_Noreturn void signals_end_by(int number);

#endif
