/*
 * The places of callers: who gives way when there are too many, and who never does.
 */
#include <string.h>

#include "calls/places.h"
#include "tap.h"

#define A 1 /* sources */
#define B 2
#define BALANCER 3

static const uint8_t alice[KEY_SIZE] = {'a'};
static const uint8_t bob[KEY_SIZE] = {'b'};

static int64_t now_ms = 1000000;
static struct place callers[16];
static struct place *victim;

/* A caller from there; whoever gives way is gone. */
static enum kith_error come(struct places *places, size_t number, uint64_t source)
{
    enum kith_error error;

    callers[number] = (struct place){.source = source};
    error = places_enter(places, &callers[number], now_ms, &victim);
    if (victim != NULL)
        places_leave(places, victim);
    return error;
}

static enum kith_error hear(struct places *places, size_t number,
                            const uint8_t key[static KEY_SIZE])
{
    return places_hear(places, &callers[number], key, now_ms, &victim);
}

/* Who waits for a place, and who gives way to whom. */
static void test_order(void)
{
    struct places places;

    places_init(&places, 2);
    CHECK(come(&places, 0, A) == OK && come(&places, 1, B) == OK, "two come, there are two places");
    CHECK(!places_have_room(&places, now_ms), "all are taken by new callers: others wait");
    now_ms += 300;
    CHECK(places_have_room(&places, now_ms), "once one has been silent for a while, there is room");
    CHECK(hear(&places, 0, alice) == OK && victim == NULL, "the oldest says its hello");
    CHECK(come(&places, 2, B) == OK && victim == &callers[1],
          "and keeps its place: it is the next that gives way");
    CHECK(hear(&places, 2, bob) == OK, "the newcomer says its hello, too");
    CHECK(!places_have_room(&places, now_ms), "one whose hello is good has longer");
    now_ms += 6000;
    CHECK(places_have_room(&places, now_ms), "but not for ever");
    callers[2].state = PLACE_REFUSED;
    CHECK(places_victim(&places, now_ms) == &callers[2], "who is refused anyhow goes first");
    places_leave(&places, &callers[0]);
    places_leave(&places, &callers[2]);
    CHECK(places.taken.count == 0 && places.taken.first == NULL && places.taken.last == NULL,
          "all are gone");
}

/* The more places a source has, the sooner its callers give way: nobody else waits for theirs. */
static void test_crowd(void)
{
    struct places places;

    places_init(&places, 8);
    places.most_of_source = 8;
    CHECK(come(&places, 0, B) == OK, "one comes");
    for (size_t i = 1; i < 8; i++)
        CHECK(come(&places, i, A) == OK, "seven of another source do");
    CHECK(!places_have_room(&places, now_ms), "all places are taken by new callers");
    now_ms += 100;
    CHECK(places_have_room(&places, now_ms), "most of them one source's, which have not so long");
    CHECK(come(&places, 8, B) == OK && victim == &callers[1],
          "the oldest of the many gives way, and not who is alone and older");
}

/* Neither a source nor a key takes the places of all, however young its callers are. */
static void test_shares(void)
{
    struct places places;

    places_init(&places, 8);
    CHECK(places.most_of_source == 4 && places.most_of_key == 2, "a half, and a quarter");
    for (size_t i = 0; i < 4; i++)
        CHECK(come(&places, i, A) == OK && victim == NULL, "a source has its share");
    CHECK(come(&places, 4, A) == OK && victim == &callers[0],
          "one more takes the place of one that says nothing, however new that is");
    for (size_t i = 1; i < 5; i++)
        callers[i].state = PLACE_HEARD;
    CHECK(come(&places, 0, A) == ERR_CROWDED && places.taken.count == 4,
          "one more is turned away when all have spoken");
    now_ms += 2500;
    CHECK(come(&places, 0, A) == OK && victim == &callers[1], "unless that was long ago");
    for (size_t i = 5; i < 9; i++)
        CHECK(come(&places, i, B) == OK, "another source has places");
    CHECK(hear(&places, 5, alice) == OK && hear(&places, 6, alice) == OK, "two of one key");
    CHECK(hear(&places, 7, alice) == ERR_CROWDED, "a third does not take the last places");
    CHECK(hear(&places, 8, bob) == OK, "another key may");
    now_ms += 2500;
    CHECK(hear(&places, 7, alice) == OK && victim == &callers[5], "its oldest gives way in time");
}

/* Nor does a key take the share of the source that it calls from. */
static void test_key_of_source(void)
{
    struct places places;

    places_init(&places, 16);
    for (size_t i = 0; i < 7; i++)
        CHECK(come(&places, i, A) == OK, "seven of a source, whose share is eight");
    for (size_t i = 0; i < 4; i++)
        CHECK(hear(&places, i, alice) == OK, "four of them are of one key, as it may");
    CHECK(hear(&places, 4, alice) == ERR_CROWDED, "a fifth does not take the last of the share");
    CHECK(hear(&places, 5, bob) == OK, "another key may");
}

/* Behind a balancer, a caller is of that source until the balancer has said where it is from. */
static void test_balancer(void)
{
    struct places places;

    places_init(&places, 4);
    for (size_t i = 0; i < 4; i++)
        CHECK(come(&places, i, BALANCER + i / 2) == OK && victim == NULL, "two of each of two");
    CHECK(places_locate(&places, &callers[0], A, now_ms, &victim) == OK && victim == NULL &&
              places_locate(&places, &callers[1], A, now_ms, &victim) == OK && victim == NULL,
          "two are of one source");
    CHECK(places_locate(&places, &callers[2], A, now_ms, &victim) == OK && victim == &callers[0],
          "a third takes the place of the first, which says nothing");
    callers[0].state = PLACE_REFUSED; /* until it is closed */
    CHECK(places_locate(&places, &callers[3], A, now_ms, &victim) == OK && victim == &callers[1],
          "and a fourth that of the second");
    CHECK(places_locate(&places, &callers[3], B, now_ms, &victim) == OK && victim == NULL,
          "one of another source is let alone");
}

int main(void)
{
    test_order();
    test_crowd();
    test_shares();
    test_key_of_source();
    test_balancer();
    return tap_done();
}
