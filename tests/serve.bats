#!/usr/bin/env bats
# shellcheck shell=bats
# serve: a known peer that calls is joined to the target, and nobody else is.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# bob_knows LINE...: this, and nothing else, is bob's peers file.
bob_knows() {
    printf '%s\n' "$@" >bob/peers
}

# is_served [WHO [OPTION...]]: this one gets through.
is_served() {
    [ "$(as "${1:-alice}" dial "${@:2}" "bob@$address" <<<hello)" = hello ] ||
        fail "${1:-alice} is not served"
}

# is_refused WHO PATTERN: this one does not, and bob's log says why, by name.
is_refused() {
    run -5 as "$1" dial "bob@$address" </dev/null
    says serve.err "$2"
}

@test "both ways, between TCP and TCP" {
    tool joined both_ways tcp tcp
}

@test "both ways, between TCP and a UNIX socket" {
    tool joined both_ways tcp unix
}

@test "half-close, in every order" {
    tool joined half_close
}

@test "a program that closes after its last word" {
    tool joined full_close
}

@test "who is asked speaks first, or who asks" {
    tool joined who_speaks_first
}

@test "a target that resets is a reset at the near program" {
    tool joined target_resets
}

@test "a target that is killed in mid-answer is a reset at the near program" {
    tool joined target_killed
}

@test "a near program that resets is a reset at the target" {
    tool joined near_resets
}

@test "a target that refuses: a reset at once, and both logs say why" {
    tool joined target_refuses
}

@test "serve is killed: both programs see a reset" {
    tool joined killed serve
    tool joined killed_under_load serve
}

@test "a UNIX socket that is not there: the log says so" {
    start_serve "$PWD/nowhere"
    run -8 dial </dev/null
    says serve.err "alice.*cannot reach the target: $PWD/nowhere.*No such file"
}

@test "a summary for each channel, with its peer and its bytes" {
    start_serve --exec cat
    is_served
    says serve.err "alice \([0-9a-f]{8}\): whole address=127\.0\.0\.1:[0-9]+ sent=6 received=6 seconds="
}

@test "everyone in the peers file may call, and nobody else" {
    start_serve --exec cat
    is_served alice
    is_served carol
    as stranger keygen 2>/dev/null
    cp alice/peers stranger/peers
    is_refused stranger "$(cut -c 1-8 stranger/identity.pub) at 127\.0\.0\.1:[0-9]+: refused: key not known"
    run ! grep -q "wrong namespace" serve.err
}

@test "an unknown signer's signature is looked at as well, so that no time tells who is known" {
    start_serve --exec cat
    as stranger keygen 2>/dev/null
    cp alice/peers stranger/peers
    run -5 as stranger dial -n other "bob@$address" </dev/null
    says serve.err "$(cut -c 1-8 stranger/identity.pub) .*refused: wrong namespace"
    run -5 as alice dial -n other "bob@$address" </dev/null
    says serve.err 'alice .*refused: wrong namespace'
}

@test "--peer leaves only these of the peers file, or needs none" {
    start_serve --peer carol --exec cat
    is_served carol
    is_refused alice 'refused: key not known, or not allowed here'
    rm bob/peers
    start_serve --peer alice/identity.pub --peer "$(as carol pubkey)" --exec cat
    is_served alice
    is_served carol
}

@test "from: a peer is let in from these addresses only" {
    bob_knows "from=\"192.0.2.0/24,::1\" $(cat alice/identity.pub)" \
        "from=\"127.0.0.0/8\" $(cat carol/identity.pub)"
    start_serve --exec cat
    is_served carol
    is_refused alice 'alice .*may not call from this address'
}

