#!/usr/bin/env bats
# shellcheck shell=bats
# The pipe: what goes in at one end comes out at the other, whole, or both ends say that it did not.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# carries BYTES OPTION...: this much goes from alice to bob, and comes out as it went in.
carries() {
    random_file alice.in "$1"
    start_listener "${@:2}"
    dial "${@:2}" <alice.in >alice.out
    ends "$listener" 0
    cmp alice.in bob.out
    [ ! -s alice.out ]
}

# Up to and over the edges of messages of this size.
carries_around() {
    for size in $(($1 - 1)) "$1" $(($1 + 1)) $((2 * $1)); do
        carries "$size" "${@:2}"
    done
}

# Both ends are up, and alice waits for what comes into her stdin at descriptor 8.
start_both() {
    hold_open alice.in
    start_listener "$@"
    start_dialer --ready-fd 7 "$@" 7>up
    eventually [ -s up ]
}

@test "nothing at all" {
    carries 0
}

@test "one byte" {
    carries 1
}

@test "sizes around the edge of a message" {
    carries_around $((64 * 1024))
    carries_around $((512 * 1024)) # as much as one read takes
}

@test "sizes around the edge of a small message" {
    carries_around 1024 --max-message-size 1K
    carries_around $((32 * 1024)) --max-message-size 1K # as many as one read fills
    carries_around 1 --max-message-size 1 # and the handshake has its own size
}

@test "64 MiB" {
    carries $((64 << 20))
}

@test "both ways at once" {
    random_file alice.in $((8 << 20))
    random_file bob.in $((8 << 20))
    start_listener
    dial <alice.in >alice.out
    ends "$listener" 0
    cmp alice.in bob.out
    cmp bob.in alice.out
}

@test "a side that does not read yet does not hold up what it sends" {
    random_file alice.in $((4 << 20))
    random_file bob.in $((4 << 20))
    mkfifo slow
    { eventually cmp -s bob.in alice.out && cat >bob.out; } <slow 3>&- &
    also_started "$!"
    listen_to=slow start_listener
    dial <alice.in >alice.out
    ends "$listener" 0
    ends "${started[0]}" 0
    cmp alice.in bob.out
}

@test "a writer that pauses, and writes little by little" {
    start_listener
    for word in a stream in pieces; do
        echo $word
        sleep 0.1
    done | dial
    ends "$listener" 0
    [ "$(cat bob.out)" = $'a\nstream\nin\npieces' ]
}

# pipe_size DESCRIPTOR [SIZE]: what this pipe holds, once it is asked to hold so much.
pipe_size() {
    python3 -c 'import fcntl, sys
fd, size = int(sys.argv[1]), sys.argv[2:]
print(fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, int(size[0])) if size else fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ))' "$@"
}

@test "pipes are made larger, but never smaller" {
    [ "$(uname)" = Linux ] || skip "other systems size their pipes themselves"
    mkfifo out
    exec 6<>out
    [ "$(pipe_size 6 $((1 << 20)))" -eq $((1 << 20)) ]
    hold_open alice.in
    pipe_size 8 4096
    listen_to=out start_listener --recv-only
    start_dialer --send-only --ready-fd 7 7>up
    eventually [ -s up ]
    [ "$(pipe_size 8)" -eq $((512 << 10)) ]
    [ "$(pipe_size 6)" -eq $((1 << 20)) ]
    echo content >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    read -r -t "$limit" line <&6
    exec 6>&-
    [ "$line" = content ]
}

@test "what was written is there before the end is" {
    start_both
    echo first >&8
    eventually grep -q first bob.out
    echo second >&8
    eventually grep -q second bob.out
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
}

@test "the end of one direction arrives while the other goes on" {
    hold_open bob.in
    mkfifo out
    { cat >got && touch ended; } <out 3>&- 8>&- &
    also_started "$!"
    listen_to=out start_listener
    echo question >alice.in
    start_dialer
    eventually [ -e ended ]
    [ "$(cat got)" = question ]
    echo answer >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat alice.out)" = answer ]
}

