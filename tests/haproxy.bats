#!/usr/bin/env bats
# shellcheck shell=bats
# HAProxy on both sides: it is told by us who has called, and tells us who has called it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

defaults='
defaults
    timeout connect 10s
    timeout client 60s
    timeout server 60s'

# target_haproxy [WORD...]: a web server that expects the PROXY protocol and says what it learnt.
# Sets $target.
target_haproxy() {
    needs haproxy curl
    local told='hdr X-Caller "%[src]:%[src_port]" hdr X-Called "%[dst]:%[dst_port]"'
    target=$(free_port)
    cat >target.cfg <<END
$defaults
frontend web
    mode http
    bind 127.0.0.1:$target accept-proxy
    http-request return status 200 content-type text/plain string "whole" $told $*
END
    start target haproxy -db -f target.cfg
    eventually answers 127.0.0.1 "$target"
}

# front_haproxy [WORD...]: a load balancer before bob, who serves at $address; sets $front.
front_haproxy() {
    needs haproxy
    front=$(free_port)
    cat >front.cfg <<END
$defaults
listen kith
    mode tcp
    bind ${front_on:-127.0.0.1}:$front
    server bob $address $*
END
    start front haproxy -db -f front.cfg
    eventually answers "${front_on:-127.0.0.1}" "$front"
}

# caller_seen_from SOURCE: bob's program says where the call came from, that alice makes through
# the load balancer from this address of hers.
caller_seen_from() {
    as alice dial --source "$1" "./bob/identity.pub@127.0.0.1:$front" </dev/null
}

header() {
    tr -d '\r' <headers | sed -n "s/^$1: //Ip"
}

@test "a target behind --proxy-protocol learns the caller's address and port" {
    target_haproxy
    serves --proxy-protocol "127.0.0.1:$target"
    forwards --source 127.0.0.2 127.0.0.1:0

    run -0 bounded curl -sSf -D headers "http://127.0.0.1:$near_port/"
    [ "$output" = whole ]
    # The address alone could be anybody's; the port is that of this very channel.
    eventually grep -q whole serve.err
    [ "$(header X-Caller)" = "$(sed -n 's/.*address=\([^ ]*\) .*/\1/p' serve.err)" ]
    [[ $(header X-Caller) == 127.0.0.2:* ]]
    [ "$(header X-Called)" = "$address" ]
    finish
}

@test "it learns an IPv6 address, too" {
    needs_ipv6
    target_haproxy
    serve_on='[::1]:0' serves --proxy-protocol "127.0.0.1:$target"
    forwards 127.0.0.1:0

    bounded curl -sSf -D headers -o /dev/null "http://127.0.0.1:$near_port/"
    [[ $(header X-Caller) == ::1:* ]] || fail "$(cat headers)"
    finish
}

@test "HAProxy reads the peer's name and key (fc_pp_tlv)" {
    needs haproxy
    cat >probe.cfg <<END
$defaults
frontend probe
    mode http
    bind 127.0.0.1:1
    http-request deny if { fc_pp_tlv(0xE0) x }
END
    haproxy -q -c -f probe.cfg 2>/dev/null ||
        skip "this HAProxy has no fc_pp_tlv (2.9 has)"
    target_haproxy 'hdr X-Name "%[fc_pp_tlv(0xE0)]" hdr X-Key "%[fc_pp_tlv(0xE1),hex,lower]"'
    serves --proxy-protocol "127.0.0.1:$target"
    forwards 127.0.0.1:0

    bounded curl -sSf -D headers -o /dev/null "http://127.0.0.1:$near_port/"
    [ "$(header X-Name)" = alice ]
    [ "$(header X-Key)" = "$(cut -c 1-64 alice/identity.pub)" ]
    finish
}

# A caller's address comes through a load balancer that sends it in this way.
comes_through() {
    serves --accept-proxy 127.0.0.1 --exec printenv KITH_REMOTE_ADDR
    front_haproxy "$@"
    run -0 caller_seen_from 127.0.0.3
    [ "$output" = 127.0.0.3 ]
    eventually grep -q 'alice.*whole.*address=127.0.0.3:' serve.err
    finish
}

@test "behind a load balancer: version 1 of the header" {
    comes_through send-proxy
}

@test "behind a load balancer: version 2" {
    comes_through send-proxy-v2
}