@test "from, where IPv4 calls come to a socket for both families" {
    bob_knows "from=\"192.0.2.1\" $(cat alice/identity.pub)" \
        "from=\"127.0.0.1/32\" $(cat carol/identity.pub)"
    serve_on=0 start_serve --exec printenv KITH_REMOTE_ADDR
    address=127.0.0.1:${address##*:}
    run -0 as carol dial --recv-only "bob@$address"
    [ "$output" = 127.0.0.1 ] || fail "the remote address is $output"
    is_refused alice 'alice .* at 127\.0\.0\.1:.*may not call from this address'
}

@test "expiry-time: a key is good until then" {
    bob_knows "expiry-time=\"20200101\" $(cat alice/identity.pub)" \
        "expiry-time=\"29991231\" $(cat carol/identity.pub)"
    start_serve --exec cat
    is_served carol
    is_refused alice 'alice .*expired: on 2020-01-01T'
}

@test "permit-target: a peer is joined to these only" {
    bob_knows "permit-target=\"127.0.0.1:1,cat\" $(cat alice/identity.pub)" \
        "permit-target=\"127.0.0.1:1,true\" $(cat carol/identity.pub)"
    start_serve --exec cat
    is_served alice
    is_refused carol 'carol .*may not be joined to this target: cat;'
}

@test "permit-target: one that may have none of several targets, and one that may not have the named one" {
    bob_knows "permit-target=\"echo\" $(cat alice/identity.pub)" \
        "permit-target=\"none\" $(cat carol/identity.pub)"
    start_serve echo=exec:cat other=exec:cat
    run -5 as alice dial "bob@$address:other" </dev/null
    says serve.err 'alice .*may not be joined to this target: other;'
    run -5 as carol dial "bob@$address:other" </dev/null
    says serve.err 'carol .*may not be joined to any of the targets here;'
}

@test "conditions that cannot hold are warned of, with their lines: at the start and at SIGHUP" {
    local of_line_2='bob/peers, line 2: warning: carol: permit-target has "ecko", which is no target here; here there is: echo'
    bob_knows "expiry-time=\"20200101Z\" $(cat alice/identity.pub)" \
        "permit-target=\"echo,ecko\" $(cat carol/identity.pub)"
    start_serve echo=exec:cat
    says serve.err 'bob/peers, line 1: warning: alice has expired, on 2020-01-01T00:00:00Z'
    says serve.err '; 1 peer may call$'
    says serve.err "$of_line_2"
    ! grep -q 'has "echo"' serve.err || fail 'warned of the target that there is'
    bob_knows "permit-target=\"cat\" $(cat alice/identity.pub)"
    kill -HUP "$server"
    says serve.err 'bob/peers, line 1: warning: alice: permit-target has "cat"'
    [ "$(grep -c ' has expired, on' serve.err)" -eq 1 ] || fail 'warned of a line that is gone'
}

@test "conditions that cannot hold are warned of where listen and forward --accept wait" {
    bob_knows "expiry-time=\"20200101Z\",permit-target=\"none\" $(cat alice/identity.pub)"
    start_daemon bob listen.err listen 127.0.0.1:0
    start_daemon bob forward.err forward --ready-on listen --accept 127.0.0.1:0 127.0.0.1:0 alice
    for log in listen.err forward.err; do
        says "$log" 'bob/peers, line 1: warning: alice has expired'
        ! grep -q 'permit-target' "$log" || fail 'there are no targets here'
    done
}

@test "wrong clocks: refused, and the log says by how much" {
    command -v faketime >/dev/null || skip "no faketime here"
    ! sanitized || skip "a sanitizer has to be the first of the libraries, and so has faketime"
    start_serve --exec cat
    run -5 env KITH_DIR=alice timeout "$limit" faketime -f -10m "$KITH" dial "bob@$address" </dev/null
    says serve.err 'alice .*clocks disagree.*behind'
}

@test "--idle-timeout ends what does not move, and only that" {
    start_serve --idle-timeout 300ms --exec sleep 1000
    run -8 dial --recv-only
    says serve.err 'alice .*nothing moved for the idle timeout'
}
