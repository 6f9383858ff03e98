/*
 * Kept channels of kith-protocol(7) for Spin: an opener with two local connections, and two
 * channels, of which one is idle and the other is made when it is needed. Each channel has an
 * acceptor of its own. A connection asks a channel, and another one beside it if that does not even
 * answer a PING; the one that answers first is taken. Channels that nobody has are asked whether
 * they are there, and left, by either side, at any time. An acceptor refuses, leaves instead of an
 * answer, or accepts for an address, which may speak at once, or for a program.
 *
 * One thing may go wrong, at any time. A channel is cut: what is said from then on is lost, what is
 * under way may be, and each side notices when it likes. Or a deadline passes: for an answer, for
 * BEGIN, or for a PONG. Or a side's socket or program fails, and it lets its channel go in the
 * middle of a stream.
 *
 * Shown, however the steps interleave:
 *   - a stream begins at most once for each local connection, at a target that was asked for it,
 *     and all in it, both ways, is of this very connection
 *   - a connection that was refused, or has begun, is never asked for again
 *   - no record is taken for data, nor data, an end or a receipt for a record; none comes when it
 *     must not, and nothing follows a CLOSE
 *   - whole at either side only if both have all that the other has said
 *   - what was reached for a stream that did not begin is reset
 *   - if nothing goes wrong, each connection becomes whole, at both sides, or is refused, unless no
 *     channel is left for it: a CLOSE that crosses an OPEN loses nothing
 *   - nobody waits for ever, and each connection ends: whole, broken, refused, or told of it
 *
 * Bounded: two channels in all, two local connections, and a stream of one piece each way. The
 * connections are there at once if nothing goes wrong; else the second comes after the first, and
 * one thing goes wrong in all. Of idle channels only the first is asked by a PING alone. Neither
 * side is hostile, and what comes on a channel is what the other side has said, in that order, for
 * which there are the models of handshake and stream. Not modelled: bytes, names and reasons, how
 * long a deadline is, how many channels are kept, and how one is made.
 *
 * Size: -DAT_ONCE
 * Size: -DCUTS
 *
 * Each check is left out in turn (tests/model/run), which is found, or else another covers it:
 *   NO_ACCEPT_AWAITED       found: BEGIN and the stream follow OPEN at once
 *   NO_BEGIN_AWAITED        found: a target has its stream without BEGIN
 *   NO_LOSER_GIVEN_UP       found: of two that accept, both are begun
 *   NO_RETRY                found: an OPEN that was answered by CLOSE is not tried again
 *   NO_END_AFTER_REFUSE     found: one that was refused is tried again
 *   NO_END_AFTER_BEGIN      found: a stream that broke is tried again
 *   NO_OWNER                found: a channel that a connection has is given to another one
 *   NO_GIVING_UP            found: one that owes an answer is kept for the next connection
 *   NO_END_OF_BROKEN        found: one whose stream broke is kept
 *   NO_IDLE_OPENER          found: the opener says CLOSE in a stream
 *   NO_IDLE_ACCEPTOR        found: the acceptor does
 *   NO_CLOSE_IS_LAST        found: an OPEN that crossed our CLOSE is answered
 *   NO_RESET                found: what was reached is kept though no BEGIN came
 *   NO_OWN_RECEIPT          found: the opener is idle before it has said its receipt
 *   NO_RECEIPT              found: or before it has heard the other one
 *   NO_ACCEPTORS_RECEIPT    found: the acceptor is, before it has said its own
 *   NO_OPENERS_RECEIPT      found: or before it has heard the other one
 *   NO_ONE_PING             found: a PING follows one that has no PONG yet
 *   NO_ANSWER_FIRST         found: a record is read before the one before it is answered
 *   NEVER_WHOLE             found: no connection becomes whole
 *   NEVER_BOTH              found: no two do, one after another on one channel
 *   NEVER_AT_ONCE           found: no two have their streams at once
 *   NEVER_BESIDE            found: one that was asked beside another is never the first to answer
 *   NEVER_TRIED_AGAIN       found: none is whole that was answered by CLOSE before
 *   NEVER_REFUSED           found: none is refused
 *   NEVER_TOO_LATE          found: no acceptor reaches a target in vain
 */
