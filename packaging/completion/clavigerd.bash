# Completion of clavigerd(8) for bash. The program tells its own commands and options.

_clavigerd_help() {
    "${COMP_WORDS[0]}" "$@" --help </dev/null 2>/dev/null
}

# The words that may follow "rotate root-key ", of all commands.
_clavigerd_words() {
    local begun=$1 line
    _clavigerd_help | sed -n '/^commands:/,/^$/s/^  \([a-z -]*[a-z]\)  .*/\1/p' |
        while IFS= read -r line; do
            line+=' '
            [[ $line == "$begun"* && $line != "$begun" ]] || continue
            line=${line#"$begun"}
            printf '%s\n' "${line%% *}"
        done | sort -u
}

_clavigerd() {
    local typed=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word
    local -a command=()
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* ]] && break
        command+=("$word")
    done
    case $previous in
        --config | --manifest | --pin-file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$typed")
            return
            ;;
        --output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$typed") && return ;;
        --account) mapfile -t COMPREPLY < <(compgen -u -- "$typed") && return ;;
        --to | --dns | --ip) return ;;
    esac
    if [[ $typed == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_clavigerd_help "${command[@]}" |
            sed -n 's/^  \(--[a-z0-9_.-]*\).*/\1/p') --help" -- "$typed")
    else
        local begun=${command[*]:+"${command[*]} "}
        mapfile -t COMPREPLY < <(compgen -W "$(_clavigerd_words "$begun")" -- "$typed")
    fi
}

complete -F _clavigerd clavigerd
