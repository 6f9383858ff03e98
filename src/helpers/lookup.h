/*
 * The lookup: a process of its own that resolves names for one that is confined, and so may read
 * no file and ask nobody. It has no key and no connection.
 */
#ifndef KITH_LOOKUP_H
#define KITH_LOOKUP_H

/*
 * Fork it; resolve() asks it from here on. It ends when we do. Before any thread, and before this
 * process is confined. What fails is logged: without it, what needs it says so.
 */
void lookup_start(void);

#endif