@test "the listener may be the one that ends first" {
    echo welcome >bob.in
    start_both
    eventually grep -q welcome alice.out
    echo thanks >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat bob.out)" = thanks ]
}

@test "--send-only and --recv-only" {
    echo content >alice.in
    start_listener --recv-only
    dial --send-only <alice.in
    ends "$listener" 0
    [ "$(cat bob.out)" = content ]
}

@test "--recv-only leaves stdin unread" {
    random_file alice.in 1000000
    echo content >bob.in
    start_listener
    { dial --recv-only >alice.out && cat >left; } <alice.in
    ends "$listener" 0
    [ "$(cat alice.out)" = content ]
    [ ! -s bob.out ]
    cmp alice.in left
}

@test "--recv-only does not wait for a stdin that stays open" {
    hold_open bob.in
    start_listener --recv-only
    echo content | dial
    ends "$listener" 0
}

@test "--send-only refuses what comes" {
    random_file bob.in 100000
    start_listener
    run -8 --separate-stderr dial --send-only </dev/null
    ends "$listener" 8
}

@test "listen at a terminal ends with its caller, and tar gets through" {
    mkdir folder
    random_file folder/file 300000
    at_terminal=(python3 "$tools/terminal.py")
    start_listener
    at_terminal=()
    tar c folder | dial
    ends "$listener" 0
    mkdir there
    tar x -C there <bob.out
    diff -r folder there/folder
}

@test "dial at a terminal ends with the listener" {
    random_file bob.in 300000
    start_listener
    KITH_DIR=alice python3 "$tools/terminal.py" "$KITH" dial "bob@$address" >alice.out 3>&-
    ends "$listener" 0
    cmp bob.in alice.out
}

@test "listen at a terminal shows the line that calls it" {
    at_terminal=(python3 "$tools/terminal.py")
    start_listener
    eventually grep -q "kith dial.*$(as bob pubkey)@.*${address##*:}" bob.err
    dial </dev/null
    ends "$listener" 0
    at_terminal=()
    start_listener
    dial </dev/null
    ends "$listener" 0
    run ! grep 'kith dial' bob.err
}

@test "a full disk under the listener: both ends say so" {
    listen_to=/dev/full start_listener
    random_file alice.in 1000000
    run -8 --separate-stderr dial <alice.in
    ends "$listener" 1
    one_line "$(cat bob.err)" stdout 'No space'
}

@test "a full disk, noticed with the last byte" {
    listen_to=/dev/full start_listener
    run -8 dial <<<x
    ends "$listener" 1
}

@test "a full disk under the dialer" {
    random_file bob.in 100000
    start_listener
    status=0
    dial </dev/null >/dev/full || status=$?
    [ "$status" -eq 1 ]
    ends "$listener" 8
}

@test "a reader that goes away" {
    mkfifo out
    head -c 10 <out >/dev/null 3>&- &
    also_started "$!"
    listen_to=out start_listener
    random_file alice.in 1000000
    run -8 dial <alice.in
    ends "$listener" 1

    random_file bob.in 1000000
    start_listener
    dial </dev/null 2>alice.err | head -c 10 >/dev/null
    [ "${PIPESTATUS[0]}" -eq 1 ]
    ends "$listener" 8
}

@test "stdin that cannot be read" {
    start_listener
    run -1 dial <.
    ends "$listener" 8
}

@test "stdin that is closed is empty" {
    echo content >bob.in
    start_listener
    dial <&- >alice.out # run would open another stdin
    ends "$listener" 0
    [ "$(cat alice.out)" = content ]
    [ ! -s bob.out ]
}

@test "stdout that is closed takes nothing" {
    echo content >bob.in
    start_listener
    status=0
    dial </dev/null >&- 2>alice.err || status=$?
    [ "$status" -eq 1 ]
    one_line "$(cat alice.err)" stdout
    ends "$listener" 8
}

@test "a peer that dies is noticed while stdin says nothing" {
    start_both
    kill -KILL "$listener"
    ends "$dialer" 8
    one_line "$(cat alice.err)" bob 'cut short'

    exec 8>&-
    rm -f alice.in up
    start_both
    echo some >&8
    eventually grep -q some bob.out
    kill -KILL "$dialer"
    ends "$listener" 8
    one_line "$(cat bob.err)" alice 'cut short'
    [ "$(cat bob.out)" = some ]
}

