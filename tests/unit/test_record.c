/*
 * Kept channels: each record in its form, each in every state of each side, and two sides that do
 * whatever they may, in every order: what one may say, the other takes.
 */
#include "protocol/record.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static enum kith_error read_text(struct record *record, const char *bytes, size_t len)
{
    return record_read(record, (const uint8_t *)bytes, len);
}

static const struct form {
    const char *bytes;
    size_t len;
    enum record_type type; /* RECORD_NONE for what is no record */
    const char *name;
    int reason;
} forms[] = {
    {"\1", 1, RECORD_OPEN, "", 0},
    {"\1db", 3, RECORD_OPEN, "db", 0},
    {"\1a.B_-9", 7, RECORD_OPEN, "a.B_-9", 0},
    {"\0015432x", 6, RECORD_OPEN, "5432x", 0},
    {"\0015432", 5, RECORD_NONE, "", 0},
    {"\1d b", 4, RECORD_NONE, "", 0},
    {"\1d\0b", 4, RECORD_NONE, "", 0},
    {"\1d/b", 4, RECORD_NONE, "", 0},
    {"\1d\xc3\xa9", 4, RECORD_NONE, "", 0},
    {"\2", 1, RECORD_ACCEPT, "", 0},
    {"\2\1", 2, RECORD_NONE, "", 0},
    {"\3\1", 2, RECORD_REFUSE, "", REFUSED_TARGET},
    {"\3\2", 2, RECORD_REFUSE, "", REFUSED_UNREACHED},
    {"\3\3", 2, RECORD_REFUSE, "", REFUSED_ROOM},
    {"\3", 1, RECORD_NONE, "", 0},
    {"\3\0", 2, RECORD_NONE, "", 0},
    {"\3\4", 2, RECORD_NONE, "", 0},
    {"\3\1\1", 3, RECORD_NONE, "", 0},
    {"\4", 1, RECORD_BEGIN, "", 0},
    {"\5", 1, RECORD_CLOSE, "", 0},
    {"\6", 1, RECORD_PING, "", 0},
    {"\7", 1, RECORD_PONG, "", 0},
    {"\7\7", 2, RECORD_NONE, "", 0},
    {"", 0, RECORD_NONE, "", 0},
    {"\0", 1, RECORD_NONE, "", 0},
    {"\x8", 1, RECORD_NONE, "", 0},
    {"\xff", 1, RECORD_NONE, "", 0},
};

static void test_forms(void)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct record record;
        uint8_t again[RECORD_MAX];
        enum kith_error error = read_text(&record, forms[i].bytes, forms[i].len);

        if (forms[i].type == RECORD_NONE) {
            CHECK(error == ERR_RECORD && record.type == RECORD_NONE, "case %zu is no record", i);
            continue;
        }
        CHECK(error == OK && record.type == forms[i].type &&
                  strcmp(record.name, forms[i].name) == 0 && (int)record.reason == forms[i].reason,
              "case %zu is read", i);
        CHECK(record_write(again, &record) == forms[i].len &&
                  memcmp(again, forms[i].bytes, forms[i].len) == 0,
              "and written like that");
    }
}

static void test_name_length(void)
{
    char bytes[RECORD_MAX + 1];
    struct record record;

    memset(bytes, 'a', sizeof(bytes));
    bytes[0] = RECORD_OPEN;
    CHECK(read_text(&record, bytes, RECORD_MAX) == OK && strlen(record.name) == RECORD_NAME_MAX,
          "a name of %d bytes", RECORD_NAME_MAX);
    CHECK(read_text(&record, bytes, RECORD_MAX + 1) == ERR_RECORD, "one more is too many");
}

/* Have a turn hear or say one record of a type. */
static enum kith_error hear(struct turn *turn, enum record_type type)
{
    struct record record = {.type = type, .reason = REFUSED_ROOM};
    uint8_t bytes[RECORD_MAX];
    size_t len = record_write(bytes, &record);

    return turn_hear(turn, &record, bytes, len);
}

/*
 * For each state of a side what it takes, one letter a record in their order (OPEN, ACCEPT, REFUSE,
 * BEGIN, CLOSE, PING, PONG): the state after it, '-' for out of turn, '!' for not to be read or
 * said, '.' for ignored. The states are Idle, asKed, acCepted, Stream, leAving, leFt.
 */
struct expectation {
    enum side side;
    enum turn_state state;
    bool pinged;
    const char *hears;
    const char *says;
};

static const char letters[] = {[TURN_IDLE] = 'I',   [TURN_ASKED] = 'K',   [TURN_ACCEPTED] = 'C',
                               [TURN_STREAM] = 'S', [TURN_LEAVING] = 'A', [TURN_LEFT] = 'F'};

static const struct expectation expectations[] = {
    {SIDE_OPENS, TURN_IDLE, false, "----F--", "K!!!AI!"},
    {SIDE_OPENS, TURN_IDLE, true, "----F-I", "K!!!A!!"},
    {SIDE_OPENS, TURN_ASKED, false, "-CI-F--", "!!!!A!!"},
    {SIDE_OPENS, TURN_ASKED, true, "----F-K", "!!!!A!!"},
    {SIDE_OPENS, TURN_ACCEPTED, false, "!!!!!!!", "!!!SA!!"},
    {SIDE_OPENS, TURN_STREAM, false, "!!!!!!!", "!!!!!!!"},
    {SIDE_OPENS, TURN_LEAVING, false, "....F..", "!!!!!!!"},
    {SIDE_OPENS, TURN_LEFT, false, "-------", "!!!!F!!"},
    {SIDE_ACCEPTS, TURN_IDLE, false, "K---FI-", "!!!!A!!"},
    {SIDE_ACCEPTS, TURN_IDLE, true, "!!!!!!!", "!!!!A!I"},
    {SIDE_ACCEPTS, TURN_ASKED, false, "!!!!!!!", "!CI!A!!"},
    {SIDE_ACCEPTS, TURN_ACCEPTED, false, "---SF--", "!!!!!!!"},
    {SIDE_ACCEPTS, TURN_STREAM, false, "!!!!!!!", "!!!!!!!"},
    {SIDE_ACCEPTS, TURN_LEAVING, false, "....F..", "!!!!!!!"},
    {SIDE_ACCEPTS, TURN_LEFT, false, "-------", "!!!!F!!"},
};

