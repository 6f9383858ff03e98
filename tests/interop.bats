#!/usr/bin/env bats
# shellcheck shell=bats
# kith and the Rust crate whose protocol it speaks (the program in tests/interop), in both roles.
# alice dials and bob listens; in each test one of the two is the crate, with that one's seed.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

alice_seed=$(printf '0a%.0s' {1..32})
bob_seed=$(printf '0b%.0s' {1..32})
stranger_seed=$(printf '0c%.0s' {1..32})

# Build the program of tests/interop; sets why_not if that is not possible here.
build_interop() {
    local manifest=$root/tests/interop/Cargo.toml
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/build/interop}
    export interop=$CARGO_TARGET_DIR/debug/interop
    export why_not=
    if ! command -v cargo >/dev/null; then
        why_not="cargo is not installed"
    elif ! cargo fetch -q --locked --offline --manifest-path "$manifest" &&
        ! timeout 300 cargo fetch -q --locked --manifest-path "$manifest"; then
        why_not="the crate commonware-stream cannot be had"
    elif ! cargo build -q --locked --offline --manifest-path "$manifest"; then
        why_not="tests/interop does not build: is cargo too old?"
    fi 2>"$BATS_FILE_TMPDIR/cargo.err"
}

setup_file() {
    local who seed
    build_interop
    cd "$BATS_FILE_TMPDIR" || return
    mkdir alice bob
    if [ -n "$why_not" ]; then
        [ "${KITH_REQUIRE_INTEROP:-}" != 1 ] || fail "$why_not" "$(<cargo.err)"
        return 0
    fi
    for who in alice bob; do
        seed=${who}_seed
        (umask 077 && echo "${!seed}" >"$who/identity")
        public "${!seed}" >"$who/identity.pub"
    done
    echo "$(<alice/identity.pub) alice" >bob/peers
    echo "$(<bob/identity.pub) bob" >alice/peers
}

eval "enter_$(declare -f setup)" # the helpers'

setup() {
    [ -z "$why_not" ] || skip "$why_not"
    enter_setup
}

# The public key of a seed.
public() {
    "$interop" public --seed "$1"
}

# crate_dials OPTION...: the crate dials bob at $address, as alice unless told otherwise (the last
# option counts), sends crate.in, and writes what it gets to crate.out.
crate_dials() {
    touch crate.in
    bounded "$interop" dial --seed "$alice_seed" --peer "$(<bob/identity.pub)" --addr "$address" \
        --send crate.in --receive crate.out "$@" 2>crate.err 3>&-
}

# crate_listens OPTION...: the crate listens as bob, the same way. Sets address and crate, its pid.
crate_listens() {
    touch crate.in
    rm -f crate.address
    "$interop" listen --seed "$bob_seed" --send crate.in --receive crate.out "$@" \
        >crate.address 2>crate.err 3>&- &
    crate=$!
    started+=("$crate")
    eventually test -s crate.address
    address=$(<crate.address)
}

# said_by FILE PATTERN...: one line in it has each of these.
said_by() {
    local line='.*' pattern
    for pattern in "${@:2}"; do
        line+="$pattern.*"
    done
    grep -Eq "$line" "$1" || fail "$1 says no '$line', but:" "$(<"$1")"
}

# Stdin for kith that neither has anything nor ends.
no_end() {
    mkfifo "$1"
    exec 8<>"$1"
}

# bob, who has just refused somebody, still waits: alice gets through.
still_waits() {
    crate_dials
    ends "$listener" 0
}

@test "the recorded handshakes are what the crate says" {
    "$interop" record | cmp - "$root/tests/vectors/recorded.json"
}

# both_ways BYTES BYTES: so many from kith and so many from the crate, kith as dialer and as listener.
both_ways() {
    random_file alice.in "$1"
    cp alice.in bob.in
    random_file crate.in "$2"

    crate_listens "${@:3}"
    start_dialer
    ends "$dialer" 0
    ends "$crate" 0
    cmp crate.in alice.out
    cmp alice.in crate.out

    rm crate.out
    start_listener
    crate_dials "${@:3}"
    ends "$listener" 0
    cmp crate.in bob.out
    cmp bob.in crate.out
}

@test "nothing at all, both ways" {
    both_ways 0 0
}

@test "one byte, both ways" {
    both_ways 1 1
}

@test "nothing one way, and much the other" {
    both_ways 0 1000000
    rm -f crate.address bob.in
    both_ways 1000000 0
}

@test "megabytes both ways at once" {
    both_ways 8000000 8000000
}

@test "messages of many sizes from the crate" {
    both_ways 100 700000 --sizes 1,2,3,15,16,17,63,64,65,255,256,1023,4096,16384,65535,65536
}

@test "messages of one byte from the crate" {
    both_ways 0 3000 --sizes 1
}

# with_maximum BYTES OPTION SIZE: both sides take messages of so many bytes, and the crate's are.
with_maximum() {
    random_file alice.in "$3"
    random_file crate.in "$3"
    crate_listens --max-message-size "$1" --sizes "$1"
    dial --max-message-size "$2" <alice.in >alice.out
    ends "$crate" 0
    cmp crate.in alice.out
    cmp alice.in crate.out
}