#define ROOM 5
#define NOBODY 0

mtype = { OPEN, ACCEPT, REFUSE, BEGIN, CLOSE, PING, PONG, PIECE, EMPTY };

/* What a channel is to a side of it. */
mtype = { UNMADE, IDLE, ASKED, ACCEPTED, STREAM, LEAVING, GONE };

/* What becomes of a connection. */
mtype = { WAITS, WHOLE, BROKEN, REFUSED, TOLD };

/* Of each channel, 0 and 1. What is under way says for which connection it was said. */
chan to_acceptor[2] = [ROOM] of { mtype, byte };
chan to_opener[2] = [ROOM] of { mtype, byte };
mtype opener[2], acceptor[2];
bool cut[2];
bool opener_closed[2], acceptor_closed[2]; /* its direction, by CLOSE */
bool pinged[2];      /* without a PONG yet */
byte user[2];        /* the connection that has it, where it is opened */

/* Of each connection, 1 and 2. */
mtype became[3] = WAITS;
byte begun[3];       /* on which channel, and one */
byte joined[3];      /* to a target: times */
bool had[3];         /* all, and wrote it where it goes: the local program */
bool target_had[3];
bool target_whole[3];

/* Nothing else happens to channels once there is no connection any more. */
#define UNDER_WAY (became[1] == WAITS || became[2] == WAITS)

#ifdef CUTS
#define MAY_FAIL (!disturbed && (UNDER_WAY || acceptor[0] == STREAM || acceptor[1] == STREAM))
#else
#define MAY_FAIL false
#endif

bool disturbed; /* something has gone wrong already */

/* The first connection comes first, and so the second one with it or after it. */
#ifdef AT_ONCE
#define FIRST_HAS_BEGUN (user[0] == 1 || user[1] == 1 || became[1] != WAITS)
#else
#define FIRST_HAS_BEGUN (became[1] != WAITS)
#endif

#define OTHER(c) (1 - c)

/* What is said to a side that has closed is answered with a reset, which cuts the channel, too. */
inline say(wire, is_cut, to, closed, what, of_whom)
{
    assert(!closed);
    closed = what == CLOSE;
    if
    :: to == GONE -> is_cut = true
    :: to != GONE && is_cut
    :: else -> wire!what, of_whom
    fi
}

#define opener_says(c, what, of_whom) \
    say(to_acceptor[c], cut[c], acceptor[c], opener_closed[c], what, of_whom)
#define acceptor_says(c, what, of_whom) \
    say(to_opener[c], cut[c], opener[c], acceptor_closed[c], what, of_whom)

inline flush(wire)
{
    do
    :: nempty(wire) -> wire?_, _
    :: empty(wire) -> break
    od
}

/* What has come and was not heard is answered with a reset, too. */
inline close(wire, is_cut, to)
{
    is_cut = (is_cut || nempty(wire)) && to != GONE;
    flush(wire)
}

/* The connection has ended: all was heard before the other side's end, or it was cut. */
#define OPENER_SEES_END(c) (cut[c] || (acceptor[c] == GONE && empty(to_opener[c])))
#define ACCEPTOR_SEES_END(c) (cut[c] || (opener[c] == GONE && empty(to_acceptor[c])))

/*
 * A side's messages of a stream: a piece, an end, a receipt. The end and the receipt are alike, but
 * for their place.
 */
