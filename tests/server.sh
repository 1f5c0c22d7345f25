# To be sourced: starts and stops a server for a test. Needs the binary in $SANCTUARY.
# `start_server DATA [ADDRESS]` sets SERVER_PID, SERVER_ADDRESS (host:port) and SERVER_URL. There are
# no limits unless $LIMITS is `on`.

SANCTUARY=${SANCTUARY:-target/debug/sanctuary}
SERVER_STARTS_WITHIN_S=30

start_server() {
    local data=$1 address=${2:-127.0.0.1:0} first='' tries=0
    mkdir -p "$data"
    : > "$data.out"
    "$SANCTUARY" serve --listen "$address" --data "$data" --limits "${LIMITS:-off}" --log warn \
        > "$data.out" 2>> "$data.log" < /dev/null &
    SERVER_PID=$!
    trap stop_server EXIT
    while ! grep -q '^listening on ' "$data.out"; do
        tries=$((tries + 1))
        if ! kill -0 "$SERVER_PID" 2> /dev/null || [ "$tries" -gt $((SERVER_STARTS_WITHIN_S * 20)) ]; then
            echo "the server did not start; its log ends with:" >&2
            tail -n 20 "$data.log" >&2
            return 1
        fi
        sleep 0.05
    done
    first=$(grep -m 1 '^listening on ' "$data.out")
    SERVER_URL=${first#listening on }
    SERVER_URL=${SERVER_URL%/}
    SERVER_ADDRESS=${SERVER_URL#*://}
}

# No farewell: whoever needs one sends SIGTERM.
stop_server() {
    [ -n "${SERVER_PID:-}" ] || return 0
    kill -KILL "$SERVER_PID" 2> /dev/null || true
    wait "$SERVER_PID" 2> /dev/null || true
    SERVER_PID=
}

# people DATA COUNT FILE [ROLE]: accounts for loadtest.
people() {
    "$SANCTUARY" user create --count "$2" --tokens "$3" ${4:+--role "$4"} --data "$1" --log warn
}
