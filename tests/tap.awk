# Counts one file's TAP. Given file (its name), status (how it exited), seconds (how long it took),
# required (1: a skipped test is a failed one) and work (a folder): prints a line for the file and
# what failed, adds to work/failures and work/skips (file, test and reason, between tabs), and leaves
# "passed failed skipped" in work/counts.

function failure(text) {
    failed++
    print "  " file ": " text >> (work "/failures")
}

function skip(text, reason) {
    if (required) {
        failure(text " (skipped: " reason ")")
    } else {
        skipped++
        print file "\t" text "\t" reason >> (work "/skips")
    }
}

function show(line) {
    shown[++shown_count] = line
}

# The reason behind "# SKIP", or "" if this is no skipped test; without a reason, "no reason".
function skip_reason(line, at, reason) {
    at = match(line, /# *[Ss][Kk][Ii][Pp]([^A-Za-z]|$)/)
    if (at == 0) {
        return ""
    }
    reason = substr(line, at + RLENGTH)
    sub(/^[^A-Za-z0-9]+/, "", reason)
    return reason == "" ? "no reason" : reason
}

function name_of(line) {
    sub(/^(not )?ok */, "", line)
    sub(/^[0-9]+ */, "", line)
    sub(/^- +/, "", line)
    sub(/ *# *[Ss][Kk][Ii][Pp].*$/, "", line)
    return line
}

BEGIN { planned = -1 }

{ said = 1 }

/^1\.\.[0-9]+/ {
    if (planned >= 0) {
        problem = "it has two plans"
    }
    planned = substr($1, 4) + 0
    whole_reason = skip_reason($0)
    in_failure = 0
    next
}

/^ok( |$)/ {
    in_failure = 0
    seen++
    reason = skip_reason($0)
    if (reason != "") {
        skip(name_of($0), reason)
        if (required) {
            show($0)
        }
    } else {
        passed++
    }
    next
}

/^not ok( |$)/ {
    in_failure = 1
    seen++
    failure(name_of($0))
    show($0)
    next
}

/^Bail out!/ {
    problem = $0
    next
}

in_failure { show($0) }

{ last = $0 }

END {
    if (problem != "") {
        # said already
    } else if (planned == 0 && seen == 0 && whole_reason != "") {
        skip("the whole file", whole_reason)
    } else if (planned < 0) {
        problem = said ? "it ended without a plan" : "it said nothing"
        if (last != "") {
            show(last)
        }
    } else if (planned != seen) {
        problem = "it planned " planned " tests and ran " seen + 0
    } else if (planned == 0) {
        problem = "it has no tests"
    }
    if (status == 124 || status == 137) {
        problem = "it ran into the time limit, or was killed"
    } else if (status != 0 && failed == 0 && problem == "") {
        problem = "all went well, but its status is " status
    } else if (status != 0 && problem != "") {
        problem = problem " (status " status ")"
    }
    if (problem != "") {
        failure(problem)
        show(problem)
    }

    printf "%s %s: %d passed", failed ? "FAIL" : "ok  ", file, passed
    printf failed ? ", " failed " failed" : ""
    printf skipped ? ", " skipped " skipped" : ""
    print seconds ? " (" seconds " s)" : ""
    for (i = 1; i <= shown_count; i++) {
        print "    " shown[i]
    }
    print passed + 0, failed + 0, skipped + 0 > (work "/counts")
}