#define NTH(n) (n == 0 -> PIECE : EMPTY)
#define MAY_SAY(said, heard) (said < 2 || (said == 2 && heard >= 2))
#ifdef NO_OWN_RECEIPT
#define OPENER_RESTS(said, heard) (said >= 2 && heard == 3)
#elif defined(NO_RECEIPT)
#define OPENER_RESTS(said, heard) (said == 3 && heard >= 2)
#else
#define OPENER_RESTS(said, heard) (said == 3 && heard == 3)
#endif
#ifdef NO_ACCEPTORS_RECEIPT
#define ACCEPTOR_RESTS(said, heard) (said >= 2 && heard == 3)
#elif defined(NO_OPENERS_RECEIPT)
#define ACCEPTOR_RESTS(said, heard) (said == 3 && heard >= 2)
#else
#define ACCEPTOR_RESTS(said, heard) (said == 3 && heard == 3)
#endif

/* A message of a stream is heard. */
inline hear_data(of_whom, has)
{
    assert(whom == of_whom && heard < 3 && message == NTH(heard));
    heard++;
    has = heard >= 2;
    message = 0;
    whom = 0
}

/* Local connection, or the main thread: who has nothing more to do with a channel. */
inline close_opener(c)
{
    close(to_opener[c], cut[c], acceptor[c]);
    opener[c] = GONE;
    user[c] = NOBODY;
    pinged[c] = false;
    opener_closed[c] = true
}

inline give_up(c)
{
    opener_says(c, CLOSE, NOBODY);
    opener[c] = LEAVING;
    user[c] = NOBODY;
    pinged[c] = false
}

inline keep(c)
{
    opener[c] = IDLE;
    user[c] = NOBODY
}

#define HAS(c) (user[c] == me && opener[c] == ASKED)
#define IS_ASKED (HAS(0) || HAS(1))
#ifdef NO_OWNER
#define FREE(c) (opener[c] == UNMADE || opener[c] == IDLE || opener[c] == ASKED)
#else
#define FREE(c) (opener[c] == UNMADE || opener[c] == IDLE)
#endif
#define LEFT(c) (opener[c] != LEAVING && opener[c] != GONE)

#ifdef NO_ONE_PING
#define MAY_PING(c) true
#else
#define MAY_PING(c) (!pinged[c])
#endif

inline ping(c)
{
    pinged[c] = true;
    opener_says(c, PING, NOBODY)
}

inline ask(c)
{
    assert(became[me] != REFUSED);
    user[c] = me;
    opener[c] = ASKED;
    if
    :: MAY_PING(c) -> ping(c)
    :: true
    fi;
    opener_says(c, OPEN, me)
}

inline begin(c)
{
    assert(begun[me] == 0);
    begun[me] = c + 1;
    on = c;
    opener[c] = STREAM;
    opener_says(c, BEGIN, me)
}

/* If it was asked as well, it is not begun. */
inline give_up_other(c)
{
    if
#ifndef NO_LOSER_GIVEN_UP
    :: HAS(OTHER(c)) -> give_up(OTHER(c))
#endif
    :: else
    fi
}

/* An answer to this connection's OPEN. */
inline hear_answer(c)
{
    to_opener[c]?message, whom;
    if
    :: message == PONG ->
        assert(pinged[c]);
        pinged[c] = false
    :: message == CLOSE ->
        opener_says(c, CLOSE, NOBODY);
        close_opener(c);
#ifdef NO_RETRY
        became[me] = TOLD;
#endif
#ifdef NEVER_TRIED_AGAIN
        crossed = true
#endif
    :: message == REFUSE ->
        assert(!pinged[c] && whom == me);
        keep(c);
        give_up_other(c);
        became[me] = REFUSED
    :: message == ACCEPT ->
        assert(!pinged[c] && whom == me);
#ifdef NEVER_BESIDE
        assert(!HAS(OTHER(c)));
#endif
        give_up_other(c);
        begin(c)
    :: else -> assert(false)
    fi;
    message = 0;
    whom = 0
}

inline go_on()
{
    if
    :: opener[on] == STREAM && user[on] == me -> goto stream
#ifndef NO_END_AFTER_REFUSE
    :: became[me] == REFUSED || became[me] == TOLD -> goto over
#endif
    :: else
    fi
}