# starts_full BYTES OPTION...: alice has sent so much that bob is blocked: nobody reads his stdout, which
# stays open as descriptor 8.
starts_full() {
    hold_open out
    listen_to=out start_listener "${@:2}"
    random_file alice.in "$1"
    start_dialer "${@:2}" --ready-fd 7 7>up
    eventually [ -s up ]
}

@test "a peer that dies while nobody reads our stdout, before it has our end" {
    mkfifo bob.in
    exec 6<>bob.in
    starts_full 700000 # more than the pipe holds, and so little that the end of the connection gets through
    kill -KILL "$dialer"
    ends "$listener" 8
    one_line "$(cat bob.err)" alice 'cut short'
}

@test "what a peer that died had said is there for who reads on, also what was not read yet" {
    mkfifo bob.in
    exec 6<>bob.in
    for _ in 1 2 3; do # who stands still for two seconds, as a machine may, is given up
        starts_full 1800000 --max-message-size 64K # more than we hold, and yet all of it is on its way
        kill -KILL "$dialer"
        ends "$dialer" 137
        exec 7<out 8>&-
        bounded cat <&7 >got
        exec 7<&-
        ends "$listener" 8
        ! cmp got alice.in || return 0
        rm out up
    done
    fail "of 1800000 bytes there are $(stat -c %s got)"
}

@test "a peer that dies while our reader pauses" {
    starts_full $((64 << 20)) # more than all buffers on the way hold
    kill -KILL "$dialer"
    ends "$dialer" 137
    exec 7<out 8>&-
    bounded cat <&7 >got
    exec 7<&-
    ends "$listener" 8
    cmp -n "$(stat -c %s got)" got alice.in
    [ "$(stat -c %s got)" -lt "$(stat -c %s alice.in)" ]
}

@test "who holds the key goes when kith is killed" {
    start_listener
    read -r -a family <"/proc/$listener/task/$listener/children" || true
    kill -KILL "$listener"
    for pid in "${family[@]}"; do
        eventually [ ! -d "/proc/$pid" ]
    done
}

@test "only one caller is let in" {
    start_both
    run -4 --separate-stderr dial </dev/null
    echo content >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat bob.out)" = content ]
}

# arrived COUNT: as many bytes, at least, are with bob.
arrived() {
    [ "$(stat -c %s bob.out)" -ge "$1" ]
}

@test "--rate holds what is sent to so many bytes a second, and all of it arrives" {
    random_file alice.in 30000
    start_listener --recv-only
    dial --rate 300K <alice.in
    ends "$listener" 0
    cmp alice.in bob.out
    # At this rate the rest takes an hour.
    random_file alice.in 4000000
    start_listener --recv-only
    start_dialer --rate 1K <alice.in
    eventually arrived 500
    arrived 400000 && fail "it was not held"
    kill "$dialer"
    ends "$listener" 8
}

@test "--rate of the one that listens, from a pipe, and for one direction only" {
    random_file alice.in 2000000
    echo slowly >bob.in
    start_listener --rate 2K
    dial <alice.in >alice.out
    ends "$listener" 0
    cmp alice.in bob.out
    [ "$(cat alice.out)" = slowly ]
}

@test "--progress=json is an object a line, with numbers, and the last says so" {
    random_file alice.in 3000
    start_listener --progress=json --recv-only
    run -0 --separate-stderr dial --progress=json --rate 2K <alice.in
    ends "$listener" 0
    [ "$(wc -l <<<"$stderr")" -ge 2 ]
    python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.argv[1].splitlines()]
assert all(line["what"] == "progress" and line["size"] == 3000 for line in lines), lines
assert [line["end"] for line in lines] == [False] * (len(lines) - 1) + [True], lines
sent = [line["sent"] for line in lines]
assert sent == sorted(sent) and sent[-1] == 3000 and lines[-1]["received"] == 0, lines
assert lines[-1]["seconds"] > 0 and lines[-1]["rate"] > 0, lines' "$stderr"
    python3 -c '
