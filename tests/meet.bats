#!/usr/bin/env bats
# shellcheck shell=bats
# kith meet: two people at their terminals get each other's keys, and nobody in between gets anywhere;
# whatever ends it, nothing is written.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# Alice and bob have identities, and both know carol.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    for who in alice bob carol dave; do
        KITH_DIR=$who "$KITH" keygen -q -n "$who" >/dev/null
    done
    for who in alice bob; do
        (umask 077 && cat carol/identity.pub >"$who/peers")
    done
}

# meeting SUBJECT
meeting() {
    bounded python3 "$tools/meeting.py" "$@" 3>&-
}

@test "both have the other's line, under the name that each has chosen" {
    meeting whole
}

@test "--print shows the line, and writes no file" {
    meeting printed
}

@test "a meeting that only one side has finished can be had again, and what is known stays" {
    meeting again
    cp carol/identity.pub alice/peers
    cp carol/identity.pub bob/peers
    meeting again_waiting
    cp carol/identity.pub alice/peers
    cp carol/identity.pub bob/peers
    meeting again_printed
}

@test "a name that is taken or none is asked for again" {
    meeting names
}

@test "a key that is added while its name is asked for is known" {
    meeting known_meanwhile
}

@test "a peers file keeps its access list" {
    meeting listed
}

@test "a peers file that is missing is made, with its folder" {
    meeting far_folder
}

@test "no, an end or Ctrl-C ends it at both sides, and nothing is written" {
    meeting no
}

@test "nothing but the whole word is a yes, typed once the code is there" {
    meeting only_yes
}

@test "a yes that was begun before the code was shown is none" {
    meeting half_typed
}

@test "without a name nothing is written" {
    meeting no_name
}

@test "a line that cannot be added is said" {
    meeting unwritable
}

@test "who calls and says nothing, or nonsense, keeps nobody out" {
    meeting silent
}

@test "who waits says so if it is another command of kith that calls" {
    meeting other_commands
}

@test "a caller that says other than it has committed to, or no good key or name, ends it for good" {
    meeting hostile_caller
}

@test "so does a waiter with no good key or name" {
    meeting hostile_waiter
}

@test "somebody in between makes two codes" {
    meeting in_between
}

@test "who passes on all that is said changes nothing, and cannot once both said yes" {
    meeting relayed
}

@test "who does not have the key that was said gets nowhere after two yes" {
    meeting no_proof
}

@test "what is no yes, or a second one, ends it" {
    meeting no_yes
}

@test "each step has its deadline" {
    meeting in_time
}

@test "without a terminal it says so" {
    refused 1 meet "no terminal" -- env KITH_DIR=alice setsid -w "$KITH" meet 127.0.0.1:1
    refused 1 meet "no terminal" -- env KITH_DIR=alice setsid -w "$KITH" meet --listen 127.0.0.1:0
}

@test "what cannot be is said before anybody is asked" {
    at=(env KITH_DIR=alice python3 "$tools/terminal.py")
    run -3 "${at[@]}" env KITH_DIR=nobody "$KITH" meet 127.0.0.1:1
    [[ $output == *'no such file'* ]]
    run -4 "${at[@]}" "$KITH" meet 127.0.0.1:1
    [[ $output == *'does kith meet --listen run there'* ]]
    run -2 "${at[@]}" "$KITH" meet -n 'a b' 127.0.0.1:1
    run -2 "${at[@]}" "$KITH" meet -n grün 127.0.0.1:1
    [[ $output == *'A-Z a-z 0-9'* ]]
    run -2 "${at[@]}" "$KITH" meet 9000
    run -3 "${at[@]}" "$KITH" meet -a - 127.0.0.1:1
    echo nonsense >alice/peers
    run -3 "${at[@]}" "$KITH" meet 127.0.0.1:1
    [[ $output == *'line 1'* ]]
    chmod 666 alice/peers
    run -3 "${at[@]}" "$KITH" meet 127.0.0.1:1
    [[ $output == *'others can write'* ]]
}