@test "another maximum for messages" {
    with_maximum 1024 1K 100000
}

@test "a larger maximum than the default" {
    with_maximum 131072 128K 700000
}

@test "a message over our maximum ends the channel, and the one at it does not" {
    no_end alice.in
    random_file crate.in 4000
    crate_listens --sizes 1024,1024,1025
    start_dialer --max-message-size 1K
    ends "$dialer" 8
    one_line "$(<alice.err)"
    head -c 2048 crate.in | cmp - alice.out
}

# ---- What both have to agree on ----

@test "other namespaces, short and long" {
    local name
    for name in x 'ein Name: ü' "$(printf 'long%.0s' {1..50})"; do
        crate_listens --namespace "$name"
        dial -n "$name" </dev/null
        ends "$crate" 0
        start_listener -n "$name"
        crate_dials --namespace "$name"
        ends "$listener" 0
    done
}

@test "a namespace from a file is the same bytes there" {
    local line=iuNwB9sQqMlTHo2V0v9M3bXgS4xJr6yD5PzKcFhWnAE=
    random_file sent 1000
    for end in '' '\n' '\r\n'; do
        (umask 077 && printf %b "$line$end" >ns)
        crate_listens --namespace "$line"
        dial --namespace-file ns <sent >got
        ends "$crate" 0
        cmp sent crate.out
        start_listener --namespace-file ns
        cp sent crate.in
        crate_dials --namespace "$line"
        ends "$listener" 0
        cmp sent bob.out
        rm crate.in
    done
}

@test "a peer's own namespace is the same bytes there" {
    local line=iuNwB9sQqMlTHo2V0v9M3bXgS4xJr6yD5PzKcFhWnAE=
    for who in alice bob; do
        (umask 077 && echo "$line" >"$who/pair.ns")
        sed -i 's/^/namespace-file="pair.ns" /' "$who/peers"
    done
    random_file sent 1000
    crate_listens --namespace "$line"
    dial <sent >got
    ends "$crate" 0
    cmp sent crate.out
    start_listener
    run -5 crate_dials
    eventually said_by bob.err "alice .*namespace"
    cp sent crate.in
    crate_dials --namespace "$line"
    ends "$listener" 0
    cmp sent bob.out
}

@test "a namespace that is not ours: kith dials" {
    crate_listens --namespace other
    refused 5 -- dial </dev/null
    ends "$crate" 5
    said_by crate.err InvalidSignature
}

@test "a namespace that is not ours: kith listens" {
    start_listener
    run -5 crate_dials --namespace other
    eventually said_by bob.err "namespace"
    still_waits
}

@test "a key that is not the one that was called: kith dials" {
    crate_listens --seed "$stranger_seed"
    refused 5 -- dial </dev/null
    ends "$crate" 5
    said_by crate.err HelloNotForUs
}

@test "a key that is not the one that was called: kith listens" {
    start_listener
    run -5 crate_dials --peer "$(public "$stranger_seed")"
    eventually said_by bob.err "kith:" "127\.0\.0\.1"
    still_waits
}

@test "a peer that is not known: kith dials" {
    crate_listens --allow "$(public "$stranger_seed")"
    refused 5 -- dial </dev/null
    ends "$crate" 5
    said_by crate.err UnknownPeer
}

@test "a peer that is not known: kith listens" {
    start_listener
    run -5 crate_dials --seed "$stranger_seed"
    said_by crate.err RecvFailed
    eventually said_by bob.err "$(public "$stranger_seed" | cut -c 1-8)"
    still_waits
}

@test "our own key: kith listens" {
    start_listener
    run -5 crate_dials --seed "$bob_seed" # which the crate itself refuses to do
    said_by crate.err DialSelf
    still_waits
}

# ---- Clocks ----

@test "clocks that differ within the bounds" {
    local ms
    for ms in -8000 4000; do
        start_listener
        crate_dials --clock-offset-ms "$ms" --synchrony-bound-ms 60000
        ends "$listener" 0
        crate_listens --clock-offset-ms "$ms" --synchrony-bound-ms 60000
        dial </dev/null
        ends "$crate" 0
    done
}

@test "a clock that is behind: kith listens" {
    start_listener
    run -5 crate_dials --clock-offset-ms -60000
    eventually said_by bob.err behind
    still_waits
}

@test "a clock that is ahead: kith listens" {
    start_listener
    run -5 crate_dials --clock-offset-ms 60000
    eventually said_by bob.err ahead
    still_waits
}

@test "a clock that is behind or ahead: kith dials, and is told nothing" {
    crate_listens --clock-offset-ms 60000
    refused 5 -- dial </dev/null
    ends "$crate" 5
    said_by crate.err InvalidTimestampOld
    crate_listens --clock-offset-ms -60000
    refused 5 -- dial </dev/null
    ends "$crate" 5
    said_by crate.err InvalidTimestampFuture
}

@test "a clock that is behind or ahead: kith dials, and is answered" {
    local ms
    for ms in -60000 60000; do
        crate_listens --clock-offset-ms "$ms" --synchrony-bound-ms 600000 \
            --max-handshake-age-ms 600000
        refused 6 clock -- dial </dev/null
        ends "$crate" 5
    done
}

