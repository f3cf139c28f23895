# Completion of claviger(1) for bash. Names come from the server when a session exists; every failure is silent.
# Names are only ever compared and quoted, never expanded: a vault may be called anything.

_claviger_ask() {
    "${COMP_WORDS[0]}" --timeout 2 "$@" </dev/null 2>/dev/null
}

# Adds the lines of standard input that begin with what is typed, quoted for the shell.
_claviger_offer() {
    local typed=$1 line quoted
    while IFS= read -r line; do
        if [[ $line == "$typed"* ]]; then
            printf -v quoted '%q' "$line"
            COMPREPLY+=("$quoted")
        fi
    done
}

_claviger_options() {
    case $1 in
        '') echo --version ;;
        mfa | api-key | agent | vault | secret | policy | share | cmek | rotate | audit | org | ip-rule) ;;
        login) echo --no-qr --no-keyring --password --email --password-file --password-stdin --code-file --code-stdin ;;
        'mfa setup') echo --no-qr ;;
        'mfa confirm' | verify-email) echo --code-file --code-stdin ;;
        'mfa disable') echo --code-file --code-stdin --with-password --password-file --password-stdin ;;
        signup) echo --email --display-name --password-file --password-stdin ;;
        'api-key create') echo --scope --expires-at --expires-in ;;
        'agent create')
            echo --description --scope --token-ttl --expires-at --expires-in --vault --auth-method \
                --client-cert-fingerprint --oidc-issuer --oidc-client-id
            ;;
        'agent enroll') echo --email --name --description ;;
        'agent update')
            echo --name --description --scope --token-ttl --expires-at --expires-in --vault --any-vault --activate
            ;;
        'vault create') echo --description ;;
        'vault list') echo --names-only ;;
        'vault delete' | 'secret delete' | 'policy delete' | 'cmek disable' | 'api-key revoke' | 'agent deactivate' | 'agent rotate-key' | 'org remove' | 'ip-rule remove' | 'share decline' | 'share revoke')
            echo --yes
            ;;
        'secret put')
            echo --file --type --metadata --expires-at --expires-in --max-reads --trim-newline --cmek-key-file
            ;;
        'secret get') echo --file --cmek-key-file ;;
        'secret export') echo --format --prefix --secret --allow-unsafe-names --file --cmek-key-file ;;
        'secret list') echo --prefix --paths-only ;;
        'cmek status') echo --watch ;;
        'cmek enable') echo --key-file --fingerprint ;;
        'cmek rotate') echo --old-key-file --new-key-file --watch ;;
        'cmek bind') echo --token --key --watch ;;
        'cmek release') echo --yes --watch ;;
        'policy create')
            echo --agent --user --read --write --delete --allow-ip --hours --days --timezone --expires-at --expires-in
            ;;
        'policy update')
            echo --read --write --delete --allow-ip --hours --days --timezone --expires-at --expires-in --no-conditions \
                --no-expiry
            ;;
        'rotate vault' | 'rotate show' | 'rotate resume') echo --watch ;;
        'share create')
            echo --link --user --agent --email --creator --expires-at --expires-in --max-reads --allow-ip --passphrase \
                --passphrase-file --passphrase-stdin
            ;;
        'share list') echo --inbound ;;
        'share open') echo --file --passphrase-file --passphrase-stdin ;;
        run) echo --vault --prefix --secret --allow-unsafe-names --cmek-key-file ;;
        'audit list')
            echo --resource-type --resource-id --actor-id --action --outcome --from --to --before --limit --offset
            ;;
        'audit export' | 'audit key') echo --file ;;
        'audit bundle') echo --from --to --file ;;
        'audit verify') echo --public-key --org --expect-checkpoint --save-keys ;;
        'org invite') echo --role ;;
        'ip-rule add') echo --applies-to --label ;;
        health) echo --hsm ;;
    esac
    echo --help --url --ca-file --timeout --output
}

_claviger_subcommands() {
    case $1 in
        '') echo signup verify-email login logout whoami mfa api-key agent vault secret policy share cmek run rotate audit org ip-rule health completion version ;;
        mfa) echo status setup confirm disable ;;
        api-key) echo create list revoke ;;
        agent) echo create enroll list show update deactivate rotate-key token ;;
        vault) echo create list show delete ;;
        secret) echo put get export list describe delete ;;
        cmek) echo keygen enable disable rotate status bind release bound ;;
        policy) echo create list update delete ;;
        rotate) echo vault list show pause resume ;;
        share) echo create list accept open decline revoke ;;
        audit) echo list export bundle verify key ;;
        org) echo members invite role remove ;;
        ip-rule) echo list add remove ;;
        completion) echo bash zsh fish ;;
    esac
}

