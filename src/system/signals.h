/*
 * Signals as something that poll can wait for.
 */
#ifndef KITH_SIGNALS_H
#define KITH_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * For every command, whatever state it was started in: no signal is blocked, our children are ours
 * to wait for, and a pipe that breaks or a file that grows too large is an error, not our end. As
 * the first process of a container, whom signals do not end by themselves, we end by them all the
 * same. Those that would end us and are ignored remain so, here and below.
 */
void signals_prepare(void);

/*
 * For a pipe between a program's ends: ssh closes them, sends SIGHUP to its ProxyCommand, and the
 * channel needs a moment then to end well. After two seconds the signal has its way; at once, if it
 * comes from anybody but the process that started us in its own group, or one of the standard input
 * and output is still held at the other side: then whoever writes there may be cut short by the
 * same signal. One that is ignored, as under nohup, remains so.
 */
void signals_linger_on_hangup(void);

/*
 * For a child that becomes the program of --run: the signals are as we were started with them,
 * those that are ignored and those that are blocked.
 */
void signals_give_back(void);

/*
 * For a child that becomes a program: it is killed when its parent is gone, where the system can do
 * that; at once, for nobody is left who would wait and insist. False if that is gone already.
 */
bool signals_end_with(pid_t parent);

/* For a child that becomes a program: no signal is handled or ignored; and none is blocked. */
void signals_reset(void);
void signals_unblock(void);

/*
 * For what is not to be left half done, and is over soon: no signal comes meanwhile. Then it is as
 * it was before, and what has come in between has its way. errno stays.
 */
void signals_hold(sigset_t *before);
void signals_let_go(const sigset_t *before);

/* For a helper: the signals of a terminal and of a supervisor are for its parent. */
void signals_ignore(void);

/*
 * For a daemon that is not ready yet: SIGHUP and SIGUSR1, which it answers once it is, are noted
 * until then instead of ending it.
 */
void signals_expect(void);

/*
 * For daemons: from here on these signals are noted instead of doing what they do: SIGINT,
 * SIGTERM, SIGHUP, SIGUSR1, SIGCHLD. Returns the descriptor to poll, or -1 with errno. A second
 * SIGINT or SIGTERM ends us three seconds later, whether it is answered or not.
 */
int signals_start(void);

/*
 * For who has something to say before it ends: SIGINT and SIGTERM are noted, as signals_start has
 * it, until signals_watch_no_more, after which they do as they did before; one that came in between
 * is still to be taken by signals_next. Returns the descriptor to poll; -1 if there is none, and
 * then they do what they do.
 */
int signals_watch_ends(void);
void signals_watch_no_more(void);

/* For a thread that is not the main one: what signals_start has noted does not interrupt it. */
void signals_leave_to_main(void);

/*
 * A signal that has come, or 0: SIGINT and SIGTERM as often as they came, the others once, however
 * often.
 */
int signals_next(void);

/* Note one of them as if it had come. Fine in a handler, and in any thread. */
void signals_note(int number);

/* Only wake who polls, to look again. Fine as that. */
void signals_wake(void);

/*
 * From here on all that somebody sends us is noted, to be passed on to a program in our process
 * group: SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, but those that were ignored at the
 * start. What a terminal sends has reached the program already, and means nothing to us; nor does
 * it stop us that another group has the terminal. Or not so any longer.
 */
void signals_pass_on(bool passes);

/* Give a signal its usual effect again, and end by it. */
_Noreturn void signals_end_by(int number);

#endif