proctype Connection(byte me)
{
    mtype message;
    byte whom, on, said, heard;
#ifdef NEVER_TRIED_AGAIN
    bool crossed;
#endif

    (me == 1 || FIRST_HAS_BEGUN);

again:
    do
    :: atomic { !IS_ASKED && FREE(0) -> ask(0) }
    :: atomic { !IS_ASKED && FREE(1) && !FREE(0) -> ask(1) }
    /* It is silent, so another one is asked beside it. */
    :: atomic { HAS(0) && pinged[0] && FREE(1) && !HAS(1) -> ask(1) }
    :: atomic { HAS(1) && pinged[1] && FREE(0) && !HAS(0) -> ask(0) }
    :: atomic { HAS(0) && nempty(to_opener[0]) -> hear_answer(0); go_on() }
    :: atomic { HAS(1) && nempty(to_opener[1]) -> hear_answer(1); go_on() }
    :: d_step { HAS(0) && OPENER_SEES_END(0) -> close_opener(0) }
    :: d_step { HAS(1) && OPENER_SEES_END(1) -> close_opener(1) }
#ifdef NO_ACCEPT_AWAITED
    :: atomic { HAS(0) -> begin(0); goto stream }
#endif
    :: !IS_ASKED && !LEFT(0) && !LEFT(1) -> goto over
    /* Its deadline, or it has gone itself. */
    :: atomic { MAY_FAIL -> disturbed = true; goto over }
    od;

stream:
    do
    :: d_step { MAY_SAY(said, heard) && said < 3 ->
           opener_says(on, NTH(said), me);
           said++ }
    :: d_step { nempty(to_opener[on]) && heard < 3 ->
           to_opener[on]?message, whom;
           hear_data(me, had[me]) }
#ifdef NO_LOSER_GIVEN_UP
    :: d_step { HAS(OTHER(on)) && to_opener[OTHER(on)]?[ACCEPT, eval(me)] ->
           hear_answer(OTHER(on)) }
#endif
    :: d_step { OPENER_RESTS(said, heard) ->
           assert(had[me] && target_had[me]);
           keep(on);
           became[me] = WHOLE };
       goto over
    :: d_step { OPENER_SEES_END(on) && heard < 3 ->
           assert(disturbed);
           close_opener(on);
           became[me] = BROKEN };
       goto over
    :: d_step { MAY_FAIL ->
           disturbed = true;
           became[me] = BROKEN;
#ifdef NO_END_OF_BROKEN
           keep(on)
#else
           close_opener(on)
#endif
       };
       goto over
#ifdef NO_IDLE_OPENER
    :: d_step { said == 2 && !opener_closed[on] -> opener_says(on, CLOSE, NOBODY) }
#endif
    od;

over:
#ifdef NO_END_AFTER_BEGIN
    if
    :: became[me] == BROKEN -> said = 0; heard = 0; goto again
    :: else
    fi;
#endif
    atomic {
        if
        :: became[me] == WAITS -> became[me] = TOLD
        :: else
        fi;
        assert(disturbed || became[me] != TOLD || (!LEFT(0) && !LEFT(1)));
        if
#ifdef NO_GIVING_UP
        :: HAS(0) -> keep(0)
#else
        :: HAS(0) -> give_up(0)
#endif
        :: else
        fi;
        if
        :: HAS(1) -> give_up(1)
        :: else
        fi;
#ifdef NEVER_WHOLE
        assert(became[me] != WHOLE);
#endif
#ifdef NEVER_BOTH
        assert(became[1] != WHOLE || became[2] != WHOLE || begun[1] != begun[2]);
#endif
#ifdef NEVER_AT_ONCE
        assert(opener[0] != STREAM || opener[1] != STREAM);
        assert(became[me] != WHOLE || opener[OTHER(on)] != STREAM);
#endif
#ifdef NEVER_TRIED_AGAIN
        assert(became[me] != WHOLE || !crossed);
#endif
#ifdef NEVER_REFUSED
        assert(became[me] != REFUSED);
#endif
        on = 0; said = 0; heard = 0;
    }
}

