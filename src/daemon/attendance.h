/*
 * Whether somebody who calls by himself is there: who has been without a channel for a while is
 * lost, which is said once, and once when he is there again. One that is replaced is no loss. Pure.
 */
#ifndef KITH_ATTENDANCE_H
#define KITH_ATTENDANCE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is somebody who has not called yet. */
struct attendance {
    bool was_there;
    bool is_lost;
    int64_t absent_ms; /* since when there has been no channel, or 0 */
};

enum attendance_news { NEWS_NONE, NEWS_CAME, NEWS_LOST, NEWS_CAME_BACK };

/* Note whether there is a channel now: what is to be said of that. */
enum attendance_news attendance_note(struct attendance *attendance, bool there, int64_t now_ms);

/* When to look again, if nothing else happens. */
int64_t attendance_due_ms(const struct attendance *attendance);

#endif
