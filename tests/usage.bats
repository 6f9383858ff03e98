#!/usr/bin/env bats
# shellcheck shell=bats
# The command line, what is said when something is wrong, and the exit statuses.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# misused PATTERN ARGUMENT...: this command line is a usage error, and the line about it has the pattern.
misused() {
    refused 2 "$1" -- as alice "${@:2}"
}

@test "a complaint about the identity comes alone, whatever else is wrong" {
    echo nonsense >alice/peers
    rm alice/identity
    refused 3 identity "no such file" -- as alice dial bob
    refused 3 identity "no such file" -- as alice check nobody
    refused 3 identity "no such file" -- as alice forward 0 bob
    refused 3 identity "no such file" -- as alice serve 127.0.0.1:0 1
    echo broken >alice/identity && chmod 600 alice/identity
    refused 3 identity -- as alice listen 127.0.0.1:0
}

@test "--help and --version are on stdout, and right" {
    for arguments in --help --version {keygen,pubkey,listen,dial,check,meet,import}' --help'; do
        # shellcheck disable=SC2086 # a command and its option are two words
        run -0 --separate-stderr "$KITH" $arguments
        [ -n "$output" ]
        [ -z "$stderr" ]
    done
    run "$KITH" --version
    [[ $output =~ ^kith\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "what is asked for and cannot be written is an error, whose cause is said" {
    for arguments in --help --version 'pubkey alice/identity.pub'; do
        run -1 bash -c "'$KITH' $arguments >/dev/full"
        [[ $output == "kith: stdout: cannot write: No space left on device"* ]]
    done
}

@test "--help lists the options that the manual has, and the manual those of --help" {
    for command in keygen pubkey listen dial check meet import; do
        "$KITH" $command --help | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u >"$command.help"
        [ -s "$command.help" ]
    done
    sort -u ./*.help >help
    sed 's/\\-/-/g' "$root/man/kith.1" | sed -n 's/^\.It Fl //p' | tr ' ' '\n' |
        sed -n 's/^-\([a-z][a-z0-9-]*\)$/--\1/p' | sort -u >manual
    comm -23 help manual >missing
    [ ! -s missing ] || fail "not in the manual:" "$(cat missing)"
    while read -r option; do
        grep -qx -e "$option" help || "$KITH" serve --help | grep -q -e "$option" ||
            "$KITH" forward --help | grep -q -e "$option" || fail "not in any --help: $option"
    done <manual
}

@test "--help of each command ends with it as it is typed, and fits 80 columns" {
    for command in $("$KITH" --help | sed -n 's/^  kith \([a-z]*\) .*/\1/p' | sort -u | grep -vxE 'help|version'); do
        "$KITH" "$command" --help >help
        sed '1,/^For example:$/d' help >examples
        [ -s examples ] || fail "no example of $command"
        run ! grep -v "^    .*kith $command " examples
        run ! grep -E '.{81}' help
    done
    run ! grep -E '.{81}' <("$KITH" --help)
    "$KITH" --help | sed '1,/^For example/d' >examples
    [ "$(grep -c '^    [a-z]*\$ *kith ' examples)" = 4 ]
}

@test "--help says what stands for a peer, and calls a name by one word" {
    for command in serve forward dial check; do
        "$KITH" "$command" --help >help
        grep -q '^PEER is ' help || fail "$command does not say what PEER is"
    done
    run ! grep -F '[:TARGET]' <("$KITH" --help)
    run -0 "$KITH" dial --help
    [[ $output == *'--output FILE'*$'\n'*'--force '*'-o: replace FILE'* ]]
}

@test "no command, or one that there is not" {
    misused ''
    misused frobnicate frobnicate
    misused --frobnicate --frobnicate
    misused '' ''
}

@test "options that there are not, or not here" {
    misused --frobnicate dial --frobnicate bob@127.0.0.1:1
    misused z dial -z bob@127.0.0.1:1
    misused --retry listen --retry 5s 127.0.0.1:0
    misused --progress check --progress bob@127.0.0.1:1
    misused 'takes nothing, or =json' dial --progress=text bob@127.0.0.1:1
    misused --rate dial --rate 0 bob@127.0.0.1:1
    misused --rate dial --rate 3G bob@127.0.0.1:1
    misused 'give it to the side that sends' listen --rate 1K --recv-only 0
    misused --rate forward --rate 1K 0 bob@127.0.0.1:1
    misused --max-connections dial --max-connections 5 bob@127.0.0.1:1
    misused -f dial -f bob@127.0.0.1:1
}

@test "arguments that are missing or too many" {
    misused '' dial
    misused '' listen
    misused '' check
    misused '' dial bob@127.0.0.1:1 more
    misused '' listen 127.0.0.1:0 more
    misused '' keygen one two
    misused '' pubkey one two
    misused -i dial bob@127.0.0.1:1 -i
    misused --namespace dial bob@127.0.0.1:1 --namespace
}

@test "times and sizes that are none" {
    for time in '' 5x -1s 1.5s s 5ss ' 5s' 99999999999999999999s 9999h 0x5s; do
        misused handshake-timeout dial -w "$time" bob@127.0.0.1:1
        misused synchrony-bound dial --synchrony-bound "$time" bob@127.0.0.1:1
        misused max-handshake-age listen --max-handshake-age "$time" 127.0.0.1:0
        misused idle-timeout listen --idle-timeout "$time" 127.0.0.1:0
        misused retry dial --retry "$time" bob@127.0.0.1:1
    done
    for size in '' 0 -1 1X K 1KK 5G 17592186044417M 99999999999999999999 0x400; do
        misused max-message-size dial --max-message-size "$size" bob@127.0.0.1:1
    done
}

@test "other values that make no sense" {
    misused namespace dial -n '' bob@127.0.0.1:1
    misused log-format dial --log-format xml bob@127.0.0.1:1
    misused ready-fd listen --ready-fd x 127.0.0.1:0
    misused ready-fd listen --ready-fd -1 127.0.0.1:0
    misused ready-fd listen --ready-fd 77 127.0.0.1:0 # it is not open
    misused ready-fd listen --ready-fd 7 127.0.0.1:0 7</dev/null
    misused '' dial --send-only --recv-only bob@127.0.0.1:1
}

@test "a private key's file is not named as a public key's, nor as standard input" {
    refused 2 'x\.pub' 'taken for a public key' -- as alice keygen x.pub
    refused 2 'standard input' -- as alice keygen -
    [ ! -e x.pub ] && [ ! -e x.pub.pub ] && [ ! -e ./- ]
}

@test "both address families alone" {
    refused 2 'exclude each other' -- as alice dial -4 -6 bob
    refused 2 'exclude each other' -- as alice listen -6 -4 0
}

@test "addresses that are none" {
    for where in '' : 127.0.0.1: 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1:0x50 '[::1:80' '::1:80:'; do
        misused '' listen "$where"
    done
    for peer in bob@ bob@127.0.0.1 bob@127.0.0.1: bob@127.0.0.1:99999 bob@:80 @127.0.0.1:1; do
        misused '' dial "$peer"
    done
}

@test "addresses that are too long, and how long they may be" {
    path=/tmp/$(printf 'x%.0s' {1..200})
    host=$(printf 'h%.0s' {1..300})
    name=$(printf 'h%.0s' {1..255})
    refused 2 'too long' '107 bytes|103 bytes' -- as alice forward "$path" bob@127.0.0.1:1
    refused 2 'too long' '107 bytes|103 bytes' -- as alice serve 127.0.0.1:0 "$path"
    refused 2 'too long' '255 bytes' -- as alice forward "$host:1" bob@127.0.0.1:1
    refused 2 'too long' '255 bytes' -- as alice serve "$host:1" 1
    refused 2 'too long' '255 bytes' -- as alice listen "$host:1"
    refused 2 'too long' '255 bytes' -- as alice dial "bob@$host:1"
    refused 2 'HOST:PORT' -- as alice dial "bob@host"
    refused 2 'does not say who is meant' -- as alice dial "$(printf 'w%.0s' {1..4200})@127.0.0.1:1"
    refused 4 '' -- as alice dial -w 20s "bob@$name:1"
    ln -s "$PWD" "/tmp/kith-test-$$"
    path=/tmp/kith-test-$$/
    path+=$(head -c $((107 - ${#path})) <<<"$host")
    refused 2 'too long' -- as alice forward "${path}x" bob@127.0.0.1:1
    KITH_DIR=alice "$KITH" forward "$path" bob@127.0.0.1:1 2>forward.err 3>&- &
    also_started $!
    eventually test -S "$path"
    rm "/tmp/kith-test-$$"
}

@test "a missing identity or peers file, with the command or line that makes it" {
    mkdir nothing
    refused 3 nothing/identity 'kith keygen' -- as nothing dial bob@127.0.0.1:1
    refused 3 nothing/identity 'kith keygen' -- as nothing listen 127.0.0.1:0
    rm alice/peers
    refused 3 alice/peers -- as alice dial bob@127.0.0.1:1
    refused 3 alice/peers -- as alice listen 127.0.0.1:0
    refused 3 carol -- as bob dial carol@127.0.0.1:1
}

@test "an address that cannot be resolved, reached or bound" {
    refused 4 no-such-host.invalid -- as alice dial bob@no-such-host.invalid:9000
    # A port that was just given back is one that nobody listens on.
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    refused 4 "127.0.0.1:$port" -- as alice dial "bob@127.0.0.1:$port"
    start_listener
    refused 4 "$address" -- as bob listen "$address"
    refused 4 192.0.2.1 -- as bob listen 192.0.2.1:0
    refused 4 -- as alice dial -s 192.0.2.1 "bob@$address"
    refused 4 '-6 takes an address of IPv6 alone' -- as alice dial -6 "bob@$address"
}

@test "somebody else who answers" {
    KITH_DIR=carol bounded "$KITH" keygen -n carol
    start_listener -v
    run -5 --separate-stderr as alice dial "carol/identity.pub@$address" </dev/null
    one_line "$stderr" carol
    eventually grep -q 'another key' bob.err
}

@test "namespaces that differ: the listener says so, the dialer what it can be" {
    start_listener -v -n one
    refused 5 namespace -- dial -n two </dev/null
    eventually grep -q namespace bob.err
    dial -n one </dev/null
    ends "$listener" 0
}

@test "our own key in the place of a peer's is refused before anything is sent" {
    refused 3 'own' -- as alice dial alice/identity.pub@127.0.0.1:1
    refused 3 'own' -- as alice listen -p alice/identity.pub 127.0.0.1:0
    refused 3 'own' -- as alice serve -p "$(as alice pubkey alice/identity | cut -c 1-64)" 127.0.0.1:0 1
}

@test "somebody silent, until the deadline" {
    exec 6< <(exec 3>&-; exec python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
silent, _ = server.accept()
silent.recv(1 << 16)
while silent.recv(1 << 16):
    pass')
    also_started "$!"
    read -r -t "$limit" port <&6
    refused 7 127.0.0.1:"$port" -- as alice dial -w 500ms "bob@127.0.0.1:$port"
}

@test "check tells who is there, and leaves the listener waiting" {
    start_listener
    run -0 --separate-stderr as alice check "bob@$address"
    [[ $output == *bob*"$address"* ]]
    kill -0 "$listener"
    dial </dev/null
    ends "$listener" 0
    run -4 as alice check "bob@$address"
    start_listener -n other
    run -5 as alice check "bob@$address"
}

# Each line is an object that names what happened.
json_lines() {
    python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines, "nothing was said"
for line in lines:
    for field in ("time", "level", "what", "why"):
        assert isinstance(line[field], str) and line[field], line
if len(sys.argv) > 1:
    assert any(all(key in line for key in sys.argv[1:]) for line in lines), lines
' "$@"
}

@test "--log-format json is one object a line, with the same fields" {
    start_listener --log-format json -vv
    echo hello | dial --log-format json -v 2>dial.json
    ends "$listener" 0
    json_lines which address sent received seconds <dial.json
    json_lines which address sent received seconds <bob.err
    run -4 --separate-stderr as alice dial --log-format json bob@no-such-host.invalid:9000
    json_lines which <<<"$stderr"
    run -3 --separate-stderr as alice dial --log-format json alice/identity.pub@127.0.0.1:1
    json_lines hint <<<"$stderr"
}

@test "--log-format json survives what a command line can hold" {
    run --separate-stderr as alice dial --log-format json $'a"\\\n\e\xff@127.0.0.1:1'
    [ "$status" -ne 0 ]
    json_lines which <<<"$stderr"
}

@test "-q shows errors and nothing else" {
    chmod 640 alice/identity
    start_listener
    run -0 --separate-stderr dial -q </dev/null
    [ -z "$stderr" ]
    refused 4 127.0.0.1:1 -- as alice dial -q bob@127.0.0.1:1
}

@test "SIGINT and SIGTERM end both ends with 128 and their number" {
    at_terminal=("${interruptible[@]}")
    for signal in INT TERM; do
        mkfifo alice.in
        exec 8<>alice.in
        start_listener
        start_dialer --ready-fd 7 7>up
        eventually [ -s up ]
        kill -s "$signal" "$dialer"
        ends "$dialer" "$((128 + $(kill -l $signal)))"
        ends "$listener" 8
        start_listener
        kill -s "$signal" "$listener"
        ends "$listener" "$((128 + $(kill -l $signal)))"
        rm alice.in up
    done
}

@test "options may stand behind arguments, whatever POSIXLY_CORRECT says" {
    POSIXLY_CORRECT=1 as alice keygen ./new --name somebody
    grep -q ' somebody$' new.pub
    POSIXLY_CORRECT=1 as alice keygen -f --name another -- -odd
    grep -q ' another$' ./-odd.pub
    export POSIXLY_CORRECT=1
    misused '--frobnicate.*no such option' keygen new --frobnicate
    misused 'new: one argument too many' keygen -f old new
    misused 'TARGET is missing' serve 127.0.0.1:0 -v
}

@test "what is too much after help and version is said, and an empty WHO" {
    misused 'help: extra: one argument too many' help dial extra
    misused 'version: extra: one argument too many' version extra
    misused 'version: extra: one argument too many' --version extra
    misused '--peer: takes a text that is not empty' serve -p '' 0 1
}

@test "SIGHUP ends it as it ends any program" {
    start_listener
    kill -s HUP "$listener"
    ends "$listener" 129
}