/* One that nobody has, or that was left, says something. */
inline hear_idle(c)
{
    to_opener[c]?message, whom;
    if
    :: opener[c] == LEAVING && message != CLOSE /* of no interest any more */
    :: message == CLOSE ->
        if
        :: opener[c] == IDLE -> opener_says(c, CLOSE, NOBODY)
        :: else
        fi;
        close_opener(c)
    :: message == PONG && opener[c] == IDLE ->
        assert(pinged[c]);
        pinged[c] = false
    :: else -> assert(false)
    fi;
    message = 0;
    whom = 0
}

#define TENDED(c) (opener[c] == IDLE || opener[c] == LEAVING)

/* The opener's main thread, which has the channels that no connection has. */
proctype Tender(byte c)
{
    mtype message;
    byte whom;

end:
    do
    :: d_step { c == 0 && opener[c] == IDLE && UNDER_WAY && MAY_PING(c) && nfull(to_acceptor[c]) ->
           ping(c) }
    :: d_step { TENDED(c) && nempty(to_opener[c]) -> hear_idle(c) }
    :: d_step { TENDED(c) && OPENER_SEES_END(c) ->
           close_opener(c) }
    :: d_step { opener[c] == IDLE && UNDER_WAY -> give_up(c) } /* too many, too old */
    :: d_step { opener[c] == LEAVING -> close_opener(c) } /* which need not wait */
    :: d_step { opener[c] == IDLE && pinged[c] && MAY_FAIL -> disturbed = true; close_opener(c) }
    od
}

inline close_acceptor(c)
{
    close(to_acceptor[c], cut[c], opener[c]);
    acceptor[c] = GONE;
    acceptor_closed[c] = true;
    whose = NOBODY; said = 0; heard = 0; owes = 0
}

/* It is left without a stream: what was reached for it is no use. */
inline reset_target()
{
#ifdef NEVER_TOO_LATE
    assert(!reached);
#endif
#ifndef NO_RESET
    reached = false;
#endif
    assert(!reached)
}

inline join(c)
{
    assert(begun[whose] == c + 1 && joined[whose] == 0);
    joined[whose]++;
    reached = false;
    acceptor[c] = STREAM
}

/* A record, between streams. */
inline hear_record(c)
{
    to_acceptor[c]?message, whom;
    if
#ifdef NO_CLOSE_IS_LAST
    :: acceptor[c] == LEAVING && message != CLOSE && message != OPEN
#else
    :: acceptor[c] == LEAVING && message != CLOSE
#endif
    :: message == CLOSE ->
        if
        :: acceptor[c] == IDLE -> acceptor_says(c, CLOSE, NOBODY)
        :: acceptor[c] == ACCEPTED -> reset_target()
        :: else
        fi;
        close_acceptor(c)
    :: message == PING && acceptor[c] == IDLE -> owes++
    :: message == OPEN && (acceptor[c] == IDLE || acceptor[c] == LEAVING) ->
        acceptor[c] = ASKED;
        whose = whom
    :: message == BEGIN && acceptor[c] == ACCEPTED ->
        assert(whom == whose);
        join(c)
    :: else -> assert(false)
    fi;
    message = 0;
    whom = 0
}

inline accept(c)
{
    acceptor_says(c, ACCEPT, whose);
    acceptor[c] = ACCEPTED
}

#ifdef NO_ANSWER_FIRST
#define MAY_HEAR(c) (acceptor[c] == IDLE || acceptor[c] == ACCEPTED || acceptor[c] == LEAVING)
#define MAY_ANSWER true
#else
#define MAY_HEAR(c) (!owes && \
    (acceptor[c] == IDLE || acceptor[c] == ACCEPTED || acceptor[c] == LEAVING))
#define MAY_ANSWER (!owes)
#endif