@test "bounds that are wider let both clocks through" {
    crate_listens --clock-offset-ms 60000 --max-handshake-age-ms 600000
    dial --synchrony-bound 2m </dev/null
    ends "$crate" 0
    start_listener --max-handshake-age 2m
    crate_dials --clock-offset-ms -60000 --synchrony-bound-ms 600000
    ends "$listener" 0
}

# ---- The handshake alone, and broken ----

@test "check says that the crate is there, and goes no further" {
    crate_listens
    as alice check "bob@$address"
    ends "$crate" 5
    said_by crate.err RecvFailed
}

@test "a bit of message 1 or 3 is another: kith listens" {
    start_listener
    run -5 crate_dials --flip-frame 0
    still_waits
    start_listener
    run -8 crate_dials --flip-frame 1 # the last that a dialer sends, so it thinks that all is well
    still_waits
}

@test "message 1 or 3 is cut: kith listens" {
    local frame
    for frame in 0 1; do
        start_listener
        run -5 crate_dials --cut-frame "$frame"
        still_waits
    done
}

@test "a bit of message 2 is another, or it is cut: kith dials" {
    crate_listens --flip-frame 0
    refused 5 -- dial </dev/null
    ends "$crate" 5
    crate_listens --cut-frame 0
    refused 5 -- dial </dev/null
    ends "$crate" 5
}

# ---- The stream broken ----

# breaks PATTERN OPTION...: the crate sends 1000 bytes and then does what the options say. In both
# roles kith ends with status 8 and one line with this in it.
breaks() {
    random_file crate.in 1000
    crate_listens --sizes 100 "${@:2}"
    start_dialer
    ends "$dialer" 8
    one_line "$(<alice.err)" "$1"
    ends "$crate" 0 8

    start_listener
    crate_dials --sizes 100 "${@:2}" || [ $? = 8 ]
    ends "$listener" 8
    one_line "$(<bob.err)" "$1"
}

# delivered BYTES: the first so many, and nothing else.
delivered() {
    head -c "$1" crate.in | cmp - alice.out
    head -c "$1" crate.in | cmp - bob.out
}

@test "closed before its end" {
    breaks "cut short" --fault close-before-end
    delivered 1000
}

@test "closed before its receipt" {
    breaks "cut short" --fault close-before-receipt
    delivered 1000
}

@test "data after its end" {
    no_end alice.in
    ln alice.in bob.in
    breaks "after its end" --fault data-after-end
    delivered 1000
}

@test "a receipt for what we have not sent" {
    no_end alice.in
    ln alice.in bob.in
    breaks "cannot have" --fault early-receipt
    delivered 1000
}

@test "data after its receipt" {
    breaks "after its receipt" --fault data-after-receipt
    delivered 1000
}

@test "an empty message after its receipt" {
    breaks "after its receipt" --fault empty-after-receipt
    delivered 1000
}

@test "a bit of a message is another" {
    # Of the dialer's frames 2, of the listener's 1 belong to the handshake.
    breaks tampered --flip-frame 5
    head -c 400 crate.in | cmp - alice.out
    head -c 300 crate.in | cmp - bob.out
}

@test "a message is cut" {
    breaks "cut short" --cut-frame 5
    head -c 400 crate.in | cmp - alice.out
    head -c 300 crate.in | cmp - bob.out
}

@test "a peer that says nothing is left in the end, when told so" {
    no_end alice.in
    crate_listens --fault silence
    start_dialer --idle-timeout 500ms
    ends "$dialer" 7
    ends "$crate" 0
}

# ---- The daemons ----

# start_daemon WHO ARGUMENT...: kith serve or forward with the folder of alice or bob. Sets address.
start_daemon() {
    rm -f ready
    mkfifo ready
    KITH_DIR=$1 "$KITH" "$2" --ready-fd 9 "${@:3}" </dev/null 2>"$1.err" 9>ready 3>&- &
    started+=("$!")
    read -r -t "$limit" address <ready || fail "kith $2 is not ready"
}

@test "serve joins the crate to a program" {
    random_file crate.in 300000
    start_daemon bob serve 127.0.0.1:0 --exec cat
    crate_dials --sizes 1,1000,65536
    cmp crate.in crate.out
    rm crate.out
    crate_dials
    cmp crate.in crate.out
}

# Copy stdin to the UNIX socket, and what comes from there to stdout, until it closes.
through_socket='
import socket, sys, threading
local = socket.socket(socket.AF_UNIX)
local.connect(sys.argv[1])
def send():
    local.sendall(sys.stdin.buffer.read())
    local.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while data := local.recv(65536):
    sys.stdout.buffer.write(data)
'

@test "forward carries a local connection to the crate" {
    random_file alice.in 300000
    random_file crate.in 300000
    crate_listens
    start_daemon alice forward --plain "$PWD/local" "bob@$address"
    bounded python3 -c "$through_socket" "$PWD/local" <alice.in >alice.out
    ends "$crate" 0
    cmp crate.in alice.out
    cmp alice.in crate.out
}
