# Reads what code.awk prints, and prints "FILE:LINE FUNCTION" wherever an error of the machine (a
# regular expression) is made that is not handed to log_failure or log_refusal at once. Where it is
# compared with, a case, or the index of a table, it is not made. In this style a function stands
# between a lone "{" and a "}" at the margin.

function without_calls(text, name,    at, depth, i, c)
{
    while (match(text, name "[a-z_]*\\(")) {
        at = RSTART
        depth = 1
        for (i = RSTART + RLENGTH; i <= length(text) && depth > 0; i++) {
            c = substr(text, i, 1)
            depth += (c == "(") - (c == ")")
        }
        text = substr(text, 1, at - 1) "0" substr(text, i)
    }
    return text
}

function judge(statement)
{
    statement = without_calls(without_calls(statement, "log_failure"), "log_refusal")
    gsub("[=!]= *" machine, "", statement)
    gsub(machine " *[=!]=", "", statement)
    gsub("case *" machine " *:", "", statement)
    gsub("\\[" machine "\\]", "", statement)
    if (statement ~ "(^|[^A-Za-z0-9_])" machine "([^A-Za-z0-9_]|$)")
        print file ":" line, (name == "" ? "-" : name)
}

{
    file = $0
    sub(/:.*/, "", file)
    text = substr($0, length(file) + 2)
    line = text + 0
    sub(/^[0-9]+:/, "", text)
}

file != last_file {
    last_file = file
    name = head = statement = ""
    inside = 0
}

!inside && text == "{" {
    inside = 1
    name = head
    sub(/\(.*/, "", name)
    sub(/.*[^A-Za-z0-9_]/, "", name)
    statement = ""
    next
}

text ~ /^}/ {
    inside = 0
    name = head = ""
}

!inside {
    head = text ~ /^[A-Za-z].*\(/ ? text : head
}

{
    statement = statement " " text
    if (text ~ /[;{}] *$/ || !inside && text ~ /^#/) {
        judge(statement)
        statement = ""
    }
}
