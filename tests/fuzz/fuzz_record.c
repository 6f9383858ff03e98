/*
 * Two sides of a kept channel that say what they may, in any order, with the records on their way
 * between them; and a peer that says anything at all. What one may say the other takes; a record
 * that is taken is spelt in one way only; nothing of a stream is ever taken for a record.
 *
 * A step is two bytes: what is done (act below) and by whom, and what goes with it.
 *
 * Targets: protocol/record.
 */
#include "fuzz.h"
#include "protocol/record.h"

#define ON_THE_WAY 8

enum act { ACT_SAY, ACT_HEAR, ACT_END_STREAM, ACT_HOSTILE };
#define ACTS 4

struct end {
    struct turn turn;
    uint8_t coming[ON_THE_WAY][RECORD_MAX]; /* to it, from first on */
    size_t lens[ON_THE_WAY];
    size_t first, count;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return 0;
}

static void make_record(struct record *record, uint8_t what)
{
    static const char *const names[] = {"", "db", "a.B_-9"};

    *record = (struct record){.type = (enum record_type)(RECORD_OPEN + what % 7)};
    record->reason = (enum record_reason)(REFUSED_TARGET + what / 7 % 3);
    if (record->type == RECORD_OPEN)
        memcpy(record->name, names[what / 7 % 3], strlen(names[what / 7 % 3]) + 1);
}

static void say(struct end *from, struct end *to, uint8_t what)
{
    size_t at = (to->first + to->count) % ON_THE_WAY;
    struct turn before = from->turn;
    struct record record;

    make_record(&record, what);
    if (to->count == ON_THE_WAY)
        return;
    if (turn_say(&from->turn, record.type) != OK) {
        demand(memcmp(&before, &from->turn, sizeof(before)) == 0);
        return;
    }
    demand(!before.closing && !before.speaking);
    to->lens[at] = record_write(to->coming[at], &record);
    to->count++;
}

/* What an honest side has said is taken, as soon as it is the other's turn to read. */
static void hear(struct end *to)
{
    struct record record;
    bool owed = turn_owes_answer(&to->turn);
    enum kith_error error;

    if (to->count == 0)
        return;
    error = turn_hear(&to->turn, &record, to->coming[to->first], to->lens[to->first]);
    if (owed) {
        demand(error == ERR_OUT_OF_ORDER);
        return;
    }
    demand(error == OK);
    to->first = (to->first + 1) % ON_THE_WAY;
    to->count--;
}

/* A stream that is whole is that at both sides. */
static void end_stream(struct end *one, struct end *other)
{
    if (one->turn.state != TURN_STREAM || other->turn.state != TURN_STREAM)
        return;
    turn_end_stream(&one->turn);
    turn_end_stream(&other->turn);
}

/* Anything at all, to one in the state of this one. */
static void attack(const struct end *to, struct input *input, uint8_t len)
{
    bool streams = to->turn.state == TURN_STREAM ||
                   (to->turn.state == TURN_ACCEPTED && to->turn.side == SIDE_OPENS);
    uint8_t bytes[UINT8_MAX], again[RECORD_MAX];
    struct turn turn = to->turn;
    struct record record;
    enum kith_error error;

    (void)take(input, bytes, len);
    error = turn_hear(&turn, &record, bytes, len);
    if (streams || turn_owes_answer(&to->turn))
        demand(error == ERR_OUT_OF_ORDER);
    if (error != OK || record.type == RECORD_NONE)
        return;
    demand(record_write(again, &record) == len && memcmp(again, bytes, len) == 0);
    demand(record_name_is_good(record.name, strlen(record.name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct end ends[2] = {{.turn = {.side = SIDE_OPENS}}, {.turn = {.side = SIDE_ACCEPTS}}};

    while (input.left > 0) {
        uint8_t step = take_byte(&input), what = take_byte(&input);
        struct end *one = &ends[step & 1], *other = &ends[1 - (step & 1)];

        switch ((enum act)(step / 2 % ACTS)) {
        case ACT_SAY:
            say(one, other, what);
            break;
        case ACT_HEAR:
            hear(one);
            break;
        case ACT_END_STREAM:
            end_stream(one, other);
            break;
        case ACT_HOSTILE:
            attack(one, &input, what);
            break;
        }
    }
    return 0;
}