static struct turn turn_in(const struct expectation *in)
{
    return (struct turn){
        .side = in->side,
        .state = in->state,
        .pinged = in->pinged,
        .speaking =
            in->state == TURN_STREAM || (in->state == TURN_ACCEPTED && in->side == SIDE_ACCEPTS),
        .closing = in->state == TURN_LEAVING,
    };
}

static char outcome(enum kith_error error, const struct turn *before, const struct turn *after)
{
    if (error == ERR_OUT_OF_ORDER)
        return '!';
    if (error == ERR_RECORD_TURN)
        return '-';
    return before->state == TURN_LEAVING && after->state == TURN_LEAVING ? '.'
                                                                         : letters[after->state];
}

static void test_states(void)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expectation *in = &expectations[i];

        for (enum record_type type = RECORD_OPEN; type <= RECORD_PONG; type++) {
            struct turn before = turn_in(in), turn = before;
            enum kith_error error = hear(&turn, type);

            CHECK(outcome(error, &before, &turn) == in->hears[type - RECORD_OPEN],
                  "side %d in state %c hears %d", (int)in->side, letters[in->state], (int)type);
            turn = before;
            error = turn_say(&turn, type);
            CHECK(outcome(error, &before, &turn) == in->says[type - RECORD_OPEN],
                  "side %d in state %c says %d", (int)in->side, letters[in->state], (int)type);
        }
    }
}

/* What is no record is never taken for one, and ignored only by who leaves. */
static void test_no_record(void)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        struct turn turn = turn_in(&expectations[i]);
        struct record record;
        enum kith_error expected = turn.state == TURN_LEAVING        ? OK
                                   : expectations[i].hears[0] == '!' ? ERR_OUT_OF_ORDER
                                                                     : ERR_RECORD;

        CHECK(turn_hear(&turn, &record, (const uint8_t *)"data", 4) == expected,
              "state %c: no record", letters[turn.state]);
    }
}

/* Two sides and what is under way between them: a stream is its first and its last word. */
#define UNDER_WAY 6

struct pair {
    struct turn sides[2];
    uint8_t under_way[2][UNDER_WAY]; /* to the side of that number */
    uint8_t count[2];
};

#define PAIRS_MAX 4096
static struct pair pairs[PAIRS_MAX];
static size_t pairs_count;

static void reach(const struct pair *pair)
{
    for (size_t i = 0; i < pairs_count; i++) {
        if (memcmp(&pairs[i], pair, sizeof(*pair)) == 0)
            return;
    }
    if (pairs_count == PAIRS_MAX)
        abort();
    pairs[pairs_count++] = *pair;
}

static void send_to(struct pair *pair, int to, uint8_t what)
{
    pair->under_way[to][pair->count[to]++] = what;
}

/* Everything that one side may say in this pair. */
static void say_all(const struct pair *before, int side)
{
    for (enum record_type type = RECORD_OPEN; type <= RECORD_PONG; type++) {
        struct pair pair = *before;

        if (pair.count[1 - side] == UNDER_WAY || turn_say(&pair.sides[side], type) != OK)
            continue;
        send_to(&pair, 1 - side, (uint8_t)type);
        reach(&pair);
    }
}

/* Let one side take what has come first: false if it refuses that. */
static bool take_first(const struct pair *before, int side)
{
    struct pair pair = *before;
    struct turn *turn = &pair.sides[side];
    uint8_t first = pair.under_way[side][0];

    if (pair.count[side] == 0 || turn_owes_answer(turn))
        return true;
    pair.count[side]--;
    memmove(pair.under_way[side], pair.under_way[side] + 1, UNDER_WAY - 1);
    pair.under_way[side][UNDER_WAY - 1] = 0;
    if (hear(turn, (enum record_type)first) != OK)
        return false;
    reach(&pair);
    return true;
}

/* A stream that both are in may become whole: nothing of it is under way any more. */
static void make_whole(const struct pair *before)
{
    struct pair pair = *before;

    if (pair.sides[0].state != TURN_STREAM || pair.sides[1].state != TURN_STREAM)
        return;
    turn_end_stream(&pair.sides[0]);
    turn_end_stream(&pair.sides[1]);
    reach(&pair);
}

static void test_together(void)
{
    struct pair start;
    bool taken = true;
    size_t streams = 0;

    memset(&start, 0, sizeof(start));
    start.sides[1].side = SIDE_ACCEPTS;
    reach(&start);
    for (size_t i = 0; taken && i < pairs_count; i++) {
        streams += pairs[i].sides[0].state == TURN_STREAM;
        say_all(&pairs[i], 0);
        say_all(&pairs[i], 1);
        make_whole(&pairs[i]);
        taken = take_first(&pairs[i], 0) && take_first(&pairs[i], 1);
    }
    CHECK(taken, "what one side may say, the other takes, in all %zu states of both", pairs_count);
    CHECK(streams > 0, "and streams are among them");
}

int main(void)
{
    test_forms();
    test_name_length();
    test_states();
    test_no_record();
    test_together();
    return tap_done();
}