@test "behind a load balancer: version 2 with values that are of no use to us" {
    comes_through send-proxy-v2 proxy-v2-options crc32c,unique-id
}

@test "behind a load balancer: an IPv6 caller" {
    needs_ipv6
    serves --accept-proxy 127.0.0.0/8 --exec printenv KITH_REMOTE_ADDR
    for version in send-proxy send-proxy-v2; do
        front_on=::1 front_haproxy "$version"
        run -0 as alice dial "./bob/identity.pub@[::1]:$front" </dev/null
        [ "$output" = ::1 ]
    done
    finish
}

# HAProxy has checked bob's health, and found him well.
is_healthy() {
    curl -sf "http://127.0.0.1:$statistics/;csv" | grep -q '^kith,bob,.*,UP,.*L4OK,'
}

@test "behind a load balancer: its health checks are no harm" {
    serves --accept-proxy 127.0.0.1 --exec printenv KITH_REMOTE_ADDR
    for version in send-proxy send-proxy-v2; do
        statistics=$(free_port)
        front_haproxy "$version" check check-send-proxy inter 20ms "
listen statistics
    mode http
    bind 127.0.0.1:$statistics
    stats enable
    stats uri /"
        eventually is_healthy
        for _ in {1..5}; do
            run -0 caller_seen_from 127.0.0.3
            [ "$output" = 127.0.0.3 ]
        done
        eventually is_healthy
    done
    finish
}

@test "behind a load balancer: from= in the peers file is about the caller" {
    printf 'from="127.0.0.3/32" %s\n' "$(cat alice/identity.pub)" >bob/peers
    serves --accept-proxy 127.0.0.1 --exec printenv KITH_REMOTE_ADDR
    front_haproxy send-proxy-v2
    run -0 caller_seen_from 127.0.0.3
    [ "$output" = 127.0.0.3 ]
    run -5 caller_seen_from 127.0.0.4
    eventually grep -q '127.0.0.4' serve.err
    finish
}

@test "a header of anyone but the named sources is not believed" {
    serves --accept-proxy 127.0.0.9,192.0.2.0/24 --exec printenv KITH_REMOTE_ADDR
    for version in send-proxy send-proxy-v2; do
        front_haproxy "$version"
        run -5 caller_seen_from 127.0.0.3
    done
    # Who is not a load balancer calls without a header.
    run -0 as alice dial --source 127.0.0.4 bob </dev/null
    [ "$output" = 127.0.0.4 ]
    finish
}

@test "a named source that sends no header is refused" {
    serves --accept-proxy 127.0.0.1 --exec printenv KITH_REMOTE_ADDR
    front_haproxy
    run -5 caller_seen_from 127.0.0.3
    finish
}

@test "HAProxy on both sides: the caller's address goes all the way" {
    target_haproxy
    serves --accept-proxy 127.0.0.1 --proxy-protocol "127.0.0.1:$target"
    front_haproxy send-proxy-v2
    found_at "127.0.0.1:$front"
    forwards --source 127.0.0.5 127.0.0.1:0

    run -0 bounded curl -sSf -D headers "http://127.0.0.1:$near_port/"
    [ "$output" = whole ]
    [[ $(header X-Caller) == 127.0.0.5:* ]] || fail "$(cat headers)"
    finish
}

all_logged() {
    [ "$(grep -c whole serve.err)" = 50 ]
}

@test "HAProxy on both sides: 50 at once, each with its own port" {
    target_haproxy
    serves --accept-proxy 127.0.0.1 --proxy-protocol "127.0.0.1:$target"
    front_haproxy send-proxy
    found_at "127.0.0.1:$front"
    forwards --plain --source 127.0.0.5 127.0.0.1:0
    seq 50 | bounded xargs -P 50 -I % \
        curl -sSf --max-time "$limit" -D headers.% -o got.% "http://127.0.0.1:$near_port/" 3>&-
    [ "$(cat got.* | tr -d '\n')" = "$(printf 'whole%.0s' {1..50})" ]
    grep -hi '^X-Caller: 127.0.0.5:' headers.* | tr -d '\r' | sed 's/.*: //' | sort -u >told
    eventually all_logged
    sed -n 's/.*whole.*address=\([^ ]*\) .*/\1/p' serve.err | sort -u >logged
    cmp told logged
    [ "$(wc -l <told)" = 50 ]
    finish
}
