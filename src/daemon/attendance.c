/*
 * Owns when somebody who calls is lost. Must never say so twice of one loss.
 */
#include "daemon/attendance.h"

#include "base/clock.h"

#define LOST_MS 3000 /* without a channel: who has left calls again after a second */

static enum attendance_news come(struct attendance *attendance)
{
    bool was_there = attendance->was_there, was_lost = attendance->is_lost;

    *attendance = (struct attendance){.was_there = true};
    if (was_lost)
        return NEWS_CAME_BACK;
    return was_there ? NEWS_NONE : NEWS_CAME;
}

enum attendance_news attendance_note(struct attendance *attendance, bool there, int64_t now_ms)
{
    if (there)
        return come(attendance);
    if (!attendance->was_there || attendance->is_lost)
        return NEWS_NONE;
    if (attendance->absent_ms == 0)
        attendance->absent_ms = now_ms;
    if (now_ms < attendance->absent_ms + LOST_MS)
        return NEWS_NONE;
    attendance->is_lost = true;
    return NEWS_LOST;
}

int64_t attendance_due_ms(const struct attendance *attendance)
{
    bool waits = attendance->absent_ms != 0 && !attendance->is_lost;

    return waits ? attendance->absent_ms + LOST_MS : NEVER_MS;
}
