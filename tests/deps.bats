#!/usr/bin/env bats
# shellcheck shell=bats
# What .ci/deps does on machines that are not like this one: it finds nothing but a few tools and
# what stands here for a compiler, make, apt and sudo, which write down how they were called. And what
# tests/run and its like say there.

bats_require_minimum_version 1.5.0
root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir bin
    local tool
    for tool in sh env cat grep sed cut head uname dirname mktemp rm tee chmod true; do
        ln -s "$(type -P "$tool")" "bin/$tool"
    done
    stands_for id 'echo "${user:-0}"'
    stands_for apt-get 'echo "apt-get $*" >>"$log"; case "$*" in *install*) exit ${broken:-0} ;; esac'
    stands_for apt-cache 'exit 0'
    stands_for dpkg-query 'for package; do :; done
        case " $installed " in *" $package "*) echo installed ;; *) echo "${state:-not-installed}" ;; esac'
    export log=$PWD/log installed=''
    touch log
}

# stands_for PROGRAM SCRIPT
stands_for() {
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}

# A machine that can build; one that has a compiler and a make, but no libcrypto with "has_compiler".
has_compiler() {
    stands_for make 'echo GNU Make'
    stands_for cc 'case "$*" in *-lcrypto*) [ -n "$libcrypto" ] ;; esac'
}

deps() {
    env -u CC PATH="$PWD/bin" "$root/.ci/deps" "$@"
}

# installs PACKAGE...: these, and no others, were asked of apt.
installs() {
    local line
    line=$(grep install log)
    [ "${line##*--no-install-recommends }" = "$*" ] || {
        echo "it was: $line"
        return 1
    }
}

@test "what dpkg only knows by name is not there" {
    for state in not-installed config-files half-installed; do
        export state
        : >log
        run -0 deps build
        installs gcc libc6-dev make libssl-dev
    done
}

@test "a build needs only what it has not got" {
    has_compiler
    run -0 deps build
    installs libssl-dev
}

@test "where nothing is missing, nobody is asked for anything" {
    has_compiler
    user=1000 libcrypto=1 run -0 deps build
    [ -z "$output" ]
    [ ! -s log ]
}

@test "a test wants the openssl command, and no linter" {
    has_compiler
    libcrypto=1 run -0 deps test
    grep -w openssl log
    run ! grep -wE 'clang|shellcheck|postgresql|libssl-dev' log
}

@test "without root and sudo, it says what is missing, and how to get it" {
    user=1000 run -1 deps build
    [[ $output == *"no sudo"*"apt-get install --no-install-recommends gcc libc6-dev make libssl-dev"* ]]
    [ ! -s log ]
    user=1000 run -1 deps test
    [[ $output == *"apt-get install "*libssl-dev*openssl* ]]
    [ ! -s log ]
}

@test "a sudo that asks for a password in vain is followed by the same help" {
    stands_for sudo 'echo "sudo: a password is required" >&2; echo "sudo $*" >>"$log"; exit 1'
    user=1000 run -1 deps test
    [[ $output == *"a password is required"*"sudo does not let us"*"apt-get install "*libssl-dev* ]]
    [ "$(cat log)" = "sudo true" ]
}

@test "a sudo that lets us is used" {
    stands_for sudo 'echo "sudo $*" >>"$log"; exec "$@"'
    user=1000 run -0 deps build
    grep 'sudo.* apt-get .*install .* make' log
    installs gcc libc6-dev make libssl-dev
}

@test "an apt-get that cannot is the end, with what is missing" {
    broken=100 run -1 deps build
    [[ $output == *"could not install them"*"libc6-dev make libssl-dev"* ]]
}

@test "a system without apt is told what a build needs" {
    rm bin/apt-get
    run -0 deps build
    [[ $output == *openssl* ]]
    [ ! -s log ]
}

@test "what runs the tests says what is not installed, not built, or no test" {
    export PATH=$PWD/bin
    run -2 "$root/tests/run" tests/usage.bats
    [ "$output" = "tests/run: bats is not installed: .ci/deps test" ]
    stands_for bats true
    run -2 "$root/tests/run" tests/usage.bats
    [ "$output" = "tests/run: python3 is not installed: .ci/deps test" ]
    run -2 "$root/tests/faults"
    [ "$output" = "tests/faults: python3 is not installed: .ci/deps test" ]
    run -2 "$root/tests/run" usage
    [[ $output == "tests/run: usage: no such test, or not built"* ]]
    KITH_BUILD=/nowhere run -2 "$root/tests/fuzz/run" fuzz_wire
    [ "$output" = "tests/fuzz/run: /nowhere/tests/fuzz/fuzz_wire is not built: make fuzz FUZZERS=fuzz_wire" ]
}

@test "what runs the tests ends them when it is interrupted" {
    stands_for long "echo \$\$ >$PWD/pid.new; mv $PWD/pid.new $PWD/pid; exec sleep 60"
    setsid env --default-signal=INT "$root/tests/run" "$PWD/bin/long" >run.log 2>&1 3>&- &
    local runner=$! status=0 left=600
    until [ -s pid ]; do
        ((left-- > 0)) || return
        sleep 0.05
    done
    kill -INT -- "-$runner"
    wait "$runner" || status=$?
    [ "$status" = 130 ]
    timeout 20 tail -s 0.05 -f /dev/null --pid="$(cat pid)"
}
