# Prints C as FILE:LINE:CODE, without comments and with empty strings and characters, for the
# checks that look for words in code; with -v whole=1 strings and characters are left as they are.

FNR == 1 { in_comment = 0 }

{
    rest = $0
    code = ""
    while (rest != "") {
        if (in_comment) {
            at = index(rest, "*/")
            if (at == 0) {
                rest = ""
            } else {
                rest = substr(rest, at + 2)
                in_comment = 0
            }
        } else if (match(rest, /"|'|\/\*|\/\//) == 0) {
            code = code rest
            rest = ""
        } else {
            opening = substr(rest, RSTART, RLENGTH)
            code = code substr(rest, 1, RSTART - 1)
            rest = substr(rest, RSTART)
            if (opening == "/*") {
                in_comment = 1
                code = code " "
                rest = substr(rest, 3)
            } else if (opening == "//") {
                rest = ""
            } else {
                literal = opening == "'" ? "^'([^'\\\\]|\\\\.)*'" : "^\"([^\"\\\\]|\\\\.)*\""
                if (match(rest, literal) == 0) {
                    RLENGTH = length(rest)
                }
                code = code (whole ? substr(rest, 1, RLENGTH) : opening opening)
                rest = substr(rest, RLENGTH + 1)
            }
        }
    }
    print FILENAME ":" FNR ":" code
}