proctype Acceptor(byte c)
{
    mtype message;
    byte whom, whose, said, heard, owes;
    bool reached; /* an address, for a stream that has not begun */

between:
end:
    do
    :: d_step { MAY_HEAR(c) && nempty(to_acceptor[c]) -> hear_record(c) }
    :: d_step { owes > 0 ->
           acceptor_says(c, PONG, NOBODY);
           owes-- }
    /* It drains, is too old, or gives its place to another one; so in place of an answer. */
    :: d_step { !owes && acceptor[c] == IDLE && opener[c] != UNMADE && UNDER_WAY ->
           acceptor_says(c, CLOSE, NOBODY);
           acceptor[c] = LEAVING }
    :: acceptor[c] == ASKED && MAY_ANSWER -> goto asked
    :: d_step { acceptor[c] == LEAVING -> close_acceptor(c) }
    :: d_step { ACCEPTOR_SEES_END(c) -> close_acceptor(c) }
    od;

asked:
    if
    :: d_step { acceptor_says(c, REFUSE, whose); acceptor[c] = IDLE; whose = NOBODY };
       goto between
    :: d_step { acceptor_says(c, CLOSE, NOBODY); acceptor[c] = LEAVING; whose = NOBODY };
       goto between
    :: d_step { accept(c); reached = true }
    :: d_step { accept(c) }
    fi;

    do
#ifdef NO_BEGIN_AWAITED
    :: d_step { acceptor[c] == ACCEPTED -> join(c) }
#endif
    :: d_step { acceptor[c] == ACCEPTED && nempty(to_acceptor[c]) -> hear_record(c) }
    :: d_step { acceptor[c] == ACCEPTED && ACCEPTOR_SEES_END(c) ->
           reset_target();
           close_acceptor(c) }
    :: d_step { acceptor[c] == ACCEPTED && MAY_FAIL ->
           disturbed = true;
           reset_target();
           close_acceptor(c) }
    :: d_step { (acceptor[c] == STREAM || reached) && MAY_SAY(said, heard) && said < 3 ->
           acceptor_says(c, NTH(said), whose);
           said++ }
    :: d_step { acceptor[c] == STREAM && nempty(to_acceptor[c]) && heard < 3 ->
           to_acceptor[c]?message, whom;
           hear_data(whose, target_had[whose]) }
    :: d_step { acceptor[c] == STREAM && ACCEPTOR_RESTS(said, heard) ->
           assert(had[whose] && target_had[whose]);
           target_whole[whose] = true;
           acceptor[c] = IDLE;
           whose = NOBODY; said = 0; heard = 0 };
       goto between
    :: d_step { acceptor[c] == STREAM && ACCEPTOR_SEES_END(c) && heard < 3 ->
           assert(disturbed);
           close_acceptor(c) }
    :: d_step { acceptor[c] == STREAM && MAY_FAIL -> disturbed = true; close_acceptor(c) }
    :: acceptor[c] == GONE -> goto between
#ifdef NO_IDLE_ACCEPTOR
    :: d_step { said == 2 && !acceptor_closed[c] -> acceptor_says(c, CLOSE, NOBODY) }
#endif
    od;
}

/* What is under way may be lost, either way. */
#define LIVE(c) (opener[c] != UNMADE && opener[c] != GONE && acceptor[c] != GONE)

inline lose(c)
{
    disturbed = true;
    cut[c] = true;
    if
    :: true
    :: flush(to_acceptor[c])
    fi;
    if
    :: true
    :: flush(to_opener[c])
    fi
}

init
{
    atomic {
        opener[0] = IDLE; opener[1] = UNMADE;
        acceptor[0] = IDLE; acceptor[1] = IDLE;
        run Acceptor(0); run Acceptor(1);
        run Tender(0); run Tender(1);
        run Connection(1); run Connection(2)
    }
end:
    do
    :: atomic { MAY_FAIL && LIVE(0) -> lose(0) }
    :: atomic { MAY_FAIL && LIVE(1) -> lose(1) }
    :: d_step { became[1] != WAITS && became[2] != WAITS &&
           acceptor[0] != STREAM && acceptor[1] != STREAM && !disturbed ->
           assert(target_whole[1] == (became[1] == WHOLE));
           assert(target_whole[2] == (became[2] == WHOLE)) };
       break
    od
}