import json, sys
last = [json.loads(line) for line in open("bob.err") if line.startswith("{")][-1]
assert last["received"] == 3000 and last["end"] and "size" not in last, last'
    start_listener
    exec 6<alice.in
    head -c 1000 <&6 >/dev/null # the size is of what is to be sent
    run -0 --separate-stderr dial --progress=json <&6
    [[ $stderr == *'"size":2000,'* ]]
}

@test "--progress shows how much has gone" {
    random_file alice.in $((3 << 20))
    start_listener
    run -0 --separate-stderr dial --progress <alice.in
    ends "$listener" 0
    [[ $stderr =~ 3(\.0+)?\ ?Mi?B ]]
    start_listener
    run -0 --separate-stderr dial --progress < <(head -c 1000 alice.in)
    [[ $stderr == *'sent 0.98 KiB,'* ]] # three digits
}

@test "-v ends with a summary line" {
    random_file alice.in 5000
    random_file bob.in 70
    start_listener -v
    dial -v <alice.in 2>alice.err
    ends "$listener" 0
    grep -E "bob.*$address.*5000.*70|bob.*$address.*70.*5000" alice.err
    grep -E 'alice.*127\.0\.0\.1.*(5000.*70|70.*5000)' bob.err
}

@test "nothing is said where all goes well" {
    start_listener
    run -0 dial <<<content
    [ -z "$output" ]
    ends "$listener" 0
    [ ! -s bob.err ]
}

@test "--retry finds a listener that comes later" {
    address=127.0.0.1:$(free_port)
    echo content >alice.in
    start_dialer --retry "${limit}s" -vv
    eventually [ -s alice.err ]
    listen_on=$address start_listener
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat bob.out)" = content ]
}

@test "--retry gives up in the end" {
    start_listener
    KITH_DIR=carol bounded "$KITH" keygen
    KITH_DIR=carol run -5 bounded "$KITH" dial --retry 300ms "bob/identity.pub@$address" </dev/null
    kill -KILL "$listener"
    ends "$listener" 137
    run -4 dial --retry 300ms </dev/null
}

@test "--idle-timeout ends what does not move" {
    start_both --idle-timeout 300ms
    ends "$dialer" 7 8
    ends "$listener" 7 8
    grep -q idle alice.err bob.err
}

# moves_now_and_then: more often than in two seconds, if the machine does not stand still for as long.
moves_now_and_then() {
    start_listener --idle-timeout 2s
    for word in 1 2 3 4 5 6; do
        echo $word
        sleep 0.5
    done | dial
    ends "$listener" 0
}

@test "--idle-timeout leaves alone what moves now and then" {
    eventually moves_now_and_then
}

# taken_slowly: what the system holds of a sender for longer than its patience is read all the while, a
# mebibyte in half of that, which is the step in which a receiver's system may say so. It is more than
# that system takes without a word.
taken_slowly() {
    listen_to=slow
    rm -f slow
    mkfifo slow
    python3 -c '
import sys, time
size, begun = 0, time.monotonic()
while piece := sys.stdin.buffer.read1(100000):
    size += len(piece)
    late = time.monotonic() - begun
    if late < 5:
        time.sleep(max(0, size / 1048576 - late))
print(size)' <slow >size 3>&- &
    also_started $!
    start_listener --recv-only
    head -c 16000000 /dev/zero | dial --idle-timeout 2s || return
    ends "$listener" 0
    eventually grep -qx 16000000 size
}

@test "--idle-timeout leaves alone what a slow reader takes of what the system holds" {
    eventually taken_slowly
}

@test "--ready-fd of dial says the address once the channel is up" {
    start_both
    [ "$(cat up)" = "$address" ]
    exec 8>&-
    ends "$dialer" 0
}

@test "different --max-message-size: whole, or refused" {
    random_file alice.in 100000
    start_listener --max-message-size 4K
    status=0
    dial --max-message-size 64K <alice.in || status=$?
    [ "$status" -eq 8 ]
    ends "$listener" 8
    [ ! -s bob.out ]
}