# Sets command ("secret get") and arguments (the words that are neither options nor their values).
_claviger_parse() {
    local i word
    command='' arguments=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --password-stdin | --code-stdin | --with-password | --no-qr | --no-keyring | --names-only | --yes | \
                --trim-newline | --paths-only | --read | --write | --delete | --no-conditions | --no-expiry | \
                --allow-unsafe-names | --hsm | --any-vault | --activate | --watch | --link | --creator | \
                --passphrase | --passphrase-stdin | --inbound | --help | -h) ;;
            --) arguments+=("$word") ;;
            -*) ((i++)) ;;
            *)
                if [[ " $(_claviger_subcommands "$command") " == *" $word "* && ${#arguments[@]} -eq 0 ]]; then
                    command=${command:+$command }$word
                else
                    arguments+=("$word")
                fi
                ;;
        esac
    done
}

# What follows an option; false if it takes no value that we know of.
_claviger_value() {
    local typed=$2
    case $1 in
        --output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$typed") ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'dotenv shell json docker' -- "$typed") ;;
        --role) mapfile -t COMPREPLY < <(compgen -W 'owner admin member auditor' -- "$typed") ;;
        --outcome) mapfile -t COMPREPLY < <(compgen -W 'success denied failed unknown' -- "$typed") ;;
        --applies-to) mapfile -t COMPREPLY < <(compgen -W 'all users agents' -- "$typed") ;;
        --type)
            mapfile -t COMPREPLY < <(compgen -W \
                'generic password api_key private_key certificate file note ssh_key env_bundle env' -- "$typed")
            ;;
        --days) mapfile -t COMPREPLY < <(compgen -W 'sun mon tue wed thu fri sat' -- "$typed") ;;
        --auth-method)
            mapfile -t COMPREPLY < <(compgen -W 'api_key mtls oidc_client_credentials' -- "$typed")
            ;;
        --ca-file | --file | -o | --password-file | --passphrase-file | --code-file | --public-key | --cmek-key-file | --key-file | --old-key-file | --save-keys | \
            --new-key-file)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$typed")
            ;;
        --vault) _claviger_offer "$typed" < <(_claviger_ask vault list --names-only) ;;
        --url | --timeout | --email | --display-name | --description | --scope | --name | --token-ttl | --client-cert-fingerprint | \
            --oidc-issuer | --oidc-client-id | --metadata | --expires-at | --expires-in | \
            --max-reads | --prefix | --secret | --resource-type | --resource-id | --actor-id | --action | --from | --to | --before | \
            --limit | --offset | --agent | --user | --allow-ip | --hours | --timezone | --org | --expect-checkpoint | --label | \
            --fingerprint) ;;
        *) return 1 ;;
    esac
}

_claviger_argument() {
    local typed=$1
    case "$command:${#arguments[@]}" in
        'vault show:0' | 'vault delete:0' | 'rotate vault:0' | 'cmek enable:0' | 'cmek disable:0' | 'cmek rotate:0' | \
            'cmek status:0' | 'cmek bind:0' | 'cmek release:0' | 'cmek bound:0' | 'secret '*:0 | 'policy '*:0 | 'share create:0')
            _claviger_offer "$typed" < <(_claviger_ask vault list --names-only)
            ;;
        'secret put:1' | 'secret get:1' | 'secret describe:1' | 'secret delete:1' | 'share create:1')
            _claviger_offer "$typed" < <(_claviger_ask secret list --paths-only -- "${arguments[0]}")
            ;;
        'org role:1') mapfile -t COMPREPLY < <(compgen -W 'owner admin member auditor' -- "$typed") ;;
        'ip-rule add:0') mapfile -t COMPREPLY < <(compgen -W 'allow deny block' -- "$typed") ;;
        'audit verify:0' | 'cmek keygen:0')
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$typed")
            ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(_claviger_subcommands "$command")" -- "$typed") ;;
    esac
}

_claviger() {
    local typed=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command
    local -a arguments
    COMPREPLY=()
    _claviger_value "$previous" "$typed" && return
    _claviger_parse
    if [[ $command == run && " ${arguments[*]} " == *' -- '* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$typed")
    elif [[ $typed == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_claviger_options "$command")" -- "$typed")
    else
        _claviger_argument "$typed"
    fi
}

complete -F _claviger claviger
