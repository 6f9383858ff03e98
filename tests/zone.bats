#!/usr/bin/env bats
# shellcheck shell=bats disable=SC2119
# Local time, in which the expiry-time of a peers file is meant: the same at the start and after a
# reload, when the process is confined.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

needs_zones() {
    [ -e /usr/share/zoneinfo/Asia/Tokyo ] || skip "no time zones are installed"
}

needs_mounts() {
    unshare -m true 2>/dev/null || skip "no mounts of our own available here"
}

# bob_knows_alice_until ZONE WHEN: her key is good until then, as the clocks of that zone say it.
bob_knows_alice_until() {
    echo "expiry-time=\"$(TZ=$1 date -d "$2" +%Y%m%d%H%M)\" $(as alice pubkey) alice" >bob/peers
}

# reloaded ZONE WHEN: bob's daemon has read that.
reloaded() {
    bob_knows_alice_until "$@"
    : >serve.err
    kill -HUP "$server"
    says serve.err "read again"
}

# holds ZONE: what alice may do goes by the clocks of that zone, after a reload.
holds() {
    reloaded "$1" "1 hour ago"
    run -5 as alice check "bob@$address"
    reloaded "$1" "1 hour"
    as alice check "bob@$address"
}

@test "expiry-time is local time after a reload: a zone by name, east and west" {
    needs_zones
    local zone
    for zone in Asia/Tokyo America/New_York :Asia/Tokyo; do
        TZ=$zone start_serve 1
        holds "${zone#:}"
        kill "$server"
        ends "$server" 0
    done
}

@test "expiry-time is local time after a reload: a zone by path, and one by its rule" {
    needs_zones
    cp /usr/share/zoneinfo/Asia/Tokyo zone
    TZ=:$PWD/zone start_serve 1
    rm zone
    holds Asia/Tokyo
    TZ=XYZ-9 start_serve 1
    holds Asia/Tokyo
}

@test "expiry-time is local time after a reload: the machine's zone, also when that has changed" {
    needs_zones
    needs_mounts
    unset TZ
    launcher=(unshare -m sh -c "mount --bind /usr/share/zoneinfo/Asia/Tokyo /etc/localtime &&
        exec \"\$@\"" launcher)
    start_serve 1
    holds Asia/Tokyo
    nsenter -t "$server" -m mount --bind /usr/share/zoneinfo/America/New_York /etc/localtime
    holds Asia/Tokyo
}

@test "a machine without a zone of its own has UTC" {
    needs_mounts
    unset TZ
    mkdir etc
    cp /etc/passwd /etc/group etc
    bob_knows_alice_until UTC "1 hour"
    launcher=(unshare -m sh -c "mount --bind etc /etc && exec \"\$@\"" launcher)
    start_serve 1
    as alice check "bob@$address"
}

@test "expiry-time in local time is refused where the C library would take it for UTC" {
    ldd "$KITH" | grep -q libc.so.6 || skip "another C library than glibc may find it elsewhere"
    mkdir none
    bob_knows_alice_until UTC "1 hour"
    local zone
    for zone in Asia/Tokyo ":$PWD/bob/peers" AB5 "<A>5" 'EST5!!' EST5,EDT EST5D; do
        TZ=$zone TZDIR=none refused 3 bob/peers 'line 1' zone -- as bob serve 127.0.0.1:0 1
    done
    for zone in UTC0 "<+09>-9" EST5EDT "EST5EDT,M3.2.0,M11.1.0" "ABC+5:30:15<DEF>+4"; do
        TZ=$zone start_serve 1
    done
}

@test "expiry-time in local time is refused where the zone is not installed" {
    needs_mounts
    mkdir none
    bob_knows_alice_until UTC "1 hour"
    local without='mount --bind none /usr/share/zoneinfo && exec "$@"'
    TZ=Asia/Tokyo refused 3 bob/peers 'line 1' zone -- \
        unshare -m sh -c "$without" sh env KITH_DIR=bob timeout "$limit" "$KITH" serve 127.0.0.1:0 1
    sed -i 's/"\([0-9]*\)"/"\1Z"/' bob/peers
    launcher=(unshare -m sh -c "$without" launcher)
    TZ=Asia/Tokyo start_serve 1
    as alice check "bob@$address"
    bob_knows_alice_until UTC "2 hours"
    kill -HUP "$server"
    says serve.err "line 1.*zone"
    says serve.err "stay as they were"
}

@test "a FIFO for a zone is not waited for, by any command" {
    mkfifo fifo
    mkdir zones
    mkfifo zones/XYZ-9 zones/Universal
    launcher=(env TZ="$PWD/fifo") # not for the shell, which would wait
    start_serve 1
    bounded env KITH_DIR=alice TZ="$PWD/fifo" "$KITH" check --log-format json "bob@$address"
    bounded env KITH_DIR=alice TZDIR="$PWD/zones" TZ=XYZ-9 "$KITH" check "bob@$address"
    bounded env KITH_DIR=alice TZDIR="$PWD/zones" TZ= "$KITH" check "bob@$address"
    local keeper
    keeper=$(pgrep -P "$server" | head -n 1)
    kill "$server"
    ends "$server" 0
    eventually is_gone "$keeper"
    at_terminal=(env TZ="$PWD/fifo")
    start_listener
    dial </dev/null
    ends "$listener" 0
}