@test "over IPv6" {
    needs_ipv6
    random_file alice.in 100000
    listen_on='[::1]:0' start_listener
    dial <alice.in
    ends "$listener" 0
    cmp alice.in bob.out
}

@test "a name is tried at each of its addresses" {
    start_listener
    as alice dial "bob@localhost:${address##*:}" </dev/null
    ends "$listener" 0
}

@test "a listener without HOST is reached by every address" {
    listen_on=0 start_listener
    as alice dial "bob@127.0.0.1:${address##*:}" </dev/null
    ends "$listener" 0
    needs_ipv6
    listen_on=0 start_listener
    as alice dial "bob@[::1]:${address##*:}" </dev/null
    ends "$listener" 0
}

@test "rsync over the pipe" {
    command -v rsync >/dev/null || skip "no rsync here"
    mkdir folder
    for name in 1 2 3; do
        random_file "folder/$name" 100000
    done
    cat >shell <<'SCRIPT'
#!/usr/bin/env bash
# In place of ssh: rsync's other side runs behind a listener that this very call starts. When that
# side has ended our input ends too, which rsync keeps open; and cat reads to the end in its place.
mkfifo ready back forth
cat <&0 >forth &
input=$!
(KITH_DIR=bob "$KITH" listen --ready-fd 9 127.0.0.1:0 9>ready <back | cat | {
    "${@:2}" >back
    kill "$input"
}) &
read -r address <ready
KITH_DIR=alice "$KITH" dial "bob@$address" <forth
status=$?
wait
rm -f ready back forth
exit "$status"
SCRIPT
    chmod +x shell
    bounded rsync -a -e "$PWD/shell" folder/ there:"$PWD/copy/" 3>&-
    diff -r folder copy
    echo changed >folder/2
    bounded rsync -a -e "$PWD/shell" folder/ there:"$PWD/copy/" 3>&-
    diff -r folder copy
}

@test "git bundle through the pipe" {
    git init -q repository
    git -C repository -c user.name=alice -c user.email=alice@example.org \
        commit -q --allow-empty -m 'one of them'
    start_listener
    git -C repository bundle create -q - --all | dial
    ends "$listener" 0
    git clone -q bob.out clone
    [ "$(git -C clone rev-parse HEAD)" = "$(git -C repository rev-parse HEAD)" ]
}

@test "1 GiB through less than 8 MiB of memory at each end" {
    ! sanitized || skip "a sanitizer takes memory of its own"
    timeout -k 1 $((4 * limit)) python3 "$tools/memory.py" 1024 8192 3>&-
}

@test "a name with a dead address first is reached at its next one" {
    unshare -n -m true 2>/dev/null || skip "no network of our own available here"
    cat >script <<'END'
ip link set lo up && ip link add dead type veth peer name end || exit 77
ip link set dead up && ip link set end up || exit 77
ip addr add 192.0.2.9/24 dev dead && ip addr add 2001:db8::9/64 dev dead nodad || exit 77
ip neigh add 2001:db8::1 lladdr 02:00:00:00:00:01 dev dead || exit 77
printf '2001:db8::1 both\n192.0.2.9 both\n' >hosts
mount --bind hosts /etc/hosts || exit 77
[ "$(getent ahosts both | awk 'NR == 1 { print $1 }')" = 2001:db8::1 ] || exit 77
KITH_DIR=bob "$KITH" listen --ready-fd 9 192.0.2.9:0 9>ready >bob.out 2>bob.err </dev/null &
read -r address <ready
# Nobody answers at the first address, not even to refuse: it would take all of the time.
echo content | KITH_DIR=alice "$KITH" dial -w 15s "bob@both:${address##*:}" 2>alice.err || exit 1
wait $!
END
    mkfifo ready
    local status=0
    bounded unshare -n -m bash script 3>&- || status=$?
    [ "$status" -ne 77 ] || skip "no addresses available here"
    [ "$status" -eq 0 ]
    [ "$(cat bob.out)" = content ]
}
