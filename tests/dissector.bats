#!/usr/bin/env bats
# shellcheck shell=bats
# contrib/wireshark: what tshark shows of a channel, on recordings of real ones.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/daemons.bash"

setup() {
    command -v tshark >/dev/null || skip "no tshark here"
    export HOME=$BATS_TEST_TMPDIR # so that nobody's own settings count
    cp -R "$BATS_FILE_TMPDIR/alice" "$BATS_FILE_TMPDIR/bob" "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
}

# record PORT: puts a relay before it that records what passes, and sets address to where it is.
record() {
    rm -f relay
    mkfifo relay
    python3 "$tools/recorder.py" channel.pcap "$1" >relay 3>&- 8>&- &
    started+=("$!")
    read -r -t "$limit" address <relay || fail "no relay"
    address=127.0.0.1:$address
}

# shown OPTION...: what tshark makes of the recording.
shown() {
    eventually test -e channel.pcap
    bounded tshark -X "lua_script:$root/contrib/wireshark/kith.lua" -r channel.pcap "$@" 2>tshark.err
    if grep -iE 'lua|malformed' tshark.err; then
        return 1
    fi
}

# fields NAME...: those of each frame of a channel.
fields() {
    shown -Y kith -T fields "${@/#/-e}"
}

key_of() {
    cut -c 1-64 "$1/identity.pub"
}

@test "a channel is found, and who says what in its handshake" {
    echo 'from bob' >bob.in
    start_listener
    record "${address##*:}"
    echo 'from alice' | dial
    ends "$listener" 0
    run fields kith.kind kith.recipient kith.signer
    [ "${lines[0]}" = $'hello\t'"$(key_of bob)"$'\t'"$(key_of alice)" ]
    [ "${lines[1]}" = $'answer\t'"$(key_of alice)"$'\t'"$(key_of bob)" ]
    [[ ${lines[2]} == confirmation* ]]
}

@test "the times, the tag and the lengths are those that are there" {
    start_listener
    record "${address##*:}"
    before=$(date +%s)
    random_file alice.in 300000
    dial <alice.in
    ends "$listener" 0
    run fields frame.time_epoch kith.timestamp
    shown -Y kith.timestamp -T fields -e kith.timestamp >stamps
    while read -r time; do
        ((before <= $(date -d "$time" +%s) + 1 && $(date -d "$time" +%s) <= $(date +%s)))
    done <stamps
    [ "$(wc -l <stamps)" = 2 ]
    # The tag is the hash of the hello, which is the recording's first frame less its length.
    hello=$(shown -Y 'kith.kind == "hello"' -T fields -e tcp.payload)
    [ "$(shown -Y kith.tag -T fields -e kith.tag)" = \
        "$(printf '%s' "${hello:8}" | sed 's/../\\x&/g' | xargs -0 printf | sha256sum | cut -c 1-64)" ]
    [ "$(shown -Y kith.plaintext -T fields -e kith.plaintext | tr ',' '\n' |
        awk '{ sum += $1 } END { print sum }')" = 300000 ]
}

@test "an end and a receipt are seen, each way" {
    start_listener
    record "${address##*:}"
    echo 'a word' | dial
    ends "$listener" 0
    [ "$(shown -Y 'kith.plaintext == 0' -T fields -e kith.plaintext | tr ',' '\n' | grep -cx 0)" = 4 ]
}

@test "a channel that is kept has its records, by their lengths" {
    start_serve db=exec:cat
    record "${address##*:}"
    echo 'a word' | KITH_DIR=alice bounded "$KITH" dial "bob@$address:db" >back
    [ "$(cat back)" = 'a word' ]
    # OPEN and a name, ACCEPT, BEGIN; the word, to and fro; two ends, two receipts, CLOSE from both.
    shown -Y kith.plaintext -T fields -e kith.plaintext | tr ',' '\n' >lengths
    for each in 3:1 1:4 7:2 0:4; do
        [ "$(grep -cx "${each%:*}" lengths)" = "${each#*:}" ]
    done
}

@test "what is no channel is not taken for one" {
    python3 -c 'import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
caller, _ = listener.accept()
caller.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(200))
caller.recv(1000)' >port 3>&- 8>&- &
    started+=("$!")
    eventually test -s port
    record "$(cat port)"
    printf 'GET / HTTP/1.0\r\n\r\n%0170d' 0 | socat -t 5 - "TCP:$address" >/dev/null
    [ -z "$(shown -Y kith)" ]
}

@test "a frame that is none of a channel is called so" {
    start_listener
    record "${address##*:}"
    KITH_DIR=alice bounded "$KITH" dial "bob@$address" </dev/null
    ends "$listener" 0
    # Its last frames with a length that is none.
    python3 - <<'END'
octets = bytearray(open("channel.pcap", "rb").read())
at = octets.rindex(b"\x00\x00\x00\x10")
octets[at:at + 4] = b"\x00\x00\x00\x00"
open("channel.pcap", "wb").write(octets)
END
    [ -n "$(bounded tshark -X "lua_script:$root/contrib/wireshark/kith.lua" -r channel.pcap \
        -Y kith.malformed 2>/dev/null)" ]
}
