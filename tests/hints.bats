#!/usr/bin/env bats
# shellcheck shell=bats
# What is said so that somebody knows what to do next.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "a command that is misspelt, or stands behind an option" {
    refused 2 dail 'did you mean: kith dial$' -- "$KITH" dail bob
    refused 2 'did you mean: kith forward$' -- "$KITH" forwrad 5432 bob
    refused 2 'did you mean: kith keygen$' -- "$KITH" key-gen
    refused 2 'kith dial -v$' -- "$KITH" -v dial bob
    refused 2 'kith serve --log-format$' -- "$KITH" --log-format json serve 9000 22
    refused 2 frobnicate 'kith --help$' -- "$KITH" frobnicate
    refused 2 'kith --help$' -- "$KITH" "$(printf '%0500d' 0)"
}

@test "an address where a peer is meant" {
    for where in host:9000 127.0.0.1:9000 '[::1]:9000'; do
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice dial "$where"
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice check "$where"
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice forward 0 "$where"
    done
}
