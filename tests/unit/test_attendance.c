/*
 * attendance: who calls by himself is said to have come, to be lost and to be there again, once
 * each, and not where one channel takes the place of another.
 */
#include "daemon/attendance.h"

#include "base/clock.h"
#include "tap.h"

#define BEGIN_MS 1000

int main(void)
{
    struct attendance attendance = {.was_there = false};
    int64_t now_ms = BEGIN_MS;

    CHECK(attendance_note(&attendance, false, now_ms) == NEWS_NONE &&
              attendance_due_ms(&attendance) == NEVER_MS,
          "who has never been there is not lost");
    CHECK(attendance_note(&attendance, false, now_ms + 100000) == NEWS_NONE, "however long");
    CHECK(attendance_note(&attendance, true, now_ms) == NEWS_CAME, "who comes has come");
    CHECK(attendance_note(&attendance, true, now_ms) == NEWS_NONE, "once");
    CHECK(attendance_note(&attendance, false, now_ms) == NEWS_NONE &&
              attendance_due_ms(&attendance) == now_ms + 3000,
          "who leaves is looked for in three seconds");
    CHECK(attendance_note(&attendance, false, now_ms + 2999) == NEWS_NONE &&
              attendance_note(&attendance, true, now_ms + 2999) == NEWS_NONE &&
              attendance_due_ms(&attendance) == NEVER_MS,
          "replaced within those he was not lost");
    now_ms += 10000;
    CHECK(attendance_note(&attendance, false, now_ms) == NEWS_NONE &&
              attendance_note(&attendance, false, now_ms + 3000) == NEWS_LOST,
          "who does not come again is lost");
    CHECK(attendance_note(&attendance, false, now_ms + 9000) == NEWS_NONE &&
              attendance_due_ms(&attendance) == NEVER_MS,
          "once, and nobody looks any more");
    CHECK(attendance_note(&attendance, true, now_ms + 9000) == NEWS_CAME_BACK, "he is back");
    CHECK(attendance_note(&attendance, true, now_ms + 9000) == NEWS_NONE, "once");
    return tap_done();
}
