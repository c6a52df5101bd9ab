# Makes calls.c (see calls.h) from lucidlink.h.
# usage: awk -f calls.awk lucidlink.h > calls.c

function fail(what) {
    print "calls.awk: " what > "/dev/stderr"
    failed = 1
    exit 1
}

# Type and name of a declaration such as "const struct ll_entry *entry".
function split_declaration(text) {
    gsub(/struct /, "", text)
    gsub(/\*/, " * ", text)
    gsub(/[ \t\n]+/, " ", text)
    gsub(/^ | $/, "", text)
    if (!match(text, /[A-Za-z_0-9]+$/))
        fail("cannot read \"" text "\" of " function_name)
    parameter_name = substr(text, RSTART)
    parameter_type = substr(text, 1, RSTART - 2)
}

function base_of(type) {
    gsub(/const | \*/, "", type)
    return type
}

# The kind of a parameter; `next_type` is the type of the one behind it.
function kind_of(type, next_type, previous_kind,    base) {
    base = base_of(type)
    if (type == "size_t" && (previous_kind == "BUFFER" || previous_kind == "DATA")) return "CAPACITY"
    if (type == "size_t" && previous_kind == "BUFFERS") return "COUNT"
    if (type in is_number) return "NUMBER"
    if (type in is_handle) return "HANDLE"
    if (type == "const char *") return "STRING"
    if (type == "const ll_buffer *" && next_type == "size_t") return "BUFFERS"
    if (type == "const void *" && next_type == "size_t") return "DATA"
    if ((type == "char *" || type == "void *") && next_type == "size_t") return "BUFFER"
    if (type == "void *" && next_type == "ll_free_fn") return "USER"
    if (type == "ll_log_fn") return "LOG_CALLBACK"
    if (type == "ll_watch_fn") return "WATCH_CALLBACK"
    if (type == "ll_free_fn") return "FREE_CALLBACK"
    if (base in is_handle && type == base " *") return "OUT_HANDLE"
    if (base in is_number && type == base " *") return "OUT_NUMBER"
    if (base in is_struct && type == base " *") return "OUT_STRUCT"
    if (base in is_struct && type == "const " base " *") return "IN_STRUCT"
    fail("parameter " parameter_name " of " function_name " has a type that is not known: " type)
}

function argument_of(kind, type, n) {
    if (kind == "NUMBER" || kind == "CAPACITY" || kind == "COUNT" || kind == "HANDLE") return "(" type ")a[" n "].number"
    if (kind == "LOG_CALLBACK") return "a[" n "].log"
    if (kind == "WATCH_CALLBACK") return "a[" n "].watch"
    if (kind == "FREE_CALLBACK") return "a[" n "].free"
    return "a[" n "].pointer"
}

function result_of(type) {
    if (type == "ll_status" && function_name != "ll_last_error_code") return "STATUS"
    if (type == "const char *") return "TEXT"
    if (type == "int32_t" || type == "uint32_t" || type == "ll_status") return "FLAG"
    if (type == "void") return "NOTHING"
    fail(function_name " returns a type that is not known: " type)
}

function declaration(text,    head, list, parts, count, n, kind, kinds, types, arguments, rows, result, size) {
    sub(/LL_API/, "", text)
    sub(/LL_NODISCARD/, "", text)
    head = text
    sub(/\(.*/, "", head)
    list = text
    sub(/^[^(]*\(/, "", list)
    sub(/\).*$/, "", list)
    function_name = "a declaration"
    split_declaration(head)
    function_name = parameter_name
    result = result_of(parameter_type)
    count = list ~ /^[ \t]*void[ \t]*$/ ? 0 : split(list, parts, ",")
    if (count > 8) fail(function_name " has more than 8 parameters")
    for (n = 1; n <= count; n++) {
        split_declaration(parts[n])
        types[n] = parameter_type
    }
    types[count + 1] = ""
    for (n = 1; n <= count; n++) {
        split_declaration(parts[n])
        kind = kind_of(types[n], types[n + 1], kinds[n - 1])
        kinds[n] = kind
        size = kind ~ /NUMBER|HANDLE|STRUCT/ ? "sizeof(" base_of(types[n]) ")" : "0"
        rows = rows sprintf("        {%s, \"%s\", \"%s\", %s, {%s}},\n", kind, base_of(types[n]), parameter_name, size,
                            kind == "IN_STRUCT" && strings[base_of(types[n])] != "" ? strings[base_of(types[n])] : "0")
        arguments = arguments (n > 1 ? ", " : "") argument_of(kind, types[n], n - 1)
    }
    print "\nstatic int64_t call_" function_name "(const union argument *a)\n{"
    if (count == 0) print "    (void)a;"
    if (result == "TEXT") print "    return (int64_t)(intptr_t)" function_name "(" arguments ");"
    else if (result == "NOTHING") print "    " function_name "(" arguments ");\n    return 0;"
    else print "    return " function_name "(" arguments ");"
    print "}"
    if (rows == "") rows = "        {NUMBER, NULL, NULL, 0, {0}},\n"
    table = table sprintf("    {\"%s\", %s, %d, {\n%s    }, call_%s, \"%s\"},\n", function_name, result, count, rows,
                          function_name, errors)
    functions++
}

BEGIN {
    split("int32_t uint32_t int64_t uint64_t size_t ll_status", names, " ")
    for (n in names) is_number[names[n]] = 1
    print "/* Made by calls.awk from lucidlink.h. */\n#include \"calls.h\""
}

# Comments: the documented errors of the declaration below.
/^[ \t]*\/\*\*/ { comment = 1; text = "" }
comment {
    text = text " " $0
    if (/\*\//) {
        comment = 0
        errors = " "
        sub(/.*Errors:/, "", text)
        if (text ~ /what .* can fail with/) errors = errors "others "
        while (match(text, /LL_ERR_[A-Z_]+/)) {
            errors = errors substr(text, RSTART, RLENGTH) " "
            text = substr(text, RSTART + RLENGTH)
        }
    }
    next
}

/^typedef uint64_t ll_[a-z_]+;/ { sub(/;/, "", $3); is_handle[$3] = 1; next }
/^typedef struct ll_[a-z_]+ \{/ { structure = $3; is_struct[structure] = 1; next }
structure != "" && /^}/ { structure = ""; next }
structure != "" && /const char \*/ {
    field = $0
    gsub(/.*\*|;.*/, "", field)
    strings[structure] = strings[structure] (strings[structure] == "" ? "" : ", ") "offsetof(" structure ", " field ")"
    next
}
structure == "ll_buffer" { next }
structure != "" && /\*/ { fail(structure " has a pointer that is not known: " $0) }

/^#/ { next }
/^LL_API/ { pending = 1; declared = "" }
!pending && /ll_[a-z_]+\(/ && !/^typedef/ { fail("a declaration without LL_API: " $0) }
pending {
    declared = declared " " $0
    if (/;/) {
        pending = 0
        declaration(declared)
    }
}

END {
    if (failed) exit 1
    if (!functions) fail("there is no function in the header")
    print "\nconst struct call calls[] = {\n" table "};\n"
    print "const size_t call_count = sizeof calls / sizeof *calls;"
}
