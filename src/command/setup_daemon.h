/*
 * What daemons need beside what every command does that connects: a lookup, what becomes of files
 * that are read again, and the terms of what runs in them.
 */
#ifndef KITH_SETUP_DAEMON_H
#define KITH_SETUP_DAEMON_H

#include "base/error.h"
#include "calls/reception.h"
#include "command/setup.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"
#include "peers/admission.h"

/*
 * Before setup_confine: have a lookup, which names and the files of the run are asked of from
 * here on, also by a process that is not confined. What fails is logged.
 */
must_check enum kith_error setup_start_lookup(struct setup *setup, struct reload *reload);

/*
 * On SIGHUP, once the reload has the texts: who may call by those, or who is called, for each;
 * gone is set if the peers file is in order, and has no such name, for which this returns OK, too;
 * callee_end has to follow for each in any case, or another such call. Zeroed before the first. The
 * others are put into a set with their conditions. What is wrong is logged.
 */
must_check enum kith_error setup_choose_again(struct setup *setup, struct peers *chosen);
must_check enum kith_error setup_find_again(struct setup *setup, struct callee_again *found,
                                            struct peers *chosen);

/* Say that the files were read again, or that there are none. */
void setup_report_reload(const struct setup *setup, const char *which);

/* Or that for what is wrong nothing was changed, of one peer or of several. */
void setup_report_stays(const struct setup *setup, const char *which, bool several);

/* What the setup has for a daemon, and what the options say to it: what it is, is still to come. */
struct daemon_terms setup_daemon_terms(struct setup *setup, struct reload *reload);

/*
 * What holds for those who call a daemon at its first door, once its limits are set; its targets
 * and allow are still to come.
 */
struct reception_terms setup_reception_terms(const struct setup *setup, struct daemon *daemon,
                                             struct admission *admission);

#endif
