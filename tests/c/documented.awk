# Lists the errors that lucidlink.h documents: a line "function LL_ERR_NAME" each, and "function others" where the text
# refers to what else can fail.
# usage: awk -f documented.awk lucidlink.h

/^\/\*\*/ { text = "" }
/^ \*/ { text = text " " $0 }

# A declaration starts with LL_API; the function's name is on that line or the next.
/^LL_API/ { open = 1 }
open && match($0, /ll_[a-z_]+\(/) && name == "" { name = substr($0, RSTART, RLENGTH - 1) }
open && /;/ {
    sub(/.*Errors:/, "", text)
    if (text ~ /what .* can fail with/) print name, "others"
    while (match(text, /LL_ERR_[A-Z_]+/)) {
        print name, substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
    }
    open = 0
    name = ""
}
